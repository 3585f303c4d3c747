//! A* (Hart, Nilsson, Raphael 1968) on an 8-connected grid with whole-number costs and a fixed order among equals, led by the
//! least costs of [`CoarseField`].

use super::buckets::Buckets;
use super::cells::{CLOSED, Cells, NEIGHBOURS};
use super::coarse::{CELLS, CoarseField, NEVER, bits};
use super::islands::Islands;
use super::plan_grid::{FORBIDDEN, PlanGrid};
use outrider_foundation::grid::Cell;

/// Length of a step along a row or column. With [`DIAGONAL`] the closest fraction to √2 below 2^15: 19601/13860 is 1.8e-9 too
/// much, so two ways are in the right order unless their numbers of diagonal steps differ by more than ten thousand.
pub const STRAIGHT: u64 = 13_860;
/// Length of a diagonal step. A way of 2^24 cells, the most there may be, costs less than 2^57 even at the highest travel cost
/// that rules give (60 times that of free space).
pub const DIAGONAL: u64 = 19_601;
/// Cost of one step along a row or column in free space.
pub const COST_PER_CELL: u64 = 1000 * STRAIGHT;

/// No step has led to it: the start.
const START: u8 = 8;
/// The ways on from a cell, as bits by the one that led to it. The others are left out: the cell before has a way at least as
/// cheap to each of them. All eight from the start.
const ONWARD: [u8; 9] = [
    bits([0, 4, 7, 1, 3]),
    bits([1, 4, 5, 0, 2]),
    bits([2, 5, 6, 1, 3]),
    bits([3, 6, 7, 0, 2]),
    bits([4, 0, 1, 5, 7]),
    bits([5, 1, 2, 4, 6]),
    bits([6, 2, 3, 5, 7]),
    bits([7, 0, 3, 4, 6]),
    u8::MAX,
];
/// After a straight step: the turns to both sides, each with the slanting step back to that side. Where that is possible, so
/// is the slanting step from the cell before to where the turn leads, which as a rule is cheaper.
const TURNS: [[(u8, u8); 2]; 4] = [[(1, 5), (3, 6)], [(0, 7), (2, 6)], [(1, 4), (3, 7)], [(0, 4), (2, 5)]];

/// After so many cells have been expanded it is looked at whether there is a way at all.
const LONG: u32 = 150_000;
/// Width of a bucket of the queue: 0.15 of a free cell.
const BUCKET_SHIFT: u32 = 21;

/// Result of a search.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// Cells from the start to the goal, or to where the way ends that leads towards it.
    pub cells: Vec<Cell>,
    /// Cost of the way; [`COST_PER_CELL`] is that of a free cell.
    pub cost: u64,
    /// The last cell is the goal.
    pub reached: bool,
    /// Cells expanded.
    pub expanded: u32,
    /// Corners of blocks whose cost to the goal was worked out for the estimate.
    pub settled: u32,
    /// The search ended because of its limit.
    pub limited: bool,
}

/// The search with its buffers, which are reused: once they have grown, only the way that is given out is allocated.
#[derive(Clone, Debug, Default)]
pub struct AStar {
    cells: Cells,
    open: Buckets,
    coarse: CoarseField,
    islands: Islands,
}

/// Where a search begins and where it leads.
#[derive(Clone, Copy)]
struct Target {
    start: Cell,
    cell: Cell,
    /// Its index, when it lies inside the grid.
    index: Option<usize>,
}

/// The best end of the way that is known so far.
#[derive(Clone, Copy)]
struct Best {
    /// Cost of the whole way, with what the rest outside of the grid costs at least; [`NEVER`] until there is one.
    bound: u64,
    /// Where it ends.
    index: usize,
}

