use crate::bt::{Leaf, Status};
use crate::navigator::Navigator;
use outrider_foundation::Instant;

/// Asks for the path to be followed. Fails when there is none, when it ends short of the goal, or when the robot does not get on.
pub struct FollowPath;

impl Leaf<Navigator> for FollowPath {
    fn tick(&mut self, now: Instant, navigator: &mut Navigator) -> Status {
        navigator.follow_path(now)
    }

    fn halt(&mut self, navigator: &mut Navigator) {
        navigator.stop_following();
    }
}
