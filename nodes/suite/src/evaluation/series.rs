//! A run at five moments a second, small enough to be drawn: poses, people, beliefs, modes and reasons.

use super::eyes::Sample;
use super::place::FAR_M;
use super::timeline::Timeline;
use crate::convert::body_of;
use crate::scenario::Scenario;
use outrider_foundation::Pose2;
use outrider_foundation::data::{BodyBox, TrueBody};
use outrider_msgs::outrider_msgs::{GroundTruth, GroundTruthActor, GroundTruthDoor, Track};
use outrider_sim::AWAY_M;
use serde::Serialize;
use std::collections::BTreeMap;

/// From one moment to the next, s.
pub const PERIOD_S: f64 = 0.2;
/// The most moments: an hour.
const LIMIT: usize = 18_000;
/// The most different reasons; more are told as this one.
const REASON_LIMIT: usize = 500;

/// Somebody who moves.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ActorTrack {
    /// As in the scenario.
    pub name: String,
    /// Of the disc, m; about the whole of a vehicle.
    pub radius: f64,
    /// Of a vehicle: corners of its body with the forks, in its own frame, m.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shape: Vec<[f64; 2]>,
    /// m, in the map; as long as the time column. Nothing before it has come and after it has left.
    pub x: Vec<Option<f64>>,
    /// m.
    pub y: Vec<Option<f64>>,
    /// rad.
    pub yaw: Vec<Option<f64>>,
    /// m/s.
    pub v: Vec<Option<f64>>,
}

/// A door.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct DoorTrack {
    /// As in the scenario.
    pub name: String,
    /// Corners of the panel, in its own frame, m.
    pub shape: Vec<[f64; 2]>,
    /// Its middle, m, in the map; as long as the time column.
    pub x: Vec<f64>,
    /// m.
    pub y: Vec<f64>,
    /// rad.
    pub yaw: Vec<f64>,
}

/// Where the robot takes itself to be.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Belief {
    /// m.
    pub x: Vec<Option<f64>>,
    /// m.
    pub y: Vec<Option<f64>>,
    /// rad.
    pub yaw: Vec<Option<f64>>,
    /// Standard deviation along the worst axis, m.
    pub sigma: Vec<Option<f64>>,
}

/// Columns, all as long as `t`; millimetres and milliradians, nothing where there is no value.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Series {
    /// x, y, yaw.
    pub start: [f64; 3],
    /// x, y, yaw.
    pub goal: [f64; 3],
    /// m.
    pub goal_tolerance: f64,
    /// s.
    pub period_s: f64,
    /// Since the start, s.
    pub t: Vec<f64>,
    /// True pose, m.
    pub x: Vec<f64>,
    /// m.
    pub y: Vec<f64>,
    /// rad.
    pub yaw: Vec<f64>,
    /// True velocity, m/s.
    pub v: Vec<f64>,
    /// rad/s.
    pub w: Vec<f64>,
    /// Where the robot takes itself to be.
    pub belief: Belief,
    /// Of assurance, as in permits.
    pub mode: Vec<u8>,
    /// Of the gate.
    pub gate: Vec<u8>,
    /// From the outline to the nearest thing, m.
    pub clearance: Vec<f64>,
    /// To the nearest moving object, m; nothing where there is none.
    pub person_gap: Vec<Option<f64>>,
    /// Time to collision, s.
    pub ttc: Vec<Option<f64>>,
    /// What the gate published, m/s.
    pub command_v: Vec<f64>,
    /// Index of the reason.
    pub reason: Vec<usize>,
    /// The reasons.
    pub reasons: Vec<String>,
    /// Who moves.
    pub actors: Vec<ActorTrack>,
    /// The doors, the same ones at each moment.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub doors: Vec<DoorTrack>,
    /// Confirmed tracks at each moment: id, x, y, vx, vy, radius; then those that have a rectangle its corners, x and y in turns.
    pub tracks: Vec<Vec<Vec<f64>>>,
    #[serde(skip)]
    known: BTreeMap<String, usize>,
}

/// One moment.
pub(crate) struct Glimpse<'a> {
    pub sample: &'a Sample,
    pub truth: &'a GroundTruth,
    pub tracks: &'a [&'a Track],
    pub reason: &'a dyn Fn() -> String,
}

fn milli(value: f64) -> f64 {
    let steps = (value * 1e3).round();
    if steps.abs() < 0.5 { 0.0 } else { steps / 1e3 }
}

fn shape(body: TrueBody) -> Vec<[f64; 2]> {
    body.corners().iter().map(|c| [c.x_m, c.y_m].map(milli)).collect()
}

fn some(value: f64) -> Option<f64> {
    value.is_finite().then(|| milli(value))
}

impl Series {
    pub(crate) fn new(scenario: &Scenario) -> Self {
        let goal = scenario.mission.iter().rev().find_map(|step| step.poses.last()).unwrap_or(&scenario.goal);
        let pose = |p: &crate::scenario::ScenarioPose| [p.x_m, p.y_m, p.yaw_rad].map(milli);
        Self {
            start: pose(&scenario.start),
            goal: pose(goal),
            goal_tolerance: scenario.goal_tolerance_m,
            period_s: PERIOD_S,
            ..Self::default()
        }
    }

