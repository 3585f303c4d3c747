//! Missions in a closed loop: what is asked, what is answered, and how it ends.

// Helpers of an integration test are outside of #[test] functions.

use crate::common::{Loop, Walker, config, grid, hall, robot};
use outrider_foundation::data::{
    AssuranceState, BlockKind, GateMode, GateState, MissionAction, MissionKind, MissionOrder, MissionReply,
    MissionRequest, MissionState, MissionStatus, Mode, Outcome, SourceStatus, TreeStatus,
};
use outrider_foundation::grid::FrameId;
use outrider_foundation::{Point2, Pose2, Twist2};
use outrider_planner::mission::codes;
use outrider_planner::{Config, Input, PlannerNode, REQUEST_LIMIT};
use std::sync::Arc;

const TREES: [(&str, &str); 3] = [
    ("navigate_to_pose.xml", include_str!("../../../config/trees/navigate_to_pose.xml")),
    ("recovery.xml", include_str!("../../../config/trees/navigate_to_pose_with_recovery.xml")),
    ("through_poses.xml", include_str!("../../../config/trees/through_poses.xml")),
];

fn start_with(config: Config, grid: outrider_foundation::grid::CostGrid, from: Pose2) -> Loop {
    let mut l = Loop::new(grid, from);
    l.node = PlannerNode::new(config, &robot(), crate::common::TREE, 7).unwrap().with_trees(TREES).unwrap();
    l
}

fn start(from: Pose2) -> Loop {
    start_with(config(), hall(), from)
}

fn order(poses: &[Pose2], tree: &str) -> MissionOrder {
    MissionOrder { frame: FrameId::Map, poses: poses.to_vec(), tree: tree.into(), ..MissionOrder::default() }
}

fn waypoints(poses: &[Pose2], loops: u32) -> MissionAction {
    let kind = MissionKind::Waypoints { loops, first: 0 };
    MissionAction::Start(MissionOrder { kind, ..order(poses, "") })
}

fn navigate(poses: &[Pose2]) -> MissionAction {
    MissionAction::Start(order(poses, ""))
}

/// Asks, and gives the answer.
fn ask(l: &mut Loop, id: u8, action: MissionAction) -> MissionReply {
    let sequence = l.replies.len() as u64 + 1;
    l.send(Input::Mission(MissionRequest { stamp: l.now().ros, sequence, id: [id; 16], action }));
    l.tick();
    let reply = l.replies.last().unwrap().clone();
    assert_eq!((reply.request_sequence, reply.id, l.replies.len() as u64), (sequence, [id; 16], sequence));
    reply
}

/// States of one mission, in their order.
fn states(l: &Loop, id: u8) -> Vec<MissionState> {
    l.states.iter().filter(|state| state.id == [id; 16]).cloned().collect()
}

/// Runs until a mission has ended.
fn end(l: &mut Loop, id: u8, limit_s: f64) -> MissionState {
    let until_s = l.t_s() + limit_s;
    while l.t_s() < until_s {
        if let Some(last) = states(l, id).into_iter().rfind(|state| state.status.is_final()) {
            return last;
        }
        l.run(0.05);
    }
    panic!("not within {limit_s} s: {:?}\n{}", l.states.last(), l.trace(1.0));
}

const FAR: Pose2 = Pose2 { x_m: 10.0, y_m: 4.0, yaw_rad: 0.0 };

#[test]
fn a_goal_is_accepted_told_of_and_reached() {
    let mut l = start(Pose2::new(2.0, 4.0, 0.0));
    let reply = ask(&mut l, 1, navigate(&[Pose2::new(6.0, 4.0, 0.0)]));
    assert!(reply.accepted && reply.code == codes::NONE, "{reply:?}");
    let last = end(&mut l, 1, 30.0);
    assert_eq!(
        (last.status, last.code, last.message.as_str()),
        (MissionStatus::Succeeded, 0, "goal reached")
    );
    assert_eq!(l.status(), TreeStatus::Success);
    let all = states(&l, 1);
    assert!(all.windows(2).all(|w| w[1].sequence == w[0].sequence + 1 && w[1].stamp >= w[0].stamp));
    let driving: Vec<_> =
        all.iter().filter(|s| s.status == MissionStatus::Driving && s.remaining_m.is_finite()).collect();
    assert!(driving.len() > 10, "{}", driving.len());
    let (first, late) = (driving.first().unwrap(), driving.last().unwrap());
    assert!((first.remaining_m - 4.0).abs() < 0.3 && late.remaining_m < 0.5, "{first:?} {late:?}");
    assert!(late.navigation_s > first.navigation_s && late.remaining_s < first.remaining_s);
    assert!(late.pose.x_m > 5.0 && late.poses_remaining == 1 && late.goal_id == 1 && late.recoveries == 0);
    // After its end it is told that there is none.
    let count = l.states.len();
    l.run(2.0);
    let after = &l.states[count..];
    assert!(after.len() >= 9 && after.iter().all(|s| s.status == MissionStatus::None && s.id == [0; 16]));
    l.check_commands();
}

