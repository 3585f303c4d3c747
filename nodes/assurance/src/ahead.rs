//! What lies ahead on the course that the robot is on: how far it is free, and when something moving is met.

use crate::clearance::FAR_M;
use crate::cloud::Seen;
use crate::rigid::Rigid;
use outrider_foundation::data::{Track, TrackState};
use outrider_foundation::geometry::sides;
use outrider_foundation::{Footprint, Point2, Pose2, Twist2};

/// Courses with a smaller curvature are straight, 1/m.
const STRAIGHT_PER_M: f64 = 1e-3;
/// Encounters that are farther away in time are none, s.
pub(crate) const LATE_S: f64 = 10.0;
/// Step of looking for them, s.
const STEP_S: f64 = 0.1;
/// How many steps are looked ahead: 5 s.
const STEPS: usize = 50;
/// What lies this close beside the course is looked at in full, m: far above rounding.
const ROUNDING_M: f64 = 1e-9;

/// Way of the base along its present curve until the outline meets one of the points; no more than [`FAR_M`]. Turning on
/// the spot has no way: what a turn sweeps over is the rule `stopping_distance`'s.
pub(crate) fn free_path_m(twist: Twist2, footprint: &Footprint, seen: &Seen<'_>) -> f64 {
    let Twist2 { v_mps, w_radps } = twist;
    if v_mps.abs() <= 0.0 {
        return FAR_M;
    }
    let course = Course::new(v_mps.signum(), w_radps / v_mps, footprint);
    let mut least_m = FAR_M;
    for (block, (centre, radius_m)) in seen.cloud.blocks().iter().zip(seen.cloud.discs()) {
        if !course.may_meet(seen.base_from_points.apply(centre), radius_m, least_m) {
            continue;
        }
        for p in block.points().map(|p| seen.base_from_points.apply(p)) {
            if course.may_meet(p, 0.0, least_m) {
                least_m = least_m.min(course.way_m(p));
            }
        }
    }
    least_m
}

struct Course<'a> {
    footprint: &'a Footprint,
    /// 1 forwards, −1 backwards.
    forward: f64,
    /// Signed: the centre of the turn is at (0, radius). `None` on a straight course.
    radius_m: Option<f64>,
    /// Least and greatest distance of the outline's points from the centre of the turn, on a straight course their y: only
    /// what lies between is ever met.
    band_m: (f64, f64),
}

impl<'a> Course<'a> {
    fn new(forward: f64, curvature_per_m: f64, footprint: &'a Footprint) -> Self {
        let corners = footprint.corners().iter();
        if curvature_per_m.abs() < STRAIGHT_PER_M {
            let low_m = corners.clone().map(|c| c.y_m).fold(f64::INFINITY, f64::min);
            let high_m = corners.map(|c| c.y_m).fold(f64::NEG_INFINITY, f64::max);
            return Self { footprint, forward, radius_m: None, band_m: (low_m, high_m) };
        }
        let radius_m = 1.0 / curvature_per_m;
        let centre = Point2::new(0.0, radius_m);
        let far_m = corners.map(|c| c.distance_m(centre)).fold(0.0, f64::max);
        let band_m = (footprint.signed_distance_m(centre), far_m);
        Self { footprint, forward, radius_m: Some(radius_m), band_m }
    }

    /// False when nothing within `radius_m` of `p` can be met before `least_m`.
    fn may_meet(&self, p: Point2, radius_m: f64, least_m: f64) -> bool {
        // The base moves no farther than its way, and the outline reaches no farther than its circle.
        let way_m = p.distance_m(Point2::default()) - radius_m - self.footprint.circumscribed_m();
        let across_m = self.radius_m.map_or(p.y_m, |radius_m| p.distance_m(Point2::new(0.0, radius_m)));
        let (low_m, high_m) = self.band_m;
        let slack_m = radius_m + ROUNDING_M;
        way_m < least_m && across_m + slack_m >= low_m && across_m - slack_m <= high_m
    }

    fn way_m(&self, p: Point2) -> f64 {
        let near_m = self.footprint.circumscribed_m();
        if p.distance_m(Point2::default()) <= near_m && self.footprint.signed_distance_m(p) <= 0.0 {
            return 0.0;
        }
        match self.radius_m {
            None => self.straight_m(self.footprint, p),
            Some(radius_m) => self.curved_m(self.footprint, radius_m, p),
        }
    }

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
    fn curved_m(&self, footprint: &Footprint, radius_m: f64, p: Point2) -> f64 {
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
    let base_from_tracks = Rigid::new(base_from_tracks);
    let ahead: [Rigid; STEPS + 1] = std::array::from_fn(|i| Rigid::arc(twist, i as f64 * STEP_S).inverse());
    let mut first = Encounter { time_s: LATE_S, closing_mps: 0.0 };
    for track in tracks.iter().filter(|t| matches!(t.state, TrackState::Confirmed | TrackState::Coasting)) {
        let approach = Approach::new(twist, footprint, track, &base_from_tracks, age_s);
        let Some(index) = approach.meets(&ahead) else { continue };
        let gap_m = |i: usize| ahead.get(i).map(|at| approach.gap_m(i, at));
        let (Some(before), Some(now)) = (gap_m(index.saturating_sub(1)), gap_m(index)) else { continue };
        // Between the two steps the gap is as good as straight.
        let over_s = if before > now { STEP_S * now / (before - now) } else { 0.0 };
        let time_s = (index as f64 * STEP_S + over_s).max(0.0);
        if time_s < first.time_s {
            let closing_mps = gap_m(0).zip(gap_m(1)).map_or(0.0, |(a, b)| (a - b) / STEP_S);
            first = Encounter { time_s, closing_mps: closing_mps.max(0.0) };
        }
    }
    first
}

/// An object and the robot on their ways, in the base frame of now.
struct Approach<'a> {
    footprint: &'a Footprint,
    start: Point2,
    velocity: Point2,
    radius_m: f64,
    /// They come no more than this nearer to each other in a step.
    step_m: f64,
}

