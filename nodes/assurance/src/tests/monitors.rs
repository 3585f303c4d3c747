//! Every monitor both ways.

use super::support::{BEAMS, Rig, Scene, config, passes, permit, recovery};
use crate::{Input, Zones};
use outrider_foundation::data::{Command, CommandSource, Mode, Scan, Track, TrackState, Verdict};
use outrider_foundation::{Node, Outbox, Point2, Pose2, Span, Twist2};

const CRUISE: Twist2 = Twist2::new(0.8, 0.0);

fn open() -> Scene {
    Scene::wall(12.0, 0.0)
}

/// A cruise through the open passes until `disturb` has acted; then monitor `name` reads `verdict`.
fn disturbed(name: &str, verdict: Verdict, disturb: impl Fn(&mut Rig)) -> Rig {
    let mut rig = Rig::moving(open(), CRUISE);
    let outputs = rig.propose(CRUISE);
    assert!(passes(&outputs), "{:#?}", rig.state());
    assert!(rig.state().monitors.iter().all(|m| m.verdict == Verdict::Ok && m.robustness > 0.0));
    rig.wait(Span::from_millis(25));
    disturb(&mut rig);
    let outputs = rig.propose(CRUISE);
    let reading = rig.reading(name);
    assert_eq!(reading.verdict, verdict, "{reading:?}");
    assert!(reading.robustness < 0.0 || reading.robustness.is_nan());
    assert!(!passes(&outputs));
    rig
}

/// As [`disturbed`], by a change of the proposal alone.
fn proposal(name: &str, verdict: Verdict, change: impl Fn(&mut Command)) -> Rig {
    let mut rig = Rig::moving(open(), CRUISE);
    let mut command = rig.command(CRUISE);
    change(&mut command);
    let outputs = rig.send(vec![Input::Command(command)]);
    let reading = rig.reading(name);
    assert_eq!(reading.verdict, verdict, "{reading:?}");
    assert!(!passes(&outputs));
    assert_eq!(rig.mode(), Mode::Nominal, "a bad proposal is no reason to change the mode");
    let permit = permit(&outputs).unwrap();
    assert_eq!((permit.command_source, permit.command_sequence), (CommandSource::Recovery, 1));
    assert_eq!(rig.interventions().len(), 1);
    rig
}

fn with_scan(rig: &mut Rig, change: impl Fn(&mut Scan)) {
    let mut scan = rig.scan();
    change(&mut scan);
    let (odometry, model, challenge) = (rig.odometry(), rig.world_model(), rig.next_challenge());
    rig.send(vec![Input::Scan(scan), Input::Odometry(odometry), Input::WorldModel(model), challenge]);
}

#[test]
fn scan_age() {
    let without = |rig: &mut Rig, ms: i64| {
        rig.wait(Span::from_millis(ms));
        let (odometry, model, challenge) = (rig.odometry(), rig.world_model(), rig.next_challenge());
        rig.send(vec![Input::Odometry(odometry), Input::WorldModel(model), challenge]);
    };
    let rig = disturbed("scan_age", Verdict::Invalid, |rig| without(rig, 140));
    assert_eq!(rig.mode(), Mode::SafeStop);
    assert!(permit(&rig.outputs[rig.outputs.len() - 2..]).is_none(), "nothing is permitted on data this old");
    disturbed("scan_age", Verdict::Invalid, |rig| with_scan(rig, |s| s.stamp = s.stamp + Span::from_s(0.1)));
    disturbed("scan_age", Verdict::Invalid, |rig| {
        // A fresh stamp on what arrived long ago.
        with_scan(rig, |_| {});
        rig.now.mono = rig.now.mono + Span::from_millis(160);
        let (odometry, model, challenge) = (rig.odometry(), rig.world_model(), rig.next_challenge());
        rig.send(vec![Input::Odometry(odometry), Input::WorldModel(model), challenge]);
    });
}

