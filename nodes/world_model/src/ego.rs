//! Where the robot is, in `odom` and, when localised, in `map`, at any time that the history reaches.

use crate::config::EgoConfig;
use crate::error::WorldModelError;
use crate::history::{At, History, Unreached, interpolate};
use outrider_foundation::data::{EgoState, Odometry};
use outrider_foundation::grid::FrameId;
use outrider_foundation::{Pose2, Stamp, Twist2};

/// Variance of a pose of which nothing is known, in m² and rad²: finite, so that it can be reckoned with.
const UNKNOWN_VARIANCE: f64 = 1e6;

const ODOM_TO_BASE: &str = "odom to base_link";
const MAP_TO_ODOM: &str = "map to odom";

#[derive(Clone, Copy, Debug)]
struct Motion {
    odom_from_base: Pose2,
    covariance: [f64; 9],
    twist: Twist2,
    twist_variance: [f64; 2],
}

/// The robot's motion at one time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// Continuous pose.
    pub odom_from_base: Pose2,
    /// Covariance of x, y, yaw, grown with age.
    pub covariance: [f64; 9],
    /// Velocity in the base frame.
    pub twist: Twist2,
    /// How long after the newest odometry, in s.
    pub age_s: f64,
    /// What age alone has added to the variances of position (m²) and heading (rad²).
    grown: [f64; 2],
}

/// Histories of odometry and localisation.
#[derive(Clone, Debug)]
pub struct EgoEstimator {
    config: EgoConfig,
    speed_max_mps: f64,
    odometry: History<Motion>,
    map_from_odom: History<Pose2>,
}

impl EgoEstimator {
    /// Knows nothing yet.
    pub fn new(config: EgoConfig, speed_max_mps: f64) -> Self {
        Self { config, speed_max_mps, odometry: History::default(), map_from_odom: History::default() }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.odometry.clear();
        self.map_from_odom.clear();
    }

    /// Takes odometry. True when it leapt, that is, its origin was reset: the odometry before it is forgotten, and so
    /// is the localisation, which referred to that origin.
    pub fn push_odometry(&mut self, odometry: &Odometry) -> bool {
        let leapt = self.odometry.newest().is_some_and(|(stamp, last)| {
            let reach_m = self.speed_max_mps * odometry.stamp.since(stamp).as_s() + self.config.jump_m;
            let moved_m = last.odom_from_base.position().distance_m(odometry.odom_from_base.position());
            moved_m > reach_m
        });
        if leapt {
            self.clear();
        }
        let motion = Motion {
            odom_from_base: odometry.odom_from_base,
            covariance: odometry.pose_covariance,
            twist: odometry.twist,
            twist_variance: odometry.twist_variance,
        };
        self.odometry.push(odometry.stamp, motion);
        leapt
    }

    /// Takes the localiser's transform.
    pub fn push_localisation(&mut self, stamp: Stamp, map_from_odom: Pose2) {
        self.map_from_odom.push(stamp, map_from_odom);
    }

    /// Motion at a time: interpolated, or reckoned on by the twist for at most the configured time.
    ///
    /// # Errors
    /// When the history does not reach; names frame and time.
    pub fn sample(&self, at: Stamp) -> Result<Sample, WorldModelError> {
        let sample = self.sample_clamped(at)?;
        let limit_s = self.config.extrapolation_max_s;
        if sample.age_s > limit_s {
            let newest_s = self.odometry.newest().map_or(0.0, |(stamp, _)| stamp.as_s());
            return Err(WorldModelError::TooLate { frame: ODOM_TO_BASE, at_s: at.as_s(), newest_s, limit_s });
        }
        Ok(sample)
    }

