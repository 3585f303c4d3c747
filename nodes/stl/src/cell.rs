//! Operators in flat form: where each takes its operands from, and what it remembers.

use crate::formula::{Binary, Expression, Extremum, Formula, Horizon, NodeId, Step, Unary};
use crate::monitor::Limits;
use crate::sample::{Reason, Sample, Status, Threshold, binary, unary};
use crate::window::{Capacity, SinceWindow, Tick, Window};

/// An update: the moment, the signals, and what has been computed so far.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub tick: &'a Tick,
    pub values: &'a [Option<f64>],
    /// By node. Constants stand there from the beginning.
    pub registers: &'a [Sample],
}

/// A cell with the node that it computes.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    pub node: NodeId,
    pub cell: Cell,
}

/// Where an operand comes from. A comparison of a signal with a constant, which most formulas consist of, is computed
/// where it is needed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Operand {
    Register(NodeId),
    Threshold(Comparison),
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Comparison {
    threshold: Threshold,
    /// Of the signal among the values.
    index: usize,
    /// Which names the signal.
    signal: NodeId,
    node: NodeId,
}

/// One operator.
#[derive(Clone, Debug)]
pub(crate) enum Cell {
    /// By its place among the values.
    Signal(usize),
    /// The comparison that is the whole formula.
    Take(Operand),
    Unary(Unary, Operand),
    Binary(Binary, Operand, Operand),
    Step(Step, Operand, Option<Sample>),
    /// Over the whole past.
    Ever(Extremum, Operand, Sample),
    Within(Extremum, Operand, Box<Window>),
    SinceEver(Operand, Operand, Sample),
    SinceWithin(Operand, Operand, Box<SinceWindow>),
}

/// Memory that an operator's window takes.
pub(crate) fn need(expression: Expression, limits: &Limits) -> usize {
    let capacity = |interval| Capacity::of(interval, limits.period.nanos(), limits.samples_max);
    match expression {
        Expression::Over(_, Some(interval), _) => capacity(interval).bytes(false),
        Expression::Since(Some(interval), ..) => capacity(interval).bytes(true),
        _ => 0,
    }
}

/// The operators that the root rests on.
pub(crate) fn cells(formula: &Formula, limits: &Limits) -> Vec<Slot> {
    let horizons = formula.horizons();
    let mut needed = vec![false; formula.nodes.len()];
    let mut slots = vec![];
    for (i, node) in formula.nodes.iter().enumerate().rev() {
        let id = NodeId(i as u16);
        let is_root = id == formula.root;
        if !is_root && needed.get(i) != Some(&true) {
            continue;
        }
        let mut operand = |id: NodeId| {
            let operand = comparison(formula, id).map_or(Operand::Register(id), Operand::Threshold);
            if let (Operand::Register(_), Some(needed)) = (operand, needed.get_mut(id.place())) {
                *needed = true;
            }
            operand
        };
        let cell = match comparison(formula, id) {
            Some(comparison) => Some(Cell::Take(Operand::Threshold(comparison))),
            None => {
                let horizon = horizons.get(i).copied().unwrap_or_default();
                cell(node.expression, horizon, &mut operand, limits)
            }
        };
        slots.extend(cell.map(|cell| Slot { node: id, cell }));
    }
    slots.reverse();
    slots
}

/// The comparison of a signal with a constant, if that is what the node is.
fn comparison(formula: &Formula, node: NodeId) -> Option<Comparison> {
    let Expression::Binary(operator, a, b) = formula.node(node)?.expression else { return None };
    let (operator, signal, index, limit) = match (formula.node(a)?.expression, formula.node(b)?.expression) {
        (Expression::Signal(index), Expression::Constant(limit)) => (operator, a, index, limit),
        (Expression::Constant(limit), Expression::Signal(index)) => (operator.mirrored(), b, index, limit),
        _ => return None,
    };
    Some(Comparison { threshold: Threshold::new(operator, limit)?, index, signal, node })
}

/// `None` for a constant: its register says it all.
fn cell(
    expression: Expression,
    horizon: Horizon,
    operand: &mut impl FnMut(NodeId) -> Operand,
    limits: &Limits,
) -> Option<Cell> {
    let capacity = |interval| Capacity::of(interval, limits.period.nanos(), limits.samples_max);
    Some(match expression {
        Expression::Constant(_) => return None,
        Expression::Signal(index) => Cell::Signal(index),
        Expression::Unary(operator, a) => Cell::Unary(operator, operand(a)),
        Expression::Binary(operator, a, b) => Cell::Binary(operator, operand(a), operand(b)),
        Expression::Step(step, a) => Cell::Step(step, operand(a), None),
        Expression::Over(extremum, None, a) => Cell::Ever(extremum, operand(a), NOTHING_YET),
        Expression::Over(extremum, Some(interval), a) => {
            Cell::Within(extremum, operand(a), Box::new(Window::new(interval, horizon, &capacity(interval))))
        }
        Expression::Since(None, a, b) => Cell::SinceEver(operand(a), operand(b), NOTHING_YET.negated()),
        Expression::Since(Some(interval), a, b) => {
            let window = SinceWindow::new(interval, horizon, &capacity(interval));
            Cell::SinceWithin(operand(a), operand(b), Box::new(window))
        }
    })
}

