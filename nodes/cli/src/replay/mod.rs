//! `outrider replay`: runs every node of a bag again and compares what comes out.

mod text;
mod threads;
mod what_if;

use anyhow::bail;
use outrider_bags::BagReader;
use outrider_msgs::outrider_msgs::NodeInfo;
use outrider_runtime::{BUILD, Secret};
use outrider_suite::replay::{FromTopics, LINES, Names, Outcome, run_from_topics};
use outrider_suite::{Files, assemble, read_resources};
use std::path::PathBuf;
use std::process::ExitCode;

/// Nothing differed.
const IDENTICAL: u8 = 0;
/// Something differed, or would have.
const DIFFERENT: u8 = 1;
/// It could not be judged, in whole or in part, and nothing that could differed.
const NOT_JUDGED: u8 = 2;

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit code: 0 every decision was run again and is identical (or the other configuration changes nothing);
           1 something differs (or would have);
           2 it cannot be judged: no journal, a gap in it, a message or a key that is missing, no bag. What could be
             judged and what to do about the rest is printed.

With --config or --resource the node runs twice over the recorded inputs, as recorded and with the files given. This is open
loop: after the first difference the recorded inputs prove nothing about the world. To see what would have come of it, make
a scenario of the bag (`outrider bag extract`) and drive it (`outrider sim`).")]
pub struct Args {
    /// Bag: an MCAP file or a folder.
    bag: PathBuf,
    /// Only this node; may be given several times.
    #[arg(long)]
    node: Vec<String>,
    /// Key file of the permits: needed where the robot had one, because no bag holds it.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// What if the node (one --node) had run with this configuration?
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// What if the node had been given this file, by role: robot, tree, zones, world, specification/NAME.stl, ...
    #[arg(long, value_name = "ROLE=FILE")]
    resource: Vec<String>,
    /// Runs nodes from the topics by time of recording instead of their journals. These are not the recorded decisions.
    #[arg(long)]
    from_topics: bool,
    /// Configuration folder for nodes of which the bag does not say what they were started with (with --from-topics).
    #[arg(long, value_name = "DIR")]
    config_dir: Option<PathBuf>,
    /// The most fields that are shown of an output that differs.
    #[arg(long, default_value_t = LINES)]
    lines: usize,
    /// Prints the result as JSON.
    #[arg(long)]
    json: bool,
}

/// Everything that was found.
#[derive(Debug, Default, serde::Serialize)]
pub(crate) struct Report {
    bag: String,
    bag_s: f64,
    bag_start_ns: u64,
    wall_s: f64,
    build: String,
    decisions: u64,
    identical: u64,
    exit_code: u8,
    runs: Vec<Outcome>,
    from_topics: Vec<FromTopics>,
    /// Files that another configuration was read from.
    changed: Vec<String>,
    damage: Vec<String>,
}

/// Replays. For the exit code see `--help`.
///
/// # Errors
/// Never: what goes wrong is printed and gives exit code 2.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let code = match replay(&args) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("outrider: {error:#}");
            NOT_JUDGED
        }
    };
    Ok(ExitCode::from(code))
}

fn replay(args: &Args) -> anyhow::Result<u8> {
    let started = std::time::Instant::now();
    let key = args.key.as_deref().map(Secret::read).transpose()?;
    let changes = what_if::Changes::read(args)?;
    let reader = BagReader::open(&args.bag)?;
    let mut report =
        Report { bag: args.bag.display().to_string(), build: BUILD.to_owned(), ..Report::default() };
    if let Some((from, to)) = reader.bounds_ns() {
        (report.bag_start_ns, report.bag_s) = (from, to.saturating_sub(from) as f64 * 1e-9);
    }
    if reader.message_count() == 0 {
        bail!("{}: the bag has no messages", args.bag.display());
    }
    report.damage = reader.damage().map(ToString::to_string).collect();
    if args.from_topics {
        from_topics(args, &reader, key.as_ref(), &mut report)?;
    } else {
        let (runs, damage) = threads::replay(&reader, &args.node, key.as_ref(), &changes, args.lines)?;
        report.damage.extend(damage);
        if runs.is_empty() {
            bail!("{}", nothing_to_replay(args, &reader));
        }
        if let Some(node) = args.node.iter().find(|node| !runs.iter().any(|r| r.node == **node)) {
            bail!("{}", no_such_run(args, node, &reader));
        }
        // Files that the node refuses are an error as they are when it starts.
        let refused = |o: &&Outcome| !changes.is_empty() && o.steps == 0 && o.effect.is_none();
        if let Some(outcome) = runs.iter().find(refused) {
            bail!("{}", outcome.stopped);
        }
        report.runs = runs;
    }
    report.changed = changes.names();
    report.decisions = report.runs.iter().map(|o| o.steps).sum();
    report.identical = report.runs.iter().map(|o| o.identical).sum();
    report.wall_s = started.elapsed().as_secs_f64();
    report.exit_code = report.code();
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print!("{}", text::page(&report));
    }
    Ok(report.exit_code)
}

