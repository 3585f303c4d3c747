//! Small statistics.

use outrider_foundation::Point2;
use serde::{Deserialize, Serialize};

/// Percentiles by nearest rank.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Percentiles {
    /// How many values.
    pub count: u64,
    /// Half lie at or below it.
    pub p50: f64,
    /// 95 of 100.
    pub p95: f64,
    /// 99 of 100.
    pub p99: f64,
    /// The greatest.
    pub max: f64,
}

impl Percentiles {
    /// Of finite values; `None` without any.
    pub fn of(mut values: Vec<f64>) -> Option<Self> {
        values.retain(|v| v.is_finite());
        values.sort_by(f64::total_cmp);
        let rank = |share: f64| {
            let index = (share * values.len() as f64).ceil() as usize;
            values.get(index.saturating_sub(1)).copied()
        };
        Some(Self {
            count: values.len() as u64,
            p50: rank(0.50)?,
            p95: rank(0.95)?,
            p99: rank(0.99)?,
            max: *values.last()?,
        })
    }
}

/// Length of the ways, each a sequence of points.
pub fn driven_m(legs: &[Vec<Point2>]) -> f64 {
    let steps = legs.iter().flat_map(|leg| leg.iter().zip(leg.iter().skip(1)));
    // Not `sum`: that of nothing is −0.
    steps.fold(0.0, |sum, (a, b)| sum + a.distance_m(*b))
}

/// The first item with the least value.
pub fn least_by<T>(items: impl Iterator<Item = T>, value: impl Fn(&T) -> f64) -> Option<T> {
    items.reduce(|least, item| if value(&item) < value(&least) { item } else { least })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_of_the_sample() {
        let p = Percentiles::of((1..=100).rev().map(f64::from).chain([f64::NAN]).collect()).unwrap();
        assert_eq!((p.count, p.p50, p.p95, p.p99, p.max), (100, 50.0, 95.0, 99.0, 100.0));
        let one = Percentiles::of(vec![7.0]).unwrap();
        assert_eq!((one.p50, one.p99), (7.0, 7.0));
        assert_eq!(Percentiles::of(vec![f64::NAN]), None);
    }

    #[test]
    fn a_jump_between_legs_is_not_driven() {
        let p = Point2::new;
        let legs = vec![vec![p(0.0, 0.0), p(3.0, 4.0)], vec![p(10.0, 0.0), p(10.0, 1.0)]];
        assert!((driven_m(&legs) - 6.0).abs() < 1e-12);
    }
}
