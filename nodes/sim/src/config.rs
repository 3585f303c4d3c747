//! `config/sim.yaml`.

use crate::error::SimError;
use crate::spec::{
    ACTOR_LIMIT, ActorSpec, DOOR_LIMIT, DoorSpec, EVENT_LIMIT, EventSpec, FloorPatch, PATCH_LIMIT,
    SURFACE_LIMIT, Surface, named,
};
use garde::Validate;
use outrider_foundation::data::BEAM_LIMIT;
use outrider_foundation::validate::{maybe_within, within};
use serde::{Deserialize, Serialize};
use std::f64::consts::TAU;

/// What is allowed for `body.height_m`.
pub(crate) const BODY_HEIGHT_M: (f64, f64) = (0.05, 5.0);
/// And for `lidar.height_m`.
pub(crate) const LIDAR_HEIGHT_M: (f64, f64) = (0.01, 5.0);
/// And for `drive.wheel_separation_m`.
pub(crate) const WHEEL_SEPARATION_M: (f64, f64) = (0.05, 5.0);

/// Everything about the simulator that is a number. SI units, radians.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Length of one physics period, in s.
    #[garde(custom(within(1e-4, 0.05)))]
    pub physics_period_s: f64,
    /// Publish the clock at every physics period.
    #[garde(skip)]
    pub publish_clock: bool,
    /// The robot's body beyond its outline.
    #[garde(dive)]
    pub body: BodyConfig,
    /// The drive beyond its limits.
    #[garde(dive)]
    pub drive: DriveConfig,
    /// The planar lidar.
    #[garde(dive)]
    pub lidar: LidarConfig,
    /// The wheel odometry, and the transform odom → base that comes with it.
    #[garde(dive)]
    pub odometry: OdometryConfig,
    /// The inertial unit.
    #[garde(dive)]
    pub imu: ImuConfig,
    /// The localiser that gives the transform map → odom.
    #[garde(dive)]
    pub localiser: LocaliserConfig,
    /// The static map.
    #[garde(dive)]
    pub map: MapConfig,
    /// The detector of people.
    #[garde(dive)]
    pub detector: DetectorConfig,
    /// Everybody on foot.
    #[garde(dive)]
    pub person: PersonConfig,
    /// The truth, for evaluation.
    #[garde(dive)]
    pub truth: Timing,
    /// What this robot goes without: nothing of it is published.
    #[garde(length(max = 3))]
    #[serde(default)]
    pub absent: Vec<Absent>,
    /// Who moves by a behaviour, besides the people of the world or the scenario.
    #[garde(dive, custom(|all: &Vec<ActorSpec>, (): &()| named(all, |a| &a.name, ACTOR_LIMIT)))]
    #[serde(default)]
    pub actors: Vec<ActorSpec>,
    /// Doors.
    #[garde(dive, custom(|all: &Vec<DoorSpec>, (): &()| named(all, |d| &d.name, DOOR_LIMIT)))]
    #[serde(default)]
    pub doors: Vec<DoorSpec>,
    /// Models that do not answer the lidar as a wall does.
    #[garde(dive, length(max = SURFACE_LIMIT))]
    #[serde(default)]
    pub surfaces: Vec<Surface>,
    /// Where the wheels slip.
    #[garde(dive, length(max = PATCH_LIMIT))]
    #[serde(default)]
    pub slippery: Vec<FloorPatch>,
    /// What changes over time.
    #[garde(dive, length(max = EVENT_LIMIT))]
    #[serde(default)]
    pub events: Vec<EventSpec>,
}

/// What a robot may go without.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Absent {
    /// No transform map → odom.
    Localiser,
    /// No static map.
    Map,
    /// No detections.
    Detector,
}

/// When something periodic happens.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct Timing {
    /// Times a second. An emission falls on the first physics period boundary at or after its time.
    #[garde(custom(within(0.1, 1000.0)))]
    pub rate_hz: f64,
    /// Time of the first one after the start, in s.
    #[garde(custom(within(0.0, 10.0)))]
    pub phase_s: f64,
}

