//! A specification file: one formula with its name, requirement, severity, and what it rests on.

use crate::error::{Position, StlError};
use crate::fitness::refuse_unfit;
use crate::formula::{Expression, Formula};
use crate::monitor::Limits;
use crate::parser::{Annotation, Document, Known, Value, parse};
use outrider_foundation::Span;

/// What follows when a specification is not satisfied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The robot stops.
    Stop,
    /// The robot goes slower.
    Slow,
    /// It is reported.
    Warn,
}

impl Severity {
    /// Its word in the file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Slow => "slow",
            Self::Warn => "warn",
        }
    }
}

/// A property with everything that a reader, a monitor and a safety case need.
#[derive(Clone, Debug, PartialEq)]
pub struct Specification {
    /// Its name, in snake case: that of the monitor.
    pub name: String,
    /// Identifier of the requirement that it makes checkable.
    pub requirement: String,
    /// What follows when it is not satisfied.
    pub severity: Severity,
    /// What it bounds, in a sentence.
    pub bounds: String,
    /// Where the bound comes from: a standard's clause, a measurement, a decision.
    pub source: String,
    /// Unit of its robustness.
    pub unit: String,
    /// What would clear it, for a person.
    pub clears_when: String,
    /// Once violated it stays so until somebody acknowledges it.
    pub latched: bool,
    /// The shortest time between two samples that it is made for.
    pub period: Span,
    /// The longest time between two samples; after a longer one nothing can be said.
    pub max_gap: Span,
    /// The formula; its signals are those that the file declares.
    pub formula: Formula,
    declared: Vec<Position>,
}

/// Memory of one specification's windows: ten minutes at 100 Hz, and enough left.
const MEMORY_MAX_BYTES: usize = 4 << 20;

/// Longest period and longest gap.
const TIME_MAX: Span = Span::from_millis(60_000);

impl Specification {
    /// Reads a file's text.
    ///
    /// # Errors
    /// With line and column: what is not the language, an annotation that is missing or not known, or a formula that
    /// is correct but not fit to keep a robot safe (see `docs/monitoring.md`).
    pub fn parse(text: &str) -> Result<Self, StlError> {
        let document = parse(text, Known::Declared)?;
        let begin = Position { line: 1, column: 1 };
        let name = document.name.clone().ok_or_else(|| StlError::Syntax {
            at: begin,
            expected: "`specification NAME` at the beginning of the file".to_owned(),
            found: "none".to_owned(),
        })?;
        refuse_misread(&document)?;
        let mut keys = Keys(document.annotations);
        let specification = Self {
            name,
            requirement: keys.text("requirement")?,
            severity: keys.severity()?,
            bounds: keys.text("bounds")?,
            source: keys.text("source")?,
            unit: keys.text("unit")?,
            clears_when: keys.text("clears_when")?,
            latched: keys.flag("latched")?,
            period: keys.time("period")?,
            max_gap: keys.time("max_gap")?,
            formula: document.formula,
            declared: document.declared,
        };
        keys.nothing_left()?;
        refuse_unfit(&specification.formula)?;
        Ok(specification)
    }

    /// Whether somebody gives the signals that the file declares.
    ///
    /// # Errors
    /// With the place of the first that nobody gives, and all that are given.
    pub fn check_signals(&self, given: &[&str]) -> Result<(), StlError> {
        let declared = self.formula.signals().iter().zip(&self.declared);
        match declared.into_iter().find(|(name, _)| !given.contains(&name.as_str())) {
            None => Ok(()),
            Some((name, at)) => {
                Err(StlError::UnknownName { at: *at, name: name.clone(), known: given.join(", ") })
            }
        }
    }

    /// What its monitor may use.
    pub fn limits(&self) -> Limits {
        Limits {
            period: self.period,
            max_gap: Some(self.max_gap),
            samples_max: usize::MAX,
            memory_max_bytes: MEMORY_MAX_BYTES,
        }
    }
}

