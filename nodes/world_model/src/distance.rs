//! The squared Euclidean distance field of a grid, exact up to a limit, in integers.
//!
//! Two passes (Meijster, Roerdink and Hesselink, "A general algorithm for computing distance transforms in linear time", 2000):
//! along the rows for the distance within the row; then, for every cell, the least of `height(source) + offset²` over the
//! sources of its column, from the nearest outwards, until none farther can be less. Whole blocks of cells side by side are done at
//! once: those above each other are one after the other in memory, and most of them are no source, because what lies in them is no
//! nearer than what lies between ([`Sources`]). Plain loops over short arrays of 16-bit integers, which the compiler turns into vector
//! code: once for every x86-64, once for AVX2 and once for AVX-512, chosen when it runs. Integers, so that every machine finds the same.

use multiversion::multiversion;
use outrider_foundation::grid::CELL_LIMIT;

/// Limits are no greater, in cells: the greatest whose square an `i16` holds.
pub const LIMIT_MAX_CELLS: u16 = 181;

/// No point is farther than this from the farthest of the four centres about it, in whole cells.
const BETWEEN_CELLS: u16 = 2;

/// Cells whose distances are found at once; a bit for each is a `u64`.
const BLOCK: usize = u64::BITS as usize;

/// No more blocks of a row are held at once: wider grids are done strip by strip, so that one of few rows takes no more room.
const STRIP: usize = 2048 / BLOCK;

/// Squares of the numbers up to the greatest limit.
const SQUARES: [i16; LIMIT_MAX_CELLS as usize + 1] = squares();

const fn squares() -> [i16; LIMIT_MAX_CELLS as usize + 1] {
    let mut table = [0; LIMIT_MAX_CELLS as usize + 1];
    let mut i = 0;
    while i < table.len() {
        table[i] = (i * i) as i16;
        i += 1;
    }
    table
}

/// Where [`RAMP`] is zero: a block that begins so far before a cell, or ends so far behind it, has no cell within the limit.
const RAMP_ZERO: usize = LIMIT_MAX_CELLS as usize + BLOCK;

/// The squared distances along a row from one cell of it; saturated.
const RAMP: [i16; 2 * RAMP_ZERO] = ramp();