#[test]
fn what_cannot_be_is_refused_and_the_mission_under_way_goes_on() {
    let mut l = start(Pose2::new(2.0, 4.0, 0.0));
    assert!(ask(&mut l, 1, navigate(&[FAR])).accepted);
    l.run(2.0);
    let nan = Pose2::new(f64::NAN, 0.0, 0.0);
    for (action, said) in [
        (navigate(&[]), "no pose"),
        (navigate(&[nan]), "not finite"),
        (navigate(&vec![FAR; 1001]), "1001 poses are more than 1000"),
        (MissionAction::Refused("goal refused: frame".into()), "frame"),
    ] {
        let reply = ask(&mut l, 2, action);
        assert!(!reply.accepted && reply.code == codes::UNKNOWN && reply.message.contains(said), "{reply:?}");
    }
    assert!(states(&l, 2).is_empty());
    l.run(0.5);
    assert!(l.last().twist.v_mps > 0.5 && l.status() == TreeStatus::Running);
    assert_eq!(end(&mut l, 1, 30.0).status, MissionStatus::Succeeded);
}

#[test]
fn a_tree_is_asked_for_by_its_file_name_and_one_that_is_not_there_ends_that_mission_only() {
    let mut l = start(Pose2::new(2.0, 4.0, 0.0));
    assert!(ask(&mut l, 1, MissionAction::Start(order(&[FAR], "recovery.xml"))).accepted);
    l.run(1.0);
    for name in ["nowhere.xml", "../trees/recovery.xml", "/etc/passwd"] {
        let reply = ask(&mut l, 2, MissionAction::Start(order(&[FAR], name)));
        assert!(reply.accepted, "as Nav2 does: {reply:?}");
        let told = states(&l, 2);
        let last = told.last().unwrap();
        assert_eq!((last.status, last.code), (MissionStatus::Aborted, codes::FAILED_TO_LOAD_BEHAVIOR_TREE));
        assert!(last.message.contains(name) && last.message.contains("recovery.xml"), "{last:?}");
    }
    let last = end(&mut l, 1, 30.0);
    assert_eq!((last.status, last.tree.as_str()), (MissionStatus::Succeeded, "recovery.xml"));
}

#[test]
fn a_newer_goal_takes_the_place_of_the_one_before() {
    let mut l = start(Pose2::new(2.0, 4.0, 0.0));
    ask(&mut l, 1, navigate(&[FAR]));
    l.run(2.0);
    assert!(ask(&mut l, 2, navigate(&[Pose2::new(5.0, 5.0, 0.0)])).accepted);
    let first = states(&l, 1).last().unwrap().clone();
    assert_eq!((first.status, first.message.as_str()), (MissionStatus::Aborted, "preempted by a newer goal"));
    assert_eq!(end(&mut l, 2, 30.0).status, MissionStatus::Succeeded);
    assert!(l.pose.position().distance_m(Point2::new(5.0, 5.0)) < 0.17);
    // A goal of the topic does so too, and the other way round.
    ask(&mut l, 3, navigate(&[FAR]));
    l.goal(Pose2::new(3.0, 3.0, 0.0));
    l.run(0.1);
    assert_eq!(states(&l, 3).last().unwrap().status, MissionStatus::Aborted);
    assert_eq!(end(&mut l, 0, 30.0).status, MissionStatus::Succeeded);
    l.check_commands();
}

