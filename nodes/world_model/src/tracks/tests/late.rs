//! Sets of detections that come after newer ones.

use super::*;

/// Two who walk towards each other and a false alarm, as two detectors would have them at 10 Hz, half a period apart.
fn picture(i: i64) -> DetectionSet {
    let ms = 50 * i;
    let x = 1.0e-3 * ms as f64;
    let mut seen = vec![person(x, 1.0), person(3.0 - x, 1.6)];
    if i % 5 == 0 {
        seen.push(person(-4.0, 0.1 * i as f64));
    }
    DetectionSet { model_id: if i % 2 == 0 { "camera" } else { "lidar" }.into(), ..set(ms, seen) }
}

fn all(tracker: &Tracker, ms: i64) -> Vec<Track> {
    tracker.tracks(stamp(ms), Pose2::IDENTITY)
}

/// The pictures of the slow detector come 300 ms late, after six others: all is as if they had come in order.
#[test]
fn late_by_300_ms_is_as_in_time() {
    let (mut in_order, mut late) = (tracker(), tracker());
    (0..=40).for_each(|i| observe(&mut in_order, &picture(i)));
    for i in 0..=46 {
        if i % 2 == 0 && i <= 40 {
            observe(&mut late, &picture(i));
        }
        if i >= 6 && (i - 6) % 2 == 1 {
            late.observe(&picture(i - 6), Pose2::IDENTITY, Point2::default()).unwrap();
        }
    }
    in_order.age(stamp(2000));
    late.age(stamp(2000));
    let (a, b) = (all(&in_order, 2000), all(&late, 2000));
    assert_eq!(late.counters().sets_late, 20, "{:?}", late.counters());
    assert!(a.len() >= 2 && a.len() == b.len(), "{} {}", a.len(), b.len());
    for (a, b) in a.iter().zip(&b) {
        let (mut a, mut b) = (a.clone(), b.clone());
        // False alarms in between are numbered as they come.
        (a.id, b.id) = (a.id.min(3), b.id.min(3));
        assert_eq!(a, b);
    }
    let c = |t: &Tracker| {
        let c = t.counters();
        (c.begun, c.unconfirmed, c.expired, c.died)
    };
    assert_eq!(c(&in_order), c(&late));
}

/// A set that was left out for good leads elsewhere, so the test above can fail.
#[test]
fn a_set_left_out_is_missed() {
    let (mut whole, mut without) = (walking(), tracker());
    for i in (0..10).filter(|i| *i != 8) {
        observe(&mut without, &set(100 * i, vec![person(0.12 * i as f64, 1.0)]));
    }
    assert_ne!(all(&whole, 900)[0].covariance, all(&without, 900)[0].covariance);
    without.observe(&set(800, vec![person(0.96, 1.0)]), Pose2::IDENTITY, Point2::default()).unwrap();
    without.age(stamp(900));
    whole.age(stamp(900));
    assert_eq!(all(&whole, 900), all(&without, 900));
}

/// The first picture of somebody comes last: who is known keeps the id.
#[test]
fn who_is_known_keeps_the_id_when_it_turns_out_they_came_earlier() {
    let mut tracker = tracker();
    let at = |i: i64| set(100 * i, vec![person(0.12 * i as f64, 1.0), person(9.0, 5.0)]);
    observe(&mut tracker, &set(0, vec![person(9.0, 5.0)]));
    for i in [2, 3, 4] {
        observe(&mut tracker, &at(i));
    }
    let ids = |t: &Tracker| all(t, 400).iter().map(|t| t.id).collect::<Vec<_>>();
    assert_eq!(ids(&tracker), [1, 2]);
    for i in [1, 0] {
        let late = DetectionSet { model_id: "other".into(), ..at(i) };
        tracker.observe(&late, Pose2::IDENTITY, Point2::default()).unwrap();
        tracker.age(stamp(400));
        assert_eq!(ids(&tracker), [1, 2], "after the one of {i}00 ms");
    }
    let tracks = all(&tracker, 400);
    assert!((tracks[1].position.x_m - 0.48).abs() < 0.1 && tracks[1].state == TrackState::Confirmed);
}

/// A detector that is late by 300 ms at all times: what is told is of now, not of then, and its doubt has grown.
#[test]
fn what_is_late_is_told_for_now() {
    let tracker = walking();
    let (then, now) = (only(&tracker, 900), only(&tracker, 1200));
    assert!((now.position.x_m - 1.44).abs() < 0.05, "{:?}", now.position);
    assert!(now.covariance[0] > 1.5 * then.covariance[0] && now.age_s > 0.29);
}

/// Two detectors see the same moment, one detector does not see it twice.
#[test]
fn the_same_moment_from_two_detectors_is_no_repeat() {
    let mut tracker = walking();
    let mut other = set(900, vec![person(1.08, 1.0)]);
    assert!(tracker.observe(&other, Pose2::IDENTITY, Point2::default()).is_err());
    other.model_id = "lidar".into();
    let before = only(&tracker, 900).covariance[0];
    tracker.observe(&other, Pose2::IDENTITY, Point2::default()).unwrap();
    assert!(only(&tracker, 900).covariance[0] < before);
}

/// More overtaking sets than are remembered: the late one is refused and counted.
#[test]
fn beyond_the_sets_remembered_a_late_one_is_refused() {
    let mut tracker = tracker();
    for i in 0..=10 {
        observe(&mut tracker, &set(20 * i, vec![person(1.0, 1.0)]));
    }
    let mut late = |ms| {
        let late = DetectionSet { model_id: "other".into(), ..set(ms, vec![person(1.0, 1.0)]) };
        tracker.observe(&late, Pose2::IDENTITY, Point2::default())
    };
    assert!(late(90).is_ok());
    let refused = late(45).unwrap_err();
    assert!(refused.contains("too late"), "{refused}");
    assert_eq!((tracker.counters().sets_late, tracker.counters().sets_too_late), (1, 1));
}
