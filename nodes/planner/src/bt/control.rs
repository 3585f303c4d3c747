//! What each control node and decorator does.
//!
//! Rules after BehaviorTree.CPP 4.10 (`src/controls`, `src/decorators`) and, for `PipelineSequence`, `RecoveryNode` and
//! `RateController`, after Nav2 Jazzy (`nav2_behavior_tree/plugins`).

use super::engine::{Memory, Status, Tree};
use outrider_foundation::{Instant, Span};

/// A node with children.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// Children in order; goes on where it was; failure starts it over.
    Sequence,
    /// Children in order, every tick from the first; halts the others while one runs.
    ReactiveSequence,
    /// Children in order; after a failure it goes on with the child that failed.
    SequenceWithMemory,
    /// Children in order until one succeeds; goes on where it was.
    Fallback,
    /// Children in order until one succeeds, every tick from the first.
    ReactiveFallback,
    /// Nav2: as a sequence, but ticks the earlier children again while a later one runs.
    PipelineSequence,
    /// Nav2: when the first child fails the second is run, and then the first again.
    RecoveryNode {
        /// How often.
        retries: u32,
    },
    /// Success for failure and the other way round.
    Inverter,
    /// Success whenever the child has finished.
    ForceSuccess,
    /// Failure whenever the child has finished.
    ForceFailure,
    /// Again after a failure.
    Retry {
        /// How often at most; `None` for ever.
        attempts: Option<u32>,
    },
    /// Again after a success.
    Repeat {
        /// How often; `None` for ever.
        cycles: Option<u32>,
    },
    /// Again after a success, for ever; running until then.
    KeepRunningUntilFailure,
    /// Fails, and halts the child, when it has run for this long.
    Timeout {
        /// How long; zero for ever.
        limit: Span,
    },
    /// Nav2: ticks the child once a period, and for as long as it runs.
    RateController {
        /// The period.
        period: Span,
    },
}

impl Control {
    /// How many children it takes: least and most.
    pub const fn arity(self) -> (usize, usize) {
        match self {
            Self::Sequence
            | Self::ReactiveSequence
            | Self::SequenceWithMemory
            | Self::Fallback
            | Self::ReactiveFallback
            | Self::PipelineSequence => (1, usize::MAX),
            Self::RecoveryNode { .. } => (2, 2),
            _ => (1, 1),
        }
    }
}

impl<C> Tree<C> {
    pub(super) fn tick_control(
        &mut self,
        id: usize,
        control: Control,
        now: Instant,
        context: &mut C,
    ) -> Status {
        let before = self.at(id).status;
        let active = !matches!(before, Status::Idle | Status::Skipped);
        if !active {
            self.at_mut(id).memory.skipped = 0;
        }
        self.at_mut(id).status = Status::Running;
        match control {
            Control::Sequence => self.tick_in_order(id, Status::Success, now, context),
            Control::Fallback => self.tick_in_order(id, Status::Failure, now, context),
            Control::SequenceWithMemory => self.tick_with_memory(id, now, context),
            Control::ReactiveSequence => self.tick_reactive(id, Status::Success, now, context),
            Control::ReactiveFallback => self.tick_reactive(id, Status::Failure, now, context),
            Control::PipelineSequence => self.tick_pipeline(id, now, context),
            Control::RecoveryNode { retries } => self.tick_recovery(id, retries, now, context),
            _ => match self.child(id, 0) {
                Some(child) => self.tick_decorator(id, child, control, active, now, context),
                None => Status::Failure,
            },
        }
    }

    /// Sequence (`on = Success`) and Fallback (`on = Failure`): goes on to the next child on `on`.
    fn tick_in_order(&mut self, id: usize, on: Status, now: Instant, context: &mut C) -> Status {
        while let Some(child) = self.child(id, self.at(id).memory.index) {
            let status = self.execute(child, now, context);
            let memory = &mut self.at_mut(id).memory;
            match status {
                Status::Running => return Status::Running,
                Status::Skipped => {
                    memory.index += 1;
                    memory.skipped += 1;
                }
                other if other == on => memory.index += 1,
                other => {
                    *memory = Memory::default();
                    self.reset_children(id, context);
                    return other;
                }
            }
        }
        self.finish(id, on, context)
    }