#[test]
fn a_cancelled_mission_is_over_when_the_robot_stands() {
    let mut l = start(Pose2::new(1.0, 4.0, 0.0));
    ask(&mut l, 1, navigate(&[FAR]));
    l.run(3.0);
    assert!(!ask(&mut l, 9, MissionAction::Cancel).accepted, "another mission's id");
    assert!(l.last().twist.v_mps > 0.5);
    assert!(ask(&mut l, 1, MissionAction::Cancel).accepted);
    l.run(0.2);
    assert_eq!(states(&l, 1).last().unwrap().status, MissionStatus::Stopping);
    assert!(l.twist.v_mps > 0.3, "a controlled stop, no blow: {}", l.twist.v_mps);
    let last = end(&mut l, 1, 5.0);
    assert_eq!((last.status, last.code), (MissionStatus::Canceled, codes::NONE));
    assert!(l.twist.v_mps.abs() <= 0.05, "{}", l.twist.v_mps);
    assert_eq!((l.last().reason.as_str(), l.status()), ("goal cancelled", TreeStatus::Idle));
    let reply = ask(&mut l, 1, MissionAction::Cancel);
    assert!(!reply.accepted && reply.message == "no mission is under way", "{reply:?}");
    l.check_commands();
}

#[test]
fn a_pause_holds_robot_and_tree_and_takes_no_time() {
    let mut l = start(Pose2::new(1.0, 4.0, 0.0));
    ask(&mut l, 1, navigate(&[FAR]));
    l.run(3.0);
    assert!(ask(&mut l, 7, MissionAction::Pause).accepted);
    l.run(2.5);
    assert_eq!((l.twist.v_mps.abs() < 0.01, l.last().reason.as_str()), (true, "paused by the operator"));
    let (held, at) = (states(&l, 1).last().unwrap().clone(), l.pose);
    assert_eq!((held.status, l.status()), (MissionStatus::Paused, TreeStatus::Running));
    // Longer than the lack of progress would be forgiven.
    l.run(20.0);
    let later = states(&l, 1).last().unwrap().clone();
    assert!(l.pose.position().distance_m(at.position()) < 0.01);
    assert_eq!(
        (later.status, later.recoveries, later.navigation_s),
        (MissionStatus::Paused, 0, held.navigation_s)
    );
    assert_eq!(ask(&mut l, 7, MissionAction::Pause).message, "paused already");
    assert!(ask(&mut l, 7, MissionAction::Resume).accepted);
    let last = end(&mut l, 1, 30.0);
    assert_eq!((last.status, last.recoveries), (MissionStatus::Succeeded, 0));
    assert_eq!(ask(&mut l, 7, MissionAction::Resume).message, "was not paused");
    // A pause outlives missions: a goal waits for the operator, and can be cancelled meanwhile.
    ask(&mut l, 7, MissionAction::Pause);
    ask(&mut l, 2, navigate(&[Pose2::new(2.0, 4.0, 0.0)]));
    l.run(2.0);
    assert_eq!((l.last().twist, states(&l, 2).last().unwrap().status), (Twist2::ZERO, MissionStatus::Paused));
    assert!(ask(&mut l, 2, MissionAction::Cancel).accepted);
    assert_eq!(end(&mut l, 2, 1.0).status, MissionStatus::Canceled);
    l.check_commands();
}

#[test]
fn poses_are_passed_on_the_way_to_the_last() {
    let mut l = start(Pose2::new(1.5, 2.0, 0.0));
    let poses = [Pose2::new(3.0, 6.5, 0.0), Pose2::new(6.0, 1.5, 0.0), FAR];
    assert!(ask(&mut l, 1, navigate(&poses)).accepted);
    let last = end(&mut l, 1, 90.0);
    assert_eq!((last.status, last.tree.as_str()), (MissionStatus::Succeeded, "through_poses.xml"));
    let mut left: Vec<u32> = states(&l, 1).iter().map(|s| s.poses_remaining).collect();
    left.dedup();
    assert_eq!(left, [3, 2, 1]);
    let first = states(&l, 1).into_iter().find(|s| s.remaining_m.is_finite()).unwrap();
    let straight_m: f64 = 4.74 + 5.83 + 4.72;
    assert!((first.remaining_m - straight_m).abs() < 1.0, "{first:?}");
    assert!(l.pose.position().distance_m(FAR.position()) < 0.17);
    l.check_commands();
}

