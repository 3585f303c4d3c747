//! Three ways in which an object moves, over one state: position, velocity, turn rate.
//!
//! Nearly constant velocity and coordinated turn with unknown rate after Bar-Shalom, Li and Kirubarajan, "Estimation with
//! Applications to Tracking and Navigation", 2001, sections 6.2.2 and 11.7.1; near-static is an Ornstein–Uhlenbeck
//! velocity. All transitions are exact in time but the turn's, whose noise is that of constant velocity.

use super::config::MotionConfig;
use nalgebra::{Matrix2, SMatrix, SVector, Vector2};

/// Numbers in the state: x, y, vx, vy in m and m/s, turn rate in rad/s.
pub(crate) const DIMENSIONS: usize = 5;
/// How many ways to move there are.
pub(crate) const MODES: usize = 3;

pub(crate) type State = SVector<f64, DIMENSIONS>;
pub(crate) type Spread = SMatrix<f64, DIMENSIONS, DIMENSIONS>;

/// Turn rates below are straight, in rad/s: the series is exact to the last digit there.
const STRAIGHT_RADPS: f64 = 1e-4;

/// A way to move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Stands, or sways about where it is.
    Still,
    /// Constant velocity.
    Straight,
    /// Constant speed and turn rate.
    Turn,
}

impl Mode {
    /// In the order of their probabilities.
    pub const ALL: [Self; MODES] = [Self::Still, Self::Straight, Self::Turn];
}

/// A Gaussian belief.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Belief {
    pub mean: State,
    pub covariance: Spread,
}

impl Belief {
    /// At a measured position, at rest within the given standard deviations.
    pub fn new(position: Vector2<f64>, covariance: &Matrix2<f64>, speed_mps: f64, turn_radps: f64) -> Self {
        let mut p = Spread::zeros();
        p.fixed_view_mut::<2, 2>(0, 0).copy_from(covariance);
        (p.m33, p.m44, p.m55) = (speed_mps * speed_mps, speed_mps * speed_mps, turn_radps * turn_radps);
        Self { mean: State::new(position.x, position.y, 0.0, 0.0, 0.0), covariance: p }
    }

    /// Position and its covariance.
    pub fn position(&self) -> (Vector2<f64>, Matrix2<f64>) {
        let p = &self.covariance;
        (Vector2::new(self.mean.x, self.mean.y), Matrix2::new(p.m11, p.m12, p.m21, p.m22))
    }

    /// Slows the mean down to this speed.
    pub fn limit_speed(&mut self, speed_max_mps: f64) {
        let speed_sq = self.mean.z * self.mean.z + self.mean.w * self.mean.w;
        if speed_sq > speed_max_mps * speed_max_mps {
            let scale = speed_max_mps / speed_sq.sqrt();
            self.mean.z *= scale;
            self.mean.w *= scale;
        }
    }

    /// The belief `dt_s` later (never earlier).
    pub fn after(&self, mode: Mode, dt_s: f64, config: &MotionConfig) -> Self {
        let t = dt_s.max(0.0);
        let step = Step::of(mode, self, t, config);
        let f = &step.transition;
        let mut covariance = f * self.covariance * f.transpose();
        step.noise.add_to(&mut covariance);
        let mut mean = f * self.mean;
        // The last column of the turn's Jacobian moves the covariance, not the mean.
        if mode == Mode::Turn {
            mean = step.mean;
        }
        Self { mean, covariance: 0.5 * (covariance + covariance.transpose()) }
    }

    /// Position and its covariance later, without the rest: what a prediction shows. `turn` is sine and cosine of how far its
    /// turn rate leads by then. Plain numbers, so that a loop over it becomes vector code.
    #[inline(always)]
    pub fn place_after(&self, mode: Mode, lapse: &Lapse, turn: (f64, f64)) -> Place {
        match mode {
            Mode::Still => self.carried(lapse.settled_s, lapse.still_m2),
            Mode::Straight => self.carried(lapse.dt_s, lapse.straight_m2),
            Mode::Turn => self.turned(lapse, turn),
        }
    }

    /// Sine and cosine of how far its turn rate leads.
    #[inline]
    pub fn turn_after(&self, lapse: &Lapse) -> (f64, f64) {
        libm::sincos(self.mean[4] * lapse.dt_s)
    }

