//! How much freedom: NOMINAL > DEGRADED > SAFE_STOP > E_STOP. Down at once, up one level at a time after a dwell.

use crate::Config;
use crate::monitor::{Concern, Reading, worst};
use outrider_foundation::data::{GateMode, Mode};
use outrider_foundation::{Instant, Now, Span};

/// A pause between two updates longer than so many periods of the state begins every dwell anew.
const UNSEEN_PERIODS: f64 = 3.0;

/// Why the mode is E_STOP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Latch {
    Pressed,
    Unreadable,
    Contact,
    Gate,
}

impl Latch {
    /// Rule, sentence for the record, and what would clear it.
    pub const fn facts(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Pressed => (
                "e_stop",
                "The emergency stop is pressed.",
                "the emergency stop is released, then the gate is reset",
            ),
            Self::Unreadable => (
                "e_stop",
                "A message of the emergency stop could not be read.",
                "the emergency stop says that it is released, then the gate is reset",
            ),
            Self::Contact => (
                "contact",
                "Something touches the robot.",
                "nothing touches the robot any more, then the gate is reset",
            ),
            Self::Gate => ("gate_e_stop", "The gate is in emergency stop.", "the gate is reset"),
        }
    }
}

/// A change of mode.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Change {
    pub before: Mode,
    pub after: Mode,
    pub cause: Cause,
}

/// What changed the mode.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Cause {
    /// A rule that is not satisfied.
    Rule(Reading),
    Latch(Latch),
    /// The emergency stop is released, the gate was reset.
    Released,
    /// All rules have been satisfied for the dwell.
    Dwell,
}

/// The mode and what it waits for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ModeMachine {
    mode: Mode,
    dwell: Span,
    /// Of the way back to NOMINAL: longer after every relapse.
    nominal_dwell: Span,
    /// Until when a rule has kept the robot stopped, while the next time is again.
    stopped_at: Option<Instant>,
    pressed: bool,
    latch: Option<Latch>,
    /// A disarmed gate seen after this clears the latch.
    latched_at: Instant,
    gate: Option<(GateMode, Instant)>,
    /// Since when nothing keeps the robot in SAFE_STOP, in DEGRADED.
    may_move_since: Option<Instant>,
    all_well_since: Option<Instant>,
    updated: Option<Instant>,
}

impl ModeMachine {
    /// In SAFE_STOP: whatever runs has to earn it.
    pub fn new(config: &Config) -> Self {
        Self {
            mode: Mode::SafeStop,
            dwell: Span::from_s(config.dwell_s),
            nominal_dwell: Span::from_s(config.dwell_s),
            stopped_at: None,
            pressed: false,
            latch: None,
            latched_at: Instant::default(),
            gate: None,
            may_move_since: None,
            all_well_since: None,
            updated: None,
        }
    }

    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// How long all has to be well before NOMINAL.
    pub fn nominal_dwell(&self) -> Span {
        self.nominal_dwell
    }

    pub fn latch(&mut self, latch: Latch, now: Instant) {
        self.latch.get_or_insert(latch);
        self.latched_at = now;
        // Pressed for all that is known, until it says otherwise.
        self.pressed |= latch == Latch::Unreadable;
    }

    pub fn e_stop(&mut self, pressed: bool, now: Instant) {
        // A disarmed gate that was seen before the release proves nothing.
        if pressed || self.pressed {
            self.latch(Latch::Pressed, now);
        }
        self.pressed = pressed;
    }

    pub fn gate(&mut self, mode: GateMode, received: Instant) {
        self.gate = Some((mode, received));
        if mode == GateMode::EStop {
            self.latch(Latch::Gate, received);
        }
        if mode == GateMode::Disarmed {
            // Somebody has looked, or will before it is armed.
            self.forgive();
        }
    }

    /// What waits for better times starts to wait anew.
    pub fn restart(&mut self) {
        self.may_move_since = None;
        self.all_well_since = None;
    }

