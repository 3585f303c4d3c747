//! Whether the goal is enclosed: the lattice's motions are followed backwards from it. Where that ends soon, no way leads out, and
//! none in. A search from the start would find that out only when it has looked at everything on its own side, most often the
//! larger one by far, or at its limit.

use super::{COUNT, Fits, Ground, Lattice, Motion, goes_its_way, state_at, state_index};
use crate::search::plan_grid::PlanGrid;
use outrider_foundation::grid::Cell;

/// States that are followed back at most; a goal with more of them around counts as one that is not enclosed. Goals that could
/// not be reached in the standard suite had 20 to 1836 states around them, or more than 98,000.
const AROUND_LIMIT: usize = 4000;

/// Buffers, which are reused.
#[derive(Clone, Debug, Default)]
pub(super) struct Enclosure {
    /// For every cell of the grid a bit per heading: from there a way leads to the goal.
    headings: Vec<u16>,
    /// These states, as they were found.
    states: Vec<u32>,
}

impl Enclosure {
    fn reset(&mut self, grid: &PlanGrid) {
        let cells = grid.travel.len();
        if self.headings.len() != cells {
            self.headings.clear();
            self.headings.resize(cells, 0);
        }
        for state in self.states.drain(..) {
            if let Some(headings) = self.headings.get_mut((state / u32::from(COUNT)) as usize) {
                *headings = 0;
            }
        }
    }

    fn contains(&self, grid: &PlanGrid, cell: Cell, heading: u8) -> bool {
        let headings = grid.index_of(cell).and_then(|index| self.headings.get(index));
        headings.is_some_and(|headings| headings & (1 << heading) != 0)
    }

    fn insert(&mut self, grid: &PlanGrid, cell: Cell, heading: u8) {
        let (Some(index), Some(state)) = (grid.index_of(cell), state_index(grid, cell, heading)) else {
            return;
        };
        if let Some(headings) = self.headings.get_mut(index) {
            *headings |= 1 << heading;
            self.states.push(state);
        }
    }
}

impl Lattice {
    /// No motion leads to the goal from beyond at most [`AROUND_LIMIT`] states about it, of which the start is none.
    pub(super) fn is_enclosed(
        &mut self,
        ground: &mut Ground<'_, impl Fits>,
        start: (Cell, u8),
        goal: (Cell, u8),
    ) -> bool {
        let mut around = std::mem::take(&mut self.enclosure);
        around.reset(ground.grid);
        around.insert(ground.grid, goal.0, goal.1);
        let mut next = 0;
        while let Some(state) = around.states.get(next).copied().filter(|_| next < AROUND_LIMIT) {
            next += 1;
            let (cell, heading) = state_at(ground.grid, state);
            for motion in self.motions.iter().filter(|motion| motion.to == heading) {
                let from = Cell { col: cell.col - motion.cells.0, row: cell.row - motion.cells.1 };
                if !around.contains(ground.grid, from, motion.from) && self.is_possible(ground, from, motion)
                {
                    around.insert(ground.grid, from, motion.from);
                }
            }
        }
        let enclosed = next == around.states.len() && !around.contains(ground.grid, start.0, start.1);
        self.enclosure = around;
        enclosed
    }

    /// The search from the start would take this motion: what [`Lattice::expand`] asks of it, the cheapest first.
    fn is_possible(&self, ground: &mut Ground<'_, impl Fits>, from: Cell, motion: &Motion) -> bool {
        self.cost_of(ground.grid, from, motion).is_some()
            && goes_its_way(ground.grid, ground.grid.centre_of(from), motion)
            && (ground.outline.room_cells(ground.grid, from) >= self.reach_cells
                || self.fits(ground, from, motion))
    }
}
