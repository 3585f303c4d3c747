//! The `outrider` binary.

use clap::Parser;
use outrider_cli::{Cli, reader_is_gone, stop_when_printing_fails};
use std::process::ExitCode;

/// Evaluations make and drop many messages of all sizes; this one takes less time for it than that of the C library. Nodes on a
/// robot keep the latter, and so give back what they no longer need.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    stop_when_printing_fails();
    match Cli::parse().run() {
        Ok(code) => code,
        Err(error) if reader_is_gone(&error) => ExitCode::from(outrider_cli::READER_GONE),
        Err(error) => {
            eprintln!("outrider: {error:#}");
            ExitCode::FAILURE
        }
    }
}
