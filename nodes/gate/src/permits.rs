//! What makes a command admissible: the permit contract.
//!
//! Freshness without synchronised clocks (the pattern of IEC 61784-3): the gate numbers its challenges and remembers when
//! it issued each; a permit repeats a number, so its age is known on the gate's own monotonic clock. Permit and command
//! arrive in either order; each waits for the other in a short bounded queue.

use outrider_foundation::data::{Command, CommandDigest, CommandSource, Envelope, Permit, PinnedHashes};
use outrider_foundation::robot::DriveLimits;
use outrider_foundation::{Instant, Span, Stamp, Twist2};
use std::collections::VecDeque;

/// Challenges that are remembered: at least the longest time to live at the shortest period. Older ones are too old anyway.
const CHALLENGE_LIMIT: usize = 32;
/// Commands, and permits, that may wait for their counterpart. The oldest is dropped and counted.
const PENDING_LIMIT: usize = 8;
/// Rounding of limits that were computed on the other side, in their units.
const ROUNDING: f64 = 1e-9;

/// Leave to apply one velocity, complete and checked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Leave {
    pub twist: Twist2,
    pub envelope: Envelope,
    pub hashes: PinnedHashes,
    pub assurance_boot_id: u64,
    pub permit_sequence: u64,
    pub command_source: CommandSource,
    pub command_sequence: u64,
    pub data_stamp: Stamp,
    pub challenged_at: Instant,
    pub time_to_live: Span,
}

impl Leave {
    /// Whether it holds at `now`.
    pub fn holds(&self, now: Instant) -> bool {
        now.since(self.challenged_at) <= self.time_to_live
    }
}

/// Why a permit or a command was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Version,
    GateBoot,
    UnknownChallenge,
    TooOld,
    AssuranceRestarted,
    PermitSequence,
    CommandSequence,
    Digest,
    Hashes,
    NotFinite,
    EnvelopeTooWide,
    OutsideEnvelope,
    Overflow,
}

impl Refusal {
    /// For the gate's state.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Version => "permit refused: other version of the contract",
            Self::GateBoot => "permit refused: it is for another run of the gate",
            Self::UnknownChallenge => "permit refused: it answers a challenge that is unknown or too old",
            Self::TooOld => "permit refused: older than its time to live",
            Self::AssuranceRestarted => "assurance restarted: arm to continue",
            Self::PermitSequence => "permit refused: its sequence did not increase",
            Self::CommandSequence => "command refused: its sequence did not increase",
            Self::Digest => "command refused: its digest is not the permitted one",
            Self::Hashes => {
                "permit refused: specification, parameters or zones are not those the gate was armed with"
            }
            Self::NotFinite => "refused: a number is not finite",
            Self::EnvelopeTooWide => "permit refused: its envelope exceeds what the drive can do",
            Self::OutsideEnvelope => "command refused: outside its permit's envelope",
            Self::Overflow => "dropped: waited too long for its permit or command",
        }
    }
}

/// What the gate was armed with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pinned {
    pub hashes: PinnedHashes,
    pub assurance_boot_id: u64,
}

#[derive(Clone, Debug)]
struct PendingPermit {
    permit: Permit,
    challenged_at: Instant,
    time_to_live: Span,
}

/// Matches permits with commands.
#[derive(Clone, Debug)]
pub(crate) struct PermitDesk {
    boot_id: u64,
    digest: CommandDigest,
    limits: DriveLimits,
    max_time_to_live: Span,
    challenge_number: u64,
    challenges: VecDeque<(u64, Instant)>,
    commands: VecDeque<Command>,
    permits: VecDeque<PendingPermit>,
    /// Highest permit sequence seen, of the assurance run that it belongs to.
    newest_permit: Option<(u64, u64)>,
    /// Highest admitted command sequence of each source, with the publisher's boot id.
    newest_planner: Option<(u64, u64)>,
    newest_recovery: Option<(u64, u64)>,
}

impl PermitDesk {
    pub fn new(boot_id: u64, digest: CommandDigest, limits: DriveLimits, max_time_to_live: Span) -> Self {
        Self {
            boot_id,
            digest,
            limits,
            max_time_to_live,
            challenge_number: 0,
            challenges: VecDeque::with_capacity(CHALLENGE_LIMIT),
            commands: VecDeque::with_capacity(PENDING_LIMIT),
            permits: VecDeque::with_capacity(PENDING_LIMIT),
            newest_permit: None,
            newest_planner: None,
            newest_recovery: None,
        }
    }

