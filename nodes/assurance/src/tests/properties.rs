//! The shipped specification files: every property both ways, on a robot that drives.

use super::support::{Rig, Scene, config, digest, robot, zones};
use crate::{AssuranceError, AssuranceNode, Config, SIGNALS};
use outrider_foundation::data::{GateMode, Mode, PinnedHashes, Track, TrackState, Verdict};
use outrider_foundation::{Node, Point2, Pose2, Span, Twist2};
use outrider_stl::Specification;

macro_rules! shipped {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("../../../../config/assurance/", $name, ".stl")))),*]
    };
}

const FILES: [(&str, &str); 13] = shipped![
    "braking_achieved",
    "command_following",
    "detector_nis",
    "detector_nonconformity",
    "exclusion_distance",
    "frozen_scan",
    "permit_liveness",
    "position_uncertainty",
    "prediction_bound",
    "sensor_age",
    "speed_in_zone",
    "stopping_margin",
    "time_to_collision",
];

const CRUISE: Twist2 = Twist2::new(0.8, 0.0);
const TICK: Span = Span::from_millis(20);

pub(super) fn specifications() -> Vec<Specification> {
    FILES.iter().map(|(_, text)| Specification::parse(text).unwrap()).collect()
}

/// Every 20 ms everything but what `change` takes away or alters, and a proposal.
fn drive(rig: &mut Rig, span_s: f64, mut change: impl FnMut(&mut Rig)) {
    for _ in 0..(span_s / TICK.as_s()).round() as u32 {
        rig.wait(TICK);
        rig.pose = rig.pose.advance(rig.twist, TICK.as_s());
        change(rig);
        rig.data();
        rig.propose(rig.commanded.unwrap_or(rig.twist));
    }
}

/// In NOMINAL, cruising in the open with all properties satisfied.
fn cruising() -> Rig {
    let config = Config { dwell_s: 0.2, ..config() };
    let mut rig = Rig::watching(config, Scene::wall(12.0, 0.0), specifications());
    rig.pose = Pose2::new(-6.0, 0.0, 0.0);
    drive(&mut rig, 3.0, |_| {});
    rig.twist = CRUISE;
    drive(&mut rig, 2.5, |_| {});
    assert_eq!(rig.mode(), Mode::Nominal);
    for (name, _) in FILES {
        let reading = rig.reading(name);
        assert!(reading.verdict == Verdict::Ok && reading.robustness > 0.0, "{reading:?}");
    }
    rig.outputs.clear();
    rig
}

/// The record of the property's intervention, and the mode that it led to.
fn broken(rig: &Rig, name: &str, verdict: Verdict, mode: Mode) {
    let reading = rig.reading(name);
    assert_eq!(reading.verdict, verdict, "{reading:?}");
    assert_eq!(rig.mode(), mode, "{:#?}", rig.interventions());
    let why = rig.interventions().into_iter().find(|i| i.rule == name);
    let why = why.unwrap_or_else(|| panic!("no record of {name}: {:#?}", rig.interventions()));
    assert!(!why.subformula.is_empty() && !why.clears_when.is_empty(), "{why:?}");
    assert!(why.text.contains(name), "{}", why.text);
}

#[test]
fn every_file_is_what_it_is_called() {
    for (name, text) in FILES {
        assert_eq!(Specification::parse(text).unwrap().name, name);
    }
}

#[test]
fn speed_in_zone() {
    let mut rig = cruising();
    // The doorway allows 0.6 m/s; odometry says 0.8 however slow the commands.
    rig.carry_to(Pose2::new(1.2, -1.0, 0.0));
    drive(&mut rig, 0.28, |_| {});
    assert_eq!(rig.reading("speed_in_zone").verdict, Verdict::Ok, "braking may lag");
    drive(&mut rig, 0.1, |_| {});
    broken(&rig, "speed_in_zone", Verdict::Violated, Mode::SafeStop);
}

#[test]
fn stopping_margin() {
    let mut rig = cruising();
    rig.scene = Scene::wall(rig.pose.x_m + 0.35 + 0.3, 0.0);
    drive(&mut rig, 0.02, |_| {});
    let reading = rig.reading("stopping_margin");
    assert_eq!((reading.verdict, rig.mode()), (Verdict::Violated, Mode::SafeStop));
    assert!((-0.2..-0.05).contains(&reading.robustness), "0.3 m are free, 0.8 m/s need 0.38 m: {reading:?}");
}

