//! Links of a robot file and where they are in one another.

use super::sdf;
use super::urdf::{self, origin};
use crate::error::SimError;
use crate::world::Pose3;
use crate::world::xml::{MODEL, fault};
use roxmltree::Node;
use std::collections::BTreeMap;

/// The most links between a link and the base.
const CHAIN_LIMIT: usize = 64;

/// A link, and where it is in another.
pub(super) struct Link<'a, 'i> {
    pub(super) node: Node<'a, 'i>,
    parent: Option<&'a str>,
    parent_from_link: Pose3,
}

/// By name.
pub(super) type Links<'a, 'i> = BTreeMap<&'a str, Link<'a, 'i>>;

/// The base: `base_link` or `base_footprint` when there is one, else the first link that hangs on no other.
pub(super) fn base_of<'a>(links: &Links<'a, '_>) -> Option<&'a str> {
    let known = ["base_link", "base_footprint"].into_iter().find_map(|b| links.get_key_value(b));
    known.or_else(|| links.iter().find(|(_, l)| l.parent.is_none())).map(|(name, _)| *name)
}

/// Where a link is in the base: up to their common root, and down again.
pub(super) fn in_base(links: &Links<'_, '_>, link: &str, base: &str) -> Option<Pose3> {
    let to_root = |from: &str| {
        let (mut at, mut name) = (Pose3::identity(), from.to_owned());
        for _ in 0..CHAIN_LIMIT {
            let link = links.get(name.as_str())?;
            at = link.parent_from_link * at;
            match link.parent {
                Some(parent) => parent.clone_into(&mut name),
                None => return Some((at, name)),
            }
        }
        None
    };
    let ((root_from_link, a), (root_from_base, b)) = (to_root(link)?, to_root(base)?);
    (a == b).then(|| root_from_base.inverse() * root_from_link)
}

/// Links by the joints between them.
pub(super) fn urdf_links<'a, 'i>(robot: Node<'a, 'i>) -> Result<Links<'a, 'i>, SimError> {
    let mut links = BTreeMap::new();
    for node in robot.children().filter(|c| c.has_tag_name("link")) {
        add(&mut links, node, None, Pose3::identity())?;
    }
    for joint in robot.children().filter(|c| c.has_tag_name("joint")) {
        let (parent, of) = urdf::ends(joint)?;
        let at = origin(joint)?;
        if !links.contains_key(parent) {
            return Err(fault(joint, "a <parent> that is a link of this file", parent));
        }
        let link = links.get_mut(of);
        let link = link.ok_or_else(|| fault(joint, "a <child> that is a link of this file", of))?;
        if link.parent.is_some() {
            return Err(fault(joint, "a <child> that no other joint has", of));
        }
        (link.parent, link.parent_from_link) = (Some(parent), at);
    }
    Ok(links)
}

/// In SDF links are placed in the model, whatever joins them: it is the root of all.
pub(super) fn sdf_links<'a, 'i>(model: Node<'a, 'i>) -> Result<Links<'a, 'i>, SimError> {
    let mut links = BTreeMap::new();
    for node in model.children().filter(|c| c.has_tag_name("link")) {
        add(&mut links, node, Some(MODEL), sdf::link_in_model(node)?)?;
    }
    links.insert(MODEL, Link { node: model, parent: None, parent_from_link: Pose3::identity() });
    Ok(links)
}

fn add<'a, 'i>(
    links: &mut Links<'a, 'i>,
    node: Node<'a, 'i>,
    parent: Option<&'a str>,
    parent_from_link: Pose3,
) -> Result<(), SimError> {
    let name = node.attribute("name").ok_or_else(|| fault(node, "a name attribute", ""))?;
    match links.insert(name, Link { node, parent, parent_from_link }) {
        Some(_) => Err(fault(node, "a name that no other link has", name)),
        None => Ok(()),
    }
}
