//! Rules about one command: whether the robot may do what is proposed.

use crate::Config;
use crate::certificate::{Certificate, Certifier};
use crate::clearance::{self, FAR_M, Keep};
use crate::monitor::{Part, Reading, Rule};
use crate::motion::{MotionPoint, Phase, is_zero, reckon};
use crate::reach;
use crate::rigid::Rigid;
use crate::sensing::Knowledge;
use crate::tail_shape;
use crate::tracks::{self, Met, TrackRules};
use crate::zones::ZoneMap;
use outrider_foundation::data::{Command, Envelope};
use outrider_foundation::{Now, Pose2, Robot, Span, Twist2};

/// Rounding of limits that were computed on the other side, in m/s and rad/s.
const ROUNDING: f64 = 1e-9;

/// Overlap with an exclusion zone below which the robot is inside as a whole.
const ALL_INSIDE: f64 = -0.999;

/// What a command is judged against.
#[derive(Clone, Copy)]
pub(crate) struct Bench<'a> {
    pub now: Now,
    pub known: &'a Knowledge,
    pub config: &'a Config,
    pub robot: &'a Robot,
    pub certifier: &'a Certifier,
    pub zones: &'a ZoneMap,
    pub envelope: Envelope,
    /// What the gate published last, when that is known: the wheels go there first.
    pub published: Option<Twist2>,
}

