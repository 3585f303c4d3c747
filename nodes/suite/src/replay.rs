//! Runs every node of a bag again from its tick journal and compares what comes out.

use crate::assemble::{AssembleError, PERMIT_KEY, assemble};
use outrider_foundation::{Instant, Now, Stamp};
use outrider_msgs::outrider_msgs::{NodeInfo, Tick};
use outrider_runtime::{HostedNode, Resources, Secret, payload_digest};
use std::collections::BTreeMap;

/// Everything of a bag that a replay needs.
#[derive(Default)]
pub struct Evidence {
    infos: Vec<NodeInfo>,
    ticks: Vec<Tick>,
    /// By digest: topics may have been remapped, bytes are the same.
    messages: BTreeMap<u64, Vec<u8>>,
}

impl Evidence {
    /// Takes a message of the bag in. Journals and node infos are told by their type.
    ///
    /// # Errors
    /// When a journal record cannot be decoded.
    pub fn add(&mut self, type_name: &str, bytes: Vec<u8>) -> Result<(), outrider_msgs::CodecError> {
        match type_name {
            "outrider_msgs/msg/Tick" => self.ticks.push(outrider_msgs::decode(&bytes)?),
            "outrider_msgs/msg/NodeInfo" => {
                let info: NodeInfo = outrider_msgs::decode(&bytes)?;
                let known = self.infos.iter().any(|i| i.node == info.node && i.boot_id == info.boot_id);
                if !known {
                    self.infos.push(info);
                }
            }
            _ => {
                let digest = payload_digest(&bytes);
                self.messages.entry(digest).or_insert(bytes);
            }
        }
        Ok(())
    }

    /// Runs of nodes that the bag tells of.
    pub fn runs(&self) -> &[NodeInfo] {
        &self.infos
    }
}

/// Where a replayed step differed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Number of the step.
    pub tick: u64,
    /// Its time on the monotonic clock, ns.
    pub monotonic_ns: i64,
    /// Topics of the messages that it consumed.
    pub inputs: Vec<String>,
    /// Outputs and digest as recorded.
    pub recorded: (u32, u64),
    /// Outputs and digest as replayed.
    pub replayed: (u32, u64),
    /// Topics of the replayed outputs whose bytes are not in the bag.
    pub new_outputs: Vec<String>,
}

/// How the replay of one run of one node went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Which node.
    pub node: String,
    /// Which run.
    pub boot_id: u64,
    /// Build that recorded it.
    pub build: String,
    /// Steps run again.
    pub steps: u64,
    /// Of these with the same outputs.
    pub identical: u64,
    /// The first that differed.
    pub difference: Option<Difference>,
    /// Why the replay ended early; empty when it did not.
    pub stopped: String,
}

impl Outcome {
    /// All steps there are were run again and gave the same.
    pub fn is_identical(&self) -> bool {
        self.stopped.is_empty() && self.steps > 0 && self.identical == self.steps
    }
}

/// Replays one run of one node.
///
/// # Errors
/// When the node cannot be built from what the bag holds.
pub fn replay(evidence: &Evidence, info: &NodeInfo) -> Result<Outcome, AssembleError> {
    replay_with_key(evidence, info, None)
}

/// As [`replay`]; with the key that permits carried a code of, which no bag holds.
///
/// # Errors
/// As [`replay`], and when a key is needed and not given, or is not the one of the record.
pub fn replay_with_key(
    evidence: &Evidence,
    info: &NodeInfo,
    key: Option<&Secret>,
) -> Result<Outcome, AssembleError> {
    let mut resources = Resources::new();
    for (role, content) in info.resource_names.iter().zip(&info.resource_contents) {
        resources.insert(role, content.clone(), format!("{role} of {} in the bag", info.node));
    }
    let has_key = resources.iter().any(|(role, _)| role == PERMIT_KEY);
    if let Some(key) = key.filter(|_| has_key) {
        resources.unlock(PERMIT_KEY, key)?;
    }
    let mut node = assemble(&info.node, resources, info.boot_id)?;
    let mut ticks: Vec<&Tick> =
        evidence.ticks.iter().filter(|t| t.node == info.node && t.boot_id == info.boot_id).collect();
    ticks.sort_by_key(|t| t.tick);
    let mut outcome = Outcome {
        node: info.node.clone(),
        boot_id: info.boot_id,
        build: info.build.clone(),
        steps: 0,
        identical: 0,
        difference: None,
        stopped: if ticks.is_empty() {
            "the bag has no tick journal of this node".to_owned()
        } else {
            String::new()
        },
    };
    for (expected, tick) in (1u64..).zip(ticks) {
        if tick.tick != expected {
            outcome.stopped = format!(
                "tick {expected} is not in the bag (the next is {}): the state after it is unknown",
                tick.tick
            );
            break;
        }
        if let Err(missing) = deliver(evidence, info, node.as_mut(), tick) {
            outcome.stopped = missing;
            break;
        }
        run_again(evidence, info, node.as_mut(), tick, &mut outcome);
    }
    Ok(outcome)
}

fn deliver(
    evidence: &Evidence,
    info: &NodeInfo,
    node: &mut dyn HostedNode,
    tick: &Tick,
) -> Result<(), String> {
    for input in &tick.inputs {
        let topic = input_name(info, input.input);
        let bytes = evidence.messages.get(&input.digest).ok_or_else(|| {
            format!(
                "tick {}: a message of {topic} that it consumed is not in the bag (digest {:016x})",
                tick.tick, input.digest
            )
        })?;
        node.deliver(usize::from(input.input), Instant::from_nanos(input.received), bytes);
    }
    Ok(())
}

fn input_name(info: &NodeInfo, input: u16) -> &str {
    info.inputs.get(usize::from(input)).map_or("?", String::as_str)
}

fn run_again(
    evidence: &Evidence,
    info: &NodeInfo,
    node: &mut dyn HostedNode,
    tick: &Tick,
    outcome: &mut Outcome,
) {
    let now = Now { mono: Instant::from_nanos(tick.monotonic), ros: Stamp::from_nanos(tick.ros) };
    let mut outputs: Vec<(usize, Vec<u8>)> = Vec::new();
    let again = node.step(now, &mut |output, bytes| outputs.push((output, bytes.to_vec())));
    outcome.steps += 1;
    let (recorded, replayed) = ((tick.outputs, tick.output_digest), (again.outputs, again.output_digest));
    if recorded == replayed {
        outcome.identical += 1;
    } else if outcome.difference.is_none() {
        let name = |output: usize| info.outputs.get(output).cloned().unwrap_or_default();
        let unknown =
            |(_, bytes): &&(usize, Vec<u8>)| !evidence.messages.contains_key(&payload_digest(bytes));
        outcome.difference = Some(Difference {
            tick: tick.tick,
            monotonic_ns: tick.monotonic,
            inputs: tick.inputs.iter().map(|i| input_name(info, i.input).to_owned()).collect(),
            recorded,
            replayed,
            new_outputs: outputs.iter().filter(unknown).map(|(output, _)| name(*output)).collect(),
        });
    }
}
