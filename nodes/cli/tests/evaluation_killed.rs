//! `outrider evaluate`, killed or interrupted in mid-run and called again: nothing is lost, and nothing tells that it was.

use rustix::process::{Pid, Signal, kill_process};
use std::path::Path;
use std::process::{Child, Command, Stdio};

const RUNS: usize = 16;

fn evaluate(out: &Path) -> Child {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let seeds = RUNS.to_string();
    let scenario = "tests/scenarios/network_faults/permits_late.yaml";
    let mut command = Command::new(env!("CARGO_BIN_EXE_outrider"));
    command.args(["evaluate", scenario, "--seeds", &seeds, "--jobs", "2", "--replay", "none", "--out"]);
    command.arg(out).current_dir(root).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
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

#[test]
fn what_is_interrupted_says_so_and_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, interrupted) = (folder.path().join("whole"), folder.path().join("interrupted"));
    assert_eq!(evaluate(&whole).wait().unwrap().code(), Some(0));
    let child = evaluate(&interrupted);
    while lines(&interrupted) == 0 {
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let ended = child.wait_with_output().unwrap();
    let (said, made) = (String::from_utf8(ended.stderr).unwrap(), lines(&interrupted));
    assert_eq!(ended.status.code(), Some(130), "{said}");
    assert!(made < RUNS, "it was too late");
    let expected = format!(
        "interrupted: {made} of {RUNS} runs are in {}, {} are to be made; the same command makes them\n",
        interrupted.display(),
        RUNS - made
    );
    assert!(said.ends_with(&expected), "{said}");
    assert_eq!(evaluate(&interrupted).wait().unwrap().code(), Some(0));
    assert!(results(&interrupted) == results(&whole), "the results differ");
}
