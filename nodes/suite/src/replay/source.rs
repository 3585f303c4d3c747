//! Where the messages of a replay come from: a bag, or a run in this process.

use crate::lockstep::Observed;
use outrider_bags::{BagReader, Channel, Order};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::ControlFlow;

/// The most places of a bag that cannot be read and are told one by one.
const DAMAGE_TOLD: usize = 20;

/// A message of a bag.
#[derive(Clone, Debug)]
pub struct Record<'a> {
    /// Its topic, with a leading slash.
    pub topic: &'a str,
    /// `pkg/msg/Type`.
    pub type_name: &'a str,
    /// The definition that the bag holds.
    pub definition: &'a str,
    /// How many of its topic are kept for late comers; 0 for none.
    pub kept: usize,
    /// When it was recorded, ns.
    pub log_time_ns: u64,
    /// Its encoding.
    pub bytes: Cow<'a, [u8]>,
}

/// Whether messages of a topic, with its type, are wanted.
pub type Wants<'a> = dyn Fn(&str, &str) -> bool + 'a;

/// Anything that can be read over and over.
pub trait Source {
    /// The topics that there are messages of, each with its type.
    fn topics(&self) -> BTreeSet<(String, String)>;

    /// Hands over every message that is wanted by time of recording, until told to stop. What could not be read comes back, one
    /// sentence each.
    fn read<'a>(
        &'a self,
        wants: &Wants<'_>,
        see: &mut dyn FnMut(Record<'a>) -> ControlFlow<()>,
    ) -> Vec<String>;

    /// As [`Self::read`], in the order in which the messages were taken where that is known. Log times may jump in it.
    fn read_as_taken<'a>(
        &'a self,
        wants: &Wants<'_>,
        see: &mut dyn FnMut(Record<'a>) -> ControlFlow<()>,
    ) -> Vec<String> {
        self.read(wants, see)
    }
}

impl Source for BagReader {
    fn topics(&self) -> BTreeSet<(String, String)> {
        let there = self.channels().iter().filter(|c| c.message_count > 0);
        there.map(|c| (c.topic.clone(), c.type_name.clone())).collect()
    }

    fn read<'a>(
        &'a self,
        wants: &Wants<'_>,
        see: &mut dyn FnMut(Record<'a>) -> ControlFlow<()>,
    ) -> Vec<String> {
        read(self, Order::LogTime, wants, see)
    }

    fn read_as_taken<'a>(
        &'a self,
        wants: &Wants<'_>,
        see: &mut dyn FnMut(Record<'a>) -> ControlFlow<()>,
    ) -> Vec<String> {
        read(self, self.taking_order(), wants, see)
    }
}

fn read<'a>(
    bag: &'a BagReader,
    order: Order,
    wants: &Wants<'_>,
    see: &mut dyn FnMut(Record<'a>) -> ControlFlow<()>,
) -> Vec<String> {
    let qos = |channel: &Channel| channel.metadata.get("offered_qos_profiles").map_or(0, |yaml| kept(yaml));
    let kept: Vec<usize> = bag.channels().iter().map(qos).collect();
    let (mut damage, mut more) = (Vec::new(), 0);
    for message in bag.messages_of(order, |c| wants(&c.topic, &c.type_name)) {
        let message = match message {
            Ok(message) => message,
            Err(error) if damage.len() < DAMAGE_TOLD => {
                damage.push(error.to_string());
                continue;
            }
            Err(_) => {
                more += 1;
                continue;
            }
        };
        let Some(channel) = bag.channel(message.channel) else { continue };
        let record = Record {
            topic: &channel.topic,
            type_name: &channel.type_name,
            definition: &channel.definition,
            kept: kept.get(message.channel).copied().unwrap_or(0),
            log_time_ns: message.log_time_ns,
            bytes: Cow::Owned(message.data),
        };
        if see(record).is_break() {
            break;
        }
    }
    if more > 0 {
        damage.push(format!("and {more} more places"));
    }
    damage
}

