//! Scenario files: parameters, settings, expectations, and how they are refused.
#![allow(clippy::disallowed_methods, reason = "files to be read")]

use super::settings::{Setting, apply};
use super::*;
use crate::assemble::{Changes, Files, read_resources};
use outrider_runtime::Resources;
use std::path::Path;

const PLAIN: &str = include_str!("../../../../tests/scenarios/warehouse_crossing.yaml");

fn with(more: &str) -> Result<Template, String> {
    Template::parse("x.yaml", format!("{PLAIN}{more}")).map_err(|e| e.to_string())
}

fn refusal(more: &str) -> String {
    with(more).and_then(|t| t.scenario(&Values::new()).map_err(|e| e.to_string())).unwrap_err()
}

/// The line on which what is added begins.
fn first_line() -> usize {
    PLAIN.lines().count() + 1
}

#[test]
fn parameters_are_put_in_and_swept() {
    let text =
        PLAIN.replace("time_limit_s: 120.0", "time_limit_s: $limit").replace("x_m: 8.5", "x_m: ${goal_x}");
    let more = "seeds: [1, 2]\nparameters:\n  limit: {choices: [60, 90]}\n  goal_x: {range: {from: 8.0, to: 9.0, steps: 3}}\n  \
                miss: {uniform: {low: 0.1, high: 0.3}}  # costs $5 and $nothing\nconfiguration:\n  sim.detector.miss_probability: $miss\n";
    let template = Template::parse("x.yaml", format!("{text}{more}")).unwrap();
    let scenario = template.scenario(&Values::new()).unwrap();
    assert!((scenario.time_limit_s - 60.0).abs() < 1e-12 && (scenario.goal.x_m - 8.0).abs() < 1e-12);
    assert_eq!(scenario.configuration["sim.detector.miss_probability"], serde_json::json!(0.2));
    let cases = template.cases(None).unwrap();
    assert_eq!(cases.len(), 12);
    assert_eq!(template.cases(Some(3)).unwrap().len(), 18);
    assert_eq!(template.cases(Some(3)).unwrap()[2].seed, 3, "a seed more than the file has");
    let last = template.scenario(&cases[11].parameters).unwrap();
    assert!((last.time_limit_s - 90.0).abs() < 1e-12 && (last.goal.x_m - 9.0).abs() < 1e-12);
    let unknown = Values::from([("speed".to_owned(), Scalar::Number(1.0))]);
    let error = template.scenario(&unknown).unwrap_err().to_string();
    assert_eq!(error, "x.yaml: there is no parameter `speed`; there are: goal_x, limit, miss");
}

#[test]
fn parameters_hold_no_others_and_words_stay_words() {
    let error = with("parameters: {a: {choices: [1, 2]}, b: {uniform: {low: -1, high: $a}}}\n# $a $b\n");
    let error = error.err().unwrap();
    assert!(error.contains("parameters.b: a parameter cannot hold another one"), "{error}");
    let error = with("parameters: {b: {uniform: {low: '.nan', high: 1}}}\n# $b\n").err().unwrap();
    assert!(error.contains("line 11 column 33: NaN is not a finite number"), "{error}");
    let words = "parameters:\n  a: {choices: [yes, off, 'on', true]}\ntree: $a.xml\n";
    let cases = with(words).unwrap().cases(None).unwrap();
    let told: Vec<String> = cases.iter().map(|case| case.parameters["a"].to_string()).collect();
    assert_eq!(told, ["yes", "off", "on", "true"]);
    let greatest = with("seeds: [18446744073709551615]\n").unwrap();
    let error = greatest.cases(Some(2)).unwrap_err().to_string();
    assert!(error.contains("seeds: there are no 1 more after 18446744073709551615"), "{error}");
    assert_eq!(greatest.cases(Some(1)).unwrap().len(), 1);
}

#[test]
fn a_dollar_is_written_twice() {
    let text = PLAIN.replace("Two rooms", "$$5 for two rooms");
    let template = Template::parse("x.yaml", text).unwrap();
    assert!(template.scenario(&Values::new()).unwrap().description.starts_with("$5 for two rooms"));
}

