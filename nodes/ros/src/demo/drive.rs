//! The stages of a run, from the first process to the goal or whatever ends it before.

use super::children::{Children, Death};
use super::observer::Observer;
use super::show::Show;
use super::usage::{Meter, Usage};
use outrider_foundation::Pose2;
use outrider_msgs::outrider_msgs::Decision;
use outrider_suite::NODES;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How often the demo looks.
const TURN: Duration = Duration::from_millis(10);
/// A node that is not heard of within this does not come up.
const START_LIMIT: Duration = Duration::from_secs(30);
/// Armed within this, or the run is given up.
const ARM_LIMIT: Duration = Duration::from_secs(30);
const ARM_AGAIN: Duration = Duration::from_millis(500);
/// The recorder should hear the goal too: waits so long for it, then goes on with the planner alone.
const GOAL_LISTENERS: usize = 2;
const GOAL_WAIT: Duration = Duration::from_secs(5);
/// Standing still at the goal for so long is having arrived.
const STILL: Duration = Duration::from_millis(700);
/// After a collision the bag goes on for so long.
const AFTERMATH: Duration = Duration::from_secs(2);
const MEMORY_PERIOD: Duration = Duration::from_secs(1);

/// What ended a run.
#[derive(Debug)]
pub enum End {
    /// At the goal, standing still.
    Reached { after_s: f64, off_m: f64 },
    /// It hit something.
    Collision { with: String },
    /// The time was up.
    TimeLimit { limit_s: f64, to_go_m: Option<f64> },
    /// The planner did.
    GaveUp { why: String },
    /// A node ended by itself.
    Died(Death),
    /// It never came to drive.
    NotReady(String),
    /// Something of the demo itself failed.
    Fault(anyhow::Error),
    /// SIGINT, SIGTERM or SIGHUP, by number and name.
    Signal(i32, &'static str),
}

/// What is to be driven.
#[derive(Clone, Debug)]
pub struct Task {
    /// Configuration folder, absolute.
    pub config: PathBuf,
    /// Scenario file, absolute.
    pub scenario: PathBuf,
    /// Folder of the run, absolute.
    pub run: PathBuf,
    /// Frame of the goal.
    pub frame: String,
    /// Where to.
    pub goal: Pose2,
    /// How near is there.
    pub tolerance_m: f64,
    /// When to give up.
    pub limit_s: f64,
    /// What of the scenario is left out, a line each.
    pub left_out: Vec<String>,
}

/// Everything that a run works with.
pub struct Stage<'a> {
    /// The nodes.
    pub children: &'a mut Children,
    /// The demo's own node.
    pub observer: &'a mut Observer,
    /// The terminal.
    pub show: &'a mut Show,
    /// What the nodes use, from the goal on.
    pub meter: &'a mut Option<Meter>,
}

