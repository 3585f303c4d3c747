//! The `outrider` binary.

use clap::Parser;
use outrider_cli::Cli;
use std::process::ExitCode;

fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("outrider: {error:#}");
            ExitCode::FAILURE
        }
    }
}
