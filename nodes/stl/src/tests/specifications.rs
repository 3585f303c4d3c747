//! Specification files.

use crate::{Severity, Specification};
use outrider_foundation::Span;

const GOOD: &str = r#"// A comment.
specification zone_speed
@requirement("OUT-SPD-1")
@severity(stop)
@bounds("speed in a zone")
@source("ISO 3691-4:2023, 4.9")
@unit("m/s")
@clears_when("the robot is slow enough")
@period(5 ms)
@max_gap(0.2 s)
input float speed
input float limit
const float tolerance = 0.05
historically[0:200ms](speed < limit + tolerance)
"#;

fn error(text: &str) -> String {
    Specification::parse(text).unwrap_err().to_string()
}

#[test]
fn a_file_is_read_whole() {
    let specification = Specification::parse(GOOD).unwrap();
    assert_eq!(specification.name, "zone_speed");
    assert_eq!(specification.severity, Severity::Stop);
    assert_eq!(specification.period, Span::from_millis(5));
    assert_eq!(specification.max_gap, Span::from_millis(200));
    assert_eq!(specification.formula.signals(), ["speed", "limit"]);
}

#[test]
fn what_is_missing_unknown_or_twice_is_named() {
    for (from, to, expected) in [
        (
            "specification zone_speed",
            "",
            "1:1: expected `specification NAME` at the beginning of the file, found none",
        ),
        ("@severity(stop)", "", "1:1: @severity: missing"),
        ("@severity(stop)", "@severity(halt)", "4:1: @severity: it is one of stop, slow, warn"),
        ("@unit(\"m/s\")", "@unit(5 ms)", "7:1: @unit: a text is needed, in quotation marks"),
        ("@period(5 ms)", "@period(5)", "9:10: expected a unit (`s`, `ms`, `us`, `ns`), found `)`"),
        (
            "@period(5 ms)",
            "@period(0 ms)",
            "9:1: @period: a time above zero and up to a minute is needed, such as 200 ms",
        ),
        ("@period(5 ms)", "@period(5 ms) @period(6 ms)", "9:15: @period: given twice"),
        ("@unit", "@latched(perhaps) @unit", "7:1: @latched: it is yes or no"),
        (
            "@unit",
            "@color(\"red\") @unit",
            "7:1: @color: not known; there are requirement, severity, bounds, source, unit, clears_when, latched, period, max_gap",
        ),
        (
            "input float limit\n",
            "",
            "13:31: there is no signal, constant or definition `limit`; there are: speed, tolerance",
        ),
        ("input float limit", "input float speed", "12:13: `speed` is a signal already"),
        (
            "\"ISO 3691-4:2023, 4.9\"",
            "\"ISO",
            "6:9: expected a text that ends with `\"` on its line, found an open one",
        ),
    ] {
        assert!(GOOD.contains(from));
        assert_eq!(error(&GOOD.replacen(from, to, 1)), expected);
    }
}

#[test]
fn formulas_that_could_be_satisfied_by_accident_are_refused() {
    // What is declared has to be used.
    let with = |formula: &str| {
        let unused = if formula.contains("limit") { "" } else { "input float limit" };
        let text = GOOD.replacen(unused, if unused.is_empty() { "" } else { "//" }, 1);
        text.replace("historically[0:200ms](speed < limit + tolerance)", formula)
    };
    for (formula, place, word) in [
        (
            "speed < 1 and (speed > 0 iff limit > 0)",
            "14:16: `speed > 0 iff limit > 0`",
            "distance between its sides",
        ),
        ("speed > 0 xor limit > 0", "14:1: `speed > 0 xor limit > 0`", "distance between its sides"),
        (
            "once(historically[0:1](speed < 1))",
            "14:1: `once(historically[0:1](speed < 1))`",
            "before that was warmed up",
        ),
        (
            "(speed < 1) since (prev(limit > 0))",
            "14:1: `(speed < 1) since (prev(limit > 0))`",
            "before that was warmed up",
        ),
        ("0 < speed < 1", "14:1: `0 < speed < 1`", "a number is needed"),
        ("speed - once[0:1] limit < 1", "14:1: `speed - once[0:1] limit < 1`", "use brackets"),
        ("abs(speed > 1) > 0", "14:1: `abs(speed > 1)`", "a number is needed"),
        ("speed and limit > 1", "14:1: `speed and limit > 1`", "compare it with one"),
        ("once[0:1](speed) < 1", "14:18: `once[0:1](speed) < 1`", "brackets mislead"),
        ("not (speed) < limit", "14:13: `not (speed) < limit`", "brackets mislead"),
        (
            "speed > 0 -> speed > 1 -> limit > 0",
            "14:24: `speed > 0 -> speed > 1 -> limit > 0`",
            "brackets mislead",
        ),
        ("speed < 1; limit > 0", "14:1: `limit > 0`", "uses everything that stands before it"),
        ("speed < 1; helper = limit > 0;", "14:1: `limit > 0`", "uses everything that stands before it"),
        ("helper = limit > 0; speed < 1", "14:10: `speed < 1`", "uses everything that stands before it"),
        ("limit > 0", "11:13: `limit > 0`", "declared and not used"),
        ("rise(speed)", "14:1: `rise(speed)`", "compare it with one"),
        ("once[0:1](speed)", "14:1: `once[0:1](speed)`", "compare it with one"),
    ] {
        let error = error(&with(formula));
        assert!(error.starts_with(place) && error.contains(word), "{error}");
    }
    for fit in ["historically(speed < 1)", "speed - (once[0:1] limit) < 1", "not (prev(speed > -limit))"] {
        Specification::parse(&with(fit)).unwrap();
    }
}

#[test]
fn what_is_violated_may_stay_so() {
    let latched = |text: &str| Specification::parse(text).unwrap().latched;
    assert!(!latched(GOOD), "it is not, unless it says so");
    assert!(latched(&GOOD.replacen("@unit", "@latched(yes) @unit", 1)));
    assert!(!latched(&GOOD.replacen("@unit", "@latched(no) @unit", 1)));
}
