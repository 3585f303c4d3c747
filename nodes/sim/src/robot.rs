//! A robot from its URDF or SDF file: outline, lidar mount, wheel separation and, where the file tells them, limits.

mod links;
mod sdf;
mod strangers;
mod urdf;

use crate::config::{BODY_HEIGHT_M, LIDAR_HEIGHT_M, WHEEL_SEPARATION_M};
use crate::error::SimError;
use crate::world::xml::{MODEL, child, fault, line, numbers, required, solids};
use crate::world::{Outline, Pose3, Shape, Solid, convex_hull};
use links::{Links, base_of, in_base, sdf_links, urdf_links};
use nalgebra::Vector3;
use outrider_foundation::robot::{BASE_FRAME, DriveLimits};
use outrider_foundation::{Footprint, Point2, RobotDescription};
use roxmltree::{Document, Node};
use std::collections::BTreeMap;
use std::f64::consts::TAU;

/// The most bytes of a robot file.
const BYTES_LIMIT: usize = 4 << 20;
/// The most notes.
const NOTE_LIMIT: usize = 256;
/// On the floor, by REP-120.
const ON_FLOOR: &str = "base_footprint";
/// A lidar's axis this near to upright is: within half a degree.
const UPRIGHT_COSINE: f64 = 0.99996;
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

/// A robot file while it is read.
struct Reader<'a, 'i> {
    robot: Node<'a, 'i>,
    links: Links<'a, 'i>,
    base: &'a str,
    is_urdf: bool,
    read: RobotFile,
    notes_dropped: usize,
}

impl RobotFile {
    /// Reads a URDF (`<robot>`) or SDF (`<sdf><model>`) file over a description, which gives what the file does not
    /// tell: frames, and limits without a differential-drive plug-in.
    ///
    /// # Errors
    /// XML errors, malformed elements, a robot without solids or without a lidar, and heights that `sim.yaml` does not
    /// allow, with line and column where there is one.
    pub fn read(text: &str, over: &RobotDescription) -> Result<Self, SimError> {
        read(text, over).map_err(SimError::of_robot)
    }
}

fn read(text: &str, over: &RobotDescription) -> Result<RobotFile, SimError> {
    if text.len() > BYTES_LIMIT {
        return Err(SimError::Limit { what: "bytes of the robot file", limit: BYTES_LIMIT });
    }
    let document =
        Document::parse(text).map_err(|e| SimError::Xml { file: "robot", reason: e.to_string() })?;
    let root = document.root_element();
    let is_xacro = |n: &Node<'_, '_>| n.tag_name().namespace().is_some_and(|space| space.contains("xacro"));
    if let Some(macro_) = root.descendants().find(is_xacro) {
        return Err(fault(macro_, "a file without xacro: `xacro FILE > robot.urdf` expands it", "xacro"));
    }
    let is_urdf = root.has_tag_name("robot");
    let robot = if is_urdf { Some(root) } else { root.descendants().find(|n| n.has_tag_name("model")) };
    let robot = robot.ok_or_else(|| fault(root, "<robot> of URDF or <model> of SDF", "neither"))?;
    let links = if is_urdf { urdf_links(robot)? } else { sdf_links(robot)? };
    let base =
        base_of(&links).ok_or_else(|| fault(robot, "a <link> that no joint hangs on another", "none"))?;
    if in_base(&links, base, base).is_none() {
        return Err(fault(robot, "links in no circle, at most 64 from the root", base));
    }
    let mut read = RobotFile { description: over.clone(), settings: BTreeMap::new(), notes: Vec::new() };
    read.description.name = robot.attribute("name").unwrap_or(&over.name).to_owned();
    if base != BASE_FRAME {
        let taken = if base == MODEL { "the frame of the model" } else { base };
        read.notes.push(format!(
            "no link is called {BASE_FRAME}: {taken} is taken for it, and needs that name in TF and /odom"
        ));
    }
    let mut reader = Reader { robot, links, base, is_urdf, read, notes_dropped: 0 };
    let (low_m, top_m) = reader.body()?;
    let (lidar, lidar_m) = reader.lidar()?;
    reader.heights(low_m, top_m, lidar, lidar_m)?;
    reader.drive()?;
    let known = if is_urdf { urdf::KNOWN } else { sdf::KNOWN };
    strangers::strangers(robot, &known, &mut |node, text| reader.note_at(node, text));
    let is_other = |n: &Node<'_, '_>| n.has_tag_name("model") && n.ancestors().all(|a| a != robot);
    if let Some(other) = root.descendants().find(is_other) {
        reader.note_at(other, "<model> left out: the first one of the file is the robot");
    }
    if reader.notes_dropped > 0 {
        reader.read.notes.push(format!("and {} more", reader.notes_dropped));
    }
    Ok(reader.read)
}

