//! A tree: the arena of its nodes, ticking and halting.

use crate::blackboard::Blackboards;
use crate::error::{BtError, Fault, fault};
use crate::node::{Conditions, Memory, NONE, Node, NodeId, NodeInfo, Op};
use crate::port::{Binding, Io};
use crate::registry::{Decorator, Leaf};
use crate::script::{Enums, Script};
use crate::status::Status;
use crate::value::Value;
use outrider_foundation::Instant;
use std::collections::VecDeque;

/// Why a node's status changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Its parent ticked it.
    Tick,
    /// Its script `_failureIf` was true.
    FailureIf,
    /// Its script `_successIf` was true.
    SuccessIf,
    /// It was running, and its script `_while` was true no more.
    While,
    /// It had finished, and its parent, or for the root the tree, made it ready to start again.
    Reset,
    /// It was running, and its parent halted it.
    Halt,
    /// It was running, and the time of the Timeout above it was over.
    Timeout,
    /// It was running, and the whole tree was halted.
    Tree,
}

/// A change of a node's status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition {
    /// Which node.
    pub node: NodeId,
    /// From.
    pub from: Status,
    /// To.
    pub to: Status,
    /// Why.
    pub cause: Cause,
}

/// The changes that nobody has taken yet. What is beyond its capacity is counted and dropped.
#[derive(Clone, Debug, Default)]
pub(crate) struct Journal {
    pub kept: Vec<Transition>,
    pub limit: usize,
    pub dropped: u64,
}

impl Journal {
    fn note(&mut self, transition: Transition) {
        if self.kept.len() < self.limit {
            self.kept.push(transition);
        } else {
            self.dropped = self.dropped.saturating_add(1);
        }
    }
}

/// A behaviour tree whose leaves work on a context `C`.
pub struct Tree<C> {
    pub(crate) name: String,
    pub(crate) nodes: Vec<Node>,
    pub(crate) children: Vec<NodeId>,
    /// For parallels: which children, of the list above, have finished.
    pub(crate) finished: Vec<bool>,
    pub(crate) ports: Vec<Binding>,
    pub(crate) scripts: Vec<Script>,
    pub(crate) conditions: Vec<Conditions>,
    pub(crate) queues: Vec<VecDeque<Value>>,
    pub(crate) keys: Vec<crate::blackboard::KeyRef>,
    pub(crate) leaves: Vec<Box<dyn Leaf<C>>>,
    pub(crate) decorators: Vec<Box<dyn Decorator<C>>>,
    pub(crate) boards: Blackboards,
    /// Blackboard of every node.
    pub(crate) board_of: Vec<u32>,
    pub(crate) enums: Enums,
    pub(crate) infos: Vec<NodeInfo>,
    pub(crate) journal: Journal,
    /// Why the next node to be halted is.
    pub(crate) halting: Cause,
    /// A node wants to be ticked again at once.
    pub(crate) wake: bool,
    /// Rounds of all RecoveryNodes in this tick.
    pub(crate) recoveries: u32,
    /// The leaf that was last found running in the last tick, or none.
    pub(crate) last_leaf: NodeId,
}

/// What goes down with a tick.
pub(crate) struct Context<'a, C> {
    pub now: Instant,
    pub user: &'a mut C,
}

impl<C> Tree<C> {
    // Node ids come from the building of the tree and stay valid as long as it lives.

    #[inline]
    pub(crate) fn at(&self, id: NodeId) -> &Node {
        &self.nodes[id as usize]
    }

    #[inline]
    pub(crate) fn at_mut(&mut self, id: NodeId) -> &mut Node {
        &mut self.nodes[id as usize]
    }

    #[inline]
    pub(crate) fn memory(&mut self, id: NodeId) -> &mut Memory {
        &mut self.nodes[id as usize].memory
    }

    #[inline]
    pub(crate) fn status_of(&self, id: NodeId) -> Status {
        self.nodes[id as usize].status
    }

    #[inline]
    pub(crate) fn count(&self, id: NodeId) -> u32 {
        self.at(id).children
    }

