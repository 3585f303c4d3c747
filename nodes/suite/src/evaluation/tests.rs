//! Runs that are made up, message by message, whose measures are known.

mod space;
mod windows;

use super::*;
use crate::bindings::topics;
use crate::drive::DriveResult;
use crate::lockstep::{Observed, START};
use crate::scenario::expect::{
    AssuranceMode, Criteria, Expect, GateDoes, Happening, NamedFormula, Occurrence, Outcome,
};
use crate::scenario::{Scenario, ScenarioPose};
use outrider_foundation::zones::{ExclusionZone, SpeedZone, Zones};
use outrider_foundation::{Footprint, Now, Robot, RobotDescription, Span};
use outrider_msgs::outrider_msgs as ours;
use outrider_msgs::{Message, encode};
use outrider_runtime::Topic;
use outrider_sim::EventSpec;

fn robot() -> Robot {
    let text = include_str!("../../../../config/robot.yaml");
    let description: RobotDescription = outrider_runtime::config::parse_unchecked("robot", text).unwrap();
    Robot::new(description).unwrap()
}

fn zones() -> Zones {
    let square = |x: f64| vec![[x, -1.0], [x + 2.0, -1.0], [x + 2.0, 1.0], [x, 1.0]];
    Zones {
        version: 1,
        exclusion: vec![ExclusionZone { name: "store".into(), polygon_m: square(10.0) }],
        speed: vec![SpeedZone { name: "door".into(), polygon_m: square(4.0), v_max_mps: 0.5 }],
        direction: Vec::new(),
        none_because: None,
    }
}

/// Half a metre long and wide.
fn place() -> Place {
    Place::new(Footprint::rectangle(0.25, 0.25, 0.5).unwrap(), &zones()).unwrap()
}

/// A run that is fed by hand, sample by sample.
struct Made {
    scenario: Scenario,
    eyes: Eyes,
    result: DriveResult,
    collisions: u32,
    nearest: &'static str,
    gate: ours::GateState,
}

impl Made {
    fn new(change: impl FnOnce(&mut Scenario)) -> Self {
        let mut scenario = Scenario::blank();
        scenario.goal = ScenarioPose { x_m: 3.0, y_m: 0.0, yaw_rad: 0.0 };
        change(&mut scenario);
        let eyes = Eyes::new(&scenario, place());
        let result = DriveResult { reached: true, least_clearance_m: 1.0, ..DriveResult::default() };
        let gate = ours::GateState { mode: ours::GateState::DISARMED, ..Default::default() };
        Self { scenario, eyes, result, collisions: 0, nearest: "shelf", gate }
    }

    fn see<M: Message>(&mut self, t_s: f64, topic: &Topic, from: &str, message: &M) {
        let by = Span::from_s(t_s);
        let now = Now { mono: START.mono + by, ros: START.ros + by };
        let bytes = &encode(message).unwrap()[..];
        let digest = outrider_runtime::payload_digest(bytes);
        self.eyes.see(&Observed { topic, from, boot_id: 1, now, bytes, digest, altered: false });
    }

    fn goal(&mut self, t_s: f64) {
        self.see(t_s, &topics::goal_pose(), "", &outrider_msgs::geometry_msgs::PoseStamped::default());
    }

    fn mode(&mut self, t_s: f64, mode: u8) {
        let state = ours::AssuranceState { mode, ..Default::default() };
        self.see(t_s, &topics::assurance_state(), "assurance", &state);
    }

    fn gate(&mut self, t_s: f64, mode: u8) {
        self.gate.mode = mode;
        let state = self.gate.clone();
        self.see(t_s, &topics::gate_state(), "gate", &state);
    }

    fn truth(&mut self, t_s: f64, x: f64, v: f64, people: &[(f64, f64)]) {
        let actor = |(i, (x, y)): (usize, &(f64, f64))| ours::GroundTruthActor {
            name: format!("person {i}"),
            x: *x,
            y: *y,
            radius: 0.25,
            ..Default::default()
        };
        let truth = ours::GroundTruth {
            x,
            v,
            clearance: 1.0,
            nearest: self.nearest.into(),
            collisions: self.collisions,
            actors: people.iter().enumerate().map(actor).collect(),
            ..Default::default()
        };
        self.see(t_s, &topics::ground_truth(), "sim", &truth);
    }