#[test]
fn a_frozen_scan_grows_old() {
    let mut rig = Rig::moving(open(), CRUISE);
    let frozen = rig.scan();
    for _ in 0..8 {
        rig.wait(Span::from_millis(25));
        let (odometry, model, challenge) = (rig.odometry(), rig.world_model(), rig.next_challenge());
        rig.send(vec![
            Input::Scan(frozen.clone()),
            Input::Odometry(odometry),
            Input::WorldModel(model),
            challenge,
        ]);
    }
    assert!(!passes(&rig.propose(CRUISE)));
    assert_eq!(rig.reading("scan_age").verdict, Verdict::Invalid);
}

#[test]
fn scans_that_cannot_be_used() {
    let invalid = |change: fn(&mut Scan)| {
        disturbed("scan_age", Verdict::Invalid, |rig| with_scan(rig, change));
    };
    invalid(|s| s.frame = "other".into());
    invalid(|s| s.ranges_m.clear());
    invalid(|s| s.angle_increment_rad = 0.0);
    invalid(|s| s.angle_min_rad = f64::NAN);
    invalid(|s| s.range_max_m = f64::INFINITY);
    invalid(|s| s.ranges_m = vec![1.0; 9000]);
    disturbed("scan_age", Verdict::Invalid, |rig| {
        rig.data();
        rig.send(vec![Input::Rejected { topic: "/scan".into(), reason: "sizes".into() }]);
    });
}

#[test]
fn scan_coverage() {
    let invalid = |change: fn(&mut Scan)| {
        let rig = disturbed("scan_coverage", Verdict::Invalid, |rig| with_scan(rig, change));
        assert_eq!(rig.mode(), Mode::SafeStop);
    };
    invalid(|s| s.ranges_m.iter_mut().for_each(|r| *r = f32::NAN));
    invalid(|s| s.ranges_m.iter_mut().take(15).for_each(|r| *r = f32::NAN));
    invalid(|s| s.ranges_m.truncate(BEAMS / 2));
    // Six beams to each side of where the circle closes; each six alone would be usual.
    invalid(|s| {
        let dark = |(i, r): (usize, &mut f32)| {
            if !(6..BEAMS - 6).contains(&i) {
                *r = f32::NAN
            }
        };
        s.ranges_m.iter_mut().enumerate().for_each(dark);
    });
    // From 0.8 m/s, or 1 m/s, nobody stops within a metre.
    invalid(|s| s.range_max_m = 1.0);
    let mut rig = Rig::moving(open(), CRUISE);
    rig.wait(Span::from_millis(25));
    with_scan(&mut rig, |s| s.ranges_m.iter_mut().step_by(9).for_each(|r| *r = f32::NAN));
    assert!(passes(&rig.propose(CRUISE)), "single lost beams are usual");
    rig.wait(Span::from_millis(25));
    with_scan(&mut rig, |s| s.ranges_m.iter_mut().for_each(|r| *r = f32::INFINITY));
    assert!(passes(&rig.propose(CRUISE)), "nothing hit is an answer");
}

#[test]
fn odometry_that_leaps_stops_the_robot_at_once() {
    let mut rig = Rig::moving(open(), CRUISE);
    let here = rig.pose;
    for pose in [Pose2::new(4.0, 1.0, 0.3), here] {
        rig.wait(Span::from_millis(25));
        // The wheels tell of another place, everything else of the same.
        rig.pose = pose;
        let odometry = rig.odometry();
        rig.pose = here;
        let mut next = odometry.clone();
        next.stamp = next.stamp + Span::from_millis(5);
        let (scan, model, challenge) = (rig.scan(), rig.world_model(), rig.next_challenge());
        // The next one may come with it.
        let odometry = [Input::Odometry(odometry), Input::Odometry(next)];
        rig.send([&odometry[..], &[Input::Scan(scan), Input::WorldModel(model), challenge]].concat());
        assert_eq!((rig.reading("odometry_age").verdict, rig.mode()), (Verdict::Invalid, Mode::SafeStop));
    }
}

