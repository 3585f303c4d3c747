//! An extended Kalman filter over what the wheels have turned and what the gyro has seen.
//!
//! State: x, y, yaw, forward speed, turn rate (mean over the last step of the wheels), bias of the gyro. A step of the wheels
//! moves the pose; its unknown error enters pose, speed and turn rate together, so that the gyro, which measures turn rate
//! plus bias, corrects the heading too. Update in Joseph's form.

use crate::config::FilterConfig;
use nalgebra::{Matrix3, Matrix6, RowVector6, SMatrix, Vector6};
use outrider_foundation::Pose2;
use outrider_foundation::geometry::wrap_angle;

const YAW: usize = 2;
const SPEED: usize = 3;
const RATE: usize = 4;
const BIAS: usize = 5;

/// Below these the wheels stand, in m/s and rad/s: the gyro shows its bias.
const STANDING_MPS: f64 = 0.005;
const STANDING_RADPS: f64 = 0.005;

/// What the wheels say of the time from one message to the next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WheelStep {
    /// `base_then_from_base_now`.
    pub motion: Pose2,
    /// How long it took; above zero.
    pub dt_s: f64,
    /// Variance of the wheels' own reading of speed and turn rate.
    pub rate_variance: [f64; 2],
    /// Variance to add to the travel, in m², because the wheels are not believed.
    pub doubt_m2: f64,
}

/// Mean turn rate by the gyro over a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gyro {
    /// In rad/s, bias and all.
    pub rate_radps: f64,
    /// Of the mean.
    pub variance: f64,
}

/// What a step showed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StepReport {
    /// Gyro less wheels and bias, in rad/s; zero without a gyro.
    pub disagreement_radps: f64,
    /// Its square by its variance: χ² with one degree of freedom.
    pub nis: f64,
    /// The wheels' turning was not believed.
    pub wheels_slip: bool,
}

/// The filter.
#[derive(Clone, Debug)]
pub struct EgoFilter {
    config: FilterConfig,
    mean: Vector6<f64>,
    covariance: Matrix6<f64>,
}

impl EgoFilter {
    /// At a pose that is exact by definition: it is where its frame begins.
    pub fn new(config: FilterConfig, pose: Pose2) -> Self {
        let mut covariance = Matrix6::zeros();
        covariance[(BIAS, BIAS)] = config.gyro_bias_sigma_radps * config.gyro_bias_sigma_radps;
        let mean = Vector6::new(pose.x_m, pose.y_m, pose.yaw_rad, 0.0, 0.0, 0.0);
        Self { config, mean, covariance }
    }

    /// Pose in the filter's frame, which begins where the first odometry was and drifts.
    pub fn pose(&self) -> Pose2 {
        Pose2::new(self.mean.x, self.mean.y, self.mean.z)
    }

    /// Covariance of x, y, yaw.
    pub fn pose_covariance(&self) -> Matrix3<f64> {
        self.covariance.fixed_view::<3, 3>(0, 0).into_owned()
    }

    /// Turn rate over the last step, in rad/s.
    pub fn rate_radps(&self) -> f64 {
        self.mean[RATE]
    }

    /// Bias of the gyro, in rad/s.
    pub fn bias_radps(&self) -> f64 {
        self.mean[BIAS]
    }

    /// Whole covariance.
    #[cfg(test)]
    pub fn covariance(&self) -> &Matrix6<f64> {
        &self.covariance
    }

