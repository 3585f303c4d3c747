//! The verdict on a candidate: one check after another, each with its reason. What cannot be judged is never released.

use super::evidence::{Evidence, left_out, place};
use super::policy::{Compared, Policy, Worse, value};
use crate::evaluate::store::{RunResult, Status};
use crate::evaluate::suite::{ORDERED, build};
use crate::evaluate::text::why;
use outrider_suite::evaluation::statistics::{Share, bootstrap_mean, holm, mcnemar_worse, wilcoxon_greater};
use outrider_suite::scenario::CriticalityClass;
use outrider_suite::scenario::expect::Outcome;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Rounds of the bootstrap, and its seed.
const BOOTSTRAP: (u32, u64) = (2000, 1);
/// So many names are told in a reason.
const NAMED: usize = 5;

/// Settings that begin so are of the simulator and of what the robot truly is, but for the limits that it is ordered to keep.
const WORLD: [&str; 3] = ["sim.", "real_robot.", "robot."];

/// What a check found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// As it should be.
    Good,
    /// Not as it should be: stopped.
    Bad,
    /// There is not enough to say: stopped as well.
    Unknown,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Check {
    /// Its name.
    pub name: String,
    /// What it found.
    pub finding: Finding,
    /// Value, limit and where, in a sentence.
    pub reason: String,
}

/// The first few names.
pub(super) fn some(names: &[String]) -> String {
    let shown = names.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > NAMED { format!("{shown}, …") } else { shown }
}

/// The verdict.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verdict {
    /// Of which build and configuration.
    pub candidate: String,
    /// Digest of the candidate's files of results: the verdict is of these alone.
    pub evidence: String,
    /// File of the policy that it was held against.
    pub policy: String,
    /// What it was held against; none for absolute limits alone.
    pub baseline: Option<String>,
    /// Runs of the candidate.
    pub runs: usize,
    /// Pairs that were compared.
    pub pairs: usize,
    /// The checks.
    pub checks: Vec<Check>,
}

impl Verdict {
    /// The worst of all findings. Something that is not known comes before something that is known to be bad: with results that are
    /// missing, mixed or stale that may be wrong as well.
    pub fn finding(&self) -> Finding {
        let any = |finding| self.checks.iter().any(|c| c.finding == finding);
        match (any(Finding::Unknown), any(Finding::Bad)) {
            (true, _) => Finding::Unknown,
            (false, true) => Finding::Bad,
            (false, false) => Finding::Good,
        }
    }
}

/// Judges a candidate, against a baseline where there is one.
pub fn judge(
    (policy, policy_file): (&Policy, &str),
    baseline: Option<&Evidence>,
    candidate: &Evidence,
) -> Verdict {
    let mut checks = vec![evidence("evidence.candidate", candidate)];
    if policy.evidence.candidate_of_this_build {
        let same = candidate.manifest.build == build();
        let reason = format!("results of {}, this program is {}", candidate.manifest.build, build());
        let reason = if same { reason } else { format!("stale: {reason}") };
        checks.push(Check { name: "evidence.build".to_owned(), finding: good_or_unknown(same), reason });
    }
    checks.push(ran(candidate));
    checks.extend(pass_rates(policy, candidate));
    checks.push(hard(policy, candidate));
    checks.push(coverage(policy, candidate));
    checks.push(reproducibility(policy, candidate));
    checks.push(completeness(policy, candidate));
    checks.extend(latency(policy, candidate));
    checks.extend(whole(candidate));
    let mut compared = Vec::new();
    if let Some(baseline) = baseline {
        checks.push(match baseline.digest == candidate.digest {
            false => evidence("evidence.baseline", baseline),
            true => Check {
                name: "evidence.baseline".to_owned(),
                finding: Finding::Unknown,
                reason: format!(
                    "{}: the very results of the candidate, which cannot be worse than itself; `-` asks for the absolute limits alone",
                    baseline.folder
                ),
            },
        });
        checks.push(nothing_left_out(baseline, candidate));
        compared = pairs(baseline, candidate);
        let count = compared.len();
        let share = count as f64 / candidate.results.len().max(1) as f64;
        let enough = share >= policy.evidence.paired_min && count > 0;
        let least = 100.0 * policy.evidence.paired_min;
        let reason = format!(
            "{count} of the candidate's {} runs have one of the same scenario text, parameters and seed, to its end, in the baseline \
             ({:.0} %, the least is {least:.0} %)",
            candidate.results.len(),
            100.0 * share
        );
        let reason = if enough { reason } else { format!("stale: {reason}") };
        checks.push(Check { name: "evidence.pairs".to_owned(), finding: good_or_unknown(enough), reason });
        if count > 0 {
            checks.extend(regressions(policy, &compared));
        }
    }
    // What is worse in a world of its own is stopped for what it did there.
    if checks.iter().all(|check| check.finding == Finding::Good) {
        checks.extend(same_world(candidate, &compared));
    }
    Verdict {
        candidate: candidate.of(),
        evidence: candidate.digest.clone(),
        policy: policy_file.to_owned(),
        baseline: baseline.map(Evidence::of),
        runs: candidate.results.len(),
        pairs: compared.len(),
        checks,
    }
}

