//! People and detectors that are not as they are said to be, on a robot that drives.

use super::driving::drive;
use super::support::{Rig, Scene, config};
use crate::{Config, Input};
use outrider_foundation::data::{Mode, Track, TrackState, Verdict};
use outrider_foundation::rng::Rng;
use outrider_foundation::{Point2, Span, Twist2};
use outrider_stl::Specification;
use proptest::prelude::*;

const TICK: Span = Span::from_millis(20);

fn person(position: Point2, velocity: Point2) -> Track {
    let covariance = std::array::from_fn(|i| if i % 5 == 0 { 25e-4 } else { 0.0 });
    Track {
        id: 7,
        state: TrackState::Confirmed,
        class_label: "person".into(),
        position,
        velocity,
        covariance,
        radius_m: 0.25,
        ..Track::default()
    }
}

/// Drives for `span_s` with a detector, ten pictures a second, that is wrong by 0.1 m and states `stated_m`. When it went
/// slower for that, in pictures.
fn watched(stated_m: f64, span_s: f64) -> (Rig, Option<u32>) {
    let text = include_str!("../../../../config/assurance/detector_nis.stl");
    let config = Config { dwell_s: 0.2, ..config() };
    let mut rig = Rig::watching(config, Scene::wall(60.0, 0.0), vec![Specification::parse(text).unwrap()]);
    rig.rest(Span::from_s(3.0));
    assert_eq!(rig.mode(), Mode::Nominal, "{:#?}", rig.state());
    let (mut rng, mut pictures, mut slower) = (Rng::new(5, 0, 0), 0, None);
    rig.detector = false;
    for round in 0..(span_s / TICK.as_s()) as u32 {
        rig.wait(TICK);
        let truth = Point2::new(20.0, 4.0 + 0.02 * f64::from(round));
        let mut near = |sigma_m: f64| {
            Point2::new(truth.x_m + sigma_m * rng.normal(), truth.y_m + sigma_m * rng.normal())
        };
        if round % 5 == 0 {
            rig.tracks = vec![person(near(0.1), Point2::default())];
            let mut set = rig.detections();
            set.detections[0].covariance = [stated_m * stated_m, 0.0, 0.0, stated_m * stated_m];
            rig.tracks = vec![person(near(0.05), Point2::new(0.0, 1.0))];
            rig.send(vec![Input::Detections(set)]);
            pictures += 1;
        } else if let Some(track) = rig.tracks.first_mut() {
            track.position.y_m += 0.02;
        }
        rig.data();
        rig.propose(Twist2::ZERO);
        if rig.mode() == Mode::Degraded && slower.is_none() {
            slower = Some(pictures);
        }
    }
    (rig, slower)
}

#[test]
fn a_detector_that_states_a_tenth_of_its_error_slows_the_robot() {
    let (rig, slower) = watched(0.01, 6.0);
    assert_eq!(rig.reading("detector_nis").verdict, Verdict::Violated);
    assert_eq!(rig.mode(), Mode::Degraded);
    // The first picture comes before there is a track; then twenty, and two seconds of doubt.
    assert!(slower.is_some_and(|n| (40..=42).contains(&n)), "{slower:?}");
    let (honest, never) = watched(0.1, 12.0);
    assert_eq!((honest.mode(), never), (Mode::Nominal, None));
}

/// Speed that is permitted, in the end, past somebody who stands `gap_m` beside the way.
fn speed_past(gap_m: f64) -> f64 {
    let mut rig = Rig::nominal(Scene::wall(60.0, 0.0));
    let beside_m = 0.25 + 0.25 + gap_m;
    let mut slowest_mps = f64::INFINITY;
    let planner = |rig: &mut Rig| {
        rig.tracks = vec![person(Point2::new(4.0, beside_m), Point2::default())];
        if (3.3..4.0).contains(&rig.pose.x_m) {
            slowest_mps = slowest_mps.min(rig.twist.v_mps);
        }
        // As a planner does that goes on from what the robot does.
        Twist2::new((rig.twist.v_mps + 0.05).min(1.0), 0.0)
    };
    drive(&mut rig, planner, Span::from_s(25.0));
    assert!(rig.pose.x_m > 5.0, "past him: {} {:#?}", rig.pose.x_m, rig.interventions().last());
    slowest_mps
}

#[test]
fn the_nearer_somebody_stands_the_slower_he_is_passed() {
    let speeds = [0.3, 0.6, 1.0, 2.0].map(speed_past);
    assert!(speeds.windows(2).all(|w| w[0] < w[1]), "{speeds:?}");
    assert!(speeds[0] < 0.4 && speeds[3] > 0.95, "{speeds:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Somebody stands beside the way and sets out when it is worst, as fast as is reckoned with. The planner sees
    /// nothing. When they meet, the robot stands.
    #[test]
    fn who_sets_out_beside_a_moving_robot_meets_one_at_rest(
        gap_m in 0.15..1.2f64, x_m in 1.0..3.0f64, ahead_m in -0.8..1.5f64, left in any::<bool>(), v_mps in 0.2..1.0f64
    ) {
        let mut rig = Rig::nominal(Scene::wall(60.0, 0.0));
        let side = if left { 1.0 } else { -1.0 };
        let (mut at, mut speed_mps) = (Point2::new(x_m, side * (0.5 + gap_m)), 0.0_f64);
        let (mut sets_out, mut met) = (false, None);
        let planner = |rig: &mut Rig| {
            let here = rig.robot.footprint.signed_distance_m(rig.pose.inverse().apply(at)) - 0.25;
            if here <= 0.0 && met.is_none() {
                met = Some(rig.twist.v_mps);
            }
            sets_out |= rig.pose.x_m > x_m - 0.35 - ahead_m;
            if sets_out && met.is_none() {
                // Since the last time that the planner was asked.
                let before_mps = speed_mps;
                speed_mps = (speed_mps + 2.0 * 0.03).min(1.6);
                at.y_m -= side * 0.5 * (before_mps + speed_mps) * 0.03;
            }
            // World models come up to 30 ms after this, when he was seen.
            let then = Point2::new(at.x_m, at.y_m - side * speed_mps * 0.03);
            rig.tracks = vec![Track { age_s: 0.03, ..person(then, Point2::new(0.0, -side * speed_mps)) }];
            Twist2::new((rig.twist.v_mps + 0.05).min(v_mps), 0.0)
        };
        drive(&mut rig, planner, Span::from_s(6.0));
        // What counts as standing still, and how much the robot brakes in one of the steps of 30 ms that he makes.
        prop_assert!(met.is_none_or(|v_mps: f64| v_mps <= 0.04 + 1.2 * 0.03), "{met:?}");
    }
}
