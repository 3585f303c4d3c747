//! Whether objects are where the world model said they would be: a detector's or a tracker's stated certainty is never
//! taken at its word.
//!
//! Two answers. One in the standard deviations that were stated, of each object's last prediction. The other in metres:
//! what the next prediction will be wrong by at most, but for a given share of cases, by what the last ones were wrong by
//! (conformal prediction: Vovk, Gammerman and Shafer, "Algorithmic Learning in a Random World", 2005; for motion among
//! people: Lindemann, Cleaveland, Shim and Pappas, "Safe planning in dynamic environments using conformal prediction", IEEE
//! RA-L 2023). It asks for no model of the errors, only that those to come are like those seen.

use super::keyed::{Key, Keyed};
use super::window::Window;
use crate::config::Conformal;
use crate::tracks::predicted;
use outrider_foundation::data::{TRACK_LIMIT, Track, TrackState};
use outrider_foundation::{Point2, Span, Stamp};

/// How far ahead predictions are compared, s: the braking of a slow and of a fast robot, with its reaction.
const AHEAD_S: [f64; 2] = [0.5, 1.0];
/// What is not known better anyway: noise of the scan and of the shape seen, m.
const FLOOR_M: f64 = 0.1;

/// What predictions are wrong by at most, m, for each of [`AHEAD_S`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Bound {
    pub half_second_m: f64,
    pub second_m: f64,
}

impl Bound {
    /// At another time ahead: on a straight line between, from nothing at the start, and on beyond.
    pub fn at_m(&self, ahead_s: f64) -> f64 {
        let [first_s, second_s] = AHEAD_S;
        if ahead_s <= first_s {
            return self.half_second_m * ahead_s.max(0.0) / first_s;
        }
        self.half_second_m + (self.second_m - self.half_second_m) * (ahead_s - first_s) / (second_s - first_s)
    }
}

/// Residuals of predictions, per object and per class, model and version.
#[derive(Clone, Debug, Default)]
pub(crate) struct Conformity {
    objects: Vec<Object>,
    localised: bool,
    held: Keyed<[Window; 2]>,
}

#[derive(Clone, Copy, Debug)]
struct Object {
    id: u64,
    /// For each of [`AHEAD_S`].
    predictions: [Prediction; 2],
    /// Of the last half-second prediction that came due, in stated standard deviations.
    score: Option<f64>,
}

#[derive(Clone, Copy, Debug)]
struct Prediction {
    due: Stamp,
    expected: Point2,
    sigma_m: f64,
}

impl Conformity {
    /// Takes the tracks of a world model of `stamp`. `localised` tells the frame: what was expected in another one means
    /// nothing. A new prediction is made when the last has come due, so that no two share a stretch of the way.
    pub fn take(&mut self, tracks: &[Track], stamp: Stamp, localised: bool, config: &Conformal) {
        if localised != self.localised {
            self.objects.clear();
            self.localised = localised;
        }
        let seen = |t: &&Track| t.state == TrackState::Confirmed;
        self.objects.retain(|o| tracks.iter().any(|t| t.id == o.id && seen(&t)));
        for track in tracks.iter().filter(seen).take(TRACK_LIMIT) {
            let Some(object) = self.objects.iter_mut().find(|o| o.id == track.id) else {
                self.objects.push(Object::new(track, stamp));
                continue;
            };
            for (ahead, prediction) in object.predictions.iter_mut().enumerate() {
                if prediction.due > stamp {
                    continue;
                }
                let residual_m = prediction.residual_m(track, stamp);
                if ahead == 0 {
                    object.score = Some(residual_m / libm::hypot(prediction.sigma_m, FLOOR_M));
                }
                if let Some(window) = self.held.feed(key_of(track), stamp).get_mut(ahead) {
                    window.push(residual_m, config.window as usize);
                }
            }
            object.renew(track, stamp);
        }
    }

    /// The greatest of the objects' last residuals, in standard deviations; zero when none has come due.
    pub fn worst(&self) -> f64 {
        self.objects.iter().filter_map(|o| o.score).fold(0.0, f64::max)
    }