/// The robot's body: its outline, raised to a prism.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct BodyConfig {
    /// Lowest point over the floor, in m; what is lower is driven over.
    #[garde(custom(within(0.0, 0.5)))]
    pub ground_clearance_m: f64,
    /// Highest point over the floor, in m; what is higher is driven under.
    #[garde(custom(within(BODY_HEIGHT_M.0, BODY_HEIGHT_M.1)))]
    pub height_m: f64,
}

/// The drive between a command and the wheels.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct DriveConfig {
    /// Time before a command has any effect, in s.
    #[garde(custom(within(0.0, 1.0)))]
    pub dead_time_s: f64,
    /// Time constant of the first-order lag behind it, in s; zero for none.
    #[garde(custom(within(0.0, 1.0)))]
    pub time_constant_s: f64,
    /// Age of the newest command at which the drive brakes to a standstill, in s.
    #[garde(custom(within(0.01, 5.0)))]
    pub command_timeout_s: f64,
    /// Distance between the two wheels' tracks, in m; matters only where the wheels differ.
    #[garde(custom(within(WHEEL_SEPARATION_M.0, WHEEL_SEPARATION_M.1)))]
    #[serde(default = "wheel_separation")]
    pub wheel_separation_m: f64,
    /// What part of its speed the left wheel reaches.
    #[garde(custom(within(0.0, 2.0)))]
    #[serde(default = "one")]
    pub gain_left: f64,
    /// And the right one.
    #[garde(custom(within(0.0, 2.0)))]
    #[serde(default = "one")]
    pub gain_right: f64,
    /// What part of the left wheel's way is lost to slip: the odometry counts it, the base does not move by it.
    #[garde(custom(within(-1.0, 1.0)))]
    #[serde(default)]
    pub slip_left: f64,
    /// And of the right one's.
    #[garde(custom(within(-1.0, 1.0)))]
    #[serde(default)]
    pub slip_right: f64,
    /// Where the base turns about, so far ahead of its origin, in m; the odometry takes it to be the origin. A base with four driven wheels
    /// turns about the axle that carries more: there the tyres hold, at the other they slide aside. Accelerations and the velocity of the truth are
    /// told of the pivot.
    #[garde(custom(within(-1.0, 1.0)))]
    #[serde(default)]
    pub pivot_x_m: f64,
    /// Greatest speed of a wheel in m/s: beyond it the motor is saturated, the other wheel is not slowed.
    #[garde(custom(maybe_within(0.0, 100.0)))]
    #[serde(default)]
    pub wheel_max_mps: Option<f64>,
    /// What part of its acceleration the drive reaches.
    #[garde(custom(within(0.01, 10.0)))]
    #[serde(default = "one")]
    pub accel_scale: f64,
    /// What part of its braking.
    #[garde(custom(within(0.01, 10.0)))]
    #[serde(default = "one")]
    pub brake_scale: f64,
    /// The command in force stays in force: no newer one is taken, and none grows too old.
    #[garde(skip)]
    #[serde(default)]
    pub stuck: bool,
}

fn one() -> f64 {
    1.0
}

fn wheel_separation() -> f64 {
    0.4
}

/// What a beam reports when its answer is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dropout {
    /// NaN: no answer.
    Nan,
    /// +∞, as if nothing were there.
    Inf,
}

