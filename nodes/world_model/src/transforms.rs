//! A bounded buffer of transforms between frames, as a tree (REP-105): every frame has one parent.
//!
//! Static transforms hold for every time. Dynamic ones are interpolated between their stamps (position on the straight line,
//! heading the short way round) and hold for a given time beyond the newest, or before a gap that is longer; before the oldest they
//! are not known. Nothing is
//! guessed: an error names the frames, the time, and what is held.

use crate::error::WorldModelError;
use crate::history::{At, History, Unreached, interpolate};
use outrider_foundation::data::TransformStamped;
use outrider_foundation::{Pose2, Stamp};
use std::fmt::Write as _;

/// The most transforms, that is, pairs of frames; more are refused.
pub const TRANSFORM_LIMIT: usize = 64;
/// The longest name of a frame, in bytes; longer ones are refused.
pub const FRAME_NAME_LIMIT: usize = 128;

#[derive(Clone, Debug)]
enum Held {
    Static(Pose2),
    Dynamic(History<Pose2>),
}

#[derive(Clone, Debug)]
struct Edge {
    parent: String,
    child: String,
    held: Held,
}

/// The transforms.
#[derive(Clone, Debug)]
pub struct TransformBuffer {
    edges: Vec<Edge>,
    hold_s: f64,
}

/// The way from a frame up to its root: indices of edges.
struct Way {
    edges: [usize; TRANSFORM_LIMIT],
    length: usize,
}

impl Way {
    fn edges(&self) -> &[usize] {
        self.edges.get(..self.length).unwrap_or_default()
    }
}

impl TransformBuffer {
    /// Empty; dynamic transforms hold for `hold_s` beyond their newest stamp.
    pub fn new(hold_s: f64) -> Self {
        Self { edges: Vec::new(), hold_s }
    }

    /// Forgets all that depends on the clock: static transforms stay.
    pub fn reset_clock(&mut self) {
        self.edges.retain(|edge| matches!(edge.held, Held::Static(_)));
    }

    /// Takes a transform of `/tf`. An equal stamp replaces.
    ///
    /// # Errors
    /// Says why it is refused: not finite, a name too long or empty, a second parent, a loop, static before, a stamp that runs
    /// backwards, too many transforms.
    pub fn set(&mut self, transform: &TransformStamped) -> Result<(), WorldModelError> {
        let (stamp, pose) = (transform.stamp, transform.parent_from_child);
        let refuse = |reason: &str| Err(refused(transform, reason));
        match self.edge_for(transform)? {
            Some(edge) => match &mut edge.held {
                Held::Static(_) => return refuse("it is static"),
                Held::Dynamic(history) => {
                    if history.newest().is_some_and(|(newest, _)| stamp < newest) {
                        return refuse("its stamp runs backwards");
                    }
                    history.push(stamp, pose);
                }
            },
            None => {
                let mut history = History::default();
                history.push(stamp, pose);
                self.add(transform, Held::Dynamic(history));
            }
        }
        Ok(())
    }

    /// Takes a transform of `/tf_static`; one that is held already is replaced.
    ///
    /// # Errors
    /// As [`Self::set`], and when it was dynamic before.
    pub fn set_static(&mut self, transform: &TransformStamped) -> Result<(), WorldModelError> {
        match self.edge_for(transform)? {
            Some(edge) => match &mut edge.held {
                Held::Static(pose) => *pose = transform.parent_from_child,
                Held::Dynamic(_) => return Err(refused(transform, "it is dynamic")),
            },
            None => self.add(transform, Held::Static(transform.parent_from_child)),
        }
        Ok(())
    }

    fn add(&mut self, transform: &TransformStamped, held: Held) {
        let (parent, child) = (transform.parent.clone(), transform.child.clone());
        self.edges.push(Edge { parent, child, held });
    }

    /// The edge that a transform belongs to, `None` for a new one that may be added.
    fn edge_for(&mut self, transform: &TransformStamped) -> Result<Option<&mut Edge>, WorldModelError> {
        let refuse = |reason: &str| Err(refused(transform, reason));
        if !transform.parent_from_child.is_finite() {
            return refuse("not finite");
        }
        let name = |name: &str| !name.is_empty() && name.len() <= FRAME_NAME_LIMIT;
        if !name(&transform.parent) || !name(&transform.child) {
            return refuse("a frame without a name, or with one that is too long");
        }
        if let Some(index) = self.above(&transform.child) {
            let Some(edge) = self.edges.get_mut(index) else { return Ok(None) };
            if edge.parent != transform.parent {
                return refuse(&format!("'{}' has the parent '{}' already", edge.child, edge.parent));
            }
            return Ok(Some(edge));
        }
        if self.edges.len() >= TRANSFORM_LIMIT {
            return refuse(&format!("more than {TRANSFORM_LIMIT} transforms"));
        }
        if transform.child == transform.parent || self.passes(&transform.parent, &transform.child) {
            return refuse("it would close a loop");
        }
        Ok(None)
    }

    /// `target_from_source` at a time.
    ///
    /// # Errors
    /// When a frame is not known, the two are not connected, or a transform between them is not held for that time.
    pub fn lookup(&self, target: &str, source: &str, at: Stamp) -> Result<Pose2, WorldModelError> {
        if target == source {
            return Ok(Pose2::IDENTITY);
        }
        self.check_known(target, at)?;
        self.check_known(source, at)?;
        let (up, down) = (self.way(source), self.way(target));
        let (mut up, mut down) = (up.edges(), down.edges());
        // What both have in common up to the root cancels.
        while let (Some((a, rest_up)), Some((b, rest_down))) = (up.split_last(), down.split_last())
            && a == b
        {
            (up, down) = (rest_up, rest_down);
        }
        if self.top(up, source) != self.top(down, target) {
            let (target, source_frame) = (target.to_owned(), source.to_owned());
            return Err(WorldModelError::NotConnected {
                target,
                source_frame,
                at_s: at.as_s(),
                held: self.held(),
            });
        }
        let top_from_source = self.compose(up, at)?;
        let top_from_target = self.compose(down, at)?;
        Ok(top_from_target.inverse().then(top_from_source))
    }

