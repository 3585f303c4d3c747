//! What is seen of one repetition, from outside.

use super::bounds::Numbers;
use super::envelope::EnvelopeChecker;
use outrider_foundation::{Instant, Span, Twist2};
use outrider_msgs::geometry_msgs::TwistStamped;
use outrider_msgs::outrider_msgs as ours;
use outrider_suite::convert;
use outrider_suite::lockstep::Observed;
use outrider_suite::wire::{Delivery, Passage};

/// A change by less is none, m/s and rad/s.
const SAME: f64 = 1e-6;
/// Slower than this is standing still: m/s, rad/s.
const STILL: (f64, f64) = (0.02, 0.05);
/// A gate that has not published for so long is gone, or stands still; its period is a tenth of it.
const GONE: Span = Span::from_millis(90);
/// Below this a command is zero.
const ZERO: f64 = 1e-9;

/// The state at the strike.
#[derive(Clone, Copy, Debug)]
pub struct Strike {
    /// When.
    pub at: Instant,
    /// The greater of true and commanded speed.
    pub v_mps: f64,
    /// The same of the turn rate.
    pub w_radps: f64,
    /// Times of contact before it.
    pub collisions: u32,
}

/// One command of the first gate.
#[derive(Clone, Copy, Debug)]
pub struct Sent {
    /// When.
    pub at: Instant,
    /// What.
    pub twist: Twist2,
}

impl Sent {
    /// Nothing is to move.
    pub fn is_zero(&self) -> bool {
        self.twist.v_mps.abs() <= ZERO && self.twist.w_radps.abs() <= ZERO
    }
}

/// What has been seen.
pub struct Watch {
    /// The independent check of what gates publish.
    pub envelope: EnvelopeChecker,
    /// The newest truth.
    pub truth: Option<ours::GroundTruth>,
    /// The newest state of the gate that was there first, or that took its place.
    pub gate: Option<ours::GateState>,
    /// The newest state of assurance.
    pub assurance: Option<ours::AssuranceState>,
    /// The last map, for those who want to change it.
    pub map: Option<Vec<u8>>,
    /// Answers of the gate to the operator.
    pub replies: Vec<ours::OperatorReply>,
    /// Once it has struck.
    pub strike: Option<Strike>,
    /// Commands of the gate from the strike on; the one before is the first.
    pub sent: Vec<Sent>,
    /// When the robot truly stood still, first after the strike.
    pub stood_at: Option<Instant>,
    /// Way from the strike to standstill, or as far as it went.
    pub distance_m: f64,
    /// Least distance from anything since the strike.
    pub least_clearance_m: f64,
    /// First reasons since the strike, of gate, assurance and planner.
    pub reasons: [Option<String>; 3],
    /// States in which the gate did not forward, since the strike.
    pub refused_states: u32,
    /// When assurance first was in DEGRADED, since the strike.
    pub degraded_at: Option<Instant>,
    /// Movements that began without anybody having armed.
    pub restarts: u32,
    /// A stop has been seen after which somebody has to arm.
    has_to_arm: bool,
    /// The row says that its stop is one of those.
    needs_arming: bool,
    moving_again: bool,
    gate_boot_id: u64,
}

impl Watch {
    /// Of one repetition; `needs_arming` when the fault's stop is one after which somebody has to arm.
    pub fn new(numbers: &Numbers, needs_arming: bool) -> Self {
        Self {
            envelope: EnvelopeChecker::new(numbers),
            truth: None,
            gate: None,
            assurance: None,
            map: None,
            replies: Vec::new(),
            strike: None,
            sent: Vec::new(),
            stood_at: None,
            distance_m: 0.0,
            least_clearance_m: f64::INFINITY,
            reasons: [None, None, None],
            refused_states: 0,
            degraded_at: None,
            restarts: 0,
            has_to_arm: false,
            needs_arming,
            moving_again: false,
            gate_boot_id: 0,
        }
    }

    /// The fault strikes now.
    pub fn strike(&mut self, at: Instant) {
        let (v, w, collisions) = self.truth.as_ref().map_or((0.0, 0.0, 0), |t| (t.v, t.w, t.collisions));
        let sent = self.sent.last().map_or(Twist2::ZERO, |s| s.twist);
        let greater = |a: f64, b: f64| if a.abs() > b.abs() { a } else { b };
        let (v_mps, w_radps) = (greater(v, sent.v_mps), greater(w, sent.w_radps));
        self.strike = Some(Strike { at, v_mps, w_radps, collisions });
        self.least_clearance_m = self.truth.as_ref().map_or(f64::INFINITY, |t| t.clearance);
    }