fn good_or_unknown(good: bool) -> Finding {
    if good { Finding::Good } else { Finding::Unknown }
}

fn good_or_bad(good: bool) -> Finding {
    if good { Finding::Good } else { Finding::Bad }
}

fn evidence(name: &str, of: &Evidence) -> Check {
    let problem = of.problem();
    let count = of.results.len();
    let finding = good_or_unknown(problem.is_none());
    let reason = problem.unwrap_or_else(|| format!("all {count} planned runs have results of one build"));
    Check { name: name.to_owned(), finding, reason: format!("{}: {reason}", of.folder) }
}

/// What was chosen of a suite may be what passes.
fn whole(candidate: &Evidence) -> Option<Check> {
    let part: Vec<&str> =
        candidate.manifest.chosen.iter().map(String::as_str).filter(|c| !c.starts_with("--seeds")).collect();
    (!part.is_empty()).then(|| Check {
        name: "evidence.suite".to_owned(),
        finding: Finding::Unknown,
        reason: format!(
            "missing: only a part of {} was run, {}; what a release needs stands in a suite file",
            candidate.manifest.suite,
            part.join(" ")
        ),
    })
}

/// What passes in another world, perhaps an easier one, says nothing about this one.
fn same_world(candidate: &Evidence, pairs: &[Pair]) -> Vec<Check> {
    let ordered = |set: &str| {
        let key = set.strip_prefix("robot.limits.").and_then(|rest| rest.split('=').next());
        key.is_some_and(|key| ORDERED.contains(&key))
    };
    let of_the_world = |set: &&String| WORLD.iter().any(|file| set.starts_with(file)) && !ordered(set);
    let own: Vec<String> = candidate.manifest.settings.iter().filter(of_the_world).cloned().collect();
    let changed = pairs.iter().filter(|(b, c)| b.world_hash != c.world_hash || c.world_hash.is_empty());
    let changed: BTreeSet<String> = changed.map(|(_, c)| c.scenario.clone()).collect();
    let changed: Vec<String> = changed.into_iter().collect();
    let unknown = |name: &str, reason| Check { name: name.to_owned(), finding: Finding::Unknown, reason };
    let set = (!own.is_empty()).then(|| {
        let reason = format!(
            "another test: made with --set {}; a release is judged in the world as it is",
            some(&own)
        );
        unknown("evidence.settings", reason)
    });
    let moved = (!changed.is_empty()).then(|| {
        let reason = format!(
            "another test: simulator, world, zones or true robot of {} of the baseline's scenarios are not what they were, or it does \
             not tell: {}; who changes them makes the baseline anew",
            changed.len(),
            some(&changed)
        );
        unknown("evidence.world", reason)
    });
    set.into_iter().chain(moved).collect()
}

fn nothing_left_out(baseline: &Evidence, candidate: &Evidence) -> Check {
    let left = left_out(baseline, candidate);
    let reason = if left.is_empty() {
        "every run of the baseline whose scenario has not changed was made again".to_owned()
    } else {
        format!(
            "missing: {} of the baseline's {} runs were not made again: {}; who takes a scenario out makes the baseline anew",
            left.len(),
            baseline.results.len(),
            some(&left)
        )
    };
    Check { name: "evidence.left_out".to_owned(), finding: good_or_unknown(left.is_empty()), reason }
}

