//! A trace: a CSV file of timestamped samples.

use anyhow::{Context, bail, ensure};
use outrider_foundation::Span;
use std::path::{Path, PathBuf};

/// A trace in memory.
#[derive(Debug)]
pub struct Trace {
    path: PathBuf,
    /// Names of the columns after the first.
    pub signals: Vec<String>,
    /// In the order of the file.
    pub rows: Vec<Row>,
}

/// A line of a trace.
#[derive(Debug)]
pub struct Row {
    /// The time as it is written.
    pub time: String,
    /// And in nanoseconds.
    pub nanos: i64,
    /// In the order of [`Trace::signals`]; `None` is an empty cell.
    pub values: Vec<Option<f64>>,
}

impl Trace {
    /// Reads a file. Whatever is a number is taken, `nan` and `inf` included: they are bad data, not a bad file.
    ///
    /// # Errors
    /// With file, line and column of what is no number, and what the header lacks.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let origin = path.display();
        let mut reader = csv::ReaderBuilder::new()
            .flexible(true)
            .trim(csv::Trim::All)
            .from_path(path)
            .with_context(|| format!("{origin}"))?;
        let header = reader.headers().with_context(|| format!("{origin}"))?;
        let mut names = header.iter().map(str::to_owned);
        let first = names.next().unwrap_or_default();
        ensure!(first == "t_s", "{origin}:1: the first column is `{first}`, not `t_s` (seconds)");
        let signals: Vec<String> = names.collect();
        for (i, name) in signals.iter().enumerate() {
            let twice = signals.iter().take(i).any(|other| other == name);
            ensure!(!twice, "{origin}:1: there are two columns `{name}`");
        }
        let mut rows = vec![];
        for record in reader.records() {
            let record = record.with_context(|| format!("{origin}"))?;
            let line = record.position().map_or(0, csv::Position::line);
            rows.push(row(&record, &signals).with_context(|| format!("{origin}:{line}"))?);
        }
        Ok(Self { path: path.to_owned(), signals, rows })
    }

    /// Where the signals of a formula stand.
    ///
    /// # Errors
    /// When one is no column of the trace.
    pub fn columns(&self, wanted: &[String]) -> anyhow::Result<Vec<usize>> {
        let column = |name: &String| {
            self.signals.iter().position(|s| s == name).with_context(|| {
                format!("{}: no column `{name}`; there are: {}", self.path.display(), self.signals.join(", "))
            })
        };
        wanted.iter().map(column).collect()
    }

    /// The shortest time from one row to the next.
    pub fn period(&self) -> Span {
        let steps = self.rows.windows(2).filter_map(|pair| match pair {
            [a, b] => Some(b.nanos.saturating_sub(a.nanos)).filter(|step| *step > 0),
            _ => None,
        });
        Span::from_nanos(steps.min().unwrap_or(1))
    }
}

fn row(record: &csv::StringRecord, signals: &[String]) -> anyhow::Result<Row> {
    let cells = record.len().saturating_sub(1);
    ensure!(cells <= signals.len(), "{cells} values, but the header names {} signals", signals.len());
    let time = record.get(0).unwrap_or_default().to_owned();
    let nanos = nanoseconds(&time).with_context(|| format!("t_s: `{time}` is no time in seconds"))?;
    let mut values = Vec::with_capacity(signals.len());
    for (i, name) in signals.iter().enumerate() {
        // A line that is too short lacks the last samples.
        let cell = record.get(i.saturating_add(1)).unwrap_or_default();
        values.push(match (cell, cell.parse::<f64>()) {
            ("", _) => None,
            (_, Ok(value)) => Some(value),
            _ => bail!("{name}: `{cell}` is no number"),
        });
    }
    Ok(Row { time, nanos, values })
}

/// Seconds as they are written, to the nearest nanosecond: a number of seconds since 1970 has no room for them in an f64.
fn nanoseconds(text: &str) -> Option<i64> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    if !digits(whole) || !digits(fraction) {
        let seconds: f64 = text.parse().ok()?;
        return (seconds.abs() < 9.0e9).then(|| Span::from_s(seconds).nanos());
    }
    let whole: i64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let tenths: i64 = format!("{fraction:0<10}").get(..10)?.parse().ok()?;
    let nanos = whole.checked_mul(1_000_000_000)?.checked_add(tenths.checked_add(5)? / 10)?;
    Some(if text.starts_with('-') { -nanos } else { nanos })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> anyhow::Result<Trace> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.csv");
        std::fs::write(&path, text).unwrap();
        Trace::read(&path)
            .map_err(|e| anyhow::anyhow!(format!("{e:#}").replace(path.to_str().unwrap(), "t.csv")))
    }

    #[test]
    fn seconds_become_exact_nanoseconds() {
        for (text, nanos) in [
            ("0", 0),
            ("0.1", 100_000_000),
            (".5", 500_000_000),
            ("-1.25", -1_250_000_000),
            ("0.30000000000000004", 300_000_000),
            ("0.9999999999", 1_000_000_000),
            ("1e-3", 1_000_000),
            ("1764000000.123456789", 1_764_000_000_123_456_789),
        ] {
            assert_eq!(nanoseconds(text), Some(nanos), "{text}");
        }
        for text in ["", ".", "+-5", "--3", "x", "nan", "inf", "1e300", "-", "99999999999999999999"] {
            assert_eq!(nanoseconds(text), None, "{text}");
        }
    }

    #[test]
    fn cells_that_are_empty_or_lacking_are_missing_samples() {
        let trace = read("t_s, x ,y\n0,1,2\n0.5, ,nan\n1.5,-inf\n").unwrap();
        assert_eq!(trace.signals, ["x", "y"]);
        assert_eq!(trace.rows[1].values[0], None);
        assert!(trace.rows[1].values[1].unwrap().is_nan());
        assert_eq!(trace.rows[2].values, [Some(f64::NEG_INFINITY), None]);
        assert_eq!(trace.period(), Span::from_millis(500));
        assert_eq!(trace.columns(&["y".to_owned()]).unwrap(), [1]);
    }

    #[test]
    fn errors_name_file_line_and_column() {
        for (text, expected) in [
            ("time,x\n0,1\n", "t.csv:1: the first column is `time`, not `t_s` (seconds)"),
            ("", "t.csv:1: the first column is ``, not `t_s` (seconds)"),
            ("t_s,x,x\n", "t.csv:1: there are two columns `x`"),
            ("t_s,x\n0,1\n0.1,one\n", "t.csv:3: x: `one` is no number"),
            ("t_s,x\nnow,1\n", "t.csv:2: t_s: `now` is no time in seconds"),
            ("t_s,x\n0,1,2\n", "t.csv:2: 2 values, but the header names 1 signals"),
        ] {
            assert_eq!(read(text).unwrap_err().to_string(), expected);
        }
        let trace = read("t_s,x\n").unwrap();
        assert!(
            trace
                .columns(&["q".to_owned()])
                .unwrap_err()
                .to_string()
                .ends_with("no column `q`; there are: x")
        );
    }
}
