//! A small data set of its own: what counts as contact, that runs repeat, and that the suite gets there.

use super::straight::Controller;
use super::trial::End;
use super::*;
use clap::Parser as _;
use outrider_foundation::data::{Odometry, Scan};
use outrider_foundation::{Span, Twist2};
use std::path::Path;

const ROBOT: &str = r#"{"nav2_footprint": [[0.254, 0.2159], [0.254, -0.2159], [-0.254, -0.2159], [-0.254, 0.2159]],
  "v_max": 2.0, "a_max": 20.0, "w_max": 4.0, "alpha_max": 25.0, "odom_hz": 50, "more": 1,
  "lidar_ros1": {"fov_deg": 270, "rays": 360, "hz": 50, "range": [0.1, 30.0], "noise_std": 0.001},
  "barn": {"start": [0.0, 0.0, 0.0], "goal": [5.0, 0.0], "goal_radius": 1.0, "timeout_s": 20, "v_for_optimal_time": 2.0},
  "dynabarn": {"start": [0.0, 0.0, 0.0], "goal": [5.0, 0.0], "path_length_m": 5.0}}"#;

/// Between two rows of cylinders: in world 3 the way is free, in world 7 a cylinder stands in it.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("robot.json", ROBOT);
    write("meta.csv", "world,path_length_m,optimal_time_s\n3,5.0,2.5\n7,5.2,2.6\n");
    let mut worlds = String::from("world,x_m,y_m\n7,2.5,0.0\n");
    for (world, i) in [3, 7].into_iter().flat_map(|w| (0..20).map(move |i| (w, i))) {
        let x_m = -1.0 + 0.5 * f64::from(i);
        worlds += &format!("{world},{x_m},1.5\n{world},{x_m},-1.5\n");
    }
    write("worlds.csv", &worlds);
    write("dynabarn_worlds.csv", "world,motion,radius_m\n0,across,0.5\n");
    write(
        "dynabarn_motions.csv",
        "motion,duration_s,k,t_s,x_m,y_m\nacross,4.0,0,0.0,0.0,-4.0\nacross,4.0,1,4.0,0.0,4.0\n",
    );
    folder
}

fn args(folder: &Path, more: &[&str]) -> Args {
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config");
    let mut line = vec!["outrider", "barn", folder.to_str().unwrap(), "--config", config];
    line.extend(more);
    match crate::Cli::parse_from(line).command {
        crate::Command::Barn(args) => args,
        other => panic!("{other:?}"),
    }
}

fn json(folder: &Path, more: &[&str]) -> serde_json::Value {
    report(&args(folder, more)).unwrap().json()
}

#[test]
fn the_suite_gets_there_and_repeats_itself_whatever_the_jobs() {
    let folder = folder();
    let once = json(folder.path(), &["--runs", "2"]);
    let again = json(folder.path(), &["--runs", "2", "--jobs", "3"]);
    assert_eq!(once, again);
    let total = &once["total"];
    assert_eq!((total["success"].as_f64(), total["collision"].as_f64()), (Some(1.0), Some(0.0)), "{once:#}");
    assert!(total["score"].as_f64().unwrap() > 0.3 && total["time_s"].as_f64().unwrap() > 1.5, "{once:#}");
    let worlds = once["worlds"].as_array().unwrap();
    assert_eq!(worlds.iter().map(|w| w["world"].as_u64().unwrap()).collect::<Vec<_>>(), [3, 7]);
    for run in worlds.iter().flat_map(|w| w["runs"].as_array().unwrap()) {
        assert!(!run["last_words"].as_str().unwrap().contains("SAFE_STOP"), "{run:#}");
    }
    let runs = worlds[1]["runs"].as_array().unwrap();
    assert_ne!(runs[0]["distance_m"], runs[1]["distance_m"], "each run has a seed of its own");
}

