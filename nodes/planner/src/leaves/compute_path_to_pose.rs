use crate::bt::{Leaf, Status};
use crate::navigator::Navigator;
use outrider_foundation::Instant;

/// Plans a path to the goal. Keeps a valid path unless the new one is clearly better.
pub struct ComputePathToPose;

impl Leaf<Navigator> for ComputePathToPose {
    fn tick(&mut self, now: Instant, navigator: &mut Navigator) -> Status {
        if navigator.compute_path(now) { Status::Success } else { Status::Failure }
    }
}
