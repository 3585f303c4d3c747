//! The verdict on a page, and as JUnit XML.

use super::judge::{Check, Finding, Verdict};
use crate::evaluate::store::RunResult;
use crate::evaluate::text::why;
use std::fmt::Write as _;

fn headline(verdict: &Verdict) -> String {
    let bad: Vec<&str> =
        verdict.checks.iter().filter(|c| c.finding != Finding::Good).map(|c| c.name.as_str()).collect();
    match verdict.finding() {
        Finding::Good => "RELEASED: every check passed".to_owned(),
        Finding::Bad => format!("STOPPED: {}", bad.join(", ")),
        Finding::Unknown => format!("STOPPED, cannot be judged: {}", bad.join(", ")),
    }
}

fn mark(check: &Check) -> &'static str {
    match check.finding {
        Finding::Good => "ok",
        Finding::Bad => "BAD",
        Finding::Unknown => "UNKNOWN",
    }
}

/// For a terminal.
pub fn text(verdict: &Verdict) -> String {
    let mut out = format!("{}\n", headline(verdict));
    let _ = writeln!(out, "  candidate {}, {} runs", verdict.candidate, verdict.runs);
    match &verdict.baseline {
        Some(baseline) => {
            let _ = writeln!(out, "  baseline  {baseline}, {} pairs", verdict.pairs);
        }
        None => out.push_str("  baseline  none: absolute limits only, nothing is said about regressions\n"),
    }
    for check in &verdict.checks {
        let _ = writeln!(out, "  {:<8}{:<36}{}", mark(check), check.name, check.reason);
    }
    out
}

/// A page of Markdown.
pub fn markdown(verdict: &Verdict) -> String {
    let mut out = format!("# {}\n\n", headline(verdict));
    let _ = writeln!(out, "- Candidate: {}, {} runs", verdict.candidate, verdict.runs);
    let baseline = verdict
        .baseline
        .as_deref()
        .unwrap_or("none: absolute limits only, nothing is said about regressions");
    let _ = writeln!(out, "- Baseline: {baseline}, {} pairs", verdict.pairs);
    if !verdict.evidence.is_empty() {
        let _ = writeln!(out, "- Results with the digest {}", verdict.evidence);
    }
    let _ = writeln!(out, "- Policy: {}\n\n| | Check | Reason |\n|---|---|---|", verdict.policy);
    // What stops it first.
    let mut checks: Vec<&Check> = verdict.checks.iter().collect();
    checks.sort_by_key(|c| c.finding == Finding::Good);
    for check in checks {
        let _ = writeln!(
            out,
            "| {} | {} | {} |",
            mark(check),
            check.name,
            check.reason.replace('|', "\\|").replace('\n', " ")
        );
    }
    out
}

/// For whoever collects test results: the checks, and every run of the candidate. Runs that fail within what the policy allows are
/// skipped ones there: a release is no failure.
pub fn junit(verdict: &Verdict, results: &[RunResult]) -> String {
    let bad = verdict.checks.iter().filter(|c| c.finding != Finding::Good).count();
    let baseline = verdict.baseline.as_deref().unwrap_or("none");
    let released = verdict.finding() == Finding::Good;
    let failed = results.iter().filter(|r| !r.passed).count();
    let (failures, skipped) = if released { (0, failed) } else { (failed, 0) };
    let mut out =
        String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"outrider\">\n");
    let _ =
        writeln!(out, "  <testsuite name=\"gate\" tests=\"{}\" failures=\"{bad}\">", verdict.checks.len());
    out.push_str("    <properties>\n");
    for (name, value) in [
        ("candidate", verdict.candidate.as_str()),
        ("evidence", &verdict.evidence),
        ("baseline", baseline),
        ("policy", &verdict.policy),
    ] {
        let _ = writeln!(out, "      <property name=\"{name}\" value=\"{}\"/>", escaped(value));
    }
    out.push_str("    </properties>\n");
    for check in &verdict.checks {
        let reason = (check.finding != Finding::Good).then_some(&check.reason);
        case(&mut out, "gate", &check.name, "failure", reason);
    }
    out.push_str("  </testsuite>\n");
    let _ = writeln!(
        out,
        "  <testsuite name=\"runs\" tests=\"{}\" failures=\"{failures}\" skipped=\"{skipped}\">",
        results.len()
    );
    let outcome = if released { "skipped" } else { "failure" };
    for result in results {
        let parameters: Vec<String> = result.parameters.iter().map(|(n, v)| format!(" {n}={v}")).collect();
        let name = format!("{} seed {}{}", result.scenario, result.seed, parameters.concat());
        let reason =
            if released { format!("within what the policy allows: {}", why(result)) } else { why(result) };
        case(&mut out, &result.scenario, &name, outcome, (!result.passed).then_some(&reason));
    }
    out.push_str("  </testsuite>\n</testsuites>\n");
    out
}

fn case(out: &mut String, class: &str, name: &str, outcome: &str, reason: Option<&String>) {
    let _ = write!(out, "    <testcase classname=\"{}\" name=\"{}\"", escaped(class), escaped(name));
    match reason {
        None => out.push_str("/>\n"),
        Some(reason) => {
            let _ = writeln!(out, "><{outcome} message=\"{}\"/></testcase>", escaped(reason));
        }
    }
}

/// For XML 1.0: what it has no place for is left out.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(' '),
            // U+FFFE and U+FFFF: no characters of XML 1.0 (2.2).
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => out.push(c),
        }
    }
    out
}
