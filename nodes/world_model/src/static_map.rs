//! The static map, checked, and as it looks on another grid.

use outrider_foundation::Point2;
use outrider_foundation::Stamp;
use outrider_foundation::data::OccupancyMap;
use outrider_foundation::grid::{CELL_LIMIT, COST_FREE, COST_LETHAL, COST_UNKNOWN};
use std::ops::Range;

/// Coarser maps are refused, in m.
const COARSEST_M: f64 = 1.0;

/// A map whose cells are free, lethal or unknown.
#[derive(Clone, Debug, PartialEq)]
pub struct StaticMap {
    /// When it was made.
    pub stamp: Stamp,
    /// Edge of a cell.
    pub resolution_m: f64,
    /// Cells along x.
    pub width: usize,
    /// Cells along y.
    pub height: usize,
    /// Lower left corner, in the map frame.
    pub origin: Point2,
    /// [`COST_FREE`], [`COST_LETHAL`] or [`COST_UNKNOWN`]; row-major.
    pub cells: Vec<u8>,
}

impl StaticMap {
    /// Takes a map whose cells count as obstacles from `occupied_threshold` on, and are no finer than `finest_m`.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn new(
        map: &OccupancyMap,
        map_frame: &str,
        occupied_threshold: i8,
        finest_m: f64,
    ) -> Result<Self, String> {
        if map.frame != map_frame {
            return Err(format!("frame '{}', expected '{map_frame}'", map.frame));
        }
        let (width, height) = (map.width as usize, map.height as usize);
        let cells = width.checked_mul(height).filter(|cells| (1..=CELL_LIMIT).contains(cells));
        if cells != Some(map.cells.len()) {
            return Err(format!(
                "{width} by {height} cells with {} values, at most {CELL_LIMIT}",
                map.cells.len()
            ));
        }
        // In this form it refuses NaN too.
        if !(map.resolution_m >= finest_m && map.resolution_m <= COARSEST_M) {
            return Err(format!(
                "resolution {} m is not within [{finest_m}, {COARSEST_M}]",
                map.resolution_m
            ));
        }
        if !map.origin.is_finite() {
            return Err(format!("origin ({}, {}) m", map.origin.x_m, map.origin.y_m));
        }
        let cost = |&occupancy: &i8| match occupancy {
            _ if occupancy < 0 => COST_UNKNOWN,
            _ if occupancy >= occupied_threshold => COST_LETHAL,
            _ => COST_FREE,
        };
        Ok(Self {
            stamp: map.stamp,
            resolution_m: map.resolution_m,
            width,
            height,
            origin: map.origin,
            cells: map.cells.iter().map(cost).collect(),
        })
    }

    /// Whether another map says the same, whenever it was made.
    pub fn says_the_same(&self, other: &Self) -> bool {
        let place = |m: &Self| (m.resolution_m.to_bits(), m.origin.x_m.to_bits(), m.origin.y_m.to_bits());
        (self.width, self.height) == (other.width, other.height)
            && place(self) == place(other)
            && self.cells == other.cells
    }

    /// Writes the map as it looks on a grid with this lower left corner into `out`, row-major; unknown outside the map.
    ///
    /// A cell takes the worst of the map's cells whose centres lie in it, so that no thin wall of a finer map is lost and
    /// none of an equal one grows; when there are none, that of the map's cell that holds its centre.
    pub fn resample(
        &self,
        corner: Point2,
        resolution_m: f64,
        width: usize,
        ranges: &mut Ranges,
        out: &mut [u8],
    ) {
        if width == 0 {
            return;
        }
        let height = out.len() / width;
        cover(
            &mut ranges.cols,
            corner.x_m - self.origin.x_m,
            resolution_m,
            width,
            self.resolution_m,
            self.width,
        );
        cover(
            &mut ranges.rows,
            corner.y_m - self.origin.y_m,
            resolution_m,
            height,
            self.resolution_m,
            self.height,
        );
        let run = run_of_singles(&ranges.cols);
        for (out_row, rows) in out.chunks_exact_mut(width).zip(&ranges.rows) {
            if rows.is_empty() {
                out_row.fill(COST_UNKNOWN);
                continue;
            }
            let copied =
                if rows.len() == 1 { self.copy(rows.start, &ranges.cols, &run, out_row) } else { 0..0 };
            let mut each = |(cell, cols): (&mut u8, &Range<usize>)| {
                if cols.is_empty() {
                    *cell = COST_UNKNOWN;
                    return;
                }
                let parts = rows.clone().filter_map(|row| {
                    let start = row * self.width;
                    self.cells.get(start + cols.start..start + cols.end)
                });
                *cell = worst(parts.flatten());
            };
            let (before, after) = (copied.start, copied.end);
            out_row.iter_mut().zip(&ranges.cols).take(before).for_each(&mut each);
            out_row.iter_mut().zip(&ranges.cols).skip(after).for_each(&mut each);
        }
    }

    /// Copies a row of the map into those cells of `out` that `run` names; which they were.
    fn copy(&self, row: usize, cols: &[Range<usize>], run: &Range<usize>, out: &mut [u8]) -> Range<usize> {
        let first = cols.get(run.start).map_or(0, |range| range.start) + row * self.width;
        match (self.cells.get(first..first + run.len()), out.get_mut(run.clone())) {
            (Some(from), Some(to)) => {
                to.copy_from_slice(from);
                run.clone()
            }
            _ => 0..0,
        }
    }
}

