//! Zones over whole drives: out of one that the robot was put down in, and along a lane that is closed to it.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests read files")]

use outrider_evaluation::root;
use outrider_msgs::outrider_msgs::GroundTruth;
use outrider_suite::Files;
use outrider_suite::drive::{DriveResult, drive};

/// Drives, and hands every true pose to `see`.
fn driven(scenario: std::path::PathBuf, see: &mut dyn FnMut(&GroundTruth)) -> DriveResult {
    let config = root().join("config");
    let files = Files { config, scenario: Some(scenario), tree: None, zones: None, permit_key: None };
    let mut observe = |observed: &outrider_suite::lockstep::Observed| {
        if observed.topic.type_name == "outrider_msgs/msg/GroundTruth" {
            see(&outrider_msgs::decode(observed.bytes).unwrap());
        }
    };
    drive(&files, &mut observe, &mut |_| {}).unwrap()
}

/// The base's centre is in the rectangle of `config/zones/warehouse.yaml` named so.
fn in_battery_store(t: &GroundTruth) -> bool {
    t.x < -8.6 && t.y > 4.3
}

fn in_south_aisle(t: &GroundTruth) -> bool {
    (-8.0..-1.0).contains(&t.x) && (-5.5..-2.6).contains(&t.y)
}

#[test]
fn put_down_in_an_exclusion_zone_it_leaves_slowly_and_goes_on_to_its_goal() {
    let (mut began_inside, mut left, mut came_back) = (None, false, false);
    let mut fastest_inside_mps: f64 = 0.0;
    let result = driven(root().join("tests/scenarios/out_of_the_battery_store.yaml"), &mut |truth| {
        let inside = in_battery_store(truth);
        began_inside.get_or_insert(inside);
        left |= !inside;
        came_back |= left && inside;
        if inside {
            fastest_inside_mps = fastest_inside_mps.max(truth.v.abs());
        }
    });
    assert_eq!(began_inside, Some(true));
    assert!(result.reached && left && !came_back, "{result:?}");
    assert_eq!(result.collisions, 0, "{result:?}");
    // Assurance's way out, not the planner's drive.
    let limit_mps = 0.25;
    assert!((0.01..limit_mps).contains(&fastest_inside_mps), "{fastest_inside_mps} m/s");
}

#[test]
fn nothing_drives_against_a_lane() {
    let scenario = std::fs::read_to_string(root().join("tests/scenarios/warehouse_crossing.yaml")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("against.yaml");
    let lines = scenario.lines().map(|line| match line.split(':').next() {
        Some("start") => "start: {x_m: 0.0, y_m: -4.0, yaw_rad: 3.14}",
        Some("goal") => "goal: {x_m: -8.9, y_m: -4.3, yaw_rad: 3.14}",
        Some("time_limit_s") => "time_limit_s: 40.0",
        _ => line,
    });
    std::fs::write(&path, lines.collect::<Vec<_>>().join("\n")).unwrap();
    let (mut moved_m, mut against_m, mut before) = (0.0, 0.0, None);
    let result = driven(path, &mut |truth| {
        if let Some((x, y)) = before.replace((truth.x, truth.y)) {
            let (dx, dy): (f64, f64) = (truth.x - x, truth.y - y);
            let way_m = dx.hypot(dy);
            moved_m += way_m;
            // Tolerance of the lane, and a little for the robot's sideways creep as it turns.
            if in_south_aisle(truth) && dy.atan2(dx).abs() > 1.25 {
                against_m += way_m;
            }
        }
    });
    assert!(moved_m > 0.5, "it never set out: {result:?}");
    // It believes to be a few centimetres from where it is.
    assert!(against_m < 0.06, "{against_m} m against the lane: {result:?}");
    assert_eq!(result.collisions, 0);
}
