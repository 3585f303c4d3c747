//! How near the robot's body is to anything, in space: the measure that evaluation trusts.
//!
//! parry3d reckons in `f32`; everything is handed to it relative to the robot, in `f64` up to that boundary, so that
//! the error does not grow with the size of the world. Its distance algorithm (GJK) stops at one part in a thousand:
//! 0.1 mm at 0.1 m, and no further off than that when near.

use crate::config::BodyConfig;
use crate::error::SimError;
use crate::movers::Mover;
use crate::world::{Motion, Pose3, Shape, Solid};
use nalgebra::{Point3, UnitQuaternion, Vector3};
use outrider_foundation::{Footprint, Pose2};
use parry3d::math::{Pose, Rotation, Vector};
use parry3d::query;
use parry3d::shape::{Ball, ConvexPolyhedron, Cuboid, Cylinder, SharedShape};
use std::f64::consts::FRAC_PI_2;

/// Closer than this counts as contact: the tolerance of the distance algorithm.
const CONTACT_M: f64 = 1e-4;

/// The nearest thing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Clearance {
    /// Distance from the body's outline; zero in contact, infinite when there is nothing.
    pub distance_m: f64,
    /// Index of the static shape, or the number of static shapes plus that of what moves.
    pub index: Option<usize>,
}

impl Clearance {
    /// Whether it is touched.
    pub(crate) fn is_contact(&self) -> bool {
        self.distance_m <= CONTACT_M
    }
}

/// A solid that the body is measured against.
struct Obstacle {
    shape: SharedShape,
    world_from_shape: Pose3,
    /// Half lengths of the box around it in its own frame.
    half: Vector3<f64>,
    /// Index in the world's statics.
    index: usize,
}

/// The robot's body and everything static at the height of it.
pub struct ClearanceIndex {
    body: ConvexPolyhedron,
    /// Centre of a ball around the body, over the base's origin.
    centre_z_m: f64,
    /// Its radius.
    radius_m: f64,
    obstacles: Vec<Obstacle>,
    statics: usize,
    /// The parts of what moves, each in its mover's frame, and numbered as their movers.
    parts: Vec<Obstacle>,
}

impl ClearanceIndex {
    /// The body is the footprint, raised to a prism between its ground clearance and its height. Shapes that are
    /// wholly driven under or over do not count.
    ///
    /// # Errors
    /// When a footprint is too thin to be a solid.
    pub(crate) fn new(
        footprint: &Footprint,
        body: &BodyConfig,
        statics: &[Shape],
        movers: &[Mover],
    ) -> Result<Self, SimError> {
        let (low_m, high_m) = (body.ground_clearance_m, body.height_m);
        let corners = footprint.corners().iter();
        let points: Vec<Vector> = corners
            .flat_map(|c| [low_m, high_m].map(|z| Vector::new(c.x_m as f32, c.y_m as f32, z as f32)))
            .collect();
        let prism = ConvexPolyhedron::from_convex_hull(&points)
            .ok_or_else(|| SimError::Solid { what: "the robot's body".into() })?;
        let in_reach = |(bottom_m, top_m): (f64, f64)| bottom_m < high_m && top_m > low_m;
        let numbered = statics.iter().enumerate().filter(|(_, shape)| in_reach(shape.z_range_m()));
        // They stay upright wherever they go.
        let parts = movers.iter().enumerate().flat_map(|(number, mover)| {
            let parts = mover.parts.iter().filter(|part| in_reach(part.heights_m));
            parts.map(move |part| obstacle(number, &part.solid, part.mover_from_solid))
        });
        Ok(Self {
            body: prism,
            centre_z_m: 0.5 * (low_m + high_m),
            radius_m: libm::hypot(footprint.circumscribed_m(), 0.5 * (high_m - low_m)),
            obstacles: numbered.map(|(index, s)| obstacle(index, &s.solid, s.world_from_shape)).collect(),
            statics: statics.len(),
            parts: parts.collect(),
        })
    }

