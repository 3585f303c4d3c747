use crate::navigator::Navigator;
use outrider_bt::{Class, Fault, Io, Kind, Leaf, Manifest, Port, Status};

/// Forgets what was planned.
struct ClearCostmap;

fn described(id: &'static str, example: &'static str) -> Manifest {
    Manifest::new(
        id,
        Class::Action,
        "Forgets the path, so that the next one is planned from nothing, and succeeds. What stands around is the world model's, \
         which forgets by itself what the sensors see no more: it is never cleared by order.",
        example,
    )
    .ports([Port::input("service_name", Kind::Text, "as Nav2 names it: no service is called").or("")])
}

/// What trees may say of `ClearEntireCostmap`.
pub fn entire_manifest() -> Manifest {
    let example = "<ClearEntireCostmap service_name=\"local_costmap/clear_entirely_local_costmap\"/>";
    described("ClearEntireCostmap", example)
}

/// What trees may say of `ClearCostmapAroundRobot`.
pub fn around_manifest() -> Manifest {
    described("ClearCostmapAroundRobot", "<ClearCostmapAroundRobot reset_distance=\"1.0\"/>")
        .ports([Port::input("reset_distance", Kind::Double, "as Nav2 names it: all is forgotten").or("1.0")])
}

/// What trees may say of `ClearCostmapExceptRegion`.
pub fn except_manifest() -> Manifest {
    described("ClearCostmapExceptRegion", "<ClearCostmapExceptRegion reset_distance=\"1.0\"/>")
        .ports([Port::input("reset_distance", Kind::Double, "as Nav2 names it: all is forgotten").or("1.0")])
}

/// Makes one.
pub fn make(_io: &mut Io<'_>) -> Result<Box<dyn Leaf<Navigator>>, Fault> {
    Ok(Box::new(ClearCostmap))
}

impl Leaf<Navigator> for ClearCostmap {
    fn tick(&mut self, _io: &mut Io<'_>, navigator: &mut Navigator) -> Result<Status, Fault> {
        navigator.forget_path();
        Ok(Status::Success)
    }
}
