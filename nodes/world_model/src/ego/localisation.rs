//! Whether the pose in the map may be relied upon, and own scan matching.

use super::anchor::{Anchor, position_sigma_m};
use super::reckoner::Reckoned;
use crate::config::{InitialPose, MatchingConfig};
use crate::matching::{Field, Match, Matcher, fuse};
use nalgebra::{Matrix3, Vector3};
use outrider_foundation::{Point2, Pose2};
use std::fmt;

/// Who says where the robot is in the map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocalisedBy {
    /// An external localiser, by `/tf`.
    Localiser,
    /// Own matching of scans with the map.
    OwnMatching,
}

/// Why the pose in the map is not to be relied upon.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Lost {
    /// So many scans in a row did not fit the map.
    ScansDoNotFit {
        /// In a row.
        scans: u32,
        /// Share of the last one's hits that fitted.
        fit: f64,
    },
    /// The position may be anywhere within this.
    Uncertain {
        /// Standard deviation along the worst axis, in m.
        sigma_m: f64,
    },
    /// It was begun anew at a pose that scans have not borne out yet.
    NotBorneOut,
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ScansDoNotFit { scans, fit } => {
                write!(f, "lost: {scans} scans in a row do not fit the map, {:.0} % of the last", 100.0 * fit)
            }
            Self::Uncertain { sigma_m } => write!(f, "lost: position uncertain by {sigma_m:.2} m"),
            Self::NotBorneOut => write!(f, "lost: begun anew, and scans have not borne it out yet"),
        }
    }
}

/// Counts for diagnostics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LocalisationCounters {
    /// Scans matched and taken.
    pub matched: u64,
    /// Scans that did not fit.
    pub misfits: u64,
    /// Scans with too few hits to say anything.
    pub too_few_hits: u64,
    /// Matches that said nothing in some direction.
    pub hidden_directions: u64,
    /// Times that it was lost.
    pub times_lost: u64,
}

/// Health, and the anchor of own matching.
#[derive(Clone, Debug)]
pub struct Localisation {
    config: MatchingConfig,
    matcher: Matcher,
    anchor: Option<Anchor>,
    lost: Option<Lost>,
    misfits: u32,
    fits: u32,
    last: Option<Match>,
    last_fit: Option<(f64, f64)>,
    counters: LocalisationCounters,
}

impl Localisation {
    /// Nothing known.
    pub fn new(config: MatchingConfig) -> Self {
        Self {
            matcher: Matcher::new(config),
            anchor: None,
            lost: None,
            misfits: 0,
            fits: 0,
            last: None,
            last_fit: None,
            counters: LocalisationCounters::default(),
            config,
        }
    }

    /// Forgets everything but the counts.
    pub fn clear(&mut self) {
        self.anchor = None;
        self.lost = None;
        self.misfits = 0;
        self.fits = 0;
        self.last = None;
        self.last_fit = None;
    }

    /// Counts.
    pub fn counters(&self) -> LocalisationCounters {
        self.counters
    }

    /// Why not to rely on it, if so.
    pub fn lost(&self) -> Option<Lost> {
        self.lost
    }

    /// The last match that was taken or refused.
    pub fn last_match(&self) -> Option<&Match> {
        self.last.as_ref()
    }

    /// Share of the last scan's hits that fit the map, and their root mean square distance in m.
    pub fn last_fit(&self) -> Option<(f64, f64)> {
        self.last_fit
    }

    /// Whether own matching has somewhere to go on from.
    pub fn has_anchor(&self) -> bool {
        self.anchor.is_some()
    }

    /// The pose in the map by own matching, carried on to a reckoned pose.
    pub fn carried(&self, reckoned: &Reckoned) -> Option<(Pose2, Matrix3<f64>)> {
        self.anchor.map(|anchor| anchor.carried(reckoned))
    }

    /// Begins, or begins anew, at a pose in the map.
    pub fn begin(&mut self, pose: Pose2, covariance: Matrix3<f64>, reckoned: Reckoned) {
        self.anchor = Some(Anchor { map_from_base: pose, covariance, reckoned });
    }

