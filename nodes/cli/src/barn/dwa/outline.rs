//! The padded footprint laid down on cells.

use super::costmap::Costmap;
use outrider_foundation::grid::Cell;
use outrider_foundation::{Point2, Pose2};

/// `footprint` 0.42 m × 0.33 m with `footprint_padding` 0.1.
const HALF_LENGTH_M: f64 = 0.31;
/// Half of the padded width: also the radius within which the centre is in contact at any heading.
pub const HALF_WIDTH_M: f64 = 0.265;
const CORNERS: [Point2; 4] = [
    Point2::new(-HALF_LENGTH_M, -HALF_WIDTH_M),
    Point2::new(-HALF_LENGTH_M, HALF_WIDTH_M),
    Point2::new(HALF_LENGTH_M, HALF_WIDTH_M),
    Point2::new(HALF_LENGTH_M, -HALF_WIDTH_M),
];

/// Cells from one to another, both included; every step goes one cell along the longer axis (Bresenham).
pub fn line(from: Cell, to: Cell) -> impl Iterator<Item = Cell> {
    let (dc, dr) = (to.col - from.col, to.row - from.row);
    let (along, across) = (dc.abs().max(dr.abs()), dc.abs().min(dr.abs()));
    let (sc, sr) = (dc.signum(), dr.signum());
    let by_columns = dc.abs() >= dr.abs();
    let mut error = along / 2;
    let mut at = from;
    (0..=along).map(move |_| {
        let here = at;
        error += across;
        let aside = error >= along;
        if aside {
            error -= along;
        }
        let (step_col, step_row) = if by_columns { (true, aside) } else { (aside, true) };
        at.col += if step_col { sc } else { 0 };
        at.row += if step_row { sr } else { 0 };
        here
    })
}

/// The cells under the four edges, edge by edge; corners come twice.
pub fn edges(pose: Pose2) -> impl Iterator<Item = Cell> {
    let frame = pose.for_many();
    let corners = CORNERS.map(|c| Costmap::cell(frame.apply(c)));
    let next = [corners[1], corners[2], corners[3], corners[0]];
    corners.into_iter().zip(next).flat_map(|(from, to)| line(from, to))
}

/// All cells under it.
pub fn filled(pose: Pose2) -> Vec<Cell> {
    let mut edge: Vec<Cell> = edges(pose).collect();
    edge.sort_unstable();
    let mut cells = Vec::new();
    for column in edge.chunk_by(|a, b| a.col == b.col) {
        if let (Some(low), Some(high)) = (column.first(), column.last()) {
            cells.extend((low.row..=high.row).map(|row| Cell { col: low.col, row }));
        }
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_joins_both_ends_without_gaps() {
        let from = Cell { col: 3, row: -2 };
        for (col, row) in [(3, -2), (9, -2), (3, 5), (-4, 1), (10, 3), (0, -9)] {
            let to = Cell { col, row };
            let cells: Vec<Cell> = line(from, to).collect();
            assert_eq!((cells.first(), cells.last()), (Some(&from), Some(&to)));
            assert_eq!(cells.len() as i32, 1 + (col - 3).abs().max((row + 2).abs()));
            assert!(
                cells
                    .windows(2)
                    .all(|w| (w[1].col - w[0].col).abs() <= 1 && (w[1].row - w[0].row).abs() <= 1)
            );
        }
    }

    #[test]
    fn the_outline_is_filled() {
        let cells = filled(Pose2::new(0.001, 0.001, 0.0));
        // 0.62 m × 0.53 m about the corner of a cell of 0.05 m: seven cells before it and behind, six beside.
        assert_eq!(cells.len(), 14 * 12);
    }
}
