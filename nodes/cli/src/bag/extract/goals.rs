//! Where the robot was to go: the goal of the topic, or what actions and services asked of the planner as the `mission` of a scenario.

use super::{Maker, pose_of};
use crate::report::{Asked, GoalGiven};
use anyhow::Context;
use outrider_foundation::Pose2;
use outrider_foundation::robot::MAP_FRAME;
use outrider_msgs::outrider_msgs::MissionRequest;
use outrider_planner::mission::FARTHEST_M;
use outrider_suite::convert::frame_from;
use outrider_suite::scenario::{MissionAsk, MissionStep, ScenarioPose};

/// The most steps of a scenario.
const STEP_LIMIT: usize = 64;
/// Frame of a scenario's poses.
const FRAME: &str = MAP_FRAME;

/// The farthest position of a scenario along either axis.
const REACH_M: f64 = 1000.0;

/// Where the robot was to go, as a scenario says it.
pub(super) struct Purpose {
    /// Requests to the planner; none where the goal is all.
    pub mission: Vec<MissionStep>,
    /// Where the run ends.
    pub goal: ScenarioPose,
    /// When it is given, where there is no mission.
    pub goal_at_s: f64,
}

/// A request, or a goal of the topic: the step that it becomes at 0 s, or none where a scenario cannot have it.
struct Given {
    id: [u8; 16],
    step: Option<MissionStep>,
}

/// What happened to missions.
enum Event {
    Asked(Given),
    Over([u8; 16]),
    /// The planner began anew: nothing is under way any more.
    Anew,
}

/// What is under way at a time.
#[derive(Default)]
struct InForce {
    mission: Option<Given>,
    pause: Option<Given>,
    /// Missions of which another, or a cancel, was the end: the planner says so only after it has taken that, and all goals of
    /// the topic have the same id.
    replaced: Vec<[u8; 16]>,
}

impl InForce {
    fn take(&mut self, event: Event) {
        match event {
            Event::Asked(given) => match given.step.as_ref().map(|step| step.ask) {
                Some(MissionAsk::Pause) => self.pause = Some(given),
                Some(MissionAsk::Resume) => self.pause = None,
                Some(MissionAsk::Cancel) => self.replace(None),
                // One that cannot be taken over has replaced the one before all the same.
                _ => self.replace(Some(given)),
            },
            Event::Over(id) => match self.replaced.iter().position(|replaced| *replaced == id) {
                Some(at) => drop(self.replaced.remove(at)),
                None => self.mission = self.mission.take().filter(|given| given.id != id),
            },
            Event::Anew => *self = Self::default(),
        }
    }

    fn replace(&mut self, by: Option<Given>) {
        self.replaced.extend(self.mission.take().map(|given| given.id));
        self.mission = by;
    }
}

