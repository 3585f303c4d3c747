use crate::navigator::Navigator;
use outrider_bt::{Class, Fault, Io, Kind, Leaf, Manifest, Port, Registry, Status};
use outrider_foundation::data::Outcome;
use outrider_foundation::{Instant, Span};

const NAME: &str = "Wait";
const LEAST_S: f64 = 0.05;
const MOST_S: f64 = 3600.0;

/// Stands still for a while.
struct Wait {
    since: Option<Instant>,
}

/// Adds what is here.
pub fn register(registry: &mut Registry<Navigator>) {
    registry.leaf(manifest(), make);
}

/// What trees may say of it.
fn manifest() -> Manifest {
    Manifest::new(
        NAME,
        Class::Action,
        "Runs for a while, standing still, then succeeds.",
        "<Wait wait_duration=\"5.0\"/>",
    )
    .ports([Port::input("wait_duration", Kind::Double, "how long, s: 0.05 to 3600").or("1.0")])
}

/// Makes one.
fn make(io: &mut Io<'_>) -> Result<Box<dyn Leaf<Navigator>>, Fault> {
    super::checked(io, "wait_duration", LEAST_S, MOST_S)?;
    Ok(Box::new(Wait { since: None }))
}

impl Leaf<Navigator> for Wait {
    fn tick(&mut self, io: &mut Io<'_>, navigator: &mut Navigator) -> Result<Status, Fault> {
        let duration = Span::from_s(io.number_in("wait_duration", LEAST_S, MOST_S)?);
        let since = *self.since.get_or_insert(io.now);
        if io.now.since(since) < duration {
            return Ok(Status::Running);
        }
        self.since = None;
        navigator.tried(NAME, Outcome::Succeeded);
        Ok(Status::Success)
    }

    fn halt(&mut self, navigator: &mut Navigator) {
        if self.since.take().is_some() {
            navigator.tried(NAME, Outcome::Halted);
        }
    }
}
