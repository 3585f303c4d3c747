//! The sampling controller drives: closed loop through doorways, round and behind people, as `drive.rs` for the pursuit.

use crate::common::{Loop, TREE, Walker, config, grid, hall, robot, two_rooms};
use outrider_foundation::data::{AssuranceState, Mode};
use outrider_foundation::{Point2, Pose2};
use outrider_planner::{Controller, Input, PlannerNode};

fn sampling(grid: outrider_foundation::grid::CostGrid, start: Pose2) -> Loop {
    let mut l = Loop::new(grid, start);
    let mut config = config();
    config.controller = Controller::Mppi;
    l.node = PlannerNode::new(config, &robot(), TREE, 7).unwrap();
    l
}

#[track_caller]
fn assert_arrived(l: &Loop, goal: Pose2) {
    l.assert_arrived(goal, 0.04);
    l.check_commands();
}

#[test]
fn it_drives_through_a_doorway_to_the_goal_and_its_heading() {
    for with_map in [false, true] {
        for lag_s in [0.0, 0.15] {
            let mut l = sampling(two_rooms(), Pose2::new(2.0, 2.0, 2.5));
            l.lag_s = lag_s;
            l.window_m = if with_map { Some(4.0) } else { None };
            if with_map {
                let grid = l.grid.clone();
                l.send(Input::GlobalGrid(grid));
            }
            let goal = Pose2::new(10.0, 6.0, -1.57);
            l.goal(goal);
            assert!(l.run_to_end(60.0), "{}", l.trace(0.5));
            assert_arrived(&l, goal);
            assert!(l.t_s() < 30.0, "it took {} s\n{}", l.t_s(), l.trace(0.5));
            let sampled = l.decisions.iter().filter(|d| d.chosen.contains("mean of the samples")).count();
            assert!(sampled * 2 > l.decisions.len(), "{sampled} of {}\n{}", l.decisions.len(), l.trace(0.5));
        }
    }
}

#[test]
fn it_keeps_clear_of_people_who_cross_and_goes_on() {
    // Not 5.5 s: that one sets out when the robot can neither stop short of his way nor, by the margins of the braking
    // tail, pass; it stops in it. See the limits in `docs/control.md`.
    for (i, starts_s) in [0.5, 1.5, 2.5, 3.5, 4.5].into_iter().enumerate() {
        let side = if i % 2 == 0 { 1.0 } else { -1.0 };
        let mut l = sampling(hall(), Pose2::new(1.0, 4.0, 0.0));
        let (from, velocity) = (Point2::new(6.0, 4.0 - 3.0 * side), Point2::new(0.0, 1.2 * side));
        l.walkers = vec![Walker { from, velocity, starts_s, ends_s: starts_s + 5.0 }];
        let goal = Pose2::new(10.5, 4.0, 0.0);
        l.goal(goal);
        assert!(l.run_to_end(45.0), "start {starts_s}\n{}", l.trace(0.5));
        assert_arrived(&l, goal);
        assert!(l.least_person_m > 0.1, "start {starts_s}: {} m\n{}", l.least_person_m, l.trace(0.25));
        assert!(l.t_s() < 25.0, "start {starts_s}: {} s\n{}", l.t_s(), l.trace(0.5));
    }
}

#[test]
fn it_goes_round_a_person_who_stands_in_the_way() {
    let mut l = sampling(hall(), Pose2::new(1.0, 4.0, 0.0));
    l.walkers =
        vec![Walker { from: Point2::new(5.0, 4.0), velocity: Point2::default(), starts_s: 0.0, ends_s: 0.0 }];
    let goal = Pose2::new(10.5, 4.0, 0.0);
    l.goal(goal);
    assert!(l.run_to_end(40.0), "{}", l.trace(0.5));
    assert_arrived(&l, goal);
    assert!(l.least_person_m > 0.1, "{} m", l.least_person_m);
}

/// As the pursuit does, but less: samples keep to the middle better.
#[test]
fn between_walls_it_is_slower_and_not_as_slow_as_the_pursuit() {
    let passage = || {
        let walls =
            [[0.0, 0.0, 12.0, 0.05], [0.0, 7.95, 12.0, 8.0], [4.0, 0.0, 8.0, 3.6], [4.0, 4.4, 8.0, 8.0]];
        grid([12.0, 8.0], Point2::default(), &walls)
    };
    let fastest_mps = |mut l: Loop| {
        let goal = Pose2::new(10.5, 4.0, 0.0);
        l.goal(goal);
        let (mut within_mps, mut before_mps) = (0.0_f64, 0.0_f64);
        for _ in 0..400 {
            l.run(0.1);
            let at = if (4.5..7.5).contains(&l.pose.x_m) { &mut within_mps } else { &mut before_mps };
            *at = at.max(l.twist.v_mps);
        }
        l.assert_arrived(goal, 0.04);
        assert!(before_mps > 0.85, "{before_mps}");
        within_mps
    };
    let start = Pose2::new(1.0, 4.0, 0.0);
    let samples_mps = fastest_mps(sampling(passage(), start));
    let pursuit_mps = fastest_mps(Loop::new(passage(), start));
    assert!((0.55..0.68).contains(&samples_mps) && pursuit_mps < 0.55, "{samples_mps} {pursuit_mps}");
}

