//! Dead reckoning: odometry and inertial messages, in whatever order they come, as steps of the filter.
//!
//! A step of the wheels is taken once the gyro's word on the same time is there, at the latest after `imu_wait_s`, and at once
//! where no gyro speaks. What has not been taken yet is added by the wheels alone.

use super::filter::{EgoFilter, Gyro, WheelStep};
use super::slip::TravelSlip;
use crate::config::FilterConfig;
use crate::history::{At, History, interpolate};
use nalgebra::Matrix3;
use outrider_foundation::data::Odometry;
use outrider_foundation::{Pose2, Span, Stamp, Twist2};
use std::collections::VecDeque;

/// The most inertial messages that are kept; the oldest goes first. 0.25 s at 1 kHz.
pub const IMU_LIMIT: usize = 256;
/// The most steps of the wheels that wait for the gyro; of more, the oldest is taken without it.
pub const WAITING_LIMIT: usize = 64;
/// A step is taken as no shorter: stamps of some odometers are coarse.
const STEP_MIN_S: f64 = 1e-3;
/// Least variance of the wheels' speeds, where the messages state none: (0.01 m/s)² and (0.01 rad/s)².
const RATE_VARIANCE_MIN: f64 = 1e-4;

/// An inertial message, in the base frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ImuReading {
    /// When.
    pub stamp: Stamp,
    /// Turn rate.
    pub rate_radps: f64,
    /// Its variance; zero when it is not known.
    pub variance: f64,
    /// Acceleration forwards; `None` when the unit's place is not known.
    pub accel_mps2: Option<f64>,
}

#[derive(Clone, Copy, Debug)]
struct WheelReading {
    stamp: Stamp,
    pose: Pose2,
    twist: Twist2,
    twist_variance: [f64; 2],
}

/// Pose in the filter's frame, with its covariance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reckoned {
    /// Continuous, drifts, corrected by the gyro.
    pub pose: Pose2,
    /// Of x, y, yaw.
    pub covariance: Matrix3<f64>,
}

/// What has been seen of slip.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Slip {
    /// Wheels and gyro disagree.
    pub turning: bool,
    /// Wheels and accelerometer disagree.
    pub travel: bool,
}

/// Counts for diagnostics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReckonerCounters {
    /// Steps that were taken with the gyro.
    pub with_gyro: u64,
    /// Steps that were taken without.
    pub without_gyro: u64,
    /// Steps in which the wheels' turning was not believed.
    pub slipping_turns: u64,
    /// Steps in which the wheels' travel was not believed.
    pub slipping_travels: u64,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Reckoner {
    config: FilterConfig,
    filter: EgoFilter,
    travel_slip: TravelSlip,
    /// The newest odometry that has been taken.
    taken: Option<WheelReading>,
    waiting: VecDeque<WheelReading>,
    imu: VecDeque<ImuReading>,
    history: History<Reckoned>,
    slip_seen: [Option<Stamp>; 2],
    /// What the gyro adds to the wheels' turn rate while they slip.
    rate_correction_radps: f64,
    /// What slip alone has added to the variances of position (m²) and heading (rad²).
    slip_grown: [f64; 2],
    counters: ReckonerCounters,
}

impl Reckoner {
    /// Nothing known.
    pub fn new(config: FilterConfig) -> Self {
        Self {
            filter: EgoFilter::new(config, Pose2::IDENTITY),
            travel_slip: TravelSlip::new(config.slip),
            taken: None,
            waiting: VecDeque::with_capacity(WAITING_LIMIT),
            imu: VecDeque::with_capacity(IMU_LIMIT),
            history: History::default(),
            slip_seen: [None; 2],
            rate_correction_radps: 0.0,
            slip_grown: [0.0; 2],
            counters: ReckonerCounters::default(),
            config,
        }
    }

    /// Forgets everything but the counts.
    pub fn clear(&mut self) {
        let counters = self.counters;
        *self = Self { counters, ..Self::new(self.config) };
    }