    /// Somebody arms: from here on it may move.
    pub fn armed_by_hand(&mut self) {
        self.has_to_arm = false;
    }

    /// Whether [`Self::see`] makes anything of a topic.
    pub fn looks_at(topic: &str) -> bool {
        const TOPICS: [&str; 11] = [
            "cmd_vel",
            "gate/challenge",
            "assurance/permit",
            "teleop/cmd_vel",
            "gate/state",
            "gate/operator_reply",
            "assurance/state",
            "assurance/event",
            "cmd_vel_nominal",
            "sim/ground_truth",
            "map",
        ];
        TOPICS.contains(&topic)
    }

    /// A message, as a recorder sees it.
    pub fn see(&mut self, observed: &Observed) {
        if observed.altered {
            return;
        }
        let bytes = observed.bytes;
        match (observed.topic.name.as_str(), observed.from) {
            ("cmd_vel", "gate") => self.command(observed),
            ("gate/challenge", "gate") => {
                if let Ok(c) = outrider_msgs::decode::<ours::Challenge>(bytes) {
                    self.envelope.challenge(c.gate_boot_id, c.number, observed.now.mono);
                }
            }
            ("assurance/permit", "assurance") => {
                let permit = outrider_msgs::decode(bytes).map_err(|e| e.to_string());
                if let Ok(permit) = permit.and_then(convert::permit_from_message) {
                    self.envelope.permit(permit);
                }
            }
            ("teleop/cmd_vel", _) => {
                if let Ok(m) = outrider_msgs::decode::<TwistStamped>(bytes) {
                    let twist = Twist2::new(m.twist.linear.x, m.twist.angular.z);
                    self.envelope.teleop(observed.now.mono, twist);
                }
            }
            ("gate/state", "gate") => self.gate_state(observed),
            ("gate/operator_reply", _) => self.replies.extend(outrider_msgs::decode(bytes)),
            ("assurance/state", _) => self.assurance_state(observed),
            ("assurance/event", _) => {
                if let Ok(event) = outrider_msgs::decode::<ours::Intervention>(bytes)
                    && event.mode_after >= event.mode_before
                {
                    self.reason(1, || format!("assurance: {}", event.rule));
                }
            }
            ("cmd_vel_nominal", "planner") => {
                if let Ok(m) = outrider_msgs::decode::<ours::Command>(bytes)
                    && m.v.abs() <= ZERO
                    && m.w.abs() <= ZERO
                {
                    self.reason(2, || format!("planner: {}", m.reason));
                }
            }
            ("sim/ground_truth", _) => self.note_truth(observed),
            ("map", _) => self.map = Some(bytes.to_vec()),
            _ => {}
        }
    }

    /// What a message on its way becomes: commands to a gate are what permits may be about.
    pub fn carried(&mut self, passage: &Passage, delivery: &Delivery) {
        if passage.to != "gate" || !passage.topic.starts_with("/cmd_vel_") {
            return;
        }
        let copies: Vec<&[u8]> = match delivery {
            Delivery::Pass => vec![passage.bytes],
            Delivery::Instead(copies) => copies.iter().map(|(_, bytes)| bytes.as_slice()).collect(),
        };
        for bytes in copies {
            let command = outrider_msgs::decode(bytes).map_err(|e| e.to_string());
            if let Ok(command) = command.and_then(convert::command_from_message) {
                self.envelope.command(&command);
            }
        }
    }

    /// When the gate first commanded zero after the strike.
    pub fn zero_at(&self) -> Option<Instant> {
        self.since_strike().find(|s| s.is_zero()).map(|s| s.at)
    }

    /// When the descent began that ended in that zero: the first command that was slower than the one before it, and
    /// after which none was faster.
    pub fn slower_at(&self) -> Option<Instant> {
        let zero = self.zero_at()?;
        let until: Vec<&Sent> = self.sent.iter().take_while(|s| s.at <= zero).collect();
        let mut slower = zero;
        for pair in until.windows(2).rev() {
            let [before, after] = pair else { break };
            let fell = |f: fn(&Twist2) -> f64| f(&after.twist).abs() < f(&before.twist).abs() - SAME;
            if !fell(|t| t.v_mps) && !fell(|t| t.w_radps) {
                break;
            }
            slower = after.at;
        }
        Some(slower)
    }

