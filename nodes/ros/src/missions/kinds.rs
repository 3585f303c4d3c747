//! Nav2's actions in terms of missions.

use outrider_foundation::Span;
use outrider_foundation::data::MISSION_POSE_LIMIT;
use outrider_msgs::geometry_msgs as ours_geometry;
use outrider_msgs::outrider_msgs::{MissionRequest, MissionState};
use r2r::WrappedActionTypeSupport;
use r2r::builtin_interfaces::msg::{Duration, Time};
use r2r::geometry_msgs::msg::{Point, Pose, PoseStamped, Quaternion};
use r2r::nav2_msgs::action::{FollowWaypoints, NavigateThroughPoses, NavigateToPose};
use r2r::nav2_msgs::msg::MissedWaypoint;
use r2r::std_msgs::msg::Header;

/// One of Nav2's actions.
pub(super) trait Kind: Sized + 'static {
    /// Its types.
    type Action: WrappedActionTypeSupport + 'static;
    /// Its name.
    const NAME: &'static str;
    /// What is asked of the planner.
    fn request(goal: &Goal<Self>) -> MissionRequest;
    /// How it stands.
    fn feedback(state: &MissionState) -> Feedback<Self>;
    /// How it ended; `None` for a goal that nothing is known of.
    fn result(end: Option<(&MissionState, &Goal<Self>)>) -> Outcome<Self>;
}

pub(super) type Goal<K> = <<K as Kind>::Action as WrappedActionTypeSupport>::Goal;
pub(super) type Feedback<K> = <<K as Kind>::Action as WrappedActionTypeSupport>::Feedback;
pub(super) type Outcome<K> = <<K as Kind>::Action as WrappedActionTypeSupport>::Result;

/// `navigate_to_pose`.
pub(super) struct ToPose;
/// `navigate_through_poses`.
pub(super) struct ThroughPoses;
/// `follow_waypoints`.
pub(super) struct Waypoints;

impl Kind for ToPose {
    type Action = NavigateToPose::Action;
    const NAME: &'static str = "navigate_to_pose";

    fn request(goal: &Goal<Self>) -> MissionRequest {
        let behavior_tree = goal.behavior_tree.clone();
        MissionRequest { poses: vec![pose_of(&goal.pose)], behavior_tree, ..MissionRequest::default() }
    }

    fn feedback(state: &MissionState) -> Feedback<Self> {
        NavigateToPose::Feedback {
            current_pose: pose(state),
            navigation_time: duration(state.navigation_time),
            estimated_time_remaining: duration(state.estimated_time_remaining),
            number_of_recoveries: small(state.recoveries),
            distance_remaining: state.distance_remaining as f32,
        }
    }

    fn result(end: Option<(&MissionState, &Goal<Self>)>) -> Outcome<Self> {
        let (error_code, error_msg) = told(end.map(|(state, _)| state));
        NavigateToPose::Result { error_code, error_msg }
    }
}

impl Kind for ThroughPoses {
    type Action = NavigateThroughPoses::Action;
    const NAME: &'static str = "navigate_through_poses";

    fn request(goal: &Goal<Self>) -> MissionRequest {
        let behavior_tree = goal.behavior_tree.clone();
        MissionRequest { poses: poses_of(&goal.poses), behavior_tree, ..MissionRequest::default() }
    }

    fn feedback(state: &MissionState) -> Feedback<Self> {
        NavigateThroughPoses::Feedback {
            current_pose: pose(state),
            navigation_time: duration(state.navigation_time),
            estimated_time_remaining: duration(state.estimated_time_remaining),
            number_of_recoveries: small(state.recoveries),
            distance_remaining: state.distance_remaining as f32,
            number_of_poses_remaining: small(state.poses_remaining),
        }
    }

    fn result(end: Option<(&MissionState, &Goal<Self>)>) -> Outcome<Self> {
        let (code, error_msg) = told(end.map(|(state, _)| state));
        NavigateThroughPoses::Result { error_code: through(code), error_msg }
    }
}

impl Kind for Waypoints {
    type Action = FollowWaypoints::Action;
    const NAME: &'static str = "follow_waypoints";

    fn request(goal: &Goal<Self>) -> MissionRequest {
        MissionRequest {
            action: MissionRequest::FOLLOW_WAYPOINTS,
            poses: poses_of(&goal.poses),
            loops: goal.number_of_loops,
            first: goal.goal_index,
            ..MissionRequest::default()
        }
    }

    fn feedback(state: &MissionState) -> Feedback<Self> {
        FollowWaypoints::Feedback { current_waypoint: state.current_waypoint }
    }

