//! What a core needs to be run: bindings to topics, the tick journal, configuration, losses and diagnostics.
//!
//! A [`Host`] wraps a core and its [`Binding`]; whoever owns the host (the r2r shell, the lock-step world, the replay)
//! only moves bytes and tells the time. This crate never knows which cores there are, nor how bytes travel.

#![allow(clippy::disallowed_methods, reason = "configuration files are read here, outside the cores")]

pub mod config;
mod host;
mod journal;
mod losses;
mod remembered;
mod secret;
mod tallies;
mod topic;

pub use config::{ConfigError, Resources};
pub use host::{
    Around, Binding, Decoded, Diagnosis, Host, HostedNode, Inputs, NodeSpec, Outputs, PENDING_LIMIT, Sink,
    diagnostics, emit, header, health_name, node_info, node_of_health, time_message,
};
pub use journal::{OutputDigest, payload_digest};
pub use losses::LossCounter;
pub use remembered::remembered;
pub use secret::{SECRET_LEAST, SECRET_MOST, Secret};
pub use topic::{Qos, Topic};

/// Version and revision of this program, for bags and reports.
pub const BUILD: &str = concat!(env!("CARGO_PKG_VERSION"), "+", env!("OUTRIDER_REVISION"));
