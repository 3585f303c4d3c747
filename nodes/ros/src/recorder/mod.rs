//! The recorder: every topic of the graph, as the bytes on the wire, into MCAP bags.
//!
//! One thread takes messages and hands them over; making chunks and writing are the threads of
//! [`outrider_bags::Pipeline`], which never lets it wait.

mod config;
mod definitions;
mod ending;
mod numbers;
mod provenance;
mod services;
mod twice;

use crate::clock::{monotonic, realtime};
use crate::params::Parameters;
use crate::process::{fail_soon, leave_soon, main_of};
use crate::rcl::{Inputs, Origin};
use crate::shell::{advertise, publish, resolved};
use crate::transport::start_ros;
use config::{Choice, RecorderConfig};
use ending::{OnTheWayDown, Role};
use numbers::Numbers;
use outrider_bags::{ChannelId, Definition, Pipeline, PipelineOptions, PipelineStatus};
use outrider_foundation::{Instant, Span};
use outrider_msgs::diagnostic_msgs::{DiagnosticArray, DiagnosticStatus, KeyValue};
use outrider_msgs::outrider_msgs::NodeInfo;
use outrider_runtime::{BUILD, Qos, header, health_name};
use outrider_suite::files::robot_description;
use outrider_suite::{NODES, topics};
use services::Services;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use twice::{Twice, Way};

const TURN: Duration = Duration::from_millis(20);
const FLUSH_PERIOD: Span = Span::from_millis(200);
const DISCOVERY_PERIOD: Span = Span::from_millis(500);
const HEALTH_PERIOD: Span = Span::from_millis(1000);
/// So often the bag is told what was lost until then, for the case that it has no end.
const LOSSES_PERIOD: Span = Span::from_millis(5000);
/// So long it may then take to write everything.
const FINISH_LIMIT: Duration = Duration::from_millis(2500);
/// More topics than this are not recorded, and said.
const TOPIC_LIMIT: usize = 500;
/// Room for a burst in the middleware.
const DEPTH: u32 = 1000;
/// The threads of the pipeline make way for everybody else by so much.
const NICE: i32 = 5;

struct Recorded {
    topic: String,
    type_name: String,
    channel: ChannelId,
    count: u32,
    numbers: Numbers,
    /// Of topics that are listened to in both ways.
    twice: Option<Twice>,
    role: Role,
    is_trigger: bool,
}

struct Recorder {
    pipeline: Pipeline,
    choice: Choice,
    triggers: Vec<String>,
    after: Span,
    repeat_latched: usize,
    recorded: Vec<Recorded>,
    /// By the number of the subscription: which of `recorded`, and in which way.
    subscriptions: BTreeMap<usize, (usize, Way)>,
    /// Topics that cannot be recorded, and why.
    refused: BTreeMap<String, String>,
    /// Types whose definition is not there.
    undefined: BTreeMap<String, String>,
    health: r2r::PublisherUntyped,
    messages: u64,
    bytes: u64,
    while_paused: u64,
    snapshot_at: Option<Instant>,
    errors: u64,
    said_stalled: bool,
    ending: OnTheWayDown,
}

/// `main` of the recorder.
pub fn entry() -> ExitCode {
    main_of("recorder", run)
}

fn run(stop: &AtomicBool) -> anyhow::Result<()> {
    let mut ros = start_ros("recorder")?;
    let mut inputs = Inputs::open("_recorder_inputs").inspect_err(fail_soon)?;
    record(&mut ros, &mut inputs, stop).inspect_err(fail_soon)
}

