//! What stands in a robot file and is not read is named, not passed over.

use roxmltree::Node;

/// What a format knows.
pub(super) struct Known {
    /// Whether in an element (first) another may stand; `None` where nobody looks.
    pub(super) knows: fn(&str, &str) -> Option<bool>,
    /// What is read once from its parent.
    pub(super) once: &'static [&'static str],
    /// Why anything else is left out.
    pub(super) why: &'static str,
}

/// Says of every element that is not known, or stands there once more than it is read, that it is left out.
pub(super) fn strangers(node: Node<'_, '_>, known: &Known, note: &mut dyn FnMut(Node<'_, '_>, &str)) {
    let parent = node.tag_name().name();
    let mut seen = Vec::new();
    for element in node.children().filter(|n| n.is_element() && n.tag_name().namespace().is_none()) {
        let tag = element.tag_name().name();
        // A geometry has one shape, whatever its kind.
        let kind = if parent == "geometry" { parent } else { tag };
        let Some(is_known) = (known.knows)(parent, tag) else { return };
        if !is_known {
            note(element, &format!("<{tag}> in <{parent}> left out: {}", known.why));
        } else if seen.contains(&kind) {
            note(element, &format!("<{tag}> in <{parent}> left out: the first one is taken"));
        } else {
            if known.once.contains(&kind) {
                seen.push(kind);
            }
            strangers(element, known, note);
        }
    }
}
