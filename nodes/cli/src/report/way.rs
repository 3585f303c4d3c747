//! Where the robot was: truth where there is any, else what the world model believed, else odometry.

use super::recording::Recording;
use outrider_foundation::geometry::wrap_angle;
use outrider_foundation::{Point2, Pose2, Twist2};

/// The robot at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sample {
    /// Time since the start of the bag.
    pub t_s: f64,
    /// Pose in [`Way::frame`].
    pub pose: Pose2,
    /// Velocity.
    pub twist: Twist2,
}

/// The robot's way through the run.
#[derive(Clone, Debug, Default)]
pub struct Way {
    /// `truth`, `world_model`, `odometry` or `none`.
    pub basis: &'static str,
    /// Frame of the poses.
    pub frame: String,
    /// By time.
    pub samples: Vec<Sample>,
    /// Positions for the distance: continuous, without the jumps of a localiser.
    pub legs: Vec<Vec<Point2>>,
}

impl Way {
    /// The best that the recording has.
    pub fn of(recording: &Recording) -> Self {
        if !recording.truth.is_empty() {
            let samples: Vec<_> =
                recording.truth.iter().map(|t| Sample { t_s: t.t_s, pose: t.pose, twist: t.twist }).collect();
            let legs = vec![samples.iter().map(|s| s.pose.position()).collect()];
            return Self { basis: "truth", frame: "map".into(), samples, legs };
        }
        if !recording.beliefs.is_empty() {
            let localised = recording.beliefs.iter().any(|b| b.frame == "map");
            let frame = if localised { "map" } else { "odom" };
            let of_frame = recording.beliefs.iter().filter(|b| !localised || b.frame == "map");
            let samples = of_frame.map(|b| Sample { t_s: b.t_s, pose: b.pose, twist: b.twist }).collect();
            let legs = vec![recording.beliefs.iter().map(|b| b.odom.position()).collect()];
            return Self { basis: "world_model", frame: frame.into(), samples, legs };
        }
        if recording.odometry.is_empty() {
            return Self { basis: "none", ..Self::default() };
        }
        let odometry = recording.odometry.iter().filter(|(_, pose, _)| pose.is_finite());
        let mut samples: Vec<_> =
            odometry.map(|(t_s, pose, twist)| Sample { t_s: *t_s, pose: *pose, twist: *twist }).collect();
        derive_missing_speeds(&mut samples);
        let legs = vec![samples.iter().map(|s| s.pose.position()).collect()];
        Self { basis: "odometry", frame: "odom".into(), samples, legs }
    }

    /// The last sample at or before `t_s`, else the first.
    pub fn at(&self, t_s: f64) -> Option<&Sample> {
        let after = self.samples.partition_point(|s| s.t_s <= t_s);
        self.samples.get(after.saturating_sub(1))
    }
}

/// Some odometry tells poses only: its speeds, all zero, are those from pose to pose instead.
fn derive_missing_speeds(samples: &mut [Sample]) {
    if samples.iter().any(|s| s.twist != Twist2::ZERO) {
        return;
    }
    let Some(mut from) = samples.first().copied() else { return };
    let mut twist = Twist2::ZERO;
    for sample in samples {
        let dt_s = sample.t_s - from.t_s;
        // Over a shorter time the noise of poses and times would be all there is.
        if dt_s >= DERIVE_S {
            let turn = wrap_angle(sample.pose.yaw_rad - from.pose.yaw_rad);
            twist = Twist2::new(from.pose.position().distance_m(sample.pose.position()) / dt_s, turn / dt_s);
            from = *sample;
        }
        sample.twist = twist;
    }
}

/// Speeds are derived from poses this far apart.
const DERIVE_S: f64 = 0.4;

/// Slower than this is standing still.
pub const STILL_MPS: f64 = 0.02;
/// Turning slower than this is standing still.
pub const STILL_RADPS: f64 = 0.05;

impl Sample {
    /// Neither drives nor turns.
    pub fn is_still(&self) -> bool {
        self.twist.v_mps.abs() < STILL_MPS && self.twist.w_radps.abs() < STILL_RADPS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odometry_without_speeds_gets_them_from_its_poses() {
        let pose = |x: f64| Pose2::new(x, 0.0, 0.0);
        let still = |x: f64, t: f64| (t, pose(x), Twist2::ZERO);
        let recording = Recording {
            odometry: vec![still(0.0, 0.0), still(0.5, 0.5), still(0.5, 1.0)],
            ..Default::default()
        };
        let twists: Vec<Twist2> = Way::of(&recording).samples.iter().map(|s| s.twist).collect();
        assert_eq!(twists, [Twist2::ZERO, Twist2::new(1.0, 0.0), Twist2::ZERO]);
    }
}
