//! A core with its topics: bytes in, bytes out, one journal record a step.

use crate::BUILD;
use crate::config::Resources;
use crate::journal::{OutputDigest, payload_digest};
use crate::tallies::Tallies;
use crate::topic::Topic;
use outrider_foundation::{Instant, Node, Now, Outbox, Span, Stamp, Stamped};
use outrider_msgs::builtin_interfaces::Time;
use outrider_msgs::diagnostic_msgs::{DiagnosticArray, DiagnosticStatus, KeyValue};
use outrider_msgs::outrider_msgs::{NodeInfo, Tick, TickInput};
use outrider_msgs::std_msgs::Header;
use outrider_msgs::{CodecError, Message};

/// The most messages that one step consumes; beyond it the newest is refused and counted.
pub const PENDING_LIMIT: usize = 512;
/// The most outputs of one step.
const OUTPUT_LIMIT: usize = 64;
/// Names in `/diagnostics` begin so.
const HEALTH: &str = "outrider: ";

/// Where outputs go: index into the node's outputs, and the encoded message.
pub type Sink<'a> = dyn FnMut(usize, Vec<u8>) + 'a;

/// As [`Sink`], with the [`payload_digest`] of the bytes.
pub type Outputs<'a> = dyn FnMut(usize, Vec<u8>, u64) + 'a;

/// What came of decoding one message.
#[derive(Debug)]
pub struct Decoded<I> {
    /// The inputs it means to the core.
    pub inputs: Inputs<I>,
    /// Run and number of the message at its publisher, where it has them.
    pub sequence: Option<(u64, u64)>,
}

/// What one message means to a core.
#[derive(Debug)]
pub enum Inputs<I> {
    /// As almost always.
    One(I),
    /// Any number, in order.
    Many(Vec<I>),
}

impl<I> Decoded<I> {
    /// One input from a message without a number.
    pub fn one(input: I) -> Self {
        Self { inputs: Inputs::One(input), sequence: None }
    }

    /// One input from a numbered message.
    pub fn numbered(input: I, boot_id: u64, sequence: u64) -> Self {
        Self { inputs: Inputs::One(input), sequence: Some((boot_id, sequence)) }
    }
}

/// Health of a core, for `/diagnostics`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    /// A level of `DiagnosticStatus`.
    pub level: u8,
    /// One line.
    pub message: String,
    /// Details.
    pub values: Vec<(String, String)>,
}

/// Ties a core to topics. Has no state that an output depends on, save its configuration.
pub trait Binding {
    /// The core.
    type Core: Node;

    /// What it listens to, in the order of input indices.
    fn inputs(&self) -> Vec<Topic>;

    /// What it publishes, in the order of output indices.
    fn outputs(&self) -> Vec<Topic>;

    /// Validates a message and turns it into what the core takes.
    ///
    /// # Errors
    /// A sentence that names the field and value that cannot be.
    fn decode(&self, input: usize, bytes: &[u8]) -> Result<Decoded<<Self::Core as Node>::Input>, String>;

    /// What the core is told of a message that was refused.
    fn rejected(&self, topic: &str, reason: String) -> <Self::Core as Node>::Input;

    /// Encodes an output as any number of messages.
    ///
    /// # Errors
    /// When a message cannot be encoded.
    fn encode(&self, output: <Self::Core as Node>::Output, sink: &mut Sink) -> Result<(), CodecError>;

    /// Health of the core.
    fn diagnose(&self, core: &Self::Core) -> Diagnosis;

    /// As [`HostedNode::may_end`].
    fn may_end(&self, _core: &Self::Core) -> bool {
        true
    }

    /// As [`HostedNode::way_down`].
    fn way_down(&self, _core: &Self::Core) -> Span {
        Span::ZERO
    }
}

/// What a node is called and was started with.
#[derive(Clone, Debug)]
pub struct NodeSpec {
    /// Its name.
    pub name: String,
    /// Which run of it; never zero.
    pub boot_id: u64,
    /// Every file that went into it.
    pub resources: Resources,
}

