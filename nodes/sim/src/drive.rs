//! The differential drive between a velocity command and the motion of the base.
//!
//! A command waits its dead time, passes a first-order lag, and is then followed within the acceleration and braking
//! limits of the robot. A command that is too old, or that is no number, means standstill.

use crate::config::DriveConfig;
use outrider_foundation::robot::DriveLimits;
use outrider_foundation::{Pose2, Span, Twist2};
use std::collections::VecDeque;

/// The most commands under way in the dead time; beyond it the oldest is dropped and counted.
const COMMAND_LIMIT: usize = 1024;

/// A command on its way to the wheels.
#[derive(Clone, Copy, Debug)]
struct Pending {
    /// When it arrived, in world time: its age counts from there.
    arrival: Span,
    /// When it takes effect.
    due: Span,
    twist: Twist2,
}

/// State of the drive. Times are world time: simulated time since the start.
#[derive(Clone, Debug)]
pub struct Drive {
    limits: DriveLimits,
    config: DriveConfig,
    period_s: f64,
    /// How far the lag comes within one period: 1 − e^(−T/τ).
    lag_part: f64,
    dead_time: Span,
    timeout: Span,
    pending: VecDeque<Pending>,
    command: Option<Pending>,
    target: Twist2,
    /// What the controller makes of the command, within the limits.
    twist: Twist2,
    /// What the wheels do, as a velocity.
    wheels: Twist2,
    /// What the base does.
    base: Twist2,
    dropped: u64,
}

/// What the floor does under the wheels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Floor {
    /// What part of the left wheel's way is lost.
    pub slip_left: f64,
    /// And of the right one's.
    pub slip_right: f64,
    /// What part of acceleration and braking is reached.
    pub grip: f64,
}

impl Floor {
    /// A good one.
    pub const FIRM: Self = Self { slip_left: 0.0, slip_right: 0.0, grip: 1.0 };
}

impl Drive {
    /// At rest.
    pub fn new(limits: DriveLimits, config: &DriveConfig, period: Span) -> Self {
        let period_s = period.as_s();
        Self {
            limits,
            config: *config,
            period_s,
            lag_part: lag_part(config, period_s),
            dead_time: Span::from_s(config.dead_time_s),
            timeout: Span::from_s(config.command_timeout_s),
            pending: VecDeque::new(),
            command: None,
            target: Twist2::ZERO,
            twist: Twist2::ZERO,
            wheels: Twist2::ZERO,
            base: Twist2::ZERO,
            dropped: 0,
        }
    }

    /// Takes other numbers; commands that are under way keep their time.
    pub fn reconfigure(&mut self, config: &DriveConfig) {
        self.config = *config;
        self.lag_part = lag_part(config, self.period_s);
        self.dead_time = Span::from_s(config.dead_time_s);
        self.timeout = Span::from_s(config.command_timeout_s);
    }

    /// Takes a command that arrived at `arrival`. Not finite: standstill, and `false`. Faster than the robot can:
    /// limited.
    pub fn command(&mut self, arrival: Span, twist: Twist2) -> bool {
        let sound = twist.is_finite();
        let wanted = if sound { twist } else { Twist2::ZERO };
        let l = &self.limits;
        let limited = Twist2::new(
            wanted.v_mps.clamp(l.v_min_mps, l.v_max_mps),
            wanted.w_radps.clamp(-l.w_max_radps, l.w_max_radps),
        );
        // Never before the one that arrived earlier.
        let newest = self.pending.back().map_or(Span::ZERO, |p| p.due);
        let due = (arrival + self.dead_time).max(newest);
        if self.pending.len() >= COMMAND_LIMIT {
            self.pending.pop_front();
            self.dropped = self.dropped.saturating_add(1);
        }
        self.pending.push_back(Pending { arrival, due, twist: limited });
        sound
    }

