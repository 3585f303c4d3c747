//! `outrider tracking`: how well people were followed, in the bag of a simulated run or in a scenario driven for it.

mod sight;
#[cfg(test)]
mod tests;
mod text;

use anyhow::{Context as _, bail, ensure};
use outrider_bags::{BagReader, Order};
use outrider_msgs::nav_msgs::OccupancyGrid;
use outrider_msgs::{Message, decode, outrider_msgs as ours};
use outrider_suite::convert::{truth_from_message, world_model_from_message};
use outrider_suite::quality::judge::{Judge, Person};
use outrider_suite::quality::moments::{Moment, Pairer};
use outrider_suite::quality::score::Score;
use outrider_suite::{Files, topics};
use serde::Serialize;
use sight::Sight;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The most reasons for refused messages that are kept.
const REASONS_KEPT: usize = 5;

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The bag of a run in the embedded simulator, or a scenario (.yaml) that is driven for it.
    source: PathBuf,
    /// People farther from the robot than this do not count, m.
    #[arg(long, value_name = "METRES", default_value_t = 8.0)]
    within: f64,
    /// People behind the walls of /map count too.
    #[arg(long)]
    hidden: bool,
    /// Configuration folder, for a scenario.
    #[arg(long, default_value = "config")]
    config: PathBuf,
    /// Prints the result as JSON.
    #[arg(long)]
    json: bool,
}

/// The result.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verdict {
    /// Bag or scenario.
    pub source: String,
    /// People farther away did not count, m.
    pub within_m: f64,
    /// People behind the walls of the map did not count.
    pub in_sight_only: bool,
    /// Times that were judged, ten a second at most.
    pub moments: u64,
    /// World models at whose time no truth is known, and those with too many people or tracks.
    pub without_truth: u64,
    /// The same as in the tables of simulated crowds.
    pub score: Score,
    /// Where the mean normalised error of those apart lies with 95 % when covariances are true.
    pub nees_apart_band: Option<(f64, f64)>,
    /// Where their true mean lies with 95 %, by how much they differ.
    pub nees_apart_interval: Option<(f64, f64)>,
    /// Everybody who counted at any time.
    pub people: BTreeMap<String, Person>,
    /// Messages that could not be taken, by topic, and why the first few.
    pub refused: BTreeMap<String, u64>,
    /// See `refused`.
    pub reasons: Vec<String>,
}

/// Runs it and prints. The exit code is 0 whatever the scores are.
///
/// # Errors
/// When the source cannot be read, or holds nothing to judge.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let verdict = evaluate(&args)?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&verdict)?);
    } else {
        print!("{}", text::text(&verdict));
    }
    Ok(ExitCode::SUCCESS)
}

fn evaluate(args: &Args) -> anyhow::Result<Verdict> {
    ensure!(args.within > 0.0 && args.within <= 1000.0, "--within: {} is not within (0, 1000]", args.within);
    let mut run = Run { within_m: args.within, hidden: args.hidden, ..Run::default() };
    if args.source.extension().is_some_and(|e| e == "yaml" || e == "yml") {
        crate::need_configuration(&args.config)?;
        run.scenario(&args.source, &args.config)?;
    } else {
        run.bag(&args.source)?;
    }
    run.verdict(&args.source)
}

/// Messages taken in, one after another.
#[derive(Default)]
struct Run {
    within_m: f64,
    hidden: bool,
    pairer: Pairer,
    judge: Judge,
    sight: Option<Sight>,
    truths: u64,
    models: u64,
    refused: BTreeMap<String, u64>,
    reasons: Vec<String>,
}

impl Run {
    fn scenario(&mut self, path: &Path, config: &Path) -> anyhow::Result<()> {
        let files = Files { scenario: Some(path.to_owned()), ..Files::new(config.to_owned()) };
        let mut see = |observed: &outrider_suite::lockstep::Observed| {
            if observed.altered {
                return;
            }
            let name = observed.topic.absolute_name();
            self.take(&name, observed.topic.type_name, observed.bytes);
        };
        outrider_suite::drive::drive(&files, &mut see, &mut |_| {})?;
        Ok(())
    }

