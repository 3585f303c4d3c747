//! What a bag tells of missions: requests and their answers, how they stand, what blocked them and what was tried.

use outrider_msgs::outrider_msgs as ours;
use outrider_suite::convert::mission_status_text;

/// What was told of the mission last.
#[derive(Default)]
pub(super) struct MissionWatch {
    id: [u8; 16],
    status: Option<u8>,
    waypoint: u32,
    blocked: u8,
    recoveries: u32,
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
    /// What is new in a state: kind and text.
    pub(super) fn see(&mut self, m: &ours::MissionState) -> Vec<(&'static str, String)> {
        if m.status == ours::MissionState::NONE {
            *self = Self::default();
            return Vec::new();
        }
        let mut news = Vec::new();
        let who = name(&m.mission_id);
        if self.id != m.mission_id {
            *self = Self { id: m.mission_id, ..Self::default() };
        }
        let begins = self.status.is_none();
        if m.recoveries > self.recoveries {
            let tried: Vec<String> = m.tried.iter().map(attempt).collect();
            news.push((
                "recovery",
                format!("{who}: {} tried; since it got on: {}", m.recoveries, tried.join(", ")),
            ));
        }
        if m.blocked_by.kind != self.blocked && m.blocked_by.kind != ours::MissionBlock::NONE {
            let text = format!("{who}: {}, for {:.1} s", m.blocked_by.text, m.blocked_by.duration);
            news.push(("blocked", text));
        }
        if !begins && m.current_waypoint != self.waypoint {
            news.push(("mission", format!("{who}: to waypoint {}", m.current_waypoint)));
        }
        if self.status != Some(m.status) {
            let why = match (m.error_code, m.error_msg.as_str()) {
                (0, "") => String::new(),
                (0, text) => format!(": {text}"),
                (code, text) => format!(" ({code}): {text}"),
            };
            news.push(("mission", format!("{who}: {}{why}", mission_status_text(m.status))));
        }
        (self.status, self.waypoint) = (Some(m.status), m.current_waypoint);
        (self.blocked, self.recoveries) = (m.blocked_by.kind, m.recoveries);
        if m.status >= ours::MissionState::SUCCEEDED {
            // The topic's missions all have the same id.
            *self = Self::default();
        }
        news
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
    fn only_what_is_new_is_told() {
        let mut watch = MissionWatch::default();
        let driving = state(ours::MissionState::DRIVING);
        assert_eq!(watch.see(&driving), [("mission", "mission abababab: driving".to_owned())]);
        assert!(watch.see(&driving).is_empty());
        let mut stuck = driving.clone();
        stuck.blocked_by = ours::MissionBlock {
            kind: ours::MissionBlock::TRACK,
            text: "person #3 at 0.4 m".into(),
            duration: 1.0,
            ..Default::default()
        };
        assert_eq!(
            watch.see(&stuck),
            [("blocked", "mission abababab: person #3 at 0.4 m, for 1.0 s".to_owned())]
        );
        stuck.recoveries = 1;
        stuck.tried = vec![ours::MissionAttempt { name: "Wait".into(), count: 1, ..Default::default() }];
        let told = watch.see(&stuck);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(
            told[0].0 == "recovery" && told[0].1.ends_with("1 tried; since it got on: Wait ×1 (succeeded)")
        );
        let mut end = stuck.clone();
        (end.status, end.error_code, end.error_msg) =
            (ours::MissionState::ABORTED, 208, "gave up: no path".into());
        assert_eq!(
            watch.see(&end),
            [("mission", "mission abababab: aborted (208): gave up: no path".to_owned())]
        );
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
