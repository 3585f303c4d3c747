//! Takes inputs, has everything judged, and answers: permits, recovery commands, state, records.

use crate::backup::{self, Backup};
use crate::certificate::Certifier;
use crate::command_checks::{Bench, PlannerCount};
use crate::config::Config;
use crate::explain::{Episodes, Evidence};
use crate::mode::{Latch, ModeMachine};
use crate::monitor::{Concern, Reading, Rule, speed_limit_mps, worst};
use crate::motion::is_zero;
use crate::properties::Properties;
use crate::sensing::Knowledge;
use crate::signals::Sources;
use crate::source::Arrival;
use crate::state_checks;
use crate::way_out::{self, End, Note, Refused, WayOut};
use crate::zones::ZoneMap;
use crate::{AssuranceError, Input, Output, Zones};
use outrider_foundation::data::{
    AssuranceState, Challenge, Command, CommandDigest, CommandSource, Digest, Envelope, GateMode, GateState,
    Intervention, Mode, Permit, PermitAuthenticator, PinnedHashes, Verdict,
};
use outrider_foundation::{Instant, Node, Now, Outbox, Robot, Span, Stamp, Stamped, Twist2};
use outrider_stl::Specification;
use sha2::Digest as _;

/// Commands that are judged in one step; of more, the oldest are passed over and counted.
const COMMANDS_PER_STEP: usize = 4;

/// The state machine of assurance.
///
/// Every proposal is judged as it arrives; one permit answers it, for the command itself or for the backup controller's.
/// Nothing is permitted on data that cannot be judged: then the gate stops the robot by itself. The backup controller's
/// stop is permitted whenever scan and odometry are good, however near something is: nothing better is left. From where the
/// robot may not be, the backup controller's way out is permitted, within an envelope of its own.
#[derive(Clone, Debug)]
pub struct AssuranceNode {
    config: Config,
    robot: Robot,
    pub(crate) certifier: Certifier,
    zones: ZoneMap,
    hashes: PinnedHashes,
    digest: CommandDigest,
    /// Without one, permits carry no code.
    authenticator: Option<PermitAuthenticator>,
    boot_id: u64,
    known: Knowledge,
    properties: Properties,
    mode: ModeMachine,
    episodes: Episodes,
    way_out: WayOut,
    planner: PlannerCount,
    challenge: Option<(Challenge, Instant)>,
    gate: Option<(GateState, Instant)>,
    /// The last one.
    permitted: Option<Instant>,
    last_ros: Option<Stamp>,
    due: Option<Instant>,
    /// Something came that the mode has to follow at once.
    urgent: bool,
    permits: u64,
    recoveries: u64,
    states: u64,
    interventions: u64,
    passed_over: u64,
    rejected: u64,
}

impl AssuranceNode {
    /// Assurance for this robot, these zones and these properties. `hashes` name what is in force, `digest` computes a
    /// command's SHA-256, `boot_id` must differ from every earlier run's.
    ///
    /// # Errors
    /// When a number of the configuration is out of its range, a zone is no polygon, or the robot's outline no solid.
    pub fn new(
        config: Config,
        zones: Zones,
        specifications: Vec<Specification>,
        robot: &Robot,
        hashes: PinnedHashes,
        digest: CommandDigest,
        boot_id: u64,
    ) -> Result<Self, AssuranceError> {
        config.check(robot)?;
        ZoneMap::check_localisation(&zones, config.localisation_required)?;
        Ok(Self {
            mode: ModeMachine::new(&config),
            episodes: Episodes::new(&config),
            way_out: WayOut::default(),
            zones: ZoneMap::new(&zones)?,
            properties: Properties::new(specifications, Span::from_s(config.monitor_period_s))?,
            certifier: Certifier::new(&robot.footprint)?,
            robot: robot.clone(),
            config,
            hashes,
            digest,
            authenticator: None,
            boot_id,
            known: Knowledge::default(),
            planner: PlannerCount::default(),
            challenge: None,
            gate: None,
            permitted: None,
            last_ros: None,
            due: None,
            urgent: false,
            permits: 0,
            recoveries: 0,
            states: 0,
            interventions: 0,
            passed_over: 0,
            rejected: 0,
        })
    }

