use crate::bt::{Leaf, Status};
use crate::navigator::Navigator;
use outrider_foundation::Instant;

/// Succeeds when the robot stands at the goal, within the tolerances of position and heading.
pub struct GoalReached;

impl Leaf<Navigator> for GoalReached {
    fn tick(&mut self, _now: Instant, navigator: &mut Navigator) -> Status {
        if navigator.goal_reached() { Status::Success } else { Status::Failure }
    }
}
