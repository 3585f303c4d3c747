//! The suite in one process: it arrives, it is the same twice, and its bag gives every decision again.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests read files")]

use outrider_evaluation::root;
use outrider_msgs::outrider_msgs::NodeInfo;
use outrider_suite::Files;
use outrider_suite::drive::{DriveResult, drive};
use outrider_suite::replay::{Evidence, replay};

fn files(scenario: &str) -> Files {
    Files {
        config: root().join("config"),
        scenario: Some(root().join("tests/scenarios").join(scenario)),
        tree: None,
        zones: None,
        permit_key: None,
    }
}

fn run(files: &Files) -> (DriveResult, Evidence) {
    let mut evidence = Evidence::default();
    let see = &mut |observed: &outrider_suite::lockstep::Observed| {
        evidence.add(observed.topic.type_name, observed.bytes.to_vec()).unwrap();
    };
    let result = drive(files, see, &mut |_| {}).unwrap();
    (result, evidence)
}

#[test]
fn the_warehouse_is_crossed_the_same_twice_and_every_decision_replays() {
    let files = files("warehouse_crossing.yaml");
    let (first, evidence) = run(&files);
    assert!(first.reached, "{first:?}");
    assert_eq!(first.collisions, 0, "{first:?}");
    assert!(first.least_clearance_m > 0.0, "{first:?}");

    let (second, _) = run(&files);
    assert_eq!(first, second);

    let mut nodes = 0;
    for info in evidence.runs() {
        let outcome = replay(&evidence, info).unwrap();
        assert!(outcome.is_identical(), "{outcome:?}");
        nodes += 1;
    }
    assert_eq!(nodes, outrider_suite::NODES.len());
}

/// A replay that cannot fail proves nothing: one changed number in one node's configuration is noticed.
#[test]
fn a_changed_configuration_is_a_difference() {
    let mut files = files("warehouse_crossing.yaml");
    let scenario = std::fs::read_to_string(files.scenario.as_ref().unwrap()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let short = folder.path().join("short.yaml");
    let limit = scenario.lines().find(|l| l.starts_with("time_limit_s")).unwrap();
    std::fs::write(&short, scenario.replace(limit, "time_limit_s: 8.0")).unwrap();
    files.scenario = Some(short);
    let (_, evidence) = run(&files);
    let info = evidence.runs().iter().find(|i| i.node == "gate").unwrap();
    assert!(replay(&evidence, info).unwrap().is_identical());

    let role = info.resource_names.iter().position(|r| r == "robot").unwrap();
    let mut contents = info.resource_contents.clone();
    contents[role] = contents[role].replace("accel_mps2: 1.0", "accel_mps2: 0.5");
    assert_ne!(contents, info.resource_contents);
    let changed = NodeInfo { resource_contents: contents, ..info.clone() };
    let outcome = replay(&evidence, &changed).unwrap();
    assert!(!outcome.is_identical() && outcome.difference.is_some(), "{outcome:?}");
}

#[test]
fn another_seed_is_another_run() {
    let mut files = files("warehouse_crossing.yaml");
    let scenario = std::fs::read_to_string(files.scenario.as_ref().unwrap()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut digests = Vec::new();
    for seed in [1, 2] {
        let path = folder.path().join(format!("{seed}.yaml"));
        let lines = scenario.lines().map(|line| match line.split(':').next() {
            Some("seed") => format!("seed: {seed}"),
            Some("time_limit_s") => "time_limit_s: 5.0".to_owned(),
            _ => line.to_owned(),
        });
        std::fs::write(&path, lines.collect::<Vec<_>>().join("\n")).unwrap();
        files.scenario = Some(path);
        digests.push(drive(&files, &mut |_| {}, &mut |_| {}).unwrap().digest);
    }
    assert_ne!(digests[0], digests[1]);
}
