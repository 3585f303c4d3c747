//! The planner drives: closed loop through doorways, round and behind people.

// Helpers of an integration test are outside of #[test] functions.

use crate::common::{Loop, Walker, hall, two_rooms};
use outrider_foundation::data::TreeStatus;
use outrider_foundation::{Point2, Pose2, Twist2};
use outrider_planner::Input;

#[track_caller]
fn assert_arrived(l: &Loop, goal: Pose2) {
    l.assert_arrived(goal, 0.05);
}

#[test]
fn it_drives_through_a_doorway_to_the_goal_and_its_heading() {
    for with_map in [false, true] {
        for lag_s in [0.0, 0.15] {
            let mut l = Loop::new(two_rooms(), Pose2::new(2.0, 2.0, 2.5));
            l.lag_s = lag_s;
            if with_map {
                let grid = l.grid.clone();
                l.send(Input::GlobalGrid(grid));
            }
            let goal = Pose2::new(10.0, 6.0, -1.57);
            l.goal(goal);
            assert!(l.run_to_end(60.0), "{}", l.trace(0.5));
            assert_arrived(&l, goal);
            l.check_commands();
            assert!(l.t_s() < 30.0, "it took {} s\n{}", l.t_s(), l.trace(0.5));
            l.run(1.0);
            assert_eq!((l.last().twist, l.last().reason.as_str()), (Twist2::ZERO, "goal reached"));
            assert_eq!((l.last().goal_id, l.decisions.last().unwrap().goal_id), (0, 1));
            // The plan is taken back.
            assert_eq!(l.plans.last(), Some(&vec![]));
        }
    }
}

#[test]
fn with_a_small_window_it_still_finds_its_way() {
    for with_map in [true, false] {
        // Without a map it only sees the window: the goal lies beyond it, and behind it all is unknown.
        let mut l = Loop::new(two_rooms(), Pose2::new(1.5, 3.0, 0.0));
        l.window_m = Some(2.5);
        if with_map {
            let grid = l.grid.clone();
            l.send(Input::GlobalGrid(grid));
        }
        let goal = Pose2::new(10.0, 4.5, 0.0);
        l.goal(goal);
        assert!(l.run_to_end(60.0), "map {with_map}\n{}", l.trace(0.5));
        assert_arrived(&l, goal);
        l.check_commands();
    }
}

#[test]
fn from_a_corner_close_to_two_walls_it_gets_out() {
    for yaw in [0.0, 1.57, 3.1, -1.57, 0.8] {
        let mut l = Loop::new(two_rooms(), Pose2::new(0.55, 0.55, yaw));
        let goal = Pose2::new(3.0, 6.5, 0.0);
        l.goal(goal);
        assert!(l.run_to_end(60.0), "yaw {yaw}\n{}", l.trace(0.5));
        assert_eq!(l.status(), TreeStatus::Success, "yaw {yaw}\n{}", l.trace(0.5));
        assert!(l.least_clearance_m > 0.0);
        l.check_commands();
    }
}

#[test]
fn it_gives_way_to_a_person_who_crosses_and_goes_on() {
    // Whenever the person starts, and from whichever side: one of these meets the robot head on.
    let mut slowed = 0;
    for (i, starts_s) in [0.5, 1.5, 2.5, 3.5, 4.5, 5.5].into_iter().enumerate() {
        let side = if i % 2 == 0 { 1.0 } else { -1.0 };
        let mut l = Loop::new(hall(), Pose2::new(1.0, 4.0, 0.0));
        let (from, velocity) = (Point2::new(6.0, 4.0 - 3.0 * side), Point2::new(0.0, 1.2 * side));
        l.walkers = vec![Walker { from, velocity, starts_s, ends_s: starts_s + 5.0 }];
        let goal = Pose2::new(10.5, 4.0, 0.0);
        l.goal(goal);
        assert!(l.run_to_end(45.0), "start {starts_s}\n{}", l.trace(0.5));
        assert_arrived(&l, goal);
        assert!(l.least_person_m > 0.1, "start {starts_s}: {} m\n{}", l.least_person_m, l.trace(0.25));
        assert!(l.t_s() < 25.0, "start {starts_s}: {} s\n{}", l.t_s(), l.trace(0.5));
        l.check_commands();
        let gave_way = l.decisions.iter().any(|d| d.constraint.contains("giving way to person #1"));
        slowed += u32::from(gave_way);
        // The comfort of it: hard braking is rare.
        let hard = l
            .commands
            .windows(2)
            .filter(|w| w[0].1.twist.v_mps - w[1].1.twist.v_mps > 1.0 * (w[1].0 - w[0].0))
            .count();
        assert!(hard * 10 < l.commands.len(), "start {starts_s}: {hard} hard of {}", l.commands.len());
    }
    assert!(slowed >= 2, "nobody was given way to");
}