    /// The first of `ancestors` that is `frame` itself or above it, by its index, and `ancestor_from_frame` at a time.
    ///
    /// # Errors
    /// As [`Self::lookup`].
    pub fn to_first(
        &self,
        frame: &str,
        ancestors: &[&str],
        at: Stamp,
    ) -> Result<(usize, Pose2), WorldModelError> {
        let index = |name: &str| ancestors.iter().position(|a| *a == name);
        if let Some(found) = index(frame) {
            return Ok((found, Pose2::IDENTITY));
        }
        self.check_known(frame, at)?;
        let way = self.way(frame);
        for (count, i) in (1..).zip(way.edges()) {
            if let Some(found) = self.edges.get(*i).and_then(|edge| index(&edge.parent)) {
                let part = way.edges().get(..count).unwrap_or_default();
                return Ok((found, self.compose(part, at)?));
            }
        }
        Err(WorldModelError::NotConnected {
            target: ancestors.join(", "),
            source_frame: frame.to_owned(),
            at_s: at.as_s(),
            held: self.held(),
        })
    }

    /// The frame that a way ends in; `start` for none.
    fn top<'a>(&'a self, way: &[usize], start: &'a str) -> &'a str {
        way.last().and_then(|i| self.edges.get(*i)).map_or(start, |edge| edge.parent.as_str())
    }

    /// Edges bottom to top.
    fn compose(&self, way: &[usize], at: Stamp) -> Result<Pose2, WorldModelError> {
        let mut top_from_bottom = Pose2::IDENTITY;
        for edge in way.iter().filter_map(|i| self.edges.get(*i)) {
            top_from_bottom = self.edge_at(edge, at)?.then(top_from_bottom);
        }
        Ok(top_from_bottom)
    }

    fn edge_at(&self, edge: &Edge, at: Stamp) -> Result<Pose2, WorldModelError> {
        let history = match &edge.held {
            Held::Static(pose) => return Ok(*pose),
            Held::Dynamic(history) => history,
        };
        // Over a long gap nothing is made up: the value before it holds for as long as the newest would.
        let gap = history.neighbours(at).filter(|(before, after)| after.since(*before).as_s() > self.hold_s);
        match (history.at(at), gap) {
            (Ok(At::Between(a, b, fraction)), None) => Ok(interpolate(*a, *b, fraction)),
            (Ok(At::Between(a, ..)), Some((before, _))) if at.since(before).as_s() <= self.hold_s => Ok(*a),
            (Ok(At::After(newest, age_s)), _) if age_s <= self.hold_s => Ok(*newest),
            (Ok(_) | Err(Unreached::Before(_) | Unreached::Empty), _) => {
                let s = |end: Option<Stamp>| end.map_or(f64::NAN, Stamp::as_s);
                let newest = history.newest().map(|(stamp, _)| stamp);
                Err(WorldModelError::NotHeld {
                    parent: edge.parent.clone(),
                    child: edge.child.clone(),
                    at_s: at.as_s(),
                    oldest_s: s(history.oldest().map(|(stamp, _)| stamp)),
                    newest_s: s(gap.map(|(before, _)| before).or(newest)),
                    hold_s: self.hold_s,
                })
            }
        }
    }

    fn above(&self, child: &str) -> Option<usize> {
        self.edges.iter().position(|edge| edge.child == child)
    }

    /// The way up; no longer than there are edges, since a loop is never taken in.
    fn way(&self, frame: &str) -> Way {
        let mut way = Way { edges: [0; TRANSFORM_LIMIT], length: 0 };
        let mut next = self.above(frame);
        for slot in &mut way.edges {
            let Some(index) = next else { break };
            *slot = index;
            way.length += 1;
            next = self.edges.get(index).and_then(|edge| self.above(&edge.parent));
        }
        way
    }

    /// Whether `through` is `from` or above it.
    fn passes(&self, from: &str, through: &str) -> bool {
        let way = self.way(from);
        from == through
            || way.edges().iter().filter_map(|i| self.edges.get(*i)).any(|edge| edge.parent == through)
    }

    fn check_known(&self, frame: &str, at: Stamp) -> Result<(), WorldModelError> {
        if self.edges.iter().any(|edge| edge.child == frame || edge.parent == frame) {
            return Ok(());
        }
        let frame = frame.to_owned();
        Err(WorldModelError::UnknownFrame { frame, at_s: at.as_s(), held: self.held() })
    }

    /// Every frame with its parent, for errors.
    fn held(&self) -> String {
        let mut text = String::new();
        for edge in &self.edges {
            let comma = if text.is_empty() { "" } else { ", " };
            let _ = write!(text, "{comma}{} to {}", edge.parent, edge.child);
        }
        if text.is_empty() { "nothing".to_owned() } else { text }
    }
}

fn refused(transform: &TransformStamped, reason: &str) -> WorldModelError {
    let short = |name: &str| name.chars().take(FRAME_NAME_LIMIT).collect();
    WorldModelError::TransformRefused {
        parent: short(&transform.parent),
        child: short(&transform.child),
        at_s: transform.stamp.as_s(),
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
mod tests;
