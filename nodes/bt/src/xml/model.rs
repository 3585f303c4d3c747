//! `TreeNodesModel`: what Groot2 needs to know of the nodes.

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
    let _ = write!(out, "    <{class} ID=\"{}\"", escaped(&manifest.id));
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
        let _ = write!(out, "      <{element} name=\"{}\"", escaped(&port.name));
        let _ = write!(out, " type=\"{}\"", escaped(&port.kind.name()));
        if let Some(default) = &port.default {
            let _ = write!(out, " default=\"{}\"", escaped(default));
        }
        let _ = writeln!(out, ">{}</{element}>", escaped(&port.doc));
    }
    let _ = writeln!(out, "    </{class}>");
}

/// Text as XML has it.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            other => out.push(other),
        }
    }
    out
}
