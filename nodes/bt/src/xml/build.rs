//! Elements → a tree.

use super::check::{element_faults, is_port_name, kind_of};
use super::document::Element;
use super::library::Library;
use crate::blackboard::{Blackboards, BoardId};
use crate::error::{BtError, Position, fault};
use crate::kind::Kind;
use crate::node::{Conditions, Memory, NONE, Node, NodeId, NodeInfo, Op};
use crate::nodes::entry_name;
use crate::port::{Binding, Direction, Io, Port, Source};
use crate::registry::{Make, Manifest, Registry};
use crate::script::Source as Code;
use crate::status::Status;
use crate::text;
use crate::tree::{Cause, Journal, Tree};
use crate::value::Value;
use outrider_foundation::Instant;
use std::collections::VecDeque;
use std::sync::Arc;

/// Most nodes of a tree, those of its subtrees included.
pub const NODE_LIMIT: usize = 10_000;

/// Deepest nesting of nodes, subtrees included.
pub const DEPTH_LIMIT: u16 = 512;

impl Library {
    /// Builds a tree.
    ///
    /// # Errors
    /// With file, line and column, where BehaviorTree.CPP refuses the file or the tree, or a limit is exceeded.
    pub fn build<C>(&self, registry: &Registry<C>, tree: &str) -> Result<Tree<C>, BtError> {
        if let Some(problem) = self.refused(registry).into_iter().next() {
            return Err(problem.into());
        }
        Builder::new(self, registry).build(tree, true)
    }

    /// Builds a tree as far as it goes: with the user's leaves, but for those of which only the manifest is known.
    pub(super) fn try_build<C>(&self, registry: &Registry<C>, tree: &str) -> Result<(), BtError> {
        Builder::new(self, registry).build(tree, false).map(|_| ())
    }
}

struct Builder<'a, C> {
    library: &'a Library,
    registry: &'a Registry<C>,
    tree: Tree<C>,
    /// Names of the trees that are being built, from the outermost.
    open: Vec<&'a str>,
    /// Paths of subtrees that are there.
    paths: Vec<String>,
    /// Children of every node; laid out when all are known.
    children: Vec<Vec<NodeId>>,
    /// Nodes of which only the manifest is known are an error.
    complete: bool,
}

/// Where an element is built.
#[derive(Clone, Copy)]
struct Spot<'a> {
    file: &'a str,
    board: BoardId,
    /// Path of the subtree, with a slash at the end unless it is the main one.
    prefix: &'a str,
    depth: u16,
}

impl<'a, C> Builder<'a, C> {
    fn new(library: &'a Library, registry: &'a Registry<C>) -> Self {
        let tree = Tree {
            name: String::new(),
            nodes: Vec::new(),
            children: Vec::new(),
            finished: Vec::new(),
            ports: Vec::new(),
            scripts: Vec::new(),
            conditions: Vec::new(),
            queues: Vec::new(),
            keys: Vec::new(),
            leaves: Vec::new(),
            decorators: Vec::new(),
            boards: Blackboards::default(),
            board_of: Vec::new(),
            enums: registry.enums().clone(),
            infos: Vec::new(),
            journal: Journal::default(),
            halting: Cause::Halt,
            wake: false,
            recoveries: 0,
            last_leaf: NONE,
        };
        let (open, paths, children) = (Vec::new(), Vec::new(), Vec::new());
        Self { library, registry, tree, open, paths, children, complete: true }
    }

    fn build(mut self, name: &'a str, complete: bool) -> Result<Tree<C>, BtError> {
        self.complete = complete;
        name.clone_into(&mut self.tree.name);
        let at = self.library.documents().last().map(|document| (document.file.clone(), document.root.at));
        let (file, at) = at.unwrap_or_default();
        let spot = Spot { file: &file, board: 0, prefix: "", depth: 0 };
        self.subtree(name, at, spot)?;
        for (node, children) in self.tree.nodes.iter_mut().zip(&self.children) {
            node.first_child = index(self.tree.children.len());
            node.children = index(children.len());
            self.tree.children.extend(children);
        }
        self.tree.finished = vec![false; self.tree.children.len()];
        Ok(self.tree)
    }

