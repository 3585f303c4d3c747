//! Halting: what every kind of node forgets, and the halting of its children.

use crate::error::Fault;
use crate::node::{NodeId, Op};
use crate::status::Status;
use crate::tree::{Cause, Context, Tree};

impl<C> Tree<C> {
    /// Halts a node and what runs below it, and makes it idle.
    pub(crate) fn halt_op(&mut self, id: NodeId, cx: &mut Context<'_, C>) -> Result<(), Fault> {
        // What it halts below is halted by itself.
        let cause = std::mem::replace(&mut self.halting, Cause::Halt);
        match self.at(id).op {
            Op::Leaf(leaf) => {
                self.leaves[leaf as usize].halt(cx.user);
                self.put(id, Status::Idle, cause);
                return Ok(());
            }
            Op::Always(_)
            | Op::Script
            | Op::ScriptCondition
            | Op::SetBlackboard
            | Op::UnsetBlackboard
            | Op::WasEntryUpdated
            | Op::Sleep => {
                self.put(id, Status::Idle, cause);
                return Ok(());
            }
            Op::TryCatch => self.halt_try(id, cx)?,
            Op::Parallel | Op::ParallelAll => self.forget_finished(id),
            // Goes on where it was, also after a halt.
            Op::SequenceWithMemory | Op::Persistent => {}
            // These begin anew when they are idle, or never forget.
            Op::Loop(_) | Op::RunOnce | Op::Precondition | Op::Rate | Op::SingleTrigger => {}
            Op::Updated(_) | Op::Delay | Op::Timeout => self.memory(id).started = false,
            Op::Repeat | Op::Retry => self.memory(id).count = 0,
            _ => {
                let memory = self.memory(id);
                (memory.index, memory.skipped, memory.count) = (0, 0, 0);
            }
        }
        self.reset_children(id, cx)?;
        self.put(id, Status::Idle, cause);
        if let Op::Custom(decorator) = self.at(id).op {
            self.decorators[decorator as usize].halt(cx.user);
        }
        Ok(())
    }

    /// With `catch_on_halt` the last child is executed once before the halt.
    fn halt_try(&mut self, id: NodeId, cx: &mut Context<'_, C>) -> Result<(), Fault> {
        let wanted = self.input(id, 0).and_then(|value| value.as_bool()).unwrap_or(false);
        let count = self.count(id);
        if wanted && !self.at(id).memory.over && self.status_of(id).is_active() && count >= 2 {
            for place in 0..count - 1 {
                let child = self.child(id, place);
                self.reset(child, cx)?;
            }
            let last = self.child(id, count - 1);
            if self.execute(last, cx)? == Status::Running {
                self.reset(last, cx)?;
            }
        }
        let memory = self.memory(id);
        (memory.index, memory.skipped, memory.over) = (0, 0, false);
        Ok(())
    }
}
