//! What keeps the robot from driving on, and for how long.

use outrider_foundation::data::{Block, BlockKind};
use outrider_foundation::{Instant, Point2, Span};

/// A block that is not seen for so long is over.
const GONE: Span = Span::from_millis(1500);

/// The block that lasts.
#[derive(Clone, Debug, Default)]
pub struct Blocked {
    last: Option<Last>,
}

#[derive(Clone, Debug)]
struct Last {
    block: Block,
    since: Instant,
    seen: Instant,
    from: Point2,
}

impl Blocked {
    /// What was seen at `now`, with the robot at `here`; getting on by `progress_m` ends a block. True when it has ended.
    pub fn see(&mut self, block: Option<Block>, here: Point2, now: Instant, progress_m: f64) -> bool {
        let moved = |last: &Last| last.from.distance_m(here) > progress_m;
        let over = self.last.as_ref().is_some_and(|last| now.since(last.seen) > GONE || moved(last));
        if over {
            self.last = None;
        }
        if let Some(block) = block {
            match &mut self.last {
                Some(last) => (last.block, last.seen) = (block, now),
                None => self.last = Some(Last { block, since: now, seen: now, from: here }),
            }
        }
        over && self.last.is_none()
    }

    /// It is over.
    pub fn clear(&mut self) {
        self.last = None;
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
        // Nothing in the way for long enough ends it too.
        blocked.see(block(), here(1.1), at(3000), 1.0);
        assert!(blocked.see(None, here(1.1), at(4600), 1.0));
    }
}
