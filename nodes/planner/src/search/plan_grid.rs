//! The grid that is searched: how dear it is to cross each cell, and where the robot's centre may not be.

use super::one_way::{self, OneWay};
use crate::config::SearchConfig;
use outrider_foundation::Point2;
use outrider_foundation::grid::{COST_FREE, COST_INSCRIBED, COST_UNKNOWN, Cell, CostGrid};
use std::ops::RangeInclusive;

/// The robot's centre may not be here.
pub const FORBIDDEN: u16 = u16::MAX;

/// Travel costs of every cell, in thousandths of the cost of free space.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PlanGrid {
    /// Edge of a cell.
    pub resolution_m: f64,
    /// Cells along x.
    pub width: u32,
    /// Cells along y.
    pub height: u32,
    /// Lower left corner of cell (0, 0).
    pub origin: Point2,
    /// 1000 in free space, more near obstacles, or [`FORBIDDEN`]; `width * height` values.
    pub travel: Vec<u16>,
    /// Where it is crossed in one direction only.
    pub one_way: Vec<OneWay>,
}

/// What makes a cell dear or forbidden.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PlanGridRules {
    /// Travel costs `1 + weight·cost/252` a metre.
    pub cost_weight: f64,
    /// Whether cells that were never seen may be crossed.
    pub allow_unknown: bool,
    /// Their cost.
    pub unknown_cost: u8,
    /// The centre keeps this distance from lethal cells, m.
    pub clearance_m: f64,
    /// Nearer to lethal cells than this the robot cannot turn freely, m.
    pub narrow_m: f64,
    /// There a metre costs this much more than elsewhere.
    pub narrow_weight: f64,
}

impl PlanGridRules {
    /// As configured, for a robot that keeps `inscribed_m` and turns freely within `circumscribed_m`, both without the margin.
    pub fn new(config: &SearchConfig, inscribed_m: f64, circumscribed_m: f64) -> Self {
        Self {
            cost_weight: config.cost_weight,
            allow_unknown: config.allow_unknown,
            unknown_cost: config.unknown_cost,
            clearance_m: inscribed_m + config.clearance_margin_m,
            narrow_m: circumscribed_m + config.clearance_margin_m,
            narrow_weight: config.narrow_weight,
        }
    }
}

/// A round place where the robot's centre may not be, and is not welcome near.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Disc {
    /// Its centre.
    pub centre: Point2,
    /// Its radius, m.
    pub radius_m: f64,
    /// So far around it a metre costs more, m.
    pub berth_m: f64,
    /// At the disc by so much of a metre in free space; linearly less further off.
    pub berth_weight: f64,
}

impl PlanGrid {
    /// Rebuilds it from a grid, another one in the same frame that is laid over it (what it does not know changes
    /// nothing), and discs. Buffers are reused.
    pub fn rebuild(
        &mut self,
        base: &CostGrid,
        overlay: Option<&CostGrid>,
        discs: &[Disc],
        rules: &PlanGridRules,
    ) {
        self.resolution_m = base.resolution_m;
        self.width = base.width;
        self.height = base.height;
        self.origin = base.origin;
        // What is not there cannot be crossed.
        self.travel.clear();
        self.travel.resize(base.cost.len(), FORBIDDEN);
        travels(&Near::new(rules, base.resolution_m), &base.cost, &base.distance_sq, &mut self.travel);
        if let Some(overlay) = overlay {
            self.lay_over(overlay, rules);
        }
        for disc in discs {
            self.lay_down(*disc);
        }
    }

    /// From now on these are crossed in one direction only.
    pub fn keep_ways(&mut self, one_way: &[OneWay]) {
        if self.one_way != one_way {
            self.one_way = one_way.to_vec();
        }
    }

    /// A straight line goes no wrong way.
    pub fn permits(&self, from: Point2, to: Point2) -> bool {
        self.one_way.is_empty() || one_way::permits(&self.one_way, from, to, 0.5 * self.resolution_m)
    }

    /// In which directions a cell may be entered; bits in the order of [`super::cells::NEIGHBOURS`].
    pub fn ways_into(&self, cell: Cell) -> u8 {
        one_way::steps_into(&self.one_way, self.centre_of(cell))
    }

