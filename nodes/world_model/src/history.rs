//! A bounded history of values by time, with look-up between them.

use outrider_foundation::{Pose2, Stamp, geometry::wrap_angle};
use std::collections::VecDeque;

/// The most values that a history keeps; the oldest goes first. 4 s of odometry at 50 Hz, 2 s at 100 Hz.
pub const HISTORY_LIMIT: usize = 200;

/// Values by rising stamp.
#[derive(Clone, Debug)]
pub struct History<T> {
    items: VecDeque<(Stamp, T)>,
}

/// Where a time lies among the values.
#[derive(Debug, PartialEq)]
pub enum At<'a, T> {
    /// Between two, at this fraction of the way from the first to the second.
    Between(&'a T, &'a T, f64),
    /// This long after the newest, in s.
    After(&'a T, f64),
}

/// Why a time is not among the values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Unreached {
    /// There are none.
    Empty,
    /// It is before the oldest.
    Before(Stamp),
}

impl<T> Default for History<T> {
    fn default() -> Self {
        Self { items: VecDeque::with_capacity(HISTORY_LIMIT) }
    }
}

impl<T> History<T> {
    /// Takes a value; its stamp must not be before the newest, else it is ignored. An equal stamp replaces.
    pub fn push(&mut self, stamp: Stamp, value: T) {
        match self.items.back_mut() {
            Some((newest, _)) if stamp < *newest => return,
            Some((newest, held)) if stamp == *newest => {
                *held = value;
                return;
            }
            _ => {}
        }
        if self.items.len() >= HISTORY_LIMIT {
            self.items.pop_front();
        }
        self.items.push_back((stamp, value));
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.items.clear();
    }

    /// The oldest value.
    pub fn oldest(&self) -> Option<(Stamp, &T)> {
        self.items.front().map(|(stamp, value)| (*stamp, value))
    }

    /// The newest value.
    pub fn newest(&self) -> Option<(Stamp, &T)> {
        self.items.back().map(|(stamp, value)| (*stamp, value))
    }

    /// The stamps before and after a time that lies between two values.
    pub fn neighbours(&self, at: Stamp) -> Option<(Stamp, Stamp)> {
        let [before, after] = self.around(at);
        Some((before?.0, after?.0))
    }

    /// The last value that is no later than a time, and the first that is later.
    fn around(&self, at: Stamp) -> [Option<&(Stamp, T)>; 2] {
        let next = self.items.partition_point(|(stamp, _)| *stamp <= at);
        [next.checked_sub(1).and_then(|i| self.items.get(i)), self.items.get(next)]
    }

    /// Where `at` lies.
    ///
    /// # Errors
    /// When there is nothing, or `at` is before the oldest.
    pub fn at(&self, at: Stamp) -> Result<At<'_, T>, Unreached> {
        match self.around(at) {
            [Some((a, from)), Some((b, to))] => {
                // Stamps rise strictly, so the span is not zero.
                Ok(At::Between(from, to, at.since(*a).as_s() / b.since(*a).as_s()))
            }
            [Some((a, value)), None] => Ok(At::After(value, at.since(*a).as_s())),
            [None, Some((oldest, _))] => Err(Unreached::Before(*oldest)),
            [None, None] => Err(Unreached::Empty),
        }
    }
}

/// The pose at a fraction of the way: position on the straight line, heading the short way round.
pub fn interpolate(from: Pose2, to: Pose2, fraction: f64) -> Pose2 {
    Pose2::new(
        from.x_m + fraction * (to.x_m - from.x_m),
        from.y_m + fraction * (to.y_m - from.y_m),
        wrap_angle(from.yaw_rad + fraction * wrap_angle(to.yaw_rad - from.yaw_rad)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(ms: i64) -> Stamp {
        Stamp::from_nanos(ms * 1_000_000)
    }

    #[test]
    fn a_time_is_found_between_its_neighbours() {
        let mut history = History::default();
        assert_eq!(history.at(stamp(5)), Err(Unreached::Empty));
        for i in 0..3 {
            history.push(stamp(100 + 20 * i), i);
        }
        assert_eq!(history.at(stamp(100)), Ok(At::Between(&0, &1, 0.0)));
        assert_eq!(history.at(stamp(125)), Ok(At::Between(&1, &2, 0.25)));
        assert_eq!(history.at(stamp(140)), Ok(At::After(&2, 0.0)));
        assert_eq!(history.at(stamp(150)), Ok(At::After(&2, 0.01)));
        assert_eq!(history.at(stamp(99)), Err(Unreached::Before(stamp(100))));
    }

    #[test]
    fn it_is_bounded_and_stamps_never_fall() {
        let mut history = History::default();
        for i in 0..1000 {
            history.push(stamp(i), i);
        }
        assert_eq!(history.items.len(), HISTORY_LIMIT);
        history.push(stamp(5), -1);
        assert_eq!(history.newest(), Some((stamp(999), &999)));
        history.push(stamp(999), -2);
        assert_eq!((history.newest(), history.items.len()), (Some((stamp(999), &-2)), HISTORY_LIMIT));
    }

    #[test]
    fn headings_take_the_short_way() {
        let mid = interpolate(Pose2::new(0.0, 0.0, 3.1), Pose2::new(2.0, 4.0, -3.1), 0.5);
        assert!((mid.yaw_rad.abs() - std::f64::consts::PI).abs() < 1e-9);
        assert_eq!((mid.x_m, mid.y_m), (1.0, 2.0));
    }
}