#[test]
fn several_poses_and_a_tree_that_passes_none_are_refused_with_the_trees_that_do() {
    let mut l = start(Pose2::new(1.5, 2.0, 0.0));
    let poses = [Pose2::new(3.0, 6.5, 0.0), FAR];
    let reply = ask(&mut l, 1, MissionAction::Start(order(&poses, "recovery.xml")));
    assert!(!reply.accepted && reply.code == codes::UNKNOWN, "{reply:?}");
    for part in ["`recovery.xml`", "RemovePassedGoals", "these do: through_poses.xml"] {
        assert!(reply.message.contains(part), "`{part}` is not in {}", reply.message);
    }
    assert!(states(&l, 1).is_empty());
    // One pose, and several waypoints, are for any tree.
    assert!(ask(&mut l, 2, MissionAction::Start(order(&[FAR], "recovery.xml"))).accepted);
    let kind = MissionKind::Waypoints { loops: 0, first: 0 };
    let stops = MissionOrder { kind, ..order(&poses, "recovery.xml") };
    assert!(ask(&mut l, 3, MissionAction::Start(stops)).accepted);
    // Nor does the one that is configured, where there are no others.
    l.node = PlannerNode::new(config(), &robot(), crate::common::TREE, 7).unwrap();
    l.replies.clear();
    let reply = ask(&mut l, 4, navigate(&poses));
    assert!(!reply.accepted && reply.message.contains("the tree that is configured has no"), "{reply:?}");
}

#[test]
fn waypoints_are_stopped_at_and_a_missed_one_is_told() {
    // The second one is inside of a pillar.
    let world = grid([12.0, 8.0], Point2::default(), &[[5.5, 5.5, 6.5, 6.5]]);
    let poses = [Pose2::new(3.0, 2.0, 0.0), Pose2::new(6.0, 6.0, 0.0), Pose2::new(8.0, 2.0, 0.0)];
    let tree = crate::common::TREE.replace("number_of_retries=\"40\"", "number_of_retries=\"2\"");
    let run = |stop: bool| {
        let mut config = config();
        config.mission.stop_on_missed_waypoint = stop;
        let mut l = Loop::new(world.clone(), Pose2::new(1.0, 2.0, 0.0));
        l.node = PlannerNode::new(config, &robot(), &tree, 7).unwrap().with_trees(TREES).unwrap();
        // The map says so too, or it would be taken for something that goes away.
        l.send(Input::GlobalGrid(world.clone()));
        assert!(ask(&mut l, 1, waypoints(&poses, 0)).accepted);
        let last = end(&mut l, 1, 120.0);
        (l, last)
    };
    let (l, last) = run(false);
    assert_eq!(last.status, MissionStatus::Succeeded, "{last:?}");
    let missed: Vec<_> = last.missed.iter().map(|m| (m.index, m.code)).collect();
    assert_eq!(missed, [(1, codes::GOAL_OCCUPIED)]);
    assert!(l.pose.position().distance_m(poses[2].position()) < 0.17);
    let mut driven: Vec<u32> = states(&l, 1).iter().map(|s| s.waypoint).collect();
    driven.dedup();
    assert_eq!(driven, [0, 1, 2]);
    let (l, last) = run(true);
    assert_eq!((last.status, last.code), (MissionStatus::Aborted, codes::GOAL_OCCUPIED));
    assert!(last.message.starts_with("waypoint 1 was missed"), "{last:?}");
    assert!(l.pose.position().distance_m(poses[0].position()) < 0.17);
}

#[test]
fn who_gives_up_says_what_blocks_it_and_what_it_tried() {
    // A wall from side to side: no way leads to the goal.
    let world = grid([12.0, 8.0], Point2::default(), &[[6.0, 0.0, 6.2, 8.0]]);
    let mut l = start_with(config(), world.clone(), Pose2::new(3.0, 4.0, 0.0));
    l.send(Input::GlobalGrid(world));
    ask(&mut l, 1, MissionAction::Start(order(&[FAR], "recovery.xml")));
    let last = end(&mut l, 1, 120.0);
    assert_eq!((last.status, last.code), (MissionStatus::Aborted, codes::NO_VALID_PATH), "{last:?}");
    for part in [
        "gave up: no path to the goal",
        "blocked by: no path to the goal",
        "tried: Wait ×",
        "Spin ×",
        "BackUp ×",
    ] {
        assert!(last.message.contains(part), "`{part}` is not in {}", last.message);
    }
    // As many as the tree has retries; one of them clears and waits.
    assert_eq!((last.recoveries, last.block.kind), (15, BlockKind::NoPath));
    assert!(
        last.tried.iter().any(|t| t.name == "Spin" && t.outcome == Outcome::Succeeded),
        "{:?}",
        last.tried
    );
    let during = states(&l, 1).into_iter().rfind(|s| s.status == MissionStatus::Driving).unwrap();
    assert!(during.block.kind == BlockKind::NoPath && during.blocked_s > 10.0, "{during:?}");
    l.check_commands();
}

