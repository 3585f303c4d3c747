//! What is made of a run: measures, a verdict, and a record small enough to be drawn. No files, no clock.
//!
//! Definitions with their sources stand in `docs/evaluation.md`.

mod chain;
mod eyes;
mod judge;
mod measures;
mod place;
mod series;
pub mod statistics;
#[cfg(test)]
mod tests;
mod timeline;

pub use eyes::{Eyes, Sample};
pub use judge::{Failure, Verdict, Violation, judge};
pub use measures::{
    Measures, NEAR_MISS_GAP_M, NEAR_MISS_TTC_S, PERSONAL_SPACE_M, Percentiles, TTC_THRESHOLD_S, measure,
    mode_names,
};
pub use place::{Place, shortest_m};
pub use series::Series;
pub use timeline::Timeline;

/// So often the simulator has to tell the truth, Hz: what is measured is measured at these moments.
pub const TRUTH_HZ: f64 = 20.0;

/// To a millionth: results are read by people as well, and carry no more than is meant.
pub(crate) fn rounded(value: f64) -> f64 {
    let steps = (value * 1e6).round();
    if steps.abs() < 0.5 { 0.0 } else { steps / 1e6 }
}

/// Nothing where there is no number.
pub(crate) fn number(value: f64) -> Option<f64> {
    value.is_finite().then(|| rounded(value))
}
