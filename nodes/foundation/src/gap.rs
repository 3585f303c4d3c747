//! Distance between the robot's outline and another convex one.

use crate::geometry::{Footprint, Point2, least, nearest_on_segment, sides};

/// From the robot's outline to a convex one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gap {
    /// Negative where they overlap: how far they would have to be moved apart, the shortest way.
    pub distance_m: f64,
    /// The place on the other that is nearest, in the base frame, where they do not.
    pub nearest: Option<Point2>,
}

impl Gap {
    /// To an outline with these corners, counter-clockwise, in the base frame.
    pub fn between(footprint: &Footprint, corners: &[Point2]) -> Self {
        let outline = footprint.corners();
        let apart_m = apart_m(outline, corners);
        if apart_m.is_nan() || apart_m <= 0.0 {
            return Self { distance_m: apart_m, nearest: None };
        }
        // Then one of the two nearest places is a corner.
        let of_corners = corners.iter().map(|corner| (footprint.signed_distance_m(*corner), *corner));
        let of_sides = outline.iter().flat_map(|corner| {
            sides(corners).map(move |(a, b)| {
                let on_side = nearest_on_segment(a, b, *corner);
                (on_side.distance_m(*corner), on_side)
            })
        });
        let least = of_corners.chain(of_sides).min_by(|a, b| a.0.total_cmp(&b.0));
        Self { distance_m: least.map_or(f64::NAN, |l| l.0), nearest: least.map(|l| l.1) }
    }
}

/// How far two convex outlines, counter-clockwise, are apart by the side that parts them best: at most their distance; negative
/// where they overlap, by how far they would have to be moved apart, the shortest way.
pub fn apart_m(one: &[Point2], other: &[Point2]) -> f64 {
    // Two convex shapes are apart when a side of one has all of the other before it (separating axis theorem).
    let [ours_m, theirs_m] = [farthest_before_a_side_m(one, other), farthest_before_a_side_m(other, one)];
    // What is no number stays none, for whoever judges the distance.
    if ours_m.is_nan() || ours_m > theirs_m { ours_m } else { theirs_m }
}

/// The greatest distance, over the sides of one convex outline, that all of another keeps before it; negative when none has all before it.
fn farthest_before_a_side_m(of: &[Point2], other: &[Point2]) -> f64 {
    let before_m = |(a, b): (Point2, Point2)| {
        let (dx, dy) = (b.x_m - a.x_m, b.y_m - a.y_m);
        let length_m = libm::hypot(dx, dy);
        let before = |p: &Point2| ((p.x_m - a.x_m) * dy - (p.y_m - a.y_m) * dx) / length_m;
        least(other.iter().map(before))
    };
    sides(of).map(before_m).fold(f64::NEG_INFINITY, |most, m| if m > most || m.is_nan() { m } else { most })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Pose2;
    use crate::data::BodyBox;
    use proptest::prelude::*;

    /// Places all along the sides.
    fn along(corners: &[Point2]) -> Vec<Point2> {
        let place = |a: Point2, b: Point2, i: u32| {
            let share = f64::from(i) / 200.0;
            Point2::new(a.x_m + share * (b.x_m - a.x_m), a.y_m + share * (b.y_m - a.y_m))
        };
        sides(corners).flat_map(|(a, b)| (0..200).map(move |i| place(a, b, i))).collect()
    }

    proptest! {
        #[test]
        fn the_gap_is_that_of_the_nearest_places(x in -4.0..4.0f64, y in -4.0..4.0f64, yaw in -4.0..4.0f64) {
            let (footprint, corners) = (Footprint::rectangle(0.4, 0.3, 0.5).unwrap(), forks(x, y, yaw).corners());
            let gap = Gap::between(&footprint, &corners);
            let (ours, theirs) = (along(footprint.corners()), along(&corners));
            let least_m = ours.iter().flat_map(|a| theirs.iter().map(|b| a.distance_m(*b))).fold(f64::INFINITY, f64::min);
            let overlap = theirs.iter().any(|p| footprint.contains(*p))
                || ours.iter().map(|p| Pose2::new(x, y, yaw).inverse().apply(*p)).any(|p| p.x_m.abs() < 1.8 && p.y_m.abs() < 0.55);
            if overlap {
                prop_assert!(gap.distance_m <= 0.0 && gap.nearest.is_none(), "{gap:?}");
            } else {
                prop_assert!(gap.distance_m <= least_m + 1e-9 && gap.distance_m > least_m - 0.02, "{gap:?} {least_m}");
                let nearest = gap.nearest.unwrap();
                prop_assert!((footprint.signed_distance_m(nearest) - gap.distance_m).abs() < 1e-9);
            }
        }
    }

    fn forks(x_m: f64, y_m: f64, yaw_rad: f64) -> BodyBox {
        BodyBox { pose: Pose2::new(x_m, y_m, yaw_rad), length_m: 3.6, width_m: 1.1 }
    }

    #[test]
    fn the_depth_is_the_shortest_way_out() {
        let footprint = Footprint::rectangle(0.4, 0.3, 0.5).unwrap();
        let depth_m = |body: BodyBox| Gap::between(&footprint, &body.corners()).distance_m;
        // Its rear end is 0.1 m behind the robot's front; its side 0.05 m beyond the robot's.
        assert!((depth_m(forks(0.3 + 1.8, 0.0, 0.0)) + 0.1).abs() < 1e-12);
        assert!((depth_m(forks(0.0, 0.25 + 0.55 - 0.05, 0.0)) + 0.05).abs() < 1e-12);
        assert!(depth_m(forks(f64::NAN, 0.0, 0.0)).is_nan());
    }
}