#[test]
fn what_cannot_be_is_refused_with_its_line() {
    let line = first_line();
    for (more, expected) in [
        (
            "goal_at_s: $when\n",
            format!("x.yaml: line {line}: `$when` is no parameter; there are:  (`$$` is a dollar)"),
        ),
        (
            "parameters:\n  gap: {choices: [1]}\n",
            format!("x.yaml: line {}: parameters.gap: nothing uses $gap", line + 1),
        ),
        (
            "parameters:\n  gap: {choices: []}\ngoal_at_s: $gap\n",
            format!("x.yaml: line {}: parameters.gap: 0 choices, allowed are 1 to 1000", line + 1),
        ),
        (
            "parameters:\n  Gap: {choices: [1]}\n",
            format!(
                "x.yaml: line {}: parameters: `Gap`: a name has small letters, digits and `_`, and begins with no digit",
                line + 1
            ),
        ),
        ("sweep: sampled\n", format!("x.yaml: line {line}: `samples` and `sweep: sampled` go together")),
        ("seeds: [3, 4, 3]\n", format!("x.yaml: line {line}: seeds: 3 stands there twice")),
        (
            "expect:\n  must:\n    - {what: standing, after_fault: 1}\n",
            format!("x.yaml: line {}: expect.must: after_fault: 1: there are 0, counted from 0", line + 2),
        ),
    ] {
        assert_eq!(refusal(more), expected);
    }
    let formula = refusal("criteria:\n  stl:\n    - {name: slow, formula: \"speed < 1\"}\n");
    assert!(formula.starts_with(&format!("x.yaml: line {}: criteria.stl: `slow`: ", line + 1)), "{formula}");
    assert!(formula.contains("velocity_mps"), "what there is: {formula}");
    for (more, words) in [
        ("expect: {outcome: arrived}\n", vec!["arrived", "reached"]),
        ("expect:\n  must:\n    - {what: {mode: slow}}\n", vec!["slow", "safe_stop"]),
        ("criteria: {least_clearance_m: -1.0}\n", vec!["least_clearance_m", "-1"]),
        ("criticality: {class: critical}\n", vec!["rationale"]),
        ("family: walls\n", vec!["walls", "static_clutter"]),
        ("wheels: 4\n", vec!["wheels"]),
    ] {
        let error = refusal(more);
        assert!(error.starts_with("x.yaml") && words.iter().all(|w| error.contains(w)), "{more}: {error}");
        assert!(
            error.contains(&line.to_string()) || error.contains(&(line + 2).to_string()),
            "{more}: {error}"
        );
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn files(folder: &Path, more: &str, settings: &[&str]) -> Files {
    let path = folder.join("x.yaml");
    std::fs::write(&path, format!("{PLAIN}{more}")).unwrap();
    Files {
        scenario: Some(path),
        changes: Changes {
            settings: settings.iter().map(|s| Setting::from_argument(s).unwrap()).collect(),
            ..Changes::default()
        },
        ..Files::new(root().join("config"))
    }
}

fn value(resources: &Resources, role: &str, pointer: &str) -> serde_json::Value {
    let (text, _) = resources.get("", role).unwrap();
    let value: serde_json::Value = outrider_runtime::config::parse_unchecked("x", text).unwrap();
    value.pointer(pointer).cloned().unwrap_or_default()
}

#[test]
fn settings_reach_their_files_and_no_others() {
    let folder = tempfile::tempdir().unwrap();
    let more = "configuration:\n  sim.lidar.beams: 360\n  robot.limits.v_max_mps: 0.8\n  real_robot.limits.brake_mps2: 0.7\n  \
                assurance.ages.scan_s: 0.2\n  world_model.tracks.motion.dwell_s.2: 9.0\n";
    let files = files(folder.path(), more, &["planner.follow.cruise_mps=0.5", "assurance.ages.scan_s=0.3"]);
    let of = |node: &str| read_resources(node, &files).unwrap();
    assert_eq!(value(&of("sim"), "config", "/lidar/beams"), 360);
    assert_eq!(value(&of("sim"), "robot", "/limits/brake_mps2"), 0.7);
    assert_eq!(value(&of("sim"), "robot", "/limits/v_max_mps"), 0.8);
    assert_eq!(value(&of("planner"), "robot", "/limits/v_max_mps"), 0.8);
    assert_eq!(value(&of("planner"), "robot", "/limits/brake_mps2"), 1.2, "what the planner knows of it");
    assert_eq!(value(&of("planner"), "config", "/follow/cruise_mps"), 0.5);
    assert_eq!(value(&of("assurance"), "config", "/ages/scan_s"), 0.2, "the scenario's goes last");
    assert_eq!(value(&of("world_model"), "config", "/tracks/motion/dwell_s/2"), 9.0);
    let gate = of("gate");
    let (text, origin) = gate.get("gate", "config").unwrap();
    assert!(text.starts_with('#') && origin.ends_with("gate.yaml"), "nothing changed: {origin}");
    let sim = of("sim");
    let (scenario, _) = sim.get("sim", "scenario").unwrap();
    assert!(scenario.starts_with('#'), "without parameters the file is the record");
}

#[test]
fn settings_that_cannot_be_are_refused_with_their_place() {
    let folder = tempfile::tempdir().unwrap();
    let line = first_line() + 1;
    for (setting, node, words) in [
        ("sim.lidar.beems: 3", "sim", vec!["sim.lidar.beems", "beems"]),
        ("sim.lida.beams: 3", "sim", vec!["there is no key `lida`", "lidar"]),
        ("sim.lidar.dropout_probability: 1.5", "sim", vec!["dropout_probability", "1.5", "[0, 1]"]),
        ("robot.limits.v_max_mps: -1.0", "planner", vec!["robot.limits.v_max_mps"]),
        ("world_model.tracks.motion.dwell_s.9: 1.0", "world_model", vec!["`9` is no index of a list of 3"]),
        ("planner.controller.x: 1", "planner", vec!["no key `x` in a single value"]),
    ] {
        let files = files(folder.path(), &format!("configuration:\n  {setting}\n"), &[]);
        let error = read_resources(node, &files).unwrap_err().to_string();
        assert!(error.contains(&format!("x.yaml: line {line}: configuration: `")), "{error}");
        assert!(words.iter().all(|w| error.contains(w)), "{setting}: {error}");
    }
    // Words of the file stay words: `off` is none of YAML 1.1's truth values where a setting changes something else.
    let sound = files(folder.path(), "", &["planner.follow.cruise_mps=0.7", "planner.external.mode=off"]);
    read_resources("planner", &sound).unwrap();
    let files = files(folder.path(), "configuration:\n  camera.rate: 1\n", &[]);
    let error = read_resources("sim", &files).unwrap_err().to_string();
    assert!(
        error.contains(&format!("line {line}: configuration: `camera.rate`: it begins with none of")),
        "{error}"
    );
    let error = Setting::from_argument("planner.cruise").unwrap_err().to_string();
    assert_eq!(error, "--set planner.cruise: FILE.KEY=VALUE is expected");
    let setting = Setting::from_argument("gate.period_s=-0.5").unwrap();
    let mut resources = Resources::new();
    resources.insert_file("config", &root().join("config/gate.yaml")).unwrap();
    let error = apply("gate", &mut resources, &[setting]).unwrap_err().to_string();
    assert!(
        error.starts_with("--set gate.period_s=-0.5: `gate.period_s`: ") && error.contains("-0.5"),
        "{error}"
    );
}

#[test]
fn the_case_that_runs_is_what_the_simulator_is_given() {
    let folder = tempfile::tempdir().unwrap();
    let more = "parameters:\n  at: {range: {from: 1.0, to: 5.0, steps: 5}}\ngoal_at_s: $at\nseeds: [4, 5]\n";
    let mut files = files(folder.path(), more, &[]);
    files.changes.parameters = Values::from([("at".to_owned(), Scalar::Number(3.0))]);
    files.changes.seed = Some(17);
    let sim = read_resources("sim", &files).unwrap();
    let (text, _) = sim.get("sim", "scenario").unwrap();
    let recorded = Template::parse("bag", text.to_owned()).unwrap().scenario(&Values::new()).unwrap();
    assert_eq!(recorded, files.scenario().unwrap());
    assert_eq!((recorded.seed, recorded.seeds.len(), recorded.parameters.len()), (17, 0, 0));
    assert!((recorded.goal_at_s - 3.0).abs() < 1e-12);
    files.changes = Changes::default();
    assert_eq!(files.scenario().unwrap().seed, 4, "the first seed");
}
