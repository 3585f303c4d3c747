//! Where the robot is, in `odom` and, when localised, in `map`, at any time that the history reaches.
//!
//! - `filter`, `slip`, `reckoner`: wheels and inertial unit, as a pose that drifts and knows by how much.
//! - `anchor`: a pose in the map, carried on by these.
//! - `localisation`: scans against the map, and whether the pose in the map may be relied upon.
//!
//! The frame `odom` is the wheel odometry's own, as everybody else hears it; what gyro and slip correct is the way since the
//! last word of the localiser or the last match.

mod anchor;
mod filter;
mod localisation;
mod reckoner;
mod slip;

pub use localisation::{Localisation, LocalisationCounters, LocalisedBy, Lost};
pub use reckoner::{ImuReading, Reckoned, ReckonerCounters, Slip};

use crate::config::EgoConfig;
use crate::error::WorldModelError;
use crate::history::{At, History, Unreached, interpolate};
use anchor::Anchor;
use nalgebra::{Matrix3, Vector3};
use outrider_foundation::data::{EgoState, Odometry};
use outrider_foundation::geometry::wrap_angle;
use outrider_foundation::grid::FrameId;
use outrider_foundation::{Pose2, Span, Stamp, Twist2};
use reckoner::Reckoner;

/// Variance of a pose of which nothing is known, in m² and rad²: finite, so that it can be reckoned with.
const UNKNOWN_VARIANCE: f64 = 1e6;

/// Before wheels and gyro have been heard.
const UNRECKONED: Reckoned = Reckoned {
    pose: Pose2::IDENTITY,
    covariance: Matrix3::new(
        UNKNOWN_VARIANCE,
        0.0,
        0.0,
        0.0,
        UNKNOWN_VARIANCE,
        0.0,
        0.0,
        0.0,
        UNKNOWN_VARIANCE,
    ),
};

/// Odometry that turns by more than this beyond top turn rate between two messages has been reset, in rad. As `jump_m` it leaves
/// room for messages that were stamped late.
const JUMP_RAD: f64 = 0.3;

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
    /// By wheels and gyro, in the frame of reckoning.
    pub reckoned: Reckoned,
    /// What age alone has added to the variances of position (m²) and heading (rad²).
    grown: [f64; 2],
}

/// What odometry of one and the same origin can do from one message to the next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Continuity {
    /// Top speed.
    pub speed_max_mps: f64,
    /// Top turn rate.
    pub turn_max_radps: f64,
    /// After a longer silence nobody knows whether the origin is still the same.
    pub silence_max_s: f64,
}

/// Histories of odometry and localisation.
#[derive(Clone, Debug)]
pub struct EgoEstimator {
    config: EgoConfig,
    continuity: Continuity,
    odometry: History<Motion>,
    reckoner: Reckoner,
    map_from_odom: History<Pose2>,
}

