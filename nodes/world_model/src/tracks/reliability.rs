//! Whether stated numbers keep their word: probabilities (reliability, Brier score) and covariances (normalised innovation
//! squared).
//!
//! Expected calibration error after Naeini, Cooper and Hauskrecht 2015; Brier 1950; Bar-Shalom, Li and Kirubarajan 2001,
//! section 5.4.2.

/// Bins of stated probability.
const BINS: usize = 10;
/// Beyond so many outcomes all weights are halved, so that old ones fade.
const OUTCOMES_MAX: f64 = 4096.0;
/// Innovations that are remembered.
const WINDOW: usize = 256;
/// 95 % of χ² with two degrees of freedom.
const CHI2_95: f64 = 5.991;

/// Probabilities against what came of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reliability {
    /// Count, sum of probabilities, sum of outcomes.
    bins: [[f64; 3]; BINS],
    brier: f64,
}

impl Reliability {
    /// Takes a probability and whether it came true. What is no probability is left out.
    pub fn push(&mut self, probability: f64, came_true: bool) {
        if !(0.0..=1.0).contains(&probability) {
            return;
        }
        let outcome = f64::from(u8::from(came_true));
        let bin = ((probability * BINS as f64) as usize).min(BINS - 1);
        if let Some([count, stated, truth]) = self.bins.get_mut(bin) {
            *count += 1.0;
            *stated += probability;
            *truth += outcome;
        }
        self.brier += (probability - outcome) * (probability - outcome);
        if self.count() > OUTCOMES_MAX {
            self.bins.iter_mut().flatten().for_each(|v| *v *= 0.5);
            self.brier *= 0.5;
        }
    }

    /// Outcomes, old ones with less weight.
    pub fn count(&self) -> f64 {
        self.bins.iter().map(|[count, ..]| count).sum()
    }

    /// Expected calibration error; `None` without outcomes.
    pub fn ece(&self) -> Option<f64> {
        let count = self.count();
        let off: f64 = self.bins.iter().map(|[_, stated, truth]| (stated - truth).abs()).sum();
        (count > 0.0).then(|| off / count)
    }

    /// Mean squared error of the probabilities; `None` without outcomes.
    pub fn brier(&self) -> Option<f64> {
        let count = self.count();
        (count > 0.0).then(|| self.brier / count)
    }
}

/// Normalised innovations squared of positions: two on average when all that is stated is true.
#[derive(Clone, Debug, PartialEq)]
pub struct Innovations {
    values: Vec<f64>,
    next: usize,
}

impl Default for Innovations {
    fn default() -> Self {
        Self { values: Vec::with_capacity(WINDOW), next: 0 }
    }
}

impl Innovations {
    /// Takes one; beyond the window the oldest goes.
    pub fn push(&mut self, value: f64) {
        if self.values.len() < WINDOW {
            self.values.push(value);
        } else if let Some(held) = self.values.get_mut(self.next) {
            *held = value;
        }
        self.next = (self.next + 1) % WINDOW;
    }

    /// How many are held.
    pub fn count(&self) -> usize {
        self.values.len()
    }

    /// Their mean; `None` without any.
    pub fn mean(&self) -> Option<f64> {
        let count = self.values.len();
        (count > 0).then(|| self.values.iter().sum::<f64>() / count as f64)
    }

    /// The share beyond 95 % of χ²; 0.05 when all that is stated is true.
    pub fn share_beyond(&self) -> Option<f64> {
        let beyond = self.values.iter().filter(|v| **v > CHI2_95).count();
        (!self.values.is_empty()).then(|| beyond as f64 / self.values.len() as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_calibrated_forecast_has_no_calibration_error() {
        let mut r = Reliability::default();
        assert_eq!((r.ece(), r.brier()), (None, None));
        for i in 0..100 {
            r.push(0.8, i % 5 != 0);
        }
        assert!(r.ece().unwrap() < 1e-9 && (r.brier().unwrap() - 0.16).abs() < 1e-9);
        let mut boastful = Reliability::default();
        for i in 0..100 {
            boastful.push(0.95, i % 2 == 0);
        }
        assert!((boastful.ece().unwrap() - 0.45).abs() < 1e-9);
        boastful.push(f64::NAN, true);
        assert!((boastful.count() - 100.0).abs() < 1e-9);
    }

    #[test]
    fn old_outcomes_fade() {
        let mut r = Reliability::default();
        (0..5000).for_each(|_| r.push(0.9, false));
        (0..40_000).for_each(|_| r.push(0.9, true));
        assert!(r.count() <= OUTCOMES_MAX + 1.0 && r.ece().unwrap() < 0.11);
    }

    #[test]
    fn innovations_of_a_window() {
        let mut n = Innovations::default();
        assert_eq!((n.mean(), n.share_beyond()), (None, None));
        (0..1000).for_each(|_| n.push(1000.0));
        (0..256).for_each(|i| n.push(if i % 4 == 0 { 6.0 } else { 1.0 }));
        assert_eq!(n.count(), 256);
        assert!((n.mean().unwrap() - 2.25).abs() < 1e-9 && (n.share_beyond().unwrap() - 0.25).abs() < 1e-9);
    }
}
