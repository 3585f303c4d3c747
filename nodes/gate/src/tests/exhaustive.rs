//! Every sequence of events up to a length, from several beginnings: bounded, and complete within its bounds.
//!
//! The events are those that the permit contract is about, each forged pair asking for more speed than anything that is
//! permitted, so that letting it through shows. What has to hold is reckoned here from the events alone, never from what the
//! gate says of itself.

use super::support::{
    ASSURANCE_BOOT, AUTHENTICATOR, GATE_BOOT, PERIOD, TTL, config, digest, envelope, hashes, limits, robot,
};
use crate::{GateNode, Input, Output};
use outrider_foundation::data::{Command, OperatorAction, OperatorRequest, Permit};
use outrider_foundation::robot::DriveLimits;
use outrider_foundation::{Instant, Node, Now, Outbox, Span, Stamp, Stamped, Twist2};

/// Asked for by whatever is permitted.
const ASKED: Twist2 = Twist2::new(0.5, 0.2);
/// Asked for by whatever is not.
const GREEDY: Twist2 = Twist2::new(0.9, 0.9);
/// What the hand asks for, and what the shipped configuration lets it have.
const BY_HAND: (Twist2, Twist2) = (Twist2::new(5.0, 5.0), Twist2::new(0.4, 0.8));
/// Dead-man time here: less than the wait past a permit's time to live.
const HAND_TIMEOUT: Span = Span::from_millis(50);
/// Part of a period; the longest sequence does not get from one period to the next by them.
const MOMENT: Span = Span::from_nanos(1_500_000);
/// Events in a row, the last one of those that show something.
const LENGTH: usize = 5;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Event {
    Pair,
    OtherDigest,
    WideEnvelope,
    OutsideEnvelope,
    OtherGate,
    NoCode,
    NoTimeToLive,
    OldChallenge,
    Again,
    OldPermit,
    OldCommand,
    NotANumber,
    OtherZones,
    AssuranceRestarts,
    GateRestarts,
    Hand,
    HandNotANumber,
    Press,
    Release,
    Arm,
    Reset,
    End,
    SecondPublisher,
    OnePublisher,
    Moment,
    Period,
    PastTimeToLive,
}

const ALPHABET: [Event; 27] = [
    Event::Pair,
    Event::OtherDigest,
    Event::WideEnvelope,
    Event::OutsideEnvelope,
    Event::OtherGate,
    Event::NoCode,
    Event::NoTimeToLive,
    Event::OldChallenge,
    Event::Again,
    Event::OldPermit,
    Event::OldCommand,
    Event::NotANumber,
    Event::OtherZones,
    Event::AssuranceRestarts,
    Event::GateRestarts,
    Event::Hand,
    Event::HandNotANumber,
    Event::Press,
    Event::Release,
    Event::Arm,
    Event::Reset,
    Event::End,
    Event::SecondPublisher,
    Event::OnePublisher,
    Event::Moment,
    Event::Period,
    Event::PastTimeToLive,
];

/// Events after which something is published or answered: a sequence that ends otherwise is the beginning of one that does.
const SHOWING: [Event; 6] =
    [Event::Moment, Event::Period, Event::PastTimeToLive, Event::Arm, Event::Reset, Event::GateRestarts];

/// What somebody who sees the events knows. Nothing of it comes from the gate's state.
#[derive(Clone, Copy, Default)]
struct Known {
    armed: bool,
    pressed: bool,
    second_publisher: bool,
    /// It was told to end.
    ended: bool,
    /// An emergency stop that nobody has reset.
    latched: bool,
    /// The newest good pair since the last stop: zones, run of assurance, end.
    offered: Option<(u8, u64, Instant)>,
    /// What the gate was armed with.
    pinned: (u8, u64),
    /// End of the newest leave since arming.
    leave_until: Option<Instant>,
    hand_until: Option<Instant>,
    /// Good pairs so far, of this run of the gate.
    good: u64,
    /// Run of assurance and sequence of the last good permit, sequence of the last good command.
    used: (u64, u64, u64),
    /// Scan of the newest good pair, and the newest that was driven on since arming.
    offered_scan: i64,
    forwarded_scan: i64,
    /// Something came that must not wait for the next period: a good pair of a newer scan while armed, an emergency stop.
    urgent: bool,
    /// That was published in this period already.
    hurried: bool,
    published_at: Option<Instant>,
    twist: Twist2,
}

