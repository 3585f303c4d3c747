//! Missions: requests, replies and states.

use super::world::{from_code, to_code};
use super::{Checked, at_most, frame_from, frame_name, header, pose_from, pose_message, stamp_from};
use outrider_foundation::data::{
    Attempt, BlockKind, MISSION_POSE_LIMIT, MissedWaypoint, MissionAction, MissionKind, MissionOrder,
    MissionReply, MissionRequest, MissionState, MissionStatus, Outcome, TREE_NAME_LIMIT,
};
use outrider_foundation::grid::FrameId;
use outrider_msgs::{geometry_msgs, outrider_msgs as ours};

const STATUSES: [(MissionStatus, u8); 7] = [
    (MissionStatus::None, ours::MissionState::NONE),
    (MissionStatus::Driving, ours::MissionState::DRIVING),
    (MissionStatus::Paused, ours::MissionState::PAUSED),
    (MissionStatus::Stopping, ours::MissionState::STOPPING),
    (MissionStatus::Succeeded, ours::MissionState::SUCCEEDED),
    (MissionStatus::Canceled, ours::MissionState::CANCELED),
    (MissionStatus::Aborted, ours::MissionState::ABORTED),
];

const BLOCKS: [(BlockKind, u8); 9] = [
    (BlockKind::None, ours::MissionBlock::NONE),
    (BlockKind::Obstacle, ours::MissionBlock::OBSTACLE),
    (BlockKind::Track, ours::MissionBlock::TRACK),
    (BlockKind::NoPath, ours::MissionBlock::NO_PATH),
    (BlockKind::Zone, ours::MissionBlock::ZONE),
    (BlockKind::Property, ours::MissionBlock::PROPERTY),
    (BlockKind::Gate, ours::MissionBlock::GATE),
    (BlockKind::Data, ours::MissionBlock::DATA),
    (BlockKind::NoProgress, ours::MissionBlock::NO_PROGRESS),
];

const OUTCOMES: [(Outcome, u8); 3] = [
    (Outcome::Succeeded, ours::MissionAttempt::SUCCEEDED),
    (Outcome::Failed, ours::MissionAttempt::FAILED),
    (Outcome::Halted, ours::MissionAttempt::HALTED),
];

/// A request. An order that cannot be is one that is to be refused: who waits for an answer gets one.
pub fn mission_request_from_message(m: ours::MissionRequest) -> Checked<MissionRequest> {
    let stamp = stamp_from(&m.header.stamp)?;
    let (sequence, id) = (m.sequence, m.mission_id);
    let action = match m.action {
        ours::MissionRequest::NAVIGATE => start(MissionKind::Navigate, m),
        ours::MissionRequest::FOLLOW_WAYPOINTS => {
            start(MissionKind::Waypoints { loops: m.loops, first: m.first }, m)
        }
        ours::MissionRequest::CANCEL => MissionAction::Cancel,
        ours::MissionRequest::PAUSE => MissionAction::Pause,
        ours::MissionRequest::RESUME => MissionAction::Resume,
        other => return Err(format!("action: {other} is not known")),
    };
    Ok(MissionRequest { stamp, sequence, id, action })
}

fn start(kind: MissionKind, m: ours::MissionRequest) -> MissionAction {
    match order(kind, m) {
        Ok(order) => MissionAction::Start(order),
        Err(why) => MissionAction::Refused(format!("goal refused: {why}")),
    }
}

fn order(kind: MissionKind, m: ours::MissionRequest) -> Checked<MissionOrder> {
    at_most("poses", m.poses.len(), MISSION_POSE_LIMIT)?;
    at_most("behavior_tree", m.behavior_tree.len(), TREE_NAME_LIMIT)?;
    let frame = match m.poses.first() {
        Some(first) => frame_from(&first.header.frame_id).map_err(|why| format!("poses[0].{why}"))?,
        None => FrameId::default(),
    };
    let one = |(i, p): (usize, &geometry_msgs::PoseStamped)| {
        let this = frame_from(&p.header.frame_id).map_err(|why| format!("poses[{i}].{why}"))?;
        if this != frame {
            let (this, first) = (frame_name(this), frame_name(frame));
            return Err(format!(
                "poses[{i}].header.frame_id: `{this}` is another than `{first}` of the first"
            ));
        }
        pose_from(format_args!("poses[{i}].pose"), &p.pose)
    };
    let poses = m.poses.iter().enumerate().map(one).collect::<Checked<Vec<_>>>()?;
    Ok(MissionOrder { kind, frame, poses, tree: m.behavior_tree })
}

/// A request as its message. One that is to be refused has no order any more.
pub fn mission_request_to_message(r: &MissionRequest) -> ours::MissionRequest {
    let mut message = ours::MissionRequest {
        header: header(r.stamp, ""),
        sequence: r.sequence,
        mission_id: r.id,
        ..Default::default()
    };
    message.action = match &r.action {
        MissionAction::Start(order) => {
            let frame = frame_name(order.frame);
            let pose = |pose: &_| geometry_msgs::PoseStamped {
                header: header(r.stamp, frame),
                pose: pose_message(*pose),
            };
            message.poses = order.poses.iter().map(pose).collect();
            message.behavior_tree.clone_from(&order.tree);
            match order.kind {
                MissionKind::Navigate => ours::MissionRequest::NAVIGATE,
                MissionKind::Waypoints { loops, first } => {
                    (message.loops, message.first) = (loops, first);
                    ours::MissionRequest::FOLLOW_WAYPOINTS
                }
            }
        }
        MissionAction::Refused(_) => ours::MissionRequest::NAVIGATE,
        MissionAction::Cancel => ours::MissionRequest::CANCEL,
        MissionAction::Pause => ours::MissionRequest::PAUSE,
        MissionAction::Resume => ours::MissionRequest::RESUME,
    };
    message
}

