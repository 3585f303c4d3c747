//! Interacting multiple models: one belief for every way to move, mixed as objects change their way.
//!
//! Mixing after Blom and Bar-Shalom, "The interacting multiple model algorithm for systems with Markovian switching
//! coefficients", 1988; update in Joseph's form. Several measurements with their probabilities are taken in as a mixture
//! that is brought to its first two moments (probabilistic data association: Bar-Shalom and Tse 1975).

use super::config::MotionConfig;
use super::mixture::{Block, Places, TOGETHER, Ways};
use super::motion::{Belief, DIMENSIONS, Lapse, MODES, Mode, Place, Spread, State};
use multiversion::multiversion;
use nalgebra::{Matrix2, Matrix4, SMatrix, Vector2, Vector4};
use outrider_foundation::Point2;

/// No way to move is less probable than this, so that none is lost for ever.
const MODE_PROBABILITY_MIN: f64 = 1e-4;
/// Ways to move change within steps no longer than this, in s,
const STEP_MAX_S: f64 = 0.25;
/// unless that took more steps than this.
const STEPS_MAX: f64 = 16.0;
/// Who has been seen to move stands with this probability.
const STANDS_AFTER_ALL: f64 = 0.05;
/// 2π.
const TAU: f64 = std::f64::consts::TAU;

/// A measured position with its covariance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Measurement {
    /// In the filter's frame.
    pub position: Point2,
    /// In m²; positive definite.
    pub covariance: Matrix2<f64>,
}

/// How a measurement lies to a belief.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Innovation {
    /// Squared Mahalanobis distance.
    pub distance_sq: f64,
    /// Density of the measurement, in 1/m².
    pub likelihood: f64,
}

/// What is believed of an object if it moves in one of its ways.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WayBelief {
    /// That it does.
    pub probability: f64,
    /// Of x, y, vx, vy in m and m/s.
    pub mean: [f64; 4],
    /// Of the same, row-major.
    pub covariance: [f64; 16],
}

/// A time ahead, and what is the same of it for everybody.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Ahead {
    /// How far.
    pub dt_s: f64,
    lapse: Lapse,
    /// Probability that who stands still stands.
    stays: f64,
}

impl Ahead {
    /// In `dt_s`.
    pub fn of(dt_s: f64, config: &MotionConfig) -> Self {
        let [dwell_s, ..] = config.dwell_s;
        Self { dt_s, lapse: Lapse::of(dt_s, config), stays: stay(dt_s, dwell_s) }
    }
}

/// The filter of one object.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Imm {
    beliefs: [Belief; MODES],
    probabilities: [f64; MODES],
}

impl Imm {
    /// At a measured position, nothing else known.
    pub fn new(measurement: &Measurement, config: &MotionConfig) -> Self {
        let at = Vector2::new(measurement.position.x_m, measurement.position.y_m);
        let sum: f64 = config.first.iter().sum();
        let belief = |mode: Mode| {
            let speed_mps = if mode == Mode::Still { config.still_speed_mps } else { config.first_speed_mps };
            Belief::new(at, &measurement.covariance, speed_mps, config.turn_rate_sigma_radps)
        };
        Self { beliefs: Mode::ALL.map(belief), probabilities: config.first.map(|p| p / sum) }
    }

    /// At a measured position and a velocity with its standard deviation, by axis.
    pub fn moving(
        measurement: &Measurement,
        velocity: Vector2<f64>,
        speed_sigma_mps: f64,
        config: &MotionConfig,
    ) -> Self {
        let mut imm = Self::new(measurement, config);
        for (belief, _) in imm.beliefs.iter_mut().zip(Mode::ALL).filter(|(_, mode)| *mode != Mode::Still) {
            (belief.mean.z, belief.mean.w) = (velocity.x, velocity.y);
            let variance = speed_sigma_mps * speed_sigma_mps;
            (belief.covariance.m33, belief.covariance.m44) = (variance, variance);
        }
        let [_, straight, turn] = config.first;
        let scale = (1.0 - STANDS_AFTER_ALL) / (straight + turn);
        imm.probabilities = [STANDS_AFTER_ALL, straight * scale, turn * scale];
        imm
    }

