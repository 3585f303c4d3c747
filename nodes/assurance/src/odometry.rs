//! Odometry with a short history: where the base was when something was seen.

use crate::source::{Arrival, Source};
use outrider_foundation::data::Odometry;
use outrider_foundation::robot::DriveLimits;
use outrider_foundation::{Footprint, Pose2, Span, Stamp, Twist2};
use std::collections::VecDeque;

/// Odometry poses that are remembered: at least 1.27 s, at whatever rate they come. The oldest is dropped.
const HISTORY_LIMIT: usize = 128;
/// Those before the newest are at least so far apart.
const APART: Span = Span::from_millis(10);
/// Odometry is carried on by its twist for no longer than this.
const EXTRAPOLATION_LIMIT: Span = Span::from_millis(250);
/// What odometry may correct at once beyond the way that the robot can have driven meanwhile. More is a leap: its origin has been
/// set anew, or somebody else speaks, and no way leads from the poses before to those after.
const LEAP_M: f64 = 0.1;
const LEAP_RAD: f64 = 0.2;

/// Odometry with a short history.
#[derive(Clone, Debug, Default)]
pub(crate) struct OdometryHistory {
    pub source: Source,
    /// Velocity of the newest.
    pub twist: Twist2,
    poses: VecDeque<(Stamp, Pose2)>,
    /// It has leapt, and nobody has judged that yet.
    leapt: bool,
    /// All the way that was measured.
    pub way: Way,
}

/// How far a robot has moved and turned, whatever the direction.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Way {
    moved_m: f64,
    turned_rad: f64,
}

impl Way {
    fn add(&mut self, a_from_b: Pose2) {
        self.moved_m += libm::hypot(a_from_b.x_m, a_from_b.y_m);
        self.turned_rad += a_from_b.yaw_rad.abs();
    }

    /// The most that a corner of the outline has moved since the way was `then`.
    pub fn of_corners_since_m(&self, then: &Self, footprint: &Footprint) -> f64 {
        (self.moved_m - then.moved_m) + (self.turned_rad - then.turned_rad) * footprint.circumscribed_m()
    }
}

impl OdometryHistory {
    /// Takes odometry. Numbers that are not finite make the source invalid until a good one comes, and so does a leap: what was
    /// known before it is forgotten, for it would be put in the wrong place. True when it leapt.
    pub fn take(&mut self, odometry: &Odometry, arrival: Arrival, limits: &DriveLimits) -> bool {
        if !odometry.odom_from_base.is_finite() || !odometry.twist.is_finite() {
            self.source.fault();
            return false;
        }
        if !self.source.accept(odometry.stamp, arrival) {
            return false;
        }
        self.twist = odometry.twist;
        let pose = odometry.odom_from_base;
        let from_last = self
            .poses
            .back()
            .map(|(stamp, before)| (before.inverse().then(pose), odometry.stamp.since(*stamp)));
        let leapt = from_last.is_some_and(|(way, span)| leaps(way, span.as_s(), limits));
        if leapt {
            self.poses.clear();
            self.leapt = true;
        } else if let Some((way, _)) = from_last {
            self.way.add(way);
        }
        if self.leapt {
            self.source.fault();
        }
        self.remember(odometry.stamp, pose);
        leapt
    }

    /// What came up to now has been judged: a leap among it is over with the next good odometry.
    pub fn judged(&mut self) {
        self.leapt = false;
    }

    fn remember(&mut self, stamp: Stamp, pose: Pose2) {
        let mut newest_first = self.poses.iter().rev();
        let (last, before) = (newest_first.next(), newest_first.next());
        if last.zip(before).is_some_and(|((last, _), (before, _))| last.since(*before) < APART) {
            self.poses.pop_back();
        } else if self.poses.len() >= HISTORY_LIMIT {
            self.poses.pop_front();
        }
        self.poses.push_back((stamp, pose));
    }

    /// `base_then_from_base_now`: takes what was seen from the base at `then` to the base at `now`. `None` when the
    /// history does not reach.
    pub fn base_now_from_base_then(&self, then: Stamp, now: Stamp) -> Option<Pose2> {
        Some(self.odom_from_base_at(now)?.inverse().then(self.odom_from_base_at(then)?))
    }

    pub fn odom_from_base_at(&self, stamp: Stamp) -> Option<Pose2> {
        let (newest, pose) = *self.poses.back()?;
        if stamp >= newest {
            let ahead = stamp.since(newest);
            return (ahead <= EXTRAPOLATION_LIMIT).then(|| pose.advance(self.twist, ahead.as_s()));
        }
        let after = self.poses.partition_point(|(s, _)| *s <= stamp);
        let (later, b) = *self.poses.get(after)?;
        let Some((earlier, a)) = after.checked_sub(1).and_then(|i| self.poses.get(i)).copied() else {
            // Just before the first: only in the first moments, and after a leap.
            let behind = later.since(stamp);
            return (behind <= EXTRAPOLATION_LIMIT).then(|| b.advance(self.twist, -behind.as_s()));
        };
        let share = stamp.since(earlier).as_s() / later.since(earlier).as_s();
        let a_from_b = a.inverse().then(b);
        Some(a.then(Pose2::new(share * a_from_b.x_m, share * a_from_b.y_m, share * a_from_b.yaw_rad)))
    }
}

