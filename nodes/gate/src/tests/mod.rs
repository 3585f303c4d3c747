//! The gate from the outside: inputs in, a velocity a period out, and one more for what is urgent.

mod arming;
mod authenticity;
mod contract;
mod exhaustive;
mod modes;
mod properties;
mod support;
