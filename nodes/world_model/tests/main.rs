//! Tests of the world model: one program of all files, for every program more is built and linked anew.
#![allow(clippy::panic, clippy::unwrap_used, reason = "tests stop at the first fault")]

#[path = "../../foundation/tests/counting/mod.rs"]
mod counting;
mod no_allocation;
mod no_allocation_costmap;
mod no_allocation_grids;
mod no_allocation_tracks;
mod room;
