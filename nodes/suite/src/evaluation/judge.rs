//! The verdict on a run: what the scenario expected, its criteria, and what may never be.

use super::eyes::{Eyes, Sample, capped};
use super::measures::{Measures, was_moving};
use super::rounded;
use crate::drive::DriveResult;
use crate::scenario::expect::{AssuranceMode, Criteria, Occurrence, Outcome, RUN_SIGNALS};
use crate::scenario::{Scenario, parameters::CASE_LIMIT};
use outrider_foundation::validate::key_within;
use outrider_foundation::{Instant, Pose2, Robot, Span};
use outrider_msgs::outrider_msgs::GateState;
use outrider_sim::EventSpec;
use outrider_stl::{Limits, Monitor, State};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A robot that has moved no farther than this has not set off, m.
const SET_OFF_M: f64 = 0.05;
/// Standing for so long at the end is having stopped, s.
const STOPPED_S: f64 = 1.0;
/// Faster than a zone's limit by more than this is too fast, m/s: what assurance tolerates, and the noise of odometry.
const ZONE_TOLERANCE_MPS: f64 = 0.1;
/// Faster than the robot's limits by more than this is too fast: m/s, rad/s.
const LIMIT_TOLERANCE: (f64, f64) = (0.1, 0.2);
/// So long after a setting of the drive has changed the robot may be beyond its limits, s: what a wheel does that has just seized nobody
/// prevents; the guards' reaction (0.1 s) and braking until one wheel leaves of the speed no more than the limits.
const JUST_BROKEN_S: f64 = 0.6;
/// So long after the gate has ceased to drive by itself, and is not driven by hand, the robot stands, s: from top speed with a
/// third of its brakes.
const STANDS_AFTER_S: f64 = 3.0;
/// What begins with the goal has no beginning.
const NO_GOAL: &str = "the goal was never given";
/// The signal of what begins with it: without it a formula about the drive holds of nothing.
const DRIVING: &str = "driving";
/// Faults of one kind that are told one by one.
const TOLD: usize = 20;

/// A check that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Which: a key of `expect` or `criteria`.
    pub check: String,
    /// Value and limit in a sentence.
    pub text: String,
}

/// Something that may never be, whatever a scenario expects.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Violation {
    /// Which rule.
    pub rule: String,
    /// When, s.
    pub at_s: f64,
    /// In a sentence.
    pub text: String,
}

/// What came of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// How it ended.
    pub outcome: Outcome,
    /// Nothing failed and nothing was violated.
    pub passed: bool,
    /// What failed.
    pub failures: Vec<Failure>,
    /// What was violated.
    pub violations: Vec<Violation>,
    /// Least robustness of every formula; none where it never could be said.
    pub stl: BTreeMap<String, Option<f64>>,
}

/// Judges a run that has ended; `robot` is what every node knows of it.
pub fn judge(
    scenario: &Scenario,
    robot: &Robot,
    result: &DriveResult,
    eyes: &Eyes,
    measures: &Measures,
) -> Verdict {
    let mut failures = Vec::new();
    let outcome = outcome(result, eyes);
    let wanted = scenario.expect.outcome;
    let as_wanted = match wanted {
        Outcome::Any => true,
        Outcome::NotReached => outcome != Outcome::Reached,
        // Who never set off has stopped as well.
        Outcome::Stopped => matches!(outcome, Outcome::Stopped | Outcome::Refused),
        wanted => outcome == wanted,
    };
    if !as_wanted {
        let text = format!("{} instead of {}", word(outcome), word(wanted));
        failures.push(Failure { check: "expect.outcome".to_owned(), text });
    }
    if measures.not_seen > 0 {
        let text = format!(
            "{} messages or contacts could not be read, kept or seen: nothing is known of them",
            measures.not_seen
        );
        failures.push(Failure { check: "not_seen".to_owned(), text });
    }
    occurrences(scenario, eyes, &mut failures);
    criteria(scenario, eyes, measures, &mut failures);
    let stl = formulas(scenario, eyes, &mut failures);
    let violations = violations(scenario, robot, eyes);
    Verdict { outcome, passed: failures.is_empty() && violations.is_empty(), failures, violations, stl }
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Reached => "reached",
        Outcome::Stopped => "stopped",
        Outcome::Refused => "refused",
        Outcome::NotReached => "not_reached",
        Outcome::Any => "any",
    }
}

