//! Wheel odometry and the inertial unit.
//!
//! Odometry errors: a relative error of travel and of turn and a constant error of the turn rate, all drawn once per
//! seed, and noise that grows with the way. The covariance covers both kinds to first order: noise by the usual
//! propagation, the constants through the sensitivity of the pose to each of them (Kelly, "Linearized Error
//! Propagation in Odometry", IJRR 2004).

use super::stream;
use crate::config::{ImuConfig, OdometryConfig};
use nalgebra::{Matrix3, Matrix3x2, RowVector3, Vector2, Vector3};
use outrider_foundation::data::{Imu, Odometry};
use outrider_foundation::rng::Rng;
use outrider_foundation::{Pose2, Span, Stamp, Twist2};

/// Least variance that is published, in m² and rad²: a covariance of zero is no covariance.
const VARIANCE_FLOOR: f64 = 1e-6;
/// What is driven is taken for one arc for no longer than this, in s: between two reports the robot may go straight and then turn.
const ARC_S: f64 = 0.02;

pub(crate) struct OdometrySensor {
    config: OdometryConfig,
    seed: u64,
    /// Relative error of travel, relative error of turn, error of the turn rate in rad/s.
    constants: Vector3<f64>,
    measurements: u64,
    pose: Pose2,
    /// Covariance from noise.
    noise: Matrix3<f64>,
    /// Derivative of the pose by the constants.
    sensitivity: Matrix3<f64>,
    since: Way,
    /// What has been reckoned since the last report.
    reckoned: Reckoned,
}

/// What the base has done since the last measurement.
#[derive(Clone, Copy, Default)]
struct Way {
    travel_m: f64,
    turn_rad: f64,
    /// Lengths of both, direction aside.
    travelled_m: f64,
    turned_rad: f64,
    moving_s: f64,
    elapsed_s: f64,
}

/// Ways with their errors, and variances of the noise in them.
#[derive(Clone, Copy, Default)]
struct Reckoned {
    travel_m: f64,
    turn_rad: f64,
    travel_var: f64,
    turn_var: f64,
    elapsed_s: f64,
}

impl OdometrySensor {
    pub(crate) fn new(config: OdometryConfig, seed: u64) -> Self {
        let mut rng = Rng::new(seed, stream::ODOMETRY_CONSTANTS, 0);
        let mut draw = |sigma: f64| sigma * rng.normal();
        let constants = Vector3::new(
            draw(config.travel_scale_sigma),
            draw(config.turn_scale_sigma),
            draw(config.turn_bias_sigma_radps),
        );
        Self {
            config,
            seed,
            constants,
            measurements: 0,
            pose: Pose2::IDENTITY,
            noise: Matrix3::zeros(),
            sensitivity: Matrix3::zeros(),
            since: Way::default(),
            reckoned: Reckoned::default(),
        }
    }

    /// Takes other numbers; the timing, and the errors that were drawn, stay.
    pub(crate) fn reconfigure(&mut self, config: &OdometryConfig) {
        self.config = *config;
    }

    /// The wheels moved for `dt_s` as they would for a base with `twist`.
    pub(crate) fn moved(&mut self, twist: Twist2, dt_s: f64) {
        if self.since.elapsed_s > 0.0 && self.since.elapsed_s + 0.5 * dt_s > ARC_S {
            let mut rng = self.draws();
            self.reckon(&mut rng);
        }
        let way = &mut self.since;
        let c = &self.config;
        let (travel_m, turn_rad) = (twist.v_mps * dt_s, twist.w_radps * dt_s);
        way.travel_m += travel_m * c.travel_scale;
        way.turn_rad += turn_rad * c.turn_scale + c.turn_bias_radps * dt_s;
        // What the covariance is reckoned from does not know of the faults.
        way.travelled_m += travel_m.abs();
        way.turned_rad += turn_rad.abs();
        way.elapsed_s += dt_s;
        if travel_m.abs() + turn_rad.abs() > 0.0 {
            way.moving_s += dt_s;
        }
    }

    /// The drifting pose at this moment: as last measured, and the way since with the constant errors.
    pub(crate) fn peek(&self) -> Pose2 {
        let way = &self.since;
        let turn_rad = way.turn_rad * (1.0 + self.constants.y) + self.constants.z * way.moving_s;
        self.pose.advance(Twist2::new(way.travel_m * (1.0 + self.constants.x), turn_rad), 1.0)
    }

