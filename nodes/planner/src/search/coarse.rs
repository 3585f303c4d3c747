//! What it costs at least to get from a cell to the goal: the estimate that leads the search.
//!
//! The grid is cut into square blocks whose corners are cell centres, one of them the goal's. A block is taken to be as cheap
//! all over as its cheapest cell, borders included: a problem that is nowhere dearer than the real one. With steps in eight
//! directions a cheapest way in it can be bent until it runs along borders and diagonals of blocks (its cost is piecewise
//! linear in where it crosses borders, with breaks at corners only), so a search over the corners gives their exact costs in
//! that problem. By the same argument the cost is concave on each quarter of a block, between two corners and the middle; so
//! a plane through these three values is nowhere above it. The planes meet at the borders and are nowhere steeper than the
//! block is cheap: the estimate is consistent. The tests hold the claims against
//! exact costs, and against every step of random grids.
//!
//! There are two layers. Blocks of [`FINE`] lead the search. Their corners are themselves found by A*, from the goal
//! towards the start, led by blocks of [`WIDE`] about the start; so only those near good ways are looked at, and everything
//! is worked out when it is first asked for.

use super::astar::{DIAGONAL, STRAIGHT};
use super::corners::Edges;
use super::patches::{INF, PER_PATCH, Patches, Place, Rows};
use super::plan_grid::{FORBIDDEN, PlanGrid};
use outrider_foundation::grid::Cell;

/// Edge of a block of the layer that leads the search in cells, as a power of two.
pub const FINE: u32 = 2;
/// The same of the layer that leads that layer.
const WIDE: u32 = 4;
/// No way leads to the goal.
pub const NEVER: u64 = u64::MAX;
/// A block whose cheapest cell has not been looked for.
const UNSEEN: u16 = 0;
/// A block whose corners are not final.
const NOT_FINISHED: ([f64; 4], f64) = ([0.0; 4], 0.0);

/// Least costs of the ways from a start to a goal.
#[derive(Clone, Debug, Default)]
pub struct CoarseField {
    fine: Layer<FINE>,
    wide: Layer<WIDE>,
}

impl CoarseField {
    /// Begins anew for a start and a goal inside the grid.
    pub fn reset(&mut self, grid: &PlanGrid, start: Cell, goal: Cell) {
        self.wide.reset(grid, goal, start, |_| 0.0);
        let wide = &mut self.wide;
        self.fine.reset(grid, goal, goal, |cell| wide.at(grid, cell, |_| 0.0));
    }

    /// Corners of blocks that were looked at: [`PER_PATCH`] for every time that a patch of them was worked out.
    pub const fn settled(&self) -> u32 {
        self.fine.settled + self.wide.settled
    }

    /// Least costs from the cells of a block of the layer that leads the search; infinite when there is no way from there.
    pub fn values(&mut self, grid: &PlanGrid, block: (i32, i32)) -> Rows {
        let wide = &mut self.wide;
        self.fine.values(grid, block, &mut |cell| wide.at(grid, cell, |_| 0.0))
    }

    /// The least that the way from a free cell, which can be reached from the start, to the goal costs; [`NEVER`] when there
    /// is none.
    pub fn at(&mut self, grid: &PlanGrid, cell: Cell) -> u64 {
        let wide = &mut self.wide;
        // Infinity becomes the greatest number.
        self.fine.at(grid, cell, |cell| wide.at(grid, cell, |_| 0.0)) as u64
    }
}

/// What the corners of a block of the layer that leads the search, and twice the value in the middle, count for its cells.
const SHARES: [[[f64; 5]; 4]; 4] = {
    let mut shares = [[[0.0; 5]; 4]; 4];
    let mut place = 0;
    while place < 16 {
        let (row, col) = (place / 4, place % 4);
        let mut of = 0;
        while of < 5 {
            let mut unit = [0.0; 5];
            unit[of] = 1.0;
            let [a, b, c, d, middle] = unit;
            shares[row][col][of] = Layer::<FINE>::on_plane([a, b, c, d], middle, (col as i32, row as i32));
            of += 1;
        }
        place += 1;
    }
    shares
};

/// Blocks of `2^LOG` cells, and the costs from their corners to one of them.
#[derive(Clone, Debug, Default)]
struct Layer<const LOG: u32> {
    /// Cells that block (0, 0) begins before the grid.
    offset: (i32, i32),
    /// Blocks along x and y.
    blocks: (u32, u32),
    /// Travel cost of every block's cheapest cell.
    cheapest: Vec<u16>,
    corners: Patches<Edges>,
    /// Costs of the corners of every block and twice that in its middle, which is zero until they are final. Made when single
    /// places are asked for.
    finished: Vec<([f64; 4], f64)>,
    /// Cheapest cells of the columns of a row of blocks, while that is looked at.
    row: Vec<u16>,
    /// Corners looked at.
    settled: u32,
}

