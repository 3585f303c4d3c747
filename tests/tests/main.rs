//! Tests of the architecture, the scenario library and whole systems: one program of all files, for every program more is
//! built and linked anew.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    reason = "tests stop at the first fault, read files and start what they need"
)]

mod architecture;
mod births;
mod faults;
mod lies;
mod lockstep;
mod missions;
mod overlapping_faults;
mod permit_key;
mod replay;
mod tracking;
mod trees;
mod zones;
