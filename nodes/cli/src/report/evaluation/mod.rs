//! `outrider report DIR`: a site of plain files that shows an evaluation. It works from `file://`: every page is whole, and what
//! is loaded later comes as scripts beside it. What is on the pages: `docs/report.md`.

mod columns;
mod compare;
mod data;
mod index;
mod kpi;
mod policy;
mod read;
mod scenario;
mod summary;
#[cfg(test)]
mod synthetic;
#[cfg(test)]
mod tests;
mod why;

pub use read::Folder;

use anyhow::{Context as _, ensure};
use compare::Comparison;
use policy::Policy;
use read::{Run, Scenario, is_plain};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use summary::Summary;

/// Files that every page uses.
const ASSETS: [(&str, &str); 5] = [
    (
        "report.css",
        concat!(
            include_str!("../../../templates/base.css"),
            include_str!("../../../templates/evaluation/report.css")
        ),
    ),
    ("index.js", include_str!("../../../templates/evaluation/index.js")),
    ("plan.js", include_str!("../../../templates/evaluation/plan.js")),
    ("plots.js", include_str!("../../../templates/evaluation/plots.js")),
    ("player.js", include_str!("../../../templates/evaluation/player.js")),
];
/// Where the policy stands when none is named.
const POLICY: &str = "config/release_gate.yaml";

/// What is to be made.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// Where to; `report` in the folder of results otherwise.
    pub out: Option<PathBuf>,
    /// Results to compare with.
    pub baseline: Option<PathBuf>,
    /// Policy of the release gate.
    pub policy: Option<PathBuf>,
}

/// Makes the site; what it says in short.
///
/// # Errors
/// When the results cannot be read or a page not written.
pub fn make(results: &Path, wish: &Wish) -> anyhow::Result<Summary> {
    let folder = Folder::read(results)?;
    ensure!(!folder.suite.scenarios.is_empty(), "{}: no scenario and no run", results.display());
    let baseline = match &wish.baseline {
        Some(path) => {
            ensure!(Folder::is_one(path), "{}: no results of `outrider evaluate`", path.display());
            Some(Folder::read(path).context("baseline")?)
        }
        None => None,
    };
    let policy = match &wish.policy {
        Some(path) => Policy::read(path)?,
        None if Path::new(POLICY).is_file() => Policy::read(Path::new(POLICY))?,
        None => Policy::default(),
    };
    let out = wish.out.clone().unwrap_or_else(|| results.join("report"));
    let site = Site::new(&folder, baseline.as_ref(), policy);
    for (part, kind) in [("scenarios", "html"), ("runs", "js"), ("worlds", "js")] {
        let path = out.join(part);
        fs::create_dir_all(&path).with_context(|| path.display().to_string())?;
        if out.join("player.js").is_file() {
            clear(&path, kind)?;
        }
    }
    for (name, text) in ASSETS {
        write(&out.join(name), text)?;
    }
    let mut notes = folder.notes.clone();
    let shown = data::write_records(&folder, &out, &mut notes)?;
    for group in &site.groups {
        write(&out.join("scenarios").join(&group.page), &scenario::render(&site, group, &shown)?)?;
    }
    let summary = Summary::new(&site, &out, &notes);
    write(&out.join("index.html"), &index::render(&site, &summary)?)?;
    write(&out.join("summary.json"), &(serde_json::to_string_pretty(&summary)? + "\n"))?;
    write(&out.join("summary.md"), &summary.to_markdown())?;
    Ok(summary)
}

/// What an earlier report left: its pages are of other results.
fn clear(folder: &Path, kind: &str) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_file() && path.extension().is_some_and(|e| e == kind) {
            fs::remove_file(&path).with_context(|| path.display().to_string())?;
        }
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// What all pages are made from.
struct Site<'a> {
    folder: &'a Folder,
    comparison: Option<Comparison<'a>>,
    policy: Policy,
    groups: Vec<Group<'a>>,
}

/// A scenario with its runs.
struct Group<'a> {
    scenario: &'a Scenario,
    runs: Vec<&'a Run>,
    /// Planned, without a result.
    missing: usize,
    /// Name of its page in `scenarios`.
    page: String,
}

impl Group<'_> {
    fn passed(&self) -> usize {
        self.runs.iter().filter(|r| r.passed).count()
    }

    fn failed(&self) -> usize {
        self.runs.len() - self.passed()
    }
}

impl<'a> Site<'a> {
    fn new(folder: &'a Folder, baseline: Option<&'a Folder>, policy: Policy) -> Self {
        let mut by_scenario: BTreeMap<&str, Vec<&Run>> = BTreeMap::new();
        for run in &folder.runs {
            by_scenario.entry(run.scenario.as_str()).or_default().push(run);
        }
        let mut missing: BTreeMap<&str, usize> = BTreeMap::new();
        for planned in folder.missing() {
            *missing.entry(planned.scenario.as_str()).or_default() += 1;
        }
        let mut taken = BTreeSet::new();
        let mut groups: Vec<Group> = folder
            .suite
            .scenarios
            .iter()
            .map(|scenario| Group {
                scenario,
                runs: by_scenario.remove(scenario.id.as_str()).unwrap_or_default(),
                missing: missing.get(scenario.id.as_str()).copied().unwrap_or(0),
                page: page_name(&scenario.id, &mut taken),
            })
            .collect();
        // What failed comes first, the gravest of it at the top; then what was not run, then by name.
        groups.sort_by(|a, b| {
            let place = |g: &Group| (g.failed() == 0, g.missing == 0, rank(&g.scenario.class));
            place(a).cmp(&place(b)).then_with(|| a.scenario.id.cmp(&b.scenario.id))
        });
        Self { folder, comparison: baseline.map(Comparison::with), policy, groups }
    }
}

/// Classes, the gravest first.
const CLASSES: [&str; 3] = ["critical", "major", "minor"];

fn rank(class: &str) -> usize {
    CLASSES.iter().position(|c| *c == class).unwrap_or(CLASSES.len())
}

/// A name for a file that no other page has.
fn page_name(id: &str, taken: &mut BTreeSet<String>) -> String {
    let plain: String =
        id.chars().map(|c| if is_plain(&c.to_string()) { c } else { '_' }).take(100).collect();
    let plain = if plain.is_empty() { "_".to_owned() } else { plain };
    let mut name = format!("{plain}.html");
    let mut number = 2;
    while !taken.insert(name.clone()) {
        name = format!("{plain}-{number}.html");
        number += 1;
    }
    name
}

/// A word of a file for people: `static_clutter` becomes "static clutter".
fn words(name: &str) -> String {
    if name.is_empty() { "–".to_owned() } else { name.replace('_', " ") }
}
