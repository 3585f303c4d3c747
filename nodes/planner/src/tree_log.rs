//! What the behaviour tree did: every change of a node's status with its cause, step by step.

use crate::navigator::Navigator;
use outrider_bt::{Cause, NodeInfo, Status, Transition, Tree};
use outrider_foundation::Stamp;

/// Most changes that are listed of one step; what is beyond is counted.
pub const CHANGE_LIMIT: usize = 1000;

/// A change of a node's status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeChange {
    /// Number of the node, from 1, in the order of the file.
    pub node: u16,
    /// Number of the node that did it: the parent, or the node itself for its scripts; 0 for what ticks and halts the tree.
    pub by: u16,
    /// Its status before.
    pub before: Status,
    /// Its status after.
    pub after: Status,
    /// Why.
    pub cause: Cause,
    /// Names of the subtrees above the node, and its own.
    pub path: String,
}

/// What changed in one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeChanges {
    /// When.
    pub stamp: Stamp,
    /// Which run of the planner.
    pub boot_id: u64,
    /// Counts these.
    pub sequence: u64,
    /// Which step of the planner, from 1: `Tick.tick` in its journal.
    pub tick: u64,
    /// Goal that the tree was ticked for.
    pub goal_id: u64,
    /// Name of the tree.
    pub tree: String,
    /// In the order in which they came.
    pub changes: Vec<TreeChange>,
    /// Changes beyond [`CHANGE_LIMIT`].
    pub dropped: u64,
    /// Status of every node after the step, by its number from 1.
    pub statuses: Vec<Status>,
    /// Why the whole tree was halted or ended; empty when it was not.
    pub ended: String,
}

/// Gathers what is to be told of the tree.
#[derive(Clone, Debug, Default)]
pub struct TreeLog {
    sequence: u64,
    tick: u64,
    goal_id: u64,
    ended: String,
}

impl TreeLog {
    /// Lets a tree keep its changes.
    pub fn watch(tree: &mut Tree<Navigator>) {
        tree.keep_journal(CHANGE_LIMIT);
    }

    /// Another step begins.
    pub fn step(&mut self) {
        self.tick = self.tick.saturating_add(1);
    }

    /// What follows is for this goal.
    pub const fn serve(&mut self, goal_id: u64) {
        self.goal_id = goal_id;
    }

    /// The whole tree was halted or has ended. Of several reasons before anything else happens the first is the one.
    pub fn end(&mut self, reason: &str) {
        if self.ended.is_empty() {
            reason.clone_into(&mut self.ended);
        }
    }

    /// The changes since this was asked last, if there are any. Takes nothing from the heap when there are none.
    pub fn take(&mut self, tree: &mut Tree<Navigator>, stamp: Stamp, boot_id: u64) -> Option<TreeChanges> {
        let (changes, dropped) = tree.journal();
        if changes.is_empty() {
            self.ended.clear();
            return None;
        }
        self.sequence = self.sequence.saturating_add(1);
        let told = TreeChanges {
            stamp,
            boot_id,
            sequence: self.sequence,
            tick: self.tick,
            goal_id: self.goal_id,
            tree: tree.name().to_owned(),
            changes: changes.iter().filter_map(|change| described(tree, change)).collect(),
            dropped,
            statuses: tree.nodes().map(|(_, status)| status).collect(),
            ended: std::mem::take(&mut self.ended),
        };
        tree.forget_journal();
        Some(told)
    }
}

/// A change with the names that people know.
fn described(tree: &Tree<Navigator>, change: &Transition) -> Option<TreeChange> {
    let info = tree.info(change.node)?;
    let parent = info.parent.and_then(|parent| tree.info(parent)).map_or(0, |parent: &NodeInfo| parent.uid);
    let by = match change.cause {
        Cause::FailureIf | Cause::SuccessIf | Cause::While => info.uid,
        Cause::Tree => 0,
        Cause::Tick | Cause::Reset | Cause::Halt | Cause::Timeout => parent,
    };
    let (before, after) = (change.from, change.to);
    Some(TreeChange { node: info.uid, by, before, after, cause: change.cause, path: info.path.clone() })
}
