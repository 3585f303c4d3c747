//! Trees with the shape of those that Nav2 Jazzy ships, with Nav2's node names, drive the robot in the simulator.

use outrider_evaluation::{files, root};
use outrider_foundation::Point2;
use outrider_foundation::data::{Goal, WorldModel};
use outrider_foundation::grid::{COST_LETHAL, FrameId};
use outrider_msgs::outrider_msgs::{Tick, TreeTransitions};
use outrider_msgs::sensor_msgs::LaserScan;
use outrider_suite::Files;
use outrider_suite::bindings::topics;
use outrider_suite::convert::{goal_to_message, world_model_from_message};
use outrider_suite::drive::drive;
use outrider_suite::lockstep::{Lockstep, Observed};

/// Trees of a folder, one after the other, to the goal of the scenario.
fn reach(folder: &str, names: &[&str]) {
    let mut files = files("warehouse_crossing.yaml");
    for name in names {
        files.tree = Some(root().join(format!("{folder}/{name}.xml")));
        let result = drive(&files, &mut |_| {}, &mut |_| {}).unwrap();
        assert!(result.reached && result.collisions == 0, "{name}: {result:?}");
    }
}

#[test]
fn trees_of_the_shape_of_nav2s_drive_in_the_simulator() {
    reach(
        "tests/trees",
        &[
            "replan_in_time",
            "replan_after_a_distance",
            "replan_when_the_goal_changes",
            "replan_when_the_path_is_blocked",
            "replan_with_the_speed",
            "consistent_replanning",
            "goal_patience",
            "to_pose_with_recovery",
            "through_poses_with_recovery",
        ],
    );
}

#[test]
fn the_trees_that_come_with_outrider_drive_in_the_simulator() {
    let names = ["navigate_to_pose_with_recovery", "navigate_through_poses", "patrol", "dock_approach"];
    reach("config/trees", &names);
}

/// What a run has shown that these tests look at.
#[derive(Default)]
struct Seen {
    scan: Option<LaserScan>,
    world: Option<WorldModel>,
    changes: Vec<TreeTransitions>,
    ticks: Vec<Tick>,
    clears: usize,
}

impl Seen {
    fn see(&mut self, observed: &Observed) {
        match observed.topic.name.as_str() {
            "scan" => self.scan = outrider_msgs::decode(observed.bytes).ok(),
            "world_model" => {
                let world = outrider_msgs::decode(observed.bytes).unwrap();
                self.world = Some(world_model_from_message(world).unwrap());
            }
            "tree_transitions" => self.changes.push(outrider_msgs::decode(observed.bytes).unwrap()),
            "planner/journal" => self.ticks.push(outrider_msgs::decode(observed.bytes).unwrap()),
            "clear_costmap" => self.clears += 1,
            _ => {}
        }
    }

    /// Centres of the local grid's obstacles.
    fn obstacles(&self) -> Vec<Point2> {
        let grid = &self.world.as_ref().unwrap().local;
        let width = grid.width as usize;
        let lethal = grid.cost.iter().enumerate().filter(|(_, cost)| **cost == COST_LETHAL);
        lethal
            .map(|(i, _)| {
                let (col, row) = ((i % width) as f64, (i / width) as f64);
                let at = |first_m: f64, place: f64| first_m + (place + 0.5) * grid.resolution_m;
                Point2::new(at(grid.origin.x_m, col), at(grid.origin.y_m, row))
            })
            .collect()
    }
}

fn run_until(suite: &mut Lockstep, seen: &mut Seen, until_s: f64) {
    while suite.elapsed_s() < until_s {
        suite.advance(&mut |observed| seen.see(observed)).unwrap();
    }
}

/// A scan that sees through the walls marks what no later one can take back, until the tree asks for it.
#[test]
fn a_stale_obstacle_goes_when_the_tree_clears_the_costmap() {
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("clear.xml");
    let body =
        "<Sequence><Wait wait_duration=\"1\"/><ClearEntireCostmap/><Wait wait_duration=\"60\"/></Sequence>";
    std::fs::write(
        &tree,
        format!("<root BTCPP_format=\"4\"><BehaviorTree ID=\"M\">{body}</BehaviorTree></root>"),
    )
    .unwrap();
    let files = Files { tree: Some(tree), ..files("warehouse_crossing.yaml") };
    let mut suite = Lockstep::new(&files).unwrap();
    let mut seen = Seen::default();
    // Between two scans: one with the stamp of another is refused.
    run_until(&mut suite, &mut seen, 2.02);
    let mut ghost = seen.scan.clone().unwrap();
    let before = seen.obstacles();
    ghost.header.stamp = outrider_runtime::time_message(suite.now().ros);
    ghost.ranges.iter_mut().step_by(3).for_each(|range| *range += 0.6);
    suite.publish(&topics::scan(), &ghost, &mut |_| {}).unwrap();
    run_until(&mut suite, &mut seen, 4.0);
    let far = |p: &Point2, others: &[Point2]| others.iter().all(|other| other.distance_m(*p) > 0.25);
    let stale: Vec<Point2> = seen.obstacles().into_iter().filter(|p| far(p, &before)).collect();
    assert!(stale.len() >= 3, "only {} cells are stale", stale.len());

    let goal = Goal { stamp: suite.now().ros, frame: FrameId::Base, ..Goal::default() };
    suite.publish(&topics::goal_pose(), &goal_to_message(&goal), &mut |_| {}).unwrap();
    run_until(&mut suite, &mut seen, 4.9);
    assert!(seen.clears == 0 && stale.iter().all(|p| !far(p, &seen.obstacles())), "they stay by themselves");
    run_until(&mut suite, &mut seen, 5.3);
    let after = seen.obstacles();
    let left = stale.iter().filter(|p| after.iter().any(|other| other.distance_m(**p) < 0.04)).count();
    assert_eq!((seen.clears, left), (1, 0), "of {} stale cells", stale.len());
    assert!(after.len() > before.len() / 2, "what is seen is there: {} of {}", after.len(), before.len());

    // Every change is found in the journal by the number of its step.
    assert!(seen.changes.len() >= 2);
    for told in &seen.changes {
        let tick = seen.ticks.iter().find(|tick| tick.tick == told.tick).unwrap();
        assert_eq!((tick.boot_id, tick.ros), (told.boot_id, nanos(told)));
        assert!(tick.outputs > 0);
    }
}

fn nanos(told: &TreeTransitions) -> i64 {
    let stamp = &told.header.stamp;
    i64::from(stamp.sec) * 1_000_000_000 + i64::from(stamp.nanosec)
}
