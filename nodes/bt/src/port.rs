//! The ports of nodes: what a node declares, what the XML gives, and how a node reads and writes them.

use crate::blackboard::{Blackboards, KeyRef};
use crate::error::{Fault, fault};
use crate::kind::Kind;
use crate::node::NodeId;
use crate::status::Status;
use crate::value::Value;
use outrider_foundation::Instant;
use std::borrow::Cow;
use std::sync::Arc;

/// Text that is written in the program or in a file.
pub type Words = Cow<'static, str>;

/// Which way a value goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The node reads it.
    Input,
    /// The node writes it.
    Output,
    /// Both.
    Both,
}

/// A port as a node declares it.
#[derive(Clone, Debug)]
pub struct Port {
    /// Name of the XML attribute.
    pub name: Words,
    /// Which way.
    pub direction: Direction,
    /// Of which type.
    pub kind: Kind,
    /// What counts when the XML gives none.
    pub default: Option<Words>,
    /// What it is for, with its unit.
    pub doc: Words,
}

impl Port {
    fn new(direction: Direction, name: &'static str, kind: Kind, doc: &'static str) -> Self {
        Self { name: name.into(), direction, kind, default: None, doc: doc.into() }
    }

    /// A port that the node reads.
    pub fn input(name: &'static str, kind: Kind, doc: &'static str) -> Self {
        Self::new(Direction::Input, name, kind, doc)
    }

    /// A port that the node writes.
    pub fn output(name: &'static str, kind: Kind, doc: &'static str) -> Self {
        Self::new(Direction::Output, name, kind, doc)
    }

    /// A port that the node reads and writes.
    pub fn both(name: &'static str, kind: Kind, doc: &'static str) -> Self {
        Self::new(Direction::Both, name, kind, doc)
    }

    /// With what counts when the XML gives none.
    #[must_use]
    pub fn or(mut self, default: &'static str) -> Self {
        self.default = Some(default.into());
        self
    }
}

/// Where a port's value is.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// Neither XML nor default.
    Absent,
    /// In the XML.
    Literal {
        /// As written.
        text: Arc<str>,
        /// Of the port's type; `None` when the text is none of it.
        value: Option<Value>,
        /// As a real number or an enumeration.
        real: Option<f64>,
    },
    /// In the blackboard.
    Entry(KeyRef),
}

/// A port of a node in a tree.
#[derive(Clone, Debug)]
pub(crate) struct Binding {
    pub name: Words,
    pub kind: Kind,
    pub source: Source,
}

impl Binding {
    #[cold]
    fn missing(&self) -> Fault {
        fault(format!("port `{}` is missing", self.name))
    }

    /// Its value, of the port's type when it comes from text.
    #[inline]
    pub fn read(&self, boards: &mut Blackboards) -> Result<Value, Fault> {
        match &self.source {
            Source::Literal { value: Some(value), .. } => Ok(value.clone()),
            Source::Literal { text, .. } => self.kind.parse(text),
            Source::Absent => Err(self.missing()),
            Source::Entry(key) => match boards.get(*key).map(|entry| &entry.value) {
                Some(Value::Text(text)) if !matches!(self.kind, Kind::Text | Kind::Untyped | Kind::Any) => {
                    self.kind.parse(text)
                }
                Some(value) if !value.is_empty() => Ok(value.clone()),
                _ => Err(fault(format!(
                    "port `{}`: entry `{}` is not there or not set yet",
                    self.name,
                    boards.name(*key)
                ))),
            },
        }
    }

    /// Its value, if there is one.
    pub fn get(&self, boards: &mut Blackboards) -> Option<Value> {
        match &self.source {
            Source::Absent => None,
            Source::Entry(key) if boards.get(*key).is_none_or(|entry| entry.value.is_empty()) => None,
            _ => self.read(boards).ok(),
        }
    }

    /// Its value as text.
    pub fn text(&self, boards: &mut Blackboards) -> Result<Arc<str>, Fault> {
        match &self.source {
            Source::Literal { text, .. } => Ok(Arc::clone(text)),
            _ => self.read(boards)?.as_text(),
        }
    }

