//! Tests of the command: one program of all files, for every program more is built and linked anew.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    reason = "tests stop at the first fault, read files and start what they need"
)]

mod evaluation_killed;
mod reader_gone;