fn record(ros: &mut r2r::Node, inputs: &mut Inputs, stop: &AtomicBool) -> anyhow::Result<()> {
    let parameters = Parameters::read(ros)?;
    let config = read_config(&parameters.config)?;
    let folder = parameters.output.clone().unwrap_or_else(|| PathBuf::from("bag"));
    let options = PipelineOptions { on_thread: make_way, ..config.options() };
    let mut recorder = Recorder {
        choice: Choice::new(&config)?,
        pipeline: Pipeline::start(&folder, options)?,
        triggers: config.snapshot.as_ref().map(|s| s.on_topics.clone()).unwrap_or_default(),
        after: Span::from_s(config.snapshot.as_ref().map_or(0.0, |s| s.after_s)),
        repeat_latched: config.repeat_latched,
        recorded: Vec::new(),
        subscriptions: BTreeMap::new(),
        refused: BTreeMap::new(),
        undefined: BTreeMap::new(),
        health: advertise(ros, &topics::diagnostics())?,
        messages: 0,
        bytes: 0,
        while_paused: 0,
        snapshot_at: None,
        errors: 0,
        said_stalled: false,
        ending: OnTheWayDown::default(),
    };
    recorder.pipeline.metadata("outrider", BTreeMap::from([("build".to_owned(), BUILD.to_owned())]), true);
    let mut services = Services::offer(ros)?;
    let namespace = ros.namespace().unwrap_or_default();
    recorder.subscribe_known(ros, inputs, stamped_command(&parameters.config))?;
    tracing::info!("recorder: writing {}", folder.display());
    // None of this waits when the wall clock is set back.
    let start = monotonic();
    let (mut next_flush, mut next_turn, mut next_discovery) = (start + FLUSH_PERIOD, start, start);
    let (mut next_health, mut next_losses) = (start, start + LOSSES_PERIOD);
    while !stop.load(Ordering::Relaxed) {
        inputs.turn(TURN, |index, origin, bytes| recorder.take(index, origin, bytes, services.paused))?;
        let now = monotonic();
        if now >= next_turn {
            next_turn = now + Span::from_millis(20);
            ros.spin_once(Duration::ZERO);
            services.serve(&mut recorder.pipeline);
        }
        if recorder.snapshot_at.is_some_and(|at| now >= at) {
            recorder.snapshot_at = None;
            recorder.tell_losses();
            services.take_snapshot(&mut recorder.pipeline, None);
        }
        if now >= next_discovery {
            next_discovery = now + DISCOVERY_PERIOD;
            recorder.discover(ros, inputs)?;
        }
        if now >= next_flush {
            next_flush = now + FLUSH_PERIOD;
            recorder.pipeline.flush();
        }
        if now >= next_health {
            next_health = now + HEALTH_PERIOD;
            recorder.report(&namespace, inputs.errors)?;
        }
        if now >= next_losses {
            next_losses = now + LOSSES_PERIOD;
            recorder.tell_losses();
        }
    }
    recorder.finish(inputs, &services)
}

/// Gives the pipeline's threads their priority.
fn make_way() {
    crate::priority::make_way(NICE);
}

/// `recorder.yaml` of the configuration folder; where there is none, that of this program.
fn read_config(folder: &Path) -> anyhow::Result<RecorderConfig> {
    let path = folder.join("recorder.yaml");
    if !path.exists() {
        tracing::info!("recorder: {} is not there: everything is recorded, with zstd", path.display());
        return Ok(outrider_runtime::config::parse("the recorder's own configuration", config::DEFAULT)?);
    }
    let text = outrider_runtime::config::read(&path)?;
    Ok(outrider_runtime::config::parse(&path.display().to_string(), &text)?)
}

/// What the robot takes on `cmd_vel`; stamped, as in Jazzy, where there is no description.
fn stamped_command(folder: &Path) -> bool {
    let path = folder.join("robot.yaml");
    let description = outrider_runtime::config::read(&path)
        .and_then(|text| robot_description(&path.display().to_string(), &text));
    description.map_or_else(
        |error| {
            tracing::warn!("recorder: {error}: taking cmd_vel as TwistStamped");
            true
        },
        |robot| robot.stamped_command,
    )
}

const BOTH: [Way; 2] = [Way::BestEffort, Way::Reliable];

/// How a topic of this quality is listened to.
fn ways_to_hear(qos: Qos) -> &'static [Way] {
    if qos.reliable { &[Way::Reliable] } else { &BOTH }
}

impl Recorder {
    /// The topics of the suite, before anybody publishes them: the first message of a run is in the bag too.
    fn subscribe_known(
        &mut self,
        ros: &r2r::Node,
        inputs: &mut Inputs,
        stamped_command: bool,
    ) -> anyhow::Result<()> {
        for topic in topics::all(&NODES, stamped_command) {
            // Records are kept for late comers too, but none of them is the state of things.
            let latched = topic.qos.transient_local && topic.qos != Qos::RECORD;
            let ways = if topics::is_heard_from_all(&topic) { &BOTH } else { ways_to_hear(topic.qos) };
            self.subscribe(inputs, &resolved(ros, &topic), topic.type_name, topic.qos, ways, latched)?;
        }
        Ok(())
    }

    /// Whatever else there is.
    fn discover(&mut self, ros: &r2r::Node, inputs: &mut Inputs) -> anyhow::Result<()> {
        let found: BTreeMap<String, Vec<String>> = ros.get_topic_names_and_types()?.into_iter().collect();
        for (name, types) in found {
            let known = self.recorded.iter().any(|r| r.topic == name) || self.refused.contains_key(&name);
            let Some(type_name) = types.first().filter(|_| !known) else { continue };
            let publishers = ros.get_publishers_info_by_topic(&name, false)?;
            if publishers.is_empty() {
                continue;
            }
            let qos = Qos {
                reliable: publishers
                    .iter()
                    .all(|p| p.qos_profile.reliability == r2r::qos::ReliabilityPolicy::Reliable),
                transient_local: publishers
                    .iter()
                    .all(|p| p.qos_profile.durability == r2r::qos::DurabilityPolicy::TransientLocal),
                depth: DEPTH,
            };
            self.subscribe(inputs, &name, type_name, qos, ways_to_hear(qos), qos.transient_local)?;
        }
        Ok(())
    }

