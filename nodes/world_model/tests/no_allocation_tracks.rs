//! Following objects takes nothing from the heap once everybody is known. What is handed out are messages, and they own
//! their memory.

use crate::counting::allocations;
use outrider_foundation::data::{Detection, DetectionSet, Scan};
use outrider_foundation::{Footprint, Point2, Pose2, Stamp, Twist2};
use outrider_world_model::Config;
use outrider_world_model::beams::{Body, Reach, Sweep, beams};
use outrider_world_model::tracks::Tracker;

const PEOPLE: u32 = 40;

/// Some alone, some so close that they are ambiguous, and a false alarm now and then.
fn set(step: u32) -> DetectionSet {
    let person = |i: u32| Detection {
        position: Point2::new(0.45 * f64::from(i % 8) + 0.05 * f64::from(step), 2.0 * f64::from(i / 8) + 1.0),
        covariance: [0.01, 0.0, 0.0, 0.01],
        body: None,
        radius_m: 0.25,
        existence: 0.9,
        class_probabilities: vec![0.2, 0.8],
    };
    let mut detections: Vec<_> = (0..PEOPLE).filter(|i| !(i + step).is_multiple_of(7)).map(person).collect();
    if step.is_multiple_of(3) {
        detections.push(Detection { position: Point2::new(-5.0 - f64::from(step), -5.0), ..person(0) });
    }
    DetectionSet {
        stamp: Stamp::from_nanos(i64::from(step) * 100_000_000),
        model_id: "net".into(),
        model_version: "3".into(),
        class_labels: vec!["cart".into(), "person".into()],
        detections,
        ..DetectionSet::default()
    }
}

fn scan(step: u32) -> Scan {
    let range = |i: u32| 3.0 + ((i * 7 + step) % 100) as f32 * 0.02;
    Scan {
        stamp: Stamp::from_nanos(i64::from(step) * 100_000_000),
        angle_min_rad: -std::f64::consts::PI,
        angle_increment_rad: std::f64::consts::TAU / 720.0,
        range_min_m: 0.1,
        range_max_m: 12.0,
        ranges_m: (0..720).map(range).collect(),
        ..Scan::default()
    }
}

#[test]
fn a_known_crowd_is_followed_without_the_heap() {
    let text = include_str!("../../../config/world_model.yaml");
    let config: Config = outrider_yaml::from_str(text).unwrap();
    let mut tracker = Tracker::new(config.tracks);
    let footprint = Footprint::rectangle(0.35, 0.35, 0.5).unwrap();
    let body = Body { footprint: &footprint, margin_m: 0.02, base_from_lidar: Pose2::new(0.1, 0.0, 0.0) };
    let reach = Reach { mark_max_m: 8.0, clear_max_m: 8.0 };
    let sweep = Sweep { first: Pose2::IDENTITY, last: Pose2::IDENTITY.advance(Twist2::new(1.0, 0.2), 0.05) };
    let mut straight = Vec::with_capacity(720);
    let mut counted = 0;
    for step in 0..60 {
        let (set, scan) = (set(step), scan(step));
        // Another detector, later by two and a half pictures.
        let late = step.checked_sub(3).map(|of| DetectionSet {
            stamp: Stamp::from_nanos(i64::from(of) * 100_000_000 + 50_000_000),
            model_id: "slow".into(),
            ..self::set(of)
        });
        let taken = allocations(|| {
            beams(&scan, sweep, body, reach, &[], &mut straight);
            tracker.look(&scan, &straight, Pose2::IDENTITY, Pose2::IDENTITY, Some(Twist2::ZERO));
            tracker.observe(&set, Pose2::IDENTITY, Point2::default()).unwrap();
            if let Some(late) = &late {
                tracker.observe(late, Pose2::IDENTITY, Point2::default()).unwrap();
            }
            tracker.age(set.stamp);
        });
        // Buffers are taken once.
        if step >= 15 {
            counted += taken;
        }
    }
    let c = tracker.counters();
    assert!(
        c.groups_assigned > 0 && c.groups_joint > 0 && c.unconfirmed > 0 && c.sets_late > 50,
        "every path was gone: {c:?}"
    );
    assert_eq!(counted, 0);
}

/// Somebody walks across, whom no detector sees.
#[test]
fn who_is_seen_by_the_lidar_alone_is_followed_without_the_heap() {
    let text = include_str!("../../../config/world_model.yaml");
    let config: Config = outrider_yaml::from_str(text).unwrap();
    let mut tracker = Tracker::new(config.tracks);
    let footprint = Footprint::rectangle(0.35, 0.35, 0.5).unwrap();
    let body = Body { footprint: &footprint, margin_m: 0.02, base_from_lidar: Pose2::IDENTITY };
    let reach = Reach { mark_max_m: 8.0, clear_max_m: 8.0 };
    let sweep = Sweep { first: Pose2::IDENTITY, last: Pose2::IDENTITY };
    let mut straight = Vec::with_capacity(720);
    let mut counted = 0;
    for step in 0..80_u32 {
        // A disc of 0.3 m, 3 m ahead, at 1 m/s.
        let middle = (3.0_f64, 0.05 * f64::from(step) - 2.0);
        let range = |i: u32| {
            let (s, c) = libm::sincos(f64::from(i) * std::f64::consts::TAU / 720.0 - std::f64::consts::PI);
            let (along, aside) = (c * middle.0 + s * middle.1, c * middle.1 - s * middle.0);
            let half_sq = 0.09 - aside * aside;
            if half_sq >= 0.0 && along > 0.0 { (along - half_sq.sqrt()) as f32 } else { 11.0 }
        };
        let scan = Scan {
            stamp: Stamp::from_nanos(i64::from(step) * 50_000_000),
            ranges_m: (0..720).map(range).collect(),
            ..scan(0)
        };
        let taken = allocations(|| {
            beams(&scan, sweep, body, reach, &[], &mut straight);
            tracker.look(&scan, &straight, Pose2::IDENTITY, Pose2::IDENTITY, Some(Twist2::ZERO));
            tracker.age(scan.stamp);
        });
        // Twelve views are kept, 0.1 s apart; their room is taken once.
        if step >= 30 {
            counted += taken;
        }
    }
    assert_eq!((tracker.mover_counters().begun, counted), (1, 0));
    assert_eq!(tracker.confirmed(Stamp::from_nanos(4_000_000_000)).count(), 1);
}
