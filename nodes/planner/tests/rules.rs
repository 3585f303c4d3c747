//! What holds for every command: time, reasons, modes, frames, and the braking tail.

// Helpers of an integration test are outside of #[test] functions.

use crate::common::{
    Loop, Walker, brute_clearance_m, config, grid, hall, lethal_cells, planner, robot, two_rooms,
};
use outrider_bt::BtError;
use outrider_foundation::data::{
    Alternative, AssuranceState, Command, CommandSource, Decision, GateMode, GateState, Goal, Mode,
    SourceStatus, TrackState, TreeStatus, WorldModel,
};
use outrider_foundation::grid::FrameId;
use outrider_foundation::{Instant, Node, Now, Outbox, Point2, Pose2, Span, Stamp, Twist2};
use outrider_planner::{Config, Input, Output, PlannerError, PlannerNode};
use proptest::prelude::*;
use std::sync::Arc;

#[test]
fn without_a_goal_zero_is_commanded_and_keeps_coming() {
    let mut l = Loop::new(hall(), Pose2::new(2.0, 4.0, 0.0));
    l.run(1.0);
    l.check_commands();
    assert!(l.commands.len() >= 40);
    for (_, c) in &l.commands {
        assert_eq!((c.twist, c.reason.as_str(), c.goal_id), (Twist2::ZERO, "no goal", 0));
    }
    assert_eq!(l.status(), TreeStatus::Idle);
    let d = l.decisions.last().unwrap();
    assert!((d.position_sigma_m - 0.2).abs() < 1e-9 && d.distance_remaining_m == f64::INFINITY);
    assert_eq!((d.boot_id, d.command_sequence), (7, l.last().sequence));
}

#[test]
fn without_a_world_model_zero_is_commanded() {
    let mut l = Loop::new(hall(), Pose2::new(2.0, 4.0, 0.0));
    l.worlds_on = false;
    l.goal(Pose2::new(8.0, 4.0, 0.0));
    l.run(0.2);
    assert!(l.commands.len() >= 8);
    assert!(l.commands.iter().all(|(_, c)| c.twist == Twist2::ZERO && c.reason == "no world model"));
}

#[test]
fn every_world_model_is_answered_at_once_and_rests_on_its_data() {
    let mut l = Loop::new(hall(), Pose2::new(2.0, 4.0, 0.0));
    for _ in 0..5 {
        let world = l.world();
        let (stamp, sequence) = (world.scan_stamp, world.sequence);
        l.worlds_on = false;
        l.send(Input::WorldModel(world));
        let before = l.commands.len();
        l.tick();
        assert_eq!(l.commands.len(), before + 1);
        assert_eq!((l.last().data_stamp, l.last().world_model_sequence), (stamp, sequence));
        // Nothing to do: nothing is said.
        let mut out = Outbox::new(8);
        let now = l.now();
        let now = Now { mono: now.mono - Span::from_millis(4), ..now };
        l.node.step(now, &[], &mut out);
        assert!(out.items().is_empty());
        l.run(0.01);
    }
}

#[test]
fn a_stale_world_model_means_zero_with_the_reason_and_it_goes_on_afterwards() {
    let mut l = Loop::new(hall(), Pose2::new(1.0, 4.0, 0.0));
    l.goal(Pose2::new(11.0, 4.0, 0.0));
    l.run(3.0);
    assert!(l.twist.v_mps > 0.5);
    l.worlds_on = false;
    l.run(0.25);
    assert!(l.last().twist.v_mps > 0.5, "too early");
    l.run(0.15);
    assert_eq!(l.last().twist, Twist2::ZERO);
    assert!(l.last().reason.starts_with("world model is 0."), "{}", l.last().reason);
    let tail = &l.last().braking_tail;
    assert!(tail.last().unwrap().pose.x_m > 0.2 && tail.last().unwrap().twist == Twist2::ZERO);
    let before = l.commands.len();
    l.run(1.0);
    assert!(l.commands.len() >= before + 40, "still published every period");
    l.worlds_on = true;
    assert!(l.run_to_end(30.0));
    assert_eq!(l.status(), TreeStatus::Success);
}