/// The first run of cells each of which covers one cell of the map, the one after that of the cell before: of a map of the
/// grid's own resolution, all that lie on it.
fn run_of_singles(cols: &[Range<usize>]) -> Range<usize> {
    let Some(start) = cols.iter().position(|range| range.len() == 1) else { return 0..0 };
    let follows = |pair: &[Range<usize>]| matches!(pair, [a, b] if b.len() == 1 && b.start == a.end);
    let more = cols.get(start..).unwrap_or_default().windows(2).take_while(|pair| follows(pair)).count();
    start..start + 1 + more
}

/// Buffers for [`StaticMap::resample`]: which columns and rows of the map each column and row of the grid covers.
#[derive(Clone, Debug, Default)]
pub struct Ranges {
    cols: Vec<Range<usize>>,
    rows: Vec<Range<usize>>,
}

/// For each of `count` cells from `offset_m` on: the map's cells whose centres lie in it, else the one that holds its
/// centre, else none.
fn cover(
    out: &mut Vec<Range<usize>>,
    offset_m: f64,
    resolution_m: f64,
    count: usize,
    map_m: f64,
    map_count: usize,
) {
    // Index of the first map cell whose centre is at or right of a boundary; the casts saturate.
    let first = |k: usize| ((offset_m + k as f64 * resolution_m) / map_m - 0.5).ceil() as i64;
    let clip = |index: i64| index.clamp(0, map_count as i64) as usize;
    out.clear();
    out.extend((0..count).map(|k| {
        let (from, to) = (first(k), first(k + 1));
        if from < to {
            return clip(from)..clip(to);
        }
        let holding = ((offset_m + (k as f64 + 0.5) * resolution_m) / map_m).floor() as i64;
        clip(holding)..clip(holding.saturating_add(1))
    }));
}

