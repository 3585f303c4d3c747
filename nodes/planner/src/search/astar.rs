//! A* (Hart, Nilsson, Raphael 1968) on an 8-connected grid with whole-number costs and a fixed order among equals, led by the
//! least costs of [`CoarseField`]; sixteen cells at a time ([`Patches`]).

use super::cells::{NEIGHBOURS, Travel};
use super::coarse::{CoarseField, FINE};
use super::islands::Islands;
use super::patches::{INF, PER_PATCH, Patches, Place};
use super::plan_grid::{FORBIDDEN, PlanGrid};
use outrider_foundation::grid::Cell;

/// Length of a step along a row or column. With [`DIAGONAL`] the closest fraction to √2 below 2^15: 19601/13860 is 1.8e-9 too
/// much, so two ways are in the right order unless their numbers of diagonal steps differ by more than ten thousand.
pub const STRAIGHT: u64 = 13_860;
/// Length of a diagonal step. Costs are kept as `f64`, with quarters in estimates: nothing is rounded below 2^51, which is a way of
/// 160 million free cells, or of 1.9 million at the highest travel cost that rules give (60 times that of free space).
pub const DIAGONAL: u64 = 19_601;
/// Cost of one step along a row or column in free space.
pub const COST_PER_CELL: u64 = 1000 * STRAIGHT;

/// After so many cells have been expanded, a quarter of those in patches, it is looked at whether there is a way at all.
const LONG: u32 = 60_000;
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
    /// Cells expanded: four for every time that a patch of sixteen was worked out, which costs about as much as expanding four.
    pub expanded: u32,
    /// Corners of blocks whose cost to the goal was worked out for the estimate, counted in the same way.
    pub settled: u32,
    /// The search ended because of its limit.
    pub limited: bool,
}

/// The search with its buffers, which are reused: once they have grown, only the way that is given out is allocated.
#[derive(Clone, Debug, Default)]
pub struct AStar {
    cells: Patches<Travel>,
    /// Cells that the first patch begins before the grid.
    offset: (i32, i32),
    coarse: CoarseField,
    islands: Islands,
}

/// Where a search begins and where it leads.
#[derive(Clone, Copy)]
struct Target {
    start: Cell,
    cell: Cell,
    /// Where it is, when it lies inside the grid.
    place: Option<Place>,
}

/// The best end of the way that is known so far.
#[derive(Clone, Copy)]
struct Best {
    /// Cost of the whole way, with what the rest outside of the grid costs at least; infinite until there is one.
    bound: f64,
    /// Where it ends.
    cell: Cell,
}

impl AStar {
    /// The cheapest way from `start` to `goal`, expanding at most `limit` cells. A step costs its length times the
    /// travel cost of the cell it enters; diagonal steps need both cells beside them free. `None` when `start` is
    /// forbidden or outside. To a goal outside the grid the way leads to the border cell from which all is cheapest if
    /// everything beyond is free; failing that, as to a goal that cannot be reached, to the reached cell nearest to it.
    pub fn search(&mut self, grid: &PlanGrid, start: Cell, goal: Cell, limit: u32) -> Option<Found> {
        grid.index_of(start).and_then(|i| grid.travel.get(i)).filter(|travel| **travel != FORBIDDEN)?;
        let inside = grid.index_of(goal).is_some();
        // Patches are the blocks of the estimate. A goal may lie as far outside as numbers go, so that its negative is none.
        let offset = |v: i32| v.wrapping_neg() & ((1 << FINE) - 1);
        self.offset = (offset(goal.col), offset(goal.row));
        let nodes = (grid.width + self.offset.0 as u32, grid.height + self.offset.1 as u32);
        // A step changes a sum by at most twice its cost.
        self.cells.reset(nodes, BUCKET_SHIFT, 2 * u64::from(FORBIDDEN) * DIAGONAL);
        if inside {
            self.coarse.reset(grid, start, goal);
        }
        let target = Target { start, cell: goal, place: inside.then(|| self.place_of(goal)) };
        let from = self.place_of(start);
        let mut found = Found::default();
        let mut best = Best { bound: INF, cell: start };
        self.enter(grid, from.patch, target);
        self.cells.begin(from);
        if goal == start {
            best.bound = 0.0;
        } else {
            found.limited = !self.run(grid, target, limit, &mut best, &mut found.expanded);
        }
        found.reached = inside && best.bound < INF && !found.limited;
        let lost = best.bound == INF || found.limited;
        let end = if lost { self.nearest(grid, goal).unwrap_or(start) } else { best.cell };
        (found.cells, found.cost) = self.trace(grid, start, end);
        found.settled = if inside { self.coarse.settled() } else { 0 };
        Some(found)
    }

