//! A* (Hart, Nilsson, Raphael 1968) on an 8-connected grid with whole-number costs and a fixed order among equals, led by the
//! least costs of [`CoarseField`].

use super::buckets::Buckets;
use super::coarse::{CoarseField, NEVER};
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

/// The eight neighbours: column, row. The first four share an edge.
const NEIGHBOURS: [(i32, i32); 8] = [(1, 0), (0, 1), (-1, 0), (0, -1), (1, 1), (-1, 1), (-1, -1), (1, -1)];
/// No parent: the start.
const NO_PARENT: u8 = 8;
/// The ways on from a cell, by the one that led to it. The others are left out: the cell before has a way at least as cheap
/// to each of them. All eight from the start.
const ONWARD: [&[u8]; 9] = [
    &[0, 4, 7, 1, 3],
    &[1, 4, 5, 0, 2],
    &[2, 5, 6, 1, 3],
    &[3, 6, 7, 0, 2],
    &[4, 0, 1, 5, 7],
    &[5, 1, 2, 4, 6],
    &[6, 2, 3, 5, 7],
    &[7, 0, 3, 4, 6],
    &[0, 1, 2, 3, 4, 5, 6, 7],
];
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

/// What is known of a cell. It counts only when its number is that of the search under way: nothing has to be cleared.
#[derive(Clone, Copy, Debug, Default)]
struct Node {
    cost: u64,
    search: u32,
    parent: u8,
    closed: bool,
}

/// The search with its buffers, which are reused: once they have grown, only the way that is given out is allocated.
#[derive(Clone, Debug, Default)]
pub struct AStar {
    nodes: Vec<Node>,
    search: u32,
    open: Buckets,
    coarse: CoarseField,
}

/// Where a search leads.
#[derive(Clone, Copy)]
struct Target {
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
    /// The expanded cell nearest to the goal, should there be no way at all: distance, cost and index.
    nearest: (u64, u64, usize),
}

impl AStar {
    /// The cheapest way from `start` to `goal`, expanding at most `limit` cells. A step costs its length times the
    /// travel cost of the cell it enters; diagonal steps need both cells beside them free. `None` when `start` is
    /// forbidden or outside. To a goal outside the grid the way leads to the border cell from which all is cheapest if
    /// everything beyond is free; failing that, as to a goal that cannot be reached, to the expanded cell nearest to it.
    pub fn search(&mut self, grid: &PlanGrid, start: Cell, goal: Cell, limit: u32) -> Option<Found> {
        let from = free_index(grid, start)?;
        let target = Target { cell: goal, index: grid.index_of(goal) };
        self.reset(grid, start, target);
        let mut found = Found::default();
        let mut best = Best { bound: NEVER, index: from, nearest: (octile(start, goal), 0, from) };
        let first = self.estimate(grid, start, target);
        if let Some(node) = self.nodes.get_mut(from) {
            *node = Node { cost: 0, search: self.search, parent: NO_PARENT, closed: false };
        }
        if target.index == Some(from) {
            best.bound = 0;
        } else if first != NEVER {
            // A step changes a sum by at most twice its cost.
            self.open.reset(BUCKET_SHIFT, first, 2 * u64::from(FORBIDDEN) * DIAGONAL);
            self.open.push(first, from as u32);
            found.limited = !self.run(grid, target, limit, &mut best, &mut found.expanded);
        }
        found.reached = target.index.is_some() && best.bound != NEVER && !found.limited;
        let end = if best.bound == NEVER || found.limited { best.nearest.2 } else { best.index };
        found.cost = self.nodes.get(end).map_or(0, |node| node.cost);
        found.cells = self.trace(grid, end);
        found.settled = self.coarse.settled();
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
        while let Some((sum, index)) = self.open.pop() {
            if sum >= best.bound {
                // What follows in this bucket may still be cheaper; what is in later ones is not.
                if sum >> BUCKET_SHIFT > best.bound >> BUCKET_SHIFT {
                    break;
                }
                continue;
            }
            let at = index as usize;
            let (cost, parent) = match self.nodes.get_mut(at) {
                Some(node) if !node.closed => {
                    node.closed = true;
                    (node.cost, node.parent)
                }
                _ => continue,
            };
            if *expanded >= limit {
                return false;
            }
            *expanded += 1;
            let cell = grid.cell_at(at);
            let distance = octile(cell, target.cell);
            best.nearest = best.nearest.min((distance, cost, at));
            if target.index.is_none() && is_on_border(grid, cell) && cost + distance < best.bound {
                (best.bound, best.index) = (cost + distance, at);
            }
            self.expand(grid, cell, (at, parent), cost, target, best);
        }
        true
    }

