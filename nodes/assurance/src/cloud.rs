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
    /// One in the middle.
    pub fn middle(&self) -> Point2 {
        let [_, _, _, _, x_m, ..] = self.x_m;
        let [_, _, _, _, y_m, ..] = self.y_m;
        Point2 { x_m, y_m }
    }

    pub fn points(&self) -> impl Iterator<Item = Point2> + '_ {
        self.x_m.iter().zip(&self.y_m).map(|(x, y)| Point2::new(*x, *y))
    }
}

/// Discs around the blocks, one array for each coordinate.
#[derive(Clone, Debug, Default)]
struct Discs {
    x_m: Vec<f64>,
    y_m: Vec<f64>,
    radius_m: Vec<f64>,
}

/// Points with their blocks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cloud {
    points: Vec<Point2>,
    /// Of neighbours. The last block of a scan repeats its last point.
    blocks: Vec<Lanes>,
    /// Around each of them.
    discs: Discs,
}

impl Cloud {
    /// Takes other points; what memory there is stays. Points have to be finite.
    pub fn replace(&mut self, points: impl Iterator<Item = Point2>) {
        self.points.clear();
        self.points.extend(points);
        self.blocks.clear();
        let Discs { x_m, y_m, radius_m } = &mut self.discs;
        for part in [&mut *x_m, y_m, radius_m] {
            part.clear();
        }
        for points in self.points.chunks(LANES) {
            let Some(last) = points.last() else { continue };
            let mut lanes = Lanes { x_m: [last.x_m; LANES], y_m: [last.y_m; LANES] };
            let (mut low, mut high) = (*last, *last);
            for ((p, x), y) in points.iter().zip(&mut lanes.x_m).zip(&mut lanes.y_m) {
                (*x, *y) = (p.x_m, p.y_m);
                low = Point2::new(low.x_m.min(p.x_m), low.y_m.min(p.y_m));
                high = Point2::new(high.x_m.max(p.x_m), high.y_m.max(p.y_m));
            }
            let centre = Point2::new(0.5 * (low.x_m + high.x_m), 0.5 * (low.y_m + high.y_m));
            x_m.push(centre.x_m);
            y_m.push(centre.y_m);
            radius_m.push(lanes.points().map(|p| p.distance_m(centre)).fold(0.0, f64::max));
            self.blocks.push(lanes);
        }
    }

    pub fn points(&self) -> &[Point2] {
        &self.points
    }

    pub fn blocks(&self) -> &[Lanes] {
        &self.blocks
    }

    /// For each block the centre and the radius of a disc around it.
    pub fn discs(&self) -> impl Iterator<Item = (Point2, f64)> + '_ {
        let Discs { x_m, y_m, radius_m } = &self.discs;
        x_m.iter().zip(y_m).zip(radius_m).map(|((x, y), r)| (Point2::new(*x, *y), *r))
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
            let held: Vec<Point2> = cloud.blocks().iter().flat_map(Lanes::points).collect();
            prop_assert_eq!(held.get(..points.len()).unwrap(), points.as_slice());
            prop_assert!(held.iter().skip(points.len()).all(|p| Some(p) == points.last()));
            prop_assert_eq!(cloud.discs().count(), cloud.blocks().len());
            for (block, (centre, radius_m)) in cloud.blocks().iter().zip(cloud.discs()) {
                prop_assert!(block.points().all(|p| p.distance_m(centre) <= radius_m));
            }
        }
    }
}
