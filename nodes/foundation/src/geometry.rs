//! Plane geometry in SI units (REP-103): x forward, y left, angles counter-clockwise in radians.

use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

/// A point or a displacement in a plane, in metres.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Point2 {
    /// Along x.
    pub x_m: f64,
    /// Along y.
    pub y_m: f64,
}

impl Point2 {
    /// From coordinates in metres.
    pub const fn new(x_m: f64, y_m: f64) -> Self {
        Self { x_m, y_m }
    }

    /// Euclidean distance in metres. A plain root: nothing here is so far away that its square overflows.
    pub fn distance_m(self, other: Self) -> f64 {
        let (dx, dy) = (self.x_m - other.x_m, self.y_m - other.y_m);
        (dx * dx + dy * dy).sqrt()
    }

    /// Both coordinates are finite.
    pub fn is_finite(self) -> bool {
        self.x_m.is_finite() && self.y_m.is_finite()
    }
}

/// A pose in a plane, or a rigid transform: named `a_from_b`, it takes coordinates in frame b to frame a.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Pose2 {
    /// Position along x.
    pub x_m: f64,
    /// Position along y.
    pub y_m: f64,
    /// Heading, rad: within (−π, π] as the operations here make it, as given by [`Self::new`].
    pub yaw_rad: f64,
}

impl Pose2 {
    /// The transform that changes nothing.
    pub const IDENTITY: Self = Self { x_m: 0.0, y_m: 0.0, yaw_rad: 0.0 };

    /// From position in metres and heading in radians.
    pub const fn new(x_m: f64, y_m: f64, yaw_rad: f64) -> Self {
        Self { x_m, y_m, yaw_rad }
    }

    /// `a_from_b.then(b_from_c)` is `a_from_c`.
    pub fn then(self, other: Self) -> Self {
        let p = self.apply(other.position());
        Self { x_m: p.x_m, y_m: p.y_m, yaw_rad: wrap_angle(self.yaw_rad + other.yaw_rad) }
    }

    /// `a_from_b.inverse()` is `b_from_a`.
    pub fn inverse(self) -> Self {
        let (s, c) = libm::sincos(self.yaw_rad);
        Self {
            x_m: -(c * self.x_m + s * self.y_m),
            y_m: s * self.x_m - c * self.y_m,
            yaw_rad: wrap_angle(-self.yaw_rad),
        }
    }

    /// `a_from_b.apply(point in b)` is the point in a.
    pub fn apply(self, p: Point2) -> Point2 {
        self.for_many().apply(p)
    }

    /// The same for many points: sine and cosine are found once.
    pub fn for_many(self) -> Frame {
        let (sin, cos) = libm::sincos(self.yaw_rad);
        Frame { pose: self, sin, cos }
    }

    /// The position alone.
    pub const fn position(self) -> Point2 {
        Point2::new(self.x_m, self.y_m)
    }

    /// All three numbers are finite.
    pub fn is_finite(self) -> bool {
        self.x_m.is_finite() && self.y_m.is_finite() && self.yaw_rad.is_finite()
    }

    /// The pose after moving for `dt_s` with constant `twist` (exact unicycle arc).
    pub fn advance(self, twist: Twist2, dt_s: f64) -> Self {
        let turn = twist.w_radps * dt_s;
        let travel = twist.v_mps * dt_s;
        // Chord of the arc: sin(turn/2)/(turn/2), by series near zero.
        let half = 0.5 * turn;
        let sinc = if half.abs() < 1e-4 { 1.0 - half * half / 6.0 } else { libm::sin(half) / half };
        let (s, c) = libm::sincos(self.yaw_rad + half);
        Self {
            x_m: self.x_m + travel * sinc * c,
            y_m: self.y_m + travel * sinc * s,
            yaw_rad: wrap_angle(self.yaw_rad + turn),
        }
    }
}

/// A pose with sine and cosine of its heading.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Frame {
    pose: Pose2,
    sin: f64,
    cos: f64,
}

impl Frame {
    /// As [`Pose2::apply`].
    #[inline]
    pub fn apply(self, p: Point2) -> Point2 {
        let Self { pose, sin, cos } = self;
        Point2::new(pose.x_m + cos * p.x_m - sin * p.y_m, pose.y_m + sin * p.x_m + cos * p.y_m)
    }

