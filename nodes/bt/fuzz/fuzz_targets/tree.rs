//! Any text as a file.
#![no_main]
#![allow(clippy::disallowed_types, reason = "libFuzzer's macro has a file open")]

libfuzzer_sys::fuzz_target!(|text: &str| outrider_bt_fuzz::tree(text));