#[test]
fn a_world_model_without_signs_of_life_is_a_stop_within_their_timeout() {
    let mut l = Loop::new(hall(), Pose2::new(1.0, 4.0, 0.0));
    l.goal(Pose2::new(11.0, 4.0, 0.0));
    for _ in 0..300 {
        l.send(Input::Alive);
        l.run(0.01);
    }
    assert!(l.twist.v_mps > 0.5);
    // World models still come, and are young: it is the silence that counts.
    l.run(0.03);
    assert!(l.last().twist.v_mps > 0.5, "too early");
    l.run(0.015);
    assert_eq!(l.last().twist, Twist2::ZERO);
    assert!(l.last().reason.contains("no sign of life"), "{}", l.last().reason);
    l.send(Input::Alive);
    l.run(0.03);
    assert!(!l.last().reason.contains("no sign of life"), "{}", l.last().reason);
}

#[test]
fn a_source_that_is_not_fresh_means_zero_with_the_reason() {
    type Spoil = fn(&mut WorldModel);
    let cases: [(Spoil, &str); 4] = [
        (|w| w.sources[0].status = SourceStatus::Stale, "scan is stale"),
        (|w| w.sources[1].status = SourceStatus::Invalid, "odom is invalid"),
        (|w| w.sources[1].status = SourceStatus::Missing, "odom is missing"),
        (|w| drop(w.sources.remove(0)), "scan is not among the sources"),
    ];
    for (spoil, reason) in cases {
        let mut l = Loop::new(hall(), Pose2::new(2.0, 4.0, 0.0));
        l.goal(Pose2::new(8.0, 4.0, 0.0));
        l.run(1.0);
        assert!(l.last().twist.v_mps > 0.1);
        l.world_model = spoil;
        l.run(0.1);
        assert_eq!(l.last().twist, Twist2::ZERO);
        assert!(l.last().reason.starts_with(reason), "{}", l.last().reason);
    }
}

#[test]
fn inconsistent_and_repeated_world_models_are_not_taken() {
    let mut l = Loop::new(hall(), Pose2::new(2.0, 4.0, 0.0));
    l.run(0.1);
    let count = |l: &Loop, key: &str| l.node.diagnostics().into_iter().find(|(k, _)| *k == key).unwrap().1;
    l.worlds_on = false;
    let mut world = l.world();
    Arc::make_mut(&mut world.local).cost.pop();
    l.send(Input::WorldModel(world));
    let mut world = l.world();
    world.ego.twist.v_mps = f64::NAN;
    l.send(Input::WorldModel(world));
    let mut world = l.world();
    world.sequence = 1;
    l.send(Input::WorldModel(world));
    l.send(Input::Rejected { topic: "/goal_pose".into(), reason: "frame".into() });
    l.run(0.05);
    assert_eq!(count(&l, "inconsistent inputs"), "2");
    assert_eq!(count(&l, "world models out of order"), "1");
    assert_eq!(
        (count(&l, "rejected inputs"), count(&l, "last rejection")),
        ("1".into(), "/goal_pose: frame".into())
    );
}

#[test]
fn cancelling_slows_down_comfortably() {
    let mut l = Loop::new(hall(), Pose2::new(1.0, 4.0, 0.0));
    l.goal(Pose2::new(11.0, 4.0, 0.0));
    l.run(3.0);
    l.send(Input::Cancel);
    l.run(0.3);
    let v = l.last().twist.v_mps;
    assert!(v > 0.3 && v < 0.75, "{v}");
    assert_eq!((l.last().reason.as_str(), l.status()), ("goal cancelled", TreeStatus::Idle));
    l.run(2.0);
    assert_eq!(l.last().twist, Twist2::ZERO);
    l.check_commands();
}

#[test]
fn a_goal_in_the_map_waits_for_the_localiser() {
    let mut l = Loop::new(hall(), Pose2::new(1.0, 4.0, 0.0));
    l.world_model = |w| {
        (w.ego.frame, w.ego.localised) = (FrameId::Odom, false);
        Arc::make_mut(&mut w.local).frame = FrameId::Odom;
    };
    l.goal(Pose2::new(4.0, 4.0, 0.0));
    l.run(0.5);
    assert_eq!((l.last().twist, l.last().reason.as_str()), (Twist2::ZERO, "not localised"));
    assert!(l.decisions.last().unwrap().chosen.contains("not localised"));
    l.world_model = |_| ();
    assert!(l.run_to_end(20.0));
    assert_eq!(l.status(), TreeStatus::Success);
}

