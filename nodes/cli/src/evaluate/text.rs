//! Tables for a terminal.

use super::store::{RunResult, RunTiming, Status};
use super::suite::{Plan, Planned};
use outrider_suite::evaluation::statistics::Share;
use std::fmt::Write as _;

/// Confidence of the intervals that are printed.
const CONFIDENCE: f64 = 0.95;
/// So many failures of a scenario are told.
const FAILURES_SHOWN: usize = 2;
/// So many characters of each.
const TEXT_SHOWN: usize = 110;

/// The runs that a plan has.
///
/// # Errors
/// Never for a plan that was made.
pub fn list(plan: &Plan, runs: &[&Planned]) -> anyhow::Result<String> {
    let mut out = String::new();
    for run in runs {
        let id = &plan.member(run)?.scenario.id;
        let parameters = serde_json::to_string(&run.case.parameters)?;
        let _ = writeln!(out, "{}  {id}  seed {}  {parameters}", run.key, run.case.seed);
    }
    let part = if runs.len() < plan.runs.len() { format!("{} of ", runs.len()) } else { String::new() };
    let _ = writeln!(out, "{part}{} runs of {} scenarios", plan.runs.len(), plan.members.len());
    Ok(out)
}

/// One line a scenario, and a summary.
pub fn table(plan: &Plan, results: &[RunResult], timings: &[RunTiming], wall_s: f64) -> String {
    let mut out = format!(
        "{:<34} {:<9} {:>7} {:>8} {:>9} {:>7} {:>8} {:>7}\n",
        "scenario", "class", "passed", "time s", "clear. m", "gap m", "near m.", "stops"
    );
    for member in &plan.members {
        let of: Vec<&RunResult> = results.iter().filter(|r| r.scenario == member.scenario.id).collect();
        let passed = of.iter().filter(|r| r.passed).count();
        let metrics = || of.iter().filter_map(|r| r.metrics.as_ref());
        let least = |values: &mut dyn Iterator<Item = f64>| {
            values.reduce(f64::min).map_or_else(|| "-".to_owned(), |v| format!("{v:.2}"))
        };
        let times_s = metrics().map(|m| m.drive_time_s);
        // The sum of nothing is -0.
        let mean_s = times_s.fold(0.0, |sum, s| sum + s) / metrics().count().max(1) as f64;
        let class = member.scenario.criticality.as_ref().map_or("-".to_owned(), |c| word(&c.class));
        let _ = writeln!(
            out,
            "{:<34} {:<9} {:>7} {:>8.1} {:>9} {:>7} {:>8} {:>7}",
            member.scenario.id,
            class,
            format!("{passed}/{}", of.len()),
            mean_s,
            least(&mut metrics().filter_map(|m| m.least_clearance_m)),
            least(&mut metrics().filter_map(|m| m.least_person_gap_m)),
            metrics().map(|m| m.near_misses).sum::<u32>(),
            metrics().map(|m| m.stops).sum::<u32>(),
        );
        for result in of.iter().filter(|r| !r.passed).take(FAILURES_SHOWN) {
            let _ = writeln!(out, "    seed {}: {}", result.seed, shortened(&why(result)));
        }
    }
    let hits = results.iter().filter(|r| r.passed).count() as u64;
    let share = Share::wilson(hits, results.len() as u64, CONFIDENCE);
    let _ = writeln!(
        out,
        "\n{} of {} planned runs, {} passed ({:.1} %, with 95 % between {:.1} and {:.1} %)",
        results.len(),
        plan.runs.len(),
        hits,
        100.0 * share.value(),
        100.0 * share.low,
        100.0 * share.high
    );
    let simulated_s: f64 = results.iter().filter_map(|r| r.metrics.as_ref()).map(|m| m.elapsed_s).sum();
    let spent_s: f64 = timings.iter().map(|t| t.wall_s).sum();
    let _ = writeln!(
        out,
        "{simulated_s:.0} s simulated in {spent_s:.0} s of runs ({:.0} times real time each), {wall_s:.0} s by the clock",
        simulated_s / spent_s.max(1e-9)
    );
    let replayed = results.iter().filter_map(|r| r.reproduced.as_ref());
    let (count, same) = replayed.fold((0, 0), |(n, same), r| (n + 1, same + usize::from(r.identical)));
    let _ =
        writeln!(out, "{count} runs were run again from their records, {same} of them identical bit for bit");
    out
}

/// Why a run did not pass, in a line.
pub fn why(result: &RunResult) -> String {
    if result.status != Status::Done {
        return result.message.clone().unwrap_or_default();
    }
    let violations = result.violations.iter().map(|v| format!("{}: {} at {:.1} s", v.rule, v.text, v.at_s));
    let failures = result.failures.iter().map(|f| format!("{}: {}", f.check, f.text));
    violations.chain(failures).collect::<Vec<_>>().join("; ")
}

fn word<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_value(value).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}

fn shortened(text: &str) -> String {
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let short: String = line.chars().take(TEXT_SHOWN).collect();
    if short.len() < line.len() { format!("{short}…") } else { short }
}