    /// With a key: every permit carries its code from now on.
    #[must_use]
    pub fn with_authenticator(mut self, authenticator: PermitAuthenticator) -> Self {
        self.authenticator = Some(authenticator);
        self
    }

    /// Counts that are in no message, for `/diagnostics`.
    pub fn diagnostics(&self) -> Vec<(&'static str, String)> {
        let mut list = vec![
            ("permits", self.permits.to_string()),
            ("recovery commands", self.recoveries.to_string()),
            ("interventions", self.interventions.to_string()),
            ("commands passed over", self.passed_over.to_string()),
            ("messages rejected", self.rejected.to_string()),
            ("dwell before NOMINAL, s", self.mode.nominal_dwell().as_s().to_string()),
            ("memory of the properties, bytes", self.properties.byte_size().to_string()),
        ];
        list.extend(self.known.detections.diagnostics());
        let beyond = self.known.world.conformity.beyond();
        list.push(("predictions of classes, models and versions beyond the limit", beyond.to_string()));
        list
    }

    fn take(&mut self, now: Now, received: Instant, input: &Input) {
        let arrival = Arrival { received, latest: now.ros + Span::from_s(self.config.future_tolerance_s) };
        match input {
            Input::Scan(scan) => {
                self.known.take_scan(scan, arrival, &self.robot, &self.config.scan);
                self.urgent |= self.known.scan.touched(&self.config.scan);
            }
            Input::Odometry(odometry) => {
                // A leap is judged in the step that it comes in.
                self.urgent |= self.known.odometry.take(odometry, arrival, &self.robot.limits);
            }
            Input::WorldModel(model) => self.known.world.take(model, arrival, &self.config),
            Input::Detections(set) => {
                self.known.take_detections(set, arrival, &self.robot, &self.config);
            }
            // Judged after everything else that has arrived is known.
            Input::Command(_) => {}
            Input::Challenge(challenge) => {
                let same_run = |c: &Challenge| c.gate_boot_id == challenge.gate_boot_id;
                let newer = self.challenge.is_none_or(|(c, _)| !same_run(&c) || challenge.number > c.number);
                if newer {
                    self.challenge = Some((*challenge, received));
                }
            }
            Input::EStop(pressed) => {
                self.mode.e_stop(*pressed, received);
                self.urgent = true;
            }
            Input::Gate(state) => {
                let changed = self.gate.as_ref().is_none_or(|(before, _)| before.mode != state.mode);
                self.urgent |= changed;
                self.mode.gate(state.mode, received);
                if state.mode == GateMode::Disarmed {
                    self.properties.acknowledge(received);
                }
                self.gate = Some((state.clone(), received));
            }
            Input::Rejected { topic, .. } => self.reject(topic, now.mono),
        }
    }

    fn reject(&mut self, topic: &str, now: Instant) {
        self.rejected = self.rejected.saturating_add(1);
        match topic.trim_start_matches('/') {
            "scan" => self.known.scan.source.fault(),
            "odom" => self.known.odometry.source.fault(),
            "world_model" => self.known.world.source.fault(),
            "detections" => self.known.detections.source.fault(),
            "e_stop" => {
                self.mode.latch(Latch::Unreadable, now);
                self.urgent = true;
            }
            _ => {}
        }
    }

    /// A ROS clock that ran backwards leaves stamps that mean nothing: everything is learned anew.
    fn watch_clock(&mut self, now: Now) {
        let jump = Span::from_s(self.config.clock_jump_s);
        if self.last_ros.is_some_and(|last| last.since(now.ros) > jump) {
            self.known = Knowledge::default();
            self.properties.restart();
            self.mode.restart();
            self.urgent = true;
        }
        self.last_ros = Some(now.ros);
    }

