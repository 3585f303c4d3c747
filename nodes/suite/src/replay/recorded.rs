//! What a step published, found in the bag again. The journal holds only one digest over all outputs of a step; the messages
//! stand on the node's topics, maybe among those of others. A choice of messages that gives the recorded digest is the
//! recorded one: that is proof. Without proof the likeliest are taken, and it is said.

use super::differences::{FieldDifference, message_differences};
use super::source::Source;
use outrider_msgs::{Schema, Tree, Value};
use outrider_runtime::{OutputDigest, payload_digest};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Messages are looked for so long before and after the journal record.
const AROUND_NS: u64 = 3_000_000_000;
/// The most choices of messages that are tried.
const TRIALS: usize = 20_000;
/// The most bytes that are hashed in trying.
const TRIAL_BYTES: usize = 512 << 20;
/// A step publishes no more than this; a record that claims more is not believed.
const OUTPUTS: usize = 64;
/// The most messages of one topic that are considered.
const CANDIDATES: usize = 1_000;

/// What to look for.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// When the journal record was recorded.
    pub log_time_ns: u64,
    /// Topics of the node's outputs by index.
    pub topics: Vec<String>,
    /// Number and digest of the recorded outputs.
    pub recorded: (u32, u64),
    /// What the step gave when it was run again.
    pub replayed: Vec<(usize, Vec<u8>)>,
    /// The last message of every output that was the same again.
    pub last: Vec<Option<u64>>,
}

/// An output of a step that differs.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct OutputDifference {
    /// Its topic.
    pub topic: String,
    /// What is with it.
    pub kind: Kind,
    /// Its number at the publisher as recorded, where it has one; of an extra one that replayed.
    pub sequence: Option<String>,
    /// The first fields that differ.
    pub fields: Vec<FieldDifference>,
    /// How many differ in all.
    pub fields_in_all: usize,
}

/// How an output differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Recorded and replayed, with other content.
    Changed,
    /// Recorded, not replayed.
    Missing,
    /// Replayed, not recorded.
    Extra,
    /// Replayed; the recorded message was not found in the bag.
    NotFound,
}

/// The outputs of a step that differ, and whether the recorded ones are proven by the journal's digest.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Outputs {
    /// The choice of recorded messages gives the digest of the journal.
    pub proven: bool,
    /// Those that differ.
    pub different: Vec<OutputDifference>,
}

#[derive(Default)]
struct Topic {
    type_name: String,
    definition: String,
    messages: Vec<Arc<Vec<u8>>>,
}

/// Finds the recorded outputs and compares, at most `lines` fields an output.
pub fn compare(source: &dyn Source, wanted: &Wanted, lines: usize) -> Outputs {
    let topics = candidates(source, wanted);
    let choice = choose(wanted, &topics);
    let proven = choice.is_some();
    let recorded: Vec<(usize, Option<Arc<Vec<u8>>>)> = choice.map_or_else(
        || likeliest(wanted, &topics),
        |chosen| chosen.into_iter().map(|(output, bytes)| (output, Some(bytes))).collect(),
    );
    Outputs { proven, different: pair(wanted, &topics, &recorded, lines) }
}

