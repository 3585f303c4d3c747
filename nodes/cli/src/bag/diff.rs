//! `outrider bag diff`: what differs between two bags, and what differed first.

use super::schema::Schema;
use super::survey::{Seen, Survey, TopicSurvey, open};
use outrider_runtime::{config, payload_digest};
use serde::Serialize;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The most messages that are compared, of both bags together: 8 bytes each.
const MESSAGE_LIMIT: usize = 20_000_000;
/// Rates that differ by less than this part are alike.
const RATE_ALIKE: f64 = 0.02;
/// The most differing keys that are told of one file of one node.
const KEY_LIMIT: usize = 50;

/// Arguments of `outrider bag diff`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// One bag.
    a: PathBuf,
    /// The other.
    b: PathBuf,
    /// Fields that do not count, wherever they are in a message: `stamp`, `boot_id`, `received`, `duration`, …
    #[arg(long, value_name = "FIELD", num_args = 1..)]
    ignore: Vec<String>,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

/// What differs.
#[derive(Debug, Default, Serialize)]
pub struct Difference {
    only_in_a: Vec<String>,
    only_in_b: Vec<String>,
    /// Topics of both, by the time of their first difference.
    topics: Vec<TopicDifference>,
    /// Nodes of both and what they were started with.
    nodes: Vec<String>,
    /// Topics of both that are the same to the last byte, or but for what is ignored.
    identical: Vec<String>,
    notes: Vec<String>,
}

#[derive(Debug, Serialize)]
struct TopicDifference {
    topic: String,
    types: Option<(String, String)>,
    counts: Option<(u64, u64)>,
    rates_hz: Option<(f64, f64)>,
    /// Messages, one by one in their order, that differ.
    differing: u64,
    first: Option<FirstDifference>,
}

/// The first message that differs.
#[derive(Debug, Serialize)]
struct FirstDifference {
    /// Its place on the topic, from 0.
    index: usize,
    /// Since the start of each bag; none where the bag has no such message.
    a_s: Option<f64>,
    b_s: Option<f64>,
    field: String,
    a: String,
    b: String,
}

/// Runs `outrider bag diff`.
///
/// # Errors
/// When a bag cannot be read.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let difference = diff(&args.a, &args.b, &args.ignore)?;
    super::show(args.json, &difference, || difference.to_text())?;
    Ok(if difference.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Difference {
    /// The bags hold the same.
    pub fn is_none(&self) -> bool {
        self.only_in_a.is_empty()
            && self.only_in_b.is_empty()
            && self.topics.is_empty()
            && self.nodes.is_empty()
    }

    fn to_text(&self) -> String {
        let mut out = String::new();
        // Writing to a String cannot fail.
        for (topics, which) in [(&self.only_in_a, "A"), (&self.only_in_b, "B")] {
            if !topics.is_empty() {
                let _ = writeln!(out, "only in {which}: {}", topics.join(" "));
            }
        }
        for node in &self.nodes {
            let _ = writeln!(out, "{node}");
        }
        if let Some(first) = self.topics.iter().find(|t| t.first.is_some()) {
            let _ = writeln!(out, "first difference: {}", first.topic);
        }
        for t in &self.topics {
            let _ = writeln!(out, "{}", t.to_text());
        }
        for note in &self.notes {
            let _ = writeln!(out, "note: {note}");
        }
        let _ = writeln!(out, "{} topics identical, {} differ", self.identical.len(), self.topics.len());
        out
    }
}

impl TopicDifference {
    fn to_text(&self) -> String {
        let mut parts = Vec::new();
        if let Some((a, b)) = &self.types {
            parts.push(format!("type {a} | {b}"));
        }
        if let Some((a, b)) = self.counts {
            parts.push(format!("{a} | {b} messages"));
        }
        if let Some((a, b)) = self.rates_hz {
            parts.push(format!("{a:.2} | {b:.2} Hz"));
        }
        if self.differing > 0 {
            parts.push(format!("{} differ", self.differing));
        }
        let mut text = format!("{}: {}", self.topic, parts.join(", "));
        if let Some(f) = &self.first {
            let at = |s: Option<f64>| s.map_or("-".to_owned(), |s| format!("{s:.3} s"));
            let _ = write!(
                text,
                "\n    message {} at {} | {}: {} = {} | {}",
                f.index,
                at(f.a_s),
                at(f.b_s),
                f.field,
                f.a,
                f.b
            );
        }
        text
    }
}

/// One bag, gone over once: a digest of every message.
struct Side {
    survey: Survey,
    digests: BTreeMap<String, Vec<u64>>,
    beyond_limit: bool,
}

impl Side {
    fn read(path: &Path, ignore: &[String]) -> anyhow::Result<Self> {
        let (reader, start_ns, end_ns) = open(path)?;
        let mut digests: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        let (mut count, mut beyond_limit) = (0, false);
        let mut content = Vec::new();
        let survey = Survey::pass(&reader, (start_ns, end_ns), &mut |seen: &Seen<'_>| {
            count += 1;
            if count > MESSAGE_LIMIT / 2 {
                beyond_limit = true;
                return Ok(());
            }
            let digest = digest(seen, ignore, &mut content);
            match digests.get_mut(&seen.channel.topic) {
                Some(all) => all.push(digest),
                None => drop(digests.insert(seen.channel.topic.clone(), vec![digest])),
            }
            Ok(())
        })?;
        Ok(Self { survey, digests, beyond_limit })
    }
}