fn person(x_m: f64, y_m: f64, vx: f64, vy: f64) -> Track {
    Track {
        id: 7,
        state: TrackState::Confirmed,
        class_label: "person".into(),
        position: Point2::new(x_m, y_m),
        velocity: Point2::new(vx, vy),
        radius_m: 0.25,
        covariance: std::array::from_fn(|i| if i % 5 == 0 { 1e-4 } else { 0.0 }),
        ..Track::default()
    }
}

#[test]
fn time_to_collision() {
    let mut rig = cruising();
    let ahead_m = rig.pose.x_m + 0.35 + 0.25;
    rig.tracks = vec![person(ahead_m + 4.0, 0.0, -0.8, 0.0)];
    drive(&mut rig, 0.2, |_| {});
    assert_eq!(rig.reading("time_to_collision").verdict, Verdict::Ok, "2.4 s away");
    rig.tracks = vec![person(ahead_m + 2.5, 0.0, -0.8, 0.0)];
    drive(&mut rig, 0.2, |_| {});
    broken(&rig, "time_to_collision", Verdict::Violated, Mode::Degraded);
}

#[test]
fn exclusion_distance() {
    let mut rig = cruising();
    rig.carry_to(Pose2::new(-8.3, 5.0, 0.0));
    drive(&mut rig, 0.02, |_| {});
    broken(&rig, "exclusion_distance", Verdict::Violated, Mode::SafeStop);
    let mut rig = cruising();
    rig.localised = false;
    drive(&mut rig, 0.02, |_| {});
    assert_eq!(rig.reading("exclusion_distance").verdict, Verdict::Invalid, "no zone can be watched");
}

#[test]
fn sensor_age() {
    let mut rig = cruising();
    let silent = |rig: &mut Rig, span_s: f64, odometry: bool| {
        for _ in 0..(span_s / TICK.as_s()).round() as u32 {
            rig.wait(TICK);
            let mut inputs = vec![crate::Input::WorldModel(rig.world_model()), rig.next_challenge()];
            inputs.push(crate::Input::Gate(rig.gate_state()));
            inputs.push(if odometry {
                crate::Input::Odometry(rig.odometry())
            } else {
                crate::Input::Scan(rig.scan())
            });
            rig.send(inputs);
        }
    };
    silent(&mut rig, 0.16, true);
    let reading = rig.reading("sensor_age");
    assert_eq!((reading.verdict, rig.mode()), (Verdict::Violated, Mode::SafeStop), "{reading:?}");
    // Half a second after the scan is back, and a dwell.
    drive(&mut rig, 0.44, |rig| rig.twist = Twist2::ZERO);
    assert_eq!((rig.reading("sensor_age").verdict, rig.mode()), (Verdict::Violated, Mode::SafeStop));
    drive(&mut rig, 1.0, |_| {});
    assert_eq!((rig.reading("sensor_age").verdict, rig.mode()), (Verdict::Ok, Mode::Nominal));
    silent(&mut rig, 0.12, false);
    assert_eq!(rig.reading("sensor_age").verdict, Verdict::Violated);
}

#[test]
fn frozen_scan() {
    let mut rig = cruising();
    rig.frozen = Some(rig.scan().ranges_m);
    drive(&mut rig, 0.12, |_| {});
    assert_eq!(rig.reading("frozen_scan").verdict, Verdict::Ok, "one scan may repeat the last");
    // Some beams flicker.
    drive(&mut rig, 0.16, |rig| {
        let flicker = |r: &mut f32| *r = if *r > 1.0 { 0.9 } else { 1.1 };
        rig.frozen.iter_mut().flatten().take(1).for_each(flicker);
    });
    broken(&rig, "frozen_scan", Verdict::Violated, Mode::SafeStop);
    drive(&mut rig, 5.0, |rig| rig.twist = Twist2::ZERO);
    assert_eq!(rig.reading("frozen_scan").verdict, Verdict::Violated, "standing still shows nothing");
    rig.frozen = None;
    // Somebody walks past.
    rig.scene = Scene::wall(10.0, 1.0);
    drive(&mut rig, 3.0, |_| {});
    assert_eq!((rig.reading("frozen_scan").verdict, rig.mode()), (Verdict::Ok, Mode::Nominal));
    let mut resting = cruising();
    resting.twist = Twist2::ZERO;
    resting.frozen = Some(resting.scan().ranges_m);
    drive(&mut resting, 1.0, |_| {});
    assert_eq!(resting.reading("frozen_scan").verdict, Verdict::Ok, "a robot at rest sees the same");
}