/// A core that can be run, whatever its type.
pub trait HostedNode {
    /// What it is called and was started with.
    fn spec(&self) -> &NodeSpec;
    /// What it listens to.
    fn inputs(&self) -> &[Topic];
    /// What it publishes.
    fn outputs(&self) -> &[Topic];
    /// Hands it a message that arrived at `received`, to be consumed by the next step.
    fn deliver(&mut self, input: usize, received: Instant, bytes: &[u8]) {
        self.deliver_digested(input, received, bytes, payload_digest(bytes));
    }
    /// As [`Self::deliver`], for who has the [`payload_digest`] of `bytes` already.
    fn deliver_digested(&mut self, input: usize, received: Instant, bytes: &[u8], digest: u64);
    /// Consumes what was delivered. What comes out goes to `outputs`; the journal record of the step comes back, its duration zero. It
    /// is the node's own, used again at the next step.
    fn step(&mut self, now: Now, outputs: &mut Outputs) -> &mut Tick;
    /// Something was delivered that no step has consumed.
    fn has_input(&self) -> bool;
    /// When it wants to be stepped although nothing arrives.
    fn next_wakeup(&self) -> Option<Instant>;
    /// Health of the node, losses and refusals included.
    fn diagnose(&self) -> Diagnosis;
    /// Whether its process may end now. A node that may not yet is to be told that it is to end, and to be stepped on.
    fn may_end(&self) -> bool;
    /// How long that takes at most, stepped whenever it wants to be.
    fn way_down(&self) -> Span;
}

/// A node around another one, which does everything that is not said here.
pub trait Around {
    /// The other one.
    fn inner(&self) -> &dyn HostedNode;
    /// The other one.
    fn inner_mut(&mut self) -> &mut dyn HostedNode;
    /// As [`HostedNode::deliver_digested`].
    fn deliver_digested(&mut self, input: usize, received: Instant, bytes: &[u8], digest: u64) {
        self.inner_mut().deliver_digested(input, received, bytes, digest);
    }
    /// As [`HostedNode::step`].
    fn step(&mut self, now: Now, outputs: &mut Outputs) -> &mut Tick;
}

impl<A: Around> HostedNode for A {
    fn spec(&self) -> &NodeSpec {
        self.inner().spec()
    }

    fn inputs(&self) -> &[Topic] {
        self.inner().inputs()
    }

    fn outputs(&self) -> &[Topic] {
        self.inner().outputs()
    }

    fn deliver_digested(&mut self, input: usize, received: Instant, bytes: &[u8], digest: u64) {
        Around::deliver_digested(self, input, received, bytes, digest);
    }

    fn step(&mut self, now: Now, outputs: &mut Outputs) -> &mut Tick {
        Around::step(self, now, outputs)
    }

    fn has_input(&self) -> bool {
        self.inner().has_input()
    }

    fn next_wakeup(&self) -> Option<Instant> {
        self.inner().next_wakeup()
    }

    fn diagnose(&self) -> Diagnosis {
        self.inner().diagnose()
    }

    fn may_end(&self) -> bool {
        self.inner().may_end()
    }

    fn way_down(&self) -> Span {
        self.inner().way_down()
    }
}

/// A core in its host.
pub struct Host<B: Binding> {
    spec: NodeSpec,
    binding: B,
    core: B::Core,
    inputs: Vec<Topic>,
    outputs: Vec<Topic>,
    pending: Vec<Stamped<<B::Core as Node>::Input>>,
    consumed: Vec<TickInput>,
    /// Record of the last step.
    record: Tick,
    tallies: Tallies,
    outbox: Outbox<<B::Core as Node>::Output>,
}

