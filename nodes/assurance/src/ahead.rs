//! What lies ahead on the course that the robot is on: how far it is free, and when something moving is met.

use crate::clearance::FAR_M;
use outrider_foundation::data::{Track, TrackState};
use outrider_foundation::{Footprint, Point2, Pose2, Twist2};

/// Courses with a smaller curvature are straight, 1/m.
const STRAIGHT_PER_M: f64 = 1e-3;
/// Encounters that are farther away in time are none, s.
pub(crate) const LATE_S: f64 = 10.0;
/// Step of looking for them, s.
const STEP_S: f64 = 0.1;
/// How many steps are looked ahead: 5 s.
const STEPS: u32 = 50;

/// Way of the base along its present curve until the outline meets one of `points`, given in the base frame; no more than
/// [`FAR_M`]. Turning on the spot has no way: what a turn sweeps over is the rule `stopping_distance`'s.
pub(crate) fn free_path_m(twist: Twist2, footprint: &Footprint, points: &[Point2]) -> f64 {
    let Twist2 { v_mps, w_radps } = twist;
    if v_mps.abs() <= 0.0 {
        return FAR_M;
    }
    let curvature = w_radps / v_mps;
    let course = Course { forward: v_mps.signum(), radius_m: 1.0 / curvature };
    let ways = points.iter().map(|p| {
        if footprint.signed_distance_m(*p) <= 0.0 {
            0.0
        } else if curvature.abs() < STRAIGHT_PER_M {
            course.straight_m(footprint, *p)
        } else {
            course.curved_m(footprint, *p)
        }
    });
    ways.fold(FAR_M, f64::min)
}

struct Course {
    /// 1 forwards, −1 backwards.
    forward: f64,
    /// Signed: the centre of the turn is at (0, radius).
    radius_m: f64,
}

impl Course {
    /// Seen from the base, the point comes along x.
    fn straight_m(&self, footprint: &Footprint, p: Point2) -> f64 {
        let meets = |(a, b): (Point2, Point2)| {
            let rise = b.y_m - a.y_m;
            let share = (p.y_m - a.y_m) / rise;
            let way_m = (p.x_m - (a.x_m + share * (b.x_m - a.x_m))) * self.forward;
            ((0.0..=1.0).contains(&share) && way_m >= 0.0).then_some(way_m)
        };
        sides(footprint).filter_map(meets).fold(FAR_M, f64::min)
    }

    /// Seen from the base, the point goes round the centre of the turn.
    fn curved_m(&self, footprint: &Footprint, p: Point2) -> f64 {
        let radius_m = self.radius_m;
        let (px, py) = (p.x_m, p.y_m - radius_m);
        let reach_sq = px * px + py * py;
        let start_rad = libm::atan2(py, px);
        // A turn to the left takes the point round to the right, and backwards the other way.
        let sense = -(radius_m.signum() * self.forward);
        let mut least = FAR_M;
        for (a, b) in sides(footprint) {
            // |a + s (b − a) − centre|² = reach².
            let (dx, dy) = (b.x_m - a.x_m, b.y_m - a.y_m);
            let (fx, fy) = (a.x_m, a.y_m - radius_m);
            let (q2, q1) = (dx * dx + dy * dy, fx * dx + fy * dy);
            let under = q1 * q1 - q2 * (fx * fx + fy * fy - reach_sq);
            if under.is_nan() || under < 0.0 || q2 <= 0.0 {
                continue;
            }
            for root in [-under.sqrt(), under.sqrt()] {
                let share = (root - q1) / q2;
                if !(0.0..=1.0).contains(&share) {
                    continue;
                }
                let end_rad = libm::atan2(fy + share * dy, fx + share * dx);
                let turn_rad = libm::fmod((end_rad - start_rad) * sense + 2.0 * TURN, TURN);
                least = least.min(turn_rad * radius_m.abs());
            }
        }
        least
    }
}

const TURN: f64 = std::f64::consts::TAU;

fn sides(footprint: &Footprint) -> impl Iterator<Item = (Point2, Point2)> + '_ {
    let corners = footprint.corners();
    corners.iter().copied().zip(corners.iter().copied().cycle().skip(1))
}

/// The moving object that is met first if everybody goes on as now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Encounter {
    /// Time until the outline meets the object's disc; [`LATE_S`] for none within five seconds.
    pub time_s: f64,
    /// How fast they come closer now; zero for none.
    pub closing_mps: f64,
}