/// How many messages an offered QoS keeps for late comers. Durability is written out, or as a number where 1 is transient local.
fn kept(yaml: &str) -> usize {
    let value = |key: &str| {
        yaml.lines().find_map(|line| line.trim().trim_start_matches("- ").strip_prefix(key)).map(str::trim)
    };
    match value("durability:") {
        Some("transient_local" | "1") => value("depth:").and_then(|d| d.parse().ok()).unwrap_or(1).max(1),
        _ => 0,
    }
}

struct Held {
    topic: String,
    type_name: &'static str,
    kept: usize,
    log_time_ns: u64,
    bytes: Vec<u8>,
}

/// A run in this process, held in memory as a bag would have it.
#[derive(Default)]
pub struct Evidence {
    held: Vec<Held>,
}

impl Evidence {
    /// Takes in a message as it is published.
    pub fn see(&mut self, observed: &Observed) {
        let qos = observed.topic.qos;
        self.held.push(Held {
            topic: observed.topic.absolute_name(),
            type_name: observed.topic.type_name,
            kept: if qos.transient_local { qos.depth as usize } else { 0 },
            log_time_ns: observed.now.ros.nanos().unsigned_abs(),
            bytes: observed.bytes.to_vec(),
        });
    }

    /// Lets go of every message that this is false for, given its topic, its number among those of its topic (from 1) and its bytes.
    pub fn retain(&mut self, mut keep: impl FnMut(&str, u64, &[u8]) -> bool) {
        let mut counts = std::collections::BTreeMap::<String, u64>::new();
        self.held.retain(|held| {
            let count = counts.entry(held.topic.clone()).or_default();
            *count += 1;
            keep(&held.topic, *count, &held.bytes)
        });
    }

    /// Digest over topics and bytes of all messages in their order: what two runs with one seed have in common.
    pub fn digest(&self) -> u64 {
        let mut digest = outrider_runtime::OutputDigest::default();
        for held in &self.held {
            digest.add(0, outrider_runtime::payload_digest(held.topic.as_bytes()));
            digest.add(1, outrider_runtime::payload_digest(&held.bytes));
        }
        digest.finish().1
    }
}

impl Source for Evidence {
    fn topics(&self) -> BTreeSet<(String, String)> {
        self.held.iter().map(|held| (held.topic.clone(), held.type_name.to_owned())).collect()
    }

    fn read<'a>(
        &'a self,
        wants: &Wants<'_>,
        see: &mut dyn FnMut(Record<'a>) -> ControlFlow<()>,
    ) -> Vec<String> {
        for held in self.held.iter().filter(|held| wants(&held.topic, held.type_name)) {
            let record = Record {
                topic: &held.topic,
                type_name: held.type_name,
                definition: outrider_msgs::definition_of(held.type_name).unwrap_or_default(),
                kept: held.kept,
                log_time_ns: held.log_time_ns,
                bytes: Cow::Borrowed(&held.bytes),
            };
            if see(record).is_break() {
                break;
            }
        }
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use outrider_bags::{BagWriter, WriterOptions};
    use outrider_runtime::Qos;

    #[test]
    fn topics_without_messages_are_none_of_a_bag() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.mcap");
        let mut writer = BagWriter::create(&path, &WriterOptions::default()).unwrap();
        let ids = ["/a", "/b"].map(|t| writer.add_channel(t, "std_msgs/msg/Bool", "bool data", "").unwrap());
        writer.write(ids[1], 0, 1, 1, &[0, 1, 0, 0, 1]).unwrap();
        writer.finish().unwrap();
        let wanted = [("/b".to_owned(), "std_msgs/msg/Bool".to_owned())];
        assert_eq!(BagReader::open(&path).unwrap().topics(), BTreeSet::from(wanted));
    }

    #[test]
    fn latched_topics_are_told_by_their_quality_of_service() {
        assert_eq!(kept(&Qos::LATCHED.to_rosbag2_yaml()), 1);
        assert_eq!(kept(&Qos::RECORD.to_rosbag2_yaml()), 1000);
        assert_eq!(kept(&Qos::SENSOR.to_rosbag2_yaml()), 0);
        assert_eq!(kept("- history: 1\n  depth: 3\n  reliability: 1\n  durability: 1\n"), 3);
        assert_eq!(kept(""), 0);
    }
}
