//! What is asked of the planner, and how that stands.

use crate::geometry::{Point2, Pose2};
use crate::grid::FrameId;
use crate::time::Stamp;

/// The most poses of one mission.
pub const MISSION_POSE_LIMIT: usize = 1000;
/// The longest name of a behaviour tree, in bytes.
pub const TREE_NAME_LIMIT: usize = 128;
/// The most kinds of attempts in one state.
pub const ATTEMPT_LIMIT: usize = 16;

/// Tells missions apart: the id of the action's goal. All zero for a goal of the topic.
pub type MissionId = [u8; 16];

/// What to do with the poses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissionKind {
    /// Drive through all but the last, and stop there.
    #[default]
    Navigate,
    /// Drive to each and stop there.
    Waypoints {
        /// Rounds after the first one.
        loops: u32,
        /// Index to begin with.
        first: u32,
    },
}

/// A drive that is asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MissionOrder {
    /// What to do with the poses.
    pub kind: MissionKind,
    /// Frame of all poses.
    pub frame: FrameId,
    /// Where to.
    pub poses: Vec<Pose2>,
    /// File name of a behaviour tree; empty for the one that is configured.
    pub tree: String,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq)]
pub enum MissionAction {
    /// A drive.
    Start(MissionOrder),
    /// The end of a drive; of whichever is under way when the id is all zero.
    Cancel,
    /// Stop and hold.
    Pause,
    /// Go on.
    Resume,
    /// A drive that cannot be: the border says why.
    Refused(String),
}

/// A request, as an input of the planner.
#[derive(Clone, Debug, PartialEq)]
pub struct MissionRequest {
    /// When.
    pub stamp: Stamp,
    /// Matches the reply to it.
    pub sequence: u64,
    /// Of the mission.
    pub id: MissionId,
    /// What is asked.
    pub action: MissionAction,
}

/// The planner's answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MissionReply {
    /// When.
    pub stamp: Stamp,
    /// Sequence of the request.
    pub request_sequence: u64,
    /// Of the mission.
    pub id: MissionId,
    /// Done or refused.
    pub accepted: bool,
    /// Zero when accepted.
    pub code: u16,
    /// Why.
    pub message: String,
}

/// How a mission stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum MissionStatus {
    /// There is none.
    #[default]
    None,
    /// On its way.
    Driving,
    /// Held by the operator.
    Paused,
    /// Cancelled, and coming to rest.
    Stopping,
    /// Done.
    Succeeded,
    /// Cancelled, and at rest.
    Canceled,
    /// Given up, or replaced by a newer one.
    Aborted,
}

impl MissionStatus {
    /// It will not change any more.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Canceled | Self::Aborted)
    }
}

/// What kind of thing keeps the robot from driving on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum BlockKind {
    /// Nothing does.
    #[default]
    None,
    /// Something that stands.
    Obstacle,
    /// A tracked object.
    Track,
    /// No way leads there.
    NoPath,
    /// A zone of assurance.
    Zone,
    /// Another property of assurance.
    Property,
    /// The gate forwards nothing.
    Gate,
    /// Sensor data or the robot's place are missing or too old.
    Data,
    /// It does not get on, for whatever reason.
    NoProgress,
}

/// What keeps the robot from driving on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Block {
    /// What kind of thing.
    pub kind: BlockKind,
    /// Name of the zone's or the assurance property; empty for the other kinds.
    pub property: String,
    /// In a sentence.
    pub text: String,
    /// Where, in the frame of the robot's pose.
    pub at: Option<Point2>,
    /// Which track; zero for none.
    pub track_id: u64,
}

/// How a recovery ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// It did what it should.
    #[default]
    Succeeded,
    /// It did not.
    Failed,
    /// The tree did something else before it was over.
    Halted,
}

/// A recovery that was tried, so often with one outcome.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attempt {
    /// Name of the tree's node.
    pub name: String,
    /// How it ended.
    pub outcome: Outcome,
    /// How often.
    pub count: u32,
    /// What was in its way when it last failed; empty for nothing.
    pub detail: String,
}

/// A waypoint that was not reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MissedWaypoint {
    /// Which.
    pub index: u32,
    /// Why, as a code.
    pub code: u16,
    /// Why.
    pub message: String,
}

/// How a mission stands, in full.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MissionState {
    /// When.
    pub stamp: Stamp,
    /// Which run of the publisher.
    pub boot_id: u64,
    /// Counts every one.
    pub sequence: u64,
    /// Of the mission.
    pub id: MissionId,
    /// Newest goal of it.
    pub goal_id: u64,
    /// How it stands.
    pub status: MissionStatus,
    /// Code of the result; zero for none.
    pub code: u16,
    /// In words.
    pub message: String,
    /// File name of the behaviour tree.
    pub tree: String,
    /// Frame of the pose and of what blocks.
    pub frame: FrameId,
    /// Where the robot is.
    pub pose: Pose2,
    /// Since it was accepted, s.
    pub navigation_s: f64,
    /// Until it is done, by the average speed so far, s.
    pub remaining_s: f64,
    /// Way left, m; infinite when there is no plan.
    pub remaining_m: f64,
    /// Recoveries that were tried in all.
    pub recoveries: u32,
    /// Poses that are left to be driven to.
    pub poses_remaining: u32,
    /// Index of the waypoint that is driven to.
    pub waypoint: u32,
    /// Those that were not reached.
    pub missed: Vec<MissedWaypoint>,
    /// What keeps the robot from driving on.
    pub block: Block,
    /// For so long, s.
    pub blocked_s: f64,
    /// What was tried since it last got on.
    pub tried: Vec<Attempt>,
    /// Attempts of other kinds for which there was no room.
    pub tried_dropped: u32,
}
