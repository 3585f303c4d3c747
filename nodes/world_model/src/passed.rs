//! Which cells of a grid the beams of a scan pass and end in, as bits.
//!
//! The cells on a line are those of Amanatides and Woo, "A fast voxel traversal algorithm for ray tracing", 1987, but they are
//! not walked one by one: a beam that goes more across than up passes whole runs of a row, and a run is a few words. One that
//! goes more up than across does the same in a second set of bits whose lines are the columns, which is turned at the end.

/// Cells of a word.
const WORD: usize = 64;
/// Fixed point of the crossings: a cell is 2³².
const CELL: f64 = 4_294_967_296.0;
/// No crossing is farther from the grid, in cells; nothing of it is in the grid there.
const OUTSIDE: f64 = 1e6;

/// Bits of one orientation.
#[derive(Clone, Debug)]
struct Lines {
    /// Lines, cells of a line, words of a line.
    count: usize,
    length: usize,
    words: usize,
    bits: Vec<u64>,
}

/// Where a beam goes, in cells, along the lines (`a`) and across them (`b`).
#[derive(Clone, Copy)]
struct Way {
    a: (f64, f64),
    b: (f64, f64),
}

impl Lines {
    fn new(count: usize, length: usize) -> Self {
        let words = length.div_ceil(WORD);
        Self { count, length, words, bits: vec![0; count * words] }
    }

    /// Sets the cells from `low` to `high` of the line whose words begin at `base`.
    #[inline]
    fn fill(&mut self, base: usize, low: usize, high: usize) {
        let (first, last) = (u64::MAX << (low % WORD), u64::MAX >> (WORD - 1 - high % WORD));
        let (from, to) = (base + low / WORD, base + high / WORD);
        if from == to {
            if let Some(word) = self.bits.get_mut(from) {
                *word |= first & last;
            }
        } else if let Some([begin, between @ .., end]) = self.bits.get_mut(from..=to) {
            *begin |= first;
            between.fill(u64::MAX);
            *end |= last;
        }
    }

    /// Sets the cells from the first one up to the one before the last, as far as they lie in the grid; for a beam that goes
    /// no farther across the lines than along them.
    fn pass(&mut self, way: Way) {
        let (mut from, end) = (floor(way.a.0), floor(way.a.1));
        let (line, last) = (floor(way.b.0), floor(way.b.1));
        let (length, count) = (self.length as i64, self.count as i64);
        if !(0..length).contains(&from) || !(0..count).contains(&line) {
            return;
        }
        let up = last > line;
        let slope = (way.a.1 - way.a.0) / (way.b.1 - way.b.0);
        let edge = (line + i64::from(up)) as f64;
        // Where it goes over into the next line, and how much farther along that is from line to line.
        let mut crossing = fixed(way.a.0 + (edge - way.b.0) * slope);
        let step = fixed(if up { slope } else { -slope });
        // Beyond the ends of a line lies one cell that stands for all.
        let (least, most) = (from.min(end).max(-1), from.max(end).min(length));
        let stride = if up { self.words as isize } else { -(self.words as isize) };
        let mut base = line as usize * self.words;
        let lines = if up { last.min(count) - line } else { line - last.max(-1) };
        for _ in 0..lines {
            let to = (crossing >> 32).clamp(least, most);
            self.fill(base, from.min(to).max(0) as usize, from.max(to).min(length - 1) as usize);
            if to < 0 || to == length {
                return;
            }
            from = to;
            base = base.wrapping_add_signed(stride);
            crossing = crossing.saturating_add(step);
        }
        // Into the line of its end, unless that lies outside.
        if (0..count).contains(&last) && from != end {
            let before = if end > from { end - 1 } else { end + 1 };
            self.fill(base, from.min(before).max(0) as usize, from.max(before).min(length - 1) as usize);
        }
    }
}

