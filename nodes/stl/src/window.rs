//! What temporal operators remember: extrema over windows of time in amortised constant time, whatever their length.
//!
//! The wedge is Lemire's ("Streaming maximum-minimum filter using no more than three comparisons per element", 2006):
//! a queue of the samples that can still become the extremum. It holds least values only; the greatest of `x` is
//! the negated least of `-x`.

use crate::bad::BadSpans;
use crate::formula::{Horizon, Interval, NodeId};
use crate::ring::{Ring, slots_for};
use crate::sample::{Key, Reason, Sample, Status};

/// The moment of an update.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tick {
    /// Now, ns.
    pub now: i64,
    /// The first sample's time.
    pub start: i64,
    /// The sample before; the same as `now` at the first.
    pub last: i64,
    /// More time than declared has passed since the sample before.
    pub gap: bool,
}

/// A sample in a queue: when it was evaluated, and what decided it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Entry {
    time: i64,
    key: Key,
    at: i64,
    node: NodeId,
}

impl Entry {
    fn new(time: i64, sample: Sample) -> Self {
        Self { time, key: sample.key, at: sample.at, node: sample.node }
    }

    fn sample(self) -> Sample {
        Sample { key: self.key, at: self.at, node: self.node, status: Status::Known }
    }
}

/// The least of the samples since a time.
#[derive(Clone, Debug)]
struct Wedge(Ring<Entry>);

impl Wedge {
    /// A later sample that is no greater makes an earlier one useless. False when there is no room.
    #[must_use]
    fn push(&mut self, entry: Entry) -> bool {
        self.0.replace_back(entry, |back| back.key >= entry.key)
    }

    fn forget_before(&mut self, time: i64) {
        self.0.drop_front(|front| front.time < time);
    }

    fn least(&self) -> Option<Entry> {
        self.0.front().copied()
    }
}

/// Which samples of an operand cannot be judged.
#[derive(Clone, Debug)]
struct Trust {
    /// How much past the operator rests on, its operands' included.
    horizon: i64,
    bad: BadSpans,
    /// The sample before was bad.
    adjacent: bool,
    /// Time of the last sample that was not warmed up.
    unknown: i64,
    /// Warmed up, and nothing bad: so it stays until something happens.
    quiet: bool,
}

impl Trust {
    fn new(horizon: Horizon) -> Self {
        let horizon = horizon.time.nanos();
        Self { horizon, bad: BadSpans::default(), adjacent: false, unknown: i64::MIN, quiet: false }
    }

    fn reset(&mut self) {
        *self = Self { bad: BadSpans::default(), adjacent: false, unknown: i64::MIN, quiet: false, ..*self };
    }

    /// Takes note of a sample's status; false when its value is of no use.
    #[inline]
    fn admit(&mut self, tick: &Tick, sample: &Sample) -> bool {
        if self.quiet && sample.status == Status::Known && !tick.gap {
            return true;
        }
        self.admit_doubtful(tick, sample)
    }

    #[cold]
    fn admit_doubtful(&mut self, tick: &Tick, sample: &Sample) -> bool {
        self.quiet = false;
        if tick.gap {
            let hole = Sample::invalid(Reason::Gap, tick.now, sample.node);
            self.bad.add(tick.last.saturating_add(1), tick.now, false, hole);
            self.adjacent = true;
        }
        if sample.is_invalid() {
            self.bad.add(tick.now, tick.now, self.adjacent, *sample);
            self.adjacent = true;
            return false;
        }
        if sample.status == Status::Unknown {
            self.unknown = tick.now;
        }
        self.adjacent = false;
        !sample.value().is_nan()
    }

    #[cold]
    #[inline(never)]
    fn overflow(&mut self, tick: &Tick, since: i64, node: NodeId) -> Sample {
        let cause = Sample::invalid(Reason::BufferFull, tick.now, node);
        self.quiet = false;
        self.bad.add(since, tick.now, false, cause);
        cause
    }

    fn late(&mut self, last: i64, cause: Sample) {
        self.quiet = false;
        self.bad.add(last, last, false, cause);
    }

