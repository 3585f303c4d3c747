//! The recorder: every topic of the graph, as the bytes on the wire, into an MCAP bag.

use crate::clock::realtime;
use crate::params::Parameters;
use crate::process::main_of;
use crate::shell::{Bytes, advertise, next, publish, resolved};
use crate::transport::start_ros;
use outrider_bags::{BagWriter, ChannelId, WriterOptions};
use outrider_foundation::{RobotDescription, Span};
use outrider_msgs::diagnostic_msgs::{DiagnosticArray, DiagnosticStatus, KeyValue};
use outrider_runtime::{BUILD, LossCounter, Qos, config, header};
use outrider_suite::{NODES, topics};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const FLUSH_PERIOD: Span = Span::from_millis(200);
const DISCOVERY_PERIOD: Span = Span::from_millis(500);
const HEALTH_PERIOD: Span = Span::from_millis(1000);
/// More topics than this are not recorded, and said.
const TOPIC_LIMIT: usize = 500;
/// Room for a burst: r2r itself holds ten messages a subscription.
const DEPTH: u32 = 1000;

struct Recorded {
    topic: String,
    stream: Bytes,
    channel: ChannelId,
    count: u32,
}

struct Recorder {
    writer: BagWriter,
    recorded: Vec<Recorded>,
    /// Topics that cannot be recorded, and why.
    refused: BTreeMap<String, String>,
    /// Gaps in the numbers of what was recorded, by topic.
    losses: BTreeMap<String, LossCounter>,
    health: r2r::PublisherUntyped,
    messages: u64,
    bytes: u64,
    errors: u64,
}

/// `main` of the recorder.
pub fn entry() -> ExitCode {
    main_of("recorder", run)
}

fn run(stop: &AtomicBool) -> anyhow::Result<()> {
    let mut ros = start_ros("recorder")?;
    let parameters = Parameters::read(&ros)?;
    let folder = parameters.output.clone().unwrap_or_else(|| PathBuf::from("bag"));
    let writer = BagWriter::create_folder(&folder, &WriterOptions::default())?;
    let health = advertise(&mut ros, &topics::diagnostics())?;
    let mut recorder = Recorder {
        writer,
        recorded: Vec::new(),
        refused: BTreeMap::new(),
        losses: BTreeMap::new(),
        health,
        messages: 0,
        bytes: 0,
        errors: 0,
    };
    recorder.writer.write_metadata("outrider", BTreeMap::from([("build".to_owned(), BUILD.to_owned())]))?;
    recorder.subscribe_known(&mut ros, stamped_command(&parameters.config))?;
    tracing::info!("recorder: writing {}", folder.display());
    let mut next_flush = realtime() + FLUSH_PERIOD;
    let mut next_discovery = realtime();
    let mut next_health = realtime();
    while !stop.load(Ordering::Relaxed) {
        ros.spin_once(Duration::from_millis(20));
        recorder.drain()?;
        let now = realtime();
        if now >= next_discovery {
            next_discovery = now + DISCOVERY_PERIOD;
            recorder.discover(&mut ros)?;
        }
        if now >= next_flush {
            next_flush = now + FLUSH_PERIOD;
            recorder.writer.flush()?;
        }
        if now >= next_health {
            next_health = now + HEALTH_PERIOD;
            recorder.report()?;
        }
    }
    recorder.finish(&mut ros)
}

/// What the robot takes on `cmd_vel`; stamped, as in Jazzy, where there is no description.
fn stamped_command(folder: &Path) -> bool {
    let path = folder.join("robot.yaml");
    let description = config::read(&path)
        .and_then(|text| config::parse_unchecked::<RobotDescription>(&path.display().to_string(), &text));
    description.map_or_else(
        |error| {
            tracing::warn!("recorder: {error}: taking cmd_vel as TwistStamped");
            true
        },
        |robot| robot.stamped_command,
    )
}

impl Recorder {
    /// The topics of the suite, before anybody publishes them: the first message of a run is in the bag too.
    fn subscribe_known(&mut self, ros: &mut r2r::Node, stamped_command: bool) -> anyhow::Result<()> {
        let namespace = ros.namespace().unwrap_or_default();
        for topic in topics::all(&NODES, stamped_command) {
            self.subscribe(ros, &resolved(&namespace, &topic), topic.type_name, topic.qos)?;
        }
        Ok(())
    }

