//! What is true in the simulator: for evaluation only, no node of the suite may read it.

use crate::geometry::{Pose2, Twist2};
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
    /// Its radius.
    pub radius_m: f64,
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
    /// Distance from the robot's outline to the nearest thing; zero or less in contact.
    pub clearance_m: f64,
    /// Name of that thing.
    pub nearest: String,
    /// Times that contact began.
    pub collisions: u32,
}