    fn subscribe(
        &mut self,
        inputs: &mut Inputs,
        name: &str,
        type_name: &str,
        qos: Qos,
        ways: &[Way],
        latched: bool,
    ) -> anyhow::Result<()> {
        if !self.choice.takes(name) {
            return Ok(());
        }
        if self.recorded.len() >= TOPIC_LIMIT {
            self.refuse(name, format!("more than {TOPIC_LIMIT} topics"));
            return Ok(());
        }
        let (mut type_hash, mut subscribed) = (String::new(), Vec::new());
        for way in ways {
            let qos = Qos { reliable: *way == Way::Reliable, depth: DEPTH, ..qos };
            match inputs.subscribe(name, type_name, qos) {
                Ok((subscription, hash)) => {
                    subscribed.push((subscription, (self.recorded.len(), *way)));
                    type_hash = hash;
                }
                Err(error) => {
                    self.refuse(name, format!("{error:#}"));
                    return Ok(());
                }
            }
        }
        // Only now: a topic that is refused after all has no place.
        self.subscriptions.extend(subscribed);
        let (encoding, text) = definitions::definition(type_name).unwrap_or_else(|why| {
            tracing::warn!("recorder: {name} ({type_name}) is recorded without a definition: {why}");
            self.undefined.insert(type_name.to_owned(), why);
            definitions::Found::default()
        });
        let definition = Definition { encoding, text: &text };
        let metadata = BTreeMap::from([
            ("offered_qos_profiles".to_owned(), qos.to_rosbag2_yaml()),
            ("topic_type_hash".to_owned(), type_hash),
        ]);
        let keep = if latched { self.repeat_latched } else { 0 };
        let channel = self.pipeline.add_channel(name, type_name, definition, &metadata, keep)?;
        self.recorded.push(Recorded {
            topic: name.to_owned(),
            type_name: type_name.to_owned(),
            channel,
            count: 0,
            numbers: Numbers::default(),
            twice: (ways.len() > 1).then(Twice::default),
            role: Role::of(type_name),
            is_trigger: self.triggers.iter().any(|trigger| trigger == name),
        });
        Ok(())
    }

    fn refuse(&mut self, name: &str, why: String) {
        tracing::warn!("recorder: {name} is not recorded: {why}");
        self.refused.insert(name.to_owned(), why);
    }

    fn take(&mut self, subscription: usize, origin: Origin, bytes: &[u8], paused: bool) {
        let Some((index, way)) = self.subscriptions.get(&subscription).copied() else { return };
        let Some(recorded) = self.recorded.get_mut(index) else { return };
        if recorded.twice.as_mut().is_some_and(|twice| !twice.is_new(way, origin)) {
            return;
        }
        let now = realtime();
        recorded.numbers.note(&recorded.type_name, origin, bytes);
        self.ending.note(recorded.role, &recorded.topic, bytes, monotonic());
        if recorded.role == Role::Info
            && let Ok(info) = outrider_msgs::decode::<NodeInfo>(bytes)
        {
            let (name, entries) = provenance::record(&info);
            self.pipeline.metadata(&name, entries, true);
        }
        if paused {
            self.while_paused += 1;
            return;
        }
        recorded.count = recorded.count.wrapping_add(1);
        let log_ns = now.nanos().unsigned_abs();
        let publish_ns = u64::try_from(origin.source_ns).ok().filter(|ns| *ns > 0).unwrap_or(log_ns);
        if self.pipeline.push(recorded.channel, recorded.count, log_ns, publish_ns, bytes) {
            self.messages += 1;
            self.bytes += bytes.len() as u64;
        }
        if recorded.is_trigger && self.snapshot_at.is_none() {
            tracing::info!("recorder: {} starts a snapshot", recorded.topic);
            self.snapshot_at = Some(monotonic() + self.after);
        }
    }

    /// By topic: lost before the recorder, and in it.
    fn losses(&mut self) -> BTreeMap<String, (u64, u64)> {
        let mut losses = BTreeMap::new();
        for recorded in &self.recorded {
            losses.insert(recorded.topic.clone(), (recorded.numbers.lost(), 0));
        }
        for (topic, lost) in self.pipeline.losses() {
            losses.entry(topic).or_insert((0, 0)).1 = lost;
        }
        losses
    }