#[test]
fn goals_relative_to_the_robot_or_in_odom_are_converted() {
    for (frame, pose) in
        [(FrameId::Base, Pose2::new(2.0, 0.0, 0.0)), (FrameId::Odom, Pose2::new(3.0, -1.0, 0.0))]
    {
        let mut l = Loop::new(hall(), Pose2::new(2.0, 4.0, 0.0));
        // The odometry has drifted: map = odom + (1, 5).
        l.world_model = |w| {
            w.ego.odom_from_base = Pose2::new(w.ego.pose.x_m - 1.0, w.ego.pose.y_m - 5.0, w.ego.pose.yaw_rad);
        };
        l.send(Input::Goal(Goal { stamp: Stamp::default(), frame, pose }));
        assert!(l.run_to_end(20.0), "{}", l.trace(0.5));
        assert!(l.pose.position().distance_m(Point2::new(4.0, 4.0)) < 0.17, "{:?}", l.pose);
    }
}

#[test]
fn a_goal_relative_to_the_robot_waits_until_it_is_known_where_that_is() {
    let mut l = Loop::new(hall(), Pose2::new(2.0, 4.0, 0.0));
    l.run(0.2);
    // The robot is pushed on while nothing is known of it, and then told to go on by a metre.
    l.worlds_on = false;
    l.run(1.0);
    let stamp = l.now().ros;
    let pose = Pose2::new(1.0, 0.0, 0.0);
    l.send(Input::Goal(Goal { stamp, frame: FrameId::Base, pose }));
    l.run(31.0);
    l.pose = Pose2::new(5.0, 4.0, 0.0);
    l.worlds_on = true;
    assert!(l.run_to_end(20.0), "{}", l.trace(0.5));
    l.assert_arrived(Pose2::new(6.0, 4.0, 0.0), 0.05);
}

#[test]
fn a_goal_that_is_no_number_is_refused() {
    let mut l = Loop::new(hall(), Pose2::new(2.0, 4.0, 0.0));
    l.goal(Pose2::new(f64::NAN, 0.0, 0.0));
    l.run(0.1);
    assert_eq!((l.status(), l.last().reason.as_str()), (TreeStatus::Failure, "goal refused: not finite"));
}

fn mode(mode: Mode) -> Input {
    Input::Assurance(AssuranceState { mode, ..AssuranceState::default() })
}

#[test]
fn modes_and_assurances_limit_hold_the_speed_down() {
    let fastest = |input: Option<Input>| {
        let mut l = Loop::new(hall(), Pose2::new(1.0, 4.0, 0.0));
        l.goal(Pose2::new(11.0, 4.0, 0.0));
        input.into_iter().for_each(|i| l.send(i));
        l.run(4.0);
        l.check_commands();
        (l.commands.iter().map(|(_, c)| c.twist.v_mps).fold(0.0, f64::max), l.last().reason.clone())
    };
    assert!((fastest(None).0 - 0.9).abs() < 1e-9);
    assert!((fastest(Some(mode(Mode::Nominal))).0 - 0.9).abs() < 1e-9);
    assert!((fastest(Some(mode(Mode::Degraded))).0 - 0.5).abs() < 1e-9);
    assert_eq!(fastest(Some(mode(Mode::EStop))), (0.0, "emergency stop".to_string()));
    let limited = |speed_limit_mps| {
        let state = AssuranceState { mode: Mode::Nominal, speed_limit_mps, ..AssuranceState::default() };
        fastest(Some(Input::Assurance(state))).0
    };
    assert!((limited(0.6) - 0.57).abs() < 1e-9);
    assert!((limited(f64::INFINITY) - 0.9).abs() < 1e-9);
}

