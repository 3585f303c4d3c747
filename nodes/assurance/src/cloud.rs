//! The points of a scan in small blocks of neighbours, so that most are ruled out together and the rest are reckoned side
//! by side.

use crate::rigid::Rigid;
use outrider_foundation::{Point2, Pose2};

/// Points of a block: 4° of a scan of 720 beams. Neighbouring beams end near each other, as a rule.
pub(crate) const LANES: usize = 8;

/// Coordinates of a block's points, one array for each, for the compiler to do several at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lanes {
    pub x_m: [f64; LANES],
    pub y_m: [f64; LANES],
}

impl Lanes {
    /// `a_from_b.apply` for every point.
    pub fn seen_from(&self, a_from_b: &Rigid) -> Self {
        let Rigid { x_m, y_m, sin, cos } = *a_from_b;
        let mut seen = *self;
        for (x, y) in seen.x_m.iter_mut().zip(&mut seen.y_m) {
            (*x, *y) = (x_m + cos * *x - sin * *y, y_m + sin * *x + cos * *y);
        }
        seen
    }

    pub fn points(&self) -> impl Iterator<Item = Point2> + '_ {
        self.x_m.iter().zip(&self.y_m).map(|(x, y)| Point2::new(*x, *y))
    }
}

/// Neighbouring points, and a disc around them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block {
    /// The last block of a scan repeats its last point.
    pub lanes: Lanes,
    pub centre: Point2,
    pub radius_m: f64,
}

impl Block {
    /// `None` for no points.
    fn new(points: &[Point2]) -> Option<Self> {
        let last = points.last()?;
        let mut lanes = Lanes { x_m: [last.x_m; LANES], y_m: [last.y_m; LANES] };
        let (mut low, mut high) = (*last, *last);
        for ((p, x), y) in points.iter().zip(&mut lanes.x_m).zip(&mut lanes.y_m) {
            (*x, *y) = (p.x_m, p.y_m);
            low = Point2::new(low.x_m.min(p.x_m), low.y_m.min(p.y_m));
            high = Point2::new(high.x_m.max(p.x_m), high.y_m.max(p.y_m));
        }
        let centre = Point2::new(0.5 * (low.x_m + high.x_m), 0.5 * (low.y_m + high.y_m));
        let radius_m = lanes.points().map(|p| p.distance_m(centre)).fold(0.0, f64::max);
        Some(Self { lanes, centre, radius_m })
    }
}

/// Points with their blocks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cloud {
    points: Vec<Point2>,
    blocks: Vec<Block>,
}

impl Cloud {
    /// Takes other points; what memory there is stays. Points have to be finite.
    pub fn replace(&mut self, points: impl Iterator<Item = Point2>) {
        self.points.clear();
        self.points.extend(points);
        self.blocks.clear();
        self.blocks.extend(self.points.chunks(LANES).filter_map(Block::new));
    }

    pub fn points(&self) -> &[Point2] {
        &self.points
    }

    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }
}

/// Points as they are seen from the base at some moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen<'a> {
    pub cloud: &'a Cloud,
    /// `base_from_points`: the base at that moment from the frame that the points are in.
    pub pose: Pose2,
    /// The same.
    pub base_from_points: Rigid,
}

impl<'a> Seen<'a> {
    pub fn new(cloud: &'a Cloud, base_from_points: Pose2) -> Self {
        Self { cloud, pose: base_from_points, base_from_points: Rigid::new(base_from_points) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Every point is in a block, no block has another, and its disc holds them.
        #[test]
        fn blocks_hold_all_points(points in prop::collection::vec((-9.0..9.0f64, -9.0..9.0f64), 0..40)) {
            let points: Vec<_> = points.into_iter().map(|(x, y)| Point2::new(x, y)).collect();
            let mut cloud = Cloud::default();
            cloud.replace([Point2::new(50.0, 0.0)].into_iter());
            cloud.replace(points.iter().copied());
            let held: Vec<Point2> = cloud.blocks().iter().flat_map(|b| b.lanes.points()).collect();
            prop_assert_eq!(held.get(..points.len()).unwrap(), points.as_slice());
            prop_assert!(held.iter().skip(points.len()).all(|p| Some(p) == points.last()));
            for block in cloud.blocks() {
                prop_assert!(block.lanes.points().all(|p| p.distance_m(block.centre) <= block.radius_m));
            }
        }

        #[test]
        fn lanes_are_seen_as_points_are(x in -9.0..9.0f64, y in -9.0..9.0f64, yaw in -3.0..3.0f64) {
            let mut cloud = Cloud::default();
            cloud.replace((0..8).map(|i| Point2::new(x + f64::from(i), y * f64::from(i))));
            let pose = Pose2::new(y, x, yaw);
            let seen = Seen::new(&cloud, pose);
            let lanes = cloud.blocks()[0].lanes.seen_from(&seen.base_from_points);
            for (got, p) in lanes.points().zip(cloud.points()) {
                prop_assert!(got.distance_m(pose.apply(*p)) < 1e-12);
            }
        }
    }
}