impl<const LOG: u32> Layer<LOG> {
    const BLOCK: i32 = 1 << LOG;
    /// A bucket is a quarter to a half of the cheapest edge wide.
    const SHIFT: u32 = (1000 * STRAIGHT).ilog2() + LOG - 1;

    /// Begins anew: corners where `aligned` is one, costs to the corner of `to`, or one of its block when it is none.
    fn reset(&mut self, grid: &PlanGrid, aligned: Cell, to: Cell, mut guide: impl FnMut(Cell) -> f64) {
        let offset = |v: i32| -v & (Self::BLOCK - 1);
        self.offset = (offset(aligned.col), offset(aligned.row));
        // At least one, and the last cell lies in the last block.
        let count = |cells: u32, offset: i32| ((cells.max(1) - 1 + offset as u32) >> LOG) + 1;
        self.blocks = (count(grid.width, self.offset.0), count(grid.height, self.offset.1));
        let blocks = self.blocks.0 as usize * self.blocks.1 as usize;
        self.cheapest.clear();
        self.cheapest.resize(blocks, UNSEEN);
        self.finished.clear();
        self.settled = 0;
        // A step changes an estimate by at most twice its cost.
        let span = (2 * u64::from(FORBIDDEN) * DIAGONAL) << LOG;
        self.corners.reset((self.blocks.0 + 1, self.blocks.1 + 1), Self::SHIFT, span);
        let (i, j) = ((to.col + self.offset.0) >> LOG, (to.row + self.offset.1) >> LOG);
        let place = self.corner(i, j);
        self.enter(grid, place.patch, &mut guide);
        self.corners.begin(place);
    }

    /// The least that the way from a cell costs; infinite when there is none.
    fn at(&mut self, grid: &PlanGrid, cell: Cell, mut guide: impl FnMut(Cell) -> f64) -> f64 {
        let (u, v) = (cell.col + self.offset.0, cell.row + self.offset.1);
        // The last corners belong to the last blocks.
        let bx = (u >> LOG).min(self.blocks.0 as i32 - 1);
        let by = (v >> LOG).min(self.blocks.1 as i32 - 1);
        let (a, b) = (u - (bx << LOG), v - (by << LOG));
        let here = self.within(grid, (bx, by), (a, b), &mut guide);
        if here < INF {
            return here;
        }
        // On a border the other block says the same, and it may be one that can be crossed.
        let (left, below) = (a == 0 && bx > 0, b == 0 && by > 0);
        let others = [(left, 1, 0), (below, 0, 1), (left && below, 1, 1)];
        for (_, dx, dy) in others.into_iter().filter(|(touches, ..)| *touches) {
            let at = (a + dx * Self::BLOCK, b + dy * Self::BLOCK);
            let there = self.within(grid, (bx - dx, by - dy), at, &mut guide);
            if there < INF {
                return there;
            }
        }
        INF
    }

    /// The least cost from a place in a block.
    fn within(
        &mut self,
        grid: &PlanGrid,
        block: (i32, i32),
        at: (i32, i32),
        guide: &mut impl FnMut(Cell) -> f64,
    ) -> f64 {
        let number = block.1 as usize * self.blocks.0 as usize + block.0 as usize;
        if self.finished.is_empty() {
            self.finished.resize(self.blocks.0 as usize * self.blocks.1 as usize, NOT_FINISHED);
        }
        let (corners, middle) = match self.finished.get(number) {
            Some(known) if known.1 > 0.0 => *known,
            _ => {
                let finished = self.finish(grid, block, guide);
                if let Some(slot) = self.finished.get_mut(number) {
                    *slot = finished;
                }
                finished
            }
        };
        if middle < INF { Self::on_plane(corners, middle, at) } else { INF }
    }

    /// The cost at a place in a block, by the plane through two of its corners and the middle (twice the cost there).
    #[inline]
    const fn on_plane([h00, h10, h01, h11]: [f64; 4], middle: f64, (a, b): (i32, i32)) -> f64 {
        let half = Self::BLOCK / 2;
        let (from, to, along, into) = if a.abs_diff(half) > b.abs_diff(half) {
            if a < half { (h00, h01, b, a) } else { (h10, h11, b, Self::BLOCK - a) }
        } else if b < half {
            (h00, h10, a, b)
        } else {
            (h01, h11, a, Self::BLOCK - b)
        };
        // Differences within a block are small, so that nothing is lost: sixteenths of whole numbers.
        let slope = (to - from) * along as f64 + (middle - from - to) * into as f64;
        from + slope / Self::BLOCK as f64
    }

    /// The least costs from all cells of a block of the layer that leads the search, row by row.
    fn values(&mut self, grid: &PlanGrid, block: (i32, i32), guide: &mut impl FnMut(Cell) -> f64) -> Rows {
        let (corners, middle) = self.finish(grid, block, guide);
        if middle == INF {
            return [[INF; 4]; 4];
        }
        let [h00, h10, h01, h11] = corners;
        let mut values = [[0.0; 4]; 4];
        for (values, shares) in values.iter_mut().zip(&SHARES) {
            for (value, [s00, s10, s01, s11, twice]) in values.iter_mut().zip(shares) {
                // Quarters of whole numbers: nothing is rounded.
                *value = s00 * h00 + s10 * h10 + s01 * h01 + s11 * h11 + twice * middle;
            }
        }
        values
    }

