//! Core of the world model: scans, odometry, transforms, an optional map and detections go in; one state of the
//! world with its uncertainty comes out.
//!
//! What each part knows, and nothing more:
//!
//! - `source`: whether a source of data may be relied upon (age, rate, faults).
//! - `history`, `ego`: where the robot was at a given time, in `odom` and, when localised, in `map`.
//! - [`beams`], `obstacles`: what a scan says about the cells round the robot.
//! - [`distance`], `inflation`: kernels over whole grids.
//! - `lattice`: where the cells of a grid are.
//! - `static_map`, `zones`, `costmap`, `global`: the local rolling grid and the global one, and what lies on both.
//! - `clear`: the planner's orders to forget.
//! - [`tracks`]: moving objects.
//! - `node`: ties them to the [`Node`](outrider_foundation::Node) trait.
//!
//! This crate never knows a clock, ROS, files, or another core.

pub mod beams;
mod clear;
mod config;
mod costmap;
pub mod distance;
mod ego;
mod error;
mod global;
mod history;
pub mod inflation;
mod lattice;
mod localizer;
pub mod matching;
mod node;
pub mod obstacles;
mod passed;
mod source;
mod star;
mod static_map;
pub mod tracks;
mod transforms;
mod zones;

pub use clear::CLEAR_LIMIT;
pub use config::{
    Config, CostmapConfig, EgoConfig, FilterConfig, InflationConfig, InitialPose, LogOddsConfig, MapConfig,
    MapSourceConfig, MatchingConfig, OwnMatching, SlipConfig, SourceConfig, SourcesConfig, ZoneLayerConfig,
};
pub use ego::{LocalisationCounters, LocalisedBy, Lost, ReckonerCounters};
pub use error::WorldModelError;
pub use localizer::{Against, Build, Localizer, ScanReport};
pub use node::{Input, Output, SCANS_PER_STEP_LIMIT, WorldModelNode};
pub use tracks::TracksConfig;
pub use transforms::{FRAME_NAME_LIMIT, TRANSFORM_LIMIT, TransformBuffer};
