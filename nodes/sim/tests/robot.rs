//! Robot files: heights over the floor, what is refused and where, what is noted.

use outrider_foundation::robot::example::amr;
use outrider_sim::RobotFile;

const CART: &str = "<robot name='cart'>
<link name='base_footprint'/>
<link name='base_link'><collision><origin xyz='0 0 0.2'/><geometry><box size='0.8 0.6 0.3'/></geometry></collision></link>
<link name='wheel_left'/><link name='wheel_right'/><link name='laser_link'/>
<joint name='j' type='fixed'><parent link='base_footprint'/><child link='base_link'/><origin xyz='0 0 0.1'/></joint>
<joint name='l' type='continuous'><parent link='base_link'/><child link='wheel_left'/><origin xyz='0 0.25 0'/></joint>
<joint name='r' type='continuous'><parent link='base_link'/><child link='wheel_right'/><origin xyz='0 -0.25 0'/></joint>
<joint name='s' type='fixed'><parent link='base_link'/><child link='laser_link'/><origin xyz='0.3 0 0.25'/></joint>
</robot>";

/// The cart with one piece of text in place of another.
fn with(old: &str, new: &str) -> String {
    assert!(CART.contains(old), "{old}");
    CART.replace(old, new)
}

/// The cart with elements at its end.
fn and(elements: &str) -> String {
    with("</robot>", &format!("{elements}</robot>"))
}

fn read(text: &str) -> RobotFile {
    RobotFile::read(text, &amr()).unwrap()
}

fn assert_refused(text: &str, expected: &str) {
    let refusal = RobotFile::read(text, &amr()).unwrap_err().to_string();
    assert!(refusal.starts_with("robot, line ") && refusal.contains(expected), "{refusal}");
}

fn assert_noted(text: &str, expected: &str) {
    let notes = read(text).notes;
    assert_eq!(notes.iter().filter(|n| n.contains(expected)).count(), 1, "{expected}: {notes:?}");
}

/// Heights of lidar and body, and what they are over.
fn heights(text: &str) -> (f64, f64, String) {
    let file = read(text);
    let over = file.notes.iter().find(|n| n.starts_with("heights are over")).unwrap().clone();
    (file.settings["lidar.height_m"], file.settings["body.height_m"], over)
}

#[test]
fn what_xacro_has_not_expanded_is_refused() {
    let text = "<robot name='r' xmlns:xacro='http://www.ros.org/wiki/xacro'><link name='base_link'/>\n\
                <xacro:if value='true'><link name='arm'/></xacro:if></robot>";
    let error = RobotFile::read(text, &amr()).unwrap_err().to_string();
    assert!(error.contains("line 2") && error.contains("`xacro FILE > robot.urdf` expands it"), "{error}");
}

#[test]
fn heights_are_over_the_floor() {
    assert_eq!(heights(CART), (0.35, 0.45, "heights are over base_footprint".to_owned()));
    let without = CART.replace("<link name='base_footprint'/>", "");
    let joint = without.lines().find(|l| l.contains("name='j'")).unwrap();
    let without = without.replace(joint, "");
    let over = "heights are over base_link: no base_footprint, and no solid or wheel below";
    assert_eq!(heights(&without), (0.25, 0.35, over.to_owned()));
    // Wheels of 0.07 m about the height of base_link reach below it.
    let rubber = "<link name='wheel_left'><collision><origin rpy='1.5707963267948966 0 0'/><geometry>\
                  <cylinder radius='0.07' length='0.04'/></geometry></collision></link>";
    let solid = without.replace("<link name='wheel_left'/>", rubber);
    let over = "heights are over the lowest solid or wheel, 0.070 m below base_link: no base_footprint";
    assert_eq!(heights(&solid), (0.32, 0.42, over.to_owned()));
    let plugin = "<gazebo><plugin name='d' filename='x'><wheel_separation>0.5</wheel_separation>\
                  <wheel_radius>0.07</wheel_radius></plugin></gazebo></robot>";
    assert_eq!(heights(&without.replace("</robot>", plugin)), (0.32, 0.42, over.to_owned()));
    // A base_footprint that nothing joins says nothing.
    let loose = without.replace("</robot>", "<link name='base_footprint'/></robot>");
    assert_eq!(heights(&loose), heights(&without));
}

