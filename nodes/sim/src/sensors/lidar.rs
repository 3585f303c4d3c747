//! The planar lidar.

use super::stream;
use crate::config::{Dropout, LidarConfig};
use crate::rays::{Fan, Moving, RayScene};
use multiversion::multiversion;
use outrider_foundation::data::Scan;
use outrider_foundation::noise::{BLOCK, Key, words};
use outrider_foundation::rng::{normal_of, uniform_of};
use outrider_foundation::{Pose2, Span, Stamp};
use std::collections::VecDeque;
use std::f64::consts::TAU;

/// The most sweeps that wait for their latency to pass; beyond it the oldest is dropped and counted.
const PENDING_LIMIT: usize = 100;
/// Blocks of the generator at a time.
const LANES: usize = 16;
/// Words of the generator that a beam takes: four for its noise, two for its loss.
const WORDS: usize = 6;

pub(crate) struct Lidar {
    config: LidarConfig,
    frame: String,
    fan: Fan,
    seed: u64,
    sweeps: u64,
    /// Kept from sweep to sweep to spare the allocation.
    ranges_m: Vec<f64>,
    /// Likewise: the generator's words for the beams.
    words: Vec<[u32; BLOCK]>,
    /// The sweep that is being taken.
    turning: Option<Turning>,
    /// With the world time of their publication.
    pending: VecDeque<(Span, Scan)>,
    dropped: u64,
}

/// A sweep that takes time.
struct Turning {
    stamp: Stamp,
    /// World time of the first beam.
    begin: Span,
    ranges_m: Vec<f64>,
}

impl Lidar {
    pub(crate) fn new(config: LidarConfig, frame: String, seed: u64) -> Self {
        let fov_rad = if config.is_full_circle() { TAU } else { config.fov_rad };
        let gaps = if config.is_full_circle() { config.beams } else { config.beams.saturating_sub(1).max(1) };
        let fan = Fan::new(-0.5 * fov_rad, fov_rad / gaps as f64, config.beams);
        Self {
            config,
            frame,
            fan,
            seed,
            sweeps: 0,
            ranges_m: Vec::new(),
            words: Vec::new(),
            turning: None,
            pending: VecDeque::new(),
            dropped: 0,
        }
    }

    /// Takes other numbers; timing, beams and field of view stay.
    pub(crate) fn reconfigure(&mut self, config: &LidarConfig) {
        self.config = *config;
    }

    /// Begins a sweep at world time `at`.
    pub(crate) fn begin(&mut self, at: Span, stamp: Stamp) {
        self.turning = Some(Turning { stamp, begin: at, ranges_m: Vec::with_capacity(self.fan.beams()) });
    }

    /// Whether a sweep is under way.
    pub(crate) fn is_turning(&self) -> bool {
        self.turning.is_some()
    }

    /// Takes the beams that are due at world time `at`, from where the lidar is now: all of them, unless a sweep takes
    /// time.
    pub(crate) fn turn(&mut self, at: Span, world_from_lidar: Pose2, scene: &RayScene, moving: Moving<'_>) {
        let Some(mut sweep) = self.turning.take() else { return };
        let beams = self.fan.beams();
        let sweep_s = self.config.sweep_s;
        let part = if sweep_s > 0.0 { ((at - sweep.begin).as_s() / sweep_s).min(1.0) } else { 1.0 };
        let first = sweep.ranges_m.len();
        // The first beam at once, the last one at the end.
        let due = (1 + (part * beams.saturating_sub(1) as f64 + 1e-9) as usize).min(beams);
        // Noise can bring a hit just beyond the range into it.
        let reach_m = self.config.range_max_m + 6.0 * self.config.noise_sigma_m + self.config.bias_m.abs();
        if first == 0 && due == beams {
            scene.sweep(world_from_lidar, &self.fan, reach_m, moving, &mut sweep.ranges_m);
        } else {
            let sector = self.fan.sector(first..due);
            scene.sweep(world_from_lidar, &sector, reach_m, moving, &mut self.ranges_m);
            sweep.ranges_m.extend_from_slice(&self.ranges_m);
        }
        if due < beams {
            self.turning = Some(sweep);
            return;
        }
        let scan = self.measured(sweep.stamp, &sweep.ranges_m);
        if self.pending.len() >= PENDING_LIMIT {
            self.pending.pop_front();
            self.dropped = self.dropped.saturating_add(1);
        }
        self.pending.push_back((at + Span::from_s(self.config.latency_s), scan));
    }