impl<B: Binding> Host<B> {
    /// A core ready to run.
    pub fn new(spec: NodeSpec, binding: B, core: B::Core) -> Self {
        let (inputs, outputs) = (binding.inputs(), binding.outputs());
        Self {
            tallies: Tallies::new(inputs.len()),
            outbox: Outbox::new(OUTPUT_LIMIT),
            pending: Vec::new(),
            consumed: Vec::new(),
            record: Tick { node: spec.name.clone(), boot_id: spec.boot_id, ..Tick::default() },
            spec,
            binding,
            core,
            inputs,
            outputs,
        }
    }
}

impl<B: Binding> HostedNode for Host<B> {
    fn spec(&self) -> &NodeSpec {
        &self.spec
    }

    fn inputs(&self) -> &[Topic] {
        &self.inputs
    }

    fn outputs(&self) -> &[Topic] {
        &self.outputs
    }

    fn deliver_digested(&mut self, input: usize, received: Instant, bytes: &[u8], digest: u64) {
        let (Some(topic), Ok(index)) = (self.inputs.get(input), u16::try_from(input)) else { return };
        if self.consumed.len() >= PENDING_LIMIT {
            self.tallies.overflow(input);
            return;
        }
        self.consumed.push(TickInput { input: index, digest, received: received.nanos() });
        match self.binding.decode(input, bytes) {
            Ok(decoded) => {
                if let Some((boot, number)) = decoded.sequence {
                    self.tallies.numbered(input, boot, number);
                }
                match decoded.inputs {
                    Inputs::One(value) => self.pending.push(Stamped { received, value }),
                    Inputs::Many(values) => {
                        self.pending.extend(values.into_iter().map(|value| Stamped { received, value }));
                    }
                }
            }
            Err(reason) => {
                self.tallies.refuse(input, topic, &reason);
                let value = self.binding.rejected(&topic.name, reason);
                self.pending.push(Stamped { received, value });
            }
        }
    }

    fn step(&mut self, now: Now, outputs: &mut Outputs) -> &mut Tick {
        self.core.step(now, &self.pending, &mut self.outbox);
        self.pending.clear();
        let dropped = u32::try_from(self.outbox.dropped()).unwrap_or(u32::MAX);
        self.tallies.drop_outputs(u64::from(dropped));
        let mut all = OutputDigest::default();
        for output in self.outbox.drain() {
            let mut each = |index: usize, bytes: Vec<u8>| {
                let digest = payload_digest(&bytes);
                all.add(index, digest);
                outputs(index, bytes, digest);
            };
            if let Err(error) = self.binding.encode(output, &mut each) {
                self.tallies.not_encoded(&error);
            }
        }
        self.tallies.step_over(now.mono);
        let record = &mut self.record;
        record.inputs.clear();
        std::mem::swap(&mut record.inputs, &mut self.consumed);
        record.tick += 1;
        (record.monotonic, record.ros) = (now.mono.nanos(), now.ros.nanos());
        (record.outputs, record.output_digest) = all.finish();
        (record.dropped, record.duration) = (dropped, 0);
        record
    }

    fn has_input(&self) -> bool {
        !self.consumed.is_empty()
    }

    fn next_wakeup(&self) -> Option<Instant> {
        self.core.next_wakeup()
    }

    fn diagnose(&self) -> Diagnosis {
        let mut diagnosis = self.binding.diagnose(&self.core);
        diagnosis.values.push(("steps".to_owned(), self.record.tick.to_string()));
        self.tallies.tell(&self.inputs, Instant::from_nanos(self.record.monotonic), &mut diagnosis);
        diagnosis
    }

    fn may_end(&self) -> bool {
        self.binding.may_end(&self.core)
    }

    fn way_down(&self) -> Span {
        self.binding.way_down(&self.core)
    }
}