    /// Judges the robot's state, and a proposal when there is one; answers.
    fn evaluate(&mut self, now: Now, proposal: Option<&Command>, out: &mut Outbox<Output>) {
        let mut readings = state_checks::judge(now, &self.known, &self.config, &self.robot, &self.zones);
        readings.extend(self.properties.readings());
        self.follow_mode(now, &readings, proposal, out);
        let challenge_age_s = self.challenge_age_s(now);
        readings.push(Reading::age(Rule::ChallengeAge, challenge_age_s, self.config.ages.challenge_s));
        let state_count = readings.len();
        match proposal {
            None => {
                let age_s = self.planner.age_s(now);
                readings.push(Reading::age(Rule::CommandAge, age_s, self.config.ages.command_s));
                self.expire_way_out(now, None, out);
            }
            Some(command) => {
                let silence = Span::from_s(self.config.ages.command_s);
                readings.push(self.planner.judge(command, now, silence));
                readings.extend(self.bench(now).judge_proposal(command));
                let (state, of_command) = readings.split_at(state_count);
                self.answer(now, command, state, of_command, out);
            }
        }
        self.publish_state(now, &readings, out);
    }

    fn follow_mode(
        &mut self,
        now: Now,
        readings: &[Reading],
        proposal: Option<&Command>,
        out: &mut Outbox<Output>,
    ) {
        let touched = self.known.scan.touched(&self.config.scan);
        let Some(change) = self.mode.update(now, readings, touched, &self.config) else { return };
        self.episodes.follow(&change);
        self.record(now, proposal, out, |evidence| evidence.change(&change));
    }