    /// 20 samples a second of a robot that goes at `v` from x = 0 on.
    fn drive(&mut self, from_s: f64, to_s: f64, v: f64, people: &[(f64, f64)]) {
        let steps = ((to_s - from_s) * 20.0).round() as u32;
        for i in 0..steps {
            let t_s = from_s + f64::from(i) / 20.0;
            let x = self.eyes.samples.last().map_or(0.0, |s| s.pose.x_m + v / 20.0);
            self.truth(t_s, x, v, people);
        }
        self.result.elapsed_s = to_s;
    }

    fn verdict(mut self) -> (Measures, Verdict) {
        let end_s = self.result.elapsed_s;
        self.eyes.finish(end_s);
        self.result.distance_m = self.eyes.samples.last().map_or(0.0, |s| s.pose.x_m);
        let measures = measure(&self.scenario, &self.result, &self.eyes);
        let verdict = judge(&self.scenario, &robot(), &self.result, &self.eyes, &measures);
        (measures, verdict)
    }
}

const FORWARDING: u8 = ours::GateState::FORWARDING;

#[test]
fn a_plain_drive_passes_and_is_measured() {
    let mut made = Made::new(|_| {});
    made.gate(0.0, FORWARDING);
    made.goal(0.0);
    made.mode(0.0, ours::Permit::NOMINAL);
    made.drive(0.0, 3.0, 1.0, &[]);
    made.drive(3.0, 5.0, 0.0, &[]);
    let (m, v) = made.verdict();
    assert!(v.passed && v.outcome == Outcome::Reached, "{v:?}");
    assert_eq!((m.collisions, m.near_misses, m.stops, m.disengagements), (0, 0, 0, 0));
    assert_eq!((m.least_person_gap_m, m.least_ttc_s), (None, None), "there is nobody");
    assert!(
        (m.decel_max_mps2 - 20.0).abs() < 1e-9 && (m.speed_max_mps - 1.0).abs() < 1e-9,
        "from one sample to the next"
    );
    assert!((m.mode_s["nominal"] - 5.0).abs() < 1e-9 && m.mode_s["e_stop"].abs() < 1e-9);
    assert_eq!(m.completeness, None, "no command was forwarded");
}

#[test]
fn near_misses_are_episodes_and_times_add_up() {
    let mut made = Made::new(|_| {});
    made.gate(0.0, FORWARDING);
    made.goal(0.0);
    // Past two people at 0.15 m, four metres apart, at half a metre a second: 8 s apart.
    made.drive(0.0, 18.0, 0.5, &[(2.0, 0.65), (6.0, 0.65)]);
    let (m, v) = made.verdict();
    assert_eq!(m.near_misses, 2, "{m:?}");
    assert!((m.least_person_gap_m.unwrap() - 0.15).abs() < 1e-9);
    assert!(m.tet_s.abs() <= 0.0, "nobody would be met");
    // Within 0.45 m: half the outline and the disc's reach of sqrt(0.7² - 0.4²) on either side, at 0.5 m/s.
    let stretch_m = 2.0 * (0.25 + (0.7f64 * 0.7 - 0.4 * 0.4).sqrt());
    assert!((m.intimate_s - 2.0 * stretch_m / 0.5).abs() < 0.21, "{} s", m.intimate_s);
    assert!(v.violations.is_empty());
}

#[test]
fn time_exposed_is_time_below_the_threshold() {
    let mut made = Made::new(|_| {});
    made.gate(0.0, FORWARDING);
    made.goal(0.0);
    // Somebody stands 3.5 m ahead: at 1 m/s met in 3 s; after 2 s the robot stops.
    made.drive(0.0, 2.0, 1.0, &[(3.5, 0.0)]);
    made.drive(2.0, 4.0, 0.0, &[(3.5, 0.0)]);
    let (m, _) = made.verdict();
    assert!((m.tet_s - 0.95).abs() < 0.06, "from 2 s to 1 s: {}", m.tet_s);
    assert!((m.tit_s2 - 0.475).abs() < 0.06, "a triangle: {}", m.tit_s2);
    assert!((m.least_ttc_s.unwrap() - 1.05).abs() < 0.06, "{:?}", m.least_ttc_s);
}

