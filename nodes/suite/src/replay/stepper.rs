//! Runs the steps of one run of a node again and compares with the journal.

use super::effect::Effect;
use super::feed::{RunSummary, Step};
use super::recorded::{Outputs, Wanted};
use outrider_foundation::{Instant, Now, Stamp};
use outrider_msgs::outrider_msgs::{NodeInfo, Tick};
use outrider_runtime::{HostedNode, payload_digest};

/// A message that a step consumed.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct ConsumedInput {
    /// Its topic.
    pub topic: String,
    /// Its number at the publisher, where it has one.
    pub sequence: Option<String>,
    /// XXH3-64 of its bytes, in hexadecimal.
    pub digest: String,
}

/// Where a replayed step differed.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Difference {
    /// Number of the step.
    pub tick: u64,
    /// Its time on the node's monotonic clock, ns.
    pub monotonic_ns: i64,
    /// Its time on the ROS clock, ns.
    pub ros_ns: i64,
    /// When its journal record was recorded, ns.
    pub log_time_ns: u64,
    /// The messages that it consumed, in that order.
    pub inputs: Vec<ConsumedInput>,
    /// Number and digest of outputs as recorded.
    #[serde(serialize_with = "count_and_digest")]
    pub recorded: (u32, u64),
    /// And as replayed.
    #[serde(serialize_with = "count_and_digest")]
    pub replayed: (u32, u64),
    /// The outputs that differ, field by field; empty until they were looked up in the bag.
    pub outputs: Outputs,
}

/// JSON readers round whole numbers of 64 bits.
fn hexadecimal<S: serde::Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{number:016x}"))
}

fn count_and_digest<S: serde::Serializer>(pair: &(u32, u64), serializer: S) -> Result<S::Ok, S::Error> {
    serde::Serialize::serialize(&(pair.0, format!("{:016x}", pair.1)), serializer)
}

/// How the replay of one run of one node went.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct Outcome {
    /// Which node.
    pub node: String,
    /// Which run.
    #[serde(serialize_with = "hexadecimal")]
    pub boot_id: u64,
    /// Build that recorded it.
    pub build: String,
    /// Steps run again.
    pub steps: u64,
    /// Of these with the same outputs.
    pub identical: u64,
    /// The first that differed.
    pub difference: Option<Difference>,
    /// Steps in the bag that could not be run again.
    pub not_run: u64,
    /// Journal records that are in the bag once more.
    pub recorded_twice: u64,
    /// Why; empty when all were.
    pub stopped: String,
    /// Why the last steps of the recording could not be run, when these are the only ones; empty when all could.
    pub at_end: String,
    /// What another configuration would have changed, when asked for.
    pub effect: Option<Effect>,
}

impl Outcome {
    /// All steps there are were run again and gave the same.
    pub fn is_identical(&self) -> bool {
        self.stopped.is_empty() && self.steps > 0 && self.identical == self.steps
    }

    /// Of a run that could not be started.
    pub fn not_started(info: &NodeInfo, why: String) -> Self {
        let (node, build) = (info.node.clone(), info.build.clone());
        Self { node, boot_id: info.boot_id, build, stopped: why, ..Self::default() }
    }

    /// Adds what the bag says of the run.
    pub fn complete(&mut self, summary: &RunSummary) {
        (self.node, self.boot_id) = (summary.node.clone(), summary.boot_id);
        self.not_run = summary.ticks.saturating_sub(self.steps);
        self.recorded_twice = summary.copies;
        if self.stopped.is_empty() {
            self.stopped = if summary.ticks == 0 {
                format!("the bag has no {}/journal of this run", summary.node)
            } else {
                self.at_end.clone_from(&summary.at_end);
                summary.stopped.clone()
            };
        }
    }
}

/// One node that is run again.
pub struct Stepper {
    info: NodeInfo,
    node: Box<dyn HostedNode>,
    other: Option<(Box<dyn HostedNode>, Effect)>,
    outcome: Outcome,
    outputs: Buffers,
    other_outputs: Buffers,
    /// Of every output the last message that was the same again.
    last: Vec<Vec<u8>>,
    wanted: Option<Wanted>,
}

impl Stepper {
    /// Runs `node` as `info` says it was started; beside it, where given, the same node with another configuration.
    pub fn new(info: NodeInfo, node: Box<dyn HostedNode>, other: Option<Box<dyn HostedNode>>) -> Self {
        let other = other.map(|other| (other, Effect::new(&info)));
        let outcome = Outcome {
            node: info.node.clone(),
            boot_id: info.boot_id,
            build: info.build.clone(),
            ..Outcome::default()
        };
        let last = vec![Vec::new(); info.outputs.len()];
        Self {
            info,
            node,
            other,
            outcome,
            outputs: Buffers::default(),
            other_outputs: Buffers::default(),
            last,
            wanted: None,
        }
    }

