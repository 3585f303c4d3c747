//! An evaluation in short: for a terminal, for CI, and for the top of the index.

use super::kpi::{Kpi, kpis};
use super::why::{Reason, reasons};
use super::{Site, words};
use outrider_suite::evaluation::statistics::mcnemar_worse;
use serde::Serialize;
use std::fmt::Write as _;
use std::path::Path;

/// So many failing scenarios are told on a terminal.
const TOLD: usize = 20;

/// `summary.json`.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// Version of this file's layout.
    pub format: u32,
    /// As it was given.
    pub suite: String,
    /// Of the program.
    pub build: String,
    /// Of the configuration.
    pub config_hash: String,
    /// The page.
    pub index: String,
    /// Scenarios.
    pub scenarios: usize,
    /// Runs that have a result.
    pub runs: usize,
    /// Of these.
    pub passed: usize,
    /// Runs that ended in an error or a panic.
    pub broken: usize,
    /// Planned runs without a result.
    pub missing: usize,
    /// What the release gate said.
    pub gate: Option<GateVerdict>,
    /// The key figures.
    pub kpis: Vec<Kpi>,
    /// Scenarios with runs that did not pass, the gravest first.
    pub failing: Vec<Failing>,
    /// Against the baseline.
    pub baseline: Option<BaselineFacts>,
    /// What is wrong with the data.
    pub notes: Vec<String>,
}

/// What the release gate said.
#[derive(Clone, Debug, Serialize)]
pub struct GateVerdict {
    /// Whether it may be released.
    pub released: bool,
    /// Checks that stand against it.
    pub against: Vec<String>,
}

/// A scenario with runs that did not pass.
#[derive(Clone, Debug, Serialize)]
pub struct Failing {
    /// Id.
    pub scenario: String,
    /// Page, from the index.
    pub page: String,
    /// Family.
    pub family: String,
    /// Criticality.
    pub class: String,
    /// Runs that did not pass.
    pub failed: usize,
    /// Runs.
    pub runs: usize,
    /// Why.
    pub reasons: Vec<Reason>,
    /// Reasons that are not among these.
    pub left_out: usize,
}

/// Against the baseline.
#[derive(Clone, Debug, Serialize)]
pub struct BaselineFacts {
    /// Its folder.
    pub folder: String,
    /// Its program.
    pub build: String,
    /// Runs of the same scenario, parameters and seed.
    pub pairs: u64,
    /// Passed there and not here.
    pub broken: u64,
    /// Passed here and not there.
    pub mended: u64,
    /// Probability of so many or more that pass no more, when none is the better (McNemar, exact, one-sided).
    pub p_worse: f64,
}

impl Failing {
    /// For people.
    pub fn family_words(&self) -> String {
        words(&self.family)
    }
}

impl Summary {
    pub(super) fn new(site: &Site, out: &Path, notes: &[String]) -> Self {
        let folder = site.folder;
        let failing = site.groups.iter().filter(|g| g.failed() > 0).map(|group| {
            let (reasons, left_out) = reasons(&group.runs);
            Failing {
                scenario: group.scenario.id.clone(),
                page: format!("scenarios/{}", group.page),
                family: group.scenario.family.clone(),
                class: group.scenario.class.clone(),
                failed: group.failed(),
                runs: group.runs.len(),
                reasons,
                left_out,
            }
        });
        let gate = folder.verdict.as_ref().map(|verdict| GateVerdict {
            released: verdict.is_released(),
            against: verdict.checks.iter().filter(|c| c.finding != "good").map(|c| c.name.clone()).collect(),
        });
        let baseline = site.comparison.as_ref().map(|comparison| {
            let flips = comparison.flips(&folder.runs.iter().collect::<Vec<_>>());
            BaselineFacts {
                folder: comparison.baseline.path.display().to_string(),
                build: comparison.baseline.suite.build.clone(),
                pairs: flips.pairs,
                broken: flips.broken,
                mended: flips.mended,
                p_worse: mcnemar_worse(flips.broken, flips.mended),
            }
        });
        Self {
            format: 1,
            suite: folder.suite.suite.clone(),
            build: folder.suite.build.clone(),
            config_hash: folder.suite.config_hash.clone(),
            index: out.join("index.html").display().to_string(),
            scenarios: site.groups.len(),
            runs: folder.runs.len(),
            passed: folder.runs.iter().filter(|r| r.passed).count(),
            broken: folder.runs.iter().filter(|r| !r.is_done()).count(),
            missing: folder.missing().len(),
            gate,
            kpis: kpis(folder, &site.policy),
            failing: failing.collect(),
            baseline,
            notes: notes.to_vec(),
        }
    }