impl<'a, 'i> Reader<'a, 'i> {
    /// A note in one line, whatever the names in it hold.
    fn note(&mut self, text: &str) {
        if self.read.notes.len() < NOTE_LIMIT {
            self.read.notes.push(text.split_whitespace().collect::<Vec<_>>().join(" "));
        } else {
            self.notes_dropped += 1;
        }
    }

    /// A note with the line of an element; lines are counted only for those that are kept.
    fn note_at(&mut self, node: Node<'_, '_>, text: &str) {
        let is_kept = self.read.notes.len() < NOTE_LIMIT;
        let at = if is_kept { line(node) } else { 0 };
        self.note(&format!("line {at}: {text}"));
    }

    /// A key of `sim.yaml`, within what is allowed there.
    fn set(
        &mut self,
        node: Node<'_, '_>,
        key: &'static str,
        value: f64,
        (low, high): (f64, f64),
    ) -> Result<(), SimError> {
        if !(low..=high).contains(&value) {
            let found = format!("{key}: {value:.3}, not within [{low}, {high}]");
            return Err(fault(node, "what sim.yaml allows", &found));
        }
        // To the micrometre: what is beyond is rounding.
        self.read.settings.insert(key, (value * 1e6).round() / 1e6);
        Ok(())
    }

    /// The outline: everything solid, seen from above. Gives its lowest and highest point over the base.
    fn body(&mut self) -> Result<(f64, f64), SimError> {
        let (mut points, mut range_m) = (Vec::new(), (f64::INFINITY, f64::NEG_INFINITY));
        for shape in self.solids()? {
            points.extend(from_above(&shape.world_from_shape, &shape.solid));
            let (low_m, high_m) = shape.z_range_m();
            range_m = (range_m.0.min(low_m), range_m.1.max(high_m));
        }
        let hull = convex_hull(points);
        if hull.len() < 3 {
            let left_out = self.read.notes.first().map_or("none", String::as_str);
            return Err(fault(self.robot, "a <collision> with a solid, for the outline", left_out));
        }
        let hull = self.outline(hull);
        self.read.description.footprint_m = hull.iter().map(|p| [p.x_m, p.y_m]).collect();
        Ok(range_m)
    }

    /// Everything solid that is joined to the base, in it.
    fn solids(&mut self) -> Result<Vec<Shape>, SimError> {
        let (mut found, mut notes) = (Vec::new(), Vec::new());
        for (name, link) in &self.links {
            let base_from_link = in_base(&self.links, name, self.base);
            for collision in link.node.children().filter(|c| c.has_tag_name("collision")) {
                let at =
                    if self.is_urdf { urdf::origin(collision)? } else { sdf::pose_in(link.node, collision)? };
                let geometry = required(collision, "geometry", "a <geometry>")?;
                let Some(shape) = geometry.children().find(Node::is_element) else {
                    return Err(fault(geometry, "a shape such as <box>", "none"));
                };
                let solids = if self.is_urdf { urdf::solids(shape)? } else { solids(shape)? };
                let what = format!("<{}> of {name} left out", shape.tag_name().name());
                let Some(base_from_link) = base_from_link else {
                    notes.push((shape, format!("{what}: nothing joins {name} to {}", self.base)));
                    continue;
                };
                let Some(solids) = solids else {
                    notes.push((shape, format!("{what}: only solids count")));
                    continue;
                };
                let placed = |(part, solid)| Shape {
                    name: String::new(),
                    world_from_shape: base_from_link * at * part,
                    solid,
                };
                found.extend(solids.into_iter().map(placed));
            }
        }
        notes.iter().for_each(|(shape, text)| self.note_at(*shape, text));
        Ok(found)
    }

    /// A hull, or the rectangle around it when it has too many corners.
    fn outline(&mut self, hull: Vec<Point2>) -> Vec<Point2> {
        if hull.len() <= Footprint::CORNER_LIMIT {
            return hull;
        }
        self.note(&format!("{} corners from above: the outline is the rectangle around them", hull.len()));
        let (low, high) = Outline::Polygon(hull).bounds();
        vec![low, Point2::new(high.x_m, low.y_m), high, Point2::new(low.x_m, high.y_m)]
    }

