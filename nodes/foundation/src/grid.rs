//! A costmap grid as nodes exchange it: Nav2's cost values and an exact distance field.

use crate::geometry::Point2;
use crate::time::Stamp;

/// Free space.
pub const COST_FREE: u8 = 0;
/// The robot's centre here means contact at any heading.
pub const COST_INSCRIBED: u8 = 253;
/// An obstacle.
pub const COST_LETHAL: u8 = 254;
/// Never seen.
pub const COST_UNKNOWN: u8 = 255;
/// No squared distance is greater, in cells².
pub const DISTANCE_SQ_MAX: u16 = u16::MAX;
/// The most cells that a grid may have: 4096 × 4096.
pub const CELL_LIMIT: usize = 1 << 24;

/// A reference frame (REP-105) that a planner can work in.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum FrameId {
    /// World-fixed, may jump when the localiser corrects itself.
    Map,
    /// World-fixed, continuous, drifts.
    #[default]
    Odom,
    /// The robot's own frame, `base_link`.
    Base,
}

/// How large a grid is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct GridSize {
    /// Cells along x.
    pub width: u32,
    /// Cells along y.
    pub height: u32,
    /// Edge of a cell, in m.
    pub resolution_m: f64,
}

/// A cell by column and row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cell {
    /// Column, along x.
    pub col: i32,
    /// Row, along y.
    pub row: i32,
}

impl Cell {
    /// The cell of a grid from `origin` on that a point lies in, whether the grid reaches there or not; saturates for far and non-finite
    /// points.
    #[inline]
    pub fn at(p: Point2, origin: Point2, resolution_m: f64) -> Self {
        // Outside: as an `i32` what is no number would be 0, the first cell.
        let index = |v: f64| if v.is_nan() { i32::MIN } else { (v / resolution_m).floor() as i32 };
        Self { col: index(p.x_m - origin.x_m), row: index(p.y_m - origin.y_m) }
    }

    /// Its centre, in a grid from `origin` on.
    #[inline]
    pub fn centre(self, origin: Point2, resolution_m: f64) -> Point2 {
        Point2::new(
            origin.x_m + (f64::from(self.col) + 0.5) * resolution_m,
            origin.y_m + (f64::from(self.row) + 0.5) * resolution_m,
        )
    }
}

/// Costs and exact distances to the nearest obstacle on a regular, axis-aligned grid; rows follow y, row-major.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CostGrid {
    /// Time of the newest data in it.
    pub stamp: Stamp,
    /// Counts every grid of its publisher.
    pub sequence: u64,
    /// Frame of the origin.
    pub frame: FrameId,
    /// Edge of a cell.
    pub resolution_m: f64,
    /// Cells along x.
    pub width: u32,
    /// Cells along y.
    pub height: u32,
    /// Lower left corner of cell (0, 0).
    pub origin: Point2,
    /// Nav2 cost of every cell; `width * height` values.
    pub cost: Vec<u8>,
    /// Squared Euclidean distance in cells² from every cell's centre to the nearest lethal cell's centre; `width * height`
    /// values. Exact up to a limit of the publisher's, at most [`DISTANCE_SQ_MAX`]; what is farther has the limit's square. So
    /// every value is a distance at which there is nothing nearer, and the limit is no less than the greatest of them.
    pub distance_sq: Vec<u16>,
}

impl CostGrid {
    /// The cell that a point lies in, whether inside the grid or not; saturates for far and non-finite points.
    pub fn cell_of(&self, p: Point2) -> Cell {
        Cell::at(p, self.origin, self.resolution_m)
    }

    /// The centre of a cell.
    pub fn centre_of(&self, cell: Cell) -> Point2 {
        cell.centre(self.origin, self.resolution_m)
    }

    /// Index of a cell in the data, `None` outside.
    pub fn index_of(&self, cell: Cell) -> Option<usize> {
        let (col, row) = (u32::try_from(cell.col).ok()?, u32::try_from(cell.row).ok()?);
        (col < self.width && row < self.height).then(|| row as usize * self.width as usize + col as usize)
    }

    /// The cost at a point; [`COST_UNKNOWN`] outside.
    pub fn cost_at(&self, p: Point2) -> u8 {
        self.index_of(self.cell_of(p)).and_then(|i| self.cost.get(i)).copied().unwrap_or(COST_UNKNOWN)
    }

    /// Distance from the centre of the point's cell to the nearest lethal cell's centre; `None` outside.
    pub fn distance_at_m(&self, p: Point2) -> Option<f64> {
        let sq = *self.distance_sq.get(self.index_of(self.cell_of(p))?)?;
        Some(f64::from(sq).sqrt() * self.resolution_m)
    }

    /// Sizes agree with the data, numbers are finite and in range.
    pub fn is_consistent(&self) -> bool {
        let cells = u64::from(self.width) * u64::from(self.height);
        cells <= CELL_LIMIT as u64
            && self.cost.len() as u64 == cells
            && self.distance_sq.len() as u64 == cells
            && self.resolution_m.is_finite()
            && self.resolution_m > 0.0
            && self.origin.is_finite()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid() -> CostGrid {
        CostGrid {
            resolution_m: 0.5,
            width: 4,
            height: 2,
            origin: Point2::new(-1.0, 0.0),
            cost: vec![0, 0, 0, COST_LETHAL, 0, 0, 0, 0],
            distance_sq: vec![9, 4, 1, 0, 10, 5, 2, 1],
            ..CostGrid::default()
        }
    }

    #[test]
    fn cells_and_points_agree() {
        let g = grid();
        assert!(g.is_consistent());
        let p = Point2::new(0.6, 0.2);
        assert_eq!(g.cell_of(p), Cell { col: 3, row: 0 });
        assert_eq!(g.cost_at(p), COST_LETHAL);
        assert_eq!(g.distance_at_m(Point2::new(-0.9, 0.1)), Some(1.5));
        assert_eq!(g.cost_at(Point2::new(-1.1, 0.0)), COST_UNKNOWN);
        assert_eq!(g.distance_at_m(Point2::new(5.0, f64::NAN)), None);
        assert_eq!(g.distance_at_m(Point2::new(f64::NAN, g.origin.y_m + 0.01)), None);
        assert_eq!(g.cell_of(g.centre_of(Cell { col: 2, row: 1 })), Cell { col: 2, row: 1 });
    }
}
