//! The part of the world model that says where the robot is, alone: to judge it on a log against a reference.

use crate::beams::{Beam, Body, HitChoice, Reach, Sweep, beams, check, hits, sweep_s};
use crate::config::EgoConfig;
use crate::distance::{DistanceScratch, limit_cells, squared_distance};
use crate::ego::{
    Continuity, EgoEstimator, ImuReading, Localisation, LocalisationCounters, ReckonerCounters,
};
use crate::matching::{Field, Match, OwnMap, OwnMapConfig, POINT_LIMIT, reach_m};
use crate::static_map::StaticMap;
use nalgebra::Matrix3;
use outrider_foundation::data::{Imu, OccupancyMap, Odometry, Scan};
use outrider_foundation::geometry::wrap_angle;
use outrider_foundation::grid::COST_LETHAL;
use outrider_foundation::{Footprint, Point2, Pose2, Stamp};

/// A scan is put into the own map when the robot has moved so far, or turned so far, since the last one.
const INSERT_M: f64 = 0.2;
const INSERT_RAD: f64 = 0.15;
/// After so many scans in a row that fit nowhere, one is put in where odometry has it: the robot has come to a place it has
/// not seen.
const UNMATCHED_LIMIT: u32 = 3;
/// The pose at the start of an own map is exact by definition, up to this variance.
const START_VARIANCE: f64 = 1e-6;

/// What scans are matched with.
#[derive(Clone, Debug)]
pub enum Against {
    /// Nothing: odometry, and the gyro when there is one.
    Nothing,
    /// A map, from a pose in it on.
    Map {
        /// The map.
        map: OccupancyMap,
        /// Occupancy from which on a cell is an obstacle.
        occupied_threshold: i8,
        /// Where the robot is at the first scan.
        start: Pose2,
        /// Covariance of that.
        covariance: Matrix3<f64>,
    },
    /// What the robot itself has seen so far.
    OwnScans(OwnMapConfig),
}

/// How the robot is built, as far as that matters here.
#[derive(Clone, Debug)]
pub struct Build {
    /// Outline: hits within are the robot itself.
    pub footprint: Footprint,
    /// Where the lidar sits.
    pub base_from_lidar: Pose2,
    /// Frame of the scans.
    pub lidar_frame: String,
    /// Top speed, in m/s.
    pub speed_max_mps: f64,
}

#[derive(Clone, Debug)]
enum Target {
    Nothing,
    Map { map: StaticMap, distance_sq: Vec<u16>, limit: u16, start: Pose2, covariance: Matrix3<f64> },
    OwnScans { map: Box<OwnMap>, inserted: Option<Pose2>, unmatched: u32 },
}

/// What became of a scan.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScanReport {
    /// The match was taken.
    pub taken: bool,
    /// The scan went into the own map.
    pub inserted: bool,
    /// It went in without a match.
    pub blindly: bool,
    /// The match, if there were hits enough.
    pub found: Option<Match>,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Localizer {
    config: EgoConfig,
    build: Build,
    ego: EgoEstimator,
    localisation: Localisation,
    target: Target,
    beams: Vec<Beam>,
    hits: Vec<Point2>,
    resets: u64,
}

impl Localizer {
    /// Nothing heard yet.
    ///
    /// # Errors
    /// Says what is wrong with the map.
    pub fn new(config: EgoConfig, build: Build, against: Against) -> Result<Self, String> {
        let target = match against {
            Against::Nothing => Target::Nothing,
            Against::OwnScans(own) => {
                let map = Box::new(OwnMap::new(own, reach_m(&config.matching)));
                Target::OwnScans { map, inserted: None, unmatched: 0 }
            }
            Against::Map { map, occupied_threshold, start, covariance } => {
                let map = StaticMap::new(&map, &map.frame, occupied_threshold, 0.0)?;
                let lethal: Vec<bool> = map.cells.iter().map(|cell| *cell == COST_LETHAL).collect();
                let mut distance_sq = vec![0; lethal.len()];
                let mut scratch = DistanceScratch::default();
                let limit = limit_cells(reach_m(&config.matching), map.resolution_m);
                squared_distance(&lethal, map.width, map.height, limit, &mut scratch, &mut distance_sq);
                Target::Map { map, distance_sq, limit, start, covariance }
            }
        };
        // Logs have gaps, and stamps that stand still while the robot turns: only a leap of the position is a reset. (Without
        // time infinity gives NaN, which no turn exceeds.)
        let continuity = Continuity {
            speed_max_mps: build.speed_max_mps,
            turn_max_radps: f64::INFINITY,
            silence_max_s: f64::INFINITY,
        };
        Ok(Self {
            ego: EgoEstimator::new(config.clone(), continuity),
            localisation: Localisation::new(config.matching),
            target,
            beams: Vec::new(),
            hits: Vec::new(),
            resets: 0,
            config,
            build,
        })
    }

    /// Takes odometry; its stamp must not be before the last one's, an equal one replaces. Where its origin leaps, the robot is
    /// taken to have stood.
    pub fn take_odometry(&mut self, odometry: &Odometry) {
        let newest = self.ego.newest_odometry();
        let before = newest.and_then(|at| {
            let sample = self.ego.sample_clamped(at).ok()?;
            Some(
                self.localisation
                    .carried(&sample.reckoned)
                    .unwrap_or((sample.reckoned.pose, Matrix3::zeros())),
            )
        });
        if self.ego.push_odometry(odometry).is_some() {
            self.resets += 1;
            if let (Some((pose, covariance)), Ok(sample)) = (before, self.ego.sample_clamped(odometry.stamp))
            {
                self.localisation.begin(pose, covariance + Matrix3::identity() * 0.01, sample.reckoned);
            }
        }
    }

