//! Innovations: where detections lie against where their objects were expected, in the standard deviations stated for both.
//!
//! Normalised innovation squared and its χ² band: Bar-Shalom, Li and Kirubarajan, "Estimation with Applications to
//! Tracking and Navigation", 2001, section 5.4.2.

use super::keyed::{Key, Keyed};
use super::window::Window;
use crate::config::Nis;
use crate::odometry::OdometryHistory;
use crate::source::{Arrival, Source};
use outrider_foundation::data::{DETECTION_LIMIT, Detection, DetectionSet, TRACK_LIMIT, Track, TrackState};
use outrider_foundation::{Point2, Pose2, Robot, Span, Stamp};
use std::collections::VecDeque;

/// World models whose tracks are remembered: 0.8 s at 20 Hz. The oldest is dropped.
const RECENT_LIMIT: usize = 16;
/// Tracks are carried on to the stamp of a detection by no more than this.
const CARRY_LIMIT: Span = Span::from_millis(250);
/// Coordinates of a position.
const DEGREES_OF_FREEDOM: f64 = 2.0;

/// Symmetric 2×2 matrix, m².
#[derive(Clone, Copy, Debug, PartialEq)]
struct Spread {
    xx: f64,
    xy: f64,
    yy: f64,
}

impl Spread {
    /// Of a detection; `None` when it is none of a covariance: not finite, not symmetric, or not positive definite.
    fn stated(detection: &Detection) -> Option<Self> {
        let [xx, xy, yx, yy] = detection.covariance;
        let symmetric = (xy - yx).abs() <= 1e-6 * (xx + yy);
        let definite = xx > 0.0 && yy > 0.0 && xx * yy - xy * yx > 0.0;
        let finite = detection.covariance.iter().all(|c| c.is_finite());
        (finite && symmetric && definite).then_some(Self { xx, xy: 0.5 * (xy + yx), yy })
    }

    fn turned(self, yaw_rad: f64) -> Self {
        let (s, c) = libm::sincos(yaw_rad);
        let Self { xx, xy, yy } = self;
        Self {
            xx: c * c * xx - 2.0 * s * c * xy + s * s * yy,
            xy: s * c * (xx - yy) + (c * c - s * s) * xy,
            yy: s * s * xx + 2.0 * s * c * xy + c * c * yy,
        }
    }

    fn plus(self, other: Self) -> Self {
        Self { xx: self.xx + other.xx, xy: self.xy + other.xy, yy: self.yy + other.yy }
    }

    /// Squared length of a displacement in its own standard deviations. Infinite when that cannot be told: then nothing
    /// that is stated here can be believed.
    fn normalised_sq(self, x_m: f64, y_m: f64) -> f64 {
        let determinant = self.xx * self.yy - self.xy * self.xy;
        let value = (self.yy * x_m * x_m - 2.0 * self.xy * x_m * y_m + self.xx * y_m * y_m) / determinant;
        if determinant > 0.0 && value.is_finite() { value } else { f64::INFINITY }
    }
}

/// What a track said about itself.
#[derive(Clone, Copy, Debug)]
struct Expected {
    position: Point2,
    velocity: Point2,
    covariance: [f64; 16],
}

impl Expected {
    fn position_at(&self, dt_s: f64) -> Point2 {
        let (p, v) = (self.position, self.velocity);
        Point2::new(p.x_m + v.x_m * dt_s, p.y_m + v.y_m * dt_s)
    }

    /// Of the position, carried on at constant velocity. What acceleration adds in so short a time is in the floor.
    fn spread_at(&self, dt_s: f64) -> Spread {
        let [xx, xy, xu, xv, _, yy, _, yv, ux, uy, uu, uv, _, vy, _, vv] = self.covariance;
        let carried = |p: f64, a: f64, b: f64, q: f64| p + dt_s * (a + b) + dt_s * dt_s * q;
        Spread { xx: carried(xx, xu, ux, uu), xy: carried(xy, xv, uy, uv), yy: carried(yy, yv, vy, vv) }
    }
}

