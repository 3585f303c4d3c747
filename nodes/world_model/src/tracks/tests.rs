#![allow(clippy::float_cmp, reason = "these values are bounds or copies, not results of arithmetic")]

mod bodies;
mod late;
mod mixture;
mod movers;

use super::*;
use crate::config::tests::shipped;
use nalgebra::Matrix4;
use outrider_foundation::data::Detection;
use proptest::prelude::*;

fn stamp(ms: i64) -> Stamp {
    Stamp::from_nanos(ms * 1_000_000)
}

fn person(x_m: f64, y_m: f64) -> Detection {
    Detection {
        position: Point2::new(x_m, y_m),
        covariance: [0.01, 0.0, 0.0, 0.01],
        body: None,
        radius_m: 0.3,
        existence: 0.9,
        class_probabilities: vec![0.2, 0.8],
    }
}

fn set(ms: i64, detections: Vec<Detection>) -> DetectionSet {
    DetectionSet {
        stamp: stamp(ms),
        model_id: "net".into(),
        model_version: "3".into(),
        class_labels: vec!["forklift".into(), "person".into()],
        detections,
        ..DetectionSet::default()
    }
}

fn tracker() -> Tracker {
    Tracker::new(shipped().tracks)
}

fn observe(tracker: &mut Tracker, set: &DetectionSet) {
    let _ = tracker.observe(set, Pose2::IDENTITY, Point2::default());
    tracker.age(set.stamp);
}

/// Someone who walks along x at 1.2 m/s, seen ten times a second for a second: 0 to 900 ms.
fn walking() -> Tracker {
    walks_before(tracker())
}

fn walks_before(mut tracker: Tracker) -> Tracker {
    for i in 0..10 {
        observe(&mut tracker, &set(100 * i, vec![person(0.12 * i as f64, 1.0)]));
    }
    tracker
}

fn only(tracker: &Tracker, ms: i64) -> Track {
    let tracks = tracker.tracks(stamp(ms), Pose2::IDENTITY);
    assert_eq!(tracks.len(), 1);
    tracks.into_iter().next().unwrap()
}

#[test]
fn confirmed_after_three_hits_and_not_before() {
    let mut tracker = tracker();
    for (i, state) in
        [TrackState::Tentative, TrackState::Tentative, TrackState::Confirmed].into_iter().enumerate()
    {
        observe(&mut tracker, &set(100 * i as i64, vec![person(1.0, 1.0)]));
        assert_eq!(only(&tracker, 100 * i as i64).state, state);
    }
    let track = only(&tracker, 200);
    assert_eq!((track.id, track.class_label.as_str()), (1, "person"));
    assert_eq!((track.model_id.as_str(), track.model_version.as_str()), ("net", "3"));
    assert!(track.class_probability > 0.79 && track.existence > 0.99);
}

#[test]
fn a_false_alarm_is_deleted_and_counted() {
    let mut tracker = tracker();
    observe(&mut tracker, &set(0, vec![person(1.0, 1.0)]));
    for i in 1..5 {
        observe(&mut tracker, &set(100 * i, vec![]));
    }
    assert!(tracker.tracks(stamp(400), Pose2::IDENTITY).is_empty());
    assert_eq!(tracker.counters(), TrackCounters { begun: 1, unconfirmed: 1, ..TrackCounters::default() });
}

/// Sure of it only after a while: whoever has seen it since has a say.
#[test]
fn two_detectors_share_what_is_believed_of_a_class() {
    for labels in [["forklift", "person"], ["person", "cart"]] {
        let mut tracker = tracker();
        for i in 0..12 {
            let mut set = set(100 * i, vec![person(1.0, 1.0)]);
            if i % 2 == 1 {
                set.model_id = "other".into();
                set.class_labels = labels.map(str::to_owned).to_vec();
                set.detections[0].class_probabilities =
                    labels.map(|l| if l == "person" { 0.8 } else { 0.2 }).to_vec();
            }
            observe(&mut tracker, &set);
        }
        let track = only(&tracker, 1100);
        assert_eq!((track.class_label.as_str(), track.model_id.as_str()), ("person", "other"));
        assert!((track.class_probability - 0.8).abs() < 0.01, "{labels:?}: {}", track.class_probability);
    }
}

