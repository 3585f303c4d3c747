//! Which detections are whose: gate, groups, and in every group the joint probabilities or, where it is too large, the best
//! assignment.

use super::assign::Assignment;
use super::config::TracksConfig;
use super::joint::{GROUP_DETECTIONS, GROUP_TRACKS, Group, Joint};
use super::object::{Object, Seen};
use outrider_foundation::data::{DETECTION_LIMIT, TRACK_LIMIT};

/// Detections are taken to be false alarms at these odds at least and at most.
const ODDS_MIN: f64 = 0.02;
const ODDS_MAX: f64 = 20.0;
/// A probability that stands for none.
const NEXT_TO_NOTHING: f64 = 1e-12;

/// A track and a detection within its gate.
#[derive(Clone, Copy, Debug)]
struct Pair {
    group: usize,
    track: usize,
    detection: usize,
    /// Times likelier than a false alarm.
    ratio: f64,
    distance_sq: f64,
}

/// A detection that may be a track's own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hit {
    pub track: usize,
    pub detection: usize,
    /// Probability that it is.
    pub share: f64,
    /// Normalised innovation squared.
    pub distance_sq: f64,
    /// The only detection in the gate of the only track that has it in its own.
    pub alone: bool,
}

/// How groups were told apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct GroupCounters {
    /// By joint probabilities.
    pub joint: u64,
    /// Too large for that: by the best assignment.
    pub assigned: u64,
}

/// Buffers and what was found.
#[derive(Clone, Debug)]
pub(crate) struct Associator {
    pairs: Vec<Pair>,
    hits: Vec<Hit>,
    /// By detection: the probability that it is some track's.
    claimed: Vec<f64>,
    /// Tracks first, then detections: leads to the first of the same group.
    parent: Vec<usize>,
    /// Members of the group in hand.
    tracks: Vec<usize>,
    detections: Vec<usize>,
    assignment: Assignment,
    joint: Joint,
    counters: GroupCounters,
}

impl Associator {
    /// With room for [`TRACK_LIMIT`] tracks and [`DETECTION_LIMIT`] detections.
    pub fn new() -> Self {
        Self {
            pairs: Vec::with_capacity(TRACK_LIMIT * DETECTION_LIMIT),
            hits: Vec::with_capacity(TRACK_LIMIT * GROUP_DETECTIONS),
            claimed: Vec::with_capacity(DETECTION_LIMIT),
            parent: Vec::with_capacity(TRACK_LIMIT + DETECTION_LIMIT),
            tracks: Vec::with_capacity(TRACK_LIMIT),
            detections: Vec::with_capacity(DETECTION_LIMIT),
            assignment: Assignment::new(TRACK_LIMIT, DETECTION_LIMIT),
            joint: Joint::new(),
            counters: GroupCounters::default(),
        }
    }

    /// How groups were told apart.
    pub fn counters(&self) -> GroupCounters {
        self.counters
    }

    /// What was found last, by track.
    pub fn hits(&self) -> &[Hit] {
        &self.hits
    }

    /// The probability that a detection is some track's.
    pub fn claimed(&self, detection: usize) -> f64 {
        self.claimed.get(detection).copied().unwrap_or_default()
    }

    /// Finds who is whose; objects and detections stand at the same time. At most [`TRACK_LIMIT`] and [`DETECTION_LIMIT`] of
    /// them are looked at.
    pub fn run(&mut self, objects: &[Object], seen: &[Seen], config: &TracksConfig) {
        self.hits.clear();
        self.claimed.clear();
        self.claimed.resize(seen.len(), 0.0);
        self.gate(objects, seen, config);
        self.group(objects.len());
        let mut begin = 0;
        while let Some(first) = self.pairs.get(begin) {
            let group = first.group;
            let end = begin + self.pairs.iter().skip(begin).take_while(|p| p.group == group).count();
            self.resolve(begin, end, objects, config);
            begin = end;
        }
        self.hits.sort_unstable_by_key(|hit| (hit.track, hit.detection));
        for hit in &self.hits {
            if let Some(claimed) = self.claimed.get_mut(hit.detection) {
                *claimed += hit.share;
            }
        }
    }

    /// All pairs within the gate.
    fn gate(&mut self, objects: &[Object], seen: &[Seen], config: &TracksConfig) {
        self.pairs.clear();
        for (track, object) in objects.iter().enumerate().take(TRACK_LIMIT) {
            let foreseen = object.filter.position();
            let known = object.existence * object.reported(config);
            for (detection, seen) in seen.iter().enumerate().take(DETECTION_LIMIT) {
                let innovation = super::imm::innovation_of(&foreseen, &seen.measurement);
                let Some(innovation) = innovation.filter(|i| i.distance_sq <= config.gate_chi2) else {
                    continue;
                };
                let odds =
                    ((1.0 - seen.existence) / seen.existence.max(NEXT_TO_NOTHING)).clamp(ODDS_MIN, ODDS_MAX);
                let ratio = known * innovation.likelihood / (config.clutter_per_m2 * odds);
                let ratio = ratio.max(NEXT_TO_NOTHING);
                self.pairs.push(Pair {
                    group: 0,
                    track,
                    detection,
                    ratio,
                    distance_sq: innovation.distance_sq,
                });
            }
        }
    }

