//! The bag of a run, read into time series that the report is made of.

use super::computing::Computing;
use super::glimpses::Glimpses;
use super::missions::MissionRecord;
use super::tree::TreeRecord;
use outrider_foundation::{Point2, Pose2, Twist2};
use std::collections::BTreeMap;

/// The most samples kept of one series; more are counted and told, not kept.
pub const SAMPLE_LIMIT: usize = 2_000_000;
/// The most plans kept.
pub const PLAN_LIMIT: usize = 5_000;

/// What is true, from the simulator.
#[derive(Clone, Debug, Default)]
pub struct Truth {
    /// Time since the start of the bag.
    pub t_s: f64,
    /// Where the robot is.
    pub pose: Pose2,
    /// How it moves.
    pub twist: Twist2,
    /// Distance to the nearest thing.
    pub clearance_m: f64,
    /// Its name.
    pub nearest: String,
    /// Collisions so far.
    pub collisions: u32,
}

/// What the world model believed.
#[derive(Clone, Debug, Default)]
pub struct Belief {
    /// Time since the start of the bag.
    pub t_s: f64,
    /// Frame of the pose.
    pub frame: String,
    /// Where the robot is believed to be.
    pub pose: Pose2,
    /// How it is believed to move.
    pub twist: Twist2,
    /// The odometry's pose.
    pub odom: Pose2,
}

/// What the gate did in one period.
#[derive(Clone, Debug, Default)]
pub struct Gate {
    /// Time since the start of the bag.
    pub t_s: f64,
    /// A mode of `GateState`.
    pub mode: u8,
    /// Why.
    pub reason: String,
    /// The velocity it published.
    pub twist: Twist2,
    /// Whose command is in force.
    pub source: u8,
    /// Command in force; zero for none.
    pub command_sequence: u64,
    /// Permit in force; zero for none.
    pub permit_sequence: u64,
    /// Stamp of the oldest sensor data that the command rests on, in nanoseconds, and its age when the velocity was
    /// published, in seconds; `None` for no command.
    pub data: Option<(i64, f64)>,
    /// The command was limited.
    pub clamped: bool,
    /// Permits accepted so far.
    pub accepted: u64,
    /// Permits and commands refused so far.
    pub rejected: u64,
    /// Late periods so far.
    pub late_periods: u64,
}

/// What assurance found.
#[derive(Clone, Debug, Default)]
pub struct Assurance {
    /// Time since the start of the bag.
    pub t_s: f64,
    /// A mode of `Permit`.
    pub mode: u8,
    /// The monitor with the least robustness.
    pub limiting: String,
    /// Its robustness; NaN when it could not be judged.
    pub robustness: f64,
    /// Unit of that.
    pub unit: String,
}

/// A "why" record.
#[derive(Clone, Debug, Default)]
pub struct Event {
    /// Time since the start of the bag.
    pub t_s: f64,
    /// Rule that acted.
    pub rule: String,
    /// What was measured.
    pub value: f64,
    /// What it was held against.
    pub limit: f64,
    /// Unit of both.
    pub unit: String,
    /// Mode before.
    pub mode_before: u8,
    /// Mode after.
    pub mode_after: u8,
    /// What would clear it.
    pub clears_when: String,
    /// One sentence.
    pub text: String,
}

/// What the planner decided.
#[derive(Clone, Debug, Default)]
pub struct Decided {
    /// Time since the start of the bag.
    pub t_s: f64,
    /// A tree status of `Decision`.
    pub status: u8,
    /// The running leaf.
    pub active: String,
    /// What was chosen.
    pub chosen: String,
    /// What bound the choice.
    pub constraint: String,
}

/// A goal that was given.
#[derive(Clone, Debug, Default)]
pub struct GoalGiven {
    /// Time since the start of the bag.
    pub t_s: f64,
    /// Frame of the pose.
    pub frame: String,
    /// Where to.
    pub pose: Pose2,
    /// It came by an action, not by the topic.
    pub of_mission: bool,
}

