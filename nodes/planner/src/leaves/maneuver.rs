use crate::maneuver::Maneuver;
use crate::navigator::Navigator;
use outrider_bt::{Class, Fault, Io, Kind, Leaf, Manifest, Port, Registry, Status};
use outrider_foundation::data::Outcome;
use outrider_foundation::{Instant, Span};

/// Farthest way and widest angle of one maneuver, m and rad.
const MOST: f64 = 10.0;
const BACK_UP: &str = "BackUp";
const DRIVE: &str = "DriveOnHeading";
const SPIN: &str = "Spin";
const MOST_S: f64 = 600.0;
const LEAST_MPS: f64 = 0.01;
const MOST_MPS: f64 = 2.0;

/// Backs up, drives straight on, or turns on the spot. It only asks for it: the guard and assurance judge it like any move.
struct Move {
    name: &'static str,
    what: fn(&mut Io<'_>, &Navigator) -> Result<Maneuver, Fault>,
    since: Option<Instant>,
}

fn time_allowance() -> Port {
    Port::input("time_allowance", Kind::Double, "fails when it takes longer, s: 0 to 600").or("10.0")
}

fn ignored(name: &'static str) -> Port {
    Port::input(name, Kind::Bool, "as Nav2 names it: commands are always checked").or("false")
}

fn error_code() -> Port {
    Port::output("error_code_id", Kind::UInt16, "0: a failure is told by the status")
}

/// Adds what is here.
pub fn register(registry: &mut Registry<Navigator>) {
    registry
        .leaf(back_up_manifest(), make_back_up)
        .leaf(drive_manifest(), make_drive)
        .leaf(spin_manifest(), make_spin);
}

/// What trees may say of `BackUp`.
fn back_up_manifest() -> Manifest {
    Manifest::new(
        BACK_UP,
        Class::Action,
        "Drives straight back. Commands are judged as all others; fails when it takes too long, as it does when the way is blocked.",
        "<BackUp backup_dist=\"0.30\" backup_speed=\"0.15\"/>",
    )
    .ports([
        Port::input("backup_dist", Kind::Double, "the way, m: 0 to 10").or("0.15"),
        Port::input("backup_speed", Kind::Double, "greatest speed, m/s: 0.01 to 2").or("0.025"),
        time_allowance(),
        ignored("disable_collision_checks"),
        error_code(),
    ])
}

/// What trees may say of `DriveOnHeading`.
fn drive_manifest() -> Manifest {
    Manifest::new(
        DRIVE,
        Class::Action,
        "Drives straight on, without a path. Commands are judged as all others; fails when it takes too long.",
        "<DriveOnHeading dist_to_travel=\"0.5\" speed=\"0.1\" time_allowance=\"12\"/>",
    )
    .ports([
        Port::input("dist_to_travel", Kind::Double, "the way, m: -10 to 10; negative for back").or("0.15"),
        Port::input("speed", Kind::Double, "greatest speed, m/s: 0.01 to 2").or("0.025"),
        time_allowance(),
        ignored("disable_collision_checks"),
        error_code(),
    ])
}

/// What trees may say of `Spin`.
fn spin_manifest() -> Manifest {
    Manifest::new(
        SPIN,
        Class::Action,
        "Turns on the spot, to the left when the angle is positive. Commands are judged as all others; fails when it takes too long.",
        "<Spin spin_dist=\"1.57\"/>",
    )
    .ports([
        Port::input("spin_dist", Kind::Double, "the angle, rad: -10 to 10").or("1.57"),
        time_allowance(),
        ignored("is_recovery"),
        ignored("disable_collision_checks"),
        error_code(),
    ])
}

fn back_up(io: &mut Io<'_>, _navigator: &Navigator) -> Result<Maneuver, Fault> {
    let way_m = -io.number_in("backup_dist", 0.0, MOST)?;
    Ok(Maneuver::Straight { way_m, speed_mps: io.number_in("backup_speed", LEAST_MPS, MOST_MPS)? })
}

fn drive(io: &mut Io<'_>, _navigator: &Navigator) -> Result<Maneuver, Fault> {
    let way_m = io.number_in("dist_to_travel", -MOST, MOST)?;
    Ok(Maneuver::Straight { way_m, speed_mps: io.number_in("speed", LEAST_MPS, MOST_MPS)? })
}

fn spin(io: &mut Io<'_>, navigator: &Navigator) -> Result<Maneuver, Fault> {
    let by_rad = io.number_in("spin_dist", -MOST, MOST)?;
    Ok(Maneuver::Spin { by_rad, rate_radps: navigator.spin_radps() })
}

/// Makes a `BackUp`.
fn make_back_up(io: &mut Io<'_>) -> Result<Box<dyn Leaf<Navigator>>, Fault> {
    super::checked(io, "backup_dist", 0.0, MOST)?;
    super::checked(io, "backup_speed", LEAST_MPS, MOST_MPS)?;
    make(io, BACK_UP, back_up)
}

/// Makes a `DriveOnHeading`.
fn make_drive(io: &mut Io<'_>) -> Result<Box<dyn Leaf<Navigator>>, Fault> {
    super::checked(io, "dist_to_travel", -MOST, MOST)?;
    super::checked(io, "speed", LEAST_MPS, MOST_MPS)?;
    make(io, DRIVE, drive)
}

/// Makes a `Spin`.
fn make_spin(io: &mut Io<'_>) -> Result<Box<dyn Leaf<Navigator>>, Fault> {
    super::checked(io, "spin_dist", -MOST, MOST)?;
    make(io, SPIN, spin)
}

fn make(
    io: &mut Io<'_>,
    name: &'static str,
    what: fn(&mut Io<'_>, &Navigator) -> Result<Maneuver, Fault>,
) -> Result<Box<dyn Leaf<Navigator>>, Fault> {
    super::checked(io, "time_allowance", 0.0, MOST_S)?;
    Ok(Box::new(Move { name, what, since: None }))
}

impl Leaf<Navigator> for Move {
    fn tick(&mut self, io: &mut Io<'_>, navigator: &mut Navigator) -> Result<Status, Fault> {
        let starts = self.since.is_none();
        let since = *self.since.get_or_insert(io.now);
        let allowed = Span::from_s(io.number_in("time_allowance", 0.0, MOST_S)?);
        let what = (self.what)(io, navigator)?;
        let status = match navigator.maneuver(what, starts) {
            Status::Running if io.now.since(since) > allowed => {
                navigator.end_maneuver();
                Status::Failure
            }
            status => status,
        };
        if status.is_completed() {
            self.since = None;
            let done = status == Status::Success;
            navigator.tried(self.name, if done { Outcome::Succeeded } else { Outcome::Failed });
            io.output("error_code_id", super::NONE)?;
        }
        Ok(status)
    }

    fn halt(&mut self, navigator: &mut Navigator) {
        if self.since.take().is_some() {
            navigator.tried(self.name, Outcome::Halted);
        }
        navigator.end_maneuver();
    }
}