#[test]
fn heights_beyond_those_of_sim_yaml_are_refused() {
    let expected = "line 4, column 52: <link>: expected what sim.yaml allows, found lidar.height_m: -0.150, not within [0.01, 5]";
    assert_refused(&with("0.3 0 0.25", "0.3 0 -0.25"), expected);
    assert_refused(&with("0.8 0.6 0.3", "0.8 0.6 30"), "body.height_m: 15.300, not within [0.05, 5]");
    let plugin = and(
        "<gazebo><plugin name='d' filename='x'><wheel_separation>-0.4</wheel_separation></plugin></gazebo>",
    );
    assert_refused(&plugin, "drive.wheel_separation_m: -0.400, not within [0.05, 5]");
}

#[test]
fn sizes_that_are_none_are_refused() {
    for size in ["0.8 -0.6 0.3", "0 0 0", "nan 1 1"] {
        let expected = format!(
            "line 3, column 68: <box>: expected a size attribute of 3 positive numbers: metres, found {size}"
        );
        assert_refused(&with("0.8 0.6 0.3", size), &expected);
    }
    assert_refused(&with("0.8 0.6 0.3", "0.8 20000 0.3"), "no size beyond 10000 m, found 0.8 20000 0.3");
    let shape = |text: &str| with("<box size='0.8 0.6 0.3'/>", text);
    let radius = "<cylinder>: expected a radius attribute of one positive number: metres, found -0.3";
    assert_refused(&shape("<cylinder radius='-0.3' length='1'/>"), radius);
    assert_refused(
        &shape("<cylinder radius='0.3' length='-1'/>"),
        "a length attribute of one positive number",
    );
    assert_refused(&shape("<sphere radius='0'/>"), "<sphere>: expected a radius attribute");
}

#[test]
fn capsules_are_solids() {
    let capsule = with("<box size='0.8 0.6 0.3'/>", "<capsule radius='0.3' length='0.4'/>");
    let (_, body_m, _) = heights(&capsule);
    assert!((body_m - (0.1 + 0.2 + 0.2 + 0.3)).abs() < 1e-9, "{body_m}");
}

#[test]
fn a_robot_without_solids_says_what_was_there() {
    let mesh = with("<box size='0.8 0.6 0.3'/>", "<mesh filename='a.dae'/>");
    assert_refused(&mesh, "for the outline, found line 3: <mesh> of base_link left out");
}

#[test]
fn what_is_taken_twice_is_refused() {
    assert_refused(
        &and("<link name='base_link'/>"),
        "line 9, column 1: <link>: expected a name that no other link has, found base_link",
    );
    let second =
        "<joint name='z' type='fixed'><parent link='base_footprint'/><child link='laser_link'/></joint>";
    assert_refused(
        &and(second),
        "line 9, column 1: <joint>: expected a <child> that no other joint has, found laser_link",
    );
    let sdf = "<sdf version='1.9'><model name='m'><link name='a'/>\n<link name='a'/></model></sdf>";
    assert_refused(sdf, "line 2, column 1: <link>: expected a name that no other link has, found a");
}

#[test]
fn what_is_no_xml_is_refused_as_a_robot_file() {
    let refusal = RobotFile::read("<robot>\n<link></robot>", &amr()).unwrap_err().to_string();
    assert!(refusal.starts_with("robot: ") && refusal.contains("2:"), "{refusal}");
}

#[test]
fn joints_that_are_none_are_refused() {
    let at = "line 8, column 1: <joint>: expected ";
    assert_refused(&with("'s' type='fixed'", "'s' type='fxed'"), &format!("{at}a type of revolute"));
    assert_refused(&with("'s' type='fixed'", "'s' type='fxed'"), "or planar, found fxed");
    assert_refused(
        &with("<child link='laser_link'/>", ""),
        &format!("{at}a <child> with a link, found none"),
    );
    let unknown = with("<child link='laser_link'/>", "<child link='lasr_link'/>");
    assert_refused(&unknown, &format!("{at}a <child> that is a link of this file, found lasr_link"));
    let origin = with("<origin xyz='0.3 0 0.25'/>", "<origin xzy='0.3 0 0.25'/>");
    assert_refused(&origin, "<origin>: expected no attributes but xyz and rpy, found xzy");
    let circle =
        "<joint name='z' type='fixed'><parent link='laser_link'/><child link='base_footprint'/></joint>";
    assert_refused(&and(circle), "links in no circle");
}

