//! The truth of the verdicts against `r2u2_core`, an engine that has nothing in common with this one: future and
//! past-time MLTL over queues of verdicts, where this one computes robustness over windows of samples.
//!
//! The engine cuts windows at the first sample, as the robustness of a row that is still Unknown does; so the sign of
//! the robustness is compared from the first row, and the state after warming up.

// Helpers of an integration test are outside of #[test] functions.

use crate::r2u2::random::{self, Random};
use crate::r2u2::{EVER, Formula, R2u2, naive, text};
use outrider_foundation::{Instant, Span};
use outrider_stl::{Limits, Monitor, Reason, State, Verdict};

const SEED: u64 = 0x0007_2755;
const FORMULAS: usize = 1500;
const ROWS: usize = 200;
const DEPTH: u32 = 4;
const LONGEST: u64 = 20;

/// One formula in both forms, and a trace.
struct Case {
    formula: Formula,
    text: String,
    trace: Vec<Vec<f64>>,
}

fn cases(formulas: usize) -> impl Iterator<Item = Case> {
    let mut random = Random(SEED);
    (0..formulas).map(move |_| {
        let formula = random::formula(&mut random, DEPTH, LONGEST);
        let text = text::text(&formula, &mut random);
        let trace = random::trace(&mut random, ROWS);
        Case { formula, text, trace }
    })
}

/// This monitor's verdicts, at 100 Hz.
fn ours(text: &str, trace: &[Vec<f64>]) -> Vec<Verdict> {
    let formula = outrider_stl::Formula::parse(text, &text::NAMES).unwrap();
    let limits = Limits {
        period: Span::from_nanos(10_000_000),
        max_gap: Some(Span::from_nanos(10_000_000)),
        samples_max: usize::MAX,
        memory_max_bytes: 1 << 20,
    };
    let mut monitor = Monitor::new(formula, &limits).unwrap();
    let values = |row: &[f64]| row.iter().map(|value| Some(*value)).collect::<Vec<_>>();
    let at = |row: usize| Instant::from_nanos(1_700_000_000_000_000_000 + 10_000_000 * row as i64);
    trace.iter().enumerate().map(|(i, row)| monitor.update(at(i), &values(row))).collect()
}

fn engine(formula: &Formula, trace: &[Vec<f64>]) -> Vec<Option<bool>> {
    let mut engine = R2u2::new(formula);
    trace.iter().map(|row| engine.update(row)).collect()
}

/// Samples of past that a verdict rests on; unbounded operators ask for none.
fn horizon(formula: &Formula) -> usize {
    match formula {
        Formula::Not(of) => horizon(of),
        Formula::And(left, right) | Formula::Or(left, right) | Formula::Implies(left, right) => {
            horizon(left).max(horizon(right))
        }
        Formula::Once { to, of, .. } | Formula::Historically { to, of, .. } => {
            horizon(of) + if *to == EVER { 0 } else { *to as usize }
        }
        Formula::Since { to, left, right, .. } | Formula::EngineSince { to, left, right, .. } => {
            horizon(left).max(horizon(right)) + *to as usize
        }
        _ => 0,
    }
}

/// Whether an unbounded operator meets a window that is empty at the first samples: its value may stay infinite, and
/// infinite is Unknown.
fn may_stay_unknown(formula: &Formula, within_unbounded: bool) -> bool {
    match formula {
        Formula::Not(of) => may_stay_unknown(of, within_unbounded),
        Formula::And(left, right) | Formula::Or(left, right) | Formula::Implies(left, right) => {
            may_stay_unknown(left, within_unbounded) || may_stay_unknown(right, within_unbounded)
        }
        Formula::Once { from, to, of } | Formula::Historically { from, to, of } => {
            (within_unbounded && *from > 0) || may_stay_unknown(of, within_unbounded || *to == EVER)
        }
        Formula::Since { from, left, right, .. } | Formula::EngineSince { from, left, right, .. } => {
            (within_unbounded && *from > 0)
                || may_stay_unknown(left, within_unbounded)
                || may_stay_unknown(right, within_unbounded)
        }
        _ => false,
    }
}

