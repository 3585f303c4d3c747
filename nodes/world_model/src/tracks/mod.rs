//! Moving objects: detections become tracks, in the continuous frame `odom`, so that a correction by the localiser does not
//! look like motion.
//!
//! One set of detections goes through these parts, in this order, and each knows only those before it:
//!
//! - `motion`, `imm`: where one object will be, by three ways to move and their mixture; `mixture`: how that is told.
//! - [`assign`], `joint`: who is whose in one group of tracks and detections: exactly, and with probabilities.
//! - `models`, [`reliability`]: what a version of a learned model states, what that is worth, and how it has done.
//! - `body`: what detectors tell of its rectangle.
//! - `object`: one object, from its first detection to the disc that it can have reached.
//! - `associate`: gate and groups over all objects.
//! - `past`: the last sets, for those that come late.
//! - [`clusters`], `sight`: what the scan says about who can be seen, and who is still there.
//! - `views`, `candidates`, `movers`: whom only the scans show to move.
//! - [`Tracker`] (here): birth, confirmation and death.

pub mod assign;
mod associate;
mod body;
mod candidates;
pub mod clusters;
mod config;
mod imm;
mod joint;
mod mixture;
mod models;
mod motion;
mod movers;
mod object;
mod past;
pub mod reliability;
mod sight;
mod views;

pub use config::{BodiesConfig, CalibrationConfig, ClusterBirthConfig, MotionConfig, TracksConfig};
pub use movers::MoverCounters;
pub use past::LATE_SETS_LIMIT;

use crate::beams::Beam;
use associate::Associator;
use body::Shape;
use clusters::{Cluster, Clusters};
pub use imm::WayBelief;
use imm::{Ahead, Measurement};
use mixture::Ways;
use models::{Model, Models};
use motion::MODES;
use movers::{Claim, Glance, Known, Movers};
use nalgebra::Matrix2;
use object::{Object, Seen};
use outrider_foundation::data::{
    BodyBox, DETECTION_LIMIT, Detection, DetectionSet, Scan, TRACK_LIMIT, Track, TrackState,
};
use outrider_foundation::{Point2, Pose2, Span, Stamp, Twist2};
use past::{Moment, Past, Unplaced};
use std::sync::Arc;

/// Detections less certain than this, in m, say nothing about this robot's surroundings.
const DETECTION_SIGMA_MAX_M: f64 = 10.0;
/// A rectangle that is farther from its detection's position than this is not of it, m.
const BODY_NEAR_M: f64 = 0.5;
/// A detection that is a track's with less than this probability begins one of its own.
const CLAIMED: f64 = 0.5;
/// Innovations count towards the statistics where a detection is a track's with at least this probability.
const SURE: f64 = 0.9;

/// What has happened to tracks; nothing is dropped silently.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrackCounters {
    /// Begun.
    pub begun: u64,
    /// Deleted before they were confirmed.
    pub unconfirmed: u64,
    /// Deleted because they had not been seen for too long.
    pub expired: u64,
    /// Deleted because they do not exist any more, by all that was seen.
    pub died: u64,
    /// Deleted because there were too many: the farthest from the robot.
    pub dropped: u64,
    /// Deleted because the odometry or the clock was reset.
    pub reset: u64,
    /// Deleted because their numbers had become senseless.
    pub unsound: u64,
    /// Detections beyond the limit of one set.
    pub detections_beyond_limit: u64,
    /// Detections that could not be used: not finite, or too uncertain.
    pub detections_unusable: u64,
    /// Rectangles of detections that were left out: none, or not where the detection is.
    pub bodies_unusable: u64,
    /// Sets that came after newer ones and were taken in at their own time,
    pub sets_late: u64,
    /// those that came too late for that,
    pub sets_too_late: u64,
    /// and those that had come already.
    pub sets_repeated: u64,
    /// Ambiguous groups told apart by joint probabilities,
    pub groups_joint: u64,
    /// and those too large for it, by assignment.
    pub groups_assigned: u64,
}

