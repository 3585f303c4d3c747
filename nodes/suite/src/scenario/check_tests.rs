//! Keys that do not go together are refused with their line.

use super::{Template, Values};

const PLAIN: &str = include_str!("../../../../tests/scenarios/warehouse_crossing.yaml");

fn refusal(more: &str) -> String {
    let template = Template::parse("x.yaml", format!("{PLAIN}{more}"));
    template.and_then(|t| t.scenario(&Values::new())).unwrap_err().to_string()
}

/// What is added is refused, `behind` lines behind its first.
fn refused(more: &str, behind: usize, why: &str) {
    let line = PLAIN.lines().count() + 1 + behind;
    assert_eq!(refusal(more), format!("x.yaml: line {line}: {why}"), "{more}");
}

#[test]
fn keys_of_an_actor_go_together() {
    let actors = |keys: &str| {
        format!(
            "actors:\n  - {{name: bob, start: [5, 2], loops: false}}\n  - {{name: ann, start: [5, 3], {keys}}}\n"
        )
    };
    for (keys, why) in [
        (
            "vehicle: {length_m: 1, width_m: 1, height_m: 1, accel_mps2: 1, turn_radps: 1}",
            "vehicle: `kind` is a person; `person` is for its size",
        ),
        (
            "kind: cart, person: {radius_m: 0.3, height_m: 1.8}",
            "person: `kind` is no person; `vehicle` is for its size",
        ),
        ("kind: forklift, members: 2", "members: only people come in groups"),
        (
            "waypoints: [[5, 4]], loops: true, leaves: true",
            "leaves: with `loops` it never reaches a last waypoint",
        ),
        ("loops: true", "loops: there are no two `waypoints` in different places"),
        ("begins: {of: [1, 1]}", "of: `begins` has no `robot_within_m` that would be reckoned from there"),
    ] {
        refused(&actors(keys), 2, &format!("actors: `ann`: {why}"));
    }
    // In a block the line is that of the key itself.
    let block =
        "actors:\n  - name: bob\n    start: [5, 2]\n  - name: ann\n    start: [5, 3]\n    loops: true\n";
    refused(block, 5, "actors: `ann`: loops: there are no two `waypoints` in different places");
}

#[test]
fn what_is_expected_begins_before_the_end_and_formulas_have_names_of_their_own() {
    let fault = "faults: [{at_s: 100, what: e_stop_pressed}]\n";
    for (expected, why) in [
        ("{what: standing, after_s: 120}", "from 120 s on, which is not before time_limit_s, 120"),
        (
            "{what: standing, after_fault: 0, after_s: 30}",
            "from 130 s on, which is not before time_limit_s, 120",
        ),
    ] {
        for list in ["must", "must_not"] {
            let text = refusal(&format!("{fault}expect: {{{list}: [{expected}]}}\n"));
            assert!(text.contains(&format!("expect.{list}: after_s: {why}")), "{text}");
        }
    }
    let formula = |name: &str| format!("{{name: {name}, formula: velocity_mps < 5}}");
    let twice = format!("criteria: {{stl: [{}, {}]}}\n", formula("slow"), formula("slow"));
    assert!(refusal(&twice).contains("criteria.stl: `slow` stands there twice"), "{}", refusal(&twice));
    let none = refusal("criteria: {stl: [{name: sure, formula: 1 < 2}]}\n");
    assert!(none.contains("criteria.stl: `sure`: it names no signal: no run could change it"), "{none}");
}

/// In quotes it is no number to whoever looks for one, and one to whoever reads it.
#[test]
fn what_is_not_a_number_is_refused_in_quotes_as_well() {
    for key in ["time_limit_s", "goal_tolerance_m"] {
        let line = PLAIN.lines().find(|line| line.starts_with(key)).unwrap();
        let text = PLAIN.replace(line, &format!("{key}: '.nan'"));
        let error = Template::parse("x.yaml", text).and_then(|t| t.scenario(&Values::new())).unwrap_err();
        assert!(error.to_string().contains("NaN is not a finite number"), "{error}");
    }
    let goal = PLAIN.lines().find(|line| line.starts_with("goal:")).unwrap();
    let text = PLAIN.replace(goal, "goal: {x_m: '.nan', y_m: 0, yaw_rad: 0}");
    let error = Template::parse("x.yaml", text).and_then(|t| t.scenario(&Values::new())).unwrap_err();
    assert!(error.to_string().contains("NaN is not a finite number"), "{error}");
    let id = PLAIN.lines().find(|line| line.starts_with("id:")).unwrap();
    let text = PLAIN.replace(id, "id: ../up");
    let error = Template::parse("x.yaml", text).and_then(|t| t.scenario(&Values::new())).unwrap_err();
    assert!(error.to_string().contains("has '/' in it"), "{error}");
}