#[test]
fn braking_achieved() {
    let mut rig = cruising();
    // The gate brakes at 1.2 m/s²; the robot rolls on.
    let mut told = CRUISE.v_mps;
    drive(&mut rig, 0.28, |rig| {
        told = (told - 1.2 * TICK.as_s()).max(0.0);
        rig.commanded = Some(Twist2::new(told, 0.0));
    });
    assert_eq!(rig.reading("braking_achieved").verdict, Verdict::Ok, "brakes take their time");
    drive(&mut rig, 0.14, |rig| {
        told = (told - 1.2 * TICK.as_s()).max(0.0);
        rig.commanded = Some(Twist2::new(told, 0.0));
    });
    broken(&rig, "braking_achieved", Verdict::Violated, Mode::SafeStop);
}

/// Odometry is noisy: samples that are too fast are believed when there are three in a row.
#[test]
fn a_single_reading_is_no_failure_of_the_brakes() {
    let mut rig = cruising();
    rig.commanded = Some(CRUISE);
    let mut ticks = 0;
    drive(&mut rig, 1.0, |rig| {
        ticks += 1;
        rig.twist = if ticks % 3 == 0 { CRUISE } else { Twist2::new(CRUISE.v_mps + 0.15, 0.0) };
    });
    assert_eq!((rig.reading("braking_achieved").verdict, rig.mode()), (Verdict::Ok, Mode::Nominal));
    drive(&mut rig, 0.1, |rig| rig.twist = Twist2::new(CRUISE.v_mps + 0.15, 0.0));
    broken(&rig, "braking_achieved", Verdict::Violated, Mode::SafeStop);
}

#[test]
fn command_following() {
    for (commanded, does) in [
        (Twist2::new(0.5, 0.0), Twist2::ZERO),
        (Twist2::new(0.5, 0.0), Twist2::new(-0.3, 0.0)),
        (Twist2::new(-0.3, 0.0), Twist2::new(0.2, 0.0)),
        (Twist2::new(0.2, 0.6), Twist2::new(0.2, -0.6)),
        (Twist2::new(0.8, 0.0), Twist2::new(0.4, 0.6)),
    ] {
        let mut rig = cruising();
        (rig.twist, rig.commanded) = (does, Some(commanded));
        drive(&mut rig, 0.18, |_| {});
        assert_eq!(rig.reading("command_following").verdict, Verdict::Ok, "wheels take their time");
        // The other way or round itself: that does not wait.
        let soon = commanded.v_mps * does.v_mps < 0.0 || does.w_radps > commanded.w_radps + 0.5;
        drive(&mut rig, 0.1, |_| {});
        assert_eq!(rig.reading("command_following").verdict == Verdict::Violated, soon, "{does:?}");
        drive(&mut rig, 0.3, |_| {});
        broken(&rig, "command_following", Verdict::Violated, Mode::SafeStop);
        // Nothing is asked of the wheels any more; that they obeyed is not shown by that.
        (rig.twist, rig.commanded) = (Twist2::ZERO, None);
        drive(&mut rig, 5.0, |_| {});
        broken(&rig, "command_following", Verdict::Violated, Mode::SafeStop);
        rig.gate = GateMode::Disarmed;
        drive(&mut rig, 0.1, |_| {});
        rig.gate = GateMode::Forwarding;
        drive(&mut rig, 3.0, |_| {});
        assert_eq!((rig.reading("command_following").verdict, rig.mode()), (Verdict::Ok, Mode::Nominal));
    }
}

#[test]
fn permit_liveness() {
    let mut rig = cruising();
    // The gate goes on forwarding, but no proposal comes that a permit could answer.
    for _ in 0..25 {
        rig.wait(TICK);
        rig.data();
    }
    broken(&rig, "permit_liveness", Verdict::Violated, Mode::SafeStop);
    let mut rig = cruising();
    for _ in 0..3 {
        rig.wait(TICK);
        let inputs = vec![
            crate::Input::Scan(rig.scan()),
            crate::Input::Odometry(rig.odometry()),
            crate::Input::WorldModel(rig.world_model()),
            crate::Input::Gate(rig.gate_state()),
        ];
        rig.send(inputs);
    }
    broken(&rig, "permit_liveness", Verdict::Violated, Mode::SafeStop);
    let mut disarmed = cruising();
    disarmed.gate = GateMode::Disarmed;
    drive(&mut disarmed, 0.5, |_| {});
    assert_eq!(disarmed.reading("permit_liveness").verdict, Verdict::Ok);
}

