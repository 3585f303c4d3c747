//! The whole suite in one process, on virtual time, as fast as the cores allow: same seed, same messages, bit for bit.

use crate::assemble::{AssembleError, Files, NODES, assemble, read_resources};
use crate::bindings::topics;
use outrider_foundation::{Instant, Now, Span, Stamp};
use outrider_msgs::{CodecError, Message};
use outrider_runtime::{HostedNode, Topic, diagnostics, node_info};
use std::collections::BTreeMap;
use std::rc::Rc;

/// A message takes this long from one node to the next: never zero, so that no two nodes can chase each other within one instant.
pub const TRANSPORT_DELAY: Span = Span::from_nanos(500_000);
/// Virtual time begins here, so that no stamp is zero.
pub const START: Now =
    Now { mono: Instant::from_nanos(1_000_000_000), ros: Stamp::from_nanos(1_700_000_000_000_000_000) };
/// The most messages under way; beyond it the run is given up.
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
    /// When.
    pub now: Now,
    /// Its bytes.
    pub bytes: &'a [u8],
}

/// Called for every message in the order of publication.
pub type Observer<'a> = dyn FnMut(&Observed) + 'a;

struct Member {
    node: Box<dyn HostedNode>,
    journal: Topic,
    info: Topic,
}

/// A topic name and the bytes under way on it.
type InFlight = (String, Rc<[u8]>);

/// The running suite.
pub struct Lockstep {
    members: Vec<Member>,
    /// By topic name: who listens, with which input index.
    listeners: BTreeMap<String, Vec<(usize, usize)>>,
    /// By time and order of publication.
    in_flight: BTreeMap<(Instant, u64), InFlight>,
    order: u64,
    now: Now,
    next_diagnostics: Instant,
    announced: bool,
}

impl Lockstep {
    /// The whole suite from its files.
    ///
    /// # Errors
    /// When a node cannot be started.
    pub fn new(files: &Files) -> Result<Self, LockstepError> {
        let mut nodes = Vec::new();
        for (index, name) in NODES.iter().enumerate() {
            nodes.push(assemble(name, read_resources(name, files)?, index as u64 + 1)?);
        }
        Ok(Self::of(nodes))
    }

    /// Any set of nodes.
    pub fn of(nodes: Vec<Box<dyn HostedNode>>) -> Self {
        let mut listeners: BTreeMap<String, Vec<(usize, usize)>> = BTreeMap::new();
        for (member, node) in nodes.iter().enumerate() {
            for (input, topic) in node.inputs().iter().enumerate() {
                listeners.entry(topic.absolute_name()).or_default().push((member, input));
            }
        }
        let members = nodes.into_iter().map(|node| {
            let name = node.spec().name.clone();
            Member { node, journal: topics::journal(&name), info: topics::info(&name) }
        });
        Self {
            members: members.collect(),
            listeners,
            in_flight: BTreeMap::new(),
            order: 0,
            now: START,
            next_diagnostics: START.mono + DIAGNOSTICS_PERIOD,
            announced: false,
        }
    }

    /// Virtual time.
    pub fn now(&self) -> Now {
        self.now
    }

    /// Virtual time since the start, in seconds.
    pub fn elapsed_s(&self) -> f64 {
        self.now.mono.since(START.mono).as_s()
    }

    /// Publishes a message from outside, now.
    ///
    /// # Errors
    /// When it cannot be encoded.
    pub fn publish<M: Message>(
        &mut self,
        topic: &Topic,
        message: &M,
        see: &mut Observer,
    ) -> Result<(), CodecError> {
        let bytes = outrider_msgs::encode(message)?;
        see(&Observed { topic, now: self.now, bytes: &bytes });
        self.send(&topic.absolute_name(), &bytes);
        Ok(())
    }

