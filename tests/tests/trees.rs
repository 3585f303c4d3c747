//! Trees with the shape of those that Nav2 Jazzy ships, with Nav2's node names, drive the robot in the simulator.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests read files")]

use outrider_evaluation::root;
use outrider_suite::Files;
use outrider_suite::drive::drive;

/// Trees of a folder, one after the other, to the goal of the scenario.
fn reach(folder: &str, names: &[&str]) {
    let mut files = Files {
        config: root().join("config"),
        scenario: Some(root().join("tests/scenarios/warehouse_crossing.yaml")),
        tree: None,
        zones: None,
        permit_key: None,
    };
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
