//! Regulated pure pursuit with rotation on the spot (Macenski et al., "Regulated pure pursuit for robot path tracking",
//! Autonomous Robots 2023; the terms are those of Nav2's controller).

use crate::config::{FollowConfig, GoalConfig};
use crate::path::Path;
use crate::safety::Wish;
use outrider_foundation::geometry::wrap_angle;
use outrider_foundation::robot::DriveLimits;
use outrider_foundation::{Pose2, Twist2};

/// How far along the path the robot may have come since the last look, m.
const PROJECTION_WINDOW_M: f64 = 2.0;
/// The goal is passed when less than this is left ahead, m.
const PASSED_M: f64 = 0.03;

/// How narrow it is ahead is looked at so often, m,
const NARROW_STEP_M: f64 = 0.1;
/// and at most so many times.
const NARROW_STEPS: u32 = 20;

/// What the pursuit wants, and why no more.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Steering {
    /// Speed and turn.
    pub wish: Wish,
    /// What limits the speed, in a few words; empty when it is the cruising speed.
    pub limit: &'static str,
    /// How fast it may be for what is beside it, m/s.
    pub beside_mps: f64,
    /// The robot turns on the spot.
    pub rotating: bool,
    /// By how much, the short way round.
    pub error_rad: f64,
    /// To the goal's heading, at the goal.
    pub at_goal: bool,
}

/// Follows one path after the other; remembers where it is.
#[derive(Clone, Debug)]
pub struct Follower {
    config: FollowConfig,
    goal: GoalConfig,
    limits: DriveLimits,
    progress_m: f64,
    deviation_m: f64,
    rotating: bool,
    arrived: bool,
}

impl Follower {
    /// For a robot with these limits.
    pub fn new(config: &FollowConfig, goal: &GoalConfig, limits: &DriveLimits) -> Self {
        Self {
            config: config.clone(),
            goal: goal.clone(),
            limits: *limits,
            progress_m: 0.0,
            deviation_m: 0.0,
            rotating: false,
            arrived: false,
        }
    }

    /// A new path begins; with `same_goal` a turn on the spot goes on.
    pub fn restart(&mut self, same_goal: bool) {
        self.progress_m = 0.0;
        self.deviation_m = 0.0;
        if !same_goal {
            self.rotating = false;
            self.arrived = false;
        }
    }

    /// Distance along the path, m.
    pub const fn progress_m(&self) -> f64 {
        self.progress_m
    }

    /// Distance from the path, m.
    pub const fn deviation_m(&self) -> f64 {
        self.deviation_m
    }

    /// Notes where the robot is along the path.
    pub fn locate(&mut self, path: &Path, pose: Pose2) {
        let (progress_m, deviation_m) = path.project(pose.position(), self.progress_m, PROJECTION_WINDOW_M);
        self.progress_m = progress_m;
        self.deviation_m = deviation_m;
    }

    /// What to do at `pose` (in the path's frame) with measured velocity `measured`; `clearance_m` is the outline's distance from obstacles
    /// at a pose. [`Self::locate`] comes first.
    pub fn steer(
        &mut self,
        path: &Path,
        pose: Pose2,
        measured: Twist2,
        clearance_m: impl Fn(Pose2) -> f64,
    ) -> Steering {
        let end = path.end();
        let left_m = end.position().distance_m(pose.position());
        if path.complete && self.has_arrived(pose, end, measured) {
            return self.turn(wrap_angle(end.yaw_rad - pose.yaw_rad), true);
        }
        let c = &self.config;
        let reach_m = (measured.v_mps.abs() * c.lookahead_time_s).clamp(c.lookahead_min_m, c.lookahead_max_m);
        let carrot = pose.inverse().apply(path.at(self.progress_m + reach_m).position());
        let bearing_rad = libm::atan2(carrot.y_m, carrot.x_m);
        let range_sq = carrot.x_m * carrot.x_m + carrot.y_m * carrot.y_m;
        let threshold_rad = if self.rotating { c.rotate_stop_rad } else { c.rotate_start_rad };
        self.rotating = bearing_rad.abs() > threshold_rad && range_sq > 1e-6;
        if self.rotating {
            return self.turn(bearing_rad, false);
        }
        let curvature = if range_sq > 1e-6 { 2.0 * carrot.y_m / range_sq } else { 0.0 };
        let ahead_m = (path.length_m() - self.progress_m).max(left_m);
        let beside_mps = self.beside_mps(path, pose, clearance_m);
        let (v_mps, limit) = self.speed(curvature, beside_mps, ahead_m);
        let wish = Wish { v_mps, turn: curvature, curve: true };
        Steering { wish, limit, beside_mps, rotating: false, error_rad: 0.0, at_goal: false }
    }