    fn bag(&mut self, path: &Path) -> anyhow::Result<()> {
        let reader = BagReader::open(path)?;
        let wanted = [
            (
                topics::ground_truth(),
                "there is no truth to hold the tracks against; bags of the embedded simulator have it",
            ),
            (topics::world_model(), "there is nothing that was believed"),
        ];
        for (topic, without) in &wanted {
            let name = topic.absolute_name();
            match reader.channels().iter().find(|c| c.topic == name) {
                None => bail!("{}: no {name} in the bag: {without}", path.display()),
                Some(c) if c.type_name != topic.type_name => {
                    bail!("{}: {name} is {}, not {}: {without}", path.display(), c.type_name, topic.type_name)
                }
                Some(_) => {}
            }
        }
        // The map first: its walls hide people from the first moment on, whenever it was recorded.
        self.read(&reader, &[topics::map().absolute_name()]);
        self.read(&reader, &wanted.map(|(topic, _)| topic.absolute_name()));
        Ok(())
    }

    fn read(&mut self, reader: &BagReader, names: &[String]) {
        for message in reader.messages_of(Order::LogTime, |c| names.contains(&c.topic)) {
            match message {
                Ok(message) => {
                    if let Some(channel) = reader.channel(message.channel) {
                        self.take(&channel.topic, &channel.type_name, &message.data);
                    }
                }
                Err(e) => self.refuse("the bag", e.to_string()),
            }
        }
    }

    /// Takes a message of a topic with its leading slash; others than those that are judged are passed over.
    fn take(&mut self, topic: &str, type_name: &str, bytes: &[u8]) {
        let taken = match (topic, type_name) {
            ("/sim/ground_truth", ours::GroundTruth::TYPE_NAME) => {
                self.truths += 1;
                read(bytes, truth_from_message).map(|truth| self.pairer.take_truth(truth))
            }
            ("/world_model", ours::WorldModel::TYPE_NAME) => {
                self.models += 1;
                read(bytes, world_model_from_message).map(|model| self.pairer.take_model(model))
            }
            ("/map", OccupancyGrid::TYPE_NAME) => read(bytes, Sight::of).map(|sight| {
                self.sight = Some(sight);
                Vec::new()
            }),
            _ => return,
        };
        match taken {
            Ok(moments) => moments.iter().for_each(|moment| self.judge(moment)),
            Err(reason) => self.refuse(topic, reason),
        }
    }

    fn judge(&mut self, moment: &Moment) {
        let robot = moment.truth.pose.position();
        let sight = self.sight.as_ref().filter(|_| !self.hidden);
        let within_m = self.within_m;
        self.judge.take(moment, |p| {
            p.distance_m(robot) <= within_m && sight.is_none_or(|sight| sight.is_free(robot, p))
        });
    }

    fn refuse(&mut self, topic: &str, reason: String) {
        *self.refused.entry(topic.to_owned()).or_default() += 1;
        if self.reasons.len() < REASONS_KEPT {
            self.reasons.push(format!("{topic}: {reason}"));
        }
    }

    fn verdict(self, source: &Path) -> anyhow::Result<Verdict> {
        let name = source.display();
        let first = self.reasons.first().map(|r| format!(" ({r})")).unwrap_or_default();
        ensure!(self.truths > 0, "{name}: /sim/ground_truth holds no message{first}");
        ensure!(self.models > 0, "{name}: /world_model holds no message{first}");
        ensure!(
            self.judge.moments() > 0,
            "{name}: of {} world models none has a truth of its time: the stamps of /sim/ground_truth ({} messages) lie \
             elsewhere{first}",
            self.models,
            self.truths
        );
        let score = self.judge.score();
        ensure!(
            score.people > 0,
            "{name}: nobody ever was within {} m of the robot{}: there is nobody to be followed",
            self.within_m,
            if self.hidden || self.sight.is_none() { "" } else { " and in sight" }
        );
        Ok(Verdict {
            source: name.to_string(),
            within_m: self.within_m,
            in_sight_only: !self.hidden && self.sight.is_some(),
            moments: self.judge.moments(),
            without_truth: self.pairer.without_truth() + self.judge.left_out(),
            score,
            nees_apart_band: (score.nees_apart.count > 0).then(|| score.nees_apart.band()),
            nees_apart_interval: score.nees_apart.interval(),
            people: self.judge.people(),
            refused: self.refused,
            reasons: self.reasons,
        })
    }
}

/// Decodes and validates.
fn read<M: Message, T>(bytes: &[u8], convert: impl FnOnce(M) -> Result<T, String>) -> Result<T, String> {
    convert(decode(bytes).context("cannot be decoded").map_err(|e| format!("{e:#}"))?)
}
