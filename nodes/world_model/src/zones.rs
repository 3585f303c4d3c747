//! The zone layer: where the robot may not go, as cells of a grid in the map frame.
//!
//! A cell is lethal when its centre is in an exclusion zone or nearer to one than the margin, as Nav2's keepout filter
//! makes cells lethal, with the difference that these are inflated like walls: no part of the robot may enter. A robot that
//! stands too near to a zone, or in it, has to be able to plan out: for it the zone begins where its outline ends, and
//! what is left of it costs as much as a cell can that is not forbidden. So the way out is open, and no way leads on in.

use crate::config::ZoneLayerConfig;
use crate::lattice::Lattice;
use outrider_foundation::geometry::sides;
use outrider_foundation::grid::{COST_INSCRIBED, COST_LETHAL};
use outrider_foundation::polygon::{Polygon, Rows};
use outrider_foundation::zones::{ZoneError, Zones, outline};
use outrider_foundation::{Footprint, Point2, Pose2};
use std::ops::Range;

/// Cost of a cell that the robot may only leave: the greatest that is not forbidden.
const LEAVE_COST: u8 = COST_INSCRIBED - 1;
/// A zone that gives way begins so far from the robot's outline, m: else rounding to cells would make it a contact.
const ROOM_M: f64 = 0.05;
/// What a zone gives way by is rounded to this, m, so that a robot at rest changes nothing.
const STEP_M: f64 = 0.02;
/// Points that each side of the robot's outline is looked at.
const POINTS_PER_SIDE: u32 = 4;

/// The exclusion zones, and how far each of them gives way to the robot.
#[derive(Clone, Debug, Default)]
pub(crate) struct ZoneLayer {
    polygons: Vec<Polygon>,
    margin_m: f64,
    /// Cells whose signed distance from the zone is this or less are lethal; the margin, or less where a zone gives way.
    levels_m: Vec<f64>,
    epoch: u64,
    rows: Rows,
}

impl ZoneLayer {
    /// The exclusion zones of a set; none when the layer is switched off.
    pub fn new(config: &ZoneLayerConfig, zones: &Zones) -> Result<Self, ZoneError> {
        let wanted = zones.exclusion.iter().filter(|_| config.enabled);
        let polygons: Vec<_> = wanted.map(|z| outline(&z.name, &z.polygon_m)).collect::<Result<_, _>>()?;
        let levels_m = vec![config.margin_m; polygons.len()];
        Ok(Self { polygons, margin_m: config.margin_m, levels_m, epoch: 0, rows: Rows::default() })
    }

    /// No zone that makes cells lethal.
    pub fn is_empty(&self) -> bool {
        self.polygons.is_empty()
    }

    /// Changes whenever a zone gives way by more or less than before.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Makes way for a robot that stands in a zone or too near to it. True when it has come to stand in one.
    pub fn make_way(&mut self, footprint: &Footprint, map_from_base: Pose2) -> bool {
        let (mut entered, mut changed) = (false, false);
        for (polygon, level_m) in self.polygons.iter().zip(&mut self.levels_m) {
            let distance_m =
                outline_distance_m(polygon, footprint, map_from_base, self.margin_m + ROOM_M + STEP_M);
            let stepped_m = ((distance_m - ROOM_M) / STEP_M).floor() * STEP_M;
            let wanted_m = self.margin_m.min(stepped_m);
            if wanted_m.to_bits() != level_m.to_bits() {
                // Inside, a zone gives way by more than the room that it leaves to whoever is beside it.
                entered |= wanted_m < -ROOM_M - STEP_M && *level_m >= -ROOM_M - STEP_M;
                changed = true;
                *level_m = wanted_m;
            }
        }
        self.epoch = self.epoch.saturating_add(u64::from(changed));
        entered
    }

