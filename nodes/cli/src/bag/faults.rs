//! Faults that a bag shows and that a scenario can make happen again: sensors that fall silent, stand still or give no
//! numbers, the emergency stop, nodes that stand still or are gone.

use super::survey::Seen;
use super::times::Stretch;
use outrider_msgs::nav_msgs::Odometry;
use outrider_msgs::outrider_msgs::Tick;
use outrider_msgs::sensor_msgs::{Imu, LaserScan};
use outrider_msgs::std_msgs::Bool;
use outrider_msgs::{Message, decode};
use outrider_suite::faults::{FAULT_LIMIT, Fault, FaultKind, FaultyNode, Sensor};
use outrider_suite::topics;
use std::collections::BTreeMap;

/// A source is silent after so many medians of its own pace, and after so long, s.
const SILENT: (f64, f64) = (5.0, 0.1);
/// A node's steps are less even than a sensor's messages.
const NODE_SILENT: (f64, f64) = (10.0, 0.3);
/// Nothing more to the end counts when others went on for so long, s: all of them end when a run is over.
const LONGER_S: f64 = 1.0;
/// So many messages with the values of the one before are frozen, when the wheels turn meanwhile.
const FROZEN_MESSAGES: usize = 3;
/// Slower is standing still, m/s and rad/s: values of a robot at rest may well repeat.
const STILL: f64 = 0.02;
/// A source of which more than this part is not a number is made so.
const USUAL_PART: f64 = 0.5;
/// The most messages of a source that are looked at.
const SAMPLE_LIMIT: usize = 2_000_000;

/// A fault of a stretch, by the stretch's own time, and what the bag shows of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// As the scenario has it.
    pub fault: Fault,
    /// What was seen.
    pub seen: String,
}

/// One message of a source.
#[derive(Clone, Copy, Debug)]
struct Sample {
    at_ns: u64,
    /// Its values are those of the one before.
    same: bool,
    /// While the robot moves.
    moving: bool,
    /// Its values are no numbers.
    spoilt: bool,
    /// Which run of its node.
    run: u64,
}

#[derive(Debug, Default)]
struct Source {
    samples: Vec<Sample>,
    beyond: u64,
    last: Vec<u8>,
}

impl Source {
    fn note(&mut self, sample: Sample) {
        if self.samples.len() < SAMPLE_LIMIT {
            self.samples.push(sample);
        } else {
            self.beyond += 1;
        }
    }

    /// As [`Self::note`], where `values` tell whether anything has changed.
    fn values(&mut self, mut sample: Sample, values: Vec<u8>) {
        sample.same = !self.samples.is_empty() && self.last == values;
        self.last = values;
        self.note(sample);
    }

    fn median_s(&self) -> f64 {
        let at = |pair: &[Sample]| Some(pair.last()?.at_ns.saturating_sub(pair.first()?.at_ns));
        let mut gaps: Vec<u64> = self.samples.windows(2).filter_map(at).collect();
        gaps.sort_unstable();
        gaps.get(gaps.len() / 2).map_or(0.0, |ns| *ns as f64 / 1e9)
    }

    fn last_ns(&self) -> u64 {
        self.samples.last().map_or(0, |sample| sample.at_ns)
    }
}

/// Looks at every message of a bag.
#[derive(Debug, Default)]
pub struct Watch {
    sensors: BTreeMap<Sensor, Source>,
    nodes: BTreeMap<FaultyNode, Source>,
    /// When it changed, and to what.
    button: Vec<(u64, bool)>,
    moving: bool,
}

impl Watch {
    /// The next message, in the order of log time.
    pub fn see(&mut self, seen: &Seen<'_>) {
        let (topic, data) = (seen.channel.topic.as_str(), seen.message.data.as_slice());
        let at_ns = seen.message.log_time_ns;
        let sample = Sample { at_ns, same: false, moving: self.moving, spoilt: false, run: 0 };
        if let Some(sensor) = Sensor::ALL.into_iter().find(|s| s.topic().absolute_name() == topic) {
            self.sensor(sensor, sample, data);
        } else if let Some(node) =
            FaultyNode::ALL.into_iter().find(|n| topics::journal(n.name()).absolute_name() == topic)
        {
            if let Ok(tick) = decode::<Tick>(data) {
                self.nodes.entry(node).or_default().note(Sample { run: tick.boot_id, ..sample });
            }
        } else if topic == topics::e_stop().absolute_name()
            && let Ok(Bool { data: pressed }) = decode(data)
            && pressed != self.button.last().is_some_and(|(_, before)| *before)
        {
            self.button.push((at_ns, pressed));
        }
    }

