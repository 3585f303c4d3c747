//! A folder of results as it is on the disk, read leniently: what is missing is told on the page, and the rest is shown. It may be
//! of an older program, or of an evaluation that has not come to its end.

use crate::evaluate::store::{VERDICT_FILES, digest};
use anyhow::{Context as _, ensure};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A file of the folder may be so long, bytes.
const FILE_LIMIT: u64 = 512 << 20;
/// The most faults of the data that are told one by one.
const NOTES_TOLD: usize = 20;
/// The verdict of `outrider gate`, for programs.
const VERDICT: &str = VERDICT_FILES[1];

/// `suite.json`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "docs/evaluation.md describes the files")]
pub struct Suite {
    pub suite: String,
    pub build: String,
    pub config_hash: String,
    pub settings: Vec<String>,
    pub scenarios: Vec<Scenario>,
    pub planned: Vec<Planned>,
}

/// A scenario of `suite.json`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "docs/evaluation.md describes the files")]
pub struct Scenario {
    pub id: String,
    pub file: String,
    pub description: String,
    pub family: String,
    pub class: String,
    pub rationale: String,
    pub covers: Vec<String>,
    pub requirements: Vec<String>,
    pub faults: Option<usize>,
    pub expect: Value,
    pub criteria: Value,
}

impl Scenario {
    /// How its runs are to end.
    pub fn wanted(&self) -> &str {
        self.expect.get("outcome").and_then(Value::as_str).unwrap_or("reached")
    }
}

/// A run that was to be made.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "docs/evaluation.md describes the files")]
pub struct Planned {
    pub key: String,
    pub scenario: String,
    pub seed: u64,
    pub parameters: BTreeMap<String, Value>,
}

/// A check that failed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "docs/evaluation.md describes the files")]
pub struct Failure {
    pub check: String,
    pub text: String,
}

/// A hard constraint that was violated.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "docs/evaluation.md describes the files")]
pub struct Violation {
    pub rule: String,
    pub at_s: Option<f64>,
    pub text: String,
}

/// Whether a run's record led to the same decisions again.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "docs/evaluation.md describes the files")]
pub struct Reproduced {
    pub identical: bool,
    pub steps: u64,
    pub difference: String,
}

/// A line of `results.jsonl`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "docs/evaluation.md describes the files")]
pub struct Run {
    pub key: String,
    pub scenario: String,
    pub scenario_hash: String,
    pub file: String,
    pub family: String,
    pub class: String,
    pub requirements: Vec<String>,
    pub covers: Vec<String>,
    pub parameters: BTreeMap<String, Value>,
    pub seed: u64,
    pub build: String,
    pub config_hash: String,
    pub status: String,
    pub message: String,
    pub outcome: String,
    pub passed: bool,
    pub failures: Vec<Failure>,
    pub violations: Vec<Violation>,
    pub metrics: BTreeMap<String, Value>,
    pub reproduced: Option<Reproduced>,
}

impl Run {
    /// It came to its end as runs do.
    pub fn is_done(&self) -> bool {
        matches!(self.status.as_str(), "done" | "")
    }

    /// A number of `metrics`; a dot leads into a group, as in `data_age_s.p95`.
    pub fn metric(&self, name: &str) -> Option<f64> {
        let mut parts = name.split('.');
        let first = self.metrics.get(parts.next()?)?;
        parts.try_fold(first, |value, part| value.get(part))?.as_f64()
    }

    /// What a run of the same case has in common with this one, whatever the build.
    pub fn case(&self) -> Case {
        let parameters = serde_json::to_string(&self.parameters).unwrap_or_default();
        (self.scenario.clone(), self.scenario_hash.clone(), parameters, self.seed)
    }
}

/// Scenario, its text, parameters and seed.
pub type Case = (String, String, String, u64);

/// Times of steps, microseconds.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "docs/evaluation.md describes the files")]
pub struct StepTimes {
    pub count: u64,
    pub p50_us: f64,
    pub p95_us: f64,
    pub p99_us: f64,
}

/// A line of `timings.jsonl`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "docs/evaluation.md describes the files")]
pub struct Timing {
    pub key: String,
    pub call: Option<u32>,
    pub wall_s: f64,
    pub times_real: f64,
    pub decision: StepTimes,
}

