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

/// What a fault is done to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    Button,
    Process(FaultyNode),
    Clock(FaultyNode),
}

impl Target {
    /// None for the faults of sensors and wires.
    fn of(what: &FaultKind) -> Option<Self> {
        Some(match what {
            FaultKind::EStopPressed => Self::Button,
            FaultKind::NodeFrozen(node) | FaultKind::NodeKilled(node) => Self::Process(*node),
            FaultKind::NodeStarved { node, .. } => Self::Process(*node),
            FaultKind::ClockJump { node, .. } | FaultKind::ClockStands(node) => Self::Clock(*node),
            _ => return None,
        })
    }
}

/// Of several faults of a process at a time the gravest rules; of others the last that began.
fn gravity(what: &FaultKind) -> u8 {
    match what {
        FaultKind::NodeKilled(_) => 2,
        FaultKind::NodeFrozen(_) => 1,
        _ => 0,
    }
}

/// Something at one moment.
#[derive(Clone, Copy, Debug)]
enum Act {
    /// A fault begins, by its index;
    Begin(usize),
    /// and is over.
    End(usize),
    Drive(f64, f64),
}

/// The faults of nodes and of people, on their way.
pub(crate) struct Hand {
    faults: Vec<FaultKind>,
    /// The next last.
    acts: Vec<(f64, Act)>,
    /// Those under way, in the order of their beginning.
    active: Vec<usize>,
    runs: u64,
}

/// The lock-step world, and what it takes to change it.
pub(crate) struct World<'a, 'w, 's> {
    pub(crate) files: &'a Files,
    pub(crate) suite: &'a mut Lockstep,
    pub(crate) wrap: &'a mut Wrap<'w>,
    pub(crate) see: &'a mut Observer<'s>,
}

impl Hand {
    pub(crate) fn new(faults: &[Fault]) -> Self {
        let mut acts = Vec::new();
        for (index, fault) in faults.iter().enumerate() {
            if let FaultKind::Teleop { v_mps, w_radps } = fault.what {
                let count = (fault.for_s.unwrap_or(0.0) / BY_HAND_PERIOD_S) as u32;
                let at = |i: u32| fault.at_s + BY_HAND_PERIOD_S * f64::from(i);
                acts.extend((0..count).map(|i| (at(i), Act::Drive(v_mps, w_radps))));
            }
            if Target::of(&fault.what).is_some() {
                acts.push((fault.at_s, Act::Begin(index)));
                acts.extend(fault.for_s.map(|for_s| (fault.at_s + for_s, Act::End(index))));
            }
        }
        // Stable: what the file has first is done first.
        acts.sort_by(|a, b| a.0.total_cmp(&b.0));
        acts.reverse();
        Self { faults: faults.iter().map(|f| f.what.clone()).collect(), acts, active: Vec::new(), runs: 0 }
    }

    /// Does what is due.
    ///
    /// # Errors
    /// When a node cannot be started again.
    pub(crate) fn act(&mut self, world: &mut World) -> Result<(), LockstepError> {
        let now_s = world.suite.elapsed_s();
        while let Some((_, act)) = self.acts.pop_if(|(at_s, _)| *at_s <= now_s) {
            match act {
                Act::Begin(index) => self.change(world, index, |active| active.push(index))?,
                Act::End(index) => self.change(world, index, |active| active.retain(|i| *i != index))?,
                Act::Drive(v_mps, w_radps) => {
                    let mut message = TwistStamped::default();
                    message.header.stamp = outrider_runtime::time_message(world.suite.now().ros);
                    (message.twist.linear.x, message.twist.angular.z) = (v_mps, w_radps);
                    world.suite.publish(&topics::teleop(), &message, world.see)?;
                }
            }
        }
        Ok(())
    }

    /// Changes which faults are under way, and then their target, if another of them rules it now.
    fn change(
        &mut self,
        world: &mut World,
        index: usize,
        change: impl FnOnce(&mut Vec<usize>),
    ) -> Result<(), LockstepError> {
        let Some(target) = self.faults.get(index).and_then(Target::of) else { return Ok(()) };
        let before = self.ruling(target);
        change(&mut self.active);
        let after = self.ruling(target);
        if before == after {
            return Ok(());
        }
        match target {
            Target::Button if before.is_some() == after.is_some() => Ok(()),
            Target::Button => {
                let pressed = Bool { data: after.is_some() };
                Ok(world.suite.publish(&topics::e_stop(), &pressed, world.see)?)
            }
            Target::Process(node) => self.set_process(world, node, before.as_ref(), after.as_ref()),
            Target::Clock(node) => {
                let clock = match after {
                    Some(FaultKind::ClockJump { by_s, .. }) => RosClock::Ahead(Span::from_s(by_s)),
                    Some(FaultKind::ClockStands(_)) => RosClock::Stands(world.suite.now().ros),
                    _ => RosClock::Ahead(Span::ZERO),
                };
                world.suite.set_clock(node.name(), clock);
                Ok(())
            }
        }
    }

    /// The fault under way that rules a target.
    fn ruling(&self, target: Target) -> Option<FaultKind> {
        let active = self.active.iter().filter_map(|index| self.faults.get(*index));
        // The last of those that are equally grave.
        active.filter(|what| Target::of(what) == Some(target)).max_by_key(|what| gravity(what)).cloned()
    }

    fn set_process(
        &mut self,
        world: &mut World,
        node: FaultyNode,
        before: Option<&FaultKind>,
        after: Option<&FaultKind>,
    ) -> Result<(), LockstepError> {
        let name = node.name();
        let was_dead = matches!(before, Some(FaultKind::NodeKilled(_)));
        if was_dead && !matches!(after, Some(FaultKind::NodeKilled(_))) {
            self.runs += NEXT_RUN;
            let resources = read_resources(name, world.files)?;
            let again = assemble(name, resources, self.runs + node as u64)?;
            world.suite.restart((world.wrap)(again), world.see)?;
        }
        match after {
            Some(FaultKind::NodeKilled(_)) => world.suite.kill(name),
            Some(FaultKind::NodeFrozen(_)) => world.suite.freeze(name),
            Some(FaultKind::NodeStarved { every_s, .. }) => world.suite.starve(name, Span::from_s(*every_s)),
            _ if was_dead => {}
            _ => world.suite.thaw(name),
        }
        Ok(())
    }
}
