//! Permits, modes, monitors and the gate: the contract between assurance and actuation.

use super::command::{Command, CommandSource};
use crate::geometry::Twist2;
use crate::label::Label;
use crate::time::{Span, Stamp};
use std::borrow::Cow;
use std::fmt;

/// A SHA-256 digest.
pub type Digest = [u8; 32];

/// Computes the SHA-256 over a command's canonical bytes: the message encoding, which a core does not know.
pub type CommandDigest = fn(&Command) -> Digest;

/// How much freedom assurance gives, from most to least.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// All is well.
    Nominal,
    /// Slower: something is not as it should be.
    Degraded,
    /// Brought to a stop by the backup controller.
    #[default]
    SafeStop,
    /// Stopped, and somebody has to release it.
    EStop,
}

impl Mode {
    /// As people read it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nominal => "NOMINAL",
            Self::Degraded => "DEGRADED",
            Self::SafeStop => "SAFE_STOP",
            Self::EStop => "E_STOP",
        }
    }
}

/// Verdict of a monitor. Only [`Self::Ok`] may be permitted on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Not enough data yet.
    #[default]
    Unknown,
    /// Satisfied.
    Ok,
    /// Not satisfied.
    Violated,
    /// The data cannot be judged.
    Invalid,
}

/// One monitor at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MonitorReading {
    /// Name of the property.
    pub name: String,
    /// Verdict.
    pub verdict: Verdict,
    /// Distance to violation in `unit`, positive when satisfied; NaN unless the verdict is Ok or Violated.
    pub robustness: f64,
    /// What was measured; NaN when it could not be.
    pub value: f64,
    /// What it was held against.
    pub limit: f64,
    /// Unit of the three.
    pub unit: String,
}

/// A message that something rests on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CausalRef {
    /// Topic.
    pub topic: String,
    /// Its sequence; zero where the message has none.
    pub sequence: u64,
    /// Its header stamp.
    pub stamp: Stamp,
}

/// Mode and monitors, published at every evaluation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AssuranceState {
    /// When.
    pub stamp: Stamp,
    /// Which run of the publisher.
    pub boot_id: u64,
    /// Counts every one.
    pub sequence: u64,
    /// Mode in force.
    pub mode: Mode,
    /// The least speed limit that it may drive at now, m/s; infinity without one. Limits to standstill are not among them.
    pub speed_limit_mps: f64,
    /// Name of the monitor with the least robustness.
    pub limiting: String,
    /// Every monitor.
    pub monitors: Vec<MonitorReading>,
}

/// Why assurance (or the gate) intervened: one record for each time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Intervention {
    /// When.
    pub stamp: Stamp,
    /// Which run of the publisher.
    pub boot_id: u64,
    /// Counts every one.
    pub sequence: u64,
    /// Rule that acted.
    pub rule: String,
    /// Part of it that was responsible.
    pub subformula: String,
    /// What was measured; NaN when it could not be.
    pub value: f64,
    /// What it was held against.
    pub limit: f64,
    /// Unit of both.
    pub unit: String,
    /// What it rests on.
    pub causes: Vec<CausalRef>,
    /// Mode before.
    pub mode_before: Mode,
    /// Mode after.
    pub mode_after: Mode,
    /// What would clear it.
    pub clears_when: String,
    /// One sentence for a person.
    pub text: String,
}

/// Limits within which a permitted command must stay.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Envelope {
    /// Least forward speed, m/s (negative: backwards).
    pub v_min_mps: f64,
    /// Greatest forward speed, m/s.
    pub v_max_mps: f64,
    /// Greatest turn rate either way, rad/s.
    pub w_max_radps: f64,
    /// Greatest acceleration, m/s².
    pub accel_mps2: f64,
    /// Greatest deceleration, m/s², positive.
    pub decel_mps2: f64,
    /// Greatest angular acceleration, rad/s².
    pub alpha_radps2: f64,
    /// Greatest jerk, m/s³.
    pub jerk_mps3: f64,
}

/// Hashes of what was in force when the gate was armed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PinnedHashes {
    /// Of the specification (the monitored properties).
    pub specification: Digest,
    /// Of the parameters of assurance.
    pub parameters: Digest,
    /// Of the zones.
    pub zones: Digest,
}

/// The gate's question, once a period: a permit that repeats it is at most that old, on the gate's own clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Challenge {
    /// When, for people only.
    pub stamp: Stamp,
    /// Which run of the gate.
    pub gate_boot_id: u64,
    /// Counts every one; starts at 1.
    pub number: u64,
}