fn outcome(result: &DriveResult, eyes: &Eyes) -> Outcome {
    if result.reached {
        return Outcome::Reached;
    }
    let moved_m = match (eyes.samples.first(), eyes.samples.last()) {
        (Some(first), Some(_)) => {
            let from = first.pose.position();
            eyes.samples.iter().map(|s| s.pose.position().distance_m(from)).fold(0.0, f64::max)
        }
        _ => 0.0,
    };
    if moved_m <= SET_OFF_M {
        return Outcome::Refused;
    }
    let stands = eyes
        .timeline
        .moving
        .last()
        .is_some_and(|(since, moves)| !moves && eyes.timeline.end_s - since >= STOPPED_S);
    if stands { Outcome::Stopped } else { Outcome::NotReached }
}

/// From when to when something is looked for, s; `None` where it has no beginning in this run.
fn window(scenario: &Scenario, eyes: &Eyes, occurrence: &Occurrence) -> Option<(f64, f64)> {
    let fault = occurrence.after_fault.and_then(|index| scenario.faults.get(index)).map(|f| f.at_s);
    let event = occurrence.after_event.and_then(|index| scenario.events.get(index)).map(|e| e.at_s);
    let from_s = match (fault.or(event), occurrence.after_s) {
        (Some(begin_s), more_s) => begin_s + more_s.unwrap_or(0.0),
        (None, Some(at_s)) => at_s,
        (None, None) => eyes.timeline.goal_s?,
    };
    Some((from_s, occurrence.within_s.map_or(f64::INFINITY, |s| from_s + s)))
}

fn occurrences(scenario: &Scenario, eyes: &Eyes, failures: &mut Vec<Failure>) {
    let mut fail = |check: String, text: String| failures.push(Failure { check, text });
    let words = |o: &Occurrence| serde_json::to_string(&o.what).unwrap_or_default();
    // What begins when the run is over says nothing, of what has to happen or of what may not.
    let over =
        |from_s: f64| format!("the run was over at {:.3} s, before {from_s:.3} s", eyes.timeline.end_s);
    for (i, must) in scenario.expect.must.iter().enumerate() {
        let check = format!("expect.must[{i}]");
        let Some((from_s, to_s)) = window(scenario, eyes, must) else {
            fail(check, format!("{}: {NO_GOAL}", words(must)));
            continue;
        };
        if from_s > eyes.timeline.end_s {
            fail(check, format!("{}: {}", words(must), over(from_s)));
        } else if eyes.timeline.first(&must.what, from_s, to_s.min(eyes.timeline.end_s)).is_none() {
            let end = if to_s.is_finite() { format!("{to_s:.3} s") } else { "the end".to_owned() };
            fail(check, format!("{} did not happen from {from_s:.3} s to {end}", words(must)));
        }
    }
    for (i, never) in scenario.expect.must_not.iter().enumerate() {
        let check = format!("expect.must_not[{i}]");
        let Some((from_s, to_s)) = window(scenario, eyes, never) else {
            fail(check, format!("{}: {NO_GOAL}", words(never)));
            continue;
        };
        if from_s > eyes.timeline.end_s {
            fail(check, format!("{}: {}", words(never), over(from_s)));
        } else if let Some(t) = eyes.timeline.first(&never.what, from_s, to_s.min(eyes.timeline.end_s)) {
            fail(check, format!("{} happened at {t:.3} s", words(never)));
        }
    }
}

