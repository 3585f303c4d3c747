//! `outrider ... | head -1`: whoever reads the output may go before its end.

#![allow(clippy::unwrap_used, clippy::disallowed_types, reason = "a test runs programs")]

use std::process::{Command, Stdio};

/// Runs the program with an output that nobody reads: exit code, and what it says about it.
fn run(args: &[&str]) -> (Option<i32>, String) {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let mut command = Command::new(env!("CARGO_BIN_EXE_outrider"));
    let child =
        command.args(args).current_dir(root).stdin(Stdio::null()).stdout(writer).stderr(Stdio::piped());
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
