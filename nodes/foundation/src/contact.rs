//! How probable it is that a disc touches somebody whose place is not known exactly.
//!
//! The robot's disc about `p` and a person's disc about `X` touch when `|X − p| ≤ R`, with `R` the sum of the radii. Two
//! things may be known of `X`:
//!
//! - a Gaussian, the same along both axes: `|X − p|/σ` is Rice distributed, and the probability `1 − Q₁(d/σ, R/σ)`, with `d`
//!   the distance of `p` from the mean and `Q₁` Marcum's function (J. I. Marcum, "A statistical theory of target detection by
//!   pulsed radar", IRE Trans. IT-6, 1960). Exact, other than the approximations that planners use in its place: density
//!   times area (Du Toit and Burdick, "Probabilistic collision checking with chance constraints", T-RO 27(4), 2011), and the
//!   half-plane bound `Φ((R − d)/σ)` (Zhu and Alonso-Mora, "Chance-constrained collision avoidance for MAVs in dynamic
//!   environments", RA-L 4(2), 2019), which is the limit of a great `R/σ`.
//! - only the disc of radius `ρ` that it cannot have left: every place in it as likely as any other, the probability is the
//!   part of the disc that lies within `R` of `p`.
//!
//! Both are tabled once, by the shape of the transition from sure to impossible; every table row is what a profile over the
//! distance is made of.

use std::f64::consts::{PI, SQRT_2};
use std::sync::LazyLock;

/// Values of a profile, from the smallest distance to the greatest.
pub(crate) const SAMPLES: usize = 64;
/// A Gaussian profile reaches so many standard deviations to either side of the distance `R`; what is beyond has less than
/// 3.2e-5.
const SIGMAS: f64 = 4.0;
const PADDED: usize = SAMPLES + 2;
/// Rows of a table.
const ROWS: usize = 33;
/// Places at which an integral is evaluated.
const PLACES: usize = 96;

/// Probability of contact over the distance.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Profile {
    /// Distance of the first sample, m; may be negative.
    pub from_m: f64,
    /// From one sample to the next, m.
    pub step_m: f64,
    /// With two zeros behind the last, so that a place beyond needs no branch.
    probability: [f32; PADDED],
}

/// What a profile is made of: of one that is asked only once, for a distance, few samples are needed.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    from_m: f64,
    step_m: f64,
    row: Row,
}

impl Shape {
    /// Of somebody about a mean, for discs of `radius_m` together.
    pub fn gaussian(radius_m: f64, sigma_m: f64) -> Self {
        let ratio = radius_m / sigma_m;
        Self {
            from_m: radius_m - SIGMAS * sigma_m,
            step_m: 2.0 * SIGMAS * sigma_m / (SAMPLES - 1) as f64,
            row: GAUSSIAN.row(ratio / (1.0 + ratio), 1.0),
        }
    }

    /// Of somebody anywhere within `reach_m` of a centre.
    pub fn anywhere(radius_m: f64, reach_m: f64) -> Self {
        let (small, great) = (radius_m.min(reach_m), radius_m.max(reach_m));
        let (ratio, share) = (small / great, radius_m / reach_m);
        Self {
            from_m: great - small,
            step_m: 2.0 * small / (SAMPLES - 1) as f64,
            row: UNIFORM.row(ratio, (share * share).min(1.0)),
        }
    }

    /// All samples.
    pub fn profile(&self) -> Profile {
        let mut probability = [0.0; PADDED];
        let Row { low, high, .. } = self.row;
        for ((value, low), high) in probability.iter_mut().zip(low).zip(high) {
            *value = self.row.between(*low, *high);
        }
        Profile { from_m: self.from_m, step_m: self.step_m, probability }
    }

    /// The greatest distance at which the probability is `least` or more; `None` when there is none.
    pub fn within_m(&self, least: f64) -> Option<f64> {
        // No sample is greater than the one before it.
        let (mut index, mut beyond) = (0, SAMPLES);
        while index < beyond {
            let middle = index.midpoint(beyond);
            if self.row.sample(middle) >= least { index = middle + 1 } else { beyond = middle }
        }
        let index = index.checked_sub(1)?;
        let (low, high) = (self.row.sample(index), self.row.sample(index + 1));
        let share = if low > high { (low - least) / (low - high) } else { 0.0 };
        Some(self.from_m + (index as f64 + share.min(1.0)) * self.step_m).filter(|d| *d >= 0.0)
    }
}