    /// Moves on by one period that starts at `at`; returns the velocity of the base that holds for it.
    pub fn step(&mut self, at: Span, floor: &Floor) -> Twist2 {
        while let Some(next) = self.pending.front().copied().filter(|p| p.due <= at) {
            self.pending.pop_front();
            if !self.config.stuck {
                self.command = Some(next);
            }
        }
        let is_fresh = |c: &Pending| self.config.stuck || at - c.arrival <= self.timeout;
        let fresh = self.command.filter(is_fresh);
        // What has timed out is in force no more, also for a drive that gets stuck later.
        self.command = fresh;
        let wanted = fresh.map_or(Twist2::ZERO, |c| c.twist);
        self.target.v_mps += self.lag_part * (wanted.v_mps - self.target.v_mps);
        self.target.w_radps += self.lag_part * (wanted.w_radps - self.target.w_radps);
        let l = &self.limits;
        let c = &self.config;
        let (up, down) =
            (floor.grip * c.accel_scale * l.accel_mps2, floor.grip * c.brake_scale * l.brake_mps2);
        let turn = floor.grip * l.alpha_radps2;
        self.twist = Twist2::new(
            follow(self.twist.v_mps, self.target.v_mps, up * self.period_s, down * self.period_s),
            follow(self.twist.w_radps, self.target.w_radps, turn * self.period_s, turn * self.period_s),
        );
        (self.wheels, self.base) = self.driven(floor);
        self.base
    }

    /// What wheels and base do of what the controller wants. Where nothing is wrong with them: that, to the last bit.
    fn driven(&self, floor: &Floor) -> (Twist2, Twist2) {
        let c = &self.config;
        // Of what one of them leaves the other takes its share.
        let both = |wheel: f64, floor: f64| wheel + floor - wheel * floor;
        let slips = (both(c.slip_left, floor.slip_left), both(c.slip_right, floor.slip_right));
        let is_sound =
            c.wheel_max_mps.is_none() && (c.gain_left, c.gain_right, slips) == (1.0, 1.0, (0.0, 0.0));
        if is_sound {
            return (self.twist, self.twist);
        }
        let half_m = 0.5 * c.wheel_separation_m;
        let most = c.wheel_max_mps.unwrap_or(f64::INFINITY);
        let wheel = |side: f64, gain: f64| {
            (gain * (self.twist.v_mps + side * half_m * self.twist.w_radps)).clamp(-most, most)
        };
        let (left, right) = (wheel(-1.0, c.gain_left), wheel(1.0, c.gain_right));
        let twist =
            |left: f64, right: f64| Twist2::new(0.5 * (left + right), (right - left) / (2.0 * half_m));
        (twist(left, right), twist((1.0 - slips.0) * left, (1.0 - slips.1) * right))
    }

    /// Where the base is after `dt_s` of a velocity, from where it was.
    pub fn moved(&self, base: Pose2, twist: Twist2, dt_s: f64) -> Pose2 {
        let x_m = self.config.pivot_x_m;
        if x_m.abs() <= 0.0 {
            return base.advance(twist, dt_s);
        }
        let moved = base.then(Pose2::new(x_m, 0.0, 0.0)).advance(twist, dt_s);
        moved.then(Pose2::new(-x_m, 0.0, 0.0))
    }

    /// Stops at once: the wheels are blocked.
    pub fn block(&mut self) {
        (self.twist, self.wheels, self.base) = (Twist2::ZERO, Twist2::ZERO, Twist2::ZERO);
    }

    /// Velocity of the base.
    #[allow(
        clippy::misnamed_getters,
        reason = "the field of this name is what the drive reaches, of which the floor takes"
    )]
    pub fn twist(&self) -> Twist2 {
        self.base
    }

    /// Velocity that the base would have if no wheel slipped: what the odometry measures.
    pub fn wheels(&self) -> Twist2 {
        self.wheels
    }

    /// Commands that were dropped because too many were under way.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }
}

