//! The semantics, written down as plainly as possible: every value from the whole past, in quadratic time and more.

use crate::formula::{Binary, Expression, Extremum, Formula, NodeId, Step, Unary};

/// What a subformula is worth at a sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Naive {
    Known(f64),
    Unknown(f64),
    Invalid,
}

/// A trace without late samples.
#[derive(Clone, Debug)]
pub(crate) struct Trace {
    pub times: Vec<i64>,
    pub rows: Vec<Vec<Option<f64>>>,
    pub max_gap: i64,
}

impl Trace {
    fn gap_before(&self, i: usize) -> bool {
        i > 0 && self.times[i] - self.times[i - 1] > self.max_gap
    }

    /// Whether a stretch, both ends included, overlaps a hole: from after the last sample to the one that ends it.
    fn holed(&self, start: i64, end: i64) -> bool {
        (1..self.times.len()).any(|i| self.gap_before(i) && self.times[i] >= start && self.times[i - 1] < end)
    }
}

/// Between two samples in a row that are bad nothing is known either.
fn bad_between(of: &[Naive], trace: &Trace, i: usize, start: i64, end: i64) -> bool {
    let both = |k: usize| of[k - 1] == Naive::Invalid && of[k] == Naive::Invalid;
    (1..=i).any(|k| both(k) && trace.times[k] >= start && trace.times[k - 1] <= end)
}

/// Values of all nodes at all samples.
pub(crate) fn evaluate(formula: &Formula, trace: &Trace) -> Vec<Vec<Naive>> {
    let mut all: Vec<Vec<Naive>> = vec![];
    for (node, horizon) in formula.nodes.iter().zip(formula.horizons()) {
        let horizon = horizon.time.nanos();
        let values = (0..trace.times.len()).map(|i| at(node.expression, horizon, &all, trace, i)).collect();
        all.push(values);
    }
    all
}

fn at(expression: Expression, horizon: i64, all: &[Vec<Naive>], trace: &Trace, i: usize) -> Naive {
    let long = trace.times[i] - trace.times[0] >= horizon;
    let of = |id: NodeId| &all[usize::from(id.0)];
    match expression {
        Expression::Constant(value) => Naive::Known(value),
        Expression::Signal(s) => match trace.rows[i].get(s).copied().flatten() {
            Some(value) if value.is_finite() && !trace.gap_before(i) => Naive::Known(value + 0.0),
            _ => Naive::Invalid,
        },
        Expression::Unary(operator, a) => map(&[of(a)[i]], |v| unary(operator, v[0])),
        Expression::Binary(operator, a, b) => map(&[of(a)[i], of(b)[i]], |v| binary(operator, v[0], v[1])),
        Expression::Step(step, a) => stepped(step, of(a), trace, i),
        Expression::Over(extremum, interval, a) => {
            let (start, end) = stretch(interval.map(|n| (n.from.nanos(), n.to.nanos())), trace, i);
            let inside = samples(trace, i, start, end);
            let values: Vec<Naive> = inside.iter().map(|j| of(a)[*j]).collect();
            let value = |v: &[f64]| v.iter().copied().fold(f64::INFINITY, least);
            let negate = |v: &[f64]| -value(&v.iter().map(|x| -x).collect::<Vec<_>>());
            let result = match extremum {
                Extremum::Least => over(&values, value),
                Extremum::Greatest => over(&values, negate),
            };
            let warm = long && (0..=i).all(|k| trace.times[k] < start || !is_unknown(of(a)[k]));
            let present = interval.is_none().then(|| of(a)[i]);
            if bad_between(of(a), trace, i, start, end) {
                return Naive::Invalid;
            }
            settle(result, present, trace, inside.is_empty(), warm, start, end)
        }
        Expression::Since(interval, a, b) => {
            let (start, end) = stretch(interval.map(|n| (n.from.nanos(), n.to.nanos())), trace, i);
            let inside = samples(trace, i, start, end);
            since(of(a), of(b), trace, i, &inside, interval.is_none(), long, start, end)
        }
    }
}

fn least(a: f64, b: f64) -> f64 {
    if b.total_cmp(&a).is_lt() { b } else { a }
}

fn stretch(interval: Option<(i64, i64)>, trace: &Trace, i: usize) -> (i64, i64) {
    match interval {
        Some((from, to)) => (trace.times[i] - to, trace.times[i] - from),
        None => (trace.times[0], trace.times[i]),
    }
}

fn samples(trace: &Trace, i: usize, start: i64, end: i64) -> Vec<usize> {
    (0..=i).filter(|j| (start..=end).contains(&trace.times[*j])).collect()
}

/// Invalid dominates, then unknown; values that are not numbers (before warming up) are left out.
fn over(values: &[Naive], f: impl Fn(&[f64]) -> f64) -> Naive {
    let numbers: Vec<f64> = values.iter().map(|v| v.number()).filter(|v| !v.is_nan()).collect();
    let result = f(&numbers);
    if values.contains(&Naive::Invalid) {
        Naive::Invalid
    } else if values.iter().any(|v| matches!(v, Naive::Unknown(_))) {
        Naive::Unknown(result)
    } else {
        Naive::Known(result)
    }
}

