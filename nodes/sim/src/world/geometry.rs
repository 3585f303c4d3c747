//! Shapes of SDF and URDF-like elements as solids.

use super::near::cross_each_other;
use super::values::{child, fault, lengths, numbers, required, text};
use super::{Pose3, Solid};
use crate::error::SimError;
use outrider_foundation::Point2;
use outrider_foundation::geometry::sides;
use roxmltree::Node;

/// The most corners of a polyline.
const CORNER_LIMIT: usize = 256;
/// Twice the area below which three corners lie on a line.
const FLAT_M2: f64 = 1e-12;

/// The solids that a shape element consists of, with their places in it; `None` for one that is not made of solids.
pub(crate) fn solids(shape: Node<'_, '_>) -> Result<Option<Vec<(Pose3, Solid)>>, SimError> {
    let radius = |node| lengths::<1>(required(node, "radius", "a <radius>")?, "one positive number: metres");
    let length = |node| lengths::<1>(required(node, "length", "a <length>")?, "one positive number: metres");
    let alone = |solid| Ok(Some(vec![(Pose3::identity(), solid)]));
    match shape.tag_name().name() {
        "box" => {
            let size_m = lengths(required(shape, "size", "a <size>")?, "3 positive numbers: metres")?;
            alone(Solid::Box { size_m })
        }
        "cylinder" => {
            let ([radius_m], [length_m]) = (radius(shape)?, length(shape)?);
            alone(Solid::Cylinder { radius_m, length_m })
        }
        "sphere" => {
            let [radius_m] = radius(shape)?;
            alone(Solid::Sphere { radius_m })
        }
        "capsule" => {
            let ([radius_m], [length_m]) = (radius(shape)?, length(shape)?);
            Ok(Some(capsule(radius_m, length_m)))
        }
        "polyline" => polyline(shape).map(Some),
        _ => Ok(None),
    }
}

/// A cylinder with a ball at either end.
pub(crate) fn capsule(radius_m: f64, length_m: f64) -> Vec<(Pose3, Solid)> {
    let end = |z| (Pose3::translation(0.0, 0.0, z), Solid::Sphere { radius_m });
    let middle = (Pose3::identity(), Solid::Cylinder { radius_m, length_m });
    vec![middle, end(0.5 * length_m), end(-0.5 * length_m)]
}

/// Extruded from the floor of its frame up; cut into triangles, since solids are convex.
fn polyline(shape: Node<'_, '_>) -> Result<Vec<(Pose3, Solid)>, SimError> {
    let [height_m] = match child(shape, "height") {
        Some(height) => lengths(height, "one positive number: metres")?,
        None => [1.0],
    };
    let mut corners = Vec::new();
    for point in shape.children().filter(|c| c.has_tag_name("point")) {
        corners.push(numbers::<2>(point, "2 finite numbers: x y")?);
    }
    if corners.len() > CORNER_LIMIT {
        return Err(SimError::Limit { what: "points of a polyline", limit: CORNER_LIMIT });
    }
    // The first point may be repeated at the end.
    if corners.len() > 1 && corners.first() == corners.last() {
        corners.pop();
    }
    let triangles = triangles(&corners)
        .ok_or_else(|| fault(shape, "3 or more points around one area that do not cross", &text(shape)))?;
    Ok(triangles.into_iter().map(|corners| prism(corners, height_m)).collect())
}

fn prism(corners: [[f64; 2]; 3], height_m: f64) -> (Pose3, Solid) {
    let [a, b, c] = corners;
    let middle = |i: usize| {
        let all = [a, b, c].map(|p| p.get(i).copied().unwrap_or_default());
        0.5 * (all.iter().copied().fold(f64::INFINITY, f64::min)
            + all.iter().copied().fold(f64::NEG_INFINITY, f64::max))
    };
    let (x, y) = (middle(0), middle(1));
    let corners_m = [a, b, c].map(|[u, v]| [u - x, v - y]);
    (Pose3::translation(x, y, 0.5 * height_m), Solid::Prism { corners_m, height_m })
}