impl Bench<'_> {
    /// The rules about a proposal of the planner: those about a motion, and those about what the message says.
    pub fn judge_proposal(&self, command: &Command) -> Vec<Reading> {
        let mut readings = self.judge_motion(command.twist);
        readings.push(self.age(command));
        readings.push(self.data_age(command));
        let measured = self.known.twist(self.config);
        if is_zero(command.twist) && is_zero(measured) {
            // At rest, and to stay so: there is no tail to speak of.
            readings.push(Reading::at_most(Rule::TailShape, 0.0, 1.0));
            return readings;
        }
        let shape = tail_shape::judge(&command.braking_tail, measured, &self.robot.limits, &self.config.tail);
        if shape.is_ok() {
            readings.push(self.tail_clearance(command));
        }
        readings.push(shape);
        readings
    }

    /// The rules about the motion that a velocity leads to.
    pub fn judge_motion(&self, twist: Twist2) -> Vec<Reading> {
        let mut readings = self.limits(twist);
        let margins = &self.config.margins;
        let Some(motion) = self.motion(twist) else {
            readings.push(Reading::invalid(Rule::CommandClearance, f64::NAN, margins.scan_m));
            return readings;
        };
        let keep = Keep::for_commands(margins);
        let mut certificate = Certificate::default();
        match self.known.points_at(self.now.ros) {
            Some(points) => {
                let footprint = &self.robot.footprint;
                let cleared = clearance::judge(Rule::CommandClearance, &motion, footprint, &points, keep);
                readings.push(cleared.reading);
                certificate.add(self.certifier.sweep_off_m(
                    &motion,
                    &points,
                    footprint,
                    &cleared,
                    self.turn(),
                ));
            }
            None => readings.push(Reading::invalid(Rule::CommandClearance, f64::NAN, margins.scan_m)),
        }
        let Some(base_from_world) = self.known.base_from_world(self.now.ros) else {
            readings.push(Reading::invalid(Rule::Tracks, f64::NAN, self.config.tracks.margin_m));
            readings.push(certificate.reading());
            return readings;
        };
        let (tracks, met) = self.tracks(&motion, base_from_world);
        readings.extend(tracks);
        certificate.add(met.map_or(0.0, |met| self.certifier.disc_off_m(&met)));
        readings.push(certificate.reading());
        if self.known.world.localised {
            let map_from_base = base_from_world.inverse();
            readings.push(self.exclusion_zones(&motion, map_from_base));
            readings.push(self.speed_zones(twist, &motion, map_from_base));
        }
        readings
    }

    /// Another number every millisecond.
    fn turn(&self) -> u64 {
        self.now.ros.nanos().unsigned_abs() / 1_000_000
    }

    fn limits(&self, twist: Twist2) -> Vec<Reading> {
        let e = &self.envelope;
        let v_limit = if twist.v_mps < 0.0 { -e.v_min_mps } else { e.v_max_mps };
        let within =
            |rule, value: f64, limit: f64| Reading::new(rule, limit + ROUNDING - value, value, limit);
        vec![
            within(Rule::Speed, twist.v_mps.abs(), v_limit),
            within(Rule::TurnRate, twist.w_radps.abs(), e.w_max_radps),
        ]
    }

    /// What the robot will do: what was published last for as long as the wheels need, the command for the rest of the
    /// reaction time, then the gate's stop.
    fn motion(&self, twist: Twist2) -> Option<Vec<MotionPoint>> {
        let measured = self.known.twist(self.config);
        let limits = &self.robot.limits;
        let delay_s = limits.actuator_delay_s;
        let rest_s = self.config.reaction_s(limits) - delay_s;
        let phases = [
            Phase { target: self.published.unwrap_or(measured), duration_s: delay_s },
            Phase { target: twist, duration_s: rest_s },
        ];
        reckon(measured, &phases, limits)
    }

    fn age(&self, command: &Command) -> Reading {
        let age_s = self.now.ros.since(command.stamp).as_s();
        let limit_s = self.config.ages.command_s;
        if age_s < -self.config.future_tolerance_s {
            return Reading::invalid(Rule::CommandAge, age_s, limit_s).part(Part::Text("from the future"));
        }
        Reading::age(Rule::CommandAge, age_s, limit_s)
    }

    /// To stop needs no data.
    fn data_age(&self, command: &Command) -> Reading {
        let limit_s = self.config.ages.command_data_s;
        let age_s = self.now.ros.since(command.data_stamp).as_s();
        if is_zero(command.twist) {
            return Reading::at_most(Rule::CommandDataAge, 0.0, limit_s);
        }
        if age_s < -self.config.future_tolerance_s {
            return Reading::invalid(Rule::CommandDataAge, age_s, limit_s)
                .part(Part::Text("from the future"));
        }
        Reading::age(Rule::CommandDataAge, age_s, limit_s)
    }

    /// The planner's own tail against the raw scan. Its poses are relative to the base at the command's stamp.
    fn tail_clearance(&self, command: &Command) -> Reading {
        let rule = Rule::TailClearance;
        let keep = Keep::for_commands(&self.config.margins);
        let Some(points) = self.known.points_at(command.stamp) else {
            return Reading::invalid(rule, f64::NAN, keep.margin_m);
        };
        let tail: Vec<_> = command
            .braking_tail
            .iter()
            .map(|p| MotionPoint { t_s: p.t_s, pose: p.pose, twist: p.twist })
            .collect();
        clearance::from_points(rule, &tail, &self.robot.footprint, &points, keep)
    }

    fn tracks(&self, motion: &[MotionPoint], base_from_tracks: Pose2) -> ([Reading; 2], Option<Met>) {
        let age_s = self.known.world_age_s(self.now);
        let (footprint, world) = (&self.robot.footprint, &self.known.world);
        let reaction_s = self.config.reaction_s(&self.robot.limits);
        let base_from_tracks = Rigid::new(base_from_tracks);
        let (config, bounds) = (&self.config.tracks, world.bounds.as_slice());
        let rules = TrackRules { config, bounds, base_from_tracks, age_s, reaction_s };
        let (expected, met) = tracks::judge(motion, footprint, &world.tracks, rules);
        ([expected, reach::judge(motion, footprint, &world.tracks, rules)], met)
    }

    fn exclusion_zones(&self, motion: &[MotionPoint], map_from_base: Pose2) -> Reading {
        let footprint = &self.robot.footprint;
        let sigma_m = self.known.world.position_sigma_m;
        let margin_m = self.config.margins.zone_m + self.config.uncertainty.zone_sigma_gain * sigma_m;
        let rule = Rule::ExclusionZones;
        let mut worst = Reading::new(rule, FAR_M, FAR_M, margin_m);
        for (index, (_, polygon)) in self.zones.exclusion.iter().enumerate() {
            let distance_m = |at: &MotionPoint| {
                polygon.distance_to_footprint_m(footprint, map_from_base.then(at.pose), FAR_M)
            };
            let Some(now_m) = motion.first().map(distance_m) else { continue };
            if now_m < ALL_INSIDE && motion.iter().any(|m| !is_zero(m.twist)) {
                // No way is better than another as far as the overlap tells: somebody has to drive it out by hand.
                return Reading::new(rule, -1.0, now_m, 0.0).part(Part::Exclusion(index));
            }
            // Partly inside, or too near: the way out is open, the way in is not.
            let required_m = margin_m.min(now_m - 1e-6);
            for at in motion {
                let value_m = distance_m(at);
                let reading = Reading::new(rule, value_m - required_m, value_m, required_m);
                if !reading.robustness.is_finite() {
                    return reading.part(Part::Exclusion(index));
                }
                if reading.robustness < worst.robustness {
                    worst = reading.part(Part::Exclusion(index));
                }
            }
        }
        worst
    }

    /// Speed wherever the motion has the robot's base inside a zone: so it slows down before it enters.
    fn speed_zones(&self, twist: Twist2, motion: &[MotionPoint], map_from_base: Pose2) -> Reading {
        let limit_mps = self.envelope.v_max_mps;
        let rule = Rule::ZoneSpeed;
        let mut worst = Reading::new(rule, self.robot.limits.v_max_mps, 0.0, limit_mps);
        let tolerance_mps = self.config.margins.speed_tolerance_mps;
        for (index, (_, polygon, v_max_mps)) in self.zones.speed.iter().enumerate() {
            let inside = motion.iter().filter(|m| polygon.contains(map_from_base.apply(m.pose.position())));
            let Some(fastest_mps) = inside.map(|m| m.twist.v_mps.abs()).reduce(f64::max) else { continue };
            // The command itself has to keep the limit; what is measured has noise.
            let over_mps = (fastest_mps - tolerance_mps).max(twist.v_mps.abs() - ROUNDING);
            let reading = Reading::new(rule, v_max_mps - over_mps, over_mps, *v_max_mps);
            if !reading.robustness.is_finite() {
                return reading.part(Part::SpeedZone(index));
            }
            if reading.robustness < worst.robustness {
                worst = reading.part(Part::SpeedZone(index));
            }
        }
        worst
    }
}

