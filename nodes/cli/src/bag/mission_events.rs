//! What a bag tells of missions: requests and their answers, how they stand, what blocked them and what was tried.

use super::spells::{Spells, Told};
use outrider_msgs::outrider_msgs as ours;
use outrider_suite::convert::mission_status_text;

/// What was told of the mission last.
#[derive(Default)]
pub(super) struct MissionWatch {
    id: [u8; 16],
    /// Which run of the planner told of it.
    boot_id: u64,
    /// `None` when there is no mission that has not ended.
    status: Option<u8>,
    waypoint: u32,
    blocked: u8,
    recoveries: u32,
    /// What blocked it; empty for nothing.
    by: String,
    spells: Spells,
}

fn name(id: &[u8; 16]) -> String {
    if *id == [0; 16] {
        return "the mission of the topic".to_owned();
    }
    let hex: String = id.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    format!("mission {hex}")
}

/// A request in a sentence.
pub(super) fn request(m: &ours::MissionRequest) -> String {
    let (who, count) = (name(&m.mission_id), m.poses.len());
    let tree = if m.behavior_tree.is_empty() { String::new() } else { format!(" with {}", m.behavior_tree) };
    let what = match m.action {
        ours::MissionRequest::NAVIGATE => match m.poses.as_slice() {
            [one] => {
                let p = &one.pose.position;
                format!("{who}: to ({:.2}, {:.2}) m in {}{tree}", p.x, p.y, one.header.frame_id)
            }
            _ => format!("{who}: through {count} poses{tree}"),
        },
        ours::MissionRequest::FOLLOW_WAYPOINTS => {
            format!("{who}: to {count} waypoints, {} more rounds{tree}", m.loops)
        }
        ours::MissionRequest::CANCEL if m.mission_id == [0; 16] => "cancel whichever is under way".to_owned(),
        ours::MissionRequest::CANCEL => format!("cancel {who}"),
        ours::MissionRequest::PAUSE => "pause".to_owned(),
        ours::MissionRequest::RESUME => "resume".to_owned(),
        other => format!("an unknown action {other}"),
    };
    format!("asks the planner: {what} (request {})", m.sequence)
}

/// An answer in a sentence.
pub(super) fn reply(m: &ours::MissionReply) -> String {
    let code = if m.error_code == 0 { String::new() } else { format!(" ({})", m.error_code) };
    let what = if m.accepted { "yes" } else { "no" };
    format!("the planner answers request {}: {what}{code}: {}", m.request_sequence, m.message)
}

impl MissionWatch {
    /// What is new in a state. What blocks it, and what it tries, is told when that is over.
    pub(super) fn see(&mut self, at_ns: u64, m: &ours::MissionState, news: &mut Vec<Told>) {
        if m.status == ours::MissionState::NONE || self.boot_id != m.boot_id {
            self.lose(at_ns, m.boot_id, news);
        }
        if m.status == ours::MissionState::NONE {
            return;
        }
        let who = name(&m.mission_id);
        if self.id != m.mission_id {
            self.forget(news);
        }
        (self.id, self.boot_id) = (m.mission_id, m.boot_id);
        let begins = self.status.is_none();
        if m.recoveries > self.recoveries {
            let tried: Vec<String> = m.tried.iter().map(attempt).collect();
            let text = format!("{who}: {} tried; since it got on: {}", m.recoveries, tried.join(", "));
            self.spells.again(at_ns, "recovery", &who, &text, news);
        }
        let by = match m.blocked_by.kind {
            ours::MissionBlock::NONE => String::new(),
            _ => format!("{who}: {}", m.blocked_by.text),
        };
        if !by.is_empty() {
            let begins = m.blocked_by.kind != self.blocked || self.by.is_empty();
            self.spells.note(at_ns, "blocked", &by, begins, news);
        }
        self.by = by;
        if !begins && m.current_waypoint != self.waypoint {
            news.push((at_ns, "mission", format!("{who}: to waypoint {}", m.current_waypoint)));
        }
        if self.status != Some(m.status) {
            let why = match (m.error_code, m.error_msg.as_str()) {
                (0, "") => String::new(),
                (0, text) => format!(": {text}"),
                (code, text) => format!(" ({code}): {text}"),
            };
            news.push((at_ns, "mission", format!("{who}: {}{why}", mission_status_text(m.status))));
        }
        (self.status, self.waypoint) = (Some(m.status), m.current_waypoint);
        (self.blocked, self.recoveries) = (m.blocked_by.kind, m.recoveries);
        if m.status >= ours::MissionState::SUCCEEDED {
            // The topic's missions all have the same id.
            self.forget(news);
        }
    }

    /// There is no mission, or it is another planner's: one that has not ended never will.
    fn lose(&mut self, at_ns: u64, boot_id: u64, news: &mut Vec<Told>) {
        if self.status.is_some() {
            let why = match self.boot_id == boot_id {
                true => "its end is not in the bag",
                false => "lost: the planner started anew",
            };
            news.push((at_ns, "mission", format!("{}: {why}", name(&self.id))));
        }
        self.forget(news);
    }

