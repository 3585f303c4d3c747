//! From a stream of messages to steps that can be run again: joins the journals with the messages that they name.
//!
//! Memory is bounded: a message is held for [`WINDOW_NS`] of recording time, those of latched topics as long as a late comer
//! would still get them, and all together no more than [`HELD_LIMIT`] bytes.

use super::interest::Interest;
use super::source::Record;
use outrider_msgs::outrider_msgs::{NodeInfo, Tick};
use outrider_msgs::{CodecError, Message as _};
use outrider_runtime::payload_digest;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// A message is held so long after it was recorded: no step consumes older ones, save those of latched topics.
pub const WINDOW_NS: u64 = 10_000_000_000;
/// A step waits so long for a message that it consumed and that was recorded later.
const PATIENCE_NS: u64 = 5_000_000_000;
/// A message that is lacking within the end of a recording, and of what its run recorded, may have been under way when
/// everything was shut down. Log times alone do not tell: journals can be recorded all together, long after the steps.
const END_NS: u64 = 1_000_000_000;
/// The most bytes of messages that are held; beyond it the oldest are let go.
pub const HELD_LIMIT: usize = 512 << 20;
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
    /// Journal records in the bag.
    pub ticks: u64,
    /// Of these that could be run again.
    pub ready: u64,
    /// Why not all could; empty when they could.
    pub stopped: String,
    /// Why the last ones could not, when all of them fall into the end of the recording; else empty.
    pub at_end: String,
}

