//! The braking tail: from the present velocity through one reaction time of a command down to a standstill.

use outrider_foundation::data::{TRAJECTORY_LIMIT, TrajectoryPoint};
use outrider_foundation::robot::DriveLimits;
use outrider_foundation::{Pose2, Twist2};

/// Farthest from one point of a tail to the next, m.
pub const SPACING_M: f64 = 0.05;
/// And the greatest turn, rad.
pub const TURN_RAD: f64 = 0.1;
/// And the longest time, s.
const SPACING_S: f64 = 0.1;
/// A change that takes less time is at once, s: on the wire times have nanoseconds, and have to increase.
const AT_ONCE_S: f64 = 1e-6;

/// What is relied upon when the robot brakes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BrakeModel {
    /// The present velocity goes on for this long before anything changes, s.
    pub delay_s: f64,
    /// The command is held until this long after now, s.
    pub reaction_s: f64,
    /// Acceleration towards the command, m/s².
    pub accel_mps2: f64,
    /// Braking deceleration, m/s².
    pub brake_mps2: f64,
    /// Angular acceleration, rad/s².
    pub alpha_radps2: f64,
}

impl BrakeModel {
    /// From the robot's limits; `share` of its brakes is relied upon.
    pub fn new(limits: &DriveLimits, reaction_s: f64, share: f64) -> Self {
        Self {
            delay_s: limits.actuator_delay_s,
            reaction_s,
            accel_mps2: limits.accel_mps2,
            brake_mps2: limits.brake_mps2 * share,
            alpha_radps2: limits.alpha_radps2 * share,
        }
    }
}

/// Writes the tail of `command` given at velocity `present`: the first point at t = 0 with the present velocity, the
/// last one at a standstill, neighbours at most [`SPACING_M`] and [`TURN_RAD`] apart. `braking` says that the command
/// is part of a stop: braking then begins after the delay. While braking the curvature stays.
/// False when it takes more than [`TRAJECTORY_LIMIT`] points; the tail is of no use then.
pub fn braking_tail(
    present: Twist2,
    command: Twist2,
    braking: bool,
    model: &BrakeModel,
    tail: &mut Vec<TrajectoryPoint>,
) -> bool {
    tail.clear();
    tail.push(TrajectoryPoint { t_s: 0.0, pose: Pose2::IDENTITY, twist: present });
    let delay_s = model.delay_s.min(model.reaction_s);
    let mut fits = ramp(tail, present, delay_s);
    if !braking {
        let rest_s = model.reaction_s - delay_s;
        let slew_s = slew_time(present, command, model).min(rest_s);
        fits = fits && ramp(tail, towards(present, command, slew_s, model), slew_s);
        let reached = tail.last().map_or(command, |p| p.twist);
        fits = fits && ramp(tail, reached, rest_s - slew_s);
    }
    let twist = tail.last().map_or(present, |p| p.twist);
    let stop_s = (twist.v_mps.abs() / model.brake_mps2).max(twist.w_radps.abs() / model.alpha_radps2);
    fits = fits && ramp(tail, Twist2::ZERO, stop_s);
    if let Some(last) = tail.last_mut() {
        last.twist = Twist2::ZERO;
    }
    fits
}

/// How long it takes to get from one velocity to another.
fn slew_time(from: Twist2, to: Twist2, model: &BrakeModel) -> f64 {
    let rate = if to.v_mps.abs() > from.v_mps.abs() { model.accel_mps2 } else { model.brake_mps2 };
    let straight_s = (to.v_mps - from.v_mps).abs() / rate;
    straight_s.max((to.w_radps - from.w_radps).abs() / model.alpha_radps2)
}

/// The velocity after `dt_s` on the way from one to another, at the rates of [`slew_time`], both arriving together.
fn towards(from: Twist2, to: Twist2, dt_s: f64, model: &BrakeModel) -> Twist2 {
    let whole_s = slew_time(from, to, model);
    let share = if whole_s > 0.0 { (dt_s / whole_s).min(1.0) } else { 1.0 };
    Twist2::new(
        from.v_mps + share * (to.v_mps - from.v_mps),
        from.w_radps + share * (to.w_radps - from.w_radps),
    )
}

