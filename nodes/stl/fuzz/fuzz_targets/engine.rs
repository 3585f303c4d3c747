//! Any bytes, as limits, a formula and a trace.
#![no_main]
#![allow(clippy::disallowed_types, reason = "libFuzzer's macro has a file open")]

libfuzzer_sys::fuzz_target!(|data: &[u8]| outrider_stl_fuzz::engine::check(data));
