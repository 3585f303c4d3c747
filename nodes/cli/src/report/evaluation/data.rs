//! The records of runs and the worlds, as scripts that a page can load from `file://`.

use super::read::{Folder, is_plain};
use anyhow::Context as _;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Numbers are rounded to so many parts of their unit: millimetres, milliradians, milliseconds.
const PARTS: f64 = 1e3;

/// Writes what there is; the keys of the runs that can be shown.
///
/// # Errors
/// When a file cannot be written. One that cannot be read is told in `notes`.
pub fn write_records(
    folder: &Folder,
    out: &Path,
    notes: &mut Vec<String>,
) -> anyhow::Result<BTreeSet<String>> {
    let mut shown = BTreeSet::new();
    let mut worlds: BTreeMap<String, usize> = BTreeMap::new();
    let mut absent = 0usize;
    for run in &folder.runs {
        let record = match folder.record(&run.key) {
            Ok(Some(record)) => record,
            Ok(None) => {
                absent += usize::from(run.is_done());
                continue;
            }
            Err(error) => {
                notes.push(format!("{} seed {} cannot be shown: {error:#}", run.scenario, run.seed));
                continue;
            }
        };
        if let Some(hash) = record.get("world").and_then(Value::as_str) {
            *worlds.entry(hash.to_owned()).or_default() += 1;
        }
        script(&out.join("runs").join(format!("{}.js", run.key)), "outrider.run", &run.key, record)?;
        shown.insert(run.key.clone());
    }
    if absent > 0 {
        notes.push(format!("{absent} runs have no record in runs/, and cannot be seen"));
    }
    for (hash, runs) in worlds {
        match folder.world(&hash) {
            Ok(Some(world)) => {
                script(&out.join("worlds").join(format!("{hash}.js")), "outrider.world", &hash, world)?
            }
            Ok(None) => {
                notes.push(format!("worlds/{hash}.json is missing: {runs} runs are shown without walls"))
            }
            Err(error) => notes.push(format!("{runs} runs are shown without walls: {error:#}")),
        }
    }
    Ok(shown)
}

fn script(path: &Path, function: &str, name: &str, value: Value) -> anyhow::Result<()> {
    debug_assert!(is_plain(name));
    let text = format!("{function}(\"{name}\",{});\n", serde_json::to_string(&rounded(value))?);
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// Whole numbers stay; others lose what nobody sees.
pub fn rounded(value: Value) -> Value {
    match value {
        Value::Number(number) => {
            let Some(v) = number.as_f64().filter(|_| number.is_f64()) else { return Value::Number(number) };
            let parts = (v * PARTS).round();
            // Beyond this a number of the record is nonsense, and is left as it is.
            if parts.abs() > 9e15 {
                return Value::Number(number);
            }
            if (parts % PARTS).abs() < 0.5 {
                return Value::from((parts / PARTS) as i64);
            }
            Value::from(parts / PARTS)
        }
        Value::Array(list) => Value::Array(list.into_iter().map(rounded).collect()),
        Value::Object(map) => Value::Object(map.into_iter().map(|(k, v)| (k, rounded(v))).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_are_short_and_the_rest_stays() {
        let value = json!({"a": [1.23456, -0.0001, 2.0, 7, null, "x"], "b": {"c": 1e300}});
        let text = serde_json::to_string(&rounded(value)).unwrap();
        assert_eq!(text, r#"{"a":[1.235,0,2,7,null,"x"],"b":{"c":1e+300}}"#);
    }
}
