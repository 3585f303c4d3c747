//! Whether the record explains every command that reached the robot: the command itself, its permit, the planner's decision,
//! and the state of the world that it rests on.

use outrider_msgs::outrider_msgs::{Command, Decision, GateState, Permit};
use std::collections::{BTreeMap, BTreeSet};

/// So many of each are remembered, the newest: seconds of them, where a forwarded command is milliseconds old.
const REMEMBERED: usize = 1_000;

/// What was seen, by the numbers of messages.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chain {
    /// By source, for each counts its own, and sequence: the world model that a command rests on.
    commands: BTreeMap<u8, BTreeMap<u64, u64>>,
    decisions: BTreeSet<u64>,
    permits: BTreeSet<u64>,
    models: BTreeSet<u64>,
    last: (u8, u64),
    forwarded: u64,
    explained: u64,
}

impl Chain {
    pub fn command(&mut self, command: &Command) {
        let own = self.commands.entry(command.source).or_default();
        own.insert(command.sequence, command.world_model_sequence);
        while own.len() > REMEMBERED {
            own.pop_first();
        }
    }

    pub fn decision(&mut self, decision: &Decision) {
        remember(&mut self.decisions, decision.command_sequence);
    }

    pub fn permit(&mut self, permit: &Permit) {
        remember(&mut self.permits, permit.sequence);
    }

    pub fn model(&mut self, sequence: u64) {
        remember(&mut self.models, sequence);
    }

    pub fn gate(&mut self, gate: &GateState) {
        let command = (gate.command_source, gate.command_sequence);
        if gate.mode != GateState::FORWARDING || command == self.last {
            return;
        }
        self.last = command;
        self.forwarded += 1;
        // Assurance's own commands rest on no decision of the planner's.
        let recovery = gate.command_source == Command::RECOVERY;
        let decided = recovery || self.decisions.contains(&gate.command_sequence);
        let known = self.commands.get(&command.0).and_then(|own| own.get(&command.1));
        let rests = known.is_some_and(|model| recovery || self.models.contains(model));
        if decided && rests && self.permits.contains(&gate.permit_sequence) {
            self.explained += 1;
        }
    }

    /// Share of the forwarded commands that the record explains in full; none where none was forwarded.
    pub fn completeness(&self) -> Option<f64> {
        (self.forwarded > 0).then(|| self.explained as f64 / self.forwarded as f64)
    }
}

fn remember(numbers: &mut BTreeSet<u64>, number: u64) {
    numbers.insert(number);
    while numbers.len() > REMEMBERED {
        numbers.pop_first();
    }
}
