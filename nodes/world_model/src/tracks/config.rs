//! `tracks` of `config/world_model.yaml`.

use crate::config::at_least;
use crate::error::WorldModelError;
use garde::Validate;
use outrider_foundation::validate::within;
use serde::{Deserialize, Serialize};

/// The most predicted positions of one track.
pub const PREDICTION_LIMIT: usize = 64;
/// The most calibrations, and the most points of one.
pub const CALIBRATION_LIMIT: usize = 64;

/// Moving objects.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct TracksConfig {
    /// Greatest squared Mahalanobis distance of a detection that may belong to a track; 9.21 is 99 % of χ² with 2 degrees.
    #[garde(custom(within(1.0, 50.0)))]
    pub gate_chi2: f64,
    /// How objects move.
    #[garde(dive)]
    pub motion: MotionConfig,
    /// Standard deviation added to every detection, in m.
    #[garde(custom(within(1e-3, 5.0)))]
    pub detection_sigma_floor_m: f64,
    /// No object is faster, in m/s.
    #[garde(custom(within(0.1, 50.0)))]
    pub speed_max_mps: f64,
    /// No object accelerates more, in m/s²: bounds what a lost one can have reached.
    #[garde(custom(within(0.1, 50.0)))]
    pub acceleration_max_mps2: f64,
    /// Detections less probable than this start no track.
    #[garde(custom(within(0.0, 1.0)))]
    pub birth_existence_min: f64,
    /// Detections until a track is confirmed,
    #[garde(range(min = 1, max = 100))]
    pub confirm_hits: u32,
    /// and the probability that it exists.
    #[garde(custom(within(0.5, 0.999)))]
    pub confirm_existence: f64,
    /// A track less probable than this is deleted, and counted; a confirmed one not before its time to live is over.
    #[garde(custom(within(1e-6, 0.5)))]
    pub death_existence: f64,
    /// Mean time that an object stays where it can be seen, in s.
    #[garde(custom(within(1.0, 36000.0)))]
    pub lifetime_s: f64,
    /// False alarms of the detector on each m² of one picture.
    #[garde(custom(within(1e-6, 10.0)))]
    pub clutter_per_m2: f64,
    /// A set of detections that is older than the newest by no more than this is taken in at its own time, in s.
    #[garde(custom(within(0.0, 5.0)))]
    pub late_max_s: f64,
    /// Pictures that go by without showing an unconfirmed track again delete it after this long, in s.
    #[garde(custom(within(0.01, 60.0)))]
    pub tentative_ttl_s: f64,
    /// Without a detection for this long a track is coasting, in s.
    #[garde(custom(within(0.01, 60.0)))]
    pub coast_after_s: f64,
    /// Without a detection for this long only the disc it can have reached is known, in s.
    #[garde(custom(within(0.01, 60.0)))]
    pub time_to_live_s: f64,
    /// Without a detection for this long it is deleted, and counted, in s.
    #[garde(custom(within(0.01, 600.0)))]
    pub delete_after_s: f64,
    /// The disc that a lost object can have reached grows no larger than this, in m.
    #[garde(custom(within(0.1, 100.0)))]
    pub reachable_max_m: f64,
    /// Probability that the detector reports an object that is there and in view.
    #[garde(custom(within(0.01, 0.99)))]
    pub detection_probability: f64,
    /// And one that the scan shows to be hidden behind something.
    #[garde(custom(within(0.0, 0.99)))]
    pub hidden_detection_probability: f64,
    /// Weight of a new detection's class against what was believed.
    #[garde(custom(within(0.01, 1.0)))]
    pub class_gain: f64,
    /// How far ahead tracks are predicted, in s.
    #[garde(custom(within(0.1, 30.0)))]
    pub prediction_horizon_s: f64,
    /// Time from one predicted position to the next, in s.
    #[garde(custom(within(0.01, 5.0)))]
    pub prediction_step_s: f64,
    /// What stands where it was left.
    #[garde(dive)]
    pub left_standing: LeftStandingConfig,
    /// Rectangles that a detector tells about what it sees.
    #[garde(dive)]
    pub bodies: BodiesConfig,
    /// Tracks of clusters that move, whoever fails to detect them.
    #[garde(dive)]
    pub cluster_birth: ClusterBirthConfig,
    /// What the stated probabilities of a model's version are worth; a version that is not named is taken at its word.
    #[garde(length(max = CALIBRATION_LIMIT), dive)]
    pub calibrations: Vec<CalibrationConfig>,
}

