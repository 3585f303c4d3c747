//! The whole suite in one process, on virtual time, as fast as the cores allow: same seed, same messages, bit for bit.

mod member;

use crate::assemble::{AssembleError, Files, assemble, read_all_resources};
use crate::bindings::topics;
use crate::wire::{Delivery, Passage, RosClock, Undisturbed, Wire};
use member::{Member, Payload, Process};
use outrider_foundation::{Instant, Now, Span, Stamp};
use outrider_msgs::{CodecError, Message};
use outrider_runtime::{HostedNode, Qos, Topic, diagnostics, node_info, payload_digest};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

/// A message takes this long from one node to the next: never zero, so that no two nodes can chase each other within one instant.
pub const TRANSPORT_DELAY: Span = Span::from_nanos(500_000);
/// Virtual time begins here, so that no stamp is zero.
pub const START: Now =
    Now { mono: Instant::from_nanos(1_000_000_000), ros: Stamp::from_nanos(1_700_000_000_000_000_000) };
/// The most messages under way, counted for every listener; beyond it the run is given up.
const IN_FLIGHT_LIMIT: usize = 100_000;
/// The most steps within one instant; beyond it the run is given up.
const STEP_LIMIT: usize = 1_000;
const DIAGNOSTICS_PERIOD: Span = Span::from_millis(1000);

/// Why a run ended early.
#[derive(Debug, thiserror::Error)]
pub enum LockstepError {
    /// A node was not started.
    #[error(transparent)]
    Assemble(#[from] AssembleError),
    /// A message could not be encoded.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// A bound was hit: a fault of the suite, named.
    #[error("at {at_s:.3} s: more than {limit} {what}")]
    Bound {
        /// Virtual time since the start.
        at_s: f64,
        /// Of what.
        what: &'static str,
        /// How many are allowed.
        limit: usize,
    },
}

/// A message as a recorder sees it.
pub struct Observed<'a> {
    /// Topic it was published on.
    pub topic: &'a Topic,
    /// The node that published it; empty when it came from outside.
    pub from: &'a str,
    /// Which run of that node; zero when it came from outside.
    pub boot_id: u64,
    /// When.
    pub now: Now,
    /// Its bytes.
    pub bytes: &'a [u8],
    /// Their [`payload_digest`].
    pub digest: u64,
    /// A wire put these bytes in the place of those published: what some listener took in, and a recorder beside it sees.
    /// The message as it was published is observed as well.
    pub altered: bool,
}

/// Called for every message in the order of publication.
pub type Observer<'a> = dyn FnMut(&Observed) + 'a;

/// May put something around a node before it runs: to measure it, say.
pub type Wrap<'a> = dyn FnMut(Box<dyn HostedNode>) -> Box<dyn HostedNode> + 'a;

/// A topic that is published on.
struct Output {
    topic: Topic,
    /// Its name in full.
    name: String,
    /// Among [`Lockstep::lanes`].
    lane: usize,
}

/// What is known of a topic by its full name.
#[derive(Default)]
struct Lane {
    /// Who listens, with which input index.
    listeners: Rc<Vec<(usize, usize)>>,
    /// The last message, of those that are kept for late comers.
    kept: Option<Sent>,
}

/// A message as it was published.
#[derive(Clone)]
struct Sent {
    output: Rc<Output>,
    origin: Origin,
    message: Payload,
}

/// Who published a message: the node, and which run of it; nobody and zero from outside.
#[derive(Clone)]
struct Origin {
    node: Rc<str>,
    boot_id: u64,
}

/// A message under way.
struct InFlight {
    arrives: Instant,
    /// To whom, and which input of it.
    member: usize,
    input: usize,
    message: Payload,
}

