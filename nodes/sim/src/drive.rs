//! The differential drive between a velocity command and the motion of the base.
//!
//! A command waits its dead time, passes a first-order lag, and is then followed within the acceleration and braking
//! limits of the robot. A command that is too old, or that is no number, means standstill.

use crate::config::DriveConfig;
use outrider_foundation::robot::DriveLimits;
use outrider_foundation::{Span, Twist2};
use std::collections::VecDeque;

/// The most commands under way in the dead time; beyond it the oldest is dropped and counted.
const COMMAND_LIMIT: usize = 256;

/// A command on its way to the wheels.
#[derive(Clone, Copy, Debug)]
struct Pending {
    /// When it takes effect, in world time.
    due: Span,
    twist: Twist2,
}

/// State of the drive. Times are world time: simulated time since the start.
#[derive(Clone, Debug)]
pub struct Drive {
    limits: DriveLimits,
    period_s: f64,
    /// How far the lag comes within one period: 1 − e^(−T/τ).
    lag_part: f64,
    dead_time: Span,
    timeout: Span,
    pending: VecDeque<Pending>,
    command: Option<Pending>,
    target: Twist2,
    twist: Twist2,
    dropped: u64,
}

impl Drive {
    /// At rest.
    pub fn new(limits: DriveLimits, config: &DriveConfig, period: Span) -> Self {
        let period_s = period.as_s();
        let tau_s = config.time_constant_s;
        Self {
            limits,
            period_s,
            lag_part: if tau_s > 0.0 { 1.0 - libm::exp(-period_s / tau_s) } else { 1.0 },
            dead_time: Span::from_s(config.dead_time_s),
            timeout: Span::from_s(config.command_timeout_s),
            pending: VecDeque::new(),
            command: None,
            target: Twist2::ZERO,
            twist: Twist2::ZERO,
            dropped: 0,
        }
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
        self.pending.push_back(Pending { due, twist: limited });
        sound
    }

    /// Moves on by one period that starts at `at`; returns the velocity that holds for it.
    pub fn step(&mut self, at: Span) -> Twist2 {
        while let Some(next) = self.pending.front().copied().filter(|p| p.due <= at) {
            self.pending.pop_front();
            self.command = Some(next);
        }
        // The dead time counts for the age: a command is as old as its arrival.
        let fresh = self.command.filter(|c| at - c.due + self.dead_time <= self.timeout);
        let wanted = fresh.map_or(Twist2::ZERO, |c| c.twist);
        self.target.v_mps += self.lag_part * (wanted.v_mps - self.target.v_mps);
        self.target.w_radps += self.lag_part * (wanted.w_radps - self.target.w_radps);
        let l = &self.limits;
        let (up, down, turn) = (l.accel_mps2, l.brake_mps2, l.alpha_radps2);
        self.twist = Twist2::new(
            follow(self.twist.v_mps, self.target.v_mps, up * self.period_s, down * self.period_s),
            follow(self.twist.w_radps, self.target.w_radps, turn * self.period_s, turn * self.period_s),
        );
        self.twist
    }

    /// Stops at once: the wheels are blocked.
    pub fn block(&mut self) {
        self.twist = Twist2::ZERO;
    }

    /// Velocity of the base.
    pub fn twist(&self) -> Twist2 {
        self.twist
    }

    /// Commands that were dropped because too many were under way.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }
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
            drive.step(at(i));
        }
    }

    fn at(period: i64) -> Span {
        Span::from_nanos(period * PERIOD.nanos())
    }

    #[test]
    fn dead_time_then_acceleration_then_the_command() {
        let mut d = drive();
        assert!(d.command(Span::ZERO, Twist2::new(0.5, 0.0)));
        let speeds: Vec<f64> = (0..95).map(|i| d.step(at(i)).v_mps).collect();
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
            d.step(at(i));
        }
        assert_relative_eq!(d.twist().v_mps, 1.0, epsilon = 1e-9);
        // Last command at 1.995 s: it holds until 2.495 s, then 1.0 m/s at 1.2 m/s² takes 0.833 s.
        let moving = |d: &mut Drive, i| d.step(at(i)) != Twist2::ZERO;
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
        assert!((0..300).all(|_| d.command(at(0), Twist2::ZERO)));
        assert_eq!(d.dropped(), 300 - COMMAND_LIMIT as u64);
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
                    let after = d.step(at(i));
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
