//! What is true in the simulator: for evaluation only, no node of the suite may read it.

use crate::geometry::{Point2, Pose2, Twist2};
use crate::time::Stamp;

/// A moving object as it really is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TrueActor {
    /// Its name in the world file.
    pub name: String,
    /// Its pose in the world.
    pub pose: Pose2,
    /// Its forward speed.
    pub v_mps: f64,
    /// Radius of its disc; of a vehicle, half the diagonal of its body.
    pub radius_m: f64,
    /// Of a vehicle, which is no disc.
    pub body: Option<TrueBody>,
}

/// A vehicle seen from above.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrueBody {
    /// Length of the box about the pose.
    pub length_m: f64,
    /// Width of it.
    pub width_m: f64,
    /// Length of the forks ahead of it; zero without.
    pub forks_m: f64,
}

impl TrueBody {
    /// Width of the forks, as a share of the body's.
    pub const FORKS_SHARE: f64 = 0.6;

    /// Corners in its own frame, counter-clockwise from behind on the right.
    pub fn corners(&self) -> Vec<Point2> {
        let (x, y) = (0.5 * self.length_m, 0.5 * self.width_m);
        let mut corners = vec![Point2::new(-x, -y), Point2::new(x, -y)];
        if self.forks_m > 0.0 {
            let (tip, beside) = (x + self.forks_m, Self::FORKS_SHARE * y);
            corners.extend(
                [(x, -beside), (tip, -beside), (tip, beside), (x, beside)].map(|(x, y)| Point2::new(x, y)),
            );
        }
        corners.extend([Point2::new(x, y), Point2::new(-x, y)]);
        corners
    }
}

/// A door's panel as it really is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TrueDoor {
    /// Its name in the configuration.
    pub name: String,
    /// Its middle, in the world; its length lies along the direction.
    pub pose: Pose2,
    /// Its length.
    pub length_m: f64,
    /// Its thickness.
    pub width_m: f64,
}

impl TrueDoor {
    /// Corners in its own frame, counter-clockwise from behind on the right.
    pub fn corners(&self) -> Vec<Point2> {
        TrueBody { length_m: self.length_m, width_m: self.width_m, forks_m: 0.0 }.corners()
    }
}

/// The true state of the simulated world.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GroundTruth {
    /// When.
    pub stamp: Stamp,
    /// Counts every one.
    pub sequence: u64,
    /// Pose of the robot's base in the world, which is the map frame.
    pub pose: Pose2,
    /// Its true velocity.
    pub twist: Twist2,
    /// The moving objects.
    pub actors: Vec<TrueActor>,
    /// The doors.
    pub doors: Vec<TrueDoor>,
    /// Distance from the robot's outline to the nearest thing; zero or less in contact.
    pub clearance_m: f64,
    /// Name of that thing.
    pub nearest: String,
    /// Times that contact began.
    pub collisions: u32,
}
