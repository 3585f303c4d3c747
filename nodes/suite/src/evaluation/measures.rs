//! The measures of a run. Definitions and sources: `docs/evaluation.md`.

use super::eyes::{Eyes, Sample};
use super::place::shortest_m;
use super::{number, rounded};
use crate::drive::DriveResult;
use crate::scenario::Scenario;
use outrider_foundation::Point2;
use outrider_msgs::outrider_msgs::{GateState, Permit};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A moving robot nearer to somebody than this has nearly hit them, m.
pub const NEAR_MISS_GAP_M: f64 = 0.2;
/// So has one that would meet them sooner than this, s.
pub const NEAR_MISS_TTC_S: f64 = 0.8;
/// Moments of danger closer together than this are one, s.
const EPISODE_GAP_S: f64 = 1.0;
/// From this speed on a robot's nearness counts, m/s.
const NEAR_MISS_SPEED_MPS: f64 = 0.1;
/// Threshold of the times exposed and integrated (TET, TIT), s: that of `time_to_collision.stl`.
pub const TTC_THRESHOLD_S: f64 = 2.0;
/// Radius of the intimate space, between outline and body, m.
pub const INTIMATE_SPACE_M: f64 = 0.45;
/// Radius of the personal space, m.
pub const PERSONAL_SPACE_M: f64 = 1.2;
/// The robot moved within so long before a contact: it is a collision in motion, s.
pub(crate) const IN_MOTION_S: f64 = 0.3;

/// Numbers of a run; none where there is nothing to measure.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "units are in the names, definitions in docs/evaluation.md")]
pub struct Measures {
    pub elapsed_s: f64,
    pub drive_time_s: f64,
    pub distance_m: f64,
    pub goal_distance_m: Option<f64>,
    pub shortest_m: Option<f64>,
    pub path_efficiency: Option<f64>,
    pub spl: Option<f64>,
    pub collisions: u32,
    pub collisions_at_rest: u32,
    pub near_misses: u32,
    pub least_clearance_m: Option<f64>,
    pub nearest: String,
    pub least_person_gap_m: Option<f64>,
    pub least_ttc_s: Option<f64>,
    pub tet_s: f64,
    pub tit_s2: f64,
    pub intrusions: u32,
    pub intimate_s: f64,
    pub personal_s: f64,
    pub accel_max_mps2: f64,
    pub decel_max_mps2: f64,
    pub accel_rms_mps2: f64,
    pub jerk_max_mps3: f64,
    pub jerk_rms_mps3: f64,
    pub turn_rate_max_radps: f64,
    pub speed_max_mps: f64,
    pub speed_mean_mps: f64,
    pub stops: u32,
    pub interventions: u64,
    pub disengagements: u32,
    pub mode_s: BTreeMap<String, f64>,
    pub gate_s: BTreeMap<String, f64>,
    pub data_age_s: Percentiles,
    pub position_error_max_m: Option<f64>,
    pub position_error_rms_m: Option<f64>,
    pub completeness: Option<f64>,
    pub messages: u64,
    pub not_seen: u64,
}

/// Nearest-rank percentiles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "they are what they are called")]
pub struct Percentiles {
    pub p50: Option<f64>,
    pub p95: Option<f64>,
    pub p99: Option<f64>,
}

impl Percentiles {
    /// Of values in any order.
    pub fn of(values: &[f64]) -> Self {
        let mut sorted: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let rank = (share * sorted.len() as f64).ceil() as usize;
            sorted.get(rank.saturating_sub(1)).copied().and_then(number)
        };
        Self { p50: at(0.5), p95: at(0.95), p99: at(0.99) }
    }
}

/// Measures a run that has ended.
pub fn measure(scenario: &Scenario, result: &DriveResult, eyes: &Eyes) -> Measures {
    let driven: Vec<Sample> = eyes.samples.iter().filter(|s| s.driving).copied().collect();
    let timeline = &eyes.timeline;
    let goal_s = timeline.goal_s.unwrap_or(timeline.end_s);
    let collisions = eyes.samples.last().map_or(0, |s| s.collisions);
    let in_motion = timeline.contacts.iter().filter(|t| was_moving(&eyes.samples, **t)).count() as u32;
    let mut measures = Measures {
        elapsed_s: rounded(result.elapsed_s),
        drive_time_s: rounded(result.drive_time_s),
        distance_m: rounded(result.distance_m),
        goal_distance_m: number(result.goal_distance_m),
        collisions,
        collisions_at_rest: (timeline.contacts.len() as u32).saturating_sub(in_motion),
        least_clearance_m: number(result.least_clearance_m),
        nearest: eyes.nearest.clone(),
        interventions: timeline.events.iter().filter(|e| e.t >= goal_s).count() as u64
            + timeline.events_dropped,
        stops: stops(eyes, goal_s),
        disengagements: disengagements(&timeline.gate, goal_s),
        mode_s: named(&timeline.durations(&timeline.modes, goal_s), &MODES),
        gate_s: named(&timeline.durations(&timeline.gate, goal_s), &GATE_MODES),
        data_age_s: Percentiles::of(&eyes.data_ages_s),
        completeness: eyes.completeness().and_then(number),
        messages: eyes.messages,
        not_seen: eyes.dropped + timeline.events_dropped,
        ..Measures::default()
    };
    of_people(&driven, &mut measures);
    of_comfort(&driven, &mut measures);
    of_place(&driven, &mut measures);
    of_way(scenario, result, eyes, &mut measures);
    measures
}

