//! Where the robot was to go: the goal of the topic, or what actions and services asked of the planner as the `mission` of a scenario.

use super::{Maker, pose_of};
use crate::report::{Asked, GoalGiven};
use anyhow::Context;
use outrider_msgs::outrider_msgs::MissionRequest;
use outrider_suite::scenario::{MissionAsk, MissionStep, ScenarioPose};

/// The most steps of a scenario.
const STEP_LIMIT: usize = 64;
/// Frame of a scenario's poses.
const FRAME: &str = "map";

/// A mission, or a goal of the topic.
struct Given {
    id: [u8; 16],
    step: MissionStep,
}

impl Maker<'_> {
    /// The goal in force, and when it was given.
    pub(super) fn goal(&mut self) -> anyhow::Result<(ScenarioPose, f64)> {
        let given: Vec<&GoalGiven> =
            self.recording.goals.iter().filter(|g| in_map(g) && g.t_s <= self.to_s).collect();
        let within: Vec<&&GoalGiven> = given.iter().filter(|g| g.t_s >= self.from_s).collect();
        let before = given.iter().rev().find(|g| g.t_s < self.from_s);
        if within.len() > 1 {
            let others: Vec<String> = within
                .iter()
                .take(within.len() - 1)
                .map(|g| format!("({:.2}, {:.2}) at {:.3} s", g.pose.x_m, g.pose.y_m, g.t_s - self.from_s))
                .collect();
            self.notes.push(format!("goal: a scenario has one, the last; left out: {}", others.join(", ")));
        }
        if let Some(goal) = within.last() {
            if before.is_some() {
                self.notes.push("goal: an earlier one was in force until it was given".to_owned());
            }
            return Ok((pose_of(goal.pose), self.at_s(goal.t_s)));
        }
        if let Some(goal) = before {
            return Ok((pose_of(goal.pose), 0.0));
        }
        let last = self.recording.truth.iter().rev().find(|t| t.t_s <= self.to_s).map(|t| t.pose);
        let believed = || {
            let on_map = |b: &&crate::report::Belief| b.t_s <= self.to_s && b.frame == FRAME;
            self.recording.beliefs.iter().rev().find(on_map).map(|b| b.pose)
        };
        let pose = last
            .or_else(believed)
            .context("no goal in the map frame, and nothing tells where the robot went")?;
        self.notes.push("goal: none was given; where the robot was at the end is used".to_owned());
        Ok((pose_of(pose), 0.0))
    }

    /// Time since the begin of the stretch: to the microsecond, and never a step later than it was.
    fn at_s(&self, t_s: f64) -> f64 {
        ((t_s - self.from_s) * 1e6).floor() / 1e6
    }

    /// The requests of the stretch, and before them the mission that was under way at its begin; none where only the topic
    /// `/goal_pose` was used: that is the scenario's goal. What would come at `limit_s` or later never comes.
    pub(super) fn mission(&mut self, limit_s: f64) -> Vec<MissionStep> {
        let (recording, to_s) = (self.recording, self.to_s);
        let mut all: Vec<(f64, Option<Given>)> = Vec::new();
        for asked in recording.missions.asked.iter().filter(|asked| asked.t_s <= to_s) {
            all.push((asked.t_s, self.given(asked)));
        }
        let of_topic = recording.goals.iter().filter(|g| !g.of_mission && g.t_s <= to_s);
        all.extend(of_topic.filter(|g| in_map(g)).map(|g| (g.t_s, topic(g))));
        all.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        let (before, within): (Vec<_>, Vec<_>) = all.into_iter().partition(|(t_s, _)| *t_s < self.from_s);
        let mut steps = self.in_force(before);
        for (t_s, given) in within {
            let at_s = self.at_s(t_s);
            steps.extend(given.map(|given| (given.id, MissionStep { at_s, ..given.step })));
        }
        if steps.iter().all(|(id, step)| *id == TOPIC && step.ask == MissionAsk::Navigate) {
            return Vec::new();
        }
        let fits = |step: &MissionStep| step.at_s < limit_s;
        let taken: Vec<_> = steps.iter().map(|s| s.1.clone()).filter(fits).take(STEP_LIMIT).collect();
        if taken.len() < steps.len() {
            self.notes.push(format!(
                "mission: {} of {} requests are left out: a scenario has {STEP_LIMIT}, before {limit_s} s",
                steps.len() - taken.len(),
                steps.len()
            ));
        }
        taken
    }

    /// What was under way at the begin of the stretch, and whether it was paused.
    fn in_force(&mut self, before: Vec<(f64, Option<Given>)>) -> Vec<([u8; 16], MissionStep)> {
        let (mut under_way, mut pause) = (None, None);
        for (t_s, given) in before {
            match given {
                Some(given) if given.step.ask == MissionAsk::Pause => pause = Some(given),
                Some(given) if given.step.ask == MissionAsk::Resume => pause = None,
                Some(given) if given.step.ask == MissionAsk::Cancel => under_way = None,
                // A mission that cannot be taken over has replaced the one before all the same.
                given => under_way = given.map(|given| (t_s, given)),
            }
        }
        let ended = &self.recording.missions.ended;
        let under_way = under_way.filter(|(t_s, given)| {
            !ended.iter().any(|(at_s, id)| *id == given.id && (*t_s..self.from_s).contains(at_s))
        });
        if under_way.is_some() {
            self.notes
                .push("mission: the one that was under way begins anew, with its first pose".to_owned());
        }
        let steps = under_way.map(|(_, given)| given).into_iter().chain(pause);
        steps.map(|given| (given.id, given.step)).collect()
    }

    /// A request as a step at 0 s; `None` when a scenario cannot have it, which is told.
    fn given(&mut self, asked: &Asked) -> Option<Given> {
        let ask = match asked.action {
            MissionRequest::NAVIGATE => MissionAsk::Navigate,
            MissionRequest::FOLLOW_WAYPOINTS => MissionAsk::Waypoints,
            MissionRequest::CANCEL => MissionAsk::Cancel,
            MissionRequest::PAUSE => MissionAsk::Pause,
            _ => MissionAsk::Resume,
        };
        let at_s = asked.t_s - self.from_s;
        if asked.drives() && asked.frame != FRAME {
            self.notes.push(format!(
                "mission: the request at {at_s:.3} s is left out: its poses are in {}, a scenario's in {FRAME}",
                asked.frame
            ));
            return None;
        }
        let mut poses: Vec<_> = asked.poses.iter().copied().map(pose_of).collect();
        match usize::try_from(asked.first) {
            Ok(first @ 1..) if asked.loops == 0 && first < poses.len() => drop(poses.drain(..first)),
            Ok(0) => {}
            _ => self.notes.push(format!(
                "mission: the waypoints at {at_s:.3} s began with the one of index {}; here with the first",
                asked.first
            )),
        }
        let (tree, loops) = (asked.tree.clone(), asked.loops);
        Some(Given { id: asked.id, step: MissionStep { at_s: 0.0, ask, poses, tree, loops } })
    }
}

