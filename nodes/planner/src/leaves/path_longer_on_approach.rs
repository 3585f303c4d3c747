use super::PATH;
use crate::navigator::Navigator;
use outrider_bt::{Class, Decorator, Fault, Io, Kind, Manifest, Port, Registry, Status, Step};

/// Ticks the child when a new path near the goal is a detour.
struct PathLongerOnApproach {
    /// Searches done, and the way left, at the last look.
    known: Option<(u64, f64)>,
}

/// Adds what is here.
pub fn register(registry: &mut Registry<Navigator>) {
    registry.decorator(manifest(), make);
}

/// What trees may say of it.
fn manifest() -> Manifest {
    Manifest::new(
        "PathLongerOnApproach",
        Class::Decorator,
        "The child when a new path near the goal is much longer than the one before, until it has finished; else succeeds.",
        "<PathLongerOnApproach path=\"{path}\" prox_len=\"3.0\" length_factor=\"2.0\"><Wait/></PathLongerOnApproach>",
    )
    .ports([
        Port::input("path", PATH, "the path: there is one, and it is the planner's own").or(""),
        Port::input("prox_len", Kind::Double, "nearer to the goal than this counts as the approach, m").or("3.0"),
        Port::input("length_factor", Kind::Double, "so many times longer is much longer").or("2.0"),
    ])
}

/// Makes one.
fn make(_io: &mut Io<'_>) -> Result<Box<dyn Decorator<Navigator>>, Fault> {
    Ok(Box::new(PathLongerOnApproach { known: None }))
}

impl Decorator<Navigator> for PathLongerOnApproach {
    fn before(&mut self, io: &mut Io<'_>, child: Status, navigator: &mut Navigator) -> Result<Step, Fault> {
        if child == Status::Running {
            return Ok(Step::Child);
        }
        let (searches, _) = navigator.search_counts();
        let now = (searches, navigator.remaining_m());
        let starts = !io.status.is_active();
        let before = self.known.replace(now).filter(|(known, _)| !starts && *known != searches);
        let Some((_, left_m)) = before else { return Ok(Step::Return(Status::Success)) };
        let longer = left_m < io.number("prox_len")? && now.1 > io.number("length_factor")? * left_m;
        Ok(if longer { Step::Child } else { Step::Return(Status::Success) })
    }
}