    /// Probability of every way to move.
    #[cfg(test)]
    pub fn probabilities(&self) -> [f64; MODES] {
        self.probabilities
    }

    /// Brings the filter `dt_s` on, in steps short enough for the ways to move to change between them.
    pub fn advance(&mut self, dt_s: f64, config: &MotionConfig) {
        if dt_s.is_nan() || dt_s <= 0.0 {
            return;
        }
        let steps = (dt_s / STEP_MAX_S).ceil().clamp(1.0, STEPS_MAX);
        for _ in 0..steps as usize {
            self.step(dt_s / steps, config);
        }
    }

    /// Mixes, then moves.
    fn step(&mut self, dt_s: f64, config: &MotionConfig) {
        let change = changes(dt_s, config);
        let mut mixed = self.beliefs;
        let mut probabilities = [0.0; MODES];
        let set_off = config.set_off_speed_mps * config.set_off_speed_mps;
        for (j, (into, total)) in mixed.iter_mut().zip(&mut probabilities).enumerate() {
            let weights: [f64; MODES] =
                std::array::from_fn(|i| at(&change, i, j) * at1(&self.probabilities, i));
            *total = weights.iter().sum::<f64>();
            *into = moments(&self.beliefs, &weights, *total);
            // Who has stood sets off with any velocity.
            if j != 0 {
                let share = at1(&weights, 0) / *total;
                into.covariance.m33 += share * set_off;
                into.covariance.m44 += share * set_off;
            }
        }
        for (belief, mode) in mixed.iter_mut().zip(Mode::ALL) {
            *belief = belief.after(mode, dt_s, config);
        }
        (self.beliefs, self.probabilities) = (mixed, probabilities);
    }

    /// Position and its covariance, of all ways to move together.
    pub fn position(&self) -> (Point2, Matrix2<f64>) {
        let place = |b: &Belief| {
            let (at, spread) = b.position();
            Place { x: at.x, y: at.y, xx: spread.m11, xy: spread.m12, yx: spread.m21, yy: spread.m22 }
        };
        let [still, straight, turn] = &self.beliefs;
        whole(mixture(&[place(still), place(straight), place(turn)], &self.probabilities))
    }

    /// Position and its covariance later: the mixture of all ways to move. Who stands may set off; that who walks may
    /// stop is in the noise of walking, so that the mean is where somebody who goes on will be.
    pub fn position_after(&self, ahead: &Ahead) -> (Point2, Matrix2<f64>) {
        let [_, _, turn] = &self.beliefs;
        whole(self.place_after(ahead, turn.turn_after(&ahead.lapse), &[1.0; MODES]))
    }

    #[inline(always)]
    fn place_after(&self, ahead: &Ahead, turned: (f64, f64), share: &[f64; MODES]) -> Place {
        let later = self.probabilities_after(ahead);
        let weights = [share[0] * later[0], share[1] * later[1], share[2] * later[2]];
        let [still, straight, turn] = &self.beliefs;
        let places = [
            still.place_after(Mode::Still, &ahead.lapse, turned),
            straight.place_after(Mode::Straight, &ahead.lapse, turned),
            turn.place_after(Mode::Turn, &ahead.lapse, turned),
        ];
        mixture(&places, &weights)
    }

    /// How probable every way to move is by then.
    #[inline(always)]
    pub fn probabilities_after(&self, ahead: &Ahead) -> [f64; MODES] {
        let [stands, walks, turns] = self.probabilities;
        let set_off = 0.5 * stands * (1.0 - ahead.stays);
        [stands - 2.0 * set_off, walks + set_off, turns + set_off]
    }