    fn lay_over(&mut self, overlay: &CostGrid, rules: &PlanGridRules) {
        let near = Near::new(rules, overlay.resolution_m);
        let far = overlay.centre_of(Cell { col: to_i32(overlay.width), row: to_i32(overlay.height) });
        let (cols, rows) = self.ranges_within(overlay.origin, far);
        // Which column of the overlay lies over a column of ours is the same in every row; one before its first counts as outside.
        let column = |col| overlay.cell_of(self.centre_of(Cell { col, row: 0 })).col;
        let over: Vec<usize> =
            cols.clone().map(|col| usize::try_from(column(col)).unwrap_or(usize::MAX)).collect();
        for row in rows {
            let over_row = overlay.cell_of(self.centre_of(Cell { col: 0, row })).row;
            let Some(first) = self.index_of(Cell { col: *cols.start(), row }) else { continue };
            let Some(line) = self.travel.get_mut(first..) else { continue };
            let Some(begin) = overlay.index_of(Cell { col: 0, row: over_row }) else { continue };
            let over_line = begin..begin + overlay.width as usize;
            let (costs, squares) = (overlay.cost.get(over_line.clone()), overlay.distance_sq.get(over_line));
            let (Some(costs), Some(squares)) = (costs, squares) else { continue };
            for (value, col) in line.iter_mut().zip(&over) {
                let (Some(cost), Some(sq)) = (costs.get(*col), squares.get(*col)) else { continue };
                if *cost == COST_UNKNOWN && !near.forbids(*sq) {
                    continue;
                }
                *value = near.travel(*cost, *sq).max(*value);
            }
        }
    }

    fn lay_down(&mut self, disc: Disc) {
        let (c, r) = (disc.centre, disc.radius_m + disc.berth_m);
        let (low, high) = (Point2::new(c.x_m - r, c.y_m - r), Point2::new(c.x_m + r, c.y_m + r));
        for cell in self.cells_within(low, high) {
            let left_m = r - self.centre_of(cell).distance_m(c);
            let Some(value) = self.index_of(cell).and_then(|i| self.travel.get_mut(i)) else { continue };
            if left_m >= disc.berth_m {
                *value = FORBIDDEN;
            } else if left_m > 0.0 && *value != FORBIDDEN {
                let more = 1000.0 * disc.berth_weight * left_m / disc.berth_m;
                *value = value.saturating_add(more as u16).min(FORBIDDEN - 1);
            }
        }
    }

    /// The cells of the grid that touch a rectangle, row by row.
    fn cells_within(&self, low: Point2, high: Point2) -> impl Iterator<Item = Cell> + use<> {
        let (cols, rows) = self.ranges_within(low, high);
        rows.flat_map(move |row| cols.clone().map(move |col| Cell { col, row }))
    }

    /// The columns and rows of the grid that touch a rectangle.
    fn ranges_within(&self, low: Point2, high: Point2) -> (RangeInclusive<i32>, RangeInclusive<i32>) {
        let (a, b) = (self.cell_of(low), self.cell_of(high));
        (a.col.max(0)..=b.col.min(to_i32(self.width) - 1), a.row.max(0)..=b.row.min(to_i32(self.height) - 1))
    }

    /// The cell that a point lies in, whether inside or not.
    pub fn cell_of(&self, p: Point2) -> Cell {
        Cell::at(p, self.origin, self.resolution_m)
    }

    /// The centre of a cell.
    pub fn centre_of(&self, cell: Cell) -> Point2 {
        cell.centre(self.origin, self.resolution_m)
    }

    /// Index of a cell in [`Self::travel`], `None` outside.
    pub fn index_of(&self, cell: Cell) -> Option<usize> {
        let (col, row) = (u32::try_from(cell.col).ok()?, u32::try_from(cell.row).ok()?);
        (col < self.width && row < self.height).then(|| row as usize * self.width as usize + col as usize)
    }

    /// The cell at an index.
    pub fn cell_at(&self, index: usize) -> Cell {
        let width = (self.width as usize).max(1);
        Cell { col: (index % width) as i32, row: (index / width) as i32 }
    }

    /// Travel cost at a point; [`FORBIDDEN`] outside.
    pub fn travel_at(&self, p: Point2) -> u16 {
        self.index_of(self.cell_of(p)).and_then(|i| self.travel.get(i)).copied().unwrap_or(FORBIDDEN)
    }