#[test]
fn a_contact_in_motion_is_a_violation_and_one_at_rest_is_not() {
    for (v, at_rest) in [(0.5, 0), (0.0, 1)] {
        let mut made = Made::new(|s| s.criteria.collisions_max = 1);
        made.gate(0.0, FORWARDING);
        made.goal(0.0);
        made.drive(0.0, 2.0, v, &[]);
        made.collisions = 1;
        made.drive(2.0, 3.0, 0.0, &[]);
        let (m, verdict) = made.verdict();
        assert_eq!((m.collisions, m.collisions_at_rest), (1, at_rest));
        let rules: Vec<&str> = verdict.violations.iter().map(|v| v.rule.as_str()).collect();
        assert_eq!(rules, if at_rest == 1 { vec![] } else { vec!["collision"] });
        assert_eq!(verdict.passed, at_rest == 1);
    }
    // Each is told with what it was, not with what was nearest of all.
    let mut made = Made::new(|s| s.criteria.collisions_max = 2);
    made.gate(0.0, FORWARDING);
    made.goal(0.0);
    made.drive(0.0, 2.0, 0.5, &[]);
    for (count, nearest) in [(1, "anna"), (2, "shelf")] {
        (made.collisions, made.nearest) = (count, nearest);
        made.drive(f64::from(count) + 1.0, f64::from(count) + 2.0, 0.5, &[]);
    }
    made.collisions += 2;
    made.drive(4.0, 5.0, 0.5, &[]);
    let told: Vec<String> = made.verdict().1.violations.into_iter().map(|v| v.text).collect();
    let touched = ["anna", "shelf", "shelf", "something else as well"];
    assert_eq!(told, touched.map(|what| format!("the moving robot touched {what}")));
    for (before_s, expected) in
        [(0.5, vec!["criteria.collisions_max"]), (0.0, vec!["not_seen", "criteria.collisions_max"])]
    {
        let mut made = Made::new(|_| {});
        made.goal(0.0);
        made.drive(0.0, before_s, 0.0, &[]);
        made.collisions = 1;
        made.drive(before_s, 1.0, 0.0, &[]);
        let checks: Vec<String> = made.verdict().1.failures.into_iter().map(|f| f.check).collect();
        assert_eq!(checks, expected, "from {before_s} s on");
    }
}