#[test]
fn what_is_nearer_than_the_lidar_can_tell_may_touch_the_outline() {
    let near = |range_m: f32| {
        move |s: &mut Scan| {
            s.range_min_m = 1.0;
            s.ranges_m.iter_mut().take(3).for_each(|r| *r = range_m);
        }
    };
    let rig = disturbed("command_clearance", Verdict::Violated, |rig| with_scan(rig, near(0.2)));
    assert!(rig.reading("command_clearance").value < 0.03, "{:?}", rig.reading("command_clearance"));
    let mut away = Rig::moving(open(), Twist2::ZERO);
    away.wait(Span::from_millis(25));
    with_scan(&mut away, near(0.2));
    assert!(!passes(&away.propose(Twist2::new(0.1, 0.0))));
    assert!(passes(&away.propose(Twist2::new(-0.1, 0.0))), "away from it");
    let mut rig = Rig::moving(open(), CRUISE);
    rig.wait(Span::from_millis(25));
    with_scan(&mut rig, near(2.0));
    assert!(passes(&rig.propose(CRUISE)));
}

/// A stamp from a clock that is not set yet does not lock out what comes after it.
#[test]
fn a_stamp_that_lies_ahead_is_no_news() {
    let ahead = Span::from_s(3600.0);
    let send = |rig: &mut Rig, which: &str, later: Span| {
        rig.wait(Span::from_millis(25));
        let (mut scan, mut odometry, mut model) = (rig.scan(), rig.odometry(), rig.world_model());
        match which {
            "scan_age" => scan.stamp = scan.stamp + later,
            "odometry_age" => odometry.stamp = odometry.stamp + later,
            _ => model.stamp = model.stamp + later,
        }
        let challenge = rig.next_challenge();
        rig.send(vec![Input::Scan(scan), Input::Odometry(odometry), Input::WorldModel(model), challenge]);
    };
    for which in ["scan_age", "odometry_age", "world_model_age"] {
        let mut rig = Rig::moving(open(), Twist2::ZERO);
        send(&mut rig, which, ahead);
        rig.propose(Twist2::ZERO);
        assert_eq!(rig.reading(which).verdict, Verdict::Invalid);
        send(&mut rig, which, Span::ZERO);
        rig.propose(Twist2::ZERO);
        assert_eq!(rig.reading(which).verdict, Verdict::Ok, "{which}");
    }
}

/// Slowed down is what is merely too fast.
#[test]
fn what_is_too_fast_and_old_is_not_driven_slowly() {
    let instead = |change: fn(&mut Command)| {
        let mut rig = Rig::moving(open(), CRUISE);
        let mut command = rig.command(CRUISE);
        command.twist.v_mps = 1.05;
        change(&mut command);
        recovery(&rig.send(vec![Input::Command(command)])).unwrap().twist.v_mps
    };
    assert!((instead(|_| {}) - 1.0).abs() < 1e-6, "slowed down");
    assert!(instead(|c| c.stamp = c.stamp + Span::from_millis(-200)).abs() < 1e-9);
    assert!(instead(|c| c.data_stamp = c.data_stamp + Span::from_s(-2.0)).abs() < 1e-9);
    assert!(instead(|c| c.sequence = 3).abs() < 1e-9);
    assert!(instead(|c| c.boot_id = 99).abs() < 1e-9);
    assert!(instead(|c| c.braking_tail.clear()).abs() < 1e-9);
}

#[test]
fn odometry_age() {
    let with_odometry = |rig: &mut Rig, v: f64, x: f64| {
        let mut odometry = rig.odometry();
        odometry.twist.v_mps = v;
        odometry.odom_from_base.x_m += x;
        let (scan, model, challenge) = (rig.scan(), rig.world_model(), rig.next_challenge());
        rig.send(vec![Input::Scan(scan), Input::Odometry(odometry), Input::WorldModel(model), challenge]);
    };
    for (v, x) in [(f64::NAN, 0.0), (f64::INFINITY, 0.0), (0.8, f64::NAN)] {
        let rig = disturbed("odometry_age", Verdict::Invalid, |rig| with_odometry(rig, v, x));
        assert_eq!(rig.mode(), Mode::SafeStop);
        assert_eq!(rig.reading("stopping_distance").verdict, Verdict::Invalid);
    }
    disturbed("odometry_age", Verdict::Invalid, |rig| {
        rig.wait(Span::from_millis(90));
        let (scan, model, challenge) = (rig.scan(), rig.world_model(), rig.next_challenge());
        rig.send(vec![Input::Scan(scan), Input::WorldModel(model), challenge]);
    });
}

