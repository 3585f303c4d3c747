//! `outrider ... | head -1`: whoever reads the output may go before its end, and `> file`: the disk may be full.

use std::process::{Command, Stdio};

/// Runs the program with an output that nobody reads: exit code, and what it says about it.
fn run(args: &[&str]) -> (Option<i32>, String) {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    run_into(args, writer.into())
}

fn run_into(args: &[&str], output: Stdio) -> (Option<i32>, String) {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let mut command = Command::new(env!("CARGO_BIN_EXE_outrider"));
    let child =
        command.args(args).current_dir(root).stdin(Stdio::null()).stdout(output).stderr(Stdio::piped());
    let output = child.spawn().unwrap().wait_with_output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn it_ends_quietly_when_nobody_reads_on() {
    let bag = "bags/golden/warehouse";
    let tree = "config/trees/navigate_to_pose.xml";
    let all: [&[&str]; 5] = [
        &["tree", "model"],
        &["tree", "check", tree],
        &["bag", "info", bag],
        &["bag", "info", bag, "--json"],
        &["bag", "events", bag],
    ];
    for args in all {
        assert_eq!(run(args), (Some(141), String::new()), "{args:?}");
    }
}

#[test]
fn other_errors_are_told_as_ever() {
    let (code, told) = run(&["tree", "check", "nowhere.xml"]);
    assert_eq!(code, Some(1));
    assert!(told.contains("nowhere.xml"), "{told}");
}

/// `/dev/full` takes nothing, as a full disk.
#[test]
fn a_full_disk_is_told_in_a_sentence() {
    let stl = ["stl", "check", "config/assurance/frozen_scan.stl"];
    for args in [&["bag", "info", "bags/golden/warehouse"] as &[&str], &["tree", "model"], &stl] {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let (code, told) = run_into(args, full.into());
        assert_eq!(code, Some(1), "{args:?}");
        assert!(told.starts_with("outrider: ") && told.contains("No space left on device"), "{told}");
        assert_eq!(told.lines().count(), 1, "{told}");
    }
}

/// Its code 1 says that a candidate was stopped, and why is to be read: not when nothing could be printed.
#[test]
fn a_verdict_that_cannot_be_printed_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let gate = ["gate", "-", "tests/gate/baseline", "--out", folder.path().to_str().unwrap()];
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let (code, told) = run_into(&gate, full.into());
    assert_eq!(code, Some(2), "{told}");
    assert!(told.starts_with("the verdict is in the files, and cannot be printed: No space left"), "{told}");
    assert!(folder.path().join("gate.md").is_file());
    assert_eq!(run(&gate), (Some(141), String::new()));
}
