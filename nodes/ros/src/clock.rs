//! The two clocks: CLOCK_MONOTONIC for watchdogs, ROS time for data.

use outrider_foundation::{Instant, Now, Stamp};
use rustix::time::{ClockId, clock_gettime};

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
        let ros = if self.simulated { self.newest? } else { Stamp::from_nanos(nanos(ClockId::Realtime)) };
        Some(Now { mono: monotonic(), ros })
    }
}

/// CLOCK_MONOTONIC.
pub fn monotonic() -> Instant {
    Instant::from_nanos(nanos(ClockId::Monotonic))
}

/// CLOCK_REALTIME.
pub fn realtime() -> Stamp {
    Stamp::from_nanos(nanos(ClockId::Realtime))
}

fn nanos(id: ClockId) -> i64 {
    let time = clock_gettime(id);
    time.tv_sec.saturating_mul(1_000_000_000).saturating_add(time.tv_nsec)
}