    fn record(
        &mut self,
        now: Now,
        command: Option<&Command>,
        out: &mut Outbox<Output>,
        tell: impl FnOnce(&Evidence<'_>) -> Intervention,
    ) {
        self.interventions = self.interventions.saturating_add(1);
        out.push(Output::Intervention(tell(&self.evidence(now, command))));
    }

    fn record_way_out(&mut self, now: Now, command: Option<&Command>, note: Note, out: &mut Outbox<Output>) {
        let mode = self.mode.mode();
        self.record(now, command, out, |evidence| evidence.way_out(&note, mode));
    }

    fn expire_way_out(&mut self, now: Now, command: Option<&Command>, out: &mut Outbox<Output>) {
        let silence = Span::from_s(self.config.ages.command_s);
        let stopped = self.mode.mode() == Mode::EStop;
        if let Some(note) = self.way_out.expire(now.mono, silence, stopped) {
            self.record_way_out(now, command, note, out);
        }
    }

    fn challenge_age_s(&self, now: Now) -> f64 {
        self.challenge.map_or(f64::NAN, |(_, received)| now.mono.since(received).as_s())
    }

    /// The properties take their samples.
    fn sample(&mut self, now: Now) {
        let gate = self.gate.as_ref().filter(|(_, received)| self.is_heard(now, *received));
        let values = Sources {
            now,
            known: &self.known,
            config: &self.config,
            robot: &self.robot,
            zones: &self.zones,
            gate: gate.map(|(state, _)| state),
            challenge_age_s: self.challenge_age_s(now),
            permit_age_s: self.permitted.map_or(f64::NAN, |at| now.mono.since(at).as_s()),
        }
        .values();
        self.urgent |= self.properties.update(now, &values);
    }

    /// The gate speaks every period.
    fn is_heard(&self, now: Now, received: Instant) -> bool {
        now.mono.since(received).as_s() <= self.config.ages.challenge_s
    }

    /// Permits the proposal, or the backup controller's command in its place, or nothing.
    fn answer(
        &mut self,
        now: Now,
        command: &Command,
        state: &[Reading],
        of_command: &[Reading],
        out: &mut Outbox<Output>,
    ) {
        self.expire_way_out(now, Some(command), out);
        if self.mode.mode() == Mode::EStop {
            return;
        }
        // What merely degrades the mode is in the envelope.
        let is_decisive =
            |r: &&Reading| !matches!(r.rule.concern(&self.config), Concern::Degrade | Concern::Report);
        let of_state: Vec<Reading> = state.iter().filter(is_decisive).copied().collect();
        let judged = [of_state.as_slice(), of_command].concat();
        // In SAFE_STOP the backup controller drives, except that standing still is nobody's monopoly.
        let goes_on = self.way_out.goes_on(&self.bench(now), !is_zero(command.twist));
        if judged.iter().all(Reading::is_ok) && !goes_on {
            if let Some(note) = self.way_out.permitted(!is_zero(command.twist)) {
                self.record_way_out(now, Some(command), note, out);
            }
            self.permit(now, command, &judged, self.envelope(), out);
            return;
        }
        let (backup, note) = self.back_up(now, command, state, of_command, goes_on);
        self.record_refusal(now, command, state, &judged, &backup, out);
        if let Some(note) = note {
            self.record_way_out(now, Some(command), note, out);
        }
        // Whoever reckons wrongly permits nothing, not even a stop: the gate makes that by itself.
        if of_command.iter().chain(&backup.readings).any(|r| r.rule == Rule::Certificate && !r.is_ok()) {
            return;
        }
        let needed = [Rule::ScanAge, Rule::ScanCoverage, Rule::OdometryAge, Rule::ChallengeAge];
        if needed.iter().any(|rule| !state.iter().any(|r| r.rule == *rule && r.is_ok())) {
            return;
        }
        self.recoveries = self.recoveries.saturating_add(1);
        let recovery = backup::command(&self.bench(now), &backup, self.boot_id, self.recoveries);
        let judged = [of_state, backup.readings].concat();
        out.push(Output::Recovery(recovery.clone()));
        self.permit(now, &recovery, &judged, backup.envelope, out);
    }

    /// The backup controllers in their order.
    fn back_up(
        &mut self,
        now: Now,
        command: &Command,
        state: &[Reading],
        of_command: &[Reading],
        goes_on: bool,
    ) -> (Backup, Option<Note>) {
        let mode = self.mode.mode();
        let mut way_out = self.way_out;
        let bench = self.bench(now);
        let slower = if goes_on { None } else { backup::slow_down(&bench, command, of_command, mode) };
        let (backup, note) = match slower {
            Some(slower) => (slower, way_out.permitted(true)),
            None => {
                let refused = self.refused(now, command, state, of_command);
                let envelope = way_out::envelope(&bench, mode == Mode::SafeStop);
                let (leave, note) = way_out.step(&Bench { envelope, ..bench }, refused);
                (leave.unwrap_or_else(|| backup::stop(&bench)), note)
            }
        };
        self.way_out = way_out;
        (backup, note)
    }

    /// Whether somebody wants to go, and what forbids a way out: a gate that does not wait for permits, something that
    /// touches the robot, and every rule that stops it and has nothing to do with where it stands.
    fn refused(&self, now: Now, command: &Command, state: &[Reading], of_command: &[Reading]) -> Refused {
        let genuine = |r: &Reading| !matches!(r.rule, Rule::CommandSequence | Rule::CommandAge) || r.is_ok();
        let wanted = command.twist.is_finite() && !is_zero(command.twist) && of_command.iter().all(genuine);
        let gate = self.gate.as_ref().filter(|(_, received)| self.is_heard(now, *received));
        let armed = gate.is_some_and(|(g, _)| matches!(g.mode, GateMode::Forwarding | GateMode::Stopping));
        let is_fault = |r: &&Reading| {
            let stops = r.rule.concern(&self.config) == Concern::Stop || r.rule == Rule::ChallengeAge;
            let of_place = matches!(r.rule, Rule::Property(p) if self.properties.is_of_place(p));
            stops && !r.is_ok() && !(of_place && r.verdict == Verdict::Violated)
        };
        let fault = state.iter().find(is_fault).map(|r| End::Fault(r.rule));
        let contact = (self.known.scan.contact_scans > 0).then_some(End::Fault(Rule::Contact));
        Refused { wanted, forbidden: if armed { contact.or(fault) } else { Some(End::Disarmed) } }
    }

    /// In SAFE_STOP the record that led there speaks for every refusal, as long as its rule is still broken.
    fn record_refusal(
        &mut self,
        now: Now,
        command: &Command,
        state: &[Reading],
        judged: &[Reading],
        backup: &Backup,
        out: &mut Outbox<Output>,
    ) {
        let mode = self.mode.mode();
        let stops = |r: &&Reading| r.rule.concern(&self.config) == Concern::Stop && !r.is_ok();
        let reason = match mode {
            Mode::SafeStop if is_zero(command.twist) => None,
            Mode::SafeStop => {
                let broken: Vec<Reading> = state.iter().filter(stops).copied().collect();
                self.episodes.unexplained(&broken, now.mono)
            }
            _ => {
                let worst = worst(judged).copied().filter(|r| !r.is_ok());
                worst.filter(|r| self.episodes.is_new(r.rule, now.mono))
            }
        };
        let Some(reason) = reason else { return };
        let instead = backup.controller.text();
        self.record(now, Some(command), out, |evidence| evidence.refusal(&reason, mode, instead));
    }

    fn permit(
        &mut self,
        now: Now,
        command: &Command,
        judged: &[Reading],
        envelope: Envelope,
        out: &mut Outbox<Output>,
    ) {
        let Some((challenge, _)) = self.challenge else { return };
        // What the backup controllers do may be permitted on a robustness below zero, never on none.
        let Some(limiting) = worst(judged.iter().filter(|r| r.robustness.is_finite())) else { return };
        self.permits = self.permits.saturating_add(1);
        self.permitted = Some(now.mono);
        let mut permit = Permit {
            stamp: now.ros,
            version: Permit::VERSION,
            assurance_boot_id: self.boot_id,
            gate_boot_id: challenge.gate_boot_id,
            challenge_number: challenge.number,
            sequence: self.permits,
            command_source: command.source,
            command_sequence: command.sequence,
            command_digest: (self.digest)(command),
            mode: self.mode.mode(),
            envelope,
            time_to_live: Span::from_s(self.config.time_to_live_s),
            hashes: self.hashes,
            inputs_digest: self.inputs_digest(&challenge, command),
            robustness: limiting.robustness,
            limiting: limiting.rule.facts(&self.properties).0.to_owned(),
            mac: Digest::default(),
        };
        permit.mac = self.authenticator.map_or(permit.mac, |a| a.code(&permit));
        out.push(Output::Permit(permit));
    }

    /// SHA-256 over what was judged: enough to find the messages in a bag.
    fn inputs_digest(&self, challenge: &Challenge, command: &Command) -> Digest {
        let stamp = |s: Option<Stamp>| s.map_or(i64::MIN, Stamp::nanos).to_le_bytes();
        let mut hash = sha2::Sha256::new();
        hash.update(stamp(self.known.scan.source.stamp()));
        hash.update(stamp(self.known.odometry.source.stamp()));
        hash.update(stamp(self.known.world.source.stamp()));
        hash.update(self.known.world.boot_id.to_le_bytes());
        hash.update(self.known.world.sequence.to_le_bytes());
        hash.update(challenge.gate_boot_id.to_le_bytes());
        hash.update(challenge.number.to_le_bytes());
        hash.update([u8::from(command.source == CommandSource::Recovery)]);
        hash.update(command.boot_id.to_le_bytes());
        hash.update(command.sequence.to_le_bytes());
        hash.finalize().into()
    }

    fn publish_state(&mut self, now: Now, readings: &[Reading], out: &mut Outbox<Output>) {
        self.states = self.states.saturating_add(1);
        self.due = Some(now.mono + Span::from_s(self.config.state_period_s));
        self.urgent = false;
        out.push(Output::State(AssuranceState {
            stamp: now.ros,
            boot_id: self.boot_id,
            sequence: self.states,
            mode: self.mode.mode(),
            speed_limit_mps: speed_limit_mps(readings),
            limiting: worst(readings).map_or("", |r| r.rule.facts(&self.properties).0).to_owned(),
            monitors: readings.iter().map(|r| r.message(&self.properties)).collect(),
        }));
    }

    /// Limits of the mode in force.
    fn envelope(&self) -> Envelope {
        let limits = &self.robot.limits;
        let (v, w) = match self.mode.mode() {
            Mode::Nominal => (self.config.nominal.v_max_mps, self.config.nominal.w_max_radps),
            Mode::Degraded => (self.config.degraded.v_max_mps, self.config.degraded.w_max_radps),
            Mode::SafeStop | Mode::EStop => (0.0, 0.0),
        };
        Envelope {
            v_min_mps: limits.v_min_mps.max(-v),
            v_max_mps: limits.v_max_mps.min(v),
            w_max_radps: limits.w_max_radps.min(w),
            accel_mps2: limits.accel_mps2,
            decel_mps2: limits.brake_mps2,
            alpha_radps2: limits.alpha_radps2,
            jerk_mps3: limits.jerk_mps3,
        }
    }

    fn bench(&self, now: Now) -> Bench<'_> {
        Bench {
            now,
            known: &self.known,
            config: &self.config,
            robot: &self.robot,
            certifier: &self.certifier,
            zones: &self.zones,
            envelope: self.envelope(),
            published: self.published(now),
        }
    }

