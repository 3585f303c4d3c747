//! What is seen of a run from outside, message by message.

use super::chain::Chain;
use super::place::{FAR_M, Mover, Place, TTC_CAP_S};
use super::series::{Glimpse, Series};
use super::timeline::{Timeline, note};
use crate::convert::{body_of, stamp_from};
use crate::lockstep::{Observed, START};
use crate::scenario::Scenario;
use outrider_foundation::data::{BodyBox, TrueBody};
use outrider_foundation::{Instant, Point2, Pose2, Span, Stamp, Twist2};
use outrider_msgs::nav_msgs::OccupancyGrid;
use outrider_msgs::outrider_msgs::{
    AssuranceState, Command, Decision, GateState, GroundTruth, GroundTruthActor, Intervention, MissionState,
    Permit, Track, WorldModel,
};
use outrider_msgs::{Message, decode, decode_without_cells, decode_without_records};

/// Slower than this is standing: m/s, rad/s.
const STILL: (f64, f64) = (0.02, 0.05);
/// The most samples that are kept: an hour of them at 20 Hz, and some.
const SAMPLE_LIMIT: usize = 80_000;
/// The most contacts that begin between two samples and are told apart.
const MET_AT_ONCE: u32 = 100;
/// The most ages of data that are kept.
const AGE_LIMIT: usize = 500_000;

/// One moment of a run, with every truth of the simulator.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// Since the start, s.
    pub t_s: f64,
    /// True pose.
    pub pose: Pose2,
    /// True velocity.
    pub twist: Twist2,
    /// From the outline to the nearest thing, m.
    pub clearance_m: f64,
    /// From the outline to the nearest moving object, m.
    pub person_gap_m: f64,
    /// Until the outline meets a moving object.
    pub ttc_s: Option<f64>,
    /// From the goal, m.
    pub goal_distance_m: f64,
    /// Contacts so far.
    pub collisions: u32,
    /// Where the world model takes the robot to be, and its standard deviation along the worst axis, m.
    pub belief: Option<(Pose2, f64)>,
    /// Mode of assurance.
    pub mode: u8,
    /// Mode of the gate.
    pub gate: u8,
    /// What the gate published last, m/s.
    pub commanded_mps: f64,
    /// Least limit of the speed zones here, m/s.
    pub zone_limit_mps: f64,
    /// From the outline to the nearest exclusion zone, m.
    pub exclusion_gap_m: f64,
    /// Confirmed tracks.
    pub tracks: usize,
    /// The goal has been given.
    pub driving: bool,
    /// A fault strikes.
    pub fault: bool,
}

impl Sample {
    /// Whether the robot moves.
    pub fn moves(&self) -> bool {
        self.twist.v_mps.abs() > STILL.0 || self.twist.w_radps.abs() > STILL.1
    }
}

/// Everything that was seen.
pub struct Eyes {
    /// The outline and the zones.
    pub place: Place,
    /// What happened when.
    pub timeline: Timeline,
    /// The run for a drawing.
    pub series: Series,
    /// What the nearest thing was at the least clearance.
    pub nearest: String,
    /// Every moment.
    pub samples: Vec<Sample>,
    /// Age of the data that forwarded commands rested on, at the gate, s.
    pub data_ages_s: Vec<f64>,
    /// The static map.
    pub map: Option<OccupancyGrid>,
    /// Messages published.
    pub messages: u64,
    /// Messages that could not be decoded, what did not fit, and contacts before the first sample.
    pub dropped: u64,
    chain: Chain,
    goal: Point2,
    /// From when to when something is wrong, s.
    wrong: Vec<(f64, f64)>,
    gate: Option<GateState>,
    mode: Option<u8>,
    decision: Option<Decision>,
    belief: Option<(WorldModel, Instant)>,
    last_data: Stamp,
    least_clearance_m: Option<f64>,
}

impl Eyes {
    /// Of a scenario's run.
    pub fn new(scenario: &Scenario, place: Place) -> Self {
        let goal = scenario.mission.iter().rev().find_map(|step| step.poses.last()).unwrap_or(&scenario.goal);
        Self {
            place,
            timeline: Timeline::default(),
            series: Series::new(scenario),
            nearest: String::new(),
            samples: Vec::new(),
            data_ages_s: Vec::new(),
            map: None,
            messages: 0,
            dropped: 0,
            chain: Chain::default(),
            goal: Point2::new(goal.x_m, goal.y_m),
            wrong: scenario.troubles().map(|(from_s, to_s, _)| (from_s, to_s)).collect(),
            gate: None,
            mode: None,
            decision: None,
            belief: None,
            last_data: Stamp::default(),
            least_clearance_m: None,
        }
    }

