//! One object: what is believed of it, and how that is told.

use super::body::{Body, Shape};
use super::config::{LeftStandingConfig, TracksConfig};
use super::imm::{Ahead, Imm, Measurement, worst_sigma_m};
use super::mixture::Ways;
use super::models::{Classes, Model};
use nalgebra::{Matrix2, Matrix4};
use outrider_foundation::data::{BodyBox, REACH_SIGMAS, Track, TrackState};
use outrider_foundation::{Frame, Point2, Span, Stamp};
use std::sync::Arc;

/// No object is more certain than this to exist, and none less.
const EXISTENCE_MAX: f64 = 0.999;
const EXISTENCE_MIN: f64 = 1e-6;

/// Time in which the hits on what was left standing are marked in the grid, s: until then its disc counts as well.
const MARKED_S: f64 = 0.5;

/// An object.
#[derive(Clone, Debug)]
pub(crate) struct Object {
    pub id: u64,
    pub state: TrackState,
    pub filter: Imm,
    /// Time that the filter stands at.
    pub time: Stamp,
    /// When it was last detected,
    pub seen: Stamp,
    /// and what was believed then.
    anchor: Imm,
    pub hits: u32,
    pub existence: f64,
    pub radius_m: f64,
    body: Option<Body>,
    /// As good as standing.
    stands: bool,
    pub model: Arc<Model>,
    pub classes: Classes,
    /// Stated existence of its first detection, until it is known what came of it.
    pub born: Option<f64>,
    /// The last scan shows that something stands before it.
    pub hidden: bool,
    /// The last scan shows something of its size where it should be.
    pub met: bool,
    /// Since when it is slow, and of a kind that stands where it was left.
    left_at: Option<Stamp>,
}

/// What a detection says, in the tracks' frame.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub measurement: Measurement,
    pub radius_m: f64,
    pub body: Option<Shape>,
    /// Calibrated.
    pub existence: f64,
    pub classes: Option<Classes>,
}

impl Object {
    /// From its first detection.
    pub fn new(id: u64, at: Stamp, seen: &Seen, model: &Arc<Model>, config: &TracksConfig) -> Self {
        let filter = Imm::new(&seen.measurement, &config.motion);
        let classes = seen.classes.unwrap_or(Classes::even(model.labels.len()));
        let mut object = Self {
            id,
            state: TrackState::Tentative,
            anchor: filter,
            filter,
            time: at,
            seen: at,
            hits: 1,
            existence: seen.existence.clamp(EXISTENCE_MIN, EXISTENCE_MAX),
            radius_m: seen.radius_m,
            body: Body::first(seen.body, at),
            stands: true,
            model: Arc::clone(model),
            classes,
            born: Some(seen.existence),
            hidden: false,
            met: false,
            left_at: None,
        };
        object.confirm(config);
        object
    }

    /// Brings filter and existence to a time, never back.
    pub fn advance(&mut self, to: Stamp, config: &TracksConfig) {
        let dt_s = to.since(self.time).as_s().max(0.0);
        self.filter.advance(dt_s, &config.motion);
        self.time = self.time.max(to);
        self.existence = (self.existence * libm::exp(-dt_s / config.lifetime_s)).max(EXISTENCE_MIN);
        if self.state == TrackState::Reachable {
            self.filter = self.lost(to, config);
        }
    }

    /// Probability that the detector reports it where it is.
    pub fn detection_probability(&self, config: &TracksConfig) -> f64 {
        let p = config.detection_probability;
        if self.hidden { p.min(config.hidden_detection_probability) } else { p }
    }

    /// The same for a detection that is there: who is lost may come out anywhere within reach, whatever hides the middle of it.
    pub fn reported(&self, config: &TracksConfig) -> f64 {
        let lost = self.state == TrackState::Reachable;
        if lost { config.detection_probability } else { self.detection_probability(config) }
    }

    /// The same where it speaks against the object that it was not reported: what the scan shows is there is only overlooked.
    fn expected(&self, config: &TracksConfig) -> f64 {
        let p = self.detection_probability(config);
        if self.met { p.min(config.hidden_detection_probability) } else { p }
    }

    /// One less the probability that it exists and is reported.
    pub fn missed(&self, config: &TracksConfig) -> f64 {
        1.0 - self.existence * self.expected(config)
    }

    /// Existence once it is known which detections are its own, with `share` in all (integrated probabilistic data
    /// association: Musicki, Evans and Stankovic 1994).
    pub fn weigh(&mut self, share: f64, config: &TracksConfig) {
        let missed = self.existence * (1.0 - self.expected(config)) / self.missed(config);
        let existence = share + (1.0 - share).max(0.0) * missed;
        self.existence = existence.clamp(EXISTENCE_MIN, EXISTENCE_MAX);
    }