/// Looks ahead in time. `base_from_tracks` is the base now, `age_s` the age of the tracks.
pub(crate) fn encounter(
    twist: Twist2,
    footprint: &Footprint,
    tracks: &[Track],
    base_from_tracks: Pose2,
    age_s: f64,
) -> Encounter {
    let mut first = Encounter { time_s: LATE_S, closing_mps: 0.0 };
    for track in tracks.iter().filter(|t| matches!(t.state, TrackState::Confirmed | TrackState::Coasting)) {
        let gap_m = |t_s: f64| {
            let ahead_s = age_s + t_s;
            let (x_m, y_m) = (track.position.x_m, track.position.y_m);
            let (vx, vy) = (track.velocity.x_m, track.velocity.y_m);
            let centre = base_from_tracks.apply(Point2::new(x_m + vx * ahead_s, y_m + vy * ahead_s));
            let future_from_base = Pose2::IDENTITY.advance(twist, t_s).inverse();
            footprint.signed_distance_m(future_from_base.apply(centre)) - track.radius_m
        };
        let now_m = gap_m(0.0);
        let mut before_m = now_m;
        for step in 0..=STEPS {
            let t_s = f64::from(step) * STEP_S;
            let m = gap_m(t_s);
            if m <= 0.0 {
                // Between the two steps the gap is as good as straight.
                let over_s = if before_m > m { STEP_S * m / (before_m - m) } else { 0.0 };
                let time_s = (t_s + over_s).max(0.0);
                if time_s < first.time_s {
                    first = Encounter { time_s, closing_mps: ((now_m - gap_m(STEP_S)) / STEP_S).max(0.0) };
                }
                break;
            }
            before_m = m;
        }
    }
    first
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn footprint() -> Footprint {
        Footprint::rectangle(0.35, 0.35, 0.5).unwrap()
    }

    #[test]
    fn a_wall_ahead_and_one_beside() {
        let at = |v, w, x, y| free_path_m(Twist2::new(v, w), &footprint(), &[Point2::new(x, y)]);
        assert!((at(0.5, 0.0, 1.35, 0.1) - 1.0).abs() < 1e-12);
        assert!((at(-0.5, 0.0, -1.35, 0.1) - 1.0).abs() < 1e-12);
        assert!((at(0.5, 0.0, -1.35, 0.1) - FAR_M).abs() < 1e-12, "behind");
        assert!((at(0.5, 0.0, 1.35, 0.3) - FAR_M).abs() < 1e-12, "beside");
        assert!((at(0.0, 1.0, 0.4, 0.0) - FAR_M).abs() < 1e-12, "on the spot");
        assert!(at(0.5, 0.3, 0.1, 0.1).abs() < 1e-12, "inside");
    }

    proptest! {
        /// Against driving the course in small steps.
        #[test]
        fn as_driven(v in prop_oneof![0.1..1.0f64, -0.5..-0.1f64], w in -1.2..1.2f64, x in -3.0..3.0f64, y in -3.0..3.0f64) {
            let (footprint, p, twist) = (footprint(), Point2::new(x, y), Twist2::new(v, w));
            let got = free_path_m(twist, &footprint, &[p]);
            let touches = |m: f64| {
                let pose = Pose2::IDENTITY.advance(twist, m / v.abs());
                footprint.signed_distance_m(pose.inverse().apply(p)) <= 0.0
            };
            // No farther than once round: then everything comes again.
            let round = if w.abs() > 1e-9 { TURN * (v / w).abs() } else { FAR_M };
            let steps = (FAR_M.min(round) / 0.002) as usize;
            let driven = (0..steps).map(|i| i as f64 * 0.002).find(|m| touches(*m)).unwrap_or(FAR_M);
            // A corner that is just grazed may be missed by one of the two.
            let grazed = (got - driven).abs() > 0.003 && {
                let nearest = (0..steps).map(|i| {
                    let pose = Pose2::IDENTITY.advance(twist, i as f64 * 0.002 / v.abs());
                    footprint.signed_distance_m(pose.inverse().apply(p)).abs()
                }).fold(f64::INFINITY, f64::min);
                nearest < 0.002
            };
            prop_assert!((got - driven).abs() <= 0.003 || grazed, "{got} {driven}");
        }
    }

    #[test]
    fn someone_who_crosses_is_met_at_the_right_time() {
        let person = |x, y, vx, vy| Track {
            state: TrackState::Confirmed,
            position: Point2::new(x, y),
            velocity: Point2::new(vx, vy),
            radius_m: 0.25,
            ..Track::default()
        };
        let met = |twist, track| encounter(twist, &footprint(), &[track], Pose2::IDENTITY, 0.0);
        let ahead = met(Twist2::new(1.0, 0.0), person(3.6, 0.0, -0.5, 0.0));
        assert!((ahead.time_s - 2.0).abs() < 1e-9, "{ahead:?}");
        assert!((ahead.closing_mps - 1.5).abs() < 1e-9);
        let passes = met(Twist2::new(1.0, 0.0), person(3.0, 1.0, 0.0, 0.0));
        assert!((passes.time_s - LATE_S).abs() < 1e-9, "he comes closer, but he is passed: {passes:?}");
        let crossing = met(Twist2::new(1.0, 0.0), person(2.0, 2.0, 0.0, -1.0));
        assert!((1.3..1.6).contains(&crossing.time_s), "{crossing:?}");
        let gone = met(Twist2::new(1.0, 0.0), person(2.0, 4.0, 0.0, -1.0));
        assert!((gone.time_s - LATE_S).abs() < 1e-9, "the robot is past: {gone:?}");
        assert!(met(Twist2::ZERO, person(0.4, 0.0, 0.0, 0.0)).time_s <= 0.0, "he is there");
    }
}