/// A planner counts its commands up, alone: another one is heard only after this one has been silent.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PlannerCount {
    newest: Option<(u64, u64)>,
    heard: Option<outrider_foundation::Instant>,
}

impl PlannerCount {
    /// Judges and takes note of a command.
    pub fn judge(&mut self, command: &Command, now: Now, silence: Span) -> Reading {
        let value = command.sequence as f64;
        let refuse =
            |limit: f64, text| Reading::new(Rule::CommandSequence, -1.0, value, limit).part(Part::Text(text));
        match self.newest {
            Some((boot, newest)) if boot == command.boot_id && command.sequence <= newest => {
                return refuse(newest as f64, "it did not increase");
            }
            Some((boot, newest)) if boot != command.boot_id && self.age_s(now) <= silence.as_s() => {
                return refuse(newest as f64, "a second planner proposes");
            }
            _ if command.sequence == 0 => return refuse(0.0, "it did not increase"),
            _ => {}
        }
        let last = self.newest.filter(|(boot, _)| *boot == command.boot_id).map_or(0, |(_, newest)| newest);
        self.newest = Some((command.boot_id, command.sequence));
        self.heard = Some(now.mono);
        let gained = command.sequence.saturating_sub(last) as f64;
        Reading::new(Rule::CommandSequence, gained, value, last as f64)
    }

    /// Time since the newest command arrived; NaN without any.
    pub fn age_s(&self, now: Now) -> f64 {
        self.heard.map_or(f64::NAN, |heard| now.mono.since(heard).as_s())
    }
}
