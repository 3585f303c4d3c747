//! A localiser in place of a real one: the truth with an error that wanders (a first-order Gauss–Markov process).

use super::stream;
use crate::config::LocaliserConfig;
use outrider_foundation::geometry::wrap_angle;
use outrider_foundation::rng::Rng;
use outrider_foundation::{Pose2, Span};

pub(crate) struct Localiser {
    config: LocaliserConfig,
    seed: u64,
    /// Error of x, y, yaw in standard deviations.
    error: [f64; 3],
    /// How far it has drifted off, x, y, yaw.
    drifted: [f64; 3],
    measurements: u64,
    /// World time.
    last: Option<Span>,
}

impl Localiser {
    pub(crate) fn new(config: LocaliserConfig, seed: u64) -> Self {
        Self { config, seed, error: [0.0; 3], drifted: [0.0; 3], measurements: 0, last: None }
    }

    /// Takes other numbers; the timing stays.
    pub(crate) fn reconfigure(&mut self, config: &LocaliserConfig) {
        self.config = *config;
    }

    /// Where it takes the base to be: `map_from_base`; `at` is world time, which nobody sets.
    pub(crate) fn measure(&mut self, at: Span, world_from_base: Pose2) -> Pose2 {
        // However often it is asked, and also if nobody asked for a while.
        let nominal_s = 1.0 / self.config.timing.rate_hz;
        let since_s = self.last.map_or(nominal_s, |last| (at - last).as_s().max(0.0));
        self.last = Some(at);
        let mut rng = Rng::new(self.seed, stream::LOCALISER, self.measurements);
        // The first error is drawn from the stationary distribution that the others keep.
        let keep = if self.measurements == 0 { 0.0 } else { kept(&self.config, since_s) };
        let fresh = (1.0 - keep * keep).sqrt();
        self.measurements = self.measurements.wrapping_add(1);
        for e in &mut self.error {
            *e = keep * *e + fresh * rng.normal();
        }
        let [x, y, yaw] = self.error;
        let c = &self.config;
        for (drifted, rate) in self.drifted.iter_mut().zip(c.drift_per_s) {
            *drifted = if rate.abs() > 0.0 { *drifted + rate * since_s } else { 0.0 };
        }
        let ([off_x, off_y, off_yaw], [far_x, far_y, far_yaw]) = (c.offset, self.drifted);
        Pose2::new(
            world_from_base.x_m + c.position_sigma_m * x + (off_x + far_x),
            world_from_base.y_m + c.position_sigma_m * y + (off_y + far_y),
            wrap_angle(world_from_base.yaw_rad + c.yaw_sigma_rad * yaw + (off_yaw + far_yaw)),
        )
    }
}

/// How much of the error stays after so long.
fn kept(config: &LocaliserConfig, since_s: f64) -> f64 {
    if config.correlation_s > 0.0 { libm::exp(-since_s / config.correlation_s) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::shipped;

    fn at(tenth: i64) -> Span {
        Span::from_nanos(100_000_000 * tenth)
    }

    #[test]
    fn the_error_wanders_within_its_sigma() {
        let config = shipped().localiser;
        let mut l = Localiser::new(config, 9);
        let errors: Vec<f64> =
            (0..60_000).map(|i| l.measure(at(i), Pose2::IDENTITY).x_m / config.position_sigma_m).collect();
        let n = errors.len() as f64;
        let variance = errors.iter().map(|e| e * e).sum::<f64>() / n;
        let next = errors.iter().zip(errors.iter().skip(1)).map(|(a, b)| a * b).sum::<f64>() / n;
        assert!((variance - 1.0).abs() < 0.15, "{variance}");
        assert!((next / variance - libm::exp(-0.1 / config.correlation_s)).abs() < 0.02);
    }

    #[test]
    fn it_jumps_drifts_and_comes_back_as_told() {
        let mut config = crate::config::tests::perfect().localiser;
        let mut l = Localiser::new(config, 1);
        config.offset = [1.0, -2.0, 0.5];
        l.reconfigure(&config);
        assert_eq!(l.measure(at(0), Pose2::IDENTITY), Pose2::new(1.0, -2.0, 0.5));
        (config.offset, config.drift_per_s) = ([0.0; 3], [0.1, 0.0, 0.0]);
        l.reconfigure(&config);
        // It drifts on while nobody asks.
        let after_2_s = [1, 2, 15, 20].map(|i| l.measure(at(i), Pose2::IDENTITY))[3];
        assert!((after_2_s.x_m - 0.2).abs() < 1e-9, "{after_2_s:?}");
        config.drift_per_s = [0.0; 3];
        l.reconfigure(&config);
        assert_eq!(l.measure(at(21), Pose2::IDENTITY), Pose2::IDENTITY);
    }
}