fn criteria(scenario: &Scenario, eyes: &Eyes, measures: &Measures, failures: &mut Vec<Failure>) {
    let criteria = &scenario.criteria;
    let mut fail = |check: &str, text: String| {
        failures.push(Failure { check: format!("criteria.{check}"), text });
    };
    if eyes.timeline.goal_s.is_none() {
        of_the_drive(criteria).for_each(|check| fail(check, NO_GOAL.to_owned()));
    }
    let collisions = measures.collisions;
    if collisions > criteria.collisions_max {
        let first = eyes.timeline.contacts.get(criteria.collisions_max as usize).copied();
        fail(
            "collisions_max",
            format!("{collisions}, allowed are {}{}", criteria.collisions_max, since(first)),
        );
    }
    let first = |is_so: &dyn Fn(&Sample) -> bool| eyes.samples.iter().find(|s| is_so(s)).map(|s| s.t_s);
    let mut least = |check: &str, value: Option<f64>, limit: Option<f64>, of: fn(&Sample) -> f64| {
        if let (Some(value), Some(limit)) = (value, limit)
            && value < limit
        {
            let begin = since(first(&|s| of(s) < limit));
            fail(check, format!("{value:.3}, the least is {limit}{begin}"));
        }
    };
    least("least_clearance_m", measures.least_clearance_m, criteria.least_clearance_m, |s| s.clearance_m);
    // Of who comes near a robot that stands nothing is asked.
    let gap_m = |s: &Sample| if s.driving && s.moves() { s.person_gap_m } else { f64::INFINITY };
    least("least_person_gap_m", measures.least_person_gap_m, criteria.least_person_gap_m, gap_m);
    let mut most = |check: &str, value: f64, limit: Option<f64>, first: Option<f64>| {
        if let Some(limit) = limit
            && value > limit
        {
            fail(check, format!("{value:.3}, the most is {limit}{}", since(first)));
        }
    };
    most("drive_time_max_s", measures.drive_time_s, criteria.drive_time_max_s, None);
    let limit_mps = criteria.speed_max_mps.unwrap_or(f64::INFINITY);
    let too_fast = first(&|s| s.driving && s.twist.v_mps.abs() > limit_mps);
    most("speed_max_mps", measures.speed_max_mps, criteria.speed_max_mps, too_fast);
    most("stops_max", f64::from(measures.stops), criteria.stops_max.map(|v| v as f64), None);
    most("near_misses_max", f64::from(measures.near_misses), criteria.near_misses_max.map(f64::from), None);
    if let Some(text) = forbidden_mode(&criteria.modes_allowed, eyes) {
        fail("modes_allowed", text);
    }
}

/// The limits that are set on what begins with the goal being given: without it nothing is measured that could exceed them.
fn of_the_drive(criteria: &Criteria) -> impl Iterator<Item = &'static str> {
    let set = [
        ("least_person_gap_m", criteria.least_person_gap_m.is_some()),
        ("drive_time_max_s", criteria.drive_time_max_s.is_some()),
        ("speed_max_mps", criteria.speed_max_mps.is_some()),
        ("stops_max", criteria.stops_max.is_some()),
        ("near_misses_max", criteria.near_misses_max.is_some()),
        ("modes_allowed", !criteria.modes_allowed.is_empty()),
    ];
    set.into_iter().filter_map(|(check, is_set)| is_set.then_some(check))
}

/// When a check failed first, for whoever looks it up in the run.
fn since(first_s: Option<f64>) -> String {
    first_s.map_or_else(String::new, |t_s| format!(", first at {t_s:.3} s"))
}

/// The first mode that is not allowed, once one that is has been reached: a suite that has just been started is in safe stop.
fn forbidden_mode(allowed: &[AssuranceMode], eyes: &Eyes) -> Option<String> {
    let goal_s = eyes.timeline.goal_s?;
    let is_allowed = |code: u8| allowed.iter().any(|m| m.code() == code);
    if allowed.is_empty() {
        return None;
    }
    let modes = &eyes.timeline.modes;
    let end = |i: usize| modes.get(i + 1).map_or(eyes.timeline.end_s, |next| next.0);
    let mut after =
        modes.iter().enumerate().filter(|(i, _)| end(*i) > goal_s).skip_while(|(_, m)| !is_allowed(m.1));
    if after.clone().next().is_none() {
        return Some(format!("none of them from {goal_s:.3} s on"));
    }
    let (i, (begin, code)) = after.find(|(_, m)| !is_allowed(m.1))?;
    let name = AssuranceMode::ALL.iter().find(|m| m.code() == *code).map_or("unknown", |m| m.name());
    Some(format!("{name} from {begin:.3} s to {:.3} s", end(i)))
}