fn digest(seen: &Seen<'_>, ignore: &[String], content: &mut Vec<u8>) -> u64 {
    let Some(schema) = seen.schema.filter(|_| !ignore.is_empty()) else {
        return payload_digest(&seen.message.data);
    };
    content.clear();
    let walked = schema.leaves(&seen.message.data, &mut |path, value| {
        if !path.has_any(ignore) {
            value.bits(content);
        }
        true
    });
    if walked.is_err() { payload_digest(&seen.message.data) } else { payload_digest(content) }
}

/// Compares two bags.
///
/// # Errors
/// When one cannot be read.
pub fn diff(a: &Path, b: &Path, ignore: &[String]) -> anyhow::Result<Difference> {
    let (left, right) = (Side::read(a, ignore)?, Side::read(b, ignore)?);
    let mut result = Difference::default();
    for (side, path) in [(&left, a), (&right, b)] {
        let name = path.display();
        result.notes.extend(side.survey.damage.iter().map(|d| format!("{name}: {d}")));
        if side.beyond_limit {
            let half = MESSAGE_LIMIT / 2;
            result.notes.push(format!("{name}: only the first {half} messages were compared"));
        }
    }
    let only =
        |a: &Survey, b: &Survey| a.topics.keys().filter(|t| !b.topics.contains_key(*t)).cloned().collect();
    result.only_in_a = only(&left.survey, &right.survey);
    result.only_in_b = only(&right.survey, &left.survey);
    result.nodes = nodes(&left.survey, &right.survey);
    let mut wanted: BTreeMap<String, usize> = BTreeMap::new();
    for (topic, ta) in &left.survey.topics {
        let Some(tb) = right.survey.topics.get(topic) else { continue };
        let none = Vec::new();
        let (da, db) = (left.digests.get(topic).unwrap_or(&none), right.digests.get(topic).unwrap_or(&none));
        let differing = da.iter().zip(db).filter(|(a, b)| a != b).count() as u64;
        let first = da.iter().zip(db).position(|(a, b)| a != b);
        let first = first.or((da.len() != db.len()).then_some(da.len().min(db.len())));
        match first {
            None => result.identical.push(topic.clone()),
            Some(index) => {
                wanted.insert(topic.clone(), index);
                result.topics.push(compare(topic, ta, tb, differing));
            }
        }
    }
    let (pa, pb) = (pick(a, &wanted)?, pick(b, &wanted)?);
    for t in &mut result.topics {
        let index = wanted.get(&t.topic).copied().unwrap_or(0);
        t.first = Some(first(index, pa.get(&t.topic), pb.get(&t.topic), ignore));
    }
    let at = |t: &TopicDifference| t.first.as_ref().and_then(|f| f.a_s.or(f.b_s)).unwrap_or(f64::INFINITY);
    result.topics.sort_by(|x, y| at(x).total_cmp(&at(y)));
    Ok(result)
}

fn compare(topic: &str, a: &TopicSurvey, b: &TopicSurvey, differing: u64) -> TopicDifference {
    let rates = a.rate_hz().zip(b.rate_hz()).filter(|(a, b)| (a - b).abs() > RATE_ALIKE * a.max(*b));
    TopicDifference {
        topic: topic.to_owned(),
        types: (a.type_name != b.type_name).then(|| (a.type_name.clone(), b.type_name.clone())),
        counts: (a.count != b.count).then_some((a.count, b.count)),
        rates_hz: rates,
        differing,
        first: None,
    }
}

/// A message that was looked up.
struct Picked {
    t_s: f64,
    data: Vec<u8>,
    schema: Option<Schema>,
}

/// The messages with these places on their topics.
fn pick(path: &Path, wanted: &BTreeMap<String, usize>) -> anyhow::Result<BTreeMap<String, Picked>> {
    let (reader, start_ns, end_ns) = open(path)?;
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut picked = BTreeMap::new();
    Survey::pass(&reader, (start_ns, end_ns), &mut |seen: &Seen<'_>| {
        let topic = &seen.channel.topic;
        let Some(index) = wanted.get(topic) else { return Ok(()) };
        let count = counts.entry(topic.clone()).or_default();
        if count == index {
            let t_s = seen.message.log_time_ns.saturating_sub(start_ns) as f64 / 1e9;
            let data = seen.message.data.clone();
            picked.insert(topic.clone(), Picked { t_s, data, schema: seen.schema.cloned() });
        }
        *count += 1;
        Ok(())
    })?;
    Ok(picked)
}

