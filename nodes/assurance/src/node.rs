//! Takes inputs, has everything judged, and answers: permits, recovery commands, state, records.

use crate::backup::{self, Backup};
use crate::certificate::Certifier;
use crate::command_checks::{Bench, PlannerCount};
use crate::config::Config;
use crate::explain::{Episodes, Evidence};
use crate::mode::{Latch, ModeMachine};
use crate::monitor::{Concern, Reading, Rule, worst};
use crate::properties::Properties;
use crate::sensing::Knowledge;
use crate::signals::Sources;
use crate::state_checks;
use crate::zones::ZoneMap;
use crate::{AssuranceError, Input, Output, Zones};
use outrider_foundation::data::{
    AssuranceState, Challenge, Command, CommandDigest, CommandSource, Digest, Envelope, GateState, Mode,
    Permit, PermitAuthenticator, PinnedHashes,
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
/// stop is permitted whenever scan and odometry are good, however near something is: nothing better is left.
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
        config.check(&robot.limits)?;
        Ok(Self {
            mode: ModeMachine::new(&config),
            episodes: Episodes::new(&config),
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
            ("memory of the properties, bytes", self.properties.byte_size().to_string()),
        ];
        list.extend(self.known.detections.diagnostics());
        let beyond = self.known.world.conformity.beyond();
        list.push(("predictions of classes, models and versions beyond the limit", beyond.to_string()));
        list
    }

    fn take(&mut self, now: Now, received: Instant, input: &Input) {
        match input {
            Input::Scan(scan) => {
                self.known.scan.take(scan, received, &self.robot, &self.config.scan);
                self.urgent |= self.known.scan.touched(&self.config.scan);
            }
            Input::Odometry(odometry) => self.known.odometry.take(odometry, received),
            Input::WorldModel(model) => self.known.world.take(model, received, &self.config),
            Input::Detections(set) => {
                self.known.take_detections(set, received, &self.robot, &self.config);
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
        let mut readings = state_checks::judge(now, &self.known, &self.config, &self.robot);
        readings.extend(self.properties.readings());
        self.follow_mode(now, &readings, proposal, out);
        let challenge_age_s = self.challenge_age_s(now);
        readings.push(Reading::age(Rule::ChallengeAge, challenge_age_s, self.config.ages.challenge_s));
        let state_count = readings.len();
        match proposal {
            None => {
                let age_s = self.planner.age_s(now);
                readings.push(Reading::age(Rule::CommandAge, age_s, self.config.ages.command_s));
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
        self.interventions = self.interventions.saturating_add(1);
        out.push(Output::Intervention(self.evidence(now, proposal).change(&change)));
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
        let mode = self.mode.mode();
        if mode == Mode::EStop {
            return;
        }
        // What merely degrades the mode is in the envelope.
        let is_decisive =
            |r: &&Reading| !matches!(r.rule.concern(&self.config), Concern::Degrade | Concern::Report);
        let of_state: Vec<Reading> = state.iter().filter(is_decisive).copied().collect();
        let judged = [of_state.as_slice(), of_command].concat();
        // In SAFE_STOP the backup controller drives, except that standing still is nobody's monopoly.
        if judged.iter().all(Reading::is_ok) {
            self.permit(now, command, &judged, out);
            return;
        }
        let backup = backup::choose(&self.bench(now), command, of_command, mode);
        if mode != Mode::SafeStop {
            self.record_refusal(now, command, &judged, &backup, out);
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
        self.permit(now, &recovery, &judged, out);
    }

    fn record_refusal(
        &mut self,
        now: Now,
        command: &Command,
        judged: &[Reading],
        backup: &Backup,
        out: &mut Outbox<Output>,
    ) {
        let Some(reason) = worst(judged) else { return };
        if self.episodes.is_new(reason.rule, now.mono) {
            self.interventions = self.interventions.saturating_add(1);
            let evidence = self.evidence(now, Some(command));
            let record = evidence.refusal(reason, self.mode.mode(), backup.reason);
            out.push(Output::Intervention(record));
        }
    }

    fn permit(&mut self, now: Now, command: &Command, judged: &[Reading], out: &mut Outbox<Output>) {
        let Some((challenge, _)) = self.challenge else { return };
        // The stop of the backup controller may be permitted on a robustness below zero, never on none.
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
            envelope: self.envelope(),
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
        Evidence { now, boot_id, sequence, known, zones, properties, command }
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
    }

    fn next_wakeup(&self) -> Option<Instant> {
        // Before the first step: at once.
        let state = self.due.unwrap_or_default();
        Some(self.properties.next_due().map_or(state, |due| due.min(state)))
    }
}
