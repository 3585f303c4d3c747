//! Scripted leaves, and what a tree with them does tick by tick: for comparing trees and engines.
//!
//! A trace is one line of JSON a tick. The leaves `Leaf` (an action) and `Check` (a condition), and those of another registry
//! that are asked for, take their status from a script: one for every tick of that leaf; the last one repeats.

use crate::error::{BtError, Fault, fault};
use crate::node::{Node, NodeId, NodeInfo, Op};
use crate::port::Io;
use crate::registry::{Class, Leaf, Manifest, Registry};
use crate::status::Status;
use crate::tree::Tree;
use outrider_foundation::{Instant, Span};
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;

/// Time from one tick of a trace to the next.
pub const PERIOD: Span = Span::from_millis(100);

/// Most ticks of a trace.
pub const TICK_LIMIT: u64 = 1_000_000;

/// Statuses of leaves, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script(BTreeMap<String, Vec<Status>>);

impl Script {
    /// From `{"leaf": ["RUNNING", "SUCCESS"], …}`.
    ///
    /// # Errors
    /// With the leaf, when that is not what the text is.
    pub fn from_json(json: &str) -> Result<Self, BtError> {
        let error = |message: String| BtError::Value(message);
        let parsed: BTreeMap<String, Vec<String>> = serde_json::from_str(json).map_err(|wrong| {
            error(format!("the script must be {{\"leaf\": [\"STATUS\", …], …}}: {wrong}"))
        })?;
        let mut leaves = BTreeMap::new();
        for (leaf, names) in parsed {
            let status = |name: &String| {
                let status = Status::from_name(name).filter(|status| *status != Status::Idle);
                status.ok_or_else(|| error(format!("leaf `{leaf}`: `{name}` is no status of a leaf")))
            };
            let statuses = names.iter().map(status).collect::<Result<Vec<_>, _>>()?;
            if statuses.is_empty() {
                return Err(error(format!("leaf `{leaf}` has no status")));
            }
            leaves.insert(leaf, statuses);
        }
        Ok(Self(leaves))
    }

    /// With the statuses of a leaf.
    #[must_use]
    pub fn with(mut self, leaf: &str, statuses: &[Status]) -> Self {
        self.0.insert(leaf.to_owned(), statuses.to_vec());
        self
    }
}

/// What scripted leaves work on.
#[derive(Clone, Debug, Default)]
pub struct Stage {
    /// Of every node that is a scripted leaf: its statuses, and how many were taken.
    parts: Vec<Option<(Vec<Status>, usize)>>,
    /// Leaves that were ticked since this was emptied.
    pub ticked: Vec<NodeId>,
    /// Leaves that were halted since this was emptied.
    pub halted: Vec<NodeId>,
}

impl Stage {
    /// For a tree.
    ///
    /// # Errors
    /// When a leaf has no script.
    pub fn new(tree: &Tree<Self>, script: &Script) -> Result<Self, BtError> {
        let part = |(info, node): (&NodeInfo, &Node)| {
            if !matches!(node.op, Op::Leaf(_)) {
                return Ok(None);
            }
            let statuses = script.0.get(&info.name).cloned();
            let missing = || BtError::Value(format!("the script has no statuses for leaf `{}`", info.name));
            Ok(Some((statuses.ok_or_else(missing)?, 0)))
        };
        let parts = tree.infos.iter().zip(&tree.nodes).map(part).collect::<Result<Vec<_>, BtError>>()?;
        Ok(Self { parts, ..Self::default() })
    }

    /// Forgets which leaves were ticked and halted.
    pub fn clear(&mut self) {
        self.ticked.clear();
        self.halted.clear();
    }
}

/// A leaf of the script.
struct Scripted {
    node: NodeId,
    /// Conditions are not told when they are halted.
    is_action: bool,
}