impl<'a> Approach<'a> {
    fn new(
        twist: Twist2,
        footprint: &'a Footprint,
        track: &Track,
        base_from_tracks: &Rigid,
        age_s: f64,
    ) -> Self {
        let (start, velocity) = (track.position, track.velocity);
        let now = Point2::new(start.x_m + velocity.x_m * age_s, start.y_m + velocity.y_m * age_s);
        let speed_mps = twist.v_mps.abs() + velocity.distance_m(Point2::default());
        Self {
            footprint,
            start: base_from_tracks.apply(now),
            velocity: base_from_tracks.turn(velocity),
            radius_m: track.radius_m,
            step_m: speed_mps * STEP_S,
        }
    }

    fn centre(&self, index: usize, future_from_base: &Rigid) -> Point2 {
        let t_s = index as f64 * STEP_S;
        let (start, velocity) = (self.start, self.velocity);
        future_from_base.apply(Point2::new(start.x_m + velocity.x_m * t_s, start.y_m + velocity.y_m * t_s))
    }

    fn gap_m(&self, index: usize, future_from_base: &Rigid) -> f64 {
        self.footprint.signed_distance_m(self.centre(index, future_from_base)) - self.radius_m
    }

    /// The first step at which they touch. Steps that they cannot have come near enough in are passed over.
    fn meets(&self, ahead: &[Rigid]) -> Option<usize> {
        let reach_m = self.footprint.circumscribed_m() + self.radius_m;
        let mut index = 0_usize;
        while let Some(at) = ahead.get(index) {
            let apart_m = self.centre(index, at).distance_m(Point2::default()) - reach_m;
            if apart_m <= 0.0 && self.gap_m(index, at) <= 0.0 {
                return Some(index);
            }
            // A cast of what is negative or no number is zero.
            index = index.saturating_add(((apart_m / self.step_m) as usize).max(1));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::Cloud;
    use proptest::prelude::*;

    fn footprint() -> Footprint {
        Footprint::rectangle(0.35, 0.35, 0.5).unwrap()
    }

    fn free_path(twist: Twist2, points: &[Point2]) -> f64 {
        let mut cloud = Cloud::default();
        // Seen from elsewhere, as a scan is that was taken a moment ago.
        let base_from_points = Pose2::new(0.2, -0.1, 0.3);
        cloud.replace(points.iter().map(|p| base_from_points.inverse().apply(*p)));
        free_path_m(twist, &footprint(), &Seen::new(&cloud, base_from_points))
    }

    #[test]
    fn a_wall_ahead_and_one_beside() {
        let at = |v, w, x, y| free_path(Twist2::new(v, w), &[Point2::new(x, y)]);
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
            let got = free_path(twist, &[p]);
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

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

        /// Leaving out what cannot be met changes nothing: the least of many is the least of each alone.
        #[test]
        fn the_first_of_many(
            v in prop_oneof![0.1..1.0f64, -0.5..-0.1f64], w in prop_oneof![-1.2..1.2f64, Just(0.0)],
            points in prop::collection::vec((-6.0..6.0f64, -6.0..6.0f64), 1..60)
        ) {
            let twist = Twist2::new(v, w);
            let points: Vec<_> = points.into_iter().map(|(x, y)| Point2::new(x, y)).collect();
            let footprint = footprint();
            let course = Course::new(v.signum(), w / v, &footprint);
            let each = points.iter().map(|p| course.way_m(*p)).fold(FAR_M, f64::min);
            prop_assert!((free_path(twist, &points) - each).abs() < 1e-9);
        }

        /// Against looking at every step.
        #[test]
        fn no_meeting_is_passed_over(
            v in -0.3..1.0f64, w in -1.2..1.2f64, x in -6.0..6.0f64, y in -6.0..6.0f64,
            vx in -2.0..2.0f64, vy in -2.0..2.0f64, r in 0.0..0.6f64, age in 0.0..0.5f64
        ) {
            let (footprint, twist) = (footprint(), Twist2::new(v, w));
            let (position, velocity) = (Point2::new(x, y), Point2::new(vx, vy));
            let track = Track { position, velocity, radius_m: r, state: TrackState::Confirmed, ..Track::default() };
            let base_from_tracks = Pose2::new(0.5, -0.3, 2.0);
            let gap_m = |i: usize| {
                let t_s = i as f64 * STEP_S;
                let (x_m, y_m) = (x + vx * (age + t_s), y + vy * (age + t_s));
                let at = Pose2::IDENTITY.advance(twist, t_s).inverse();
                footprint.signed_distance_m(at.apply(base_from_tracks.apply(Point2::new(x_m, y_m)))) - r
            };
            let expected = (0..=STEPS).find(|i| gap_m(*i) <= 0.0);
            let got = encounter(twist, &footprint, &[track], base_from_tracks, age);
            match expected {
                None => prop_assert!((got.time_s - LATE_S).abs() < 1e-9),
                Some(i) => {
                    let last_s = i.saturating_sub(1) as f64 * STEP_S;
                    prop_assert!(got.time_s >= last_s && got.time_s <= i as f64 * STEP_S, "{got:?} {i}");
                    prop_assert!((got.closing_mps - ((gap_m(0) - gap_m(1)) / STEP_S).max(0.0)).abs() < 1e-9);
                }
            }
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
