//! The only crate that sees r2r: one shell, one small binary a node.