#[test]
fn position_uncertainty() {
    let with = |covariance: f64| {
        let mut rig = cruising();
        for _ in 0..15 {
            rig.wait(TICK);
            let mut model = rig.world_model();
            model.ego.covariance[0] = covariance;
            let inputs = vec![
                crate::Input::Scan(rig.scan()),
                crate::Input::Odometry(rig.odometry()),
                crate::Input::WorldModel(model),
                crate::Input::Gate(rig.gate_state()),
                rig.next_challenge(),
            ];
            rig.send(inputs);
            rig.propose(CRUISE);
        }
        rig
    };
    broken(&with(0.1), "position_uncertainty", Verdict::Violated, Mode::Degraded);
    // No number at all: no distance from a zone can be told either.
    let unmeasured = with(f64::NAN);
    assert_eq!(unmeasured.reading("position_uncertainty").verdict, Verdict::Invalid);
    assert_eq!(unmeasured.reading("exclusion_distance").verdict, Verdict::Invalid);
    assert_eq!(unmeasured.mode(), Mode::SafeStop);
}

#[test]
fn detector_nonconformity() {
    let mut rig = cruising();
    // Somebody far away who is said to walk north and is seen to jump east, to and fro.
    let mut round = 0;
    drive(&mut rig, 3.2, |rig| {
        round += 1;
        rig.twist = Twist2::ZERO;
        let x_m = if (round / 30) % 2 == 0 { 20.0 } else { 22.0 };
        rig.tracks = vec![person(x_m, 4.0, 0.0, 0.5)];
    });
    broken(&rig, "detector_nonconformity", Verdict::Violated, Mode::Degraded);
    let record = rig.interventions().into_iter().find(|i| i.rule == "detector_nonconformity").unwrap();
    assert_eq!(record.subformula, "detector_nonconformity < 3");
}

/// Somebody whom the detector sees half a metre beside his track, and says it knows to 0.1 m.
#[test]
fn detector_nis() {
    let mut rig = cruising();
    let seen = |rig: &mut Rig, beside_m: f64, rounds: u32| {
        for _ in 0..rounds {
            rig.wait(TICK);
            rig.pose = rig.pose.advance(rig.twist, TICK.as_s());
            rig.tracks = vec![person(20.0, 4.0, 0.0, 0.0)];
            let mut detections = rig.detections();
            detections.detections[0].position.y_m += beside_m;
            let inputs = vec![
                crate::Input::Scan(rig.scan()),
                crate::Input::Odometry(rig.odometry()),
                crate::Input::Detections(detections),
                crate::Input::WorldModel(rig.world_model()),
                rig.next_challenge(),
                crate::Input::Gate(rig.gate_state()),
            ];
            rig.send(inputs);
            rig.propose(CRUISE);
        }
    };
    // One picture before there is a track.
    seen(&mut rig, 0.1, 121);
    let reading = rig.reading("detector_nis");
    assert!(reading.verdict == Verdict::Ok && reading.robustness > 0.5, "a tenth of a metre: {reading:?}");
    // Of fifty samples two in three are bad enough within a second, and two seconds later none is left that was good.
    seen(&mut rig, 0.5, 40 + 101);
    broken(&rig, "detector_nis", Verdict::Violated, Mode::Degraded);
    let record = rig.interventions().into_iter().find(|i| i.rule == "detector_nis").unwrap();
    assert_eq!(record.subformula, "detector_nis < limit");

    let mut silent = cruising();
    drive(&mut silent, 0.4, |rig| rig.detector = false);
    assert_eq!(silent.reading("detector_nis").verdict, Verdict::Ok, "it takes its time");
    drive(&mut silent, 0.2, |_| {});
    broken(&silent, "detector_nis", Verdict::Invalid, Mode::Degraded);

    let mut unreadable = cruising();
    let reason = "detections[0].covariance: not positive definite".to_owned();
    unreadable.detector = false;
    unreadable.send(vec![crate::Input::Rejected { topic: "/detections".into(), reason }]);
    drive(&mut unreadable, 0.02, |_| {});
    broken(&unreadable, "detector_nis", Verdict::Invalid, Mode::Degraded);
}