/// Appends points for a linear change of velocity to `to` within `duration_s`. False when there is no room.
fn ramp(tail: &mut Vec<TrajectoryPoint>, to: Twist2, duration_s: f64) -> bool {
    let Some(start) = tail.last().copied() else { return false };
    if duration_s.is_nan() || duration_s < AT_ONCE_S {
        if let Some(last) = tail.last_mut() {
            last.twist = to;
        }
        return true;
    }
    let from = start.twist;
    let fastest = from.v_mps.abs().max(to.v_mps.abs());
    let quickest = from.w_radps.abs().max(to.w_radps.abs());
    // Spacing by the fastest part: a little finer than needed towards the end.
    let parts =
        (fastest * duration_s / SPACING_M).max(quickest * duration_s / TURN_RAD).max(duration_s / SPACING_S);
    let count = parts.ceil().clamp(1.0, 1e6) as usize;
    if tail.len() + count > TRAJECTORY_LIMIT {
        return false;
    }
    let dt_s = duration_s / count as f64;
    let at = |share: f64| {
        Twist2::new(
            from.v_mps + share * (to.v_mps - from.v_mps),
            from.w_radps + share * (to.w_radps - from.w_radps),
        )
    };
    let mut pose = start.pose;
    for i in 1..=count {
        let share = i as f64 / count as f64;
        // The velocity in the middle of a linear change gives its mean.
        pose = pose.advance(at(share - 0.5 / count as f64), dt_s);
        tail.push(TrajectoryPoint { t_s: start.t_s + dt_s * i as f64, pose, twist: at(share) });
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MODEL: BrakeModel =
        BrakeModel { delay_s: 0.05, reaction_s: 0.3, accel_mps2: 1.0, brake_mps2: 1.0, alpha_radps2: 2.4 };

    #[test]
    fn a_straight_tail_has_the_length_of_the_formula() {
        let (mut tail, v) = (Vec::new(), 0.8);
        assert!(braking_tail(Twist2::new(v, 0.0), Twist2::new(v, 0.0), false, &MODEL, &mut tail));
        let end = tail.last().unwrap();
        assert!((end.pose.x_m - (v * 0.3 + v * v / 2.0)).abs() < 1e-9, "{}", end.pose.x_m);
        assert!((end.t_s - (0.3 + 0.8)).abs() < 1e-9);
        assert!(braking_tail(Twist2::new(v, 0.0), Twist2::new(0.77, 0.0), true, &MODEL, &mut tail));
        assert!((tail.last().unwrap().pose.x_m - (v * 0.05 + v * v / 2.0)).abs() < 1e-9);
    }

    #[test]
    fn times_increase_by_more_than_the_wire_resolves_however_little_there_is_to_change() {
        let mut tail = Vec::new();
        for little in [0.0, 1e-12, 1e-9, 1e-7, 3e-6] {
            for (present, command) in
                [(little, 0.0), (0.0, little), (0.3, 0.3 + little), (0.05 - little, 0.3)]
            {
                for braking in [false, true] {
                    let (present, command) = (Twist2::new(present, 0.0), Twist2::new(command, -little));
                    assert!(braking_tail(present, command, braking, &MODEL, &mut tail));
                    let least_s = tail.windows(2).map(|pair| pair[1].t_s - pair[0].t_s).fold(1.0, f64::min);
                    assert!(least_s > 2e-9, "{little}: {present:?} {command:?} {braking}: {least_s}");
                    assert_eq!(tail.last().unwrap().twist, Twist2::ZERO);
                }
            }
        }
    }

    #[test]
    fn a_tail_that_is_too_long_is_refused() {
        let mut tail = Vec::new();
        let fast = Twist2::new(30.0, 0.0);
        assert!(!braking_tail(fast, fast, false, &MODEL, &mut tail));
    }

    proptest! {
        #[test]
        fn tails_are_sound(v0 in -0.3..1.2f64, w0 in -1.2..1.2f64, v in -0.3..1.2f64, w in -1.2..1.2f64, braking: bool) {
            let (mut tail, present) = (Vec::new(), Twist2::new(v0, w0));
            prop_assert!(braking_tail(present, Twist2::new(v, w), braking, &MODEL, &mut tail));
            prop_assert_eq!((tail[0].t_s, tail[0].twist, tail[0].pose), (0.0, present, Pose2::IDENTITY));
            prop_assert_eq!(tail.last().unwrap().twist, Twist2::ZERO);
            prop_assert!(tail.len() >= 2 && tail.len() <= TRAJECTORY_LIMIT);
            for pair in tail.windows(2) {
                let (a, b) = (pair[0], pair[1]);
                let dt = b.t_s - a.t_s;
                prop_assert!(dt > 0.0);
                prop_assert!(a.pose.position().distance_m(b.pose.position()) <= SPACING_M + 1e-9);
                let turn = outrider_foundation::geometry::wrap_angle(b.pose.yaw_rad - a.pose.yaw_rad);
                prop_assert!(turn.abs() <= TURN_RAD + 1e-9);
                // Never relies on more than the brakes give.
                prop_assert!(a.twist.v_mps.abs() - b.twist.v_mps.abs() <= MODEL.brake_mps2 * dt + 1e-9);
                prop_assert!((a.twist.w_radps - b.twist.w_radps).abs() <= MODEL.alpha_radps2 * dt + 1e-9);
            }
        }
    }
}
