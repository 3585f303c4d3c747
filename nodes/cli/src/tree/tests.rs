//! What `outrider tree` says of the planner's own nodes.

use super::*;

/// A folder with a tree, and a script for its leaves.
fn files(xml: &str, script: &str) -> (tempfile::TempDir, PathBuf, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let (tree, leaves) = (folder.path().join("t.xml"), folder.path().join("s.json"));
    std::fs::write(&tree, xml).unwrap();
    std::fs::write(&leaves, script).unwrap();
    (folder, tree, leaves)
}

fn wrap(body: &str) -> String {
    format!("<root BTCPP_format=\"4\">\n<BehaviorTree ID=\"M\">\n{body}\n</BehaviorTree></root>")
}

fn problems(body: &str) -> Vec<String> {
    let library = Library::read("t.xml", &wrap(body), &mut included).unwrap();
    library.check(&leaves::registry()).iter().map(ToString::to_string).collect()
}

/// The tree's root, tick by tick, and the error at the end.
fn traced(xml: &str, script: &str, ticks: u64) -> (Vec<String>, String) {
    let (_folder, tree, leaves) = files(xml, script);
    let mut out = Vec::new();
    let error = trace(&tree, &leaves, ticks, &mut out).err().map_or_else(String::new, |e| format!("{e:#}"));
    let line = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        line.get("root").or(line.get("error")).and_then(|word| word.as_str()).unwrap().to_owned()
    };
    (String::from_utf8(out).unwrap().lines().map(line).collect(), error)
}

#[test]
fn check_refuses_what_the_planner_would_not_start_with() {
    for (node, wanted) in [
        (
            "<Wait wait_duration=\"99999\"/>",
            "<Wait>: port `wait_duration` is 99999, not between 0.05 and 3600",
        ),
        ("<Wait wait_duration=\"nan\"/>", "<Wait>: port `wait_duration` is NaN"),
        ("<BackUp backup_dist=\"-1\"/>", "<BackUp>: port `backup_dist` is -1"),
        ("<PathExpiringTimer seconds=\"0\"/>", "<PathExpiringTimer>: port `seconds` is 0"),
        ("<ComputePathToPose planner_id=\"Foo\"/>", "<ComputePathToPose>: "),
        (
            "<SpeedController min_rate=\"0\"><FollowPath/></SpeedController>",
            "<SpeedController>: port `min_rate` is 0, not between 0.001 and 1000",
        ),
        (
            "<SpeedController min_speed=\"0.8\"><FollowPath/></SpeedController>",
            "<SpeedController>: port `min_speed` is 0.8, above `max_speed`, which is 0.5",
        ),
    ] {
        let found = problems(node);
        assert_eq!(found.len(), 1, "{node}: {found:?}");
        assert!(found[0].starts_with(&format!("t.xml:3:1: error: {wanted}")), "{found:?}");
    }
    // What is in the blackboard is looked at when it is used.
    assert!(problems("<Wait wait_duration=\"{s}\"/>").is_empty());
}

#[test]
fn the_trees_of_the_configuration_have_no_fault() {
    let trees = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/trees");
    for file in std::fs::read_dir(trees).unwrap() {
        let path = file.unwrap().path();
        let found = read(&path).unwrap().unwrap().check(&leaves::registry());
        assert!(found.is_empty(), "{found:?}");
    }
}

/// The example of `docs/trees.md`.
#[test]
fn the_planners_leaves_can_be_scripted() {
    let script = r#"{"GoalReached": ["FAILURE", "FAILURE", "SUCCESS"], "PathExpiringTimer": ["FAILURE"],
        "IsPathValid": ["FAILURE", "SUCCESS"], "ComputePathToPose": ["SUCCESS"], "FollowPath": ["RUNNING"],
        "Wait": ["SUCCESS"], "IsSomebodyAhead": ["FAILURE"], "BackUp": ["SUCCESS"]}"#;
    let xml = include_str!("../../../../config/trees/navigate_to_pose.xml");
    assert_eq!(
        traced(xml, script, 3),
        (["RUNNING", "RUNNING", "SUCCESS"].map(str::to_owned).into(), String::new())
    );
    let missing = script.replace("BackUp", "Backup");
    let (lines, error) = traced(xml, &missing, 3);
    assert!(
        lines.is_empty() && error.contains("s.json: the script has no statuses for leaf `BackUp`"),
        "{error}"
    );
}

#[test]
fn a_trace_that_ends_with_an_error_says_so() {
    let xml = wrap("<Sequence><Leaf name=\"a\"/><ScriptCondition code=\"x == 1\"/></Sequence>");
    let (lines, error) = traced(&xml, r#"{"a": ["RUNNING", "SUCCESS"]}"#, 9);
    assert_eq!((lines.len(), lines[0].as_str()), (2, "RUNNING"), "{lines:?}");
    assert!(error.contains("t.xml: tick 1: node `ScriptCondition::3`: "), "{error}");
    assert_eq!(traced(&xml, r#"{"a": ["RUNNING"]}"#, 9).1, "");
}

#[test]
fn a_trace_has_a_greatest_length() {
    use clap::Parser as _;
    let words = |ticks: &str| {
        crate::Cli::try_parse_from(["outrider", "tree", "trace", "t.xml", "--script", "s", "--ticks", ticks])
            .err()
    };
    assert!(words("1000000").is_none());
    assert!(words("1000001").unwrap().to_string().contains("1000001 is not in 0..=1000000"));
}