/// Confirmed tracks of one world model.
#[derive(Clone, Debug, Default)]
struct Snapshot {
    stamp: Stamp,
    pose: Pose2,
    localised: bool,
    expected: Vec<Expected>,
}

/// Confirmed tracks of the last world models: detections come late, and one must not be held against what it has been
/// used for already.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recent {
    snapshots: VecDeque<Snapshot>,
}

impl Recent {
    /// Takes the tracks of a world model of `stamp`, with its `pose` in their frame.
    pub fn take(&mut self, tracks: &[Track], stamp: Stamp, pose: Pose2, localised: bool) {
        let full = self.snapshots.len() >= RECENT_LIMIT;
        let mut snapshot =
            if full { self.snapshots.pop_front().unwrap_or_default() } else { Snapshot::default() };
        (snapshot.stamp, snapshot.pose, snapshot.localised) = (stamp, pose, localised);
        snapshot.expected.clear();
        let is_seen = |t: &&Track| matches!(t.state, TrackState::Confirmed | TrackState::Standing);
        let seen = tracks.iter().filter(is_seen).take(TRACK_LIMIT);
        snapshot.expected.extend(seen.map(|t| Expected {
            position: t.position,
            velocity: t.velocity,
            covariance: t.covariance,
        }));
        self.snapshots.push_back(snapshot);
    }

    /// The newest from before `stamp`.
    fn before(&self, stamp: Stamp) -> Option<&Snapshot> {
        self.snapshots.iter().rev().find(|s| s.stamp < stamp)
    }
}

/// Normalised innovations squared of a detector.
#[derive(Clone, Debug, Default)]
pub(crate) struct Innovations {
    pub source: Source,
    held: Keyed<Window>,
    judged: u64,
    /// Sets without a world model from before them, or without odometry that reaches there.
    passed_over: u64,
}

impl Innovations {
    /// Takes a set of detections. What is none of a covariance makes the source invalid until a good set comes, and so
    /// does a frame that is not known.
    pub fn take(
        &mut self,
        set: &DetectionSet,
        arrival: Arrival,
        recent: &Recent,
        odometry: &OdometryHistory,
        robot: &Robot,
        config: &Nis,
    ) {
        let description = &robot.description;
        let known = [
            &description.base_frame,
            &description.lidar.frame,
            &description.odom_frame,
            &description.map_frame,
        ];
        let sound = |d: &Detection| {
            d.position.is_finite()
                && d.class_probabilities.len() == set.class_labels.len()
                && Spread::stated(d).is_some()
        };
        let usable = set.detections.len() <= DETECTION_LIMIT && set.detections.iter().all(sound);
        if !usable || !known.contains(&&set.frame) {
            self.source.fault();
            return;
        }
        if !self.source.accept(set.stamp, arrival) {
            return;
        }
        let snapshot = recent.before(set.stamp).filter(|s| set.stamp.since(s.stamp) <= CARRY_LIMIT);
        let placed = snapshot.and_then(|s| Some((s, tracks_from_set(set, s, odometry, robot)?)));
        match placed {
            Some((snapshot, tracks_from_set)) => self.judge(set, snapshot, tracks_from_set, config),
            None => self.passed_over = self.passed_over.saturating_add(1),
        }
    }

    fn judge(&mut self, set: &DetectionSet, snapshot: &Snapshot, tracks_from_set: Pose2, config: &Nis) {
        let dt_s = set.stamp.since(snapshot.stamp).as_s();
        let places: Vec<Point2> = set.detections.iter().map(|d| tracks_from_set.apply(d.position)).collect();
        let floor_sq = config.sigma_floor_m * config.sigma_floor_m;
        let floor = Spread { xx: floor_sq, xy: 0.0, yy: floor_sq };
        for (o, d) in pairs(snapshot, dt_s, &places, config.gate_m) {
            let parts = (snapshot.expected.get(o), set.detections.get(d), places.get(d));
            let (Some(expected), Some(detection), Some(place)) = parts else { continue };
            let Some(stated) = Spread::stated(detection) else { continue };
            let spread = expected.spread_at(dt_s).plus(stated.turned(tracks_from_set.yaw_rad)).plus(floor);
            let centre = expected.position_at(dt_s);
            let nis = spread.normalised_sq(place.x_m - centre.x_m, place.y_m - centre.y_m);
            let key =
                Key { class: class_of(set, detection), model: &set.model_id, version: &set.model_version };
            self.held.feed(key, set.stamp).push(nis, config.window as usize);
            self.judged = self.judged.saturating_add(1);
        }
    }

