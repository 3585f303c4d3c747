//! The configuration: `config/world_model.yaml` is the only home of values.

use crate::distance::finest_m;
use crate::error::WorldModelError;
use crate::inflation::InflationTable;
use crate::matching::reach_m;
use crate::tracks::TracksConfig;
use garde::Validate;
use outrider_foundation::Robot;
use outrider_foundation::track_field::TrackFieldConfig;
use outrider_foundation::validate::within;
use serde::{Deserialize, Serialize};

/// Log-odds are kept in a signed byte in units of one over this.
pub const LOG_ODDS_SCALE: f64 = 32.0;

/// `config/world_model.yaml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// A world model is published at the latest after this time, even without a scan, in s.
    #[garde(custom(within(0.01, 1.0)))]
    pub heartbeat_s: f64,
    /// A sign of life is published so often, in s: its absence says sooner than a world model's that this node is gone.
    #[garde(custom(within(0.002, 0.1)))]
    pub alive_period_s: f64,
    /// When the ROS clock steps back by more than this, all memory is dropped and filled anew, in s.
    #[garde(custom(within(0.01, 60.0)))]
    pub clock_jump_s: f64,
    /// Every source of data.
    #[garde(dive)]
    pub sources: SourcesConfig,
    /// The robot's own state.
    #[garde(dive)]
    pub ego: EgoConfig,
    /// The rolling grid.
    #[garde(dive)]
    pub costmap: CostmapConfig,
    /// Costs round obstacles, on both grids.
    #[garde(dive)]
    pub inflation: InflationConfig,
    /// The static map and the global grid.
    #[garde(dive)]
    pub map: MapConfig,
    /// Where the robot may not go, on both grids.
    #[garde(dive)]
    pub zone_layer: ZoneLayerConfig,
    /// Moving objects.
    #[garde(dive)]
    pub tracks: TracksConfig,
    /// What it costs to be where they will be.
    #[garde(dive)]
    pub track_layer: TrackFieldConfig,
}

/// Limits of every source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct SourcesConfig {
    /// `/scan`.
    #[garde(dive)]
    pub scan: SourceConfig,
    /// `/odom`.
    #[garde(dive)]
    pub odometry: SourceConfig,
    /// `/imu`.
    #[garde(dive)]
    pub imu: SourceConfig,
    /// `/tf`: the localiser's `map` to `odom`; other transforms do not count.
    #[garde(dive)]
    pub transform: SourceConfig,
    /// `/detections`.
    #[garde(dive)]
    pub detections: SourceConfig,
    /// `/map`.
    #[garde(dive)]
    pub map: MapSourceConfig,
}

/// Limits of one source that arrives again and again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct SourceConfig {
    /// Whether its absence is a fault; told in the reason.
    #[garde(skip)]
    pub required: bool,
    /// Older data is stale, by its stamp or by its arrival, in s.
    #[garde(custom(within(0.01, 60.0)))]
    pub max_age_s: f64,
    /// Stamps may lie this far ahead of the ROS clock, in s.
    #[garde(custom(within(0.0, 5.0)))]
    pub future_tolerance_s: f64,
}

/// Limits of the map, which arrives once and does not age.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct MapSourceConfig {
    /// Whether its absence is a fault; told in the reason.
    #[garde(skip)]
    pub required: bool,
    /// Stamps may lie this far ahead of the ROS clock, in s.
    #[garde(custom(within(0.0, 5.0)))]
    pub future_tolerance_s: f64,
}

/// The robot's own state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct EgoConfig {
    /// The pose is reckoned on by the last twist for at most this long, in s.
    #[garde(custom(within(0.01, 2.0)))]
    pub extrapolation_max_s: f64,
    /// Odometry that moves farther than this plus top speed between two messages has been reset, in m.
    #[garde(custom(within(0.05, 100.0)))]
    pub jump_m: f64,
    /// Growth of the variance of x and y with the age of the data, in m²/s.
    #[garde(custom(within(1e-6, 10.0)))]
    pub position_variance_rate_m2ps: f64,
    /// Growth of the variance of the heading with the age of the data, in rad²/s.
    #[garde(custom(within(1e-6, 10.0)))]
    pub yaw_variance_rate_rad2ps: f64,
    /// Variance of the localiser's x and y, in m²: `/tf` carries none.
    #[garde(custom(within(1e-6, 10.0)))]
    pub localiser_position_variance_m2: f64,
    /// Variance of the localiser's heading, in rad².
    #[garde(custom(within(1e-6, 10.0)))]
    pub localiser_yaw_variance_rad2: f64,
    /// Wheels and gyro.
    #[garde(dive)]
    pub filter: FilterConfig,
    /// Scans against the map.
    #[garde(dive)]
    pub matching: MatchingConfig,
}

