//! Configuration of the controller, with units; `config/planner.yaml` is the one home of the values.
//!
//! Costs have no unit of their own: only their ratios to each other and to the temperature matter. Those of a state are
//! integrated over time, so they do not change with the step.

use super::{DISC_LIMIT, SAMPLE_LIMIT, STEP_LIMIT};
use garde::Validate;
use outrider_foundation::validate::within;
use serde::{Deserialize, Serialize};

/// The sampling controller (model predictive path integral control).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct MppiConfig {
    /// Seed of the noise.
    #[garde(skip)]
    pub seed: u64,
    /// Trajectories that are tried for every command; rounded up to a multiple of 32.
    #[garde(range(min = 32, max = SAMPLE_LIMIT))]
    pub samples: usize,
    /// Steps of each: a multiple of 4.
    #[garde(range(min = 8, max = STEP_LIMIT))]
    pub steps: usize,
    /// Length of a step, s.
    #[garde(custom(within(0.01, 0.2)))]
    pub step_s: f64,
    /// Cost that makes a trajectory count e times less.
    #[garde(custom(within(0.01, 100.0)))]
    pub temperature: f64,
    /// Weight of staying near the last plan: 0 ignores it, 1 is what the information-theoretic derivation asks for.
    #[garde(custom(within(0.0, 1.0)))]
    pub control_cost: f64,
    /// Standard deviation of the tried speeds, m/s.
    #[garde(custom(within(0.01, 5.0)))]
    pub sigma_v_mps: f64,
    /// Standard deviation of the tried turn rates, rad/s.
    #[garde(custom(within(0.01, 5.0)))]
    pub sigma_w_radps: f64,
    /// Time over which the noise of one trajectory keeps together, s; 0 makes it white.
    #[garde(custom(within(0.0, 5.0)))]
    pub noise_time_s: f64,
    /// Discs along the base's x axis that stand for the outline.
    #[garde(range(min = 1, max = DISC_LIMIT))]
    pub discs: usize,
    /// What stands.
    #[garde(dive)]
    pub obstacles: ObstacleConfig,
    /// What moves.
    #[garde(dive)]
    pub risk: RiskConfig,
    /// The path and its end.
    #[garde(dive)]
    pub path: PathConfig,
    /// How it is driven.
    #[garde(dive)]
    pub motion: MotionConfig,
}

/// What stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct ObstacleConfig {
    /// Nearer than this to the discs is contact, m; as much as there is when the robot stands nearer already.
    #[garde(custom(within(0.0, 0.5)))]
    pub margin_m: f64,
    /// Nearness costs up to this distance, m.
    #[garde(custom(within(0.05, 3.0)))]
    pub reach_m: f64,
    /// Cost of being right at the margin, per second; falls with the square to nothing at the reach.
    #[garde(custom(within(0.0, 1000.0)))]
    pub weight_per_s: f64,
    /// Cost of a contact, twice that when it comes at once.
    #[garde(custom(within(1.0, 10_000.0)))]
    pub contact: f64,
    /// Where the pursuit slows down for what is beside it (`follow.slow_clearance_m`), the samples do so too, but to no less than this,
    /// m/s: they keep to the middle better.
    #[garde(custom(within(0.05, 5.0)))]
    pub beside_mps: f64,
    /// Share of the cost of nearness that being outside of the local grid has.
    #[garde(custom(within(0.0, 1.0)))]
    pub outside_share: f64,
}

/// What moves: a chance constraint, and comfort.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct RiskConfig {
    /// Greatest probability of contact at any one time of a trajectory.
    #[garde(custom(within(0.0001, 0.5)))]
    pub step_probability_max: f64,
    /// It is asked for up to this far ahead, s; beyond, the probability has its cost only.
    #[garde(custom(within(0.1, 10.0)))]
    pub horizon_s: f64,
    /// Cost of not keeping to it, twice that when it begins at once.
    #[garde(custom(within(1.0, 10_000.0)))]
    pub violation: f64,
    /// Cost of the probability of contact, per second.
    #[garde(custom(within(0.0, 1000.0)))]
    pub weight_per_s: f64,
    /// Distance between the outline and a person's disc below which nearness costs, m.
    #[garde(custom(within(0.0, 3.0)))]
    pub comfort_m: f64,
    /// Cost of no distance at all, per second; falls with the square to nothing at the comfortable one.
    #[garde(custom(within(0.0, 1000.0)))]
    pub comfort_per_s: f64,
    /// Whoever passes in front of somebody is gone for this long before he comes, s.
    #[garde(custom(within(0.0, 3.0)))]
    pub passing_gap_s: f64,
    /// Standard deviation of a prediction is taken to be no more than this, m.
    #[garde(custom(within(0.05, 3.0)))]
    pub sigma_cap_m: f64,
    /// Distance kept in any case between the outline and the object, m.
    #[garde(custom(within(0.0, 1.0)))]
    pub margin_m: f64,
}

/// The path and its end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct PathConfig {
    /// Cost of the distance from the path, per m² and second.
    #[garde(custom(within(0.0, 1000.0)))]
    pub align_per_m2s: f64,
    /// Cost of heading across the path, per second; twice that against it.
    #[garde(custom(within(0.0, 1000.0)))]
    pub heading_per_s: f64,
    /// Cost of the way that is left at the end of the horizon, per metre.
    #[garde(custom(within(0.0, 1000.0)))]
    pub left_per_m: f64,
    /// Cost of being too fast to stop at the end of the path, per (m/s)² and second.
    #[garde(custom(within(0.0, 1000.0)))]
    pub overspeed: f64,
    /// Cost of the heading at the goal, at the end of the horizon; twice that for the opposite one.
    #[garde(custom(within(0.0, 1000.0)))]
    pub goal_heading: f64,
    /// The goal's heading counts within this distance, m.
    #[garde(custom(within(0.05, 5.0)))]
    pub goal_heading_within_m: f64,
    /// The path is simplified to straight pieces no farther from it than this, m.
    #[garde(custom(within(0.005, 0.2)))]
    pub tolerance_m: f64,
}

/// How it is driven.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct MotionConfig {
    /// Cost of acceleration, per (m/s²)² and second.
    #[garde(custom(within(0.0, 100.0)))]
    pub accel: f64,
    /// Cost of angular acceleration, per (rad/s²)² and second.
    #[garde(custom(within(0.0, 100.0)))]
    pub alpha: f64,
    /// Cost of turning, per (rad/s)² and second.
    #[garde(custom(within(0.0, 100.0)))]
    pub turn: f64,
    /// Cost of driving backwards, per metre.
    #[garde(custom(within(0.0, 1000.0)))]
    pub reverse_per_m: f64,
    /// Speeds below this, but for standing, are not driven well, m/s; 0 for none.
    #[garde(custom(within(0.0, 0.2)))]
    pub deadband_mps: f64,
    /// Their cost in the middle of the band, per second.
    #[garde(custom(within(0.0, 100.0)))]
    pub deadband_per_s: f64,
}
