//! Whether the robot gets on, and who has been close before it meanwhile.

use outrider_foundation::geometry::wrap_angle;
use outrider_foundation::{Instant, Pose2, Span};

/// Moving or turning by this counts as getting on, m and rad.
const PROGRESS: f64 = 0.15;

/// Since when the robot has not got on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Where it was when it last got on, by moving or by turning, and since when.
    pose: Pose2,
    since: Instant,
    /// The same by moving alone: who turns this way and that before somebody does not get on either.
    place: Pose2,
    place_since: Instant,
}

impl Progress {
    /// Begins now.
    pub const fn new(pose: Pose2, now: Instant) -> Self {
        Self { pose, since: now, place: pose, place_since: now }
    }

    /// The robot is there now.
    pub fn note(&mut self, pose: Pose2, now: Instant) {
        if is_away(self.place, pose) {
            (self.place, self.place_since) = (pose, now);
        }
        if is_away(self.pose, pose) || wrap_angle(self.pose.yaw_rad - pose.yaw_rad).abs() > PROGRESS {
            (self.pose, self.since) = (pose, now);
        }
    }

    /// What lay before now does not count.
    pub fn excuse(&mut self, now: Instant) {
        self.since = now;
        self.place_since = now;
    }

    /// For how long it has neither moved nor turned.
    pub fn stands_for(&self, now: Instant) -> Span {
        now.since(self.since)
    }

    /// For how long it has not moved away, whether it turned or not.
    pub fn in_place_for(&self, now: Instant) -> Span {
        now.since(self.place_since)
    }
}

/// A tracked object close before the robot.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Close {
    /// Track id.
    pub id: u64,
    /// It hardly moves.
    pub stands: bool,
}

/// Who has been close before the robot, and since when.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Faces {
    /// By track id; no more than there are tracks.
    seen: Vec<(u64, Instant)>,
}

impl Faces {
    /// These are there now.
    pub fn note(&mut self, close: &[Close], now: Instant) {
        self.seen.retain(|(id, _)| close.iter().any(|one| one.id == *id));
        for one in close {
            if !self.seen.iter().any(|(known, _)| *known == one.id) {
                self.seen.push((one.id, now));
            }
        }
    }

    /// How long the one has been there who has been there longest.
    pub fn longest(&self, now: Instant) -> Span {
        self.seen.iter().map(|(_, since)| now.since(*since)).max().unwrap_or(Span::ZERO)
    }
}

fn is_away(from: Pose2, to: Pose2) -> bool {
    from.position().distance_m(to.position()) > PROGRESS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: f64) -> Instant {
        Instant::from_nanos(Span::from_s(s).nanos())
    }

    fn close<const N: usize>(ids: [u64; N]) -> [Close; N] {
        ids.map(|id| Close { id, stands: true })
    }

    #[test]
    fn somebody_else_begins_anew() {
        let mut faces = Faces::default();
        faces.note(&close([3]), at(0.0));
        faces.note(&close([4, 3]), at(2.0));
        assert_eq!(faces.longest(at(3.0)), Span::from_s(3.0));
        faces.note(&close([4]), at(4.0));
        assert_eq!(faces.longest(at(4.0)), Span::from_s(2.0));
        faces.note(&[], at(5.0));
        faces.note(&close([4]), at(6.0));
        assert_eq!(faces.longest(at(6.5)), Span::from_s(0.5));
    }

    #[test]
    fn turning_gets_on_but_not_away() {
        let mut progress = Progress::new(Pose2::IDENTITY, at(0.0));
        progress.note(Pose2::new(0.1, 0.0, 0.1), at(1.0));
        assert_eq!(progress.stands_for(at(1.0)), Span::from_s(1.0));
        progress.note(Pose2::new(0.1, 0.0, 0.2), at(2.0));
        assert_eq!(progress.stands_for(at(3.0)), Span::from_s(1.0));
        assert_eq!(progress.in_place_for(at(3.0)), Span::from_s(3.0));
        progress.note(Pose2::new(0.2, 0.0, 0.2), at(4.0));
        assert_eq!(progress.in_place_for(at(5.0)), Span::from_s(1.0));
        progress.excuse(at(6.0));
        assert_eq!(progress.in_place_for(at(6.5)), Span::from_s(0.5));
    }
}