    /// What the next prediction of a track is wrong by at most: the quantile of the residuals of its class, model and
    /// version, and as configured while there are too few for one.
    pub fn bound(&self, track: &Track, config: &Conformal) -> Bound {
        let held = self.held.get(key_of(track));
        let quantile = |ahead: usize| held.and_then(|h| quantile(h.get(ahead)?, config.miss_rate));
        let half_second_m = quantile(0).unwrap_or(config.prior_half_second_m);
        // Farther ahead is not known better.
        let second_m = quantile(1).unwrap_or(config.prior_second_m).max(half_second_m);
        Bound { half_second_m, second_m }
    }

    /// How many residuals belonged to classes, models and versions beyond the limit.
    pub fn beyond(&self) -> u64 {
        self.held.beyond()
    }
}

/// The ⌈(n + 1)(1 − miss_rate)⌉-th smallest of n: a further value like these exceeds it with no greater probability than
/// `miss_rate`. None when that many are not there.
fn quantile(window: &Window, miss_rate: f64) -> Option<f64> {
    let rank = ((window.len() + 1) as f64 * (1.0 - miss_rate)).ceil();
    window.smallest(rank as usize)
}

fn key_of(track: &Track) -> Key<'_> {
    Key { class: &track.class_label, model: &track.model_id, version: &track.model_version }
}

impl Object {
    fn new(track: &Track, stamp: Stamp) -> Self {
        let predictions = AHEAD_S.map(|ahead_s| Prediction::new(track, stamp, ahead_s));
        Self { id: track.id, predictions, score: None }
    }

    fn renew(&mut self, track: &Track, stamp: Stamp) {
        for (prediction, ahead_s) in self.predictions.iter_mut().zip(AHEAD_S) {
            if prediction.due <= stamp {
                *prediction = Prediction::new(track, stamp, ahead_s);
            }
        }
    }
}

impl Prediction {
    fn new(track: &Track, stamp: Stamp, ahead_s: f64) -> Self {
        let [xx, xy, _, _, _, yy, ..] = track.covariance;
        let now_sigma_m = crate::tracks::worst_axis_sigma(xx, xy, yy);
        let (expected, sigma_m) = predicted(track, ahead_s, now_sigma_m);
        Self { due: stamp + Span::from_s(ahead_s), expected, sigma_m }
    }

