//! The exact squared Euclidean distance field of a grid, in integers.
//!
//! Two passes. Down and up the columns for the distance within the column; then, along each row, the least of
//! `height(source) + (cell - source)²` over all sources of the row. A cell farther right never has its nearest source farther
//! left (the matrix of those sums is a Monge array; see Aggarwal et al., "Geometric applications of a matrix-searching
//! algorithm", 1987). So the row is halved again and again at the nearest source of the middle cell, until blocks of
//! [`BLOCK`] cells are left whose few sources are tried one by one, all cells of the block at once. Everything is plain loops
//! over short arrays, which the compiler turns into vector code; integers, or floats that hold integers exactly, so that
//! every machine finds the same. Results saturate at [`DISTANCE_SQ_MAX`], so nothing 256 cells away or farther matters.

use outrider_foundation::grid::{CELL_LIMIT, DISTANCE_SQ_MAX};

/// Distances from here on are beyond what a `u16` holds squared: 256² is 65,536.
const FAR_CELLS: usize = 256;

/// Cells whose distances are found at once.
const BLOCK: usize = 16;

/// Cells of a row that are searched at once: with what lies within [`FAR_CELLS`] on both sides, squares stay below 2²⁴, up to
/// where an `f32` holds every integer.
const PIECE: usize = 64 * BLOCK;

/// Sources that are compared at once in the search.
const LANES: usize = 8;

/// Squares of −[`FAR_CELLS`] − [`BLOCK`] to as much above zero, saturated.
const SQUARES: [u16; 2 * ZERO + 1] = squares();

/// Where in [`SQUARES`] that of zero is.
const ZERO: usize = FAR_CELLS + BLOCK;

const fn squares() -> [u16; 2 * ZERO + 1] {
    let mut table = [DISTANCE_SQ_MAX; 2 * ZERO + 1];
    let mut d = 0;
    while d < FAR_CELLS {
        table[ZERO + d] = (d * d) as u16;
        table[ZERO - d] = (d * d) as u16;
        d += 1;
    }
    table
}

/// Buffers that are kept from one call to the next, so that a call allocates nothing once they have grown.
#[derive(Clone, Debug, Default)]
pub struct DistanceScratch {
    /// Cells to the nearest lethal cell of the same column.
    column: Vec<u16>,
    /// Of one row: those squared, saturated; and the same as floats.
    heights: Vec<u16>,
    floats: Vec<f32>,
}

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
        scratch.heights.clear();
        scratch.heights.extend(column.iter().map(|&g| {
            let far = g >= FAR_CELLS as u16;
            if far { DISTANCE_SQ_MAX } else { g.wrapping_mul(g) }
        }));
        if scratch.heights.iter().fold(DISTANCE_SQ_MAX, |least, &h| least.min(h)) == DISTANCE_SQ_MAX {
            out_row.fill(DISTANCE_SQ_MAX);
            continue;
        }
        scratch.floats.clear();
        scratch.floats.extend(scratch.heights.iter().map(|&h| f32::from(h)));
        along_row(&scratch.heights, &scratch.floats, out_row);
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

/// Second pass over one row, piece by piece.
fn along_row(heights: &[u16], floats: &[f32], out: &mut [u16]) {
    for (i, cells) in out.chunks_mut(PIECE).enumerate() {
        let begin = i * PIECE;
        let first = begin.saturating_sub(FAR_CELLS);
        let end = begin.saturating_add(cells.len()).saturating_add(FAR_CELLS).min(heights.len());
        let (Some(heights), Some(floats)) = (heights.get(first..end), floats.get(first..end)) else { return };
        let row = Row { heights, floats };
        row.search(begin - first, cells, 0, heights.len().saturating_sub(1));
    }
}

/// A part of a row: the height of every source.
#[derive(Clone, Copy)]
struct Row<'a> {
    heights: &'a [u16],
    floats: &'a [f32],
}

impl Row<'_> {
    /// Fills `cells`, of which the first is above source `begin`, and whose nearest sources lie from `low` to `high`.
    /// It calls itself no deeper than PIECE / BLOCK can be halved: six times.
    fn search(self, begin: usize, cells: &mut [u16], low: usize, high: usize) {
        let blocks = cells.len().div_ceil(BLOCK);
        if blocks <= 1 {
            self.fill(begin, cells, low, high);
            return;
        }
        let (left, right) = cells.split_at_mut(blocks / 2 * BLOCK);
        let middle = begin + left.len();
        let nearest = self.nearest(middle, low, high);
        self.search(begin, left, low, nearest);
        self.search(middle, right, nearest, high);
    }

    /// The nearest source of a cell, of those from `low` to `high`.
    fn nearest(self, cell: usize, low: usize, high: usize) -> usize {
        // A source farther away in the row than the cell's own column says cannot be nearer.
        let own = self.floats.get(cell).copied().unwrap_or(f32::INFINITY);
        let reach = if own < f32::from(DISTANCE_SQ_MAX) { own.sqrt() as usize } else { self.floats.len() };
        let from = low.max(cell.saturating_sub(reach)).min(high);
        let to = high.min(cell.saturating_add(reach)).max(from);
        let sources = self.floats.get(from..=to).unwrap_or_default();
        let mut least = [f32::INFINITY; LANES];
        let mut at = [0i32; LANES];
        let mut place: [f32; LANES] = std::array::from_fn(|lane| (from + lane) as f32 - cell as f32);
        // `lane` is below the length of all these arrays.
        let (chunks, rest) = sources.as_chunks::<LANES>();
        for (i, chunk) in chunks.iter().enumerate() {
            for lane in 0..LANES {
                let value = chunk[lane] + place[lane] * place[lane];
                at[lane] = if value < least[lane] { i as i32 } else { at[lane] };
                least[lane] = if value < least[lane] { value } else { least[lane] };
                place[lane] += LANES as f32;
            }
        }
        let (mut best, mut best_value) = (from, f32::INFINITY);
        for lane in 0..LANES {
            if least[lane] < best_value {
                (best, best_value) = (from + at[lane] as usize * LANES + lane, least[lane]);
            }
        }
        for ((lane, height), place) in rest.iter().enumerate().zip(place) {
            let value = height + place * place;
            if value < best_value {
                (best, best_value) = (from + chunks.len() * LANES + lane, value);
            }
        }
        best
    }

    /// One block.
    fn fill(self, begin: usize, cells: &mut [u16], low: usize, high: usize) {
        // Beyond, all is saturated.
        let low = low.max(begin.saturating_sub(FAR_CELLS));
        let high = high.min(begin.saturating_add(FAR_CELLS + BLOCK - 1));
        let mut least = [DISTANCE_SQ_MAX; BLOCK];
        for (source, &height) in (low..).zip(self.heights.get(low..=high).unwrap_or_default()) {
            // By the two bounds this is within the table.
            let squares = SQUARES.get(ZERO + begin - source..).and_then(|s| s.first_chunk::<BLOCK>());
            let Some(squares) = squares else { continue };
            for (least, square) in least.iter_mut().zip(squares) {
                *least = (*least).min(square.saturating_add(height));
            }
        }
        for (cell, least) in cells.iter_mut().zip(least) {
            *cell = least;
        }
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