/// Twenty people at once, so that it does not take long, who turn round all the time.
#[test]
fn prediction_bound() {
    let crowd = |turning: bool| {
        let mut rig = cruising();
        let mut round = 0_u32;
        drive(&mut rig, 1.3, |rig| {
            round += 1;
            rig.twist = Twist2::ZERO;
            let away_m = if turning && (round / 25) % 2 == 1 { 2.5 } else { 0.0 };
            let one = |id: u64| Track { id, ..person(20.0 + away_m, 2.0 * id as f64, 0.0, 0.0) };
            rig.tracks = (1..=20).map(one).collect();
        });
        rig
    };
    let standing = crowd(false);
    let reading = standing.reading("prediction_bound");
    assert!(reading.verdict == Verdict::Ok && reading.robustness > 0.0, "{reading:?}");
    broken(&crowd(true), "prediction_bound", Verdict::Violated, Mode::Degraded);
    // They go, and nothing is held against an empty hall.
    let mut gone = crowd(true);
    drive(&mut gone, 0.1, |rig| rig.tracks.clear());
    assert_eq!(gone.reading("prediction_bound").verdict, Verdict::Ok);
}

/// Robustnesses of different units are compared by what is much for each: 45 ms of 50 are more than 1 m/s of 10.
#[test]
fn the_limiting_property_is_the_one_with_the_least_share_left() {
    let mut rig = cruising();
    drive(&mut rig, 0.1, |_| {});
    let state = rig.state();
    let limiting = rig.reading(&state.limiting);
    assert_ne!(state.limiting, "permit_liveness");
    let permits = rig.reading("permit_liveness");
    assert!(
        permits.robustness < limiting.robustness,
        "though it is the lesser number: {permits:?} {limiting:?}"
    );
}

#[test]
fn a_clock_that_ran_backwards_leaves_nothing_known() {
    let mut rig = cruising();
    rig.now.ros = rig.now.ros - Span::from_s(2.0);
    drive(&mut rig, 0.02, |_| {});
    assert_eq!(rig.reading("sensor_age").verdict, Verdict::Unknown);
    assert_eq!(rig.mode(), Mode::SafeStop);
    drive(&mut rig, 2.5, |rig| rig.twist = Twist2::ZERO);
    assert_eq!(rig.mode(), Mode::Nominal);
}

/// An assurance node that was not run for a while does not know what happened.
#[test]
fn a_gap_is_not_forgotten_until_the_windows_have_passed() {
    let mut rig = cruising();
    rig.wait(Span::from_millis(210));
    drive(&mut rig, 0.02, |_| {});
    assert_eq!(rig.reading("sensor_age").verdict, Verdict::Invalid);
    assert_eq!(rig.mode(), Mode::SafeStop);
}

fn refused(change: impl Fn(String) -> String, name: &str) -> String {
    let text = FILES.iter().find(|(n, _)| *n == name).unwrap().1;
    let specification = Specification::parse(&change(text.to_owned())).unwrap();
    let all = vec![Specification::parse(FILES[0].1).unwrap(), specification];
    let node = AssuranceNode::new(config(), zones(), all, &robot(), PinnedHashes::default(), digest, 1);
    match node {
        Err(error @ AssuranceError::Specification { .. }) => error.to_string(),
        other => panic!("{:?}", other.map(|n| n.next_wakeup())),
    }
}

#[test]
fn what_cannot_be_watched_refuses_to_start() {
    let unknown = refused(|t| t.replace("scan_age_s", "scan_rage_s"), "sensor_age");
    let all: Vec<&str> = SIGNALS.iter().map(|s| s.name).collect();
    assert_eq!(
        unknown,
        format!(
            "specification sensor_age: 12:13: there is no signal, constant or definition `scan_rage_s`; there are: {}",
            all.join(", ")
        )
    );
    let slow = refused(|t| t.replace("@period(20 ms)", "@period(50 ms)"), "sensor_age");
    assert_eq!(slow, "specification sensor_age: made for a sample every 0.05 s, and one comes every 0.02 s");
    let twice = refused(|t| t, "braking_achieved");
    assert_eq!(twice, "specification braking_achieved: there are two of this name");
}

#[test]
fn every_signal_is_documented() {
    let page = include_str!("../../../../docs/monitoring.md");
    for signal in SIGNALS {
        let unit = if signal.unit.is_empty() { "–" } else { signal.unit };
        let row = format!("| `{}` | {unit} | {} |", signal.name, signal.meaning);
        assert!(page.contains(&row), "docs/monitoring.md lacks {row}");
    }
}
