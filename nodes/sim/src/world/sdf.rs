//! SDF text to a [`World`].

use super::frames::{MODEL, flatten, included_in_scope, placement_frame, pose_in_link, pose_in_scope};
use super::values::{child, fault, flag, line, name_of, numbers, pose, required, text};
use super::{Actor, Pose3, Shape, Solid, Unsupported, Waypoint, World};
use crate::error::SimError;
use roxmltree::{Document, Node, ParsingOptions};
use std::collections::BTreeSet;

/// The most XML nodes of a file, far beyond what the other limits let through.
const XML_NODE_LIMIT: u32 = 1 << 20;

/// A plane this close to z = 0 is the floor, in m.
const FLOOR_M: f64 = 1e-3;

/// A normal shorter than this points nowhere.
const NO_DIRECTION: f64 = 1e-9;

/// Elements without influence on what stands where, by the element they are in.
const HARMLESS_IN_WORLD: &[&str] = &[
    "physics",
    "light",
    "plugin",
    "gui",
    "scene",
    "gravity",
    "magnetic_field",
    "atmosphere",
    "wind",
    "audio",
    "spherical_coordinates",
];
pub(crate) const HARMLESS_IN_MODEL: &[&str] =
    &["pose", "static", "plugin", "self_collide", "allow_auto_disable", "enable_wind"];
pub(crate) const HARMLESS_IN_LINK: &[&str] = &[
    "pose",
    "visual",
    "inertial",
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
];
pub(crate) const HARMLESS_IN_COLLISION: &[&str] =
    &["pose", "geometry", "surface", "max_contacts", "laser_retro", "density", "auto_inertia_params"];
const HARMLESS_IN_ACTOR: &[&str] = &["pose", "skin", "animation", "script", "static"];
const HARMLESS_IN_INCLUDE: &[&str] = &["uri", "name", "pose", "static", "placement_frame", "plugin"];
const HARMLESS_IN_SCRIPT: &[&str] = &["loop", "delay_start", "auto_start", "trajectory"];
/// What may stand once in its parent: only the first one is read.
const ONCE: &[&str] = &[
    "pose",
    "static",
    "geometry",
    "script",
    "uri",
    "name",
    "placement_frame",
    "loop",
    "delay_start",
    "auto_start",
    "time",
    "size",
    "radius",
    "length",
    "height",
    "normal",
];
/// Ends of the addresses of Gazebo's own sun and floor.
const HARMLESS_INCLUDES: &[&str] = &["/sun", "/ground plane", "/ground_plane"];

/// Text of a model that a world includes, by the last part of its address.
pub(super) type Models<'a> = dyn Fn(&str) -> Option<&'a str> + 'a;

/// XML with the root element `<sdf>` of a version that is known.
pub(crate) fn parse(sdf: &str) -> Result<Document<'_>, SimError> {
    if sdf.len() > World::BYTES_LIMIT {
        return Err(SimError::Limit { what: "bytes of the world file", limit: World::BYTES_LIMIT });
    }
    let options = ParsingOptions { nodes_limit: XML_NODE_LIMIT, ..ParsingOptions::default() };
    let document = Document::parse_with_options(sdf, options)
        .map_err(|e| SimError::Xml { file: "world", reason: e.to_string() })?;
    let root = document.root_element();
    if !root.has_tag_name("sdf") {
        return Err(fault(root, "the root element <sdf>", root.tag_name().name()));
    }
    let version = root.attribute("version").unwrap_or_default();
    let minor = version.strip_prefix("1.").and_then(|m| m.parse::<u32>().ok());
    if !minor.is_some_and(|m| (4..=12).contains(&m)) {
        return Err(fault(root, "a version attribute from 1.4 to 1.12", version));
    }
    Ok(document)
}

/// Names of the models that a world includes, each once: the last parts of their addresses.
pub(super) fn includes(sdf: &str) -> Result<Vec<String>, SimError> {
    let document = parse(sdf)?;
    let uris = document.descendants().filter(|n| n.has_tag_name("include")).filter_map(|n| child(n, "uri"));
    let uris = uris.map(text).filter(|uri| !is_harmless(uri));
    let mut names: Vec<String> = uris.filter_map(|uri| model_name(&uri)).collect();
    names.sort();
    names.dedup();
    Ok(names)
}