    /// The same for many times: of all ways to move together the position and the standard deviation along the worst axis; and
    /// every way by itself, into `ways`.
    pub fn positions_after(&self, ahead: &[Ahead], ways: &mut Ways, mut tell: impl FnMut(Point2, f64)) {
        let [still, straight, turn] = &self.beliefs;
        let times = ways.begin(ahead.len());
        for (ahead, these) in ahead.chunks(TOGETHER).zip(times) {
            // Beyond the end the last time stands once more.
            these.ahead = [ahead.last().copied().unwrap_or_default(); TOGETHER];
            for ((these, turned), ahead) in these.ahead.iter_mut().zip(&mut these.turned).zip(ahead) {
                (*these, *turned) = (*ahead, turn.turn_after(&ahead.lapse));
            }
            let (times, turned) = (&these.ahead, &these.turned);
            these.ways =
                [still_after(still, times), straight_after(straight, times), turn_after(turn, times, turned)];
            let all = places_after(self, times, turned, &[1.0; MODES]);
            for (at, sigma_m) in all.told().into_iter().take(ahead.len()) {
                tell(at, sigma_m);
            }
        }
    }

    /// Some ways to move together, by their first two moments: those with a share of 1, not those with 0.
    pub fn together(&self, these: &Block, share: &[f64; MODES]) -> Places {
        places_after(self, &these.ahead, &these.turned, share)
    }

    /// Every way to move by itself.
    pub fn ways(&self) -> [WayBelief; MODES] {
        std::array::from_fn(|i| {
            // Both are arrays of this length.
            let (belief, probability) = (&self.beliefs[i], self.probabilities[i]);
            let [x, y, vx, vy, _] = belief.mean.data.0[0];
            let of = |n: usize| belief.covariance[(n / 4, n % 4)];
            WayBelief { probability, mean: [x, y, vx, vy], covariance: std::array::from_fn(of) }
        })
    }

    /// Mean and covariance of x, y, vx, vy.
    pub fn motion(&self) -> (Vector4<f64>, Matrix4<f64>) {
        let sum = self.probabilities.iter().sum::<f64>();
        let all = moments(&self.beliefs, &self.probabilities, sum);
        let mean = Vector4::new(all.mean.x, all.mean.y, all.mean.z, all.mean.w);
        (mean, all.covariance.fixed_view::<4, 4>(0, 0).into_owned())
    }

    #[cfg(test)]
    /// How a measurement lies to all ways to move together; `None` when that cannot be told.
    pub fn innovation(&self, measurement: &Measurement) -> Option<Innovation> {
        innovation_of(&self.position(), measurement)
    }

    /// Takes measurements in, each with the probability that it is this object's; the rest is that none is. Probabilities of
    /// the ways to move follow. Without effect where an innovation is singular.
    pub fn update(&mut self, hits: &[(f64, Measurement)]) {
        let none = (1.0 - hits.iter().map(|(share, _)| share).sum::<f64>()).max(0.0);
        let whole = self.position();
        let mut sum = 0.0;
        for (belief, probability) in self.beliefs.iter_mut().zip(&mut self.probabilities) {
            let evidence = take(belief, hits, none, &whole);
            *probability = (*probability * evidence).max(0.0);
            sum += *probability;
        }
        // All evidence gone means that nothing told the modes apart.
        let scale = if sum.is_finite() && sum > 0.0 { 1.0 / sum } else { 0.0 };
        for probability in &mut self.probabilities {
            let share = if scale > 0.0 { *probability * scale } else { 1.0 / MODES as f64 };
            *probability = share.clamp(MODE_PROBABILITY_MIN, 1.0);
        }
        let sum: f64 = self.probabilities.iter().sum();
        self.probabilities = self.probabilities.map(|p| p / sum);
    }

    /// Slows every way to move down to this speed.
    pub fn limit_speed(&mut self, speed_max_mps: f64) {
        self.beliefs.iter_mut().for_each(|b| b.limit_speed(speed_max_mps));
    }