/// What a row may be.
#[derive(Clone, Copy, PartialEq)]
enum Expected {
    Unknown,
    Judged,
    Either,
}

/// What is wrong with a row.
fn difference(verdict: &Verdict, truth: Option<bool>, expected: Expected) -> Option<&'static str> {
    let Some(truth) = truth else { return Some("the engine has no verdict") };
    match verdict.state {
        _ if verdict.robustness.is_sign_positive() != truth => Some("sign of the robustness"),
        State::Unknown if expected == Expected::Judged => Some("unknown though warm"),
        State::Unknown => None,
        State::Ok | State::Violated if expected == Expected::Unknown => Some("not unknown"),
        State::Ok if truth => None,
        State::Violated if !truth => None,
        _ => Some("state"),
    }
}

#[derive(Debug, Default)]
struct Tally {
    judged: usize,
    satisfied: usize,
    on_the_limit: usize,
    formulas_of_both: usize,
    different: Vec<String>,
}

impl Tally {
    /// `case` as it is for this monitor, `formula` for the engine. Only the first difference is kept.
    fn compare(&mut self, case: &Case, formula: &Formula) {
        let (verdicts, truths) = (ours(&case.text, &case.trace), engine(formula, &case.trace));
        let horizon = horizon(&case.formula);
        let warm = if may_stay_unknown(&case.formula, false) { Expected::Either } else { Expected::Judged };
        let mut seen = [false; 2];
        for (row, (verdict, truth)) in verdicts.iter().zip(&truths).enumerate() {
            let expected = if row < horizon { Expected::Unknown } else { warm };
            if let Some(what) = difference(verdict, *truth, expected) {
                let Case { text, formula, trace } = case;
                let values = &trace[..=row];
                self.different.push(format!(
                    "row {row}, {what}: {verdict:?}, engine {truth:?}\n{text}\n{formula:?}\n{values:?}"
                ));
                return;
            }
            if verdict.state != State::Unknown {
                self.judged += 1;
                self.satisfied += usize::from(verdict.state == State::Ok);
                self.on_the_limit += usize::from(verdict.robustness.abs() < 1e-12);
                seen[usize::from(verdict.state == State::Ok)] = true;
            }
        }
        self.formulas_of_both += usize::from(seen == [true, true]);
    }
}

#[test]
fn satisfied_is_what_the_engine_calls_true() {
    let mut tally = Tally::default();
    for case in cases(FORMULAS) {
        tally.compare(&case, &case.formula);
    }
    assert!(tally.different.is_empty(), "{} differ; {}", tally.different.len(), tally.different[0]);
    println!("{tally:?}");
    // So that it was about something: rows judged, both verdicts, and many exactly on a limit.
    assert!(tally.judged > FORMULAS * ROWS / 2, "{tally:?}");
    assert!(tally.satisfied > tally.judged / 4 && tally.satisfied < tally.judged * 3 / 4, "{tally:?}");
    assert!(tally.on_the_limit > tally.judged / 20, "{tally:?}");
    assert!(tally.formulas_of_both > FORMULAS / 3, "{tally:?}");
}

/// A formula that is slightly another one.
fn changed(formula: &Formula, change: &str) -> Formula {
    let mut other = formula.clone();
    change_in(&mut other, change);
    other
}

fn change_in(formula: &mut Formula, change: &str) {
    match (&mut *formula, change) {
        (Formula::Less { signal, limit }, "equality") => {
            *formula = Formula::LessEqual { signal: *signal, limit: *limit };
        }
        (Formula::Greater { signal, limit }, "equality") => {
            *formula = Formula::GreaterEqual { signal: *signal, limit: *limit };
        }
        (Formula::Not(of), _) => change_in(of, change),
        (Formula::And(left, right) | Formula::Or(left, right) | Formula::Implies(left, right), _) => {
            change_in(left, change);
            change_in(right, change);
        }
        (Formula::Since { from, to, left, right }, _) => {
            change_bounds(from, to, change);
            change_in(left, change);
            change_in(right, change);
        }
        (Formula::Once { from, to, of } | Formula::Historically { from, to, of }, _) => {
            change_bounds(from, to, change);
            change_in(of, change);
        }
        _ => {}
    }
}

