//! The MovingAI formats of grid maps (`.map`) and problems on them (`.map.scen`), as nathansttt/hog2 reads them.

use outrider_foundation::grid::{CELL_LIMIT, Cell};
use outrider_planner::search::{FORBIDDEN, PlanGrid};
use std::path::Path;

/// The most problems of a file.
const PROBLEM_LIMIT: usize = 1_000_000;
/// Digits that the files of the older maps are written with.
const SHORT_DIGITS: i32 = 6;

/// What is wrong with a file: said with file, line and value.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It can not be read.
    #[error("{file}: {error}")]
    Read {
        /// Which.
        file: String,
        /// Why.
        error: std::io::Error,
    },
    /// A line that can not be.
    #[error("{file}:{line}: {what}")]
    Line {
        /// Which.
        file: String,
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        what: String,
    },
}

/// A problem and the length that its shortest way has.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// Line in the file, counted from 1.
    pub line: usize,
    /// Its bucket: lengths of four cells each.
    pub bucket: u32,
    /// Where the way begins.
    pub start: Cell,
    /// Where it ends.
    pub goal: Cell,
    /// Length of the shortest way; `None` when there is none (written as 0 between two different cells).
    pub expected: Option<f64>,
    /// Half a unit of the last digit that is written, with a share for sums of rounded numbers.
    pub tolerance: f64,
}

/// Reads a map. Rows count downwards, as in the file.
///
/// # Errors
/// Names the line and what is wrong with it.
pub fn read_map(path: &Path) -> Result<PlanGrid, FileError> {
    map(&path.display().to_string(), &text(path)?)
}

/// Reads the problems on a map.
///
/// # Errors
/// Names the line and what is wrong with it.
pub fn read_problems(path: &Path, grid: &PlanGrid) -> Result<Vec<Problem>, FileError> {
    problems(&path.display().to_string(), &text(path)?, grid)
}

fn text(path: &Path) -> Result<String, FileError> {
    let file = path.display().to_string();
    std::fs::read_to_string(path).map_err(|error| FileError::Read { file, error })
}

/// Lines with their numbers, and errors that name them.
struct Lines<'a> {
    file: &'a str,
    lines: std::iter::Enumerate<std::str::Lines<'a>>,
    last: usize,
}

impl<'a> Lines<'a> {
    fn new(file: &'a str, text: &'a str) -> Self {
        Self { file, lines: text.lines().enumerate(), last: 0 }
    }

    fn wrong(&self, line: usize, what: impl Into<String>) -> FileError {
        FileError::Line { file: self.file.to_owned(), line, what: what.into() }
    }

    /// The next line, or what was expected there.
    fn next(&mut self, expected: &str) -> Result<(usize, &'a str), FileError> {
        match self.lines.next() {
            Some((index, line)) => {
                self.last = index + 1;
                Ok((index + 1, line))
            }
            None => Err(self.wrong(self.last + 1, format!("the file ends here in place of {expected}"))),
        }
    }

    /// The number of a line `key number`.
    fn number(&mut self, key: &str) -> Result<u32, FileError> {
        let (line, text) = self.next(&format!("`{key} N`"))?;
        let mut words = text.split_whitespace();
        let value = (words.next() == Some(key)).then(|| words.next().and_then(|w| w.parse().ok())).flatten();
        match (value, words.next()) {
            (Some(value), None) if value > 0 => Ok(value),
            _ => Err(self.wrong(line, format!("`{text}` in place of `{key} N` with a positive number"))),
        }
    }
}

/// A map from its text.
pub fn map(file: &str, text: &str) -> Result<PlanGrid, FileError> {
    let mut lines = Lines::new(file, text);
    let (line, header) = lines.next("`type octile`")?;
    if header.trim_end() != "type octile" {
        return Err(lines.wrong(line, format!("`{}` in place of `type octile`", shown(header))));
    }
    let height = lines.number("height")?;
    let width = lines.number("width")?;
    let cells = u64::from(width) * u64::from(height);
    if cells > CELL_LIMIT as u64 {
        let what = format!("{width} x {height} are {cells} cells: more than the {CELL_LIMIT} there may be");
        return Err(lines.wrong(lines.last, what));
    }
    let (line, word) = lines.next("`map`")?;
    if word.trim_end() != "map" {
        return Err(lines.wrong(line, format!("`{}` in place of `map`", shown(word))));
    }
    let mut travel = Vec::with_capacity(cells as usize);
    for row in 0..height {
        let (line, text) = lines.next(&format!("row {row} of {height}"))?;
        let text = text.trim_end_matches('\r');
        let length = text.chars().count();
        if length != width as usize {
            return Err(
                lines.wrong(line, format!("row {row} has {length} characters, not the width of {width}"))
            );
        }
        for (col, character) in text.chars().enumerate() {
            travel.push(match character {
                '.' | 'G' | 'S' => 1000,
                '@' | 'O' | 'T' | 'W' => FORBIDDEN,
                other => {
                    let what =
                        format!("`{}` at column {col}: not one of . G S @ O T W", other.escape_debug());
                    return Err(lines.wrong(line, what));
                }
            });
        }
    }
    if let Some((index, text)) = lines.lines.find(|(_, text)| !text.trim().is_empty()) {
        let what = format!("`{}` after the last of {height} rows", shown(text));
        return Err(lines.wrong(index + 1, what));
    }
    Ok(PlanGrid { resolution_m: 1.0, width, height, travel, ..PlanGrid::default() })
}