    /// Every number is finite and every variance is above zero.
    pub fn is_sound(&self) -> bool {
        self.beliefs.iter().all(|b| {
            b.mean.iter().all(|v| v.is_finite())
                && b.covariance.iter().all(|v| v.is_finite())
                && b.covariance.diagonal().iter().all(|v| *v > 0.0)
        })
    }
}

/// Takes measurements into one belief; returns how well it foresaw them, against what all foresaw together.
fn take(belief: &mut Belief, hits: &[(f64, Measurement)], none: f64, whole: &(Point2, Matrix2<f64>)) -> f64 {
    let before = *belief;
    // Moments about the state before, which is near: no digits are lost to large coordinates.
    let mut sum = none;
    let mut shift = State::zeros();
    let mut second = before.covariance * none;
    for (share, measurement) in hits {
        let all = innovation_of(whole, measurement);
        let (Some((own, likelihood)), Some(all)) = (updated(&before, measurement), all) else { continue };
        let weight = share * likelihood / all.likelihood.max(f64::MIN_POSITIVE);
        let d = own.mean - before.mean;
        sum += weight;
        shift += d * weight;
        second += (own.covariance + d * d.transpose()) * weight;
    }
    if sum > 0.0 && sum.is_finite() {
        shift /= sum;
        let covariance = second / sum - shift * shift.transpose();
        *belief =
            Belief { mean: before.mean + shift, covariance: 0.5 * (covariance + covariance.transpose()) };
    }
    sum
}

/// The belief with one measurement taken in, and the density that it foresaw it with.
fn updated(belief: &Belief, measurement: &Measurement) -> Option<(Belief, f64)> {
    let (position, spread) = belief.position();
    let s = spread + measurement.covariance;
    let determinant = s.determinant();
    if !(determinant > 0.0 && determinant.is_finite()) {
        return None;
    }
    let inverse = s.try_inverse()?;
    let r = Vector2::new(measurement.position.x_m - position.x, measurement.position.y_m - position.y);
    let likelihood = libm::exp(-0.5 * r.dot(&(inverse * r))) / (TAU * determinant.sqrt());
    let p = &belief.covariance;
    let gain: SMatrix<f64, DIMENSIONS, 2> = p.fixed_columns::<2>(0) * inverse;
    // Joseph's form, with an observation that picks the first two numbers.
    let kept: Spread = p - gain * p.fixed_rows::<2>(0);
    let joseph: Spread = kept - kept.fixed_columns::<2>(0) * gain.transpose()
        + gain * measurement.covariance * gain.transpose();
    let mean: State = belief.mean + gain * r;
    Some((Belief { mean, covariance: 0.5 * (joseph + joseph.transpose()) }, likelihood))
}

pub(crate) fn innovation_of(at: &(Point2, Matrix2<f64>), measurement: &Measurement) -> Option<Innovation> {
    let s = at.1 + measurement.covariance;
    let (a, b, c) = (s.m11, 0.5 * (s.m12 + s.m21), s.m22);
    let determinant = a * c - b * b;
    if !(determinant > 0.0 && determinant.is_finite()) {
        return None;
    }
    let (dx, dy) = (measurement.position.x_m - at.0.x_m, measurement.position.y_m - at.0.y_m);
    let distance_sq = (c * dx * dx - 2.0 * b * dx * dy + a * dy * dy) / determinant;
    let likelihood = libm::exp(-0.5 * distance_sq) / (TAU * determinant.sqrt());
    Some(Innovation { distance_sq, likelihood })
}

/// Probability of changing from one way to move (row) to another (column) within a time.
fn changes(dt_s: f64, config: &MotionConfig) -> [[f64; MODES]; MODES] {
    let mut table = [[0.0; MODES]; MODES];
    for (i, (row, dwell_s)) in table.iter_mut().zip(&config.dwell_s).enumerate() {
        let stay = stay(dt_s, *dwell_s);
        for (j, p) in row.iter_mut().enumerate() {
            *p = if i == j { stay } else { (1.0 - stay) / (MODES - 1) as f64 };
        }
    }
    table
}