    /// Takes a message as it is published.
    pub fn see(&mut self, observed: &Observed) {
        if observed.altered {
            return;
        }
        self.messages += 1;
        let t_s = observed.now.mono.since(START.mono).as_s();
        let bytes = observed.bytes;
        let seen = match (observed.topic.name.as_str(), observed.from) {
            ("sim/ground_truth", "sim") => read(bytes, |truth| self.truth(t_s, &truth)),
            ("gate/state", "gate") => read(bytes, |state| self.gate(t_s, observed, state)),
            ("assurance/state", _) => decode_without_records(bytes)
                .map(|state: AssuranceState| {
                    self.mode = Some(state.mode);
                    note(&mut self.timeline.modes, t_s, state.mode);
                })
                .is_ok(),
            ("assurance/event", _) => read(bytes, |event: Intervention| self.timeline.event(t_s, event)),
            ("assurance/permit", _) => {
                read(bytes, |permit: Permit| self.chain.permit(observed.boot_id, &permit))
            }
            ("cmd_vel_nominal" | "cmd_vel_recovery", _) => decode_without_records(bytes)
                .map(|command: Command| self.chain.command(observed.boot_id, &command))
                .is_ok(),
            ("decision", _) => decode_without_records(bytes)
                .map(|decision: Decision| {
                    self.chain.decision(observed.boot_id, &decision);
                    self.decision = Some(decision);
                })
                .is_ok(),
            ("world_model", _) => decode_without_cells(bytes)
                .map(|model: WorldModel| {
                    self.chain.model(observed.boot_id, model.sequence);
                    self.belief = Some((model, observed.now.mono));
                })
                .is_ok(),
            ("planner/mission_state", _) => {
                read(bytes, |state: MissionState| note(&mut self.timeline.missions, t_s, state.status))
            }
            ("map", _) => read(bytes, |map| self.map = Some(map)),
            ("goal_pose" | "planner/mission_request", "") => {
                self.timeline.goal_s = self.timeline.goal_s.or(Some(t_s));
                true
            }
            _ => true,
        };
        self.dropped += u64::from(!seen);
    }

    /// The end of the run.
    pub fn finish(&mut self, elapsed_s: f64) {
        self.timeline.end_s = elapsed_s;
    }

    /// Share of the forwarded commands that the record explains in full.
    pub fn completeness(&self) -> Option<f64> {
        self.chain.completeness()
    }

    /// A person's disc; a vehicle's body, and its forks.
    fn movers(actor: &GroundTruthActor) -> Vec<Mover> {
        let (s, c) = libm::sincos(actor.yaw);
        let velocity_mps = [actor.v * c, actor.v * s];
        let Some(TrueBody { length_m, width_m, forks_m }) = body_of(actor) else {
            return vec![Mover::disc(Point2::new(actor.x, actor.y), velocity_mps, actor.radius)];
        };
        let pose = Pose2::new(actor.x, actor.y, actor.yaw);
        let ahead = pose.then(Pose2::new(0.5 * (length_m + forks_m), 0.0, 0.0));
        let body = BodyBox { pose, length_m, width_m };
        let forks = BodyBox { pose: ahead, length_m: forks_m, width_m: TrueBody::FORKS_SHARE * width_m };
        let parts = std::iter::once(body).chain((forks_m > 0.0).then_some(forks));
        parts.map(|part| Mover::rectangle(part, velocity_mps)).collect()
    }

    fn gate(&mut self, t_s: f64, observed: &Observed, state: GateState) {
        note(&mut self.timeline.gate, t_s, state.mode);
        self.chain.gate(&state);
        let stamp = stamp_from(&state.data_stamp).unwrap_or_default();
        if state.mode == GateState::FORWARDING && stamp != self.last_data && stamp != Stamp::default() {
            self.last_data = stamp;
            if self.data_ages_s.len() < AGE_LIMIT {
                self.data_ages_s.push(observed.now.ros.since(stamp).as_s());
            }
        }
        self.gate = Some(state);
    }

