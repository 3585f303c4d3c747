//! Results beside those of a baseline: the same scenario, parameters and seed in both.

use super::columns::Column;
use super::read::{Case, Folder, Run};
use std::collections::BTreeMap;

/// Two folders.
pub struct Comparison<'a> {
    /// The other one.
    pub baseline: &'a Folder,
    by_case: BTreeMap<Case, &'a Run>,
}

/// How the passing of the pairs differs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flips {
    /// Runs that both folders have.
    pub pairs: u64,
    /// Passed there and not here.
    pub broken: u64,
    /// Passed here and not there.
    pub mended: u64,
}

impl<'a> Comparison<'a> {
    /// With a baseline.
    pub fn with(baseline: &'a Folder) -> Self {
        Self { baseline, by_case: baseline.runs.iter().map(|r| (r.case(), r)).collect() }
    }

    /// The same case in the baseline.
    pub fn before(&self, run: &Run) -> Option<&'a Run> {
        self.by_case.get(&run.case()).copied()
    }

    /// Pairs of these runs: baseline first.
    pub fn pairs<'r>(&self, runs: &[&'r Run]) -> Vec<(&'a Run, &'r Run)> {
        runs.iter().filter_map(|run| Some((self.before(run)?, *run))).collect()
    }

    /// How many pass in one alone.
    pub fn flips(&self, runs: &[&Run]) -> Flips {
        let mut flips = Flips::default();
        for (before, now) in self.pairs(runs) {
            flips.pairs += 1;
            flips.broken += u64::from(before.passed && !now.passed);
            flips.mended += u64::from(now.passed && !before.passed);
        }
        flips
    }

    /// This less the baseline, over pairs in which both have the measure.
    pub fn difference(&self, column: &Column, runs: &[&Run]) -> Option<f64> {
        let both = |(a, b): &(&Run, &Run)| a.metric(column.key).is_some() && b.metric(column.key).is_some();
        let pairs: Vec<_> = self.pairs(runs).into_iter().filter(both).collect();
        let before = column.of(pairs.iter().map(|p| p.0))?;
        let now = column.of(pairs.iter().map(|p| p.1))?;
        Some(now - before)
    }
}
