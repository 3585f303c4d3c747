//! Where a player is in its bag: play, pause, seek, rate. Holds no clock: `now_ns` is the caller's monotonic time.

/// Position in a bag as a function of the caller's time.
#[derive(Clone, Copy, Debug)]
pub struct Timeline {
    first_ns: i64,
    last_ns: i64,
    /// The position was this at `since_ns`.
    anchor_ns: i64,
    since_ns: i64,
    rate: f64,
    paused: bool,
}

impl Timeline {
    /// Plays from `first_ns` at `now_ns`. `last_ns` bounds seeks; `rate` is nanoseconds of the bag a nanosecond.
    #[must_use]
    pub fn new(first_ns: i64, last_ns: i64, rate: f64, now_ns: i64) -> Self {
        Self {
            first_ns,
            last_ns: last_ns.max(first_ns),
            anchor_ns: first_ns,
            since_ns: now_ns,
            rate,
            paused: false,
        }
    }

    /// Position in nanoseconds of the bag's time; what `/clock` shows.
    #[must_use]
    pub fn position_ns(&self, now_ns: i64) -> i64 {
        if self.paused {
            return self.anchor_ns;
        }
        self.anchor_ns.saturating_add(scaled(now_ns.saturating_sub(self.since_ns).max(0), self.rate))
    }

    /// When a message of this log time is due, in the caller's time; `None` while paused.
    #[must_use]
    pub fn due_ns(&self, log_time_ns: i64) -> Option<i64> {
        let ahead = log_time_ns.saturating_sub(self.anchor_ns).max(0);
        (!self.paused).then(|| self.since_ns.saturating_add(scaled(ahead, self.rate.recip())))
    }

    /// Stands still from now on.
    pub fn pause(&mut self, now_ns: i64) {
        self.anchor(now_ns);
        self.paused = true;
    }

    /// Goes on from where it stands.
    pub fn resume(&mut self, now_ns: i64) {
        self.anchor(now_ns);
        self.paused = false;
    }

    /// Whether it stands still.
    #[must_use]
    pub const fn is_paused(&self) -> bool {
        self.paused
    }

    /// Nanoseconds of the bag a nanosecond.
    #[must_use]
    pub const fn rate(&self) -> f64 {
        self.rate
    }

    /// Another rate from now on, at the same position. False, and nothing changes, unless it is finite and above zero.
    pub fn set_rate(&mut self, now_ns: i64, rate: f64) -> bool {
        let good = rate.is_finite() && rate > 0.0;
        if good {
            self.anchor(now_ns);
            self.rate = rate;
        }
        good
    }

    /// Goes to a position, held within the bag, and tells which.
    pub fn seek(&mut self, now_ns: i64, position_ns: i64) -> i64 {
        self.anchor_ns = position_ns.clamp(self.first_ns, self.last_ns);
        self.since_ns = now_ns;
        self.anchor_ns
    }

    fn anchor(&mut self, now_ns: i64) {
        self.anchor_ns = self.position_ns(now_ns);
        // Before the start nothing is cut from the wait for it.
        self.since_ns = self.since_ns.max(now_ns);
    }
}

/// Saturates; to the nanosecond for spans under 2^53 ns (104 days).
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "spans of a bag; `as` saturates"
)]
fn scaled(span_ns: i64, factor: f64) -> i64 {
    (span_ns as f64 * factor).round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: i64 = 1_700_000_000_000_000_000;
    const SECOND: i64 = 1_000_000_000;

    fn timeline(rate: f64) -> Timeline {
        Timeline::new(FIRST, FIRST + 100 * SECOND, rate, 5 * SECOND)
    }

    #[test]
    fn at_half_rate_a_message_is_due_after_twice_the_time_and_the_clock_then_shows_it() {
        let line = timeline(0.5);
        assert_eq!(line.due_ns(FIRST + 3 * SECOND), Some(11 * SECOND));
        assert_eq!(line.position_ns(11 * SECOND), FIRST + 3 * SECOND);
    }

    #[test]
    fn paused_nothing_is_due_and_the_pause_is_not_caught_up() {
        let mut line = timeline(1.0);
        line.pause(7 * SECOND);
        assert!(line.is_paused());
        assert_eq!(line.due_ns(FIRST), None);
        assert_eq!(line.position_ns(50 * SECOND), FIRST + 2 * SECOND);
        line.pause(60 * SECOND);
        line.resume(70 * SECOND);
        assert_eq!(line.position_ns(71 * SECOND), FIRST + 3 * SECOND);
        line.resume(72 * SECOND);
        assert_eq!(line.position_ns(72 * SECOND), FIRST + 4 * SECOND);
    }

    #[test]
    fn a_change_of_rate_keeps_the_position_running_or_paused() {
        for paused in [false, true] {
            let mut line = timeline(1.0);
            if paused {
                line.pause(8 * SECOND);
            }
            let before = line.position_ns(9 * SECOND);
            assert!(line.set_rate(9 * SECOND, 4.0));
            assert_eq!(line.position_ns(9 * SECOND), before);
            line.resume(9 * SECOND);
            assert_eq!(line.position_ns(10 * SECOND), before + 4 * SECOND);
        }
    }

    #[test]
    fn a_bad_rate_changes_nothing() {
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let mut line = timeline(2.0);
            assert!(!line.set_rate(6 * SECOND, bad));
            assert_eq!(line.position_ns(7 * SECOND), FIRST + 4 * SECOND);
        }
    }

    #[test]
    fn a_seek_stays_within_the_bag_and_keeps_the_pause() {
        let mut line = timeline(1.0);
        line.pause(6 * SECOND);
        assert_eq!(line.seek(7 * SECOND, FIRST - 1), FIRST);
        assert_eq!(line.seek(7 * SECOND, i64::MAX), FIRST + 100 * SECOND);
        assert_eq!(line.seek(7 * SECOND, FIRST + 40 * SECOND), FIRST + 40 * SECOND);
        assert_eq!(line.position_ns(9 * SECOND), FIRST + 40 * SECOND);
        line.resume(9 * SECOND);
        assert_eq!(line.due_ns(FIRST + 41 * SECOND), Some(10 * SECOND));
    }
}
