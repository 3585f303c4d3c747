//! Which cells of a grid the beams of a scan pass and end in, as bits.
//!
//! The cells on a line are those of Amanatides and Woo, "A fast voxel traversal algorithm for ray tracing", 1987, but they are
//! not walked one by one: a beam passes whole runs of a row, and a run is a few words. Where beams lie so close together that
//! they pass every cell between them, not even that is done: see [`Star`].

use crate::star::{Ray, Star};
use multiversion::multiversion;

/// Cells of a word.
pub(crate) const WORD: usize = 64;
/// Fixed point of the crossings: a cell is 2³².
const CELL: f64 = 4_294_967_296.0;
/// No crossing is farther from the grid, in cells; nothing of it is in the grid there.
const OUTSIDE: f64 = 5e5;
/// Lines that are made ready at once.
const LANES: usize = 4;

/// A bit for every cell.
#[derive(Clone, Debug)]
pub(crate) struct Bits {
    /// Cells of a row, rows, words of a row.
    pub width: usize,
    pub height: usize,
    pub words: usize,
    pub bits: Vec<u64>,
}

impl Bits {
    pub(crate) fn new(width: usize, height: usize) -> Self {
        let words = width.div_ceil(WORD);
        Self { width, height, words, bits: vec![0; height * words] }
    }

    /// Sets the cells from `low` to `high` of the row whose words begin at `base`.
    #[inline(always)]
    fn fill(&mut self, base: usize, low: usize, high: usize) {
        let (first, last) = (u64::MAX << (low % WORD), u64::MAX >> (WORD - 1 - high % WORD));
        let (from, to) = (base.wrapping_add(low / WORD), base.wrapping_add(high / WORD));
        if from == to {
            if let Some(word) = self.bits.get_mut(from) {
                *word |= first & last;
            }
            return;
        }
        if let Some(word) = self.bits.get_mut(from) {
            *word |= first;
        }
        if let Some(word) = self.bits.get_mut(to) {
            *word |= last;
        }
        if to.wrapping_sub(from) > 1 {
            self.fill_between(from, to);
        }
    }

    /// Sets the cells of the words between two. Few lines are so long; this keeps a call out of the way of all others.
    #[cold]
    #[inline(never)]
    fn fill_between(&mut self, from: usize, to: usize) {
        if let Some([_, between @ ..]) = self.bits.get_mut(from..to) {
            between.fill(u64::MAX);
        }
    }

    /// Sets the cells of a line from its first one up to the one before its last, as far as they lie in the grid; nothing when
    /// the first does not.
    #[inline(always)]
    fn pass(&mut self, line: Line) {
        let Line { from, end, row, last, .. } = line;
        let (width, height) = (self.width as i64, self.height as i64);
        // Most of what is beyond the star is beyond the grid too.
        if !(0..width).contains(&from) || !(0..height).contains(&row) {
            return;
        }
        // The walls of a room lie all in the grid or all out of it: which it is can be foretold.
        if (0..width).contains(&end) && (0..height).contains(&last) {
            self.pass_rows::<true>(line);
        } else {
            self.pass_rows::<false>(line);
        }
    }

    /// The same for a line that begins in the grid, and that ends there too or may not.
    #[inline(always)]
    fn pass_rows<const INSIDE: bool>(&mut self, line: Line) {
        let Line { mut from, end, row, last, mut crossing, step } = line;
        let (width, height) = (self.width as i64, self.height as i64);
        let mut base = row as usize * self.words;
        let (up, right) = (last > row, end > from);
        // Beyond the ends of a row lies one cell that stands for all.
        let (mut least, mut most) = if right { (from, end) } else { (end, from) };
        let mut rows = if up { last - row } else { row - last };
        if !INSIDE {
            (least, most) = (least.max(-1), most.min(width));
            rows = if up { last.min(height) - row } else { row - last.max(-1) };
        }
        let stride = if up { self.words } else { self.words.wrapping_neg() };
        for _ in 0..rows {
            let to = (crossing >> 32).max(least).min(most);
            let (mut low, mut high) = if right { (from, to) } else { (to, from) };
            if !INSIDE {
                (low, high) = (low.max(0), high.min(width - 1));
            }
            self.fill(base, low as usize, high as usize);
            if !INSIDE && !(0..width).contains(&to) {
                return;
            }
            from = to;
            base = base.wrapping_add(stride);
            // Neither is farther than the outside is, so it fits.
            crossing = crossing.wrapping_add(step);
        }
        // Into the row of its end, unless that lies outside.
        if INSIDE || (0..height).contains(&last) {
            self.pass_in_row(base, from, end);
        }
    }

    /// Sets the cells from `from` up to the one before `end`, of the row whose words begin at `base`.
    #[inline(always)]
    fn pass_in_row(&mut self, base: usize, from: i64, end: i64) {
        if from != end {
            let before = if end > from { end - 1 } else { end + 1 };
            let last = self.width as i64 - 1;
            self.fill(base, from.min(before).max(0) as usize, from.max(before).min(last) as usize);
        }
    }
}

