//! Faults of a scenario: what sensors, nodes and people do wrong, and when.
//!
//! Those of the sensors strike what the simulator publishes, so a bag shows them as it would show those of a real one, and
//! they strike alike in one process and live. Those of nodes and of the emergency stop are the doing of [`crate::drive`].

use crate::assemble::{Files, assemble, read_resources};
use crate::bindings::topics;
use crate::lockstep::{Lockstep, LockstepError, Observer};
use garde::Validate;
use outrider_foundation::{Instant, Now};
use outrider_msgs::Message;
use outrider_msgs::nav_msgs::Odometry;
use outrider_msgs::outrider_msgs::Tick;
use outrider_msgs::sensor_msgs::{Imu, LaserScan};
use outrider_msgs::std_msgs::Bool;
use outrider_runtime::{Diagnosis, HostedNode, NodeSpec, Sink, Topic};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The most faults of one scenario.
pub const FAULT_LIMIT: usize = 100;
/// A node that comes back is another run of it: so much is added to its number each time.
const NEXT_RUN: u64 = 100;

/// Something that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// From when, s after the start.
    #[garde(range(min = 0.0, max = 3600.0))]
    pub at_s: f64,
    /// For how long, s; to the end where it is left out.
    #[garde(inner(range(min = 0.0, max = 3600.0)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_s: Option<f64>,
    /// What.
    #[garde(skip)]
    pub what: FaultKind,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// A sensor publishes nothing.
    Silent(Sensor),
    /// A sensor publishes the values of its last message before, with the stamps of the present.
    Frozen(Sensor),
    /// Every value of a sensor is not a number. Only scan, odometry and inertial unit have any.
    NotANumber(Sensor),
    /// The emergency stop is pressed, and released afterwards.
    EStopPressed,
    /// A node stands still (SIGSTOP) and goes on afterwards.
    NodeFrozen(FaultyNode),
    /// A node is gone (kill -9); afterwards a new one is started.
    NodeKilled(FaultyNode),
}

/// What the simulator publishes in place of a robot's sensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sensor {
    /// `/scan`.
    Scan,
    /// `/odom`.
    Odom,
    /// `/imu`.
    Imu,
    /// `/detections`.
    Detections,
    /// `/tf`: odometry and localisation.
    Tf,
}

impl Sensor {
    /// All there are.
    pub const ALL: [Self; 5] = [Self::Scan, Self::Odom, Self::Imu, Self::Detections, Self::Tf];

    /// Where it is published.
    pub fn topic(self) -> Topic {
        match self {
            Self::Scan => topics::scan(),
            Self::Odom => topics::odom(),
            Self::Imu => topics::imu(),
            Self::Detections => topics::detections(),
            Self::Tf => topics::tf(),
        }
    }

    /// As the scenario names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Scan => "scan",
            Self::Odom => "odom",
            Self::Imu => "imu",
            Self::Detections => "detections",
            Self::Tf => "tf",
        }
    }

    /// Whether its values can be frozen and spoilt.
    fn has_values(self) -> bool {
        matches!(self, Self::Scan | Self::Odom | Self::Imu)
    }
}

/// A node that can be stopped: all but the simulator, without which there is no time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultyNode {
    /// The world model.
    WorldModel,
    /// The planner.
    Planner,
    /// Assurance.
    Assurance,
    /// The gate.
    Gate,
}

impl FaultyNode {
    /// All there are.
    pub const ALL: [Self; 4] = [Self::WorldModel, Self::Planner, Self::Assurance, Self::Gate];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::WorldModel => "world_model",
            Self::Planner => "planner",
            Self::Assurance => "assurance",
            Self::Gate => "gate",
        }
    }
}

/// Checks what the numbers alone do not tell.
pub(crate) fn check(faults: &[Fault], _context: &()) -> garde::Result {
    if faults.len() > FAULT_LIMIT {
        return Err(garde::Error::new(format!("{} faults, the limit is {FAULT_LIMIT}", faults.len())));
    }
    for fault in faults {
        if let FaultKind::Frozen(sensor) | FaultKind::NotANumber(sensor) = fault.what
            && !sensor.has_values()
        {
            return Err(garde::Error::new(format!("`{}` can be silent only", sensor.name())));
        }
    }
    Ok(())
}

/// A simulator whose sensors have faults.
pub(crate) struct FaultySensors {
    inner: Box<dyn HostedNode>,
    faults: Vec<Fault>,
    /// By index of output.
    sensors: BTreeMap<usize, Sensor>,
    start: Option<Instant>,
    /// The last sound message of each sensor.
    sound: BTreeMap<usize, Vec<u8>>,
}

