//! Any bytes as any of the messages.
#![no_main]
#![allow(clippy::disallowed_types, reason = "libFuzzer's macro has a file open")]

libfuzzer_sys::fuzz_target!(|data: &[u8]| outrider_bags_fuzz::laws::cdr(data));