    /// Follows what the rules about the robot say now.
    pub fn update(
        &mut self,
        now: Now,
        readings: &[Reading],
        touched: bool,
        config: &Config,
    ) -> Option<Change> {
        let now = now.mono;
        // Nobody has looked for so long: what held then and holds now need not have held in between.
        let unseen = Span::from_s(UNSEEN_PERIODS * config.state_period_s);
        if self.updated.is_some_and(|last| now.since(last) > unseen) {
            self.restart();
        }
        self.updated = Some(now);
        if touched {
            self.latch(Latch::Contact, now);
        }
        let bad = |concern| {
            let of_concern = readings.iter().filter(move |r| r.rule.concern(config) == concern);
            worst(of_concern.filter(|r| !r.is_positive())).copied()
        };
        let (stop, degrade) = (bad(Concern::Stop), bad(Concern::Degrade));
        keep_since(&mut self.may_move_since, stop.is_none(), now);
        keep_since(&mut self.all_well_since, stop.is_none() && degrade.is_none(), now);
        let change = self.next(now, stop, degrade);
        self.count_relapse(now, change, config);
        let (after, cause) = change?;
        let before = std::mem::replace(&mut self.mode, after);
        // One level at a time: the next has to be earned again.
        self.may_move_since = self.may_move_since.map(|_| now);
        self.all_well_since = self.all_well_since.map(|_| now);
        Some(Change { before, after, cause })
    }

    /// What stops the robot again and again is not over because it was well for a dwell: NOMINAL takes twice as long every time.
    fn count_relapse(&mut self, now: Instant, change: Option<(Mode, Cause)>, config: &Config) {
        let within = Span::from_s(config.relapse.within_s);
        match self.stopped_at {
            Some(_) if self.mode == Mode::SafeStop => self.stopped_at = Some(now),
            Some(at) if now.since(at) > within => self.forgive(),
            _ => {}
        }
        if let Some((Mode::SafeStop, Cause::Rule(_))) = change {
            if self.stopped_at.is_some() {
                let most = Span::from_s(config.relapse.dwell_max_s);
                self.nominal_dwell = (self.nominal_dwell + self.nominal_dwell).min(most).max(self.dwell);
            }
            self.stopped_at = Some(now);
        }
    }

    fn forgive(&mut self) {
        self.nominal_dwell = self.dwell;
        self.stopped_at = None;
    }

    fn next(
        &mut self,
        now: Instant,
        stop: Option<Reading>,
        degrade: Option<Reading>,
    ) -> Option<(Mode, Cause)> {
        if let Some(latch) = self.latch {
            if self.mode != Mode::EStop {
                // Also when it has been released and reset already: somebody has pressed it, and the record says so.
                return Some((Mode::EStop, Cause::Latch(latch)));
            }
            let reset =
                self.gate.is_some_and(|(mode, at)| mode == GateMode::Disarmed && at > self.latched_at);
            if self.pressed || !reset {
                return None;
            }
            self.latch = None;
        }
        // A rule counts as broken when it is; as satisfied only with something to spare.
        let broken = |reading: Option<Reading>| reading.filter(|r| !r.is_ok());
        let dwelt = |since: Option<Instant>, dwell| since.is_some_and(|since| now.since(since) >= dwell);
        match (self.mode, broken(stop), broken(degrade)) {
            (Mode::EStop, ..) => Some((Mode::SafeStop, Cause::Released)),
            (Mode::Nominal | Mode::Degraded, Some(rule), _) => Some((Mode::SafeStop, Cause::Rule(rule))),
            (Mode::Nominal, None, Some(rule)) => Some((Mode::Degraded, Cause::Rule(rule))),
            (Mode::SafeStop, ..) if dwelt(self.may_move_since, self.dwell) => {
                Some((Mode::Degraded, Cause::Dwell))
            }
            (Mode::Degraded, ..) if dwelt(self.all_well_since, self.nominal_dwell) => {
                Some((Mode::Nominal, Cause::Dwell))
            }
            _ => None,
        }
    }
}

fn keep_since(since: &mut Option<Instant>, holds: bool, now: Instant) {
    if !holds {
        *since = None;
    } else if since.is_none() {
        *since = Some(now);
    }
}