    /// Begins anew where the robot was believed to be. Where that has become too uncertain, scans have to fit before it counts.
    pub fn begin_again(&mut self, pose: Pose2, covariance: Matrix3<f64>, reckoned: Reckoned) {
        self.fits = 0;
        self.begin(pose, covariance, reckoned);
        self.watch_sigma(&covariance);
    }

    /// Begins at the configured pose because the robot seems to have been put back there: scans have to fit before it counts.
    pub fn begin_back_at(&mut self, initial: &InitialPose, reckoned: Reckoned) {
        self.fits = 0;
        self.begin_at(initial, reckoned);
        self.lose(Lost::NotBorneOut);
    }

    /// Forgets where own matching was. That it was lost stays true.
    pub fn forget_anchor(&mut self) {
        self.anchor = None;
    }

    /// Begins at the configured pose.
    pub fn begin_at(&mut self, initial: &InitialPose, reckoned: Reckoned) {
        let pose = Pose2::new(initial.x_m, initial.y_m, initial.yaw_rad);
        let (p, yaw) = (square(initial.position_sigma_m), square(initial.yaw_sigma_rad));
        self.begin(pose, Matrix3::from_diagonal(&Vector3::new(p, p, yaw)), reckoned);
    }

    /// Matches a scan, its hits in the base frame, made where reckoning had the robot at `reckoned`. True when it was taken.
    pub fn observe(&mut self, points: &[Point2], field: &Field<'_>, reckoned: &Reckoned) -> bool {
        let Some(anchor) = self.anchor else { return false };
        let (expected, covariance) = anchor.carried(reckoned);
        let Some(found) = self.matcher.fit(points, field, expected, &covariance) else {
            self.counters.too_few_hits += 1;
            self.watch_sigma(&covariance);
            return false;
        };
        self.last = Some(found);
        let fused = (found.fit >= self.config.fit_min).then(|| fuse(expected, &covariance, &found)).flatten();
        self.note_fit(found.fit, found.residual_m, fused.is_some());
        match fused {
            Some((pose, covariance)) => {
                self.counters.matched += 1;
                self.counters.hidden_directions += u64::from(found.hidden > 0);
                self.anchor = Some(Anchor { map_from_base: pose, covariance, reckoned: *reckoned });
                self.watch_sigma(&covariance);
            }
            None => self.watch_sigma(&covariance),
        }
        fused.is_some()
    }

    /// Holds a scan against the map at a pose that somebody else has found; the pose stays.
    pub fn check(&mut self, points: &[Point2], field: &Field<'_>, pose: Pose2) {
        if points.len() < self.config.points_min as usize {
            self.counters.too_few_hits += 1;
            return;
        }
        let (fit, residual_m) = self.matcher.judge(points, field, pose);
        self.note_fit(fit, residual_m, fit >= self.config.fit_min);
    }

    fn note_fit(&mut self, fit: f64, residual_m: f64, good: bool) {
        self.last_fit = Some((fit, residual_m));
        if good {
            self.fits = self.fits.saturating_add(1);
            self.misfits = 0;
            if self.fits >= self.config.found_after_scans {
                self.lost = None;
            }
            return;
        }
        self.counters.misfits += 1;
        self.misfits = self.misfits.saturating_add(1);
        self.fits = 0;
        if self.misfits >= self.config.lost_after_scans {
            self.lose(Lost::ScansDoNotFit { scans: self.misfits, fit });
        }
    }

    fn watch_sigma(&mut self, covariance: &Matrix3<f64>) {
        let sigma_m = position_sigma_m(covariance);
        // A NaN is no certainty.
        if sigma_m.is_nan() || sigma_m > self.config.lost_sigma_m {
            self.lose(Lost::Uncertain { sigma_m });
        } else if matches!(self.lost, Some(Lost::Uncertain { .. }))
            && self.fits >= self.config.found_after_scans
        {
            self.lost = None;
        }
    }

    fn lose(&mut self, why: Lost) {
        self.counters.times_lost += u64::from(self.lost.is_none());
        self.lost = Some(why);
    }
}

fn square(value: f64) -> f64 {
    value * value
}

#[cfg(test)]
mod tests;