#[test]
fn a_stuck_robot_is_a_warning_and_what_it_tried_is_forgotten_when_it_gets_on() {
    let mut l = start(Pose2::new(2.0, 4.0, 0.0));
    // Someone stands on the goal for long, and goes away.
    let on_goal =
        Walker { from: Point2::new(6.0, 4.0), velocity: Point2::new(0.0, 0.9), starts_s: 40.0, ends_s: 43.0 };
    l.walkers.push(on_goal);
    ask(&mut l, 1, navigate(&[Pose2::new(6.0, 4.0, 0.0)]));
    l.run(30.0);
    let state = states(&l, 1).last().unwrap().clone();
    assert_eq!(
        (state.block.kind, state.block.track_id),
        (BlockKind::Track, 1),
        "{state:?}\n{}",
        l.trace(1.0)
    );
    assert!(state.block.at.is_some_and(|at| at.distance_m(Point2::new(6.0, 4.0)) < 0.01));
    assert!(l.node.stuck().is_some_and(|why| why.contains("for ")), "{:?}", l.node.stuck());
    let last = end(&mut l, 1, 60.0);
    assert_eq!((last.status, last.tried.len()), (MissionStatus::Succeeded, 0), "{last:?}");
    assert!(last.recoveries > 0 && l.node.stuck().is_none());
}

#[test]
fn what_was_tried_is_kept_through_a_pause() {
    let mut l = start(Pose2::new(2.0, 4.0, 0.0));
    let on_goal =
        Walker { from: Point2::new(6.0, 4.0), velocity: Point2::default(), starts_s: 0.0, ends_s: 0.0 };
    l.walkers.push(on_goal);
    ask(&mut l, 1, navigate(&[Pose2::new(6.0, 4.0, 0.0)]));
    l.run(30.0);
    let before = states(&l, 1).last().unwrap().clone();
    assert!(!before.tried.is_empty() && before.block.kind == BlockKind::Track, "{before:?}");
    ask(&mut l, 7, MissionAction::Pause);
    l.run(4.0);
    let held = states(&l, 1).last().unwrap().clone();
    // A robot that is paused is not blocked, but it has not got on.
    assert_eq!((held.status, held.block.kind), (MissionStatus::Paused, BlockKind::None), "{held:?}");
    let count = |state: &MissionState| state.tried.iter().map(|tried| tried.count).sum::<u32>();
    assert!(count(&held) >= count(&before), "{held:?}");
}

#[test]
fn a_recovery_that_helps_within_a_tick_is_forgotten_when_the_robot_gets_on() {
    // No block is seen: the planner that there is none of is gone before the tick ends.
    let tree = "<root BTCPP_format=\"4\"><BehaviorTree ID=\"M\"><Sequence><Script code=\"planner := 'Nope'\"/>\
        <RecoveryNode number_of_retries=\"1\"><Sequence><ComputePathToPose planner_id=\"{planner}\"/><FollowPath/></Sequence>\
        <Sequence><ClearEntireCostmap/><Script code=\"planner := 'GridBased'\"/></Sequence></RecoveryNode>\
        </Sequence></BehaviorTree></root>";
    let mut l = Loop::new(hall(), Pose2::new(2.0, 4.0, 0.0));
    let trees = TREES.into_iter().chain([("helps.xml", tree)]);
    l.node = PlannerNode::new(config(), &robot(), crate::common::TREE, 7).unwrap().with_trees(trees).unwrap();
    assert!(ask(&mut l, 1, MissionAction::Start(order(&[FAR], "helps.xml"))).accepted);
    l.run(1.0);
    let first = states(&l, 1).last().unwrap().clone();
    assert_eq!((first.tried.len(), first.block.kind), (1, BlockKind::None), "{first:?}");
    assert!(first.tried[0].name == "ClearEntireCostmap" && first.pose.x_m < 3.0, "{first:?}");
    l.run(4.0);
    let later = states(&l, 1).last().unwrap().clone();
    assert!(later.pose.x_m > 3.2, "{later:?}");
    assert_eq!((later.tried.len(), later.recoveries), (0, 1), "{later:?}");
}

