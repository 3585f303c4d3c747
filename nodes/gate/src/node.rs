//! Arming, modes and the period.

use crate::permits::{Leave, PENDING_LIMIT, PermitDesk, Pinned, Refusal};
use crate::slew::{self, Rates};
use crate::{Config, GateError, Input, LIMITING_LIMIT, Output};
use garde::Validate;
use outrider_foundation::data::{
    Challenge, Command, CommandDigest, CommandSource, CommandVelocity, GateMode, GateState, Mode,
    OperatorAction, OperatorReply, OperatorRequest, Permit, PermitAuthenticator, PinnedHashes, REPLY_LIMIT,
};
use outrider_foundation::robot::DriveLimits;
use outrider_foundation::{Instant, Label, Node, Now, Outbox, Robot, Span, Stamp, Stamped, Twist2};
use std::borrow::Cow;
use std::fmt::Write as _;

const EMPTY_HASH: [u8; 32] = [0; 32];
/// Below this, in m/s and rad/s, the published velocity counts as standstill.
const STANDSTILL: f64 = 1e-9;
/// Commands of one source that are digested in one step. Of more, the oldest are passed over and counted: they could not
/// wait for their permits anyway.
const COMMANDS_PER_STEP: usize = PENDING_LIMIT;
/// Requests of operators that are heeded in one step.
pub const REPLIES_PER_STEP: usize = 8;
/// What assurance said longer ago explains nothing any more: it speaks ten times a second at least.
const EXPLAINS_FOR: Span = Span::from_millis(500);

/// Least time from a velocity to one that does not wait for the grid, as a part of the period: in less, a velocity cannot
/// change by anything to speak of.
const LEAST_GAP_PARTS: i64 = 10;

const NEVER_ARMED: &str = "arm to start";
const RESET: &str = "reset: arm to continue";
const TAKEN_OVER: &str = "manual take-over: arm to continue";
const TOLD_TO_END: &str = "told to end";
const PRESSED: &str = "emergency stop pressed";
const UNREADABLE_E_STOP: &str = "emergency stop message could not be read";
const SECOND_PUBLISHER: &str = "second publisher of the velocity topic";
const UNSEEN: &str = "own publisher not found";
/// Whoever counts the publishers of the velocity topic must see at least the gate's own after so long. One who does not looks
/// elsewhere, and would not see a second one either.
const SEEN_WITHIN: Span = Span::from_millis(1000);
/// From when it was told to end to its first step down the ramp, and the last one, each at most one late period.
const PERIODS_BESIDE_THE_RAMP: i64 = 4;

#[derive(Clone, Copy, Debug)]
struct TeleopCommand {
    twist: Twist2,
    received: Instant,
}

/// What assurance said last of itself.
#[derive(Clone, Copy, Debug)]
struct AssuranceSaid {
    mode: Mode,
    limiting: Label<LIMITING_LIMIT>,
    received: Instant,
}

