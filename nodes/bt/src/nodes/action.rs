//! The engine's own actions and conditions.

use super::decorator::later;
use crate::error::{Fault, fault};
use crate::kind::Kind;
use crate::node::{NodeId, Op};
use crate::port::Source;
use crate::status::Status;
use crate::text;
use crate::tree::{Context, Tree};
use crate::value::Value;

impl<C> Tree<C> {
    #[inline(never)]
    pub(crate) fn tick_action(&mut self, id: NodeId, cx: &mut Context<'_, C>) -> Result<Status, Fault> {
        match self.at(id).op {
            Op::Always(status) => Ok(status),
            Op::SetBlackboard => self.set_blackboard(id),
            Op::UnsetBlackboard => {
                let port = self.at(id).first_port as usize;
                let key = self.ports[port].text(&mut self.boards)?;
                let board = self.board_of[id as usize];
                self.boards.unset(board, &key);
                Ok(Status::Success)
            }
            Op::Sleep => self.sleep(id, cx),
            _ => Ok(if self.was_updated(id) { Status::Success } else { Status::Failure }),
        }
    }

    #[inline(never)]
    pub(crate) fn tick_script(&mut self, id: NodeId, op: Op) -> Result<Status, Fault> {
        self.refresh_script(id)?;
        let script = self.scripts.get_mut(self.nodes[id as usize].script as usize);
        if op == Op::Script {
            // An empty script does nothing.
            if let Some(script) = script {
                script.run(&mut self.boards)?;
            }
            return Ok(Status::Success);
        }
        let script = script.ok_or_else(|| fault("the script is empty"))?;
        script.decide(&mut self.boards)
    }

    fn sleep(&mut self, id: NodeId, cx: &Context<'_, C>) -> Result<Status, Fault> {
        match self.status_of(id) {
            Status::Idle => {
                let ms: u32 = self.input(id, 0)?.as_number()?;
                if ms == 0 {
                    return Ok(Status::Success);
                }
                self.memory(id).since = Some(later(cx.now, ms));
                Ok(Status::Running)
            }
            Status::Running => {
                let waits = self.at(id).memory.since.is_some_and(|due| cx.now < due);
                Ok(if waits { Status::Running } else { Status::Success })
            }
            other => Ok(other),
        }
    }

    /// The rules are BehaviorTree.CPP's to the letter, also where text meets an entry that was made without a type: such an
    /// entry becomes empty.
    fn set_blackboard(&mut self, id: NodeId) -> Result<Status, Fault> {
        let board = self.board_of[id as usize];
        let port = self.at(id).first_port as usize;
        let name = self.ports[port + 1].text(&mut self.boards)?;
        let known = self.boards.look(board, &name).map(|entry| entry.kind);
        let (mut value, known) = match &self.ports[port].source {
            Source::Absent => return Err(fault("port `value` is missing")),
            Source::Entry(key) => {
                let Some(entry) = self.boards.get(*key).cloned() else {
                    return Err(fault(format!("there is no entry `{}`", self.boards.name(*key))));
                };
                if known.is_none() {
                    self.boards.create(board, &name, entry.kind)?;
                }
                (entry.value, known.or(Some(entry.kind)))
            }
            Source::Literal { text, .. } => (Value::text(text), known),
        };
        if value.is_empty() {
            return Ok(Status::Failure);
        }
        if let (Value::Text(text), Some(kind)) = (&value, known)
            && kind != Kind::Text
        {
            value = if kind.has_converter() { kind.parse(text)? } else { Value::Empty };
        }
        self.boards.set(board, &name, value, Kind::Any)?;
        Ok(Status::Success)
    }
}

/// The name of the entry that `entry` ports mean, with braces or without.
pub(crate) fn entry_name(text: &str) -> &str {
    text::pointer(text).unwrap_or(text)
}