impl TrackCounters {
    /// What had happened to tracks by an earlier time, with what has happened to sets since.
    fn with_tracks_of(self, earlier: &Self) -> Self {
        let Self { begun, unconfirmed, expired, died, dropped, reset, unsound, .. } = *earlier;
        Self { begun, unconfirmed, expired, died, dropped, reset, unsound, ..self }
    }
}

/// All tracks.
#[derive(Clone, Debug)]
pub struct Tracker {
    config: TracksConfig,
    objects: Vec<Object>,
    next_id: u64,
    counters: TrackCounters,
    models: Models,
    clusters: Clusters,
    associator: Associator,
    past: Past,
    /// Whom only the lidar sees.
    movers: Movers,
    known: Vec<Known>,
    /// The times that predictions are told for.
    ahead: Vec<Ahead>,
    /// Buffers: what one object is told, and what the scans said of everybody.
    told: Vec<(f64, Measurement)>,
    sights: Vec<(u64, bool, bool)>,
}

impl Tracker {
    /// No tracks yet. The configuration must have been checked.
    pub fn new(config: TracksConfig) -> Self {
        let steps = (config.prediction_horizon_s / config.prediction_step_s + 1e-9).floor() as usize;
        let ahead_s = (1..=steps).map(|step| step as f64 * config.prediction_step_s);
        Self {
            models: Models::new(config.calibrations.clone()),
            ahead: ahead_s.map(|s| Ahead::of(s, &config.motion)).collect(),
            config,
            objects: Vec::with_capacity(TRACK_LIMIT + DETECTION_LIMIT),
            next_id: 1,
            counters: TrackCounters::default(),
            clusters: Clusters::default(),
            associator: Associator::new(),
            past: Past::new(),
            movers: Movers::new(),
            known: Vec::with_capacity(TRACK_LIMIT),
            told: Vec::with_capacity(DETECTION_LIMIT),
            sights: Vec::with_capacity(TRACK_LIMIT),
        }
    }

    /// What has happened.
    pub fn counters(&self) -> TrackCounters {
        let groups = self.associator.counters();
        TrackCounters { groups_joint: groups.joint, groups_assigned: groups.assigned, ..self.counters }
    }

    /// What has happened to those whom only the lidar sees.
    pub fn mover_counters(&self) -> MoverCounters {
        self.movers.counters()
    }

    /// Counters and statistics by name, for `/diagnostics`.
    pub fn diagnostics(&self) -> Vec<(&'static str, String)> {
        let (c, m) = (self.counters(), self.movers.counters());
        let counts = [
            ("tracks_begun", c.begun),
            ("tracks_unconfirmed", c.unconfirmed),
            ("tracks_expired", c.expired),
            ("tracks_died", c.died),
            ("tracks_dropped_farthest", c.dropped),
            ("tracks_reset", c.reset),
            ("tracks_unsound", c.unsound),
            ("detections_beyond_limit", c.detections_beyond_limit),
            ("detections_unusable", c.detections_unusable),
            ("bodies_unusable", c.bodies_unusable),
            ("detection_sets_late", c.sets_late),
            ("detection_sets_too_late", c.sets_too_late),
            ("detection_sets_repeated", c.sets_repeated),
            ("track_groups_joint", c.groups_joint),
            ("track_groups_assigned", c.groups_assigned),
            ("movers_begun", m.begun),
            ("movers_unconfirmed", m.unconfirmed),
            ("movers_lost", m.lost),
            ("movers_stood", m.stood),
            ("movers_detected", m.detected),
            ("movers_merged", m.merged),
            ("movers_beyond_limit", m.beyond_limit),
            ("movers_refused_as_the_world_moved", m.world_moved),
            ("movers_reset", m.reset),
            ("movers_not_watched", self.movers.candidates_beyond_limit()),
            ("scan_clusters", self.clusters.list().len() as u64),
            ("scan_hits_beyond_cluster_limit", self.clusters.hits_beyond_limit()),
        ];
        let counts = counts.into_iter().map(|(name, count)| (name, count.to_string()));
        counts.chain(self.models.diagnostics()).collect()
    }

    /// Drops all tracks, because the frame they are in has been reset.
    pub fn reset(&mut self) {
        self.counters.reset += self.objects.len() as u64;
        self.objects.clear();
        self.past.clear();
        self.movers.reset();
    }

