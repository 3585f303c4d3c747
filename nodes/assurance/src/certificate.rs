//! A second opinion on distances: parry3d measures what our own arithmetic has said.
//!
//! Diverse redundancy: another library, another algorithm (GJK instead of edges), another number (`f32`), another way to turn
//! (quaternions). It measures what limits a motion, and some other points at the pose that is nearest to them. Where the
//! two differ nothing is permitted. What is inside the outline is only found to be so: how deep is not measured.
//!
//! GJK is called directly: parry's projection of a point panics when it does not converge, and a panic ends the process.

use crate::AssuranceError;
use crate::clearance::{Cleared, UNCHANGED_M};
use crate::cloud::Seen;
use crate::monitor::{Reading, Rule};
use crate::motion::MotionPoint;
use crate::rigid::Rigid;
use crate::tracks::Met;
use outrider_foundation::geometry::sides;
use outrider_foundation::polygon::Polygon;
use outrider_foundation::{Footprint, Point2, Pose2};
use parry3d::math::{Pose, Rotation, Vector};
use parry3d::query::gjk::{self, ConstantOrigin, CsoPoint, GJKResult, VoronoiSimplex};
use parry3d::shape::{ConvexPolyhedron, Segment};

/// Points that are measured besides the one that limits the motion.
const SPOT_CHECKS: usize = 8;
/// Distances may differ by this, m: above what GJK leaves open at contact, well below what a margin is for.
const TOLERANCE_M: f64 = 1e-3;
/// And by this share of themselves: GJK stops at the root of ten times the rounding of `f32`, 0.0011.
const TOLERANCE_SHARE: f64 = 1.5e-3;
/// Half the height of the extruded outline, m. Points lie in its middle plane.
const HALF_HEIGHT_M: f32 = 0.1;

/// The worst of several measurements.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Certificate {
    worst_m: f64,
}

impl Certificate {
    /// What is no number stays none.
    pub fn add(&mut self, off_m: f64) {
        if off_m > self.worst_m || off_m.is_nan() {
            self.worst_m = off_m;
        }
    }

    /// Invalid above the tolerance.
    pub fn reading(&self) -> Reading {
        Reading::age(Rule::Certificate, self.worst_m, TOLERANCE_M)
    }
}

/// An outline outside of a zone, as our own arithmetic sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NearZone<'a> {
    pub polygon: &'a Polygon,
    pub map_from_base: Pose2,
    pub distance_m: f64,
}

/// The robot's outline as parry knows it.
#[derive(Clone, Debug)]
pub(crate) struct Certifier {
    outline: ConvexPolyhedron,
}

impl Certifier {
    pub fn new(footprint: &Footprint) -> Result<Self, AssuranceError> {
        let corners = footprint.corners().iter();
        let prism: Vec<Vector> = corners
            .flat_map(|c| [-HALF_HEIGHT_M, HALF_HEIGHT_M].map(|z| Vector::new(c.x_m as f32, c.y_m as f32, z)))
            .collect();
        let outline = ConvexPolyhedron::from_convex_hull(&prism).ok_or(AssuranceError::Outline)?;
        Ok(Self { outline })
    }

    /// Distance of the outline at a pose from a point, zero inside. Both as they are: `base_from_points` takes the point to
    /// the frame that the pose is in. `None` when it cannot be measured.
    fn distance_m(&self, base_from_points: Pose2, base_from_future: Pose2, point: Point2) -> Option<f64> {
        if !(base_from_points.is_finite() && base_from_future.is_finite() && point.is_finite()) {
            return None;
        }
        let to = single(base_from_future).inverse() * single(base_from_points);
        let at = to * vector(point);
        let future_from_point = Pose::from_parts(at, Rotation::IDENTITY);
        let direction = (-at).try_normalize().unwrap_or(Vector::X);
        let mut simplex = VoronoiSimplex::new();
        simplex.reset(CsoPoint::from_shapes(&future_from_point, &self.outline, &ConstantOrigin, direction));
        let found = gjk::closest_points(
            &future_from_point,
            &self.outline,
            &ConstantOrigin,
            f32::MAX,
            true,
            &mut simplex,
        );
        measured(found)
    }