#[test]
fn keys_of_a_door_go_together() {
    for (keys, why) in [
        (
            "opens_within_m: 2, schedule: [{at_s: 1, open: true}]",
            "schedule: `opens_within_m` stands in the place of a schedule",
        ),
        ("every_s: 5", "every_s: there is no `schedule` that would begin anew"),
        (
            "every_s: 5, schedule: [{at_s: 7, open: true}]",
            "every_s: the step at 7 s never comes: the schedule begins anew every 5 s",
        ),
        ("closes_after_s: 3", "closes_after_s: there is no `opens_within_m` by which it would open"),
        ("kind: sliding, swing_rad: 1", "swing_rad: a sliding door does not swing"),
    ] {
        let door = format!("doors:\n  - {{name: gate, hinge: [1, 1], yaw_rad: 0, width_m: 1, {keys}}}\n");
        refused(&door, 1, &format!("doors: `gate`: {why}"));
    }
}

#[test]
fn everybody_has_a_name_of_their_own() {
    let person = "people:\n  - {name: ann, points: [[0, 5, 2]]}\n";
    let again = format!("{person}  - {{name: ann, points: [[0, 5, 2]]}}\n");
    refused(&again, 2, "people: `ann`: name: it is taken already, by people[0]");
    let actor = format!("{person}actors:\n  - {{name: ann, start: [5, 2]}}\n");
    refused(&actor, 3, "actors: `ann`: name: it is taken already, by people[0]");
    let group = "actors:\n  - {name: a, members: 2, start: [5, 2]}\n  - {name: a_1, start: [5, 4]}\n";
    refused(group, 2, "actors: `a_1`: name: it is taken already, by actors[0]");
    let door = format!("{person}doors:\n  - {{name: ann, hinge: [1, 1], yaw_rad: 0, width_m: 1}}\n");
    refused(&door, 3, "doors: `ann`: name: it is taken already, by people[0]");
}

#[test]
fn keys_of_a_mission_go_together() {
    let poses = "poses: [{x_m: 1, y_m: 1, yaw_rad: 0}]";
    for (keys, why) in [
        ("ask: navigate".to_owned(), "ask: there are no `poses` to drive to"),
        ("ask: waypoints, loops: 1".to_owned(), "ask: there are no `poses` to drive to"),
        (format!("ask: pause, {poses}"), "poses: only `navigate` and `waypoints` have any"),
        ("ask: resume, tree: patrol.xml".to_owned(), "tree: only `navigate` and `waypoints` have one"),
        (format!("ask: navigate, loops: 2, {poses}"), "loops: only `waypoints` have any"),
    ] {
        let mission = format!("mission:\n  - {{at_s: 0, ask: cancel}}\n  - {{at_s: 1, {keys}}}\n");
        refused(&mission, 2, &format!("mission[1]: {why}"));
    }
}

#[test]
fn what_begins_begins_before_the_end() {
    let late = "is not before time_limit_s, 120: it never comes to that";
    refused("goal_at_s: 120\n", 0, &format!("goal_at_s: 120 {late}"));
    let event =
        "events:\n  - {at_s: 1, set: {drive.stuck: true}}\n  - {at_s: 200, set: {drive.stuck: true}}\n";
    refused(event, 2, &format!("events[1]: at_s: 200 {late}"));
    let fault = "faults:\n  - {at_s: 1, what: e_stop_pressed}\n  - {at_s: 200, what: {silent: scan}}\n";
    refused(fault, 2, &format!("faults[1]: at_s: 200 {late}"));
    refused("mission:\n  - {at_s: 130, ask: cancel}\n", 1, &format!("mission[0]: at_s: 130 {late}"));
    let actor = "actors:\n  - {name: ann, start: [5, 2], begins: {at_s: 150}}\n";
    refused(actor, 1, &format!("actors: `ann`: begins: at_s: 150 {late}"));
}
