//! Simple polygons, convex or not: outlines of zones.

use crate::geometry::Point2;
use crate::geometry::{least, segment_distance_sq, sides};

/// The most corners of a zone's outline.
pub const CORNER_LIMIT: usize = 64;
/// What is nearer touches, m.
const TOUCH_M: f64 = 1e-6;

/// A simple polygon, convex or not.
#[derive(Clone, Debug, PartialEq)]
pub struct Polygon {
    corners: Vec<Point2>,
    centre: Point2,
    radius_m: f64,
}

impl Polygon {
    /// From its corners, in either sense.
    ///
    /// # Errors
    /// Says what is wrong with them.
    pub fn new(corners: Vec<Point2>) -> Result<Self, &'static str> {
        if corners.len() < 3 || corners.iter().any(|c| !c.is_finite()) {
            return Err("a polygon needs three finite corners or more");
        }
        if area_m2(&corners).abs() < 1e-4 {
            return Err("the polygon has no area");
        }
        check_simple(&corners)?;
        let share = 1.0 / corners.len() as f64;
        let sum = corners.iter().fold(Point2::default(), |s, c| Point2::new(s.x_m + c.x_m, s.y_m + c.y_m));
        let centre = Point2::new(sum.x_m * share, sum.y_m * share);
        let radius_m = corners.iter().map(|c| c.distance_m(centre)).fold(0.0, f64::max);
        Ok(Self { corners, centre, radius_m })
    }

    /// Its corners.
    pub fn corners(&self) -> &[Point2] {
        &self.corners
    }

    /// Centre and radius in m of a disc that holds it.
    pub fn bounds(&self) -> (Point2, f64) {
        (self.centre, self.radius_m)
    }

    /// Whether a point lies inside (even-odd rule).
    pub fn contains(&self, p: Point2) -> bool {
        let crossings = sides(&self.corners).filter(|(a, b)| {
            (a.y_m > p.y_m) != (b.y_m > p.y_m)
                && p.x_m < a.x_m + (p.y_m - a.y_m) / (b.y_m - a.y_m) * (b.x_m - a.x_m)
        });
        crossings.count() % 2 == 1
    }

    /// Signed distance of a point, negative inside.
    pub fn signed_distance_m(&self, p: Point2) -> f64 {
        let sq = least(sides(&self.corners).map(|(a, b)| segment_distance_sq(a, b, p)));
        if self.contains(p) { -sq.sqrt() } else { sq.sqrt() }
    }
}

/// Where rows of cells run through a polygon; holds the buffers.
#[derive(Clone, Debug)]
pub struct Rows {
    crossings: Vec<f64>,
    along_sides: Vec<(f64, f64)>,
    spans: Vec<(f64, f64)>,
}

impl Default for Rows {
    /// With room for every polygon of up to [`CORNER_LIMIT`] corners.
    fn default() -> Self {
        let room = 2 * CORNER_LIMIT;
        Self {
            crossings: Vec::with_capacity(room),
            along_sides: Vec::with_capacity(room),
            spans: Vec::with_capacity(room),
        }
    }
}

impl Rows {
    /// Where on the line `y` the signed distance from a polygon is `level_m` or less: rising spans of x. A level above zero
    /// grows the polygon by a round margin, one below zero shrinks it.
    pub fn spans(&mut self, polygon: &Polygon, level_m: f64, y_m: f64) -> &[(f64, f64)] {
        self.spans.clear();
        self.crossings.clear();
        self.along_sides.clear();
        for (a, b) in sides(&polygon.corners) {
            if (a.y_m > y_m) != (b.y_m > y_m) {
                self.crossings.push(a.x_m + (y_m - a.y_m) / (b.y_m - a.y_m) * (b.x_m - a.x_m));
            }
            self.along_sides.extend(capsule_span(a, b, level_m.abs(), y_m));
        }
        self.crossings.sort_unstable_by(f64::total_cmp);
        let inside = self.crossings.as_chunks::<2>().0.iter().map(|[from, to]| (*from, *to));
        if level_m >= 0.0 {
            self.along_sides.extend(inside);
            self.along_sides.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
            for (from, to) in &self.along_sides {
                match self.spans.last_mut() {
                    Some(last) if *from <= last.1 => last.1 = last.1.max(*to),
                    _ => self.spans.push((*from, *to)),
                }
            }
        } else {
            self.along_sides.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
            for (mut from, to) in inside {
                for (cut_from, cut_to) in &self.along_sides {
                    if *cut_from > from && from < to {
                        self.spans.push((from, cut_from.min(to)));
                    }
                    from = from.max(*cut_to);
                }
                if from < to {
                    self.spans.push((from, to));
                }
            }
        }
        &self.spans
    }
}

