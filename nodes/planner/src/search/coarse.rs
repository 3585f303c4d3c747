//! What it costs at least to get from a cell to the goal: the estimate that leads the search.
//!
//! The grid is cut into square blocks whose corners are cell centres, one of them the goal's. A block is taken to be as cheap
//! all over as its cheapest cell, borders included: a problem that is nowhere dearer than the real one. With steps in eight
//! directions a cheapest way in it can be bent until it runs along borders and diagonals of blocks (its cost is piecewise
//! linear in where it crosses borders, with breaks at corners only), so a search over the corners gives their exact costs in
//! that problem. By the same argument the cost is concave on each quarter of a block, between two corners and the middle; so
//! a plane through these three values is nowhere above it. The planes meet at the borders and are nowhere steeper than the
//! block is cheap: the estimate is consistent, and A* never expands a cell twice for it. The tests hold the claims against
//! exact costs, and against every step of random grids.
//!
//! There are two layers. Blocks of [`FINE`] lead the search. Their corners are themselves found by A*, from the goal
//! towards the start, led by blocks of [`WIDE`] about the start; so only those near good ways are looked at, and everything
//! is worked out when it is first asked for.

use super::astar::{DIAGONAL, STRAIGHT};
use super::buckets::Buckets;
use super::plan_grid::{FORBIDDEN, PlanGrid};
use outrider_foundation::grid::Cell;

/// Edge of a block of the layer that leads the search in cells, as a power of two.
pub const FINE: u32 = 2;
/// The same of the layer that leads that layer.
const WIDE: u32 = 4;
/// Cells of such a block.
pub const CELLS: usize = 1 << (2 * FINE);
/// No way leads to the goal.
pub const NEVER: u64 = u64::MAX;
/// A block whose cheapest cell has not been looked for.
const UNSEEN: u16 = 0;

/// Least costs of the ways from a start to a goal.
#[derive(Clone, Debug, Default)]
pub struct CoarseField {
    fine: Layer<FINE>,
    wide: Layer<WIDE>,
}

impl CoarseField {
    /// Begins anew for a start and a goal inside the grid.
    pub fn reset(&mut self, grid: &PlanGrid, start: Cell, goal: Cell) {
        self.wide.reset(grid, goal, start, |_| 0);
        let wide = &mut self.wide;
        self.fine.reset(grid, goal, goal, |cell| wide.at(grid, cell, |_| 0));
    }

    /// Corners of blocks that were looked at.
    pub const fn settled(&self) -> u32 {
        self.fine.settled + self.wide.settled
    }

    /// Least costs from the cells of a block of the layer that leads the search; `None` when there is no way from there.
    pub fn values(&mut self, grid: &PlanGrid, block: usize) -> Option<[u64; CELLS]> {
        let wide = &mut self.wide;
        self.fine.values(grid, block, &mut |cell| wide.at(grid, cell, |_| 0))
    }

    /// The least that the way from a free cell, which can be reached from the start, to the goal costs; [`NEVER`] when there
    /// is none.
    pub fn at(&mut self, grid: &PlanGrid, cell: Cell) -> u64 {
        let wide = &mut self.wide;
        self.fine.at(grid, cell, |cell| wide.at(grid, cell, |_| 0))
    }
}

/// Blocks of `2^LOG` cells, and the costs from their corners to one of them.
#[derive(Clone, Debug, Default)]
struct Layer<const LOG: u32> {
    /// Cells that block (0, 0) begins before the grid.
    offset: (i32, i32),
    /// Blocks along x and y.
    blocks: (u32, u32),
    /// Travel cost of every block's cheapest cell.
    cheapest: Vec<u16>,
    corners: Vec<Corner>,
    /// Twice the cost in the middle of every block; zero until its corners are final.
    middle: Vec<u64>,
    open: Buckets,
    /// Cheapest cells of the columns of a row of blocks, while that is looked at.
    row: Vec<u16>,
    /// Corners taken from the queue.
    settled: u32,
}

#[derive(Clone, Copy, Debug)]
struct Corner {
    /// Least cost known.
    cost: u64,
    /// With what leads the search added. Final when all keys of its bucket have been taken.
    key: u64,
    /// The way that led to it, an index of [`WAYS`].
    from: u8,
    /// Its neighbours have been looked at since it was reached as cheaply.
    closed: bool,
}

