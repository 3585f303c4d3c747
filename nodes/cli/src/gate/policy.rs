//! The release policy: what a candidate has to show. Read from `config/release_gate.yaml`.

use garde::Validate;
use outrider_foundation::validate::within;
use outrider_runtime::config;
use outrider_suite::evaluation::{Measures, mode_names};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::Path;

/// The policy file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Version of the file's layout.
    #[garde(range(min = 1, max = 1))]
    pub version: u32,
    /// Of intervals.
    #[garde(custom(within(0.5, 0.9999)))]
    pub confidence: f64,
    /// What makes results evidence.
    #[garde(dive)]
    pub evidence: Evidence,
    /// How many runs have to pass.
    #[garde(dive)]
    pub pass_rate: PassRate,
    /// Violations of what may never be; over all runs, whatever their class.
    #[garde(skip)]
    pub hard_violations_max: u64,
    /// When something has become worse.
    #[garde(dive)]
    pub regression: Regression,
    /// How late the robot may be.
    #[garde(dive)]
    pub latency: Latency,
    /// What has to be tried.
    #[garde(dive)]
    pub coverage: Coverage,
    /// How much of what was decided can be run again.
    #[garde(dive)]
    pub reproducibility: Reproducibility,
    /// Share of the forwarded commands that the record explains in full, in every run.
    #[garde(custom(within(0.0, 1.0)))]
    pub completeness_min: f64,
}

/// What makes results evidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// The candidate's results have to be of the very program that judges them.
    #[garde(skip)]
    pub candidate_of_this_build: bool,
    /// Share of the candidate's runs that the baseline has to have as well: the same scenario text, parameters and seed.
    #[garde(custom(within(0.0, 1.0)))]
    pub paired_min: f64,
}

/// How many runs have to pass.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct PassRate {
    /// Of critical scenarios.
    #[garde(custom(within(0.0, 1.0)))]
    pub critical_min: f64,
    /// Of all.
    #[garde(custom(within(0.0, 1.0)))]
    pub all_min: f64,
    /// Fewer runs of critical scenarios than this show nothing.
    #[garde(range(min = 1))]
    pub critical_runs_min: u64,
}

/// When something has become worse.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct Regression {
    /// Level of all tests together (Holm).
    #[garde(custom(within(1e-6, 0.5)))]
    pub alpha: f64,
    /// Share of the paired runs by which fewer may pass without it mattering, however sure it is.
    #[garde(custom(within(0.0, 1.0)))]
    pub success_effect_min: f64,
    /// What is compared.
    #[garde(dive, length(min = 1, max = 64), custom(known))]
    pub measures: Vec<Compared>,
}

/// A measure that is compared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct Compared {
    /// As in the metrics of a result; a dot leads into one: `data_age_s.p95`.
    #[garde(length(min = 1, max = 64))]
    pub measure: String,
    /// In which direction it is worse.
    #[garde(skip)]
    pub worse: Worse,
    /// A mean difference by less does not matter, however sure it is; in the measure's unit.
    #[garde(custom(within(0.0, 1e6)))]
    pub effect_min: f64,
    /// Only pairs in which both reached the goal.
    #[garde(skip)]
    #[serde(default)]
    pub both_reached: bool,
}

/// A direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Worse {
    /// More is worse.
    Higher,
    /// Less is worse.
    Lower,
}

/// How late the robot may be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct Latency {
    /// Age of the sensor data that forwarded commands rest on, by virtual time: 95 of 100, in 95 of 100 runs, s.
    #[garde(custom(within(0.0, 10.0)))]
    pub data_age_p95_max_s: f64,
    /// Time of the planner's steps that gave a command, by the clock: 99 of 100, in 95 of 100 runs, ms.
    #[garde(custom(within(0.0, 10_000.0)))]
    pub decision_p99_max_ms: f64,
}

/// What has to be tried.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct Coverage {
    /// Share of the list.
    #[garde(custom(within(0.0, 1.0)))]
    pub share_min: f64,
    /// Critical situations: scenarios of the class `critical` say which of them they cover.
    #[garde(dive, length(min = 1, max = 500), custom(all_differ))]
    pub list: Vec<Situation>,
}

/// A critical situation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct Situation {
    /// Its name.
    #[garde(length(min = 1, max = 64))]
    pub id: String,
    /// In a sentence.
    #[garde(length(min = 1, max = 300))]
    pub what: String,
}

/// How much of what was decided can be run again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct Reproducibility {
    /// Share of the scenarios of which a run was replayed.
    #[garde(custom(within(0.0, 1.0)))]
    pub scenarios_min: f64,
    /// Share of the replayed runs that were identical bit for bit.
    #[garde(custom(within(0.0, 1.0)))]
    pub identical_min: f64,
}

impl Policy {
    /// Reads a file.
    ///
    /// # Errors
    /// Names file, line and key.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        Ok(config::parse(&path.display().to_string(), &config::read(path)?)?)
    }
}

#[allow(clippy::ptr_arg, reason = "garde wants it so")]
fn known(measures: &Vec<Compared>, _: &()) -> garde::Result {
    if let Some(unknown) = measures.iter().find(|m| !is_measure(&m.measure)) {
        return Err(garde::Error::new(format!("there is no measure `{}`", unknown.measure)));
    }
    once(measures.iter().map(|m| &m.measure))
}

#[allow(clippy::ptr_arg, reason = "garde wants it so")]
fn all_differ(list: &Vec<Situation>, _: &()) -> garde::Result {
    once(list.iter().map(|s| &s.id))
}

fn once<'a>(names: impl Iterator<Item = &'a String>) -> garde::Result {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(garde::Error::new(format!("`{name}` is there twice")));
        }
    }
    Ok(())
}

fn is_measure(path: &str) -> bool {
    // Of time in modes a default run has none.
    if let Some((of, mode)) = path.split_once('.').filter(|(of, _)| matches!(*of, "mode_s" | "gate_s")) {
        return mode_names(of == "gate_s").any(|name| name == mode);
    }
    let all = serde_json::to_value(Measures::default()).unwrap_or_default();
    let at = all.pointer(&format!("/{}", path.replace('.', "/")));
    at.is_some_and(|v| v.is_number() || v.is_null())
}

/// The value of a measure; none where it has none.
pub fn value(metrics: &serde_json::Value, path: &str) -> Option<f64> {
    metrics.pointer(&format!("/{}", path.replace('.', "/")))?.as_f64()
}
