//! Whether there is a way at all, for searches that take long: looking at all cells once, row by row, costs less than a
//! search that has to expand all that can be reached before it knows that the goal is not among it.

use super::plan_grid::{FORBIDDEN, PlanGrid};
use outrider_foundation::grid::Cell;
use std::ops::Range;

/// Free cells that lie together in a row.
#[derive(Clone, Debug)]
struct Run {
    columns: Range<usize>,
    /// A run of the same island that came before it, or itself.
    parent: usize,
}

/// Finds what hangs together; keeps its buffer.
#[derive(Clone, Debug, Default)]
pub struct Islands {
    runs: Vec<Run>,
}

impl Islands {
    /// A way of the search leads from one cell to the other. As a slanting step needs both cells beside it, that is so when
    /// steps along rows and columns do.
    pub fn joined(&mut self, grid: &PlanGrid, one: Cell, other: Cell) -> bool {
        self.runs.clear();
        let mut ends = [None, None];
        let mut below = 0..0;
        for (row, cells) in (0i32..).zip(grid.travel.chunks_exact((grid.width as usize).max(1))) {
            let first = self.runs.len();
            self.add_row(cells, below);
            below = first..self.runs.len();
            for (end, cell) in ends.iter_mut().zip([one, other]).filter(|(_, cell)| cell.row == row) {
                let runs = self.runs.get(below.clone()).unwrap_or_default();
                let within =
                    |run: &Run| usize::try_from(cell.col).is_ok_and(|col| run.columns.contains(&col));
                *end = runs.iter().position(within).map(|i| first + i);
            }
        }
        match ends {
            [Some(a), Some(b)] => self.root(a) == self.root(b),
            _ => false,
        }
    }

    /// Adds a row's runs, joined to those of the row below.
    fn add_row(&mut self, cells: &[u16], mut below: Range<usize>) {
        let mut from = 0;
        while let Some(begin) = cells.iter().skip(from).position(|t| *t != FORBIDDEN).map(|i| from + i) {
            let end =
                cells.iter().skip(begin).position(|t| *t == FORBIDDEN).map_or(cells.len(), |i| begin + i);
            from = end;
            let number = self.runs.len();
            self.runs.push(Run { columns: begin..end, parent: number });
            while let Some(run) = self.runs.get(below.start).filter(|_| !below.is_empty()) {
                let columns = run.columns.clone();
                if columns.end > begin && columns.start < end {
                    let (a, b) = (self.root(below.start), self.root(number));
                    let (low, high) = (a.min(b), a.max(b));
                    if let Some(run) = self.runs.get_mut(high) {
                        run.parent = low;
                    }
                }
                // One that reaches farther may touch the next run as well.
                if columns.end > end {
                    break;
                }
                below.start += 1;
            }
        }
    }

    /// The first run of an island; the way there is shortened.
    fn root(&mut self, mut number: usize) -> usize {
        let parent = |runs: &[Run], i: usize| runs.get(i).map_or(i, |run| run.parent);
        // A parent came before, so this ends.
        loop {
            let above = parent(&self.runs, number);
            if above == number {
                return number;
            }
            let next = parent(&self.runs, above);
            if let Some(run) = self.runs.get_mut(number) {
                run.parent = next;
            }
            number = next;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::astar::tests::{least_costs, random_grid};
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_joined_can_be_reached_and_the_rest_can_not(grid in random_grid(), s in any::<u32>()) {
            let start = grid.cell_at((s % (grid.width * grid.height)) as usize);
            let costs = least_costs(&grid, start);
            let mut islands = Islands::default();
            for index in 0..grid.travel.len() {
                let reached = costs.as_ref().is_some_and(|costs| costs[index] != u64::MAX);
                prop_assert_eq!(islands.joined(&grid, start, grid.cell_at(index)), reached);
            }
        }
    }
}
