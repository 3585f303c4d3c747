//! Tables of the data set: comma-separated numbers under a header, with errors that name file, line, column and value.

use anyhow::{Context as _, bail, ensure};
use std::path::Path;

/// The most rows of a table; beyond it the file is refused.
const ROW_LIMIT: usize = 2_000_000;

/// One row: its cells and where it stands.
pub struct Row<'a> {
    file: &'a str,
    line: u64,
    columns: &'a [&'a str],
    record: &'a csv::StringRecord,
}

impl Row<'_> {
    /// The cell of a column, as text.
    ///
    /// # Errors
    /// When it is empty.
    pub fn text(&self, column: usize) -> anyhow::Result<&str> {
        let name = self.columns.get(column).copied().unwrap_or_default();
        let value = self.record.get(column).unwrap_or_default();
        ensure!(!value.is_empty(), "{}, line {}: {name} is empty", self.file, self.line);
        Ok(value)
    }

    /// The cell of a column, as a finite number no farther from zero than `limit`.
    ///
    /// # Errors
    /// When it is none.
    pub fn number(&self, column: usize, limit: f64) -> anyhow::Result<f64> {
        let text = self.text(column)?;
        let name = self.columns.get(column).copied().unwrap_or_default();
        let value: f64 = text
            .parse()
            .ok()
            .with_context(|| format!("{}, line {}: {name}: `{text}` is no number", self.file, self.line))?;
        if value.is_nan() || value.abs() > limit {
            bail!("{}, line {}: {name}: {value} is not within [-{limit}, {limit}]", self.file, self.line);
        }
        Ok(value)
    }

    /// The cell of a column, as a whole number from zero.
    ///
    /// # Errors
    /// When it is none.
    pub fn index(&self, column: usize) -> anyhow::Result<u32> {
        let text = self.text(column)?;
        let name = self.columns.get(column).copied().unwrap_or_default();
        text.parse().ok().with_context(|| {
            format!("{}, line {}: {name}: `{text}` is no whole number from 0", self.file, self.line)
        })
    }

    /// A sentence about this row.
    pub fn wrong(&self, what: &str) -> anyhow::Error {
        anyhow::anyhow!("{}, line {}: {what}", self.file, self.line)
    }
}

/// Reads a table whose header is `columns`, row by row.
///
/// # Errors
/// When it cannot be read, has other columns, or `take` refuses a row.
pub fn read(
    path: &Path,
    columns: &[&str],
    mut take: impl FnMut(&Row<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let file = path.display().to_string();
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_path(path)
        .with_context(|| format!("{file}: cannot be read"))?;
    let header = reader.headers().with_context(|| format!("{file}, line 1"))?.clone();
    if header.iter().ne(columns.iter().copied()) {
        let found: Vec<&str> = header.iter().collect();
        bail!("{file}, line 1: the columns are `{}`, expected are `{}`", found.join(","), columns.join(","));
    }
    for (count, record) in reader.records().enumerate() {
        ensure!(count < ROW_LIMIT, "{file}: more than {ROW_LIMIT} rows");
        let record = record.with_context(|| file.clone())?;
        let line = record.position().map_or(0, csv::Position::line);
        take(&Row { file: &file, line, columns, record: &record })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.csv");
        std::fs::write(&path, text).unwrap();
        let result = read(&path, &["world", "x_m"], |row| {
            row.index(0)?;
            row.number(1, 10.0).map(|_| ())
        });
        result.err().map_or_else(String::new, |e| format!("{e:#}"))
    }

    #[test]
    fn errors_name_line_column_and_value() {
        assert_eq!(refusal("world,x_m\n1,2.5\n2,-3\n"), "");
        let says = |text: &str, part: &str| assert!(refusal(text).contains(part), "{}", refusal(text));
        says("world,x_m\n1,2.5\n2,much\n", "t.csv, line 3: x_m: `much` is no number");
        says("world,x_m\n1,nan\n", "line 2: x_m: NaN is not within");
        says("world,x_m\n1,11\n", "line 2: x_m: 11 is not within [-10, 10]");
        says("world,x_m\n-1,2\n", "line 2: world: `-1` is no whole number");
        says("world,x_m\n1,\n", "line 2: x_m is empty");
        says("world,y_m\n", "the columns are `world,y_m`, expected are `world,x_m`");
        says("world,x_m\n1,2,3\n", "t.csv");
    }
}