const MODES: [(u8, &str); 4] = [
    (Permit::NOMINAL, "nominal"),
    (Permit::DEGRADED, "degraded"),
    (Permit::SAFE_STOP, "safe_stop"),
    (Permit::E_STOP, "e_stop"),
];
const GATE_MODES: [(u8, &str); 5] = [
    (GateState::DISARMED, "disarmed"),
    (GateState::STOPPING, "stopping"),
    (GateState::FORWARDING, "forwarding"),
    (GateState::TELEOP, "teleop"),
    (GateState::E_STOP, "e_stop"),
];

/// The modes that `mode_s` has times of, or the gate's, that `gate_s` has.
pub fn mode_names(of_gate: bool) -> impl Iterator<Item = &'static str> {
    let names: &[(u8, &'static str)] = if of_gate { &GATE_MODES } else { &MODES };
    names.iter().map(|(_, name)| *name)
}

fn named(sums: &BTreeMap<u8, f64>, names: &[(u8, &str)]) -> BTreeMap<String, f64> {
    let of =
        |(code, name): &(u8, &str)| ((*name).to_owned(), rounded(sums.get(code).copied().unwrap_or(0.0)));
    names.iter().map(of).collect()
}

/// Whether the robot moved shortly before.
pub(crate) fn was_moving(samples: &[Sample], at_s: f64) -> bool {
    let before = samples.iter().filter(|s| s.t_s < at_s && s.t_s >= at_s - IN_MOTION_S);
    before.into_iter().any(Sample::moves)
}

/// Times from the goal on that the gate ceased to forward while the robot moved.
fn stops(eyes: &Eyes, goal_s: f64) -> u32 {
    let gate = &eyes.timeline.gate;
    let ends = gate.iter().zip(gate.iter().skip(1)).filter(|(a, b)| {
        let ceased = a.1 == GateState::FORWARDING && b.1 != GateState::FORWARDING;
        b.0 >= goal_s && ceased && was_moving(&eyes.samples, b.0)
    });
    ends.count() as u32
}

/// Times from the goal on that a robot that drove by itself did so no more until somebody acted.
fn disengagements(gate: &[(f64, u8)], goal_s: f64) -> u32 {
    let by_itself = |mode: u8| matches!(mode, GateState::STOPPING | GateState::FORWARDING);
    let changes = gate.iter().zip(gate.iter().skip(1)).filter(|(_, b)| b.0 >= goal_s);
    changes.filter(|(a, b)| by_itself(a.1) && !by_itself(b.1)).count() as u32
}

/// Moments, joined into episodes.
fn episodes(moments: impl Iterator<Item = f64>) -> u32 {
    let mut last: Option<f64> = None;
    let mut count = 0;
    for t_s in moments {
        count += u32::from(last.is_none_or(|before| t_s - before > EPISODE_GAP_S));
        last = Some(t_s);
    }
    count
}

/// Samples with the time to the next.
fn spans(samples: &[Sample]) -> impl Iterator<Item = (&Sample, f64)> {
    samples.iter().zip(samples.iter().skip(1)).map(|(a, b)| (a, b.t_s - a.t_s))
}

fn of_people(driven: &[Sample], measures: &mut Measures) {
    let moving = || driven.iter().filter(|s| s.moves());
    let least = |values: &mut dyn Iterator<Item = f64>| values.reduce(f64::min).and_then(number);
    let somebody = |s: &&Sample| s.person_gap_m < super::place::FAR_M;
    measures.least_person_gap_m = least(&mut moving().filter(somebody).map(|s| s.person_gap_m));
    measures.least_ttc_s = least(&mut moving().filter_map(|s| s.ttc_s));
    let fast = || moving().filter(|s| s.twist.v_mps.abs() > NEAR_MISS_SPEED_MPS);
    let danger =
        |s: &&Sample| s.person_gap_m < NEAR_MISS_GAP_M || s.ttc_s.is_some_and(|ttc| ttc < NEAR_MISS_TTC_S);
    measures.near_misses = episodes(fast().filter(danger).map(|s| s.t_s));
    measures.intrusions = episodes(fast().filter(|s| s.person_gap_m < INTIMATE_SPACE_M).map(|s| s.t_s));
    for (s, dt_s) in spans(driven).filter(|(s, _)| s.moves()) {
        if let Some(ttc_s) = s.ttc_s.filter(|ttc| *ttc < TTC_THRESHOLD_S) {
            measures.tet_s += dt_s;
            measures.tit_s2 += (TTC_THRESHOLD_S - ttc_s) * dt_s;
        }
        if s.person_gap_m < INTIMATE_SPACE_M {
            measures.intimate_s += dt_s;
        } else if s.person_gap_m < PERSONAL_SPACE_M {
            measures.personal_s += dt_s;
        }
    }
    for sum in [&mut measures.tet_s, &mut measures.tit_s2, &mut measures.intimate_s, &mut measures.personal_s]
    {
        *sum = rounded(*sum);
    }
}

fn of_comfort(driven: &[Sample], measures: &mut Measures) {
    let slope = |a: (f64, f64), b: (f64, f64)| (0.5 * (a.0 + b.0), (b.1 - a.1) / (b.0 - a.0).max(1e-3));
    let speeds: Vec<(f64, f64)> = driven.iter().map(|s| (s.t_s, s.twist.v_mps)).collect();
    let derive = |values: &[(f64, f64)]| -> Vec<(f64, f64)> {
        values.iter().zip(values.iter().skip(1)).map(|(a, b)| slope(*a, *b)).collect()
    };
    let accelerations = derive(&speeds);
    let jerks = derive(&accelerations);
    let rms = |values: &[(f64, f64)]| {
        let sum: f64 = values.iter().map(|v| v.1 * v.1).sum();
        if values.is_empty() { 0.0 } else { rounded((sum / values.len() as f64).sqrt()) }
    };
    let most = |values: &mut dyn Iterator<Item = f64>| rounded(values.fold(0.0, f64::max));
    // Forward or back, what matters is whether the robot becomes faster or slower.
    let signed: Vec<f64> = accelerations
        .iter()
        .zip(speeds.iter().zip(speeds.iter().skip(1)))
        .map(|(a, (v0, v1))| if v0.1 + v1.1 < 0.0 { -a.1 } else { a.1 })
        .collect();
    measures.accel_max_mps2 = most(&mut signed.iter().copied());
    measures.decel_max_mps2 = most(&mut signed.iter().map(|a| -a));
    measures.accel_rms_mps2 = rms(&accelerations);
    measures.jerk_max_mps3 = most(&mut jerks.iter().map(|j| j.1.abs()));
    measures.jerk_rms_mps3 = rms(&jerks);
    measures.turn_rate_max_radps = most(&mut driven.iter().map(|s| s.twist.w_radps.abs()));
    measures.speed_max_mps = most(&mut driven.iter().map(|s| s.twist.v_mps.abs()));
    let mean: f64 = driven.iter().map(|s| s.twist.v_mps.abs()).sum();
    measures.speed_mean_mps = if driven.is_empty() { 0.0 } else { rounded(mean / driven.len() as f64) };
}

fn of_place(driven: &[Sample], measures: &mut Measures) {
    let errors: Vec<f64> = driven
        .iter()
        .filter_map(|s| s.belief.map(|(pose, _)| pose.position().distance_m(s.pose.position())))
        .filter(|e| e.is_finite())
        .collect();
    measures.position_error_max_m = errors.iter().copied().reduce(f64::max).and_then(number);
    let squares: f64 = errors.iter().map(|e| e * e).sum();
    measures.position_error_rms_m =
        (!errors.is_empty()).then(|| rounded((squares / errors.len() as f64).sqrt()));
}

fn of_way(scenario: &Scenario, result: &DriveResult, eyes: &Eyes, measures: &mut Measures) {
    let one_goal = scenario.mission.is_empty();
    let start = Point2::new(scenario.start.x_m, scenario.start.y_m);
    let goal = Point2::new(scenario.goal.x_m, scenario.goal.y_m);
    let map = eyes.map.as_ref().filter(|_| one_goal);
    let inscribed_m = eyes.place.footprint.inscribed_m();
    measures.shortest_m = map.and_then(|map| shortest_m(map, inscribed_m, start, goal)).and_then(number);
    let Some(shortest_m) = measures.shortest_m else { return };
    let share = if result.distance_m > shortest_m { shortest_m / result.distance_m } else { 1.0 };
    if result.reached {
        measures.path_efficiency = number(share);
    }
    measures.spl = number(if result.reached { share } else { 0.0 });
}