/// Probability of moving after a time as before. In the long run each way is as likely as another: it does not fall below that.
fn stay(dt_s: f64, dwell_s: f64) -> f64 {
    let fade = libm::exp(-dt_s.max(0.0) / dwell_s * MODES as f64 / (MODES - 1) as f64);
    (1.0 + (MODES - 1) as f64 * fade) / MODES as f64
}

fn at(table: &[[f64; MODES]; MODES], i: usize, j: usize) -> f64 {
    table.get(i).and_then(|row| row.get(j)).copied().unwrap_or_default()
}

fn at1(row: &[f64; MODES], i: usize) -> f64 {
    row.get(i).copied().unwrap_or_default()
}

/// First two moments of a mixture with these weights, which add up to `sum`.
fn moments(beliefs: &[Belief; MODES], weights: &[f64; MODES], sum: f64) -> Belief {
    let mut mean = State::zeros();
    for (belief, weight) in beliefs.iter().zip(weights) {
        mean += belief.mean * (weight / sum);
    }
    let mut covariance = Spread::zeros();
    for (belief, weight) in beliefs.iter().zip(weights) {
        let d = belief.mean - mean;
        covariance += (belief.covariance + d * d.transpose()) * (weight / sum);
    }
    Belief { mean, covariance }
}

/// The same for positions.
#[inline(always)]
fn mixture(places: &[Place; MODES], weights: &[f64; MODES]) -> Place {
    let sum: f64 = weights.iter().sum();
    let (mut x, mut y) = (0.0, 0.0);
    for (place, weight) in places.iter().zip(weights) {
        let share = weight / sum;
        x += place.x * share;
        y += place.y * share;
    }
    let (mut xx, mut xy, mut yx, mut yy) = (0.0, 0.0, 0.0, 0.0);
    for (place, weight) in places.iter().zip(weights) {
        let (dx, dy, share) = (place.x - x, place.y - y, weight / sum);
        xx += (place.xx + dx * dx) * share;
        xy += (place.xy + dx * dy) * share;
        yx += (place.yx + dx * dy) * share;
        yy += (place.yy + dy * dy) * share;
    }
    Place { x, y, xx, xy, yx, yy }
}

fn whole(place: Place) -> (Point2, Matrix2<f64>) {
    let Place { x, y, xx, xy, yx, yy } = place;
    (Point2::new(x, y), Matrix2::new(xx, xy, yx, yy))
}

/// Where an object will be at several times, and the standard deviation along the worst axis, by the ways to move that have a
/// share.
#[multiversion(targets("x86_64+avx2"))]
fn places_after(
    imm: &Imm,
    ahead: &[Ahead; TOGETHER],
    turned: &[(f64, f64); TOGETHER],
    share: &[f64; MODES],
) -> Places {
    let (mut x, mut y, mut sigma_m) = ([0.0; TOGETHER], [0.0; TOGETHER], [0.0; TOGETHER]);
    let into = x.iter_mut().zip(&mut y).zip(&mut sigma_m);
    for (((x, y), sigma_m), (ahead, turned)) in into.zip(ahead.iter().zip(turned)) {
        let place = imm.place_after(ahead, *turned, share);
        (*x, *y, *sigma_m) = (place.x, place.y, worst_sigma(place.xx, place.xy, place.yy));
    }
    Places { x, y, sigma_m }
}