#[test]
fn a_localiser_that_begins_to_tell_the_robots_place_does_not_get_it_on() {
    let mut l = start(Pose2::new(2.0, 4.0, 0.0));
    let on_goal =
        Walker { from: Point2::new(6.0, 4.0), velocity: Point2::default(), starts_s: 0.0, ends_s: 0.0 };
    l.walkers.push(on_goal);
    // For 30 s all is told in the odometry's frame, 5 m beside the map's.
    l.world_model = |w| {
        w.ego.odom_from_base.x_m -= 5.0;
        if w.sequence < 600 {
            w.ego.frame = FrameId::Odom;
            w.ego.pose = w.ego.odom_from_base;
            let local = Arc::make_mut(&mut w.local);
            (local.frame, local.origin.x_m) = (FrameId::Odom, local.origin.x_m - 5.0);
            for track in &mut w.tracks {
                track.position.x_m -= 5.0;
                track.prediction.iter_mut().for_each(|p| p.x_m -= 5.0);
            }
        }
    };
    let poses = vec![Pose2::new(1.0, 4.0, 0.0)];
    let goal = MissionOrder { frame: FrameId::Odom, poses, ..MissionOrder::default() };
    assert!(ask(&mut l, 1, MissionAction::Start(goal)).accepted);
    l.run(29.5);
    let before = states(&l, 1).last().unwrap().clone();
    assert!(before.frame == FrameId::Odom && !before.tried.is_empty(), "{before:?}");
    l.run(1.5);
    let after = states(&l, 1).last().unwrap().clone();
    let moved_m = (before.pose.x_m + 5.0 - after.pose.x_m).hypot(before.pose.y_m - after.pose.y_m);
    assert!(after.frame == FrameId::Map && moved_m < 0.7, "{after:?}");
    assert!(!after.tried.is_empty(), "{after:?}");
}

#[test]
fn a_tree_that_does_not_take_the_goal_is_refused_and_the_mission_under_way_goes_on() {
    let tree = "<root BTCPP_format=\"4\"><BehaviorTree ID=\"M\"><Wait wait_duration=\"{goal}\"/></BehaviorTree></root>";
    let trees = TREES.into_iter().chain([("clash.xml", tree)]);
    let mut l = Loop::new(hall(), Pose2::new(2.0, 4.0, 0.0));
    l.node = PlannerNode::new(config(), &robot(), crate::common::TREE, 7).unwrap().with_trees(trees).unwrap();
    for under_way in [false, true] {
        if under_way {
            assert!(ask(&mut l, 1, navigate(&[FAR])).accepted);
            l.run(1.0);
        }
        let reply = ask(&mut l, 2, MissionAction::Start(order(&[FAR], "clash.xml")));
        assert!(!reply.accepted && reply.message.contains("goal refused"), "{reply:?}");
        l.run(0.5);
        assert!(states(&l, 2).is_empty(), "{:?}", states(&l, 2));
        let status = if under_way { MissionStatus::Driving } else { MissionStatus::None };
        assert_eq!(l.states.last().unwrap().status, status);
    }
}

