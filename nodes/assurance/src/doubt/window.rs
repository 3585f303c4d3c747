//! The last values of something.

use std::collections::VecDeque;

/// The last values, by arrival and by size.
#[derive(Clone, Debug, Default)]
pub(crate) struct Window {
    arrived: VecDeque<f64>,
    sorted: Vec<f64>,
}

impl Window {
    /// Takes a value in; of more than `limit` the oldest is dropped. Never sorts anew: one search for what comes, one for
    /// what goes.
    pub fn push(&mut self, value: f64, limit: usize) {
        while self.arrived.len() >= limit.max(1) {
            let Some(oldest) = self.arrived.pop_front() else { break };
            if let Ok(place) = self.sorted.binary_search_by(|v| v.total_cmp(&oldest)) {
                self.sorted.remove(place);
            }
        }
        self.arrived.push_back(value);
        let place = self.sorted.partition_point(|v| v.total_cmp(&value).is_lt());
        self.sorted.insert(place, value);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.arrived.len()
    }

    /// Their mean, added up in the order of arrival; NaN without any.
    pub fn mean(&self) -> f64 {
        self.arrived.iter().sum::<f64>() / self.len() as f64
    }

    /// The `rank`-th smallest, counted from one.
    pub fn smallest(&self, rank: usize) -> Option<f64> {
        self.sorted.get(rank.checked_sub(1)?).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn as_sorted_anew(values in prop::collection::vec(prop_oneof![0.0..3.0f64, Just(1.0)], 1..80), limit in 1..30usize) {
            let mut window = Window::default();
            for value in &values {
                window.push(*value, limit);
            }
            let mut last = values[values.len().saturating_sub(limit)..].to_vec();
            let mean = last.iter().sum::<f64>() / last.len() as f64;
            last.sort_by(f64::total_cmp);
            prop_assert_eq!(window.len(), last.len());
            prop_assert!((window.mean() - mean).abs() < 1e-12);
            for (i, value) in last.iter().enumerate() {
                prop_assert_eq!(window.smallest(i + 1), Some(*value));
            }
            prop_assert_eq!(window.smallest(0), None);
            prop_assert_eq!(window.smallest(last.len() + 1), None);
        }
    }
}
