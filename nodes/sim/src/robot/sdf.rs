//! Elements of SDF: where links, collisions and sensors are, and which elements there are.

use super::strangers::Known;
use crate::error::SimError;
use crate::world::Pose3;
use crate::world::xml::{MODEL, fault, pose_in_link, pose_in_scope};
use roxmltree::Node;

const RELATIVE: &str =
    "a pose relative to a link, joint or frame of this model, in no circle, at most 64 in a row";

/// What is read of a robot; models within it are not.
pub(super) const KNOWN: Known = Known {
    within: known_in,
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

fn known_in(tag: &str) -> Option<&'static [&'static str]> {
    match tag {
        "model" => Some(&[
            "link",
            "joint",
            "frame",
            "pose",
            "static",
            "plugin",
            "self_collide",
            "allow_auto_disable",
            "enable_wind",
        ]),
        "link" => Some(&[
            "pose",
            "inertial",
            "collision",
            "visual",
            "sensor",
            "light",
            "self_collide",
            "kinematic",
            "gravity",
            "enable_wind",
            "velocity_decay",
            "must_be_base_link",
            "particle_emitter",
            "projector",
            "audio_sink",
            "audio_source",
            "battery",
        ]),
        "collision" => Some(&[
            "pose",
            "geometry",
            "surface",
            "max_contacts",
            "laser_retro",
            "density",
            "auto_inertia_params",
        ]),
        "geometry" => Some(&[
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
        ]),
        "frame" => Some(&["pose"]),
        _ => None,
    }
}
