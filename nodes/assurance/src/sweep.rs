//! Which point a moving outline comes nearest to: exact, though most points are never looked at.
//!
//! Three bounds rule them out, each never more than the distance: from a block's disc to the disc around the outline; the
//! greatest distance of a point beyond the line of an edge; and what was found at one pose, less how far any corner moves
//! until another (the distance from a point to an outline changes by no more than that).

use crate::cloud::{Block, Lanes, Seen};
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

    /// For each point the greatest distance beyond an edge's line.
    fn beyond_m(&self, lanes: &Lanes) -> Lanes1 {
        let mut most_m = [f64::NEG_INFINITY; crate::cloud::LANES];
        for Edge { normal, offset_m, .. } in self.edges() {
            for ((most, x), y) in most_m.iter_mut().zip(&lanes.x_m).zip(&lanes.y_m) {
                let beyond = normal.x_m * x + normal.y_m * y - offset_m;
                *most = if beyond > *most { beyond } else { *most };
            }
        }
        most_m
    }
}

type Lanes1 = [f64; crate::cloud::LANES];

/// The outline at one pose of a motion.
#[derive(Clone, Copy, Debug)]
struct View {
    base_from_points: Rigid,
    /// How far any corner has moved since the start, at most.
    moved_m: f64,
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
    views: Vec<View>,
}

impl<'a> Sweep<'a> {
    /// `motion` begins where the points are seen from. `None` when a number is not finite.
    pub fn new(outline: &'a Outline<'a>, seen: &'a Seen<'a>, motion: &[MotionPoint]) -> Option<Self> {
        let mut views = Vec::with_capacity(motion.len());
        let (mut moved_m, mut last) = (0.0, motion.first()?.pose);
        for at in motion {
            let turned_rad = wrap_angle(at.pose.yaw_rad - last.yaw_rad).abs();
            moved_m += at.pose.position().distance_m(last.position());
            moved_m += outline.footprint.circumscribed_m() * turned_rad;
            last = at.pose;
            let base_from_points = Rigid::new(at.pose).inverse().then(&seen.base_from_points);
            if !base_from_points.is_finite() {
                return None;
            }
            views.push(View { base_from_points, moved_m });
        }
        Some(Self { outline, seen, views })
    }

    /// The least of distance less `required_m(point)`, which is never more than `most_m`, or `best` when it is less.
    pub fn closest(
        &self,
        mut best: Closest,
        most_m: f64,
        hint: Option<Touch>,
        required_m: impl Fn(Point2) -> f64,
    ) -> Closest {
        // Something near first: the smaller the best so far, the more can be passed over.
        let near = hint.map(|touch| touch.block).into_iter().chain(self.nearest_block_at_the_end());
        for index in near.chain(0..self.seen.cloud.blocks().len()) {
            if let Some(block) = self.seen.cloud.blocks().get(index) {
                self.visit((index, block), most_m, &required_m, &mut best);
            }
        }
        best
    }

    fn nearest_block_at_the_end(&self) -> Option<usize> {
        let view = self.views.last()?;
        let near_m = |b: &Block| self.disc_m(view, b);
        let mut least = (0, f64::INFINITY);
        for (index, block) in self.seen.cloud.blocks().iter().enumerate() {
            let near_m = near_m(block);
            least = if near_m < least.1 { (index, near_m) } else { least };
        }
        Some(least.0)
    }

    /// From the disc around the outline to a block's disc.
    fn disc_m(&self, view: &View, block: &Block) -> f64 {
        let centre = view.base_from_points.apply(block.centre);
        centre.distance_m(Point2::default()) - block.radius_m - self.outline.footprint.circumscribed_m()
    }

    fn visit(
        &self,
        (index, block): (usize, &Block),
        most_m: f64,
        required_m: &impl Fn(Point2) -> f64,
        best: &mut Closest,
    ) {
        let mut views = self.views.iter().enumerate();
        let mut skip_to_m = f64::NEG_INFINITY;
        while let Some((pose, view)) = views.find(|(_, v)| v.moved_m > skip_to_m) {
            let mut bound_m = self.disc_m(view, block);
            if bound_m < best.excess_m + most_m - ROUNDING_M {
                let lanes = block.lanes.seen_from(&view.base_from_points);
                let beyond_m = self.outline.beyond_m(&lanes);
                bound_m = beyond_m.iter().fold(f64::INFINITY, |least, b| if *b < least { *b } else { least });
                for ((point, raw), beyond_m) in lanes.points().zip(block.lanes.points()).zip(beyond_m) {
                    if beyond_m >= best.excess_m + most_m - ROUNDING_M {
                        continue;
                    }
                    let distance_m = self.outline.distance_m(point);
                    if distance_m - most_m >= best.excess_m {
                        continue;
                    }
                    let required_m = required_m(raw);
                    if distance_m - required_m < best.excess_m {
                        let at = Some(Touch { pose, point: raw, block: index });
                        *best = Closest { excess_m: distance_m - required_m, distance_m, required_m, at };
                    }
                }
            }
            skip_to_m = view.moved_m + bound_m - (best.excess_m + most_m - ROUNDING_M);
            if skip_to_m < view.moved_m {
                skip_to_m = f64::NEG_INFINITY;
            } else if self.views.last().is_some_and(|last| last.moved_m <= skip_to_m) {
                return;
            }
        }
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
