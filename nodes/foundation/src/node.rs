//! The one idea: a node is a state machine that is handed time and inputs, and hands back outputs.

use crate::time::{Instant, Now};

/// An input with the time at which this process received it.
#[derive(Clone, Debug, PartialEq)]
pub struct Stamped<T> {
    /// Arrival on the monotonic clock: DDS hands over no source time, and a header stamp can lie.
    pub received: Instant,
    /// What arrived.
    pub value: T,
}

/// What a step hands back: bounded, and what did not fit is counted, never silently lost.
#[derive(Debug)]
pub struct Outbox<T> {
    items: Vec<T>,
    limit: usize,
    dropped: usize,
}

impl<T> Outbox<T> {
    /// An empty box that takes `limit` outputs per step.
    pub fn new(limit: usize) -> Self {
        Self { items: Vec::with_capacity(limit.min(64)), limit, dropped: 0 }
    }

    /// Hands one output over. Beyond the limit the newest is dropped and counted.
    pub fn push(&mut self, item: T) {
        if self.items.len() < self.limit {
            self.items.push(item);
        } else {
            self.dropped += 1;
        }
    }

    /// How many outputs it still takes.
    pub fn room(&self) -> usize {
        self.limit.saturating_sub(self.items.len())
    }

    /// The outputs so far, in order.
    pub fn items(&self) -> &[T] {
        &self.items
    }

    /// How many outputs did not fit since the last [`Self::clear`].
    pub fn dropped(&self) -> usize {
        self.dropped
    }

    /// Takes all outputs out, in order, and forgets the count of dropped ones.
    pub fn drain(&mut self) -> std::vec::Drain<'_, T> {
        self.dropped = 0;
        self.items.drain(..)
    }

    /// Empties the box and the count.
    pub fn clear(&mut self) {
        self.items.clear();
        self.dropped = 0;
    }
}

/// A deterministic core: the same calls give the same outputs, bit for bit, in every world it runs in.
///
/// `step` cannot fail: a fault is an output. Construction may fail: a bad configuration refuses to start.
pub trait Node {
    /// What it consumes.
    type Input;
    /// What it produces.
    type Output;

    /// Consumes `inputs` in the order of their arrival at time `now`.
    ///
    /// Called whenever something arrived and whenever [`Self::next_wakeup`] has come; an early or repeated call
    /// with no inputs must be harmless.
    fn step(&mut self, now: Now, inputs: &[Stamped<Self::Input>], out: &mut Outbox<Self::Output>);

    /// When it wants to be called although nothing arrives; `None` for never.
    fn next_wakeup(&self) -> Option<Instant>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outbox_counts_what_it_drops() {
        let mut out = Outbox::new(2);
        for i in 0..5 {
            out.push(i);
        }
        assert_eq!((out.items(), out.dropped()), (&[0, 1][..], 3));
        assert_eq!(out.drain().collect::<Vec<_>>(), [0, 1]);
        assert_eq!(out.dropped(), 0);
    }
}
