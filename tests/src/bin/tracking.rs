//! Tracking quality on simulated crowds: the world model's tracker and a plain one, in one table.
//!
//!     tracking [--seeds 5] [--seconds 60] [--motion people|model]

use clap::Parser;
use outrider_evaluation::tracking::crowd::Motion;
use outrider_evaluation::{root, tracking};
use outrider_world_model::Config;

/// MOTA, GOSPA, identities and normalised errors over densities, misses, false alarms and latencies.
#[derive(Parser)]
struct Arguments {
    /// Crowds for every line, by seed from the first on.
    #[arg(long, default_value_t = 5)]
    seeds: u64,
    /// The first seed. What is tuned is tuned on others than those of the tables in docs/tracking.md, which begin at 1.
    #[arg(long, default_value_t = 1)]
    first_seed: u64,
    /// Length of each, s.
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// Only this crowd.
    #[arg(long)]
    motion: Option<Motion>,
    /// Only this many people.
    #[arg(long)]
    people: Option<usize>,
    /// Only this share of misses.
    #[arg(long)]
    miss: Option<f64>,
    /// Only this mean count of false alarms.
    #[arg(long)]
    false_alarms: Option<f64>,
    /// Only this latency, s.
    #[arg(long)]
    latency_s: Option<f64>,
    /// Values in place of those that are shipped.
    #[arg(long)]
    config: Option<std::path::PathBuf>,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let path = arguments.config.unwrap_or_else(|| root().join("config/world_model.yaml"));
    let text = outrider_runtime::config::read(&path)?;
    let config: Config = outrider_runtime::config::parse(&path.display().to_string(), &text)?;
    let seeds = arguments.first_seed..arguments.first_seed.saturating_add(arguments.seeds);
    for (motion, title) in [
        (Motion::People, "People, who set off, stop and turn as they like"),
        (Motion::Model, "A crowd that moves by the tracker's own equations"),
    ] {
        if arguments.motion.is_some_and(|only| only != motion) {
            continue;
        }
        let mut settings = Vec::new();
        for mut s in tracking::settings(motion) {
            s.people = arguments.people.unwrap_or(s.people);
            s.miss = arguments.miss.unwrap_or(s.miss);
            s.false_alarms = arguments.false_alarms.unwrap_or(s.false_alarms);
            s.latency_s = arguments.latency_s.unwrap_or(s.latency_s);
            if !settings.contains(&s) {
                settings.push(s);
            }
        }
        let lines: Vec<_> = settings
            .into_iter()
            .map(|setting| tracking::line(setting, &config.tracks, seeds.clone(), arguments.seconds))
            .collect();
        println!("{title}\n\n{}", tracking::markdown(&lines));
    }
    Ok(())
}