/// Rectangles about all that belongs to an object, as a detector tells them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct BodiesConfig {
    /// Weight of a new one against what was believed.
    #[garde(custom(within(0.01, 1.0)))]
    pub gain: f64,
    /// When none has been told for so long it is forgotten, in s.
    #[garde(custom(within(0.1, 60.0)))]
    pub forget_after_s: f64,
    /// The rectangle of what is no faster than this is part of the grids, in m/s,
    #[garde(custom(within(0.0, 5.0)))]
    pub marked_below_mps: f64,
    /// until it is faster than this.
    #[garde(custom(within(0.0, 5.0)))]
    pub moves_mps: f64,
}

/// How objects move.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct MotionConfig {
    /// Power spectral density of the acceleration while going straight, in m²/s³.
    #[garde(custom(within(1e-3, 100.0)))]
    pub acceleration_psd_m2ps3: f64,
    /// And while turning.
    #[garde(custom(within(1e-3, 100.0)))]
    pub turn_acceleration_psd_m2ps3: f64,
    /// Standard deviation of anybody's turn rate, in rad/s.
    #[garde(custom(within(1e-3, 10.0)))]
    pub turn_rate_sigma_radps: f64,
    /// Growth of the variance of the turn rate while turning, in rad²/s³.
    #[garde(custom(within(1e-3, 100.0)))]
    pub turn_rate_psd_rad2ps3: f64,
    /// Time over which a turn rate is forgotten while not turning, in s.
    #[garde(custom(within(0.01, 100.0)))]
    pub turn_forget_s: f64,
    /// Standard deviation of the velocity of somebody who stands, in m/s.
    #[garde(custom(within(1e-3, 1.0)))]
    pub still_speed_mps: f64,
    /// Time constant of coming to a stand, in s.
    #[garde(custom(within(0.01, 10.0)))]
    pub still_settle_s: f64,
    /// Standard deviation, by axis, of the velocity that somebody who stands sets off with, in m/s.
    #[garde(custom(within(1e-3, 10.0)))]
    pub set_off_speed_mps: f64,
    /// And of the velocity of somebody who is met for the first time and does not stand, in m/s.
    #[garde(custom(within(1e-3, 10.0)))]
    pub first_speed_mps: f64,
    /// Mean time that a way to move lasts, in s: standing, straight, turning.
    #[garde(inner(custom(within(0.05, 600.0))))]
    pub dwell_s: [f64; 3],
    /// Probability of each at first.
    #[garde(inner(custom(within(0.01, 1.0))))]
    pub first: [f64; 3],
}

/// Objects that do not move by themselves: while one stands the scan shows its outline, and a disc about it would shut ways that are free.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct LeftStandingConfig {
    /// Classes of detectors that there are such objects of. Nothing that a lidar does not show in full belongs here.
    #[garde(length(max = 32), inner(length(max = 256)))]
    pub classes: Vec<String>,
    /// An object is of one of them from this probability on.
    #[garde(custom(within(0.3, 1.0)))]
    pub class_min: f64,
    /// What is slower stands, in m/s,
    #[garde(custom(within(0.01, 1.0)))]
    pub speed_max_mps: f64,
    /// until it is faster than this.
    #[garde(custom(within(0.01, 1.0)))]
    pub moves_mps: f64,
    /// It has to stand for so long, in s; half a second later its disc does not count any more.
    #[garde(custom(within(0.5, 60.0)))]
    pub after_s: f64,
}

/// Tracks that no detection has begun.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct ClusterBirthConfig {
    /// Whether there are any.
    #[garde(skip)]
    pub enabled: bool,
    /// Clusters of fewer hits are not watched,
    #[garde(range(min = 3, max = 1000))]
    pub hits_min: u32,
    /// nor are wider ones, in m,
    #[garde(custom(within(0.1, 5.0)))]
    pub width_max_m: f64,
    /// nor such as lie farther away, in m.
    #[garde(custom(within(0.5, 100.0)))]
    pub range_max_m: f64,
    /// They are watched over the last so many s,
    #[garde(custom(within(0.2, 1.0)))]
    pub window_s: f64,
    /// and for so long at least.
    #[garde(custom(within(0.2, 1.0)))]
    pub time_min_s: f64,
    /// Who is born goes no slower, in m/s,
    #[garde(custom(within(0.05, 5.0)))]
    pub speed_min_mps: f64,
    /// and no faster,
    #[garde(custom(within(0.1, 20.0)))]
    pub speed_max_mps: f64,
    /// by so many standard deviations of the speed,
    #[garde(custom(within(1.0, 50.0)))]
    pub speed_sigmas: f64,
    /// and has come farther than this and the change of its width, in m.
    #[garde(custom(within(0.02, 2.0)))]
    pub displacement_min_m: f64,
    /// The share of it that is where it was free before, and the share of what it was that is free now: together so much.
    #[garde(custom(within(0.3, 2.0)))]
    pub evidence_min: f64,
    /// Probability of existence at birth.
    #[garde(custom(within(0.1, 0.99)))]
    pub existence: f64,
    /// Who stays where it is for so long, in s, is an obstacle again and no track.
    #[garde(custom(within(0.2, 60.0)))]
    pub stands_after_s: f64,
}

