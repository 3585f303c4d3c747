//! A Kalman filter for a point that moves at nearly constant velocity in the plane.
//!
//! White-noise acceleration model and Joseph-form update after Bar-Shalom, Li and Kirubarajan, "Estimation with
//! Applications to Tracking and Navigation", 2001, sections 6.2.2 and 5.2.3.

use nalgebra::{Matrix2, Matrix2x4, Matrix4, Vector2, Vector4};
use outrider_foundation::Point2;

/// Mean and covariance of x, y, vx, vy, in m and m/s.
#[derive(Clone, Debug, PartialEq)]
pub struct Kalman {
    /// Mean.
    pub mean: Vector4<f64>,
    /// Covariance.
    pub covariance: Matrix4<f64>,
}

/// A measured position with its covariance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measurement {
    /// In the filter's frame.
    pub position: Point2,
    /// In m²; positive definite.
    pub covariance: Matrix2<f64>,
}

impl Kalman {
    /// At a measured position, at rest within `speed_sigma_mps`.
    pub fn new(measurement: &Measurement, speed_sigma_mps: f64) -> Self {
        let mut covariance = Matrix4::zeros();
        covariance.fixed_view_mut::<2, 2>(0, 0).copy_from(&measurement.covariance);
        let v = speed_sigma_mps * speed_sigma_mps;
        covariance.fixed_view_mut::<2, 2>(2, 2).copy_from(&Matrix2::new(v, 0.0, 0.0, v));
        let p = measurement.position;
        Self { mean: Vector4::new(p.x_m, p.y_m, 0.0, 0.0), covariance }
    }

    /// Position.
    pub fn position(&self) -> Point2 {
        Point2::new(self.mean.x, self.mean.y)
    }

    /// Velocity.
    pub fn velocity(&self) -> Point2 {
        Point2::new(self.mean.z, self.mean.w)
    }

    /// The state `dt_s` later (or earlier: the noise grows either way).
    pub fn predicted(&self, dt_s: f64, acceleration_psd_m2ps3: f64) -> Self {
        let mut f = Matrix4::identity();
        f[(0, 2)] = dt_s;
        f[(1, 3)] = dt_s;
        let mut covariance = f * self.covariance * f.transpose();
        let (q, t) = (acceleration_psd_m2ps3, dt_s.abs());
        let (pp, pv, vv) = (q * t * t * t / 3.0, 0.5 * q * t * dt_s, q * t);
        for axis in 0..2 {
            covariance[(axis, axis)] += pp;
            covariance[(axis, axis + 2)] += pv;
            covariance[(axis + 2, axis)] += pv;
            covariance[(axis + 2, axis + 2)] += vv;
        }
        Self { mean: f * self.mean, covariance }
    }

    /// Squared Mahalanobis distance of a measurement, and the logarithm of the determinant of its innovation's
    /// covariance; `None` when that is singular.
    pub fn innovation(&self, measurement: &Measurement) -> Option<(f64, f64)> {
        let s = self.position_covariance() + measurement.covariance;
        let determinant = s.determinant();
        if !(determinant > 0.0 && determinant.is_finite()) {
            return None;
        }
        let r = self.residual(measurement);
        let distance_sq = r.dot(&(s.try_inverse()? * r));
        Some((distance_sq, libm::log(determinant)))
    }

    /// Takes a measurement in; without effect when its innovation is singular.
    pub fn update(&mut self, measurement: &Measurement) {
        let s = self.position_covariance() + measurement.covariance;
        let Some(inverse) = s.try_inverse() else { return };
        let h = Matrix2x4::new(1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0);
        let gain = self.covariance * h.transpose() * inverse;
        self.mean += gain * self.residual(measurement);
        let keep = Matrix4::identity() - gain * h;
        let joseph =
            keep * self.covariance * keep.transpose() + gain * measurement.covariance * gain.transpose();
        self.covariance = 0.5 * (joseph + joseph.transpose());
    }