    /// Counts.
    pub fn counters(&self) -> ReckonerCounters {
        self.counters
    }

    /// Bias of the gyro, in rad/s.
    pub fn gyro_bias_radps(&self) -> f64 {
        self.filter.bias_radps()
    }

    /// What has been seen of slip within `slip.hold_s` before a time.
    pub fn slip(&self, at: Stamp) -> Slip {
        let hold = Span::from_s(self.config.slip.hold_s);
        let lately = |seen: Option<Stamp>| seen.is_some_and(|seen| at.since(seen) <= hold);
        let [turning, travel] = self.slip_seen;
        Slip { turning: lately(turning), travel: lately(travel) }
    }

    /// What the gyro adds to the wheels' turn rate while they slip, in rad/s.
    pub fn rate_correction_radps(&self) -> f64 {
        self.rate_correction_radps
    }

    /// What slip alone has added to the variances of position (m²) and heading (rad²).
    pub fn slip_grown(&self) -> [f64; 2] {
        self.slip_grown
    }

    /// Takes odometry, its stamp not before the last one's.
    pub fn push_odometry(&mut self, odometry: &Odometry) {
        let reading = WheelReading {
            stamp: odometry.stamp,
            pose: odometry.odom_from_base,
            twist: odometry.twist,
            twist_variance: odometry.twist_variance,
        };
        if self.taken.is_none() {
            self.filter = EgoFilter::new(self.config, reading.pose);
            self.taken = Some(reading);
            self.remember(reading.stamp);
            return;
        }
        if self.waiting.len() >= WAITING_LIMIT {
            self.take_next(true);
        }
        self.waiting.push_back(reading);
        self.catch_up();
    }

    /// Takes an inertial message, its stamp not before the last one's.
    pub fn push_imu(&mut self, reading: ImuReading) {
        if self.imu.len() >= IMU_LIMIT {
            self.imu.pop_front();
        }
        self.imu.push_back(reading);
        self.catch_up();
    }

    fn catch_up(&mut self) {
        for _ in 0..WAITING_LIMIT {
            if !self.take_next(false) {
                return;
            }
        }
    }

    /// Takes the oldest step that waits, if the gyro's word is there or there is none to wait for. True when it did.
    fn take_next(&mut self, at_once: bool) -> bool {
        let (Some(from), Some(to)) = (self.taken, self.waiting.front().copied()) else { return false };
        let wait = Span::from_s(self.config.imu_wait_s);
        let silent = match self.imu.back() {
            None => true,
            Some(newest) => {
                let waited = self.waiting.back().is_some_and(|last| last.stamp.since(to.stamp) >= wait);
                newest.stamp >= to.stamp || waited || from.stamp.since(newest.stamp) > wait
            }
        };
        if !silent && !at_once {
            return false;
        }
        self.waiting.pop_front();
        self.take(from, to);
        true
    }

    fn take(&mut self, from: WheelReading, to: WheelReading) {
        let dt_s = to.stamp.since(from.stamp).as_s().max(STEP_MIN_S);
        let imu = self.imu_over(from.stamp, to.stamp);
        let [v_variance, w_variance] = to.twist_variance.map(|v| v.max(RATE_VARIANCE_MIN));
        let accel_mps2 = imu.and_then(|(_, accel)| accel);
        let astray_mps = self.travel_slip.take(dt_s, to.twist.v_mps, v_variance, accel_mps2);
        let wheels = WheelStep {
            motion: from.pose.inverse().then(to.pose),
            dt_s,
            rate_variance: [v_variance, w_variance],
            doubt_m2: self.travel_slip.doubt_m2(astray_mps, dt_s),
        };
        let report = self.filter.step(&wheels, imu.map(|(gyro, _)| gyro));
        let c = &mut self.counters;
        *(if imu.is_some() { &mut c.with_gyro } else { &mut c.without_gyro }) += 1;
        let [grown_m2, grown_rad2] = &mut self.slip_grown;
        self.rate_correction_radps = 0.0;
        if report.wheels_slip {
            c.slipping_turns += 1;
            let turned_rad = report.disagreement_radps * dt_s;
            *grown_rad2 += turned_rad * turned_rad;
            self.rate_correction_radps = self.filter.rate_radps() - wheels.motion.yaw_rad / dt_s;
            self.slip_seen[0] = Some(to.stamp);
        }
        if astray_mps > 0.0 {
            c.slipping_travels += 1;
            *grown_m2 += wheels.doubt_m2;
            self.slip_seen[1] = Some(to.stamp);
        }
        self.taken = Some(to);
        self.remember(to.stamp);
        // One from before the step that comes is kept: the mean needs it.
        while self.imu.get(1).is_some_and(|second| second.stamp <= to.stamp) {
            self.imu.pop_front();
        }
    }