/// What one version of a model states, and what that is worth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct CalibrationConfig {
    /// Which model.
    #[garde(length(max = 256))]
    pub model_id: String,
    /// Which version.
    #[garde(length(max = 256))]
    pub model_version: String,
    /// Which class; `existence` for the probability that something is there at all.
    #[garde(length(max = 256))]
    pub class: String,
    /// The log-odds stated are divided by this (temperature scaling, Guo 2017); 1 leaves them as they are.
    #[serde(default)]
    #[garde(inner(custom(within(0.05, 20.0))))]
    pub temperature: Option<f64>,
    /// Or: points [stated, true] of a rising line (isotonic regression, Zadrozny and Elkan 2002).
    #[serde(default)]
    #[garde(length(max = CALIBRATION_LIMIT))]
    pub isotonic: Vec<[f64; 2]>,
}

impl TracksConfig {
    /// Checks the values against each other.
    ///
    /// # Errors
    /// Names the key, its value and what is allowed.
    pub(crate) fn check(&self) -> Result<(), WorldModelError> {
        at_least("tracks.time_to_live_s", self.time_to_live_s, self.coast_after_s, "tracks.coast_after_s")?;
        at_least("tracks.delete_after_s", self.delete_after_s, self.time_to_live_s, "tracks.time_to_live_s")?;
        let (horizon_s, step_s) = (self.prediction_horizon_s, self.prediction_step_s);
        at_least("tracks.prediction_horizon_s", horizon_s, step_s, "tracks.prediction_step_s")?;
        let least_s = horizon_s / PREDICTION_LIMIT as f64;
        at_least("tracks.prediction_step_s", step_s, least_s, "1/64 of tracks.prediction_horizon_s")?;
        let standing = &self.left_standing;
        let (moves_mps, least_mps) = (standing.moves_mps, standing.speed_max_mps);
        let least = "tracks.left_standing.speed_max_mps";
        at_least("tracks.left_standing.moves_mps", moves_mps, least_mps, least)?;
        let (moves_mps, least_mps) = (self.bodies.moves_mps, self.bodies.marked_below_mps);
        at_least("tracks.bodies.moves_mps", moves_mps, least_mps, "tracks.bodies.marked_below_mps")?;
        let birth = &self.cluster_birth;
        let (window_s, time_s) = (birth.window_s, birth.time_min_s);
        at_least("tracks.cluster_birth.window_s", window_s, time_s, "tracks.cluster_birth.time_min_s")?;
        let (fastest_mps, least_mps) = (birth.speed_max_mps, birth.speed_min_mps);
        let least = "tracks.cluster_birth.speed_min_mps";
        at_least("tracks.cluster_birth.speed_max_mps", fastest_mps, least_mps, least)?;
        self.calibrations.iter().try_for_each(CalibrationConfig::check)
    }
}

impl CalibrationConfig {
    fn check(&self) -> Result<(), WorldModelError> {
        let name = format!("tracks.calibrations: {} {} {}", self.model_id, self.model_version, self.class);
        if self.temperature.is_some() != self.isotonic.is_empty() {
            return Err(WorldModelError::Config(format!("{name}: either temperature or isotonic is needed")));
        }
        let within = |p: &f64| (0.0..=1.0).contains(p);
        if let Some(bad) = self.isotonic.iter().find(|point| !point.iter().all(within)) {
            return Err(WorldModelError::Config(format!("{name}: {bad:?} is not within [0, 1]")));
        }
        let rises = self.isotonic.windows(2).all(|w| match w {
            [[a, p], [b, q]] => a < b && p <= q,
            _ => true,
        });
        if rises { Ok(()) } else { Err(WorldModelError::Config(format!("{name}: isotonic does not rise"))) }
    }
}
