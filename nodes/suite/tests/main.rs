//! Tests of the suite: one program of all files, for every program more is built and linked anew.
#![allow(clippy::unwrap_used, reason = "tests stop at the first fault")]

mod bad_input;
#[path = "../../foundation/tests/counting/mod.rs"]
mod counting;
mod no_allocation;