#[test]
fn it_goes_round_a_person_who_stands_in_the_way() {
    let mut l = Loop::new(hall(), Pose2::new(1.0, 4.0, 0.0));
    l.walkers =
        vec![Walker { from: Point2::new(5.0, 4.0), velocity: Point2::default(), starts_s: 0.0, ends_s: 0.0 }];
    let goal = Pose2::new(10.5, 4.0, 0.0);
    l.goal(goal);
    assert!(l.run_to_end(40.0), "{}", l.trace(0.5));
    assert_arrived(&l, goal);
    assert!(l.least_person_m > 0.1, "{} m", l.least_person_m);
    l.check_commands();
}

#[test]
fn it_waits_for_a_person_in_the_doorway_and_goes_on_when_it_is_free() {
    let mut l = Loop::new(two_rooms(), Pose2::new(2.0, 4.0, 0.0));
    let velocity = Point2::new(-0.2, 1.0);
    l.walkers =
        vec![Walker { from: Point2::new(6.0, 4.0), velocity: Point2::default(), starts_s: 0.0, ends_s: 0.0 }];
    let goal = Pose2::new(10.0, 4.0, 0.0);
    l.goal(goal);
    l.run(20.0);
    assert_eq!(l.status(), TreeStatus::Running);
    assert!(l.last().twist.v_mps.abs() < 0.02 && l.pose.x_m < 5.5, "{}", l.trace(0.5));
    assert!(l.last().reason.contains("waiting: no path"), "{}", l.last().reason);
    l.walkers = vec![Walker { from: Point2::new(5.2, 4.8), velocity, starts_s: 20.0, ends_s: 22.5 }];
    assert!(l.run_to_end(40.0), "{}", l.trace(0.5));
    assert_arrived(&l, goal);
    assert!(l.least_person_m > 0.0, "{} m", l.least_person_m);
}

#[test]
fn a_wall_that_appears_is_planned_around() {
    let mut l = Loop::new(hall(), Pose2::new(1.0, 4.0, 0.0));
    let goal = Pose2::new(10.5, 4.0, 0.0);
    l.goal(goal);
    l.run(3.0);
    let plans = l.plans.len();
    l.grid = crate::common::grid([12.0, 8.0], Point2::default(), &[[6.0, 2.0, 6.2, 5.0]]);
    l.lethal = crate::common::lethal_cells(&l.grid);
    l.run(0.1);
    assert!(l.plans.len() > plans, "no new plan at once");
    assert!(l.run_to_end(40.0), "{}", l.trace(0.5));
    assert_arrived(&l, goal);
    l.check_commands();
}

#[test]
fn a_wall_that_appears_right_in_front_stops_it() {
    let mut l = Loop::new(hall(), Pose2::new(1.0, 4.0, 0.0));
    l.goal(Pose2::new(10.5, 4.0, 0.0));
    l.run(5.0);
    // As near as the braking tail reached: anything nearer nobody could stop for.
    let x = l.pose.x_m + 0.35 + 0.95;
    l.grid = crate::common::grid([12.0, 8.0], Point2::default(), &[[x, 0.0, x + 0.2, 8.0]]);
    l.lethal = crate::common::lethal_cells(&l.grid);
    l.least_clearance_m = 1.0;
    l.run(4.0);
    assert!(
        l.twist.v_mps.abs() < 0.02 && l.least_clearance_m > 0.0,
        "{}\n{}",
        l.least_clearance_m,
        l.trace(0.1)
    );
    assert!(l.commands.iter().any(|(_, c)| c.reason.contains("obstacle")
        || c.reason.contains("path blocked")
        || c.reason.contains("no path")));
    // Behind a wall that reaches from side to side there is no way.
    l.run(1.0);
    assert!(l.last().reason.contains("no path to the goal"), "{}", l.last().reason);
}

#[test]
fn a_localiser_that_corrects_itself_at_the_goal_is_followed() {
    let mut l = Loop::new(hall(), Pose2::new(4.0, 4.0, 0.0));
    let goal = Pose2::new(7.0, 4.0, 1.57);
    l.goal(goal);
    while l.commands.last().is_none_or(|(_, c)| c.reason != "turning to goal heading") {
        l.tick();
        assert!(l.t_s() < 20.0, "{}", l.trace(0.5));
    }
    // Farther off than the tolerance, and not as far as a displacement that ends the turn.
    l.world_model = |world| world.ego.pose.y_m -= 0.18;
    assert!(l.run_to_end(10.0), "{}", l.trace(0.5));
    let there = Pose2 { y_m: l.pose.y_m - 0.18, ..l.pose };
    assert!(there.position().distance_m(goal.position()) <= 0.17, "{there:?}");
    l.check_commands();
}