    fn remember(&mut self, stamp: Stamp) {
        let reckoned = Reckoned { pose: self.filter.pose(), covariance: self.filter.pose_covariance() };
        self.history.push(stamp, reckoned);
    }

    /// Mean turn rate and acceleration over a time by the trapezoid rule; `None` when messages are missing.
    fn imu_over(&self, from: Stamp, to: Stamp) -> Option<(Gyro, Option<f64>)> {
        let span_s = to.since(from).as_s();
        let (mut covered_s, mut turned, mut gained, mut variance, mut pairs) =
            (0.0, 0.0, Some(0.0), 0.0, 0.0);
        for (a, b) in self.imu.iter().zip(self.imu.iter().skip(1)) {
            let (start, end) = (a.stamp.max(from), b.stamp.min(to));
            let (gap_s, part_s) = (b.stamp.since(a.stamp).as_s(), end.since(start).as_s());
            if part_s <= 0.0 {
                continue;
            }
            if gap_s > self.config.imu_gap_max_s {
                return None;
            }
            let fraction = (start.since(a.stamp).as_s() + 0.5 * part_s) / gap_s;
            let mix = |a: f64, b: f64| a + fraction * (b - a);
            turned += part_s * mix(a.rate_radps, b.rate_radps);
            gained = match (gained, a.accel_mps2, b.accel_mps2) {
                (Some(sum), Some(a), Some(b)) => Some(sum + part_s * mix(a, b)),
                _ => None,
            };
            variance += a.variance.max(b.variance);
            pairs += 1.0;
            covered_s += part_s;
        }
        // A nanosecond may be lost to rounding.
        if pairs < 1.0 || covered_s + 1e-8 < span_s {
            return None;
        }
        let mut variance: f64 = variance / (pairs * pairs);
        if variance <= 0.0 {
            variance = self.config.gyro_sigma_radps * self.config.gyro_sigma_radps / pairs;
        }
        let gyro = Gyro { rate_radps: turned / span_s, variance };
        Some((gyro, gained.map(|sum| sum / span_s)))
    }

    /// Where the robot was at a time at which the wheels' pose was `wheels`; `None` before the history.
    pub fn at(&self, at: Stamp, wheels: Pose2) -> Option<Reckoned> {
        let taken = self.taken?;
        if at >= taken.stamp {
            let step = WheelStep {
                motion: taken.pose.inverse().then(wheels),
                dt_s: at.since(taken.stamp).as_s().max(STEP_MIN_S),
                rate_variance: [RATE_VARIANCE_MIN; 2],
                doubt_m2: 0.0,
            };
            let (pose, covariance) = self.filter.after(&step);
            return Some(Reckoned { pose, covariance });
        }
        match self.history.at(at).ok()? {
            At::Between(a, b, fraction) => Some(Reckoned {
                pose: interpolate(a.pose, b.pose, fraction),
                covariance: a.covariance + (b.covariance - a.covariance) * fraction,
            }),
            At::After(newest, _) => Some(*newest),
        }
    }
}