fn ran(candidate: &Evidence) -> Check {
    let failed: Vec<String> = candidate
        .results
        .iter()
        .filter(|r| r.status != Status::Done)
        .map(|r| format!("{} seed {}: {}", r.scenario, r.seed, r.message.as_deref().unwrap_or_default()))
        .collect();
    let reason = if failed.is_empty() {
        "every run came to its end".to_owned()
    } else {
        format!("{} runs ended in an error or a panic: {}", failed.len(), some(&failed))
    };
    Check { name: "runs".to_owned(), finding: good_or_bad(failed.is_empty()), reason }
}

fn pass_rates(policy: &Policy, candidate: &Evidence) -> Vec<Check> {
    let check = |name: &str, of: Vec<&RunResult>, least: f64, runs_min: u64| {
        let hits = of.iter().filter(|r| r.passed).count() as u64;
        let share = Share::wilson(hits, of.len() as u64, policy.confidence);
        let failed: Vec<String> = of
            .iter()
            .filter(|r| !r.passed)
            .map(|r| {
                format!("{} seed {} ({})", r.scenario, r.seed, why(r).chars().take(80).collect::<String>())
            })
            .collect();
        let reason = format!(
            "{hits} of {} runs passed, {} (Wilson {:.0} %: {:.1} to {:.1} %), the least is {:.1} %{}",
            of.len(),
            percent(share.value(), least),
            100.0 * policy.confidence,
            100.0 * share.low,
            100.0 * share.high,
            100.0 * least,
            if failed.is_empty() { String::new() } else { format!("; failed: {}", some(&failed)) }
        );
        let finding =
            if (of.len() as u64) < runs_min { Finding::Unknown } else { good_or_bad(share.value() >= least) };
        let reason = if finding == Finding::Unknown {
            format!("missing: {} runs, at least {runs_min} are needed; {reason}", of.len())
        } else {
            reason
        };
        Check { name: name.to_owned(), finding, reason }
    };
    let critical = candidate.results.iter().filter(|r| r.class == Some(CriticalityClass::Critical)).collect();
    let rate = &policy.pass_rate;
    vec![
        check("pass_rate.critical", critical, rate.critical_min, rate.critical_runs_min),
        check("pass_rate.all", candidate.results.iter().collect(), rate.all_min, 1),
    ]
}

/// With as many decimals as it takes to see on which side of a limit it is.
pub(super) fn percent(share: f64, limit: f64) -> String {
    let shown = |value: f64, digits: usize| format!("{:.digits$} %", 100.0 * value);
    let told = |digits: &usize| share >= limit || shown(share, *digits) != shown(limit, *digits);
    let digits = (1..8).find(told).unwrap_or(8);
    shown(share, digits)
}

fn hard(policy: &Policy, candidate: &Evidence) -> Check {
    let told: Vec<String> = candidate
        .results
        .iter()
        .flat_map(|r| r.violations.iter().map(move |v| (r, v)))
        .map(|(r, v)| format!("{} in {} seed {} at {:.2} s: {}", v.rule, r.scenario, r.seed, v.at_s, v.text))
        .collect();
    let most = policy.hard_violations_max;
    let reason = if told.is_empty() {
        format!("none, the most is {most}")
    } else {
        format!("{}, the most is {most}: {}", told.len(), some(&told))
    };
    Check { name: "hard_constraints".to_owned(), finding: good_or_bad(told.len() as u64 <= most), reason }
}

fn coverage(policy: &Policy, candidate: &Evidence) -> Check {
    let tried: BTreeSet<&str> = candidate
        .results
        .iter()
        .filter(|r| r.class == Some(CriticalityClass::Critical) && r.status == Status::Done)
        .flat_map(|r| r.covers.iter().map(String::as_str))
        .collect();
    let list = &policy.coverage.list;
    let missing: Vec<String> =
        list.iter().filter(|s| !tried.contains(s.id.as_str())).map(|s| s.id.clone()).collect();
    let share = 1.0 - missing.len() as f64 / list.len().max(1) as f64;
    let unlisted: Vec<String> =
        tried.iter().filter(|t| !list.iter().any(|s| s.id == **t)).map(|t| (*t).to_owned()).collect();
    let reason = format!(
        "{} of {} critical situations were tried, {:.1} %, the least is {:.1} %{}{}",
        list.len() - missing.len(),
        list.len(),
        100.0 * share,
        100.0 * policy.coverage.share_min,
        if missing.is_empty() { String::new() } else { format!("; not tried: {}", some(&missing)) },
        if unlisted.is_empty() { String::new() } else { format!("; not in the list: {}", some(&unlisted)) }
    );
    Check { name: "coverage".to_owned(), finding: good_or_bad(share >= policy.coverage.share_min), reason }
}

