//! The squared Euclidean distance field of a grid, exact up to a limit, in integers.
//!
//! Two passes (Meijster, Roerdink and Hesselink, "A general algorithm for computing distance transforms in linear time", 2000):
//! up and down the columns for the distance within the column; then, for every cell, the least of `height(source) + offset²`
//! over the sources of its row. The distance of a cell is at most one more than that of the cell above it, so no source farther
//! along the row than that has to be looked at, nor any beyond the limit. Whole blocks of cells are done at once, in plain loops
//! over short arrays of 16-bit integers, which the compiler turns into vector code: once for every x86-64, once for AVX2 and once for
//! AVX-512, chosen when it runs. Integers, so that every machine finds the same.

use multiversion::multiversion;
use outrider_foundation::grid::CELL_LIMIT;

/// Limits are no greater, in cells: the greatest whose square an `i16` holds.
pub const LIMIT_MAX_CELLS: u16 = 181;

/// No point is farther than this from the farthest of the four centres about it, in whole cells.
const BETWEEN_CELLS: u16 = 2;

/// Cells whose distances are found at once.
const BLOCK: usize = 32;

/// Rows are padded to whole lines of so many cells, so that loops over them leave no rest.
const LINE: usize = 4 * BLOCK;

/// Offsets are tried so many more at a time: how many there are to try is then much the same from block to block, which
/// processors foresee.
const STEP: usize = 4;

/// Of 1, 2, …, up to the greatest limit; saturated.
const SQUARES: [i16; (LIMIT_MAX_CELLS as usize).next_multiple_of(STEP)] = squares();

const fn squares() -> [i16; (LIMIT_MAX_CELLS as usize).next_multiple_of(STEP)] {
    let mut table = [i16::MAX; (LIMIT_MAX_CELLS as usize).next_multiple_of(STEP)];
    let mut i = 0;
    while i < LIMIT_MAX_CELLS as usize {
        table[i] = ((i + 1) * (i + 1)) as i16;
        i += 1;
    }
    table
}

/// The limit in cells with which distances up to `limit_m` are exact, also between the centres of four neighbours; at most
/// [`LIMIT_MAX_CELLS`].
pub fn limit_cells(limit_m: f64, resolution_m: f64) -> u16 {
    // The cast saturates, and NaN becomes zero.
    ((limit_m / resolution_m).ceil() as u16).saturating_add(BETWEEN_CELLS).min(LIMIT_MAX_CELLS)
}

/// The finest cells on which distances up to `limit_m` are exact, in m.
pub fn finest_m(limit_m: f64) -> f64 {
    limit_m / f64::from(LIMIT_MAX_CELLS - BETWEEN_CELLS)
}

/// Buffers that are kept from one call to the next, so that a call allocates nothing once they have grown.
#[derive(Clone, Debug, Default)]
pub struct DistanceScratch {
    /// Cells to the nearest lethal cell of the same column at or below, in padded rows; the limit when there is none nearer.
    below: Vec<[u8; LINE]>,
    row: Row,
}

impl DistanceScratch {
    /// Takes room for grids of up to this size, so that none of them takes any.
    pub fn reserve(&mut self, width: usize, height: usize) {
        let lines = width.div_ceil(LINE);
        let more = |room: usize, length: usize| room.saturating_sub(length);
        let Row { column, heights, gaps, above } = &mut self.row;
        self.below.reserve_exact(more(lines * height, self.below.len()));
        column.reserve_exact(more(lines, column.len()));
        heights.reserve_exact(more(Row::heights_max(lines), heights.len()));
        gaps.reserve_exact(more(lines * LINE / BLOCK, gaps.len()));
        above.reserve_exact(more(lines * LINE / BLOCK, above.len()));
    }
}

/// One row, padded.
#[derive(Clone, Debug, Default)]
struct Row {
    /// Cells to the nearest lethal cell of the same column.
    column: Vec<[u8; LINE]>,
    /// Their squares, with so many cells of the limit's square on either side that every block finds its neighbours.
    heights: Vec<i16>,
    /// Blocks to the nearest one with a cell below the limit.
    gaps: Vec<usize>,
    /// Per block: in the row above no cell was farther from its nearest lethal one, in cells.
    above: Vec<u16>,
}