/// Lethal before unknown before free; unknown when there is nothing.
fn worst<'a>(cells: impl Iterator<Item = &'a u8>) -> u8 {
    let mut result = None;
    for &cell in cells {
        match (cell, result) {
            (COST_LETHAL, _) => return COST_LETHAL,
            (COST_UNKNOWN, _) | (_, None) => result = Some(cell),
            _ => {}
        }
    }
    result.unwrap_or(COST_UNKNOWN)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A free map, 20 m by 10 m with its corner at (−2, −3), with a wall of one cell at x = 4.
    pub(crate) fn map(resolution_m: f64) -> OccupancyMap {
        let (width, height) = ((20.0 / resolution_m).round() as u32, (10.0 / resolution_m).round() as u32);
        let wall = (6.0 / resolution_m).round() as u32;
        OccupancyMap {
            frame: "map".into(),
            resolution_m,
            width,
            height,
            origin: Point2::new(-2.0, -3.0),
            cells: (0..width * height).map(|i| if i % width == wall { 100 } else { 0 }).collect(),
            ..OccupancyMap::default()
        }
    }

    fn row_on_grid(map: &OccupancyMap, corner_x_m: f64) -> Vec<u8> {
        let map = StaticMap::new(map, "map", 65, 0.01).unwrap();
        let mut out = vec![7; 20 * 4];
        map.resample(Point2::new(corner_x_m, 0.0), 0.1, 20, &mut Ranges::default(), &mut out);
        assert!(out.chunks(20).all(|row| row == &out[..20]));
        out[..20].to_vec()
    }

    #[test]
    fn walls_survive_at_every_resolution_and_offset() {
        for resolution_m in [0.02, 0.05, 0.1] {
            for offset_m in [0.0, 0.013, 0.05, 0.0999] {
                let row = row_on_grid(&map(resolution_m), 3.0 + offset_m);
                let walls = row.iter().filter(|c| **c == COST_LETHAL).count();
                assert_eq!(walls, 1, "resolution {resolution_m}, offset {offset_m}");
                assert_eq!(row.iter().filter(|c| **c == COST_FREE).count(), 19);
            }
        }
        // A coarser map's wall covers all of the finer cells in it.
        assert_eq!(row_on_grid(&map(0.5), 3.0)[10..15], [COST_LETHAL; 5]);
    }

    /// Of a map of the grid's own resolution whole rows are copied: cell for cell what every single one gives.
    #[test]
    fn rows_that_are_copied_are_what_their_cells_are() {
        let mut noisy = map(0.1);
        for (k, cell) in noisy.cells.iter_mut().enumerate() {
            *cell = [0, 100, -1, 0, 0][k * 7 % 5];
        }
        let map = StaticMap::new(&noisy, "map", 65, 0.01).unwrap();
        for corner in [Point2::new(-1.0, -2.0), Point2::new(-3.03, -3.52), Point2::new(17.0, 6.0)] {
            let (mut ranges, mut whole) = (Ranges::default(), vec![7; 20 * 20]);
            map.resample(corner, 0.1, 20, &mut ranges, &mut whole);
            for (k, cell) in whole.iter().enumerate() {
                let at = Point2::new(corner.x_m + (k % 20) as f64 * 0.1, corner.y_m + (k / 20) as f64 * 0.1);
                let mut single = [7];
                map.resample(at, 0.1, 1, &mut Ranges::default(), &mut single);
                assert_eq!(*cell, single[0], "cell {k} from {corner:?}");
            }
        }
    }

    #[test]
    fn unknown_outside_and_where_the_map_says_so() {
        let row = row_on_grid(&map(0.1), -3.0);
        assert!(row[..10].iter().all(|c| *c == COST_UNKNOWN) && row[10..].iter().all(|c| *c == COST_FREE));
        let mut unknown = map(0.1);
        unknown.cells.fill(-1);
        assert!(row_on_grid(&unknown, 3.0).iter().all(|c| *c == COST_UNKNOWN));
        assert!(row_on_grid(&map(0.1), 1e300).iter().all(|c| *c == COST_UNKNOWN));
    }

    #[test]
    fn senseless_maps_are_refused() {
        let refuse = |change: fn(&mut OccupancyMap)| {
            let mut m = map(0.5);
            change(&mut m);
            StaticMap::new(&m, "map", 65, 0.01).unwrap_err()
        };
        assert_eq!(refuse(|m| m.frame = "odom".into()), "frame 'odom', expected 'map'");
        assert!(refuse(|m| m.width += 1).contains("41 by 20 cells with 800 values"));
        assert!(refuse(|m| (m.width, m.height, m.cells) = (0, 0, vec![])).contains("0 by 0"));
        assert!(refuse(|m| m.resolution_m = 0.0).contains("resolution 0 m"));
        assert!(refuse(|m| m.resolution_m = f64::NAN).contains("resolution NaN"));
        assert!(refuse(|m| m.origin.x_m = f64::INFINITY).contains("origin (inf"));
    }
}
