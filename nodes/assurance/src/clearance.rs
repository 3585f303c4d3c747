//! Distances between the swept outline and scan points.

use crate::cloud::Seen;
use crate::config::Margins;
use crate::monitor::{Reading, Rule};
use crate::motion::MotionPoint;
use crate::sweep::{Closest, Outline, Sweep};
use outrider_foundation::{Footprint, Point2};

/// Distances beyond are of no interest, m. Also what is said when nothing is near.
pub(crate) const FAR_M: f64 = 10.0;
/// A motion that leaves a too small distance as it is keeps this much, m: above rounding, below everything else.
pub(crate) const UNCHANGED_M: f64 = 1e-6;

/// How close a motion may come to scan points.
///
/// The margin holds where there is room. Where something is nearer already (distance `d0` at the start), the robot may
/// move on, turn or move away, but not come nearer: to nothing nearer than the nearest thing now, less the creep; to no
/// point nearer than the floor; and to no point within the floor nearer than it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keep {
    pub margin_m: f64,
    pub floor_m: f64,
    pub creep_m: f64,
}

impl Keep {
    /// What a command must keep.
    pub fn for_commands(margins: &Margins) -> Self {
        Self { margin_m: margins.scan_m, floor_m: margins.floor_m, creep_m: margins.creep_m }
    }

    /// What the robot's own motion must keep: less, so that refusing commands comes before stopping the robot.
    pub fn for_the_robot(margins: &Margins) -> Self {
        Self { margin_m: margins.floor_m, floor_m: margins.floor_m, creep_m: margins.creep_m }
    }

    /// Distance to be kept from every point when the nearest is `nearest_m` away now; from one that is `d0_m` away itself, no
    /// more than that less [`UNCHANGED_M`].
    fn allowed_m(&self, nearest_m: f64) -> f64 {
        (nearest_m - self.creep_m).clamp(self.floor_m, self.margin_m)
    }
}

/// What became of a motion past points.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cleared {
    pub reading: Reading,
    /// What limits it.
    pub closest: Closest,
    /// The most that any point requires.
    pub allowed_m: f64,
}

/// Least distance that a motion keeps from points seen from its start.
pub(crate) fn from_points(
    rule: Rule,
    motion: &[MotionPoint],
    footprint: &Footprint,
    seen: &Seen<'_>,
    keep: Keep,
) -> Reading {
    judge(rule, motion, footprint, seen, keep).reading
}

