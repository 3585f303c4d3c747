//! `outrider bag verify`: everything about a bag that can be wrong.

mod journals;

use super::yaml::Description;
use anyhow::Context;
use journals::Journals;
use outrider_bags::{
    BagMessage, BagReader, Channel, FileFacts, Order, SchemaEncoding, Verified, verify_file,
};
use outrider_msgs::outrider_msgs::{NodeInfo, Tick};
use outrider_msgs::{Message, Schema, decode};
use outrider_runtime::payload_digest;
use outrider_suite::replay::RecordingClock;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Of findings of the same kind about the same topic, the first so many are kept; the others are counted.
const SAME_KEPT: u64 = 3;
/// The most findings that are kept.
const FINDING_LIMIT: usize = 1_000;
/// Name of the metadata record of a bag that is a part of another.
pub const CUT: &str = "outrider.cut";

/// Something wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The file.
    pub file: String,
    /// Byte offset; of the chunk for a message in one.
    pub offset: Option<u64>,
    /// The topic, where there is one.
    pub topic: Option<String>,
    /// What is wrong.
    pub reason: String,
}

/// What came of it.
#[derive(Debug, Default, Serialize)]
pub struct Verdict {
    /// Messages looked at.
    pub messages: u64,
    /// Chunks whose checksum was tried.
    pub chunks: u64,
    /// Messages held against their schema.
    pub decoded: u64,
    /// Ticks of all journals.
    pub ticks: u64,
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// Findings that were only counted.
    pub more: u64,
    /// What could not be checked, or is no fault.
    pub notes: Vec<String>,
    #[serde(skip)]
    kinds: BTreeMap<(Option<String>, &'static str), u64>,
}

impl Verdict {
    fn find(
        &mut self,
        kind: &'static str,
        file: &Path,
        offset: Option<u64>,
        topic: Option<&str>,
        reason: String,
    ) {
        let count = self.kinds.entry((topic.map(str::to_owned), kind)).or_default();
        *count += 1;
        if *count > SAME_KEPT && kind != "file" || self.findings.len() >= FINDING_LIMIT {
            self.more += 1;
            return;
        }
        let (file, topic) = (file.display().to_string(), topic.map(str::to_owned));
        self.findings.push(Finding { file, offset, topic, reason });
    }

    /// Nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.findings.is_empty()
    }

    fn to_text(&self) -> String {
        let mut lines: Vec<String> = Vec::new();
        for f in &self.findings {
            let offset = f.offset.map_or(String::new(), |o| format!(" at byte {o}"));
            let topic = f.topic.as_ref().map_or(String::new(), |t| format!(" {t}:"));
            lines.push(format!("{}{offset}:{topic} {}", f.file, f.reason));
        }
        if self.more > 0 {
            lines.push(format!("and {} more of the same", self.more));
        }
        lines.extend(self.notes.iter().map(|n| format!("note: {n}")));
        let (messages, chunks, decoded, ticks) = (self.messages, self.chunks, self.decoded, self.ticks);
        let verdict = match self.findings.len() as u64 + self.more {
            0 => "nothing is wrong".to_owned(),
            1 => "1 finding".to_owned(),
            n => format!("{n} findings"),
        };
        lines.push(format!(
            "{messages} messages in {chunks} chunks, {decoded} of them held against their schema, {ticks} ticks: {verdict}\n"
        ));
        lines.join("\n")
    }
}

/// What is known of one channel while its messages pass.
struct Track {
    schema: Option<Schema>,
    last_ns: u64,
}

struct Check<'v> {
    verdict: &'v mut Verdict,
    path: &'v Path,
    /// By topic, type and digest of the definition.
    tracks: BTreeMap<(String, String, u64), Track>,
    journals: &'v mut Journals,
}

/// Checks all of a bag.
///
/// # Errors
/// When it cannot be read at all.
pub fn verify(path: &Path) -> anyhow::Result<Verdict> {
    // Opening it tells the files in their order, and whether it is a bag at all.
    let reader = BagReader::open(path).with_context(|| format!("cannot verify {}", path.display()))?;
    let files: Vec<PathBuf> = reader.files().map(Path::to_owned).collect();
    let mut there = files.clone();
    let cut = reader.metadata().any(|m| m.name == CUT);
    let mut verdict = Verdict::default();
    for unread in reader.unread_files() {
        verdict.find("file", &unread.path, None, None, unread.reason.clone());
        there.push(unread.path.clone());
    }
    // One file after the other: that is the order of taking only of one recorder.
    let clock = (reader.taking_order() == Order::File).then(RecordingClock::default);
    drop(reader);
    let mut journals = Journals::new(clock);
    let mut facts = Vec::new();
    for file in &files {
        let check =
            Check { verdict: &mut verdict, path: file, tracks: BTreeMap::new(), journals: &mut journals };
        facts.push(check.file()?);
    }
    describe(path, &there, &facts, &mut verdict);
    journals.judge_ends(path, &mut verdict);
    journals.judge(path, cut, &mut verdict);
    Ok(verdict)
}

