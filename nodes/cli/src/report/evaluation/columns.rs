//! Which measures are shown, how those of several runs become one, and which of two is better.

use super::read::Run;

/// How the numbers of several runs become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// The least.
    Least,
    /// The mean.
    Mean,
    /// All together.
    Sum,
    /// The greatest.
    Most,
}

/// Which of two numbers is the better one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// The greater.
    More,
    /// The smaller.
    Less,
}

/// A measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// In `metrics` of `results.jsonl`.
    pub key: &'static str,
    /// Head of the column.
    pub label: &'static str,
    /// Empty for counts.
    pub unit: &'static str,
    /// After the point.
    pub digits: usize,
    /// Of several runs.
    pub over: Over,
    /// Which is better.
    pub better: Better,
    /// In the table of scenarios too, not only in that of a scenario's runs.
    pub first: bool,
}

const fn column(
    key: &'static str,
    label: &'static str,
    unit: &'static str,
    digits: usize,
    over: Over,
    better: Better,
) -> Column {
    Column { key, label, unit, digits, over, better, first: true }
}

const fn more(column: Column) -> Column {
    Column { first: false, ..column }
}

/// All that are shown.
pub const COLUMNS: [Column; 14] = [
    column("drive_time_s", "time", "s", 1, Over::Mean, Better::Less),
    column("least_clearance_m", "clearance", "m", 2, Over::Least, Better::More),
    column("least_person_gap_m", "person gap", "m", 2, Over::Least, Better::More),
    column("least_ttc_s", "TTC", "s", 1, Over::Least, Better::More),
    column("collisions", "collisions", "", 0, Over::Sum, Better::Less),
    column("near_misses", "near misses", "", 0, Over::Sum, Better::Less),
    column("stops", "stops", "", 0, Over::Sum, Better::Less),
    column("interventions", "interventions", "", 0, Over::Sum, Better::Less),
    more(column("disengagements", "disengagements", "", 0, Over::Sum, Better::Less)),
    more(column("speed_mean_mps", "mean speed", "m/s", 2, Over::Mean, Better::More)),
    more(column("path_efficiency", "path efficiency", "", 2, Over::Mean, Better::More)),
    more(column("jerk_rms_mps3", "jerk (RMS)", "m/s³", 2, Over::Mean, Better::Less)),
    more(column("position_error_max_m", "position error", "m", 2, Over::Most, Better::Less)),
    more(column("data_age_s.p95", "data age p95", "s", 3, Over::Most, Better::Less)),
];

impl Column {
    /// Of several runs; none where no run has it.
    pub fn of<'a>(&self, runs: impl IntoIterator<Item = &'a Run>) -> Option<f64> {
        let values: Vec<f64> = runs.into_iter().filter_map(|r| r.metric(self.key)).collect();
        let sum = || values.iter().copied().reduce(|a, b| a + b);
        match self.over {
            Over::Least => values.iter().copied().reduce(f64::min),
            Over::Most => values.iter().copied().reduce(f64::max),
            Over::Sum => sum(),
            Over::Mean => sum().map(|s| s / values.len() as f64),
        }
    }

    /// With its digits; a dash where there is none.
    pub fn text(&self, value: Option<f64>) -> String {
        value.map_or_else(|| "–".to_owned(), |v| format!("{:.*}", self.digits, unsigned_zero(v, self.digits)))
    }

    /// A difference with its sign; empty where it is nothing to the digits shown.
    pub fn difference(&self, difference: f64) -> String {
        let rounded = unsigned_zero(difference, self.digits);
        if rounded.abs() < f64::MIN_POSITIVE { String::new() } else { signed(rounded, self.digits) }
    }

    /// Whether a difference is one for the better; none where nothing is left of it.
    pub fn is_better(&self, difference: f64) -> Option<bool> {
        let rounded = unsigned_zero(difference, self.digits);
        let more = rounded.abs() >= f64::MIN_POSITIVE;
        more.then_some((rounded > 0.0) == (self.better == Better::More))
    }

    /// Label with unit.
    pub fn head(&self) -> String {
        if self.unit.is_empty() { self.label.to_owned() } else { format!("{} [{}]", self.label, self.unit) }
    }
}

fn signed(value: f64, digits: usize) -> String {
    // A true minus, as wide as the plus.
    if value < 0.0 { format!("−{:.digits$}", -value) } else { format!("+{value:.digits$}") }
}

/// Rounded as it will be shown, and never "−0".
fn unsigned_zero(value: f64, digits: usize) -> f64 {
    let rounded: f64 = format!("{value:.digits$}").parse().unwrap_or(value);
    if rounded.abs() < f64::MIN_POSITIVE { 0.0 } else { rounded }
}
