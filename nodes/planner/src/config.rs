//! Configuration of the planner: `config/planner.yaml` is the one home of the values.

use crate::error::PlannerError;
use crate::mppi::{MppiConfig, SMALL_TURN_RAD};
use garde::Validate;
use outrider_foundation::Robot;
use outrider_foundation::validate::within;
use serde::{Deserialize, Serialize};

/// `config/planner.yaml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Periods and time limits.
    #[garde(dive)]
    pub timing: TimingConfig,
    /// When a goal counts as reached.
    #[garde(dive)]
    pub goal: GoalConfig,
    /// The search for a path.
    #[garde(dive)]
    pub search: SearchConfig,
    /// How a path is followed.
    #[garde(dive)]
    pub follow: FollowConfig,
    /// What every command has to fulfil.
    #[garde(dive)]
    pub safety: SafetyConfig,
    /// How the robot gives way, beyond what safety asks.
    #[garde(dive)]
    pub yielding: YieldConfig,
    /// Which controller follows the path.
    #[garde(skip)]
    pub controller: Controller,
    /// The sampling controller.
    #[garde(dive)]
    pub mppi: MppiConfig,
    /// Proposals of others.
    #[garde(dive)]
    pub external: ExternalConfig,
    /// What the modes of assurance mean for the planner.
    #[garde(dive)]
    pub modes: ModeConfig,
    /// What holds for missions.
    #[garde(dive)]
    pub mission: MissionConfig,
}

/// Which controller follows the path; the braking tail of every command is verified whichever it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Controller {
    /// Regulated pure pursuit.
    Rpp,
    /// Sampling (model predictive path integral control), with regulated pure pursuit as its fallback.
    Mppi,
}

/// Periods and time limits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct TimingConfig {
    /// A command is issued at the latest this long after the last one, s.
    #[garde(custom(within(0.005, 0.05)))]
    pub command_period_s: f64,
    /// Without a world model for this long (by arrival) the command is zero, s.
    #[garde(custom(within(0.05, 1.0)))]
    pub world_model_timeout_s: f64,
    /// Without a sign of life of the world model for this long (by arrival) the command is zero, s. Signs come every 10 ms.
    #[garde(custom(within(0.02, 0.5)))]
    pub alive_timeout_s: f64,
    /// The robot's state is extrapolated by at most this, s.
    #[garde(custom(within(0.05, 1.0)))]
    pub extrapolation_limit_s: f64,
    /// Sources of the world model that have to be fresh: last part of their topic names.
    #[garde(length(min = 1, max = 16), inner(length(min = 1, max = 64)))]
    pub required_sources: Vec<String>,
}

/// When a goal counts as reached.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct GoalConfig {
    /// Distance to the goal, m.
    #[garde(custom(within(0.02, 2.0)))]
    pub xy_tolerance_m: f64,
    /// Difference in heading, rad.
    #[garde(custom(within(0.01, 3.2)))]
    pub yaw_tolerance_rad: f64,
    /// Speed below which the robot counts as standing, m/s.
    #[garde(custom(within(0.005, 0.5)))]
    pub stopped_mps: f64,
    /// Turn rate below which the robot counts as standing, rad/s.
    #[garde(custom(within(0.01, 1.0)))]
    pub stopped_radps: f64,
    /// Following the path has failed when the robot has neither moved nor turned noticeably for this long, s.
    #[garde(custom(within(1.0, 600.0)))]
    pub progress_timeout_s: f64,
    /// It has failed as well when the robot has not moved away for this long, though it may have turned, and somebody stands
    /// close before it, who may be waiting for it, s.
    #[garde(custom(within(1.0, 600.0)))]
    pub make_room_after_s: f64,
}

