//! The robot as every node knows it: one description, so that no two nodes disagree about its size or its brakes.

use crate::geometry::{Footprint, FootprintError, Point2, Pose2, wrap_angle};
use serde::{Deserialize, Serialize};

/// No corner of the outline is farther from the base, m: what is longer is given in millimetres.
const OUTLINE_LIMIT_M: f64 = 20.0;

/// A turn all the way round, and a little for rounded figures: what is more is given in degrees.
const YAW_LIMIT_RAD: f64 = 3.15;

/// The localised world-fixed frame (REP-105).
pub const MAP_FRAME: &str = "map";
/// The continuous world-fixed frame.
pub const ODOM_FRAME: &str = "odom";
/// The frame of the robot's base.
pub const BASE_FRAME: &str = "base_link";

/// `config/robot.yaml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RobotDescription {
    /// For reports.
    pub name: String,
    /// Frame of the robot's base, [`BASE_FRAME`].
    pub base_frame: String,
    /// Continuous world-fixed frame, [`ODOM_FRAME`].
    pub odom_frame: String,
    /// Localised world-fixed frame, [`MAP_FRAME`].
    pub map_frame: String,
    /// Corners of the outline in the base frame, counter-clockwise and convex, `[x, y]` in metres.
    pub footprint_m: Vec<[f64; 2]>,
    /// Where the lidar sits.
    pub lidar: Mount,
    /// Whether the drive takes `geometry_msgs/TwistStamped` (true) or `Twist` (false) on `cmd_vel`.
    pub stamped_command: bool,
    /// What the drive can do.
    pub limits: DriveLimits,
}

/// Where a sensor sits on the robot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mount {
    /// Frame of its data.
    pub frame: String,
    /// Forward of the base's origin.
    pub x_m: f64,
    /// Left of it.
    pub y_m: f64,
    /// Turned to the left.
    pub yaw_rad: f64,
}

/// What a differential drive can do. All positive but `v_min_mps`, which is zero or negative.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DriveLimits {
    /// Greatest forward speed.
    pub v_max_mps: f64,
    /// Greatest backward speed, negative.
    pub v_min_mps: f64,
    /// Greatest turn rate.
    pub w_max_radps: f64,
    /// Greatest acceleration.
    pub accel_mps2: f64,
    /// Deceleration of an ordinary slow-down.
    pub decel_mps2: f64,
    /// Deceleration that the brakes reach under the worst load and floor that are allowed: what safety reckons with.
    pub brake_mps2: f64,
    /// Greatest angular acceleration.
    pub alpha_radps2: f64,
    /// Greatest jerk.
    pub jerk_mps3: f64,
    /// Longest time from a command to the wheels' response.
    pub actuator_delay_s: f64,
}

impl DriveLimits {
    /// Greatest speed either way, m/s.
    pub fn speed_max_mps(&self) -> f64 {
        self.v_max_mps.max(-self.v_min_mps)
    }
}

/// A robot description that has been checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Robot {
    /// What it was made from.
    pub description: RobotDescription,
    /// Its outline.
    pub footprint: Footprint,
    /// Where the lidar sits.
    pub base_from_lidar: Pose2,
    /// What the drive can do.
    pub limits: DriveLimits,
}