    /// Whether the operator, whose windows reach back to `start`, is warmed up; the cause when something bad lies between
    /// `start` and `end`.
    fn judge(&mut self, tick: &Tick, start: i64, end: i64) -> Result<Status, Sample> {
        self.bad.forget_before(start);
        match self.bad.within(start, end) {
            Some(cause) => Err(cause),
            None if tick.now.saturating_sub(tick.start) < self.horizon || self.unknown >= start => {
                Ok(Status::Unknown)
            }
            None => {
                self.quiet = self.bad.is_empty();
                Ok(Status::Known)
            }
        }
    }
}

/// What an empty window says: nothing, and before warming up RTAMT's neutral value.
fn decided(least: Option<Entry>, status: Status, neutral: f64, tick: &Tick, node: NodeId) -> Sample {
    match least {
        Some(entry) => entry.sample().with(status),
        None if status == Status::Unknown => Sample::known(neutral, tick.now, node).with(status),
        None => Sample::invalid(Reason::NoSample, tick.now, node),
    }
}

/// `historically[from:to]`: the least over the window.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    from: i64,
    to: i64,
    /// Samples that are too young.
    young: Ring<Entry>,
    wedge: Wedge,
    trust: Trust,
}

impl Window {
    /// `horizon` is how much past the operator rests on, its operands' included.
    pub fn new(interval: Interval, horizon: Horizon, capacity: &Capacity) -> Self {
        Self {
            from: interval.from.nanos(),
            to: interval.to.nanos(),
            young: Ring::new(capacity.young),
            wedge: Wedge(Ring::new(capacity.window)),
            trust: Trust::new(horizon),
        }
    }

    pub fn byte_size(&self) -> usize {
        self.young.byte_size() + self.wedge.0.byte_size()
    }

    pub fn reset(&mut self) {
        self.young.clear();
        self.wedge.0.clear();
        self.trust.reset();
    }

    pub fn late(&mut self, last: i64, cause: Sample) {
        self.trust.late(last, cause);
    }

    #[inline(always)]
    pub fn update(&mut self, tick: &Tick, operand: Sample, node: NodeId) -> Sample {
        if self.from == 0 && self.trust.quiet && operand.status == Status::Known && !tick.gap {
            // Nothing is doubtful: the way that almost every update goes. It says what the long way would.
            self.wedge.forget_before(tick.now.saturating_sub(self.to));
            if self.wedge.push(Entry::new(tick.now, operand))
                && let Some(least) = self.wedge.least()
            {
                return least.sample();
            }
            return self.trust.overflow(tick, tick.now, node);
        }
        self.update_doubtful(tick, operand, node)
    }

    #[inline(never)]
    fn update_doubtful(&mut self, tick: &Tick, operand: Sample, node: NodeId) -> Sample {
        let (start, end) = (tick.now.saturating_sub(self.to), tick.now.saturating_sub(self.from));
        self.wedge.forget_before(start);
        if self.trust.admit(tick, &operand) {
            let entry = Entry::new(tick.now, operand);
            let fits = if self.from == 0 { self.wedge.push(entry) } else { self.young.push_back(entry) };
            if !fits {
                let _ = self.trust.overflow(tick, tick.now, node);
            }
        }
        while let Some(entry) = self.young.front().copied().filter(|e| e.time <= end) {
            self.young.pop_front();
            if entry.time >= start && !self.wedge.push(entry) {
                self.trust.overflow(tick, entry.time, node);
            }
        }
        match self.trust.judge(tick, start, end) {
            Err(cause) => cause,
            Ok(status) => decided(self.wedge.least(), status, f64::INFINITY, tick, node),
        }
    }
}

/// `left since[from:to] right`: the greatest over the window's samples of the lesser of `right` then and the least `left`
/// from after then until now.
///
/// Candidates lie in the order of their times with falling values: a later one that is no less lasts longer and so makes
/// an earlier one useless. A small `left` cuts the greatest, which are the oldest: they become one.
#[derive(Clone, Debug)]
pub(crate) struct SinceWindow {
    from: i64,
    to: i64,
    /// Samples of `right` that are too young.
    young: Ring<Entry>,
    /// The least `left` after each of them.
    left: Wedge,
    candidates: Ring<Entry>,
    trust_left: Trust,
    trust_right: Trust,
}

impl SinceWindow {
    /// `horizon` is how much past the operator rests on, its operands' included.
    pub fn new(interval: Interval, horizon: Horizon, capacity: &Capacity) -> Self {
        Self {
            from: interval.from.nanos(),
            to: interval.to.nanos(),
            young: Ring::new(capacity.young),
            left: Wedge(Ring::new(capacity.young)),
            candidates: Ring::new(capacity.window),
            trust_left: Trust::new(horizon),
            trust_right: Trust::new(horizon),
        }
    }

