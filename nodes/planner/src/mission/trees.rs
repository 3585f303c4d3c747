//! The behaviour trees that a mission may ask for. All are read at the start: a mission reads no file.

use super::codes;
use super::rules::Refusal;
use crate::error::PlannerError;
use crate::leaves;
use crate::navigator::Navigator;
use crate::tree_log::TreeLog;
use outrider_bt::Tree;
use outrider_foundation::data::{MissionKind, MissionOrder, TREE_NAME_LIMIT};

/// The most trees.
pub const TREE_LIMIT: usize = 64;

/// A tree that can drive a mission.
struct Named {
    /// File name; empty for the one that is configured.
    name: String,
    tree: Tree<Navigator>,
    /// It drops poses that the robot has come near to: with several poses any other stands at the first one for ever.
    passes_poses: bool,
}

impl Named {
    fn new(name: &str, mut tree: Tree<Navigator>) -> Self {
        TreeLog::watch(&mut tree);
        let passes_poses = tree.nodes().any(|(node, _)| node.id == leaves::REMOVE_PASSED_GOALS);
        Self { name: name.to_string(), tree, passes_poses }
    }
}

/// The trees, and the one in use.
pub struct Trees {
    /// The first is the one that is configured.
    list: Vec<Named>,
    active: usize,
    /// Of orders with several poses.
    through: usize,
}

impl Trees {
    /// With the one that is configured.
    ///
    /// # Errors
    /// When it cannot be built.
    pub fn new(xml: &str) -> Result<Self, PlannerError> {
        let tree = Tree::parse(xml, &leaves::registry())?;
        Ok(Self { list: vec![Named::new("", tree)], active: 0, through: 0 })
    }

    /// Adds those that can be asked for by name, one of which is for orders with several poses.
    ///
    /// # Errors
    /// When one cannot be built, there are too many, there is none named `through`, or that one passes no poses.
    pub fn add<'a>(
        &mut self,
        files: impl IntoIterator<Item = (&'a str, &'a str)>,
        through: &str,
    ) -> Result<(), PlannerError> {
        let registry = leaves::registry();
        for (name, xml) in files {
            if self.list.len() > TREE_LIMIT {
                return Err(PlannerError::Invalid(format!("more than {TREE_LIMIT} behaviour trees")));
            }
            let tree = Tree::parse(xml, &registry)
                .map_err(|error| PlannerError::NamedTree { name: name.to_string(), error })?;
            self.list.push(Named::new(name, tree));
        }
        let refused = |why: String| PlannerError::Key { key: "mission.through_poses_tree", why };
        let find = |named: &Named| named.name == through;
        self.through =
            self.list.iter().position(find).ok_or_else(|| {
                refused(format!("there is no tree `{through}`; there are: {}", self.names()))
            })?;
        self.check_passes(self.through).map_err(refused)
    }

    /// Names of all that can be asked for.
    fn names(&self) -> String {
        list_of(self.list.iter().skip(1))
    }

    /// A tree can drive through several poses.
    fn check_passes(&self, index: usize) -> Result<(), String> {
        let Some(named) = self.list.get(index).filter(|named| !named.passes_poses) else { return Ok(()) };
        let which = match named.name.as_str() {
            "" => "the tree that is configured".to_string(),
            name => format!("the tree `{name}`"),
        };
        let others = match list_of(self.list.iter().skip(1).filter(|named| named.passes_poses)) {
            none if none.is_empty() => "none does".to_string(),
            others => format!("these do: {others}"),
        };
        let leaf = leaves::REMOVE_PASSED_GOALS;
        Err(format!("{which} has no {leaf} and would stand at the first of several poses; {others}"))
    }

    /// The tree for an order.
    ///
    /// # Errors
    /// When there is none of that name, or it would never come past the first of several poses.
    pub fn find(&self, order: &MissionOrder) -> Result<usize, Refusal> {
        let several = order.poses.len() > 1 && order.kind == MissionKind::Navigate;
        let index = match order.tree.as_str() {
            "" if several => self.through,
            "" => 0,
            name => self.named(name)?,
        };
        if several {
            let refused = |why| Refusal::new(codes::UNKNOWN, format!("goal refused: {why}"));
            self.check_passes(index).map_err(refused)?;
        }
        Ok(index)
    }

    fn named(&self, name: &str) -> Result<usize, Refusal> {
        self.list.iter().position(|named| named.name == name).ok_or_else(|| {
            let end = (0..=TREE_NAME_LIMIT.min(name.len())).rev().find(|i| name.is_char_boundary(*i));
            let asked = name.get(..end.unwrap_or(0)).unwrap_or_default();
            let message = format!(
                "there is no behaviour tree `{asked}`; file names without a folder are taken, and there are: {}",
                self.names()
            );
            Refusal::new(codes::FAILED_TO_LOAD_BEHAVIOR_TREE, message)
        })
    }

    /// Uses another tree from now on. The one before has to be halted first.
    pub fn activate(&mut self, index: usize) {
        self.active = index.min(self.list.len().saturating_sub(1));
    }

    /// It is the one in use.
    pub const fn is_active(&self, index: usize) -> bool {
        self.active == index
    }

    /// The tree in use.
    pub fn active(&mut self) -> &mut Tree<Navigator> {
        self.tree(self.active)
    }

    /// The tree of an order; beyond the last one the last.
    pub fn tree(&mut self, index: usize) -> &mut Tree<Navigator> {
        let index = index.min(self.list.len() - 1);
        #[allow(
            clippy::indexing_slicing,
            reason = "there is at least one, and the index is below their number"
        )]
        &mut self.list[index].tree
    }

    /// The running leaf of the tree in use; empty for none.
    pub fn active_leaf(&self) -> &str {
        self.list.get(self.active).map_or("", |named| named.tree.active_leaf())
    }

    /// Name of the tree in use; empty for the one that is configured.
    pub fn name(&self) -> &str {
        self.list.get(self.active).map_or("", |named| &named.name)
    }
}

fn list_of<'a>(trees: impl Iterator<Item = &'a Named>) -> String {
    trees.map(|named| named.name.as_str()).collect::<Vec<_>>().join(", ")
}