/// The running suite.
pub struct Lockstep {
    members: Vec<Member>,
    lanes: Vec<Lane>,
    /// By topic name: where among them.
    lane_of: BTreeMap<String, usize>,
    /// By time and order of publication.
    in_flight: VecDeque<InFlight>,
    now: Now,
    next_diagnostics: Instant,
    announced: bool,
    /// Room for the outputs of a step and its journal record.
    sent: Vec<(usize, Payload)>,
    journal: Vec<u8>,
}

impl Lockstep {
    /// The whole suite from its files.
    ///
    /// # Errors
    /// When a node cannot be started.
    pub fn new(files: &Files) -> Result<Self, LockstepError> {
        Self::wrapped(files, &mut |node| node)
    }

    /// As [`Self::new`], with something around every node.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn wrapped(files: &Files, wrap: &mut Wrap) -> Result<Self, LockstepError> {
        let mut nodes = Vec::new();
        for (index, (name, resources)) in read_all_resources(files)?.into_iter().enumerate() {
            nodes.push(wrap(assemble(name, resources, index as u64 + 1)?));
        }
        Ok(Self::of(nodes))
    }

    /// Any set of nodes.
    pub fn of(nodes: Vec<Box<dyn HostedNode>>) -> Self {
        let mut suite = Self {
            members: Vec::new(),
            lanes: Vec::new(),
            lane_of: BTreeMap::new(),
            in_flight: VecDeque::new(),
            now: START,
            next_diagnostics: START.mono + DIAGNOSTICS_PERIOD,
            announced: false,
            sent: Vec::new(),
            journal: Vec::new(),
        };
        for node in nodes {
            suite.enlist(node);
        }
        suite
    }

    /// Gives a node its place; the index of it.
    fn enlist(&mut self, node: Box<dyn HostedNode>) -> usize {
        let index = self.members.len();
        for (input, topic) in node.inputs().iter().enumerate() {
            let lane = self.lane(&topic.absolute_name());
            if let Some(lane) = self.lanes.get_mut(lane) {
                Rc::make_mut(&mut lane.listeners).push((index, input));
            }
        }
        let member = self.member(node);
        self.members.push(member);
        index
    }

    fn member(&mut self, node: Box<dyn HostedNode>) -> Member {
        let output = |topic: &Topic| {
            let name = topic.absolute_name();
            Rc::new(Output { topic: topic.clone(), lane: self.lane(&name), name })
        };
        let outputs = node.outputs().iter().map(output).collect();
        Member::new(node, outputs)
    }

    /// The place of a topic among the lanes, from now on.
    fn lane(&mut self, name: &str) -> usize {
        let next = self.lanes.len();
        let lane = *self.lane_of.entry(name.to_owned()).or_insert(next);
        if lane == next {
            self.lanes.push(Lane::default());
        }
        lane
    }

    /// Who sends what to whom: node, topic in full, node.
    pub(crate) fn links(&self) -> Vec<(&str, &str, &str)> {
        let mut links = Vec::new();
        for from in &self.members {
            for output in &*from.outputs {
                let listeners = self.lanes.get(output.lane).map(|lane| lane.listeners.iter());
                let to = listeners.into_iter().flatten().filter_map(|(to, _)| self.members.get(*to));
                links.extend(to.map(|to| (from.name(), output.name.as_str(), to.name())));
            }
        }
        links
    }

    /// Virtual time.
    pub fn now(&self) -> Now {
        self.now
    }

    /// Virtual time since the start, in seconds.
    pub fn elapsed_s(&self) -> f64 {
        self.now.mono.since(START.mono).as_s()
    }

    /// Publishes a message from outside, now. No wire carries it.
    ///
    /// # Errors
    /// When it cannot be encoded.
    pub fn publish<M: Message>(
        &mut self,
        topic: &Topic,
        message: &M,
        see: &mut Observer,
    ) -> Result<(), CodecError> {
        self.publish_bytes(topic, &outrider_msgs::encode(message)?, see);
        Ok(())
    }

    /// As [`Self::publish`], whatever the bytes are.
    pub fn publish_bytes(&mut self, topic: &Topic, bytes: &[u8], see: &mut Observer) {
        let message = Payload::new(bytes.to_vec());
        let (now, digest) = (self.now, message.digest);
        see(&Observed { topic, from: "", boot_id: 0, now, bytes, digest, altered: false });
        let name = topic.absolute_name();
        let output = Rc::new(Output { topic: topic.clone(), lane: self.lane(&name), name });
        let origin = Origin { node: "".into(), boot_id: 0 };
        self.send(Sent { output, origin, message }, &mut Undisturbed, see);
    }

    /// Goes on to the next instant at which something happens and lets it happen.
    ///
    /// # Errors
    /// When a bound is hit or a message cannot be encoded.
    pub fn advance(&mut self, see: &mut Observer) -> Result<(), LockstepError> {
        self.advance_over(&mut Undisturbed, see)
    }

    /// As [`Self::advance`], over a wire that may do anything to a message.
    ///
    /// # Errors
    /// As [`Self::advance`].
    pub fn advance_over(&mut self, wire: &mut dyn Wire, see: &mut Observer) -> Result<(), LockstepError> {
        if !self.announced {
            self.announced = true;
            for index in 0..self.members.len() {
                self.announce(index, see)?;
            }
            // The first step of a core may be what starts its timers.
            for index in 0..self.members.len() {
                self.step(index, wire, see)?;
            }
        }
        let wakeups = self.members.iter().filter_map(Member::next_wakeup);
        let arrivals = self.in_flight.front().map(|next| next.arrives);
        let next = wakeups.chain(arrivals).fold(self.next_diagnostics, Instant::min).max(self.now.mono);
        let passed = next.since(self.now.mono);
        self.now = Now { mono: next, ros: self.now.ros + passed };
        self.deliver();
        self.step_due(wire, see)?;
        self.report_health(see)
    }

    /// Kills a node: it is gone from now on, and so is what goes to it.
    pub fn kill(&mut self, name: &str) {
        self.set_process(name, Process::Dead);
    }

    /// Freezes a node (SIGSTOP): no steps, messages wait up to the depth of their topics.
    pub fn freeze(&mut self, name: &str) {
        self.set_process(name, Process::Frozen);
    }

    /// Gives a node a step only every so often: messages wait until then.
    pub fn starve(&mut self, name: &str, every: Span) {
        let next = self.now.mono + every;
        self.set_process(name, Process::Starved { every, next });
    }

    /// Lets a frozen or starved node run again (SIGCONT). It takes what has waited at once.
    pub fn thaw(&mut self, name: &str) {
        let now = self.now.mono;
        self.set_process(name, Process::Runs);
        self.named(name).for_each(|member| member.catch_up(now));
    }

    /// What a node's ROS clock shows now.
    pub fn clock(&self, name: &str) -> Stamp {
        let member = self.members.iter().find(|member| member.name() == name);
        member.map_or(self.now.ros, |member| member.clock.read(self.now).ros)
    }

    /// Sets a node's ROS clock.
    pub fn set_clock(&mut self, name: &str, clock: RosClock) {
        self.named(name).for_each(|member| member.clock = clock);
    }

    /// A new process in the place of the one of the same name, which ends. What is kept for late comers comes to it,
    /// over the wire.
    ///
    /// # Errors
    /// When a message cannot be encoded.
    pub fn restart(
        &mut self,
        node: Box<dyn HostedNode>,
        wire: &mut dyn Wire,
        see: &mut Observer,
    ) -> Result<(), LockstepError> {
        let Some(index) = self.members.iter().position(|m| m.name() == node.spec().name) else {
            return self.join(node, wire, see);
        };
        self.in_flight.retain(|under_way| under_way.member != index);
        let again = self.member(node);
        if let Some(member) = self.members.get_mut(index) {
            let clock = member.clock;
            *member = again;
            member.clock = clock;
        }
        self.welcome(index, wire, see)
    }

    /// One more process, of whatever name.
    ///
    /// # Errors
    /// When a message cannot be encoded.
    pub fn join(
        &mut self,
        node: Box<dyn HostedNode>,
        wire: &mut dyn Wire,
        see: &mut Observer,
    ) -> Result<(), LockstepError> {
        let index = self.enlist(node);
        self.welcome(index, wire, see)
    }

    fn named<'a>(&'a mut self, name: &'a str) -> impl Iterator<Item = &'a mut Member> {
        self.members.iter_mut().filter(move |member| member.name() == name)
    }

    fn set_process(&mut self, name: &str, process: Process) {
        self.named(name).filter(|m| m.process != Process::Dead).for_each(|member| member.process = process);
    }

    fn welcome(
        &mut self,
        index: usize,
        wire: &mut dyn Wire,
        see: &mut Observer,
    ) -> Result<(), LockstepError> {
        self.announce(index, see)?;
        let inputs = self.members.get(index).map_or(&[][..], |m| m.node.inputs());
        let kept: Vec<(usize, Sent)> = inputs
            .iter()
            .enumerate()
            .filter_map(|(input, topic)| {
                let lane = self.lane_of.get(&topic.absolute_name())?;
                Some((input, self.lanes.get(*lane)?.kept.clone()?))
            })
            .collect();
        for (input, sent) in kept {
            self.pass((index, input), &sent, &mut sent.message.clone(), wire, see);
        }
        Ok(())
    }

    fn announce(&self, index: usize, see: &mut Observer) -> Result<(), CodecError> {
        let Some(member) = self.members.get(index) else { return Ok(()) };
        let info = node_info(member.node.as_ref(), self.now.ros, Topic::absolute_name);
        let bytes = outrider_msgs::encode(&info)?;
        see(&observed(member, &member.info, self.now, &bytes, payload_digest(&bytes)));
        Ok(())
    }

    fn deliver(&mut self) {
        let now = self.now.mono;
        while let Some(next) = self.in_flight.pop_front_if(|next| next.arrives <= now) {
            if let Some(member) = self.members.get_mut(next.member) {
                member.arrive(next.input, now, next.message);
            }
        }
    }

    fn step_due(&mut self, wire: &mut dyn Wire, see: &mut Observer) -> Result<(), LockstepError> {
        let mut steps = 0;
        for index in 0..self.members.len() {
            while self.members.get(index).is_some_and(|m| m.is_due(self.now.mono)) {
                self.step(index, wire, see)?;
                steps += 1;
                if steps > STEP_LIMIT {
                    return Err(self.bound("steps within one instant", STEP_LIMIT));
                }
            }
        }
        Ok(())
    }

    fn step(&mut self, index: usize, wire: &mut dyn Wire, see: &mut Observer) -> Result<(), CodecError> {
        let now = self.now;
        let Some(member) = self.members.get_mut(index) else { return Ok(()) };
        if let Process::Starved { every, .. } = member.process {
            member.process = Process::Starved { every, next: now.mono + every };
            member.catch_up(now.mono);
        }
        let outputs = Rc::clone(&member.outputs);
        let origin = Origin { node: Rc::clone(&member.name), boot_id: member.node.spec().boot_id };
        let mut sent = std::mem::take(&mut self.sent);
        let tick = member.node.step(member.clock.read(now), &mut |output, bytes, digest| {
            sent.push((output, Payload { bytes: Rc::new(bytes), digest }));
        });
        outrider_msgs::encode_into(tick, &mut self.journal)?;
        for (output, message) in &sent {
            if let Some(output) = outputs.get(*output) {
                see(&observed(member, &output.topic, now, &message.bytes, message.digest));
            }
        }
        see(&observed(member, &member.journal, now, &self.journal, payload_digest(&self.journal)));
        for (output, message) in sent.drain(..) {
            if let Some(output) = outputs.get(output) {
                let (output, origin) = (Rc::clone(output), origin.clone());
                self.send(Sent { output, origin, message }, wire, see);
            }
        }
        self.sent = sent;
        Ok(())
    }

    fn send(&mut self, sent: Sent, wire: &mut dyn Wire, see: &mut Observer) {
        let mut last = sent.message.clone();
        let lane = sent.output.lane;
        let listeners = self.lanes.get(lane).map(|lane| Rc::clone(&lane.listeners)).unwrap_or_default();
        for listener in listeners.iter().copied() {
            self.pass(listener, &sent, &mut last, wire, see);
        }
        // Records are kept as well, but for a recorder: no node starts from them.
        let qos = sent.output.topic.qos;
        let is_kept = qos.transient_local && qos != Qos::RECORD;
        if let Some(lane) = self.lanes.get_mut(lane).filter(|_| is_kept) {
            lane.kept = Some(sent);
        }
    }

    /// A message to one listener, over the wire; `last` is what the one before took in.
    fn pass(
        &mut self,
        (index, input): (usize, usize),
        Sent { output, origin, message: whole }: &Sent,
        last: &mut Payload,
        wire: &mut dyn Wire,
        see: &mut Observer,
    ) {
        let Some(member) = self.members.get(index) else { return };
        let (now, from, boot_id) = (self.now, &*origin.node, origin.boot_id);
        let passage = Passage { now, topic: &output.name, from, to: member.name(), bytes: &whole.bytes };
        match wire.carry(&passage) {
            Delivery::Pass => self.put(TRANSPORT_DELAY, index, input, whole.clone()),
            Delivery::Instead(copies) => {
                for (later, copy) in copies {
                    let copy = Payload::new(copy);
                    // Once for all listeners that take the same.
                    if copy.bytes != last.bytes && copy.bytes != whole.bytes {
                        let (topic, bytes, digest) = (&output.topic, &*copy.bytes, copy.digest);
                        see(&Observed { topic, from, boot_id, now, bytes, digest, altered: true });
                        *last = copy.clone();
                    }
                    self.put(TRANSPORT_DELAY + later.max(Span::ZERO), index, input, copy);
                }
            }
        }
    }

    fn put(&mut self, after: Span, member: usize, input: usize, message: Payload) {
        let arrives = self.now.mono + after;
        // Behind all that arrive no later; nearly always that is the end.
        let place =
            self.in_flight.iter().rposition(|other| other.arrives <= arrives).map_or(0, |last| last + 1);
        self.in_flight.insert(place, InFlight { arrives, member, input, message });
    }

    fn report_health(&mut self, see: &mut Observer) -> Result<(), LockstepError> {
        if self.in_flight.len() > IN_FLIGHT_LIMIT {
            return Err(self.bound("messages under way", IN_FLIGHT_LIMIT));
        }
        if self.now.mono >= self.next_diagnostics {
            self.next_diagnostics = self.next_diagnostics + DIAGNOSTICS_PERIOD;
            let runs = |m: &&Member| !matches!(m.process, Process::Dead | Process::Frozen);
            for member in self.members.iter().filter(runs) {
                let health = diagnostics(member.node.as_ref(), "/", self.now.ros);
                let bytes = outrider_msgs::encode(&health)?;
                see(&observed(member, &topics::diagnostics(), self.now, &bytes, payload_digest(&bytes)));
            }
        }
        Ok(())
    }

    fn bound(&self, what: &'static str, limit: usize) -> LockstepError {
        LockstepError::Bound { at_s: self.elapsed_s(), what, limit }
    }
}

fn observed<'a>(
    member: &'a Member,
    topic: &'a Topic,
    now: Now,
    bytes: &'a [u8],
    digest: u64,
) -> Observed<'a> {
    let boot_id = member.node.spec().boot_id;
    Observed { topic, from: member.name(), boot_id, now, bytes, digest, altered: false }
}
