use crate::navigator::Navigator;
use outrider_bt::{Class, Fault, Io, Kind, Leaf, Manifest, Port, Registry, Status};

/// Somebody stands before or beside the robot.
struct IsSomebodyAhead;

const WITHIN: &str = "within";
const MOST_M: f64 = 10.0;

/// Adds what is here.
pub fn register(registry: &mut Registry<Navigator>) {
    registry.leaf(manifest(), make);
}

/// What trees may say of it.
fn manifest() -> Manifest {
    Manifest::new(
        "IsSomebodyAhead",
        Class::Condition,
        "Succeeds when a tracked object stands before or beside the robot, within 135° of ahead: somebody who may wait for the robot.",
        "<IsSomebodyAhead within=\"0.9\"/>",
    )
    .ports([Port::input(WITHIN, Kind::Double, "no farther from the outline than this, m: 0 to 10").or("0.9")])
}

/// Makes one.
fn make(io: &mut Io<'_>) -> Result<Box<dyn Leaf<Navigator>>, Fault> {
    super::checked(io, WITHIN, 0.0, MOST_M)?;
    Ok(Box::new(IsSomebodyAhead))
}

impl Leaf<Navigator> for IsSomebodyAhead {
    fn tick(&mut self, io: &mut Io<'_>, navigator: &mut Navigator) -> Result<Status, Fault> {
        let within_m = io.number_in(WITHIN, 0.0, MOST_M)?;
        Ok(if navigator.somebody_ahead(within_m) { Status::Success } else { Status::Failure })
    }
}
