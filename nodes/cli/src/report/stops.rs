//! Where the robot was stopped, or stood and waited on its way, and why.

use super::goal::GoalResult;
use super::recording::Recording;
use super::way::Way;
use outrider_foundation::Pose2;
use outrider_msgs::outrider_msgs::{Command, GateState};
use outrider_suite::words::gate_mode;
use serde::{Deserialize, Serialize};

/// An intervention this long before or after a stop belongs to it.
const NEAR_S: f64 = 0.5;
/// Standing for this long on the way to a goal is told.
const WAIT_S: f64 = 0.5;
/// The most stops that are told.
pub const STOP_LIMIT: usize = 1_000;

/// Who stopped it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopKind {
    /// The gate ceased to forward commands.
    Gate,
    /// Permitted commands brought it to a stand, and it went on later.
    Wait,
}

/// One stop.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stop {
    /// Who stopped it.
    pub kind: StopKind,
    /// When, since the start of the bag.
    pub t_s: f64,
    /// Until it was forwarded again, or went on; to the end of the data otherwise.
    pub duration_s: f64,
    /// What the gate changed to; empty for a wait.
    pub mode: String,
    /// The gate's or the planner's reason.
    pub reason: String,
    /// What assurance said at about that time; empty for nothing.
    pub because: String,
    /// Where the robot was; `None` when the bag does not tell.
    pub pose: Option<Pose2>,
    /// How fast it was.
    pub speed_mps: f64,
}

/// All stops of the run, by time.
pub fn find_stops(recording: &Recording, way: &Way, goal: &GoalResult) -> Vec<Stop> {
    let mut stops = gate_stops(recording, way);
    let waits = waits(recording, way, goal);
    // A wait during a gate stop is the same stop.
    let alone = waits.into_iter().filter(|w| {
        !stops.iter().any(|s| w.t_s < s.t_s + s.duration_s + NEAR_S && s.t_s < w.t_s + w.duration_s)
    });
    let alone: Vec<Stop> = alone.collect();
    stops.extend(alone);
    stops.sort_by(|a, b| a.t_s.total_cmp(&b.t_s));
    stops.truncate(STOP_LIMIT);
    stops
}

fn forwards(mode: u8) -> bool {
    mode == GateState::FORWARDING || mode == GateState::TELEOP
}

fn gate_stops(recording: &Recording, way: &Way) -> Vec<Stop> {
    let mut stops: Vec<Stop> = Vec::new();
    let mut open = false;
    for (before, after) in recording.gate.iter().zip(recording.gate.iter().skip(1)) {
        if let (true, Some(stop)) = (open, stops.last_mut()) {
            stop.duration_s = after.t_s - stop.t_s;
            open = !forwards(after.mode);
        }
        if forwards(before.mode) && !forwards(after.mode) {
            let sample = way.at(after.t_s);
            stops.push(Stop {
                kind: StopKind::Gate,
                t_s: after.t_s,
                duration_s: 0.0,
                mode: gate_mode(after.mode).to_owned(),
                reason: after.reason.clone(),
                because: said_about(recording, after.t_s),
                pose: sample.map(|s| s.pose),
                speed_mps: sample.map_or(before.twist.v_mps, |s| s.twist.v_mps),
            });
            open = true;
        }
    }
    stops
}

/// The text of the intervention nearest to `t_s`.
fn said_about(recording: &Recording, t_s: f64) -> String {
    let near = recording.events.iter().filter(|e| (e.t_s - t_s).abs() <= NEAR_S);
    let nearest = near.min_by(|a, b| (a.t_s - t_s).abs().total_cmp(&(b.t_s - t_s).abs()));
    nearest.map(|e| e.text.clone()).unwrap_or_default()
}

/// Stands after the first movement and before the goal.
fn waits(recording: &Recording, way: &Way, goal: &GoalResult) -> Vec<Stop> {
    if goal.pose.is_none() {
        return Vec::new();
    }
    let arrival_s = goal.time_to_goal_s.map_or(f64::INFINITY, |t| goal.given_s + t);
    let mut waits = Vec::new();
    let mut since: Option<f64> = None;
    let mut moved = false;
    for sample in way.samples.iter().filter(|s| s.t_s >= goal.given_s && s.t_s < arrival_s) {
        if sample.is_still() {
            since = since.or(moved.then_some(sample.t_s));
            continue;
        }
        moved = true;
        if let Some(begin) = since.take().filter(|begin| sample.t_s - begin >= WAIT_S) {
            waits.push(wait(recording, way, begin, sample.t_s));
        }
    }
    if let (Some(begin), Some(end)) = (since, way.samples.last())
        && arrival_s.is_infinite()
        && end.t_s - begin >= WAIT_S
    {
        waits.push(wait(recording, way, begin, end.t_s));
    }
    waits
}

fn wait(recording: &Recording, way: &Way, begin_s: f64, end_s: f64) -> Stop {
    let decision = recording.decisions.iter().rev().find(|d| d.t_s <= begin_s);
    let gate = recording.gate.iter().rev().find(|g| g.t_s <= begin_s);
    let recovery = gate.is_some_and(|g| g.source == Command::RECOVERY && g.command_sequence > 0);
    let planner = decision.map_or("", |d| if d.constraint.is_empty() { &d.chosen } else { &d.constraint });
    let reason = match (recovery, planner) {
        (true, _) => "the backup controller brought it to a stand".to_owned(),
        (false, "") => "no reason in the bag".to_owned(),
        (false, text) => format!("planner: {text}"),
    };
    Stop {
        kind: StopKind::Wait,
        t_s: begin_s,
        duration_s: end_s - begin_s,
        mode: String::new(),
        reason,
        because: said_about(recording, begin_s),
        pose: way.at(begin_s).map(|s| s.pose),
        speed_mps: 0.0,
    }
}