    /// Near enough to the goal to stop and turn. While it turns, only a real displacement changes that; once it stands at the heading,
    /// the goal is reached or the last bit is driven again.
    fn has_arrived(&mut self, pose: Pose2, end: Pose2, measured: Twist2) -> bool {
        let ahead = pose.inverse().apply(end.position());
        let left_m = libm::hypot(ahead.x_m, ahead.y_m);
        let tolerance_m = self.goal.xy_tolerance_m;
        let standing = measured.v_mps.abs() < self.goal.stopped_mps;
        if self.arrived {
            let turned = wrap_angle(end.yaw_rad - pose.yaw_rad).abs() <= self.goal.yaw_tolerance_rad
                && measured.w_radps.abs() < self.goal.stopped_radps;
            let keep_m = if standing && turned { tolerance_m } else { 1.5 * tolerance_m };
            self.arrived = left_m <= keep_m;
            // So near, it faces the goal before it drives: a bend would lead past it.
            self.rotating |= !self.arrived;
        } else {
            let on_spot = left_m <= 0.5 * tolerance_m && standing;
            self.arrived = left_m <= 0.9 * tolerance_m && (ahead.x_m <= PASSED_M || on_spot);
        }
        self.arrived
    }

    /// Turning on the spot, coming to rest at the heading.
    fn turn(&self, error_rad: f64, at_goal: bool) -> Steering {
        let alpha = self.limits.alpha_radps2 * self.config.rotate_decel_share;
        let rate = (2.0 * alpha * error_rad.abs()).sqrt().min(self.config.rotate_radps);
        // Near the heading in proportion: the square root is too steep there.
        let rate = rate.min(3.0 * error_rad.abs());
        let wish = Wish { v_mps: 0.0, turn: rate.copysign(error_rad), curve: false };
        let limit = if at_goal { "goal heading" } else { "path heading" };
        Steering { wish, limit, beside_mps: self.config.cruise_mps, rotating: true, error_rad, at_goal }
    }

    /// How fast it may be for what is beside it, here and as far ahead as it takes to slow down: it comes to a narrow place as slow as it is to
    /// be there.
    fn beside_mps(&self, path: &Path, pose: Pose2, clearance_m: impl Fn(Pose2) -> f64) -> f64 {
        let c = &self.config;
        if c.slow_clearance_m <= 0.0 {
            return c.cruise_mps;
        }
        let allowed_mps = |pose: Pose2| {
            let share = (clearance_m(pose) / c.slow_clearance_m).max(0.0);
            (c.cruise_mps * share).max(c.regulated_min_mps)
        };
        let decel = self.limits.decel_mps2 * c.decel_share;
        let far_m = (c.cruise_mps * c.cruise_mps / (2.0 * decel)).min(path.length_m() - self.progress_m);
        let steps = (far_m / NARROW_STEP_M).clamp(0.0, f64::from(NARROW_STEPS)) as u32;
        let ahead_mps = |step: u32| {
            let way_m = f64::from(step) * NARROW_STEP_M;
            let there_mps = allowed_mps(path.at(self.progress_m + way_m));
            (there_mps * there_mps + 2.0 * decel * way_m).sqrt()
        };
        (1..=steps).map(ahead_mps).fold(allowed_mps(pose), f64::min)
    }