    /// All children have been passed: skipped when all of them were, else `result`.
    fn finish(&mut self, id: usize, result: Status, context: &mut C) -> Status {
        let all_skipped = self.at(id).memory.skipped == self.at(id).children.len();
        self.reset_children(id, context);
        self.at_mut(id).memory = Memory::default();
        if all_skipped { Status::Skipped } else { result }
    }

    fn tick_with_memory(&mut self, id: usize, now: Instant, context: &mut C) -> Status {
        while let Some(child) = self.child(id, self.at(id).memory.index) {
            let was_idle = self.at(child).status == Status::Idle;
            match self.execute(child, now, context) {
                Status::Running => return Status::Running,
                Status::Success => {
                    self.at_mut(id).memory.index += 1;
                    // BT.CPP hands control back between children and asks to be ticked again at once.
                    if was_idle && self.at(id).memory.index < self.at(id).children.len() {
                        self.wake = true;
                        return Status::Running;
                    }
                }
                Status::Skipped => {
                    self.at_mut(id).memory.index += 1;
                    self.at_mut(id).memory.skipped += 1;
                }
                _ => {
                    for index in self.at(id).memory.index..self.at(id).children.len() {
                        if let Some(rest) = self.child(id, index) {
                            self.reset(rest, context);
                        }
                    }
                    return Status::Failure;
                }
            }
        }
        self.finish(id, Status::Success, context)
    }

    /// ReactiveSequence (`on = Success`) and ReactiveFallback (`on = Failure`).
    fn tick_reactive(&mut self, id: usize, on: Status, now: Instant, context: &mut C) -> Status {
        let count = self.at(id).children.len();
        let mut all_skipped = true;
        for index in 0..count {
            let Some(child) = self.child(id, index) else { break };
            let status = self.execute(child, now, context);
            all_skipped &= status == Status::Skipped;
            match status {
                Status::Running => {
                    for other in (0..count).filter(|i| *i != index) {
                        if let Some(other) = self.child(id, other) {
                            self.reset(other, context);
                        }
                    }
                    return Status::Running;
                }
                Status::Skipped => self.reset(child, context),
                other if other == on => {}
                other => {
                    self.reset_children(id, context);
                    return other;
                }
            }
        }
        self.reset_children(id, context);
        if all_skipped { Status::Skipped } else { on }
    }

    fn tick_pipeline(&mut self, id: usize, now: Instant, context: &mut C) -> Status {
        let mut skipped = 0;
        let count = self.at(id).children.len();
        for index in 0..count {
            let Some(child) = self.child(id, index) else { break };
            match self.execute(child, now, context) {
                Status::Success => {}
                Status::Skipped => skipped += 1,
                // A child before the farthest one that was reached may run while the later ones do.
                Status::Running if index < self.at(id).memory.index => {}
                Status::Running => {
                    self.at_mut(id).memory.index = index;
                    return Status::Running;
                }
                _ => {
                    self.reset_children(id, context);
                    self.at_mut(id).memory = Memory::default();
                    return Status::Failure;
                }
            }
        }
        self.reset_children(id, context);
        self.at_mut(id).memory = Memory::default();
        if skipped == count { Status::Skipped } else { Status::Success }
    }

    /// Ends after at most `retries + 1` runs of each child.
    fn tick_recovery(&mut self, id: usize, retries: u32, now: Instant, context: &mut C) -> Status {
        let result = loop {
            let index = self.at(id).memory.index;
            let Some(child) = self.child(id, index) else { break Status::Failure };
            let status = self.execute(child, now, context);
            match (index, status) {
                (_, Status::Running) => return Status::Running,
                (0, Status::Failure) if self.at(id).memory.count < retries => {
                    self.reset(child, context);
                    self.at_mut(id).memory.index = 1;
                }
                (0, other) => break other,
                (_, Status::Success) => {
                    self.reset(child, context);
                    let memory = &mut self.at_mut(id).memory;
                    memory.count = memory.count.saturating_add(1);
                    memory.index = 0;
                }
                (_, Status::Skipped) => {
                    // No recovery possible: a failure that keeps the count.
                    self.reset(child, context);
                    self.at_mut(id).memory.index = 0;
                    return Status::Failure;
                }
                _ => break Status::Failure,
            }
        };
        self.halt_node(id, context);
        result
    }

