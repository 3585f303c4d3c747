//! Parallel and ParallelAll.

use crate::error::{Fault, fault};
use crate::node::NodeId;
use crate::status::Status;
use crate::tree::{Context, Tree};

/// A threshold: counted from the number of children when it is negative.
fn threshold(children: u32, value: i32) -> u32 {
    match u32::try_from(value) {
        Ok(value) => value,
        Err(_) => u32::try_from(i64::from(children) + i64::from(value) + 1).unwrap_or(0),
    }
}

impl<C> Tree<C> {
    fn has_finished(&mut self, id: NodeId, place: u32) -> &mut bool {
        // One for every child of every node.
        &mut self.finished[(self.nodes[id as usize].first_child + place) as usize]
    }

    pub(crate) fn forget_finished(&mut self, id: NodeId) {
        for place in 0..self.count(id) {
            *self.has_finished(id, place) = false;
        }
        let memory = self.memory(id);
        // `skipped` counts the successes, `count` the failures.
        memory.skipped = 0;
        memory.count = 0;
    }

    #[inline(never)]
    pub(crate) fn tick_parallel(&mut self, id: NodeId, cx: &mut Context<'_, C>) -> Result<Status, Fault> {
        let count = self.count(id);
        let success_count: i32 = self.input(id, 0)?.as_number()?;
        let failure_count: i32 = self.input(id, 1)?.as_number()?;
        let to_succeed = threshold(count, success_count);
        let to_fail = threshold(count, failure_count);
        if count < to_succeed {
            return Err(fault(format!("success_count is {to_succeed}, but there are {count} children")));
        }
        if count < to_fail {
            return Err(fault(format!("failure_count is {to_fail}, but there are {count} children")));
        }
        self.running(id);
        let mut skipped = 0;
        for place in 0..count {
            if !*self.has_finished(id, place) {
                let child = self.child(id, place);
                match self.execute(child, cx)? {
                    Status::Skipped => skipped += 1,
                    Status::Success => {
                        *self.has_finished(id, place) = true;
                        self.memory(id).skipped += 1;
                    }
                    Status::Failure => {
                        *self.has_finished(id, place) = true;
                        self.memory(id).count += 1;
                    }
                    _ => {}
                }
            }
            let successes = self.at(id).memory.skipped;
            let failures = self.at(id).memory.count.unsigned_abs();
            let enough = successes >= to_succeed || (success_count < 0 && successes + skipped >= to_succeed);
            let hopeless = count - failures < to_succeed || failures == to_fail;
            if enough || hopeless {
                self.forget_finished(id);
                self.reset_children(id, cx)?;
                return Ok(if enough { Status::Success } else { Status::Failure });
            }
        }
        Ok(if skipped == count { Status::Skipped } else { Status::Running })
    }

    #[inline(never)]
    pub(crate) fn tick_parallel_all(&mut self, id: NodeId, cx: &mut Context<'_, C>) -> Result<Status, Fault> {
        let count = self.count(id);
        let to_fail = threshold(count, self.input(id, 0)?.as_number()?);
        if count < to_fail {
            return Err(fault(format!("max_failures is {to_fail}, but there are {count} children")));
        }
        self.running(id);
        let mut skipped = 0;
        let mut finished = 0;
        for place in 0..count {
            if !*self.has_finished(id, place) {
                let child = self.child(id, place);
                match self.execute(child, cx)? {
                    Status::Success => *self.has_finished(id, place) = true,
                    Status::Failure => {
                        *self.has_finished(id, place) = true;
                        self.memory(id).count += 1;
                    }
                    Status::Skipped => skipped += 1,
                    _ => {}
                }
            }
            finished += u32::from(*self.has_finished(id, place));
        }
        if skipped == count {
            return Ok(Status::Skipped);
        }
        if skipped + finished < count {
            return Ok(Status::Running);
        }
        self.reset_children(id, cx)?;
        let failed = self.at(id).memory.count.unsigned_abs() >= to_fail;
        self.forget_finished(id);
        Ok(if failed { Status::Failure } else { Status::Success })
    }
}
