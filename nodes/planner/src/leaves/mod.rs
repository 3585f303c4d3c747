//! The planner's actions and conditions: one file each, and one line in the list here. Names as in Nav2 where it has them.

mod ids;

use crate::navigator::Navigator;
use outrider_bt::{BtError, Custom, CustomKind, Fault, Io, Kind, Registry, Status, Tree, Value};
pub(crate) use through_poses::REMOVE_PASSED_GOALS;

/// The files, each with a `register`. (`cargo fmt` does not look behind the list: `make format` does.)
macro_rules! leaves {
    ($($file:ident,)*) => {
        $(mod $file;)*

        /// What trees may have: the engine's nodes and the planner's.
        pub fn registry() -> Registry<Navigator> {
            let mut registry = Registry::new();
            $($file::register(&mut registry);)*
            registry
        }
    };
}

leaves! {
    clear_costmap,
    compute_path_to_pose,
    distance_controller,
    follow_path,
    follow_point,
    goal_reached,
    goal_updated,
    is_path_valid,
    is_somebody_ahead,
    maneuver,
    path_expiring_timer,
    path_longer_on_approach,
    recovery_help,
    selector,
    set_goals,
    set_staging_goal,
    speed_controller,
    through_poses,
    wait,
}

/// The page of all nodes: `docs/trees.md`.
pub fn documentation() -> String {
    outrider_bt::documentation(&registry())
}

/// A number of the XML is looked at when the tree is built; one of the blackboard when it is used.
fn checked(io: &mut Io<'_>, port: &str, least: f64, most: f64) -> Result<(), Fault> {
    if io.is_constant(port) { io.number_in(port, least, most).map(|_| ()) } else { Ok(()) }
}

/// Nav2's codes of a planner's result.
struct PathCodes {
    invalid_planner: u16,
    no_path: u16,
}

/// Plans, or waits for what is planned between two commands; writes the path and the error code.
fn compute_path(io: &mut Io<'_>, navigator: &mut Navigator, codes: &PathCodes) -> Result<Status, Fault> {
    let Some(planner) = ids::PLANNERS.find(io, navigator, codes.invalid_planner)? else {
        navigator.forget_request();
        io.output("error_code_id", codes.invalid_planner)?;
        return Ok(Status::Failure);
    };
    match navigator.request_path(io.now, ids::is_lattice(planner)) {
        None => return Ok(Status::Running),
        Some(true) => {}
        Some(false) => {
            io.output("error_code_id", codes.no_path)?;
            return Ok(Status::Failure);
        }
    }
    let (searches, _) = navigator.search_counts();
    io.output("path", Value::other(Token { kind: &PATH_KIND, number: searches }))?;
    io.output("error_code_id", NONE)?;
    Ok(Status::Success)
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