#[test]
fn world_model_age() {
    let rig = disturbed("world_model_age", Verdict::Invalid, |rig| {
        rig.wait(Span::from_millis(240));
        let (scan, odometry, challenge) = (rig.scan(), rig.odometry(), rig.next_challenge());
        rig.send(vec![Input::Scan(scan), Input::Odometry(odometry), challenge]);
    });
    assert_eq!(rig.mode(), Mode::SafeStop);
    let recovery = recovery(&rig.outputs).unwrap();
    assert_eq!(recovery.twist, Twist2::ZERO, "scan and odometry are enough to brake on");
}

#[test]
fn measured_speed_and_turn_rate() {
    for (name, twist) in
        [("measured_speed", Twist2::new(1.2, 0.0)), ("measured_turn_rate", Twist2::new(0.8, -1.5))]
    {
        let rig = disturbed(name, Verdict::Violated, |rig| {
            rig.twist = twist;
            rig.data();
        });
        assert_eq!(rig.mode(), Mode::SafeStop);
    }
}

#[test]
fn stopping_distance_of_the_robot_itself() {
    let rig = disturbed("stopping_distance", Verdict::Violated, |rig| {
        rig.scene = Scene::wall(0.35 + 0.25, 0.0);
        rig.data();
    });
    assert_eq!(rig.mode(), Mode::SafeStop);
    let why = &rig.interventions()[0];
    assert_eq!((why.rule.as_str(), why.unit.as_str()), ("stopping_distance", "m"));
    assert_eq!((why.mode_before, why.mode_after), (Mode::Nominal, Mode::SafeStop));
    assert!(why.text.contains("stopping_distance is") && !why.clears_when.is_empty());
    assert!(why.causes.iter().any(|c| c.topic == "/scan" && c.stamp == rig.now.ros));
}

#[test]
fn localisation_and_detections() {
    let lost = |rig: &mut Rig| {
        rig.localised = false;
        rig.data();
    };
    let mut rig = Rig::moving(open(), CRUISE);
    lost(&mut rig);
    rig.wait(Span::from_millis(25));
    rig.data();
    rig.propose(CRUISE);
    assert_eq!(rig.mode(), Mode::SafeStop);
    let degraded = |change: fn(&mut outrider_foundation::data::WorldModel)| {
        let mut rig = Rig::moving(open(), CRUISE);
        rig.wait(Span::from_millis(25));
        let (scan, odometry, mut model, challenge) =
            (rig.scan(), rig.odometry(), rig.world_model(), rig.next_challenge());
        change(&mut model);
        rig.send(vec![Input::Scan(scan), Input::Odometry(odometry), Input::WorldModel(model), challenge]);
        let outputs = rig.propose(CRUISE);
        assert_eq!(rig.mode(), Mode::Degraded);
        let recovery = recovery(&outputs).unwrap();
        assert!((recovery.twist.v_mps - 0.5).abs() < 1e-9, "slowed down, not stopped: {recovery:?}");
        let permit = permit(&outputs).unwrap();
        assert!((permit.envelope.v_max_mps - 0.5).abs() < 1e-9 && permit.mode == Mode::Degraded);
    };
    degraded(|m| m.sources.clear());
    degraded(|m| m.sources[0].status = outrider_foundation::data::SourceStatus::Stale);
    degraded(|m| m.sources[0].age_s = 0.6);
    // What the world model told of grows older with it.
    let mut rig = Rig::moving(open(), CRUISE);
    for (ms, verdict) in [(25, Verdict::Ok), (75, Verdict::Invalid)] {
        rig.wait(Span::from_millis(ms));
        let mut model = rig.world_model();
        model.sources[0].age_s = 0.45;
        let (scan, odometry, challenge) = (rig.scan(), rig.odometry(), rig.next_challenge());
        let mut inputs = vec![Input::Scan(scan), Input::Odometry(odometry), challenge];
        inputs.extend((ms == 25).then_some(Input::WorldModel(model)));
        rig.send(inputs);
        rig.propose(CRUISE);
        assert_eq!(rig.reading("detections_age").verdict, verdict);
    }
}