/// A cast cuts towards zero; on processors without SSE4.1 `f64::floor` is a call.
#[inline]
fn floor(v: f64) -> i64 {
    let cut = v as i64;
    cut.saturating_sub(i64::from(cut as f64 > v))
}

fn fixed(cells: f64) -> i64 {
    (cells.clamp(-OUTSIDE, OUTSIDE) * CELL) as i64
}

/// What one scan says of the cells.
#[derive(Clone, Debug)]
pub(crate) struct Passed {
    rows: Lines,
    columns: Lines,
    hits: Lines,
}

impl Passed {
    /// Nothing.
    pub(crate) fn new(width: usize, height: usize) -> Self {
        Self {
            rows: Lines::new(height, width),
            columns: Lines::new(width, height),
            hits: Lines::new(height, width),
        }
    }

    /// A beam in cells from the lower left corner: free from its first cell up to the one before its last.
    pub(crate) fn free(&mut self, from: (f64, f64), to: (f64, f64)) {
        let (x, y) = ((from.0, to.0), (from.1, to.1));
        if (x.1 - x.0).abs() >= (y.1 - y.0).abs() {
            self.rows.pass(Way { a: x, b: y });
        } else {
            self.columns.pass(Way { a: y, b: x });
        }
    }

    /// A beam ends there, in cells.
    pub(crate) fn hit(&mut self, at: (f64, f64)) {
        let (col, row) = (usize::try_from(floor(at.0)), usize::try_from(floor(at.1)));
        if let (Ok(col), Ok(row)) = (col, row)
            && col < self.hits.length
            && row < self.hits.count
        {
            self.hits.fill(row * self.hits.words, col, col);
        }
    }

    /// Hands out, row by row from the lowest, the words of cells that are free and of those that are hit, and forgets them.
    /// What is hit is not free.
    pub(crate) fn take(&mut self, mut see: impl FnMut(usize, &[u64], &[u64])) {
        self.turn();
        let words = self.rows.words.max(1);
        let lines = self.rows.bits.chunks_exact_mut(words).zip(self.hits.bits.chunks_exact_mut(words));
        for (row, (free, hits)) in lines.enumerate() {
            for (free, hit) in free.iter_mut().zip(&*hits) {
                *free &= !hit;
            }
            see(row, free, hits);
            free.fill(0);
            hits.fill(0);
        }
    }

    /// Adds the columns to the rows.
    fn turn(&mut self) {
        for col_word in 0..self.rows.words {
            for row_word in 0..self.columns.words {
                let mut block = [0; WORD];
                let mut any = 0;
                for (i, word) in block.iter_mut().enumerate() {
                    let at = (col_word * WORD + i) * self.columns.words + row_word;
                    *word = self.columns.bits.get_mut(at).map(std::mem::take).unwrap_or_default();
                    any |= *word;
                }
                if any == 0 {
                    continue;
                }
                transpose(&mut block);
                for (i, word) in block.iter().enumerate() {
                    let at = (row_word * WORD + i) * self.rows.words + col_word;
                    if let Some(bits) = self.rows.bits.get_mut(at) {
                        *bits |= word;
                    }
                }
            }
        }
    }
}