/// Why what an operator asks for is not done.
enum NotDone {
    Because(&'static str),
    /// Assurance knows why.
    NoFreshPermit,
}

/// The gate's state machine.
///
/// Starts disarmed. Only an operator arms it; an emergency stop, a manual take-over, a restart of assurance or of the
/// gate disarm it (ISO 3691-4: no automatic restart). It publishes on a monotonic grid of its own, so nothing that other
/// nodes do or fail to do delays a stop by more than a period. Between two points of the grid it publishes once more when
/// a permitted command rests on a newer scan, and whenever an emergency stop is new: neither should wait.
#[derive(Clone, Debug)]
pub struct GateNode {
    boot_id: u64,
    limits: DriveLimits,
    period: Span,
    stop_decel_mps2: f64,
    teleop_limit: Twist2,
    teleop_timeout: Span,
    desk: PermitDesk,
    /// What was armed; `None` while disarmed.
    armed: Option<Pinned>,
    disarmed_because: &'static str,
    e_stop_pressed: bool,
    /// Reason of the emergency stop that waits for its reset.
    latched: Option<&'static str>,
    second_publisher: bool,
    /// Its process was told to end: nothing arms it any more.
    ending: bool,
    /// The count of publishers lacks even the gate's own.
    unseen: bool,
    in_force: Option<Leave>,
    /// Newest leave that was given, in force or not: what arming takes its hashes from.
    newest_leave: Option<Leave>,
    teleop: Option<TeleopCommand>,
    /// Why a permit or command was refused since one was last in force.
    refusal: Option<&'static str>,
    /// The last permit that was refused; for the answer to an operator.
    refused_permit: Option<(Refusal, Instant)>,
    assurance: Option<AssuranceSaid>,
    passed_over: u64,
    /// Next point of the grid.
    due: Option<Instant>,
    /// Newest scan that a forwarded velocity rested on since the gate was armed.
    forwarded_scan: Stamp,
    /// Something came that should not wait for the grid.
    urgent: bool,
    /// What was urgent since the last point of the grid has been published: the rest waits for the next, unless an emergency
    /// stop comes.
    hurried: bool,
    published_at: Option<Instant>,
    /// Its first velocity.
    began_at: Option<Instant>,
    state: GateState,
}

impl GateNode {
    /// A gate for this robot. `digest` computes a command's SHA-256; `boot_id` must differ from every earlier run's.
    ///
    /// # Errors
    /// When a number of the configuration is out of its range, or the stop ramp is gentler than the brakes that stopping
    /// distances are reckoned with.
    pub fn new(
        config: Config,
        robot: &Robot,
        digest: CommandDigest,
        boot_id: u64,
    ) -> Result<Self, GateError> {
        config.validate().map_err(|report| GateError::Config(report.to_string().trim().to_owned()))?;
        let limits = robot.limits;
        if config.stop_decel_mps2 < limits.brake_mps2 {
            let (value, brake_mps2) = (config.stop_decel_mps2, limits.brake_mps2);
            return Err(GateError::GentleStop { value, brake_mps2 });
        }
        let max_time_to_live = Span::from_s(config.max_time_to_live_s);
        Ok(Self {
            boot_id,
            limits,
            period: Span::from_s(config.period_s),
            stop_decel_mps2: config.stop_decel_mps2,
            teleop_limit: Twist2::new(config.teleop.v_max_mps, config.teleop.w_max_radps),
            teleop_timeout: Span::from_s(config.teleop.timeout_s),
            desk: PermitDesk::new(boot_id, digest, limits, max_time_to_live),
            armed: None,
            disarmed_because: NEVER_ARMED,
            e_stop_pressed: false,
            latched: None,
            second_publisher: false,
            ending: false,
            unseen: false,
            in_force: None,
            newest_leave: None,
            teleop: None,
            refusal: None,
            refused_permit: None,
            assurance: None,
            passed_over: 0,
            due: None,
            forwarded_scan: Stamp::default(),
            urgent: false,
            hurried: false,
            published_at: None,
            began_at: None,
            state: GateState { boot_id, ..GateState::default() },
        })
    }

    /// With a key: permits without its code are refused from now on.
    #[must_use]
    pub fn with_authenticator(mut self, authenticator: PermitAuthenticator) -> Self {
        self.desk.demand_code(authenticator);
        self
    }

