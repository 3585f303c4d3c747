//! Our bytes are those of rclpy: `golden/messages.jsonl` was written by `golden/make.py`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::collections::BTreeMap;

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
}

fn golden() -> BTreeMap<String, (Vec<u8>, serde_json::Value)> {
    include_str!("../golden/messages.jsonl")
        .lines()
        .map(|line| {
            let record: serde_json::Value = serde_json::from_str(line).unwrap();
            let name = record["type"].as_str().unwrap().to_owned();
            (name, (hex(record["bytes"].as_str().unwrap()), record["value"].clone()))
        })
        .collect()
}

/// Numbers compare as numbers: 3 equals 3.0.
fn same(a: &serde_json::Value, b: &serde_json::Value) -> bool {
    use serde_json::Value::{Array, Number, Object};
    match (a, b) {
        (Number(a), Number(b)) => a.as_f64() == b.as_f64(),
        (Array(a), Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Object(a), Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

/// A message that was taken apart by its definition has the values of rclpy.
fn alike(path: &str, tree: &outrider_msgs::Tree<'_>, json: &serde_json::Value) {
    use outrider_msgs::{Tree, Value};
    use serde_json::Value as Json;
    match (tree, json) {
        // An empty structure has a byte in Rust's struct and in rclpy's.
        (Tree::Fields(a), Json::Object(_)) if a.is_empty() => {}
        (Tree::Fields(a), Json::Object(b)) => {
            assert_eq!(a.len(), b.len(), "{path}");
            for (name, tree) in a {
                alike(&format!("{path}.{name}"), tree, &b[*name]);
            }
        }
        (Tree::List(a), Json::Array(b)) => {
            assert_eq!(a.len(), b.len(), "{path}");
            a.iter().zip(b).for_each(|(a, b)| alike(&format!("{path}[]"), a, b));
        }
        (Tree::Value(Value::Text(a)), Json::String(b)) => assert_eq!(a, b, "{path}"),
        (Tree::Value(Value::Bool(a)), Json::Bool(b)) => assert_eq!(a, b, "{path}"),
        (Tree::Value(a), Json::Number(b)) => assert_eq!(a.number(), b.as_f64(), "{path}"),
        _ => panic!("{path}: {tree:?} is not {json}"),
    }
}

#[test]
fn every_message_has_the_bytes_and_the_values_of_rclpy() {
    let golden = golden();
    let mut checked = 0;
    macro_rules! check {
        ($package:ident, $name:ident) => {{
            type T = outrider_msgs::$package::$name;
            let name = <T as outrider_msgs::Message>::TYPE_NAME;
            let (bytes, value) =
                golden.get(name).unwrap_or_else(|| panic!("{name} is not in golden/messages.jsonl"));
            let message = outrider_msgs::decode::<T>(bytes).unwrap();
            let ours = serde_json::to_value(&message).unwrap();
            assert!(same(&ours, value), "{name}: {ours} is not {value}");
            let mut again = outrider_msgs::encode(&message).unwrap();
            // Writers may pad to four bytes; rmw does, and says so in the options.
            assert_eq!(again.len(), bytes.len().next_multiple_of(4), "{name}");
            again.resize(bytes.len(), 0);
            assert_eq!(&again[4..], &bytes[4..], "{name}");
            // Taken apart by its definition it is the same.
            let schema =
                outrider_msgs::Schema::parse(name, <T as outrider_msgs::Message>::DEFINITION).unwrap();
            schema.check(bytes).unwrap_or_else(|e| panic!("{name}: {e}"));
            alike(name, &schema.tree(bytes).unwrap_or_else(|e| panic!("{name}: {e}")), value);
            checked += 1;
        }};
    }
    outrider_msgs::for_each_message!(check);
    assert_eq!(checked, outrider_msgs::CATALOGUE.len());
    assert!(checked >= 50, "only {checked}");
}
