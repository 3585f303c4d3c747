//! The engine against the plain semantics, and laws that no engine may break.

use super::naive::{Naive, Trace, evaluate};
use super::{limits, random};
use crate::{Formula, Limits, Monitor, State, Verdict};
use outrider_foundation::{Instant, Span};
use proptest::prelude::*;

const SIGNALS: [&str; 3] = ["x", "y", "z"];

pub(crate) fn verdicts(text: &str, trace: &Trace) -> Vec<Verdict> {
    let formula = Formula::parse(text, &SIGNALS).unwrap();
    let max_gap = Some(Span::from_nanos(trace.max_gap));
    let mut monitor = Monitor::new(formula, &Limits { max_gap, ..limits() }).unwrap();
    let samples = trace.times.iter().zip(&trace.rows);
    samples.map(|(t, row)| monitor.update(Instant::from_nanos(*t), row)).collect()
}

fn agrees(verdict: &Verdict, naive: Naive) -> bool {
    let same = |v: f64| verdict.robustness.total_cmp(&v).is_eq() || (verdict.robustness - v).abs() < 1e-12;
    match naive {
        Naive::Invalid => matches!(verdict.state, State::Invalid(_)),
        Naive::Unknown(v) => verdict.state == State::Unknown && (same(v) || v.is_nan()),
        Naive::Known(v) => {
            let state = if v.is_sign_negative() { State::Violated } else { State::Ok };
            verdict.state == state && same(v)
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

    #[test]
    fn the_engine_is_the_semantics(text in random::formula(), trace in random::trace(4, 400)) {
        let formula = Formula::parse(&text, &SIGNALS).unwrap();
        let expected = evaluate(&formula, &trace);
        let root = &expected[usize::from(formula.root().0)];
        for (i, verdict) in verdicts(&text, &trace).iter().enumerate() {
            prop_assert!(agrees(verdict, root[i]), "{text}\nsample {i}: {verdict:?}, expected {:?}", root[i]);
        }
    }

    /// With too little room for the samples a verdict may be Invalid, but never another one than with enough.
    #[test]
    fn a_full_buffer_never_lies(text in random::formula(), trace in random::trace(4, 400), period_ms in 100i64..800) {
        let formula = Formula::parse(&text, &SIGNALS).unwrap();
        let small = Limits { period: Span::from_millis(period_ms), max_gap: Some(Span::from_millis(800)), ..limits() };
        let mut monitor = Monitor::new(formula, &small).unwrap();
        let trace = Trace { max_gap: 800_000_000, ..trace };
        for (i, right) in verdicts(&text, &trace).iter().enumerate() {
            let verdict = monitor.update(Instant::from_nanos(trace.times[i]), &trace.rows[i]);
            let same = verdict.state == right.state && verdict.robustness.total_cmp(&right.robustness).is_eq();
            prop_assert!(same || matches!(verdict.state, State::Invalid(_)), "{text}\nsample {i}: {verdict:?}, with room {right:?}");
        }
    }

    /// And with room for exactly the rate that comes it is never full.
    #[test]
    fn the_room_for_the_declared_rate_is_enough(text in random::formula(), trace in random::trace(4, 400)) {
        let formula = Formula::parse(&text, &SIGNALS).unwrap();
        let steps = trace.times.windows(2).map(|pair| pair[1] - pair[0]);
        let period = Span::from_nanos(steps.min().unwrap_or(1_000_000));
        let max_gap = Some(Span::from_nanos(trace.max_gap.max(period.nanos())));
        let mut monitor = Monitor::new(formula, &Limits { period, max_gap, ..limits() }).unwrap();
        for (time, row) in trace.times.iter().zip(&trace.rows) {
            let verdict = monitor.update(Instant::from_nanos(*time), row);
            prop_assert_ne!(verdict.state, State::Invalid(crate::Reason::BufferFull), "{}", text);
        }
    }

    /// Worse data never makes a verdict that could be given before another one: it stays or becomes Invalid.
    #[test]
    fn invalid_dominates(text in random::formula(), trace in random::trace(0, 1 << 40), at in 0usize..60, signal in 0usize..3) {
        let clean = verdicts(&text, &trace);
        let mut spoilt = Trace { rows: trace.rows.clone(), times: trace.times.clone(), ..trace };
        let at = at % spoilt.rows.len();
        spoilt.rows[at][signal] = Some(f64::NAN);
        for (i, (before, after)) in clean.iter().zip(verdicts(&text, &spoilt)).enumerate() {
            let same = before.state == after.state && before.robustness.total_cmp(&after.robustness).is_eq();
            prop_assert!(same || matches!(after.state, State::Invalid(_)), "{text}: sample {i}: {before:?} {after:?}");
            prop_assert!(i >= at || same, "{text}: sample {i} knew the future");
        }
    }

    /// And the negation of a formula is Invalid exactly where the formula is.
    #[test]
    fn polarity_changes_nothing(text in random::formula(), trace in random::trace(8, 400)) {
        let negated = verdicts(&format!("not ({text})"), &trace);
        for (a, b) in verdicts(&text, &trace).iter().zip(negated) {
            match (a.state, b.state) {
                (State::Ok, State::Violated) | (State::Violated, State::Ok) => {}
                (a, b) => prop_assert_eq!(a, b, "{}", text),
            }
        }
    }

    #[test]
    fn a_later_clock_changes_nothing(text in random::formula(), trace in random::trace(4, 400), by in -1i64 << 50..1i64 << 50) {
        let shifted = Trace { times: trace.times.iter().map(|t| t + by).collect(), rows: trace.rows.clone(), ..trace };
        for (a, b) in verdicts(&text, &trace).iter().zip(verdicts(&text, &shifted)) {
            prop_assert_eq!(a.state, b.state);
            prop_assert!(a.robustness.total_cmp(&b.robustness).is_eq());
            prop_assert_eq!(a.responsible, b.responsible);
        }
    }

    /// A looser threshold never makes a formula without negations worse.
    #[test]
    fn monotone_in_thresholds(trace in random::trace(4, 400), limit in -3.0..3.0f64, more in 0.0..3.0f64, a in 0i64..8, d in 1i64..12) {
        for shape in ["H[A:B](x < L)", "O[A:B](x < L) and H(y < L)", "(x < L) S[A:B] (y < L or prev(z < L))", "(x <= L) S (y <= L)"] {
            let shape = shape.replace('A', &format!("{}ms", a * 50)).replace('B', &format!("{}ms", (a + d) * 50));
            let tight = verdicts(&shape.replace('L', &format!("({limit})")), &trace);
            let loose = verdicts(&shape.replace('L', &format!("({})", limit + more)), &trace);
            for (t, l) in tight.iter().zip(loose) {
                match t.state {
                    State::Invalid(_) => prop_assert!(matches!(l.state, State::Invalid(_))),
                    State::Unknown => prop_assert_eq!(l.state, State::Unknown),
                    State::Ok => prop_assert_eq!(l.state, State::Ok),
                    State::Violated => prop_assert!(matches!(l.state, State::Ok | State::Violated)),
                }
                let worse = l.robustness < t.robustness;
                prop_assert!(!worse, "{}: {} < {}", shape, l.robustness, t.robustness);
            }
        }
    }

    /// Where time and subformula of the verdict point, the trace has that value.
    #[test]
    fn what_is_responsible_has_the_value(trace in random::trace(0, 1 << 40), a in 0i64..8, d in 1i64..12, limit in -3.0..3.0f64) {
        let text = format!("H[{}ms:{}ms](x < {limit} or O[0:300ms](y > 1)) and ((z > -1) S[0:500ms] (x > 0))", a * 50, (a + d) * 50);
        let formula = Formula::parse(&text, &SIGNALS).unwrap();
        let all = evaluate(&formula, &trace);
        for verdict in verdicts(&text, &trace).iter().filter(|v| v.robustness.is_finite()) {
            let sample = trace.times.iter().position(|t| *t == verdict.at.nanos()).unwrap();
            let decisive = all[usize::from(verdict.responsible.0)][sample];
            prop_assert!(decisive == Naive::Known(verdict.robustness) || decisive == Naive::Known(-verdict.robustness), "{verdict:?} {decisive:?}");
        }
    }
}
