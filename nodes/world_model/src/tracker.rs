//! Moving objects: detections become tracks, in the continuous frame `odom`, so that a correction by the localiser does not
//! look like motion.

use crate::config::TracksConfig;
use crate::kalman::{Kalman, Measurement};
use nalgebra::{Matrix2, Matrix4};
use outrider_foundation::data::{DETECTION_LIMIT, DetectionSet, TRACK_LIMIT, Track, TrackState};
use outrider_foundation::{Point2, Pose2, Stamp};
use std::sync::Arc;

/// Classes beyond this many are not looked at.
const CLASS_LIMIT: usize = 32;
/// No object is more certain than this to exist.
const EXISTENCE_MAX: f64 = 0.999;
/// The disc that a lost object can have reached starts at this many standard deviations.
const REACH_SIGMAS: f64 = 3.0;
/// Detections farther away or less certain than this, in m, say nothing about this robot's surroundings.
const DETECTION_SIGMA_MAX_M: f64 = 10.0;

/// The model that made detections, shared by the tracks that it has seen.
#[derive(Debug, PartialEq)]
struct Model {
    id: String,
    version: String,
    labels: Vec<String>,
}

#[derive(Clone, Debug)]
struct Object {
    id: u64,
    state: TrackState,
    filter: Kalman,
    /// Time that the filter stands at.
    time: Stamp,
    /// When it was last measured, where it was then, and how well that was known.
    seen: Stamp,
    seen_at: Point2,
    seen_sigma_m: f64,
    hits: u32,
    existence: f64,
    radius_m: f64,
    model: Arc<Model>,
    classes: Vec<f64>,
}

/// What has happened to tracks; nothing is dropped silently.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrackCounters {
    /// Begun.
    pub begun: u64,
    /// Deleted before they were confirmed.
    pub unconfirmed: u64,
    /// Deleted because they had not been seen for too long.
    pub expired: u64,
    /// Deleted because there were too many: the farthest from the robot.
    pub dropped: u64,
    /// Deleted because the odometry or the clock was reset.
    pub reset: u64,
    /// Detections beyond the limit of one set.
    pub detections_beyond_limit: u64,
    /// Detections that could not be used: not finite, or too uncertain.
    pub detections_unusable: u64,
}

/// All tracks.
#[derive(Clone, Debug)]
pub struct Tracker {
    config: TracksConfig,
    objects: Vec<Object>,
    next_id: u64,
    counters: TrackCounters,
    /// Buffers: usable detections by index, pairs within the gate by cost, and which side is taken.
    measured: Vec<(usize, Measurement)>,
    pairs: Vec<(f64, usize, usize)>,
    object_taken: Vec<bool>,
    detection_taken: Vec<bool>,
}

impl Tracker {
    /// No tracks yet.
    pub fn new(config: TracksConfig) -> Self {
        Self {
            config,
            objects: Vec::with_capacity(TRACK_LIMIT),
            next_id: 1,
            counters: TrackCounters::default(),
            measured: Vec::with_capacity(DETECTION_LIMIT),
            pairs: Vec::new(),
            object_taken: Vec::new(),
            detection_taken: Vec::new(),
        }
    }

    /// What has happened.
    pub fn counters(&self) -> TrackCounters {
        self.counters
    }

    /// Drops all tracks, because the frame they are in has been reset.
    pub fn reset(&mut self) {
        self.counters.reset += self.objects.len() as u64;
        self.objects.clear();
    }

    /// Takes a set in, made when the robot was at `robot`; `odom_from_set` takes its positions to the tracks' frame.
    pub fn observe(&mut self, set: &DetectionSet, odom_from_set: Pose2, robot: Point2) {
        self.measure(set, odom_from_set);
        for object in &mut self.objects {
            object.advance(set.stamp, &self.config);
        }
        self.pair();
        let model = self.model_of(set);
        for &(_, o, m) in &self.pairs {
            let taken = (self.object_taken.get_mut(o), self.detection_taken.get_mut(m));
            let (Some(object_taken), Some(detection_taken)) = taken else { continue };
            if *object_taken || *detection_taken {
                continue;
            }
            (*object_taken, *detection_taken) = (true, true);
            let object = self.objects.get_mut(o);
            if let (Some(object), Some((index, measurement))) = (object, self.measured.get(m)) {
                object.hit(set, *index, measurement, &model, &self.config);
            }
        }
        let miss = self.config.detection_probability;
        for (object, taken) in self.objects.iter_mut().zip(&self.object_taken) {
            if !taken {
                object.existence *= (1.0 - miss) / (1.0 - object.existence * miss);
            }
        }
        self.begin(set, &model);
        self.limit(robot);
    }

