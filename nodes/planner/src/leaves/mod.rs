//! The planner's actions and conditions: one file each, and one line here. Names as in Nav2 where it has them.

mod compute_path_to_pose;
mod follow_path;
mod goal_reached;
mod is_path_valid;
mod path_expiring_timer;
mod wait;

use crate::bt::{LeafRegistry, Ports};
use crate::error::PlannerError;
use crate::navigator::Navigator;

/// A leaf over the navigator.
type Leaf = Box<dyn crate::bt::Leaf<Navigator>>;

/// What the tree may call.
pub struct Leaves;

impl LeafRegistry for Leaves {
    type Context = Navigator;

    fn make(&self, id: &str, ports: &mut Ports<'_, '_>) -> Option<Result<Leaf, PlannerError>> {
        Some(match id {
            "ComputePathToPose" => Ok(Box::new(compute_path_to_pose::ComputePathToPose)),
            "FollowPath" => Ok(Box::new(follow_path::FollowPath)),
            "GoalReached" => Ok(Box::new(goal_reached::GoalReached)),
            "IsPathValid" => Ok(Box::new(is_path_valid::IsPathValid)),
            "PathExpiringTimer" => path_expiring_timer::PathExpiringTimer::make(ports),
            "Wait" => wait::Wait::make(ports),
            _ => return None,
        })
    }
}