    /// Counts that are in no message, for `/diagnostics`.
    pub fn diagnostics(&self) -> [(&'static str, u64); 1] {
        [("commands passed over", self.passed_over)]
    }

    /// Whether the robot was told last to stand.
    pub fn stands(&self) -> bool {
        self.state.twist == Twist2::ZERO
    }

    /// How long it takes at most until it [stands](Self::stands) from when it is told to end, whatever it was doing.
    pub fn way_down(&self) -> Span {
        let l = &self.limits;
        let speed_mps = l.v_max_mps.abs().max(l.v_min_mps.abs());
        let ramp_s = (speed_mps / self.stop_decel_mps2).max(l.w_max_radps / l.alpha_radps2);
        Span::from_s(ramp_s) + Span::from_nanos(self.period.nanos().saturating_mul(PERIODS_BESIDE_THE_RAMP))
    }

    fn take(&mut self, now: Now, received: Instant, input: &Input, out: &mut Outbox<Output>) {
        match input {
            Input::Command(command) => self.on_command(now, command),
            Input::Permit(permit) => self.on_permit(now, permit),
            Input::Teleop { twist, .. } => self.on_teleop(*twist, received.min(now.mono)),
            Input::EStop(pressed) => {
                self.e_stop_pressed = *pressed;
                if *pressed {
                    self.emergency_stop(PRESSED);
                }
            }
            // The period's own outputs must always fit.
            Input::Operator(_) if out.items().len() >= REPLIES_PER_STEP => {
                self.count_refusal("operator's request refused: too many at once");
            }
            Input::Operator(request) => {
                let reply = self.on_operator(now, request);
                out.push(Output::Reply(reply));
            }
            Input::VelocityPublishers(count) => self.on_count(now.mono, *count),
            Input::Assurance { mode, limiting } => {
                let received = received.min(now.mono);
                self.assurance = Some(AssuranceSaid { mode: *mode, limiting: *limiting, received });
            }
            Input::Rejected { topic, .. } => {
                self.count_refusal("a message could not be read");
                if topic.trim_start_matches('/') == "e_stop" {
                    self.emergency_stop(UNREADABLE_E_STOP);
                }
            }
        }
    }

    fn on_count(&mut self, now: Instant, publishers: u32) {
        self.second_publisher = publishers > 1;
        self.unseen = publishers == 0 && self.began_at.is_some_and(|at| now.since(at) >= SEEN_WITHIN);
        if self.second_publisher {
            self.emergency_stop(SECOND_PUBLISHER);
        } else if self.unseen {
            self.emergency_stop(UNSEEN);
        }
    }

    /// Whether this is a command of which its source has more than one step digests: counted, and no more looked at.
    fn passes_over(&mut self, input: &Input, surplus: &mut [usize; 2]) -> bool {
        if let Input::Command(command) = input
            && let Some(left) = surplus.get_mut(usize::from(command.source == CommandSource::Recovery))
            && *left > 0
        {
            *left -= 1;
            self.passed_over = self.passed_over.saturating_add(1);
            self.state.rejected = self.state.rejected.saturating_add(1);
            return true;
        }
        false
    }

    fn on_command(&mut self, now: Now, command: &Command) {
        match self.desk.offer_command(command, now.mono) {
            Ok(leave) => self.on_leave(leave),
            // Proposals that assurance does not permit end like this: "no permit" says more.
            Err(Refusal::Overflow) => self.state.rejected = self.state.rejected.saturating_add(1),
            Err(refusal) => self.count_refusal(refusal.text()),
        }
    }

    fn on_permit(&mut self, now: Now, permit: &Permit) {
        match self.desk.offer_permit(permit, now.mono, self.armed.as_ref()) {
            Ok(leave) => self.on_leave(leave),
            Err(refusal) => {
                self.count_refusal(refusal.text());
                self.refused_permit = Some((refusal, now.mono));
                if refusal == Refusal::AssuranceRestarted {
                    self.disarm(refusal.text());
                }
            }
        }
    }

    fn on_leave(&mut self, leave: Option<Leave>) {
        let Some(leave) = leave else { return };
        self.state.accepted = self.state.accepted.saturating_add(1);
        self.newest_leave = Some(leave);
        if self.armed.is_some() {
            self.in_force = Some(leave);
            self.refusal = None;
            // What the planner says again between two scans can wait, and so can all of it while a hand drives.
            self.urgent |= leave.data_stamp > self.forwarded_scan && self.teleop.is_none();
        }
    }

    fn on_teleop(&mut self, twist: Twist2, received: Instant) {
        if self.armed.is_none() {
            self.count_refusal("teleop refused: arm first");
        } else if !twist.is_finite() {
            // The hand that drives cannot be read: the take-over ends as if it had let go.
            self.count_refusal("teleop refused: not finite");
            self.disarm(TAKEN_OVER);
        } else {
            let limit = self.teleop_limit;
            let twist = Twist2 {
                v_mps: twist.v_mps.clamp(-limit.v_mps, limit.v_mps),
                w_radps: twist.w_radps.clamp(-limit.w_radps, limit.w_radps),
            };
            self.teleop = Some(TeleopCommand { twist, received });
            self.in_force = None;
        }
    }

    fn on_operator(&mut self, now: Now, request: &OperatorRequest) -> OperatorReply {
        let result = match request.action {
            OperatorAction::Arm => self.arm(now.mono),
            OperatorAction::Reset => self.reset().map_err(NotDone::Because),
            OperatorAction::End => Ok(self.end()),
        };
        let (success, message) = match result {
            Ok(message) => (true, Label::from(message)),
            Err(NotDone::Because(message)) => (false, Label::from(message)),
            Err(NotDone::NoFreshPermit) => (false, self.no_fresh_permit(now.mono)),
        };
        OperatorReply { stamp: now.ros, request_sequence: request.sequence, success, message }
    }

    fn arm(&mut self, now: Instant) -> Result<&'static str, NotDone> {
        if let Some(obstacle) = self.obstacle() {
            return Err(NotDone::Because(obstacle));
        }
        if self.armed.is_some() {
            return Ok("armed already");
        }
        let Some(leave) = self.newest_leave.filter(|leave| leave.holds(now)) else {
            return Err(NotDone::NoFreshPermit);
        };
        if let Some(empty) = empty_part(&leave.hashes) {
            return Err(NotDone::Because(empty));
        }
        self.armed = Some(Pinned { hashes: leave.hashes, assurance_boot_id: leave.assurance_boot_id });
        // What waited was judged without the pins.
        self.desk.clear_pending();
        self.refusal = None;
        Ok("armed")
    }

