//! The topics that are played: who is offered what, how fast consumers may be fed, and what they acknowledged.

use super::cursor::Role;
use super::flow::{Pace, Tally};
use super::output::Outputs;
use super::settings::Settings;
use crate::clock::monotonic;
use anyhow::ensure;
use outrider_bags::{BagMessage, BagReader, Channel};
use outrider_foundation::Span;
use outrider_runtime::Qos;
use outrider_suite::topics;
use std::sync::atomic::{AtomicBool, Ordering};

/// So many messages of a topic are under way at most; fewer where its depth is less.
///
/// This is the depth that is offered, too: Fast DDS asks for acknowledgements every 3 s, and with every message once its
/// history is full. With a deeper history every window would take 3 s (seen).
const WINDOW: u32 = 10;
/// So long a consumer may take to acknowledge before what is under way counts as not acknowledged: where consumers set the
/// speed, and where time does.
const PATIENCE: Span = Span::from_millis(2000);
const PATIENCE_IN_TIME: Span = Span::from_millis(50);
/// The end waits so long for acknowledgements, over all topics: longer than Fast DDS takes to ask for them.
const LAST_PATIENCE: Span = Span::from_millis(5000);

struct Topic {
    name: String,
    output: usize,
    window: u64,
    tally: Tally,
    /// Waited in vain since the last message.
    waited: Span,
    /// The last wait was in vain: the next has no patience, so that one that hangs does not hold up everybody for long.
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

    /// How long to wait before a message of this channel may go; zero: it may. Waits itself, not longer than `limit`,
    /// for acknowledgements. `in_time`: each message has its time, and the pace is not looked at.
    pub(super) fn room(&mut self, channel: usize, limit: Span, in_time: bool) -> Span {
        let Some(Some(topic)) = self.topics.get_mut(channel) else { return Span::ZERO };
        if topic.tally.open() >= topic.window {
            let patience = match (topic.late, in_time) {
                (true, _) => Span::ZERO,
                (false, true) => PATIENCE_IN_TIME,
                (false, false) => PATIENCE,
            };
            let before = monotonic();
            let acknowledged = self.outputs.all_acknowledged(topic.output, limit.min(patience));
            topic.waited = topic.waited + monotonic().since(before);
            if !acknowledged && topic.waited < patience {
                return Span::from_nanos(1);
            }
            if !acknowledged && topic.tally.missing == 0 {
                let seconds = patience.as_s();
                tracing::warn!("player: {}: a subscriber did not acknowledge within {seconds} s", topic.name);
            }
            topic.tally.settle(acknowledged);
            (topic.late, topic.waited) = (!acknowledged, Span::ZERO);
        }
        if in_time || self.outputs.listeners(topic.output) == 0 {
            return Span::ZERO;
        }
        let now_ns = monotonic().nanos();
        let wait = Span::from_nanos(self.pace.wait_ns(now_ns));
        if wait <= Span::ZERO {
            self.pace.spend(now_ns);
        }
        wait
    }

    pub(super) fn send(&mut self, message: &BagMessage) {
        let Some(Some(topic)) = self.topics.get_mut(message.channel) else { return };
        match self.outputs.publish(topic.output, &message.data) {
            Ok(()) => topic.tally.send(),
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

    /// Over all topics.
    pub(super) fn total(&self) -> Tally {
        self.topics.iter().flatten().fold(Tally::default(), |sum, t| sum.plus(t.tally))
    }
}

fn offer(outputs: &mut Outputs, channel: &Channel, qos: Qos) -> Option<Topic> {
    let name = channel.topic.clone();
    if channel.message_encoding != "cdr" {
        tracing::warn!("player: {name}: encoded as {}, not played", channel.message_encoding);
        return None;
    }
    match outputs.advertise(&name, &channel.type_name, Qos { depth: qos.depth.min(WINDOW), ..qos }) {
        Ok(output) => {
            let (tally, waited, window) = (Tally::default(), Span::ZERO, u64::from(qos.depth.min(WINDOW)));
            Some(Topic { name, output, window, tally, waited, late: false })
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
    // What passes may be under way in numbers; a late comer gets as many old messages as it got from the robot.
    Qos { reliable: true, transient_local, depth: if transient_local { depth } else { depth.max(WINDOW) } }
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
            let depth = if qos.transient_local { qos.depth } else { qos.depth.max(WINDOW) };
            assert_eq!((read.transient_local, read.depth), (qos.transient_local, depth));
        }
        assert!(recorded_qos("- history: 1\n  depth: 1\n  durability: 1\n").transient_local);
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
