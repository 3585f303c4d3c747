//! The cut of a solid by a horizontal plane: what a planar lidar sees, and what is on the map.

use super::{Shape, Solid};
use nalgebra::Point3;
use outrider_foundation::Point2;
use std::f64::consts::TAU;

/// An axis this close to vertical counts as upright.
const UPRIGHT: f64 = 1e-9;
/// Sides of the prism that stands for a tilted cylinder, drawn around it: at most 0.5 % too wide.
const TILTED_SIDES: u32 = 32;

/// A convex figure in the plane, in the world frame.
#[derive(Clone, Debug, PartialEq)]
pub enum Outline {
    /// Corners, counter-clockwise.
    Polygon(Vec<Point2>),
    /// A disc.
    Disc {
        /// Its centre.
        centre: Point2,
        /// Its radius.
        radius_m: f64,
    },
}

impl Outline {
    /// What the plane at `height_m` cuts of a shape; `None` when it passes over or under it. Exact for boxes, spheres
    /// and upright cylinders; a tilted cylinder is cut as a prism of 32 sides around it.
    pub fn cut(shape: &Shape, height_m: f64) -> Option<Self> {
        let (low_m, high_m) = shape.z_range_m();
        if !(low_m..=high_m).contains(&height_m) {
            return None;
        }
        let centre = shape.world_from_shape.translation.vector;
        let disc = |radius_m| Self::Disc { centre: Point2::new(centre.x, centre.y), radius_m };
        match shape.solid {
            Solid::Sphere { radius_m } => {
                let up_m = height_m - centre.z;
                let radius_m = (radius_m * radius_m - up_m * up_m).max(0.0).sqrt();
                (radius_m > 0.0).then(|| disc(radius_m))
            }
            Solid::Cylinder { radius_m, .. } if is_upright(shape) => Some(disc(radius_m)),
            Solid::Cylinder { radius_m, length_m } => polygon(shape, &prism(radius_m, length_m), height_m),
            Solid::Box { size_m } => polygon(shape, &box_edges(size_m), height_m),
            Solid::Prism { corners_m, height_m: tall_m } => {
                polygon(shape, &prism_edges(&corners_m.map(|[x, y]| (x, y)), 0.5 * tall_m), height_m)
            }
        }
    }

    /// Lower left and upper right corner of the rectangle around it.
    pub fn bounds(&self) -> (Point2, Point2) {
        match self {
            Self::Disc { centre: c, radius_m: r } => {
                (Point2::new(c.x_m - r, c.y_m - r), Point2::new(c.x_m + r, c.y_m + r))
            }
            Self::Polygon(corners) => {
                let start = (
                    Point2::new(f64::INFINITY, f64::INFINITY),
                    Point2::new(f64::NEG_INFINITY, f64::NEG_INFINITY),
                );
                corners.iter().fold(start, |(low, high), c| {
                    (
                        Point2::new(low.x_m.min(c.x_m), low.y_m.min(c.y_m)),
                        Point2::new(high.x_m.max(c.x_m), high.y_m.max(c.y_m)),
                    )
                })
            }
        }
    }
}

fn is_upright(shape: &Shape) -> bool {
    let axis = shape.world_from_shape.rotation * nalgebra::Vector3::z();
    axis.x.abs() < UPRIGHT && axis.y.abs() < UPRIGHT
}

type Edge = (Point3<f64>, Point3<f64>);

fn box_edges(size_m: [f64; 3]) -> Vec<Edge> {
    let [x, y, z] = size_m.map(|s| 0.5 * s);
    let ring = [(-x, -y), (x, -y), (x, y), (-x, y)];
    prism_edges(&ring, z)
}

fn prism(radius_m: f64, length_m: f64) -> Vec<Edge> {
    let step_rad = TAU / f64::from(TILTED_SIDES);
    let around_m = radius_m / libm::cos(0.5 * step_rad);
    let corner = |i| {
        let (s, c) = libm::sincos(step_rad * f64::from(i));
        (around_m * c, around_m * s)
    };
    let ring: Vec<(f64, f64)> = (0..TILTED_SIDES).map(corner).collect();
    prism_edges(&ring, 0.5 * length_m)
}

fn prism_edges(ring: &[(f64, f64)], half_m: f64) -> Vec<Edge> {
    let next = ring.iter().cycle().skip(1);
    let sides = ring.iter().zip(next).flat_map(|(a, b)| {
        let at = |p: &(f64, f64), z| Point3::new(p.0, p.1, z);
        [(at(a, -half_m), at(a, half_m)), (at(a, -half_m), at(b, -half_m)), (at(a, half_m), at(b, half_m))]
    });
    sides.collect()
}