/// The robot cannot have driven or turned so far in that time.
fn leaps(a_from_b: Pose2, span_s: f64, limits: &DriveLimits) -> bool {
    let reach_m = limits.speed_max_mps() * span_s + LEAP_M;
    let reach_rad = limits.w_max_radps * span_s + LEAP_RAD;
    libm::hypot(a_from_b.x_m, a_from_b.y_m) > reach_m || a_from_b.yaw_rad.abs() > reach_rad
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::robot;
    use outrider_foundation::Instant;
    use proptest::prelude::*;

    fn at(ms: i64) -> Stamp {
        Stamp::from_nanos(ms * 1_000_000)
    }

    fn tell(history: &mut OdometryHistory, stamp: Stamp, odom_from_base: Pose2, twist: Twist2) {
        let odometry = Odometry { stamp, odom_from_base, twist, ..Odometry::default() };
        let arrival = Arrival { received: Instant::from_nanos(stamp.nanos()), latest: stamp };
        history.take(&odometry, arrival, &robot().limits);
    }

    fn drive(twist: Twist2, count: i64, period_ms: i64) -> OdometryHistory {
        let mut history = OdometryHistory::default();
        for i in 0..count {
            let pose = Pose2::new(1.0, 2.0, 0.3).advance(twist, (i * period_ms) as f64 * 1e-3);
            tell(&mut history, at(i * period_ms), pose, twist);
        }
        history
    }

    proptest! {
        #[test]
        fn poses_between_beyond_and_before_lie_on_the_arc(
            v in -0.3..1.0f64, w in -1.2..1.2f64, from in -0.05..1.0f64, to in 0.0..1.1f64, fast in any::<bool>()
        ) {
            let twist = Twist2::new(v, w);
            let history = if fast { drive(twist, 1000, 1) } else { drive(twist, 50, 20) };
            let at = |s: f64| Stamp::from_nanos((s * 1e9) as i64);
            let got = history.base_now_from_base_then(at(from), at(to)).unwrap();
            let expected = Pose2::IDENTITY.advance(twist, from - to);
            prop_assert!(got.position().distance_m(expected.position()) < 1e-4);
            prop_assert!((got.yaw_rad - expected.yaw_rad).abs() < 1e-6);
        }
    }

    #[test]
    fn the_history_is_bounded_and_says_when_it_does_not_reach() {
        let history = drive(Twist2::new(0.5, 0.0), 400, 20);
        assert_eq!(history.poses.len(), HISTORY_LIMIT);
        assert!(history.odom_from_base_at(at(5_000)).is_none());
        assert!(history.odom_from_base_at(at(8_400)).is_none());
        assert!(OdometryHistory::default().odom_from_base_at(at(0)).is_none());
        for period_ms in [1, 2, 4, 5, 6, 9, 10, 20] {
            let fast = drive(Twist2::new(0.5, 0.0), 3_000 / period_ms, period_ms);
            let [first, last] = [fast.poses.front(), fast.poses.back()].map(|p| p.unwrap().0);
            assert!(fast.poses.len() <= HISTORY_LIMIT);
            assert!(last.since(first) >= Span::from_millis(1_250), "{period_ms}: {:?}", last.since(first));
        }
    }

    #[test]
    fn an_origin_that_is_set_anew_is_forgotten_with_all_before() {
        let twist = Twist2::new(0.5, 0.0);
        for leap in [Pose2::new(-30.0, 0.0, 0.0), Pose2::new(0.15, 0.0, 0.0), Pose2::new(0.0, 0.0, 0.5)] {
            let mut history = drive(twist, 50, 20);
            let age_s = |h: &OdometryHistory, ms: i64| {
                let now = outrider_foundation::Now { ros: at(ms), mono: Instant::from_nanos(ms * 1_000_000) };
                h.source.age_s(now, Span::ZERO)
            };
            let pose = history.poses.back().unwrap().1;
            let way = history.way;
            tell(&mut history, at(1_000), leap.then(pose), twist);
            assert!(age_s(&history, 1_000).is_nan(), "{leap:?}");
            assert_eq!(history.way, way, "no way");
            tell(&mut history, at(1_010), leap.then(pose).advance(twist, 0.01), twist);
            assert!(age_s(&history, 1_010).is_nan(), "until somebody has judged it");
            history.judged();
            tell(&mut history, at(1_020), leap.then(pose).advance(twist, 0.02), twist);
            assert!(!age_s(&history, 1_020).is_nan(), "{leap:?}");
            let got = history.base_now_from_base_then(at(960), at(1_020)).unwrap();
            assert!((got.x_m + 0.03).abs() < 1e-9, "what was seen before lies where it lay: {got:?}");
            assert!(history.odom_from_base_at(at(700)).is_none());
        }
        let mut slow = drive(twist, 10, 20);
        tell(&mut slow, at(1_180), Pose2::new(1.0, 2.0, 0.3).advance(Twist2::new(1.0, 0.0), 1.0), twist);
        assert_eq!(slow.poses.len(), 11, "a second without a word is a way of a second");
    }
}