fn reproducibility(policy: &Policy, candidate: &Evidence) -> Check {
    let replayed: Vec<&RunResult> = candidate.results.iter().filter(|r| r.reproduced.is_some()).collect();
    let of: BTreeSet<&str> = replayed.iter().map(|r| r.scenario.as_str()).collect();
    let scenarios = candidate.manifest.scenarios.len().max(1);
    let share = of.len() as f64 / scenarios as f64;
    let same = |r: &&&RunResult| r.reproduced.as_ref().is_some_and(|r| r.identical);
    let identical = replayed.iter().filter(same).count();
    let differ: Vec<String> = replayed
        .iter()
        .filter(|r| !same(r))
        .map(|r| {
            let how = r.reproduced.as_ref().and_then(|r| r.difference.clone()).unwrap_or_default();
            format!("{} seed {} ({})", r.scenario, r.seed, how.chars().take(120).collect::<String>())
        })
        .collect();
    let needed = &policy.reproducibility;
    let finding = if share < needed.scenarios_min || replayed.is_empty() {
        Finding::Unknown
    } else {
        good_or_bad(identical as f64 / replayed.len() as f64 >= needed.identical_min)
    };
    let missing = if finding == Finding::Unknown { "missing: " } else { "" };
    let reason = format!(
        "{missing}{} runs of {} of {scenarios} scenarios were run again from their records, {identical} identical bit for bit{}",
        replayed.len(),
        of.len(),
        if differ.is_empty() { String::new() } else { format!("; others: {}", some(&differ)) }
    );
    Check { name: "replay_reproducibility".to_owned(), finding, reason }
}

fn completeness(policy: &Policy, candidate: &Evidence) -> Check {
    let of = |r: &RunResult| r.metrics.as_ref().and_then(|m| m.completeness);
    let known: Vec<(f64, String)> = candidate
        .results
        .iter()
        .filter_map(|r| Some((of(r)?, format!("{} seed {}", r.scenario, r.seed))))
        .collect();
    let least = known.iter().map(|k| k.0).reduce(f64::min);
    let poor: Vec<String> = known
        .iter()
        .filter(|k| k.0 < policy.completeness_min)
        .map(|k| format!("{} {:.4}", k.1, k.0))
        .collect();
    let reason = match least {
        None => "missing: no run tells".to_owned(),
        Some(least) => format!(
            "at the least {:.2} % of a run's forwarded commands are explained by the record, the least is {:.2} %{}",
            100.0 * least,
            100.0 * policy.completeness_min,
            if poor.is_empty() { String::new() } else { format!("; {}", some(&poor)) }
        ),
    };
    let finding = if least.is_none() { Finding::Unknown } else { good_or_bad(poor.is_empty()) };
    Check { name: "telemetry_completeness".to_owned(), finding, reason }
}

fn latency(policy: &Policy, candidate: &Evidence) -> Vec<Check> {
    let ages: Vec<f64> =
        candidate.results.iter().filter_map(|r| r.metrics.as_ref().and_then(|m| m.data_age_s.p95)).collect();
    let decisions: Vec<f64> =
        candidate.timings.iter().filter(|t| t.decision.count > 0).map(|t| t.decision.p99_us / 1e3).collect();
    let check = |name: &str, value: Option<f64>, most: f64, what: &str, unit: &str| match value {
        None => Check {
            name: name.to_owned(),
            finding: Finding::Unknown,
            reason: format!("missing: no run tells {what}"),
        },
        Some(value) => Check {
            name: name.to_owned(),
            finding: good_or_bad(value <= most),
            reason: format!("{what}: {value:.3} {unit}, the most is {most} {unit}"),
        },
    };
    let budget = &policy.latency;
    vec![
        check(
            "latency.data_age",
            almost_all(ages),
            budget.data_age_p95_max_s,
            "age of the data that forwarded commands rest on (95 of 100, in 95 of 100 runs)",
            "s",
        ),
        check(
            "latency.decision",
            almost_all(decisions),
            budget.decision_p99_max_ms,
            "the planner's time for a decision by the clock (99 of 100, in 95 of 100 runs)",
            "ms",
        ),
    ]
}

/// What 95 of 100 do not exceed, by nearest rank: neither one slow run nor most of them decide.
fn almost_all(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let rank = (values.len() * 95).div_ceil(100);
    values.get(rank.checked_sub(1)?).copied()
}

