//! What every kind of node does: rules after BehaviorTree.CPP 4.10 (`src/controls`, `src/decorators`, `src/actions`) and
//! Nav2 Jazzy (`nav2_behavior_tree/plugins`).

mod action;
mod control;
mod decorator;
mod halt;
mod nav2;
mod parallel;

pub(crate) use action::entry_name;
pub use nav2::RECOVERY_LIMIT;
