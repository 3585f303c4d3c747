//! Sequences, fallbacks and branches.

use crate::error::{Fault, fault};
use crate::node::{NodeId, Op};
use crate::port::Source;
use crate::script::Enums;
use crate::status::Status;
use crate::text;
use crate::tree::{Context, Tree};
use crate::value::Value;

impl<C> Tree<C> {
    /// Sequence and Fallback: to the next child on success, or on failure. Else it begins anew with the first child when
    /// ticked again, or, if it remembers, with the one that ended it.
    #[inline(never)]
    pub(crate) fn tick_in_order(
        &mut self,
        id: NodeId,
        op: Op,
        cx: &mut Context<'_, C>,
    ) -> Result<Status, Fault> {
        let (on, asynch, remembers) = match op {
            Op::Fallback { asynch } => (Status::Failure, asynch, false),
            Op::Sequence { asynch } => (Status::Success, asynch, false),
            _ => (Status::Success, true, true),
        };
        let node = self.at_mut(id);
        let (first, count, mut place) = (node.first_child as usize, node.children, node.memory.index);
        if !node.status.is_active() {
            node.memory.skipped = 0;
        }
        self.running(id);
        while place < count {
            let child = self.children[first + place as usize];
            let was_idle = asynch && self.status_of(child) == Status::Idle;
            let status = self.execute(child, cx);
            match status {
                Ok(status) if status == on => {
                    place += 1;
                    if was_idle && place < count {
                        self.memory(id).index = place;
                        self.wake = true;
                        return Ok(Status::Running);
                    }
                }
                Ok(Status::Skipped) => {
                    place += 1;
                    self.memory(id).skipped += 1;
                }
                Ok(Status::Running) | Err(_) => {
                    self.memory(id).index = place;
                    return status;
                }
                _ if remembers => {
                    self.memory(id).index = place;
                    for place in place..count {
                        let rest = self.child(id, place);
                        self.reset(rest, cx)?;
                    }
                    return status;
                }
                _ => {
                    self.memory(id).index = place;
                    self.reset_children(id, cx)?;
                    self.memory(id).index = 0;
                    return status;
                }
            }
        }
        self.memory(id).index = place;
        self.all_passed(id, on, cx)
    }

    /// All children have been passed: skipped when all of them were, else `result`.
    fn all_passed(&mut self, id: NodeId, result: Status, cx: &mut Context<'_, C>) -> Result<Status, Fault> {
        let all_skipped = self.at(id).memory.skipped == self.count(id);
        self.reset_children(id, cx)?;
        self.memory(id).index = 0;
        self.memory(id).skipped = 0;
        Ok(if all_skipped { Status::Skipped } else { result })
    }

    /// ReactiveSequence (`on` is success) and ReactiveFallback (`on` is failure).
    #[inline(never)]
    pub(crate) fn tick_reactive(
        &mut self,
        id: NodeId,
        on: Status,
        cx: &mut Context<'_, C>,
    ) -> Result<Status, Fault> {
        let count = self.count(id);
        let mut all_skipped = true;
        self.running(id);
        for place in 0..count {
            let child = self.child(id, place);
            let status = self.execute(child, cx)?;
            all_skipped &= status == Status::Skipped;
            match status {
                Status::Running => {
                    for other in (0..count).filter(|other| *other != place) {
                        let other = self.child(id, other);
                        self.reset(other, cx)?;
                    }
                    return Ok(Status::Running);
                }
                Status::Skipped => self.reset(child, cx)?,
                status if status == on => {}
                status => {
                    self.reset_children(id, cx)?;
                    return Ok(status);
                }
            }
        }
        self.reset_children(id, cx)?;
        Ok(if all_skipped { Status::Skipped } else { on })
    }

    #[inline(never)]
    pub(crate) fn tick_if(&mut self, id: NodeId, cx: &mut Context<'_, C>) -> Result<Status, Fault> {
        let count = self.count(id);
        if !(2..=3).contains(&count) {
            return Err(fault("IfThenElse must have two or three children"));
        }
        self.running(id);
        if self.at(id).memory.index == 0 {
            let condition = self.child(id, 0);
            match self.execute(condition, cx)? {
                Status::Running => return Ok(Status::Running),
                Status::Success => self.memory(id).index = 1,
                Status::Failure if count == 3 => self.memory(id).index = 2,
                Status::Failure => return Ok(Status::Failure),
                _ => return Err(fault("the condition of IfThenElse must not be skipped")),
            }
        }
        let branch = self.child(id, self.at(id).memory.index);
        let status = self.execute(branch, cx)?;
        if status != Status::Running {
            self.reset_children(id, cx)?;
            self.memory(id).index = 0;
        }
        Ok(status)
    }