    /// Of the velocity so much is carried over, with this noise: of the transition's rows for the position nothing else is
    /// there.
    #[inline(always)]
    fn carried(&self, carry_s: f64, noise_m2: f64) -> Place {
        let (m, p) = (&self.mean, &self.covariance);
        let xx = p.m11 + 2.0 * (p.m13 * carry_s) + carry_s * (p.m33 * carry_s) + noise_m2;
        let yy = p.m22 + 2.0 * (p.m24 * carry_s) + carry_s * (p.m44 * carry_s) + noise_m2;
        let xy = p.m12 + p.m14 * carry_s + p.m23 * carry_s + carry_s * (p.m34 * carry_s);
        Place { x: m.x + carry_s * m.z, y: m.y + carry_s * m.w, xx, xy, yx: xy, yy }
    }

    #[inline(always)]
    fn turned(&self, lapse: &Lapse, turn: (f64, f64)) -> Place {
        let (m, p) = (&self.mean, &self.covariance);
        // The position's rows of the transition: one, and what is carried over of the velocity and of the turn rate.
        let arc = Arc::of(m[4], lapse.dt_s, turn);
        let (moved, pp) = (arc.moved(m), lapse.turn_m2);
        let (by_turn_x, by_turn_y) = arc.by_turn(m);
        let (x, y) = ([arc.s, -arc.c, by_turn_x], [arc.c, arc.s, by_turn_y]);
        let dot = |a: [f64; 3], b: [f64; 3]| a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
        let (px, py) = ([p.m13, p.m14, p.m15], [p.m23, p.m24, p.m25]);
        let rest = |v: [f64; 3]| {
            [dot([p.m33, p.m34, p.m35], v), dot([p.m43, p.m44, p.m45], v), dot([p.m53, p.m54, p.m55], v)]
        };
        let (rx, ry) = (rest(x), rest(y));
        let xx = p.m11 + 2.0 * dot(px, x) + dot(x, rx) + pp;
        let yy = p.m22 + 2.0 * dot(py, y) + dot(y, ry) + pp;
        let xy = p.m12 + dot(px, y) + dot(py, x) + dot(x, ry);
        Place { x: moved.x, y: moved.y, xx, xy, yx: xy, yy }
    }
}

/// A position and its covariance, in plain numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Place {
    pub x: f64,
    pub y: f64,
    pub xx: f64,
    pub xy: f64,
    pub yx: f64,
    pub yy: f64,
}

/// What passes in a time, whoever moves: reckoned once for all who are asked where they are then.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Lapse {
    dt_s: f64,
    /// How far the velocity of somebody who stands carries, in s.
    settled_s: f64,
    /// Noise of the position by way to move.
    still_m2: f64,
    straight_m2: f64,
    turn_m2: f64,
}

impl Lapse {
    /// Of `dt_s` (never less than none).
    pub fn of(dt_s: f64, config: &MotionConfig) -> Self {
        let t = dt_s.max(0.0);
        let (_, settled_s, still_m2) = settling(t, config);
        Self {
            dt_s: t,
            settled_s,
            still_m2,
            straight_m2: white_position(t, config.acceleration_psd_m2ps3),
            turn_m2: white_position(t, config.turn_acceleration_psd_m2ps3),
        }
    }
}

/// Of somebody who stands: how velocity decays, how far it carries, and the noise of the position.
fn settling(t: f64, config: &MotionConfig) -> (f64, f64, f64) {
    let tau = config.still_settle_s;
    let decay = libm::exp(-t / tau);
    let s = config.still_speed_mps * config.still_speed_mps;
    let carry = tau * (1.0 - decay);
    let pp = 2.0 * s * tau * (t - 2.0 * carry + 0.5 * tau * (1.0 - decay * decay));
    (decay, carry, pp.max(0.0))
}

/// The position's noise under white acceleration.
fn white_position(t: f64, psd: f64) -> f64 {
    psd * t * t * t / 3.0
}

/// A way along a circle: sin(wt), cos(wt), sin(wt)/w, (1 − cos(wt))/w and the derivatives of the last two by w.
struct Arc {
    sin: f64,
    cos: f64,
    s: f64,
    c: f64,
    ds: f64,
    dc: f64,
}