/// The search for a path.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct SearchConfig {
    /// Travel costs `1 + weight·cost/252` a metre.
    #[garde(custom(within(0.0, 20.0)))]
    pub cost_weight: f64,
    /// Whether a path may lead through cells that were never seen.
    #[garde(skip)]
    pub allow_unknown: bool,
    /// Grid cost of such a cell, 0 to 252.
    #[garde(range(max = 252))]
    pub unknown_cost: u8,
    /// The path keeps the robot's inscribed radius and this away from obstacles, m.
    #[garde(custom(within(0.0, 1.0)))]
    pub clearance_margin_m: f64,
    /// Where the robot could not turn freely (nearer to obstacles than its circumscribed radius and that margin) a metre
    /// costs this much more: another way is worth a detour.
    #[garde(custom(within(0.0, 20.0)))]
    pub narrow_weight: f64,
    /// When the robot stands in a forbidden cell, the nearest free one within this is where the path begins, m.
    #[garde(custom(within(0.05, 3.0)))]
    pub escape_radius_m: f64,
    /// When something that may move away covers the goal, the path leads to the nearest free cell within this, m.
    #[garde(custom(within(0.05, 5.0)))]
    pub goal_search_m: f64,
    /// The search gives up after this many expanded cells; a patch of sixteen that is worked out counts as four.
    #[garde(range(min = 1_000, max = 20_000_000))]
    pub expansion_limit: u32,
    /// Distance between the poses of a path, m.
    #[garde(custom(within(0.02, 0.5)))]
    pub resample_m: f64,
    /// Rounds of smoothing.
    #[garde(range(max = 200))]
    pub smoothing_rounds: u32,
    /// A new path replaces a valid one when it costs less than this share of it.
    #[garde(custom(within(0.1, 1.0)))]
    pub better_share: f64,
    /// A path is checked for obstacles this far ahead, m.
    #[garde(custom(within(0.5, 50.0)))]
    pub validity_horizon_m: f64,
    /// A path is given up when the robot is farther from it than this, m.
    #[garde(custom(within(0.1, 5.0)))]
    pub deviation_limit_m: f64,
    /// The search with the robot's outline and heading.
    #[garde(dive)]
    pub lattice: LatticeConfig,
}

/// The search with the robot's outline and heading.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct LatticeConfig {
    /// Kept between the outline and the centres of lethal cells, m.
    #[garde(custom(within(0.0, 0.5)))]
    pub margin_m: f64,
    /// Arcs are no tighter, m.
    #[garde(custom(within(0.05, 5.0)))]
    pub min_radius_m: f64,
    /// A turn on the spot by one radian costs as much as so many metres of free space.
    #[garde(custom(within(0.01, 5.0)))]
    pub turn_cost_m: f64,
    /// Whether a path may go backwards.
    #[garde(skip)]
    pub reverse: bool,
    /// The search gives up after this many expanded states.
    #[garde(range(min = 100, max = 5_000_000))]
    pub expansion_limit: u32,
}

/// How a path is followed: regulated pure pursuit, in the terms of Nav2.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct FollowConfig {
    /// Speed on a free, straight path, m/s.
    #[garde(custom(within(0.05, 20.0)))]
    pub cruise_mps: f64,
    /// The carrot is this far ahead in time, s.
    #[garde(custom(within(0.1, 5.0)))]
    pub lookahead_time_s: f64,
    /// And at least this far, m.
    #[garde(custom(within(0.1, 5.0)))]
    pub lookahead_min_m: f64,
    /// And at most this far, m.
    #[garde(custom(within(0.1, 10.0)))]
    pub lookahead_max_m: f64,
    /// With the carrot farther to the side the robot turns on the spot, rad.
    #[garde(custom(within(0.2, 3.0)))]
    pub rotate_start_rad: f64,
    /// Until it is within this, rad.
    #[garde(custom(within(0.02, 1.5)))]
    pub rotate_stop_rad: f64,
    /// Greatest turn rate on the spot, rad/s.
    #[garde(custom(within(0.05, 5.0)))]
    pub rotate_radps: f64,
    /// Share of the robot's angular acceleration used to come to rest at a heading.
    #[garde(custom(within(0.05, 1.0)))]
    pub rotate_decel_share: f64,
    /// Curves tighter than this slow the robot down in proportion, m.
    #[garde(custom(within(0.05, 10.0)))]
    pub regulated_radius_m: f64,
    /// Greatest sideways acceleration, m/s².
    #[garde(custom(within(0.05, 10.0)))]
    pub lateral_accel_mps2: f64,
    /// Closer to obstacles than this (from the robot's outline) it slows down in proportion, m.
    #[garde(custom(within(0.0, 5.0)))]
    pub slow_clearance_m: f64,
    /// Curves and nearness slow it down to no less than this, m/s.
    #[garde(custom(within(0.02, 2.0)))]
    pub regulated_min_mps: f64,
    /// Speed of the last centimetres, m/s.
    #[garde(custom(within(0.01, 0.5)))]
    pub approach_min_mps: f64,
    /// Share of the robot's ordinary deceleration that slow-downs are planned with.
    #[garde(custom(within(0.1, 1.0)))]
    pub decel_share: f64,
    /// The robot stops this far before a place where its path is blocked, m.
    #[garde(custom(within(0.0, 3.0)))]
    pub blocked_standoff_m: f64,
    /// Speed for backing out when it can neither go on nor turn, m/s; zero forbids it.
    #[garde(custom(within(0.0, 0.5)))]
    pub reverse_mps: f64,
}

