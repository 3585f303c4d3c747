//! The world: what stands still, who walks, and how both look to a plane at some height.

mod actor;
mod frames;
mod geometry;
mod near;
mod outline;
mod raster;
mod sdf;
mod track;
mod values;

/// Elements of SDF for other readers.
pub(crate) mod xml {
    pub(crate) use super::frames::{MODEL, pose_in_link, pose_in_scope};
    pub(crate) use super::geometry::{capsule, solids};
    pub(crate) use super::sdf::{HARMLESS_IN_COLLISION, HARMLESS_IN_LINK, HARMLESS_IN_MODEL};
    pub(crate) use super::values::{child, fault, line, numbers, pose, required};
}

pub(crate) use near::overlap;
pub(crate) use outline::convex_hull;

pub use actor::{Actor, Motion, Waypoint};
pub use outline::Outline;
pub use raster::Raster;
pub use track::{AWAY_M, RecordedTrack};

use crate::error::SimError;
use nalgebra::{Isometry3, Vector3};

/// A rigid transform in space, `a_from_b`.
pub type Pose3 = Isometry3<f64>;

/// A solid about the origin of its own frame, as SDF defines it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Solid {
    /// Edges along the axes.
    Box {
        /// Full lengths of the edges.
        size_m: [f64; 3],
    },
    /// Its axis is z.
    Cylinder {
        /// Radius.
        radius_m: f64,
        /// Full length.
        length_m: f64,
    },
    /// A ball.
    Sphere {
        /// Radius.
        radius_m: f64,
    },
    /// A triangle, raised: its axis is z, the middle of the box around it is the origin.
    Prism {
        /// Corners, counter-clockwise.
        corners_m: [[f64; 2]; 3],
        /// Full height.
        height_m: f64,
    },
}

/// One solid of the world that never moves.
#[derive(Clone, Debug, PartialEq)]
pub struct Shape {
    /// Name of the model it belongs to; `outer::inner` when models are nested.
    pub name: String,
    /// Where it is.
    pub world_from_shape: Pose3,
    /// What it is.
    pub solid: Solid,
}

impl Shape {
    /// Lowest and highest point, in m.
    pub fn z_range_m(&self) -> (f64, f64) {
        // Row z of the rotation: how far each axis of the shape reaches up.
        let rotation = self.world_from_shape.rotation.to_rotation_matrix();
        let up = rotation.matrix().row(2).transpose();
        let reach_m = match self.solid {
            Solid::Box { size_m } => 0.5 * up.abs().dot(&Vector3::from(size_m)),
            Solid::Cylinder { radius_m, length_m } => {
                0.5 * length_m * up.z.abs() + radius_m * (1.0 - up.z * up.z).max(0.0).sqrt()
            }
            Solid::Sphere { radius_m } => radius_m,
            Solid::Prism { corners_m, height_m } => {
                let tips = corners_m.map(|[x, y]| up.x * x + up.y * y);
                let half_m = 0.5 * height_m * up.z.abs();
                let z_m = self.world_from_shape.translation.z;
                let least = tips.iter().copied().fold(f64::INFINITY, f64::min);
                let most = tips.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                return (z_m + least - half_m, z_m + most + half_m);
            }
        };
        let z_m = self.world_from_shape.translation.z;
        (z_m - reach_m, z_m + reach_m)
    }
}

/// An element of the world file that this simulator leaves out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsupported {
    /// Line of the element, from 1.
    pub line: u32,
    /// Its tag.
    pub element: String,
    /// What is left out or done instead.
    pub reason: String,
}

/// A world file, read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct World {
    name: String,
    statics: Vec<Shape>,
    actors: Vec<Actor>,
    people_are_replaced: bool,
    unsupported: Vec<Unsupported>,
    unsupported_dropped: usize,
}

