//! Sensor topics are listened to twice: reliably, so that what was lost on the way is sent again, and by best effort, because
//! there are drivers that offer nothing else. Each message goes on once.

use crate::rcl::Origin;
use std::collections::{BTreeMap, BTreeSet};

/// So many numbers of a publisher are remembered: as many as the middleware holds for one subscription.
const NUMBER_LIMIT: usize = super::DEPTH as usize;
/// The most publishers of one topic that are told apart; the one with the lowest id makes room.
const PUBLISHER_LIMIT: usize = 64;

/// Which of the two subscriptions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Reliable,
    BestEffort,
}

/// The messages of one topic that have come already.
#[derive(Default)]
pub(super) struct Twice {
    publishers: BTreeMap<[u8; 16], BTreeSet<u64>>,
}

impl Twice {
    /// Whether a message has not come before.
    pub(super) fn is_new(&mut self, way: Way, origin: Origin) -> bool {
        // Where the middleware does not count, that subscription is taken which hears everybody.
        let Some(number) = origin.number else { return way == Way::BestEffort };
        if self.publishers.len() >= PUBLISHER_LIMIT && !self.publishers.contains_key(&origin.publisher) {
            self.publishers.pop_first();
        }
        let numbers = self.publishers.entry(origin.publisher).or_default();
        let is_forgotten =
            numbers.len() >= NUMBER_LIMIT && numbers.first().is_some_and(|least| number < *least);
        if is_forgotten || !numbers.insert(number) {
            return false;
        }
        if numbers.len() > NUMBER_LIMIT {
            numbers.pop_first();
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(publisher: u8, number: Option<u64>) -> Origin {
        Origin { source_ns: 0, number, publisher: [publisher; 16] }
    }

    #[test]
    fn each_message_goes_on_once_in_whatever_order_it_comes() {
        let mut twice = Twice::default();
        let mut new = |way, publisher, number| twice.is_new(way, origin(publisher, Some(number)));
        assert!(new(Way::BestEffort, 1, 7));
        assert!(!new(Way::Reliable, 1, 7));
        // 8 was lost, is asked for again, and comes late.
        assert!(new(Way::BestEffort, 1, 9));
        assert!(new(Way::Reliable, 1, 8));
        assert!(!new(Way::Reliable, 1, 9));
        // Another publisher's is another message.
        assert!(new(Way::BestEffort, 2, 8));
    }

    #[test]
    fn what_was_forgotten_is_not_taken_again_and_memory_has_a_bound() {
        let mut twice = Twice::default();
        let count = NUMBER_LIMIT as u64 + 50;
        for number in 1..=count {
            assert!(twice.is_new(Way::BestEffort, origin(1, Some(number))));
        }
        for number in 1..=count {
            assert!(!twice.is_new(Way::Reliable, origin(1, Some(number))), "{number}");
        }
        for publisher in 0..200 {
            twice.is_new(Way::BestEffort, origin(publisher, Some(1)));
        }
        assert!(twice.publishers.len() <= PUBLISHER_LIMIT);
        assert!(twice.publishers.values().all(|numbers| numbers.len() <= NUMBER_LIMIT));
    }

    #[test]
    fn without_numbers_only_the_subscription_counts_that_hears_everybody() {
        let mut twice = Twice::default();
        assert!(twice.is_new(Way::BestEffort, origin(1, None)));
        assert!(!twice.is_new(Way::Reliable, origin(1, None)));
    }
}
