//! What specifications may speak of: numbers about the robot, its way, its data and its guardians.

use crate::Config;
use crate::ahead::{encounter, free_path_m};
use crate::clearance::FAR_M;
use crate::motion::{Phase, reckon};
use crate::sensing::Knowledge;
use crate::zones::{Near as _, ZoneMap};
use outrider_foundation::data::{GateMode, GateState, Track, TrackState};
use outrider_foundation::{Now, Point2, Pose2, Robot, Span, Twist2};

/// A signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signal {
    /// As a specification names it.
    pub name: &'static str,
    /// Unit.
    pub unit: &'static str,
    /// What it is, and when it has no value.
    pub meaning: &'static str,
}

macro_rules! signals {
    ($($name:ident: $unit:literal, $meaning:literal;)*) => {
        /// All signals, in fixed order. One without a value is a missing sample: what rests on it is Invalid.
        pub const SIGNALS: &[Signal] =
            &[$(Signal { name: stringify!($name), unit: $unit, meaning: $meaning }),*];

        /// Values of the signals at one moment.
        #[derive(Clone, Copy, Debug, Default, PartialEq)]
        pub(crate) struct Values {
            $(pub $name: Option<f64>,)*
        }

        impl Values {
            /// In the order of [`SIGNALS`].
            pub fn all(&self) -> [Option<f64>; SIGNALS.len()] {
                [$(self.$name),*]
            }
        }
    };
}

signals! {
    velocity_mps: "m/s", "measured forward velocity; none without fresh odometry";
    turn_rate_radps: "rad/s", "measured turn rate; none without fresh odometry";
    commanded_velocity_mps: "m/s", "forward velocity that the gate published last; none when the gate is not heard";
    commanded_turn_rate_radps: "rad/s", "turn rate that the gate published last; none when the gate is not heard";
    zone_limit_mps: "m/s", "speed limit at the robot's place, the drive's where there is no zone; none without a pose in the map";
    exclusion_distance_m: "m", "from the outline to the nearest exclusion zone, less the uncertainty of the position; negative inside; at most 10";
    free_path_m: "m", "way along the present curve until the outline meets a scan point; at most 10";
    stopping_distance_m: "m", "way from now to standstill when nothing is permitted any more";
    time_to_collision_s: "s", "until the outline meets a tracked object if all go on as now; at most 10";
    closing_speed_mps: "m/s", "how fast that object comes closer; zero for none";
    scan_age_s: "s", "by stamp or arrival, the worse; none without a usable scan";
    odometry_age_s: "s", "by stamp or arrival, the worse; none without usable odometry";
    scan_change_m: "m", "mean change of the ranges from the last scan to the newest";
    unseen_way_m: "m", "way of the outline's farthest corner since the scan last changed; none without fresh odometry";
    challenge_age_s: "s", "since the gate's newest challenge came; none before the first";
    permit_age_s: "s", "since the last permit was given; none before the first";
    gate_forwards: "", "1 while the gate lets permitted commands through, else 0; none when the gate is not heard";
    position_sigma_m: "m", "standard deviation of the position along its worst axis; none without a world model";
    detector_nonconformity: "", "greatest residual of a half-second prediction of an object, in stated standard deviations";
    detector_nis: "", "greatest mean normalised innovation squared of a class, model and version, per degree of freedom; 1 when there are too few; none without usable detections";
    prediction_bound_m: "m", "what one-second predictions of the tracked objects are wrong by at most, but for the configured share; zero for no object; none without a world model";
}

/// What the signals are computed from.
pub(crate) struct Sources<'a> {
    pub now: Now,
    pub known: &'a Knowledge,
    pub config: &'a Config,
    pub robot: &'a Robot,
    pub zones: &'a ZoneMap,
    /// What the gate said last, when it is heard.
    pub gate: Option<&'a GateState>,
    /// NaN before the first.
    pub challenge_age_s: f64,
    /// NaN before the first.
    pub permit_age_s: f64,
}

