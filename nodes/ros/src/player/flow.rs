//! How fast consumers may be fed: acknowledgements counted by topic, how much may be under way, and the pace over all of
//! them. Holds no clock.

/// What was sent on a topic and what became of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Messages handed to the middleware.
    pub sent: u64,
    /// Of these, acknowledged by every reliable subscriber there was.
    pub acknowledged: u64,
    /// Of these, not acknowledged within the time allowed.
    pub missing: u64,
    open_bytes: u64,
}

impl Tally {
    /// One more was sent, of so many bytes.
    pub fn send(&mut self, bytes: u64) {
        self.sent = self.sent.saturating_add(1);
        self.open_bytes = self.open_bytes.saturating_add(cost(bytes));
    }

    /// Sent, and nothing known of it yet: messages.
    #[must_use]
    pub fn open(&self) -> u64 {
        self.sent.saturating_sub(self.acknowledged).saturating_sub(self.missing)
    }

    /// What is open takes so much room in the socket of a consumer.
    #[must_use]
    pub fn open_bytes(&self) -> u64 {
        self.open_bytes
    }

    /// All that was open is settled.
    pub fn settle(&mut self, acknowledged: bool) {
        let open = self.open();
        let counter = if acknowledged { &mut self.acknowledged } else { &mut self.missing };
        *counter = counter.saturating_add(open);
        self.open_bytes = 0;
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            sent: self.sent.saturating_add(other.sent),
            acknowledged: self.acknowledged.saturating_add(other.acknowledged),
            missing: self.missing.saturating_add(other.missing),
            open_bytes: self.open_bytes.saturating_add(other.open_bytes),
        }
    }
}

/// Most bytes under way over all topics. A program takes everything through one socket, which holds 208 KiB by Linux's default;
/// what does not fit is lost, and sent again when the consumer has noticed.
const BYTES_LIMIT: u64 = 128 << 10;
/// What a message takes there beyond its bytes.
const OVERHEAD: u64 = 1 << 10;

/// Whether a message of so many bytes may join what is under way. One that is too large by itself goes alone.
#[must_use]
pub fn fits(under_way: &Tally, bytes: u64) -> bool {
    under_way.open() == 0 || under_way.open_bytes.saturating_add(cost(bytes)) <= BYTES_LIMIT
}

fn cost(bytes: u64) -> u64 {
    bytes.saturating_add(OVERHEAD)
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
        (0..3).for_each(|_| tally.send(500));
        tally.settle(true);
        (0..2).for_each(|_| tally.send(500));
        assert_eq!((tally.open(), tally.open_bytes()), (2, 2 * (500 + OVERHEAD)));
        tally.settle(false);
        tally.settle(true);
        assert_eq!((tally.sent, tally.acknowledged, tally.missing, tally.open_bytes()), (5, 3, 2, 0));
        assert_eq!(tally.plus(tally).open(), 0);
    }

    #[test]
    fn what_is_under_way_fits_into_a_socket_and_a_giant_goes_alone() {
        let mut tally = Tally::default();
        let mut count = 0_u64;
        while fits(&tally, 300) {
            tally.send(300);
            count += 1;
        }
        assert_eq!(count, BYTES_LIMIT / (300 + OVERHEAD));
        tally.settle(true);
        assert!(fits(&tally, 10 * BYTES_LIMIT));
        tally.send(10 * BYTES_LIMIT);
        assert!(!fits(&tally, 0));
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