    /// The nearest thing to the body at `world_from_base`; the first in order among equals.
    pub fn nearest(&self, world_from_base: Pose2, movers: &[Motion]) -> Clearance {
        let mut nearest = Clearance { distance_m: f64::INFINITY, index: None };
        self.visit(world_from_base, movers, f64::INFINITY, |index, distance_m| {
            if distance_m < nearest.distance_m {
                nearest = Clearance { distance_m, index: Some(index) };
            }
            nearest.distance_m
        });
        if nearest.distance_m <= CONTACT_M {
            nearest.distance_m = 0.0;
        }
        nearest
    }

    /// The nearest thing to the body within `within_m`, or nothing: cheap when there is nothing near.
    pub fn nearest_within(
        &self,
        world_from_base: Pose2,
        movers: &[Motion],
        within_m: f64,
    ) -> Option<Clearance> {
        let mut nearest = None;
        self.visit(world_from_base, movers, within_m, |index, distance_m| {
            let best_m = nearest.map_or(within_m, |c: Clearance| c.distance_m);
            if distance_m > best_m {
                return best_m;
            }
            nearest = Some(Clearance { distance_m, index: Some(index) });
            distance_m
        });
        nearest.map(|c| if c.distance_m <= CONTACT_M { Clearance { distance_m: 0.0, ..c } } else { c })
    }

    /// Calls `found` for everything within `within_m` of the body, as measured.
    pub(crate) fn each_within(
        &self,
        world_from_base: Pose2,
        movers: &[Motion],
        within_m: f64,
        mut found: impl FnMut(Clearance),
    ) {
        self.visit(world_from_base, movers, within_m, |index, distance_m| {
            if distance_m <= within_m {
                found(Clearance { distance_m, index: Some(index) });
            }
            within_m
        });
    }

    /// Whether anything but the one with that index is touched.
    pub fn touches_another(&self, world_from_base: Pose2, movers: &[Motion], but: usize) -> bool {
        let mut touches = false;
        self.visit(world_from_base, movers, CONTACT_M, |index, distance_m| {
            touches |= index != but && distance_m <= CONTACT_M;
            CONTACT_M
        });
        touches
    }

    /// Calls `found(index, distance)` for everything that may be nearer than what it returned last.
    fn visit(
        &self,
        world_from_base: Pose2,
        movers: &[Motion],
        within_m: f64,
        mut found: impl FnMut(usize, f64) -> f64,
    ) {
        let (x_m, y_m) = (world_from_base.x_m, world_from_base.y_m);
        let base_from_world = on_the_floor(world_from_base).inverse();
        let centre = Point3::new(x_m, y_m, self.centre_z_m);
        let mut limit_m = within_m;
        let mut test = |shape: &SharedShape, world_from_shape: &Pose3, half: &Vector3<f64>, index: usize| {
            // From the centre of the ball around the body to the box around the shape: never more than the distance.
            let seen = world_from_shape.inverse_transform_point(&centre).coords.abs() - half;
            let at_least_m = seen.sup(&Vector3::zeros()).norm() - self.radius_m;
            if at_least_m > limit_m {
                return;
            }
            let base_from_shape = single(&(base_from_world * world_from_shape));
            // Fails only for pairs of shapes that parry does not know, and it knows these.
            let distance = query::distance(&Pose::IDENTITY, &self.body, &base_from_shape, shape.as_ref());
            if let Ok(measured) = distance {
                limit_m = found(index, f64::from(measured.distance));
            }
        };
        for o in &self.obstacles {
            test(&o.shape, &o.world_from_shape, &o.half, o.index);
        }
        for part in &self.parts {
            let Some(motion) = movers.get(part.index) else { continue };
            let mover = match part.shape.as_cylinder() {
                // Round: which way it looks does not matter.
                Some(_) => Pose3::translation(motion.pose.x_m, motion.pose.y_m, 0.0),
                None => on_the_floor(motion.pose),
            };
            test(&part.shape, &(mover * part.world_from_shape), &part.half, self.statics + part.index);
        }
    }
}