    /// Where the lidar is: its link, and how high over the base.
    fn lidar(&mut self) -> Result<(Node<'a, 'i>, f64), SimError> {
        let sensors: Vec<_> = self.own().filter(is_lidar).collect();
        let first = sensors.first().copied();
        let frame = first.and_then(carrier).filter(|l| self.links.contains_key(l));
        let named = |l: &&str| LIDAR_LINKS.iter().any(|known| l.contains(known));
        let frame = frame.or_else(|| self.links.keys().copied().find(named));
        let Some((frame, link)) = frame.and_then(|f| self.links.get_key_value(f)) else {
            let expected = "a lidar: a <sensor> of type ray or lidar, or a link named so";
            return Err(fault(self.robot, expected, "none"));
        };
        let (frame, node) = (*frame, link.node);
        let on_it = |sensor: &Node<'_, '_>| carrier(*sensor) == Some(frame);
        let within = match first.filter(on_it) {
            Some(sensor) if self.is_urdf => urdf::pose_of(sensor)?,
            Some(sensor) => sdf::pose_in(node, sensor)?,
            None => Pose3::identity(),
        };
        let at = in_base(&self.links, frame, self.base)
            .ok_or_else(|| fault(self.robot, "joints from the base to the lidar", frame))?;
        let at = at * within;
        let forward = at.rotation * Vector3::x();
        let told = first.filter(on_it).and_then(|s| {
            ["gz_frame_id", "ignition_frame_id", "frame_id"].into_iter().find_map(|tag| child(s, tag))
        });
        let told = told.and_then(|tag| tag.text()).map(str::trim).filter(|text| !text.is_empty());
        let scan_frame = told.unwrap_or(frame);
        if scan_frame == self.base || scan_frame == BASE_FRAME {
            let text = format!(
                "scans have to come in a frame of their own, {}, not in that of the base",
                self.read.description.lidar.frame
            );
            self.note_at(node, &text);
        } else {
            scan_frame.clone_into(&mut self.read.description.lidar.frame);
        }
        let lidar = &mut self.read.description.lidar;
        (lidar.x_m, lidar.y_m) = (at.translation.x, at.translation.y);
        lidar.yaw_rad = libm::atan2(forward.y, forward.x);
        let up = (at.rotation * Vector3::z()).z;
        if up < UPRIGHT_COSINE {
            let how = if up < 0.0 {
                "it is mounted upside down, and scans have to come as if it were not".to_owned()
            } else {
                format!("it is tilted by {:.3} rad, and its plane is taken as level", libm::acos(up))
            };
            self.note_at(node, &format!("the lidar {frame}: {how}"));
        }
        let carriers: Vec<_> = sensors.iter().filter_map(|s| carrier(*s)).collect();
        let is_other = |name: &&str| named(name) && *name != frame && !carriers.contains(name);
        let links = self.links.iter().filter(|(name, _)| is_other(name)).map(|(_, link)| link.node);
        let others: Vec<_> = sensors.iter().copied().skip(1).chain(links).collect();
        for other in others {
            let (tag, name) = (other.tag_name().name(), other.attribute("name").unwrap_or_default());
            self.note_at(other, &format!("<{tag}> {name} is no lidar here: there is one, {frame}"));
        }
        Ok((node, at.translation.z))
    }

    /// Heights over the floor.
    fn heights(&mut self, low_m: f64, top_m: f64, lidar: Node<'_, '_>, lidar_m: f64) -> Result<(), SimError> {
        let radius_m = self.told("wheel_radius")?.unwrap_or_default();
        let axles = self.wheels().map(|at| at.translation.z - radius_m);
        let low_m = axles.fold(low_m, f64::min);
        let base = self.base;
        let (floor_m, over) = match in_base(&self.links, ON_FLOOR, base) {
            Some(at) => (at.translation.z, ON_FLOOR.to_owned()),
            None if low_m < 0.0 => {
                (low_m, format!("the lowest solid or wheel, {:.3} m below {base}: no {ON_FLOOR}", -low_m))
            }
            None => (0.0, format!("{base}: no {ON_FLOOR}, and no solid or wheel below")),
        };
        self.note(&format!("heights are over {over}"));
        self.set(self.robot, "body.height_m", top_m - floor_m, BODY_HEIGHT_M)?;
        self.set(lidar, "lidar.height_m", lidar_m - floor_m, LIDAR_HEIGHT_M)
    }

