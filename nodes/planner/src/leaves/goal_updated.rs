use crate::navigator::Navigator;
use outrider_bt::{Class, Decorator, Fault, Io, Leaf, Manifest, Registry, Status, Step};

/// Sees whether the goal is another one than before.
#[derive(Default)]
struct GoalUpdated {
    known: Option<u64>,
    /// Begins anew when the node starts.
    each_start: bool,
}

fn goal(navigator: &Navigator) -> Option<u64> {
    navigator.goal().map(|goal| goal.id)
}

/// Adds what is here.
pub fn register(registry: &mut Registry<Navigator>) {
    registry
        .leaf(manifest(), make)
        .leaf(global_manifest(), make_global)
        .decorator(controller_manifest(), make_controller);
}

/// What trees may say of `GoalUpdated`.
fn manifest() -> Manifest {
    Manifest::new(
        "GoalUpdated",
        Class::Condition,
        "Succeeds when the goal has changed since the node was ticked last; fails when it starts.",
        "<GoalUpdated/>",
    )
}

/// What trees may say of `GlobalUpdatedGoal`.
fn global_manifest() -> Manifest {
    Manifest::new(
        "GlobalUpdatedGoal",
        Class::Condition,
        "Succeeds when the goal has changed since the node was ticked last, and the first time.",
        "<GlobalUpdatedGoal/>",
    )
}

/// What trees may say of `GoalUpdatedController`.
fn controller_manifest() -> Manifest {
    Manifest::new(
        "GoalUpdatedController",
        Class::Decorator,
        "The child when it starts, whenever the goal has changed, and for as long as it runs.",
        "<GoalUpdatedController><ComputePathToPose/></GoalUpdatedController>",
    )
}

/// Makes a `GoalUpdated`.
fn make(_io: &mut Io<'_>) -> Result<Box<dyn Leaf<Navigator>>, Fault> {
    Ok(Box::new(GoalUpdated { each_start: true, ..GoalUpdated::default() }))
}

/// Makes a `GlobalUpdatedGoal`.
fn make_global(_io: &mut Io<'_>) -> Result<Box<dyn Leaf<Navigator>>, Fault> {
    Ok(Box::new(GoalUpdated::default()))
}

/// Makes a `GoalUpdatedController`.
fn make_controller(_io: &mut Io<'_>) -> Result<Box<dyn Decorator<Navigator>>, Fault> {
    Ok(Box::new(GoalUpdatedController { known: None }))
}

impl Leaf<Navigator> for GoalUpdated {
    fn tick(&mut self, io: &mut Io<'_>, navigator: &mut Navigator) -> Result<Status, Fault> {
        let now = goal(navigator);
        let before = std::mem::replace(&mut self.known, now);
        let starts = self.each_start && !io.status.is_active();
        Ok(if before != now && !starts { Status::Success } else { Status::Failure })
    }
}

struct GoalUpdatedController {
    known: Option<u64>,
}

impl Decorator<Navigator> for GoalUpdatedController {
    fn before(&mut self, io: &mut Io<'_>, child: Status, navigator: &mut Navigator) -> Result<Step, Fault> {
        let now = goal(navigator);
        let before = std::mem::replace(&mut self.known, now);
        let due = !io.status.is_active() || before != now || child == Status::Running;
        Ok(if due { Step::Child } else { Step::Return(Status::Running) })
    }
}
