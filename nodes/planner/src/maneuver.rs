//! Short moves without a path: straight on, back, and turns on the spot, as recoveries make them.
//!
//! A maneuver only wishes: whether the robot may, the guard decides as it does for every other wish.

use crate::safety::Wish;
use outrider_foundation::geometry::wrap_angle;
use outrider_foundation::{Pose2, Twist2};

/// Nearer to its end than this a maneuver is over, m and rad.
const DONE: f64 = 0.01;
/// The last bit is done no slower than this, m/s and rad/s.
const LEAST_RATE: f64 = 0.04;

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Maneuver {
    /// So far straight on; backwards when the way is negative.
    Straight {
        /// The way, m.
        way_m: f64,
        /// Greatest speed, m/s; positive.
        speed_mps: f64,
    },
    /// So far to the left; to the right when the angle is negative. More than a full turn is allowed.
    Spin {
        /// The angle, rad.
        by_rad: f64,
        /// Greatest rate, rad/s; positive.
        rate_radps: f64,
    },
}

/// More between two looks is nothing that a robot has driven.
const LEAP_M: f64 = 0.5;
const LEAP_RAD: f64 = 0.5;

/// A maneuver under way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UnderWay {
    what: Maneuver,
    from: Pose2,
    /// Where it was at the last look, and how far the robot has turned until then.
    last: Pose2,
    turned_rad: f64,
}

impl UnderWay {
    /// Begins at `pose`.
    pub const fn new(what: Maneuver, pose: Pose2) -> Self {
        Self { what, from: pose, last: pose, turned_rad: 0.0 }
    }

    /// What is left at `pose`, in the maneuver's direction, m or rad. Where odometry has leapt, its origin was reset: that is no way.
    pub fn left(&mut self, pose: Pose2) -> f64 {
        let turn_rad = wrap_angle(pose.yaw_rad - self.last.yaw_rad);
        if turn_rad.abs() > LEAP_RAD || pose.position().distance_m(self.last.position()) > LEAP_M {
            self.from = pose.then(self.last.inverse().then(self.from));
        } else {
            self.turned_rad += turn_rad;
        }
        self.last = pose;
        match self.what {
            Maneuver::Straight { way_m, .. } => {
                let (sin, cos) = (libm::sin(self.from.yaw_rad), libm::cos(self.from.yaw_rad));
                let along_m = (pose.x_m - self.from.x_m) * cos + (pose.y_m - self.from.y_m) * sin;
                way_m.abs() - along_m * way_m.signum()
            }
            Maneuver::Spin { by_rad, .. } => by_rad.abs() - self.turned_rad * by_rad.signum(),
        }
    }

    /// It is over: at its end, or as near as it gets without a new start.
    pub fn is_over(left: f64) -> bool {
        left <= DONE
    }

    /// The speed for what is left, with comfortable slowing down.
    pub fn wish(&self, left: f64, decel_mps2: f64, alpha_radps2: f64) -> Wish {
        let rate = |most: f64, slowing: f64| {
            (2.0 * slowing * left.max(0.0)).sqrt().clamp(LEAST_RATE.min(most), most)
        };
        match self.what {
            Maneuver::Straight { way_m, speed_mps } => {
                let v_mps = rate(speed_mps, decel_mps2).copysign(way_m);
                Wish { v_mps, turn: 0.0, curve: true }
            }
            Maneuver::Spin { by_rad, rate_radps } => {
                let turn = rate(rate_radps, alpha_radps2).copysign(by_rad);
                Wish { v_mps: 0.0, turn, curve: false }
            }
        }
    }

    /// In a few words.
    pub fn reason(&self, left: f64) -> String {
        match self.what {
            Maneuver::Straight { way_m, .. } if way_m < 0.0 => format!("backing up: {left:.2} m"),
            Maneuver::Straight { .. } => format!("straight on: {left:.2} m"),
            Maneuver::Spin { .. } => format!("turning on the spot: {left:.2} rad"),
        }
    }

    /// Within the limits in force.
    pub fn limited(wish: Wish, most: Twist2) -> Wish {
        let turn = if wish.curve { wish.turn } else { wish.turn.clamp(-most.w_radps, most.w_radps) };
        Wish { v_mps: wish.v_mps.clamp(-most.v_mps, most.v_mps), turn, ..wish }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_back_counts_along_the_heading_it_began_with() {
        let mut move_back =
            UnderWay::new(Maneuver::Straight { way_m: -0.3, speed_mps: 0.1 }, Pose2::new(1.0, 1.0, 1.57));
        assert!((move_back.left(Pose2::new(1.2, 0.9, 1.4)) - 0.2).abs() < 1e-3);
        let wish = move_back.wish(0.2, 0.5, 1.0);
        assert_eq!((wish.v_mps, wish.turn), (-0.1, 0.0));
        assert!(UnderWay::is_over(move_back.left(Pose2::new(1.0, 0.7, 1.57))));
    }

    #[test]
    fn another_origin_of_the_odometry_is_no_way() {
        let mut move_back =
            UnderWay::new(Maneuver::Straight { way_m: -0.3, speed_mps: 0.1 }, Pose2::new(-20.0, 1.0, 0.0));
        assert!((move_back.left(Pose2::new(-20.1, 1.0, 0.0)) - 0.2).abs() < 1e-9);
        assert!((move_back.left(Pose2::new(0.0, 0.0, 1.57)) - 0.2).abs() < 1e-9);
        assert!((move_back.left(Pose2::new(0.0, -0.05, 1.57)) - 0.15).abs() < 1e-3);
        let mut spin = UnderWay::new(Maneuver::Spin { by_rad: 2.0, rate_radps: 0.8 }, Pose2::IDENTITY);
        assert!((spin.left(Pose2::new(0.0, 0.0, 0.3)) - 1.7).abs() < 1e-9);
        assert!((spin.left(Pose2::new(0.0, 0.0, -2.0)) - 1.7).abs() < 1e-9);
    }

    #[test]
    fn a_turn_may_be_more_than_a_full_one() {
        let mut spin = UnderWay::new(Maneuver::Spin { by_rad: -7.0, rate_radps: 0.8 }, Pose2::IDENTITY);
        let mut left = 7.0;
        for step in 1..=70 {
            left = spin.left(Pose2::new(0.0, 0.0, wrap_angle(-0.1 * f64::from(step))));
        }
        assert!(left.abs() < 1e-6 && UnderWay::is_over(left), "{left}");
        let limited = UnderWay::limited(spin.wish(3.0, 0.5, 1.0), Twist2::new(0.5, 0.3));
        assert_eq!((limited.v_mps, limited.turn), (0.0, -0.3));
    }
}
