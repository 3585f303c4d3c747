//! All cores bound to their topics: what the shells, the command line and the tests put together.
//!
//! This crate is the only one that knows every core. It never knows r2r, files beyond configuration, or real time.

pub mod assemble;
pub mod bindings;
pub mod convert;
pub mod drive;
pub mod evaluation;
pub mod faults;
pub mod files;
pub mod lockstep;
pub mod quality;
pub mod replay;
pub mod scenario;
pub mod wire;
pub mod words;

pub use assemble::{
    AssembleError, Changes, Files, NODES, assemble, left_out_of_world, load_world, read_resources,
    read_scenario, robot_and_zones,
};
pub use bindings::topics;
pub use outrider_gate::REPLIES_PER_STEP as GATE_REPLIES_PER_STEP;
pub use scenario::Scenario;
