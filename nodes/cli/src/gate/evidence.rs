//! Results of a folder, and what keeps them from being evidence.

use super::judge::some;
use crate::evaluate::store::{Manifest, RunResult, RunTiming, Status, digest, read};
use outrider_suite::evaluation::Measures;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Results of one folder.
#[derive(Debug)]
pub struct Evidence {
    /// As it was given.
    pub folder: String,
    /// Of the files of results and times.
    pub digest: String,
    /// What was to be run.
    pub manifest: Manifest,
    /// What was.
    pub results: Vec<RunResult>,
    /// What a clock measured.
    pub timings: Vec<RunTiming>,
}

impl Evidence {
    /// Reads a folder.
    ///
    /// # Errors
    /// When it holds no results, or they cannot be read.
    pub fn read(folder: &Path) -> anyhow::Result<Self> {
        let manifest = Manifest::read(folder)?;
        let (results, timings) = read(folder)?;
        Ok(Self { folder: folder.display().to_string(), digest: digest(folder)?, manifest, results, timings })
    }

    /// What they are results of: settings of the command line are part of it.
    pub fn of(&self) -> String {
        let Manifest { build, config_hash, settings, chosen, .. } = &self.manifest;
        let listed = |name: &str, list: &[String]| match list {
            [] => String::new(),
            list => format!(", {name} {}", list.join(" ")),
        };
        format!(
            "{} ({build}, configuration {config_hash}{}{})",
            self.folder,
            listed("with", settings),
            listed("chosen by", chosen)
        )
    }

    /// What keeps these results from being evidence: missing, mixed, stale, doubled or impossible runs.
    pub fn problem(&self) -> Option<String> {
        self.missing().or_else(|| self.mixed()).or_else(|| self.stale()).or_else(|| self.impossible())
    }

    fn missing(&self) -> Option<String> {
        let planned = &self.manifest.planned;
        if planned.is_empty() {
            return Some("nothing was planned".to_owned());
        }
        let there: BTreeSet<&str> = self.results.iter().map(|r| r.key.as_str()).collect();
        let missing: Vec<String> = planned
            .iter()
            .filter(|p| !there.contains(p.key.as_str()))
            .map(|p| format!("{} seed {}", p.scenario, p.seed))
            .collect();
        told(&missing, || format!("missing: {} of {} runs have no result", missing.len(), planned.len()))
    }

    fn mixed(&self) -> Option<String> {
        let builds: BTreeSet<&str> = self.results.iter().map(|r| r.build.as_str()).collect();
        let wanted = self.manifest.build.as_str();
        let all: Vec<String> = builds.iter().map(|b| (*b).to_owned()).collect();
        (builds.len() > 1 || !builds.contains(wanted))
            .then(|| format!("mixed: results of several builds: {}; suite.json says {wanted}", some(&all)))
    }

    fn stale(&self) -> Option<String> {
        let planned: BTreeSet<&str> = self.manifest.planned.iter().map(|p| p.key.as_str()).collect();
        let strangers = self.named(|r| !planned.contains(r.key.as_str()));
        let hashes: BTreeMap<&str, &str> =
            self.manifest.scenarios.iter().map(|s| (s.id.as_str(), s.hash.as_str())).collect();
        let changed: Vec<String> = self
            .results
            .iter()
            .filter(|r| hashes.get(r.scenario.as_str()) != Some(&r.scenario_hash.as_str()))
            .map(|r| r.scenario.clone())
            .collect();
        let times = self.timings.iter().filter(|t| !planned.contains(t.key.as_str()));
        let times: Vec<String> = times.map(|t| t.key.clone()).collect();
        let classes: BTreeMap<&str, _> =
            self.manifest.scenarios.iter().map(|s| (s.id.as_str(), s.class)).collect();
        let others = self.named(|r| classes.get(r.scenario.as_str()).is_some_and(|class| *class != r.class));
        told(&strangers, || format!("stale: {} results are of no planned run", strangers.len()))
            .or_else(|| {
                told(&times, || {
                    format!("stale: {} lines of timings.jsonl are of no planned run", times.len())
                })
            })
            .or_else(|| told(&others, || "stale: the class is another one than in suite.json".to_owned()))
            .or_else(|| told(&changed, || "stale: the scenario has changed since".to_owned()))
    }

    fn impossible(&self) -> Option<String> {
        let mut seen = BTreeSet::new();
        let twice = self.named(|r| !seen.insert(r.key.as_str()));
        let torn = self.named(contradicts_itself);
        let mut timed = BTreeSet::new();
        let again: Vec<String> =
            self.timings.iter().filter(|t| !timed.insert(t.key.as_str())).map(|t| t.key.clone()).collect();
        let untimed = self.named(|r| !timed.contains(r.key.as_str()));
        told(&twice, || format!("doubled: {} results are of runs that have one already", twice.len()))
            .or_else(|| told(&torn, || "impossible: the result contradicts itself".to_owned()))
            .or_else(|| {
                told(&untimed, || format!("missing: {} runs have no line in timings.jsonl", untimed.len()))
            })
            .or_else(|| {
                told(&again, || {
                    format!("doubled: {} runs have more than one line in timings.jsonl", again.len())
                })
            })
    }

    fn named<'a>(&'a self, mut which: impl FnMut(&'a RunResult) -> bool) -> Vec<String> {
        self.results.iter().filter(|r| which(r)).map(|r| format!("{} seed {}", r.scenario, r.seed)).collect()
    }
}

fn told(names: &[String], what: impl FnOnce() -> String) -> Option<String> {
    (!names.is_empty()).then(|| format!("{}: {}", what(), some(names)))
}

/// No run of the program gives such a line.
fn contradicts_itself(result: &RunResult) -> bool {
    let done = result.status == Status::Done;
    let whole = result.metrics.is_some() && result.outcome.is_some() && result.digest.is_some();
    let again = result.reproduced.as_ref();
    let claimed = again.is_some_and(|r| r.identical && (r.steps == 0 || r.difference.is_some()));
    let silent = result.metrics.as_ref().is_some_and(says_nothing_of_commands);
    (done && !whole) || (result.passed && !(done && result.failures.is_empty())) || claimed || silent
}

/// It says how long commands were forwarded, and of none of them what they rest on.
fn says_nothing_of_commands(metrics: &Measures) -> bool {
    let forwarded_s = metrics.gate_s.get("forwarding").copied().unwrap_or(0.0);
    forwarded_s > 1.0 && (metrics.completeness.is_none() || metrics.data_age_s.p95.is_none())
}

/// Runs of the baseline whose scenario is the same, or is not there at all, and that the candidate does not have: with them left out it
/// may look better than it is.
pub fn left_out(baseline: &Evidence, candidate: &Evidence) -> Vec<String> {
    let hashes: BTreeMap<&str, &str> =
        candidate.manifest.scenarios.iter().map(|s| (s.id.as_str(), s.hash.as_str())).collect();
    let there: BTreeSet<_> = candidate.results.iter().map(place).collect();
    let same_text =
        |r: &RunResult| hashes.get(r.scenario.as_str()).is_none_or(|hash| *hash == r.scenario_hash.as_str());
    baseline.named(|r| same_text(r) && !there.contains(&place(r)))
}

/// What two results of the same run have in common, whatever the program.
pub fn place(result: &RunResult) -> (String, String, String, u64) {
    let parameters = serde_json::to_string(&result.parameters).unwrap_or_default();
    (result.scenario.clone(), result.scenario_hash.clone(), parameters, result.seed)
}
