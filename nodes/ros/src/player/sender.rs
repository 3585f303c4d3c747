//! The topics that are played: who is offered what, how fast consumers may be fed, and what they acknowledged.
//!
//! Fast DDS acknowledges when the publisher asks, 5 ms later. The publisher asks with every message while the history of the
//! topic is full, and every 10 ms for what is missing (see [`crate::transport`]): so a window of messages takes 5 to 15 ms.

use super::cursor::Role;
use super::flow::{Pace, Tally, fits};
use super::settings::Settings;
use crate::clock::monotonic;
use crate::rcl::Outputs;
use anyhow::ensure;
use outrider_bags::{BagMessage, BagReader, Channel};
use outrider_foundation::{Instant, Span};
use outrider_runtime::Qos;
use outrider_suite::topics;
use std::sync::atomic::{AtomicBool, Ordering};

/// So many messages of a topic are under way at most; fewer where its depth is less. It is the depth that is offered, too: a
/// deeper history would not be full when the window is, and a shallower one would lose what was not acknowledged.
const WINDOW: u32 = 100;
/// So long after the last message a consumer may take to acknowledge before what is under way counts as not acknowledged:
/// where consumers set the speed, where time does, and for a topic where it was in vain before, so that one consumer that
/// hangs does not hold up the others for long. The first is longer than Fast DDS takes to ask by itself.
const PATIENCE: Span = Span::from_millis(5000);
const PATIENCE_IN_TIME: Span = Span::from_millis(50);
const PATIENCE_IF_LATE: Span = Span::from_millis(50);
/// The end waits so long for acknowledgements, over all topics.
const LAST_PATIENCE: Span = Span::from_millis(5000);

struct Topic {
    name: String,
    output: usize,
    window: u64,
    tally: Tally,
    last_sent: Instant,
    /// The last wait was in vain.
    late: bool,
}

pub(super) struct Sender {
    outputs: Outputs,
    /// By the bag's channel; `None` is not played.
    topics: Vec<Option<Topic>>,
    pace: Pace,
    /// Messages that the middleware did not take.
    pub errors: u64,
}

/// Who listens.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Audience {
    /// Subscribers over all topics that are played.
    pub subscribers: usize,
    /// Of these, those that acknowledge nothing.
    pub best_effort: usize,
}

impl Sender {
    /// Offers every topic that is to be played, and says how each channel is played.
    pub(super) fn connect(bag: &BagReader, settings: &Settings) -> anyhow::Result<(Self, Vec<Role>)> {
        let mut outputs = Outputs::open("_player_outputs")?;
        let clock_name = topics::clock().absolute_name();
        let (mut topics, mut roles) = (Vec::new(), Vec::new());
        for channel in bag.channels() {
            let qos = recorded_qos(channel.metadata.get("offered_qos_profiles").map_or("", String::as_str));
            // Its own clock instead of the bag's: that one stands still between messages and knows no rate.
            let wanted = channel.topic != clock_name && settings.wants(&channel.topic);
            let topic = if wanted { offer(&mut outputs, channel, qos) } else { None };
            roles.push(Role { played: topic.is_some(), latched: is_state(channel, qos) });
            topics.push(topic);
        }
        ensure!(
            topics.iter().any(Option::is_some),
            "none of the topics of {} is to be played",
            settings.bag.display()
        );
        Ok((Self { outputs, topics, pace: Pace::new(settings.full_speed_hz), errors: 0 }, roles))
    }

