//! Whether a source of data may be relied upon: missing, stale or wrong input is a typed state, never a frozen value.

use crate::config::{MapSourceConfig, SourceConfig};
use outrider_foundation::data::{SourceState, SourceStatus};
use outrider_foundation::{Instant, Now, Span, Stamp};
use std::collections::VecDeque;

/// The rate is the mean over this many arrivals at most.
const RATE_WINDOW: usize = 16;

/// Watches one source.
#[derive(Clone, Debug)]
pub struct SourceMonitor {
    topic: &'static str,
    required: bool,
    max_age_s: f64,
    future_tolerance: Span,
    repeats_allowed: bool,
    disorder_allowed: bool,
    newest: Option<(Stamp, Instant)>,
    arrivals: VecDeque<Instant>,
    received: u64,
    rejected: u64,
    fault: Option<String>,
}

impl SourceMonitor {
    /// For a source that arrives again and again.
    pub fn new(topic: &'static str, config: &SourceConfig) -> Self {
        Self {
            topic,
            required: config.required,
            max_age_s: config.max_age_s,
            future_tolerance: Span::from_s(config.future_tolerance_s),
            repeats_allowed: false,
            disorder_allowed: false,
            newest: None,
            arrivals: VecDeque::with_capacity(RATE_WINDOW),
            received: 0,
            rejected: 0,
            fault: None,
        }
    }

    /// For a source that comes once and does not age.
    pub fn ageless(topic: &'static str, config: &MapSourceConfig) -> Self {
        let (required, future_tolerance_s) = (config.required, config.future_tolerance_s);
        Self::new(topic, &SourceConfig { required, max_age_s: f64::INFINITY, future_tolerance_s })
    }

    /// A stamp equal to the last one is taken too.
    pub fn allowing_repeats(self) -> Self {
        Self { repeats_allowed: true, ..self }
    }

    /// Stamps may be in any order: whoever takes the data in judges that.
    pub fn allowing_disorder(self) -> Self {
        Self { repeats_allowed: true, disorder_allowed: true, ..self }
    }

    /// Messages taken so far.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Whether its absence is a fault.
    pub fn required(&self) -> bool {
        self.required
    }