/// A line in cells: the columns and rows of its first and of its last one, where it goes over into the next row, and how much
/// farther along that is from row to row, in [`CELL`].
#[derive(Clone, Copy, Debug, Default)]
struct Line {
    from: i64,
    end: i64,
    row: i64,
    last: i64,
    crossing: i64,
    step: i64,
}

impl Line {
    #[inline(always)]
    fn new(start: (f64, f64), stop: (f64, f64)) -> Self {
        let (row, last) = (floored(start.1), floored(stop.1));
        let up = last > row;
        let slope = (stop.0 - start.0) / (stop.1 - start.1);
        let edge = if up { row + 1.0 } else { row };
        Self {
            from: whole(floored(start.0)),
            end: whole(floored(stop.0)),
            row: whole(row),
            last: whole(last),
            crossing: fixed(start.0 + (edge - start.1) * slope),
            step: fixed(if up { slope } else { -slope }),
        }
    }
}

/// Draws what sticks out of the star.
#[multiversion(targets("x86_64+avx2+bmi1+bmi2"))]
fn draw(rays: &[Ray], free: &mut Bits) {
    let (many, rest) = rays.as_chunks::<LANES>();
    for rays in many {
        draw_these(rays, free);
    }
    let mut last = [Ray::default(); LANES];
    last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    draw_these(&last, free);
}

/// What is reckoned of all of them becomes vector code.
#[inline(always)]
fn draw_these(rays: &[Ray; LANES], free: &mut Bits) {
    let starts = rays.each_ref().map(Ray::start);
    let mut lines = [Line::default(); LANES];
    for ((line, ray), start) in lines.iter_mut().zip(rays).zip(starts) {
        *line = Line::new(start, ray.to);
    }
    for line in lines {
        free.pass(line);
    }
}

/// What is added and taken away again leaves a whole number: within ±2⁵¹ the nearest one, and beyond one that is as far.
const ROUND: f64 = 6_755_399_441_055_744.0;

/// The greatest whole number that is not above; on processors without SSE4.1 `f64::floor` is a call.
#[inline(always)]
fn floored(v: f64) -> f64 {
    let near = (v + ROUND) - ROUND;
    near - if near > v { 1.0 } else { 0.0 }
}

/// A whole number as an integer: other than a cast it is vector code. Beyond ±2⁵¹ it is as far beyond, on the same side.
#[inline(always)]
fn whole(v: f64) -> i64 {
    (v + ROUND).to_bits().wrapping_sub(ROUND.to_bits()) as i64
}

#[inline(always)]
pub(crate) fn floor(v: f64) -> i64 {
    whole(floored(v))
}

/// Cut off towards zero.
#[expect(clippy::manual_clamp, reason = "what is no number becomes one")]
#[inline(always)]
fn fixed(cells: f64) -> i64 {
    let fixed = cells.max(-OUTSIDE).min(OUTSIDE) * CELL;
    whole(floored(fixed.abs()).copysign(fixed))
}

/// What one scan says of the cells.
#[derive(Clone, Debug)]
pub(crate) struct Passed {
    star: Star,
    free: Bits,
    hits: Bits,
}

impl Passed {
    /// Nothing.
    pub(crate) fn new(width: usize, height: usize) -> Self {
        Self {
            star: Star::new(width, height),
            free: Bits::new(width, height),
            hits: Bits::new(width, height),
        }
    }

    /// Beams in cells from the lower left corner, neighbours next to each other: free from the first cell of each up to the one
    /// before its last.
    pub(crate) fn free(&mut self, beams: impl Iterator<Item = ((f64, f64), (f64, f64))>) {
        self.star.fill(beams, &mut self.free);
        draw(self.star.rays(), &mut self.free);
    }

    /// A beam ends there, in cells.
    pub(crate) fn hit(&mut self, at: (f64, f64)) {
        let (col, row) = (usize::try_from(floor(at.0)), usize::try_from(floor(at.1)));
        if let (Ok(col), Ok(row)) = (col, row)
            && col < self.hits.width
            && row < self.hits.height
            && let Some(word) = self.hits.bits.get_mut(row * self.hits.words + col / WORD)
        {
            *word |= 1 << (col % WORD);
        }
    }

    /// Hands out, row by row from the lowest, the words of cells that are free and of those that are hit, and forgets them.
    /// What is hit is not free. Bits beyond the end of a row mean nothing.
    pub(crate) fn take(&mut self, mut see: impl FnMut(usize, &[u64], &[u64])) {
        let words = self.free.words.max(1);
        let rows = self.free.bits.chunks_exact_mut(words).zip(self.hits.bits.chunks_exact(words));
        for (row, (free, hits)) in rows.enumerate() {
            for (free, hit) in free.iter_mut().zip(hits) {
                *free &= !hit;
            }
            see(row, free, hits);
        }
        self.free.bits.fill(0);
        self.hits.bits.fill(0);
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
    type Line = ((f64, f64), (f64, f64));

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
            passed.free([((x, y), to)].into_iter());
            prop_assert_eq!(cells(&mut passed).0, walked((x, y), to));
            prop_assert_eq!(cells(&mut passed).0, vec![], "forgotten");
        }