    /// A child by its place; the place is below [`Self::count`].
    #[inline]
    pub(crate) fn child(&self, id: NodeId, place: u32) -> NodeId {
        self.children[(self.at(id).first_child + place) as usize]
    }

    /// A port's value.
    #[inline]
    pub(crate) fn input(&mut self, id: NodeId, place: u32) -> Result<Value, Fault> {
        let at = self.at(id).first_port + place;
        self.ports[at as usize].read(&mut self.boards)
    }

    /// Changes a node's status.
    #[inline]
    pub(crate) fn put(&mut self, id: NodeId, status: Status, cause: Cause) {
        let node = &mut self.nodes[id as usize];
        let from = std::mem::replace(&mut node.status, status);
        if from != status && self.journal.limit > 0 {
            self.journal.note(Transition { node: id, from, to: status, cause });
        }
    }

    #[inline]
    pub(crate) fn running(&mut self, id: NodeId) {
        self.put(id, Status::Running, Cause::Tick);
    }

    /// Ticks a node with what is around it: preconditions, scripts after it, its status.
    #[inline]
    pub(crate) fn execute(&mut self, id: NodeId, cx: &mut Context<'_, C>) -> Result<Status, Fault> {
        let node = self.at(id);
        match (node.op, node.conditions) {
            // Most nodes of a tree are leaves, and most of these are bare.
            (Op::Leaf(leaf), NONE) => self.execute_leaf(id, leaf, cx),
            (op, NONE) => self.execute_bare(id, op, cx),
            (op, conditions) => self.execute_around(id, op, conditions, cx),
        }
    }

    #[inline(never)]
    fn execute_leaf(&mut self, id: NodeId, leaf: u32, cx: &mut Context<'_, C>) -> Result<Status, Fault> {
        match self.tick_leaf(id, leaf, cx) {
            Ok(status) if status.is_active() => {
                self.put(id, status, Cause::Tick);
                Ok(status)
            }
            Ok(Status::Skipped) => Ok(Status::Skipped),
            Ok(_) => Err(self.became_idle(id)),
            Err(error) => Err(self.explain(id, &error)),
        }
    }

    #[inline(never)]
    fn execute_bare(&mut self, id: NodeId, op: Op, cx: &mut Context<'_, C>) -> Result<Status, Fault> {
        match self.tick_op(id, op, cx) {
            Ok(status) => self.settle(id, status, Cause::Tick),
            Err(error) => Err(self.explain(id, &error)),
        }
    }

    /// Ticks a node that has scripts around it.
    #[inline(never)]
    fn execute_around(
        &mut self,
        id: NodeId,
        op: Op,
        conditions: u32,
        cx: &mut Context<'_, C>,
    ) -> Result<Status, Fault> {
        let decided = match self.conditions[conditions as usize].any_before {
            true => self.before(id, conditions, cx)?,
            false => None,
        };
        let (status, cause) = match (decided, op) {
            (Some(Status::Failure), _) => (Ok(Status::Failure), Cause::FailureIf),
            (Some(status), _) => (Ok(status), Cause::SuccessIf),
            (None, Op::Leaf(leaf)) => (self.tick_leaf(id, leaf, cx), Cause::Tick),
            (None, op) => (self.tick_op_far(id, op, cx), Cause::Tick),
        };
        let status = match status {
            Ok(status) => status,
            Err(error) => return Err(self.explain(id, &error)),
        };
        if status.is_completed() && self.conditions[conditions as usize].any_after {
            self.after(id, conditions, status)?;
        }
        self.settle(id, status, cause)
    }

    /// What a node's tick leaves behind.
    #[inline(always)]
    fn settle(&mut self, id: NodeId, status: Status, cause: Cause) -> Result<Status, Fault> {
        match status {
            Status::Skipped => {}
            Status::Idle => return Err(self.became_idle(id)),
            status => self.put(id, status, cause),
        }
        if self.at(id).resets {
            let child = self.child(id, 0);
            if self.status_of(child).is_completed() {
                self.put(child, Status::Idle, Cause::Reset);
            }
        }
        Ok(status)
    }

    #[cold]
    fn became_idle(&self, id: NodeId) -> Fault {
        self.explain(id, &fault("a node must not become idle by its tick"))
    }

