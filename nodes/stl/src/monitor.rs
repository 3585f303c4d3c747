//! The engine: a formula in flat form, updated sample by sample in memory that is taken before the first.

use crate::error::{Position, StlError};
use crate::formula::{Binary, Expression, Extremum, Formula, Horizon, NodeId, Step, Unary};
use crate::sample::{Reason, Sample, Status, binary, unary};
use crate::window::{Capacity, SinceWindow, Tick, Window};
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

#[derive(Clone, Debug)]
enum Cell {
    /// By its place among the values.
    Signal(usize),
    /// Stands in its register from the beginning.
    Constant,
    Unary(Unary, usize),
    Binary(Binary, usize, usize),
    Step(Step, usize, Option<Sample>),
    /// Over the whole past.
    Ever(Extremum, usize, Sample),
    Within(Extremum, usize, Box<Window>),
    SinceEver(usize, usize, Sample),
    SinceWithin(usize, usize, Box<SinceWindow>),
}

/// A formula being monitored.
///
/// [`Self::update`] does not allocate and takes amortised constant time, whatever the windows' lengths.
#[derive(Clone, Debug)]
pub struct Monitor {
    formula: Formula,
    max_gap: i64,
    cells: Vec<(NodeId, Cell)>,
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
        let mut register_of: Vec<usize> = Vec::with_capacity(formula.nodes.len());
        let (mut cells, mut registers) = (vec![], vec![]);
        let mut left = limits.memory_max_bytes;
        for (i, node) in formula.nodes.iter().enumerate() {
            register_of.push(cells.len());
            if !reached.get(i).copied().unwrap_or(false) {
                continue;
            }
            let id = NodeId(i as u32);
            let needed = need(node.expression, limits);
            left = left.checked_sub(needed).ok_or_else(|| StlError::Memory {
                at: Position::of(&formula.text, node.start),
                operator: formula.text_of(id).to_owned(),
                bytes: needed,
                period_s: limits.period.as_s(),
                limit: left,
            })?;
            let register = |id: NodeId| register_of.get(id.0 as usize).copied().unwrap_or(0);
            cells.push((id, cell(node.expression, register, limits)));
            registers.push(match node.expression {
                Expression::Constant(value) => Sample::known(value, 0, id),
                _ => Sample::known(0.0, 0, id),
            });
        }
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
        let windows: usize = self.cells.iter().map(|(_, cell)| cell.byte_size()).sum();
        size_of::<Self>()
            + texts
            + nodes
            + self.cells.capacity() * size_of::<(NodeId, Cell)>()
            + self.registers.capacity() * size_of::<Sample>()
            + windows
    }

    /// Forgets everything: after a clock was set back, say.
    pub fn reset(&mut self) {
        self.past = None;
        for (_, cell) in &mut self.cells {
            cell.reset();
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
        let mut result = Sample::invalid(Reason::NoSample, now, self.formula.root);
        for (i, (node, cell)) in self.cells.iter_mut().enumerate() {
            let registers = &self.registers;
            // Operands stand before their operators: every register that is read has been written.
            let register = |r: usize| registers.get(r).copied().unwrap_or(result);
            let sample = cell.update(&tick, values, *node, register);
            if let Some(slot) = self.registers.get_mut(i) {
                *slot = sample.unwrap_or(*slot);
                result = *slot;
            }
        }
        verdict(&result)
    }

    fn late(&mut self, now: i64, last: i64) -> Verdict {
        let cause = Sample::invalid(Reason::TimeNotIncreasing, now, self.formula.root);
        for (_, cell) in &mut self.cells {
            cell.late(last, cause);
        }
        verdict(&cause)
    }
}

