//! The cells of a grid as nodes of a search: patches of 4 × 4, which are made when they are first entered.

#![allow(clippy::inline_always, reason = "hot loops over arrays of fixed length")]

use super::astar::{DIAGONAL, STRAIGHT};
use super::coarse::FINE;
use super::patches::{Four, INF, Rows, Steps, from_left, from_right, least, lesser, sum};
use super::plan_grid::{FORBIDDEN, PlanGrid};
use outrider_foundation::grid::Cell;

/// Edge of a patch: that of the coarse field's blocks, which says what the way on costs from all cells of a block.
const EDGE: i32 = 1 << FINE;
const _: () = assert!(EDGE == 4, "patches are 4 x 4");

/// The eight neighbours: column, row. The first four share an edge.
pub const NEIGHBOURS: [(i32, i32); 8] =
    [(1, 0), (0, 1), (-1, 0), (0, -1), (1, 1), (-1, 1), (-1, -1), (1, -1)];

/// Zero where a bit is set, infinity where none is.
const SHUT: [Four; 16] = {
    let mut all = [[INF; 4]; 16];
    let mut bits = 0;
    while bits < 16 {
        let mut i = 0;
        while i < 4 {
            if bits >> i & 1 == 1 {
                all[bits][i] = 0.0;
            }
            i += 1;
        }
        bits += 1;
    }
    all
};

#[inline(always)]
const fn shut(bits: u32) -> Four {
    SHUT[(bits & 15) as usize]
}

/// What it costs to enter the cells of a patch, and which steps are possible.
#[derive(Clone, Debug)]
pub struct Travel {
    /// Travel costs; infinity where the robot may not be.
    pub cost: [[f32; 4]; 4],
    /// Which squares of 2 × 2 cells are free, row by row from the one about the lower left corner on: 5 × 5 bits.
    pub squares: u32,
    /// Which cells beyond the sides are free, four bits a side.
    exits: u16,
    /// Some cell may not be entered in every direction.
    one_way: bool,
    /// In which directions each may be; bits in the order of [`NEIGHBOURS`].
    ways: [[u8; 4]; 4],
}

/// All directions of every cell.
const ALL_WAYS: [[u8; 4]; 4] = [[u8::MAX; 4]; 4];

impl Travel {
    /// Of the cells from `first` on.
    #[inline]
    pub fn new(grid: &PlanGrid, first: Cell) -> Self {
        let mut cost = [[f32::INFINITY; 4]; 4];
        // Free cells of the patch's rows and of the ones beside it, as bits from the column before the patch on.
        let mut free = [0u32; EDGE as usize + 2];
        for (line, (free, row)) in free.iter_mut().zip(first.row - 1..).enumerate() {
            let cells = cells_of(grid, first.col - 1, row);
            for (bit, travel) in cells.iter().enumerate() {
                *free |= u32::from(*travel != FORBIDDEN) << bit;
            }
            if let (Some(to), [_, middle @ .., _]) = (cost.get_mut(line.wrapping_sub(1)), &cells) {
                *to = middle.map(|t| if t == FORBIDDEN { f32::INFINITY } else { f32::from(t) });
            }
        }
        let mut squares = 0;
        for (row, two) in free.windows(2).enumerate() {
            let &[low, high] = two else { continue };
            squares |= (low & low >> 1 & high & high >> 1 & 31) << (5 * row);
        }
        let [below, a, b, c, d, above] = free;
        let upright = |i: u32| a >> i & 1 | (b >> i & 1) << 1 | (c >> i & 1) << 2 | (d >> i & 1) << 3;
        let exits = (above >> 1 & 15) | (below >> 1 & 15) << 4 | upright(5) << 8 | upright(0) << 12;
        let ways = if grid.one_way.is_empty() { ALL_WAYS } else { ways_into(grid, first) };
        let one_way = !grid.one_way.is_empty() && ways != ALL_WAYS;
        Self { cost, squares, exits: exits as u16, one_way, ways }
    }

    /// Whether a step into a cell is possible, by its direction among [`NEIGHBOURS`]; what it costs to enter the cells is not looked at.
    #[inline(always)]
    pub const fn is_step(&self, [row, col]: [usize; 2], way: usize) -> bool {
        // Slanting steps go across one of the four squares about the cell.
        let squares = self.squares >> (5 * (row & 3) + (col & 3));
        let is_open = match way {
            4 => squares & 1,
            5 => squares >> 1 & 1,
            6 => squares >> 6 & 1,
            7 => squares >> 5 & 1,
            _ => 1,
        };
        is_open == 1 && self.ways[row & 3][col & 3] >> (way & 7) & 1 == 1
    }