fn on_the_floor(pose: Pose2) -> Pose3 {
    let rotation = UnitQuaternion::from_axis_angle(&Vector3::z_axis(), pose.yaw_rad);
    Pose3::from_parts(Vector3::new(pose.x_m, pose.y_m, 0.0).into(), rotation)
}

fn obstacle(index: usize, solid: &Solid, at: Pose3) -> Obstacle {
    let (shape, world_from_shape, half) = match *solid {
        Solid::Box { size_m } => {
            let half = Vector3::from(size_m) * 0.5;
            (SharedShape::new(Cuboid::new(vector(&half))), at, half)
        }
        Solid::Cylinder { radius_m, length_m } => {
            let half = Vector3::new(radius_m, radius_m, 0.5 * length_m);
            (SharedShape::new(Cylinder::new(half.z as f32, half.x as f32)), upright(&at), y_up(&half))
        }
        Solid::Sphere { radius_m } => {
            let half = Vector3::repeat(radius_m);
            (SharedShape::new(Ball::new(radius_m as f32)), at, half)
        }
        Solid::Prism { corners_m, height_m } => {
            let half = corners_m.iter().fold(Vector3::new(0.0, 0.0, 0.5 * height_m), |h, [x, y]| {
                Vector3::new(h.x.max(x.abs()), h.y.max(y.abs()), h.z)
            });
            let points: Vec<Vector> = corners_m
                .iter()
                .flat_map(|[x, y]| [-half.z, half.z].map(|z| vector(&Vector3::new(*x, *y, z))))
                .collect();
            // A sliver that has no hull is measured as the box around it.
            let hull = ConvexPolyhedron::from_convex_hull(&points);
            let shape = hull.map_or_else(|| SharedShape::new(Cuboid::new(vector(&half))), SharedShape::new);
            (shape, at, half)
        }
    };
    Obstacle { shape, world_from_shape, half, index }
}

/// parry's cylinders stand along y, those of SDF along z.
fn upright(world_from_cylinder: &Pose3) -> Pose3 {
    world_from_cylinder * UnitQuaternion::from_axis_angle(&Vector3::x_axis(), FRAC_PI_2)
}

fn y_up(half: &Vector3<f64>) -> Vector3<f64> {
    Vector3::new(half.x, half.z, half.y)
}

fn vector(v: &Vector3<f64>) -> Vector {
    Vector::new(v.x as f32, v.y as f32, v.z as f32)
}