    /// From where the object was when the prediction came due, a little before `stamp`.
    fn residual_m(&self, track: &Track, stamp: Stamp) -> f64 {
        let late_s = stamp.since(self.due).as_s();
        let x_m = track.position.x_m - track.velocity.x_m * late_s;
        let y_m = track.position.y_m - track.velocity.y_m * late_s;
        Point2::new(x_m, y_m).distance_m(self.expected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use outrider_foundation::rng::Rng;
    use proptest::prelude::*;

    const CONFIG: Conformal =
        Conformal { miss_rate: 0.05, window: 60, prior_half_second_m: 0.3, prior_second_m: 0.55, cap_m: 0.6 };

    fn track(id: u64, x_m: f64) -> Track {
        Track {
            id,
            state: TrackState::Confirmed,
            position: Point2::new(x_m, 0.0),
            velocity: Point2::new(1.0, 0.0),
            class_label: "person".into(),
            model_version: "1".into(),
            ..Track::default()
        }
    }

    fn at(ms: i64) -> Stamp {
        Stamp::from_nanos(ms * 1_000_000)
    }

    #[test]
    fn an_object_that_does_what_was_expected_scores_nothing() {
        let mut conformity = Conformity::default();
        for ms in (0..30_000).step_by(50) {
            conformity.take(&[track(1, ms as f64 * 1e-3)], at(ms), true, &CONFIG);
        }
        assert!(conformity.worst() < 1e-9, "{}", conformity.worst());
        let bound = conformity.bound(&track(1, 0.0), &CONFIG);
        assert!(bound.second_m < 1e-9, "twenty-nine good predictions: {bound:?}");
    }

    #[test]
    fn a_surprise_is_measured_in_stated_deviations() {
        let mut conformity = Conformity::default();
        conformity.take(&[track(1, 0.0), track(2, 0.0)], at(0), true, &CONFIG);
        conformity.take(&[track(1, 0.5), track(2, 0.9)], at(500), true, &CONFIG);
        assert!(
            (conformity.worst() - 4.0).abs() < 1e-9,
            "0.4 m beside, 0.1 m is stated: {}",
            conformity.worst()
        );
        conformity.take(&[track(1, 0.55)], at(550), true, &CONFIG);
        assert!(conformity.worst() < 1e-9, "gone with its object");
        conformity.take(&[track(1, 9.0)], at(600), false, &CONFIG);
        conformity.take(&[track(1, 9.5)], at(1100), false, &CONFIG);
        assert!(conformity.worst() < 1e-9, "another frame: {}", conformity.worst());
    }

    /// A walker whose steps differ: what the bound is learned from, and for whom.
    #[test]
    fn the_bound_comes_from_the_residuals_of_the_same_class_model_and_version() {
        let mut conformity = Conformity::default();
        // At every half second beside where he was expected by 0.01, 0.02, … m, and twice that after a second.
        let mut x_m = 0.0;
        for i in 0..20_i64 {
            conformity.take(&[track(1, x_m)], at(500 * i), true, &CONFIG);
            x_m += 0.5 + 0.01 * (i + 1) as f64;
            let bound = conformity.bound(&track(1, 0.0), &CONFIG);
            let prior = Bound { half_second_m: 0.3, second_m: 0.55 };
            assert_eq!(bound == prior, i < 19, "after {i} residuals: {bound:?}");
        }
        let bound = conformity.bound(&track(9, 0.0), &CONFIG);
        assert!((bound.half_second_m - 0.19).abs() < 1e-9, "the greatest of nineteen: {bound:?}");
        let prior = |t: Track| conformity.bound(&t, &CONFIG).half_second_m >= 0.3;
        assert!(
            prior(Track { model_version: "2".into(), ..track(1, 0.0) }),
            "a new version has earned nothing"
        );
        assert!(prior(Track { model_id: "other".into(), ..track(1, 0.0) }));
        assert!(prior(Track { class_label: "forklift".into(), ..track(1, 0.0) }));
    }

    #[test]
    fn between_the_horizons_the_bound_is_straight() {
        let bound = Bound { half_second_m: 0.2, second_m: 0.6 };
        for (ahead_s, expected_m) in
            [(-1.0, 0.0), (0.0, 0.0), (0.25, 0.1), (0.5, 0.2), (0.75, 0.4), (1.0, 0.6), (1.25, 0.8)]
        {
            assert!((bound.at_m(ahead_s) - expected_m).abs() < 1e-12, "{ahead_s}");
        }
    }

    proptest! {
        /// The least value that enough of all, and a worst one to come, do not exceed.
        #[test]
        fn the_quantile_is_that_of_brute_force(values in prop::collection::vec(0.0..2.0f64, 0..90), miss_rate in 0.02..0.5f64) {
            let mut window = Window::default();
            for value in &values {
                window.push(*value, 200);
            }
            let needed = (values.len() + 1) as f64 * (1.0 - miss_rate);
            let enough = |b: &f64| values.iter().filter(|v| *v <= b).count() as f64 >= needed;
            let brute = values.iter().copied().filter(|b| enough(b)).min_by(f64::total_cmp);
            prop_assert_eq!(quantile(&window, miss_rate), brute);
        }
    }

    /// Split conformal prediction promises 1 − miss_rate ≤ coverage ≤ 1 − miss_rate + 1/(n + 1), for whatever errors.
    #[test]
    fn a_further_value_is_within_the_bound_as_often_as_promised() {
        let draw: [fn(&mut Rng) -> f64; 3] = [
            Rng::uniform,
            |rng| rng.normal().abs(),
            |rng| -libm::log(1.0 - rng.uniform()) * if rng.uniform() < 0.1 { 20.0 } else { 1.0 },
        ];
        for (stream, draw) in (0..).zip(draw) {
            for count in [19_usize, 40, 60] {
                let runs = 4000;
                let covered = (0..runs).filter(|run| {
                    let mut rng = Rng::new(*run, stream, count as u64);
                    let mut window = Window::default();
                    (0..count).for_each(|_| window.push(draw(&mut rng), count));
                    quantile(&window, 0.05).is_some_and(|bound| draw(&mut rng) <= bound)
                });
                let share = covered.count() as f64 / runs as f64;
                let slack = 0.012;
                let most = 0.95 + 1.0 / (count + 1) as f64 + slack;
                assert!((0.95 - slack..=most).contains(&share), "{share} of {count}");
            }
        }
    }
}
