//! The gate from the outside: inputs in, one velocity a period out.

mod arming;
mod authenticity;
mod contract;
mod exhaustive;
mod modes;
mod properties;
mod support;
