//! The page of a scenario: what it is, its runs, and a player.

use super::columns::COLUMNS;
use super::index::Cell;
use super::read::Run;
use super::why::{Cause, causes};
use super::{Group, Site, words};
use anyhow::Context as _;
use askama::Template;
use outrider_suite::words::{gate_mode, mode};
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The most runs of a page.
const RUN_LIMIT: usize = 2_000;
/// A grid of cases by seeds is drawn where at least this share of it is filled.
const FILLED_MIN: f64 = 0.5;

#[derive(Template)]
#[template(path = "evaluation/scenario.html")]
struct Page {
    suite: String,
    build: String,
    id: String,
    description: String,
    family: String,
    class: String,
    rationale: String,
    file: String,
    requirements: String,
    covers: String,
    expect: Vec<(String, String)>,
    verdict: (&'static str, String),
    parameters: Vec<String>,
    heads: Vec<String>,
    seeds: Vec<u64>,
    grid: Vec<GridRow>,
    rows: Vec<Row>,
    left_out: usize,
    /// Where no run has one.
    reason: String,
    baseline: String,
    data: String,
}

/// A combination of parameters.
struct GridRow {
    name: String,
    cells: Vec<Option<GridCell>>,
}

struct GridCell {
    key: String,
    state: &'static str,
    mark: &'static str,
}

/// A run in the table.
struct Row {
    key: String,
    state: &'static str,
    mark: &'static str,
    outcome: String,
    before: String,
    before_class: &'static str,
    seed: u64,
    parameters: Vec<String>,
    cells: Vec<Cell>,
    causes: Vec<Cause>,
}

/// What the scripts know.
#[derive(Serialize)]
struct Data {
    modes: Vec<&'static str>,
    gates: Vec<&'static str>,
    runs: Vec<RunData>,
}

#[derive(Serialize)]
struct RunData {
    key: String,
    name: String,
    state: &'static str,
    shown: bool,
    message: String,
    causes: Vec<(Option<f64>, String)>,
}

/// The page as text; `shown` are the keys of runs with a record.
///
/// # Errors
/// When the template fails, which a test would have told.
pub(super) fn render(site: &Site, group: &Group, shown: &BTreeSet<String>) -> anyhow::Result<String> {
    let scenario = group.scenario;
    // The failing first, as they are chosen first.
    let mut runs: Vec<&Run> = group.runs.clone();
    runs.sort_by_key(|r| r.passed);
    let left_out = runs.len().saturating_sub(RUN_LIMIT);
    runs.truncate(RUN_LIMIT);
    let parameters = parameter_names(&runs);
    let (seeds, grid) = grid(&runs, &parameters);
    let data = Data {
        modes: (0..4).map(mode).collect(),
        gates: (0..5).map(gate_mode).collect(),
        runs: runs.iter().map(|r| run_data(r, &parameters, shown)).collect(),
    };
    let data = serde_json::to_string(&data).context("runs of a scenario")?;
    let (passed, all) = (group.passed(), group.runs.len() + group.missing);
    let verdict = match (all, group.failed()) {
        (0, _) => ("open", "No run".to_owned()),
        (_, 0) if group.missing > 0 => ("open", format!("{} of {all} runs missing", group.missing)),
        (1, 0) => ("good", "The one run passed".to_owned()),
        (_, 0) => ("good", format!("All {all} runs passed")),
        _ => ("", format!("{passed} of {all} runs passed")),
    };
    let page = Page {
        suite: site.folder.suite.suite.clone(),
        build: site.folder.suite.build.clone(),
        id: scenario.id.clone(),
        description: scenario.description.clone(),
        family: words(&scenario.family),
        class: words(&scenario.class),
        rationale: scenario.rationale.clone(),
        file: scenario.file.clone(),
        requirements: scenario.requirements.join(", "),
        covers: scenario.covers.iter().map(|c| words(c)).collect::<Vec<_>>().join(", "),
        expect: asked(&scenario.expect, &scenario.criteria),
        verdict,
        heads: COLUMNS.iter().map(super::columns::Column::head).collect(),
        seeds,
        grid,
        rows: runs.iter().map(|r| row(site, r, &parameters)).collect(),
        reason: match (group.runs.len(), group.failed(), group.missing) {
            (0, ..) => "No run has a result.".to_owned(),
            (_, 0, 0) => "Every run passed.".to_owned(),
            (_, 0, _) => "Every run that was made passed.".to_owned(),
            _ => String::new(),
        },
        parameters,
        left_out,
        baseline: site.comparison.as_ref().map(|c| c.baseline.suite.build.clone()).unwrap_or_default(),
        // A tag or a comment in a text must not be one of the page.
        data: data.replace('<', "\\u003c"),
    };
    page.render().with_context(|| format!("cannot fill the page of {}", scenario.id))
}

/// Names of all parameters.
fn parameter_names(runs: &[&Run]) -> Vec<String> {
    let all: BTreeSet<&String> = runs.iter().flat_map(|r| r.parameters.keys()).collect();
    all.into_iter().cloned().collect()
}

fn value_text(value: Option<&Value>) -> String {
    match value {
        None => "–".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(n)) if n.is_f64() => {
            // Four digits that count.
            let text = format!("{:.3e}", n.as_f64().unwrap_or_default());
            text.parse::<f64>().map_or(text, |rounded| rounded.to_string())
        }
        Some(other) => other.to_string(),
    }
}

