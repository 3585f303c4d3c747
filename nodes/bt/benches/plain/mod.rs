//! Leaves that only succeed, for what the engine itself costs. For timing, and for counting instructions.
#![allow(dead_code, missing_docs)]

use outrider_bt::{Class, Fault, Io, Leaf, Manifest, Registry, Status};

/// Succeeds; the last leaf of a tree runs.
struct Plain(Status);

impl Leaf<u64> for Plain {
    fn tick(&mut self, _io: &mut Io<'_>, sum: &mut u64) -> Result<Status, Fault> {
        *sum += 1;
        Ok(self.0)
    }
}

pub fn registry() -> Registry<u64> {
    let mut registry = Registry::new();
    for (name, class) in [("Leaf", Class::Action), ("Check", Class::Condition)] {
        registry.leaf(Manifest::new(name, class, "", ""), |_| Ok(Box::new(Plain(Status::Success))));
    }
    registry
}