fn area(a: [f64; 2], b: [f64; 2], c: [f64; 2]) -> f64 {
    (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
}

/// Whether any two sides cross: what such corners lie around is no one area. Neighbours meet at an end and never do.
fn cross_themselves(corners: &[[f64; 2]]) -> bool {
    let corners: Vec<Point2> = corners.iter().map(|[x, y]| Point2::new(*x, *y)).collect();
    let crosses = |(i, (a, b)): (usize, (Point2, Point2))| {
        sides(&corners).skip(i + 2).any(|(c, d)| cross_each_other(a, b, c, d))
    };
    sides(&corners).enumerate().any(crosses)
}

/// By cutting off ears; `None` where sides cross, or when that comes to no end.
fn triangles(corners: &[[f64; 2]]) -> Option<Vec<[[f64; 2]; 3]>> {
    if cross_themselves(corners) {
        return None;
    }
    let mut left = corners.to_vec();
    let around = left.iter().zip(left.iter().cycle().skip(1));
    let twice_area: f64 = around.map(|(a, b)| a[0] * b[1] - b[0] * a[1]).sum();
    if twice_area < 0.0 {
        left.reverse();
    }
    let mut found = Vec::new();
    while left.len() > 2 {
        let n = left.len();
        let corner = |i: usize| {
            let at = |j: usize| left.get((i + j) % n).copied();
            Some([at(n - 1)?, at(0)?, at(1)?])
        };
        // A corner on a straight side, or at the tip of a spike, is none.
        let flat = (0..n).find(|i| corner(*i).is_some_and(|[a, b, c]| area(a, b, c).abs() <= FLAT_M2));
        if let Some(i) = flat {
            left.remove(i);
            continue;
        }
        let is_ear = |[a, b, c]: [[f64; 2]; 3]| {
            let is_within = |p: &[f64; 2]| {
                ![a, b, c].contains(p)
                    && area(a, b, *p) >= 0.0
                    && area(b, c, *p) >= 0.0
                    && area(c, a, *p) >= 0.0
            };
            area(a, b, c) > 0.0 && !left.iter().any(is_within)
        };
        let (i, triangle) = (0..n).find_map(|i| corner(i).filter(|t| is_ear(*t)).map(|t| (i, t)))?;
        found.push(triangle);
        left.remove(i);
    }
    (!found.is_empty()).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_are_cut_into_triangles() {
        let l_shape = [[0.0, 0.0], [2.0, 0.0], [2.0, 1.0], [1.0, 1.0], [1.0, 2.0], [0.0, 2.0]];
        let sum = |all: &[[[f64; 2]; 3]]| all.iter().map(|[a, b, c]| 0.5 * area(*a, *b, *c)).sum::<f64>();
        let mut turned = l_shape;
        turned.reverse();
        for corners in [l_shape, turned] {
            let all = triangles(&corners).unwrap();
            assert!(all.len() <= 4 && (sum(&all) - 3.0).abs() < 1e-12, "{all:?}");
        }
        assert_eq!(triangles(&[[0.0, 0.0], [1.0, 1.0]]), None);
        // Sides that touch, as of an area with a hole that is cut open, cross nothing.
        let ring = [
            [0.0, 0.0],
            [3.0, 0.0],
            [3.0, 3.0],
            [0.0, 3.0],
            [0.0, 0.0],
            [1.0, 1.0],
            [1.0, 2.0],
            [2.0, 2.0],
            [2.0, 1.0],
            [1.0, 1.0],
        ];
        assert!((sum(&triangles(&ring).unwrap()) - 8.0).abs() < 1e-12);
    }

    /// Ears can be cut off these as well, and make another shape.
    #[test]
    fn sides_that_cross_are_around_no_area() {
        let bow_tie = [[0.0, 0.0], [1.0, 1.0], [1.0, 0.0], [0.0, 1.0]];
        let star = [[3.0, 3.0], [1.0, 3.0], [2.0, 4.0], [4.0, 2.0], [1.0, 0.0], [0.0, 4.0]];
        for corners in [&bow_tie[..], &star] {
            for first in 0..corners.len() {
                let mut turned = corners.to_vec();
                turned.rotate_left(first);
                assert_eq!(triangles(&turned), None);
                turned.reverse();
                assert_eq!(triangles(&turned), None);
            }
        }
    }
}
