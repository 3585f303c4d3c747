//! Whether two samples of a signal come from one distribution.
//!
//! The two-sample Kolmogorov–Smirnov statistic D with the approximation of its probability by Stephens (1970, "Use of
//! the Kolmogorov–Smirnov, Cramér–von Mises and related statistics without extensive tables", J. R. Stat. Soc. B 32),
//! and the Wasserstein distance W₁ (the area between both distribution functions) in standard deviations of the
//! reference. Samples of a robot's signals are not independent: for D each sample counts as n / τ values, where τ is the
//! integrated autocorrelation time with the window of Sokal (1997, "Monte Carlo methods in statistical mechanics").

/// The most values that are kept of one signal. When it is full, every second one is dropped, and of those that follow
/// every second one is left out, and so on.
pub const SERIES_LIMIT: usize = 20_000;
/// Sokal's window: lags up to so many times τ are summed.
const WINDOW_FACTOR: f64 = 6.0;
/// The longest lag that is looked at.
const LAG_LIMIT: usize = 2_000;

/// Values of one signal with their times; bounded.
#[derive(Clone, Debug)]
pub struct Series {
    values: Vec<(f64, f64)>,
    stride: u64,
    count: u64,
}

impl Default for Series {
    fn default() -> Self {
        Self { values: Vec::new(), stride: 1, count: 0 }
    }
}

impl Series {
    /// Adds a finite value at a time, s.
    pub fn push(&mut self, t_s: f64, value: f64) {
        if !value.is_finite() {
            return;
        }
        if self.count.is_multiple_of(self.stride) {
            self.values.push((t_s, value));
        }
        self.count += 1;
        if self.values.len() >= SERIES_LIMIT {
            let mut keep = false;
            self.values.retain(|_| {
                keep = !keep;
                keep
            });
            self.stride = self.stride.saturating_mul(2);
        }
    }

    /// Values between two times.
    pub fn between(&self, from_s: f64, to_s: f64) -> Vec<f64> {
        self.values.iter().filter(|(t, _)| (from_s..to_s).contains(t)).map(|v| v.1).collect()
    }

    /// All values that were kept.
    pub fn values(&self) -> Vec<f64> {
        self.values.iter().map(|v| v.1).collect()
    }
}

/// A reference to compare with.
pub struct Reference {
    sorted: Vec<f64>,
    /// Mean of all.
    pub mean: f64,
    /// What distances are measured in.
    pub scale: f64,
    effective: f64,
}

/// How far a sample is from a reference.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Distance {
    /// Kolmogorov–Smirnov's D.
    pub ks: f64,
    /// Probability of such a D by chance.
    pub p: f64,
    /// W₁ in standard deviations of the reference.
    pub wasserstein: f64,
}

impl Reference {
    /// `None` for fewer than two values.
    pub fn new(values: &[f64]) -> Option<Self> {
        if values.len() < 2 {
            return None;
        }
        let (mean, sigma) = moments(values);
        // A signal that does not vary has no scale of its own: a hundredth of its size is one.
        let scale = sigma.max(0.01 * mean.abs()).max(1e-6);
        let effective = effective_size(values);
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        Some(Self { sorted, mean, scale, effective })
    }

    /// Of values in their order in time.
    pub fn distance(&self, values: &[f64]) -> Distance {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (ks, area) = between(&self.sorted, &sorted);
        let own = effective_size(values);
        let effective = self.effective * own / (self.effective + own).max(1.0);
        Distance { ks, p: probability(ks, effective), wasserstein: area / self.scale }
    }

    /// W₁ alone, in standard deviations of the reference.
    pub fn wasserstein(&self, values: &[f64]) -> f64 {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        between(&self.sorted, &sorted).1 / self.scale
    }
}

/// Mean and standard deviation.
pub fn moments(values: &[f64]) -> (f64, f64) {
    let n = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n;
    (mean, variance.sqrt())
}

/// As how many independent values these count.
pub fn effective_size(values: &[f64]) -> f64 {
    let n = values.len();
    let (mean, sigma) = moments(values);
    if n < 4 || sigma <= 0.0 {
        // That something stands still is one observation.
        return n.min(1) as f64;
    }
    let mut tau = 1.0;
    for lag in 1..n.min(LAG_LIMIT) {
        let pairs = values.iter().zip(values.iter().skip(lag));
        let covariance = pairs.map(|(a, b)| (a - mean) * (b - mean)).sum::<f64>() / n as f64;
        tau += 2.0 * covariance / (sigma * sigma);
        if lag as f64 >= WINDOW_FACTOR * tau {
            break;
        }
    }
    (n as f64 / tau.max(1.0)).max(1.0)
}

