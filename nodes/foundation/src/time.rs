//! Two clocks, two types: [`Instant`] for watchdogs, [`Stamp`] for data. They never mix by accident.

use serde::{Deserialize, Serialize};
use std::ops::{Add, Sub};

/// Nanoseconds in a second.
pub const NANOS_PER_S: i64 = 1_000_000_000;

/// A signed length of time in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Span(i64);

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// From nanoseconds.
    pub const fn from_nanos(ns: i64) -> Self {
        Self(ns)
    }

    /// From milliseconds.
    pub const fn from_millis(ms: i64) -> Self {
        Self(ms.saturating_mul(1_000_000))
    }

    /// From seconds, rounded to the nearest nanosecond; saturates, and NaN gives zero.
    pub fn from_s(seconds: f64) -> Self {
        Self((seconds * NANOS_PER_S as f64).round() as i64)
    }

    /// In nanoseconds.
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// In seconds.
    pub fn as_s(self) -> f64 {
        self.0 as f64 / NANOS_PER_S as f64
    }
}

macro_rules! point_in_time {
    ($name:ident) => {
        impl $name {
            /// From nanoseconds since this clock's epoch.
            pub const fn from_nanos(ns: i64) -> Self {
                Self(ns)
            }
            /// Nanoseconds since this clock's epoch.
            pub const fn nanos(self) -> i64 {
                self.0
            }
            /// Seconds since this clock's epoch.
            pub fn as_s(self) -> f64 {
                self.0 as f64 / NANOS_PER_S as f64
            }
            /// How much later this is than `earlier`; negative when it is before. Saturates.
            pub const fn since(self, earlier: Self) -> Span {
                Span(self.0.saturating_sub(earlier.0))
            }
        }
        impl Add<Span> for $name {
            type Output = Self;
            fn add(self, span: Span) -> Self {
                Self(self.0.saturating_add(span.0))
            }
        }
        impl Sub<Span> for $name {
            type Output = Self;
            fn sub(self, span: Span) -> Self {
                Self(self.0.saturating_sub(span.0))
            }
        }
    };
}

/// A point on the monotonic clock (CLOCK_MONOTONIC, or virtual time): for watchdogs, timers and ages of arrival.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Instant(i64);
point_in_time!(Instant);

/// A point on the ROS clock, as in message headers: for data only, because it may jump, pause or run backwards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Stamp(i64);
point_in_time!(Stamp);

impl Add for Span {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Span {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

/// Both clocks, read at the same moment by whoever calls a core.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Now {
    /// The monotonic clock.
    pub mono: Instant,
    /// The ROS clock.
    pub ros: Stamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_round_to_the_nearest_nanosecond() {
        assert_eq!(Span::from_s(0.1).nanos(), 100_000_000);
        assert_eq!(Span::from_s(-1e-9).nanos(), -1);
        assert_eq!(Span::from_s(f64::NAN), Span::ZERO);
    }

    #[test]
    fn differences_saturate_instead_of_wrapping() {
        let late = Stamp::from_nanos(i64::MAX);
        let early = Stamp::from_nanos(i64::MIN);
        assert_eq!(late.since(early).nanos(), i64::MAX);
        assert_eq!((late + Span::from_s(1.0)).nanos(), i64::MAX);
    }
}