#[test]
fn what_a_command_says() {
    let future = Span::from_millis(60);
    let past = Span::from_millis(110);
    proposal("command_age", Verdict::Invalid, |c| c.stamp = c.stamp + future);
    proposal("command_age", Verdict::Invalid, |c| c.stamp = c.stamp - past);
    proposal("command_data_age", Verdict::Invalid, |c| c.data_stamp = c.data_stamp + future);
    proposal("command_data_age", Verdict::Invalid, |c| c.data_stamp = c.data_stamp - Span::from_s(0.31));
    proposal("command_sequence", Verdict::Violated, |c| c.sequence = 3);
    proposal("command_sequence", Verdict::Violated, |c| c.boot_id = 99);
    proposal("speed", Verdict::Violated, |c| c.twist.v_mps = 1.01);
    proposal("speed", Verdict::Violated, |c| c.twist.v_mps = -0.31);
    proposal("speed", Verdict::Invalid, |c| c.twist.v_mps = f64::NAN);
    proposal("turn_rate", Verdict::Violated, |c| c.twist.w_radps = -1.21);
    proposal("turn_rate", Verdict::Invalid, |c| c.twist.w_radps = f64::INFINITY);
    proposal("tail_shape", Verdict::Violated, |c| c.braking_tail.clear());
    proposal("tail_shape", Verdict::Violated, |c| c.braking_tail.truncate(4));
    proposal("tail_shape", Verdict::Invalid, |c| c.braking_tail[2].pose.y_m = f64::NAN);
}

#[test]
fn a_planner_that_was_restarted_is_heard_after_a_silence() {
    let mut rig = Rig::moving(open(), CRUISE);
    assert!(passes(&rig.propose(CRUISE)));
    rig.wait(Span::from_millis(110));
    rig.data();
    let mut command = rig.command(CRUISE);
    (command.boot_id, command.sequence) = (98, 1);
    assert!(passes(&rig.send(vec![Input::Command(command)])));
}

#[test]
fn command_clearance_and_tail_clearance() {
    let near = |rig: &mut Rig, x: f64| {
        rig.scene = Scene::wall(0.35 + x, 0.0);
        rig.data();
    };
    // v T + v²/2b = 0.8 · 0.18 + 0.64 / 2.4 = 0.41 m, and the margin.
    let rig = disturbed("command_clearance", Verdict::Violated, |rig| near(rig, 0.42));
    assert_eq!(rig.mode(), Mode::Nominal);
    assert_eq!(recovery(&rig.outputs).map(|c| c.twist), Some(Twist2::ZERO));
    // The tail holds the speed for 0.3 s, which its motion alone does not.
    disturbed("tail_clearance", Verdict::Violated, |rig| near(rig, 0.46));
    let mut rig = Rig::moving(open(), CRUISE);
    rig.wait(Span::from_millis(25));
    near(&mut rig, 0.56);
    assert!(passes(&rig.propose(CRUISE)));
}

fn person(x: f64, y: f64, vy: f64) -> Track {
    Track {
        id: 3,
        state: TrackState::Confirmed,
        class_label: "person".into(),
        position: Point2::new(x, y),
        velocity: Point2::new(0.0, vy),
        covariance: [4e-4, 0.0, 0.0, 0.0, 0.0, 4e-4, 0.0, 0.0, 0.0, 0.0, 1e-2, 0.0, 0.0, 0.0, 0.0, 1e-2],
        radius_m: 0.25,
        prediction_step_s: 0.2,
        prediction: (1..=15).map(|i| Point2::new(x, y + vy * 0.2 * f64::from(i))).collect(),
        prediction_sigma_m: (1..=15).map(|i| 0.02 + 0.01 * f64::from(i)).collect(),
        ..Track::default()
    }
}