    /// Topic name.
    pub fn topic(&self) -> &'static str {
        self.topic
    }

    /// Whether a message with this stamp may be taken now.
    ///
    /// # Errors
    /// Says why not: from the future, backwards, or a repeat.
    pub fn check_stamp(&self, stamp: Stamp, now: Now) -> Result<(), String> {
        let ahead = stamp.since(now.ros);
        if ahead > self.future_tolerance {
            return Err(format!("stamp lies {:.3} s in the future", ahead.as_s()));
        }
        match self.newest {
            Some((newest, _)) if stamp < newest && !self.disorder_allowed => {
                Err(format!("stamp runs backwards by {:.3} s", newest.since(stamp).as_s()))
            }
            Some((newest, _)) if stamp == newest && !self.repeats_allowed => {
                Err(format!("stamp {:.3} s repeats", stamp.as_s()))
            }
            _ => Ok(()),
        }
    }

    /// Counts a message that was taken.
    pub fn accept(&mut self, stamp: Stamp, received: Instant) {
        self.received = self.received.saturating_add(1);
        let newest = self.newest.map_or(stamp, |(newest, _)| newest.max(stamp));
        self.newest = Some((newest, received));
        self.fault = None;
        if self.arrivals.len() >= RATE_WINDOW {
            self.arrivals.pop_front();
        }
        self.arrivals.push_back(received);
    }

    /// Counts a message that was refused: invalid until the next good one.
    pub fn reject(&mut self, reason: impl Into<String>) {
        self.rejected = self.rejected.saturating_add(1);
        self.fault = Some(reason.into());
    }

    /// Forgets all that depends on the ROS clock, which shows `now` after a step back; counts stay. What does not age is still
    /// there: it is taken as of now at the latest, so that what comes next does not run backwards.
    pub fn reset_clock(&mut self, now: Stamp) {
        if self.max_age_s.is_infinite() {
            self.newest = self.newest.map(|(stamp, received)| (stamp.min(now), received));
            return;
        }
        self.newest = None;
        self.arrivals.clear();
    }

    /// Age of the newest data, by stamp or by arrival, whichever is worse; infinite when there is none, and not below zero.
    pub fn age_s(&self, now: Now) -> f64 {
        self.newest.map_or(f64::INFINITY, |(stamp, received)| {
            now.ros.since(stamp).max(now.mono.since(received)).as_s().max(0.0)
        })
    }

    /// Whether the newest good data is young enough to be used. A refused message makes the source invalid, yet does not
    /// take away from what was good before it.
    pub fn has_recent(&self, now: Now) -> bool {
        self.verdict_of_data(now).0 == SourceStatus::Fresh
    }

    /// The state as it is published.
    pub fn state(&self, now: Now) -> SourceState {
        let (status, reason) = self.verdict(now);
        SourceState {
            name: self.topic.into(),
            status,
            age_s: self.age_s(now),
            rate_hz: self.rate_hz(),
            received: self.received,
            rejected: self.rejected,
            reason,
        }
    }

    fn verdict(&self, now: Now) -> (SourceStatus, String) {
        if let Some(fault) = &self.fault {
            return (SourceStatus::Invalid, fault.clone());
        }
        self.verdict_of_data(now)
    }

    fn verdict_of_data(&self, now: Now) -> (SourceStatus, String) {
        let Some((stamp, _)) = self.newest else {
            let kind = if self.required { "required" } else { "optional" };
            return (SourceStatus::Missing, format!("nothing received ({kind})"));
        };
        let ahead = stamp.since(now.ros);
        if ahead > self.future_tolerance {
            return (SourceStatus::Invalid, format!("stamp lies {:.3} s in the future", ahead.as_s()));
        }
        let age_s = self.age_s(now);
        if age_s > self.max_age_s {
            return (SourceStatus::Stale, format!("{age_s:.3} s old, limit {} s", self.max_age_s));
        }
        (SourceStatus::Fresh, String::new())
    }

    fn rate_hz(&self) -> f64 {
        let (Some(first), Some(last)) = (self.arrivals.front(), self.arrivals.back()) else {
            return 0.0;
        };
        let span_s = last.since(*first).as_s();
        if span_s > 0.0 { (self.arrivals.len().saturating_sub(1)) as f64 / span_s } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: SourceConfig = SourceConfig { required: true, max_age_s: 0.1, future_tolerance_s: 0.05 };

    fn now(mono_ms: i64, ros_ms: i64) -> Now {
        Now { mono: Instant::from_nanos(mono_ms * 1_000_000), ros: Stamp::from_nanos(ros_ms * 1_000_000) }
    }

    #[test]
    fn from_missing_to_fresh_to_stale() {
        let mut source = SourceMonitor::new("/scan", &CONFIG);
        let state = source.state(now(0, 0));
        assert_eq!((state.status, state.age_s, state.rate_hz), (SourceStatus::Missing, f64::INFINITY, 0.0));
        assert_eq!(state.reason, "nothing received (required)");
        for i in 0..5 {
            let t = now(50 * i, 1000 + 50 * i);
            source.check_stamp(t.ros, t).unwrap();
            source.accept(t.ros, t.mono);
        }
        let state = source.state(now(200, 1200));
        assert_eq!((state.status, state.age_s, state.received), (SourceStatus::Fresh, 0.0, 5));
        assert!((state.rate_hz - 20.0).abs() < 1e-9);
        assert_eq!(source.state(now(300, 1300)).status, SourceStatus::Fresh);
        assert_eq!(source.state(now(301, 1301)).status, SourceStatus::Stale);
    }

    #[test]
    fn the_worse_age_counts() {
        let mut source = SourceMonitor::new("/scan", &CONFIG);
        source.accept(now(0, 1000).ros, now(0, 1000).mono);
        // The ROS clock has stopped: the arrival tells. And the other way round: a stamp that was old when it came.
        assert_eq!(source.state(now(150, 1000)).status, SourceStatus::Stale);
        assert_eq!(source.state(now(0, 1150)).status, SourceStatus::Stale);
        assert_eq!(source.state(now(0, 900)).status, SourceStatus::Invalid);
    }

    #[test]
    fn what_does_not_age_is_still_there_after_the_clock_has_stepped_back() {
        let mut map =
            SourceMonitor::ageless("/map", &MapSourceConfig { required: true, future_tolerance_s: 0.05 });
        map.accept(now(0, 100_000).ros, now(0, 100_000).mono);
        let mut scan = SourceMonitor::new("/scan", &CONFIG);
        scan.accept(now(0, 100_000).ros, now(0, 100_000).mono);
        let back = now(200, 5000);
        map.reset_clock(back.ros);
        scan.reset_clock(back.ros);
        assert_eq!(
            (map.state(back).status, scan.state(back).status),
            (SourceStatus::Fresh, SourceStatus::Missing)
        );
        // And another one of the new time is taken.
        assert_eq!(map.check_stamp(now(300, 5100).ros, now(300, 5100)), Ok(()));
    }

    #[test]
    fn bad_stamps_are_refused_and_a_good_message_heals() {
        let mut source = SourceMonitor::new("/scan", &CONFIG);
        let t = now(0, 1000);
        assert!(source.check_stamp(now(0, 1051).ros, t).unwrap_err().contains("future"));
        source.check_stamp(now(0, 1050).ros, t).unwrap();
        source.accept(t.ros, t.mono);
        assert_eq!(source.check_stamp(now(0, 980).ros, t).unwrap_err(), "stamp runs backwards by 0.020 s");
        assert!(source.check_stamp(t.ros, t).unwrap_err().contains("repeats"));
        source.clone().allowing_repeats().check_stamp(t.ros, t).unwrap();
        source.reject("NaN");
        let state = source.state(t);
        assert_eq!((state.status, state.reason.as_str(), state.rejected), (SourceStatus::Invalid, "NaN", 1));
        source.accept(now(0, 1010).ros, t.mono);
        assert_eq!(source.state(t).status, SourceStatus::Fresh);
    }
}
