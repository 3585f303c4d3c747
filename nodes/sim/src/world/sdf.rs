//! SDF text to a [`World`].

use super::values::{child, fault, flag, name_of, numbers, pose, required, text};
use super::{Actor, Pose3, Shape, Solid, Unsupported, Waypoint, World};
use crate::error::SimError;
use outrider_foundation::Pose2;
use roxmltree::{Document, Node, ParsingOptions};

/// The most XML nodes of a file, far beyond what the other limits let through.
const XML_NODE_LIMIT: u32 = 1 << 20;

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
const HARMLESS_IN_MODEL: &[&str] =
    &["pose", "static", "plugin", "self_collide", "allow_auto_disable", "enable_wind"];
const HARMLESS_IN_LINK: &[&str] = &[
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
const HARMLESS_IN_COLLISION: &[&str] =
    &["pose", "geometry", "surface", "max_contacts", "laser_retro", "density", "auto_inertia_params"];
const HARMLESS_IN_ACTOR: &[&str] = &["pose", "skin", "animation", "script", "static"];
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
    let document =
        Document::parse_with_options(sdf, options).map_err(|e| SimError::Xml { reason: e.to_string() })?;
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
    let mut names: Vec<String> = uris.filter_map(|uri| model_name(&text(uri))).collect();
    names.sort();
    names.dedup();
    Ok(names)
}

/// The last part of an include's address; `None` for those of the sun and the floor, and for what is no name.
fn model_name(uri: &str) -> Option<String> {
    let uri = uri.trim().trim_end_matches('/');
    let lower = uri.to_ascii_lowercase();
    if HARMLESS_INCLUDES.iter().any(|end| lower.ends_with(end)) {
        return None;
    }
    let name = uri.rsplit('/').next().unwrap_or_default();
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
    let mut loader = Loader { world: World::default(), models, file: None };
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
}

