//! Whether objects are where the world model said they would be: a detector's or a tracker's stated certainty is never
//! taken at its word.

use crate::tracks::predicted;
use outrider_foundation::data::{TRACK_LIMIT, Track, TrackState};
use outrider_foundation::{Point2, Stamp};

/// How far ahead predictions are compared, s.
const AHEAD_S: f64 = 0.5;
/// What is not known better anyway: noise of the scan and of the shape seen, m.
const FLOOR_M: f64 = 0.1;

/// Residuals of predictions in their own standard deviations, per object.
#[derive(Clone, Debug, Default)]
pub(crate) struct Conformity {
    objects: Vec<Object>,
    localised: bool,
}

#[derive(Clone, Copy, Debug)]
struct Object {
    id: u64,
    due: Stamp,
    expected: Point2,
    sigma_m: f64,
    /// Of the last prediction that came due.
    score: Option<f64>,
}

impl Conformity {
    /// Takes the tracks of a world model of `stamp`. `localised` tells the frame: what was expected in another one means
    /// nothing.
    pub fn take(&mut self, tracks: &[Track], stamp: Stamp, localised: bool) {
        if localised != self.localised {
            self.objects.clear();
            self.localised = localised;
        }
        let seen = |t: &&Track| t.state == TrackState::Confirmed;
        self.objects.retain(|o| tracks.iter().any(|t| t.id == o.id && seen(&t)));
        for track in tracks.iter().filter(seen).take(TRACK_LIMIT) {
            let known = self.objects.iter_mut().find(|o| o.id == track.id);
            match known {
                Some(object) if object.due > stamp => {}
                Some(object) => {
                    let score = object.residual(track, stamp);
                    *object = Object { score: Some(score), ..Object::expecting(track, stamp) };
                }
                None => self.objects.push(Object::expecting(track, stamp)),
            }
        }
    }

    /// The greatest of the objects' last residuals, in standard deviations; zero when none has come due.
    pub fn worst(&self) -> f64 {
        self.objects.iter().filter_map(|o| o.score).fold(0.0, f64::max)
    }
}

impl Object {
    fn expecting(track: &Track, stamp: Stamp) -> Self {
        let [xx, xy, _, _, _, yy, ..] = track.covariance;
        let now_sigma_m = crate::tracks::worst_axis_sigma(xx, xy, yy);
        let (expected, sigma_m) = predicted(track, AHEAD_S, now_sigma_m);
        let due = stamp + outrider_foundation::Span::from_s(AHEAD_S);
        Self { id: track.id, due, expected, sigma_m, score: None }
    }

    /// Where the object was when the prediction came due, a little before `stamp`.
    fn residual(&self, track: &Track, stamp: Stamp) -> f64 {
        let late_s = stamp.since(self.due).as_s();
        let x_m = track.position.x_m - track.velocity.x_m * late_s;
        let y_m = track.position.y_m - track.velocity.y_m * late_s;
        Point2::new(x_m, y_m).distance_m(self.expected) / libm::hypot(self.sigma_m, FLOOR_M)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn track(id: u64, x_m: f64) -> Track {
        Track {
            id,
            state: TrackState::Confirmed,
            position: Point2::new(x_m, 0.0),
            velocity: Point2::new(1.0, 0.0),
            ..Track::default()
        }
    }

    fn at(ms: i64) -> Stamp {
        Stamp::from_nanos(ms * 1_000_000)
    }

    #[test]
    fn an_object_that_does_what_was_expected_scores_nothing() {
        let mut conformity = Conformity::default();
        for ms in (0..3000).step_by(50) {
            conformity.take(&[track(1, ms as f64 * 1e-3)], at(ms), true);
        }
        assert!(conformity.worst() < 1e-9, "{}", conformity.worst());
    }

    #[test]
    fn a_surprise_is_measured_in_stated_deviations() {
        let mut conformity = Conformity::default();
        conformity.take(&[track(1, 0.0), track(2, 0.0)], at(0), true);
        conformity.take(&[track(1, 0.5), track(2, 0.9)], at(500), true);
        assert!(
            (conformity.worst() - 4.0).abs() < 1e-9,
            "0.4 m beside, 0.1 m is stated: {}",
            conformity.worst()
        );
        conformity.take(&[track(1, 0.55)], at(550), true);
        assert!(conformity.worst() < 1e-9, "gone with its object");
        conformity.take(&[track(1, 9.0)], at(600), false);
        conformity.take(&[track(1, 9.5)], at(1100), false);
        assert!(conformity.worst() < 1e-9, "another frame: {}", conformity.worst());
    }
}
