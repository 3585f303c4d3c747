//! What the simulator refuses, and files that are not there, are told with the scenario's file, line and key.
#![allow(clippy::disallowed_methods, reason = "files to be read")]

use crate::assemble::{Files, assemble, read_all_resources};
use std::path::Path;

const PLAIN: &str = include_str!("../../../../tests/scenarios/warehouse_crossing.yaml");

fn refusal_of(text: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.yaml");
    std::fs::write(&path, text).unwrap();
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config");
    let files = Files { scenario: Some(path), ..Files::new(config) };
    let nodes = read_all_resources(&files).map(|all| all.into_iter().map(|(n, r)| assemble(n, r, 1)));
    let error = nodes.and_then(Iterator::collect::<Result<Vec<_>, _>>).map(drop).unwrap_err();
    error.to_string().replace(&format!("{}/", folder.path().display()), "")
}

/// What is added is refused, `behind` lines behind its first: with a text, and for the record of a case alike.
fn refused(more: &str, behind: usize, begins: &str) {
    for record in ["", "seeds: [3, 4]\n"] {
        let error = refusal_of(&format!("{PLAIN}{record}{more}"));
        let line = PLAIN.lines().count() + record.lines().count() + 1 + behind;
        assert!(error.starts_with(&format!("x.yaml: line {line}: {begins}")), "{more}: {error}");
    }
}

#[test]
fn events_that_cannot_be_are_told_with_their_line() {
    let first = "events:\n  - {at_s: 1, for_s: 2, set: {drive.gain_left: 0.5}}\n";
    let second = |set: &str| format!("{first}  - {{at_s: 5, set: {set}}}\n");
    for (set, begins) in [
        ("{drive.gain_left: 50}", "events[1], at 5 s: `drive.gain_left`: 50 is not within [0, 2]"),
        ("{drive.gain_lft: 1}", "events[1], at 5 s: `drive.gain_lft`: there is no such key"),
        ("{lidar.beams: 90}", "events[1], at 5 s: `lidar.beams`: can only be set from 0 s to the end"),
        ("{absent: [map]}", "events[1], at 5 s: `absent`: the map is published at the start only"),
    ] {
        refused(&second(set), 2, begins);
    }
    let block = "events:\n  - at_s: 5\n    set:\n      drive.gain_left: 50\n";
    refused(block, 3, "events[0], at 5 s: `drive.gain_left`: 50");
}

#[test]
fn who_cannot_be_there_is_told_with_the_line() {
    let ann = "actors:\n  - {name: ann, start: [0, -4.3]}\n";
    let bob = format!("{ann}  - {{name: bob, start: [0.1, -4.3]}}\n");
    refused(&bob, 2, "actors: `bob`: starts where ann is");
    let group = |i: usize| format!("  - {{name: g{i}, members: 8, start: [0, -4.3]}}\n");
    let crowd: String = (0..9).map(group).collect();
    refused(&format!("actors:\n{crowd}"), 0, "actors: 72 of them, more than the limit of 64");
    let people =
        "people:\n  - {name: ann, points: [[0, 1, 1]]}\n  - {name: bob, points: [[2, 1, 1], [1, 1, 1]]}\n";
    refused(people, 2, "people, `bob`: point 1");
    let surfaces = "surfaces:\n  - {model: nothing, kind: glass}\n";
    refused(surfaces, 1, "surfaces: no model of the world is named `nothing`");
}

#[test]
fn files_that_are_not_there_are_told_with_the_key_that_names_them() {
    for (key, was, named) in [
        ("world", "worlds/warehouse.sdf", "worlds/nix.sdf"),
        ("zones", "zones/warehouse.yaml", "zones/nix.yaml"),
    ] {
        let line = PLAIN.lines().position(|l| l.starts_with(&format!("{key}:"))).unwrap() + 1;
        let error = refusal_of(&PLAIN.replace(was, named));
        assert!(error.starts_with(&format!("x.yaml: line {line}: {key}: ")), "{error}");
        assert!(error.contains(&format!("/config/{named}: No such file")), "{error}");
    }
    refused("tree: nix.xml\n", 0, "tree: ");
    let mission = "mission:\n  - {at_s: 1, ask: cancel}\n  - {at_s: 2, ask: navigate, tree: nix.xml, poses: [{x_m: 1, y_m: 1, yaw_rad: 0}]}\n";
    refused(
        mission,
        2,
        "mission[1]: tree: `nix.xml` is not in the folder of trees; there are dock_approach.xml",
    );
}
