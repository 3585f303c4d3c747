//! What is done to nodes, clocks and buttons in the lock-step world.

use super::{Fault, FaultKind, FaultyNode};
use crate::assemble::{Files, assemble, read_resources};
use crate::bindings::topics;
use crate::lockstep::{Lockstep, LockstepError, Observer, START, Wrap};
use crate::wire::{RosClock, Wire};
use outrider_foundation::{Span, Stamp};
use outrider_msgs::geometry_msgs::TwistStamped;
use outrider_msgs::std_msgs::Bool;
use std::collections::BTreeMap;

/// A node that comes back is another run of it: so much is added to its number each time.
const NEXT_RUN: u64 = 100;
/// Somebody who drives by hand says so this often.
const BY_HAND_PERIOD: Span = Span::from_millis(50);

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
    /// The next last; times since the start.
    acts: Vec<(Span, Act)>,
    /// Those under way, in the order of their beginning.
    active: Vec<usize>,
    /// What a clock showed when it came to stand, by the fault that has it stand.
    stood: BTreeMap<usize, Stamp>,
    runs: u64,
}

/// The lock-step world, and what it takes to change it.
pub(crate) struct World<'a, 'w, 's> {
    pub(crate) files: &'a Files,
    pub(crate) suite: &'a mut Lockstep,
    pub(crate) wrap: &'a mut Wrap<'w>,
    pub(crate) wire: &'a mut dyn Wire,
    pub(crate) see: &'a mut Observer<'s>,
}

impl Hand {
    pub(crate) fn new(faults: &[Fault]) -> Self {
        let mut acts = Vec::new();
        for (index, fault) in faults.iter().enumerate() {
            let begins = Span::from_s(fault.at_s);
            if let FaultKind::Teleop { v_mps, w_radps } = fault.what {
                let ends = fault.end().unwrap_or(begins);
                let times = std::iter::successors(Some(begins), |at| Some(*at + BY_HAND_PERIOD));
                acts.extend(times.take_while(|at| *at < ends).map(|at| (at, Act::Drive(v_mps, w_radps))));
            }
            if Target::of(&fault.what).is_some() {
                acts.push((begins, Act::Begin(index)));
                acts.extend(fault.end().map(|end| (end, Act::End(index))));
            }
        }
        // Stable: what the file has first is done first.
        acts.sort_by_key(|(at, _)| *at);
        acts.reverse();
        let faults = faults.iter().map(|f| f.what.clone()).collect();
        Self { faults, acts, active: Vec::new(), stood: BTreeMap::new(), runs: 0 }
    }

    /// Whether somebody presses the emergency stop.
    pub(crate) fn presses(&self) -> bool {
        self.ruling(Target::Button).is_some()
    }

    /// Does what is due.
    ///
    /// # Errors
    /// When a node cannot be started again.
    pub(crate) fn act(&mut self, world: &mut World) -> Result<(), LockstepError> {
        let now = world.suite.now().mono.since(START.mono);
        while let Some(at) = self.acts.last().map(|(at, _)| *at).filter(|at| *at <= now) {
            // One that ends when the next begins hands over to it.
            let mut before = Vec::new();
            while let Some((_, act)) = self.acts.pop_if(|(other, _)| *other == at) {
                self.take(world, act, &mut before)?;
            }
            for (target, before) in before {
                self.turn(world, target, before)?;
            }
        }
        Ok(())
    }

    /// One act; `before` gets what ruled its target until then, if nothing of this moment did so already.
    fn take(
        &mut self,
        world: &mut World,
        act: Act,
        before: &mut Vec<(Target, Option<usize>)>,
    ) -> Result<(), LockstepError> {
        let (index, begins) = match act {
            Act::Begin(index) => (index, true),
            Act::End(index) => (index, false),
            Act::Drive(v_mps, w_radps) => return drive(world, v_mps, w_radps),
        };
        let Some(target) = self.faults.get(index).and_then(Target::of) else { return Ok(()) };
        if !before.iter().any(|(other, _)| *other == target) {
            before.push((target, self.ruling(target)));
        }
        self.active.retain(|other| *other != index);
        if begins {
            self.begin(world, index);
        }
        Ok(())
    }

    fn begin(&mut self, world: &World, index: usize) {
        self.active.push(index);
        if let Some(FaultKind::ClockStands(node)) = self.faults.get(index) {
            self.stood.insert(index, world.suite.clock(node.name()));
        }
    }

    /// Does to a target what the fault that rules it now does, if another one did before.
    fn turn(
        &mut self,
        world: &mut World,
        target: Target,
        before: Option<usize>,
    ) -> Result<(), LockstepError> {
        let after = self.ruling(target);
        let what = |index: Option<usize>| index.and_then(|index| self.faults.get(index)).cloned();
        let (was, is) = (what(before), what(after));
        if was == is {
            return Ok(());
        }
        match target {
            Target::Button if was.is_some() == is.is_some() => Ok(()),
            Target::Button => self.tell_the_button(world),
            Target::Process(node) => self.set_process(world, node, was.as_ref(), is.as_ref()),
            Target::Clock(node) => {
                let stood = after.and_then(|index| self.stood.get(&index));
                let clock = match is {
                    Some(FaultKind::ClockJump { by_s, .. }) => RosClock::Ahead(Span::from_s(by_s)),
                    Some(FaultKind::ClockStands(_)) => {
                        RosClock::Stands(stood.copied().unwrap_or(world.suite.now().ros))
                    }
                    _ => RosClock::Ahead(Span::ZERO),
                };
                world.suite.set_clock(node.name(), clock);
                Ok(())
            }
        }
    }

    fn tell_the_button(&self, world: &mut World) -> Result<(), LockstepError> {
        let pressed = Bool { data: self.presses() };
        Ok(world.suite.publish(&topics::e_stop(), &pressed, world.see)?)
    }

    /// The fault under way that rules a target.
    fn ruling(&self, target: Target) -> Option<usize> {
        let kind = |index: usize| self.faults.get(index);
        let active = self.active.iter().copied();
        let rules = active.filter(|index| kind(*index).and_then(Target::of) == Some(target));
        // The last of those that are equally grave.
        rules.max_by_key(|index| kind(*index).map_or(0, gravity))
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
            world.suite.restart((world.wrap)(again), world.wire, world.see)?;
            if self.presses() {
                self.tell_the_button(world)?;
            }
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

/// Somebody drives by hand.
fn drive(world: &mut World, v_mps: f64, w_radps: f64) -> Result<(), LockstepError> {
    let mut message = TwistStamped::default();
    message.header.stamp = outrider_runtime::time_message(world.suite.now().ros);
    (message.twist.linear.x, message.twist.angular.z) = (v_mps, w_radps);
    Ok(world.suite.publish(&topics::teleop(), &message, world.see)?)
}