impl Stage<'_> {
    /// Starts everything and drives; comes back when the run has ended, with all nodes still there.
    pub async fn run(&mut self, task: &Task) -> End {
        match self.stages(task).await {
            Ok(end) | Err(end) => end,
        }
    }

    async fn stages(&mut self, task: &Task) -> Result<End, End> {
        self.start_nodes(task).await?;
        self.arm().await?;
        self.send_goal(task).await?;
        self.drive(task).await
    }

    /// One look at everything; an error when a node is gone.
    async fn turn(&mut self) -> Result<(), End> {
        self.observer.poll();
        if let Some(death) = self.children.dead() {
            return Err(End::Died(death));
        }
        tokio::time::sleep(TURN).await;
        Ok(())
    }

    async fn start_nodes(&mut self, task: &Task) -> Result<(), End> {
        // Quoted, so that a path is a string to ROS whatever it looks like.
        let quoted = |path: &PathBuf| format!("'{}'", path.display().to_string().replace('\'', "''"));
        let config = ("config", quoted(&task.config));
        let bag = task.run.join("bag");
        self.children.start("recorder", &[config.clone(), ("output", quoted(&bag))]).map_err(End::Fault)?;
        self.hear(&["recorder"]).await?;
        for node in NODES {
            let parameters = [
                config.clone(),
                ("scenario", quoted(&task.scenario)),
                ("wait_for_recorder_s", "5.0".to_owned()),
            ];
            self.children.start(node, &parameters).map_err(End::Fault)?;
        }
        self.hear(&NODES).await
    }

    /// Waits until these nodes were heard of.
    async fn hear(&mut self, nodes: &[&str]) -> Result<(), End> {
        let since = Instant::now();
        let mut missing = nodes.to_vec();
        while !missing.is_empty() {
            self.turn().await?;
            let (seen, show) = (&self.observer.seen, &mut self.show);
            missing.retain(|node| {
                let heard = seen.heard.contains(*node);
                if heard {
                    show.done(&format!("starting {node}"), since.elapsed());
                }
                !heard
            });
            if since.elapsed() > START_LIMIT {
                let text = format!(
                    "no /diagnostics of {} within {} s: see their logs",
                    missing.join(", "),
                    START_LIMIT.as_secs()
                );
                return Err(End::NotReady(text));
            }
        }
        Ok(())
    }

    async fn arm(&mut self) -> Result<(), End> {
        self.observer.release_e_stop().map_err(End::Fault)?;
        let since = Instant::now();
        let mut said = "no answer".to_owned();
        let mut ask_at = since;
        loop {
            self.turn().await?;
            if since.elapsed() > ARM_LIMIT {
                let text = format!("the gate was not armed within {} s: {said}", ARM_LIMIT.as_secs());
                return Err(End::NotReady(text));
            }
            if Instant::now() < ask_at {
                continue;
            }
            match self.observer.try_arm() {
                Some((true, _)) => break,
                Some((false, why)) => {
                    if why != said {
                        self.show.line(&format!("arming the gate … {why}"));
                    }
                    said = why;
                    ask_at = Instant::now() + ARM_AGAIN;
                }
                None => {}
            }
        }
        self.show.done("arming the gate", since.elapsed());
        Ok(())
    }

    async fn send_goal(&mut self, task: &Task) -> Result<(), End> {
        let since = Instant::now();
        while self.observer.goal_listeners() < GOAL_LISTENERS && since.elapsed() < GOAL_WAIT {
            self.turn().await?;
        }
        self.observer.send_goal(&task.frame, task.goal).map_err(End::Fault)?;
        let (x, y) = (task.goal.x_m, task.goal.y_m);
        self.show.done(&format!("sending the goal x = {x} m, y = {y} m"), since.elapsed());
        Ok(())
    }

    async fn drive(&mut self, task: &Task) -> Result<End, End> {
        let since = Instant::now();
        let meter = self.meter.insert(Meter::start(&self.children.running()));
        meter.sample();
        let mut sample_at = since + MEMORY_PERIOD;
        loop {
            self.turn().await?;
            let elapsed_s = since.elapsed().as_secs_f64();
            self.show.progress(elapsed_s, task.goal, &mut self.observer.seen);
            if let Some(meter) = self.meter.as_mut().filter(|_| Instant::now() >= sample_at) {
                sample_at = Instant::now() + MEMORY_PERIOD;
                meter.sample();
            }
            if let Some(end) = self.judge(task, elapsed_s).await? {
                return Ok(end);
            }
        }
    }

    async fn judge(&mut self, task: &Task, elapsed_s: f64) -> Result<Option<End>, End> {
        let seen = &self.observer.seen;
        if let Some(truth) = seen.truth.as_ref().filter(|t| t.collisions > 0) {
            let with = truth.nearest.clone();
            let until = Instant::now() + AFTERMATH;
            while Instant::now() < until {
                self.turn().await?;
            }
            return Ok(Some(End::Collision { with }));
        }
        let to_go_m = seen.truth.as_ref().map(|t| (t.x - task.goal.x_m).hypot(t.y - task.goal.y_m));
        let still = seen.still_since.is_some_and(|at| at.elapsed() >= STILL);
        let status = seen.decision.as_ref().map(|d| d.tree_status);
        Ok(match (status, to_go_m) {
            (Some(Decision::SUCCESS), Some(off_m)) if still && off_m <= task.tolerance_m => {
                Some(End::Reached { after_s: elapsed_s, off_m })
            }
            (Some(Decision::FAILURE), _) => {
                let why = seen.decision.as_ref().map(|d| d.chosen.clone()).unwrap_or_default();
                Some(End::GaveUp { why })
            }
            _ if elapsed_s >= task.limit_s => Some(End::TimeLimit { limit_s: task.limit_s, to_go_m }),
            _ => None,
        })
    }
}

impl End {
    /// In words.
    pub fn to_text(&self) -> String {
        match self {
            Self::Reached { after_s, off_m } => {
                format!("goal reached after {after_s:.1} s, {:.0} mm from it", off_m * 1e3)
            }
            Self::Collision { with } => format!("collision with {with}"),
            Self::TimeLimit { limit_s, to_go_m } => {
                let to_go = to_go_m.map_or_else(String::new, |m| format!(", {m:.1} m from the goal"));
                format!("goal not reached within {limit_s:.0} s{to_go}")
            }
            Self::GaveUp { why } => format!("the planner gave the goal up: {why}"),
            Self::Died(death) => {
                let mut text =
                    format!("{} {}; the end of {}:", death.name, death.status, death.log.display());
                for line in &death.tail {
                    text.push_str("\n  ");
                    text.push_str(line);
                }
                text
            }
            Self::NotReady(text) => text.clone(),
            Self::Fault(error) => format!("{error:#}"),
            Self::Signal(_, name) => format!("ended by {name}"),
        }
    }
}

/// Sums up and writes what the nodes used.
///
/// # Errors
/// When the file cannot be written.
pub fn write_usage(meter: Meter, folder: &std::path::Path) -> anyhow::Result<Usage> {
    use anyhow::Context as _;
    let usage = meter.finish();
    let path = folder.join("processes.json");
    let text = serde_json::to_string_pretty(&usage)?;
    std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
    Ok(usage)
}
