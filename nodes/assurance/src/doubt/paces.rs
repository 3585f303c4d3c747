//! How fast objects have come along, by where they were seen over the last second.
//!
//! The velocity that a tracker states is of this moment and swings: somebody who walks up at 0.3 m/s is said to stand for a
//! tenth of a second now and then, and that is all a robot needs to set out beside him. A straight line through the places of a second
//! swings less, and comes too late for nothing but who sets out this moment. The places are those in `odom`: a correction of where the
//! robot is on the map moves nobody.

use outrider_foundation::data::{TRACK_LIMIT, Track, TrackState};
use outrider_foundation::{Point2, Pose2, Span, Stamp};
use std::collections::VecDeque;

/// What is older is forgotten.
const WINDOW: Span = Span::from_millis(1000);
/// Over less nothing is said.
const LEAST: Span = Span::from_millis(300);
/// Places of one object. The oldest is dropped.
const PLACE_LIMIT: usize = 32;
/// Places closer together than this are one, the first: the window holds so many.
const SPACING: Span = Span::from_millis(35);

/// Where objects were seen over the last second, those not confirmed yet as well.
#[derive(Clone, Debug, Default)]
pub(crate) struct Paces {
    objects: Vec<Object>,
    odom_from_tracks: Pose2,
}

#[derive(Clone, Debug)]
struct Object {
    id: u64,
    places: VecDeque<(Stamp, Point2)>,
}

impl Paces {
    /// Takes the tracks of a world model of `stamp`, with where their frame is in `odom` by it.
    pub fn take(&mut self, tracks: &[Track], stamp: Stamp, odom_from_tracks: Pose2) {
        self.odom_from_tracks = odom_from_tracks;
        self.objects.retain(|o| tracks.iter().any(|t| t.id == o.id));
        let is_seen = |t: &&Track| matches!(t.state, TrackState::Confirmed | TrackState::Tentative);
        let seen = tracks.iter().filter(is_seen);
        for track in seen.take(TRACK_LIMIT) {
            let place = odom_from_tracks.apply(track.position);
            match self.objects.iter_mut().find(|o| o.id == track.id) {
                Some(object) => object.see(stamp, place),
                None => self.objects.push(Object { id: track.id, places: VecDeque::from([(stamp, place)]) }),
            }
        }
    }

    /// Velocity of the straight line through an object's places (least squares), m/s in the frame of the tracks. `None` while
    /// it has not been seen for long enough.
    pub fn of(&self, track: &Track) -> Option<Point2> {
        let in_odom = self.objects.iter().find(|o| o.id == track.id)?.velocity()?;
        let turn = Pose2::new(0.0, 0.0, -self.odom_from_tracks.yaw_rad);
        Some(turn.apply(in_odom))
    }
}

impl Object {
    fn see(&mut self, stamp: Stamp, place: Point2) {
        if self.places.back().is_some_and(|(at, _)| stamp.since(*at) < SPACING) {
            return;
        }
        if self.places.len() >= PLACE_LIMIT {
            self.places.pop_front();
        }
        self.places.push_back((stamp, place));
        while self.places.front().is_some_and(|(at, _)| stamp.since(*at) > WINDOW) {
            self.places.pop_front();
        }
    }

