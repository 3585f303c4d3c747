//! The arena, ticking and halting.

use super::control::Control;
use crate::error::PlannerError;
use outrider_foundation::Instant;

/// Result of ticking a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Status {
    /// Not started. A leaf that returns it has failed.
    #[default]
    Idle,
    /// Not finished.
    Running,
    /// Done.
    Success,
    /// Not possible.
    Failure,
    /// Had nothing to do.
    Skipped,
}

/// How often a tree is ticked again within one tick because a node asked for it; what is left over waits for the next tick.
pub const WAKE_LIMIT: usize = 64;

/// An action or a condition.
pub trait Leaf<C> {
    /// Does one bounded piece of work. [`Status::Idle`] counts as failure.
    fn tick(&mut self, now: Instant, context: &mut C) -> Status;

    /// Told to stop while running.
    fn halt(&mut self, _context: &mut C) {}
}

/// Makes leaves by their name in the XML.
pub trait LeafRegistry {
    /// What the leaves are handed.
    type Context;

    /// The leaf called `id`, `None` when there is no such leaf.
    ///
    /// # Errors
    /// When an attribute is missing or out of its range.
    fn make(&self, id: &str, ports: &mut super::Ports<'_, '_>) -> Option<Made<Self::Context>>;
}

/// A leaf, or why it could not be made.
pub type Made<C> = Result<Box<dyn Leaf<C>>, PlannerError>;

pub(super) enum Kind<C> {
    Control(Control),
    Leaf(Box<dyn Leaf<C>>),
}

pub(super) struct Node<C> {
    pub name: String,
    pub kind: Kind<C>,
    pub children: Vec<usize>,
    pub status: Status,
    /// What a control node remembers from one tick to the next.
    pub memory: Memory,
}

/// What a control node remembers from one tick to the next.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Memory {
    /// The child whose turn it is.
    pub index: usize,
    /// Children skipped so far.
    pub skipped: usize,
    /// Attempts, cycles or retries so far.
    pub count: u32,
    /// When it was started.
    pub since: Option<Instant>,
    /// Its child has not been ticked since it was started.
    pub first: bool,
}

/// A behaviour tree over a context `C`.
pub struct Tree<C> {
    nodes: Vec<Node<C>>,
    root: usize,
    active: Option<usize>,
    pub(super) wake: bool,
}

impl<C> Tree<C> {
    pub(super) fn new(nodes: Vec<Node<C>>, root: usize) -> Self {
        Self { nodes, root, active: None, wake: false }
    }

    /// Ticks the tree once (BT.CPP's `tickOnce`): again at once when a node asks for it, at most [`WAKE_LIMIT`] times.
    /// A finished tree starts afresh at the next tick.
    pub fn tick(&mut self, now: Instant, context: &mut C) -> Status {
        self.active = None;
        let mut status = Status::Idle;
        for _ in 0..WAKE_LIMIT {
            self.wake = false;
            status = self.execute(self.root, now, context);
            if !(self.wake && status == Status::Running) {
                break;
            }
        }
        if matches!(status, Status::Success | Status::Failure) {
            self.at_mut(self.root).status = Status::Idle;
        }
        status
    }

    /// Halts whatever runs; the next tick starts afresh.
    pub fn halt(&mut self, context: &mut C) {
        self.halt_node(self.root, context);
        self.active = None;
    }

    /// Name of the leaf that was last found running in the last tick; empty for none.
    pub fn active_leaf(&self) -> &str {
        self.active.map_or("", |id| self.at(id).name.as_str())
    }

    /// How many nodes it has.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether it has no nodes; never so for a parsed tree.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Ids come from the parser, which adds a node before it hands out its id, and nodes are never removed.
    pub(super) fn at(&self, id: usize) -> &Node<C> {
        &self.nodes[id]
    }

    pub(super) fn at_mut(&mut self, id: usize) -> &mut Node<C> {
        &mut self.nodes[id]
    }

    pub(super) fn child(&self, id: usize, index: usize) -> Option<usize> {
        self.at(id).children.get(index).copied()
    }

    /// Ticks one node and keeps its status. A skipped node keeps the status that it had, as in BT.CPP.
    pub(super) fn execute(&mut self, id: usize, now: Instant, context: &mut C) -> Status {
        let status = match &mut self.at_mut(id).kind {
            Kind::Leaf(leaf) => match leaf.tick(now, context) {
                Status::Idle => Status::Failure,
                other => other,
            },
            Kind::Control(control) => {
                let control = *control;
                self.tick_control(id, control, now, context)
            }
        };
        if status == Status::Running && matches!(self.at(id).kind, Kind::Leaf(_)) {
            self.active = Some(id);
        }
        if status != Status::Skipped {
            self.at_mut(id).status = status;
        }
        status
    }

    /// Halts a node when it runs, and makes it idle (BT.CPP's `haltChild`).
    pub(super) fn reset(&mut self, id: usize, context: &mut C) {
        if self.at(id).status == Status::Running {
            self.halt_node(id, context);
        }
        self.at_mut(id).status = Status::Idle;
    }

    /// [`Self::reset`] for every child.
    pub(super) fn reset_children(&mut self, id: usize, context: &mut C) {
        for index in 0..self.at(id).children.len() {
            if let Some(child) = self.child(id, index) {
                self.reset(child, context);
            }
        }
    }

    pub(super) fn halt_node(&mut self, id: usize, context: &mut C) {
        if let Kind::Leaf(leaf) = &mut self.at_mut(id).kind {
            leaf.halt(context);
        }
        if let Kind::Control(control) = self.at(id).kind {
            if control != Control::SequenceWithMemory {
                self.at_mut(id).memory = Memory::default();
            }
            self.reset_children(id, context);
        }
        self.at_mut(id).status = Status::Idle;
    }
}
