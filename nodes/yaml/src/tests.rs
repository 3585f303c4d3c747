use super::{Error, from_str, from_str_valid};
use garde::Validate;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::fmt::Debug;

/// Everything that types in this workspace ask of a reader.
#[derive(Debug, PartialEq, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
struct All {
    #[garde(range(min = 0.0, max = 2.0))]
    share: f64,
    #[garde(skip)]
    small: Option<f32>,
    #[garde(range(max = 9))]
    count: u8,
    #[garde(skip)]
    offset: i16,
    #[garde(skip)]
    on: bool,
    #[garde(skip)]
    name: String,
    #[garde(skip)]
    letter: char,
    #[garde(skip)]
    pair: (u32, i64),
    #[garde(skip)]
    point: [f64; 2],
    #[garde(skip)]
    by_name: BTreeMap<String, Vec<u64>>,
    #[garde(dive)]
    part: Option<Part>,
    #[garde(skip)]
    kinds: Vec<Kind>,
    #[garde(skip)]
    shape: Shape,
    #[garde(skip)]
    word: Word,
    #[garde(skip)]
    #[serde(default)]
    wrapped: Wrapped,
    #[garde(skip)]
    #[serde(flatten)]
    more: More,
}

#[derive(Debug, PartialEq, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
struct Part {
    #[garde(range(min = 1))]
    number: i32,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Unit,
    New(u8),
    Two(u8, u8),
    Named { a: u8 },
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
enum Shape {
    Round { radius_m: f64 },
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(untagged)]
enum Word {
    Number(f64),
    Text(String),
}

#[derive(Debug, Default, PartialEq, Deserialize)]
struct Wrapped(u16);

#[derive(Debug, PartialEq, Deserialize)]
struct More {
    extra: i64,
}

const GOOD: &str = "\
share: 0.1
small: 0.25
count: 3
offset: -7
on: true
name: \"no: word\"
letter: x
pair: [1, -2]
point: [0.5, 1e-3]
by_name:
  a: [1, 2]
  b: []
part: {number: 4}
kinds: [unit, {new: 1}, {two: [1, 2]}, {named: {a: 3}}]
shape: {is: round, radius_m: 0.3}
word: hello
wrapped: 5
extra: 12
";

/// What `serde_saphyr` says by itself is what is to be said.
fn same<T: DeserializeOwned + Validate<Context = ()> + Debug + PartialEq>(text: &str) {
    let told = |result: Result<T, Error>| result.map_err(|e| e.to_string());
    assert_eq!(told(from_str(text)), told(serde_saphyr::from_str(text)), "{text}");
    assert_eq!(told(from_str_valid(text)), told(serde_saphyr::from_str_valid(text)), "{text}");
}

#[test]
fn values_are_those_of_the_reader_itself() {
    let read: All = from_str_valid(GOOD).unwrap();
    assert_eq!(read.pair, (1, -2));
    assert_eq!(read.kinds.len(), 4);
    assert_eq!(read.part, Some(Part { number: 4 }));
    same::<All>(GOOD);
    same::<All>(&GOOD.replace("small: 0.25", "small: null"));
    same::<All>(&GOOD.replace("part: {number: 4}", "part: null"));
    same::<All>(&GOOD.replace("word: hello", "word: 3"));
    same::<All>(&GOOD.replace("by_name:", "by_name: &b").replace("part: {number: 4}\n", "part: ~\n"));
}

/// One thing wrong at a time, at every depth: line, column, key and words are those of the reader itself.
#[test]
fn errors_are_those_of_the_reader_itself() {
    let swaps = [
        ("share: 0.1", "share: fast"),
        ("share: 0.1", "share: 3.0"),
        ("share: 0.1", "share: [1]"),
        ("share: 0.1\n", ""),
        ("share: 0.1", "share: 0.1\nshare: 0.2"),
        ("count: 3", "count: 300"),
        ("count: 3", "count: -3"),
        ("count: 3", "count: 10"),
        ("count: 3", "count: 1.5"),
        ("offset: -7", "offset: 40000"),
        ("on: true", "on: maybe"),
        ("letter: x", "letter: xy"),
        ("pair: [1, -2]", "pair: [1]"),
        ("pair: [1, -2]", "pair: [1, 2, 3]"),
        ("pair: [1, -2]", "pair: {a: 1}"),
        ("point: [0.5, 1e-3]", "point: [0.5, two]"),
        ("  a: [1, 2]", "  a: [1, -2]"),
        ("  b: []", "  a: []"),
        ("number: 4", "nmuber: 4"),
        ("number: 4", "number: 0"),
        ("{number: 4}", "{}"),
        ("{number: 4}", "4"),
        ("[unit, ", "[unti, "),
        ("{new: 1}", "{new: a}"),
        ("{new: 1}", "new"),
        ("{two: [1, 2]}", "{two: [1]}"),
        ("{named: {a: 3}}", "{named: {b: 3}}"),
        ("{named: {a: 3}}", "{named: {}}"),
        ("is: round", "is: square"),
        ("is: round, ", ""),
        ("radius_m: 0.3", "radius_m: wide"),
        ("word: hello", "word: [1]"),
        ("wrapped: 5", "wrapped: five"),
        ("extra: 12", "extra: twelve"),
        ("extra: 12", "extra: 12\nother: 1"),
        ("extra: 12", "extra: 12\n---\nextra: 1"),
        ("extra: 12", "extra: [12"),
        ("extra: 12", "extra: *nowhere"),
    ];
    for (right, wrong) in swaps {
        let text = GOOD.replace(right, wrong);
        assert_ne!(text, GOOD, "{right}");
        assert!(from_str_valid::<All>(&text).is_err(), "{wrong}");
        same::<All>(&text);
        same::<Part>(&text);
    }
    for text in ["", "~", "[]", "a", "{number: 1}", "{number: 1, other: 2}"] {
        same::<Part>(text);
    }
    let error = from_str_valid::<All>(&GOOD.replace("number: 4", "number: 0")).unwrap_err().to_string();
    assert!(error.contains("part.number") && error.contains("13"), "{error}");
}

#[test]
fn values_of_no_certain_type_and_places_are_read() {
    let any: serde_json::Value = from_str("a: [1, -2, 0.5, yes, word, ~, {b: c}]").unwrap();
    assert_eq!(
        any,
        serde_saphyr::from_str::<serde_json::Value>("a: [1, -2, 0.5, yes, word, ~, {b: c}]").unwrap()
    );
    let placed: BTreeMap<String, crate::Spanned<u8>> = from_str("a: 1\nb:   2\n").unwrap();
    assert_eq!(
        (placed["b"].value, placed["b"].referenced.line(), placed["b"].referenced.column()),
        (2, 2, 6)
    );
}