    #[cold]
    fn explain(&self, id: NodeId, error: &BtError) -> Fault {
        Box::new(error.clone().at_node(&self.infos[id as usize].path))
    }

    /// What the preconditions decide; `None` when the node is to be ticked.
    fn before(
        &mut self,
        id: NodeId,
        conditions: u32,
        cx: &mut Context<'_, C>,
    ) -> Result<Option<Status>, Fault> {
        let status = self.status_of(id);
        let starts = !status.is_active();
        if !starts && status != Status::Running {
            return Ok(None);
        }
        let scripts = self.conditions[conditions as usize].before;
        let [failure, success, skip, go_on] = scripts;
        if starts {
            for (script, result) in
                [(failure, Status::Failure), (success, Status::Success), (skip, Status::Skipped)]
            {
                if script != NONE && self.holds(id, script)? {
                    return Ok(Some(result));
                }
            }
        }
        if go_on != NONE && !self.holds(id, go_on)? {
            if !starts {
                self.halting = Cause::While;
                self.halt_node(id, cx)?;
            }
            return Ok(Some(Status::Skipped));
        }
        Ok(None)
    }

    #[inline]
    fn holds(&mut self, id: NodeId, script: u32) -> Result<bool, Fault> {
        match self.scripts[script as usize].decide(&mut self.boards) {
            Ok(status) => Ok(status == Status::Success),
            Err(error) => Err(self.explain(id, &error)),
        }
    }

    /// Runs a script, if it is one.
    #[inline]
    fn run(&mut self, id: NodeId, script: u32) -> Result<(), Fault> {
        if script == NONE {
            return Ok(());
        }
        match self.scripts[script as usize].run(&mut self.boards) {
            Ok(()) => Ok(()),
            Err(error) => Err(self.explain(id, &error)),
        }
    }

    fn after(&mut self, id: NodeId, conditions: u32, status: Status) -> Result<(), Fault> {
        let [_, failure, success, always] = self.conditions[conditions as usize].after;
        self.run(id, if status == Status::Success { success } else { failure })?;
        self.run(id, always)
    }

    #[inline(never)]
    fn tick_op_far(&mut self, id: NodeId, op: Op, cx: &mut Context<'_, C>) -> Result<Status, Fault> {
        self.tick_op(id, op, cx)
    }

    /// One jump to what a kind of node does.
    #[inline(always)]
    fn tick_op(&mut self, id: NodeId, op: Op, cx: &mut Context<'_, C>) -> Result<Status, Fault> {
        match op {
            Op::Sequence { .. } | Op::Fallback { .. } | Op::SequenceWithMemory => {
                self.tick_in_order(id, op, cx)
            }
            Op::ReactiveSequence => self.tick_reactive(id, Status::Success, cx),
            Op::ReactiveFallback => self.tick_reactive(id, Status::Failure, cx),
            Op::Parallel => self.tick_parallel(id, cx),
            Op::ParallelAll => self.tick_parallel_all(id, cx),
            Op::IfThenElse => self.tick_if(id, cx),
            Op::WhileDoElse => self.tick_while(id, cx),
            Op::Switch(cases) => self.tick_switch(id, cases, cx),
            Op::TryCatch => self.tick_try(id, cx),
            Op::Pipeline => self.tick_pipeline(id, cx),
            Op::Recovery => self.tick_recovery(id, cx),
            Op::RoundRobin => self.tick_round_robin(id, cx),
            Op::Nonblocking => self.tick_nonblocking(id, cx),
            Op::Persistent => self.tick_persistent(id, cx),
            Op::Rate => self.tick_rate(id, cx),
            Op::SingleTrigger => self.tick_single_trigger(id, cx),
            Op::Leaf(leaf) => self.tick_leaf(id, leaf, cx),
            Op::Inverter | Op::Force(_) | Op::KeepRunning => self.tick_simple(id, op, cx),
            Op::Custom(decorator) => self.tick_custom(id, decorator, cx),
            Op::Script | Op::ScriptCondition => self.tick_script(id, op),
            Op::Always(_) | Op::SetBlackboard | Op::UnsetBlackboard | Op::Sleep | Op::WasEntryUpdated => {
                self.tick_action(id, cx)
            }
            _ => self.tick_decorator(id, cx),
        }
    }

