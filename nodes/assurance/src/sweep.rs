//! Which point a moving outline comes nearest to: exact, though most points are never looked at.
//!
//! Bounds rule them out, none of them more than the distance. First discs around many points and around the whole motion.
//! Then directions: along one, a point is no nearer than it is beyond the farthest that any pose of the outline reaches. The
//! direction in which something near was found rules out almost everything that lies on the same side (the separating axis
//! of Gilbert, Johnson and Keerthi, "A fast procedure for computing the distance between complex objects", IEEE Journal of
//! Robotics and Automation 1988). What is left is measured.

use crate::cloud::{LANES, Lanes, Seen};
use crate::motion::MotionPoint;
use crate::rigid::Rigid;
use outrider_foundation::{Footprint, Point2};

/// What is nearer by less than this is not nearer, m: far above rounding at these distances, far below everything else.
/// Without it a wall that is passed at one distance would be measured at every pose.
const ROUNDING_M: f64 = 1e-13;

/// What is nearer is touched: too near for a direction of its own, m.
const TOUCHING_M: f64 = 1e-9;
/// Blocks that are looked at before all others, since they promise to be the nearest.
const PROMISING: usize = 3;
/// Directions that are tried for one block before what they leave is measured.
const DIRECTIONS: usize = 4;

/// An edge: its outward normal, the distance of its line from the origin, where it starts, and how long it is.
#[derive(Clone, Copy, Debug, Default)]
struct Edge {
    normal: Point2,
    offset_m: f64,
    start: Point2,
    length_m: f64,
}

impl Edge {
    fn beyond_m(&self, p: Point2) -> f64 {
        self.normal.x_m * p.x_m + self.normal.y_m * p.y_m - self.offset_m
    }

    /// From what is nearest to a point to the point.
    fn off(&self, p: Point2) -> Point2 {
        let (x_m, y_m) = (p.x_m - self.start.x_m, p.y_m - self.start.y_m);
        // The normal turned to the left is the edge's direction.
        let along_m = (y_m * self.normal.x_m - x_m * self.normal.y_m).clamp(0.0, self.length_m);
        Point2::new(x_m + along_m * self.normal.y_m, y_m - along_m * self.normal.x_m)
    }

    /// Squared distance of a point.
    fn square(&self, p: Point2) -> f64 {
        let Point2 { x_m, y_m } = self.off(p);
        x_m * x_m + y_m * y_m
    }
}

/// The footprint with what makes many distances cheap.
#[derive(Clone, Debug)]
pub(crate) struct Outline<'a> {
    footprint: &'a Footprint,
    edges: [Edge; Footprint::CORNER_LIMIT],
}

impl<'a> Outline<'a> {
    pub fn new(footprint: &'a Footprint) -> Self {
        let mut edges = [Edge::default(); Footprint::CORNER_LIMIT];
        for ((a, b), edge) in outrider_foundation::geometry::sides(footprint.corners()).zip(&mut edges) {
            let (dx, dy) = (b.x_m - a.x_m, b.y_m - a.y_m);
            let length_m = (dx * dx + dy * dy).sqrt();
            let normal = Point2::new(dy / length_m, -dx / length_m);
            let offset_m = normal.x_m * a.x_m + normal.y_m * a.y_m;
            *edge = Edge { normal, offset_m, start: a, length_m };
        }
        Self { footprint, edges }
    }

    fn edges(&self) -> &[Edge] {
        self.edges.get(..self.footprint.corners().len()).unwrap_or(&self.edges)
    }

    /// As [`Footprint::signed_distance_m`], in fewer steps.
    pub fn distance_m(&self, p: Point2) -> f64 {
        let (mut beyond_m, mut square) = (f64::NEG_INFINITY, f64::INFINITY);
        for edge in self.edges() {
            let beyond = edge.beyond_m(p);
            beyond_m = if beyond > beyond_m { beyond } else { beyond_m };
            // What is nearest lies on an edge that is seen from outside.
            if beyond > 0.0 {
                let other = edge.square(p);
                square = if other < square { other } else { square };
            }
        }
        if beyond_m > 0.0 { square.sqrt() } else { beyond_m }
    }

