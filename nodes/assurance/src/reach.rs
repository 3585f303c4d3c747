//! Where people and vehicles could be at the worst, and that the robot stands before they are there.
//!
//! A prediction says where somebody is expected. Somebody who stands beside the robot's way is expected to stand, and may
//! set out at any moment. So besides the discs of `tracks` there are these: everywhere that an object can have got to since
//! it was last seen, at a bounded acceleration and no faster than a bounded speed. The robot need not keep out of them, or
//! it could never pass anybody. It must have come to rest before it is in one (passive safety: Macek, Vasquez, Fraichard
//! and Siegwart, "Towards safe vehicle navigation in dynamic urban scenarios", Automatika 2009): so it is slower where
//! somebody is near.

use crate::clearance::{FAR_M, UNCHANGED_M};
use crate::monitor::{Part, Reading, Rule};
use crate::motion::{MotionPoint, is_zero};
use crate::tracks::TrackRules;
use outrider_foundation::data::{Track, TrackState};
use outrider_foundation::{Footprint, Point2, Pose2};

/// Least distance that the moving part of a motion keeps from where objects can be at the same time.
///
/// An object so near that it could touch the robot before this could so much as react is no reason to stay: the robot may
/// leave, but go no deeper in than it is. What comes up to a robot at rest is not the robot's doing.
pub(crate) fn judge(
    motion: &[MotionPoint],
    footprint: &Footprint,
    tracks: &[Track],
    rules: TrackRules<'_>,
) -> Reading {
    let mut worst = Reading::new(Rule::Reach, FAR_M, FAR_M, 0.0);
    let config = &rules.config.reachable;
    let way_m = motion.iter().map(|m| m.pose.position().distance_m(Point2::default())).fold(0.0, f64::max);
    let moving = || motion.iter().skip(1).filter(|m| !is_zero(m.twist) && m.t_s <= config.horizon_s);
    let last_s = moving().map(|m| m.t_s).fold(0.0, f64::max);
    for track in tracks.iter().filter(|t| matches!(t.state, TrackState::Confirmed | TrackState::Coasting)) {
        let reach = Reach::new(track, rules);
        // Most are too far away to look closer.
        let ball = reach.ball(last_s);
        let beyond_m = ball.0.distance_m(Point2::default()) - ball.1 - way_m - footprint.circumscribed_m();
        if beyond_m >= worst.robustness {
            continue;
        }
        let at_rest_m = |t_s| reach.distance_m(t_s, Pose2::IDENTITY, footprint, f64::INFINITY);
        let touches_first = at_rest_m(rules.reaction_s) <= 0.0;
        for at in moving() {
            let moving_m = reach.distance_m(at.t_s, at.pose, footprint, worst.robustness);
            if moving_m >= worst.robustness {
                continue;
            }
            let required_m = if touches_first { (at_rest_m(at.t_s) - UNCHANGED_M).min(0.0) } else { 0.0 };
            let reading = Reading::new(Rule::Reach, moving_m - required_m, moving_m, required_m);
            if !reading.robustness.is_finite() {
                return reading.part(Part::Track(track.id));
            }
            if reading.robustness < worst.robustness {
                worst = reading.part(Part::Track(track.id));
            }
        }
    }
    worst
}

/// Where one object can be, seen from the base at the start of the motion: in both of two discs. One goes on at its
/// velocity and grows as it can accelerate, the other stays and grows as fast as it can go.
struct Reach {
    /// At the start of the motion, if it goes on as it did.
    centre: Point2,
    velocity: Point2,
    radius_m: f64,
    /// Time since it was last seen, at the start of the motion.
    unseen_s: f64,
    accel_mps2: f64,
    speed_mps: f64,
}

impl Reach {
    fn new(track: &Track, rules: TrackRules<'_>) -> Self {
        let (accel_mps2, speed_mps) = rules.config.reachable.of(&track.class_label);
        let base_from_tracks = rules.base_from_tracks;
        let turn_only = Pose2 { x_m: 0.0, y_m: 0.0, ..base_from_tracks };
        let velocity = turn_only.apply(track.velocity);
        let age_s = rules.age_s.max(0.0);
        let now = along(base_from_tracks.apply(track.position), velocity, age_s);
        Self {
            centre: now,
            velocity,
            radius_m: track.radius_m,
            unseen_s: age_s + track.age_s.max(0.0),
            accel_mps2,
            // Who is faster already does not slow down for this.
            speed_mps: speed_mps.max(velocity.distance_m(Point2::default())),
        }
    }

    /// The disc that stays where the object was last seen: centre and radius.
    fn ball(&self, t_s: f64) -> (Point2, f64) {
        let seen = along(self.centre, self.velocity, -self.unseen_s);
        (seen, self.radius_m + self.speed_mps * (self.unseen_s + t_s))
    }

    /// The disc that goes on: centre and radius.
    fn cone(&self, t_s: f64) -> (Point2, f64) {
        let since_s = self.unseen_s + t_s;
        (along(self.centre, self.velocity, t_s), self.radius_m + 0.5 * self.accel_mps2 * since_s * since_s)
    }

    /// From the outline at a pose, no more than the true distance; or any number from `enough_m` up when it is at least
    /// that far.
    fn distance_m(&self, t_s: f64, pose: Pose2, footprint: &Footprint, enough_m: f64) -> f64 {
        let discs = [self.cone(t_s), self.ball(t_s)];
        let rough_m = |(centre, radius_m): &(Point2, f64)| {
            centre.distance_m(pose.position()) - footprint.circumscribed_m() - radius_m
        };
        let rough_m = discs.iter().map(rough_m).fold(f64::NEG_INFINITY, f64::max);
        if rough_m >= enough_m {
            return rough_m;
        }
        let base_from_start = pose.inverse();
        let distance_m = |(centre, radius_m): &(Point2, f64)| {
            footprint.signed_distance_m(base_from_start.apply(*centre)) - radius_m
        };
        discs.iter().map(distance_m).fold(f64::NEG_INFINITY, f64::max)
    }
}

fn along(from: Point2, velocity: Point2, t_s: f64) -> Point2 {
    Point2::new(from.x_m + velocity.x_m * t_s, from.y_m + velocity.y_m * t_s)
}
