//! Any text as a script.
#![no_main]
#![allow(clippy::disallowed_types, reason = "libFuzzer's macro has a file open")]

libfuzzer_sys::fuzz_target!(|text: &str| outrider_bt_fuzz::script(text));
