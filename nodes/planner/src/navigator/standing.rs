//! Who stands, and since when: estimated speeds are noisy, and a slow cart must not become a wall and a moving thing by turns,
//! with another path each time.

use crate::config::YieldConfig;
use crate::safety::Moving;
use outrider_foundation::data::Track;
use outrider_foundation::{Span, Stamp};

/// The tracks that are slow, by their number, with the time of the world model that said so first. No longer than the list of
/// tracks itself.
#[derive(Clone, Debug)]
pub(super) struct Standing {
    since: Vec<(u64, Stamp)>,
    standing_mps: f64,
    moving_mps: f64,
    after: Span,
}

impl Standing {
    /// Of nobody yet.
    pub fn new(config: &YieldConfig) -> Self {
        let after = Span::from_s(config.standing_after_s);
        Self { since: Vec::new(), standing_mps: config.standing_mps, moving_mps: config.moving_mps, after }
    }

    /// Takes over the tracks of a world model of this time.
    pub fn see(&mut self, tracks: &[Track], at: Stamp) {
        let before = std::mem::take(&mut self.since);
        self.since.extend(Moving::all(tracks, 0.0).into_iter().filter_map(|m| {
            // A clock that was set back: as if seen for the first time.
            let known = before.iter().find(|(id, since)| *id == m.track.id && *since <= at);
            let limit_mps = if known.is_some() { self.moving_mps } else { self.standing_mps };
            m.stands(limit_mps).then(|| known.copied().unwrap_or((m.track.id, at)))
        }));
    }

    /// A track that is slow stands as of now, by the world model of this time.
    pub fn settle(&mut self, id: u64, at: Stamp) {
        if let Some((_, since)) = self.since.iter_mut().find(|(known, _)| *known == id) {
            *since = (*since).min(at - self.after);
        }
    }

    /// Whether a track stands, by the world model of this time.
    pub fn has(&self, id: u64, at: Stamp) -> bool {
        self.since.iter().any(|(known, since)| *known == id && at.since(*since) >= self.after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use outrider_foundation::Point2;
    use outrider_foundation::data::TrackState;

    fn standing() -> Standing {
        let config: crate::Config =
            outrider_yaml::from_str_valid(include_str!("../../../../config/planner.yaml")).unwrap();
        let (standing_mps, moving_mps, standing_after_s) = (0.25, 0.4, 1.5);
        Standing::new(&YieldConfig { standing_mps, moving_mps, standing_after_s, ..config.yielding })
    }

    fn walker(speed_mps: f64) -> Track {
        let velocity = Point2::new(speed_mps, 0.0);
        Track { id: 3, state: TrackState::Confirmed, velocity, ..Track::default() }
    }

    /// One world model every tenth of a second with these speeds; when the track stood, s.
    fn stood(speeds_mps: impl IntoIterator<Item = f64>) -> Option<f64> {
        let mut standing = standing();
        speeds_mps.into_iter().enumerate().find_map(|(i, speed_mps)| {
            let at = Stamp::from_nanos(i as i64 * 100_000_000);
            standing.see(&[walker(speed_mps)], at);
            standing.has(3, at).then_some(i as f64 * 0.1)
        })
    }

    #[test]
    fn somebody_stands_after_a_while_and_noise_does_not_make_him_walk() {
        assert_eq!(stood(std::iter::repeat_n(0.1, 30)), Some(1.5));
        assert_eq!(stood((0..30).map(|i| if i % 5 == 0 { 0.2 } else { 0.35 })), Some(1.5));
        assert_eq!(stood((0..30).map(|i| if i % 10 == 9 { 0.45 } else { 0.1 })), None, "a slow cart");
        assert_eq!(stood(std::iter::repeat_n(0.3, 30)), None, "it was never slow enough");
    }

    #[test]
    fn who_is_settled_stands_at_once_until_he_moves() {
        let mut standing = standing();
        let at = |tenths: i64| Stamp::from_nanos(tenths * 100_000_000);
        standing.see(&[walker(0.3)], at(100));
        standing.settle(3, at(100));
        assert!(!standing.has(3, at(100)), "he was not slow");
        standing.see(&[walker(0.1)], at(101));
        standing.settle(3, at(101));
        assert!(standing.has(3, at(101)) && !standing.has(4, at(101)));
        standing.see(&[walker(0.35)], at(102));
        assert!(standing.has(3, at(102)));
        standing.see(&[walker(0.45)], at(103));
        standing.see(&[walker(0.1)], at(104));
        assert!(!standing.has(3, at(104)));
    }

    #[test]
    fn who_is_gone_and_what_a_clock_set_back_says_begins_anew() {
        let mut standing = standing();
        let at = |tenths: i64| Stamp::from_nanos(tenths * 100_000_000);
        standing.see(&[walker(0.0)], at(100));
        standing.see(&[walker(0.0)], at(115));
        assert!(standing.has(3, at(115)) && !standing.has(4, at(115)));
        standing.see(&[], at(116));
        standing.see(&[walker(0.0)], at(117));
        assert!(!standing.has(3, at(117)));
        standing.see(&[walker(0.0)], at(20));
        standing.see(&[walker(0.0)], at(34));
        assert!(!standing.has(3, at(34)));
        standing.see(&[walker(0.0)], at(35));
        assert!(standing.has(3, at(35)));
    }
}
