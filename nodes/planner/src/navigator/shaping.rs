//! The jerk-limited way from one command to the next, whichever controller asks for it. Stops do not go this way: what the
//! guard forbids, and standing still for a reason, is a ramp at once.

use crate::follow::{Axis, Profile};
use crate::safety::Wish;
use outrider_foundation::Twist2;
use outrider_foundation::robot::DriveLimits;

/// A velocity this near to the last one that was driven continues its acceleration, m/s or rad/s.
const SAME: f64 = 1e-6;
/// On the way to zero less than this is zero, m/s or rad/s: who stands by the odometry is not still commanded to move.
const STILL: f64 = 0.003;
/// Within less time than this nothing changes, s.
const LEAST_S: f64 = 1e-4;

/// Remembers how the commands change.
#[derive(Clone, Debug)]
pub struct Shaping {
    axes: [Axis; 2],
    /// As driven last.
    driven: [Profile; 2],
    /// Greatest turn rate.
    w_max_radps: f64,
}

impl Shaping {
    /// Within a robot's limits. The turn rate's acceleration takes as long to build up as that of the speed.
    pub fn new(limits: &DriveLimits) -> Self {
        let jerk_radps3 = limits.alpha_radps2 * limits.jerk_mps3 / limits.accel_mps2;
        Self {
            axes: [
                Axis { accel: limits.accel_mps2, decel: limits.decel_mps2, jerk: limits.jerk_mps3 },
                Axis { accel: limits.alpha_radps2, decel: limits.alpha_radps2, jerk: jerk_radps3 },
            ],
            driven: [Profile::default(); 2],
            w_max_radps: limits.w_max_radps,
        }
    }

    /// The velocity after `dt_s` on the way to a wish. A curve keeps its curvature at the speed that there is.
    pub fn towards(&self, wish: Wish, last: Twist2, dt_s: f64) -> Wish {
        let ([axis_v, axis_w], [v, w]) = (&self.axes, &self.driven);
        let v_mps = next(axis_v, v, last.v_mps, wish.v_mps, dt_s);
        let turn = if wish.curve { v_mps * wish.turn } else { wish.turn };
        let turn = turn.clamp(-self.w_max_radps, self.w_max_radps);
        Wish { v_mps, turn: next(axis_w, w, last.w_radps, turn, dt_s), curve: false }
    }

    /// Notes what is driven now, `dt_s` after `last`. What the guard forced is over as soon as it is not asked for any more:
    /// a robot that has braked for somebody does not go on braking when he is gone.
    pub fn note(&mut self, last: Twist2, now: Twist2, dt_s: f64, forced: bool) {
        let [v, w] = &mut self.driven;
        for (profile, last, now) in [(v, last.v_mps, now.v_mps), (w, last.w_radps, now.w_radps)] {
            if forced {
                profile.acceleration = 0.0;
            } else if dt_s > LEAST_S {
                profile.acceleration = (now - last) / dt_s;
            }
            profile.velocity = now;
        }
    }
}

fn next(axis: &Axis, driven: &Profile, from: f64, to: f64, dt_s: f64) -> f64 {
    let goes_on = (driven.velocity - from).abs() <= SAME;
    let acceleration = if goes_on { driven.acceleration } else { 0.0 };
    let velocity = Profile { velocity: from, acceleration }.towards(to, dt_s, axis).velocity;
    // The last bit of a stop is none: whoever stands commands zero.
    if to.abs() <= 0.0 && velocity.abs() < STILL { 0.0 } else { velocity }
}