const fn ramp() -> [i16; 2 * RAMP_ZERO] {
    let mut table = [i16::MAX; 2 * RAMP_ZERO];
    let mut i = 0;
    while i < table.len() {
        let cells = i.abs_diff(RAMP_ZERO);
        if cells <= LIMIT_MAX_CELLS as usize {
            table[i] = (cells * cells) as i16;
        }
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

/// Cells side by side in a row: their squared distances along the row.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Block([i16; BLOCK]);

/// Buffers that are kept from one call to the next, so that a call allocates nothing once they have grown.
#[derive(Clone, Debug, Default)]
pub struct DistanceScratch {
    /// Blocks that lie above each other follow each other.
    blocks: Vec<Block>,
    sources: Sources,
}

impl DistanceScratch {
    /// Takes room for grids of up to this size, so that none of them takes any.
    pub fn reserve(&mut self, width: usize, height: usize) {
        // The limit takes none.
        self.reserve_for(Layout::new(0, width, height, LIMIT_MAX_CELLS));
    }

    fn reserve_for(&mut self, most: Layout) {
        self.blocks.reserve_exact(most.all_blocks().saturating_sub(self.blocks.len()));
        self.sources.reserve(most.height);
    }

    #[inline(always)]
    fn clear(&mut self, layout: Layout, far_sq: i16) {
        self.reserve_for(layout);
        self.blocks.clear();
        self.blocks.resize(layout.all_blocks(), Block([far_sq; BLOCK]));
    }

    /// First pass over a block of a row: what is lethal in it, with its neighbours along the row. Of a run of lethal cells only the
    /// first and the last have any that are not.
    #[inline(always)]
    fn look_along(&mut self, layout: Layout, row: usize, block: usize, cells: &[bool]) {
        let lethal = bits(cells);
        if lethal == 0 {
            return;
        }
        let mut ends = lethal & !((lethal << 1) & (lethal >> 1));
        while ends != 0 {
            self.mark(layout, row, block * BLOCK + ends.trailing_zeros() as usize);
            ends &= ends - 1;
        }
        let place = layout.place(block, row).and_then(|place| self.blocks.get_mut(place));
        let Some(Block(own)) = place else { return };
        if let Some(cells) = cells.first_chunk::<BLOCK>() {
            *own = zero_where(*own, cells);
        } else {
            own.iter_mut().zip(cells).filter(|(_, lethal)| **lethal).for_each(|(own, _)| *own = 0);
        }
    }

    /// The distances along the row from one lethal cell.
    #[inline(always)]
    fn mark(&mut self, layout: Layout, row: usize, cell: usize) {
        let reach = usize::from(layout.limit - 1);
        let from = (cell.saturating_sub(reach) / BLOCK).max(layout.first);
        let to = ((cell + reach) / BLOCK + 1).min(layout.first + layout.blocks);
        for block in from..to {
            let ramp = RAMP.get(block * BLOCK + RAMP_ZERO - cell..).and_then(|ramp| ramp.first_chunk());
            let place = layout.place(block, row).and_then(|place| self.blocks.get_mut(place));
            if let (Some(Block(own)), Some(ramp)) = (place, ramp) {
                *own = least(*own, *ramp);
            }
        }
    }
}

/// A strip of a grid: its first block of a row, how many; rows, and the limit in cells.
#[derive(Clone, Copy)]
struct Layout {
    first: usize,
    blocks: usize,
    height: usize,
    limit: u16,
}

impl Layout {
    /// The strip that begins with this block of a row.
    #[inline(always)]
    fn new(first: usize, width: usize, height: usize, limit: u16) -> Self {
        let blocks = width.div_ceil(BLOCK).saturating_sub(first).min(STRIP);
        Self { first, blocks, height, limit }
    }

    /// Of a block among all of the strip.
    #[inline(always)]
    fn place(self, block: usize, row: usize) -> Option<usize> {
        let within = block.checked_sub(self.first).filter(|within| *within < self.blocks)?;
        Some(within * self.height + row)
    }

    #[inline(always)]
    fn all_blocks(self) -> usize {
        self.blocks * self.height
    }
}

/// Rows of a column of blocks in which something may be nearer to a row above or below than all that lies between.
///
/// A row is one when a cell of the next row is greater than its own by more than one. Seen from `k` rows away a cell counts
/// `height + k²`, that of the next row `next + (k - 1)²`: for every `k` from 1 on no more, if `next <= height + 1`. What is not here
/// is so no nearer than what is in the next row, or, if that is not here either, in the one after it, and at last in the row itself.
#[derive(Clone, Debug, Default)]
struct Sources {
    /// For the rows above them, from the top downwards;
    below: Vec<u32>,
    /// for the rows below them.
    above: Vec<u32>,
}

impl Sources {
    fn reserve(&mut self, rows: usize) {
        for list in [&mut self.below, &mut self.above] {
            list.reserve_exact(rows.saturating_sub(list.len()));
        }
    }

    #[inline(always)]
    fn find(&mut self, column: &[Block]) {
        self.below.clear();
        self.above.clear();
        for (row, [Block(upper), Block(lower)]) in (0..).zip(column.array_windows()) {
            if any_beyond_next(*upper, *lower) {
                self.below.push(row + 1);
            }
            if any_beyond_next(*lower, *upper) {
                self.above.push(row);
            }
        }
    }
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
    for first in (0..width.div_ceil(BLOCK)).step_by(STRIP) {
        strip(lethal, width, Layout::new(first, width, height, limit), scratch, out);
    }
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn strip(lethal: &[bool], width: usize, layout: Layout, scratch: &mut DistanceScratch, out: &mut [u16]) {
    // By the greatest limit its square fits, and so does it.
    let (far, far_sq) = (usize::from(layout.limit), (layout.limit * layout.limit) as i16);
    scratch.clear(layout, far_sq);
    // What may lie within the limit of the strip.
    let from = (layout.first * BLOCK).saturating_sub(far) / BLOCK;
    let to = ((layout.first + layout.blocks) * BLOCK + far).div_ceil(BLOCK);
    for (row, cells) in lethal.chunks_exact(width).enumerate() {
        for (block, cells) in cells.chunks(BLOCK).enumerate().take(to).skip(from) {
            scratch.look_along(layout, row, block, cells);
        }
    }
    let DistanceScratch { blocks, sources } = scratch;
    for (block, column) in blocks.chunks_exact(layout.height).enumerate() {
        sources.find(column);
        let first = (layout.first + block) * BLOCK;
        let (mut above, mut below) = (0, 0);
        for (row, Block(own)) in column.iter().enumerate() {
            while sources.above.get(above).is_some_and(|source| (*source as usize) < row) {
                above += 1;
            }
            while sources.below.get(below).is_some_and(|source| *source as usize <= row) {
                below += 1;
            }
            let above = sources.above.get(..above).unwrap_or_default().iter().rev();
            let below = sources.below.get(below..).unwrap_or_default().iter();
            let cells = outwards(column, row, far, above, *own);
            let cells = outwards(column, row, far, below, cells);
            let at = row * width + first;
            let out = out.get_mut(at..at + BLOCK.min(width - first)).unwrap_or_default();
            // The length of a whole block is known beforehand, and its loop vector code.
            if let Some(out) = out.first_chunk_mut::<BLOCK>() {
                *out = cells.map(|cell| cell as u16);
            } else {
                out.iter_mut().zip(cells).for_each(|(out, cell)| *out = cell as u16);
            }
        }
    }
}

/// A bit for each of at most 64 cells.
#[inline(always)]
fn bits(cells: &[bool]) -> u64 {
    let (whole, rest) = cells.as_chunks::<8>();
    let mut bits = 0;
    for (i, eight) in whole.iter().enumerate() {
        // Eight bytes that are zero or one: the product has them side by side in its uppermost byte.
        let spread = u64::from_le_bytes(eight.map(u8::from));
        bits |= (spread.wrapping_mul(0x0102_0408_1020_4080) >> 56) << (8 * i);
    }
    for (i, cell) in rest.iter().enumerate() {
        bits |= u64::from(*cell) << (8 * whole.len() + i);
    }
    bits
}

/// Second pass over one block: sources from the nearest outwards, until none could be nearer.
#[inline(always)]
fn outwards<'a>(
    column: &[Block],
    row: usize,
    far: usize,
    sources: impl Iterator<Item = &'a u32>,
    own: [i16; BLOCK],
) -> [i16; BLOCK] {
    let mut cells = own;
    for source in sources {
        let source = *source as usize;
        let rows = source.abs_diff(row);
        if rows >= far {
            break;
        }
        let (Some(Block(height)), Some(square)) = (column.get(source), SQUARES.get(rows)) else { break };
        if !any_beyond(cells, *square) {
            break;
        }
        cells = least(cells, height.map(|height| height.saturating_add(*square)));
    }
    cells
}

#[inline(always)]
fn least(mut cells: [i16; BLOCK], others: [i16; BLOCK]) -> [i16; BLOCK] {
    for (cell, other) in cells.iter_mut().zip(others) {
        *cell = (*cell).min(other);
    }
    cells
}

#[inline(always)]
fn zero_where(mut cells: [i16; BLOCK], lethal: &[bool; BLOCK]) -> [i16; BLOCK] {
    for (cell, lethal) in cells.iter_mut().zip(lethal) {
        *cell = if *lethal { 0 } else { *cell };
    }
    cells
}

#[inline(always)]
fn any_beyond(cells: [i16; BLOCK], square: i16) -> bool {
    let mut any = false;
    for cell in cells {
        any |= cell > square;
    }
    any
}

/// Whether any is greater than the other, of the row above or below, by more than one.
#[inline(always)]
fn any_beyond_next(cells: [i16; BLOCK], others: [i16; BLOCK]) -> bool {
    let mut any = false;
    for (cell, other) in cells.iter().zip(others) {
        any |= *cell > other.saturating_add(1);
    }
    any
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
    fn a_grid_of_several_strips_takes_little_room() {
        let width = 3 * STRIP * BLOCK + 17;
        let lethal: Vec<bool> = (0..2 * width).map(|i| i % 613 == 5 || i % 2048 == 2047).collect();
        let (mut scratch, mut out) = (DistanceScratch::default(), vec![7; lethal.len()]);
        squared_distance(&lethal, width, 2, 60, &mut scratch, &mut out);
        assert!(scratch.blocks.capacity() <= 2 * STRIP);
        let nearest = |i: usize| {
            let (x, y) = ((i % width) as i64, (i / width) as i64);
            let near = (x - 60).max(0)..=(x + 60).min(width as i64 - 1);
            let all = near.flat_map(|to| [(to, 0), (to, 1)]);
            let hit = all.filter(|(to, row)| lethal[*row as usize * width + *to as usize]);
            hit.map(|(to, row)| (to - x).pow(2) + (row - y).pow(2)).min().unwrap_or(3600).min(3600) as u16
        };
        assert!((0..out.len()).all(|i| out[i] == nearest(i)));
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
