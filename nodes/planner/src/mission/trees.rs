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

/// The trees, and the one in use.
pub struct Trees {
    /// Name and tree; the first is the one that is configured.
    list: Vec<(String, Tree<Navigator>)>,
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
        let mut tree = Tree::parse(xml, &leaves::registry())?;
        TreeLog::watch(&mut tree);
        Ok(Self { list: vec![(String::new(), tree)], active: 0, through: 0 })
    }

    /// Adds those that can be asked for by name, one of which is for orders with several poses.
    ///
    /// # Errors
    /// When one cannot be built, there are too many, or there is none named `through`.
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
            let mut tree = Tree::parse(xml, &registry)
                .map_err(|error| PlannerError::NamedTree { name: name.to_string(), error })?;
            TreeLog::watch(&mut tree);
            self.list.push((name.to_string(), tree));
        }
        let find = |(name, _): &(String, _)| name == through;
        self.through = self.list.iter().position(find).ok_or_else(|| {
            PlannerError::Invalid(format!("mission.through_poses_tree: there is no tree `{through}`"))
        })?;
        Ok(())
    }

    /// The tree for an order.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn find(&self, order: &MissionOrder) -> Result<usize, Refusal> {
        if order.tree.is_empty() {
            let several = order.poses.len() > 1 && order.kind == MissionKind::Navigate;
            return Ok(if several { self.through } else { 0 });
        }
        self.list.iter().position(|(name, _)| *name == order.tree).ok_or_else(|| {
            let mut asked = order.tree.clone();
            let end = (0..=TREE_NAME_LIMIT.min(asked.len())).rev().find(|i| asked.is_char_boundary(*i));
            asked.truncate(end.unwrap_or(0));
            let names: Vec<&str> = self.list.iter().skip(1).map(|(name, _)| name.as_str()).collect();
            let message = format!(
                "there is no behaviour tree `{asked}`; file names without a folder are taken, and there are: {}",
                names.join(", ")
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
        &mut self.list[index].1
    }

    /// The running leaf of the tree in use; empty for none.
    pub fn active_leaf(&self) -> &str {
        self.list.get(self.active).map_or("", |(_, tree)| tree.active_leaf())
    }

    /// Name of the tree in use; empty for the one that is configured.
    pub fn name(&self) -> &str {
        self.list.get(self.active).map_or("", |(name, _)| name)
    }
}