impl FaultySensors {
    /// The simulator itself when there are no faults of sensors.
    pub(crate) fn around(inner: Box<dyn HostedNode>, faults: &[Fault]) -> Box<dyn HostedNode> {
        let of_sensors = |fault: &&Fault| {
            matches!(fault.what, FaultKind::Silent(_) | FaultKind::Frozen(_) | FaultKind::NotANumber(_))
        };
        let faults: Vec<Fault> = faults.iter().filter(of_sensors).copied().collect();
        if faults.is_empty() {
            return inner;
        }
        let of = |topic: &Topic| Sensor::ALL.into_iter().find(|sensor| sensor.topic().name == topic.name);
        let outputs = inner.outputs().iter().enumerate();
        let sensors = outputs.filter_map(|(output, topic)| Some((output, of(topic)?))).collect();
        Box::new(Self { inner, faults, sensors, start: None, sound: BTreeMap::new() })
    }
}

impl HostedNode for FaultySensors {
    fn spec(&self) -> &NodeSpec {
        self.inner.spec()
    }

    fn inputs(&self) -> &[Topic] {
        self.inner.inputs()
    }

    fn outputs(&self) -> &[Topic] {
        self.inner.outputs()
    }

    fn deliver(&mut self, input: usize, received: Instant, bytes: &[u8]) {
        self.inner.deliver(input, received, bytes);
    }

    fn step(&mut self, now: Now, sink: &mut Sink) -> Tick {
        let at_s = now.mono.since(*self.start.get_or_insert(now.mono)).as_s();
        let Self { inner, faults, sensors, sound, .. } = self;
        inner.step(now, &mut |output, bytes| {
            let Some(sensor) = sensors.get(&output).copied() else { return sink(output, bytes) };
            let strikes = |fault: &&Fault| {
                let over = fault.for_s.is_some_and(|for_s| at_s >= fault.at_s + for_s);
                at_s >= fault.at_s && !over && sensor_of(fault.what) == Some(sensor)
            };
            match faults.iter().find(strikes).map(|fault| fault.what) {
                Some(FaultKind::Silent(_)) => {}
                Some(FaultKind::Frozen(_)) => {
                    let kept = sound.get(&output).and_then(|kept| restamped(sensor, kept, bytes));
                    sink(output, kept.as_deref().unwrap_or(bytes));
                }
                Some(FaultKind::NotANumber(_)) => {
                    sink(output, spoilt(sensor, bytes).as_deref().unwrap_or(bytes));
                }
                _ => {
                    sink(output, bytes);
                    sound.insert(output, bytes.to_vec());
                }
            }
        })
    }

    fn has_input(&self) -> bool {
        self.inner.has_input()
    }

    fn next_wakeup(&self) -> Option<Instant> {
        self.inner.next_wakeup()
    }

    fn diagnose(&self) -> Diagnosis {
        self.inner.diagnose()
    }
}

fn sensor_of(what: FaultKind) -> Option<Sensor> {
    match what {
        FaultKind::Silent(sensor) | FaultKind::Frozen(sensor) | FaultKind::NotANumber(sensor) => Some(sensor),
        FaultKind::EStopPressed | FaultKind::NodeFrozen(_) | FaultKind::NodeKilled(_) => None,
    }
}

/// What was said last, as if it were said now.
fn restamped(sensor: Sensor, kept: &[u8], now: &[u8]) -> Option<Vec<u8>> {
    fn with<M: Message>(kept: &[u8], now: &[u8], swap: impl FnOnce(&mut M, M)) -> Option<Vec<u8>> {
        let mut message = outrider_msgs::decode::<M>(kept).ok()?;
        swap(&mut message, outrider_msgs::decode(now).ok()?);
        outrider_msgs::encode(&message).ok()
    }
    match sensor {
        Sensor::Scan => with(kept, now, |old: &mut LaserScan, new| old.header = new.header),
        Sensor::Odom => with(kept, now, |old: &mut Odometry, new| old.header = new.header),
        Sensor::Imu => with(kept, now, |old: &mut Imu, new| old.header = new.header),
        Sensor::Detections | Sensor::Tf => None,
    }
}

