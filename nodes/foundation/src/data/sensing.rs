//! What sensors and localisers tell.

use super::BodyBox;
use crate::geometry::{Point2, Pose2, Twist2};
use crate::time::Stamp;

/// One sweep of a planar lidar (sensor_msgs/LaserScan).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scan {
    /// Time of the first beam.
    pub stamp: Stamp,
    /// Frame of the beams.
    pub frame: String,
    /// Angle of the first beam.
    pub angle_min_rad: f64,
    /// Angle from one beam to the next; never zero.
    pub angle_increment_rad: f64,
    /// Time from one beam to the next; zero when unknown.
    pub time_increment_s: f64,
    /// Ranges below are no measurements.
    pub range_min_m: f64,
    /// Ranges beyond mean that nothing was hit.
    pub range_max_m: f64,
    /// One range a beam. NaN: no answer. +∞ or beyond `range_max_m`: nothing hit. −∞ or below `range_min_m`: too close to tell.
    pub ranges_m: Vec<f32>,
}

impl Scan {
    /// Angle of beam `index` in the scan's frame.
    pub fn angle_rad(&self, index: usize) -> f64 {
        self.angle_min_rad + index as f64 * self.angle_increment_rad
    }
}

/// Pose and twist from wheel odometry (nav_msgs/Odometry).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Odometry {
    /// Time of the measurement.
    pub stamp: Stamp,
    /// Drifting pose.
    pub odom_from_base: Pose2,
    /// Variances and covariances of x, y, yaw, row-major, in m², m·rad, rad².
    pub pose_covariance: [f64; 9],
    /// Velocity in the base frame.
    pub twist: Twist2,
    /// Variances of forward speed and turn rate, in m²/s² and rad²/s².
    pub twist_variance: [f64; 2],
}

/// What an inertial unit tells about motion in the plane (sensor_msgs/Imu).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Imu {
    /// Time of the measurement.
    pub stamp: Stamp,
    /// Frame of the unit; its z axis points up.
    pub frame: String,
    /// Turn rate about z.
    pub yaw_rate_radps: f64,
    /// Its variance, rad²/s².
    pub yaw_rate_variance: f64,
    /// Acceleration along x, m/s².
    pub accel_x_mps2: f64,
    /// Acceleration along y, m/s².
    pub accel_y_mps2: f64,
    /// The variance of either, m²/s⁴; 0 where it is not known.
    pub accel_variance: f64,
}

/// One transform of `/tf` or `/tf_static`, flattened to the plane.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TransformStamped {
    /// When it held.
    pub stamp: Stamp,
    /// Frame that the result is in.
    pub parent: String,
    /// Frame that is transformed from.
    pub child: String,
    /// `parent_from_child`.
    pub parent_from_child: Pose2,
}

/// A static map (nav_msgs/OccupancyGrid).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OccupancyMap {
    /// When it was made.
    pub stamp: Stamp,
    /// Frame of the origin, usually `map`.
    pub frame: String,
    /// Edge of a cell.
    pub resolution_m: f64,
    /// Cells along x.
    pub width: u32,
    /// Cells along y.
    pub height: u32,
    /// Lower left corner; maps that are turned are refused at the border.
    pub origin: Point2,
    /// −1 unknown, 0 free to 100 occupied, row-major along x.
    pub cells: Vec<i8>,
}

/// One object that a learned detector reported.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Detection {
    /// Centre in the set's frame.
    pub position: Point2,
    /// Covariance of the position, row-major, in m².
    pub covariance: [f64; 4],
    /// Radius of a disc around the object.
    pub radius_m: f64,
    /// The rectangle about all that belongs to it, in the set's frame, when the detector tells one.
    pub body: Option<BodyBox>,
    /// Probability that it exists at all, as the model states it.
    pub existence: f64,
    /// Probability of every class, in the order of [`DetectionSet::class_labels`].
    pub class_probabilities: Vec<f32>,
}

/// All detections of one frame of a learned detector.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DetectionSet {
    /// Time of the sensor data they were made from.
    pub stamp: Stamp,
    /// Frame of the positions.
    pub frame: String,
    /// Counts every set of its publisher.
    pub sequence: u64,
    /// Which model.
    pub model_id: String,
    /// Which version of it.
    pub model_version: String,
    /// Names of the classes.
    pub class_labels: Vec<String>,
    /// The objects; an empty set says that nothing was seen.
    pub detections: Vec<Detection>,
}