    /// A direction or velocity: turned only.
    #[inline]
    pub fn turn(self, v: Point2) -> Point2 {
        Self { pose: Pose2 { x_m: 0.0, y_m: 0.0, ..self.pose }, ..self }.apply(v)
    }

    /// The pose itself.
    pub const fn pose(self) -> Pose2 {
        self.pose
    }

    /// Sine and cosine of the heading.
    pub const fn sin_cos(self) -> (f64, f64) {
        (self.sin, self.cos)
    }
}

/// Velocity of a differential-drive robot in its own frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Twist2 {
    /// Forward speed.
    pub v_mps: f64,
    /// Turn rate, positive to the left.
    pub w_radps: f64,
}

impl Twist2 {
    /// Standing still.
    pub const ZERO: Self = Self { v_mps: 0.0, w_radps: 0.0 };

    /// From metres and radians per second.
    pub const fn new(v_mps: f64, w_radps: f64) -> Self {
        Self { v_mps, w_radps }
    }

    /// Both numbers are finite.
    pub fn is_finite(self) -> bool {
        self.v_mps.is_finite() && self.w_radps.is_finite()
    }
}

/// The same angle within (−π, π]. Non-finite angles come back as they are.
pub fn wrap_angle(angle_rad: f64) -> f64 {
    if !angle_rad.is_finite() || (angle_rad > -PI && angle_rad <= PI) {
        return angle_rad;
    }
    let wrapped = libm::remainder(angle_rad, 2.0 * PI);
    if wrapped <= -PI { PI } else { wrapped }
}

/// The ellipse that a covariance in a plane stands for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ellipse {
    /// Longer half axis.
    pub major_m: f64,
    /// Shorter half axis.
    pub minor_m: f64,
    /// Direction of the longer one, within (−π/2, π/2].
    pub yaw_rad: f64,
}

impl Ellipse {
    /// Standard deviations of the ellipse that holds the truth with 95 %: the root of χ² with two degrees of freedom.
    pub const SIGMAS_95: f64 = 2.447_746_830_680_816;

    /// So many standard deviations of the covariance [xx, xy; xy, yy] in m². `None` where it is not finite or has a negative axis.
    pub fn of_covariance(xx: f64, xy: f64, yy: f64, sigmas: f64) -> Option<Self> {
        let (mean, half) = (0.5 * (xx + yy), 0.5 * (xx - yy));
        let spread = (half * half + xy * xy).sqrt();
        let (most, least) = (mean + spread, mean - spread);
        // Rounding may put the shorter axis of a line just below zero.
        if !(most.is_finite() && least >= -1e-9 * most.abs()) {
            return None;
        }
        let yaw_rad = if spread > 0.0 { 0.5 * libm::atan2(xy, half) } else { 0.0 };
        Some(Self { major_m: sigmas * most.sqrt(), minor_m: sigmas * least.max(0.0).sqrt(), yaw_rad })
    }
}

/// The outline of the robot in its base frame: a convex polygon that contains the origin.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Footprint {
    corners: Vec<Point2>,
    inscribed_m: f64,
    circumscribed_m: f64,
}

/// Why a footprint was refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FootprintError {
    /// Too few corners, or a coordinate that is not a number.
    #[error("a footprint needs 3 to {limit} finite corners, got {corners}", limit = Footprint::CORNER_LIMIT)]
    Corners {
        /// How many were given.
        corners: usize,
    },
    /// Clockwise, not convex, or the origin lies outside.
    #[error("footprint corner {corner} makes it clockwise, not convex, or leaves base_link's origin outside")]
    NotConvex {
        /// Index of the first corner of the offending edge.
        corner: usize,
    },
}

impl Footprint {
    /// The most corners a footprint may have.
    pub const CORNER_LIMIT: usize = 16;

