//! What the planner is asked, decides and proposes.

use crate::geometry::{Pose2, Twist2};
use crate::grid::FrameId;
use crate::time::Stamp;

/// A pose to drive to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Goal {
    /// When it was given.
    pub stamp: Stamp,
    /// Frame of the pose.
    pub frame: FrameId,
    /// Where to.
    pub pose: Pose2,
}

/// Who proposes a command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum CommandSource {
    /// The planner: `cmd_vel_nominal`.
    #[default]
    Planner,
    /// The backup controller of assurance: `cmd_vel_recovery`.
    Recovery,
}

/// One point of a trajectory, relative to the base at the stamp of its command.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TrajectoryPoint {
    /// Time after the stamp of the command.
    pub t_s: f64,
    /// `base_from_future_base`.
    pub pose: Pose2,
    /// Velocity there.
    pub twist: Twist2,
}

/// A proposed velocity, what it leads to, and how it ends in a stop.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Command {
    /// When it was decided.
    pub stamp: Stamp,
    /// Which run of the publisher.
    pub boot_id: u64,
    /// Counts every command of its publisher; starts at 1, strictly increases.
    pub sequence: u64,
    /// Who proposes it.
    pub source: CommandSource,
    /// The velocity to apply now.
    pub twist: Twist2,
    /// What it is meant to lead to.
    pub trajectory: Vec<TrajectoryPoint>,
    /// From the current velocity through one reaction time of `twist` down to a standstill; ends with zero twist.
    pub braking_tail: Vec<TrajectoryPoint>,
    /// Stamp of the oldest sensor data that it rests on.
    pub data_stamp: Stamp,
    /// World model that it rests on.
    pub world_model_sequence: u64,
    /// Goal that it serves; zero for none.
    pub goal_id: u64,
    /// Why, in a few words.
    pub reason: String,
}

/// Result of a tick of the behaviour tree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum TreeStatus {
    /// Nothing to do.
    #[default]
    Idle,
    /// On its way.
    Running,
    /// Goal reached.
    Success,
    /// Given up.
    Failure,
}

/// Something that was considered and not done.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Alternative {
    /// What.
    pub name: String,
    /// Its cost; infinite when it was not allowed at all.
    pub cost: f64,
    /// Why not.
    pub rejected_because: String,
}

/// Why the planner does what it does: one record for every command.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decision {
    /// When.
    pub stamp: Stamp,
    /// Which run of the publisher.
    pub boot_id: u64,
    /// Counts every decision.
    pub sequence: u64,
    /// Command that came of it.
    pub command_sequence: u64,
    /// World model that it rests on.
    pub world_model_sequence: u64,
    /// Goal that it serves; zero for none.
    pub goal_id: u64,
    /// Result of the tick.
    pub tree_status: TreeStatus,
    /// The running leaf of the tree.
    pub active_node: String,
    /// What was chosen.
    pub chosen: String,
    /// What was not.
    pub alternatives: Vec<Alternative>,
    /// The constraint that bound the choice; empty for none.
    pub constraint: String,
    /// Distance still to drive along the plan; infinite when there is none.
    pub distance_remaining_m: f64,
    /// Standard deviation of the position that was reckoned with.
    pub position_sigma_m: f64,
}
