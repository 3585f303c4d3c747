//! Any bytes, as limits, a formula and a trace.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| outrider_stl_fuzz::engine::check(data));
