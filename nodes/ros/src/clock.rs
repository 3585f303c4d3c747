//! The two clocks: CLOCK_MONOTONIC for watchdogs, ROS time for data.

use outrider_foundation::{Instant, Now, Stamp};
use rustix::time::{ClockId, clock_gettime};
use std::time::{SystemTime, UNIX_EPOCH};

/// Reads both clocks. With `use_sim_time` ROS time is the newest `/clock`, and there is none before the first.
#[derive(Debug, Default)]
pub struct Clocks {
    simulated: bool,
    newest: Option<Stamp>,
}

impl Clocks {
    /// Simulated or system time as ROS time.
    pub fn new(simulated: bool) -> Self {
        Self { simulated, newest: None }
    }

    /// Notes a message of `/clock`.
    pub fn set(&mut self, stamp: Stamp) {
        self.newest = Some(stamp);
    }

    /// ROS time follows `/clock`.
    pub fn is_simulated(&self) -> bool {
        self.simulated
    }

    /// Both clocks; `None` while simulated time has not begun.
    pub fn now(&self) -> Option<Now> {
        let ros = if self.simulated { self.newest? } else { realtime() };
        Some(Now { mono: monotonic(), ros })
    }
}

/// CLOCK_MONOTONIC.
pub fn monotonic() -> Instant {
    let time = clock_gettime(ClockId::Monotonic);
    Instant::from_nanos(time.tv_sec.saturating_mul(1_000_000_000).saturating_add(time.tv_nsec))
}

/// CLOCK_REALTIME, by way of the C library: a test can put another clock in its place.
pub fn realtime() -> Stamp {
    let after = SystemTime::now().duration_since(UNIX_EPOCH);
    let nanos = match after {
        Ok(after) => i64::try_from(after.as_nanos()),
        Err(before) => i64::try_from(before.duration().as_nanos()).map(std::ops::Neg::neg),
    };
    Stamp::from_nanos(nanos.unwrap_or(i64::MAX))
}
