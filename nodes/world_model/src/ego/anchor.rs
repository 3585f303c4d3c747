//! A pose in the map at one time, carried on by dead reckoning.

use super::reckoner::Reckoned;
use nalgebra::Matrix3;
use outrider_foundation::Pose2;

/// Least variance that is added where reckoning seems to have lost uncertainty (the gyro's bias was learnt meanwhile).
const VARIANCE_MIN: f64 = 1e-9;

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Anchor {
    /// Where the robot was in the map.
    pub map_from_base: Pose2,
    /// Of x, y, yaw.
    pub covariance: Matrix3<f64>,
    /// Where reckoning had it at the same time.
    pub reckoned: Reckoned,
}

impl Anchor {
    /// The pose in the map at the time of another reckoned pose, with its covariance.
    pub fn carried(&self, now: &Reckoned) -> (Pose2, Matrix3<f64>) {
        let then = &self.reckoned;
        let pose = self.map_from_base.then(then.pose.inverse().then(now.pose));
        // What the way from then to now has added, in the reckoned frame, turned into the map.
        let way = carry(now.pose.x_m - then.pose.x_m, now.pose.y_m - then.pose.y_m);
        let added = now.covariance - way * then.covariance * way.transpose();
        let turn = rotation(self.map_from_base.yaw_rad - then.pose.yaw_rad);
        let here = carry(pose.x_m - self.map_from_base.x_m, pose.y_m - self.map_from_base.y_m);
        let covariance = here * self.covariance * here.transpose() + turn * sound(&added) * turn.transpose();
        (pose, 0.5 * (covariance + covariance.transpose()))
    }
}

/// How errors of x, y, yaw become errors after a displacement.
fn carry(dx_m: f64, dy_m: f64) -> Matrix3<f64> {
    Matrix3::new(1.0, 0.0, -dy_m, 0.0, 1.0, dx_m, 0.0, 0.0, 1.0)
}

fn rotation(angle_rad: f64) -> Matrix3<f64> {
    let (s, c) = libm::sincos(angle_rad);
    Matrix3::new(c, -s, 0.0, s, c, 0.0, 0.0, 0.0, 1.0)
}

/// The matrix itself when it is a covariance, else one that is no smaller along the axes.
fn sound(added: &Matrix3<f64>) -> Matrix3<f64> {
    let symmetric = 0.5 * (added + added.transpose()) + Matrix3::identity() * VARIANCE_MIN;
    if symmetric.cholesky().is_some() {
        return symmetric;
    }
    Matrix3::from_diagonal(&symmetric.diagonal().map(|v| v.max(VARIANCE_MIN)))
}

/// Standard deviation of the position along its worst axis, in m.
pub fn position_sigma_m(covariance: &Matrix3<f64>) -> f64 {
    let (xx, xy, yy) = (covariance[(0, 0)], covariance[(0, 1)], covariance[(1, 1)]);
    (0.5 * (xx + yy) + libm::hypot(0.5 * (xx - yy), xy)).max(0.0).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn motion_is_carried_into_the_map_and_uncertainty_with_it() {
        let at = |pose, v: f64| Reckoned { pose, covariance: Matrix3::identity() * v };
        let anchor = Anchor {
            map_from_base: Pose2::new(10.0, 0.0, std::f64::consts::FRAC_PI_2),
            covariance: Matrix3::from_diagonal(&nalgebra::Vector3::new(1e-4, 1e-4, 1e-4)),
            reckoned: at(Pose2::IDENTITY, 0.5),
        };
        // Two metres ahead, along the map's y. All that reckoning has added is by its uncertain heading before: nothing new.
        let mut now = at(Pose2::new(2.0, 0.0, 0.0), 0.5);
        let way = carry(2.0, 0.0);
        now.covariance = way * now.covariance * way.transpose();
        let (pose, covariance) = anchor.carried(&now);
        assert!((pose.x_m - 10.0).abs() < 1e-12 && (pose.y_m - 2.0).abs() < 1e-12);
        // A heading that is off by 0.01 rad makes 0.02 m across after 2 m, which is along the map's x.
        assert!((covariance[(0, 0)] - (1e-4 + 4e-4)).abs() < 1e-6, "{covariance}");
        assert!((covariance[(1, 1)] - 1e-4).abs() < 1e-6);
        now.covariance[(0, 0)] += 0.01;
        assert!((anchor.carried(&now).1[(1, 1)] - 0.0101).abs() < 1e-6, "along the way is the map's y");
        // A bias that was learnt on the way takes nothing away.
        now.covariance = Matrix3::zeros();
        assert!(anchor.carried(&now).1.cholesky().is_some());
        assert!(
            (position_sigma_m(&Matrix3::new(4.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 9.0)) - 2.0).abs()
                < 1e-12
        );
    }
}