fn change_bounds(from: &mut u32, to: &mut u32, change: &str) {
    match change {
        "end" if *to < EVER => *to += 1,
        "beginning" if *from > 0 => *from -= 1,
        _ => {}
    }
}

#[test]
fn small_changes_are_noticed() {
    for change in ["equality", "end", "beginning"] {
        let (mut tally, mut asked) = (Tally::default(), 0);
        for case in cases(300) {
            let other = changed(&case.formula, change);
            if other != case.formula && crate::r2u2::fits(&other) {
                asked += 1;
                tally.compare(&case, &other);
            }
        }
        println!("{change}: {} of {asked} formulas noticed", tally.different.len());
        assert!(
            asked > 50 && tally.different.len() > asked / 3,
            "{change}: {} of {asked}",
            tally.different.len()
        );
    }
}

/// The way into the engine is right: its verdicts are those of the definition, from the first sample.
#[test]
fn the_engine_follows_the_definition() {
    for case in cases(500) {
        let expected: Vec<_> = naive::evaluate(&case.formula, &case.trace).into_iter().map(Some).collect();
        assert_eq!(engine(&case.formula, &case.trace), expected, "{}", case.text);
    }
}

fn above(signal: usize, limit: f64) -> Box<Formula> {
    Box::new(Formula::Greater { signal, limit })
}

/// Why the cross-check spells `since` out. Should this fail with another version of the engine, it no longer has to.
#[test]
fn the_engines_own_since_forgets() {
    let formula = Formula::EngineSince { from: 0, to: 2, left: above(0, 0.5), right: above(1, 0.5) };
    // Left and right: the chain is broken in the second row, and nothing begins it anew in the third.
    let trace = [vec![0.0, 1.0], vec![0.0, 0.0], vec![1.0, 0.0]];
    assert_eq!(naive::evaluate(&formula, &trace), [true, false, false]);
    assert_eq!(engine(&formula, &trace), [Some(true), Some(false), Some(true)]);
    let verdicts = ours("a > 0.5 since[0:20ms] b > 0.5", &[trace.to_vec(), vec![vec![0.0; 2]]].concat());
    assert_eq!(verdicts[2].state, State::Violated);
}

/// What is not a number makes every comparison false, so the engine's answer depends on how a property is written.
#[test]
fn a_value_that_is_no_number_is_judged_by_polarity_there_and_not_here() {
    let trace: Vec<_> = [0.5, 0.5, f64::NAN, 0.5, 0.5, 0.5].map(|a| vec![a]).into();
    let below = Formula::Less { signal: 0, limit: 1.0 };
    let not_above = Formula::Not(Box::new(Formula::GreaterEqual { signal: 0, limit: 1.0 }));
    let [strict, lax] =
        [below, not_above].map(|of| Formula::Historically { from: 0, to: 2, of: Box::new(of) });
    let truths =
        |formula: &Formula| engine(formula, &trace).into_iter().map(Option::unwrap).collect::<Vec<_>>();
    assert_eq!(truths(&strict), [true, true, false, false, false, true]);
    assert_eq!(truths(&lax), [true; 6]);
    for text in ["historically[0:20ms] (a < 1)", "historically[0:20ms] (not (a >= 1))"] {
        let states: Vec<_> = ours(text, &trace).iter().map(|verdict| verdict.state).collect();
        let bad = State::Invalid(Reason::NotANumber);
        assert_eq!(states, [State::Unknown, State::Unknown, bad, bad, bad, State::Ok], "{text}");
    }
}