/// `gate.json`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "docs/evaluation.md describes the files")]
pub struct Verdict {
    pub candidate: String,
    pub evidence: String,
    pub policy: String,
    pub baseline: String,
    pub checks: Vec<Check>,
}

/// A check of the gate.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "docs/evaluation.md describes the files")]
pub struct Check {
    pub name: String,
    pub finding: String,
    pub reason: String,
}

impl Verdict {
    /// It may be released.
    pub fn is_released(&self) -> bool {
        !self.checks.is_empty() && self.checks.iter().all(|c| c.finding == "good")
    }

    /// What stands against it, then the rest.
    pub fn sorted(&self) -> Vec<&Check> {
        let mut all: Vec<&Check> = self.checks.iter().collect();
        all.sort_by_key(|c| c.finding == "good");
        all
    }
}

/// All of a folder but the records of runs, which are read one by one.
#[derive(Clone, Debug, Default)]
pub struct Folder {
    /// Where it is.
    pub path: PathBuf,
    /// What was to be run.
    pub suite: Suite,
    /// What came of it, in the order of the file.
    pub runs: Vec<Run>,
    /// Times by key.
    pub timings: BTreeMap<String, Timing>,
    /// The verdict of `outrider gate`, where there is one.
    pub verdict: Option<Verdict>,
    /// When its files were written.
    pub written: Written,
    /// What is wrong with the data.
    pub notes: Vec<String>,
}

/// Times between the writing of files, s; none where they do not follow each other.
#[derive(Clone, Copy, Debug, Default)]
pub struct Written {
    /// From `suite.json`, at the beginning, to `results.jsonl`, at the end.
    pub evaluated_s: Option<f64>,
    /// From there to the verdict of the gate.
    pub verdict_s: Option<f64>,
}

impl Written {
    fn of(path: &Path) -> Self {
        let at = |name: &str| fs::metadata(path.join(name)).and_then(|m| m.modified()).ok();
        let between = |a: &str, b: &str| Some(at(b)?.duration_since(at(a)?).ok()?.as_secs_f64());
        Self {
            evaluated_s: between("suite.json", "results.jsonl"),
            verdict_s: between("results.jsonl", VERDICT),
        }
    }
}

impl Folder {
    /// Whether a path is a folder of results.
    pub fn is_one(path: &Path) -> bool {
        path.join("results.jsonl").is_file()
    }

