//! A robot from its URDF or SDF file: outline, lidar mount, wheel separation and, where the file tells them, limits.

use crate::error::SimError;
use crate::world::xml::{child, fault, numbers, pose, required, solids};
use crate::world::{Pose3, Shape, Solid, convex_hull};
use nalgebra::{Translation3, UnitQuaternion, Vector3};
use outrider_foundation::robot::DriveLimits;
use outrider_foundation::{Footprint, Point2, RobotDescription};
use roxmltree::{Document, Node};
use std::collections::BTreeMap;
use std::f64::consts::TAU;

/// The most bytes of a robot file.
const BYTES_LIMIT: usize = 4 << 20;
/// The most links between a link and the base.
const CHAIN_LIMIT: usize = 64;
/// What names of links and of sensors' types say lidar.
const LIDAR_LINKS: [&str; 5] = ["laser", "lidar", "base_scan", "rplidar", "hokuyo"];
const LIDAR_SENSORS: [&str; 4] = ["ray", "gpu_ray", "lidar", "gpu_lidar"];

/// What a robot file tells.
#[derive(Clone, Debug, PartialEq)]
pub struct RobotFile {
    /// The description it was read over, with everything that the file tells.
    pub description: RobotDescription,
    /// Keys of `sim.yaml` that follow from it, and their values.
    pub settings: BTreeMap<&'static str, f64>,
    /// What was left out or taken from the description that it was read over.
    pub notes: Vec<String>,
}

/// A link, and where it is in another.
struct Link<'a, 'i> {
    node: Node<'a, 'i>,
    parent: Option<&'a str>,
    parent_from_link: Pose3,
}

impl RobotFile {
    /// Reads a URDF (`<robot>`) or SDF (`<sdf><model>`) file over a description, which gives what the file does not
    /// tell: frames, and limits without a differential-drive plug-in.
    ///
    /// # Errors
    /// XML errors, a robot without solids or without a lidar, with line and column where there is one.
    pub fn read(text: &str, over: &RobotDescription) -> Result<Self, SimError> {
        if text.len() > BYTES_LIMIT {
            return Err(SimError::Limit { what: "bytes of the robot file", limit: BYTES_LIMIT });
        }
        let document = Document::parse(text).map_err(|e| SimError::Xml { reason: e.to_string() })?;
        let root = document.root_element();
        let is_urdf = root.has_tag_name("robot");
        let robot = if is_urdf { Some(root) } else { root.descendants().find(|n| n.has_tag_name("model")) };
        let robot = robot.ok_or_else(|| fault(root, "<robot> of URDF or <model> of SDF", "neither"))?;
        let links = if is_urdf { urdf_links(robot)? } else { sdf_links(robot)? };
        let base = base_of(&links).ok_or_else(|| fault(robot, "a <link>", "none"))?;
        let mut read = Self { description: over.clone(), settings: BTreeMap::new(), notes: Vec::new() };
        read.description.name = robot.attribute("name").unwrap_or(&over.name).to_owned();
        base.clone_into(&mut read.description.base_frame);
        read.body(robot, &links, base, is_urdf)?;
        read.lidar(robot, &links, base, is_urdf)?;
        read.drive(robot, &links, base)?;
        Ok(read)
    }

