//! Tests of behaviour trees: one program of all files, for every program more is built and linked anew.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::float_cmp,
    clippy::panic,
    clippy::unwrap_used,
    missing_docs,
    reason = "tests stop at the first fault, read files and start what they need"
)]

mod common;
mod controls;
#[path = "../../foundation/tests/counting/mod.rs"]
mod counting;
mod decorators;
mod files;
mod nav2;
mod no_allocation;
mod oracle;
mod random_trees;
mod scripts;
mod shapes;
mod subtrees;
