//! Straight-line scripts against the evaluator of all others.

use crate::blackboard::{Blackboards, Entry};
use crate::kind::Kind;
use crate::script::{Enums, Script, Source};
use crate::value::{IntKind, Value};
use proptest::prelude::*;

fn expression() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        3 => prop::sample::select(vec!["a", "b", "c", "d", "e", "RED"]).prop_map(str::to_owned),
        2 => prop::sample::select(vec!["0", "1", "2", "0.5", "1e300", "9007199254740992", "true", "'1'"])
            .prop_map(str::to_owned),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        let operator = prop::sample::select(vec![
            "+", "-", "*", "/", "&&", "||", "&", "|", "^", "==", "!=", "<", ">", "<=", ">=", "..",
        ]);
        prop_oneof![
            6 => (inner.clone(), operator, inner.clone()).prop_map(|(a, op, b)| format!("({a} {op} {b})")),
            1 => (inner.clone(), inner.clone(), inner.clone()).prop_map(|(a, b, c)| format!("({a} < {b} <= {c})")),
            1 => (inner.clone(), inner.clone(), inner.clone()).prop_map(|(a, b, c)| format!("({a} ? {b} : {c})")),
            1 => (prop::sample::select(vec!["-", "!", "~"]), inner).prop_map(|(op, a)| format!("{op}{a}")),
        ]
    })
}

fn script() -> impl Strategy<Value = String> {
    let target = prop::sample::select(vec!["a", "b", "c", "d", "f"]);
    let assign = prop::sample::select(vec![":=", "=", "+=", "-=", "*=", "/="]);
    let statement = prop_oneof![
        1 => expression(),
        2 => (target, assign, expression()).prop_map(|(name, op, value)| format!("{name} {op} {value}")),
    ];
    prop::collection::vec(statement, 1..4).prop_map(|all| all.join("; "))
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => prop::sample::select(vec![0.0, -0.0, 1.0, 2.0, -1.5, 1e18, f64::NAN, f64::INFINITY]).prop_map(Value::Real),
        4 => prop::sample::select(vec![0, 1, 2, -3, 1 << 53, i64::MAX, i64::MIN]).prop_map(Value::from),
        1 => Just(Value::from(true)),
        1 => Just(Value::UInt(7)),
        1 => Just(Value::text("2")),
        1 => Just(Value::Empty),
    ]
}

/// Text of everything that a script can have changed.
fn all(boards: &Blackboards) -> Vec<(String, String)> {
    let number = |value: &Value| match value {
        // The sign of what is not a number is no part of IEEE 754's results, and Rust leaves it open.
        Value::Real(number) if number.is_nan() => "NaN".to_owned(),
        Value::Real(number) => format!("{:x}", number.to_bits()),
        other => format!("{other:?}"),
    };
    let text = |(name, entry): (&str, &Entry)| {
        (name.to_owned(), format!("{} {:?} {}", number(&entry.value), entry.kind, entry.sequence))
    };
    boards.entries(0).map(text).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn straight_line_code_does_what_the_evaluator_does(
        code in script(),
        values in prop::collection::vec(value(), 4),
        strong in any::<bool>(),
    ) {
        let enums = Enums::from([("RED".to_owned(), 3)]);
        let mut boards = Blackboards::default();
        for (name, value) in ["a", "b", "c", "d"].into_iter().zip(values) {
            let kind = match value {
                Value::Int(_, IntKind::Int64) if strong => Kind::Int64,
                _ => Kind::Untyped,
            };
            boards.set(0, name, value, kind).unwrap();
        }
        let Ok(source) = Source::parse(&code) else { return Ok(()) };
        let mut fast: Script = source.bind(&mut boards, 0, &enums);
        let mut slow = fast.clone();
        slow.statements.iter_mut().for_each(|statement| statement.numeric = None);
        let mut others = boards.clone();
        for _ in 0..3 {
            prop_assert_eq!(fast.run(&mut boards), slow.run(&mut others), "{}", code);
            prop_assert_eq!(fast.decide(&mut boards), slow.decide(&mut others), "{}", code);
            prop_assert_eq!(all(&boards), all(&others), "{}", code);
        }
    }
}
