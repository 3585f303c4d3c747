//! Runs every node of a bag again from its tick journal and compares what comes out.
//!
//! [`Feed`] joins journals and messages to steps as the bag is read, a [`Stepper`] runs those of one node, and [`Replay`] puts
//! both together in one thread; the command line gives every node a thread of its own.

mod clock;
mod differences;
mod effect;
mod feed;
mod from_topics;
mod interest;
mod recorded;
mod source;
mod stepper;

pub use clock::RecordingClock;
pub use differences::{FieldDifference, differences, message_differences};
pub use effect::{Effect, FieldEffect, FirstChange, FirstEffect, TopicEffect};
pub use feed::{Feed, HELD_LIMIT, Ready, RunSummary, Step, WINDOW_NS, ends_early};
pub use from_topics::{FieldStatistics, FromTopics, Names, TopicStatistics, run_from_topics};
pub use interest::{Interest, infos, own_outputs};
pub use recorded::{Kind, OutputDifference, Outputs, Wanted};
pub use source::{Evidence, Record, Source, Wants};
pub use stepper::{ConsumedInput, Difference, Outcome, Stepper};

use crate::assemble::{AssembleError, PERMIT_KEY, assemble};
use outrider_msgs::outrider_msgs::NodeInfo;
use outrider_runtime::{HostedNode, Resources, Secret};
use std::ops::ControlFlow;

/// The most fields of one output that are told, unless asked otherwise.
pub const LINES: usize = 12;

/// What a node was started with, as its bag has it.
///
/// # Errors
/// When the key given is not the one of the record.
pub fn resources_of(info: &NodeInfo, key: Option<&Secret>) -> Result<Resources, AssembleError> {
    let mut resources = Resources::new();
    for (role, content) in info.resource_names.iter().zip(&info.resource_contents) {
        resources.insert(role, content.clone(), format!("{role} of {} in the bag", info.node));
    }
    let has_key = resources.iter().any(|(role, _)| role == PERMIT_KEY);
    if let Some(key) = key.filter(|_| has_key) {
        resources.unlock(PERMIT_KEY, key)?;
    }
    Ok(resources)
}

/// Builds the node of a run again: by default [`assembled`].
pub type Assembler<'a> = dyn FnMut(&NodeInfo) -> Result<Box<dyn HostedNode>, AssembleError> + 'a;

/// The node of a run as it was started.
///
/// # Errors
/// When the core refuses what the bag holds, or a key is needed and not given, or is not the one of the record.
pub fn assembled(info: &NodeInfo, key: Option<&Secret>) -> Result<Box<dyn HostedNode>, AssembleError> {
    assemble(&info.node, resources_of(info, key)?, info.boot_id)
}

/// What came of a replay.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct Replay {
    /// By run, in the order in which the bag tells of them.
    pub outcomes: Vec<Outcome>,
    /// What of the bag could not be read.
    pub damage: Vec<String>,
}

/// Replays every run, in one thread.
pub fn replay_all(source: &dyn Source, assembler: &mut Assembler) -> Replay {
    let mut steppers: Vec<Option<Result<Stepper, Outcome>>> = Vec::new();
    let interest = Interest::of(&[], &infos(source), &source.topics());
    let mut feed = Feed::new(interest.clone());
    let mut damage = Vec::new();
    let mut take = |feed: &mut Feed| {
        while let Some(ready) = feed.ready() {
            match ready {
                Ready::Start { run, info } => {
                    let node = assembler(&info);
                    let made = node.map(|node| Stepper::new((*info).clone(), node, None));
                    let made = made.map_err(|e| Outcome::not_started(&info, e.to_string()));
                    steppers.resize_with(steppers.len().max(run + 1), || None);
                    if let Some(place) = steppers.get_mut(run) {
                        *place = Some(made);
                    }
                }
                Ready::Step { run, step } => {
                    if let Some(Some(Ok(stepper))) = steppers.get_mut(run) {
                        stepper.step(&step);
                    }
                }
            }
        }
    };
    let wants = |topic: &str, type_name: &str| interest.takes(topic, type_name);
    let unread = source.read_as_taken(&wants, &mut |record| {
        if let Err(error) = feed.add(record) {
            damage.push(error.to_string());
        }
        take(&mut feed);
        ControlFlow::Continue(())
    });
    feed.finish();
    take(&mut feed);
    damage.extend(unread);
    damage.extend_from_slice(feed.damage());
    let summaries = feed.summaries();
    steppers.resize_with(summaries.len(), || None);
    let finished = steppers.into_iter().map(|stepper| match stepper {
        Some(Ok(stepper)) => stepper.finish(),
        Some(Err(outcome)) => (outcome, None),
        None => (Outcome::default(), None),
    });
    let outcomes = conclude(source, finished.collect(), &summaries, LINES);
    Replay { outcomes, damage }
}

/// Completes what the steppers found by what the bag says, and looks the first differences up in it.
pub fn conclude(
    source: &dyn Source,
    finished: Vec<(Outcome, Option<Wanted>)>,
    summaries: &[RunSummary],
    lines: usize,
) -> Vec<Outcome> {
    let one = |((mut outcome, wanted), summary): ((Outcome, Option<Wanted>), &RunSummary)| {
        outcome.complete(summary);
        if let (Some(difference), Some(wanted)) = (&mut outcome.difference, wanted) {
            difference.outputs = recorded::compare(source, &wanted, lines);
        }
        outcome
    };
    finished.into_iter().zip(summaries).map(one).collect()
}