    fn expand(
        &mut self,
        grid: &PlanGrid,
        cell: Cell,
        (at, parent): (usize, u8),
        cost: u64,
        target: Target,
        best: &mut Best,
    ) {
        let travel = around(grid, cell, at);
        for &direction in ONWARD.get(usize::from(parent)).copied().unwrap_or_default() {
            let place = usize::from(direction);
            let (Some(&(dc, dr)), Some(&travel)) = (NEIGHBOURS.get(place), travel.get(place)) else {
                continue;
            };
            if travel == FORBIDDEN {
                continue;
            }
            let length = if direction < 4 { STRAIGHT } else { DIAGONAL };
            let total = cost + u64::from(travel) * length;
            let index = (at as i64 + i64::from(dc) + i64::from(dr) * i64::from(grid.width)) as usize;
            let search = self.search;
            let Some(node) = self.nodes.get_mut(index) else { continue };
            if node.search == search && node.cost <= total {
                continue;
            }
            let to = Cell { col: cell.col + dc, row: cell.row + dr };
            *node = Node { cost: total, search, parent: direction, closed: false };
            if target.index == Some(index) {
                if total < best.bound {
                    (best.bound, best.index) = (total, index);
                }
                continue;
            }
            let estimate = self.estimate(grid, to, target);
            if estimate != NEVER && total + estimate < best.bound {
                self.open.push(total + estimate, index as u32);
            }
        }
    }

    /// What the way from a cell to the goal costs at least.
    fn estimate(&mut self, grid: &PlanGrid, cell: Cell, target: Target) -> u64 {
        match target.index {
            Some(_) => self.coarse.at(grid, cell),
            None => octile(cell, target.cell),
        }
    }

    fn reset(&mut self, grid: &PlanGrid, start: Cell, target: Target) {
        self.search = self.search.wrapping_add(1);
        if self.search == 0 || self.nodes.len() != grid.travel.len() {
            self.nodes.clear();
            self.search = 1;
        }
        self.nodes.resize(grid.travel.len(), Node::default());
        if target.index.is_some() {
            self.coarse.reset(grid, start, target.cell);
        }
    }

    fn trace(&self, grid: &PlanGrid, from: usize) -> Vec<Cell> {
        let mut cells = vec![grid.cell_at(from)];
        let mut index = from;
        // Every step goes to a cell with a lower cost, so a way has no more cells than the grid.
        for _ in 0..grid.travel.len() {
            let Some((dc, dr)) = self.nodes.get(index).and_then(|n| NEIGHBOURS.get(usize::from(n.parent)))
            else {
                break;
            };
            let cell = grid.cell_at(index);
            let before = Cell { col: cell.col - dc, row: cell.row - dr };
            let Some(before_index) = grid.index_of(before) else { break };
            cells.push(before);
            index = before_index;
        }
        cells.reverse();
        cells
    }
}

/// Travel costs of the eight neighbours; [`FORBIDDEN`] outside, and for a diagonal one without both beside it free.
fn around(grid: &PlanGrid, cell: Cell, at: usize) -> [u16; 8] {
    let mut travel = [FORBIDDEN; 8];
    let width = grid.width as usize;
    let get = |index: usize| grid.travel.get(index).copied().unwrap_or(FORBIDDEN);
    let (left, right) = (cell.col > 0, (cell.col as u32) + 1 < grid.width);
    let (below, above) = (cell.row > 0, (cell.row as u32) + 1 < grid.height);
    let [east, north, west, south, north_east, north_west, south_west, south_east] = &mut travel;
    if right {
        *east = get(at + 1);
    }
    if above {
        *north = get(at + width);
    }
    if left {
        *west = get(at - 1);
    }
    if below {
        *south = get(at - width);
    }
    if *east != FORBIDDEN && *north != FORBIDDEN {
        *north_east = get(at + width + 1);
    }
    if *west != FORBIDDEN && *north != FORBIDDEN {
        *north_west = get(at + width - 1);
    }
    if *west != FORBIDDEN && *south != FORBIDDEN {
        *south_west = get(at - width - 1);
    }
    if *east != FORBIDDEN && *south != FORBIDDEN {
        *south_east = get(at - width + 1);
    }
    travel
}

const fn is_on_border(grid: &PlanGrid, cell: Cell) -> bool {
    cell.col == 0 || cell.row == 0 || cell.col as u32 + 1 == grid.width || cell.row as u32 + 1 == grid.height
}

fn free_index(grid: &PlanGrid, cell: Cell) -> Option<usize> {
    let index = grid.index_of(cell)?;
    (*grid.travel.get(index)? != FORBIDDEN).then_some(index)
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
    }
}