    fn result(end: Option<(&MissionState, &Goal<Self>)>) -> Outcome<Self> {
        let (code, error_msg) = told(end.map(|(state, _)| state));
        let missed = end.map_or_else(Vec::new, |(state, goal)| {
            let one = |missed: &outrider_msgs::outrider_msgs::MissionWaypoint| MissedWaypoint {
                index: missed.index,
                goal: goal.poses.get(missed.index as usize).cloned().unwrap_or_default(),
                error_code: missed.error_code,
            };
            state.missed_waypoints.iter().map(one).collect()
        });
        // Jazzy has no other code for what went wrong on the way.
        let error_code = if code == 0 { 0 } else { WAYPOINTS_UNKNOWN };
        FollowWaypoints::Result { missed_waypoints: missed, error_code, error_msg }
    }
}

/// `FollowWaypoints.UNKNOWN`.
const WAYPOINTS_UNKNOWN: u16 = 600;

/// The number that planning and navigation through poses have for what they have to one pose.
const fn through(code: u16) -> u16 {
    match code {
        200..=299 | 9000..=9099 => code + 100,
        code => code,
    }
}

fn told(end: Option<&MissionState>) -> (u16, String) {
    end.map_or_else(|| (0, String::new()), |state| (state.error_code, state.error_msg.clone()))
}

fn small(count: u32) -> i16 {
    i16::try_from(count).unwrap_or(i16::MAX)
}

/// What is not known, as an infinite time, is told as the longest there is.
fn duration(seconds: f64) -> Duration {
    let nanos = if seconds.is_finite() { Span::from_s(seconds).nanos().max(0) } else { i64::MAX };
    Duration {
        sec: i32::try_from(nanos / 1_000_000_000).unwrap_or(i32::MAX),
        nanosec: u32::try_from(nanos % 1_000_000_000).unwrap_or(0),
    }
}

fn pose(state: &MissionState) -> PoseStamped {
    let (stamp, half) = (&state.header.stamp, 0.5 * state.yaw);
    PoseStamped {
        header: Header {
            stamp: Time { sec: stamp.sec, nanosec: stamp.nanosec },
            frame_id: state.header.frame_id.clone(),
        },
        pose: Pose {
            position: Point { x: state.x, y: state.y, z: 0.0 },
            orientation: Quaternion { x: 0.0, y: 0.0, z: half.sin(), w: half.cos() },
        },
    }
}

/// One more than a mission may have, so that the planner refuses them.
fn poses_of(poses: &[PoseStamped]) -> Vec<ours_geometry::PoseStamped> {
    poses.iter().take(MISSION_POSE_LIMIT + 1).map(pose_of).collect()
}

fn pose_of(given: &PoseStamped) -> ours_geometry::PoseStamped {
    let (p, q) = (&given.pose.position, &given.pose.orientation);
    let mut pose = ours_geometry::PoseStamped::default();
    pose.header.frame_id.clone_from(&given.header.frame_id);
    (pose.header.stamp.sec, pose.header.stamp.nanosec) = (given.header.stamp.sec, given.header.stamp.nanosec);
    (pose.pose.position.x, pose.pose.position.y, pose.pose.position.z) = (p.x, p.y, p.z);
    let orientation = &mut pose.pose.orientation;
    (orientation.x, orientation.y, orientation.z, orientation.w) = (q.x, q.y, q.z, q.w);
    pose
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_action() {
        assert_eq!([0, 105, 208, 9002].map(through), [0, 105, 308, 9102]);
        let end = MissionState { error_code: 208, error_msg: "why".into(), ..MissionState::default() };
        assert_eq!(ToPose::result(Some((&end, &Default::default()))).error_code, 208);
        let through = ThroughPoses::result(Some((&end, &Default::default())));
        assert_eq!((through.error_code, through.error_msg.as_str()), (308, "why"));
        assert_eq!(Waypoints::result(Some((&end, &Default::default()))).error_code, 600);
        assert_eq!(Waypoints::result(None).error_code, 0);
    }

    #[test]
    fn a_time_that_nobody_knows_is_the_longest() {
        assert_eq!(duration(1.5), Duration { sec: 1, nanosec: 500_000_000 });
        assert_eq!(duration(f64::INFINITY).sec, i32::MAX);
        assert_eq!(duration(f64::NAN).sec, i32::MAX);
        assert_eq!(duration(-1.0), Duration { sec: 0, nanosec: 0 });
    }

    #[test]
    fn more_poses_than_allowed_reach_the_planner_as_too_many() {
        let goal =
            NavigateThroughPoses::Goal { poses: vec![PoseStamped::default(); 5000], ..Default::default() };
        assert_eq!(ThroughPoses::request(&goal).poses.len(), MISSION_POSE_LIMIT + 1);
    }
}