impl Naive {
    fn number(self) -> f64 {
        match self {
            Self::Known(v) | Self::Unknown(v) => v,
            Self::Invalid => f64::NAN,
        }
    }
}

/// `present` for an operator over the whole past: it is as warmed up as its operand is now.
fn settle(
    result: Naive,
    present: Option<Naive>,
    trace: &Trace,
    empty: bool,
    warm: bool,
    start: i64,
    end: i64,
) -> Naive {
    if result == Naive::Invalid || trace.holed(start, end) {
        return Naive::Invalid;
    }
    let value = result.number();
    match present {
        Some(Naive::Known(_)) if value.is_finite() => Naive::Known(value),
        Some(_) => Naive::Unknown(value),
        None if !warm => Naive::Unknown(value),
        None if empty => Naive::Invalid,
        None => result,
    }
}

#[allow(clippy::too_many_arguments)]
fn since(
    left: &[Naive],
    right: &[Naive],
    trace: &Trace,
    i: usize,
    inside: &[usize],
    ever: bool,
    long: bool,
    start: i64,
    end: i64,
) -> Naive {
    let after = |j: usize| (j + 1..=i).map(|k| left[k]);
    let mut best = f64::NEG_INFINITY;
    for j in inside.iter().filter(|j| !right[**j].number().is_nan()) {
        let numbers = after(*j).map(Naive::number).chain([right[*j].number()]).filter(|v| !v.is_nan());
        best = -least(-best, -numbers.fold(f64::INFINITY, least));
    }
    // Not that of the earliest witness itself, strictly; but whoever reads "within the interval" expects it to count.
    let of_left: Vec<Naive> = (0..=i).filter(|k| trace.times[*k] >= start).map(|k| left[k]).collect();
    let of_right: Vec<Naive> = inside.iter().map(|j| right[*j]).collect();
    let both: Vec<Naive> = of_left.iter().chain(&of_right).copied().collect();
    let result = over(&both, |_| best);
    let warm =
        long && (0..=i).all(|k| trace.times[k] < start || !is_unknown(left[k]) && !is_unknown(right[k]));
    let present = ever.then(|| over(&[left[i], right[i]], |_| 0.0));
    match settle(result, present, trace, inside.is_empty(), warm, start, trace.times[i]) {
        _ if trace.holed(start, end) || bad_between(right, trace, i, start, end) => Naive::Invalid,
        settled => settled,
    }
}

fn is_unknown(value: Naive) -> bool {
    matches!(value, Naive::Unknown(_))
}

fn stepped(step: Step, of: &[Naive], trace: &Trace, i: usize) -> Naive {
    let outset = if matches!(step, Step::Previous | Step::Fall) { f64::INFINITY } else { f64::NEG_INFINITY };
    let before = match i.checked_sub(1) {
        _ if trace.gap_before(i) => Naive::Invalid,
        Some(j) => of[j],
        None => Naive::Unknown(outset),
    };
    match step {
        Step::Previous | Step::StrongPrevious => before,
        Step::Rise => map(&[before, of[i]], |v| least(-v[0], v[1])),
        Step::Fall => map(&[before, of[i]], |v| least(v[0], -v[1])),
    }
}

fn map(operands: &[Naive], f: impl Fn(&[f64]) -> f64) -> Naive {
    let numbers: Vec<f64> = operands.iter().map(|v| v.number()).collect();
    if operands.contains(&Naive::Invalid) {
        Naive::Invalid
    } else if operands.iter().any(|v| is_unknown(*v)) {
        Naive::Unknown(f(&numbers))
    } else {
        let value = f(&numbers);
        if value.is_finite() { Naive::Known(value) } else { Naive::Invalid }
    }
}

fn unary(operator: Unary, a: f64) -> f64 {
    match operator {
        Unary::Negate => -a,
        Unary::Abs => a.abs(),
        Unary::Sqrt => a.sqrt(),
        Unary::Exp => libm::exp(a),
    }
}

#[allow(clippy::float_cmp, reason = "on the limit means exactly on it")]
fn binary(operator: Binary, l: f64, r: f64) -> f64 {
    // The distance, with the sign of the truth where it is zero.
    let signed = |distance: f64, holds: bool| {
        if distance == 0.0 { if holds { 0.0 } else { -0.0 } } else { distance }
    };
    let between = if l == r { 0.0 } else { (l - r).abs() };
    let difference = if l == r { 0.0 } else { r - l };
    match operator {
        Binary::And => least(l, r),
        Binary::Or => -least(-l, -r),
        Binary::Implies => -least(l, -r),
        Binary::Add => l + r,
        Binary::Subtract => l - r,
        Binary::Multiply => l * r,
        Binary::Divide => l / r,
        Binary::Power => libm::pow(l, r),
        Binary::Less => signed(difference, l < r),
        Binary::LessOrEqual => signed(difference, l <= r),
        Binary::Greater => signed(-difference, l > r),
        Binary::GreaterOrEqual => signed(-difference, l >= r),
        Binary::Equal => signed(-between, l == r),
        Binary::NotEqual => signed(between, l != r),
        Binary::Iff => signed(-between, l.is_sign_negative() == r.is_sign_negative()),
        Binary::Xor => signed(between, l.is_sign_negative() != r.is_sign_negative()),
    }
}