/// The planar lidar; where it sits in the plane is in `robot.yaml`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct LidarConfig {
    /// When it sweeps.
    #[garde(dive)]
    pub timing: Timing,
    /// Height of its plane over the floor, in m.
    #[garde(custom(within(LIDAR_HEIGHT_M.0, LIDAR_HEIGHT_M.1)))]
    pub height_m: f64,
    /// Beams of a sweep.
    #[garde(range(min = 2, max = BEAM_LIMIT))]
    pub beams: usize,
    /// Field of view, centred on forward, in rad.
    #[garde(custom(within(0.01, TAU)))]
    pub fov_rad: f64,
    /// Ranges below are reported as −∞, in m.
    #[garde(custom(within(0.0, 10.0)))]
    pub range_min_m: f64,
    /// Ranges beyond are reported as +∞, in m.
    #[garde(custom(within(0.1, 200.0)))]
    pub range_max_m: f64,
    /// Standard deviation of a range, in m.
    #[garde(custom(within(0.0, 1.0)))]
    pub noise_sigma_m: f64,
    /// Probability that a beam's answer is lost.
    #[garde(custom(within(0.0, 1.0)))]
    pub dropout_probability: f64,
    /// What it then reports.
    #[garde(skip)]
    pub dropout: Dropout,
    /// Constant error of every range, in m.
    #[garde(custom(within(-5.0, 5.0)))]
    #[serde(default)]
    pub bias_m: f64,
    /// Time from the stamp (or from the last beam, when a sweep takes time) to the publication, in s. Scans stay in order: what is
    /// late holds up those behind it, also when an event has ended that made it late.
    #[garde(custom(within(0.0, 2.0)))]
    #[serde(default)]
    pub latency_s: f64,
    /// How long the sweep takes from the first beam to the last, in s, no longer than a period; zero: all beams at one instant.
    #[garde(custom(within(0.0, 1.0)))]
    #[serde(default)]
    pub sweep_s: f64,
}

/// Wheel odometry. Scale errors and the bias are drawn once per seed; the covariance that is published covers all.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct OdometryConfig {
    /// When it reports.
    #[garde(dive)]
    pub timing: Timing,
    /// Standard deviation of the relative error of travel.
    #[garde(custom(within(0.0, 0.2)))]
    pub travel_scale_sigma: f64,
    /// Standard deviation of the relative error of turn.
    #[garde(custom(within(0.0, 0.2)))]
    pub turn_scale_sigma: f64,
    /// Standard deviation of the constant error of the turn rate, in rad/s.
    #[garde(custom(within(0.0, 0.1)))]
    pub turn_bias_sigma_radps: f64,
    /// Standard deviation of travel after one metre, in m.
    #[garde(custom(within(0.0, 0.5)))]
    pub travel_sigma_per_sqrt_m: f64,
    /// Standard deviation of heading after one radian of turn, in rad.
    #[garde(custom(within(0.0, 0.5)))]
    pub turn_sigma_per_sqrt_rad: f64,
    /// Standard deviation of heading after one metre of travel, in rad.
    #[garde(custom(within(0.0, 0.5)))]
    pub turn_sigma_per_sqrt_m: f64,
    /// Standard deviation of the reported forward speed, in m/s.
    #[garde(custom(within(0.0, 1.0)))]
    pub v_sigma_mps: f64,
    /// Standard deviation of the reported turn rate, in rad/s.
    #[garde(custom(within(0.0, 1.0)))]
    pub w_sigma_radps: f64,
    /// Fault: what the travel is multiplied by, besides. The covariance does not know of it.
    #[garde(custom(within(-2.0, 3.0)))]
    #[serde(default = "one")]
    pub travel_scale: f64,
    /// Fault: what the turn is multiplied by.
    #[garde(custom(within(-2.0, 3.0)))]
    #[serde(default = "one")]
    pub turn_scale: f64,
    /// Fault: constant error of the turn rate, in rad/s, standing or not.
    #[garde(custom(within(-2.0, 2.0)))]
    #[serde(default)]
    pub turn_bias_radps: f64,
}

