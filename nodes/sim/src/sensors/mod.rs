//! What the robot's sensors tell of the truth. All randomness is keyed by (seed, purpose, number of the measurement),
//! and each measurement draws the same count of numbers whatever it sees, so that one more wall changes no other noise.

mod detector;
mod lidar;
mod localiser;
mod odometry;

pub(crate) use detector::{Detector, Subject};
pub(crate) use lidar::Lidar;
pub(crate) use localiser::Localiser;
pub(crate) use odometry::{ImuSensor, OdometrySensor};

use crate::config::Timing;
use outrider_foundation::Span;

/// Purposes of randomness, the `stream` of [`outrider_foundation::rng::Rng`].
mod stream {
    pub(super) const LIDAR: u32 = 0x51_01;
    pub(super) const ODOMETRY_CONSTANTS: u32 = 0x51_02;
    pub(super) const ODOMETRY: u32 = 0x51_03;
    pub(super) const IMU_CONSTANTS: u32 = 0x51_04;
    pub(super) const IMU: u32 = 0x51_05;
    pub(super) const LOCALISER: u32 = 0x51_06;
    pub(super) const DETECTOR: u32 = 0x51_07;
    pub(super) const IMU_WALK: u32 = 0x51_08;
    pub(super) const CONFUSION: u32 = 0x51_09;
    pub(super) const LIDAR_LOSS: u32 = 0x51_0A;
    pub(super) const BODIES: u32 = 0x51_0B;
}

/// When something periodic is due, in world time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schedule {
    next: Span,
    period: Span,
}

impl Schedule {
    /// From a rate and a phase.
    pub(crate) fn new(timing: Timing) -> Self {
        Self::every(1.0 / timing.rate_hz, timing.phase_s)
    }

    /// From a period and a phase in seconds.
    pub(crate) fn every(period_s: f64, phase_s: f64) -> Self {
        let period = Span::from_s(period_s).max(Span::from_nanos(1));
        Self { next: Span::from_s(phase_s), period }
    }

    /// Whether it is due at `at`; then the next time is a whole number of periods later, after `at`.
    pub(crate) fn due(&mut self, at: Span) -> bool {
        if at < self.next {
            return false;
        }
        let whole = (at - self.next).nanos() / self.period.nanos().max(1);
        self.next = self.next + Span::from_nanos(self.period.nanos().saturating_mul(whole.saturating_add(1)));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_keeps_its_mean_rate() {
        // 30 Hz on 5 ms periods: 33.3 ms is no multiple, the mean rate holds all the same.
        let mut s = Schedule::new(Timing { rate_hz: 30.0, phase_s: 0.1 });
        let due: Vec<i64> = (0..2000).filter(|i| s.due(Span::from_millis(5 * i))).collect();
        assert_eq!(due.len(), 297);
        assert_eq!(&due[..4], [20, 27, 34, 40]);
        // After a gap it comes once, not once for every time missed.
        let mut late = Schedule::new(Timing { rate_hz: 10.0, phase_s: 0.0 });
        let asked = [0, 5, 1000, 1005, 1095, 1100].map(|ms| late.due(Span::from_millis(ms)));
        assert_eq!(asked, [true, false, true, false, false, true]);
        // Faster than it is asked: once each time.
        let mut fast = Schedule::new(Timing { rate_hz: 1000.0, phase_s: 0.0 });
        assert!((0..50).all(|i| fast.due(Span::from_millis(5 * i))));
    }
}
