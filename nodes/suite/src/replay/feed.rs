//! From a stream of messages to steps that can be run again: joins the journals with the messages that they name.
//!
//! Memory is bounded: a message is held for [`WINDOW_NS`] of recording time, those of latched topics as long as a late comer
//! would still get them and up to [`LATCHED_LIMIT`] bytes a topic, and all together no more than [`HELD_LIMIT`] bytes. Messages
//! that no node takes are not held.

use super::clock::RecordingClock;
use super::interest::Interest;
use super::source::Record;
use outrider_msgs::outrider_msgs::{NodeInfo, Tick, TickInput};
use outrider_msgs::{CodecError, Message as _};
use outrider_runtime::{Qos, payload_digest};
use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;

/// A message is held so long after it was recorded: no step consumes older ones, save those of latched topics.
pub const WINDOW_NS: u64 = 10_000_000_000;
/// A step waits so long for a message that it consumed and that was recorded later.
const PATIENCE_NS: u64 = 5_000_000_000;
/// A message that is lacking within the end of a recording, and of what its run recorded, may have been under way when
/// everything was shut down. Log times alone do not tell: journals can be recorded all together, long after the steps. A
/// journal that ends by more than this before the other outputs of its node was not recorded to its end.
const END_NS: u64 = 1_000_000_000;
/// The most bytes of messages that are held; beyond it the oldest are let go.
pub const HELD_LIMIT: usize = 512 << 20;
/// The most bytes that one latched topic holds for late comers; its newest message stays, however long it is.
pub const LATCHED_LIMIT: usize = 16 << 20;
/// The most journal records, of all runs, that are known again when they come once more: 24 bytes each.
const KNOWN_LIMIT: usize = 1_000_000;
/// The most steps of one run that wait, for example for its `<node>/info`; beyond it the run is given up.
pub const WAITING_LIMIT: usize = 100_000;

/// One step with everything that it consumed.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its journal record.
    pub tick: Tick,
    /// When that was recorded, ns.
    pub log_time_ns: u64,
    /// The messages, in the order of `tick.inputs`: each has the digest that its input names.
    pub inputs: Vec<Arc<Vec<u8>>>,
}

/// What is ready; `run` counts the runs in the order in which the bag tells of them.
#[derive(Debug)]
pub enum Ready {
    /// A node was started so.
    Start {
        /// Which run.
        run: usize,
        /// With what.
        info: Box<NodeInfo>,
    },
    /// It made this step.
    Step {
        /// Which run.
        run: usize,
        /// The step.
        step: Step,
    },
}

/// What the bag holds of one run of one node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunSummary {
    /// Which node.
    pub node: String,
    /// Which run.
    pub boot_id: u64,
    /// The bag has what it was started with.
    pub started: bool,
    /// Journal records in the bag, each counted once.
    pub ticks: u64,
    /// Journal records that came once more.
    pub copies: u64,
    /// Steps that could be run again.
    pub ready: u64,
    /// Why not all could; empty when they could.
    pub stopped: String,
    /// Why the last ones could not, when all of them fall into the end of the recording; else empty.
    pub at_end: String,
}

/// A step that waits.
struct Waiting {
    tick: Tick,
    log_time_ns: u64,
    /// When it came, by the clock of the recording.
    at_ns: u64,
}

#[derive(Default)]
struct Run {
    summary: RunSummary,
    info: Option<NodeInfo>,
    info_digest: u64,
    /// By number: log times may be out of order.
    waiting: BTreeMap<u64, Waiting>,
    /// The digest that the first of the waiting steps lacks.
    lacking: Option<u64>,
    next: u64,
    /// When its last journal record came, by the clock of the recording.
    last_tick_ns: u64,
    /// Where a gap was found, steps after it are only counted.
    given_up: bool,
    /// Numbers of the steps that were lacking when it was given up.
    gap: Range<u64>,
    /// It was told that two runs have its id.
    told_double: bool,
}

struct Held {
    bytes: Arc<Vec<u8>>,
    last_ns: u64,
    /// How many times it stands among the messages kept for late comers.
    latched: u32,
}

/// The join.
pub struct Feed {
    interest: Interest,
    runs: Vec<Run>,
    index: BTreeMap<(String, u64), usize>,
    held: BTreeMap<u64, Held>,
    aging: VecDeque<(u64, u64)>,
    /// Digests and sizes, by topic.
    latched: BTreeMap<String, VecDeque<(u64, usize)>>,
    held_bytes: usize,
    overflowed: u64,
    ready: VecDeque<Ready>,
    clock: RecordingClock,
    /// By the clock of the recording; the greatest number once the bag is at its end.
    now_ns: u64,
    /// When the last message was recorded, once that is known.
    end_ns: Option<u64>,
    /// When the newest message came of each topic that one node alone publishes.
    newest_ns: BTreeMap<String, u64>,
    /// By run and number: the digest of the journal record.
    known: BTreeMap<(usize, u64), u64>,
    damage: Vec<String>,
}

