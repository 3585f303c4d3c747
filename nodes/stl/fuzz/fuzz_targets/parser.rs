//! Any text.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| outrider_stl_fuzz::parser::check(text));
