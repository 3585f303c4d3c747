//! Clusters that move: who the detector does not see.
//!
//! As the robot drives, walls, shelves and corners show ever other parts of themselves, so that a cluster's shift alone proves
//! nothing. Proof is what scans say of places: where it is now was seen free a moment before, or where it was then is seen
//! free now. Of what stands neither is ever true, whatever part of it is seen from wherever.

use super::config::ClusterBirthConfig;
use super::views::{VIEW_LIMIT, Views};
use nalgebra::Vector2;
use outrider_foundation::{Point2, Span, Stamp};

/// The most clusters that are watched; further ones are counted.
pub(crate) const CANDIDATE_LIMIT: usize = 64;
/// Places of a cluster that are held against a scan.
pub(crate) const POINTS: usize = 7;
/// Who has not been seen for so long is not watched any more, in s.
const UNSEEN_MAX_S: f64 = 0.25;
/// A cluster is another one when it lies farther off than this and its greatest way, in m.
const OFF_M: f64 = 0.15;
/// The fewest snapshots that make a velocity.
const FIT_MIN: usize = 4;
/// Who moves otherwise than straight on by more than this is no proof, in m.
const ASTRAY_MAX_M: f64 = 0.15;

/// A cluster of a size to be somebody, in the tracks' frame.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spot {
    /// Between its ends, whichever part of it the beams are dense on.
    pub centre: Point2,
    pub width_m: f64,
    /// Standard deviation of the centre, by axis.
    pub sigma_m: f64,
    /// It hides nothing but what is behind it, and nothing hides part of it.
    pub whole: bool,
    /// It is somebody's already.
    pub taken: bool,
    /// Where it is in the list of clusters.
    pub cluster: usize,
}

/// A cluster as it was at the time of a view.
#[derive(Clone, Copy, Debug, Default)]
struct Snapshot {
    view: u64,
    stamp: Stamp,
    centre: Point2,
    width_m: f64,
    points: [Point2; POINTS],
}

/// A cluster that is watched.
#[derive(Clone, Debug)]
struct Candidate {
    seen: Stamp,
    centre: Point2,
    width_m: f64,
    sigma_m: f64,
    /// The spot that it is in the scan in hand.
    spot: Option<usize>,
    /// The oldest first.
    trail: [Snapshot; VIEW_LIMIT],
    count: usize,
}

impl Candidate {
    fn of(spot: &Spot, index: usize, at: Stamp) -> Self {
        Self {
            seen: at,
            centre: spot.centre,
            width_m: spot.width_m,
            sigma_m: spot.sigma_m,
            spot: Some(index),
            trail: [Snapshot::default(); VIEW_LIMIT],
            count: 0,
        }
    }

    fn follow(&mut self, spot: &Spot, index: usize, at: Stamp) {
        (self.seen, self.centre, self.width_m) = (at, spot.centre, spot.width_m);
        (self.sigma_m, self.spot) = (spot.sigma_m, Some(index));
    }

    fn remember(&mut self, snapshot: Snapshot, window: Span) {
        let old = |s: &&Snapshot| snapshot.stamp.since(s.stamp) > window;
        let mut drop = self.trail.iter().take(self.count).take_while(old).count();
        if self.count - drop >= VIEW_LIMIT {
            drop += 1;
        }
        self.trail.copy_within(drop..self.count, 0);
        self.count -= drop;
        if let Some(next) = self.trail.get_mut(self.count) {
            *next = snapshot;
            self.count += 1;
        }
    }
}

/// Somebody who moves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Birth {
    pub spot: usize,
    pub position: Point2,
    pub sigma_m: f64,
    pub velocity: Vector2<f64>,
    pub speed_sigma_mps: f64,
    pub width_m: f64,
}

/// All that are watched.
#[derive(Clone, Debug)]
pub(crate) struct Candidates {
    list: Vec<Candidate>,
    /// Those that no room was left for.
    beyond: u64,
    births: Vec<Birth>,
}

impl Candidates {
    /// Nobody yet.
    pub fn new() -> Self {
        Self {
            list: Vec::with_capacity(CANDIDATE_LIMIT),
            beyond: 0,
            births: Vec::with_capacity(CANDIDATE_LIMIT),
        }
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.list.clear();
        self.births.clear();
    }

    /// Clusters that were not watched because there were too many.
    pub fn beyond_limit(&self) -> u64 {
        self.beyond
    }

    /// Who was born last.
    pub fn births(&self) -> &[Birth] {
        &self.births
    }