/// What every command has to fulfil.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct SafetyConfig {
    /// Time that a command is held before braking begins: at least the whole suite's reaction time, s.
    #[garde(custom(within(0.05, 2.0)))]
    pub reaction_s: f64,
    /// Share of the robot's braking deceleration that is relied upon.
    #[garde(custom(within(0.1, 1.0)))]
    pub brake_share: f64,
    /// Distance kept between the outline and the centres of lethal cells, m. Half a cell's diagonal makes up for the cell's size.
    #[garde(custom(within(0.0, 0.5)))]
    pub margin_m: f64,
    /// Distance kept between the outline and a tracked object's disc, m.
    #[garde(custom(within(0.0, 1.0)))]
    pub track_margin_m: f64,
    /// Standard deviations of a predicted position added to it.
    #[garde(custom(within(0.0, 5.0)))]
    pub sigma_gain: f64,
    /// But no more than this, m.
    #[garde(custom(within(0.0, 2.0)))]
    pub sigma_cap_m: f64,
    /// The disc of an object that is no longer seen grows at this speed during a prediction, m/s.
    #[garde(custom(within(0.0, 5.0)))]
    pub unseen_growth_mps: f64,
}

/// How the robot gives way, beyond what safety asks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct YieldConfig {
    /// How far ahead conflicts with tracks are looked for, s.
    #[garde(custom(within(0.5, 10.0)))]
    pub horizon_s: f64,
    /// Time between the robot's leaving a place and somebody's coming there, s (post-encroachment time).
    #[garde(custom(within(0.0, 3.0)))]
    pub passing_gap_s: f64,
    /// Time from one look to the next, s.
    #[garde(custom(within(0.05, 0.5)))]
    pub step_s: f64,
    /// Distance kept between the outline and a person's disc, m.
    #[garde(custom(within(0.0, 2.0)))]
    pub comfort_margin_m: f64,
    /// Standard deviations of a predicted position added to it.
    #[garde(custom(within(0.0, 5.0)))]
    pub sigma_gain: f64,
    /// But no more than this, m.
    #[garde(custom(within(0.0, 2.0)))]
    pub sigma_cap_m: f64,
    /// Objects slower than this stand, m/s.
    #[garde(custom(within(0.0, 1.0)))]
    pub standing_mps: f64,
    /// Who has stood for so long is planned around like a wall, s.
    #[garde(custom(within(0.0, 10.0)))]
    pub standing_after_s: f64,
    /// Until he is faster than this, m/s.
    #[garde(custom(within(0.0, 2.0)))]
    pub moving_mps: f64,
    /// So much farther from them than the margin a metre of the way costs more, m.
    #[garde(custom(within(0.0, 2.0)))]
    pub berth_m: f64,
    /// By this share next to the margin, linearly less further off.
    #[garde(custom(within(0.0, 20.0)))]
    pub berth_weight: f64,
    /// In the disc of what was left standing a metre costs more by this share in its middle, linearly less to its edge: there it
    /// drives only where there is no other way.
    #[garde(custom(within(0.0, 100.0)))]
    pub left_standing_weight: f64,
    /// Whose disc is no farther from the outline than this, on whatever side, is close, m.
    #[garde(custom(within(0.0, 2.0)))]
    pub close_gap_m: f64,
    /// No faster than this while somebody is close, m/s.
    #[garde(custom(within(0.05, 3.0)))]
    pub close_mps: f64,
    /// Beside what was left standing it may be so much faster for every metre that it is farther off than that, in m/s by m.
    #[garde(custom(within(0.0, 100.0)))]
    pub beside_left_per_s: f64,
}

/// Whether the proposals of an external planner are driven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExternalMode {
    /// They are not looked at.
    Off,
    /// They are judged and compared, and never driven.
    Shadow,
    /// They are driven wherever they are fresh and safe.
    Command,
}

/// Proposals of an external planner, a learned policy for example.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct ExternalConfig {
    /// What is done with them.
    #[garde(skip)]
    pub mode: ExternalMode,
    /// Where they come from: `topic`, or the name of a policy in the planner's process.
    #[garde(length(min = 1, max = 64))]
    pub source: String,
    /// A message older than this, by its stamp or by its arrival, does not count, s.
    #[garde(custom(within(0.02, 1.0)))]
    pub max_age_s: f64,
    /// After a proposal that was not safe the own controller drives for so long, s.
    #[garde(custom(within(0.0, 60.0)))]
    pub rest_s: f64,
}

