//! Sensors that fail, within the simulator: what it publishes is wrong.

use super::{Fault, FaultKind, Sensor};
use outrider_foundation::{Instant, Now};
use outrider_msgs::Message;
use outrider_msgs::geometry_msgs::{Point, Quaternion, Vector3};
use outrider_msgs::nav_msgs::Odometry;
use outrider_msgs::outrider_msgs::Tick;
use outrider_msgs::sensor_msgs::{Imu, LaserScan};
use outrider_runtime::{Around, HostedNode, Outputs, Topic, payload_digest};
use std::collections::BTreeMap;

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
        let of_sensors = |fault: &&Fault| sensor_of(&fault.what).is_some();
        let faults: Vec<Fault> = faults.iter().filter(of_sensors).cloned().collect();
        if faults.is_empty() {
            return inner;
        }
        let of = |topic: &Topic| Sensor::ALL.into_iter().find(|sensor| sensor.topic().name == topic.name);
        let outputs = inner.outputs().iter().enumerate();
        let sensors = outputs.filter_map(|(output, topic)| Some((output, of(topic)?))).collect();
        Box::new(Self { inner, faults, sensors, start: None, sound: BTreeMap::new() })
    }
}

impl Around for FaultySensors {
    fn inner(&self) -> &dyn HostedNode {
        self.inner.as_ref()
    }

    fn inner_mut(&mut self) -> &mut dyn HostedNode {
        self.inner.as_mut()
    }

    fn step(&mut self, now: Now, outputs: &mut Outputs) -> &mut Tick {
        let at_s = now.mono.since(*self.start.get_or_insert(now.mono)).as_s();
        let Self { inner, faults, sensors, sound, .. } = self;
        inner.step(now, &mut |output, bytes, digest| {
            let Some(sensor) = sensors.get(&output).copied() else { return outputs(output, bytes, digest) };
            let strikes = |kind: fn(Sensor) -> FaultKind| {
                faults.iter().any(|fault| fault.strikes_at(at_s) && fault.what == kind(sensor))
            };
            if strikes(FaultKind::Silent) {
                return;
            }
            let frozen = strikes(FaultKind::Frozen);
            // Without a sound one before, the first that is frozen is what it repeats.
            if !frozen || !sound.contains_key(&output) {
                sound.insert(output, bytes.clone());
            }
            let kept = sound.get(&output).filter(|_| frozen);
            let mut changed = kept.and_then(|kept| restamped(sensor, kept, &bytes));
            if strikes(FaultKind::NotANumber) {
                changed = spoilt(sensor, changed.as_ref().unwrap_or(&bytes));
            }
            match changed {
                Some(changed) => {
                    let digest = payload_digest(&changed);
                    outputs(output, changed, digest);
                }
                None => outputs(output, bytes, digest),
            }
        })
    }
}

/// The sensor that fails by a fault, if one does.
pub(crate) fn sensor_of(what: &FaultKind) -> Option<Sensor> {
    match what {
        FaultKind::Silent(sensor) | FaultKind::Frozen(sensor) | FaultKind::NotANumber(sensor) => {
            Some(*sensor)
        }
        _ => None,
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

const NO_PLACE: Point = Point { x: f64::NAN, y: f64::NAN, z: f64::NAN };
const NO_TURN: Quaternion = Quaternion { x: f64::NAN, y: f64::NAN, z: f64::NAN, w: f64::NAN };
const NO_VECTOR: Vector3 = Vector3 { x: f64::NAN, y: f64::NAN, z: f64::NAN };

fn spoilt(sensor: Sensor, bytes: &[u8]) -> Option<Vec<u8>> {
    fn edited<M: Message>(bytes: &[u8], change: impl FnOnce(&mut M)) -> Option<Vec<u8>> {
        let mut message: M = outrider_msgs::decode(bytes).ok()?;
        change(&mut message);
        outrider_msgs::encode(&message).ok()
    }
    match sensor {
        Sensor::Scan => edited(bytes, |scan: &mut LaserScan| scan.ranges.fill(f32::NAN)),
        Sensor::Odom => edited(bytes, |odometry: &mut Odometry| {
            let (pose, twist) = (&mut odometry.pose.pose, &mut odometry.twist.twist);
            (pose.position, pose.orientation) = (NO_PLACE, NO_TURN);
            (twist.linear, twist.angular) = (NO_VECTOR, NO_VECTOR);
        }),
        Sensor::Imu => edited(bytes, |imu: &mut Imu| {
            (imu.angular_velocity, imu.linear_acceleration) = (NO_VECTOR, NO_VECTOR);
        }),
        Sensor::Detections | Sensor::Tf => None,
    }
}
