//! Small bags with known faults, for the tests of the subcommands.

use outrider_bags::{BagWriter, ChannelId, WriterOptions};
use outrider_msgs::builtin_interfaces::Time;
use outrider_msgs::nav_msgs::{OccupancyGrid, Odometry};
use outrider_msgs::outrider_msgs::{GateState, NodeInfo, Tick, TickInput};
use outrider_msgs::sensor_msgs::LaserScan;
use outrider_msgs::std_msgs::{Bool, Header};
use outrider_msgs::{Message, encode};
use outrider_runtime::{Qos, payload_digest};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const START_NS: u64 = 1_700_000_000_000_000_000;

/// What is recorded, and what is wrong with it. Times are seconds since the start.
#[derive(Clone, Debug)]
pub struct Example {
    pub seconds: u32,
    pub seed: u64,
    pub build: &'static str,
    pub config: &'static str,
    /// Every second message of a topic is missing from then on.
    pub slow: Option<(&'static str, f64)>,
    /// Messages of a topic are logged so much later from then on.
    pub late: Option<(&'static str, f64, f64)>,
    /// The scan repeats itself, under new stamps.
    pub frozen: Option<(f64, f64)>,
    /// Everything is so much nearer, m, from then on.
    pub nearer: Option<(f64, f64)>,
    /// Another run of the gate from then on.
    pub restart: Option<f64>,
    /// The gate stops in between.
    pub stop: Option<(f64, f64)>,
    /// Nothing of a topic in between.
    pub silent: Option<(&'static str, f64, f64)>,
}

impl Default for Example {
    fn default() -> Self {
        Self {
            seconds: 4,
            seed: 1,
            build: "1.0",
            config: "period_s: 0.01\n",
            slow: None,
            late: None,
            frozen: None,
            nearer: None,
            restart: None,
            stop: None,
            silent: None,
        }
    }
}

struct Recorder<'e> {
    example: &'e Example,
    channels: BTreeMap<&'static str, ChannelId>,
    writer: BagWriter,
    counts: BTreeMap<&'static str, u32>,
    messages: Vec<(u64, &'static str, Vec<u8>)>,
}

impl Recorder<'_> {
    fn channel<T: Message>(&mut self, topic: &'static str, qos: Qos) {
        let id = self.writer.add_channel(topic, T::TYPE_NAME, T::DEFINITION, &qos.to_rosbag2_yaml()).unwrap();
        self.channels.insert(topic, id);
    }

    fn add<T: Message>(&mut self, t_s: f64, topic: &'static str, message: &T) -> u64 {
        let bytes = encode(message).unwrap();
        let digest = payload_digest(&bytes);
        let count = self.counts.entry(topic).or_default();
        *count += 1;
        let e = self.example;
        let slow =
            e.slow.is_some_and(|(name, from_s)| name == topic && t_s >= from_s && (*count).is_multiple_of(2));
        let silent =
            e.silent.is_some_and(|(name, from_s, to_s)| name == topic && (from_s..to_s).contains(&t_s));
        if slow || silent {
            return digest;
        }
        let late = e.late.filter(|(name, from_s, _)| *name == topic && t_s >= *from_s).map_or(0.0, |l| l.2);
        self.messages.push((START_NS + ((t_s + late) * 1e9).round() as u64, topic, bytes));
        digest
    }
}

fn header(t_s: f64) -> Header {
    let ns = START_NS + (t_s * 1e9).round() as u64;
    let stamp = Time { sec: (ns / 1_000_000_000) as i32, nanosec: (ns % 1_000_000_000) as u32 };
    Header { stamp, ..Default::default() }
}

/// Uniform within ±1, from a seed and a count.
fn noise(seed: u64, count: u64) -> f64 {
    let digest = payload_digest(&[seed.to_le_bytes(), count.to_le_bytes()].concat());
    digest as f64 / u64::MAX as f64 * 2.0 - 1.0
}

/// Writes the bag into a folder of this name.
pub fn bag(dir: &Path, name: &str, example: &Example) -> PathBuf {
    let path = dir.join(name);
    let mut r = Recorder {
        example,
        channels: BTreeMap::new(),
        writer: BagWriter::create_folder(&path, &WriterOptions::default()).unwrap(),
        counts: BTreeMap::new(),
        messages: Vec::new(),
    };
    r.channel::<Odometry>("/odom", Qos::SENSOR);
    r.channel::<LaserScan>("/scan", Qos::SENSOR);
    r.channel::<GateState>("/gate/state", Qos::RELIABLE);
    r.channel::<OccupancyGrid>("/map", Qos::LATCHED);
    r.channel::<NodeInfo>("/gate/info", Qos::LATCHED);
    r.channel::<Tick>("/gate/journal", Qos::RECORD);
    r.channel::<Bool>("/e_stop", Qos::RELIABLE);
    r.add(0.0, "/map", &OccupancyGrid::default());
    r.add(0.0, "/e_stop", &Bool { data: false });
    let mut boot_id = 7;
    info(&mut r, 0.0, boot_id);
    let mut began = 0;
    for i in 0..=100 * u64::from(example.seconds) {
        let t_s = i as f64 / 100.0;
        if example.restart.is_some_and(|at_s| t_s >= at_s) && boot_id == 7 {
            boot_id = 8;
            began = i;
            info(&mut r, t_s, boot_id);
        }
        let mut inputs = Vec::new();
        if i % 2 == 0 {
            let mut odom = Odometry { header: header(t_s), ..Default::default() };
            // Slow enough for many swings in the bag, with noise of its own.
            odom.twist.twist.linear.x = 0.5 + 0.1 * noise(example.seed, i) + 0.2 * (t_s * 6.0).sin();
            inputs.push(TickInput { input: 0, digest: r.add(t_s, "/odom", &odom), received: 0 });
        }
        if i % 5 == 0 {
            r.add(t_s, "/scan", &scan(example, i, t_s));
        }
        r.add(t_s, "/gate/state", &gate(example, boot_id, i - began, t_s));
        let tick = Tick { node: "gate".into(), boot_id, tick: i - began + 1, inputs, ..Default::default() };
        r.add(t_s, "/gate/journal", &tick);
    }
    r.messages.sort_by_key(|m| m.0);
    for (at_ns, topic, bytes) in &r.messages {
        r.writer.write(r.channels[topic], 0, *at_ns, *at_ns, bytes).unwrap();
    }
    r.writer.finish().unwrap();
    path
}

fn info(r: &mut Recorder<'_>, t_s: f64, boot_id: u64) {
    let message = NodeInfo {
        header: header(t_s),
        node: "gate".into(),
        boot_id,
        build: r.example.build.into(),
        inputs: vec!["/odom".into()],
        outputs: vec!["/gate/state".into()],
        output_types: vec![GateState::TYPE_NAME.into()],
        resource_names: vec!["config".into()],
        resource_contents: vec![r.example.config.into()],
        ..Default::default()
    };
    r.add(t_s, "/gate/info", &message);
}

fn scan(example: &Example, i: u64, t_s: f64) -> LaserScan {
    let frozen = example.frozen.filter(|(from, to)| (*from..*to).contains(&t_s));
    // While frozen, the content is that of the moment at which it froze.
    let (count, at_s) = frozen.map_or((i, t_s), |(from, _)| (from as u64 * 100, from));
    let nearer = example.nearer.filter(|(from, _)| at_s >= *from).map_or(0.0, |n| n.1);
    let range =
        |k: u64| (2.0 - nearer + 0.3 * (at_s * 6.0).sin() + 0.1 * noise(example.seed, count * 10 + k)) as f32;
    LaserScan {
        header: header(t_s),
        range_max: 10.0,
        ranges: (0..8).map(range).collect(),
        ..Default::default()
    }
}

fn gate(example: &Example, boot_id: u64, sequence: u64, t_s: f64) -> GateState {
    let stopped = example.stop.is_some_and(|(from, to)| (from..to).contains(&t_s));
    let (mode, reason) =
        if stopped { (GateState::STOPPING, "no permit for 60 ms") } else { (GateState::FORWARDING, "") };
    GateState {
        header: header(t_s),
        boot_id,
        sequence: sequence + 1,
        mode,
        reason: reason.into(),
        ..Default::default()
    }
}
