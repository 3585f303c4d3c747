//! A* (Hart, Nilsson, Raphael 1968) on an 8-connected grid with whole-number costs and a fixed order among equals.

use super::plan_grid::{FORBIDDEN, PlanGrid};
use outrider_foundation::grid::Cell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Cost of one step along a row or column in free space.
pub const STEP_STRAIGHT: u32 = 1000;
/// Cost of one diagonal step in free space: √2 times that, rounded down, so that the octile distance never overestimates.
pub const STEP_DIAGONAL: u32 = 1414;

/// The eight neighbours: column, row, diagonal.
const NEIGHBOURS: [(i32, i32, bool); 8] = [
    (1, 0, false),
    (0, 1, false),
    (-1, 0, false),
    (0, -1, false),
    (1, 1, true),
    (-1, 1, true),
    (-1, -1, true),
    (1, -1, true),
];

/// No parent: the start, or never reached.
const NO_PARENT: u8 = 8;

/// Result of a search.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// Cells from the start to the goal, or to the cell nearest to it that can be reached.
    pub cells: Vec<Cell>,
    /// Cost of the way, in thousandths of a cell.
    pub cost: u32,
    /// The last cell is the goal.
    pub reached: bool,
    /// Cells expanded.
    pub expanded: u32,
    /// The search ended because of its limit.
    pub limited: bool,
}

/// The search with its buffers, which are reused.
#[derive(Clone, Debug, Default)]
pub struct AStar {
    cost: Vec<u32>,
    parent: Vec<u8>,
    closed: Vec<bool>,
    open: BinaryHeap<Reverse<(u32, u32, u32)>>,
}

impl AStar {
    /// The cheapest way from `start` to `goal`, expanding at most `limit` cells. A step costs its length times the
    /// travel cost of the cell it enters; diagonal steps need both cells beside them free. `None` when `start` is
    /// forbidden or outside. When the goal is not reached the way leads to the expanded cell nearest to it.
    pub fn search(&mut self, grid: &PlanGrid, start: Cell, goal: Cell, limit: u32) -> Option<Found> {
        let start_index = free_index(grid, start)?;
        self.reset(grid.travel.len());
        let estimate = |cell: Cell| octile(cell, goal);
        if let Some(cost) = self.cost.get_mut(start_index) {
            *cost = 0;
        }
        self.open.push(Reverse((estimate(start), estimate(start), start_index as u32)));
        let mut best = (u32::MAX, u32::MAX, start_index as u32);
        let mut found = Found::default();
        while let Some(Reverse((_, h, index))) = self.open.pop() {
            let at = index as usize;
            match self.closed.get_mut(at) {
                Some(closed) if !*closed => *closed = true,
                _ => continue,
            }
            if found.expanded >= limit {
                found.limited = true;
                break;
            }
            found.expanded += 1;
            let cost = self.cost.get(at).copied().unwrap_or(u32::MAX);
            best = best.min((h, cost, index));
            let cell = grid.cell_at(at);
            if cell == goal {
                found.reached = true;
                break;
            }
            self.expand(grid, cell, cost, estimate);
        }
        found.cost = best.1;
        found.cells = self.trace(grid, best.2 as usize);
        Some(found)
    }

    fn expand(&mut self, grid: &PlanGrid, cell: Cell, cost: u32, estimate: impl Fn(Cell) -> u32) {
        for (direction, (dc, dr, diagonal)) in (0u8..).zip(NEIGHBOURS) {
            let to = Cell { col: cell.col + dc, row: cell.row + dr };
            let Some(index) = free_index(grid, to) else { continue };
            if diagonal {
                let beside = [Cell { col: to.col, row: cell.row }, Cell { col: cell.col, row: to.row }];
                if beside.into_iter().any(|c| free_index(grid, c).is_none()) {
                    continue;
                }
            }
            let travel = grid.travel.get(index).copied().map_or(0, u32::from);
            let length = if diagonal { STEP_DIAGONAL } else { STEP_STRAIGHT };
            // At most 60_000 · 1414 < 2^32.
            let total = cost.saturating_add(travel * length / 1000);
            if let (Some(known), Some(parent)) = (self.cost.get_mut(index), self.parent.get_mut(index))
                && total < *known
            {
                *known = total;
                *parent = direction;
                let h = estimate(to);
                // Equal sums: the cell nearer to the goal first, then the lower index.
                self.open.push(Reverse((total.saturating_add(h), h, index as u32)));
            }
        }
    }

    fn reset(&mut self, cells: usize) {
        self.cost.clear();
        self.cost.resize(cells, u32::MAX);
        self.parent.clear();
        self.parent.resize(cells, NO_PARENT);
        self.closed.clear();
        self.closed.resize(cells, false);
        self.open.clear();
    }

    fn trace(&self, grid: &PlanGrid, from: usize) -> Vec<Cell> {
        let mut cells = vec![grid.cell_at(from)];
        let mut index = from;
        // Every step goes to a cell with a lower cost, so a way has no more cells than the grid.
        for _ in 0..grid.travel.len() {
            let Some(step) = self.parent.get(index).and_then(|d| NEIGHBOURS.get(usize::from(*d))) else {
                break;
            };
            let cell = grid.cell_at(index);
            let before = Cell { col: cell.col - step.0, row: cell.row - step.1 };
            let Some(before_index) = grid.index_of(before) else { break };
            cells.push(before);
            index = before_index;
        }
        cells.reverse();
        cells
    }
}

fn free_index(grid: &PlanGrid, cell: Cell) -> Option<usize> {
    let index = grid.index_of(cell)?;
    (*grid.travel.get(index)? != FORBIDDEN).then_some(index)
}