    fn end(&mut self) -> &'static str {
        self.ending = true;
        self.disarm(TOLD_TO_END);
        "disarmed for good: told to end"
    }

    /// What keeps the gate from being armed whatever assurance says.
    fn obstacle(&self) -> Option<&'static str> {
        if self.ending {
            Some("not armed: told to end")
        } else if self.e_stop_pressed {
            Some("not armed: emergency stop pressed")
        } else if self.second_publisher {
            Some("not armed: another node publishes the velocity topic")
        } else if self.unseen {
            Some("not armed: own publisher of the velocity topic not found")
        } else if self.latched.is_some() {
            Some("not armed: emergency stop latched, reset first")
        } else if self.teleop.is_some() {
            Some("not armed: manual take-over active")
        } else {
            None
        }
    }

    /// Why there is none, as far as it is known: whoever arms learns which source is missing.
    fn no_fresh_permit(&self, now: Instant) -> Label<REPLY_LIMIT> {
        let mut text = Label::from("not armed: no fresh permit from assurance");
        let is_recent = |at: Instant| now.since(at) <= EXPLAINS_FOR;
        // A label takes whatever it is given: there is no error to be handled.
        let _ = match self.assurance.filter(|said| is_recent(said.received)) {
            None => write!(text, " (which is silent)"),
            Some(said) if said.limiting.is_empty() => write!(text, " ({})", said.mode.name()),
            Some(said) => write!(text, " ({}, {})", said.mode.name(), said.limiting),
        };
        if let Some((refusal, _)) = self.refused_permit.filter(|(_, at)| is_recent(*at)) {
            let _ = write!(text, "; {}", refusal.text());
        }
        text
    }

    fn reset(&mut self) -> Result<&'static str, &'static str> {
        if self.e_stop_pressed {
            return Err("not reset: emergency stop pressed");
        }
        if self.second_publisher {
            return Err("not reset: another node publishes the velocity topic");
        }
        if self.unseen {
            return Err("not reset: own publisher of the velocity topic not found");
        }
        self.latched = None;
        self.disarm(RESET);
        Ok("reset: disarmed")
    }

    fn emergency_stop(&mut self, reason: &'static str) {
        // The first reason stays: it is the one that acted.
        if self.latched.is_none() {
            self.latched = Some(reason);
            (self.urgent, self.hurried) = (true, false);
        }
        self.disarm(RESET);
    }

    fn disarm(&mut self, reason: &'static str) {
        self.armed = None;
        self.disarmed_because = reason;
        self.in_force = None;
        self.newest_leave = None;
        self.teleop = None;
        self.forwarded_scan = Stamp::default();
        self.desk.clear_pending();
    }

    fn count_refusal(&mut self, reason: &'static str) {
        self.state.rejected = self.state.rejected.saturating_add(1);
        self.refusal = Some(reason);
    }

    /// Ends what has run out of time.
    fn expire(&mut self, now: Instant) {
        if self.in_force.is_some_and(|leave| !leave.holds(now)) {
            self.in_force = None;
        }
        if self.teleop.is_some_and(|teleop| now.since(teleop.received) > self.teleop_timeout) {
            self.disarm(TAKEN_OVER);
        }
    }

    /// Mode, reason, and where the velocity is to go; `None` for down the stop ramp.
    fn decide(&self) -> (GateMode, &'static str, Option<(Twist2, Rates)>) {
        if let Some(reason) = self.latched {
            return (GateMode::EStop, reason, None);
        }
        if self.armed.is_none() {
            return (GateMode::Disarmed, self.disarmed_because, None);
        }
        if let Some(teleop) = self.teleop {
            let rates = self.rates(self.limits.accel_mps2, self.limits.alpha_radps2);
            return (GateMode::Teleop, "manual take-over", Some((teleop.twist, rates)));
        }
        if let Some(leave) = self.in_force {
            let rates = self.rates(leave.envelope.accel_mps2, leave.envelope.alpha_radps2);
            return (GateMode::Forwarding, "permitted", Some((leave.twist, rates)));
        }
        (GateMode::Stopping, self.refusal.unwrap_or("no permit"), None)
    }

    /// Braking always has what the stop ramp has: slowing down needs no leave.
    fn rates(&self, accel_mps2: f64, alpha_radps2: f64) -> Rates {
        Rates {
            accel_mps2: accel_mps2.min(self.limits.accel_mps2),
            decel_mps2: self.limits.brake_mps2,
            alpha_radps2: alpha_radps2.min(self.limits.alpha_radps2),
        }
    }

    /// A velocity and the state, whatever has happened; on the grid, between the two, a challenge.
    fn publish(&mut self, now: Now, on_grid: bool, out: &mut Outbox<Output>) {
        self.expire(now.mono);
        let (mode, reason, target) = self.decide();
        let before = self.state.twist;
        let (twist, clamped) = match target {
            None => (self.stop_step(now.mono), false),
            Some((wanted, rates)) => {
                let target = within_drive(wanted, &self.limits);
                let elapsed = self.elapsed(now.mono);
                let twist = slew::towards(before, target, rates, elapsed.min(self.period), elapsed);
                (twist, moves(difference(twist, wanted)))
            }
        };
        let driven = |mode| matches!(mode, GateMode::Forwarding | GateMode::Teleop);
        if driven(self.state.mode) && !driven(mode) {
            self.state.stops = self.state.stops.saturating_add(1);
        }
        let leave = self.in_force.filter(|_| mode == GateMode::Forwarding);
        let state = &mut self.state;
        state.stamp = now.ros;
        state.sequence = state.sequence.saturating_add(1);
        state.mode = mode;
        state.reason = Cow::Borrowed(reason);
        state.twist = twist;
        state.clamped = clamped;
        state.command_source = leave.map(|l| l.command_source).unwrap_or_default();
        state.command_sequence = leave.map_or(0, |l| l.command_sequence);
        state.permit_sequence = leave.map_or(0, |l| l.permit_sequence);
        state.permit_age_s = leave.map_or(f64::INFINITY, |l| now.mono.since(l.challenged_at).as_s());
        state.data_stamp = leave.map(|l| l.data_stamp).unwrap_or_default();
        self.published_at = Some(now.mono);
        self.began_at.get_or_insert(now.mono);
        if let Some(leave) = leave {
            self.forwarded_scan = leave.data_stamp;
        }
        self.urgent = false;
        self.hurried = !on_grid;
        out.push(Output::Velocity(CommandVelocity { stamp: now.ros, twist }));
        if on_grid {
            let number = self.desk.challenge(now.mono);
            out.push(Output::Challenge(Challenge { stamp: now.ros, gate_boot_id: self.boot_id, number }));
        }
        out.push(Output::State(self.state.clone()));
    }

    /// The next velocity of a stop. A late period makes up for the time that it lost; only braking may.
    fn stop_step(&self, now: Instant) -> Twist2 {
        let dt_s = self.elapsed(now).as_s();
        slew::ramp_down(self.state.twist, self.stop_decel_mps2, self.limits.alpha_radps2, dt_s)
    }

    /// Since the last velocity; a period where there was none, or where the clock was set back.
    fn elapsed(&self, now: Instant) -> Span {
        let elapsed = self.published_at.map(|at| now.since(at));
        elapsed.filter(|elapsed| *elapsed >= Span::ZERO).unwrap_or(self.period)
    }

    /// When what is urgent is to be published, if there is anything and the grid does not come first.
    fn hurries_at(&self) -> Option<Instant> {
        let least_gap = Span::from_nanos(self.period.nanos() / LEAST_GAP_PARTS);
        let (at, due) = (self.published_at? + least_gap, self.due?);
        (self.urgent && !self.hurried && at < due).then_some(at)
    }
}