    /// What is reported; `twist` is the true one.
    pub(crate) fn measure(&mut self, stamp: Stamp, twist: Twist2) -> Odometry {
        let mut rng = self.draws();
        self.reckon(&mut rng);
        let Reckoned { travel_m, turn_rad, travel_var, turn_var, elapsed_s } =
            std::mem::take(&mut self.reckoned);
        // Mean velocity over the interval; before the first one, the velocity itself.
        let (rate, v, w) = if elapsed_s > 0.0 {
            (1.0 / elapsed_s, travel_m / elapsed_s, turn_rad / elapsed_s)
        } else {
            (0.0, twist.v_mps, twist.w_radps)
        };
        let c = &self.config;
        let v_var = square(c.v_sigma_mps) + travel_var * rate * rate + square(c.travel_scale_sigma * v);
        let w_var = square(c.w_sigma_radps)
            + turn_var * rate * rate
            + square(c.turn_scale_sigma * w)
            + square(c.turn_bias_sigma_radps);
        Odometry {
            stamp,
            odom_from_base: self.pose,
            pose_covariance: self.covariance(),
            twist: Twist2::new(v + c.v_sigma_mps * rng.normal(), w + c.w_sigma_radps * rng.normal()),
            twist_variance: [v_var.max(VARIANCE_FLOOR), w_var.max(VARIANCE_FLOOR)],
        }
    }

    /// Random numbers of the next arc or report.
    fn draws(&mut self) -> Rng {
        let rng = Rng::new(self.seed, stream::ODOMETRY, self.measurements);
        self.measurements = self.measurements.wrapping_add(1);
        rng
    }

    /// Adds the way since, as one arc, to the pose.
    fn reckon(&mut self, rng: &mut Rng) {
        let way = std::mem::take(&mut self.since);
        let c = &self.config;
        let travel_var = square(c.travel_sigma_per_sqrt_m) * way.travelled_m;
        let turn_var = square(c.turn_sigma_per_sqrt_rad) * way.turned_rad
            + square(c.turn_sigma_per_sqrt_m) * way.travelled_m;
        let travel_m = way.travel_m * (1.0 + self.constants.x) + travel_var.sqrt() * rng.normal();
        let turn_rad = way.turn_rad * (1.0 + self.constants.y)
            + self.constants.z * way.moving_s
            + turn_var.sqrt() * rng.normal();
        self.integrate(&way, travel_m, turn_rad, Vector2::new(travel_var, turn_var));
        let reckoned = &mut self.reckoned;
        reckoned.travel_m += travel_m;
        reckoned.turn_rad += turn_rad;
        reckoned.travel_var += travel_var;
        reckoned.turn_var += turn_var;
        reckoned.elapsed_s += way.elapsed_s;
    }

    fn integrate(&mut self, way: &Way, travel_m: f64, turn_rad: f64, variances: Vector2<f64>) {
        let before = self.pose;
        self.pose = before.advance(Twist2::new(travel_m, turn_rad), 1.0);
        let (s, c) = libm::sincos(before.yaw_rad + 0.5 * turn_rad);
        let by_pose = Matrix3::new(
            1.0,
            0.0,
            before.y_m - self.pose.y_m, //
            0.0,
            1.0,
            self.pose.x_m - before.x_m, //
            0.0,
            0.0,
            1.0,
        );
        let by_way = Matrix3x2::new(
            c,
            -0.5 * travel_m * s, //
            s,
            0.5 * travel_m * c, //
            0.0,
            1.0,
        );
        let constants_to_way = nalgebra::Matrix2x3::from_rows(&[
            RowVector3::new(way.travel_m, 0.0, 0.0),
            RowVector3::new(0.0, way.turn_rad, way.moving_s),
        ]);
        self.noise = by_pose * self.noise * by_pose.transpose()
            + by_way * nalgebra::Matrix2::from_diagonal(&variances) * by_way.transpose();
        self.sensitivity = by_pose * self.sensitivity + by_way * constants_to_way;
    }

    /// Row-major.
    fn covariance(&self) -> [f64; 9] {
        let c = &self.config;
        let sigmas = Vector3::new(c.travel_scale_sigma, c.turn_scale_sigma, c.turn_bias_sigma_radps);
        let constants = Matrix3::from_diagonal(&sigmas.component_mul(&sigmas));
        let total = self.noise
            + self.sensitivity * constants * self.sensitivity.transpose()
            + Matrix3::identity() * VARIANCE_FLOOR;
        // Symmetric up to rounding; make it exactly so.
        let even = (total + total.transpose()) * 0.5;
        let [c0, c1, c2] = even.data.0;
        let ([a, b, d], [e, f, g], [h, i, j]) = (c0, c1, c2);
        [a, b, d, e, f, g, h, i, j]
    }
}

pub(crate) struct ImuSensor {
    config: ImuConfig,
    frame: String,
    seed: u64,
    bias_radps: f64,
    /// How far the bias has wandered.
    wandered_radps: f64,
    measurements: u64,
    /// World time.
    last: Option<Span>,
}

