//! `TreeNodesModel`: what Groot2 needs to know of the nodes.

use super::escape;
use crate::port::Direction;
use crate::registry::{Class, Manifest, Registry};
use std::fmt::Write;

/// The model of all nodes of a registry but the engine's own, or of all of them. Groot2 loads it as a palette.
pub fn write<C>(registry: &Registry<C>, with_builtin: bool) -> String {
    let mut out = String::from("<root BTCPP_format=\"4\">\n  <TreeNodesModel>\n");
    for manifest in registry.manifests() {
        let wanted = with_builtin || !registry.is_builtin(&manifest.id) || is_nav2(manifest);
        if wanted && manifest.class != Class::SubTree {
            node(manifest, &mut out);
        }
    }
    out.push_str("  </TreeNodesModel>\n</root>\n");
    out
}

/// Nodes of the engine that BehaviorTree.CPP does not have, so that Groot2 does not know them.
fn is_nav2(manifest: &Manifest) -> bool {
    manifest.doc.starts_with("Nav2:")
}

fn node(manifest: &Manifest, out: &mut String) {
    let class = manifest.class.name();
    // Writing to a text can not fail.
    let _ = write!(out, "    <{class} ID=\"{}\"", escape(&manifest.id));
    if manifest.ports.is_empty() {
        out.push_str("/>\n");
        return;
    }
    out.push_str(">\n");
    for port in &manifest.ports {
        let element = match port.direction {
            Direction::Input => "input_port",
            Direction::Output => "output_port",
            Direction::Both => "inout_port",
        };
        let _ = write!(out, "      <{element} name=\"{}\"", escape(&port.name));
        let _ = write!(out, " type=\"{}\"", escape(&port.kind.name()));
        if let Some(default) = &port.default {
            let _ = write!(out, " default=\"{}\"", escape(default));
        }
        let _ = writeln!(out, ">{}</{element}>", escape(&port.doc));
    }
    let _ = writeln!(out, "    </{class}>");
}
