//! The JSON schema of scenario files, for editors: made from the types that read them.

use super::Scenario;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

/// What a parameter looks like where a word is taken.
const PARAMETER: &str = r"^\$(\{[a-z_][a-z0-9_]*\}|[a-z_][a-z0-9_]*)$";
/// And where a number is: a minus may stand before it, and a number may stand in quotes.
const NUMBER: &str =
    r"^-?\$(\{[a-z_][a-z0-9_]*\}|[a-z_][a-z0-9_]*)$|^[-+]?[0-9]+(\.[0-9]*)?([eE][-+]?[0-9]+)?$";

/// The schema, as it is committed in `tests/scenarios/scenario.schema.json`.
pub fn text() -> String {
    let mut value = SchemaSettings::draft07().into_generator().into_root_schema_for::<Scenario>().to_value();
    allow_parameters(&mut value);
    let mut text = serde_json::to_string_pretty(&value).unwrap_or_default();
    text.push('\n');
    text
}

/// Where a number, a truth value or a word of a list is taken, a parameter is as well; other words can hold one anyway.
fn allow_parameters(value: &mut Value) {
    match value {
        Value::Array(list) => list.iter_mut().for_each(allow_parameters),
        Value::Object(map) => {
            if let Some(Value::Array(mut variants)) = map.remove("oneOf") {
                variants.extend(other_forms(&variants));
                // A parameter may stand for each of them.
                map.insert("anyOf".to_owned(), Value::Array(variants));
            }
            map.values_mut().for_each(allow_parameters);
            if let Some(pattern) = pattern_beside(map) {
                let mut own = std::mem::take(map);
                for key in ["description", "default"] {
                    map.extend(own.remove(key).map(|v| (key.to_owned(), v)));
                }
                map.insert("anyOf".to_owned(), json!([own, {"type": "string", "pattern": pattern}]));
            }
        }
        _ => {}
    }
}

/// The text that may stand in the place of what a schema takes, when it takes a single value.
fn pattern_beside(schema: &Map<String, Value>) -> Option<&'static str> {
    let types = schema.get("type")?;
    let has = |name: &str| types == name || types.as_array().is_some_and(|all| all.iter().any(|t| t == name));
    let word = types == "string" && (schema.contains_key("enum") || schema.contains_key("const"));
    if has("number") || has("integer") { Some(NUMBER) } else { (has("boolean") || word).then_some(PARAMETER) }
}

/// Besides the variants of an enum that holds values: `{word: null}` for a plain word, and a parameter in the place of a
/// variant's name.
fn other_forms(variants: &[Value]) -> Vec<Value> {
    if !variants.iter().any(|v| v.pointer("/required").is_some()) {
        return Vec::new();
    }
    let plain = |v: &Value| {
        let word = v.get("const")?.as_str()?;
        Some(json!({
            "type": "object", "properties": {word: {"type": "null"}}, "required": [word], "additionalProperties": false
        }))
    };
    let named = json!({
        "type": "object", "propertyNames": {"pattern": PARAMETER}, "minProperties": 1, "maxProperties": 1
    });
    variants.iter().filter_map(plain).chain([named]).collect()
}