#[test]
fn zones_limits_and_armed_motion_are_hard() {
    // Through the speed zone (x from 4 to 6, 0.5 m/s) at 0.9, into the exclusion zone at x = 10.
    let mut made = Made::new(|_| {});
    made.gate(0.0, FORWARDING);
    made.goal(0.0);
    made.drive(0.0, 12.0, 0.9, &[]);
    let rules = |made: Made| made.verdict().1.violations.into_iter().map(|v| v.rule).collect::<Vec<_>>();
    assert_eq!(rules(made), ["zone_speed", "exclusion_zone"]);
    let mut made = Made::new(|_| {});
    made.gate(0.0, FORWARDING);
    made.goal(0.0);
    made.drive(0.0, 3.0, 1.2, &[]);
    assert_eq!(rules(made), ["drive_limits"]);
    // What the drive does right after it broke is the fault's; what it does later is not, nor what another fault brings.
    for (key, for_s, expected) in [
        ("drive.gain_left", 0.5, vec![]),
        ("drive.gain_left", 0.8, vec!["drive_limits"]),
        ("drive", 0.5, vec![]),
        ("drives", 0.5, vec!["drive_limits"]),
        ("odometry.travel_scale", 0.5, vec!["drive_limits"]),
    ] {
        let set = [(key.to_owned(), 0.0.into())].into();
        let mut made = Made::new(|s| s.events = vec![EventSpec { at_s: 1.0, for_s: None, set }]);
        made.gate(0.0, FORWARDING);
        made.goal(0.0);
        made.drive(0.0, 1.0, 0.9, &[]);
        made.drive(1.0, 1.0 + for_s, 1.2, &[]);
        assert_eq!(rules(made), expected, "{key} {for_s}");
    }
    // Disarmed at 1 s: at 3.9 s it may still roll, at 4.1 s not.
    for (end_s, expected) in [(3.9, vec![]), (4.2, vec!["moves_unarmed"])] {
        let mut made = Made::new(|_| {});
        made.gate(0.0, FORWARDING);
        made.goal(0.0);
        made.gate(1.0, ours::GateState::E_STOP);
        made.drive(0.0, end_s, 0.1, &[]);
        assert_eq!(rules(made), expected);
    }
    // From e-stop to disarmed and back nobody has armed it.
    for (between, expected) in [(ours::GateState::DISARMED, vec!["moves_unarmed"]), (FORWARDING, vec![])] {
        let mut made = Made::new(|_| {});
        made.gate(0.0, FORWARDING);
        made.goal(0.0);
        for (at_s, mode) in [(1.0, ours::GateState::E_STOP), (2.5, between), (3.0, ours::GateState::E_STOP)] {
            made.gate(at_s, mode);
        }
        made.drive(0.0, 4.5, 0.1, &[]);
        assert_eq!(rules(made), expected);
    }
}

/// What happens before the goal is given is none of the drive.
#[test]
fn counts_begin_with_the_goal() {
    for (goal_s, expected) in [(0.0, (1, 1, 1)), (2.0, (0, 0, 0))] {
        let mut made = Made::new(|_| {});
        made.gate(0.0, FORWARDING);
        if goal_s < 1.0 {
            made.goal(goal_s);
        }
        made.drive(0.0, 1.0, 0.5, &[]);
        made.see(1.0, &topics::assurance_event(), "assurance", &ours::Intervention::default());
        made.gate(1.0, ours::GateState::E_STOP);
        made.drive(1.0, 2.0, 0.0, &[]);
        made.goal(goal_s);
        made.gate(2.5, FORWARDING);
        made.drive(2.0, 4.0, 0.5, &[]);
        let (m, _) = made.verdict();
        assert_eq!((m.interventions, m.stops, m.disengagements), expected, "{goal_s}");
    }
}

/// Of records for which there was no room nobody knows which rules they name.
#[test]
fn more_records_of_assurance_than_are_kept_are_not_seen() {
    for (more, expected) in [(0, vec![]), (1, vec!["not_seen"])] {
        let mut made = Made::new(|s| {
            let what = Happening::Intervention("late".into());
            s.expect.must_not = vec![Occurrence {
                what,
                after_s: None,
                after_fault: None,
                after_event: None,
                within_s: None,
            }];
        });
        made.goal(0.0);
        made.drive(0.0, 1.0, 0.0, &[]);
        for i in 0..timeline::EVENT_LIMIT + more {
            let rule = if i < timeline::EVENT_LIMIT { "early" } else { "late" };
            let record = ours::Intervention { rule: rule.into(), ..Default::default() };
            made.see(0.5, &topics::assurance_event(), "assurance", &record);
        }
        let (measures, verdict) = made.verdict();
        assert_eq!(measures.interventions, (timeline::EVENT_LIMIT + more) as u64);
        assert_eq!(verdict.failures.iter().map(|f| f.check.as_str()).collect::<Vec<_>>(), expected);
    }
}

#[test]
fn outcomes_are_told_apart() {
    let end = |moves_s: f64, stands_s: f64, reached: bool| {
        let mut made = Made::new(|_| {});
        made.gate(0.0, FORWARDING);
        made.goal(0.0);
        made.result.reached = reached;
        made.drive(0.0, moves_s, 0.5, &[]);
        made.drive(moves_s, moves_s + stands_s, 0.0, &[]);
        made.verdict().1.outcome
    };
    assert_eq!(end(2.0, 2.0, true), Outcome::Reached);
    assert_eq!(end(2.0, 2.0, false), Outcome::Stopped);
    assert_eq!(end(2.0, 0.5, false), Outcome::NotReached);
    assert_eq!(end(0.0, 3.0, false), Outcome::Refused);
}

