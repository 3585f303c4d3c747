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
    /// The files that the planner was started with.
    files: Vec<String>,
    /// Name and steps of every tree, in the order in which they came: missions may ask for others.
    trees: Vec<(String, Vec<Step>)>,
    count: usize,
    /// Run, number and tree of the last step.
    last: Option<(u64, u64, usize)>,
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
        if self.count >= STEP_LIMIT {
            self.left_out += 1;
            return;
        }
        self.count += 1;
        let at = self.trees.iter().position(|(name, _)| *name == message.tree).unwrap_or_else(|| {
            self.trees.push((message.tree.clone(), Vec::new()));
            self.trees.len() - 1
        });
        let before = self.last.replace((message.boot_id, message.sequence, at));
        let follows = before == Some((message.boot_id, message.sequence.wrapping_sub(1), at));
        if let Some((_, steps)) = self.trees.get_mut(at) {
            steps.push(Step { t_s, breaks: !follows, message });
        }
    }

    /// Takes in what a node was started with: the planner's trees.
    pub fn take_info(&mut self, info: &ours::NodeInfo) {
        let files = info.resource_names.iter().zip(&info.resource_contents);
        let trees = files.filter(|(role, _)| *role == "tree" || role.starts_with("tree/"));
        self.files.extend(trees.map(|(_, xml)| xml.clone()));
    }

    /// Name and steps of the tree that most steps are of; the first of equals.
    fn shown(&self) -> (&str, &[Step]) {
        let most = |a: (&'_ str, &'_ [Step]), b: (&'_ str, &'_ [Step])| b.1.len() > a.1.len();
        let all = self.trees.iter().map(|(name, steps)| (name.as_str(), steps.as_slice()));
        all.reduce(|a, b| if most(a, b) { b } else { a }).unwrap_or_default()
    }

    /// The steps of the tree that is shown.
    pub fn steps(&self) -> &[Step] {
        self.shown().1
    }

    /// The other trees, by name, and how many steps there are of each.
    pub fn others(&self) -> impl Iterator<Item = (&str, usize)> {
        let shown = self.shown().0;
        self.trees
            .iter()
            .filter(move |(name, _)| name != shown)
            .map(|(name, steps)| (name.as_str(), steps.len()))
    }

    /// Steps that were left out.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// The nodes by number: as the planner's file has them, or what the changes say of them.
    pub fn nodes(&self) -> Vec<NodeRow> {
        let count = self.steps().iter().map(|step| step.message.statuses.len()).max().unwrap_or(0);
        let files = self.files.iter().filter_map(|xml| self.nodes_of_file(xml));
        let mut files = files.filter(|nodes| nodes.len() == count);
        files.next().unwrap_or_else(|| self.nodes_of_changes(count))
    }

    fn nodes_of_file(&self, xml: &str) -> Option<Vec<NodeRow>> {
        let library = Library::read("tree", xml, &mut NoFiles).ok()?;
        let tree = library.build(&leaves::registry(), &library.main().ok()?).ok()?;
        let shown = self.shown().0;
        if !shown.is_empty() && tree.name() != shown {
            return None;
        }
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
        for change in self.steps().iter().flat_map(|step| &step.message.transitions) {
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
