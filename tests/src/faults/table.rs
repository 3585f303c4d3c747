//! Lines of the table, as CSV and on a terminal.

use super::catalogue::{LiveRow, Row};
use super::judge::Outcome;
use anyhow::ensure;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

/// Names of the columns, one a line: the live part reads the same file.
const COLUMNS: &str = include_str!("../../faults/columns.txt");
/// Verdict of a row that did what it must.
pub const OK: &str = "pass";
/// Verdict of one that did not.
pub const MISS: &str = "MISS";
/// Verdict of one that was not tried.
pub const NOT_RUN: &str = "NOT RUN";
/// So many reasons, and misses, are told of a row.
const TOLD: usize = 3;

/// One line: a value for every column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line(BTreeMap<&'static str, String>);

/// Names of the columns in their order.
pub fn columns() -> impl Iterator<Item = &'static str> {
    COLUMNS.lines().filter(|name| !name.is_empty())
}

impl Line {
    fn new() -> Self {
        Self(columns().map(|name| (name, String::new())).collect())
    }

    fn set(&mut self, column: &'static str, value: impl ToString) {
        self.0.insert(column, value.to_string());
    }

    /// Empty for a column that there is not.
    pub fn get(&self, column: &str) -> &str {
        self.0.get(column).map_or("", String::as_str)
    }

    /// As a number, when it is one.
    pub fn number(&self, column: &str) -> Option<f64> {
        self.get(column).parse().ok()
    }

    /// Whether it did what it must.
    pub fn is_ok(&self) -> bool {
        self.get("verdict").eq_ignore_ascii_case(OK)
    }

    /// Of a row that nobody tried.
    pub fn not_run(row: &Row) -> Self {
        let mut line = Self::new();
        line.set("row", &row.id);
        line.set("group", &row.group);
        line.set("world", "sim");
        line.set("repetition_count", 0);
        line.set("expected", row.expected.name());
        line.set("verdict", NOT_RUN);
        line
    }

    /// A row that the catalogue does not list: whoever adds one lists it, so that its absence would be seen.
    pub fn unknown(mut self) -> Self {
        let note = format!("not in catalogue.yaml; {} {}", self.get("verdict"), self.get("note"));
        self.set("note", note.trim_end());
        self.set("verdict", MISS);
        self
    }

    /// The same over real processes.
    pub fn not_run_live(row: &LiveRow) -> Self {
        let mut line = Self::new();
        line.set("row", &row.id);
        line.set("group", &row.group);
        line.set("world", "live");
        line.set("repetition_count", 0);
        line.set("verdict", NOT_RUN);
        line
    }
}

/// The line of a row from its repetitions.
pub fn line(row: &Row, outcomes: &[(u32, Outcome)], repetitions: u32) -> Line {
    let mut line = Line::not_run(row);
    let each = || outcomes.iter().map(|(_, outcome)| outcome);
    line.set("repetition_count", outcomes.len());
    let ms = |s: Option<f64>| s.map_or_else(String::new, |s| format!("{:.1}", s * 1e3));
    let m = |m: Option<f64>| m.filter(|m| m.is_finite()).map_or_else(String::new, |m| format!("{m:.3}"));
    line.set("bound_s", m(greatest(each().filter_map(|o| o.bound).map(|b| b.0))));
    line.set("bound_m", m(greatest(each().filter_map(|o| o.bound).map(|b| b.1))));
    let reactions: Vec<f64> = each().filter_map(|o| o.reaction_s).collect();
    line.set("reaction_ms_p50", ms(median(&reactions)));
    line.set("reaction_ms_p100", ms(greatest(reactions.iter().copied())));
    line.set("stop_ms_p100", ms(greatest(each().filter_map(|o| o.stop_s))));
    line.set("distance_m_p100", m(greatest(each().filter_map(|o| o.distance_m))));
    line.set("speed_mps_max", m(greatest(each().map(|o| o.speed_mps))));
    let clearances = each().map(|o| -o.least_clearance_m).filter(|c| !c.is_nan());
    line.set("least_clearance_m", m(greatest(clearances).map(|c| -c)));
    line.set("collisions", each().map(|o| u64::from(o.collisions)).sum::<u64>());
    line.set("envelope_violations", each().map(|o| o.envelope_violations).sum::<u64>());
    line.set("restarts", each().map(|o| u64::from(o.restarts)).sum::<u64>());
    line.set("reason", told(each().map(|o| o.reason.clone())));
    let missed: Vec<_> = outcomes.iter().filter(|(_, o)| !o.misses.is_empty()).collect();
    let complete = outcomes.len() == repetitions as usize;
    line.set("verdict", if missed.is_empty() && complete { OK } else { MISS });
    let sentence =
        |(repetition, o): &&(u32, Outcome)| format!("repetition {repetition}: {}", o.misses.join("; "));
    let mut note = missed.iter().take(TOLD).map(sentence).collect::<Vec<_>>().join(" | ");
    if !missed.is_empty() {
        note = format!("{} of {} missed: {note}", missed.len(), outcomes.len());
    } else if !complete {
        note = format!("{} of {repetitions} repetitions came to an end", outcomes.len());
    }
    if !row.hole.is_empty() {
        note = format!("known hole: {} {note}", row.hole);
    }
    line.set("note", note.trim_end());
    line
}

