//! `config/assurance.yaml`.

use crate::AssuranceError;
use crate::sensing::POINT_RANGE_M;
use garde::Validate;
use outrider_foundation::robot::DriveLimits;
use outrider_foundation::validate::within;
use outrider_foundation::{Point2, Robot};
use serde::{Deserialize, Serialize};

/// Parameters of assurance. Every number has a range; none may switch a monitor off.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// State is published and monitors are evaluated at the latest after this time, s.
    #[garde(custom(within(0.02, 0.5)))]
    pub state_period_s: f64,
    /// The properties of the specification files take a sample this often, s.
    #[garde(custom(within(0.005, 0.1)))]
    pub monitor_period_s: f64,
    /// How long after its challenge a permit holds, s.
    #[garde(custom(within(0.01, 0.06)))]
    pub time_to_live_s: f64,
    /// Monitors must be satisfied for this long before the mode goes up one level, s.
    #[garde(custom(within(0.1, 60.0)))]
    pub dwell_s: f64,
    /// NOMINAL takes longer for what stops the robot again and again.
    #[garde(dive)]
    pub relapse: Relapse,
    /// Refusals with a shorter pause between them are one episode, with one record, s.
    #[garde(custom(within(0.05, 10.0)))]
    pub episode_gap_s: f64,
    /// A ROS clock that steps back by more starts everything anew, s.
    #[garde(custom(within(0.05, 10.0)))]
    pub clock_jump_s: f64,
    /// Data stamped ahead of the ROS clock by more is invalid, s.
    #[garde(custom(within(0.0, 0.2)))]
    pub future_tolerance_s: f64,
    /// Without a pose in the map no zone can be watched: true stops the robot, false makes it slow.
    #[garde(skip)]
    pub localisation_required: bool,
    /// False where no learned detector runs: missing detections then change nothing.
    #[garde(skip)]
    pub detections_required: bool,
    /// Time from an event to the wheels' response.
    #[garde(dive)]
    pub reaction: Reaction,
    /// How old data may be.
    #[garde(dive)]
    pub ages: Ages,
    /// What a scan must offer.
    #[garde(dive)]
    pub scan: ScanQuality,
    /// Distances to keep.
    #[garde(dive)]
    pub margins: Margins,
    /// What a command's braking tail must look like.
    #[garde(dive)]
    pub tail: Tail,
    /// Moving objects.
    #[garde(dive)]
    pub tracks: Tracks,
    /// How well the position must be known.
    #[garde(dive)]
    pub uncertainty: Uncertainty,
    /// Speeds in NOMINAL.
    #[garde(dive)]
    pub nominal: ModeLimits,
    /// Speeds in DEGRADED.
    #[garde(dive)]
    pub degraded: ModeLimits,
    /// Slowly out of where the robot may not be.
    #[garde(dive)]
    pub way_out: WayOut,
}

/// A rule stops the robot again and again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct Relapse {
    /// Again is so soon after the last stop was over, s.
    #[garde(custom(within(0.1, 600.0)))]
    pub within_s: f64,
    /// The dwell before NOMINAL is doubled up to this, s; it is never less than `dwell_s`.
    #[garde(custom(within(0.1, 600.0)))]
    pub dwell_max_s: f64,
}

/// Slowly out of where the robot may not be: when, how fast and how far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct WayOut {
    /// The planner has been refused for this long, s.
    #[garde(custom(within(0.5, 60.0)))]
    pub after_s: f64,
    /// Speed, m/s; the robot's own limits hold as well.
    #[garde(custom(within(0.02, 0.15)))]
    pub v_max_mps: f64,
    /// Turn rate, rad/s; the robot's own limits hold as well.
    #[garde(custom(within(0.05, 0.4)))]
    pub w_max_radps: f64,
    /// Way of the outline's fastest corner after which somebody has to drive it by hand, m.
    #[garde(custom(within(0.05, 5.0)))]
    pub distance_max_m: f64,
}

/// Parts of the reaction time; the permit's time to live and the robot's actuator delay are added.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct Reaction {
    /// From an event to the scan that shows it, s.
    #[garde(custom(within(0.001, 1.0)))]
    pub sense_s: f64,
    /// Judging, s.
    #[garde(custom(within(0.0, 1.0)))]
    pub monitor_s: f64,
    /// Transport, s.
    #[garde(custom(within(0.0, 1.0)))]
    pub net_s: f64,
    /// The gate's period, s.
    #[garde(custom(within(0.001, 0.1)))]
    pub gate_s: f64,
}