    /// Goes on to the next instant at which something happens and lets it happen.
    ///
    /// # Errors
    /// When a bound is hit or a message cannot be encoded.
    pub fn advance(&mut self, see: &mut Observer) -> Result<(), LockstepError> {
        if !self.announced {
            self.announce(see)?;
        }
        let wakeups = self.members.iter().filter_map(|m| m.node.next_wakeup());
        let arrivals = self.in_flight.keys().next().map(|(at, _)| *at);
        let next = wakeups.chain(arrivals).fold(self.next_diagnostics, Instant::min).max(self.now.mono);
        let passed = next.since(self.now.mono);
        self.now = Now { mono: next, ros: self.now.ros + passed };
        self.deliver();
        self.step_due(see)?;
        self.report_health(see)
    }

    fn announce(&mut self, see: &mut Observer) -> Result<(), CodecError> {
        self.announced = true;
        for member in &self.members {
            let info = node_info(member.node.as_ref(), self.now.ros, Topic::absolute_name);
            see(&Observed { topic: &member.info, now: self.now, bytes: &outrider_msgs::encode(&info)? });
        }
        // The first step of a core may be what starts its timers.
        for index in 0..self.members.len() {
            self.step(index, see)?;
        }
        Ok(())
    }

    fn deliver(&mut self) {
        while let Some(entry) = self.in_flight.first_entry() {
            if entry.key().0 > self.now.mono {
                break;
            }
            let (topic, bytes) = entry.remove();
            for (member, input) in self.listeners.get(&topic).into_iter().flatten() {
                if let Some(member) = self.members.get_mut(*member) {
                    member.node.deliver(*input, self.now.mono, &bytes);
                }
            }
        }
    }

    fn step_due(&mut self, see: &mut Observer) -> Result<(), LockstepError> {
        let mut steps = 0;
        for index in 0..self.members.len() {
            while self.members.get(index).is_some_and(|m| is_due(m.node.as_ref(), self.now.mono)) {
                self.step(index, see)?;
                steps += 1;
                if steps > STEP_LIMIT {
                    return Err(self.bound("steps within one instant", STEP_LIMIT));
                }
            }
        }
        Ok(())
    }

    fn step(&mut self, index: usize, see: &mut Observer) -> Result<(), CodecError> {
        let now = self.now;
        let Some(member) = self.members.get_mut(index) else { return Ok(()) };
        let outputs: Vec<Topic> = member.node.outputs().to_vec();
        let mut sent: Vec<(String, Rc<[u8]>)> = Vec::new();
        let tick = member.node.step(now, &mut |output, bytes| {
            if let Some(topic) = outputs.get(output) {
                see(&Observed { topic, now, bytes });
                sent.push((topic.absolute_name(), bytes.into()));
            }
        });
        see(&Observed { topic: &member.journal, now, bytes: &outrider_msgs::encode(&tick)? });
        for (topic, bytes) in sent {
            self.send(&topic, &bytes);
        }
        Ok(())
    }

    fn send(&mut self, topic: &str, bytes: &[u8]) {
        if self.listeners.contains_key(topic) {
            self.order += 1;
            self.in_flight
                .insert((self.now.mono + TRANSPORT_DELAY, self.order), (topic.to_owned(), bytes.into()));
        }
    }

    fn report_health(&mut self, see: &mut Observer) -> Result<(), LockstepError> {
        if self.in_flight.len() > IN_FLIGHT_LIMIT {
            return Err(self.bound("messages under way", IN_FLIGHT_LIMIT));
        }
        if self.now.mono >= self.next_diagnostics {
            self.next_diagnostics = self.next_diagnostics + DIAGNOSTICS_PERIOD;
            for member in &self.members {
                let health = diagnostics(member.node.as_ref(), self.now.ros);
                let bytes = outrider_msgs::encode(&health)?;
                see(&Observed { topic: &topics::diagnostics(), now: self.now, bytes: &bytes });
            }
        }
        Ok(())
    }

    fn bound(&self, what: &'static str, limit: usize) -> LockstepError {
        LockstepError::Bound { at_s: self.elapsed_s(), what, limit }
    }
}

fn is_due(node: &dyn HostedNode, now: Instant) -> bool {
    node.has_input() || node.next_wakeup().is_some_and(|at| at <= now)
}