    /// The free cell whose centre is nearest to a point, within `radius_m`; the first in row order among equals.
    pub fn nearest_free(&self, p: Point2, radius_m: f64) -> Option<Cell> {
        let low = Point2::new(p.x_m - radius_m, p.y_m - radius_m);
        let high = Point2::new(p.x_m + radius_m, p.y_m + radius_m);
        let mut best: Option<(f64, Cell)> = None;
        for cell in self.cells_within(low, high) {
            let distance_m = self.centre_of(cell).distance_m(p);
            let free = self.index_of(cell).and_then(|i| self.travel.get(i)).is_some_and(|t| *t != FORBIDDEN);
            if free && distance_m <= radius_m && best.is_none_or(|(least, _)| distance_m < least) {
                best = Some((distance_m, cell));
            }
        }
        best.map(|(_, cell)| cell)
    }
}

/// What being near to lethal cells makes of a travel cost.
struct Near {
    /// Squared distances below this, in cells².
    forbidden_sq: u32,
    narrow_sq: u32,
    /// By cost: there, and where there is room.
    narrow: [u16; 256],
    free: [u16; 256],
}

impl Near {
    fn new(rules: &PlanGridRules, resolution_m: f64) -> Self {
        let free = factors(rules);
        // In thousandths.
        let more = (1000.0 * rules.narrow_weight).clamp(0.0, f64::from(FORBIDDEN - 1)) as u16;
        Self {
            forbidden_sq: squared_cells(rules.clearance_m, resolution_m),
            narrow_sq: squared_cells(rules.narrow_m, resolution_m),
            narrow: free.map(|travel| match travel {
                FORBIDDEN => FORBIDDEN,
                travel => travel.saturating_add(more).min(FORBIDDEN - 1),
            }),
            free,
        }
    }

    fn forbids(&self, sq: u16) -> bool {
        u32::from(sq) < self.forbidden_sq
    }

    /// It is far from everything, and whatever is farther is as dear.
    fn is_free(&self, sq: u16) -> bool {
        u32::from(sq) >= self.narrow_sq.max(self.forbidden_sq)
    }

    fn travel(&self, cost: u8, sq: u16) -> u16 {
        let by_cost = if u32::from(sq) < self.narrow_sq { &self.narrow } else { &self.free };
        // Every `u8` is within both.
        let travel = by_cost[usize::from(cost)];
        if self.forbids(sq) { FORBIDDEN } else { travel }
    }
}

/// Cells that are looked at together.
const TOGETHER: usize = 16;

/// [`Near::travel`] of many cells.
fn travels(near: &Near, cost: &[u8], distance_sq: &[u16], travel: &mut [u16]) {
    let cells = cost.chunks(TOGETHER).zip(distance_sq.chunks(TOGETHER)).zip(travel.chunks_mut(TOGETHER));
    for ((cost, distance_sq), travel) in cells {
        // Most of a map is free and far from everything.
        if cost.first_chunk() == Some(&[COST_FREE; TOGETHER])
            && let Some(squares) = distance_sq.first_chunk::<TOGETHER>()
        {
            let mut least = u16::MAX;
            for sq in squares {
                least = least.min(*sq);
            }
            if near.is_free(least) {
                travel.fill(near.travel(COST_FREE, least));
                continue;
            }
        }
        for ((cost, sq), travel) in cost.iter().zip(distance_sq).zip(travel) {
            *travel = near.travel(*cost, *sq);
        }
    }
}

/// Grids have at most 2^24 cells, but one side alone may be any number.
fn to_i32(cells: u32) -> i32 {
    i32::try_from(cells).unwrap_or(i32::MAX)
}

/// Squared distances below this many cells² are closer than `distance_m`.
fn squared_cells(distance_m: f64, resolution_m: f64) -> u32 {
    let cells = distance_m / resolution_m;
    // Whole numbers lie below a number when they lie below the next whole one.
    (cells * cells).ceil() as u32
}

