//! Values of SDF elements: numbers, poses, flags, with errors that say where.

use super::{Pose3, World};
use crate::error::SimError;
use nalgebra::{Quaternion, Translation3, UnitQuaternion};
use roxmltree::Node;

/// The most characters of a faulty value that an error repeats.
const FOUND_LIMIT: usize = 60;

/// The error that an element is not what it should be.
pub(crate) fn fault(node: Node<'_, '_>, expected: &'static str, found: &str) -> SimError {
    let position = node.document().text_pos_at(node.range().start);
    let found = found.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut shown: String = found.chars().take(FOUND_LIMIT).collect();
    if found.chars().nth(FOUND_LIMIT).is_some() {
        shown.push('…');
    }
    SimError::Element {
        file: "world",
        line: position.row,
        column: position.col,
        element: node.tag_name().name().to_owned(),
        expected,
        found: if shown.is_empty() { "nothing".into() } else { shown },
    }
}

/// The line of an element, from 1.
pub(crate) fn line(node: Node<'_, '_>) -> u32 {
    node.document().text_pos_at(node.range().start).row
}

/// The first child element of that name.
pub(crate) fn child<'a, 'i>(node: Node<'a, 'i>, name: &str) -> Option<Node<'a, 'i>> {
    node.children().find(|c| c.has_tag_name(name))
}

/// The child element of that name, or an error.
pub(crate) fn required<'a, 'i>(
    node: Node<'a, 'i>,
    name: &str,
    expected: &'static str,
) -> Result<Node<'a, 'i>, SimError> {
    child(node, name).ok_or_else(|| fault(node, expected, "none"))
}

/// The attribute `name`, which may not be empty.
pub(super) fn name_of<'a>(node: Node<'a, '_>) -> Result<&'a str, SimError> {
    let name = node.attribute("name").unwrap_or_default().trim();
    if name.is_empty() { Err(fault(node, "a name attribute", "")) } else { Ok(name) }
}

/// All text of an element; comments in between do not count.
pub(crate) fn text(node: Node<'_, '_>) -> String {
    node.children().filter(Node::is_text).filter_map(|t| t.text()).collect()
}

/// Exactly `N` finite numbers within the world's extent.
pub(crate) fn numbers<const N: usize>(
    node: Node<'_, '_>,
    expected: &'static str,
) -> Result<[f64; N], SimError> {
    let text = text(node);
    let mut values = [0.0; N];
    let mut words = text.split_ascii_whitespace();
    for value in &mut values {
        let parsed = words.next().and_then(|w| w.parse::<f64>().ok());
        *value = parsed.filter(|v| v.is_finite()).ok_or_else(|| fault(node, expected, &text))?;
        if value.abs() > World::EXTENT_LIMIT_M {
            return Err(fault(node, "no number beyond 10000 (metres)", &text));
        }
    }
    if words.next().is_some() { Err(fault(node, expected, &text)) } else { Ok(values) }
}

/// Exactly `N` positive numbers: lengths.
pub(super) fn lengths<const N: usize>(
    node: Node<'_, '_>,
    expected: &'static str,
) -> Result<[f64; N], SimError> {
    let values = numbers::<N>(node, expected)?;
    if values.iter().all(|v| *v > 0.0) { Ok(values) } else { Err(fault(node, expected, &text(node))) }
}

/// A flag in a child element; `default` when there is none.
pub(super) fn flag(node: Node<'_, '_>, name: &str, default: bool) -> Result<bool, SimError> {
    let Some(element) = child(node, name) else { return Ok(default) };
    boolean(element, "true or false", &text(element))
}

/// As sdformat reads it: `true`, `false`, `1` or `0`, in capitals too.
fn boolean(node: Node<'_, '_>, expected: &'static str, text: &str) -> Result<bool, SimError> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(fault(node, expected, text)),
    }
}

/// What a `<pose>` element says (SDF: fixed-axis roll, pitch, yaw, or a quaternion with x y z w).
pub(crate) fn pose(element: Node<'_, '_>) -> Result<Pose3, SimError> {
    let format = element.attribute("rotation_format").unwrap_or("euler_rpy");
    let degrees = match element.attribute("degrees") {
        Some(told) => boolean(element, "an attribute degrees of true or false", told)?,
        None => false,
    };
    if text(element).trim().is_empty() {
        return Ok(Pose3::identity());
    }
    match format {
        "euler_rpy" => {
            let [x, y, z, roll, pitch, yaw] = numbers(element, "6 finite numbers: x y z roll pitch yaw")?;
            let [roll, pitch, yaw] = [roll, pitch, yaw].map(|a| if degrees { a.to_radians() } else { a });
            let rotation = UnitQuaternion::from_euler_angles(roll, pitch, yaw);
            Ok(Pose3::from_parts(Translation3::new(x, y, z), rotation))
        }
        "quat_xyzw" => {
            let expected = "7 finite numbers: x y z and a quaternion x y z w that is not zero";
            let [x, y, z, qx, qy, qz, qw] = numbers(element, expected)?;
            let rotation = UnitQuaternion::try_new(Quaternion::new(qw, qx, qy, qz), 1e-6)
                .ok_or_else(|| fault(element, expected, &text(element)))?;
            Ok(Pose3::from_parts(Translation3::new(x, y, z), rotation))
        }
        other => Err(fault(element, "rotation_format euler_rpy or quat_xyzw", other)),
    }
}