    fn velocity(&self) -> Option<Point2> {
        let ((first, _), (last, _)) = (self.places.front()?, self.places.back()?);
        if last.since(*first) < LEAST {
            return None;
        }
        let count = self.places.len() as f64;
        let since_s = |at: &Stamp| at.since(*first).as_s();
        let mean_s = self.places.iter().map(|(at, _)| since_s(at)).sum::<f64>() / count;
        let (mut squares, mut x, mut y) = (0.0, 0.0, 0.0);
        for (at, place) in &self.places {
            let off_s = since_s(at) - mean_s;
            squares += off_s * off_s;
            x += off_s * place.x_m;
            y += off_s * place.y_m;
        }
        (squares > 0.0).then(|| Point2::new(x / squares, y / squares))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use outrider_foundation::rng::Rng;

    fn track(id: u64, x_m: f64) -> Track {
        Track { id, state: TrackState::Confirmed, position: Point2::new(x_m, 2.0), ..Track::default() }
    }

    fn at(ms: i64) -> Stamp {
        Stamp::from_nanos(ms * 1_000_000)
    }

    #[test]
    fn the_line_through_noisy_places_has_the_true_velocity() {
        let mut paces = Paces::default();
        let mut rng = Rng::new(7, 1, 0);
        let mut worst = 0.0_f64;
        for i in 0..2000 {
            let noise_m = 0.03 * rng.normal();
            paces.take(
                &[track(1, 0.3 * 0.05 * f64::from(i) + noise_m)],
                at(50 * i64::from(i)),
                Pose2::IDENTITY,
            );
            match paces.of(&track(1, 0.0)) {
                None => assert!(i < 6, "{i}"),
                Some(v) if i >= 20 => {
                    worst = worst.max((v.x_m - 0.3).abs());
                    assert!(v.y_m.abs() < 1e-9);
                }
                Some(_) => assert!(i >= 6, "{i}"),
            }
        }
        // Twelve by the number of places, root of: 0.02 m/s.
        assert!((0.02..0.1).contains(&worst), "{worst}");
    }

    #[test]
    fn what_went_out_of_sight_begins_anew() {
        let mut paces = Paces::default();
        for ms in (0..500).step_by(50) {
            paces.take(&[track(1, ms as f64 * 1e-3), track(2, 0.0)], at(ms), Pose2::IDENTITY);
        }
        let known = paces;
        assert!((known.of(&track(1, 0.0)).unwrap().x_m - 1.0).abs() < 1e-9);
        assert!(known.of(&track(2, 0.0)).unwrap().x_m.abs() < 1e-9);
        assert_eq!(known.of(&track(3, 0.0)), None);
        let mut gone = known.clone();
        gone.take(&[track(2, 0.0)], at(550), Pose2::IDENTITY);
        assert_eq!(gone.of(&track(1, 0.0)), None);
        // Out of sight, its track goes on by what it was: no place where it was seen.
        let mut hidden = known;
        let coasting = Track { state: TrackState::Coasting, ..track(1, 50.0) };
        hidden.take(&[coasting], at(550), Pose2::IDENTITY);
        assert!((hidden.of(&track(1, 0.0)).unwrap().x_m - 1.0).abs() < 1e-9);
    }

    /// The localiser speaks: robot and tracks leap on the map, and nobody has moved.
    #[test]
    fn a_correction_moves_nobody() {
        let mut paces = Paces::default();
        for ms in (0..1000).step_by(50) {
            let corrected = ms >= 600;
            let tracks_from_odom =
                if corrected { Pose2::new(0.3, -0.2, 0.5 * std::f64::consts::PI) } else { Pose2::IDENTITY };
            let in_odom = Point2::new(0.2e-3 * ms as f64, 1.0);
            let seen = Track { position: tracks_from_odom.apply(in_odom), ..track(1, 0.0) };
            paces.take(&[seen], at(ms), tracks_from_odom.inverse());
            if let Some(v) = paces.of(&track(1, 0.0)) {
                let along = if corrected { Point2::new(0.0, 0.2) } else { Point2::new(0.2, 0.0) };
                assert!(v.distance_m(along) < 1e-9, "{ms}: {v:?}");
            }
        }
        assert!(paces.of(&track(1, 0.0)).is_some());
    }

    #[test]
    fn a_burst_of_world_models_takes_no_more_room_and_hides_nothing() {
        let mut paces = Paces::default();
        for ms in 0..5000 {
            paces.take(&[track(1, ms as f64 * 1e-3)], at(ms), Pose2::IDENTITY);
        }
        assert!((25..=PLACE_LIMIT).contains(&paces.objects[0].places.len()));
        assert!((paces.of(&track(1, 0.0)).unwrap().x_m - 1.0).abs() < 1e-9);
    }
}