    /// Outline and heights: everything solid, seen from above.
    fn body(
        &mut self,
        robot: Node<'_, '_>,
        links: &BTreeMap<&str, Link<'_, '_>>,
        base: &str,
        is_urdf: bool,
    ) -> Result<(), SimError> {
        let (mut points, mut top_m) = (Vec::new(), 0.0_f64);
        for (name, link) in links {
            let Some(base_from_link) = in_base(links, name, base) else { continue };
            for collision in link.node.children().filter(|c| c.has_tag_name("collision")) {
                let at = if is_urdf { origin(collision)? } else { placed(collision)? };
                let geometry = required(collision, "geometry", "a <geometry>")?;
                let shape = geometry.children().find(Node::is_element);
                let Some(shape) = shape else { continue };
                let found = if is_urdf { urdf_solid(shape)? } else { solids(shape)? };
                let Some(found) = found else {
                    let line = shape.document().text_pos_at(shape.range().start).row;
                    let what = shape.tag_name().name();
                    self.notes.push(format!("line {line}: <{what}> of {name} left out: only solids count"));
                    continue;
                };
                for (part, solid) in found {
                    let world_from_shape = base_from_link * at * part;
                    points.extend(from_above(&world_from_shape, &solid));
                    let shape = Shape { name: String::new(), world_from_shape, solid };
                    top_m = top_m.max(shape.z_range_m().1);
                }
            }
        }
        let mut hull = convex_hull(points);
        if hull.len() < 3 {
            return Err(fault(robot, "a <collision> with a solid, for the outline", "none"));
        }
        if hull.len() > Footprint::CORNER_LIMIT {
            let bound = |value: fn(&Point2) -> f64, pick: fn(f64, f64) -> f64, from: f64| {
                hull.iter().map(value).fold(from, pick)
            };
            let x: fn(&Point2) -> f64 = |p| p.x_m;
            let y: fn(&Point2) -> f64 = |p| p.y_m;
            let (low, high) = (
                Point2::new(bound(x, f64::min, f64::INFINITY), bound(y, f64::min, f64::INFINITY)),
                Point2::new(bound(x, f64::max, f64::NEG_INFINITY), bound(y, f64::max, f64::NEG_INFINITY)),
            );
            self.notes
                .push(format!("{} corners from above: the outline is the rectangle around them", hull.len()));
            hull = vec![low, Point2::new(high.x_m, low.y_m), high, Point2::new(low.x_m, high.y_m)];
        }
        self.description.footprint_m = hull.iter().map(|p| [p.x_m, p.y_m]).collect();
        self.settings.insert("body.height_m", top_m);
        Ok(())
    }

    fn lidar(
        &mut self,
        robot: Node<'_, '_>,
        links: &BTreeMap<&str, Link<'_, '_>>,
        base: &str,
        is_urdf: bool,
    ) -> Result<(), SimError> {
        let sensor = robot.descendants().find(|n| {
            n.has_tag_name("sensor") && LIDAR_SENSORS.contains(&n.attribute("type").unwrap_or_default())
        });
        let carrier =
            sensor.and_then(|s| s.ancestors().find(|n| n.has_tag_name("link") || n.has_tag_name("gazebo")));
        let carrier = carrier.and_then(|n| n.attribute("reference").or(n.attribute("name")));
        let by_name = || links.keys().copied().find(|l| LIDAR_LINKS.iter().any(|known| l.contains(known)));
        let frame = carrier.filter(|l| links.contains_key(l)).or_else(by_name).ok_or_else(|| {
            fault(robot, "a lidar: a <sensor> of type ray or lidar, or a link named so", "none")
        })?;
        let within = match sensor.filter(|_| !is_urdf) {
            Some(sensor) => placed(sensor)?,
            None => Pose3::identity(),
        };
        let at = in_base(links, frame, base)
            .ok_or_else(|| fault(robot, "joints from the base to the lidar", frame))?;
        let at = at * within;
        let forward = at.rotation * Vector3::x();
        let lidar = &mut self.description.lidar;
        frame.clone_into(&mut lidar.frame);
        (lidar.x_m, lidar.y_m) = (at.translation.x, at.translation.y);
        lidar.yaw_rad = libm::atan2(forward.y, forward.x);
        self.settings.insert("lidar.height_m", at.translation.z);
        Ok(())
    }