    /// Slows the mean down to this speed.
    pub fn limit_speed(&mut self, speed_max_mps: f64) {
        let speed = libm::hypot(self.mean.z, self.mean.w);
        if speed > speed_max_mps {
            self.mean.z *= speed_max_mps / speed;
            self.mean.w *= speed_max_mps / speed;
        }
    }

    /// Standard deviation of the position along its worst axis.
    pub fn position_sigma_m(&self) -> f64 {
        let p = self.position_covariance();
        let (mean, half) = (0.5 * (p.m11 + p.m22), 0.5 * (p.m11 - p.m22));
        (mean + libm::hypot(half, p.m12)).max(0.0).sqrt()
    }

    fn position_covariance(&self) -> Matrix2<f64> {
        self.covariance.fixed_view::<2, 2>(0, 0).into_owned()
    }

    fn residual(&self, measurement: &Measurement) -> Vector2<f64> {
        Vector2::new(measurement.position.x_m - self.mean.x, measurement.position.y_m - self.mean.y)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use outrider_foundation::rng::Rng;

    fn measurement(x_m: f64, y_m: f64) -> Measurement {
        Measurement { position: Point2::new(x_m, y_m), covariance: Matrix2::new(0.01, 0.0, 0.0, 0.01) }
    }

    /// Normalised estimation error squared of a filter that is honest about its uncertainty: 4 on average.
    #[test]
    fn the_filter_is_consistent() {
        let (dt_s, psd) = (0.1f64, 0.5);
        let mut nees = 0.0;
        let mut count = 0.0;
        for run in 0..200u64 {
            let mut rng = Rng::new(run, 0, 0);
            // The truth is drawn from the model itself: speed with sigma 1, exact discretisation of white acceleration.
            let mut truth = Vector4::new(0.0, 0.0, rng.normal(), rng.normal());
            let mut draw = |truth: &Vector4<f64>| {
                measurement(truth.x + 0.1 * rng.normal(), truth.y + 0.1 * rng.normal())
            };
            let mut filter = Kalman::new(&draw(&truth), 1.0);
            let mut noise = Rng::new(run, 1, 0);
            for step in 0..40 {
                for axis in 0..2 {
                    let (a, b) = (noise.normal(), noise.normal());
                    let v = truth[axis + 2];
                    let dv = (psd * dt_s).sqrt() * a;
                    truth[axis] += v * dt_s + 0.5 * dt_s * dv + (psd * dt_s.powi(3) / 12.0).sqrt() * b;
                    truth[axis + 2] += dv;
                }
                filter = filter.predicted(dt_s, psd);
                filter.update(&draw(&truth));
                if step >= 10 {
                    let e = filter.mean - truth;
                    nees += e.dot(&(filter.covariance.try_inverse().unwrap() * e));
                    count += 1.0;
                }
            }
        }
        let mean = nees / count;
        assert!((3.6..4.4).contains(&mean), "mean normalised error {mean}");
    }

    #[test]
    fn uncertainty_grows_with_time_either_way_and_shrinks_with_data() {
        let filter = Kalman::new(&measurement(1.0, 2.0), 1.0);
        assert!(
            filter.predicted(0.5, 0.5).position_sigma_m() > filter.predicted(0.1, 0.5).position_sigma_m()
        );
        assert!(filter.predicted(-0.5, 0.5).position_sigma_m() > filter.position_sigma_m());
        let mut later = filter.predicted(0.5, 0.5);
        let before = later.position_sigma_m();
        later.update(&measurement(1.5, 2.0));
        assert!(later.position_sigma_m() < before && later.velocity().x_m > 0.5);
    }

    #[test]
    fn singular_measurements_do_nothing() {
        let mut filter = Kalman::new(&measurement(1.0, 2.0), 1.0);
        filter.covariance = Matrix4::zeros();
        let bad = Measurement { position: Point2::default(), covariance: Matrix2::zeros() };
        let before = filter.clone();
        filter.update(&bad);
        assert_eq!(filter, before);
        assert_eq!(filter.innovation(&bad), None);
    }
}