    /// By how much the distances of a motion from scan points are off what was said, beyond what GJK may be. `turn` picks
    /// the points besides the limiting one, so that in time it is every one. NaN when it cannot be measured.
    pub fn sweep_off_m(
        &self,
        motion: &[MotionPoint],
        seen: &Seen<'_>,
        footprint: &Footprint,
        cleared: &Cleared,
        turn: u64,
    ) -> f64 {
        let mut certificate = Certificate::default();
        if let Some(touch) = cleared.closest.at {
            let pose = motion.get(touch.pose).map(|m| m.pose);
            let measured = pose.and_then(|pose| self.distance_m(seen.pose, pose, touch.point));
            certificate.add(measured.map_or(f64::NAN, |m| off_m(cleared.closest.distance_m, m)));
        }
        let points = seen.cloud.points();
        let stride = points.len().div_ceil(SPOT_CHECKS).max(1);
        // A remainder is within `usize`.
        let first = (turn % stride as u64) as usize;
        for point in points.iter().skip(first).step_by(stride) {
            certificate.add(self.spot_m(motion, seen, footprint, cleared, *point));
        }
        certificate.worst_m
    }

    /// The same for the disc of a moving object.
    pub fn disc_off_m(&self, met: &Met) -> f64 {
        let measured = self.distance_m(Pose2::IDENTITY, met.pose, met.centre);
        measured.map_or(f64::NAN, |m| off_m(met.distance_m + met.radius_m, m))
    }

    /// The same for a zone: its nearest side. Of an outline that overlaps the zone nothing is measured.
    pub fn zone_off_m(&self, near: &NearZone<'_>) -> f64 {
        if near.distance_m < 0.0 {
            return 0.0;
        }
        if near.distance_m.is_nan() {
            return f64::NAN;
        }
        let side_m = |(a, b)| self.side_m(near.map_from_base, a, b).unwrap_or(f64::NAN);
        let nearer = |least: f64, m: f64| if m.is_nan() || m < least { m } else { least };
        let measured_m = sides(near.polygon.corners()).map(side_m).fold(f64::INFINITY, nearer);
        off_m(near.distance_m, measured_m)
    }

    /// Distance of the outline at a pose from a side of a zone, zero where they meet.
    fn side_m(&self, map_from_base: Pose2, a: Point2, b: Point2) -> Option<f64> {
        // Maps may be large; single precision begins at the robot.
        let turn = single(Pose2 { x_m: 0.0, y_m: 0.0, ..map_from_base }).inverse();
        let seen =
            |p: Point2| turn * vector(Point2::new(p.x_m - map_from_base.x_m, p.y_m - map_from_base.y_m));
        let (start, end) = (seen(a), seen(b));
        if !(start.is_finite() && end.is_finite()) {
            return None;
        }
        let side = Segment::new(start, end);
        let here = Pose::IDENTITY;
        let direction = (-start).try_normalize().unwrap_or(Vector::X);
        let mut simplex = VoronoiSimplex::new();
        simplex.reset(CsoPoint::from_shapes(&here, &self.outline, &side, direction));
        let found = gjk::closest_points(&here, &self.outline, &side, f32::MAX, true, &mut simplex);
        measured(found)
    }

    /// One other point: whether our distance is the measured one, and whether it does not come nearer than was said.
    fn spot_m(
        &self,
        motion: &[MotionPoint],
        seen: &Seen<'_>,
        footprint: &Footprint,
        cleared: &Cleared,
        point: Point2,
    ) -> f64 {
        let here = seen.base_from_points.apply(point);
        let Some(nearest) = nearest_pose(motion, here) else { return 0.0 };
        let ours_m = footprint.signed_distance_m(Rigid::new(nearest).inverse().apply(here));
        let Some(measured_m) = self.distance_m(seen.pose, nearest, point) else { return f64::NAN };
        let off_m = off_m(ours_m, measured_m);
        let excess_m = cleared.closest.excess_m;
        let claimed_m = excess_m + cleared.allowed_m;
        if measured_m >= claimed_m {
            return off_m;
        }
        // Nearer than others may come: then it was near from the start.
        let Some(at_start_m) = self.distance_m(seen.pose, Pose2::IDENTITY, point) else { return f64::NAN };
        let claimed_m = excess_m + cleared.allowed_m.min(at_start_m - UNCHANGED_M);
        off_m.max(claimed_m - measured_m - TOLERANCE_SHARE * (at_start_m + measured_m))
    }
}

