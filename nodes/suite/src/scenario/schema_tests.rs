//! The schema takes what the program takes, and refuses what it refuses.
#![allow(clippy::disallowed_methods, reason = "files to be read")]

use super::{Template, schema};
use crate::assemble::{Files, assemble, read_all_resources};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

const PLAIN: &str = include_str!("../../../../tests/scenarios/warehouse_crossing.yaml");
const COMMITTED: &str = include_str!("../../../../tests/scenarios/scenario.schema.json");

/// As much of a validator of draft 7 as the schema needs.
struct Checker(Value);

impl Checker {
    fn of_the_types() -> Self {
        Self(serde_json::from_str(&schema::text()).unwrap())
    }

    /// Whether it takes a scenario of these lines; the keys of `more` stand in the place of those of the plain one.
    fn takes(&self, more: &str) -> bool {
        let key = more.split(':').next().unwrap_or_default();
        let kept = PLAIN.lines().filter(|line| !line.starts_with(&format!("{key}:")));
        let text = kept.chain([more]).collect::<Vec<_>>().join("\n");
        self.problem(&self.0, &outrider_yaml::from_str(&text).unwrap()).is_none()
    }

    /// The first thing that is wrong.
    fn problem(&self, schema: &Value, value: &Value) -> Option<String> {
        let Value::Object(keywords) = schema else { return None };
        keywords.iter().find_map(|(keyword, says)| {
            let inner = self.inner_problem(schema, keyword, says, value);
            inner.or_else(|| (!holds(keyword, says, value)).then(|| format!("{value}: {keyword}: {says}")))
        })
    }

    /// Of the keywords that hold other schemas.
    fn inner_problem(&self, schema: &Value, keyword: &str, says: &Value, value: &Value) -> Option<String> {
        let of = |schema: &Value, value: &Value| self.problem(schema, value);
        let list = || says.as_array().into_iter().flatten();
        let properties = || value.as_object().into_iter().flatten();
        match keyword {
            "$ref" => of(self.0.pointer(says.as_str()?.trim_start_matches('#'))?, value),
            "allOf" => list().find_map(|s| of(s, value)),
            "anyOf" => {
                let problems: Option<Vec<String>> = list().map(|s| of(s, value)).collect();
                problems.map(|all| all.join("\n  or "))
            }
            "items" => value.as_array().into_iter().flatten().find_map(|v| of(says, v)),
            "properties" => properties().find_map(|(k, v)| of(says.get(k)?, v)),
            "propertyNames" => properties().find_map(|(k, _)| of(says, &json!(k))),
            "additionalProperties" => properties()
                .filter(|(k, _)| schema.pointer("/properties").is_none_or(|p| p.get(k.as_str()).is_none()))
                .find_map(
                    |(k, v)| if says == &json!(false) { Some(format!("{k}: unknown")) } else { of(says, v) },
                ),
            _ => None,
        }
    }
}

/// Whether what a keyword says of the value itself holds.
fn holds(keyword: &str, says: &Value, value: &Value) -> bool {
    let bound = says.as_f64().unwrap_or_default();
    let no_less = |v: Option<f64>| v.is_none_or(|v| v >= bound);
    let no_more = |v: Option<f64>| v.is_none_or(|v| v <= bound);
    let (items, keys) = (value.as_array().map(|v| v.len() as f64), value.as_object().map(|v| v.len() as f64));
    let letters = value.as_str().map(|v| v.chars().count() as f64);
    match keyword {
        "type" if says.is_array() => says.as_array().unwrap().iter().any(|t| is(t, value)),
        "type" => is(says, value),
        "const" => says == value,
        "enum" => says.as_array().unwrap().contains(value),
        "pattern" => {
            value.as_str().is_none_or(|v| regex::Regex::new(says.as_str().unwrap()).unwrap().is_match(v))
        }
        "required" => {
            value.is_object()
                && says.as_array().unwrap().iter().all(|k| value.get(k.as_str().unwrap()).is_some())
        }
        "minimum" => no_less(value.as_f64()),
        "maximum" => no_more(value.as_f64()),
        "exclusiveMinimum" => value.as_f64().is_none_or(|v| v > bound),
        "minItems" => no_less(items),
        "maxItems" => no_more(items),
        "minLength" => no_less(letters),
        "maxLength" => no_more(letters),
        "minProperties" => no_less(keys),
        "maxProperties" => no_more(keys),
        "$schema"
        | "$ref"
        | "title"
        | "description"
        | "default"
        | "format"
        | "definitions"
        | "allOf"
        | "anyOf"
        | "items"
        | "properties"
        | "propertyNames"
        | "additionalProperties" => true,
        other => panic!("the checker knows no `{other}`"),
    }
}

fn is(name: &Value, value: &Value) -> bool {
    match name.as_str().unwrap() {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "number" => value.is_number(),
        "integer" => value.as_f64().is_some_and(|v| v.fract() == 0.0),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("no type: {other}"),
    }
}

