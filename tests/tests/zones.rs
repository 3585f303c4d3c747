//! Zones over whole drives: out of one that the robot was put down in, and along a lane that is closed to it.

use outrider_evaluation::root;
use outrider_msgs::outrider_msgs::{AssuranceState, GroundTruth, Intervention, Permit};
use outrider_suite::Files;
use outrider_suite::drive::{DriveResult, drive};

/// Drives, and hands every true pose to `see`.
fn driven(scenario: std::path::PathBuf, see: &mut dyn FnMut(&GroundTruth)) -> DriveResult {
    let config = root().join("config");
    let files = Files { scenario: Some(scenario), ..Files::new(config) };
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

/// What came of a drive past the wet floor.
#[derive(Debug, Default)]
struct Past {
    /// Greatest distance of the base into the zone, m; below zero it kept out.
    deepest_m: f64,
    /// Why assurance intervened once it had let the robot go, where zones had to do with it.
    because_of_zones: Vec<String>,
    /// States of assurance in which something but NOMINAL was in force after that.
    not_nominal: u64,
    fastest_in_doorway_mps: f64,
}

fn past_the_wet_floor(config: std::path::PathBuf) -> (DriveResult, Past) {
    let scenario = root().join("tests/scenarios/around_the_wet_floor.yaml");
    let files = Files { scenario: Some(scenario), ..Files::new(config) };
    let (mut past, mut began) = (Past { deepest_m: f64::NEG_INFINITY, ..Past::default() }, false);
    let mut observe = |observed: &outrider_suite::lockstep::Observed| match observed.topic.type_name {
        "outrider_msgs/msg/GroundTruth" => {
            let t: GroundTruth = outrider_msgs::decode(observed.bytes).unwrap();
            let inside_m = (t.x + 2.4).min(-1.4 - t.x).min(t.y + 1.3).min(0.6 - t.y);
            past.deepest_m = past.deepest_m.max(inside_m);
            if (1.0..3.0).contains(&t.x) {
                past.fastest_in_doorway_mps = past.fastest_in_doorway_mps.max(t.v);
            }
        }
        "outrider_msgs/msg/AssuranceState" => {
            let state: AssuranceState = outrider_msgs::decode(observed.bytes).unwrap();
            began |= state.mode == Permit::NOMINAL;
            past.not_nominal += u64::from(began && state.mode != Permit::NOMINAL);
        }
        "outrider_msgs/msg/Intervention" => {
            let event: Intervention = outrider_msgs::decode(observed.bytes).unwrap();
            if event.rule.contains("zone") {
                past.because_of_zones.push(event.text);
            }
        }
        _ => {}
    };
    let result = drive(&files, &mut observe, &mut |_| {}).unwrap();
    (result, past)
}

#[test]
fn with_the_zone_layer_the_robot_drives_round_a_closed_aisle_and_assurance_has_nothing_to_do() {
    let (result, past) = past_the_wet_floor(root().join("config"));
    assert!(result.reached && result.collisions == 0, "{result:?} {past:?}");
    // Half the robot's width and the margin.
    assert!(past.deepest_m < -0.3, "{past:?}");
    assert!(past.because_of_zones.is_empty() && past.not_nominal == 0, "{past:?}");
    assert!(past.fastest_in_doorway_mps < 0.65, "{past:?}");
}

#[test]
fn without_the_zone_layer_assurance_stops_the_robot_before_the_closed_aisle() {
    let folder = tempfile::tempdir().unwrap();
    copy(&root().join("config"), folder.path());
    let file = folder.path().join("world_model.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let off = text.replacen("  enabled: true\n  margin_m: 0.15", "  enabled: false\n  margin_m: 0.15", 1);
    assert_ne!(off, text);
    std::fs::write(&file, off).unwrap();
    let (result, past) = past_the_wet_floor(folder.path().to_owned());
    assert!(!result.reached && result.collisions == 0, "{result:?} {past:?}");
    assert!(past.deepest_m < 0.0 && !past.because_of_zones.is_empty(), "{past:?}");
}

/// Copies a folder with what is in it.
fn copy(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (path, name) = entry.map(|e| (e.path(), e.file_name())).unwrap();
        if path.is_dir() {
            copy(&path, &to.join(name));
        } else {
            std::fs::copy(&path, to.join(name)).unwrap();
        }
    }
}
