//! `outrider bag`: what is in a bag, and saving a damaged one.

use anyhow::Context;
use clap::Subcommand;
use outrider_bags::{BagReader, Channel, WriterOptions, recover};
use std::fmt::Write;
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
    /// Topics, counts and state of a bag.
    Info {
        /// An .mcap file, or a folder of them.
        path: PathBuf,
    },
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
/// When the bag cannot be opened, or the new one not written.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.action {
        Action::Info { path } => {
            let reader = BagReader::open(&path)?;
            print!("{}", info(&reader));
        }
        Action::Recover { src, dst } => {
            let done = recover(&src, &dst, &WriterOptions::default())
                .with_context(|| format!("cannot recover {}", src.display()))?;
            println!("{} messages written to {}", done.messages, dst.display());
            if done.left_out > 0 {
                println!("{} messages left out: not CDR with a ros2msg schema", done.left_out);
            }
            print!("{}", damage_text(&done.damage));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn damage_text(damage: &[String]) -> String {
    let mut out: String = damage.iter().take(DAMAGE_SHOWN).map(|d| format!("damage: {d}\n")).collect();
    if let Some(more) = damage.len().checked_sub(DAMAGE_SHOWN).filter(|m| *m > 0) {
        let _ = writeln!(out, "damage: and {more} more");
    }
    out
}

/// The text of `outrider bag info`.
fn info(reader: &BagReader) -> String {
    let mut out = String::new();
    for file in reader.files() {
        let _ = writeln!(out, "file      {}", file.display());
    }
    let (start, end) = reader.bounds_ns().unwrap_or((0, 0));
    let duration_s = end.saturating_sub(start) as f64 / 1e9;
    let _ = writeln!(out, "duration  {duration_s:.3} s, from {:.3} s since the epoch", start as f64 / 1e9);
    let _ = writeln!(out, "messages  {}", reader.message_count());
    let state = if reader.recovered() { "cut or damaged; what could be read is shown" } else { "complete" };
    let _ = writeln!(out, "state     {state}");
    let damage: Vec<String> = reader.damage().map(ToString::to_string).collect();
    out.push_str(&damage_text(&damage));
    let mut channels: Vec<&Channel> = reader.channels().iter().collect();
    channels.sort_by(|a, b| a.topic.cmp(&b.topic));
    let width = channels.iter().map(|c| c.topic.len()).max().unwrap_or(0);
    for channel in channels {
        let rate = if duration_s > 0.0 { channel.message_count as f64 / duration_s } else { 0.0 };
        let (topic, count, type_name) = (&channel.topic, channel.message_count, &channel.type_name);
        let _ = writeln!(out, "{topic:width$}  {count:>8}  {rate:>8.2} Hz  {type_name}");
    }
    for metadata in reader.metadata() {
        for (key, value) in &metadata.entries {
            let short: String = value.chars().take(100).collect();
            let _ = writeln!(out, "{}.{key} = {}", metadata.name, short.replace('\n', " "));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use outrider_bags::BagWriter;

    #[test]
    fn info_names_topics_counts_and_rates() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.mcap");
        let mut writer = BagWriter::create(&path, &WriterOptions::default()).unwrap();
        let id = writer.add_channel("/e_stop", "std_msgs/msg/Bool", "bool data", "").unwrap();
        for i in 0..=10u32 {
            let time = 5_000_000_000 + u64::from(i) * 100_000_000;
            writer.write(id, i, time, time, &[0, 1, 0, 0, 1]).unwrap();
        }
        writer.finish().unwrap();
        let text = info(&BagReader::open(&path).unwrap());
        assert!(text.contains("duration  1.000 s, from 5.000 s"), "{text}");
        assert!(text.contains("state     complete"), "{text}");
        assert!(text.contains("/e_stop        11     11.00 Hz  std_msgs/msg/Bool"), "{text}");
    }
}