/// A ROS time as its message.
pub fn time_message(stamp: Stamp) -> Time {
    // What the message cannot tell is told as the first or last time that it can (1901, 2038).
    let first = i64::from(i32::MIN) * 1_000_000_000;
    let last = i64::from(i32::MAX) * 1_000_000_000 + 999_999_999;
    let nanos = stamp.nanos().clamp(first, last);
    Time {
        sec: i32::try_from(nanos.div_euclid(1_000_000_000)).unwrap_or_default(),
        nanosec: u32::try_from(nanos.rem_euclid(1_000_000_000)).unwrap_or_default(),
    }
}

/// A header.
pub fn header(stamp: Stamp, frame: &str) -> Header {
    Header { stamp: time_message(stamp), frame_id: frame.to_owned() }
}

/// Name and hardware id of a node in `/diagnostics`, which the robots of a network share: a namespace tells which robot's it is.
pub fn health_name(node: &str, namespace: &str) -> (String, String) {
    match namespace.trim_matches('/') {
        "" => (format!("{HEALTH}{node}"), "outrider".to_owned()),
        robot => (format!("{HEALTH}{robot}/{node}"), format!("outrider/{robot}")),
    }
}

/// The node that a name in `/diagnostics` is of, without its namespace; `None` of others than Outrider's.
pub fn node_of_health(name: &str) -> Option<&str> {
    let name = name.strip_prefix(HEALTH)?;
    Some(name.rsplit_once('/').map_or(name, |(_, node)| node))
}

/// `/diagnostics` of a node in a namespace.
pub fn diagnostics(node: &dyn HostedNode, namespace: &str, stamp: Stamp) -> DiagnosticArray {
    let (name, hardware_id) = health_name(&node.spec().name, namespace);
    let diagnosis = node.diagnose();
    let values = diagnosis.values.into_iter().map(|(key, value)| KeyValue { key, value }).collect();
    let status =
        DiagnosticStatus { level: diagnosis.level, name, message: diagnosis.message, hardware_id, values };
    DiagnosticArray { header: header(stamp, ""), status: vec![status] }
}

/// What a node was started with, with topic names as `resolve` has them.
pub fn node_info(node: &dyn HostedNode, stamp: Stamp, resolve: impl Fn(&Topic) -> String) -> NodeInfo {
    let spec = node.spec();
    let types = |topics: &[Topic]| topics.iter().map(|t| t.type_name.to_owned()).collect();
    NodeInfo {
        header: header(stamp, ""),
        node: spec.name.clone(),
        boot_id: spec.boot_id,
        build: BUILD.to_owned(),
        inputs: node.inputs().iter().map(&resolve).collect(),
        input_types: types(node.inputs()),
        outputs: node.outputs().iter().map(&resolve).collect(),
        output_types: types(node.outputs()),
        resource_names: spec.resources.iter().map(|(role, _)| role.to_owned()).collect(),
        resource_contents: spec.resources.iter().map(|(_, content)| content.to_owned()).collect(),
        resources_hash: spec.resources.hash(),
    }
}

/// Encodes a message into the sink as output `index`.
///
/// # Errors
/// When it cannot be encoded.
pub fn emit<T: Message>(sink: &mut Sink, index: usize, message: &T) -> Result<(), CodecError> {
    sink(index, outrider_msgs::encode(message)?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_tells_of_which_robot_it_is_and_of_which_node() {
        let is = |namespace: &str| health_name("gate", namespace);
        let pair = |name: &str, id: &str| (name.to_owned(), id.to_owned());
        for namespace in ["", "/"] {
            assert_eq!(is(namespace), pair("outrider: gate", "outrider"));
        }
        assert_eq!(is("/robot1"), pair("outrider: robot1/gate", "outrider/robot1"));
        assert_eq!(is("/hall/robot1"), pair("outrider: hall/robot1/gate", "outrider/hall/robot1"));
        for namespace in ["/", "/robot1", "/hall/robot1"] {
            assert_eq!(node_of_health(&is(namespace).0), Some("gate"));
        }
        assert_eq!(node_of_health("lidar/gate"), None);
    }
}