#[test]
fn what_is_left_out_is_noted() {
    let loose =
        and("<link name='arm'><collision><geometry><box size='3 3 1'/></geometry></collision></link>");
    assert_noted(&loose, "line 9: <box> of arm left out: nothing joins arm to base_link");
    assert_eq!(read(&loose).description, read(CART).description);
    let lidars = and(
        "<link name='lidar_2'/><joint name='q' type='fixed'><parent link='base_link'/><child link='lidar_2'/></joint>",
    );
    assert_noted(&lidars, "line 9: <link> lidar_2 is no lidar here: there is one, laser_link");
    assert_noted(&and("<bogus/>"), "line 9: <bogus> in <robot> left out: no such element in URDF");
    assert_noted(&with("<geometry>", "<geometri/><geometry>"), "line 3: <geometri> in <collision> left out");
    assert_noted(
        &with("<box", "<sphere radius='0.5'/><box"),
        "line 3: <box> in <geometry> left out: the first one",
    );
    let origins = with("<origin xyz='0.3 0 0.25'/>", "<origin xyz='0.3 0 0.25'/><origin xyz='9 0 0'/>");
    assert_noted(&origins, "line 8: <origin> in <joint> left out: the first one is taken");
    let clean = read(CART).notes;
    assert!(!clean.iter().any(|n| n.contains("left out")), "{clean:?}");
}

/// Which way it looks in the plane is all that a robot's file says of it.
#[test]
fn a_lidar_that_is_not_level_is_noted() {
    let mounted =
        |rpy: &str| with("<origin xyz='0.3 0 0.25'/>", &format!("<origin xyz='0.3 0 0.25' rpy='{rpy}'/>"));
    assert_noted(&mounted("3.14159265 0 0"), "the lidar laser_link: it is mounted upside down");
    assert_noted(&mounted("0 0.5 0"), "the lidar laser_link: it is tilted by 0.500 rad");
    let level = read(&mounted("0 0 1.5")).notes;
    assert!(!level.iter().any(|n| n.contains("the lidar")), "{level:?}");
}

#[test]
fn second_sensors_are_noted_and_notes_stay_in_their_line() {
    let sensor = |name: &str| format!("<gazebo reference='{name}'><sensor name='s' type='ray'/></gazebo>\n");
    let two = sensor("laser_link") + &sensor("laser_link");
    assert_noted(&and(&two), "line 10: <sensor> s is no lidar here: there is one, laser_link");
    let odd = and(
        "<link name='arm&#10;x: 1'><collision><geometry><box size='3 3 1'/></geometry></collision></link>",
    );
    assert!(read(&odd).notes.iter().all(|n| !n.contains('\n')));
    let many = read(&and(&"<odd/>".repeat(400))).notes;
    assert_eq!((many.len(), many.last().unwrap().as_str()), (257, "and 146 more"));
}

/// In the link that `<gazebo>` is about.
#[test]
fn the_pose_of_a_sensor_counts() {
    let sensor = |pose: &str| {
        and(&format!(
            "<gazebo reference='laser_link'><sensor name='s' type='gpu_lidar'><pose{pose}</pose></sensor></gazebo>"
        ))
    };
    let plain = read(CART);
    let moved = read(&sensor(">0.2 0.1 0.3 0 0 3.141592653589793"));
    let by = |key: fn(&RobotFile) -> f64| key(&moved) - key(&plain);
    assert!((by(|r| r.description.lidar.x_m) - 0.2).abs() < 1e-9, "{:?}", moved.description.lidar);
    assert!((by(|r| r.description.lidar.y_m) - 0.1).abs() < 1e-9, "{:?}", moved.description.lidar);
    assert!((by(|r| r.settings["lidar.height_m"]) - 0.3).abs() < 1e-6, "{:?}", moved.settings);
    assert!((moved.description.lidar.yaw_rad.abs() - std::f64::consts::PI).abs() < 1e-9);
    assert_refused(
        &sensor(" relative_to='base_link'>0 0 0 0 0 0"),
        "relative to nothing else, found base_link",
    );
}
