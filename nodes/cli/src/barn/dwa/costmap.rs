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

#[cfg(test)]
impl Costmap {
    /// With obstacles at these points, none farther than 3 m from the origin.
    pub fn with_obstacles(points: &[Point2]) -> Self {
        let mut map = Self::new();
        for point in points {
            map.mark(Self::cell(*point), true);
        }
        map.inflate(Self::cell(Point2::default()));
        map
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Off the corners of cells, so that rounding decides nothing.
    const HERE: Pose2 = Pose2 { x_m: 0.001, y_m: 0.001, yaw_rad: 0.0 };

    /// One beam straight ahead.
    fn beam(range_m: f32) -> Scan {
        Scan {
            angle_increment_rad: 0.01,
            range_min_m: 0.1,
            range_max_m: 30.0,
            ranges_m: vec![range_m],
            ..Scan::default()
        }
    }

    fn ahead(x_m: f64) -> Point2 {
        Point2::new(x_m, 0.001)
    }

    fn lethal(map: &Costmap, point: Point2) -> bool {
        map.cost(Costmap::cell(point)) == COST_LETHAL
    }

    #[test]
    fn hits_mark_only_within_the_obstacle_range() {
        for (range_m, marks) in [(2.4, true), (2.6, false), (0.05, false)] {
            let mut map = Costmap::new();
            map.update(Some((&beam(range_m), HERE)), HERE);
            let hit = ahead(0.001 + LIDAR_X_M + f64::from(range_m));
            assert_eq!(lethal(&map, hit), marks, "{range_m} m");
        }
    }

    #[test]
    fn a_beam_that_hits_clears_as_far_as_the_raytrace_range() {
        let obstacles = [ahead(1.0), ahead(2.9), ahead(3.2)];
        let cleared = |range_m: f32| {
            let mut map = Costmap::with_obstacles(&obstacles);
            map.update(Some((&beam(range_m), HERE)), HERE);
            obstacles.map(|point| !lethal(&map, point))
        };
        assert_eq!(cleared(29.0), [true, true, false]);
        assert_eq!(cleared(2.0), [true, false, false]);
        // What hits nothing clears nothing.
        assert_eq!([cleared(30.0), cleared(f32::INFINITY)], [[false; 3]; 2]);
    }

    #[test]
    fn what_is_under_the_padded_footprint_is_no_obstacle() {
        // Under the middle, under the front edge, and where that edge is when it has turned by a right angle.
        let points = [ahead(0.151), ahead(0.301), Point2::new(0.001, 0.301)];
        let left = |yaw_rad: f64| {
            let mut map = Costmap::with_obstacles(&points);
            assert_eq!(points.map(|point| lethal(&map, point)), [true; 3]);
            map.update(None, Pose2 { yaw_rad, ..HERE });
            points.map(|point| lethal(&map, point))
        };
        assert_eq!(left(0.0), [false, false, true]);
        assert_eq!(left(std::f64::consts::FRAC_PI_2), [false, true, false]);
    }

    #[test]
    fn costs_fall_off_from_the_inscribed_radius_to_the_inflation_radius() {
        let map = Costmap::with_obstacles(&[ahead(1.001)]);
        let Cell { col, row } = Costmap::cell(ahead(1.001));
        let cost = |dc: i32, dr: i32| map.cost(Cell { col: col + dc, row: row + dr });
        assert_eq!([cost(0, 0), cost(5, 0), cost(-3, 4)], [COST_LETHAL, COST_INSCRIBED, COST_INSCRIBED]);
        // 252 · exp(-10 · (d - 0.265)) at 0.3 m and at 0.2828 m.
        assert_eq!([cost(0, 6), cost(4, -4), cost(7, 0)], [177, 210, 0]);
    }
}