    /// Writes it.
    pub fn write(&self, value: Value, boards: &mut Blackboards) -> Result<(), Fault> {
        match &self.source {
            Source::Entry(key) => boards.set_key(*key, value, self.kind),
            Source::Absent => Ok(()),
            Source::Literal { text, .. } => {
                Err(fault(format!("output port `{}` needs an entry like {{key}}, not `{text}`", self.name)))
            }
        }
    }
}

/// What a node sees of the tree in a tick.
pub struct Io<'a> {
    /// The time of this tick.
    pub now: Instant,
    /// The node's own status: idle when it starts.
    pub status: Status,
    /// Which node it is.
    pub node: NodeId,
    pub(crate) bindings: &'a [Binding],
    pub(crate) boards: &'a mut Blackboards,
}

impl Io<'_> {
    fn find(&self, port: &str) -> Result<&Binding, Fault> {
        let found = self.bindings.iter().find(|binding| binding.name == port);
        found.ok_or_else(|| fault(format!("port `{port}` is not declared")))
    }

    /// The XML or a default gives the port.
    pub fn has(&self, port: &str) -> bool {
        self.find(port).is_ok_and(|binding| !matches!(binding.source, Source::Absent))
    }

    /// The port's value does not change: it is in the XML, or the default.
    pub fn is_constant(&self, port: &str) -> bool {
        self.find(port).is_ok_and(|binding| matches!(binding.source, Source::Literal { .. }))
    }

    /// A port's value.
    ///
    /// # Errors
    /// When there is none.
    pub fn input(&mut self, port: &str) -> Result<Value, Fault> {
        let at = self.bindings.iter().position(|binding| binding.name == port);
        match at.and_then(|at| self.bindings.get(at)) {
            Some(binding) => binding.read(self.boards),
            None => Err(fault(format!("port `{port}` is not declared"))),
        }
    }

    /// A port's value as a number.
    ///
    /// # Errors
    /// When there is none.
    pub fn number(&mut self, port: &str) -> Result<f64, Fault> {
        self.input(port)?.as_f64()
    }

    /// A port's value as a number within bounds.
    ///
    /// # Errors
    /// When there is none, or it is out of bounds.
    pub fn number_in(&mut self, port: &str, least: f64, most: f64) -> Result<f64, Fault> {
        let value = self.number(port)?;
        if (least..=most).contains(&value) {
            Ok(value)
        } else {
            Err(fault(format!("port `{port}` is {value}, not between {least} and {most}")))
        }
    }

    /// A port's value as a truth value.
    ///
    /// # Errors
    /// When there is none.
    pub fn boolean(&mut self, port: &str) -> Result<bool, Fault> {
        self.input(port)?.as_bool()
    }

    /// A port's value as text.
    ///
    /// # Errors
    /// When there is none.
    pub fn text(&mut self, port: &str) -> Result<Arc<str>, Fault> {
        self.input(port)?.as_text()
    }

    /// Writes a port. Nothing happens when the XML does not give it.
    ///
    /// # Errors
    /// When the XML gives no entry, or one of another type.
    pub fn output(&mut self, port: &str, value: impl Into<Value>) -> Result<(), Fault> {
        let at = self.bindings.iter().position(|binding| binding.name == port);
        match at.and_then(|at| self.bindings.get(at)) {
            Some(binding) => binding.write(value.into(), self.boards),
            None => Err(fault(format!("port `{port}` is not declared"))),
        }
    }

    /// An entry of the root's blackboard.
    pub fn global(&self, name: &str) -> Option<&Value> {
        self.boards.look(0, name).map(|entry| &entry.value)
    }

    /// Writes an entry of the root's blackboard.
    ///
    /// # Errors
    /// When it is of another type.
    pub fn set_global(&mut self, name: &str, value: impl Into<Value>) -> Result<(), Fault> {
        let value = value.into();
        let kind = value.kind();
        self.boards.set(0, name, value, kind)
    }
}