    /// Brings states up to a time and deletes what has not been seen for too long.
    pub fn age(&mut self, now: Stamp) {
        let config = &self.config;
        let counters = &mut self.counters;
        self.objects.retain_mut(|object| {
            let age_s = now.since(object.seen).as_s();
            if object.state == TrackState::Tentative {
                let keep = age_s <= config.tentative_ttl_s;
                counters.unconfirmed += u64::from(!keep);
                return keep;
            }
            object.state = match age_s {
                _ if age_s > config.time_to_live_s => TrackState::Reachable,
                _ if age_s > config.coast_after_s => TrackState::Coasting,
                _ => TrackState::Confirmed,
            };
            let keep = age_s <= config.delete_after_s;
            counters.expired += u64::from(!keep);
            keep
        });
    }

    /// Position at a time (in `odom`) and radius of every confirmed track.
    pub fn confirmed(&self, at: Stamp) -> impl Iterator<Item = (Point2, f64)> + '_ {
        self.objects.iter().filter(|o| o.state == TrackState::Confirmed).map(move |o| {
            let dt_s = at.since(o.time).as_s();
            (o.filter.predicted(dt_s, self.config.acceleration_psd_m2ps3).position(), o.radius_m)
        })
    }

    /// All tracks at a time, by id, in the frame that `frame_from_odom` leads to.
    pub fn tracks(&self, at: Stamp, frame_from_odom: Pose2) -> Vec<Track> {
        self.objects.iter().map(|o| o.track(at, frame_from_odom, &self.config)).collect()
    }

    /// Usable detections, in the tracks' frame.
    fn measure(&mut self, set: &DetectionSet, odom_from_set: Pose2) {
        let beyond = set.detections.len().saturating_sub(DETECTION_LIMIT);
        self.counters.detections_beyond_limit += beyond as u64;
        let (s, c) = libm::sincos(odom_from_set.yaw_rad);
        let turn = Matrix2::new(c, -s, s, c);
        let floor = self.config.detection_sigma_floor_m * self.config.detection_sigma_floor_m;
        self.measured.clear();
        for (index, d) in set.detections.iter().take(DETECTION_LIMIT).enumerate() {
            let [xx, xy, yx, yy] = d.covariance;
            let own = Matrix2::new(xx, 0.5 * (xy + yx), 0.5 * (xy + yx), yy);
            let certain = xx >= 0.0 && yy >= 0.0 && xx + yy <= DETECTION_SIGMA_MAX_M * DETECTION_SIGMA_MAX_M;
            let definite = own.determinant() >= -1e-12;
            let sound = d.position.is_finite() && d.radius_m >= 0.0 && (0.0..=1.0).contains(&d.existence);
            if !(certain && definite && sound && d.radius_m.is_finite()) {
                self.counters.detections_unusable += 1;
                continue;
            }
            let covariance = turn * own * turn.transpose() + Matrix2::new(floor, 0.0, 0.0, floor);
            self.measured
                .push((index, Measurement { position: odom_from_set.apply(d.position), covariance }));
        }
    }

    /// All pairs within the gate, the likeliest first; ties go to the older track and the earlier detection.
    /// At most [`TRACK_LIMIT`] times [`DETECTION_LIMIT`] of them.
    fn pair(&mut self) {
        self.pairs.clear();
        for (o, object) in self.objects.iter().enumerate() {
            for (m, (_, measurement)) in self.measured.iter().enumerate() {
                if let Some((distance_sq, log_determinant)) = object.filter.innovation(measurement)
                    && distance_sq <= self.config.gate_chi2
                {
                    self.pairs.push((distance_sq + log_determinant, o, m));
                }
            }
        }
        self.pairs.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then((a.1, a.2).cmp(&(b.1, b.2))));
        self.object_taken.clear();
        self.object_taken.resize(self.objects.len(), false);
        self.detection_taken.clear();
        self.detection_taken.resize(self.measured.len(), false);
    }

    fn model_of(&self, set: &DetectionSet) -> Arc<Model> {
        let model = Model {
            id: set.model_id.clone(),
            version: set.model_version.clone(),
            labels: set.class_labels.iter().take(CLASS_LIMIT).cloned().collect(),
        };
        let known = self.objects.iter().rev().find(|o| *o.model == model);
        known.map_or_else(|| Arc::new(model), |o| Arc::clone(&o.model))
    }

    /// Begins a track for every detection that belongs to none.
    fn begin(&mut self, set: &DetectionSet, model: &Arc<Model>) {
        for ((index, measurement), taken) in self.measured.iter().zip(&self.detection_taken) {
            let Some(detection) = set.detections.get(*index) else { continue };
            if *taken || detection.existence < self.config.birth_existence_min {
                continue;
            }
            let filter = Kalman::new(measurement, 0.5 * self.config.speed_max_mps);
            let mut object = Object {
                id: self.next_id,
                state: TrackState::Tentative,
                time: set.stamp,
                seen: set.stamp,
                seen_at: measurement.position,
                seen_sigma_m: filter.position_sigma_m(),
                filter,
                hits: 1,
                existence: detection.existence.min(EXISTENCE_MAX),
                radius_m: detection.radius_m,
                model: Arc::clone(model),
                classes: Vec::new(),
            };
            object.see_class(set, *index, model, 1.0);
            object.confirm(&self.config);
            self.next_id = self.next_id.saturating_add(1);
            self.counters.begun += 1;
            self.objects.push(object);
        }
    }

    /// Keeps the [`TRACK_LIMIT`] nearest to the robot, by id.
    fn limit(&mut self, robot: Point2) {
        let beyond = self.objects.len().saturating_sub(TRACK_LIMIT);
        if beyond == 0 {
            return;
        }
        let distance_m = |o: &Object| o.filter.position().distance_m(robot);
        self.objects.sort_by(|a, b| distance_m(a).total_cmp(&distance_m(b)).then(a.id.cmp(&b.id)));
        self.objects.truncate(TRACK_LIMIT);
        self.objects.sort_by_key(|o| o.id);
        self.counters.dropped += beyond as u64;
    }
}