#[test]
fn while_others_are_in_control_proposals_start_from_the_measured_speed() {
    let gate = |mode, command_source| Input::Gate(GateState { mode, command_source, ..GateState::default() });
    let inputs = [
        mode(Mode::SafeStop),
        gate(GateMode::Disarmed, CommandSource::Planner),
        gate(GateMode::Stopping, CommandSource::Planner),
        gate(GateMode::Forwarding, CommandSource::Recovery),
    ];
    for input in inputs {
        let mut l = Loop::new(hall(), Pose2::new(1.0, 4.0, 0.0));
        l.goal(Pose2::new(11.0, 4.0, 0.0));
        l.send(input.clone());
        for _ in 0..200 {
            l.tick();
            // Somebody else holds the robot still.
            (l.pose, l.twist) = (Pose2::new(1.0, 4.0, 0.0), Twist2::ZERO);
        }
        // Startable, by the first step that the jerk allows, and not wound up.
        let v = l.last().twist.v_mps;
        assert!(v > 0.005 && v < 0.06, "{input:?}: {v}");
        l.send(mode(Mode::Nominal));
        l.send(gate(GateMode::Forwarding, CommandSource::Planner));
        l.run(1.0);
        assert!(l.last().twist.v_mps > 0.5);
    }
}

#[test]
fn a_person_last_seen_near_the_way_is_kept_away_from() {
    let mut l = Loop::new(hall(), Pose2::new(1.0, 4.0, 0.0));
    l.walkers =
        vec![Walker { from: Point2::new(4.0, 4.0), velocity: Point2::default(), starts_s: 0.0, ends_s: 0.0 }];
    l.world_model = |w| {
        let track = &mut w.tracks[0];
        (track.state, track.reachable_m) = (TrackState::Reachable, 1.0);
    };
    l.goal(Pose2::new(8.0, 4.0, 0.0));
    l.run(12.0);
    assert!(l.twist.v_mps.abs() < 0.02 && l.least_person_m > 0.9, "{}\n{}", l.least_person_m, l.trace(0.5));
    assert!(l.last().reason.contains("person #1"), "{}", l.last().reason);
    l.walkers.clear();
    l.world_model = |_| ();
    assert!(l.run_to_end(30.0));
    assert_eq!(l.status(), TreeStatus::Success);
}

#[test]
fn rejected_alternatives_say_why() {
    let mut l = Loop::new(hall(), Pose2::new(1.0, 4.0, 0.0));
    l.goal(Pose2::new(11.0, 4.0, 0.0));
    l.run(4.0);
    // Somebody steps in front of it.
    let from = Point2::new(l.pose.x_m + 1.2, 4.0);
    l.walkers = vec![Walker { from, velocity: Point2::default(), starts_s: 0.0, ends_s: 0.0 }];
    l.run(0.2);
    let is_command = |d: &&Decision| d.alternatives.first().is_some_and(|a| a.name.starts_with("v "));
    let stop = l.decisions.iter().find(is_command).expect("an alternative");
    let first = &stop.alternatives[0];
    assert!(first.rejected_because.contains("person #1 at 0.") && first.cost == f64::INFINITY, "{first:?}");
    assert!(stop.constraint.contains("person #1"), "{}", stop.constraint);
}

#[test]
fn what_is_allowed_and_dearer_has_its_cost() {
    let costs_beside = |y_m: f64| -> Vec<f64> {
        let mut l = Loop::new(hall(), Pose2::new(1.0, 4.0, 0.0));
        l.goal(Pose2::new(11.0, 4.0, 0.0));
        l.run(4.0);
        let from = Point2::new(l.pose.x_m + 1.6, 4.0 + y_m);
        l.walkers = vec![Walker { from, velocity: Point2::default(), starts_s: 0.0, ends_s: 0.0 }];
        l.run(0.5);
        let instead = l.decisions.iter().filter(|d| d.chosen.contains("instead v"));
        let dearer = instead.flat_map(|d| &d.alternatives).filter(|a| a.rejected_because == "dearer");
        dearer.map(|a| a.cost).collect()
    };
    let costs: Vec<f64> = [0.3, 0.4, 0.5, 0.6].into_iter().flat_map(costs_beside).collect();
    assert!(!costs.is_empty() && costs.iter().all(|cost| cost.is_finite() && *cost > 0.0), "{costs:?}");
}

