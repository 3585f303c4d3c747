//! The first page: what failed and why, the key figures, and every scenario in a table.

use super::columns::{COLUMNS, Column};
use super::kpi::Kpi;
use super::read::Check;
use super::summary::{Failing, Summary};
use super::{CLASSES, Group, Site, words};
use anyhow::Context as _;
use askama::Template;

/// The most reasons of a check of the gate, characters.
const REASON_SHOWN: usize = 600;

#[derive(Template)]
#[template(path = "evaluation/index.html")]
struct Page<'a> {
    summary: &'a Summary,
    title: String,
    settings: String,
    verdict: (&'static str, String),
    tiles: Vec<&'a Kpi>,
    failing: &'a [Failing],
    checks: Vec<CheckRow>,
    /// File of the gate's policy.
    policy: String,
    heads: Vec<Head>,
    rows: Vec<Row>,
    families: Vec<(String, String)>,
    classes: Vec<String>,
    heat_heads: Vec<String>,
    heat: Vec<HeatRow>,
    has_baseline: bool,
    flips: Vec<Flip>,
}

/// A check of the gate.
struct CheckRow {
    class: &'static str,
    word: &'static str,
    name: String,
    reason: String,
}

/// Head of a column.
struct Head {
    text: String,
    number: bool,
}

/// A cell: as shown, as sorted, and its difference to the baseline with its class.
pub(super) struct Cell {
    pub text: String,
    pub sort: String,
    pub difference: String,
    pub class: &'static str,
}

impl Cell {
    /// A value of a column, and by how much it differs from the baseline.
    pub(super) fn of(column: &Column, value: Option<f64>, difference: Option<f64>) -> Self {
        Self {
            text: column.text(value),
            sort: value.map_or_else(String::new, |v| format!("{v}")),
            difference: difference.map(|d| column.difference(d)).unwrap_or_default(),
            class: match difference.and_then(|d| column.is_better(d)) {
                Some(true) => "better",
                Some(false) => "worse",
                None => "",
            },
        }
    }
}

/// A scenario.
struct Row {
    page: String,
    id: String,
    family: String,
    family_words: String,
    class: String,
    state: &'static str,
    runs: usize,
    passed: usize,
    passed_cell: Cell,
    cells: Vec<Cell>,
}

/// A family.
struct HeatRow {
    family: String,
    words: String,
    cells: Vec<HeatCell>,
}

/// Family and class.
struct HeatCell {
    class: String,
    passed: usize,
    runs: usize,
    /// 0 none, 1 all passed, 2 to 4 the more failed.
    level: usize,
}

/// A scenario of which more or fewer runs pass than in the baseline.
struct Flip {
    page: String,
    id: String,
    broken: u64,
    mended: u64,
    pairs: u64,
}

/// The page as text.
///
/// # Errors
/// When the template fails, which a test would have told.
pub(super) fn render(site: &Site, summary: &Summary) -> anyhow::Result<String> {
    let folder = site.folder;
    let classes = classes(site);
    let mut families: Vec<String> = site.groups.iter().map(|g| g.scenario.family.clone()).collect();
    families.sort();
    families.dedup();
    let page = Page {
        title: title(summary),
        settings: folder.suite.settings.join(", "),
        verdict: verdict(summary),
        tiles: summary.kpis.iter().collect(),
        failing: &summary.failing,
        checks: folder.verdict.iter().flat_map(|v| v.sorted()).map(check_row).collect(),
        policy: folder.verdict.as_ref().map(|v| v.policy.clone()).unwrap_or_default(),
        heads: COLUMNS.iter().filter(|c| c.first).map(|c| Head { text: c.head(), number: true }).collect(),
        rows: site.groups.iter().map(|g| row(site, g)).collect(),
        heat: families.iter().map(|f| heat_row(site, f, &classes)).collect(),
        families: families.iter().map(|f| (f.clone(), words(f))).collect(),
        heat_heads: classes.iter().map(|c| words(c)).collect(),
        classes,
        has_baseline: site.comparison.is_some(),
        flips: site.groups.iter().filter_map(|g| flip(site, g)).collect(),
        summary,
    };
    page.render().context("cannot fill the index")
}

fn title(summary: &Summary) -> String {
    let name = summary.suite.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    if name.is_empty() { "Evaluation".to_owned() } else { name.to_owned() }
}