/// Accelerations of the commands from one time on: when, dt, and the change of speed and turn rate over it.
fn accelerations(l: &Loop, from_s: f64) -> Vec<(f64, f64, f64, f64)> {
    let pairs = l.commands.windows(2).filter(|w| w[0].0 >= from_s);
    pairs
        .map(|w| {
            let (dt, a, b) = (w[1].0 - w[0].0, w[0].1.twist, w[1].1.twist);
            (w[1].0, dt, (b.v_mps - a.v_mps) / dt, (b.w_radps - a.w_radps) / dt)
        })
        .collect()
}

#[test]
fn commands_are_limited_in_jerk() {
    for lag_s in [0.0, 0.15] {
        let mut l = Loop::new(two_rooms(), Pose2::new(2.0, 2.0, 2.5));
        l.lag_s = lag_s;
        l.goal(Pose2::new(10.0, 6.0, -1.57));
        while l.status() != TreeStatus::Success {
            l.tick();
            assert!(l.t_s() < 40.0, "{}", l.trace(0.5));
        }
        let limits = l.robot.limits;
        let jerk_radps3 = limits.jerk_mps3 * limits.alpha_radps2 / limits.accel_mps2;
        // The last command is the stop at the goal.
        let all = accelerations(&l, 0.0);
        for pair in all[..all.len() - 1].windows(2) {
            let ((_, _, v0, w0), (t_s, dt, v1, w1)) = (pair[0], pair[1]);
            assert!((v1 - v0).abs() <= limits.jerk_mps3 * dt + 1e-6, "{t_s}: {v0} {v1}\n{}", l.trace(0.5));
            assert!((w1 - w0).abs() <= jerk_radps3 * dt + 1e-6, "{t_s}: {w0} {w1}\n{}", l.trace(0.5));
        }
    }
}

#[test]
fn the_limit_of_the_jerk_delays_no_stop() {
    let mut l = Loop::new(hall(), Pose2::new(1.0, 4.0, 0.0));
    l.goal(Pose2::new(10.5, 4.0, 0.0));
    l.run(5.0);
    let (before_s, x) = (l.t_s(), l.pose.x_m + 0.35 + 0.95);
    l.grid = crate::common::grid([12.0, 8.0], Point2::default(), &[[x, 0.0, x + 0.2, 8.0]]);
    l.lethal = crate::common::lethal_cells(&l.grid);
    l.run(0.12);
    // The first command that brakes brakes in full: the profile would take three periods to get there.
    let all = accelerations(&l, before_s - 0.03);
    let first = all.iter().map(|a| a.2).find(|a| *a < -0.01).unwrap();
    assert!(first < -0.95 * l.robot.limits.decel_mps2, "{first}\n{}", l.trace(0.1));
}

#[test]
fn a_goal_in_a_wall_is_given_up_with_the_reason() {
    let mut l = Loop::new(two_rooms(), Pose2::new(2.0, 2.0, 0.0));
    let grid = l.grid.clone();
    l.send(Input::GlobalGrid(grid));
    l.goal(Pose2::new(6.0, 2.0, 0.0));
    l.run(1.0);
    assert_eq!(l.last().reason, "waiting: goal is blocked");
    assert!(l.run_to_end(90.0));
    assert_eq!((l.status(), l.last().reason.as_str()), (TreeStatus::Failure, "gave up: goal is blocked"));
    assert_eq!(l.decisions.last().unwrap().goal_id, 1);
    // The next one is taken.
    l.goal(Pose2::new(3.0, 3.0, 0.0));
    l.run(0.05);
    assert!(l.run_to_end(20.0));
    assert_eq!((l.status(), l.decisions.last().unwrap().goal_id), (TreeStatus::Success, 2));
}

#[test]
fn the_same_inputs_give_the_same_outputs() {
    let run = || {
        let mut l = Loop::new(two_rooms(), Pose2::new(2.0, 2.0, 1.0));
        l.walkers = vec![Walker {
            from: Point2::new(4.0, 7.0),
            velocity: Point2::new(0.0, -1.0),
            starts_s: 1.0,
            ends_s: 6.0,
        }];
        l.goal(Pose2::new(9.0, 3.0, 0.0));
        l.run(8.0);
        l.outputs
    };
    let (a, b) = (run(), run());
    assert!(a.len() > 600);
    assert_eq!(a, b);
}
