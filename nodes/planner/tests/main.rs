//! Tests of the planner: one program of all files, for every program more is built and linked anew.
#![allow(
    clippy::disallowed_methods,
    clippy::panic,
    clippy::unwrap_used,
    missing_docs,
    reason = "tests stop at the first fault, read files and start what they need"
)]

mod berth;
mod common;
#[path = "../../foundation/tests/counting/mod.rs"]
mod counting;
mod drive;
mod external;
mod missions;
mod mppi;
mod mppi_drive;
mod no_allocation;
mod polite;
mod recoveries;
mod rules;
mod speed_zones;
mod tree_log;
mod trees;
mod way;