fn case_name(run: &Run, parameters: &[String]) -> String {
    let each = parameters.iter().map(|p| format!("{p} {}", value_text(run.parameters.get(p))));
    each.collect::<Vec<_>>().join(", ")
}

/// Class and mark of how a run ended.
fn state(run: &Run) -> (&'static str, &'static str) {
    match (run.is_done(), run.passed) {
        (false, _) => ("broken", "!"),
        (true, true) => ("passed", "✓"),
        (true, false) => ("failed", "✗"),
    }
}

/// Combinations by seeds, where runs are so arranged; drawn parameters differ from seed to seed and make no grid.
fn grid(runs: &[&Run], parameters: &[String]) -> (Vec<u64>, Vec<GridRow>) {
    let seeds: BTreeSet<u64> = runs.iter().map(|r| r.seed).collect();
    // By the values themselves as well: names are rounded.
    let mut cases: BTreeMap<(String, String), BTreeMap<u64, &Run>> = BTreeMap::new();
    for run in runs {
        let values = serde_json::to_string(&run.parameters).unwrap_or_default();
        cases.entry((case_name(run, parameters), values)).or_default().insert(run.seed, run);
    }
    let room = seeds.len() * cases.len();
    if runs.len() < 2 || (runs.len() as f64) < FILLED_MIN * room as f64 {
        return (Vec::new(), Vec::new());
    }
    let rows = cases.iter().map(|((name, _), by_seed)| GridRow {
        name: if name.is_empty() { "no parameters".to_owned() } else { name.clone() },
        cells: seeds
            .iter()
            .map(|seed| {
                let run = by_seed.get(seed)?;
                let (state, mark) = state(run);
                Some(GridCell { key: run.key.clone(), state, mark })
            })
            .collect(),
    });
    let rows = rows.collect();
    (seeds.into_iter().collect(), rows)
}

fn row(site: &Site, run: &Run, parameters: &[String]) -> Row {
    let before = site.comparison.as_ref().and_then(|c| c.before(run));
    let (state, mark) = state(run);
    let (before_text, before_class) = match (&site.comparison, before) {
        (None, _) => (String::new(), ""),
        (Some(_), None) => ("new".to_owned(), ""),
        (Some(_), Some(b)) => {
            let class = match (b.passed, run.passed) {
                (true, false) => "worse",
                (false, true) => "better",
                _ => "",
            };
            (if b.passed { "passed" } else { "failed" }.to_owned(), class)
        }
    };
    let cells = COLUMNS.iter().map(|column| {
        let value = run.metric(column.key);
        let difference = value.zip(before.and_then(|b| b.metric(column.key))).map(|(now, then)| now - then);
        Cell::of(column, value, difference)
    });
    Row {
        key: run.key.clone(),
        state,
        mark,
        outcome: if run.is_done() { words(&run.outcome) } else { run.status.clone() },
        before: before_text,
        before_class,
        seed: run.seed,
        parameters: parameters.iter().map(|p| value_text(run.parameters.get(p))).collect(),
        cells: cells.collect(),
        causes: causes(run),
    }
}

fn run_data(run: &Run, parameters: &[String], shown: &BTreeSet<String>) -> RunData {
    let case = case_name(run, parameters);
    let sep = if case.is_empty() { "" } else { ", " };
    let (state, mark) = state(run);
    let why = causes(run).into_iter().map(|c| (c.at_s, format!("{}: {}", c.check, c.text)));
    RunData {
        key: run.key.clone(),
        name: format!("{mark} seed {}{sep}{case}", run.seed),
        state,
        shown: shown.contains(&run.key),
        message: if run.is_done() { String::new() } else { format!("{}: {}", run.status, run.message) },
        causes: why.collect(),
    }
}

/// What is asked of a run, a line each.
fn asked(expect: &Value, criteria: &Value) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for (what, of) in [("expect", expect), ("criteria", criteria)] {
        let Some(map) = of.as_object() else { continue };
        for (key, value) in map {
            match value {
                Value::Array(list) if list.is_empty() => {}
                Value::Array(list) => {
                    all.extend(list.iter().map(|v| (format!("{what}.{key}"), one(v))));
                }
                other => all.push((format!("{what}.{key}"), one(other))),
            }
        }
    }
    all
}

/// An entry without the braces and quotes of JSON.
fn one(value: &Value) -> String {
    match value {
        Value::String(text) => words(text),
        Value::Object(map) => {
            if let (Some(name), Some(formula)) =
                (map.get("name").and_then(Value::as_str), map.get("formula").and_then(Value::as_str))
            {
                return format!("{name}: {formula}");
            }
            let parts = map.iter().map(|(k, v)| format!("{} {}", words(k), one(v)));
            parts.collect::<Vec<_>>().join(", ")
        }
        Value::Array(list) => list.iter().map(one).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}
