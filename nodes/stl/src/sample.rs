//! One value of one subformula, and whether it may be believed.

use crate::formula::{Binary, NodeId, Unary};

/// Why a value cannot be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A signal is not a number.
    NotANumber,
    /// A signal is infinite.
    Infinite,
    /// A signal has no value.
    Missing,
    /// Longer without a sample than declared.
    Gap,
    /// A sample that is not later than the one before; it is left out.
    TimeNotIncreasing,
    /// More samples within a window than were declared; this one is left out.
    BufferFull,
    /// No sample lies in the window.
    NoSample,
    /// Arithmetic without a finite result: division by zero, root of a negative number, overflow.
    Arithmetic,
}

impl Reason {
    /// In words, as the command line and the records have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotANumber => "not a number",
            Self::Infinite => "infinite",
            Self::Missing => "missing sample",
            Self::Gap => "gap longer than declared",
            Self::TimeNotIncreasing => "time not increasing",
            Self::BufferFull => "buffer full",
            Self::NoSample => "no sample in the window",
            Self::Arithmetic => "arithmetic without a finite result",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Known,
    /// Not warmed up.
    Unknown,
    Invalid(Reason),
}

/// A robustness or a number as an integer of the same order.
///
/// Truth is the sign bit, so that it is exact on the limit: `x < 1` at 1 is `-0.0`, false, and its negation `0.0`, true.
/// The order is that of `f64::total_cmp`, where `-0.0` lies below `0.0`; the key of the negated number is the inverted key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key(i64);

impl Key {
    pub const fn of(value: f64) -> Self {
        let bits = value.to_bits() as i64;
        Self(bits ^ (((bits >> 63) as u64) >> 1) as i64)
    }

    pub const fn value(self) -> f64 {
        f64::from_bits((self.0 ^ (((self.0 >> 63) as u64) >> 1) as i64) as u64)
    }

    pub const fn negated(self) -> Self {
        Self(!self.0)
    }
}

/// What a subformula is worth, with the node and the time that decided it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sample {
    pub key: Key,
    /// Nanoseconds.
    pub at: i64,
    pub node: NodeId,
    pub status: Status,
}

impl Sample {
    pub const fn known(value: f64, at: i64, node: NodeId) -> Self {
        Self { key: Key::of(value), at, node, status: Status::Known }
    }

    pub const fn invalid(reason: Reason, at: i64, node: NodeId) -> Self {
        Self { key: Key::of(f64::NAN), at, node, status: Status::Invalid(reason) }
    }

    pub const fn is_invalid(&self) -> bool {
        matches!(self.status, Status::Invalid(_))
    }

    pub const fn value(&self) -> f64 {
        self.key.value()
    }

    /// Negation keeps what decided.
    pub const fn negated(self) -> Self {
        Self { key: self.key.negated(), ..self }
    }

    pub const fn with(self, status: Status) -> Self {
        Self { status, ..self }
    }

    /// The lesser; of equals this one.
    pub fn lesser(self, other: Self) -> Self {
        if other.key < self.key { other } else { self }
    }

    /// The greater; of equals this one.
    pub fn greater(self, other: Self) -> Self {
        if other.key > self.key { other } else { self }
    }

    /// An unbounded operator that has met nothing finite says nothing yet.
    pub fn unknown_if_infinite(self) -> Self {
        if self.status == Status::Known && self.value().is_infinite() {
            self.with(Status::Unknown)
        } else {
            self
        }
    }

    /// What is computed from known values is finite, or it cannot be judged. Before warming up there are infinities in
    /// the values: that is no fault of the data.
    fn computed(value: f64, at: i64, node: NodeId, status: Status) -> Self {
        if status == Status::Known && !value.is_finite() {
            return Self::invalid(Reason::Arithmetic, at, node);
        }
        Self { key: Key::of(value), at, node, status }
    }
}

/// A function of one value, computed at `at` by `node`.
pub(crate) fn unary(operator: Unary, a: Sample, at: i64, node: NodeId) -> Sample {
    if a.is_invalid() {
        return a;
    }
    let of = |value| Sample::computed(value, at, node, a.status);
    match operator {
        Unary::Negate => a.negated(),
        Unary::Abs => of(a.value().abs()),
        Unary::Sqrt => of(a.value().sqrt()),
        Unary::Exp => of(libm::exp(a.value())),
    }
}