impl AStar {
    /// The cheapest way from `start` to `goal`, expanding at most `limit` cells. A step costs its length times the
    /// travel cost of the cell it enters; diagonal steps need both cells beside them free. `None` when `start` is
    /// forbidden or outside. To a goal outside the grid the way leads to the border cell from which all is cheapest if
    /// everything beyond is free; failing that, as to a goal that cannot be reached, to the expanded cell nearest to it.
    pub fn search(&mut self, grid: &PlanGrid, start: Cell, goal: Cell, limit: u32) -> Option<Found> {
        grid.index_of(start).and_then(|i| grid.travel.get(i)).filter(|travel| **travel != FORBIDDEN)?;
        self.cells.reset(grid, goal);
        let inside = grid.index_of(goal).is_some();
        if inside {
            self.coarse.reset(grid, start, goal);
        }
        let target = Target { start, cell: goal, index: inside.then(|| self.cells.index_of(goal)) };
        let from = self.cells.index_of(start);
        let mut found = Found::default();
        let mut best = Best { bound: NEVER, index: from };
        self.enter(grid, from, target);
        let first = self.reach(from, 0, START).unwrap_or(NEVER);
        if target.index == Some(from) {
            best.bound = 0;
        } else if first != NEVER {
            // A step changes a sum by at most twice its cost.
            self.open.reset(BUCKET_SHIFT, first, 2 * u64::from(FORBIDDEN) * DIAGONAL);
            self.open.push(first, from as u32);
            found.limited = !self.run(grid, target, limit, &mut best, &mut found.expanded);
        }
        found.reached = inside && best.bound != NEVER && !found.limited;
        let lost = best.bound == NEVER || found.limited;
        let end = if lost { self.nearest(grid, goal).unwrap_or(from) } else { best.index };
        found.cost = self.cells.known(end).map_or(0, |(cost, _)| cost);
        found.cells = self.trace(grid, end);
        found.settled = if inside { self.coarse.settled() } else { 0 };
        Some(found)
    }

    /// Expands until nothing cheaper can be found; false when the limit ended it.
    fn run(
        &mut self,
        grid: &PlanGrid,
        target: Target,
        limit: u32,
        best: &mut Best,
        expanded: &mut u32,
    ) -> bool {
        while let Some(index) = self.open.pop() {
            // What follows in the bucket of the bound may still be cheaper; what is in later ones is not.
            if self.open.floor() > best.bound {
                break;
            }
            let at = index as usize;
            let place = at % CELLS;
            let Some(block) = self.cells.block(at) else { continue };
            let (Some(&cost), Some(&rest), Some(from)) =
                (block.cost.get(place), block.rest.get(place), block.from.get_mut(place))
            else {
                continue;
            };
            if *from & CLOSED != 0 || cost + rest >= best.bound {
                continue;
            }
            let came = *from;
            *from |= CLOSED;
            if *expanded >= limit {
                *from = came;
                return false;
            }
            *expanded += 1;
            if *expanded == LONG
                && target.index.is_some()
                && !self.islands.joined(grid, target.start, target.cell)
            {
                break;
            }
            if target.index.is_none() && is_on_border(grid, self.cells.cell_at(at)) {
                // Nothing that follows it is cheaper.
                (best.bound, best.index) = (cost + rest, at);
            }
            self.expand(grid, at, (cost, came), target, best);
        }
        true
    }

    fn expand(
        &mut self,
        grid: &PlanGrid,
        at: usize,
        (cost, came): (u64, u8),
        target: Target,
        best: &mut Best,
    ) {
        let place = at % CELLS;
        let Some(block) = self.cells.block(at) else { return };
        let (Some(&possible), Some(&here)) = (block.ways.get(place), block.travel.get(place)) else { return };
        let mut turns = 0;
        for (turn, back) in TURNS.get(usize::from(came)).copied().into_iter().flatten() {
            turns |= ((possible >> back) & 1) << turn;
        }
        let mut ways = possible & ONWARD.get(usize::from(came)).copied().unwrap_or_default();
        while ways != 0 {
            let way = ways.trailing_zeros() as u8;
            ways &= ways - 1;
            let to = self.cells.after(at, usize::from(way));
            if !self.cells.is_entered(to) {
                self.enter(grid, to, target);
            }
            let place = to % CELLS;
            let Some(block) = self.cells.block(to) else { continue };
            let (Some(&travel), Some(&rest), Some(known), Some(from)) = (
                block.travel.get(place),
                block.rest.get(place),
                block.cost.get_mut(place),
                block.from.get_mut(place),
            ) else {
                continue;
            };
            let travel = u64::from(travel);
            if (turns >> way) & 1 == 1 && travel * (DIAGONAL - STRAIGHT) <= u64::from(here) * STRAIGHT {
                continue;
            }
            let total = cost + travel * if way < 4 { STRAIGHT } else { DIAGONAL };
            if *known <= total {
                continue;
            }
            (*known, *from) = (total, way);
            if target.index == Some(to) {
                if total < best.bound {
                    (best.bound, best.index) = (total, to);
                }
            } else if rest != NEVER && total + rest < best.bound {
                self.open.push(total + rest, to as u32);
            }
        }
    }