#[derive(Default)]
struct Run {
    summary: RunSummary,
    info: Option<NodeInfo>,
    waiting: VecDeque<(Tick, u64)>,
    /// The digest that the first of the waiting steps lacks.
    lacking: Option<u64>,
    next: u64,
    /// Where a gap was found, steps after it are only counted.
    given_up: bool,
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
    latched: BTreeMap<String, VecDeque<u64>>,
    held_bytes: usize,
    overflowed: u64,
    ready: VecDeque<Ready>,
    now_ns: u64,
    /// When the last message was recorded, once that is known.
    end_ns: Option<u64>,
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
            now_ns: 0,
            end_ns: None,
        }
    }

    /// Takes a message in.
    ///
    /// # Errors
    /// When a journal record or node info cannot be decoded.
    pub fn add(&mut self, record: Record<'_>) -> Result<(), CodecError> {
        self.now_ns = self.now_ns.max(record.log_time_ns);
        match record.type_name {
            Tick::TYPE_NAME => {
                let tick: Tick = outrider_msgs::decode(&record.bytes)?;
                if self.interest.in_node(&tick.node) {
                    self.add_tick(tick, record.log_time_ns);
                }
            }
            NodeInfo::TYPE_NAME => {
                let info: NodeInfo = outrider_msgs::decode(&record.bytes)?;
                if self.interest.in_node(&info.node) {
                    self.add_info(info);
                }
            }
            _ => self.hold(record),
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
        }
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

    fn add_info(&mut self, info: NodeInfo) {
        let run = self.run(&info.node, info.boot_id);
        let Some(entry) = self.runs.get_mut(run).filter(|r| r.info.is_none()) else { return };
        entry.info = Some(info.clone());
        entry.summary.started = true;
        self.ready.push_back(Ready::Start { run, info: Box::new(info) });
        self.pump(run);
    }

    fn add_tick(&mut self, tick: Tick, log_time_ns: u64) {
        let run = self.run(&tick.node, tick.boot_id);
        let Some(entry) = self.runs.get_mut(run) else { return };
        entry.summary.ticks += 1;
        if entry.given_up {
            return;
        }
        if entry.waiting.len() >= WAITING_LIMIT {
            entry.give_up(format!("more than {WAITING_LIMIT} steps wait for {}", entry.waits_for()));
            return;
        }
        entry.waiting.push_back((tick, log_time_ns));
        let patience_ends = entry.waiting.front().map_or(u64::MAX, |(_, at)| at.saturating_add(PATIENCE_NS));
        if entry.lacking.is_none() || self.now_ns > patience_ends {
            self.pump(run);
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
            topic.push_back(digest);
            while topic.len() > record.kept {
                let Some(old) = topic.pop_front() else { break };
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
            && let Some((tick, at)) = entry.waiting.front()
        {
            let Some(info) = &entry.info else {
                if self.now_ns == u64::MAX {
                    let node = &entry.summary.node;
                    entry.give_up(format!(
                        "the bag has no {node}/info of this run: what it was started with is not known"
                    ));
                }
                return;
            };
            if tick.tick < entry.next {
                // Latched journals may be recorded twice.
                entry.waiting.pop_front();
                continue;
            }
            if tick.tick > entry.next {
                let (first, next) = (entry.next, tick.tick);
                let which = if next == first + 1 {
                    format!("tick {first} is")
                } else {
                    format!("ticks {first} to {} are", next - 1)
                };
                entry.give_up(format!(
                    "{which} not in the bag: the node's state after it is unknown, so it cannot go on"
                ));
                return;
            }
            let missing = tick.inputs.iter().find(|input| !self.held.contains_key(&input.digest));
            if let Some(input) = missing {
                if self.now_ns <= at.saturating_add(PATIENCE_NS) {
                    entry.lacking = Some(input.digest);
                    return;
                }
                let topic = info.inputs.get(usize::from(input.input)).map_or("?", String::as_str);
                let because = format!(
                    "a message of {topic} that tick {} consumed is not in the bag (digest {:016x})",
                    tick.tick, input.digest
                );
                let last_ns = entry.waiting.back().map_or(tick.monotonic, |(last, _)| last.monotonic);
                if self.end_ns.is_some_and(|end| at.saturating_add(END_NS) >= end)
                    && last_ns.abs_diff(tick.monotonic) <= END_NS
                {
                    entry.given_up = true;
                    entry.waiting.clear();
                    entry.summary.at_end = because;
                    return;
                }
                let because = if self.overflowed > 0 {
                    format!(
                        "{because}, or was among the {} let go because more than {} MiB had to be held",
                        self.overflowed,
                        HELD_LIMIT >> 20
                    )
                } else {
                    because
                };
                entry.give_up(because);
                return;
            }
            let Some((tick, log_time_ns)) = entry.waiting.pop_front() else { return };
            let found = |digest: &u64| self.held.get(digest).map(|h| h.bytes.clone());
            let inputs = tick.inputs.iter().filter_map(|i| found(&i.digest)).collect();
            entry.next = tick.tick + 1;
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

    fn waits_for(&self) -> String {
        match self.info {
            None => format!("{}/info", self.summary.node),
            Some(_) => "a message that the first of them consumed".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::source::Record;
    use outrider_msgs::outrider_msgs::TickInput;
    use std::borrow::Cow;

    const NODE: &str = "world_model";
    /// Between two steps.
    const PERIOD_NS: u64 = 10_000_000;

    fn add(feed: &mut Feed, topic: &str, type_name: &str, bytes: &[u8], log_time_ns: u64) {
        let record =
            Record { topic, type_name, definition: "", kept: 0, log_time_ns, bytes: Cow::Borrowed(bytes) };
        feed.add(record).unwrap();
    }

    /// What is said of a run of 800 steps that each took a scan in; the scan of one step is not in the bag. The journals were
    /// recorded with the steps, or, as those of a latched topic are for one who comes late, all in the last tenth of a second.
    fn summary_without_scan(of_step: u64, journals_late: bool) -> RunSummary {
        let mut feed = Feed::new(Interest::default());
        let info =
            NodeInfo { node: NODE.into(), boot_id: 1, inputs: vec!["/scan".into()], ..NodeInfo::default() };
        add(&mut feed, "/world_model/info", NodeInfo::TYPE_NAME, &outrider_msgs::encode(&info).unwrap(), 0);
        let steps = 800;
        for tick in 1..=steps {
            let (now_ns, scan) = (tick * PERIOD_NS, tick.to_le_bytes());
            if tick != of_step {
                add(&mut feed, "/scan", "sensor_msgs/msg/LaserScan", &scan, now_ns);
            }
            let input = TickInput { input: 0, digest: payload_digest(&scan), ..TickInput::default() };
            let record = Tick {
                node: NODE.into(),
                boot_id: 1,
                tick,
                monotonic: now_ns as i64,
                inputs: vec![input],
                ..Tick::default()
            };
            let recorded_ns = if journals_late { steps * PERIOD_NS } else { now_ns };
            add(
                &mut feed,
                "/world_model/journal",
                Tick::TYPE_NAME,
                &outrider_msgs::encode(&record).unwrap(),
                recorded_ns,
            );
        }
        feed.finish();
        feed.summaries().remove(0)
    }

    #[test]
    fn a_message_that_is_lacking_in_the_last_second_was_under_way_at_the_end() {
        let told = summary_without_scan(760, false);
        assert_eq!((told.ready, told.stopped.as_str()), (759, ""), "{told:?}");
        assert!(told.at_end.contains("/scan that tick 760 consumed"), "{told:?}");
    }

    #[test]
    fn a_message_that_is_lacking_before_the_last_second_stops_the_replay() {
        for (step, journals_late) in [(1, false), (1, true), (690, false), (690, true)] {
            let told = summary_without_scan(step, journals_late);
            assert_eq!((told.ready, told.at_end.as_str()), (step - 1, ""), "{told:?}");
            assert!(told.stopped.contains(&format!("/scan that tick {step} consumed")), "{told:?}");
        }
    }
}
