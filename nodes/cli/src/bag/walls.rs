//! A world file of the walls of an occupancy map.

use crate::report::Map;
use anyhow::ensure;
use std::fmt::Write;

/// From this value on a cell is a wall, as for the world model.
const OCCUPIED: i8 = 65;
/// The most boxes, as the simulator takes them.
const BOX_LIMIT: usize = 4_096;
/// How high walls are, m.
const HEIGHT_M: f64 = 2.0;

/// SDF of boxes over all occupied cells, and how many.
///
/// # Errors
/// When there are more boxes than the simulator takes.
pub fn walls(map: &Map) -> anyhow::Result<(String, usize)> {
    let boxes = rectangles(map);
    ensure!(
        boxes.len() <= BOX_LIMIT,
        "/map: {} boxes would be needed for its walls, the simulator takes {BOX_LIMIT}: give a coarser map",
        boxes.len()
    );
    let mut out = String::from("<?xml version=\"1.0\"?>\n<sdf version=\"1.9\">\n  <world name=\"map\">\n");
    for (i, (col, row, width, height)) in boxes.iter().enumerate() {
        let r = map.resolution_m;
        let x = map.origin.x_m + (*col as f64 + 0.5 * *width as f64) * r;
        let y = map.origin.y_m + (*row as f64 + 0.5 * *height as f64) * r;
        let (w, h) = (*width as f64 * r, *height as f64 * r);
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "    <model name=\"wall_{i}\"><static>true</static><pose>{x:.4} {y:.4} {:.4} 0 0 0</pose><link name=\"link\">\
             <collision name=\"c\"><geometry><box><size>{w:.4} {h:.4} {HEIGHT_M:.4}</size></box></geometry></collision>\
             </link></model>",
            0.5 * HEIGHT_M
        );
    }
    out.push_str("  </world>\n</sdf>\n");
    Ok((out, boxes.len()))
}

/// Rectangles that cover exactly the occupied cells: column, row, width, height. Greedy, row by row.
fn rectangles(map: &Map) -> Vec<(usize, usize, usize, usize)> {
    let occupied =
        |col: usize, row: usize| map.cells.get(row * map.width + col).is_some_and(|c| *c >= OCCUPIED);
    let mut done = vec![false; map.cells.len()];
    let free = |done: &[bool], col: usize, row: usize| {
        col < map.width
            && row < map.height
            && occupied(col, row)
            && done.get(row * map.width + col) == Some(&false)
    };
    let mut found = Vec::new();
    for row in 0..map.height {
        for col in 0..map.width {
            if !free(&done, col, row) {
                continue;
            }
            let width = (col..map.width).take_while(|c| free(&done, *c, row)).count();
            let full = |done: &[bool], r: usize| (col..col + width).all(|c| free(done, c, r));
            let height = (row..map.height).take_while(|r| full(&done, *r)).count();
            for r in row..row + height {
                for c in col..col + width {
                    if let Some(cell) = done.get_mut(r * map.width + c) {
                        *cell = true;
                    }
                }
            }
            found.push((col, row, width, height));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use outrider_foundation::Point2;

    #[test]
    fn every_occupied_cell_is_in_exactly_one_box() {
        let picture = ["##..#", "##..#", "...##", "#####"];
        let cells: Vec<i8> =
            picture.iter().flat_map(|r| r.bytes().map(|b| if b == b'#' { 100 } else { 0 })).collect();
        let map = Map {
            resolution_m: 0.5,
            width: 5,
            height: 4,
            origin: Point2::new(-1.0, 2.0),
            cells: cells.clone(),
        };
        let mut covered = vec![0; cells.len()];
        for (col, row, width, height) in rectangles(&map) {
            for r in row..row + height {
                for c in col..col + width {
                    covered[r * 5 + c] += 1;
                }
            }
        }
        let wanted: Vec<i32> = cells.iter().map(|c| i32::from(*c > 0)).collect();
        assert_eq!(covered, wanted);
        let (text, boxes) = walls(&map).unwrap();
        assert!(boxes <= 5, "{boxes}");
        // The square at the lower left: 1 m by 1 m about (−0.5, 2.5).
        assert!(text.contains("<pose>-0.5000 2.5000 1.0000 0 0 0</pose>"), "{text}");
        assert!(text.contains("<size>1.0000 1.0000 2.0000</size>"), "{text}");
    }

    #[test]
    fn a_map_of_dust_is_refused() {
        let cells: Vec<i8> =
            (0..20_000).map(|i| if (i % 200 + i / 200) % 2 == 0 { 100 } else { 0 }).collect();
        let map = Map { resolution_m: 0.05, width: 200, height: 100, origin: Point2::default(), cells };
        assert!(walls(&map).unwrap_err().to_string().contains("10000 boxes"));
    }
}
