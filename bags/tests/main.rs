//! Tests of bags: one program of all files, for every program more is built and linked anew.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests stop at the first fault, read files and start what they need"
)]

mod bad_input;
mod common;
mod cuts;
mod damage;
mod golden;
mod hand_over;
mod whole;
