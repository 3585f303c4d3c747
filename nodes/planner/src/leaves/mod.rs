//! The planner's actions and conditions: one file each, and one line here. Names as in Nav2 where it has them.

mod compute_path_to_pose;
mod distance_controller;
mod follow_path;
mod goal_reached;
mod goal_updated;
mod is_path_valid;
mod path_expiring_timer;
mod selector;
mod wait;

use crate::navigator::Navigator;
use outrider_bt::{BtError, Custom, CustomKind, Fault, Io, Kind, Registry, Tree, Value};

/// What trees may have: the engine's nodes and the planner's.
pub fn registry() -> Registry<Navigator> {
    let mut registry = Registry::new();
    registry
        .leaf(compute_path_to_pose::manifest(), compute_path_to_pose::make)
        .leaf(follow_path::manifest(), follow_path::make)
        .leaf(goal_reached::manifest(), goal_reached::make)
        .leaf(goal_updated::manifest(), goal_updated::make)
        .leaf(goal_updated::global_manifest(), goal_updated::make_global)
        .leaf(is_path_valid::manifest(), is_path_valid::make)
        .leaf(path_expiring_timer::manifest(), path_expiring_timer::make)
        .leaf(selector::controller_manifest(), selector::make_controller)
        .leaf(selector::planner_manifest(), selector::make_planner)
        .leaf(wait::manifest(), wait::make)
        .decorator(distance_controller::manifest(), distance_controller::make)
        .decorator(goal_updated::controller_manifest(), goal_updated::make_controller);
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