    fn speed(&self, curvature: f64, beside_mps: f64, ahead_m: f64) -> (f64, &'static str) {
        let c = &self.config;
        let bend = curvature.abs().max(1e-9);
        let mut v_mps = c.cruise_mps;
        let mut limit = "";
        let mut cap = |value: f64, why: &'static str| {
            if value < v_mps {
                v_mps = value;
                limit = why;
            }
        };
        cap((c.lateral_accel_mps2 / bend).sqrt().max(c.regulated_min_mps), "curve");
        cap((c.cruise_mps / (c.regulated_radius_m * bend)).max(c.regulated_min_mps), "curve");
        cap(self.limits.w_max_radps / bend, "turn rate");
        cap(beside_mps, "clearance");
        let decel = self.limits.decel_mps2 * c.decel_share;
        cap((2.0 * decel * ahead_m.max(0.0)).sqrt().max(c.approach_min_mps), "end of the path");
        (v_mps, limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use outrider_foundation::Point2;
    use outrider_foundation::grid::FrameId;
    use outrider_foundation::robot::example;

    const DT_S: f64 = 0.025;
    const LAG_S: f64 = 0.1;

    /// A robot that does as it is told after a lag, at the end of a straight path; the goal's heading lies across it.
    struct Drive {
        follower: Follower,
        path: Path,
        pose: Pose2,
        twist: Twist2,
        limits: DriveLimits,
        goal: GoalConfig,
        turned_rad: f64,
        /// How often it has come to the goal.
        arrivals: u32,
        at_goal: bool,
    }

    impl Drive {
        fn new(xy_tolerance_m: f64) -> Self {
            let mut config: crate::Config =
                outrider_yaml::from_str_valid(include_str!("../../../../config/planner.yaml")).unwrap();
            config.goal.xy_tolerance_m = xy_tolerance_m;
            let points: Vec<Point2> = (0..=20).map(|i| Point2::new(0.1 * f64::from(i) - 2.0, 0.0)).collect();
            let limits = example::amr().limits;
            Self {
                follower: Follower::new(&config.follow, &config.goal, &limits),
                path: Path::new(FrameId::Map, &points, Some(1.57)).unwrap(),
                pose: Pose2::new(-1.0, 0.0, 0.0),
                twist: Twist2::ZERO,
                limits,
                goal: config.goal,
                turned_rad: 0.0,
                arrivals: 0,
                at_goal: false,
            }
        }

        fn left_m(&self) -> f64 {
            self.path.end().position().distance_m(self.pose.position())
        }

        fn error_rad(&self) -> f64 {
            wrap_angle(self.path.end().yaw_rad - self.pose.yaw_rad).abs()
        }

        fn is_there(&self) -> bool {
            self.left_m() <= self.goal.xy_tolerance_m
                && self.error_rad() <= self.goal.yaw_tolerance_rad
                && self.twist.v_mps.abs() <= self.goal.stopped_mps
                && self.twist.w_radps.abs() <= self.goal.stopped_radps
        }

        fn step(&mut self) {
            self.follower.locate(&self.path, self.pose);
            let steering = self.follower.steer(&self.path, self.pose, self.twist, |_| 1.0);
            let wish = steering.wish;
            let w_radps = if wish.curve { wish.v_mps * wish.turn } else { wish.turn };
            let to = |from: f64, to: f64, most: f64| {
                from + ((to - from) * DT_S / LAG_S).clamp(-most * DT_S, most * DT_S)
            };
            self.twist.v_mps = to(self.twist.v_mps, wish.v_mps, self.limits.decel_mps2);
            self.twist.w_radps = to(self.twist.w_radps, w_radps, self.limits.alpha_radps2);
            self.pose = self.pose.advance(self.twist, DT_S);
            self.turned_rad += self.twist.w_radps.abs() * DT_S;
            self.arrivals += u32::from(steering.at_goal && !self.at_goal);
            self.at_goal = steering.at_goal;
        }

        fn run_until(&mut self, limit_s: f64, done: impl Fn(&Self) -> bool) -> bool {
            let mut left = (limit_s / DT_S) as u32;
            while left > 0 && !done(self) {
                self.step();
                left -= 1;
            }
            left > 0
        }

        /// The localiser finds that it is elsewhere.
        fn jump(&mut self, x_m: f64, y_m: f64) {
            (self.pose.x_m, self.pose.y_m) = (self.pose.x_m + x_m, self.pose.y_m + y_m);
        }
    }

    const JUMPS_M: [[f64; 2]; 6] =
        [[0.18, 0.0], [-0.18, 0.0], [0.0, 0.18], [0.0, -0.18], [0.14, 0.14], [-0.13, -0.13]];

    #[test]
    fn at_the_heading_but_too_far_off_it_drives_the_last_bit() {
        for [x_m, y_m] in JUMPS_M {
            // In the turn at the goal, and after it.
            for error_rad in [0.8, 0.02] {
                let mut drive = Drive::new(0.15);
                assert!(drive.run_until(20.0, |drive| drive.at_goal && drive.error_rad() < error_rad));
                drive.jump(x_m, y_m);
                drive.turned_rad = 0.0;
                let there = drive.run_until(15.0, Drive::is_there);
                let told = (x_m, y_m, error_rad, drive.pose, drive.twist, drive.left_m(), drive.arrivals);
                assert!(there, "{told:?}");
                // Towards it and back to the heading, once.
                assert!(drive.arrivals <= 2 && drive.turned_rad < 7.0, "{told:?} {}", drive.turned_rad);
            }
        }
    }

    #[test]
    fn a_narrow_tolerance_is_met() {
        let mut drive = Drive::new(0.03);
        assert!(drive.run_until(20.0, Drive::is_there), "{:?} {:?}", drive.pose, drive.twist);
        for [x_m, y_m] in JUMPS_M {
            for share in [0.2, 1.0] {
                drive.jump(share * x_m, share * y_m);
                let there = drive.run_until(15.0, Drive::is_there);
                assert!(there, "{x_m} {y_m} {share}: {:?} {:?}", drive.pose, drive.twist);
            }
        }
    }

    #[test]
    fn a_small_displacement_in_the_turn_does_not_begin_a_dance() {
        let mut drive = Drive::new(0.15);
        assert!(drive.run_until(20.0, |drive| drive.at_goal && drive.error_rad() < 0.8));
        drive.pose = Pose2::new(-0.2, 0.0, drive.pose.yaw_rad);
        while drive.error_rad() > 0.1 {
            drive.step();
            assert!(drive.at_goal, "{:?}", drive.pose);
        }
    }
}