#[test]
fn a_decision_names_the_path_that_was_not_taken() {
    let mut l = Loop::new(hall(), Pose2::new(1.0, 4.0, 0.0));
    l.goal(Pose2::new(11.0, 4.0, 0.0));
    l.run(4.0);
    let of = |l: &Loop, name: &str| -> Vec<Alternative> {
        let all = l.decisions.iter().flat_map(|d| &d.alternatives);
        all.filter(|a| a.name == name).cloned().collect()
    };
    // A search every second, and nothing better than the straight way.
    let others = of(&l, "another path");
    assert!((2..=5).contains(&others.len()), "once a search: {others:?}");
    let kept = |a: &Alternative| a.cost.is_finite() && a.rejected_because.starts_with("not clearly below ");
    assert!(others.iter().all(kept) && of(&l, "the path before").is_empty(), "{others:?}");
    // Somebody comes to stand on the path: it is not free any more.
    let from = Point2::new(l.pose.x_m + 3.0, 4.0);
    l.walkers = vec![Walker { from, velocity: Point2::default(), starts_s: 0.0, ends_s: 0.0 }];
    l.run(3.0);
    let before = of(&l, "the path before");
    assert!(
        before.iter().any(|a| a.cost == f64::INFINITY && a.rejected_because == "of no use any more"),
        "{before:?}"
    );
}

fn yaml_error(from: &str, to: &str) -> String {
    assert!(crate::common::YAML.contains(from));
    outrider_yaml::from_str_valid::<Config>(&crate::common::YAML.replace(from, to)).unwrap_err().to_string()
}

#[test]
fn bad_configurations_refuse_to_start() {
    assert!(
        yaml_error("world_model_timeout_s: 0.3", "world_model_timeout_s: 0.0")
            .contains("0 is not within [0.05, 1]")
    );
    assert!(yaml_error("reaction_s: 0.3", "reaction_s: .nan").contains("NaN is not a finite number"));
    assert!(yaml_error("reaction_s: 0.3", "reaction_time: 0.3").contains("reaction_time"));
    assert!(yaml_error("  reaction_s: 0.3", "  # reaction_s: 0.3").contains("reaction_s"));
    let refused = |change: fn(&mut Config)| {
        let mut config = config();
        change(&mut config);
        PlannerNode::new(config, &robot(), crate::common::TREE, 1).err().unwrap().to_string()
    };
    assert_eq!(refused(|c| c.follow.cruise_mps = 1.5), "follow.cruise_mps: 1.5 is not within [0, 1]");
    assert!(refused(|c| c.goal.xy_tolerance_m = f64::NAN).contains("goal.xy_tolerance_m"));
    let tree = crate::common::TREE.replace("<FollowPath/>", "<FollowPath speed=\"3\"/>");
    let error = PlannerNode::new(config(), &robot(), &tree, 1).err().unwrap();
    let PlannerError::Tree(BtError::Load { at, message, .. }) = &error else { panic!("{error}") };
    let line = tree.lines().position(|line| line.contains("<FollowPath")).unwrap() + 1;
    assert!(at.line == line as u32 && message.contains("<FollowPath> has no port `speed`"), "{error}");
}

#[test]
fn the_first_wakeup_is_at_once_and_then_a_period_later() {
    let mut node = planner();
    let now = Now { mono: Instant::from_nanos(10_000_000_000), ros: Stamp::from_nanos(1) };
    assert!(node.next_wakeup().unwrap() <= now.mono);
    let mut out = Outbox::new(8);
    node.step(now, &[], &mut out);
    assert!(matches!(
        out.items(),
        [Output::Command(Command { sequence: 1, .. }), Output::Decision(_), Output::Mission(_)]
    ));
    assert_eq!(node.next_wakeup(), Some(now.mono + Span::from_millis(25)));
}

