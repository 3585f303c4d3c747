//! Where SDF elements are: poses in their scope, through the frames that they are relative to.

use super::Pose3;
use super::values::{child, pose, text};
use crate::error::SimError;
use outrider_foundation::Pose2;
use roxmltree::Node;

/// What a model calls itself.
pub(crate) const MODEL: &str = "__model__";
const LINK: &str = "__link__";
/// The most elements that are relative to one another in a row.
const CHAIN_LIMIT: usize = 64;
/// A frame by which a model is placed counts as so many: each may be looked up once more for every one that it goes through.
const PLACED: usize = 8;

/// The pose of an element in its parent, the scope; `parent` is what the scope calls itself. `None` when it is relative
/// to what the scope does not have, or in a circle.
pub(crate) fn pose_in_scope(node: Node<'_, '_>, parent: &str) -> Result<Option<Pose3>, SimError> {
    in_scope(node, parent, 0)
}

/// The pose of a collision or a sensor in its link; it may be relative to the model, or to a link or frame there.
pub(crate) fn pose_in_link(node: Node<'_, '_>, link: Node<'_, '_>) -> Result<Option<Pose3>, SimError> {
    let (named, pose_there) = own_pose(node)?;
    if named.is_empty() || named == LINK {
        return Ok(Some(pose_there));
    }
    let named_there = match link.parent() {
        Some(_) if named == MODEL => Some(Pose3::identity()),
        Some(model) => named_in(model, named, MODEL, None, 0)?,
        None => None,
    };
    let (Some(model_from_named), Some(model_from_link)) = (named_there, pose_in_scope(link, MODEL)?) else {
        return Ok(None);
    };
    Ok(Some(model_from_link.inv_mul(&model_from_named) * pose_there))
}

/// The pose of an included model in the scope of its include, which says it in place of the model's file.
pub(super) fn included_in_scope(
    include: Node<'_, '_>,
    model: Node<'_, '_>,
    parent: &str,
) -> Result<Option<Pose3>, SimError> {
    let frame = placement_frame(include).or_else(|| placement_frame(model));
    match placed_in_scope(include, parent, 0)? {
        Some(scope_from_placed) => by_frame(scope_from_placed, model, frame, 0),
        None => Ok(None),
    }
}

/// Which frame of a model has the pose that is told of the model; `None` when it is the model's own.
pub(super) fn placement_frame(node: Node<'_, '_>) -> Option<String> {
    let told = node.attribute("placement_frame").map(str::to_owned);
    let told = told.or_else(|| child(node, "placement_frame").map(text))?;
    Some(told.trim().to_owned()).filter(|name| !name.is_empty() && name != MODEL)
}

/// Position and heading in the plane; height, roll and pitch are dropped.
pub(super) fn flatten(pose: &Pose3) -> Pose2 {
    let forward = pose.rotation * nalgebra::Vector3::x();
    Pose2::new(pose.translation.x, pose.translation.y, libm::atan2(forward.y, forward.x))
}

/// Which frame an element's pose is in, and the pose.
fn own_pose<'a>(node: Node<'a, '_>) -> Result<(&'a str, Pose3), SimError> {
    let own = child(node, "pose");
    let named = own.and_then(|p| p.attribute("relative_to").or(p.attribute("frame")));
    let named = named.or(node.attribute("attached_to"));
    // A joint that says nothing else stands in the link that it moves.
    let moved =
        || child(node, "child").filter(|_| node.has_tag_name("joint")).and_then(|c| c.text()).map(str::trim);
    let named = named.or_else(moved).unwrap_or_default();
    Ok((named, own.map_or(Ok(Pose3::identity()), pose)?))
}

fn in_scope(node: Node<'_, '_>, parent: &str, depth: usize) -> Result<Option<Pose3>, SimError> {
    let frame = placement_frame(node);
    if frame.is_some() && node.has_tag_name("include") {
        // The frame stands in the model's file, which is not at hand here.
        return Ok(None);
    }
    match placed_in_scope(node, parent, depth)? {
        Some(scope_from_placed) => by_frame(scope_from_placed, node, frame, depth),
        None => Ok(None),
    }
}

/// Where a model is, of which a frame is placed; `None` when it has no such frame.
fn by_frame(
    scope_from_placed: Pose3,
    model: Node<'_, '_>,
    frame: Option<String>,
    depth: usize,
) -> Result<Option<Pose3>, SimError> {
    let Some(frame) = frame else { return Ok(Some(scope_from_placed)) };
    let model_from_frame = named_in(model, &frame, MODEL, None, depth + PLACED)?;
    Ok(model_from_frame.map(|model_from_frame| scope_from_placed * model_from_frame.inverse()))
}

/// What an element's pose says, whichever frame of it that is.
fn placed_in_scope(node: Node<'_, '_>, parent: &str, depth: usize) -> Result<Option<Pose3>, SimError> {
    if depth >= CHAIN_LIMIT {
        return Ok(None);
    }
    let (named, pose_there) = own_pose(node)?;
    if named.is_empty() || named == parent {
        return Ok(Some(pose_there));
    }
    let Some(scope) = node.parent() else { return Ok(None) };
    let found = named_in(scope, named, parent, Some(node), depth + 1)?;
    Ok(found.map(|scope_from_other| scope_from_other * pose_there))
}

/// Where a scope has the frame, link or model of a name, which may be `model::link`; `but` is not meant.
fn named_in(
    scope: Node<'_, '_>,
    named: &str,
    parent: &str,
    but: Option<Node<'_, '_>>,
    depth: usize,
) -> Result<Option<Pose3>, SimError> {
    if depth >= CHAIN_LIMIT {
        return Ok(None);
    }
    let (first, rest) = named.split_once("::").map_or((named, None), |(first, rest)| (first, Some(rest)));
    let other = scope.children().find(|n| is_called(*n, first) && Some(*n) != but);
    let Some(other) = other else { return Ok(None) };
    let Some(scope_from_other) = in_scope(other, parent, depth)? else { return Ok(None) };
    let Some(rest) = rest else { return Ok(Some(scope_from_other)) };
    let within = named_in(other, rest, MODEL, None, depth + 1)?;
    Ok(within.map(|other_from_named| scope_from_other * other_from_named))
}

/// An included model is known by its place when the include says both name and pose; otherwise its file does.
fn is_called(node: Node<'_, '_>, name: &str) -> bool {
    if node.has_tag_name("include") {
        let told = child(node, "name").map(text);
        return child(node, "pose").is_some() && told.is_some_and(|told| told.trim() == name);
    }
    let is_frame = ["frame", "joint", "link", "model"].iter().any(|tag| node.has_tag_name(*tag));
    is_frame && node.attribute("name") == Some(name)
}