impl Feed {
    /// For the nodes of this interest. Messages that it does not take need not be added.
    pub fn new(interest: Interest) -> Self {
        Self {
            interest,
            runs: Vec::new(),
            index: BTreeMap::new(),
            held: BTreeMap::new(),
            aging: VecDeque::new(),
            latched: BTreeMap::new(),
            held_bytes: 0,
            overflowed: 0,
            ready: VecDeque::new(),
            clock: RecordingClock::default(),
            now_ns: 0,
            end_ns: None,
            newest_ns: BTreeMap::new(),
            known: BTreeMap::new(),
            damage: Vec::new(),
        }
    }

    /// Takes a message in, in the order of taking where that is known.
    ///
    /// # Errors
    /// When a journal record or node info cannot be decoded.
    pub fn add(&mut self, record: Record<'_>) -> Result<(), CodecError> {
        self.now_ns = self.clock.see(record.log_time_ns);
        match record.type_name {
            Tick::TYPE_NAME => {
                let tick: Tick = outrider_msgs::decode(&record.bytes)?;
                if self.interest.in_node(&tick.node) {
                    self.add_tick(tick, payload_digest(&record.bytes), record.log_time_ns);
                }
            }
            NodeInfo::TYPE_NAME => {
                let info: NodeInfo = outrider_msgs::decode(&record.bytes)?;
                if self.interest.in_node(&info.node) {
                    self.add_info(info, payload_digest(&record.bytes));
                }
            }
            _ => {
                self.note_output(&record);
                if self.interest.is_input(record.topic, record.type_name) {
                    self.hold(record);
                }
            }
        }
        Ok(())
    }

    /// What has become ready, in order.
    pub fn ready(&mut self) -> Option<Ready> {
        self.ready.pop_front()
    }

    /// The bag is at its end: steps that still wait never become ready.
    pub fn finish(&mut self) {
        self.end_ns = Some(self.now_ns);
        self.now_ns = u64::MAX;
        for run in 0..self.runs.len() {
            self.pump(run);
            self.judge_end(run);
        }
    }

    /// Runs of nodes that cannot be told apart, one sentence each.
    pub fn damage(&self) -> &[String] {
        &self.damage
    }

    /// What the bag holds of every run, in the order of [`Ready`]'s counts.
    pub fn summaries(&self) -> Vec<RunSummary> {
        self.runs.iter().map(|run| run.summary.clone()).collect()
    }

    /// Messages let go because of [`HELD_LIMIT`].
    pub fn overflowed(&self) -> u64 {
        self.overflowed
    }

    fn run(&mut self, node: &str, boot_id: u64) -> usize {
        let key = (node.to_owned(), boot_id);
        if let Some(run) = self.index.get(&key) {
            return *run;
        }
        let run = self.runs.len();
        self.index.insert(key, run);
        let summary = RunSummary { node: node.to_owned(), boot_id, ..RunSummary::default() };
        self.runs.push(Run { summary, next: 1, ..Run::default() });
        run
    }

    fn add_info(&mut self, info: NodeInfo, digest: u64) {
        let run = self.run(&info.node, info.boot_id);
        let Some(entry) = self.runs.get_mut(run) else { return };
        if entry.info.is_some() {
            if entry.info_digest != digest {
                self.tell_double(run, "its info is in the bag twice, with different content");
            }
            return;
        }
        (entry.info, entry.info_digest) = (Some(info.clone()), digest);
        entry.summary.started = true;
        self.ready.push_back(Ready::Start { run, info: Box::new(info) });
        self.pump(run);
    }

    fn tell_double(&mut self, run: usize, what: &str) {
        let Some(entry) = self.runs.get_mut(run) else { return };
        if !std::mem::replace(&mut entry.told_double, true) {
            let (node, boot_id) = (&entry.summary.node, entry.summary.boot_id);
            self.damage.push(format!("{node} (boot {boot_id:016x}): two runs with one id: {what}"));
        }
    }

    /// Whether this journal record came before: latched journals may be recorded twice, or one bag lie in a folder twice.
    fn is_copy(&mut self, run: usize, tick: &Tick, digest: u64) -> bool {
        match self.known.get(&(run, tick.tick)) {
            Some(known) if *known == digest => true,
            Some(_) => {
                let what = format!("tick {} is in its journal twice, with different content", tick.tick);
                self.tell_double(run, &what);
                true
            }
            None => {
                if self.known.len() < KNOWN_LIMIT {
                    self.known.insert((run, tick.tick), digest);
                }
                let past = |r: &Run| !r.given_up && tick.tick < r.next || r.waiting.contains_key(&tick.tick);
                self.runs.get(run).is_some_and(past)
            }
        }
    }

