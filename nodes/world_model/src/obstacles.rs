//! The obstacle layer: evidence per cell of a grid that rolls with the robot.

mod resize;

use crate::beams::Beam;
use crate::config::{LOG_ODDS_SCALE, LogOddsConfig};
use crate::lattice::Lattice;
use crate::passed::Passed;
use multiversion::multiversion;
use outrider_foundation::data::ClearRegion;
use outrider_foundation::grid::{COST_FREE, COST_LETHAL, COST_UNKNOWN};
use outrider_foundation::{Footprint, Point2, Pose2};

/// Never seen; outside the range that evidence is kept in.
const UNSEEN: i8 = i8::MIN;

/// Cells of a word of bits, and of a byte.
const WORD: usize = 64;
const BYTE: usize = 8;

/// Log-odds in steps of 1/[`LOG_ODDS_SCALE`].
#[derive(Clone, Copy, Debug)]
struct Evidence {
    hit: i8,
    miss: i8,
    min: i8,
    max: i8,
    occupied: i8,
}

impl Evidence {
    #[inline(always)]
    fn held(odds: i8) -> i8 {
        if odds == UNSEEN { 0 } else { odds }
    }

    /// Within the limits. Not by `clamp`, whose check of them keeps loops from becoming vector code.
    #[inline(always)]
    fn limited(self, odds: i8) -> i8 {
        odds.max(self.min).min(self.max)
    }

    /// Those chosen were passed.
    #[inline(always)]
    fn miss<const CELLS: usize>(self, cells: &mut [i8; CELLS], chosen: [u8; CELLS]) {
        for (odds, chosen) in cells.iter_mut().zip(chosen) {
            let next = self.limited(Self::held(*odds).saturating_sub(self.miss));
            *odds = if chosen != 0 { next } else { *odds };
        }
    }

    /// The cells whose bit is set were hit.
    #[inline(always)]
    fn hit(self, cells: &mut [i8], mut bits: u64) {
        while bits != 0 {
            if let Some(odds) = cells.get_mut(bits.trailing_zeros() as usize) {
                *odds = self.limited(Self::held(*odds).saturating_add(self.hit));
            }
            bits &= bits - 1;
        }
    }
}

/// Every bit becomes a byte of its own: 0 or 1.
#[inline(always)]
fn spread(bits: u64) -> [u8; WORD] {
    let mut chosen = [0; WORD];
    for (bytes, byte) in chosen.as_chunks_mut::<BYTE>().0.iter_mut().zip(bits.to_le_bytes()) {
        *bytes = spread_byte(byte);
    }
    chosen
}

#[inline(always)]
fn spread_byte(byte: u8) -> [u8; BYTE] {
    let spread = u64::from(byte).wrapping_mul(0x8040_2010_0804_0201) >> 7 & 0x0101_0101_0101_0101;
    spread.to_be_bytes()
}

/// A row of cells and what a scan says of them.
#[multiversion(targets("x86_64+avx2"))]
fn take_in(evidence: Evidence, cells: &mut [i8], free: &[u64], hits: &[u64]) {
    let (whole, rest) = cells.as_chunks_mut::<WORD>();
    for ((cells, free), hits) in whole.iter_mut().zip(free).zip(hits) {
        // Whether any is chosen, or all are, nothing foretells: not to ask is faster than a wrong guess.
        evidence.miss(cells, spread(*free));
        evidence.hit(cells, *hits);
    }
    let (Some(free), Some(hits), false) = (free.last(), hits.last(), rest.is_empty()) else { return };
    // Their length is known beforehand, which makes them vector code.
    let (bytes, few) = rest.as_chunks_mut::<BYTE>();
    let mut bits = free.to_le_bytes().into_iter();
    for (cells, bits) in bytes.iter_mut().zip(&mut bits) {
        evidence.miss(cells, spread_byte(bits));
    }
    for (odds, chosen) in few.iter_mut().zip(spread_byte(bits.next().unwrap_or(0))) {
        evidence.miss(std::array::from_mut(odds), [chosen]);
    }
    evidence.hit(rest, *hits);
}

/// Where the grid lies: which cell of the unbounded grid of its frame is its lower left one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Corner {
    /// Column of the unbounded grid.
    pub col: i64,
    /// Row.
    pub row: i64,
}