#[test]
fn velocity_is_found_and_predicted() {
    let track = only(&walking(), 900);
    assert!(
        (track.velocity.x_m - 1.2).abs() < 0.1 && track.velocity.y_m.abs() < 0.05,
        "{:?}",
        track.velocity
    );
    assert_eq!((track.prediction.len(), track.prediction_sigma_m.len()), (15, 15));
    let second = track.prediction[4];
    assert!((second.x_m - (1.08 + 1.2)).abs() < 0.15 && (second.y_m - 1.0).abs() < 0.1, "{second:?}");
    assert!(track.prediction_sigma_m.windows(2).all(|w| w[1] > w[0]));
    assert_eq!(track.reachable_m, 0.0);
}

/// Seen ten times a second from one time to the next, in ms: surely a cart, or surely a person, at `x_m` of the time.
fn see(tracker: &mut Tracker, from_ms: i64, to_ms: i64, is_cart: bool, x_m: impl Fn(i64) -> f64) {
    for ms in (from_ms..to_ms).step_by(100) {
        let class_probabilities = if is_cart { vec![0.1, 0.9] } else { vec![0.9, 0.1] };
        let seen = Detection { class_probabilities, ..person(x_m(ms), 1.0) };
        let class_labels = vec!["person".into(), "other".into()];
        observe(tracker, &DetectionSet { class_labels, ..set(ms, vec![seen]) });
    }
}

#[test]
fn what_was_left_standing_is_an_obstacle_like_others_until_it_moves() {
    let mut tracker = tracker();
    let is_marked = |tracker: &Tracker, ms| tracker.confirmed(stamp(ms)).count() == 0;
    // Its hits are marked first; when they are, its disc no longer counts.
    for (from_ms, until_ms, marked, state) in [
        (0, 1000, false, TrackState::Confirmed),
        (1000, 1500, true, TrackState::Confirmed),
        (1500, 2000, true, TrackState::Standing),
    ] {
        see(&mut tracker, from_ms, until_ms, true, |_| 1.0);
        let last_ms = until_ms - 100;
        assert_eq!(
            (is_marked(&tracker, last_ms), only(&tracker, last_ms).state),
            (marked, state),
            "{last_ms}"
        );
    }
    see(&mut tracker, 2000, 3000, true, |ms| 1.0 + 0.0006 * (ms - 2000) as f64);
    assert!(!is_marked(&tracker, 2900) && only(&tracker, 2900).state == TrackState::Confirmed);
    // A person may set off at any time.
    let mut tracker = self::tracker();
    see(&mut tracker, 0, 4000, false, |_| 1.0);
    assert!(!is_marked(&tracker, 3900) && only(&tracker, 3900).state == TrackState::Confirmed);
}

#[test]
fn what_was_left_standing_stands_on_behind_something_else() {
    for (hidden, state) in [(true, TrackState::Standing), (false, TrackState::Reachable)] {
        let mut tracker = tracker();
        see(&mut tracker, 0, 3000, true, |_| 1.0);
        tracker.objects[0].hidden = hidden;
        for ms in (3000..5000).step_by(50) {
            tracker.age(stamp(ms));
        }
        assert_eq!(only(&tracker, 4950).state, state);
    }
}