/// How far the lag comes within one period.
fn lag_part(config: &DriveConfig, period_s: f64) -> f64 {
    let tau_s = config.time_constant_s;
    if tau_s > 0.0 { 1.0 - libm::exp(-period_s / tau_s) } else { 1.0 }
}

/// Towards `target` by at most `up` away from zero or `down` towards it; a change of direction stops at zero first.
fn follow(current: f64, target: f64, up: f64, down: f64) -> f64 {
    let reachable = if current * target < 0.0 { 0.0 } else { target };
    let most = if reachable.abs() > current.abs() { up } else { down };
    current + (reachable - current).clamp(-most, most)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::shipped;
    use approx::assert_relative_eq;
    use outrider_foundation::robot::example::amr;
    use proptest::prelude::*;

    const PERIOD: Span = Span::from_millis(5);

    fn drive() -> Drive {
        Drive::new(amr().limits, &shipped().drive, PERIOD)
    }

    fn run(drive: &mut Drive, periods: std::ops::Range<i64>) {
        for i in periods {
            drive.step(at(i), &Floor::FIRM);
        }
    }

    fn at(period: i64) -> Span {
        Span::from_nanos(period * PERIOD.nanos())
    }

    #[test]
    fn it_turns_about_the_axle_that_holds() {
        let turn = |pivot_x_m| {
            let d = Drive::new(amr().limits, &DriveConfig { pivot_x_m, ..shipped().drive }, PERIOD);
            let quarter = Twist2::new(0.0, std::f64::consts::FRAC_PI_2);
            (0..100).fold(Pose2::new(1.0, 2.0, 0.0), |pose, _| d.moved(pose, quarter, 0.01))
        };
        let (about_origin, about_axle) = (turn(0.0), turn(0.13));
        assert_relative_eq!(about_origin.x_m, 1.0, epsilon = 1e-9);
        assert_relative_eq!(about_origin.y_m, 2.0, epsilon = 1e-9);
        // The axle stays where it is, and the origin behind it swings out to the right.
        assert_relative_eq!(about_axle.x_m, 1.13, epsilon = 1e-9);
        assert_relative_eq!(about_axle.y_m, 2.0 - 0.13, epsilon = 1e-9);
        assert_relative_eq!(about_axle.yaw_rad, about_origin.yaw_rad, epsilon = 1e-12);
        // Straight on it makes no difference.
        let d = Drive::new(amr().limits, &DriveConfig { pivot_x_m: 0.13, ..shipped().drive }, PERIOD);
        let ahead = d.moved(Pose2::new(1.0, 2.0, 0.5), Twist2::new(0.5, 0.0), 1.0);
        let plain = Pose2::new(1.0, 2.0, 0.5).advance(Twist2::new(0.5, 0.0), 1.0);
        assert_relative_eq!(ahead.x_m, plain.x_m, epsilon = 1e-12);
        assert_relative_eq!(ahead.y_m, plain.y_m, epsilon = 1e-12);
    }

    #[test]
    fn dead_time_then_acceleration_then_the_command() {
        let mut d = drive();
        assert!(d.command(Span::ZERO, Twist2::new(0.5, 0.0)));
        let speeds: Vec<f64> = (0..95).map(|i| d.step(at(i), &Floor::FIRM).v_mps).collect();
        assert!(speeds[..4].iter().all(|v| *v == 0.0) && speeds[4] > 0.0, "{:?}", &speeds[..6]);
        assert_relative_eq!(speeds[94], 0.4, max_relative = 0.2);
        // 0.5 m/s at 1 m/s², after the dead time: reached after about 0.52 s; the timeout is 0.5 s.
        d.command(at(95), Twist2::new(0.5, 0.0));
        run(&mut d, 95..190);
        assert_relative_eq!(d.twist().v_mps, 0.5, epsilon = 1e-6);
    }

    #[test]
    fn an_old_command_stops_the_robot() {
        let mut d = drive();
        for i in 0..400 {
            d.command(at(i), Twist2::new(1.0, 1.0));
            d.step(at(i), &Floor::FIRM);
        }
        assert_relative_eq!(d.twist().v_mps, 1.0, epsilon = 1e-9);
        // Last command at 1.995 s: it holds until 2.495 s, then 1.0 m/s at 1.2 m/s² takes 0.833 s.
        let moving = |d: &mut Drive, i| d.step(at(i), &Floor::FIRM) != Twist2::ZERO;
        assert!((400..500).all(|i| moving(&mut d, i) && d.twist().v_mps > 0.99));
        assert!((500..664).all(|i| moving(&mut d, i)));
        assert!((664..700).any(|i| !moving(&mut d, i) || d.twist().v_mps < 1e-3));
        assert!(!(700..710).any(|i| moving(&mut d, i) && d.twist().v_mps > 1e-6));
    }

    #[test]
    fn what_is_no_number_stops_the_robot() {
        for bad in [Twist2::new(f64::NAN, 0.0), Twist2::new(0.3, f64::INFINITY)] {
            let mut d = drive();
            d.command(at(0), Twist2::new(1.0, 0.0));
            run(&mut d, 0..90);
            assert!(!d.command(at(90), bad));
            run(&mut d, 90..180);
            assert!(d.twist().v_mps.abs() < 1e-6 && d.twist().w_radps.abs() < 1e-6, "{:?}", d.twist());
        }
    }

    #[test]
    fn too_many_commands_are_counted() {
        let mut d = drive();
        assert!((0..2000).all(|_| d.command(at(0), Twist2::ZERO)));
        assert_eq!(d.dropped(), 2000 - COMMAND_LIMIT as u64);
    }

    /// Whatever the dead time has become since it came.
    #[test]
    fn a_command_is_as_old_as_its_arrival() {
        // 20 a second. When the dead time rises to 0.4 s the last that got through is less than 0.5 s old until the next does.
        let mut d = drive();
        for i in 0..800 {
            if i == 400 {
                d.reconfigure(&DriveConfig { dead_time_s: 0.4, ..shipped().drive });
            }
            if i % 10 == 0 {
                d.command(at(i), Twist2::new(0.5, 0.0));
            }
            d.step(at(i), &Floor::FIRM);
            assert!(i < 300 || d.twist().v_mps > 0.499, "{i}: {:?}", d.twist());
        }
        // The last came at 3.95 s: at 4.5 s it is too old, with whatever dead time.
        d.reconfigure(&shipped().drive);
        run(&mut d, 800..900);
        assert!(d.twist().v_mps < 0.49, "{:?}", d.twist());
    }

    /// Up to speed with a command that is kept up, then what a fault makes of it.
    fn faulty(config: DriveConfig, floor: Floor) -> Drive {
        let mut d = Drive::new(amr().limits, &config, PERIOD);
        for i in 0..400 {
            d.command(at(i), Twist2::new(0.5, 0.0));
            d.step(at(i), &floor);
        }
        d
    }

    #[test]
    fn a_weak_wheel_turns_the_robot_and_the_odometry_knows() {
        let d = faulty(DriveConfig { gain_left: 0.8, ..shipped().drive }, Floor::FIRM);
        assert_relative_eq!(d.twist().v_mps, 0.45, epsilon = 1e-9);
        assert_relative_eq!(d.twist().w_radps, 0.1 / 0.4, epsilon = 1e-9);
        assert_eq!(d.wheels(), d.twist());
        let d = faulty(DriveConfig { wheel_max_mps: Some(0.3), ..shipped().drive }, Floor::FIRM);
        assert_relative_eq!(d.twist().v_mps, 0.3, epsilon = 1e-9);
    }

    #[test]
    fn slip_moves_the_base_less_than_the_wheels() {
        let floor = Floor { slip_left: 0.1, slip_right: 0.1, grip: 1.0 };
        let d = faulty(DriveConfig { slip_left: 0.1, slip_right: 0.1, ..shipped().drive }, floor);
        assert_relative_eq!(d.twist().v_mps, 0.5 * 0.9 * 0.9, epsilon = 1e-9);
        assert_relative_eq!(d.wheels().v_mps, 0.5, epsilon = 1e-9);
        // Two of which each takes more than half leave something: nothing drives it back.
        let floor = Floor { slip_left: 0.6, slip_right: 0.6, grip: 1.0 };
        let d = faulty(DriveConfig { slip_left: 0.6, slip_right: 0.6, ..shipped().drive }, floor);
        assert_relative_eq!(d.twist().v_mps, 0.5 * 0.4 * 0.4, epsilon = 1e-9);
    }

    /// What has timed out is in force no more.
    #[test]
    fn a_drive_that_stands_stands_when_it_gets_stuck() {
        let mut d = drive();
        d.command(at(0), Twist2::new(0.5, 0.0));
        run(&mut d, 0..1000);
        assert!(d.twist().v_mps.abs() < 1e-9, "timed out");
        d.reconfigure(&DriveConfig { stuck: true, ..shipped().drive });
        run(&mut d, 1000..2000);
        assert!(d.twist().v_mps.abs() < 1e-9, "{:?}", d.twist());
    }

    #[test]
    fn a_stuck_command_goes_on_and_poor_grip_brakes_late() {
        let mut d = faulty(shipped().drive, Floor::FIRM);
        d.reconfigure(&DriveConfig { stuck: true, ..shipped().drive });
        for i in 400..1000 {
            d.command(at(i), Twist2::ZERO);
            d.step(at(i), &Floor::FIRM);
        }
        assert_relative_eq!(d.twist().v_mps, 0.5, epsilon = 1e-9);
        let stops_after = |brake_scale, grip| {
            let mut d = faulty(shipped().drive, Floor::FIRM);
            d.reconfigure(&DriveConfig { brake_scale, ..shipped().drive });
            let step = |i| {
                d.command(at(i), Twist2::ZERO);
                d.step(at(i), &Floor { grip, ..Floor::FIRM }).v_mps
            };
            (400..4000).map(step).take_while(|v| *v > 1e-3).count() as f64 * PERIOD.as_s()
        };
        // 0.5 m/s at 1.2 m/s², and half and a quarter of that.
        assert!((stops_after(0.5, 1.0) - stops_after(1.0, 1.0) - 0.4167).abs() < 0.05);
        assert_relative_eq!(stops_after(0.5, 1.0), stops_after(1.0, 0.5));
    }

    proptest! {
        #[test]
        fn limits_hold_whatever_is_asked(commands in prop::collection::vec((-5.0..5.0f64, -9.0..9.0f64, 1..40i64), 1..60)) {
            let (mut d, l) = (drive(), amr().limits);
            let mut i = 0;
            for (v, w, periods) in commands {
                d.command(at(i), Twist2::new(v, w));
                for _ in 0..periods {
                    let before = d.twist();
                    let after = d.step(at(i), &Floor::FIRM);
                    i += 1;
                    prop_assert!(after.v_mps <= l.v_max_mps && after.v_mps >= l.v_min_mps);
                    prop_assert!(after.w_radps.abs() <= l.w_max_radps);
                    let change = (after.v_mps - before.v_mps) / PERIOD.as_s();
                    let speeds_up = after.v_mps.abs() > before.v_mps.abs();
                    let most = if speeds_up { l.accel_mps2 } else { l.brake_mps2 };
                    prop_assert!(change.abs() <= most + 1e-9);
                    prop_assert!((after.w_radps - before.w_radps).abs() / PERIOD.as_s() <= l.alpha_radps2 + 1e-9);
                }
            }
        }
    }
}
