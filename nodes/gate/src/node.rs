//! Arming, modes and the period.

use crate::permits::{Leave, PermitDesk, Pinned, Refusal};
use crate::slew::{self, Rates};
use crate::{Config, GateError, Input, Output};
use garde::Validate;
use outrider_foundation::data::{
    Challenge, Command, CommandDigest, CommandVelocity, GateMode, GateState, OperatorAction, OperatorReply,
    OperatorRequest, Permit, PinnedHashes,
};
use outrider_foundation::robot::DriveLimits;
use outrider_foundation::{Instant, Node, Now, Outbox, Robot, Span, Stamped, Twist2};

const EMPTY_HASH: [u8; 32] = [0; 32];
/// Below this, in m/s and rad/s, the published velocity counts as standstill.
const STANDSTILL: f64 = 1e-9;

const NEVER_ARMED: &str = "arm to start";
const RESET: &str = "reset: arm to continue";
const TAKEN_OVER: &str = "manual take-over: arm to continue";
const PRESSED: &str = "emergency stop pressed";
const UNREADABLE_E_STOP: &str = "emergency stop message could not be read";
const SECOND_PUBLISHER: &str = "second publisher of the velocity topic";

#[derive(Clone, Copy, Debug)]
struct TeleopCommand {
    twist: Twist2,
    received: Instant,
}