    /// Takes a set in, made when the robot was at `robot`; `odom_from_set` takes its positions to the tracks' frame. One that
    /// comes after newer ones, up to [`LATE_SETS_LIMIT`] of them, is taken in at its own time.
    ///
    /// # Errors
    /// Says why a set is not taken, which is counted too: it came too late, or for the second time.
    pub fn observe(&mut self, set: &DetectionSet, odom_from_set: Pose2, robot: Point2) -> Result<(), String> {
        let model = self.models.hear(set);
        let place = match self.past.place_of(set.stamp, &model, Span::from_s(self.config.late_max_s)) {
            Ok(place) => place,
            Err(Unplaced::Repeat) => {
                self.counters.sets_repeated += 1;
                return Err(format!("stamp {:.3} s repeats", set.stamp.as_s()));
            }
            Err(Unplaced::TooLate) => {
                self.counters.sets_too_late += 1;
                let late_s = self.past.newest().map_or(0.0, |newest| newest.since(set.stamp).as_s());
                return Err(format!("{late_s:.3} s older than the newest: too late to be taken in"));
            }
        };
        let mut moment = self.past.blank();
        (moment.stamp, moment.robot, moment.model) = (set.stamp, robot, Some(model));
        self.measure(set, odom_from_set, &mut moment);
        let overtaken = self.past.count() - place;
        if overtaken == 0 {
            self.take_in(&mut moment, true);
            self.past.insert(place, moment);
        } else {
            self.go_back(place, moment);
        }
        self.past.forget();
        Ok(())
    }

    /// Takes a late set in: everybody as they stood before the set that came after it, then that set and those after it anew.
    /// Outcomes for the statistics are of the late one only, the others have been told.
    fn go_back(&mut self, place: usize, late: Moment) {
        self.sights.clear();
        self.sights.extend(self.objects.iter().map(|o| (o.id, o.hidden, o.met)));
        self.past.insert(place, late);
        let happened = self.counters;
        if let Some(next) = self.past.take(place + 1) {
            self.objects.clear();
            self.objects.extend(next.objects.iter().cloned());
            self.counters = happened.with_tracks_of(&next.counters);
            self.past.put(place + 1, next);
        }
        self.counters.sets_late += 1;
        for at in place..self.past.count() {
            let Some(mut moment) = self.past.take(at) else { continue };
            if at > place {
                for object in &mut self.objects {
                    (object.hidden, object.met) =
                        moment.sight_of(object.id).unwrap_or((object.hidden, object.met));
                }
            }
            self.take_in(&mut moment, at == place);
            self.past.put(at, moment);
        }
        for object in &mut self.objects {
            if let Ok(i) = self.sights.binary_search_by_key(&object.id, |s| s.0)
                && let Some((_, hidden, met)) = self.sights.get(i)
            {
                (object.hidden, object.met) = (*hidden, *met);
            }
        }
    }

    /// One step: everybody is brought to the set's time and told what is their own. `first` when it is not repeated for a late
    /// set.
    fn take_in(&mut self, moment: &mut Moment, first: bool) {
        moment.objects.clear();
        moment.objects.extend(self.objects.iter().cloned());
        moment.counters = self.counters;
        let Some(model) = moment.model.clone() else { return };
        // After a leap in time nobody is met who had been gone long before.
        self.expire(moment.stamp, Some(moment.stamp));
        for object in &mut self.objects {
            object.advance(moment.stamp, &self.config);
        }
        self.associator.run(&self.objects, &moment.seen, &self.config);
        self.update(moment, &model, first);
        self.begin(moment, &model, first);
        self.bury(first);
        self.limit(moment.robot);
    }