    /// Takes a step of the wheels, with the gyro's word on it when there is one.
    ///
    /// The bias is learnt while the wheels stand, and only then: wheels of a slightly wrong size look like a bias that changes
    /// with every turn. While they move, its uncertainty is reckoned with and it stays (a consider update, after Schmidt).
    ///
    /// The test for slip: the disagreement of gyro and wheels is greater than `slip.yaw_min_radps`, and its square by its
    /// variance greater than `slip.yaw_chi2`. Then the wheels' turning is not believed, the gyro turns the pose, and the heading
    /// becomes less certain by the disagreement: two sensors cannot tell which of them is wrong.
    pub fn step(&mut self, wheels: &WheelStep, gyro: Option<Gyro>) -> StepReport {
        let (mean, covariance) = (self.mean, self.covariance);
        self.predict(wheels, 0.0);
        let Some(gyro) = gyro else { return StepReport::default() };
        let slip = self.config.slip;
        let (innovation, variance) = self.innovation(gyro);
        let nis = innovation * innovation / variance;
        // While the wheels stand, what the gyro shows is its bias, up to what a bias can be.
        let bias_shows = Self::stands(wheels) && innovation.abs() < self.config.gyro_bias_max_radps;
        let wheels_slip = !bias_shows && innovation.abs() > slip.yaw_min_radps && nis > slip.yaw_chi2;
        if wheels_slip {
            (self.mean, self.covariance) = (mean, covariance);
            let turned = innovation * wheels.dt_s;
            self.predict(wheels, turned * turned);
            self.update(gyro, false);
            self.covariance[(YAW, YAW)] += turned * turned;
        } else {
            self.update(gyro, bias_shows);
        }
        StepReport { disagreement_radps: innovation, nis, wheels_slip }
    }

    /// The pose and its covariance after a further step, without taking it.
    pub fn after(&self, wheels: &WheelStep) -> (Pose2, Matrix3<f64>) {
        let mut next = self.clone();
        next.predict(wheels, 0.0);
        (next.pose(), next.pose_covariance())
    }

    fn predict(&mut self, wheels: &WheelStep, turn_doubt_rad2: f64) {
        let c = &self.config;
        let step = wheels.motion;
        let travel_m = libm::hypot(step.x_m, step.y_m);
        let (rate, dt_s) = (1.0 / wheels.dt_s, wheels.dt_s);
        let (sin, cos) = libm::sincos(self.mean[YAW]);
        let (dx, dy) = (cos * step.x_m - sin * step.y_m, sin * step.x_m + cos * step.y_m);

        let mut f = Matrix6::identity();
        f[(0, YAW)] = -dy;
        f[(1, YAW)] = dx;
        f[(SPEED, SPEED)] = 0.0;
        f[(RATE, RATE)] = 0.0;

        // Errors of the travel and of the turn, by how they enter the state.
        let mut g = SMatrix::<f64, 6, 2>::zeros();
        let (mid_sin, mid_cos) = libm::sincos(self.mean[YAW] + 0.5 * step.yaw_rad);
        g[(0, 0)] = mid_cos;
        g[(1, 0)] = mid_sin;
        g[(0, 1)] = -0.5 * dy;
        g[(1, 1)] = 0.5 * dx;
        g[(YAW, 1)] = 1.0;
        g[(SPEED, 0)] = rate;
        g[(RATE, 1)] = rate;
        let square = |value: f64| value * value;
        let travel_var = square(c.travel_sigma_per_sqrt_m) * travel_m + wheels.doubt_m2;
        let turn_var = square(c.turn_sigma_per_sqrt_rad) * step.yaw_rad.abs()
            + square(c.turn_sigma_per_sqrt_m) * travel_m
            + turn_doubt_rad2;
        let q = SMatrix::<f64, 2, 2>::new(travel_var, 0.0, 0.0, turn_var);

        self.covariance = f * self.covariance * f.transpose() + g * q * g.transpose();
        let [speed_var, rate_var] = wheels.rate_variance;
        self.covariance[(SPEED, SPEED)] += speed_var;
        self.covariance[(RATE, RATE)] += rate_var;
        self.covariance[(BIAS, BIAS)] += square(c.gyro_bias_walk) * dt_s;
        self.mean[0] += dx;
        self.mean[1] += dy;
        self.mean[YAW] = wrap_angle(self.mean[YAW] + step.yaw_rad);
        self.mean[SPEED] = if step.x_m < 0.0 { -travel_m * rate } else { travel_m * rate };
        self.mean[RATE] = step.yaw_rad * rate;
    }

