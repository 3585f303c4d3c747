//! The key figures, each with its target and how sure it is. How they are computed: `docs/report.md`.

use super::policy::Policy;
use super::read::{Folder, Run};
use outrider_suite::evaluation::statistics::Share;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Of the intervals.
const CONFIDENCE: f64 = 0.95;

/// A key figure.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Kpi {
    /// In `summary.json`.
    pub id: &'static str,
    /// For people.
    pub label: &'static str,
    /// None where it is not known.
    pub value: Option<f64>,
    /// Of value, bounds and target.
    pub unit: &'static str,
    /// Bounds of the 95 % interval, where it is a share.
    pub low: Option<f64>,
    /// Bounds of the 95 % interval, where it is a share.
    pub high: Option<f64>,
    /// What is wanted.
    pub target: Option<Target>,
    /// Whether it is as wanted; none without a value or a target.
    pub met: Option<bool>,
    /// The target lies outside of the interval: it is sure that it is met, or that it is not.
    pub sure: Option<bool>,
    /// What it was counted from.
    pub note: String,
    #[serde(skip)]
    digits: usize,
}

/// What is wanted of a figure, in its unit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// This or more.
    AtLeast(f64),
    /// This or less.
    AtMost(f64),
    /// Less than this.
    Below(f64),
}

impl Target {
    fn is_met(self, value: f64) -> bool {
        match self {
            Self::AtLeast(least) => value >= least,
            Self::AtMost(most) => value <= most,
            Self::Below(limit) => value < limit,
        }
    }
}

impl Kpi {
    /// As it is shown: "97.5", or a dash.
    pub fn value_text(&self) -> String {
        let Some(value) = self.value else { return "–".to_owned() };
        let limit = match self.target {
            Some(Target::AtLeast(v) | Target::AtMost(v) | Target::Below(v)) if self.met == Some(false) => {
                Some(v)
            }
            _ => None,
        };
        // With as many decimals as it takes to see that it misses its target.
        let told = |digits: &usize| limit.is_none_or(|v| number(value, *digits) != number(v, *digits));
        let digits = (self.digits..8).find(told).unwrap_or(self.digits);
        number(value, digits)
    }

    /// "≥ 98 %".
    pub fn target_text(&self) -> String {
        let unit = if self.unit.is_empty() { String::new() } else { format!(" {}", self.unit) };
        match self.target {
            Some(Target::AtLeast(v)) => format!("≥ {}{unit}", number(v, 2)),
            Some(Target::AtMost(v)) if v.abs() < f64::MIN_POSITIVE => "none".to_owned(),
            Some(Target::AtMost(v)) => format!("≤ {}{unit}", number(v, 2)),
            Some(Target::Below(v)) => format!("< {}{unit}", number(v, 2)),
            None => String::new(),
        }
    }

    /// "93.1 – 99.2 %".
    pub fn interval_text(&self) -> String {
        match (self.low, self.high) {
            (Some(low), Some(high)) => {
                format!("{} – {} {}", number(low, self.digits), number(high, self.digits), self.unit)
            }
            _ => String::new(),
        }
    }

    /// `good`, `bad`, or empty.
    pub fn class(&self) -> &'static str {
        match self.met {
            Some(true) => "good",
            Some(false) => "bad",
            None => "",
        }
    }

    /// In words, for those who see no colour.
    pub fn word(&self) -> &'static str {
        match (self.met, self.sure) {
            (Some(true), Some(false)) => "met, not proven",
            (Some(true), _) => "met",
            (Some(false), _) => "missed",
            (None, _) if self.target.is_some() => "not known",
            (None, _) => "",
        }
    }

    fn with_target(mut self, target: Target) -> Self {
        self.target = Some(target);
        self.met = self.value.map(|v| target.is_met(v));
        self.sure = match (self.low, self.high) {
            (Some(low), Some(high)) => Some(target.is_met(low) == target.is_met(high)),
            _ => None,
        };
        self
    }
}

