//! Rectangles that detectors tell.

use super::*;
use outrider_foundation::data::BodyBox;
use std::f64::consts::FRAC_PI_2;

/// A truck whose middle is at `x_m`, forks to the left of the way: 1.25 m beyond.
fn truck(x_m: f64) -> Detection {
    let body = BodyBox { pose: Pose2::new(x_m, 2.25, FRAC_PI_2), length_m: 3.5, width_m: 1.0 };
    Detection { body: Some(body), radius_m: 1.1, ..person(x_m, 1.0) }
}

fn seen(count: i64, x_m: impl Fn(i64) -> f64) -> Tracker {
    let mut tracker = tracker();
    for i in 0..count {
        observe(&mut tracker, &set(100 * i, vec![truck(x_m(i))]));
    }
    tracker
}

#[test]
fn a_track_tells_the_rectangle_in_its_own_frame() {
    let tracker = seen(5, |_| 2.0);
    let frame_from_odom = Pose2::new(10.0, 0.0, FRAC_PI_2);
    let body = tracker.tracks(stamp(400), frame_from_odom)[0].body.unwrap();
    assert!(body.pose.position().distance_m(Point2::new(7.75, 2.0)) < 0.01, "{body:?}");
    assert!((body.pose.yaw_rad.abs() - std::f64::consts::PI).abs() < 1e-9);
    assert_eq!((body.length_m, body.width_m), (3.5, 1.0));
    assert!(only(&walking(), 900).body.is_none());
}

#[test]
fn of_what_stands_it_is_part_of_the_grid_and_of_what_moves_it_is_not() {
    let standing = seen(5, |_| 2.0);
    let bodies: Vec<_> = standing.standing_bodies(stamp(400)).collect();
    assert_eq!(bodies.len(), 1);
    assert!(bodies[0].pose.position().distance_m(Point2::new(2.0, 2.25)) < 0.01);
    let moving = seen(12, |i| 0.1 * i as f64);
    assert_eq!(moving.standing_bodies(stamp(1100)).count(), 0);
    assert!(only(&moving, 1100).body.is_some());
    assert_eq!(seen(2, |_| 2.0).standing_bodies(stamp(100)).count(), 0, "not confirmed");
}

#[test]
fn whom_nobody_has_seen_for_long_has_none() {
    let mut tracker = seen(5, |_| 2.0);
    let after_ms = |tracker: &mut Tracker, ms| {
        tracker.age(stamp(ms));
        (
            only(tracker, ms).state,
            only(tracker, ms).body.is_some(),
            tracker.standing_bodies(stamp(ms)).count(),
        )
    };
    assert_eq!(after_ms(&mut tracker, 900), (TrackState::Coasting, true, 1));
    assert_eq!(after_ms(&mut tracker, 1500), (TrackState::Reachable, false, 0));
}

#[test]
fn one_that_is_none_or_is_elsewhere_is_left_out_and_counted_and_the_detection_counts_on() {
    let mut tracker = tracker();
    let (mut bad, mut elsewhere) = (truck(2.0), truck(6.0));
    bad.body.as_mut().unwrap().width_m = f64::NAN;
    elsewhere.body.as_mut().unwrap().pose = Pose2::IDENTITY;
    for i in 0..4 {
        observe(&mut tracker, &set(100 * i, vec![bad.clone(), elsewhere.clone(), truck(-4.0)]));
    }
    assert_eq!((tracker.counters().detections_unusable, tracker.counters().bodies_unusable), (0, 8));
    let tracks = tracker.tracks(stamp(300), Pose2::IDENTITY);
    assert_eq!(tracks.iter().map(|t| t.body.is_some()).collect::<Vec<_>>(), [false, false, true]);
}
