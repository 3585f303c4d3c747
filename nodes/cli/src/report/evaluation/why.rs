//! What failed, and why: the runs of a scenario that did not pass, by the check that they failed.

use super::read::Run;
use serde::Serialize;

/// So many reasons of a scenario are told at the top.
const REASONS_TOLD: usize = 6;
/// So many runs of a reason are linked.
const RUNS_LINKED: usize = 6;
/// So many characters of a reason.
const TEXT_SHOWN: usize = 400;

/// A reason for which runs did not pass.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reason {
    /// The rule or check, or `error`, `panic`.
    pub check: String,
    /// A hard constraint.
    pub is_violation: bool,
    /// In the first of the runs.
    pub text: String,
    /// How many runs.
    pub count: usize,
    /// Some of them.
    pub runs: Vec<Place>,
}

/// A moment of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Place {
    /// Of the run.
    pub key: String,
    /// Of the run.
    pub seed: u64,
    /// s, where it is known.
    pub at_s: Option<f64>,
}

/// One cause of a run's failing.
#[derive(Clone, Debug, PartialEq)]
pub struct Cause {
    /// The rule or check.
    pub check: String,
    /// A hard constraint.
    pub is_violation: bool,
    /// In a sentence.
    pub text: String,
    /// s, where it is known.
    pub at_s: Option<f64>,
}

/// Everything for which a run did not pass; empty for one that did.
pub fn causes(run: &Run) -> Vec<Cause> {
    if !run.is_done() {
        let text = if run.message.is_empty() { "(no message)".to_owned() } else { shortened(&run.message) };
        return vec![Cause { check: run.status.clone(), is_violation: false, text, at_s: None }];
    }
    let violations = run.violations.iter().map(|v| Cause {
        check: v.rule.clone(),
        is_violation: true,
        text: shortened(&v.text),
        at_s: v.at_s,
    });
    let failures = run.failures.iter().map(|f| Cause {
        check: f.check.clone(),
        is_violation: false,
        text: shortened(&f.text),
        at_s: moment(&f.text),
    });
    let mut all: Vec<Cause> = violations.chain(failures).collect();
    if all.is_empty() && !run.passed {
        let text = "the file does not say why".to_owned();
        all.push(Cause { check: "not passed".to_owned(), is_violation: false, text, at_s: None });
    }
    all
}

/// The reasons of several runs, violations first, then the more frequent.
pub fn reasons(runs: &[&Run]) -> (Vec<Reason>, usize) {
    let mut all: Vec<Reason> = Vec::new();
    for run in runs.iter().filter(|r| !r.passed) {
        let mut told: Vec<(String, bool)> = Vec::new();
        for cause in causes(run) {
            let same = (cause.check.clone(), cause.is_violation);
            if told.contains(&same) {
                continue;
            }
            let place = Place { key: run.key.clone(), seed: run.seed, at_s: cause.at_s };
            match all.iter_mut().find(|r| (&r.check, r.is_violation) == (&same.0, same.1)) {
                Some(reason) => {
                    reason.count += 1;
                    if reason.runs.len() < RUNS_LINKED {
                        reason.runs.push(place);
                    }
                }
                None => all.push(Reason {
                    check: cause.check,
                    is_violation: cause.is_violation,
                    text: cause.text,
                    count: 1,
                    runs: vec![place],
                }),
            }
            told.push(same);
        }
    }
    all.sort_by_key(|r| (!r.is_violation, std::cmp::Reverse(r.count)));
    let left_out = all.len().saturating_sub(REASONS_TOLD);
    all.truncate(REASONS_TOLD);
    (all, left_out)
}

/// The time in a sentence that says "at 12.3 s", else "from 12.3 s".
fn moment(text: &str) -> Option<f64> {
    time_after(text, "at").or_else(|| time_after(text, "from"))
}

fn time_after(text: &str, before: &str) -> Option<f64> {
    let mut words = text.split_whitespace();
    while let Some(word) = words.next() {
        if word == before
            && let Some(number) = words.next().and_then(|w| w.parse::<f64>().ok())
            && words.next().is_some_and(|unit| unit.trim_end_matches([',', ':', ';', '.']) == "s")
        {
            return number.is_finite().then_some(number);
        }
    }
    None
}

/// On one line, and not longer than a screen.
fn shortened(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let short: String = line.chars().take(TEXT_SHOWN).collect();
    if short.len() < line.len() { format!("{short}…") } else { short }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_found_in_sentences() {
        assert_eq!(moment("violated at 12.340 s, robustness -0.2"), Some(12.34));
        assert_eq!(moment("stopped at the shelf at 3 s"), Some(3.0));
        assert_eq!(moment("safe_stop from 3.000 s to 4.000 s"), Some(3.0));
        assert_eq!(moment("slower from 2 s on, first at 2.5 s"), Some(2.5));
        assert_eq!(moment("at 3 m from it"), None);
        assert_eq!(moment("at"), None);
    }
}