#[test]
fn the_baseline_goes_round_the_cylinder_and_slower() {
    let folder = folder();
    let result = json(folder.path(), &["--planner", "dwa", "--worlds", "7"]);
    assert_eq!(result["total"]["success"], 1.0, "{result:#}");
    assert!(result["total"]["time_s"].as_f64().unwrap() > 7.0, "no faster than 0.5 m/s: {result:#}");
}

#[test]
fn the_robot_turns_about_what_it_is_told_to() {
    let folder = folder();
    // The first turns tell, and the baseline takes long where nothing is optimised.
    let short = ROBOT.replace("\"timeout_s\": 20", "\"timeout_s\": 3");
    assert_ne!(short, ROBOT);
    std::fs::write(folder.path().join("robot.json"), short).unwrap();
    let run = |words: &[&str]| json(folder.path(), &[&["--planner", "dwa", "--worlds", "7"], words].concat());
    let (jackal, told) = (run(&[]), run(&["--pivot", "0.131"]));
    assert_eq!(jackal, told, "the baseline's own");
    assert_ne!(run(&["--pivot", "0"]), jackal, "about the origin");
    let words = ["outrider", "barn", "data", "--pivot", "1.5"];
    let refused = crate::Cli::try_parse_from(words).err().unwrap().to_string();
    assert!(refused.contains("not within [-1, 1]"), "{refused}");
}

/// Straight on, whatever is there.
struct Blind {
    v_mps: f64,
}

impl Controller for Blind {
    fn see(&mut self, _scan: &Scan, _odometry: &Odometry) {}
    fn drive(&mut self, _t_s: f64, _odometry: &Odometry) -> Twist2 {
        Twist2::new(self.v_mps, 0.0)
    }
    fn period(&self) -> Span {
        Span::from_millis(50)
    }
    fn state(&self) -> String {
        String::new()
    }
}

fn blind(args: &Args, world: u32, v_mps: f64) -> Outcome {
    let machine = Machine::read(&args.folder).unwrap();
    let all = if args.dynabarn { data::moving_worlds } else { data::worlds };
    let tasks = all(&args.folder, &machine).unwrap();
    let setup = Setup::new(&args.config, &machine).unwrap();
    straight::run(&setup, &tasks[&world], 1, &mut Blind { v_mps }).unwrap()
}

#[test]
fn contact_is_that_of_the_outline_with_the_cylinder() {
    let folder = folder();
    let args = args(folder.path(), &[]);
    let hit = blind(&args, 7, 0.5);
    // The cylinder's near side is at 2.425 m, the outline's front 0.254 m ahead of the base.
    assert_eq!((hit.end, hit.score), (End::Collision, 0.0));
    assert!((hit.distance_m - (2.425 - 0.254)).abs() < 0.02, "{hit:?}");
    let free = blind(&args, 3, 2.0);
    assert_eq!((free.end, free.score), (End::Success, 0.5));
    assert!((free.distance_m - 4.0).abs() < 0.05 && free.time_s < 2.2, "{free:?}");
    let stands = blind(&args, 3, 0.0);
    assert_eq!((stands.end, stands.score), (End::Timeout, 0.0));
}

#[test]
fn moving_cylinders_run_over_a_robot_that_stands() {
    let folder = folder();
    let args = args(folder.path(), &["--dynabarn"]);
    let hit = blind(&args, 0, 0.0);
    assert_eq!(hit.end, End::Collision);
    // It covers 8 m in 4 s, fastest in the middle; the outlines meet shortly before half of the time.
    assert!((1.4..1.8).contains(&hit.time_s), "{hit:?}");
    assert_eq!(blind(&args, 0, 2.0).end, End::Success);
}

