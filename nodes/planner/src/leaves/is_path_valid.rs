use super::PATH;
use crate::navigator::Navigator;
use outrider_bt::{Class, Fault, Io, Leaf, Manifest, Port, Registry, Status};

/// The path can be followed.
struct IsPathValid;

/// Adds what is here.
pub fn register(registry: &mut Registry<Navigator>) {
    registry.leaf(manifest(), make);
}

/// What trees may say of it.
fn manifest() -> Manifest {
    Manifest::new(
        "IsPathValid",
        Class::Condition,
        "Succeeds when there is a path, the robot is near it, and nothing stands on it within the horizon.",
        "<IsPathValid path=\"{path}\"/>",
    )
    .ports([Port::input("path", PATH, "the path: there is one, and it is the planner's own").or("")])
}

/// Makes one.
fn make(_io: &mut Io<'_>) -> Result<Box<dyn Leaf<Navigator>>, Fault> {
    Ok(Box::new(IsPathValid))
}

impl Leaf<Navigator> for IsPathValid {
    fn tick(&mut self, _io: &mut Io<'_>, navigator: &mut Navigator) -> Result<Status, Fault> {
        Ok(if navigator.path_is_valid() { Status::Success } else { Status::Failure })
    }
}
