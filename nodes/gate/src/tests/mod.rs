//! The gate from the outside: inputs in, one velocity a period out.

mod contract;
mod modes;
mod properties;
mod support;