    /// Writes down how a cell was reached; what the whole way costs at least.
    fn reach(&mut self, index: usize, cost: u64, way: u8) -> Option<u64> {
        let block = self.cells.block(index)?;
        let place = index % CELLS;
        (*block.cost.get_mut(place)?, *block.from.get_mut(place)?) = (cost, way);
        block.rest.get(place).filter(|rest| **rest != NEVER).map(|rest| cost + rest)
    }

    /// Enters the block of an index, with what the way from its cells to the goal costs at least.
    #[inline(never)]
    fn enter(&mut self, grid: &PlanGrid, index: usize, target: Target) {
        let rest = if target.index.is_some() {
            self.coarse.values(grid, index / CELLS)
        } else {
            let first = index / CELLS * CELLS;
            Some(std::array::from_fn(|place| octile(self.cells.cell_at(first + place), target.cell)))
        };
        self.cells.enter(grid, index, rest);
    }

    /// The expanded cell nearest to the goal; among equals the cheapest, then the first in row order.
    fn nearest(&self, grid: &PlanGrid, goal: Cell) -> Option<usize> {
        let mut best = None;
        for (number, cell) in (0..grid.travel.len()).map(|i| (i, grid.cell_at(i))) {
            let index = self.cells.index_of(cell);
            let Some((cost, from)) = self.cells.known(index) else { continue };
            let key = (octile(cell, goal), cost, number);
            if from & CLOSED != 0 && best.is_none_or(|(least, _)| key < least) {
                best = Some((key, index));
            }
        }
        best.map(|(_, index)| index)
    }

    fn trace(&self, grid: &PlanGrid, end: usize) -> Vec<Cell> {
        let mut cell = self.cells.cell_at(end);
        let mut cells = vec![cell];
        // Every step goes to a cell with a lower cost, so a way has no more cells than the grid.
        for _ in 0..grid.travel.len() {
            let known = self.cells.known(self.cells.index_of(cell));
            let Some((dc, dr)) = known.and_then(|(_, from)| NEIGHBOURS.get(usize::from(from & !CLOSED)))
            else {
                break;
            };
            cell = Cell { col: cell.col - dc, row: cell.row - dr };
            cells.push(cell);
        }
        cells.reverse();
        cells
    }
}

const fn is_on_border(grid: &PlanGrid, cell: Cell) -> bool {
    cell.col == 0 || cell.row == 0 || cell.col as u32 + 1 == grid.width || cell.row as u32 + 1 == grid.height
}

