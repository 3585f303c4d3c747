//! Where the robot is in the map after the odometry or the clock has begun anew.

use super::WorldModelNode;
use nalgebra::Matrix3;
use outrider_foundation::data::Odometry;
use outrider_foundation::{Instant, Now, Pose2, Stamp};

/// What the pose in the map may have moved while the odometry's origin was reset: standard deviations in m and rad.
const RESET_SIGMA_M: f64 = 0.3;
const RESET_SIGMA_RAD: f64 = 0.2;

/// Of longer silences no more is known, s.
const SILENCE_LIMIT_S: f64 = 60.0;

/// What is kept over a step back of the clock until odometry is heard again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kept {
    in_map: (Pose2, Matrix3<f64>),
    odom_from_base: Pose2,
    /// How old the odometry was when the clock was read for the last time before the step, in s.
    age_s: f64,
    /// When that was.
    read: Instant,
}

impl WorldModelNode {
    /// Forgets what the ROS clock gave a meaning; where own matching had the robot is kept, for the robot has not moved.
    pub(super) fn forget_clock(&mut self, last: Now) {
        if let Some(kept) = self.to_keep(last) {
            // It is still lost if it was.
            self.localisation.forget_anchor();
            self.kept = Some(kept);
        } else if self.kept.is_none() {
            self.localisation.clear();
        }
        self.ego.clear();
        self.transforms.reset_clock();
        self.matched_at = None;
    }

    fn to_keep(&self, last: Now) -> Option<Kept> {
        let sample = self.ego.sample_clamped(self.ego.newest_odometry()?).ok()?;
        let in_map = self.localisation.carried(&sample.reckoned)?;
        let age_s = self.sources.odometry.age_s(last);
        Some(Kept { in_map, odom_from_base: sample.odom_from_base, age_s, read: last.mono })
    }

    /// The first odometry after a step back of the clock, which has been taken: own matching goes on from where it was, less
    /// certain. Where the odometry has leapt back to where it was when own matching began at the configured pose, a simulation
    /// has been reset, and the robot is there again.
    pub(super) fn go_on_after_clock_step(&mut self, received: Instant, odometry: &Odometry) {
        let Some(kept) = self.kept.take() else { return };
        let silent_s = kept.age_s + received.since(kept.read).as_s().max(0.0);
        let here = odometry.odom_from_base;
        // However long it took: a pause before the reset makes none of it a way that was driven.
        let back = self.ego.leaps(kept.odom_from_base, here, 0.0)
            && self.begun_at.is_some_and(|start| !self.ego.leaps(start, here, 0.0));
        let initial = self.config.ego.matching.initial_pose.filter(|_| back);
        match (initial, self.ego.sample_clamped(odometry.stamp)) {
            (Some(initial), Ok(sample)) => self.localisation.begin_back_at(&initial, sample.reckoned),
            _ => self.begin_again(odometry.stamp, Some(kept.in_map), silent_s),
        }
    }

    /// Where own matching has the robot in the map, before odometry of `stamp` is taken.
    pub(super) fn carried_in_map(&self, stamp: Stamp) -> Option<(Pose2, Matrix3<f64>)> {
        if !self.localisation.has_anchor() {
            return None;
        }
        self.localisation.carried(&self.ego.sample_clamped(stamp).ok()?.reckoned)
    }

    /// The origin of the odometry was reset after a silence: own matching goes on from where it was, less certain by what the
    /// robot can have moved meanwhile.
    pub(super) fn begin_again(&mut self, stamp: Stamp, before: Option<(Pose2, Matrix3<f64>)>, silent_s: f64) {
        let (Some((pose, mut covariance)), Ok(sample)) = (before, self.ego.sample_clamped(stamp)) else {
            return;
        };
        let limits = &self.robot.limits;
        let silent_s = silent_s.min(SILENCE_LIMIT_S);
        let sigma_m = RESET_SIGMA_M + limits.speed_max_mps() * silent_s;
        let sigma_rad = (RESET_SIGMA_RAD + limits.w_max_radps * silent_s).min(std::f64::consts::PI);
        covariance[(0, 0)] += sigma_m * sigma_m;
        covariance[(1, 1)] += sigma_m * sigma_m;
        covariance[(2, 2)] += sigma_rad * sigma_rad;
        self.localisation.begin_again(pose, covariance, sample.reckoned);
    }
}
