//! Reads a tree from BehaviorTree.CPP's XML, version 4. Whatever it does not know it refuses, with line and column.

use super::control::Control;
use super::engine::{Kind, LeafRegistry, Memory, Node, Status, Tree};
use crate::error::PlannerError;
use outrider_foundation::Span;
use roxmltree::Node as Element;
use std::collections::BTreeMap;

/// The longest text that is read, in bytes.
pub const XML_LIMIT: usize = 1 << 18;
/// The most nodes of a tree, subtrees included.
pub const NODE_LIMIT: usize = 1024;
/// The deepest nesting of nodes, subtrees included.
pub const DEPTH_LIMIT: usize = 64;

/// Attributes that every element may have and that change nothing: names for people and Groot2's bookkeeping.
const COMMON: [&str; 3] = ["name", "ID", "_uid"];

/// The attributes of one element: read each that is known; what is left over afterwards is refused.
pub struct Ports<'a, 'input> {
    element: Element<'a, 'input>,
    read: Vec<String>,
}

impl<'a, 'input> Ports<'a, 'input> {
    fn new(element: Element<'a, 'input>) -> Self {
        Self { element, read: Vec::new() }
    }

    /// An error about this element.
    pub fn error(&self, problem: impl Into<String>) -> PlannerError {
        tree_error(self.element, problem)
    }

    /// A number that has to be there, within `min..=max`.
    ///
    /// # Errors
    /// When it is missing, no number, or out of range.
    pub fn number(&mut self, key: &str, min: f64, max: f64) -> Result<f64, PlannerError> {
        self.read.push(key.to_string());
        let text = self.element.attribute(key).ok_or_else(|| {
            self.error(format!("attribute {key}=\"…\" is missing: a number within [{min}, {max}]"))
        })?;
        match text.trim().parse::<f64>() {
            Ok(value) if value >= min && value <= max => Ok(value),
            _ => Err(self.error(format!("{key}=\"{text}\" is not a number within [{min}, {max}]"))),
        }
    }

    /// A count within `1..=max`, or `None` for −1, which means for ever.
    ///
    /// # Errors
    /// When it is missing or something else.
    pub fn count(&mut self, key: &str, max: u32) -> Result<Option<u32>, PlannerError> {
        let value = self.number(key, -1.0, f64::from(max))?;
        let count = value as i64;
        if value.fract() != 0.0 || count == 0 {
            return Err(
                self.error(format!("{key}=\"{value}\" is not −1 or a whole number within [1, {max}]"))
            );
        }
        Ok(u32::try_from(count).ok())
    }

    fn finish(&self) -> Result<(), PlannerError> {
        let known = |key: &str| COMMON.contains(&key) || self.read.iter().any(|read| read == key);
        match self.element.attributes().find(|attribute| !known(attribute.name())) {
            None => Ok(()),
            Some(attribute) => {
                let at = self.element.document().text_pos_at(attribute.range().start);
                let problem = format!("attribute {}=\"…\" is not known here", attribute.name());
                let element = self.element.tag_name().name().to_string();
                Err(PlannerError::Tree { line: at.row, column: at.col, element, problem })
            }
        }
    }
}

fn tree_error(element: Element<'_, '_>, problem: impl Into<String>) -> PlannerError {
    let at = element.document().text_pos_at(element.range().start);
    let element = element.tag_name().name().to_string();
    PlannerError::Tree { line: at.row, column: at.col, element, problem: problem.into() }
}