#[test]
fn criteria_are_told_with_value_and_limit() {
    let run = |criteria: Criteria| {
        let mut made = Made::new(|s| s.criteria = criteria);
        made.gate(0.0, FORWARDING);
        made.goal(0.0);
        made.mode(0.0, ours::Permit::NOMINAL);
        made.drive(0.0, 2.0, 0.9, &[(1.0, 0.8)]);
        made.mode(2.0, ours::Permit::DEGRADED);
        made.gate(2.0, ours::GateState::STOPPING);
        made.drive(2.0, 3.0, 0.0, &[(1.0, 0.8)]);
        made.result.drive_time_s = 3.0;
        made.result.least_clearance_m = 0.3;
        let (_, verdict) = made.verdict();
        (
            verdict.failures.into_iter().map(|f| format!("{}: {}", f.check, f.text)).collect::<Vec<_>>(),
            verdict.stl,
        )
    };
    assert!(run(Criteria::default()).0.is_empty());
    let strict = Criteria {
        least_clearance_m: Some(0.4),
        least_person_gap_m: Some(0.35),
        drive_time_max_s: Some(2.5),
        stops_max: Some(0),
        speed_max_mps: Some(0.8),
        modes_allowed: vec![AssuranceMode::Nominal],
        ..Criteria::default()
    };
    assert_eq!(
        run(strict).0,
        [
            "criteria.least_clearance_m: 0.300, the least is 0.4",
            "criteria.least_person_gap_m: 0.300, the least is 0.35, first at 0.600 s",
            "criteria.drive_time_max_s: 3.000, the most is 2.5",
            "criteria.speed_max_mps: 0.900, the most is 0.8, first at 0.000 s",
            "criteria.stops_max: 1.000, the most is 0",
            "criteria.modes_allowed: degraded from 2.000 s to 3.000 s",
        ]
    );
    let formula = |text: &str| Criteria {
        stl: vec![NamedFormula { name: "slow".into(), formula: text.into() }],
        ..Criteria::default()
    };
    let (failures, robustness) = run(formula("person_gap_m < 0.5 -> velocity_mps < 1.0"));
    assert!(failures.is_empty());
    assert!((robustness["slow"].unwrap() - 0.1).abs() < 1e-6, "{robustness:?}");
    let (failures, robustness) = run(formula("person_gap_m < 0.5 -> velocity_mps < 0.5"));
    assert!(failures[0].starts_with("criteria.stl.slow: violated at 0.3"), "{failures:?}");
    assert!(robustness["slow"].unwrap() < -0.1);
    let (failures, robustness) = run(formula("once[2s:60s](person_gap_m < 0.5) -> velocity_mps < 1.0"));
    assert_eq!(failures, ["criteria.stl.slow: never judged: no sample came with its windows full"]);
    assert_eq!(robustness["slow"], None);
}

#[test]
fn modes_count_once_an_allowed_one_was_reached() {
    let run = |modes: &[(f64, u8)]| {
        let mut made = Made::new(|s| s.criteria.modes_allowed = vec![AssuranceMode::Nominal]);
        made.gate(0.0, FORWARDING);
        made.goal(0.0);
        for (t_s, mode) in modes {
            made.mode(*t_s, *mode);
        }
        made.drive(0.0, 3.0, 0.5, &[]);
        made.verdict().1.failures.into_iter().map(|f| f.text).collect::<Vec<_>>()
    };
    let (stop, slow, nominal) = (ours::Permit::SAFE_STOP, ours::Permit::DEGRADED, ours::Permit::NOMINAL);
    assert!(run(&[(0.0, stop), (1.0, slow), (2.0, nominal)]).is_empty());
    assert_eq!(run(&[(0.0, stop), (1.0, nominal), (2.0, slow)]), ["degraded from 2.000 s to 3.000 s"]);
    assert_eq!(run(&[(0.0, stop), (1.0, slow)]), ["none of them from 0.000 s on"]);
}