    /// Takes patches until nothing cheaper can be found; false when the limit ended it.
    fn run(
        &mut self,
        grid: &PlanGrid,
        target: Target,
        limit: u32,
        best: &mut Best,
        expanded: &mut u32,
    ) -> bool {
        while let Some(number) = self.cells.take(best.bound, false) {
            if limit - *expanded < PER_PATCH {
                return false;
            }
            let before = *expanded;
            *expanded += PER_PATCH;
            if before < LONG
                && *expanded >= LONG
                && target.place.is_some()
                && !self.islands.joined(grid, target.start, target.cell)
            {
                break;
            }
            if !self.cells.is_entered(number) {
                self.enter(grid, number, target);
            }
            let Some(patch) = self.cells.settle(number) else { continue };
            match target.place {
                Some(Place { patch: goal, at: [row, col] }) if goal == number => {
                    let cost = patch.cost.get(row).and_then(|row| row.get(col)).copied().unwrap_or(INF);
                    if cost < best.bound {
                        *best = Best { bound: cost, cell: target.cell };
                    }
                }
                Some(_) => {}
                None => self.leave(grid, number, best),
            }
            self.cells.spread(number, best.bound);
        }
        true
    }

    /// The cheapest end on the grid's border among the cells of a patch.
    fn leave(&self, grid: &PlanGrid, number: usize, best: &mut Best) {
        let first = self.first_of(number);
        let Some(patch) = self.cells.entered(number) else { return };
        for (row, (costs, rests)) in (first.row..).zip(patch.cost.iter().zip(&patch.rest)) {
            for (col, (cost, rest)) in (first.col..).zip(costs.iter().zip(rests)) {
                let cell = Cell { col, row };
                if cost + rest < best.bound && is_on_border(grid, cell) {
                    *best = Best { bound: cost + rest, cell };
                }
            }
        }
    }

    /// Enters a patch, with what the way from its cells to the goal costs at least.
    #[inline(never)]
    fn enter(&mut self, grid: &PlanGrid, number: usize, target: Target) {
        let first = self.first_of(number);
        let rest = if target.place.is_some() {
            let block = |v: i32, offset: i32| (v + offset) >> FINE;
            let block = (block(first.col, self.offset.0), block(first.row, self.offset.1));
            self.coarse.values(grid, block)
        } else {
            std::array::from_fn(|row| {
                std::array::from_fn(|col| {
                    let cell = Cell { col: first.col + col as i32, row: first.row + row as i32 };
                    octile(cell, target.cell) as f64
                })
            })
        };
        self.cells.enter(number, Travel::new(grid, first), rest);
    }

    /// Where a cell is that lies inside the grid.
    fn place_of(&self, cell: Cell) -> Place {
        self.cells.place_of(((cell.col + self.offset.0) as u32, (cell.row + self.offset.1) as u32))
    }

    /// The first cell of a patch.
    const fn first_of(&self, patch: usize) -> Cell {
        let (u, v) = self.cells.first_of(patch);
        Cell { col: u - self.offset.0, row: v - self.offset.1 }
    }

    /// The reached cell nearest to the goal; among equals the cheapest, then the first in row order.
    fn nearest(&self, grid: &PlanGrid, goal: Cell) -> Option<Cell> {
        let cells = (0..grid.travel.len()).map(|number| (grid.cell_at(number), number));
        let reached = cells.filter_map(|(cell, number)| {
            let (cost, _) = self.cells.known(self.place_of(cell));
            (cost < INF).then(|| ((octile(cell, goal), cost as u64, number), cell))
        });
        reached.min_by_key(|(key, _)| *key).map(|(_, cell)| cell)
    }

