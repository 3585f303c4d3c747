//! What stands near, as a square table of what it costs to have one of the outline's discs there: one look-up a disc.

#![allow(clippy::inline_always, reason = "inlined into functions of every instruction set")]

use super::maths::ROUND;
use outrider_foundation::geometry::sides;
use outrider_foundation::grid::CostGrid;
use outrider_foundation::{Footprint, Point2};

/// Edge of the table in cells: a power of two, so that an index can be masked instead of checked.
pub const EDGE: usize = 256;
/// The most discs.
pub const DISC_LIMIT: usize = 4;
/// In the table: contact. Everything else is at most 1.
pub const CONTACT: f32 = 2.0;

/// Discs of one radius along the base's x axis which together cover the outline.
#[derive(Clone, Debug, PartialEq)]
pub struct Discs {
    /// Centres along x, m.
    pub x_m: [f32; DISC_LIMIT],
    /// How many of them.
    pub count: usize,
    /// Their radius, m.
    pub radius_m: f64,
}

impl Discs {
    /// The outline in `count` slices of the same length, each within a disc about the middle of its slice.
    pub fn new(footprint: &Footprint, count: usize) -> Self {
        let count = count.clamp(1, DISC_LIMIT);
        let corners = footprint.corners();
        let most = corners.iter().map(|p| p.x_m).fold(f64::NEG_INFINITY, f64::max);
        let least = corners.iter().map(|p| p.x_m).fold(f64::INFINITY, f64::min);
        let slice_m = (most - least) / count as f64;
        let (mut x_m, mut radius_m) = ([0.0; DISC_LIMIT], 0.0f64);
        for (i, centre) in x_m.iter_mut().enumerate().take(count) {
            let (low, high) = (least + i as f64 * slice_m, least + (i + 1) as f64 * slice_m);
            // Rounded to what the kernel uses before the radius is taken.
            *centre = (0.5 * (low + high)) as f32;
            let middle = Point2::new(f64::from(*centre), 0.0);
            for (a, b) in sides(corners) {
                // Corners of the slice: those of the outline, and where its edges are cut.
                let cut = |x: f64| Point2::new(x, a.y_m + (b.y_m - a.y_m) * ((x - a.x_m) / (b.x_m - a.x_m)));
                let crossed = |x: &f64| (a.x_m - x) * (b.x_m - x) < 0.0;
                let cuts = [low, high].into_iter().filter(crossed).map(cut);
                let inside = |p: &Point2| p.x_m >= low - 1e-9 && p.x_m <= high + 1e-9;
                for corner in cuts.chain([a].into_iter().filter(inside)) {
                    radius_m = radius_m.max(middle.distance_m(corner));
                }
            }
        }
        Self { x_m, count, radius_m: radius_m + 1e-6 }
    }
}

/// What nearness costs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Nearness {
    /// Nearer to a disc is contact, m.
    pub margin_m: f64,
    /// Farther costs nothing, m.
    pub reach_m: f64,
    /// Outside of the grid, 0 to 1.
    pub outside: f64,
}

/// The table about the robot.
#[derive(Clone, Debug)]
pub struct Field {
    table: Vec<f32>,
    cells_per_m: f32,
    /// Column and row of the origin of the kernel's coordinates, less half a cell.
    origin: [f32; 2],
    /// Columns and rows filled last.
    filled: usize,
}

impl Default for Field {
    fn default() -> Self {
        Self { table: EMPTY.to_vec(), cells_per_m: 1.0, origin: [0.0; 2], filled: 0 }
    }
}

/// Nothing stands anywhere.
static EMPTY: Table = [0.0; EDGE * EDGE];

impl Field {
    /// Fills the table within `half_m` of `centre` from a grid's distances.
    #[inline(always)]
    pub fn fill(&mut self, grid: &CostGrid, centre: Point2, half_m: f64, radius_m: f64, cost: &Nearness) {
        let resolution_m = grid.resolution_m;
        let half = ((half_m / resolution_m).ceil() + 2.0).clamp(4.0, (EDGE / 2 - 1) as f64) as i32;
        let edge = 2 * half as usize;
        let middle = grid.cell_of(centre);
        let (col0, row0) = (middle.col.saturating_sub(half), middle.row.saturating_sub(half));
        self.cells_per_m = (1.0 / resolution_m) as f32;
        let along = |at_m: f64, origin_m: f64, first: i32| {
            ((at_m - origin_m) / resolution_m - f64::from(first) - 0.5) as f32
        };
        self.origin = [along(centre.x_m, grid.origin.x_m, col0), along(centre.y_m, grid.origin.y_m, row0)];
        let outside = cost.outside as f32;
        let cell_m = resolution_m as f32;
        let (radius_m, margin_m) = (radius_m as f32, cost.margin_m as f32);
        let (reach_m, per_m) = (cost.reach_m as f32, (1.0 / (cost.reach_m - cost.margin_m).max(1e-3)) as f32);
        let width = grid.width as usize;
        // Columns of the table that lie within the grid.
        let left = (-i64::from(col0)).clamp(0, edge as i64) as usize;
        let right = (i64::from(grid.width) - i64::from(col0)).clamp(left as i64, edge as i64) as usize;
        let first = (col0.max(0)) as usize;
        for (r, line) in self.table.chunks_exact_mut(EDGE).take(edge).enumerate() {
            let row = i64::from(row0) + r as i64;
            let known = usize::try_from(row).ok().filter(|row| *row < grid.height as usize);
            let from = known.map_or(0, |row| row * width + first);
            let source = known.and_then(|_| grid.distance_sq.get(from..from + (right - left)));
            let Some(source) = source else {
                line.iter_mut().take(edge).for_each(|v| *v = outside);
                continue;
            };
            line.iter_mut().take(left).for_each(|v| *v = outside);
            line.iter_mut().take(edge).skip(right).for_each(|v| *v = outside);
            for (v, sq) in line.iter_mut().skip(left).zip(source) {
                let clearance_m = f32::from(*sq).sqrt() * cell_m - radius_m;
                let share = (reach_m - clearance_m) * per_m;
                let share = if share > 0.0 { share } else { 0.0 };
                *v = if clearance_m < margin_m { CONTACT } else { share * share };
            }
        }
        self.filled = edge;
    }