#[test]
fn what_blocks_is_named_by_who_does() {
    let see = |change: &dyn Fn(&mut Loop)| {
        let mut l = start(Pose2::new(2.0, 4.0, 0.0));
        ask(&mut l, 1, navigate(&[FAR]));
        change(&mut l);
        l.run(3.0);
        let state = states(&l, 1).last().unwrap().clone();
        assert!(state.blocked_s >= 1.0 || state.block.kind == BlockKind::None, "{state:?}");
        state.block
    };
    let gate = |mode| Input::Gate(GateState { mode, reason: "said so".into(), ..GateState::default() });
    let assurance = |limiting: &str| {
        Input::Assurance(AssuranceState {
            mode: Mode::SafeStop,
            limiting: limiting.into(),
            ..AssuranceState::default()
        })
    };
    assert_eq!(see(&|_| ()).kind, BlockKind::None, "it drives");
    // As when the gate holds it: the robot does not move, whatever is commanded.
    let still: fn(&mut outrider_foundation::data::WorldModel) = |w| w.ego.twist = Twist2::ZERO;
    let block = see(&|l| {
        l.world_model = still;
        l.send(gate(GateMode::Disarmed));
    });
    assert!(block.kind == BlockKind::Gate && block.text.contains("said so"), "{block:?}");
    let block = see(&|l| {
        l.world_model = still;
        l.send(gate(GateMode::Stopping));
        l.send(assurance("exclusion_distance"));
    });
    assert_eq!((block.kind, block.property.as_str()), (BlockKind::Zone, "exclusion_distance"));
    // A robot that has lost its place stands in no zone that anybody knows of, whatever assurance cannot judge.
    let lost: fn(&mut outrider_foundation::data::WorldModel) = |w| {
        (w.ego.twist, w.ego.localised) = (Twist2::ZERO, false);
        w.ego.frame = FrameId::Odom;
        Arc::make_mut(&mut w.local).frame = FrameId::Odom;
    };
    let block = see(&|l| {
        l.world_model = lost;
        l.send(gate(GateMode::Stopping));
        l.send(assurance("exclusion_distance"));
    });
    assert_eq!((block.kind, block.text.as_str()), (BlockKind::Data, "not localised in the goal's frame"));
    let block = see(&|l| {
        l.world_model = |w| (w.ego.twist, w.ego.localised) = (Twist2::ZERO, false);
        l.send(assurance("exclusion_distance"));
    });
    assert_eq!((block.kind, block.property.as_str()), (BlockKind::Property, "exclusion_distance"));
    let block = see(&|l| {
        l.world_model = still;
        l.send(assurance("sensor_age"));
    });
    assert_eq!((block.kind, block.property.as_str()), (BlockKind::Property, "sensor_age"));
    let block = see(&|l| l.world_model = |w| w.sources[0].status = SourceStatus::Stale);
    assert!(block.kind == BlockKind::Data && block.text.contains("scan is stale"), "{block:?}");
}

#[test]
fn a_robot_that_is_not_localised_gives_up_with_the_code_for_it() {
    let mut config = config();
    config.mission.frame_timeout_s = 3.0;
    let mut l = start_with(config, hall(), Pose2::new(2.0, 4.0, 0.0));
    l.world_model = |w| {
        (w.ego.frame, w.ego.localised) = (FrameId::Odom, false);
        Arc::make_mut(&mut w.local).frame = FrameId::Odom;
    };
    ask(&mut l, 1, navigate(&[FAR]));
    let last = end(&mut l, 1, 5.0);
    assert_eq!((last.status, last.code), (MissionStatus::Aborted, codes::TF_ERROR));
    assert!(last.message.contains("blocked by: not localised"), "{}", last.message);
}

#[test]
fn requests_beyond_the_limit_of_a_step_are_counted() {
    let mut l = start(Pose2::new(2.0, 4.0, 0.0));
    for sequence in 0..=REQUEST_LIMIT as u64 {
        let action = MissionAction::Pause;
        l.send(Input::Mission(MissionRequest { stamp: l.now().ros, sequence, id: [1; 16], action }));
    }
    l.outbox = 64;
    l.tick();
    assert_eq!(l.replies.len(), REQUEST_LIMIT);
    let rejected = l.node.diagnostics().into_iter().find(|(key, _)| *key == "rejected inputs").unwrap().1;
    assert_eq!(rejected, "1");
}

#[test]
fn trees_that_cannot_be_stop_the_start_with_their_name() {
    let node = || PlannerNode::new(config(), &robot(), crate::common::TREE, 7).unwrap();
    let mut other = config();
    other.mission.through_poses_tree = "recovery.xml".into();
    let passes_none = PlannerNode::new(other, &robot(), crate::common::TREE, 7).unwrap().with_trees(TREES);
    let said = passes_none.err().unwrap().to_string();
    let wanted = "mission.through_poses_tree: the tree `recovery.xml` has no RemovePassedGoals";
    assert!(said.starts_with(wanted) && said.ends_with("these do: through_poses.xml"), "{said}");
    let error = |trees: &[(&'static str, &'static str)]| {
        node().with_trees(trees.iter().copied()).err().map(|error| error.to_string()).unwrap_or_default()
    };
    let missing = error(&TREES[..1]);
    assert!(
        missing.contains("mission.through_poses_tree: there is no tree `through_poses.xml`"),
        "{missing}"
    );
    let broken = error(&[(
        "broken.xml",
        "<root BTCPP_format=\"4\"><BehaviorTree ID=\"M\"><Nothing/></BehaviorTree></root>",
    )]);
    assert!(broken.contains("behaviour tree broken.xml") && broken.contains("Nothing"), "{broken}");
    assert!(error(&[TREES[2]; 65]).contains("more than 64 behaviour trees"));
}
