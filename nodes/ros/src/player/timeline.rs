//! Where a player is in its bag: play, pause, seek, rate. Holds no clock: `now_ns` is the caller's monotonic time.

/// Position in a bag as a function of the caller's time.
#[derive(Clone, Copy, Debug)]
pub struct Timeline {
    first_ns: i64,
    last_ns: i64,
    /// The position was this at `since_ns`.
    anchor_ns: i64,
    since_ns: i64,
    /// Zero: as fast as messages are taken; then the messages move the position.
    rate: f64,
    paused: bool,
}

impl Timeline {
    /// Plays from `first_ns` at `now_ns`. `last_ns` bounds the position; `rate` is nanoseconds of the bag a nanosecond,
    /// or zero: no message waits for its time.
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
        if self.paused || self.is_full_speed() {
            return self.anchor_ns;
        }
        let passed = scaled(now_ns.saturating_sub(self.since_ns).max(0), self.rate);
        self.anchor_ns.saturating_add(passed).min(self.last_ns)
    }

    /// When a message of this log time is due, in the caller's time; `None` while paused.
    #[must_use]
    pub fn due_ns(&self, log_time_ns: i64) -> Option<i64> {
        if self.paused {
            return None;
        }
        if self.is_full_speed() {
            return Some(self.since_ns);
        }
        let ahead = log_time_ns.saturating_sub(self.anchor_ns).max(0);
        Some(self.since_ns.saturating_add(scaled(ahead, self.rate.recip())))
    }

    /// A message was sent: where time stands still or is not kept, its log time is the position now.
    pub fn reach(&mut self, log_time_ns: i64) {
        if self.paused || self.is_full_speed() {
            self.anchor_ns = self.anchor_ns.max(log_time_ns.min(self.last_ns));
        }
    }

    /// No message waits for its time.
    #[must_use]
    pub fn is_full_speed(&self) -> bool {
        self.rate <= 0.0
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

    /// First and last position.
    #[must_use]
    pub const fn bounds_ns(&self) -> (i64, i64) {
        (self.first_ns, self.last_ns)
    }

    /// Whether a position lies within the bag.
    #[must_use]
    pub fn holds(&self, position_ns: i64) -> bool {
        (self.first_ns..=self.last_ns).contains(&position_ns)
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
    use proptest::prelude::*;

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
    fn at_full_speed_everything_is_due_and_messages_move_the_clock() {
        let mut line = timeline(0.0);
        assert_eq!(line.due_ns(FIRST + 90 * SECOND), Some(5 * SECOND));
        assert_eq!(line.position_ns(60 * SECOND), FIRST);
        line.reach(FIRST + 7 * SECOND);
        assert_eq!(line.position_ns(61 * SECOND), FIRST + 7 * SECOND);
        assert!(line.set_rate(61 * SECOND, 1.0));
        assert_eq!(line.position_ns(62 * SECOND), FIRST + 8 * SECOND);
        line.reach(FIRST + 50 * SECOND);
        assert_eq!(line.position_ns(62 * SECOND), FIRST + 8 * SECOND);
    }

    #[test]
    fn a_step_moves_a_paused_clock_to_the_message() {
        let mut line = timeline(1.0);
        line.pause(6 * SECOND);
        line.reach(FIRST + 3 * SECOND);
        assert_eq!(line.position_ns(99 * SECOND), FIRST + 3 * SECOND);
        line.resume(100 * SECOND);
        assert_eq!(line.due_ns(FIRST + 4 * SECOND), Some(101 * SECOND));
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

    /// What may happen to a player between two looks at the clock.
    #[derive(Clone, Debug)]
    enum Event {
        Wait(i64),
        Pause,
        Resume,
        Rate(f64),
        Seek(i64),
    }

    fn events() -> impl Strategy<Value = Vec<Event>> {
        let one = prop_oneof![
            4 => (0..3 * SECOND).prop_map(Event::Wait),
            1 => Just(Event::Pause),
            2 => Just(Event::Resume),
            1 => (0.01..100.0_f64).prop_map(Event::Rate),
            1 => (-SECOND..101 * SECOND).prop_map(Event::Seek),
        ];
        proptest::collection::vec(one, 1..80)
    }

    proptest! {
        /// A player that sends every message when it is due, as the real one does.
        #[test]
        fn in_any_run_of_calls_order_pause_and_clock_hold(
            events in events(),
            mut times in proptest::collection::vec(0..100 * SECOND, 1..60),
            full_speed in any::<bool>(),
        ) {
            times.sort_unstable();
            let mut line = timeline(if full_speed { 0.0 } else { 1.0 });
            let (mut now, mut next, mut newest, mut sent_last) = (0, 0, FIRST, i64::MIN);
            for event in events {
                let before = line.position_ns(now);
                match event {
                    Event::Wait(span) => now += span,
                    Event::Pause => line.pause(now),
                    Event::Resume => line.resume(now),
                    Event::Rate(rate) => { line.set_rate(now, rate); }
                    Event::Seek(to) => {
                        newest = line.seek(now, FIRST + to);
                        next = times.partition_point(|t| FIRST + t < newest);
                        sent_last = i64::MIN;
                        prop_assert_eq!(line.position_ns(now), newest);
                        continue;
                    }
                }
                if !matches!(event, Event::Wait(_)) {
                    prop_assert_eq!(line.position_ns(now), before, "no call but seek moves the position");
                }
                while let Some(time) = times.get(next).map(|t| FIRST + t) {
                    let Some(due) = line.due_ns(time) else { break };
                    prop_assert!(!line.is_paused(), "paused, and a message was due");
                    if due > now {
                        break;
                    }
                    prop_assert!(time >= sent_last, "out of order");
                    // A nanosecond for the rounding of the rate, of which a pause keeps one each.
                    prop_assert!(line.is_full_speed() || time <= line.position_ns(now) + 100, "sent before its time");
                    sent_last = time;
                    line.reach(time);
                    next += 1;
                }
                let position = line.position_ns(now);
                prop_assert!(position >= newest, "the clock went back from {newest} to {position}");
                newest = position;
            }
        }
    }
}
