//! Assurance from the outside.

mod certificate;
mod configuration;
mod doubt;
mod driving;
mod modes;
mod monitors;
mod properties;
mod support;

pub(crate) use support::{config, convex_outline};