    fn tick_decorator(
        &mut self,
        id: usize,
        child: usize,
        control: Control,
        active: bool,
        now: Instant,
        context: &mut C,
    ) -> Status {
        match control {
            Control::Retry { attempts } => self.tick_loop(id, child, attempts, Status::Failure, now, context),
            Control::Repeat { cycles } => self.tick_loop(id, child, cycles, Status::Success, now, context),
            Control::Timeout { limit } => self.tick_timeout(id, child, limit, now, context),
            Control::RateController { period } => self.tick_rate(id, child, period, active, now, context),
            _ => {
                let status = self.execute(child, now, context);
                let done = matches!(status, Status::Success | Status::Failure);
                if done {
                    self.reset(child, context);
                }
                match (control, status) {
                    (Control::Inverter, Status::Success) => Status::Failure,
                    (Control::Inverter, Status::Failure) => Status::Success,
                    (Control::ForceSuccess, _) if done => Status::Success,
                    (Control::ForceFailure, _) if done => Status::Failure,
                    (Control::KeepRunningUntilFailure, Status::Success | Status::Skipped) => Status::Running,
                    _ => status,
                }
            }
        }
    }

    /// RetryUntilSuccessful (`again = Failure`) and Repeat (`again = Success`), at most `limit` times.
    fn tick_loop(
        &mut self,
        id: usize,
        child: usize,
        limit: Option<u32>,
        again: Status,
        now: Instant,
        context: &mut C,
    ) -> Status {
        while limit.is_none_or(|limit| self.at(id).memory.count < limit) {
            let was_idle = self.at(child).status == Status::Idle;
            let status = self.execute(child, now, context);
            match status {
                Status::Running => return Status::Running,
                Status::Skipped => {
                    self.reset(child, context);
                    return Status::Skipped;
                }
                status if status == again => {
                    let count = self.at(id).memory.count.saturating_add(1);
                    self.at_mut(id).memory.count = count;
                    self.reset(child, context);
                    // BT.CPP hands control back between attempts, and asks to be ticked again at once.
                    if was_idle && limit.is_none_or(|limit| count < limit) {
                        self.wake = true;
                        return Status::Running;
                    }
                }
                other => {
                    self.at_mut(id).memory.count = 0;
                    self.reset(child, context);
                    return other;
                }
            }
        }
        self.at_mut(id).memory.count = 0;
        again
    }

    fn tick_timeout(
        &mut self,
        id: usize,
        child: usize,
        limit: Span,
        now: Instant,
        context: &mut C,
    ) -> Status {
        let since = *self.at_mut(id).memory.since.get_or_insert(now);
        let expired = limit > Span::ZERO && now.since(since) >= limit;
        if expired && self.at(child).status == Status::Running {
            self.reset(child, context);
            self.at_mut(id).memory.since = None;
            return Status::Failure;
        }
        let status = self.execute(child, now, context);
        if matches!(status, Status::Success | Status::Failure) {
            self.at_mut(id).memory.since = None;
            self.reset(child, context);
        }
        status
    }

    fn tick_rate(
        &mut self,
        id: usize,
        child: usize,
        period: Span,
        active: bool,
        now: Instant,
        context: &mut C,
    ) -> Status {
        if !active {
            self.at_mut(id).memory = Memory { since: Some(now), first: true, ..Memory::default() };
        }
        let memory = self.at(id).memory;
        let due = memory.since.is_none_or(|since| now.since(since) >= period);
        if !(memory.first || due || self.at(child).status == Status::Running) {
            return Status::Running;
        }
        self.at_mut(id).memory.first = false;
        match self.execute(child, now, context) {
            Status::Running => Status::Running,
            Status::Success => {
                self.reset(child, context);
                self.at_mut(id).memory.since = Some(now);
                Status::Success
            }
            _ => {
                self.reset(child, context);
                Status::Failure
            }
        }
    }
}