fn measured(found: GJKResult) -> Option<f64> {
    match found {
        GJKResult::Intersection => Some(0.0),
        GJKResult::ClosestPoints(on_outline, at, _) => Some(f64::from((on_outline - at).length())),
        GJKResult::Proximity(_) | GJKResult::NoIntersection(_) => None,
    }
}

/// By how much a distance of ours is off what was measured, beyond what GJK may be.
fn off_m(ours_m: f64, measured_m: f64) -> f64 {
    ((ours_m.max(0.0) - measured_m).abs() - TOLERANCE_SHARE * measured_m).max(0.0)
}

/// The pose whose centre is nearest.
fn nearest_pose(motion: &[MotionPoint], p: Point2) -> Option<Pose2> {
    let square = |m: &MotionPoint| {
        let (dx, dy) = (m.pose.x_m - p.x_m, m.pose.y_m - p.y_m);
        dx * dx + dy * dy
    };
    let mut nearest = (f64::INFINITY, None);
    for m in motion {
        let square = square(m);
        nearest = if square < nearest.0 { (square, Some(m.pose)) } else { nearest };
    }
    nearest.1
}

/// The one boundary to single precision.
fn single(a_from_b: Pose2) -> Pose {
    let (s, c) = libm::sincos(0.5 * a_from_b.yaw_rad);
    let rotation = Rotation::from_xyzw(0.0, 0.0, s as f32, c as f32);
    Pose::from_parts(vector(a_from_b.position()), rotation)
}