    /// Runs one step again.
    pub fn step(&mut self, step: &Step) {
        let recorded = (step.tick.outputs, step.tick.output_digest);
        self.outputs.clear();
        let replayed = run(self.node.as_mut(), step, &mut self.outputs);
        self.outcome.steps += 1;
        if recorded == replayed {
            self.outcome.identical += 1;
        } else if self.outcome.difference.is_none() {
            self.note(step, recorded, replayed);
        }
        if let Some((other, effect)) = &mut self.other {
            self.other_outputs.clear();
            run(other.as_mut(), step, &mut self.other_outputs);
            effect.compare(step, &self.outputs, &self.other_outputs);
        }
        if self.outcome.difference.is_none() {
            self.outputs.keep_last(&mut self.last);
        }
    }

    /// What came out; and, for the first difference, what to look for in the bag.
    pub fn finish(mut self) -> (Outcome, Option<Wanted>) {
        self.outcome.effect = self.other.map(|(_, effect)| effect);
        (self.outcome, self.wanted)
    }

    fn note(&mut self, step: &Step, recorded: (u32, u64), replayed: (u32, u64)) {
        self.wanted = Some(Wanted {
            log_time_ns: step.log_time_ns,
            topics: self.info.outputs.clone(),
            recorded,
            replayed: self.outputs.iter().map(|(o, b)| (o, b.to_vec())).collect(),
            last: self.last.iter().map(|b| (!b.is_empty()).then(|| payload_digest(b))).collect(),
        });
        self.outcome.difference = Some(Difference {
            tick: step.tick.tick,
            monotonic_ns: step.tick.monotonic,
            ros_ns: step.tick.ros,
            log_time_ns: step.log_time_ns,
            inputs: consumed(&self.info, step),
            recorded,
            replayed,
            outputs: Outputs::default(),
        });
    }
}

/// What a step consumed, by topic and number.
pub fn consumed(info: &NodeInfo, step: &Step) -> Vec<ConsumedInput> {
    let one = |(input, bytes): (&outrider_msgs::outrider_msgs::TickInput, &std::sync::Arc<Vec<u8>>)| {
        let index = usize::from(input.input);
        let type_name = info.input_types.get(index).map_or("", String::as_str);
        let definition = outrider_msgs::definition_of(type_name).unwrap_or_default();
        ConsumedInput {
            topic: info.inputs.get(index).cloned().unwrap_or_else(|| format!("input {index}")),
            sequence: super::recorded::sequence(type_name, definition, bytes),
            digest: format!("{:016x}", input.digest),
        }
    };
    step.tick.inputs.iter().zip(&step.inputs).map(one).collect()
}

fn run(node: &mut dyn HostedNode, step: &Step, outputs: &mut Buffers) -> (u32, u64) {
    for (input, bytes) in step.tick.inputs.iter().zip(&step.inputs) {
        let received = Instant::from_nanos(input.received);
        // By this digest, reckoned over these bytes, the feed has found them.
        node.deliver_digested(usize::from(input.input), received, bytes, input.digest);
    }
    let now = Now { mono: Instant::from_nanos(step.tick.monotonic), ros: Stamp::from_nanos(step.tick.ros) };
    let tick: &Tick = node.step(now, &mut |output, bytes, _| outputs.add(output, &bytes));
    (tick.outputs, tick.output_digest)
}

/// Outputs of one step, in buffers that are used again.
#[derive(Default)]
pub struct Buffers {
    used: usize,
    buffers: Vec<(usize, Vec<u8>)>,
}

impl Buffers {
    fn clear(&mut self) {
        self.used = 0;
    }

    fn add(&mut self, output: usize, bytes: &[u8]) {
        if self.used == self.buffers.len() {
            self.buffers.push((0, Vec::new()));
        }
        if let Some(buffer) = self.buffers.get_mut(self.used) {
            buffer.0 = output;
            buffer.1.clear();
            buffer.1.extend_from_slice(bytes);
        }
        self.used += 1;
    }

    /// Output index and bytes, in order.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &[u8])> {
        self.buffers.iter().take(self.used).map(|(output, bytes)| (*output, bytes.as_slice()))
    }

    fn keep_last(&mut self, last: &mut [Vec<u8>]) {
        for (output, bytes) in self.buffers.iter_mut().take(self.used) {
            if let Some(place) = last.get_mut(*output) {
                std::mem::swap(place, bytes);
            }
        }
    }
}