fn first(index: usize, a: Option<&Picked>, b: Option<&Picked>, ignore: &[String]) -> FirstDifference {
    let (field, left, right) = match (a, b) {
        (Some(a), Some(b)) => first_field(a, b, ignore),
        (a, _) => {
            let there = |is: bool| if is { "there" } else { "not there" }.to_owned();
            ("(message)".to_owned(), there(a.is_some()), there(b.is_some()))
        }
    };
    FirstDifference { index, a_s: a.map(|p| p.t_s), b_s: b.map(|p| p.t_s), field, a: left, b: right }
}

/// Path and both values of the first field that differs.
fn first_field(a: &Picked, b: &Picked, ignore: &[String]) -> (String, String, String) {
    let bytes = || {
        let at =
            a.data.iter().zip(&b.data).position(|(x, y)| x != y).unwrap_or(a.data.len().min(b.data.len()));
        let show = |data: &[u8]| data.get(at).map_or("the end".to_owned(), |b| format!("{b:#04x}"));
        (format!("(byte {at})"), show(&a.data), show(&b.data))
    };
    let (Some(sa), Some(sb)) = (&a.schema, &b.schema) else { return bytes() };
    let mut left = Vec::new();
    let walked = sa.leaves(&a.data, &mut |path, value| {
        if !path.has_any(ignore) {
            left.push((path.to_string(), value));
        }
        true
    });
    let mut found = None;
    let mut next = left.iter();
    let other = sb.leaves(&b.data, &mut |path, value| {
        if path.has_any(ignore) {
            return true;
        }
        let name = path.to_string();
        found = match next.next() {
            Some((n, v)) if *n == name && v.same(value) => None,
            Some((n, v)) if *n == name => Some((name, v.to_string(), value.to_string())),
            Some((n, v)) => Some((n.clone(), v.to_string(), format!("{name} = {value}"))),
            None => Some((name, "the end".to_owned(), value.to_string())),
        };
        found.is_none()
    });
    match (found, walked, other) {
        (Some(found), _, _) => found,
        (None, Ok(()), Ok(())) => match next.next() {
            Some((name, value)) => (name.clone(), value.to_string(), "the end".to_owned()),
            None => bytes(),
        },
        _ => bytes(),
    }
}

/// What nodes ran, and with what.
fn nodes(a: &Survey, b: &Survey) -> Vec<String> {
    let mut lines = Vec::new();
    // The first run of each; more runs are told by their number.
    let runs = |s: &Survey| -> BTreeMap<String, (Option<outrider_msgs::outrider_msgs::NodeInfo>, usize)> {
        let mut all: BTreeMap<String, (Option<_>, usize)> = BTreeMap::new();
        let mut ordered: Vec<_> = s.runs.iter().collect();
        ordered.sort_by_key(|(_, run)| run.first_ns);
        for ((node, _), run) in ordered {
            let entry = all.entry(node.clone()).or_default();
            entry.0 = entry.0.take().or_else(|| run.info.clone());
            entry.1 += 1;
        }
        all
    };
    let (left, right) = (runs(a), runs(b));
    for (node, (ia, na)) in &left {
        let Some((ib, nb)) = right.get(node) else {
            lines.push(format!("node {node}: only in A"));
            continue;
        };
        if na != nb {
            lines.push(format!("node {node}: {na} | {nb} runs"));
        }
        if let (Some(ia), Some(ib)) = (ia, ib) {
            if ia.build != ib.build {
                lines.push(format!("node {node}: build {} | {}", ia.build, ib.build));
            }
            let files = |i: &outrider_msgs::outrider_msgs::NodeInfo| -> BTreeMap<String, String> {
                i.resource_names.iter().cloned().zip(i.resource_contents.iter().cloned()).collect()
            };
            resources(node, &files(ia), &files(ib), &mut lines);
        }
    }
    lines.extend(right.keys().filter(|n| !left.contains_key(*n)).map(|n| format!("node {n}: only in B")));
    lines
}

