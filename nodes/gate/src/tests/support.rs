//! A gate with a test's own clock and its own idea of assurance.

use crate::{Config, GateNode, Input, Output};
use outrider_foundation::data::{
    Challenge, Command, CommandSource, Digest, Envelope, GateMode, GateState, OperatorAction, OperatorReply,
    OperatorRequest, Permit, PermitAuthenticator, PinnedHashes,
};
use outrider_foundation::robot::{DriveLimits, Robot, example};
use outrider_foundation::{Instant, Node, Now, Outbox, Span, Stamp, Stamped, Twist2};

pub const GATE_BOOT: u64 = 7;
pub const ASSURANCE_BOOT: u64 = 5;
pub const PERIOD: Span = Span::from_millis(10);
pub const TTL: Span = Span::from_millis(60);
/// No test goes on for longer; one that would has failed.
const STATE_LIMIT: usize = 2000;

pub fn config() -> Config {
    outrider_yaml::from_str_valid(include_str!("../../../../config/gate.yaml")).unwrap()
}

pub fn robot() -> Robot {
    Robot::new(example::amr()).unwrap()
}

pub fn limits() -> DriveLimits {
    robot().limits
}

/// Four sums with different seeds: enough to tell commands and permits apart here.
fn mix(words: impl Iterator<Item = u64> + Clone) -> Digest {
    let mut out = [0; 32];
    for (lane, bytes) in (0_u64..).zip(out.chunks_exact_mut(8)) {
        let seed = 0xcbf2_9ce4_8422_2325 ^ lane;
        let sum =
            words.clone().fold(seed, |h, w| (h ^ w).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29));
        bytes.copy_from_slice(&sum.to_le_bytes());
    }
    out
}

pub fn digest(c: &Command) -> Digest {
    let numbers =
        [c.boot_id, c.sequence, c.source as u64, c.twist.v_mps.to_bits(), c.twist.w_radps.to_bits()];
    mix(numbers.into_iter().chain(c.reason.bytes().map(u64::from)))
}

fn code(key: &[u8; 64], p: &Permit) -> Digest {
    let (e, h) = (&p.envelope, &p.hashes);
    let numbers = [
        u64::from(key[0]),
        p.assurance_boot_id,
        p.gate_boot_id,
        p.challenge_number,
        p.sequence,
        p.command_source as u64,
        p.command_sequence,
        e.v_max_mps.to_bits(),
        e.w_max_radps.to_bits(),
        p.time_to_live.nanos().unsigned_abs(),
        u64::from(h.zones[0]),
    ];
    mix(numbers.into_iter().chain(p.command_digest.map(u64::from)))
}

pub const AUTHENTICATOR: PermitAuthenticator = PermitAuthenticator::new([7; 64], code);
/// Of another key.
pub const STRANGER: PermitAuthenticator = PermitAuthenticator::new([8; 64], code);

pub fn hashes() -> PinnedHashes {
    PinnedHashes { specification: [1; 32], parameters: [2; 32], zones: [3; 32] }
}

pub fn envelope() -> Envelope {
    let l = limits();
    Envelope {
        v_min_mps: l.v_min_mps,
        v_max_mps: l.v_max_mps,
        w_max_radps: l.w_max_radps,
        accel_mps2: l.accel_mps2,
        decel_mps2: l.brake_mps2,
        alpha_radps2: l.alpha_radps2,
        jerk_mps3: l.jerk_mps3,
    }
}

/// When a gate of these tests takes its first step and publishes its first velocity.
pub const BEGINNING: Instant = Instant::from_nanos(1_000_000_000);

pub struct Rig {
    pub gate: GateNode,
    pub now: Now,
    pub challenge: Challenge,
    pub command_sequence: u64,
    pub permit_sequence: u64,
    pub states: Vec<GateState>,
}

