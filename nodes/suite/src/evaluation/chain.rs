//! Whether the record explains every command that reached the robot: the command itself, its permit, the planner's decision,
//! and the state of the world that it rests on.

use outrider_msgs::outrider_msgs::{Command, Decision, GateState, Permit};
use std::collections::BTreeMap;

/// So many of each are remembered, the newest: seconds of them, where a forwarded command is milliseconds old.
const REMEMBERED: usize = 1_000;

/// What one run of a node numbered. Another run of it counts anew.
#[derive(Clone, Debug, Default)]
struct Numbered {
    boot_id: u64,
    seen: BTreeMap<u64, u64>,
}

impl Numbered {
    fn remember(&mut self, boot_id: u64, number: u64, value: u64) {
        if boot_id != self.boot_id {
            self.seen.clear();
            self.boot_id = boot_id;
        }
        self.seen.insert(number, value);
        while self.seen.len() > REMEMBERED {
            self.seen.pop_first();
        }
    }

    fn has(&self, number: u64) -> bool {
        self.seen.contains_key(&number)
    }
}

/// What was seen, by the numbers of messages; `boot_id` tells the run of the node that numbered them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chain {
    /// By source, for each counts its own, and sequence: the world model that a command rests on.
    commands: BTreeMap<u8, Numbered>,
    decisions: Numbered,
    permits: Numbered,
    models: Numbered,
    last: (u8, u64),
    forwarded: u64,
    explained: u64,
}

impl Chain {
    pub fn command(&mut self, boot_id: u64, command: &Command) {
        let own = self.commands.entry(command.source).or_default();
        own.remember(boot_id, command.sequence, command.world_model_sequence);
    }

    pub fn decision(&mut self, boot_id: u64, decision: &Decision) {
        self.decisions.remember(boot_id, decision.command_sequence, 0);
    }

    pub fn permit(&mut self, boot_id: u64, permit: &Permit) {
        self.permits.remember(boot_id, permit.sequence, 0);
    }

    pub fn model(&mut self, boot_id: u64, sequence: u64) {
        self.models.remember(boot_id, sequence, 0);
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
        let own = self.commands.get(&command.0);
        let same = own.is_some_and(|own| own.boot_id == self.decisions.boot_id);
        let decided = recovery || (same && self.decisions.has(gate.command_sequence));
        let known = own.and_then(|own| own.seen.get(&command.1));
        let rests = known.is_some_and(|model| recovery || self.models.has(*model));
        if decided && rests && self.permits.has(gate.permit_sequence) {
            self.explained += 1;
        }
    }

    /// Share of the forwarded commands that the record explains in full; none where none was forwarded.
    pub fn completeness(&self) -> Option<f64> {
        (self.forwarded > 0).then(|| self.explained as f64 / self.forwarded as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A command of the planner that goes the whole way: what rests on what, and each with the same number.
    fn forwarded(chain: &mut Chain, boot_id: u64, sequence: u64, decided: bool) {
        chain.model(boot_id, sequence);
        let (source, world_model_sequence) = (Command::PLANNER, sequence);
        chain.command(boot_id, &Command { source, sequence, world_model_sequence, ..Command::default() });
        if decided {
            chain.decision(boot_id, &Decision { command_sequence: sequence, ..Decision::default() });
        }
        chain.permit(boot_id, &Permit { sequence, ..Permit::default() });
        let (command_source, command_sequence, permit_sequence) = (source, sequence, sequence);
        let mode = GateState::FORWARDING;
        chain.gate(&GateState {
            mode,
            command_source,
            command_sequence,
            permit_sequence,
            ..GateState::default()
        });
    }

    #[test]
    fn numbers_are_those_of_one_run_of_a_node() {
        let mut chain = Chain::default();
        // More than are remembered, and then from the first number on.
        (1..=1500).for_each(|sequence| forwarded(&mut chain, 1, sequence, true));
        (1..=20).for_each(|sequence| forwarded(&mut chain, 2, sequence, true));
        assert_eq!(chain.completeness(), Some(1.0));
        // What the run before decided explains nothing.
        (1..=20).for_each(|sequence| forwarded(&mut chain, 3, sequence, false));
        assert_eq!(chain.completeness(), Some(1520.0 / 1540.0));
    }
}
