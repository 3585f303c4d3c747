//! Any sequence of inputs, valid or not, at any delays: what is published stays within limits, slew and ramp.

use super::support::{BEGINNING, GATE_BOOT, Rig, TTL, limits};
use crate::{Input, Output};
use outrider_foundation::data::{Challenge, CommandSource, GateMode, OperatorAction, OperatorRequest};
use outrider_foundation::{Instant, Span, Stamp, Twist2};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Event {
    /// A pair; `delay_ms` of the permit's challenge, whether the permit comes first, and what is wrong with it.
    Pair {
        twist: Twist2,
        challenge_age: u64,
        permit_first: bool,
        recovery: bool,
        fault: Fault,
    },
    CommandOnly(Twist2),
    /// Microseconds, within a period.
    Moment(i64),
    Teleop(Twist2),
    EStop(bool),
    Arm,
    Reset,
    End,
    Publishers(u32),
    Wait(i64),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    Digest,
    Gate,
    Assurance,
    Hashes,
    OldSequence,
    OldCommand,
    WideEnvelope,
    Ttl,
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![8 => -1.5..1.5f64, 1 => Just(f64::NAN), 1 => Just(f64::INFINITY), 1 => Just(1e300)]
}

fn twist() -> impl Strategy<Value = Twist2> {
    let good = (-0.3..1.0f64, -1.2..1.2f64).prop_map(|(v, w)| Twist2::new(v, w));
    let any = (number(), number()).prop_map(|(v, w)| Twist2::new(v, w));
    prop_oneof![4 => good, 1 => any]
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        24 => Just(Fault::None),
        1 => Just(Fault::Digest),
        1 => Just(Fault::Gate),
        1 => Just(Fault::Assurance),
        1 => Just(Fault::Hashes),
        1 => Just(Fault::OldSequence),
        1 => Just(Fault::OldCommand),
        1 => Just(Fault::WideEnvelope),
        1 => Just(Fault::Ttl),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    let pair = (twist(), prop_oneof![4 => 0..3u64, 1 => 0..12u64], any::<bool>(), any::<bool>(), fault());
    prop_oneof![
        12 => pair.prop_map(|(twist, challenge_age, permit_first, recovery, fault)| Event::Pair {
            twist, challenge_age, permit_first, recovery, fault
        }),
        1 => twist().prop_map(Event::CommandOnly),
        1 => twist().prop_map(Event::Teleop),
        1 => any::<bool>().prop_map(Event::EStop),
        3 => Just(Event::Arm),
        1 => Just(Event::Reset),
        1 => prop_oneof![1 => Just(Event::End), 19 => Just(Event::Arm)],
        1 => (0..3u32).prop_map(Event::Publishers),
        12 => (0..25i64).prop_map(Event::Wait),
        6 => (0..3000i64).prop_map(Event::Moment),
        1 => (0..300i64).prop_map(Event::Wait),
    ]
}

/// What the test knows of its own: when leave ends, independently of the gate's bookkeeping.
struct Watch {
    rig: Rig,
    challenges: Vec<(u64, Instant)>,
    leaves: Vec<(Instant, Twist2)>,
    teleop_until: Option<Instant>,
    /// An emergency stop that nobody has reset and armed since.
    stopped: bool,
    /// It was told to end.
    ended: bool,
    armed_since_stop: bool,
    published_at: Instant,
    /// Velocities since the last challenge, its own included.
    in_this_period: u32,
    /// Emergency stops that were new since then: each may hurry.
    new_stops: u32,
    twist: Twist2,
}

impl Watch {
    fn new() -> Self {
        let rig = Rig::armed();
        let now = rig.now.mono;
        Self {
            challenges: vec![(rig.challenge.number, now)],
            rig,
            leaves: vec![],
            teleop_until: None,
            stopped: false,
            ended: false,
            armed_since_stop: true,
            published_at: now,
            in_this_period: 1,
            new_stops: 0,
            twist: Twist2::ZERO,
        }
    }