fn in_map(goal: &GoalGiven) -> bool {
    goal.frame == FRAME && goal.pose.is_finite()
}

/// Id of the goals of the topic.
const TOPIC: [u8; 16] = [0; 16];

fn topic(goal: &GoalGiven) -> Option<Given> {
    let (ask, poses) = (MissionAsk::Navigate, vec![pose_of(goal.pose)]);
    let step = MissionStep { at_s: 0.0, ask, poses, tree: String::new(), loops: 0 };
    Some(Given { id: TOPIC, step })
}

#[cfg(test)]
mod tests {
    use super::super::{Args, extract, tests::drive};
    use super::*;
    use crate::report::Recording;
    use outrider_foundation::Pose2;
    use std::path::Path;

    fn asked(t_s: f64, id: u8, action: u8, to: &[f64]) -> Asked {
        let poses = to.iter().map(|x_m| Pose2::new(*x_m, 0.0, 0.0)).collect();
        Asked { t_s, id: [id; 16], action, frame: FRAME.into(), poses, ..Asked::default() }
    }

    /// The steps from a time on, as `time ask first-x`, and the notes.
    fn steps(recording: &Recording, from_s: f64) -> (Vec<String>, Vec<String>) {
        let mut maker = Maker { recording, infos: &[], from_s, to_s: 100.0, notes: Vec::new() };
        let word = |step: MissionStep| {
            let x_m = step.poses.first().map_or(String::new(), |pose| format!(" {}", pose.x_m));
            format!("{} {:?}{x_m}", step.at_s, step.ask)
        };
        (maker.mission(200.0).into_iter().map(word).collect(), maker.notes)
    }

