//! Values of blackboard entries and scripts, and how they become each other: BehaviorTree.CPP's `BT::Any`.

use crate::error::{Fault, fault};
use crate::kind::{CustomKind, Kind};
use crate::status::Status;
use crate::text;
use std::any::Any as StdAny;
use std::collections::VecDeque;
use std::sync::Arc;

/// The largest integer that a double holds with all its neighbours.
pub(crate) const EXACT: u64 = (1 << 53) - 1;

/// What an integer was when it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntKind {
    /// True or false.
    Bool,
    /// 32 bits with a sign.
    Int,
    /// 32 bits without a sign.
    Unsigned,
    /// 16 bits without a sign.
    UInt16,
    /// 64 bits with a sign.
    Int64,
    /// A node's status.
    Status,
}

/// A value of a type of the nodes'.
pub trait Custom: StdAny + std::fmt::Debug + Send + Sync {
    /// Its type.
    fn kind(&self) -> &'static CustomKind;
    /// For getting at the inside.
    fn as_any(&self) -> &dyn StdAny;
}

/// A value.
#[derive(Clone, Debug, Default)]
pub enum Value {
    /// Nothing yet.
    #[default]
    Empty,
    /// An integer of up to 64 bits with a sign, and what it was written as.
    Int(i64, IntKind),
    /// 64 bits without a sign.
    UInt(u64),
    /// A real number.
    Real(f64),
    /// Text. Copies share it.
    Text(Arc<str>),
    /// Values to be taken one after the other.
    Queue(VecDeque<Value>),
    /// Something of the nodes'. Copies share it.
    Other(Arc<dyn Custom>),
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Int(i64::from(value), IntKind::Bool)
    }
}

impl From<i32> for Value {
    fn from(value: i32) -> Self {
        Self::Int(i64::from(value), IntKind::Int)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value, IntKind::Int64)
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Int(i64::from(value), IntKind::Unsigned)
    }
}

impl From<u16> for Value {
    fn from(value: u16) -> Self {
        Self::Int(i64::from(value), IntKind::UInt16)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Real(value)
    }
}

impl From<Status> for Value {
    fn from(value: Status) -> Self {
        Self::Int(value as i64, IntKind::Status)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::text(value)
    }
}

impl Value {
    /// Text.
    pub fn text(value: &str) -> Self {
        Self::Text(Arc::from(value))
    }

    /// Something of the nodes'.
    pub fn other(value: impl Custom) -> Self {
        Self::Other(Arc::new(value))
    }