/// How often what makes the test worth anything happened.
struct Seen {
    limits: DriveLimits,
    /// Gates as they are at their start, by restart.
    gates: Vec<GateNode>,
    out: Outbox<Output>,
    sequences: u64,
    armed: u64,
    not_armed: u64,
    faster_by_leave: u64,
    faster_by_hand: u64,
    early: u64,
    ramp: u64,
}

#[derive(Clone)]
struct World {
    gate: GateNode,
    gate_boot: u64,
    assurance_boot: u64,
    now: Now,
    /// The last period that there was.
    period_at: Instant,
    challenge: (u64, Instant),
    command_sequence: u64,
    permit_sequence: u64,
    /// With the end of its time.
    last_pair: Option<(Command, Permit, Instant)>,
    known: Known,
}

impl Seen {
    fn new() -> Self {
        let mut config = config();
        config.teleop.timeout_s = HAND_TIMEOUT.as_s();
        let gate = |restart| {
            let gate = GateNode::new(config.clone(), &robot(), digest, GATE_BOOT + restart).unwrap();
            gate.with_authenticator(AUTHENTICATOR)
        };
        Self {
            limits: limits(),
            gates: (0..=LENGTH as u64).map(gate).collect(),
            out: Outbox::new(8),
            sequences: 0,
            armed: 0,
            not_armed: 0,
            faster_by_leave: 0,
            faster_by_hand: 0,
            early: 0,
            ramp: 0,
        }
    }
}

impl World {
    fn new(seen: &mut Seen) -> Self {
        let now = Now { mono: Instant::from_nanos(1_000_000_000), ros: Stamp::from_nanos(5_000_000_000) };
        let mut world = Self {
            gate: seen.gates[0].clone(),
            gate_boot: GATE_BOOT,
            assurance_boot: ASSURANCE_BOOT,
            now,
            period_at: now.mono,
            challenge: (0, now.mono),
            command_sequence: 0,
            permit_sequence: 0,
            last_pair: None,
            known: Known::default(),
        };
        world.step([], seen);
        world
    }

    fn after(events: &[Event], repeated: (usize, &[Event]), seen: &mut Seen) -> Self {
        let mut world = Self::new(seen);
        let (times, block) = repeated;
        for event in events.iter().chain(std::iter::repeat_n(block, times).flatten()) {
            world.happens(*event, seen);
        }
        world
    }

    fn step<const N: usize>(&mut self, inputs: [Input; N], seen: &mut Seen) -> Option<bool> {
        let received = self.now.mono;
        let inputs = inputs.map(|value| Stamped { received, value });
        let mut out = std::mem::replace(&mut seen.out, Outbox::new(0));
        self.gate.step(self.now, &inputs, &mut out);
        let mut success = None;
        for output in out.drain() {
            match output {
                Output::Challenge(c) => {
                    assert_eq!(c.gate_boot_id, self.gate_boot);
                    assert_eq!(self.now.mono, self.period_at, "a challenge between two periods");
                    self.challenge = (c.number, self.now.mono);
                    self.known.hurried = false;
                }
                Output::Velocity(v) => self.published(v.twist, seen),
                Output::State(s) => {
                    assert!(s.accepted <= self.known.good, "{} of {} accepted", s.accepted, self.known.good);
                }
                Output::Reply(reply) => success = Some(reply.success),
            }
        }
        seen.out = out;
        success
    }

    fn pair(&mut self, twist: Twist2) -> (Command, Permit) {
        self.command_sequence += 1;
        self.permit_sequence += 1;
        // Two commands rest on each scan.
        let (sequence, data_stamp) =
            (self.command_sequence, Stamp::from_nanos(self.command_sequence.div_ceil(2) as i64));
        let command = Command { boot_id: 3, sequence, twist, data_stamp, ..Command::default() };
        let permit = Permit {
            version: Permit::VERSION,
            assurance_boot_id: self.assurance_boot,
            gate_boot_id: self.gate_boot,
            challenge_number: self.challenge.0,
            sequence: self.permit_sequence,
            command_sequence: command.sequence,
            command_digest: digest(&command),
            envelope: envelope(),
            time_to_live: TTL,
            hashes: hashes(),
            ..Permit::default()
        };
        (command, permit)
    }

    /// Hands a pair over, with assurance's code: unless it is the code that is wrong, assurance itself has erred.
    fn offer(&mut self, command: Command, mut permit: Permit, has_code: bool, seen: &mut Seen) {
        permit.mac = AUTHENTICATOR.code(&permit);
        permit.mac[31] ^= u8::from(!has_code);
        self.step([Input::Command(command), Input::Permit(permit)], seen);
    }

