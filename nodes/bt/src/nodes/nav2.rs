//! Nav2's nodes that need no robot.

use crate::error::{Fault, fault};
use crate::node::NodeId;
use crate::port::Source;
use crate::status::Status;
use crate::tree::{Cause, Context, Tree};
use crate::value::Value;

/// Most rounds of all RecoveryNodes of a tree within one tick, however often it wakes: with children that end at once they would keep the
/// tick, and each round may search for a path.
pub const RECOVERY_LIMIT: u32 = 100;

impl<C> Tree<C> {
    /// Nav2's nodes halt themselves when they are through.
    fn start_over(&mut self, id: NodeId, cx: &mut Context<'_, C>) -> Result<(), Fault> {
        self.halting = Cause::Reset;
        self.halt_op(id, cx)
    }

    #[inline(never)]
    pub(crate) fn tick_pipeline(&mut self, id: NodeId, cx: &mut Context<'_, C>) -> Result<Status, Fault> {
        let count = self.count(id);
        let mut skipped = 0;
        for place in 0..count {
            let child = self.child(id, place);
            match self.execute(child, cx)? {
                Status::Success => {}
                Status::Skipped => skipped += 1,
                // A child before the farthest one that was reached may run while the later ones do.
                Status::Running if place < self.at(id).memory.index => {}
                Status::Running => {
                    self.memory(id).index = place;
                    return Ok(Status::Running);
                }
                status => {
                    self.reset_children(id, cx)?;
                    self.memory(id).index = 0;
                    return Ok(status);
                }
            }
        }
        self.reset_children(id, cx)?;
        self.memory(id).index = 0;
        Ok(if skipped == count { Status::Skipped } else { Status::Success })
    }

    #[inline(never)]
    pub(crate) fn tick_recovery(&mut self, id: NodeId, cx: &mut Context<'_, C>) -> Result<Status, Fault> {
        let retries: i32 = self.input(id, 0).and_then(|value| value.as_number()).unwrap_or(1);
        if self.count(id) != 2 {
            return Err(fault("RecoveryNode must have two children"));
        }
        self.running(id);
        while self.at(id).memory.count <= retries {
            let place = self.at(id).memory.index;
            let child = self.child(id, place);
            let status = self.execute(child, cx)?;
            let result = match (place, status) {
                (_, Status::Running) => return Ok(Status::Running),
                (0, Status::Failure) if self.at(id).memory.count < retries => {
                    self.reset(child, cx)?;
                    self.memory(id).index = 1;
                    continue;
                }
                (0, Status::Success) => {
                    let other = self.child(id, 1);
                    self.reset(other, cx)?;
                    status
                }
                (0, _) => status,
                (_, Status::Success) => {
                    self.reset(child, cx)?;
                    let memory = self.memory(id);
                    memory.count = memory.count.saturating_add(1);
                    memory.index = 0;
                    self.recoveries = self.recoveries.saturating_add(1);
                    if self.recoveries >= RECOVERY_LIMIT {
                        return Ok(Status::Running);
                    }
                    continue;
                }
                (_, Status::Skipped) => {
                    // No recovery is possible: a failure that keeps the count.
                    self.memory(id).index = 0;
                    self.reset(child, cx)?;
                    return Ok(Status::Failure);
                }
                _ => status,
            };
            self.start_over(id, cx)?;
            return Ok(result);
        }
        self.start_over(id, cx)?;
        Ok(Status::Failure)
    }