/// How old data may be; from the stamp and from the arrival, the worse counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct Ages {
    /// Scan, s.
    #[garde(custom(within(0.01, 1.0)))]
    pub scan_s: f64,
    /// Odometry, s.
    #[garde(custom(within(0.01, 0.5)))]
    pub odometry_s: f64,
    /// World model, s.
    #[garde(custom(within(0.01, 1.0)))]
    pub world_model_s: f64,
    /// A proposed command, s.
    #[garde(custom(within(0.005, 0.5)))]
    pub command_s: f64,
    /// Oldest sensor data that a moving command rests on, s.
    #[garde(custom(within(0.01, 1.0)))]
    pub command_data_s: f64,
    /// The gate's challenge, s.
    #[garde(custom(within(0.005, 0.06)))]
    pub challenge_s: f64,
    /// Detections, as the world model reports them, s.
    #[garde(custom(within(0.05, 5.0)))]
    pub detections_s: f64,
}

/// What a scan must offer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct ScanQuality {
    /// It spans at least this angle, rad.
    #[garde(custom(within(0.5, 6.27)))]
    pub field_of_view_min_rad: f64,
    /// Neighbouring beams without an answer span at most this angle, rad.
    #[garde(custom(within(0.005, 1.0)))]
    pub gap_max_rad: f64,
    /// A range that changes by less from one scan to the next is repeated and not measured, and so is a scan of which less than a
    /// twentieth changes, m.
    #[garde(custom(within(1e-6, 0.01)))]
    pub change_min_m: f64,
    /// Returns deeper inside the robot's outline than this are contact, m.
    #[garde(custom(within(0.005, 0.2)))]
    pub contact_depth_m: f64,
    /// So many of them in one scan make it count.
    #[garde(range(min = 1, max = 100))]
    pub contact_beams: u32,
    /// So many such scans in a row are an emergency stop.
    #[garde(range(min = 1, max = 10))]
    pub contact_scans: u32,
}

/// Distances to keep.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct Margins {
    /// Between the swept outline and raw scan points, m.
    #[garde(custom(within(0.005, 1.0)))]
    pub scan_m: f64,
    /// Where it is narrower already: never closer than this, m. Also what the robot's own motion must keep.
    #[garde(custom(within(0.002, 0.1)))]
    pub floor_m: f64,
    /// Where it is narrower already, and alongside somebody at a creep: what one command may lose, m.
    #[garde(custom(within(0.0, 0.01)))]
    pub creep_m: f64,
    /// Between the swept outline and an exclusion zone, m.
    #[garde(custom(within(0.0, 2.0)))]
    pub zone_m: f64,
    /// Measured speeds below are standstill, m/s.
    #[garde(custom(within(0.001, 0.1)))]
    pub standstill_mps: f64,
    /// Measured turn rates below are standstill, rad/s.
    #[garde(custom(within(0.001, 0.2)))]
    pub standstill_radps: f64,
    /// Measured speed may exceed a limit by this, m/s.
    #[garde(custom(within(0.0, 0.5)))]
    pub speed_tolerance_mps: f64,
    /// Measured turn rate may exceed a limit by this, rad/s.
    #[garde(custom(within(0.0, 1.0)))]
    pub turn_tolerance_radps: f64,
}

/// What a command's braking tail must look like.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct Tail {
    /// First velocity against the measured one, m/s.
    #[garde(custom(within(0.01, 2.0)))]
    pub start_tolerance_mps: f64,
    /// First turn rate against the measured one, rad/s.
    #[garde(custom(within(0.01, 4.0)))]
    pub start_tolerance_radps: f64,
    /// Distance from one point to the next, m.
    #[garde(custom(within(0.01, 0.5)))]
    pub spacing_max_m: f64,
    /// Turn from one point to the next, rad.
    #[garde(custom(within(0.01, 0.5)))]
    pub spacing_max_rad: f64,
    /// Poses against those to which its velocities lead from its first point on, m.
    #[garde(custom(within(0.001, 0.2)))]
    pub pose_tolerance_m: f64,
    /// The same for the heading, rad.
    #[garde(custom(within(0.001, 0.5)))]
    pub pose_tolerance_rad: f64,
}

