//! The engine: a formula in flat form, updated sample by sample in memory that is taken before the first.

use crate::cell::{Context, NO_REGISTER, Slot, cells, need};
use crate::error::{Position, StlError};
use crate::formula::{Expression, Formula, Horizon, NodeId};
use crate::sample::{Reason, Sample, Status};
use crate::window::Tick;
use outrider_foundation::{Instant, Span};

/// What a monitor may rely on and use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The shortest time between two samples; it decides how much memory a window takes. Samples that come faster may
    /// fill it: the verdict is then invalid.
    pub period: Span,
    /// The longest time between two samples. After a longer one the verdict is invalid until the windows have passed.
    /// `None`: a hole in the data goes unnoticed unless a window is empty.
    pub max_gap: Option<Span>,
    /// No more samples than this will come: bounds the memory of a finite trace.
    pub samples_max: usize,
    /// Memory that the windows may take together.
    pub memory_max_bytes: usize,
}

/// What a monitor says. Only [`State::Ok`] is "satisfied".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Not enough past yet.
    Unknown,
    /// Satisfied.
    Ok,
    /// Not satisfied.
    Violated,
    /// The data cannot be judged.
    Invalid(Reason),
}

/// The answer to one update.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verdict {
    /// Satisfied or not, or why that cannot be said.
    pub state: State,
    /// Distance to violation, positive when satisfied, in the unit of what is compared. A zero has the sign of the truth:
    /// `x < 1` at 1 is -0. NaN when invalid; over the samples so far, and perhaps infinite, when unknown.
    pub robustness: f64,
    /// The subformula that decided: a comparison, or the signal that is bad.
    pub responsible: NodeId,
    /// When it decided.
    pub at: Instant,
}

/// A formula being monitored.
///
/// [`Self::update`] does not allocate and takes amortised constant time, whatever the windows' lengths.
#[derive(Clone, Debug)]
pub struct Monitor {
    formula: Formula,
    max_gap: i64,
    /// Operators with the registers that they fill, operands before operators.
    cells: Vec<Slot>,
    /// Where constants stand from the beginning.
    registers: Vec<Sample>,
    /// Times of the first and of the last sample.
    past: Option<(i64, i64)>,
}

impl Monitor {
    /// A monitor of `formula` within `limits`.
    ///
    /// # Errors
    /// When a window needs more memory than is granted, or the limits contradict each other.
    pub fn new(formula: Formula, limits: &Limits) -> Result<Self, StlError> {
        check(limits)?;
        let reached = formula.reachable();
        let mut registers = vec![];
        let mut left = limits.memory_max_bytes;
        for (i, node) in formula.nodes.iter().enumerate() {
            let id = NodeId(i as u16);
            let needed = if reached.get(i) == Some(&true) { need(node.expression, limits) } else { 0 };
            left = left.checked_sub(needed).ok_or_else(|| StlError::Memory {
                at: Position::of(&formula.text, node.start),
                operator: formula.text_of(id).to_owned(),
                bytes: needed,
                period_s: limits.period.as_s(),
                limit: left,
            })?;
            registers.push(match node.expression {
                Expression::Constant(value) => Sample::known(value, 0, id),
                _ => Sample::known(0.0, 0, id),
            });
        }
        let cells = cells(&formula, limits);
        let max_gap = limits.max_gap.map_or(i64::MAX, Span::nanos);
        Ok(Self { formula, max_gap, cells, registers, past: None })
    }

    /// The formula.
    pub fn formula(&self) -> &Formula {
        &self.formula
    }

    /// How much past a verdict rests on.
    pub fn horizon(&self) -> Horizon {
        self.formula.horizon()
    }

    /// All memory of the monitor, in bytes; it never changes.
    pub fn byte_size(&self) -> usize {
        let texts = self.formula.text.capacity()
            + self.formula.signals.iter().map(|s| s.capacity() + size_of::<String>()).sum::<usize>();
        let nodes = self.formula.nodes.capacity() * size_of::<crate::formula::Node>();
        let windows: usize = self.cells.iter().map(|slot| slot.cell.byte_size()).sum();
        size_of::<Self>()
            + texts
            + nodes
            + self.cells.capacity() * size_of::<Slot>()
            + self.registers.capacity() * size_of::<Sample>()
            + windows
    }

    /// Forgets everything: after a clock was set back, say.
    pub fn reset(&mut self) {
        self.past = None;
        for slot in &mut self.cells {
            slot.cell.reset();
        }
    }

    /// Takes the signals' values at `at`, in the order of [`Formula::signals`]; `None`, or a value that is not there, is
    /// a missing sample. A time that is not later than the last one's is answered with Invalid, and its values are left
    /// out; what rests on the last time is invalid from then on as well.
    pub fn update(&mut self, at: Instant, values: &[Option<f64>]) -> Verdict {
        let now = at.nanos();
        let (start, last) = match self.past {
            None => (now, now),
            Some((_, last)) if now <= last => return self.late(now, last),
            Some(past) => past,
        };
        self.past = Some((start, now));
        let tick = Tick { now, start, last, gap: now.saturating_sub(last) > self.max_gap };
        // A constant formula has no cell; any other's root is the last.
        let mut result = self.registers.get(self.formula.root.place()).copied().unwrap_or(NO_REGISTER);
        for slot in &mut self.cells {
            // Operands stand before their operators: every register that is read has been written.
            let context = Context { tick: &tick, values, registers: &self.registers };
            result = slot.cell.update(&context, slot.node);
            if let Some(register) = self.registers.get_mut(slot.node.place()) {
                *register = result;
            }
        }
        verdict(&result)
    }

    fn late(&mut self, now: i64, last: i64) -> Verdict {
        let cause = Sample::invalid(Reason::TimeNotIncreasing, now, self.formula.root);
        for slot in &mut self.cells {
            slot.cell.late(last, cause);
        }
        verdict(&cause)
    }
}

fn verdict(result: &Sample) -> Verdict {
    let state = match result.status {
        Status::Invalid(reason) => State::Invalid(reason),
        Status::Unknown => State::Unknown,
        Status::Known if result.value().is_sign_negative() => State::Violated,
        Status::Known => State::Ok,
    };
    let at = Instant::from_nanos(result.at);
    Verdict { state, robustness: result.value(), responsible: result.node, at }
}

fn check(limits: &Limits) -> Result<(), StlError> {
    let refuse = |problem: String| {
        let at = Position { line: 1, column: 1 };
        Err(StlError::Sampling { at, problem })
    };
    if limits.period <= Span::ZERO {
        return refuse(format!(
            "the period of {} s is not positive: memory has no bound",
            limits.period.as_s()
        ));
    }
    match limits.max_gap {
        Some(gap) if gap < limits.period => {
            let (gap_s, period_s) = (gap.as_s(), limits.period.as_s());
            refuse(format!("the longest gap, {gap_s} s, is shorter than the period, {period_s} s"))
        }
        _ => Ok(()),
    }
}
