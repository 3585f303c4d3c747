use super::{PATH, POSE};
use crate::navigator::Navigator;
use outrider_bt::{Class, Decorator, Fault, Io, Kind, Leaf, Manifest, Port, Registry, Status, Step};

const MOST_M: f64 = 100.0;

/// Hands the goal on.
struct GoalUpdater;

/// Ends the path before the goal.
struct TruncatePath;

/// Adds what is here.
pub fn register(registry: &mut Registry<Navigator>) {
    registry.leaf(truncate_manifest(), make_truncate).decorator(updater_manifest(), make_updater);
}

/// What trees may say of `GoalUpdater`.
fn updater_manifest() -> Manifest {
    Manifest::new(
        "GoalUpdater",
        Class::Decorator,
        "Ticks its child: a goal that is sent replaces the one before at once, so that there is nothing to be updated.",
        "<GoalUpdater input_goal=\"{goal}\" output_goal=\"{updated_goal}\"><ComputePathToPose goal=\"{updated_goal}\"/></GoalUpdater>",
    )
    .ports([
        Port::input("input_goal", POSE, "the goal: there is one, and it is the planner's own").or(""),
        Port::output("output_goal", POSE, "not written: it is the same goal"),
    ])
}

/// What trees may say of `TruncatePath`.
fn truncate_manifest() -> Manifest {
    Manifest::new(
        "TruncatePath",
        Class::Action,
        "Ends the path so far before the goal; following it succeeds when the robot stands there. Fails when there is no path.",
        "<TruncatePath distance=\"1.0\" input_path=\"{path}\" output_path=\"{truncated_path}\"/>",
    )
    .ports([
        Port::input("distance", Kind::Double, "how far before the goal, m: 0 to 100").or("1.0"),
        Port::input("input_path", PATH, "the path: there is one, and it is the planner's own").or(""),
        Port::output("output_path", PATH, "not written: it is the same path"),
    ])
}

/// Makes a `GoalUpdater`.
fn make_updater(_io: &mut Io<'_>) -> Result<Box<dyn Decorator<Navigator>>, Fault> {
    Ok(Box::new(GoalUpdater))
}

/// Makes a `TruncatePath`.
fn make_truncate(io: &mut Io<'_>) -> Result<Box<dyn Leaf<Navigator>>, Fault> {
    super::checked(io, "distance", 0.0, MOST_M)?;
    Ok(Box::new(TruncatePath))
}

impl Decorator<Navigator> for GoalUpdater {
    fn before(
        &mut self,
        _io: &mut Io<'_>,
        _child: Status,
        _navigator: &mut Navigator,
    ) -> Result<Step, Fault> {
        Ok(Step::Child)
    }
}

impl Leaf<Navigator> for TruncatePath {
    fn tick(&mut self, io: &mut Io<'_>, navigator: &mut Navigator) -> Result<Status, Fault> {
        let cut = navigator.cut_path(io.number_in("distance", 0.0, MOST_M)?);
        Ok(if cut { Status::Success } else { Status::Failure })
    }
}