    pub(crate) fn take(&mut self, glimpse: &Glimpse) {
        let s = glimpse.sample;
        let due_s = self.t.len() as f64 * PERIOD_S;
        if s.t_s + 1e-6 < due_s || self.t.len() >= LIMIT {
            return;
        }
        self.t.push(milli(s.t_s));
        self.x.push(milli(s.pose.x_m));
        self.y.push(milli(s.pose.y_m));
        self.yaw.push(milli(s.pose.yaw_rad));
        self.v.push(milli(s.twist.v_mps));
        self.w.push(milli(s.twist.w_radps));
        let belief = s.belief;
        let of = |value: fn(&(Pose2, f64)) -> f64| belief.as_ref().and_then(|b| some(value(b)));
        self.belief.x.push(of(|b| b.0.x_m));
        self.belief.y.push(of(|b| b.0.y_m));
        self.belief.yaw.push(of(|b| b.0.yaw_rad));
        self.belief.sigma.push(of(|b| b.1));
        self.mode.push(s.mode);
        self.gate.push(s.gate);
        self.clearance.push(milli(s.clearance_m));
        self.person_gap.push(some(s.person_gap_m).filter(|gap_m| *gap_m < FAR_M));
        self.ttc.push(s.ttc_s.and_then(some));
        self.command_v.push(milli(s.commanded_mps));
        let reason = self.reason_index((glimpse.reason)());
        self.reason.push(reason);
        let track = |t: &&Track| {
            let mut told = vec![t.id as f64];
            told.extend([t.x, t.y, t.vx, t.vy, t.radius].map(milli));
            if t.body_length > 0.0 {
                let pose = Pose2::new(t.body_x, t.body_y, t.body_yaw);
                let body = BodyBox { pose, length_m: t.body_length, width_m: t.body_width };
                told.extend(body.corners().iter().flat_map(|c| [c.x_m, c.y_m]).map(milli));
            }
            told
        };
        self.tracks.push(glimpse.tracks.iter().map(track).collect());
        self.take_actors(glimpse.truth);
        self.take_doors(glimpse.truth);
    }

    fn take_actors(&mut self, truth: &GroundTruth) {
        let before = self.t.len() - 1;
        for actor in &truth.actors {
            if !self.actors.iter().any(|a| a.name == actor.name) {
                let absent = vec![None; before];
                self.actors.push(ActorTrack {
                    name: actor.name.clone(),
                    radius: milli(actor.radius),
                    shape: body_of(actor).map(shape).unwrap_or_default(),
                    x: absent.clone(),
                    y: absent.clone(),
                    yaw: absent.clone(),
                    v: absent,
                });
            }
        }
        for track in &mut self.actors {
            let is_there = |a: &&GroundTruthActor| a.name == track.name && a.x.abs() < AWAY_M;
            let actor = truth.actors.iter().find(is_there);
            track.x.push(actor.and_then(|a| some(a.x)));
            track.y.push(actor.and_then(|a| some(a.y)));
            track.yaw.push(actor.and_then(|a| some(a.yaw)));
            track.v.push(actor.and_then(|a| some(a.v)));
        }
    }

    fn take_doors(&mut self, truth: &GroundTruth) {
        if self.doors.is_empty() {
            let door = |d: &GroundTruthDoor| {
                let body = TrueBody { length_m: d.length, width_m: d.width, forks_m: 0.0 };
                DoorTrack { name: d.name.clone(), shape: shape(body), ..DoorTrack::default() }
            };
            self.doors.extend(truth.doors.iter().map(door));
        }
        for (track, door) in self.doors.iter_mut().zip(&truth.doors) {
            track.x.push(milli(door.x));
            track.y.push(milli(door.y));
            track.yaw.push(milli(door.yaw));
        }
    }

    fn reason_index(&mut self, reason: String) -> usize {
        if let Some(index) = self.known.get(&reason) {
            return *index;
        }
        let reason = if self.reasons.len() >= REASON_LIMIT { "(more reasons)".to_owned() } else { reason };
        if let Some(index) = self.known.get(&reason) {
            return *index;
        }
        self.known.insert(reason.clone(), self.reasons.len());
        self.reasons.push(reason);
        self.reasons.len() - 1
    }

    /// As JSON, with what happened when; `head` tells which run it is.
    pub fn to_json(
        &self,
        head: serde_json::Value,
        timeline: &Timeline,
        scenario: &Scenario,
    ) -> serde_json::Value {
        let mut value = serde_json::to_value(self).unwrap_or_default();
        let end_s = timeline.end_s;
        let faults: Vec<serde_json::Value> = scenario
            .troubles()
            // The run was over before the others.
            .filter(|(from_s, ..)| *from_s <= end_s)
            .map(|(from_s, to_s, what)| {
                serde_json::json!({"from": milli(from_s), "to": milli(to_s.min(end_s)), "what": what})
            })
            .collect();
        let mut marks: Vec<(f64, String)> = Vec::new();
        marks.extend(timeline.goal_s.map(|t| (t, "goal given".to_owned())));
        marks.extend(timeline.contacts.iter().map(|t| (*t, "contact".to_owned())));
        let gate = timeline.gate.iter().map(|(t, m)| (*t, format!("gate: {}", crate::words::gate_mode(*m))));
        let modes = timeline.modes.iter().map(|(t, m)| (*t, format!("mode: {}", crate::words::mode(*m))));
        marks.extend(gate.chain(modes));
        marks.sort_by(|a, b| a.0.total_cmp(&b.0));
        let marks: Vec<_> =
            marks.iter().map(|(t, what)| serde_json::json!({"t": milli(*t), "what": what})).collect();
        let events: Vec<_> = timeline
            .events
            .iter()
            .map(|e| serde_json::json!({"t": milli(e.t), "rule": e.rule, "text": e.text, "from": e.from, "to": e.to}))
            .collect();
        if let (Some(map), serde_json::Value::Object(head)) = (value.as_object_mut(), head) {
            map.extend(head);
            map.insert("faults".to_owned(), faults.into());
            map.insert("marks".to_owned(), marks.into());
            map.insert("events".to_owned(), events.into());
        }
        value
    }
}
