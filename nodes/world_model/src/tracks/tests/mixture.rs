//! Predictions as mixtures: who stands and who walks, what they weigh, and that they add up.

use super::*;
use outrider_foundation::data::{COMPONENT_LIMIT, Component};

/// Somebody seen ten times a second for six seconds where `path` has it, a centimetre or so beside it.
fn seen(path: fn(f64) -> (f64, f64)) -> Track {
    let mut rng = outrider_foundation::rng::Rng::new(5, 0, 0);
    let mut tracker = tracker();
    for i in 0..60 {
        let (x_m, y_m) = path(0.1 * i as f64);
        observe(
            &mut tracker,
            &set(100 * i, vec![person(x_m + 0.02 * rng.normal(), y_m + 0.02 * rng.normal())]),
        );
    }
    only(&tracker, 5900)
}

/// What holds of every mixture.
fn check(track: &Track) {
    let points = track.prediction.len();
    let components: Vec<&[Component]> = track.components().collect();
    assert!(components.len() != 1 && components.len() <= COMPONENT_LIMIT);
    assert_eq!(track.mixture.len(), components.len() * points);
    if components.is_empty() {
        return;
    }
    for (i, (mean, sigma_m)) in track.prediction.iter().zip(&track.prediction_sigma_m).enumerate() {
        let these: Vec<Component> = components.iter().map(|times| times[i]).collect();
        let sum = |of: &dyn Fn(&Component) -> f64| these.iter().map(|c| c.weight * of(c)).sum::<f64>();
        assert!((sum(&|_| 1.0) - 1.0).abs() < 1e-12);
        let middle = Point2::new(sum(&|c| c.position.x_m), sum(&|c| c.position.y_m));
        assert!(middle.distance_m(*mean) < 1e-9, "{i}: {middle:?} {mean:?}");
        // Sigmas are of the worst axes, which need not be one and the same.
        let square = sum(&|c| c.sigma_m * c.sigma_m + c.position.distance_m(*mean).powi(2));
        assert!(square >= sigma_m * sigma_m - 1e-9, "{i}: {square} {sigma_m}");
        assert!(these.iter().all(|c| c.weight > 0.0 && c.sigma_m > 0.0));
    }
}

#[test]
fn who_stands_may_set_off_and_that_is_a_component_of_its_own() {
    let track = seen(|_| (2.0, 1.0));
    check(&track);
    let components: Vec<&[Component]> = track.components().collect();
    let (stays, last) = (components[0], track.prediction.len() - 1);
    assert!(components.len() == 2 || components.len() == 3);
    assert!(stays[0].weight > 0.7 && stays[last].weight < stays[0].weight - 0.2, "{stays:?}");
    assert!(
        stays[last].position.distance_m(Point2::new(2.0, 1.0)) < 0.1 && stays[last].sigma_m < 0.2,
        "{stays:?}"
    );
    let walks: f64 = components[1..].iter().map(|times| times[last].weight).sum();
    assert!(walks > 0.25 && components[1][last].sigma_m > 1.0, "{components:?}");
    // The one Gaussian of both is far wider than the one who stays, most of the time.
    assert!(track.prediction_sigma_m[last] > 3.0 * stays[last].sigma_m);
}

#[test]
fn who_walks_goes_on_or_turns_and_does_not_stand() {
    let track = seen(|t| (1.1 * t, 1.0));
    check(&track);
    let components: Vec<&[Component]> = track.components().collect();
    assert!(components.len() <= 2, "{components:?}");
    let expected = Point2::new(1.1 * (5.9 + 3.0), 1.0);
    for times in components {
        let last = times[times.len() - 1];
        assert!(last.position.distance_m(expected) < 1.0 && last.sigma_m > 1.0, "{times:?}");
    }
}

#[test]
fn who_turns_leads_apart_from_who_walks_on() {
    let track = seen(|t| (libm::sin(1.2 * t), 1.0 - libm::cos(1.2 * t)));
    check(&track);
    let components: Vec<&[Component]> = track.components().collect();
    assert!(components.len() >= 2);
    let ends: Vec<Point2> = components.iter().map(|times| times[times.len() - 1].position).collect();
    assert!(ends.windows(2).any(|w| w[0].distance_m(w[1]) > 0.5), "{ends:?}");
}

#[test]
fn who_is_out_of_sight_for_long_has_none_and_frames_turn_them() {
    let mut tracker = walking();
    let turned = Pose2::new(3.0, -2.0, 0.7);
    let (here, there) = (only(&tracker, 900), tracker.tracks(stamp(900), turned).remove(0));
    check(&there);
    assert!(!here.mixture.is_empty() && here.mixture.len() == there.mixture.len());
    for (a, b) in here.mixture.iter().zip(&there.mixture) {
        assert!(turned.apply(a.position).distance_m(b.position) < 1e-9);
        assert_eq!((a.weight, a.sigma_m), (b.weight, b.sigma_m));
    }
    tracker.age(stamp(2500));
    let lost = only(&tracker, 2500);
    assert_eq!((lost.state, lost.mixture.len()), (TrackState::Reachable, 0));
}

#[test]
fn a_crowd_of_all_sorts_has_mixtures_that_add_up() {
    let mut rng = outrider_foundation::rng::Rng::new(9, 0, 0);
    let mut tracker = tracker();
    let mut counts = [0; COMPONENT_LIMIT + 1];
    for i in 0..80 {
        let t = 0.1 * i as f64;
        let at = |n: usize| {
            let (c, w) = (3.0 * n as f64, 0.3 * n as f64);
            (
                c + libm::sin(w * t) / (w + 0.1),
                libm::cos(w * t) + if n.is_multiple_of(3) { 0.0 } else { 0.8 * t },
            )
        };
        let all = (0..12).map(|n| person(at(n).0 + 0.05 * rng.normal(), at(n).1 + 0.05 * rng.normal()));
        observe(&mut tracker, &set(100 * i, all.collect()));
        for track in tracker.tracks(stamp(100 * i), Pose2::IDENTITY) {
            check(&track);
            counts[track.components().count()] += 1;
        }
    }
    assert!(counts[2] > 0 && counts[3] > 0, "{counts:?}");
}
