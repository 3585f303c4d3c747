//! What lies between the beams of a scan, filled as an area.
//!
//! Where two neighbouring beams are less than a cell apart, one of them comes within half a cell of the centre of every cell
//! that has its centre between them, and so passes it. Together these wedges are a star about the lidar, bounded by a line from
//! beam to beam, and an area is filled row by row: a bit is turned over where a row of centres crosses the line, and every cell
//! takes over the bit of the one before it. Only what sticks out of the star has to be drawn as lines: every beam's last cells,
//! and beams that are longer than their neighbours. The cells found are those of all the lines, no more and no fewer, except
//! within a cell or so of a lidar that moves.

use crate::passed::{Bits, WORD, floor};
use multiversion::multiversion;

/// Neighbours are filled in between as far as they are no farther apart than this, in cells.
const APART: f64 = 0.95;
/// And no nearer to the end of either, in cells: its last cell, whose centre is within half a diagonal, is not passed.
const BEFORE_END: f64 = 0.75;
/// A cell that is not in the star and that a beam passes begins no farther than this before the end of the star, in cells: half
/// a diagonal, and what a chord cuts off.
const BACK: f64 = 1.0;
/// Two wedges are bounded together when they are as long as each other but for so much, in cells.
const ALIKE: f64 = 2.0;
/// A part of the star that is filled at once turns no farther, in rad by its chords, so that it does not lie over itself.
const TURN: f64 = 3.2;
/// No beam is longer for the star, in cells.
const LONG: f64 = 1e6;

/// A beam, in cells.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ray {
    from: (f64, f64),
    /// Where it ends.
    pub to: (f64, f64),
    direction: (f64, f64),
    length: f64,
    /// How far the space between it and the next one is filled.
    wedge: f64,
    /// Where the outline comes to it from the one before, and where it goes on to the next.
    arrives: f64,
    departs: f64,
    /// Where it leaves what is filled on both sides.
    leaves: f64,
    /// A part of the star ends here, and the next begins.
    ends: bool,
}

impl Ray {
    fn new((from, to): ((f64, f64), (f64, f64))) -> Self {
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let length = (dx * dx + dy * dy).sqrt();
        if !(length > BEFORE_END && length < LONG) {
            return Self { from, to, ..Self::default() };
        }
        let per_length = 1.0 / length;
        Self { from, to, direction: (dx * per_length, dy * per_length), length, ..Self::default() }
    }

    #[inline(always)]
    fn at(&self, length: f64) -> (f64, f64) {
        (self.from.0 + length * self.direction.0, self.from.1 + length * self.direction.1)
    }

    /// From where on it has to be drawn.
    #[inline(always)]
    pub(crate) fn start(&self) -> (f64, f64) {
        let start = self.leaves - BACK;
        if start > 0.0 { self.at(start) } else { self.from }
    }

    /// Finds how far it is filled up to the next one, and how far apart they are at a length of one.
    #[inline(always)]
    fn meet(&mut self, next: &Self) -> f64 {
        let apart = distance(self.direction, next.direction);
        // No less than their distance.
        let shifted = (self.from.0 - next.from.0).abs() + (self.from.1 - next.from.1).abs();
        let near = (APART - shifted) / apart;
        let wedge = self.length.min(next.length).min(near) - BEFORE_END;
        // Beams that begin too far apart may cross.
        self.wedge = if shifted <= apart && wedge > 0.0 { wedge } else { 0.0 };
        apart
    }

    /// Finds how the outline takes it, by how far it is filled before it.
    #[inline(always)]
    fn bound(&mut self, before: f64) {
        let least = before.min(self.wedge);
        let alike = (before - self.wedge).abs() < ALIKE;
        (self.arrives, self.departs) = if alike { (least, least) } else { (before, self.wedge) };
    }
}

#[inline(always)]
fn distance(a: (f64, f64), b: (f64, f64)) -> f64 {
    let (x, y) = (a.0 - b.0, a.1 - b.1);
    (x * x + y * y).sqrt()
}

/// The rays of a scan and the star that they make.
#[derive(Clone, Debug)]
pub(crate) struct Star {
    width: f64,
    height: f64,
    rays: Vec<Ray>,
    outline: Outline,
}

impl Star {
    pub(crate) fn new(width: usize, height: usize) -> Self {
        Self {
            width: width as f64,
            height: height as f64,
            rays: Vec::new(),
            outline: Outline::new(width, height),
        }
    }

    /// Takes the beams of a scan and sets the cells whose centres lie in their star.
    pub(crate) fn fill(&mut self, beams: impl Iterator<Item = ((f64, f64), (f64, f64))>, free: &mut Bits) {
        self.rays.clear();
        let mut outside = false;
        self.rays.extend(beams.map(|(from, to)| {
            outside |= !(from.0 >= 0.0 && from.0 < self.width && from.1 >= 0.0 && from.1 < self.height);
            Ray::new((from, to))
        }));
        // Beams that begin outside the grid do not count; the others are then all lines.
        if outside {
            return;
        }
        bound(&mut self.rays);
        outline(&mut self.rays, &mut self.outline, free);
    }

