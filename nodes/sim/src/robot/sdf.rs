//! Elements of SDF: where links, collisions and sensors are, and which elements there are.

use super::strangers::Known;
use crate::error::SimError;
use crate::world::Pose3;
use crate::world::xml::{
    HARMLESS_IN_COLLISION, HARMLESS_IN_LINK, HARMLESS_IN_MODEL, MODEL, fault, pose_in_link, pose_in_scope,
};
use roxmltree::Node;

const RELATIVE: &str =
    "a pose relative to a link, joint or frame of this model, in no circle, at most 64 in a row";

/// What is read of a robot; models within it are not.
pub(super) const KNOWN: Known = Known {
    knows,
    once: &["pose", "geometry"],
    why: "this is not read of a robot (links, their collisions and sensors, frames, plug-ins)",
};

/// Where a link is in its model.
pub(super) fn link_in_model(link: Node<'_, '_>) -> Result<Pose3, SimError> {
    pose_in_scope(link, MODEL)?.ok_or_else(|| unplaced(link))
}

/// Where a collision or a sensor is in the link that it stands in.
pub(super) fn pose_in(link: Node<'_, '_>, element: Node<'_, '_>) -> Result<Pose3, SimError> {
    pose_in_link(element, link)?.ok_or_else(|| unplaced(element))
}

fn unplaced(node: Node<'_, '_>) -> SimError {
    let pose = node.children().find(|c| c.has_tag_name("pose"));
    let named = pose.and_then(|p| p.attribute("relative_to").or(p.attribute("frame")));
    fault(pose.unwrap_or(node), RELATIVE, named.unwrap_or_default())
}

const IN_GEOMETRY: [&str; 12] = [
    "box",
    "capsule",
    "cone",
    "cylinder",
    "ellipsoid",
    "empty",
    "heightmap",
    "image",
    "mesh",
    "plane",
    "polyline",
    "sphere",
];

fn knows(parent: &str, tag: &str) -> Option<bool> {
    Some(match parent {
        "model" => ["link", "joint", "frame"].contains(&tag) || HARMLESS_IN_MODEL.contains(&tag),
        "link" => tag == "collision" || HARMLESS_IN_LINK.contains(&tag),
        "collision" => HARMLESS_IN_COLLISION.contains(&tag),
        "geometry" => IN_GEOMETRY.contains(&tag),
        "frame" => tag == "pose",
        // Of a sensor only its place is read; what else there may be, no two kinds have in common.
        "sensor" => true,
        _ => return None,
    })
}
