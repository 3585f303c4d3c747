//! The player: a bag as live topics, with `/clock`, so that RViz, Foxglove or nodes on simulated time see the run again.

mod controls;
mod cursor;
pub mod flow;
mod sender;
mod settings;
pub mod timeline;

use self::controls::Controls;
use self::cursor::{Cursor, Read, log_time_ns};
use self::sender::Sender;
use self::settings::Settings;
use self::timeline::Timeline;
use crate::clock::{monotonic, realtime};
use crate::params::Parameters;
use crate::process::{fail_soon, leave_soon, main_asking};
use crate::shell::{advertise, publish};
use crate::transport::{Asking, start_ros};
use outrider_bags::{BagMessage, BagReader};
use outrider_foundation::{Instant, Span, Stamp};
use outrider_msgs::diagnostic_msgs::{DiagnosticArray, DiagnosticStatus, KeyValue};
use outrider_msgs::rosgraph_msgs::Clock;
use outrider_runtime::{header, health_name, time_message};
use outrider_suite::topics;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Calls and signals are heeded so often, whatever else is done.
const TEND_PERIOD: Span = Span::from_millis(10);
const HEALTH_PERIOD: Span = Span::from_millis(1000);
/// Subscribers that are there already find the player within this.
const DISCOVERY: Span = Span::from_millis(1000);

/// Best-effort subscribers have so long to take the last messages from their sockets: DDS throws away what of a publisher is
/// still there when it hears that it is gone.
const LINGER: Duration = Duration::from_millis(500);

/// `main` of the player.
pub fn entry() -> ExitCode {
    main_asking(Asking::Often, "player", run)
}

fn run(stop: &AtomicBool) -> anyhow::Result<()> {
    let mut ros = start_ros("player")?;
    play(&mut ros, stop).inspect_err(fail_soon)
}

fn play(ros: &mut r2r::Node, stop: &AtomicBool) -> anyhow::Result<()> {
    let settings = Settings::of(&Parameters::read(ros)?)?;
    let bag = BagReader::open(&settings.bag)?;
    for damage in bag.damage() {
        tracing::warn!("player: {damage}");
    }
    settings.check_topics(&bag)?;
    let (begin_ns, end_ns) = settings.bounds_ns(&bag)?;
    let (sender, roles) = Sender::connect(&bag, &settings)?;
    let mut line = Timeline::new(begin_ns, end_ns, settings.rate, (monotonic() + DISCOVERY).nanos());
    if settings.start_paused {
        line.pause(monotonic().nanos());
    }
    let mut player = Player {
        clock: advertise(ros, &topics::clock())?,
        health: advertise(ros, &topics::diagnostics())?,
        controls: Controls::connect(ros)?,
        ros,
        stop,
        sender,
        line,
        clock_period: settings.clock_period,
        next_clock: monotonic(),
        next_tend: monotonic(),
        next_health: monotonic(),
        errors: 0,
    };
    let length_s = Span::from_nanos(end_ns.saturating_sub(begin_ns)).as_s();
    let rate = if settings.rate > 0.0 { format!("rate {}", settings.rate) } else { "full speed".into() };
    let paused = if settings.start_paused { ", paused" } else { "" };
    tracing::info!("player: {} ({length_s:.1} s) at {rate}{paused}", settings.bag.display());
    player.wait_for_subscribers();
    let mut cursor = Cursor::new(&bag, roles, end_ns.unsigned_abs());
    player.go_to(&mut cursor, begin_ns);
    player.play(&mut cursor, settings.repeat);
    player.finish(&cursor);
    leave_soon();
    Ok(())
}

struct Player<'a> {
    stop: &'a AtomicBool,
    controls: Controls,
    sender: Sender,
    line: Timeline,
    clock: r2r::PublisherUntyped,
    clock_period: Option<Span>,
    next_clock: Instant,
    next_tend: Instant,
    health: r2r::PublisherUntyped,
    next_health: Instant,
    /// Publications of `/clock` and `/diagnostics` that failed.
    errors: u64,
    ros: &'a mut r2r::Node,
}