fn factors(rules: &PlanGridRules) -> [u16; 256] {
    let mut factors = [FORBIDDEN; 256];
    for (cost, factor) in (0u8..=255).zip(factors.iter_mut()) {
        let cost = match cost {
            COST_UNKNOWN if rules.allow_unknown => rules.unknown_cost,
            COST_INSCRIBED.. => continue,
            cost => cost,
        };
        let thousandths = 1000.0 * (1.0 + rules.cost_weight * f64::from(cost) / 252.0);
        *factor = thousandths.clamp(1000.0, 60_000.0) as u16;
    }
    factors
}

#[cfg(test)]
mod tests {
    use super::*;
    use outrider_foundation::grid::COST_LETHAL;

    const RULES: PlanGridRules = PlanGridRules {
        cost_weight: 2.0,
        allow_unknown: false,
        unknown_cost: 100,
        clearance_m: 0.15,
        narrow_m: 0.15,
        narrow_weight: 0.0,
    };

    fn grid(cost: Vec<u8>) -> CostGrid {
        let width = cost.len() as u32;
        let at = cost.iter().position(|c| *c == COST_LETHAL);
        let far = |i: usize| at.map_or(u16::MAX, |l| (i.abs_diff(l) * i.abs_diff(l)) as u16);
        let distance_sq = (0..cost.len()).map(far).collect();
        CostGrid { resolution_m: 0.1, width, height: 1, cost, distance_sq, ..CostGrid::default() }
    }

    #[test]
    fn costs_clearance_unknown_overlay_and_discs() {
        let mut plan = PlanGrid::default();
        let base = grid(vec![0, 252, COST_UNKNOWN, 0, COST_LETHAL, 0, 0, 0, 0, 0]);
        plan.rebuild(&base, None, &[], &RULES);
        let x = FORBIDDEN;
        assert_eq!(plan.travel, [1000, 3000, x, x, x, x, 1000, 1000, 1000, 1000]);
        let mut overlay = grid(vec![COST_UNKNOWN, COST_UNKNOWN, 126, 0]);
        overlay.origin = Point2::new(0.6, 0.0);
        plan.rebuild(&base, Some(&overlay), &[], &PlanGridRules { allow_unknown: true, ..RULES });
        assert_eq!(plan.travel, [1000, 3000, 1793, x, x, x, 1000, 1000, 2000, 1000]);
        let disc = Disc { centre: Point2::new(0.05, 0.05), radius_m: 0.11, ..Disc::default() };
        plan.rebuild(&base, None, &[disc], &RULES);
        assert_eq!(plan.travel[..3], [x, x, x]);
        assert_eq!(plan.nearest_free(Point2::new(0.3, 0.05), 1.0), Some(Cell { col: 6, row: 0 }));
        assert_eq!(plan.nearest_free(Point2::new(0.3, 0.05), 0.2), None);
        assert_eq!(plan.travel_at(Point2::new(-0.1, 0.0)), FORBIDDEN);
        // A wide berth: dear next to the disc, less further off, and nothing that was forbidden becomes free.
        let berth = Disc { berth_m: 0.4, berth_weight: 2.0, centre: Point2::new(0.65, 0.05), radius_m: 0.11 };
        plan.rebuild(&base, None, &[berth], &RULES);
        assert_eq!(plan.travel, [1000, 3050, x, x, x, x, x, x, 2549, 2049]);
        let endless = Disc { berth_weight: 1e9, ..berth };
        plan.rebuild(&base, None, &[endless], &RULES);
        assert_eq!(plan.travel[8..], [x - 1, x - 1]);
    }

    #[test]
    fn narrow_places_are_dearer_and_stay_passable() {
        let mut plan = PlanGrid::default();
        let base = grid(vec![COST_LETHAL, 253, 252, 0, 0, 0]);
        let rules = PlanGridRules { narrow_m: 0.35, narrow_weight: 4.0, ..RULES };
        plan.rebuild(&base, None, &[], &rules);
        assert_eq!(plan.travel, [FORBIDDEN, FORBIDDEN, 7000, 5000, 1000, 1000]);
        let unknown = grid(vec![COST_UNKNOWN; 6]);
        let rules = PlanGridRules { allow_unknown: true, narrow_weight: 1e6, ..rules };
        plan.rebuild(&unknown, Some(&base), &[], &rules);
        assert_eq!(plan.travel[..3], [FORBIDDEN, FORBIDDEN, FORBIDDEN - 1]);
    }
}