    /// Builds a tree of the library; gives its root.
    fn subtree(&mut self, name: &'a str, at: Position, spot: Spot<'_>) -> Result<NodeId, BtError> {
        let error = |message: String| BtError::Load { file: spot.file.to_owned(), at, message };
        if self.open.contains(&name) {
            return Err(error(format!("tree `{name}` contains itself")));
        }
        let library = self.library;
        let Some((tree, file)) = library.tree(name) else {
            return Err(error(format!("there is no tree `{name}`")));
        };
        let Some(root) = tree.children.first() else {
            return Err(error(format!("tree `{name}` is empty")));
        };
        self.open.push(name);
        let id = self.element(root, Spot { file, ..spot })?;
        self.open.pop();
        Ok(id)
    }

    fn element(&mut self, element: &'a Element, spot: Spot<'_>) -> Result<NodeId, BtError> {
        let error = |message: String| BtError::Load { file: spot.file.to_owned(), at: element.at, message };
        if self.tree.nodes.len() >= NODE_LIMIT {
            return Err(error(format!("the tree has more than {NODE_LIMIT} nodes")));
        }
        if spot.depth >= DEPTH_LIMIT {
            return Err(error(format!("nodes are nested deeper than {DEPTH_LIMIT}")));
        }
        if let Some(problem) = element_faults(element, self.registry, spot.file).into_iter().next() {
            return Err(problem.into());
        }
        let is_subtree = element.name == "SubTree";
        let kind = if is_subtree { "SubTree" } else { kind_of(element) };
        let Some((manifest, make)) = self.registry.kind(kind) else {
            return Err(error(format!("unknown node <{kind}>")));
        };
        let id = index(self.tree.nodes.len());
        self.describe(element, manifest, spot, id);
        let first_port = index(self.tree.ports.len());
        if !is_subtree {
            self.bind_ports(element, manifest, spot)?;
        }
        let conditions = self.conditions(element, spot)?;
        self.tree.nodes.push(Node {
            status: Status::Idle,
            op: Op::SubTree,
            resets: false,
            first_child: 0,
            children: 0,
            first_port,
            end_port: index(self.tree.ports.len()),
            conditions,
            script: NONE,
            extra: NONE,
            memory: Memory::default(),
        });
        self.tree.board_of.push(spot.board);
        self.children.push(Vec::new());
        let op = self.operation(id, make, spot).map_err(|wrong| error(format!("<{kind}>: {wrong}")))?;
        if let Some(node) = self.tree.nodes.last_mut() {
            (node.op, node.resets) = (op, op.resets_child());
        }
        let below = Spot { depth: spot.depth + 1, ..spot };
        if is_subtree {
            let child = self.inner(element, id, below)?;
            self.adopt(id, child);
        }
        for child in &element.children {
            let child = self.element(child, below)?;
            self.adopt(id, child);
        }
        Ok(id)
    }

    fn adopt(&mut self, parent: NodeId, child: NodeId) {
        // The parent's list was pushed when the parent was.
        self.children[parent as usize].push(child);
        if let Some(info) = self.tree.infos.get_mut(child as usize) {
            info.parent = Some(parent);
        }
    }

    fn describe(&mut self, element: &Element, manifest: &Manifest, spot: Spot<'_>, id: NodeId) {
        let kind = kind_of(element);
        let name = element.value("name").unwrap_or(kind);
        let uid = u16::try_from(id + 1).unwrap_or(u16::MAX);
        let number = if name == kind { format!("::{uid}") } else { String::new() };
        self.tree.infos.push(NodeInfo {
            name: name.to_owned(),
            named: element.attribute("name").is_some(),
            id: manifest.id.to_string(),
            path: format!("{}{name}{number}", spot.prefix),
            uid,
            leaf: manifest.class.is_leaf(),
            depth: spot.depth,
            parent: None,
        });
    }

    fn bind_ports(&mut self, element: &Element, manifest: &Manifest, spot: Spot<'_>) -> Result<(), BtError> {
        for port in &manifest.ports {
            let given = element.attribute(&port.name);
            if let Some(attribute) = given
                && let Some(entry) = text::remapped(&port.name, &attribute.value)
            {
                self.declare(port, entry, spot.board).map_err(|message| BtError::Load {
                    file: spot.file.to_owned(),
                    at: attribute.at,
                    message,
                })?;
            }
            let value = given.map(|attribute| attribute.value.as_str()).or_else(|| {
                let default = port.default.as_deref().filter(|default| !default.is_empty())?;
                let serves = port.direction != Direction::Output || text::pointer(default).is_some();
                serves.then_some(default)
            });
            let source = value.map_or(Source::Absent, |value| self.source(port, value, spot.board));
            self.tree.ports.push(Binding { name: port.name.clone(), kind: port.kind, source });
        }
        Ok(())
    }

