//! How the robot moves on: what it does during the reaction time, and how it brakes.
//!
//! The same rules as in the gate, reckoned independently: what is judged here is what the gate will do.

use crate::rigid::Rigid;
use outrider_foundation::geometry::wrap_angle;
use outrider_foundation::robot::DriveLimits;
use outrider_foundation::{Pose2, Twist2};

/// Step of the reckoning, s.
const STEP_S: f64 = 0.02;
/// Steps of one reckoning: 20 s. A motion that has not ended then cannot be judged.
const STEP_LIMIT: usize = 1000;
/// A pose is kept when the robot has moved or turned this far since the last that was kept. The outline sweeps over
/// what lies between: its corners leave chords whose height is far below a millimetre.
const KEEP_M: f64 = 0.03;
const KEEP_RAD: f64 = 0.06;

/// Room for as many poses is made at once: most motions have fewer.
const POSES: usize = 64;

/// One pose of a motion.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct MotionPoint {
    /// Time from the start.
    pub t_s: f64,
    /// `base_from_future_base`.
    pub pose: Pose2,
    /// The same.
    pub base_from_future: Rigid,
    /// Velocity there.
    pub twist: Twist2,
}

impl MotionPoint {
    /// At rest where the motion begins.
    pub const START: Self =
        Self { t_s: 0.0, pose: Pose2::IDENTITY, base_from_future: Rigid::IDENTITY, twist: Twist2::ZERO };

    pub fn new(t_s: f64, pose: Pose2, twist: Twist2) -> Self {
        Self { t_s, pose, base_from_future: Rigid::new(pose), twist }
    }
}

/// A velocity that is aimed at for a time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Phase {
    pub target: Twist2,
    pub duration_s: f64,
}

/// The motion from `start` through `phases` and then down to standstill, begun at the identity pose, with the last pose
/// included. `None` when it does not end, or a number is not finite.
pub(crate) fn reckon(start: Twist2, phases: &[Phase], limits: &DriveLimits) -> Option<Vec<MotionPoint>> {
    let mut at = MotionPoint { twist: start, ..MotionPoint::START };
    let mut motion = Vec::with_capacity(POSES);
    motion.push(at);
    let mut phases = phases.iter();
    let mut phase = phases.next().copied();
    let mut left_s = phase.map_or(0.0, |p| p.duration_s);
    let (mut moved_m, mut turned_rad) = (0.0_f64, 0.0_f64);
    for _ in 0..STEP_LIMIT {
        while phase.is_some() && left_s <= 0.0 {
            phase = phases.next().copied();
            left_s = phase.map_or(0.0, |p| p.duration_s);
        }
        let (target, dt_s) = match phase {
            Some(p) => (p.target, left_s.min(STEP_S)),
            None if is_zero(at.twist) => {
                if motion.last() != Some(&at) {
                    motion.push(at);
                }
                return at.pose.is_finite().then_some(motion);
            }
            None => (Twist2::ZERO, STEP_S),
        };
        left_s -= dt_s;
        let next = towards(at.twist, target, limits, dt_s);
        let mean = Twist2::new(0.5 * (at.twist.v_mps + next.v_mps), 0.5 * (at.twist.w_radps + next.w_radps));
        let base_from_future = at.base_from_future.then(&Rigid::arc(mean, dt_s));
        let pose = Pose2 {
            x_m: base_from_future.x_m,
            y_m: base_from_future.y_m,
            yaw_rad: wrap_angle(at.pose.yaw_rad + mean.w_radps * dt_s),
        };
        at = MotionPoint { t_s: at.t_s + dt_s, pose, base_from_future, twist: next };
        moved_m += mean.v_mps.abs() * dt_s;
        turned_rad += mean.w_radps.abs() * dt_s;
        if moved_m >= KEEP_M || turned_rad >= KEEP_RAD {
            motion.push(at);
            (moved_m, turned_rad) = (0.0, 0.0);
        }
    }
    None
}

