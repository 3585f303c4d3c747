//! What is read, how it binds, and what is refused.

use super::{limits, monitor, run};
use crate::{Formula, Monitor};
use outrider_foundation::Instant;

const SIGNALS: [&str; 4] = ["x", "y", "z", "speed.x"];

fn value(text: &str) -> f64 {
    let values = [Some(2.0), Some(3.0), Some(5.0), Some(7.0)];
    monitor(text, &SIGNALS).update(Instant::from_nanos(0), &values).robustness
}

fn error(text: &str) -> String {
    match Formula::parse(text, &SIGNALS) {
        Ok(_) => panic!("{text} was read"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn arithmetic_and_comparisons() {
    for (text, expected) in [
        ("x + y * z", 17.0),
        ("(x + y) * z", 25.0),
        ("x - y - z", -6.0),
        ("z / x", 2.5),
        ("z/x", 2.5),
        ("-x * y", -6.0),
        ("abs(x - y)", 1.0),
        ("sqrt(x + x)", 2.0),
        ("pow(x, y)", 8.0),
        ("exp(x - 2)", 1.0),
        ("x < y", 1.0),
        ("x >= y", -1.0),
        ("x == y", -1.0),
        ("x !== y", 1.0),
        ("x != y", 1.0),
        ("speed.x - 1e1", -3.0),
        (".5 * x", 1.0),
        ("const float c = -1.5; x + c", 0.5),
        ("near = x < 3; out = near and y > 1;", 1.0),
    ] {
        assert!((value(text) - expected).abs() < 1e-12, "{text}: {}", value(text));
    }
}

/// Pairs of the same formula, without and with brackets.
#[test]
fn operators_bind_as_in_rtamt() {
    for (bare, bracketed) in [
        ("not x > 1 and y > 1", "(not (x > 1)) and (y > 1)"),
        ("!x > 1", "not (x > 1)"),
        ("x xor y iff z", "x xor (y iff z)"),
        ("x iff y -> z", "x iff (y -> z)"),
        ("x <-> y implies z", "x iff (y -> z)"),
        ("x -> y or z", "x -> (y or z)"),
        ("x or y and z", "x or (y and z)"),
        ("x | y & z", "x or (y and z)"),
        ("x and y since z", "x and (y since z)"),
        ("x S z and y", "(x since z) and y"),
        ("H x > 1 since y", "(historically (x > 1)) since y"),
        ("x -> y -> z", "(x -> y) -> z"),
        ("x since y since z", "(x since y) since z"),
        ("x < y < z", "(x < y) < z"),
        ("1 + H x > 2", "1 + (H (x > 2))"),
        ("once[0:1] prev x + 1", "once[0:1](prev(x + 1))"),
        ("not H[0:1] x and y", "(not (H[0:1] x)) and y"),
        ("- x - y", "(-x) - y"),
        ("O[0:1]x<2", "once[0:1](x < 2)"),
        ("Y x", "prev(x)"),
        ("once[0:1500ms] x", "once[0,1.5](x)"),
        ("once[0.5:1500 ms] x", "once[500us:1.5 s] x"),
        ("const float T = 2; once[0:T] x", "once[0s:2s] x"),
    ] {
        let shape = |text: &str| {
            let formula = Formula::parse(text, &SIGNALS).unwrap();
            formula.nodes.iter().map(|n| n.expression).collect::<Vec<_>>()
        };
        assert_eq!(shape(bare), shape(bracketed), "{bare}");
    }
}

#[test]
fn errors_name_line_column_and_what_was_expected() {
    for (text, expected) in [
        ("", "1:1: expected a formula, found the end"),
        ("x <", "1:4: expected a signal, a number, an operator or `(`, found the end"),
        ("x and\n  (y < 1", "2:9: expected `)`, found the end"),
        ("x y", "1:3: expected an operator, `;` or the end, found `y`"),
        ("x < w", "1:5: there is no signal, constant or definition `w`; there are: x, y, z, speed.x"),
        ("once[2:1](x)", "1:5: interval [2:1]: it is reversed: the smaller age stands first"),
        ("once[0:0](x)", "1:5: interval [0:0]: it is empty: it holds no time but the present"),
        ("once[](x)", "1:6: expected a time such as 0.5, 200ms or 2 s, found `]`"),
        ("once[-1:1](x)", "1:6: expected a time that is not negative, found `-`"),
        (
            "once[0:inf](x)",
            "1:8: expected a time with an end (without an interval the operator reaches back to the first sample), found `inf`",
        ),
        ("once[0:1h](x)", "1:9: expected a unit (`s`, `ms`, `us`, `ns`), found `h`"),
        ("once[1s:2](x)", "1:5: interval [1s:2]: the end has no unit, the beginning has one"),
        (
            "once[0:0.1ns](x)",
            "1:5: interval 0.1 × 1 ns: a time is a whole number of nanoseconds from 0 to 104 days",
        ),
        (
            "always[0:1](x > 0)",
            "1:1: `always` looks into the future; there are only operators of the past: `historically`",
        ),
        ("@max_gap(1) x", "1:1: expected a signal, a number, an operator or `(`, found `@`"),
        ("x U y", "1:3: expected an operator, `;` or the end, found `U`"),
        ("rise x", "1:6: expected `(`, found `x`"),
        ("x % y", "1:3: expected a formula, found the character `%`"),
        ("a = x; a = y; a", "1:8: `a` is a definition already"),
        ("x = y", "1:1: `x` is a signal already"),
        ("const float once = 1; x", "1:13: `once` is a word of the language already"),
        ("/* x", "1:1: expected `*/` that ends the comment, found the end"),
        (
            "input float q; q",
            "1:13: there is no signal, constant or definition `q`; there are: x, y, z, speed.x",
        ),
        ("1e999 < x", "1:1: expected a finite number, found `1e999`"),
        ("é < x", "1:1: there is no signal, constant or definition `é`; there are: x, y, z, speed.x"),
    ] {
        assert_eq!(error(text), expected, "{text}");
    }
}

#[test]
fn what_has_no_bound_is_refused_before_it_can_hurt() {
    let deep = format!("{}x{}", "(".repeat(200), ")".repeat(200));
    assert_eq!(error(&deep), "1:129: more than 128 operators within each other");
    let deep = format!("{}x", "not ".repeat(5000));
    assert_eq!(error(&deep), "1:513: more than 128 operators within each other");
    let long = format!("x{}", " + x".repeat(5000));
    assert!(error(&long).ends_with("more than 4096 operators, names and numbers"), "{}", error(&long));
    let formula = Formula::parse("x and historically[0:1000](x)", &SIGNALS).unwrap();
    let limits = crate::Limits { memory_max_bytes: 1 << 20, samples_max: usize::MAX, ..limits() };
    let error = Monitor::new(formula, &limits).unwrap_err().to_string();
    assert_eq!(
        error,
        "1:7: `historically[0:1000](x)` needs 33554432 bytes at one sample every 0.001 s; 1048576 bytes are left"
    );
    let formula = Formula::parse("x", &SIGNALS).unwrap();
    let limits = crate::Limits { period: outrider_foundation::Span::ZERO, ..limits };
    assert!(Monitor::new(formula, &limits).unwrap_err().to_string().contains("not positive"));
}

#[test]
fn what_decided_is_named_as_it_is_written() {
    let text = "historically[0:0.3](x < 1 or x > 5) and once[0:0.5] (x > 0)";
    let monitor = monitor(text, &["x"]);
    let verdicts = run(text, &[0.5, 3.0, 0.5, 0.5, 0.5, 0.5]);
    let last = verdicts[4];
    assert_eq!((monitor.formula().text_of(last.responsible), last.at.nanos()), ("x < 1", 100_000_000));
    assert!((last.robustness - -2.0).abs() < 1e-12);
    let root = monitor.formula().text_of(monitor.formula().root());
    assert_eq!(root, text);
    assert_eq!(monitor.horizon().time.nanos(), 500_000_000);
}