    /// The entry that a port names gets the port's type, or must have it.
    fn declare(&mut self, port: &Port, entry: &str, board: BoardId) -> Result<(), String> {
        let Some(known) = self.tree.boards.look(board, entry).map(|entry| entry.kind) else {
            return self.tree.boards.create(board, entry, port.kind).map_err(|wrong| wrong.to_string());
        };
        let differs = known.is_strong() && port.kind.is_strong() && known != port.kind;
        if differs && known != Kind::Text {
            let (old, new) = (known.name(), port.kind.name());
            return Err(format!("entry `{entry}` is of type {old}; port `{}` is of type {new}", port.name));
        }
        Ok(())
    }

    fn source(&mut self, port: &Port, value: &str, board: BoardId) -> Source {
        if let Some(entry) = text::remapped(&port.name, value) {
            return Source::Entry(self.tree.boards.key(board, entry));
        }
        let real = text::real_or_enum(value, &self.tree.enums);
        Source::Literal { text: Arc::from(value), value: port.kind.parse(value).ok(), real }
    }

    /// Compiles a script; gives its index.
    fn script(&mut self, code: &str, board: BoardId) -> Result<u32, BtError> {
        let script = Code::parse(code)?.bind(&mut self.tree.boards, board, &self.tree.enums);
        self.tree.scripts.push(script);
        Ok(index(self.tree.scripts.len() - 1))
    }

    fn conditions(&mut self, element: &Element, spot: Spot<'_>) -> Result<u32, BtError> {
        let mut found =
            Conditions { before: [NONE; 4], after: [NONE; 4], any_before: false, any_after: false };
        let mut any = false;
        let names = Conditions::BEFORE.iter().chain(&Conditions::AFTER);
        for (name, slot) in names.zip(found.before.iter_mut().chain(&mut found.after)) {
            if let Some(code) = element.value(name) {
                *slot = self.script(code, spot.board)?;
                any = true;
            }
        }
        if !any {
            return Ok(NONE);
        }
        found.any_before = found.before.iter().any(|script| *script != NONE);
        found.any_after = found.after.iter().skip(1).any(|script| *script != NONE);
        self.tree.conditions.push(found);
        Ok(index(self.tree.conditions.len() - 1))
    }

    /// What the engine does for a node, with what that needs.
    fn operation(&mut self, id: NodeId, make: &Make<C>, spot: Spot<'_>) -> Result<Op, BtError> {
        let node = self.tree.at(id);
        let (first, end) = (node.first_port as usize, node.end_port as usize);
        match make {
            Make::Engine(op) => {
                self.prepare(id, *op, spot)?;
                Ok(*op)
            }
            Make::Nothing if !self.complete => Ok(Op::Always(Status::Success)),
            Make::Nothing => Err(BtError::Value("it is described in the file but not known here".to_owned())),
            Make::Leaf(make) => {
                let mut io = io(id, &self.tree.ports[first..end], &mut self.tree.boards);
                let leaf = make(&mut io).map_err(|error| *error)?;
                self.tree.leaves.push(leaf);
                Ok(Op::Leaf(index(self.tree.leaves.len() - 1)))
            }
            Make::Decorator(make) => {
                let mut io = io(id, &self.tree.ports[first..end], &mut self.tree.boards);
                let decorator = make(&mut io).map_err(|error| *error)?;
                self.tree.decorators.push(decorator);
                Ok(Op::Custom(index(self.tree.decorators.len() - 1)))
            }
        }
    }

    /// Scripts, entries and queues of the engine's own nodes.
    fn prepare(&mut self, id: NodeId, op: Op, spot: Spot<'_>) -> Result<(), BtError> {
        let first = self.tree.at(id).first_port as usize;
        match op {
            Op::Script | Op::ScriptCondition | Op::Precondition => {
                if !matches!(self.tree.ports[first].source, Source::Literal { .. }) {
                    self.tree.at_mut(id).extra = 0;
                }
                let code = self.tree.ports[first].text(&mut self.tree.boards).map_err(|error| *error)?;
                if !code.is_empty() {
                    let script = self.script(&code, spot.board)?;
                    self.tree.at_mut(id).script = script;
                }
            }
            Op::Updated(_) | Op::WasEntryUpdated => {
                let name = match &self.tree.ports[first].source {
                    Source::Literal { text, .. } => entry_name(text).to_owned(),
                    Source::Entry(key) => self.tree.boards.name(*key).to_string(),
                    Source::Absent => return Err(*fault("port `entry` is missing")),
                };
                let key = self.tree.boards.key(spot.board, &name);
                self.tree.keys.push(key);
                self.tree.at_mut(id).extra = index(self.tree.keys.len() - 1);
            }
            Op::Loop(of) => {
                match &self.tree.ports[first].source {
                    Source::Absent => return Err(*fault("port `queue` is missing")),
                    Source::Literal { text, .. } => {
                        Kind::Queue(of).parse(text).map_err(|error| *error)?;
                    }
                    Source::Entry(_) => {}
                }
                self.tree.queues.push(VecDeque::new());
                self.tree.at_mut(id).extra = index(self.tree.queues.len() - 1);
            }
            _ => {}
        }
        Ok(())
    }

