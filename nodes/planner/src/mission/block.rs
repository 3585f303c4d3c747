//! What keeps the robot from driving on, and for how long.

use outrider_foundation::data::{Block, BlockKind};
use outrider_foundation::{Instant, Point2, Span};

/// A block that is not seen for so long is over.
const GONE: Span = Span::from_millis(1500);

/// The block that lasts.
#[derive(Clone, Debug, Default)]
pub struct Blocked {
    last: Option<Last>,
    /// Where the first block, or the first recovery, was since the robot last got on.
    stuck_at: Option<Point2>,
}

#[derive(Clone, Debug)]
struct Last {
    block: Block,
    since: Instant,
    seen: Instant,
    from: Point2,
}

impl Blocked {
    /// What was seen at `now`, with the robot at `here`; getting on by `progress_m` ends a block. True when the robot has got on, which it
    /// has not because nothing was seen for a while.
    pub fn see(&mut self, block: Option<Block>, here: Point2, now: Instant, progress_m: f64) -> bool {
        let moved = |from: Point2| from.distance_m(here) > progress_m;
        if self.last.as_ref().is_some_and(|last| now.since(last.seen) > GONE || moved(last.from)) {
            self.last = None;
        }
        let got_on = self.stuck_at.is_some_and(moved);
        if got_on {
            self.stuck_at = None;
        }
        if let Some(block) = block {
            self.stuck_at.get_or_insert(here);
            match &mut self.last {
                Some(last) => (last.block, last.seen) = (block, now),
                None => self.last = Some(Last { block, since: now, seen: now, from: here }),
            }
        }
        got_on
    }

    /// Recoveries were tried `here`. One that helps at once leaves no block to be seen; the robot gets on from there as well.
    pub fn note_tried(&mut self, here: Point2) {
        self.stuck_at.get_or_insert(here);
    }

    /// It is over.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Where the robot stands is told in another frame from now on: `here`.
    pub fn change_frame(&mut self, here: Point2) {
        self.stuck_at = self.stuck_at.map(|_| here);
        if let Some(last) = &mut self.last {
            last.from = here;
        }
    }

    /// What has lasted for at least `least`, and for how long, s.
    pub fn lasting(&self, now: Instant, least: Span) -> (Block, f64) {
        let lasting = self.last.as_ref().filter(|last| now.since(last.since) >= least);
        lasting.map_or_else(Default::default, |last| (last.block.clone(), now.since(last.since).as_s()))
    }

    /// "person #3 at 0.4 m, for 12 s"; empty for nothing.
    pub fn text(&self, now: Instant) -> String {
        let text = |last: &Last| format!("{}, for {:.0} s", last.block.text, now.since(last.since).as_s());
        self.last.as_ref().filter(|last| last.block.kind != BlockKind::None).map_or_else(String::new, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_lasts_through_short_recoveries_and_ends_when_the_robot_gets_on() {
        let at = |ms| Instant::from_nanos(0) + Span::from_millis(ms);
        let block = || Some(Block { kind: BlockKind::NoPath, text: "no path".into(), ..Block::default() });
        let here = |x_m| Point2::new(x_m, 0.0);
        let mut blocked = Blocked::default();
        assert!(!blocked.see(block(), here(0.0), at(0), 1.0));
        assert_eq!(blocked.lasting(at(400), Span::from_millis(500)).0.kind, BlockKind::None);
        // It backs up meanwhile, and stands again.
        assert!(!blocked.see(None, here(-0.3), at(1000), 1.0));
        assert!(!blocked.see(block(), here(-0.3), at(1400), 1.0));
        assert!(!blocked.see(block(), here(-0.3), at(2000), 1.0));
        let (lasting, for_s) = blocked.lasting(at(2000), Span::from_millis(500));
        assert_eq!((lasting.kind, for_s), (BlockKind::NoPath, 2.0));
        assert_eq!(blocked.text(at(2000)), "no path, for 2 s");
        assert!(!blocked.see(None, here(0.9), at(2100), 1.0) && blocked.see(None, here(1.1), at(2200), 1.0));
        assert_eq!(blocked.text(at(2200)), "");
        // Nothing in the way for long enough ends it too, but the robot has not got on.
        blocked.see(block(), here(1.1), at(3000), 1.0);
        assert!(!blocked.see(None, here(1.1), at(4600), 1.0));
        assert_eq!(blocked.text(at(4600)), "");
        assert!(
            !blocked.see(block(), here(1.9), at(9000), 1.0) && blocked.see(None, here(2.2), at(9100), 1.0)
        );
        // Counted from where it was blocked last.
        assert_eq!(blocked.text(at(9100)), "no path, for 0 s");
        assert!(!blocked.see(None, here(3.3), at(9200), 1.0), "once");
    }

    #[test]
    fn another_frame_is_no_way_that_was_driven() {
        let at = |ms| Instant::from_nanos(0) + Span::from_millis(ms);
        let block = Block { kind: BlockKind::NoPath, text: "no path".into(), ..Block::default() };
        let mut blocked = Blocked::default();
        blocked.see(Some(block), Point2::new(0.0, 0.0), at(0), 1.0);
        blocked.change_frame(Point2::new(9.0, 0.0));
        assert!(!blocked.see(None, Point2::new(9.1, 0.0), at(1000), 1.0));
        assert_eq!(blocked.text(at(1000)), "no path, for 1 s");
        assert!(blocked.see(None, Point2::new(10.1, 0.0), at(1100), 1.0));
    }
}