    /// Takes from a scan who is hidden behind something, and who is there whether a detector sees it or not. `beams` are the
    /// scan's, in any frame; `odom_from_beams` leads from there, `lidar_from_odom` to the lidar at the scan's stamp. `twist` is
    /// the robot's during the sweep; `None` while that is not to be trusted, and then nobody is found to move.
    pub fn look(
        &mut self,
        scan: &Scan,
        beams: &[Beam],
        odom_from_beams: Pose2,
        lidar_from_odom: Pose2,
        twist: Option<Twist2>,
    ) {
        self.known.clear();
        self.clusters.find(beams);
        let beams_from_odom = odom_from_beams.inverse();
        for object in &mut self.objects {
            let centre = object.position(scan.stamp, &self.config);
            object.hidden = sight::is_hidden(scan, lidar_from_odom, centre, object.radius_m);
            let (there, radius_m) = (beams_from_odom.apply(centre), object.radius_m);
            let meets = |c: &Cluster| sight::is_met(c, c.centre, there, radius_m);
            object.met = self.clusters.list().iter().any(meets);
            if object.state != TrackState::Reachable {
                let age_s = scan.stamp.since(object.seen).as_s();
                let fresh = object.state == TrackState::Confirmed && age_s <= self.config.coast_after_s;
                self.known.push(Known { at: centre, radius_m, fresh });
            }
        }
        let glance = Glance {
            scan,
            beams,
            clusters: self.clusters.list(),
            odom_from_beams: odom_from_beams.for_many(),
            lidar_from_odom,
            twist,
        };
        self.movers.look(&glance, &self.known, &mut self.next_id, &self.config);
        let all = self.objects.len() + self.movers.objects().count();
        self.movers.leave_untold(all.saturating_sub(TRACK_LIMIT));
    }

    /// Brings states up to a time and deletes what has not been seen for too long.
    pub fn age(&mut self, now: Stamp) {
        self.expire(now, self.past.newest());
        self.movers.age(now, &self.config);
    }