    fn send(&mut self, inputs: Vec<Input>) -> Result<(), TestCaseError> {
        let now = self.rig.now.mono;
        for output in self.rig.send(inputs) {
            match output {
                Output::Challenge(c) => self.challenged(c, now)?,
                Output::Velocity(v) => self.check(now, v.twist)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn challenged(&mut self, c: Challenge, now: Instant) -> Result<(), TestCaseError> {
        prop_assert_eq!(c.gate_boot_id, GATE_BOOT);
        prop_assert!(self.challenges.last().is_none_or(|(number, _)| c.number == number + 1));
        self.challenges.push((c.number, now));
        prop_assert!(self.in_this_period >= 2, "the velocity of a period comes before its challenge");
        (self.in_this_period, self.new_stops) = (1, 0);
        Ok(())
    }

    fn check(&mut self, now: Instant, twist: Twist2) -> Result<(), TestCaseError> {
        let (l, before) = (limits(), self.twist);
        let state = self.rig.gate_state();
        prop_assert!(twist.is_finite());
        prop_assert!(
            twist.v_mps <= l.v_max_mps && twist.v_mps >= l.v_min_mps && twist.w_radps.abs() <= l.w_max_radps
        );
        self.in_this_period += 1;
        let most = 3 + self.new_stops;
        prop_assert!(self.in_this_period <= most, "more than one velocity between two periods");
        let elapsed_s = now.since(self.published_at).as_s();
        let (dv, dw) = (twist.v_mps.abs() - before.v_mps.abs(), twist.w_radps.abs() - before.w_radps.abs());
        prop_assert!(before.v_mps * twist.v_mps >= 0.0);
        prop_assert!(dv <= l.accel_mps2 * elapsed_s.min(0.01) + 1e-9, "accelerates {dv} in {elapsed_s}");
        prop_assert!(-dv <= l.brake_mps2 * elapsed_s + 1e-9, "brakes {dv} in {elapsed_s}");
        let dw_max = l.alpha_radps2 * elapsed_s + 1e-9;
        prop_assert!((twist.w_radps - before.w_radps).abs() <= dw_max);
        self.leaves.retain(|(until, _)| now <= *until);
        let permitted = !self.leaves.is_empty();
        let by_hand = self.teleop_until.is_some_and(|until| now <= until);
        if dv > 1e-12 || dw > 1e-12 {
            prop_assert!(!self.stopped, "moves although an emergency stop was not cleared");
            prop_assert!(self.armed_since_stop);
            prop_assert!(permitted || by_hand, "accelerates without leave");
            if !by_hand {
                let asked = |part: fn(&Twist2) -> f64| {
                    self.leaves.iter().map(|(_, t)| part(t).abs()).fold(part(&before).abs(), f64::max)
                };
                prop_assert!(twist.v_mps.abs() <= asked(|t| t.v_mps) + 1e-12);
                prop_assert!(twist.w_radps.abs() <= asked(|t| t.w_radps) + 1e-12);
            }
        }
        if !permitted && !by_hand {
            // One curve, one factor, as fast as both limits allow.
            let time_s = (before.v_mps.abs() / l.brake_mps2).max(before.w_radps.abs() / l.alpha_radps2);
            let keep = if time_s > 0.0 { (1.0 - elapsed_s / time_s).max(0.0) } else { 0.0 };
            prop_assert!((twist.v_mps - keep * before.v_mps).abs() < 1e-9, "not the stop ramp: {state:?}");
            prop_assert!((twist.w_radps - keep * before.w_radps).abs() < 1e-9);
        }
        self.published_at = now;
        self.twist = twist;
        Ok(())
    }

    fn pair(
        &mut self,
        twist: Twist2,
        challenge_age: u64,
        order: (bool, bool),
        fault: Fault,
    ) -> Result<(), TestCaseError> {
        let (permit_first, recovery) = order;
        let mut command = self.rig.command(twist);
        // Every second one rests on a newer scan.
        command.data_stamp = Stamp::from_nanos(command.sequence as i64 / 2);
        if recovery {
            command.source = CommandSource::Recovery;
        }
        if fault == Fault::OldCommand {
            // The planner's first was used for arming.
            command.sequence = u64::from(!recovery);
        }
        let mut permit = self.rig.permit(&command);
        let number = self.rig.challenge.number.saturating_sub(challenge_age);
        permit.challenge_number = number;
        match fault {
            Fault::None | Fault::OldCommand => {}
            Fault::Digest => command.twist.v_mps += 0.01,
            Fault::Gate => permit.gate_boot_id += 1,
            Fault::Assurance => permit.assurance_boot_id += 1,
            Fault::Hashes => permit.hashes.zones = [8; 32],
            Fault::OldSequence => permit.sequence = 1,
            Fault::WideEnvelope => permit.envelope.v_max_mps = 1.5,
            Fault::Ttl => permit.time_to_live = Span::ZERO - Span::from_millis(1),
        }
        let asked = self.challenges.iter().find(|(n, _)| *n == number).map(|(_, at)| *at);
        let e = permit.envelope;
        let fits = twist.is_finite()
            && twist.v_mps <= e.v_max_mps
            && twist.v_mps >= e.v_min_mps
            && twist.w_radps.abs() <= e.w_max_radps;
        if let (Fault::None | Fault::Assurance | Fault::Hashes, true, Some(asked)) = (fault, fits, asked) {
            // Disarmed, other runs and hashes may be taken and arming may pin them: then later pairs are the odd ones.
            // The watch errs to the side of leave there, never in what follows from silence.
            let until = asked + TTL;
            if until >= self.rig.now.mono {
                self.leaves.push((until, twist));
            }
        }
        let (c, p) = (Input::Command(command), Input::Permit(permit));
        self.send(if permit_first { vec![p, c] } else { vec![c, p] })
    }

    fn apply(&mut self, event: &Event) -> Result<(), TestCaseError> {
        match event {
            Event::Pair { twist, challenge_age, permit_first, recovery, fault } => {
                self.pair(*twist, *challenge_age, (*permit_first, *recovery), *fault)
            }
            Event::CommandOnly(twist) => {
                let command = self.rig.command(*twist);
                self.send(vec![Input::Command(command)])
            }
            Event::Teleop(twist) => {
                self.teleop_until = Some(self.rig.now.mono + Span::from_millis(250));
                self.send(vec![Input::Teleop { stamp: Stamp::default(), twist: *twist }])
            }
            Event::EStop(pressed) => {
                self.new_stops += u32::from(*pressed && !self.stopped);
                self.stopped |= *pressed;
                self.armed_since_stop &= !*pressed;
                self.send(vec![Input::EStop(*pressed)])
            }
            Event::Publishers(count) => {
                let blind = *count == 0 && self.rig.now.mono.since(BEGINNING) >= Span::from_millis(1000);
                let stops = *count > 1 || blind;
                self.new_stops += u32::from(stops && !self.stopped);
                self.stopped |= stops;
                self.armed_since_stop &= !stops;
                self.send(vec![Input::VelocityPublishers(*count)])
            }
            Event::Arm => {
                let request = OperatorRequest { action: OperatorAction::Arm, ..OperatorRequest::default() };
                self.operator(request)
            }
            Event::Reset => {
                let request = OperatorRequest { action: OperatorAction::Reset, ..OperatorRequest::default() };
                self.operator(request)
            }
            Event::End => {
                let request = OperatorRequest { action: OperatorAction::End, ..OperatorRequest::default() };
                self.operator(request)
            }
            Event::Wait(ms) => {
                self.rig.wait(Span::from_millis(*ms));
                self.send(vec![])
            }
            Event::Moment(us) => {
                self.rig.wait(Span::from_nanos(us * 1000));
                self.send(vec![])
            }
        }
    }

    fn operator(&mut self, request: OperatorRequest) -> Result<(), TestCaseError> {
        let outputs = self.rig.send(vec![Input::Operator(request)]);
        let now = self.rig.now.mono;
        for output in outputs {
            match output {
                Output::Reply(reply) if reply.success => match request.action {
                    OperatorAction::Reset => {
                        self.stopped = false;
                        self.armed_since_stop = false;
                        self.leaves.clear();
                        self.teleop_until = None;
                    }
                    OperatorAction::Arm => {
                        prop_assert!(!self.stopped, "armed although an emergency stop was not reset");
                        prop_assert!(!self.ended, "armed although it was told to end");
                        self.armed_since_stop = true;
                    }
                    OperatorAction::End => {
                        self.ended = true;
                        self.armed_since_stop = false;
                        self.leaves.clear();
                        self.teleop_until = None;
                    }
                },
                Output::Challenge(c) => self.challenged(c, now)?,
                Output::Velocity(v) => self.check(now, v.twist)?,
                _ => {}
            }
        }
        Ok(())
    }
}

impl Rig {
    fn gate_state(&self) -> (GateMode, &str) {
        self.states.last().map_or((GateMode::Disarmed, ""), |s| (s.mode, &*s.reason))
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn published_velocities_stay_within_limits_slew_and_ramp(events in prop::collection::vec(event(), 1..120)) {
        let mut watch = Watch::new();
        for event in &events {
            watch.apply(event)?;
        }
        // Silence, in the end: a stop within the time to live, a period, and the ramp.
        for _ in 0..200 {
            watch.rig.wait(Span::from_millis(10));
            watch.send(vec![])?;
        }
        prop_assert_eq!(watch.twist, Twist2::ZERO);
    }

    #[test]
    fn the_same_inputs_give_the_same_outputs(events in prop::collection::vec(event(), 1..40)) {
        let run = || {
            let mut watch = Watch::new();
            for event in &events {
                watch.apply(event)?;
            }
            Ok::<_, TestCaseError>(format!("{:?}", watch.rig.states))
        };
        prop_assert_eq!(run()?, run()?);
    }
}