    /// From counter-clockwise corners in metres.
    ///
    /// # Errors
    /// When there are fewer than 3 or more than [`Self::CORNER_LIMIT`] corners, or they are not strictly convex around the origin.
    pub fn new(corners: Vec<Point2>) -> Result<Self, FootprintError> {
        let count = corners.len();
        if !(3..=Self::CORNER_LIMIT).contains(&count) || corners.iter().any(|c| !c.is_finite()) {
            return Err(FootprintError::Corners { corners: count });
        }
        let mut inscribed_m = f64::INFINITY;
        let mut circumscribed_m: f64 = 0.0;
        for (i, (a, b)) in sides(&corners).enumerate() {
            let distance_m = edge_offset_m(a, b, Point2::default());
            // Every other corner, not the next one alone: a star turns left at each of its corners as well.
            let to_the_left = |(other, c): (usize, &Point2)| {
                other == i || other == (i + 1) % count || edge_offset_m(a, b, *c) > 0.0
            };
            if distance_m <= 0.0 || !corners.iter().enumerate().all(to_the_left) {
                return Err(FootprintError::NotConvex { corner: i });
            }
            inscribed_m = inscribed_m.min(distance_m);
            circumscribed_m = circumscribed_m.max(libm::hypot(a.x_m, a.y_m));
        }
        Ok(Self { corners, inscribed_m, circumscribed_m })
    }

    /// A rectangle from `rear_m` behind to `front_m` ahead of the origin, `width_m` wide.
    ///
    /// # Errors
    /// When it does not contain the origin.
    pub fn rectangle(front_m: f64, rear_m: f64, width_m: f64) -> Result<Self, FootprintError> {
        let half = 0.5 * width_m;
        Self::new(vec![
            Point2::new(front_m, -half),
            Point2::new(front_m, half),
            Point2::new(-rear_m, half),
            Point2::new(-rear_m, -half),
        ])
    }

    /// Its corners, counter-clockwise.
    pub fn corners(&self) -> &[Point2] {
        &self.corners
    }

    /// Radius of the largest disc about the origin inside it.
    pub const fn inscribed_m(&self) -> f64 {
        self.inscribed_m
    }

    /// Radius of the smallest disc about the origin around it.
    pub const fn circumscribed_m(&self) -> f64 {
        self.circumscribed_m
    }

    /// Whether a point in the base frame lies inside or on the outline.
    pub fn contains(&self, p: Point2) -> bool {
        sides(&self.corners).all(|(a, b)| left_of(a, b, p) >= 0.0)
    }

    /// Whether a point in the base frame is farther from the outline than `than_m`, zero or more, by its distance from the origin
    /// alone: true for most points that are, whatever the heading of the base, and for none that is not.
    pub fn is_surely_farther(&self, p: Point2, than_m: f64) -> bool {
        // More than rounding can make of it.
        let far_m = (self.circumscribed_m + than_m) * (1.0 + 1e-9);
        p.x_m * p.x_m + p.y_m * p.y_m > far_m * far_m
    }

    /// Whether a point in the base frame lies within the outline, or no farther than `margin_m` from it.
    pub fn reaches(&self, p: Point2, margin_m: f64) -> bool {
        if margin_m >= 0.0 {
            // What is far need not be told how far, and what is in it not how deep.
            !self.is_surely_farther(p, margin_m)
                && (self.contains(p) || self.signed_distance_m(p) <= margin_m)
        } else {
            self.signed_distance_m(p) <= margin_m
        }
    }

    /// Signed distance from a point in the base frame to the outline: negative inside.
    pub fn signed_distance_m(&self, p: Point2) -> f64 {
        // Roots only where they are needed: for almost every point it is one.
        if self.contains(p) {
            return -sides(&self.corners).map(|(a, b)| edge_offset_m(a, b, p)).fold(f64::INFINITY, f64::min);
        }
        let squares = sides(&self.corners).map(|(a, b)| segment_distance_sq(a, b, p));
        least(squares).sqrt()
    }
}

/// The least of them, infinite where there are none. What is no number stays none, for whoever judges a distance: `f64::min` would pass
/// over it.
pub fn least(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(f64::INFINITY, |least, value| if value < least || value.is_nan() { value } else { least })
}

