//! Random formulas and traces.

use super::naive::Trace;
use proptest::prelude::*;

/// Texts over `x`, `y` and `z` with bounds in hundreds of milliseconds.
pub(crate) fn formula() -> impl Strategy<Value = String> {
    let number = prop_oneof![
        Just("0".to_owned()),
        Just("1".to_owned()),
        (-20i32..20).prop_map(|n| format!("{}", f64::from(n) / 4.0))
    ];
    let leaf = prop_oneof![
        2 => prop_oneof![Just("x".to_owned()), Just("y".to_owned()), Just("z".to_owned())],
        1 => number,
    ];
    leaf.prop_recursive(5, 40, 3, |inner| {
        let operator = prop::sample::select(vec![
            "+", "-", "*", "/", "<", "<=", ">", ">=", "==", "!=", "and", "or", "->", "iff", "xor",
        ]);
        let function = prop::sample::select(vec![
            "not",
            "-",
            "abs",
            "sqrt",
            "prev",
            "s_prev",
            "rise",
            "fall",
            "historically",
            "once",
        ]);
        let over = prop::sample::select(vec!["H", "O"]);
        prop_oneof![
            3 => (inner.clone(), operator, inner.clone()).prop_map(|(a, o, b)| format!("({a}) {o} ({b})")),
            2 => (function, inner.clone()).prop_map(|(f, a)| format!("{f}({a})")),
            3 => (over, interval(), inner.clone()).prop_map(|(o, i, a)| format!("{o}{i}({a})")),
            2 => (inner.clone(), interval(), inner.clone()).prop_map(|(a, i, b)| format!("({a}) S{i} ({b})")),
            1 => (inner.clone(), inner).prop_map(|(a, b)| format!("({a}) since ({b})")),
        ]
    })
}

fn interval() -> impl Strategy<Value = String> {
    (prop_oneof![3 => Just(0), 2 => 0i64..12], 1i64..15)
        .prop_map(|(a, d)| format!("[{}ms:{}ms]", a * 100, (a + d) * 100))
}

fn value() -> impl Strategy<Value = f64> {
    prop_oneof![3 => (-8i32..8).prop_map(|n| f64::from(n) / 2.0), 1 => -3.0..3.0f64]
}

fn cell(bad: u32) -> impl Strategy<Value = Option<f64>> {
    prop_oneof![
        200 => value().prop_map(Some),
        bad => prop_oneof![Just(Some(f64::NAN)), Just(Some(f64::INFINITY)), Just(None)],
    ]
}

/// Times on a grid of 50 ms, so that samples often lie exactly on a bound; `bad` of 200 values cannot be used.
pub(crate) fn trace(bad: u32, max_gap_ms: i64) -> impl Strategy<Value = Trace> {
    let row = prop::collection::vec(cell(bad), 3);
    let step = prop_oneof![6 => Just(100i64), 2 => Just(50), 2 => Just(150), 1 => Just(300), 1 => 1i64..700];
    (prop::collection::vec((step, row), 1..60), -1000i64..1000).prop_map(move |(samples, begin)| {
        let mut now = begin * 1_000_000;
        let (mut times, mut rows) = (vec![], vec![]);
        for (step, row) in samples {
            now += step * 1_000_000;
            times.push(now);
            rows.push(row);
        }
        Trace { times, rows, max_gap: max_gap_ms.saturating_mul(1_000_000) }
    })
}
