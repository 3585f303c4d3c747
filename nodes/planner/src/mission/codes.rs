//! Codes of results: the numbers that Nav2 gives them, in the ranges of `NavigateToPose`.
//!
//! Jazzy names the codes of planning and following, and passes them on as the result of navigation. Those of the navigation itself
//! have names in later releases of Nav2 only; the numbers are the same.

/// All is well.
pub const NONE: u16 = 0;
/// The robot does not get on along its path (`FollowPath`).
pub const FAILED_TO_MAKE_PROGRESS: u16 = 105;
/// The goal is outside of the map (`ComputePathToPose`).
pub const GOAL_OUTSIDE_MAP: u16 = 204;
/// The robot stands where it may not plan from.
pub const START_OCCUPIED: u16 = 205;
/// Something stands on the goal.
pub const GOAL_OCCUPIED: u16 = 206;
/// The search took too many steps.
pub const PLANNING_LIMIT: u16 = 207;
/// No way leads there.
pub const NO_VALID_PATH: u16 = 208;
/// Whatever has no code of its own.
pub const UNKNOWN: u16 = 9000;
/// There is no such tree.
pub const FAILED_TO_LOAD_BEHAVIOR_TREE: u16 = 9001;
/// The frame of the goal is none that the robot is known in.
pub const TF_ERROR: u16 = 9002;
/// It took longer than a mission may.
pub const TIMEOUT: u16 = 9003;