fn resources(
    node: &str,
    a: &BTreeMap<String, String>,
    b: &BTreeMap<String, String>,
    lines: &mut Vec<String>,
) {
    for (role, ta) in a {
        let Some(tb) = b.get(role) else {
            lines.push(format!("node {node}: {role} only in A"));
            continue;
        };
        if ta == tb {
            continue;
        }
        let keys = match (keys(role, ta), keys(role, tb)) {
            (Some(ka), Some(kb)) => differing_keys(&ka, &kb),
            _ => differing_line(ta, tb),
        };
        if keys.is_empty() {
            lines.push(format!("node {node}: {role} differs in its comments or layout alone"));
        }
        let more = keys.len().saturating_sub(KEY_LIMIT);
        lines.extend(keys.into_iter().take(KEY_LIMIT).map(|k| format!("node {node}: {role}: {k}")));
        if more > 0 {
            lines.push(format!("node {node}: {role}: and {more} keys more"));
        }
    }
    lines.extend(b.keys().filter(|r| !a.contains_key(*r)).map(|r| format!("node {node}: {r} only in B")));
}

/// Values of a YAML file by their paths; `None` when it is none (a tree, a world, a specification).
fn keys(role: &str, text: &str) -> Option<BTreeMap<String, String>> {
    if text.trim_start().starts_with('<') || role.ends_with(".stl") {
        return None;
    }
    let value: Json = config::parse_unchecked(role, text).ok()?;
    let mut found = BTreeMap::new();
    flatten(String::new(), &value, &mut found);
    (value.is_object()).then_some(found)
}

fn flatten(path: String, value: &Json, into: &mut BTreeMap<String, String>) {
    match value {
        Json::Object(map) => {
            for (key, value) in map {
                flatten(if path.is_empty() { key.clone() } else { format!("{path}.{key}") }, value, into);
            }
        }
        Json::Array(list) => {
            for (i, value) in list.iter().enumerate() {
                flatten(format!("{path}[{i}]"), value, into);
            }
        }
        leaf => drop(into.insert(path, leaf.to_string())),
    }
}

fn differing_keys(a: &BTreeMap<String, String>, b: &BTreeMap<String, String>) -> Vec<String> {
    let mut all: Vec<&String> = a.keys().chain(b.keys()).collect();
    all.sort();
    all.dedup();
    let none = "(none)".to_owned();
    let line = |k: &String| {
        let (va, vb) = (a.get(k).unwrap_or(&none), b.get(k).unwrap_or(&none));
        (va != vb).then(|| format!("{k} = {va} | {vb}"))
    };
    all.into_iter().filter_map(line).collect()
}

fn differing_line(a: &str, b: &str) -> Vec<String> {
    let short =
        |l: Option<&str>| l.map_or("the end".to_owned(), |l| l.trim().chars().take(60).collect::<String>());
    let (mut la, mut lb) = (a.lines(), b.lines());
    for number in 1.. {
        let (x, y) = (la.next(), lb.next());
        if x != y {
            return vec![format!("line {number}: {} | {}", short(x), short(y))];
        }
        if x.is_none() {
            break;
        }
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Example, bag};
    use super::*;

    fn compare(a: &Example, b: &Example, ignore: &[&str]) -> Difference {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (bag(dir.path(), "a", a), bag(dir.path(), "b", b));
        diff(&a, &b, &ignore.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn a_bag_is_as_itself() {
        let found = compare(&Example::default(), &Example::default(), &[]);
        assert!(found.is_none(), "{found:?}");
        assert_eq!(found.identical.len(), 7);
    }

    #[test]
    fn the_first_difference_is_told_with_topic_field_and_time() {
        let stop = Example { stop: Some((2.0, 3.0)), ..Example::default() };
        let found = compare(&Example::default(), &stop, &[]);
        assert_eq!(found.topics.len(), 1, "{found:?}");
        let first = found.topics[0].first.as_ref().unwrap();
        assert_eq!(
            (found.topics[0].topic.as_str(), first.index, found.topics[0].differing),
            ("/gate/state", 200, 100)
        );
        assert_eq!((first.field.as_str(), first.a.as_str(), first.b.as_str()), ("mode", "2", "1"));
        assert_eq!(first.a_s, Some(2.0));
        // But for that field, and the reason.
        let found = compare(&Example::default(), &stop, &["mode", "reason"]);
        assert!(found.is_none(), "{found:?}");
    }

    #[test]
    fn nodes_are_compared_key_by_key() {
        let other = Example { build: "1.1", config: "period_s: 0.02 # slower\n", ..Example::default() };
        let found = compare(&Example::default(), &other, &[]);
        assert_eq!(found.nodes, ["node gate: build 1.0 | 1.1", "node gate: config: period_s = 0.01 | 0.02"]);
    }

    #[test]
    fn counts_and_rates_are_told() {
        let slow = Example { slow: Some(("/scan", 0.0)), ..Example::default() };
        let found = compare(&Example::default(), &slow, &[]);
        let scan = found.topics.iter().find(|t| t.topic == "/scan").unwrap();
        assert_eq!(scan.counts, Some((81, 41)));
        assert!(
            scan.rates_hz.is_some_and(|(a, b)| (a - 20.0).abs() < 0.1 && (b - 10.0).abs() < 0.1),
            "{scan:?}"
        );
    }
}