    /// The direction in which a point lies, seen from what is nearest to it; of length 1.
    fn direction(&self, p: Point2) -> Point2 {
        let mut far = (f64::NEG_INFINITY, Point2::new(1.0, 0.0));
        let mut near = (f64::INFINITY, Point2::default());
        for edge in self.edges() {
            let beyond_m = edge.beyond_m(p);
            far = if beyond_m > far.0 { (beyond_m, edge.normal) } else { far };
            let off = edge.off(p);
            let square = off.x_m * off.x_m + off.y_m * off.y_m;
            near = if beyond_m > 0.0 && square < near.0 { (square, off) } else { near };
        }
        let (square, off) = near;
        // At the outline and inside of it there is no other.
        if far.0 <= TOUCHING_M || !square.is_finite() {
            return far.1;
        }
        let length_m = square.sqrt();
        Point2::new(off.x_m / length_m, off.y_m / length_m)
    }

    /// How far the outline reaches in a direction.
    fn reach_m(&self, direction: Point2) -> f64 {
        let mut most_m = f64::NEG_INFINITY;
        for corner in self.footprint.corners() {
            let along_m = corner.x_m * direction.x_m + corner.y_m * direction.y_m;
            most_m = if along_m > most_m { along_m } else { most_m };
        }
        most_m
    }
}

/// Where the outline comes nearest to a point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Touch {
    /// Index of the pose in the motion.
    pub pose: usize,
    /// In the frame of the points.
    pub point: Point2,
}

/// The least distance, measured from what each point requires.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Closest {
    /// `distance_m` less `required_m`.
    pub excess_m: f64,
    pub distance_m: f64,
    pub required_m: f64,
    /// `None` when nothing is nearer than what the search began with.
    pub at: Option<Touch>,
}

impl Closest {
    pub const fn nothing(far_m: f64, required_m: f64) -> Self {
        Self { excess_m: far_m - required_m, distance_m: far_m, required_m, at: None }
    }
}

/// A motion of the outline past points.
pub(crate) struct Sweep<'a> {
    outline: &'a Outline<'a>,
    seen: &'a Seen<'a>,
    /// `base_from_points` at each pose.
    poses: Vec<Rigid>,
    /// A disc around the outline at all poses, in the frame of the points.
    centre: Point2,
    radius_m: f64,
}

impl<'a> Sweep<'a> {
    /// `motion` begins where the points are seen from. `None` without a pose, or when a number is not finite.
    pub fn new(outline: &'a Outline<'a>, seen: &'a Seen<'a>, motion: &'a [MotionPoint]) -> Option<Self> {
        if !seen.pose.is_finite() || motion.iter().any(|at| !at.pose.is_finite()) {
            return None;
        }
        let middle = motion.get(motion.len() / 2)?.pose.position();
        let off_m = |at: &MotionPoint| at.pose.position().distance_m(middle);
        let radius_m = outline.footprint.circumscribed_m() + motion.iter().map(off_m).fold(0.0, f64::max);
        let pose = |at: &MotionPoint| at.base_from_future.inverse().then(&seen.base_from_points);
        let poses = motion.iter().map(pose).collect();
        Some(Self { outline, seen, poses, centre: seen.base_from_points.inverse().apply(middle), radius_m })
    }

