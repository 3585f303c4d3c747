//! The run in numbers: what the JSON file holds, and the page and the text show.

use super::goal::{GoalResult, judge_goal};
use super::recording::{Gate, Recording, TopicRecord};
use super::stats::{Percentiles, driven_m, least_by};
use super::stops::{Stop, find_stops};
use super::way::Way;
use outrider_foundation::Pose2;
use outrider_msgs::outrider_msgs::GateState;
use outrider_suite::words::{gate_mode, mode};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A step of time without data that is longer than this is no part of any mode.
const SILENCE_S: f64 = 1.0;

/// What came of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunSummary {
    /// The bag.
    pub bag: BagFacts,
    /// The goal, and whether it was reached.
    pub goal: GoalResult,
    /// Where positions and speeds are from: `truth`, `world_model`, `odometry` or `none`.
    pub basis: String,
    /// Distance driven, metres.
    pub driven_m: f64,
    /// Greatest speed, m/s.
    pub top_speed_mps: f64,
    /// The nearest that anything came; `None` without ground truth.
    pub least_clearance: Option<LeastClearance>,
    /// Collisions; `None` without ground truth.
    pub collisions: Option<u32>,
    /// From the oldest sensor data to the command at the robot, milliseconds, once for each scan that was used.
    pub scan_to_command_ms: Option<Percentiles>,
    /// Of that, what the four nodes between computed, milliseconds; `None` where steps were not measured.
    #[serde(default)]
    pub computed_ms: Option<Percentiles>,
    /// Where the robot was stopped, or stood and waited.
    pub stops: Vec<Stop>,
    /// Why assurance acted.
    pub interventions: Vec<InterventionFact>,
    /// Seconds in every mode of the gate.
    pub gate_mode_s: BTreeMap<String, f64>,
    /// Seconds in every mode of assurance.
    pub assurance_mode_s: BTreeMap<String, f64>,
    /// What the gate counted.
    pub gate: GateCounts,
    /// Messages that must have been sent and are not in the bag.
    pub messages_lost: u64,
    /// Messages that nodes say never came to them.
    pub inputs_lost: u64,
    /// Every topic.
    pub topics: Vec<TopicFacts>,
    /// Every node.
    pub nodes: Vec<NodeFacts>,
    /// What is missing or doubtful.
    pub notes: Vec<String>,
}

/// The bag itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BagFacts {
    /// The file or folder.
    pub path: String,
    /// Log time of the first message, nanoseconds since the epoch.
    pub start_ns: u64,
    /// First to last message.
    pub duration_s: f64,
    /// Messages read.
    pub messages: u64,
    /// There was no sound summary.
    pub recovered: bool,
    /// What could not be read.
    pub damage: Vec<String>,
}

/// The nearest that anything came.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LeastClearance {
    /// Distance between the outlines; zero or less in contact.
    pub clearance_m: f64,
    /// What it was.
    pub nearest: String,
    /// When, since the start of the bag.
    pub t_s: f64,
    /// Where the robot was.
    pub pose: Pose2,
}

/// One "why" record.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct InterventionFact {
    /// When, since the start of the bag.
    pub t_s: f64,
    /// Rule that acted.
    pub rule: String,
    /// What was measured; `None` when it could not be.
    pub value: Option<f64>,
    /// What it was held against.
    pub limit: Option<f64>,
    /// Unit of both.
    pub unit: String,
    /// Mode before.
    pub mode_before: String,
    /// Mode after.
    pub mode_after: String,
    /// What would clear it.
    pub clears_when: String,
    /// One sentence.
    pub text: String,
}

/// What the gate counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateCounts {
    /// Permits accepted.
    pub accepted: u64,
    /// Permits and commands refused.
    pub rejected: u64,
    /// Velocities published of a command that was limited.
    pub clamped_periods: u64,
    /// Periods that came late.
    pub late_periods: u64,
}

