//! A node without a journal, run from the topics of a bag in the order of recording, with its own wake-ups.
//!
//! These are not the recorded decisions: in which order and in which step the node took its messages is not known. What
//! comes out is compared as statistics.

use super::source::Source;
use outrider_foundation::{Instant, Now, Stamp};
use outrider_msgs::rosgraph_msgs::Clock;
use outrider_msgs::{Message as _, Schema, Tree, Value};
use outrider_runtime::HostedNode;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

/// The most steps between two messages; beyond it the run is given up.
const STEP_LIMIT: u64 = 1_000_000;
/// The most fields of a topic that are told.
const FIELDS_TOLD: usize = 6;

/// A field that differed.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct FieldStatistics {
    /// Which.
    pub path: String,
    /// In how many of the compared messages it differed.
    pub different: u64,
    /// Mean of the absolute differences over all compared messages, where it is a number.
    pub mean: Option<f64>,
    /// The greatest.
    pub greatest: Option<f64>,
}

/// An output.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct TopicStatistics {
    /// Its topic.
    pub topic: String,
    /// Messages in the bag.
    pub recorded: u64,
    /// Messages that came out.
    pub replayed: u64,
    /// Recorded messages that were compared with the newest that had come out by then.
    pub compared: u64,
    /// Of these with the same fields, save stamps, numbers and digests.
    pub equal: u64,
    /// The fields that differed most often.
    pub fields: Vec<FieldStatistics>,
}

/// What came out of a run from topics.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct FromTopics {
    /// Which node.
    pub node: String,
    /// Steps made.
    pub steps: u64,
    /// Messages handed over.
    pub messages: u64,
    /// Inputs that the bag has no message of.
    pub absent: Vec<String>,
    /// By output.
    pub topics: Vec<TopicStatistics>,
    /// Why it ended early; empty when it did not.
    pub stopped: String,
}

#[derive(Default)]
struct Output {
    statistics: TopicStatistics,
    newest: Option<Vec<u8>>,
    schema: Option<Schema>,
    /// By path: how often it differed, the sum and the greatest of its differences, and whether it is a number.
    fields: BTreeMap<String, (u64, f64, f64, bool)>,
}

struct Run<'a> {
    node: &'a mut dyn HostedNode,
    outputs: Vec<Output>,
    result: FromTopics,
    /// ROS time ahead of recording time, ns: the bag of a run on simulated time tells by its `/clock`.
    ros_ahead_ns: i64,
}

