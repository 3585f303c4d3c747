use crate::navigator::Navigator;
use outrider_bt::{Class, Fault, Io, Kind, Leaf, Manifest, Port, Registry, Status};

/// An error code is one that a recovery may help with.
struct RecoveryHelp;

fn described(id: &'static str, doc: &'static str, example: &'static str) -> Manifest {
    let code =
        Port::input("error_code", Kind::UInt16, "the code; an entry that is not set counts as 0").or("");
    Manifest::new(id, Class::Condition, doc, example).ports([code])
}

/// Adds what is here.
pub fn register(registry: &mut Registry<Navigator>) {
    registry.leaf(controller_manifest(), make).leaf(planner_manifest(), make);
}

/// What trees may say of `WouldAPlannerRecoveryHelp`.
fn planner_manifest() -> Manifest {
    described(
        "WouldAPlannerRecoveryHelp",
        "Succeeds when planning ended with an error: all of the planner's may pass by themselves.",
        "<WouldAPlannerRecoveryHelp error_code=\"{compute_path_error_code}\"/>",
    )
}

/// What trees may say of `WouldAControllerRecoveryHelp`.
fn controller_manifest() -> Manifest {
    described(
        "WouldAControllerRecoveryHelp",
        "Succeeds when following the path ended with an error: all of the controller's may pass by themselves.",
        "<WouldAControllerRecoveryHelp error_code=\"{follow_path_error_code}\"/>",
    )
}

/// Makes one.
fn make(_io: &mut Io<'_>) -> Result<Box<dyn Leaf<Navigator>>, Fault> {
    Ok(Box::new(RecoveryHelp))
}

impl Leaf<Navigator> for RecoveryHelp {
    fn tick(&mut self, io: &mut Io<'_>, _navigator: &mut Navigator) -> Result<Status, Fault> {
        let code = io.number("error_code").unwrap_or(0.0);
        Ok(if code > 0.0 { Status::Success } else { Status::Failure })
    }
}