impl Maker<'_> {
    /// The requests of the stretch, and before them the mission that was under way at its begin; or the goal, where only the
    /// topic `/goal_pose` was used. What would come at `limit_s` or later never comes.
    ///
    /// # Errors
    /// Nothing tells where the robot was to go, or went.
    pub(super) fn purpose(&mut self, limit_s: f64) -> anyhow::Result<Purpose> {
        let (in_force, within) = self.asked();
        let all =
            || in_force.mission.iter().chain(&in_force.pause).chain(within.iter().map(|(_, given)| given));
        let drives = |given: &Given| {
            let ask = given.step.as_ref().map(|step| step.ask);
            matches!(ask, Some(MissionAsk::Navigate | MissionAsk::Waypoints))
        };
        let is_goal = |given: &Given| given.id == TOPIC && (drives(given) || given.step.is_none());
        if all().any(drives) && !all().all(is_goal) {
            return self.mission(in_force, within, limit_s);
        }
        let requests = all().filter(|given| !drives(given) && given.step.is_some()).count();
        if requests > 0 {
            self.notes.push(format!(
                "mission: {requests} requests are left out: there is nothing that they are about"
            ));
        }
        let goals = |given: &Given| Some(*given.step.as_ref()?.poses.last()?);
        let before = in_force.mission.as_ref().and_then(goals);
        self.goal(before, within.iter().filter_map(|(t_s, given)| Some((*t_s, goals(given)?))).collect())
    }

    /// What was in force at the begin of the stretch, and what was asked in it.
    fn asked(&mut self) -> (InForce, Vec<(f64, Given)>) {
        let (recording, from_s, to_s) = (self.recording, self.from_s, self.to_s);
        let missions = &recording.missions;
        let mut all: Vec<(f64, Event)> = Vec::new();
        all.extend(missions.began_anew_s.iter().map(|t_s| (*t_s, Event::Anew)));
        for asked in missions.asked.iter().filter(|asked| asked.t_s <= to_s) {
            all.push((asked.t_s, Event::Asked(self.given(asked))));
        }
        for goal in recording.goals.iter().filter(|g| was_taken(g) && g.t_s <= to_s) {
            let asked = Asked {
                t_s: goal.t_s,
                id: TOPIC,
                action: MissionRequest::NAVIGATE,
                frame: goal.frame.clone(),
                poses: vec![goal.pose],
                ..Asked::default()
            };
            all.push((goal.t_s, Event::Asked(self.given(&asked))));
        }
        all.extend(missions.ended.iter().map(|(t_s, id)| (*t_s, Event::Over(*id))));
        all.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        let (mut in_force, mut within) = (InForce::default(), Vec::new());
        for (t_s, event) in all {
            match event {
                event if t_s < from_s => in_force.take(event),
                Event::Asked(given) => within.push((t_s, given)),
                Event::Over(_) | Event::Anew => {}
            }
        }
        (in_force, within)
    }

    /// A mission of all that can be taken over.
    fn mission(
        &mut self,
        in_force: InForce,
        within: Vec<(f64, Given)>,
        limit_s: f64,
    ) -> anyhow::Result<Purpose> {
        if in_force.mission.as_ref().is_some_and(|given| given.step.is_some()) {
            self.notes
                .push("mission: the one that was under way begins anew, with its first pose".to_owned());
        }
        let mut steps: Vec<MissionStep> =
            in_force.mission.into_iter().chain(in_force.pause).filter_map(|given| given.step).collect();
        for (t_s, given) in within {
            let at_s = self.at_s(t_s);
            steps.extend(given.step.map(|step| MissionStep { at_s, ..step }));
        }
        let count = steps.len();
        steps.retain(|step| step.at_s < limit_s);
        steps.truncate(STEP_LIMIT);
        if steps.len() < count {
            self.notes.push(format!(
                "mission: {} of {count} requests are left out: a scenario has {STEP_LIMIT}, before {limit_s} s",
                count - steps.len()
            ));
        }
        // Where a mission ends is where the run does.
        match steps.iter().rev().find_map(|step| step.poses.last()) {
            Some(last) => Ok(Purpose { goal: *last, goal_at_s: 0.0, mission: steps }),
            None => self.goal(None, Vec::new()),
        }
    }

    /// A scenario's one goal: the last that was given in the stretch, else the one in force at its begin, else where the robot was at
    /// its end.
    fn goal(
        &mut self,
        before: Option<ScenarioPose>,
        mut within: Vec<(f64, ScenarioPose)>,
    ) -> anyhow::Result<Purpose> {
        let only = |goal, goal_at_s| Purpose { mission: Vec::new(), goal, goal_at_s };
        if let Some((t_s, goal)) = within.pop() {
            let told = |(t_s, pose): &(f64, ScenarioPose)| {
                format!("({:.2}, {:.2}) at {:.3} s", pose.x_m, pose.y_m, t_s - self.from_s)
            };
            let others: Vec<String> = within.iter().map(told).collect();
            if !others.is_empty() {
                self.notes
                    .push(format!("goal: a scenario has one, the last; left out: {}", others.join(", ")));
            }
            if before.is_some() {
                self.notes.push("goal: an earlier one was in force until it was given".to_owned());
            }
            return Ok(only(goal, self.at_s(t_s)));
        }
        if let Some(goal) = before {
            return Ok(only(goal, 0.0));
        }
        let last = self.recording.truth.iter().rev().find(|t| t.t_s <= self.to_s).map(|t| t.pose);
        let believed = || {
            let on_map = |b: &&crate::report::Belief| b.t_s <= self.to_s && b.frame == FRAME;
            self.recording.beliefs.iter().rev().find(on_map).map(|b| b.pose)
        };
        let pose = last
            .or_else(believed)
            .context("no goal in the map frame, and nothing tells where the robot went")?;
        self.notes.push("goal: none was in force; where the robot was at the end is used".to_owned());
        Ok(only(pose_of(pose), 0.0))
    }

    /// Time since the begin of the stretch: to the microsecond, and never a step later than it was.
    fn at_s(&self, t_s: f64) -> f64 {
        ((t_s - self.from_s) * 1e6).floor() / 1e6
    }

    /// A request as a step at 0 s; without a step when a scenario cannot have it, which is told.
    fn given(&mut self, asked: &Asked) -> Given {
        let ask = match asked.action {
            MissionRequest::NAVIGATE => MissionAsk::Navigate,
            MissionRequest::FOLLOW_WAYPOINTS => MissionAsk::Waypoints,
            MissionRequest::CANCEL => MissionAsk::Cancel,
            MissionRequest::PAUSE => MissionAsk::Pause,
            _ => MissionAsk::Resume,
        };
        let at_s = asked.t_s - self.from_s;
        let far = |pose: &&Pose2| !(pose.x_m.abs() <= REACH_M && pose.y_m.abs() <= REACH_M);
        let not_taken = if asked.drives() && asked.frame.trim_start_matches('/') != FRAME {
            Some(format!("its poses are in {}, a scenario's in {FRAME}", asked.frame))
        } else {
            asked.poses.iter().find(far).map(|pose| {
                format!("({:.0}, {:.0}) is farther than the {REACH_M} m of a scenario", pose.x_m, pose.y_m)
            })
        };
        if let Some(why) = not_taken {
            self.notes.push(format!("mission: the request at {at_s:.3} s is left out: {why}"));
            return Given { id: asked.id, step: None };
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
        Given { id: asked.id, step: Some(MissionStep { at_s: 0.0, ask, poses, tree, loops }) }
    }
}