    /// A pair that is as it should be: what follows from it is known before the gate sees it.
    fn good(&mut self, zones: u8, seen: &mut Seen) {
        let (command, mut permit) = self.pair(ASKED);
        permit.hashes.zones = [zones; 32];
        let until = self.challenge.1 + TTL;
        self.known.reckon_with(&command, &permit, self.now.mono, until);
        self.last_pair = Some((command.clone(), permit.clone(), until));
        self.offer(command, permit, true, seen);
    }

    fn forged(&mut self, seen: &mut Seen, twist: Twist2, tamper: impl Fn(&mut Command, &mut Permit)) {
        let (mut command, mut permit) = self.pair(twist);
        tamper(&mut command, &mut permit);
        self.offer(command, permit, true, seen);
    }

    fn happens(&mut self, event: Event, seen: &mut Seen) {
        let k = &mut self.known;
        match event {
            Event::Pair => self.good(hashes().zones[0], seen),
            Event::OtherZones => self.good(9, seen),
            Event::AssuranceRestarts => {
                self.assurance_boot += 1;
                self.permit_sequence = 0;
                self.good(hashes().zones[0], seen);
            }
            Event::OtherDigest => self.forged(seen, ASKED, |c, _| c.twist = GREEDY),
            Event::WideEnvelope => self.forged(seen, GREEDY, |_, p| p.envelope.v_max_mps = 1.5),
            Event::OutsideEnvelope => self.forged(seen, GREEDY, |_, p| p.envelope.v_max_mps = 0.6),
            Event::OtherGate => self.forged(seen, GREEDY, |_, p| p.gate_boot_id += 1),
            Event::NoTimeToLive => self.forged(seen, GREEDY, |_, p| p.time_to_live = Span::ZERO),
            Event::OldChallenge => self.forged(seen, GREEDY, |_, p| {
                p.challenge_number = p.challenge_number.saturating_sub(8);
            }),
            Event::OldPermit => {
                let (run, sequence, _) = k.used;
                let used = if run == self.assurance_boot { sequence } else { 0 };
                self.forged(seen, GREEDY, |_, p| p.sequence = used);
            }
            Event::OldCommand => {
                let used = k.used.2;
                self.forged(seen, GREEDY, |c, p| {
                    (c.sequence, p.command_sequence) = (used, used);
                    p.command_digest = digest(c);
                });
            }
            Event::NotANumber => self.forged(seen, Twist2::new(f64::NAN, 0.0), |_, _| ()),
            Event::NoCode => {
                let (command, permit) = self.pair(GREEDY);
                self.offer(command, permit, false, seen);
            }
            Event::Again => {
                if let Some((command, permit, until)) = self.last_pair.clone() {
                    // What was refused for a reason that is gone has not been used up.
                    let is_used = k.used.1 == permit.sequence && k.used.2 == command.sequence;
                    if !is_used && permit.gate_boot_id == self.gate_boot {
                        k.reckon_with(&command, &permit, self.now.mono, until);
                    }
                    self.offer(command, permit, true, seen);
                }
            }
            Event::GateRestarts => {
                self.gate_boot += 1;
                self.gate = seen.gates[(self.gate_boot - GATE_BOOT) as usize].clone();
                let (pressed, second_publisher) = (false, false);
                self.known = Known { pressed, second_publisher, ..Known::default() };
                self.period_at = self.now.mono;
                self.step([], seen);
            }
            Event::Hand => {
                if k.armed {
                    k.hand_until = Some(self.now.mono + HAND_TIMEOUT);
                    k.leave_until = None;
                }
                let twist = BY_HAND.0;
                self.step([Input::Teleop { stamp: Stamp::default(), twist }], seen);
            }
            Event::HandNotANumber => {
                if k.armed {
                    k.disarm();
                }
                let twist = Twist2::new(0.3, f64::NAN);
                self.step([Input::Teleop { stamp: Stamp::default(), twist }], seen);
            }
            Event::Press => {
                k.stop();
                k.pressed = true;
                k.disarm();
                self.step([Input::EStop(true)], seen);
            }
            Event::Release => {
                k.pressed = false;
                self.step([Input::EStop(false)], seen);
            }
            Event::SecondPublisher => {
                k.stop();
                k.second_publisher = true;
                k.disarm();
                self.step([Input::VelocityPublishers(2)], seen);
            }
            Event::OnePublisher => {
                k.second_publisher = false;
                self.step([Input::VelocityPublishers(1)], seen);
            }
            Event::Arm => self.arm(seen),
            Event::Reset => self.reset(seen),
            Event::End => {
                k.ended = true;
                k.disarm();
                assert!(self.operator(OperatorAction::End, seen));
            }
            Event::Moment => self.moment(seen),
            Event::Period => self.period(seen),
            Event::PastTimeToLive => (0..7).for_each(|_| self.period(seen)),
        }
    }