    /// Nothing yet.
    pub const fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }

    /// An integer or a real number.
    pub const fn is_number(&self) -> bool {
        matches!(self, Self::Int(..) | Self::UInt(_) | Self::Real(_))
    }

    /// Text.
    pub const fn is_text(&self) -> bool {
        matches!(self, Self::Text(_))
    }

    /// The type that it was written as.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Empty => Kind::Untyped,
            Self::Int(_, IntKind::Bool) => Kind::Bool,
            Self::Int(_, IntKind::Int) => Kind::Int,
            Self::Int(_, IntKind::Unsigned) => Kind::Unsigned,
            Self::Int(_, IntKind::UInt16) => Kind::UInt16,
            Self::Int(_, IntKind::Int64) => Kind::Int64,
            Self::Int(_, IntKind::Status) => Kind::Status,
            Self::UInt(_) => Kind::UInt64,
            Self::Real(_) => Kind::Double,
            Self::Text(_) => Kind::Text,
            Self::Queue(_) => Kind::Queue(&Kind::Any),
            Self::Other(value) => Kind::Custom(value.kind()),
        }
    }

    #[cold]
    fn no(&self, to: &str) -> Fault {
        match self {
            Self::Empty => fault("the value is not set yet"),
            Self::Text(text) => fault(format!("`{text}` is no {to}")),
            other => fault(format!("no safe conversion from {} to {to}", other.kind().name())),
        }
    }

    /// As a real number. Text counts by the number that it begins with.
    ///
    /// # Errors
    /// When it is no number, or an integer that a double does not hold exactly.
    #[inline]
    pub fn as_f64(&self) -> Result<f64, Fault> {
        #[expect(clippy::cast_precision_loss, reason = "within what a double holds exactly")]
        match self {
            Self::Real(value) => Ok(*value),
            Self::Int(value, _) if value.unsigned_abs() <= EXACT => Ok(*value as f64),
            Self::UInt(value) if *value <= EXACT => Ok(*value as f64),
            Self::Text(value) => {
                text::real_prefix(value).map(|(value, _)| value).ok_or_else(|| self.no("number"))
            }
            _ => Err(self.no("double")),
        }
    }

    /// As an integer of 64 bits. Text counts by the integer that it begins with.
    ///
    /// # Errors
    /// When it is none, or does not fit.
    #[inline]
    pub fn as_i64(&self) -> Result<i64, Fault> {
        match self {
            Self::Int(value, _) => Ok(*value),
            Self::UInt(value) => i64::try_from(*value).map_err(|_| self.no("integer")),
            Self::Real(value) => whole(*value).ok_or_else(|| self.no("integer")),
            Self::Text(value) => text::integer_prefix(value).ok_or_else(|| self.no("integer")),
            _ => Err(self.no("integer")),
        }
    }

    /// As an integer of the range of another type.
    ///
    /// # Errors
    /// When it is none, or out of range.
    pub fn as_number<T: TryFrom<i64>>(&self) -> Result<T, Fault> {
        T::try_from(self.as_i64()?).map_err(|_| fault("the number is out of the range of its type"))
    }

    /// As a truth value: of integers only 0 and 1, of real numbers none below zero, and no text.
    ///
    /// # Errors
    /// When it is none.
    #[inline]
    pub fn as_bool(&self) -> Result<bool, Fault> {
        match self {
            Self::Int(0, _) | Self::UInt(0) => Ok(false),
            Self::Int(1, _) | Self::UInt(1) => Ok(true),
            Self::Real(value) if *value < 0.0 => {
                Err(fault("a number below zero can not be converted to a truth value"))
            }
            Self::Real(value) => Ok(*value != 0.0),
            _ => Err(self.no("truth value")),
        }
    }

    /// As text.
    ///
    /// # Errors
    /// When it is neither text nor a number.
    pub fn as_text(&self) -> Result<Arc<str>, Fault> {
        match self {
            Self::Text(value) => Ok(Arc::clone(value)),
            Self::Int(value, _) => Ok(Arc::from(value.to_string().as_str())),
            Self::UInt(value) => Ok(Arc::from(value.to_string().as_str())),
            Self::Real(value) => Ok(Arc::from(text::from_real(*value).as_str())),
            _ => Err(self.no("text")),
        }
    }

    /// As a status: by name or by number.
    ///
    /// # Errors
    /// When it is none.
    pub fn as_status(&self) -> Result<Status, Fault> {
        let status = match self {
            Self::Text(name) => Status::from_name(name),
            other => Status::from_number(other.as_i64()?),
        };
        status.ok_or_else(|| self.no("status"))
    }

    /// The inside of a value of the nodes'.
    pub fn custom<T: 'static>(&self) -> Option<&T> {
        match self {
            Self::Other(value) => value.as_any().downcast_ref(),
            _ => None,
        }
    }

    /// Writes it over another value, which keeps its type (BehaviorTree.CPP's `copyInto`).
    ///
    /// # Errors
    /// When the value does not fit the type.
    #[inline]
    pub(crate) fn copy_into(self, target: &mut Self) -> Result<(), Fault> {
        match (&*target, &self) {
            (Self::Empty, _) => *target = self,
            (Self::Int(_, kind), _) if self.is_number() => *target = Self::Int(self.as_i64()?, *kind),
            (Self::UInt(_), _) if self.is_number() => {
                let value = match self {
                    Self::UInt(value) => value,
                    ref other => u64::try_from(other.as_i64()?)
                        .map_err(|_| fault("a number below zero in an entry without a sign"))?,
                };
                *target = Self::UInt(value);
            }
            (Self::Real(_), _) if self.is_number() => *target = Self::Real(self.as_f64()?),
            (Self::Text(_), Self::Text(_)) | (Self::Queue(_), Self::Queue(_)) => *target = self,
            (Self::Other(old), Self::Other(new)) if old.kind().name == new.kind().name => *target = self,
            (old, new) => {
                let (from, to) = (new.kind().name(), old.kind().name());
                return Err(fault(format!("a value of type {from} can not be written to one of type {to}")));
            }
        }
        Ok(())
    }
}

/// The integer of 64 bits that a real number is, if it is one.
#[inline]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::float_cmp,
    reason = "there and back is the question; without a call to a library, as `fract` makes one"
)]
pub(crate) fn whole(value: f64) -> Option<i64> {
    let integer = value as i64;
    // The greatest integer is no double: only what is beyond it becomes it.
    (integer as f64 == value && integer != i64::MAX).then_some(integer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truth_is_zero_or_one_of_integers_and_not_below_zero_of_reals() {
        assert_eq!(Value::from(1).as_bool(), Ok(true));
        assert!(Value::from(2).as_bool().is_err());
        assert!(Value::from(-1).as_bool().is_err());
        assert_eq!(Value::from(0.25).as_bool(), Ok(true));
        assert!(Value::from(-0.25).as_bool().is_err());
        assert!(Value::from("true").as_bool().is_err());
        assert!(Value::Empty.as_bool().is_err());
    }

    #[test]
    fn an_entry_keeps_its_type() {
        let mut entry = Value::from(3_i64);
        assert_eq!(Value::Real(4.0).copy_into(&mut entry), Ok(()));
        assert!(matches!(entry, Value::Int(4, IntKind::Int64)));
        assert!(Value::Real(4.5).copy_into(&mut entry).is_err());
        assert!(Value::text("4").copy_into(&mut entry).is_err());
        let mut entry = Value::Real(1.0);
        assert_eq!(Value::from(7).copy_into(&mut entry), Ok(()));
        assert!(matches!(entry, Value::Real(7.0)));
    }

    #[test]
    fn a_large_integer_does_not_lose_digits_silently() {
        assert_eq!(Value::from((1_i64 << 53) - 1).as_f64(), Ok(9_007_199_254_740_991.0));
        assert!(Value::from(1_i64 << 53).as_f64().is_err());
        assert!(Value::Real(9.3e18).as_i64().is_err());
    }
}