    fn observation() -> RowVector6<f64> {
        RowVector6::new(0.0, 0.0, 0.0, 0.0, 1.0, 1.0)
    }

    fn innovation(&self, gyro: Gyro) -> (f64, f64) {
        let h = Self::observation();
        let variance = (h * self.covariance * h.transpose()).x + gyro.variance;
        (gyro.rate_radps - self.mean[RATE] - self.mean[BIAS], variance.max(f64::MIN_POSITIVE))
    }

    /// With `learn` the bias is corrected, and what it has done to the pose; without, only the step that has just been made.
    fn update(&mut self, gyro: Gyro, learn: bool) {
        let h = Self::observation();
        let (innovation, variance) = self.innovation(gyro);
        let gain = if learn {
            self.covariance * h.transpose() / variance
        } else {
            let mut of_step: Vector6<f64> = self.covariance.column(RATE) / variance;
            of_step[BIAS] = 0.0;
            of_step
        };
        self.mean += gain * innovation;
        self.mean[YAW] = wrap_angle(self.mean[YAW]);
        let limit = self.config.gyro_bias_max_radps;
        self.mean[BIAS] = self.mean[BIAS].clamp(-limit, limit);
        // Joseph's form holds for every gain, not only for the best.
        let keep = Matrix6::identity() - gain * h;
        let joseph = keep * self.covariance * keep.transpose() + gain * gyro.variance * gain.transpose();
        self.covariance = 0.5 * (joseph + joseph.transpose());
    }

