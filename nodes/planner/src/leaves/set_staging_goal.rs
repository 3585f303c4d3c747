use crate::navigator::Navigator;
use outrider_bt::{Class, Fault, Io, Kind, Leaf, Manifest, Port, Registry, Status};
use outrider_foundation::Pose2;

const MOST_M: f64 = 10.0;

/// Drives to a pose before the goal first.
struct SetStagingGoal;

/// Adds what is here.
pub fn register(registry: &mut Registry<Navigator>) {
    registry.leaf(manifest(), make);
}

/// What trees may say of it.
fn manifest() -> Manifest {
    Manifest::new(
        "SetStagingGoal",
        Class::Action,
        "Makes a pose straight before the goal that was sent, with its heading, the goal: from there the rest of the way is straight on.",
        "<SetStagingGoal distance=\"0.8\"/>",
    )
    .ports([Port::input("distance", Kind::Double, "how far before the goal, m: 0 to 10").or("0.8")])
}

/// Makes one.
fn make(io: &mut Io<'_>) -> Result<Box<dyn Leaf<Navigator>>, Fault> {
    super::checked(io, "distance", 0.0, MOST_M)?;
    Ok(Box::new(SetStagingGoal))
}

impl Leaf<Navigator> for SetStagingGoal {
    fn tick(&mut self, io: &mut Io<'_>, navigator: &mut Navigator) -> Result<Status, Fault> {
        let back_m = -io.number_in("distance", 0.0, MOST_M)?;
        let staging = navigator.sent_goal().map(|goal| goal.then(Pose2::new(back_m, 0.0, 0.0)));
        let set = staging.is_some_and(|pose| navigator.set_goals(&[pose]));
        Ok(if set { Status::Success } else { Status::Failure })
    }
}
