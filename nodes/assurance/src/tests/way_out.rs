//! A robot that stands where it may not be gets out, slowly, and only when it should.

use super::driving::drive;
use super::properties::specifications;
use super::support::{ROUND, Rig, Scene, config, permit, recovery, zones};
use crate::zones::{Near as _, ZoneMap};
use crate::{Config, ExclusionZone, Input, Zones};
use outrider_foundation::data::{CommandSource, GateMode, Intervention, Mode, Track, TrackState};
use outrider_foundation::{Point2, Pose2, Span, Twist2};
use outrider_stl::Specification;
use proptest::prelude::*;
use std::f64::consts::FRAC_PI_2;

const WANTED: Twist2 = Twist2::new(0.3, 0.0);

fn quick() -> Config {
    Config { dwell_s: 0.2, ..config() }
}

/// At rest in the battery store (x from −9.9 to −8.6, y from 4.3 to 5.9), all properties watched.
fn inside(config: Config, scene: Scene, pose: Pose2) -> Rig {
    let mut rig = Rig::watching(config, scene, specifications());
    rig.pose = pose;
    rig.rest(Span::from_s(1.0));
    assert_eq!(rig.mode(), Mode::SafeStop, "{:#?}", rig.state());
    rig
}

fn far() -> Scene {
    // Askew: whichever way the robot goes, it sees that it does.
    Scene::wall(6.0, 0.3)
}

fn middle() -> Pose2 {
    Pose2::new(-9.2, 5.0, FRAC_PI_2)
}

/// Distance of the base from the store's edge, negative inside; and of the outline.
fn distances_m(rig: &Rig) -> (f64, f64) {
    let map = ZoneMap::new(&zones()).unwrap();
    let (_, store) = &map.exclusion[0];
    let outline_m = store.distance_to_footprint_m(&rig.robot.footprint, rig.pose, 10.0);
    (store.signed_distance_m(rig.pose.position()), outline_m)
}

fn of_way_out(rig: &Rig) -> Vec<Intervention> {
    rig.interventions().into_iter().filter(|i| i.rule.starts_with("way_out")).collect()
}

/// Somebody wants to go for so long. What the backup controller commanded, with its envelope's greatest speed.
fn ask(rig: &mut Rig, span: Span, mut change: impl FnMut(&mut Rig)) -> Vec<(Twist2, f64)> {
    let (mut commanded, until) = (vec![], rig.now.mono + span);
    while rig.now.mono < until {
        rig.wait(ROUND);
        rig.pose = rig.pose.advance(rig.twist, ROUND.as_s());
        rig.data();
        change(rig);
        let outputs = rig.propose(WANTED);
        let twist = recovery(&outputs).map_or(Twist2::ZERO, |c| c.twist);
        commanded.extend(permit(&outputs).map(|p| (twist, p.envelope.v_max_mps)));
        rig.twist = twist;
    }
    commanded
}

fn never_moved(commanded: &[(Twist2, f64)]) -> bool {
    commanded.iter().all(|(t, _)| *t == Twist2::ZERO)
}