    fn sensor(&mut self, sensor: Sensor, sample: Sample, data: &[u8]) {
        let source = self.sensors.entry(sensor).or_default();
        match sensor {
            Sensor::Scan => {
                let Ok(scan) = decode::<LaserScan>(data) else { return };
                let nans = scan.ranges.iter().filter(|range| range.is_nan()).count();
                let spoilt = nans * 2 > scan.ranges.len();
                source.values(
                    Sample { spoilt, ..sample },
                    bytes(&LaserScan { ranges: scan.ranges, ..LaserScan::default() }),
                );
            }
            Sensor::Odom => {
                let Ok(odometry) = decode::<Odometry>(data) else { return };
                let (pose, twist) = (&odometry.pose.pose.position, &odometry.twist.twist);
                let spoilt = [pose.x, pose.y, twist.linear.x, twist.angular.z].iter().any(|v| v.is_nan());
                self.moving = twist.linear.x.abs() > STILL || twist.angular.z.abs() > STILL;
                let sample = Sample { spoilt, moving: self.moving, ..sample };
                source.values(sample, bytes(&Odometry { header: Default::default(), ..odometry }));
            }
            Sensor::Imu => {
                let Ok(imu) = decode::<Imu>(data) else { return };
                let spoilt = imu.angular_velocity.z.is_nan() || imu.linear_acceleration.x.is_nan();
                source.values(Sample { spoilt, ..sample }, bytes(&Imu { header: Default::default(), ..imu }));
            }
            Sensor::Detections | Sensor::Tf => source.note(sample),
        }
    }

    /// The faults of a stretch by time, and what else is to be said.
    pub fn found(&self, stretch: Stretch) -> (Vec<Found>, Vec<String>) {
        let sources = || self.sensors.values().chain(self.nodes.values());
        let mut finder = Finder {
            stretch,
            end_ns: sources().map(Source::last_ns).max().unwrap_or(0),
            found: Vec::new(),
            notes: Vec::new(),
        };
        for (sensor, source) in &self.sensors {
            finder.sensor(*sensor, source);
        }
        for (node, source) in &self.nodes {
            finder.node(*node, source);
        }
        for (at, (from_ns, pressed)) in self.button.iter().enumerate() {
            if *pressed {
                let until_ns = self.button.get(at + 1).map(|(until_ns, _)| *until_ns);
                finder.tell(
                    FaultKind::EStopPressed,
                    *from_ns,
                    until_ns,
                    "the emergency stop is pressed".into(),
                );
            }
        }
        let Finder { mut found, mut notes, .. } = finder;
        found.sort_by(|a, b| a.fault.at_s.total_cmp(&b.fault.at_s));
        if let Some(more) = found.len().checked_sub(FAULT_LIMIT).filter(|more| *more > 0) {
            notes.push(format!("faults: {more} more are left out, a scenario has {FAULT_LIMIT} at most"));
            found.truncate(FAULT_LIMIT);
        }
        if sources().any(|source| source.beyond > 0) {
            notes.push(format!("faults: looked for in the first {SAMPLE_LIMIT} messages of each topic"));
        }
        (found, notes)
    }
}

/// Bits that are the same when all values are.
fn bytes<M: Message>(message: &M) -> Vec<u8> {
    outrider_msgs::encode(message).unwrap_or_default()
}

struct Finder {
    stretch: Stretch,
    /// The last message of any source.
    end_ns: u64,
    found: Vec<Found>,
    notes: Vec<String>,
}

