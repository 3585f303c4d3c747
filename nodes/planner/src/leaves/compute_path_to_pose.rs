use super::{PATH, POSE, PathCodes, ids};
use crate::navigator::Navigator;
use outrider_bt::{Class, Fault, Io, Kind, Leaf, Manifest, Port, Registry, Status};

/// Nav2's codes of its planner's result.
const CODES: PathCodes = PathCodes { invalid_planner: 201, no_path: 208 };

/// Plans a path to the goal. Keeps a valid path unless the new one is clearly better.
struct ComputePathToPose;

/// Adds what is here.
pub fn register(registry: &mut Registry<Navigator>) {
    registry.leaf(manifest(), make);
}

/// What trees may say of it.
fn manifest() -> Manifest {
    Manifest::new(
        "ComputePathToPose",
        Class::Action,
        "Plans a path to the goal; a valid path is kept unless the new one is clearly better, and driven on (in a PipelineSequence) for the one tick that the search takes then. Fails when there is none.",
        "<ComputePathToPose goal=\"{goal}\" path=\"{path}\"/>",
    )
    .ports([
        Port::input("goal", POSE, "the goal: there is one, and it is the planner's own").or(""),
        Port::input("planner_id", Kind::Text, ids::PLANNER_DOC).or(""),
        Port::output("path", PATH, "the path"),
        Port::output("error_code_id", Kind::UInt16, "0, 201 when there is no such planner, 208 when there is no path"),
    ])
}

/// Makes one.
fn make(io: &mut Io<'_>) -> Result<Box<dyn Leaf<Navigator>>, Fault> {
    ids::PLANNERS.check(io)?;
    Ok(Box::new(ComputePathToPose))
}

impl Leaf<Navigator> for ComputePathToPose {
    fn tick(&mut self, io: &mut Io<'_>, navigator: &mut Navigator) -> Result<Status, Fault> {
        super::compute_path(io, navigator, &CODES)
    }

    fn halt(&mut self, navigator: &mut Navigator) {
        navigator.forget_request();
    }
}
