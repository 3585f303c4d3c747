use crate::navigator::Navigator;
use outrider_bt::{Class, Fault, Io, Kind, Leaf, Manifest, Port, Registry, Status};
use outrider_foundation::data::{CLEAR_SIDE_LIMIT_M, ClearRegion, Outcome};

/// Lets the world model forget.
struct ClearCostmap(&'static str, fn(f64) -> ClearRegion);

const ENTIRE: &str = "ClearEntireCostmap";
const AROUND: &str = "ClearCostmapAroundRobot";
const EXCEPT: &str = "ClearCostmapExceptRegion";
const SIDE: &str = "reset_distance";
const LEAST_M: f64 = 0.0;

fn described(id: &'static str, what: &'static str, example: &'static str) -> Manifest {
    Manifest::new(id, Class::Action, what, example).ports([Port::input(
        "service_name",
        Kind::Text,
        "a name with `global_costmap` is the global grid, one with `local_costmap` the local one, any other is both",
    )
    .or("")])
}

fn side(doc: &'static str) -> Port {
    Port::input(SIDE, Kind::Double, doc).or("1.0")
}

/// Adds what is here.
pub fn register(registry: &mut Registry<Navigator>) {
    registry
        .leaf(around_manifest(), make_around)
        .leaf(entire_manifest(), make_entire)
        .leaf(except_manifest(), make_except);
}

/// What trees may say of `ClearEntireCostmap`.
fn entire_manifest() -> Manifest {
    described(
        ENTIRE,
        "Lets the world model forget what scans have marked, and forgets the path; succeeds. It is done with the next scan: what that \
         sees is there again at once, and the map stays. Fails when too much is asked for in one tick.",
        "<ClearEntireCostmap service_name=\"local_costmap/clear_entirely_local_costmap\"/>",
    )
}

/// What trees may say of `ClearCostmapAroundRobot`.
fn around_manifest() -> Manifest {
    described(
        AROUND,
        "As ClearEntireCostmap, in a square about the robot.",
        "<ClearCostmapAroundRobot reset_distance=\"1.0\"/>",
    )
    .ports([side("side of the square, m: 0 to 1000")])
}

/// What trees may say of `ClearCostmapExceptRegion`.
fn except_manifest() -> Manifest {
    described(
        EXCEPT,
        "As ClearEntireCostmap, but for a square about the robot.",
        "<ClearCostmapExceptRegion reset_distance=\"1.0\"/>",
    )
    .ports([side("side of the square that is kept, m: 0 to 1000")])
}

/// Makes a `ClearEntireCostmap`.
fn make_entire(_io: &mut Io<'_>) -> Result<Box<dyn Leaf<Navigator>>, Fault> {
    Ok(Box::new(ClearCostmap(ENTIRE, |_| ClearRegion::Entire)))
}

/// Makes a `ClearCostmapAroundRobot`.
fn make_around(io: &mut Io<'_>) -> Result<Box<dyn Leaf<Navigator>>, Fault> {
    super::checked(io, SIDE, LEAST_M, CLEAR_SIDE_LIMIT_M)?;
    Ok(Box::new(ClearCostmap(AROUND, ClearRegion::Square)))
}

/// Makes a `ClearCostmapExceptRegion`.
fn make_except(io: &mut Io<'_>) -> Result<Box<dyn Leaf<Navigator>>, Fault> {
    super::checked(io, SIDE, LEAST_M, CLEAR_SIDE_LIMIT_M)?;
    Ok(Box::new(ClearCostmap(EXCEPT, ClearRegion::ExceptSquare)))
}

impl Leaf<Navigator> for ClearCostmap {
    fn tick(&mut self, io: &mut Io<'_>, navigator: &mut Navigator) -> Result<Status, Fault> {
        let side_m = match (self.1)(0.0) {
            ClearRegion::Entire => 0.0,
            _ => io.number_in(SIDE, LEAST_M, CLEAR_SIDE_LIMIT_M)?,
        };
        let service = if io.has("service_name") { Some(io.text("service_name")?) } else { None };
        let names = |grid: &str| service.as_ref().is_some_and(|service| service.contains(grid));
        let (local, global) = (names("local_costmap"), names("global_costmap"));
        let both = local == global;
        let asked = navigator.clear_costmap(local || both, global || both, (self.1)(side_m));
        navigator.tried(self.0, if asked { Outcome::Succeeded } else { Outcome::Failed });
        Ok(if asked { Status::Success } else { Status::Failure })
    }
}