/// The same run of both: baseline, candidate. One that broke in the baseline is nothing to be compared with.
type Pair<'a> = (&'a RunResult, &'a RunResult);

fn pairs<'a>(baseline: &'a Evidence, candidate: &'a Evidence) -> Vec<Pair<'a>> {
    let done = baseline.results.iter().filter(|r| r.status == Status::Done);
    let before: BTreeMap<_, &RunResult> = done.map(|r| (place(r), r)).collect();
    candidate.results.iter().filter_map(|r| before.get(&place(r)).map(|b| (*b, r))).collect()
}

fn regressions(policy: &Policy, pairs: &[Pair]) -> Vec<Check> {
    let lost: Vec<&Pair> = pairs.iter().filter(|(b, c)| b.passed && !c.passed).collect();
    let won = pairs.iter().filter(|(b, c)| !b.passed && c.passed).count() as u64;
    let mut tests = vec![mcnemar_worse(lost.len() as u64, won)];
    let samples: Vec<Vec<f64>> = policy.regression.measures.iter().map(|m| differences(m, pairs)).collect();
    tests.extend(samples.iter().map(|d| wilcoxon_greater(d)));
    let adjusted = holm(&tests);
    let p = |i: usize| adjusted.get(i).copied().unwrap_or(1.0);
    let alpha = policy.regression.alpha;
    let effect = (lost.len() as f64 - won as f64) / pairs.len().max(1) as f64;
    let worse = p(0) < alpha && effect >= policy.regression.success_effect_min;
    let names: Vec<String> = lost.iter().map(|(_, c)| format!("{} seed {}", c.scenario, c.seed)).collect();
    let mut checks = vec![Check {
        name: "regression.success".to_owned(),
        finding: good_or_bad(!worse),
        reason: format!(
            "{} pairs pass no more, {won} do now (McNemar exact, p = {} after Holm){}",
            lost.len(),
            probability(p(0)),
            if names.is_empty() { String::new() } else { format!(": {}", some(&names)) }
        ),
    }];
    for (i, (measure, sample)) in policy.regression.measures.iter().zip(&samples).enumerate() {
        checks.push(compared(policy, measure, sample, p(i + 1)));
    }
    checks
}

fn compared(policy: &Policy, measure: &Compared, worsening: &[f64], p: f64) -> Check {
    let mean = worsening.iter().sum::<f64>() / worsening.len().max(1) as f64;
    let interval = bootstrap_mean(worsening, BOOTSTRAP.0, policy.confidence, BOOTSTRAP.1);
    let (low, high) = interval.unwrap_or((0.0, 0.0));
    let worse = p < policy.regression.alpha && mean >= measure.effect_min;
    let sign = if measure.worse == Worse::Higher { 1.0 } else { -1.0 };
    let (from, to) = if sign > 0.0 { (low, high) } else { (-high, -low) };
    if worsening.is_empty() {
        return Check {
            name: format!("regression.{}", measure.measure),
            finding: Finding::Unknown,
            reason: "missing: no pair has this measure".to_owned(),
        };
    }
    Check {
        name: format!("regression.{}", measure.measure),
        finding: good_or_bad(!worse),
        reason: format!(
            "changed by {:+.4} on average ({:.0} % between {from:+.4} and {to:+.4}) over {} pairs, {} is worse (Wilcoxon, p = {} \
             after Holm; less than {} does not matter)",
            sign * mean,
            100.0 * policy.confidence,
            worsening.len(),
            if sign > 0.0 { "more" } else { "less" },
            probability(p),
            measure.effect_min
        ),
    }
}

fn probability(p: f64) -> String {
    if p < 0.0001 { "<0.0001".to_owned() } else { format!("{p:.4}") }
}

/// By how much each pair became worse.
fn differences(measure: &Compared, pairs: &[Pair]) -> Vec<f64> {
    let of = |r: &RunResult| {
        let reached = r.outcome == Some(Outcome::Reached) || !measure.both_reached;
        let metrics = serde_json::to_value(r.metrics.as_ref().filter(|_| reached)?).ok()?;
        value(&metrics, &measure.measure)
    };
    let sign = if measure.worse == Worse::Higher { 1.0 } else { -1.0 };
    pairs.iter().filter_map(|(b, c)| Some(sign * (of(c)? - of(b)?))).collect()
}
