//! What may happen to a message between two nodes of the lock-step world, and to a node's process and clock: the points at
//! which a fault campaign takes hold. Without a fault nothing of this changes anything.

use outrider_foundation::{Now, Span, Stamp};

/// One message on its way to one node.
#[derive(Clone, Copy, Debug)]
pub struct Passage<'a> {
    /// When it was published.
    pub now: Now,
    /// Topic, with a leading slash.
    pub topic: &'a str,
    /// The node that published it; empty when it came from outside.
    pub from: &'a str,
    /// The node that it goes to.
    pub to: &'a str,
    /// Its encoding.
    pub bytes: &'a [u8],
}

/// What becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// It arrives as it is, after the transport delay.
    Pass,
    /// These arrive in its place, each so much later than it would have; none at all is a loss.
    Instead(Vec<(Span, Vec<u8>)>),
}

impl Delivery {
    /// It does not arrive.
    pub const DROP: Self = Self::Instead(Vec::new());

    /// Other bytes arrive in its place.
    pub fn replaced(bytes: Vec<u8>) -> Self {
        Self::Instead(vec![(Span::ZERO, bytes)])
    }

    /// It arrives later.
    pub fn delayed(passage: &Passage, by: Span) -> Self {
        Self::Instead(vec![(by, passage.bytes.to_vec())])
    }

    /// It arrives, and others with it.
    pub fn with(passage: &Passage, others: impl IntoIterator<Item = (Span, Vec<u8>)>) -> Self {
        Self::Instead([(Span::ZERO, passage.bytes.to_vec())].into_iter().chain(others).collect())
    }
}

/// Stands between the nodes.
pub trait Wire {
    /// Asked once for every message and every node that listens, in the order of publication.
    fn carry(&mut self, passage: &Passage) -> Delivery;
}

/// The wire of a sound world.
#[derive(Clone, Copy, Debug, Default)]
pub struct Undisturbed;

impl Wire for Undisturbed {
    fn carry(&mut self, _passage: &Passage) -> Delivery {
        Delivery::Pass
    }
}

/// What a node's ROS clock shows. Its monotonic clock runs on whatever happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RosClock {
    /// Virtual time, so much ahead; behind when negative.
    Ahead(Span),
    /// It stands.
    Stands(Stamp),
}

impl RosClock {
    /// Both clocks as this node sees them.
    pub fn read(self, now: Now) -> Now {
        match self {
            Self::Ahead(by) => Now { ros: now.ros + by, ..now },
            Self::Stands(at) => Now { ros: at, ..now },
        }
    }
}