    /// The least of distance less `required_m(point)`, which is never more than `most_m`, or `best` when it is less.
    pub fn closest(&self, best: Closest, most_m: f64, required_m: impl Fn(Point2) -> f64) -> Closest {
        let blocks = self.seen.cloud.blocks();
        let apart_m = |(centre, radius_m)| self.centre.distance_m(centre) - radius_m - self.radius_m;
        let mut bounds_m: Vec<f64> = self.seen.cloud.discs().map(apart_m).collect();
        let room = (Vec::with_capacity(FRONTS), Vec::with_capacity(self.poses.len()));
        let mut search = Search { sweep: self, best, most_m, required_m, fronts: room.0, bounds_m: room.1 };
        let look = |search: &mut Search<'_, _>, bounds_m: &mut [f64], index: usize| {
            if let (Some(bound_m), Some(block)) = (bounds_m.get_mut(index), blocks.get(index)) {
                search.visit(block, *bound_m);
                *bound_m = f64::INFINITY;
            }
        };
        // Something near first: the smaller the best so far, the more can be passed over.
        if let Some(index) = least(&bounds_m) {
            look(&mut search, &mut bounds_m, index);
        }
        for (bound_m, block) in bounds_m.iter_mut().zip(blocks) {
            *bound_m = search.better_bound_m(block, *bound_m);
        }
        for _ in 0..PROMISING {
            let Some(index) = least(&bounds_m) else { break };
            look(&mut search, &mut bounds_m, index);
        }
        for index in 0..blocks.len() {
            look(&mut search, &mut bounds_m, index);
        }
        search.best
    }

    /// How far the outline reaches in a direction of length 1, in the frame of the points.
    fn front(&self, direction: Point2) -> Front {
        let reach_m = |pose: &Rigid| {
            let here = pose.turn(direction);
            self.outline.reach_m(here) - here.x_m * pose.x_m - here.y_m * pose.y_m
        };
        let reaches_m: Vec<f64> = self.poses.iter().map(reach_m).collect();
        let farthest_m = reaches_m.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        Front { direction, reaches_m, farthest_m }
    }
}

/// How far a motion reaches in one direction.
#[derive(Clone, Debug)]
struct Front {
    direction: Point2,
    /// The outline at each pose, from the origin of the points.
    reaches_m: Vec<f64>,
    /// The greatest of them.
    farthest_m: f64,
}

impl Front {
    /// How far points lie in its direction.
    #[inline]
    fn along_m(&self, lanes: &Lanes) -> [f64; LANES] {
        let mut along_m = [0.0; LANES];
        for ((along, x), y) in along_m.iter_mut().zip(&lanes.x_m).zip(&lanes.y_m) {
            *along = self.direction.x_m * x + self.direction.y_m * y;
        }
        along_m
    }

    /// What no point of a block is nearer than.
    #[inline]
    fn bound_m(&self, lanes: &Lanes) -> f64 {
        self.least_m(lanes) - self.farthest_m
    }

    /// How far the least far point lies in its direction.
    #[inline]
    fn least_m(&self, lanes: &Lanes) -> f64 {
        let [a, b, c, d, e, f, g, h] = self.along_m(lanes);
        let less = |a: f64, b: f64| if b < a { b } else { a };
        less(less(less(a, e), less(b, f)), less(less(c, g), less(d, h)))
    }

    /// The least far point.
    fn nearest(&self, lanes: &Lanes) -> Point2 {
        let mut least = (f64::INFINITY, lanes.middle());
        for (along_m, point) in self.along_m(lanes).into_iter().zip(lanes.points()) {
            least = if along_m < least.0 { (along_m, point) } else { least };
        }
        least.1
    }

    /// Raises what is known of each pose to what this front knows.
    fn raise(&self, bounds_m: &mut [f64], lanes: &Lanes) {
        let least_m = self.least_m(lanes);
        for (bound_m, reach_m) in bounds_m.iter_mut().zip(&self.reaches_m) {
            let here_m = least_m - reach_m;
            // What is no number stays none.
            *bound_m = if here_m <= *bound_m { *bound_m } else { here_m };
        }
    }
}

/// What is looked for, and what was found so far.
struct Search<'a, R> {
    sweep: &'a Sweep<'a>,
    best: Closest,
    /// No point requires more.
    most_m: f64,
    required_m: R,
    /// The last of those that were looked at; the newest last.
    fronts: Vec<Front>,
    /// Room for one number a pose.
    bounds_m: Vec<f64>,
}

/// Fronts that are kept: a robot has something on every side at most.
const FRONTS: usize = 4;

