//! What it costs at least to get from a cell to the goal: the estimate that leads the search.
//!
//! The grid is cut into square blocks of [`BLOCK`] cells whose corners are cell centres, one of them the goal's. A block is
//! taken to be as cheap all over as its cheapest cell, borders included: a problem that is nowhere dearer than the real one.
//! With steps in eight directions a cheapest way in it can be bent until it runs along borders and diagonals of blocks (its
//! cost is piecewise linear in where it crosses borders, with breaks at corners only), so Dijkstra over the corners gives
//! their exact costs in that problem. By the same argument the cost is concave on each quarter of a block, between two
//! corners and the middle; so a plane through these three values is nowhere above it. The planes meet at the borders and
//! are nowhere steeper than the block is cheap: the estimate is consistent, and A* never expands a cell twice for it.
//! The tests hold the claims against exact costs, and against every step of random grids.

use super::astar::{DIAGONAL, STRAIGHT};
use super::buckets::Buckets;
use super::plan_grid::{FORBIDDEN, PlanGrid};
use outrider_foundation::grid::Cell;

/// Edge of a block in cells, as a power of two.
const LOG: u32 = 3;
/// Edge of a block in cells.
const BLOCK: u32 = 1 << LOG;
/// No way leads to the goal.
pub const NEVER: u64 = u64::MAX;
/// Narrower than the cheapest edge of a block (`8 · 1000 · 13860`), so that a corner that leaves the queue is final.
const BUCKET_SHIFT: u32 = 26;
/// A block whose cheapest cell has not been looked for.
const UNSEEN: u16 = 0;

/// Least costs to one goal. Everything is worked out when it is first asked for, so that a goal near by costs little.
#[derive(Clone, Debug, Default)]
pub struct CoarseField {
    /// Cells that block (0, 0) begins before the grid.
    offset: (u32, u32),
    /// Blocks along x and y.
    blocks: (u32, u32),
    /// Travel cost of every block's cheapest cell.
    cheapest: Vec<u16>,
    /// Cost at every corner, [`NEVER`] until known.
    corners: Vec<Corner>,
    /// Twice the cost in the middle of every block; zero until asked for.
    middle: Vec<u64>,
    open: Buckets,
    /// Corners taken from the queue.
    settled: u32,
}

#[derive(Clone, Copy, Debug)]
struct Corner {
    cost: u64,
    is_final: bool,
}

/// The eight ways on from a corner, each with the blocks it runs through or between: relative to the corner's upper right one.
const WAYS: [(i64, i64, [(i64, i64); 2]); 8] = [
    (1, 0, [(0, 0), (0, -1)]),
    (-1, 0, [(-1, 0), (-1, -1)]),
    (0, 1, [(0, 0), (-1, 0)]),
    (0, -1, [(0, -1), (-1, -1)]),
    (1, 1, [(0, 0), (0, 0)]),
    (-1, 1, [(-1, 0), (-1, 0)]),
    (1, -1, [(0, -1), (0, -1)]),
    (-1, -1, [(-1, -1), (-1, -1)]),
];

impl CoarseField {
    /// Begins anew for a goal inside the grid.
    pub fn reset(&mut self, grid: &PlanGrid, goal: Cell) {
        let offset = |v: i32| (BLOCK - (v.unsigned_abs() & (BLOCK - 1))) & (BLOCK - 1);
        self.offset = (offset(goal.col), offset(goal.row));
        // At least one, and the last cell lies in the last block.
        let count = |cells: u32, offset: u32| ((cells.max(1) - 1 + offset) >> LOG) + 1;
        self.blocks = (count(grid.width, self.offset.0), count(grid.height, self.offset.1));
        let blocks = self.blocks.0 as usize * self.blocks.1 as usize;
        self.cheapest.clear();
        self.cheapest.resize(blocks, UNSEEN);
        self.middle.clear();
        self.middle.resize(blocks, 0);
        self.corners.clear();
        let unknown = Corner { cost: NEVER, is_final: false };
        self.corners.resize((self.blocks.0 as usize + 1) * (self.blocks.1 as usize + 1), unknown);
        let dearest = u64::from(BLOCK) * u64::from(FORBIDDEN) * DIAGONAL;
        self.open.reset(BUCKET_SHIFT, 0, dearest);
        self.settled = 0;
        let at = ((goal.col as u32 + self.offset.0) >> LOG, (goal.row as u32 + self.offset.1) >> LOG);
        let index = self.corner_index(at.0, at.1);
        if let Some(corner) = self.corners.get_mut(index) {
            corner.cost = 0;
            self.open.push(0, index as u32);
        }
    }

    /// Corners whose cost had to be worked out.
    pub const fn settled(&self) -> u32 {
        self.settled
    }