#[test]
fn out_of_an_exclusion_zone_and_on() {
    let mut rig = inside(quick(), far(), middle());
    let (mut deepest_m, mut fastest_mps, mut turns) = (f64::NEG_INFINITY, 0.0_f64, vec![]);
    drive(
        &mut rig,
        |rig| {
            let (base_m, outline_m) = distances_m(rig);
            assert!(base_m > deepest_m - 1e-6 || outline_m > 0.05, "never farther in");
            deepest_m = deepest_m.max(base_m);
            if outline_m < 0.0 {
                fastest_mps = fastest_mps.max(rig.twist.v_mps.abs());
                turns.push((rig.twist.v_mps > 0.0, rig.twist.v_mps < 0.0));
            }
            // Once it is out and the mode is well again, nobody wants anything more.
            if rig.mode() == Mode::SafeStop || outline_m < 0.1 { WANTED } else { Twist2::ZERO }
        },
        Span::from_s(25.0),
    );
    let (_, outline_m) = distances_m(&rig);
    assert!(outline_m > 0.05 && outline_m < 0.3, "{outline_m}");
    assert!(fastest_mps > 0.09 && fastest_mps < 0.101, "{fastest_mps}");
    turns.dedup();
    assert!(turns.len() <= 3, "at rest, one way, at rest: it does not dither: {turns:?}");
    assert_eq!(rig.mode(), Mode::Nominal);
    let [begin, end] = &of_way_out(&rig)[..] else { panic!("{:#?}", of_way_out(&rig)) };
    assert_eq!((begin.rule.as_str(), begin.subformula.as_str()), ("way_out", "zone battery store"));
    assert_eq!((begin.mode_before, begin.mode_after), (Mode::SafeStop, Mode::SafeStop));
    assert!(begin.value < -0.4 && begin.limit > 0.04 && begin.unit == "m", "{begin:?}");
    // The mode has risen on the way, so a command of the planner ends it as soon as it is far enough out.
    assert!(end.text.contains("the planner's own command passes"), "{end:?}");
    assert!(end.value > 0.5 && end.value < 1.5, "{end:?}");
}

