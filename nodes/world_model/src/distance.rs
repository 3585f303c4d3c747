//! The exact squared Euclidean distance field of a grid, in integers.
//!
//! Two passes after Meijster, Roerdink and Hesselink, "A general algorithm for computing distance transforms in linear
//! time", 2000: down and up the columns for the distance within the column, then along each row the lower envelope of
//! the parabolas that stand over its columns. Linear in the number of cells. Because results saturate at
//! [`DISTANCE_SQ_MAX`], nothing 256 cells away or farther matters, which keeps the numbers small.

use outrider_foundation::grid::{CELL_LIMIT, DISTANCE_SQ_MAX};

/// Distances from here on are beyond what a `u16` holds squared: 256² is 65,536.
const FAR_CELLS: i32 = 256;

/// Buffers that are kept from one call to the next, so that a call allocates nothing once they have grown.
#[derive(Clone, Debug, Default)]
pub struct DistanceScratch {
    /// Cells to the nearest lethal cell of the same column.
    column: Vec<u16>,
    /// The lower envelope of one row: the parabola's column, its height, and the first column where it is the lowest.
    envelope: Vec<Parabola>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Parabola {
    col: i64,
    height: i64,
    start: i64,
}

impl Parabola {
    fn at(self, col: i64) -> i64 {
        let d = col - self.col;
        d * d + self.height
    }

    /// The first column at which `right`, which stands to its right, is below `self`: floor((d² + Δheight) / 2d) + 1 on.
    ///
    /// A floating-point division is several times faster than one of integers, and exact here: by [`CELL_LIMIT`], d is
    /// below 2²⁴, so the quotient is at least 2⁻²⁵ off any integer that it does not equal, and below 2²⁴, where doubles
    /// are 2⁻²⁸ apart. The bias makes the cast, which cuts towards zero, a floor.
    fn crossing(self, right: Self) -> i64 {
        let d = right.col - self.col;
        let quotient = (d * d + right.height - self.height) as f64 / (2 * d) as f64;
        self.col + (quotient + BIAS) as i64 - BIAS as i64 + 1
    }
}

/// More than the greatest height: quotients above its negative become positive.
const BIAS: f64 = 65536.0;

/// Squared distance in cells² from every cell to the nearest lethal one, saturated at [`DISTANCE_SQ_MAX`]; row-major.
///
/// Slices whose lengths do not agree with the sizes, or are beyond [`CELL_LIMIT`], give zero everywhere: an obstacle.
pub fn squared_distance(
    lethal: &[bool],
    width: usize,
    height: usize,
    scratch: &mut DistanceScratch,
    out: &mut [u16],
) {
    let agree = width.checked_mul(height) == Some(lethal.len()) && out.len() == lethal.len();
    if !agree || lethal.is_empty() || lethal.len() > CELL_LIMIT {
        out.fill(0);
        return;
    }
    along_columns(lethal, width, &mut scratch.column);
    for (column, out_row) in scratch.column.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
        along_row(column, &mut scratch.envelope, out_row);
    }
}

/// First pass; `u16::MAX` where the column has no lethal cell.
fn along_columns(lethal: &[bool], width: usize, column: &mut Vec<u16>) {
    column.clear();
    column.extend(lethal.iter().map(|&l| if l { 0 } else { u16::MAX }));
    let step = |near: &[u16], row: &mut [u16]| {
        for (cell, &neighbour) in row.iter_mut().zip(near) {
            *cell = (*cell).min(neighbour.saturating_add(1));
        }
    };
    let mut rest: &mut [u16] = column;
    while let Some((row, below)) = rest.split_at_mut_checked(width) {
        if let Some(next) = below.get_mut(..width) {
            step(row, next);
        }
        rest = below;
    }
    let mut rest: &mut [u16] = column;
    while let Some(end) = rest.len().checked_sub(width) {
        let (above, row) = rest.split_at_mut(end);
        if let Some(start) = end.checked_sub(width)
            && let Some(next) = above.get_mut(start..)
        {
            step(row, next);
        }
        rest = above;
    }
}

