//! The fault campaign in the simulator, and the table of both its halves.
//!
//!     faults [--repetitions 20] [--rows PART] [--jobs 2] [--seed 1] --out runs/faults
//!     faults merge runs/faults

#![allow(clippy::disallowed_methods, reason = "a program writes files")]

use anyhow::ensure;
use clap::{Parser, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use outrider_evaluation::faults::table::{self, Line};
use outrider_evaluation::faults::{Campaign, Catalogue, Row, Stage, campaign, merge};
use std::path::PathBuf;
use std::process::ExitCode;

/// Every fault of tests/faults/catalogue.yaml against the suite in the simulator.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// Each row so many times.
    #[arg(long, default_value_t = 20)]
    repetitions: u32,
    /// Only rows whose name or group has one of these parts, divided by commas.
    #[arg(long, default_value = "")]
    rows: String,
    /// Threads.
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    /// Everything random follows from it.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Folder for sim.csv.
    #[arg(long, default_value = "runs/faults")]
    out: PathBuf,
}

#[derive(Subcommand)]
enum Command {
    /// sim.csv and live.csv of a folder: writes faults.csv and faults.html, fails when a row misses or was not run.
    Merge {
        /// The folder.
        folder: PathBuf,
    },
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let catalogue = Catalogue::load()?;
    let lines = match &arguments.command {
        Some(Command::Merge { folder }) => merge::merge(folder, &catalogue)?,
        None => run(&arguments, &catalogue)?,
    };
    print!("{}", table::text(&lines));
    Ok(if lines.iter().all(Line::is_ok) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn run(arguments: &Arguments, catalogue: &Catalogue) -> anyhow::Result<Vec<Line>> {
    let parts: Vec<&str> = arguments.rows.split(',').map(str::trim).collect();
    let wanted = |row: &&Row| parts.iter().any(|part| row.id.contains(part) || row.group.contains(part));
    let rows: Vec<&Row> = catalogue.rows.iter().filter(wanted).collect();
    ensure!(!rows.is_empty(), "no row has `{}` in its name", arguments.rows);
    ensure!(arguments.repetitions > 0, "no repetition shows nothing");
    std::fs::create_dir_all(&arguments.out)?;
    let stage = Stage::load()?;
    let total = rows.len() as u64 * u64::from(arguments.repetitions);
    let bar = ProgressBar::new(total);
    bar.set_style(ProgressStyle::with_template("{bar:30} {pos}/{len} {eta} {msg}")?);
    let progress = |row: &Row, ok: bool| {
        bar.set_message(row.id.clone());
        bar.inc(1);
        if !ok {
            bar.println(format!("missed: {}", row.id));
        }
    };
    let how = Campaign { repetitions: arguments.repetitions, jobs: arguments.jobs, seed: arguments.seed };
    let lines = campaign(&stage, &rows, how, &progress);
    bar.finish_and_clear();
    table::write(&arguments.out.join("sim.csv"), &lines)?;
    Ok(lines)
}
