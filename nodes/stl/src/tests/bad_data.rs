//! Bad data, one kind at a time.

use super::{letter, limits, monitor, run, states};
use crate::{Formula, Limits, Monitor, Reason, State};
use outrider_foundation::{Instant, Span};

const NAN: f64 = f64::NAN;

fn at(ms: i64) -> Instant {
    Instant::from_nanos(ms * 1_000_000)
}

#[test]
fn unknown_until_the_window_is_full() {
    assert_eq!(states("historically[0:0.3](x < 1)", &[0.0; 6]), "uuuooo");
    assert_eq!(states("historically[0:0.3](x < 1)", &[2.0, 0.0, 0.0, 0.0, 0.0]), "uuuvo");
    assert_eq!(states("once[0.2:0.3](x > 1)", &[0.0; 5]), "uuuvv");
    assert_eq!(states("historically[0:0.2](once[0:0.2](x < 1))", &[0.0; 6]), "uuuuoo");
    assert_eq!(states("prev(x) < 1", &[0.0; 3]), "uoo");
    assert_eq!(states("historically(x < 1)", &[0.0, 2.0, 0.0]), "ovv");
    assert_eq!(states("(x < 1) since[0:0.2] (x < 0)", &[0.0, -1.0, 0.0, 0.0, 0.0]), "uuoov"); // strict at zero
}

/// `once(prev x)` was true before the first sample, as RTAMT has it: that satisfies nothing here.
#[test]
fn what_was_before_the_first_sample_satisfies_nothing() {
    let verdicts = run("once(prev(x) > 1)", &[0.0; 4]);
    assert!(verdicts.iter().all(|v| v.state == State::Unknown && v.robustness == f64::INFINITY));
}

#[test]
fn bad_values_hold_for_the_window_whatever_the_polarity() {
    let values = [0.0, 0.0, 0.0, NAN, 0.0, 0.0, 0.0, 0.0];
    for text in [
        "historically[0:0.2](x < 1)",
        "once[0:0.2](x < 1)",
        "not once[0:0.2](x < 1)",
        "historically[0:0.2](not (x >= 1))",
    ] {
        let expected = if text.starts_with("not") { "uuviiivv" } else { "uuoiiioo" };
        assert_eq!(states(text, &values), expected, "{text}");
    }
    // Only while the bad sample lies in the window.
    assert_eq!(states("once[0.2:0.3](x < 1)", &values), "uuuooiio");
    assert_eq!(states("historically[0:0.1](once[0:0.1](x < 1))", &values), "uuoiiioo");
    assert_eq!(states("x < 1", &values), "oooioooo");
    assert_eq!(states("prev(x) < 1", &values), "uoooiooo");
    assert_eq!(states("historically(x < 1)", &values), "oooiiiii");
    assert_eq!(states("(x < 1) since (x < 1)", &values), "oooiiiii");
    assert_eq!(states("x / (x - x) < 1", &[1.0]), "i");
    assert_eq!(states("sqrt(x) < 1", &[-1.0, 0.0]), "io");
}

#[test]
fn a_signal_that_is_not_used_does_not_matter() {
    let mut monitor = monitor("historically[0:0.1](x < 1)", &["x", "y"]);
    let states: Vec<State> = (0..4).map(|i| monitor.update(at(i * 100), &[Some(0.0), None]).state).collect();
    assert_eq!(states, [State::Unknown, State::Ok, State::Ok, State::Ok]);
    let missing = monitor.update(at(400), &[]);
    assert_eq!(missing.state, State::Invalid(Reason::Missing));
    assert_eq!(monitor.formula().text_of(missing.responsible), "x");
}

