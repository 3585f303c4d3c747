//! What the fuzz targets of the bag reader and of the CDR decoder check.

#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "the reader takes files")]
#![allow(clippy::panic, clippy::expect_used, reason = "a violated law panics")]

pub mod laws;