    /// How long to wait before this message may go; zero: it may. Waits itself, not longer than `limit`, for
    /// acknowledgements. `in_time`: each message has its time, and neither the bytes under way nor the pace are looked at.
    pub(super) fn room(&mut self, message: &BagMessage, limit: Span, in_time: bool) -> Span {
        let Some(Some(topic)) = self.topics.get(message.channel) else { return Span::ZERO };
        let listened = self.outputs.listeners(topic.output) > 0;
        if self.awaited(message, in_time).is_some() {
            self.settle(None);
        }
        if let Some(index) = self.awaited(message, in_time) {
            let patience = if in_time { PATIENCE_IN_TIME } else { PATIENCE };
            self.outputs.all_acknowledged(index, limit.min(patience));
            self.settle(Some(patience));
            if self.awaited(message, in_time).is_some() {
                return Span::from_nanos(1);
            }
        }
        if in_time || !listened {
            return Span::ZERO;
        }
        let now_ns = monotonic().nanos();
        let wait = Span::from_nanos(self.pace.wait_ns(now_ns));
        if wait <= Span::ZERO {
            self.pace.spend(now_ns);
        }
        wait
    }

    /// The output whose acknowledgements this message has to wait for: its own if its window is full; that with the most under
    /// way if there is too much over all topics.
    fn awaited(&self, message: &BagMessage, in_time: bool) -> Option<usize> {
        let topic = self.topics.get(message.channel)?.as_ref()?;
        if topic.tally.open() >= topic.window {
            return Some(topic.output);
        }
        if in_time || fits(&self.total(), message.data.len() as u64) {
            return None;
        }
        self.topics.iter().flatten().max_by_key(|t| t.tally.open_bytes()).map(|t| t.output)
    }

    /// Notes what was acknowledged meanwhile, and what was not although there was time for it.
    fn settle(&mut self, patience: Option<Span>) {
        let now = monotonic();
        for topic in self.topics.iter_mut().flatten().filter(|t| t.tally.open() > 0) {
            if self.outputs.all_acknowledged(topic.output, Span::ZERO) {
                topic.tally.settle(true);
                topic.late = false;
                continue;
            }
            let patience = patience.map(|p| if topic.late { p.min(PATIENCE_IF_LATE) } else { p });
            if patience.is_some_and(|patience| now.since(topic.last_sent) >= patience) {
                if topic.tally.missing == 0 {
                    let seconds = now.since(topic.last_sent).as_s();
                    tracing::warn!(
                        "player: {}: a subscriber did not acknowledge within {seconds:.2} s",
                        topic.name
                    );
                }
                topic.tally.settle(false);
                topic.late = true;
            }
        }
    }

    pub(super) fn send(&mut self, message: &BagMessage) {
        let Some(Some(topic)) = self.topics.get_mut(message.channel) else { return };
        match self.outputs.publish(topic.output, &message.data) {
            Ok(()) => {
                topic.tally.send(message.data.len() as u64);
                topic.last_sent = monotonic();
            }
            Err(error) => {
                self.errors = self.errors.saturating_add(1);
                if self.errors == 1 {
                    tracing::error!("player: {}: a message was not published: {error:#}", topic.name);
                }
            }
        }
    }

    /// Waits for what is open, a shorter time after a signal; topics with messages that were not acknowledged.
    pub(super) fn settle_all(&mut self, stop: &AtomicBool) -> Vec<(String, u64)> {
        let until = monotonic() + LAST_PATIENCE;
        for topic in self.topics.iter_mut().flatten().filter(|t| t.tally.open() > 0) {
            let mut acknowledged = self.outputs.all_acknowledged(topic.output, Span::ZERO);
            while !acknowledged && monotonic() < until && !stop.load(Ordering::Relaxed) {
                acknowledged = self.outputs.all_acknowledged(topic.output, Span::from_millis(20));
            }
            topic.tally.settle(acknowledged);
        }
        let missing = self.topics.iter().flatten().filter(|t| t.tally.missing > 0);
        missing.map(|t| (t.name.clone(), t.tally.missing)).collect()
    }

    /// Over all topics; acknowledged as far as that was looked at.
    pub(super) fn total(&self) -> Tally {
        self.topics.iter().flatten().fold(Tally::default(), |sum, t| sum.plus(t.tally))
    }

    /// Over all topics, with what is acknowledged by now.
    pub(super) fn total_now(&mut self) -> Tally {
        self.settle(None);
        self.total()
    }