    #[test]
    fn what_is_under_way_at_the_begin_and_what_is_asked_after_it_is_taken_over() {
        let mut recording = Recording::default();
        recording.missions.asked = vec![
            asked(1.0, 1, MissionRequest::NAVIGATE, &[1.0, 2.0]),
            asked(6.0, 0, MissionRequest::PAUSE, &[]),
            asked(8.0, 0, MissionRequest::RESUME, &[]),
            Asked { first: 1, ..asked(10.0, 2, MissionRequest::FOLLOW_WAYPOINTS, &[3.0, 4.0]) },
            asked(30.0, 0, MissionRequest::CANCEL, &[]),
            Asked { frame: "odom".into(), ..asked(40.0, 3, MissionRequest::NAVIGATE, &[5.0]) },
        ];
        recording.missions.ended = vec![(10.0, [1; 16]), (30.5, [2; 16])];
        let (told, notes) = steps(&recording, 7.0);
        assert_eq!(told, ["0 Navigate 1", "0 Pause", "1 Resume", "3 Waypoints 4", "23 Cancel"]);
        assert!(notes.iter().any(|note| note.contains("begins anew")), "{notes:?}");
        assert!(notes.iter().any(|note| note.contains("its poses are in odom")), "{notes:?}");
        // A mission that has ended is not under way.
        recording.missions.ended[0].0 = 6.5;
        assert_eq!(steps(&recording, 7.0).0, ["0 Pause", "1 Resume", "3 Waypoints 4", "23 Cancel"]);
        // A goal of the topic between them is a step as well, and alone it is the scenario's goal.
        let pose = Pose2::new(9.0, 0.0, 0.0);
        recording.goals = vec![GoalGiven { t_s: 35.0, frame: FRAME.into(), pose, of_mission: false }];
        assert_eq!(steps(&recording, 20.0).0, ["0 Waypoints 4", "10 Cancel", "15 Navigate 9"]);
        recording.missions.asked.clear();
        assert!(steps(&recording, 20.0).0.is_empty());
    }

    #[test]
    fn a_drive_by_missions_is_extracted_as_one() {
        let dir = tempfile::tempdir().unwrap();
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let text = std::fs::read_to_string(root.join("tests/scenarios/warehouse_crossing.yaml")).unwrap();
        let mission = "mission:\n  - {at_s: 1.0, ask: navigate, tree: navigate_to_pose.xml, poses: [{x_m: 8.5, y_m: 3.0, yaw_rad: 1.57}]}\n  - {at_s: 2.0, ask: pause}\n";
        let scenario = dir.path().join("asked.yaml");
        let short = text.replace("time_limit_s: 120.0", "time_limit_s: 3.0");
        std::fs::write(&scenario, format!("{short}{mission}")).unwrap();
        let bag = dir.path().join("bag");
        let recording = drive(&scenario, &bag);
        let goals: Vec<_> = recording.goals.iter().map(|goal| (goal.pose.x_m, goal.of_mission)).collect();
        assert_eq!(goals, [(8.5, true)], "the report's goal");
        let made = extract(&Args { bag, out: dir.path().join("made.yaml"), from: None, to: None }).unwrap();
        let steps = made.scenario.mission;
        assert_eq!(
            steps.iter().map(|step| step.ask).collect::<Vec<_>>(),
            [MissionAsk::Navigate, MissionAsk::Pause]
        );
        assert!((steps[0].at_s - 1.0).abs() < 0.05 && steps[0].tree == "navigate_to_pose.xml", "{steps:?}");
        assert!((made.scenario.goal.x_m - 8.5).abs() < 1e-9, "{:?}", made.scenario.goal);
    }
}
