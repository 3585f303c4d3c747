//! How fast consumers may be fed: acknowledgements counted by topic, and the pace over all of them. Holds no clock.

/// What was sent on a topic and what became of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Messages handed to the middleware.
    pub sent: u64,
    /// Of these, acknowledged by every reliable subscriber there was.
    pub acknowledged: u64,
    /// Of these, not acknowledged within the time allowed.
    pub missing: u64,
}

impl Tally {
    /// One more was sent.
    pub fn send(&mut self) {
        self.sent = self.sent.saturating_add(1);
    }

    /// Sent, and nothing known of it yet.
    #[must_use]
    pub fn open(&self) -> u64 {
        self.sent.saturating_sub(self.acknowledged).saturating_sub(self.missing)
    }

    /// All that was open is settled.
    pub fn settle(&mut self, acknowledged: bool) {
        let open = self.open();
        let counter = if acknowledged { &mut self.acknowledged } else { &mut self.missing };
        *counter = counter.saturating_add(open);
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            sent: self.sent.saturating_add(other.sent),
            acknowledged: self.acknowledged.saturating_add(other.acknowledged),
            missing: self.missing.saturating_add(other.missing),
        }
    }
}

/// So long a pause may be caught up: a bound of the burst that follows it.
const CREDIT_NS: i64 = 5_000_000;

/// At most so many messages a second, evenly. `now_ns` is the caller's monotonic time.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    period_ns: i64,
    next_ns: i64,
}

impl Pace {
    /// `per_second` messages a second, at least one.
    #[must_use]
    pub fn new(per_second: u32) -> Self {
        Self { period_ns: 1_000_000_000 / i64::from(per_second.max(1)), next_ns: 0 }
    }

    /// Nanoseconds until the next message may go.
    #[must_use]
    pub fn wait_ns(&self, now_ns: i64) -> i64 {
        self.next_ns.saturating_sub(now_ns).max(0)
    }

    /// One went.
    pub fn spend(&mut self, now_ns: i64) {
        self.next_ns = self.next_ns.max(now_ns.saturating_sub(CREDIT_NS)).saturating_add(self.period_ns);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_open_becomes_acknowledged_or_missing_and_nothing_else() {
        let mut tally = Tally::default();
        (0..3).for_each(|_| tally.send());
        tally.settle(true);
        (0..2).for_each(|_| tally.send());
        assert_eq!(tally.open(), 2);
        tally.settle(false);
        tally.settle(true);
        assert_eq!(tally, Tally { sent: 5, acknowledged: 3, missing: 2 });
        assert_eq!(tally.plus(tally).open(), 0);
    }

    proptest! {
        #[test]
        fn no_second_has_more_than_its_share_and_the_credit(
            per_second in 1_u32..5_000, steps in proptest::collection::vec(0_i64..20_000_000, 1..300)
        ) {
            let mut pace = Pace::new(per_second);
            let (mut now, mut sent) = (1_000_000_000_i64, Vec::new());
            for step in steps {
                now += step.max(pace.wait_ns(now));
                pace.spend(now);
                sent.push(now);
            }
            let share = usize::try_from(per_second).unwrap();
            let credit = usize::try_from(i64::from(per_second) * CREDIT_NS / 1_000_000_000).unwrap();
            for (index, start) in sent.iter().enumerate() {
                let within = sent[index..].iter().take_while(|t| **t < start + 1_000_000_000).count();
                prop_assert!(within <= share + credit + 2, "{within} of {per_second}");
            }
        }
    }
}