/// The greatest distance of the distribution functions, and the area between them. Both sorted.
fn between(a: &[f64], b: &[f64]) -> (f64, f64) {
    if a.is_empty() || b.is_empty() {
        return (0.0, 0.0);
    }
    let (mut i, mut j, mut ks, mut area) = (0, 0, 0.0f64, 0.0);
    let mut before: Option<f64> = None;
    while i < a.len() || j < b.len() {
        let at = match (a.get(i), b.get(j)) {
            (Some(x), Some(y)) => x.min(*y),
            (Some(x), None) | (None, Some(x)) => *x,
            (None, None) => break,
        };
        let apart = (i as f64 / a.len() as f64 - j as f64 / b.len() as f64).abs();
        ks = ks.max(apart);
        area += before.map_or(0.0, |before| apart * (at - before));
        before = Some(at);
        while a.get(i).is_some_and(|x| *x <= at) {
            i += 1;
        }
        while b.get(j).is_some_and(|y| *y <= at) {
            j += 1;
        }
    }
    (ks, area)
}

/// Of a D this large or larger by chance, for an effective size.
fn probability(ks: f64, effective: f64) -> f64 {
    let root = effective.sqrt();
    let lambda = (root + 0.12 + 0.11 / root.max(1e-9)) * ks;
    if lambda < 0.2 {
        return 1.0;
    }
    let term = |k: i32| {
        let sign = if k % 2 == 1 { 1.0 } else { -1.0 };
        sign * (-2.0 * f64::from(k * k) * lambda * lambda).exp()
    };
    (2.0 * (1..=100).map(term).sum::<f64>()).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Uniform within ±1, the same every time.
    fn noise(n: u64, seed: u64) -> Vec<f64> {
        let digest =
            |i: u64| outrider_runtime::payload_digest(&[i.to_le_bytes(), seed.to_le_bytes()].concat());
        (0..n).map(|i| digest(i) as f64 / u64::MAX as f64 * 2.0 - 1.0).collect()
    }

    #[test]
    fn distances_of_known_samples() {
        let r = Reference::new(&[0.0, 1.0, 2.0, 3.0]).unwrap();
        let same = r.distance(&[3.0, 2.0, 1.0, 0.0]);
        assert_eq!((same.ks, same.wasserstein), (0.0, 0.0));
        // Shifted by one: W₁ is 1, and a quarter of the values changes sides.
        let d = r.distance(&[1.0, 2.0, 3.0, 4.0]);
        assert!((d.ks - 0.25).abs() < 1e-12 && (d.wasserstein * r.scale - 1.0).abs() < 1e-12, "{d:?}");
    }

    #[test]
    fn the_probability_is_that_of_the_tables() {
        // 5 % at λ = 1.358, 1 % at 1.628 (Smirnov's table); large samples.
        for (lambda, p) in [(1.358, 0.05), (1.628, 0.01)] {
            let n = 1e8f64;
            assert!((probability(lambda / n.sqrt(), n) - p).abs() < 3e-4);
        }
        assert!(probability(0.0, 10.0) > 0.999);
    }

    #[test]
    fn values_that_depend_on_each_other_count_for_less() {
        let white = noise(4000, 1);
        let n = effective_size(&white);
        assert!((2500.0..=4000.0).contains(&n), "{n}");
        // First-order: τ = (1 + a) / (1 − a) = 19.
        let mut last = 0.0;
        let slow: Vec<f64> = white
            .iter()
            .map(|w| {
                last = 0.9 * last + w;
                last
            })
            .collect();
        let n = effective_size(&slow);
        assert!((120.0..=350.0).contains(&n), "{n} for about 210");
        assert!((effective_size(&[2.0; 100]) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn chance_is_no_drift_and_a_shift_is_one() {
        let r = Reference::new(&noise(1000, 1)).unwrap();
        let other = r.distance(&noise(1000, 2));
        assert!(other.p > 0.01 && other.wasserstein < 0.15, "{other:?}");
        let shifted: Vec<f64> = noise(1000, 2).iter().map(|v| v + 0.3).collect();
        let far = r.distance(&shifted);
        assert!(far.p < 1e-6 && far.wasserstein > 0.4, "{far:?}");
    }

    #[test]
    fn a_series_is_bounded_and_keeps_its_span() {
        let mut s = Series::default();
        for i in 0..100_000 {
            s.push(f64::from(i), f64::from(i));
        }
        s.push(0.0, f64::NAN);
        assert_eq!(s.count, 100_000);
        let values = s.values();
        assert!(values.len() < SERIES_LIMIT && values.len() > SERIES_LIMIT / 4, "{}", values.len());
        assert!(values[0] < 1.0 && *values.last().unwrap() > 99_980.0);
    }
}