fn greatest(values: impl Iterator<Item = f64>) -> Option<f64> {
    values.reduce(f64::max)
}

/// The lower one of two in the middle.
fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len().checked_sub(1)? / 2).copied()
}

/// Different ones, the most frequent first.
fn told(reasons: impl Iterator<Item = String>) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    reasons.filter(|r| !r.is_empty()).for_each(|reason| *counts.entry(reason).or_default() += 1);
    let mut sorted: Vec<_> = counts.into_iter().collect();
    sorted.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    sorted.into_iter().take(TOLD).map(|(reason, _)| reason).collect::<Vec<_>>().join(" | ")
}

/// Writes lines with a head.
///
/// # Errors
/// When the file cannot be written.
pub fn write(path: &Path, lines: &[Line]) -> anyhow::Result<()> {
    let mut writer = csv::Writer::from_path(path)?;
    writer.write_record(columns())?;
    for line in lines {
        writer.write_record(columns().map(|name| line.get(name)))?;
    }
    Ok(writer.flush()?)
}

/// Reads what [`write`] wrote, or the live part.
///
/// # Errors
/// When it cannot be read or has other columns.
pub fn read(path: &Path) -> anyhow::Result<Vec<Line>> {
    let mut reader = csv::Reader::from_path(path)?;
    let head: Vec<String> = reader.headers()?.iter().map(str::to_owned).collect();
    ensure!(head.iter().eq(columns()), "{}: columns {head:?} are not those of columns.txt", path.display());
    let mut lines = Vec::new();
    for record in reader.records() {
        let record = record?;
        lines.push(Line(columns().zip(record.iter().map(str::to_owned)).collect()));
    }
    Ok(lines)
}

/// For a terminal: what matters most, in aligned columns, then every miss in full.
pub fn text(lines: &[Line]) -> String {
    const SHOWN: [(&str, &str, usize); 10] = [
        ("verdict", "verdict", 7),
        ("world", "world", 5),
        ("row", "row", 32),
        ("expected", "expected", 16),
        ("repetition_count", "n", 3),
        ("reaction_ms_p100", "react ms", 8),
        ("stop_ms_p100", "stop ms", 8),
        ("bound_s", "<= s", 6),
        ("distance_m_p100", "way m", 6),
        ("bound_m", "<= m", 6),
    ];
    let mut text = String::new();
    let cell = |text: &mut String, (i, value, width): (usize, &str, usize)| {
        let _ = if i < 4 { write!(text, "{value:<width$}  ") } else { write!(text, "{value:>width$}  ") };
    };
    SHOWN.iter().enumerate().for_each(|(i, (_, title, width))| cell(&mut text, (i, title, *width)));
    text.push_str("reason\n");
    for line in lines {
        SHOWN.iter().enumerate().for_each(|(i, (column, _, width))| {
            cell(&mut text, (i, line.get(column), *width));
        });
        let _ = writeln!(text, "{}", line.get("reason").chars().take(70).collect::<String>());
    }
    for line in lines.iter().filter(|line| !line.is_ok()) {
        let _ = writeln!(
            text,
            "{}: {} ({}): {}",
            line.get("verdict"),
            line.get("row"),
            line.get("world"),
            line.get("note")
        );
    }
    let ok = lines.iter().filter(|line| line.is_ok()).count();
    let not_run = lines.iter().filter(|line| line.get("verdict") == NOT_RUN).count();
    let _ = writeln!(
        text,
        "{ok} of {} rows as they must be, {} missed, {not_run} not run",
        lines.len(),
        lines.len() - ok - not_run
    );
    text
}
