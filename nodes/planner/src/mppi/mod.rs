//! Model predictive path integral control: many trajectories with noise of their own are rolled out and weighted by
//! their costs; their mean is the next plan (Williams et al., "Information-theoretic model predictive control", T-RO 2018).
//! `docs/control.md` has the equations and the parameters.
//!
//! Every decision is a pure function of what it is given, of the plan before it and of how many there were: the noise is
//! a function of (seed, decision, sample, step), sums have one order, and no product is fused with a sum, so all machines
//! give the same bits.

mod config;
mod controller;
mod field;
mod kernel;
mod maths;
mod reduce;
mod reference;
mod risk;
mod simd;
mod smooth;

pub use config::{MotionConfig, MppiConfig, ObstacleConfig, PathConfig, RiskConfig};
pub use controller::{Answer, Candidate, Costs, Mppi, Outcome, Part, Request};
pub use kernel::LANES;
pub use simd::Level;

/// The most discs that stand for the outline.
pub const DISC_LIMIT: usize = field::DISC_LIMIT;
/// The most steps of a trajectory.
pub const STEP_LIMIT: usize = outrider_foundation::noise::BLOCK * kernel::BLOCKS as usize;
/// The most trajectories.
pub const SAMPLE_LIMIT: usize = 20_000;
/// The greatest turn in one step, rad.
pub const SMALL_TURN_RAD: f64 = maths::SMALL_TURN_RAD as f64;
