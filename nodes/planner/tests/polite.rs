//! Somebody who waits for the robot, and a robot that waits for him: one of them has to make way.

// Helpers of an integration test are outside of #[test] functions.

use crate::common::{Loop, Walker, grid, two_rooms};
use outrider_foundation::data::{CommandSource, GateMode, GateState, TreeStatus};
use outrider_foundation::{Point2, Pose2, Twist2};
use outrider_planner::Input;

/// He stands still rather than come nearer to the robot's outline than this, as the simulator's people do.
const WAITS_WITHIN_M: f64 = 0.5;
const RADIUS_M: f64 = 0.25;

/// Walks along points, one after the other, and waits where the robot is in his way.
struct Polite {
    at: Point2,
    points: Vec<Point2>,
    speed_mps: f64,
    waited_s: f64,
}

impl Polite {
    fn step(&mut self, l: &mut Loop) {
        let Some(to) = self.points.first().copied() else {
            l.walkers = vec![standing(self.at)];
            return;
        };
        let left_m = self.at.distance_m(to);
        let step_m = (self.speed_mps * crate::common::STEP_S).min(left_m);
        let share = if left_m > 0.0 { step_m / left_m } else { 0.0 };
        let next = Point2::new(
            self.at.x_m + share * (to.x_m - self.at.x_m),
            self.at.y_m + share * (to.y_m - self.at.y_m),
        );
        let gap = |p: Point2| l.robot.footprint.signed_distance_m(l.pose.inverse().apply(p)) - RADIUS_M;
        if gap(next) < WAITS_WITHIN_M && gap(next) < gap(self.at) {
            self.waited_s += crate::common::STEP_S;
            l.walkers = vec![standing(self.at)];
            return;
        }
        let velocity = Point2::new(
            (next.x_m - self.at.x_m) / crate::common::STEP_S,
            (next.y_m - self.at.y_m) / crate::common::STEP_S,
        );
        l.walkers = vec![Walker { from: self.at, velocity, starts_s: l.t_s(), ends_s: l.t_s() + 5.0 }];
        self.at = next;
        if left_m <= step_m {
            self.points.remove(0);
        }
    }
}

fn standing(at: Point2) -> Walker {
    Walker { from: at, velocity: Point2::default(), starts_s: 0.0, ends_s: 0.0 }
}

/// Runs until the robot is at its goal; false when it takes longer.
fn run(l: &mut Loop, he: &mut Polite, limit_s: f64) -> bool {
    let until_s = l.t_s() + limit_s;
    while l.t_s() < until_s {
        he.step(l);
        l.tick();
        if l.status() == TreeStatus::Success {
            return true;
        }
    }
    false
}

#[test]
fn in_a_doorway_the_robot_makes_way_for_somebody_who_waits_for_it() {
    let mut backed = 0;
    // He sets out so that they meet before, in and behind the doorway at x = 6.
    for x_m in [8.0, 9.0, 10.0, 11.0] {
        let mut l = Loop::new(two_rooms(), Pose2::new(2.0, 4.0, 0.0));
        let grid = l.grid.clone();
        l.send(Input::GlobalGrid(grid));
        let goal = Pose2::new(10.0, 6.0, 0.0);
        l.goal(goal);
        let points = vec![Point2::new(3.0, 4.0), Point2::new(1.0, 6.5)];
        let mut he = Polite { at: Point2::new(x_m, 4.0), points, speed_mps: 0.9, waited_s: 0.0 };
        let arrived = run(&mut l, &mut he, 90.0);
        assert!(arrived, "from {x_m}: he is at {:?}\n{}", he.at, l.trace(1.0));
        l.assert_arrived(goal, 0.05);
        l.check_commands();
        // He may walk up to the robot as it turns, and never does it touch him.
        assert!(l.least_person_m > 0.2, "from {x_m}: {} m\n{}", l.least_person_m, l.trace(0.5));
        backed += l.decisions.iter().filter(|d| d.active_node == "BackUp").count();
    }
    assert!(backed > 50, "{backed}");
}

