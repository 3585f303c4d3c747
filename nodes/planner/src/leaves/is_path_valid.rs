use crate::bt::{Leaf, Status};
use crate::navigator::Navigator;
use outrider_foundation::Instant;

/// Succeeds when there is a path, the robot is near it, and nothing stands on it within the horizon.
pub struct IsPathValid;

impl Leaf<Navigator> for IsPathValid {
    fn tick(&mut self, _now: Instant, navigator: &mut Navigator) -> Status {
        if navigator.path_is_valid() { Status::Success } else { Status::Failure }
    }
}
