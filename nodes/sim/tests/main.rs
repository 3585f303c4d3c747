//! Tests of the simulator: one program of all files, for every program more is built and linked anew.
#![allow(clippy::panic, clippy::unwrap_used, reason = "tests stop at the first fault")]

mod events;
mod node;
mod people;
mod robot;
mod robot_sdf;
mod stage;
mod vehicles_and_doors;
mod world;
mod world_left_out;
