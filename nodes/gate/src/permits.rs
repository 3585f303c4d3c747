//! What makes a command admissible: the permit contract.
//!
//! Freshness without synchronised clocks (the pattern of IEC 61784-3): the gate numbers its challenges and remembers when
//! it issued each; a permit repeats a number, so its age is known on the gate's own monotonic clock. Permit and command
//! arrive in either order; each waits for the other in a short bounded queue. What waits is small and has a fixed size:
//! nothing here takes from the heap after the start.

use outrider_foundation::data::{
    Command, CommandDigest, CommandSource, Digest, Envelope, Permit, PermitAuthenticator, PinnedHashes,
};
use outrider_foundation::robot::DriveLimits;
use outrider_foundation::{Instant, Span, Stamp, Twist2};
use std::collections::VecDeque;

/// Challenges that are remembered: at least the longest time to live at the shortest period. Older ones are too old anyway.
const CHALLENGE_LIMIT: usize = 32;
/// Commands of one source, and permits, that may wait for their counterpart. The oldest is dropped and counted.
pub(crate) const PENDING_LIMIT: usize = 8;
/// Sources of commands; what one of them floods is not taken from the other.
const SOURCES: usize = 2;
/// What a digest is that could not be computed. It is no command's.
const NO_DIGEST: Digest = [0; 32];
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
    Code,
    GateBoot,
    UnknownChallenge,
    TimeToLive,
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
            Self::Code => "permit refused: its authentication code is not that of the gate's key",
            Self::GateBoot => "permit refused: it is for another run of the gate",
            Self::UnknownChallenge => "permit refused: it answers a challenge that is unknown or too old",
            Self::TimeToLive => "permit refused: its time to live is not positive",
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

/// What is kept of a command.
#[derive(Clone, Copy, Debug)]
struct Proposal {
    source: CommandSource,
    boot_id: u64,
    sequence: u64,
    twist: Twist2,
    data_stamp: Stamp,
    digest: Digest,
}

/// What is kept of a permit.
#[derive(Clone, Copy, Debug)]
struct Grant {
    assurance_boot_id: u64,
    sequence: u64,
    command_source: CommandSource,
    command_sequence: u64,
    command_digest: Digest,
    envelope: Envelope,
    hashes: PinnedHashes,
    challenged_at: Instant,
    time_to_live: Span,
}

impl Grant {
    /// Whether it is for a command of this name, true or false.
    fn names(&self, proposal: &Proposal) -> bool {
        self.command_source == proposal.source && self.command_sequence == proposal.sequence
    }

    /// Whether it is for exactly this command.
    fn is_for(&self, proposal: &Proposal) -> bool {
        self.names(proposal) && self.command_digest == proposal.digest && self.command_digest != NO_DIGEST
    }

    fn leave(&self, proposal: &Proposal) -> Leave {
        Leave {
            twist: proposal.twist,
            envelope: self.envelope,
            hashes: self.hashes,
            assurance_boot_id: self.assurance_boot_id,
            permit_sequence: self.sequence,
            command_source: proposal.source,
            command_sequence: proposal.sequence,
            data_stamp: proposal.data_stamp,
            challenged_at: self.challenged_at,
            time_to_live: self.time_to_live,
        }
    }
}