/// The filter over wheels and gyro.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct FilterConfig {
    /// Error of the distance driven, in m for a metre; grows with its root.
    #[garde(custom(within(1e-4, 1.0)))]
    pub travel_sigma_per_sqrt_m: f64,
    /// Error of the angle turned, in rad for a radian.
    #[garde(custom(within(1e-4, 1.0)))]
    pub turn_sigma_per_sqrt_rad: f64,
    /// Error of the heading by driving, in rad for a metre.
    #[garde(custom(within(1e-4, 1.0)))]
    pub turn_sigma_per_sqrt_m: f64,
    /// Noise of the gyro where its messages state none, in rad/s.
    #[garde(custom(within(1e-5, 1.0)))]
    pub gyro_sigma_radps: f64,
    /// Its bias at the start, in rad/s.
    #[garde(custom(within(1e-6, 1.0)))]
    pub gyro_bias_sigma_radps: f64,
    /// How the bias wanders, in rad/s for a second.
    #[garde(custom(within(1e-8, 0.1)))]
    pub gyro_bias_walk: f64,
    /// No bias is greater, in rad/s.
    #[garde(custom(within(1e-4, 1.0)))]
    pub gyro_bias_max_radps: f64,
    /// Two inertial messages farther apart leave a gap that nothing is said about, in s.
    #[garde(custom(within(0.001, 1.0)))]
    pub imu_gap_max_s: f64,
    /// The wheels wait no longer for the gyro's word on the same time, in s.
    #[garde(custom(within(0.0, 0.5)))]
    pub imu_wait_s: f64,
    /// When wheels are not believed.
    #[garde(dive)]
    pub slip: SlipConfig,
}

/// When wheels are not believed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct SlipConfig {
    /// Gyro and wheels disagree when the square of their difference by its variance is greater; 10.83 is 99.9 % of χ² with
    /// one degree of freedom,
    #[garde(custom(within(1.0, 100.0)))]
    pub yaw_chi2: f64,
    /// and the difference itself is greater than this, in rad/s.
    #[garde(custom(within(0.001, 5.0)))]
    pub yaw_min_radps: f64,
    /// Wheel speed and acceleration disagree when the mean accelerations of a window differ by more, in m/s² (and by three
    /// sigma of the wheel speeds). Greater than what a ramp puts on the axis: 0.5 is 3 degrees.
    #[garde(custom(within(0.05, 20.0)))]
    pub accel_min_mps2: f64,
    /// The window, in s.
    #[garde(custom(within(0.05, 2.0)))]
    pub window_s: f64,
    /// Slip is told for this long after it was seen last, in s.
    #[garde(custom(within(0.0, 10.0)))]
    pub hold_s: f64,
}

/// Which localisation counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OwnMatching {
    /// Only the localiser's transform.
    Never,
    /// Own scan matching from `initial_pose` on, as long as no localiser has spoken.
    UntilALocaliserSpeaks,
    /// As before, and it takes over from a localiser that falls silent.
    WhenTheLocaliserIsSilent,
}

/// Where own matching begins, in the map.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct InitialPose {
    /// Along x.
    #[garde(custom(within(-1e6, 1e6)))]
    pub x_m: f64,
    /// Along y.
    #[garde(custom(within(-1e6, 1e6)))]
    pub y_m: f64,
    /// Heading.
    #[garde(custom(within(-7.0, 7.0)))]
    pub yaw_rad: f64,
    /// Standard deviation of x and y.
    #[garde(custom(within(0.001, 10.0)))]
    pub position_sigma_m: f64,
    /// Standard deviation of the heading.
    #[garde(custom(within(0.001, 3.0)))]
    pub yaw_sigma_rad: f64,
}

