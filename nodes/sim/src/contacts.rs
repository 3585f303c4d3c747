//! What the robot touches, and how often it has begun to touch something.

use crate::clearance::{Clearance, ClearanceIndex};
use crate::world::{Motion, Shape};
use outrider_foundation::Pose2;
use std::collections::BTreeMap;

/// A contact ends, so that the next one with the same thing counts again, when the gap is wider than this.
pub(crate) const RELEASE_M: f64 = 0.01;
/// So many things are touched at the same time without any more memory.
const AT_ONCE: usize = 16;

/// Contacts so far.
pub(crate) struct Contacts {
    /// By static shape: the first one of its name. All shapes of a model are one thing.
    things: Vec<usize>,
    touched: Vec<Touched>,
    count: u32,
}

/// Something that has been in contact and has not been let go since.
struct Touched {
    thing: usize,
    is_near: bool,
}

impl Contacts {
    pub(crate) fn new(statics: &[Shape]) -> Self {
        let mut first: BTreeMap<&str, usize> = BTreeMap::new();
        let things = statics.iter().enumerate().map(|(i, shape)| *first.entry(&shape.name).or_insert(i));
        Self { things: things.collect(), touched: Vec::with_capacity(AT_ONCE), count: 0 }
    }

    /// Times that a contact began.
    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// Takes the place that the robot is about to be in; gives what is touched there, the nearest of several.
    pub(crate) fn at(&mut self, index: &ClearanceIndex, pose: Pose2, movers: &[Motion]) -> Option<usize> {
        let mut nearest: Option<Clearance> = None;
        self.touched.iter_mut().for_each(|touched| touched.is_near = false);
        index.each_within(pose, movers, RELEASE_M, |near| {
            if nearest.is_none_or(|best| near.distance_m <= best.distance_m) {
                nearest = Some(near);
            }
            self.meet(near);
        });
        self.touched.retain(|touched| touched.is_near);
        nearest.filter(Clearance::is_contact).and_then(|near| near.index)
    }

    fn meet(&mut self, near: Clearance) {
        // What moves comes after the shapes, each a thing of its own.
        let Some(thing) = near.index.map(|i| self.things.get(i).copied().unwrap_or(i)) else { return };
        if let Some(touched) = self.touched.iter_mut().find(|touched| touched.thing == thing) {
            touched.is_near = true;
        } else if near.is_contact() {
            self.touched.push(Touched { thing, is_near: true });
            self.count = self.count.saturating_add(1);
        }
    }
}
