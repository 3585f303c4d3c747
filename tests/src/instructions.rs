//! Instruction counts of the work that the latency rests on, held against counts that are committed.
//!
//! Time on a shared machine varies by tens of per cent; the instructions of the same program on the same input do not. What is
//! counted stands in `benches/instructions`, the counts in `gate/instructions.yaml`.

use garde::Validate;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Where the references are, from the root of the repository.
pub const FILE: &str = "tests/gate/instructions.yaml";
/// What a count may grow by when nobody has said otherwise, %.
pub const TOLERANCE_PERCENT: f64 = 3.0;

/// The committed counts.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct References {
    /// By the name of the work.
    #[garde(dive)]
    pub instructions: BTreeMap<String, Reference>,
}

/// What one piece of work may take.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// Instructions a call, the mean of the calls that are counted.
    #[garde(range(min = 1))]
    pub count: u64,
    /// What it may grow by, %.
    #[garde(range(min = 0.0, max = 100.0))]
    pub tolerance_percent: f64,
}

/// What was counted.
#[derive(Clone, Debug, PartialEq)]
pub struct Counted {
    /// The name of the work.
    pub name: String,
    /// Instructions a call.
    pub count: u64,
}

/// What comes of holding a count against its reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Within the tolerance.
    Same,
    /// Less than the reference by more than the tolerance: time to renew it.
    Fewer,
    /// More than the tolerance allows.
    More,
    /// Counted, and without a reference.
    New,
    /// A reference of something that is not counted.
    Gone,
}

impl Verdict {
    /// The change that led to it cannot land as it is.
    pub const fn fails(self) -> bool {
        matches!(self, Self::More | Self::New | Self::Gone)
    }
}

/// One line of the table.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The name of the work.
    pub name: String,
    /// Instructions a call, now.
    pub now: Option<u64>,
    /// What is committed.
    pub reference: Option<Reference>,
}

impl Row {
    /// The count now as a share of the reference.
    pub fn ratio(&self) -> Option<f64> {
        Some(self.now? as f64 / self.reference?.count as f64)
    }

    /// What to make of it.
    pub fn verdict(&self) -> Verdict {
        let (Some(reference), Some(ratio)) = (self.reference, self.ratio()) else {
            return if self.now.is_some() { Verdict::New } else { Verdict::Gone };
        };
        let tolerance = reference.tolerance_percent / 100.0;
        if ratio > 1.0 + tolerance {
            Verdict::More
        } else if ratio < 1.0 - tolerance {
            Verdict::Fewer
        } else {
            Verdict::Same
        }
    }

    /// A sentence for a reader whose change fails.
    pub fn sentence(&self) -> String {
        let name = &self.name;
        match (self.verdict(), self.now, self.reference) {
            (Verdict::More, Some(now), Some(Reference { count, tolerance_percent })) => {
                let more = (self.ratio().unwrap_or(1.0) - 1.0) * 100.0;
                format!(
                    "{name}: {now} instructions, {more:.1} % more than the {count} of {FILE} ({tolerance_percent} % allowed)"
                )
            }
            (Verdict::New, ..) => format!("{name}: has no reference in {FILE}"),
            (Verdict::Gone, ..) => format!("{name}: stands in {FILE} and is not counted"),
            (Verdict::Fewer, ..) => {
                format!("{name}: takes less than its reference; renew it to keep what was won")
            }
            _ => format!("{name}: as it was"),
        }
    }
}

/// Counts and references side by side: those that were counted in their order, then references without a count.
pub fn compare(counted: &[Counted], references: &References) -> Vec<Row> {
    let mut rows: Vec<Row> = counted
        .iter()
        .map(|Counted { name, count }| Row {
            name: name.clone(),
            now: Some(*count),
            reference: references.instructions.get(name).copied(),
        })
        .collect();
    for (name, reference) in &references.instructions {
        if counted.iter().all(|c| c.name != *name) {
            rows.push(Row { name: name.clone(), now: None, reference: Some(*reference) });
        }
    }
    rows
}