#[test]
fn each_fault_has_its_reason() {
    let mut monitor = Monitor::new(
        Formula::parse("historically[0:0.3](x < 1)", &["x"]).unwrap(),
        &Limits { max_gap: Some(Span::from_millis(150)), ..limits() },
    )
    .unwrap();
    let mut go = |ms: i64, x: f64| {
        let verdict = monitor.update(at(ms), &[Some(x)]);
        (verdict.state, verdict.at.nanos() / 1_000_000)
    };
    let invalid = State::Invalid;
    assert_eq!(go(0, 0.0), (State::Unknown, 0));
    assert_eq!(go(100, f64::INFINITY), (invalid(Reason::Infinite), 100));
    for ms in [200, 300, 400] {
        assert_eq!(go(ms, 0.0), (invalid(Reason::Infinite), 100));
    }
    assert_eq!(go(500, 0.0).0, State::Ok);
    assert_eq!(go(651, 0.0), (invalid(Reason::Gap), 651));
    for ms in [700, 800, 940, 951] {
        assert_eq!(go(ms, 0.0), (invalid(Reason::Gap), 651), "{ms}");
    }
    assert_eq!(go(952, 0.0).0, State::Ok);
    assert_eq!(go(952, 0.0), (invalid(Reason::TimeNotIncreasing), 952));
    assert_eq!(go(900, 0.0), (invalid(Reason::TimeNotIncreasing), 900));
    // The data before are kept: what lies in the window rests on the doubtful moment.
    assert_eq!(go(1000, 0.0).0, invalid(Reason::TimeNotIncreasing));
    assert_eq!(go(1100, 0.0).0, invalid(Reason::TimeNotIncreasing));
    assert_eq!(go(1250, 2.0).0, invalid(Reason::TimeNotIncreasing));
    assert_eq!(go(1253, 0.0), (State::Violated, 1250));
    monitor.reset();
    assert_eq!(monitor.update(at(5), &[Some(0.0)]).state, State::Unknown);
    assert_eq!(monitor.update(at(105), &[Some(0.0)]).state, State::Unknown);
}

/// Samples ten times as fast as declared: as long as they fit nothing is wrong, then the verdict is invalid.
#[test]
fn a_full_buffer_is_invalid() {
    for text in [
        "historically[0:1](x < 1000)",
        "not once[0:1](x >= 1000)",
        "historically[0.2:1](x < 1000)",
        "(x < 1000) since[0.2:1] (x < 1000)",
    ] {
        let limits = Limits { period: Span::from_millis(100), ..limits() };
        let mut monitor = Monitor::new(Formula::parse(text, &["x"]).unwrap(), &limits).unwrap();
        let mut seen = String::new();
        let size = monitor.byte_size();
        for i in 0..400 {
            // Falling, then rising: no sample makes another useless in one of the two.
            let x = f64::from(if i < 150 { 500 - i } else { i });
            seen.push(letter(monitor.update(at(i64::from(i) * 10), &[Some(x)]).state));
            assert_eq!(size, monitor.byte_size());
        }
        assert!(seen.contains('i'), "{text}: {seen}");
        assert!(!seen.contains('v'), "{text}: {seen}");
    }
}

#[test]
fn an_empty_window_is_not_satisfied() {
    let mut monitor = monitor("historically[0.4:0.6](x < 1)", &["x"]);
    for ms in [0, 100, 200, 1000, 1100] {
        monitor.update(at(ms), &[Some(0.0)]);
    }
    assert_eq!(monitor.update(at(1900), &[Some(0.0)]).state, State::Invalid(Reason::NoSample));
    assert_eq!(monitor.update(at(2300), &[Some(0.0)]).state, State::Ok);
}

/// On the limit the comparison's strictness decides, through every operator.
#[test]
fn truth_is_exact_on_the_limit() {
    for (text, expected) in [
        ("x < 1", 'v'),
        ("x <= 1", 'o'),
        ("x == 1", 'o'),
        ("x != 1", 'v'),
        ("not x < 1", 'o'),
        ("not x <= 1", 'v'),
        ("x < 1 or x > 1", 'v'),
        ("x <= 1 and x >= 1", 'o'),
        ("x < 1 -> x > 1", 'o'),
        ("x <= 1 -> x > 1", 'v'),
        ("historically(x <= 1)", 'o'),
        ("once(x < 1)", 'v'),
        ("(x <= 1) since (x >= 1)", 'o'),
        ("x < 1 iff x > 1", 'o'),
        ("x < 1 iff x >= 1", 'v'),
        ("x < 1 xor x >= 1", 'o'),
    ] {
        let verdict = run(text, &[1.0])[0];
        assert_eq!((letter(verdict.state), verdict.robustness.abs()), (expected, 0.0), "{text}");
    }
}
