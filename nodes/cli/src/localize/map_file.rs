//! A map as map_server keeps it: a YAML file that names a PGM picture.

use anyhow::{Context as _, bail, ensure};
use outrider_foundation::Point2;
use outrider_foundation::data::OccupancyMap;
use outrider_foundation::grid::CELL_LIMIT;
use std::path::Path;

#[derive(Debug, serde::Deserialize)]
struct Description {
    image: String,
    resolution: f64,
    origin: [f64; 3],
    #[serde(default)]
    negate: u8,
    occupied_thresh: f64,
    free_thresh: f64,
}

/// Reads the two files. Cells are occupied, free or unknown as in map_server's mode `trinary`.
///
/// # Errors
/// Names the file and what is wrong with it.
pub fn read_map(path: &Path) -> anyhow::Result<OccupancyMap> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let description: Description =
        outrider_yaml::from_str(&text).with_context(|| format!("{} is no map", path.display()))?;
    ensure!(
        description.origin.get(2).is_some_and(|yaw| yaw.abs() < 1e-3),
        "{}: origin turned by {:?} rad; turn the map itself",
        path.display(),
        description.origin.get(2)
    );
    let image = path.parent().unwrap_or(Path::new("")).join(&description.image);
    let bytes = std::fs::read(&image).with_context(|| format!("cannot read {}", image.display()))?;
    let (width, height, grey) = pgm(&bytes).with_context(|| format!("{}", image.display()))?;
    // The picture's first row is the map's last.
    let rows = grey.chunks_exact(width as usize).rev();
    let cells = rows.flatten().map(|value| {
        let occupied = if description.negate == 0 { 1.0 - value } else { *value };
        if occupied > description.occupied_thresh {
            100
        } else if occupied < description.free_thresh {
            0
        } else {
            -1
        }
    });
    Ok(OccupancyMap {
        frame: "map".to_owned(),
        resolution_m: description.resolution,
        width,
        height,
        origin: Point2::new(description.origin[0], description.origin[1]),
        cells: cells.collect(),
        ..OccupancyMap::default()
    })
}

/// Width, height and grey values from 0 to 1 of a binary or plain PGM picture with at most 255 grey values.
fn pgm(bytes: &[u8]) -> anyhow::Result<(u32, u32, Vec<f64>)> {
    let mut at = 0;
    let magic = token(bytes, &mut at)?;
    ensure!(magic == "P5" || magic == "P2", "`{magic}` at the beginning, expected P5 or P2: no PGM picture");
    let mut number = |what: &str| -> anyhow::Result<u32> {
        let text = token(bytes, &mut at)?;
        text.parse().with_context(|| format!("{what}: `{text}`"))
    };
    let (width, height, most) = (number("width")?, number("height")?, number("greatest value")?);
    let cells = u64::from(width) * u64::from(height);
    ensure!(cells > 0 && cells <= CELL_LIMIT as u64, "{width} by {height} cells, at most {CELL_LIMIT}");
    ensure!((1..=255).contains(&most), "greatest value {most}, expected 1 to 255");
    let scale = 1.0 / f64::from(most);
    let values: Vec<f64> = if magic == "P5" {
        // One blank ends the header.
        bytes.get(at + 1..).unwrap_or_default().iter().map(|v| f64::from(*v) * scale).collect()
    } else {
        let mut values = Vec::new();
        while values.len() as u64 <= cells
            && let Ok(text) = token(bytes, &mut at)
        {
            values.push(text.parse::<f64>().with_context(|| format!("value `{text}`"))? * scale);
        }
        values
    };
    if (values.len() as u64) < cells {
        bail!("{} values for {width} by {height} cells", values.len());
    }
    Ok((width, height, values.into_iter().take(cells as usize).collect()))
}

/// The next word of a PGM header; comments reach from `#` to the end of the line.
fn token(bytes: &[u8], at: &mut usize) -> anyhow::Result<String> {
    let mut word = String::new();
    let mut comment = false;
    while let Some(byte) = bytes.get(*at).copied() {
        match byte {
            b'\n' if comment => comment = false,
            _ if comment => {}
            b'#' => comment = true,
            _ if byte.is_ascii_whitespace() && !word.is_empty() => return Ok(word),
            _ if byte.is_ascii_whitespace() => {}
            _ => word.push(char::from(byte)),
        }
        *at += 1;
    }
    ensure!(!word.is_empty(), "it ends too early");
    Ok(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_are_read_with_the_picture_upside_down() {
        let dir = tempfile::tempdir().unwrap();
        let yaml = dir.path().join("m.yaml");
        let text = "image: m.pgm\nresolution: 0.1\norigin: [-1.0, -2.0, 0.0]\nnegate: 0\n\
                    occupied_thresh: 0.65\nfree_thresh: 0.19\n";
        std::fs::write(&yaml, text).unwrap();
        std::fs::write(dir.path().join("m.pgm"), b"P5\n# made by hand\n2 2\n255\n\x00\xfe\xcd\xfe").unwrap();
        let map = read_map(&yaml).unwrap();
        assert_eq!((map.width, map.height, map.cells.clone()), (2, 2, vec![-1, 0, 100, 0]));
        assert_eq!(map.origin, Point2::new(-1.0, -2.0));
        std::fs::write(dir.path().join("m.pgm"), b"P2 2 2 255 0 254 205 254").unwrap();
        assert_eq!(read_map(&yaml).unwrap().cells, map.cells);
        std::fs::write(dir.path().join("m.pgm"), b"P5 2 2 255\n\x00").unwrap();
        assert!(format!("{:#}", read_map(&yaml).unwrap_err()).contains("1 values for 2 by 2 cells"));
        std::fs::write(dir.path().join("m.pgm"), b"PNG").unwrap();
        assert!(format!("{:#}", read_map(&yaml).unwrap_err()).contains("no PGM picture"));
        std::fs::write(&yaml, text.replace("0.0]", "0.5]")).unwrap();
        assert!(read_map(&yaml).unwrap_err().to_string().contains("turned by Some(0.5)"));
    }
}
