//! Nodes with one child.

use crate::error::{Fault, fault};
use crate::kind::Kind;
use crate::node::{NONE, NodeId, Op};
use crate::port::Source;
use crate::script::Source as Code;
use crate::status::Status;
use crate::tree::{Cause, Context, Tree};
use crate::value::Value;
use outrider_foundation::{Instant, Span};
use std::collections::VecDeque;

/// Milliseconds from now.
pub(crate) fn later(now: Instant, ms: u32) -> Instant {
    now + Span::from_millis(i64::from(ms))
}

impl<C> Tree<C> {
    #[inline(never)]
    pub(crate) fn tick_decorator(&mut self, id: NodeId, cx: &mut Context<'_, C>) -> Result<Status, Fault> {
        let child = self.child(id, 0);
        match self.at(id).op {
            Op::Repeat => self.tick_again(id, child, Status::Success, cx),
            Op::Retry => self.tick_again(id, child, Status::Failure, cx),
            Op::Delay => self.tick_delay(id, child, cx),
            Op::Timeout => self.tick_timeout(id, child, cx),
            Op::RunOnce => self.tick_run_once(id, child, cx),
            Op::Precondition => self.tick_precondition(id, child, cx),
            Op::Updated(otherwise) => self.tick_updated(id, child, otherwise, cx),
            Op::Loop(kind) => self.tick_loop(id, child, kind, cx),
            Op::SubTree => {
                if self.status_of(id) == Status::Idle {
                    self.running(id);
                }
                self.execute_and_reset(child, cx)
            }
            op => self.tick_simple(id, op, cx),
        }
    }

    /// Those that only change the status of their child.
    #[inline(never)]
    pub(crate) fn tick_simple(
        &mut self,
        id: NodeId,
        op: Op,
        cx: &mut Context<'_, C>,
    ) -> Result<Status, Fault> {
        let child = self.child(id, 0);
        self.running(id);
        let status = self.execute_and_reset(child, cx)?;
        Ok(match (op, status) {
            (Op::Inverter, Status::Success) => Status::Failure,
            (Op::Inverter, Status::Failure) => Status::Success,
            (Op::Force(forced), Status::Success | Status::Failure) => forced,
            (Op::KeepRunning, Status::Success | Status::Skipped) => Status::Running,
            _ => status,
        })
    }

    /// Ticks a child, and makes it idle when it has finished.
    #[inline]
    fn execute_and_reset(&mut self, child: NodeId, cx: &mut Context<'_, C>) -> Result<Status, Fault> {
        let status = self.execute(child, cx)?;
        if status.is_completed() {
            self.put(child, Status::Idle, Cause::Reset);
        }
        Ok(status)
    }

    fn goes_on(&self, id: NodeId, limit: i32) -> bool {
        self.at(id).memory.count < limit || limit == -1
    }

    /// Repeat (`again` is success) and RetryUntilSuccessful (`again` is failure): the child once more after that status.
    fn tick_again(
        &mut self,
        id: NodeId,
        child: NodeId,
        again: Status,
        cx: &mut Context<'_, C>,
    ) -> Result<Status, Fault> {
        let mut limit: i32 = self.input(id, 0)?.as_number()?;
        self.running(id);
        while self.goes_on(id, limit) {
            let was_idle = self.status_of(child) == Status::Idle;
            let status = self.execute(child, cx)?;
            match status {
                Status::Running => return Ok(Status::Running),
                // The count stays.
                Status::Skipped => {}
                status if status == again => {
                    let memory = self.memory(id);
                    memory.count = memory.count.saturating_add(1);
                    // Only a retry sees that its child has changed the limit.
                    if again == Status::Failure
                        && let Ok(fresh) = self.input(id, 0).and_then(|value| value.as_number())
                    {
                        limit = fresh;
                    }
                    self.reset(child, cx)?;
                    if was_idle && self.goes_on(id, limit) {
                        self.wake = true;
                        return Ok(Status::Running);
                    }
                    continue;
                }
                _ => self.memory(id).count = 0,
            }
            self.reset(child, cx)?;
            return Ok(status);
        }
        self.memory(id).count = 0;
        Ok(again)
    }

    fn tick_delay(&mut self, id: NodeId, child: NodeId, cx: &mut Context<'_, C>) -> Result<Status, Fault> {
        let ms: u32 = self.input(id, 0)?.as_number()?;
        if !self.at(id).memory.started {
            self.memory(id).started = true;
            self.memory(id).since = Some(later(cx.now, ms));
            self.running(id);
        }
        if self.at(id).memory.since.is_some_and(|due| cx.now < due) {
            return Ok(Status::Running);
        }
        let status = self.execute(child, cx)?;
        if status.is_completed() {
            self.memory(id).started = false;
            self.reset(child, cx)?;
        }
        Ok(status)
    }

    fn tick_timeout(&mut self, id: NodeId, child: NodeId, cx: &mut Context<'_, C>) -> Result<Status, Fault> {
        let ms: u32 = self.input(id, 0)?.as_number()?;
        if !self.at(id).memory.started {
            self.memory(id).started = true;
            self.memory(id).since = (ms > 0).then(|| later(cx.now, ms));
            self.running(id);
        }
        if self.at(id).memory.since.is_some_and(|due| cx.now >= due) {
            // The time is looked at once: a child that does not run then has all the time it wants.
            self.memory(id).since = None;
            if self.status_of(child) == Status::Running {
                self.halting = Cause::Timeout;
                self.reset(child, cx)?;
                self.memory(id).started = false;
                return Ok(Status::Failure);
            }
        }
        let status = self.execute(child, cx)?;
        if status.is_completed() {
            self.memory(id).started = false;
            self.reset(child, cx)?;
        }
        Ok(status)
    }

