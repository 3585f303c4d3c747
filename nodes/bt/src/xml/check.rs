//! What is wrong with files before a tree is built of them.

use super::document::Element;
use super::doubts;
use super::library::Library;
use crate::error::{BtError, Position, located};
use crate::node::Conditions;
use crate::port::Direction;
use crate::registry::{Class, Make, Registry};
use crate::script::Source as Code;
use crate::status::Status;
use crate::text;
use std::collections::BTreeSet;

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The tree can not be built, or a tick of it will fail.
    Error,
    /// It is not what was meant, probably.
    Warning,
}

/// Something wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Which file.
    pub file: String,
    /// Where.
    pub at: Position,
    /// How bad.
    pub severity: Severity,
    /// What.
    pub message: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{}: {severity}: {}", located(&self.file, self.at), self.message)
    }
}

impl From<Problem> for BtError {
    fn from(problem: Problem) -> Self {
        Self::Load { file: problem.file, at: problem.at, message: problem.message }
    }
}

/// Characters that names of nodes and ports must not have.
const FORBIDDEN: &str = " \t\n\r<>&\"'/\\:*?|.";

/// An attribute of this name is a port, if the node has it.
pub(super) fn is_port_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && !name.contains(|c: char| FORBIDDEN.contains(c) || c.is_ascii_control())
        && name != "name"
        && name != "ID"
}

/// Kind of node and class of an element. `<Action ID="X"/>` is the same as `<X/>`.
pub(super) fn kind_of(element: &Element) -> &str {
    match Class::from_name(&element.name) {
        Some(_) => element.value("ID").unwrap_or(""),
        None => &element.name,
    }
}

/// Collects problems of one file.
pub(super) struct Collector<'a> {
    file: &'a str,
    found: Vec<Problem>,
}

impl Collector<'_> {
    fn add(&mut self, severity: Severity, at: Position, message: impl Into<String>) {
        self.found.push(Problem { file: self.file.to_owned(), at, severity, message: message.into() });
    }

    pub(super) fn error(&mut self, at: Position, message: impl Into<String>) {
        self.add(Severity::Error, at, message);
    }

    pub(super) fn warning(&mut self, at: Position, message: impl Into<String>) {
        self.add(Severity::Warning, at, message);
    }
}

impl Library {
    /// What BehaviorTree.CPP refuses when it reads the files, also of trees that are not used.
    pub(super) fn refused<C>(&self, registry: &Registry<C>) -> Vec<Problem> {
        let mut all = Vec::new();
        for document in self.documents() {
            let mut out = Collector { file: &document.file, found: Vec::new() };
            if let Some(second) = document.root.all("TreeNodesModel").nth(1) {
                out.error(second.at, "only one <TreeNodesModel> is allowed");
            }
            let alone = document.root.children.len() <= 1;
            for tree in document.root.all("BehaviorTree") {
                shape_of_tree(tree, alone, registry, &mut out);
            }
            all.append(&mut out.found);
        }
        all
    }

    /// Everything that is wrong, in the order of the files and lines.
    pub fn check<C>(&self, registry: &Registry<C>) -> Vec<Problem> {
        let mut all = self.refused(registry);
        for document in self.documents() {
            let mut out = Collector { file: &document.file, found: Vec::new() };
            doubts::file(document, &mut out);
            for tree in document.root.all("BehaviorTree") {
                for element in &tree.children {
                    details(element, registry, &mut out);
                }
            }
            all.append(&mut out.found);
        }
        for (document, name, at) in &self.again {
            let file = self.documents().get(*document).map_or("", |document| &document.file);
            let mut out = Collector { file, found: Vec::new() };
            out.add(Severity::Warning, *at, format!("tree `{name}` is there again: this one counts"));
            all.append(&mut out.found);
        }
        self.check_use(registry, &mut all);
        let order = |problem: &Problem| {
            let file = self.documents().iter().position(|document| document.file == problem.file);
            (file, problem.at)
        };
        all.sort_by_key(order);
        all.dedup();
        all
    }

    /// The tree to be executed is built, and those that it does not reach are named.
    fn check_use<C>(&self, registry: &Registry<C>, all: &mut Vec<Problem>) {
        let main = match self.main() {
            Ok(main) => main,
            Err(error) => {
                all.extend(problem(error));
                return;
            }
        };
        let mut reached = BTreeSet::new();
        let mut open = vec![main.clone()];
        while let Some(name) = open.pop() {
            if let Some((tree, _)) = self.tree(&name)
                && reached.insert(name)
            {
                subtrees(tree, &mut open);
            }
        }
        for document in self.documents() {
            let mut out = Collector { file: &document.file, found: Vec::new() };
            for tree in document.root.all("BehaviorTree") {
                let id = tree.value("ID").unwrap_or("");
                if !id.is_empty() && !reached.contains(id) {
                    let message = format!("tree `{id}` is never reached from `{main}`");
                    out.add(Severity::Warning, tree.at, message);
                }
            }
            all.append(&mut out.found);
        }
        if !all.iter().any(|problem| problem.severity == Severity::Error)
            && let Err(error) = self.try_build(registry, &main)
        {
            all.extend(problem(error));
        }
    }
}