    fn drive(
        &mut self,
        robot: Node<'_, '_>,
        links: &BTreeMap<&str, Link<'_, '_>>,
        base: &str,
    ) -> Result<(), SimError> {
        let plugin =
            robot.descendants().find(|n| n.has_tag_name("plugin") && child(*n, "wheel_separation").is_some());
        let told = |name: &str| -> Result<Option<f64>, SimError> {
            let element = plugin.and_then(|p| child(p, name));
            element.map(|e| numbers::<1>(e, "one number").map(|[v]| v)).transpose()
        };
        let separation_m = match told("wheel_separation")? {
            Some(given) => Some(given),
            None => {
                let wheels = links.keys().filter(|l| l.contains("wheel") && !l.contains("caster"));
                let sides = wheels.filter_map(|l| in_base(links, l, base)).map(|at| at.translation.y);
                let (low, high) =
                    sides.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), y| (l.min(y), h.max(y)));
                (high > low).then_some(high - low)
            }
        };
        match separation_m {
            Some(apart_m) => {
                self.settings.insert("drive.wheel_separation_m", apart_m);
            }
            None => self.notes.push("no wheels and no <wheel_separation>: that of sim.yaml stays".to_owned()),
        }
        let DriveLimits {
            v_max_mps,
            v_min_mps,
            w_max_radps,
            accel_mps2,
            decel_mps2,
            brake_mps2,
            alpha_radps2,
            ..
        } = &mut self.description.limits;
        let mut missing = Vec::new();
        let mut set = |limit: &mut f64, name: &'static str, sign: f64| -> Result<(), SimError> {
            match told(name)? {
                Some(value) => *limit = sign * value,
                None => missing.push(name),
            }
            Ok(())
        };
        set(v_max_mps, "max_linear_velocity", 1.0)?;
        set(v_min_mps, "min_linear_velocity", 1.0)?;
        set(w_max_radps, "max_angular_velocity", 1.0)?;
        set(accel_mps2, "max_linear_acceleration", 1.0)?;
        set(brake_mps2, "min_linear_acceleration", -1.0)?;
        set(alpha_radps2, "max_angular_acceleration", 1.0)?;
        *decel_mps2 = decel_mps2.min(*brake_mps2);
        if !missing.is_empty() {
            self.notes
                .push(format!("limits that the file does not tell stay as they are: {}", missing.join(", ")));
        }
        Ok(())
    }
}

/// Corners of a solid's outline from above; round ones as figures of twelve sides around them.
fn from_above(base_from_solid: &Pose3, solid: &Solid) -> Vec<Point2> {
    let ring = |radius_m: f64, z: f64| {
        let around_m = radius_m / libm::cos(TAU / 24.0);
        (0..12).map(move |i| {
            let (s, c) = libm::sincos(TAU * f64::from(i) / 12.0);
            Vector3::new(around_m * c, around_m * s, z)
        })
    };
    let signs = [-0.5, 0.5];
    let corners: Vec<Vector3<f64>> = match *solid {
        Solid::Box { size_m: [x, y, z] } => {
            let xy = signs.iter().flat_map(|a| signs.map(|b| (a * x, b * y)));
            xy.flat_map(|(u, v)| signs.map(|c| Vector3::new(u, v, c * z))).collect()
        }
        Solid::Cylinder { radius_m, length_m } => {
            signs.iter().flat_map(|s| ring(radius_m, s * length_m)).collect()
        }
        Solid::Sphere { radius_m } => {
            let at = base_from_solid.translation.vector;
            return ring(radius_m, 0.0).map(|p| Point2::new(at.x + p.x, at.y + p.y)).collect();
        }
        Solid::Prism { corners_m, height_m } => {
            corners_m.iter().flat_map(|[x, y]| signs.map(|s| Vector3::new(*x, *y, s * height_m))).collect()
        }
    };
    let place = |p: &Vector3<f64>| base_from_solid * nalgebra::Point3::from(*p);
    corners.iter().map(place).map(|p| Point2::new(p.x, p.y)).collect()
}

/// The base: `base_link` or `base_footprint` when there is one, else the first link that hangs on no other.
fn base_of<'a>(links: &BTreeMap<&'a str, Link<'a, '_>>) -> Option<&'a str> {
    let known = ["base_link", "base_footprint"].into_iter().find_map(|b| links.get_key_value(b));
    known.or_else(|| links.iter().find(|(_, l)| l.parent.is_none())).map(|(name, _)| *name)
}