/// One topic.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TopicFacts {
    /// Its name.
    pub topic: String,
    /// `pkg/msg/Type`.
    pub type_name: String,
    /// Messages in the bag.
    pub count: u64,
    /// Mean rate between the first and the last.
    pub rate_hz: f64,
    /// Longest time between two.
    pub longest_gap_s: f64,
    /// Gaps in its numbers; `None` for messages without numbers.
    pub lost: Option<u64>,
    /// Times that the publisher began anew.
    pub restarts: u64,
    /// Messages that could not be decoded.
    pub undecodable: u64,
    /// Bytes of messages.
    pub bytes: u64,
}

/// One node.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NodeFacts {
    /// Its name.
    pub node: String,
    /// Version of its program.
    pub build: String,
    /// Times that it was started.
    pub starts: u64,
    /// Steps in its journal.
    pub steps: u64,
    /// Duration of a step, microseconds; `None` where it was not measured.
    pub step_us: Option<Percentiles>,
    /// Outputs that did not fit.
    pub outputs_dropped: u64,
    /// Messages that it says it lost on the way to it.
    pub inputs_lost: Option<u64>,
    /// Messages that it says it refused.
    pub inputs_refused: Option<u64>,
    /// `ok`, `warn`, `error`, `stale`; empty without a diagnosis.
    pub health: String,
    /// Text of its last diagnosis.
    pub message: String,
}

impl RunSummary {
    /// Computes it. A goal is reached within `tolerance_m`.
    pub fn new(recording: &Recording, tolerance_m: f64) -> Self {
        let way = Way::of(recording);
        let mut notes = recording.notes.clone();
        let goal = judge_goal(recording, &way, tolerance_m, &mut notes);
        let topics: Vec<TopicFacts> =
            recording.topics.iter().map(|(name, record)| topic_facts(name, record)).collect();
        let first: Vec<&Gate> = first_of_scans(recording).collect();
        let ages_ms = scan_to_command_ms(&first, &mut notes);
        let last_gate = recording.gate.last();
        Self {
            bag: BagFacts {
                path: recording.path.clone(),
                start_ns: recording.start_ns,
                duration_s: recording.duration_s,
                messages: topics.iter().map(|t| t.count).sum(),
                recovered: recording.recovered,
                damage: recording.damage.clone(),
            },
            basis: way.basis.to_owned(),
            driven_m: driven_m(&way.legs),
            top_speed_mps: way.samples.iter().map(|s| s.twist.v_mps.abs()).fold(0.0, f64::max),
            least_clearance: least_clearance(recording),
            collisions: recording.truth.iter().map(|t| t.collisions).max(),
            scan_to_command_ms: Percentiles::of(ages_ms),
            computed_ms: Percentiles::of(recording.computing.chains_ms(&first)),
            stops: find_stops(recording, &way, &goal),
            interventions: interventions(recording),
            gate_mode_s: times(recording.gate.iter().map(|g| (g.t_s, gate_mode(g.mode)))),
            assurance_mode_s: times(recording.assurance.iter().map(|a| (a.t_s, mode(a.mode)))),
            gate: GateCounts {
                accepted: last_gate.map_or(0, |g| g.accepted),
                rejected: last_gate.map_or(0, |g| g.rejected),
                clamped_periods: recording.gate.iter().filter(|g| g.clamped).count() as u64,
                late_periods: last_gate.map_or(0, |g| g.late_periods),
            },
            messages_lost: topics.iter().filter_map(|t| t.lost).sum(),
            inputs_lost: recording.nodes.values().filter_map(|n| n.lost).sum(),
            topics,
            nodes: node_facts(recording),
            goal,
            notes,
        }
    }

    /// The goal was reached, by every measure that the bag allows.
    pub fn reached(&self) -> bool {
        self.goal.reached
    }
}

