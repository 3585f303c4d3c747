//! The JSON schema of scenario files, for editors: made from the types that read them.

use super::Scenario;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

/// What a parameter looks like where it is used.
const PARAMETER: &str = r"^\$(\{[a-z_][a-z0-9_]*\}|[a-z_][a-z0-9_]*)$";

/// The schema, as it is committed in `tests/scenarios/scenario.schema.json`.
pub fn text() -> String {
    let mut value = SchemaSettings::draft07().into_generator().into_root_schema_for::<Scenario>().to_value();
    allow_parameters(&mut value);
    let mut text = serde_json::to_string_pretty(&value).unwrap_or_default();
    text.push('\n');
    text
}

/// Where a number or a truth value is taken, a parameter is as well; words can hold one anyway, but for those of a list.
fn allow_parameters(value: &mut Value) {
    match value {
        Value::Array(list) => list.iter_mut().for_each(allow_parameters),
        Value::Object(map) => {
            map.values_mut().for_each(allow_parameters);
            let plain = |t: &Value| matches!(t.as_str(), Some("number" | "integer" | "boolean"));
            let single = map
                .get("type")
                .is_some_and(|t| plain(t) || t.as_array().is_some_and(|a| a.iter().any(plain)));
            let words = map.get("type").and_then(Value::as_str) == Some("string")
                && (map.contains_key("enum") || map.contains_key("const"));
            if single || words {
                let mut own = std::mem::take(map);
                let description = own.remove("description");
                let default = own.remove("default");
                map.extend(description.map(|d| ("description".to_owned(), d)));
                map.extend(default.map(|d| ("default".to_owned(), d)));
                map.insert("anyOf".to_owned(), json!([own, {"type": "string", "pattern": PARAMETER}]));
            }
        }
        _ => {}
    }
}