    /// Whatever else there is.
    fn discover(&mut self, ros: &mut r2r::Node) -> anyhow::Result<()> {
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
            self.subscribe(ros, &name, type_name, qos)?;
        }
        Ok(())
    }

    fn subscribe(
        &mut self,
        ros: &mut r2r::Node,
        name: &str,
        type_name: &str,
        qos: Qos,
    ) -> anyhow::Result<()> {
        if self.recorded.len() >= TOPIC_LIMIT {
            self.refuse(name, format!("more than {TOPIC_LIMIT} topics"));
            return Ok(());
        }
        let Some(definition) = outrider_msgs::definition_of(type_name) else {
            self.refuse(name, format!("the definition of {type_name} is not known"));
            return Ok(());
        };
        match ros.subscribe_raw(name, type_name, crate::qos::profile(Qos { depth: DEPTH, ..qos })) {
            Ok(stream) => {
                let channel = self.writer.add_channel(name, type_name, definition, &qos.to_rosbag2_yaml())?;
                let topic = name.to_owned();
                self.recorded.push(Recorded { topic, stream: Box::new(stream), channel, count: 0 });
            }
            Err(error) => self.refuse(name, error.to_string()),
        }
        Ok(())
    }

    fn refuse(&mut self, name: &str, why: String) {
        tracing::warn!("recorder: {name} is not recorded: {why}");
        self.refused.insert(name.to_owned(), why);
    }

    fn drain(&mut self) -> anyhow::Result<()> {
        for recorded in &mut self.recorded {
            while let Some(bytes) = next(&mut recorded.stream) {
                let now_ns = realtime().nanos().unsigned_abs();
                recorded.count = recorded.count.wrapping_add(1);
                self.writer.write(recorded.channel, recorded.count, now_ns, now_ns, &bytes)?;
                self.messages += 1;
                self.bytes += bytes.len() as u64;
                if recorded.topic.ends_with("/journal")
                    && let Ok(tick) = outrider_msgs::decode::<outrider_msgs::outrider_msgs::Tick>(&bytes)
                {
                    self.losses.entry(recorded.topic.clone()).or_default().note(tick.boot_id, tick.tick);
                }
            }
        }
        Ok(())
    }

    fn report(&mut self) -> anyhow::Result<()> {
        let lost: u64 = self.losses.values().map(|l| l.lost).sum();
        let pair = |key: &str, value: String| KeyValue { key: key.to_owned(), value };
        let status = DiagnosticStatus {
            level: if lost > 0 { DiagnosticStatus::WARN } else { DiagnosticStatus::OK },
            name: "outrider: recorder".to_owned(),
            message: "recording".to_owned(),
            hardware_id: "outrider".to_owned(),
            values: vec![
                pair("bag", self.writer.path().display().to_string()),
                pair("topics", self.recorded.len().to_string()),
                pair("topics_refused", self.refused.len().to_string()),
                pair("messages", self.messages.to_string()),
                pair("bytes", self.bytes.to_string()),
                pair("messages_lost", lost.to_string()),
            ],
        };
        let message = DiagnosticArray { header: header(realtime(), ""), status: vec![status] };
        publish(&self.health, &outrider_msgs::encode(&message)?, &mut self.errors);
        Ok(())
    }

    /// Takes what is still under way, then closes the bag.
    fn finish(mut self, ros: &mut r2r::Node) -> anyhow::Result<()> {
        for _ in 0..20 {
            ros.spin_once(Duration::from_millis(5));
            self.drain()?;
        }
        let mut summary = BTreeMap::from([("messages".to_owned(), self.messages.to_string())]);
        for (topic, why) in &self.refused {
            summary.insert(format!("refused{topic}"), why.clone());
        }
        for (topic, losses) in &self.losses {
            summary.insert(format!("lost{topic}"), losses.lost.to_string());
        }
        self.writer.write_metadata("outrider.summary", summary)?;
        let path = self.writer.path().to_owned();
        self.writer.finish()?;
        tracing::info!("recorder: {} messages in {}", self.messages, path.display());
        Ok(())
    }
}