impl Profile {
    /// Beyond this distance contact is taken for impossible, m.
    pub fn reach_m(&self) -> f64 {
        self.from_m + self.step_m * (SAMPLES - 1) as f64
    }

    /// Probability at a distance.
    pub fn at(&self, distance_m: f64) -> f64 {
        // All comes to zero from one sample beyond the last.
        let place = ((distance_m - self.from_m) / self.step_m).max(0.0).min(SAMPLES as f64);
        // To so small a number no cast takes a branch, which nothing would foretell.
        let index = place as u8;
        let sample = |index: u8| self.probability.get(usize::from(index)).copied().unwrap_or(0.0);
        let (low, high) = (sample(index), sample(index + 1));
        let share = place - f64::from(index);
        f64::from(low) + share * (f64::from(high) - f64::from(low))
    }
}

/// A row of a table at a parameter: between two rows, times a factor.
#[derive(Clone, Copy)]
struct Row {
    low: &'static [f32; SAMPLES],
    high: &'static [f32; SAMPLES],
    share: f32,
    factor: f32,
}

impl Row {
    #[inline(always)]
    fn between(&self, low: f32, high: f32) -> f32 {
        (low + self.share * (high - low)) * self.factor
    }

    /// Zero beyond the last.
    fn sample(&self, index: usize) -> f64 {
        let samples = self.low.get(index).zip(self.high.get(index));
        samples.map_or(0.0, |(low, high)| f64::from(self.between(*low, *high)))
    }
}

/// Profiles by one parameter between 0 and 1.
struct Table {
    rows: [[f32; SAMPLES]; ROWS],
}

impl Table {
    fn new(value: impl Fn(f64, f64) -> f64) -> Self {
        let share = |i: usize, count: usize| i as f64 / (count - 1) as f64;
        let row = |r: usize| std::array::from_fn(|i| value(share(r, ROWS), share(i, SAMPLES)) as f32);
        Self { rows: std::array::from_fn(row) }
    }

    fn row(&'static self, parameter: f64, factor: f64) -> Row {
        let place = (parameter * (ROWS - 1) as f64).clamp(0.0, (ROWS - 1) as f64);
        let index = (place as usize).min(ROWS - 2);
        let share = (place - index as f64) as f32;
        // There is a row for every such index, and one more.
        Row { low: &self.rows[index], high: &self.rows[index + 1], share, factor: factor as f32 }
    }
}

/// By `b/(1 + b)`, `b = R/σ`, over `(d − R)/σ` from −[`SIGMAS`] to [`SIGMAS`].
static GAUSSIAN: LazyLock<Table> = LazyLock::new(|| {
    let places = places();
    Table::new(|parameter, share| {
        let u = SIGMAS * (2.0 * share - 1.0);
        if parameter >= 1.0 {
            return 0.5 * libm::erfc(u / SQRT_2);
        }
        let b = parameter / (1.0 - parameter);
        gaussian((u + b).max(0.0), b, &places)
    })
});

/// By the smaller radius in terms of the greater, over the distance from where one disc lies within the other to where they
/// are apart: the overlap in terms of the smaller disc.
static UNIFORM: LazyLock<Table> = LazyLock::new(|| {
    Table::new(|ratio, share| {
        let small = ratio.max(1e-6);
        overlap(1.0 - small + 2.0 * small * share, small)
    })
});

/// Sine and cosine of the places at which an integral is evaluated.
fn places() -> [(f64, f64); PLACES] {
    std::array::from_fn(|i| libm::sincos((i as f64 + 0.5) * PI / PLACES as f64))
}

/// Probability that a standard Gaussian in the plane lies within `b` of a point at distance `a` from its mean.
fn gaussian(a: f64, b: f64, places: &[(f64, f64); PLACES]) -> f64 {
    let (from, to) = ((a - b).max(-9.0), (a + b).min(9.0));
    if to <= from {
        return 0.0;
    }
    // Slices across the disc. Close together at its ends, where they shrink like a root.
    let half = 0.5 * (to - from);
    let slice = |(sin, cos): &(f64, f64)| {
        let x = from + half * (1.0 - cos);
        let width = (b * b - (x - a) * (x - a)).max(0.0).sqrt();
        libm::exp(-0.5 * x * x) * libm::erf(width / SQRT_2) * sin
    };
    let sum: f64 = places.iter().map(slice).sum();
    (sum * half * PI / PLACES as f64 / (2.0 * PI).sqrt()).clamp(0.0, 1.0)
}