/// The rolling layer.
#[derive(Clone, Debug)]
pub struct ObstacleLayer {
    width: usize,
    height: usize,
    resolution_m: f64,
    evidence: Evidence,
    corner: Corner,
    log_odds: Vec<i8>,
    /// Room for a change of size.
    spare: Vec<i8>,
    /// What the scan in hand says; nothing between scans.
    passed: Passed,
}

impl ObstacleLayer {
    /// All cells unseen.
    pub fn new(width: u32, height: u32, resolution_m: f64, config: &LogOddsConfig) -> Self {
        // Within ±3.9 · 32 by the configuration's ranges, so they fit.
        let units = |value: f64| (value * LOG_ODDS_SCALE).round() as i8;
        let cells = width as usize * height as usize;
        Self {
            width: width as usize,
            height: height as usize,
            resolution_m,
            evidence: Evidence {
                hit: units(config.hit),
                miss: units(config.miss),
                min: units(config.min),
                max: units(config.max),
                occupied: units(config.occupied),
            },
            corner: Corner { col: 0, row: 0 },
            log_odds: vec![UNSEEN; cells],
            spare: Vec::new(),
            passed: Passed::new(width as usize, height as usize),
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.log_odds.fill(UNSEEN);
    }

    /// Forgets a part of it about the robot: every cell whose centre is in it.
    pub fn forget(&mut self, region: ClearRegion, robot: Point2) {
        let (side_m, inside) = match region {
            ClearRegion::Entire => return self.clear(),
            ClearRegion::Square(side_m) => (side_m, true),
            ClearRegion::ExceptSquare(side_m) => (side_m, false),
        };
        let (origin, resolution_m) = (self.origin(), self.resolution_m);
        let near = |index: usize, first_m: f64, centre_m: f64| {
            (first_m + (index as f64 + 0.5) * resolution_m - centre_m).abs() <= 0.5 * side_m
        };
        for (row, cells) in self.log_odds.chunks_exact_mut(self.width.max(1)).enumerate() {
            let beside = near(row, origin.y_m, robot.y_m);
            for (col, odds) in cells.iter_mut().enumerate() {
                if (beside && near(col, origin.x_m, robot.x_m)) == inside {
                    *odds = UNSEEN;
                }
            }
        }
    }

    /// Where it lies.
    pub fn corner(&self) -> Corner {
        self.corner
    }

    /// Lower left corner of the grid in its frame.
    pub fn origin(&self) -> Point2 {
        Point2::new(self.corner.col as f64 * self.resolution_m, self.corner.row as f64 * self.resolution_m)
    }

    /// Moves the grid so that `centre` lies in its middle cell; what stays inside is kept.
    pub fn recentre(&mut self, centre: Point2) {
        let first = |v: f64, cells: usize| {
            ((v / self.resolution_m).floor() as i64).saturating_sub((cells / 2) as i64)
        };
        let corner = Corner { col: first(centre.x_m, self.width), row: first(centre.y_m, self.height) };
        let (cols, rows) =
            (corner.col.saturating_sub(self.corner.col), corner.row.saturating_sub(self.corner.row));
        self.corner = corner;
        if (cols, rows) != (0, 0) {
            roll(&mut self.log_odds, self.width, self.height, cols, rows);
        }
    }

    /// Takes a scan in: cells that a beam ends in are hit, those it only passes are missed; a hit outweighs any miss of
    /// the same scan, so that grazing beams do not eat walls.
    pub fn integrate(&mut self, beams: &[Beam]) {
        let (origin, scale) = (self.origin(), 1.0 / self.resolution_m);
        let cells = |p: Point2| ((p.x_m - origin.x_m) * scale, (p.y_m - origin.y_m) * scale);
        self.passed.free(beams.iter().map(|beam| (cells(beam.origin), cells(beam.end))));
        for beam in beams.iter().filter(|beam| beam.marks) {
            self.passed.hit(cells(beam.end));
        }
        let (e, width) = (self.evidence, self.width);
        let log_odds = &mut self.log_odds;
        self.passed.take(|row, free, hits| {
            let cells = log_odds.get_mut(row * width..(row + 1) * width).unwrap_or_default();
            take_in(e, cells, free, hits);
        });
    }

    /// The robot's own cells are free: were something there, it would be contact, which is not this layer's to tell.
    pub fn clear_footprint(&mut self, footprint: &Footprint, frame_from_base: Pose2) {
        if !frame_from_base.is_finite() {
            return;
        }
        let min = self.evidence.min;
        let frame_from_base = frame_from_base.for_many();
        let mut room = [Point2::default(); Footprint::CORNER_LIMIT];
        let corners = room.iter_mut().zip(footprint.corners());
        corners.for_each(|(corner, of_base)| *corner = frame_from_base.apply(*of_base));
        let corners = room.get(..footprint.corners().len()).unwrap_or_default();
        for cells in self.lattice().rows_within(corners) {
            self.log_odds.get_mut(cells).unwrap_or_default().fill(min);
        }
    }

    /// Where its cells are.
    pub(crate) fn lattice(&self) -> Lattice {
        Lattice {
            origin: self.origin(),
            resolution_m: self.resolution_m,
            width: self.width,
            height: self.height,
        }
    }

    /// Lays what was seen over a map on the same cells, row-major: which are obstacles, and which of the others are free or
    /// unknown. Whether there is any change in the obstacles.
    pub(crate) fn lay_over(&self, map: &[u8], lethal: &mut [bool], cost: &mut [u8]) -> bool {
        lay_over(&self.log_odds, self.evidence.occupied, map, lethal, cost)
    }

    /// Which cells are obstacles: indices, row-major.
    pub fn occupied(&self) -> impl Iterator<Item = usize> + '_ {
        let occupied = self.evidence.occupied;
        // What was never seen has less evidence than any that is; and most cells are told to be no obstacles many at a time.
        let words = self.log_odds.chunks(WORD).enumerate();
        let any = move |cells: &[i8]| cells.iter().fold(false, |any, odds| any | (*odds >= occupied));
        words.filter(move |(_, cells)| any(cells)).flat_map(move |(word, cells)| {
            let hit = cells.iter().enumerate().filter(move |(_, odds)| **odds >= occupied);
            hit.map(move |(i, _)| word * WORD + i)
        })
    }