    /// Builds what is below a `<SubTree>`.
    fn inner(&mut self, element: &'a Element, id: NodeId, spot: Spot<'_>) -> Result<NodeId, BtError> {
        let error = |message: String| BtError::Load { file: spot.file.to_owned(), at: element.at, message };
        let name = element.value("ID").unwrap_or_default();
        let board = self.tree.boards.add_board(spot.board);
        let auto = match element.value("_autoremap") {
            Some(value) => text::boolean(value)
                .ok_or_else(|| error(format!("_autoremap is `{value}`, not true or false")))?,
            None => false,
        };
        let mut remaps: Vec<(&str, String)> = Vec::new();
        for attribute in element.attributes.iter().filter(|attribute| is_port_name(&attribute.name)) {
            let value = match attribute.value.as_str() {
                "{=}" => format!("{{{}}}", attribute.name),
                value => value.to_owned(),
            };
            remaps.push((&attribute.name, value));
        }
        for (port, default) in self.library.model(name).into_iter().flatten() {
            if auto || remaps.iter().any(|(given, _)| given == port) {
                continue;
            }
            match default.as_deref().filter(|default| !default.is_empty()) {
                Some(default) => remaps.push((port, default.to_owned())),
                None => return Err(error(format!("subtree `{name}` needs the port `{port}`"))),
            }
        }
        for (port, value) in &remaps {
            match text::pointer(value) {
                Some(outer) => self.tree.boards.remap(board, port, outer),
                None => {
                    let (value, kind) = constant(value);
                    let set = self.tree.boards.set(board, port, value, kind);
                    set.map_err(|wrong| error(wrong.to_string()))?;
                }
            }
        }
        // Constants stay in the subtree: they are not remapped.
        self.tree.boards.set_autoremap(board, auto);
        let own = element.value("name").map_or_else(|| format!("{name}::{}", id + 1), str::to_owned);
        let path = format!("{}{own}", spot.prefix);
        if self.paths.contains(&path) {
            return Err(error(format!("two subtrees have the path `{path}`")));
        }
        self.paths.push(path.clone());
        let prefix = format!("{path}/");
        self.subtree(name, element.at, Spot { board, prefix: &prefix, ..spot })
    }
}

fn io<'a>(node: NodeId, bindings: &'a [Binding], boards: &'a mut Blackboards) -> Io<'a> {
    Io { now: Instant::from_nanos(0), status: Status::Idle, node, bindings, boards }
}

/// Indices fit: the numbers of nodes, ports and scripts are limited by the size of a file.
fn index(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(NONE)
}

/// A constant that is given to a subtree: a number if all of it is one.
fn constant(value: &str) -> (Value, Kind) {
    if !value.contains(['.', 'e', 'E'])
        && let Some(number) = text::integer(value)
    {
        return match i32::try_from(number) {
            Ok(small) => (Value::from(small), Kind::Int),
            Err(_) => (Value::from(number), Kind::Int64),
        };
    }
    match text::real(value) {
        Some(number) => (Value::Real(number), Kind::Double),
        None => (Value::text(value), Kind::Text),
    }
}

impl<C> Tree<C> {
    /// Builds the main tree of a text that includes no other files.
    ///
    /// # Errors
    /// With line and column.
    pub fn parse(text: &str, registry: &Registry<C>) -> Result<Self, BtError> {
        let library = Library::read("", text, &mut super::NoFiles)?;
        let main = library.main()?;
        library.build(registry, &main)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_is_a_number_if_all_of_it_is_one() {
        assert_eq!(constant("12").1, Kind::Int);
        assert_eq!(constant("5000000000").1, Kind::Int64);
        assert_eq!(constant("1.5").1, Kind::Double);
        assert_eq!(constant("1e3").1, Kind::Double);
        assert_eq!(constant("1;2").1, Kind::Text);
        assert_eq!(constant("+1").1, Kind::Text);
        assert_eq!(constant("").1, Kind::Text);
    }
}