/// Reads the main tree of `text`.
///
/// # Errors
/// Names line, column and element when the text is no XML, a node or an attribute is not known, a number is out of
/// range, the number of children is wrong, subtrees are missing or nest in themselves, or a limit is exceeded.
pub fn parse<R: LeafRegistry>(text: &str, registry: &R) -> Result<Tree<R::Context>, PlannerError> {
    if text.len() > XML_LIMIT {
        let problem = format!("{} bytes are more than {XML_LIMIT}", text.len());
        return Err(PlannerError::Xml { line: 1, column: 1, problem });
    }
    let document = roxmltree::Document::parse(text).map_err(|error| {
        let at = error.pos();
        PlannerError::Xml { line: at.row, column: at.col, problem: error.to_string() }
    })?;
    let root = document.root_element();
    if root.tag_name().name() != "root" {
        return Err(tree_error(root, "expected <root BTCPP_format=\"4\">"));
    }
    if root.attribute("BTCPP_format") != Some("4") {
        return Err(tree_error(root, "expected BTCPP_format=\"4\""));
    }
    let known = ["BTCPP_format", "main_tree_to_execute"];
    if let Some(attribute) = root.attributes().find(|a| !known.contains(&a.name())) {
        return Err(tree_error(root, format!("attribute {}=\"…\" is not known here", attribute.name())));
    }
    let trees = collect_trees(root)?;
    let main = match (root.attribute("main_tree_to_execute"), trees.len()) {
        (Some(id), _) => {
            *trees.get(id).ok_or_else(|| tree_error(root, format!("there is no BehaviorTree ID=\"{id}\"")))?
        }
        (None, 1) => *trees.values().next().ok_or_else(|| tree_error(root, "no BehaviorTree"))?,
        (None, count) => {
            return Err(tree_error(root, format!("{count} trees: main_tree_to_execute has to name one")));
        }
    };
    let mut builder = Builder { registry, trees: &trees, nodes: Vec::new(), open: Vec::new() };
    let top = builder.tree(main, 0)?;
    Ok(Tree::new(builder.nodes, top))
}

fn collect_trees<'a, 'i>(root: Element<'a, 'i>) -> Result<BTreeMap<&'a str, Element<'a, 'i>>, PlannerError> {
    let mut trees = BTreeMap::new();
    for element in root.children().filter(|child| child.is_element()) {
        match element.tag_name().name() {
            "BehaviorTree" => {
                let id =
                    element.attribute("ID").ok_or_else(|| tree_error(element, "attribute ID is missing"))?;
                Ports::new(element).finish()?;
                if trees.insert(id, element).is_some() {
                    return Err(tree_error(element, format!("ID=\"{id}\" is given twice")));
                }
            }
            // Groot2's palette: says what exists, not what runs.
            "TreeNodesModel" => {}
            _ => return Err(tree_error(element, "expected BehaviorTree or TreeNodesModel")),
        }
    }
    Ok(trees)
}

struct Builder<'b, 'a, 'i, R: LeafRegistry> {
    registry: &'b R,
    trees: &'b BTreeMap<&'a str, Element<'a, 'i>>,
    nodes: Vec<Node<R::Context>>,
    /// The trees that are being built: none may contain itself.
    open: Vec<String>,
}

