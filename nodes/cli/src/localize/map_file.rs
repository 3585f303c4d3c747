//! A map as map_server keeps it: a YAML file that names a PGM picture.

use anyhow::{Context as _, bail, ensure};
use outrider_foundation::Point2;
use outrider_foundation::data::OccupancyMap;
use outrider_foundation::grid::CELL_LIMIT;
use std::path::Path;

/// The least and the greatest side of a cell, m.
const RESOLUTION_M: (f64, f64) = (0.005, 1.0);
/// A map begins no farther from its origin, m.
const EXTENT_M: f64 = 100_000.0;
/// The way in which grey values are read.
const MODE: &str = "trinary";

#[derive(Debug, serde::Deserialize)]
struct Description {
    image: String,
    resolution: f64,
    origin: [f64; 3],
    #[serde(default)]
    negate: u8,
    #[serde(default)]
    mode: Option<String>,
    occupied_thresh: f64,
    free_thresh: f64,
}

impl Description {
    fn check(&self) -> anyhow::Result<()> {
        let (least, most) = RESOLUTION_M;
        let m = self.resolution;
        ensure!((least..=most).contains(&m), "resolution: {m} is not within [{least}, {most}]");
        let [x, y, yaw] = self.origin;
        ensure!(yaw.abs() < 1e-3, "origin turned by {yaw} rad; turn the map itself");
        for at in [x, y] {
            ensure!(at.abs() <= EXTENT_M, "origin: {at} is not within [-{EXTENT_M}, {EXTENT_M}]");
        }
        let (free, occupied) = (self.free_thresh, self.occupied_thresh);
        ensure!((0.0..=1.0).contains(&occupied), "occupied_thresh: {occupied} is not within [0, 1]");
        ensure!(
            free >= 0.0 && free < occupied,
            "free_thresh: {free} is not within [0, {occupied}), below occupied_thresh"
        );
        let mode = self.mode.as_deref().unwrap_or(MODE);
        ensure!(mode == MODE, "mode: `{mode}` is not read here, only `{MODE}`");
        Ok(())
    }
}

/// Reads the two files. Cells are occupied, free or unknown as in map_server's mode `trinary`.
///
/// # Errors
/// Names the file and what is wrong with it.
pub fn read_map(path: &Path) -> anyhow::Result<OccupancyMap> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let description: Description =
        outrider_yaml::from_str(&text).with_context(|| format!("{} is no map", path.display()))?;
    description.check().with_context(|| path.display().to_string())?;
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
    let most = f64::from(most);
    let mut values: Vec<f64> = if magic == "P5" {
        // One blank ends the header.
        bytes.get(at + 1..).unwrap_or_default().iter().map(|v| f64::from(*v)).collect()
    } else {
        let mut values = Vec::new();
        while values.len() as u64 <= cells
            && let Ok(text) = token(bytes, &mut at)
        {
            values.push(text.parse::<f64>().with_context(|| format!("value `{text}`"))?);
        }
        values
    };
    if (values.len() as u64) < cells {
        bail!("{} values for {width} by {height} cells", values.len());
    }
    values.truncate(cells as usize);
    for (place, value) in values.iter_mut().enumerate() {
        ensure!((0.0..=most).contains(value), "value {} is {value}, not within [0, {most}]", place + 1);
        *value /= most;
    }
    Ok((width, height, values))
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
        assert!(format!("{:#}", read_map(&yaml).unwrap_err()).contains("m.yaml: origin turned by 0.5 rad"));
    }

    #[test]
    fn a_map_that_says_something_impossible_is_refused_with_file_key_and_value() {
        let dir = tempfile::tempdir().unwrap();
        let yaml = dir.path().join("m.yaml");
        let text = "image: m.pgm\nresolution: 0.1\norigin: [-1.0, -2.0, 0.0]\nmode: trinary\n\
                    occupied_thresh: 0.65\nfree_thresh: 0.19\n";
        let said = |text: &str, picture: &str| {
            std::fs::write(&yaml, text).unwrap();
            std::fs::write(dir.path().join("m.pgm"), picture).unwrap();
            read_map(&yaml).map_or_else(|error| format!("{error:#}"), |_| String::new())
        };
        let sound = "P2 2 1 255 0 255";
        assert_eq!(said(text, sound), "");
        for (old, new, wanted) in [
            ("resolution: 0.1", "resolution: 0", "m.yaml: resolution: 0 is not within [0.005, 1]"),
            ("resolution: 0.1", "resolution: -0.1", "resolution: -0.1 is not"),
            ("resolution: 0.1", "resolution: .nan", "2 | resolution: .nan"),
            ("[-1.0", "[1e300", "origin: 1000"),
            ("0.65", ".nan", "line 5 column 18: NaN is not a finite number"),
            ("0.65", "1.5", "occupied_thresh: 1.5 is not"),
            ("0.19", "9", "free_thresh: 9 is not within [0, 0.65), below occupied_thresh"),
            ("0.19", ".nan", "line 6 column 14: NaN is not a finite number"),
            ("0.19", "0.65", "free_thresh: 0.65 is not"),
            ("trinary", "raw", "mode: `raw` is not read here, only `trinary`"),
        ] {
            let said = said(&text.replace(old, new), sound);
            assert!(said.contains(wanted), "{new}: {said}");
        }
        for value in ["-9", "nan", "1e300", "256"] {
            let said = said(text, &format!("P2 2 1 255 0 {value}"));
            assert!(said.contains("m.pgm: value 2 is ") && said.contains("not within [0, 255]"), "{said}");
        }
        assert!(said(text, "P5 2 1 9\n\tA").contains("value 2 is 65, not within [0, 9]"));
    }
}
