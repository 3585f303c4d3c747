//! Evaluation: the architecture fence, the scenario library, system and fault tests.
//!
//! What is tested over several crates stands in `tests/`; this library holds what those tests share.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests read files and start programs"
)]

pub mod faults;
pub mod fence;
pub mod instructions;
pub mod tracking;

use std::path::PathBuf;

/// The root of the repository.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}