/// Part of a disc of radius `small` that lies within the disc of radius 1 at distance `d`.
fn overlap(d: f64, small: f64) -> f64 {
    if d <= 1.0 - small {
        return 1.0;
    }
    if d >= 1.0 + small {
        return 0.0;
    }
    let of_small = libm::acos(((d * d + small * small - 1.0) / (2.0 * d * small)).clamp(-1.0, 1.0));
    let of_great = libm::acos(((d * d + 1.0 - small * small) / (2.0 * d)).clamp(-1.0, 1.0));
    let product = (-d + small + 1.0) * (d + small - 1.0) * (d - small + 1.0) * (d + small + 1.0);
    let area = small * small * of_small + of_great - 0.5 * product.max(0.0).sqrt();
    area / (PI * small * small)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;
    use proptest::prelude::*;

    /// Share of many draws that lie within `radius` of a point at distance `d`.
    fn drawn(d: f64, radius: f64, mut draw: impl FnMut(&mut Rng) -> (f64, f64)) -> f64 {
        let mut rng = Rng::new(5, 6, 7);
        let hits = (0..200_000).filter(|_| {
            let (x, y) = draw(&mut rng);
            libm::hypot(x - d, y) <= radius
        });
        hits.count() as f64 / 200_000.0
    }

    #[test]
    fn profiles_are_what_draws_show() {
        for (radius, sigma) in [(0.8, 0.05), (0.8, 0.3), (0.55, 0.9), (0.3, 2.0)] {
            let profile = Shape::gaussian(radius, sigma).profile();
            for d in [0.0, 0.3, 0.7, 0.85, 1.2, 2.0, 4.0] {
                let seen = drawn(d, radius, |rng| (sigma * rng.normal(), sigma * rng.normal()));
                assert!(
                    (profile.at(d) - seen).abs() < 0.005,
                    "{radius} {sigma} {d}: {} {seen}",
                    profile.at(d)
                );
            }
        }
        for (radius, reach) in [(0.8, 0.4), (0.8, 0.8), (0.6, 2.0)] {
            let profile = Shape::anywhere(radius, reach).profile();
            for d in [0.0, 0.3, 0.6, 1.0, 1.5, 2.2, 3.0] {
                let seen = drawn(d, radius, |rng| {
                    let (s, c) = libm::sincos(2.0 * PI * rng.uniform());
                    let r = reach * rng.uniform().sqrt();
                    (r * c, r * s)
                });
                assert!(
                    (profile.at(d) - seen).abs() < 0.01,
                    "{radius} {reach} {d}: {} {seen}",
                    profile.at(d)
                );
            }
        }
    }

    proptest! {
        /// Against the integral itself, and never above the half-plane bound by more than the table's error: 0.0049 at the
        /// most over 3000 × 1200 places (at b = 2.37, d = 0.1).
        #[test]
        fn the_table_is_near_the_integral(b in 0.05..30.0f64, d in 0.0..12.0f64) {
            let profile = Shape::gaussian(b, 1.0).profile();
            let exact = gaussian(d, b, &places());
            prop_assert!((profile.at(d) - exact).abs() < 0.005, "{} {exact}", profile.at(d));
            prop_assert!(profile.at(d) < 0.5 * libm::erfc((d - b) / SQRT_2) + 0.005);
        }

        #[test]
        fn distances_of_a_probability_are_found_again(b in 0.5..30.0f64, least in 0.05..0.99f64) {
            for shape in [Shape::gaussian(b, 1.0), Shape::anywhere(b, 1.7)] {
                let profile = shape.profile();
                match shape.within_m(least) {
                    Some(d) => prop_assert!((profile.at(d) - least).abs() < 0.01 || d <= profile.from_m, "{d}"),
                    None => prop_assert!(profile.at(0.0) < least + 0.01),
                }
            }
        }
    }
}
