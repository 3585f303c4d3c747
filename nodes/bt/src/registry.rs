//! Which nodes a tree may have: the engine's own and those of a user.

use crate::builtin;
use crate::error::Fault;
use crate::node::Op;
use crate::port::{Io, Port, Words};
use crate::script::Enums;
use crate::status::Status;
use std::collections::BTreeMap;

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// A leaf that does something.
    Action,
    /// A leaf that looks at something.
    Condition,
    /// A node with children.
    Control,
    /// A node with one child.
    Decorator,
    /// A tree in the tree.
    SubTree,
}

impl Class {
    /// The name that XML uses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Action => "Action",
            Self::Condition => "Condition",
            Self::Control => "Control",
            Self::Decorator => "Decorator",
            Self::SubTree => "SubTree",
        }
    }

    /// From the name that XML uses.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Action, Self::Condition, Self::Control, Self::Decorator, Self::SubTree]
            .into_iter()
            .find(|class| class.name() == name)
    }

    /// It has no children.
    pub const fn is_leaf(self) -> bool {
        matches!(self, Self::Action | Self::Condition)
    }
}

/// A kind of node: what the XML may say of it.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// Name of the XML element.
    pub id: Words,
    /// What it is.
    pub class: Class,
    /// Its ports.
    pub ports: Vec<Port>,
    /// What it does.
    pub doc: Words,
    /// A line of XML.
    pub example: Words,
}

impl Manifest {
    /// A kind of node without ports.
    pub fn new(id: &'static str, class: Class, doc: &'static str, example: &'static str) -> Self {
        Self { id: id.into(), class, ports: Vec::new(), doc: doc.into(), example: example.into() }
    }

    /// With these ports.
    #[must_use]
    pub fn ports(mut self, ports: impl IntoIterator<Item = Port>) -> Self {
        self.ports.extend(ports);
        self
    }
}

/// An action or a condition over a context `C`. It is ticked whenever its parent asks.
pub trait Leaf<C> {
    /// One tick.
    ///
    /// # Errors
    /// Ends the tick of the whole tree.
    fn tick(&mut self, io: &mut Io<'_>, context: &mut C) -> Result<Status, Fault>;

    /// It was running and must stop.
    fn halt(&mut self, context: &mut C) {
        let _ = context;
    }
}

/// What a decorator wants of its child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Tick it.
    Child,
    /// Leave it as it is, and give this status.
    Return(Status),
}

/// A decorator over a context `C`.
pub trait Decorator<C> {
    /// Before the child, whose status is `child`.
    ///
    /// # Errors
    /// Ends the tick of the whole tree.
    fn before(&mut self, io: &mut Io<'_>, child: Status, context: &mut C) -> Result<Step, Fault>;

    /// After the child; gives the decorator's own status.
    ///
    /// # Errors
    /// Ends the tick of the whole tree.
    fn after(&mut self, io: &mut Io<'_>, child: Status, context: &mut C) -> Result<Status, Fault> {
        let _ = (io, context);
        Ok(child)
    }

    /// It was running and must stop; its child is halted by the engine.
    fn halt(&mut self, context: &mut C) {
        let _ = context;
    }
}

/// Makes a leaf when a tree is built.
pub type MakeLeaf<C> = fn(&mut Io<'_>) -> Result<Box<dyn Leaf<C>>, Fault>;

/// Makes a decorator when a tree is built.
pub type MakeDecorator<C> = fn(&mut Io<'_>) -> Result<Box<dyn Decorator<C>>, Fault>;

/// How a kind of node is built.
pub(crate) enum Make<C> {
    Engine(Op),
    Leaf(MakeLeaf<C>),
    Decorator(MakeDecorator<C>),
    /// It is only known that there is such a node.
    Nothing,
}

/// The kinds of nodes that trees may have.
pub struct Registry<C> {
    kinds: BTreeMap<String, (Manifest, Make<C>)>,
    enums: Enums,
}

impl<C> Default for Registry<C> {
    fn default() -> Self {
        Self::new()
    }
}

impl<C> Registry<C> {
    /// With the nodes of the engine: those of BehaviorTree.CPP, and those of Nav2 that need no robot.
    pub fn new() -> Self {
        let mut registry = Self { kinds: BTreeMap::new(), enums: Enums::new() };
        for (manifest, op) in builtin::all() {
            registry.insert(manifest, Make::Engine(op));
        }
        registry
    }

    fn insert(&mut self, manifest: Manifest, make: Make<C>) {
        self.kinds.insert(manifest.id.to_string(), (manifest, make));
    }

    /// Adds an action or a condition. A kind of the same name is replaced.
    pub fn leaf(&mut self, manifest: Manifest, make: MakeLeaf<C>) -> &mut Self {
        self.insert(manifest, Make::Leaf(make));
        self
    }

    /// Adds a decorator. A kind of the same name is replaced.
    pub fn decorator(&mut self, manifest: Manifest, make: MakeDecorator<C>) -> &mut Self {
        self.insert(manifest, Make::Decorator(make));
        self
    }

    /// Adds a kind that is known by its manifest only, unless it is known better: trees with it can be checked but not built.
    pub fn declare(&mut self, manifest: Manifest) {
        if !self.kinds.contains_key(&*manifest.id) {
            self.insert(manifest, Make::Nothing);
        }
    }

    /// A name that scripts and ports know as a number.
    pub fn enumeration(&mut self, name: &str, value: i64) -> &mut Self {
        self.enums.insert(name.to_owned(), value);
        self
    }

    /// The names that scripts know as numbers.
    pub fn enums(&self) -> &Enums {
        &self.enums
    }

    /// All kinds, by name.
    pub fn manifests(&self) -> impl Iterator<Item = &Manifest> {
        self.kinds.values().map(|(manifest, _)| manifest)
    }

    /// A kind by name.
    pub fn manifest(&self, id: &str) -> Option<&Manifest> {
        self.kinds.get(id).map(|(manifest, _)| manifest)
    }

    /// A kind of the engine's own.
    pub fn is_builtin(&self, id: &str) -> bool {
        self.kinds.get(id).is_some_and(|(_, make)| matches!(make, Make::Engine(_)))
    }

    pub(crate) fn kind(&self, id: &str) -> Option<(&Manifest, &Make<C>)> {
        self.kinds.get(id).map(|(manifest, make)| (manifest, make))
    }
}
