//! Which stretches of the past cannot be judged.

use crate::formula::NodeId;
use crate::sample::{Reason, Sample, Status};

/// Stretches that are told apart. Of more, the newest are taken as one, with what lies between: more is called
/// invalid then, never less.
const SPAN_LIMIT: usize = 8;

#[derive(Clone, Copy, Debug)]
struct BadSpan {
    start: i64,
    end: i64,
    reason: Reason,
    at: i64,
    node: NodeId,
}

/// Stretches of time, in order, that no window may overlap.
#[derive(Clone, Debug, Default)]
pub(crate) struct BadSpans {
    spans: [Option<BadSpan>; SPAN_LIMIT],
    length: usize,
}

impl BadSpans {
    /// Nothing between `start` and `end` can be judged, because of `cause`, an invalid sample. `adjacent` when the sample
    /// before was bad too. Stretches come in order; one that does not is
    /// joined to the newest.
    pub fn add(&mut self, start: i64, end: i64, adjacent: bool, cause: Sample) {
        let Status::Invalid(reason) = cause.status else { return };
        let full = self.length == SPAN_LIMIT;
        if let Some(last) = self.length.checked_sub(1).and_then(|i| self.spans.get_mut(i)?.as_mut())
            && (adjacent || full || start <= last.end)
        {
            *last = BadSpan {
                start: last.start.min(start),
                end: last.end.max(end),
                reason,
                at: cause.at,
                node: cause.node,
            };
            return;
        }
        if let Some(slot) = self.spans.get_mut(self.length) {
            *slot = Some(BadSpan { start, end, reason, at: cause.at, node: cause.node });
            self.length += 1;
        }
    }

    /// Forgets what ended before `start`.
    pub fn forget_before(&mut self, start: i64) {
        while self.length > 0 && self.spans.first().copied().flatten().is_some_and(|s| s.end < start) {
            self.spans.rotate_left(1);
            self.length -= 1;
        }
    }

    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// What is bad between `start` and `end`, both included: the newest of it.
    pub fn within(&self, start: i64, end: i64) -> Option<Sample> {
        if self.length == 0 {
            return None;
        }
        let spans = self.spans.iter().take(self.length).rev().flatten();
        let bad = spans.into_iter().find(|s| s.start <= end && s.end >= start)?;
        Some(Sample::invalid(bad.reason, bad.at, bad.node))
    }
}