/// Holds the robot in one place, turned by `yaw` over time, whatever it commands.
fn held(l: &mut Loop, seconds: f64, gate: Option<&GateState>, yaw: impl Fn(f64) -> f64) {
    let (at, until_s) = (l.pose, l.t_s() + seconds);
    while l.t_s() < until_s {
        if let Some(gate) = gate {
            l.send(Input::Gate(gate.clone()));
        }
        l.pose = Pose2 { yaw_rad: yaw(l.t_s()), ..at };
        l.twist = Twist2::ZERO;
        l.tick();
    }
}

fn says(l: &Loop, what: &str) -> bool {
    l.commands.iter().any(|(_, command)| command.reason.contains(what))
}

fn in_the_hall() -> Loop {
    let mut l = Loop::new(grid([12.0, 8.0], Point2::default(), &[]), Pose2::new(4.0, 4.0, 0.0));
    l.goal(Pose2::new(10.0, 4.0, 0.0));
    l
}

#[test]
fn proposals_that_are_refused_for_long_are_a_lack_of_progress_but_a_closed_gate_is_not() {
    for (mode, fails) in [(GateMode::Forwarding, true), (GateMode::Teleop, false)] {
        let mut l = in_the_hall();
        let gate = GateState { mode, command_source: CommandSource::Recovery, ..GateState::default() };
        held(&mut l, 17.0, Some(&gate), |_| 0.0);
        assert_eq!(says(&l, "no progress along the path"), fails, "{mode:?}\n{}", l.trace(1.0));
    }
}

#[test]
fn turning_before_the_same_person_is_no_progress_for_long() {
    let sway = |t_s: f64| 0.4 * libm::sin(t_s);
    let mut l = in_the_hall();
    held(&mut l, 8.0, None, sway);
    assert!(!says(&l, "face to face"), "{}", l.trace(1.0));
    let mut l = in_the_hall();
    l.walkers = vec![standing(Point2::new(5.2, 4.0))];
    held(&mut l, 4.5, None, sway);
    assert!(!says(&l, "face to face"), "{}", l.trace(1.0));
    // Turning counts twice, by 0.3 rad each.
    held(&mut l, 5.5, None, sway);
    assert!(says(&l, "face to face with somebody"), "{}", l.trace(1.0));
}

#[test]
fn before_whom_there_is_no_way_past_it_makes_room_sooner() {
    let after_s = |gap_m: f64| {
        let mut l = in_the_hall();
        l.walkers = vec![standing(Point2::new(4.35 + RADIUS_M + gap_m, 4.0))];
        while l.t_s() < 10.0 && !says(&l, "face to face") {
            held(&mut l, 0.1, None, |_| 0.0);
        }
        l.t_s()
    };
    let (near_s, far_s) = (after_s(0.05), after_s(0.5));
    assert!((2.9..3.5).contains(&near_s) && (4.9..5.5).contains(&far_s), "{near_s} s, {far_s} s");
}

#[test]
fn the_robot_does_not_turn_before_the_feet_of_somebody_who_closes_in() {
    let run = |velocity_mps: f64| {
        let mut l = Loop::new(grid([12.0, 8.0], Point2::default(), &[]), Pose2::new(4.0, 4.0, 0.0));
        l.walkers = vec![Walker {
            from: Point2::new(5.2, 4.0),
            velocity: Point2::new(-velocity_mps, 0.0),
            starts_s: 0.0,
            ends_s: 0.7,
        }];
        l.goal(Pose2::new(1.0, 4.0, 0.0));
        l.run(0.7);
        let turned = l.commands.iter().any(|(_, command)| command.twist.w_radps.abs() > 1e-9);
        (l, turned)
    };
    let (mut l, turned) = run(0.6);
    assert!(!turned && says(&l, "standing still: person #1 closes in at"), "{}", l.trace(0.1));
    l.walkers.clear();
    l.run(2.0);
    assert!(l.commands.iter().any(|(_, command)| command.twist.w_radps.abs() > 0.1), "{}", l.trace(0.2));
    let (l, turned) = run(0.0);
    assert!(turned, "{}", l.trace(0.1));
}