fn problem(error: BtError) -> Option<Problem> {
    match error {
        BtError::Load { file, at, message } => Some(Problem { file, at, severity: Severity::Error, message }),
        _ => None,
    }
}

fn subtrees(element: &Element, into: &mut Vec<String>) {
    if element.name == "SubTree" {
        into.extend(element.value("ID").map(str::to_owned));
    }
    for child in &element.children {
        subtrees(child, into);
    }
}

/// Names and numbers of children of a tree.
fn shape_of_tree<C>(tree: &Element, alone: bool, registry: &Registry<C>, out: &mut Collector<'_>) {
    let id = tree.value("ID").unwrap_or("");
    if id.is_empty() && !alone {
        out.error(tree.at, "<BehaviorTree> needs the attribute ID");
    }
    if !id.is_empty() {
        name(id, tree.at, out);
    }
    if registry.manifest(id).is_some() {
        out.error(tree.at, format!("a tree must not have the name of a node: `{id}`"));
    }
    if tree.children.len() != 1 {
        out.error(tree.at, format!("tree `{id}` must have exactly one child"));
    }
    for child in &tree.children {
        shape(child, registry, out);
    }
}

fn name(name: &str, at: Position, out: &mut Collector<'_>) {
    if matches!(name, "Root" | "root") {
        out.error(at, "`Root` is a reserved name");
    } else if let Some(c) = name.chars().find(|c| FORBIDDEN.contains(*c) || c.is_ascii_control()) {
        out.error(at, format!("the name `{name}` has the forbidden character {c:?}"));
    }
}

fn shape<C>(element: &Element, registry: &Registry<C>, out: &mut Collector<'_>) {
    let count = element.children.len();
    let id = kind_of(element);
    if id.is_empty() {
        out.error(element.at, format!("<{}> needs the attribute ID", element.name));
        return;
    }
    if Class::from_name(&element.name).is_none() && element.attribute("ID").is_some() {
        out.error(element.at, format!("the attribute ID is not allowed in <{id}>"));
    }
    if element.name == "SubTree" {
        name(id, element.at, out);
        if count != 0 {
            out.error(element.at, format!("<SubTree> `{id}` must not have children"));
        }
        if registry.manifest(id).is_some() {
            out.error(element.at, format!("a tree must not have the name of a node: `{id}`"));
        }
    } else {
        match registry.manifest(id).map(|manifest| manifest.class) {
            None => out.error(element.at, format!("unknown node <{id}>")),
            Some(Class::Decorator | Class::SubTree) if count != 1 => {
                out.error(element.at, format!("<{id}> must have exactly one child, not {count}"));
            }
            Some(Class::Control) if count == 0 => {
                out.error(element.at, format!("<{id}> must have children"));
            }
            Some(Class::Control) if id == "TryCatch" && count < 2 => {
                out.error(element.at, "<TryCatch> must have at least two children");
            }
            Some(Class::Action | Class::Condition) if count != 0 => {
                out.error(element.at, format!("<{id}> must not have children"));
            }
            Some(_) if id == "ReactiveSequence" => reactive(element, out),
            Some(_) => {}
        }
    }
    for child in &element.children {
        shape(child, registry, out);
    }
}

/// BehaviorTree.CPP looks at the children of this node by the names of their elements.
fn reactive(element: &Element, out: &mut Collector<'_>) {
    if element.all("AsyncSequence").nth(1).is_some() {
        out.error(element.at, "<ReactiveSequence> must not have more than one asynchronous child");
    }
    for child in &element.children {
        if Class::from_name(&child.name).is_some_and(|class| class != Class::SubTree) {
            out.error(child.at, format!("<{} ID> is not understood in <ReactiveSequence>", child.name));
        }
    }
}

