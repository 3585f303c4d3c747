//! `outrider report`: from the bag of a run to numbers (JSON, text) and one page (HTML) that explains it; from the results of an
//! evaluation to a site.

mod belief;
mod computing;
pub mod evaluation;
#[cfg(test)]
mod example;
mod glimpses;
mod goal;
mod labels;
mod missions;
mod page;
mod plots;
mod png;
mod reading;
mod recording;
mod scene;
mod stats;
mod stops;
mod summary;
mod svg;
#[cfg(test)]
mod tests;
mod text;
mod tree;
mod way;

pub use goal::GoalResult;
pub use missions::Asked;
pub use recording::{Belief, GoalGiven, Map, Recording, Trail};
pub use stats::Percentiles;
pub use stops::{Stop, StopKind};
pub use summary::{
    BagFacts, GateCounts, InterventionFact, LeastClearance, NodeFacts, RunSummary, TopicFacts,
};

use anyhow::{Context, ensure};
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

/// Exit code of `--require-reached` when the goal was not reached.
const NOT_REACHED: u8 = 2;

/// Arguments of `outrider report`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The bag of a run: an .mcap file, or a folder of them; or the results folder of `outrider evaluate`.
    pub source: PathBuf,
    /// Where to write the page: of a bag one file that needs nothing else, of an evaluation a folder [default: `report` in the
    /// results folder].
    #[arg(long, value_name = "FILE.html|DIR")]
    pub out: Option<PathBuf>,
    /// Of an evaluation: results to compare with.
    #[arg(long, value_name = "DIR")]
    pub baseline: Option<PathBuf>,
    /// Of an evaluation: policy of the release gate, for targets and the critical list [default: config/release_gate.yaml where
    /// there is one].
    #[arg(long, value_name = "FILE.yaml")]
    pub policy: Option<PathBuf>,
    /// Where to write the summary as JSON.
    #[arg(long, value_name = "FILE.json")]
    pub json: Option<PathBuf>,
    /// A goal is reached within this distance, metres.
    #[arg(long, default_value_t = 0.30)]
    pub tolerance: f64,
    /// Exit with 2 when the goal was not reached.
    #[arg(long)]
    pub require_reached: bool,
}

/// Runs `outrider report`.
///
/// # Errors
/// When the bag or the results cannot be read, or a file not written.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    if evaluation::Folder::is_one(&args.source) {
        return run_evaluation(args);
    }
    ensure!(
        args.baseline.is_none() && args.policy.is_none(),
        "{}: no results of `outrider evaluate` (there is no results.jsonl); --baseline and --policy are for these alone",
        args.source.display()
    );
    ensure!(
        args.tolerance > 0.0 && args.tolerance <= 100.0,
        "--tolerance: {} is not within (0, 100]",
        args.tolerance
    );
    let recording = Recording::read(&args.source)?;
    let summary = RunSummary::new(&recording, args.tolerance);
    if let Some(path) = &args.json {
        let json = serde_json::to_string_pretty(&summary).context("cannot turn the summary into JSON")?;
        fs::write(path, json).with_context(|| format!("cannot write {}", path.display()))?;
    }
    if let Some(path) = &args.out {
        let html = page::render(&recording, &summary)?;
        fs::write(path, html).with_context(|| format!("cannot write {}", path.display()))?;
    }
    print!("{}", summary.to_text());
    if args.require_reached && !summary.reached() {
        return Ok(ExitCode::from(NOT_REACHED));
    }
    Ok(ExitCode::SUCCESS)
}

fn run_evaluation(args: Args) -> anyhow::Result<ExitCode> {
    ensure!(
        !args.require_reached,
        "--require-reached is for a bag; whether an evaluation is good enough is for `outrider gate` to say"
    );
    let wish = evaluation::Wish { out: args.out, baseline: args.baseline, policy: args.policy };
    let summary = evaluation::make(&args.source, &wish)?;
    if let Some(path) = &args.json {
        let json = serde_json::to_string_pretty(&summary).context("cannot turn the summary into JSON")?;
        fs::write(path, json).with_context(|| format!("cannot write {}", path.display()))?;
    }
    print!("{}", summary.to_text());
    Ok(ExitCode::SUCCESS)
}