    /// Has been detected; the filter has been told already.
    pub fn hit(&mut self, at: Stamp, seen: &Seen, model: &Arc<Model>, config: &TracksConfig) {
        self.seen = at;
        self.anchor = self.filter;
        self.hits = self.hits.saturating_add(1);
        // A larger object is believed at once, a smaller one by and by.
        self.radius_m = seen.radius_m.max(0.9 * self.radius_m + 0.1 * seen.radius_m);
        self.body = Body::after(self.body, seen.body, at, &config.bodies);
        let (mean, _) = self.filter.motion();
        let least_mps = if self.stands { config.bodies.moves_mps } else { config.bodies.marked_below_mps };
        self.stands = libm::hypot(mean.z, mean.w) <= least_mps;
        self.classify(seen, model, config);
        self.confirm(config);
    }

    /// Takes in what a model says of its class. Another model than before may have other classes.
    pub fn classify(&mut self, seen: &Seen, model: &Arc<Model>, config: &TracksConfig) {
        if !Arc::ptr_eq(&self.model, model) {
            self.classes = self.classes.told_by(&self.model, model);
            self.model = Arc::clone(model);
        }
        if let Some(classes) = &seen.classes {
            self.classes.approach(classes, config.class_gain);
        }
    }

    fn confirm(&mut self, config: &TracksConfig) {
        let confirmed = self.hits >= config.confirm_hits && self.existence >= config.confirm_existence;
        if confirmed || self.state != TrackState::Tentative {
            self.state = TrackState::Confirmed;
        }
    }

    /// Follows the age: from seen lately to only within reach. Tentative ones stay so.
    pub fn grow_old(&mut self, now: Stamp, config: &TracksConfig) {
        if self.state == TrackState::Tentative {
            return;
        }
        self.state = match now.since(self.seen).as_s() {
            age_s if age_s > config.time_to_live_s => TrackState::Reachable,
            age_s if age_s > config.coast_after_s => TrackState::Coasting,
            _ => TrackState::Confirmed,
        };
    }

    /// Notes whether it still stands where it was left.
    pub fn settle(&mut self, now: Stamp, config: &TracksConfig) {
        let standing = &config.left_standing;
        let (mean, _) = self.filter.motion();
        let speed_mps = libm::hypot(mean.z, mean.w);
        let most_mps = if self.left_at.is_some() { standing.moves_mps } else { standing.speed_max_mps };
        // What the scan still shows is overlooked at most, and what it cannot show stands where it stood: nobody has come for it in sight.
        let stays = self.left_at.is_some() && (self.met || self.hidden);
        let is_seen = self.state == TrackState::Confirmed || stays;
        self.left_at = (is_seen && speed_mps <= most_mps && self.is_left(standing))
            .then(|| self.left_at.filter(|since| *since <= now).unwrap_or(now));
    }

    /// Of a class that does not move by itself.
    fn is_left(&self, standing: &LeftStandingConfig) -> bool {
        let likeliest = self.classes.likeliest().filter(|(_, p)| *p >= standing.class_min);
        let label = likeliest.and_then(|(i, _)| self.model.labels.get(i));
        label.is_some_and(|label| standing.classes.contains(label))
    }

    /// For how long it has been standing where it was left, s.
    pub fn left_s(&self, at: Stamp) -> f64 {
        self.left_at.map_or(0.0, |since| at.since(since).as_s())
    }

    /// The disc that its centre cannot have left since it was last detected, by bounded speed and by bounded acceleration:
    /// both hold, the smaller is told. Up to the configured bound.
    pub fn reach(&self, at: Stamp, config: &TracksConfig) -> (Point2, f64) {
        let t = at.since(self.seen).as_s().max(0.0);
        let (mean, p) = self.anchor.motion();
        let here = worst_sigma_m(&p.fixed_view::<2, 2>(0, 0).into_owned());
        let speed = worst_sigma_m(&p.fixed_view::<2, 2>(2, 2).into_owned());
        let from_m = REACH_SIGMAS * here;
        let by_speed_m = from_m + config.speed_max_mps * t;
        let by_acceleration_m = from_m + (REACH_SIGMAS * speed + 0.5 * config.acceleration_max_mps2 * t) * t;
        let (carried_s, radius_m) =
            if by_acceleration_m < by_speed_m { (t, by_acceleration_m) } else { (0.0, by_speed_m) };
        let centre = Point2::new(mean.x + carried_s * mean.z, mean.y + carried_s * mean.w);
        (centre, radius_m.min(config.reachable_max_m))
    }