    /// A sweep whose latency has passed at world time `at`.
    pub(crate) fn finished(&mut self, at: Span) -> Option<Scan> {
        self.pending.front().filter(|(due, _)| *due <= at)?;
        self.pending.pop_front().map(|(_, scan)| scan)
    }

    /// Sweeps that were dropped because too many waited.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }

    fn measured(&mut self, stamp: Stamp, ranges_m: &[f64]) -> Scan {
        self.words.resize((WORDS * ranges_m.len()).div_ceil(BLOCK), [0; BLOCK]);
        draw(Key { seed: self.seed, stream: stream::LIDAR, step: self.sweeps }, &mut self.words);
        self.sweeps = self.sweeps.wrapping_add(1);
        let config = &self.config;
        let (chances, _) = self.words.as_flattened().as_chunks::<WORDS>();
        let between_beams = ranges_m.len().saturating_sub(1).max(1) as f64;
        Scan {
            stamp,
            frame: self.frame.clone(),
            angle_min_rad: self.fan.angle_min_rad(),
            angle_increment_rad: self.fan.increment_rad(),
            time_increment_s: config.sweep_s / between_beams,
            range_min_m: config.range_min_m,
            range_max_m: config.range_max_m,
            ranges_m: ranges_m
                .iter()
                .zip(chances)
                .map(|(range, words)| measure(*range, *words, config))
                .collect(),
        }
    }
}

/// The generator's blocks from the first on: what [`outrider_foundation::rng::Rng`] draws one by one.
#[multiversion(targets("x86_64+avx2"))]
fn draw(key: Key, blocks: &mut [[u32; BLOCK]]) {
    let mut out = [[0; LANES]; BLOCK];
    for (first, blocks) in (0..).step_by(LANES).zip(blocks.chunks_mut(LANES)) {
        words(key, first, 1, &mut out);
        for (l, block) in blocks.iter_mut().enumerate() {
            // A chunk has no more blocks than there are lanes.
            *block = out.map(|row| row[l]);
        }
    }
}

