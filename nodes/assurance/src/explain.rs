//! Why: one record for every change of mode and for every episode of refusals.

use crate::Config;
use crate::mode::{Cause, Change};
use crate::monitor::{Part, Reading, Rule, worst};
use crate::properties::Properties;
use crate::sensing::Knowledge;
use crate::way_out::{End, Note, Wedge};
use crate::zones::ZoneMap;
use outrider_foundation::data::{CausalRef, Challenge, Command, GateState, Intervention, Mode};
use outrider_foundation::{Instant, Now, Span};
use std::fmt::Write as _;

/// Refusals that follow each other closely are one episode; each rule is recorded once in it.
#[derive(Clone, Debug)]
pub(crate) struct Episodes {
    gap: Span,
    last: Option<Instant>,
    recorded: Vec<Rule>,
    /// What was recorded of the present stay in SAFE_STOP.
    stop: Vec<Rule>,
    unexplained_since: Option<Instant>,
}

impl Episodes {
    pub fn new(config: &Config) -> Self {
        Self {
            gap: Span::from_s(config.episode_gap_s),
            last: None,
            recorded: vec![],
            stop: vec![],
            unexplained_since: None,
        }
    }

    /// Whether this refusal is worth a record.
    pub fn is_new(&mut self, rule: Rule, now: Instant) -> bool {
        if self.last.is_none_or(|last| now.since(last) > self.gap) {
            self.recorded.clear();
        }
        self.last = Some(now);
        // As many as there are rules, at most.
        let new = !self.recorded.contains(&rule);
        if new {
            self.recorded.push(rule);
        }
        new
    }

    /// A stay in SAFE_STOP begins with the rule that led there, or with none.
    pub fn follow(&mut self, change: &Change) {
        self.stop.clear();
        self.unexplained_since = None;
        if let (Mode::SafeStop, Cause::Rule(reading)) = (change.after, change.cause) {
            self.stop.push(reading.rule);
        }
    }

    /// What is worth a record in SAFE_STOP: what was recorded of this stay is over, and for a while already something else
    /// stops the robot. `broken` are all rules that do.
    pub fn unexplained(&mut self, broken: &[Reading], now: Instant) -> Option<Reading> {
        if broken.is_empty() || broken.iter().any(|r| self.stop.contains(&r.rule)) {
            self.unexplained_since = None;
            return None;
        }
        let since = *self.unexplained_since.get_or_insert(now);
        let reading = worst(broken).copied().filter(|_| now.since(since) > self.gap)?;
        // As many as there are rules, at most.
        self.stop.push(reading.rule);
        Some(reading)
    }
}

/// What a record rests on.
pub(crate) struct Evidence<'a> {
    pub now: Now,
    pub boot_id: u64,
    pub sequence: u64,
    pub known: &'a Knowledge,
    pub zones: &'a ZoneMap,
    pub properties: &'a Properties,
    pub command: Option<&'a Command>,
    pub challenge: Option<Challenge>,
    pub gate: Option<&'a GateState>,
}

/// Rules of records that are of no reading: of the emergency stop, of the gate, of time, and of ways out.
pub(crate) const OTHER_RULES: [&str; 8] = [
    "e_stop",
    "gate_e_stop",
    "contact",
    "e_stop_released",
    "dwell",
    "way_out",
    "way_out_end",
    "way_out_none",
];