impl<R: Fn(Point2) -> f64> Search<'_, R> {
    /// Whether what is at least this far away may be nearer than the best. What is no number may be anything.
    fn concerns(&self, bound_m: f64) -> bool {
        bound_m < self.best.excess_m + self.most_m - ROUNDING_M || bound_m.is_nan()
    }

    /// A block that is no nearer than `bound_m`.
    fn visit(&mut self, block: &Lanes, bound_m: f64) {
        if !self.concerns(bound_m) || self.is_ruled_out(block) {
            return;
        }
        // What the outline is no nearer than at each pose: the most that any front says.
        let mut bounds_m = std::mem::take(&mut self.bounds_m);
        bounds_m.clear();
        bounds_m.resize(self.sweep.poses.len(), f64::MIN);
        for front in &self.fronts {
            front.raise(&mut bounds_m, block);
        }
        for _ in 0..DIRECTIONS {
            // The most promising pose, and what is nearest in the direction that was of use last.
            let Some(pose) = least(&bounds_m).filter(|pose| self.may_be_nearer(&bounds_m, *pose)) else {
                break;
            };
            let guess = self.fronts.last().map_or_else(|| block.middle(), |front| front.nearest(block));
            let front = self.front_towards(pose, guess);
            self.measure(pose, front.nearest(block));
            front.raise(&mut bounds_m, block);
            self.keep(front);
        }
        self.measure_all(block, &bounds_m);
        self.bounds_m = bounds_m;
    }

    /// The most that is known of a block's distance, as far as it is of interest.
    fn better_bound_m(&mut self, block: &Lanes, mut bound_m: f64) -> f64 {
        for front in self.fronts.iter().rev() {
            if !self.concerns(bound_m) {
                break;
            }
            let other_m = front.bound_m(block);
            bound_m = if other_m <= bound_m { bound_m } else { other_m };
        }
        bound_m
    }

    /// Whether one of the fronts has nothing to do with a block. It comes last then: the next block is likely to lie on the
    /// same side.
    fn is_ruled_out(&mut self, block: &Lanes) -> bool {
        let found = self.fronts.iter().rposition(|front| !self.concerns(front.bound_m(block)));
        let Some(index) = found else { return false };
        let last = self.fronts.len() - 1;
        self.fronts.swap(index, last);
        true
    }

    /// The points of a block from the outline at every pose, but for those that are known to be too far away.
    fn measure_all(&mut self, block: &Lanes, bounds_m: &[f64]) {
        for pose in 0..bounds_m.len() {
            if !self.may_be_nearer(bounds_m, pose) {
                continue;
            }
            let front = self.fronts.last();
            let along_m = front.map_or([f64::NEG_INFINITY; LANES], |front| front.along_m(block));
            let reach_m = front.and_then(|front| front.reaches_m.get(pose)).copied().unwrap_or_default();
            for (point, along_m) in block.points().zip(along_m) {
                if self.concerns(along_m - reach_m) {
                    self.measure(pose, point);
                }
            }
        }
    }

    fn may_be_nearer(&self, bounds_m: &[f64], pose: usize) -> bool {
        bounds_m.get(pose).is_some_and(|bound_m| self.concerns(*bound_m))
    }

    /// In the direction of a point from the outline at a pose.
    fn front_towards(&self, pose: usize, point: Point2) -> Front {
        let pose = self.sweep.poses.get(pose).copied().unwrap_or(Rigid::IDENTITY);
        self.sweep.front(pose.inverse().turn(self.sweep.outline.direction(pose.apply(point))))
    }

    fn keep(&mut self, front: Front) {
        if self.fronts.len() >= FRONTS {
            self.fronts.remove(0);
        }
        self.fronts.push(front);
    }

    /// A point from the outline at a single pose.
    fn measure(&mut self, pose: usize, point: Point2) {
        let Some(base_from_points) = self.sweep.poses.get(pose) else { return };
        let distance_m = self.sweep.outline.distance_m(base_from_points.apply(point));
        if !self.concerns(distance_m) {
            return;
        }
        let required_m = (self.required_m)(point);
        if distance_m - required_m < self.best.excess_m {
            let at = Some(Touch { pose, point });
            self.best = Closest { excess_m: distance_m - required_m, distance_m, required_m, at };
        }
    }
}