    /// Tells what is open, and forgets the mission.
    pub(super) fn forget(&mut self, news: &mut Vec<Told>) {
        self.spells.end(news);
        *self = Self::default();
    }
}

fn attempt(m: &ours::MissionAttempt) -> String {
    let outcome = match m.outcome {
        ours::MissionAttempt::SUCCEEDED => "succeeded",
        ours::MissionAttempt::FAILED => "failed",
        _ => "halted",
    };
    let detail = if m.detail.is_empty() { String::new() } else { format!(": {}", m.detail) };
    format!("{} ×{} ({outcome}{detail})", m.name, m.count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(status: u8) -> ours::MissionState {
        ours::MissionState { mission_id: [0xab; 16], status, ..Default::default() }
    }

    #[test]
    fn what_is_new_is_told_and_what_comes_again_once() {
        let (mut watch, mut told) = (MissionWatch::default(), Vec::new());
        let driving = state(ours::MissionState::DRIVING);
        watch.see(0, &driving, &mut told);
        watch.see(1, &driving, &mut told);
        assert_eq!(told, [(0, "mission", "mission abababab: driving".to_owned())]);
        told.clear();
        let block = |kind, text: &str| ours::MissionBlock { kind, text: text.into(), ..Default::default() };
        for i in 0..40_u64 {
            let mut stuck = driving.clone();
            stuck.blocked_by = match i / 10 % 2 {
                0 => block(ours::MissionBlock::TRACK, "person #3 at 0.4 m"),
                _ => block(ours::MissionBlock::NO_PATH, "no path to the goal"),
            };
            stuck.recoveries = i as u32 / 10;
            let count = stuck.recoveries;
            stuck.tried = vec![ours::MissionAttempt { name: "Wait".into(), count, ..Default::default() }];
            watch.see(1_000_000_000 + i * 200_000_000, &stuck, &mut told);
        }
        assert!(told.is_empty(), "{told:?}");
        let mut end = driving;
        (end.status, end.error_code, end.error_msg) =
            (ours::MissionState::ABORTED, 208, "gave up: no path".into());
        watch.see(9_000_000_000, &end, &mut told);
        told.sort();
        let wanted = [
            (1, "blocked", "mission abababab: person #3 at 0.4 m, 2 times within 5.8 s, 3.6 s in all"),
            (3, "blocked", "mission abababab: no path to the goal, 2 times within 5.8 s, 3.6 s in all"),
            (
                3,
                "recovery",
                "mission abababab: 3 tried; since it got on: Wait ×3 (succeeded), 3 times within 4.0 s",
            ),
            (9, "mission", "mission abababab: aborted (208): gave up: no path"),
        ];
        let wanted = wanted.map(|(s, kind, text): (u64, _, _)| (s * 1_000_000_000, kind, text.to_owned()));
        assert_eq!(told, wanted);
    }

    #[test]
    fn a_mission_that_a_restart_of_the_planner_has_swallowed_is_told_as_lost() {
        let of = |boot_id, status| ours::MissionState { boot_id, ..state(status) };
        let after = |last: &ours::MissionState| {
            let (mut watch, mut told) = (MissionWatch::default(), Vec::new());
            watch.see(0, &of(1, ours::MissionState::DRIVING), &mut told);
            watch.see(1, last, &mut told);
            watch.see(2, last, &mut told);
            told.into_iter().skip(1).map(|(at_ns, _, text)| format!("{at_ns} {text}")).collect::<Vec<_>>()
        };
        let lost = "1 mission abababab: lost: the planner started anew";
        assert_eq!(after(&of(2, ours::MissionState::NONE)), [lost]);
        // The topic's missions all have one id, and a fleet manager may ask with its own again.
        let again = of(2, ours::MissionState::DRIVING);
        assert_eq!(after(&again), [lost, "1 mission abababab: driving"]);
        assert_eq!(
            after(&of(1, ours::MissionState::NONE)),
            ["1 mission abababab: its end is not in the bag"]
        );
        let ended = after(&of(1, ours::MissionState::SUCCEEDED));
        assert!(ended.iter().all(|text| text.ends_with("succeeded")), "{ended:?}");
    }

    #[test]
    fn requests_and_replies_are_sentences() {
        let mut m = ours::MissionRequest { sequence: 4, mission_id: [1; 16], ..Default::default() };
        m.poses = vec![Default::default(); 3];
        assert_eq!(request(&m), "asks the planner: mission 01010101: through 3 poses (request 4)");
        (m.action, m.mission_id) = (ours::MissionRequest::CANCEL, [0; 16]);
        assert_eq!(request(&m), "asks the planner: cancel whichever is under way (request 4)");
        let refused = ours::MissionReply {
            request_sequence: 4,
            error_code: 9000,
            message: "goal refused: no pose".into(),
            ..Default::default()
        };
        assert_eq!(reply(&refused), "the planner answers request 4: no (9000): goal refused: no pose");
    }
}
