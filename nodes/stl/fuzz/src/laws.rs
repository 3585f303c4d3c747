//! The laws, one function each.

use crate::engine::{Case, is_invalid, is_judged, run, same};
use crate::oracle::{Past, Worth};
use outrider_stl::{Horizon, Monitor, Reason, State, Verdict};

/// State and robustness say the same.
pub fn consistent(case: &Case, verdicts: &[Verdict]) {
    for (i, verdict) in verdicts.iter().enumerate() {
        let value = verdict.robustness;
        let agree = match verdict.state {
            State::Ok => value.is_finite() && value.is_sign_positive(),
            State::Violated => value.is_finite() && value.is_sign_negative(),
            State::Invalid(_) => value.is_nan(),
            State::Unknown => true,
        };
        assert!(agree, "row {i}: {verdict:?}\n{case}");
    }
}

/// What rests on bad data is invalid; what rests on too little past is neither satisfied nor violated; and what is judged
/// has the value that the definition gives.
pub fn verdicts_are_by_definition(case: &Case, past: &Past<'_>, verdicts: &[Verdict]) {
    let worth = past.judge(&case.formula.looks);
    for (i, (verdict, place)) in verdicts.iter().zip(&past.place).enumerate() {
        let worth = place.map(|k| worth[k]);
        let holds = match worth {
            None => verdict.state == State::Invalid(Reason::TimeNotIncreasing),
            Some(Worth::Bad) => is_invalid(verdict),
            Some(Worth::Unknown) => !is_judged(verdict),
            Some(Worth::Known(None)) => true,
            Some(Worth::Known(Some(value))) => {
                !is_judged(verdict) || verdict.robustness.total_cmp(&value).is_eq()
            }
        };
        assert!(holds, "row {i} is {worth:?}: {verdict:?}\n{case}");
    }
}

/// Nothing is judged before the horizon that the formula declares.
pub fn the_horizon_is_waited_for(case: &Case, past: &Past<'_>, horizon: Horizon, verdicts: &[Verdict]) {
    for (i, (verdict, place)) in verdicts.iter().zip(&past.place).enumerate() {
        let Some(place) = place.filter(|_| is_judged(verdict)) else { continue };
        let waited = i128::from(case.rows[i].at) - i128::from(case.rows[0].at);
        let holds = waited >= i128::from(horizon.time.nanos()) && place >= horizon.samples;
        assert!(holds, "row {i}: {verdict:?} before {horizon:?}\n{case}");
    }
}

/// Samples that keep to what was declared always find room.
pub fn room_runs_out_only_when_it_was_too_small(case: &Case, past: &Past<'_>, verdicts: &[Verdict]) {
    let period = i128::from(case.limits.period.nanos());
    let declared =
        past.shortest_step().is_none_or(|step| step >= period) && past.len() <= case.limits.samples_max;
    let full = verdicts.iter().position(|v| v.state == State::Invalid(Reason::BufferFull));
    assert!(!declared || full.is_none(), "row {full:?}: buffer full\n{case}");
}

/// After `reset` a monitor is a new one.
pub fn reset_forgets(case: &Case, monitor: &mut Monitor, verdicts: &[Verdict]) {
    let size = monitor.byte_size();
    monitor.reset();
    assert_eq!(monitor.byte_size(), size, "{case}");
    for (i, (new, again)) in verdicts.iter().zip(run(monitor, &case.rows)).enumerate() {
        let equal = same(new, &again) && (new.responsible, new.at) == (again.responsible, again.at);
        assert!(equal, "row {i}: {new:?}, after reset {again:?}\n{case}");
    }
}

/// `not (f)` says the opposite, and is as little sure.
pub fn negation_mirrors(case: &Case, verdicts: &[Verdict]) {
    let negated = run(&mut case.monitor(&case.formula.negated(), &case.limits), &case.rows);
    for (i, (verdict, negated)) in verdicts.iter().zip(negated).enumerate() {
        let state = match verdict.state {
            State::Ok => State::Violated,
            State::Violated => State::Ok,
            other => other,
        };
        let mirrored = Verdict { state, robustness: -verdict.robustness, ..*verdict };
        assert!(same(&mirrored, &negated), "row {i}: {verdict:?}, negated {negated:?}\n{case}");
    }
}

/// Too little room may make invalid, and nothing else.
pub fn more_room_changes_nothing_that_was_judged(case: &Case, verdicts: &[Verdict], roomy: &[Verdict]) {
    for (i, (verdict, roomy)) in verdicts.iter().zip(roomy).enumerate() {
        assert!(
            is_invalid(verdict) || same(verdict, roomy),
            "row {i}: {verdict:?}, with room {roomy:?}\n{case}"
        );
    }
}

/// The reason of an invalid verdict is somewhere in the data.
pub fn reasons_exist(case: &Case, past: &Past<'_>, roomy: &[Verdict]) {
    let anywhere = |wanted: fn(Option<f64>) -> bool| {
        let cells = case.rows.iter().flat_map(|row| (0..3).map(|s| row.values.get(s).copied().flatten()));
        cells.into_iter().any(wanted)
    };
    for (i, verdict) in roomy.iter().enumerate() {
        let State::Invalid(reason) = verdict.state else { continue };
        let exists = match reason {
            Reason::NotANumber => anywhere(|v| v.is_some_and(f64::is_nan)),
            Reason::Infinite => anywhere(|v| v.is_some_and(f64::is_infinite)),
            Reason::Missing => anywhere(|v| v.is_none()),
            Reason::Gap => past.has_gap(),
            Reason::TimeNotIncreasing => past.place.contains(&None),
            Reason::BufferFull => false,
            Reason::NoSample | Reason::Arithmetic => true,
        };
        assert!(exists, "row {i}: {verdict:?}\n{case}");
    }
}

/// A monitor that starts later and can judge rests on nothing older: the older one says the same, or is held back.
pub fn what_lies_before_does_not_matter(case: &Case, past: &Past<'_>, roomy: &[Verdict], from: u8) {
    let from = usize::from(from) % case.rows.len().max(1);
    if case.formula.unbounded || past.place.get(from).copied().flatten().is_none() {
        return;
    }
    let later = run(&mut case.monitor(&case.formula.text(), &case.roomy()), &case.rows[from..]);
    for (i, (old, young)) in roomy[from..].iter().zip(&later).enumerate() {
        let holds = !is_judged(young) || is_invalid(old) || same(old, young);
        assert!(holds, "row {}: {old:?}, started at row {from} {young:?}\n{case}", from + i);
    }
}

/// A worse value leaves a verdict as it is, or makes it invalid.
pub fn worse_data_only_make_invalid(case: &Case, roomy: &[Verdict], place: u8, value: Option<f64>) {
    let bad = value.filter(|v| !v.is_finite());
    let (row, signal) = (usize::from(place / 3) % case.rows.len().max(1), usize::from(place % 3));
    let mut rows = case.rows.clone();
    let Some(cell) = rows.get_mut(row).and_then(|r| r.values.get_mut(signal)) else { return };
    *cell = bad;
    let spoilt = run(&mut case.monitor(&case.formula.text(), &case.roomy()), &rows);
    for (i, (clean, spoilt)) in roomy.iter().zip(&spoilt).enumerate() {
        let holds = same(clean, spoilt) || (i >= row && is_invalid(spoilt));
        // Which of two faults is named may change.
        assert!(
            holds || (is_invalid(clean) && is_invalid(spoilt)),
            "row {i}: {clean:?}, with {bad:?} for {signal} in row {row} {spoilt:?}\n{case}"
        );
    }
}
