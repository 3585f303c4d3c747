//! Calls that wait for the answer of a core.

use outrider_foundation::{Instant, Span};
use std::collections::BTreeMap;

/// A core answers in its next step. Whoever was not answered in so long, because his request got lost on the way to it, is not
/// going to be.
pub(crate) const PATIENCE: Span = Span::from_millis(1000);

/// By the number of the request that was made of each; no more than a limit.
pub(crate) struct Waiting<C> {
    limit: usize,
    calls: BTreeMap<u64, (Instant, C)>,
}

impl<C> Waiting<C> {
    pub(crate) const fn at_most(limit: usize) -> Self {
        Self { limit, calls: BTreeMap::new() }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.calls.len() >= self.limit
    }

    /// One more. Whether there is room is to be asked first.
    pub(crate) fn insert(&mut self, number: u64, since: Instant, call: C) {
        self.calls.insert(number, (since, call));
    }

    /// The one that is answered by the answer to this request.
    pub(crate) fn answered(&mut self, number: u64) -> Option<C> {
        self.calls.remove(&number).map(|(_, call)| call)
    }

    /// Those that have waited too long, with their numbers; they wait no more.
    pub(crate) fn overdue(&mut self, now: Instant) -> Vec<(u64, C)> {
        let late: Vec<u64> = self
            .calls
            .iter()
            .filter(|(_, (since, _))| now.since(*since) > PATIENCE)
            .map(|(n, _)| *n)
            .collect();
        late.into_iter().filter_map(|number| Some((number, self.answered(number)?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_not_answered_makes_room_after_a_while() {
        let at = |ms| Instant::default() + Span::from_millis(ms);
        let mut waiting = Waiting::at_most(2);
        waiting.insert(1, at(0), 'a');
        assert!(!waiting.is_full());
        waiting.insert(2, at(500), 'b');
        assert!(waiting.is_full());
        assert!(waiting.overdue(at(1000)).is_empty());
        assert_eq!(waiting.overdue(at(1001)), [(1, 'a')]);
        assert!(!waiting.is_full());
        assert_eq!((waiting.answered(1), waiting.answered(2), waiting.answered(2)), (None, Some('b'), None));
        assert!(waiting.overdue(at(9000)).is_empty());
    }
}
