//! What the lidar has seen, as `costmap_2d` keeps it: cells marked and cleared by beams, and a cost that falls off around them.

use outrider_foundation::data::Scan;
use outrider_foundation::grid::Cell;
use outrider_foundation::{Point2, Pose2};

/// Edge of a cell.
pub const RESOLUTION_M: f64 = 0.05;
/// Cells along an edge: 40 m, which holds the whole course about the start.
const SIDE: i32 = 800;
/// `obstacle_range`: hits beyond do not mark.
const MARK_M: f64 = 2.5;
/// `raytrace_range`: beams clear no farther.
const CLEAR_M: f64 = 3.0;
/// `footprint` 0.42 m × 0.33 m with `footprint_padding` 0.1.
pub const HALF_LENGTH_M: f64 = 0.31;
/// Half of the padded width: also the radius within which the centre is in contact at any heading.
pub const HALF_WIDTH_M: f64 = 0.265;
/// `inflation_radius`.
const INFLATION_M: f64 = 0.30;
/// `cost_scaling_factor`.
const SCALING_PER_M: f64 = 10.0;
/// Where the lidar sits.
const LIDAR_X_M: f64 = 0.055;

/// The centre here is contact.
pub const INSCRIBED: u8 = 253;
/// An obstacle.
pub const LETHAL: u8 = 254;

/// A square of cells about the origin of the odometry frame.
pub struct Costmap {
    marked: Vec<bool>,
    cost: Vec<u8>,
    /// Offsets around an obstacle, and the cost there.
    stamp: Vec<(i32, i32, u8)>,
    changed: bool,
}

impl Costmap {
    /// Empty.
    pub fn new() -> Self {
        let cells = (SIDE * SIDE) as usize;
        let reach = (INFLATION_M / RESOLUTION_M).ceil() as i32;
        let mut stamp = Vec::new();
        for dr in -reach..=reach {
            for dc in -reach..=reach {
                let distance_m = RESOLUTION_M * libm::hypot(f64::from(dc), f64::from(dr));
                let cost = if dc == 0 && dr == 0 {
                    LETHAL
                } else if distance_m <= HALF_WIDTH_M {
                    INSCRIBED
                } else if distance_m <= INFLATION_M {
                    (252.0 * libm::exp(-SCALING_PER_M * (distance_m - HALF_WIDTH_M))) as u8
                } else {
                    continue;
                };
                stamp.push((dc, dr, cost));
            }
        }
        Self { marked: vec![false; cells], cost: vec![0; cells], stamp, changed: false }
    }

    /// The cell of a point, if it is inside.
    pub fn cell(point: Point2) -> Option<Cell> {
        let index = |v: f64| (v / RESOLUTION_M).floor() as i32 + SIDE / 2;
        let cell = Cell { col: index(point.x_m), row: index(point.y_m) };
        Self::index(cell).map(|_| cell)
    }

    /// Where a cell is in the lists.
    pub fn index(cell: Cell) -> Option<usize> {
        let inside = (0..SIDE).contains(&cell.col) && (0..SIDE).contains(&cell.row);
        inside.then_some((cell.row * SIDE + cell.col) as usize)
    }

    /// How many cells there are.
    pub const fn cells() -> usize {
        (SIDE * SIDE) as usize
    }

    /// The cell at a place in the lists.
    pub fn cell_at(index: usize) -> Cell {
        Cell { col: index as i32 % SIDE, row: index as i32 / SIDE }
    }

    /// Centre of a cell.
    pub fn centre(cell: Cell) -> Point2 {
        let at = |i: i32| (f64::from(i - SIDE / 2) + 0.5) * RESOLUTION_M;
        Point2::new(at(cell.col), at(cell.row))
    }

    /// Cost of a cell; outside it is an obstacle.
    pub fn cost(&self, cell: Cell) -> u8 {
        Self::index(cell).and_then(|i| self.cost.get(i)).copied().unwrap_or(LETHAL)
    }

    /// Cost at a point.
    pub fn cost_at(&self, point: Point2) -> u8 {
        Self::cell(point).map_or(LETHAL, |cell| self.cost(cell))
    }

    /// Takes a sweep in: clears along every beam, then marks where they end.
    pub fn see(&mut self, scan: &Scan, odom_from_base: Pose2) {
        let lidar = odom_from_base.then(Pose2::new(LIDAR_X_M, 0.0, 0.0));
        let end_of = |i: usize, range_m: f64| {
            let (s, c) = libm::sincos(scan.angle_rad(i));
            lidar.apply(Point2::new(range_m * c, range_m * s))
        };
        for (i, range) in scan.ranges_m.iter().enumerate() {
            let range_m = f64::from(*range);
            if range_m.is_nan() || range_m <= 0.0 {
                continue;
            }
            // Not the last cell: that is where the hit is.
            let free_m = if range_m > CLEAR_M { CLEAR_M } else { range_m - RESOLUTION_M };
            let steps = (2.0 * free_m / RESOLUTION_M).floor().max(0.0) as usize;
            let end = end_of(i, 1.0);
            let (dx, dy) = (end.x_m - lidar.x_m, end.y_m - lidar.y_m);
            for k in 0..steps {
                let way_m = 0.5 * RESOLUTION_M * k as f64;
                self.mark(Point2::new(lidar.x_m + way_m * dx, lidar.y_m + way_m * dy), false);
            }
        }
        for (i, range) in scan.ranges_m.iter().enumerate() {
            let range_m = f64::from(*range);
            if range_m > 0.0 && range_m <= MARK_M {
                self.mark(end_of(i, range_m), true);
            }
        }
    }

    fn mark(&mut self, point: Point2, obstacle: bool) {
        let cell = Self::cell(point).and_then(Self::index);
        if let Some(marked) = cell.and_then(|i| self.marked.get_mut(i))
            && *marked != obstacle
        {
            *marked = obstacle;
            self.changed = true;
        }
    }

    /// Forgets every obstacle farther than this from a point.
    pub fn forget_beyond(&mut self, from: Point2, distance_m: f64) {
        for (i, marked) in self.marked.iter_mut().enumerate().filter(|(_, m)| **m) {
            if Self::centre(Self::cell_at(i)).distance_m(from) > distance_m {
                *marked = false;
                self.changed = true;
            }
        }
    }

    /// Costs from marks.
    pub fn inflate(&mut self) {
        if !std::mem::take(&mut self.changed) {
            return;
        }
        self.cost.fill(0);
        for (i, _) in self.marked.iter().enumerate().filter(|(_, m)| **m) {
            let at = Self::cell_at(i);
            for (dc, dr, cost) in &self.stamp {
                let cell = Cell { col: at.col + dc, row: at.row + dr };
                if let Some(value) = Self::index(cell).and_then(|i| self.cost.get_mut(i)) {
                    *value = (*value).max(*cost);
                }
            }
        }
    }
}