#[test]
fn a_decision_names_what_was_compared_and_what_it_cost() {
    let mut l = sampling(hall(), Pose2::new(1.0, 4.0, 0.0));
    l.goal(Pose2::new(10.5, 4.0, 0.0));
    l.run(4.0);
    let decision = l.decisions.last().unwrap();
    assert!(
        decision.chosen.contains("effective samples") && decision.chosen.contains("feasible"),
        "{decision:?}"
    );
    let names: Vec<&str> = decision.alternatives.iter().map(|a| a.name.as_str()).collect();
    assert_eq!(names, ["best sample", "plan before", "pursuit", "stop"]);
    assert!(decision.alternatives.iter().all(|a| a.cost.is_finite() && !a.rejected_because.is_empty()));
    assert!(l.last().trajectory.len() == 57);
}

/// A decision is for what is new: of the two commands that a world model gets, the second goes on with the plan of the first.
#[test]
fn between_world_models_the_plan_goes_on_once() {
    let mut l = sampling(hall(), Pose2::new(1.0, 4.0, 0.0));
    l.goal(Pose2::new(10.5, 4.0, 0.0));
    l.run(6.0);
    // No more world models: what is decided on is old, but a plan still goes on for no more than one command.
    l.worlds_on = false;
    l.run(0.25);
    let on: Vec<bool> = l.decisions.iter().skip(20).map(|d| d.chosen.contains(", going on: ")).collect();
    let count = on.iter().filter(|on| **on).count();
    assert!(
        on.len() > 200 && 9 * on.len() < 20 * count && 20 * count < 11 * on.len(),
        "{count} of {}",
        on.len()
    );
    assert!(on.windows(2).all(|pair| pair != [true, true]), "{}", l.trace(0.1));
}

fn goes_on(l: &Loop) -> bool {
    l.decisions.last().is_some_and(|d| d.chosen.contains(", going on: "))
}

/// Up to the next decision.
fn next_decision(l: &mut Loop) {
    let before = l.decisions.len();
    while l.decisions.len() == before {
        l.tick();
    }
}

/// Driving since `seconds`, and samples were drawn just now.
fn decided(seconds: f64) -> Loop {
    let mut l = sampling(hall(), Pose2::new(1.0, 4.0, 0.0));
    l.goal(Pose2::new(10.5, 4.0, 0.0));
    l.run(seconds);
    while goes_on(&l) {
        next_decision(&mut l);
    }
    l
}

#[test]
fn a_plan_that_goes_on_is_the_same_plan_later() {
    let mut l = decided(0.5);
    let speeds = |l: &Loop| l.last().trajectory.iter().map(|p| p.twist.v_mps).collect::<Vec<_>>();
    let (at_s, plan) = (l.commands.last().unwrap().0, speeds(&l));
    next_decision(&mut l);
    let (later_s, later) = (l.commands.last().unwrap().0, speeds(&l));
    assert!(goes_on(&l) && (later_s - at_s - 0.025).abs() < 1e-9, "{at_s} {later_s}");
    assert!(plan[30] > plan[1] + 0.1, "{plan:?}");
    // Half a step of 0.05 s.
    for (i, v) in later.iter().enumerate().skip(1).take(54) {
        assert!((v - 0.5 * (plan[i] + plan[i + 1])).abs() < 1e-6, "{i}: {v} of {plan:?}");
    }
}

/// Who steps in is seen with the next world model, however soon it comes: it is decided on anew.
#[test]
fn a_plan_does_not_go_on_beyond_the_world_it_was_made_for() {
    let mut l = decided(4.0);
    let world = l.world();
    l.send(Input::WorldModel(world));
    next_decision(&mut l);
    assert!(!goes_on(&l), "{}", l.trace(0.1));
}

/// Nor faster than what has been allowed since.
#[test]
fn a_plan_that_has_become_too_fast_does_not_go_on() {
    let mut l = decided(4.0);
    l.send(Input::Assurance(AssuranceState {
        mode: Mode::Nominal,
        speed_limit_mps: 0.3,
        ..AssuranceState::default()
    }));
    next_decision(&mut l);
    assert!(!goes_on(&l), "{}", l.trace(0.1));
}

#[test]
fn the_same_inputs_give_the_same_outputs() {
    let run = || {
        let mut l = sampling(two_rooms(), Pose2::new(2.0, 2.0, 1.0));
        l.goal(Pose2::new(9.0, 3.0, 0.0));
        l.run(4.0);
        l.outputs
    };
    let (a, b) = (run(), run());
    assert!(a.len() > 300);
    assert_eq!(a, b);
}