#[test]
fn with_somebody_close_behind_it_leaves_no_faster_than_beside_him() {
    let mut l = Loop::new(crate::common::hall(), Pose2::new(2.0, 4.0, 0.0));
    l.goal(Pose2::new(10.0, 4.0, 0.0));
    // He follows it at 0.4 m/s, 0.1 m behind its rear at first.
    let behind = Point2::new(2.0 - 0.35 - RADIUS_M - 0.1, 4.0);
    l.walkers = vec![Walker { from: behind, velocity: Point2::new(0.4, 0.0), starts_s: 0.0, ends_s: 3.0 }];
    let (close_mps, mut close_s, mut fastest_mps) = (crate::common::config().yielding.close_mps, 0.0, 0.0f64);
    for _ in 0..(8.0 / crate::common::STEP_S) as usize {
        let he = l.walkers[0].at(l.t_s());
        let gap_m = l.robot.footprint.signed_distance_m(l.pose.inverse().apply(he)) - RADIUS_M;
        l.tick();
        let v_mps = l.last().twist.v_mps;
        if gap_m < 0.38 {
            close_s += crate::common::STEP_S;
            assert!(v_mps <= close_mps + 1e-9, "{gap_m}: {v_mps}\n{}", l.trace(0.2));
        }
        fastest_mps = fastest_mps.max(v_mps);
    }
    assert!(close_s > 1.5 && fastest_mps > 0.8, "{close_s} {fastest_mps}\n{}", l.trace(0.5));
    let told = l.decisions.iter().any(|d| d.constraint.contains("person #1 beside at 0."));
    assert!(told, "{}", l.trace(0.2));
}

/// Somebody stands 0.2 m from the robot's side, and the goal lies behind him: past him and round, not back first.
#[test]
fn who_stands_beside_the_robot_is_driven_past() {
    for (x_m, side) in [(4.15, 1.0), (4.15, -1.0), (4.0, 1.0), (3.9, -1.0)] {
        let mut l = Loop::new(grid([12.0, 8.0], Point2::default(), &[]), Pose2::new(4.0, 4.0, 0.0));
        let goal = Pose2::new(5.0, 4.0 + side * 3.0, side * 1.57);
        l.goal(goal);
        l.walkers = vec![standing(Point2::new(x_m, 4.0 + side * 0.7))];
        let arrived = l.run_to_end(25.0);
        assert!(arrived, "{x_m}, {side}\n{}", l.trace(0.5));
        l.assert_arrived(goal, 0.05);
        l.check_commands();
        assert!(l.least_person_m > 0.19, "{x_m}, {side}: {} m\n{}", l.least_person_m, l.trace(0.5));
        assert!(says(&l, "past "), "{x_m}, {side}\n{}", l.trace(0.5));
        assert!(!l.decisions.iter().any(|d| d.active_node == "BackUp"), "{x_m}, {side}\n{}", l.trace(0.5));
    }
}

/// The way past him begins along the robot, not with a turn away from him.
#[test]
fn the_way_past_who_stands_beside_the_robot_begins_straight_on() {
    for side in [1.0, -1.0] {
        let mut l = Loop::new(grid([12.0, 8.0], Point2::default(), &[]), Pose2::new(4.0, 4.0, 0.0));
        l.goal(Pose2::new(10.0, 4.0, 0.0));
        l.walkers = vec![standing(Point2::new(4.0, 4.0 + side * 0.7))];
        l.run(2.5);
        let plan = l.plans.iter().rfind(|plan| !plan.is_empty()).unwrap();
        let ahead = plan.iter().find(|p| p.position().distance_m(l.pose.position()) > 0.3).unwrap();
        let bearing_rad = libm::atan2(ahead.y_m - l.pose.y_m, ahead.x_m - l.pose.x_m);
        assert!(bearing_rad.abs() < 0.6, "{side}: {bearing_rad} rad\n{}", l.trace(0.5));
    }
}