    fn corner(&self, i: i32, j: i32) -> Place {
        self.corners.place_of((i as u32, j as u32))
    }

    /// Goes on with the search until the corners of a block are final, and works out twice the cost in its middle: from there
    /// straight to a border or slanting to a corner, whichever is cheapest.
    fn finish(
        &mut self,
        grid: &PlanGrid,
        (i, j): (i32, i32),
        guide: &mut impl FnMut(Cell) -> f64,
    ) -> ([f64; 4], f64) {
        let mut corners = [INF; 4];
        let places = [(i, j), (i + 1, j), (i, j + 1), (i + 1, j + 1)];
        for (corner, (i, j)) in corners.iter_mut().zip(places) {
            let place = self.corner(i, j);
            loop {
                let (cost, rest) = self.corners.known(place);
                *corner = cost;
                if cost + rest < self.corners.floor() || !self.take_bucket(grid, guide) {
                    break;
                }
            }
        }
        let [h00, h10, h01, h11] = corners;
        let border = (h00 + h10).min(h00 + h01).min(h10 + h11).min(h01 + h11);
        let corner = h00.min(h10).min(h01).min(h11);
        let travel = self.cheapest(grid, i64::from(i), i64::from(j));
        let length = f64::from(travel) * Self::BLOCK as f64;
        // The corners of a block that can be crossed are reached together or not at all.
        let twice = if corners.contains(&INF) || travel == FORBIDDEN {
            INF
        } else {
            (border + length * STRAIGHT as f64).min(2.0 * corner + length * DIAGONAL as f64)
        };
        (corners, twice)
    }

    /// Takes all patches of the lowest bucket; false when there are none left.
    #[inline(never)]
    fn take_bucket(&mut self, grid: &PlanGrid, guide: &mut impl FnMut(Cell) -> f64) -> bool {
        let mut next = self.corners.take(INF, false);
        let any = next.is_some();
        while let Some(patch) = next {
            self.enter(grid, patch, guide);
            self.settled += PER_PATCH;
            self.corners.settle(patch);
            self.corners.spread(patch, INF);
            next = self.corners.take(INF, true);
        }
        any
    }

    /// Enters a patch of corners, unless that was done.
    #[inline]
    fn enter(&mut self, grid: &PlanGrid, patch: usize, guide: &mut impl FnMut(Cell) -> f64) {
        if self.corners.is_entered(patch) {
            return;
        }
        let (i, j) = self.corners.first_of(patch);
        let mut travel = [[FORBIDDEN; 5]; 5];
        for (j, row) in (i64::from(j) - 1..).zip(&mut travel) {
            for (i, travel) in (i64::from(i) - 1..).zip(row) {
                *travel = self.cheapest(grid, i, j);
            }
        }
        let mut rest = [[INF; 4]; 4];
        for (j, row) in (j..=self.blocks.1 as i32).zip(&mut rest) {
            for (i, rest) in (i..=self.blocks.0 as i32).zip(row) {
                let cell = Cell { col: (i << LOG) - self.offset.0, row: (j << LOG) - self.offset.1 };
                *rest = guide(cell);
            }
        }
        self.corners.enter(patch, Edges::new(&travel, LOG), rest);
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
        let first = ((j as i64) << LOG) - i64::from(self.offset.1);
        let end = (first + i64::from(Self::BLOCK) + 1).clamp(0, i64::from(grid.height)) as usize;
        let (across, width) = (self.blocks.0 as usize, grid.width as usize);
        // From where the first block begins to a block behind the last one.
        self.row.clear();
        self.row.resize((across + 1) << LOG, FORBIDDEN);
        for row in first.max(0) as usize..end {
            let cells = grid.travel.get(row * width..(row + 1) * width).unwrap_or_default();
            for (least, travel) in self.row.iter_mut().skip(self.offset.0 as usize).zip(cells) {
                *least = (*least).min(*travel);
            }
        }
        let blocks = self.cheapest.get_mut(j * across..(j + 1) * across).unwrap_or_default();
        // The border to the next block belongs to both.
        let borders = self.row.iter().skip(1 << LOG).step_by(1 << LOG);
        for ((cheapest, cells), border) in blocks.iter_mut().zip(self.row.chunks_exact(1 << LOG)).zip(borders)
        {
            *cheapest = cells.iter().fold(*border, |least, travel| least.min(*travel));
        }
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
            let values = field.values(grid, (u / 4, v / 4));
            assert_eq!(values[(v % 4) as usize][(u % 4) as usize] as u64, *estimate);
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