impl Rig {
    /// A gate after its first period.
    pub fn new() -> Self {
        let gate = GateNode::new(config(), &robot(), digest, GATE_BOOT).unwrap();
        let now = Now { mono: BEGINNING, ros: Stamp::from_nanos(5_000_000_000) };
        let mut rig = Self {
            gate,
            now,
            challenge: Challenge::default(),
            command_sequence: 0,
            permit_sequence: 0,
            states: vec![],
        };
        rig.send(vec![]);
        rig
    }

    /// An armed gate.
    pub fn armed() -> Self {
        let mut rig = Self::new();
        rig.permitted(Twist2::ZERO);
        let reply = rig.operator(OperatorAction::Arm);
        assert!(reply.success, "{}", reply.message);
        rig
    }

    /// An armed gate that forwards this velocity, reached by the slew.
    pub fn driving(twist: Twist2) -> Self {
        let mut rig = Self::armed();
        for _ in 0..200 {
            rig.permitted(twist);
            rig.period();
        }
        assert_eq!(rig.state().mode, GateMode::Forwarding);
        assert_eq!(rig.state().twist, twist);
        rig
    }

    pub fn send(&mut self, inputs: Vec<Input>) -> Vec<Output> {
        let received = self.now.mono;
        let inputs: Vec<_> = inputs.into_iter().map(|value| Stamped { received, value }).collect();
        let mut out = Outbox::new(16);
        self.gate.step(self.now, &inputs, &mut out);
        let outputs: Vec<_> = out.drain().collect();
        for output in &outputs {
            match output {
                Output::Challenge(challenge) => self.challenge = *challenge,
                Output::State(state) => self.states.push(state.clone()),
                _ => {}
            }
        }
        outputs
    }

    pub fn wait(&mut self, span: Span) {
        self.now.mono = self.now.mono + span;
        self.now.ros = self.now.ros + span;
    }

    /// Goes to the next period and gives the state of it.
    pub fn period(&mut self) -> GateState {
        loop {
            let outputs = self.wakeup();
            if outputs.iter().any(|o| matches!(o, Output::Challenge(_))) {
                return self.state();
            }
        }
    }

    /// Goes to when the gate wants to be called next.
    pub fn wakeup(&mut self) -> Vec<Output> {
        assert!(self.states.len() < STATE_LIMIT, "what the test waits for does not come");
        let due = self.gate.next_wakeup().unwrap();
        let span = due.since(self.now.mono).max(Span::ZERO);
        self.wait(span);
        self.send(vec![])
    }

    pub fn state(&self) -> GateState {
        self.states.last().unwrap().clone()
    }

    pub fn operator(&mut self, action: OperatorAction) -> OperatorReply {
        let request = OperatorRequest { stamp: self.now.ros, sequence: 99, action };
        let outputs = self.send(vec![Input::Operator(request)]);
        let reply = outputs.into_iter().find_map(|o| if let Output::Reply(r) = o { Some(r) } else { None });
        reply.unwrap()
    }

    pub fn command(&mut self, twist: Twist2) -> Command {
        self.command_sequence += 1;
        Command {
            stamp: self.now.ros,
            boot_id: 3,
            sequence: self.command_sequence,
            source: CommandSource::Planner,
            twist,
            ..Command::default()
        }
    }

    pub fn permit(&mut self, command: &Command) -> Permit {
        self.permit_sequence += 1;
        Permit {
            version: Permit::VERSION,
            assurance_boot_id: ASSURANCE_BOOT,
            gate_boot_id: GATE_BOOT,
            challenge_number: self.challenge.number,
            sequence: self.permit_sequence,
            command_source: command.source,
            command_sequence: command.sequence,
            command_digest: digest(command),
            envelope: envelope(),
            time_to_live: TTL,
            hashes: hashes(),
            ..Permit::default()
        }
    }

    /// A valid pair, delivered now.
    pub fn permitted(&mut self, twist: Twist2) {
        let command = self.command(twist);
        let permit = self.permit(&command);
        self.send(vec![Input::Command(command), Input::Permit(permit)]);
    }
}
