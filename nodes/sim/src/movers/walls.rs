//! What stands still, as those who walk and drive meet it.

use super::begin::Route;
use crate::error::SimError;
use crate::world::{Outline, World};
use outrider_foundation::Point2;

/// What is lower is stepped over, what is higher is walked under.
const LOW_M: f64 = 0.05;
const HIGH_M: f64 = 1.9;

struct Wall {
    outline: Outline,
    name: String,
    /// A disc around it.
    middle: Point2,
    radius_m: f64,
}

/// Everything that stands still between the floor and a person's height.
#[derive(Default)]
pub(super) struct Walls {
    all: Vec<Wall>,
}

impl Walls {
    pub(super) fn new(world: &World) -> Self {
        let cut = |shape: &crate::world::Shape| {
            let (bottom_m, top_m) = shape.z_range_m();
            let (from_m, to_m) = (bottom_m.max(LOW_M), top_m.min(HIGH_M));
            let outline = (from_m <= to_m).then(|| Outline::cut(shape, 0.5 * (from_m + to_m))).flatten()?;
            let (low, high) = outline.bounds();
            let middle = Point2::new(0.5 * (low.x_m + high.x_m), 0.5 * (low.y_m + high.y_m));
            let radius_m = 0.5 * low.distance_m(high);
            Some(Wall { outline, name: shape.name.clone(), middle, radius_m })
        };
        Self { all: world.statics().iter().filter_map(cut).collect() }
    }

    /// Distance and nearest point of everything within `within_m` of a place.
    pub(super) fn near(&self, at: Point2, within_m: f64) -> impl Iterator<Item = (f64, Point2)> + '_ {
        let may = move |w: &&Wall| w.middle.distance_m(at) <= w.radius_m + within_m;
        self.all.iter().filter(may).map(move |w| w.outline.nearest(at)).filter(move |(d, _)| *d <= within_m)
    }

    /// Whether a disc can go straight from `from` to `to`.
    pub(super) fn is_free(&self, from: Point2, to: Point2, radius_m: f64) -> bool {
        self.in_the_way(from, to, radius_m).is_none()
    }

    fn in_the_way(&self, from: Point2, to: Point2, radius_m: f64) -> Option<&str> {
        let meets = |w: &&Wall| {
            let reach_m = w.radius_m + radius_m;
            let middle_sq = outrider_foundation::geometry::segment_distance_sq(from, to, w.middle);
            middle_sq < reach_m * reach_m && w.outline.segment_distance_m(from, to) < radius_m
        };
        self.all.iter().find(meets).map(|w| w.name.as_str())
    }

    /// Whether a polygon, counter-clockwise, overlaps anything.
    pub(super) fn overlaps(&self, corners: &[Point2], middle: Point2, reach_m: f64) -> bool {
        let meets =
            |w: &Wall| w.middle.distance_m(middle) < w.radius_m + reach_m && w.outline.meets_polygon(corners);
        self.all.iter().any(meets)
    }

    /// Refuses a route that leads something of this radius into a wall.
    pub(super) fn check_route(&self, name: &str, route: &Route, radius_m: f64) -> Result<(), SimError> {
        let start = route.start();
        let refuse = |reason: String| Err(SimError::Actor { name: name.to_owned(), reason });
        if let Some(wall) = self.in_the_way(start, start, radius_m) {
            return refuse(format!("its start ({}, {}) m is in {wall}", start.x_m, start.y_m));
        }
        for (a, b) in route.legs() {
            if let Some(wall) = self.in_the_way(a, b, radius_m) {
                return refuse(format!(
                    "its way from ({}, {}) to ({}, {}) m leads through {wall}",
                    a.x_m, a.y_m, b.x_m, b.y_m
                ));
            }
        }
        Ok(())
    }
}
