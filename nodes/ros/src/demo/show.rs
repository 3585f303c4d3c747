//! What the terminal shows: stages as lines, and while driving one live line, or a line now and then where the output is
//! no terminal.

use super::observer::Seen;
use outrider_foundation::Pose2;
use outrider_msgs::outrider_msgs::AssuranceState;
use outrider_suite::words::{gate_mode, mode};
use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

const LIVE_PERIOD: Duration = Duration::from_millis(100);
const LINE_PERIOD: Duration = Duration::from_secs(2);
/// More "why" lines than this are only in the report.
const EVENT_LINES: u32 = 30;

/// The terminal.
pub struct Show {
    terminal: bool,
    /// The live line is on the screen and has to be wiped before anything else is written.
    live: bool,
    next_line: Instant,
    events: u32,
    gate: Option<u8>,
}

impl Show {
    /// Standard output.
    pub fn new() -> Self {
        let terminal = std::io::stdout().is_terminal();
        Self { terminal, live: false, next_line: Instant::now(), events: 0, gate: None }
    }

    /// A line.
    pub fn line(&mut self, text: &str) {
        self.wipe();
        put(&format!("{text}\n"));
    }

    /// A stage that took so long.
    pub fn done(&mut self, what: &str, took: Duration) {
        self.line(&format!("{what} … ok ({:.1} s)", took.as_secs_f64()));
    }

    /// How the drive goes; `elapsed_s` since the goal was sent.
    pub fn progress(&mut self, elapsed_s: f64, goal: Pose2, seen: &mut Seen) {
        self.events(elapsed_s, seen);
        let now = Instant::now();
        if now < self.next_line {
            return;
        }
        self.next_line = now + if self.terminal { LIVE_PERIOD } else { LINE_PERIOD };
        let text = progress_line(elapsed_s, goal, seen);
        if self.terminal {
            put(&format!("\r\x1b[2K{text}"));
            self.live = true;
        } else {
            put(&format!("{text}\n"));
        }
    }

    /// Why assurance acted, and that the gate stopped or goes on.
    fn events(&mut self, elapsed_s: f64, seen: &mut Seen) {
        while let Some(event) = seen.events.pop_front() {
            let (before, after) = (mode(event.mode_before), mode(event.mode_after));
            self.event(elapsed_s, &format!("{before} → {after}: {}", event.text));
        }
        let Some(gate) = &seen.gate else { return };
        let before = self.gate.replace(gate.mode);
        if before.is_some_and(|mode| mode != gate.mode) {
            let text = format!("gate {}: {}", gate_mode(gate.mode), gate.reason);
            self.event(elapsed_s, &text);
        }
    }

    fn event(&mut self, elapsed_s: f64, text: &str) {
        self.events += 1;
        if self.events <= EVENT_LINES {
            self.line(&format!("{elapsed_s:6.1} s   {text}"));
        } else if self.events == EVENT_LINES + 1 {
            self.line("           … more of these are in the report");
        }
    }

    fn wipe(&mut self) {
        if std::mem::take(&mut self.live) {
            put("\r\x1b[2K");
        }
    }
}

fn progress_line(elapsed_s: f64, goal: Pose2, seen: &Seen) -> String {
    let truth = seen.truth.as_ref();
    let to_go = seen
        .decision
        .as_ref()
        .map(|d| d.distance_remaining)
        .filter(|m| m.is_finite())
        .or_else(|| truth.map(|t| (t.x - goal.x_m).hypot(t.y - goal.y_m)));
    let number = |value: Option<f64>, unit: &str| {
        value.map_or_else(|| format!("{:>5} {unit}", "?"), |v| format!("{v:5.2} {unit}"))
    };
    format!(
        "{elapsed_s:6.1} s   to go {}   {}   {:<9} clearance {}   gate {}",
        number(to_go, "m"),
        number(truth.map(|t| t.v), "m/s"),
        seen.assurance.as_ref().map_or("?", |a: &AssuranceState| mode(a.mode)),
        number(truth.map(|t| t.clearance), "m"),
        seen.gate.as_ref().map_or("?", |g| gate_mode(g.mode)),
    )
}

/// A terminal that is gone is no reason to leave the robot alone: errors are ignored.
fn put(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
