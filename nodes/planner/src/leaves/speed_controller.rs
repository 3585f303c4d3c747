use crate::navigator::Navigator;
use outrider_bt::{BtError, Class, Decorator, Fault, Io, Kind, Manifest, Port, Registry, Status, Step};
use outrider_foundation::Instant;

/// Ticks the child the more often the faster the robot is.
struct SpeedController {
    since: Option<Instant>,
}

/// Adds what is here.
pub fn register(registry: &mut Registry<Navigator>) {
    registry.decorator(manifest(), make);
}

/// What trees may say of it.
fn manifest() -> Manifest {
    Manifest::new(
        "SpeedController",
        Class::Decorator,
        "The child when it starts, again at a rate that grows with the robot's speed, and for as long as it runs.",
        "<SpeedController min_rate=\"0.1\" max_rate=\"1.0\" min_speed=\"0.0\" max_speed=\"0.5\"><ComputePathToPose/></SpeedController>",
    )
    .ports([
        Port::input("min_rate", Kind::Double, "rate at the least speed, 1/s: 0.001 to 1000").or("0.1"),
        Port::input("max_rate", Kind::Double, "rate at the greatest speed, 1/s: 0.001 to 1000").or("1.0"),
        Port::input("min_speed", Kind::Double, "the least speed, m/s: -100 to 100").or("0.0"),
        Port::input("max_speed", Kind::Double, "the greatest speed, m/s: -100 to 100").or("0.5"),
    ])
}

/// Makes one; what stands in the tree is looked at, what is in the blackboard when it is used.
fn make(io: &mut Io<'_>) -> Result<Box<dyn Decorator<Navigator>>, Fault> {
    for pair in [RATES, SPEEDS] {
        for port in pair.ports {
            super::checked(io, port, pair.least, pair.most)?;
        }
        if pair.ports.iter().all(|port| io.is_constant(port)) {
            pair.read(io)?;
        }
    }
    Ok(Box::new(SpeedController { since: None }))
}

/// The least and the most of something, and what both lie between.
struct Pair {
    ports: [&'static str; 2],
    least: f64,
    most: f64,
}

const RATES: Pair = Pair { ports: ["min_rate", "max_rate"], least: 1e-3, most: 1e3 };
/// Beyond 100 m/s no robot drives.
const SPEEDS: Pair = Pair { ports: ["min_speed", "max_speed"], least: -100.0, most: 100.0 };

impl Pair {
    fn read(&self, io: &mut Io<'_>) -> Result<(f64, f64), Fault> {
        let [least, most] = self.ports;
        let low = io.number_in(least, self.least, self.most)?;
        let high = io.number_in(most, self.least, self.most)?;
        if low > high {
            let why = format!("port `{least}` is {low}, above `{most}`, which is {high}");
            return Err(Box::new(BtError::Value(why)));
        }
        Ok((low, high))
    }
}

impl Decorator<Navigator> for SpeedController {
    fn before(&mut self, io: &mut Io<'_>, child: Status, navigator: &mut Navigator) -> Result<Step, Fault> {
        if !io.status.is_active() {
            self.since = Some(io.now);
            return Ok(Step::Child);
        }
        let (low, high) = SPEEDS.read(io)?;
        let (slow, fast) = RATES.read(io)?;
        let share = ((navigator.speed_mps() - low) / (high - low).max(1e-6)).clamp(0.0, 1.0);
        let period_s = 1.0 / (slow + share * (fast - slow));
        let waited_s = self.since.map_or(f64::INFINITY, |since| io.now.since(since).as_s());
        let due = child == Status::Running || waited_s >= period_s;
        Ok(if due { Step::Child } else { Step::Return(Status::Running) })
    }

    fn after(&mut self, io: &mut Io<'_>, child: Status, _navigator: &mut Navigator) -> Result<Status, Fault> {
        if child == Status::Success {
            self.since = Some(io.now);
        }
        Ok(child)
    }
}
