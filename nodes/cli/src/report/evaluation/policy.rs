//! What of the release gate's policy the figures need: targets, and the list of what is critical.

use anyhow::Context as _;
use serde_json::Value;
use std::path::Path;

/// Targets; those of the project where the policy says nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// Share of runs of critical scenarios that pass.
    pub critical_pass_rate_min: f64,
    /// Share of the critical list.
    pub coverage_min: f64,
    /// ms.
    pub decision_latency_p95_ms: f64,
    /// Share of messages.
    pub completeness_min: Option<f64>,
    /// What scenarios are to stand for.
    pub critical_list: Option<Vec<String>>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            critical_pass_rate_min: 0.98,
            coverage_min: 0.90,
            decision_latency_p95_ms: 50.0,
            completeness_min: None,
            critical_list: None,
        }
    }
}

impl Policy {
    /// Reads `config/release_gate.yaml`.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
        let value: Value =
            serde_saphyr::from_str(&text).with_context(|| format!("{}: not a policy", path.display()))?;
        Ok(Self::of(&value))
    }

    fn of(value: &Value) -> Self {
        let number = |path: &str| value.pointer(path).and_then(Value::as_f64);
        let own = Self::default();
        Self {
            critical_pass_rate_min: number("/pass_rate/critical_min").unwrap_or(own.critical_pass_rate_min),
            coverage_min: number("/coverage/share_min").unwrap_or(own.coverage_min),
            completeness_min: number("/completeness_min").or(own.completeness_min),
            critical_list: value.pointer("/coverage/list").and_then(names),
            ..own
        }
    }
}

/// Names in a list, as keys, or as `id` of entries.
fn names(list: &Value) -> Option<Vec<String>> {
    match list {
        Value::Array(entries) => {
            let name = |e: &Value| e.as_str().or_else(|| e.get("id")?.as_str()).map(str::to_owned);
            Some(entries.iter().filter_map(name).collect())
        }
        Value::Object(map) => Some(map.keys().cloned().collect()),
        _ => None,
    }
}