impl Sources<'_> {
    pub fn values(&self) -> Values {
        let tolerance = Span::from_s(self.config.future_tolerance_s);
        let scan_age_s = self.known.scan.source.age_s(self.now, tolerance);
        let odometry_age_s = self.known.odometry.source.age_s(self.now, tolerance);
        let mut values = Values {
            scan_age_s: number(scan_age_s),
            odometry_age_s: number(odometry_age_s),
            scan_change_m: number(self.known.scan.change_m),
            challenge_age_s: number(self.challenge_age_s),
            permit_age_s: number(self.permit_age_s),
            commanded_velocity_mps: self.gate.and_then(|g| number(g.twist.v_mps)),
            commanded_turn_rate_radps: self.gate.and_then(|g| number(g.twist.w_radps)),
            gate_forwards: self.gate.map(|g| f64::from(u8::from(g.mode == GateMode::Forwarding))),
            ..Values::default()
        };
        self.of_the_world(&mut values);
        if odometry_age_s <= self.config.ages.odometry_s {
            self.of_the_motion(&mut values);
        }
        values
    }

    fn of_the_motion(&self, values: &mut Values) {
        let measured = self.known.odometry.twist;
        values.velocity_mps = number(measured.v_mps);
        values.turn_rate_radps = number(measured.w_radps);
        let twist = self.known.twist(self.config);
        values.unseen_way_m = number(self.known.unseen_way_m(&self.robot.footprint));
        values.stopping_distance_m = self.stopping_distance_m(twist);
        let points = self.known.points_at(self.now.ros);
        values.free_path_m = points.map(|points| free_path_m(twist, &self.robot.footprint, &points));
        if let Some(base_from_tracks) = self.known.base_from_world(self.now.ros) {
            let age_s = self.known.world_age_s(self.now);
            let tracks = &self.known.world.tracks;
            let met = encounter(twist, &self.robot.footprint, tracks, base_from_tracks, age_s);
            values.time_to_collision_s = number(met.time_s);
            values.closing_speed_mps = number(met.closing_mps);
            self.of_the_place(values, base_from_tracks.inverse());
        }
    }

    fn of_the_world(&self, values: &mut Values) {
        if self.known.world.source.stamp().is_none() {
            return;
        }
        // Where there are no zones nobody asks where in the world it is: what the odometry has drifted by is no danger.
        let sigma_m = if self.zones.none { 0.0 } else { self.known.world.position_sigma_m };
        values.position_sigma_m = number(sigma_m);
        let watched = self.config.detections_required;
        values.detector_nonconformity =
            number(if watched { self.known.world.conformity.worst() } else { 0.0 });
        values.prediction_bound_m = number(self.prediction_bound_m());
        let tolerance = Span::from_s(self.config.future_tolerance_s);
        // What nobody asks for may be missing; what comes is tried all the same.
        let detections = &self.known.detections;
        if !watched || detections.source.age_s(self.now, tolerance) <= self.config.ages.detections_s {
            values.detector_nis = number(detections.worst(&self.config.uncertainty.nis));
        }
    }

    /// Uncapped: what the discs of the tracks leave out is not left out here.
    fn prediction_bound_m(&self) -> f64 {
        let world = &self.known.world;
        let tracked = |t: &Track| matches!(t.state, TrackState::Confirmed | TrackState::Coasting);
        let bounds = world.tracks.iter().zip(&world.bounds).filter(|(t, _)| tracked(t));
        bounds.map(|(_, bound)| bound.second_m).fold(0.0, f64::max)
    }

    fn of_the_place(&self, values: &mut Values, map_from_base: Pose2) {
        if !self.known.world.localised {
            // Where zones are not asked for, none is near. Where they are, nothing is known of them.
            if self.zones.none || !self.config.localisation_required {
                values.zone_limit_mps = Some(self.robot.limits.v_max_mps);
                values.exclusion_distance_m = Some(FAR_M);
            }
            return;
        }
        let place = map_from_base.position();
        let inside = self.zones.speed.iter().filter(|(_, polygon, _)| polygon.contains(place));
        values.zone_limit_mps = number(inside.map(|(.., v)| *v).fold(self.robot.limits.v_max_mps, f64::min));
        let footprint = &self.robot.footprint;
        let distances = self.zones.exclusion.iter();
        let nearest_m = distances
            .map(|(_, polygon)| polygon.distance_to_footprint_m(footprint, map_from_base, FAR_M))
            .fold(FAR_M, f64::min);
        let sigma_m = self.known.world.position_sigma_m;
        values.exclusion_distance_m = number(nearest_m - self.config.uncertainty.zone_sigma_gain * sigma_m);
    }

    fn stopping_distance_m(&self, twist: Twist2) -> Option<f64> {
        let hold = Phase { target: twist, duration_s: self.config.silence_s(&self.robot.limits) };
        let motion = reckon(twist, &[hold], &self.robot.limits)?;
        let places: Vec<Point2> = motion.iter().map(|m| m.pose.position()).collect();
        Some(places.iter().zip(places.iter().skip(1)).map(|(a, b)| a.distance_m(*b)).sum())
    }
}

/// What is not a number is a missing sample.
fn number(value: f64) -> Option<f64> {
    (!value.is_nan()).then_some(value)
}
