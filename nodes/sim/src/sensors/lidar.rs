//! The planar lidar.

use super::stream;
use crate::config::{Dropout, LidarConfig};
use crate::rays::{Disc, Fan, RayScene};
use outrider_foundation::data::Scan;
use outrider_foundation::rng::Rng;
use outrider_foundation::{Pose2, Stamp};
use std::f64::consts::TAU;

pub(crate) struct Lidar {
    config: LidarConfig,
    frame: String,
    fan: Fan,
    seed: u64,
    sweeps: u64,
    /// Kept from sweep to sweep to spare the allocation.
    ranges_m: Vec<f64>,
}

impl Lidar {
    pub(crate) fn new(config: LidarConfig, frame: String, seed: u64) -> Self {
        let fov_rad = if config.is_full_circle() { TAU } else { config.fov_rad };
        let gaps = if config.is_full_circle() { config.beams } else { config.beams.saturating_sub(1).max(1) };
        let fan = Fan::new(-0.5 * fov_rad, fov_rad / gaps as f64, config.beams);
        Self { config, frame, fan, seed, sweeps: 0, ranges_m: Vec::new() }
    }

    /// One sweep, all beams at one instant.
    pub(crate) fn sweep(
        &mut self,
        stamp: Stamp,
        world_from_lidar: Pose2,
        scene: &RayScene,
        people: &[Disc],
    ) -> Scan {
        // Noise can bring a hit just beyond the range into it.
        let reach_m = self.config.range_max_m + 6.0 * self.config.noise_sigma_m;
        scene.sweep(world_from_lidar, &self.fan, reach_m, people, &mut self.ranges_m);
        let mut rng = Rng::new(self.seed, stream::LIDAR, self.sweeps);
        self.sweeps = self.sweeps.wrapping_add(1);
        let config = &self.config;
        let ranges_m = self.ranges_m.iter().map(|range| measure(*range, config, &mut rng)).collect();
        Scan {
            stamp,
            frame: self.frame.clone(),
            angle_min_rad: self.fan.angle_min_rad(),
            angle_increment_rad: self.fan.increment_rad(),
            time_increment_s: 0.0,
            range_min_m: config.range_min_m,
            range_max_m: config.range_max_m,
            ranges_m,
        }
    }
}

/// REP-117: −∞ for too close, NaN for no answer, +∞ for nothing in range.
fn measure(true_m: f64, config: &LidarConfig, rng: &mut Rng) -> f32 {
    let noisy_m = true_m + config.noise_sigma_m * rng.normal();
    if rng.uniform() < config.dropout_probability {
        return match config.dropout {
            Dropout::Nan => f32::NAN,
            Dropout::Inf => f32::INFINITY,
        };
    }
    if noisy_m > config.range_max_m {
        f32::INFINITY
    } else if noisy_m < config.range_min_m {
        f32::NEG_INFINITY
    } else {
        noisy_m as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{perfect, shipped};
    use crate::world::Outline;
    use outrider_foundation::Point2;

    fn scene() -> RayScene {
        RayScene::new(&[Outline::Disc { centre: Point2::default(), radius_m: 5.0 }])
    }

    fn lidar(config: LidarConfig, seed: u64) -> Lidar {
        Lidar::new(config, "laser".into(), seed)
    }

    #[test]
    fn a_perfect_lidar_measures_the_truth() {
        let mut l = lidar(perfect().lidar, 1);
        let scan = l.sweep(Stamp::default(), Pose2::IDENTITY, &scene(), &[]);
        assert_eq!(scan.ranges_m.len(), 720);
        assert!(scan.ranges_m.iter().all(|r| (r - 5.0).abs() < 1e-6));
        assert!((scan.angle_rad(719) - (std::f64::consts::PI - TAU / 720.0)).abs() < 1e-12);
        // A person at 0.05 m is too close; nothing within 4 m is +∞.
        let config = LidarConfig { range_max_m: 4.0, ..perfect().lidar };
        let near = Disc { centre: Point2::new(0.15, 0.0), radius_m: 0.1 };
        let scan = lidar(config, 1).sweep(Stamp::default(), Pose2::IDENTITY, &scene(), &[near]);
        assert!(scan.ranges_m[360].is_infinite() && scan.ranges_m[360] < 0.0);
        assert!(scan.ranges_m[0].is_infinite() && scan.ranges_m[0] > 0.0);
    }

    #[test]
    fn noise_and_dropouts_are_as_configured() {
        let config = LidarConfig { noise_sigma_m: 0.02, dropout_probability: 0.1, ..shipped().lidar };
        let mut l = lidar(config, 3);
        let all: Vec<f32> = (0..50)
            .flat_map(|_| l.sweep(Stamp::default(), Pose2::IDENTITY, &scene(), &[]).ranges_m)
            .collect();
        let lost = all.iter().filter(|r| r.is_nan()).count() as f64 / all.len() as f64;
        assert!((lost - 0.1).abs() < 0.01, "{lost}");
        let errors: Vec<f64> = all.iter().filter(|r| r.is_finite()).map(|r| f64::from(*r) - 5.0).collect();
        let sigma = (errors.iter().map(|e| e * e).sum::<f64>() / errors.len() as f64).sqrt();
        assert!((sigma - 0.02).abs() < 0.001, "{sigma}");
    }

    #[test]
    fn a_half_circle_ends_at_its_edges() {
        let config = LidarConfig { fov_rad: std::f64::consts::PI, beams: 181, ..perfect().lidar };
        let scan = lidar(config, 1).sweep(Stamp::default(), Pose2::IDENTITY, &scene(), &[]);
        assert!((scan.angle_rad(180) - std::f64::consts::FRAC_PI_2).abs() < 1e-12);
    }
}