impl Node for GateNode {
    type Input = Input;
    type Output = Output;

    fn step(&mut self, now: Now, inputs: &[Stamped<Input>], out: &mut Outbox<Output>) {
        let mut surplus =
            [CommandSource::Planner, CommandSource::Recovery].map(|source| surplus(inputs, source));
        for input in inputs {
            if !self.passes_over(&input.value, &mut surplus) {
                self.take(now, input.received, &input.value, out);
            }
        }
        let due = *self.due.get_or_insert(now.mono);
        let late = now.mono.since(due);
        if late < Span::ZERO && Span::ZERO - late <= self.period {
            if self.hurries_at().is_some_and(|at| at <= now.mono) {
                self.publish(now, false, out);
            }
            return;
        }
        // Either the period has come, or the grid lies further ahead than it ever can: it is laid anew.
        self.due = Some(next_on_grid(due, now.mono, self.period));
        if late.nanos() > self.period.nanos() / 2 {
            self.state.late_periods = self.state.late_periods.saturating_add(1);
        }
        self.publish(now, true, out);
    }

    fn next_wakeup(&self) -> Option<Instant> {
        // Before the first step: at once.
        Some(self.hurries_at().or(self.due).unwrap_or_default())
    }
}

/// How many commands of a source are more than one step digests.
fn surplus(inputs: &[Stamped<Input>], of: CommandSource) -> usize {
    let is_its = |input: &&Stamped<Input>| matches!(&input.value, Input::Command(c) if c.source == of);
    inputs.iter().filter(is_its).count().saturating_sub(COMMANDS_PER_STEP)
}