impl Object {
    /// Brings the filter to a time.
    fn advance(&mut self, to: Stamp, config: &TracksConfig) {
        let dt_s = to.since(self.time).as_s();
        self.filter = self.filter.predicted(dt_s, config.acceleration_psd_m2ps3);
        self.time = to;
        if self.state == TrackState::Reachable {
            self.filter = self.lost(to, config);
        }
    }

    /// What is known of an object that has been out of sight for long: somewhere within reach of where it was last seen.
    fn lost(&self, at: Stamp, config: &TracksConfig) -> Kalman {
        let sigma_m = self.reach_m(at, config) / REACH_SIGMAS;
        let covariance = Matrix2::new(sigma_m * sigma_m, 0.0, 0.0, sigma_m * sigma_m);
        Kalman::new(&Measurement { position: self.seen_at, covariance }, 0.5 * config.speed_max_mps)
    }

    /// Radius about where it was last seen that it cannot have left at full speed, up to the configured bound.
    fn reach_m(&self, at: Stamp, config: &TracksConfig) -> f64 {
        let age_s = at.since(self.seen).as_s().max(0.0);
        (REACH_SIGMAS * self.seen_sigma_m + config.speed_max_mps * age_s).min(config.reachable_max_m)
    }

    fn hit(
        &mut self,
        set: &DetectionSet,
        index: usize,
        measurement: &Measurement,
        model: &Arc<Model>,
        config: &TracksConfig,
    ) {
        let Some(detection) = set.detections.get(index) else { return };
        self.filter.update(measurement);
        self.filter.limit_speed(config.speed_max_mps);
        self.seen = set.stamp;
        self.seen_at = self.filter.position();
        self.seen_sigma_m = self.filter.position_sigma_m();
        self.hits = self.hits.saturating_add(1);
        let doubt = (1.0 - self.existence) * (1.0 - detection.existence);
        self.existence = (1.0 - doubt).min(EXISTENCE_MAX);
        // A larger object is believed at once, a smaller one by and by.
        self.radius_m = detection.radius_m.max(0.9 * self.radius_m + 0.1 * detection.radius_m);
        self.see_class(set, index, model, config.class_gain);
        self.confirm(config);
    }