    /// As [`Self::settle_with`], cell by cell and direction by direction.
    #[inline(never)]
    fn settle_one_way(&self, cost: &Rows) -> Rows {
        let mut rows = *cost;
        for _ in 0..15 {
            let before = rows;
            for place in 0..16 {
                let (row, col) = (place >> 2, place & 3);
                for (way, (dc, dr)) in NEIGHBOURS.iter().enumerate() {
                    let (from_row, from_col) = (row as i32 - dr, col as i32 - dc);
                    if from_row | from_col | (3 - from_row) | (3 - from_col) < 0
                        || !self.is_step([row, col], way)
                    {
                        continue;
                    }
                    let length = if way < 4 { STRAIGHT } else { DIAGONAL } as f64;
                    let step = f64::from(self.cost[row & 3][col & 3]) * length;
                    let total = rows[from_row as usize & 3][from_col as usize & 3] + step;
                    let least = &mut rows[row & 3][col & 3];
                    *least = lesser(*least, total);
                }
            }
            if before == rows {
                break;
            }
        }
        rows
    }

    #[inline(always)]
    fn settle_with<const OPEN: bool>(&self, cost: &Rows) -> Rows {
        let [t0, t1, t2, t3] = self.cost;
        let straight = [times(t0, STRAIGHT), times(t1, STRAIGHT), times(t2, STRAIGHT), times(t3, STRAIGHT)];
        let slanting = [times(t0, DIAGONAL), times(t1, DIAGONAL), times(t2, DIAGONAL), times(t3, DIAGONAL)];
        let line = |bit: u32| shut(self.squares >> bit & 7);
        let shut_right = [line(6), line(11), line(16)];
        let shut_left = [from_left(shut_right[0]), from_left(shut_right[1]), from_left(shut_right[2])];
        let mut rows = *cost;
        // A way within a patch has at most 15 steps.
        for _ in 0..15 {
            let [r0, r1, r2, r3] = rows;
            let left = [from_left(r0), from_left(r1), from_left(r2), from_left(r3)];
            let right = [from_right(r0), from_right(r1), from_right(r2), from_right(r3)];
            // Slanting steps from a row across a line between two.
            let across = |line: usize, row: usize| {
                if OPEN {
                    least(left[row], right[row])
                } else {
                    least(sum(left[row], shut_left[line]), sum(right[row], shut_right[line]))
                }
            };
            let along = |row: usize| least(left[row], right[row]);
            let step = |row: usize, beside: Four, aslant: Four| {
                let steps = least(sum(beside, straight[row]), sum(aslant, slanting[row]));
                least(rows[row], steps)
            };
            let next = [
                step(0, least(along(0), rows[1]), across(0, 1)),
                step(1, least(along(1), least(rows[0], rows[2])), least(across(0, 0), across(1, 2))),
                step(2, least(along(2), least(rows[1], rows[3])), least(across(1, 1), across(2, 3))),
                step(3, least(along(3), rows[2]), across(2, 2)),
            ];
            if next == rows {
                break;
            }
            rows = next;
        }
        rows
    }

    /// Costs of the cells beyond a side, by what it costs to enter them and which of the squares between them are free.
    #[inline(always)]
    fn over(before: Four, travel: [f32; 4], squares: u32) -> Four {
        let closed = shut(squares & 7);
        let slanting = least(sum(from_left(before), from_left(closed)), sum(from_right(before), closed));
        least(sum(before, times(travel, STRAIGHT)), sum(slanting, times(travel, DIAGONAL)))
    }

    /// The same where cells have directions: those of the steps straight on, from the cell before along the side, and from the one after.
    #[inline(never)]
    fn over_one_way(
        before: Four,
        to: ([f32; 4], [u8; 4]),
        squares: u32,
        [on, after, back]: [u32; 3],
    ) -> Four {
        let (travel, [a, b, c, d]) = to;
        let bits = |way: u32| {
            let bit = |ways: u8| u32::from(ways) >> way & 1;
            shut(bit(a) | bit(b) << 1 | bit(c) << 2 | bit(d) << 3)
        };
        let closed = shut(squares & 7);
        let from_left = sum(sum(from_left(before), from_left(closed)), bits(after));
        let from_right = sum(sum(from_right(before), closed), bits(back));
        let straight = sum(sum(before, times(travel, STRAIGHT)), bits(on));
        least(straight, sum(least(from_left, from_right), times(travel, DIAGONAL)))
    }

