//! Past somebody who stands close: no faster than assurance lets the robot leave alongside him, and with its ends away from him.

use crate::safety::{Blocker, CREEP_MPS, Guard, Situation, Wish};
use outrider_foundation::{Pose2, Twist2};
use std::f64::consts::FRAC_PI_2;

/// Within this at a creep the robot has left somebody by [`LEAVING_M`]: it need not creep, s.
const LEAVING_S: f64 = 0.5;
/// See [`LEAVING_S`], m.
const LEAVING_M: f64 = 0.01;
/// Shares of the bend that are tried in its place.
const LESS_BEND: [f64; 3] = [0.5, 0.25, 0.0];

/// What is driven past somebody.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Past {
    /// In place of what was wished.
    pub wish: Wish,
    /// In a few words.
    pub reason: String,
    /// Whom.
    pub blocker: Blocker,
}

/// A turn on the spot that may be put off, and what may be driven instead.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Instead {
    /// The turn.
    pub by_rad: f64,
    /// The limit in force.
    pub v_max_mps: f64,
}

/// Past somebody who stands nearer than the margin, and slower than `standing_mps`: at a creep, and with less of a bend where that would
/// swing an end of the robot towards him. Where it is to turn on the spot and must not, straight on `instead`: once past him there is room
/// to turn. `None` where the wish needs no change (to stand still is none to turn), or nothing else helps.
pub(super) fn past_somebody(
    guard: &mut Guard,
    s: &Situation<'_>,
    wish: Wish,
    instead: Option<Instead>,
    standing_mps: f64,
) -> Option<Past> {
    let v_mps = match instead {
        // Straight on leads away from where it is to go.
        Some(Instead { by_rad, .. }) if by_rad.abs() > FRAC_PI_2 => return None,
        // It stands, or makes room.
        Some(_) if wish.v_mps != 0.0 || wish.turn == 0.0 => return None,
        Some(Instead { v_max_mps, .. }) => v_max_mps.clamp(0.0, CREEP_MPS),
        None => wish.v_mps.clamp(-CREEP_MPS, CREEP_MPS),
    };
    // Looking at a tail costs about as much as a command does.
    if v_mps == 0.0 || !s.moving.iter().any(|one| one.stands(standing_mps)) {
        return None;
    }
    let bend = |curvature: f64| Twist2::new(v_mps, v_mps * curvature);
    let look = guard.look(s, if wish.curve { bend(wish.turn) } else { Twist2::new(0.0, wish.turn) });
    let who = s.moving.get(look.near?).filter(|who| who.stands(standing_mps))?;
    let turn = if !look.clear {
        let shares: &[f64] = if wish.curve { &LESS_BEND } else { &[0.0] };
        let mut less = shares.iter().map(|share| wish.turn * share);
        less.find(|curvature| guard.look(s, bend(*curvature)).clear)?
    } else if wish.curve {
        wish.turn
    } else {
        return None;
    };
    let gap_m = |pose: Pose2| who.gap_m(guard.footprint(), pose.inverse());
    let (now_m, then_m) = (gap_m(s.pose), gap_m(s.pose.advance(bend(turn), LEAVING_S)));
    if look.clear && then_m > now_m + LEAVING_M {
        return None;
    }
    let reason = format!("past {} at {:.1} m", who.name(), now_m.max(0.0));
    Some(Past { wish: Wish { v_mps, turn, curve: true }, reason, blocker: Blocker::track(who) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::safety::{FootprintCover, Moving};
    use outrider_foundation::Point2;
    use outrider_foundation::data::{Track, TrackState};
    use outrider_foundation::grid::CostGrid;
    use outrider_foundation::robot::{Robot, example};

    const STANDING_MPS: f64 = 0.25;

    /// Beside a robot of 0.7 m by 0.5 m at the origin: his disc `gap_m` from its left side, abeam of `x_m`.
    fn beside(x_m: f64, gap_m: f64, speed_mps: f64) -> Track {
        Track {
            id: 3,
            state: TrackState::Confirmed,
            class_label: "person".into(),
            position: Point2::new(x_m, 0.25 + 0.25 + gap_m),
            velocity: Point2::new(0.0, speed_mps),
            radius_m: 0.25,
            // 5 cm.
            covariance: std::array::from_fn(|i| if i % 5 == 0 { 0.0025 } else { 0.0 }),
            ..Track::default()
        }
    }

    /// What is driven in place of a wish; the measured turn rate is not quite zero.
    fn past(track: &Track, wish: Wish, turns_by_rad: Option<f64>) -> Option<Past> {
        past_within(track, wish, turns_by_rad.map(|by_rad| Instead { by_rad, v_max_mps: 1.0 }))
    }

    fn past_within(track: &Track, wish: Wish, instead: Option<Instead>) -> Option<Past> {
        let robot = Robot::new(example::amr()).unwrap();
        let config: crate::Config =
            outrider_yaml::from_str_valid(include_str!("../../../../config/planner.yaml")).unwrap();
        let cover = FootprintCover::new(&robot.footprint);
        let mut guard = Guard::new(&robot, &config.safety, cover);
        let grid = free();
        let moving = [Moving { track, age_s: 0.0, still: false }];
        let measured = Twist2::new(0.0, 0.01);
        let s = Situation {
            pose: Pose2::IDENTITY,
            measured,
            last: Twist2::ZERO,
            dt_s: 0.025,
            grid: &grid,
            moving: &moving,
        };
        past_somebody(&mut guard, &s, wish, instead, STANDING_MPS)
    }

    /// Nothing stands anywhere near.
    fn free() -> CostGrid {
        let (width, height) = (80, 80);
        CostGrid {
            resolution_m: 0.05,
            width,
            height,
            origin: Point2::new(-2.0, -2.0),
            cost: vec![0; 6400],
            distance_sq: vec![u16::MAX; 6400],
            ..CostGrid::default()
        }
    }

    fn on(v_mps: f64, turn: f64) -> Wish {
        Wish { v_mps, turn, curve: true }
    }

    #[test]
    fn along_somebody_it_creeps_and_keeps_its_ends_away_from_him() {
        let abeam = beside(-0.2, 0.16, 0.0);
        // Straight on is no nearer to him, whatever the noise says.
        let Past { wish, reason, blocker } = past(&abeam, on(0.4, 0.0), None).unwrap();
        assert_eq!(
            (wish, reason.as_str(), blocker.track_id),
            (on(CREEP_MPS, 0.0), "past person #3 at 0.2 m", 3)
        );
        // A bend away from him swings the rear towards him, one towards him the front.
        for (x_m, turn) in [(-0.2, -3.0), (0.2, 3.0)] {
            let wish = past(&beside(x_m, 0.15, 0.0), on(0.4, turn), None).unwrap().wish;
            assert!(wish.turn.abs() < 1.0 && wish.v_mps == CREEP_MPS, "{turn}: {wish:?}");
        }
        // So does a turn on the spot, and straight on is a way to where it is to go, or is not.
        let spin = |by_rad: f64| past(&abeam, Wish { v_mps: 0.0, turn: -0.5, curve: false }, Some(by_rad));
        assert_eq!(spin(-1.0).unwrap().wish, on(CREEP_MPS, 0.0));
        assert_eq!(spin(-2.0), None);
    }

    #[test]
    fn in_place_of_a_turn_it_drives_no_faster_than_it_may_and_who_is_to_stand_stands() {
        let abeam = beside(-0.2, 0.16, 0.0);
        let turn = Wish { v_mps: 0.0, turn: -0.5, curve: false };
        let instead = |v_max_mps| Some(Instead { by_rad: -1.0, v_max_mps });
        assert_eq!(past_within(&abeam, turn, instead(0.05)).unwrap().wish, on(0.05, 0.0));
        assert_eq!(past_within(&abeam, turn, instead(0.0)), None);
        // Somebody closes in: it does not begin to turn, and does not drive into his way either.
        assert_eq!(past_within(&abeam, Wish::default(), instead(1.0)), None);
    }

    #[test]
    fn who_is_left_behind_or_walks_or_is_far_changes_nothing() {
        assert_eq!(past(&beside(-0.6, -0.15, 0.0), on(0.4, 0.0), None), None, "left behind");
        assert!(past(&beside(-0.6, -0.15, 0.0), on(-0.2, 0.0), None).is_none(), "nothing else helps");
        assert_eq!(past(&beside(0.0, 0.15, 0.5), on(0.4, 0.0), None), None, "walks");
        assert_eq!(past(&beside(0.0, 0.8, 0.0), on(0.4, 0.0), None), None, "far");
        assert_eq!(past(&beside(0.0, 0.15, 0.0), Wish::default(), None), None, "the robot stays");
    }
}
