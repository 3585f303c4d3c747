//! `outrider bag cut`: a stretch, or some topics, as a bag of its own.

use super::survey::open;
use super::times::{Stretch, check_patterns, fits};
use super::verify::CUT;
use anyhow::{Context, ensure};
use outrider_bags::{BagMessage, BagReader, BagWriter, Channel, ChannelId, OVERLAP_NS, WriterOptions};
use outrider_msgs::outrider_msgs::{NodeInfo, Tick};
use outrider_msgs::{Message, decode};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};

/// Of a latched topic, the most messages from before the stretch that are kept: `/tf_static` has one a publisher.
const LATCHED_LIMIT: usize = 100;

/// Arguments of `outrider bag cut`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The bag.
    bag: PathBuf,
    /// The new bag: a file when the name ends in .mcap, else a folder. Must not exist.
    out: PathBuf,
    /// From here on: seconds since the start, or since the epoch.
    #[arg(long, value_name = "S")]
    from: Option<String>,
    /// Up to here, this moment included.
    #[arg(long, value_name = "S")]
    to: Option<String>,
    /// Only these topics; `*` stands for anything.
    #[arg(long, value_name = "TOPIC", num_args = 1..)]
    topics: Vec<String>,
    /// All but these.
    #[arg(long, value_name = "TOPIC", num_args = 1..)]
    exclude: Vec<String>,
}

/// What was cut.
#[derive(Debug, Default)]
pub struct Done {
    messages: u64,
    /// Messages from before the stretch, by topic.
    latched: BTreeMap<String, usize>,
    /// First tick in the stretch, by node and run.
    first_ticks: BTreeMap<(String, u64), u64>,
    left_out: u64,
    damage: Vec<String>,
}

/// Runs `outrider bag cut`.
///
/// # Errors
/// When the bag cannot be read, the stretch or a topic is not in it, or the new bag cannot be written.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let done = cut(args)?;
    println!("{} messages written to {}", done.messages, args.out.display());
    if !done.latched.is_empty() {
        let list: Vec<String> = done.latched.iter().map(|(t, n)| format!("{t} ({n})")).collect();
        println!("kept from before the stretch, logged at its start: {}", list.join(", "));
    }
    if done.left_out > 0 {
        println!("{} messages left out: not CDR with a schema of ROS 2", done.left_out);
    }
    for ((node, _), tick) in done.first_ticks.iter().filter(|(_, tick)| **tick > 1) {
        println!(
            "{node}: its journal begins with tick {tick}, not 1: this part cannot be replayed from that state"
        );
    }
    for damage in done.damage.iter().take(super::DAMAGE_SHOWN) {
        println!("damage: {damage}");
    }
    Ok(())
}

struct Cutter<'a> {
    args: &'a Args,
    writer: BagWriter,
    ids: BTreeMap<usize, ChannelId>,
    done: Done,
}

/// Cuts.
///
/// # Errors
/// As [`run`].
pub fn cut(args: &Args) -> anyhow::Result<Done> {
    let (reader, start_ns, end_ns) = open(&args.bag)?;
    let stretch = Stretch::new(args.from.as_deref(), args.to.as_deref(), (start_ns, end_ns))?;
    let names = reader.channels().iter().map(|c| c.topic.as_str());
    check_patterns("--topics", &args.topics, names.clone())?;
    check_patterns("--exclude", &args.exclude, names)?;
    ensure!(!args.out.exists(), "{}: exists already", args.out.display());
    let writer = create(&args.out).with_context(|| format!("cannot write {}", args.out.display()))?;
    let mut cutter = Cutter { args, writer, ids: BTreeMap::new(), done: Done::default() };
    cutter.begin(&reader, stretch)?;
    cutter.copy(&reader, stretch)?;
    cutter.writer.finish()?;
    Ok(cutter.done)
}

fn create(out: &Path) -> Result<BagWriter, outrider_bags::BagError> {
    let options = WriterOptions::default();
    if out.extension().is_some_and(|e| e == "mcap") {
        BagWriter::create(out, &options)
    } else {
        BagWriter::create_folder(out, &options)
    }
}