/// The same by one way to move.
#[inline(always)]
fn way_after(
    belief: &Belief,
    mode: Mode,
    ahead: &[Ahead; TOGETHER],
    turned: &[(f64, f64); TOGETHER],
) -> Places {
    let (mut x, mut y, mut sigma_m) = ([0.0; TOGETHER], [0.0; TOGETHER], [0.0; TOGETHER]);
    let into = x.iter_mut().zip(&mut y).zip(&mut sigma_m);
    for (((x, y), sigma_m), (ahead, turned)) in into.zip(ahead.iter().zip(turned)) {
        let place = belief.place_after(mode, &ahead.lapse, *turned);
        (*x, *y, *sigma_m) = (place.x, place.y, worst_sigma(place.xx, place.xy, place.yy));
    }
    Places { x, y, sigma_m }
}

#[multiversion(targets("x86_64+avx2"))]
fn still_after(belief: &Belief, ahead: &[Ahead; TOGETHER]) -> Places {
    way_after(belief, Mode::Still, ahead, &[(0.0, 1.0); TOGETHER])
}

#[multiversion(targets("x86_64+avx2"))]
fn straight_after(belief: &Belief, ahead: &[Ahead; TOGETHER]) -> Places {
    way_after(belief, Mode::Straight, ahead, &[(0.0, 1.0); TOGETHER])
}

#[multiversion(targets("x86_64+avx2"))]
fn turn_after(belief: &Belief, ahead: &[Ahead; TOGETHER], turned: &[(f64, f64); TOGETHER]) -> Places {
    way_after(belief, Mode::Turn, ahead, turned)
}

/// Standard deviation along the worst axis.
pub(crate) fn worst_sigma_m(p: &Matrix2<f64>) -> f64 {
    worst_sigma(p.m11, p.m12, p.m22)
}