/// The messages on every output topic near the step, after the last that is known to belong to an earlier step.
fn candidates(source: &dyn Source, wanted: &Wanted) -> Vec<Topic> {
    let (from, to) =
        (wanted.log_time_ns.saturating_sub(AROUND_NS), wanted.log_time_ns.saturating_add(AROUND_NS));
    let mut topics: Vec<Topic> = wanted.topics.iter().map(|_| Topic::default()).collect();
    let index: BTreeMap<&str, usize> =
        wanted.topics.iter().enumerate().map(|(i, t)| (t.as_str(), i)).collect();
    // Damage was told when the bag was first read.
    let _ = source.read(&|topic, _| index.contains_key(topic), &mut |record| {
        let Some(output) = index.get(record.topic) else { return ControlFlow::Continue(()) };
        let Some(topic) = topics.get_mut(*output) else { return ControlFlow::Continue(()) };
        if topic.type_name.is_empty() {
            record.type_name.clone_into(&mut topic.type_name);
            record.definition.clone_into(&mut topic.definition);
        }
        if record.log_time_ns < from {
            return ControlFlow::Continue(());
        }
        let last = wanted.last.get(*output).copied().flatten();
        if last == Some(payload_digest(&record.bytes)) {
            topic.messages.clear();
        } else if topic.messages.len() < CANDIDATES {
            topic.messages.push(Arc::new(record.bytes.into_owned()));
        }
        if record.log_time_ns > to { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    topics
}

/// The recorded outputs, proven by their digest.
fn choose(wanted: &Wanted, topics: &[Topic]) -> Option<Vec<(usize, Arc<Vec<u8>>)>> {
    let length = wanted.recorded.0 as usize;
    if length > OUTPUTS {
        return None;
    }
    let replayed: Vec<usize> = wanted.replayed.iter().map(|(output, _)| *output).collect();
    let mut budget = (TRIALS, TRIAL_BYTES);
    if replayed.len() == length
        && let Some(found) = try_order(wanted, topics, &replayed, &mut budget)
    {
        return Some(found);
    }
    let used: Vec<usize> =
        (0..topics.len()).filter(|i| topics.get(*i).is_some_and(|t| !t.messages.is_empty())).collect();
    // Every order of topics of that length, counted up like digits.
    let mut digits = vec![0_usize; length];
    loop {
        let order: Option<Vec<usize>> = digits.iter().map(|d| used.get(*d).copied()).collect();
        if let Some(found) = try_order(wanted, topics, &order?, &mut budget) {
            return Some(found);
        }
        if budget.0 == 0 || budget.1 == 0 {
            return None;
        }
        let place = digits.iter().rposition(|d| d + 1 < used.len())?;
        digits.iter_mut().skip(place + 1).for_each(|d| *d = 0);
        *digits.get_mut(place)? += 1;
    }
}

/// Takes the first messages of each topic in this order; then those from the second on, and so forth: an earlier one may
/// be somebody else's.
fn try_order(
    wanted: &Wanted,
    topics: &[Topic],
    order: &[usize],
    budget: &mut (usize, usize),
) -> Option<Vec<(usize, Arc<Vec<u8>>)>> {
    for start in 0..4 {
        let mut counts = BTreeMap::<usize, usize>::new();
        let mut chosen = Vec::with_capacity(order.len());
        let mut digest = OutputDigest::default();
        for output in order {
            let count = counts.entry(*output).or_insert(start);
            let bytes = topics.get(*output)?.messages.get(*count)?;
            *count += 1;
            digest.add(*output, payload_digest(bytes));
            budget.1 = budget.1.saturating_sub(bytes.len());
            chosen.push((*output, bytes.clone()));
        }
        budget.0 = budget.0.saturating_sub(1);
        if digest.finish() == wanted.recorded {
            return Some(chosen);
        }
        if budget.0 == 0 || budget.1 == 0 || order.is_empty() {
            return None;
        }
    }
    None
}

/// Without proof: of each topic the message with the number of the replayed one, else the next.
fn likeliest(wanted: &Wanted, topics: &[Topic]) -> Vec<(usize, Option<Arc<Vec<u8>>>)> {
    let mut counts = BTreeMap::<usize, usize>::new();
    let mut found = Vec::new();
    for (output, bytes) in &wanted.replayed {
        let count = counts.entry(*output).or_default();
        let recorded = topics.get(*output).and_then(|topic| {
            let number = sequence(&topic.type_name, &topic.definition, bytes);
            match number {
                Some(number) => topic
                    .messages
                    .iter()
                    .find(|m| sequence(&topic.type_name, &topic.definition, m).as_ref() == Some(&number)),
                None => topic.messages.get(*count),
            }
        });
        *count += 1;
        found.push((*output, recorded.cloned()));
    }
    found
}

fn pair(
    wanted: &Wanted,
    topics: &[Topic],
    recorded: &[(usize, Option<Arc<Vec<u8>>>)],
    lines: usize,
) -> Vec<OutputDifference> {
    let mut different = Vec::new();
    for (output, name) in wanted.topics.iter().enumerate() {
        let empty = Topic::default();
        let topic = topics.get(output).unwrap_or(&empty);
        let mut left: Vec<_> =
            recorded.iter().filter(|(o, _)| *o == output).map(|(_, b)| b.clone()).collect();
        left.reverse();
        let number = |bytes: &[u8]| sequence(&topic.type_name, &topic.definition, bytes);
        let bare = |kind, sequence| OutputDifference {
            topic: name.clone(),
            kind,
            sequence,
            fields: Vec::new(),
            fields_in_all: 0,
        };
        for (_, bytes) in wanted.replayed.iter().filter(|(o, _)| *o == output) {
            match left.pop() {
                Some(Some(was)) if was[..] == bytes[..] => {}
                Some(Some(was)) => {
                    let (fields, fields_in_all) =
                        message_differences(&topic.type_name, &topic.definition, &was, bytes, lines);
                    different.push(OutputDifference {
                        fields,
                        fields_in_all,
                        ..bare(Kind::Changed, number(&was))
                    });
                }
                Some(None) => different.push(bare(Kind::NotFound, number(bytes))),
                None => different.push(bare(Kind::Extra, number(bytes))),
            }
        }
        for was in left.into_iter().rev().flatten() {
            different.push(bare(Kind::Missing, number(&was)));
        }
    }
    different
}

/// The number that a message bears, with the run of its publisher where it says so.
pub fn sequence(type_name: &str, definition: &str, bytes: &[u8]) -> Option<String> {
    if !definition.contains("sequence") && !definition.contains("uint64 number") {
        return None;
    }
    let schema = Schema::parse(type_name, definition).ok()?;
    let tree = schema.tree(bytes).ok()?;
    match tree.get("sequence").or_else(|| tree.get("number")).and_then(Tree::value)? {
        number @ (Value::Unsigned(_) | Value::Signed(_)) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_that_claims_any_number_of_outputs_is_not_believed() {
        let wanted = |count| Wanted {
            log_time_ns: 0,
            topics: vec!["/a".into()],
            recorded: (count, 1),
            replayed: Vec::new(),
            last: vec![None],
        };
        for count in [2, OUTPUTS as u32 + 1, u32::MAX] {
            let outputs = compare(&super::super::source::Evidence::default(), &wanted(count), 1);
            assert_eq!(outputs, Outputs::default());
        }
    }
}