/// Scans against the map's distance field.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct MatchingConfig {
    /// When own matching counts.
    #[garde(skip)]
    pub own: OwnMatching,
    /// Where it begins; without, only where a localiser has left off.
    #[garde(dive)]
    pub initial_pose: Option<InitialPose>,
    /// Hits farther away are left out, in m.
    #[garde(custom(within(0.5, 200.0)))]
    pub range_max_m: f64,
    /// Hits nearer to the one before are left out, in m.
    #[garde(custom(within(0.0, 1.0)))]
    pub spacing_m: f64,
    /// With fewer hits nothing is matched.
    #[garde(range(min = 3, max = 512))]
    pub points_min: u32,
    /// The search about the expected pose goes no farther, in m.
    #[garde(custom(within(0.0, 2.0)))]
    pub search_max_m: f64,
    /// Nor farther round, in rad.
    #[garde(custom(within(0.0, 1.0)))]
    pub search_max_rad: f64,
    /// Distance from the map at which a hit counts a quarter, in m.
    #[garde(custom(within(0.01, 1.0)))]
    pub kernel_m: f64,
    /// Hits this near to the map fit it, in m.
    #[garde(custom(within(0.01, 1.0)))]
    pub fit_m: f64,
    /// With a smaller share of the hits that fit, a match is refused.
    #[garde(custom(within(0.05, 1.0)))]
    pub fit_min: f64,
    /// Standard deviation of a hit's distance from the map, range noise and cells together, in m.
    #[garde(custom(within(0.001, 1.0)))]
    pub hit_sigma_m: f64,
    /// So many neighbouring hits err as one.
    #[garde(custom(within(1.0, 1000.0)))]
    pub hits_as_one: f64,
    /// A direction in which the hits say less than this share of what they could is taken as not seen at all.
    #[garde(custom(within(0.0, 0.3)))]
    pub degenerate_share: f64,
    /// Lost after so many scans in a row that do not fit the map.
    #[garde(range(min = 1, max = 1000))]
    pub lost_after_scans: u32,
    /// Lost when the standard deviation of the position along its worst axis is greater, in m.
    #[garde(custom(within(0.01, 100.0)))]
    pub lost_sigma_m: f64,
    /// Found again after so many scans in a row that fit.
    #[garde(range(min = 1, max = 1000))]
    pub found_after_scans: u32,
}

/// The rolling grid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct CostmapConfig {
    /// Cells along x.
    #[garde(range(min = 20, max = 1024))]
    pub width_cells: u32,
    /// Cells along y.
    #[garde(range(min = 20, max = 1024))]
    pub height_cells: u32,
    /// The most along x that `/costmap/resize` may ask for: room is taken at the start.
    #[garde(range(min = 20, max = 1024))]
    pub width_max_cells: u32,
    /// And along y.
    #[garde(range(min = 20, max = 1024))]
    pub height_max_cells: u32,
    /// Edge of a cell, in m.
    #[garde(custom(within(0.01, 1.0)))]
    pub resolution_m: f64,
    /// Hits farther away do not mark, in m.
    #[garde(custom(within(0.1, 100.0)))]
    pub mark_max_m: f64,
    /// Beams clear no farther than this, in m.
    #[garde(custom(within(0.1, 100.0)))]
    pub clear_max_m: f64,
    /// Hits this close to the robot's outline or within it are its own body, in m.
    #[garde(custom(within(0.0, 0.5)))]
    pub footprint_margin_m: f64,
    /// Hits this close to the disc of a confirmed track belong to it and mark nothing, in m.
    #[garde(custom(within(0.0, 1.0)))]
    pub track_margin_m: f64,
    /// Evidence of hits and misses.
    #[garde(dive)]
    pub log_odds: LogOddsConfig,
}

/// Evidence for one cell, in natural log-odds of being occupied; kept in steps of 1/32.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct LogOddsConfig {
    /// Added when a beam ends in the cell. From `min`, one hit must reach `occupied`.
    #[garde(custom(within(0.1, 3.9)))]
    pub hit: f64,
    /// Subtracted when a beam passes through. From `max`, two misses must fall below `occupied`.
    #[garde(custom(within(0.1, 3.9)))]
    pub miss: f64,
    /// Lower bound.
    #[garde(custom(within(-3.9, 0.0)))]
    pub min: f64,
    /// Upper bound.
    #[garde(custom(within(0.1, 3.9)))]
    pub max: f64,
    /// At or above, the cell is an obstacle.
    #[garde(custom(within(0.05, 3.9)))]
    pub occupied: f64,
}

