//! The time of the tree: it stands still during a pause.

use outrider_foundation::{Instant, Span};

/// Monotonic time less all pauses.
#[derive(Clone, Copy, Debug, Default)]
pub struct MissionClock {
    held: Span,
    paused_at: Option<Instant>,
}

impl MissionClock {
    /// The tree's time at `now`.
    pub fn at(&self, now: Instant) -> Instant {
        self.paused_at.map_or(now, |paused| paused.min(now)) - self.held
    }

    /// It is standing still.
    pub const fn is_paused(&self) -> bool {
        self.paused_at.is_some()
    }

    /// Stops; false when it stands still already.
    pub fn pause(&mut self, now: Instant) -> bool {
        let running = self.paused_at.is_none();
        self.paused_at = self.paused_at.or(Some(now));
        running
    }

    /// Goes on; false when it runs already.
    pub fn resume(&mut self, now: Instant) -> bool {
        let Some(paused) = self.paused_at.take() else { return false };
        self.held = self.held + now.since(paused).max(Span::ZERO);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_takes_no_time() {
        let at = |ms| Instant::from_nanos(1_000_000_000) + Span::from_millis(ms);
        let mut clock = MissionClock::default();
        assert_eq!(clock.at(at(10)), at(10));
        assert!(clock.pause(at(20)) && !clock.pause(at(25)));
        assert_eq!(clock.at(at(90)), at(20));
        assert!(clock.resume(at(100)) && !clock.resume(at(110)));
        assert_eq!(clock.at(at(110)), at(30));
        assert!(clock.pause(at(120)) && clock.resume(at(130)));
        assert_eq!(clock.at(at(140)), at(50));
    }
}
