//! The `outrider` binary.

use clap::Parser;
use outrider_cli::{Cli, reader_is_gone, stop_when_reader_is_gone};
use std::process::ExitCode;

fn main() -> ExitCode {
    stop_when_reader_is_gone();
    match Cli::parse().run() {
        Ok(code) => code,
        Err(error) if reader_is_gone(&error) => ExitCode::from(outrider_cli::READER_GONE),
        Err(error) => {
            eprintln!("outrider: {error:#}");
            ExitCode::FAILURE
        }
    }
}
