//! The baseline of the BARN challenge: `move_base` of ROS 1 as the challenge sets it up for the Jackal (`NavfnROS`, and
//! `TrajectoryPlannerROS` at 0.5 m/s), written anew after its behaviour. Constants are named after its parameters and have the
//! challenge's values, or `move_base`'s own where the challenge sets none (docs/barn.md). It stands for the published
//! numbers, to see that the simulator is as hard as theirs; nothing of it is part of the suite, and nothing of the suite
//! watches over it.

mod costmap;
mod field;
mod navfn;
mod outline;
mod rollout;

use super::straight::Controller;
use costmap::Costmap;
use navfn::NavFn;
use outrider_foundation::data::{Odometry, Scan};
use outrider_foundation::geometry::wrap_angle;
use outrider_foundation::{Point2, Pose2, Span, Twist2};
use rollout::{ALPHA_RADPS2, Rollout, W_IN_PLACE_RADPS, W_MAX_RADPS};
use std::collections::VecDeque;
use std::f64::consts::PI;

/// Half of `controller_frequency`'s, `planner_frequency`'s and the local costmap's period of 50 ms. In `move_base` costmap,
/// planner and controller run in threads of their own, so that a velocity is chosen on a map and along a path that are up to a
/// period old: here they are half of one old, in every run.
const HALF_PERIOD: Span = Span::from_millis(25);
/// A sweep reaches the costmap when the transform 50 ms after its stamp is known (the obstacle layer's message filter).
const SWEEP_AGE_S: f64 = 0.05;
/// Sweeps on their way: as many as come in that time at 100 Hz and more.
const SWEEP_LIMIT: usize = 8;
/// `controller_patience`: without a velocity for so long it recovers.
const CONTROLLER_PATIENCE_S: f64 = 15.0;
/// `planner_patience`: without a path for so long it recovers.
const PLANNER_PATIENCE_S: f64 = 5.0;
/// `yaw_goal_tolerance`: so near to a heading a turn has reached it.
const YAW_TOLERANCE_RAD: f64 = 0.157;
/// Angle between two headings at which a turn is tried for contact.
const TRY_RAD: f64 = 0.017;
/// The recoveries in their order. The challenge's obstacle layer does not have the name of the one that would be cleared
/// (`obstacles`), so that clearing clears nothing.
const RECOVERIES: [Recovery; 4] = [Recovery::Clear, Recovery::Turn, Recovery::Clear, Recovery::Turn];

#[derive(Clone, Copy)]
enum Recovery {
    Clear,
    Turn,
}

/// What it is doing.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    /// Waiting for a path.
    Plan,
    /// Driving along it.
    Control,
    /// The next recovery.
    Recover,
    /// Turning round once.
    Turn {
        from_rad: f64,
        /// Half of it is done.
        half: bool,
    },
    /// It gave up.
    Abort,
}

/// What the last recovery was for.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Trigger {
    Path,
    Velocity,
}

/// The planner.
pub struct Dwa {
    goal: Pose2,
    map: Costmap,
    /// Sweeps that have not reached the costmap, from where, and when they came; the oldest first.
    sweeps: VecDeque<(Scan, Pose2, f64)>,
    /// What time it was at the last call.
    now_s: f64,
    /// Whether a velocity is due, after the map was updated and a path sought.
    act: bool,
    twist: Twist2,
    navfn: NavFn,
    rollout: Rollout,
    path: Vec<Point2>,
    phase: Phase,
    /// When there last was a path, a velocity.
    path_s: f64,
    velocity_s: f64,
    trigger: Trigger,
    recoveries: usize,
}

impl Dwa {
    /// To a goal in the odometry frame.
    pub fn new(goal: Pose2) -> Self {
        Self {
            goal,
            map: Costmap::new(),
            sweeps: VecDeque::new(),
            now_s: 0.0,
            act: false,
            twist: Twist2::ZERO,
            navfn: NavFn::new(),
            rollout: Rollout::new(),
            path: Vec::new(),
            phase: Phase::Plan,
            path_s: 0.0,
            velocity_s: 0.0,
            trigger: Trigger::Path,
            recoveries: 0,
        }
    }

    /// Takes the newest sweep that has come through into the map, and seeks a path over it.
    fn look(&mut self, t_s: f64, pose: Pose2) {
        let mut newest = None;
        while self.sweeps.front().is_some_and(|(_, _, came_s)| t_s - came_s >= SWEEP_AGE_S) {
            newest = self.sweeps.pop_front();
        }
        self.map.update(newest.as_ref().map(|(scan, from, _)| (scan, *from)), pose);
        let turns = matches!(self.phase, Phase::Turn { .. });
        let for_path = self.phase == Phase::Recover && self.trigger == Trigger::Path;
        if !turns && !for_path && self.phase != Phase::Abort {
            self.plan(t_s, pose);
        }
    }

