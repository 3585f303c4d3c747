//! What was asked of the planner by actions and services, and which missions have ended.

use super::reading::pose2;
use super::recording::GoalGiven;
use outrider_foundation::Pose2;
use outrider_msgs::outrider_msgs::{MissionReply, MissionRequest, MissionState};

/// The most requests, and ends of missions, that are kept.
const LIMIT: usize = 10_000;
/// The planner's code of a mission that it accepts and gives up at once: there is no tree of that name.
const NO_SUCH_TREE: u16 = 9001;

/// A request.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// Time since the start of the bag.
    pub t_s: f64,
    /// Of the mission; all zero for whichever is under way.
    pub id: [u8; 16],
    /// An action of `MissionRequest`.
    pub action: u8,
    /// Frame of the poses; all of them have the same.
    pub frame: String,
    /// Where to.
    pub poses: Vec<Pose2>,
    /// File name of the tree; empty for the one that is configured.
    pub tree: String,
    /// Rounds of waypoints after the first.
    pub loops: u32,
    /// Index of the waypoint that it begins with.
    pub first: u32,
}

impl Asked {
    /// It is something to be driven.
    pub fn drives(&self) -> bool {
        matches!(self.action, MissionRequest::NAVIGATE | MissionRequest::FOLLOW_WAYPOINTS)
    }
}

/// Missions of a bag.
#[derive(Clone, Debug, Default)]
pub struct MissionRecord {
    /// What the planner has accepted, in the order of its answers.
    pub asked: Vec<Asked>,
    /// When a mission was over, and which.
    pub ended: Vec<(f64, [u8; 16])>,
    /// When the planner was first heard after it had begun anew: what was under way before is lost.
    pub began_anew_s: Vec<f64>,
    /// Which run of the planner it is.
    boot_id: Option<u64>,
    /// Not answered yet, by the number that the answer names.
    open: Vec<(u64, Asked)>,
}

impl MissionRecord {
    pub(super) fn take_request(&mut self, t_s: f64, m: MissionRequest) {
        let asked = Asked {
            t_s,
            id: m.mission_id,
            action: m.action,
            frame: m.poses.first().map(|pose| pose.header.frame_id.clone()).unwrap_or_default(),
            poses: m.poses.iter().map(|pose| pose2(&pose.pose)).collect(),
            tree: m.behavior_tree,
            loops: m.loops,
            first: m.first,
        };
        if self.open.len() < LIMIT {
            self.open.push((m.sequence, asked));
        }
    }

    pub(super) fn take_reply(&mut self, m: &MissionReply) {
        let answers =
            |(sequence, asked): &(u64, Asked)| *sequence == m.request_sequence && asked.id == m.mission_id;
        let Some(at) = self.open.iter().rposition(answers) else { return };
        let (_, asked) = self.open.remove(at);
        if m.accepted && self.asked.len() < LIMIT {
            self.asked.push(asked);
        }
    }

    pub(super) fn take_state(&mut self, t_s: f64, m: &MissionState) {
        let before = self.boot_id.replace(m.boot_id);
        if before.is_some_and(|boot_id| boot_id != m.boot_id) && self.began_anew_s.len() < LIMIT {
            self.began_anew_s.push(t_s);
        }
        if m.status == MissionState::ABORTED && m.error_code == NO_SUCH_TREE {
            // The last: a client may ask again with an id that it had.
            if let Some(at) = self.asked.iter().rposition(|asked| asked.drives() && asked.id == m.mission_id)
            {
                self.asked.remove(at);
            }
        } else if m.status >= MissionState::SUCCEEDED && self.ended.len() < LIMIT {
            self.ended.push((t_s, m.mission_id));
        }
    }

    /// The goals of the missions, each the last of its poses.
    pub fn goals(&self) -> impl Iterator<Item = GoalGiven> + '_ {
        let goal = |asked: &Asked| {
            let (t_s, frame, pose) = (asked.t_s, asked.frame.clone(), *asked.poses.last()?);
            Some(GoalGiven { t_s, frame, pose, of_mission: true })
        };
        self.asked.iter().filter(|asked| asked.drives()).filter_map(goal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use outrider_msgs::geometry_msgs::PoseStamped;

    #[test]
    fn goals_are_those_of_missions_that_were_accepted() {
        let mut record = MissionRecord::default();
        let mut ask = |sequence: u64, x: f64, accepted: bool, error_code: u16| {
            let mut pose = PoseStamped::default();
            (pose.pose.position.x, pose.header.frame_id) = (x, "map".into());
            let mission_id = [sequence as u8; 16];
            let poses = vec![PoseStamped::default(), pose];
            let request = MissionRequest { sequence, mission_id, poses, ..Default::default() };
            record.take_request(sequence as f64, request);
            let reply =
                MissionReply { request_sequence: sequence, mission_id, accepted, ..Default::default() };
            record.take_reply(&reply);
            let status = MissionState::ABORTED;
            record.take_state(9.0, &MissionState { mission_id, status, error_code, ..Default::default() });
        };
        ask(1, 1.0, true, 9000);
        ask(2, 2.0, false, 9000);
        // Accepted and given up at once, as Nav2 does.
        ask(3, 3.0, true, NO_SUCH_TREE);
        let goals: Vec<_> = record.goals().map(|goal| (goal.t_s, goal.pose.x_m)).collect();
        assert_eq!(goals, [(1.0, 1.0)]);
        assert_eq!(record.ended.first(), Some(&(9.0, [1; 16])));
    }
}
