//! The world as an occupancy map.

use super::{Outline, World};
use crate::error::SimError;
use outrider_foundation::data::OccupancyMap;
use outrider_foundation::grid::CELL_LIMIT;
use outrider_foundation::{Point2, Stamp};

/// A cell that an obstacle only touches stays free, in m.
const TOUCH_M: f64 = 1e-6;
const OCCUPIED: i8 = 100;

/// How to make a map of a world.
#[derive(Clone, Debug, PartialEq)]
pub struct Raster {
    /// Height of the plane that cuts the models.
    pub height_m: f64,
    /// Edge of a cell.
    pub resolution_m: f64,
    /// Free border around everything.
    pub margin_m: f64,
    /// Frame of the map.
    pub frame: String,
    /// Its stamp.
    pub stamp: Stamp,
}

impl World {
    /// An occupancy map of everything static: every cell that an outline reaches into is occupied, inside and all;
    /// every other cell is free. The origin is a multiple of the resolution.
    ///
    /// # Errors
    /// When a number is out of range, or the map would have more than [`CELL_LIMIT`] cells.
    pub fn rasterise(&self, raster: &Raster) -> Result<OccupancyMap, SimError> {
        let outlines = self.outlines(raster.height_m);
        let mut map = empty_map(&outlines, raster)?;
        for outline in &outlines {
            draw(outline, &mut map);
        }
        Ok(map)
    }
}

fn empty_map(outlines: &[Outline], raster: &Raster) -> Result<OccupancyMap, SimError> {
    let check = |key, value: f64, min: f64, max: f64, range| {
        if value >= min && value <= max { Ok(()) } else { Err(SimError::Raster { key, value, range }) }
    };
    check("resolution_m", raster.resolution_m, 0.001, 10.0, "[0.001, 10]")?;
    check("margin_m", raster.margin_m, 0.0, 1000.0, "[0, 1000]")?;
    let (low, high) = outlines.iter().map(Outline::bounds).reduce(union).unwrap_or_default();
    let cell = |v_m: f64| v_m / raster.resolution_m;
    let first = (cell(low.x_m - raster.margin_m).floor(), cell(low.y_m - raster.margin_m).floor());
    let last = (cell(high.x_m + raster.margin_m).ceil(), cell(high.y_m + raster.margin_m).ceil());
    let (width, height) = ((last.0 - first.0).max(1.0), (last.1 - first.1).max(1.0));
    if width * height > CELL_LIMIT as f64 {
        return Err(SimError::Limit { what: "cells of the map", limit: CELL_LIMIT });
    }
    Ok(OccupancyMap {
        stamp: raster.stamp,
        frame: raster.frame.clone(),
        resolution_m: raster.resolution_m,
        width: width as u32,
        height: height as u32,
        origin: Point2::new(first.0 * raster.resolution_m, first.1 * raster.resolution_m),
        cells: vec![0; width as usize * height as usize],
    })
}

fn union(a: (Point2, Point2), b: (Point2, Point2)) -> (Point2, Point2) {
    (
        Point2::new(a.0.x_m.min(b.0.x_m), a.0.y_m.min(b.0.y_m)),
        Point2::new(a.1.x_m.max(b.1.x_m), a.1.y_m.max(b.1.y_m)),
    )
}

fn draw(outline: &Outline, map: &mut OccupancyMap) {
    let (low, high) = outline.bounds();
    let (resolution_m, origin) = (map.resolution_m, map.origin);
    // Casts saturate at zero; the ends are clipped to the map.
    let index = |v_m: f64, from_m: f64| ((v_m - from_m) / resolution_m).floor() as usize;
    let (first_col, first_row) = (index(low.x_m, origin.x_m), index(low.y_m, origin.y_m));
    let (last_col, last_row) = (index(high.x_m, origin.x_m), index(high.y_m, origin.y_m));
    let rows = map.cells.chunks_mut(map.width.max(1) as usize).enumerate();
    for (row, cells) in rows.skip(first_row).take((last_row + 1).saturating_sub(first_row)) {
        let columns = cells.iter_mut().enumerate();
        for (col, cell) in columns.skip(first_col).take((last_col + 1).saturating_sub(first_col)) {
            let centre = Point2::new(
                origin.x_m + (col as f64 + 0.5) * resolution_m,
                origin.y_m + (row as f64 + 0.5) * resolution_m,
            );
            if reaches_into(outline, centre, 0.5 * resolution_m - TOUCH_M) {
                *cell = OCCUPIED;
            }
        }
    }
}

