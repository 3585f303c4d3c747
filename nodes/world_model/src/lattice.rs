//! Where the cells of a grid are.

use outrider_foundation::Point2;
use outrider_foundation::geometry::sides;
use outrider_foundation::grid::CostGrid;
use std::ops::Range;

/// Where the cells of a grid are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lattice {
    pub origin: Point2,
    pub resolution_m: f64,
    pub width: usize,
    pub height: usize,
}

impl Lattice {
    pub fn of(grid: &CostGrid) -> Self {
        let (width, height) = (grid.width as usize, grid.height as usize);
        Self { origin: grid.origin, resolution_m: grid.resolution_m, width, height }
    }

    /// The cells whose centres lie within a convex outline, counter-clockwise: row by row, as indices, row-major.
    pub fn rows_within(self, corners: &[Point2]) -> impl Iterator<Item = Range<usize>> + '_ {
        let low_m = corners.iter().map(|c| c.y_m).fold(f64::INFINITY, f64::min);
        let high_m = corners.iter().map(|c| c.y_m).fold(f64::NEG_INFINITY, f64::max);
        self.between(low_m, high_m, self.origin.y_m, self.height).map(move |row| {
            let (from_m, to_m) = span(corners, self.origin.y_m + (row as f64 + 0.5) * self.resolution_m);
            let cols = self.between(from_m, to_m, self.origin.x_m, self.width);
            row * self.width + cols.start..row * self.width + cols.end
        })
    }

    /// The cells from the first whose centre is not before `from_m` to the last whose centre is not beyond `to_m`.
    fn between(self, from_m: f64, to_m: f64, first_m: f64, count: usize) -> Range<usize> {
        let at = |m: f64| (m - first_m) / self.resolution_m - 0.5;
        let (from, to) = (at(from_m).ceil().max(0.0), at(to_m).floor().min(count as f64 - 1.0));
        // Within the grid they fit; an empty range for none.
        if from <= to { from as usize..to as usize + 1 } else { 0..0 }
    }

    /// The centre of a cell.
    pub fn centre(self, index: usize) -> Point2 {
        let width = self.width.max(1);
        Point2::new(
            self.origin.x_m + ((index % width) as f64 + 0.5) * self.resolution_m,
            self.origin.y_m + ((index / width) as f64 + 0.5) * self.resolution_m,
        )
    }
}

/// Where a line along x lies in a convex outline, counter-clockwise: from and to; the other way round where nowhere.
fn span(corners: &[Point2], y_m: f64) -> (f64, f64) {
    let (mut from_m, mut to_m) = (f64::NEG_INFINITY, f64::INFINITY);
    for (a, b) in sides(corners) {
        let (dx, dy) = (b.x_m - a.x_m, b.y_m - a.y_m);
        let meets_m = a.x_m + dx * (y_m - a.y_m) / dy;
        // Inside is to the left of every side.
        if dy > 0.0 {
            to_m = to_m.min(meets_m);
        } else if dy < 0.0 {
            from_m = from_m.max(meets_m);
        } else if dx * (y_m - a.y_m) < 0.0 {
            return (f64::INFINITY, f64::NEG_INFINITY);
        }
    }
    (from_m, to_m)
}
