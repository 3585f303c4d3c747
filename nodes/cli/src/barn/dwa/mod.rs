//! The baseline of the BARN challenge, in kind: ROS 1's `move_base` on the Jackal, with a 0.5 m/s dynamic-window planner.
//! A costmap of what the lidar has seen, a cheapest path over it once a second, velocities sampled 20 times a second, and
//! the usual recoveries. Constants are named after `move_base`'s parameters; their values were not compared with the
//! challenge's files. It stands for the published numbers, to see that the simulator is as hard as theirs; nothing of it is
//! part of the suite, and nothing of the suite watches over it.

mod costmap;
mod path;
mod rollout;

use super::straight::Controller;
use costmap::Costmap;
use outrider_foundation::data::{Odometry, Scan};
use outrider_foundation::{Point2, Pose2, Span, Twist2};
use rollout::Rollout;

/// `controller_frequency: 20`.
const PERIOD: Span = Span::from_millis(50);
/// `planner_frequency: 1`.
const PLAN_PERIOD_S: f64 = 1.0;
/// `controller_patience`: without a velocity for so long it recovers.
const PATIENCE_S: f64 = 5.0;
/// `oscillation_timeout` and `oscillation_distance`.
const OSCILLATION_S: f64 = 10.0;
const OSCILLATION_M: f64 = 0.2;
/// `conservative_reset_dist`: obstacles farther than this are forgotten.
const RESET_M: f64 = 3.0;
/// Turn rate of the turn on the spot (`rotate_recovery`), rad/s.
const SPIN_RADPS: f64 = 1.0;

/// What it is doing.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    Follow,
    /// Turning round to see everything anew, until this time.
    Spin {
        until_s: f64,
    },
}

/// The planner.
pub struct Dwa {
    goal: Pose2,
    map: Costmap,
    /// The newest sweep, and from where; the map takes it in when a velocity is due, as `update_frequency: 20` does.
    seen: Option<(Scan, Pose2)>,
    rollout: Rollout,
    path: Vec<Point2>,
    planned_s: Option<f64>,
    /// When a velocity was last found.
    moved_s: f64,
    /// Where and when it last got on.
    got_on: Option<(Pose2, f64)>,
    phase: Phase,
    recoveries: u32,
    spun: u32,
}

impl Dwa {
    /// To a goal in the odometry frame.
    pub fn new(goal: Pose2) -> Self {
        Self {
            goal,
            map: Costmap::new(),
            seen: None,
            rollout: Rollout::new(),
            path: Vec::new(),
            planned_s: None,
            moved_s: 0.0,
            got_on: None,
            phase: Phase::Follow,
            recoveries: 0,
            spun: 0,
        }
    }

    fn plan(&mut self, t_s: f64, pose: Pose2) {
        if self.planned_s.is_some_and(|at| t_s - at < PLAN_PERIOD_S) {
            return;
        }
        self.planned_s = Some(t_s);
        if let Some(found) = path::cheapest(&self.map, pose.position(), self.goal.position()) {
            self.path = found;
        }
    }

    /// The recoveries of `move_base` in their order: forget what is far, turn round, forget everything, turn round.
    fn recover(&mut self, t_s: f64, pose: Pose2) {
        self.moved_s = t_s;
        self.got_on = None;
        self.planned_s = None;
        match self.recoveries % 4 {
            0 => self.map.forget_beyond(pose.position(), RESET_M),
            2 => self.map.forget_beyond(pose.position(), 0.0),
            _ => self.phase = Phase::Spin { until_s: t_s + std::f64::consts::TAU / SPIN_RADPS },
        }
        self.recoveries += 1;
    }

    fn spin(&mut self, t_s: f64, until_s: f64, pose: Pose2) -> Twist2 {
        let twist = Twist2::new(0.0, SPIN_RADPS);
        if t_s >= until_s || !self.rollout.is_free(&self.map, pose, twist, 0.5) {
            self.phase = Phase::Follow;
            self.moved_s = t_s;
            self.spun += 1;
            return Twist2::ZERO;
        }
        twist
    }
}

impl Controller for Dwa {
    fn see(&mut self, scan: &Scan, odometry: &Odometry) {
        self.seen = Some((scan.clone(), odometry.odom_from_base));
    }

    fn drive(&mut self, t_s: f64, odometry: &Odometry) -> Twist2 {
        let pose = odometry.odom_from_base;
        if let Some((scan, from)) = self.seen.take() {
            self.map.see(&scan, from);
        }
        self.map.inflate();
        if let Phase::Spin { until_s } = self.phase {
            return self.spin(t_s, until_s, pose);
        }
        self.plan(t_s, pose);
        let chosen = self.rollout.choose(&self.map, &self.path, pose, odometry.twist);
        match chosen {
            Some(twist) => {
                self.moved_s = t_s;
                let (from, since_s) = *self.got_on.get_or_insert((pose, t_s));
                if from.position().distance_m(pose.position()) >= OSCILLATION_M {
                    self.got_on = Some((pose, t_s));
                    self.recoveries = 0;
                } else if t_s - since_s > OSCILLATION_S {
                    self.recover(t_s, pose);
                }
                twist
            }
            None => {
                if t_s - self.moved_s > PATIENCE_S {
                    self.recover(t_s, pose);
                }
                Twist2::ZERO
            }
        }
    }

    fn period(&self) -> Span {
        PERIOD
    }

    fn state(&self) -> String {
        let Self { phase, recoveries, spun, .. } = self;
        format!("{phase:?}, {recoveries} recoveries since it got on, {spun} turns on the spot")
    }
}
