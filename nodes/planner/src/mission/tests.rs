//! Rule by rule.

use super::*;

const ID: MissionId = [7; 16];

fn config() -> MissionConfig {
    MissionConfig {
        through_poses_tree: "through.xml".into(),
        stop_on_missed_waypoint: false,
        frame_timeout_s: 2.0,
        time_limit_s: 60.0,
        stop_timeout_s: 3.0,
        state_period_s: 0.2,
        blocked_after_s: 1.0,
        stuck_after_s: 10.0,
        progress_m: 1.0,
    }
}

fn at(ms: i64) -> Instant {
    Instant::from_nanos(5_000_000_000) + Span::from_millis(ms)
}

fn pose(x_m: f64) -> Pose2 {
    Pose2::new(x_m, 0.0, 0.0)
}

fn order(kind: MissionKind, count: usize) -> MissionOrder {
    let poses = (0..count).map(|i| pose(i as f64)).collect();
    MissionOrder { kind, poses, ..MissionOrder::default() }
}

fn begun(kind: MissionKind, count: usize, config: MissionConfig) -> (Missions, Leg) {
    let mut missions = Missions::new(config);
    let leg = missions.begin(ID, order(kind, count), 4, at(0));
    (missions, leg)
}

fn failed() -> Result<(), Refusal> {
    Err(Refusal::new(codes::NO_VALID_PATH, "no path to the goal"))
}

fn finished(step: Step) -> End {
    match step {
        Step::Finish(end) => end,
        other => panic!("{other:?}"),
    }
}

#[test]
fn orders_that_cannot_be_are_refused_with_value_and_limit() {
    let good = order(MissionKind::Navigate, 3);
    assert_eq!(check(&good), Ok(()));
    let refused = |change: fn(&mut MissionOrder), text: &str| {
        let mut order = good.clone();
        change(&mut order);
        let refusal = check(&order).unwrap_err();
        assert!(refusal.message.contains(text), "{refusal:?}");
        assert_ne!(refusal.code, codes::NONE);
    };
    refused(|o| o.poses.clear(), "no pose");
    refused(|o| o.poses[1].yaw_rad = f64::NAN, "not finite");
    refused(|o| o.poses[1].x_m = f64::INFINITY, "not finite");
    refused(|o| o.poses[2].y_m = -2e5, "farther than 100000 m");
    refused(|o| o.poses = vec![pose(1.0); MISSION_POSE_LIMIT + 1], "1001 poses are more than 1000");
    refused(|o| o.kind = MissionKind::Waypoints { loops: 0, first: 3 }, "waypoint 3");
    refused(
        |o| (o.kind, o.frame) = (MissionKind::Waypoints { loops: 0, first: 0 }, FrameId::Base),
        "relative to the robot",
    );
    let most = order(MissionKind::Navigate, MISSION_POSE_LIMIT);
    assert_eq!(check(&most), Ok(()));
}

#[test]
fn poses_to_be_passed_are_one_leg_and_it_decides() {
    let (mut missions, leg) = begun(MissionKind::Navigate, 3, config());
    assert_eq!((leg.poses.len(), leg.tree, missions.status(false)), (3, 4, MissionStatus::Driving));
    let end = finished(missions.leg_over(Ok(())));
    assert_eq!((end.status, end.code, end.message.as_str()), (MissionStatus::Succeeded, 0, "goal reached"));
    let (mut missions, _) = begun(MissionKind::Navigate, 3, config());
    let end = finished(missions.leg_over(failed()));
    assert_eq!((end.status, end.code), (MissionStatus::Aborted, codes::NO_VALID_PATH));
    missions.end();
    assert_eq!((missions.status(true), missions.leg_over(Ok(()))), (MissionStatus::None, Step::Stay));
}

#[test]
fn waypoints_are_one_leg_each_round_after_round() {
    let (mut missions, leg) = begun(MissionKind::Waypoints { loops: 1, first: 1 }, 3, config());
    assert_eq!(leg.poses, [pose(1.0)]);
    let mut driven = vec![1];
    assert_eq!(missions.current().unwrap().after_this_leg(), 4);
    while let Step::Drive(leg) = missions.leg_over(Ok(())) {
        assert_eq!(leg.poses.len(), 1);
        driven.push(missions.current().unwrap().waypoint());
    }
    assert_eq!(driven, [1, 2, 0, 1, 2]);
    assert_eq!(missions.current().unwrap().after_this_leg(), 0);
}