/// The sides of a closed polygon, each from a corner to the next.
pub fn sides(corners: &[Point2]) -> impl Iterator<Item = (Point2, Point2)> + '_ {
    // Not `cycle`: this is where everybody's distances are reckoned, and it takes twice the time.
    let last = corners.last().copied().zip(corners.first().copied());
    corners.array_windows::<2>().map(|[a, b]| (*a, *b)).chain(last)
}

/// Distance of `p` to the left of the line from `a` to `b`, times their distance.
fn left_of(a: Point2, b: Point2, p: Point2) -> f64 {
    (b.x_m - a.x_m) * (p.y_m - a.y_m) - (b.y_m - a.y_m) * (p.x_m - a.x_m)
}

/// Distance of `p` to the left of the line from `a` to `b`.
fn edge_offset_m(a: Point2, b: Point2, p: Point2) -> f64 {
    let length = libm::hypot(b.x_m - a.x_m, b.y_m - a.y_m);
    if length <= 0.0 { f64::NEG_INFINITY } else { left_of(a, b, p) / length }
}

/// The place of the segment `a`–`b` that is nearest to `p`.
pub fn nearest_on_segment(a: Point2, b: Point2, p: Point2) -> Point2 {
    let (dx, dy) = (b.x_m - a.x_m, b.y_m - a.y_m);
    let length_sq = dx * dx + dy * dy;
    let along = if length_sq > 0.0 {
        (((p.x_m - a.x_m) * dx + (p.y_m - a.y_m) * dy) / length_sq).clamp(0.0, 1.0)
    } else {
        0.0
    };
    Point2::new(a.x_m + along * dx, a.y_m + along * dy)
}