    /// Where the driven wheels are in the base.
    fn wheels(&self) -> impl Iterator<Item = Pose3> {
        let wheels = self.links.keys().filter(|l| l.contains("wheel") && !l.contains("caster"));
        wheels.filter_map(|l| in_base(&self.links, l, self.base))
    }

    /// Everything in the robot, without models within it.
    fn own(&self) -> impl Iterator<Item = Node<'a, 'i>> {
        let robot = self.robot;
        let model_of = |n: &Node<'a, 'i>| n.ancestors().find(|a| a.has_tag_name("model"));
        robot.descendants().filter(move |n| model_of(n).is_none_or(|model| model == robot))
    }

    /// A number of the differential-drive plug-in.
    fn told(&self, name: &str) -> Result<Option<f64>, SimError> {
        let plugin = self.own().find(|n| n.has_tag_name("plugin") && child(*n, "wheel_separation").is_some());
        let element = plugin.and_then(|p| child(p, name));
        element.map(|e| numbers::<1>(e, "one number").map(|[v]| v)).transpose()
    }

    fn drive(&mut self) -> Result<(), SimError> {
        let separation_m = match self.told("wheel_separation")? {
            Some(given) => Some(given),
            None => {
                let sides = self.wheels().map(|at| at.translation.y);
                let (low, high) =
                    sides.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), y| (l.min(y), h.max(y)));
                (high > low).then_some(high - low)
            }
        };
        match separation_m {
            Some(apart_m) => {
                self.set(self.robot, "drive.wheel_separation_m", apart_m, WHEEL_SEPARATION_M)?;
            }
            None => self.note("no wheels and no <wheel_separation>: that of sim.yaml stays"),
        }
        let mut limits = self.read.description.limits;
        let DriveLimits {
            v_max_mps,
            v_min_mps,
            w_max_radps,
            accel_mps2,
            decel_mps2,
            brake_mps2,
            alpha_radps2,
            ..
        } = &mut limits;
        let mut missing = Vec::new();
        let mut set = |limit: &mut f64, name: &'static str, sign: f64| -> Result<(), SimError> {
            match self.told(name)? {
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
            let missing = missing.join(", ");
            self.note(&format!("limits that the file does not tell stay as they are: {missing}"));
        }
        self.read.description.limits = limits;
        Ok(())
    }
}

fn is_lidar(node: &Node<'_, '_>) -> bool {
    node.has_tag_name("sensor") && LIDAR_SENSORS.contains(&node.attribute("type").unwrap_or_default())
}

/// The link that carries a sensor.
fn carrier<'a>(sensor: Node<'a, '_>) -> Option<&'a str> {
    let link = sensor.ancestors().find(|n| n.has_tag_name("link") || n.has_tag_name("gazebo"))?;
    link.attribute("reference").or(link.attribute("name"))
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
        // Over base_footprint, which is 0.1 m below base_link.
        assert!((read.settings["lidar.height_m"] - 0.35).abs() < 1e-12);
        assert!((read.settings["body.height_m"] - 0.45).abs() < 1e-12);
        assert!(read.notes.iter().any(|n| n.contains("<mesh> of base_link left out")), "{:?}", read.notes);
        Robot::new(read.description).unwrap();
    }

    #[test]
    fn scans_have_the_frame_that_the_sensor_tells_and_never_that_of_the_base() {
        let frame = |text: &str| {
            let read = RobotFile::read(text, &amr()).unwrap();
            let note =
                read.notes.iter().any(|n| n.contains("scans have to come in a frame of their own, laser"));
            Robot::new(read.description.clone()).unwrap();
            (read.description.lidar.frame, note)
        };
        let told = |tag: &str, name: &str| {
            frame(&SDF.replace("type='gpu_lidar'>", &format!("type='gpu_lidar'><{tag}> {name} </{tag}>")))
        };
        assert_eq!(told("gz_frame_id", "scanner"), ("scanner".to_owned(), false));
        assert_eq!(told("frame_id", "front"), ("front".to_owned(), false));
        assert_eq!(told("gz_frame_id", "base_link"), ("laser".to_owned(), true));
        assert_eq!(frame(SDF), ("chassis".to_owned(), false));
        assert_eq!(frame(&SDF.replace("chassis", "base_link")), ("laser".to_owned(), true));
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