/// Costs round obstacles, and distances from them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct InflationConfig {
    /// Costs fall to zero at this distance from an obstacle, in m; at least the robot's inscribed radius.
    #[garde(custom(within(0.05, 5.0)))]
    pub radius_m: f64,
    /// How fast they fall beyond the inscribed radius, in 1/m.
    #[garde(custom(within(0.1, 100.0)))]
    pub cost_scaling_per_m: f64,
    /// Distances from obstacles are exact up to here, in m; those of two cells farther and more are all given as that.
    #[garde(custom(within(0.05, 20.0)))]
    pub distance_limit_m: f64,
}

/// The static map and the global grid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct MapConfig {
    /// Occupancy from 1 to 100 at which a cell of the map is an obstacle.
    #[garde(range(min = 1, max = 100))]
    pub occupied_threshold: i8,
    /// Least time between two global grids that take in what the scans have found, in s.
    #[garde(custom(within(0.1, 3600.0)))]
    pub republish_s: f64,
    /// What the scans find this close to an obstacle of the map is that obstacle, in m.
    #[garde(custom(within(0.0, 2.0)))]
    pub merge_margin_m: f64,
}

/// Exclusion zones as cells. The zones themselves are in a file of their own, that of assurance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct ZoneLayerConfig {
    /// Without it the planner learns of a zone when assurance stops the robot before it.
    #[garde(skip)]
    pub enabled: bool,
    /// Cells nearer to a zone than this are lethal too, in m: what assurance asks for, and what localisation may be wrong by.
    #[garde(custom(within(0.0, 2.0)))]
    pub margin_m: f64,
}

impl InflationConfig {
    /// Costs by distance for a robot with this inscribed radius, on cells of this size.
    pub(crate) fn table(&self, inscribed_m: f64, resolution_m: f64) -> InflationTable {
        InflationTable::new(inscribed_m, self.radius_m, self.cost_scaling_per_m, resolution_m)
    }
}

impl Config {
    /// Checks every value, and the values against each other and the robot.
    ///
    /// # Errors
    /// Names the key, its value and what is allowed.
    pub fn check(&self, robot: &Robot) -> Result<(), WorldModelError> {
        self.validate().map_err(|report| refusal("", &report))?;
        self.check_grid(&self.costmap, robot)?;
        self.tracks.check()?;
        let (horizon_s, least_s) = (self.tracks.prediction_horizon_s, self.track_layer.horizon_s());
        let what = "track_layer.period_s times the slices after the first";
        at_least("tracks.prediction_horizon_s", horizon_s, least_s - 1e-9, what)
    }

    /// Checks a rolling grid against its own limits, the rest of the configuration, and the robot.
    ///
    /// # Errors
    /// Names the key, its value and what is allowed.
    pub(crate) fn check_grid(&self, grid: &CostmapConfig, robot: &Robot) -> Result<(), WorldModelError> {
        grid.validate().map_err(|report| refusal("costmap", &report))?;
        let sides = [
            ("costmap.width_cells", grid.width_cells, grid.width_max_cells, "costmap.width_max_cells"),
            ("costmap.height_cells", grid.height_cells, grid.height_max_cells, "costmap.height_max_cells"),
        ];
        for (key, cells, most, what) in sides {
            if cells > most {
                let range = format!("[20, {most}] ({what})");
                return Err(WorldModelError::Range { key, value: f64::from(cells), range });
            }
        }
        let inscribed_m = robot.footprint.inscribed_m();
        at_least("inflation.radius_m", self.inflation.radius_m, inscribed_m, "the robot's inscribed radius")?;
        at_least("costmap.clear_max_m", grid.clear_max_m, grid.mark_max_m, "costmap.mark_max_m")?;
        self.check_distance_limit()?;
        let finest_m = finest_m(self.inflation.distance_limit_m);
        at_least("costmap.resolution_m", grid.resolution_m, finest_m, "1/179 of inflation.distance_limit_m")?;
        let cells = f64::from(grid.width_cells.min(grid.height_cells));
        let reach_m = 0.5 * cells * grid.resolution_m;
        let needed_m = robot.footprint.circumscribed_m() + self.inflation.radius_m;
        at_least(
            "costmap.resolution_m times half the cells",
            reach_m,
            needed_m,
            "the footprint with its inflation",
        )?;
        let odds = &grid.log_odds;
        at_least("costmap.log_odds.hit", odds.hit, odds.occupied - odds.min, "occupied - min")?;
        // Strictly more, by one step of the stored scale.
        let step = 1.0 / LOG_ODDS_SCALE;
        let miss_min = 0.5 * (odds.max - odds.occupied) + step;
        at_least("costmap.log_odds.miss", odds.miss, miss_min, "more than half of max - occupied")?;
        at_least("costmap.log_odds.max", odds.max, odds.occupied, "costmap.log_odds.occupied")
    }