    fn operator(&mut self, action: OperatorAction, seen: &mut Seen) -> bool {
        let request = OperatorRequest { stamp: self.now.ros, sequence: 1, action };
        self.step([Input::Operator(request)], seen).unwrap()
    }

    fn arm(&mut self, seen: &mut Seen) {
        let success = self.operator(OperatorAction::Arm, seen);
        let (now, k) = (self.now.mono, &mut self.known);
        if !success {
            assert!(!k.armed || k.hand_until.is_some(), "armed and does not say so");
            seen.not_armed += 1;
            return;
        }
        assert!(!k.pressed && !k.second_publisher && !k.latched, "armed in an emergency stop");
        assert!(!k.ended, "armed although it was told to end");
        if k.armed {
            return;
        }
        let (zones, assurance, until) = k.offered.expect("armed without a permit since the last stop");
        assert!(now <= until, "armed with an old permit");
        k.armed = true;
        k.pinned = (zones, assurance);
        (k.leave_until, k.hand_until) = (None, None);
        seen.armed += 1;
    }

    fn reset(&mut self, seen: &mut Seen) {
        let success = self.operator(OperatorAction::Reset, seen);
        let k = &mut self.known;
        assert_eq!(success, !k.pressed && !k.second_publisher);
        if success {
            k.latched = false;
            k.disarm();
        }
    }

    fn moment(&mut self, seen: &mut Seen) {
        let is_early = self.known.urgent && !self.known.hurried;
        self.pass(MOMENT, seen);
        let has_published = self.known.published_at == Some(self.now.mono);
        assert_eq!(has_published, is_early, "between two periods: what is urgent, once");
        seen.early += u64::from(is_early);
    }

    fn period(&mut self, seen: &mut Seen) {
        self.period_at = self.period_at + PERIOD;
        self.pass(self.period_at.since(self.now.mono), seen);
        assert_eq!(self.known.published_at, Some(self.now.mono), "every period, whatever happens");
    }

    fn pass(&mut self, span: Span, seen: &mut Seen) {
        self.now = Now { mono: self.now.mono + span, ros: self.now.ros + span };
        let k = &mut self.known;
        if k.hand_until.is_some_and(|until| self.now.mono > until) {
            k.disarm();
        }
        self.step([], seen);
    }

    fn published(&mut self, twist: Twist2, seen: &mut Seen) {
        let (l, now, k) = (seen.limits, self.now.mono, &mut self.known);
        let (before, dt_s) = (k.twist, k.published_at.map_or(PERIOD, |at| now.since(at)).as_s());
        assert!(twist.is_finite(), "{twist:?}");
        assert!(twist.v_mps <= l.v_max_mps && twist.v_mps >= l.v_min_mps);
        assert!(twist.w_radps.abs() <= l.w_max_radps);
        let (dv, dw) = (twist.v_mps - before.v_mps, twist.w_radps - before.w_radps);
        assert!(dv <= l.accel_mps2 * dt_s + 1e-9, "accelerates by {dv}");
        assert!(dv >= -l.brake_mps2 * dt_s - 1e-9, "brakes by {dv}");
        assert!(dw.abs() <= l.alpha_radps2 * dt_s + 1e-9, "turns by {dw}");
        let by_hand = k.armed && k.hand_until.is_some();
        let by_leave = k.armed && !by_hand && k.leave_until.is_some_and(|until| now <= until);
        if by_hand || by_leave {
            // Where from and where to: nothing else.
            let goal = if by_hand { BY_HAND.1 } else { ASKED };
            let between = |a: f64, b: f64, x: f64| x >= a.min(b) - 1e-12 && x <= a.max(b) + 1e-12;
            assert!(between(before.v_mps, goal.v_mps, twist.v_mps), "{before:?} to {twist:?} for {goal:?}");
            assert!(between(before.w_radps, goal.w_radps, twist.w_radps), "{before:?} to {twist:?}");
            seen.faster_by_hand += u64::from(by_hand && dv > 0.0);
            seen.faster_by_leave += u64::from(by_leave && dv > 0.0);
        } else {
            // Down the ramp: one factor for both, as fast as both limits allow.
            let time_s = (before.v_mps.abs() / l.brake_mps2).max(before.w_radps.abs() / l.alpha_radps2);
            let keep = if time_s > dt_s { 1.0 - dt_s / time_s } else { 0.0 };
            let off =
                (twist.v_mps - keep * before.v_mps).abs() + (twist.w_radps - keep * before.w_radps).abs();
            assert!(off < 1e-9, "without leave {before:?} became {twist:?}");
            seen.ramp += u64::from(before.v_mps > 0.0);
        }
        assert!(now == self.period_at || (k.urgent && !k.hurried), "early without need, or twice");
        if by_leave {
            k.forwarded_scan = k.offered_scan;
        }
        (k.twist, k.published_at, k.urgent, k.hurried) = (twist, Some(now), false, true);
    }
}