/// Whether an address is that of the sun or the floor.
fn is_harmless(uri: &str) -> bool {
    let lower = uri.trim().trim_end_matches('/').to_ascii_lowercase();
    HARMLESS_INCLUDES.iter().any(|end| lower.ends_with(end))
}

/// The last part of an include's address; `None` for what is no name.
fn model_name(uri: &str) -> Option<String> {
    let name = uri.trim().trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    (!name.is_empty() && !name.starts_with('.') && !name.contains(':')).then(|| name.to_owned())
}

pub(super) fn load(sdf: &str, models: &Models<'_>) -> Result<World, SimError> {
    let document = parse(sdf)?;
    let root = document.root_element();
    let mut worlds = root.children().filter(|c| c.has_tag_name("world"));
    let world = worlds.next().ok_or_else(|| fault(root, "one <world>", "none"))?;
    if let Some(second) = worlds.next() {
        return Err(fault(second, "one <world> in a file", "a second one"));
    }
    let mut loader =
        Loader { world: World::default(), models, file: None, names: BTreeSet::new(), includes: 0 };
    for stray in root.children().filter(|c| c.is_element() && !c.has_tag_name("world")) {
        loader.leave_out(stray, "outside of the world");
    }
    loader.world(world)?;
    Ok(loader.world)
}

struct Loader<'m, 'a> {
    world: World,
    models: &'m Models<'a>,
    /// The included model that is being read.
    file: Option<String>,
    /// Of models and actors, in full.
    names: BTreeSet<String>,
    /// How many models have been included so far.
    includes: usize,
}

/// What an include says of its model in place of what the model's file says.
struct Included {
    /// In full.
    name: String,
    outer_from_model: Option<Pose3>,
    is_static: bool,
}

impl Loader<'_, '_> {
    fn leave_out(&mut self, node: Node<'_, '_>, reason: &str) {
        let reason = match &self.file {
            Some(file) => format!("{reason} (in the model {file})"),
            None => reason.to_owned(),
        };
        if self.world.unsupported.len() >= World::UNSUPPORTED_LIMIT {
            self.world.unsupported_dropped += 1;
            return;
        }
        self.world.unsupported.push(Unsupported {
            line: line(node),
            element: node.tag_name().name().to_owned(),
            reason,
        });
    }