    /// Who compares distances must find them exact.
    fn check_distance_limit(&self) -> Result<(), WorldModelError> {
        let least = [
            (self.inflation.radius_m, "inflation.radius_m"),
            (self.map.merge_margin_m, "map.merge_margin_m"),
            (reach_m(&self.ego.matching), "ego.matching.fit_m, and four times its kernel_m"),
        ];
        let limit_m = self.inflation.distance_limit_m;
        least
            .into_iter()
            .try_for_each(|(least_m, what)| at_least("inflation.distance_limit_m", limit_m, least_m, what))
    }
}

/// Every key below `parent` with what is wrong with it.
fn refusal(parent: &str, report: &garde::Report) -> WorldModelError {
    let dot = if parent.is_empty() { "" } else { "." };
    let lines: Vec<String> =
        report.iter().map(|(path, error)| format!("{parent}{dot}{path}: {error}")).collect();
    WorldModelError::Config(lines.join("; "))
}

/// A value that must not lie below another one.
pub(crate) fn at_least(key: &'static str, value: f64, min: f64, what: &str) -> Result<(), WorldModelError> {
    if value >= min {
        Ok(())
    } else {
        Err(WorldModelError::Range { key, value, range: format!("[{min}, ∞) ({what})") })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use outrider_foundation::robot::example;

    const SHIPPED: &str = include_str!("../../../config/world_model.yaml");

    /// The configuration that ships.
    pub(crate) fn shipped() -> Config {
        outrider_yaml::from_str_valid(SHIPPED).unwrap()
    }

    pub(crate) fn amr() -> Robot {
        Robot::new(example::amr()).unwrap()
    }

    #[test]
    fn the_shipped_file_is_sound() {
        shipped().check(&amr()).unwrap();
    }

    #[test]
    fn unknown_and_missing_keys_are_refused() {
        let unknown = SHIPPED.replace("heartbeat_s:", "heart_beat_s:");
        assert!(outrider_yaml::from_str::<Config>(&unknown).is_err());
        let missing = SHIPPED.replace("clock_jump_s: 0.5", "");
        assert!(outrider_yaml::from_str::<Config>(&missing).is_err());
    }

    #[test]
    fn errors_name_key_value_and_range() {
        let refuse = |change: fn(&mut Config)| {
            let mut config = shipped();
            change(&mut config);
            config.check(&amr()).unwrap_err().to_string()
        };
        assert_eq!(
            refuse(|c| c.sources.scan.max_age_s = 0.0),
            "configuration: sources.scan.max_age_s: 0 is not within [0.01, 60]"
        );
        assert!(refuse(|c| c.heartbeat_s = f64::NAN).contains("heartbeat_s: NaN"));
        assert!(
            refuse(|c| c.inflation.radius_m = 0.2).contains("inflation.radius_m: 0.2 is not within [0.25")
        );
        assert!(
            refuse(|c| c.inflation.distance_limit_m = 0.7)
                .contains("distance_limit_m: 0.7 is not within [0.8")
        );
        assert!(
            refuse(|c| c.ego.matching.kernel_m = 0.4).contains("distance_limit_m: 1.2 is not within [1.6")
        );
        assert!(refuse(|c| c.map.merge_margin_m = 1.6).contains("merge_margin_m"));
        assert!(refuse(|c| c.inflation.distance_limit_m = 10.0).contains("1/179"));
        assert!(refuse(|c| c.costmap.log_odds.hit = 0.3).contains("log_odds.hit"));
        assert!(refuse(|c| c.costmap.log_odds.miss = 0.3).contains("log_odds.miss"));
        assert!(refuse(|c| c.costmap.clear_max_m = 1.0).contains("clear_max_m"));
        assert!(refuse(|c| c.costmap.resolution_m = 0.01).contains("half the cells"));
        assert!(refuse(|c| c.tracks.delete_after_s = 0.5).contains("delete_after_s"));
        assert!(refuse(|c| c.track_layer.slices = 8).contains("prediction_horizon_s: 3 is not within [3.49"));
        assert!(refuse(|c| c.track_layer.slices = 33).contains("track_layer.slices"));
        assert!(refuse(|c| c.tracks.prediction_step_s = 0.01).contains("prediction_step_s"));
    }
}
