//! What a visitor finds wrong, kept until the reader that asked it can say where that is.

use serde::de::{Error, Expected, Unexpected};
use std::fmt;

/// An error on its way from the type that is read to the reader.
#[derive(Debug)]
pub enum Fault {
    /// Found by the reader itself, which has kept it; its text is for who makes another error of it.
    Told(String),
    /// Any other sentence.
    Custom(String),
    /// Something else than expected.
    Type { found: String, expected: String },
    /// Of the right type, and wrong.
    Value { found: String, expected: String },
    /// Of another length.
    Length { length: usize, expected: String },
    /// None of these variants.
    Variant { found: String, expected: &'static [&'static str] },
    /// None of these fields.
    Field { found: String, expected: &'static [&'static str] },
    /// Not there.
    Missing(&'static str),
    /// There twice.
    Duplicate(&'static str),
}

/// What was expected, in words.
struct Words<'a>(&'a str);

impl Expected for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Fault {
    /// The same as an error of the reader, which adds where it reads.
    pub fn tell<E: Error>(self) -> E {
        match self {
            Self::Told(text) | Self::Custom(text) => E::custom(text),
            Self::Type { found, expected } => E::invalid_type(Unexpected::Other(&found), &Words(&expected)),
            Self::Value { found, expected } => E::invalid_value(Unexpected::Other(&found), &Words(&expected)),
            Self::Length { length, expected } => E::invalid_length(length, &Words(&expected)),
            Self::Variant { found, expected } => E::unknown_variant(&found, expected),
            Self::Field { found, expected } => E::unknown_field(&found, expected),
            Self::Missing(field) => E::missing_field(field),
            Self::Duplicate(field) => E::duplicate_field(field),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Told(text) | Self::Custom(text) => f.write_str(text),
            Self::Type { found, expected } => write!(f, "invalid type: {found}, expected {expected}"),
            Self::Value { found, expected } => write!(f, "invalid value: {found}, expected {expected}"),
            Self::Length { length, expected } => write!(f, "invalid length {length}, expected {expected}"),
            Self::Variant { found, expected } => {
                write!(f, "unknown variant `{found}`, expected one of {expected:?}")
            }
            Self::Field { found, expected } => {
                write!(f, "unknown field `{found}`, expected one of {expected:?}")
            }
            Self::Missing(field) => write!(f, "missing field `{field}`"),
            Self::Duplicate(field) => write!(f, "duplicate field `{field}`"),
        }
    }
}

impl std::error::Error for Fault {}

impl Error for Fault {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self::Custom(text.to_string())
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::Type { found: found.to_string(), expected: expected.to_string() }
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::Value { found: found.to_string(), expected: expected.to_string() }
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        Self::Length { length, expected: expected.to_string() }
    }

    fn unknown_variant(found: &str, expected: &'static [&'static str]) -> Self {
        Self::Variant { found: found.to_owned(), expected }
    }

    fn unknown_field(found: &str, expected: &'static [&'static str]) -> Self {
        Self::Field { found: found.to_owned(), expected }
    }

    fn missing_field(field: &'static str) -> Self {
        Self::Missing(field)
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::Duplicate(field)
    }
}