#[test]
fn many_commands_of_assurance_leave_those_of_the_planner_explained() {
    let mut made = Made::new(|_| {});
    made.goal(0.0);
    made.drive(0.0, 0.1, 0.0, &[]);
    for i in 1..3000u64 {
        let command = ours::Command { source: ours::Command::RECOVERY, sequence: i, ..Default::default() };
        made.see(0.1, &topics::cmd_vel_recovery(), "assurance", &command);
    }
    made.see(
        0.2,
        &topics::world_model(),
        "world_model",
        &ours::WorldModel { sequence: 7, ..Default::default() },
    );
    let command = ours::Command { sequence: 4, world_model_sequence: 7, ..Default::default() };
    made.see(0.2, &topics::cmd_vel_nominal(), "planner", &command);
    let decision = ours::Decision { command_sequence: 4, ..Default::default() };
    made.see(0.2, &topics::decision(), "planner", &decision);
    made.see(0.2, &topics::permit(), "assurance", &ours::Permit { sequence: 9, ..Default::default() });
    (made.gate.command_sequence, made.gate.permit_sequence) = (4, 9);
    made.gate(0.25, FORWARDING);
    assert_eq!(made.verdict().0.completeness, Some(1.0));
}

#[test]
fn a_command_is_explained_by_the_whole_chain() {
    let run = |skip: &str| {
        let mut made = Made::new(|_| {});
        made.goal(0.0);
        made.drive(0.0, 0.1, 0.0, &[]);
        if skip != "model" {
            let model = ours::WorldModel { sequence: 7, ..Default::default() };
            made.see(0.2, &topics::world_model(), "world_model", &model);
        }
        if skip != "command" {
            let command = ours::Command { sequence: 4, world_model_sequence: 7, ..Default::default() };
            made.see(0.2, &topics::cmd_vel_nominal(), "planner", &command);
        }
        if skip != "decision" {
            let decision = ours::Decision { command_sequence: 4, ..Default::default() };
            made.see(0.2, &topics::decision(), "planner", &decision);
        }
        if skip != "permit" {
            let permit = ours::Permit { sequence: 9, ..Default::default() };
            made.see(0.2, &topics::permit(), "assurance", &permit);
        }
        (made.gate.command_sequence, made.gate.permit_sequence) = (4, 9);
        made.gate(0.25, FORWARDING);
        made.gate(0.26, FORWARDING);
        made.verdict().0.completeness
    };
    assert_eq!(run(""), Some(1.0));
    for skip in ["model", "command", "decision", "permit"] {
        assert_eq!(run(skip), Some(0.0), "without the {skip}");
    }
}

#[test]
fn the_series_is_five_times_a_second_with_columns_of_one_length() {
    let mut made = Made::new(|_| {});
    made.gate(0.0, FORWARDING);
    made.goal(0.0);
    made.drive(0.0, 1.0, 0.5, &[]);
    made.drive(1.0, 2.0, 0.5, &[(5.0, 0.0)]);
    made.eyes.finish(2.0);
    let series = &made.eyes.series;
    assert_eq!(series.t, [0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6, 1.8]);
    assert_eq!(series.x.len(), 10);
    assert_eq!(series.actors.len(), 1);
    assert_eq!(series.actors[0].x.len(), 10);
    assert_eq!((series.actors[0].x[4], series.actors[0].x[5]), (None, Some(5.0)));
    let json = series.to_json(serde_json::json!({"key": "k"}), &made.eyes.timeline, &made.scenario);
    assert_eq!(json["key"], "k");
    assert_eq!(json["marks"][1]["what"], "gate: forwarding");
    assert!(serde_json::to_string(&json).unwrap().len() < 4000);
}