    /// Skips an element that has no influence here or is another tool's (its tag has a prefix); lists any other, and one
    /// that stands there once more than it is read.
    fn skip<'n>(&mut self, node: Node<'n, '_>, harmless: &[&str], seen: &mut Vec<&'n str>) {
        let tag = node.tag_name().name();
        if node.tag_name().namespace().is_some() {
            return;
        }
        if !harmless.contains(&tag) {
            self.leave_out(node, "not simulated");
        } else if seen.contains(&tag) {
            self.leave_out(node, "left out: the first one here is taken");
        } else if ONCE.contains(&tag) {
            seen.push(tag);
        }
    }

    /// As [`Self::skip`], with all children.
    fn skip_all(&mut self, node: Node<'_, '_>, harmless: &[&str]) {
        let mut seen = Vec::new();
        for element in node.children().filter(Node::is_element) {
            self.skip(element, harmless, &mut seen);
        }
    }

    /// Lists an element whose pose is relative to a frame that is not there, or is that of one.
    fn placed(&mut self, node: Node<'_, '_>, found: Option<Pose3>) -> Option<Pose3> {
        if found.is_none() {
            let placed = placement_frame(node).map(|frame| format!(", or it has no placement_frame {frame}"));
            let placed = placed.unwrap_or_default();
            self.leave_out(
                node,
                &format!("left out: its pose is relative to a frame that is not known{placed}"),
            );
        }
        found
    }

    /// The full name of a model or actor; listed when another one has it.
    fn full_name(&mut self, node: Node<'_, '_>, outer: &str, own: &str) -> String {
        let name = if outer.is_empty() { own.to_owned() } else { format!("{outer}::{own}") };
        if !self.names.insert(name.clone()) {
            self.leave_out(node, &format!("the name {name} is taken already: both stand, under one name"));
        }
        name
    }

    fn world(&mut self, world: Node<'_, '_>) -> Result<(), SimError> {
        self.world.name = name_of(world)?.to_owned();
        let mut seen = Vec::new();
        for element in world.children().filter(Node::is_element) {
            match element.tag_name().name() {
                "model" => self.model(element, "", &Pose3::identity(), 0, None)?,
                "actor" => self.actor(element)?,
                "include" => self.include(element, "", &Pose3::identity(), 0)?,
                "frame" => self.skip_all(element, &["pose"]),
                _ => self.skip(element, HARMLESS_IN_WORLD, &mut seen),
            }
        }
        Ok(())
    }

    /// A model from another file; listed when there is no such file.
    fn include(
        &mut self,
        node: Node<'_, '_>,
        outer: &str,
        world_from_outer: &Pose3,
        depth: usize,
    ) -> Result<(), SimError> {
        let uri = text(required(node, "uri", "a <uri>")?);
        if is_harmless(&uri) {
            return Ok(());
        }
        self.skip_all(node, HARMLESS_IN_INCLUDE);
        if node.attribute("merge").is_some_and(|merge| matches!(merge.trim(), "true" | "1")) {
            self.leave_out(node, "not merged into what includes it: it stands as a model of its own");
        }
        let named = model_name(&uri);
        let Some((model, sdf)) = named.as_ref().and_then(|model| Some((model, (self.models)(model)?))) else {
            let reason = match &named {
                Some(model) => format!("there is no models/{model}/model.sdf for {}", uri.trim()),
                None => format!("the address {} does not end in the name of a model", uri.trim()),
            };
            self.leave_out(node, &format!("left out: {reason}"));
            return Ok(());
        };
        self.includes += 1;
        if self.includes > World::INCLUDE_LIMIT {
            return Err(SimError::Limit { what: "included models", limit: World::INCLUDE_LIMIT });
        }
        let of_file = |e: SimError| SimError::Included { model: model.clone(), reason: e.to_string() };
        let document = parse(sdf).map_err(of_file)?;
        let root = document.root_element();
        let element = child(root, "model");
        let element = element.ok_or_else(|| of_file(fault(root, "a <model> in <sdf>", "none")))?;
        let given = child(node, "name").map(|n| text(n).trim().to_owned()).filter(|n| !n.is_empty());
        let own = given.map_or_else(|| name_of(element).map(str::to_owned).map_err(of_file), Ok)?;
        let mut included = Included {
            name: self.full_name(node, outer, &own),
            outer_from_model: None,
            is_static: flag(node, "static", false)?,
        };
        if child(node, "pose").is_some() {
            let found = included_in_scope(node, element, scope_name(depth))?;
            let Some(placed) = self.placed(node, found) else { return Ok(()) };
            included.outer_from_model = Some(placed);
        } else if placement_frame(node).is_some() {
            self.leave_out(node, "left out: a placement_frame has to come with a <pose>");
            return Ok(());
        }
        let before = self.file.replace(model.clone());
        let read = self.model(element, outer, world_from_outer, depth, Some(&included));
        for other in root.children().filter(|c| c.is_element() && *c != element) {
            self.leave_out(other, "left out: the first model of a file is included");
        }
        self.file = before;
        read.map_err(of_file)
    }

    fn model(
        &mut self,
        node: Node<'_, '_>,
        outer: &str,
        world_from_outer: &Pose3,
        depth: usize,
        included: Option<&Included>,
    ) -> Result<(), SimError> {
        if depth >= World::NESTING_LIMIT {
            let name = node.attribute("name").unwrap_or_default();
            return Err(fault(
                node,
                "models nested at most 8 deep",
                &format!("{name} at a depth of {depth}"),
            ));
        }
        let name = match included {
            Some(included) => included.name.clone(),
            None => self.full_name(node, outer, name_of(node)?),
        };
        let placed = match included.and_then(|i| i.outer_from_model) {
            Some(placed) => Some(placed),
            None => pose_in_scope(node, scope_name(depth))?,
        };
        let Some(outer_from_model) = self.placed(node, placed) else { return Ok(()) };
        let world_from_model = world_from_outer * outer_from_model;
        // Within a static model everything is static.
        if depth == 0 && !included.is_some_and(|i| i.is_static) && !flag(node, "static", false)? {
            self.leave_out(node, "not static: it stands still here");
        }
        let mut seen = Vec::new();
        for element in node.children().filter(Node::is_element) {
            match element.tag_name().name() {
                "link" => self.link(element, &name, &world_from_model)?,
                "model" => self.model(element, &name, &world_from_model, depth + 1, None)?,
                "include" => self.include(element, &name, &world_from_model, depth + 1)?,
                "frame" => self.skip_all(element, &["pose"]),
                _ => self.skip(element, HARMLESS_IN_MODEL, &mut seen),
            }
        }
        Ok(())
    }

    fn link(&mut self, node: Node<'_, '_>, model: &str, world_from_model: &Pose3) -> Result<(), SimError> {
        name_of(node)?;
        let found = pose_in_scope(node, MODEL)?;
        let Some(model_from_link) = self.placed(node, found) else { return Ok(()) };
        let world_from_link = world_from_model * model_from_link;
        let mut seen = Vec::new();
        for element in node.children().filter(Node::is_element) {
            match element.tag_name().name() {
                "collision" => self.collision(element, node, model, &world_from_link)?,
                _ => self.skip(element, HARMLESS_IN_LINK, &mut seen),
            }
        }
        Ok(())
    }

    fn collision(
        &mut self,
        node: Node<'_, '_>,
        link: Node<'_, '_>,
        model: &str,
        world_from_link: &Pose3,
    ) -> Result<(), SimError> {
        name_of(node)?;
        self.skip_all(node, HARMLESS_IN_COLLISION);
        let found = pose_in_link(node, link)?;
        let Some(link_from_shape) = self.placed(node, found) else { return Ok(()) };
        let world_from_shape = world_from_link * link_from_shape;
        let geometry = required(node, "geometry", "a <geometry>")?;
        let solids = self.geometry(geometry, &world_from_shape)?;
        let at_m = world_from_shape.translation.vector;
        if at_m.iter().any(|v| v.abs() > World::EXTENT_LIMIT_M) {
            return Err(fault(node, "a place within 10000 m of the origin", &format!("{at_m:?}")));
        }
        if self.world.statics.len() + solids.len() > World::SHAPE_LIMIT {
            return Err(SimError::Limit { what: "collision shapes", limit: World::SHAPE_LIMIT });
        }
        let shape = |(at, solid): (Pose3, Solid)| Shape {
            name: model.to_owned(),
            world_from_shape: world_from_shape * at,
            solid,
        };
        self.world.statics.extend(solids.into_iter().map(shape));
        Ok(())
    }

    /// The solids that a shape consists of, with their places in it; none for the floor and for what is left out.
    fn geometry(
        &mut self,
        node: Node<'_, '_>,
        world_from_shape: &Pose3,
    ) -> Result<Vec<(Pose3, Solid)>, SimError> {
        let mut shapes = node.children().filter(|n| n.is_element() && n.tag_name().namespace().is_none());
        let shape = shapes.next().ok_or_else(|| fault(node, "a shape such as <box>", "none"))?;
        for other in shapes {
            self.leave_out(other, "left out: the first shape of a geometry is taken");
        }
        let parts: &[&str] = match shape.tag_name().name() {
            "box" => &["size"],
            "cylinder" | "capsule" => &["radius", "length"],
            "sphere" => &["radius"],
            "polyline" => &["point", "height"],
            "plane" => &["normal", "size"],
            "empty" => &[],
            _ => {
                let reason = "left out: not a box, cylinder, capsule, sphere, polyline or plane";
                self.leave_out(shape, reason);
                return Ok(Vec::new());
            }
        };
        self.skip_all(shape, parts);
        if let Some(solids) = super::geometry::solids(shape)? {
            return Ok(solids);
        }
        if shape.has_tag_name("plane") {
            self.plane(shape, world_from_shape)?;
        }
        Ok(Vec::new())
    }

    /// A plane that faces up is the floor, which the robot does not touch; any other is left out.
    fn plane(&mut self, node: Node<'_, '_>, world_from_shape: &Pose3) -> Result<(), SimError> {
        let normal = match child(node, "normal") {
            Some(n) => numbers::<3>(n, "3 finite numbers: the normal")?,
            None => [0.0, 0.0, 1.0],
        };
        if nalgebra::Vector3::from(normal).norm() < NO_DIRECTION {
            return Err(fault(node, "a <normal> with a direction", &format!("{normal:?}")));
        }
        let up = world_from_shape.rotation * nalgebra::Vector3::from(normal);
        let z_m = world_from_shape.translation.z;
        if up.z < 0.999 * up.norm() {
            self.leave_out(node, "left out: a plane that is no floor");
        } else if z_m.abs() > FLOOR_M {
            self.leave_out(node, &format!("left out: a floor at z = {z_m} m; the floor is at 0"));
        }
        Ok(())
    }

    fn actor(&mut self, node: Node<'_, '_>) -> Result<(), SimError> {
        let name = self.full_name(node, "", name_of(node)?);
        self.skip_all(node, HARMLESS_IN_ACTOR);
        let found = pose_in_scope(node, scope_name(0))?;
        let Some(world_from_script) = self.placed(node, found) else { return Ok(()) };
        let mut actor = Actor {
            name,
            world_from_script: flatten(&world_from_script),
            waypoints: Vec::new(),
            repeats: true,
            delay_start_s: 0.0,
            auto_start: true,
        };
        if let Some(script) = child(node, "script") {
            self.script(script, &mut actor)?;
        }
        if self.world.actors.len() >= World::ACTOR_LIMIT {
            return Err(SimError::Limit { what: "actors", limit: World::ACTOR_LIMIT });
        }
        self.world.actors.push(actor);
        Ok(())
    }

    fn script(&mut self, node: Node<'_, '_>, actor: &mut Actor) -> Result<(), SimError> {
        self.skip_all(node, HARMLESS_IN_SCRIPT);
        actor.repeats = flag(node, "loop", true)?;
        actor.auto_start = flag(node, "auto_start", true)?;
        if let Some(delay) = child(node, "delay_start") {
            let [delay_s] = numbers(delay, "one number, not negative: seconds")?;
            if delay_s < 0.0 {
                return Err(fault(delay, "one number, not negative: seconds", &text(delay)));
            }
            actor.delay_start_s = delay_s;
        }
        let mut trajectories = Vec::new();
        for element in node.children().filter(|c| c.has_tag_name("trajectory")) {
            let id = element.attribute("id").unwrap_or_default();
            let number =
                id.parse::<u32>().map_err(|_| fault(element, "a whole number as id attribute", id))?;
            trajectories.push((number, element));
        }
        // They follow one another by id, each with a time of its own.
        trajectories.sort_by_key(|(id, _)| *id);
        let next = trajectories.iter().skip(1);
        if let Some((_, (id, twice))) = trajectories.iter().zip(next).find(|((a, _), (b, _))| a == b) {
            return Err(fault(*twice, "an id that no other trajectory has", &id.to_string()));
        }
        for (_, element) in trajectories {
            self.skip_all(element, &["waypoint"]);
            for waypoint in element.children().filter(|c| c.has_tag_name("waypoint")) {
                self.skip_all(waypoint, &["time", "pose"]);
            }
            trajectory(element, &mut actor.waypoints)?;
        }
        Ok(())
    }
}

/// What the scope of a model calls itself, by how many models it is in.
fn scope_name(depth: usize) -> &'static str {
    if depth == 0 { "world" } else { MODEL }
}

fn trajectory(node: Node<'_, '_>, waypoints: &mut Vec<Waypoint>) -> Result<(), SimError> {
    let start_s = waypoints.last().map_or(0.0, |w| w.time_s);
    let mut previous_s = f64::NEG_INFINITY;
    for element in node.children().filter(|c| c.has_tag_name("waypoint")) {
        let time = required(element, "time", "a <time>")?;
        let [time_s] = numbers(time, "one number: seconds, not negative, later than the waypoint before")?;
        if time_s < 0.0 || time_s <= previous_s {
            return Err(fault(time, "seconds, not negative, later than the waypoint before", &text(time)));
        }
        previous_s = time_s;
        if waypoints.len() >= World::WAYPOINT_LIMIT {
            return Err(SimError::Limit { what: "waypoints of an actor", limit: World::WAYPOINT_LIMIT });
        }
        let at = pose(required(element, "pose", "a <pose>")?)?;
        waypoints.push(Waypoint { time_s: start_s + time_s, pose: flatten(&at) });
    }
    Ok(())
}
