//! Which point a moving outline comes nearest to: exact, though most points are never looked at.
//!
//! Bounds rule them out, none of them more than the distance: between discs around many points and around many outlines,
//! and beyond the lines of the edges, moved out until they enclose the outlines of a whole stretch of the motion. What they
//! leave is halved, down to one pose.

use crate::cloud::{Block, LANES, Lanes, Seen};
use crate::motion::MotionPoint;
use crate::rigid::Rigid;
use outrider_foundation::geometry::wrap_angle;
use outrider_foundation::{Footprint, Point2};

/// What is nearer by less than this is not nearer, m: far above rounding at these distances, far below everything else.
/// Without it a wall that is passed at one distance would be measured at every pose.
const ROUNDING_M: f64 = 1e-13;

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

    /// Squared distance of a point.
    fn square(&self, p: Point2) -> f64 {
        let (x_m, y_m) = (p.x_m - self.start.x_m, p.y_m - self.start.y_m);
        // The normal turned to the left is the edge's direction.
        let along_m = (y_m * self.normal.x_m - x_m * self.normal.y_m).clamp(0.0, self.length_m);
        let (x_m, y_m) = (x_m + along_m * self.normal.y_m, y_m - along_m * self.normal.x_m);
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
        for ((a, b), edge) in crate::zones::sides(footprint.corners()).zip(&mut edges) {
            let (dx, dy) = (b.x_m - a.x_m, b.y_m - a.y_m);
            let length_m = libm::hypot(dx, dy);
            let normal = Point2::new(dy / length_m, -dx / length_m);
            let offset_m = normal.x_m * a.x_m + normal.y_m * a.y_m;
            *edge = Edge { normal, offset_m, start: a, length_m };
        }
        Self { footprint, edges }
    }

    fn edges(&self) -> impl Iterator<Item = &Edge> {
        self.edges.iter().take(self.footprint.corners().len())
    }

    /// As [`Footprint::signed_distance_m`], in fewer steps.
    pub fn distance_m(&self, p: Point2) -> f64 {
        let (mut beyond_m, mut square) = (f64::NEG_INFINITY, f64::INFINITY);
        for edge in self.edges() {
            let beyond = edge.beyond_m(p);
            beyond_m = beyond_m.max(beyond);
            // What is nearest lies on an edge that is seen from outside.
            if beyond > 0.0 {
                square = square.min(edge.square(p));
            }
        }
        if beyond_m > 0.0 { square.sqrt() } else { beyond_m }
    }

    /// For each point the greatest distance beyond an edge's line, when the lines lie at `offsets_m`.
    fn beyond_m(&self, lanes: &Lanes, offsets_m: &PerEdge) -> [f64; LANES] {
        let mut most_m = [f64::NEG_INFINITY; LANES];
        for (Edge { normal, .. }, offset_m) in self.edges().zip(offsets_m) {
            for ((most, x), y) in most_m.iter_mut().zip(&lanes.x_m).zip(&lanes.y_m) {
                let beyond = normal.x_m * x + normal.y_m * y - offset_m;
                *most = if beyond > *most { beyond } else { *most };
            }
        }
        most_m
    }
}

/// Room for as many stretches is made at once.
const STRETCHES: usize = 32;

/// One number for every edge.
type PerEdge = [f64; Footprint::CORNER_LIMIT];

/// Neighbouring poses of a motion together, seen from the one in their middle: halves of halves, down to single poses.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    /// Index of the middle one.
    pose: usize,
    base_from_points: Rigid,
    /// Where the edges' lines lie that no outline of these poses goes beyond.
    offsets_m: PerEdge,
    /// Radius of a disc around all these outlines.
    radius_m: f64,
    /// The poses: index of the first, and how many.
    first: usize,
    count: usize,
    /// Indices of the halves, once they were needed.
    halves: Option<(usize, usize)>,
}

/// Where the outline comes nearest to a point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Touch {
    /// Index of the pose in the motion.
    pub pose: usize,
    /// In the frame of the points.
    pub point: Point2,
    /// Index of the block that it is in.
    block: usize,
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
    motion: &'a [MotionPoint],
    stretches: Vec<Stretch>,
    /// Index of the one that is the whole motion.
    whole: usize,
}

impl<'a> Sweep<'a> {
    /// `motion` begins where the points are seen from. `None` without a pose, or when a number is not finite.
    pub fn new(outline: &'a Outline<'a>, seen: &'a Seen<'a>, motion: &'a [MotionPoint]) -> Option<Self> {
        if !seen.pose.is_finite() || motion.iter().any(|at| !at.pose.is_finite()) {
            return None;
        }
        let mut sweep = Self {
            outline,
            seen,
            motion,
            stretches: Vec::with_capacity(STRETCHES.min(2 * motion.len())),
            whole: 0,
        };
        sweep.whole = sweep.add(0, motion.len())?;
        Some(sweep)
    }