impl EgoEstimator {
    /// Knows nothing yet.
    pub fn new(config: EgoConfig, continuity: Continuity) -> Self {
        Self {
            reckoner: Reckoner::new(config.filter),
            config,
            continuity,
            odometry: History::default(),
            map_from_odom: History::default(),
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.odometry.clear();
        self.reckoner.clear();
        self.map_from_odom.clear();
    }

    /// What was counted of wheels and gyro.
    pub fn reckoner_counters(&self) -> ReckonerCounters {
        self.reckoner.counters()
    }

    /// Bias of the gyro, in rad/s.
    pub fn gyro_bias_radps(&self) -> f64 {
        self.reckoner.gyro_bias_radps()
    }

    /// Whether wheels have slipped lately.
    pub fn slip(&self, at: Stamp) -> Slip {
        self.reckoner.slip(at)
    }

    /// Stamp of the newest odometry.
    pub fn newest_odometry(&self) -> Option<Stamp> {
        self.odometry.newest().map(|(stamp, _)| stamp)
    }

    /// Whether the localiser has been heard since everything was forgotten.
    pub fn knows_localiser(&self) -> bool {
        self.map_from_odom.newest().is_some()
    }

    /// Whether odometry of the same origin cannot have come from one pose to the other within `dt_s`.
    pub fn leaps(&self, from: Pose2, to: Pose2, dt_s: f64) -> bool {
        let c = &self.continuity;
        from.position().distance_m(to.position()) > c.speed_max_mps * dt_s + self.config.jump_m
            || wrap_angle(to.yaw_rad - from.yaw_rad).abs() > c.turn_max_radps * dt_s + JUMP_RAD
    }

    /// Takes odometry. When it leapt, or goes on elsewhere after a silence in which a leap would not be seen, its origin counts as reset: the
    /// odometry before it is forgotten, and so is the localisation, which referred to that origin. Then it says how long it had
    /// been silent, in s.
    pub fn push_odometry(&mut self, odometry: &Odometry) -> Option<f64> {
        let reset_after_s = self.odometry.newest().and_then(|(stamp, last)| {
            let silent_s = odometry.stamp.since(stamp).as_s();
            let leapt = self.leaps(last.odom_from_base, odometry.odom_from_base, silent_s);
            // One that goes on where it ended has the same origin: the robot stood, or it was the clock that was set.
            let elsewhere = self.leaps(last.odom_from_base, odometry.odom_from_base, 0.0);
            (leapt || (elsewhere && silent_s > self.continuity.silence_max_s)).then_some(silent_s)
        });
        if reset_after_s.is_some() {
            self.clear();
        }
        let motion = Motion {
            odom_from_base: odometry.odom_from_base,
            covariance: odometry.pose_covariance,
            twist: odometry.twist,
            twist_variance: odometry.twist_variance,
        };
        self.odometry.push(odometry.stamp, motion);
        self.reckoner.push_odometry(odometry);
        reset_after_s
    }

    /// Takes an inertial message.
    pub fn push_imu(&mut self, reading: ImuReading) {
        self.reckoner.push_imu(reading);
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
        let mut sample = match self.odometry.at(at).map_err(|e| unreached(e, ODOM_TO_BASE, at))? {
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
                    reckoned: UNRECKONED,
                    grown: [0.0; 2],
                }
            }
            At::After(newest, age_s) => self.extrapolate(newest, age_s),
        };
        self.reckon(at, &mut sample);
        Ok(sample)
    }

    fn extrapolate(&self, newest: &Motion, age_s: f64) -> Sample {
        let reckoned_s = age_s.min(self.config.extrapolation_max_s);
        let [v_variance, w_variance] = newest.twist_variance;
        let grown = [
            self.config.position_variance_rate_m2ps * age_s + v_variance * age_s * age_s,
            self.config.yaw_variance_rate_rad2ps * age_s + w_variance * age_s * age_s,
        ];
        let twist = self.believed(newest.twist);
        Sample {
            odom_from_base: newest.odom_from_base.advance(twist, reckoned_s),
            covariance: add_diagonal(newest.covariance, grown),
            twist,
            age_s,
            reckoned: UNRECKONED,
            grown,
        }
    }

    /// While the wheels' turning slips, the turn rate is the gyro's.
    fn believed(&self, twist: Twist2) -> Twist2 {
        Twist2::new(twist.v_mps, twist.w_radps + self.reckoner.rate_correction_radps())
    }

    /// Adds what wheels and gyro say together, and what slip has made of the odometry's own covariance. Odometry that states
    /// none is as certain as it is by the filter.
    fn reckon(&self, at: Stamp, sample: &mut Sample) {
        if let Some(reckoned) = self.reckoner.at(at, sample.odom_from_base) {
            sample.reckoned = reckoned;
            let [xx, _, _, _, yy, _, _, _, tt] = sample.covariance;
            if xx <= sample.grown[0] && yy <= sample.grown[0] && tt <= sample.grown[1] {
                sample.covariance = add_diagonal(row_major(&reckoned.covariance), sample.grown);
            }
        }
        sample.covariance = add_diagonal(sample.covariance, self.reckoner.slip_grown());
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

    /// The state at a time, in the map when somebody says where that is: the localiser, or `own` matching. Never fails: what is
    /// not known has the variance of the unknown and is not localised.
    pub fn ego(&self, at: Stamp, by: Option<LocalisedBy>, own: &Localisation) -> EgoState {
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
        let in_map = match by {
            Some(LocalisedBy::Localiser) => self.by_localiser(at, &sample),
            Some(LocalisedBy::OwnMatching) => own.carried(&sample.reckoned),
            None => None,
        };
        match in_map {
            Some((pose, covariance)) => EgoState {
                frame: FrameId::Map,
                pose,
                covariance: add_diagonal(row_major(&covariance), sample.grown),
                localised: true,
                ..odom
            },
            None => odom,
        }
    }

    /// The localiser corrects the drift that odometry's own covariance sums up, so what counts is its variance, and what
    /// has grown since it was measured: by age, and by the way since.
    fn by_localiser(&self, at: Stamp, sample: &Sample) -> Option<(Pose2, Matrix3<f64>)> {
        let (map_from_odom, age_s) = self.map_from_odom(at).ok()?;
        let c = &self.config;
        let position = c.localiser_position_variance_m2 + c.position_variance_rate_m2ps * age_s;
        let yaw = c.localiser_yaw_variance_rad2 + c.yaw_variance_rate_rad2ps * age_s;
        let covariance = Matrix3::from_diagonal(&Vector3::new(position, position, yaw));
        let newest = self.newest_odometry()?;
        let then = (at - Span::from_s(age_s)).min(newest);
        // The odometry of that time is gone when the localiser is very slow: then the wheels alone carry its word on.
        let Ok(meant) = self.sample_clamped(then) else {
            return Some((map_from_odom.then(sample.odom_from_base), covariance));
        };
        let map_from_base = map_from_odom.then(meant.odom_from_base);
        Some(Anchor { map_from_base, covariance, reckoned: meant.reckoned }.carried(&sample.reckoned))
    }
}

fn row_major(m: &Matrix3<f64>) -> [f64; 9] {
    let mut out = [0.0; 9];
    out.copy_from_slice(m.transpose().as_slice());
    out
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
mod tests;