/// The gate's state machine.
///
/// Starts disarmed. Only an operator arms it; an emergency stop, a manual take-over, a restart of assurance or of the
/// gate disarm it (ISO 3691-4: no automatic restart). It publishes on a monotonic grid of its own, so nothing that other
/// nodes do or fail to do delays a stop by more than a period.
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
    in_force: Option<Leave>,
    /// Newest leave that was given, in force or not: what arming takes its hashes from.
    newest_leave: Option<Leave>,
    teleop: Option<TeleopCommand>,
    /// Why a permit or command was refused since one was last in force.
    refusal: Option<&'static str>,
    due: Option<Instant>,
    published_at: Option<Instant>,
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
            in_force: None,
            newest_leave: None,
            teleop: None,
            refusal: None,
            due: None,
            published_at: None,
            state: GateState { boot_id, ..GateState::default() },
        })
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
            Input::Operator(request) => {
                let reply = self.on_operator(now, request);
                out.push(Output::Reply(reply));
            }
            Input::VelocityPublishers(count) => {
                self.second_publisher = *count > 1;
                if self.second_publisher {
                    self.emergency_stop(SECOND_PUBLISHER);
                }
            }
            Input::Rejected { topic, .. } => {
                self.count_refusal("a message could not be read");
                if topic.trim_start_matches('/') == "e_stop" {
                    self.emergency_stop(UNREADABLE_E_STOP);
                }
            }
        }
    }

    fn on_command(&mut self, now: Now, command: &Command) {
        match self.desk.offer_command(command.clone(), now.mono) {
            Ok(leave) => self.on_leave(leave),
            // Proposals that assurance does not permit end like this: "no permit" says more.
            Err(Refusal::Overflow) => self.state.rejected = self.state.rejected.saturating_add(1),
            Err(refusal) => self.count_refusal(refusal.text()),
        }
    }

    fn on_permit(&mut self, now: Now, permit: &Permit) {
        match self.desk.offer_permit(permit.clone(), now.mono, self.armed.as_ref()) {
            Ok(leave) => self.on_leave(leave),
            Err(refusal) => {
                self.count_refusal(refusal.text());
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
            OperatorAction::Reset => self.reset(),
        };
        let (success, message) = match result {
            Ok(message) => (true, message),
            Err(message) => (false, message),
        };
        let message = message.to_owned();
        OperatorReply { stamp: now.ros, request_sequence: request.sequence, success, message }
    }

    fn arm(&mut self, now: Instant) -> Result<&'static str, &'static str> {
        if self.e_stop_pressed {
            return Err("not armed: emergency stop pressed");
        }
        if self.second_publisher {
            return Err("not armed: another node publishes the velocity topic");
        }
        if self.latched.is_some() {
            return Err("not armed: emergency stop latched, reset first");
        }
        if self.teleop.is_some() {
            return Err("not armed: manual take-over active");
        }
        if self.armed.is_some() {
            return Ok("armed already");
        }
        let Some(leave) = self.newest_leave.filter(|leave| leave.holds(now)) else {
            return Err("not armed: no fresh permit from assurance");
        };
        let PinnedHashes { specification, parameters, zones } = leave.hashes;
        if specification == EMPTY_HASH {
            return Err("not armed: empty specification");
        }
        if parameters == EMPTY_HASH {
            return Err("not armed: empty parameters");
        }
        if zones == EMPTY_HASH {
            return Err("not armed: empty zone set");
        }
        self.armed = Some(Pinned { hashes: leave.hashes, assurance_boot_id: leave.assurance_boot_id });
        // What waited was judged without the pins.
        self.desk.clear_pending();
        self.refusal = None;
        Ok("armed")
    }

    fn reset(&mut self) -> Result<&'static str, &'static str> {
        if self.e_stop_pressed {
            return Err("not reset: emergency stop pressed");
        }
        if self.second_publisher {
            return Err("not reset: another node publishes the velocity topic");
        }
        self.latched = None;
        self.disarm(RESET);
        Ok("reset: disarmed")
    }

    fn emergency_stop(&mut self, reason: &'static str) {
        // The first reason stays: it is the one that acted.
        self.latched.get_or_insert(reason);
        self.disarm(RESET);
    }

    fn disarm(&mut self, reason: &'static str) {
        self.armed = None;
        self.disarmed_because = reason;
        self.in_force = None;
        self.newest_leave = None;
        self.teleop = None;
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

    /// One period: a velocity, a challenge and the state, whatever has happened.
    fn publish(&mut self, now: Now, out: &mut Outbox<Output>) {
        self.expire(now.mono);
        let (mode, reason, target) = self.decide();
        let before = self.state.twist;
        let (twist, clamped) = match target {
            None => (self.stop_step(now.mono), false),
            Some((wanted, rates)) => {
                let target = within_drive(wanted, &self.limits);
                let twist = slew::towards(before, target, rates, self.period.as_s());
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
        if state.reason != reason {
            reason.clone_into(&mut state.reason);
        }
        state.twist = twist;
        state.clamped = clamped;
        state.command_source = leave.map(|l| l.command_source).unwrap_or_default();
        state.command_sequence = leave.map_or(0, |l| l.command_sequence);
        state.permit_sequence = leave.map_or(0, |l| l.permit_sequence);
        state.permit_age_s = leave.map_or(f64::INFINITY, |l| now.mono.since(l.challenged_at).as_s());
        state.data_stamp = leave.map(|l| l.data_stamp).unwrap_or_default();
        self.published_at = Some(now.mono);
        let number = self.desk.challenge(now.mono);
        out.push(Output::Velocity(CommandVelocity { stamp: now.ros, twist }));
        out.push(Output::Challenge(Challenge { stamp: now.ros, gate_boot_id: self.boot_id, number }));
        out.push(Output::State(self.state.clone()));
    }

    /// The next velocity of a stop. A late period makes up for the time that it lost; only braking may.
    fn stop_step(&self, now: Instant) -> Twist2 {
        let elapsed = self.published_at.map_or(self.period, |at| now.since(at));
        let dt_s = elapsed.max(self.period).as_s();
        slew::ramp_down(self.state.twist, self.stop_decel_mps2, self.limits.alpha_radps2, dt_s)
    }
}

impl Node for GateNode {
    type Input = Input;
    type Output = Output;

    fn step(&mut self, now: Now, inputs: &[Stamped<Input>], out: &mut Outbox<Output>) {
        for input in inputs {
            self.take(now, input.received, &input.value, out);
        }
        let due = *self.due.get_or_insert(now.mono);
        let late = now.mono.since(due);
        if late < Span::ZERO && Span::ZERO - late <= self.period {
            return;
        }
        // Either the period has come, or the grid lies further ahead than it ever can: it is laid anew.
        self.due = Some(next_on_grid(due, now.mono, self.period));
        if late.nanos() > self.period.nanos() / 2 {
            self.state.late_periods = self.state.late_periods.saturating_add(1);
        }
        self.publish(now, out);
    }

    fn next_wakeup(&self) -> Option<Instant> {
        // Before the first step: at once.
        Some(self.due.unwrap_or_default())
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
