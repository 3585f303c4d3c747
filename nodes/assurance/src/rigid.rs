//! A rigid transform of the plane with its sine and cosine: for whoever takes many points through one.

use outrider_foundation::{Point2, Pose2, Twist2};

/// Half turns below are as good as straight: the next term of the series is below rounding, rad.
const STRAIGHT_RAD: f64 = 1e-4;

/// Named `a_from_b`, it takes coordinates in frame b to frame a, as [`Pose2`] does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rigid {
    pub x_m: f64,
    pub y_m: f64,
    pub sin: f64,
    pub cos: f64,
}

impl Rigid {
    /// Changes nothing.
    pub const IDENTITY: Self = Self { x_m: 0.0, y_m: 0.0, sin: 0.0, cos: 1.0 };

    pub fn new(a_from_b: Pose2) -> Self {
        let (sin, cos) = libm::sincos(a_from_b.yaw_rad);
        Self { x_m: a_from_b.x_m, y_m: a_from_b.y_m, sin, cos }
    }

    /// `base_from_future_base` after moving for `dt_s` with constant `twist`: the arc of [`Pose2::advance`], with one sine.
    pub fn arc(twist: Twist2, dt_s: f64) -> Self {
        let (half, travel) = (0.5 * twist.w_radps * dt_s, twist.v_mps * dt_s);
        let (sin, cos) = libm::sincos(half);
        let sinc = if half.abs() < STRAIGHT_RAD { 1.0 - half * half / 6.0 } else { sin / half };
        let chord_m = travel * sinc;
        Self { x_m: chord_m * cos, y_m: chord_m * sin, sin: 2.0 * sin * cos, cos: 1.0 - 2.0 * sin * sin }
    }

    pub fn apply(&self, p: Point2) -> Point2 {
        Point2::new(
            self.x_m + self.cos * p.x_m - self.sin * p.y_m,
            self.y_m + self.sin * p.x_m + self.cos * p.y_m,
        )
    }

    /// The turn alone: for velocities.
    pub fn turn(&self, p: Point2) -> Point2 {
        Point2::new(self.cos * p.x_m - self.sin * p.y_m, self.sin * p.x_m + self.cos * p.y_m)
    }

    /// `a_from_b.then(b_from_c)` is `a_from_c`.
    pub fn then(&self, b_from_c: &Self) -> Self {
        let at = self.apply(Point2::new(b_from_c.x_m, b_from_c.y_m));
        Self {
            x_m: at.x_m,
            y_m: at.y_m,
            sin: self.sin * b_from_c.cos + self.cos * b_from_c.sin,
            cos: self.cos * b_from_c.cos - self.sin * b_from_c.sin,
        }
    }

    /// `a_from_b.inverse()` is `b_from_a`.
    pub fn inverse(&self) -> Self {
        let (s, c) = (self.sin, self.cos);
        Self { x_m: -(c * self.x_m + s * self.y_m), y_m: s * self.x_m - c * self.y_m, sin: -s, cos: c }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pose() -> impl Strategy<Value = Pose2> {
        (-20.0..20.0f64, -20.0..20.0f64, -3.2..3.2f64).prop_map(|(x, y, yaw)| Pose2::new(x, y, yaw))
    }

    proptest! {
        #[test]
        fn as_poses_do(a in pose(), b in pose(), x in -9.0..9.0f64, y in -9.0..9.0f64) {
            let p = Point2::new(x, y);
            let near = |q: Point2, r: Point2| q.distance_m(r) < 1e-12;
            let (ra, rb) = (Rigid::new(a), Rigid::new(b));
            prop_assert!(near(ra.apply(p), a.apply(p)));
            prop_assert!(near(ra.then(&rb).apply(p), a.then(b).apply(p)));
            prop_assert!(near(ra.inverse().apply(p), a.inverse().apply(p)));
            prop_assert!(near(ra.turn(p), Pose2::new(0.0, 0.0, a.yaw_rad).apply(p)));
        }

        #[test]
        fn an_arc_is_an_advance(v in -2.0..2.0f64, w in -3.0..3.0f64, dt in -1.0..5.0f64, x in -9.0..9.0f64) {
            let p = Point2::new(x, 1.0);
            for w in [w, w * 1e-5, 0.0] {
                let expected = Pose2::IDENTITY.advance(Twist2::new(v, w), dt).apply(p);
                prop_assert!(Rigid::arc(Twist2::new(v, w), dt).apply(p).distance_m(expected) < 1e-12);
            }
        }
    }
}
