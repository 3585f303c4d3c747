//! `outrider evaluate`, killed in mid-run and called again: nothing is lost, and nothing tells that it was.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a test runs programs, and waits for them"
)]

use std::path::Path;
use std::process::{Child, Command, Stdio};

const RUNS: usize = 16;

fn evaluate(out: &Path) -> Child {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let seeds = RUNS.to_string();
    let scenario = "tests/scenarios/network_faults/permits_late.yaml";
    let mut command = Command::new(env!("CARGO_BIN_EXE_outrider"));
    command.args(["evaluate", scenario, "--seeds", &seeds, "--jobs", "2", "--replay", "none", "--out"]);
    command.arg(out).current_dir(root).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap()
}

/// The folder's results, whole lines or not.
fn results(out: &Path) -> Vec<u8> {
    std::fs::read(out.join("results.jsonl")).unwrap_or_default()
}

fn lines(out: &Path) -> usize {
    results(out).iter().filter(|byte| **byte == b'\n').count()
}

#[test]
fn what_is_killed_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, killed) = (folder.path().join("whole"), folder.path().join("killed"));
    let code = evaluate(&whole).wait().unwrap().code();
    assert_eq!((code, lines(&whole)), (Some(0), RUNS));
    // Killed three times, each time when it has got on.
    let mut before = 0;
    for _ in 0..3 {
        let mut child = evaluate(&killed);
        while lines(&killed) <= before {
            assert!(child.try_wait().unwrap().is_none(), "it ended before it was killed");
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        child.kill().unwrap();
        assert_eq!(child.wait().unwrap().code(), None, "killed");
        before = lines(&killed);
    }
    assert!(before < RUNS, "{before} runs were there already");
    assert_eq!(evaluate(&killed).wait().unwrap().code(), Some(0));
    assert!(results(&killed) == results(&whole), "the results differ");
}
