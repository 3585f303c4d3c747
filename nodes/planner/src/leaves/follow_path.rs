use super::{NONE, PATH, ids};
use crate::navigator::Navigator;
use outrider_bt::{Class, Fault, Io, Kind, Leaf, Manifest, Port, Registry, Status};

/// Nav2's codes of its controller's result.
const INVALID_CONTROLLER: u16 = 101;
const FAILED_TO_MAKE_PROGRESS: u16 = 105;

/// Asks for the path to be followed.
struct FollowPath;

/// Adds what is here.
pub fn register(registry: &mut Registry<Navigator>) {
    registry.leaf(manifest(), make);
}

/// What trees may say of it.
fn manifest() -> Manifest {
    Manifest::new(
        "FollowPath",
        Class::Action,
        "Asks for the path to be followed; succeeds when the robot stands at the goal. Fails when there is none, when it ends short of the goal, or when the robot \
         does not get on.",
        "<FollowPath path=\"{path}\"/>",
    )
    .ports([
        Port::input("path", PATH, "the path: there is one, and it is the planner's own").or(""),
        Port::input("controller_id", Kind::Text, ids::CONTROLLER_DOC).or(""),
        Port::input("goal_checker_id", Kind::Text, "as Nav2 names it: there is one").or(""),
        Port::input("progress_checker_id", Kind::Text, "as Nav2 names it: there is one").or(""),
        Port::output("error_code_id", Kind::UInt16, "0, 101 when there is no such controller, 105 when the path can not be followed"),
    ])
}

/// Makes one.
fn make(io: &mut Io<'_>) -> Result<Box<dyn Leaf<Navigator>>, Fault> {
    ids::CONTROLLERS.check(io)?;
    Ok(Box::new(FollowPath))
}

impl Leaf<Navigator> for FollowPath {
    fn tick(&mut self, io: &mut Io<'_>, navigator: &mut Navigator) -> Result<Status, Fault> {
        if ids::CONTROLLERS.find(io, navigator, INVALID_CONTROLLER)?.is_none() {
            navigator.stop_following();
            io.output("error_code_id", INVALID_CONTROLLER)?;
            return Ok(Status::Failure);
        }
        let status = navigator.follow_path(io.now);
        let code = if status == Status::Failure { FAILED_TO_MAKE_PROGRESS } else { NONE };
        io.output("error_code_id", code)?;
        Ok(status)
    }

    fn halt(&mut self, navigator: &mut Navigator) {
        navigator.stop_following();
    }
}
