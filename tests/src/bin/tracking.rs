//! Tracking quality on simulated crowds: the world model's tracker and a plain one, in one table.
//!
//!     tracking [--seeds 3] [--seconds 60]

use clap::Parser;
use outrider_evaluation::{root, tracking};
use outrider_world_model::Config;

/// MOTA, GOSPA, identities and normalised errors over densities, misses, false alarms and latencies.
#[derive(Parser)]
struct Arguments {
    /// Crowds for every line, by seed from 1.
    #[arg(long, default_value_t = 3)]
    seeds: u64,
    /// Length of each, s.
    #[arg(long, default_value_t = 60)]
    seconds: u32,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let path = root().join("config/world_model.yaml");
    let text = outrider_runtime::config::read(&path)?;
    let config: Config = outrider_runtime::config::parse(&path.display().to_string(), &text)?;
    let settings = tracking::settings();
    let lines: Vec<_> = settings
        .into_iter()
        .map(|setting| tracking::line(setting, &config.tracks, arguments.seeds, arguments.seconds))
        .collect();
    print!("{}", tracking::markdown(&lines));
    Ok(())
}