/// What an include says of its model in place of what the model's file says.
#[derive(Default)]
struct Included<'a, 'i> {
    name: Option<String>,
    /// The including element, when it has a pose.
    placed: Option<Node<'a, 'i>>,
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
            line: node.document().text_pos_at(node.range().start).row,
            element: node.tag_name().name().to_owned(),
            reason,
        });
    }

    /// Skips an element that has no influence here or is another tool's (its tag has a prefix); lists any other.
    fn skip(&mut self, node: Node<'_, '_>, harmless: &[&str]) {
        let tag = node.tag_name();
        if tag.namespace().is_none() && !harmless.contains(&tag.name()) {
            self.leave_out(node, "not simulated");
        }
    }

    /// The pose of an element in its parent; `None`, and listed, when it is relative to a frame that is not there.
    fn pose_in_parent(&mut self, node: Node<'_, '_>, parent: &str) -> Result<Option<Pose3>, SimError> {
        let found = pose_in_scope(node, parent, 0)?;
        if found.is_none() {
            self.leave_out(node, "left out: its pose is relative to a frame that is not known");
        }
        Ok(found)
    }

    fn world(&mut self, world: Node<'_, '_>) -> Result<(), SimError> {
        self.world.name = name_of(world)?.to_owned();
        for element in world.children().filter(Node::is_element) {
            match element.tag_name().name() {
                "model" => self.model(element, "", &Pose3::identity(), 0, &Included::default())?,
                "actor" => self.actor(element)?,
                "include" => self.include(element, "", &Pose3::identity(), 0)?,
                "frame" => {}
                _ => self.skip(element, HARMLESS_IN_WORLD),
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
        let Some(model) = model_name(&uri) else { return Ok(()) };
        let Some(sdf) = (self.models)(&model) else {
            self.leave_out(
                node,
                &format!("left out: there is no models/{model}/model.sdf for {}", uri.trim()),
            );
            return Ok(());
        };
        let document = parse(sdf)?;
        let of_file = |e: SimError| SimError::Included { model: model.clone(), reason: e.to_string() };
        let element = document.root_element().children().find(|c| c.has_tag_name("model"));
        let element =
            element.ok_or_else(|| of_file(fault(document.root_element(), "a <model> in <sdf>", "none")))?;
        let included = Included {
            name: child(node, "name").map(|n| text(n).trim().to_owned()).filter(|n| !n.is_empty()),
            placed: child(node, "pose").map(|_| node),
            is_static: flag(node, "static", false)?,
        };
        let before = self.file.replace(model.clone());
        let read = self.model(element, outer, world_from_outer, depth, &included);
        self.file = before;
        read.map_err(of_file)
    }

    fn model(
        &mut self,
        node: Node<'_, '_>,
        outer: &str,
        world_from_outer: &Pose3,
        depth: usize,
        included: &Included<'_, '_>,
    ) -> Result<(), SimError> {
        if depth >= World::NESTING_LIMIT {
            return Err(SimError::Limit { what: "nested models", limit: World::NESTING_LIMIT });
        }
        let own = included.name.as_deref().map_or_else(|| name_of(node), Ok)?;
        let name = if outer.is_empty() { own.to_owned() } else { format!("{outer}::{own}") };
        let parent = if depth == 0 { "world" } else { "__model__" };
        let placed = match included.placed {
            Some(include) => self.pose_in_parent(include, parent)?,
            None => self.pose_in_parent(node, parent)?,
        };
        let Some(outer_from_model) = placed else { return Ok(()) };
        let world_from_model = world_from_outer * outer_from_model;
        // Within a static model everything is static.
        if depth == 0 && !included.is_static && !flag(node, "static", false)? {
            self.leave_out(node, "not static: it stands still here");
        }
        for element in node.children().filter(Node::is_element) {
            match element.tag_name().name() {
                "link" => self.link(element, &name, &world_from_model)?,
                "model" => {
                    self.model(element, &name, &world_from_model, depth + 1, &Included::default())?;
                }
                "include" => self.include(element, &name, &world_from_model, depth + 1)?,
                "frame" => {}
                _ => self.skip(element, HARMLESS_IN_MODEL),
            }
        }
        Ok(())
    }

    fn link(&mut self, node: Node<'_, '_>, model: &str, world_from_model: &Pose3) -> Result<(), SimError> {
        name_of(node)?;
        let Some(model_from_link) = self.pose_in_parent(node, "__model__")? else { return Ok(()) };
        let world_from_link = world_from_model * model_from_link;
        for element in node.children().filter(Node::is_element) {
            match element.tag_name().name() {
                "collision" => self.collision(element, model, &world_from_link)?,
                _ => self.skip(element, HARMLESS_IN_LINK),
            }
        }
        Ok(())
    }

    fn collision(
        &mut self,
        node: Node<'_, '_>,
        model: &str,
        world_from_link: &Pose3,
    ) -> Result<(), SimError> {
        name_of(node)?;
        for element in node.children().filter(Node::is_element) {
            self.skip(element, HARMLESS_IN_COLLISION);
        }
        let Some(link_from_shape) = self.pose_in_parent(node, "__link__")? else { return Ok(()) };
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
        let shape = node
            .children()
            .find(Node::is_element)
            .ok_or_else(|| fault(node, "a shape such as <box>", "none"))?;
        if let Some(solids) = super::geometry::solids(shape)? {
            return Ok(solids);
        }
        match shape.tag_name().name() {
            "plane" => self.plane(shape, world_from_shape)?,
            "empty" => {}
            _ => self.leave_out(shape, "left out: not a box, cylinder, capsule, sphere, polyline or plane"),
        }
        Ok(Vec::new())
    }

    /// A plane that faces up is the floor, which the robot does not touch; any other is left out.
    fn plane(&mut self, node: Node<'_, '_>, world_from_shape: &Pose3) -> Result<(), SimError> {
        let normal = match child(node, "normal") {
            Some(n) => numbers::<3>(n, "3 finite numbers: the normal")?,
            None => [0.0, 0.0, 1.0],
        };
        let up = world_from_shape.rotation * nalgebra::Vector3::from(normal);
        if up.z < 0.999 * up.norm() {
            self.leave_out(node, "left out: a plane that is no floor");
        }
        Ok(())
    }

    fn actor(&mut self, node: Node<'_, '_>) -> Result<(), SimError> {
        let name = name_of(node)?.to_owned();
        for element in node.children().filter(Node::is_element) {
            self.skip(element, HARMLESS_IN_ACTOR);
        }
        let Some(world_from_script) = self.pose_in_parent(node, "world")? else { return Ok(()) };
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
        for element in node.children().filter(Node::is_element) {
            self.skip(element, &["loop", "delay_start", "auto_start", "trajectory"]);
        }
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
        for (_, element) in trajectories {
            trajectory(element, &mut actor.waypoints)?;
        }
        Ok(())
    }
}

/// The pose of an element in its parent, the scope; `parent` is what the scope calls itself. `None` when it is relative
/// to what the scope does not have, or in a circle.
fn pose_in_scope(node: Node<'_, '_>, parent: &str, depth: usize) -> Result<Option<Pose3>, SimError> {
    if depth >= World::NESTING_LIMIT {
        return Ok(None);
    }
    let own = child(node, "pose");
    let named = own.and_then(|p| p.attribute("relative_to").or(p.attribute("frame")));
    let named = named.or(node.attribute("attached_to")).unwrap_or_default();
    let pose_there = own.map_or(Ok(Pose3::identity()), pose)?;
    if named.is_empty() || named == parent {
        return Ok(Some(pose_there));
    }
    let is_frame =
        |n: &Node<'_, '_>| n.has_tag_name("frame") || n.has_tag_name("link") || n.has_tag_name("model");
    let siblings = node.parent().into_iter().flat_map(|scope| scope.children());
    let other =
        siblings.into_iter().find(|n| is_frame(n) && n.attribute("name") == Some(named) && *n != node);
    let Some(other) = other else { return Ok(None) };
    Ok(pose_in_scope(other, parent, depth + 1)?.map(|scope_from_other| scope_from_other * pose_there))
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

/// Position and heading in the plane; height, roll and pitch are dropped.
fn flatten(pose: &Pose3) -> Pose2 {
    let forward = pose.rotation * nalgebra::Vector3::x();
    Pose2::new(pose.translation.x, pose.translation.y, libm::atan2(forward.y, forward.x))
}
