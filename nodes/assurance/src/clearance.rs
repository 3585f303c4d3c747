//! Distances between the swept outline and scan points.

use crate::config::Margins;
use crate::monitor::{Reading, Rule};
use crate::motion::MotionPoint;
use outrider_foundation::{Footprint, Point2, Pose2};

/// Distances beyond are of no interest, m. Also what is said when nothing is near.
pub(crate) const FAR_M: f64 = 10.0;
/// A motion that leaves a too small distance as it is keeps this much, m: above rounding, below everything else.
pub(crate) const UNCHANGED_M: f64 = 1e-6;

/// Points this much farther than the nearest are looked at first, m.
const NEAR_M: f64 = 0.1;

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

    /// Distance to be kept from a point that is `d0_m` away now, when the nearest is `nearest_m` away.
    fn required_m(&self, d0_m: f64, nearest_m: f64) -> f64 {
        let allowed_m = (nearest_m - self.creep_m).clamp(self.floor_m, self.margin_m);
        allowed_m.min(d0_m - UNCHANGED_M)
    }
}

/// The footprint with what makes many distances cheap.
struct Outline<'a> {
    footprint: &'a Footprint,
    /// Outward normal of every edge, and its distance from the origin.
    edges: Vec<(f64, f64, f64)>,
}

impl<'a> Outline<'a> {
    fn new(footprint: &'a Footprint) -> Self {
        let corners = footprint.corners();
        let next = corners.iter().cycle().skip(1);
        let edge = |(a, b): (&Point2, &Point2)| {
            let (dx, dy) = (b.x_m - a.x_m, b.y_m - a.y_m);
            let length_m = libm::hypot(dx, dy);
            let (nx, ny) = (dy / length_m, -dx / length_m);
            (nx, ny, nx * a.x_m + ny * a.y_m)
        };
        Self { footprint, edges: corners.iter().zip(next).map(edge).collect() }
    }

    /// Signed distance of a point, or any number from `enough_m` up when it is at least that far.
    fn distance_m(&self, p: Point2, enough_m: f64) -> f64 {
        // The greatest distance beyond an edge's line: never more than the distance.
        let beyond_m = self
            .edges
            .iter()
            .map(|(nx, ny, offset)| nx * p.x_m + ny * p.y_m - offset)
            .fold(f64::NEG_INFINITY, f64::max);
        if beyond_m >= enough_m { beyond_m } else { self.footprint.signed_distance_m(p) }
    }
}

/// A pose with its sine and cosine, for points of the base that are to be seen from it.
struct View {
    x_m: f64,
    y_m: f64,
    sin: f64,
    cos: f64,
}

impl View {
    fn new(pose: Pose2) -> Self {
        let (sin, cos) = libm::sincos(pose.yaw_rad);
        Self { x_m: pose.x_m, y_m: pose.y_m, sin, cos }
    }

    fn see(&self, p: Point2) -> Point2 {
        let (dx, dy) = (p.x_m - self.x_m, p.y_m - self.y_m);
        Point2::new(self.cos * dx + self.sin * dy, self.cos * dy - self.sin * dx)
    }
}

/// Least distance that a motion keeps from `points`, given in the frame of the motion's start.
pub(crate) fn from_points(
    rule: Rule,
    motion: &[MotionPoint],
    footprint: &Footprint,
    points: &[Point2],
    keep: Keep,
) -> Reading {
    let origin = Point2::default();
    let outline = Outline::new(footprint);
    let nearest_m = points.iter().fold(FAR_M, |least, p| outline.distance_m(*p, least).min(least));
    let reach_m = motion.iter().map(|m| m.pose.position().distance_m(origin)).fold(0.0, f64::max);
    let views: Vec<View> = motion.iter().map(|m| View::new(m.pose)).collect();
    let mut worst = (FAR_M - keep.margin_m, FAR_M, keep.margin_m);
    // The nearest first: the smaller the worst so far, the more can be passed over.
    let near = |p: &&Point2| outline.distance_m(**p, nearest_m + NEAR_M) < nearest_m + NEAR_M;
    for point in points.iter().filter(near).chain(points) {
        let beyond_m = point.distance_m(origin) - reach_m - footprint.circumscribed_m() - keep.margin_m;
        if beyond_m >= worst.0 {
            continue;
        }
        let required_m = keep.required_m(outline.distance_m(*point, keep.margin_m + keep.creep_m), nearest_m);
        for view in &views {
            let distance_m = outline.distance_m(view.see(*point), worst.0 + required_m);
            if distance_m - required_m < worst.0 {
                worst = (distance_m - required_m, distance_m, required_m);
            }
        }
    }
    Reading::new(rule, worst.0, worst.1, worst.2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::motion::{Phase, reckon};
    use outrider_foundation::Twist2;
    use outrider_foundation::robot::{Robot, example};
    use proptest::prelude::*;

    const KEEP: Keep = Keep { margin_m: 0.05, floor_m: 0.01, creep_m: 0.002 };

    fn judge(twist: Twist2, points: &[Point2]) -> Reading {
        let robot = Robot::new(example::amr()).unwrap();
        let motion = reckon(twist, &[Phase { target: twist, duration_s: 0.2 }], &robot.limits).unwrap();
        from_points(Rule::CommandClearance, &motion, &robot.footprint, points, KEEP)
    }

    proptest! {
        /// The pruning changes nothing.
        #[test]
        fn pruned_equals_brute_force(
            v in -0.3..1.0f64, w in -1.2..1.2f64,
            points in prop::collection::vec((-4.0..4.0f64, -4.0..4.0f64), 1..60)
        ) {
            let robot = Robot::new(example::amr()).unwrap();
            let points: Vec<_> = points.into_iter().map(|(x, y)| Point2::new(x, y)).collect();
            let twist = Twist2::new(v, w);
            let motion = reckon(twist, &[Phase { target: twist, duration_s: 0.2 }], &robot.limits).unwrap();
            let reading = from_points(Rule::CommandClearance, &motion, &robot.footprint, &points, KEEP);
            let d = |p: &Point2| robot.footprint.signed_distance_m(*p);
            let nearest = points.iter().map(d).fold(FAR_M, f64::min);
            let brute = points.iter().flat_map(|p| {
                let required = KEEP.required_m(d(p), nearest);
                let footprint = &robot.footprint;
                motion.iter().map(move |m| footprint.signed_distance_m(m.pose.inverse().apply(*p)) - required)
            }).fold(f64::INFINITY, f64::min);
            prop_assert!((reading.robustness - brute.min(FAR_M - KEEP.margin_m)).abs() < 1e-12);
        }

        #[test]
        fn at_rest_nothing_is_too_near(points in prop::collection::vec((-1.0..1.0f64, -1.0..1.0f64), 1..60)) {
            let points: Vec<_> = points.into_iter().map(|(x, y)| Point2::new(x, y)).collect();
            prop_assert!(judge(Twist2::ZERO, &points).is_positive());
        }
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
