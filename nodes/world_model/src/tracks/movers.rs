//! Whom only the lidar sees: tracks of clusters that move, until a detector reports them or they stand.
//!
//! They are kept apart from those of detections: these are told at the detector's times, which may lie back, those scan by
//! scan. Who is detected often enough goes over to the others under the same id.

use super::candidates::{Birth, Candidates, POINTS, Spot, distance_sq};
use super::clusters::{CLUSTER_LIMIT, Cluster};
use super::config::TracksConfig;
use super::imm::{Imm, Measurement, innovation_of};
use super::models::Model;
use super::object::{Object, Seen};
use super::sight;
use super::views::Views;
use crate::beams::Beam;
use nalgebra::{Matrix2, Vector2};
use outrider_foundation::data::{Scan, TrackState};
use outrider_foundation::{Frame, Point2, Pose2, Stamp, Twist2};
use std::sync::Arc;

/// The most of them; further ones are counted.
pub(crate) const MOVER_LIMIT: usize = 32;
/// Clusters of fewer hits say nothing of anybody.
const HITS_MIN: u32 = 3;
/// The beams beside a whole cluster end farther away by so much, in m,
const JUMP_M: f64 = 0.15;
/// and no farther aside than by this: sine of 5°.
const SIN_BESIDE: f64 = 0.087;
/// Standard deviation of a cluster's centre, in m, without what lies between two beams.
const CENTRE_SIGMA_M: f64 = 0.04;
/// A cluster farther from where somebody should be is not theirs, in m.
const OFF_MAX_M: f64 = 1.0;
/// Clusters this near to the outline of somebody who is tracked are theirs, in m.
const BESIDE_M: f64 = 0.35;
/// Who comes no farther than this stands, in m.
const STANDS_M: f64 = 0.2;
/// The middle of a body and that of what the lidar sees of it differ by so much, in m (standard deviation).
const MIDDLE_SIGMA_M: f64 = 0.1;
/// Nobody's outline is taken to be narrower, in m.
const RADIUS_MIN_M: f64 = 0.15;
/// What is wide does not move: samples of it, and the share of them that may seem to have come from nowhere.
const WIDE_SAMPLES: usize = 64;
const WIDE_SAMPLES_MIN: usize = 8;
const WIDE_MOVED_MAX: f64 = 0.2;

/// What has happened to them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MoverCounters {
    /// Begun.
    pub begun: u64,
    /// Deleted before they were confirmed.
    pub unconfirmed: u64,
    /// Deleted because they were seen no more.
    pub lost: u64,
    /// Deleted because they stood: they are obstacles again.
    pub stood: u64,
    /// Went over to the tracks of detections.
    pub detected: u64,
    /// Deleted because somebody else is there.
    pub merged: u64,
    /// Not begun, or not told, because there were too many.
    pub beyond_limit: u64,
    /// Not begun because all the world seemed to move.
    pub world_moved: u64,
    /// Deleted because the odometry or the clock was reset.
    pub reset: u64,
}

/// A scan and what has been made of it.
pub(crate) struct Glance<'a> {
    pub scan: &'a Scan,
    pub beams: &'a [Beam],
    pub clusters: &'a [Cluster],
    pub odom_from_beams: Frame,
    pub lidar_from_odom: Pose2,
    /// Of the robot during the sweep; `None` when it is not to be trusted.
    pub twist: Option<Twist2>,
}

/// Somebody whom detections are told of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    pub at: Point2,
    pub radius_m: f64,
    /// Detected just now.
    pub fresh: bool,
}

/// What a detection of nobody known is.
#[derive(Clone, Debug)]
pub(crate) enum Claim {
    /// A mover's, who stays one.
    Held,
    /// A mover's who has been detected often enough.
    Over(Box<Object>),
}

#[derive(Clone, Debug)]
struct Mover {
    object: Object,
    /// Detections in a row, and the last of them.
    detections: u32,
    detected: Stamp,
    /// Where it was when it was last seen to come on, and when.
    place: Point2,
    since: Stamp,
}