/// Nothing to watch, nothing to go by, nowhere forbidden: what nobody may be armed with.
fn empty_part(hashes: &PinnedHashes) -> Option<&'static str> {
    if hashes.specification == EMPTY_HASH {
        Some("not armed: empty specification")
    } else if hashes.parameters == EMPTY_HASH {
        Some("not armed: empty parameters")
    } else if hashes.zones == EMPTY_HASH {
        Some("not armed: empty zone set")
    } else {
        None
    }
}

/// The first point after `now` of the grid through `due`; periods that were missed are skipped, not made up for.
fn next_on_grid(due: Instant, now: Instant, period: Span) -> Instant {
    let behind = now.since(due).nanos();
    if behind < 0 {
        return now + period;
    }
    let missed = behind / period.nanos().max(1);
    due + Span::from_nanos(period.nanos().saturating_mul(missed.saturating_add(1)))
}

fn within_drive(twist: Twist2, limits: &DriveLimits) -> Twist2 {
    Twist2 {
        v_mps: twist.v_mps.clamp(limits.v_min_mps, limits.v_max_mps),
        w_radps: twist.w_radps.clamp(-limits.w_max_radps, limits.w_max_radps),
    }
}

fn difference(a: Twist2, b: Twist2) -> Twist2 {
    Twist2 { v_mps: a.v_mps - b.v_mps, w_radps: a.w_radps - b.w_radps }
}

fn moves(twist: Twist2) -> bool {
    twist.v_mps.abs() > STANDSTILL || twist.w_radps.abs() > STANDSTILL
}
