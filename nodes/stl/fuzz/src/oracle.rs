//! What a formula is worth by definition, in quadratic time: the windows of the whole past, looked through anew at every
//! sample. It shares nothing with the engine.

use crate::functions::{least, value};
use crate::grammar::{Interval, Look};
use crate::trace::Row;

/// What a subformula is worth at a sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Worth {
    /// It may be judged. `None` when it rests on a value from before warming up, which is of no interest here.
    Known(Option<f64>),
    /// Not enough past, or nothing in a window: it must be neither satisfied nor violated.
    Unknown,
    /// It rests on bad data: it must be invalid.
    Bad,
}

impl Worth {
    /// Of values that were looked at together: bad before unknown.
    fn of(values: &[Self], function: impl Fn(&[f64]) -> f64) -> Self {
        if values.contains(&Self::Bad) {
            return Self::Bad;
        }
        if values.contains(&Self::Unknown) {
            return Self::Unknown;
        }
        let numbers: Option<Vec<f64>> = values.iter().map(|v| v.number()).collect();
        match numbers.map(|numbers| function(&numbers)) {
            Some(value) if !value.is_finite() => Self::Bad,
            other => Self::Known(other),
        }
    }

    fn number(self) -> Option<f64> {
        if let Self::Known(value) = self { value } else { None }
    }
}

/// A sample that was not late.
struct Sample<'a> {
    at: i128,
    row: &'a Row,
    /// It ends a hole.
    gap: bool,
    /// A late one came after it: from the next sample on it is doubtful.
    doubtful: bool,
}

/// The past, as far as it counts.
pub struct Past<'a> {
    samples: Vec<Sample<'a>>,
    /// Of each row; `None` for those that are late.
    pub place: Vec<Option<usize>>,
}

impl<'a> Past<'a> {
    pub fn new(rows: &'a [Row], max_gap: Option<i64>) -> Self {
        let mut past = Self { samples: vec![], place: vec![] };
        for row in rows {
            let at = i128::from(row.at);
            let before = past.samples.last_mut();
            if let Some(last) = before.filter(|last| at <= last.at) {
                last.doubtful = true;
                past.place.push(None);
                continue;
            }
            let step = past.samples.last().map(|last| at - last.at);
            let gap = step.zip(max_gap).is_some_and(|(step, most)| step > i128::from(most));
            past.place.push(Some(past.samples.len()));
            past.samples.push(Sample { at, row, gap, doubtful: false });
        }
        past
    }

    pub fn len(&self) -> usize {
        self.samples.len()
    }

    pub fn has_gap(&self) -> bool {
        self.samples.iter().any(|s| s.gap)
    }

    /// The shortest time between two samples.
    pub fn shortest_step(&self) -> Option<i128> {
        self.samples.windows(2).map(|pair| pair[1].at - pair[0].at).min()
    }

    /// Of the whole formula, at every sample.
    pub fn judge(&self, looks: &[Look]) -> Vec<Worth> {
        let mut all: Vec<Vec<Worth>> = vec![];
        let mut horizons: Vec<i128> = vec![];
        for look in looks {
            let horizon = look.operands().into_iter().map(|o| horizons[o]).max().unwrap_or(0);
            let horizon = horizon + look.interval().map_or(0, |(_, to)| i128::from(to));
            let of_look = (0..self.len()).map(|i| self.at_horizon(look, &all, horizon, i)).collect();
            all.push(of_look);
            horizons.push(horizon);
        }
        all.pop().unwrap_or_default()
    }

    /// Bounds of nested windows add up: until as much time has passed, a window is not warmed up.
    fn at_horizon(&self, look: &Look, all: &[Vec<Worth>], horizon: i128, i: usize) -> Worth {
        let waited = self.samples[i].at - self.samples[0].at >= horizon;
        match self.at(look, all, i) {
            Worth::Known(_) if look.interval().is_some() && !waited => Worth::Unknown,
            worth => worth,
        }
    }

