//! What an object that is no disc takes up, seen from above.

use crate::geometry::{Point2, Pose2};

/// The rectangle about all that belongs to an object, also what a lidar in its one plane does not see: forks, a load.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct BodyBox {
    /// Its middle; its length lies along the direction.
    pub pose: Pose2,
    /// Its length.
    pub length_m: f64,
    /// Its width.
    pub width_m: f64,
}

impl BodyBox {
    /// The shortest that is taken: thinner, its corners would be in one place where it stands far from the origin.
    pub const LENGTH_LEAST_M: f64 = 1e-3;
    /// The longest that is taken.
    pub const LENGTH_LIMIT_M: f64 = 40.0;

    /// Its corners, counter-clockwise from behind on the right.
    pub fn corners(&self) -> [Point2; 4] {
        let (x, y) = (0.5 * self.length_m, 0.5 * self.width_m);
        let here = self.pose.for_many();
        [(-x, -y), (x, -y), (x, y), (-x, y)].map(|(x, y)| here.apply(Point2::new(x, y)))
    }

    /// The same seen from another frame.
    #[must_use]
    pub fn seen_from(&self, other_from_this: Pose2) -> Self {
        Self { pose: other_from_this.then(self.pose), ..*self }
    }

    /// The same, so far away.
    #[must_use]
    pub fn moved(&self, by: Point2) -> Self {
        let pose = Pose2 { x_m: self.pose.x_m + by.x_m, y_m: self.pose.y_m + by.y_m, ..self.pose };
        Self { pose, ..*self }
    }

    /// The same with its sides moved inwards by so much; `None` when nothing is left of it.
    pub fn shrunk(&self, by_m: f64) -> Option<Self> {
        let (length_m, width_m) = (self.length_m - 2.0 * by_m, self.width_m - 2.0 * by_m);
        (length_m > 0.0 && width_m > 0.0).then_some(Self { length_m, width_m, ..*self })
    }

    /// Distance of a place from it, zero within.
    pub fn distance_m(&self, p: Point2) -> f64 {
        let p = self.pose.inverse().apply(p);
        let beyond_m = |m: f64, side_m: f64| (m.abs() - 0.5 * side_m).max(0.0);
        libm::hypot(beyond_m(p.x_m, self.length_m), beyond_m(p.y_m, self.width_m))
    }

    /// Every number finite, and sides of a millimetre ([`Self::LENGTH_LEAST_M`]) to [`Self::LENGTH_LIMIT_M`].
    pub fn is_sound(&self) -> bool {
        let side = |m: f64| (Self::LENGTH_LEAST_M..=Self::LENGTH_LIMIT_M).contains(&m);
        self.pose.is_finite() && side(self.length_m) && side(self.width_m)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corners_stand_about_the_pose_and_go_with_the_frame() {
        let body =
            BodyBox { pose: Pose2::new(3.0, 1.0, std::f64::consts::FRAC_PI_2), length_m: 4.0, width_m: 2.0 };
        let close = |got: [Point2; 4], want: [(f64, f64); 4]| {
            for (got, (x, y)) in got.iter().zip(want) {
                assert!(got.distance_m(Point2::new(x, y)) < 1e-12, "{got:?}");
            }
        };
        close(body.corners(), [(4.0, -1.0), (4.0, 3.0), (2.0, 3.0), (2.0, -1.0)]);
        close(
            body.moved(Point2::new(1.0, -1.0)).corners(),
            [(5.0, -2.0), (5.0, 2.0), (3.0, 2.0), (3.0, -2.0)],
        );
        let other_from_this = Pose2::new(0.0, 0.0, -std::f64::consts::FRAC_PI_2);
        close(
            body.seen_from(other_from_this).corners(),
            [(-1.0, -4.0), (3.0, -4.0), (3.0, -2.0), (-1.0, -2.0)],
        );
    }

    #[test]
    fn distances_are_from_its_sides_and_corners_and_it_shrinks_to_nothing() {
        let body =
            BodyBox { pose: Pose2::new(3.0, 1.0, std::f64::consts::FRAC_PI_2), length_m: 4.0, width_m: 2.0 };
        let distance_m = |x, y| body.distance_m(Point2::new(x, y));
        assert!(distance_m(3.5, 2.5).abs() < 1e-12 && (distance_m(4.5, 1.0) - 0.5).abs() < 1e-12);
        assert!((distance_m(4.3, 3.4) - 0.5).abs() < 1e-12, "from the corner");
        let less = body.shrunk(0.75).unwrap();
        assert_eq!((less.pose, less.length_m, less.width_m), (body.pose, 2.5, 0.5));
        assert_eq!(body.shrunk(1.0), None);
    }

    #[test]
    fn what_has_no_size_or_too_much_is_not_sound() {
        let body = BodyBox { length_m: 3.0, width_m: 1.0, ..BodyBox::default() };
        assert!(body.is_sound());
        for (length_m, width_m) in [(0.0, 1.0), (3.0, 0.0), (-3.0, 1.0), (40.1, 1.0), (f64::NAN, 1.0)] {
            assert!(!BodyBox { length_m, width_m, ..body }.is_sound(), "{length_m} {width_m}");
        }
        let nowhere = Pose2 { x_m: f64::INFINITY, y_m: 0.0, yaw_rad: 0.0 };
        assert!(!BodyBox { pose: nowhere, ..body }.is_sound());
    }
}