/// Ports and scripts of an element: what building it refuses.
pub(super) fn element_faults<C>(element: &Element, registry: &Registry<C>, file: &str) -> Vec<Problem> {
    let mut out = Collector { file, found: Vec::new() };
    for attribute in &element.attributes {
        let known = Conditions::BEFORE.iter().chain(&Conditions::AFTER);
        if known.clone().any(|known| *known == attribute.name)
            && let Err(error) = Code::parse(&attribute.value)
        {
            out.error(attribute.at, error.to_string());
        }
    }
    let Some((manifest, _)) = registry.kind(kind_of(element)) else { return out.found };
    if element.name == "SubTree" {
        return out.found;
    }
    for attribute in element.attributes.iter().filter(|attribute| is_port_name(&attribute.name)) {
        let Some(port) = manifest.ports.iter().find(|port| port.name == attribute.name) else {
            let known: Vec<&str> = manifest.ports.iter().map(|port| &*port.name).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            let message = format!("<{}> has no port `{}`; it has: {known}", manifest.id, attribute.name);
            out.error(attribute.at, message);
            continue;
        };
        let value = &attribute.value;
        let entry = value.len() >= 3 && value.starts_with('{') && value.ends_with('}');
        if !entry
            && port.kind.is_strong()
            && port.kind.has_converter()
            && let Err(error) = port.kind.parse(value)
        {
            out.error(attribute.at, format!("port `{}`: {error}", port.name));
        }
    }
    let script = match &*manifest.id {
        "Script" | "ScriptCondition" => "code",
        "Precondition" => "if",
        _ => "",
    };
    if let Some(attribute) = element.attribute(script)
        && text::remapped(script, &attribute.value).is_none()
        && !attribute.value.is_empty()
        && let Err(error) = Code::parse(&attribute.value)
    {
        out.error(attribute.at, error.to_string());
    }
    out.found
}

/// Everything else about an element and those below it.
fn details<C>(element: &Element, registry: &Registry<C>, out: &mut Collector<'_>) {
    out.found.extend(element_faults(element, registry, out.file));
    let kind = if element.name == "SubTree" { "SubTree" } else { kind_of(element) };
    if let Some(manifest) = registry.manifest(kind) {
        doubts::element(element, manifest, out);
    }
    if let Some((manifest, make)) = registry.kind(kind_of(element))
        && element.name != "SubTree"
    {
        for port in &manifest.ports {
            if port.direction != Direction::Output
                && port.default.is_none()
                && element.attribute(&port.name).is_none()
            {
                let severity = match make {
                    Make::Nothing => Severity::Warning,
                    _ => Severity::Error,
                };
                out.add(severity, element.at, format!("<{}> needs the port `{}`", manifest.id, port.name));
            }
        }
        number_of_children(element, &manifest.id, out);
    }
    unreachable(element, out);
    for child in &element.children {
        details(child, registry, out);
    }
}

/// Numbers of children that fail only when the node is ticked.
fn number_of_children(element: &Element, id: &str, out: &mut Collector<'_>) {
    let count = element.children.len();
    let wanted = match id {
        "IfThenElse" | "WhileDoElse" => 2..=3,
        "RecoveryNode" => 2..=2,
        _ => match id.strip_prefix("Switch").and_then(|cases| cases.parse::<usize>().ok()) {
            Some(cases) => cases + 1..=cases + 1,
            None => return,
        },
    };
    if count > 0 && !wanted.contains(&count) {
        let (least, most) = wanted.into_inner();
        let wanted = if least == most { least.to_string() } else { format!("{least} or {most}") };
        out.error(element.at, format!("<{id}> must have {wanted} children, not {count}"));
    }
}

/// Children that can never be ticked because an earlier one always decides.
fn unreachable(element: &Element, out: &mut Collector<'_>) {
    let stops = match element.name.as_str() {
        "Sequence" | "AsyncSequence" | "SequenceWithMemory" | "ReactiveSequence" => Status::Failure,
        "Fallback" | "AsyncFallback" | "ReactiveFallback" => Status::Success,
        "IfThenElse" => {
            let never = match element.children.first().and_then(certain) {
                Some(Status::Success) => element.children.get(2),
                Some(Status::Failure) => element.children.get(1),
                _ => None,
            };
            if let Some(child) = never {
                let message = format!("<{}> is never reached: the condition is constant", child.name);
                out.add(Severity::Warning, child.at, message);
            }
            return;
        }
        _ => return,
    };
    let mut children = element.children.iter();
    let Some(decides) = children.find(|child| certain(child) == Some(stops)) else { return };
    for child in children {
        let message = format!(
            "<{}> is never reached: <{}> in line {} always ends the <{}>",
            child.name, decides.name, decides.at.line, element.name
        );
        out.add(Severity::Warning, child.at, message);
    }
}

/// The status that an element always gives, if that is known.
fn certain(element: &Element) -> Option<Status> {
    if Conditions::BEFORE.iter().any(|name| element.attribute(name).is_some()) {
        return None;
    }
    let first = element.children.first();
    match element.name.as_str() {
        "AlwaysSuccess" | "Script" => Some(Status::Success),
        "AlwaysFailure" => Some(Status::Failure),
        "ForceSuccess" => first.and_then(certain).map(|_| Status::Success),
        "ForceFailure" => first.and_then(certain).map(|_| Status::Failure),
        "Inverter" => match first.and_then(certain)? {
            Status::Success => Some(Status::Failure),
            _ => Some(Status::Success),
        },
        _ => None,
    }
}
