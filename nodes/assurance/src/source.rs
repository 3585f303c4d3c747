//! How fresh a source is.

use outrider_foundation::{Instant, Now, Span, Stamp};

/// When a message came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    pub received: Instant,
    /// Later stamps are not believed.
    pub latest: Stamp,
}

/// Stamp and arrival of a source's newest good message.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Source {
    newest: Option<(Stamp, Instant)>,
    faulty: bool,
}

impl Source {
    /// Takes a message that is good in itself. False when it is no newer than the last: a repeated or reordered message
    /// does not count as news, so a frozen source grows old. False too for a stamp that lies ahead, which is a fault: taken as the
    /// newest, it would have everything passed over until its time has come.
    pub fn accept(&mut self, stamp: Stamp, arrival: Arrival) -> bool {
        if stamp > arrival.latest {
            self.fault();
            return false;
        }
        if self.newest.is_some_and(|(last, _)| stamp <= last) {
            return false;
        }
        self.newest = Some((stamp, arrival.received));
        self.faulty = false;
        true
    }

    /// A message that cannot be used: the source is invalid until a good one comes.
    pub fn fault(&mut self) {
        self.faulty = true;
    }

    /// Stamp of the newest good message.
    pub fn stamp(&self) -> Option<Stamp> {
        self.newest.map(|(stamp, _)| stamp)
    }

    /// Arrival of the newest good message.
    pub fn received(&self) -> Option<Instant> {
        self.newest.map(|(_, received)| received)
    }

    /// Age by the stamp or by the arrival, the worse counts, s. NaN when there is nothing, when the last message was
    /// faulty, or when it claims to be from a future beyond `tolerance`.
    pub fn age_s(&self, now: Now, tolerance: Span) -> f64 {
        let Some((stamp, received)) = self.newest else { return f64::NAN };
        let by_stamp = now.ros.since(stamp);
        if self.faulty || by_stamp < Span::ZERO - tolerance {
            return f64::NAN;
        }
        by_stamp.max(now.mono.since(received)).max(Span::ZERO).as_s()
    }
}