    /// Repeated, in place of what was told before: in snapshot mode, or on a full disk, no file is open now.
    fn tell_losses(&mut self) {
        let summary = self.summary();
        self.pipeline.metadata("outrider.losses", summary, true);
    }

    /// What was recorded and what not, for the bag.
    fn summary(&mut self) -> BTreeMap<String, String> {
        let mut summary = BTreeMap::from([
            ("messages".to_owned(), self.messages.to_string()),
            ("not_recorded_while_paused".to_owned(), self.while_paused.to_string()),
        ]);
        for (topic, why) in &self.refused {
            summary.insert(format!("refused{topic}"), why.clone());
        }
        for (type_name, why) in &self.undefined {
            summary.insert(format!("undefined/{type_name}"), why.clone());
        }
        for (topic, (before, inside)) in self.losses() {
            summary.insert(format!("lost{topic}"), (before + inside).to_string());
            if inside > 0 {
                summary.insert(format!("dropped{topic}"), inside.to_string());
            }
        }
        summary
    }

    fn report(&mut self, namespace: &str, take_errors: u64) -> anyhow::Result<()> {
        let status = self.pipeline.status();
        let losses = self.losses();
        let lost: u64 = losses.values().map(|(before, inside)| before + inside).sum();
        let (level, words) = self.judge(&status, lost);
        let pair = |key: &str, value: String| KeyValue { key: key.to_owned(), value };
        let mut values = vec![
            pair("bag", status.path.display().to_string()),
            pair("files", status.files.to_string()),
            pair("topics", self.recorded.len().to_string()),
            pair("topics_refused", self.refused.len().to_string()),
            pair("types_undefined", self.undefined.len().to_string()),
            pair("messages", self.messages.to_string()),
            pair("bytes", self.bytes.to_string()),
            pair("bytes_queued", self.pipeline.queued_bytes().to_string()),
            pair("bytes_held_in_memory", status.ring_bytes.to_string()),
            pair("snapshots", status.snapshots.to_string()),
            pair("write_failures", status.stalls.to_string()),
            pair("take_errors", take_errors.to_string()),
            pair("publish_errors", self.errors.to_string()),
            pair("messages_lost", lost.to_string()),
        ];
        for (topic, (before, inside)) in losses.iter().filter(|(_, (before, inside))| before + inside > 0) {
            values
                .push(pair(&format!("lost{topic}"), format!("{before} before the recorder, {inside} in it")));
        }
        let (name, hardware_id) = health_name("recorder", namespace);
        let status = DiagnosticStatus { level, name, message: words, hardware_id, values };
        let message = DiagnosticArray { header: header(realtime(), ""), status: vec![status] };
        publish(&self.health, &outrider_msgs::encode(&message)?, &mut self.errors);
        Ok(())
    }

    /// Level and words for the diagnostics; a disk that does not take anything is also logged, once a second.
    fn judge(&mut self, status: &PipelineStatus, lost: u64) -> (u8, String) {
        if let Some(why) = &status.stalled {
            tracing::error!("recorder: cannot write: {why}; {} messages held back", status.ring_messages);
            self.said_stalled = true;
            return (DiagnosticStatus::ERROR, format!("cannot write: {why}"));
        }
        if std::mem::take(&mut self.said_stalled) {
            tracing::info!("recorder: writing again, {}", status.path.display());
        }
        match (&status.problem, lost) {
            (Some(problem), _) => (DiagnosticStatus::WARN, problem.clone()),
            (None, 0) => (DiagnosticStatus::OK, "recording".to_owned()),
            (None, lost) => (DiagnosticStatus::WARN, format!("recording; {lost} messages lost")),
        }
    }

    /// Takes what is still under way, then closes the bag.
    fn finish(mut self, inputs: &mut Inputs, services: &Services) -> anyhow::Result<()> {
        let told = monotonic();
        let mut next_flush = told + FLUSH_PERIOD;
        while monotonic() < self.ending.until(told) {
            let paused = services.paused;
            inputs.turn(Duration::from_millis(10), |index, origin, bytes| {
                self.take(index, origin, bytes, paused)
            })?;
            if monotonic() >= next_flush {
                next_flush = monotonic() + FLUSH_PERIOD;
                self.pipeline.flush();
            }
        }
        let summary = self.summary();
        self.pipeline.metadata("outrider.summary", summary, true);
        let messages = self.messages;
        let status = self.pipeline.finish(FINISH_LIMIT)?;
        tracing::info!(
            "recorder: {messages} messages in {} files, the last {}",
            status.files,
            status.path.display()
        );
        // Leaving ROS may take for ever, and the bag is to be whole by then.
        leave_soon();
        Ok(())
    }
}
