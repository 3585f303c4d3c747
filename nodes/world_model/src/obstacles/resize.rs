//! Another size for the layer while it runs; what was seen is kept where it overlaps.

use super::{Corner, ObstacleLayer, UNSEEN};
use crate::passed::Passed;
use outrider_foundation::grid::GridSize;
use std::ops::Range;

impl ObstacleLayer {
    /// Takes room for grids of up to so many cells, so that a change of size takes none.
    pub fn reserve(&mut self, cells: usize) {
        self.log_odds.reserve_exact(cells.saturating_sub(self.log_odds.len()));
        self.spare.reserve_exact(cells);
    }

    /// Changes size and resolution about the middle. A cell takes over the strongest evidence for an obstacle among the old
    /// cells whose centres lie in it; when there are none, that of the old cell that holds its centre.
    pub fn resize(&mut self, size: GridSize) {
        let (old_width, old_height, old_corner, old_m) =
            (self.width, self.height, self.corner, self.resolution_m);
        let middle = |first: i64, cells: usize| (first as f64 + (cells / 2) as f64 + 0.5) * old_m;
        let first = |v: f64, cells: usize| {
            ((v / size.resolution_m).floor() as i64).saturating_sub((cells / 2) as i64)
        };
        (self.width, self.height, self.resolution_m) =
            (size.width as usize, size.height as usize, size.resolution_m);
        self.corner = Corner {
            col: first(middle(old_corner.col, old_width), self.width),
            row: first(middle(old_corner.row, old_height), self.height),
        };
        std::mem::swap(&mut self.log_odds, &mut self.spare);
        self.log_odds.clear();
        let ratio = size.resolution_m / old_m;
        for row in 0..self.height as i64 {
            let rows = covered(self.corner.row.saturating_add(row), ratio, old_corner.row, old_height);
            for col in 0..self.width as i64 {
                let cols = covered(self.corner.col.saturating_add(col), ratio, old_corner.col, old_width);
                let parts = rows.clone().filter_map(|row| {
                    self.spare.get(row * old_width + cols.start..row * old_width + cols.end)
                });
                // What was never seen has less evidence than any that is.
                self.log_odds.push(parts.flatten().copied().max().unwrap_or(UNSEEN));
            }
        }
        self.passed = Passed::new(self.width, self.height);
    }
}

/// The old cells that belong to the new cell `index` of the unbounded grid, along one axis.
fn covered(index: i64, ratio: f64, old_first: i64, old_count: usize) -> Range<usize> {
    // The casts saturate.
    let boundary = |index: i64| (index as f64 * ratio - 0.5).ceil() as i64;
    let clip = |cell: i64| cell.saturating_sub(old_first).clamp(0, old_count as i64) as usize;
    let (from, to) = (boundary(index), boundary(index.saturating_add(1)));
    if from < to {
        return clip(from)..clip(to);
    }
    let holding = ((index as f64 + 0.5) * ratio).floor() as i64;
    clip(holding)..clip(holding.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use crate::beams::Beam;
    use crate::config::tests::shipped;
    use crate::obstacles::ObstacleLayer;
    use outrider_foundation::Point2;
    use outrider_foundation::grid::GridSize;

    fn layer() -> ObstacleLayer {
        let mut layer = ObstacleLayer::new(40, 40, 0.1, &shipped().costmap.log_odds);
        layer.recentre(Point2::new(0.05, 0.05));
        for (x, y) in [(0.95, 0.05), (-1.45, 0.75), (0.05, -1.85)] {
            let (origin, end) = (Point2::new(0.05, 0.05), Point2::new(x, y));
            layer.integrate(&[Beam { origin, end, marks: true, hits: true }]);
        }
        layer
    }

    /// Centres of the cells that hold an obstacle.
    fn found(layer: &ObstacleLayer) -> Vec<Point2> {
        let (origin, width, m) = (layer.origin(), layer.width, layer.resolution_m);
        let centre = |i: usize| {
            Point2::new(
                origin.x_m + ((i % width) as f64 + 0.5) * m,
                origin.y_m + ((i / width) as f64 + 0.5) * m,
            )
        };
        layer.cells().enumerate().filter(|(_, c)| *c == Some(true)).map(|(i, _)| centre(i)).collect()
    }

    #[test]
    fn what_overlaps_is_kept_at_its_place() {
        let before = found(&layer());
        let seen = layer().cells().flatten().count();
        for (width, height) in [(40, 40), (60, 80), (41, 45)] {
            let mut layer = layer();
            layer.resize(GridSize { width, height, resolution_m: 0.1 });
            for (a, b) in found(&layer).iter().zip(&before) {
                assert!(a.distance_m(*b) < 1e-9, "{width} x {height}: {a:?} {b:?}");
            }
            assert_eq!(found(&layer).len(), before.len());
            assert_eq!(layer.cells().flatten().count(), seen);
        }
        let mut small = layer();
        small.resize(GridSize { width: 22, height: 22, resolution_m: 0.1 });
        assert_eq!(found(&small).len(), 1, "only what is near");
        // And back again: what was outside is not made up.
        small.resize(GridSize { width: 40, height: 40, resolution_m: 0.1 });
        assert_eq!(found(&small).len(), 1);
    }

    #[test]
    fn no_obstacle_is_lost_to_coarser_cells_and_none_leaves_its_place_in_finer_ones() {
        let before = found(&layer());
        for (cells, resolution_m) in [(20, 0.2), (80, 0.05), (57, 0.07), (30, 0.13)] {
            let mut layer = layer();
            layer.resize(GridSize { width: cells, height: cells, resolution_m });
            let after = found(&layer);
            let near_m = 0.75 * (0.1 + resolution_m);
            for p in &before {
                assert!(after.iter().any(|q| p.distance_m(*q) < near_m), "{resolution_m}: {p:?} is lost");
            }
            for q in &after {
                assert!(before.iter().any(|p| p.distance_m(*q) < near_m), "{resolution_m}: {q:?} is made up");
            }
        }
    }

    #[test]
    fn scans_go_on_after_a_change() {
        let mut layer = layer();
        layer.resize(GridSize { width: 130, height: 70, resolution_m: 0.1 });
        let (origin, end) = (Point2::new(0.05, 0.05), Point2::new(5.95, 0.45));
        layer.integrate(&[Beam { origin, end, marks: true, hits: true }]);
        assert!(found(&layer).iter().any(|p| p.distance_m(end) < 0.1));
    }
}