    /// The way from the start to a cell, by the steps that its cost comes from, and what it costs. Among steps that are as good, the
    /// way goes straight on, or turns as little to one side as it can.
    fn trace(&self, grid: &PlanGrid, start: Cell, end: Cell) -> (Vec<Cell>, u64) {
        let (mut cell, mut cost, mut last) = (end, 0, 0);
        let mut cells = vec![cell];
        // Every step back goes to a cell with a lower cost, so a way has no more cells than the grid.
        for _ in 0..grid.travel.len() {
            if cell == start {
                break;
            }
            let Some(way) = self.step_to(grid, cell, last) else { break };
            let Some((dc, dr)) = NEIGHBOURS.get(way) else { break };
            let travel = grid.index_of(cell).and_then(|i| grid.travel.get(i)).copied().unwrap_or(FORBIDDEN);
            cost += u64::from(travel) * if way < 4 { STRAIGHT } else { DIAGONAL };
            cell = Cell { col: cell.col - dc, row: cell.row - dr };
            cells.push(cell);
            last = way;
        }
        cells.reverse();
        (cells, cost)
    }

    /// The step that the cost of a cell comes from; `first` among equals.
    fn step_to(&self, grid: &PlanGrid, cell: Cell, first: usize) -> Option<usize> {
        let place = self.place_of(cell);
        let patch = self.cells.entered(place.patch)?;
        let [row, col] = place.at;
        let travel = f64::from(*patch.steps.cost.get(row)?.get(col)?);
        let mut best = None;
        for way in (first..first + 8).map(|way| way % 8) {
            let (dc, dr) = NEIGHBOURS.get(way)?;
            let from = Cell { col: cell.col - dc, row: cell.row - dr };
            if !patch.steps.is_step(place.at, way) || grid.index_of(from).is_none() {
                continue;
            }
            let length = if way < 4 { STRAIGHT } else { DIAGONAL };
            let total = self.cells.known(self.place_of(from)).0 + travel * length as f64;
            if total < best.map_or(INF, |(least, _)| least) {
                best = Some((total, way));
            }
        }
        best.map(|(_, way)| way)
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
    use crate::search::OneWay;
    use outrider_foundation::zones::DirectionZone;
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
                        let ways = grid.ways_into(to);
                        let way = NEIGHBOURS.iter().position(|way| *way == (dc, dr));
                        if way.is_some_and(|way| ways >> way & 1 == 0) {
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
        /// Slanting strips of one direction.
        fn zones()(x in 0.0..30.0f64, y in 0.0..30.0f64, long in 2.0..25.0f64, wide in 1.0..12.0f64, turn in -3.1..3.1f64,
                   heading_rad in -3.1..3.1f64, tolerance_rad in prop_oneof![0.05..1.0f64, 0.8..3.0f64]) -> OneWay {
            let (sin, cos) = (libm::sin(turn), libm::cos(turn));
            let corner = |a: f64, b: f64| [x + a * cos - b * sin, y + a * sin + b * cos];
            let polygon_m = vec![corner(0.0, 0.0), corner(long, 0.0), corner(long, wide), corner(0.0, wide)];
            OneWay::new(&DirectionZone { name: "strip".into(), polygon_m, heading_rad, tolerance_rad }).unwrap()
        }
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
        fn it_is_as_cheap_as_it_can_be_and_cuts_no_corners(
            (mut grid, one_way) in (random_grid(), proptest::collection::vec(zones(), 0..3)), s in any::<u32>(), g in any::<u32>()
        ) {
            grid.one_way = one_way;
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
                let way = NEIGHBOURS.iter().position(|way| *way == (w[1].col - w[0].col, w[1].row - w[0].row)).unwrap();
                prop_assert!(grid.ways_into(w[1]) >> way & 1 == 1);
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
        // Two patches of sixteen cells, which count as four each.
        assert!(found.limited && !found.reached && found.expanded == 8);
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
