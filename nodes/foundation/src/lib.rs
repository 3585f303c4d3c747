//! Time, units, frames, geometry, random numbers, the [`Node`] trait and the domain data that nodes exchange.
//!
//! This crate depends on nothing else of Outrider. It never knows ROS, topics, encodings, files or clocks.

mod contact;
pub mod data;
pub mod gap;
pub mod geometry;
pub mod grid;
pub mod label;
pub mod node;
pub mod noise;
pub mod polygon;
pub mod rng;
pub mod robot;
pub mod time;
pub mod track_field;
pub mod validate;
pub mod zones;

pub use geometry::{Ellipse, Footprint, Frame, Point2, Pose2, Twist2};
pub use label::Label;
pub use node::{Node, Outbox, Stamped};
pub use robot::{Robot, RobotDescription};
pub use time::{Instant, Now, Span, Stamp};
