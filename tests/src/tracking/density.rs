//! Whether a state is where a belief says that it is, when the belief is a mixture of Gaussians.
//!
//! The normalised estimation error squared (Bar-Shalom, Li and Kirubarajan 2001, 5.4) is χ² only for a Gaussian belief. For any
//! density f the probability u that f gives to all states at least as probable as the true one, the content of the
//! highest-density region through it (Hyndman, "Computing and graphing highest density regions", 1996), is uniform when the
//! true state is drawn from f. So the quantile of χ² that belongs to u is χ² exactly, whatever the shape of f; of a Gaussian
//! it is the normalised error squared itself.
//!
//! u is found by drawing states from f: the rank of the true one among them, with the rest of a rank drawn as well, is uniform
//! for any number of draws. Few draws make the test weaker, not biased.

use nalgebra::{Matrix4, Vector4};
use outrider_foundation::rng::Rng;
use outrider_world_model::tracks::WayBelief;

/// States drawn for one error.
const DRAWS: usize = 500;

/// A mixture of Gaussians of x, y, vx, vy.
#[derive(Clone, Debug)]
pub struct Mixture {
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
struct Part {
    weight: f64,
    mean: Vector4<f64>,
    inverse: Matrix4<f64>,
    /// Lower triangle L with L·Lᵀ the covariance.
    root: Matrix4<f64>,
    /// Weight over the square root of the determinant: the density at the mean but for (2π)⁻².
    height: f64,
}

impl Mixture {
    /// Of the ways that somebody may move; `None` where a covariance is none.
    pub fn of(ways: &[WayBelief]) -> Option<Self> {
        let part = |way: &WayBelief| {
            let covariance = Matrix4::from_row_slice(&way.covariance);
            let cholesky = covariance.cholesky()?;
            let root = cholesky.l();
            let height = way.probability / root.diagonal().product();
            let mean = Vector4::from_column_slice(&way.mean);
            Some(Part { weight: way.probability, mean, inverse: cholesky.inverse(), root, height })
        };
        Some(Self { parts: ways.iter().map(part).collect::<Option<_>>()? })
    }

    /// The density, but for a factor.
    fn density(&self, state: &Vector4<f64>) -> f64 {
        let of = |part: &Part| {
            let e = state - part.mean;
            part.height * libm::exp(-0.5 * e.dot(&(part.inverse * e)))
        };
        self.parts.iter().map(of).sum()
    }

    fn draw(&self, rng: &mut Rng) -> Option<Vector4<f64>> {
        let mut left = rng.uniform() * self.parts.iter().map(|p| p.weight).sum::<f64>();
        let passed = |part: &&Part| {
            left -= part.weight;
            left < 0.0
        };
        let part = self.parts.iter().find(passed).or(self.parts.last())?;
        let normal = Vector4::new(rng.normal(), rng.normal(), rng.normal(), rng.normal());
        Some(part.mean + part.root * normal)
    }

    /// The normalised error squared that goes with how improbable a state is: χ² with four degrees of freedom if it is drawn from
    /// this.
    pub fn error_sq(&self, state: &[f64; 4], rng: &mut Rng) -> f64 {
        let here = self.density(&Vector4::from_column_slice(state));
        let draws = (0..DRAWS).filter_map(|_| self.draw(rng));
        let likelier = draws.filter(|drawn| self.density(drawn) > here).count();
        chi2_quantile((likelier as f64 + rng.uniform()) / (DRAWS + 1) as f64)
    }
}

/// Where the distribution function of χ² with four degrees of freedom, 1 − (1 + z/2)·e^(−z/2), is `p`. By halving.
fn chi2_quantile(p: f64) -> f64 {
    let (mut low, mut high) = (0.0, 100.0);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        let below = 1.0 - (1.0 + 0.5 * middle) * libm::exp(-0.5 * middle);
        if below < p { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

#[cfg(test)]
mod tests {
    use super::*;
    use outrider_suite::quality::score::Nees;

    fn way(probability: f64, x: f64, scale: f64) -> WayBelief {
        let covariance = std::array::from_fn(|i| match i {
            0 | 5 => scale,
            10 | 15 => 2.0 * scale,
            2 | 8 => 0.7 * scale,
            _ => 0.0,
        });
        WayBelief { probability, mean: [x, 0.0, 0.5, -0.5], covariance }
    }

    /// Who stands or walks: no Gaussian in the least.
    fn belief() -> Mixture {
        Mixture::of(&[way(0.7, 0.0, 0.01), way(0.2, 0.5, 0.3), way(0.1, -1.0, 1.0)]).unwrap()
    }

    #[test]
    fn quantiles_are_those_of_tables() {
        for (p, z) in [(0.05, 0.7107), (0.5, 3.3567), (0.95, 9.4877), (0.999, 18.4668)] {
            assert!((chi2_quantile(p) - z).abs() < 1e-4, "{p}: {}", chi2_quantile(p));
        }
    }

    /// States drawn from a mixture have errors like χ²: their mean keeps to the band and their variance is 8, though their usual
    /// normalised errors have a far greater one. Of a belief that is too narrow, or too wide, they leave it.
    #[test]
    fn errors_of_a_true_mixture_are_chi_squared_and_of_a_wrong_one_they_are_not() {
        let (truth, mut rng) = (belief(), Rng::new(4, 0, 0));
        let narrow = Mixture::of(&[way(0.7, 0.0, 0.008), way(0.2, 0.5, 0.24), way(0.1, -1.0, 0.8)]).unwrap();
        let wide = Mixture::of(&[way(0.7, 0.0, 0.0125), way(0.2, 0.5, 0.375), way(0.1, -1.0, 1.25)]).unwrap();
        let weights = Mixture::of(&[way(0.5, 0.0, 0.01), way(0.3, 0.5, 0.3), way(0.2, -1.0, 1.0)]).unwrap();
        let all = [&truth, &narrow, &wide, &weights].map(|belief| {
            let mut errors = Nees::default();
            for _ in 0..3000 {
                let state = truth.draw(&mut rng).unwrap();
                errors.push(belief.error_sq(&[state.x, state.y, state.z, state.w], &mut rng));
            }
            errors
        });
        let [right, narrow, wide, weights] = all;
        assert!(right.is_within() && right.holds_true(), "{right:?}");
        let variance = right.squares / right.count as f64;
        assert!((7.0..9.0).contains(&variance), "{variance}");
        assert!(narrow.mean > narrow.band().1 && wide.mean < wide.band().0, "{narrow:?} {wide:?}");
        assert!(!weights.is_within(), "{weights:?}");
    }

    #[test]
    fn of_one_gaussian_it_is_the_normalised_error() {
        let (one, mut rng) = (Mixture::of(&[way(1.0, 0.0, 0.04)]).unwrap(), Rng::new(5, 0, 0));
        let usual = |state: &Vector4<f64>| {
            let e = state - one.parts[0].mean;
            e.dot(&(one.parts[0].inverse * e))
        };
        for _ in 0..200 {
            let state = one.draw(&mut rng).unwrap();
            let (mean, n) = (
                (0..20).map(|_| one.error_sq(&[state.x, state.y, state.z, state.w], &mut rng)).sum::<f64>()
                    / 20.0,
                usual(&state),
            );
            assert!(n > 9.0 || (mean - n).abs() < 0.5, "{mean} {n}");
        }
    }
}