    /// The greatest mean per degree of freedom, of those with enough samples: one when all that is stated is true, less
    /// when more doubt is stated than there is, which does no harm. One when nobody has enough: a new version is not
    /// doubted yet, but nothing is believed of it either (see [`super::Conformity`]).
    pub fn worst(&self, config: &Nis) -> f64 {
        let at = self.source.stamp().unwrap_or_default();
        let enough = self.held.lately(at).filter(|w| w.len() >= config.samples_min as usize);
        enough.map(|w| w.mean() / DEGREES_OF_FREEDOM).reduce(f64::max).unwrap_or(1.0)
    }

    /// Counts for `/diagnostics`.
    pub fn diagnostics(&self) -> [(&'static str, String); 3] {
        [
            ("detections held against tracks", self.judged.to_string()),
            ("detection sets without tracks to hold them against", self.passed_over.to_string()),
            ("detections of classes, models and versions beyond the limit", self.held.beyond().to_string()),
        ]
    }
}

/// `None` when that cannot be told.
fn tracks_from_set(
    set: &DetectionSet,
    snapshot: &Snapshot,
    odometry: &OdometryHistory,
    robot: &Robot,
) -> Option<Pose2> {
    let description = &robot.description;
    let tracks_from_base_then =
        || Some(snapshot.pose.then(odometry.base_now_from_base_then(set.stamp, snapshot.stamp)?));
    match &set.frame {
        f if *f == description.base_frame => tracks_from_base_then(),
        f if *f == description.lidar.frame => Some(tracks_from_base_then()?.then(robot.base_from_lidar)),
        f if *f == description.odom_frame => {
            Some(snapshot.pose.then(odometry.odom_from_base_at(snapshot.stamp)?.inverse()))
        }
        f if *f == description.map_frame => snapshot.localised.then_some(Pose2::IDENTITY),
        _ => None,
    }
}

/// Which track and which detection belong together: the nearest first, one to one, by index. The gate is wide and in
/// metres: one in stated standard deviations would hide what is to be measured.
fn pairs(snapshot: &Snapshot, dt_s: f64, places: &[Point2], gate_m: f64) -> Vec<(usize, usize)> {
    // At most TRACK_LIMIT times DETECTION_LIMIT.
    let mut near: Vec<(f64, usize, usize)> = vec![];
    for (o, expected) in snapshot.expected.iter().enumerate() {
        let centre = expected.position_at(dt_s);
        let distances = places.iter().map(|p| p.distance_m(centre)).enumerate();
        near.extend(distances.filter(|(_, m)| *m <= gate_m).map(|(d, m)| (m, o, d)));
    }
    near.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    let mut chosen: Vec<(usize, usize)> = vec![];
    for (_, o, d) in near {
        if !chosen.iter().any(|c| c.0 == o || c.1 == d) {
            chosen.push((o, d));
        }
    }
    chosen
}

/// The likeliest; the first of equals. Empty when there is none.
fn class_of<'a>(set: &'a DetectionSet, detection: &Detection) -> &'a str {
    let mut best: Option<(&str, f32)> = None;
    for (label, p) in set.class_labels.iter().zip(&detection.class_probabilities) {
        if best.is_none_or(|(_, held)| *p > held) {
            best = Some((label, *p));
        }
    }
    best.map_or("", |(label, _)| label)
}

#[cfg(test)]
mod tests;
