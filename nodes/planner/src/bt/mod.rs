//! A behaviour-tree engine with the semantics of BehaviorTree.CPP 4.10, read from its XML (version 4).
//!
//! Nodes live in an arena; time is an argument, so there are no timers and no threads. The engine is generic over the
//! leaves: an application brings a [`LeafRegistry`] and a context (its blackboard) that every leaf is handed.
//!
//! One difference on purpose: a leaf that reacts to something returns its wish through the context, which the owner
//! clears before every tick; so two actions can never both command, whatever order they are started and halted in.

mod control;
mod engine;
mod xml;

pub use control::Control;
pub use engine::{Leaf, LeafRegistry, Status, Tree, WAKE_LIMIT};
pub use xml::{DEPTH_LIMIT, NODE_LIMIT, Ports, XML_LIMIT, parse};

#[cfg(test)]
mod tests;