    fn add_tick(&mut self, tick: Tick, digest: u64, log_time_ns: u64) {
        let run = self.run(&tick.node, tick.boot_id);
        let is_copy = self.is_copy(run, &tick, digest);
        let at_ns = self.now_ns;
        let Some(entry) = self.runs.get_mut(run) else { return };
        entry.last_tick_ns = at_ns;
        if is_copy {
            entry.summary.copies += 1;
            return;
        }
        entry.summary.ticks += 1;
        if entry.given_up {
            entry.note_late(tick.tick);
            return;
        }
        if entry.waiting.len() >= WAITING_LIMIT {
            entry.give_up(format!("more than {WAITING_LIMIT} steps wait for {}", entry.waits_for()));
            return;
        }
        entry.waiting.insert(tick.tick, Waiting { tick, log_time_ns, at_ns });
        let first = entry.waiting.first_key_value();
        let patience_ends = first.map_or(u64::MAX, |(_, w)| w.at_ns.saturating_add(PATIENCE_NS));
        if entry.lacking.is_none() || at_ns > patience_ends {
            self.pump(run);
        }
    }

    fn note_output(&mut self, record: &Record<'_>) {
        // What a late comer would get is written again into every file and part of a bag, long after it was published.
        let is_new = record.kept == 0 || record.kept == Qos::RECORD.depth as usize;
        if is_new && self.interest.is_own_output(record.topic) {
            match self.newest_ns.get_mut(record.topic) {
                Some(newest) => *newest = self.now_ns,
                None => drop(self.newest_ns.insert(record.topic.to_owned(), self.now_ns)),
            }
        }
    }

    /// Whether a run went on when its journal had ended; told where nobody has published its outputs after it.
    fn judge_end(&mut self, run: usize) {
        let Some(entry) = self.runs.get(run).filter(|r| r.summary.ticks > 0 && r.summary.stopped.is_empty())
        else {
            return;
        };
        let Some(info) = &entry.info else { return };
        let own = self.interest.outputs_of(&info.node).filter(|topic| info.outputs.contains(topic));
        let own: Vec<&String> = own.collect();
        // Not one of the same name on another robot: that has other outputs. Of one without an info it is not known.
        let is_restart = |other: &NodeInfo| own.iter().any(|topic| other.outputs.contains(topic));
        let mut later = self.runs.iter().skip(run + 1).filter(|other| other.summary.node == info.node);
        if later.any(|other| other.info.as_ref().is_none_or(is_restart)) {
            return;
        }
        if let Some(how) = ends_early(entry.last_tick_ns, &own, &self.newest_ns)
            && let Some(entry) = self.runs.get_mut(run)
        {
            entry.summary.stopped = format!("the journal {how}");
        }
    }

    fn hold(&mut self, record: Record<'_>) {
        let (digest, now_ns) = (payload_digest(&record.bytes), self.now_ns);
        let held = self.held.entry(digest).or_insert_with(|| {
            self.held_bytes += record.bytes.len();
            Held { bytes: Arc::new(record.bytes.into_owned()), last_ns: now_ns, latched: 0 }
        });
        held.last_ns = now_ns;
        if record.kept > 0 {
            held.latched += 1;
            let topic = self.latched.entry(record.topic.to_owned()).or_default();
            topic.push_back((digest, held.bytes.len()));
            let mut bytes: usize = topic.iter().map(|(_, size)| size).sum();
            while topic.len() > record.kept || (topic.len() > 1 && bytes > LATCHED_LIMIT) {
                let Some((old, size)) = topic.pop_front() else { break };
                bytes -= size;
                // It ages from now on as any other: somebody may just have been given it.
                if let Some(held) = self.held.get_mut(&old) {
                    held.latched -= 1;
                    held.last_ns = now_ns;
                    self.aging.push_back((now_ns, old));
                }
            }
        } else {
            self.aging.push_back((now_ns, digest));
        }
        self.let_go();
        let lacking = |r: &(usize, &Run)| r.1.lacking == Some(digest);
        let runs: Vec<usize> = self.runs.iter().enumerate().filter(lacking).map(|(i, _)| i).collect();
        for run in runs {
            self.pump(run);
        }
    }

    /// Lets the oldest messages go.
    fn let_go(&mut self) {
        while let Some(&(at, digest)) = self.aging.front() {
            let old = at.saturating_add(WINDOW_NS) < self.now_ns;
            if !old && self.held_bytes <= HELD_LIMIT {
                return;
            }
            self.aging.pop_front();
            // The same bytes came again later, or are kept for late comers.
            if self.held.get(&digest).is_none_or(|h| h.last_ns != at || h.latched > 0) {
                continue;
            }
            if let Some(held) = self.held.remove(&digest) {
                self.held_bytes -= held.bytes.len();
                self.overflowed += u64::from(!old);
            }
        }
    }