fn times(samples: impl Iterator<Item = (f64, &'static str)> + Clone) -> BTreeMap<String, f64> {
    let mut sums = BTreeMap::new();
    for ((t, name), (next, _)) in samples.clone().zip(samples.skip(1)) {
        let sum: &mut f64 = sums.entry(name.to_owned()).or_default();
        let step_s = next - t;
        *sum += if (0.0..=SILENCE_S).contains(&step_s) { step_s } else { 0.0 };
    }
    sums
}

fn least_clearance(recording: &Recording) -> Option<LeastClearance> {
    let finite = recording.truth.iter().filter(|t| t.clearance_m.is_finite());
    least_by(finite, |t| t.clearance_m).map(|t| LeastClearance {
        clearance_m: t.clearance_m,
        nearest: t.nearest.clone(),
        t_s: t.t_s,
        pose: t.pose,
    })
}

/// The gate's periods that forward a command which is the first to rest on its scan. Commands re-issued from the same scan do
/// not count again.
fn first_of_scans(recording: &Recording) -> impl Iterator<Item = &Gate> {
    let mut last = None;
    let forwarding = recording.gate.iter().filter(|g| g.mode == GateState::FORWARDING);
    forwarding.filter(move |g| g.data.is_some_and(|(stamp_ns, _)| last.replace(stamp_ns) != Some(stamp_ns)))
}

/// The age of every such scan when the velocity was published, in milliseconds.
fn scan_to_command_ms(first: &[&Gate], notes: &mut Vec<String>) -> Vec<f64> {
    let ages_s = || first.iter().filter_map(|g| g.data).map(|(_, age_s)| age_s);
    let sound = |age_s: &f64| (0.0..60.0).contains(age_s);
    let odd = ages_s().filter(|age_s| !sound(age_s)).count();
    if odd > 0 {
        notes.push(format!(
            "{odd} commands rest on data from the future or more than 60 s old: not in the ages"
        ));
    }
    ages_s().filter(sound).map(|age_s| age_s * 1e3).collect()
}

fn interventions(recording: &Recording) -> Vec<InterventionFact> {
    let finite = |v: f64| v.is_finite().then_some(v);
    let facts = recording.events.iter().map(|e| InterventionFact {
        t_s: e.t_s,
        rule: e.rule.clone(),
        value: finite(e.value),
        limit: finite(e.limit),
        unit: e.unit.clone(),
        mode_before: mode(e.mode_before).to_owned(),
        mode_after: mode(e.mode_after).to_owned(),
        clears_when: e.clears_when.clone(),
        text: e.text.clone(),
    });
    facts.collect()
}

fn topic_facts(name: &str, record: &TopicRecord) -> TopicFacts {
    let span_s = record.span_s.map_or(0.0, |(first, last)| last - first);
    let losses = record.losses.as_ref();
    TopicFacts {
        topic: name.to_owned(),
        type_name: record.type_name.clone(),
        count: record.count,
        rate_hz: if span_s > 0.0 { record.count.saturating_sub(1) as f64 / span_s } else { 0.0 },
        longest_gap_s: record.gap_s,
        // A message that came late was taken for lost first.
        lost: losses.map(|l| l.lost.saturating_sub(l.out_of_order)),
        restarts: losses.map_or(0, |l| l.restarts),
        undecodable: record.undecodable,
        bytes: record.bytes,
    }
}

fn node_facts(recording: &Recording) -> Vec<NodeFacts> {
    let facts = recording.nodes.iter().map(|(name, node)| NodeFacts {
        node: name.clone(),
        build: node.build.clone(),
        starts: node.boots.len() as u64,
        steps: node.steps,
        step_us: Percentiles::of(node.step_ns.iter().map(|ns| f64::from(*ns) / 1e3).collect()),
        outputs_dropped: node.dropped,
        inputs_lost: node.lost,
        inputs_refused: node.refused,
        health: match node.level {
            None => String::new(),
            Some(0) => "ok".into(),
            Some(1) => "warn".into(),
            Some(2) => "error".into(),
            Some(_) => "stale".into(),
        },
        message: node.message.clone(),
    });
    facts.collect()
}