/// As [`from_points`], with what limits it.
pub(crate) fn judge(
    rule: Rule,
    motion: &[MotionPoint],
    footprint: &Footprint,
    seen: &Seen<'_>,
    keep: Keep,
) -> Cleared {
    let outline = Outline::new(footprint);
    let at_start = [MotionPoint::START];
    let nothing = Closest::nothing(FAR_M, keep.margin_m);
    let sweeps = (Sweep::new(&outline, seen, &at_start), Sweep::new(&outline, seen, motion));
    let (Some(start), Some(sweep)) = sweeps else {
        let reading = Reading::invalid(rule, f64::NAN, keep.margin_m);
        return Cleared { reading, closest: nothing, allowed_m: keep.margin_m };
    };
    // What is farther away than this allows as much as if nothing were there.
    let enough_m = keep.margin_m + keep.creep_m;
    let nearest = start.closest(Closest::nothing(enough_m, 0.0), 0.0, |_| 0.0);
    let allowed_m = keep.allowed_m(nearest.distance_m);
    let from_start_m = |p: Point2| outline.distance_m(seen.base_from_points.apply(p));
    let closest = sweep.closest(nothing, allowed_m, |p| allowed_m.min(from_start_m(p) - UNCHANGED_M));
    let reading = Reading::new(rule, closest.excess_m, closest.distance_m, closest.required_m);
    Cleared { reading, closest, allowed_m }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::Cloud;
    use crate::motion::{Phase, reckon};
    use crate::tests::convex_outline;
    use outrider_foundation::robot::{Robot, example};
    use outrider_foundation::{Pose2, Twist2};
    use proptest::prelude::*;

    const KEEP: Keep = Keep { margin_m: 0.05, floor_m: 0.01, creep_m: 0.002 };

    fn cloud(points: &[Point2]) -> Cloud {
        let mut cloud = Cloud::default();
        cloud.replace(points.iter().copied());
        cloud
    }

    fn judge(twist: Twist2, points: &[Point2]) -> Reading {
        let robot = Robot::new(example::amr()).unwrap();
        let motion = reckon(twist, &[Phase { target: twist, duration_s: 0.2 }], &robot.limits).unwrap();
        let cloud = cloud(points);
        let seen = Seen::new(&cloud, Pose2::IDENTITY);
        from_points(Rule::CommandClearance, &motion, &robot.footprint, &seen, KEEP)
    }

    /// What the rule says, point by point and pose by pose: the least of distance less what is required.
    fn brute_m(motion: &[MotionPoint], footprint: &Footprint, points: &[Point2], keep: Keep) -> f64 {
        let d = |p: &Point2| footprint.signed_distance_m(*p);
        let nearest = points.iter().map(d).fold(FAR_M, f64::min);
        let each = points.iter().flat_map(|p| {
            let required = keep.allowed_m(nearest).min(d(p) - UNCHANGED_M);
            motion.iter().map(move |m| footprint.signed_distance_m(m.pose.inverse().apply(*p)) - required)
        });
        each.fold(FAR_M - keep.margin_m, f64::min)
    }

    fn points(count: std::ops::Range<usize>, far_m: f64) -> impl Strategy<Value = Vec<Point2>> {
        let point = (-far_m..far_m, -far_m..far_m).prop_map(|(x, y)| Point2::new(x, y));
        prop::collection::vec(point, count)
    }

    proptest! {
        /// The pruning changes nothing.
        #[test]
        fn pruned_equals_brute_force(v in -0.3..1.0f64, w in -1.2..1.2f64, points in points(1..60, 4.0)) {
            let robot = Robot::new(example::amr()).unwrap();
            let twist = Twist2::new(v, w);
            let motion = reckon(twist, &[Phase { target: twist, duration_s: 0.2 }], &robot.limits).unwrap();
            let brute = brute_m(&motion, &robot.footprint, &points, KEEP);
            prop_assert!((judge(twist, &points).robustness - brute).abs() < 1e-12);
        }

        /// Nor with any outline, any poses in any order, other margins, and points that are seen from elsewhere; and what is
        /// said to limit the motion is what limits it.
        #[test]
        fn any_sweep_equals_brute_force(
            footprint in convex_outline(),
            poses in prop::collection::vec((-1.0..1.0f64, -1.0..1.0f64, -3.2..3.2f64), 1..12),
            near in points(0..30, 1.5), far in points(0..30, 12.0),
            (x, y, yaw) in (-3.0..3.0f64, -3.0..3.0f64, -3.2..3.2f64),
            (margin_m, floor, creep_m) in (0.005..1.0f64, 0.0..1.0f64, 0.0..0.01f64),
        ) {
            let keep = Keep { margin_m, floor_m: margin_m * floor, creep_m };
            let at = |(x, y, yaw): &_| MotionPoint::new(0.0, Pose2::new(*x, *y, *yaw), Twist2::ZERO);
            let motion: Vec<_> = poses.iter().map(at).collect();
            let base_from_points = Pose2::new(x, y, yaw);
            let points: Vec<Point2> = near.iter().chain(&far).copied().collect();
            let elsewhere: Vec<Point2> = points.iter().map(|p| base_from_points.inverse().apply(*p)).collect();
            let cloud = cloud(&elsewhere);
            let seen = Seen::new(&cloud, base_from_points);
            let cleared = super::judge(Rule::TailClearance, &motion, &footprint, &seen, keep);
            let brute = brute_m(&motion, &footprint, &points, keep);
            prop_assert!((cleared.reading.robustness - brute).abs() < 1e-12, "{cleared:?} {brute}");
            if let Some(touch) = cleared.closest.at {
                let there = motion[touch.pose].pose.inverse().apply(base_from_points.apply(touch.point));
                let distance_m = footprint.signed_distance_m(there);
                prop_assert!((distance_m - cleared.reading.value).abs() < 1e-12);
            } else {
                prop_assert!((brute - (FAR_M - margin_m)).abs() < 1e-12);
            }
        }

        #[test]
        fn at_rest_nothing_is_too_near(points in points(1..60, 1.0)) {
            prop_assert!(judge(Twist2::ZERO, &points).is_positive());
        }
    }

    #[test]
    fn a_pose_that_is_no_number_cannot_be_judged() {
        let robot = Robot::new(example::amr()).unwrap();
        let cloud = cloud(&[Point2::new(2.0, 0.0)]);
        let seen = Seen::new(&cloud, Pose2::IDENTITY);
        let pose = Pose2::new(f64::NAN, 0.0, 0.0);
        let motion = [MotionPoint::new(0.0, pose, Twist2::ZERO)];
        let reading = from_points(Rule::TailClearance, &motion, &robot.footprint, &seen, KEEP);
        assert_eq!(reading.verdict, outrider_foundation::data::Verdict::Invalid);
    }

    #[test]
    fn a_small_clearance_may_be_left_but_not_made_smaller() {
        let wall_ahead: Vec<_> = (-20..=20).map(|i| Point2::new(0.37, f64::from(i) * 0.02)).collect();
        assert!(!judge(Twist2::new(0.1, 0.0), &wall_ahead).is_ok(), "onto it");
        assert!(judge(Twist2::new(-0.1, 0.0), &wall_ahead).is_ok(), "away from it");
        let wall_beside: Vec<_> = (-50..=50).map(|i| Point2::new(f64::from(i) * 0.02, 0.28)).collect();
        assert!(judge(Twist2::new(0.3, 0.0), &wall_beside).is_ok(), "along it");
        assert!(!judge(Twist2::new(0.0, 0.5), &wall_beside).is_ok(), "a corner turns into it");
        let post_behind = [Point2::new(-0.36, 0.0)];
        assert!(judge(Twist2::new(0.0, 0.2), &[Point2::new(0.0, 0.29)]).is_ok(), "turning beside a post");
        assert!(judge(Twist2::new(0.3, 0.0), &post_behind).is_ok());
    }

    #[test]
    fn creeping_ends_at_the_floor() {
        let mut gap_m = 0.06;
        for _ in 0..2_000 {
            if judge(Twist2::new(0.005, 0.0), &[Point2::new(0.35 + gap_m, 0.0)]).is_ok() {
                gap_m -= 0.0005;
            }
        }
        assert!(gap_m < KEEP.margin_m, "it does creep");
        assert!(gap_m >= KEEP.floor_m, "{gap_m}");
    }
}