    /// Whether a step of the wheels is standing still.
    fn stands(wheels: &WheelStep) -> bool {
        let travel_m = libm::hypot(wheels.motion.x_m, wheels.motion.y_m);
        travel_m < STANDING_MPS * wheels.dt_s && wheels.motion.yaw_rad.abs() < STANDING_RADPS * wheels.dt_s
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::shipped;
    use outrider_foundation::Twist2;
    use outrider_foundation::rng::Rng;

    const DT_S: f64 = 0.02;

    fn step(twist: Twist2) -> WheelStep {
        let motion = Pose2::IDENTITY.advance(twist, DT_S);
        WheelStep { motion, dt_s: DT_S, rate_variance: [1e-4; 2], doubt_m2: 0.0 }
    }

    fn gyro(rate_radps: f64) -> Option<Gyro> {
        Some(Gyro { rate_radps, variance: 25e-6 })
    }

    fn filter() -> EgoFilter {
        EgoFilter::new(shipped().ego.filter, Pose2::IDENTITY)
    }

    /// Errors drawn from the filter's own model: x, y, yaw and bias have a NEES of four on average.
    #[test]
    fn the_filter_is_consistent() {
        // Noise alone is taken for slip now and then, which makes the filter less certain than it has to be: not here.
        let mut config = shipped().ego.filter;
        config.slip.yaw_min_radps = 5.0;
        let (mut nees, mut count) = (0.0, 0.0);
        for run in 0..200u64 {
            let mut rng = Rng::new(run, 0, 0);
            let mut filter = EgoFilter::new(config, Pose2::IDENTITY);
            let mut truth = Pose2::IDENTITY;
            let mut bias = config.gyro_bias_sigma_radps * rng.normal();
            for i in 0..300 {
                let twist = Twist2::new(0.8, if (i / 50) % 2 == 0 { 0.7 } else { -0.5 });
                let (travel_m, turn_rad) = (twist.v_mps * DT_S, twist.w_radps * DT_S);
                let travel_error = config.travel_sigma_per_sqrt_m * travel_m.sqrt() * rng.normal();
                let turn_var = config.turn_sigma_per_sqrt_rad.powi(2) * turn_rad.abs()
                    + config.turn_sigma_per_sqrt_m.powi(2) * travel_m;
                let turn_error = turn_var.sqrt() * rng.normal();
                bias += config.gyro_bias_walk * DT_S.sqrt() * rng.normal();
                let real = Twist2::new((travel_m + travel_error) / DT_S, (turn_rad + turn_error) / DT_S);
                truth = truth.advance(real, DT_S);
                let wheels = WheelStep { rate_variance: [0.0; 2], ..step(twist) };
                filter.step(&wheels, gyro(real.w_radps + bias + 5e-3 * rng.normal()));
            }
            let p = filter.pose();
            let e = nalgebra::Vector4::new(
                p.x_m - truth.x_m,
                p.y_m - truth.y_m,
                wrap_angle(p.yaw_rad - truth.yaw_rad),
                filter.bias_radps() - bias,
            );
            let c = filter.covariance();
            let at = [0, 1, YAW, BIAS];
            let part = nalgebra::Matrix4::from_fn(|r, k| c[(at[r], at[k])]);
            nees += e.dot(&(part.try_inverse().unwrap() * e));
            count += 1.0;
        }
        let mean = nees / count;
        // 95 % band of a mean over 200 runs of χ² with four degrees of freedom, and a little for what is linearised.
        assert!((3.5..4.5).contains(&mean), "NEES {mean}");
    }

    #[test]
    fn the_gyro_corrects_the_heading_and_its_bias_is_learnt() {
        // The wheels turn 2 % too little; without the gyro the heading is off by that.
        let mut filter = filter();
        for _ in 0..200 {
            filter.step(&step(Twist2::ZERO), gyro(0.004));
        }
        assert!((filter.bias_radps() - 0.004).abs() < 5e-4, "{}", filter.bias_radps());
        for _ in 0..200 {
            filter.step(&step(Twist2::new(0.5, 0.49)), gyro(0.5 + 0.004));
        }
        let error_rad = wrap_angle(filter.pose().yaw_rad - 200.0 * DT_S * 0.5);
        assert!(error_rad.abs() < 0.25 * 0.01 * 200.0 * DT_S, "{error_rad}");
    }

    #[test]
    fn wheels_that_spin_are_found_out_and_the_gyro_turns_the_pose() {
        let mut filter = filter();
        for _ in 0..50 {
            assert!(!filter.step(&step(Twist2::new(0.5, 0.02)), gyro(0.0)).wheels_slip);
        }
        let (before, bias) = (filter.pose_covariance(), filter.bias_radps());
        let yaw_rad = filter.pose().yaw_rad;
        for _ in 0..50 {
            assert!(filter.step(&step(Twist2::new(0.5, 0.6)), gyro(0.0)).wheels_slip);
        }
        assert!((filter.pose().yaw_rad - yaw_rad).abs() < 0.03, "{}", filter.pose().yaw_rad);
        assert!((filter.bias_radps() - bias).abs() < 1e-12, "a slip teaches no bias");
        assert!(filter.pose_covariance()[(2, 2)] > before[(2, 2)] + 50.0 * (0.55 * DT_S * 0.55 * DT_S));
    }

    #[test]
    fn the_covariance_stays_symmetric_and_positive() {
        let mut rng = Rng::new(3, 0, 0);
        let mut filter = filter();
        for _ in 0..20_000 {
            let twist = Twist2::new(rng.normal(), 3.0 * rng.normal());
            filter.step(&step(twist), gyro(3.0 * rng.normal()));
            let c = filter.covariance();
            assert!((c - c.transpose()).abs().max() <= 1e-9 * c.abs().max());
        }
        let eigen = filter.covariance().symmetric_eigenvalues();
        assert!(eigen.iter().all(|v| *v > 0.0 && v.is_finite()), "{eigen}");
    }

    #[test]
    fn standing_is_told() {
        assert!(EgoFilter::stands(&step(Twist2::new(0.002, 0.001))));
        assert!(!EgoFilter::stands(&step(Twist2::new(0.02, 0.0))));
        assert!(!EgoFilter::stands(&step(Twist2::new(0.0, 0.02))));
    }
}
