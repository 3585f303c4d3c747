//! The steps of the tree as the bag has them.

use outrider_bt::{Library, NoFiles};
use outrider_msgs::outrider_msgs as ours;
use outrider_planner::leaves;
use outrider_suite::words::{tree_cause, tree_status};

/// The most steps of the tree that are kept; more are counted and told.
pub const STEP_LIMIT: usize = 20_000;

/// A step in which something changed.
#[derive(Clone, Debug)]
pub struct Step {
    /// Time since the start of the bag.
    pub t_s: f64,
    /// What changed.
    pub message: ours::TreeTransitions,
    /// The message before this one is not in the bag, or is of another run: what was before is not known.
    pub breaks: bool,
}

/// What the bag says of the tree.
#[derive(Clone, Debug, Default)]
pub struct TreeRecord {
    /// The file that the planner was started with.
    xml: String,
    steps: Vec<Step>,
    /// Steps beyond [`STEP_LIMIT`].
    left_out: u64,
}

/// A node of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeRow {
    /// Its name, or its kind when it has none.
    pub label: String,
    /// Its kind where it has a name of its own.
    pub kind: String,
    /// Nodes above it.
    pub depth: u16,
}

impl TreeRecord {
    /// Takes a step in.
    pub fn take(&mut self, t_s: f64, message: ours::TreeTransitions) {
        if self.steps.len() >= STEP_LIMIT {
            self.left_out += 1;
            return;
        }
        let follows = self.steps.last().is_some_and(|last| {
            last.message.boot_id == message.boot_id && last.message.sequence + 1 == message.sequence
        });
        self.steps.push(Step { t_s, breaks: !follows, message });
    }

    /// Takes in what a node was started with: the planner's tree.
    pub fn take_info(&mut self, info: &ours::NodeInfo) {
        let at = info.resource_names.iter().position(|name| name == "tree");
        if let Some(xml) = at.and_then(|at| info.resource_contents.get(at)) {
            self.xml.clone_from(xml);
        }
    }

    /// The steps.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Steps that were left out.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// The nodes by number: as the planner's file has them, or what the changes say of them.
    pub fn nodes(&self) -> Vec<NodeRow> {
        let count = self.steps.iter().map(|step| step.message.statuses.len()).max().unwrap_or(0);
        self.nodes_of_file()
            .filter(|nodes| nodes.len() == count)
            .unwrap_or_else(|| self.nodes_of_changes(count))
    }

    fn nodes_of_file(&self) -> Option<Vec<NodeRow>> {
        let library = Library::read("tree", &self.xml, &mut NoFiles).ok()?;
        let tree = library.build(&leaves::registry(), &library.main().ok()?).ok()?;
        let row = |(info, _): (&outrider_bt::NodeInfo, outrider_bt::Status)| {
            let kind = if info.name == info.id { String::new() } else { info.id.clone() };
            NodeRow { label: info.name.clone(), kind, depth: info.depth }
        };
        Some(tree.nodes().map(row).collect())
    }

    fn nodes_of_changes(&self, count: usize) -> Vec<NodeRow> {
        let unknown =
            |number: usize| NodeRow { label: format!("node {number}"), kind: String::new(), depth: 0 };
        let mut nodes: Vec<NodeRow> = (1..=count).map(unknown).collect();
        for change in self.steps.iter().flat_map(|step| &step.message.transitions) {
            let at = usize::from(change.node).checked_sub(1);
            if let Some(row) = at.and_then(|at| nodes.get_mut(at)) {
                row.label.clone_from(&change.path);
            }
        }
        nodes
    }
}

/// A change as a sentence.
pub fn sentence(change: &ours::TreeTransition, ended: &str, nodes: &[NodeRow]) -> String {
    let by = usize::from(change.by).checked_sub(1).and_then(|by| nodes.get(by));
    let by = by.map_or("the planner", |row| row.label.as_str());
    let mut why = tree_cause(change.cause).replace('…', by);
    if change.cause == ours::TreeTransition::TREE && !ended.is_empty() {
        why = format!("{why}: {ended}");
    }
    format!("{} → {}, {why}", tree_status(change.before), tree_status(change.after))
}