fn spoilt(sensor: Sensor, bytes: &[u8]) -> Option<Vec<u8>> {
    fn edited<M: Message>(bytes: &[u8], change: impl FnOnce(&mut M)) -> Option<Vec<u8>> {
        let mut message: M = outrider_msgs::decode(bytes).ok()?;
        change(&mut message);
        outrider_msgs::encode(&message).ok()
    }
    match sensor {
        Sensor::Scan => edited(bytes, |scan: &mut LaserScan| scan.ranges.fill(f32::NAN)),
        Sensor::Odom => edited(bytes, |odometry: &mut Odometry| {
            let (pose, twist) = (&mut odometry.pose.pose.position, &mut odometry.twist.twist);
            (pose.x, pose.y, twist.linear.x, twist.angular.z) = (f64::NAN, f64::NAN, f64::NAN, f64::NAN);
        }),
        Sensor::Imu => edited(bytes, |imu: &mut Imu| {
            (imu.angular_velocity.z, imu.linear_acceleration.x) = (f64::NAN, f64::NAN);
        }),
        Sensor::Detections | Sensor::Tf => None,
    }
}

/// Something done to the lock-step world at one moment.
#[derive(Clone, Copy, Debug)]
enum Act {
    Button(bool),
    Freeze(FaultyNode),
    Thaw(FaultyNode),
    Kill(FaultyNode),
    Restart(FaultyNode),
}

/// The faults of nodes and of people, on their way.
pub(crate) struct Hand {
    /// The next last.
    acts: Vec<(f64, Act)>,
    runs: u64,
}

impl Hand {
    pub(crate) fn new(faults: &[Fault]) -> Self {
        let mut acts = Vec::new();
        for fault in faults {
            let (begins, ends) = match fault.what {
                FaultKind::EStopPressed => (Act::Button(true), Act::Button(false)),
                FaultKind::NodeFrozen(node) => (Act::Freeze(node), Act::Thaw(node)),
                FaultKind::NodeKilled(node) => (Act::Kill(node), Act::Restart(node)),
                FaultKind::Silent(_) | FaultKind::Frozen(_) | FaultKind::NotANumber(_) => continue,
            };
            acts.push((fault.at_s, begins));
            acts.extend(fault.for_s.map(|for_s| (fault.at_s + for_s, ends)));
        }
        // Stable: what the file has first is done first.
        acts.sort_by(|a, b| a.0.total_cmp(&b.0));
        acts.reverse();
        Self { acts, runs: 0 }
    }

    /// Does what is due.
    ///
    /// # Errors
    /// When a node cannot be started again.
    pub(crate) fn act(
        &mut self,
        files: &Files,
        suite: &mut Lockstep,
        see: &mut Observer,
    ) -> Result<(), LockstepError> {
        let now_s = suite.elapsed_s();
        while let Some((_, act)) = self.acts.pop_if(|(at_s, _)| *at_s <= now_s) {
            match act {
                Act::Button(pressed) => suite.publish(&topics::e_stop(), &Bool { data: pressed }, see)?,
                Act::Freeze(node) => suite.freeze(node.name()),
                Act::Thaw(node) => suite.thaw(node.name()),
                Act::Kill(node) => suite.kill(node.name()),
                Act::Restart(node) => {
                    self.runs += NEXT_RUN;
                    let resources = read_resources(node.name(), files)?;
                    suite.restart(assemble(node.name(), resources, self.runs + node as u64)?, see)?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::Scenario;
    use outrider_runtime::config;

    fn parsed(faults: &str) -> Result<Scenario, String> {
        let text = include_str!("../../../tests/scenarios/warehouse_crossing.yaml");
        config::parse("with faults", &format!("{text}faults:\n{faults}")).map_err(|e| e.to_string())
    }

    #[test]
    fn a_fault_that_cannot_be_is_refused() {
        let sound = parsed(
            "  - {at_s: 1.0, for_s: 2.0, what: {frozen: odom}}\n  - {at_s: 0.0, what: e_stop_pressed}\n",
        );
        assert_eq!(sound.unwrap().faults.len(), 2);
        for (fault, word) in [
            ("{at_s: 1.0, what: {frozen: tf}}", "`tf` can be silent only"),
            ("{at_s: 1.0, what: {not_a_number: detections}}", "`detections` can be silent only"),
            ("{at_s: -1.0, what: e_stop_pressed}", "at_s"),
            ("{at_s: 1.0, for_s: -1.0, what: e_stop_pressed}", "for_s"),
            ("{at_s: 1.0, what: {node_killed: sim}}", "sim"),
            ("{at_s: 1.0, what: {silent: sonar}}", "sonar"),
            ("{at_s: 1.0, until: 2.0, what: e_stop_pressed}", "until"),
        ] {
            let error = parsed(&format!("  - {fault}\n")).unwrap_err();
            assert!(error.contains(word), "{fault}: {error}");
        }
        let many = "  - {at_s: 1.0, what: e_stop_pressed}\n".repeat(super::FAULT_LIMIT + 1);
        assert!(parsed(&many).unwrap_err().contains("101 faults, the limit is 100"));
    }
}