/// Moving objects.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct Tracks {
    /// Standard deviations that are added to an object's radius.
    #[garde(custom(within(0.5, 6.0)))]
    pub sigma_gain: f64,
    /// No more than this is taken for the standard deviation, m.
    #[garde(custom(within(0.01, 2.0)))]
    pub sigma_cap_m: f64,
    /// Distance to keep beyond that, m.
    #[garde(custom(within(0.0, 1.0)))]
    pub margin_m: f64,
    /// Growth of the disc of an object that is no longer seen, m/s.
    #[garde(custom(within(0.0, 5.0)))]
    pub unseen_growth_mps: f64,
    /// What predictions are taken to be wrong by.
    #[garde(dive)]
    pub conformal: Conformal,
    /// Where objects can be at the worst.
    #[garde(dive)]
    pub reachable: Reachable,
}

/// What predictions are taken to be wrong by, whatever is stated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct Conformal {
    /// Share of predictions that may be wrong by more than the bound.
    #[garde(custom(within(0.01, 0.5)))]
    pub miss_rate: f64,
    /// So many residuals of a class, model and version are kept.
    #[garde(range(min = 1, max = 200))]
    pub window: u32,
    /// The bound half a second ahead while there are too few residuals for one, m.
    #[garde(custom(within(0.05, 2.0)))]
    pub prior_half_second_m: f64,
    /// The same one second ahead, m.
    #[garde(custom(within(0.05, 2.0)))]
    pub prior_second_m: f64,
    /// No more than this is added to an object's radius, m.
    #[garde(custom(within(0.05, 2.0)))]
    pub cap_m: f64,
}

/// Where objects can be at the worst.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct Reachable {
    /// How objects may change their velocity, m/s².
    #[garde(custom(within(0.1, 10.0)))]
    pub accel_mps2: f64,
    /// How fast they may go, m/s.
    #[garde(custom(within(0.1, 10.0)))]
    pub speed_mps: f64,
    /// Farther ahead than this nothing is said, s.
    #[garde(custom(within(0.2, 10.0)))]
    pub horizon_s: f64,
    /// Classes that may do more. None may be said to do less: the class is the detector's word as well.
    #[garde(length(max = 16), dive)]
    pub faster: Vec<Faster>,
}

/// A class whose objects may go faster than others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct Faster {
    /// As the detector names it.
    #[garde(length(min = 1, max = 64))]
    pub class: String,
    /// m/s².
    #[garde(custom(within(0.1, 10.0)))]
    pub accel_mps2: f64,
    /// m/s.
    #[garde(custom(within(0.1, 20.0)))]
    pub speed_mps: f64,
}

impl Reachable {
    /// Greatest acceleration and speed of a class.
    pub(crate) fn of(&self, class: &str) -> (f64, f64) {
        let of_class = self.faster.iter().find(|f| f.class == class);
        of_class.map_or((self.accel_mps2, self.speed_mps), |f| {
            (f.accel_mps2.max(self.accel_mps2), f.speed_mps.max(self.speed_mps))
        })
    }
}

/// How well the position must be known, and how the certainty of detections is tried.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct Uncertainty {
    /// Standard deviations of the position that are added to the distance from exclusion zones.
    #[garde(custom(within(0.0, 6.0)))]
    pub zone_sigma_gain: f64,
    /// Detections against tracks.
    #[garde(dive)]
    pub nis: Nis,
}

/// Normalised innovations squared of detections.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct Nis {
    /// So many of a class, model and version are kept.
    #[garde(range(min = 10, max = 500))]
    pub window: u32,
    /// So many there must be before they are judged.
    #[garde(range(min = 10, max = 500))]
    pub samples_min: u32,
    /// A detection farther from where a track is expected does not belong to it, m.
    #[garde(custom(within(0.2, 5.0)))]
    pub gate_m: f64,
    /// Standard deviation that is nobody's fault, m.
    #[garde(custom(within(0.005, 0.2)))]
    pub sigma_floor_m: f64,
}

/// Speeds in a mode.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct ModeLimits {
    /// Greatest speed either way, m/s; the robot's own limits hold as well.
    #[garde(custom(within(0.01, 10.0)))]
    pub v_max_mps: f64,
    /// Greatest turn rate, rad/s.
    #[garde(custom(within(0.01, 10.0)))]
    pub w_max_radps: f64,
}