    fn truth(&mut self, t_s: f64, truth: &GroundTruth) {
        let pose = Pose2::new(truth.x, truth.y, truth.yaw);
        let twist = Twist2::new(truth.v, truth.w);
        let movers: Vec<Mover> = truth.actors.iter().flat_map(Self::movers).collect();
        let moves = twist.v_mps.abs() > STILL.0 || twist.w_radps.abs() > STILL.1;
        note(&mut self.timeline.moving, t_s, moves);
        let before = self.samples.last().map_or(0, |s| s.collisions);
        // Of contacts before anybody looked nothing is known.
        self.dropped += u64::from(self.samples.is_empty() && truth.collisions > 0);
        for contact in before..truth.collisions.min(before.saturating_add(MET_AT_ONCE)) {
            let touched = if contact == before { &truth.nearest } else { "something else as well" };
            self.timeline.contacts.push(t_s);
            self.timeline.touched.push(touched.to_owned());
        }
        if self.least_clearance_m.is_none_or(|least| truth.clearance < least) {
            self.least_clearance_m = Some(truth.clearance);
            self.nearest.clone_from(&truth.nearest);
        }
        let now = START.mono + Span::from_s(t_s);
        let sample = Sample {
            t_s,
            pose,
            twist,
            clearance_m: truth.clearance.min(FAR_M),
            person_gap_m: self.place.person_gap_m(pose, &movers),
            ttc_s: if moves { self.place.time_to_collision_s(pose, twist, &movers) } else { None },
            goal_distance_m: pose.position().distance_m(self.goal),
            collisions: truth.collisions,
            belief: self.belief.as_ref().and_then(|(model, seen)| believed(model, now.since(*seen))),
            mode: self.mode.unwrap_or(Permit::SAFE_STOP),
            gate: self.gate.as_ref().map_or(GateState::DISARMED, |g| g.mode),
            commanded_mps: self.gate.as_ref().map_or(0.0, |g| g.v),
            zone_limit_mps: self.place.speed_limit_mps(pose.position()).map_or(FAR_M, |z| z.0),
            exclusion_gap_m: self.place.exclusion_gap_m(pose).0,
            tracks: self.belief.as_ref().map_or(0, |(model, _)| confirmed(model).count()),
            driving: self.timeline.goal_s.is_some(),
            fault: self.wrong.iter().any(|(from_s, to_s)| t_s >= *from_s && t_s < *to_s),
        };
        if self.samples.len() < SAMPLE_LIMIT {
            self.samples.push(sample);
        } else {
            self.dropped += 1;
        }
        let tracks: Vec<&Track> = self.belief.iter().flat_map(|(model, _)| confirmed(model)).collect();
        let reason = || reason(self.decision.as_ref(), self.gate.as_ref());
        self.series.take(&Glimpse { sample: &sample, truth, tracks: &tracks, reason: &reason });
    }
}

fn confirmed(model: &WorldModel) -> impl Iterator<Item = &Track> {
    model.tracks.iter().filter(|t| matches!(t.state, Track::CONFIRMED | Track::COASTING | Track::STANDING))
}

/// The pose in the map that a model stands for after so long.
fn believed(model: &WorldModel, since: Span) -> Option<(Pose2, f64)> {
    if !model.localised {
        return None;
    }
    let pose = Pose2::new(model.ego_x, model.ego_y, model.ego_yaw);
    let twist = Twist2::new(model.ego_v, model.ego_w);
    let c = |i: usize| model.ego_covariance.get(i).copied().unwrap_or(f64::NAN);
    let (half, twice) = (0.5 * (c(0) + c(4)), 0.5 * (c(0) - c(4)));
    let sigma_m = (half + libm::hypot(twice, c(1))).max(0.0).sqrt();
    Some((pose.advance(twist, since.as_s().clamp(0.0, 1.0)), sigma_m))
}

/// Why the robot does what it does, in the words of whoever decides.
fn reason(decision: Option<&Decision>, gate: Option<&GateState>) -> String {
    match gate {
        Some(gate) if gate.mode != GateState::FORWARDING => gate.reason.clone(),
        _ => decision.map_or_else(String::new, |d| match d.constraint.as_str() {
            // Some choices are told by what constrains them.
            constraint if d.chosen.contains(constraint) => d.chosen.clone(),
            constraint => format!("{}: {constraint}", d.chosen),
        }),
    }
}

fn read<M: Message>(bytes: &[u8], take: impl FnOnce(M)) -> bool {
    decode(bytes).map(take).is_ok()
}

/// A time to collision as a signal.
pub(crate) fn capped(ttc_s: Option<f64>) -> f64 {
    ttc_s.unwrap_or(TTC_CAP_S).min(TTC_CAP_S)
}