fn vector(p: Point2) -> Vector {
    Vector::new(p.x_m as f32, p.y_m as f32, 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clearance::{self, Keep};
    use crate::cloud::Cloud;
    use crate::motion::{Phase, reckon};
    use crate::tests::convex_outline;
    use crate::tracks::TrackRules;
    use crate::zones::Near as _;
    use outrider_foundation::Twist2;
    use outrider_foundation::data::{Track, TrackState, Verdict};
    use outrider_foundation::robot::{Robot, example};
    use proptest::prelude::*;

    const KEEP: Keep = Keep { margin_m: 0.05, floor_m: 0.01, creep_m: 0.002 };

    /// A drive along a curve past points, as the kernel judges it.
    struct Case {
        footprint: Footprint,
        motion: Vec<MotionPoint>,
        cloud: Cloud,
        base_from_points: Pose2,
    }

    impl Case {
        fn new(twist: Twist2, points: &[Point2]) -> Self {
            let robot = Robot::new(example::amr()).unwrap();
            let motion = reckon(twist, &[Phase { target: twist, duration_s: 0.2 }], &robot.limits).unwrap();
            let base_from_points = Pose2::new(0.1, -0.05, 0.4);
            let mut cloud = Cloud::default();
            cloud.replace(points.iter().map(|p| base_from_points.inverse().apply(*p)));
            Self { footprint: robot.footprint, motion, cloud, base_from_points }
        }

        fn certified(&self, turn: u64, change: impl Fn(&mut Cleared)) -> Reading {
            let seen = Seen::new(&self.cloud, self.base_from_points);
            let mut cleared =
                clearance::judge(Rule::CommandClearance, &self.motion, &self.footprint, &seen, KEEP);
            change(&mut cleared);
            let certifier = Certifier::new(&self.footprint).unwrap();
            let mut certificate = Certificate::default();
            certificate.add(certifier.sweep_off_m(&self.motion, &seen, &self.footprint, &cleared, turn));
            certificate.reading()
        }
    }

    fn points(count: std::ops::Range<usize>, far_m: f64) -> impl Strategy<Value = Vec<Point2>> {
        let point = (-far_m..far_m, -far_m..far_m).prop_map(|(x, y)| Point2::new(x, y));
        prop::collection::vec(point, count)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

        /// Any outline, any pose, any point: both agree, and GJK always comes to an end.
        #[test]
        fn parry_agrees(
            footprint in convex_outline(),
            (x, y, yaw) in (-3.0..3.0f64, -3.0..3.0f64, -3.2..3.2f64),
            (x0, y0, yaw0) in (-3.0..3.0f64, -3.0..3.0f64, -3.2..3.2f64),
            (px, py) in prop_oneof![(-20.0..20.0f64, -20.0..20.0f64), (-1.0..1.0f64, -1.0..1.0f64)],
        ) {
            let (pose, base_from_points) = (Pose2::new(x, y, yaw), Pose2::new(x0, y0, yaw0));
            // As seen from the pose, so that many are near.
            let here = pose.apply(Point2::new(px, py));
            let point = base_from_points.inverse().apply(here);
            let measured_m = Certifier::new(&footprint).unwrap().distance_m(base_from_points, pose, point);
            let ours_m = footprint.signed_distance_m(pose.inverse().apply(here));
            prop_assert!(off_m(ours_m, measured_m.unwrap()) < 0.5 * TOLERANCE_M, "{ours_m} {measured_m:?}");
        }

        /// At the boundary of the outline, where algorithms of this kind are weakest.
        #[test]
        fn parry_agrees_at_contact(
            footprint in convex_outline(), edge in 0..9_usize, share in -0.1..1.1f64, off in -2e-3..2e-3f64, yaw in -3.2..3.2f64
        ) {
            let (a, b) = sides(footprint.corners()).nth(edge % footprint.corners().len()).unwrap();
            let (dx, dy) = (b.x_m - a.x_m, b.y_m - a.y_m);
            let length = libm::hypot(dx, dy);
            let p = Point2::new(a.x_m + share * dx + off * dy / length, a.y_m + share * dy - off * dx / length);
            let pose = Pose2::new(4.0, -2.0, yaw);
            let measured_m = Certifier::new(&footprint).unwrap().distance_m(Pose2::IDENTITY, pose, pose.apply(p));
            prop_assert!(off_m(footprint.signed_distance_m(p), measured_m.unwrap()) < 0.5 * TOLERANCE_M);
        }

        /// What the kernel says is certified, whatever it is.
        #[test]
        fn sound_results_are_certified(
            v in -0.3..1.0f64, w in -1.2..1.2f64, near in points(0..40, 1.5), far in points(0..60, 15.0), turn in 0..99_u64
        ) {
            let points: Vec<_> = near.into_iter().chain(far).collect();
            let reading = Case::new(Twist2::new(v, w), &points).certified(turn, |_| {});
            prop_assert!(reading.is_ok(), "{reading:?}");
        }

        /// A distance that is a centimetre off is not.
        #[test]
        fn a_wrong_distance_is_caught(
            v in -0.3..1.0f64, w in -1.2..1.2f64, points in points(1..60, 1.5), off_m in prop_oneof![Just(0.01), Just(-0.01)]
        ) {
            let reading = Case::new(Twist2::new(v, w), &points).certified(0, |cleared| {
                let distance_m = &mut cleared.closest.distance_m;
                // Inside the outline no depth is measured.
                *distance_m = distance_m.max(0.0);
                *distance_m += if *distance_m > 0.02 { off_m } else { 0.01 };
            });
            prop_assert_eq!(reading.verdict, Verdict::Invalid, "{:?}", reading);
        }
    }

    proptest! {
        /// So is a disc's.
        #[test]
        fn discs_are_certified_unless_they_are_wrong(
            v in -0.3..1.0f64, w in -1.2..1.2f64, x in -3.0..3.0f64, y in -3.0..3.0f64, radius_m in 0.0..0.5f64
        ) {
            let case = Case::new(Twist2::new(v, w), &[]);
            let position = Point2::new(x, y);
            let tracks = [Track { position, radius_m, state: TrackState::Confirmed, ..Track::default() }];
            let config = &crate::tests::config().tracks;
            let base_from_tracks = Rigid::new(Pose2::IDENTITY);
            let (age_s, reaction_s, creep_m) = (0.0, 0.2, 0.002);
            let rules = TrackRules { config, bounds: &[], paces: &[], base_from_tracks, age_s, reaction_s, creep_m };
            let met = crate::tracks::judge(&case.motion, &case.footprint, &tracks, rules).1.unwrap();
            let certifier = Certifier::new(&case.footprint).unwrap();
            prop_assert!(certifier.disc_off_m(&met) < 0.5 * TOLERANCE_M);
            // The centre inside the outline: no depth is measured.
            let wrong_m = (met.distance_m + met.radius_m).max(0.0) + 0.01 - met.radius_m;
            let wrong = Met { distance_m: wrong_m, ..met };
            prop_assert!(certifier.disc_off_m(&wrong) > TOLERANCE_M);
        }
    }

    #[test]
    fn the_worst_counts() {
        let mut certificate = Certificate::default();
        certificate.add(0.5 * TOLERANCE_M);
        certificate.add(0.0);
        assert!(certificate.reading().is_ok());
        for bad_m in [f64::NAN, 2.0 * TOLERANCE_M] {
            let mut certificate = certificate;
            certificate.add(bad_m);
            certificate.add(0.0);
            assert_eq!(certificate.reading().verdict, Verdict::Invalid, "{bad_m}");
        }
    }

    /// The kernel has passed over the nearest point: the spot checks come to it in turn.
    #[test]
    fn what_was_passed_over_is_found_in_turn() {
        let mut points: Vec<_> = (0..100).map(|i| Point2::new(3.0, f64::from(i) * 0.05 - 2.5)).collect();
        let sound = Case::new(Twist2::new(0.8, 0.0), &points);
        let seen = Seen::new(&sound.cloud, sound.base_from_points);
        let cleared = clearance::judge(Rule::CommandClearance, &sound.motion, &sound.footprint, &seen, KEEP);
        points[33] = Point2::new(1.5, 0.0);
        let case = Case::new(Twist2::new(0.8, 0.0), &points);
        let invalid = |turn| !case.certified(turn, |c| *c = cleared).is_ok();
        assert_eq!((0..13).filter(|turn| invalid(*turn)).collect::<Vec<_>>(), [33 % 13]);
    }

    #[test]
    fn what_is_no_number_is_not_certified() {
        let case = Case::new(Twist2::new(0.5, 0.0), &[Point2::new(1.0, 0.0)]);
        assert!(!case.certified(0, |c| c.closest.distance_m = f64::NAN).is_ok());
        let certifier = Certifier::new(&case.footprint).unwrap();
        let nan = Pose2::new(f64::NAN, 0.0, 0.0);
        assert_eq!(certifier.distance_m(Pose2::IDENTITY, nan, Point2::default()), None);
    }

    proptest! {
        /// So is the distance from a zone, also one that is not convex and far from the map's origin.
        #[test]
        fn zones_are_certified_unless_they_are_wrong(
            x in -6.0..8.0f64, y in -6.0..8.0f64, yaw in -3.2..3.2f64, far_m in prop_oneof![Just(0.0), Just(3000.0)],
            off_m in prop_oneof![0.02..0.5f64, -0.5..-0.02f64]
        ) {
            let footprint = Robot::new(example::amr()).unwrap().footprint;
            let polygon = crate::zones::l_shape(far_m);
            let map_from_base = Pose2::new(far_m + x, y, yaw);
            let distance_m = polygon.distance_to_footprint_m(&footprint, map_from_base, 20.0);
            let certifier = Certifier::new(&footprint).unwrap();
            let off = |distance_m| certifier.zone_off_m(&NearZone { polygon: &polygon, map_from_base, distance_m });
            prop_assert!(off(distance_m) < 0.5 * TOLERANCE_M, "{distance_m} {}", off(distance_m));
            if distance_m > 0.0 && distance_m + off_m >= 0.0 {
                prop_assert!(off(distance_m + off_m) > TOLERANCE_M, "{distance_m} {off_m}");
            }
            prop_assert!(off(f64::NAN).is_nan());
        }
    }
}