impl Config {
    /// Checks ranges, and speeds against the robot's.
    pub(crate) fn check(&self, robot: &Robot) -> Result<(), AssuranceError> {
        let limits = &robot.limits;
        self.validate().map_err(|report| AssuranceError::Config(report.to_string().trim().to_owned()))?;
        self.check_conformal()?;
        let (nominal, degraded, margins) = (&self.nominal, &self.degraded, &self.margins);
        let nis = &self.uncertainty.nis;
        let checks = [
            ("nominal.v_max_mps", nominal.v_max_mps, limits.v_max_mps, "limits.v_max_mps of the robot"),
            (
                "nominal.w_max_radps",
                nominal.w_max_radps,
                limits.w_max_radps,
                "limits.w_max_radps of the robot",
            ),
            ("degraded.v_max_mps", degraded.v_max_mps, nominal.v_max_mps, "nominal.v_max_mps"),
            ("degraded.w_max_radps", degraded.w_max_radps, nominal.w_max_radps, "nominal.w_max_radps"),
            // A longer one would outlast what it is for.
            ("relapse.dwell_max_s", self.relapse.dwell_max_s, self.relapse.within_s, "relapse.within_s"),
            ("margins.floor_m", margins.floor_m, margins.scan_m, "margins.scan_m"),
            (
                "uncertainty.nis.samples_min",
                f64::from(nis.samples_min),
                f64::from(nis.window),
                "uncertainty.nis.window",
            ),
        ];
        match checks.into_iter().find(|(_, value, limit, _)| value > limit) {
            Some((key, value, limit, by)) => Err(AssuranceError::Bounded { key, value, limit, by }),
            None => self.check_sight(robot),
        }
    }

    /// What is farther away is not looked at.
    fn check_sight(&self, robot: &Robot) -> Result<(), AssuranceError> {
        let (needed_m, v_mps) = (self.sight_needed_m(robot), self.nominal.v_max_mps);
        if needed_m <= POINT_RANGE_M {
            return Ok(());
        }
        Err(AssuranceError::Config(format!(
            "nominal.v_max_mps: at {v_mps} m/s it takes {needed_m:.1} m to stop, and returns beyond {POINT_RANGE_M} m are not looked at"
        )))
    }

    /// A window without the quantile would leave the prior in force for ever, and a class cannot be slower than all.
    fn check_conformal(&self) -> Result<(), AssuranceError> {
        let conformal = &self.tracks.conformal;
        let needed = (1.0 - conformal.miss_rate) / conformal.miss_rate;
        if f64::from(conformal.window) < needed {
            let window = conformal.window;
            return Err(AssuranceError::Config(format!(
                "tracks.conformal.window: {window} is less than {needed:.0}, which this miss_rate needs"
            )));
        }
        let all = &self.tracks.reachable;
        let slower = |f: &&Faster| f.accel_mps2 < all.accel_mps2 || f.speed_mps < all.speed_mps;
        match all.faster.iter().find(slower) {
            Some(f) => Err(AssuranceError::Config(format!(
                "tracks.reachable.faster: {} is slower than all are taken to be",
                f.class
            ))),
            None => Ok(()),
        }
    }

    /// Time from an event to the wheels' response, s: the sum of the design's parts.
    pub(crate) fn reaction_s(&self, limits: &DriveLimits) -> f64 {
        self.reaction.sense_s + self.reaction.monitor_s + self.silence_s(limits)
    }

    /// How far the lidar has to see, m: what it takes to stop from the greatest speed by an ordinary slow-down, from the farthest corner
    /// on.
    pub(crate) fn sight_needed_m(&self, robot: &Robot) -> f64 {
        let (v_mps, limits) = (self.nominal.v_max_mps, &robot.limits);
        let stop_m = v_mps * self.reaction_s(limits) + v_mps * v_mps / (2.0 * limits.decel_mps2);
        let corner_m = robot.footprint.circumscribed_m()
            + robot.base_from_lidar.position().distance_m(Point2::default());
        stop_m + corner_m + self.margins.scan_m
    }

    /// Time from the last permit to the wheels' response to its end, s.
    pub(crate) fn silence_s(&self, limits: &DriveLimits) -> f64 {
        self.reaction.net_s + self.time_to_live_s + self.reaction.gate_s + limits.actuator_delay_s
    }
}