/// Runs `node` over everything its inputs had.
pub fn run_from_topics(source: &dyn Source, node: &mut dyn HostedNode, names: &Names) -> FromTopics {
    let output = |topic: &String| Output {
        statistics: TopicStatistics { topic: topic.clone(), ..TopicStatistics::default() },
        ..Output::default()
    };
    let result = FromTopics { node: node.spec().name.clone(), ..FromTopics::default() };
    let mut run = Run { node, outputs: names.outputs.iter().map(output).collect(), result, ros_ahead_ns: 0 };
    let mut seen = vec![0_u64; names.inputs.len()];
    let mut started = false;
    let wants = |topic: &str, type_name: &str| {
        type_name == Clock::TYPE_NAME || names.inputs.iter().chain(&names.outputs).any(|t| t == topic)
    };
    let damage = source.read(&wants, &mut |record| {
        let at_ns = i64::try_from(record.log_time_ns).unwrap_or(i64::MAX);
        if record.type_name == Clock::TYPE_NAME
            && let Ok(Clock { clock }) = outrider_msgs::decode(&record.bytes)
        {
            let ros_ns = i64::from(clock.sec).saturating_mul(1_000_000_000) + i64::from(clock.nanosec);
            run.ros_ahead_ns = ros_ns.saturating_sub(at_ns);
        }
        if let Some(output) = names.outputs.iter().position(|t| t == record.topic) {
            run.wake_until(at_ns);
            run.compare(output, record.type_name, record.definition, &record.bytes);
        }
        if let Some(input) = names.inputs.iter().position(|t| t == record.topic) {
            if let Some(count) = seen.get_mut(input) {
                *count += 1;
            }
            if !std::mem::replace(&mut started, true) {
                run.step(at_ns);
            }
            run.wake_until(at_ns);
            run.node.deliver(input, Instant::from_nanos(at_ns), &record.bytes);
            run.result.messages += 1;
            run.step(at_ns);
        }
        if run.result.stopped.is_empty() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    let mut result = run.finish();
    let absent = names.inputs.iter().zip(&seen).filter(|(_, count)| **count == 0);
    result.absent = absent.map(|(topic, _)| topic.clone()).collect();
    if result.stopped.is_empty() && !damage.is_empty() {
        result.stopped = format!("parts of the bag could not be read: {}", damage.join("; "));
    }
    result
}

/// Topics of a node as they are called in the bag.
pub struct Names {
    /// By input index.
    pub inputs: Vec<String>,
    /// By output index.
    pub outputs: Vec<String>,
}

impl Names {
    /// In the root namespace.
    pub fn of(node: &dyn HostedNode) -> Self {
        let names = |topics: &[outrider_runtime::Topic]| topics.iter().map(|t| t.absolute_name()).collect();
        Self { inputs: names(node.inputs()), outputs: names(node.outputs()) }
    }
}

impl Run<'_> {
    fn wake_until(&mut self, at_ns: i64) {
        let mut steps = 0;
        while let Some(wakeup) =
            self.node.next_wakeup().filter(|w| w.nanos() < at_ns && self.result.steps > 0)
        {
            steps += 1;
            if steps > STEP_LIMIT {
                self.result.stopped = format!("more than {STEP_LIMIT} steps between two messages");
                return;
            }
            self.step(wakeup.nanos());
        }
    }

    fn step(&mut self, at_ns: i64) {
        let now = Now {
            mono: Instant::from_nanos(at_ns),
            ros: Stamp::from_nanos(at_ns.saturating_add(self.ros_ahead_ns)),
        };
        let outputs = &mut self.outputs;
        self.node.step(now, &mut |index, bytes, _| {
            if let Some(output) = outputs.get_mut(index) {
                output.statistics.replayed += 1;
                output.newest = Some(bytes);
            }
        });
        self.result.steps += 1;
    }

    fn compare(&mut self, output: usize, type_name: &str, definition: &str, recorded: &[u8]) {
        let Some(output) = self.outputs.get_mut(output) else { return };
        output.statistics.recorded += 1;
        if output.schema.is_none() {
            output.schema = Schema::parse(type_name, definition).ok();
        }
        let (Some(schema), Some(newest)) = (&output.schema, &output.newest) else { return };
        let (Ok(was), Ok(is)) = (schema.tree(recorded), schema.tree(newest)) else { return };
        output.statistics.compared += 1;
        let mut equal = true;
        note(&mut output.fields, &mut equal, "", &was, &is);
        output.statistics.equal += u64::from(equal);
    }

    fn finish(mut self) -> FromTopics {
        self.result.topics = self.outputs.into_iter().map(Output::finish).collect();
        self.result
    }
}

impl Output {
    #[allow(clippy::cast_precision_loss, reason = "statistics")]
    fn finish(mut self) -> TopicStatistics {
        let compared = self.statistics.compared.max(1) as f64;
        let mut fields: Vec<FieldStatistics> = self
            .fields
            .into_iter()
            .map(|(path, (different, sum, greatest, number))| FieldStatistics {
                path,
                different,
                mean: number.then_some(sum / compared),
                greatest: number.then_some(greatest),
            })
            .collect();
        fields.sort_by(|a, b| (b.different, &a.path).cmp(&(a.different, &b.path)));
        fields.truncate(FIELDS_TOLD);
        self.statistics.fields = fields;
        self.statistics
    }
}

/// What says when and by whom, not what: it cannot be the same.
fn is_of_the_record(name: &str) -> bool {
    name.contains("stamp")
        || name.contains("sequence")
        || name.contains("boot_id")
        || name.contains("digest")
        || name == "number"
        || name == "mac"
}

fn note(
    fields: &mut BTreeMap<String, (u64, f64, f64, bool)>,
    equal: &mut bool,
    path: &str,
    was: &Tree,
    is: &Tree,
) {
    match (was, is) {
        (Tree::Fields(a), Tree::Fields(b)) => {
            for ((name, x), (_, y)) in a.iter().zip(b).filter(|((name, _), _)| !is_of_the_record(name)) {
                let dot = if path.is_empty() { "" } else { "." };
                note(fields, equal, &format!("{path}{dot}{name}"), x, y);
            }
        }
        _ if was.same(is) => {}
        _ => {
            *equal = false;
            let entry = fields.entry(path.to_owned()).or_default();
            entry.0 += 1;
            let number = |tree: &Tree| tree.value().and_then(Value::number);
            if let (Some(a), Some(b)) = (number(was), number(is)) {
                // Infinity stands for "none" in places: that it differs is told by the count.
                let by = if (a - b).is_finite() { (a - b).abs() } else { 0.0 };
                (entry.1, entry.2, entry.3) = (entry.1 + by, entry.2.max(by), true);
            }
        }
    }
}