    /// Pairs that share a track or a detection, directly or by others, are one group.
    fn group(&mut self, tracks: usize) {
        self.parent.clear();
        self.parent.extend(0..tracks + self.claimed.len());
        for i in 0..self.pairs.len() {
            let Some(&pair) = self.pairs.get(i) else { continue };
            let (a, b) = (self.first(pair.track), self.first(tracks + pair.detection));
            if let Some(parent) = self.parent.get_mut(a.max(b)) {
                *parent = a.min(b);
            }
        }
        for i in 0..self.pairs.len() {
            let Some(track) = self.pairs.get(i).map(|p| p.track) else { continue };
            let group = self.first(track);
            if let Some(pair) = self.pairs.get_mut(i) {
                pair.group = group;
            }
        }
        self.pairs.sort_unstable_by_key(|p| (p.group, p.track, p.detection));
    }

    /// Follows the parents, which always lead down; halves the way for the next one.
    fn first(&mut self, mut member: usize) -> usize {
        while let Some(&parent) = self.parent.get(member) {
            if parent == member {
                break;
            }
            let further = self.parent.get(parent).copied().unwrap_or(parent);
            if let Some(held) = self.parent.get_mut(member) {
                *held = further;
            }
            member = further;
        }
        member
    }

    fn resolve(&mut self, begin: usize, end: usize, objects: &[Object], config: &TracksConfig) {
        let missed = |track: usize| objects.get(track).map_or(1.0, |o| o.missed(config));
        if let (Some(pair), true) = (self.pairs.get(begin), end == begin + 1) {
            let share = pair.ratio / (pair.ratio + missed(pair.track));
            self.hits.push(hit_of(pair, share, true));
            return;
        }
        self.tracks.clear();
        self.detections.clear();
        for pair in self.pairs.iter().skip(begin).take(end - begin) {
            if self.tracks.last() != Some(&pair.track) {
                self.tracks.push(pair.track);
            }
            if !self.detections.contains(&pair.detection) {
                self.detections.push(pair.detection);
            }
        }
        self.detections.sort_unstable();
        if self.tracks.len() <= GROUP_TRACKS && self.detections.len() <= GROUP_DETECTIONS {
            self.counters.joint = self.counters.joint.saturating_add(1);
            self.share(begin, end, missed);
        } else {
            self.counters.assigned = self.counters.assigned.saturating_add(1);
            self.assign(begin, end, missed);
        }
    }

    /// Joint probabilities.
    fn share(&mut self, begin: usize, end: usize, missed: impl Fn(usize) -> f64) {
        let mut group =
            Group { tracks: self.tracks.len(), detections: self.detections.len(), ..Group::default() };
        for (into, track) in group.missed.iter_mut().zip(&self.tracks) {
            *into = missed(*track);
        }
        for pair in self.pairs.iter().skip(begin).take(end - begin) {
            let (row, column) = places(&self.tracks, &self.detections, pair);
            if let Some(ratio) = group.ratio.get_mut(row).and_then(|r| r.get_mut(column)) {
                *ratio = pair.ratio;
            }
        }
        let shares = self.joint.shares(&group);
        for pair in self.pairs.iter().skip(begin).take(end - begin) {
            let (row, column) = places(&self.tracks, &self.detections, pair);
            let share = shares.get(row).and_then(|r| r.get(column)).copied().unwrap_or_default();
            if share > NEXT_TO_NOTHING {
                self.hits.push(hit_of(pair, share, false));
            }
        }
    }

    /// The best assignment, each pair as sure as if it were alone.
    fn assign(&mut self, begin: usize, end: usize, missed: impl Fn(usize) -> f64) {
        self.assignment.begin(self.tracks.len(), self.detections.len());
        for (row, track) in self.tracks.iter().enumerate() {
            self.assignment.miss(row, -libm::log(missed(*track).max(NEXT_TO_NOTHING)));
        }
        for pair in self.pairs.iter().skip(begin).take(end - begin) {
            let (row, column) = places(&self.tracks, &self.detections, pair);
            self.assignment.allow(row, column, -libm::log(pair.ratio));
        }
        for (row, column) in self.assignment.solve().enumerate() {
            let taken = (self.tracks.get(row), column.and_then(|c| self.detections.get(c)));
            let (Some(&track), Some(&detection)) = taken else { continue };
            let mine = |p: &&Pair| p.track == track && p.detection == detection;
            if let Some(pair) = self.pairs.iter().skip(begin).take(end - begin).find(mine) {
                self.hits.push(hit_of(pair, pair.ratio / (pair.ratio + missed(track)), false));
            }
        }
    }
}

fn hit_of(pair: &Pair, share: f64, alone: bool) -> Hit {
    let Pair { track, detection, distance_sq, .. } = *pair;
    Hit { track, detection, share, distance_sq, alone }
}

/// Row and column of a pair in its group; both lists rise.
fn places(tracks: &[usize], detections: &[usize], pair: &Pair) -> (usize, usize) {
    let place = |list: &[usize], value: usize| list.binary_search(&value).unwrap_or(usize::MAX);
    (place(tracks, pair.track), place(detections, pair.detection))
}