/// Without the zeros at the end that say nothing.
fn number(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// A share in percent.
fn percent(id: &'static str, label: &'static str, hits: usize, of: usize, note: String) -> Kpi {
    let share = Share::wilson(hits as u64, of as u64, CONFIDENCE);
    let some = |v: f64| (of > 0).then_some(100.0 * v);
    Kpi {
        id,
        label,
        value: some(share.value()),
        unit: "%",
        low: some(share.low),
        high: some(share.high),
        note,
        digits: 1,
        ..Kpi::default()
    }
}

fn plain(id: &'static str, label: &'static str, value: Option<f64>, unit: &'static str, note: String) -> Kpi {
    Kpi { id, label, value, unit, note, digits: 1, ..Kpi::default() }
}

/// The suite whose lead time has been promised.
const PROMISED_SUITE: &str = "standard.yaml";

/// All of them.
pub fn kpis(folder: &Folder, policy: &Policy) -> Vec<Kpi> {
    let mut all = vec![critical(folder, policy), coverage(folder, policy), success(folder, policy)];
    all.push(disengagements(folder));
    all.push(violations(folder));
    all.push(latency(folder, policy));
    all.push(completeness(folder, policy));
    all.push(reproducibility(folder));
    all.push(lead_time(folder, policy));
    all
}

/// Runs of critical scenarios that passed; one that was planned and not made has not.
fn critical(folder: &Folder, policy: &Policy) -> Kpi {
    let is_critical: BTreeSet<&str> =
        folder.suite.scenarios.iter().filter(|s| s.class == "critical").map(|s| s.id.as_str()).collect();
    let runs: Vec<&Run> = folder.runs.iter().filter(|r| is_critical.contains(r.scenario.as_str())).collect();
    let missing = folder.missing().iter().filter(|p| is_critical.contains(p.scenario.as_str())).count();
    let passed = runs.iter().filter(|r| r.passed).count();
    let mut whole: BTreeMap<&str, bool> = is_critical.iter().map(|id| (*id, true)).collect();
    for planned in folder.missing() {
        whole.entry(planned.scenario.as_str()).and_modify(|all| *all = false);
    }
    for run in &runs {
        if let Some(all) = whole.get_mut(run.scenario.as_str()) {
            *all &= run.passed;
        }
    }
    let scenarios = whole.values().filter(|all| **all).count();
    let of = runs.len() + missing;
    let note = if of == 0 {
        "no run of a critical scenario".to_owned()
    } else {
        let not_made = if missing > 0 { format!(", {missing} not made") } else { String::new() };
        format!("{passed} of {of} runs{not_made}; {scenarios} of {} scenarios without a failure", whole.len())
    };
    percent("critical_pass_rate", "Critical runs passed", passed, of, note)
        .with_target(Target::AtLeast(100.0 * policy.critical_pass_rate_min))
}

/// Entries of the critical list that a critical scenario tried: a run of it came to its end.
fn coverage(folder: &Folder, policy: &Policy) -> Kpi {
    let named: BTreeSet<&str> = folder
        .runs
        .iter()
        .filter(|r| r.is_done() && r.class == "critical")
        .flat_map(|r| r.covers.iter().map(String::as_str))
        .collect();
    let Some(list) = &policy.critical_list else {
        let note = format!("{} situations were tried; no list of all of them (--policy)", named.len());
        return plain("coverage", "Coverage of the critical list", None, "%", note)
            .with_target(Target::AtLeast(100.0 * policy.coverage_min));
    };
    let open: Vec<&str> = list.iter().map(String::as_str).filter(|e| !named.contains(e)).collect();
    let covered = list.len() - open.len();
    let rest = if open.is_empty() { String::new() } else { format!("; open: {}", open.join(", ")) };
    let value = (!list.is_empty()).then(|| 100.0 * covered as f64 / list.len() as f64);
    // No sample of anything: the list is the whole, so there is no interval.
    plain(
        "coverage",
        "Coverage of the critical list",
        value,
        "%",
        format!("{covered} of {}{rest}", list.len()),
    )
    .with_target(Target::AtLeast(100.0 * policy.coverage_min))
}

/// Of the runs that are to end at the goal, those that did; one that was planned and not made has not.
fn success(folder: &Folder, policy: &Policy) -> Kpi {
    let to_goal: BTreeSet<&str> =
        folder.suite.scenarios.iter().filter(|s| s.wanted() == "reached").map(|s| s.id.as_str()).collect();
    let runs: Vec<&Run> = folder.runs.iter().filter(|r| to_goal.contains(r.scenario.as_str())).collect();
    let hits = runs.iter().filter(|r| r.outcome == "reached").count();
    let all = folder.runs.iter().filter(|r| r.passed).count();
    let missing = folder.missing();
    let of = runs.len() + missing.iter().filter(|p| to_goal.contains(p.scenario.as_str())).count();
    let planned = folder.runs.len() + missing.len();
    let note = format!("{hits} of {of} runs that were to reach the goal; {all} of {planned} runs passed");
    percent("success", "Success", hits, of, note).with_target(Target::AtLeast(100.0 * policy.pass_rate_min))
}

/// Runs without a fault in which the robot ceased to drive by itself until somebody acted. A folder that does not tell which scenarios have
/// faults has no target: most faults are there to provoke it.
fn disengagements(folder: &Folder) -> Kpi {
    let faults: BTreeMap<&str, Option<usize>> =
        folder.suite.scenarios.iter().map(|s| (s.id.as_str(), s.faults)).collect();
    let is_told = !faults.is_empty() && faults.values().all(Option::is_some);
    let provokes = |r: &Run| faults.get(r.scenario.as_str()).copied().flatten().is_some_and(|n| n > 0);
    let counts: Vec<(bool, f64)> = folder
        .runs
        .iter()
        .filter_map(|r| Some((is_told && provokes(r), r.metric("disengagements")?)))
        .collect();
    let own = || counts.iter().filter(|(provoked, _)| !provoked).map(|(_, count)| *count);
    let (with, of, total) =
        (own().filter(|c| *c > 0.0).count(), own().count(), own().fold(0.0, |a, b| a + b));
    let provoked = counts.iter().filter(|(provoked, _)| *provoked).fold(0.0, |a, (_, b)| a + b);
    let hours = folder.runs.iter().filter_map(|r| r.metric("elapsed_s")).fold(0.0, |a, b| a + b) / 3600.0;
    let all = total + provoked;
    let rate = if hours > 0.0 { format!(", {:.1} an hour driven", all / hours) } else { String::new() };
    let what = if is_told {
        format!("without a fault; {provoked:.0} by faults")
    } else {
        "provoked ones too".to_owned()
    };
    let note = format!("runs with one: {with} of {of} {what}; {all:.0} in all{rate}");
    let kpi = percent("disengagements", "Disengagements", with, of, note);
    if is_told { kpi.with_target(Target::AtMost(0.0)) } else { kpi }
}

/// Hard constraints, which nothing may violate.
fn violations(folder: &Folder) -> Kpi {
    let count: usize = folder.runs.iter().map(|r| r.violations.len()).sum();
    let of = folder.runs.iter().filter(|r| r.is_done()).count();
    let with = folder.runs.iter().filter(|r| !r.violations.is_empty()).count();
    let share = Share::wilson(with as u64, of as u64, CONFIDENCE);
    let mut rules: BTreeMap<&str, usize> = BTreeMap::new();
    for violation in folder.runs.iter().flat_map(|r| &r.violations) {
        *rules.entry(violation.rule.as_str()).or_default() += 1;
    }
    let named: Vec<String> = rules.iter().map(|(rule, n)| format!("{rule} {n}")).collect();
    let named = if named.is_empty() { String::new() } else { format!(" ({})", named.join(", ")) };
    let note = format!(
        "in {with} of {of} runs{named}; with 95 %, {:.1} – {:.1} % of runs",
        100.0 * share.low,
        100.0 * share.high
    );
    Kpi { digits: 0, ..plain("violations", "Violations", (of > 0).then_some(count as f64), "", note) }
        .with_target(Target::AtMost(0.0))
}

/// From data to command in the planner, by the clock: the worst run's p95.
fn latency(folder: &Folder, policy: &Policy) -> Kpi {
    let mut p95: Vec<f64> = folder
        .runs
        .iter()
        .filter_map(|r| folder.timings.get(&r.key))
        .filter(|t| t.decision.count > 0)
        .map(|t| t.decision.p95_us / 1e3)
        .collect();
    p95.sort_by(f64::total_cmp);
    let ages = folder.runs.iter().filter_map(|r| r.metric("data_age_s.p95")).map(|s| 1e3 * s);
    let age = ages
        .reduce(f64::max)
        .map_or(String::new(), |ms| format!("; data at the gate at most {ms:.0} ms old"));
    let note = match p95.get(p95.len() / 2) {
        Some(median) => format!("of the slowest run, of the median run {median:.2} ms{age}"),
        None => format!("no times of decisions{age}"),
    };
    let worst = p95.last().copied();
    // Two digits that say something, however fast it is.
    let digits =
        worst.filter(|ms| *ms > 0.0).map_or(1, |ms| (1.0 - ms.log10().floor()).clamp(1.0, 4.0) as usize);
    Kpi { digits, ..plain("decision_latency_p95", "Decision latency p95", worst, "ms", note) }
        .with_target(Target::Below(policy.decision_latency_p95_ms))
}

/// Forwarded commands that the record explains in full: the worst run.
fn completeness(folder: &Folder, policy: &Policy) -> Kpi {
    let shares = folder.runs.iter().filter_map(|r| r.metric("completeness"));
    let shares: Vec<f64> = shares.map(|v| 100.0 * v).collect();
    let least = shares.iter().copied().reduce(f64::min);
    let whole = shares.iter().filter(|v| **v >= 100.0).count();
    let note = format!(
        "commands that the record explains, in the worst run; all of them in {whole} of {} runs",
        shares.len()
    );
    Kpi { digits: 2, ..plain("completeness", "Telemetry completeness", least, "%", note) }
        .with_target(Target::AtLeast(100.0 * policy.completeness_min))
}

/// Runs that were run again from their records with the same result, bit for bit.
fn reproducibility(folder: &Folder) -> Kpi {
    let replayed = || folder.runs.iter().filter_map(|r| r.reproduced.as_ref());
    let (of, same) = (replayed().count(), replayed().filter(|r| r.identical).count());
    let steps: u64 = replayed().map(|r| r.steps).sum();
    let note = if of == 0 {
        "no run was replayed".to_owned()
    } else {
        format!("{same} of {of} replayed runs, {steps} steps")
    };
    let mut kpi = percent("replay_reproducibility", "Replay reproducibility", same, of, note)
        .with_target(Target::AtLeast(100.0));
    // No number of runs would prove that all are.
    kpi.sure = None;
    kpi
}

/// Whether one call made all runs: an evaluation that was resumed, or put together of others, was not made in the time of its last
/// call. Earlier versions told no call.
fn of_one_call(calls: impl Iterator<Item = Option<u32>>) -> bool {
    let calls: BTreeSet<Option<u32>> = calls.collect();
    calls.len() == 1 && !calls.contains(&Some(0))
}

/// From the call to the last result by the clock, where the folder tells; else all runs one after the other.
fn lead_time(folder: &Folder, policy: &Policy) -> Kpi {
    let spent: Vec<f64> =
        folder.runs.iter().filter_map(|r| folder.timings.get(&r.key)).map(|t| t.wall_s).collect();
    let (sum_s, longest_s) = spent.iter().fold((0.0, 0.0f64), |(sum, most), s| (sum + s, most.max(*s)));
    let simulated = folder.runs.iter().filter_map(|r| r.metric("elapsed_s")).fold(0.0, |a, b| a + b);
    if spent.is_empty() || sum_s <= 0.0 {
        return plain("lead_time", "Lead time", None, "min", "no times".to_owned());
    }
    let runs = format!(
        "{simulated:.0} s simulated in {sum_s:.0} s of runs, {:.0} times real time; the longest took {longest_s:.1} s",
        simulated / sum_s
    );
    // Where no call is told: no machine does so many runs at a time.
    let calls = folder.runs.iter().filter_map(|r| folder.timings.get(&r.key)).map(|t| t.call);
    let in_one_go = of_one_call(calls);
    let processors = std::thread::available_parallelism().map_or(1, usize::from) as f64;
    let believable = |s: &f64| in_one_go && *s >= longest_s && sum_s / s <= processors;
    let evaluated_s = folder.written.evaluated_s.filter(believable);
    let how = match (evaluated_s, folder.written.verdict_s) {
        (Some(_), Some(s)) => format!("from the call to the last result; the verdict came {s:.0} s later; "),
        (Some(_), None) => "from the call to the last result; ".to_owned(),
        (None, _) => "of all runs one after the other; ".to_owned(),
    };
    let kpi = plain("lead_time", "Lead time", Some(evaluated_s.unwrap_or(sum_s) / 60.0), "min", how + &runs);
    // The promise is about one suite, evaluated in one go.
    let is_promised = evaluated_s.is_some() && folder.suite.suite.ends_with(PROMISED_SUITE);
    if is_promised { kpi.with_target(Target::AtMost(policy.lead_time_max_min)) } else { kpi }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A miss that rounds to its target shows by how much.
    #[test]
    fn a_figure_that_misses_its_target_looks_as_if_it_did() {
        let kpi = |value: f64| {
            Kpi { value: Some(value), digits: 1, ..Kpi::default() }.with_target(Target::AtLeast(98.0))
        };
        assert_eq!(kpi(100.0 * 97.0 / 99.0).value_text(), "97.98");
        assert_eq!((kpi(98.0).value_text(), kpi(97.5).value_text()), ("98".to_owned(), "97.5".to_owned()));
    }
}
