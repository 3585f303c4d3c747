//! Core of the embedded simulator: a world from SDF text, a differential-drive robot, its sensors and people on foot.
//!
//! [`SimNode`] is a deterministic core like every other: it takes velocity commands and time, and gives what the real
//! robot would publish, plus the truth for evaluation. The same seed, world, configuration and calls give the same
//! outputs, bit for bit.
//!
//! The world frame of the SDF file is the `map` frame. What this simulator leaves out:
//! - The lidar sees the collision shapes, cut by the plane at its height. A shape that does not reach that plane is
//!   not seen and not on the map, though the robot can run into it.
//! - Nothing can be pushed: models stand still, and whoever meets the robot stops at it or stops it.

mod clearance;
mod config;
mod contacts;
mod drive;
mod error;
mod movers;
mod node;
mod rays;
mod robot;
mod sensors;
mod spec;
mod world;

pub use clearance::{Clearance, ClearanceIndex};
pub use config::{
    Absent, BodyConfig, Config, DetectorConfig, DriveConfig, Dropout, ImuConfig, LidarConfig,
    LocaliserConfig, MapConfig, OdometryConfig, PersonConfig, Timing,
};
pub use drive::{Drive, Floor};
pub use error::SimError;
pub use node::{Counters, Input, Output, SimNode};
pub use rays::{Disc, Fan, Moving, RayScene};
pub use robot::RobotFile;
pub use spec::{
    ActorKind, ActorSpec, Begin, Behaviour, DoorKind, DoorSpec, DoorStep, EventSpec, FloorPatch, PersonSize,
    Surface, SurfaceKind, VehicleSize,
};
pub use world::{
    AWAY_M, Actor, Motion, Outline, Pose3, Raster, RecordedTrack, Shape, Solid, Unsupported, Waypoint, World,
};
