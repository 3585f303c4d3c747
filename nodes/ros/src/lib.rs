//! The only crate that sees r2r: a thin shell around every core, and the recorder.
//!
//! A shell moves bytes between DDS and a core, reads the clocks, and publishes the journal. It decides nothing.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "shells are where clocks, environment and files are allowed"
)]

mod clock;
pub mod demo;
mod gate_extras;
mod memory;
mod missions;
mod params;
pub mod player;
mod prefixes;
mod priority;
mod process;
mod qos;
mod rcl;
pub mod recorder;
mod services;
mod shell;
mod transport;
mod unheard;
mod waiting;

pub use clock::Clocks;
pub use params::Parameters;
pub use process::{init_logging, install_panic_abort, stop_flag};
pub use qos::profile;
pub use shell::{entry, run_node};