/// A tail must not touch what stands: brute force against every lethal cell, without the distance field.
fn check_tail(l: &Loop, from: Pose2, command: &Command, needed_m: f64) -> Result<(), TestCaseError> {
    for point in &command.braking_tail {
        let clearance_m = brute_clearance_m(&l.robot, &l.grid, &l.lethal, from.then(point.pose));
        prop_assert!(
            clearance_m >= needed_m,
            "{clearance_m} m at t {} of {:?} from {from:?}: {}",
            point.t_s,
            command.twist,
            command.reason
        );
    }
    for pair in command.braking_tail.windows(2) {
        prop_assert!(pair[0].pose.position().distance_m(pair[1].pose.position()) <= 0.051);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_tail_touches_anything(
        boxes in proptest::collection::vec((0.0..6.0f64, 0.0..6.0f64, 0.05..1.0f64, 0.05..1.0f64), 0..14),
        people in proptest::collection::vec((0.5..5.5f64, 0.5..5.5f64), 0..4),
        yaw in -3.1..3.1f64,
        goal in (0.5..5.5f64, 0.5..5.5f64, -3.0..3.0f64),
    ) {
        let start = Pose2::new(3.0, 3.0, yaw);
        let boxes: Vec<[f64; 4]> = boxes.into_iter().map(|(x, y, w, h)| [x, y, x + w, y + h]).collect();
        let grid = grid([6.0, 6.0], Point2::default(), &boxes);
        let first_m = brute_clearance_m(&robot(), &grid, &lethal_cells(&grid), start);
        // A robot that stands on the square of a lethal cell is in contact already; the discs that cover it, which reach up to 3 cm over it,
        // say no more of how deep.
        prop_assume!(first_m > 0.0354);
        let mut l = Loop::new(grid, start);
        l.walkers = people.into_iter()
            .map(|(x, y)| Walker { from: Point2::new(x, y), velocity: Point2::default(), starts_s: 0.0, ends_s: 0.0 })
            .collect();
        let gap = |l: &Loop, pose: Pose2| l.walkers.iter()
            .map(|w| l.robot.footprint.signed_distance_m(pose.inverse().apply(w.from)) - 0.25)
            .fold(1.0, f64::min);
        prop_assume!(gap(&l, start) > 0.5);
        l.goal(Pose2::new(goal.0, goal.1, goal.2));
        // Half a cell's diagonal from the centres: the cells' squares are not touched either. A robot that begins nearer must only not get into contact.
        let needed_m = if first_m > 0.12 { 0.0354 } else { 0.0 };
        for _ in 0..600 {
            let (pose, count) = (l.pose, l.commands.len());
            l.tick();
            if l.commands.len() > count {
                // With a world model the pose is the very one that was decided on.
                if (l.ticks - 1).is_multiple_of(10) {
                    check_tail(&l, pose, l.last(), needed_m)?;
                    for point in &l.last().braking_tail {
                        prop_assert!(gap(&l, pose.then(point.pose)) > 0.05, "{}", l.last().reason);
                    }
                }
            }
        }
        prop_assert!(l.least_clearance_m >= needed_m - 0.005, "{}", l.least_clearance_m);
        l.check_commands();
    }

    #[test]
    fn at_any_velocity_a_stop_is_proposed_when_nothing_else_is_clear(v in 0.3..1.0f64, w in -0.5..0.5f64, gap in 0.02..0.3f64) {
        // A wall nearer than the braking distance: whatever is proposed, it brakes as hard as it may.
        let reach = 0.35 + v * 0.05 + v * v / (2.0 * 1.2);
        let x = 1.0 + (reach * gap).max(0.4);
        let mut l = Loop::new(grid([6.0, 4.0], Point2::default(), &[[x, 0.0, x + 0.2, 4.0]]), Pose2::new(1.0, 2.0, 0.0));
        l.twist = Twist2::new(v, w);
        l.goal(Pose2::new(5.0, 2.0, 0.0));
        l.send(Input::Gate(GateState { mode: GateMode::Stopping, ..GateState::default() }));
        l.tick();
        let c = l.last();
        prop_assert!((c.twist.v_mps - (v - 1.2 * 0.025)).abs() < 1e-9, "{:?} {}", c.twist, c.reason);
        // The curvature stays.
        prop_assert!((c.twist.w_radps * v - w * c.twist.v_mps).abs() < 1e-9);
    }
}

#[test]
fn with_a_map_and_a_drifting_localiser_it_still_arrives() {
    // The pose jumps by centimetres twenty times a second, as localisers do.
    let mut l = Loop::new(two_rooms(), Pose2::new(2.0, 2.0, 0.0));
    let grid = l.grid.clone();
    l.send(Input::GlobalGrid(grid));
    l.world_model = |w| {
        let jump = 0.02 * libm::sin(w.sequence as f64);
        (w.ego.pose.x_m, w.ego.pose.y_m) = (w.ego.pose.x_m + jump, w.ego.pose.y_m - jump);
        w.ego.pose.yaw_rad += 0.01 * libm::cos(1.7 * w.sequence as f64);
    };
    l.goal(Pose2::new(10.0, 6.0, 1.57));
    assert!(l.run_to_end(40.0), "{}", l.trace(0.5));
    assert_eq!(l.status(), TreeStatus::Success);
    assert!(l.least_clearance_m > 0.05);
    l.check_commands();
}