const UNKNOWN: Corner = Corner { cost: NEVER, key: NEVER, from: START, closed: false };
/// No way has led to it: the search began there.
const START: u8 = 8;

/// The eight ways on from a corner, each with the blocks it runs through or between, by their places among the four about
/// the corner: upper right, upper left, lower right, lower left.
const WAYS: [(i64, i64, usize, usize); 8] = [
    (1, 0, 0, 2),
    (-1, 0, 1, 3),
    (0, 1, 0, 1),
    (0, -1, 2, 3),
    (1, 1, 0, 0),
    (-1, 1, 1, 1),
    (1, -1, 2, 2),
    (-1, -1, 3, 3),
];

/// The ways on from a corner, as bits by the way that led to it. To where the others lead the corner before has a way at
/// least as cheap: along a border of the same block, which costs no more than going through it.
const ONWARD: [u8; 9] = [
    bits([0, 4, 6, 2, 3]),
    bits([1, 5, 7, 2, 3]),
    bits([2, 4, 5, 0, 1]),
    bits([3, 6, 7, 0, 1]),
    bits([4, 0, 2, 5, 6]),
    bits([5, 1, 2, 4, 7]),
    bits([6, 0, 3, 4, 7]),
    bits([7, 1, 3, 5, 6]),
    u8::MAX,
];

/// Ways on, as bits by their number.
pub(super) const fn bits([a, b, c, d, e]: [u8; 5]) -> u8 {
    1 << a | 1 << b | 1 << c | 1 << d | 1 << e
}

impl<const LOG: u32> Layer<LOG> {
    const BLOCK: i32 = 1 << LOG;
    /// A bucket is a quarter to a half of the cheapest edge wide.
    const SHIFT: u32 = (1000 * STRAIGHT).ilog2() + LOG - 1;

    /// Begins anew: corners where `aligned` is one, costs to the corner of `to`, or one of its block when it is none.
    fn reset(&mut self, grid: &PlanGrid, aligned: Cell, to: Cell, guide: impl FnOnce(Cell) -> u64) {
        let offset = |v: i32| -v & (Self::BLOCK - 1);
        self.offset = (offset(aligned.col), offset(aligned.row));
        // At least one, and the last cell lies in the last block.
        let count = |cells: u32, offset: i32| ((cells.max(1) - 1 + offset as u32) >> LOG) + 1;
        self.blocks = (count(grid.width, self.offset.0), count(grid.height, self.offset.1));
        let blocks = self.blocks.0 as usize * self.blocks.1 as usize;
        self.cheapest.clear();
        self.cheapest.resize(blocks, UNSEEN);
        self.middle.clear();
        self.middle.resize(blocks, 0);
        self.corners.clear();
        self.corners.resize((self.blocks.0 as usize + 1) * (self.blocks.1 as usize + 1), UNKNOWN);
        self.settled = 0;
        let (i, j) = ((to.col + self.offset.0) >> LOG, (to.row + self.offset.1) >> LOG);
        let index = self.corner_index(i, j);
        let key = guide(self.corner_cell(index));
        // A step changes a key by at most twice its cost.
        let span = (2 * u64::from(FORBIDDEN) * DIAGONAL) << LOG;
        self.open.reset(Self::SHIFT, if key == NEVER { 0 } else { key }, span);
        if let Some(corner) = self.corners.get_mut(index)
            && key != NEVER
        {
            *corner = Corner { cost: 0, key, from: START, closed: false };
            self.open.push(key, index as u32);
        }
    }

    /// The least that the way from a cell costs; [`NEVER`] when there is none.
    fn at(&mut self, grid: &PlanGrid, cell: Cell, mut guide: impl FnMut(Cell) -> u64) -> u64 {
        let (u, v) = (cell.col + self.offset.0, cell.row + self.offset.1);
        // The last corners belong to the last blocks.
        let bx = (u >> LOG).min(self.blocks.0 as i32 - 1);
        let by = (v >> LOG).min(self.blocks.1 as i32 - 1);
        let (a, b) = (u - (bx << LOG), v - (by << LOG));
        let here = self.within(grid, bx, by, (a, b), &mut guide);
        if here != NEVER {
            return here;
        }
        // On a border the other block says the same, and it may be one that can be crossed.
        let (left, below) = (a == 0 && bx > 0, b == 0 && by > 0);
        let others = [(left, 1, 0), (below, 0, 1), (left && below, 1, 1)];
        for (_, dx, dy) in others.into_iter().filter(|(touches, ..)| *touches) {
            let at = (a + dx * Self::BLOCK, b + dy * Self::BLOCK);
            let there = self.within(grid, bx - dx, by - dy, at, &mut guide);
            if there != NEVER {
                return there;
            }
        }
        NEVER
    }

