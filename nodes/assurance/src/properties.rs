//! The specification in force: every property with its monitor, updated together at one rate.

use crate::AssuranceError;
use crate::monitor::{Part, Property, Reading, Rule};
use crate::signals::{SIGNALS, Values};
use outrider_foundation::data::Verdict as Word;
use outrider_foundation::{Instant, Now, Span};
use outrider_stl::{Monitor, Specification, State, Verdict};

/// Properties of one specification.
const PROPERTY_LIMIT: usize = 64;

/// Signals about where the robot stands: what they forbid, a way out may mend.
const OF_PLACE: [&str; 3] = ["exclusion_distance_m", "free_path_m", "stopping_distance_m"];

/// One property.
#[derive(Clone, Debug)]
struct Watched {
    specification: Specification,
    monitor: Monitor,
    /// Where the formula's signals stand among all.
    columns: Vec<usize>,
    values: Vec<Option<f64>>,
    verdict: Option<Verdict>,
    /// The violation that waits to be acknowledged, and when it was last there.
    latch: Option<(Verdict, Instant)>,
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Properties {
    watched: Vec<Watched>,
    period: Span,
    due: Option<Instant>,
}

impl Properties {
    /// Monitors for `specifications`, to be updated every `period`.
    pub fn new(specifications: Vec<Specification>, period: Span) -> Result<Self, AssuranceError> {
        if specifications.len() > PROPERTY_LIMIT {
            return Err(AssuranceError::Specification {
                name: "all".into(),
                problem: format!("{} properties are more than {PROPERTY_LIMIT}", specifications.len()),
            });
        }
        let mut watched: Vec<Watched> = vec![];
        for specification in specifications {
            if watched.iter().any(|w| w.specification.name == specification.name) {
                return Err(refuse(&specification.name, "there are two of this name".to_owned()));
            }
            watched.push(Watched::new(specification, period)?);
        }
        Ok(Self { watched, period, due: None })
    }

    /// Whether it is time for the next samples.
    pub fn is_due(&self, now: Instant) -> bool {
        self.next_due().is_some_and(|due| now >= due)
    }

    /// When it will be; `None` without any property.
    pub fn next_due(&self) -> Option<Instant> {
        if self.watched.is_empty() { None } else { Some(self.due.unwrap_or_default()) }
    }

    /// Takes the signals' values. True when a property is no longer satisfied that was.
    pub fn update(&mut self, now: Now, values: &Values) -> bool {
        self.due = Some(now.mono + self.period);
        let all = values.all();
        let mut worse = false;
        for watched in &mut self.watched {
            for (value, column) in watched.values.iter_mut().zip(&watched.columns) {
                *value = all.get(*column).copied().flatten();
            }
            let verdict = watched.monitor.update(now.mono, &watched.values);
            let was_ok = watched.verdict.is_some_and(|before| before.state == State::Ok);
            worse |= was_ok && verdict.state != State::Ok;
            watched.verdict = Some(verdict);
            if watched.specification.latched && verdict.state == State::Violated {
                watched.latch = Some((verdict, now.mono));
            }
        }
        worse
    }

    /// Somebody has seen to what stopped the robot: the gate was seen disarmed at `at`. What is still violated then stays.
    pub fn acknowledge(&mut self, at: Instant) {
        for watched in &mut self.watched {
            watched.latch = watched.latch.filter(|(_, violated)| *violated >= at);
        }
    }

    /// A ROS clock that ran backwards: everything is learned anew.
    pub fn restart(&mut self) {
        for watched in &mut self.watched {
            watched.monitor.reset();
            watched.verdict = None;
        }
    }

    /// What became of each.
    pub fn readings(&self) -> impl Iterator<Item = Reading> + '_ {
        (0_u8..).zip(&self.watched).map(|(index, watched)| {
            let rule = Rule::Property(Property { index, severity: watched.specification.severity });
            let scale = |v: &Verdict| watched.monitor.formula().scale_of(v.responsible).unwrap_or(1.0);
            let held = watched.latch.filter(|_| watched.verdict.is_some_and(|v| v.state == State::Ok));
            let verdict = held.map(|(verdict, _)| verdict).or(watched.verdict);
            verdict.map_or(Reading::unknown(rule), |v| reading(rule, &v, scale(&v)))
        })
    }

    /// Name, unit, and what would clear it.
    pub fn facts(&self, property: Property) -> (&str, &str, &str) {
        let watched = self.watched.get(usize::from(property.index));
        watched.map_or(("property", "", ""), |w| {
            let s = &w.specification;
            (&s.name, &s.unit, &s.clears_when)
        })
    }

    /// Whether the property speaks of nothing but where the robot stands.
    pub fn is_of_place(&self, property: Property) -> bool {
        let watched = self.watched.get(usize::from(property.index));
        let signals = watched.map(|w| w.specification.formula.signals()).unwrap_or_default();
        !signals.is_empty() && signals.iter().all(|s| OF_PLACE.contains(&s.as_str()))
    }

    /// The subformula that decided, as it is written, on one line.
    pub fn subformula(&self, property: Property, node: outrider_stl::NodeId) -> String {
        let watched = self.watched.get(usize::from(property.index));
        let text = watched.map_or("", |w| w.monitor.formula().text_of(node));
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Memory of all monitors.
    pub fn byte_size(&self) -> usize {
        self.watched.iter().map(|w| w.monitor.byte_size()).sum()
    }
}

impl Watched {
    fn new(specification: Specification, period: Span) -> Result<Self, AssuranceError> {
        let name = &specification.name;
        if specification.period > period {
            let (made_for, given) = (specification.period.as_s(), period.as_s());
            let problem = format!("made for a sample every {made_for} s, and one comes every {given} s");
            return Err(refuse(name, problem));
        }
        let all: Vec<&str> = SIGNALS.iter().map(|s| s.name).collect();
        specification.check_signals(&all).map_err(|e| refuse(name, e.to_string()))?;
        let signals = specification.formula.signals().iter();
        let columns: Vec<usize> = signals.filter_map(|s| all.iter().position(|name| name == s)).collect();
        let monitor = Monitor::new(specification.formula.clone(), &specification.limits())
            .map_err(|e| refuse(name, e.to_string()))?;
        Ok(Self {
            values: vec![None; columns.len()],
            columns,
            monitor,
            specification,
            verdict: None,
            latch: None,
        })
    }
}

fn refuse(name: &str, problem: String) -> AssuranceError {
    AssuranceError::Specification { name: name.to_owned(), problem }
}

/// What is measured is the robustness itself; it is held against zero.
fn reading(rule: Rule, verdict: &Verdict, scale: f64) -> Reading {
    let word = match verdict.state {
        State::Unknown => Word::Unknown,
        State::Ok => Word::Ok,
        State::Violated => Word::Violated,
        State::Invalid(_) => Word::Invalid,
    };
    let robustness = match word {
        Word::Ok | Word::Violated => verdict.robustness,
        Word::Unknown | Word::Invalid => f64::NAN,
    };
    let part = match verdict.state {
        State::Invalid(reason) => Part::Formula(verdict.responsible, reason.name()),
        State::Unknown => Part::Text("not warmed up"),
        State::Ok | State::Violated => Part::Formula(verdict.responsible, ""),
    };
    Reading { rule, verdict: word, robustness, value: robustness, limit: 0.0, scale, part }
}
