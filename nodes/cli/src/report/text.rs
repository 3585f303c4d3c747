//! The summary for a terminal.

use super::stats::Percentiles;
use super::stops::StopKind;
use super::summary::RunSummary;
use std::fmt::Write;

/// The most lines of one list.
const LIST_LIMIT: usize = 12;

impl RunSummary {
    /// A page of plain text.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        let word = match (self.reached(), self.goal.pose) {
            (true, _) => "REACHED",
            (false, Some(_)) => "NOT REACHED",
            (false, None) => "NONE",
        };
        let mut line = |label: &str, text: String| {
            let _ = writeln!(out, "{label:<17}{text}");
        };
        line("run", self.bag.path.clone());
        line("goal", format!("{word}: {}", self.goal.verdict));
        if let Some(t) = self.goal.time_to_goal_s {
            line("time to goal", format!("{t:.1} s"));
        }
        let (driven, top, duration) = (self.driven_m, self.top_speed_mps, self.bag.duration_s);
        line("driven", format!("{driven:.1} m in {duration:.1} s, at most {top:.2} m/s (by {})", self.basis));
        match (&self.least_clearance, self.collisions) {
            (Some(least), Some(collisions)) => {
                line("collisions", collisions.to_string());
                let (m, what, t) = (least.clearance_m, &least.nearest, least.t_s);
                line("least clearance", format!("{m:.3} m, to {what}, at {t:.2} s"));
            }
            _ => line("clearance", "not known: no ground truth".into()),
        }
        match &self.scan_to_command_ms {
            Some(p) => line("scan to command", times_of_scans(p, 1)),
            None => line("scan to command", "not known: no command was forwarded".into()),
        }
        if let Some(p) = &self.computed_ms {
            line("of it computing", times_of_scans(p, 2));
        }
        line("gate", modes(&self.gate_mode_s));
        line("assurance", modes(&self.assurance_mode_s));
        let g = &self.gate;
        let counts = format!(
            "{} accepted, {} refused, {} velocities clamped, {} late",
            g.accepted, g.rejected, g.clamped_periods, g.late_periods
        );
        line("permits", counts);
        line(
            "messages",
            format!(
                "{} in the bag, {} lost on the way to it, {} on the way to nodes",
                self.bag.messages, self.messages_lost, self.inputs_lost
            ),
        );
        self.lists(&mut out);
        out
    }

    fn lists(&self, out: &mut String) {
        let stops = self.stops.iter().map(|s| {
            let who = if s.kind == StopKind::Gate { s.mode.as_str() } else { "waits" };
            let because = if s.because.is_empty() { String::new() } else { format!(" — {}", s.because) };
            format!("{:8.2} s  {who} for {:.2} s: {}{because}", s.t_s, s.duration_s, s.reason)
        });
        list(out, "stops", stops.collect());
        let acts = self.interventions.iter().map(|i| {
            format!("{:8.2} s  {} → {}  {}: {}", i.t_s, i.mode_before, i.mode_after, i.rule, i.text)
        });
        list(out, "interventions", acts.collect());
        let nodes = self.nodes.iter().map(|n| {
            let times = match &n.step_us {
                Some(p) => format!("p50 {:.0} µs, p99 {:.0}, max {:.0}", p.p50, p.p99, p.max),
                None => "step times not measured".into(),
            };
            format!("{:<14} {:>7} steps  {times}  {}", n.node, n.steps, n.message)
        });
        list(out, "nodes", nodes.collect());
        let lossy = self.topics.iter().filter(|t| t.lost.is_some_and(|l| l > 0));
        list(out, "losses", lossy.map(|t| format!("{}: {}", t.topic, t.lost.unwrap_or(0))).collect());
        list(out, "damage", self.bag.damage.clone());
        list(out, "notes", self.notes.clone());
    }
}

/// Milliseconds, with so many places.
fn times_of_scans(p: &Percentiles, places: usize) -> String {
    let Percentiles { count, p50, p95, p99, max } = p;
    format!(
        "p50 {p50:.places$} ms, p95 {p95:.places$}, p99 {p99:.places$}, max {max:.places$} ({count} scans)"
    )
}

fn modes(times: &std::collections::BTreeMap<String, f64>) -> String {
    if times.is_empty() {
        return "not known".into();
    }
    times.iter().map(|(mode, s)| format!("{mode} {s:.1} s")).collect::<Vec<_>>().join(", ")
}

fn list(out: &mut String, title: &str, lines: Vec<String>) {
    if lines.is_empty() {
        return;
    }
    let _ = writeln!(out, "{title} ({})", lines.len());
    for line in lines.iter().take(LIST_LIMIT) {
        let _ = writeln!(out, "  {line}");
    }
    if lines.len() > LIST_LIMIT {
        let _ = writeln!(out, "  … and {} more", lines.len() - LIST_LIMIT);
    }
}