/// The rows as a table.
pub fn table(rows: &[Row]) -> String {
    let text = |count: Option<u64>| count.map_or_else(|| "–".to_owned(), |count| count.to_string());
    let mut out =
        String::from("| instructions a call | now | reference | ratio | |\n|---|--:|--:|--:|---|\n");
    for row in rows {
        let verdict = match row.verdict() {
            Verdict::Same => "",
            Verdict::Fewer => "fewer",
            Verdict::More => "MORE",
            Verdict::New => "NEW",
            Verdict::Gone => "GONE",
        };
        let ratio = row.ratio().map_or_else(|| "–".to_owned(), |ratio| format!("{ratio:.4}"));
        let (now, reference) = (text(row.now), text(row.reference.map(|r| r.count)));
        let _ = writeln!(out, "| {} | {now} | {reference} | {ratio} | {verdict} |", row.name);
    }
    out
}

/// The file with these counts; tolerances are kept.
pub fn renewed(counted: &[Counted], old: &References) -> String {
    let mut out = String::from(
        "# Instructions a call of the work that the latency rests on: `make bench-instructions` fails when one grows by more than\n\
         # its tolerance; `make instructions-baseline` writes this file anew and keeps the tolerances. docs/benchmarks.md\n\
         instructions:\n",
    );
    for Counted { name, count } in counted {
        let tolerance = old.instructions.get(name).map_or(TOLERANCE_PERCENT, |r| r.tolerance_percent);
        let _ = writeln!(out, "  {name}: {{ count: {count}, tolerance_percent: {tolerance} }}");
    }
    out
}

/// All instructions in a file that Callgrind wrote.
pub fn callgrind_total(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("totals:"))?.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn counted(name: &str, count: u64) -> Counted {
        Counted { name: name.into(), count }
    }

    fn references(text: &str) -> References {
        outrider_runtime::config::parse("instructions.yaml", text).unwrap()
    }

    fn verdicts(now: u64) -> Verdict {
        let known = references("instructions:\n  tick: { count: 1000, tolerance_percent: 3 }\n");
        compare(&[counted("tick", now)], &known)[0].verdict()
    }

    #[test]
    fn growth_beyond_the_tolerance_fails() {
        assert_eq!(verdicts(1030), Verdict::Same);
        assert_eq!(verdicts(1031), Verdict::More);
        assert_eq!(verdicts(970), Verdict::Same);
        assert_eq!(verdicts(969), Verdict::Fewer);
        assert!(Verdict::More.fails() && !Verdict::Fewer.fails() && !Verdict::Same.fails());
    }

    #[test]
    fn the_sentence_names_work_counts_and_file() {
        let known = references("instructions:\n  tick: { count: 1000, tolerance_percent: 3 }\n");
        let sentence = compare(&[counted("tick", 1200)], &known)[0].sentence();
        let expected = "tick: 1200 instructions, 20.0 % more than the 1000 of tests/gate/instructions.yaml (3 % allowed)";
        assert_eq!(sentence, expected);
    }

    #[test]
    fn what_is_in_one_of_the_two_only_fails() {
        let known = references("instructions:\n  old: { count: 1000, tolerance_percent: 3 }\n");
        let rows = compare(&[counted("new", 5)], &known);
        assert_eq!(rows.iter().map(Row::verdict).collect::<Vec<_>>(), [Verdict::New, Verdict::Gone]);
        assert!(rows.iter().all(|row| row.verdict().fails()));
    }

    #[test]
    fn a_renewed_file_reads_back_with_its_tolerances() {
        let known = references("instructions:\n  a: { count: 1000, tolerance_percent: 0.5 }\n");
        let text = renewed(&[counted("a", 7), counted("b", 8)], &known);
        let read = references(&text);
        assert_eq!(read.instructions["a"], Reference { count: 7, tolerance_percent: 0.5 });
        assert_eq!(read.instructions["b"], Reference { count: 8, tolerance_percent: TOLERANCE_PERCENT });
    }

    #[test]
    fn a_reference_that_cannot_be_is_refused() {
        for bad in
            ["{ count: 0, tolerance_percent: 3 }", "{ count: 5, tolerance_percent: -1 }", "{ count: 5 }"]
        {
            let text = format!("instructions:\n  a: {bad}\n");
            assert!(outrider_runtime::config::parse::<References>("x", &text).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_total_is_read_from_what_callgrind_writes() {
        let text = "version: 1\ncreator: callgrind-3.19.0\nevents: Ir\nsummary: 12\n\nfn=(1) x\n1 12\n\ntotals: 12\n";
        assert_eq!(callgrind_total(text), Some(12));
        assert_eq!(callgrind_total("events: Ir\n"), None);
    }
}