impl Finder {
    /// A fault from one log time to another, or to the end.
    fn tell(&mut self, what: FaultKind, from_ns: u64, until_ns: Option<u64>, seen: String) {
        let begins_ns = from_ns.max(self.stretch.from_ns);
        let until_ns = until_ns.filter(|until_ns| *until_ns < self.stretch.to_ns);
        if begins_ns > self.stretch.to_ns || until_ns.is_some_and(|until_ns| until_ns <= begins_ns) {
            return;
        }
        // To the microsecond; what begins with a message begins no later than it.
        let seconds = |from: u64, to: u64| (to.saturating_sub(from) / 1000) as f64 / 1e6;
        let at_s = seconds(self.stretch.from_ns, begins_ns);
        let for_s = until_ns.map(|until_ns| seconds(begins_ns, until_ns));
        self.found.push(Found { fault: Fault { at_s, for_s, what }, seen });
    }

    fn sensor(&mut self, sensor: Sensor, source: &Source) {
        let topic = sensor.topic().absolute_name();
        self.silences(source, SILENT, |_, _| FaultKind::Silent(sensor), &topic);
        let half_ns = (source.median_s() * 0.5e9) as u64;
        let mut told = |what, run: &[Sample], seen: &str| {
            let (Some(first), Some(last)) = (run.first(), run.last()) else { return };
            let until_ns = last.at_ns + half_ns;
            let text = format!("{topic}: {} messages {seen}", run.len());
            self.tell(
                what,
                first.at_ns.saturating_sub(half_ns),
                (until_ns < self.end_ns).then_some(until_ns),
                text,
            );
        };
        let frozen = |run: &&[Sample]| run.len() >= FROZEN_MESSAGES && run.iter().any(|s| s.moving);
        // No number is the same as none, but its bits are.
        for run in runs(&source.samples, |s| s.same && !s.spoilt).filter(frozen) {
            told(FaultKind::Frozen(sensor), run, "repeat the one before while the robot moves");
        }
        let spoilt = source.samples.iter().filter(|s| s.spoilt).count();
        if spoilt as f64 > USUAL_PART * source.samples.len() as f64 {
            self.notes.push(format!(
                "faults: {topic}: most of its messages are no numbers, which is taken for its way"
            ));
            return;
        }
        for run in runs(&source.samples, |s| s.spoilt) {
            told(FaultKind::NotANumber(sensor), run, "are not numbers");
        }
    }

    fn node(&mut self, node: FaultyNode, source: &Source) {
        let what = |before: &Sample, after: Option<&Sample>| match after {
            Some(after) if after.run == before.run => FaultKind::NodeFrozen(node),
            _ => FaultKind::NodeKilled(node),
        };
        self.silences(source, NODE_SILENT, what, &format!("the node {}", node.name()));
    }

    fn silences(
        &mut self,
        source: &Source,
        (factor, least_s): (f64, f64),
        what: impl Fn(&Sample, Option<&Sample>) -> FaultKind,
        name: &str,
    ) {
        let median_s = source.median_s();
        let half_ns = (median_s * 0.5e9) as u64;
        let limit_s = (factor * median_s).max(least_s);
        for pair in source.samples.windows(2) {
            let [before, after] = pair else { continue };
            let gap_s = after.at_ns.saturating_sub(before.at_ns) as f64 / 1e9;
            if gap_s > limit_s {
                let until_ns = after.at_ns.saturating_sub(half_ns);
                let text = format!("{name}: nothing for {gap_s:.3} s");
                self.tell(what(before, Some(after)), before.at_ns + half_ns, Some(until_ns), text);
            }
        }
        let Some(last) = source.samples.last() else { return };
        if self.end_ns.saturating_sub(last.at_ns) as f64 / 1e9 > limit_s.max(LONGER_S) {
            self.tell(
                what(last, None),
                last.at_ns + half_ns,
                None,
                format!("{name}: nothing more to the end"),
            );
        }
    }
}

/// The longest stretches of samples that are so.
fn runs(samples: &[Sample], is_so: fn(&Sample) -> bool) -> impl Iterator<Item = &[Sample]> {
    samples.chunk_by(move |a, b| is_so(a) == is_so(b)).filter(move |run| run.first().is_some_and(is_so))
}