/// Class and words of what came of it all.
fn verdict(summary: &Summary) -> (&'static str, String) {
    match &summary.gate {
        Some(gate) if gate.released => ("good", "Released".to_owned()),
        Some(_) => ("", "Stopped".to_owned()),
        None if summary.runs == 0 => ("open", "No run".to_owned()),
        None if summary.passed < summary.runs => {
            ("", format!("{} of {} runs failed", summary.runs - summary.passed, summary.runs))
        }
        None if summary.missing > 0 => ("open", format!("{} runs missing", summary.missing)),
        None => ("good", format!("All {} runs passed", summary.runs)),
    }
}

fn check_row(check: &Check) -> CheckRow {
    let (class, word) = match check.finding.as_str() {
        "good" => ("good", "ok"),
        "bad" => ("bad", "bad"),
        _ => ("warn", "unknown"),
    };
    CheckRow {
        class,
        word,
        name: check.name.clone(),
        reason: check.reason.chars().take(REASON_SHOWN).collect(),
    }
}

/// Those that scenarios have, the gravest first.
fn classes(site: &Site) -> Vec<String> {
    let mut all: Vec<String> = CLASSES.iter().map(|c| (*c).to_owned()).collect();
    all.extend(
        site.groups.iter().map(|g| g.scenario.class.clone()).filter(|c| !CLASSES.contains(&c.as_str())),
    );
    all.retain(|c| site.groups.iter().any(|g| g.scenario.class == *c));
    all.dedup();
    all.sort_by_key(|c| super::rank(c));
    all.dedup();
    all
}

fn row(site: &Site, group: &Group) -> Row {
    let (runs, passed) = (group.runs.len(), group.passed());
    let state = match (runs, group.failed(), group.missing) {
        (0, ..) => "missing",
        (_, 0, 0) => "passed",
        (_, 0, _) => "missing",
        _ => "failed",
    };
    // Failing ones first, then those that were not run, as the badge says it.
    let rank = match state {
        "failed" => 0.0,
        "missing" => 2.0,
        _ => 4.0,
    };
    let share = passed as f64 / (runs + group.missing).max(1) as f64;
    let (difference, class) = passed_difference(site, group);
    Row {
        page: format!("scenarios/{}", group.page),
        id: group.scenario.id.clone(),
        family: group.scenario.family.clone(),
        family_words: words(&group.scenario.family),
        class: group.scenario.class.clone(),
        state,
        runs: runs + group.missing,
        passed,
        passed_cell: Cell { text: String::new(), sort: format!("{:.4}", rank + share), difference, class },
        cells: COLUMNS.iter().filter(|c| c.first).map(|c| cell(site, group, c)).collect(),
    }
}

fn passed_difference(site: &Site, group: &Group) -> (String, &'static str) {
    let Some(comparison) = &site.comparison else { return (String::new(), "") };
    let flips = comparison.flips(&group.runs);
    if flips.pairs == 0 {
        return ("new".to_owned(), "");
    }
    match (flips.broken, flips.mended) {
        (0, 0) => (String::new(), ""),
        (0, mended) => (format!("+{mended}"), "better"),
        (broken, 0) => (format!("−{broken}"), "worse"),
        (broken, mended) => (format!("−{broken} +{mended}"), "worse"),
    }
}

fn cell(site: &Site, group: &Group, column: &Column) -> Cell {
    let value = column.of(group.runs.iter().copied());
    let difference = site.comparison.as_ref().and_then(|c| c.difference(column, &group.runs));
    Cell::of(column, value, difference)
}

fn heat_row(site: &Site, family: &str, classes: &[String]) -> HeatRow {
    let cells = classes.iter().map(|class| {
        let of = site.groups.iter().filter(|g| g.scenario.family == family && g.scenario.class == *class);
        let (passed, runs) = of.fold((0, 0), |(p, r), g| (p + g.passed(), r + g.runs.len() + g.missing));
        let lost = runs - passed;
        let level = match (runs, lost) {
            (0, _) => 0,
            (_, 0) => 1,
            _ if lost * 10 <= runs => 2,
            _ if lost * 2 <= runs => 3,
            _ => 4,
        };
        HeatCell { class: class.clone(), passed, runs, level }
    });
    HeatRow { family: family.to_owned(), words: words(family), cells: cells.collect() }
}

fn flip(site: &Site, group: &Group) -> Option<Flip> {
    let flips = site.comparison.as_ref()?.flips(&group.runs);
    (flips.broken + flips.mended > 0).then(|| Flip {
        page: format!("scenarios/{}", group.page),
        id: group.scenario.id.clone(),
        broken: flips.broken,
        mended: flips.mended,
        pairs: flips.pairs,
    })
}
