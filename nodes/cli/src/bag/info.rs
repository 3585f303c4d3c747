//! `outrider bag info`: what `ros2 bag info` tells, and how complete the telemetry is.

use super::expected::{RATE_SHARE, Wanted, required};
use super::external::ExternalInfo;
use super::survey::{Survey, TopicSurvey, open};
use super::yaml;
use outrider_bags::BagReader;
use outrider_msgs::outrider_msgs::Decision;
use outrider_msgs::{Message, decode};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

/// The most findings of damage that are printed.
const DAMAGE_SHOWN: usize = 10;
/// A gap is told when it is longer than this many medians of its topic.
const GAP_FACTOR: f64 = 3.0;
/// The most characters of a metadata value that are printed.
const VALUE_SHOWN: usize = 100;

/// A bag in numbers.
#[derive(Debug, Serialize)]
pub struct BagInfo {
    files: Vec<FileInfo>,
    size_bytes: u64,
    duration_s: f64,
    start_ns: u64,
    end_ns: u64,
    messages: u64,
    /// Of the chunks: `none`, `zstd`, `lz4`.
    compression: Vec<String>,
    ros_distro: Option<String>,
    complete: bool,
    damage: Vec<String>,
    topics: BTreeMap<String, TopicInfo>,
    telemetry: Telemetry,
    nodes: Vec<NodeRun>,
    #[serde(skip_serializing_if = "ExternalInfo::is_empty")]
    external_planner: ExternalInfo,
    metadata: BTreeMap<String, String>,
}

#[derive(Debug, Serialize)]
struct FileInfo {
    path: String,
    size_bytes: u64,
}

#[derive(Debug, Serialize)]
struct TopicInfo {
    #[serde(rename = "type")]
    type_name: String,
    serialization: String,
    count: u64,
    bytes: u64,
    rate_hz: Option<f64>,
    largest_gap_s: Option<f64>,
    /// Since the start of the bag.
    largest_gap_at_s: Option<f64>,
    gaps_over_3_medians: u64,
    latency_p50_s: Option<f64>,
    latency_p99_s: Option<f64>,
    logged_before_stamp: u64,
    /// By the publisher's count, where there is one.
    lost: Option<u64>,
    /// As the recorder says.
    lost_by_recorder: Option<u64>,
    out_of_order: Option<u64>,
    restarts: Option<u64>,
    undecodable: u64,
}

/// How much of what has to be there is there.
#[derive(Debug, Serialize)]
struct Telemetry {
    required: usize,
    present: usize,
    share: f64,
    /// Topic and why.
    absent: BTreeMap<String, String>,
}

#[derive(Debug, Serialize)]
struct NodeRun {
    node: String,
    boot_id: u64,
    build: Option<String>,
    /// Since the start of the bag.
    from_s: f64,
    ticks: u64,
    first_tick: Option<u64>,
    missing_ticks: u64,
}

