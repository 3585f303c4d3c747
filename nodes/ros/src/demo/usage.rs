//! Processor time and memory of every node over a drive, from /proc.

use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Instant;

/// Unit of the times in `/proc/<pid>/stat`, ticks a second: fixed at 100 for programs on Linux's common platforms.
const TICKS_PER_S: f64 = 100.0;

/// What one node used.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NodeUsage {
    /// Which node.
    pub node: String,
    /// Process id.
    pub pid: u32,
    /// Processor time in per cent of one core.
    pub cpu_percent: f64,
    /// Processor time, s.
    pub cpu_s: f64,
    /// Greatest resident memory seen, MB (10⁶ bytes).
    pub rss_mb: f64,
    /// Greatest proportional share of memory seen, MB: pages shared by n processes count 1/n; `None` where unknown.
    pub pss_mb: Option<f64>,
}

/// What all nodes used from one moment to another.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Usage {
    /// Length of the time, s.
    pub duration_s: f64,
    /// By node.
    pub nodes: Vec<NodeUsage>,
}

struct Sample {
    node: String,
    first_ticks: f64,
    ticks: f64,
    rss_kb: f64,
    pss_kb: Option<f64>,
}

/// Samples a set of processes.
pub struct Meter {
    started: Instant,
    samples: BTreeMap<u32, Sample>,
}

impl Meter {
    /// Begins with these processes.
    pub fn start(processes: &[(String, u32)]) -> Self {
        let mut meter = Self { started: Instant::now(), samples: BTreeMap::new() };
        for (node, pid) in processes {
            let Some(ticks) = cpu_ticks(*pid) else { continue };
            let sample = Sample { node: node.clone(), first_ticks: ticks, ticks, rss_kb: 0.0, pss_kb: None };
            meter.samples.insert(*pid, sample);
        }
        meter
    }

    /// Reads processor time and resident memory. One that is gone keeps what was read last.
    pub fn sample(&mut self) {
        for (pid, sample) in &mut self.samples {
            if let Some(ticks) = cpu_ticks(*pid) {
                sample.ticks = ticks;
            }
            if let Some(kb) = kb_of(&format!("/proc/{pid}/status"), "VmRSS:") {
                sample.rss_kb = sample.rss_kb.max(kb);
            }
        }
    }

    /// Reads everything once more, the costly proportional share too, and sums up.
    pub fn finish(mut self) -> Usage {
        self.sample();
        for (pid, sample) in &mut self.samples {
            sample.pss_kb = kb_of(&format!("/proc/{pid}/smaps_rollup"), "Pss:");
        }
        let duration_s = self.started.elapsed().as_secs_f64();
        let nodes = self.samples.into_iter().map(|(pid, s)| {
            let cpu_s = (s.ticks - s.first_ticks) / TICKS_PER_S;
            NodeUsage {
                node: s.node,
                pid,
                cpu_percent: if duration_s > 0.0 { 100.0 * cpu_s / duration_s } else { 0.0 },
                cpu_s,
                rss_mb: s.rss_kb * 1.024e-3,
                pss_mb: s.pss_kb.map(|kb| kb * 1.024e-3),
            }
        });
        Usage { duration_s, nodes: nodes.collect() }
    }
}

impl Usage {
    /// A table for a terminal.
    pub fn to_text(&self) -> String {
        let mut out = format!("{:<14}{:>8}{:>10}{:>10}\n", "node", "CPU %", "RSS MB", "PSS MB");
        let mut total = 0.0;
        for n in &self.nodes {
            let pss = n.pss_mb.map_or_else(|| "-".to_owned(), |mb| format!("{mb:.1}"));
            let _ = writeln!(out, "{:<14}{:>8.1}{:>10.1}{pss:>10}", n.node, n.cpu_percent, n.rss_mb);
            total += n.cpu_percent;
        }
        let _ = writeln!(out, "{:<14}{total:>8.1}   of one core, over {:.0} s", "together", self.duration_s);
        out
    }
}

fn cpu_ticks(pid: u32) -> Option<f64> {
    ticks_of(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// User and system time, fields 14 and 15 of `stat` (proc(5)); the name in field 2 may hold anything, so fields are
/// counted from its closing bracket.
fn ticks_of(stat: &str) -> Option<f64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

fn kb_of(path: &str, key: &str) -> Option<f64> {
    let text = std::fs::read_to_string(Path::new(path)).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_found_whatever_the_name() {
        let stat = "42 (a) b (c)) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 1";
        assert_eq!(ticks_of(stat), Some(300.0));
        assert_eq!(ticks_of("42 (x) S 1"), None);
        assert_eq!(ticks_of(""), None);
    }

    #[test]
    fn this_process_uses_memory_and_one_that_is_not_there_is_left_out() {
        let me = ("me".to_owned(), std::process::id());
        let usage = Meter::start(&[me, ("nobody".to_owned(), u32::MAX)]).finish();
        assert_eq!(usage.nodes.len(), 1);
        assert!(usage.nodes[0].rss_mb > 0.5 && usage.to_text().contains("me"));
    }
}