/// A reply as its message.
pub fn mission_reply_to_message(r: &MissionReply) -> ours::MissionReply {
    ours::MissionReply {
        header: header(r.stamp, ""),
        request_sequence: r.request_sequence,
        mission_id: r.id,
        accepted: r.accepted,
        error_code: r.code,
        message: r.message.clone(),
    }
}

/// A state as its message.
pub fn mission_state_to_message(s: &MissionState) -> ours::MissionState {
    let missed = |m: &MissedWaypoint| ours::MissionWaypoint {
        index: m.index,
        error_code: m.code,
        error_msg: m.message.clone(),
    };
    let tried = |a: &Attempt| ours::MissionAttempt {
        name: a.name.clone(),
        outcome: to_code(a.outcome, &OUTCOMES),
        count: a.count,
        detail: a.detail.clone(),
    };
    ours::MissionState {
        header: header(s.stamp, frame_name(s.frame)),
        boot_id: s.boot_id,
        sequence: s.sequence,
        mission_id: s.id,
        goal_id: s.goal_id,
        status: to_code(s.status, &STATUSES),
        error_code: s.code,
        error_msg: s.message.clone(),
        behavior_tree: s.tree.clone(),
        x: s.pose.x_m,
        y: s.pose.y_m,
        yaw: s.pose.yaw_rad,
        navigation_time: s.navigation_s,
        estimated_time_remaining: s.remaining_s,
        distance_remaining: s.remaining_m,
        recoveries: s.recoveries,
        poses_remaining: s.poses_remaining,
        current_waypoint: s.waypoint,
        missed_waypoints: s.missed.iter().map(missed).collect(),
        blocked_by: ours::MissionBlock {
            kind: to_code(s.block.kind, &BLOCKS),
            property: s.block.property.clone(),
            text: s.block.text.clone(),
            x: s.block.at.map_or(f64::NAN, |at| at.x_m),
            y: s.block.at.map_or(f64::NAN, |at| at.y_m),
            track_id: s.block.track_id,
            duration: s.blocked_s,
        },
        tried: s.tried.iter().map(tried).collect(),
        tried_dropped: s.tried_dropped,
    }
}

/// In a few words: "driving".
pub fn mission_status_text(status: u8) -> String {
    from_code("status", status, &STATUSES)
        .map_or_else(|_| format!("status {status}"), |s| format!("{s:?}").to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use outrider_foundation::{Pose2, Stamp};

    fn request(poses: usize) -> MissionRequest {
        let kind = MissionKind::Waypoints { loops: 2, first: 1 };
        let poses = (0..poses).map(|i| Pose2::new(i as f64, 1.0, 0.5)).collect();
        let order = MissionOrder { kind, frame: FrameId::Odom, poses, tree: "patrol.xml".into() };
        MissionRequest {
            stamp: Stamp::from_nanos(7),
            sequence: 3,
            id: [9; 16],
            action: MissionAction::Start(order),
        }
    }

    fn refused(message: ours::MissionRequest) -> String {
        match mission_request_from_message(message).unwrap().action {
            MissionAction::Refused(why) => why,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn requests_survive() {
        let sent = request(3);
        let back = mission_request_from_message(mission_request_to_message(&sent)).unwrap();
        let (MissionAction::Start(a), MissionAction::Start(b)) = (&sent.action, &back.action) else {
            panic!("{back:?}")
        };
        assert_eq!(
            (a.kind, a.frame, &a.tree, back.id, back.sequence),
            (b.kind, b.frame, &b.tree, sent.id, sent.sequence)
        );
        for (a, b) in a.poses.iter().zip(&b.poses) {
            assert!(a.position().distance_m(b.position()) < 1e-12 && (a.yaw_rad - b.yaw_rad).abs() < 1e-12);
        }
        for action in [MissionAction::Cancel, MissionAction::Pause, MissionAction::Resume] {
            let sent = MissionRequest { action, ..request(0) };
            assert_eq!(mission_request_from_message(mission_request_to_message(&sent)).unwrap(), sent);
        }
    }

    #[test]
    fn an_order_that_cannot_be_is_answered_with_field_value_and_limit() {
        let good = mission_request_to_message(&request(3));
        let change = |change: fn(&mut ours::MissionRequest)| {
            let mut message = good.clone();
            change(&mut message);
            refused(message)
        };
        let said = change(|m| m.poses[2].header.frame_id = "camera".into());
        assert!(said.starts_with("goal refused: poses[2].header.frame_id: `camera` is none of"), "{said}");
        let said = change(|m| m.poses[1].header.frame_id = "map".into());
        assert!(said.contains("poses[1].header.frame_id: `map` is another than `odom`"), "{said}");
        let said = change(|m| m.poses[1].pose.position.x = f64::NAN);
        assert!(said.contains("poses[1].pose.position.x: NaN is not a finite number"), "{said}");
        let said = change(|m| m.poses[0].pose.orientation.w = 0.0);
        assert!(said.contains("poses[0].pose.orientation"), "{said}");
        let said = change(|m| m.poses = vec![m.poses[0].clone(); MISSION_POSE_LIMIT + 1]);
        assert!(said.contains("poses: 1001 elements are more than 1000"), "{said}");
        let said = change(|m| m.behavior_tree = "x".repeat(TREE_NAME_LIMIT + 1));
        assert!(said.contains("behavior_tree: 129 elements are more than 128"), "{said}");
        // What nobody could answer is refused at the border.
        let unknown = ours::MissionRequest { action: 9, ..good.clone() };
        assert!(mission_request_from_message(unknown).unwrap_err().contains("action: 9"));
    }
}