fn verdict(result: &Sample) -> Verdict {
    let state = match result.status {
        Status::Invalid(reason) => State::Invalid(reason),
        Status::Unknown => State::Unknown,
        Status::Known if result.value.is_sign_negative() => State::Violated,
        Status::Known => State::Ok,
    };
    let at = Instant::from_nanos(result.at);
    Verdict { state, robustness: result.value, responsible: result.node, at }
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

fn need(expression: Expression, limits: &Limits) -> usize {
    let capacity = |interval| Capacity::of(interval, limits.period.nanos(), limits.samples_max);
    match expression {
        Expression::Over(_, Some(interval), _) => capacity(interval).bytes(false),
        Expression::Since(Some(interval), ..) => capacity(interval).bytes(true),
        _ => 0,
    }
}

fn cell(expression: Expression, register: impl Fn(NodeId) -> usize, limits: &Limits) -> Cell {
    let capacity = |interval| Capacity::of(interval, limits.period.nanos(), limits.samples_max);
    match expression {
        Expression::Signal(index) => Cell::Signal(index),
        Expression::Constant(_) => Cell::Constant,
        Expression::Unary(operator, a) => Cell::Unary(operator, register(a)),
        Expression::Binary(operator, a, b) => Cell::Binary(operator, register(a), register(b)),
        Expression::Step(step, a) => Cell::Step(step, register(a), None),
        Expression::Over(extremum, None, a) => Cell::Ever(extremum, register(a), NOTHING_YET),
        Expression::Over(extremum, Some(interval), a) => {
            Cell::Within(extremum, register(a), Box::new(Window::new(interval, &capacity(interval))))
        }
        Expression::Since(None, a, b) => Cell::SinceEver(register(a), register(b), NOTHING_YET.negated()),
        Expression::Since(Some(interval), a, b) => Cell::SinceWithin(
            register(a),
            register(b),
            Box::new(SinceWindow::new(interval, &capacity(interval))),
        ),
    }
}

/// The least of nothing.
const NOTHING_YET: Sample = Sample::known(f64::INFINITY, 0, NodeId(0));

impl Cell {
    /// `None` for what never changes.
    fn update(
        &mut self,
        tick: &Tick,
        values: &[Option<f64>],
        node: NodeId,
        register: impl Fn(usize) -> Sample,
    ) -> Option<Sample> {
        let flip = |extremum: Extremum, sample: Sample| match extremum {
            Extremum::Least => sample,
            Extremum::Greatest => sample.negated(),
        };
        Some(match self {
            Self::Signal(index) => signal(tick, values.get(*index).copied().flatten(), node),
            Self::Constant => return None,
            Self::Unary(operator, a) => unary(*operator, register(*a), tick.now, node),
            Self::Binary(operator, a, b) => binary(*operator, register(*a), register(*b), tick.now, node),
            Self::Step(step, a, before) => stepped(*step, tick, register(*a), before, node),
            Self::Ever(extremum, a, least) => {
                let operand = flip(*extremum, register(*a));
                flip(*extremum, ever(tick, operand, least))
            }
            Self::Within(extremum, a, window) => {
                let operand = flip(*extremum, register(*a));
                flip(*extremum, window.update(tick, operand, node))
            }
            Self::SinceEver(a, b, before) => since_ever(tick, register(*a), register(*b), before, node),
            Self::SinceWithin(a, b, window) => window.update(tick, register(*a), register(*b), node),
        })
    }

    /// A sample came that was not later than the last one.
    fn late(&mut self, last: i64, cause: Sample) {
        match self {
            Self::Step(_, _, before) if before.is_some() => *before = Some(cause),
            Self::Ever(_, _, kept) | Self::SinceEver(_, _, kept) => *kept = cause,
            Self::Within(_, _, window) => window.late(last, cause),
            Self::SinceWithin(_, _, window) => window.late(last, cause),
            _ => {}
        }
    }

    fn reset(&mut self) {
        match self {
            Self::Step(_, _, before) => *before = None,
            Self::Ever(_, _, least) => *least = NOTHING_YET,
            Self::SinceEver(_, _, greatest) => *greatest = NOTHING_YET.negated(),
            Self::Within(_, _, window) => window.reset(),
            Self::SinceWithin(_, _, window) => window.reset(),
            _ => {}
        }
    }

    fn byte_size(&self) -> usize {
        match self {
            Self::Within(_, _, window) => size_of::<Window>() + window.byte_size(),
            Self::SinceWithin(_, _, window) => size_of::<SinceWindow>() + window.byte_size(),
            _ => 0,
        }
    }
}

/// A signal's value. The sample that ends a gap is itself not trusted: it shows that something was wrong.
fn signal(tick: &Tick, value: Option<f64>, node: NodeId) -> Sample {
    let invalid = |reason| Sample::invalid(reason, tick.now, node);
    match value {
        None => invalid(Reason::Missing),
        Some(value) if value.is_nan() => invalid(Reason::NotANumber),
        Some(value) if value.is_infinite() => invalid(Reason::Infinite),
        _ if tick.gap => invalid(Reason::Gap),
        // A zero measured has no side: `+ 0.0` takes its sign away.
        Some(value) => Sample::known(value + 0.0, tick.now, node),
    }
}

fn stepped(step: Step, tick: &Tick, operand: Sample, kept: &mut Option<Sample>, node: NodeId) -> Sample {
    let outset = match step {
        Step::Previous | Step::Fall => f64::INFINITY,
        Step::StrongPrevious | Step::Rise => f64::NEG_INFINITY,
    };
    let nothing = Sample { value: outset, at: tick.now, node, status: Status::Unknown };
    let before = match kept.replace(operand) {
        Some(_) if tick.gap => Sample::invalid(Reason::Gap, tick.now, node),
        Some(before) => before,
        None => nothing,
    };
    match step {
        Step::Previous | Step::StrongPrevious => before,
        Step::Rise => binary(Binary::And, before.negated(), operand, tick.now, node),
        Step::Fall => binary(Binary::And, before, operand.negated(), tick.now, node),
    }
}

/// The least of the whole past: once something in it cannot be judged, it never can.
fn ever(tick: &Tick, operand: Sample, least: &mut Sample) -> Sample {
    if least.is_invalid() {
        return *least;
    }
    if tick.gap {
        *least = Sample::invalid(Reason::Gap, tick.now, operand.node);
        return *least;
    }
    if operand.is_invalid() {
        *least = operand;
        return operand;
    }
    if !operand.value.is_nan() {
        *least = operand.with(Status::Known).lesser(*least);
    }
    least.with(operand.status).unknown_if_infinite()
}

fn since_ever(tick: &Tick, left: Sample, right: Sample, before: &mut Sample, node: NodeId) -> Sample {
    if before.is_invalid() {
        return *before;
    }
    if tick.gap {
        *before = Sample::invalid(Reason::Gap, tick.now, node);
        return *before;
    }
    let present = binary(Binary::And, left, right, tick.now, node);
    if present.is_invalid() {
        *before = present;
        return present;
    }
    let held = if left.value.is_nan() { *before } else { before.lesser(left) };
    let greater = if right.value.is_nan() { held } else { right.negated().lesser(held.negated()).negated() };
    *before = greater.with(Status::Known);
    before.with(present.status).unknown_if_infinite()
}
