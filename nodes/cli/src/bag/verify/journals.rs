//! Journals held against each other, and against the messages of a bag.

use super::super::cut::latched;
use super::Verdict;
use outrider_bags::{BagMessage, Channel};
use outrider_msgs::outrider_msgs::{NodeInfo, Tick};
use outrider_runtime::payload_digest;
use outrider_suite::replay::{RecordingClock, ends_early, own_outputs};
use std::collections::BTreeMap;
use std::path::Path;

/// The most messages, and the most consumed messages, that journals are held against: 8 and 24 bytes each.
const JOURNAL_LIMIT: usize = 8_000_000;

/// A journal's state.
#[derive(Default)]
pub(super) struct Journal {
    pub first: u64,
    pub last: u64,
    /// When the newest came.
    pub last_ns: u64,
    pub ticks: u64,
    pub topic: String,
}

#[derive(Default)]
pub(super) struct Journals {
    /// By node and run.
    pub runs: BTreeMap<(String, u64), Journal>,
    pub infos: BTreeMap<(String, u64), NodeInfo>,
    digests: Vec<u64>,
    /// The clock of the recording; without it log times are taken as they are.
    clock: Option<RecordingClock>,
    /// When the newest message came of Outrider's own types, by topic.
    newest_ns: BTreeMap<String, u64>,
    /// Digest, tick, index into `consumers` and input.
    consumed: Vec<(u64, u64, u16, u16)>,
    consumers: Vec<(String, u64)>,
    overflow: bool,
}

impl Journals {
    pub(super) fn new(clock: Option<RecordingClock>) -> Self {
        Self { clock, ..Self::default() }
    }

    pub(super) fn note_message(&mut self, channel: &Channel, message: &BagMessage, at_ns: u64) {
        if self.digests.len() >= JOURNAL_LIMIT {
            self.overflow = true;
        } else {
            self.digests.push(payload_digest(&message.data));
        }
        // What a late comer would get is written again into every file, long after it was published.
        if channel.type_name.starts_with("outrider_msgs/") && latched(channel).is_none() {
            let newest = self.newest_ns.entry(channel.topic.clone()).or_default();
            *newest = at_ns.max(*newest);
        }
    }

    /// When the next message came: by the clock of the recording where messages come in the order of taking, as in a replay.
    pub(super) fn time(&mut self, log_time_ns: u64) -> u64 {
        self.clock.as_mut().map_or(log_time_ns, |clock| clock.see(log_time_ns))
    }

    /// Runs that published when their journal had ended: it was not recorded to its end.
    pub(super) fn judge_ends(&self, path: &Path, verdict: &mut Verdict) {
        let infos: Vec<NodeInfo> = self.infos.values().cloned().collect();
        let own = own_outputs(&infos);
        for (key, info) in &self.infos {
            let Some((journal, topics)) = self.runs.get(key).zip(own.get(&key.0)) else { continue };
            let own: Vec<&String> = topics.iter().filter(|topic| info.outputs.contains(topic)).collect();
            if self.went_on(key, journal, &own) {
                continue;
            }
            if let Some(how) = ends_early(journal.last_ns, &own, &self.newest_ns) {
                let text = format!("the journal of {} {how}", key.0);
                verdict.find("journal", path, None, Some(&journal.topic), text);
            }
        }
    }

    /// Whether these outputs may be of another run that came later. It is not known of one without a journal. A node of the same
    /// name on another robot has other outputs.
    fn went_on(&self, key: &(String, u64), journal: &Journal, own: &[&String]) -> bool {
        let same = self.infos.iter().filter(|(other, _)| other.0 == key.0 && *other != key);
        let mut same = same.filter(|(_, info)| own.iter().any(|topic| info.outputs.contains(topic)));
        let later = |run: &Journal, other| (run.last_ns, other) > (journal.last_ns, key);
        same.any(|(other, _)| self.runs.get(other).is_none_or(|run| later(run, other)))
    }

    pub(super) fn note_tick(&mut self, tick: &Tick) {
        let is = |(node, boot): &(String, u64)| *node == tick.node && *boot == tick.boot_id;
        let consumer = self.consumers.iter().position(is).unwrap_or_else(|| {
            self.consumers.push((tick.node.clone(), tick.boot_id));
            self.consumers.len() - 1
        });
        for input in &tick.inputs {
            if self.consumed.len() >= JOURNAL_LIMIT {
                self.overflow = true;
                return;
            }
            self.consumed.push((
                input.digest,
                tick.tick,
                u16::try_from(consumer).unwrap_or(u16::MAX),
                input.input,
            ));
        }
    }

    /// Journals against each other: what each step consumed has to be there, and what each node was started with.
    pub(super) fn judge(mut self, path: &Path, cut: bool, verdict: &mut Verdict) {
        for ((node, boot), run) in &self.runs {
            if run.first > 1 {
                let text = format!(
                    "the journal of {node} (run {boot:016x}) begins with tick {}: the run cannot be replayed from its start",
                    run.first
                );
                if cut {
                    verdict.notes.push(format!("{text}; the bag is a part of another"));
                } else {
                    verdict.find("journal", path, None, Some(&run.topic), text);
                }
            }
            if !self.infos.contains_key(&(node.clone(), *boot)) {
                let text = format!("no info of {node} (run {boot:016x}): it cannot be built again");
                verdict.find("journal", path, None, Some(&run.topic), text);
            }
        }
        if self.overflow {
            let text = format!("more than {JOURNAL_LIMIT} messages: not all journals were held against them");
            verdict.notes.push(text);
            return;
        }
        self.digests.sort_unstable();
        let consumed = std::mem::take(&mut self.consumed);
        let mut absent: BTreeMap<(u16, u16), (u64, u64)> = BTreeMap::new();
        for (digest, tick, consumer, input) in consumed {
            if self.digests.binary_search(&digest).is_err() {
                let entry = absent.entry((consumer, input)).or_insert((tick, 0));
                entry.1 += 1;
            }
        }
        for ((consumer, input), (tick, count)) in absent {
            let Some(key) = self.consumers.get(usize::from(consumer)) else { continue };
            let topic = self.infos.get(key).and_then(|i| i.inputs.get(usize::from(input)).cloned());
            let what = format!(
                "{count} messages that {} consumed are not in the bag, the first at tick {tick}",
                key.0
            );
            if cut {
                let topic = topic.unwrap_or_default();
                verdict.notes.push(format!("{topic}: {what}; the bag is a part of another"));
            } else {
                verdict.find("journal", path, None, topic.as_deref(), what);
            }
        }
    }
}