/// All of them.
#[derive(Clone, Debug)]
pub(crate) struct Movers {
    list: Vec<Mover>,
    views: Views,
    candidates: Candidates,
    spots: Vec<Spot>,
    model: Arc<Model>,
    counters: MoverCounters,
}

impl Movers {
    /// Nobody yet.
    pub fn new() -> Self {
        let (id, version) = ("lidar_clusters".to_owned(), String::new());
        Self {
            list: Vec::with_capacity(MOVER_LIMIT),
            views: Views::new(),
            candidates: Candidates::new(),
            spots: Vec::with_capacity(CLUSTER_LIMIT),
            model: Arc::new(Model { id, version, labels: vec!["unknown".to_owned()] }),
            counters: MoverCounters::default(),
        }
    }

    /// What has happened.
    pub fn counters(&self) -> MoverCounters {
        self.counters
    }

    /// Clusters that were not watched because there were more than [`super::candidates::CANDIDATE_LIMIT`].
    pub fn candidates_beyond_limit(&self) -> u64 {
        self.candidates.beyond_limit()
    }

    /// Everybody, by id.
    pub fn objects(&self) -> impl Iterator<Item = &Object> + '_ {
        self.list.iter().map(|m| &m.object)
    }

    /// Counts those that there is no room to tell of.
    pub fn leave_untold(&mut self, count: usize) {
        self.counters.beyond_limit += count as u64;
    }

    /// Drops all, because the frame they are in has been reset.
    pub fn reset(&mut self) {
        self.counters.reset += self.list.len() as u64;
        self.list.clear();
        self.views.clear();
        self.candidates.clear();
    }

    /// Takes a scan in: everybody is told where they are, and who has begun to move is begun, under the next id.
    pub fn look(&mut self, glance: &Glance<'_>, known: &[Known], next_id: &mut u64, config: &TracksConfig) {
        if !config.cluster_birth.enabled {
            return;
        }
        self.find_spots(glance, config);
        self.merge(known);
        self.update(glance, config);
        for spot in &mut self.spots {
            let theirs = |k: &Known| {
                let reach_m = k.radius_m + BESIDE_M;
                distance_sq(k.at, spot.centre) <= reach_m * reach_m
            };
            spot.taken = spot.taken || !spot.whole || known.iter().any(theirs);
        }
        self.begin(glance, next_id, config);
    }

    /// Follows the ages; deletes who has not been seen for too long, or does not exist any more.
    pub fn age(&mut self, now: Stamp, config: &TracksConfig) {
        let counters = &mut self.counters;
        self.list.retain_mut(|mover| {
            let object = &mut mover.object;
            object.grow_old(now, config);
            let age_s = now.since(object.seen).as_s();
            if object.state == TrackState::Tentative {
                let keep = age_s <= config.tentative_ttl_s;
                counters.unconfirmed += u64::from(!keep);
                return keep;
            }
            let gone = object.state == TrackState::Reachable && object.existence < config.death_existence;
            let keep = !gone && age_s <= config.delete_after_s && object.filter.is_sound();
            counters.lost += u64::from(!keep);
            keep
        });
    }

    /// Whose a detection is that is nobody's who is known by detections. `first` when its set is not repeated for a late one.
    pub fn claim(
        &mut self,
        at: Stamp,
        seen: &Seen,
        model: &Arc<Model>,
        first: bool,
        config: &TracksConfig,
    ) -> Option<Claim> {
        let places = self.list.iter().enumerate().filter_map(|(i, mover)| {
            let (position, covariance) = mover.was(at)?;
            let lift = Matrix2::from_diagonal_element(MIDDLE_SIGMA_M * MIDDLE_SIGMA_M);
            let off = innovation_of(&(position, covariance + lift), &seen.measurement)?;
            let near = position.distance_m(seen.measurement.position) <= OFF_MAX_M;
            (near && off.distance_sq <= config.gate_chi2).then_some((i, off.distance_sq))
        });
        let (index, _) = places.min_by(|a, b| a.1.total_cmp(&b.1))?;
        if !first {
            return Some(Claim::Held);
        }
        let mover = self.list.get_mut(index)?;
        mover.detect(at, seen, model, config);
        if mover.detections < config.confirm_hits {
            return Some(Claim::Held);
        }
        let mover = self.list.remove(index);
        self.counters.detected += 1;
        Some(mover.over(at, seen, model, config))
    }

    /// Clusters that may be somebody.
    fn find_spots(&mut self, glance: &Glance<'_>, config: &TracksConfig) {
        let birth = &config.cluster_birth;
        let step_rad = glance.scan.angle_increment_rad.abs();
        let whole_turn = step_rad * (glance.scan.ranges_m.len() + 1) as f64 >= std::f64::consts::TAU;
        self.spots.clear();
        for (index, cluster) in glance.clusters.iter().enumerate() {
            let (a, b) = (cluster.first, cluster.last);
            if cluster.hits < HITS_MIN || cluster.width_m() > birth.width_max_m {
                continue;
            }
            let Some(beam) = glance.beams.get(cluster.from) else { continue };
            let centre = Point2::new(0.5 * (a.x_m + b.x_m), 0.5 * (a.y_m + b.y_m));
            let range_m = beam.origin.distance_m(centre);
            if range_m > birth.range_max_m {
                continue;
            }
            let before = cluster.from.checked_sub(1).or(whole_turn.then(|| glance.beams.len() - 1));
            let after = if cluster.to + 1 < glance.beams.len() {
                Some(cluster.to + 1)
            } else {
                whole_turn.then_some(0)
            };
            let ends_in_view = |inside: usize, outside: Option<usize>| {
                outside.is_some_and(|outside| is_before(glance.beams, inside, outside))
            };
            let whole = cluster.hits >= birth.hits_min
                && ends_in_view(cluster.from, before)
                && ends_in_view(cluster.to, after);
            self.spots.push(Spot {
                centre: glance.odom_from_beams.apply(centre),
                width_m: cluster.width_m(),
                sigma_m: libm::hypot(CENTRE_SIGMA_M, 0.5 * range_m * step_rad),
                whole,
                taken: false,
                cluster: index,
            });
        }
    }

    /// Who stands where somebody is who has been detected just now is that one.
    fn merge(&mut self, known: &[Known]) {
        let counters = &mut self.counters;
        self.list.retain(|mover| {
            let (at, radius_m) = (mover.object.filter.position().0, mover.object.radius_m);
            let same = |k: &Known| k.fresh && k.at.distance_m(at) <= k.radius_m.max(radius_m);
            let keep = !known.iter().any(same);
            counters.merged += u64::from(!keep);
            keep
        });
    }

    fn update(&mut self, glance: &Glance<'_>, config: &TracksConfig) {
        let (at, counters, spots) = (glance.scan.stamp, &mut self.counters, &mut self.spots);
        self.list.retain_mut(|mover| {
            mover.object.advance(at, config);
            mover.look(glance, spots, config);
            let stands = at.since(mover.since).as_s() > config.cluster_birth.stands_after_s;
            counters.stood += u64::from(stands);
            !stands
        });
        self.age(at, config);
    }

    fn begin(&mut self, glance: &Glance<'_>, next_id: &mut u64, config: &TracksConfig) {
        let Some(twist) = glance.twist else {
            self.views.clear();
            self.candidates.clear();
            return;
        };
        let birth = &config.cluster_birth;
        self.candidates.follow(&self.spots, glance.scan.stamp, birth);
        let way = match (glance.beams.first(), glance.beams.last()) {
            (Some(a), Some(b)) => glance
                .odom_from_beams
                .turn(Point2::new(b.origin.x_m - a.origin.x_m, b.origin.y_m - a.origin.y_m)),
            _ => Point2::default(),
        };
        let odom_from_lidar = glance.lidar_from_odom.inverse();
        let Some(view) = self.views.take(glance.scan, odom_from_lidar, way, twist.w_radps) else { return };
        let (spots, views, counters) = (&self.spots, &self.views, &mut self.counters);
        let points = |spot: usize| {
            let cluster = spots.get(spot).and_then(|s| glance.clusters.get(s.cluster));
            cluster.map_or([Point2::default(); POINTS], |c| points_of(c, glance))
        };
        let moved = |since: u64| {
            let moved = world_moved(glance, views, since, birth.width_max_m);
            counters.world_moved += u64::from(moved);
            moved
        };
        self.candidates.judge(view, views, birth, points, moved);
        for birth in self.candidates.births() {
            if self.list.len() >= MOVER_LIMIT {
                self.counters.beyond_limit += 1;
                continue;
            }
            self.list.push(Mover::of(*next_id, glance.scan.stamp, birth, &self.model, config));
            *next_id = next_id.saturating_add(1);
            self.counters.begun += 1;
        }
    }
}