/// Inertial unit, aligned with the base. The bias is drawn once per seed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct ImuConfig {
    /// When it reports.
    #[garde(dive)]
    pub timing: Timing,
    /// Standard deviation of the turn rate's noise, in rad/s.
    #[garde(custom(within(0.0, 1.0)))]
    pub gyro_sigma_radps: f64,
    /// Standard deviation of its bias, in rad/s.
    #[garde(custom(within(0.0, 0.5)))]
    pub gyro_bias_sigma_radps: f64,
    /// Standard deviation of an acceleration, in m/s².
    #[garde(custom(within(0.0, 10.0)))]
    pub accel_sigma_mps2: f64,
    /// How far the gyro's bias wanders in a second, as a standard deviation, in rad/s; it grows with the root of time.
    #[garde(custom(within(0.0, 0.5)))]
    #[serde(default)]
    pub gyro_walk_sigma_radps: f64,
    /// Fault: a constant error of the turn rate, in rad/s. The variance does not know of it.
    #[garde(custom(within(-5.0, 5.0)))]
    #[serde(default)]
    pub gyro_bias_radps: f64,
    /// Fault: a constant error of the forward acceleration, in m/s².
    #[garde(custom(within(-20.0, 20.0)))]
    #[serde(default)]
    pub accel_bias_mps2: f64,
}

/// Localiser: the truth with an error that wanders.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct LocaliserConfig {
    /// When it reports.
    #[garde(dive)]
    pub timing: Timing,
    /// Standard deviation of x and of y, in m.
    #[garde(custom(within(0.0, 1.0)))]
    pub position_sigma_m: f64,
    /// Standard deviation of the heading, in rad.
    #[garde(custom(within(0.0, 1.0)))]
    pub yaw_sigma_rad: f64,
    /// Time over which the error stays alike, in s; zero for white noise.
    #[garde(custom(within(0.0, 600.0)))]
    pub correlation_s: f64,
    /// Fault: how far off it is, `[x, y, yaw]` in the map frame, in m and rad: set for a time, a jump there and back.
    #[garde(custom(three(100.0)))]
    #[serde(default)]
    pub offset: [f64; 3],
    /// Fault: how fast it drifts off, `[x, y, yaw]` a second. When it is zero again, so is what has drifted.
    #[garde(custom(three(10.0)))]
    #[serde(default)]
    pub drift_per_s: [f64; 3],
}

fn three(limit: f64) -> impl FnOnce(&[f64; 3], &()) -> garde::Result {
    move |values, context| values.iter().try_for_each(|v| within(-limit, limit)(v, context))
}

/// The static map: what the lidar's plane cuts of the models.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct MapConfig {
    /// Edge of a cell, in m.
    #[garde(custom(within(0.01, 1.0)))]
    pub resolution_m: f64,
    /// Free border around everything, in m.
    #[garde(custom(within(0.0, 50.0)))]
    pub margin_m: f64,
    /// Time from one publication to the next, in s; zero: only once, at the start.
    #[garde(custom(within(0.0, 3600.0)))]
    pub republish_s: f64,
}

/// Detector of people: a learned one, as seen from outside. Positions are in the base frame at the stamp.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct DetectorConfig {
    /// When it takes a picture.
    #[garde(dive)]
    pub timing: Timing,
    /// Time from the picture to the publication, in s.
    #[garde(custom(within(0.0, 2.0)))]
    pub latency_s: f64,
    /// How far it sees, in m.
    #[garde(custom(within(0.1, 100.0)))]
    pub range_m: f64,
    /// Field of view, centred on forward, in rad.
    #[garde(custom(within(0.01, TAU)))]
    pub fov_rad: f64,
    /// Standard deviation of x and of y at the robot, in m.
    #[garde(custom(within(0.001, 2.0)))]
    pub sigma_m: f64,
    /// What is added to it with every metre of distance.
    #[garde(custom(within(0.0, 0.5)))]
    pub sigma_per_m: f64,
    /// Probability that a person in view is missed.
    #[garde(custom(within(0.0, 1.0)))]
    pub miss_probability: f64,
    /// Probability of one false alarm in a picture.
    #[garde(custom(within(0.0, 1.0)))]
    pub false_alarm_probability: f64,
    /// Existence probability stated for a person.
    #[garde(custom(within(0.0, 1.0)))]
    pub existence: f64,
    /// Existence probability stated for a false alarm.
    #[garde(custom(within(0.0, 1.0)))]
    pub false_alarm_existence: f64,
    /// Mean probability of the class that is right; the others share the rest.
    #[garde(custom(within(0.34, 1.0)))]
    pub class_confidence: f64,
    /// Name of the model.
    #[garde(length(chars, min = 1, max = 64))]
    pub model_id: String,
    /// Version of the model.
    #[garde(length(chars, min = 1, max = 64))]
    pub model_version: String,
    /// What the stated class probabilities are softened by (`p^(1/temperature)`, scaled to one): below 1 it is
    /// surer than it should be, above 1 less sure.
    #[garde(custom(within(0.05, 20.0)))]
    #[serde(default = "one")]
    pub temperature: f64,
    /// Which class it takes each for: a row for a true person, forklift and other, in it the probability of person,
    /// forklift and other. None: always the right one.
    #[garde(custom(rows))]
    #[serde(default)]
    pub confusion: Option<[[f64; 3]; 3]>,
    /// Standard deviation of the direction of the rectangle that it tells about all that belongs to a vehicle, forks included,
    /// in rad. None: it tells no rectangles.
    #[garde(inner(custom(within(0.0, 1.0))))]
    #[serde(default)]
    pub body_yaw_sigma_rad: Option<f64>,
    /// Constant error of the positions in the base frame, `[x, y]` in m; the covariance does not know of it.
    #[garde(custom(pair(10.0)))]
    #[serde(default)]
    pub bias_m: [f64; 2],
}

