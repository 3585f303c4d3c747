//! Robots of SDF files: what poses are relative to, and what is not read.

use outrider_foundation::robot::example::amr;
use outrider_sim::RobotFile;

/// The outline is a square of 0.6 m about (0.2, 0), the lidar at (0.3, 0).
const BOT: &str = "<sdf version='1.9'><model name='bot'>
<frame name='mount'><pose>0.1 0 0 0 0 0</pose></frame>
<link name='base_link'><pose>0 0 0.1 0 0 0</pose>
<collision name='c'><pose relative_to='__model__'>0.2 0 0.2 0 0 0</pose><geometry><box><size>0.6 0.6 0.3</size></box></geometry></collision>
</link>
<link name='head'><pose relative_to='mount'>0.1 0 0.3 0 0 0</pose>
<sensor name='s' type='gpu_lidar'><pose relative_to='base_link'>0.3 0 0.25 0 0 0</pose></sensor>
</link>
</model></sdf>";

fn with(old: &str, new: &str) -> String {
    assert!(BOT.contains(old), "{old}");
    BOT.replace(old, new)
}

fn read(text: &str) -> RobotFile {
    RobotFile::read(text, &amr()).unwrap()
}

fn assert_refused(text: &str, expected: &str) {
    let refusal = RobotFile::read(text, &amr()).unwrap_err().to_string();
    assert!(refusal.starts_with("robot, line ") && refusal.contains(expected), "{refusal}");
}

fn lidar_x_m(text: &str) -> f64 {
    read(text).description.lidar.x_m
}

fn front_m(text: &str) -> f64 {
    read(text).description.footprint_m.iter().map(|p| p[0]).fold(f64::NEG_INFINITY, f64::max)
}

#[test]
fn poses_are_of_what_they_are_relative_to() {
    let bot = read(BOT);
    assert!((front_m(BOT) - 0.5).abs() < 1e-9, "{:?}", bot.description.footprint_m);
    assert!((lidar_x_m(BOT) - 0.3).abs() < 1e-9, "{:?}", bot.description.lidar);
    // The link is 0.1 m above the model, the sensor 0.25 m above that link, the lowest solid 0.05 m below it.
    assert!((bot.settings["lidar.height_m"] - 0.3).abs() < 1e-9, "{:?}", bot.settings);
    // In its own link: at 0.1 and 0.1, and 0.3 more.
    assert!((lidar_x_m(&with("<pose relative_to='base_link'>", "<pose>")) - 0.5).abs() < 1e-9);
    let turned = with("<pose>0.1 0 0 0 0 0</pose>", "<pose>0.1 0 0 0 0 3.141592653589793</pose>");
    let turned = turned.replace("<pose relative_to='base_link'>", "<pose>");
    assert!((lidar_x_m(&turned) + 0.3).abs() < 1e-9, "{}", lidar_x_m(&turned));
}

#[test]
fn what_a_pose_is_relative_to_has_to_be_there() {
    let expected = "<pose>: expected a pose relative to a link, joint or frame of this model, in no circle, at most 64 in a row, found ";
    assert_refused(
        &with("relative_to='base_link'", "relative_to='bas_link'"),
        &format!("line 7, column 35: {expected}bas_link"),
    );
    assert_refused(&with("relative_to='__model__'", "relative_to='world'"), &format!("{expected}world"));
    assert_refused(&with("relative_to='mount'", "relative_to='head'"), &format!("{expected}head"));
}

/// As converters from URDF write it: a joint stands in its child unless it says otherwise, and links stand in joints.
#[test]
fn links_may_stand_in_joints() {
    let chain = |joint: &str| {
        let mut text = format!(
            "<joint name='neck' type='fixed'>{joint}<parent>base_link</parent><child>mast</child></joint>"
        );
        text += "<link name='mast'><pose>0.05 0 0 0 0 0</pose></link>";
        text += "<link name='arm0'><pose relative_to='neck'>0.01 0 0 0 0 0</pose></link>";
        for i in 0..20 {
            let next = i + 1;
            text +=
                &format!("<link name='arm{next}'><pose relative_to='arm{i}'>0.01 0 0 0 0 0</pose></link>");
        }
        let head = "<link name='head'><pose relative_to='mount'>0.1 0 0.3 0 0 0</pose>\n<sensor name='s' type='gpu_lidar'><pose relative_to='base_link'>";
        with(
            head,
            &format!(
                "{text}<link name='head'><pose relative_to='arm20'/><sensor name='s' type='gpu_lidar'><pose>"
            ),
        )
    };
    // 0.21 in the arms, 0.3 in the head.
    assert!((lidar_x_m(&chain("")) - (0.05 + 0.21 + 0.3)).abs() < 1e-9);
    let elsewhere = chain("<pose relative_to='base_link'>0.4 0 0 0 0 0</pose>");
    assert!((lidar_x_m(&elsewhere) - (0.4 + 0.21 + 0.3)).abs() < 1e-9);
}

/// What stands in a model within the robot is not the robot's: neither lidars nor plug-ins.
#[test]
fn models_within_are_not_read() {
    let inner = "<model name='arm'><link name='base_link'><pose>9 0 0 0 0 0</pose><sensor name='x' type='gpu_lidar'>\
        <pose relative_to='nowhere'/></sensor></link><plugin name='d' filename='f'><wheel_separation>0.9</wheel_separation>\
        </plugin></model>";
    let both = read(&with("<frame name='mount'>", &format!("{inner}<frame name='mount'>")));
    assert_eq!((&both.description, &both.settings), (&read(BOT).description, &read(BOT).settings));
    assert!(both.notes.iter().any(|n| n.contains("line 2: <model> in <model> left out")), "{:?}", both.notes);
}

#[test]
fn what_is_not_read_is_noted() {
    let notes = |text: &str| read(text).notes;
    assert!(!notes(BOT).iter().any(|n| n.contains("left out")), "{:?}", notes(BOT));
    let (end, why) = ("</model>", "left out: this is not read of a robot");
    for (element, expected) in [
        ("<include><uri>arm</uri></include>", format!("line 9: <include> in <model> {why}")),
        ("<model name='arm'/>", format!("line 9: <model> in <model> {why}")),
        ("<link name='x'><colision/></link>", format!("line 9: <colision> in <link> {why}")),
        (
            "<link name='x'><pose/><pose>1 0 0 0 0 0</pose></link>",
            "<pose> in <link> left out: the first".to_owned(),
        ),
        (
            "<link name='x'><sensor name='y' type='imu'><pose/><imu/><pose>1 0 0 0 0 0</pose></sensor></link>",
            "<pose> in <sensor> left out: the first".to_owned(),
        ),
        (
            "</model><model name='other'>",
            "<model> left out: the first one of the file is the robot".to_owned(),
        ),
    ] {
        let found = notes(&with(end, &format!("{element}</model>")));
        assert!(found.iter().any(|n| n.contains(&expected)), "{element}: {found:?}");
    }
}

/// A robot of other names keeps the frame of the description, and says so.
#[test]
fn a_robot_without_a_base_link_keeps_the_frame() {
    let other = BOT.replace("base_link", "chassis");
    let read = read(&other);
    assert_eq!(read.description.base_frame, amr().base_frame);
    let note = "no link is called base_link: the frame of the model is taken for it, and needs that name in TF and /odom";
    assert!(read.notes.iter().any(|n| n == note), "{:?}", read.notes);
    assert!((lidar_x_m(&other) - 0.3).abs() < 1e-9);
}