    /// As [`Self::sample`], but later times keep the pose at the end of what may be reckoned on, with a covariance that
    /// goes on growing.
    ///
    /// # Errors
    /// When there is no odometry at all or `at` is before its history.
    pub fn sample_clamped(&self, at: Stamp) -> Result<Sample, WorldModelError> {
        Ok(match self.odometry.at(at).map_err(|e| unreached(e, ODOM_TO_BASE, at))? {
            At::Between(a, b, fraction) => {
                let mix = |from: f64, to: f64| from + fraction * (to - from);
                Sample {
                    odom_from_base: interpolate(a.odom_from_base, b.odom_from_base, fraction),
                    covariance: b.covariance,
                    twist: Twist2::new(
                        mix(a.twist.v_mps, b.twist.v_mps),
                        mix(a.twist.w_radps, b.twist.w_radps),
                    ),
                    age_s: 0.0,
                    grown: [0.0; 2],
                }
            }
            At::After(newest, age_s) => self.extrapolate(newest, age_s),
        })
    }

    fn extrapolate(&self, newest: &Motion, age_s: f64) -> Sample {
        let reckoned_s = age_s.min(self.config.extrapolation_max_s);
        let [v_variance, w_variance] = newest.twist_variance;
        let grown = [
            self.config.position_variance_rate_m2ps * age_s + v_variance * age_s * age_s,
            self.config.yaw_variance_rate_rad2ps * age_s + w_variance * age_s * age_s,
        ];
        Sample {
            odom_from_base: newest.odom_from_base.advance(newest.twist, reckoned_s),
            covariance: add_diagonal(newest.covariance, grown),
            twist: newest.twist,
            age_s,
            grown,
        }
    }

    /// The localiser's transform at a time, and how long after the newest that is in s; held between and after messages.
    ///
    /// # Errors
    /// When there is none, or `at` is before the first.
    pub fn map_from_odom(&self, at: Stamp) -> Result<(Pose2, f64), WorldModelError> {
        Ok(match self.map_from_odom.at(at).map_err(|e| unreached(e, MAP_TO_ODOM, at))? {
            At::Between(a, b, fraction) => (interpolate(*a, *b, fraction), 0.0),
            At::After(newest, age_s) => (*newest, age_s),
        })
    }

    /// The state at a time; `localiser_fresh` says whether the localiser may be relied upon. Never fails: what is not
    /// known has the variance of the unknown and is not localised.
    pub fn ego(&self, at: Stamp, localiser_fresh: bool) -> EgoState {
        let Ok(sample) = self.sample_clamped(at) else {
            return EgoState {
                covariance: add_diagonal([0.0; 9], [UNKNOWN_VARIANCE; 2]),
                ..EgoState::default()
            };
        };
        let odom = EgoState {
            frame: FrameId::Odom,
            pose: sample.odom_from_base,
            covariance: sample.covariance,
            twist: sample.twist,
            odom_from_base: sample.odom_from_base,
            localised: false,
        };
        match self.map_from_odom(at) {
            Ok((map_from_odom, age_s)) if localiser_fresh => EgoState {
                frame: FrameId::Map,
                pose: map_from_odom.then(sample.odom_from_base),
                covariance: self.localised_covariance(&sample, age_s),
                localised: true,
                ..odom
            },
            _ => odom,
        }
    }

    /// The localiser corrects the drift that odometry's own covariance sums up, so what counts is its variance, and what
    /// has grown since it and the odometry were measured.
    fn localised_covariance(&self, sample: &Sample, localiser_age_s: f64) -> [f64; 9] {
        let c = &self.config;
        let [position, yaw] = sample.grown;
        add_diagonal(
            [0.0; 9],
            [
                c.localiser_position_variance_m2 + position + c.position_variance_rate_m2ps * localiser_age_s,
                c.localiser_yaw_variance_rad2 + yaw + c.yaw_variance_rate_rad2ps * localiser_age_s,
            ],
        )
    }
}

fn unreached(reason: Unreached, frame: &'static str, at: Stamp) -> WorldModelError {
    let at_s = at.as_s();
    match reason {
        Unreached::Empty => WorldModelError::NoData { frame, at_s },
        Unreached::Before(oldest) => WorldModelError::TooEarly { frame, at_s, oldest_s: oldest.as_s() },
    }
}

