//! The squared Euclidean distance field of a grid, exact up to a limit, in integers.
//!
//! Two passes (Meijster, Roerdink and Hesselink, "A general algorithm for computing distance transforms in linear time", 2000):
//! along the rows for the distance within the row; then, for every cell, the least of `height(source) + offset²` over the
//! sources of its column, from the nearest outwards, until none farther can be less. Whole blocks of cells side by side are done at
//! once: their sources above and below are blocks too, one after the other in memory. Plain loops over short arrays of 16-bit
//! integers, which the compiler turns into vector code: once for every x86-64, once for AVX2 and once for AVX-512, chosen when it
//! runs. Integers, so that every machine finds the same.

use multiversion::multiversion;
use outrider_foundation::grid::CELL_LIMIT;

/// Limits are no greater, in cells: the greatest whose square an `i16` holds.
pub const LIMIT_MAX_CELLS: u16 = 181;

/// No point is farther than this from the farthest of the four centres about it, in whole cells.
const BETWEEN_CELLS: u16 = 2;

/// Cells whose distances are found at once.
const BLOCK: usize = 32;

/// Cells of a row that are looked through at once.
const WORD: usize = 2 * BLOCK;

/// Blocks of a row whose gaps are found at once.
const GROUP: usize = 16;

/// No more blocks of a row are held at once: wider grids are done strip by strip, so that one of few rows takes no more room for the
/// rows about it than others.
const STRIP: usize = 4 * GROUP;

/// So many more rows are tried at a time before it is asked whether any farther could be nearer.
const STEP: usize = 4;

/// Of 1, 2, …, up to the greatest limit; saturated.
const SQUARES: [[i16; STEP]; margin(LIMIT_MAX_CELLS) / STEP] = squares();

