//! How fast a mission goes, and so how long it will take.

use outrider_foundation::{Instant, Pose2};

/// Before so long the pace says nothing, s.
const TELLING_S: f64 = 2.0;
/// No slower than this share of the cruising speed is reckoned with.
const LEAST_SHARE: f64 = 0.1;
/// Of the cruising speed, before the pace is known.
const FIRST_SHARE: f64 = 0.7;

/// Way and time so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pace {
    way_m: f64,
    time_s: f64,
    last: Option<(Pose2, Instant)>,
}

impl Pace {
    /// The robot is here, at a time without pauses.
    pub fn note(&mut self, pose: Pose2, tree_now: Instant) {
        if let Some((before, at)) = self.last.replace((pose, tree_now)) {
            self.way_m += before.position().distance_m(pose.position());
            self.time_s += tree_now.since(at).as_s().max(0.0);
        }
    }

    /// The robot's pose is told in another frame from now on.
    pub fn change_frame(&mut self) {
        self.last = None;
    }

    /// Time for what is left, s; infinite when that is.
    pub fn remaining_s(&self, left_m: f64, cruise_mps: f64) -> f64 {
        let known = self.time_s >= TELLING_S;
        let pace_mps = if known { self.way_m / self.time_s } else { cruise_mps * FIRST_SHARE };
        left_m / pace_mps.max(LEAST_SHARE * cruise_mps).max(1e-3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use outrider_foundation::Span;

    #[test]
    fn what_is_left_takes_as_long_as_the_pace_says() {
        let at = |ms| Instant::from_nanos(0) + Span::from_millis(ms);
        let mut pace = Pace::default();
        assert!((pace.remaining_s(7.0, 1.0) - 10.0).abs() < 1e-9);
        for i in 0..=40 {
            pace.note(Pose2::new(0.05 * f64::from(i), 0.0, 0.0), at(100 * i64::from(i)));
        }
        assert!((pace.remaining_s(2.0, 1.0) - 4.0).abs() < 1e-9);
        // What lies between two frames is no way.
        pace.change_frame();
        pace.note(Pose2::new(52.0, 0.0, 0.0), at(4000));
        assert!((pace.remaining_s(2.0, 1.0) - 4.0).abs() < 1e-9);
        // It stands for long: not for ever.
        pace.note(Pose2::new(52.0, 0.0, 0.0), at(400_000));
        assert!((pace.remaining_s(2.0, 1.0) - 20.0).abs() < 1e-9);
        assert!(pace.remaining_s(f64::INFINITY, 1.0).is_infinite());
    }
}