/// Problems from their text.
pub fn problems(file: &str, text: &str, grid: &PlanGrid) -> Result<Vec<Problem>, FileError> {
    let mut lines = Lines::new(file, text);
    let (line, header) = lines.next("`version 1`")?;
    if !matches!(header.split_whitespace().collect::<Vec<_>>()[..], ["version", "1" | "1.0"]) {
        return Err(lines.wrong(line, format!("`{}` in place of `version 1`", shown(header))));
    }
    let mut list = Vec::new();
    while let Ok((line, text)) = lines.next("") {
        if text.trim().is_empty() {
            continue;
        }
        if list.len() >= PROBLEM_LIMIT {
            return Err(lines.wrong(line, format!("more than {PROBLEM_LIMIT} problems")));
        }
        list.push(problem(line, text, grid).map_err(|what| lines.wrong(line, what))?);
    }
    Ok(list)
}

fn problem(line: usize, text: &str, grid: &PlanGrid) -> Result<Problem, String> {
    let fields: Vec<&str> = text.trim_end_matches('\r').split('\t').collect();
    let [bucket, _, width, height, start_x, start_y, goal_x, goal_y, length] = fields[..] else {
        return Err(format!("{} fields between tabs, not 9", fields.len()));
    };
    let whole = |name: &str, text: &str| {
        text.trim().parse::<u32>().map_err(|_| format!("{name} `{}`: not a whole number", shown(text)))
    };
    let size = (whole("map width", width)?, whole("map height", height)?);
    if size != (grid.width, grid.height) {
        let (w, h) = size;
        return Err(format!("made for a map of {w} x {h}, and this one is {} x {}", grid.width, grid.height));
    }
    let place = |name: &str, x: &str, y: &str| {
        let (x, y) = (whole(&format!("{name} x"), x)?, whole(&format!("{name} y"), y)?);
        if x >= grid.width || y >= grid.height {
            return Err(format!("{name} ({x}, {y}) is off the map of {} x {}", grid.width, grid.height));
        }
        // Both are below the grid's sides.
        let cell = Cell { col: x as i32, row: y as i32 };
        match grid.index_of(cell).and_then(|i| grid.travel.get(i)) {
            Some(travel) if *travel != FORBIDDEN => Ok(cell),
            _ => Err(format!("{name} ({x}, {y}) is on a wall")),
        }
    };
    let (start, goal) = (place("start", start_x, start_y)?, place("goal", goal_x, goal_y)?);
    let value = length.trim().parse::<f64>().ok().filter(|v| v.is_finite() && *v >= 0.0);
    let value = value.ok_or_else(|| format!("length `{}`: not a number from 0 on", shown(length)))?;
    let expected = (value > 0.0 || start == goal).then_some(value);
    let tolerance = tolerance(length.trim(), value);
    Ok(Problem { line, bucket: whole("bucket", bucket)?, start, goal, expected, tolerance })
}

/// Numbers with up to six digits have been rounded to six, trailing zeros left out; those with more, to what is written. To
/// that comes what a sum of a rounded √2 may be off by.
fn tolerance(text: &str, value: f64) -> f64 {
    let digits = text.chars().filter(char::is_ascii_digit).collect::<String>();
    let significant = digits.trim_start_matches('0').len() as i32;
    let places = text.split_once('.').map_or(0, |(_, places)| places.len() as i32);
    let unit = if significant > SHORT_DIGITS {
        10f64.powi(-places)
    } else {
        10f64.powi((value.max(1e-9).log10().floor() as i32) + 1 - SHORT_DIGITS)
    };
    0.5 * unit + 2e-8 * value + 1e-12
}

/// The beginning of a text that may be long.
fn shown(text: &str) -> String {
    text.chars().take(40).flat_map(char::escape_debug).collect()
}