/// What the modes of assurance mean for the planner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct ModeConfig {
    /// Share of the greatest speed that is proposed in DEGRADED.
    #[garde(custom(within(0.01, 1.0)))]
    pub degraded_share: f64,
    /// Share of the greatest speed that is proposed in SAFE_STOP, so that assurance has something to judge.
    #[garde(custom(within(0.01, 1.0)))]
    pub safe_stop_share: f64,
    /// Share of the speed limit that assurance tells that is used.
    #[garde(custom(within(0.1, 1.0)))]
    pub limit_share: f64,
    /// Commands never run farther ahead of the measured speed than this, m/s.
    #[garde(custom(within(0.05, 2.0)))]
    pub tracking_error_mps: f64,
    /// And of the measured turn rate than this, rad/s.
    #[garde(custom(within(0.1, 5.0)))]
    pub tracking_error_radps: f64,
}

/// What holds for missions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct MissionConfig {
    /// File name of the tree for a goal with several poses.
    #[garde(length(min = 1, max = 128))]
    pub through_poses_tree: String,
    /// A waypoint that is not reached ends the mission; else the next one is driven to.
    #[garde(skip)]
    pub stop_on_missed_waypoint: bool,
    /// A mission is given up when the robot is not known in the frame of its goal for so long, s.
    #[garde(custom(within(1.0, 600.0)))]
    pub frame_timeout_s: f64,
    /// And when it takes longer than this, pauses not counted, s.
    #[garde(custom(within(1.0, 864_000.0)))]
    pub time_limit_s: f64,
    /// A cancelled mission is over after this even when the robot is not known to stand, s.
    #[garde(custom(within(0.5, 60.0)))]
    pub stop_timeout_s: f64,
    /// Its state is told at least so often, s.
    #[garde(custom(within(0.05, 2.0)))]
    pub state_period_s: f64,
    /// What keeps the robot from driving on for so long is told, s.
    #[garde(custom(within(0.0, 60.0)))]
    pub blocked_after_s: f64,
    /// For so long it is a warning in the diagnostics, s.
    #[garde(custom(within(1.0, 600.0)))]
    pub stuck_after_s: f64,
    /// Getting on by so much ends a block and what was tried against it, m.
    #[garde(custom(within(0.4, 10.0)))]
    pub progress_m: f64,
}

impl Config {
    /// Checks what concerns several values, or the robot.
    ///
    /// # Errors
    /// Names the key, its value and what is allowed.
    pub fn check(&self, robot: &Robot) -> Result<(), PlannerError> {
        self.validate().map_err(|report| PlannerError::Invalid(report.to_string()))?;
        let limits = &robot.limits;
        let bounds = [
            ("follow.cruise_mps", self.follow.cruise_mps, 0.0, limits.v_max_mps),
            ("follow.rotate_radps", self.follow.rotate_radps, 0.0, limits.w_max_radps),
            ("follow.reverse_mps", self.follow.reverse_mps, 0.0, -limits.v_min_mps),
            ("follow.lookahead_max_m", self.follow.lookahead_max_m, self.follow.lookahead_min_m, 10.0),
            ("follow.rotate_stop_rad", self.follow.rotate_stop_rad, 0.0, self.follow.rotate_start_rad),
            ("yielding.moving_mps", self.yielding.moving_mps, self.yielding.standing_mps, 2.0),
            ("safety.reaction_s", self.safety.reaction_s, limits.actuator_delay_s, 2.0),
        ];
        self.check_mppi(robot)?;
        for (key, value, min, max) in bounds {
            if !(value >= min && value <= max) {
                let (key, range) = (key.to_string(), format!("[{min}, {max}]"));
                return Err(PlannerError::Config { key, value, range });
            }
        }
        Ok(())
    }

    fn check_mppi(&self, robot: &Robot) -> Result<(), PlannerError> {
        let mppi = &self.mppi;
        let turn_rad = robot.limits.w_max_radps * mppi.step_s;
        let (margin_m, blocks) = (mppi.obstacles.margin_m, mppi.steps as f64 / 4.0);
        let range = |value: f64, min: f64, max: f64| {
            (!(value >= min && value <= max)).then(|| format!("[{min}, {max}]"))
        };
        let whole = if blocks.fract() > 0.0 { Some("the multiples of 4".to_string()) } else { None };
        let checks = [
            ("mppi.steps", mppi.steps as f64, whole),
            ("mppi.step_s · limits.w_max_radps", turn_rad, range(turn_rad, 0.0, SMALL_TURN_RAD)),
            ("mppi.obstacles.margin_m", margin_m, range(margin_m, 0.0, 0.9 * mppi.obstacles.reach_m)),
        ];
        for (key, value, wrong) in checks {
            if let Some(range) = wrong {
                return Err(PlannerError::Config { key: key.to_string(), value, range });
            }
        }
        Ok(())
    }
}