/// Why a robot description was refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RobotError {
    /// The outline.
    #[error("footprint_m: {0}")]
    Footprint(#[from] FootprintError),
    /// A number out of its range.
    #[error("{key}: {value} is not within {range}")]
    Range {
        /// Key in the file.
        key: &'static str,
        /// What was given.
        value: f64,
        /// What is allowed.
        range: &'static str,
    },
    /// A frame without a name.
    #[error("{0}: a frame needs a name")]
    Frame(&'static str),
    /// A frame that has to be called otherwise.
    #[error("{key}: `{found}` is not {needed}: the nodes know this frame by its name of REP-105 alone")]
    FrameName {
        /// Key in the file.
        key: &'static str,
        /// What was given.
        found: String,
        /// The only name it may have.
        needed: &'static str,
    },
    /// The lidar has the frame of something else.
    #[error("lidar.frame: `{0}` is a frame of the robot already: a scan is told in a frame of its own")]
    LidarFrame(String),
}

impl Robot {
    /// Checks a description.
    ///
    /// # Errors
    /// Names the first key whose value cannot be.
    pub fn new(description: RobotDescription) -> Result<Self, RobotError> {
        let frames = [
            ("base_frame", &description.base_frame),
            ("odom_frame", &description.odom_frame),
            ("map_frame", &description.map_frame),
            ("lidar.frame", &description.lidar.frame),
        ];
        if let Some((key, _)) = frames.iter().find(|(_, name)| name.is_empty()) {
            return Err(RobotError::Frame(key));
        }
        for ((key, found), needed) in frames.into_iter().zip([BASE_FRAME, ODOM_FRAME, MAP_FRAME]) {
            if found != needed {
                return Err(RobotError::FrameName { key, found: found.clone(), needed });
            }
        }
        if [BASE_FRAME, ODOM_FRAME, MAP_FRAME].contains(&&*description.lidar.frame) {
            return Err(RobotError::LidarFrame(description.lidar.frame));
        }
        check_limits(&description.limits)?;
        let lidar = &description.lidar;
        for (key, value, most, range) in [
            ("lidar.x_m", lidar.x_m, OUTLINE_LIMIT_M, "[-20, 20]"),
            ("lidar.y_m", lidar.y_m, OUTLINE_LIMIT_M, "[-20, 20]"),
            ("lidar.yaw_rad", lidar.yaw_rad, YAW_LIMIT_RAD, "[-3.15, 3.15]"),
        ] {
            if !(-most..=most).contains(&value) {
                return Err(RobotError::Range { key, value, range });
            }
        }
        let base_from_lidar = Pose2::new(lidar.x_m, lidar.y_m, wrap_angle(lidar.yaw_rad));
        let corners = description.footprint_m.iter().map(|[x, y]| Point2::new(*x, *y)).collect();
        let footprint = Footprint::new(corners)?;
        let reach_m = footprint.circumscribed_m();
        if reach_m > OUTLINE_LIMIT_M {
            let range = "the 20 m about the base";
            return Err(RobotError::Range { key: "footprint_m", value: reach_m, range });
        }
        Ok(Self { footprint, base_from_lidar, limits: description.limits, description })
    }
}

/// The most that a robot on a floor has: what is more is given in another unit, and the gate's own bounds would bind nothing.
impl DriveLimits {
    /// Of `v_max_mps`, and of `-v_min_mps`.
    pub const V_MOST_MPS: f64 = 10.0;
    /// Of `w_max_radps`.
    pub const W_MOST_RADPS: f64 = 10.0;
    /// Of `accel_mps2`, `decel_mps2` and `brake_mps2`.
    pub const ACCEL_MOST_MPS2: f64 = 20.0;
    /// Of `alpha_radps2`.
    pub const ALPHA_MOST_RADPS2: f64 = 100.0;
}

fn check_limits(limits: &DriveLimits) -> Result<(), RobotError> {
    let accel_most_mps2 = DriveLimits::ACCEL_MOST_MPS2;
    let positive = [
        ("limits.v_max_mps", limits.v_max_mps, DriveLimits::V_MOST_MPS, "(0, 10]"),
        ("limits.w_max_radps", limits.w_max_radps, DriveLimits::W_MOST_RADPS, "(0, 10]"),
        ("limits.accel_mps2", limits.accel_mps2, accel_most_mps2, "(0, 20]"),
        ("limits.decel_mps2", limits.decel_mps2, accel_most_mps2, "(0, 20]"),
        ("limits.brake_mps2", limits.brake_mps2, accel_most_mps2, "(0, 20]"),
        ("limits.alpha_radps2", limits.alpha_radps2, DriveLimits::ALPHA_MOST_RADPS2, "(0, 100]"),
        ("limits.jerk_mps3", limits.jerk_mps3, 1000.0, "(0, 1000]"),
    ];
    for (key, value, most, range) in positive {
        if !(value > 0.0 && value <= most) {
            return Err(RobotError::Range { key, value, range });
        }
    }
    if !(limits.v_min_mps <= 0.0 && limits.v_min_mps >= -DriveLimits::V_MOST_MPS) {
        return Err(RobotError::Range {
            key: "limits.v_min_mps",
            value: limits.v_min_mps,
            range: "[-10, 0]",
        });
    }
    if !(limits.actuator_delay_s >= 0.0 && limits.actuator_delay_s <= 2.0) {
        let value = limits.actuator_delay_s;
        return Err(RobotError::Range { key: "limits.actuator_delay_s", value, range: "[0, 2]" });
    }
    Ok(())
}

/// Test support: a small differential-drive AMR.
pub mod example {
    use super::{DriveLimits, Mount, RobotDescription};

    /// A small differential-drive AMR, as in `config/robot.yaml`.
    pub fn amr() -> RobotDescription {
        RobotDescription {
            name: "amr".into(),
            base_frame: "base_link".into(),
            odom_frame: "odom".into(),
            map_frame: "map".into(),
            footprint_m: vec![[0.35, -0.25], [0.35, 0.25], [-0.35, 0.25], [-0.35, -0.25]],
            lidar: Mount { frame: "laser".into(), x_m: 0.10, y_m: 0.0, yaw_rad: 0.0 },
            stamped_command: true,
            limits: DriveLimits {
                v_max_mps: 1.0,
                v_min_mps: -0.3,
                w_max_radps: 1.2,
                accel_mps2: 1.0,
                decel_mps2: 0.8,
                brake_mps2: 1.2,
                alpha_radps2: 3.0,
                jerk_mps3: 10.0,
                actuator_delay_s: 0.05,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sound_description_is_taken() {
        let robot = Robot::new(example::amr()).unwrap();
        assert!((robot.footprint.inscribed_m() - 0.25).abs() < 1e-12);
    }

    #[test]
    fn errors_name_the_key() {
        let mut d = example::amr();
        d.limits.brake_mps2 = 0.0;
        assert_eq!(Robot::new(d).unwrap_err().to_string(), "limits.brake_mps2: 0 is not within (0, 20]");
        for (set, told) in [
            ((|d| d.limits.accel_mps2 = f64::NAN) as fn(&mut RobotDescription), "limits.accel_mps2: NaN is"),
            (|d| d.limits.v_max_mps = 1000.0, "limits.v_max_mps: 1000 is not within (0, 10]"),
            (|d| d.limits.v_min_mps = -300.0, "limits.v_min_mps: -300 is not within [-10, 0]"),
            (|d| d.lidar.yaw_rad = 180.0, "lidar.yaw_rad: 180 is not within [-3.15, 3.15]"),
            (|d| d.lidar.x_m = 100.0, "lidar.x_m: 100 is not within [-20, 20]"),
            (|d| d.lidar.y_m = f64::INFINITY, "lidar.y_m: inf is not within [-20, 20]"),
        ] {
            let mut d = example::amr();
            set(&mut d);
            let refusal = Robot::new(d).unwrap_err().to_string();
            assert!(refusal.starts_with(told), "{refusal}");
        }
        let mut d = example::amr();
        d.lidar.frame.clear();
        assert_eq!(Robot::new(d).unwrap_err().to_string(), "lidar.frame: a frame needs a name");
        for (key, frame) in [
            ("base_frame", (|d| &mut d.base_frame) as fn(&mut RobotDescription) -> &mut String),
            ("odom_frame", |d| &mut d.odom_frame),
            ("map_frame", |d| &mut d.map_frame),
        ] {
            let mut d = example::amr();
            "world".clone_into(frame(&mut d));
            let refusal = Robot::new(d).unwrap_err().to_string();
            assert!(refusal.starts_with(&format!("{key}: `world` is not ")), "{refusal}");
        }
        let mut d = example::amr();
        d.lidar.frame = "base_link".into();
        assert!(Robot::new(d).unwrap_err().to_string().starts_with("lidar.frame: `base_link` is a frame"));
        let mut d = example::amr();
        d.footprint_m = vec![[350.0, -250.0], [350.0, 250.0], [-350.0, 250.0], [-350.0, -250.0]];
        let refusal = Robot::new(d).unwrap_err().to_string();
        assert!(
            refusal.starts_with("footprint_m: 430.1") && refusal.ends_with("the 20 m about the base"),
            "{refusal}"
        );
    }
}
