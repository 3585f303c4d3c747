//! Behaviour trees: BehaviorTree.CPP 4.10's XML, semantics, blackboards and scripts, and Nav2's control nodes, on a clock
//! that is an argument.
//!
//! The way through it: files → [`Library`] → with a [`Registry`] of nodes → [`Tree`], an arena of nodes that is ticked with
//! the time and a context that the user's leaves work on. A tick takes nothing from the heap unless a script makes new text
//! or a loop reads its queue. `docs/trees.md` has every node with its ports.

mod blackboard;
mod builtin;
mod docs;
mod error;
mod kind;
mod node;
mod nodes;
mod port;
mod registry;
mod script;
mod status;
mod text;
pub mod trace;
mod tree;
mod value;
mod xml;

pub use blackboard::{Blackboards, BoardId, Entry};
pub use docs::documentation;
pub use error::{BtError, Fault, Position};
pub use kind::{CustomKind, Kind};
pub use node::{NodeId, NodeInfo};
pub use nodes::RECOVERY_LIMIT;
pub use port::{Direction, Io, Port, Words};
pub use registry::{Class, Decorator, Leaf, MakeDecorator, MakeLeaf, Manifest, Registry, Step};
pub use script::{
    EXPRESSION_DEPTH_LIMIT, EXPRESSION_HEIGHT_LIMIT, Enums, JOINED_LIMIT, SCRIPT_LIMIT,
    Source as ScriptSource,
};
pub use status::Status;
pub use tree::{Cause, Transition, Tree, WAKE_LIMIT};
pub use value::{Custom, IntKind, Value};
pub use xml::{
    DEPTH_LIMIT, FILE_LIMIT, Files, INCLUDE_LIMIT, Include, Library, NESTING_LIMIT, NODE_LIMIT, NoFiles,
    Problem, Severity, escape, write_model,
};
