//! `outrider bag`: what is in a bag, whether it is sound, what happened in it, and parts and scenarios made of it.

mod anomalies;
mod cut;
mod diff;
mod drift;
mod events;
mod expected;
mod external;
mod extract;
mod faults;
mod info;
mod mission_events;
mod signals;
mod spells;
mod survey;
#[cfg(test)]
mod testing;
mod times;
mod verify;
mod walls;
mod yaml;

pub(crate) use verify::same_definition;

use anyhow::Context;
use clap::Subcommand;
use outrider_bags::{WriterOptions, recover};
use serde::Serialize;
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments of `outrider bag`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Files, topics, rates, gaps, delays, losses, nodes and how complete the telemetry is.
    Info {
        /// An .mcap file, or a folder of them.
        path: PathBuf,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Check everything; the exit code is 1 when something is wrong.
    Verify {
        /// An .mcap file, or a folder of them.
        path: PathBuf,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Copy a stretch, or some topics, into a new bag.
    Cut(cut::Args),
    /// Compare two bags: topics, rates, nodes, messages. The exit code is 1 when they differ.
    Diff(diff::Args),
    /// What happened: stops, modes, interventions, e-stops, gaps, losses, restarts.
    Events {
        /// An .mcap file, or a folder of them.
        path: PathBuf,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Rates, delays, frozen signals and drifted distributions, against a reference bag. The exit code is 1 when there are any.
    Anomalies(anomalies::Args),
    /// Make a scenario file of a stretch, which runs in the simulator.
    Extract(extract::Args),
    /// Copy every message that can be read into a new, whole bag.
    Recover {
        /// The damaged or cut bag.
        src: PathBuf,
        /// The new bag: a file when the name ends in .mcap, else a folder. Must not exist.
        dst: PathBuf,
    },
}

/// The most findings of damage that are printed.
const DAMAGE_SHOWN: usize = 10;

/// Runs `outrider bag`.
///
/// # Errors
/// When a bag cannot be opened, a new one not written, or an argument does not fit the bag.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.action {
        Action::Info { path, json } => {
            let info = info::BagInfo::read(&path)?;
            show(json, &info, || info.to_text())?;
        }
        Action::Verify { path, json } => return verify::run(&path, json),
        Action::Cut(args) => cut::run(&args)?,
        Action::Diff(args) => return diff::run(&args),
        Action::Events { path, json } => events::run(&path, json)?,
        Action::Anomalies(args) => return anomalies::run(&args),
        Action::Extract(args) => extract::run(&args)?,
        Action::Recover { src, dst } => {
            let done = recover(&src, &dst, &WriterOptions::default())
                .with_context(|| format!("cannot recover {}", src.display()))?;
            println!("{} messages written to {}", done.messages, dst.display());
            if done.left_out > 0 {
                println!("{} messages left out: not CDR with a schema of ROS 2", done.left_out);
            }
            for damage in done.damage.iter().take(DAMAGE_SHOWN) {
                println!("damage: {damage}");
            }
            if let Some(more) = done.damage.len().checked_sub(DAMAGE_SHOWN).filter(|m| *m > 0) {
                println!("damage: and {more} more");
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints a result as JSON or as text.
fn show(json: bool, result: &impl Serialize, text: impl FnOnce() -> String) -> anyhow::Result<()> {
    if json {
        println!("{}", serde_json::to_string_pretty(result).context("cannot turn the result into JSON")?);
    } else {
        print!("{}", text());
    }
    Ok(())
}