/// Index of the first of the least numbers below infinity. In two passes, since the first becomes vector code.
fn least(numbers: &[f64]) -> Option<usize> {
    let less = |number: f64, than: f64| if number < than { number } else { than };
    let (whole, rest) = numbers.as_chunks::<LANES>();
    let mut lanes = [f64::INFINITY; LANES];
    for numbers in whole {
        for (least, number) in lanes.iter_mut().zip(numbers) {
            *least = less(*number, *least);
        }
    }
    let least = lanes.iter().chain(rest).fold(f64::INFINITY, |least, number| less(*number, least));
    numbers.iter().position(|number| *number <= least && *number < f64::INFINITY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::Cloud;
    use crate::tests::convex_outline;
    use outrider_foundation::{Pose2, Twist2};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn distances_are_those_of_the_footprint(
            footprint in convex_outline(), p in prop_oneof![(-0.7..0.7f64, -0.7..0.7f64), (-9.0..9.0f64, -9.0..9.0f64)]
        ) {
            let p = Point2::new(p.0, p.1);
            let distance_m = Outline::new(&footprint).distance_m(p);
            prop_assert!((distance_m - footprint.signed_distance_m(p)).abs() < 1e-12);
        }

        /// Nothing may be passed over because of a bound that says too much.
        #[test]
        fn bounds_are_no_more_than_the_distance(
            footprint in convex_outline(),
            poses in prop::collection::vec((-1.0..1.0f64, -1.0..1.0f64, -3.2..3.2f64), 1..9),
            points in prop::collection::vec((-4.0..4.0f64, -4.0..4.0f64), 1..9),
            (x, y, yaw) in (-3.0..3.0f64, -3.0..3.0f64, -3.2..3.2f64), towards_rad in -3.2..3.2f64,
        ) {
            let base_from_points = Pose2::new(x, y, yaw);
            let mut cloud = Cloud::default();
            cloud.replace(points.iter().map(|(x, y)| Point2::new(*x, *y)));
            let seen = Seen::new(&cloud, base_from_points);
            let outline = Outline::new(&footprint);
            let at = |(x, y, yaw): &_| MotionPoint::new(0.0, Pose2::new(*x, *y, *yaw), Twist2::ZERO);
            let motion: Vec<_> = poses.iter().map(at).collect();
            let sweep = Sweep::new(&outline, &seen, &motion).unwrap();
            let (sin, cos) = libm::sincos(towards_rad);
            let front = sweep.front(Point2::new(cos, sin));
            for (block, (centre, radius_m)) in cloud.blocks().iter().zip(cloud.discs()) {
                for (point, along_m) in block.points().zip(front.along_m(block)) {
                    let there = base_from_points.apply(point);
                    let mut least_m = f64::INFINITY;
                    for (at, reach_m) in motion.iter().zip(&front.reaches_m) {
                        let distance_m = footprint.signed_distance_m(at.pose.inverse().apply(there));
                        prop_assert!(along_m - reach_m <= distance_m + 1e-12, "{along_m} {reach_m} {distance_m}");
                        least_m = least_m.min(distance_m);
                    }
                    prop_assert!(front.bound_m(block) <= least_m + 1e-12);
                    prop_assert!(sweep.centre.distance_m(centre) - radius_m - sweep.radius_m <= least_m + 1e-12);
                }
            }
        }

        /// Towards a point that is outside, the bound of a single pose is the distance itself.
        #[test]
        fn nothing_is_lost_in_the_direction_of_a_point(
            footprint in convex_outline(), x in -3.0..3.0f64, y in -3.0..3.0f64
        ) {
            let (outline, p) = (Outline::new(&footprint), Point2::new(x, y));
            let direction = outline.direction(p);
            let bound_m = direction.x_m * x + direction.y_m * y - outline.reach_m(direction);
            prop_assert!((bound_m - outline.distance_m(p)).abs() < 1e-9, "{bound_m}");
        }
    }
}