/// Whether an outline and the square of half-width `half_m` about `centre` overlap.
fn reaches_into(outline: &Outline, centre: Point2, half_m: f64) -> bool {
    match outline {
        Outline::Disc { centre: c, radius_m } => {
            let gap = |a: f64, b: f64| ((a - b).abs() - half_m).max(0.0);
            libm::hypot(gap(c.x_m, centre.x_m), gap(c.y_m, centre.y_m)) < *radius_m
        }
        Outline::Polygon(corners) => {
            let (low, high) = outline.bounds();
            if low.x_m > centre.x_m + half_m
                || high.x_m < centre.x_m - half_m
                || low.y_m > centre.y_m + half_m
                || high.y_m < centre.y_m - half_m
            {
                return false;
            }
            // Separating axes: the normals of the polygon's edges (those of the square are its bounds above).
            let edges = corners.iter().zip(corners.iter().cycle().skip(1));
            edges.into_iter().all(|(a, b)| {
                let (nx, ny) = (b.y_m - a.y_m, a.x_m - b.x_m);
                let offset = nx * (centre.x_m - a.x_m) + ny * (centre.y_m - a.y_m);
                offset <= half_m * (nx.abs() + ny.abs())
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn raster(resolution_m: f64) -> Raster {
        Raster { height_m: 0.2, resolution_m, margin_m: 0.5, frame: "map".into(), stamp: Stamp::default() }
    }

    fn world(models: &str) -> World {
        World::load(&format!("<sdf version='1.9'><world name='w'>{models}</world></sdf>")).unwrap()
    }

    fn model(pose: &str, geometry: &str) -> String {
        format!(
            "<model name='m'><static>true</static><pose>{pose}</pose><link name='l'><collision name='c'>\
             <geometry>{geometry}</geometry></collision></link></model>"
        )
    }

    #[test]
    fn cells_cover_what_they_should() {
        let w = world(&model("1 0 0 0 0 0", "<box><size>1.0 0.5 1</size></box>"));
        let map = w.rasterise(&raster(0.25)).unwrap();
        assert_eq!((map.width, map.height, map.origin), (8, 6, Point2::new(0.0, -0.75)));
        // Exactly four by two cells: those that are only touched stay free.
        assert_eq!(map.cells.iter().filter(|c| **c == OCCUPIED).count(), 8);
        assert_eq!(map.cells[2 * 8 + 2], OCCUPIED);
        assert_eq!(map.cells[2 * 8 + 1], 0);
    }

    #[test]
    fn absurd_maps_are_refused() {
        let far = model("9000 0 0 0 0 0", "<sphere><radius>1</radius></sphere>");
        let w = world(&(model("-9000 -9000 0 0 0 0", "<sphere><radius>1</radius></sphere>") + &far));
        assert!(matches!(w.rasterise(&raster(0.05)), Err(SimError::Limit { limit: CELL_LIMIT, .. })));
        assert!(matches!(w.rasterise(&raster(0.0)), Err(SimError::Raster { key: "resolution_m", .. })));
        assert_eq!(World::default().rasterise(&raster(0.5)).unwrap().cells.len(), 4);
    }

    proptest! {
        /// A point inside an obstacle lies in an occupied cell; the centre of an occupied cell is near an obstacle.
        #[test]
        fn no_obstacle_is_lost(x in -3.0..3.0f64, y in -3.0..3.0f64, yaw in -4.0..4.0f64, u in -0.99..0.99f64, v in -0.99..0.99f64) {
            let w = world(&model(&format!("{x} {y} 0 0 0 {yaw}"), "<box><size>1.3 0.4 1</size></box>"));
            let map = w.rasterise(&raster(0.05)).unwrap();
            let pose = outrider_foundation::Pose2::new(x, y, yaw);
            let p = pose.apply(Point2::new(0.65 * u, 0.2 * v));
            let col = ((p.x_m - map.origin.x_m) / map.resolution_m) as usize;
            let row = ((p.y_m - map.origin.y_m) / map.resolution_m) as usize;
            prop_assert_eq!(map.cells[row * map.width as usize + col], OCCUPIED);
            for (i, _) in map.cells.iter().enumerate().filter(|(_, c)| **c == OCCUPIED) {
                let (col, row) = (i % map.width as usize, i / map.width as usize);
                let centre = Point2::new(
                    map.origin.x_m + (col as f64 + 0.5) * 0.05,
                    map.origin.y_m + (row as f64 + 0.5) * 0.05,
                );
                let inside = pose.inverse().apply(centre);
                prop_assert!(inside.x_m.abs() < 0.65 + 0.036 && inside.y_m.abs() < 0.2 + 0.036);
            }
        }
    }
}
