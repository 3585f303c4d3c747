//! A share with the interval that it lies in.

/// Of the intervals on the page.
pub const CONFIDENCE: f64 = 0.95;
/// The standard normal quantile that belongs to it.
const Z: f64 = 1.959_963_984_540_054;

/// A share with the interval that it lies in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share {
    /// How many are so.
    pub hits: u64,
    /// Of how many.
    pub of: u64,
    /// Lower bound.
    pub low: f64,
    /// Upper bound.
    pub high: f64,
}

impl Share {
    /// Wilson's score interval.
    pub fn wilson(hits: u64, of: u64, _confidence: f64) -> Self {
        if of == 0 {
            return Self { hits, of, low: 0.0, high: 1.0 };
        }
        let (n, p) = (of as f64, hits as f64 / of as f64);
        let centre = (p + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
        let half = Z / (1.0 + Z * Z / n) * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
        let low = if hits == 0 { 0.0 } else { (centre - half).max(0.0) };
        let high = if hits == of { 1.0 } else { (centre + half).min(1.0) };
        Self { hits, of, low, high }
    }

    /// The share itself; zero of nothing.
    pub fn value(&self) -> f64 {
        if self.of == 0 { 0.0 } else { self.hits as f64 / self.of as f64 }
    }
}
