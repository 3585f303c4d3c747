//! A step of the gate takes nothing from the heap, whatever comes: commands, permits good and bad, take-overs, stops,
//! operators. The digest here is a simple one; `nodes/suite/tests/no_allocation.rs` does the same with the real ones.

#[path = "../../foundation/tests/counting/mod.rs"]
mod counting;

use counting::allocations;
use outrider_foundation::data::{
    Command, CommandSource, Digest, Envelope, GateMode, Mode, OperatorAction, OperatorRequest, Permit,
    PermitAuthenticator, PinnedHashes,
};
use outrider_foundation::robot::{Robot, example};
use outrider_foundation::{Instant, Label, Node, Now, Outbox, Span, Stamp, Stamped, Twist2};
use outrider_gate::{GateNode, Input, Output};

fn mix(words: &[u64]) -> Digest {
    let mut digest = [0; 32];
    for (lane, bytes) in (0_u64..).zip(digest.chunks_exact_mut(8)) {
        let sum =
            words.iter().fold(lane, |h, w| (h ^ w).wrapping_mul(0x0100_0000_01b3).rotate_left(23) ^ lane);
        bytes.copy_from_slice(&sum.to_le_bytes());
    }
    digest
}

fn digest(c: &Command) -> Digest {
    mix(&[c.boot_id, c.sequence, c.source as u64, c.twist.v_mps.to_bits(), c.twist.w_radps.to_bits()])
}

fn code(key: &[u8; 64], p: &Permit) -> Digest {
    mix(&[u64::from(key[0]), p.sequence, p.challenge_number, u64::from(p.command_digest[0])])
}

const AUTHENTICATOR: PermitAuthenticator = PermitAuthenticator::new([7; 64], code);

struct Counts {
    by_mode: [u64; 5],
    rejected: u64,
    replies: u64,
}

struct Drive {
    gate: GateNode,
    now: Now,
    out: Outbox<Output>,
    challenge: u64,
    sequence: u64,
    counts: Counts,
    /// Allocations, by step.
    allocated: Vec<(u64, u64)>,
}

impl Drive {
    fn pair(&mut self, source: CommandSource, tamper: impl Fn(&mut Command, &mut Permit)) -> [Input; 2] {
        self.sequence += 1;
        let limits = example::amr().limits;
        let mut command = Command {
            boot_id: 3,
            sequence: self.sequence,
            source,
            twist: Twist2::new(0.5, 0.1),
            reason: "a text that lies on the heap".into(),
            ..Command::default()
        };
        let mut permit = Permit {
            version: Permit::VERSION,
            assurance_boot_id: 5,
            gate_boot_id: 7,
            challenge_number: self.challenge,
            sequence: self.sequence,
            command_source: source,
            command_sequence: self.sequence,
            command_digest: digest(&command),
            envelope: Envelope {
                v_min_mps: 0.0,
                v_max_mps: limits.v_max_mps,
                w_max_radps: limits.w_max_radps,
                accel_mps2: limits.accel_mps2,
                decel_mps2: limits.brake_mps2,
                alpha_radps2: limits.alpha_radps2,
                jerk_mps3: limits.jerk_mps3,
            },
            time_to_live: Span::from_millis(60),
            hashes: PinnedHashes { specification: [1; 32], parameters: [2; 32], zones: [3; 32] },
            limiting: "speed".into(),
            ..Permit::default()
        };
        tamper(&mut command, &mut permit);
        permit.mac = AUTHENTICATOR.code(&permit);
        [Input::Command(command), Input::Permit(permit)]
    }

    fn step(&mut self, i: u64, inputs: Vec<Input>) {
        self.now.mono = self.now.mono + Span::from_millis(5);
        let received = self.now.mono;
        let inputs: Vec<_> = inputs.into_iter().map(|value| Stamped { received, value }).collect();
        let (gate, out, now) = (&mut self.gate, &mut self.out, self.now);
        let counted = allocations(|| {
            gate.step(now, &inputs, out);
        });
        if counted > 0 {
            self.allocated.push((i, counted));
        }
        for output in self.out.drain() {
            match output {
                Output::Challenge(c) => self.challenge = c.number,
                Output::State(state) => {
                    self.counts.by_mode[state.mode as usize] += 1;
                    self.counts.rejected = state.rejected;
                }
                Output::Reply(_) => self.counts.replies += 1,
                Output::Velocity(_) => {}
            }
        }
    }

    /// What comes in the i-th step.
    fn inputs(&mut self, i: u64) -> Vec<Input> {
        let operator =
            |action| Input::Operator(OperatorRequest { stamp: Stamp::default(), sequence: i, action });
        let teleop = |v| Input::Teleop { stamp: Stamp::default(), twist: Twist2::new(v, 0.0) };
        let arm = || operator(OperatorAction::Arm);
        let good = self.pair(CommandSource::Planner, |_, _| ());
        let mut inputs = match i % 400 {
            100 => vec![Input::EStop(true)],
            101..120 => vec![arm()],
            120 => vec![Input::EStop(false), operator(OperatorAction::Reset)],
            200..220 => vec![teleop(0.3), arm()],
            220 => vec![teleop(f64::NAN)],
            300..310 => self.pair(CommandSource::Recovery, |_, p| p.hashes.zones = [9; 32]).into(),
            310..320 => self.pair(CommandSource::Planner, |c, _| c.twist.v_mps = f64::NAN).into(),
            320..330 => self.pair(CommandSource::Recovery, |c, _| c.twist.v_mps = 0.9).into(),
            330 => vec![Input::VelocityPublishers(2), arm()],
            331 => vec![Input::VelocityPublishers(1), operator(OperatorAction::Reset)],
            340..350 => {
                (0..40).flat_map(|_| self.pair(CommandSource::Planner, |_, p| p.version = 0)).collect()
            }
            350 => vec![Input::Rejected { topic: "assurance/permit".into(), reason: "no".into() }],
            // Silence.
            360..390 => return vec![arm()],
            _ => vec![],
        };
        inputs.push(Input::Assurance { mode: Mode::Degraded, limiting: Label::from("scan_age") });
        inputs.extend(good);
        if !(100..180).contains(&(i % 400)) {
            inputs.push(arm());
        }
        inputs
    }
}

#[test]
fn a_step_allocates_nothing() {
    let config =
        outrider_yaml::from_str_valid(include_str!("../../../config/gate.yaml")).expect("the shipped one");
    let robot = Robot::new(example::amr()).expect("an example");
    let gate = GateNode::new(config, &robot, digest, 7).expect("it starts").with_authenticator(AUTHENTICATOR);
    let mut drive = Drive {
        gate,
        now: Now { mono: Instant::from_nanos(1_000_000_000), ros: Stamp::default() },
        out: Outbox::new(64),
        challenge: 0,
        sequence: 0,
        counts: Counts { by_mode: [0; 5], rejected: 0, replies: 0 },
        allocated: vec![],
    };
    for i in 0..20_000 {
        let inputs = drive.inputs(i);
        drive.step(i, inputs);
    }
    assert_eq!(drive.allocated, [], "(step, allocations)");
    let counts = drive.counts;
    for mode in
        [GateMode::Disarmed, GateMode::Stopping, GateMode::Forwarding, GateMode::Teleop, GateMode::EStop]
    {
        assert!(counts.by_mode[mode as usize] > 100, "{mode:?} was not tried: {:?}", counts.by_mode);
    }
    assert!(counts.rejected > 10_000, "{}", counts.rejected);
    assert!(counts.replies > 10_000, "{}", counts.replies);
}
