//! Robots of SDF files: what poses are relative to, and what is not read.

// Helpers of tests, which clippy does not take for tests.
#![allow(clippy::unwrap_used, clippy::panic)]

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
    let expected = "<pose>: expected a pose relative to a link or frame of this model, in no circle, found ";
    assert_refused(
        &with("relative_to='base_link'", "relative_to='bas_link'"),
        &format!("line 7, column 35: {expected}bas_link"),
    );
    assert_refused(&with("relative_to='__model__'", "relative_to='world'"), &format!("{expected}world"));
    assert_refused(&with("relative_to='mount'", "relative_to='head'"), &format!("{expected}head"));
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
            "</model><model name='other'>",
            "<model> left out: the first one of the file is the robot".to_owned(),
        ),
    ] {
        let found = notes(&with(end, &format!("{element}</model>")));
        assert!(found.iter().any(|n| n.contains(&expected)), "{element}: {found:?}");
    }
}