    fn confirm(&mut self, config: &TracksConfig) {
        if self.hits >= config.confirm_hits {
            self.state = TrackState::Confirmed;
        }
    }

    /// Averages the class probabilities, weighted by `gain`; starts anew when the model or its classes have changed.
    fn see_class(&mut self, set: &DetectionSet, index: usize, model: &Arc<Model>, gain: f64) {
        let Some(detection) = set.detections.get(index) else { return };
        if self.model != *model || self.classes.len() != model.labels.len() {
            self.model = Arc::clone(model);
            self.classes.clear();
            self.classes.resize(model.labels.len(), 1.0 / model.labels.len().max(1) as f64);
        }
        let given = |p: &f32| if p.is_finite() { f64::from(*p).clamp(0.0, 1.0) } else { 0.0 };
        let probabilities = &detection.class_probabilities;
        let sum: f64 = probabilities.iter().take(CLASS_LIMIT).map(given).sum();
        if probabilities.len() != set.class_labels.len() || sum <= 0.0 {
            return;
        }
        for (held, p) in self.classes.iter_mut().zip(probabilities) {
            *held += gain * (given(p) / sum - *held);
        }
    }

    /// The likeliest class; the first of equals. Empty when the model names none.
    fn class(&self) -> (String, f64) {
        let mut best: Option<(&String, f64)> = None;
        for (label, &p) in self.model.labels.iter().zip(&self.classes) {
            if best.is_none_or(|(_, held)| p > held) {
                best = Some((label, p));
            }
        }
        best.map_or((String::new(), 0.0), |(label, p)| (label.clone(), p))
    }

    fn track(&self, at: Stamp, frame_from_odom: Pose2, config: &TracksConfig) -> Track {
        let reachable = self.state == TrackState::Reachable;
        let psd = config.acceleration_psd_m2ps3;
        let now = if reachable {
            self.lost(at, config)
        } else {
            self.filter.predicted(at.since(self.time).as_s(), psd)
        };
        let steps = (config.prediction_horizon_s / config.prediction_step_s + 1e-9).floor() as usize;
        let mut prediction = Vec::with_capacity(steps);
        let mut prediction_sigma_m = Vec::with_capacity(steps);
        for step in 1..=steps {
            let ahead_s = step as f64 * config.prediction_step_s;
            let then = if reachable {
                self.lost(at + outrider_foundation::Span::from_s(ahead_s), config)
            } else {
                now.predicted(ahead_s, psd)
            };
            prediction.push(frame_from_odom.apply(then.position()));
            prediction_sigma_m.push(then.position_sigma_m());
        }
        let (class_label, class_probability) = self.class();
        let turn_only = Pose2 { x_m: 0.0, y_m: 0.0, ..frame_from_odom };
        Track {
            id: self.id,
            state: self.state,
            class_label,
            class_probability,
            position: frame_from_odom.apply(now.position()),
            velocity: turn_only.apply(now.velocity()),
            covariance: turned(&now.covariance, frame_from_odom.yaw_rad),
            radius_m: self.radius_m,
            existence: self.existence,
            age_s: at.since(self.seen).as_s().max(0.0),
            reachable_m: if reachable { self.reach_m(at, config) } else { 0.0 },
            model_id: self.model.id.clone(),
            model_version: self.model.version.clone(),
            prediction_step_s: config.prediction_step_s,
            prediction,
            prediction_sigma_m,
        }
    }
}

/// The covariance in a frame that is turned, row-major.
fn turned(covariance: &Matrix4<f64>, yaw_rad: f64) -> [f64; 16] {
    let (s, c) = libm::sincos(yaw_rad);
    let r = Matrix4::new(c, -s, 0.0, 0.0, s, c, 0.0, 0.0, 0.0, 0.0, c, -s, 0.0, 0.0, s, c);
    let mut rows = [0.0; 16];
    // nalgebra iterates by columns; the transpose makes them rows.
    for (to, from) in rows.iter_mut().zip((r * covariance * r.transpose()).transpose().iter()) {
        *to = *from;
    }
    rows
}

#[cfg(test)]
mod tests;
