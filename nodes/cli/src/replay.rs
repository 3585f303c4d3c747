//! `outrider replay`: runs every node of a bag again and compares what comes out.

use anyhow::bail;
use outrider_bags::{BagReader, Order};
use outrider_runtime::Secret;
use outrider_suite::replay::{Evidence, Outcome, replay_with_key};
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Bag: an MCAP file or a folder.
    bag: PathBuf,
    /// Only this node.
    #[arg(long)]
    node: Option<String>,
    /// Key file of the permits: needed where the robot had one, because no bag holds it.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
}

/// Replays. The exit code is 0 when every step of every node gave the same outputs again, else 1.
///
/// # Errors
/// When the bag cannot be read or tells of no node.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let started = std::time::Instant::now();
    let key = args.key.as_deref().map(Secret::read).transpose()?;
    let reader = BagReader::open(&args.bag)?;
    let mut evidence = Evidence::default();
    for message in reader.messages(Order::File) {
        let message = message?;
        if let Some(channel) = reader.channel(message.channel) {
            evidence.add(&channel.type_name, message.data)?;
        }
    }
    let chosen = |node: &str| args.node.as_deref().is_none_or(|wanted| wanted == node);
    let runs: Vec<_> = evidence.runs().iter().filter(|info| chosen(&info.node)).collect();
    if runs.is_empty() {
        let found: Vec<_> = evidence.runs().iter().map(|i| i.node.as_str()).collect();
        bail!(
            "{}: no node to replay{}: the bag has `<node>/info` of {found:?}",
            args.bag.display(),
            args.node.map(|n| format!(" called `{n}`")).unwrap_or_default()
        );
    }
    let mut outcomes = Vec::new();
    for info in runs {
        let outcome = replay_with_key(&evidence, info, key.as_ref())?;
        println!("{}", line(&outcome));
        outcomes.push(outcome);
    }
    let steps: u64 = outcomes.iter().map(|o| o.steps).sum();
    let identical: u64 = outcomes.iter().map(|o| o.identical).sum();
    let all = outcomes.iter().all(Outcome::is_identical);
    println!("{steps} decisions, {identical} identical");
    if let Some((from, to)) = reader.bounds_ns() {
        let (bag_s, wall_s) = ((to - from) as f64 * 1e-9, started.elapsed().as_secs_f64());
        println!("{bag_s:.1} s of bag in {wall_s:.2} s, {:.0} times real time", bag_s / wall_s.max(1e-9));
    }
    Ok(if all { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn line(o: &Outcome) -> String {
    let mut text = format!("{:<12} {:>7} steps, {:>7} identical", o.node, o.steps, o.identical);
    if o.build != outrider_runtime::BUILD {
        text += &format!("\n  recorded by build {}, replayed by {}", o.build, outrider_runtime::BUILD);
    }
    if let Some(d) = &o.difference {
        text += &format!(
            "\n  first difference at step {} (t = {:.6} s): {} outputs with digest {:016x} recorded, {} with {:016x} replayed\
             \n  it consumed {:?}\n  not in the bag: {:?}",
            d.tick,
            d.monotonic_ns as f64 * 1e-9,
            d.recorded.0,
            d.recorded.1,
            d.replayed.0,
            d.replayed.1,
            d.inputs,
            d.new_outputs
        );
    }
    if !o.stopped.is_empty() {
        text += &format!("\n  ended early: {}", o.stopped);
    }
    text
}