    /// What the evaluation came to, in a few words.
    pub fn headline(&self) -> String {
        let all = self.runs + self.missing;
        let base = format!("{} of {all} runs passed", self.passed);
        match (&self.gate, self.broken, self.missing) {
            (Some(gate), ..) if gate.released => format!("Released: {base}"),
            (Some(gate), ..) => format!("Stopped by {}: {base}", gate.against.join(", ")),
            (None, 0, 0) => base,
            (None, broken, missing) => {
                let broken = if broken > 0 { format!(", {broken} ended in an error") } else { String::new() };
                let missing = if missing > 0 { format!(", {missing} not made") } else { String::new() };
                base + &broken + &missing
            }
        }
    }

    /// For a terminal.
    pub fn to_text(&self) -> String {
        let mut out = format!("{}\n", self.headline());
        let _ = writeln!(out, "{:<31}{:>9}  {:<10}{:<17}from", "", "value", "target", "");
        for kpi in &self.kpis {
            let value = format!("{} {}", kpi.value_text(), if kpi.value.is_some() { kpi.unit } else { "" });
            let (target, word) = (kpi.target_text(), kpi.word());
            let _ =
                writeln!(out, "{:<31}{:>9}  {target:<10}{word:<17}{}", kpi.label, value.trim_end(), kpi.note);
        }
        for failing in self.failing.iter().take(TOLD) {
            let Failing { scenario, failed, runs, .. } = failing;
            let why: Vec<String> =
                failing.reasons.iter().take(2).map(|r| format!("{}: {}", r.check, r.text)).collect();
            let _ = writeln!(out, "{scenario}: {failed} of {runs} failed: {}", why.join("; "));
        }
        if self.failing.len() > TOLD {
            let _ = writeln!(out, "… and {} more scenarios", self.failing.len() - TOLD);
        }
        if let Some(b) = &self.baseline {
            let _ = writeln!(
                out,
                "against {}: {} pairs, {} pass no more, {} pass now (p = {:.4})",
                b.folder, b.pairs, b.broken, b.mended, b.p_worse
            );
        }
        for note in &self.notes {
            let _ = writeln!(out, "note: {note}");
        }
        let _ = writeln!(out, "{}", self.index);
        out
    }

    /// For the page of a CI run.
    pub fn to_markdown(&self) -> String {
        let mut out = format!("# {}\n\n", self.headline());
        let suite = if self.suite.is_empty() { "suite" } else { &self.suite };
        let _ = writeln!(out, "{suite}, {} scenarios, build {}\n", self.scenarios, self.build);
        out.push_str("| | value | 95 % interval | target | |\n|---|---:|---:|---:|---|\n");
        for kpi in &self.kpis {
            let unit = if kpi.value.is_some() { kpi.unit } else { "" };
            let (interval, target, word) = (kpi.interval_text(), kpi.target_text(), kpi.word());
            let _ = writeln!(
                out,
                "| {} | {} {unit} | {interval} | {target} | {word} |",
                kpi.label,
                kpi.value_text()
            );
        }
        if !self.failing.is_empty() {
            out.push_str("\n| scenario | class | failed | why |\n|---|---|---:|---|\n");
        }
        for f in &self.failing {
            let why: Vec<String> = f.reasons.iter().map(|r| format!("{}: {}", r.check, r.text)).collect();
            let why = why.join("<br>").replace('|', "\\|");
            let _ = writeln!(
                out,
                "| {} | {} | {} of {} | {why} |",
                f.scenario,
                words(&f.class),
                f.failed,
                f.runs
            );
        }
        if let Some(b) = &self.baseline {
            let _ = writeln!(
                out,
                "\nAgainst {} ({}): {} pairs, {} pass no more, {} pass now.",
                b.folder, b.build, b.pairs, b.broken, b.mended
            );
        }
        for note in &self.notes {
            let _ = writeln!(out, "\n> {note}");
        }
        out
    }
}
