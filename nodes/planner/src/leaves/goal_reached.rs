use super::POSE;
use crate::navigator::Navigator;
use outrider_bt::{Class, Fault, Io, Leaf, Manifest, Port, Registry, Status};

/// The robot stands at the goal.
struct GoalReached;

/// Adds what is here.
pub fn register(registry: &mut Registry<Navigator>) {
    registry.leaf(manifest(), make);
}

/// What trees may say of it.
fn manifest() -> Manifest {
    Manifest::new(
        "GoalReached",
        Class::Condition,
        "Succeeds when the robot stands at the goal, within the tolerances of position and heading.",
        "<GoalReached goal=\"{goal}\"/>",
    )
    .ports([Port::input("goal", POSE, "the goal: there is one, and it is the planner's own").or("")])
}

/// Makes one.
fn make(_io: &mut Io<'_>) -> Result<Box<dyn Leaf<Navigator>>, Fault> {
    Ok(Box::new(GoalReached))
}

impl Leaf<Navigator> for GoalReached {
    fn tick(&mut self, _io: &mut Io<'_>, navigator: &mut Navigator) -> Result<Status, Fault> {
        Ok(if navigator.goal_reached() { Status::Success } else { Status::Failure })
    }
}
