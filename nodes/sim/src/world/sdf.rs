//! SDF text to a [`World`].

use super::values::{child, fault, flag, lengths, name_of, numbers, pose, required, text};
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

pub(super) fn load(sdf: &str) -> Result<World, SimError> {
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
    let mut worlds = root.children().filter(|c| c.has_tag_name("world"));
    let world = worlds.next().ok_or_else(|| fault(root, "one <world>", "none"))?;
    if let Some(second) = worlds.next() {
        return Err(fault(second, "one <world> in a file", "a second one"));
    }
    let mut loader = Loader::default();
    for stray in root.children().filter(|c| c.is_element() && !c.has_tag_name("world")) {
        loader.leave_out(stray, "outside of the world");
    }
    loader.world(world)?;
    Ok(loader.world)
}

#[derive(Default)]
struct Loader {
    world: World,
}

impl Loader {
    fn leave_out(&mut self, node: Node<'_, '_>, reason: &str) {
        if self.world.unsupported.len() >= World::UNSUPPORTED_LIMIT {
            self.world.unsupported_dropped += 1;
            return;
        }
        self.world.unsupported.push(Unsupported {
            line: node.document().text_pos_at(node.range().start).row,
            element: node.tag_name().name().to_owned(),
            reason: reason.to_owned(),
        });
    }

    /// Skips an element that has no influence here or is another tool's (its tag has a prefix); lists any other.
    fn skip(&mut self, node: Node<'_, '_>, harmless: &[&str]) {
        let tag = node.tag_name();
        if tag.namespace().is_none() && !harmless.contains(&tag.name()) {
            self.leave_out(node, "not simulated");
        }
    }

    /// The pose of an element in its parent; `None`, and listed, when it is relative to anything else.
    fn pose_in_parent(&mut self, node: Node<'_, '_>, parent: &str) -> Result<Option<Pose3>, SimError> {
        let Some(element) = child(node, "pose") else { return Ok(Some(Pose3::identity())) };
        let relative_to = element.attribute("relative_to").or(element.attribute("frame")).unwrap_or_default();
        if !relative_to.is_empty() && relative_to != parent {
            self.leave_out(node, "left out: its pose is relative to another frame");
            return Ok(None);
        }
        pose(element).map(Some)
    }

    fn world(&mut self, world: Node<'_, '_>) -> Result<(), SimError> {
        self.world.name = name_of(world)?.to_owned();
        for element in world.children().filter(Node::is_element) {
            match element.tag_name().name() {
                "model" => self.model(element, "", &Pose3::identity(), 0)?,
                "actor" => self.actor(element)?,
                "include" => self.include(element)?,
                _ => self.skip(element, HARMLESS_IN_WORLD),
            }
        }
        Ok(())
    }

    fn include(&mut self, node: Node<'_, '_>) -> Result<(), SimError> {
        let uri = text(required(node, "uri", "a <uri>")?).trim().to_ascii_lowercase();
        if !HARMLESS_INCLUDES.iter().any(|end| uri.ends_with(end)) {
            self.leave_out(node, &format!("left out: {uri}"));
        }
        Ok(())
    }

    fn model(
        &mut self,
        node: Node<'_, '_>,
        outer: &str,
        world_from_outer: &Pose3,
        depth: usize,
    ) -> Result<(), SimError> {
        if depth >= World::NESTING_LIMIT {
            return Err(SimError::Limit { what: "nested models", limit: World::NESTING_LIMIT });
        }
        let own = name_of(node)?;
        let name = if outer.is_empty() { own.to_owned() } else { format!("{outer}::{own}") };
        let parent = if depth == 0 { "world" } else { "__model__" };
        let Some(outer_from_model) = self.pose_in_parent(node, parent)? else { return Ok(()) };
        let world_from_model = world_from_outer * outer_from_model;
        // Within a static model everything is static.
        if depth == 0 && !flag(node, "static", false)? {
            self.leave_out(node, "not static: it stands still here");
        }
        for element in node.children().filter(Node::is_element) {
            match element.tag_name().name() {
                "link" => self.link(element, &name, &world_from_model)?,
                "model" => self.model(element, &name, &world_from_model, depth + 1)?,
                "include" => self.include(element)?,
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
        let Some(solid) = self.geometry(required(node, "geometry", "a <geometry>")?, &world_from_shape)?
        else {
            return Ok(());
        };
        let at_m = world_from_shape.translation.vector;
        if at_m.iter().any(|v| v.abs() > World::EXTENT_LIMIT_M) {
            return Err(fault(node, "a place within 10000 m of the origin", &format!("{at_m:?}")));
        }
        if self.world.statics.len() >= World::SHAPE_LIMIT {
            return Err(SimError::Limit { what: "collision shapes", limit: World::SHAPE_LIMIT });
        }
        self.world.statics.push(Shape { name: model.to_owned(), world_from_shape, solid });
        Ok(())
    }

    fn geometry(&mut self, node: Node<'_, '_>, world_from_shape: &Pose3) -> Result<Option<Solid>, SimError> {
        let shape = node
            .children()
            .find(Node::is_element)
            .ok_or_else(|| fault(node, "a shape such as <box>", "none"))?;
        let radius =
            |node| lengths::<1>(required(node, "radius", "a <radius>")?, "one positive number: metres");
        match shape.tag_name().name() {
            "box" => {
                let size_m = lengths(required(shape, "size", "a <size>")?, "3 positive numbers: metres")?;
                Ok(Some(Solid::Box { size_m }))
            }
            "cylinder" => {
                let [radius_m] = radius(shape)?;
                let length = required(shape, "length", "a <length>")?;
                let [length_m] = lengths(length, "one positive number: metres")?;
                Ok(Some(Solid::Cylinder { radius_m, length_m }))
            }
            "sphere" => {
                let [radius_m] = radius(shape)?;
                Ok(Some(Solid::Sphere { radius_m }))
            }
            "plane" => {
                self.plane(shape, world_from_shape)?;
                Ok(None)
            }
            "empty" => Ok(None),
            _ => {
                self.leave_out(shape, "left out: not a box, cylinder, sphere or plane");
                Ok(None)
            }
        }
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