/// Nothing that is written may be without effect, and nothing may look like something else.
fn refuse_misread(document: &Document) -> Result<(), StlError> {
    let formula = &document.formula;
    let unfit =
        |at, formula: &str, problem| Err(StlError::Unsafe { at, formula: formula.to_owned(), problem });
    let place = |start| Position::of(formula.text(), start);
    let root = formula.text_of(formula.root());
    if let Some(at) = document.misleading {
        return unfit(at, root, "brackets mislead here: put them around all that the operator takes");
    }
    let reached = formula.reachable();
    let unused = formula.nodes.iter().zip(&reached).rev().find(|(_, reached)| !**reached);
    if document.nameless != 1 || !document.ends_nameless || unused.is_some() {
        let at = place(unused.map_or(0, |(node, _)| node.start));
        return unfit(
            at,
            root,
            "one formula without a name, the last, uses everything that stands before it",
        );
    }
    let uses = |index| formula.nodes.iter().any(|n| n.expression == Expression::Signal(index));
    match document.declared.iter().enumerate().find(|(index, _)| !uses(*index)) {
        Some((_, at)) => unfit(*at, root, "this signal is declared and not used"),
        None if document.declared.is_empty() => unfit(place(0), root, "it rests on no signal"),
        None => Ok(()),
    }
}

/// Annotations, taken one by one.
struct Keys(Vec<Annotation>);

impl Keys {
    fn take(&mut self, key: &str) -> Result<Annotation, StlError> {
        let refuse =
            |at, problem: &str| StlError::Annotation { at, key: key.to_owned(), problem: problem.to_owned() };
        let Some(index) = self.0.iter().position(|a| a.key == key) else {
            return Err(refuse(Position { line: 1, column: 1 }, "missing"));
        };
        let found = self.0.remove(index);
        match self.0.iter().find(|a| a.key == key) {
            Some(again) => Err(refuse(again.at, "given twice")),
            None => Ok(found),
        }
    }

    fn text(&mut self, key: &str) -> Result<String, StlError> {
        let found = self.take(key)?;
        match found.value {
            Value::Text(text) => Ok(text),
            Value::Time(_) => Err(problem(&found, "a text is needed, in quotation marks")),
        }
    }

    fn time(&mut self, key: &str) -> Result<Span, StlError> {
        let found = self.take(key)?;
        match found.value {
            Value::Time(span) if span > Span::ZERO && span <= TIME_MAX => Ok(span),
            _ => Err(problem(&found, "a time above zero and up to a minute is needed, such as 200 ms")),
        }
    }

    fn severity(&mut self) -> Result<Severity, StlError> {
        let found = self.take("severity")?;
        let all = [Severity::Stop, Severity::Slow, Severity::Warn];
        let named = all.into_iter().find(|s| found.value == Value::Text(s.name().to_owned()));
        named.ok_or_else(|| problem(&found, "it is one of stop, slow, warn"))
    }

    /// May be left out, and is then `no`.
    fn flag(&mut self, key: &str) -> Result<bool, StlError> {
        if !self.0.iter().any(|a| a.key == key) {
            return Ok(false);
        }
        let found = self.take(key)?;
        match &found.value {
            Value::Text(text) if text == "yes" => Ok(true),
            Value::Text(text) if text == "no" => Ok(false),
            _ => Err(problem(&found, "it is yes or no")),
        }
    }

    fn nothing_left(&self) -> Result<(), StlError> {
        match self.0.first() {
            None => Ok(()),
            Some(unknown) => Err(problem(
                unknown,
                "not known; there are requirement, severity, bounds, source, unit, clears_when, latched, period, max_gap",
            )),
        }
    }
}

fn problem(annotation: &Annotation, problem: &str) -> StlError {
    StlError::Annotation { at: annotation.at, key: annotation.key.clone(), problem: problem.to_owned() }
}
