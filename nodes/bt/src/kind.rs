//! The types that ports and blackboard entries have.

use crate::error::{Fault, fault};
use crate::status::Status;
use crate::text;
use crate::value::{IntKind, Value};
use std::collections::VecDeque;

/// A type that the engine does not know the inside of.
#[derive(Debug)]
pub struct CustomKind {
    /// Its name, as Groot2 shows it.
    pub name: &'static str,
    /// How it is made from text; `None` when it cannot be.
    pub parse: Option<fn(&str) -> Option<Value>>,
}

/// The type of a port or of a blackboard entry.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Anything, until something is written (`AnyTypeAllowed`).
    Untyped,
    /// Anything, always (`BT::Any`).
    Any,
    /// True or false.
    Bool,
    /// 32 bits with a sign.
    Int,
    /// 32 bits without a sign.
    Unsigned,
    /// 64 bits with a sign.
    Int64,
    /// 16 bits without a sign: error codes of Nav2.
    UInt16,
    /// 64 bits without a sign.
    UInt64,
    /// A real number.
    Double,
    /// Text.
    Text,
    /// A node's status.
    Status,
    /// Values to be taken one after the other, each of the type named.
    Queue(&'static Kind),
    /// A type of the nodes'.
    Custom(&'static CustomKind),
}

impl PartialEq for Kind {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Custom(a), Self::Custom(b)) => a.name == b.name,
            (Self::Queue(a), Self::Queue(b)) => a == b,
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }
}

impl Kind {
    /// Values of other types are refused.
    pub const fn is_strong(self) -> bool {
        !matches!(self, Self::Untyped | Self::Any)
    }

    /// The C++ name, which Groot2 knows.
    pub fn name(self) -> String {
        match self {
            Self::Untyped => "AnyTypeAllowed".to_owned(),
            Self::Any => "BT::Any".to_owned(),
            Self::Bool => "bool".to_owned(),
            Self::Int => "int".to_owned(),
            Self::Unsigned => "unsigned int".to_owned(),
            Self::Int64 => "int64_t".to_owned(),
            Self::UInt16 => "unsigned short".to_owned(),
            Self::UInt64 => "uint64_t".to_owned(),
            Self::Double => "double".to_owned(),
            Self::Text => "std::string".to_owned(),
            Self::Status => "BT::NodeStatus".to_owned(),
            Self::Queue(of) => format!("std::shared_ptr<std::deque<{}>>", of.name()),
            Self::Custom(custom) => custom.name.to_owned(),
        }
    }

    /// Text can be tried as this type when the file is read.
    pub const fn has_converter(self) -> bool {
        // In BehaviorTree.CPP an enumeration such as the status has none.
        !matches!(self, Self::Untyped | Self::Status)
    }

    /// A value of this type from text, as ports are read.
    ///
    /// # Errors
    /// When the text is none.
    pub fn parse(self, from: &str) -> Result<Value, Fault> {
        let integer = |least: i64, most: i64, kind: IntKind| {
            let value = text::integer_prefix(from).filter(|value| (least..=most).contains(value));
            value.map(|value| Value::Int(value, kind))
        };
        let parsed = match self {
            Self::Untyped | Self::Text => Some(Value::text(from)),
            Self::Any => None,
            Self::Bool => text::boolean(from).map(Value::from),
            Self::Int => integer(i32::MIN.into(), i32::MAX.into(), IntKind::Int),
            Self::Unsigned => integer(0, u32::MAX.into(), IntKind::Unsigned),
            Self::UInt16 => integer(0, u16::MAX.into(), IntKind::UInt16),
            Self::Int64 => integer(i64::MIN, i64::MAX, IntKind::Int64),
            Self::UInt64 => {
                let digits = from.bytes().take_while(u8::is_ascii_digit).count();
                from.get(..digits).and_then(|digits| digits.parse().ok()).map(Value::UInt)
            }
            Self::Double => text::real_prefix(from).map(|(value, _)| Value::Real(value)),
            Self::Status => Status::from_name(from).map(Value::from),
            Self::Queue(of) => {
                // A semicolon ends a part; what follows the last one is a part only if it is something.
                let parts = from.strip_suffix(';').unwrap_or(from).split(';');
                let parts = parts.take(if from.is_empty() { 0 } else { usize::MAX });
                let items: Result<VecDeque<Value>, Fault> = parts.map(|part| of.parse(part)).collect();
                Some(Value::Queue(items?))
            }
            Self::Custom(custom) => custom.parse.and_then(|parse| parse(from)),
        };
        parsed.ok_or_else(|| fault(format!("`{from}` can not be converted to {}", self.name())))
    }

    /// A number can become this type without a loss (BehaviorTree.CPP's `isCastingSafe`).
    pub(crate) fn holds(self, value: &Value) -> bool {
        let fits = |least: i64, most: i64| match *value {
            Value::Int(v, _) => (least..=most).contains(&v),
            Value::UInt(v) => i64::try_from(v).is_ok_and(|v| (least..=most).contains(&v)),
            Value::Real(v) => {
                #[expect(clippy::cast_precision_loss, reason = "limits of doubles, as in BehaviorTree.CPP")]
                let (low, high) = (least as f64, most as f64);
                v >= low && v <= high && v.fract() == 0.0
            }
            _ => false,
        };
        match self {
            Self::Int => fits(i32::MIN.into(), i32::MAX.into()),
            Self::Unsigned => fits(0, u32::MAX.into()),
            Self::UInt16 => fits(0, u16::MAX.into()),
            Self::Int64 => fits(i64::MIN, i64::MAX),
            Self::UInt64 => match *value {
                Value::UInt(_) => true,
                _ => fits(0, i64::MAX),
            },
            Self::Double => value.as_f64().is_ok(),
            _ => false,
        }
    }
}
