//! The last sets of detections and what stood before each, so that one that comes late is taken in at its own time: what
//! came after it is taken in once more. Nothing differs from having come in order but that ids are kept.
//!
//! A buffer of states after Bar-Shalom, Li and Kirubarajan 2001, section 6.6.2, in place of retrodiction: exact for any filter
//! and association, for a bounded number of steps.

use super::TrackCounters;
use super::models::Model;
use super::movers::MOVER_LIMIT;
use super::object::{Object, Seen};
use outrider_foundation::data::{DETECTION_LIMIT, TRACK_LIMIT};
use outrider_foundation::{Point2, Span, Stamp};
use std::collections::VecDeque;
use std::sync::Arc;

/// The most sets that a late one may have been overtaken by.
pub const LATE_SETS_LIMIT: usize = 8;

/// A set that was taken.
#[derive(Clone, Debug, Default)]
pub(crate) struct Moment {
    pub stamp: Stamp,
    /// Where the robot was.
    pub robot: Point2,
    /// Who made it; always there once it has been taken.
    pub model: Option<Arc<Model>>,
    /// What it says.
    pub seen: Vec<Seen>,
    /// By detection: the id that it gave rise to, zero for none.
    pub born: Vec<u64>,
    /// Who went over to the detected with one of them, by detection, as they were then.
    pub over: Vec<(usize, Object)>,
    /// Everybody as they stood before it.
    pub objects: Vec<Object>,
    /// And what had happened.
    pub counters: TrackCounters,
}

impl Moment {
    fn with_room() -> Self {
        Self {
            seen: Vec::with_capacity(DETECTION_LIMIT),
            born: Vec::with_capacity(DETECTION_LIMIT),
            over: Vec::with_capacity(MOVER_LIMIT),
            objects: Vec::with_capacity(TRACK_LIMIT),
            ..Self::default()
        }
    }

    /// What the scans had said of somebody when this set was taken.
    pub fn sight_of(&self, id: u64) -> Option<(bool, bool)> {
        let place = self.objects.binary_search_by_key(&id, |o| o.id).ok()?;
        self.objects.get(place).map(|o| (o.hidden, o.met))
    }
}

/// Why a set is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unplaced {
    /// It has been taken before.
    Repeat,
    /// Older than all that is remembered.
    TooLate,
}

/// The last sets, by stamp.
#[derive(Clone, Debug)]
pub(crate) struct Past {
    moments: VecDeque<Moment>,
    spare: Vec<Moment>,
    /// Stamp of the newest set that is not remembered any more.
    forgotten: Option<Stamp>,
}

impl Past {
    /// Nothing yet.
    pub fn new() -> Self {
        Self {
            moments: VecDeque::with_capacity(LATE_SETS_LIMIT + 1),
            spare: (0..=LATE_SETS_LIMIT).map(|_| Moment::with_room()).collect(),
            forgotten: None,
        }
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.spare.extend(self.moments.drain(..));
        self.forgotten = None;
    }

    /// How many sets are remembered.
    pub fn count(&self) -> usize {
        self.moments.len()
    }

    /// Stamp of the newest set.
    pub fn newest(&self) -> Option<Stamp> {
        self.moments.back().map(|m| m.stamp)
    }

    /// Where a set belongs that may be late by no more than `late_max`: after this many. Two models may see the same moment, one
    /// model does not see it twice.
    pub fn place_of(&self, stamp: Stamp, model: &Model, late_max: Span) -> Result<usize, Unplaced> {
        let same = |m: &&Moment| m.stamp == stamp && m.model.as_ref().is_some_and(|m| m.is_of(model));
        if self.moments.iter().any(|m| same(&m)) {
            return Err(Unplaced::Repeat);
        }
        let late = self.newest().is_some_and(|newest| newest.since(stamp) > late_max);
        if late || self.forgotten.is_some_and(|forgotten| stamp <= forgotten) {
            return Err(Unplaced::TooLate);
        }
        Ok(self.moments.iter().take_while(|m| m.stamp <= stamp).count())
    }

    /// An empty moment to be filled and given back by [`Past::insert`] or [`Past::put`].
    pub fn blank(&mut self) -> Moment {
        self.spare.pop().unwrap_or_else(Moment::with_room)
    }

    /// Takes a moment out, to be given back by [`Past::put`].
    pub fn take(&mut self, place: usize) -> Option<Moment> {
        self.moments.get_mut(place).map(std::mem::take)
    }

    /// Gives a moment back to its place.
    pub fn put(&mut self, place: usize, moment: Moment) {
        if let Some(held) = self.moments.get_mut(place) {
            *held = moment;
        }
    }

    /// Puts a moment in between.
    pub fn insert(&mut self, place: usize, moment: Moment) {
        self.moments.insert(place.min(self.moments.len()), moment);
    }

    /// Forgets the oldest where there are too many.
    pub fn forget(&mut self) {
        while self.moments.len() > LATE_SETS_LIMIT {
            let Some(oldest) = self.moments.pop_front() else { return };
            self.forgotten = Some(oldest.stamp);
            self.spare.push(oldest);
        }
    }
}