impl Evidence<'_> {
    /// A proposal was refused.
    pub fn refusal(&self, reading: &Reading, mode: Mode, instead: &str) -> Intervention {
        let sequence = self.command.map_or(0, |c| c.sequence);
        let mut text = format!("Command {sequence} is refused: ");
        self.describe(&mut text, reading);
        let _ = write!(text, " Instead: {instead}.");
        self.record(reading, mode, mode, text)
    }

    /// The mode changed.
    pub fn change(&self, change: &Change) -> Intervention {
        let (before, after) = (change.before, change.after);
        let mut text = format!("{} after {}: ", after.name(), before.name());
        match change.cause {
            Cause::Rule(reading) => {
                self.describe(&mut text, &reading);
                self.record(&reading, before, after, text)
            }
            Cause::Latch(latch) => {
                let (rule, sentence, clears) = latch.facts();
                text.push_str(sentence);
                self.bare(rule, clears, before, after, text)
            }
            Cause::Released => {
                text.push_str("the emergency stop is released and the gate was reset.");
                self.bare("e_stop_released", "", before, after, text)
            }
            Cause::Dwell => {
                text.push_str("all that this mode needs has been satisfied for long enough.");
                self.bare("dwell", "", before, after, text)
            }
        }
    }

    /// A way out begins, has ended, or is none.
    pub fn way_out(&self, note: &Note, mode: Mode) -> Intervention {
        const BY_HAND: &str = "an operator drives the robot out by hand";
        match *note {
            Note::Begins(wedge, twist, waited_s) => {
                let (v, w) = (twist.v_mps, twist.w_radps);
                let text = format!(
                    "Way out begins: {} The planner was refused for {waited_s:.1} s; now {v:.2} m/s and {w:.2} rad/s.",
                    self.too_near(wedge)
                );
                let clears = "the robot keeps its distance again, or the planner's own command passes";
                self.wedged("way_out", clears, wedge, mode, text)
            }
            Note::Ended(end, way_m) => {
                let text = format!("Way out has ended after {way_m:.2} m: {}.", self.why(end));
                let given_up = matches!(end, End::NoWay | End::Spent);
                let clears = if given_up { BY_HAND } else { "nothing: it begins again when it is needed" };
                let unit = "m".to_owned();
                Intervention { value: way_m, unit, ..self.bare("way_out_end", clears, mode, mode, text) }
            }
            Note::None(wedge, end) => {
                let text = format!("No way out: {} {}; it holds.", self.too_near(wedge), self.why(end));
                self.wedged("way_out_none", BY_HAND, wedge, mode, text)
            }
        }
    }

    fn too_near(&self, wedge: Wedge) -> String {
        let part = self.part(Rule::ExclusionZones, wedge.part);
        format!("{part} is at {:.3} m, the limit is {:.3}.", wedge.value_m, wedge.limit_m)
    }

    fn wedged(&self, rule: &str, clears: &str, wedge: Wedge, mode: Mode, text: String) -> Intervention {
        Intervention {
            subformula: self.part(Rule::ExclusionZones, wedge.part),
            value: wedge.value_m,
            limit: wedge.limit_m,
            unit: "m".to_owned(),
            ..self.bare(rule, clears, mode, mode, text)
        }
    }

    fn why(&self, end: End) -> String {
        match end {
            End::Clear => "the robot keeps its distance again".to_owned(),
            End::Passed => "the planner's own command passes".to_owned(),
            End::NotWanted => "nobody wants to go any more".to_owned(),
            End::EmergencyStop => "emergency stop".to_owned(),
            End::Disarmed => "the gate does not wait for permits".to_owned(),
            End::Fault(rule) => format!("{} is not satisfied", rule.facts(self.properties).0),
            End::NoWay => {
                "no slow motion leads away from it that brings the robot nearer to nothing else".to_owned()
            }
            End::Spent => "its distance or its tries are spent".to_owned(),
        }
    }

    fn describe(&self, text: &mut String, reading: &Reading) {
        let rule = reading.rule;
        let part = self.part(reading.rule, reading.part);
        let (name, unit, _) = rule.facts(self.properties);
        let of = if part.is_empty() { String::new() } else { format!(" ({part})") };
        // Writing into a string cannot fail.
        let _ = if let (Rule::Property(_), true) = (rule, reading.value.is_finite()) {
            write!(text, "{name} has a robustness of {:.3} {unit}; `{part}` decided.", reading.value)
        } else if reading.value.is_finite() {
            let (value, limit) = (reading.value, reading.limit);
            write!(text, "{}{of} is {value:.3} {unit}, the limit is {limit:.3}.", name)
        } else {
            write!(text, "{}{of} cannot be judged.", name)
        };
    }

    fn part(&self, rule: Rule, part: Part) -> String {
        let zone = |name: Option<&String>| format!("zone {}", name.map_or("?", String::as_str));
        match part {
            Part::None => String::new(),
            Part::Text(text) => text.to_owned(),
            Part::Track(id) => {
                let track = self.known.world.tracks.iter().find(|t| t.id == id);
                format!("{} #{id}", track.map_or("object", |t| t.class_label.as_str()))
            }
            Part::Exclusion(i) => zone(self.zones.exclusion.get(i).map(|(name, _)| name)),
            Part::Formula(node, why) => {
                let Rule::Property(property) = rule else { return why.to_owned() };
                let text = self.properties.subformula(property, node);
                if why.is_empty() { text } else { format!("{text}: {why}") }
            }
            Part::SpeedZone(i) => zone(self.zones.speed.get(i).map(|(name, ..)| name)),
            Part::DirectionZone(i) => zone(self.zones.direction.get(i).map(|(name, ..)| name)),
        }
    }

    fn record(&self, reading: &Reading, before: Mode, after: Mode, text: String) -> Intervention {
        let (name, unit, clears_when) = reading.rule.facts(self.properties);
        Intervention {
            subformula: self.part(reading.rule, reading.part),
            value: reading.value,
            limit: reading.limit,
            unit: unit.to_owned(),
            ..self.bare(name, clears_when, before, after, text)
        }
    }

    fn bare(&self, rule: &str, clears: &str, before: Mode, after: Mode, text: String) -> Intervention {
        Intervention {
            stamp: self.now.ros,
            boot_id: self.boot_id,
            sequence: self.sequence,
            rule: rule.to_owned(),
            subformula: String::new(),
            value: f64::NAN,
            limit: f64::NAN,
            unit: String::new(),
            causes: self.causes(),
            mode_before: before,
            mode_after: after,
            clears_when: clears.to_owned(),
            text,
        }
    }

    fn causes(&self) -> Vec<CausalRef> {
        let cause = |topic: &str, sequence, stamp| CausalRef { topic: topic.to_owned(), sequence, stamp };
        let known = self.known;
        let causes = [
            known.scan.source.stamp().map(|s| cause("/scan", 0, s)),
            known.odometry.source.stamp().map(|s| cause("/odom", 0, s)),
            known.world.source.stamp().map(|s| cause("/world_model", known.world.sequence, s)),
            self.command.map(|c| cause("/cmd_vel_nominal", c.sequence, c.stamp)),
            self.challenge.map(|c| cause("/gate/challenge", c.number, c.stamp)),
            self.gate.map(|g| cause("/gate/state", g.sequence, g.stamp)),
        ];
        causes.into_iter().flatten().collect()
    }
}