/// REP-117: −∞ for too close, NaN for no answer, +∞ for nothing in range.
fn measure(true_m: f64, [a, b, c, d, e, f]: [u32; WORDS], config: &LidarConfig) -> f32 {
    let normal = normal_of([uniform_of([a, b]), uniform_of([c, d])]);
    let noisy_m = true_m + config.bias_m + config.noise_sigma_m * normal;
    if uniform_of([e, f]) < config.dropout_probability {
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
    use crate::rays::Disc;
    use crate::world::Outline;
    use outrider_foundation::Point2;
    use outrider_foundation::rng::Rng;

    fn scene() -> RayScene {
        RayScene::new(&[Outline::Disc { centre: Point2::default(), radius_m: 5.0 }])
    }

    fn lidar(config: LidarConfig, seed: u64) -> Lidar {
        Lidar::new(config, "laser".into(), seed)
    }

    fn scan(l: &mut Lidar, scene: &RayScene, moving: Moving<'_>) -> Scan {
        l.begin(Span::ZERO, Stamp::default());
        l.turn(Span::ZERO, Pose2::IDENTITY, scene, moving);
        l.finished(Span::ZERO).unwrap()
    }

    #[test]
    fn a_perfect_lidar_measures_the_truth() {
        let mut l = lidar(perfect().lidar, 1);
        let far = scan(&mut l, &scene(), Moving::default());
        assert_eq!(far.ranges_m.len(), 720);
        assert!(far.ranges_m.iter().all(|r| (r - 5.0).abs() < 1e-6));
        assert!((far.angle_rad(719) - (std::f64::consts::PI - TAU / 720.0)).abs() < 1e-12);
        // A person at 0.05 m is too close; nothing within 4 m is +∞.
        let config = LidarConfig { range_max_m: 4.0, ..perfect().lidar };
        let near = Disc { centre: Point2::new(0.15, 0.0), radius_m: 0.1 };
        let scan = scan(&mut lidar(config, 1), &scene(), (&[near]).into());
        assert!(scan.ranges_m[360].is_infinite() && scan.ranges_m[360] < 0.0);
        assert!(scan.ranges_m[0].is_infinite() && scan.ranges_m[0] > 0.0);
    }

    #[test]
    fn noise_and_dropouts_are_as_configured() {
        let config = LidarConfig { noise_sigma_m: 0.02, dropout_probability: 0.1, ..shipped().lidar };
        let mut l = lidar(config, 3);
        let all: Vec<f32> =
            (0..50).flat_map(|_| scan(&mut l, &scene(), Moving::default()).ranges_m).collect();
        let lost = all.iter().filter(|r| r.is_nan()).count() as f64 / all.len() as f64;
        assert!((lost - 0.1).abs() < 0.01, "{lost}");
        let errors: Vec<f64> = all.iter().filter(|r| r.is_finite()).map(|r| f64::from(*r) - 5.0).collect();
        let sigma = (errors.iter().map(|e| e * e).sum::<f64>() / errors.len() as f64).sqrt();
        assert!((sigma - 0.02).abs() < 0.001, "{sigma}");
    }

    #[test]
    fn chance_is_that_of_the_one_generator() {
        let config =
            LidarConfig { beams: 101, noise_sigma_m: 0.02, dropout_probability: 0.1, ..shipped().lidar };
        let mut l = lidar(config, 9);
        for sweep in 0..3 {
            let mut rng = Rng::new(9, stream::LIDAR, sweep);
            for range in scan(&mut l, &scene(), Moving::default()).ranges_m {
                let (normal, lost) = (rng.normal(), rng.uniform() < 0.1);
                let off_m = f64::from(range) - (5.0 + config.bias_m + 0.02 * normal);
                assert!(if lost { !range.is_finite() } else { off_m.abs() < 1e-6 }, "{range} {off_m} {lost}");
            }
        }
    }

    #[test]
    fn a_half_circle_ends_at_its_edges() {
        let config = LidarConfig { fov_rad: std::f64::consts::PI, beams: 181, ..perfect().lidar };
        let scan = scan(&mut lidar(config, 1), &scene(), Moving::default());
        assert!((scan.angle_rad(180) - std::f64::consts::FRAC_PI_2).abs() < 1e-12);
    }

    #[test]
    fn latency_holds_sweeps_back_and_bias_moves_them() {
        let config = LidarConfig { latency_s: 0.1, bias_m: 0.25, ..perfect().lidar };
        let mut l = lidar(config, 1);
        l.begin(Span::ZERO, Stamp::from_nanos(9));
        l.turn(Span::ZERO, Pose2::IDENTITY, &scene(), Moving::default());
        assert_eq!(l.finished(Span::from_millis(99)), None);
        let scan = l.finished(Span::from_millis(100)).unwrap();
        assert!(scan.stamp == Stamp::from_nanos(9) && (scan.ranges_m[0] - 5.25).abs() < 1e-6);
    }

    /// A sweep of 40 ms on periods of 5 ms, while somebody runs round the lidar with the beams.
    #[test]
    fn a_sweep_that_takes_time_sees_each_at_its_time() {
        let config = LidarConfig { sweep_s: 0.04, ..perfect().lidar };
        let mut l = lidar(config, 1);
        l.begin(Span::ZERO, Stamp::default());
        for period in 0..=8 {
            // In the middle of the beams that are taken in this period.
            let (s, c) = libm::sincos(TAU * (f64::from(period) - 0.5) / 8.0 - std::f64::consts::PI);
            let runner = [Disc { centre: Point2::new(2.0 * c, 2.0 * s), radius_m: 0.2 }];
            let at = Span::from_millis(5 * i64::from(period));
            assert!(l.is_turning() && l.finished(at).is_none());
            l.turn(at, Pose2::IDENTITY, &scene(), (&runner).into());
        }
        let scan = l.finished(Span::from_millis(40)).unwrap();
        assert!((scan.time_increment_s - 0.04 / 719.0).abs() < 1e-12 && scan.ranges_m.len() == 720);
        for sector in scan.ranges_m.chunks(90) {
            assert!((sector[44] - 1.8).abs() < 0.01 && (sector[0] - 5.0).abs() < 0.01, "{sector:?}");
        }
    }
}