#[test]
fn a_missed_waypoint_is_told_and_the_next_one_driven_to_unless_it_ends_the_mission() {
    let kind = MissionKind::Waypoints { loops: 1, first: 0 };
    let (mut missions, _) = begun(kind, 2, config());
    for result in [failed(), Ok(()), failed()] {
        assert!(matches!(missions.leg_over(result), Step::Drive(_)));
    }
    let end = finished(missions.leg_over(Ok(())));
    assert_eq!((end.status, end.code), (MissionStatus::Succeeded, codes::NONE));
    let missed = missions.current().unwrap().missed().to_vec();
    assert_eq!(missed.len(), 1, "the same one twice: {missed:?}");
    assert_eq!((missed[0].index, missed[0].code), (0, codes::NO_VALID_PATH));

    let strict = MissionConfig { stop_on_missed_waypoint: true, ..config() };
    let (mut missions, _) = begun(kind, 2, strict);
    let end = finished(missions.leg_over(failed()));
    assert_eq!((end.status, end.code), (MissionStatus::Aborted, codes::NO_VALID_PATH));
    assert_eq!(end.message, "waypoint 0 was missed: no path to the goal");
    assert_eq!(missions.current().unwrap().missed().len(), 1);
}

#[test]
fn cancelling_is_over_when_the_robot_stands_or_nobody_knows_for_too_long() {
    let (mut missions, _) = begun(MissionKind::Navigate, 1, config());
    assert!(missions.cancel([8; 16], at(0)).unwrap_err().message.contains("another one"));
    assert_eq!(missions.status(false), MissionStatus::Driving);
    missions.cancel(ID, at(100)).unwrap();
    assert_eq!(missions.status(true), MissionStatus::Stopping);
    assert_eq!(missions.pass(at(200), at(200), false, false), Step::Stay);
    // A second order to cancel does not begin the time anew.
    missions.cancel(MissionId::default(), at(3000)).unwrap();
    let end = finished(missions.pass(at(3101), at(3101), false, false));
    assert_eq!(end.status, MissionStatus::Canceled);
    assert!(end.message.contains("not known to stand after 3 s"), "{end:?}");
    let end = finished(missions.pass(at(3000), at(3000), true, false));
    assert_eq!((end.status, end.message.as_str()), (MissionStatus::Canceled, "cancelled"));
    missions.end();
    assert!(missions.cancel(ID, at(0)).unwrap_err().message.contains("no mission"));
}

#[test]
fn a_newer_goal_ends_the_one_before() {
    let (mut missions, _) = begun(MissionKind::Navigate, 1, config());
    let end = missions.replaced().unwrap();
    assert_eq!((end.status, end.code), (MissionStatus::Aborted, codes::UNKNOWN));
    missions.cancel(ID, at(0)).unwrap();
    assert_eq!(missions.replaced().unwrap().status, MissionStatus::Canceled);
    missions.end();
    assert_eq!(missions.replaced(), None);
}

#[test]
fn a_mission_ends_when_it_takes_too_long_but_pauses_do_not_count() {
    let (mut missions, _) = begun(MissionKind::Navigate, 1, config());
    assert_eq!(missions.pass(at(500_000), at(60_000), true, false), Step::Stay);
    let end = finished(missions.pass(at(500_000), at(60_001), true, false));
    assert_eq!((end.status, end.code), (MissionStatus::Aborted, codes::TIMEOUT));
}

#[test]
fn a_robot_that_is_lost_for_too_long_gives_up_with_the_code_for_it() {
    let (mut missions, _) = begun(MissionKind::Navigate, 1, config());
    assert_eq!(missions.pass(at(0), at(0), true, true), Step::Stay);
    assert_eq!(missions.pass(at(1900), at(1900), true, false), Step::Stay);
    // Found in between: the time begins anew.
    assert_eq!(missions.pass(at(2000), at(2000), true, true), Step::Stay);
    assert_eq!(missions.pass(at(4000), at(4000), true, true), Step::Stay);
    let end = finished(missions.pass(at(4001), at(4001), true, true));
    assert_eq!((end.status, end.code), (MissionStatus::Aborted, codes::TF_ERROR));
}