#[test]
fn out_of_sight_it_coasts_then_only_its_reach_is_known_then_it_is_gone() {
    let mut tracker = walks_before(Tracker::new(TracksConfig { reachable_max_m: 3.0, ..shipped().tracks }));
    let mut last_variance = only(&tracker, 900).covariance[0];
    for (ms, state) in
        [(1200, TrackState::Confirmed), (1300, TrackState::Coasting), (1900, TrackState::Coasting)]
    {
        tracker.age(stamp(ms));
        let track = only(&tracker, ms);
        assert_eq!(track.state, state, "{ms}");
        assert!(track.covariance[0] > last_variance);
        assert!((track.position.x_m - (1.08 + 1.2 * (ms - 900) as f64 * 1e-3)).abs() < 0.15);
        last_variance = track.covariance[0];
    }
    tracker.age(stamp(1910));
    let lost = only(&tracker, 1910);
    assert_eq!(lost.state, TrackState::Reachable);
    // Round where the walk leads to, as wide as 2 m/s² and the doubt about the speed make it: no frozen point, it grows up to
    // the bound.
    assert!((lost.position.x_m - (1.08 + 1.2 * 1.01)).abs() < 0.1 && lost.velocity == Point2::default());
    assert!(lost.reachable_m > 0.5 * 2.0 * 1.01 * 1.01 && lost.reachable_m < 2.5, "{}", lost.reachable_m);
    tracker.age(stamp(2000));
    assert!(only(&tracker, 2000).reachable_m > lost.reachable_m);
    tracker.age(stamp(3800));
    assert_eq!(only(&tracker, 3800).reachable_m, 3.0);
    tracker.age(stamp(3910));
    assert!(tracker.tracks(stamp(3910), Pose2::IDENTITY).is_empty());
    assert_eq!(tracker.counters().expired, 1);
}

/// Somebody who stood, with the given bounds of speed and acceleration.
fn gone_from(acceleration_max_mps2: f64) -> Tracker {
    let mut config = shipped().tracks;
    (config.reachable_max_m, config.acceleration_max_mps2) = (100.0, acceleration_max_mps2);
    let mut tracker = Tracker::new(config);
    for i in 0..10 {
        observe(&mut tracker, &set(100 * i, vec![person(1.0, 1.0)]));
    }
    tracker
}

#[test]
fn the_reach_covers_every_way_at_top_speed() {
    let mut tracker = gone_from(50.0);
    for ms in [2000, 2500, 3500] {
        tracker.age(stamp(ms));
        let track = only(&tracker, ms);
        let farthest_m = 2.0 * (ms - 900) as f64 * 1e-3;
        assert!(track.reachable_m >= farthest_m && track.reachable_m < farthest_m + 0.5);
        assert!(track.prediction_sigma_m[14] * 3.0 > track.reachable_m + 5.9);
        assert!(track.position.distance_m(Point2::new(1.0, 1.0)) < 0.05);
    }
}

#[test]
fn the_reach_covers_every_way_at_the_greatest_acceleration() {
    let mut tracker = gone_from(1.0);
    let ms = 2400;
    tracker.age(stamp(ms));
    let track = only(&tracker, ms);
    let farthest_m = 0.5 * 1.5 * 1.5;
    // By speed it would be 3 m.
    assert!(track.reachable_m >= farthest_m && track.reachable_m < 2.9, "{}", track.reachable_m);
    assert!(track.prediction_sigma_m.windows(2).all(|w| w[1] > w[0]), "it goes on growing");
}

#[test]
fn who_comes_back_keeps_the_id() {
    for gap_ms in [500, 1500] {
        let mut tracker = walking();
        let ms = 900 + gap_ms;
        tracker.age(stamp(ms));
        observe(&mut tracker, &set(ms, vec![person(1.08 + 1.2e-3 * gap_ms as f64, 1.0)]));
        let track = only(&tracker, ms);
        assert_eq!((track.id, track.state), (1, TrackState::Confirmed), "after {gap_ms} ms");
    }
}

#[test]
fn misses_lower_existence_and_silence_does_not() {
    let mut tracker = walking();
    let before = only(&tracker, 900).existence;
    tracker.age(stamp(1300));
    assert_eq!(only(&tracker, 1300).existence, before);
    observe(&mut tracker, &set(1300, vec![]));
    let after = only(&tracker, 1300).existence;
    assert!(after < before && after > 0.5);
}