impl BagInfo {
    /// Reads all of a bag.
    ///
    /// # Errors
    /// When it is none, or is empty.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let (reader, start_ns, end_ns) = open(path)?;
        let mut external = ExternalInfo::default();
        let survey = Survey::pass(&reader, (start_ns, end_ns), &mut |seen| {
            if seen.channel.type_name == Decision::TYPE_NAME
                && let Ok(decision) = decode(&seen.message.data)
            {
                external.see(&decision);
            }
            Ok(())
        })?;
        let metadata: BTreeMap<String, String> = reader
            .metadata()
            .flat_map(|m| m.entries.iter().map(|(k, v)| (format!("{}.{k}", m.name), v.clone())))
            .collect();
        let files: Vec<FileInfo> = reader
            .files()
            .map(|f| FileInfo {
                path: f.display().to_string(),
                size_bytes: std::fs::metadata(f).map_or(0, |m| m.len()),
            })
            .collect();
        let topics = survey.topics.iter().map(|(name, t)| (name.clone(), topic(name, t, &survey, &metadata)));
        let described = yaml::Description::beside(path).and_then(Result::ok);
        Ok(Self {
            size_bytes: files.iter().map(|f| f.size_bytes).sum(),
            files,
            duration_s: survey.duration_s(),
            start_ns,
            end_ns,
            messages: survey.topics.values().map(|t| t.count).sum(),
            compression: outrider_bags::compressions(&reader),
            ros_distro: described.map(|d| d.ros_distro),
            complete: !reader.recovered() && survey.damage.is_empty(),
            topics: topics.collect(),
            telemetry: telemetry(&survey),
            nodes: nodes(&survey),
            external_planner: external,
            damage: damage(&reader, &survey),
            metadata,
        })
    }

    /// The text of `outrider bag info`.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        // Writing to a String cannot fail.
        for file in &self.files {
            let _ = writeln!(out, "file         {}  ({})", file.path, size(file.size_bytes));
        }
        let _ = writeln!(out, "size         {}", size(self.size_bytes));
        let _ = writeln!(out, "duration     {:.3} s", self.duration_s);
        let _ =
            writeln!(out, "start, end   {:.3}, {:.3} s since the epoch", s(self.start_ns), s(self.end_ns));
        let _ = writeln!(out, "messages     {}", self.messages);
        let _ = writeln!(out, "storage      mcap, chunks: {}", self.compression.join(", "));
        let _ = writeln!(out, "ROS distro   {}", self.ros_distro.as_deref().unwrap_or("not told"));
        let state = if self.complete { "complete" } else { "cut or damaged; what could be read is shown" };
        let _ = writeln!(out, "state        {state}");
        for line in self.damage.iter().take(DAMAGE_SHOWN) {
            let _ = writeln!(out, "damage       {line}");
        }
        if let Some(more) = self.damage.len().checked_sub(DAMAGE_SHOWN).filter(|m| *m > 0) {
            let _ = writeln!(out, "damage       and {more} more");
        }
        self.telemetry.write(&mut out);
        self.write_nodes(&mut out);
        self.external_planner.write(&mut out);
        self.write_topics(&mut out);
        for (key, value) in &self.metadata {
            let short: String = value.chars().take(VALUE_SHOWN).collect();
            let _ = writeln!(out, "metadata     {key} = {}", short.replace('\n', " "));
        }
        out
    }

    fn write_nodes(&self, out: &mut String) {
        for n in &self.nodes {
            let build = n.build.as_deref().unwrap_or("build not in the bag");
            let first = match n.first_tick {
                Some(1) => String::new(),
                Some(first) => format!(", the first is tick {first}"),
                None => ", no journal".to_owned(),
            };
            let missing =
                if n.missing_ticks > 0 { format!(", {} missing", n.missing_ticks) } else { String::new() };
            let _ = writeln!(
                out,
                "node         {:<12} {build}, run {:016x} from {:.3} s: {} ticks{first}{missing}",
                n.node, n.boot_id, n.from_s, n.ticks
            );
        }
    }

    fn write_topics(&self, out: &mut String) {
        let width = self.topics.keys().map(String::len).max().unwrap_or(0).max(5);
        let _ = writeln!(
            out,
            "\n{:width$}  {:>7} {:>9} {:>9} {:>9} {:>5} {:>8} {:>8} {:>5}  type",
            "topic", "count", "rate Hz", "gap s", "at s", ">3med", "p50 ms", "p99 ms", "lost"
        );
        for (name, t) in &self.topics {
            let number =
                |v: Option<f64>, digits: usize| v.map_or("-".to_owned(), |v| format!("{v:.digits$}"));
            let ms = |v: Option<f64>| number(v.map(|v| v * 1e3), 1);
            let lost = t.lost.max(t.lost_by_recorder).map_or("-".to_owned(), |l| l.to_string());
            let _ = writeln!(
                out,
                "{name:width$}  {:>7} {:>9} {:>9} {:>9} {:>5} {:>8} {:>8} {lost:>5}  {}{}{}",
                t.count,
                number(t.rate_hz, 2),
                number(t.largest_gap_s, 3),
                number(t.largest_gap_at_s, 3),
                t.gaps_over_3_medians,
                ms(t.latency_p50_s),
                ms(t.latency_p99_s),
                t.type_name,
                if t.serialization == "cdr" { String::new() } else { format!(" [{}]", t.serialization) },
                if t.undecodable > 0 {
                    format!(" ({} do not fit the type)", t.undecodable)
                } else {
                    String::new()
                },
            );
        }
    }
}