impl Player<'_> {
    /// The first messages are for those, too, who were there before.
    fn wait_for_subscribers(&mut self) {
        let until = monotonic() + DISCOVERY;
        while monotonic() < until && self.tend() {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn play(&mut self, cursor: &mut Cursor<'_>, repeat: bool) {
        let mut next = None;
        let mut ended = false;
        loop {
            if !self.tend() {
                let wishes = self.controls.take_wishes();
                if self.stop.load(Ordering::Relaxed) || wishes.stop {
                    return;
                }
                if let Some(to_ns) = wishes.seek_ns {
                    (next, ended) = (None, false);
                    self.go_to(cursor, to_ns);
                }
                continue;
            }
            if let Some(message) = next.take() {
                if !self.send_if_due(&message) {
                    next = Some(message);
                }
            } else if ended {
                self.controls.end_steps();
                if self.line.is_paused() {
                    // Whoever stepped to the end may want to go back.
                    self.rest(TEND_PERIOD);
                } else if repeat {
                    ended = false;
                    self.go_to(cursor, self.line.bounds_ns().0);
                    tracing::info!("player: from the beginning");
                } else {
                    return;
                }
            } else {
                match cursor.read() {
                    Read::Message(message) => next = Some(message),
                    Read::Passed => {}
                    Read::End => ended = true,
                }
            }
        }
    }

    /// Sends it, or waits a little of the time that is left.
    fn send_if_due(&mut self, message: &BagMessage) -> bool {
        let now = monotonic();
        let stepping = self.line.is_paused() && self.controls.wants_step();
        // Paused: a call may change that.
        let due = self.line.due_ns(log_time_ns(message)).map(Instant::from_nanos);
        let left = if stepping { Span::ZERO } else { due.map_or(TEND_PERIOD, |due| due.since(now)) };
        if left > Span::ZERO {
            self.rest(left);
            return false;
        }
        let in_time = !stepping && !self.line.is_full_speed();
        if !self.make_room(message, in_time) {
            return false;
        }
        self.sender.send(message);
        self.line.reach(log_time_ns(message));
        if stepping {
            self.next_clock = monotonic();
            self.controls.stepped();
        }
        true
    }

    /// Waits for consumers that are not ready for one more; not long where messages have their time. False when something else
    /// is wanted meanwhile.
    fn make_room(&mut self, message: &BagMessage, in_time: bool) -> bool {
        loop {
            let wait = self.sender.room(message, TEND_PERIOD, in_time);
            if wait <= Span::ZERO {
                return true;
            }
            self.rest(wait);
            if !self.tend() {
                return false;
            }
        }
    }

    /// Goes to a log time: the clock, the place of reading, and the latched topics.
    fn go_to(&mut self, cursor: &mut Cursor<'_>, to_ns: i64) {
        let to_ns = self.line.seek(monotonic().nanos(), to_ns);
        let latched = cursor.seek(to_ns.unsigned_abs(), &mut || self.tend());
        // What the search took is not to be caught up.
        self.line.seek(monotonic().nanos(), to_ns);
        for message in latched {
            if !self.make_room(&message, false) {
                return;
            }
            self.sender.send(&message);
        }
        self.next_clock = monotonic();
    }

    /// Does what has to be done now and then; false when the player is to stop or go elsewhere.
    fn tend(&mut self) -> bool {
        let now = monotonic();
        if now >= self.next_tend {
            self.next_tend = now + TEND_PERIOD;
            // Never waits by itself; takes parameter requests and calls.
            self.ros.spin_once(Duration::ZERO);
            self.controls.answer(&mut self.line, now.nanos());
            if now >= self.next_health {
                self.next_health = now + HEALTH_PERIOD;
                self.report();
            }
        }
        if let Some(period) = self.clock_period.filter(|_| now >= self.next_clock) {
            self.next_clock = now + period;
            let clock = time_message(Stamp::from_nanos(self.line.position_ns(now.nanos())));
            if let Ok(bytes) = outrider_msgs::encode(&Clock { clock }) {
                publish(&self.clock, &bytes, &mut self.errors);
            }
        }
        !self.stop.load(Ordering::Relaxed) && !self.controls.is_interrupted()
    }

    /// Sleeps, but not beyond the next thing to do.
    fn rest(&self, wanted: Span) {
        let now = monotonic();
        let clock = self.clock_period.map_or(TEND_PERIOD, |_| self.next_clock.since(now));
        let left = wanted.min(self.next_tend.since(now)).min(clock);
        if left > Span::ZERO {
            std::thread::sleep(Duration::from_nanos(left.nanos().unsigned_abs()));
        }
    }

    fn report(&mut self) {
        let now = monotonic();
        let total = self.sender.total_now();
        let audience = self.sender.audience();
        let (first_ns, _) = self.line.bounds_ns();
        let position = Span::from_nanos(self.line.position_ns(now.nanos()).saturating_sub(first_ns));
        let (name, hardware_id) = health_name("player", &self.ros.namespace().unwrap_or_default());
        let pair = |key: &str, value: String| KeyValue { key: key.to_owned(), value };
        let status = DiagnosticStatus {
            level: if self.sender.errors + total.missing > 0 {
                DiagnosticStatus::WARN
            } else {
                DiagnosticStatus::OK
            },
            name,
            message: if self.line.is_paused() { "paused" } else { "playing" }.to_owned(),
            hardware_id,
            values: vec![
                pair("position_s", format!("{:.3}", position.as_s())),
                pair("rate", self.line.rate().to_string()),
                pair("subscribers", audience.subscribers.to_string()),
                pair("best_effort_subscribers", audience.best_effort.to_string()),
                pair("sent", total.sent.to_string()),
                pair("acknowledged", total.acknowledged.to_string()),
                pair("not_acknowledged", total.missing.to_string()),
                pair("publish_errors", (self.sender.errors + self.errors).to_string()),
            ],
        };
        let message = DiagnosticArray { header: header(realtime(), ""), status: vec![status] };
        if let Ok(bytes) = outrider_msgs::encode(&message) {
            publish(&self.health, &bytes, &mut self.errors);
        }
    }

    /// Waits for the last acknowledgements, then says what became of all messages.
    fn finish(&mut self, cursor: &Cursor<'_>) {
        self.controls.end_steps();
        let deaf = self.sender.audience().best_effort;
        if deaf > 0 {
            tracing::warn!("player: {deaf} subscriptions are best effort: what they lost is not known");
            std::thread::sleep(LINGER);
        }
        let missing = self.sender.settle_all(self.stop);
        for (topic, count) in missing {
            tracing::warn!("player: {topic}: {count} messages were not acknowledged");
        }
        self.report();
        let total = self.sender.total();
        tracing::info!(
            "player: {} messages played, {} acknowledged, {} not; {} could not be published, {} damaged parts of the bag",
            total.sent,
            total.acknowledged,
            total.missing,
            self.sender.errors,
            cursor.damage
        );
    }
}