    /// Issues the next challenge.
    pub fn challenge(&mut self, now: Instant) -> u64 {
        self.challenge_number = self.challenge_number.saturating_add(1);
        if self.challenges.len() >= CHALLENGE_LIMIT {
            self.challenges.pop_front();
        }
        self.challenges.push_back((self.challenge_number, now));
        self.challenge_number
    }

    /// Forgets everything that waits, so that nothing from before a stop can start the robot after it.
    pub fn clear_pending(&mut self) {
        self.commands.clear();
        self.permits.clear();
    }

    /// Takes a permit; gives leave when its command is there already.
    pub fn offer_permit(
        &mut self,
        permit: Permit,
        now: Instant,
        pinned: Option<&Pinned>,
    ) -> Result<Option<Leave>, Refusal> {
        let challenged_at = self.check_permit(&permit, now, pinned)?;
        self.newest_permit = Some((permit.assurance_boot_id, permit.sequence));
        let time_to_live = permit.time_to_live.min(self.max_time_to_live);
        let pending = PendingPermit { permit, challenged_at, time_to_live };
        let is_its = |c: &Command| names(&pending.permit, c);
        let Some(position) = self.commands.iter().position(is_its) else {
            return match push_bounded(&mut self.permits, pending) {
                None => Ok(None),
                Some(_dropped) => Err(Refusal::Overflow),
            };
        };
        let Some(command) = self.commands.remove(position) else { return Ok(None) };
        let result = self.admit(&pending, &command);
        if result == Err(Refusal::Digest) {
            // Some other command goes by this one's name; the true one may still come.
            push_bounded(&mut self.permits, pending.clone());
        }
        result.map(|()| Some(leave(&pending, &command)))
    }

    /// Takes a command; gives leave when its permit is there already.
    pub fn offer_command(&mut self, command: Command, now: Instant) -> Result<Option<Leave>, Refusal> {
        if !command.twist.is_finite() {
            return Err(Refusal::NotFinite);
        }
        if !increases(self.newest(command.source), command.boot_id, command.sequence) {
            return Err(Refusal::CommandSequence);
        }
        let Some(position) = self.permits.iter().position(|p| names(&p.permit, &command)) else {
            return match push_bounded(&mut self.commands, command) {
                None => Ok(None),
                Some(_dropped) => Err(Refusal::Overflow),
            };
        };
        let Some(pending) = self.permits.get(position) else { return Ok(None) };
        if now.since(pending.challenged_at) > pending.time_to_live {
            self.permits.remove(position);
            return Err(Refusal::TooOld);
        }
        if (self.digest)(&command) != pending.permit.command_digest {
            return Err(Refusal::Digest);
        }
        let Some(pending) = self.permits.remove(position) else { return Ok(None) };
        self.admit(&pending, &command).map(|()| Some(leave(&pending, &command)))
    }

    /// Everything that can be told from the permit alone. Gives the time of its challenge.
    fn check_permit(
        &self,
        permit: &Permit,
        now: Instant,
        pinned: Option<&Pinned>,
    ) -> Result<Instant, Refusal> {
        if permit.version != Permit::VERSION {
            return Err(Refusal::Version);
        }
        if permit.gate_boot_id != self.boot_id {
            return Err(Refusal::GateBoot);
        }
        let issued = self.challenges.iter().find(|(number, _)| *number == permit.challenge_number);
        let (_, challenged_at) = *issued.ok_or(Refusal::UnknownChallenge)?;
        let time_to_live = permit.time_to_live.min(self.max_time_to_live);
        if now.since(challenged_at) > time_to_live {
            return Err(Refusal::TooOld);
        }
        if pinned.is_some_and(|p| p.assurance_boot_id != permit.assurance_boot_id) {
            return Err(Refusal::AssuranceRestarted);
        }
        if !increases(self.newest_permit, permit.assurance_boot_id, permit.sequence) {
            return Err(Refusal::PermitSequence);
        }
        if pinned.is_some_and(|p| p.hashes != permit.hashes) {
            return Err(Refusal::Hashes);
        }
        if !envelope_is_finite(&permit.envelope) || !permit.robustness.is_finite() {
            return Err(Refusal::NotFinite);
        }
        if !envelope_within(&permit.envelope, &self.limits) {
            return Err(Refusal::EnvelopeTooWide);
        }
        Ok(challenged_at)
    }

