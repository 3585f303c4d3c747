//! Turning on the spot where there is little room: which way round, or whether to make room first.

use crate::safety::Guard;
use outrider_foundation::geometry::wrap_angle;
use outrider_foundation::grid::CostGrid;
use outrider_foundation::{Pose2, Twist2};
use std::f64::consts::PI;

/// Poses of a sweep are this far apart, rad.
const SWEEP_STEP_RAD: f64 = 0.1;
/// Room is looked for this far ahead and behind, in steps of [`WAY_STEP_M`].
const WAY_STEPS: u32 = 12;
/// See [`WAY_STEPS`], m.
const WAY_STEP_M: f64 = 0.05;
/// Along these curvatures, 1/m; the first one that helps soonest is taken.
const CURVATURES: [f64; 5] = [0.0, 1.0, -1.0, 2.0, -2.0];
/// A sweep keeps this in addition to the margin, so that it does not end at the margin's edge, m.
const SLACK_M: f64 = 0.01;

/// How to get to a heading.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Turning {
    /// On the spot, by this angle: the short way round or the long one.
    Spin {
        /// Signed, up to 2π.
        by_rad: f64,
    },
    /// There is no room here, but there is farther on (positive) or back (negative).
    MakeRoom {
        /// Signed distance.
        way_m: f64,
        /// Curvature of the way there, 1/m.
        curvature: f64,
    },
}

/// How to turn by `error_rad` at `pose`. With `may_move` room is looked for ahead and (with `may_reverse`) behind.
/// When nothing helps it is the short way round, which the guard will refuse.
pub fn turning(
    guard: &Guard,
    grid: &CostGrid,
    pose: Pose2,
    error_rad: f64,
    may_move: bool,
    may_reverse: bool,
) -> Turning {
    let short = Turning::Spin { by_rad: error_rad };
    let spin = |pose: Pose2, error_rad: f64| {
        let long_rad = error_rad - (2.0 * PI).copysign(error_rad);
        [error_rad, long_rad].into_iter().find(|by_rad| sweep_is_free(guard, grid, pose, *by_rad))
    };
    if let Some(by_rad) = spin(pose, error_rad) {
        return Turning::Spin { by_rad };
    }
    if !may_move {
        return short;
    }
    // Leaving a place that is too narrow already: it only has to become no narrower.
    let enough_m = guard.margin_m().min(guard.clearance_m(grid, pose));
    let mut open = [[true; CURVATURES.len()], [may_reverse; CURVATURES.len()]];
    for i in 1..=WAY_STEPS {
        let way_m = f64::from(i) * WAY_STEP_M;
        for (sign, open) in [1.0, -1.0].into_iter().zip(&mut open) {
            for (curvature, open) in CURVATURES.into_iter().zip(open) {
                let there = pose.advance(Twist2::new(sign, sign * curvature), way_m);
                *open = *open && guard.clearance_m(grid, there) >= enough_m;
                // Having driven a curve, less is left to turn.
                let left_rad = error_rad - sign * curvature * way_m;
                if *open && spin(there, left_rad).is_some() {
                    return Turning::MakeRoom { way_m: sign * way_m, curvature };
                }
            }
        }
    }
    short
}

fn sweep_is_free(guard: &Guard, grid: &CostGrid, pose: Pose2, by_rad: f64) -> bool {
    let steps = (by_rad.abs() / SWEEP_STEP_RAD).ceil().clamp(1.0, 64.0) as u32;
    let needed_m = guard.margin_m() + SLACK_M;
    (1..=steps).all(|i| {
        let yaw_rad = wrap_angle(pose.yaw_rad + by_rad * f64::from(i) / f64::from(steps));
        guard.clearance_m(grid, Pose2 { yaw_rad, ..pose }) >= needed_m
    })
}
