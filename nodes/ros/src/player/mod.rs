//! The player: a bag as live topics, with `/clock`, so that RViz, Foxglove or nodes on simulated time see the run again.

mod controls;
pub mod timeline;

use self::controls::Controls;
use self::timeline::Timeline;
use crate::clock::monotonic;
use crate::params::Parameters;
use crate::process::main_of;
use crate::qos::offered;
use crate::shell::{advertise, publish};
use crate::transport::start_ros;
use anyhow::{Context as _, ensure};
use outrider_bags::{BagReader, Channel, Order};
use outrider_foundation::{Instant, Span, Stamp};
use outrider_msgs::rosgraph_msgs::Clock;
use outrider_runtime::{Qos, time_message};
use outrider_suite::topics;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// `/clock` is published so often, in real time.
const CLOCK_PERIOD: Span = Span::from_millis(10);
/// Subscribers that are there already find the player within this.
const DISCOVERY: Span = Span::from_millis(1000);
const FASTEST: f64 = 100.0;
const SLOWEST: f64 = 0.01;
/// Depth where the bag does not tell.
const DEPTH: u32 = 10;
const DEEPEST: u32 = 1000;

/// `main` of the player.
pub fn entry() -> ExitCode {
    main_of("player", run)
}

fn run(stop: &AtomicBool) -> anyhow::Result<()> {
    let mut ros = start_ros("player")?;
    let parameters = Parameters::read(&ros)?;
    let path = parameters.bag.as_ref().context("parameter `bag` has to name a bag")?;
    // Never set is zero.
    let rate = if parameters.rate.abs() < f64::EPSILON { 1.0 } else { parameters.rate };
    ensure!(
        (SLOWEST..=FASTEST).contains(&rate),
        "parameter `rate`: {rate} is not within [{SLOWEST}, {FASTEST}]"
    );
    let bag = BagReader::open(path)?;
    let (first_ns, last_ns) = bag.bounds_ns().with_context(|| format!("{} is empty", path.display()))?;
    let started_ns = (monotonic() + DISCOVERY).nanos();
    let line = Timeline::new(signed(first_ns), signed(last_ns), rate, started_ns);
    let mut player = Player::connect(&mut ros, &bag, &parameters.topics, line)?;
    let length_s = Span::from_nanos(signed(last_ns) - signed(first_ns)).as_s();
    tracing::info!("player: {} ({length_s:.1} s) at rate {rate}", path.display());
    loop {
        player.play(&mut ros, &bag, stop)?;
        if !parameters.repeat || stop.load(Ordering::Relaxed) {
            break;
        }
        player.line.seek(monotonic().nanos(), signed(first_ns));
        tracing::info!("player: from the beginning");
    }
    tracing::info!("player: {} messages played, {} could not be", player.played, player.errors);
    Ok(())
}

fn signed(nanos: u64) -> i64 {
    i64::try_from(nanos).unwrap_or(i64::MAX)
}

struct Player {
    /// By the bag's channel; `None` is not played.
    publishers: Vec<Option<r2r::PublisherUntyped>>,
    clock: r2r::PublisherUntyped,
    next_clock: Instant,
    controls: Controls,
    line: Timeline,
    played: u64,
    errors: u64,
}

impl Player {
    fn connect(
        ros: &mut r2r::Node,
        bag: &BagReader,
        chosen: &[String],
        line: Timeline,
    ) -> anyhow::Result<Self> {
        let clock = advertise(ros, &topics::clock())?;
        let clock_name = topics::clock().absolute_name();
        let mut publishers = Vec::new();
        for channel in bag.channels() {
            // Its own clock instead of the bag's: that one stands still between messages and knows no rate.
            let wanted =
                channel.topic != clock_name && (chosen.is_empty() || chosen.contains(&channel.topic));
            publishers.push(if wanted { offer(ros, channel) } else { None });
        }
        ensure!(publishers.iter().any(Option::is_some), "none of the bag's topics is to be played");
        let controls = Controls::connect(ros)?;
        Ok(Self { publishers, clock, next_clock: monotonic(), controls, line, played: 0, errors: 0 })
    }

    /// Once through the bag.
    fn play(&mut self, ros: &mut r2r::Node, bag: &BagReader, stop: &AtomicBool) -> anyhow::Result<()> {
        for message in bag.messages(Order::LogTime) {
            let message = match message {
                Ok(message) => message,
                Err(damage) => {
                    tracing::warn!("player: {damage}");
                    continue;
                }
            };
            let Some(Some(publisher)) = self.publishers.get(message.channel) else { continue };
            let publisher = publisher.clone();
            self.wait_due(ros, signed(message.log_time_ns), stop);
            if stop.load(Ordering::Relaxed) {
                break;
            }
            publish(&publisher, &message.data, &mut self.errors);
            self.played += 1;
        }
        Ok(())
    }

    /// Waits until a message of this log time is due; meanwhile, and now and then when it is, tells the time and
    /// answers calls.
    fn wait_due(&mut self, ros: &mut r2r::Node, log_time_ns: i64, stop: &AtomicBool) {
        loop {
            let now = monotonic();
            if now >= self.next_clock {
                self.next_clock = now + CLOCK_PERIOD;
                // Never waits by itself; takes parameter requests and calls.
                ros.spin_once(Duration::ZERO);
                self.controls.answer(&mut self.line, now.nanos());
                self.tell_time(now);
            }
            // Paused: a call may change that.
            let due = self.line.due_ns(log_time_ns).map(Instant::from_nanos);
            let left = due.map_or(CLOCK_PERIOD, |due| due.since(now).min(CLOCK_PERIOD));
            if left <= Span::ZERO || stop.load(Ordering::Relaxed) {
                return;
            }
            std::thread::sleep(Duration::from_nanos(left.nanos().unsigned_abs()));
        }
    }

    fn tell_time(&mut self, now: Instant) {
        let clock = time_message(Stamp::from_nanos(self.line.position_ns(now.nanos())));
        if let Ok(bytes) = outrider_msgs::encode(&Clock { clock }) {
            publish(&self.clock, &bytes, &mut self.errors);
        }
    }
}

fn offer(ros: &mut r2r::Node, channel: &Channel) -> Option<r2r::PublisherUntyped> {
    let qos = offered(recorded_qos(channel.metadata.get("offered_qos_profiles").map_or("", String::as_str)));
    if channel.message_encoding != "cdr" {
        tracing::warn!("player: {}: encoded as {}, not played", channel.topic, channel.message_encoding);
        return None;
    }
    match ros.create_publisher_untyped(&channel.topic, &channel.type_name, qos) {
        Ok(publisher) => Some(publisher),
        Err(error) => {
            tracing::warn!("player: {} ({}): {error}, not played", channel.topic, channel.type_name);
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
    let depth = value("depth").and_then(|d| d.parse().ok()).filter(|d| *d > 0).unwrap_or(DEPTH);
    Qos { reliable: true, transient_local, depth: depth.min(DEEPEST) }
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
        assert!(recorded_qos("- history: 1\n  depth: 1\n  durability: 1\n").transient_local);
        assert!(!recorded_qos("").transient_local);
    }
}