#[test]
fn the_gate_keeps_strangers_apart() {
    let mut tracker = walking();
    observe(&mut tracker, &set(1000, vec![person(1.2, 4.0)]));
    let tracks = tracker.tracks(stamp(1000), Pose2::IDENTITY);
    assert_eq!(tracks.iter().map(|t| t.id).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(tracks[0].age_s, 0.1);
    // The gate in numbers: the innovation's sigma is known, so 4.1 of it is out and 3.9 is in.
    for (sigmas, tracks) in [(3.9, 1), (4.1, 2)] {
        let mut tracker = walking();
        let mut object = tracker.objects[0].clone();
        object.advance(stamp(1000), &tracker.config);
        let (p, spread) = object.filter.position();
        let sigma = (spread.m22 + 0.01).sqrt();
        observe(&mut tracker, &set(1000, vec![person(p.x_m, p.y_m + sigmas * sigma)]));
        assert_eq!(tracker.objects.len(), tracks, "{sigmas} sigmas");
    }
}

#[test]
fn crossing_people_are_told_apart_by_their_motion() {
    let mut tracker = tracker();
    for i in 0..30 {
        let s = 0.1 * (i as f64 - 15.0);
        // They pass each other 0.4 m apart; the order of the detections alternates.
        let mut both = vec![person(s, 0.2), person(-s, -0.2)];
        if i % 2 == 1 {
            both.reverse();
        }
        observe(&mut tracker, &set(100 * i, both));
    }
    let tracks = tracker.tracks(stamp(2900), Pose2::IDENTITY);
    assert_eq!(tracks.iter().map(|t| t.id).collect::<Vec<_>>(), [1, 2]);
    assert!(tracks[0].velocity.x_m > 0.9 && tracks[1].velocity.x_m < -0.9);
}

#[test]
fn beyond_the_limit_the_farthest_are_dropped_and_counted() {
    let mut tracker = tracker();
    let many: Vec<_> = (0..300).map(|i| person(3.0 * (299 - i) as f64, 0.0)).collect();
    observe(&mut tracker, &set(0, many));
    let tracks = tracker.tracks(stamp(0), Pose2::IDENTITY);
    let counters = tracker.counters();
    assert_eq!((tracks.len(), counters.begun, counters.dropped), (64, 256, 192));
    assert_eq!(counters.detections_beyond_limit, 44);
    // Of the first 256, detections 44 cells and more away are nearest: the last ones.
    assert!(tracks.iter().all(|t| t.position.x_m < 3.0 * (44.0 + 64.0)));
    assert!(tracks.windows(2).all(|w| w[0].id < w[1].id));
}

#[test]
fn unusable_detections_are_counted_and_harmless() {
    let mut tracker = tracker();
    let bad: [fn(&mut Detection); 6] = [
        |d| d.position.x_m = f64::NAN,
        |d| d.covariance[0] = -1.0,
        |d| d.covariance = [1.0, 5.0, 5.0, 1.0],
        |d| d.covariance[3] = f64::INFINITY,
        |d| d.radius_m = f64::INFINITY,
        |d| d.existence = 1.5,
    ];
    let detections: Vec<_> = bad
        .iter()
        .map(|spoil| {
            let mut d = person(1.0, 1.0);
            spoil(&mut d);
            d
        })
        .collect();
    observe(&mut tracker, &set(0, detections));
    assert_eq!(tracker.counters(), TrackCounters { detections_unusable: 6, ..TrackCounters::default() });
    let mut odd = person(1.0, 1.0);
    odd.class_probabilities = vec![f32::NAN];
    observe(&mut tracker, &set(100, vec![odd]));
    assert_eq!(only(&tracker, 100).class_probability, 0.5);
}

#[test]
fn a_new_model_starts_the_classes_anew() {
    let mut tracker = walking();
    let mut other = set(1000, vec![person(1.2, 1.0)]);
    other.model_version = "4".into();
    other.class_labels = vec!["child".into(), "cart".into()];
    observe(&mut tracker, &other);
    let track = only(&tracker, 1000);
    assert_eq!((track.class_label.as_str(), track.model_version.as_str()), ("cart", "4"));
    assert!(track.class_probability < 0.7);
}

#[test]
fn tracks_come_in_the_frame_asked_for() {
    let map_from_odom = Pose2::new(10.0, 0.0, std::f64::consts::FRAC_PI_2);
    let track = walking().tracks(stamp(900), map_from_odom).remove(0);
    assert!((track.position.y_m - 1.08).abs() < 0.1 && (track.position.x_m - 9.0).abs() < 0.1);
    assert!((track.velocity.y_m - 1.2).abs() < 0.1 && track.velocity.x_m.abs() < 0.1);
    assert!((track.prediction[4].y_m - 2.28).abs() < 0.15);
    // An elongated covariance turns with it.
    let mut elongated = tracker();
    let mut d = person(1.0, 1.0);
    d.covariance = [0.25, 0.0, 0.0, 0.01];
    observe(&mut elongated, &set(0, vec![d]));
    let track = elongated.tracks(stamp(0), map_from_odom).remove(0);
    assert!(track.covariance[5] > 0.24 && track.covariance[0] < 0.02);
}

proptest! {
    /// Whatever is seen: bounded, ids rise, covariances stay positive, the counters add up.
    #[test]
    fn invariants_hold(
        sets in proptest::collection::vec((1..2000i64, proptest::collection::vec((-20.0..20.0f64, -20.0..20.0f64), 0..90)), 1..12),
    ) {
        let mut tracker = tracker();
        let mut ms = 0;
        let mut last_id = 0;
        for (gap_ms, points) in sets {
            ms += gap_ms;
            observe(&mut tracker, &set(ms, points.iter().map(|(x, y)| person(*x, *y)).collect()));
            let tracks = tracker.tracks(stamp(ms), Pose2::IDENTITY);
            prop_assert!(tracks.len() <= TRACK_LIMIT);
            prop_assert!(tracks.windows(2).all(|w| w[0].id < w[1].id));
            for t in &tracks {
                let c = Matrix4::from_row_slice(&t.covariance);
                prop_assert!(c.cholesky().is_some() && t.position.is_finite() && t.velocity.is_finite());
                prop_assert!(t.existence >= 0.0 && t.existence <= 1.0);
            }
            let c = tracker.counters();
            prop_assert_eq!(c.begun, tracks.len() as u64 + c.unconfirmed + c.expired + c.dropped + c.reset);
            let newest = tracks.last().map_or(last_id, |t| t.id);
            prop_assert!(newest >= last_id || tracks.iter().all(|t| t.id <= last_id));
            last_id = last_id.max(newest);
        }
    }
}

/// Somebody walks behind a shelf: no detection, and the scan shows why. Behind it they count as there; in the open they
/// would not.
#[test]
fn who_is_hidden_is_not_missed() {
    let existence = |range_m: f32| {
        let mut tracker = walking();
        let scan = Scan {
            angle_min_rad: -std::f64::consts::PI,
            angle_increment_rad: std::f64::consts::TAU / 720.0,
            range_max_m: 20.0,
            ranges_m: vec![range_m; 720],
            ..Scan::default()
        };
        for ms in [1000, 1100, 1200, 1300, 1400] {
            tracker.look(&scan, &[], Pose2::IDENTITY, Pose2::IDENTITY, Some(Twist2::ZERO));
            observe(&mut tracker, &set(ms, vec![]));
        }
        only(&tracker, 1400).existence
    };
    let (hidden, open) = (existence(0.3), existence(f32::INFINITY));
    assert!(hidden > 0.98 && open < 0.8, "{hidden} {open}");
}

/// Somebody walks behind a shelf and comes out on the other side 2 s later, beyond the time to live; another walks about in
/// the open meanwhile. Nobody changes their id, and nobody new is met.
#[test]
fn ids_last_through_an_occlusion() {
    let mut tracker = tracker();
    let (mut states, mut gone) = (Vec::new(), 0);
    for i in 0..60 {
        let (walker, other) = (person(0.1 * i as f64 - 3.0, 3.0), person(-2.0, -2.0 + 0.05 * i as f64));
        // 720 beams from -180°; a shelf 2 m away hides what lies beyond it between x = -1.5 and 0.5.
        let hidden = (15..35).contains(&i);
        let wall = |k: usize| {
            let bearing = -std::f64::consts::PI + k as f64 * std::f64::consts::TAU / 720.0;
            let ahead = libm::sin(bearing) > 0.5 && libm::cos(bearing) < 0.4;
            if ahead { 2.0 } else { f32::INFINITY }
        };
        let scan = Scan {
            stamp: stamp(100 * i),
            angle_min_rad: -std::f64::consts::PI,
            angle_increment_rad: std::f64::consts::TAU / 720.0,
            range_max_m: 20.0,
            ranges_m: (0..720).map(wall).collect(),
            ..Scan::default()
        };
        tracker.look(&scan, &[], Pose2::IDENTITY, Pose2::IDENTITY, Some(Twist2::ZERO));
        let seen = if hidden { vec![other] } else { vec![walker, other] };
        gone += u64::from(hidden);
        observe(&mut tracker, &set(100 * i, seen));
        let tracks = tracker.tracks(stamp(100 * i), Pose2::IDENTITY);
        assert_eq!(tracks.iter().map(|t| t.id).collect::<Vec<_>>(), [1, 2], "picture {i}");
        states.push(tracks[0].state);
    }
    assert_eq!((gone, tracker.counters().begun), (20, 2));
    assert!(states[34] == TrackState::Reachable && states[40] == TrackState::Confirmed, "{states:?}");
}

/// The scan shows somebody where the detector has gone blind: existence holds, and the age tells of the detector.
#[test]
fn who_stands_in_the_scan_is_only_overlooked() {
    let existence = |width_m: f64| {
        let mut tracker = walking();
        for ms in [1000, 1100, 1200] {
            let x_m = 1.2e-3 * ms as f64 - 0.2;
            let beam = |y_m| Beam {
                origin: Point2::default(),
                end: Point2::new(x_m, 1.0 + y_m),
                marks: false,
                hits: true,
            };
            let beams: Vec<_> = (-10..=10).map(|i| beam(0.05 * width_m * f64::from(i))).collect();
            let scan = Scan { stamp: stamp(ms), ..Scan::default() };
            tracker.look(&scan, &beams, Pose2::IDENTITY, Pose2::IDENTITY, Some(Twist2::ZERO));
            observe(&mut tracker, &set(ms, vec![]));
        }
        let track = only(&tracker, 1200);
        assert_eq!(track.age_s, 0.3);
        track.existence
    };
    let (person, wall) = (existence(0.5), existence(1.5));
    assert!(person > 0.99 && wall < 0.98, "{person} {wall}");
}

/// What comes in floods, twice, from the future or the past: bounded, counted, and those who are known stay known.
#[test]
fn floods_repeats_and_leaps_in_time() {
    let mut tracker = walking();
    let flood: Vec<_> = (0..10_000).map(|i| person(20.0 + 0.01 * f64::from(i), 30.0)).collect();
    observe(&mut tracker, &set(1000, flood));
    let counters = tracker.counters();
    assert_eq!(counters.detections_beyond_limit, 10_000 - DETECTION_LIMIT as u64);
    let ids: Vec<u64> = tracker.tracks(stamp(1000), Pose2::IDENTITY).iter().map(|t| t.id).collect();
    assert!(ids.len() == TRACK_LIMIT && ids.first() == Some(&1), "the nearest are kept");
    for ms in [1000, 900, 350, -10_000] {
        let refused = tracker.observe(&set(ms, vec![person(1.2, 1.0)]), Pose2::IDENTITY, Point2::default());
        assert!(refused.is_err());
    }
    let c = tracker.counters();
    assert_eq!((c.sets_repeated, c.sets_too_late, c.sets_late), (2, 2, 0));
    observe(&mut tracker, &set(3_600_000, vec![person(1.2, 1.0)]));
    let track = only(&tracker, 3_600_000);
    assert!(track.id > 1 && track.state == TrackState::Tentative, "an hour later it is somebody else");
}

/// Beyond the size of a group that is counted out, who is whose is told by assignment, and that is counted.
#[test]
fn a_crowd_in_one_gate_is_told_apart_by_assignment() {
    let mut tracker = tracker();
    let crowd = |dx: f64| (0..8).map(|i| person(0.5 * f64::from(i) + dx, 1.0)).collect::<Vec<_>>();
    for i in 0..12 {
        observe(&mut tracker, &set(100 * i, crowd(0.02 * i as f64)));
    }
    let tracks = tracker.tracks(stamp(1100), Pose2::IDENTITY);
    assert_eq!(tracks.iter().map(|t| t.id).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6, 7, 8]);
    assert!(tracks.iter().enumerate().all(|(i, t)| (t.position.x_m - 0.5 * i as f64 - 0.22).abs() < 0.1));
    assert!(tracker.counters().groups_assigned > 0);
}
