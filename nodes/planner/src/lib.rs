//! Core of the planner: behaviour tree, global plan, path follower with a braking tail.
//!
//! [`PlannerNode`] turns world models and a goal into velocity commands. Three parts do the work and know nothing of
//! each other: `outrider_bt` decides what to do, [`search`] finds a path, [`follow`] and [`safety`] turn the path into a
//! command that can always be braked to a stop without touching anything. [`Navigator`], which the tree's [`leaves`] work
//! on, joins them.
//!
//! The planner never knows ROS, clocks, files or the monitors of assurance; it proposes, others permit. Of the zones it
//! knows what a considerate driver does: it finds them in the world model's grids, and slows down before a speed limit.

mod config;
mod error;
pub mod external;
pub mod follow;
mod goals;
pub mod leaves;
mod maneuver;
pub mod mission;
pub mod mppi;
mod navigator;
mod node;
pub mod path;
pub mod safety;
pub mod search;
mod tree_log;

pub use config::{
    Config, Controller, ExternalConfig, ExternalMode, FollowConfig, GoalConfig, MissionConfig, ModeConfig,
    SafetyConfig, SearchConfig, TimingConfig, YieldConfig,
};
pub use error::PlannerError;
pub use goals::GOAL_LIMIT;
pub use maneuver::Maneuver;
pub use navigator::{CLEAR_LIMIT, Navigator};
pub use node::{EXTERNAL_TOPIC, Input, Output, PlannerNode, REQUEST_LIMIT};
pub use outrider_bt::{Cause, Status};
pub use tree_log::{CHANGE_LIMIT, TreeChange, TreeChanges};
