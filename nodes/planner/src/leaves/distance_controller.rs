use crate::navigator::Navigator;
use outrider_bt::{Class, Decorator, Fault, Io, Kind, Manifest, Port, Registry, Status, Step};
use outrider_foundation::Point2;

/// Ticks the child once a distance.
struct DistanceController {
    from: Option<Point2>,
}

/// Adds what is here.
pub fn register(registry: &mut Registry<Navigator>) {
    registry.decorator(manifest(), make);
}

/// What trees may say of it.
fn manifest() -> Manifest {
    Manifest::new(
        "DistanceController",
        Class::Decorator,
        "The child when it starts, again after so much way, and for as long as it runs.",
        "<DistanceController distance=\"1.0\"><ComputePathToPose/></DistanceController>",
    )
    .ports([Port::input("distance", Kind::Double, "how much way, m").or("1.0")])
}

/// Makes one.
fn make(_io: &mut Io<'_>) -> Result<Box<dyn Decorator<Navigator>>, Fault> {
    Ok(Box::new(DistanceController { from: None }))
}

impl Decorator<Navigator> for DistanceController {
    fn before(&mut self, io: &mut Io<'_>, child: Status, navigator: &mut Navigator) -> Result<Step, Fault> {
        let here = navigator.pose().position();
        if !io.status.is_active() {
            self.from = Some(here);
            return Ok(Step::Child);
        }
        let way_m = self.from.map_or(f64::INFINITY, |from| from.distance_m(here));
        let due = child == Status::Running || way_m >= io.number("distance")?;
        Ok(if due { Step::Child } else { Step::Return(Status::Running) })
    }

    fn after(&mut self, _io: &mut Io<'_>, child: Status, navigator: &mut Navigator) -> Result<Status, Fault> {
        if child == Status::Success {
            self.from = Some(navigator.pose().position());
        }
        Ok(child)
    }
}