/// Squared distance in cells² from every cell to the nearest lethal one; row-major. From `limit` cells on
/// (1 to [`LIMIT_MAX_CELLS`]) it is the square of `limit`, which means at least so far.
///
/// Slices whose lengths do not agree with the sizes, or are beyond [`CELL_LIMIT`], give zero everywhere: an obstacle.
pub fn squared_distance(
    lethal: &[bool],
    width: usize,
    height: usize,
    limit: u16,
    scratch: &mut DistanceScratch,
    out: &mut [u16],
) {
    let agree = width.checked_mul(height) == Some(lethal.len()) && out.len() == lethal.len();
    if !agree || lethal.is_empty() || lethal.len() > CELL_LIMIT {
        out.fill(0);
        return;
    }
    let limit = limit.clamp(1, LIMIT_MAX_CELLS);
    scratch.row.begin(width, limit);
    field(lethal, width, limit, scratch, out);
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn field(lethal: &[bool], width: usize, limit: u16, scratch: &mut DistanceScratch, out: &mut [u16]) {
    // By its greatest value it fits.
    let far = limit as u8;
    let lines = width.div_ceil(LINE);
    let DistanceScratch { below, row } = scratch;
    below.clear();
    below.reserve_exact(lines * (lethal.len() / width));
    for cells in lethal.chunks_exact(width) {
        for (column, cells) in row.column.iter_mut().zip(cells.chunks(LINE)) {
            if let Some(cells) = cells.first_chunk::<LINE>() {
                grow(column, cells, far);
            } else {
                let mut padded = [false; LINE];
                for (to, from) in padded.iter_mut().zip(cells) {
                    *to = *from;
                }
                grow(column, &padded, far);
            }
        }
        below.extend_from_slice(&row.column);
    }
    row.column.fill([far; LINE]);
    for (below, out) in below.chunks_exact(lines).zip(out.chunks_exact_mut(width)).rev() {
        row.next(below, far);
        row.find(limit, out);
    }
}

/// The column distances of the next row from those of this one.
#[inline(always)]
fn grow(column: &mut [u8; LINE], lethal: &[bool; LINE], far: u8) {
    for (cell, lethal) in column.iter_mut().zip(lethal) {
        *cell = if *lethal { 0 } else { cell.saturating_add(1).min(far) };
    }
}

impl Row {
    /// With the greatest limit.
    const fn heights_max(lines: usize) -> usize {
        2 * margin(LIMIT_MAX_CELLS) + lines * LINE
    }

    fn begin(&mut self, width: usize, limit: u16) {
        let lines = width.div_ceil(LINE);
        self.column.clear();
        self.column.resize(lines, [limit as u8; LINE]);
        self.heights.clear();
        // So that another limit takes no more.
        self.heights.reserve(Self::heights_max(lines));
        self.heights.resize(2 * margin(limit) + lines * LINE, (limit * limit) as i16);
        self.gaps.clear();
        self.gaps.resize(lines * LINE / BLOCK, 0);
        self.above.clear();
        self.above.resize(lines * LINE / BLOCK, limit);
    }

    /// Goes on to the next lower row.
    #[inline(always)]
    fn next(&mut self, below: &[[u8; LINE]], far: u8) {
        let heights = self.heights.get_mut(margin(u16::from(far))..).unwrap_or_default();
        let heights = heights.as_chunks_mut::<LINE>().0;
        for ((column, below), heights) in self.column.iter_mut().zip(below).zip(heights) {
            for ((cell, below), height) in column.iter_mut().zip(below).zip(heights) {
                *cell = cell.saturating_add(1).min(*below);
                // By the greatest limit it fits.
                *height = i16::from(*cell).wrapping_mul(i16::from(*cell));
            }
        }
        let none = usize::from(far);
        let mut gap = none;
        for (column, out) in self.column.as_flattened().as_chunks::<BLOCK>().0.iter().zip(&mut self.gaps) {
            let mut least = u8::MAX;
            for cell in column {
                least = least.min(*cell);
            }
            gap = if least < far { 0 } else { gap.saturating_add(1) };
            *out = gap;
        }
        gap = none;
        for out in self.gaps.iter_mut().rev() {
            gap = if *out == 0 { 0 } else { gap.saturating_add(1) };
            *out = gap.min(*out);
        }
    }

    /// Second pass over it.
    #[inline(always)]
    fn find(&mut self, limit: u16, out: &mut [u16]) {
        let far = (limit * limit) as i16;
        let mut at = margin(limit);
        for ((out, above), gap) in out.chunks_mut(BLOCK).zip(&mut self.above).zip(&self.gaps) {
            let reach = usize::from((*above + 1).min(limit - 1));
            // All that the blocks between hold is the limit.
            let first = gap.saturating_sub(1) * BLOCK;
            if *gap > 0 && first >= reach {
                out.fill(far as u16);
                *above = limit;
            } else {
                let cells = block(&self.heights, at, first, reach.next_multiple_of(STEP));
                let mut most = 0;
                for cell in &cells {
                    most = most.max(*cell);
                }
                *above = f32::from(most).sqrt() as u16;
                // The length of a whole block is known beforehand, and its loop vector code.
                if let Some(out) = out.first_chunk_mut::<BLOCK>() {
                    for (out, cell) in out.iter_mut().zip(&cells) {
                        *out = *cell as u16;
                    }
                } else {
                    for (out, cell) in out.iter_mut().zip(&cells) {
                        *out = *cell as u16;
                    }
                }
            }
            at += BLOCK;
        }
    }
}

/// Cells before the first and behind the last one of a row.
const fn margin(limit: u16) -> usize {
    (limit as usize).next_multiple_of(STEP)
}

/// The block of cells that begins above source `at`, with its own sources and those that are more than `from` and at most `to`
/// cells away.
#[inline(always)]
fn block(heights: &[i16], at: usize, from: usize, to: usize) -> [i16; BLOCK] {
    let windows = |from: usize, to: usize| heights.get(from..to).unwrap_or_default().array_windows::<BLOCK>();
    let left = windows(at - to, at - from + BLOCK - 1).rev();
    let right = windows(at + from + 1, at + to + BLOCK);
    let mut least =
        heights.get(at..).and_then(|own| own.first_chunk::<BLOCK>()).copied().unwrap_or([0; BLOCK]);
    for ((left, right), square) in left.zip(right).zip(SQUARES.get(from..to).unwrap_or_default()) {
        for ((least, left), right) in least.iter_mut().zip(left).zip(right) {
            *least = (*least).min((*left).min(*right).saturating_add(*square));
        }
    }
    least
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn field(lethal: &[bool], width: usize, height: usize, limit: u16) -> Vec<u16> {
        let mut out = vec![7; lethal.len()];
        squared_distance(lethal, width, height, limit, &mut DistanceScratch::default(), &mut out);
        out
    }

    fn brute_force(lethal: &[bool], width: usize, limit: u16) -> Vec<u16> {
        let cells = |i: usize| ((i % width) as i64, (i / width) as i64);
        let obstacles: Vec<(i64, i64)> =
            lethal.iter().enumerate().filter(|(_, l)| **l).map(|(i, _)| cells(i)).collect();
        (0..lethal.len())
            .map(|i| {
                let (x, y) = cells(i);
                let nearest = obstacles.iter().map(|(ox, oy)| (x - ox).pow(2) + (y - oy).pow(2)).min();
                nearest.unwrap_or(i64::MAX).min(i64::from(limit).pow(2)) as u16
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
        fn equals_brute_force((width, lethal) in grids(), limit in 1..=60u16) {
            let height = lethal.len() / width;
            prop_assert_eq!(field(&lethal, width, height, limit), brute_force(&lethal, width, limit));
        }

        #[test]
        fn equals_brute_force_on_large_grids_with_few_obstacles(
            at in proptest::collection::vec(0..24_000usize, 0..12), width in 1..24_000usize, limit in 1..=LIMIT_MAX_CELLS
        ) {
            let height = 24_000 / width;
            let mut lethal = vec![false; width * height];
            for i in at {
                if let Some(lethal) = lethal.get_mut(i) {
                    *lethal = true;
                }
            }
            prop_assert_eq!(field(&lethal, width, height, limit), brute_force(&lethal, width, limit));
        }
    }

    #[test]
    fn limits_are_whole_cells_and_hold() {
        assert_eq!(limit_cells(1.5, 0.05), 32);
        assert_eq!(limit_cells(1.51, 0.05), 33);
        assert_eq!(limit_cells(0.1, 1.0), 3);
        assert_eq!((limit_cells(1e9, 0.05), limit_cells(f64::NAN, 0.05)), (LIMIT_MAX_CELLS, 2));
        assert_eq!(limit_cells(1.5, finest_m(1.5)), LIMIT_MAX_CELLS);
        assert_eq!(field(&[true, false, false], 3, 1, 0), [0, 1, 1]);
        let wide: Vec<bool> = (0..400).map(|i| i == 0).collect();
        let far = field(&wide, 400, 1, u16::MAX);
        assert_eq!((far[180], far[181], far[399]), (32_400, 32_761, 32_761));
    }

    #[test]
    fn buffers_are_reused_without_leaking_from_call_to_call() {
        let mut scratch = DistanceScratch::default();
        let mut out = vec![0; 9];
        squared_distance(&[true; 9], 3, 3, 20, &mut scratch, &mut out);
        assert_eq!(out, [0; 9]);
        squared_distance(&[false; 9], 3, 3, 20, &mut scratch, &mut out);
        assert_eq!(out, [400; 9]);
    }

    #[test]
    fn sizes_that_do_not_agree_give_an_obstacle_everywhere() {
        assert_eq!(field(&[false; 9], 3, 4, 5), [0; 9]);
        assert_eq!(field(&[false; 9], usize::MAX, 2, 5), [0; 9]);
        assert_eq!(field(&[], 0, 0, 5), [0u16; 0]);
    }
}