/// Turns a square of bits about its diagonal (Warren, "Hacker's Delight", 2nd edition, 7-3).
fn transpose(block: &mut [u64; WORD]) {
    let (mut half, mut mask) = (WORD / 2, u64::MAX >> (WORD / 2));
    while half > 0 {
        for pair in block.chunks_exact_mut(2 * half) {
            let (low, high) = pair.split_at_mut(half);
            for (a, b) in low.iter_mut().zip(high) {
                let swapped = (*a >> half ^ *b) & mask;
                *a ^= swapped << half;
                *b ^= swapped;
            }
        }
        half /= 2;
        mask ^= mask << half;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SIDES: (usize, usize) = (150, 70);

    /// Cell by cell, as the paper has it.
    fn walked(from: (f64, f64), to: (f64, f64)) -> Vec<(i64, i64)> {
        let axis = |from: f64, to: f64| {
            let delta = to - from;
            if delta > 0.0 {
                ((from.floor() + 1.0 - from) / delta, 1.0 / delta, 1)
            } else if delta < 0.0 {
                ((from.floor() - from) / delta, -1.0 / delta, -1)
            } else {
                (f64::INFINITY, f64::INFINITY, 0)
            }
        };
        let ((mut next_x, step_x, dcol), (mut next_y, step_y, drow)) =
            (axis(from.0, to.0), axis(from.1, to.1));
        let (mut col, mut row, end) = (floor(from.0), floor(from.1), (floor(to.0), floor(to.1)));
        let mut cells = Vec::new();
        for _ in 0..(end.0 - col).abs() + (end.1 - row).abs() {
            if !(0..SIDES.0 as i64).contains(&col) || !(0..SIDES.1 as i64).contains(&row) {
                break;
            }
            cells.push((col, row));
            if next_x < next_y {
                next_x += step_x;
                col += dcol;
            } else {
                next_y += step_y;
                row += drow;
            }
        }
        cells.sort_unstable();
        cells.dedup();
        cells
    }

    type Cells = Vec<(i64, i64)>;

    fn cells(passed: &mut Passed) -> (Cells, Cells) {
        let (mut free, mut hits) = (Vec::new(), Vec::new());
        passed.take(|row, f, h| {
            for (words, list) in [(f, &mut free), (h, &mut hits)] {
                let set = |col: &usize| words[col / WORD] >> (col % WORD) & 1 == 1;
                list.extend((0..SIDES.0).filter(set).map(|col| (col as i64, row as i64)));
            }
        });
        free.sort_unstable();
        (free, hits)
    }

    proptest! {
        #[test]
        fn the_cells_of_a_beam_are_those_of_the_walk(
            x in 0.0..150.0f64, y in 0.0..70.0f64, angle in -3.2..3.2f64, length in 0.0..300.0f64
        ) {
            let (s, c) = libm::sincos(angle);
            let to = (x + length * c, y + length * s);
            let mut passed = Passed::new(SIDES.0, SIDES.1);
            passed.free((x, y), to);
            prop_assert_eq!(cells(&mut passed).0, walked((x, y), to));
            prop_assert_eq!(cells(&mut passed).0, vec![], "forgotten");
        }

        #[test]
        fn no_beam_is_too_wild(x in any::<f64>(), y in any::<f64>(), ox in any::<f64>(), oy in any::<f64>(), near in 0.0..70.0f64) {
            let mut passed = Passed::new(SIDES.0, SIDES.1);
            passed.free((ox, oy), (x, y));
            passed.free((near, near), (x, y));
            passed.hit((x, y));
            cells(&mut passed);
        }
    }

    #[test]
    fn beams_along_the_axes_and_the_diagonal() {
        for to in [
            (9.5, 3.5),
            (0.5, 3.5),
            (5.5, 9.5),
            (5.5, 0.5),
            (9.5, 7.5),
            (1.5, -0.5),
            (5.5, 3.6),
            (999.0, 3.5),
        ] {
            let mut passed = Passed::new(SIDES.0, SIDES.1);
            passed.free((5.5, 3.5), to);
            let found = cells(&mut passed).0;
            assert_eq!(found.len(), walked((5.5, 3.5), to).len(), "{to:?}: {found:?}");
        }
    }

    #[test]
    fn what_is_hit_is_not_free() {
        let mut passed = Passed::new(SIDES.0, SIDES.1);
        passed.free((1.5, 1.5), (9.5, 1.5));
        passed.hit((4.5, 1.5));
        passed.hit((-1.0, 1.5));
        passed.hit((4.5, 70.0));
        let (free, hits) = cells(&mut passed);
        assert_eq!((free.len(), hits), (7, vec![(4, 1)]));
    }
}