impl Mover {
    fn of(id: u64, at: Stamp, birth: &Birth, model: &Arc<Model>, config: &TracksConfig) -> Self {
        let seen = seen_at(birth.position, birth.sigma_m, birth.width_m, config);
        let mut object = Object::new(id, at, &seen, model, config);
        object.filter = Imm::moving(&seen.measurement, birth.velocity, birth.speed_sigma_mps, &config.motion);
        object.filter.limit_speed(config.speed_max_mps);
        object.born = None;
        Self { object, detections: 0, detected: at, place: birth.position, since: at }
    }

    /// Takes the nearest spot that can be its own.
    fn look(&mut self, glance: &Glance<'_>, spots: &mut [Spot], config: &TracksConfig) {
        let (at, object) = (glance.scan.stamp, &mut self.object);
        let foreseen = object.filter.position();
        let (centre, radius_m) = (foreseen.0, object.radius_m);
        let lost = object.state == TrackState::Reachable;
        let own = |spot: &Spot| {
            let distance_m = spot.centre.distance_m(centre);
            let fits =
                !spot.taken && distance_m <= OFF_MAX_M && spot.width_m <= 2.0 * radius_m + sight::WIDER_M;
            fits.then_some(distance_m)
        };
        let whole = spots.iter_mut().filter(|s| s.whole).filter_map(|s| Some((own(s)?, s)));
        let nearest = whole.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, spot)| spot);
        let taken = nearest.and_then(|spot| {
            let seen = seen_at(spot.centre, spot.sigma_m, spot.width_m, config);
            let off = innovation_of(&foreseen, &seen.measurement)?;
            (off.distance_sq <= config.gate_chi2).then(|| {
                spot.taken = true;
                (seen, off)
            })
        });
        let Some((seen, off)) = taken else {
            object.hidden = sight::is_hidden(glance.scan, glance.lidar_from_odom, centre, radius_m);
            let mut near = spots.iter_mut().filter_map(|s| Some((own(s)?, s)));
            let part = near.find(|(distance_m, s)| !s.whole && *distance_m <= radius_m + sight::OFF_M);
            object.met = part.is_some();
            if let Some((_, spot)) = part {
                spot.taken = true;
            }
            object.weigh(0.0, config);
            // Out of sight nobody is seen to stand.
            (self.place, self.since) = (centre, at);
            return;
        };
        (object.hidden, object.met) = (false, true);
        let known = object.existence * object.reported(config);
        let ratio = known * off.likelihood / config.clutter_per_m2;
        let share = ratio / (ratio + object.missed(config));
        object.weigh(share, config);
        object.filter.update(&[(share, seen.measurement)]);
        object.filter.limit_speed(config.speed_max_mps);
        let model = Arc::clone(&object.model);
        object.hit(at, &seen, &model, config);
        let here = object.filter.position().0;
        if lost || here.distance_m(self.place) > STANDS_M {
            (self.place, self.since) = (here, at);
        }
    }

    /// Where it was, with the covariance of now; `None` for who is lost.
    fn was(&self, at: Stamp) -> Option<(Point2, Matrix2<f64>)> {
        if self.object.state == TrackState::Reachable {
            return None;
        }
        let back_s = self.object.time.since(at).as_s();
        let (position, covariance) = self.object.filter.position();
        let (motion, _) = self.object.filter.motion();
        Some((Point2::new(position.x_m - back_s * motion.z, position.y_m - back_s * motion.w), covariance))
    }

    fn detect(&mut self, at: Stamp, seen: &Seen, model: &Arc<Model>, config: &TracksConfig) {
        let again = at.since(self.detected).as_s() <= config.coast_after_s;
        self.detections = if again { self.detections.saturating_add(1) } else { 1 };
        self.detected = self.detected.max(at);
        self.object.classify(seen, model, config);
    }

    /// Goes over to the tracks of detections, at the detection's time.
    fn over(self, at: Stamp, seen: &Seen, model: &Arc<Model>, config: &TracksConfig) -> Claim {
        let place = self.was(at);
        let (motion, spread) = self.object.filter.motion();
        let mut object = self.object;
        if let Some((position, covariance)) = place {
            let lift = Matrix2::from_diagonal_element(MIDDLE_SIGMA_M * MIDDLE_SIGMA_M);
            let measurement = Measurement { position, covariance: covariance + lift };
            let sigma_mps = spread.m33.max(spread.m44).max(0.0).sqrt();
            object.filter =
                Imm::moving(&measurement, Vector2::new(motion.z, motion.w), sigma_mps, &config.motion);
        }
        object.filter.update(&[(1.0, seen.measurement)]);
        object.time = at;
        object.hit(at, seen, model, config);
        Claim::Over(Box::new(object))
    }
}

