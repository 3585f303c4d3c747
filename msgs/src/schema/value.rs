//! What stands at the end of a path. Numbers keep what they are: nothing is rounded and a NaN stays one.

use std::fmt;

/// So many characters of a text are shown.
const TEXT_SHOWN: usize = 60;

/// A value at the end of a path.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// A truth value.
    Bool(bool),
    /// An unsigned number.
    Unsigned(u64),
    /// A signed number.
    Signed(i64),
    /// A 32-bit number.
    Float32(f32),
    /// A 64-bit number.
    Float64(f64),
    /// Text.
    Text(&'a str),
}

impl Value<'_> {
    /// As a number; `None` for text.
    pub fn number(self) -> Option<f64> {
        match self {
            Self::Bool(b) => Some(f64::from(u8::from(b))),
            Self::Unsigned(u) => Some(u as f64),
            Self::Signed(i) => Some(i as f64),
            Self::Float32(f) => Some(f64::from(f)),
            Self::Float64(f) => Some(f),
            Self::Text(_) => None,
        }
    }

    /// Appends what tells it from other values.
    pub fn bits(self, into: &mut Vec<u8>) {
        match self {
            Self::Bool(b) => into.push(u8::from(b)),
            Self::Unsigned(u) => into.extend_from_slice(&u.to_le_bytes()),
            Self::Signed(i) => into.extend_from_slice(&i.to_le_bytes()),
            Self::Float32(f) => into.extend_from_slice(&f.to_bits().to_le_bytes()),
            Self::Float64(f) => into.extend_from_slice(&f.to_bits().to_le_bytes()),
            Self::Text(t) => {
                into.extend_from_slice(&(t.len() as u64).to_le_bytes());
                into.extend_from_slice(t.as_bytes());
            }
        }
    }

    /// The same bits: a NaN equals itself, and zero is not minus zero.
    pub fn same(self, other: Self) -> bool {
        match (self, other) {
            (Self::Float32(a), Self::Float32(b)) => a.to_bits() == b.to_bits(),
            (Self::Float64(a), Self::Float64(b)) => a.to_bits() == b.to_bits(),
            (a, b) => a == b,
        }
    }
}

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(v) => write!(f, "{v}"),
            Self::Unsigned(v) => write!(f, "{v}"),
            Self::Signed(v) => write!(f, "{v}"),
            // The shortest text that reads back to the same bits.
            Self::Float32(v) => write!(f, "{v:?}"),
            Self::Float64(v) => write!(f, "{v:?}"),
            Self::Text(v) => {
                let short: String = v.chars().take(TEXT_SHOWN).collect();
                write!(f, "{short:?}{}", if short.len() < v.len() { "…" } else { "" })
            }
        }
    }
}
