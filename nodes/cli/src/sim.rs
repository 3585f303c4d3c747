//! `outrider sim`: the whole suite in one process, on virtual time.

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};
use outrider_bags::{BagWriter, ChannelId, WriterOptions};
use outrider_suite::drive::{DriveResult, Progress, drive};
use outrider_suite::lockstep::Observed;
use outrider_suite::{Files, left_out_of_world, read_resources};
use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Scenario file.
    scenario: PathBuf,
    /// Configuration folder.
    #[arg(long, default_value = "config")]
    config: PathBuf,
    /// Behaviour tree, in place of the configuration's.
    #[arg(long)]
    tree: Option<PathBuf>,
    /// Zones, in place of the scenario's.
    #[arg(long)]
    zones: Option<PathBuf>,
    /// Key file that permits carry a code of; without, they carry none.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Folder to write the bag to; none is written without.
    #[arg(long)]
    bag: Option<PathBuf>,
    /// Prints the result as JSON.
    #[arg(long)]
    json: bool,
}

/// Drives the scenario. The exit code is 0 when the goal was reached without a collision, else 1.
///
/// # Errors
/// When a file is missing or not sound, or the bag cannot be written.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    crate::need_configuration(&args.config)?;
    let files = Files {
        scenario: Some(args.scenario.clone()),
        tree: args.tree.clone(),
        zones: args.zones.clone(),
        permit_key: args.key.clone(),
        ..Files::new(args.config.clone())
    };
    for line in left_out_of_world(&read_resources("sim", &files)?)? {
        eprintln!("warning: {line}");
    }
    let mut bag = args.bag.as_deref().map(Bag::create).transpose()?;
    let mut failure = None;
    let bar = progress_bar();
    let started = std::time::Instant::now();
    let result = drive(
        &files,
        &mut |observed| {
            if let Some(bag) = &mut bag
                && failure.is_none()
            {
                failure = bag.write(observed).err();
            }
        },
        &mut |progress| bar.set_message(line(progress)),
    )?;
    bar.finish_and_clear();
    if let Some(error) = failure {
        return Err(error);
    }
    if let Some(bag) = bag {
        bag.finish()?;
    }
    let wall_s = started.elapsed().as_secs_f64();
    if args.json {
        println!("{}", serde_json::to_string_pretty(&result)?);
    } else {
        println!("{}", text(&result, wall_s, args.bag.as_deref()));
    }
    Ok(if result.reached && result.collisions == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn progress_bar() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style =
        ProgressStyle::with_template("{spinner} {msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
    ProgressBar::new_spinner().with_style(style)
}

fn line(progress: &Progress) -> String {
    let truth = progress.truth.map_or(String::new(), |t| {
        format!("at ({:6.2}, {:6.2})  {:4.2} m/s  clearance {:4.2} m", t.x, t.y, t.v, t.clearance)
    });
    let remaining =
        progress.decision.map_or(String::new(), |d| format!("{:5.1} m to go", d.distance_remaining));
    format!("{:6.1} s  {truth}  {remaining}", progress.elapsed_s)
}

fn text(r: &DriveResult, wall_s: f64, bag: Option<&Path>) -> String {
    let verdict = if r.reached { "goal reached" } else { "GOAL NOT REACHED" };
    let mut lines = vec![
        format!("{}: {verdict} after {:.1} s and {:.1} m", r.id, r.drive_time_s, r.distance_m),
        format!("  distance from goal {:.2} m", r.goal_distance_m),
        format!("  least clearance    {:.2} m ({})", r.least_clearance_m, r.nearest),
        format!("  collisions         {}", r.collisions),
        format!("  stops of the gate  {}", r.stops),
        format!(
            "  {:.1} s simulated in {wall_s:.2} s, {:.0} times real time",
            r.elapsed_s,
            r.elapsed_s / wall_s.max(1e-9)
        ),
        format!("  digest             {}", r.digest),
    ];
    if let Some(bag) = bag {
        lines.push(format!("  bag                {}", bag.display()));
    }
    lines.join("\n")
}

/// Writes every message of a lock-step run; log times are the simulated ones.
pub(crate) struct Bag {
    writer: BagWriter,
    channels: BTreeMap<String, (ChannelId, u32)>,
}

impl Bag {
    pub(crate) fn create(folder: &Path) -> anyhow::Result<Self> {
        let writer = BagWriter::create_folder(folder, &WriterOptions::default())?;
        Ok(Self { writer, channels: BTreeMap::new() })
    }

    pub(crate) fn write(&mut self, observed: &Observed) -> anyhow::Result<()> {
        let name = observed.topic.absolute_name();
        if !self.channels.contains_key(&name) {
            let type_name = observed.topic.type_name;
            let definition = outrider_msgs::definition_of(type_name)
                .with_context(|| format!("{name}: no definition of {type_name}"))?;
            let qos = observed.topic.qos.to_rosbag2_yaml();
            let channel = self.writer.add_channel(&name, type_name, definition, &qos)?;
            self.channels.insert(name.clone(), (channel, 0));
        }
        if let Some((channel, count)) = self.channels.get_mut(&name) {
            *count = count.wrapping_add(1);
            let time_ns = observed.now.ros.nanos().unsigned_abs();
            self.writer.write(*channel, *count, time_ns, time_ns, observed.bytes)?;
        }
        Ok(())
    }

    pub(crate) fn finish(mut self) -> anyhow::Result<()> {
        let build = BTreeMap::from([("build".to_owned(), outrider_runtime::BUILD.to_owned())]);
        self.writer.write_metadata("outrider", build)?;
        self.writer.finish()?;
        Ok(())
    }
}
