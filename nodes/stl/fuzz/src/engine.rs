//! The engine: a case out of bytes, run through all laws.

use crate::bytes::Bytes;
use crate::grammar::{Generated, Look, SIGNALS, formula};
use crate::laws;
use crate::oracle::Past;
use crate::refused_at_a_place;
use crate::trace::{Row, limits, rows, value};
use outrider_foundation::{Instant, Span};
use outrider_stl::{Formula, Limits, Monitor, State, Verdict};

/// A formula, what it may use, and a trace.
pub struct Case {
    pub limits: Limits,
    pub formula: Generated,
    pub rows: Vec<Row>,
}

impl std::fmt::Display for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}\n{:?}", self.formula.text(), self.limits)?;
        self.rows.iter().enumerate().try_for_each(|(i, row)| writeln!(f, "{i}: {} {:?}", row.at, row.values))
    }
}

impl Case {
    pub fn past(&self) -> Past<'_> {
        Past::new(&self.rows, self.limits.max_gap.map(Span::nanos))
    }

    /// Room for everything: no verdict may be lost for want of it.
    pub fn roomy(&self) -> Limits {
        Limits {
            period: Span::from_nanos(1),
            max_gap: self.limits.max_gap,
            samples_max: self.rows.len(),
            memory_max_bytes: 64 << 20,
        }
    }

    /// A monitor that must exist.
    pub fn monitor(&self, text: &str, limits: &Limits) -> Monitor {
        let formula = Formula::parse(text, &SIGNALS).unwrap_or_else(|e| panic!("{e}\n{self}"));
        Monitor::new(formula, limits).unwrap_or_else(|e| panic!("{e}\n{self}"))
    }
}

/// Its verdicts on rows; its memory never changes.
pub fn run(monitor: &mut Monitor, rows: &[Row]) -> Vec<Verdict> {
    let size = monitor.byte_size();
    let update = |row: &Row| {
        let verdict = monitor.update(Instant::from_nanos(row.at), &row.values);
        assert_eq!(monitor.byte_size(), size, "{}", monitor.formula().text());
        verdict
    };
    rows.iter().map(update).collect()
}

/// All laws of the engine, for one case.
pub fn check(data: &[u8]) {
    let bytes = &mut Bytes::new(data);
    let limits = limits(bytes);
    let choices = [bytes.next(), bytes.next(), bytes.next()];
    let case = Case { limits, formula: formula(bytes), rows: rows(bytes) };
    let Some(mut monitor) = admitted(&case) else { return };
    let verdicts = run(&mut monitor, &case.rows);
    let past = case.past();
    laws::consistent(&case, &verdicts);
    laws::verdicts_are_by_definition(&case, &past, &verdicts);
    laws::the_horizon_is_waited_for(&case, &past, monitor.horizon(), &verdicts);
    laws::room_runs_out_only_when_it_was_too_small(&case, &past, &verdicts);
    laws::reset_forgets(&case, &mut monitor, &verdicts);
    laws::negation_mirrors(&case, &verdicts);
    let roomy = run(&mut case.monitor(&case.formula.text(), &case.roomy()), &case.rows);
    laws::more_room_changes_nothing_that_was_judged(&case, &verdicts, &roomy);
    laws::reasons_exist(&case, &past, &roomy);
    laws::what_lies_before_does_not_matter(&case, &past, &roomy, choices[0]);
    laws::worse_data_only_make_invalid(&case, &roomy, choices[1], value(choices[2]));
}

/// Whether there is a monitor; if not, that must be right and at a place.
fn admitted(case: &Case) -> Option<Monitor> {
    let text = case.formula.text();
    let formula = match Formula::parse(&text, &SIGNALS) {
        Ok(formula) => formula,
        Err(error) => {
            refused_at_a_place(&error, &text);
            assert!(case.formula.wrong, "refused: {error}\n{case}");
            return None;
        }
    };
    assert!(!case.formula.wrong, "not refused\n{case}");
    match Monitor::new(formula, &case.limits) {
        Ok(monitor) => {
            // What is granted is for the windows; the rest goes with the text.
            let most = case.limits.memory_max_bytes + 4096 + 2048 * text.len();
            assert!(monitor.byte_size() <= most, "{} bytes\n{case}", monitor.byte_size());
            Some(monitor)
        }
        Err(error) => {
            refused_at_a_place(&error, &text);
            let contradiction = case.limits.max_gap.is_some_and(|gap| gap < case.limits.period);
            let much = generous_need(case) > case.limits.memory_max_bytes as u128;
            assert!(contradiction || much, "refused: {error}\n{case}");
            None
        }
    }
}

/// More bytes than the windows can need.
fn generous_need(case: &Case) -> u128 {
    // A sample with what decided it takes less than forty, and memory is at most doubled.
    const SAMPLE_BYTES: u128 = 2 * 40;
    let samples = |span: i64| {
        let declared = i128::from(span) / i128::from(case.limits.period.nanos()) + 2;
        declared.unsigned_abs().min(case.limits.samples_max as u128 + 1)
    };
    let of = |look: &Look| match look {
        Look::Over(_, Some((from, to)), _) => samples(*from) + samples(to - from),
        Look::Since(Some((from, to)), ..) => 2 * samples(*from) + samples(to - from),
        _ => 0,
    };
    case.formula.looks.iter().map(of).sum::<u128>() * SAMPLE_BYTES
}

/// The same in every respect; a NaN is the same as a NaN.
pub fn same(a: &Verdict, b: &Verdict) -> bool {
    let values =
        a.robustness.total_cmp(&b.robustness).is_eq() || (a.robustness.is_nan() && b.robustness.is_nan());
    a.state == b.state && values
}

pub fn is_invalid(verdict: &Verdict) -> bool {
    matches!(verdict.state, State::Invalid(_))
}

pub fn is_judged(verdict: &Verdict) -> bool {
    matches!(verdict.state, State::Ok | State::Violated)
}