    /// The last checks, with permit and command together. One permit, one command: both are used up.
    fn admit(&mut self, pending: &PendingPermit, command: &Command) -> Result<(), Refusal> {
        if (self.digest)(command) != pending.permit.command_digest {
            return Err(Refusal::Digest);
        }
        if !increases(self.newest(command.source), command.boot_id, command.sequence) {
            return Err(Refusal::CommandSequence);
        }
        if !twist_within(command.twist, &pending.permit.envelope) {
            return Err(Refusal::OutsideEnvelope);
        }
        let newest = Some((command.boot_id, command.sequence));
        match command.source {
            CommandSource::Planner => self.newest_planner = newest,
            CommandSource::Recovery => self.newest_recovery = newest,
        }
        // Whatever is older cannot be admitted any more.
        let (source, boot_id, sequence) = (command.source, command.boot_id, command.sequence);
        self.commands.retain(|c| c.source != source || c.boot_id != boot_id || c.sequence > sequence);
        self.permits.retain(|p| p.permit.sequence > pending.permit.sequence);
        Ok(())
    }

    fn newest(&self, source: CommandSource) -> Option<(u64, u64)> {
        match source {
            CommandSource::Planner => self.newest_planner,
            CommandSource::Recovery => self.newest_recovery,
        }
    }
}

/// A new run of a publisher counts afresh: what it says still needs a permit that is milliseconds old.
fn increases(newest: Option<(u64, u64)>, boot_id: u64, sequence: u64) -> bool {
    match newest {
        Some((boot, highest)) if boot == boot_id => sequence > highest,
        _ => sequence > 0,
    }
}

fn names(permit: &Permit, command: &Command) -> bool {
    permit.command_source == command.source && permit.command_sequence == command.sequence
}

fn leave(pending: &PendingPermit, command: &Command) -> Leave {
    let permit = &pending.permit;
    Leave {
        twist: command.twist,
        envelope: permit.envelope,
        hashes: permit.hashes,
        assurance_boot_id: permit.assurance_boot_id,
        permit_sequence: permit.sequence,
        command_source: command.source,
        command_sequence: command.sequence,
        data_stamp: command.data_stamp,
        challenged_at: pending.challenged_at,
        time_to_live: pending.time_to_live,
    }
}

/// Appends; hands back the oldest when there was no room.
fn push_bounded<T>(queue: &mut VecDeque<T>, item: T) -> Option<T> {
    let dropped = if queue.len() >= PENDING_LIMIT { queue.pop_front() } else { None };
    queue.push_back(item);
    dropped
}

fn envelope_is_finite(e: &Envelope) -> bool {
    [e.v_min_mps, e.v_max_mps, e.w_max_radps, e.accel_mps2, e.decel_mps2, e.alpha_radps2, e.jerk_mps3]
        .iter()
        .all(|number| number.is_finite())
}

fn envelope_within(e: &Envelope, limits: &DriveLimits) -> bool {
    let at_most = |value: f64, limit: f64| value >= 0.0 && value <= limit + ROUNDING;
    at_most(e.v_max_mps, limits.v_max_mps)
        && at_most(-e.v_min_mps, -limits.v_min_mps)
        && at_most(e.w_max_radps, limits.w_max_radps)
        && at_most(e.accel_mps2, limits.accel_mps2)
        && at_most(e.decel_mps2, limits.brake_mps2)
        && at_most(e.alpha_radps2, limits.alpha_radps2)
        && at_most(e.jerk_mps3, limits.jerk_mps3)
}

/// The envelope lies within the drive's limits already.
fn twist_within(twist: Twist2, e: &Envelope) -> bool {
    twist.is_finite()
        && twist.v_mps <= e.v_max_mps + ROUNDING
        && twist.v_mps >= e.v_min_mps - ROUNDING
        && twist.w_radps.abs() <= e.w_max_radps + ROUNDING
}