    /// Position at a time (in `odom`) and radius of every confirmed track, but for what was left standing: that is an obstacle like others.
    pub fn confirmed(&self, at: Stamp) -> impl Iterator<Item = (Point2, f64)> + '_ {
        // No more than [`Self::tracks`] tells of: who is left out there is an obstacle like others.
        let all = self.objects.iter().chain(self.movers.objects()).take(TRACK_LIMIT);
        let moves = move |o: &&Object| o.left_s(at) < self.config.left_standing.after_s;
        let confirmed = all.filter(|o| o.state == TrackState::Confirmed).filter(moves);
        confirmed.map(move |o| (o.position(at, &self.config), o.radius_m))
    }

    /// The rectangles, in `odom`, about what is as good as standing.
    pub fn standing_bodies(&self, at: Stamp) -> impl Iterator<Item = BodyBox> + '_ {
        self.objects.iter().filter_map(move |o| o.standing_body(at, &self.config))
    }

    /// What is believed of every track of [`Self::tracks`], way to move by way to move, in `odom`: for evaluation.
    pub fn ways(&self, at: Stamp) -> Vec<(u64, [WayBelief; MODES])> {
        let all = self.objects.iter().chain(self.movers.objects()).take(TRACK_LIMIT);
        all.map(|o| (o.id, o.at(at, &self.config).ways())).collect()
    }

    /// All tracks at a time, by id, in the frame that `frame_from_odom` leads to.
    pub fn tracks(&self, at: Stamp, frame_from_odom: Pose2) -> Vec<Track> {
        let frame = frame_from_odom.for_many();
        let mut ways = Ways::default();
        let all = self.objects.iter().chain(self.movers.objects()).take(TRACK_LIMIT);
        let mut tracks: Vec<Track> =
            all.map(|o| o.track(at, frame, &self.ahead, &mut ways, &self.config)).collect();
        if !tracks.is_sorted_by_key(|t| t.id) {
            tracks.sort_unstable_by_key(|t| t.id);
        }
        tracks
    }

    /// Usable detections, in the tracks' frame.
    fn measure(&mut self, set: &DetectionSet, odom_from_set: Pose2, into: &mut Moment) {
        let beyond = set.detections.len().saturating_sub(DETECTION_LIMIT);
        self.counters.detections_beyond_limit += beyond as u64;
        let (s, c) = libm::sincos(odom_from_set.yaw_rad);
        let turn = Matrix2::new(c, -s, s, c);
        into.seen.clear();
        into.born.clear();
        into.over.clear();
        for detection in set.detections.iter().take(DETECTION_LIMIT) {
            let Some(own) = spread_of(detection) else {
                self.counters.detections_unusable += 1;
                continue;
            };
            let covariance = floored(turn * own * turn.transpose(), self.config.detection_sigma_floor_m);
            into.born.push(0);
            let is_usable =
                |body: &BodyBox| body.is_sound() && body.distance_m(detection.position) <= BODY_NEAR_M;
            let body = detection.body.filter(is_usable);
            self.counters.bodies_unusable += u64::from(body != detection.body);
            let position = odom_from_set.apply(detection.position);
            into.seen.push(Seen {
                measurement: Measurement { position, covariance },
                radius_m: detection.radius_m,
                body: body.map(|body| Shape::told(&body.seen_from(odom_from_set), position)),
                existence: self.models.existence(detection),
                classes: self.models.classes(set, detection),
            });
        }
    }

    /// Tells every object what is its own.
    fn update(&mut self, moment: &Moment, model: &Arc<Model>, first: bool) {
        let (stamp, all) = (moment.stamp, &moment.seen);
        let mut hits = self.associator.hits();
        for (index, object) in self.objects.iter_mut().enumerate() {
            let count = hits.iter().take_while(|hit| hit.track == index).count();
            let (own, rest) = hits.split_at_checked(count).unwrap_or_default();
            hits = rest;
            self.told.clear();
            self.told.extend(own.iter().filter_map(|h| Some((h.share, all.get(h.detection)?.measurement))));
            let share: f64 = own.iter().map(|hit| hit.share).sum();
            object.weigh(share, &self.config);
            if self.told.is_empty() {
                continue;
            }
            object.filter.update(&self.told);
            object.filter.limit_speed(self.config.speed_max_mps);
            let likeliest = own.iter().max_by(|a, b| a.share.total_cmp(&b.share));
            let (Some(hit), true) = (likeliest, share > CLAIMED) else { continue };
            let Some(seen) = all.get(hit.detection) else { continue };
            object.hit(stamp, seen, model, &self.config);
            if object.state != TrackState::Confirmed || !first {
                continue;
            }
            if let Some(stated) = object.born.take() {
                self.models.existence_outcome(model, stated, true);
            }
            if hit.alone && hit.share >= SURE {
                self.models.innovation(model, hit.distance_sq);
            }
            let stated = seen.classes.and_then(|c| c.likeliest());
            if let (Some((class, p)), Some((believed, _))) = (stated, object.classes.likeliest()) {
                self.models.class_outcome(model, class, p, class == believed);
            }
        }
    }

    /// Begins a track for every detection that belongs to none. Who began here before begins under the same id; who began earlier
    /// now, because of a late set, keeps the id that was known.
    fn begin(&mut self, moment: &mut Moment, model: &Arc<Model>, first: bool) {
        for (index, (seen, born)) in moment.seen.iter().zip(&mut moment.born).enumerate() {
            if self.associator.claimed(index) >= CLAIMED {
                self.keep_id(index, *born);
                continue;
            }
            if seen.existence < self.config.birth_existence_min {
                continue;
            }
            if let Some((_, object)) = moment.over.iter().find(|(i, _)| *i == index) {
                self.objects.push(object.clone());
                continue;
            }
            match self.movers.claim(moment.stamp, seen, model, first, &self.config) {
                Some(Claim::Held) => continue,
                Some(Claim::Over(object)) => {
                    *born = object.id;
                    self.objects.push((*object).clone());
                    moment.over.push((index, *object));
                    continue;
                }
                None => {}
            }
            if *born == 0 {
                *born = self.next_id;
                self.next_id = self.next_id.saturating_add(1);
            }
            self.objects.push(Object::new(*born, moment.stamp, seen, model, &self.config));
            self.counters.begun += 1;
        }
        if !self.objects.is_sorted_by_key(|o| o.id) {
            self.objects.sort_unstable_by_key(|o| o.id);
        }
    }

    /// Gives the owner of a detection the id that the detection gave rise to before, where that is older and nobody's now.
    fn keep_id(&mut self, detection: usize, known: u64) {
        if known == 0 || self.objects.iter().any(|o| o.id == known) {
            return;
        }
        let owner = self.associator.hits().iter().filter(|hit| hit.detection == detection);
        let owner = owner.max_by(|a, b| a.share.total_cmp(&b.share)).map(|hit| hit.track);
        if let Some(object) = owner.and_then(|track| self.objects.get_mut(track))
            && object.id > known
        {
            object.id = known;
        }
    }

    /// Follows the ages; deletes what has not been seen for too long. Detectors are late: an unconfirmed track waits for
    /// pictures, not for the clock, unless none come.
    fn expire(&mut self, now: Stamp, newest: Option<Stamp>) {
        let (config, counters, models) = (&self.config, &mut self.counters, &mut self.models);
        let newest = newest.unwrap_or(now);
        self.objects.retain_mut(|object| {
            object.grow_old(now, config);
            object.settle(now, config);
            let age_s = now.since(object.seen).as_s();
            if object.state == TrackState::Tentative {
                let pictures_s = newest.since(object.seen).as_s();
                let keep = pictures_s <= config.tentative_ttl_s && age_s <= config.time_to_live_s;
                counters.unconfirmed += u64::from(!keep);
                if let (Some(stated), false) = (object.born, keep) {
                    models.existence_outcome(&object.model, stated, false);
                }
                return keep;
            }
            let keep = age_s <= config.delete_after_s;
            counters.expired += u64::from(!keep);
            keep
        });
    }

    /// Deletes what does not exist any more by all that was seen, and what has become senseless.
    fn bury(&mut self, first: bool) {
        let (config, counters, models) = (&self.config, &mut self.counters, &mut self.models);
        self.objects.retain(|object| {
            if !object.filter.is_sound() {
                counters.unsound += 1;
                return false;
            }
            let alive = object.existence >= config.death_existence;
            match object.state {
                TrackState::Tentative if !alive => {
                    counters.unconfirmed += 1;
                    if let (Some(stated), true) = (object.born, first) {
                        models.existence_outcome(&object.model, stated, false);
                    }
                    false
                }
                // One that was known is not gone before its time to live is over, whatever a detector fails to see.
                TrackState::Reachable if !alive => {
                    counters.died += 1;
                    false
                }
                _ => true,
            }
        });
    }

    /// Keeps the [`TRACK_LIMIT`] nearest to the robot, by id.
    fn limit(&mut self, robot: Point2) {
        let beyond = self.objects.len().saturating_sub(TRACK_LIMIT);
        if beyond == 0 {
            return;
        }
        let distance_m = |o: &Object| o.filter.position().0.distance_m(robot);
        self.objects.sort_unstable_by(|a, b| distance_m(a).total_cmp(&distance_m(b)).then(a.id.cmp(&b.id)));
        self.objects.truncate(TRACK_LIMIT);
        self.objects.sort_unstable_by_key(|o| o.id);
        self.counters.dropped += beyond as u64;
    }
}