    fn at(&self, look: &Look, all: &[Vec<Worth>], i: usize) -> Worth {
        match look {
            Look::Constant(value) => Worth::Known(Some(*value)),
            Look::Signal(s) => match self.samples[i].row.value(*s) {
                Some(value) if !self.samples[i].gap => Worth::Known(Some(value)),
                _ => Worth::Bad,
            },
            Look::Now(name, operands) => {
                let values: Vec<Worth> = operands.iter().map(|o| all[*o][i]).collect();
                Worth::of(&values, |numbers| value(name, numbers))
            }
            Look::Before(a) => self.before(&all[*a], i),
            Look::Edge(name, a) => {
                let sign = if *name == "rise" { -1.0 } else { 1.0 };
                let pair = [self.before(&all[*a], i), all[*a][i]];
                Worth::of(&pair, |numbers| least(sign * numbers[0], -sign * numbers[1]))
            }
            Look::Over(name, interval, a) => {
                let sign = if matches!(*name, "once" | "O") { -1.0 } else { 1.0 };
                let extremum =
                    |numbers: &[f64]| sign * numbers.iter().map(|n| sign * n).fold(f64::INFINITY, least);
                match interval {
                    None => self.ever(&[&all[*a]], i, || Worth::of(&all[*a][..=i], extremum).number()),
                    Some(interval) => self.within(*interval, &all[*a], i, extremum),
                }
            }
            Look::Since(None, a, b) => {
                self.ever(&[&all[*a], &all[*b]], i, || self.since(&all[*a], &all[*b], i, |_| true))
            }
            Look::Since(Some(interval), a, b) => self.since_within(*interval, &all[*a], &all[*b], i),
        }
    }

    fn before(&self, operand: &[Worth], i: usize) -> Worth {
        match i.checked_sub(1) {
            None => Worth::Unknown,
            Some(_) if self.samples[i].gap => Worth::Bad,
            Some(j) => self.remembered(operand, j, i),
        }
    }

    /// What the sample `j` is worth at `i`.
    fn remembered(&self, operand: &[Worth], j: usize, i: usize) -> Worth {
        if j < i && self.samples[j].doubtful { Worth::Bad } else { operand[j] }
    }

    /// Over the whole past: bad for ever, and as warmed up as the operands are now.
    fn ever(&self, operands: &[&[Worth]], i: usize, value: impl Fn() -> Option<f64>) -> Worth {
        let bad = |j: usize| operands.iter().any(|o| self.remembered(o, j, i) == Worth::Bad);
        if (0..=i).any(|j| self.samples[j].gap || bad(j)) {
            return Worth::Bad;
        }
        let present: Vec<Worth> = operands.iter().map(|o| o[i]).collect();
        if present.contains(&Worth::Unknown) { Worth::Unknown } else { Worth::Known(value()) }
    }

    fn stretch(&self, (from, to): Interval, i: usize) -> (i128, i128) {
        let now = self.samples[i].at;
        (now - i128::from(to), now - i128::from(from))
    }

    fn within(
        &self,
        interval: Interval,
        operand: &[Worth],
        i: usize,
        extremum: impl Fn(&[f64]) -> f64,
    ) -> Worth {
        let (start, end) = self.stretch(interval, i);
        // A hole lies after the last sample, and up to the one that ends it.
        let hole =
            |k: usize| self.samples[k].gap && self.samples[k].at >= start && self.samples[k - 1].at < end;
        if (1..=i).any(hole) {
            return Worth::Bad;
        }
        let inside = (0..=i).filter(|j| (start..=end).contains(&self.samples[*j].at));
        let values: Vec<Worth> = inside.map(|j| self.remembered(operand, j, i)).collect();
        // An empty window says nothing. Whether that is for want of a past or of data makes no difference here.
        // The first moment that can be told is taken for "never": what reaches back to it has no past either.
        let early = values.is_empty() || start < self.samples[0].at || start <= i128::from(i64::MIN);
        match Worth::of(&values, extremum) {
            Worth::Known(_) if early => Worth::Unknown,
            Worth::Bad if values.is_empty() => Worth::Unknown,
            other => other,
        }
    }

    /// `left` is looked at from the window's beginning until now, `right` within the window.
    fn since_within(&self, interval: Interval, left: &[Worth], right: &[Worth], i: usize) -> Worth {
        let (start, end) = self.stretch(interval, i);
        let parts =
            [self.within((0, interval.1), left, i, |_| 0.0), self.within(interval, right, i, |_| 0.0)];
        match Worth::of(&parts, |_| 0.0) {
            Worth::Known(Some(_)) => {
                Worth::Known(self.since(left, right, i, |j| (start..=end).contains(&self.samples[j].at)))
            }
            other => other,
        }
    }

    /// The best witness of `right`, with the least of `left` after it.
    fn since(
        &self,
        left: &[Worth],
        right: &[Worth],
        i: usize,
        inside: impl Fn(usize) -> bool,
    ) -> Option<f64> {
        let mut best = f64::NEG_INFINITY;
        for j in (0..=i).filter(|j| inside(*j)) {
            let mut held = right[j].number()?;
            for value in &left[j + 1..=i] {
                held = least(held, value.number()?);
            }
            best = -least(-best, -held);
        }
        Some(best)
    }
}