impl Arc {
    /// For a turn rate, with sine and cosine of `w * t`.
    #[inline(always)]
    fn of(w: f64, t: f64, (sin, cos): (f64, f64)) -> Self {
        let (s, c, ds, dc) = if w.abs() < STRAIGHT_RADPS {
            (t, 0.5 * w * t * t, -w * t * t * t / 3.0, 0.5 * t * t)
        } else {
            let (s, c) = (sin / w, (1.0 - cos) / w);
            (s, c, (t * cos - s) / w, (t * sin - c) / w)
        };
        Self { sin, cos, s, c, ds, dc }
    }

    /// Where it leads.
    #[inline(always)]
    fn moved(&self, m: &State) -> Vector2<f64> {
        Vector2::new(m.x + self.s * m.z - self.c * m.w, m.y + self.c * m.z + self.s * m.w)
    }

    /// The derivative of that by the turn rate.
    #[inline(always)]
    fn by_turn(&self, m: &State) -> (f64, f64) {
        (self.ds * m.z - self.dc * m.w, self.dc * m.z + self.ds * m.w)
    }
}

/// Noise per axis (position, both, velocity) and of the turn rate.
#[derive(Clone, Copy, Debug)]
struct Noise {
    pp: f64,
    pv: f64,
    vv: f64,
    ww: f64,
}

impl Noise {
    fn add_to(&self, p: &mut Spread) {
        p.m11 += self.pp;
        p.m22 += self.pp;
        (p.m13, p.m31) = (p.m13 + self.pv, p.m31 + self.pv);
        (p.m24, p.m42) = (p.m24 + self.pv, p.m42 + self.pv);
        p.m33 += self.vv;
        p.m44 += self.vv;
        p.m55 += self.ww;
    }
}

/// One step in time.
struct Step {
    transition: Spread,
    /// Only for [`Mode::Turn`].
    mean: State,
    noise: Noise,
}

impl Step {
    fn of(mode: Mode, from: &Belief, t: f64, config: &MotionConfig) -> Self {
        match mode {
            Mode::Still => Self::still(t, config),
            Mode::Straight => Self::straight(t, config),
            Mode::Turn => Self::turn(from, t, config),
        }
    }

    /// Velocity decays to the swaying of somebody who stands, the turn rate to what is known of anybody's.
    fn still(t: f64, config: &MotionConfig) -> Self {
        let (decay, carry, pp) = settling(t, config);
        let (tau, s) = (config.still_settle_s, config.still_speed_mps * config.still_speed_mps);
        let mut transition = Spread::identity();
        (transition.m13, transition.m24) = (carry, carry);
        (transition.m33, transition.m44) = (decay, decay);
        let turn = Self::forget_turn(&mut transition, t, config);
        let pv = s * tau * (1.0 - decay) * (1.0 - decay);
        Self {
            transition,
            mean: State::zeros(),
            noise: Noise { pp, pv, vv: s * (1.0 - decay * decay), ww: turn },
        }
    }

    fn straight(t: f64, config: &MotionConfig) -> Self {
        let mut transition = Spread::identity();
        (transition.m13, transition.m24) = (t, t);
        let turn = Self::forget_turn(&mut transition, t, config);
        Self { transition, mean: State::zeros(), noise: Self::white(t, config.acceleration_psd_m2ps3, turn) }
    }

    fn turn(from: &Belief, t: f64, config: &MotionConfig) -> Self {
        let (vx, vy, w) = (from.mean.z, from.mean.w, from.mean[4]);
        let arc = Arc::of(w, t, libm::sincos(w * t));
        let Arc { sin, cos, s, c, .. } = arc;
        let mut transition = Spread::identity();
        (transition.m13, transition.m14) = (s, -c);
        (transition.m23, transition.m24) = (c, s);
        (transition.m33, transition.m34) = (cos, -sin);
        (transition.m43, transition.m44) = (sin, cos);
        (transition.m15, transition.m25) = arc.by_turn(&from.mean);
        transition.m35 = -t * (sin * vx + cos * vy);
        transition.m45 = t * (cos * vx - sin * vy);
        let moved = arc.moved(&from.mean);
        let mean = State::new(moved.x, moved.y, cos * vx - sin * vy, sin * vx + cos * vy, w);
        let noise = Self::white(t, config.turn_acceleration_psd_m2ps3, config.turn_rate_psd_rad2ps3 * t);
        Self { transition, mean, noise }
    }