    /// Adds the stretch of these poses.
    fn add(&mut self, first: usize, count: usize) -> Option<usize> {
        let poses = self.motion.get(first..first + count)?;
        let pose = poses.get(count / 2)?.pose;
        let base_from_start = Rigid::new(pose).inverse();
        let circle_m = self.outline.footprint.circumscribed_m();
        let (mut over_m, mut radius_m) = (PerEdge::default(), circle_m);
        for other in poses {
            // No corner moves farther by a turn than along its circle.
            let turned_m = circle_m * wrap_angle(other.pose.yaw_rad - pose.yaw_rad).abs();
            let moved = base_from_start.apply(other.pose.position());
            radius_m = radius_m.max(circle_m + moved.distance_m(Point2::default()));
            for (over, edge) in over_m.iter_mut().zip(self.outline.edges()) {
                *over = over.max(edge.normal.x_m * moved.x_m + edge.normal.y_m * moved.y_m + turned_m);
            }
        }
        let mut offsets_m = PerEdge::default();
        for ((offset, edge), over) in offsets_m.iter_mut().zip(self.outline.edges()).zip(over_m) {
            *offset = edge.offset_m + over;
        }
        let base_from_points = base_from_start.then(&self.seen.base_from_points);
        let pose = first + count / 2;
        let stretch = Stretch { pose, base_from_points, offsets_m, radius_m, first, count, halves: None };
        self.stretches.push(stretch);
        Some(self.stretches.len() - 1)
    }

    /// The halves of a stretch, made when they are first needed: most never are. `None` for a single pose.
    fn halves(&mut self, index: usize) -> Option<(usize, usize)> {
        let Stretch { first, count, halves, .. } = *self.stretches.get(index)?;
        if halves.is_some() || count < 2 {
            return halves;
        }
        let middle = count / 2;
        let halves = Some((self.add(first, middle)?, self.add(first + middle, count - middle)?));
        self.stretches.get_mut(index)?.halves = halves;
        halves
    }

    /// The least of distance less `required_m(point)`, which is never more than `most_m`, or `best` when it is less.
    pub fn closest(
        &mut self,
        mut best: Closest,
        most_m: f64,
        hint: Option<Touch>,
        required_m: impl Fn(Point2) -> f64,
    ) -> Closest {
        // Something near first: the smaller the best so far, the more can be passed over.
        let near = hint.map(|touch| touch.block).into_iter().chain(self.nearest_block());
        let blocks = self.seen.cloud.blocks();
        for index in near.chain(0..blocks.len()) {
            if let Some(block) = blocks.get(index) {
                self.visit(self.whole, (index, block), most_m, &required_m, &mut best);
            }
        }
        best
    }

    fn nearest_block(&self) -> Option<usize> {
        let whole = self.stretches.get(self.whole)?;
        let mut least = (0, f64::INFINITY);
        for (index, block) in self.seen.cloud.blocks().iter().enumerate() {
            let apart_m = whole.apart_m(block);
            least = if apart_m < least.1 { (index, apart_m) } else { least };
        }
        Some(least.0)
    }

    /// As deep as the logarithm of the number of poses.
    fn visit(
        &mut self,
        stretch: usize,
        (index, block): (usize, &Block),
        most_m: f64,
        required_m: &impl Fn(Point2) -> f64,
        best: &mut Closest,
    ) {
        let Some(whole) = self.stretches.get(stretch) else { return };
        let enough_m = best.excess_m + most_m - ROUNDING_M;
        if whole.apart_m(block) >= enough_m {
            return;
        }
        let lanes = block.lanes.seen_from(&whole.base_from_points);
        let beyond_m = self.outline.beyond_m(&lanes, &whole.offsets_m);
        let pose = whole.pose;
        if beyond_m.iter().all(|beyond_m| *beyond_m >= enough_m) {
            return;
        }
        if let Some((early, late)) = self.halves(stretch) {
            self.visit(early, (index, block), most_m, required_m, best);
            self.visit(late, (index, block), most_m, required_m, best);
            return;
        }
        for ((here, point), beyond_m) in lanes.points().zip(block.lanes.points()).zip(beyond_m) {
            if beyond_m >= best.excess_m + most_m - ROUNDING_M {
                continue;
            }
            let distance_m = self.outline.distance_m(here);
            if distance_m - most_m >= best.excess_m {
                continue;
            }
            let required_m = required_m(point);
            if distance_m - required_m < best.excess_m {
                let at = Some(Touch { pose, point, block: index });
                *best = Closest { excess_m: distance_m - required_m, distance_m, required_m, at };
            }
        }
    }
}

impl Stretch {
    /// Between the discs around the outlines and around a block.
    fn apart_m(&self, block: &Block) -> f64 {
        let centre = self.base_from_points.apply(block.centre);
        centre.distance_m(Point2::default()) - block.radius_m - self.radius_m
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::convex_outline;
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
    }
}