/// Runs `outrider bag verify`.
///
/// # Errors
/// When the bag cannot be read at all.
pub fn run(path: &Path, json: bool) -> anyhow::Result<ExitCode> {
    let verdict = verify(path)?;
    super::show(json, &verdict, || verdict.to_text())?;
    Ok(if verdict.is_sound() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Check<'_> {
    fn file(mut self) -> anyhow::Result<FileFacts> {
        let path = self.path;
        let facts = verify_file(path, &mut |told| match told {
            Verified::Finding(f) => {
                self.verdict.find("file", path, Some(f.offset), f.topic.as_deref(), f.reason);
            }
            Verified::Channel(channel, offset) => self.channel(channel, offset),
            Verified::Message(channel, offset, message) => self.message(channel, offset, message),
        })?;
        self.verdict.messages += facts.messages;
        self.verdict.chunks += facts.chunks;
        let name = path.display();
        if facts.chunks_without_crc > 0 {
            self.verdict.notes.push(format!("{name}: {} chunks carry no checksum", facts.chunks_without_crc));
        }
        for (missing, what) in [(!facts.data_crc, "data section"), (!facts.summary_crc, "summary")] {
            if missing {
                self.verdict.notes.push(format!("{name}: the {what} carries no checksum"));
            }
        }
        Ok(facts)
    }

    fn channel(&mut self, channel: &Channel, offset: u64) {
        let topic = Some(channel.topic.as_str());
        let key = track_key(channel);
        let mut find = |reason| self.verdict.find("channel", self.path, Some(offset), topic, reason);
        let encoding = SchemaEncoding::of_name(&channel.schema_encoding);
        let Some(encoding) = encoding.filter(|_| channel.message_encoding == "cdr") else {
            find(format!(
                "encoded as `{}` with a schema as `{}`: not as ROS 2 does it, its messages are not looked into",
                channel.message_encoding, channel.schema_encoding
            ));
            return;
        };
        if encoding == SchemaEncoding::Ros2Idl {
            let topic = &channel.topic;
            self.verdict.notes.push(format!("{topic}: defined in IDL, its messages are not looked into"));
            self.tracks.entry(key).or_insert(Track { schema: None, last_ns: 0 });
            return;
        }
        if self.tracks.contains_key(&key) {
            return;
        }
        let schema = match Schema::parse(&channel.type_name, &channel.definition) {
            Ok(schema) => Some(schema),
            Err(reason) => {
                find(format!("the schema of {} cannot be read: {reason}", channel.type_name));
                None
            }
        };
        if let Some(known) = outrider_msgs::definition_of(&channel.type_name)
            && !same_definition(known, &channel.definition)
        {
            let type_name = &channel.type_name;
            self.verdict.notes.push(format!(
                "{}: {type_name} is defined otherwise than in this program, which cannot decode it into its own struct",
                channel.topic
            ));
        }
        self.tracks.insert(key, Track { schema, last_ns: 0 });
    }

    fn message(&mut self, channel: &Channel, offset: u64, message: &BagMessage) {
        let at_ns = self.journals.time(message.log_time_ns);
        let topic = Some(channel.topic.as_str());
        if let Some(track) = self.tracks.get_mut(&track_key(channel)) {
            if message.log_time_ns < track.last_ns {
                let back_s = (track.last_ns - message.log_time_ns) as f64 / 1e9;
                let reason = format!(
                    "log time {} lies {back_s:.6} s before that of the message before",
                    message.log_time_ns
                );
                self.verdict.find("order", self.path, Some(offset), topic, reason);
            }
            track.last_ns = message.log_time_ns;
            if let Some(schema) = &track.schema {
                self.verdict.decoded += 1;
                if let Err(misfit) = schema.check(&message.data) {
                    let (type_name, size) = (&channel.type_name, message.data.len());
                    let reason =
                        format!("message {} of {size} bytes is no {type_name}: {misfit}", message.sequence);
                    self.verdict.find("decode", self.path, Some(offset), topic, reason);
                    return;
                }
            }
        }
        match channel.type_name.as_str() {
            Tick::TYPE_NAME => match decode(&message.data) {
                Ok(tick) => self.tick(channel, (offset, at_ns), &tick),
                Err(e) => self.verdict.find("decode", self.path, Some(offset), topic, e.to_string()),
            },
            NodeInfo::TYPE_NAME => {
                if let Ok(info) = decode::<NodeInfo>(&message.data) {
                    self.journals.infos.entry((info.node.clone(), info.boot_id)).or_insert(info);
                }
            }
            _ => self.journals.note_message(channel, message, at_ns),
        }
    }

    fn tick(&mut self, channel: &Channel, (offset, at_ns): (u64, u64), tick: &Tick) {
        self.verdict.ticks += 1;
        let run = self.journals.runs.entry((tick.node.clone(), tick.boot_id)).or_default();
        if run.ticks == 0 {
            run.first = tick.tick;
            run.topic.clone_from(&channel.topic);
        } else if run.last.checked_add(1) != Some(tick.tick) {
            let reason = format!("tick {} of {} follows tick {}", tick.tick, tick.node, run.last);
            self.verdict.find("journal", self.path, Some(offset), Some(&channel.topic), reason);
        }
        run.last = tick.tick;
        run.last_ns = run.last_ns.max(at_ns);
        run.ticks += 1;
        self.journals.note_tick(tick);
    }
}

/// Messages of one key are held against one schema.
fn track_key(channel: &Channel) -> (String, String, u64) {
    (channel.topic.clone(), channel.type_name.clone(), payload_digest(channel.definition.as_bytes()))
}

/// Whether two definitions of a type say the same. Comments and blank lines do not count.
pub fn same_definition(a: &str, b: &str) -> bool {
    fn plain(text: &str) -> impl Iterator<Item = String> {
        let strip = |l: &str| {
            let content = l.split('#').next().unwrap_or_default();
            content.split_whitespace().collect::<Vec<_>>().join(" ").replace(" = ", "=")
        };
        text.lines().map(strip).filter(|l| !l.is_empty())
    }
    plain(a).eq(plain(b))
}

/// `metadata.yaml` against the files.
fn describe(path: &Path, files: &[PathBuf], facts: &[FileFacts], verdict: &mut Verdict) {
    if !path.is_dir() {
        return;
    }
    let yaml = path.join("metadata.yaml");
    let mut find = |topic: Option<&str>, reason| verdict.find("yaml", &yaml, None, topic, reason);
    let described = match Description::beside(path) {
        None => {
            return find(None, "there is no metadata.yaml in the folder: `ros2 bag` does not take it".into());
        }
        Some(Err(reason)) => return find(None, format!("cannot be read: {reason}")),
        Some(Ok(described)) => described,
    };
    if described.storage_identifier != "mcap" {
        find(None, format!("storage is `{}`, the files are mcap", described.storage_identifier));
    }
    let name = |p: &PathBuf| p.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let there: Vec<String> = files.iter().map(name).collect();
    let (mut listed, mut found) = (described.relative_file_paths.clone(), there.clone());
    listed.sort();
    found.sort();
    if listed != found {
        find(None, format!("it lists the files {listed:?}, in the folder are {found:?}"));
    }
    let messages: u64 = facts.iter().map(|f| f.messages).sum();
    let bounds = facts.iter().filter_map(|f| f.bounds_ns).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
    let (start_ns, end_ns) = bounds.unwrap_or((0, 0));
    let claims = [
        ("messages", described.message_count, messages),
        ("ns as the start", described.starting_time.nanoseconds_since_epoch, start_ns),
        ("ns as the duration", described.duration.nanoseconds, end_ns - start_ns),
    ];
    for (what, claimed, found) in claims {
        if claimed != found {
            find(None, format!("it tells {claimed} {what}, the files have {found}"));
        }
    }
    let mut counts: BTreeMap<(String, String), u64> = BTreeMap::new();
    for (key, count) in facts.iter().flat_map(|f| &f.topics) {
        *counts.entry(key.clone()).or_default() += count;
    }
    for topic in &described.topics_with_message_count {
        let meta = &topic.topic_metadata;
        let found = counts.remove(&(meta.name.clone(), meta.type_name.clone())).unwrap_or(0);
        if found != topic.message_count {
            let (claimed, type_name) = (topic.message_count, &meta.type_name);
            find(
                Some(&meta.name),
                format!("it tells {claimed} messages of {type_name}, the files have {found}"),
            );
        }
    }
    for ((topic, type_name), count) in counts {
        find(Some(&topic), format!("it does not tell of {count} messages of {type_name}"));
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Example, bag};
    use super::*;
    use outrider_bags::{BagWriter, WriterOptions};
    use outrider_msgs::outrider_msgs::GateState;
    use outrider_msgs::sensor_msgs::LaserScan;

    fn findings(path: &Path) -> Vec<String> {
        let verdict = verify(path).unwrap();
        let line = |f: &Finding| {
            format!(
                "{} {} {}",
                f.file.rsplit('/').next().unwrap(),
                f.topic.as_deref().unwrap_or("-"),
                f.reason
            )
        };
        verdict.findings.iter().map(line).collect()
    }

    #[test]
    fn a_sound_bag_is_sound() {
        let dir = tempfile::tempdir().unwrap();
        let verdict = verify(&bag(dir.path(), "x", &Example::default())).unwrap();
        assert!(verdict.is_sound(), "{:?}", verdict.findings);
        assert_eq!((verdict.messages, verdict.decoded, verdict.ticks), (1087, 1087, 401));
        assert!(verdict.to_text().ends_with("nothing is wrong\n"));
    }

    #[test]
    fn journals_with_holes_are_found() {
        let dir = tempfile::tempdir().unwrap();
        let path = bag(
            dir.path(),
            "ticks",
            &Example { silent: Some(("/gate/journal", 1.0, 1.1)), ..Example::default() },
        );
        assert_eq!(findings(&path), ["ticks_0.mcap /gate/journal tick 111 of gate follows tick 100"]);
        let path =
            bag(dir.path(), "inputs", &Example { silent: Some(("/odom", 1.0, 1.1)), ..Example::default() });
        let wanted = "inputs /odom 5 messages that gate consumed are not in the bag, the first at tick 101";
        assert_eq!(findings(&path), [wanted]);
    }

    #[test]
    fn a_journal_that_ends_before_the_nodes_outputs_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let ends =
            |name, from_s| Example { silent: Some((name, from_s, f64::INFINITY)), ..Example::default() };
        let path = bag(dir.path(), "early", &ends("/gate/journal", 1.0));
        let wanted =
            "early /gate/journal the journal of gate ends 3.0 s before the node's outputs do (/gate/state)";
        assert_eq!(findings(&path), [wanted]);
        assert_eq!(findings(&bag(dir.path(), "late", &ends("/gate/journal", 3.5))), [""; 0]);
        assert_eq!(findings(&bag(dir.path(), "other", &ends("/gate/state", 1.0))), [""; 0]);
    }

    /// What is said of journals of gates on robots: number, until when there is a journal, and until when outputs, s. The second
    /// argument gives the log time.
    fn ends_of(robots: &[(u64, u64, u64)], log_s: impl Fn(u64) -> u64) -> Vec<String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.mcap");
        let mut writer = BagWriter::create(&path, &WriterOptions::default()).unwrap();
        let mut channel = |number: u64, name: &str, (type_name, definition)| {
            writer.add_channel(&format!("/robot{number}/gate/{name}"), type_name, definition, "").unwrap()
        };
        let types = [(NodeInfo::TYPE_NAME, NodeInfo::DEFINITION), (Tick::TYPE_NAME, Tick::DEFINITION)];
        let state = (GateState::TYPE_NAME, GateState::DEFINITION);
        let mut ids =
            |n| [channel(n, "info", types[0]), channel(n, "journal", types[1]), channel(n, "state", state)];
        let robots: Vec<_> = robots.iter().map(|robot| (robot, ids(robot.0))).collect();
        for s in 0..=20 {
            for ((number, journal_s, outputs_s), [info_id, journal_id, state_id]) in &robots {
                let mut write =
                    |id, bytes: Vec<u8>| writer.write(id, 0, log_s(s) * 1_000_000_000, 0, &bytes).unwrap();
                let node = NodeInfo {
                    node: "gate".into(),
                    boot_id: *number,
                    outputs: vec![format!("/robot{number}/gate/state")],
                    output_types: vec![GateState::TYPE_NAME.into()],
                    ..NodeInfo::default()
                };
                let tick = Tick { node: "gate".into(), boot_id: *number, tick: s + 1, ..Tick::default() };
                if s == 0 {
                    write(*info_id, outrider_msgs::encode(&node).unwrap());
                }
                if s <= *journal_s {
                    write(*journal_id, outrider_msgs::encode(&tick).unwrap());
                }
                if s <= *outputs_s {
                    write(*state_id, outrider_msgs::encode(&GateState::default()).unwrap());
                }
            }
        }
        writer.finish().unwrap();
        findings(&path).into_iter().filter(|f| f.contains("journal of")).collect()
    }

    #[test]
    fn nodes_of_one_name_on_two_robots_are_told_apart() {
        let found = ends_of(&[(1, 5, 10), (2, 20, 20)], |s| 100 + s);
        let wanted = "x.mcap /robot1/gate/journal the journal of gate ends 5.0 s before the node's outputs do \
            (/robot1/gate/state)";
        assert_eq!(found, [wanted]);
        assert_eq!(ends_of(&[(1, 20, 20), (2, 10, 10)], |s| 100 + s), [""; 0]);
    }

    #[test]
    fn a_journal_that_ends_early_is_found_also_when_the_clock_is_set_back_after_it() {
        let found = ends_of(&[(1, 10, 20)], |s| if s > 10 { 85 + s } else { 100 + s });
        // The step itself is no time.
        assert!(found.len() == 1 && found[0].contains("journal of gate ends 9.0 s before"), "{found:?}");
    }

    #[test]
    fn a_file_that_cannot_be_opened_is_found_by_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = bag(dir.path(), "x", &Example::default());
        std::fs::write(path.join("x_1.mcap"), "").unwrap();
        let found = findings(&path);
        assert_eq!(found[0], "x_1.mcap - 0 bytes are too short for an MCAP file", "{found:?}");
        let listed =
            r#"metadata.yaml - it lists the files ["x_0.mcap"], in the folder are ["x_0.mcap", "x_1.mcap"]"#;
        assert_eq!(found[1..], [listed]);
    }

    #[test]
    fn numbers_of_steps_may_be_anything() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.mcap");
        let mut writer = BagWriter::create(&path, &WriterOptions::default()).unwrap();
        let id = writer.add_channel("/gate/journal", Tick::TYPE_NAME, Tick::DEFINITION, "").unwrap();
        for (at, tick) in [(1, 0), (2, u64::MAX), (3, 1)] {
            let tick = Tick { node: "gate".into(), tick, ..Tick::default() };
            writer.write(id, 0, at, at, &outrider_msgs::encode(&tick).unwrap()).unwrap();
        }
        writer.finish().unwrap();
        assert!(
            findings(&path).iter().any(|f| f.contains("tick 1 of gate follows tick 18446744073709551615"))
        );
        assert!(super::super::info::BagInfo::read(&path).is_ok());
    }

    #[test]
    fn a_description_that_does_not_fit_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let path = bag(dir.path(), "x", &Example::default());
        let yaml = path.join("metadata.yaml");
        let text = std::fs::read_to_string(&yaml).unwrap();
        std::fs::write(&yaml, text.replace("message_count: 1087", "message_count: 1088")).unwrap();
        assert_eq!(findings(&path), ["metadata.yaml - it tells 1088 messages, the files have 1087"]);
        std::fs::write(&yaml, text.replace("x_0.mcap", "y_0.mcap")).unwrap();
        assert!(findings(&path)[0].contains("it lists the files"), "{:?}", findings(&path));
        std::fs::remove_file(&yaml).unwrap();
        assert!(findings(&path)[0].contains("no metadata.yaml"));
    }

    #[test]
    fn messages_that_are_none_are_found_with_topic_and_field() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.mcap");
        let mut writer = BagWriter::create(&path, &WriterOptions::default()).unwrap();
        let scan = writer.add_channel("/scan", LaserScan::TYPE_NAME, LaserScan::DEFINITION, "").unwrap();
        let odd = writer.add_channel("/odd", "a_msgs/msg/A", "B b", "").unwrap();
        let good = outrider_msgs::encode(&LaserScan { ranges: vec![1.0; 4], ..Default::default() }).unwrap();
        for (i, at) in [5u64, 9, 7].into_iter().enumerate() {
            let cut = if i == 1 { good.len() - 12 } else { good.len() };
            writer.write(scan, i as u32, at, at, &good[..cut]).unwrap();
        }
        writer.write(odd, 0, 10, 10, &[0, 1, 0, 0]).unwrap();
        writer.finish().unwrap();
        let found = findings(&path);
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(
            found.iter().any(|f| f.contains("/odd the schema of a_msgs/msg/A cannot be read: line 1")),
            "{found:?}"
        );
        assert!(found.iter().any(|f| f.contains("/scan message 1 of") && f.contains("field `")), "{found:?}");
        assert!(found.iter().any(|f| f.contains("/scan log time 7 lies 0.000000 s before")), "{found:?}");
    }
}