    fn tick_run_once(&mut self, id: NodeId, child: NodeId, cx: &mut Context<'_, C>) -> Result<Status, Fault> {
        let skip = self.input(id, 0).and_then(|value| value.as_bool()).unwrap_or(true);
        if self.at(id).memory.over {
            return Ok(if skip { Status::Skipped } else { self.at(id).memory.kept });
        }
        self.running(id);
        let status = self.execute(child, cx)?;
        if status.is_completed() {
            self.memory(id).over = true;
            self.memory(id).kept = status;
            self.reset(child, cx)?;
        }
        Ok(status)
    }

    fn tick_precondition(
        &mut self,
        id: NodeId,
        child: NodeId,
        cx: &mut Context<'_, C>,
    ) -> Result<Status, Fault> {
        self.refresh_script(id)?;
        let otherwise = self.input(id, 1)?.as_status()?;
        if !self.at(id).memory.started {
            let script = self.scripts.get_mut(self.nodes[id as usize].script as usize);
            let script = script.ok_or_else(|| fault("the script is empty"))?;
            if script.decide(&mut self.boards)? != Status::Success {
                return Ok(otherwise);
            }
            self.memory(id).started = true;
        }
        let status = self.execute(child, cx)?;
        if status.is_completed() {
            self.reset(child, cx)?;
            self.memory(id).started = false;
        }
        Ok(status)
    }

    /// Compiles the script of a node's first port again when it comes from the blackboard and has changed.
    #[inline]
    pub(crate) fn refresh_script(&mut self, id: NodeId) -> Result<(), Fault> {
        if self.at(id).extra == NONE { Ok(()) } else { self.read_script(id) }
    }

    #[inline(never)]
    fn read_script(&mut self, id: NodeId) -> Result<(), Fault> {
        let port = self.at(id).first_port as usize;
        let text = self.ports[port].text(&mut self.boards)?;
        let script = self.at(id).script as usize;
        if self.scripts.get(script).is_some_and(|known| *known.text() == text) {
            return Ok(());
        }
        let code = Code::parse(&text).map_err(Box::new)?;
        let board = self.board_of[id as usize];
        let fresh = code.bind(&mut self.boards, board, &self.enums);
        match self.scripts.get_mut(script) {
            Some(known) => *known = fresh,
            None => {
                self.scripts.push(fresh);
                self.at_mut(id).script = u32::try_from(self.scripts.len() - 1).unwrap_or(u32::MAX);
            }
        }
        Ok(())
    }

    fn tick_updated(
        &mut self,
        id: NodeId,
        child: NodeId,
        otherwise: Status,
        cx: &mut Context<'_, C>,
    ) -> Result<Status, Fault> {
        if !self.at(id).memory.started && !self.was_updated(id) {
            return Ok(otherwise);
        }
        let status = self.execute(child, cx)?;
        self.memory(id).started = status == Status::Running;
        Ok(status)
    }

    /// The node's entry was written since this was asked last.
    pub(crate) fn was_updated(&mut self, id: NodeId) -> bool {
        let key = self.keys[self.at(id).extra as usize];
        let Some(sequence) = self.boards.get(key).map(|entry| entry.sequence) else { return false };
        std::mem::replace(&mut self.memory(id).sequence, sequence) != sequence
    }

    fn tick_loop(
        &mut self,
        id: NodeId,
        child: NodeId,
        kind: &'static Kind,
        cx: &mut Context<'_, C>,
    ) -> Result<Status, Fault> {
        if self.status_of(id) == Status::Idle {
            let memory = self.memory(id);
            // `started`: the child runs; `over`: the queue has been read.
            (memory.started, memory.over) = (false, false);
        }
        if !self.at(id).memory.started {
            match self.next_of_queue(id, kind)? {
                Some(value) => {
                    let port = self.at(id).first_port as usize + 2;
                    if matches!(self.ports[port].source, Source::Entry(_)) {
                        self.ports[port].write(value, &mut self.boards)?;
                    }
                }
                None => return self.input(id, 1)?.as_status(),
            }
        }
        if self.status_of(id) == Status::Idle {
            self.running(id);
        }
        let status = self.execute(child, cx)?;
        self.memory(id).started = status == Status::Running;
        if status.is_completed() {
            self.reset(child, cx)?;
        }
        Ok(if status == Status::Failure { Status::Failure } else { Status::Running })
    }

    /// The next value: of the entry itself if it is a queue, else of a copy that was made at the start.
    fn next_of_queue(&mut self, id: NodeId, kind: &'static Kind) -> Result<Option<Value>, Fault> {
        let queue = self.at(id).extra as usize;
        let port = self.at(id).first_port as usize;
        let read = |text: &str| -> Result<VecDeque<Value>, Fault> {
            match Kind::Queue(kind).parse(text)? {
                Value::Queue(values) => Ok(values),
                _ => Ok(VecDeque::new()),
            }
        };
        let fresh = match &self.ports[port].source {
            Source::Absent => return Err(fault("port `queue` is missing")),
            Source::Literal { text, .. } if !self.nodes[id as usize].memory.over => Some(read(text)?),
            Source::Literal { .. } => None,
            Source::Entry(key) => match self.boards.get_mut(*key).map(|entry| &mut entry.value) {
                Some(Value::Queue(values)) => return Ok(values.pop_front()),
                Some(Value::Text(text)) if !self.nodes[id as usize].memory.over => Some(read(text)?),
                Some(Value::Text(_)) => None,
                _ => return Err(fault("port `queue` must hold a queue or text")),
            },
        };
        if let Some(fresh) = fresh {
            self.queues[queue] = fresh;
            self.memory(id).over = true;
        }
        Ok(self.queues[queue].pop_front())
    }
}