impl ImuSensor {
    pub(crate) fn new(config: ImuConfig, frame: String, seed: u64) -> Self {
        let mut rng = Rng::new(seed, stream::IMU_CONSTANTS, 0);
        let bias_radps = config.gyro_bias_sigma_radps * rng.normal();
        Self { config, frame, seed, bias_radps, wandered_radps: 0.0, measurements: 0, last: None }
    }

    /// Takes other numbers; the timing, and the bias that was drawn, stay.
    pub(crate) fn reconfigure(&mut self, config: &ImuConfig) {
        self.config = *config;
    }

    /// What is reported at a true velocity and forward acceleration; `at` is world time, which nobody sets.
    pub(crate) fn measure(&mut self, at: Span, stamp: Stamp, twist: Twist2, accel_mps2: f64) -> Imu {
        let mut rng = Rng::new(self.seed, stream::IMU, self.measurements);
        self.measurements = self.measurements.wrapping_add(1);
        let c = &self.config;
        let (gyro, bias) = (c.gyro_sigma_radps, c.gyro_bias_sigma_radps);
        if c.gyro_walk_sigma_radps > 0.0 {
            let mut walk = Rng::new(self.seed, stream::IMU_WALK, self.measurements);
            // However often it is asked, and also if nobody asked for a while.
            let since_s = self.last.map_or(1.0 / c.timing.rate_hz, |last| (at - last).as_s().max(0.0));
            self.wandered_radps += c.gyro_walk_sigma_radps * since_s.sqrt() * walk.normal();
        }
        self.last = Some(at);
        let error_radps = self.wandered_radps + c.gyro_bias_radps;
        Imu {
            stamp,
            frame: self.frame.clone(),
            yaw_rate_radps: twist.w_radps + self.bias_radps + gyro * rng.normal() + error_radps,
            yaw_rate_variance: (gyro * gyro + bias * bias).max(VARIANCE_FLOOR),
            accel_x_mps2: accel_mps2 + c.accel_sigma_mps2 * rng.normal() + c.accel_bias_mps2,
            accel_y_mps2: twist.v_mps * twist.w_radps + c.accel_sigma_mps2 * rng.normal(),
            accel_variance: c.accel_sigma_mps2 * c.accel_sigma_mps2,
        }
    }
}