/// In the order of [`RUN_SIGNALS`]. `belief` is that of the sample, or the last one before.
fn signals(s: &Sample, belief: Option<(Pose2, f64)>, acceleration_mps2: f64) -> [f64; RUN_SIGNALS.len()] {
    let truth = |b: bool| f64::from(u8::from(b));
    let error_m = belief.map_or(0.0, |(pose, _)| pose.position().distance_m(s.pose.position()));
    let armed = !matches!(s.gate, GateState::DISARMED | GateState::E_STOP);
    [
        s.t_s,
        s.twist.v_mps,
        s.twist.w_radps,
        acceleration_mps2,
        s.clearance_m,
        s.person_gap_m,
        capped(s.ttc_s),
        s.goal_distance_m,
        error_m,
        belief.map_or(0.0, |(_, sigma)| sigma),
        f64::from(s.mode),
        truth(s.gate == GateState::FORWARDING),
        s.commanded_mps,
        s.zone_limit_mps,
        s.exclusion_gap_m,
        s.tracks as f64,
        truth(armed),
        truth(s.driving),
        truth(s.fault),
    ]
}

fn formulas(scenario: &Scenario, eyes: &Eyes, failures: &mut Vec<Failure>) -> BTreeMap<String, Option<f64>> {
    // Read when the scenario was.
    let formulas = scenario.criteria.formulas().unwrap_or_default();
    let mut robustness = BTreeMap::new();
    for (name, formula) in formulas {
        let mut fail = |text: String| {
            failures.push(Failure { check: format!("criteria.stl.{name}"), text });
        };
        if eyes.timeline.goal_s.is_none() && formula.reads(DRIVING) {
            fail(NO_GOAL.to_owned());
            continue;
        }
        let places: Vec<usize> = formula
            .signals()
            .iter()
            .filter_map(|wanted| RUN_SIGNALS.iter().position(|(name, ..)| name == wanted))
            .collect();
        let limits = Limits {
            period: Span::from_millis(5),
            max_gap: None,
            samples_max: eyes.samples.len().max(CASE_LIMIT),
            memory_max_bytes: 64 << 20,
        };
        let mut monitor = match Monitor::new(formula, &limits) {
            Ok(monitor) => monitor,
            Err(error) => {
                fail(error.to_string());
                continue;
            }
        };
        let mut least: Option<f64> = None;
        let mut first: Option<String> = None;
        let mut judged = false;
        let (mut before, mut belief): (Option<Sample>, _) = (None, None);
        for sample in &eyes.samples {
            let acceleration = before.map_or(0.0, |b: Sample| {
                (sample.twist.v_mps - b.twist.v_mps) / (sample.t_s - b.t_s).max(1e-3)
            });
            before = Some(*sample);
            belief = sample.belief.or(belief);
            let all = signals(sample, belief, acceleration);
            let values: Vec<Option<f64>> = places.iter().map(|i| all.get(*i).copied()).collect();
            let verdict = monitor.update(Instant::default() + Span::from_s(sample.t_s), &values);
            judged |= verdict.state != State::Unknown;
            match verdict.state {
                State::Unknown => continue,
                State::Ok => {}
                State::Violated => {
                    let text =
                        || format!("violated at {:.3} s, robustness {:.4}", sample.t_s, verdict.robustness);
                    first = first.or_else(|| Some(text()));
                }
                State::Invalid(reason) => {
                    let text = || format!("cannot be judged at {:.3} s: {reason:?}", sample.t_s);
                    first = first.or_else(|| Some(text()));
                }
            }
            if verdict.robustness.is_finite() {
                least = Some(least.map_or(verdict.robustness, |l| l.min(verdict.robustness)));
            }
        }
        if let Some(text) = first {
            fail(text);
        } else if !judged {
            fail("never judged: no sample came with its windows full".to_owned());
        }
        robustness.insert(name, least.map(rounded));
    }
    robustness
}