/// Second pass over one row.
fn along_row(column: &[u16], envelope: &mut Vec<Parabola>, out: &mut [u16]) {
    envelope.clear();
    let width = column.len() as i64;
    for (col, &g) in (0..).zip(column) {
        let g = i64::from(g);
        if g >= i64::from(FAR_CELLS) {
            continue;
        }
        let mut next = Parabola { col, height: g * g, start: 0 };
        while envelope.last().is_some_and(|top| top.at(top.start) > next.at(top.start)) {
            envelope.pop();
        }
        if let Some(top) = envelope.last() {
            next.start = top.crossing(next);
        }
        if next.start < width {
            envelope.push(next);
        }
    }
    if envelope.is_empty() {
        out.fill(DISTANCE_SQ_MAX);
        return;
    }
    let ends = envelope.iter().skip(1).map(|p| p.start).chain([width]);
    let mut rest = out;
    for (parabola, end) in envelope.iter().zip(ends) {
        // Starts rise strictly from 0 and stay below the width, so the segments tile the row.
        let Some((segment, tail)) = rest.split_at_mut_checked((end - parabola.start) as usize) else {
            return;
        };
        fill_segment(segment, (parabola.start - parabola.col) as i32, parabola.height as i32);
        rest = tail;
    }
}

/// `(offset + i)² + height` for each cell, saturated.
fn fill_segment(segment: &mut [u16], offset: i32, height: i32) {
    for (i, cell) in segment.iter_mut().enumerate() {
        let d = (offset + i as i32).clamp(-FAR_CELLS, FAR_CELLS);
        *cell = (d * d + height).min(i32::from(DISTANCE_SQ_MAX)) as u16;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn field(lethal: &[bool], width: usize, height: usize) -> Vec<u16> {
        let mut out = vec![7; lethal.len()];
        squared_distance(lethal, width, height, &mut DistanceScratch::default(), &mut out);
        out
    }

    fn brute_force(lethal: &[bool], width: usize) -> Vec<u16> {
        let cells = |i: usize| ((i % width) as i64, (i / width) as i64);
        let obstacles: Vec<(i64, i64)> =
            lethal.iter().enumerate().filter(|(_, l)| **l).map(|(i, _)| cells(i)).collect();
        (0..lethal.len())
            .map(|i| {
                let (x, y) = cells(i);
                let nearest = obstacles.iter().map(|(ox, oy)| (x - ox).pow(2) + (y - oy).pow(2)).min();
                nearest.unwrap_or(i64::MAX).min(i64::from(DISTANCE_SQ_MAX)) as u16
            })
            .collect()
    }

    fn grids() -> impl Strategy<Value = (usize, Vec<bool>)> {
        (1..40usize, 1..40usize, 0.0..0.5f64).prop_flat_map(|(w, h, density)| {
            (Just(w), proptest::collection::vec(proptest::bool::weighted(density), w * h))
        })
    }

    proptest! {
        #[test]
        fn equals_brute_force((width, lethal) in grids()) {
            prop_assert_eq!(field(&lethal, width, lethal.len() / width), brute_force(&lethal, width));
        }

        #[test]
        fn equals_brute_force_beyond_saturation(at in proptest::collection::vec(0..2400usize, 0..4), wide in any::<bool>()) {
            let mut lethal = vec![false; 2400];
            for i in at {
                lethal[i] = true;
            }
            let width = if wide { 600 } else { 4 };
            prop_assert_eq!(field(&lethal, width, 2400 / width), brute_force(&lethal, width));
        }
    }

    #[test]
    fn buffers_are_reused_without_leaking_from_call_to_call() {
        let mut scratch = DistanceScratch::default();
        let mut out = vec![0; 9];
        squared_distance(&[true; 9], 3, 3, &mut scratch, &mut out);
        assert_eq!(out, [0; 9]);
        squared_distance(&[false; 9], 3, 3, &mut scratch, &mut out);
        assert_eq!(out, [DISTANCE_SQ_MAX; 9]);
    }

    #[test]
    fn sizes_that_do_not_agree_give_an_obstacle_everywhere() {
        assert_eq!(field(&[false; 9], 3, 4), [0; 9]);
        assert_eq!(field(&[false; 9], usize::MAX, 2), [0; 9]);
        assert_eq!(field(&[], 0, 0), [0u16; 0]);
    }
}
