//! Distances in the plane, for those who walk and drive in it.

use super::Outline;
use outrider_foundation::Point2;
use outrider_foundation::geometry::{segment_distance_sq, sides};

impl Outline {
    /// Distance from a point to the outline, and the outline's point that is nearest; zero and the point itself inside.
    pub(crate) fn nearest(&self, p: Point2) -> (f64, Point2) {
        match self {
            Self::Disc { centre, radius_m } => {
                let away_m = centre.distance_m(p);
                if away_m <= *radius_m {
                    return (0.0, p);
                }
                let part = radius_m / away_m;
                let towards = |c: f64, p: f64| c + part * (p - c);
                (away_m - radius_m, Point2::new(towards(centre.x_m, p.x_m), towards(centre.y_m, p.y_m)))
            }
            Self::Polygon(corners) if contains(corners, p) => (0.0, p),
            Self::Polygon(corners) => {
                let best = sides(corners).map(|(a, b)| nearest_on(a, b, p));
                let nearer = |a: (f64, Point2), b: (f64, Point2)| if b.0 < a.0 { b } else { a };
                best.fold((f64::INFINITY, p), nearer)
            }
        }
    }

    /// Distance from the segment `a`–`b` to the outline; zero where it meets it.
    pub(crate) fn segment_distance_m(&self, a: Point2, b: Point2) -> f64 {
        match self {
            Self::Disc { centre, radius_m } => {
                (segment_distance_sq(a, b, *centre).sqrt() - radius_m).max(0.0)
            }
            Self::Polygon(corners) => {
                if contains(corners, a) || sides(corners).any(|(c, d)| cross_each_other(a, b, c, d)) {
                    return 0.0;
                }
                let between = |(c, d): (Point2, Point2)| {
                    segment_distance_sq(a, b, c)
                        .min(segment_distance_sq(c, d, a))
                        .min(segment_distance_sq(c, d, b))
                };
                sides(corners).map(between).fold(f64::INFINITY, f64::min).sqrt()
            }
        }
    }
}

/// The point of the segment that is nearest, and how far it is.
fn nearest_on(a: Point2, b: Point2, p: Point2) -> (f64, Point2) {
    let (dx, dy) = (b.x_m - a.x_m, b.y_m - a.y_m);
    let length_sq = dx * dx + dy * dy;
    let along = ((p.x_m - a.x_m) * dx + (p.y_m - a.y_m) * dy) / length_sq.max(f64::MIN_POSITIVE);
    let along = along.clamp(0.0, 1.0);
    let at = Point2::new(a.x_m + along * dx, a.y_m + along * dy);
    (at.distance_m(p), at)
}

fn left_of(a: Point2, b: Point2, p: Point2) -> f64 {
    (b.x_m - a.x_m) * (p.y_m - a.y_m) - (b.y_m - a.y_m) * (p.x_m - a.x_m)
}

/// For convex corners, counter-clockwise.
fn contains(corners: &[Point2], p: Point2) -> bool {
    corners.len() > 2 && sides(corners).all(|(a, b)| left_of(a, b, p) >= 0.0)
}

/// Whether two segments cross within both; touching with an end is no crossing.
pub(super) fn cross_each_other(a: Point2, b: Point2, c: Point2, d: Point2) -> bool {
    left_of(a, b, c) * left_of(a, b, d) < 0.0 && left_of(c, d, a) * left_of(c, d, b) < 0.0
}

impl Outline {
    /// Whether it overlaps a convex polygon, counter-clockwise.
    pub(crate) fn meets_polygon(&self, corners: &[Point2]) -> bool {
        match self {
            Self::Polygon(own) => overlap(corners, own),
            Self::Disc { centre, radius_m } => Self::Polygon(corners.to_vec()).nearest(*centre).0 < *radius_m,
        }
    }

    /// Whether it overlaps another one.
    pub(crate) fn meets(&self, other: &Self) -> bool {
        match (self, other) {
            (_, Self::Polygon(corners)) => self.meets_polygon(corners),
            (Self::Polygon(corners), _) => other.meets_polygon(corners),
            (Self::Disc { centre: a, radius_m: one }, Self::Disc { centre: b, radius_m: two }) => {
                a.distance_m(*b) < one + two
            }
        }
    }
}

/// Whether two convex polygons, counter-clockwise, overlap; touching is no overlap.
pub(crate) fn overlap(a: &[Point2], b: &[Point2]) -> bool {
    let parted = |one: &[Point2], other: &[Point2]| {
        sides(one).any(|(p, q)| other.iter().all(|corner| left_of(p, q, *corner) <= 0.0))
    };
    !parted(a, b) && !parted(b, a)
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_relative_eq;
    use proptest::prelude::*;

    fn square(x: f64, y: f64, half: f64) -> Vec<Point2> {
        [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)]
            .map(|(u, v)| Point2::new(x + half * u, y + half * v))
            .to_vec()
    }

    #[test]
    fn known_distances() {
        let (wall, pole) = (
            Outline::Polygon(square(0.0, 0.0, 1.0)),
            Outline::Disc { centre: Point2::default(), radius_m: 1.0 },
        );
        let p = |x, y| Point2::new(x, y);
        for outline in [&wall, &pole] {
            assert_eq!(outline.nearest(p(3.0, 0.0)), (2.0, p(1.0, 0.0)));
            assert!(outline.nearest(p(0.2, 0.1)).0.abs() <= 0.0);
            assert_relative_eq!(outline.segment_distance_m(p(-3.0, 2.5), p(3.0, 2.5)), 1.5);
            assert!(outline.segment_distance_m(p(-3.0, 0.0), p(3.0, 0.0)).abs() <= 0.0);
            assert_relative_eq!(outline.segment_distance_m(p(3.0, 0.0), p(5.0, 0.0)), 2.0);
        }
        assert!(overlap(&square(0.0, 0.0, 1.0), &square(1.9, 1.9, 1.0)));
        assert!(!overlap(&square(0.0, 0.0, 1.0), &square(2.0, 0.0, 1.0)));
        assert!(overlap(&square(0.0, 0.0, 1.0), &square(0.0, 0.0, 0.1)));
    }

    proptest! {
        /// No point of the segment is nearer than its distance, and one is as near.
        #[test]
        fn a_segment_is_as_far_as_its_nearest_point(
            ax in -4.0..4.0f64, ay in -4.0..4.0f64, bx in -4.0..4.0f64, by in -4.0..4.0f64, round in any::<bool>(),
        ) {
            let centre = Point2::new(0.3, -0.2);
            let outline = if round {
                Outline::Disc { centre, radius_m: 1.0 }
            } else {
                Outline::Polygon(square(centre.x_m, centre.y_m, 1.0))
            };
            let told = outline.segment_distance_m(Point2::new(ax, ay), Point2::new(bx, by));
            let at = |i: u32| f64::from(i) / 2000.0;
            let points = (0..=2000).map(|i| Point2::new(ax + at(i) * (bx - ax), ay + at(i) * (by - ay)));
            let least = points.map(|p| outline.nearest(p).0).fold(f64::INFINITY, f64::min);
            prop_assert!((told - least).abs() < 0.01, "{told} {least}");
        }
    }
}