impl Report {
    fn code(&self) -> u8 {
        let differs =
            |o: &Outcome| o.difference.is_some() || o.effect.as_ref().is_some_and(|e| e.different > 0);
        if self.runs.iter().any(differs) {
            return DIFFERENT;
        }
        // A run from topics decides nothing about what was recorded.
        let whole = self.from_topics.is_empty() && self.damage.is_empty();
        if whole && self.runs.iter().all(Outcome::is_identical) { IDENTICAL } else { NOT_JUDGED }
    }
}

fn nothing_to_replay(args: &Args, reader: &BagReader) -> String {
    let bag = args.bag.display();
    match args.node.first() {
        Some(node) => no_such_run(args, node, reader),
        None => format!(
            "{bag}: neither a `<node>/journal` nor a `<node>/info` is in this bag: no decision of it can be run again. \
             With --from-topics --node NODE --config-dir DIR a node can be run from the topics it has:{}",
            topics_of(reader)
        ),
    }
}

fn no_such_run(args: &Args, node: &str, reader: &BagReader) -> String {
    let bag = args.bag.display();
    if !outrider_suite::NODES.contains(&node) {
        return format!("there is no node `{node}`; there are {:?}", outrider_suite::NODES);
    }
    let nodes: Vec<&str> = reader
        .channels()
        .iter()
        .filter(|c| c.type_name == "outrider_msgs/msg/Tick" && c.message_count > 0)
        .map(|c| c.topic.as_str())
        .collect();
    format!(
        "{bag}: the bag has neither journal nor info of the node `{node}`; it has {nodes:?}. With --from-topics --node {node} \
         --config-dir DIR the node can be run from the topics"
    )
}

fn topics_of(reader: &BagReader) -> String {
    let mut topics: Vec<String> =
        reader.channels().iter().map(|c| format!("\n  {} ({})", c.topic, c.type_name)).collect();
    topics.sort();
    topics.truncate(40);
    topics.concat()
}

/// Runs the chosen nodes, else those that the bag tells of, from topics.
fn from_topics(
    args: &Args,
    reader: &BagReader,
    key: Option<&Secret>,
    report: &mut Report,
) -> anyhow::Result<()> {
    let mut infos = outrider_suite::replay::infos(reader);
    infos.sort_by(|a, b| a.node.cmp(&b.node));
    let mut nodes = args.node.clone();
    if nodes.is_empty() {
        nodes = infos.iter().map(|i| i.node.clone()).collect();
        nodes.dedup();
    }
    if nodes.is_empty() {
        bail!("{}: the bag does not say which nodes ran: name one with --node", args.bag.display());
    }
    for name in &nodes {
        let info: Option<&NodeInfo> = infos.iter().find(|i| i.node == *name);
        let (mut node, names) = match (info, &args.config_dir) {
            (Some(info), None) => {
                let node = outrider_suite::replay::assembled(info, key)?;
                (node, Names { inputs: info.inputs.clone(), outputs: info.outputs.clone() })
            }
            (_, Some(folder)) => {
                let files = Files { permit_key: args.key.clone(), ..Files::new(folder.clone()) };
                let node = assemble(name, read_resources(name, &files)?, 1)?;
                let names = Names::of(node.as_ref());
                (node, names)
            }
            (None, None) if !outrider_suite::NODES.contains(&name.as_str()) => {
                bail!("there is no node `{name}`; there are {:?}", outrider_suite::NODES)
            }
            (None, None) => bail!(
                "{}: the bag does not say what `{name}` was started with: name a configuration folder with --config-dir",
                args.bag.display()
            ),
        };
        report.from_topics.push(run_from_topics(reader, node.as_mut(), &names));
    }
    Ok(())
}
