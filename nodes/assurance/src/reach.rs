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
use crate::rigid::Rigid;
use crate::tracks::{TrackRules, creeps};
use outrider_foundation::data::{Track, TrackState};
use outrider_foundation::{Footprint, Point2, Pose2};

/// Who comes no faster than this stands, m/s: by the velocity that is stated, which swings.
const STANDS_MPS: f64 = 0.3;
/// And by the places of the last second.
const STOOD_MPS: f64 = 0.15;

/// Least distance that a motion keeps, until it has come to rest, from where objects can be at the same time.
///
/// Somebody who stands so near that he could touch the robot before this could so much as react is no reason to stay: the
/// robot may move away from him, and along him at a creep. What comes up to a robot at rest is not the robot's doing.
pub(crate) fn judge(
    motion: &[MotionPoint],
    footprint: &Footprint,
    tracks: &[Track],
    rules: TrackRules<'_>,
) -> Reading {
    let mut worst = Reading::new(Rule::Reach, FAR_M, FAR_M, 0.0);
    let config = &rules.config.reachable;
    let way_m = motion.iter().map(|m| m.pose.position().distance_m(Point2::default())).fold(0.0, f64::max);
    // A very short motion has no poses but its first and its last, and is at rest in both.
    if motion.iter().all(|m| is_zero(m.twist) && m.pose == Pose2::IDENTITY) {
        return worst;
    }
    // The last pose is taken at rest, but until then the robot moves.
    let moving = || motion.iter().skip(1).filter(|m| m.t_s <= config.horizon_s);
    let last_s = moving().map(|m| m.t_s).fold(0.0, f64::max);
    let gain_m = if creeps(motion) { -rules.nearer_m(motion) } else { UNCHANGED_M };
    let paces = rules.paces.iter().copied().chain(std::iter::repeat(None));
    let is_known = |t: &Track| matches!(t.state, TrackState::Confirmed | TrackState::Coasting);
    for (track, pace) in tracks.iter().zip(paces).filter(|(t, _)| is_known(t)) {
        let reach = Reach::new(track, rules);
        // Most are too far away to look closer.
        let ball = reach.ball(last_s);
        let beyond_m = ball.0.distance_m(Point2::default()) - ball.1 - way_m - footprint.circumscribed_m();
        if beyond_m >= worst.robustness {
            continue;
        }
        let at_rest_m = |t_s| reach.distance_m(t_s, &Rigid::IDENTITY, footprint, f64::INFINITY);
        let may_leave = || {
            at_rest_m(rules.reaction_s) <= 0.0
                && reach.stands(footprint, pace.map(|v| rules.base_from_tracks.turn(v)), rules.reaction_s)
        };
        for at in moving() {
            let moving_m = reach.distance_m(at.t_s, &at.base_from_future, footprint, worst.robustness);
            if moving_m >= worst.robustness {
                continue;
            }
            let required_m = if may_leave() { (at_rest_m(at.t_s) + gain_m).min(0.0) } else { 0.0 };
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
        let velocity = base_from_tracks.turn(track.velocity);
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

    /// Going on as it does, and as it did for the last second at `pace` in the base frame, it does not come nearer to a robot at rest.
    fn stands(&self, footprint: &Footprint, pace: Option<Point2>, for_s: f64) -> bool {
        let gap_m = |velocity, t_s| footprint.signed_distance_m(along(self.centre, velocity, t_s));
        let comes_m = |velocity| gap_m(velocity, 0.0) - gap_m(velocity, for_s);
        comes_m(self.velocity) < STANDS_MPS * for_s
            && pace.is_none_or(|pace| comes_m(pace) < STOOD_MPS * for_s)
    }

    /// From the outline at a pose, no more than the true distance; or any number from `enough_m` up when it is at least
    /// that far.
    fn distance_m(&self, t_s: f64, start_from_base: &Rigid, footprint: &Footprint, enough_m: f64) -> f64 {
        let discs = [self.cone(t_s), self.ball(t_s)];
        let place = Point2::new(start_from_base.x_m, start_from_base.y_m);
        let rough_m = |(centre, radius_m): &(Point2, f64)| {
            centre.distance_m(place) - footprint.circumscribed_m() - radius_m
        };
        let rough_m = discs.iter().map(rough_m).fold(f64::NEG_INFINITY, f64::max);
        if rough_m >= enough_m {
            return rough_m;
        }
        let base_from_start = start_from_base.inverse();
        let distance_m = |(centre, radius_m): &(Point2, f64)| {
            footprint.signed_distance_m(base_from_start.apply(*centre)) - radius_m
        };
        discs.iter().map(distance_m).fold(f64::NEG_INFINITY, f64::max)
    }
}

fn along(from: Point2, velocity: Point2, t_s: f64) -> Point2 {
    Point2::new(from.x_m + velocity.x_m * t_s, from.y_m + velocity.y_m * t_s)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::motion::{Phase, reckon};
    use crate::rigid::Rigid;
    use outrider_foundation::Twist2;
    use outrider_foundation::robot::{Robot, example};
    use proptest::prelude::*;

    const REACTION_S: f64 = 0.18;

    fn standing(x_m: f64, y_m: f64) -> Track {
        Track {
            id: 3,
            state: TrackState::Confirmed,
            position: Point2::new(x_m, y_m),
            radius_m: 0.25,
            age_s: 0.1,
            ..Track::default()
        }
    }

    fn judged(twist: Twist2, track: Track) -> Reading {
        let robot = Robot::new(example::amr()).unwrap();
        let phase = Phase { target: twist, duration_s: REACTION_S };
        of_motion(&reckon(twist, &[phase], &robot.limits).unwrap(), track)
    }

    fn of_motion(motion: &[MotionPoint], track: Track) -> Reading {
        of_motion_beside(motion, track, None)
    }

    /// `pace`: over the last second, in the frame of the base.
    fn of_motion_beside(motion: &[MotionPoint], track: Track, pace: Option<Point2>) -> Reading {
        let robot = Robot::new(example::amr()).unwrap();
        let config = crate::tests::config().tracks;
        let rules = TrackRules {
            config: &config,
            bounds: &[],
            paces: &[pace],
            base_from_tracks: Rigid::new(Pose2::IDENTITY),
            age_s: 0.05,
            reaction_s: REACTION_S,
            creep_m: 0.002,
        };
        judge(motion, &robot.footprint, &[track], rules)
    }

    /// A person stands beside the way, his disc 0.5 m from the outline that passes.
    #[test]
    fn who_could_step_in_front_limits_the_speed() {
        let beside = || standing(0.6, 0.25 + 0.25 + 0.5);
        let at = |v| judged(Twist2::new(v, 0.0), beside());
        assert!(!at(1.0).is_ok(), "{:?}", at(1.0));
        assert_eq!(at(1.0).part, Part::Track(3));
        // 0.5 m take 0.71 s, of which 0.15 s have passed unseen: 0.56 s less the reaction at 1.2 m/s² are 0.45 m/s.
        assert!(at(0.4).is_ok(), "{:?}", at(0.4));
        assert!(!at(0.55).is_ok(), "{:?}", at(0.55));
        assert!(judged(Twist2::new(1.0, 0.0), standing(0.6, 2.5)).is_ok(), "far enough to the side");
        assert!(judged(Twist2::new(0.3, 0.0), standing(-1.3, 0.0)).is_ok(), "behind");
        assert!(at(0.0).is_ok(), "a robot at rest");
        let tentative = Track { state: TrackState::Tentative, ..beside() };
        assert!(judged(Twist2::new(1.0, 0.0), tentative).is_ok(), "left to the scan");
        let coasting = Track { state: TrackState::Coasting, age_s: 0.4, ..beside() };
        assert!(!judged(Twist2::new(0.4, 0.0), coasting).is_ok(), "unseen for longer, he may be nearer");
    }

    /// At a creep alongside somebody who could touch the robot, what the noise of the turn rate does is no reason to stay.
    #[test]
    fn along_somebody_the_noise_of_a_turn_rate_counts_for_nothing() {
        let at = |v_mps, w_radps| judged(Twist2::new(v_mps, w_radps), standing(-0.2, 0.25 + 0.25 + 0.05));
        assert!(at(0.09, -0.01).is_ok(), "{:?}", at(0.09, -0.01));
        assert!(!at(0.12, -0.01).is_ok() && !at(0.09, -0.1).is_ok());
    }

    #[test]
    fn a_class_that_is_faster_reaches_farther() {
        let mut config = crate::tests::config().tracks.reachable;
        config.faster =
            vec![crate::config::Faster { class: "forklift".into(), accel_mps2: 2.5, speed_mps: 4.0 }];
        assert_eq!((config.of("forklift"), config.of("person")), ((2.5, 4.0), (2.0, 1.6)));
    }

    /// Who is nearer than the robot can react to does not hold it fast, and is not run into either.
    #[test]
    fn somebody_very_near_may_be_left_but_not_approached() {
        let near = |x_m, y_m| standing(x_m, y_m);
        let ahead = || near(0.35 + 0.25 + 0.1, 0.0);
        assert!(!judged(Twist2::new(0.1, 0.0), ahead()).is_ok(), "towards");
        assert!(judged(Twist2::new(-0.2, 0.0), ahead()).is_ok(), "away");
        let beside = || near(0.0, -0.25 - 0.25 - 0.1);
        assert!(!judged(Twist2::new(0.2, 0.0), beside()).is_ok(), "along");
        assert!(judged(Twist2::new(0.08, 0.0), beside()).is_ok(), "along at a creep");
        assert!(judged(Twist2::ZERO, beside()).is_ok(), "at rest");
        let comes = Track { velocity: Point2::new(0.6, 0.0), ..near(-0.35 - 0.25 - 0.1, 0.0) };
        assert!(
            judged(Twist2::new(0.1, 0.0), Track { velocity: Point2::default(), ..comes.clone() }).is_ok()
        );
        assert!(!judged(Twist2::new(0.1, 0.0), comes.clone()).is_ok(), "who comes is waited for");
        // So short a motion that it has no pose between the first and the last.
        let robot = Robot::new(example::amr()).unwrap();
        let phase = Phase { target: Twist2::new(0.05, 0.0), duration_s: REACTION_S };
        let creep = reckon(Twist2::ZERO, &[phase], &robot.limits).unwrap();
        assert_eq!(creep.len(), 2);
        assert!(!of_motion(&creep, comes).is_ok(), "nor is a little way gone");
    }

    /// The velocity that is stated swings: for a moment he is said to stand.
    #[test]
    fn who_has_come_up_slowly_is_waited_for_whatever_is_said_of_this_moment() {
        let robot = Robot::new(example::amr()).unwrap();
        let phase = Phase { target: Twist2::new(0.08, 0.0), duration_s: REACTION_S };
        let creep = reckon(phase.target, &[phase], &robot.limits).unwrap();
        let at = |pace| of_motion_beside(&creep, standing(0.0, -0.25 - 0.25 - 0.1), pace);
        assert!(at(None).is_ok() && at(Some(Point2::new(0.3, 0.05))).is_ok(), "he goes along");
        assert!(at(Some(Point2::new(0.0, -0.3))).is_ok(), "he goes away");
        assert!(!at(Some(Point2::new(0.0, 0.25))).is_ok(), "he comes");
    }

    /// Faster is never better.
    #[test]
    fn what_is_refused_stays_refused_at_a_higher_speed() {
        for y in 2..30 {
            let mut refused = false;
            for v in 1..=20 {
                let ok =
                    judged(Twist2::new(f64::from(v) * 0.05, 0.0), standing(0.5, 0.5 + f64::from(y) * 0.1))
                        .is_ok();
                assert!(!(ok && refused), "{v} {y}");
                refused |= !ok;
            }
        }
    }

    proptest! {
        /// Whatever somebody does within the bounds, he stays in both discs.
        #[test]
        fn nobody_gets_out_of_reach(
            vx in -1.1..1.1f64, vy in -1.1..1.1f64, unseen in 0.0..0.5f64,
            pushes in prop::collection::vec((-3.2..3.2f64, 0.0..1.0f64), 1..12)
        ) {
            let track = Track {
                velocity: Point2::new(vx, vy),
                position: Point2::new(1.0 + vx * (unseen - 0.05), 2.0 + vy * (unseen - 0.05)),
                age_s: unseen - 0.05,
                ..standing(0.0, 0.0)
            };
            prop_assume!(unseen >= 0.05);
            let config = crate::tests::config().tracks;
            let rules = TrackRules {
                config: &config,
                bounds: &[],
                paces: &[],
                base_from_tracks: Rigid::new(Pose2::IDENTITY),
                age_s: 0.05,
                reaction_s: REACTION_S,
                creep_m: 0.002,
            };
            let reach = Reach::new(&track, rules);
            // Seen at (1, 2); every push lasts a tenth of a second.
            let (mut p, mut v) = (Point2::new(1.0, 2.0), Point2::new(vx, vy));
            let step_s = 0.001;
            for i in 0..100 * pushes.len() {
                let (way, share) = pushes[i / 100];
                let (s, c) = libm::sincos(way);
                let a = share * config.reachable.accel_mps2 * step_s;
                let next = Point2::new(v.x_m + c * a, v.y_m + s * a);
                if libm::hypot(next.x_m, next.y_m) <= config.reachable.speed_mps {
                    v = next;
                }
                p = along(p, v, step_s);
                let t_s = (i + 1) as f64 * step_s - unseen;
                if t_s >= 0.0 {
                    for (centre, radius_m) in [reach.cone(t_s), reach.ball(t_s)] {
                        // The steps are of finite length.
                        let slack_m = 0.002 * (t_s + unseen);
                        prop_assert!(centre.distance_m(p) <= radius_m - track.radius_m + slack_m);
                    }
                }
            }
        }
    }
}