/// One step towards a velocity, as the gate makes it: independent slews, and a stop along the same curve.
fn towards(from: Twist2, target: Twist2, limits: &DriveLimits, dt_s: f64) -> Twist2 {
    if is_zero(target) {
        return brake(from, limits, dt_s);
    }
    let turn = limits.alpha_radps2 * dt_s;
    let w_radps = from.w_radps + (target.w_radps - from.w_radps).clamp(-turn, turn);
    let v_mps = if from.v_mps * target.v_mps < 0.0 {
        (from.v_mps.abs() - limits.brake_mps2 * dt_s).max(0.0) * from.v_mps.signum()
    } else {
        let faster = target.v_mps.abs() > from.v_mps.abs();
        let step = dt_s * if faster { limits.accel_mps2 } else { limits.brake_mps2 };
        from.v_mps + (target.v_mps - from.v_mps).clamp(-step, step)
    };
    Twist2 { v_mps, w_radps }
}

/// One step of braking: speed and turn rate shrink by the same factor, so that the path stays on its curve.
fn brake(from: Twist2, limits: &DriveLimits, dt_s: f64) -> Twist2 {
    let stop_s = (from.v_mps.abs() / limits.brake_mps2).max(from.w_radps.abs() / limits.alpha_radps2);
    if stop_s > dt_s {
        let keep = 1.0 - dt_s / stop_s;
        Twist2::new(from.v_mps * keep, from.w_radps * keep)
    } else {
        Twist2::ZERO
    }
}

/// No motion at all is asked for.
pub(crate) fn is_zero(twist: Twist2) -> bool {
    twist.v_mps.abs() + twist.w_radps.abs() <= 0.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use outrider_foundation::robot::example;
    use proptest::prelude::*;

    proptest! {
        /// Against the closed form: v·T + v²/2b along the curve.
        #[test]
        fn a_held_speed_stops_where_the_formula_says(v in 0.05..1.0f64, hold in 0.0..0.5f64) {
            let limits = example::amr().limits;
            let twist = Twist2::new(v, 0.0);
            let motion = reckon(twist, &[Phase { target: twist, duration_s: hold }], &limits).unwrap();
            let expected = v * hold + v * v / (2.0 * limits.brake_mps2);
            let end = motion.last().unwrap();
            prop_assert!((end.pose.x_m - expected).abs() < 1e-3, "{} {expected}", end.pose.x_m);
            prop_assert!(is_zero(end.twist));
        }

        #[test]
        fn braking_stays_on_the_curve(v in -0.3..1.0f64, w in -1.2..1.2f64) {
            let limits = example::amr().limits;
            for p in reckon(Twist2::new(v, w), &[], &limits).unwrap() {
                prop_assert!((p.twist.v_mps * w - p.twist.w_radps * v).abs() < 1e-9);
            }
        }

        #[test]
        fn poses_are_kept_close_together(v in -0.3..1.0f64, w in -1.2..1.2f64, v2 in -0.3..1.0f64, w2 in -1.2..1.2f64) {
            let limits = example::amr().limits;
            let phases = [Phase { target: Twist2::new(v2, w2), duration_s: 0.3 }];
            let motion = reckon(Twist2::new(v, w), &phases, &limits).unwrap();
            for (a, b) in motion.iter().zip(motion.iter().skip(1)) {
                prop_assert!(a.pose.position().distance_m(b.pose.position()) < 0.06);
                prop_assert!(b.t_s > a.t_s);
            }
        }
    }

    #[test]
    fn numbers_that_are_none_give_no_motion() {
        let limits = example::amr().limits;
        assert!(reckon(Twist2::new(f64::NAN, 0.0), &[], &limits).is_none());
        assert!(reckon(Twist2::new(f64::INFINITY, 0.0), &[], &limits).is_none());
        let target = Twist2::new(f64::NAN, 0.0);
        assert!(reckon(Twist2::ZERO, &[Phase { target, duration_s: 0.1 }], &limits).is_none());
    }
}