/// The one boundary to single precision.
fn single(pose: &Pose3) -> Pose {
    let q = pose.rotation.coords;
    let rotation = Rotation::from_xyzw(q.x as f32, q.y as f32, q.z as f32, q.w as f32);
    Pose::from_parts(vector(&pose.translation.vector), rotation)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::shipped;
    use approx::assert_relative_eq;
    use outrider_foundation::Point2;
    use proptest::prelude::*;

    fn index(statics: &[Shape]) -> ClearanceIndex {
        let config = shipped();
        let footprint = Footprint::rectangle(0.35, 0.35, 0.5).unwrap();
        ClearanceIndex::new(&footprint, &config.body, statics, &[]).unwrap()
    }

    fn shape(solid: Solid, x: f64, y: f64, z: f64) -> Shape {
        Shape { name: "s".into(), world_from_shape: Pose3::translation(x, y, z), solid }
    }

    #[test]
    fn known_distances() {
        let cube = Solid::Box { size_m: [1.0, 1.0, 1.0] };
        let pole = Solid::Cylinder { radius_m: 0.2, length_m: 2.0 };
        let i = index(&[shape(cube, 2.0, 0.0, 0.5), shape(pole, 0.0, -3.0, 1.0)]);
        let near = i.nearest(Pose2::IDENTITY, &[]);
        assert_eq!(near.index, Some(0));
        assert_relative_eq!(near.distance_m, 1.5 - 0.35, epsilon = 1e-5);
        // Turned by 90° and farther back, the pole is nearer.
        let near = i.nearest(Pose2::new(0.0, -1.5, FRAC_PI_2), &[]);
        assert_eq!(near.index, Some(1));
        assert_relative_eq!(near.distance_m, 1.5 - 0.2 - 0.35, epsilon = 1e-3);
        assert_relative_eq!(i.nearest(Pose2::new(1.4, 0.0, 0.0), &[]).distance_m, 0.0);
        assert_eq!(i.nearest_within(Pose2::IDENTITY, &[], 0.5), None);
        assert_eq!(i.nearest_within(Pose2::new(1.0, 0.0, 0.0), &[], 0.5).unwrap().index, Some(0));
        assert!(index(&[]).nearest(Pose2::IDENTITY, &[]).distance_m.is_infinite());
    }

    #[test]
    fn what_is_driven_under_or_over_does_not_count() {
        let plate = Solid::Box { size_m: [4.0, 4.0, 0.01] };
        assert!(index(&[shape(plate, 0.0, 0.0, 0.0)]).nearest(Pose2::IDENTITY, &[]).distance_m.is_infinite());
        assert!(index(&[shape(plate, 0.0, 0.0, 1.0)]).nearest(Pose2::IDENTITY, &[]).distance_m.is_infinite());
        assert_relative_eq!(
            index(&[shape(plate, 0.0, 0.0, 0.2)]).nearest(Pose2::IDENTITY, &[]).distance_m,
            0.0
        );
        // A beam on the floor below the lidar's plane does count.
        let beam = Solid::Box { size_m: [0.1, 2.0, 0.1] };
        let near = index(&[shape(beam, 1.0, 0.0, 0.05)]).nearest(Pose2::IDENTITY, &[]);
        assert_relative_eq!(near.distance_m, 0.6, epsilon = 1e-5);
    }

    proptest! {
        /// Against the plane geometry of the footprint: a pole is a point with a radius.
        #[test]
        fn poles_are_as_far_as_the_footprint_says(
            x in -500.0..500.0f64, y in -500.0..500.0f64, yaw in -4.0..4.0f64, px in -3.0..3.0f64, py in -3.0..3.0f64,
        ) {
            let footprint = Footprint::rectangle(0.35, 0.35, 0.5).unwrap();
            let base = Pose2::new(x, y, yaw);
            let at = base.apply(Point2::new(px, py));
            let pole = Solid::Cylinder { radius_m: 0.2, length_m: 1.0 };
            let near = index(&[shape(pole, at.x_m, at.y_m, 0.5)]).nearest(base, &[]);
            let expected = (footprint.signed_distance_m(Point2::new(px, py)) - 0.2).max(0.0);
            prop_assert!((near.distance_m - expected).abs() < 1e-4 + 1e-3 * expected, "{} {expected}", near.distance_m);
        }

        /// Leaving out what is surely farther changes nothing: the nearest of many is the nearest of each alone.
        #[test]
        fn the_nearest_of_many(at in prop::collection::vec((-6.0..6.0f64, -6.0..6.0f64, 0.1..3.0f64), 1..15)) {
            let shapes: Vec<Shape> =
                at.iter().map(|(x, y, l)| shape(Solid::Box { size_m: [*l, 0.2, 1.0] }, *x, *y, 0.5)).collect();
            let base = Pose2::new(0.3, -0.2, 0.7);
            let each = shapes.iter().map(|s| index(std::slice::from_ref(s)).nearest(base, &[]).distance_m);
            let expected = each.fold(f64::INFINITY, f64::min);
            prop_assert!((index(&shapes).nearest(base, &[]).distance_m - expected).abs() < 1e-6);
        }
    }
}
