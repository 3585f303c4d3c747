//! Evaluation: the architecture fence, the scenario library, system and fault tests.
//!
//! What is tested over several crates stands in `tests/`; this library holds what those tests share.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests read files and start programs"
)]

pub mod altered;
pub mod faults;
pub mod fence;
pub mod instructions;
pub mod tracking;

use outrider_suite::Files;
use std::io;
use std::path::{Path, PathBuf};

/// The root of the repository.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The shipped configuration with a scenario of `tests/scenarios`.
pub fn files(scenario: &str) -> Files {
    let path = root().join("tests/scenarios").join(scenario);
    Files { scenario: Some(path), ..Files::new(root().join("config")) }
}

/// The shipped configuration with the first `limit_s` seconds of `warehouse_crossing`, which are written into a folder.
///
/// # Errors
/// When the one scenario cannot be read or the other not be written.
pub fn short_drive(folder: &Path, limit_s: f64) -> io::Result<Files> {
    let mut files = files("warehouse_crossing.yaml");
    let text = std::fs::read_to_string(files.scenario.take().unwrap_or_default())?;
    let lines = text.lines().map(|line| match line.split_once(':') {
        Some(("time_limit_s", _)) => format!("time_limit_s: {limit_s:.1}\n"),
        _ => format!("{line}\n"),
    });
    let short = folder.join("short.yaml");
    std::fs::write(&short, lines.collect::<String>())?;
    Ok(Files { scenario: Some(short), ..files })
}