/// Leave for one command.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Permit {
    /// When, for people only.
    pub stamp: Stamp,
    /// Version of this contract; [`Permit::VERSION`].
    pub version: u32,
    /// Which run of assurance.
    pub assurance_boot_id: u64,
    /// Which run of the gate it is for.
    pub gate_boot_id: u64,
    /// Challenge that it answers.
    pub challenge_number: u64,
    /// Counts every permit; starts at 1, strictly increases.
    pub sequence: u64,
    /// Whose command it permits.
    pub command_source: CommandSource,
    /// Sequence of the command.
    pub command_sequence: u64,
    /// SHA-256 of the command's canonical bytes.
    pub command_digest: Digest,
    /// Mode in which it was given.
    pub mode: Mode,
    /// Limits that the command was judged against.
    pub envelope: Envelope,
    /// How long after its challenge it holds.
    pub time_to_live: Span,
    /// What was in force.
    pub hashes: PinnedHashes,
    /// SHA-256 over the inputs that were judged.
    pub inputs_digest: Digest,
    /// Least robustness of all properties.
    pub robustness: f64,
    /// The property it belongs to.
    pub limiting: String,
    /// Authentication code; zeros where no key is configured.
    pub mac: Digest,
}

impl Permit {
    /// Version of the permit contract: 2 has the authentication code.
    pub const VERSION: u32 = 2;
}

/// Computes the HMAC-SHA-256 (RFC 2104) of a permit: over its canonical bytes, the message encoding, with `mac` taken as
/// zeros. The key is a block of SHA-256: a shorter one with zeros behind it, a longer one as its digest.
pub type PermitCode = fn(key: &[u8; 64], permit: &Permit) -> Digest;

/// The key that assurance and gate share, and how a code comes of it. Never shows the key.
#[derive(Clone, Copy)]
pub struct PermitAuthenticator {
    key: [u8; 64],
    code: PermitCode,
}

impl PermitAuthenticator {
    /// From a key block.
    pub const fn new(key: [u8; 64], code: PermitCode) -> Self {
        Self { key, code }
    }

    /// The code that a permit has to carry, whatever it carries now.
    pub fn code(&self, permit: &Permit) -> Digest {
        (self.code)(&self.key, permit)
    }

    /// Whether a permit carries its code. Takes the same time wherever they differ; a code of zeros is none.
    pub fn accepts(&self, permit: &Permit) -> bool {
        let code = self.code(permit);
        let differing =
            code.iter().zip(&permit.mac).fold(0, |all, (a, b)| std::hint::black_box(all | (a ^ b)));
        let any = code.iter().fold(0, |all, byte| all | byte);
        differing == 0 && any != 0
    }
}

impl fmt::Debug for PermitAuthenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PermitAuthenticator")
    }
}

/// What the gate is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum GateMode {
    /// Stopped until somebody arms it.
    #[default]
    Disarmed,
    /// Armed, but nothing valid to forward: stopping or stopped.
    Stopping,
    /// Forwarding permitted commands.
    Forwarding,
    /// An operator drives.
    Teleop,
    /// Emergency stop: has to be released, reset and armed.
    EStop,
}

/// The velocity that goes to the robot.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CommandVelocity {
    /// When.
    pub stamp: Stamp,
    /// What.
    pub twist: Twist2,
}

/// What the gate does and why, published with every velocity.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GateState {
    /// When.
    pub stamp: Stamp,
    /// Which run of the gate.
    pub boot_id: u64,
    /// Counts every one published; starts at 1.
    pub sequence: u64,
    /// What it does.
    pub mode: GateMode,
    /// Why, in a few words; fixed texts.
    pub reason: Cow<'static, str>,
    /// The velocity published with it.
    pub twist: Twist2,
    /// Whose command is in force; meaningful with a non-zero sequence.
    pub command_source: CommandSource,
    /// Command in force; zero for none.
    pub command_sequence: u64,
    /// Permit in force; zero for none.
    pub permit_sequence: u64,
    /// Age of its challenge; infinite for none.
    pub permit_age_s: f64,
    /// Oldest sensor data that the command rests on; zero for none.
    pub data_stamp: Stamp,
    /// The command was limited.
    pub clamped: bool,
    /// Permits accepted since the start.
    pub accepted: u64,
    /// Permits and commands refused since the start.
    pub rejected: u64,
    /// Changes from moving or forwarding to stopping since the start.
    pub stops: u64,
    /// Periods that came late by more than half a period.
    pub late_periods: u64,
}

/// What an operator may ask of the gate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum OperatorAction {
    /// Let permitted commands through.
    #[default]
    Arm,
    /// Clear a released emergency stop; leaves the gate disarmed.
    Reset,
    /// Bring the robot to a stand for good: the gate's process was told to end.
    End,
}

/// A service call to the gate, or the end of its process, as an input of its core.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OperatorRequest {
    /// When.
    pub stamp: Stamp,
    /// Matches the reply to it.
    pub sequence: u64,
    /// What is asked.
    pub action: OperatorAction,
}

/// The longest text of an answer, in bytes.
pub const REPLY_LIMIT: usize = 256;

/// The gate's answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OperatorReply {
    /// When.
    pub stamp: Stamp,
    /// Sequence of the request.
    pub request_sequence: u64,
    /// Done or refused.
    pub success: bool,
    /// Why.
    pub message: Label<REPLY_LIMIT>,
}
