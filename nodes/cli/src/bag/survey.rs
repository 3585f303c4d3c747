//! One pass over a bag: how often, how late and how completely every topic was recorded, and what ran.

use anyhow::Context;
use hdrhistogram::Histogram;
use outrider_bags::{BagMessage, BagReader, Channel, Order};
use outrider_msgs::outrider_msgs::{NodeInfo, Tick};
use outrider_msgs::{Head, Message, Schema, decode};
use outrider_runtime::LossCounter;
use std::collections::BTreeMap;
use std::path::Path;

/// The most findings of damage that are kept; more are counted.
pub const DAMAGE_LIMIT: usize = 100;
/// The most runs of nodes that are kept apart.
const RUN_LIMIT: usize = 1_000;

/// What a pass over a bag found of one topic. Bounded: times go into histograms.
#[derive(Clone, Debug)]
pub struct TopicSurvey {
    /// `pkg/msg/Type`.
    pub type_name: String,
    /// `cdr`, mostly.
    pub serialization: String,
    /// Messages.
    pub count: u64,
    /// Bytes of messages.
    pub bytes: u64,
    /// Log time of the first.
    pub first_ns: u64,
    /// Log time of the last.
    pub last_ns: u64,
    /// Longest time between two, ns, and the log time at which it began.
    pub gap: (u64, u64),
    /// Times between two, µs.
    intervals: Histogram<u64>,
    /// Log time after the stamp in the message, µs.
    latency: Histogram<u64>,
    /// Messages that were logged before their own stamp.
    pub early: u64,
    /// Gaps in the publisher's count; `None` for messages without one.
    pub losses: Option<LossCounter>,
    /// Messages that do not begin as their schema says.
    pub undecodable: u64,
    /// The first reason.
    pub first_error: String,
}

impl TopicSurvey {
    fn new(channel: &Channel) -> anyhow::Result<Self> {
        let histogram = || Histogram::new(3).context("cannot make a histogram");
        Ok(Self {
            type_name: channel.type_name.clone(),
            serialization: channel.message_encoding.clone(),
            count: 0,
            bytes: 0,
            first_ns: 0,
            last_ns: 0,
            gap: (0, 0),
            intervals: histogram()?,
            latency: histogram()?,
            early: 0,
            losses: None,
            undecodable: 0,
            first_error: String::new(),
        })
    }

    fn note(&mut self, message: &BagMessage, head: Option<Head>) {
        let at_ns = message.log_time_ns;
        if self.count == 0 {
            self.first_ns = at_ns;
        } else {
            let gap_ns = at_ns.saturating_sub(self.last_ns);
            if gap_ns > self.gap.0 {
                self.gap = (gap_ns, self.last_ns);
            }
            record(&mut self.intervals, gap_ns / 1000);
        }
        self.last_ns = at_ns;
        self.count += 1;
        self.bytes = self.bytes.saturating_add(message.data.len() as u64);
        let Some(head) = head else { return };
        // A stamp of zero is none.
        if let Some(stamp_ns) = head.stamp_ns.filter(|s| *s != 0) {
            match i128::from(at_ns) - i128::from(stamp_ns) {
                late if late >= 0 => {
                    record(&mut self.latency, u64::try_from(late / 1000).unwrap_or(u64::MAX))
                }
                _ => self.early += 1,
            }
        }
        if let Some(number) = head.number {
            self.losses.get_or_insert_default().note(head.run, number);
        }
    }

    /// Messages a second between the first and the last; `None` for fewer than two.
    pub fn rate_hz(&self) -> Option<f64> {
        let span_s = self.last_ns.saturating_sub(self.first_ns) as f64 / 1e9;
        (self.count > 1 && span_s > 0.0).then(|| (self.count - 1) as f64 / span_s)
    }

    /// Median time between two messages, s.
    pub fn median_interval_s(&self) -> Option<f64> {
        (!self.intervals.is_empty()).then(|| self.intervals.value_at_quantile(0.5) as f64 / 1e6)
    }

    /// How many times between two messages are longer than `factor` medians.
    pub fn gaps_over(&self, factor: f64) -> u64 {
        let Some(median_s) = self.median_interval_s().filter(|m| *m > 0.0) else { return 0 };
        let limit_us = (median_s * factor * 1e6) as u64;
        let longer = self.intervals.iter_recorded().filter(|v| v.value_iterated_to() > limit_us);
        longer.map(|v| v.count_at_value()).sum()
    }

    /// Log time less stamp at a quantile, s; `None` for messages without a stamp.
    pub fn latency_s(&self, quantile: f64) -> Option<f64> {
        (!self.latency.is_empty()).then(|| self.latency.value_at_quantile(quantile) as f64 / 1e6)
    }
}

/// Anything up to three years; longer is taken for that.
fn record(histogram: &mut Histogram<u64>, micros: u64) {
    const LONGEST_US: u64 = 100_000_000_000_000;
    // The histogram grows as it must; it refuses nothing up to the greatest number.
    let _ = histogram.record(micros.min(LONGEST_US));
}

/// One run of one node.
#[derive(Clone, Debug, Default)]
pub struct RunSurvey {
    /// What it was started with, if the bag has it.
    pub info: Option<NodeInfo>,
    /// First log time at which anything of it was seen.
    pub first_ns: u64,
    /// First and last tick.
    pub ticks: Option<(u64, u64)>,
    /// Ticks that are there.
    pub tick_count: u64,
}

