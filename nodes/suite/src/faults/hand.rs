//! What is done to nodes, clocks and buttons in the lock-step world.

use super::{Fault, FaultKind, FaultyNode};
use crate::assemble::{Files, assemble, read_resources};
use crate::bindings::topics;
use crate::lockstep::{Lockstep, LockstepError, Observer, Wrap};
use crate::wire::RosClock;
use outrider_foundation::Span;
use outrider_msgs::geometry_msgs::TwistStamped;
use outrider_msgs::std_msgs::Bool;

/// A node that comes back is another run of it: so much is added to its number each time.
const NEXT_RUN: u64 = 100;
/// Somebody who drives by hand says so this often, s.
const BY_HAND_PERIOD_S: f64 = 0.05;

/// Something done to the lock-step world at one moment.
#[derive(Clone, Copy, Debug)]
enum Act {
    Button(bool),
    Freeze(FaultyNode),
    Thaw(FaultyNode),
    Kill(FaultyNode),
    Restart(FaultyNode),
    Starve(FaultyNode, Span),
    ShiftClock(FaultyNode, Span),
    StopClock(FaultyNode),
    Drive(f64, f64),
}

impl Act {
    /// What a fault begins with, and what ends it; none for the faults of sensors and wires.
    fn of(what: &FaultKind) -> Option<(Self, Self)> {
        Some(match what {
            FaultKind::EStopPressed => (Self::Button(true), Self::Button(false)),
            FaultKind::NodeFrozen(node) => (Self::Freeze(*node), Self::Thaw(*node)),
            FaultKind::NodeKilled(node) => (Self::Kill(*node), Self::Restart(*node)),
            FaultKind::NodeStarved { node, every_s } => {
                (Self::Starve(*node, Span::from_s(*every_s)), Self::Thaw(*node))
            }
            FaultKind::ClockJump { node, by_s } => {
                (Self::ShiftClock(*node, Span::from_s(*by_s)), Self::ShiftClock(*node, Span::ZERO))
            }
            FaultKind::ClockStands(node) => (Self::StopClock(*node), Self::ShiftClock(*node, Span::ZERO)),
            _ => return None,
        })
    }
}

/// The faults of nodes and of people, on their way.
pub(crate) struct Hand {
    /// The next last.
    acts: Vec<(f64, Act)>,
    runs: u64,
}

impl Hand {
    pub(crate) fn new(faults: &[Fault]) -> Self {
        let mut acts = Vec::new();
        for fault in faults {
            if let FaultKind::Teleop { v_mps, w_radps } = fault.what {
                let count = (fault.for_s.unwrap_or(0.0) / BY_HAND_PERIOD_S) as u32;
                let at = |i: u32| fault.at_s + BY_HAND_PERIOD_S * f64::from(i);
                acts.extend((0..count).map(|i| (at(i), Act::Drive(v_mps, w_radps))));
            }
            let Some((begins, ends)) = Act::of(&fault.what) else { continue };
            acts.push((fault.at_s, begins));
            acts.extend(fault.for_s.map(|for_s| (fault.at_s + for_s, ends)));
        }
        // Stable: what the file has first is done first.
        acts.sort_by(|a, b| a.0.total_cmp(&b.0));
        acts.reverse();
        Self { acts, runs: 0 }
    }

    /// Does what is due.
    ///
    /// # Errors
    /// When a node cannot be started again.
    pub(crate) fn act(
        &mut self,
        files: &Files,
        suite: &mut Lockstep,
        wrap: &mut Wrap,
        see: &mut Observer,
    ) -> Result<(), LockstepError> {
        let now_s = suite.elapsed_s();
        while let Some((_, act)) = self.acts.pop_if(|(at_s, _)| *at_s <= now_s) {
            match act {
                Act::Button(pressed) => suite.publish(&topics::e_stop(), &Bool { data: pressed }, see)?,
                Act::Freeze(node) => suite.freeze(node.name()),
                Act::Thaw(node) => suite.thaw(node.name()),
                Act::Kill(node) => suite.kill(node.name()),
                Act::Restart(node) => {
                    self.runs += NEXT_RUN;
                    let resources = read_resources(node.name(), files)?;
                    suite.restart(wrap(assemble(node.name(), resources, self.runs + node as u64)?), see)?;
                }
                Act::Starve(node, every) => suite.starve(node.name(), every),
                Act::ShiftClock(node, by) => suite.set_clock(node.name(), RosClock::Ahead(by)),
                Act::StopClock(node) => suite.set_clock(node.name(), RosClock::Stands(suite.now().ros)),
                Act::Drive(v_mps, w_radps) => {
                    let mut message = TwistStamped::default();
                    message.header.stamp = outrider_runtime::time_message(suite.now().ros);
                    (message.twist.linear.x, message.twist.angular.z) = (v_mps, w_radps);
                    suite.publish(&topics::teleop(), &message, see)?;
                }
            }
        }
        Ok(())
    }
}
