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
    /// Text of UTF-16 units, each as it is sent: four bytes, the first the lowest unless `big`.
    Wide {
        /// The units.
        units: &'a [u8],
        /// The first byte of a unit is its highest.
        big: bool,
    },
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
            Self::Text(_) | Self::Wide { .. } => None,
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
            Self::Wide { units, big } => {
                into.extend_from_slice(&(units.len() as u64).to_le_bytes());
                wide(units, big).for_each(|unit| into.extend_from_slice(&unit.to_le_bytes()));
            }
        }
    }

    /// The same bits: a NaN equals itself, and zero is not minus zero.
    pub fn same(self, other: Self) -> bool {
        match (self, other) {
            (Self::Float32(a), Self::Float32(b)) => a.to_bits() == b.to_bits(),
            (Self::Float64(a), Self::Float64(b)) => a.to_bits() == b.to_bits(),
            (Self::Wide { units: a, big: big_a }, Self::Wide { units: b, big: big_b }) => {
                wide(a, big_a).eq(wide(b, big_b))
            }
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
            Self::Wide { units, big } => {
                let text = wide_text(units, *big);
                Value::Text(&text).fmt(f)
            }
        }
    }
}

/// The UTF-16 units of a wide text; what is none is told as the replacement character.
fn wide(units: &[u8], big: bool) -> impl Iterator<Item = u16> + '_ {
    units.chunks_exact(4).map(move |bytes| {
        let unit = bytes.try_into().map(if big { u32::from_be_bytes } else { u32::from_le_bytes });
        unit.ok().and_then(|unit| u16::try_from(unit).ok()).unwrap_or(0xfffd)
    })
}

/// A wide text as it reads.
pub(super) fn wide_text(units: &[u8], big: bool) -> String {
    char::decode_utf16(wide(units, big)).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}
