//! A node in its process, which may be frozen, starved or dead.

use super::Output;
use crate::bindings::topics;
use crate::wire::RosClock;
use outrider_foundation::{Instant, Span};
use outrider_runtime::{HostedNode, Topic, payload_digest};
use std::collections::VecDeque;
use std::rc::Rc;

/// What a node's process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Process {
    Runs,
    /// Gets no steps; messages wait for it.
    Frozen,
    /// Gets a step now and then; messages wait until then.
    Starved {
        every: Span,
        next: Instant,
    },
    /// Gone; messages to it are lost.
    Dead,
}

/// A node, and what waits for it.
pub(super) struct Member {
    pub(super) node: Box<dyn HostedNode>,
    pub(super) name: Rc<str>,
    /// What it publishes: made once, used at every step.
    pub(super) outputs: Rc<[Rc<Output>]>,
    pub(super) journal: Topic,
    pub(super) info: Topic,
    pub(super) process: Process,
    pub(super) clock: RosClock,
    /// What has arrived while it could not take it: input index and message, no more of each input than its topic's depth.
    waiting: VecDeque<(usize, Payload)>,
}

impl Member {
    pub(super) fn new(node: Box<dyn HostedNode>, outputs: Rc<[Rc<Output>]>) -> Self {
        let name = &node.spec().name;
        Self {
            name: name.as_str().into(),
            outputs,
            journal: topics::journal(name),
            info: topics::info(name),
            process: Process::Runs,
            clock: RosClock::Ahead(Span::ZERO),
            waiting: VecDeque::new(),
            node,
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn arrive(&mut self, input: usize, now: Instant, message: Payload) {
        match self.process {
            Process::Runs => self.node.deliver_digested(input, now, &message.bytes, message.digest),
            Process::Frozen | Process::Starved { .. } => self.wait(input, message),
            Process::Dead => {}
        }
    }

    /// As DDS keeps the last ones for a reader that does not take them.
    fn wait(&mut self, input: usize, message: Payload) {
        let depth = self.node.inputs().get(input).map_or(1, |topic| topic.qos.depth as usize);
        if self.waiting.iter().filter(|(other, _)| *other == input).count() >= depth
            && let Some(oldest) = self.waiting.iter().position(|(other, _)| *other == input)
        {
            self.waiting.remove(oldest);
        }
        self.waiting.push_back((input, message));
    }

    /// Takes what has waited, as if it came now: that is when the process sees it.
    pub(super) fn catch_up(&mut self, now: Instant) {
        for (input, message) in std::mem::take(&mut self.waiting) {
            self.node.deliver_digested(input, now, &message.bytes, message.digest);
        }
    }

    pub(super) fn next_wakeup(&self) -> Option<Instant> {
        match self.process {
            Process::Runs => self.node.next_wakeup(),
            Process::Starved { next, .. } => Some(next),
            Process::Frozen | Process::Dead => None,
        }
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        let wants = self.node.has_input() || self.node.next_wakeup().is_some_and(|at| at <= now);
        match self.process {
            Process::Runs => wants,
            Process::Starved { next, .. } => next <= now,
            Process::Frozen | Process::Dead => false,
        }
    }
}

/// The bytes of a message, and their digest: worked out once for all who take them in.
#[derive(Clone)]
pub(super) struct Payload {
    pub(super) bytes: Rc<Vec<u8>>,
    pub(super) digest: u64,
}

impl Payload {
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        let digest = payload_digest(&bytes);
        Self { bytes: Rc::new(bytes), digest }
    }
}