/// A covariance whose least axis is no shorter than `sigma_m`.
fn floored(p: Matrix2<f64>, sigma_m: f64) -> Matrix2<f64> {
    let (mean, half) = (0.5 * (p.m11 + p.m22), 0.5 * (p.m11 - p.m22));
    let least = mean - (half * half + p.m12 * p.m12).sqrt();
    let lift = (sigma_m * sigma_m - least).max(0.0);
    p + Matrix2::new(lift, 0.0, 0.0, lift)
}

/// The covariance of a detection that can be used; `None` for one that cannot.
fn spread_of(detection: &Detection) -> Option<Matrix2<f64>> {
    let [xx, xy, yx, yy] = detection.covariance;
    let own = Matrix2::new(xx, 0.5 * (xy + yx), 0.5 * (xy + yx), yy);
    let certain = xx >= 0.0 && yy >= 0.0 && xx + yy <= DETECTION_SIGMA_MAX_M * DETECTION_SIGMA_MAX_M;
    let definite = own.determinant() >= -1e-12;
    let stated = (0.0..=1.0).contains(&detection.existence);
    let sized = detection.radius_m >= 0.0 && detection.radius_m.is_finite();
    (certain && definite && stated && sized && detection.position.is_finite()).then_some(own)
}

#[cfg(test)]
mod tests;