    /// The least cost from a place in a block.
    fn within(
        &mut self,
        grid: &PlanGrid,
        bx: i32,
        by: i32,
        (a, b): (i32, i32),
        guide: &mut impl FnMut(Cell) -> u64,
    ) -> u64 {
        let low = self.corner_index(bx, by);
        let high = low + self.blocks.0 as usize + 1;
        let corners = [low, low + 1, high, high + 1];
        let block = by as usize * self.blocks.0 as usize + bx as usize;
        let middle = match self.middle.get(block) {
            Some(0) | None => self.finish(grid, block, corners, guide),
            Some(known) => *known,
        };
        if middle == NEVER {
            return NEVER;
        }
        let corners = corners.map(|i| self.corners.get(i).map_or(0, |c| c.cost as i64));
        Self::on_plane(corners, middle as i64, (a, b))
    }

    /// The cost at a place in a block, by the plane through two of its corners and the middle (twice the cost there).
    #[inline]
    const fn on_plane([h00, h10, h01, h11]: [i64; 4], middle: i64, (a, b): (i32, i32)) -> u64 {
        let half = Self::BLOCK / 2;
        let (from, to, along, into) = if a.abs_diff(half) > b.abs_diff(half) {
            if a < half { (h00, h01, b, a) } else { (h10, h11, b, Self::BLOCK - a) }
        } else if b < half {
            (h00, h10, a, b)
        } else {
            (h01, h11, a, Self::BLOCK - b)
        };
        // Costs stay below 2^57 (see `DIAGONAL`), so that sixteen of them fit.
        let slope = (to - from) * along as i64 + (middle - from - to) * into as i64;
        (from + (slope >> LOG)) as u64
    }

    /// The least costs from all cells of a block of the layer that leads the search, row by row; `None` when there is no way.
    fn values(
        &mut self,
        grid: &PlanGrid,
        block: usize,
        guide: &mut impl FnMut(Cell) -> u64,
    ) -> Option<[u64; CELLS]> {
        let across = self.blocks.0 as usize;
        let low = block / across * (across + 1) + block % across;
        let corners = [low, low + 1, low + across + 1, low + across + 2];
        let middle = self.finish(grid, block, corners, guide);
        if middle == NEVER {
            return None;
        }
        let corners = corners.map(|i| self.corners.get(i).map_or(0, |c| c.cost as i64));
        let mut values = [0; CELLS];
        for (place, value) in (0..).zip(&mut values) {
            *value = Self::on_plane(corners, middle as i64, (place % Self::BLOCK, place / Self::BLOCK));
        }
        Some(values)
    }

    /// Goes on with the search until the corners of a block are final, and works out twice the cost in its middle: from there
    /// straight to a border or slanting to a corner, whichever is cheapest.
    fn finish(
        &mut self,
        grid: &PlanGrid,
        block: usize,
        corners: [usize; 4],
        guide: &mut impl FnMut(Cell) -> u64,
    ) -> u64 {
        let mut costs = [NEVER; 4];
        for (cost, index) in costs.iter_mut().zip(corners) {
            loop {
                let corner = self.corners.get(index).copied().unwrap_or(UNKNOWN);
                *cost = corner.cost;
                if corner.cost != NEVER && corner.key < self.open.floor() {
                    break;
                }
                if !self.take_bucket(grid, guide) {
                    break;
                }
            }
        }
        let [h00, h10, h01, h11] = costs;
        let twice = if costs.contains(&NEVER) {
            // The corners of a block that can be crossed are reached together or not at all.
            NEVER
        } else {
            let (i, j) = (block % self.blocks.0 as usize, block / self.blocks.0 as usize);
            let travel = u64::from(self.cheapest(grid, i as i64, j as i64)) << LOG;
            let border = (h00 + h10).min(h00 + h01).min(h10 + h11).min(h01 + h11);
            let corner = h00.min(h10).min(h01).min(h11);
            (border + travel * STRAIGHT).min(2 * corner + travel * DIAGONAL)
        };
        if let Some(slot) = self.middle.get_mut(block) {
            *slot = twice;
        }
        twice
    }