    /// What is known of an object that has been out of sight for long: somewhere within reach.
    fn lost(&self, at: Stamp, config: &TracksConfig) -> Imm {
        let (position, radius_m) = self.reach(at, config);
        let sigma_m = radius_m / REACH_SIGMAS;
        let covariance = Matrix2::new(sigma_m * sigma_m, 0.0, 0.0, sigma_m * sigma_m);
        Imm::new(&Measurement { position, covariance }, &config.motion)
    }

    /// The filter at a time; a time before the filter's is the filter's.
    pub fn at(&self, at: Stamp, config: &TracksConfig) -> Imm {
        if self.state == TrackState::Reachable {
            return self.lost(at, config);
        }
        let mut filter = self.filter;
        filter.advance(at.since(self.time).as_s(), &config.motion);
        filter
    }

    /// Where it is expected.
    pub fn position(&self, at: Stamp, config: &TracksConfig) -> Point2 {
        self.filter.position_after(&Ahead::of(at.since(self.time).as_s().max(0.0), &config.motion)).0
    }

    /// The rectangle about it, where it is known to be and as good as standing.
    pub fn standing_body(&self, at: Stamp, config: &TracksConfig) -> Option<BodyBox> {
        let is_seen = matches!(self.state, TrackState::Confirmed | TrackState::Coasting);
        let body = self.body.filter(|_| is_seen && self.stands)?;
        Some(body.at(self.position(at, config)))
    }

    /// As it is told, in the frame that `frame_from_odom` leads to, with its prediction for every one of the times ahead.
    pub fn track(
        &self,
        at: Stamp,
        frame_from_odom: Frame,
        ahead: &[Ahead],
        ways: &mut Ways,
        config: &TracksConfig,
    ) -> Track {
        let reachable = self.state == TrackState::Reachable;
        let stands = self.left_s(at) >= config.left_standing.after_s + MARKED_S;
        let now = self.at(at, config);
        let mut prediction = Vec::with_capacity(ahead.len());
        let mut prediction_sigma_m = Vec::with_capacity(ahead.len());
        let mut tell = |position: Point2, sigma_m: f64| {
            prediction.push(frame_from_odom.apply(position));
            prediction_sigma_m.push(sigma_m);
        };
        let mut mixture = Vec::new();
        if reachable {
            for ahead in ahead {
                let (centre, radius_m) = self.reach(at + Span::from_s(ahead.dt_s), config);
                tell(centre, radius_m / REACH_SIGMAS);
            }
        } else {
            now.positions_after(ahead, ways, tell);
            mixture = ways.mixture(&now, |position| frame_from_odom.apply(position));
        }
        let (mean, covariance) = now.motion();
        let body = self.body.filter(|_| !reachable).map(|body| body.at(Point2::new(mean.x, mean.y)));
        let likeliest = self.classes.likeliest();
        let named = likeliest.and_then(|(i, p)| self.model.labels.get(i).map(|l| (l.clone(), p)));
        let (class_label, class_probability) = named.unwrap_or_default();
        Track {
            id: self.id,
            state: if stands { TrackState::Standing } else { self.state },
            class_label,
            class_probability,
            position: frame_from_odom.apply(Point2::new(mean.x, mean.y)),
            velocity: frame_from_odom.turn(Point2::new(mean.z, mean.w)),
            covariance: turned(&covariance, frame_from_odom),
            radius_m: self.radius_m,
            body: body.map(|body| body.seen_from(frame_from_odom.pose())),
            existence: self.existence,
            age_s: at.since(self.seen).as_s().max(0.0),
            reachable_m: if reachable { self.reach(at, config).1 } else { 0.0 },
            model_id: self.model.id.clone(),
            model_version: self.model.version.clone(),
            prediction_step_s: config.prediction_step_s,
            prediction,
            prediction_sigma_m,
            mixture,
        }
    }
}

/// The covariance in a frame that is turned, row-major.
fn turned(covariance: &Matrix4<f64>, frame_from_odom: Frame) -> [f64; 16] {
    let (s, c) = frame_from_odom.sin_cos();
    let r = Matrix4::new(c, -s, 0.0, 0.0, s, c, 0.0, 0.0, 0.0, 0.0, c, -s, 0.0, 0.0, s, c);
    let mut rows = [0.0; 16];
    // nalgebra iterates by columns; the transpose makes them rows.
    for (to, from) in rows.iter_mut().zip((r * covariance * r.transpose()).transpose().iter()) {
        *to = *from;
    }
    rows
}
