//! The planner's actions and conditions: one file each, and one line in the list here. Names as in Nav2 where it has them.

use crate::navigator::Navigator;
use outrider_bt::{BtError, Custom, CustomKind, Fault, Io, Kind, Registry, Status, Tree, Value};

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