fn seen_at(position: Point2, sigma_m: f64, width_m: f64, config: &TracksConfig) -> Seen {
    let sigma_m = sigma_m.max(config.detection_sigma_floor_m);
    let covariance = Matrix2::from_diagonal_element(sigma_m * sigma_m);
    let radius_m = (0.5 * width_m).max(RADIUS_MIN_M);
    let measurement = Measurement { position, covariance };
    Seen { measurement, radius_m, body: None, existence: config.cluster_birth.existence, classes: None }
}

/// Whether a beam beside a cluster ends well behind the cluster's own.
fn is_before(beams: &[Beam], inside: usize, outside: usize) -> bool {
    let (Some(a), Some(b)) = (beams.get(inside), beams.get(outside)) else { return false };
    let (ax, ay) = (a.end.x_m - a.origin.x_m, a.end.y_m - a.origin.y_m);
    let (bx, by) = (b.end.x_m - b.origin.x_m, b.end.y_m - b.origin.y_m);
    let (ra, rb) = ((ax * ax + ay * ay).sqrt(), (bx * bx + by * by).sqrt());
    let beside = (ax * by - ay * bx).abs() <= SIN_BESIDE * ra * rb && ax * bx + ay * by > 0.0;
    beside && rb > ra + JUMP_M
}