/// Where on the line `y` a segment is no farther away than `radius_m`.
fn capsule_span(a: Point2, b: Point2, radius_m: f64, y_m: f64) -> Option<(f64, f64)> {
    let mut span: Option<(f64, f64)> = None;
    let mut include = |x: f64| {
        span = Some(span.map_or((x, x), |(from, to)| (from.min(x), to.max(x))));
    };
    for c in [a, b] {
        let dy = y_m - c.y_m;
        let half_sq = radius_m * radius_m - dy * dy;
        if half_sq >= 0.0 {
            include(c.x_m - half_sq.sqrt());
            include(c.x_m + half_sq.sqrt());
        }
    }
    let (dx, dy) = (b.x_m - a.x_m, b.y_m - a.y_m);
    let length_m = (dx * dx + dy * dy).sqrt();
    if length_m > 0.0 {
        let (nx, ny) = (-dy / length_m * radius_m, dx / length_m * radius_m);
        for side in [1.0, -1.0] {
            let (from_y, to_y) = (a.y_m + side * ny, b.y_m + side * ny);
            if (from_y > y_m) != (to_y > y_m) {
                include(a.x_m + side * nx + (y_m - from_y) / (to_y - from_y) * dx);
            }
        }
    }
    span
}

/// Signed area, m².
pub fn area_m2(corners: &[Point2]) -> f64 {
    sides(corners).map(|(a, b)| 0.5 * (a.x_m * b.y_m - b.x_m * a.y_m)).sum()
}

/// No side meets another but its neighbours at their corner: one that ran back over the one before would meet the one before that
/// or the one after. Corners that are given twice in a row, as rings that are closed have their first, count once.
fn check_simple(corners: &[Point2]) -> Result<(), &'static str> {
    let sides: Vec<Side> = sides(corners).filter(|(a, b)| a.distance_m(*b) > TOUCH_M).collect();
    for (i, (a, b)) in sides.iter().enumerate() {
        // Neighbours share a corner.
        let last = if i == 0 { sides.len() - 1 } else { sides.len() };
        if sides.iter().take(last).skip(i + 2).any(|other| meet((*a, *b), *other)) {
            return Err("two edges of the polygon cross or touch");
        }
    }
    Ok(())
}

/// Two ends.
type Side = (Point2, Point2);

/// Whether two segments have a point in common.
fn meet((a, b): Side, (c, d): Side) -> bool {
    let ends = [(a, b, c), (a, b, d), (c, d, a), (c, d, b)];
    cross((a, b), (c, d))
        || ends.into_iter().any(|(from, to, p)| segment_distance_sq(from, to, p) < TOUCH_M * TOUCH_M)
}