    /// White acceleration.
    fn white(t: f64, psd: f64, ww: f64) -> Noise {
        Noise { pp: white_position(t, psd), pv: 0.5 * psd * t * t, vv: psd * t, ww }
    }

    /// Where the turn rate has no part it falls back to what is known of anybody's. Returns its noise.
    fn forget_turn(transition: &mut Spread, t: f64, config: &MotionConfig) -> f64 {
        let decay = libm::exp(-t / config.turn_forget_s);
        transition.m55 = decay;
        config.turn_rate_sigma_radps * config.turn_rate_sigma_radps * (1.0 - decay * decay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::shipped;

    fn walker(w: f64) -> Belief {
        let mut b = Belief::new(Vector2::new(1.0, 2.0), &Matrix2::new(0.02, 0.0, 0.0, 0.01), 0.4, 0.3);
        (b.mean.z, b.mean.w, b.mean[4]) = (1.0, -0.5, w);
        b
    }

    /// One step and many small ones lead to the same: the transitions are a semigroup. The turn's covariance is linearised,
    /// so only its mean is.
    #[test]
    fn one_step_is_many_small_ones() {
        let config = shipped().tracks.motion;
        for mode in Mode::ALL {
            let one = walker(0.8).after(mode, 1.0, &config);
            let many = (0..20).fold(walker(0.8), |b, _| b.after(mode, 0.05, &config));
            assert!((one.mean - many.mean).norm() < 1e-9, "{mode:?}");
            if mode != Mode::Turn {
                assert!((one.covariance - many.covariance).norm() < 1e-9, "{mode:?}");
            }
        }
    }

    /// The Jacobian is the derivative of the mean, on either side of the series.
    #[test]
    fn the_turn_is_differentiated_rightly() {
        let config = shipped().tracks.motion;
        for w in [0.0, 5e-5, 2e-4, 0.7, -1.3] {
            let base = walker(w);
            let step = Step::turn(&base, 0.7, &config);
            for i in 0..DIMENSIONS {
                let h = 1e-5;
                let moved = |sign: f64| {
                    let mut b = base;
                    b.mean[i] += sign * h;
                    Step::turn(&b, 0.7, &config).mean
                };
                let column = (moved(1.0) - moved(-1.0)) / (2.0 * h);
                let given = step.transition.column(i);
                assert!((column - given).norm() < 1e-5, "w {w}, column {i}: {column} {given}");
            }
        }
    }

    #[test]
    fn a_turn_runs_on_a_circle_and_standing_ends_a_walk() {
        let config = shipped().tracks.motion;
        let mut b = walker(std::f64::consts::FRAC_PI_2);
        (b.mean.z, b.mean.w) = (1.0, 0.0);
        let quarter = b.after(Mode::Turn, 1.0, &config).mean;
        let radius = 2.0 / std::f64::consts::PI;
        assert!((quarter.x - 1.0 - radius).abs() < 1e-12 && (quarter.y - 2.0 - radius).abs() < 1e-12);
        let stood = walker(0.0).after(Mode::Still, 3.0, &config);
        assert!(stood.mean.z.abs() < 0.01 && (stood.mean.x - 1.0) < config.still_settle_s + 1e-9);
    }

    #[test]
    fn the_short_way_to_a_position_is_the_long_one() {
        let config = shipped().tracks.motion;
        for mode in Mode::ALL {
            let (walker, lapse) = (walker(0.4), Lapse::of(1.3, &config));
            let Place { x, y, xx, xy, yx, yy } = walker.place_after(mode, &lapse, walker.turn_after(&lapse));
            let (whole, spread) = walker.after(mode, 1.3, &config).position();
            let (mean, covariance) = (Vector2::new(x, y), Matrix2::new(xx, xy, yx, yy));
            assert!((mean - whole).norm() < 1e-12 && (covariance - spread).norm() < 1e-12, "{mode:?}");
        }
    }
}
