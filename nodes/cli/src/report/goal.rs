//! Whether the goal was reached: by position, by standing there, and by the planner's own word.

use super::recording::{GoalGiven, Recording};
use super::way::Way;
use outrider_foundation::Pose2;
use outrider_msgs::outrider_msgs::Decision;
use outrider_suite::words::tree_status;
use serde::{Deserialize, Serialize};

/// The robot must stand for this long for a goal to be reached.
pub const STAND_S: f64 = 0.5;

/// The last goal and what came of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GoalResult {
    /// Reached, by every measure that the bag allows.
    pub reached: bool,
    /// In one sentence.
    pub verdict: String,
    /// Where to; `None` when no goal was given.
    pub pose: Option<Pose2>,
    /// Frame of it.
    pub frame: String,
    /// When it was given, since the start of the bag.
    pub given_s: f64,
    /// Goals given in all.
    pub goals: u64,
    /// Distance allowed.
    pub tolerance_m: f64,
    /// Distance at the end; `None` when it cannot be told.
    pub distance_m: Option<f64>,
    /// How long it stood at the end.
    pub stood_s: f64,
    /// The planner's last word on it: `success`, `running`, …; empty without one.
    pub planner: String,
    /// From the goal to standing there; `None` when it never did.
    pub time_to_goal_s: Option<f64>,
}

/// Judges the last goal of the recording.
pub fn judge_goal(recording: &Recording, way: &Way, tolerance_m: f64, notes: &mut Vec<String>) -> GoalResult {
    let mut result = GoalResult { tolerance_m, goals: recording.goals.len() as u64, ..GoalResult::default() };
    let Some(goal) = last_goal(recording, notes) else {
        result.verdict = "no goal was given".into();
        return result;
    };
    result.pose = Some(goal.pose);
    result.frame.clone_from(&goal.frame);
    result.given_s = goal.t_s;
    let mut words = recording.decisions.iter().filter(|d| d.t_s >= goal.t_s && d.status != Decision::IDLE);
    let word = words.next_back().map(|d| d.status);
    result.planner = word.map(tree_status).unwrap_or_default().to_owned();
    if way.samples.is_empty() {
        result.verdict = "no position of the robot is in the bag".into();
        return result;
    }
    if !goal.frame.is_empty() && goal.frame != way.frame {
        result.verdict = format!("the goal is in frame {}, the robot's way in {}", goal.frame, way.frame);
        return result;
    }
    let target = goal.pose.position();
    result.distance_m = way.samples.last().map(|s| s.pose.position().distance_m(target));
    result.stood_s = stood_at_end_s(way);
    result.time_to_goal_s = time_to_goal_s(way, &goal, tolerance_m);
    let near = result.distance_m.is_some_and(|d| d <= tolerance_m);
    let stands = result.stood_s >= STAND_S;
    let said = word.is_none_or(|w| w == Decision::SUCCESS);
    result.reached = near && stands && said;
    let distance_m = result.distance_m.unwrap_or(f64::NAN);
    result.verdict = match (near, stands, said) {
        (true, true, true) => format!("the robot stands {distance_m:.2} m from the goal"),
        (false, _, _) => {
            format!("the robot ends {distance_m:.2} m from the goal, {tolerance_m:.2} m are allowed")
        }
        (_, false, _) => {
            format!("the robot stood only {:.2} s at the goal, {STAND_S} s are asked", result.stood_s)
        }
        (_, _, false) => format!("the robot stands at the goal, but the planner says {}", result.planner),
    };
    result
}

/// The last goal given, else the end of the last plan.
fn last_goal(recording: &Recording, notes: &mut Vec<String>) -> Option<GoalGiven> {
    if let Some(goal) = recording.goals.iter().rev().find(|g| g.pose.is_finite()) {
        return Some(goal.clone());
    }
    let (_, points) = recording.plans.last()?;
    let (t_s, end) = (recording.plans.first()?.0, points.last()?);
    notes.push("no goal in the bag: the end of the last plan is taken for it".into());
    Some(GoalGiven {
        t_s,
        frame: String::new(),
        pose: Pose2::new(end.x_m, end.y_m, 0.0),
        ..GoalGiven::default()
    })
}

fn stood_at_end_s(way: &Way) -> f64 {
    let Some(end) = way.samples.last() else { return 0.0 };
    let still_since = way.samples.iter().rev().take_while(|s| s.is_still()).last();
    still_since.map_or(0.0, |s| end.t_s - s.t_s)
}

/// To the begin of the first stand of [`STAND_S`] within the tolerance.
fn time_to_goal_s(way: &Way, goal: &GoalGiven, tolerance_m: f64) -> Option<f64> {
    let mut since: Option<f64> = None;
    for sample in way.samples.iter().filter(|s| s.t_s >= goal.t_s) {
        let there =
            sample.is_still() && sample.pose.position().distance_m(goal.pose.position()) <= tolerance_m;
        match (there, since) {
            (false, _) => since = None,
            (true, None) => since = Some(sample.t_s),
            (true, Some(begin)) if sample.t_s - begin >= STAND_S => return Some(begin - goal.t_s),
            (true, Some(_)) => {}
        }
    }
    None
}