/// What may never be.
fn violations(scenario: &Scenario, robot: &Robot, eyes: &Eyes) -> Vec<Violation> {
    let of_the_drive = |event: &&EventSpec| event.set.keys().any(|key| key_within(key, "drive"));
    let broken: Vec<f64> = scenario.events.iter().filter(of_the_drive).map(|event| event.at_s).collect();
    let just_broken = |s: &Sample| broken.iter().any(|at_s| (0.0..JUST_BROKEN_S).contains(&(s.t_s - at_s)));
    let mut found: Vec<Violation> = Vec::new();
    let mut tell = |rule: &str, at_s: f64, text: String| {
        if found.iter().filter(|v| v.rule == rule).count() < TOLD {
            found.push(Violation { rule: rule.to_owned(), at_s: rounded(at_s), text });
        }
    };
    let contacts = eyes.timeline.contacts.iter().zip(&eyes.timeline.touched);
    for (at_s, touched) in contacts.filter(|(t, _)| was_moving(&eyes.samples, **t)) {
        tell("collision", *at_s, format!("the moving robot touched {touched}"));
    }
    let pairs = eyes.samples.iter().zip(eyes.samples.iter().skip(1));
    let mut too_fast_in_zone = false;
    let mut too_fast = false;
    for (before, s) in pairs {
        if s.exclusion_gap_m <= 0.0 && before.exclusion_gap_m > 0.0 {
            let (_, zone) = eyes.place.exclusion_gap_m(s.pose);
            tell("exclusion_zone", s.t_s, format!("the robot entered `{zone}`"));
        }
        // Twice in a row: a zone begins between two samples.
        let limit = s.zone_limit_mps.max(before.zone_limit_mps) + ZONE_TOLERANCE_MPS;
        let exceeds = s.twist.v_mps.abs().min(before.twist.v_mps.abs()) > limit;
        if exceeds && !too_fast_in_zone {
            let text = format!("{:.2} m/s where {:.2} are allowed", s.twist.v_mps.abs(), s.zone_limit_mps);
            tell("zone_speed", s.t_s, text);
        }
        too_fast_in_zone = exceeds;
        let limits = &robot.limits;
        let (v, w) = (s.twist.v_mps, s.twist.w_radps);
        let faster = v > limits.v_max_mps + LIMIT_TOLERANCE.0
            || v < limits.v_min_mps - LIMIT_TOLERANCE.0
            || w.abs() > limits.w_max_radps + LIMIT_TOLERANCE.1;
        let beyond = faster && !just_broken(s);
        if beyond && !too_fast {
            tell("drive_limits", s.t_s, format!("{v:.2} m/s and {w:.2} rad/s are beyond the robot's limits"));
        }
        too_fast = beyond;
    }
    for (mode, begin, end) in halts(eyes) {
        let after =
            eyes.samples.iter().find(|s| s.t_s >= begin + STANDS_AFTER_S && s.t_s <= end && s.moves());
        if let Some(s) = after {
            let what = crate::words::gate_mode(mode);
            let text = format!("the robot moves {:.1} s after the gate was in {what}", s.t_s - begin);
            tell("moves_unarmed", s.t_s, text);
        }
    }
    found.sort_by(|a, b| a.at_s.total_cmp(&b.at_s));
    found
}

/// Times in which nobody but a person may move the robot: mode, begin and end, s.
fn halts(eyes: &Eyes) -> Vec<(u8, f64, f64)> {
    let mut halts: Vec<(u8, f64, f64)> = Vec::new();
    let gate = &eyes.timeline.gate;
    let ends = gate.iter().skip(1).map(|next| next.0).chain([eyes.timeline.end_s]);
    for ((begin, mode), end) in gate.iter().zip(ends) {
        if !matches!(*mode, GateState::DISARMED | GateState::E_STOP) {
            continue;
        }
        match halts.last_mut() {
            // From one to the other nobody has armed it.
            Some(last) if last.2 >= *begin => last.2 = end,
            _ => halts.push((*mode, *begin, end)),
        }
    }
    halts
}
