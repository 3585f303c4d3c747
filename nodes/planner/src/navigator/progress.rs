//! Whether the robot gets on, and who has been close before it meanwhile.

use outrider_foundation::geometry::wrap_angle;
use outrider_foundation::{Instant, Pose2, Span};

/// Moving or turning by this counts as getting on, m and rad.
const PROGRESS: f64 = 0.15;
/// Before somebody: turning by this, in steps of [`TURN_RAD`], counts as getting on; who turns this way and that does not, rad.
const TURNS_RAD: f64 = 0.6;
/// See [`TURNS_RAD`].
const TURN_RAD: f64 = 0.3;

/// Since when the robot has not got on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Where it was when it last got on, by moving or by turning, and since when.
    pose: Pose2,
    since: Instant,
    /// The same by moving, or by turning as far as that counts.
    place: Pose2,
    place_since: Instant,
    /// How much turning still counts there, rad.
    turns_rad: f64,
}

impl Progress {
    /// Begins now.
    pub const fn new(pose: Pose2, now: Instant) -> Self {
        Self { pose, since: now, place: pose, place_since: now, turns_rad: TURNS_RAD }
    }

    /// The robot is there now; `has_room`: nobody is so near that turning on the spot is no way past him.
    pub fn note(&mut self, pose: Pose2, has_room: bool, now: Instant) {
        if is_away(self.place, pose) {
            (self.place, self.place_since, self.turns_rad) = (pose, now, TURNS_RAD);
        }
        let turned_rad = wrap_angle(self.place.yaw_rad - pose.yaw_rad).abs();
        if has_room && turned_rad > TURN_RAD && self.turns_rad > 0.0 {
            self.turns_rad -= turned_rad;
            self.place_since = now;
            self.place.yaw_rad = pose.yaw_rad;
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

    /// For how long it has not moved away, nor turned as far as that counts.
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
    /// Distance from the outline, m.
    pub gap_m: f64,
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
        ids.map(|id| Close { id, stands: true, gap_m: 0.5 })
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
        progress.note(Pose2::new(0.1, 0.0, 0.1), true, at(1.0));
        assert_eq!(progress.stands_for(at(1.0)), Span::from_s(1.0));
        progress.note(Pose2::new(0.1, 0.0, 0.2), true, at(2.0));
        assert_eq!(progress.stands_for(at(3.0)), Span::from_s(1.0));
        assert_eq!(progress.in_place_for(at(3.0)), Span::from_s(3.0));
        progress.note(Pose2::new(0.2, 0.0, 0.2), true, at(4.0));
        assert_eq!(progress.in_place_for(at(5.0)), Span::from_s(1.0));
        progress.excuse(at(6.0));
        assert_eq!(progress.in_place_for(at(6.5)), Span::from_s(0.5));
    }

    #[test]
    fn before_somebody_a_turn_counts_once_and_not_to_and_fro() {
        let turned = |has_room: bool| {
            let mut progress = Progress::new(Pose2::IDENTITY, at(0.0));
            // 0.35 rad to and fro, every second.
            let swings = (1..=9).map(|i| (f64::from(i), 0.35 * f64::from(i % 2)));
            for (s, yaw_rad) in swings {
                progress.note(Pose2::new(0.0, 0.0, yaw_rad), has_room, at(s));
            }
            progress.in_place_for(at(9.0))
        };
        assert_eq!(turned(true), Span::from_s(7.0), "two of them are what there is");
        assert_eq!(turned(false), Span::from_s(9.0));
    }
}
