//! What a search knows of the cells, kept block by block, so that neighbours lie together in memory, and made when a block is
//! first entered: nothing has to be cleared, and what a step needs is looked up once a block.

use super::coarse::{CELLS, FINE, NEVER};
use super::plan_grid::{FORBIDDEN, PlanGrid};
use outrider_foundation::grid::Cell;

/// Edge of a block as a power of two: that of the coarse field, which says what the way on costs from all cells of a block.
const LOG: u32 = FINE;
const EDGE: i32 = 1 << LOG;

/// The eight neighbours: column, row. The first four share an edge.
pub const NEIGHBOURS: [(i32, i32); 8] =
    [(1, 0), (0, 1), (-1, 0), (0, -1), (1, 1), (-1, 1), (-1, -1), (1, -1)];

/// The cells of a block, row by row.
#[derive(Clone, Debug)]
#[repr(align(64))]
pub struct Block {
    /// Least cost known from the start.
    pub cost: [u64; CELLS],
    /// What the rest costs at least.
    pub rest: [u64; CELLS],
    /// Travel costs.
    pub travel: [u16; CELLS],
    /// Possible steps, as bits by their places in [`NEIGHBOURS`].
    pub ways: [u8; CELLS],
    /// The step that led there, with [`CLOSED`] once the cell has been expanded.
    pub from: [u8; CELLS],
}

/// Flag of [`Block::from`]: expanded since it was reached as cheaply.
pub const CLOSED: u8 = 16;

const NOTHING: Block = Block {
    cost: [NEVER; CELLS],
    rest: [NEVER; CELLS],
    travel: [FORBIDDEN; CELLS],
    ways: [0; CELLS],
    from: [0; CELLS],
};

/// The cells of a grid.
#[derive(Clone, Debug, Default)]
pub struct Cells {
    blocks: Vec<Block>,
    /// Number of the search that a block was entered in.
    entered: Vec<u32>,
    search: u32,
    /// Cells that block (0, 0) begins before the grid.
    offset: (i32, i32),
    /// Blocks along x.
    across: usize,
    /// What a step adds to an index, by the place in the block.
    steps: [[i32; 8]; CELLS],
}

impl Cells {
    /// Begins anew, with blocks whose corners are where `aligned` is one.
    pub fn reset(&mut self, grid: &PlanGrid, aligned: Cell) {
        // A goal may lie as far outside as numbers go, so that its negative is none.
        let offset = |v: i32| v.wrapping_neg() & (EDGE - 1);
        self.offset = (offset(aligned.col), offset(aligned.row));
        let count = |cells: u32, offset: i32| ((cells.max(1) - 1 + offset as u32) >> LOG) as usize + 1;
        self.across = count(grid.width, self.offset.0);
        let count = self.across * count(grid.height, self.offset.1);
        self.search = self.search.wrapping_add(1);
        if self.search == 0 {
            self.entered.clear();
            self.search = 1;
        }
        self.entered.resize(count, 0);
        self.blocks.resize(count, NOTHING);
        for (place, steps) in (0i32..).zip(&mut self.steps) {
            for (step, (dc, dr)) in steps.iter_mut().zip(NEIGHBOURS) {
                let (a, b) = (place % EDGE + dc, place / EDGE + dr);
                let block = (a >> LOG) + (b >> LOG) * self.across as i32;
                let inside = (a & (EDGE - 1)) + (b & (EDGE - 1)) * EDGE;
                *step = block * CELLS as i32 + inside - place;
            }
        }
    }

    /// Index of a cell of the grid.
    pub fn index_of(&self, cell: Cell) -> usize {
        let (u, v) = (cell.col + self.offset.0, cell.row + self.offset.1);
        let block = (v >> LOG) as usize * self.across + (u >> LOG) as usize;
        block * CELLS + ((v & (EDGE - 1)) * EDGE + (u & (EDGE - 1))) as usize
    }

    /// The cell at an index.
    pub fn cell_at(&self, index: usize) -> Cell {
        let (block, place) = (index / CELLS, (index % CELLS) as i32);
        let (i, j) = ((block % self.across.max(1)) as i32, (block / self.across.max(1)) as i32);
        Cell {
            col: (i << LOG) + place % EDGE - self.offset.0,
            row: (j << LOG) + place / EDGE - self.offset.1,
        }
    }