/// Adds to the variances of x and y, and of yaw.
fn add_diagonal(mut covariance: [f64; 9], [position, yaw]: [f64; 2]) -> [f64; 9] {
    let [xx, _, _, _, yy, _, _, _, tt] = &mut covariance;
    *xx += position;
    *yy += position;
    *tt += yaw;
    covariance
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::shipped;

    fn stamp(ms: i64) -> Stamp {
        Stamp::from_nanos(ms * 1_000_000)
    }

    fn odometry(ms: i64, x_m: f64) -> Odometry {
        Odometry {
            stamp: stamp(ms),
            odom_from_base: Pose2::new(x_m, 0.0, 0.0),
            pose_covariance: [0.01, 0.0, 0.0, 0.0, 0.01, 0.0, 0.0, 0.0, 0.02],
            twist: Twist2::new(1.0, 0.0),
            twist_variance: [0.01, 0.01],
        }
    }

    fn driving() -> EgoEstimator {
        let mut ego = EgoEstimator::new(shipped().ego, 1.0);
        for i in 0..6 {
            assert!(!ego.push_odometry(&odometry(1000 + 20 * i, 0.02 * i as f64)));
        }
        ego
    }

    #[test]
    fn poses_are_interpolated_then_reckoned_on() {
        let ego = driving();
        assert!((ego.sample(stamp(1010)).unwrap().odom_from_base.x_m - 0.01).abs() < 1e-12);
        assert!((ego.sample(stamp(1150)).unwrap().odom_from_base.x_m - 0.15).abs() < 1e-12);
        assert!(matches!(ego.sample(stamp(999)), Err(WorldModelError::TooEarly { .. })));
        assert_eq!(
            ego.sample(stamp(1301)).unwrap_err().to_string(),
            "odom to base_link: asked for 1.301 s, the newest is of 1.100 s, more than 0.2 s before"
        );
        // Held at the end of what may be reckoned on.
        assert!((ego.sample_clamped(stamp(9000)).unwrap().odom_from_base.x_m - 0.3).abs() < 1e-12);
    }

    #[test]
    fn covariance_grows_with_age_and_never_stops() {
        let ego = driving();
        let variance = |ms| {
            let c = ego.ego(stamp(ms), false).covariance;
            (c[0], c[8])
        };
        assert_eq!(variance(1100), (0.01, 0.02));
        let mut last = variance(1100);
        for ms in [1110, 1200, 1500, 5000] {
            let next = variance(ms);
            assert!(next.0 > last.0 && next.1 > last.1);
            last = next;
        }
    }

    #[test]
    fn localised_only_with_a_fresh_localiser() {
        let mut ego = driving();
        assert_eq!(ego.ego(stamp(1100), true).frame, FrameId::Odom);
        ego.push_localisation(stamp(1000), Pose2::new(5.0, 1.0, 0.0));
        let state = ego.ego(stamp(1100), true);
        assert!(state.localised && state.frame == FrameId::Map);
        assert!((state.pose.x_m - 5.1).abs() < 1e-12 && (state.odom_from_base.x_m - 0.1).abs() < 1e-12);
        assert!(ego.ego(stamp(1200), true).covariance[0] > state.covariance[0]);
        let state = ego.ego(stamp(1100), false);
        assert!(!state.localised && state.frame == FrameId::Odom);
    }

    #[test]
    fn nothing_known_says_so() {
        let state = EgoEstimator::new(shipped().ego, 1.0).ego(stamp(0), true);
        assert!(!state.localised && state.covariance[0] >= UNKNOWN_VARIANCE);
    }

    #[test]
    fn a_reset_of_the_odometry_is_seen() {
        let mut ego = driving();
        ego.push_localisation(stamp(1000), Pose2::IDENTITY);
        assert!(ego.push_odometry(&odometry(1120, 5.0)));
        assert!(ego.sample(stamp(1110)).is_err());
        assert!(ego.map_from_odom(stamp(1120)).is_err());
    }
}