/// Squared distance of `p` from the segment `a`–`b`, in m².
pub fn segment_distance_sq(a: Point2, b: Point2, p: Point2) -> f64 {
    let nearest = nearest_on_segment(a, b, p);
    let (ex, ey) = (p.x_m - nearest.x_m, p.y_m - nearest.y_m);
    ex * ex + ey * ey
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The covariance made of the ellipse's axes is the one that the ellipse was made of.
    #[test]
    fn an_ellipse_is_its_covariance() {
        for (xx, xy, yy) in [(0.04, 0.0, 0.01), (0.01, 0.0, 0.04), (0.03, -0.012, 0.02), (0.02, 0.02, 0.02)] {
            let e = Ellipse::of_covariance(xx, xy, yy, 2.0).unwrap();
            let (s, c) = libm::sincos(e.yaw_rad);
            let (a, b) = ((0.5 * e.major_m).powi(2), (0.5 * e.minor_m).powi(2));
            assert!((a * c * c + b * s * s - xx).abs() < 1e-12 && (a * s * s + b * c * c - yy).abs() < 1e-12);
            assert!(((a - b) * s * c - xy).abs() < 1e-12 && e.major_m >= e.minor_m);
        }
        for (xx, xy, yy) in
            [(f64::NAN, 0.0, 1.0), (1.0, 2.0, 1.0), (-1.0, 0.0, -1.0), (f64::INFINITY, 0.0, 1.0)]
        {
            assert_eq!(Ellipse::of_covariance(xx, xy, yy, 1.0), None);
        }
        assert!((Ellipse::SIGMAS_95.powi(2) - 5.991_464_547).abs() < 1e-8);
    }
    use approx::assert_relative_eq;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn inverse_undoes(x in -50.0..50.0f64, y in -50.0..50.0f64, yaw in -9.0..9.0f64, px in -9.0..9.0f64, py in -9.0..9.0f64) {
            let a_from_b = Pose2::new(x, y, yaw);
            let p = Point2::new(px, py);
            let back = a_from_b.inverse().apply(a_from_b.apply(p));
            prop_assert!(back.distance_m(p) < 1e-9);
            prop_assert!(a_from_b.then(a_from_b.inverse()).position().distance_m(Point2::default()) < 1e-9);
            let turn_only = Pose2 { x_m: 0.0, y_m: 0.0, ..a_from_b };
            prop_assert_eq!(a_from_b.for_many().turn(p), turn_only.apply(p));
        }

        #[test]
        fn one_arc_equals_many_small_ones(v in -2.0..2.0f64, w in -3.0..3.0f64) {
            let twist = Twist2::new(v, w);
            let whole = Pose2::IDENTITY.advance(twist, 1.0);
            let parts = (0..100).fold(Pose2::IDENTITY, |p, _| p.advance(twist, 0.01));
            prop_assert!(whole.position().distance_m(parts.position()) < 1e-9);
        }

        #[test]
        fn wrapped_angles_stay_in_range(a in -1e3..1e3f64) {
            let w = wrap_angle(a);
            prop_assert!(w > -PI && w <= PI);
            prop_assert!((libm::sin(w) - libm::sin(a)).abs() < 1e-9);
        }
    }

    #[test]
    fn footprint_distances() -> Result<(), FootprintError> {
        let f = Footprint::rectangle(0.3, 0.2, 0.4)?;
        assert_relative_eq!(f.inscribed_m(), 0.2);
        assert_relative_eq!(f.circumscribed_m(), libm::hypot(0.3, 0.2));
        assert_relative_eq!(f.signed_distance_m(Point2::new(0.8, 0.0)), 0.5);
        assert_relative_eq!(f.signed_distance_m(Point2::default()), -0.2);
        assert_relative_eq!(f.signed_distance_m(Point2::new(0.3 + 0.3, 0.2 + 0.4)), 0.5);
        for (x, y, inside) in
            [(0.29, 0.19, true), (0.3, 0.2, true), (0.31, 0.0, false), (-0.19, -0.21, false)]
        {
            assert_eq!(f.contains(Point2::new(x, y)), inside, "{x} {y}");
        }
        assert!(!f.contains(Point2::new(f64::NAN, 0.0)));
        Ok(())
    }

    /// A pentagram turns left at each corner and has the origin on its left all along: as a footprint it would be its inner
    /// pentagon alone.
    #[test]
    fn a_star_is_no_footprint() {
        let corner = |i: usize| {
            let (s, c) = libm::sincos(i as f64 * 0.4 * PI);
            Point2::new(0.5 * c, 0.5 * s)
        };
        assert!(Footprint::new([0, 1, 2, 3, 4].map(corner).to_vec()).is_ok());
        let star = Footprint::new([0, 2, 4, 1, 3].map(corner).to_vec());
        assert!(matches!(star, Err(FootprintError::NotConvex { .. })), "{star:?}");
    }

    #[test]
    fn who_reaches_the_outline_is_told_as_by_the_distance() {
        let f = Footprint::new(vec![Point2::new(0.6, 0.0), Point2::new(-0.3, 0.4), Point2::new(-0.3, -0.4)])
            .unwrap();
        let mut rng = crate::rng::Rng::new(1, 2, 3);
        let (mut near, mut far) = (0, 0);
        for i in 0..20_000 {
            let p = Point2::new(3.0 * rng.uniform() - 1.5, 3.0 * rng.uniform() - 1.5);
            let margin_m = [0.0, 0.02, 0.4, -0.05, f.signed_distance_m(p)][i % 5];
            let reaches = f.signed_distance_m(p) <= margin_m;
            assert_eq!(f.reaches(p, margin_m), reaches, "{p:?} {margin_m}");
            near += u32::from(reaches);
            let farther = f.is_surely_farther(p, margin_m.max(0.0));
            assert!(!farther || f.signed_distance_m(p) > margin_m, "{p:?} {margin_m}");
            far += u32::from(farther);
        }
        assert!((3_000..10_000).contains(&near) && far > 6_000, "{near} {far}");
        // The farthest corner, and what is no number.
        assert!(f.reaches(Point2::new(0.6, 0.0), 0.0) && !f.reaches(Point2::new(f64::NAN, 0.0), 1.0));
    }

    #[test]
    fn bad_footprints_are_refused() {
        assert!(matches!(Footprint::new(vec![]), Err(FootprintError::Corners { corners: 0 })));
        // The origin lies behind the rear edge.
        assert!(matches!(Footprint::rectangle(0.5, -0.1, 0.4), Err(FootprintError::NotConvex { .. })));
        let clockwise = vec![Point2::new(1.0, 1.0), Point2::new(1.0, -1.0), Point2::new(-1.0, 0.0)];
        assert!(matches!(Footprint::new(clockwise), Err(FootprintError::NotConvex { .. })));
    }
}
