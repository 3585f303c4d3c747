//! Assurance from the outside.

mod certificate;
mod configuration;
mod doubt;
mod driving;
mod mode_machine;
mod modes;
mod monitors;
mod one_way;
mod properties;
mod records;
mod support;
mod way_out;

pub(crate) use support::{config, convex_outline, robot};