    #[inline(never)]
    pub(crate) fn tick_while(&mut self, id: NodeId, cx: &mut Context<'_, C>) -> Result<Status, Fault> {
        let count = self.count(id);
        if !(2..=3).contains(&count) {
            return Err(fault("WhileDoElse must have two or three children"));
        }
        self.running(id);
        let condition = self.child(id, 0);
        let status = match self.execute(condition, cx)? {
            Status::Running => return Ok(Status::Running),
            Status::Success => {
                if count == 3 {
                    let other = self.child(id, 2);
                    self.reset(other, cx)?;
                }
                let branch = self.child(id, 1);
                self.execute(branch, cx)?
            }
            Status::Failure if count == 3 => {
                let other = self.child(id, 1);
                self.reset(other, cx)?;
                let branch = self.child(id, 2);
                self.execute(branch, cx)?
            }
            Status::Failure => Status::Failure,
            // A condition that is skipped leaves no status, which is an error.
            _ => Status::Idle,
        };
        if status != Status::Running {
            self.reset_children(id, cx)?;
        }
        Ok(status)
    }

    #[inline(never)]
    pub(crate) fn tick_switch(
        &mut self,
        id: NodeId,
        cases: u8,
        cx: &mut Context<'_, C>,
    ) -> Result<Status, Fault> {
        let cases = u32::from(cases);
        if self.count(id) != cases + 1 {
            return Err(fault(format!("a switch of {cases} cases must have {} children", cases + 1)));
        }
        let selected = self.select(id, cases);
        // The child that was running, counted from 1.
        let running = self.at(id).memory.index;
        if running != 0 && running != selected + 1 {
            let other = self.child(id, running - 1);
            self.reset(other, cx)?;
        }
        let child = self.child(id, selected);
        let status = self.execute(child, cx)?;
        match status {
            Status::Skipped => self.memory(id).index = 0,
            Status::Running => self.memory(id).index = selected + 1,
            _ => {
                self.reset_children(id, cx)?;
                self.memory(id).index = 0;
            }
        }
        Ok(status)
    }

    /// The first case that is equal to the variable, else the number of cases.
    fn select(&mut self, id: NodeId, cases: u32) -> u32 {
        let first = self.at(id).first_port;
        let Some(variable) = self.ports[first as usize].get(&mut self.boards) else { return cases };
        let equals = |case: &u32| {
            let binding = &self.ports[(first + 1 + case) as usize];
            match (&binding.source, number(&variable)) {
                (Source::Literal { real, .. }, Some(value)) => real.is_some_and(|real| close(real, value)),
                _ => {
                    let case = binding.get(&mut self.boards);
                    case.is_some_and(|case| equal(&variable, &case, &self.enums))
                }
            }
        };
        (0..cases).find(equals).unwrap_or(cases)
    }

    #[inline(never)]
    pub(crate) fn tick_try(&mut self, id: NodeId, cx: &mut Context<'_, C>) -> Result<Status, Fault> {
        let count = self.count(id);
        if count < 2 {
            return Err(fault("TryCatch must have at least two children"));
        }
        if !self.status_of(id).is_active() {
            self.memory(id).skipped = 0;
            self.memory(id).over = false;
        }
        self.running(id);
        while !self.at(id).memory.over && self.at(id).memory.index < count - 1 {
            let child = self.child(id, self.at(id).memory.index);
            match self.execute(child, cx)? {
                Status::Running => return Ok(Status::Running),
                Status::Failure => {
                    self.reset_children(id, cx)?;
                    self.memory(id).index = 0;
                    self.memory(id).over = true;
                }
                Status::Skipped => {
                    self.memory(id).index += 1;
                    self.memory(id).skipped += 1;
                }
                _ => self.memory(id).index += 1,
            }
        }
        if self.at(id).memory.over {
            let last = self.child(id, count - 1);
            if self.execute(last, cx)? == Status::Running {
                return Ok(Status::Running);
            }
            self.reset_children(id, cx)?;
            self.memory(id).index = 0;
            self.memory(id).over = false;
            return Ok(Status::Failure);
        }
        let all_skipped = self.at(id).memory.skipped == count - 1;
        self.reset_children(id, cx)?;
        self.memory(id).index = 0;
        self.memory(id).skipped = 0;
        Ok(if all_skipped { Status::Skipped } else { Status::Success })
    }
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= f64::from(f32::EPSILON)
}

/// Equal as text, as integers or as real numbers; enumerations count as numbers.
fn equal(a: &Value, b: &Value, enums: &Enums) -> bool {
    if let (Some(a), Some(b)) = (number(a), number(b)) {
        return close(a, b);
    }
    let real = |value: &Value, text: &str| number(value).or_else(|| text::real_or_enum(text, enums));
    match (a.as_text(), b.as_text()) {
        (Ok(x), Ok(y)) => x == y || real(a, &x).zip(real(b, &y)).is_some_and(|(a, b)| close(a, b)),
        _ => false,
    }
}

/// A number whose text and value compare alike, so that no text has to be made of it.
fn number(value: &Value) -> Option<f64> {
    const PLAIN: f64 = 1e9;
    let number = if value.is_number() { value.as_f64().ok()? } else { return None };
    (number.abs() < PLAIN && number.fract() == 0.0).then_some(number)
}