fn square(x: f64) -> f64 {
    x * x
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{perfect, shipped};
    use outrider_foundation::geometry::wrap_angle;

    /// Drives a bend and back for 8 s; returns the truth and what odometry says.
    fn drive(config: OdometryConfig, seed: u64) -> (Pose2, Odometry) {
        let (mut sensor, mut truth) = (OdometrySensor::new(config, seed), Pose2::IDENTITY);
        let mut last = sensor.measure(Stamp::default(), Twist2::ZERO);
        for i in 0..400 {
            let twist = Twist2::new(0.8, if i < 200 { 0.4 } else { -0.3 });
            for _ in 0..4 {
                sensor.moved(twist, 0.005);
                truth = truth.advance(twist, 0.005);
            }
            last = sensor.measure(Stamp::default(), twist);
        }
        (truth, last)
    }

    #[test]
    fn without_errors_odometry_is_the_truth() {
        let (truth, odom) = drive(perfect().odometry, 1);
        assert!(truth.position().distance_m(odom.odom_from_base.position()) < 1e-9);
        assert!((truth.yaw_rad - odom.odom_from_base.yaw_rad).abs() < 1e-9);
        assert!((odom.twist.v_mps - 0.8).abs() < 1e-9 && (odom.twist.w_radps + 0.3).abs() < 1e-9);
    }

    /// However seldom it reports.
    #[test]
    fn a_way_that_bends_between_two_reports_is_no_single_arc() {
        let mut sensor = OdometrySensor::new(perfect().odometry, 1);
        sensor.measure(Stamp::default(), Twist2::ZERO);
        for i in 0..200 {
            let straight = i < 100;
            sensor.moved(
                Twist2::new(if straight { 1.0 } else { 0.0 }, if straight { 0.0 } else { 1.2 }),
                0.005,
            );
        }
        let odom = sensor.measure(Stamp::default(), Twist2::ZERO);
        assert!(odom.odom_from_base.position().distance_m(outrider_foundation::Point2::new(0.5, 0.0)) < 1e-9);
        assert!((odom.twist.v_mps - 0.5).abs() < 1e-9 && (odom.twist.w_radps - 0.6).abs() < 1e-9);
    }

    /// The squared error, weighed by the stated covariance, is 3 on average for 3 dimensions (NEES).
    #[test]
    fn the_covariance_matches_the_errors() {
        let runs = 600;
        let mut sum = 0.0;
        for seed in 0..runs {
            let (truth, odom) = drive(shipped().odometry, seed);
            let o = odom.odom_from_base;
            let error =
                Vector3::new(o.x_m - truth.x_m, o.y_m - truth.y_m, wrap_angle(o.yaw_rad - truth.yaw_rad));
            let covariance = Matrix3::from_row_slice(&odom.pose_covariance);
            sum += (error.transpose() * covariance.try_inverse().unwrap() * error).x;
        }
        let mean = sum / runs as f64;
        // Standard error of the mean: √(6/600) = 0.1.
        assert!((mean - 3.0).abs() < 0.4, "{mean}");
    }

    #[test]
    fn a_robot_that_stands_does_not_drift() {
        let mut sensor = OdometrySensor::new(shipped().odometry, 5);
        for _ in 0..1000 {
            sensor.moved(Twist2::ZERO, 0.005);
            sensor.measure(Stamp::default(), Twist2::ZERO);
        }
        assert_eq!(sensor.peek(), Pose2::IDENTITY);
    }

    #[test]
    fn the_gyro_errs_as_stated() {
        let config = shipped().imu;
        let errors: Vec<f64> = (0..2000)
            .map(|seed| {
                ImuSensor::new(config, "base_link".into(), seed).measure(
                    Span::ZERO,
                    Stamp::default(),
                    Twist2::new(0.5, 0.4),
                    0.1,
                )
            })
            .map(|imu| (imu.yaw_rate_radps - 0.4) / imu.yaw_rate_variance.sqrt())
            .collect();
        let variance = errors.iter().map(|e| e * e).sum::<f64>() / errors.len() as f64;
        assert!((variance - 1.0).abs() < 0.12, "{variance}");
        let imu = ImuSensor::new(perfect().imu, String::new(), 1).measure(
            Span::ZERO,
            Stamp::default(),
            Twist2::new(0.5, 0.4),
            0.1,
        );
        assert!((imu.accel_y_mps2 - 0.2).abs() < 1e-12 && (imu.accel_x_mps2 - 0.1).abs() < 1e-12);
    }

    #[test]
    fn odometry_is_scaled_and_biased_as_told() {
        let config = OdometryConfig { travel_scale: 0.5, turn_bias_radps: 0.1, ..perfect().odometry };
        let mut sensor = OdometrySensor::new(config, 1);
        sensor.moved(Twist2::new(1.0, 0.0), 1.0);
        let odom = sensor.measure(Stamp::default(), Twist2::ZERO);
        assert!((odom.twist.v_mps - 0.5).abs() < 1e-12 && (odom.twist.w_radps - 0.1).abs() < 1e-12);
        // How sure it is does not know of it, but for its scale, which it holds to be that of what it measures.
        let config = OdometryConfig { turn_bias_radps: 0.2, ..shipped().odometry };
        let mut standing = OdometrySensor::new(config, 1);
        standing.moved(Twist2::ZERO, 1.0);
        let variance = standing.measure(Stamp::default(), Twist2::ZERO).pose_covariance[8];
        let scale = 0.2 * config.turn_scale_sigma;
        assert!((variance - scale * scale - VARIANCE_FLOOR).abs() < 1e-12, "{variance}");
        sensor.reconfigure(&perfect().odometry);
        sensor.moved(Twist2::new(1.0, 0.0), 1.0);
        assert!((sensor.measure(Stamp::default(), Twist2::ZERO).twist.v_mps - 1.0).abs() < 1e-12);
    }

    /// After 100 s the bias has wandered by ten times what it does in one, over many seeds.
    #[test]
    fn the_bias_of_the_gyro_wanders_as_stated() {
        let config = ImuConfig { gyro_walk_sigma_radps: 0.001, ..perfect().imu };
        let error = |seed| {
            let mut imu = ImuSensor::new(config, String::new(), seed);
            // 50 a second, of which some are left out.
            let asked = (0..5000).filter(|i| i % 100 < 10 || i % 100 > 90);
            let at = |i: i64| Span::from_nanos(20_000_000 * i);
            let mut measure = |at| imu.measure(at, Stamp::default(), Twist2::ZERO, 0.0).yaw_rate_radps;
            asked.map(|i| measure(at(i))).last().unwrap_or_default()
        };
        let squares: f64 = (0..300).map(|seed| error(seed) * error(seed)).sum();
        let sigma = (squares / 300.0).sqrt();
        assert!((sigma - 0.01).abs() < 0.0015, "{sigma}");
        let biased = ImuConfig { gyro_bias_radps: 0.3, accel_bias_mps2: -1.0, ..perfect().imu };
        let mut imu = ImuSensor::new(biased, String::new(), 1);
        let imu = imu.measure(Span::ZERO, Stamp::default(), Twist2::ZERO, 0.5);
        assert_eq!((imu.yaw_rate_radps, imu.accel_x_mps2), (0.3, -0.5));
    }
}
