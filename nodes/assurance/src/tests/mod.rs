//! Assurance from the outside.

mod configuration;
mod doubt;
mod driving;
mod modes;
mod monitors;
mod properties;
mod support;

pub(crate) use support::config;