const fn squares() -> [[i16; STEP]; margin(LIMIT_MAX_CELLS) / STEP] {
    let mut table = [[i16::MAX; STEP]; margin(LIMIT_MAX_CELLS) / STEP];
    let mut i = 0;
    while i < LIMIT_MAX_CELLS as usize {
        table[i / STEP][i % STEP] = ((i + 1) * (i + 1)) as i16;
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
    /// Blocks that lie above each other follow each other, with so many of the limit's square before and behind them that every
    /// block finds its neighbours.
    blocks: Vec<Block>,
    /// Per row, for every block of it: rows to the nearest one whose block has a cell below the limit.
    gaps: Vec<[u8; GROUP]>,
}

impl DistanceScratch {
    /// Takes room for grids of up to this size, so that none of them takes any.
    pub fn reserve(&mut self, width: usize, height: usize) {
        self.reserve_for(Layout::new(0, width, height, LIMIT_MAX_CELLS));
    }

    fn reserve_for(&mut self, most: Layout) {
        self.blocks.reserve_exact(most.all_blocks().saturating_sub(self.blocks.len()));
        self.gaps.reserve_exact(most.all_groups().saturating_sub(self.gaps.len()));
    }

    #[inline(always)]
    fn clear(&mut self, layout: Layout, far: u8, far_sq: i16) {
        // So that another limit takes no more.
        self.reserve_for(Layout { limit: LIMIT_MAX_CELLS, ..layout });
        self.blocks.clear();
        self.blocks.resize(layout.all_blocks(), Block([far_sq; BLOCK]));
        self.gaps.clear();
        self.gaps.resize(layout.all_groups(), [far; GROUP]);
    }

    /// First pass over some cells of a row: what is lethal among them, with its neighbours along the row. Of a run of lethal cells
    /// only the first and the last have any that are not.
    #[inline(always)]
    fn look_along(&mut self, layout: Layout, row: usize, word: usize, cells: &[bool]) {
        let lethal = bits(cells);
        if lethal == 0 {
            return;
        }
        let mut ends = lethal & !((lethal << 1) & (lethal >> 1));
        while ends != 0 {
            self.mark(layout, row, word * WORD + ends.trailing_zeros() as usize);
            ends &= ends - 1;
        }
        for (block, cells) in (word * WORD / BLOCK..).zip(cells.chunks(BLOCK)) {
            let place = layout.place(block, row).and_then(|place| self.blocks.get_mut(place));
            let Some(Block(own)) = place else { continue };
            if let Some(cells) = cells.first_chunk::<BLOCK>() {
                *own = zero_where(*own, cells);
            } else {
                own.iter_mut().zip(cells).filter(|(_, lethal)| **lethal).for_each(|(own, _)| *own = 0);
            }
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
            let within = block - layout.first;
            let group = self.gaps.get_mut(row * layout.groups + within / GROUP);
            if let Some(gap) = group.and_then(|group| group.get_mut(within % GROUP)) {
                *gap = 0;
            }
        }
    }
}

/// A strip of a grid: its first block of a row, how many, in how many groups; rows, and the limit in cells.
#[derive(Clone, Copy)]
struct Layout {
    first: usize,
    blocks: usize,
    groups: usize,
    height: usize,
    limit: u16,
}

impl Layout {
    /// The strip that begins with this block of a row.
    #[inline(always)]
    fn new(first: usize, width: usize, height: usize, limit: u16) -> Self {
        let blocks = width.div_ceil(BLOCK).saturating_sub(first).min(STRIP);
        Self { first, blocks, groups: blocks.div_ceil(GROUP), height, limit }
    }

    /// Blocks that follow each other: a column of them and its margins.
    #[inline(always)]
    fn column(self) -> usize {
        self.height + 2 * margin(self.limit)
    }

    /// Of a block among all of the strip.
    #[inline(always)]
    fn place(self, block: usize, row: usize) -> Option<usize> {
        let within = block.checked_sub(self.first).filter(|within| *within < self.blocks)?;
        Some(within * self.column() + margin(self.limit) + row)
    }

    #[inline(always)]
    fn all_blocks(self) -> usize {
        self.blocks * self.column()
    }

    #[inline(always)]
    fn all_groups(self) -> usize {
        self.groups * self.height
    }
}

/// Blocks before the first and behind the last one of a column.
const fn margin(limit: u16) -> usize {
    (limit as usize).next_multiple_of(STEP)
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
    let (far, far_sq) = (layout.limit as u8, (layout.limit * layout.limit) as i16);
    scratch.clear(layout, far, far_sq);
    // What may lie within the limit of the strip.
    let reach = usize::from(layout.limit);
    let from = (layout.first * BLOCK).saturating_sub(reach) / WORD;
    let to = ((layout.first + layout.blocks) * BLOCK + reach).div_ceil(WORD);
    for (row, cells) in lethal.chunks_exact(width).enumerate() {
        for (word, cells) in cells.chunks(WORD).enumerate().take(to).skip(from) {
            scratch.look_along(layout, row, word, cells);
        }
    }
    for group in 0..layout.groups {
        spread(scratch.gaps.iter_mut().skip(group).step_by(layout.groups), far);
        spread(scratch.gaps.iter_mut().skip(group).step_by(layout.groups).rev(), far);
    }
    let columns = scratch.blocks.chunks_exact(layout.column());
    for (block, column) in columns.enumerate() {
        let first = (layout.first + block) * BLOCK;
        let gaps = scratch.gaps.iter().skip(block / GROUP).step_by(layout.groups);
        for (row, gaps) in gaps.enumerate() {
            let at = row * width + first;
            let out = out.get_mut(at..at + BLOCK.min(width - first)).unwrap_or_default();
            let gap = gaps.get(block % GROUP).copied().unwrap_or_default();
            if gap >= far {
                out.fill(far_sq as u16);
                continue;
            }
            let cells = down_and_up(column, row, layout.limit, usize::from(gap));
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

/// Goes over the rows: no row is farther from one with a cell below the limit than the one before it is, and one more.
#[inline(always)]
fn spread<'a>(rows: impl Iterator<Item = &'a mut [u8; GROUP]>, far: u8) {
    let mut before = [far; GROUP];
    for row in rows {
        for (own, before) in row.iter_mut().zip(&before) {
            *own = before.saturating_add(1).min(*own);
        }
        before = *row;
    }
}

/// Second pass over one block: from its own row outwards, from the nearest rows on in which there is anything.
#[inline(always)]
fn down_and_up(column: &[Block], row: usize, limit: u16, gap: usize) -> [i16; BLOCK] {
    let own = row + margin(limit);
    let mut cells = column.get(own).map_or([0; BLOCK], |block| block.0);
    let below = column.get(row..own).unwrap_or_default().as_rchunks::<STEP>().1;
    let above = column.get(own + 1..=own + margin(limit)).unwrap_or_default().as_chunks::<STEP>().0;
    let steps = below.iter().rev().zip(above).zip(&SQUARES).skip(gap.saturating_sub(1) / STEP);
    for ((below, above), squares) in steps {
        if !any_beyond(cells, squares[0]) {
            break;
        }
        for ((below, above), square) in below.iter().rev().zip(above).zip(squares) {
            cells = least(cells, least(below.0, above.0).map(|height| height.saturating_add(*square)));
        }
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
        assert!(scratch.blocks.capacity() <= STRIP * (2 + 2 * margin(LIMIT_MAX_CELLS)));
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