    pub fn byte_size(&self) -> usize {
        self.young.byte_size() + self.left.0.byte_size() + self.candidates.byte_size()
    }

    pub fn reset(&mut self) {
        self.young.clear();
        self.left.0.clear();
        self.candidates.clear();
        self.trust_left.reset();
        self.trust_right.reset();
    }

    pub fn late(&mut self, last: i64, cause: Sample) {
        self.trust_left.late(last, cause);
        self.trust_right.late(last, cause);
    }

    pub fn update(&mut self, tick: &Tick, left: Sample, right: Sample, node: NodeId) -> Sample {
        let (start, end) = (tick.now.saturating_sub(self.to), tick.now.saturating_sub(self.from));
        self.candidates.drop_front(|candidate| candidate.time < start);
        // What every young sample of `right` has behind it.
        let needed = self.young.front().map_or(tick.now, |young| young.time.saturating_add(1));
        self.left.forget_before(needed);
        if self.trust_left.admit(tick, &left) {
            self.cut(left);
            if self.from > 0 && !self.left.push(Entry::new(tick.now, left)) {
                self.trust_left.overflow(tick, tick.now, node);
            }
        }
        if self.trust_right.admit(tick, &right) {
            let entry = Entry::new(tick.now, right);
            let fits = if self.from == 0 { self.enter(entry) } else { self.young.push_back(entry) };
            if !fits {
                self.trust_right.overflow(tick, tick.now, node);
            }
        }
        self.grow_old(tick, start, end, node);
        let of_left = self.trust_left.judge(tick, start, tick.now);
        let of_right = self.trust_right.judge(tick, start, end);
        match (of_left, of_right) {
            (Err(cause), _) | (_, Err(cause)) => cause,
            (Ok(a), Ok(b)) => {
                let status = if a == Status::Known { b } else { a };
                decided(self.candidates.front().copied(), status, f64::NEG_INFINITY, tick, node)
            }
        }
    }

    /// Samples of `right` come of age.
    fn grow_old(&mut self, tick: &Tick, start: i64, end: i64, node: NodeId) {
        while let Some(entry) = self.young.front().copied().filter(|e| e.time <= end) {
            self.young.pop_front();
            self.left.forget_before(entry.time.saturating_add(1));
            let held = match self.left.least() {
                Some(least) if least.key < entry.key => Entry { time: entry.time, ..least },
                _ => entry,
            };
            if entry.time >= start && !self.enter(held) {
                self.trust_right.overflow(tick, entry.time, node);
            }
        }
    }

    #[must_use]
    fn enter(&mut self, entry: Entry) -> bool {
        self.candidates.replace_back(entry, |back| back.key <= entry.key)
    }

    fn cut(&mut self, left: Sample) {
        let mut newest = None;
        while self.candidates.front().is_some_and(|c| c.key > left.key) {
            newest = self.candidates.pop_front();
        }
        if let Some(newest) = newest {
            // One was taken out, so there is room.
            let _ = self.candidates.push_front(Entry::new(newest.time, left));
        }
    }
}

/// How many samples an operator with an interval has room for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Capacity {
    /// Younger than the window.
    pub young: usize,
    /// In the window.
    pub window: usize,
}

impl Capacity {
    /// For samples that are at least `period` apart, and `samples_max` in all.
    pub fn of(interval: Interval, period: i64, samples_max: usize) -> Self {
        let within = |span: i64| {
            // Both ends count, and one more for the one that comes before another leaves.
            let samples = span.checked_div(period).unwrap_or(i64::MAX).saturating_add(2);
            slots_for(usize::try_from(samples).unwrap_or(usize::MAX).min(samples_max.saturating_add(1)))
        };
        let (from, to) = (interval.from.nanos(), interval.to.nanos());
        Self { young: if from == 0 { 0 } else { within(from) }, window: within(to.saturating_sub(from)) }
    }

    /// Bytes of an operator of this capacity.
    pub fn bytes(&self, since: bool) -> usize {
        let young = if since { self.young.saturating_mul(2) } else { self.young };
        young.saturating_add(self.window).saturating_mul(size_of::<Entry>())
    }
}