    /// Times that the gate began to command a movement after its zero and before `until`.
    pub fn movements_before(&self, until: Option<Instant>) -> usize {
        let Some(zero) = self.zero_at() else { return 0 };
        let within: Vec<&Sent> =
            self.sent.iter().filter(|s| s.at >= zero && until.is_none_or(|at| s.at < at)).collect();
        within.windows(2).filter(|pair| matches!(pair, [a, b] if a.is_zero() && !b.is_zero())).count()
    }

    /// Greatest speed that was commanded from `since` on.
    pub fn fastest_since(&self, since: Instant) -> f64 {
        self.sent.iter().filter(|s| s.at >= since).map(|s| s.twist.v_mps.abs()).fold(0.0, f64::max)
    }

    fn since_strike(&self) -> impl Iterator<Item = &Sent> {
        let at = self.strike.map(|s| s.at);
        self.sent.iter().filter(move |s| at.is_some_and(|at| s.at >= at))
    }

    /// Only until the robot stands: later reasons are of other things.
    fn reason(&mut self, slot: usize, text: impl FnOnce() -> String) {
        if self.strike.is_some()
            && self.stood_at.is_none()
            && let Some(slot @ None) = self.reasons.get_mut(slot)
        {
            *slot = Some(text());
        }
    }

    fn command(&mut self, observed: &Observed) {
        let Ok(m) = outrider_msgs::decode::<TwistStamped>(observed.bytes) else { return };
        let (at, twist) = (observed.now.mono, Twist2::new(m.twist.linear.x, m.twist.angular.z));
        self.envelope.published(observed.boot_id, at, twist);
        if !self.is_the_gate(observed.boot_id, at) {
            return;
        }
        let before = self.sent.last().map_or(Twist2::ZERO, |s| s.twist);
        let gains = twist.v_mps.abs() > before.v_mps.abs() + SAME
            || twist.w_radps.abs() > before.w_radps.abs() + SAME;
        let sent = Sent { at, twist };
        if self.strike.is_some() && self.needs_arming && sent.is_zero() {
            self.has_to_arm = true;
        }
        if gains && self.has_to_arm && !self.moving_again {
            self.restarts += 1;
            self.moving_again = true;
        }
        self.moving_again = self.moving_again && !sent.is_zero();
        if self.strike.is_none() {
            self.sent.clear();
        }
        self.sent.push(sent);
    }

    /// The one that was there first, until it is silent and another takes its place: that one has to be armed.
    fn is_the_gate(&mut self, boot_id: u64, at: Instant) -> bool {
        let silent = self.sent.last().is_none_or(|s| at.since(s.at) > GONE);
        if boot_id != self.gate_boot_id && silent {
            self.has_to_arm = self.gate_boot_id != 0;
            self.gate_boot_id = boot_id;
        }
        boot_id == self.gate_boot_id
    }

    fn gate_state(&mut self, observed: &Observed) {
        if observed.boot_id != self.gate_boot_id {
            return;
        }
        let Ok(state) = outrider_msgs::decode::<ours::GateState>(observed.bytes) else { return };
        if self.strike.is_some() {
            if matches!(state.mode, ours::GateState::DISARMED | ours::GateState::E_STOP) {
                self.has_to_arm = true;
            }
            if !matches!(state.mode, ours::GateState::FORWARDING | ours::GateState::TELEOP) {
                self.refused_states += 1;
                self.reason(0, || format!("gate: {}", state.reason));
            }
        }
        self.gate = Some(state);
    }

    fn assurance_state(&mut self, observed: &Observed) {
        let Ok(state) = outrider_msgs::decode::<ours::AssuranceState>(observed.bytes) else { return };
        if self.strike.is_some() && state.mode == ours::Permit::DEGRADED {
            self.degraded_at = self.degraded_at.or(Some(observed.now.mono));
        }
        self.assurance = Some(state);
    }

    fn note_truth(&mut self, observed: &Observed) {
        let Ok(truth) = outrider_msgs::decode::<ours::GroundTruth>(observed.bytes) else { return };
        if self.strike.is_some() {
            self.least_clearance_m = self.least_clearance_m.min(truth.clearance);
            if self.stood_at.is_none() {
                if let Some(before) = &self.truth {
                    self.distance_m += libm::hypot(truth.x - before.x, truth.y - before.y);
                }
                if truth.v.abs() <= STILL.0 && truth.w.abs() <= STILL.1 {
                    self.stood_at = Some(observed.now.mono);
                }
            }
        }
        self.truth = Some(truth);
    }
}