/// A map.
#[derive(Clone, Debug, Default)]
pub struct Map {
    /// Edge of a cell.
    pub resolution_m: f64,
    /// Cells along x.
    pub width: usize,
    /// Cells along y.
    pub height: usize,
    /// Lower left corner.
    pub origin: Point2,
    /// −1 unknown, 0 free to 100 occupied, row-major from the lower left.
    pub cells: Vec<i8>,
}

/// Where something was over time.
pub type Trail = Vec<(f64, Point2)>;

/// One topic.
#[derive(Clone, Debug, Default)]
pub struct TopicRecord {
    /// `pkg/msg/Type`.
    pub type_name: String,
    /// Messages read.
    pub count: u64,
    /// Bytes of messages.
    pub bytes: u64,
    /// Time of the first and the last.
    pub span_s: Option<(f64, f64)>,
    /// Longest time between two.
    pub gap_s: f64,
    /// The gaps in its numbers; `None` for messages without numbers.
    pub losses: Option<outrider_runtime::LossCounter>,
    /// Messages that could not be decoded.
    pub undecodable: u64,
    /// The first reason.
    pub first_error: String,
}

/// One node.
#[derive(Clone, Debug, Default)]
pub struct NodeRecord {
    /// Version of its program.
    pub build: String,
    /// Runs of it, by boot id.
    pub boots: Vec<u64>,
    /// Duration of every step that was measured.
    pub step_ns: Vec<u32>,
    /// Steps recorded.
    pub steps: u64,
    /// Outputs that did not fit.
    pub dropped: u64,
    /// Level of its last diagnosis; `None` without one.
    pub level: Option<u8>,
    /// Text of that.
    pub message: String,
    /// Messages that it says it lost.
    pub lost: Option<u64>,
    /// Messages that it says it refused.
    pub refused: Option<u64>,
}

/// Everything that the report needs.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    /// The bag.
    pub path: String,
    /// Nothing followed a sound summary: the recorder was killed, or the file is damaged.
    pub recovered: bool,
    /// What could not be read.
    pub damage: Vec<String>,
    /// Log time of the first message.
    pub start_ns: u64,
    /// Time of the last message.
    pub duration_s: f64,
    /// `/sim/ground_truth`
    pub truth: Vec<Truth>,
    /// True ways of the moving objects, by name.
    pub actors: BTreeMap<String, Trail>,
    /// `/world_model`
    pub beliefs: Vec<Belief>,
    /// Believed ways of confirmed tracks in the map frame, by id.
    pub tracks: BTreeMap<u64, Trail>,
    /// `/odom`
    pub odometry: Vec<(f64, Pose2, Twist2)>,
    /// `/gate/state`
    pub gate: Vec<Gate>,
    /// `/cmd_vel`
    pub commands: Vec<(f64, Twist2)>,
    /// What leads from scans to velocities.
    pub computing: Computing,
    /// `/assurance/state`
    pub assurance: Vec<Assurance>,
    /// `/assurance/event`
    pub events: Vec<Event>,
    /// `/decision`
    pub decisions: Vec<Decided>,
    /// `/tree_transitions`
    pub tree: TreeRecord,
    /// `/goal_pose`, and the last poses of missions that were accepted, in the order of time.
    pub goals: Vec<GoalGiven>,
    /// What actions and services asked.
    pub missions: MissionRecord,
    /// The moments at which belief and truth are shown beside each other.
    pub glimpses: Glimpses,
    /// Outline of the robot, from what its nodes were started with; empty when not known.
    pub outline: Vec<Point2>,
    /// `/plan`
    pub plans: Vec<(f64, Vec<Point2>)>,
    /// `/map`, the last one.
    pub map: Option<Map>,
    /// Every topic.
    pub topics: BTreeMap<String, TopicRecord>,
    /// Every node.
    pub nodes: BTreeMap<String, NodeRecord>,
    /// What the reader of the report has to know about the data.
    pub notes: Vec<String>,
}