    #[inline(never)]
    pub(crate) fn tick_round_robin(&mut self, id: NodeId, cx: &mut Context<'_, C>) -> Result<Status, Fault> {
        let wraps = self.input(id, 0).and_then(|value| value.as_bool()).unwrap_or(true);
        let count = self.count(id);
        let mut skipped = 0;
        self.running(id);
        while self.at(id).memory.count.unsigned_abs() + skipped < count {
            let child = self.child(id, self.at(id).memory.index);
            let status = self.execute(child, cx)?;
            if status == Status::Running {
                return Ok(status);
            }
            self.memory(id).index += 1;
            let at_end = self.at(id).memory.index == count;
            if at_end {
                self.memory(id).index = 0;
            }
            match status {
                // Nav2 takes a success of the last child for the end when it does not begin again.
                Status::Success if wraps || !at_end => {
                    self.memory(id).count = 0;
                    self.reset_children(id, cx)?;
                    return Ok(Status::Success);
                }
                Status::Failure => self.memory(id).count += 1,
                Status::Skipped => skipped += 1,
                _ => {}
            }
            if at_end && !wraps {
                break;
            }
        }
        self.start_over(id, cx)?;
        Ok(if skipped == count { Status::Skipped } else { Status::Failure })
    }

    #[inline(never)]
    pub(crate) fn tick_nonblocking(&mut self, id: NodeId, cx: &mut Context<'_, C>) -> Result<Status, Fault> {
        let mut all = true;
        for place in 0..self.count(id) {
            let child = self.child(id, place);
            match self.execute(child, cx)? {
                Status::Failure => {
                    self.reset_children(id, cx)?;
                    return Ok(Status::Failure);
                }
                Status::Success => {}
                Status::Running => all = false,
                _ => return Err(fault("a child of NonblockingSequence must not be skipped")),
            }
        }
        if !all {
            return Ok(Status::Running);
        }
        self.reset_children(id, cx)?;
        Ok(Status::Success)
    }

    #[inline(never)]
    pub(crate) fn tick_persistent(&mut self, id: NodeId, cx: &mut Context<'_, C>) -> Result<Status, Fault> {
        let count = i32::try_from(self.count(id)).unwrap_or(i32::MAX);
        let mut place: i32 = self.input(id, 0)?.as_number()?;
        let port = self.at(id).first_port as usize;
        let writes = matches!(self.ports[port].source, Source::Entry(_));
        let keep = |tree: &mut Self, place: i32| match writes {
            true => tree.ports[port].write(Value::from(place), &mut tree.boards),
            false => Ok(()),
        };
        self.running(id);
        while place < count {
            let Ok(at) = u32::try_from(place) else {
                return Err(fault(format!("current_child_idx is {place}")));
            };
            let child = self.child(id, at);
            match self.execute(child, cx)? {
                Status::Running => return Ok(Status::Running),
                Status::Failure => {
                    self.reset_children(id, cx)?;
                    keep(self, 0)?;
                    return Ok(Status::Failure);
                }
                _ => {
                    place += 1;
                    keep(self, place)?;
                }
            }
        }
        self.reset_children(id, cx)?;
        keep(self, 0)?;
        Ok(Status::Success)
    }

    #[inline(never)]
    pub(crate) fn tick_rate(&mut self, id: NodeId, cx: &mut Context<'_, C>) -> Result<Status, Fault> {
        if !self.status_of(id).is_active() {
            let memory = self.memory(id);
            memory.since = Some(cx.now);
            memory.started = true;
        }
        self.running(id);
        let child = self.child(id, 0);
        let elapsed_s = self.at(id).memory.since.map_or(0.0, |since| cx.now.since(since).as_s());
        let hz = self.input(id, 0).and_then(|value| value.as_f64()).unwrap_or(1.0);
        let due = elapsed_s >= 1.0 / hz;
        if !(self.at(id).memory.started || due || self.status_of(child) == Status::Running) {
            return Ok(Status::Running);
        }
        self.memory(id).started = false;
        let status = self.execute(child, cx)?;
        if status == Status::Success {
            self.memory(id).since = Some(cx.now);
        }
        Ok(status)
    }

    #[inline(never)]
    pub(crate) fn tick_single_trigger(
        &mut self,
        id: NodeId,
        cx: &mut Context<'_, C>,
    ) -> Result<Status, Fault> {
        if !self.status_of(id).is_active() {
            self.memory(id).over = false;
        }
        self.running(id);
        if self.at(id).memory.over {
            return Ok(Status::Failure);
        }
        let child = self.child(id, 0);
        let status = self.execute(child, cx)?;
        self.memory(id).over = status.is_completed();
        Ok(status)
    }
}