    /// Visits the lethal cells, as ranges of indices, row by row and zone by zone.
    pub fn lethal(&mut self, lattice: &Lattice, mut visit: impl FnMut(Range<usize>)) {
        for (polygon, level_m) in self.polygons.iter().zip(&self.levels_m) {
            cells(polygon, *level_m, lattice, &mut self.rows, &mut visit);
        }
    }

    /// Makes what a zone has given up as dear as a cell can be that is not forbidden.
    pub fn make_leaving_dear(&mut self, lattice: &Lattice, cost: &mut [u8]) {
        for (polygon, level_m) in self.polygons.iter().zip(&self.levels_m) {
            if *level_m >= self.margin_m {
                continue;
            }
            cells(polygon, self.margin_m, lattice, &mut self.rows, &mut |range| {
                for cell in cost.get_mut(range).unwrap_or_default() {
                    if !(COST_INSCRIBED..=COST_LETHAL).contains(cell) {
                        *cell = LEAVE_COST;
                    }
                }
            });
        }
    }
}

/// Cells whose centres have a signed distance from the polygon of `level_m` or less.
fn cells(
    polygon: &Polygon,
    level_m: f64,
    lattice: &Lattice,
    rows: &mut Rows,
    visit: &mut impl FnMut(Range<usize>),
) {
    let (centre, radius_m) = polygon.bounds();
    let reach_m = radius_m + level_m.max(0.0);
    // Index of the first cell whose centre is at `v` or beyond; the casts saturate.
    let first = |v: f64, origin: f64| ((v - origin) / lattice.resolution_m - 0.5).ceil().max(0.0) as usize;
    let from = first(centre.y_m - reach_m, lattice.origin.y_m);
    let to = first(centre.y_m + reach_m, lattice.origin.y_m).min(lattice.height);
    for row in from..to {
        let y_m = lattice.origin.y_m + (row as f64 + 0.5) * lattice.resolution_m;
        for (x_from, x_to) in rows.spans(polygon, level_m, y_m) {
            let col_from = first(*x_from, lattice.origin.x_m).min(lattice.width);
            let col_to = first(*x_to, lattice.origin.x_m).min(lattice.width);
            if col_from < col_to {
                visit(row * lattice.width + col_from..row * lattice.width + col_to);
            }
        }
    }
}