fn polygon(shape: &Shape, edges: &[Edge], height_m: f64) -> Option<Outline> {
    let mut points = Vec::new();
    for (a, b) in edges {
        let (a, b) = (shape.world_from_shape * a, shape.world_from_shape * b);
        let (da, db) = (a.z - height_m, b.z - height_m);
        if da * db > 0.0 {
            continue;
        }
        let span = da - db;
        if span.abs() < 1e-12 {
            // The edge lies in the plane.
            points.extend([Point2::new(a.x, a.y), Point2::new(b.x, b.y)]);
        } else {
            let part = da / span;
            points.push(Point2::new(a.x + part * (b.x - a.x), a.y + part * (b.y - a.y)));
        }
    }
    let hull = convex_hull(points);
    (hull.len() >= 3).then_some(Outline::Polygon(hull))
}

/// Andrew's monotone chain; counter-clockwise, without points on edges.
pub(crate) fn convex_hull(mut points: Vec<Point2>) -> Vec<Point2> {
    points.sort_by(|a, b| a.x_m.total_cmp(&b.x_m).then(a.y_m.total_cmp(&b.y_m)));
    let mut hull = half_hull(points.iter());
    hull.extend(half_hull(points.iter().rev()));
    hull
}

/// One side of the hull, without its last point, with which the other side begins.
fn half_hull<'a>(points: impl Iterator<Item = &'a Point2>) -> Vec<Point2> {
    let mut side: Vec<Point2> = Vec::new();
    for p in points {
        while let [.., a, b] = side.as_slice() {
            let turn = (b.x_m - a.x_m) * (p.y_m - a.y_m) - (b.y_m - a.y_m) * (p.x_m - a.x_m);
            if turn > 1e-12 {
                break;
            }
            side.pop();
        }
        side.push(*p);
    }
    side.pop();
    side
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::Pose3;
    use approx::assert_relative_eq;
    use nalgebra::Vector3;
    use std::f64::consts::FRAC_PI_4;

    fn shape(solid: Solid, turn: Vector3<f64>) -> Shape {
        Shape { name: String::new(), world_from_shape: Pose3::new(Vector3::new(1.0, 2.0, 0.5), turn), solid }
    }

    fn area(outline: &Outline) -> f64 {
        let Outline::Polygon(c) = outline else { return f64::NAN };
        c.iter().zip(c.iter().cycle().skip(1)).map(|(a, b)| 0.5 * (a.x_m * b.y_m - b.x_m * a.y_m)).sum()
    }

    #[test]
    fn boxes_are_cut_exactly() {
        let cube = Solid::Box { size_m: [2.0, 1.0, 1.0] };
        let upright = Outline::cut(&shape(cube, Vector3::new(0.0, 0.0, 0.3)), 0.2).unwrap();
        assert_relative_eq!(area(&upright), 2.0, epsilon = 1e-9);
        // Rolled by 45° its cut through the middle is √2 wide.
        let rolled = Outline::cut(&shape(cube, Vector3::new(FRAC_PI_4, 0.0, 0.0)), 0.5).unwrap();
        assert_relative_eq!(area(&rolled), 2.0 * 2.0_f64.sqrt(), epsilon = 1e-9);
        assert_eq!(Outline::cut(&shape(cube, Vector3::zeros()), 1.01), None);
    }

    #[test]
    fn round_solids_are_cut_as_discs() {
        let ball = Outline::cut(&shape(Solid::Sphere { radius_m: 0.5 }, Vector3::zeros()), 0.8).unwrap();
        let Outline::Disc { centre, radius_m } = ball else { panic!() };
        assert_relative_eq!(radius_m, 0.4, epsilon = 1e-12);
        assert_eq!(centre, Point2::new(1.0, 2.0));
        let pole = Solid::Cylinder { radius_m: 0.2, length_m: 1.0 };
        let turned = Outline::cut(&shape(pole, Vector3::new(0.0, 0.0, 1.0)), 0.9).unwrap();
        assert_eq!(turned, Outline::Disc { centre: Point2::new(1.0, 2.0), radius_m: 0.2 });
        let lying = Outline::cut(&shape(pole, Vector3::new(2.0 * FRAC_PI_4, 0.0, 0.0)), 0.5).unwrap();
        assert_relative_eq!(area(&lying), 0.4, epsilon = 0.004);
    }
}
