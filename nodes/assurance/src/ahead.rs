//! What lies ahead on the course that the robot is on: how far it is free, and when something moving is met.

use crate::clearance::FAR_M;
use crate::zones::sides;
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
    let near_m = footprint.circumscribed_m();
    let ways = points.iter().map(|p| {
        if p.distance_m(Point2::default()) <= near_m && footprint.signed_distance_m(*p) <= 0.0 {
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
        sides(footprint.corners()).filter_map(meets).fold(FAR_M, f64::min)
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
        for (a, b) in sides(footprint.corners()) {
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
    let future_from_base = |t_s: f64| Pose2::IDENTITY.advance(twist, t_s).inverse();
    let ahead: Vec<(f64, Pose2)> =
        (0..=STEPS).map(|i| f64::from(i) * STEP_S).map(|t_s| (t_s, future_from_base(t_s))).collect();
    let mut first = Encounter { time_s: LATE_S, closing_mps: 0.0 };
    for track in tracks.iter().filter(|t| matches!(t.state, TrackState::Confirmed | TrackState::Coasting)) {
        let (start, velocity) = (track.position, track.velocity);
        let centre = |(t_s, future_from_base): &(f64, Pose2)| {
            let dt_s = age_s + t_s;
            let then = Point2::new(start.x_m + velocity.x_m * dt_s, start.y_m + velocity.y_m * dt_s);
            future_from_base.apply(base_from_tracks.apply(then))
        };
        let gap_m = |at: &(f64, Pose2)| footprint.signed_distance_m(centre(at)) - track.radius_m;
        let reach_m = footprint.circumscribed_m() + track.radius_m;
        let touches = |at: &&(f64, Pose2)| {
            // Most are too far away to look closer.
            centre(at).distance_m(Point2::default()) <= reach_m && gap_m(at) <= 0.0
        };
        let Some(index) = ahead.iter().position(|at| touches(&at)) else { continue };
        let before = ahead.get(index.saturating_sub(1)).map_or(0.0, gap_m);
        let (at_s, now) = ahead.get(index).map_or((LATE_S, 0.0), |at| (at.0, gap_m(at)));
        // Between the two steps the gap is as good as straight.
        let over_s = if before > now { STEP_S * now / (before - now) } else { 0.0 };
        let time_s = (at_s + over_s).max(0.0);
        if time_s < first.time_s {
            let gaps: Vec<f64> = ahead.iter().take(2).map(gap_m).collect();
            let closing_mps =
                gaps.iter().zip(gaps.iter().skip(1)).map(|(a, b)| (a - b) / STEP_S).sum::<f64>();
            first = Encounter { time_s, closing_mps: closing_mps.max(0.0) };
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
