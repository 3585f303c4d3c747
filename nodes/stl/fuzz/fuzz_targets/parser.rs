//! Any text.
#![no_main]
#![allow(clippy::disallowed_types, reason = "libFuzzer's macro has a file open")]

libfuzzer_sys::fuzz_target!(|text: &str| outrider_stl_fuzz::parser::check(text));
