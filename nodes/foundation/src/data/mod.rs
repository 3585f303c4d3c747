//! The domain data that nodes exchange, free of ROS: what a message means once it has been validated.
//!
//! Whoever holds one of these may rely on: every number finite unless the field says otherwise, angles wrapped,
//! sizes consistent, counts within the limits named here.

mod body;
mod clear;
mod command;
mod mission;
mod safety;
mod sensing;
mod truth;
mod world;

pub use body::BodyBox;
pub use clear::{CLEAR_SIDE_LIMIT_M, ClearCostmap, ClearRegion};
pub use command::{Alternative, Command, CommandSource, Decision, Goal, TrajectoryPoint, TreeStatus};
pub use mission::{
    ATTEMPT_LIMIT, Attempt, Block, BlockKind, MISSION_POSE_LIMIT, MissedWaypoint, MissionAction, MissionId,
    MissionKind, MissionOrder, MissionReply, MissionRequest, MissionState, MissionStatus, Outcome,
    TREE_NAME_LIMIT,
};
pub use safety::{
    AssuranceState, CausalRef, Challenge, CommandDigest, CommandVelocity, Digest, Envelope, GateMode,
    GateState, Intervention, Mode, MonitorReading, OperatorAction, OperatorReply, OperatorRequest, Permit,
    PermitAuthenticator, PermitCode, PinnedHashes, REPLY_LIMIT, Verdict,
};
pub use sensing::{Detection, DetectionSet, Imu, OccupancyMap, Odometry, Scan, TransformStamped};
pub use truth::{GroundTruth, TrueActor, TrueBody, TrueDoor};
pub use world::{
    COMPONENT_LIMIT, Component, EgoState, REACH_SIGMAS, SourceState, SourceStatus, Track, TrackState,
    WorldModel,
};

/// The most beams of one scan that are taken.
pub const BEAM_LIMIT: usize = 8192;
/// The most detections of one set that are taken.
pub const DETECTION_LIMIT: usize = 256;
/// The most tracks in one world model.
pub const TRACK_LIMIT: usize = 64;
/// The most points of one trajectory or braking tail.
pub const TRAJECTORY_LIMIT: usize = 256;
