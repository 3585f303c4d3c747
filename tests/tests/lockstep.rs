//! The suite in one process: it arrives, it is the same twice, and its bag gives every decision again.

use outrider_evaluation::files;
use outrider_suite::Files;
use outrider_suite::drive::{DriveResult, drive};
use outrider_suite::replay::{Evidence, assembled, replay_all};

fn run(files: &Files) -> (DriveResult, Evidence) {
    let mut evidence = Evidence::default();
    let result = drive(files, &mut |observed| evidence.see(observed), &mut |_| {}).unwrap();
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

    let replay = replay_all(&evidence, &mut |info| assembled(info, None));
    for outcome in &replay.outcomes {
        assert!(outcome.is_identical(), "{outcome:?}");
    }
    assert_eq!(replay.outcomes.len(), outrider_suite::NODES.len());
}

/// A recorder beside the listeners gets what they got: without those bytes no decision that rests on them replays.
#[test]
fn messages_that_a_wire_spoils_replay_as_they_arrived() {
    let (_, evidence) = run(&files("network_faults/nan_in_commands.yaml"));
    let replay = replay_all(&evidence, &mut |info| assembled(info, None));
    for outcome in &replay.outcomes {
        assert!(outcome.is_identical(), "{outcome:?}");
    }
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