    /// What the gate published last, when it has been heard lately and says numbers.
    fn published(&self, now: Now) -> Option<Twist2> {
        let (state, received) = self.gate.as_ref()?;
        (self.is_heard(now, *received) && state.twist.is_finite()).then_some(state.twist)
    }

    fn evidence<'a>(&'a self, now: Now, command: Option<&'a Command>) -> Evidence<'a> {
        let (boot_id, sequence) = (self.boot_id, self.interventions);
        let (known, zones, properties) = (&self.known, &self.zones, &self.properties);
        let challenge = self.challenge.map(|(challenge, _)| challenge);
        let gate = self.gate.as_ref().map(|(state, _)| state);
        Evidence { now, boot_id, sequence, known, zones, properties, command, challenge, gate }
    }
}

impl Node for AssuranceNode {
    type Input = Input;
    type Output = Output;

    fn step(&mut self, now: Now, inputs: &[Stamped<Input>], out: &mut Outbox<Output>) {
        self.watch_clock(now);
        let mut commands = vec![];
        for input in inputs {
            // An arrival cannot lie ahead.
            self.take(now, input.received.min(now.mono), &input.value);
            if let Input::Command(command) = &input.value
                && command.source == CommandSource::Planner
            {
                commands.push(command);
            }
        }
        if self.properties.is_due(now.mono) {
            self.sample(now);
        }
        let passed_over = commands.len().saturating_sub(COMMANDS_PER_STEP);
        self.passed_over = self.passed_over.saturating_add(passed_over as u64);
        for command in commands.iter().skip(passed_over) {
            self.evaluate(now, Some(command), out);
        }
        let due = self.due.is_none_or(|due| now.mono >= due);
        if due || self.urgent {
            self.evaluate(now, None, out);
        }
        self.known.odometry.judged();
    }

    fn next_wakeup(&self) -> Option<Instant> {
        // Before the first step: at once.
        let state = self.due.unwrap_or_default();
        Some(self.properties.next_due().map_or(state, |due| due.min(state)))
    }
}