impl World {
    /// The most bytes of a world file.
    pub const BYTES_LIMIT: usize = 4 << 20;
    /// The most solids.
    pub const SHAPE_LIMIT: usize = 4096;
    /// The most actors.
    pub const ACTOR_LIMIT: usize = 64;
    /// The most waypoints of one actor.
    pub const WAYPOINT_LIMIT: usize = 4096;
    /// The most models that are included, each as often as it is.
    pub const INCLUDE_LIMIT: usize = 4096;
    /// Models nest no deeper.
    pub const NESTING_LIMIT: usize = 8;
    /// The most entries of [`Self::unsupported`]; what is beyond is counted by [`Self::unsupported_dropped`].
    pub const UNSUPPORTED_LIMIT: usize = 256;
    /// Coordinates and lengths beyond this many metres are refused.
    pub const EXTENT_LIMIT_M: f64 = 10_000.0;

    /// Reads the subset of SDF 1.4 to 1.12 (sdformat.org/spec) that Gazebo worlds of this kind use: static models of
    /// boxes, cylinders, capsules, spheres and polylines (planes are the floor), and actors with a scripted trajectory.
    /// What has no influence here (lights, visuals, physics settings, plugins) is skipped; other elements, such as
    /// meshes, are left out and listed in [`Self::unsupported`]. The lidar sees collision shapes, not visuals.
    ///
    /// # Errors
    /// XML errors and malformed elements with line and column; too many of anything.
    pub fn load(sdf: &str) -> Result<Self, SimError> {
        sdf::load(sdf, &|_| None)
    }

    /// As [`Self::load`], with the text of the models that it includes by [their names](Self::includes); an include
    /// that has none is left out and listed.
    ///
    /// # Errors
    /// As there; what is wrong in a model's file with the model's name.
    pub fn load_with<'a>(sdf: &str, models: impl Fn(&str) -> Option<&'a str> + 'a) -> Result<Self, SimError> {
        sdf::load(sdf, &models)
    }

    /// Names of the models that a world, or a model, includes itself, each once: the last parts of their addresses, but for Gazebo's sun
    /// and floor.
    ///
    /// # Errors
    /// When it is no SDF.
    pub fn includes(sdf: &str) -> Result<Vec<String>, SimError> {
        sdf::includes(sdf)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What never moves, in the order of the file.
    pub fn statics(&self) -> &[Shape] {
        &self.statics
    }

    /// Who walks, in the order of the file.
    pub fn actors(&self) -> &[Actor] {
        &self.actors
    }

    /// Whether they are tracks in the place of the people of the file.
    pub(crate) fn people_are_replaced(&self) -> bool {
        self.people_are_replaced
    }

    /// What was left out, in the order of the file.
    pub fn unsupported(&self) -> &[Unsupported] {
        &self.unsupported
    }

    /// How many entries did not fit into [`Self::unsupported`].
    pub fn unsupported_dropped(&self) -> usize {
        self.unsupported_dropped
    }

    /// What the horizontal plane at `height_m` cuts of everything static.
    pub fn outlines(&self, height_m: f64) -> Vec<Outline> {
        self.statics.iter().filter_map(|shape| Outline::cut(shape, height_m)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_relative_eq;
    use std::f64::consts::FRAC_PI_4;

    #[test]
    fn heights_follow_the_tilt() {
        let at = |solid, roll| Shape {
            name: String::new(),
            world_from_shape: Pose3::new(Vector3::new(0.0, 0.0, 2.0), Vector3::new(roll, 0.0, 0.0)),
            solid,
        };
        let cube = Solid::Box { size_m: [1.0, 1.0, 1.0] };
        assert_relative_eq!(at(cube, 0.0).z_range_m().1, 2.5);
        assert_relative_eq!(at(cube, FRAC_PI_4).z_range_m().0, 2.0 - 0.5_f64.sqrt(), epsilon = 1e-12);
        let pole = Solid::Cylinder { radius_m: 0.1, length_m: 2.0 };
        assert_relative_eq!(at(pole, 0.0).z_range_m().1, 3.0);
        assert_relative_eq!(at(pole, 2.0 * FRAC_PI_4).z_range_m().1, 2.1, epsilon = 1e-12);
        assert_relative_eq!(at(Solid::Sphere { radius_m: 0.3 }, 1.0).z_range_m().0, 1.7);
    }
}