    /// Who listens now.
    pub(super) fn audience(&self) -> Audience {
        let topics = self.topics.iter().flatten().filter(|t| self.outputs.listeners(t.output) > 0);
        topics.fold(Audience::default(), |sum, t| Audience {
            subscribers: sum.subscribers.saturating_add(self.outputs.listeners(t.output)),
            best_effort: sum.best_effort.saturating_add(self.outputs.best_effort_listeners(t.output)),
        })
    }
}

fn offer(outputs: &mut Outputs, channel: &Channel, qos: Qos) -> Option<Topic> {
    let name = channel.topic.clone();
    if channel.message_encoding != "cdr" {
        tracing::warn!("player: {name}: encoded as {}, not played", channel.message_encoding);
        return None;
    }
    let hash = channel.metadata.get("topic_type_hash").map_or("", String::as_str);
    let depth = offered_depth(qos);
    match outputs.advertise(&name, &channel.type_name, hash, Qos { depth, ..qos }) {
        Ok(output) => {
            let window = u64::from(depth);
            let (tally, last_sent) = (Tally::default(), Instant::default());
            Some(Topic { name, output, window, tally, last_sent, late: false })
        }
        Err(error) => {
            tracing::warn!("player: {name} ({}) is not played: {error:#}", channel.type_name);
            None
        }
    }
}

/// Durability and depth from rosbag2's YAML, in words or, before Jazzy, numbers (1 is transient local).
fn recorded_qos(yaml: &str) -> Qos {
    let value = |key: &str| {
        yaml.lines().find_map(|line| {
            line.trim_start_matches([' ', '-']).strip_prefix(key)?.strip_prefix(':').map(str::trim)
        })
    };
    let transient_local = matches!(value("durability"), Some("transient_local" | "1"));
    let depth = value("depth").and_then(|d| d.parse().ok()).filter(|d| *d > 0).unwrap_or(WINDOW);
    Qos { reliable: true, transient_local, depth }
}

/// A late comer gets as many old messages as it got from the robot; of what passes, a window may be under way.
fn offered_depth(recorded: Qos) -> u32 {
    if recorded.transient_local { recorded.depth.min(WINDOW) } else { WINDOW }
}

/// Whether the last message of a channel tells a state, to be told again after a seek. The suite's own journals are kept
/// for late comers too, but only so that a bag has all of them.
fn is_state(channel: &Channel, qos: Qos) -> bool {
    qos.transient_local
        && !(channel.type_name.starts_with("outrider_msgs/") && qos.depth == Qos::RECORD.depth)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_our_own_bags_say_is_understood() {
        for qos in [Qos::SENSOR, Qos::RELIABLE, Qos::RECORD, Qos::LATCHED] {
            let read = recorded_qos(&qos.to_rosbag2_yaml());
            assert_eq!((read.transient_local, read.depth), (qos.transient_local, qos.depth));
        }
        assert_eq!([Qos::SENSOR, Qos::RECORD, Qos::LATCHED].map(offered_depth), [WINDOW, WINDOW, 1]);
        let before_jazzy = recorded_qos("- history: 1\n  depth: 1\n  durability: 1\n");
        assert_eq!((before_jazzy.transient_local, before_jazzy.depth), (true, 1));
        assert!(!recorded_qos("").transient_local);
    }

    #[test]
    fn a_map_is_a_state_and_a_journal_is_none() {
        let channel = |type_name: &str| Channel { type_name: type_name.into(), ..Channel::default() };
        let map = channel("nav_msgs/msg/OccupancyGrid");
        assert!(is_state(&map, Qos::LATCHED) && is_state(&map, Qos::RECORD));
        assert!(is_state(&channel("outrider_msgs/msg/NodeInfo"), Qos::LATCHED));
        assert!(!is_state(&channel("outrider_msgs/msg/Tick"), Qos::RECORD));
        assert!(!is_state(&map, Qos::RELIABLE));
    }
}