/// Whether two segments cross in their insides.
fn cross((a, b): (Point2, Point2), (c, d): (Point2, Point2)) -> bool {
    let side = |p: Point2, q: Point2, r: Point2| {
        (q.x_m - p.x_m) * (r.y_m - p.y_m) - (q.y_m - p.y_m) * (r.x_m - p.x_m)
    };
    side(a, b, c) * side(a, b, d) < 0.0 && side(c, d, a) * side(c, d, b) < 0.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn l_shape() -> Polygon {
        let corners = [(0.0, 0.0), (4.0, 0.0), (4.0, 1.0), (1.0, 1.0), (1.0, 4.0), (0.0, 4.0)];
        Polygon::new(corners.iter().map(|(x, y)| Point2::new(*x, *y)).collect()).unwrap()
    }

    #[test]
    fn points_and_a_polygon_that_is_not_convex() {
        let l = l_shape();
        assert!(l.contains(Point2::new(0.5, 3.0)) && l.contains(Point2::new(3.0, 0.5)));
        assert!(!l.contains(Point2::new(2.0, 2.0)) && !l.contains(Point2::new(-0.1, 0.5)));
        assert!((l.signed_distance_m(Point2::new(2.0, 2.0)) - 1.0).abs() < 1e-12);
        assert!((l.signed_distance_m(Point2::new(0.5, 3.0)) + 0.5).abs() < 1e-12);
    }

    #[test]
    fn polygons_that_cannot_be() {
        let new = |c: &[(f64, f64)]| Polygon::new(c.iter().map(|(x, y)| Point2::new(*x, *y)).collect()).err();
        assert!(new(&[(0.0, 0.0), (1.0, 1.0), (1.0, 0.0), (0.0, 1.0)]).is_some(), "crossing");
        assert!(new(&[(0.0, 0.0), (2.0, 2.0), (2.0, 0.0), (0.5, 2.5)]).is_some(), "crossing, with an area");
        assert!(new(&[(0.0, 0.0), (1.0, 1.0), (2.0, 2.0)]).is_some(), "no area");
        assert!(new(&[(0.0, 0.0), (f64::NAN, 1.0), (2.0, 0.0)]).is_some());
        assert!(new(&[(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)]).is_none());
        // A side runs through a corner: lobes of opposite sense, whose areas would cancel.
        let touching = [(0.0, 0.0), (4.0, 4.0), (4.0, 0.0), (2.0, 2.0), (1.0, 3.0)];
        assert_eq!(new(&touching), Some("two edges of the polygon cross or touch"));
        let twice = [(0.0, 0.0), (2.0, 0.0), (1.0, 1.0), (2.0, 2.0), (0.0, 2.0), (1.0, 1.0)];
        assert_eq!(
            new(&twice),
            Some("two edges of the polygon cross or touch"),
            "a corner that is there twice"
        );
        let back = [(0.0, 0.0), (4.0, 0.0), (4.0, 4.0), (4.0, 1.0), (4.0, 6.0), (0.0, 6.0)];
        assert_eq!(new(&back), Some("two edges of the polygon cross or touch"));
        let spike = [(0.0, 0.0), (4.0, 0.0), (4.0, 4.0), (2.0, 4.0), (2.0, 6.0), (2.0, 4.0), (0.0, 4.0)];
        assert_eq!(new(&spike), Some("two edges of the polygon cross or touch"));
        let closed = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0), (0.0, 0.0)];
        assert_eq!(new(&closed), None, "the first corner given again at the end");
    }

    #[test]
    fn what_is_no_number_is_no_distance() {
        assert!(l_shape().signed_distance_m(Point2::new(f64::NAN, 0.0)).is_nan());
        assert!(l_shape().signed_distance_m(Point2::new(0.5, f64::NAN)).is_nan());
    }

    proptest! {
        /// Spans of a row hold exactly the points whose signed distance is the level or less.
        #[test]
        fn rows_are_level_sets(
            turn in 0.0..6.3f64, level_m in -0.6..1.0f64, y in -2.0..6.0f64, x in -2.0..6.0f64,
        ) {
            let (s, c) = libm::sincos(turn);
            let turned = |p: &Point2| Point2::new(c * p.x_m - s * p.y_m, s * p.x_m + c * p.y_m);
            let polygon = Polygon::new(l_shape().corners().iter().map(turned).collect()).unwrap();
            let mut rows = Rows::default();
            let spans = rows.spans(&polygon, level_m, y).to_vec();
            let distance_m = polygon.signed_distance_m(Point2::new(x, y));
            let within = spans.iter().any(|(from, to)| (*from..=*to).contains(&x));
            prop_assert!((distance_m - level_m).abs() < 1e-9 || within == (distance_m <= level_m), "{spans:?}");
            prop_assert!(spans.windows(2).all(|w| w[0].1 <= w[1].0), "{spans:?}");
        }
    }
}
