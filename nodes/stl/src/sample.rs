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

/// A robustness or a number, with the node and the time that decided it.
///
/// Truth is the sign bit, so that it is exact on the limit: `x < 1` at 1 is `-0.0`, false, and its negation `0.0`, true.
/// Comparisons between values therefore follow `total_cmp`, where `-0.0` lies below `0.0`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sample {
    pub value: f64,
    /// Nanoseconds.
    pub at: i64,
    pub node: NodeId,
    pub status: Status,
}

impl Sample {
    pub const fn known(value: f64, at: i64, node: NodeId) -> Self {
        Self { value, at, node, status: Status::Known }
    }

    pub const fn invalid(reason: Reason, at: i64, node: NodeId) -> Self {
        Self { value: f64::NAN, at, node, status: Status::Invalid(reason) }
    }

    pub const fn is_invalid(&self) -> bool {
        matches!(self.status, Status::Invalid(_))
    }

    /// Negation keeps what decided.
    pub fn negated(self) -> Self {
        Self { value: -self.value, ..self }
    }

    pub fn with(self, status: Status) -> Self {
        Self { status, ..self }
    }

    pub fn is_below(&self, other: &Self) -> bool {
        self.value.total_cmp(&other.value).is_lt()
    }

    /// The lesser; of equals this one.
    pub fn lesser(self, other: Self) -> Self {
        if other.is_below(&self) { other } else { self }
    }

    /// An unbounded operator that has met nothing finite says nothing yet.
    pub fn unknown_if_infinite(self) -> Self {
        if self.status == Status::Known && self.value.is_infinite() {
            self.with(Status::Unknown)
        } else {
            self
        }
    }

    /// What is computed from known values is finite, or it cannot be judged. Before warming up there are infinities in
    /// the values: that is no fault of the data.
    fn finite(self) -> Self {
        if self.status == Status::Known && !self.value.is_finite() {
            return Self::invalid(Reason::Arithmetic, self.at, self.node);
        }
        self
    }
}

/// A function of one value, computed at `at` by `node`.
pub(crate) fn unary(operator: Unary, a: Sample, at: i64, node: NodeId) -> Sample {
    if a.is_invalid() {
        return a;
    }
    let of = |value| Sample { value, at, node, status: a.status }.finite();
    match operator {
        Unary::Negate => a.negated(),
        Unary::Abs => of(a.value.abs()),
        Unary::Sqrt => of(a.value.sqrt()),
        Unary::Exp => of(libm::exp(a.value)),
    }
}

/// A function of two values, computed at `at` by `node`: invalid when one is, then unknown when one is.
pub(crate) fn binary(operator: Binary, a: Sample, b: Sample, at: i64, node: NodeId) -> Sample {
    let status = match (a.status, b.status) {
        (Status::Invalid(_), _) => return a,
        (_, Status::Invalid(_)) => return b,
        (Status::Known, Status::Known) => Status::Known,
        _ => Status::Unknown,
    };
    let (l, r) = (a.value, b.value);
    let of = |value| Sample { value, at, node, status }.finite();
    match operator {
        Binary::And => a.lesser(b).with(status),
        Binary::Or => a.negated().lesser(b.negated()).negated().with(status),
        Binary::Implies => a.lesser(b.negated()).negated().with(status),
        Binary::Add => of(l + r),
        Binary::Subtract => of(l - r),
        Binary::Multiply => of(l * r),
        Binary::Divide => of(l / r),
        Binary::Power => of(libm::pow(l, r)),
        // Equal operands are on the limit: the sign of the zero says on which side of it.
        Binary::Less => of(if equal(l, r) { -0.0 } else { r - l }),
        Binary::LessOrEqual => of(if equal(l, r) { 0.0 } else { r - l }),
        Binary::Greater => of(if equal(l, r) { -0.0 } else { l - r }),
        Binary::GreaterOrEqual => of(if equal(l, r) { 0.0 } else { l - r }),
        Binary::Equal => of(if equal(l, r) { 0.0 } else { -(l - r).abs() }),
        Binary::NotEqual => of(if equal(l, r) { -0.0 } else { (l - r).abs() }),
        // RTAMT's definitions, with one thing added: on the limit the truth of the operands decides.
        Binary::Iff => of(if l.total_cmp(&r).is_eq() { 0.0 } else { -(l - r).abs() }),
        Binary::Xor => of(if l.total_cmp(&r).is_eq() { -0.0 } else { (l - r).abs() }),
    }
}

#[allow(
    clippy::float_cmp,
    reason = "on the limit means exactly on it; infinities of the warm-up are equal too"
)]
fn equal(l: f64, r: f64) -> bool {
    l == r
}
