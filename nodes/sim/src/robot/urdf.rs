//! Elements of URDF: joints, origins, solids, and which elements there are.

use super::strangers::Known;
use crate::error::SimError;
use crate::world::xml::{capsule, child, fault, pose};
use crate::world::{Pose3, Solid, World};
use nalgebra::{Translation3, UnitQuaternion};
use roxmltree::Node;

const JOINT_TYPES: [&str; 6] = ["revolute", "continuous", "prismatic", "fixed", "floating", "planar"];
/// What is read of a robot, or harmless.
pub(super) const KNOWN: Known = Known {
    knows: |parent, tag| Some(known_in(parent)?.contains(&tag)),
    once: &["origin", "geometry", "parent", "child"],
    why: "no such element in URDF",
};

/// The links that a joint of a known type joins: parent and child.
pub(super) fn ends<'a>(joint: Node<'a, '_>) -> Result<(&'a str, &'a str), SimError> {
    let kind = joint.attribute("type").unwrap_or_default();
    if !JOINT_TYPES.contains(&kind) {
        let expected = "a type of revolute, continuous, prismatic, fixed, floating or planar";
        return Err(fault(joint, expected, kind));
    }
    let end = |tag: &'static str, expected: &'static str| {
        child(joint, tag).and_then(|n| n.attribute("link")).ok_or_else(|| fault(joint, expected, "none"))
    };
    Ok((end("parent", "a <parent> with a link")?, end("child", "a <child> with a link")?))
}

/// Attributes `xyz` and `rpy` of `<origin>`.
pub(super) fn origin(node: Node<'_, '_>) -> Result<Pose3, SimError> {
    let Some(element) = child(node, "origin") else { return Ok(Pose3::identity()) };
    let mut told = element.attributes().filter(|a| a.namespace().is_none());
    if let Some(other) = told.find(|a| !["xyz", "rpy"].contains(&a.name())) {
        return Err(fault(element, "no attributes but xyz and rpy", other.name()));
    }
    let three = |name: &'static str| match element.attribute(name) {
        Some(text) => words::<3>(element, text, "attributes xyz and rpy of 3 finite numbers"),
        None => Ok([0.0; 3]),
    };
    let ([x, y, z], [roll, pitch, yaw]) = (three("xyz")?, three("rpy")?);
    let rotation = UnitQuaternion::from_euler_angles(roll, pitch, yaw);
    Ok(Pose3::from_parts(Translation3::new(x, y, z), rotation))
}

fn words<const N: usize>(
    node: Node<'_, '_>,
    text: &str,
    expected: &'static str,
) -> Result<[f64; N], SimError> {
    let all: Option<Vec<f64>> =
        text.split_ascii_whitespace().map(|w| w.parse().ok().filter(|v: &f64| v.is_finite())).collect();
    all.and_then(|v| v.try_into().ok()).ok_or_else(|| fault(node, expected, text))
}

/// Exactly `N` positive numbers in an attribute: lengths.
fn lengths<const N: usize>(
    shape: Node<'_, '_>,
    name: &str,
    expected: &'static str,
) -> Result<[f64; N], SimError> {
    let text = shape.attribute(name).unwrap_or_default();
    let values = words::<N>(shape, text, expected)?;
    if values.iter().any(|v| *v <= 0.0) {
        return Err(fault(shape, expected, text));
    }
    if values.iter().any(|v| *v > World::EXTENT_LIMIT_M) {
        return Err(fault(shape, "no size beyond 10000 m", text));
    }
    Ok(values)
}

/// Where a sensor of a `<gazebo>` element is in the link that the element is about.
pub(super) fn pose_of(sensor: Node<'_, '_>) -> Result<Pose3, SimError> {
    let Some(told) = child(sensor, "pose") else { return Ok(Pose3::identity()) };
    let named = told.attribute("relative_to").or(told.attribute("frame")).filter(|name| !name.is_empty());
    match named {
        Some(named) => {
            Err(fault(told, "a pose in the link that <gazebo> is about, relative to nothing else", named))
        }
        None => pose(told),
    }
}

/// The solids of a shape, whose sizes are attributes; `None` for one that is not made of solids.
pub(super) fn solids(shape: Node<'_, '_>) -> Result<Option<Vec<(Pose3, Solid)>>, SimError> {
    let radius = || lengths::<1>(shape, "radius", "a radius attribute of one positive number: metres");
    let length = || lengths::<1>(shape, "length", "a length attribute of one positive number: metres");
    let solid = match shape.tag_name().name() {
        "box" => {
            let expected = "a size attribute of 3 positive numbers: metres";
            Solid::Box { size_m: lengths(shape, "size", expected)? }
        }
        "cylinder" => {
            let ([radius_m], [length_m]) = (radius()?, length()?);
            Solid::Cylinder { radius_m, length_m }
        }
        "sphere" => {
            let [radius_m] = radius()?;
            Solid::Sphere { radius_m }
        }
        "capsule" => {
            let ([radius_m], [length_m]) = (radius()?, length()?);
            return Ok(Some(capsule(radius_m, length_m)));
        }
        _ => return Ok(None),
    };
    Ok(Some(vec![(Pose3::identity(), solid)]))
}

fn known_in(tag: &str) -> Option<&'static [&'static str]> {
    match tag {
        "robot" => Some(&["link", "joint", "material", "transmission", "gazebo", "ros2_control", "sensor"]),
        "link" => Some(&["inertial", "visual", "collision"]),
        "inertial" => Some(&["origin", "mass", "inertia"]),
        "visual" => Some(&["origin", "geometry", "material"]),
        "collision" => Some(&["origin", "geometry", "material", "verbose"]),
        "geometry" => Some(&["box", "cylinder", "sphere", "capsule", "mesh"]),
        "joint" => Some(&[
            "origin",
            "parent",
            "child",
            "axis",
            "calibration",
            "dynamics",
            "limit",
            "mimic",
            "safety_controller",
        ]),
        _ => None,
    }
}
