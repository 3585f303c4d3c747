//! What of the release gate's policy the figures need: targets, and the list of what is critical.

use crate::gate::policy::Policy as GatePolicy;
use std::path::Path;

/// Targets; those of the project where there is no policy.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// Share of runs of critical scenarios that pass.
    pub critical_pass_rate_min: f64,
    /// Share of all runs that pass; of those to a goal, that get there.
    pub pass_rate_min: f64,
    /// What the project has promised for the standard suite on two processors, min.
    pub lead_time_max_min: f64,
    /// Share of the critical list.
    pub coverage_min: f64,
    /// Of the planner's steps that gave a command, ms. The policy of the gate has a stricter limit for this machine; this one is
    /// what the project has promised.
    pub decision_latency_p95_ms: f64,
    /// Share of forwarded commands that the record explains.
    pub completeness_min: f64,
    /// Situations that scenarios are to try.
    pub critical_list: Option<Vec<String>>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            critical_pass_rate_min: 0.98,
            pass_rate_min: 0.95,
            lead_time_max_min: 10.0,
            coverage_min: 0.90,
            decision_latency_p95_ms: 50.0,
            completeness_min: 0.99,
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
        let gate = GatePolicy::read(path)?;
        Ok(Self {
            critical_pass_rate_min: gate.pass_rate.critical_min,
            pass_rate_min: gate.pass_rate.all_min,
            coverage_min: gate.coverage.share_min,
            completeness_min: gate.completeness_min,
            critical_list: Some(gate.coverage.list.into_iter().map(|s| s.id).collect()),
            ..Self::default()
        })
    }
}