#[inline(always)]
fn worst_sigma(xx: f64, xy: f64, yy: f64) -> f64 {
    let (mean, half) = (0.5 * (xx + yy), 0.5 * (xx - yy));
    (mean + (half * half + xy * xy).sqrt()).max(0.0).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::shipped;
    use outrider_foundation::rng::Rng;

    fn measurement(x_m: f64, y_m: f64) -> Measurement {
        Measurement { position: Point2::new(x_m, y_m), covariance: Matrix2::new(0.01, 0.0, 0.0, 0.01) }
    }

    fn config() -> MotionConfig {
        shipped().tracks.motion
    }

    /// Follows a path that is a function of time, seen ten times a second; returns the probabilities at the end.
    fn follow(path: fn(f64) -> (f64, f64)) -> [f64; MODES] {
        let mut rng = Rng::new(3, 0, 0);
        let config = config();
        let mut seen = |t: f64| {
            let (x, y) = path(t);
            measurement(x + 0.05 * rng.normal(), y + 0.05 * rng.normal())
        };
        let mut imm = Imm::new(&seen(0.0), &config);
        for i in 1..60 {
            imm.advance(0.1, &config);
            imm.update(&[(1.0, seen(0.1 * f64::from(i)))]);
            assert!(imm.is_sound());
        }
        imm.probabilities()
    }

    #[test]
    fn the_way_to_move_is_told() {
        let [still, ..] = follow(|_| (1.0, 2.0));
        let [moving_still, straight, _] = follow(|t| (1.3 * t, 2.0));
        let [_, _, turn] = follow(|t| (libm::sin(1.5 * t), libm::cos(1.5 * t)));
        assert!(
            still > 0.7 && moving_still < 0.1 && straight > 0.4 && turn > 0.6,
            "{still} {moving_still} {straight} {turn}"
        );
    }

    /// Normalised error squared of an honest filter is 4 on average; the truth is drawn from the straight model with its
    /// own noise. The mixture states more than one model would, so the mean lies at or below.
    #[test]
    fn errors_are_as_stated() {
        let config = config();
        let (dt_s, psd) = (0.1f64, config.acceleration_psd_m2ps3);
        let (mut nees, mut count) = (0.0, 0.0);
        for run in 0..100u64 {
            let mut rng = Rng::new(run, 0, 0);
            let mut truth = Vector4::new(0.0, 0.0, 0.8 * rng.normal(), 0.8 * rng.normal());
            let mut imm = Imm::new(&measurement(0.1 * rng.normal(), 0.1 * rng.normal()), &config);
            for step in 0..40 {
                for axis in 0..2 {
                    let (a, b) = (rng.normal(), rng.normal());
                    let dv = (psd * dt_s).sqrt() * a;
                    truth[axis] +=
                        truth[axis + 2] * dt_s + 0.5 * dt_s * dv + (psd * dt_s.powi(3) / 12.0).sqrt() * b;
                    truth[axis + 2] += dv;
                }
                imm.advance(dt_s, &config);
                imm.update(&[(1.0, measurement(truth.x + 0.1 * rng.normal(), truth.y + 0.1 * rng.normal()))]);
                if step >= 10 {
                    let (mean, covariance) = imm.motion();
                    let e = mean - truth;
                    nees += e.dot(&(covariance.try_inverse().unwrap() * e));
                    count += 1.0;
                }
            }
        }
        let mean = nees / count;
        assert!((2.5..4.6).contains(&mean), "mean normalised error {mean}");
    }

    #[test]
    fn two_halves_of_a_doubt_lie_between() {
        let config = config();
        let mut imm = Imm::new(&measurement(0.0, 0.0), &config);
        imm.advance(0.1, &config);
        let before = imm.position();
        let mut both = imm;
        both.update(&[(0.5, measurement(0.2, 0.0)), (0.5, measurement(-0.2, 0.0))]);
        let mut one = imm;
        one.update(&[(1.0, measurement(0.2, 0.0))]);
        assert!(both.position().0.x_m.abs() < 1e-9 && one.position().0.x_m > 0.1);
        assert!(both.position().1.m11 > one.position().1.m11, "their distance is part of the doubt");
        let mut none = imm;
        none.update(&[]);
        assert!((none.position().1 - before.1).norm() < 1e-12);
    }

    /// To the last bit, with any number of times.
    #[test]
    fn many_times_are_as_each_of_them() {
        let config = config();
        let mut imm = Imm::new(&measurement(1.0, 2.0), &config);
        for i in 1..20 {
            imm.advance(0.1, &config);
            imm.update(&[(0.9, measurement(1.0 + 0.1 * f64::from(i), 2.0 - 0.004 * f64::from(i * i)))]);
        }
        let ahead: Vec<_> = (1..=15).map(|i| Ahead::of(0.2 * f64::from(i), &config)).collect();
        for count in 0..=ahead.len() {
            let mut told = Vec::new();
            let mut ways = Ways::default();
            imm.positions_after(&ahead[..count], &mut ways, |at, sigma_m| told.push((at, sigma_m)));
            let each = ahead[..count].iter().map(|ahead| imm.position_after(ahead));
            let each: Vec<_> = each.map(|(at, spread)| (at, worst_sigma_m(&spread))).collect();
            assert_eq!(told, each);
        }
    }

    #[test]
    fn singular_measurements_do_nothing() {
        let mut imm = Imm::new(&measurement(1.0, 2.0), &config());
        let bad = Measurement { position: Point2::default(), covariance: Matrix2::new(-1.0, 0.0, 0.0, 1.0) };
        let before = imm.position();
        assert_eq!(imm.innovation(&bad), None);
        imm.update(&[(1.0, bad)]);
        let after = imm.position();
        assert!(after.0 == before.0 && (after.1 - before.1).norm() < 1e-12);
        assert!(imm.is_sound());
    }

    #[test]
    fn changes_of_mode_are_probabilities_and_even_out() {
        for dt_s in [0.0, 0.1, 1.0, 100.0] {
            for row in changes(dt_s, &config()) {
                assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-12 && row.iter().all(|p| *p >= 0.0));
            }
        }
        assert!(changes(0.0, &config())[1][1] > 1.0 - 1e-12 && changes(100.0, &config())[0][1] > 0.33);
    }
}