/// Places of a cluster, from its first hit to its last.
fn points_of(cluster: &Cluster, glance: &Glance<'_>) -> [Point2; POINTS] {
    let count = glance.beams.len().max(1);
    let span = (cluster.to + count - cluster.from) % count;
    std::array::from_fn(|i| {
        let index = (cluster.from + i * span / (POINTS - 1)) % count;
        // A hit that is none is the first one once more.
        let end = glance.beams.get(index).filter(|b| b.hits).map_or(cluster.first, |b| b.end);
        glance.odom_from_beams.apply(end)
    })
}

/// Whether what is too wide to move seems to have come from nowhere since a view: then it is the robot that has not moved as it
/// is believed to have.
fn world_moved(glance: &Glance<'_>, views: &Views, since: u64, width_max_m: f64) -> bool {
    let Some(view) = views.get(since) else { return true };
    let (mut told, mut moved) = (0, 0);
    let wide = glance.clusters.iter().filter(|c| c.width_m() > width_max_m);
    for point in wide.flat_map(|c| points_of(c, glance)).take(WIDE_SAMPLES) {
        if let Some(free) = view.free(point) {
            told += 1;
            moved += usize::from(free);
        }
    }
    told >= WIDE_SAMPLES_MIN && moved as f64 > WIDE_MOVED_MAX * told as f64
}