/// Every scenario that is shipped: suites and zones have no `goal`.
fn shipped() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/scenarios");
    let yaml = |folder: &Path| outrider_runtime::config::list(folder, "yaml").unwrap();
    let folders = std::fs::read_dir(&root).unwrap().map(|e| e.unwrap().path()).filter(|p| p.is_dir());
    let files = folders.flat_map(|folder| yaml(&folder)).chain(yaml(&root));
    files.filter(|file| std::fs::read_to_string(file).unwrap().contains("\ngoal:")).collect()
}

#[test]
fn the_committed_schema_is_that_of_the_types() {
    let now = schema::text();
    if COMMITTED != now {
        let path = std::env::temp_dir().join("scenario.schema.json");
        std::fs::write(&path, now).unwrap();
        panic!(
            "tests/scenarios/scenario.schema.json is not that of the types; it is in {} now",
            path.display()
        );
    }
}

#[test]
fn every_shipped_scenario_is_of_the_schema() {
    let checker = Checker::of_the_types();
    let files = shipped();
    assert!(files.len() > 100, "{}", files.len());
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let problem = checker.problem(&checker.0, &outrider_yaml::from_str(&text).unwrap());
        assert_eq!(problem, None, "{}", file.display());
    }
}

#[test]
fn every_case_of_every_shipped_scenario_is_accepted() {
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config");
    for path in shipped() {
        let template = Template::read(&path).unwrap();
        for case in template.cases(None).unwrap() {
            template.scenario(&case.parameters).unwrap();
        }
        let files = Files { scenario: Some(path), ..Files::new(config.clone()) };
        for (node, resources) in read_all_resources(&files).unwrap() {
            assemble(node, resources, 1).unwrap();
        }
    }
}

#[test]
fn the_schema_takes_what_the_program_takes() {
    let checker = Checker::of_the_types();
    for more in [
        "goal_at_s: -$late_s",
        "goal_at_s: ${late_s}",
        "faults: [{at_s: \"4\", what: {silent: scan}}]",
        "faults: [{at_s: 4, what: {silent: $s}}]",
        "faults: [{at_s: 4, what: {$s: scan}}]",
        "faults: [{at_s: 4, what: {e_stop_pressed: ~}}]",
        "faults: [{at_s: 4, for_s: ~, what: e_stop_pressed}]",
        "faults: [{at_s: 4, for_s: 0.001, what: {drop: {topic: /scan, probability: $share}}}]",
        "family: $f",
        "actors: [{name: a, start: [5, $y], waypoints: [[5, 1], [5, 2, 3]], speed_mps: $v, loops: $l}]",
        "events: [{at_s: 1, set: {drive.gain_left: 0.5}}]",
        "parameters: {p: {normal: {mean: 0, sigma: 1}}, q: {choices: [1, a, true]}}",
    ] {
        assert!(checker.takes(more), "{more}");
    }
}

#[test]
fn the_schema_refuses_what_the_program_refuses() {
    let checker = Checker::of_the_types();
    for more in [
        "goal_at_s: late",
        "goal_at_s: -1",
        "faults: [{at_s: 4, what: {silent: lidar}}]",
        "faults: [{at_s: 4, what: {mute: scan}}]",
        "faults: [{at_s: 4, what: {silent: ~}}]",
        "faults: [{at_s: 4, for_s: -1, what: e_stop_pressed}]",
        "faults: [{at_s: 4, what: {drop: {topic: /scan, probability: 50}}}]",
        "faults: [{at_s: 4, what: {delay: {topic: /scan, by_s: 61}}}]",
        "faults: [{at_s: 4, what: {node_starved: {node: gate, every_s: 0}}}]",
        "faults: [{at_s: 4, what: {partition: []}}]",
        "faults: [{at_s: 4, what: {drop: {topic: \"\"}}}]",
        "actors: [{name: a, start: [5, 2], speed_mps: 80}]",
        "actors: [{name: a, start: [5, 2], waypoints: [[5]]}]",
        "actors: [{name: a, start: [5000, 2]}]",
        "actors: [{name: a, start: [5, 2], begins: {at_s: -1}}]",
        "doors: [{name: d, hinge: [1, 1], yaw_rad: 0, width_m: 0.1}]",
        "events: [{at_s: 5, set: {}}]",
        "events: [{at_s: 5, for_s: -1, set: {drive.gain_left: 0.5}}]",
        "people: [{name: a, points: []}]",
        "criteria: {least_clearance_m: -1}",
        "expect: {over_after_standing_s: 1}",
        "parameters: {p: {choices: []}}",
        "parameters: {p: {normal: {mean: 0, sigma: -1}}}",
        "parameters: {p: {range: {from: 0, to: 1, steps: 0}}}",
        "samples: 0",
        "tree: \"\"",
    ] {
        assert!(!checker.takes(more), "{more}");
    }
}