    /// What the kernel needs for a look-up.
    pub fn view(&self) -> FieldView<'_> {
        FieldView {
            table: self.table.first_chunk().unwrap_or(&EMPTY),
            cells_per_m: self.cells_per_m,
            origin: self.origin,
            last: self.filled.saturating_sub(1) as f32,
        }
    }
}

/// Costs by row and column.
pub type Table = [f32; EDGE * EDGE];

/// A table to look up in.
#[derive(Clone, Copy, Debug)]
pub struct FieldView<'a> {
    /// The table.
    pub table: &'a Table,
    cells_per_m: f32,
    origin: [f32; 2],
    last: f32,
}

impl FieldView<'_> {
    /// Where the cost at a point is, in metres from the centre that the table was filled about.
    #[inline(always)]
    pub fn index(&self, x_m: f32, y_m: f32) -> u32 {
        let cell = |v_m: f32, origin: f32| {
            let v = v_m * self.cells_per_m + origin;
            // This order sends what is not a number to 0 as well.
            let v = if v > 0.0 { v } else { 0.0 };
            let v = if v < self.last { v } else { self.last };
            (v + ROUND).to_bits() & (EDGE as u32 - 1)
        };
        cell(y_m, self.origin[1]) << 8 | cell(x_m, self.origin[0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use outrider_foundation::rng::Rng;

    #[test]
    fn the_discs_cover_the_outline() {
        let triangle = vec![Point2::new(0.6, 0.0), Point2::new(-0.3, 0.4), Point2::new(-0.3, -0.4)];
        for footprint in [Footprint::rectangle(0.35, 0.35, 0.5).unwrap(), Footprint::new(triangle).unwrap()] {
            for count in 1..=DISC_LIMIT {
                let discs = Discs::new(&footprint, count);
                let mut rng = Rng::new(1, 2, 3);
                let mut worst_m = 0.0f64;
                for _ in 0..20_000 {
                    let p = Point2::new(2.0 * rng.uniform() - 1.0, 2.0 * rng.uniform() - 1.0);
                    if footprint.signed_distance_m(p) <= 0.0 {
                        let nearest = discs
                            .x_m
                            .iter()
                            .take(count)
                            .map(|x| p.distance_m(Point2::new(f64::from(*x), 0.0)));
                        worst_m = worst_m.max(nearest.fold(f64::INFINITY, f64::min));
                    }
                }
                assert!(worst_m <= discs.radius_m, "{count} discs of {} m: {worst_m}", discs.radius_m);
                assert!(discs.radius_m < worst_m + 0.1, "{count} discs of {} m: {worst_m}", discs.radius_m);
            }
        }
        let amr = Footprint::rectangle(0.35, 0.35, 0.5).unwrap();
        assert!((Discs::new(&amr, 3).radius_m - libm::hypot(0.7 / 6.0, 0.25)).abs() < 1e-5);
    }

    #[test]
    fn a_look_up_gives_the_cell_of_the_point_and_survives_anything() {
        // One lethal cell at (12, 7) of 20 by 16.
        let (width, height) = (20, 16);
        let sq = |i: u32| ((i % width).abs_diff(12).pow(2) + (i / width).abs_diff(7).pow(2)) as u16;
        let grid = CostGrid {
            resolution_m: 0.1,
            width,
            height,
            origin: Point2::new(-1.0, 2.0),
            cost: vec![0; 320],
            distance_sq: (0..width * height).map(sq).collect(),
            ..CostGrid::default()
        };
        let mut field = Field::default();
        let centre = Point2::new(0.03, 2.66);
        let cost = Nearness { margin_m: 0.05, reach_m: 0.45, outside: 0.25 };
        field.fill(&grid, centre, 3.0, 0.1, &cost);
        let view = field.view();
        let mut rng = Rng::new(4, 5, 6);
        for _ in 0..5_000 {
            let p = Point2::new(4.0 * rng.uniform() - 2.0, 4.0 * rng.uniform() + 1.0);
            let found =
                view.table[view.index((p.x_m - centre.x_m) as f32, (p.y_m - centre.y_m) as f32) as usize];
            let c = grid.centre_of(grid.cell_of(p));
            if libm::fabs(p.x_m - c.x_m) > 0.0499 || libm::fabs(p.y_m - c.y_m) > 0.0499 {
                continue;
            }
            let expected = grid.distance_at_m(p).map_or(0.25, |d| {
                let clearance_m = d - 0.1;
                if clearance_m < 0.05 { 2.0 } else { ((0.45 - clearance_m) / 0.4).max(0.0).powi(2) }
            });
            assert!((f64::from(found) - expected).abs() < 1e-5, "{p:?}: {found} {expected}");
        }
        for (x, y) in [(1e30, 0.0), (-1e30, f32::NAN), (f32::NAN, f32::INFINITY), (f32::NEG_INFINITY, 1.0)] {
            assert!(view.table[view.index(x, y) as usize] <= CONTACT);
        }
    }
}