#[test]
fn tracks_are_judged_at_the_time_of_the_meeting() {
    let with = |rig: &mut Rig, track: Track| {
        rig.tracks = vec![track];
        rig.data();
    };
    let crossing = disturbed("tracks", Verdict::Violated, |rig| with(rig, person(0.75, -0.9, 1.2)));
    assert_eq!(crossing.interventions()[0].subformula, "person #3");
    disturbed("tracks", Verdict::Violated, |rig| {
        let unseen = Track { state: TrackState::Reachable, reachable_m: 0.5, ..person(1.4, 0.0, 0.0) };
        with(rig, unseen);
    });
    let standing = Track { state: TrackState::Standing, ..person(0.9, 0.0, 0.0) };
    disturbed("tracks", Verdict::Violated, |rig| with(rig, person(0.9, 0.0, 0.0)));
    disturbed("tracks", Verdict::Violated, |rig| {
        // It does not stand, whatever is said of it.
        with(rig, Track { velocity: Point2::new(0.0, 0.4), ..standing.clone() });
    });
    for elsewhere in [
        standing.clone(),
        person(0.75, 0.9, 1.2),
        person(3.0, 0.0, 0.0),
        Track { state: TrackState::Tentative, ..person(0.75, -0.9, 1.2) },
    ] {
        let mut rig = Rig::moving(open(), CRUISE);
        rig.wait(Span::from_millis(25));
        with(&mut rig, elsewhere);
        assert!(passes(&rig.propose(CRUISE)), "{:#?}", rig.reading("tracks"));
    }
    disturbed("world_model_age", Verdict::Invalid, |rig| with(rig, person(f64::NAN, 0.0, 0.0)));
}

#[test]
fn a_person_beside_the_robot_does_not_pin_it() {
    let mut rig = Rig::nominal(open());
    rig.tracks = vec![person(-0.2, 0.45, 0.0)];
    rig.wait(Span::from_millis(25));
    rig.data();
    assert!(passes(&rig.propose(Twist2::ZERO)));
    assert!(passes(&rig.propose(Twist2::new(0.05, 0.0))), "moving away: {:?}", rig.reading("tracks"));
    assert!(!passes(&rig.propose(Twist2::new(0.0, -0.3))), "turning into them");
}

/// Somebody comes up at 0.2 m/s, of whom the tracker says that he stands.
#[test]
fn a_person_who_has_come_up_is_waited_for() {
    let round = Span::from_millis(50);
    let creeps = |from_y_m: f64, localised_anew: bool| {
        let mut rig = Rig::nominal(open());
        for i in 0..=20 {
            if i == 10 && localised_anew {
                // On the map everybody is elsewhere by what he has come nearer: in `odom` nobody is.
                rig.tracks_moved_m = 0.1;
            }
            let y_m = from_y_m + (0.5 - from_y_m) * f64::from(i) / 20.0;
            rig.tracks = vec![person(-0.2, y_m, 0.0)];
            rig.wait(round);
            rig.data();
            rig.propose(Twist2::ZERO);
        }
        passes(&rig.propose(Twist2::new(0.05, 0.0)))
    };
    assert!(creeps(0.5, false), "he has stood there");
    assert!(!creeps(0.7, false), "he has come");
    assert!(!creeps(0.7, true) && creeps(0.5, true), "a correction on the map moves nobody");
}