    /// Takes all corners of the lowest bucket; false when there are none left.
    fn take_bucket(&mut self, grid: &PlanGrid, guide: &mut impl FnMut(Cell) -> u64) -> bool {
        let Some(index) = self.open.pop() else { return false };
        self.expand(grid, index as usize, guide);
        while let Some(index) = self.open.pop_same() {
            self.expand(grid, index as usize, guide);
        }
        true
    }

    /// Looks at the neighbours of a corner, unless that was done since it was reached as cheaply.
    fn expand(&mut self, grid: &PlanGrid, index: usize, guide: &mut impl FnMut(Cell) -> u64) {
        let (cost, from) = match self.corners.get_mut(index) {
            Some(corner) if !corner.closed => {
                corner.closed = true;
                (corner.cost, corner.from)
            }
            _ => return,
        };
        self.settled += 1;
        let across = self.blocks.0 as usize + 1;
        let (i, j) = ((index % across) as i64, (index / across) as i64);
        let around = [(0, 0), (-1, 0), (0, -1), (-1, -1)].map(|(di, dj)| self.cheapest(grid, i + di, j + dj));
        let onward = ONWARD.get(usize::from(from)).copied().unwrap_or_default();
        for (way, (di, dj, one, other)) in (0u8..).zip(WAYS) {
            let of = |place: usize| around.get(place).copied().unwrap_or(FORBIDDEN);
            let travel = of(one).min(of(other));
            if travel == FORBIDDEN || onward & (1 << way) == 0 {
                continue;
            }
            // A block that is not there is forbidden, so the corner exists.
            let to = (index as i64 + di + dj * across as i64) as usize;
            let length = if way < 4 { STRAIGHT } else { DIAGONAL };
            let total = cost + ((u64::from(travel) * length) << LOG);
            let Some(known) = self.corners.get(to) else { continue };
            if total >= known.cost {
                continue;
            }
            let rest = if known.cost == NEVER { guide(self.corner_cell(to)) } else { known.key - known.cost };
            if rest == NEVER {
                continue;
            }
            if let Some(corner) = self.corners.get_mut(to) {
                *corner = Corner { cost: total, key: total + rest, from: way, closed: false };
                self.open.push(total + rest, to as u32);
            }
        }
    }

    /// Travel cost of a block's cheapest cell.
    #[inline]
    fn cheapest(&mut self, grid: &PlanGrid, i: i64, j: i64) -> u16 {
        let (across, up) = self.blocks;
        if i < 0 || j < 0 || i >= i64::from(across) || j >= i64::from(up) {
            return FORBIDDEN;
        }
        let index = j as usize * across as usize + i as usize;
        match self.cheapest.get(index) {
            Some(&UNSEEN) => {
                self.look_at_row(grid, j as usize);
                self.cheapest.get(index).copied().unwrap_or(FORBIDDEN)
            }
            known => known.copied().unwrap_or(FORBIDDEN),
        }
    }

    /// Finds the cheapest cells of a whole row of blocks.
    #[inline(never)]
    fn look_at_row(&mut self, grid: &PlanGrid, j: usize) {
        let range = |block: usize, offset: i32, cells: u32| {
            let first = ((block as i64) << LOG) - i64::from(offset);
            let end = (first + i64::from(Self::BLOCK) + 1).clamp(0, i64::from(cells));
            (first.max(0) as usize, end as usize)
        };
        let width = grid.width as usize;
        let (bottom, top) = range(j, self.offset.1, grid.height);
        self.row.clear();
        self.row.resize(width, FORBIDDEN);
        for row in bottom..top {
            let cells = grid.travel.get(row * width..(row + 1) * width).unwrap_or_default();
            for (least, travel) in self.row.iter_mut().zip(cells) {
                *least = (*least).min(*travel);
            }
        }
        let across = self.blocks.0 as usize;
        let blocks = self.cheapest.get_mut(j * across..(j + 1) * across).unwrap_or_default();
        for (i, cheapest) in blocks.iter_mut().enumerate() {
            let (left, right) = range(i, self.offset.0, grid.width);
            let cells = self.row.get(left..right).unwrap_or_default();
            *cheapest = cells.iter().fold(FORBIDDEN, |least, travel| least.min(*travel));
        }
    }