/// Every node has a register: this is never read.
pub(crate) const NO_REGISTER: Sample = Sample::invalid(Reason::NoSample, 0, NodeId(0));

/// The least of nothing.
const NOTHING_YET: Sample = Sample::known(f64::INFINITY, 0, NodeId(0));

impl Operand {
    #[inline]
    fn sample(&self, context: &Context<'_>) -> Sample {
        match self {
            Self::Register(node) => context.registers.get(node.place()).copied().unwrap_or(NO_REGISTER),
            Self::Threshold(comparison) => comparison.sample(context),
        }
    }
}

impl Comparison {
    #[inline]
    fn sample(&self, context: &Context<'_>) -> Sample {
        let tick = context.tick;
        if let Some(Some(value)) = context.values.get(self.index)
            && !tick.gap
            && let Some(key) = self.threshold.key(*value)
        {
            return Sample { key, at: tick.now, node: self.node, status: Status::Known };
        }
        self.doubtful(context)
    }

    /// A bad signal is its own cause; of a good one the distance was too great for a number.
    #[cold]
    fn doubtful(&self, context: &Context<'_>) -> Sample {
        let value = context.values.get(self.index).copied().flatten();
        let signal = signal(context.tick, value, self.signal);
        if signal.is_invalid() {
            return signal;
        }
        Sample::invalid(Reason::Arithmetic, context.tick.now, self.node)
    }
}

impl Extremum {
    /// Windows keep the least; the greatest is the negated least of the negated.
    #[inline]
    fn turned(self, sample: Sample) -> Sample {
        match self {
            Self::Least => sample,
            Self::Greatest => sample.negated(),
        }
    }
}

impl Cell {
    #[inline]
    pub fn update(&mut self, context: &Context<'_>, node: NodeId) -> Sample {
        let tick = context.tick;
        match self {
            Self::Signal(index) => signal(tick, context.values.get(*index).copied().flatten(), node),
            Self::Take(a) => a.sample(context),
            Self::Unary(operator, a) => unary(*operator, a.sample(context), tick.now, node),
            Self::Binary(operator, a, b) => {
                binary(*operator, a.sample(context), b.sample(context), tick.now, node)
            }
            Self::Step(step, a, before) => stepped(*step, tick, a.sample(context), before, node),
            Self::Ever(extremum, a, least) => {
                extremum.turned(ever(tick, extremum.turned(a.sample(context)), least))
            }
            Self::Within(extremum, a, window) => {
                extremum.turned(window.update(tick, extremum.turned(a.sample(context)), node))
            }
            Self::SinceEver(a, b, before) => {
                since_ever(tick, a.sample(context), b.sample(context), before, node)
            }
            Self::SinceWithin(a, b, window) => {
                window.update(tick, a.sample(context), b.sample(context), node)
            }
        }
    }

    /// A sample came that was not later than the last one.
    pub fn late(&mut self, last: i64, cause: Sample) {
        match self {
            Self::Step(_, _, before) if before.is_some() => *before = Some(cause),
            Self::Ever(_, _, kept) | Self::SinceEver(_, _, kept) => *kept = cause,
            Self::Within(_, _, window) => window.late(last, cause),
            Self::SinceWithin(_, _, window) => window.late(last, cause),
            _ => {}
        }
    }

    pub fn reset(&mut self) {
        match self {
            Self::Step(_, _, before) => *before = None,
            Self::Ever(_, _, least) => *least = NOTHING_YET,
            Self::SinceEver(_, _, greatest) => *greatest = NOTHING_YET.negated(),
            Self::Within(_, _, window) => window.reset(),
            Self::SinceWithin(_, _, window) => window.reset(),
            _ => {}
        }
    }

    pub fn byte_size(&self) -> usize {
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
    let nothing = Sample::known(outset, tick.now, node).with(Status::Unknown);
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
    if !operand.value().is_nan() {
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
    let held = if left.value().is_nan() { *before } else { before.lesser(left) };
    let greater = if right.value().is_nan() { held } else { right.greater(held) };
    *before = greater.with(Status::Known);
    before.with(present.status).unknown_if_infinite()
}
