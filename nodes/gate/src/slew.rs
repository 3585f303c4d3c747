//! How fast the published velocity may change.

use outrider_foundation::{Span, Twist2};

/// Greatest changes of the velocity.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rates {
    /// Away from standstill, m/s².
    pub accel_mps2: f64,
    /// Towards standstill, m/s².
    pub decel_mps2: f64,
    /// Of the turn rate, rad/s².
    pub alpha_radps2: f64,
}

/// One step from `from` towards `target`: `elapsed` since the last one, of which `gaining` counts for anything but braking.
pub(crate) fn towards(from: Twist2, target: Twist2, rates: Rates, gaining: Span, elapsed: Span) -> Twist2 {
    let (gaining_s, braking_s) = (gaining.as_s(), elapsed.as_s());
    // A stop keeps the curvature, so that the path is the one whose clearance was judged.
    if target.v_mps.abs() + target.w_radps.abs() <= 0.0 {
        return ramp_down(from, rates.decel_mps2, rates.alpha_radps2, braking_s);
    }
    let turn = rates.alpha_radps2 * gaining_s;
    Twist2 {
        v_mps: towards_speed(from.v_mps, target.v_mps, rates, gaining_s, braking_s),
        w_radps: from.w_radps + (target.w_radps - from.w_radps).clamp(-turn, turn),
    }
}

fn towards_speed(from: f64, target: f64, rates: Rates, gaining_s: f64, braking_s: f64) -> f64 {
    if from * target < 0.0 {
        // Through standstill first: a change of direction is braking, then accelerating in a later period.
        let left = from.abs() - rates.decel_mps2 * braking_s;
        return left.max(0.0) * from.signum();
    }
    let most =
        if target.abs() > from.abs() { rates.accel_mps2 * gaining_s } else { rates.decel_mps2 * braking_s };
    from + (target - from).clamp(-most, most)
}

/// One step down the stop ramp: speed and turn rate shrink by the same factor, as fast as both limits allow.
pub(crate) fn ramp_down(from: Twist2, decel_mps2: f64, alpha_radps2: f64, dt_s: f64) -> Twist2 {
    let time_to_stop_s = (from.v_mps.abs() / decel_mps2).max(from.w_radps.abs() / alpha_radps2);
    if time_to_stop_s > dt_s {
        let keep = 1.0 - dt_s / time_to_stop_s;
        Twist2 { v_mps: from.v_mps * keep, w_radps: from.w_radps * keep }
    } else {
        Twist2::ZERO
    }
}
