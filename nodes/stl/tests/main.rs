//! Tests of temporal logic: one program of all files, for every program more is built and linked anew.
#![allow(clippy::panic, clippy::unwrap_used, missing_docs, reason = "tests stop at the first fault")]

mod boolean_cross_check;
#[path = "../../foundation/tests/counting/mod.rs"]
mod counting;
mod no_allocation;
mod r2u2;