#[test]
fn not_before_the_time_and_within_an_envelope_of_its_own() {
    let mut rig = inside(quick(), far(), middle());
    assert!(never_moved(&ask(&mut rig, Span::from_s(1.9), |_| {})));
    assert!(rig.state().monitors.iter().any(|m| m.name == "exclusion_distance" && m.value < 0.0));
    let commanded = ask(&mut rig, Span::from_s(1.0), |_| {});
    let (twist, v_max_mps) = *commanded.last().unwrap();
    assert!(
        (twist.v_mps.abs() - 0.1).abs() < 1e-9 && (v_max_mps - 0.1).abs() < 1e-9,
        "{twist:?} {v_max_mps}"
    );
    let permit = permit(&rig.outputs[rig.outputs.len() - 3..]).unwrap();
    assert_eq!((permit.command_source, permit.mode), (CommandSource::Recovery, Mode::SafeStop));
    assert!(permit.envelope.w_max_radps <= 0.3 && permit.envelope.v_min_mps >= -0.1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Wherever it stands in the zone and however it is turned: it gets out, and its base never farther in.
    #[test]
    fn from_everywhere(x in -9.9..-8.6f64, y in 4.3..5.9f64, yaw in -3.1..3.1f64) {
        let mut config = quick();
        config.way_out.distance_max_m = 5.0;
        let mut rig = inside(config, far(), Pose2::new(x, y, yaw));
        let mut least_m = f64::NEG_INFINITY;
        drive(&mut rig, |rig| {
            let (base_m, outline_m) = distances_m(rig);
            // The wheels lag behind by 50 ms, at 0.1 m/s.
            assert!(base_m > least_m - 5e-3 || outline_m > 0.05, "{base_m} {least_m}");
            least_m = least_m.max(base_m);
            if rig.mode() == Mode::SafeStop { WANTED } else { Twist2::ZERO }
        }, Span::from_s(40.0));
        let (_, outline_m) = distances_m(&rig);
        prop_assert!(outline_m > 0.0 && rig.mode() == Mode::Nominal, "{outline_m} {:#?}", of_way_out(&rig));
        prop_assert_eq!(of_way_out(&rig).len(), 2);
    }
}

#[test]
fn away_from_what_is_nearer_than_the_margin() {
    // A wall 15 mm before the bumper: too near for anything but leaving.
    let scene = Scene::wall(0.365, 0.0);
    let mut rig = Rig::with(quick(), scene);
    rig.rest(Span::from_s(0.6));
    let end = drive(&mut rig, |_| WANTED, Span::from_s(4.5));
    assert!(end.least_m > 0.0149, "{}", end.least_m);
    let gap_m = rig.scene.clearance_m(&rig.robot, rig.pose);
    assert!(gap_m > 0.03 && gap_m < 0.12, "{gap_m}");
    let [begin, end] = &of_way_out(&rig)[..] else { panic!("{:#?}", of_way_out(&rig)) };
    assert_eq!((begin.rule.as_str(), begin.subformula.as_str()), ("way_out", "scan"));
    assert!(end.value > 0.03, "no command to the contrary has ended it: {end:?}");
    assert!((begin.value - 0.015).abs() < 0.002 && (begin.limit - 0.03).abs() < 1e-9, "{begin:?}");
    // In a narrow place along a wall nothing leads away, and driving on is the planner's.
    let mut rig = Rig::with(
        quick(),
        Scene { walls: vec![(Point2::new(-9.0, 0.265), Point2::new(9.0, 0.265))], posts: vec![] },
    );
    rig.rest(Span::from_s(0.6));
    assert!(drive(&mut rig, |_| WANTED, Span::from_s(3.0)).proposals_passed > 90);
    assert!(of_way_out(&rig).is_empty());
}

#[test]
fn nobody_is_surprised() {
    let wait = Span::from_s(5.0);
    let still = |change: &dyn Fn(&mut Rig)| {
        let mut rig = inside(quick(), far(), middle());
        let commanded = ask(&mut rig, wait, change);
        assert!(never_moved(&commanded), "{:#?}", of_way_out(&rig));
        rig
    };
    // The gate does not wait for permits.
    for mode in [GateMode::Disarmed, GateMode::Teleop] {
        still(&|rig: &mut Rig| {
            rig.gate = mode;
            let state = rig.gate_state();
            rig.send(vec![Input::Gate(state)]);
        });
    }
    // An emergency stop.
    still(&|rig: &mut Rig| drop(rig.send(vec![Input::EStop(true)])));
    // Something touches the robot, in one scan even.
    let touch = |rig: &mut Rig| rig.scene.posts = vec![(rig.pose.apply(Point2::new(0.3, 0.0)), 0.05)];
    still(&touch);
    still(&move |rig: &mut Rig| {
        if rig.sequence.is_multiple_of(2) { touch(rig) } else { rig.scene.posts.clear() }
    });
    // No pose in the map.
    still(&|rig: &mut Rig| rig.localised = false);
    // Data that cannot be judged.
    for topic in ["scan", "odom", "world_model"] {
        let reject = Input::Rejected { topic: topic.into(), reason: String::new() };
        still(&move |rig: &mut Rig| drop(rig.send(vec![reject.clone()])));
    }
    // The robot still moves.
    still(&|rig: &mut Rig| {
        rig.twist = Twist2::new(0.2, 0.0);
        rig.wait(Span::from_millis(1));
        let odometry = rig.odometry();
        rig.send(vec![Input::Odometry(odometry)]);
        rig.twist = Twist2::ZERO;
    });
    // A property that has nothing to do with the place.
    let text = include_str!("../../../../config/assurance/exclusion_distance.stl")
        .replace("specification exclusion_distance", "specification other")
        .replace("input float", "input float velocity_mps\ninput float")
        .replace("\nexclusion_distance_m > 0", "\nexclusion_distance_m > 0 or velocity_mps > 5");
    let other = Specification::parse(&text).unwrap();
    let mut rig = Rig::watching(quick(), far(), specifications().into_iter().chain([other]).collect());
    rig.pose = middle();
    rig.rest(Span::from_s(1.0));
    assert!(never_moved(&ask(&mut rig, wait, |_| {})), "{:#?}", of_way_out(&rig));
    // Nobody asks for anything but to stand; commands that are no planner's newest.
    let mut rig = inside(quick(), far(), middle());
    rig.rest(wait);
    let old = rig.command(WANTED);
    for _ in 0..200 {
        rig.wait(ROUND);
        rig.data();
        let command = outrider_foundation::data::Command { stamp: rig.now.ros, ..old.clone() };
        rig.send(vec![Input::Command(command)]);
    }
    assert!(rig.outputs.iter().all(|o| !matches!(o, crate::Output::Recovery(c) if c.twist != Twist2::ZERO)));
    // And with none of that it does go.
    let mut rig = inside(quick(), far(), middle());
    assert!(!never_moved(&ask(&mut rig, wait, |_| {})));
}

/// On its way out since a moment.
fn leaving() -> Rig {
    let mut rig = inside(quick(), far(), middle());
    ask(&mut rig, Span::from_s(3.0), |_| {});
    assert!(rig.twist.v_mps.abs() > 0.09, "{:#?}", of_way_out(&rig));
    rig
}

#[test]
fn it_ends_at_once_and_says_why() {
    let ends = |text: &str, change: &dyn Fn(&mut Rig)| {
        let mut rig = leaving();
        let commanded = ask(&mut rig, Span::from_s(0.3), change);
        let ended = of_way_out(&rig).into_iter().find(|i| i.rule == "way_out_end");
        assert!(ended.as_ref().is_some_and(|i| i.text.contains(text)), "{text}: {ended:?}");
        assert!(never_moved(&commanded[commanded.len().min(1)..]), "{text}");
    };
    ends("emergency stop", &|rig| drop(rig.send(vec![Input::EStop(true)])));
    ends("does not wait for permits", &|rig| {
        rig.gate = GateMode::Disarmed;
        let state = rig.gate_state();
        rig.send(vec![Input::Gate(state)]);
    });
    let reject = |topic: &str| Input::Rejected { topic: topic.into(), reason: String::new() };
    ends("world_model_age", &|rig| drop(rig.send(vec![reject("world_model")])));
    ends("localised", &|rig| {
        rig.localised = false;
        rig.wait(Span::from_millis(1));
        rig.data();
    });
    let mut rig = leaving();
    rig.rest(ROUND);
    assert!(of_way_out(&rig)[1].text.contains("nobody wants to go"), "the planner wants to stand");
    let mut rig = leaving();
    for _ in 0..8 {
        rig.wait(ROUND);
        rig.data();
    }
    assert!(of_way_out(&rig)[1].text.contains("nobody wants to go"), "the planner is silent");
}

#[test]
fn its_distance_is_limited_and_then_somebody_has_to_drive() {
    let mut config = quick();
    config.way_out.distance_max_m = 0.2;
    let mut rig = inside(config, far(), middle());
    let start = rig.pose;
    let commanded = ask(&mut rig, Span::from_s(30.0), |_| {});
    let way_m = rig.pose.position().distance_m(start.position());
    assert!((0.15..0.22).contains(&way_m), "{way_m}");
    let moving: Vec<_> = commanded.iter().map(|(t, _)| *t != Twist2::ZERO).collect();
    assert!(!moving[moving.len() - 1000..].contains(&true), "then it holds");
    let [_, end] = &of_way_out(&rig)[..] else { panic!("{:#?}", of_way_out(&rig)) };
    assert!(
        end.text.contains("its distance or its tries are spent") && end.clears_when.contains("operator"),
        "{end:?}"
    );
    // Somebody has been there: disarmed, and armed again.
    rig.gate = GateMode::Disarmed;
    ask(&mut rig, Span::from_s(0.2), |_| {});
    rig.gate = GateMode::Forwarding;
    assert!(!never_moved(&ask(&mut rig, Span::from_s(4.0), |_| {})));
}

#[test]
fn where_nothing_leads_out_it_holds_and_says_so_once() {
    // Posts all around, a hand's breadth away: neither ahead nor back nor round.
    let mut scene = far();
    let at = middle();
    let place = |x: f64, y: f64| at.apply(Point2::new(x, y));
    for (x, y) in [(0.42, 0.0), (0.42, 0.2), (0.42, -0.2), (-0.42, 0.0), (-0.42, 0.2), (-0.42, -0.2)] {
        scene.posts.push((place(x, y), 0.05));
    }
    let mut rig = inside(quick(), scene, at);
    assert!(never_moved(&ask(&mut rig, Span::from_s(20.0), |_| {})));
    let [none] = &of_way_out(&rig)[..] else { panic!("{:#?}", of_way_out(&rig)) };
    assert_eq!((none.rule.as_str(), none.subformula.as_str()), ("way_out_none", "zone battery store"));
    assert!(none.text.contains("no slow motion leads away") && none.clears_when.contains("operator"));
    // What stood in the way has gone: it asks again by itself.
    rig.scene = far();
    assert!(!never_moved(&ask(&mut rig, Span::from_s(5.0), |_| {})));
}

#[test]
fn not_into_a_person_nor_into_a_wall() {
    // Nearest out would be back, to the south; there stands somebody.
    let at = Pose2::new(-9.2, 4.6, FRAC_PI_2);
    let first_step = |rig: &mut Rig| {
        let commanded = ask(rig, Span::from_s(3.0), |_| {});
        commanded.iter().map(|(t, _)| *t).find(|t| *t != Twist2::ZERO)
    };
    let mut rig = inside(quick(), far(), at);
    assert!(first_step(&mut rig).is_some_and(|t| t.v_mps < 0.0));
    let mut rig = inside(quick(), far(), at);
    rig.tracks = vec![Track {
        id: 1,
        state: TrackState::Confirmed,
        position: Point2::new(-9.2, 3.9),
        radius_m: 0.25,
        ..Track::default()
    }];
    drive(&mut rig, |_| WANTED, Span::from_s(10.0));
    let gap_m =
        rig.robot.footprint.signed_distance_m(rig.pose.inverse().apply(rig.tracks[0].position)) - 0.25;
    assert!(gap_m > 0.049 && gap_m < 0.1, "{gap_m}");
    let mut scene = far();
    scene.walls.push((Point2::new(-12.0, 4.2), Point2::new(-7.0, 4.2)));
    let mut rig = inside(quick(), scene, at);
    drive(&mut rig, |_| WANTED, Span::from_s(10.0));
    let corner_y =
        rig.robot.footprint.corners().iter().map(|c| rig.pose.apply(*c).y_m).fold(f64::INFINITY, f64::min);
    assert!(corner_y > 4.2 + 0.029, "{corner_y}");
}

#[test]
fn it_begins_only_so_often() {
    let mut config = quick();
    config.way_out.distance_max_m = 5.0;
    let mut rig = inside(config, far(), middle());
    for i in 0..12 {
        let moved = !never_moved(&ask(&mut rig, Span::from_s(2.1), |_| {}));
        assert_eq!(moved, i < 10, "{i}");
        rig.twist = Twist2::ZERO;
        rig.rest(Span::from_s(0.1));
    }
    let last = of_way_out(&rig).pop().unwrap();
    assert!(last.rule == "way_out_none" && last.text.contains("its tries are spent"), "{last:?}");
}

#[test]
fn it_stays_with_what_it_has_chosen() {
    // The edge is to the north, and it is not sure how it is turned: straight back and an arc lead on about as well.
    let polygon_m = vec![[-9.0, -9.0], [9.0, -9.0], [9.0, 0.0], [-9.0, 0.0]];
    let zone = ExclusionZone { name: "south".into(), polygon_m };
    let zones = Zones { version: 1, exclusion: vec![zone], ..Zones::default() };
    let mut rig = Rig::in_zones(quick(), &zones, far(), vec![]);
    let pose = Pose2::new(0.0, -0.6, 0.25 - FRAC_PI_2);
    rig.pose = pose;
    rig.rest(Span::from_s(0.6));
    let mut left = false;
    let commanded = ask(&mut rig, Span::from_s(5.0), |rig| {
        left = !left;
        rig.wait(Span::from_millis(1));
        let mut model = rig.world_model();
        model.ego.pose.yaw_rad += if left { 0.1 } else { -0.1 };
        rig.send(vec![Input::WorldModel(model)]);
    });
    let mut chosen: Vec<Twist2> = commanded.iter().map(|(t, _)| *t).filter(|t| *t != Twist2::ZERO).collect();
    assert!(chosen.len() > 80, "{:#?}", of_way_out(&rig));
    chosen.dedup();
    assert!(chosen.len() <= 2, "{chosen:?}");
}