fn pair(limit: f64) -> impl FnOnce(&[f64; 2], &()) -> garde::Result {
    move |values, context| values.iter().try_for_each(|v| within(-limit, limit)(v, context))
}

#[allow(clippy::ref_option, reason = "garde wants it so")]
fn rows(matrix: &Option<[[f64; 3]; 3]>, _: &()) -> garde::Result {
    let sound = |row: &[f64; 3]| {
        row.iter().all(|p| (0.0..=1.0).contains(p)) && (row.iter().sum::<f64>() - 1.0).abs() < 1e-6
    };
    match matrix.iter().flatten().find(|row| !sound(row)) {
        Some(row) => Err(garde::Error::new(format!("{row:?} are no probabilities that sum to 1"))),
        None => Ok(()),
    }
}

/// A person: an upright cylinder.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct PersonConfig {
    /// Radius, in m.
    #[garde(custom(within(0.05, 1.0)))]
    pub radius_m: f64,
    /// Height, in m.
    #[garde(custom(within(0.1, 3.0)))]
    pub height_m: f64,
    /// A person waits rather than come nearer to the robot's outline than this, in m; 0: walks on blindly.
    #[garde(custom(within(0.0, 5.0)))]
    pub waits_within_m: f64,
}

impl Config {
    /// Whether the robot has something that it may go without.
    pub(crate) fn has(&self, what: Absent) -> bool {
        !self.absent.contains(&what)
    }

    /// Checks every number, and those that depend on each other.
    ///
    /// # Errors
    /// Names key, value and allowed range.
    pub fn check(&self) -> Result<(), SimError> {
        self.validate().map_err(|report| SimError::Config(report.to_string().trim().replace('\n', "; ")))?;
        let ordered = |key: &str, value: f64, low: f64, low_key: &str| {
            if value > low {
                return Ok(());
            }
            Err(SimError::Config(format!("{key}: {value} is not greater than {low_key}, {low}")))
        };
        ordered("lidar.range_max_m", self.lidar.range_max_m, self.lidar.range_min_m, "lidar.range_min_m")?;
        let (height_m, gap_m) = (self.body.height_m, self.body.ground_clearance_m);
        ordered("body.height_m", height_m, gap_m, "body.ground_clearance_m")?;
        let (timeout_s, dead_time_s) = (self.drive.command_timeout_s, self.drive.dead_time_s);
        ordered(
            "drive.command_timeout_s",
            timeout_s,
            dead_time_s,
            "drive.dead_time_s, by which every command is older",
        )?;
        let (sweep_s, period_s) = (self.lidar.sweep_s, 1.0 / self.lidar.timing.rate_hz);
        if sweep_s > period_s + 1e-9 {
            return Err(SimError::Config(format!(
                "lidar.sweep_s: {sweep_s} is longer than a period of lidar.timing.rate_hz, {period_s}"
            )));
        }
        let actors = self.actors.iter().map(|a| (&a.name, a.misfit()));
        let doors = self.doors.iter().map(|d| (&d.name, d.misfit()));
        match actors.chain(doors).find_map(|(name, misfit)| Some((name, misfit?))) {
            Some((name, (key, why))) => {
                Err(SimError::Actor { name: name.clone(), reason: format!("{key}: {why}") })
            }
            None => Ok(()),
        }
    }
}