    /// Finds everybody again in the spots of a scan that are whole and nobody's: each is the other's nearest.
    pub fn follow(&mut self, spots: &[Spot], at: Stamp, config: &ClusterBirthConfig) {
        self.births.clear();
        for candidate in &mut self.list {
            candidate.spot = None;
        }
        let before = self.list.len();
        let free = |spot: &&Spot| spot.whole && !spot.taken;
        for (index, spot) in spots.iter().enumerate().filter(|(_, s)| free(s)) {
            let known = self.list.iter().enumerate().take(before);
            let nearest = known.min_by(|(_, a), (_, b)| nearer(spot.centre, a.centre, b.centre));
            let mine = nearest.filter(|(_, candidate)| {
                let way_m = config.speed_max_mps * at.since(candidate.seen).as_s() + OFF_M;
                let apart_sq = distance_sq(candidate.centre, spot.centre);
                let back = |s: &Spot| distance_sq(s.centre, candidate.centre) >= apart_sq;
                apart_sq <= way_m * way_m && spots.iter().filter(free).all(back)
            });
            let mine = mine.filter(|(_, candidate)| candidate.spot.is_none()).map(|(i, _)| i);
            match mine {
                Some(i) => {
                    if let Some(candidate) = self.list.get_mut(i) {
                        candidate.follow(spot, index, at);
                    }
                }
                None if self.list.len() < CANDIDATE_LIMIT => {
                    self.list.push(Candidate::of(spot, index, at));
                }
                None => self.beyond = self.beyond.saturating_add(1),
            }
        }
        self.list.retain(|c| at.since(c.seen).as_s() <= UNSEEN_MAX_S);
    }

    /// At a new view: remembers everybody as they are and finds who moves. `points` gives the places of a spot, `moved` says of a
    /// view whether all the world seems to have moved since.
    pub fn judge(
        &mut self,
        view: u64,
        views: &Views,
        config: &ClusterBirthConfig,
        points: impl Fn(usize) -> [Point2; POINTS],
        mut moved: impl FnMut(u64) -> bool,
    ) {
        let window = Span::from_s(config.window_s);
        let mut births = std::mem::take(&mut self.births);
        self.list.retain_mut(|candidate| {
            let Some(spot) = candidate.spot else { return true };
            let snapshot = Snapshot {
                view,
                stamp: candidate.seen,
                centre: candidate.centre,
                width_m: candidate.width_m,
                points: points(spot),
            };
            candidate.remember(snapshot, window);
            let Some((birth, since)) = proven(candidate, views, config) else { return true };
            if moved(since) {
                return true;
            }
            births.push(Birth { spot, ..birth });
            false
        });
        self.births = births;
    }
}

fn nearer(to: Point2, a: Point2, b: Point2) -> std::cmp::Ordering {
    distance_sq(to, a).total_cmp(&distance_sq(to, b))
}

pub(crate) fn distance_sq(a: Point2, b: Point2) -> f64 {
    let (dx, dy) = (a.x_m - b.x_m, a.y_m - b.y_m);
    dx * dx + dy * dy
}

/// Somebody, and the view since which they have moved.
fn proven(candidate: &Candidate, views: &Views, config: &ClusterBirthConfig) -> Option<(Birth, u64)> {
    let trail = candidate.trail.get(..candidate.count)?;
    let (first, last) = (trail.first()?, trail.last()?);
    if trail.len() < FIT_MIN || last.stamp.since(first.stamp).as_s() < config.time_min_s - 1e-3 {
        return None;
    }
    let widths = trail.iter().map(|s| s.width_m);
    let change_m = widths.clone().fold(0.0, f64::max) - widths.fold(f64::INFINITY, f64::min);
    if first.centre.distance_m(last.centre) < config.displacement_min_m + change_m {
        return None;
    }
    let (velocity, speed_sigma_mps) = fit(trail, candidate.sigma_m)?;
    let speed_mps = velocity.norm();
    let fast = (config.speed_min_mps..=config.speed_max_mps).contains(&speed_mps);
    if !fast || speed_mps < config.speed_sigmas * speed_sigma_mps {
        return None;
    }
    let share = |points: &[Point2; POINTS], view: u64| {
        let view = views.get(view)?;
        Some(points.iter().filter(|p| view.free(**p) == Some(true)).count() as f64 / POINTS as f64)
    };
    let (entered, left) = (share(&last.points, first.view)?, share(&first.points, last.view)?);
    if entered + left < config.evidence_min {
        return None;
    }
    let birth = Birth {
        spot: 0,
        position: candidate.centre,
        sigma_m: candidate.sigma_m,
        velocity,
        speed_sigma_mps,
        width_m: candidate.width_m,
    };
    Some((birth, first.view))
}

/// Constant velocity by least squares, and its standard deviation; `None` for who does not go straight on.
fn fit(trail: &[Snapshot], sigma_m: f64) -> Option<(Vector2<f64>, f64)> {
    let first = trail.first()?;
    let n = trail.len() as f64;
    let time_s = |s: &Snapshot| s.stamp.since(first.stamp).as_s();
    let place = |s: &Snapshot| Vector2::new(s.centre.x_m - first.centre.x_m, s.centre.y_m - first.centre.y_m);
    let mean_s = trail.iter().map(time_s).sum::<f64>() / n;
    let mean = trail.iter().map(place).sum::<Vector2<f64>>() / n;
    let spread = trail.iter().map(|s| (time_s(s) - mean_s) * (time_s(s) - mean_s)).sum::<f64>();
    if spread <= 0.0 {
        return None;
    }
    let velocity = trail.iter().map(|s| place(s) * (time_s(s) - mean_s)).sum::<Vector2<f64>>() / spread;
    let astray = |s: &Snapshot| (place(s) - mean - velocity * (time_s(s) - mean_s)).norm_squared();
    let astray_m = (trail.iter().map(astray).sum::<f64>() / n).sqrt();
    (astray_m <= ASTRAY_MAX_M).then(|| (velocity, sigma_m.max(astray_m) / spread.sqrt()))
}
