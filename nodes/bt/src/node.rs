//! A node of a tree in its arena.

use crate::kind::Kind;
use crate::status::Status;
use outrider_foundation::Instant;

/// Which node of a tree; 0 is the root.
pub type NodeId = u32;

/// "None" for indices.
pub(crate) const NONE: u32 = u32::MAX;

/// What the engine does for a node.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Op {
    Sequence {
        asynch: bool,
    },
    SequenceWithMemory,
    ReactiveSequence,
    Fallback {
        asynch: bool,
    },
    ReactiveFallback,
    Parallel,
    ParallelAll,
    IfThenElse,
    WhileDoElse,
    Switch(u8),
    TryCatch,
    Pipeline,
    Recovery,
    RoundRobin,
    Nonblocking,
    Persistent,
    Inverter,
    Force(Status),
    Repeat,
    Retry,
    KeepRunning,
    Delay,
    Timeout,
    RunOnce,
    Precondition,
    Updated(Status),
    Loop(&'static Kind),
    SubTree,
    Rate,
    SingleTrigger,
    Always(Status),
    Script,
    ScriptCondition,
    SetBlackboard,
    UnsetBlackboard,
    Sleep,
    WasEntryUpdated,
    /// Index among the leaves of the tree's user.
    Leaf(u32),
    /// Index among the decorators of the tree's user.
    Custom(u32),
}

impl Op {
    /// One child, which is reset after the node's tick when it has finished. The other decorators do so themselves.
    pub const fn resets_child(self) -> bool {
        matches!(
            self,
            Self::Updated(_)
                | Self::Rate
                | Self::SingleTrigger
                | Self::Precondition
                | Self::RunOnce
                | Self::Custom(_)
        )
    }
}

/// What a node remembers between ticks. Every kind of node uses its own part of it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Memory {
    /// The child that is on, or the farthest one.
    pub index: u32,
    /// Attempts, cycles, failures.
    pub count: i32,
    /// Children that were skipped or that succeeded.
    pub skipped: u32,
    /// Something has begun.
    pub started: bool,
    /// Something is over: a delay, a try.
    pub over: bool,
    /// Status to be given again.
    pub kept: Status,
    /// When it began.
    pub since: Option<Instant>,
    /// Number of the newest write that was seen.
    pub sequence: u64,
}

/// A node.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub status: Status,
    pub op: Op,
    /// Its child is reset after its tick when it has finished.
    pub resets: bool,
    /// Its children lie together in the tree's list of children.
    pub first_child: u32,
    pub children: u32,
    /// Its ports lie together in the tree's list of ports.
    pub first_port: u32,
    pub end_port: u32,
    /// Index of its conditions, or none.
    pub conditions: u32,
    /// Index of the script of its port, or none.
    pub script: u32,
    /// Index of its queue or its entry's key, or none; of a script, zero when its text is in an entry.
    pub extra: u32,
    pub memory: Memory,
}

/// What is told of a node besides its status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeInfo {
    /// Its name: the attribute, else the kind.
    pub name: String,
    /// The XML gives it a name.
    pub named: bool,
    /// Kind of node.
    pub id: String,
    /// Names of the subtrees above it, and its own.
    pub path: String,
    /// Number, from 1, in the order of the file.
    pub uid: u16,
    /// It has no children.
    pub leaf: bool,
    /// Nodes above it.
    pub depth: u16,
    /// The node above it; none for the root.
    pub parent: Option<NodeId>,
}

/// Scripts around a node, as indices, or none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Conditions {
    /// `_failureIf`, `_successIf`, `_skipIf`, `_while`.
    pub before: [u32; 4],
    /// `_onHalted`, `_onFailure`, `_onSuccess`, `_post`.
    pub after: [u32; 4],
    /// There is a script before the tick.
    pub any_before: bool,
    /// There is a script after it, other than `_onHalted`.
    pub any_after: bool,
}

impl Conditions {
    /// The attributes before the tick, in the order in which they are asked.
    pub const BEFORE: [&'static str; 4] = ["_failureIf", "_successIf", "_skipIf", "_while"];
    /// The attributes after it.
    pub const AFTER: [&'static str; 4] = ["_onHalted", "_onFailure", "_onSuccess", "_post"];
}