    /// The least that the way from a cell of the grid to the goal costs; [`NEVER`] when there is none.
    pub fn at(&mut self, grid: &PlanGrid, cell: Cell) -> u64 {
        let (u, v) = (cell.col as u32 + self.offset.0, cell.row as u32 + self.offset.1);
        let (bx, by) = (u >> LOG, v >> LOG);
        let (a, b) = (u & (BLOCK - 1), v & (BLOCK - 1));
        let low = self.corner_index(bx, by);
        let high = low + self.blocks.0 as usize + 1;
        let corners = [low, low + 1, high, high + 1];
        let block = by as usize * self.blocks.0 as usize + bx as usize;
        let mut costs = [NEVER; 4];
        for (cost, index) in costs.iter_mut().zip(corners) {
            *cost = self.cost(grid, index);
        }
        let [h00, h10, h01, h11] = costs;
        if costs.contains(&NEVER) {
            // The corners of a block that can be crossed are reached together or not at all.
            return NEVER;
        }
        let middle = match self.middle.get(block) {
            Some(0) | None => {
                let twice = self.twice_the_middle(grid, bx, by, costs);
                if let Some(slot) = self.middle.get_mut(block) {
                    *slot = twice;
                }
                twice
            }
            Some(known) => *known,
        };
        let half = BLOCK / 2;
        let (from, to, along, into) = if a.abs_diff(half) > b.abs_diff(half) {
            if a < half { (h00, h01, b, a) } else { (h10, h11, b, BLOCK - a) }
        } else if b < half {
            (h00, h10, a, b)
        } else {
            (h01, h11, a, BLOCK - b)
        };
        // Costs stay below 2^57 (see `DIAGONAL`), so that eight of them fit.
        let (from, to, middle) = (from as i64, to as i64, middle as i64);
        let slope = (to - from) * i64::from(along) + (middle - from - to) * i64::from(into);
        (from + (slope >> LOG)) as u64
    }

    /// Cost at a corner; goes on with Dijkstra until it is known.
    fn cost(&mut self, grid: &PlanGrid, index: usize) -> u64 {
        match self.corners.get(index) {
            Some(corner) if corner.is_final => return corner.cost,
            _ => {}
        }
        while let Some((_, next)) = self.open.pop() {
            if self.settle(grid, next as usize) && next as usize == index {
                break;
            }
        }
        self.corners.get(index).map_or(NEVER, |corner| corner.cost)
    }

    /// Makes a corner final and looks at its neighbours; false when it was final already.
    fn settle(&mut self, grid: &PlanGrid, index: usize) -> bool {
        let cost = match self.corners.get_mut(index) {
            Some(corner) if !corner.is_final => {
                corner.is_final = true;
                corner.cost
            }
            _ => return false,
        };
        self.settled += 1;
        let across = self.blocks.0 as usize + 1;
        let (i, j) = ((index % across) as i64, (index / across) as i64);
        let around = [(0, 0), (-1, 0), (0, -1), (-1, -1)].map(|(di, dj)| self.cheapest(grid, i + di, j + dj));
        for (di, dj, [one, other]) in WAYS {
            let of = |(di, dj): (i64, i64)| match (di, dj) {
                (0, 0) => around[0],
                (-1, 0) => around[1],
                (0, _) => around[2],
                _ => around[3],
            };
            let travel = of(one).min(of(other));
            if travel == FORBIDDEN {
                continue;
            }
            // A block that is not there is forbidden, so the corner exists.
            let to = (index as i64 + di + dj * across as i64) as usize;
            let length = if di != 0 && dj != 0 { DIAGONAL } else { STRAIGHT };
            let total = cost + u64::from(travel) * length * u64::from(BLOCK);
            if let Some(corner) = self.corners.get_mut(to)
                && total < corner.cost
            {
                corner.cost = total;
                self.open.push(total, to as u32);
            }
        }
        true
    }

    /// Twice the cost in the middle of a block: straight to a border or slanting to a corner, whichever is cheapest.
    fn twice_the_middle(&mut self, grid: &PlanGrid, bx: u32, by: u32, [h00, h10, h01, h11]: [u64; 4]) -> u64 {
        let travel = u64::from(self.cheapest(grid, i64::from(bx), i64::from(by))) * u64::from(BLOCK);
        let border = (h00 + h10).min(h00 + h01).min(h10 + h11).min(h01 + h11);
        let corner = h00.min(h10).min(h01).min(h11);
        (border + travel * STRAIGHT).min(2 * corner + travel * DIAGONAL)
    }

    fn cheapest(&mut self, grid: &PlanGrid, i: i64, j: i64) -> u16 {
        let (across, up) = self.blocks;
        if i < 0 || j < 0 || i >= i64::from(across) || j >= i64::from(up) {
            return FORBIDDEN;
        }
        let index = j as usize * across as usize + i as usize;
        match self.cheapest.get(index) {
            Some(&UNSEEN) => {}
            known => return known.copied().unwrap_or(FORBIDDEN),
        }
        let range = |block: i64, offset: u32, cells: u32| {
            let first = block * i64::from(BLOCK) - i64::from(offset);
            let end = (first + i64::from(BLOCK) + 1).clamp(0, i64::from(cells));
            (first.max(0) as usize, end as usize)
        };
        let (left, right) = range(i, self.offset.0, grid.width);
        let (bottom, top) = range(j, self.offset.1, grid.height);
        let mut least = FORBIDDEN;
        for row in bottom..top {
            let begin = row * grid.width as usize;
            let cells = grid.travel.get(begin + left..begin + right).unwrap_or_default();
            least = cells.iter().fold(least, |least, travel| least.min(*travel));
        }
        if let Some(slot) = self.cheapest.get_mut(index) {
            *slot = least;
        }
        least
    }

    const fn corner_index(&self, i: u32, j: u32) -> usize {
        j as usize * (self.blocks.0 as usize + 1) + i as usize
    }
}

#[cfg(test)]
mod tests {
    use super::super::astar::tests::{least_costs, random_grid};
    use super::*;
    use proptest::prelude::*;

    fn estimates(grid: &PlanGrid, goal: Cell) -> Vec<u64> {
        let mut field = CoarseField::default();
        field.reset(grid, goal);
        let free = |i: usize| grid.travel[i] != FORBIDDEN;
        (0..grid.travel.len())
            .map(|i| if free(i) { field.at(grid, grid.cell_at(i)) } else { NEVER })
            .collect()
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
                if let Some(cost) = least_costs(&grid, at).map(|costs| costs[goal_index])
                    && index % 7 == 0
                {
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