/// Cost of the shortest way on a free, endless grid: never more than the real cost.
fn octile(a: Cell, b: Cell) -> u64 {
    let (dc, dr) = (u64::from(a.col.abs_diff(b.col)), u64::from(a.row.abs_diff(b.row)));
    let (long, short) = (dc.max(dr), dc.min(dr));
    1000 * ((long - short) * STRAIGHT + short * DIAGONAL)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Bellman-Ford by sweeps, without a heap or an estimate.
    pub fn least_costs(grid: &PlanGrid, start: Cell) -> Option<Vec<u64>> {
        let free = |c: Cell| grid.index_of(c).map(|i| grid.travel[i]).filter(|t| *t != FORBIDDEN);
        free(start)?;
        let mut cost = vec![u64::MAX; grid.travel.len()];
        cost[grid.index_of(start)?] = 0;
        loop {
            let mut changed = false;
            for index in 0..cost.len() {
                let cell = grid.cell_at(index);
                if cost[index] == u64::MAX {
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
                        let step = if diagonal { DIAGONAL } else { STRAIGHT };
                        let total = cost[index] + u64::from(travel) * step;
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
        Some(cost)
    }

    #[test]
    fn a_long_search_without_a_way_ends_early_and_one_with_a_way_does_not() {
        // A hall that a wall parts, too thin for the estimate to see it; without, and with a gap.
        let mut travel = vec![1000; 1000 * 400];
        for row in 0..400 {
            travel[row * 1000 + 700] = FORBIDDEN;
        }
        let mut grid =
            PlanGrid { resolution_m: 1.0, width: 1000, height: 400, travel, ..PlanGrid::default() };
        let (start, goal) = (Cell { col: 3, row: 200 }, Cell { col: 990, row: 200 });
        let found = AStar::default().search(&grid, start, goal, u32::MAX).unwrap();
        assert!(!found.reached && !found.limited && found.expanded == LONG, "{}", found.expanded);
        assert_eq!(found.cells.first(), Some(&start));
        grid.travel[700] = 1000;
        let found = AStar::default().search(&grid, start, goal, u32::MAX).unwrap();
        assert!(found.reached && found.expanded > LONG, "{}", found.expanded);
        assert_eq!(found.cost, 1000 * ((987 - 400) * STRAIGHT + 400 * DIAGONAL));
    }

    fn cost_along(grid: &PlanGrid, cells: &[Cell]) -> u64 {
        cells
            .windows(2)
            .map(|w| {
                let diagonal = w[0].col != w[1].col && w[0].row != w[1].row;
                let step = if diagonal { DIAGONAL } else { STRAIGHT };
                u64::from(grid.travel[grid.index_of(w[1]).unwrap()]) * step
            })
            .sum()
    }

    prop_compose! {
        /// Walls and costs of single cells, over patches of 6 × 6 cells that are dear or closed as a whole.
        pub fn random_grid()(width in 2u32..40, height in 2u32..40)
            (travel in proptest::collection::vec(prop_oneof![3 => Just(1000u16), 2 => 1000u16..5000, 2 => Just(FORBIDDEN)], (width * height) as usize),
             patches in proptest::collection::vec(prop_oneof![3 => Just(1000u16), 3 => 1000u16..9000, 1 => Just(FORBIDDEN)], 49),
             width in Just(width), height in Just(height)) -> PlanGrid {
            let patch = |i: usize| patches[(i / width as usize) / 6 * 7 + (i % width as usize) / 6];
            let travel = travel.into_iter().enumerate().map(|(i, t)| t.max(patch(i))).collect();
            PlanGrid { resolution_m: 1.0, width, height, travel, ..PlanGrid::default() }
        }
    }

    proptest! {
        #[test]
        fn it_is_as_cheap_as_it_can_be_and_cuts_no_corners(grid in random_grid(), s in any::<u32>(), g in any::<u32>()) {
            let cells = grid.width * grid.height;
            let (start, goal) = (grid.cell_at((s % cells) as usize), grid.cell_at((g % cells) as usize));
            let found = AStar::default().search(&grid, start, goal, u32::MAX);
            let least = least_costs(&grid, start).map(|c| c[grid.index_of(goal).unwrap()]).filter(|c| *c != u64::MAX);
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
        assert!(full.reached && !full.limited && full.cost == 49_000 * DIAGONAL);
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
        // As far as numbers go.
        for (far, end) in [(i32::MIN, 0), (i32::MAX, 8)] {
            let (start, goal) = (Cell { col: 4, row: 4 }, Cell { col: far, row: far });
            let found = AStar::default().search(&grid, start, goal, 1000).unwrap();
            assert_eq!((found.reached, found.cells.last()), (false, Some(&Cell { col: end, row: end })));
        }
    }
}
