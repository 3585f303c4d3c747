//! What the lidar has seen, as `costmap_2d` keeps it: cells marked and cleared by beams, what is under the footprint cleared,
//! and a cost that falls off around what is marked. One map stands for `global_costmap` and `local_costmap`: both have the
//! same layers, resolution and grid, the local one looks at 10 m × 10 m of it.

use super::outline::{self, HALF_WIDTH_M};
use outrider_foundation::data::Scan;
use outrider_foundation::grid::{COST_INSCRIBED, COST_LETHAL, Cell};
use outrider_foundation::{Point2, Pose2};

/// `resolution`: edge of a cell.
pub const RESOLUTION_M: f64 = 0.05;
/// Cells along an edge: `width` and `height` 40 m, about the start.
pub const SIDE: i32 = 800;
/// `obstacle_range`: hits beyond do not mark.
const MARK_M: f64 = 2.5;
/// `raytrace_range` 3 m in cells: beams clear no farther.
const CLEAR_CELLS: f64 = 60.0;
/// `inflation_radius` 0.3 m in cells.
const INFLATION_CELLS: f64 = 6.0;
/// `cost_scaling_factor`, by default.
const SCALING_PER_M: f64 = 10.0;
/// Where the lidar sits.
const LIDAR_X_M: f64 = 0.055;
/// Cells about the robot among which marks can have changed: `raytrace_range`, the lidar's and the footprint's reach.
const REACH_CELLS: i32 = 64;

/// Cells about the origin of the odometry frame.
pub struct Costmap {
    marked: Vec<bool>,
    cost: Vec<u8>,
    /// Offsets around an obstacle, and the cost there.
    stamp: Vec<(i32, i32, u8)>,
}

impl Costmap {
    /// Empty.
    pub fn new() -> Self {
        Self { marked: vec![false; Self::cells()], cost: vec![0; Self::cells()], stamp: stamp() }
    }

    /// The cell of a point, whether or not it is inside.
    pub fn cell(point: Point2) -> Cell {
        let index = |v: f64| (v / RESOLUTION_M).floor() as i32 + SIDE / 2;
        Cell { col: index(point.x_m), row: index(point.y_m) }
    }

    /// Where a cell is in the lists, if it is inside.
    pub fn index(cell: Cell) -> Option<usize> {
        let inside = (0..SIDE).contains(&cell.col) && (0..SIDE).contains(&cell.row);
        inside.then_some((cell.row * SIDE + cell.col) as usize)
    }

    /// How many cells there are.
    pub const fn cells() -> usize {
        (SIDE * SIDE) as usize
    }

    /// Cost of a cell; outside it is an obstacle.
    pub fn cost(&self, cell: Cell) -> u8 {
        Self::index(cell).and_then(|i| self.cost.get(i)).copied().unwrap_or(COST_LETHAL)
    }

    /// All costs, row by row.
    pub fn costs(&self) -> &[u8] {
        &self.cost
    }

    /// Takes in a sweep that was taken from `seen_from`, while the robot is at `pose`.
    pub fn update(&mut self, sweep: Option<(&Scan, Pose2)>, pose: Pose2) {
        if let Some((scan, seen_from)) = sweep {
            self.see(scan, seen_from);
        }
        // `footprint_clearing_enabled`, by default: what is under the padded footprint is no obstacle.
        for cell in outline::filled(pose) {
            self.mark(cell, false);
        }
        self.inflate(Self::cell(pose.position()));
    }

    fn see(&mut self, scan: &Scan, odom_from_base: Pose2) {
        let lidar = odom_from_base.then(Pose2::new(LIDAR_X_M, 0.0, 0.0)).for_many();
        let from_m = lidar.apply(Point2::default());
        let from = Self::cell(from_m);
        // Beams that hit nothing are left out, and clear nothing: `inf_is_valid` is false by default.
        let hits = scan.ranges_m.iter().enumerate().filter_map(|(i, range)| {
            let range_m = f64::from(*range);
            let valid = range_m >= scan.range_min_m && range_m < scan.range_max_m;
            let (s, c) = libm::sincos(scan.angle_rad(i));
            valid.then(|| (range_m, lidar.apply(Point2::new(range_m * c, range_m * s))))
        });
        let hits: Vec<(f64, Point2)> = hits.collect();
        for (_, end) in &hits {
            let to = Self::cell(*end);
            let (dc, dr) = (f64::from(to.col - from.col), f64::from(to.row - from.row));
            let part = (CLEAR_CELLS / libm::hypot(dc, dr)).min(1.0);
            let steps = (part * dc.abs().max(dr.abs())) as usize;
            for cell in outline::line(from, to).take(steps + 1) {
                self.mark(cell, false);
            }
        }
        for (_, end) in hits.iter().filter(|(range_m, _)| *range_m < MARK_M) {
            self.mark(Self::cell(*end), true);
        }
    }

    fn mark(&mut self, cell: Cell, obstacle: bool) {
        if let Some(marked) = Self::index(cell).and_then(|i| self.marked.get_mut(i)) {
            *marked = obstacle;
        }
    }

    /// Costs from marks, where marks can have changed.
    fn inflate(&mut self, about: Cell) {
        let ring = INFLATION_CELLS as i32;
        let near =
            |cell: Cell, by: i32| (cell.col - about.col).abs() <= by && (cell.row - about.row).abs() <= by;
        let changed = REACH_CELLS + ring;
        for cell in square(about, changed) {
            if let Some(cost) = Self::index(cell).and_then(|i| self.cost.get_mut(i)) {
                *cost = 0;
            }
        }
        for at in square(about, changed + ring) {
            if !Self::index(at).and_then(|i| self.marked.get(i)).copied().unwrap_or(false) {
                continue;
            }
            for (dc, dr, cost) in &self.stamp {
                let cell = Cell { col: at.col + dc, row: at.row + dr };
                if near(cell, changed)
                    && let Some(value) = Self::index(cell).and_then(|i| self.cost.get_mut(i))
                {
                    *value = (*value).max(*cost);
                }
            }
        }
    }
}

/// Cells no farther than `by` along both axes.
fn square(about: Cell, by: i32) -> impl Iterator<Item = Cell> {
    let rows = about.row - by..=about.row + by;
    rows.flat_map(move |row| (about.col - by..=about.col + by).map(move |col| Cell { col, row }))
}

/// Cost around an obstacle, by offset.
fn stamp() -> Vec<(i32, i32, u8)> {
    let ring = INFLATION_CELLS as i32;
    let mut stamp = Vec::new();
    for Cell { col, row } in square(Cell { col: 0, row: 0 }, ring) {
        let cells = libm::hypot(f64::from(col), f64::from(row));
        let distance_m = RESOLUTION_M * cells;
        let cost = if col == 0 && row == 0 {
            COST_LETHAL
        } else if cells > INFLATION_CELLS {
            continue;
        } else if distance_m <= HALF_WIDTH_M {
            COST_INSCRIBED
        } else {
            let falloff = libm::exp(-SCALING_PER_M * (distance_m - HALF_WIDTH_M));
            (f64::from(COST_INSCRIBED - 1) * falloff) as u8
        };
        stamp.push((col, row, cost));
    }
    stamp
}
