use super::{PATH, POSE, PathCodes, ids};
use crate::navigator::Navigator;
use outrider_bt::{Class, Fault, Io, Kind, Leaf, Manifest, Port, Registry, Status};

/// Nav2's codes of its planner's result.
const CODES: PathCodes = PathCodes { invalid_planner: 301, no_path: 308 };
const MOST_M: f64 = 100.0;

/// Name of the one leaf that drops poses which the robot has come near to.
pub const REMOVE_PASSED_GOALS: &str = "RemovePassedGoals";

/// Forgets poses that were passed.
struct RemovePassedGoals;

/// Plans to the next pose.
struct ComputePathThroughPoses;

/// Adds what is here.
pub fn register(registry: &mut Registry<Navigator>) {
    registry.leaf(passed_manifest(), make_passed).leaf(path_manifest(), make_path);
}

/// What trees may say of `RemovePassedGoals`.
fn passed_manifest() -> Manifest {
    Manifest::new(
        REMOVE_PASSED_GOALS,
        Class::Action,
        "Forgets the poses on the way that the robot has come near to, one after the other, and succeeds. The goal stays.",
        "<RemovePassedGoals input_goals=\"{goals}\" output_goals=\"{goals}\" radius=\"0.7\"/>",
    )
    .ports([
        Port::input("radius", Kind::Double, "how near, m: 0 to 100").or("0.5"),
        Port::input("input_goals", POSE, "the goals: they are the planner's own").or(""),
        Port::output("output_goals", POSE, "not written: the goals are the planner's own"),
    ])
}

/// What trees may say of `ComputePathThroughPoses`.
fn path_manifest() -> Manifest {
    Manifest::new(
        "ComputePathThroughPoses",
        Class::Action,
        "Plans a path to the next of the goals; the following ones are planned to when it has been passed (RemovePassedGoals). \
         While there is a valid path it is RUNNING for the one tick that the search takes. Fails when there is none.",
        "<ComputePathThroughPoses goals=\"{goals}\" path=\"{path}\"/>",
    )
    .ports([
        Port::input("goals", POSE, "the goals: they are the planner's own").or(""),
        Port::input("planner_id", Kind::Text, ids::PLANNER_DOC).or(""),
        Port::output("path", PATH, "the path"),
        Port::output("error_code_id", Kind::UInt16, "0, 301 when there is no such planner, 308 when there is no path"),
    ])
}

/// Makes a `RemovePassedGoals`.
fn make_passed(io: &mut Io<'_>) -> Result<Box<dyn Leaf<Navigator>>, Fault> {
    super::checked(io, "radius", 0.0, MOST_M)?;
    Ok(Box::new(RemovePassedGoals))
}

/// Makes a `ComputePathThroughPoses`.
fn make_path(io: &mut Io<'_>) -> Result<Box<dyn Leaf<Navigator>>, Fault> {
    ids::PLANNERS.check(io)?;
    Ok(Box::new(ComputePathThroughPoses))
}

impl Leaf<Navigator> for RemovePassedGoals {
    fn tick(&mut self, io: &mut Io<'_>, navigator: &mut Navigator) -> Result<Status, Fault> {
        navigator.pass_goals(io.number_in("radius", 0.0, MOST_M)?);
        Ok(Status::Success)
    }
}

impl Leaf<Navigator> for ComputePathThroughPoses {
    fn tick(&mut self, io: &mut Io<'_>, navigator: &mut Navigator) -> Result<Status, Fault> {
        super::compute_path(io, navigator, &CODES)
    }

    fn halt(&mut self, navigator: &mut Navigator) {
        navigator.forget_request();
    }
}
