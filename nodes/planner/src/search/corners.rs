//! Corners of blocks as nodes of a search: patches of 4 × 4 corners. Steps lead along the borders and diagonals of blocks, at the
//! same cost there and back.

#![allow(clippy::inline_always, reason = "hot loops over arrays of fixed length")]

use super::astar::{DIAGONAL, STRAIGHT};
use super::patches::{Four, INF, Rows, Steps, column, from_left, from_right, least, sum};
use super::plan_grid::FORBIDDEN;

#[inline(always)]
fn rows(of: impl Fn(usize) -> Four) -> Rows {
    [of(0), of(1), of(2), of(3)]
}

/// What steps between corners cost.
#[derive(Clone, Debug)]
pub struct Edges {
    /// From every corner to the right.
    right: Rows,
    /// From every corner upwards.
    up: Rows,
    /// Across the block to the upper right of every corner.
    slant: Rows,
    /// Of the column before: to the right, and across the blocks.
    left: Four,
    left_slant: Four,
    /// Of the row before: upwards, and across the blocks.
    below: Four,
    below_slant: Four,
    /// Across the block to the lower left.
    corner_slant: f64,
}

impl Edges {
    /// From travel costs of 5 × 5 blocks, row by row: that to the lower left of the first corner is the first. They are `2^log`
    /// cells wide.
    #[inline]
    pub fn new(travel: &[[u16; 5]; 5], log: u32) -> Self {
        let straight = (STRAIGHT << log) as f64;
        let diagonal = (DIAGONAL << log) as f64;
        let of = |t: u16| if t == FORBIDDEN { INF } else { f64::from(t) };
        let slant = |row: usize, col: usize| of(travel[row][col]) * diagonal;
        // Along a border the cheaper of both blocks counts.
        let right = |row: usize, col: usize| of(travel[row][col].min(travel[row + 1][col])) * straight;
        let up = |row: usize, col: usize| of(travel[row][col].min(travel[row][col + 1])) * straight;
        Self {
            right: rows(|row| [right(row, 1), right(row, 2), right(row, 3), right(row, 4)]),
            up: rows(|row| [up(row + 1, 0), up(row + 1, 1), up(row + 1, 2), up(row + 1, 3)]),
            slant: rows(|row| [slant(row + 1, 1), slant(row + 1, 2), slant(row + 1, 3), slant(row + 1, 4)]),
            left: [right(0, 0), right(1, 0), right(2, 0), right(3, 0)],
            left_slant: [slant(1, 0), slant(2, 0), slant(3, 0), slant(4, 0)],
            below: [up(0, 0), up(0, 1), up(0, 2), up(0, 3)],
            below_slant: [slant(0, 1), slant(0, 2), slant(0, 3), slant(0, 4)],
            corner_slant: slant(0, 0),
        }
    }

    /// Steps over a side: straight ones, and across the blocks between.
    #[inline(always)]
    fn over<const SIDE: usize>(&self) -> (Four, Four) {
        match SIDE {
            0 => (self.up[3], self.slant[3]),
            1 => (self.below, self.below_slant),
            2 => (column::<3>(&self.right), column::<3>(&self.slant)),
            _ => (self.left, self.left_slant),
        }
    }

    #[inline(always)]
    const fn over_corner<const CORNER: usize>(&self) -> f64 {
        match CORNER {
            4 => self.slant[3][3],
            5 => self.left_slant[3],
            6 => self.below_slant[3],
            _ => self.corner_slant,
        }
    }
}

impl Steps for Edges {
    const NONE: Self = Self {
        right: [[INF; 4]; 4],
        up: [[INF; 4]; 4],
        slant: [[INF; 4]; 4],
        left: [INF; 4],
        left_slant: [INF; 4],
        below: [INF; 4],
        below_slant: [INF; 4],
        corner_slant: INF,
    };

    #[inline(always)]
    fn settle(&self, cost: &Rows) -> Rows {
        let mut rows = *cost;
        // A way within a patch has at most 15 steps.
        for _ in 0..15 {
            let along = |row: usize| {
                let to_right = from_left(sum(rows[row], self.right[row]));
                least(rows[row], least(to_right, sum(from_right(rows[row]), self.right[row])))
            };
            // From a row across a line between two.
            let across = |line: usize, row: usize| {
                let straight = sum(rows[row], self.up[line]);
                let to_right = from_left(sum(rows[row], self.slant[line]));
                let to_left = sum(from_right(rows[row]), self.slant[line]);
                least(straight, least(to_right, to_left))
            };
            let next = [
                least(along(0), across(0, 1)),
                least(along(1), least(across(0, 0), across(1, 2))),
                least(along(2), least(across(1, 1), across(2, 3))),
                least(along(3), across(2, 2)),
            ];
            if next == rows {
                break;
            }
            rows = next;
        }
        rows
    }

    #[inline(always)]
    fn exits<const SIDE: usize>(&self) -> Four {
        self.over::<SIDE>().0.map(|cost| if cost < INF { 0.0 } else { INF })
    }

    #[inline(always)]
    fn beyond<const SIDE: usize>(&self, _: &Self, before: Four) -> Four {
        let (straight, slant) = self.over::<SIDE>();
        let aslant = least(from_left(sum(before, slant)), sum(from_right(before), slant));
        least(sum(before, straight), aslant)
    }

    #[inline(always)]
    fn is_open<const CORNER: usize>(&self) -> bool {
        self.over_corner::<CORNER>() < INF
    }

    #[inline(always)]
    fn across<const CORNER: usize>(&self, _: &Self, before: f64) -> f64 {
        before + self.over_corner::<CORNER>()
    }
}
