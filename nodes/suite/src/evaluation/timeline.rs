//! What happened when.

use crate::scenario::expect::Happening;
use outrider_msgs::outrider_msgs::Intervention;
use serde::Serialize;

/// Records of assurance that are kept; more are counted.
pub(crate) const EVENT_LIMIT: usize = 2_000;

/// A record of assurance.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Event {
    /// Since the start, s.
    pub t: f64,
    /// Rule.
    pub rule: String,
    /// In a sentence.
    pub text: String,
    /// Mode before, as in permits.
    pub from: u8,
    /// Mode after.
    pub to: u8,
}

/// States as they change, each with the time since the start from which on it was so, s.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Timeline {
    /// Modes of assurance.
    pub modes: Vec<(f64, u8)>,
    /// Modes of the gate.
    pub gate: Vec<(f64, u8)>,
    /// States of missions.
    pub missions: Vec<(f64, u8)>,
    /// Whether the robot moves.
    pub moving: Vec<(f64, bool)>,
    /// Contacts.
    pub contacts: Vec<f64>,
    /// With what, by contact.
    pub touched: Vec<String>,
    /// Records of assurance.
    pub events: Vec<Event>,
    /// Those for which there was no room.
    pub events_dropped: u64,
    /// When the goal was given.
    pub goal_s: Option<f64>,
    /// The end.
    pub end_s: f64,
}

impl Timeline {
    pub(crate) fn event(&mut self, t: f64, record: Intervention) {
        if self.events.len() >= EVENT_LIMIT {
            self.events_dropped += 1;
            return;
        }
        let (from, to) = (record.mode_before, record.mode_after);
        self.events.push(Event { t, rule: record.rule, text: record.text, from, to });
    }

    /// Whether something happened between two times, s; when it first did.
    pub fn first(&self, what: &Happening, from_s: f64, to_s: f64) -> Option<f64> {
        if from_s > to_s {
            return None;
        }
        let inside = |t: f64| t >= from_s && t <= to_s;
        match what {
            Happening::Mode(mode) => first_of(&self.modes, from_s, to_s, |m| *m >= mode.code()),
            Happening::Gate(does) => first_of(&self.gate, from_s, to_s, |m| *m == does.code()),
            Happening::Mission(end) => {
                let ended = self.missions.iter().find(|(t, status)| inside(*t) && *status == end.code());
                ended.map(|(t, _)| *t)
            }
            Happening::Intervention(rule) => {
                self.events.iter().find(|e| inside(e.t) && e.rule == *rule).map(|e| e.t)
            }
            Happening::Standing => first_of(&self.moving, from_s, to_s, |moves| !moves),
            Happening::Moving => first_of(&self.moving, from_s, to_s, |moves| *moves),
            Happening::Contact => self.contacts.iter().copied().find(|t| inside(*t)),
        }
    }

    /// How long each state lasted from a time on, by state.
    pub(crate) fn durations(&self, states: &[(f64, u8)], from_s: f64) -> std::collections::BTreeMap<u8, f64> {
        let mut sums = std::collections::BTreeMap::new();
        for (i, (begin, state)) in states.iter().enumerate() {
            let end = states.get(i + 1).map_or(self.end_s, |next| next.0);
            *sums.entry(*state).or_default() += (end - begin.max(from_s)).max(0.0);
        }
        sums
    }
}

/// Adds a state when it is another one than the last.
pub(crate) fn note<T: PartialEq>(states: &mut Vec<(f64, T)>, t: f64, state: T) {
    if states.last().is_none_or(|(_, last)| *last != state) {
        states.push((t, state));
    }
}

/// When a state first was so within a window: at its beginning when it was so already.
fn first_of<T>(states: &[(f64, T)], from_s: f64, to_s: f64, is: impl Fn(&T) -> bool) -> Option<f64> {
    states.iter().enumerate().find_map(|(i, (begin, state))| {
        let end = states.get(i + 1).map_or(f64::INFINITY, |next| next.0);
        (is(state) && *begin <= to_s && end > from_s).then(|| begin.max(from_s))
    })
}