impl Telemetry {
    fn write(&self, out: &mut String) {
        let (present, required) = (self.present, self.required);
        let share = 100.0 * self.share;
        let _ =
            writeln!(out, "telemetry    {present} of {required} required signals are there ({share:.0} %)");
        for (topic, why) in &self.absent {
            let _ = writeln!(out, "             {topic}: {why}");
        }
    }
}

fn damage(reader: &BagReader, survey: &Survey) -> Vec<String> {
    let mut all = survey.damage.clone();
    if survey.more_damage > 0 {
        all.push(format!("{} findings more", survey.more_damage));
    }
    if reader.recovered() && all.is_empty() {
        all.push("no sound summary".to_owned());
    }
    all
}

fn topic(name: &str, t: &TopicSurvey, survey: &Survey, metadata: &BTreeMap<String, String>) -> TopicInfo {
    let timed = t.count > 1;
    // It tells the losses until then now and then, and all of them at the end.
    let key = format!(".lost{name}");
    let told = metadata.iter().filter(|(k, _)| k.ends_with(&key));
    TopicInfo {
        type_name: t.type_name.clone(),
        serialization: t.serialization.clone(),
        count: t.count,
        bytes: t.bytes,
        rate_hz: t.rate_hz(),
        largest_gap_s: timed.then(|| s(t.gap.0)),
        largest_gap_at_s: timed.then(|| s(t.gap.1.saturating_sub(survey.start_ns))),
        gaps_over_3_medians: t.gaps_over(GAP_FACTOR),
        latency_p50_s: t.latency_s(0.5),
        latency_p99_s: t.latency_s(0.99),
        logged_before_stamp: t.early,
        lost: t.losses.as_ref().map(|l| l.lost),
        lost_by_recorder: told.filter_map(|(_, v)| v.parse().ok()).max(),
        out_of_order: t.losses.as_ref().map(|l| l.out_of_order),
        restarts: t.losses.as_ref().map(|l| l.restarts),
        undecodable: t.undecodable,
    }
}

fn telemetry(survey: &Survey) -> Telemetry {
    let wanted = required(survey);
    let mut absent = BTreeMap::new();
    for (topic, what) in &wanted {
        let found = survey.topics.get(topic).filter(|t| t.count > 0);
        let why = match (found, what) {
            (None, Wanted::Once) => Some("not in the bag".to_owned()),
            (None, Wanted::Rate(hz, from)) => Some(format!("not in the bag; {hz:.4} Hz wanted ({from})")),
            (Some(_), Wanted::Once) => None,
            (Some(t), Wanted::Rate(hz, from)) => {
                // Over the whole bag: a topic that falls silent half way is not there.
                let mean_hz = t.count as f64 / survey.duration_s().max(1e-9);
                (mean_hz < RATE_SHARE * hz && (t.count as f64) < survey.duration_s() * RATE_SHARE * hz - 1.0)
                    .then(|| format!("{mean_hz:.2} Hz over the bag; {hz:.4} Hz wanted ({from})"))
            }
        };
        absent.extend(why.map(|why| (topic.clone(), why)));
    }
    let present = wanted.len() - absent.len();
    Telemetry { required: wanted.len(), present, share: present as f64 / wanted.len().max(1) as f64, absent }
}

fn nodes(survey: &Survey) -> Vec<NodeRun> {
    let run = |((node, boot_id), run): (&(String, u64), &super::survey::RunSurvey)| NodeRun {
        node: node.clone(),
        boot_id: *boot_id,
        build: run.info.as_ref().map(|i| i.build.clone()),
        from_s: s(run.first_ns.saturating_sub(survey.start_ns)),
        ticks: run.tick_count,
        first_tick: run.ticks.map(|t| t.0),
        missing_ticks: run.missing(),
    };
    let mut runs: Vec<NodeRun> = survey.runs.iter().map(run).collect();
    runs.sort_by(|a, b| {
        (&a.node, a.from_s).partial_cmp(&(&b.node, b.from_s)).unwrap_or(std::cmp::Ordering::Equal)
    });
    runs
}

fn s(ns: u64) -> f64 {
    ns as f64 / 1e9
}