impl RunSurvey {
    /// Ticks that must have been between the first and the last and are not in the bag.
    pub fn missing(&self) -> u64 {
        let must = |(first, last): (u64, u64)| last.saturating_sub(first).saturating_add(1);
        self.ticks.map_or(0, |ticks| must(ticks).saturating_sub(self.tick_count))
    }
}

/// Everything that one pass finds.
#[derive(Debug, Default)]
pub struct Survey {
    /// First log time.
    pub start_ns: u64,
    /// Last log time.
    pub end_ns: u64,
    /// By name.
    pub topics: BTreeMap<String, TopicSurvey>,
    /// By node and run, in the order of the run's id.
    pub runs: BTreeMap<(String, u64), RunSurvey>,
    /// What could not be read.
    pub damage: Vec<String>,
    /// What could not be read beyond [`DAMAGE_LIMIT`].
    pub more_damage: u64,
}

/// A message with its topic and what it says of itself.
pub struct Seen<'a> {
    /// Its channel.
    pub channel: &'a Channel,
    /// Its schema, when there is a sound one.
    pub schema: Option<&'a Schema>,
    /// The message.
    pub message: &'a BagMessage,
    /// Its stamp and number, as far as it can be read.
    pub head: Option<Head>,
}

/// Opens a bag that has messages.
///
/// # Errors
/// When it is none, or is empty.
pub fn open(path: &Path) -> anyhow::Result<(BagReader, u64, u64)> {
    if !path.exists() {
        anyhow::bail!("{}: there is no such file or folder", path.display());
    }
    let reader = BagReader::open(path)?;
    let (start_ns, end_ns) =
        reader.bounds_ns().with_context(|| format!("{}: there is no message in this bag", path.display()))?;
    Ok((reader, start_ns, end_ns))
}

/// The schemas of a bag's channels; `None` where there is no sound one.
pub fn schemas(reader: &BagReader) -> Vec<Option<Schema>> {
    let parse = |c: &Channel| {
        let ours = c.schema_encoding == "ros2msg" && c.message_encoding == "cdr";
        ours.then(|| Schema::parse(&c.type_name, &c.definition).ok())?
    };
    reader.channels().iter().map(parse).collect()
}

impl Survey {
    /// Goes over all messages by log time; `see` gets each of them.
    ///
    /// # Errors
    /// Those of `see`. Damage is noted.
    pub fn pass(
        reader: &BagReader,
        bounds_ns: (u64, u64),
        see: &mut dyn FnMut(&Seen<'_>) -> anyhow::Result<()>,
    ) -> anyhow::Result<Self> {
        let mut survey = Self { start_ns: bounds_ns.0, end_ns: bounds_ns.1, ..Self::default() };
        let damage = reader.damage().take(DAMAGE_LIMIT).map(ToString::to_string);
        survey.damage = damage.collect();
        for channel in reader.channels() {
            if !survey.topics.contains_key(&channel.topic) {
                survey.topics.insert(channel.topic.clone(), TopicSurvey::new(channel)?);
            }
        }
        let schemas = schemas(reader);
        for message in reader.messages(Order::LogTime) {
            let message = match message {
                Ok(message) => message,
                Err(error) => {
                    survey.note_damage(error.to_string());
                    continue;
                }
            };
            let Some(channel) = reader.channel(message.channel) else { continue };
            let schema = schemas.get(message.channel).and_then(Option::as_ref);
            let head = schema.map(|s| s.head(&message.data));
            if let Some(topic) = survey.topics.get_mut(&channel.topic) {
                topic.note(&message, head.as_ref().and_then(|h| h.as_ref().ok().copied()));
                if let Some(Err(misfit)) = &head {
                    topic.undecodable += 1;
                    if topic.first_error.is_empty() {
                        topic.first_error = misfit.to_string();
                    }
                }
            }
            survey.note_run(channel, &message);
            see(&Seen { channel, schema, message: &message, head: head.and_then(Result::ok) })?;
        }
        Ok(survey)
    }

    fn note_damage(&mut self, text: String) {
        if self.damage.len() < DAMAGE_LIMIT {
            self.damage.push(text);
        } else {
            self.more_damage += 1;
        }
    }

    fn note_run(&mut self, channel: &Channel, message: &BagMessage) {
        if channel.type_name == NodeInfo::TYPE_NAME {
            if let Ok(info) = decode::<NodeInfo>(&message.data)
                && let Some(run) = self.run(&info.node, info.boot_id, message.log_time_ns)
            {
                run.info.get_or_insert(info);
            }
        } else if channel.type_name == Tick::TYPE_NAME
            && let Ok(tick) = decode::<Tick>(&message.data)
            && let Some(run) = self.run(&tick.node, tick.boot_id, message.log_time_ns)
        {
            let (first, last) = run.ticks.unwrap_or((tick.tick, tick.tick));
            run.ticks = Some((first.min(tick.tick), last.max(tick.tick)));
            run.tick_count += 1;
        }
    }

    fn run(&mut self, node: &str, boot_id: u64, at_ns: u64) -> Option<&mut RunSurvey> {
        let key = (node.to_owned(), boot_id);
        if self.runs.len() >= RUN_LIMIT && !self.runs.contains_key(&key) {
            return None;
        }
        Some(self.runs.entry(key).or_insert_with(|| RunSurvey { first_ns: at_ns, ..RunSurvey::default() }))
    }

    /// Length of the bag, s.
    pub fn duration_s(&self) -> f64 {
        self.end_ns.saturating_sub(self.start_ns) as f64 / 1e9
    }
}