/// Where a link is in the base: up to their common root, and down again.
fn in_base(links: &BTreeMap<&str, Link<'_, '_>>, link: &str, base: &str) -> Option<Pose3> {
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

fn urdf_links<'a, 'i>(robot: Node<'a, 'i>) -> Result<BTreeMap<&'a str, Link<'a, 'i>>, SimError> {
    let mut links = BTreeMap::new();
    for node in robot.children().filter(|c| c.has_tag_name("link")) {
        let name = node.attribute("name").ok_or_else(|| fault(node, "a name attribute", ""))?;
        links.insert(name, Link { node, parent: None, parent_from_link: Pose3::identity() });
    }
    for joint in robot.children().filter(|c| c.has_tag_name("joint")) {
        let end = |tag: &'static str| child(joint, tag).and_then(|n| n.attribute("link"));
        let (Some(parent), Some(of)) = (end("parent"), end("child")) else { continue };
        let at = origin(joint)?;
        if let Some(link) = links.get_mut(of) {
            (link.parent, link.parent_from_link) = (Some(parent), at);
        }
    }
    Ok(links)
}

/// In SDF links are placed in the model, whatever joins them.
fn sdf_links<'a, 'i>(model: Node<'a, 'i>) -> Result<BTreeMap<&'a str, Link<'a, 'i>>, SimError> {
    let mut links = BTreeMap::new();
    let nodes = model.children().filter(|c| c.has_tag_name("link"));
    for node in nodes {
        let name = node.attribute("name").ok_or_else(|| fault(node, "a name attribute", ""))?;
        let relative =
            child(node, "pose").and_then(|p| p.attribute("relative_to")).filter(|to| *to != "__model__");
        let parent = relative.filter(|to| !to.is_empty());
        // A model is the root that all links without another stand in.
        let link = Link { node, parent: Some(parent.unwrap_or(MODEL)), parent_from_link: placed(node)? };
        links.insert(name, link);
    }
    links.insert(MODEL, Link { node: model, parent: None, parent_from_link: Pose3::identity() });
    Ok(links)
}

const MODEL: &str = "__model__";

fn placed(node: Node<'_, '_>) -> Result<Pose3, SimError> {
    child(node, "pose").map_or(Ok(Pose3::identity()), pose)
}