/// Length of the shortest way on an empty grid: never more than the real cost.
fn octile(a: Cell, b: Cell) -> u32 {
    let (dc, dr) = (a.col.abs_diff(b.col), a.row.abs_diff(b.row));
    let (long, short) = (dc.max(dr), dc.min(dr));
    (long - short).saturating_mul(STEP_STRAIGHT).saturating_add(short.saturating_mul(STEP_DIAGONAL))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Bellman-Ford by sweeps, without a heap or an estimate.
    fn least_cost(grid: &PlanGrid, start: Cell, goal: Cell) -> Option<u32> {
        let free = |c: Cell| grid.index_of(c).map(|i| grid.travel[i]).filter(|t| *t != FORBIDDEN);
        free(start)?;
        let mut cost = vec![u32::MAX; grid.travel.len()];
        cost[grid.index_of(start)?] = 0;
        loop {
            let mut changed = false;
            for index in 0..cost.len() {
                let cell = grid.cell_at(index);
                if cost[index] == u32::MAX {
                    continue;
                }
                for dc in -1..=1 {
                    for dr in -1..=1 {
                        let to = Cell { col: cell.col + dc, row: cell.row + dr };
                        let (Some(travel), Some(ti)) = (free(to), grid.index_of(to)) else { continue };
                        let diagonal = dc != 0 && dr != 0;
                        if diagonal
                            && (free(Cell { col: to.col, row: cell.row }).is_none()
                                || free(Cell { col: cell.col, row: to.row }).is_none())
                        {
                            continue;
                        }
                        let step = if diagonal { STEP_DIAGONAL } else { STEP_STRAIGHT };
                        let total = cost[index] + u32::from(travel) * step / 1000;
                        if total < cost[ti] {
                            cost[ti] = total;
                            changed = true;
                        }
                    }
                }
            }
            if !changed {
                break;
            }
        }
        Some(cost[grid.index_of(goal)?]).filter(|c| *c != u32::MAX)
    }

    fn cost_along(grid: &PlanGrid, cells: &[Cell]) -> u32 {
        cells
            .windows(2)
            .map(|w| {
                let diagonal = w[0].col != w[1].col && w[0].row != w[1].row;
                let step = if diagonal { STEP_DIAGONAL } else { STEP_STRAIGHT };
                u32::from(grid.travel[grid.index_of(w[1]).unwrap()]) * step / 1000
            })
            .sum()
    }

    prop_compose! {
        fn random_grid()(width in 2u32..24, height in 2u32..24)
            (travel in proptest::collection::vec(prop_oneof![3 => Just(1000u16), 2 => 1000u16..5000, 3 => Just(FORBIDDEN)], (width * height) as usize),
             width in Just(width), height in Just(height)) -> PlanGrid {
            PlanGrid { resolution_m: 1.0, width, height, travel, ..PlanGrid::default() }
        }
    }

    proptest! {
        #[test]
        fn it_is_as_cheap_as_it_can_be_and_cuts_no_corners(grid in random_grid(), s in any::<u32>(), g in any::<u32>()) {
            let cells = grid.width * grid.height;
            let (start, goal) = (grid.cell_at((s % cells) as usize), grid.cell_at((g % cells) as usize));
            let found = AStar::default().search(&grid, start, goal, u32::MAX);
            let least = least_cost(&grid, start, goal);
            let Some(found) = found else {
                prop_assert!(least.is_none());
                return Ok(());
            };
            prop_assert_eq!(found.reached, least.is_some());
            if let Some(least) = least {
                prop_assert_eq!(found.cost, least);
                prop_assert_eq!(found.cells.last(), Some(&goal));
            }
            prop_assert_eq!(found.cells.first(), Some(&start));
            prop_assert_eq!(cost_along(&grid, &found.cells), found.cost);
            for w in found.cells.windows(2) {
                prop_assert!(w[0].col.abs_diff(w[1].col) <= 1 && w[0].row.abs_diff(w[1].row) <= 1);
                for cell in [Cell { col: w[0].col, row: w[1].row }, Cell { col: w[1].col, row: w[0].row }] {
                    prop_assert!(grid.travel[grid.index_of(cell).unwrap()] != FORBIDDEN);
                }
            }
        }
    }

    #[test]
    fn the_limit_ends_it_and_is_reported() {
        let grid = PlanGrid {
            resolution_m: 1.0,
            width: 50,
            height: 50,
            travel: vec![1000; 2500],
            ..PlanGrid::default()
        };
        let (start, goal) = (Cell { col: 0, row: 0 }, Cell { col: 49, row: 49 });
        let found = AStar::default().search(&grid, start, goal, 10).unwrap();
        assert!(found.limited && !found.reached && found.expanded == 10);
        assert!(found.cells.len() > 1);
        let full = AStar::default().search(&grid, start, goal, 2500).unwrap();
        assert!(full.reached && !full.limited && full.cost == 49 * STEP_DIAGONAL);
    }

    #[test]
    fn a_goal_outside_leads_to_the_nearest_edge() {
        let grid = PlanGrid {
            resolution_m: 1.0,
            width: 9,
            height: 9,
            travel: vec![1000; 81],
            ..PlanGrid::default()
        };
        let found =
            AStar::default().search(&grid, Cell { col: 1, row: 4 }, Cell { col: 30, row: 4 }, 1000).unwrap();
        assert_eq!((found.reached, found.cells.last()), (false, Some(&Cell { col: 8, row: 4 })));
    }
}
