use crate::navigator::Navigator;
use outrider_bt::{Class, Fault, Io, Kind, Leaf, Manifest, Port, Registry, Status};

/// Names the one planner or controller that there is.
struct Selector {
    default: &'static str,
    selected: &'static str,
}

/// Adds what is here.
pub fn register(registry: &mut Registry<Navigator>) {
    registry.leaf(controller_manifest(), make_controller).leaf(planner_manifest(), make_planner);
}

/// What trees may say of `PlannerSelector`.
fn planner_manifest() -> Manifest {
    Manifest::new(
        "PlannerSelector",
        Class::Action,
        "Gives the default planner's name and succeeds: no topic chooses another.",
        "<PlannerSelector selected_planner=\"{planner}\" default_planner=\"GridBased\" topic_name=\"planner_selector\"/>",
    )
    .ports([
        Port::input("default_planner", Kind::Text, "the name"),
        Port::input("topic_name", Kind::Text, "not listened to").or("planner_selector"),
        Port::output("selected_planner", Kind::Text, "the name"),
    ])
}

/// What trees may say of `ControllerSelector`.
fn controller_manifest() -> Manifest {
    Manifest::new(
        "ControllerSelector",
        Class::Action,
        "Gives the default controller's name and succeeds: there is one controller, and no topic chooses another.",
        "<ControllerSelector selected_controller=\"{controller}\" default_controller=\"FollowPath\" topic_name=\"controller_selector\"/>",
    )
    .ports([
        Port::input("default_controller", Kind::Text, "the name"),
        Port::input("topic_name", Kind::Text, "not listened to").or("controller_selector"),
        Port::output("selected_controller", Kind::Text, "the name"),
    ])
}

/// Makes a `PlannerSelector`.
fn make_planner(_io: &mut Io<'_>) -> Result<Box<dyn Leaf<Navigator>>, Fault> {
    Ok(Box::new(Selector { default: "default_planner", selected: "selected_planner" }))
}

/// Makes a `ControllerSelector`.
fn make_controller(_io: &mut Io<'_>) -> Result<Box<dyn Leaf<Navigator>>, Fault> {
    Ok(Box::new(Selector { default: "default_controller", selected: "selected_controller" }))
}

impl Leaf<Navigator> for Selector {
    fn tick(&mut self, io: &mut Io<'_>, _navigator: &mut Navigator) -> Result<Status, Fault> {
        let name = io.input(self.default)?;
        io.output(self.selected, name)?;
        Ok(Status::Success)
    }
}