#[test]
fn what_is_wrong_is_named() {
    let folder = folder();
    let refusal = |more: &[&str]| {
        report(&args(folder.path(), more)).err().map_or_else(String::new, |e| format!("{e:#}"))
    };
    let says = |text: String, part: &str| assert!(text.contains(part), "{text}");
    says(refusal(&["--worlds", "4"]), "there is no world 4");
    says(refusal(&["--worlds", "7..3"]), "`7..3` runs backwards");
    says(refusal(&["--worlds", "x"]), "`x` is no world");
    says(refusal(&["--worlds", "4..6"]), "there is none of them");
    std::fs::write(folder.path().join("worlds.csv"), "world,x_m,y_m\n7,2.5,0.0\n9,2.5,0.0\n").unwrap();
    says(refusal(&[]), "worlds.csv, line 3: world 9 is not in");
    std::fs::write(folder.path().join("worlds.csv"), "world,x_m,y_m\n7,2.5,0.0\n").unwrap();
    let said = refusal(&[]);
    assert!(said.contains("worlds.csv: world 3 of ") && said.ends_with("meta.csv has no row"), "{said}");
    std::fs::write(folder.path().join("robot.json"), ROBOT.replace("\"v_max\": 2.0", "\"v_max\": -2.0"))
        .unwrap();
    says(refusal(&[]), "robot.json: v_max: -2 is not within [0.5, 10]");
    says(refusal(&["--planner", "dwa", "--tree", "t.xml"]), "--tree: the baseline (--planner dwa) has no");
    says(refusal(&["--planner", "dwa", "--bag", "bags"]), "--bag: of the baseline (--planner dwa) no bags");
}

#[test]
fn what_is_wrong_with_the_robot_is_not_laid_on_files_that_are_made_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let refusal = |old: &str, new: &str| {
        assert!(ROBOT.contains(old), "{old}");
        std::fs::write(folder.path().join("robot.json"), ROBOT.replace(old, new)).unwrap();
        Machine::read(folder.path()).err().map_or_else(String::new, |e| format!("{e:#}"))
    };
    assert_eq!(refusal("360", "360"), "");
    for (old, new, wanted) in [
        ("\"v_max\": 2.0", "\"v_max\": 0.001", "v_max: 0.001 is not within [0.5, 10]"),
        ("\"v_max\": 2.0", "\"v_max\": 12.0", "v_max: 12 is not within [0.5, 10]"),
        ("\"a_max\": 20.0", "\"a_max\": 25.0", "a_max: 25 is not within (0, 20]"),
        ("[0.1, 30.0]", "[30.0, 0.1]", "lidar_ros1.range[0]: 30 is not within [0, 10]"),
        ("[0.1, 30.0]", "[5.0, 0.1]", "lidar_ros1.range[1]: 0.1 is not within [5.1, 200]"),
        ("360", "1", "lidar_ros1.rays: 1 is not within [2, "),
        ("270", "400", "lidar_ros1.fov_deg: 400 is not within [1, 360]"),
        ("0.001", "-1", "lidar_ros1.noise_std: -1 is not within [0, 1]"),
        ("\"goal_radius\": 1.0", "\"goal_radius\": -1", "barn.goal_radius: -1 is not within [0.01, 10]"),
        ("\"timeout_s\": 20", "\"timeout_s\": -1", "barn.timeout_s: -1 is not within [0.1, 500]"),
        (
            "\"goal\": [5.0, 0.0], \"goal_radius",
            "\"goal\": [5.0, 1e9], \"goal_radius",
            "barn.goal[1]: 1000000000 is",
        ),
        (
            "\"barn\": {\"start\": [0.0",
            "\"barn\": {\"start\": [-2000.0",
            "barn.start[0]: -2000 is not within",
        ),
        (
            "\"goal\": [5.0, 0.0], \"goal_radius",
            "\"goal\": [0.6, 0.8], \"goal_radius",
            "barn.goal: it is 1.000 m from the start, within the 1 m that count as there",
        ),
        (
            "\"goal\": [5.0, 0.0], \"path",
            "\"goal\": [0.5, 0.0], \"path",
            "dynabarn.goal: it is 0.500 m from the start, within the 1 m",
        ),
        (
            "\"path_length_m\": 5.0",
            "\"path_length_m\": 0",
            "dynabarn.path_length_m: 0 is not within [0.1, 1000]",
        ),
    ] {
        let said = refusal(old, new);
        assert!(said.contains("robot.json: ") && said.contains(wanted), "{new}: {said}");
    }
}