    /// The velocity to have.
    fn act(&mut self, t_s: f64, odometry: &Odometry) -> Twist2 {
        let pose = odometry.odom_from_base;
        match self.phase {
            Phase::Turn { from_rad, half } => self.turn(t_s, pose, from_rad, half),
            Phase::Control => self.control(t_s, pose, odometry.twist),
            Phase::Recover => {
                self.recover(t_s, pose);
                Twist2::ZERO
            }
            Phase::Plan | Phase::Abort => Twist2::ZERO,
        }
    }

    /// As often as a velocity is due. Paths are sought beside everything else: where one is found, a recovery for want of a
    /// velocity does not take place.
    fn plan(&mut self, t_s: f64, pose: Pose2) {
        match self.navfn.plan(&self.map, pose.position(), self.goal.position()) {
            Some(path) => {
                self.path = path;
                self.path_s = t_s;
                self.phase = Phase::Control;
                if self.trigger == Trigger::Path {
                    self.recoveries = 0;
                }
            }
            None if self.phase == Phase::Plan && t_s - self.path_s > PLANNER_PATIENCE_S => {
                self.phase = Phase::Recover;
                self.trigger = Trigger::Path;
            }
            None => {}
        }
    }

    fn control(&mut self, t_s: f64, pose: Pose2, now: Twist2) -> Twist2 {
        if let Some(twist) = self.rollout.choose(&self.map, &self.path, pose, now) {
            self.velocity_s = t_s;
            if self.trigger == Trigger::Velocity {
                self.recoveries = 0;
            }
            return twist;
        }
        if t_s - self.velocity_s > CONTROLLER_PATIENCE_S {
            self.phase = Phase::Recover;
            self.trigger = Trigger::Velocity;
        } else {
            self.phase = Phase::Plan;
            self.path_s = t_s;
        }
        Twist2::ZERO
    }

    fn recover(&mut self, t_s: f64, pose: Pose2) {
        self.path_s = t_s;
        self.phase = match RECOVERIES.get(self.recoveries) {
            Some(Recovery::Clear) => Phase::Plan,
            Some(Recovery::Turn) => Phase::Turn { from_rad: pose.yaw_rad, half: false },
            None => Phase::Abort,
        };
        self.recoveries += 1;
    }

    /// Once round to the left, as long as the whole rest of it is free.
    fn turn(&mut self, t_s: f64, pose: Pose2, from_rad: f64, half: bool) -> Twist2 {
        let from_start = wrap_angle(pose.yaw_rad - from_rad).abs();
        let to_half = PI - from_start;
        let half = half || to_half < YAW_TOLERANCE_RAD;
        let left_rad = if half { from_start } else { PI + to_half };
        let is_free = |k: usize| {
            let yaw_rad = pose.yaw_rad + TRY_RAD * k as f64;
            rollout::under(&self.map, Pose2 { yaw_rad, ..pose }).is_some()
        };
        let done = half && from_start <= YAW_TOLERANCE_RAD;
        if done || !(0..(left_rad / TRY_RAD) as usize + 1).all(is_free) {
            self.phase = Phase::Plan;
            self.path_s = t_s;
            return Twist2::ZERO;
        }
        self.phase = Phase::Turn { from_rad, half };
        let w_radps = (2.0 * ALPHA_RADPS2 * left_rad).sqrt().clamp(W_IN_PLACE_RADPS, W_MAX_RADPS);
        Twist2::new(0.0, w_radps)
    }
}

impl Controller for Dwa {
    fn see(&mut self, scan: &Scan, odometry: &Odometry) {
        if self.sweeps.len() >= SWEEP_LIMIT {
            self.sweeps.pop_front();
        }
        self.sweeps.push_back((scan.clone(), odometry.odom_from_base, self.now_s));
    }

    fn drive(&mut self, t_s: f64, odometry: &Odometry) -> Twist2 {
        self.now_s = t_s;
        if self.act {
            self.twist = self.act(t_s, odometry);
        } else {
            self.look(t_s, odometry.odom_from_base);
        }
        self.act = !self.act;
        self.twist
    }

    fn period(&self) -> Span {
        HALF_PERIOD
    }

    fn state(&self) -> String {
        let Self { phase, trigger, recoveries, .. } = self;
        let escapes = self.rollout.escapes();
        format!("{phase:?}, {recoveries} recoveries for want of a {trigger:?}, backed out {escapes} times")
    }
}
