//! Somebody who waits for the robot, and a robot that waits for him: one of them has to make way.
// Helpers of an integration test are outside of #[test] functions.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use common::{Loop, Walker, two_rooms};
use outrider_foundation::data::TreeStatus;
use outrider_foundation::{Point2, Pose2};

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
        let step_m = (self.speed_mps * common::STEP_S).min(left_m);
        let share = if left_m > 0.0 { step_m / left_m } else { 0.0 };
        let next = Point2::new(
            self.at.x_m + share * (to.x_m - self.at.x_m),
            self.at.y_m + share * (to.y_m - self.at.y_m),
        );
        let gap = |p: Point2| l.robot.footprint.signed_distance_m(l.pose.inverse().apply(p)) - RADIUS_M;
        if gap(next) < WAITS_WITHIN_M && gap(next) < gap(self.at) {
            self.waited_s += common::STEP_S;
            l.walkers = vec![standing(self.at)];
            return;
        }
        let velocity =
            Point2::new((next.x_m - self.at.x_m) / common::STEP_S, (next.y_m - self.at.y_m) / common::STEP_S);
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
        l.send(outrider_planner::Input::GlobalGrid(grid));
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