impl Cutter<'_> {
    fn begin(&mut self, reader: &BagReader, stretch: Stretch) -> anyhow::Result<()> {
        for metadata in reader.metadata() {
            self.writer.write_metadata(&metadata.name, metadata.entries.clone())?;
        }
        let entries = [
            ("source", self.args.bag.display().to_string()),
            ("from_ns", stretch.from_ns.to_string()),
            ("to_ns", stretch.to_ns.to_string()),
            ("topics", self.args.topics.join(" ")),
            ("exclude", self.args.exclude.join(" ")),
        ];
        let entries = entries.into_iter().map(|(k, v)| (k.to_owned(), v));
        self.writer.write_metadata(CUT, entries.collect())?;
        for (index, channel) in reader.channels().iter().enumerate() {
            let definition = channel.definition().filter(|_| channel.message_encoding == "cdr");
            if let Some(definition) = definition.filter(|_| self.wanted(&channel.topic)) {
                let (topic, type_name) = (&channel.topic, &channel.type_name);
                let id = self.writer.add_channel_with(topic, type_name, definition, &channel.metadata)?;
                self.ids.insert(index, id);
            }
        }
        Ok(())
    }

    fn wanted(&self, topic: &str) -> bool {
        let any = |patterns: &[String]| patterns.iter().any(|p| fits(p, topic));
        (self.args.topics.is_empty() || any(&self.args.topics)) && !any(&self.args.exclude)
    }

    fn copy(&mut self, reader: &BagReader, stretch: Stretch) -> anyhow::Result<()> {
        let mut before: BTreeMap<usize, VecDeque<BagMessage>> = BTreeMap::new();
        let mut begun = false;
        // Channels that have a message in the stretch.
        let mut seen: BTreeSet<usize> = BTreeSet::new();
        self.done.damage.extend(reader.damage().map(ToString::to_string));
        // As they were taken: what was set to an earlier time stays behind what came before it, as a replay needs it.
        for message in reader.messages(reader.taking_order()) {
            let message = match message {
                Ok(message) => message,
                Err(error) => {
                    self.done.damage.push(error.to_string());
                    self.done.damage.truncate(super::survey::DAMAGE_LIMIT);
                    continue;
                }
            };
            let Some(channel) = reader.channel(message.channel) else { continue };
            if message.log_time_ns < stretch.from_ns {
                let Some(keep) = latched(channel).filter(|_| self.ids.contains_key(&message.channel)) else {
                    continue;
                };
                if !begun {
                    let queue = before.entry(message.channel).or_default();
                    queue.push_back(message);
                    while queue.len() > keep {
                        queue.pop_front();
                    }
                } else if stretch.from_ns - message.log_time_ns < OVERLAP_NS
                    && !seen.contains(&message.channel)
                {
                    // Stored out of order, as far as that is usual: by its time it is one of before.
                    self.write_latched(
                        reader,
                        stretch,
                        BTreeMap::from([(message.channel, [message].into())]),
                    )?;
                }
                continue;
            }
            if !std::mem::replace(&mut begun, true) {
                self.write_latched(reader, stretch, std::mem::take(&mut before))?;
            }
            seen.insert(message.channel);
            if message.log_time_ns <= stretch.to_ns {
                self.write(channel, &message)?;
            }
        }
        // Nothing at all came after the start of the stretch.
        self.write_latched(reader, stretch, before)
    }

    fn write_latched(
        &mut self,
        reader: &BagReader,
        stretch: Stretch,
        before: BTreeMap<usize, VecDeque<BagMessage>>,
    ) -> anyhow::Result<()> {
        for (index, messages) in before {
            let Some(channel) = reader.channel(index) else { continue };
            *self.done.latched.entry(channel.topic.clone()).or_default() += messages.len();
            for message in messages {
                self.write(channel, &BagMessage { log_time_ns: stretch.from_ns, ..message })?;
            }
        }
        Ok(())
    }

    fn write(&mut self, channel: &Channel, message: &BagMessage) -> anyhow::Result<()> {
        let Some(id) = self.ids.get(&message.channel) else {
            if self.wanted(&channel.topic) {
                self.done.left_out += 1;
            }
            return Ok(());
        };
        if channel.type_name == Tick::TYPE_NAME
            && let Ok(tick) = decode::<Tick>(&message.data)
        {
            self.done.first_ticks.entry((tick.node, tick.boot_id)).or_insert(tick.tick);
        }
        self.writer.write(
            *id,
            message.sequence,
            message.log_time_ns,
            message.publish_time_ns,
            &message.data,
        )?;
        self.done.messages += 1;
        Ok(())
    }
}