#[test]
fn exclusion_and_speed_zones() {
    let mut rig = Rig::nominal(Scene::default());
    // Battery store: x from −9.9 to −8.6, y from 4.3.
    let towards = |rig: &mut Rig, y: f64, v: f64| {
        rig.wait(Span::from_millis(25));
        rig.carry_to(Pose2::new(-9.2, y, std::f64::consts::FRAC_PI_2));
        rig.twist = Twist2::new(v, 0.0);
        rig.data();
        rig.propose(Twist2::new(v, 0.0))
    };
    assert!(passes(&towards(&mut rig, 3.0, 0.8)));
    assert!(!passes(&towards(&mut rig, 3.5, 0.8)));
    assert_eq!(rig.reading("exclusion_zones").verdict, Verdict::Violated);
    assert_eq!(rig.interventions().last().unwrap().subformula, "zone battery store");
    assert!(!passes(&towards(&mut rig, 4.5, 0.1)), "inside, farther in");
    assert!(passes(&towards(&mut rig, 4.5, -0.1)), "inside, the way out");
    assert!(passes(&towards(&mut rig, 5.4, 0.0)) && passes(&towards(&mut rig, 5.4, 0.1)), "all of it inside");
    assert!(!passes(&towards(&mut rig, 5.4, -0.1)), "and farther in");
    // A corner would swing over the edge.
    rig.wait(Span::from_millis(25));
    rig.carry_to(Pose2::new(-9.2, 4.1, 0.0));
    rig.twist = Twist2::ZERO;
    rig.data();
    assert!(!passes(&rig.propose(Twist2::new(0.0, 0.5))), "turning farther in");
    assert!(passes(&rig.propose(Twist2::new(-0.1, 0.0))), "along the edge");
    // Doorway: x from 1 to 3, 0.6 m/s.
    let mut door = |x: f64, v: f64| {
        rig.wait(Span::from_millis(25));
        rig.carry_to(Pose2::new(x, -1.0, 0.0));
        rig.twist = Twist2::new(v, 0.2 * v);
        rig.data();
        let outputs = rig.propose(Twist2::new(v, 0.2 * v));
        (passes(&outputs), recovery(&outputs).map(|c| c.twist))
    };
    assert!(door(0.2, 0.9).0, "slows down in time");
    let (passed, slowed) = door(0.7, 0.9);
    assert!(
        !passed && slowed.is_some_and(|t| (t.v_mps - 0.6).abs() < 1e-9),
        "has to slow down now: {slowed:?}"
    );
    assert_eq!(door(0.9, 0.9), (false, Some(Twist2::ZERO)), "has to brake");
    assert!(door(0.9, 0.6).0 && door(2.0, 0.6).0);
    let (passed, slowed) = door(2.0, 0.65);
    let slowed = slowed.unwrap();
    assert!(!passed && (slowed.v_mps - 0.6).abs() < 1e-9, "{slowed:?}");
    assert!((slowed.w_radps - 0.2 * slowed.v_mps).abs() < 1e-9, "along the same curve");
}

#[test]
fn challenge_age() {
    let mut rig = Rig::moving(open(), CRUISE);
    rig.wait(Span::from_millis(60));
    let (scan, odometry, model) = (rig.scan(), rig.odometry(), rig.world_model());
    rig.send(vec![Input::Scan(scan), Input::Odometry(odometry), Input::WorldModel(model)]);
    assert!(permit(&rig.propose(CRUISE)).is_none(), "there is no question to answer");
    assert_eq!(rig.reading("challenge_age").verdict, Verdict::Invalid);
}

#[test]
fn nothing_is_known_at_first_and_nothing_permitted() {
    let mut rig = Rig::new(open());
    assert!(permit(&rig.propose(Twist2::ZERO)).is_none());
    assert_eq!(rig.mode(), Mode::SafeStop);
    assert_eq!(rig.reading("scan_coverage").verdict, Verdict::Unknown);
    assert!(rig.state().monitors.iter().all(|m| m.verdict == Verdict::Ok || m.robustness.is_nan()));
}

#[test]
fn a_missing_command_is_seen() {
    let mut rig = Rig::moving(open(), CRUISE);
    rig.propose(CRUISE);
    rig.wait(Span::from_millis(120));
    assert!(rig.node.next_wakeup().unwrap() <= rig.now.mono);
    rig.data();
    assert_eq!(rig.reading("command_age").verdict, Verdict::Invalid);
    let mut out = Outbox::new(8);
    rig.node.step(rig.now, &[], &mut out);
    assert!(out.items().is_empty(), "an early call is harmless");
}

#[test]
fn where_there_are_no_zones_nobody_has_to_be_localised() {
    let none = || Zones { version: 1, none_because: Some("no map".into()), ..Zones::default() };
    let mode = |zones: &Zones| {
        let mut rig = Rig::in_zones(config(), zones, open(), vec![]);
        rig.localised = false;
        rig.rest(Span::from_s(3.0));
        rig.mode()
    };
    assert_eq!(mode(&none()), Mode::Nominal);
    assert_eq!(mode(&Zones { version: 1, ..Zones::default() }), Mode::SafeStop, "none, but nobody said so");
    assert!(!none().is_empty() && Zones::default().is_empty());
}