impl Leaf<Stage> for Scripted {
    fn tick(&mut self, _io: &mut Io<'_>, stage: &mut Stage) -> Result<Status, Fault> {
        stage.ticked.push(self.node);
        let part = stage.parts.get_mut(self.node as usize).and_then(Option::as_mut);
        let (statuses, taken) = part.ok_or_else(|| fault("the stage is not this tree's"))?;
        let status = statuses.get(*taken).or(statuses.last()).copied().unwrap_or(Status::Failure);
        *taken = taken.saturating_add(1);
        Ok(status)
    }

    fn halt(&mut self, stage: &mut Stage) {
        if self.is_action {
            stage.halted.push(self.node);
        }
    }
}

/// Adds `Leaf` and `Check`.
pub fn register(registry: &mut Registry<Stage>) {
    let leaf = Manifest::new("Leaf", Class::Action, "Does what the script says.", "<Leaf name=\"a\"/>");
    scripted(registry, leaf);
    let check = Manifest::new("Check", Class::Condition, "Is what the script says.", "<Check name=\"a\"/>");
    scripted(registry, check);
}

/// Adds the leaves of another registry: of these, too, the script says what they do, and their ports are not looked at.
pub fn register_leaves<C>(registry: &mut Registry<Stage>, other: &Registry<C>) {
    for manifest in other.manifests() {
        if manifest.class.is_leaf() && !other.is_builtin(&manifest.id) {
            scripted(registry, manifest.clone());
        }
    }
}

fn scripted(registry: &mut Registry<Stage>, manifest: Manifest) {
    if manifest.class == Class::Action {
        registry.leaf(manifest, |io| Ok(Box::new(Scripted { node: io.node, is_action: true })));
    } else {
        registry.leaf(manifest, |io| Ok(Box::new(Scripted { node: io.node, is_action: false })));
    }
}

/// The engine's nodes with `Leaf` and `Check`.
pub fn registry() -> Registry<Stage> {
    let mut registry = Registry::new();
    register(&mut registry);
    registry
}

/// A tree on its stage, ticked line by line.
pub struct Trace {
    tree: Tree<Stage>,
    stage: Stage,
    tick: u64,
    ended: bool,
}

impl Trace {
    /// From the beginning.
    ///
    /// # Errors
    /// When a leaf has no script.
    pub fn new(tree: Tree<Stage>, script: &Script) -> Result<Self, BtError> {
        let stage = Stage::new(&tree, script)?;
        Ok(Self { tree, stage, tick: 0, ended: false })
    }

    /// The tree.
    pub const fn tree(&self) -> &Tree<Stage> {
        &self.tree
    }

    /// Status of every node that has a name, in the order of the file. Of nodes of the same name the last one counts.
    fn statuses(&self) -> Map<String, Json> {
        let named = self.tree.nodes().filter(|(info, _)| info.named);
        named.map(|(info, status)| (info.name.clone(), Json::from(status.name()))).collect()
    }

    fn names(&self, leaves: &[NodeId]) -> Vec<&str> {
        let name = |leaf: &NodeId| self.tree.infos.get(*leaf as usize).map(|info| info.name.as_str());
        leaves.iter().filter_map(name).collect()
    }
}

impl Iterator for Trace {
    type Item = Json;

    fn next(&mut self) -> Option<Json> {
        if self.ended {
            return None;
        }
        let number = self.tick;
        self.tick = self.tick.saturating_add(1);
        let periods = i64::try_from(number).unwrap_or(i64::MAX);
        let now = Instant::from_nanos(PERIOD.nanos().saturating_mul(periods));
        self.stage.clear();
        match self.tree.tick_exactly_once(now, &mut self.stage) {
            Ok(root) => Some(json!({
                "tick": number,
                "root": root.name(),
                "nodes": self.statuses(),
                "ticked": self.names(&self.stage.ticked),
                "halted": self.names(&self.stage.halted),
            })),
            Err(error) => {
                self.ended = true;
                Some(failed(number, &error))
            }
        }
    }
}

/// The line of a tick that ended with an error.
pub fn failed(tick: u64, error: &BtError) -> Json {
    json!({ "tick": tick, "error": error.to_string() })
}