/// How many messages of before a late comer would still get; `None` when it gets none. Records (`/decision`, journals)
/// are kept for a recorder, not needed from before.
pub fn latched(channel: &Channel) -> Option<usize> {
    if channel.topic.ends_with("/tf_static") {
        return Some(LATCHED_LIMIT);
    }
    if channel.type_name == NodeInfo::TYPE_NAME || channel.topic == "/map" {
        return Some(1);
    }
    let qos = channel.metadata.get("offered_qos_profiles")?;
    let has = |wanted: &[&str]| qos.lines().any(|l| wanted.contains(&l.trim().trim_start_matches("- ")));
    (has(&["durability: transient_local", "durability: 1"]) && has(&["depth: 1"])).then_some(1)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Example, bag};
    use super::*;
    use outrider_bags::BagReader;

    fn args(bag: &Path, out: &Path, from: &str, to: &str) -> Args {
        Args {
            bag: bag.to_owned(),
            out: out.to_owned(),
            from: Some(from.to_owned()),
            to: Some(to.to_owned()),
            topics: Vec::new(),
            exclude: Vec::new(),
        }
    }

    #[test]
    fn a_part_keeps_what_a_late_comer_would_get_and_is_sound() {
        let dir = tempfile::tempdir().unwrap();
        let whole = bag(dir.path(), "whole", &Example::default());
        let out = dir.path().join("part");
        let done = cut(&args(&whole, &out, "1", "2")).unwrap();
        assert_eq!(done.latched.get("/map"), Some(&1));
        assert_eq!(done.latched.get("/gate/info"), Some(&1));
        assert!(!done.latched.contains_key("/odom"));
        assert!(done.first_ticks.values().all(|t| *t > 1), "{:?}", done.first_ticks);
        let part = BagReader::open(&out).unwrap();
        let start = BagReader::open(&whole).unwrap().bounds_ns().unwrap().0;
        assert_eq!(part.bounds_ns(), Some((start + 1_000_000_000, start + 2_000_000_000)));
        let odom = part.channels().iter().find(|c| c.topic == "/odom").unwrap();
        assert_eq!(odom.message_count, 51);
        let verdict = super::super::verify::verify(&out).unwrap();
        assert!(verdict.is_sound(), "{:?}", verdict.findings);
        assert!(verdict.notes.iter().any(|n| n.contains("part of another")), "{:?}", verdict.notes);
    }

    #[test]
    fn the_order_of_taking_is_kept_when_the_clock_was_set_back() {
        let dir = tempfile::tempdir().unwrap();
        let whole = dir.path().join("whole.mcap");
        let mut writer = BagWriter::create(&whole, &WriterOptions::default()).unwrap();
        let id = writer.add_channel("/a", "std_msgs/msg/Bool", "bool data", "").unwrap();
        for (i, s) in [10_u64, 11, 12, 13, 9, 10, 11, 12].into_iter().enumerate() {
            writer.write(id, i as u32, s * 1_000_000_000, 0, &[0, 1, 0, 0, 1]).unwrap();
        }
        writer.finish().unwrap();
        let sequences = |path: &Path| -> Vec<u32> {
            let reader = BagReader::open(path).unwrap();
            reader.messages(outrider_bags::Order::File).map(|m| m.unwrap().sequence).collect()
        };
        for (from, wanted) in [("0", vec![0, 1, 2, 3, 4, 5, 6, 7]), ("2", vec![1, 2, 3, 6, 7])] {
            let out = dir.path().join(format!("from_{from}.mcap"));
            cut(&args(&whole, &out, from, "4")).unwrap();
            assert_eq!(sequences(&out), wanted, "from {from}");
        }
    }

    #[test]
    fn what_is_latched_is_kept_also_where_it_is_stored_after_the_start() {
        let dir = tempfile::tempdir().unwrap();
        let whole = dir.path().join("whole.mcap");
        let mut writer = BagWriter::create(&whole, &WriterOptions::default()).unwrap();
        let topics = ["/a", "/map", "/tf_static"];
        let ids = topics.map(|t| writer.add_channel(t, "std_msgs/msg/Bool", "bool data", "").unwrap());
        // Topic and log time, ms. The last two lie too far back, and before one that is in the stretch.
        let order =
            [(0, 10_000), (0, 11_000), (1, 10_800), (2, 9_900), (0, 11_500), (1, 11_600), (1, 10_900)];
        for (i, (topic, ms)) in order.into_iter().enumerate() {
            writer.write(ids[topic], i as u32, ms * 1_000_000, 0, &[0, 1, 0, 0, 1]).unwrap();
        }
        writer.finish().unwrap();
        let out = dir.path().join("part.mcap");
        let done = cut(&args(&whole, &out, "1.1", "2")).unwrap();
        let part = BagReader::open(&out).unwrap();
        let written = part.messages(outrider_bags::Order::File).map(Result::unwrap);
        let written: Vec<(u32, u64)> = written.map(|m| (m.sequence, m.log_time_ns / 1_000_000)).collect();
        assert_eq!(written, [(1, 11_000), (2, 11_000), (4, 11_500), (5, 11_600)]);
        assert_eq!(done.latched, BTreeMap::from([("/map".to_owned(), 1)]));
    }

    #[test]
    fn topics_are_chosen_and_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let whole = bag(dir.path(), "whole", &Example::default());
        let mut a = args(&whole, &dir.path().join("a.mcap"), "0", "1");
        a.topics = vec!["/gate/*".into(), "/odom".into()];
        a.exclude = vec!["*/journal".into()];
        cut(&a).unwrap();
        let part = BagReader::open(&a.out).unwrap();
        let mut topics: Vec<_> = part.channels().iter().map(|c| c.topic.as_str()).collect();
        topics.sort_unstable();
        assert_eq!(topics, ["/gate/info", "/gate/state", "/odom"]);
        assert!(cut(&a).unwrap_err().to_string().contains("exists already"));
        a.topics = vec!["/lidar".into()];
        assert!(cut(&a).unwrap_err().to_string().contains("no topic fits `/lidar`"));
    }
}
