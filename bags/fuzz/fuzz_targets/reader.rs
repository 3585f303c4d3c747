//! Any bytes as a bag: read, read by time, recovered.
#![no_main]
#![allow(clippy::disallowed_types, reason = "libFuzzer's macro has a file open")]

use std::sync::LazyLock;

static SCRATCH: LazyLock<tempfile::TempDir> = LazyLock::new(|| tempfile::tempdir_in("/dev/shm").unwrap());

libfuzzer_sys::fuzz_target!(|data: &[u8]| outrider_bags_fuzz::laws::reader(data, SCRATCH.path()));