impl LidarConfig {
    /// A full circle, where the last beam lies one increment before the first.
    pub(crate) fn is_full_circle(&self) -> bool {
        self.fov_rad >= TAU - 1e-3
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    const SHIPPED: &str = include_str!("../../../config/sim.yaml");

    /// The shipped configuration.
    pub(crate) fn shipped() -> Config {
        outrider_yaml::from_str_valid(SHIPPED).unwrap()
    }

    /// The shipped configuration with every error switched off.
    pub(crate) fn perfect() -> Config {
        let mut c = shipped();
        (c.lidar.noise_sigma_m, c.lidar.dropout_probability) = (0.0, 0.0);
        c.odometry = OdometryConfig {
            travel_scale_sigma: 0.0,
            turn_scale_sigma: 0.0,
            turn_bias_sigma_radps: 0.0,
            travel_sigma_per_sqrt_m: 0.0,
            turn_sigma_per_sqrt_rad: 0.0,
            turn_sigma_per_sqrt_m: 0.0,
            v_sigma_mps: 0.0,
            w_sigma_radps: 0.0,
            ..c.odometry
        };
        (c.imu.gyro_sigma_radps, c.imu.gyro_bias_sigma_radps, c.imu.accel_sigma_mps2) = (0.0, 0.0, 0.0);
        (c.localiser.position_sigma_m, c.localiser.yaw_sigma_rad) = (0.0, 0.0);
        (c.detector.miss_probability, c.detector.false_alarm_probability) = (0.0, 0.0);
        c
    }

    #[test]
    fn the_shipped_configuration_is_sound() {
        shipped().check().unwrap();
    }

    #[test]
    fn refusals_name_key_value_and_range() {
        let refusal = |change: fn(&mut Config)| {
            let mut config = shipped();
            change(&mut config);
            config.check().unwrap_err().to_string()
        };
        let text = refusal(|c| c.drive.command_timeout_s = 0.0);
        assert_eq!(text, "configuration: drive.command_timeout_s: 0 is not within [0.01, 5]");
        let text = refusal(|c| c.lidar.noise_sigma_m = f64::NAN);
        assert_eq!(text, "configuration: lidar.noise_sigma_m: NaN is not within [0, 1]");
        let text = refusal(|c| (c.lidar.range_min_m, c.lidar.range_max_m) = (5.0, 4.0));
        assert_eq!(text, "configuration: lidar.range_max_m: 4 is not greater than lidar.range_min_m, 5");
        assert!(refusal(|c| c.lidar.beams = 0).contains("lidar.beams"));
        let text = refusal(|c| c.drive.dead_time_s = 0.5);
        assert!(
            text.contains("drive.command_timeout_s: 0.5 is not greater than drive.dead_time_s"),
            "{text}"
        );
        let text = refusal(|c| c.lidar.sweep_s = 0.06);
        let expected = "lidar.sweep_s: 0.06 is longer than a period of lidar.timing.rate_hz, 0.05";
        assert_eq!(text, format!("configuration: {expected}"));
    }

    #[test]
    fn unknown_keys_are_refused() {
        let text = format!("{SHIPPED}\nwheels: 4\n");
        assert!(outrider_yaml::from_str_valid::<Config>(&text).unwrap_err().to_string().contains("wheels"));
    }
}
