//! The mode over random readings at random times, held against what has happened, written down once more.

use super::support::config;
use crate::Config;
use crate::mode::{Cause, Latch, ModeMachine};
use crate::monitor::{Reading, Rule};
use outrider_foundation::data::{GateMode, Mode};
use outrider_foundation::{Instant, Now, Span, Stamp};
use proptest::prelude::*;

#[derive(Clone, Copy, Debug)]
enum Event {
    /// An update with the robustness of a rule that stops, and of one that slows down; NaN for what cannot be judged.
    Update(f64, f64),
    Touched,
    Press(bool),
    Unreadable,
    Gate(GateMode),
}

fn event() -> impl Strategy<Value = Event> {
    let robustness = || {
        prop_oneof![
            30 => Just(1.0), 1 => Just(1e-9), 1 => Just(0.0), 1 => Just(-1.0), 1 => Just(f64::NAN)
        ]
    };
    let gate = prop_oneof![
        3 => Just(GateMode::Disarmed), 2 => Just(GateMode::Forwarding), 1 => Just(GateMode::EStop)
    ];
    prop_oneof![
        60 => (robustness(), robustness()).prop_map(|(stop, slow)| Event::Update(stop, slow)),
        1 => Just(Event::Touched),
        2 => any::<bool>().prop_map(Event::Press),
        1 => Just(Event::Unreadable),
        3 => gate.prop_map(Event::Gate),
    ]
}

fn level(mode: Mode) -> u8 {
    match mode {
        Mode::EStop => 0,
        Mode::SafeStop => 1,
        Mode::Degraded => 2,
        Mode::Nominal => 3,
    }
}

/// What has happened.
#[derive(Default)]
struct Log {
    updates: Vec<(Instant, f64, f64)>,
    ups: Vec<Instant>,
    /// The emergency stop is pressed, or what it says cannot be read.
    pressed: bool,
    /// When last something asked for an emergency stop.
    asked: Option<Instant>,
    /// It has not been followed yet.
    new: bool,
    reset: Option<Instant>,
}

impl Log {
    fn ask(&mut self, now: Instant) {
        self.asked = Some(now);
        self.new = true;
    }

    /// Whether every reading within the dwell that counts for a mode was positive, with no gap in them.
    fn positive_for(&self, now: Instant, dwell: Span, gap: Span, after: Mode) -> bool {
        let good =
            |(_, stop, slow): &(Instant, f64, f64)| *stop > 0.0 && (after != Mode::Nominal || *slow > 0.0);
        let mut next = now;
        for update in self.updates.iter().rev() {
            if next.since(update.0) > gap || !good(update) {
                return false;
            }
            if now.since(update.0) >= dwell {
                return true;
            }
            next = update.0;
        }
        false
    }
}

fn run(events: &[(i64, Event)]) -> Result<(usize, usize), TestCaseError> {
    let config = Config { dwell_s: 0.5, ..config() };
    let (dwell, gap) = (Span::from_s(config.dwell_s), Span::from_s(3.0 * config.state_period_s));
    let (mut machine, mut log) = (ModeMachine::new(&config), Log::default());
    let mut now = Now { mono: Instant::from_nanos(0), ros: Stamp::from_nanos(0) };
    let mut stops = 0;
    for (ms, event) in events {
        now.mono = now.mono + Span::from_millis(*ms);
        let (readings, touched) = match *event {
            Event::Press(pressed) => {
                machine.e_stop(pressed, now.mono);
                if pressed || log.pressed {
                    log.ask(now.mono);
                }
                log.pressed = pressed;
                continue;
            }
            Event::Unreadable => {
                machine.latch(Latch::Unreadable, now.mono);
                log.pressed = true;
                log.ask(now.mono);
                continue;
            }
            Event::Gate(mode) => {
                machine.gate(mode, now.mono);
                match mode {
                    GateMode::EStop => log.ask(now.mono),
                    GateMode::Disarmed => log.reset = Some(now.mono),
                    _ => {}
                }
                continue;
            }
            Event::Touched => ((1.0, 1.0), true),
            Event::Update(stop, slow) => ((stop, slow), false),
        };
        if touched {
            log.ask(now.mono);
        }
        let (stop, slow) = readings;
        log.updates.push((now.mono, stop, slow));
        let before = machine.mode();
        let readings = [
            Reading::new(Rule::StoppingDistance, stop, 0.0, 1.0),
            Reading::new(Rule::DetectionsAge, slow, 0.0, 1.0),
        ];
        let change = machine.update(now, &readings, touched, &config);
        let after = machine.mode();
        prop_assert_eq!(change.map(|c| (c.before, c.after)), (before != after).then_some((before, after)));
        // Down in the same update.
        if log.new && before != Mode::EStop {
            prop_assert_eq!(after, Mode::EStop);
            stops += 1;
        }
        log.new = false;
        if before != Mode::EStop && (stop < 0.0 || stop.is_nan()) {
            prop_assert!(level(after) <= level(Mode::SafeStop), "{after:?}");
        }
        if before != Mode::EStop && (slow < 0.0 || slow.is_nan()) {
            prop_assert!(level(after) <= level(Mode::Degraded), "{after:?}");
        }
        if level(after) <= level(before) {
            continue;
        }
        prop_assert_eq!(level(after), level(before) + 1, "one level at a time");
        if before == Mode::EStop {
            prop_assert_eq!(change.map(|c| c.cause), Some(Cause::Released));
            prop_assert!(!log.pressed && log.reset > log.asked, "released, then reset");
        } else {
            prop_assert!(log.ups.last().is_none_or(|last| now.mono.since(*last) >= dwell), "once a dwell");
            prop_assert!(log.positive_for(now.mono, dwell, gap, after), "positive for a dwell");
        }
        log.ups.push(now.mono);
    }
    Ok((log.ups.len(), stops))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn every_change_is_earned(events in prop::collection::vec((1..130i64, event()), 1..300)) {
        run(&events)?;
    }
}

