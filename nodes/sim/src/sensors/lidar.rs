//! The planar lidar.

use super::stream;
use crate::config::{Dropout, LidarConfig};
use crate::rays::{Fan, Moving, RayScene};
use multiversion::multiversion;
use outrider_foundation::data::Scan;
use outrider_foundation::noise::{BLOCK, Key, normals, words};
use outrider_foundation::{Pose2, Span, Stamp};
use std::collections::VecDeque;
use std::f64::consts::TAU;

/// The most sweeps that wait for their latency to pass: the greatest, 2 s, at the greatest rate, 1000 Hz; beyond it the oldest is dropped and counted.
const PENDING_LIMIT: usize = 2048;
/// Blocks of the generator at a time.
const LANES: usize = 16;
/// Beams that so many blocks have noise for: two of every word.
const NOISY: usize = 2 * BLOCK * LANES;
/// Beams for whose loss so many blocks have a word.
const LOST: usize = BLOCK * LANES;

pub(crate) struct Lidar {
    config: LidarConfig,
    frame: String,
    fan: Fan,
    seed: u64,
    sweeps: u64,
    /// Kept from sweep to sweep to spare the allocation.
    ranges_m: Vec<f64>,
    /// Likewise: what chance adds to the beams, in standard deviations.
    errors: Vec<f32>,
    /// Likewise: the words that say which are lost.
    losses: Vec<u32>,
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
            errors: Vec::new(),
            losses: Vec::new(),
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
        let Some(begin) = self.turning.as_ref().map(|sweep| sweep.begin) else { return };
        let sweep_s = self.config.sweep_s;
        let part = if sweep_s > 0.0 { ((at - begin).as_s() / sweep_s).min(1.0) } else { 1.0 };
        self.take(part, at, world_from_lidar, scene, moving);
    }

    /// Takes all beams that are left: at world time `at` the next sweep begins.
    pub(crate) fn end(&mut self, at: Span, world_from_lidar: Pose2, scene: &RayScene, moving: Moving<'_>) {
        self.take(1.0, at, world_from_lidar, scene, moving);
    }

    /// Takes the beams of a sweep up to this part of it.
    fn take(&mut self, part: f64, at: Span, world_from_lidar: Pose2, scene: &RayScene, moving: Moving<'_>) {
        let Some(mut sweep) = self.turning.take() else { return };
        let beams = self.fan.beams();
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
        let key = Key { seed: self.seed, stream: stream::LIDAR, step: self.sweeps };
        self.sweeps = self.sweeps.wrapping_add(1);
        self.errors.resize(ranges_m.len(), 0.0);
        self.losses.resize(ranges_m.len(), 0);
        let config = &self.config;
        draw_errors(key, &mut self.errors);
        if config.dropout_probability > 0.0 {
            draw_losses(Key { stream: stream::LIDAR_LOSS, ..key }, &mut self.losses);
        }
        let chances = self.errors.iter().zip(&self.losses);
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
                .map(|(range, (error, loss))| measure(*range, *error, *loss, config))
                .collect(),
        }
    }
}

/// Standard normals for as many beams: those of [`LANES`] blocks' first words, one of each pair and then the other, those of
/// their second words, and so on.
#[multiversion(targets("x86_64+avx2"))]
fn draw_errors(key: Key, beams: &mut [f32]) {
    let mut drawn = [[0; LANES]; BLOCK];
    let mut errors = [[0.0; LANES]; 2 * BLOCK];
    for (first, beams) in (0..).step_by(LANES).zip(beams.chunks_mut(NOISY)) {
        words(key, first, 1, &mut drawn);
        let (pairs, _) = errors.as_chunks_mut::<2>();
        for (row, [one, other]) in drawn.iter().zip(pairs) {
            for ((word, one), other) in row.iter().zip(one).zip(other) {
                (*one, *other) = normals(*word);
            }
        }
        beams.iter_mut().zip(errors.as_flattened()).for_each(|(beam, error)| *beam = *error);
    }
}

/// A word for each of as many beams: [`LANES`] blocks' first words, their second words, and so on.
#[multiversion(targets("x86_64+avx2"))]
fn draw_losses(key: Key, beams: &mut [u32]) {
    let mut drawn = [[0; LANES]; BLOCK];
    for (first, beams) in (0..).step_by(LANES).zip(beams.chunks_mut(LOST)) {
        words(key, first, 1, &mut drawn);
        beams.iter_mut().zip(drawn.as_flattened()).for_each(|(beam, word)| *beam = *word);
    }
}

/// REP-117: −∞ for too close, NaN for no answer, +∞ for nothing in range.
fn measure(true_m: f64, error: f32, loss: u32, config: &LidarConfig) -> f32 {
    let noisy_m = true_m + config.bias_m + config.noise_sigma_m * f64::from(error);
    if f64::from(loss) < config.dropout_probability * (1u64 << u32::BITS) as f64 {
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
    use outrider_foundation::rng::philox4x32;

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
            LidarConfig { beams: 301, noise_sigma_m: 0.02, dropout_probability: 0.1, ..shipped().lidar };
        let mut l = lidar(config, 9);
        for sweep in 0..3 {
            let block = |stream, counter: usize| philox4x32([counter as u32, stream, sweep, 0], [9, 0]);
            for (beam, range) in scan(&mut l, &scene(), Moving::default()).ranges_m.into_iter().enumerate() {
                // 16 blocks make the noise of 128 beams and the losses of 64.
                let (group, row, lane) = (beam / 128, beam % 128 / 16, beam % 16);
                let pair = normals(block(stream::LIDAR, 16 * group + lane)[row / 2]);
                let normal = f64::from(if row % 2 == 0 { pair.0 } else { pair.1 });
                let (group, row) = (beam / 64, beam % 64 / 16);
                let lost = block(stream::LIDAR_LOSS, 16 * group + lane)[row] < (0.1 * 2f64.powi(32)) as u32;
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
