//! The planner's actions and conditions: one file each, and one line here. Names as in Nav2 where it has them.

mod clear_costmap;
mod compute_path_to_pose;
mod distance_controller;
mod follow_path;
mod follow_point;
mod goal_reached;
mod goal_updated;
mod is_path_valid;
mod maneuver;
mod path_expiring_timer;
mod path_longer_on_approach;
mod recovery_help;
mod selector;
mod set_goals;
mod set_staging_goal;
mod speed_controller;
mod through_poses;
mod wait;

use crate::navigator::Navigator;
use outrider_bt::{BtError, Custom, CustomKind, Fault, Io, Kind, Registry, Status, Tree, Value};

/// What trees may have: the engine's nodes and the planner's.
pub fn registry() -> Registry<Navigator> {
    let mut registry = Registry::new();
    registry
        .leaf(clear_costmap::around_manifest(), clear_costmap::make_around)
        .leaf(clear_costmap::entire_manifest(), clear_costmap::make_entire)
        .leaf(clear_costmap::except_manifest(), clear_costmap::make_except)
        .leaf(compute_path_to_pose::manifest(), compute_path_to_pose::make)
        .leaf(follow_path::manifest(), follow_path::make)
        .leaf(follow_point::truncate_manifest(), follow_point::make_truncate)
        .leaf(goal_reached::manifest(), goal_reached::make)
        .leaf(goal_updated::manifest(), goal_updated::make)
        .leaf(goal_updated::global_manifest(), goal_updated::make_global)
        .leaf(is_path_valid::manifest(), is_path_valid::make)
        .leaf(maneuver::back_up_manifest(), maneuver::make_back_up)
        .leaf(maneuver::drive_manifest(), maneuver::make_drive)
        .leaf(maneuver::spin_manifest(), maneuver::make_spin)
        .leaf(path_expiring_timer::manifest(), path_expiring_timer::make)
        .leaf(recovery_help::controller_manifest(), recovery_help::make)
        .leaf(recovery_help::planner_manifest(), recovery_help::make)
        .leaf(selector::controller_manifest(), selector::make_controller)
        .leaf(selector::planner_manifest(), selector::make_planner)
        .leaf(set_goals::manifest(), set_goals::make)
        .leaf(set_staging_goal::manifest(), set_staging_goal::make)
        .leaf(through_poses::passed_manifest(), through_poses::make_passed)
        .leaf(through_poses::path_manifest(), through_poses::make_path)
        .leaf(wait::manifest(), wait::make)
        .decorator(distance_controller::manifest(), distance_controller::make)
        .decorator(follow_point::updater_manifest(), follow_point::make_updater)
        .decorator(goal_updated::controller_manifest(), goal_updated::make_controller)
        .decorator(path_longer_on_approach::manifest(), path_longer_on_approach::make)
        .decorator(speed_controller::manifest(), speed_controller::make);
    registry
}

/// The page of all nodes: `docs/trees.md`.
pub fn documentation() -> String {
    outrider_bt::documentation(&registry())
}

/// A number of the XML is looked at when the tree is built; one of the blackboard when it is used.
fn checked(io: &mut Io<'_>, port: &str, least: f64, most: f64) -> Result<(), Fault> {
    if io.is_constant(port) { io.number_in(port, least, most).map(|_| ()) } else { Ok(()) }
}

/// Plans; writes the path and the error code, `failed` when there is no path.
fn compute_path(io: &mut Io<'_>, navigator: &mut Navigator, failed: u16) -> Result<Status, Fault> {
    let by_outline = io.has("planner_id") && *io.text("planner_id")? == *OUTLINE_PLANNER;
    if !navigator.compute_path(io.now, by_outline) {
        io.output("error_code_id", failed)?;
        return Ok(Status::Failure);
    }
    let (searches, _) = navigator.search_counts();
    io.output("path", Value::other(Token { kind: &PATH_KIND, number: searches }))?;
    io.output("error_code_id", NONE)?;
    Ok(Status::Success)
}

/// The `planner_id` of the search with the robot's outline and heading; any other is the plain one, which takes this one's help
/// where the outline does not fit.
const OUTLINE_PLANNER: &str = "Lattice";
/// What the port of that name says of it.
const PLANNER_ID: &str = "Lattice: with the robot's outline and heading; any other, as GridBased: on the grid, and by the \
     lattice where the outline does not fit along that path";

/// Nav2's code for no error.
const NONE: u16 = 0;

static POSE_KIND: CustomKind = CustomKind { name: "geometry_msgs::msg::PoseStamped", parse: None };
static PATH_KIND: CustomKind = CustomKind { name: "nav_msgs::msg::Path", parse: None };

/// Type of ports with a pose.
const POSE: Kind = Kind::Custom(&POSE_KIND);
/// Type of ports with a path.
const PATH: Kind = Kind::Custom(&PATH_KIND);

/// Stands in the blackboard for a goal or a path, which the navigator holds: its number tells it from those before.
#[derive(Debug)]
struct Token {
    kind: &'static CustomKind,
    number: u64,
}

impl Custom for Token {
    fn kind(&self) -> &'static CustomKind {
        self.kind
    }

    fn as_any(&self) -> &dyn std::any::Any {
        &self.number
    }
}

/// Writes the goal's entry.
pub(crate) fn tell_goal(tree: &mut Tree<Navigator>, number: u64) -> Result<(), BtError> {
    tree.set("goal", Value::other(Token { kind: &POSE_KIND, number }))
}
