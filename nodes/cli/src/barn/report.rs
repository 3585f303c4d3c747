//! What the runs come to: per world and in total.

use super::data::Task;
use super::trial::{End, Outcome};
use serde::Serialize;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// One run of one world.
#[derive(Clone, Debug)]
pub struct Run {
    /// Number of the world.
    pub world: u32,
    /// Number of the run, from 0.
    pub run: u32,
    /// How it went.
    pub outcome: Outcome,
}

/// Means over some runs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Means {
    /// Mean score.
    pub score: f64,
    /// Share of runs that succeeded.
    pub success: f64,
    /// Share of runs that ended in contact.
    pub collision: f64,
    /// Share of runs that ended out of time.
    pub timeout: f64,
    /// Mean time of the runs that succeeded, s; without any, null.
    pub time_s: Option<f64>,
    /// How many runs.
    pub runs: usize,
}

/// Everything.
pub struct Report {
    planner: &'static str,
    worlds: Vec<(u32, f64, Vec<Run>)>,
}

impl Report {
    /// From the tasks and their runs.
    pub fn new(planner: &'static str, tasks: &[Task], runs: Vec<Run>) -> Self {
        let mut worlds: Vec<(u32, f64, Vec<Run>)> =
            tasks.iter().map(|t| (t.world, t.optimal_time_s, Vec::new())).collect();
        for run in runs {
            if let Some((.., list)) = worlds.iter_mut().find(|(world, ..)| *world == run.world) {
                list.push(run);
            }
        }
        Self { planner, worlds }
    }

    fn total(&self) -> Means {
        means(self.worlds.iter().flat_map(|(.., runs)| runs))
    }

    /// As the program's users read it.
    pub fn json(&self) -> Value {
        let worlds: Vec<Value> = self
            .worlds
            .iter()
            .map(|(world, optimal_time_s, runs)| {
                let m = means(runs);
                let outcomes: Vec<&Outcome> = runs.iter().map(|r| &r.outcome).collect();
                json!({
                    "world": world, "optimal_time_s": optimal_time_s, "score": m.score, "success": m.success,
                    "collision": m.collision, "timeout": m.timeout, "time_s": m.time_s, "runs": outcomes,
                })
            })
            .collect();
        json!({ "planner": self.planner, "worlds": worlds, "total": self.total() })
    }

    /// A table.
    pub fn text(&self, wall_s: f64) -> String {
        let mut text =
            String::from("world  success  collision  time out    time  score  nearest  how it ended\n");
        // Writing to a string cannot fail.
        for (world, _, runs) in &self.worlds {
            let m = means(runs);
            let nearest = runs.iter().filter_map(|r| r.outcome.least_clearance_m).min_by(f64::total_cmp);
            let nearest = nearest.map_or_else(|| "      -".to_owned(), |m| format!("{m:5.2} m"));
            let _ = writeln!(
                text,
                "{world:5}  {:7.2}  {:9.2}  {:8.2}  {}  {:.3}  {nearest}  {}",
                m.success,
                m.collision,
                m.timeout,
                seconds(m.time_s),
                m.score,
                words(runs),
            );
        }
        let m = self.total();
        let simulated_s: f64 = self.worlds.iter().flat_map(|(.., runs)| runs).map(|r| r.outcome.time_s).sum();
        let _ = writeln!(
            text,
            "total  {:7.3}  {:9.3}  {:8.3}  {}  {:.3}  {} runs with {}",
            m.success,
            m.collision,
            m.timeout,
            seconds(m.time_s),
            m.score,
            m.runs,
            self.planner,
        );
        let times = simulated_s / wall_s.max(1e-9);
        let _ = writeln!(text, "{simulated_s:.0} s driven in {wall_s:.0} s, {times:.1} times real time");
        text
    }
}

fn seconds(time_s: Option<f64>) -> String {
    time_s.map_or_else(|| "     -".to_owned(), |t| format!("{t:5.1}s"))
}

/// Where a run that failed ended, and what the robot said.
fn words(runs: &[Run]) -> String {
    let failed = runs.iter().filter(|r| r.outcome.end != End::Success);
    let each = failed.map(|r| {
        let o = &r.outcome;
        let what = if o.end == End::Collision { "contact" } else { "out of time" };
        format!(
            "run {}: {what} after {:.1} s, {:.1} m to go ({})",
            r.run, o.time_s, o.goal_distance_m, o.last_words
        )
    });
    each.collect::<Vec<_>>().join("; ")
}

fn means<'a>(runs: impl IntoIterator<Item = &'a Run>) -> Means {
    let outcomes: Vec<&Outcome> = runs.into_iter().map(|r| &r.outcome).collect();
    let count = outcomes.len().max(1) as f64;
    let share = |end: End| outcomes.iter().filter(|o| o.end == end).count() as f64 / count;
    let times: Vec<f64> = outcomes.iter().filter(|o| o.end == End::Success).map(|o| o.time_s).collect();
    Means {
        score: outcomes.iter().map(|o| o.score).sum::<f64>() / count,
        success: share(End::Success),
        collision: share(End::Collision),
        timeout: share(End::Timeout),
        time_s: (!times.is_empty()).then(|| times.iter().sum::<f64>() / times.len() as f64),
        runs: outcomes.len(),
    }
}