/// Matches permits with commands.
#[derive(Clone, Debug)]
pub(crate) struct PermitDesk {
    boot_id: u64,
    digest: CommandDigest,
    /// Without one, permits need no code.
    authenticator: Option<PermitAuthenticator>,
    limits: DriveLimits,
    max_time_to_live: Span,
    challenge_number: u64,
    challenges: VecDeque<(u64, Instant)>,
    proposals: VecDeque<Proposal>,
    grants: VecDeque<Grant>,
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
            authenticator: None,
            limits,
            max_time_to_live,
            challenge_number: 0,
            challenges: VecDeque::with_capacity(CHALLENGE_LIMIT),
            proposals: VecDeque::with_capacity(SOURCES * PENDING_LIMIT),
            grants: VecDeque::with_capacity(PENDING_LIMIT),
            newest_permit: None,
            newest_planner: None,
            newest_recovery: None,
        }
    }

    /// From now on only permits with this authenticator's code are taken.
    pub fn demand_code(&mut self, authenticator: PermitAuthenticator) {
        self.authenticator = Some(authenticator);
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
        self.proposals.clear();
        self.grants.clear();
    }

    /// Takes a permit; gives leave when its command is there already.
    pub fn offer_permit(
        &mut self,
        permit: &Permit,
        now: Instant,
        pinned: Option<&Pinned>,
    ) -> Result<Option<Leave>, Refusal> {
        let challenged_at = self.check_permit(permit, now, pinned)?;
        self.newest_permit = Some((permit.assurance_boot_id, permit.sequence));
        let grant = self.grant(permit, challenged_at);
        if let Some(position) = self.proposals.iter().position(|p| grant.is_for(p)) {
            let Some(proposal) = self.proposals.remove(position) else { return Ok(None) };
            return self.admit(&grant, &proposal).map(Some);
        }
        let impostor = self.proposals.iter().position(|p| grant.names(p));
        if let Some(position) = impostor {
            // Some other command goes by this one's name; the true one may still come.
            self.proposals.remove(position);
        }
        let dropped = self.grants.len() >= PENDING_LIMIT && self.grants.pop_front().is_some();
        self.grants.push_back(grant);
        match (impostor, dropped) {
            (Some(_), _) => Err(Refusal::Digest),
            (None, true) => Err(Refusal::Overflow),
            (None, false) => Ok(None),
        }
    }

    /// Takes a command; gives leave when its permit is there already.
    pub fn offer_command(&mut self, command: &Command, now: Instant) -> Result<Option<Leave>, Refusal> {
        if !command.twist.is_finite() {
            return Err(Refusal::NotFinite);
        }
        if !increases(self.newest(command.source), command.boot_id, command.sequence) {
            return Err(Refusal::CommandSequence);
        }
        let proposal = Proposal {
            source: command.source,
            boot_id: command.boot_id,
            sequence: command.sequence,
            twist: command.twist,
            data_stamp: command.data_stamp,
            digest: (self.digest)(command),
        };
        if let Some(position) = self.grants.iter().position(|g| g.is_for(&proposal)) {
            let Some(grant) = self.grants.remove(position) else { return Ok(None) };
            if now.since(grant.challenged_at) > grant.time_to_live {
                return Err(Refusal::TooOld);
            }
            return self.admit(&grant, &proposal).map(Some);
        }
        if self.grants.iter().any(|g| g.names(&proposal)) {
            return Err(Refusal::Digest);
        }
        if self.keep(proposal) { Ok(None) } else { Err(Refusal::Overflow) }
    }

    /// Lets a command wait; false when an older one of the same source had to go for it.
    fn keep(&mut self, proposal: Proposal) -> bool {
        let same_source = |p: &Proposal| p.source == proposal.source;
        let is_full = self.proposals.iter().filter(|p| same_source(p)).count() >= PENDING_LIMIT;
        if is_full && let Some(oldest) = self.proposals.iter().position(same_source) {
            self.proposals.remove(oldest);
        }
        self.proposals.push_back(proposal);
        !is_full
    }

    fn grant(&self, permit: &Permit, challenged_at: Instant) -> Grant {
        Grant {
            assurance_boot_id: permit.assurance_boot_id,
            sequence: permit.sequence,
            command_source: permit.command_source,
            command_sequence: permit.command_sequence,
            command_digest: permit.command_digest,
            envelope: permit.envelope,
            hashes: permit.hashes,
            challenged_at,
            time_to_live: permit.time_to_live.min(self.max_time_to_live),
        }
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
        // Before anything that the permit could change: a forged one must not even disarm.
        if self.authenticator.as_ref().is_some_and(|a| !a.accepts(permit)) {
            return Err(Refusal::Code);
        }
        if permit.gate_boot_id != self.boot_id {
            return Err(Refusal::GateBoot);
        }
        let issued = self.challenges.iter().rev().find(|(number, _)| *number == permit.challenge_number);
        let (_, challenged_at) = *issued.ok_or(Refusal::UnknownChallenge)?;
        if permit.time_to_live <= Span::ZERO {
            return Err(Refusal::TimeToLive);
        }
        if now.since(challenged_at) > permit.time_to_live.min(self.max_time_to_live) {
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
    fn admit(&mut self, grant: &Grant, proposal: &Proposal) -> Result<Leave, Refusal> {
        if !increases(self.newest(proposal.source), proposal.boot_id, proposal.sequence) {
            return Err(Refusal::CommandSequence);
        }
        if !twist_within(proposal.twist, &grant.envelope) {
            return Err(Refusal::OutsideEnvelope);
        }
        let newest = Some((proposal.boot_id, proposal.sequence));
        match proposal.source {
            CommandSource::Planner => self.newest_planner = newest,
            CommandSource::Recovery => self.newest_recovery = newest,
        }
        // Whatever is older cannot be admitted any more.
        let (source, boot_id, sequence) = (proposal.source, proposal.boot_id, proposal.sequence);
        self.proposals.retain(|p| p.source != source || p.boot_id != boot_id || p.sequence > sequence);
        self.grants.retain(|g| g.sequence > grant.sequence);
        Ok(grant.leave(proposal))
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