impl Known {
    /// What follows from a pair that is as it should be.
    fn reckon_with(&mut self, command: &Command, permit: &Permit, now: Instant, until: Instant) {
        let (zones, run) = (permit.hashes.zones[0], permit.assurance_boot_id);
        if now > until {
            return;
        }
        if self.armed && self.pinned.1 != run {
            // Assurance was restarted: nobody knows what it is now.
            self.disarm();
        } else if !self.armed || self.pinned.0 == zones {
            self.good += 1;
            self.used = (run, permit.sequence, command.sequence);
            self.offered = Some((zones, run, until));
            self.leave_until = self.armed.then_some(until);
            // A hand that drives goes before it.
            let newer = command.data_stamp.nanos() > self.forwarded_scan;
            self.urgent |= self.armed && newer && self.hand_until.is_none();
            self.offered_scan = command.data_stamp.nanos();
        }
    }

    /// An emergency stop hurries whatever hurried before.
    fn stop(&mut self) {
        if !self.latched {
            (self.latched, self.urgent, self.hurried) = (true, true, false);
        }
    }

    fn disarm(&mut self) {
        self.armed = false;
        (self.offered, self.leave_until, self.hand_until) = (None, None, None);
        self.forwarded_scan = 0;
    }
}

fn explore(world: &World, length: usize, trail: &mut Vec<Event>, seen: &mut Seen) {
    let events: &[Event] = if length == 1 { &SHOWING } else { &ALPHABET };
    for event in events {
        trail.push(*event);
        let mut next = world.clone();
        next.happens(*event, seen);
        if length > 1 {
            explore(&next, length - 1, trail, seen);
        } else {
            seen.sequences += 1;
        }
        trail.pop();
    }
}

fn all_from(name: &str, events: &[Event], repeated: (usize, &[Event])) -> Seen {
    let world = World::after(events, repeated, &mut Seen::new());
    let (mut seen, mut trail) = (Seen::new(), vec![]);
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        explore(&world, LENGTH, &mut trail, &mut seen);
    }));
    assert!(outcome.is_ok(), "from {name}: {trail:?}");
    let events = ALPHABET.len() as u64;
    assert_eq!(seen.sequences, events.pow(LENGTH as u32 - 1) * SHOWING.len() as u64);
    seen
}

#[test]
fn from_the_start() {
    let seen = all_from("the start", &[], (0, &[]));
    assert!(seen.armed > 100 && seen.not_armed > 10_000 && seen.faster_by_leave > 10, "{}", seen.armed);
}

#[test]
fn while_driving() {
    let seen = all_from("a drive", &[Event::Pair, Event::Arm], (30, &[Event::Pair, Event::Period]));
    assert!(seen.armed > 100 && seen.ramp > 100_000, "{} {}", seen.armed, seen.ramp);
    assert!(
        seen.faster_by_leave > 1000 && seen.faster_by_hand > 1000 && seen.early > 10_000,
        "{}",
        seen.early
    );
}

#[test]
fn while_driving_by_hand() {
    let seen = all_from("a take-over", &[Event::Pair, Event::Arm], (20, &[Event::Hand, Event::Period]));
    assert!(seen.faster_by_hand > 100_000 && seen.ramp > 100_000);
}

#[test]
fn in_an_emergency_stop() {
    let events = [Event::Pair, Event::Arm];
    let drive = [Event::Pair, Event::Period].repeat(60);
    let stop = [events.as_slice(), &drive, &[Event::Press, Event::Release]].concat();
    let seen = all_from("an emergency stop", &stop, (0, &[]));
    assert!(seen.armed > 0 && seen.not_armed > 10_000 && seen.ramp > 100_000);
}
