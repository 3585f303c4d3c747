//! Whether the wheels' speed goes with the measured acceleration.

use crate::config::SlipConfig;
use std::collections::VecDeque;

/// The most steps in a window; the oldest goes first.
const STEP_LIMIT: usize = 256;

#[derive(Clone, Copy, Debug)]
struct Step {
    dt_s: f64,
    by_wheels_mps: f64,
    by_accel_mps: f64,
}

/// Holds the changes of speed by wheels and by accelerometer against each other.
#[derive(Clone, Debug)]
pub struct TravelSlip {
    config: SlipConfig,
    steps: VecDeque<Step>,
    last_mps: Option<f64>,
    /// Steps since it began.
    lasting: u32,
}

impl TravelSlip {
    /// Nothing seen yet.
    pub fn new(config: SlipConfig) -> Self {
        Self { config, steps: VecDeque::with_capacity(STEP_LIMIT), last_mps: None, lasting: 0 }
    }

    /// Takes a step: the wheels' speed at its end with its variance, and the mean acceleration along the robot over it.
    /// Gives how much the wheels' speed has gone astray over the window, in m/s, zero when it has not.
    ///
    /// The test: over the window, the change of the wheels' speed differs from the integral of the acceleration by more than
    /// `accel_min_mps2` times the window plus three sigma of the two wheel speeds. Without acceleration nothing is tested.
    pub fn take(&mut self, dt_s: f64, wheels_mps: f64, variance: f64, accel_mps2: Option<f64>) -> f64 {
        let (Some(accel_mps2), Some(last_mps)) = (accel_mps2, self.last_mps) else {
            self.steps.clear();
            self.lasting = 0;
            self.last_mps = Some(wheels_mps);
            return 0.0;
        };
        self.last_mps = Some(wheels_mps);
        if self.steps.len() >= STEP_LIMIT {
            self.steps.pop_front();
        }
        self.steps.push_back(Step {
            dt_s,
            by_wheels_mps: wheels_mps - last_mps,
            by_accel_mps: accel_mps2 * dt_s,
        });
        let mut window_s: f64 = self.steps.iter().map(|step| step.dt_s).sum();
        while let Some(first) = self.steps.front()
            && window_s - first.dt_s >= self.config.window_s
        {
            window_s -= first.dt_s;
            self.steps.pop_front();
        }
        let astray_mps: f64 = self.steps.iter().map(|step| step.by_wheels_mps - step.by_accel_mps).sum();
        let limit_mps = self.config.accel_min_mps2 * window_s + 3.0 * (2.0 * variance).sqrt();
        let slips = window_s >= 0.5 * self.config.window_s && astray_mps.abs() > limit_mps;
        self.lasting = if slips { self.lasting.saturating_add(1) } else { 0 };
        if slips { astray_mps.abs() } else { 0.0 }
    }

    /// Variance of the travel to add for a step that goes astray: over n steps in a row these sum up to the square of what
    /// the way can be wrong by, n times as much.
    pub fn doubt_m2(&self, astray_mps: f64, dt_s: f64) -> f64 {
        let way_m = astray_mps * dt_s;
        way_m * way_m * f64::from(self.lasting.saturating_mul(2).saturating_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::shipped;

    const DT_S: f64 = 0.02;

    fn run(wheels: impl Fn(f64) -> f64, accel: impl Fn(f64) -> f64) -> Vec<f64> {
        let mut slip = TravelSlip::new(shipped().ego.filter.slip);
        (0..100)
            .map(|i| f64::from(i) * DT_S)
            .map(|t| slip.take(DT_S, wheels(t), 1e-4, Some(accel(t))))
            .collect()
    }

    #[test]
    fn honest_driving_and_a_gentle_ramp_are_no_slip() {
        let speed = |t: f64| (t - 0.5).clamp(0.0, 1.0);
        let accel = |t: f64| if (0.5..1.5).contains(&t) { 1.0 } else { 0.0 };
        assert!(run(speed, accel).iter().all(|astray| *astray == 0.0));
        // Two degrees up: gravity shows as 0.34 m/s².
        assert!(run(|_| 0.5, |_| 9.81 * 0.035).iter().all(|astray| *astray == 0.0));
    }

    #[test]
    fn wheels_that_spin_up_without_the_robot_are_found_out() {
        let astray = run(|t| if t < 1.0 { 0.2 } else { 0.9 }, |_| 0.0);
        let first = astray.iter().position(|a| *a > 0.0).unwrap();
        assert!((50..53).contains(&first), "{first}");
        assert!((astray[first] - 0.7).abs() < 1e-9);
        // Wheels that lock while the robot slides on.
        assert!(run(|t| if t < 1.0 { 0.9 } else { 0.0 }, |_| 0.0).iter().any(|a| *a > 0.8));
    }

    #[test]
    fn doubt_covers_the_way_gone_astray() {
        let mut slip = TravelSlip::new(shipped().ego.filter.slip);
        let (mut variance, mut way_m) = (0.0, 0.0);
        for i in 0..60 {
            let wheels = if i < 50 { 0.0 } else { 1.0 };
            let astray = slip.take(DT_S, wheels, 1e-4, Some(0.0));
            variance += slip.doubt_m2(astray, DT_S);
            way_m += wheels * DT_S;
        }
        assert!(variance.sqrt() > 0.99 * way_m, "{} {way_m}", variance.sqrt());
        assert!(slip.take(DT_S, 1.0, 1e-4, None) == 0.0);
    }
}