    /// The beams, to be drawn from where they leave the star.
    pub(crate) fn rays(&self) -> &[Ray] {
        &self.rays
    }
}

/// Finds where the outline of the star meets the rays.
#[multiversion(targets("x86_64+avx2+bmi1+bmi2"))]
fn bound(rays: &mut [Ray]) {
    let mut turn = 0.0;
    let mut before = 0.0;
    let mut rest = rays;
    while let [ray, after @ ..] = rest {
        let apart = after.first().map_or(0.0, |next| ray.meet(next));
        ray.bound(before);
        // A part ends where it has turned far enough, and at the last ray.
        turn += apart;
        ray.ends = turn > TURN || after.is_empty();
        turn = if ray.ends { 0.0 } else { turn };
        before = ray.wedge;
        rest = after;
    }
}

/// Sets the cells in the star, and finds where the rays leave it.
#[multiversion(targets("x86_64+avx2+bmi1+bmi2"))]
fn outline(rays: &mut [Ray], outline: &mut Outline, free: &mut Bits) {
    let Some(first) = rays.first() else { return };
    let mut begin = first.from;
    outline.start(begin);
    let mut before = 0.0;
    let mut rest = rays;
    while let [ray, after @ ..] = rest {
        let wedge = after.first().map_or(0.0, |next| ray.departs.min(next.arrives));
        // What lies on the border of two parts is in neither.
        ray.leaves = if ray.ends { 0.0 } else { wedge.min(before) };
        before = wedge;
        outline.line_to(ray.at(ray.arrives));
        if ray.ends {
            outline.line_to(ray.from);
            outline.line_to(begin);
            outline.fill(free);
            begin = ray.from;
            outline.start(begin);
        }
        if ray.ends || ray.departs.to_bits() != ray.arrives.to_bits() {
            outline.line_to(ray.at(ray.departs));
        }
        rest = after;
    }
}

/// An area, by the line about it.
#[derive(Clone, Debug)]
struct Outline {
    /// Where rows of centres cross the line: the first cell beyond.
    turned: Bits,
    /// The rows in which it does: from the first to before the last.
    low: usize,
    high: usize,
    pen: (f64, f64),
    /// The first row whose centres are not below the pen.
    row: i64,
}

impl Outline {
    fn new(width: usize, height: usize) -> Self {
        Self { turned: Bits::new(width, height), low: height, high: 0, pen: (0.0, 0.0), row: 0 }
    }

    #[inline(always)]
    fn start(&mut self, at: (f64, f64)) {
        self.pen = at;
        self.row = first_centre(at.1);
    }

    #[inline(always)]
    fn line_to(&mut self, to: (f64, f64)) {
        let (from, row) = (self.pen, first_centre(to.1));
        let rows = (self.row.min(row), self.row.max(row));
        (self.pen, self.row) = (to, row);
        let (low, high) = (rows.0.max(0) as usize, rows.1.clamp(0, self.turned.height as i64) as usize);
        if low >= high {
            return;
        }
        (self.low, self.high) = (self.low.min(low), self.high.max(high));
        let slope = (to.0 - from.0) / (to.1 - from.1);
        let mut x = from.0 + (low as f64 + 0.5 - from.1) * slope;
        // Not in chunks of a row, whose number takes a division.
        let mut base = low * self.turned.words;
        for _ in low..high {
            let col = first_centre(x).max(0) as usize;
            if col < self.turned.words * WORD
                && let Some(word) = self.turned.bits.get_mut(base + col / WORD)
            {
                *word ^= 1 << (col % WORD);
            }
            base += self.turned.words;
            x += slope;
        }
    }

    /// Sets the cells within the line that has been drawn, which has to be closed, and forgets it.
    #[inline(always)]
    fn fill(&mut self, out: &mut Bits) {
        let words = out.words;
        let rows = self.turned.bits.chunks_exact_mut(words).zip(out.bits.chunks_exact_mut(words));
        for (turned, out) in rows.take(self.high).skip(self.low) {
            let mut inside = 0;
            for (turned, out) in turned.iter_mut().zip(out) {
                let mut bits = std::mem::take(turned);
                for shift in [1, 2, 4, 8, 16, 32] {
                    bits ^= bits << shift;
                }
                bits ^= inside;
                *out |= bits;
                inside = if bits >> (WORD - 1) == 1 { u64::MAX } else { 0 };
            }
        }
        (self.low, self.high) = (self.turned.height, 0);
    }
}

/// The first cell, along one axis, whose centre is not before `at`.
#[inline(always)]
fn first_centre(at: f64) -> i64 {
    // The centre of cell `n` is at `n` + ½, and `ceil(at - ½)` is `floor(at + ½)` but for the centres themselves.
    floor(0.5 - at).saturating_neg()
}