        #[test]
        fn no_beam_is_too_wild(x in any::<f64>(), y in any::<f64>(), ox in any::<f64>(), oy in any::<f64>(), near in 0.0..70.0f64) {
            let mut passed = Passed::new(SIDES.0, SIDES.1);
            let (wild, near) = ((x, y), (near, near));
            passed.free([((ox, oy), wild), (near, wild), (near, (ox, oy)), (near, (near.0 + x, 3.0))].into_iter());
            passed.hit((x, y));
            cells(&mut passed);
        }
    }

    /// A scan's beams from a lidar that moves, in cells: walls of any roughness, and gaps.
    fn scan(
        count: usize,
        first_rad: f64,
        step_rad: f64,
        roughness: f64,
        moves: (f64, f64),
        seed: u64,
    ) -> Vec<Line> {
        let mut rng = outrider_foundation::rng::Rng::new(seed, 1, 2);
        let mut length = 40.0;
        let beam = |i: usize| {
            let (s, c) = libm::sincos(first_rad + step_rad * i as f64);
            length = f64::clamp(length + roughness * (rng.uniform() - 0.5), 0.2, 120.0);
            // Somebody close by, or an opening.
            let here = if rng.uniform() < 0.05 { length * 2.0 * rng.uniform() } else { length };
            let share = i as f64 / count as f64;
            let from = (75.3 + share * moves.0, 35.6 + share * moves.1);
            (rng.uniform() < 0.97, (from, (from.0 + here * c, from.1 + here * s)))
        };
        (0..count).map(beam).filter(|(there, _)| *there).map(|(_, beam)| beam).collect()
    }

    fn drawn(beams: &[Line]) -> Cells {
        let mut passed = Passed::new(SIDES.0, SIDES.1);
        beams.iter().for_each(|(from, to)| passed.free.pass(super::Line::new(*from, *to)));
        cells(&mut passed).0
    }

    proptest! {
        #[test]
        fn filled_is_as_drawn_line_by_line(
            count in 2..1500usize, first in -3.2..3.2f64, step in 0.001..0.05f64, back in any::<bool>(),
            roughness in 0.0..30.0f64, seed in any::<u64>()
        ) {
            let step = f64::min(step, 7.0 / count as f64) * if back { -1.0 } else { 1.0 };
            let beams = scan(count, first, step, roughness, (0.0, 0.0), seed);
            let mut passed = Passed::new(SIDES.0, SIDES.1);
            passed.free(beams.iter().copied());
            let (filled, drawn) = (cells(&mut passed).0, drawn(&beams));
            let lost: Vec<_> = drawn.iter().filter(|cell| !filled.contains(cell)).collect();
            let too_many: Vec<_> = filled.iter().filter(|cell| !drawn.contains(cell)).collect();
            prop_assert!(lost.is_empty() && too_many.is_empty(), "lost {lost:?}, too many {too_many:?}");
        }

        /// A lidar that moves by up to three cells: no cell too many, and none lost that is farther away than it has moved.
        #[test]
        fn a_lidar_that_moves_makes_no_difference(
            first in -3.2..3.2f64, x in -3.0..3.0f64, y in -3.0..3.0f64, roughness in 0.0..30.0f64, seed in any::<u64>()
        ) {
            let beams = scan(720, first, 0.008727, roughness, (x, y), seed);
            let mut passed = Passed::new(SIDES.0, SIDES.1);
            passed.free(beams.iter().copied());
            let (filled, drawn) = (cells(&mut passed).0, drawn(&beams));
            let near = |cell: &(i64, i64)| {
                let (dx, dy) = (cell.0 as f64 - 74.8 - x / 2.0, cell.1 as f64 - 35.1 - y / 2.0);
                libm::hypot(dx, dy) < 1.5 + libm::hypot(x, y) / 2.0
            };
            let lost: Vec<_> = drawn.iter().filter(|cell| !filled.contains(cell) && !near(cell)).collect();
            let too_many: Vec<_> = filled.iter().filter(|cell| !drawn.contains(cell)).collect();
            prop_assert!(lost.is_empty() && too_many.is_empty(), "lost {lost:?}, too many {too_many:?}");
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
            passed.free([((5.5, 3.5), to)].into_iter());
            let found = cells(&mut passed).0;
            assert_eq!(found.len(), walked((5.5, 3.5), to).len(), "{to:?}: {found:?}");
        }
    }

    #[test]
    fn what_is_hit_is_not_free() {
        let mut passed = Passed::new(SIDES.0, SIDES.1);
        passed.free([((1.5, 1.5), (9.5, 1.5))].into_iter());
        passed.hit((4.5, 1.5));
        passed.hit((-1.0, 1.5));
        passed.hit((4.5, 70.0));
        let (free, hits) = cells(&mut passed);
        assert_eq!((free.len(), hits), (7, vec![(4, 1)]));
    }
}