    /// Reads it.
    ///
    /// # Errors
    /// When `results.jsonl` cannot be read, or another file that is there.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let mut notes = Vec::new();
        let mut runs: Vec<Run> = lines(&path.join("results.jsonl"), &mut notes)?;
        let timings_file = path.join("timings.jsonl");
        let timings: Vec<Timing> =
            if timings_file.is_file() { lines(&timings_file, &mut notes)? } else { Vec::new() };
        let suite = match whole(&path.join("suite.json"))? {
            Some(value) => serde_json::from_value(value).context("suite.json")?,
            None => {
                notes.push(
                    "suite.json is missing: descriptions, and runs that were not made, are not known".into(),
                );
                Suite::default()
            }
        };
        let verdict = whole(&path.join(VERDICT))?;
        let mut seen = BTreeSet::new();
        let all = runs.len();
        runs.retain(|r| seen.insert(r.key.clone()));
        if runs.len() < all {
            notes.push(format!(
                "results.jsonl has {} runs twice; the first of each is shown",
                all - runs.len()
            ));
        }
        let mut folder = Self {
            path: path.to_owned(),
            suite,
            runs,
            timings: timings.into_iter().map(|t| (t.key.clone(), t)).collect(),
            verdict: verdict.map(serde_json::from_value).transpose().context(VERDICT)?,
            written: Written::of(path),
            notes,
        };
        folder.complete();
        Ok(folder)
    }

    /// What the runs say is added to the suite where it does not say it itself.
    fn complete(&mut self) {
        let known: BTreeSet<String> = self.suite.scenarios.iter().map(|s| s.id.clone()).collect();
        let mut added = BTreeSet::new();
        for run in &self.runs {
            if !known.contains(&run.scenario) && added.insert(run.scenario.clone()) {
                self.suite.scenarios.push(Scenario {
                    id: run.scenario.clone(),
                    file: run.file.clone(),
                    family: run.family.clone(),
                    class: run.class.clone(),
                    covers: run.covers.clone(),
                    requirements: run.requirements.clone(),
                    ..Scenario::default()
                });
            }
        }
        if let Some(first) = self.runs.first() {
            for (own, other) in
                [(&mut self.suite.build, &first.build), (&mut self.suite.config_hash, &first.config_hash)]
            {
                if own.is_empty() {
                    own.clone_from(other);
                }
            }
        }
        let builds: BTreeSet<&str> = self.runs.iter().map(|r| r.build.as_str()).collect();
        if builds.len() > 1 {
            let names = builds.into_iter().collect::<Vec<_>>().join(", ");
            self.notes.push(format!("the runs are of several builds: {names}"));
        }
        let digest = digest(&self.path).unwrap_or_default();
        // Results that could not be read have a verdict that names none; a release names those that it is of.
        let is_other = |v: &mut Verdict| v.evidence != digest && (v.is_released() || !v.evidence.is_empty());
        if self.verdict.take_if(is_other).is_some() {
            self.notes
                .push(format!("{VERDICT} is of other results than these, and is not shown: gate again"));
        }
        let missing = self.missing();
        if let Some(first) = missing.first() {
            let (count, planned) = (missing.len(), self.suite.planned.len());
            self.notes.push(format!(
                "{count} of {planned} planned runs have no result (the first: {} seed {})",
                first.scenario, first.seed
            ));
        }
    }

    /// Planned runs without a result.
    pub fn missing(&self) -> Vec<&Planned> {
        let there: BTreeSet<&str> = self.runs.iter().map(|r| r.key.as_str()).collect();
        self.suite.planned.iter().filter(|p| !there.contains(p.key.as_str())).collect()
    }

    /// The record of a run as JSON; none where there is no file.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn record(&self, key: &str) -> anyhow::Result<Option<Value>> {
        ensure!(is_plain(key), "`{key}` is no key of a run");
        whole(&self.path.join("runs").join(format!("{key}.json")))
    }

    /// A world as JSON; none where there is no file.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn world(&self, hash: &str) -> anyhow::Result<Option<Value>> {
        ensure!(is_plain(hash), "`{hash}` is no hash of a world");
        whole(&self.path.join("worlds").join(format!("{hash}.json")))
    }
}

/// It can stand in the name of a file and in an address.
pub fn is_plain(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !name.is_empty() && name.len() <= 120 && name.chars().all(plain) && !name.starts_with('.')
}

fn bytes(path: &Path) -> anyhow::Result<Vec<u8>> {
    let name = || path.display().to_string();
    let length = fs::metadata(path).with_context(name)?.len();
    ensure!(length <= FILE_LIMIT, "{}: {length} bytes, the most are {FILE_LIMIT}", path.display());
    fs::read(path).with_context(name)
}

/// A whole JSON file; none where there is no file.
fn whole(path: &Path) -> anyhow::Result<Option<Value>> {
    if !path.is_file() {
        return Ok(None);
    }
    let value: Value = serde_json::from_slice(&bytes(path)?).with_context(|| path.display().to_string())?;
    Ok(Some(without_nulls(value)))
}

/// A line each; those that cannot be read are told in `notes`.
fn lines<T: DeserializeOwned>(path: &Path, notes: &mut Vec<String>) -> anyhow::Result<Vec<T>> {
    let all = bytes(path)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut found = Vec::new();
    let mut faults = 0usize;
    let numbered = (1..).zip(all.split(|b| *b == b'\n')).filter(|(_, l)| !l.trim_ascii().is_empty());
    for (number, line) in numbered {
        let value = serde_json::from_slice(line).map(without_nulls).and_then(serde_json::from_value);
        match value {
            Ok(value) => found.push(value),
            Err(error) => {
                faults += 1;
                if faults <= NOTES_TOLD {
                    notes.push(format!("{name}:{number}: {error}; the line is left out"));
                }
            }
        }
    }
    if faults > NOTES_TOLD {
        notes.push(format!("{name}: {} more lines cannot be read", faults - NOTES_TOLD));
    }
    Ok(found)
}

/// Entries of objects that are null are as if they were not there; in lists they stay.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let some = map.into_iter().filter(|(_, v)| !v.is_null());
            Value::Object(some.map(|(k, v)| (k, without_nulls(v))).collect())
        }
        Value::Array(list) => Value::Array(list.into_iter().map(without_nulls).collect()),
        other => other,
    }
}