    /// The three squares across the left (0) or the right (4) side that lie between its cells.
    #[inline(always)]
    const fn upright(&self, side: u32) -> u32 {
        let of = self.squares >> side;
        of >> 5 & 1 | (of >> 10 & 1) << 1 | (of >> 15 & 1) << 2
    }
}

#[inline(always)]
fn times([a, b, c, d]: [f32; 4], length: u64) -> Four {
    let length = length as f64;
    [f64::from(a) * length, f64::from(b) * length, f64::from(c) * length, f64::from(d) * length]
}

impl Steps for Travel {
    const NONE: Self =
        Self { cost: [[f32::INFINITY; 4]; 4], squares: 0, exits: 0, one_way: false, ways: ALL_WAYS };

    #[inline(always)]
    fn settle(&self, cost: &Rows) -> Rows {
        const INNER: u32 = 7 << 6 | 7 << 11 | 7 << 16;
        if self.one_way {
            self.settle_one_way(cost)
        } else if self.squares & INNER == INNER {
            self.settle_with::<true>(cost)
        } else {
            self.settle_with::<false>(cost)
        }
    }

    #[inline(always)]
    fn exits<const SIDE: usize>(&self) -> Four {
        shut(u32::from(self.exits) >> (4 * SIDE))
    }

    #[inline(always)]
    fn beyond<const SIDE: usize>(&self, to: &Self, before: Four) -> Four {
        let [low, a, b, high] = to.cost;
        let upright = |i: usize| [low[i], a[i], b[i], high[i]];
        if to.one_way {
            let [below, one, two, above] = to.ways;
            let beside = |i: usize| [below[i], one[i], two[i], above[i]];
            return match SIDE {
                0 => Self::over_one_way(before, (low, below), self.squares >> 21, [1, 4, 5]),
                1 => Self::over_one_way(before, (high, above), self.squares >> 1, [3, 7, 6]),
                2 => Self::over_one_way(before, (upright(0), beside(0)), self.upright(4), [0, 4, 7]),
                _ => Self::over_one_way(before, (upright(3), beside(3)), self.upright(0), [2, 5, 6]),
            };
        }
        match SIDE {
            0 => Self::over(before, low, self.squares >> 21),
            1 => Self::over(before, high, self.squares >> 1),
            2 => Self::over(before, upright(0), self.upright(4)),
            _ => Self::over(before, upright(3), self.upright(0)),
        }
    }

    #[inline(always)]
    fn is_open<const CORNER: usize>(&self) -> bool {
        let square = [24, 20, 4, 0][CORNER - 4];
        self.squares >> square & 1 == 1
    }

    #[inline(always)]
    fn across<const CORNER: usize>(&self, to: &Self, before: f64) -> f64 {
        // Where it leads, and in which direction.
        let (row, col, way) = match CORNER {
            4 => (0, 0, 4),
            5 => (0, 3, 5),
            6 => (3, 0, 7),
            _ => (3, 3, 6),
        };
        if to.ways[row][col] >> way & 1 == 0 {
            return INF;
        }
        before + f64::from(to.cost[row][col]) * DIAGONAL as f64
    }
}

/// In which directions the cells of a patch may be entered.
#[inline(never)]
fn ways_into(grid: &PlanGrid, first: Cell) -> [[u8; 4]; 4] {
    let mut ways = ALL_WAYS;
    let middle = grid.centre_of(Cell { col: first.col + EDGE / 2, row: first.row + EDGE / 2 });
    let reach_m = f64::from(EDGE) * grid.resolution_m;
    if grid.one_way.iter().all(|zone| zone.is_beyond(middle, reach_m)) {
        return ways;
    }
    for (row, ways) in (first.row..).zip(ways.iter_mut()) {
        for (col, ways) in (first.col..).zip(ways.iter_mut()) {
            *ways = grid.ways_into(Cell { col, row });
        }
    }
    ways
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