fn size(bytes: u64) -> String {
    match bytes as f64 {
        b if b < 1e3 => format!("{bytes} B"),
        b if b < 1e6 => format!("{:.1} kB", b / 1e3),
        b if b < 1e9 => format!("{:.1} MB", b / 1e6),
        b => format!("{:.2} GB", b / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Example, bag};
    use super::*;
    use outrider_bags::{BagWriter, WriterOptions};

    fn info(example: &Example) -> BagInfo {
        let dir = tempfile::tempdir().unwrap();
        BagInfo::read(&bag(dir.path(), "x", example)).unwrap()
    }

    #[test]
    fn a_bag_is_told_as_it_is() {
        let i = info(&Example::default());
        assert_eq!((i.duration_s, i.messages, i.ros_distro.as_deref()), (4.0, 1087, Some("jazzy")));
        assert!(i.complete && i.compression == ["zstd"], "{i:?}");
        let odom = &i.topics["/odom"];
        assert_eq!((odom.count, odom.gaps_over_3_medians, odom.lost), (201, 0, None));
        assert!(odom.rate_hz.is_some_and(|hz| (hz - 50.0).abs() < 1e-6), "{odom:?}");
        assert_eq!((odom.latency_p50_s, i.topics["/gate/state"].lost), (Some(0.0), Some(0)));
        let text = i.to_text();
        for wanted in [
            "duration     4.000 s",
            "state        complete",
            "node         gate",
            "1.0, run",
            "ROS distro   jazzy",
        ] {
            assert!(text.contains(wanted), "{wanted} in {text}");
        }
    }

    #[test]
    fn the_last_word_of_the_recorder_on_losses_counts() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.mcap");
        let mut writer = BagWriter::create(&path, &WriterOptions::default()).unwrap();
        let scan = writer.add_channel("/scan", "std_msgs/msg/Bool", "bool data", "").unwrap();
        writer.write(scan, 1, 1, 1, &[0, 1, 0, 0, 1]).unwrap();
        for (name, lost) in [("outrider.losses", "0"), ("outrider.summary", "7"), ("outrider.z", "?")] {
            writer.write_metadata(name, BTreeMap::from([("lost/scan".into(), lost.into())])).unwrap();
        }
        writer.finish().unwrap();
        let info = BagInfo::read(&path).unwrap();
        assert_eq!(info.topics["/scan"].lost_by_recorder, Some(7));
    }

    #[test]
    fn a_bag_that_lacks_a_file_is_not_complete() {
        let dir = tempfile::tempdir().unwrap();
        let path = bag(dir.path(), "x", &Example::default());
        let yaml = path.join("metadata.yaml");
        let text = std::fs::read_to_string(&yaml).unwrap();
        let listed = "    - \"x_0.mcap\"\n";
        std::fs::write(&yaml, text.replace(listed, &format!("{listed}    - \"x_1.mcap\"\n"))).unwrap();
        let info = BagInfo::read(&path).unwrap();
        assert!(!info.complete);
        assert!(info.damage[0].ends_with("it lists x_1.mcap, which is not there"), "{:?}", info.damage);
    }

    #[test]
    fn what_is_missing_late_or_lost_is_told() {
        let i = info(&Example {
            silent: Some(("/gate/state", 1.0, 1.5)),
            late: Some(("/odom", 0.0, 0.03)),
            slow: Some(("/gate/journal", 2.0)),
            ..Example::default()
        });
        let gate = &i.topics["/gate/state"];
        assert_eq!((gate.lost, gate.gaps_over_3_medians), (Some(50), 1));
        assert!(gate.largest_gap_s.is_some_and(|g| (g - 0.51).abs() < 1e-6), "{gate:?}");
        assert!(gate.largest_gap_at_s.is_some_and(|g| (g - 0.99).abs() < 1e-6), "{gate:?}");
        assert!(i.topics["/odom"].latency_p99_s.is_some_and(|l| (l - 0.03).abs() < 1e-3), "{i:?}");
        assert!(i.nodes[0].missing_ticks > 90, "{:?}", i.nodes);
        // The gate's own configuration says 100 Hz; 50 of 401 are missing, which is still most of them.
        let absent = &i.telemetry.absent;
        assert!(!absent.contains_key("/gate/state") && absent.contains_key("/imu"), "{absent:?}");
        let half = info(&Example { slow: Some(("/gate/state", 0.0)), ..Example::default() });
        let why = &half.telemetry.absent["/gate/state"];
        assert!(why.contains("100.0000 Hz wanted (gate: period_s)"), "{why}");
    }
}