/// Least signed distance of the outline's points from a polygon: below zero, how deep its deepest point is inside.
/// Distances of `far_m` or more are all the same.
fn outline_distance_m(polygon: &Polygon, footprint: &Footprint, map_from_base: Pose2, far_m: f64) -> f64 {
    let (centre, radius_m) = polygon.bounds();
    let apart_m = map_from_base.position().distance_m(centre) - radius_m - footprint.circumscribed_m();
    if apart_m.is_nan() || apart_m >= far_m {
        return far_m;
    }
    let on_outline = sides(footprint.corners()).flat_map(|(a, b)| {
        (0..POINTS_PER_SIDE).map(move |i| {
            let share = f64::from(i) / f64::from(POINTS_PER_SIDE);
            Point2::new(a.x_m + share * (b.x_m - a.x_m), a.y_m + share * (b.y_m - a.y_m))
        })
    });
    on_outline
        .chain([Point2::default()])
        .map(|p| polygon.signed_distance_m(map_from_base.apply(p)))
        .fold(far_m, f64::min)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use outrider_foundation::zones::ExclusionZone;

    /// A store from (2, −1) to (4, 1), with a margin of 0.15 m.
    pub(crate) fn store(enabled: bool) -> ZoneLayer {
        let polygon_m = vec![[2.0, -1.0], [4.0, -1.0], [4.0, 1.0], [2.0, 1.0]];
        let zone = ExclusionZone { name: "store".into(), polygon_m };
        let zones = Zones { version: 1, exclusion: vec![zone], ..Zones::default() };
        ZoneLayer::new(&ZoneLayerConfig { enabled, margin_m: 0.15 }, &zones).unwrap()
    }

    fn lethal(layer: &mut ZoneLayer, lattice: &Lattice) -> Vec<Point2> {
        let mut found = vec![];
        layer.lethal(lattice, |range| {
            found.extend(range.map(|i| {
                let (col, row) = (i % lattice.width, i / lattice.width);
                let at = |n: usize, origin: f64| origin + (n as f64 + 0.5) * lattice.resolution_m;
                Point2::new(at(col, lattice.origin.x_m), at(row, lattice.origin.y_m))
            }));
        });
        found
    }

    fn window(x_m: f64, y_m: f64) -> Lattice {
        Lattice { origin: Point2::new(x_m, y_m), resolution_m: 0.05, width: 80, height: 100 }
    }

    #[test]
    fn cells_are_those_within_the_margin_wherever_the_window_lies() {
        let mut layer = store(true);
        let polygon = layer.polygons[0].clone();
        for (x, y) in [(0.0, -2.5), (1.013, -1.0), (3.5, 0.4), (-3.0, 0.0), (9.0, 9.0), (2.5, -40.0)] {
            let lattice = window(x, y);
            let found = lethal(&mut layer, &lattice);
            assert!(found.iter().all(|p| polygon.signed_distance_m(*p) <= 0.15 + 1e-9), "{x} {y}");
            let all = (0..lattice.width * lattice.height).map(|i| {
                let at = |n: usize, origin: f64| origin + (n as f64 + 0.5) * lattice.resolution_m;
                Point2::new(at(i % lattice.width, x), at(i / lattice.width, y))
            });
            let expected = all.filter(|p| polygon.signed_distance_m(*p) <= 0.15 - 1e-9).count();
            assert!(found.len() >= expected, "{x} {y}: {} of {expected}", found.len());
        }
        assert!(lethal(&mut store(false), &window(0.0, -2.5)).is_empty());
    }

    #[test]
    fn a_zone_begins_where_the_outline_of_a_robot_within_it_ends() {
        let footprint = Footprint::rectangle(0.35, 0.35, 0.5).unwrap();
        let mut layer = store(true);
        assert!(!layer.make_way(&footprint, Pose2::new(0.0, 0.0, 0.0)));
        assert_eq!(layer.epoch(), 0, "far away nothing changes");
        // Beside it, nearer than the margin: it yields, and nobody has entered.
        assert!(!layer.make_way(&footprint, Pose2::new(1.55, 0.0, 0.0)));
        assert_eq!(layer.epoch(), 1);
        // Half a metre of the robot is inside.
        let pose = Pose2::new(2.15, 0.0, 0.0);
        assert!(layer.make_way(&footprint, pose), "it has entered");
        let lattice = window(0.0, -2.5);
        let found = lethal(&mut layer, &lattice);
        let nearest_m =
            found.iter().map(|p| footprint.signed_distance_m(pose.inverse().apply(*p))).fold(9.0, f64::min);
        assert!((0.03..0.15).contains(&nearest_m), "{nearest_m}");
        assert!(!found.is_empty(), "the core stays forbidden");
        let mut cost = vec![0; lattice.width * lattice.height];
        cost[0] = 7;
        layer.make_leaving_dear(&lattice, &mut cost);
        assert_eq!((cost[0], cost.iter().filter(|c| **c == LEAVE_COST).count() > 1000), (7, true));
        let epoch = layer.epoch();
        assert!(!layer.make_way(&footprint, pose), "it was inside already");
        assert_eq!(layer.epoch(), epoch);
        // In the middle nothing of it is left: every way is out.
        layer.make_way(&footprint, Pose2::new(3.0, 0.0, 0.0));
        assert!(lethal(&mut layer, &lattice).is_empty());
        layer.make_way(&footprint, Pose2::new(0.0, 0.0, 0.0));
        assert!(lethal(&mut layer, &lattice).len() > found.len(), "it closes again");
        assert!(!layer.make_way(&footprint, Pose2::new(f64::NAN, 0.0, 0.0)));
    }
}