#[test]
fn the_series_has_nobody_who_is_not_there_and_no_fault_that_never_struck() {
    let strike = |at_s| EventSpec { at_s, for_s: None, set: Default::default() };
    let mut made = Made::new(|s| s.events = vec![strike(1.0), strike(40.0)]);
    made.goal(0.0);
    made.drive(0.0, 1.0, 0.5, &[(outrider_sim::AWAY_M, 10.0)]);
    made.drive(1.0, 2.0, 0.5, &[(5.0, 0.0)]);
    made.eyes.finish(2.0);
    let series = &made.eyes.series;
    assert_eq!((series.actors[0].x[4], series.actors[0].x[5]), (None, Some(5.0)));
    assert!(series.person_gap[4].is_none() && series.person_gap[5].is_some());
    let json = series.to_json(serde_json::json!({}), &made.eyes.timeline, &made.scenario);
    let faults: Vec<f64> =
        json["faults"].as_array().unwrap().iter().map(|f| f["from"].as_f64().unwrap()).collect();
    assert_eq!(faults, [1.0]);
}

#[test]
fn the_contact_that_is_one_too_many_is_told_with_its_time() {
    let run = |allowed| {
        let mut made = Made::new(|s| s.criteria.collisions_max = allowed);
        made.goal(0.0);
        for (from_s, to_s) in [(0.0, 1.0), (1.0, 2.0), (2.0, 3.0)] {
            made.drive(from_s, to_s, 0.5, &[]);
            made.collisions += 1;
        }
        made.verdict().1.failures.into_iter().map(|f| f.text).collect::<Vec<_>>()
    };
    assert_eq!(run(0), ["2, allowed are 0, first at 1.000 s"]);
    assert_eq!(run(1), ["2, allowed are 1, first at 2.000 s"]);
    assert_eq!(run(2), [""; 0]);
}

#[test]
fn a_vehicle_is_measured_and_drawn_by_its_body_and_a_door_is_no_person() {
    let mut made = Made::new(|_| {});
    // Straight ahead, its forks towards the robot.
    let lift = ours::GroundTruthActor {
        name: "lift".into(),
        x: 5.0,
        yaw: std::f64::consts::PI,
        radius: 1.118,
        length: 2.0,
        width: 1.0,
        forks: 1.0,
        ..Default::default()
    };
    let door =
        |y| ours::GroundTruthDoor { name: "gate".into(), x: 0.6, y, length: 1.2, width: 0.06, yaw: 1.0 };
    for (t_s, y) in [(0.0, 0.0), (0.2, 0.3)] {
        let truth = ours::GroundTruth {
            actors: vec![lift.clone()],
            doors: vec![door(y)],
            clearance: 1.0,
            ..Default::default()
        };
        made.see(t_s, &topics::ground_truth(), "sim", &truth);
    }
    let (sample, series) = (&made.eyes.samples[0], &made.eyes.series);
    let front_m = made.eyes.place.footprint.corners().iter().map(|c| c.x_m).fold(0.0, f64::max);
    let to_tip_m = 5.0 - 1.0 - 1.0 - front_m;
    // The discs that stand for it reach a little over its end.
    let over_m = to_tip_m - sample.person_gap_m;
    assert!((0.0..0.4).contains(&over_m), "{} of {to_tip_m}", sample.person_gap_m);
    let tip_m = series.actors[0].shape.iter().map(|c| c[0]).fold(0.0, f64::max);
    assert_eq!((series.actors.len(), series.actors[0].shape.len(), tip_m), (1, 8, 2.0));
    assert_eq!(series.doors.len(), 1);
    assert_eq!((series.doors[0].name.as_str(), series.doors[0].y.as_slice()), ("gate", &[0.0, 0.3][..]));
    assert_eq!(series.doors[0].shape, [[-0.6, -0.03], [0.6, -0.03], [0.6, 0.03], [-0.6, 0.03]]);
}

#[test]
fn percentiles_are_of_the_nearest_rank() {
    let values: Vec<f64> = (1..=200).rev().map(f64::from).collect();
    let p = Percentiles::of(&values);
    assert_eq!((p.p50, p.p95, p.p99), (Some(100.0), Some(190.0), Some(198.0)));
    assert_eq!(Percentiles::of(&[]).p50, None);
}