    /// Takes an inertial message of a unit that is turned against the base by `base_from_imu_rad`; `None` when that is not known.
    pub fn take_imu(&mut self, imu: &Imu, base_from_imu_rad: Option<f64>) {
        let accel_mps2 = base_from_imu_rad.map(|yaw| {
            let (s, c) = libm::sincos(yaw);
            c * imu.accel_x_mps2 - s * imu.accel_y_mps2
        });
        self.ego.push_imu(ImuReading {
            stamp: imu.stamp,
            rate_radps: imu.yaw_rate_radps,
            variance: imu.yaw_rate_variance,
            accel_mps2,
        });
    }

    /// Takes a scan; odometry of its time, or from shortly before, must have been taken.
    ///
    /// # Errors
    /// Says what is wrong with the scan, or that the pose of its time is not known.
    pub fn take_scan(&mut self, scan: &Scan) -> Result<ScanReport, String> {
        check(scan, &self.build.lidar_frame)?;
        let sample = self.ego.sample(scan.stamp).map_err(|e| e.to_string())?;
        let mut report = ScanReport { taken: false, inserted: false, blindly: false, found: None };
        if matches!(self.target, Target::Nothing) {
            return Ok(report);
        }
        let body = Body {
            footprint: &self.build.footprint,
            margin_m: 0.0,
            base_from_lidar: self.build.base_from_lidar,
        };
        let matching = &self.config.matching;
        let choice = HitChoice {
            range_max_m: matching.range_max_m,
            spacing_m: matching.spacing_m,
            limit: POINT_LIMIT,
        };
        hits(scan, sample.twist, self.build.base_from_lidar, Some(body), choice, &mut self.hits);
        if !self.localisation.has_anchor() {
            let (pose, covariance) = match &self.target {
                Target::Map { start, covariance, .. } => (*start, *covariance),
                _ => (sample.reckoned.pose, Matrix3::identity() * START_VARIANCE),
            };
            self.localisation.begin(pose, covariance, sample.reckoned);
        }
        let field = match &self.target {
            Target::Map { map, distance_sq, limit, .. } => Some(Field {
                distance_sq,
                limit_sq: limit * limit,
                width: map.width,
                height: map.height,
                resolution_m: map.resolution_m,
                origin: map.origin,
            }),
            Target::OwnScans { map, inserted: Some(_), .. } => Some(map.field()),
            _ => None,
        };
        if let Some(field) = field {
            report.taken = self.localisation.observe(&self.hits, &field, &sample.reckoned);
            report.found = self.localisation.last_match().copied();
        }
        let Some((pose, _)) = self.localisation.carried(&sample.reckoned) else { return Ok(report) };
        let Target::OwnScans { map, inserted, unmatched } = &mut self.target else { return Ok(report) };
        let moved = inserted.is_none_or(|last| {
            last.position().distance_m(pose.position()) > INSERT_M
                || wrap_angle(last.yaw_rad - pose.yaw_rad).abs() > INSERT_RAD
        });
        *unmatched = if report.taken { 0 } else { unmatched.saturating_add(1) };
        let due = inserted.is_none() || *unmatched >= UNMATCHED_LIMIT;
        if moved && (report.taken || due) {
            report.inserted = true;
            report.blindly = !report.taken && inserted.is_some();
            let reach = Reach { mark_max_m: matching.range_max_m, clear_max_m: matching.range_max_m };
            let sweep = Sweep { first: pose, last: pose.advance(sample.twist, sweep_s(scan)) };
            beams(scan, sweep, body, reach, &[], &mut self.beams);
            map.add(&self.beams, pose.position());
            *inserted = Some(pose);
            *unmatched = 0;
        }
        Ok(report)
    }

    /// By the wheels alone.
    pub fn by_wheels(&self, at: Stamp) -> Option<Pose2> {
        self.ego.sample_clamped(at).ok().map(|sample| sample.odom_from_base)
    }

    /// By wheels and gyro.
    pub fn by_reckoning(&self, at: Stamp) -> Option<Pose2> {
        self.ego.sample_clamped(at).ok().map(|sample| sample.reckoned.pose)
    }

    /// By matching, with the covariance of x, y, yaw; `None` before the first scan.
    pub fn by_matching(&self, at: Stamp) -> Option<(Pose2, Matrix3<f64>)> {
        self.localisation.carried(&self.ego.sample_clamped(at).ok()?.reckoned)
    }

    /// Why it is lost, if so.
    pub fn lost(&self) -> Option<String> {
        self.localisation.lost().map(|lost| lost.to_string())
    }

    /// What was counted of matching.
    pub fn matching_counters(&self) -> LocalisationCounters {
        self.localisation.counters()
    }

    /// What was counted of wheels and gyro.
    pub fn reckoner_counters(&self) -> ReckonerCounters {
        self.ego.reckoner_counters()
    }

    /// Times that the odometry's origin leapt.
    pub fn odometry_resets(&self) -> u64 {
        self.resets
    }
}