    /// The index that a step leads to. The step has to be one of the cell's ways.
    #[inline]
    pub fn after(&self, index: usize, way: usize) -> usize {
        let step =
            self.steps.get(index % CELLS).and_then(|steps| steps.get(way)).copied().unwrap_or_default();
        index.wrapping_add_signed(step as isize)
    }

    /// The block of an index, which has been entered.
    #[inline]
    pub fn block(&mut self, index: usize) -> Option<&mut Block> {
        self.blocks.get_mut(index / CELLS)
    }

    /// Whether the block of an index was entered in this search.
    #[inline]
    pub fn is_entered(&self, index: usize) -> bool {
        self.entered.get(index / CELLS) == Some(&self.search)
    }

    /// Cost and step of a cell, `None` when it has not been reached.
    pub fn known(&self, index: usize) -> Option<(u64, u8)> {
        let block = self.blocks.get(index / CELLS).filter(|_| self.is_entered(index))?;
        let place = index % CELLS;
        let cost = *block.cost.get(place)?;
        (cost != NEVER).then_some((cost, *block.from.get(place)?))
    }

    /// Enters the block of an index.
    #[inline(never)]
    pub fn enter(&mut self, grid: &PlanGrid, index: usize, rest: Option<[u64; CELLS]>) {
        let number = index / CELLS;
        let corner = self.cell_at(number * CELLS);
        let (Some(block), Some(entered)) = (self.blocks.get_mut(number), self.entered.get_mut(number)) else {
            return;
        };
        *entered = self.search;
        block.cost = [NEVER; CELLS];
        block.rest = rest.unwrap_or([NEVER; CELLS]);
        // Free cells of the block's rows and of the ones beside it, as bits from the column before the block on.
        let mut free = [0u32; EDGE as usize + 2];
        for (free, row) in free.iter_mut().zip(corner.row - 1..) {
            let cells = cells_of(grid, corner.col - 1, row);
            for (bit, travel) in cells.iter().enumerate() {
                *free |= u32::from(*travel != FORBIDDEN) << bit;
            }
            let line = (row - corner.row) as usize;
            if let (Some(to), [_, middle @ .., _]) =
                (block.travel.as_chunks_mut::<{ EDGE as usize }>().0.get_mut(line), &cells)
            {
                *to = *middle;
            }
        }
        for (three, ways) in free.windows(3).zip(block.ways.as_chunks_mut::<{ EDGE as usize }>().0) {
            let &[south, here, north] = three else { continue };
            let (east, west) = (here >> 1, here << 1);
            let steps = [
                east,
                north,
                west,
                south,
                east & north & (north >> 1),
                west & north & (north << 1),
                west & south & (south << 1),
                east & south & (south >> 1),
            ];
            // The four bits of the block's cells, spread over four bytes.
            let spread = |bits: u32| (((bits >> 1) & 15) * 0x0020_4081) & 0x0101_0101;
            let all = (0u32..).zip(steps).fold(0, |all, (way, bits)| all | spread(bits) << way);
            *ways = all.to_le_bytes();
        }
    }
}

/// Six cells of a row.
fn cells_of(grid: &PlanGrid, col: i32, row: i32) -> [u16; EDGE as usize + 2] {
    let mut cells = [FORBIDDEN; EDGE as usize + 2];
    let inside = row >= 0 && (row as u32) < grid.height;
    if !inside {
        return cells;
    }
    let begin = row as usize * grid.width as usize;
    if col >= 0 && (col + EDGE) as u32 + 2 <= grid.width {
        let from = begin + col as usize;
        if let Some(six) = grid.travel.get(from..).and_then(|rest| rest.first_chunk()) {
            return *six;
        }
    }
    for (to, col) in cells.iter_mut().zip(col..) {
        if col >= 0 && (col as u32) < grid.width {
            *to = grid.travel.get(begin + col as usize).copied().unwrap_or(FORBIDDEN);
        }
    }
    cells
}
