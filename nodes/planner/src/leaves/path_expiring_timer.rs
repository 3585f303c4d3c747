use super::PATH;
use crate::navigator::Navigator;
use outrider_bt::{Class, Fault, Io, Kind, Leaf, Manifest, Port, Registry, Status};
use outrider_foundation::Span;

/// The path is old.
struct PathExpiringTimer;

/// Adds what is here.
pub fn register(registry: &mut Registry<Navigator>) {
    registry.leaf(manifest(), make);
}

/// What trees may say of it.
fn manifest() -> Manifest {
    Manifest::new(
        "PathExpiringTimer",
        Class::Condition,
        "Succeeds when the path was planned so long ago (or never), fails before.",
        "<PathExpiringTimer seconds=\"10\" path=\"{path}\"/>",
    )
    .ports([
        Port::input("seconds", Kind::Double, "how long ago, s: 0.05 to 3600").or("1.0"),
        Port::input("path", PATH, "the path: there is one, and it is the planner's own").or(""),
    ])
}

/// Makes one.
fn make(io: &mut Io<'_>) -> Result<Box<dyn Leaf<Navigator>>, Fault> {
    super::checked(io, "seconds", LEAST_S, MOST_S)?;
    Ok(Box::new(PathExpiringTimer))
}

const LEAST_S: f64 = 0.05;
const MOST_S: f64 = 3600.0;

impl Leaf<Navigator> for PathExpiringTimer {
    fn tick(&mut self, io: &mut Io<'_>, navigator: &mut Navigator) -> Result<Status, Fault> {
        let limit = Span::from_s(io.number_in("seconds", LEAST_S, MOST_S)?);
        Ok(match navigator.planned_at() {
            Some(at) if io.now.since(at) < limit => Status::Failure,
            _ => Status::Success,
        })
    }
}