    /// Makes every step of a run ready that can be.
    fn pump(&mut self, run: usize) {
        let Some(entry) = self.runs.get_mut(run) else { return };
        entry.lacking = None;
        while !entry.given_up
            && let Some((_, first)) = entry.waiting.first_key_value()
        {
            let is_patient = self.now_ns <= first.at_ns.saturating_add(PATIENCE_NS);
            if entry.info.is_none() {
                if self.now_ns == u64::MAX {
                    let node = &entry.summary.node;
                    entry.give_up(format!(
                        "the bag has no {node}/info of this run: what it was started with is not known"
                    ));
                }
                return;
            }
            if first.tick.tick > entry.next {
                let next = first.tick.tick;
                if !is_patient {
                    entry.give_up_before(next);
                }
                return;
            }
            let missing = first.tick.inputs.iter().find(|input| !self.held.contains_key(&input.digest));
            if let Some(input) = missing.cloned() {
                if is_patient {
                    entry.lacking = Some(input.digest);
                } else {
                    entry.give_up_without(&input, self.end_ns, self.overflowed);
                }
                return;
            }
            let Some((_, Waiting { tick, log_time_ns, .. })) = entry.waiting.pop_first() else { return };
            let found = |digest: &u64| self.held.get(digest).map(|h| h.bytes.clone());
            let inputs = tick.inputs.iter().filter_map(|i| found(&i.digest)).collect();
            entry.next = tick.tick.saturating_add(1);
            entry.summary.ready += 1;
            self.ready.push_back(Ready::Step { run, step: Step { tick, log_time_ns, inputs } });
        }
    }
}

impl Run {
    fn give_up(&mut self, why: String) {
        self.given_up = true;
        self.waiting.clear();
        self.summary.stopped = why;
    }

    /// The steps up to this one are not there.
    fn give_up_before(&mut self, next: u64) {
        let first = self.next;
        let which = match next - first {
            1 => format!("tick {first} is"),
            _ => format!("ticks {first} to {} are", next - 1),
        };
        self.give_up(format!(
            "{which} not in the bag: the node's state after it is unknown, so it cannot go on"
        ));
        self.gap = first..next;
    }

    /// The first step that waits consumed a message that is not there; `end_ns` is the end of the recording, where it is reached.
    fn give_up_without(&mut self, input: &TickInput, end_ns: Option<u64>, overflowed: u64) {
        let (Some((_, first)), Some((_, last)), Some(info)) =
            (self.waiting.first_key_value(), self.waiting.last_key_value(), &self.info)
        else {
            return;
        };
        let topic = info.inputs.get(usize::from(input.input)).map_or("?", String::as_str);
        let (number, digest) = (first.tick.tick, input.digest);
        let because = format!(
            "a message of {topic} that tick {number} consumed is not in the bag (digest {digest:016x})"
        );
        if end_ns.is_some_and(|end| first.at_ns.saturating_add(END_NS) >= end)
            && last.tick.monotonic.abs_diff(first.tick.monotonic) <= END_NS
        {
            self.give_up(String::new());
            self.summary.at_end = because;
            return;
        }
        self.give_up(match overflowed {
            0 => because,
            _ => format!(
                "{because}, or was among the {overflowed} let go because more than {} MiB had to be held",
                HELD_LIMIT >> 20
            ),
        });
    }

    /// A step that comes after it was said not to be there.
    fn note_late(&mut self, tick: u64) {
        if self.gap.contains(&tick) {
            self.summary.stopped = format!(
                "tick {tick} was recorded later than tick {}, by log time: the recorder's clock was set back, and in which order \
                 messages were taken is not known",
                self.gap.end
            );
            self.gap = 0..0;
        }
    }

    fn waits_for(&self) -> String {
        match self.info {
            None => format!("{}/info", self.summary.node),
            Some(_) => "a message that the first of them consumed".to_owned(),
        }
    }
}

/// How a journal ends that was not recorded to its end: the newest message of the node's `own` topics came long after its last
/// step. Both times by one clock, ns; `None` when it is whole.
pub fn ends_early(last_tick_ns: u64, own: &[&String], newest_ns: &BTreeMap<String, u64>) -> Option<String> {
    let (newest_ns, topic) = own.iter().filter_map(|topic| Some((newest_ns.get(*topic)?, *topic))).max()?;
    let after_ns = newest_ns.saturating_sub(last_tick_ns);
    let after_s = after_ns as f64 * 1e-9;
    (after_ns > END_NS).then(|| format!("ends {after_s:.1} s before the node's outputs do ({topic})"))
}

#[cfg(test)]
mod tests;