    const fn corner_index(&self, i: i32, j: i32) -> usize {
        j as usize * (self.blocks.0 as usize + 1) + i as usize
    }

    /// The cell that a corner is the centre of; it may lie outside the grid.
    const fn corner_cell(&self, index: usize) -> Cell {
        let across = self.blocks.0 as usize + 1;
        let (i, j) = ((index % across) as i32, (index / across) as i32);
        Cell { col: (i << LOG) - self.offset.0, row: (j << LOG) - self.offset.1 }
    }
}

#[cfg(test)]
mod tests {
    use super::super::astar::tests::{least_costs, random_grid};
    use super::*;
    use proptest::prelude::*;

    fn estimates(grid: &PlanGrid, goal: Cell) -> Vec<u64> {
        let mut field = CoarseField::default();
        field.reset(grid, goal, goal);
        let free = |i: usize| grid.travel[i] != FORBIDDEN;
        let estimates: Vec<u64> = (0..grid.travel.len())
            .map(|i| if free(i) { field.at(grid, grid.cell_at(i)) } else { NEVER })
            .collect();
        // What the search asks for, block by block, is the same.
        for (index, estimate) in estimates.iter().enumerate().filter(|(i, _)| free(*i)) {
            let cell = grid.cell_at(index);
            let (u, v) = (cell.col + field.fine.offset.0, cell.row + field.fine.offset.1);
            let block = (v / 4) as usize * field.fine.blocks.0 as usize + (u / 4) as usize;
            let values = field.values(grid, block);
            assert_eq!(values.map_or(NEVER, |values| values[(v % 4 * 4 + u % 4) as usize]), *estimate);
        }
        estimates
    }

    proptest! {
        #[test]
        fn it_is_never_above_the_cost_and_never_falls_by_more_than_a_step_costs(grid in random_grid(), g in any::<u32>()) {
            let goal = grid.cell_at((g % (grid.width * grid.height)) as usize);
            let goal_index = grid.index_of(goal).unwrap();
            prop_assume!(grid.travel[goal_index] != FORBIDDEN);
            let estimates = estimates(&grid, goal);
            prop_assert_eq!(estimates[goal_index], 0);
            for (index, estimate) in estimates.iter().enumerate() {
                let at = grid.cell_at(index);
                if grid.travel[index] == FORBIDDEN {
                    continue;
                }
                if index % 97 == 0 {
                    let cost = least_costs(&grid, at).map_or(NEVER, |costs| costs[goal_index]);
                    prop_assert!(*estimate <= cost, "{at:?}: {estimate} > {cost}");
                }
                for (dc, dr) in [(1, 0), (0, 1), (-1, 0), (0, -1), (1, 1), (-1, 1), (-1, -1), (1, -1)] {
                    let to = Cell { col: at.col + dc, row: at.row + dr };
                    let Some(to_index) = grid.index_of(to).filter(|i| grid.travel[*i] != FORBIDDEN) else { continue };
                    let length = if dc != 0 && dr != 0 { DIAGONAL } else { STRAIGHT };
                    let step = u64::from(grid.travel[to_index]) * length;
                    let after = estimates[to_index];
                    prop_assert!(after == NEVER && *estimate == NEVER || *estimate <= after + step, "{at:?} to {to:?}");
                }
            }
        }
    }

    #[test]
    fn on_a_free_grid_it_is_the_cost() {
        let grid = PlanGrid {
            resolution_m: 1.0,
            width: 61,
            height: 43,
            travel: vec![1000; 61 * 43],
            ..PlanGrid::default()
        };
        for goal in [Cell { col: 17, row: 30 }, Cell { col: 0, row: 0 }, Cell { col: 60, row: 42 }] {
            let costs = least_costs(&grid, goal).unwrap();
            assert_eq!(estimates(&grid, goal), costs);
        }
    }

    #[test]
    fn behind_a_thick_wall_is_never() {
        let mut travel = vec![1000; 60 * 20];
        for row in 0..20 {
            travel[row * 60 + 20..row * 60 + 40].fill(FORBIDDEN);
        }
        let grid = PlanGrid { resolution_m: 1.0, width: 60, height: 20, travel, ..PlanGrid::default() };
        let estimates = estimates(&grid, Cell { col: 3, row: 3 });
        assert_eq!(estimates[50], NEVER);
        assert_eq!(estimates[3 * 60 + 13], 10 * 1000 * STRAIGHT);
    }
}