/// The sequences above are not all spent in E_STOP: seen on one that is known to go all the way up and down.
#[test]
fn the_log_sees_ups_and_stops() {
    let well = |n: usize| vec![(50, Event::Update(1.0, 1.0)); n];
    let mut events = well(40);
    events.extend([(1, Event::Press(true)), (1, Event::Update(1.0, 1.0)), (1, Event::Press(false))]);
    events.extend([(1, Event::Gate(GateMode::Disarmed))]);
    events.extend(well(40));
    assert_eq!(run(&events).unwrap(), (2 + 3, 1));
}

#[test]
fn a_pause_begins_the_dwell_anew() {
    let config = config();
    let mut machine = ModeMachine::new(&config);
    let well = [Reading::new(Rule::StoppingDistance, 1.0, 0.0, 1.0)];
    let mut at = |ms: i64| {
        let now = Now { mono: Instant::from_nanos(ms * 1_000_000), ros: Stamp::from_nanos(0) };
        machine.update(now, &well, false, &config).map(|c| c.after)
    };
    assert_eq!((at(0), at(2_000)), (None, None), "nobody has looked for two seconds");
    assert!((1..10).all(|i| at(2_000 + 100 * i).is_none()));
    assert_eq!(at(3_000), Some(Mode::Degraded));
}

/// A machine, asked every 50 ms.
struct Asked {
    config: Config,
    machine: ModeMachine,
    ms: i64,
}

impl Asked {
    fn new() -> Self {
        let config = config();
        Self { machine: ModeMachine::new(&config), config, ms: 0 }
    }

    fn update(&mut self, stop: f64) -> Mode {
        self.update_with(stop, 1.0)
    }

    fn update_with(&mut self, stop: f64, slow: f64) -> Mode {
        self.ms += 50;
        let now = Now { mono: Instant::from_nanos(self.ms * 1_000_000), ros: Stamp::from_nanos(0) };
        let readings = [
            Reading::new(Rule::StoppingDistance, stop, 0.0, 1.0),
            Reading::new(Rule::DetectionsAge, slow, 0.0, 1.0),
        ];
        self.machine.update(now, &readings, false, &self.config);
        self.machine.mode()
    }

    fn well(&mut self, seconds: i64) {
        (0..20 * seconds).for_each(|_| _ = self.update(1.0));
    }

    /// From now on all is well: how long it is in DEGRADED before NOMINAL, s.
    fn degraded_s(&mut self) -> f64 {
        let mut updates = 0;
        while self.machine.mode() != Mode::Nominal {
            updates += i32::from(self.update(1.0) == Mode::Degraded);
            assert!(updates < 1_000);
        }
        0.05 * f64::from(updates)
    }

    /// Stopped by a rule; how long NOMINAL takes from DEGRADED then, s.
    fn stopped(&mut self) -> f64 {
        assert_eq!(self.update(-1.0), Mode::SafeStop);
        self.degraded_s()
    }
}

#[test]
fn what_stops_the_robot_again_and_again_is_earned_back_more_slowly() {
    let mut asked = Asked::new();
    let close = |found_s: f64, expected_s: f64| {
        assert!((found_s - expected_s).abs() < 0.06, "{found_s} {expected_s}")
    };
    close(asked.degraded_s(), 1.0);
    for expected_s in [1.0, 2.0, 4.0, 8.0, 8.0] {
        close(asked.stopped(), expected_s);
        asked.well(1);
    }
    // Well for long enough: also without another stop.
    asked.well(20);
    asked.update_with(1.0, -1.0);
    assert_eq!(asked.machine.mode(), Mode::Degraded);
    close(asked.degraded_s(), 1.0);
    close(asked.stopped(), 1.0);
    close(asked.stopped(), 2.0);
    // Somebody has looked.
    asked.machine.latch(Latch::Contact, Instant::from_nanos(asked.ms * 1_000_000));
    asked.update(1.0);
    asked.ms += 50;
    asked.machine.gate(GateMode::Disarmed, Instant::from_nanos(asked.ms * 1_000_000));
    close(asked.degraded_s(), 1.0);
    close(asked.stopped(), 1.0);
}

#[test]
fn a_stop_from_degraded_counts_and_so_does_one_after_a_long_stop() {
    let mut asked = Asked::new();
    asked.degraded_s();
    asked.stopped();
    // Stopped again before NOMINAL, and kept there for longer than what counts as again.
    assert_eq!(asked.update(-1.0), Mode::SafeStop);
    while asked.update(1.0) != Mode::Degraded {}
    (0..20 * 30).for_each(|_| assert_eq!(asked.update(-1.0), Mode::SafeStop));
    assert!((asked.degraded_s() - 4.0).abs() < 0.06);
    assert!((asked.stopped() - 8.0).abs() < 0.06);
}

#[test]
fn a_greatest_dwell_below_the_dwell_shortens_nothing() {
    let mut asked = Asked::new();
    asked.config.relapse.dwell_max_s = 0.1;
    asked.degraded_s();
    for _ in 0..3 {
        assert!((asked.stopped() - 1.0).abs() < 0.06);
    }
}