    /// For every cell, row-major: `None` unseen, else whether it is an obstacle.
    pub fn cells(&self) -> impl Iterator<Item = Option<bool>> + '_ {
        let occupied = self.evidence.occupied;
        self.log_odds.iter().map(move |&odds| (odds != UNSEEN).then_some(odds >= occupied))
    }
}

/// See [`ObstacleLayer::lay_over`].
#[multiversion(targets("x86_64+avx2"))]
fn lay_over(log_odds: &[i8], occupied: i8, map: &[u8], lethal: &mut [bool], cost: &mut [u8]) -> bool {
    let mut changed = false;
    for (((odds, map), lethal), cost) in log_odds.iter().zip(map).zip(lethal).zip(cost) {
        // What was never seen has less evidence than any that is.
        let hit = *odds >= occupied;
        let free = ((*odds != UNSEEN) & !hit) | (*map == COST_FREE);
        let is_lethal = hit | (*map == COST_LETHAL);
        changed |= is_lethal != std::mem::replace(lethal, is_lethal);
        *cost = if free { COST_FREE } else { COST_UNKNOWN };
    }
    changed
}

/// Moves the contents by whole cells against the motion of the grid; what comes in is unseen.
fn roll(cells: &mut [i8], width: usize, height: usize, cols: i64, rows: i64) {
    let (dc, dr) = (cols.unsigned_abs(), rows.unsigned_abs());
    if dc >= width as u64 || dr >= height as u64 {
        cells.fill(UNSEEN);
        return;
    }
    let (dc, dr) = (dc as usize, dr as usize);
    let keep = (height - dr) * width;
    if rows > 0 {
        cells.copy_within(dr * width.., 0);
        cells.iter_mut().skip(keep).for_each(|c| *c = UNSEEN);
    } else {
        cells.copy_within(..keep, dr * width);
        cells.iter_mut().take(dr * width).for_each(|c| *c = UNSEEN);
    }
    for row in cells.chunks_exact_mut(width) {
        if cols > 0 {
            row.copy_within(dc.., 0);
            row.iter_mut().skip(width - dc).for_each(|c| *c = UNSEEN);
        } else {
            row.copy_within(..width - dc, dc);
            row.iter_mut().take(dc).for_each(|c| *c = UNSEEN);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::shipped;
    use proptest::prelude::*;

    fn layer() -> ObstacleLayer {
        let mut layer = ObstacleLayer::new(20, 20, 0.1, &shipped().costmap.log_odds);
        layer.recentre(Point2::new(0.05, 0.05));
        layer
    }

    fn beam(x: f64, y: f64, marks: bool) -> Beam {
        Beam { origin: Point2::new(0.05, 0.05), end: Point2::new(x, y), marks, hits: marks }
    }

    fn at(layer: &ObstacleLayer, x: f64, y: f64) -> Option<bool> {
        let origin = layer.origin();
        let place = |v: f64, first: f64| usize::try_from(((v - first) / 0.1).floor() as i64).unwrap();
        let (col, row) = (place(x, origin.x_m), place(y, origin.y_m));
        assert!(col < 20 && row < 20);
        layer.cells().nth(row * 20 + col).unwrap()
    }

    #[test]
    fn a_beam_clears_its_way_and_marks_its_end() {
        let mut layer = layer();
        layer.integrate(&[beam(0.55, 0.05, true)]);
        for x in [0.05, 0.15, 0.25, 0.35, 0.45] {
            assert_eq!(at(&layer, x, 0.05), Some(false), "{x}");
        }
        assert_eq!(at(&layer, 0.55, 0.05), Some(true));
        assert_eq!(at(&layer, 0.65, 0.05), None);
        assert_eq!(at(&layer, 0.05, 0.15), None);
        // All four directions, a diagonal, and one that leaves the grid.
        layer.integrate(&[
            beam(-0.45, 0.05, true),
            beam(0.05, -0.45, true),
            beam(-0.35, 0.45, true),
            beam(9.0, 9.0, true),
        ]);
        assert_eq!(at(&layer, -0.45, 0.05), Some(true));
        assert_eq!(at(&layer, -0.35, 0.05), Some(false));
        assert_eq!(at(&layer, 0.05, -0.45), Some(true));
        assert_eq!(at(&layer, -0.35, 0.45), Some(true));
        assert_eq!(at(&layer, 0.95, 0.95), Some(false));
    }

    #[test]
    fn a_hit_outweighs_the_misses_of_its_scan() {
        let mut layer = layer();
        layer.integrate(&[beam(0.55, 0.05, true), beam(0.95, 0.05, true), beam(0.95, 0.06, false)]);
        assert_eq!(at(&layer, 0.55, 0.05), Some(true));
    }

    #[test]
    fn who_walks_away_is_gone_after_two_scans_and_who_comes_is_there_after_one() {
        let mut layer = layer();
        for _ in 0..50 {
            layer.integrate(&[beam(0.55, 0.05, true)]);
        }
        layer.integrate(&[beam(0.95, 0.05, false)]);
        assert_eq!(at(&layer, 0.55, 0.05), Some(true));
        layer.integrate(&[beam(0.95, 0.05, false)]);
        assert_eq!(at(&layer, 0.55, 0.05), Some(false));
        for _ in 0..50 {
            layer.integrate(&[beam(0.95, 0.05, false)]);
        }
        layer.integrate(&[beam(0.55, 0.05, true)]);
        assert_eq!(at(&layer, 0.55, 0.05), Some(true));
    }

    /// Rows of any length: whole words, whole bytes and what is left over.
    #[test]
    fn a_row_is_taken_in_as_each_of_its_cells() {
        let evidence = layer().evidence;
        let mut rng = outrider_foundation::rng::Rng::new(7, 0, 0);
        for width in [1_usize, 7, 8, 63, 64, 67, 72, 130, 200] {
            let mut word = || u64::from(rng.next_u32()) << 32 | u64::from(rng.next_u32());
            let hits: Vec<u64> = (0..width.div_ceil(WORD)).map(|_| word() & word()).collect();
            let free: Vec<u64> = hits.iter().map(|hits| word() & !hits).collect();
            let before: Vec<i8> = (0..width).map(|i| if i % 5 == 0 { UNSEEN } else { i as i8 }).collect();
            let mut cells = before.clone();
            take_in(evidence, &mut cells, &free, &hits);
            for (i, (cell, before)) in cells.iter().zip(before).enumerate() {
                let set = |bits: &[u64]| bits[i / WORD] >> (i % WORD) & 1 == 1;
                let held = Evidence::held(before);
                let expected = if set(&hits) {
                    evidence.limited(held.saturating_add(evidence.hit))
                } else if set(&free) {
                    evidence.limited(held.saturating_sub(evidence.miss))
                } else {
                    before
                };
                assert_eq!(*cell, expected, "cell {i} of {width}");
            }
        }
    }

    #[test]
    fn memory_shifts_when_the_grid_rolls() {
        let mut layer = layer();
        layer.integrate(&[beam(0.55, 0.35, true)]);
        for (x, y) in [(0.35, 0.05), (0.35, -0.45), (-0.25, -0.25), (0.05, 0.05)] {
            layer.recentre(Point2::new(x, y));
            assert_eq!(at(&layer, 0.55, 0.35), Some(true), "{x} {y}");
            assert_eq!(layer.cells().filter(|c| *c == Some(true)).count(), 1);
        }
        layer.recentre(Point2::new(5.0, 0.0));
        layer.recentre(Point2::new(0.0, 0.0));
        assert!(layer.cells().all(|c| c.is_none()));
    }

    #[test]
    fn the_robots_own_cells_are_free() {
        let mut layer = layer();
        layer.integrate(&[beam(0.25, 0.05, true), beam(0.05, 0.55, true)]);
        let footprint = Footprint::rectangle(0.3, 0.3, 0.4).unwrap();
        layer.clear_footprint(&footprint, Pose2::new(0.05, 0.05, 0.3));
        assert_eq!(at(&layer, 0.25, 0.05), Some(false));
        assert_eq!(at(&layer, 0.05, 0.55), Some(true));
        // Far off the grid, or nowhere: harmless.
        let before: Vec<_> = layer.cells().collect();
        for (x, y) in [(1e300, f64::NAN), (f64::NAN, 0.05), (f64::INFINITY, 0.05), (1e300, 0.05)] {
            layer.clear_footprint(&footprint, Pose2::new(x, y, 0.0));
        }
        assert!(layer.cells().eq(before));
    }

    proptest! {
        /// As cell by cell, but for centres on the outline itself.
        #[test]
        fn the_robots_own_cells_are_those_in_its_outline(
            x in -1.3..1.3f64, y in -1.3..1.3f64, yaw in -4.0..4.0f64, turned in any::<bool>()
        ) {
            let (pose, mut layer) = (Pose2::new(x, y, if turned { yaw } else { 0.0 }), layer());
            let triangle = vec![Point2::new(0.55, 0.0), Point2::new(-0.3, 0.4), Point2::new(-0.3, -0.35)];
            for footprint in [Footprint::rectangle(0.3, 0.3, 0.4).unwrap(), Footprint::new(triangle).unwrap()] {
                layer.clear();
                layer.clear_footprint(&footprint, pose);
                let origin = layer.origin();
                for (i, cell) in layer.cells().enumerate() {
                    let centre = Point2::new(
                        origin.x_m + ((i % 20) as f64 + 0.5) * 0.1,
                        origin.y_m + ((i / 20) as f64 + 0.5) * 0.1,
                    );
                    let signed_m = footprint.signed_distance_m(pose.inverse().apply(centre));
                    prop_assert!((cell == Some(false)) == (signed_m <= 0.0) || signed_m.abs() < 1e-9, "{centre:?}");
                }
            }
        }

        /// Every cell that lies well on the beam is free, none that lies well off it is touched, and the end is hit.
        #[test]
        fn beams_touch_the_cells_on_their_line(x in -0.94..0.94f64, y in -0.94..0.94f64) {
            let mut layer = layer();
            layer.integrate(&[beam(x, y, true)]);
            let start = Point2::new(0.05, 0.05);
            prop_assert_eq!(at(&layer, x, y), Some(true));
            let origin = layer.origin();
            for (i, seen) in layer.cells().enumerate() {
                let centre = Point2::new(
                    origin.x_m + ((i % 20) as f64 + 0.5) * 0.1,
                    origin.y_m + ((i / 20) as f64 + 0.5) * 0.1,
                );
                let off_m = outrider_foundation::geometry::segment_distance_sq(start, Point2::new(x, y), centre).sqrt();
                if off_m > 0.0708 {
                    prop_assert_eq!(seen, None);
                } else if off_m < 0.0499 {
                    prop_assert!(seen.is_some());
                }
            }
        }

        #[test]
        fn no_beam_is_too_wild(x in any::<f64>(), y in any::<f64>(), ox in any::<f64>(), oy in any::<f64>()) {
            let mut layer = layer();
            layer.integrate(&[Beam { origin: Point2::new(ox, oy), end: Point2::new(x, y), marks: true, hits: true }, beam(x, y, true)]);
            layer.recentre(Point2::new(x, y));
        }
    }
}