impl<'a, 'i, R: LeafRegistry> Builder<'_, 'a, 'i, R> {
    fn tree(&mut self, element: Element<'a, 'i>, depth: usize) -> Result<usize, PlannerError> {
        let id = element.attribute("ID").unwrap_or_default().to_string();
        if self.open.contains(&id) {
            return Err(tree_error(element, format!("tree \"{id}\" contains itself")));
        }
        let mut children = element.children().filter(|child| child.is_element());
        let (Some(only), None) = (children.next(), children.next()) else {
            return Err(tree_error(element, "expected exactly one node"));
        };
        self.open.push(id);
        let top = self.node(only, depth)?;
        self.open.pop();
        Ok(top)
    }

    fn node(&mut self, element: Element<'a, 'i>, depth: usize) -> Result<usize, PlannerError> {
        if depth >= DEPTH_LIMIT {
            return Err(tree_error(element, format!("nested deeper than {DEPTH_LIMIT}")));
        }
        if self.nodes.len() >= NODE_LIMIT {
            return Err(tree_error(element, format!("more than {NODE_LIMIT} nodes")));
        }
        let id = match element.tag_name().name() {
            // The verbose form names the node by an attribute.
            "Action" | "Condition" | "Control" | "Decorator" => {
                element.attribute("ID").ok_or_else(|| tree_error(element, "attribute ID is missing"))?
            }
            name => name,
        };
        if id == "SubTree" {
            return self.subtree(element, depth);
        }
        let mut ports = Ports::new(element);
        let kind = match control(id, &mut ports)? {
            Some(control) => Kind::Control(control),
            None => match self.registry.make(id, &mut ports) {
                Some(leaf) => Kind::Leaf(leaf?),
                None => return Err(tree_error(element, format!("\"{id}\" is not a node that is known"))),
            },
        };
        ports.finish()?;
        let children: Vec<_> = element.children().filter(|child| child.is_element()).collect();
        let (least, most) = match &kind {
            Kind::Control(control) => control.arity(),
            Kind::Leaf(_) => (0, 0),
        };
        if children.len() < least || children.len() > most {
            let expected = if most > least { format!("at least {least}") } else { format!("{least}") };
            return Err(tree_error(element, format!("{} children, expected {expected}", children.len())));
        }
        let name = element.attribute("name").unwrap_or(id).to_string();
        let index = self.nodes.len();
        let (status, memory) = (Status::Idle, Memory::default());
        self.nodes.push(Node { name, kind, children: Vec::new(), status, memory });
        let mut built = Vec::with_capacity(children.len());
        for child in children {
            built.push(self.node(child, depth + 1)?);
        }
        if let Some(node) = self.nodes.get_mut(index) {
            node.children = built;
        }
        Ok(index)
    }

    /// A subtree is put in its place. Its own blackboard and port remapping are not supported: attributes are refused.
    fn subtree(&mut self, element: Element<'a, 'i>, depth: usize) -> Result<usize, PlannerError> {
        let id = element.attribute("ID").ok_or_else(|| tree_error(element, "attribute ID is missing"))?;
        Ports::new(element).finish()?;
        if element.children().any(|child| child.is_element()) {
            return Err(tree_error(element, "a SubTree has no children here"));
        }
        match self.trees.get(id) {
            Some(tree) => self.tree(*tree, depth + 1),
            None => Err(tree_error(element, format!("there is no BehaviorTree ID=\"{id}\""))),
        }
    }
}

/// The control node called `id`, `None` when there is none.
fn control(id: &str, ports: &mut Ports<'_, '_>) -> Result<Option<Control>, PlannerError> {
    /// The most attempts, cycles and retries.
    const COUNT_LIMIT: u32 = 1_000_000;
    Ok(Some(match id {
        "Sequence" => Control::Sequence,
        "ReactiveSequence" => Control::ReactiveSequence,
        "SequenceWithMemory" => Control::SequenceWithMemory,
        "Fallback" => Control::Fallback,
        "ReactiveFallback" => Control::ReactiveFallback,
        "PipelineSequence" => Control::PipelineSequence,
        "RecoveryNode" => {
            let retries = ports.number("number_of_retries", 0.0, 1000.0)?;
            if retries.fract() != 0.0 {
                return Err(ports.error("number_of_retries is not a whole number"));
            }
            Control::RecoveryNode { retries: retries as u32 }
        }
        "Inverter" => Control::Inverter,
        "ForceSuccess" => Control::ForceSuccess,
        "ForceFailure" => Control::ForceFailure,
        "RetryUntilSuccessful" => Control::Retry { attempts: ports.count("num_attempts", COUNT_LIMIT)? },
        "Repeat" => Control::Repeat { cycles: ports.count("num_cycles", COUNT_LIMIT)? },
        "KeepRunningUntilFailure" => Control::KeepRunningUntilFailure,
        "Timeout" => Control::Timeout { limit: Span::from_s(ports.number("msec", 0.0, 1e9)? / 1000.0) },
        "RateController" => {
            Control::RateController { period: Span::from_s(1.0 / ports.number("hz", 0.001, 1000.0)?) }
        }
        _ => return Ok(None),
    }))
}