/// URDF: attributes `xyz` and `rpy` of `<origin>`.
fn origin(node: Node<'_, '_>) -> Result<Pose3, SimError> {
    let Some(element) = child(node, "origin") else { return Ok(Pose3::identity()) };
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

/// URDF: sizes are attributes.
fn urdf_solid(shape: Node<'_, '_>) -> Result<Option<Vec<(Pose3, Solid)>>, SimError> {
    let number = |name: &'static str| {
        let text = shape.attribute(name).unwrap_or_default();
        words::<1>(shape, text, "attributes with positive numbers: metres").map(|[v]| v)
    };
    let solid = match shape.tag_name().name() {
        "box" => Solid::Box {
            size_m: words(
                shape,
                shape.attribute("size").unwrap_or_default(),
                "a size attribute of 3 numbers",
            )?,
        },
        "cylinder" => Solid::Cylinder { radius_m: number("radius")?, length_m: number("length")? },
        "sphere" => Solid::Sphere { radius_m: number("radius")? },
        _ => return Ok(None),
    };
    Ok(Some(vec![(Pose3::identity(), solid)]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use outrider_foundation::Robot;
    use outrider_foundation::robot::example::amr;

    const URDF: &str = "<robot name='cart'><link name='base_footprint'/><link name='base_link'><collision><origin xyz='0 0 0.2'/>\
        <geometry><box size='0.8 0.6 0.3'/></geometry></collision><collision><geometry><mesh filename='a.dae'/></geometry>\
        </collision></link><link name='wheel_left'/><link name='wheel_right'/><link name='laser_link'/>\
        <joint name='j' type='fixed'><parent link='base_footprint'/><child link='base_link'/><origin xyz='0 0 0.1'/></joint>\
        <joint name='l' type='continuous'><parent link='base_link'/><child link='wheel_left'/><origin xyz='0 0.25 0'/></joint>\
        <joint name='r' type='continuous'><parent link='base_link'/><child link='wheel_right'/><origin xyz='0 -0.25 0'/></joint>\
        <joint name='s' type='fixed'><parent link='base_link'/><child link='laser_link'/><origin xyz='0.3 0 0.25' rpy='0 0 3.14159265'/></joint>\
        </robot>";

    const SDF: &str = "<sdf version='1.9'><model name='bot'><link name='chassis'><pose>0 0 0.2 0 0 0</pose><collision name='c'>\
        <geometry><cylinder><radius>0.3</radius><length>0.3</length></cylinder></geometry></collision>\
        <sensor name='s' type='gpu_lidar'><pose>0.1 0 0.2 0 0 0</pose></sensor></link>\
        <plugin name='d' filename='x'><wheel_separation>0.44</wheel_separation><max_linear_velocity>0.7</max_linear_velocity>\
        <min_linear_acceleration>-0.6</min_linear_acceleration></plugin></model></sdf>";

    #[test]
    fn urdf_gives_outline_lidar_and_wheels() {
        let read = RobotFile::read(URDF, &amr()).unwrap();
        let d = &read.description;
        assert_eq!(
            (d.name.as_str(), d.base_frame.as_str(), d.lidar.frame.as_str()),
            ("cart", "base_link", "laser_link")
        );
        assert_eq!(d.footprint_m, [[-0.4, -0.3], [0.4, -0.3], [0.4, 0.3], [-0.4, 0.3]]);
        assert!(
            (d.lidar.x_m - 0.3).abs() < 1e-12 && (d.lidar.yaw_rad.abs() - std::f64::consts::PI).abs() < 1e-6
        );
        assert!((read.settings["drive.wheel_separation_m"] - 0.5).abs() < 1e-12);
        assert!((read.settings["lidar.height_m"] - 0.25).abs() < 1e-12);
        assert!(read.notes.iter().any(|n| n.contains("<mesh> of base_link left out")), "{:?}", read.notes);
        Robot::new(read.description).unwrap();
    }

    #[test]
    fn sdf_gives_limits_too() {
        let read = RobotFile::read(SDF, &amr()).unwrap();
        let limits = read.description.limits;
        assert_eq!((limits.v_max_mps, limits.brake_mps2, limits.decel_mps2), (0.7, 0.6, 0.6));
        assert!((limits.accel_mps2 - amr().limits.accel_mps2).abs() < 1e-12);
        assert!((read.settings["drive.wheel_separation_m"] - 0.44).abs() < 1e-12);
        assert!((read.description.lidar.x_m - 0.1).abs() < 1e-12);
        let robot = Robot::new(read.description).unwrap();
        assert!((robot.footprint.inscribed_m() - 0.3).abs() < 1e-9, "{}", robot.footprint.inscribed_m());
    }

    #[test]
    fn what_is_no_robot_is_refused_with_its_place() {
        let refusal = |text: &str| RobotFile::read(text, &amr()).unwrap_err().to_string();
        assert!(refusal("<sdf version='1.9'/>").contains("<robot> of URDF or <model> of SDF"));
        assert!(refusal("<robot name='a'><link name='base_link'/></robot>").contains("for the outline"));
        let no_lidar = URDF.replace("laser_link", "camera");
        assert!(refusal(&no_lidar).contains("expected a lidar"), "{}", refusal(&no_lidar));
        let bad = URDF.replace("0.8 0.6 0.3", "0.8 x 0.3");
        assert!(
            refusal(&bad).contains("line 1") && refusal(&bad).contains("a size attribute"),
            "{}",
            refusal(&bad)
        );
    }
}