/// Whether it is a goal of the topic that the planner can have taken: one that it refuses replaces nothing.
fn was_taken(goal: &GoalGiven) -> bool {
    let known = frame_from(&goal.frame).is_ok();
    let near = goal.pose.x_m.abs() <= FARTHEST_M && goal.pose.y_m.abs() <= FARTHEST_M;
    !goal.of_mission && known && near && goal.pose.is_finite()
}

/// Id of the goals of the topic.
const TOPIC: [u8; 16] = [0; 16];

#[cfg(test)]
mod tests {
    use super::super::{Args, extract, tests::drive};
    use super::*;
    use crate::report::Recording;
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
        let steps = match maker.purpose(200.0) {
            Ok(Purpose { mission, goal, goal_at_s }) if mission.is_empty() => {
                vec![format!("goal {} at {goal_at_s}", goal.x_m)]
            }
            Ok(purpose) => purpose.mission.into_iter().map(word).collect(),
            Err(_) => Vec::new(),
        };
        (steps, maker.notes)
    }

    fn goal(t_s: f64, x_m: f64) -> GoalGiven {
        GoalGiven { t_s, frame: FRAME.into(), pose: Pose2::new(x_m, 0.0, 0.0), of_mission: false }
    }

    /// With the goals of its missions, as a bag's has them.
    fn recording(asked: Vec<Asked>, ended: Vec<(f64, [u8; 16])>, topic: &[GoalGiven]) -> Recording {
        let mut recording = Recording { goals: topic.to_vec(), ..Recording::default() };
        (recording.missions.asked, recording.missions.ended) = (asked, ended);
        let of_missions: Vec<_> = recording.missions.goals().collect();
        recording.goals.extend(of_missions);
        recording.truth.resize_with(1, Default::default);
        recording.truth[0].pose = Pose2::new(77.0, 0.0, 0.0);
        recording
    }

    #[test]
    fn what_was_given_up_or_lost_is_not_driven_to() {
        let mut one = vec![asked(1.0, 1, MissionRequest::NAVIGATE, &[8.5])];
        let ended = vec![(3.1, [1; 16])];
        let (told, notes) = steps(&recording(one.clone(), ended.clone(), &[]), 5.0);
        assert_eq!(told, ["goal 77 at 0"], "aborted");
        assert!(notes.iter().any(|note| note.contains("none was in force")), "{notes:?}");
        one.push(asked(3.0, 0, MissionRequest::CANCEL, &[]));
        assert_eq!(steps(&recording(one.clone(), ended.clone(), &[]), 5.0).0, ["goal 77 at 0"], "cancelled");
        // A pause without anything to be driven: a mission of it alone would be a run without a goal.
        one.push(asked(6.0, 0, MissionRequest::PAUSE, &[]));
        let (told, notes) = steps(&recording(one.clone(), ended, &[]), 5.0);
        assert_eq!(told, ["goal 77 at 0"], "paused");
        assert!(notes.iter().any(|note| note.contains("1 requests are left out")), "{notes:?}");
        // The same of the topic.
        let of_topic = [goal(1.0, 4.0)];
        assert_eq!(steps(&recording(vec![], vec![(2.0, TOPIC)], &of_topic), 5.0).0, ["goal 77 at 0"]);
        assert_eq!(steps(&recording(vec![], vec![], &of_topic), 5.0).0, ["goal 4 at 0"]);
        // The planner began anew: its mission is lost, and the pause with it.
        let asked =
            vec![asked(1.0, 1, MissionRequest::NAVIGATE, &[8.5]), asked(2.0, 0, MissionRequest::PAUSE, &[])];
        let mut lost = recording(asked, vec![], &[goal(6.0, 4.0)]);
        assert_eq!(steps(&lost, 5.0).0, ["0 Navigate 8.5", "0 Pause", "1 Navigate 4"]);
        lost.missions.began_anew_s.push(3.0);
        assert_eq!(steps(&lost, 5.0).0, ["goal 4 at 1"]);
    }

    #[test]
    fn the_end_of_a_goal_that_was_replaced_is_not_the_end_of_the_one_after_it() {
        let topic = [goal(1.0, 1.0), goal(4.0, 2.0)];
        let of = |ended: &[(f64, [u8; 16])]| recording(vec![], ended.to_vec(), &topic);
        assert_eq!(steps(&of(&[(4.02, TOPIC)]), 5.0).0, ["goal 2 at 0"]);
        assert_eq!(steps(&of(&[(4.02, TOPIC), (4.5, TOPIC)]), 5.0).0, ["goal 77 at 0"]);
        assert_eq!(steps(&of(&[(3.0, TOPIC)]), 5.0).0, ["goal 2 at 0"], "reached, then the next");
        assert_eq!(steps(&of(&[(3.0, TOPIC), (4.5, TOPIC)]), 5.0).0, ["goal 77 at 0"]);
        // A pause in the stretch is about the one that is under way.
        let mut paused = of(&[(4.02, TOPIC)]);
        paused.missions.asked.push(asked(6.0, 0, MissionRequest::PAUSE, &[]));
        assert_eq!(steps(&paused, 5.0).0, ["0 Navigate 2", "1 Pause"]);
    }

    #[test]
    fn a_goal_of_the_topic_that_the_planner_refuses_replaces_nothing() {
        let other = |frame: &str| GoalGiven { frame: frame.into(), ..goal(3.0, 2.0) };
        let of = |second: GoalGiven| recording(vec![], vec![], &[goal(1.0, 1.0), second, goal(6.0, 9.0)]);
        assert_eq!(
            steps(&recording(vec![], vec![], &[goal(1.0, 1.0), other("laser")]), 5.0).0,
            ["goal 1 at 0"]
        );
        assert_eq!(
            steps(&recording(vec![], vec![], &[goal(1.0, 1.0), goal(3.0, 1e6)]), 5.0).0,
            ["goal 1 at 0"]
        );
        // One in the frame of the odometry is driven to, and cannot be taken over.
        assert_eq!(
            steps(&recording(vec![], vec![], &[goal(1.0, 1.0), other("odom")]), 5.0).0,
            ["goal 77 at 0"]
        );
        assert_eq!(steps(&of(other("odom")), 5.0).0, ["goal 9 at 1"]);
        assert_eq!(steps(&of(other("/map")), 5.0).0, ["goal 9 at 1"]);
        assert_eq!(steps(&recording(vec![], vec![], &[other("/map")]), 5.0).0, ["goal 2 at 0"]);
    }

    #[test]
    fn what_a_scenario_has_no_room_for_is_left_out_and_told() {
        let far = vec![asked(6.0, 1, MissionRequest::NAVIGATE, &[5000.0])];
        let (told, notes) = steps(&recording(far, vec![], &[]), 5.0);
        assert_eq!(told, ["goal 77 at 0"]);
        assert!(notes.iter().any(|note| note.contains("(5000, 0) is farther than the 1000 m")), "{notes:?}");
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
        recording.goals = vec![goal(35.0, 9.0)];
        assert_eq!(steps(&recording, 20.0).0, ["0 Waypoints 4", "10 Cancel", "15 Navigate 9"]);
        recording.missions.asked.clear();
        assert_eq!(steps(&recording, 20.0).0, ["goal 9 at 15"]);
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