/// A function of two values, computed at `at` by `node`: invalid when one is, then unknown when one is.
#[inline]
pub(crate) fn binary(operator: Binary, a: Sample, b: Sample, at: i64, node: NodeId) -> Sample {
    match (operator, a.status, b.status) {
        (Binary::And, Status::Known, Status::Known) => a.lesser(b),
        (Binary::Or, Status::Known, Status::Known) => a.greater(b),
        (Binary::Implies, Status::Known, Status::Known) => a.negated().greater(b),
        _ => binary_in_full(operator, a, b, at, node),
    }
}

#[inline(never)]
fn binary_in_full(operator: Binary, a: Sample, b: Sample, at: i64, node: NodeId) -> Sample {
    let status = match (a.status, b.status) {
        (Status::Known, Status::Known) => Status::Known,
        (Status::Invalid(_), _) => return a,
        (_, Status::Invalid(_)) => return b,
        _ => Status::Unknown,
    };
    match operator {
        Binary::And => a.lesser(b).with(status),
        Binary::Or => a.greater(b).with(status),
        Binary::Implies => a.negated().greater(b).with(status),
        _ => Sample::computed(number(operator, a.value(), b.value()), at, node, status),
    }
}

/// A comparison, or arithmetic, of two numbers.
#[allow(
    clippy::float_cmp,
    reason = "on the limit means exactly on it; infinities of the warm-up are equal too"
)]
fn number(operator: Binary, l: f64, r: f64) -> f64 {
    // Equal operands are on the limit: the sign of the zero says on which side of it.
    match operator {
        Binary::Less if l == r => -0.0,
        Binary::LessOrEqual if l == r => 0.0,
        Binary::Greater if l == r => -0.0,
        Binary::GreaterOrEqual if l == r => 0.0,
        Binary::Less | Binary::LessOrEqual => r - l,
        Binary::Greater | Binary::GreaterOrEqual => l - r,
        Binary::Equal => {
            if l == r {
                0.0
            } else {
                -(l - r).abs()
            }
        }
        Binary::NotEqual => {
            if l == r {
                -0.0
            } else {
                (l - r).abs()
            }
        }
        // RTAMT's definitions, with one thing added: on the limit the truth of the operands decides.
        Binary::Iff => {
            if Key::of(l) == Key::of(r) {
                0.0
            } else {
                -(l - r).abs()
            }
        }
        Binary::Xor => {
            if Key::of(l) == Key::of(r) {
                -0.0
            } else {
                (l - r).abs()
            }
        }
        Binary::Add => l + r,
        Binary::Subtract => l - r,
        Binary::Multiply => l * r,
        Binary::Divide => l / r,
        Binary::Power => libm::pow(l, r),
        // Of truths, not of numbers: `binary` has them.
        Binary::And | Binary::Or | Binary::Implies => f64::NAN,
    }
}

/// A signal against a constant: the comparison that most formulas begin with, and most updates consist of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Threshold {
    limit: f64,
    above: bool,
    /// What it is worth on the limit: a zero with the sign of the truth.
    on_limit: Key,
}

impl Threshold {
    /// `None` for what is no inequality.
    pub const fn new(operator: Binary, limit: f64) -> Option<Self> {
        let (above, strict) = match operator {
            Binary::Less => (false, true),
            Binary::LessOrEqual => (false, false),
            Binary::Greater => (true, true),
            Binary::GreaterOrEqual => (true, false),
            _ => return None,
        };
        Some(Self { limit, above, on_limit: Key::of(if strict { -0.0 } else { 0.0 }) })
    }

    /// Distance from the limit; `None` when it is not finite.
    #[inline]
    pub fn key(&self, value: f64) -> Option<Key> {
        let below = self.limit - value;
        if !below.is_finite() {
            return None;
        }
        if below == 0.0 {
            return Some(self.on_limit);
        }
        let key = Key::of(below);
        Some(if self.above { key.negated() } else { key })
    }
}
