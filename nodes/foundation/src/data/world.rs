//! One state of the world, with its uncertainty.

use super::BodyBox;
use crate::geometry::{Point2, Pose2, Twist2};
use crate::grid::{CostGrid, FrameId};
use crate::time::Stamp;
use std::sync::Arc;

/// Whether a source of data may be relied upon.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum SourceStatus {
    /// Arrives as promised.
    Fresh,
    /// The newest is older than its limit.
    Stale,
    /// Nothing has come yet.
    #[default]
    Missing,
    /// What came cannot be used; the reason is beside it.
    Invalid,
}

/// Health of one source.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SourceState {
    /// Topic name.
    pub name: String,
    /// Verdict.
    pub status: SourceStatus,
    /// Age of the newest data; infinite when there is none.
    pub age_s: f64,
    /// Mean rate over the last messages; zero when unknown.
    pub rate_hz: f64,
    /// Messages taken.
    pub received: u64,
    /// Messages refused.
    pub rejected: u64,
    /// Why it is not fresh; empty when it is.
    pub reason: String,
}

/// Where the robot is and how it moves.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EgoState {
    /// Frame of the pose: map when localised, else odom.
    pub frame: FrameId,
    /// Pose of the base in `frame`.
    pub pose: Pose2,
    /// Covariance of x, y, yaw, row-major, in m², m·rad, rad²; grows with the age of the data.
    pub covariance: [f64; 9],
    /// Velocity in the base frame.
    pub twist: Twist2,
    /// The newest odometry pose: continuous.
    pub odom_from_base: Pose2,
    /// Whether the pose may be relied upon.
    pub localised: bool,
}

/// How much is known of a tracked object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum TrackState {
    /// Seen too few times.
    #[default]
    Tentative,
    /// Seen often enough and lately.
    Confirmed,
    /// Not seen lately: predicted, with covariance growing.
    Coasting,
    /// Not seen for longer than its time to live: only the disc it can have reached is known.
    Reachable,
    /// Seen, and left standing by whoever moved it: its outline is in the local grid, of which it is a part until it moves. Its disc, which
    /// reaches beyond it, does not count.
    Standing,
}

/// In the prediction of a track that is [`TrackState::Reachable`], the radius of its disc is the standard deviation times
/// this.
pub const REACH_SIGMAS: f64 = 3.0;

/// The most Gaussians of a prediction at one time: standing, walking on, turning.
pub const COMPONENT_LIMIT: usize = 3;

/// One Gaussian of a prediction at one time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Component {
    /// Its share; those of one time add up to 1.
    pub weight: f64,
    /// Its mean, in the world model's frame.
    pub position: Point2,
    /// Its standard deviation along its worst axis.
    pub sigma_m: f64,
}

/// One object that is followed over time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Track {
    /// Never given twice by one world model.
    pub id: u64,
    /// How much is known.
    pub state: TrackState,
    /// Most likely class.
    pub class_label: String,
    /// Its probability.
    pub class_probability: f64,
    /// Centre in the world model's frame.
    pub position: Point2,
    /// Velocity in the world model's frame, in m/s.
    pub velocity: Point2,
    /// Covariance of x, y, vx, vy, row-major, in m², m²/s, m²/s².
    pub covariance: [f64; 16],
    /// Radius of a disc around the object itself.
    pub radius_m: f64,
    /// The rectangle about all that belongs to it, in the world model's frame, when a detector has told it.
    pub body: Option<BodyBox>,
    /// Probability that it exists.
    pub existence: f64,
    /// Time since it was last measured.
    pub age_s: f64,
    /// Radius about `position` that its centre cannot have left under bounded speed and acceleration; for [`TrackState::Reachable`].
    pub reachable_m: f64,
    /// Which model saw it.
    pub model_id: String,
    /// Which version.
    pub model_version: String,
    /// Time from one predicted position to the next; the first lies one step ahead.
    pub prediction_step_s: f64,
    /// Predicted centres.
    pub prediction: Vec<Point2>,
    /// Standard deviation of every predicted centre along its worst axis; see also [`REACH_SIGMAS`].
    pub prediction_sigma_m: Vec<f64>,
    /// The same as a mixture, where ways to move lead apart: the first component at every time of the prediction, then the
    /// second, and so on, up to [`COMPONENT_LIMIT`]. Its mean at a time is the predicted centre. Empty where the prediction is
    /// all there is to it.
    pub mixture: Vec<Component>,
}

impl Track {
    /// The mixture, component by component: one Gaussian for every time of the prediction.
    pub fn components(&self) -> impl Iterator<Item = &[Component]> {
        self.mixture.chunks_exact(self.prediction.len().max(1)).take(COMPONENT_LIMIT)
    }
}

/// The state that planner and assurance are given after every scan.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WorldModel {
    /// Time that everything in it refers to.
    pub stamp: Stamp,
    /// Which run of the publisher.
    pub boot_id: u64,
    /// Counts every one; starts at 1.
    pub sequence: u64,
    /// Stamp of the scan that it was made from.
    pub scan_stamp: Stamp,
    /// The robot.
    pub ego: EgoState,
    /// The objects, by id, in the frame of `ego`.
    pub tracks: Vec<Track>,
    /// Every source.
    pub sources: Vec<SourceState>,
    /// Rolling grid about the robot, in the frame of `ego`. Shared, so that whoever made it need not copy it to tell it.
    pub local: Arc<CostGrid>,
    /// Sequence of the newest global grid when this was made; zero for none.
    pub global_sequence: u64,
}
