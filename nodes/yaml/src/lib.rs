//! Reads typed values from YAML: `serde_saphyr` behind one narrow door.
//!
//! That reader is generic over what it reads, and some 5,000 lines of machine-independent code are made of it for every struct, in every
//! crate and test that asks for one: half of what `outrider_suite` was built from. Here it is made for one type only, which passes
//! on to the others (`erased`); errors keep their line, column and key.

mod erased;
mod fault;
mod reader;
mod types;

use erased::Erased;
use serde::de::DeserializeOwned;
pub use serde_saphyr::{Error, Options, Spanned, options};

/// A value from one YAML document.
///
/// # Errors
/// Names line, column and key of what is unknown, missing, of another type, or no YAML.
pub fn from_str<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    serde_saphyr::from_str::<Erased<T>>(text).map(|read| read.0)
}

/// As [`from_str`], with other rules of reading.
///
/// # Errors
/// As [`from_str`].
pub fn from_str_with_options<T: DeserializeOwned>(text: &str, options: Options) -> Result<T, Error> {
    serde_saphyr::from_str_with_options::<Erased<T>>(text, options).map(|read| read.0)
}

/// As [`from_str`], for what `garde` checks: numbers within their limits.
///
/// # Errors
/// As [`from_str`]; also names the place and key of what is out of its limits.
pub fn from_str_valid<T>(text: &str) -> Result<T, Error>
where
    T: DeserializeOwned + garde::Validate,
    T::Context: Default,
{
    serde_saphyr::from_str_valid::<Erased<T>>(text).map(|read| read.0)
}

#[cfg(test)]
mod tests;