    #[inline(always)]
    fn tick_leaf(&mut self, id: NodeId, leaf: u32, cx: &mut Context<'_, C>) -> Result<Status, Fault> {
        let node = &self.nodes[id as usize];
        let bindings = &self.ports[node.first_port as usize..node.end_port as usize];
        let mut io = Io { now: cx.now, status: node.status, node: id, bindings, boards: &mut self.boards };
        let status = self.leaves[leaf as usize].tick(&mut io, cx.user)?;
        if status == Status::Running {
            self.last_leaf = id;
        }
        Ok(status)
    }

    #[inline(never)]
    fn tick_custom(&mut self, id: NodeId, index: u32, cx: &mut Context<'_, C>) -> Result<Status, Fault> {
        let child = self.child(id, 0);
        let child_status = self.status_of(child);
        let step = self
            .with_decorator(id, index, cx, |decorator, io, user| decorator.before(io, child_status, user))?;
        if let crate::registry::Step::Return(status) = step {
            return Ok(status);
        }
        self.running(id);
        let status = self.execute(child, cx)?;
        self.with_decorator(id, index, cx, |decorator, io, user| decorator.after(io, status, user))
    }

    fn with_decorator<T>(
        &mut self,
        id: NodeId,
        index: u32,
        cx: &mut Context<'_, C>,
        call: impl FnOnce(&mut dyn Decorator<C>, &mut Io<'_>, &mut C) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let node = &self.nodes[id as usize];
        let bindings = &self.ports[node.first_port as usize..node.end_port as usize];
        let mut io = Io { now: cx.now, status: node.status, node: id, bindings, boards: &mut self.boards };
        call(&mut *self.decorators[index as usize], &mut io, cx.user)
    }

    /// Halts a node that is running and runs its script for that.
    pub(crate) fn halt_node(&mut self, id: NodeId, cx: &mut Context<'_, C>) -> Result<(), Fault> {
        self.halt_op(id, cx)?;
        let conditions = self.at(id).conditions;
        if conditions != NONE {
            let [halted, ..] = self.conditions[conditions as usize].after;
            self.run(id, halted)?;
        }
        Ok(())
    }

    /// Halts a node if it is running, and makes it idle.
    #[inline]
    pub(crate) fn reset(&mut self, id: NodeId, cx: &mut Context<'_, C>) -> Result<(), Fault> {
        match self.status_of(id) {
            Status::Idle => Ok(()),
            Status::Running => {
                self.halt_node(id, cx)?;
                self.put(id, Status::Idle, Cause::Halt);
                Ok(())
            }
            _ => {
                self.put(id, Status::Idle, Cause::Reset);
                Ok(())
            }
        }
    }

    /// Halts and resets all children, in order.
    pub(crate) fn reset_children(&mut self, id: NodeId, cx: &mut Context<'_, C>) -> Result<(), Fault> {
        let node = self.at(id);
        let (first, end) = (node.first_child as usize, (node.first_child + node.children) as usize);
        let mut running = None;
        for (at, child) in self.children[first..end].iter().enumerate() {
            let node = &mut self.nodes[*child as usize];
            match node.status {
                Status::Idle => {}
                // Halting works on the whole tree.
                Status::Running => {
                    running = Some(first + at);
                    break;
                }
                from => {
                    node.status = Status::Idle;
                    if self.journal.limit > 0 {
                        self.journal.note(Transition {
                            node: *child,
                            from,
                            to: Status::Idle,
                            cause: Cause::Reset,
                        });
                    }
                }
            }
        }
        for at in running.unwrap_or(end)..end {
            let child = self.children[at];
            self.reset(child, cx)?;
        }
        Ok(())
    }

    /// Ticks the tree once. A root that has finished is idle afterwards.
    ///
    /// # Errors
    /// Where BehaviorTree.CPP throws. The tree must be halted or dropped then.
    pub fn tick_exactly_once(&mut self, now: Instant, context: &mut C) -> Result<Status, BtError> {
        self.start_tick();
        self.tick_root(now, context)
    }

    /// Ticks the tree, and again at once while a node asks for it: at most [`WAKE_LIMIT`] times.
    ///
    /// # Errors
    /// As [`Self::tick_exactly_once`].
    pub fn tick(&mut self, now: Instant, context: &mut C) -> Result<Status, BtError> {
        self.start_tick();
        for _ in 0..WAKE_LIMIT {
            self.wake = false;
            let status = self.tick_root(now, context)?;
            if status != Status::Running || !self.wake {
                return Ok(status);
            }
        }
        Ok(Status::Running)
    }

    fn start_tick(&mut self) {
        self.wake = false;
        self.recoveries = 0;
        self.last_leaf = NONE;
    }

    fn tick_root(&mut self, now: Instant, context: &mut C) -> Result<Status, BtError> {
        let mut cx = Context { now, user: context };
        let status = self.execute(0, &mut cx).map_err(|error| *error)?;
        if status.is_completed() {
            self.put(0, Status::Idle, Cause::Reset);
        }
        Ok(status)
    }

    /// Halts whatever runs; the next tick starts from the beginning.
    ///
    /// # Errors
    /// When a script for the halting fails; the tree is halted nevertheless as far as it goes.
    pub fn halt(&mut self, now: Instant, context: &mut C) -> Result<(), BtError> {
        let mut cx = Context { now, user: context };
        self.last_leaf = NONE;
        self.recoveries = 0;
        self.halting = Cause::Tree;
        // One that does not run forgets what it knows, but runs no script for it.
        let mut halted = match self.status_of(0) {
            Status::Running => self.halt_node(0, &mut cx),
            _ if matches!(self.at(0).op, Op::Leaf(_)) => Ok(()),
            _ => self.halt_op(0, &mut cx),
        };
        self.put(0, Status::Idle, Cause::Tree);
        // A child that was skipped while it ran may run on below a SequenceWithMemory that has failed: haltTree visits all.
        for node in 1..self.nodes.len() as NodeId {
            if self.nodes.get(node as usize).is_some_and(|n| n.status == Status::Running) {
                self.halting = Cause::Tree;
                halted = halted.and(self.halt_node(node, &mut cx));
                self.put(node, Status::Idle, Cause::Tree);
            }
        }
        halted.map_err(|error| *error)
    }

    /// All nodes in the order of the file: what they are, and their status.
    pub fn nodes(&self) -> impl Iterator<Item = (&NodeInfo, Status)> {
        self.infos.iter().zip(self.nodes.iter().map(|node| node.status))
    }

    /// Its name in the file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// There are no nodes; never so for a tree that was built.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Name of the leaf that was last found running in the last tick; empty for none.
    pub fn active_leaf(&self) -> &str {
        self.infos.get(self.last_leaf as usize).map_or("", |info| &info.name)
    }

    /// Keeps the changes of status until they are forgotten, at most `limit` of them.
    pub fn keep_journal(&mut self, limit: usize) {
        self.journal = Journal { kept: Vec::with_capacity(limit), limit, dropped: 0 };
    }

    /// The changes of status since the journal was emptied, in their order, and how many there was no room for since then.
    pub fn journal(&self) -> (&[Transition], u64) {
        (&self.journal.kept, self.journal.dropped)
    }

    /// Empties the journal.
    pub fn forget_journal(&mut self) {
        self.journal.kept.clear();
        self.journal.dropped = 0;
    }

    /// What a node is.
    pub fn info(&self, node: NodeId) -> Option<&NodeInfo> {
        self.infos.get(node as usize)
    }

    /// The blackboards; 0 is the root's.
    pub fn blackboards(&self) -> &Blackboards {
        &self.boards
    }

    /// Writes an entry of the root's blackboard.
    ///
    /// # Errors
    /// When it is of another type.
    pub fn set(&mut self, name: &str, value: impl Into<Value>) -> Result<(), BtError> {
        let value = value.into();
        let kind = value.kind();
        self.boards.set(0, name, value, kind).map_err(|error| *error)
    }
}

/// How often a tree is ticked again at most when its nodes ask for it.
pub const WAKE_LIMIT: usize = 100;
