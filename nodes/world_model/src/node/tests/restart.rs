//! Own matching when odometry or clock begin anew: it goes on from where the robot was, and never claims to be elsewhere.

use super::localise::{START, localising, room_scan};
use super::*;

const IN_ROOM: Pose2 = Pose2 { x_m: 1.0, y_m: 0.5, yaw_rad: 0.3 };

/// In the room, localised, after some seconds of driving.
fn driven(twist: Twist2, to_ms: i64) -> World {
    let mut world = localising(|m| m.initial_pose = Some(START));
    world.twist = twist;
    drive(&mut world, 10, to_ms, 0, IN_ROOM);
    assert!(world.last().ego.localised);
    world
}

/// Drives on. The odometry's origin is at `origin` in the map, the ROS clock `back_ms` behind. Whenever the robot is said to be
/// localised, it is there.
fn drive(world: &mut World, from_ms: i64, to_ms: i64, back_ms: i64, origin: Pose2) {
    for ms in (from_ms..to_ms).step_by(10) {
        let mut inputs = Vec::new();
        let map_from_base = origin.then(world.pose);
        if ms % 50 == 0 {
            inputs.push(Input::Scan(room_scan(ms - back_ms, map_from_base)));
        }
        if ms % 20 == 0 {
            inputs.push(Input::Odometry(world.odometry(ms - back_ms)));
        }
        step_at(world, ms, back_ms, inputs);
        if ms % 50 == 0 && world.last().ego.localised {
            let told = world.last().ego.pose;
            let off_m = told.position().distance_m(map_from_base.position());
            let off_rad =
                outrider_foundation::geometry::wrap_angle(told.yaw_rad - map_from_base.yaw_rad).abs();
            assert!(off_m < 0.2 && off_rad < 0.15, "{ms}: {off_m} m, {off_rad} rad");
        }
        world.pose = world.pose.advance(world.twist, 0.01);
    }
}

fn step_at(world: &mut World, ms: i64, back_ms: i64, inputs: Vec<Input>) {
    let at = Now { mono: now(ms).mono, ros: ros(ms - back_ms) };
    let inputs: Vec<_> = inputs.into_iter().map(|value| Stamped { received: at.mono, value }).collect();
    let mut outbox = Outbox::new(16);
    world.node.step(at, &inputs, &mut outbox);
    world.out.extend(outbox.drain());
}

/// The odometry begins anew where the robot is: the origin that it has then.
fn rebase(world: &mut World, origin: Pose2) -> Pose2 {
    let here = origin.then(world.pose);
    world.pose = Pose2::IDENTITY;
    here
}

#[test]
fn after_a_step_back_of_the_clock_it_goes_on_where_it_was() {
    let mut world = driven(Twist2::new(0.4, 0.1), 4000);
    drive(&mut world, 4000, 5500, 3000, IN_ROOM);
    assert_eq!(world.count("clock_resets"), 1);
    assert!(world.last().ego.localised, "{:?}", world.source("localisation"));
}

#[test]
fn after_a_reset_of_the_simulation_it_begins_where_it_began_once_scans_bear_that_out() {
    let mut world = driven(Twist2::new(0.4, 0.1), 4000);
    world.pose = Pose2::IDENTITY;
    let times_lost = world.count("times_lost");
    drive(&mut world, 4000, 5500, 3900, IN_ROOM);
    assert!(world.last().ego.localised, "{:?}", world.source("localisation"));
    assert_eq!(world.count("times_lost"), times_lost + 1, "not before scans fitted");
}

#[test]
fn who_was_lost_before_the_clock_stepped_back_is_lost_after_it() {
    let mut world = driven(Twist2::ZERO, 1000);
    // Somebody carries the robot away.
    let elsewhere = Pose2::new(-2.0, -1.5, 1.5);
    for ms in (1000..3000).step_by(10) {
        let mut inputs = vec![];
        if ms % 50 == 0 {
            inputs.push(Input::Scan(room_scan(ms, elsewhere)));
        }
        inputs.push(Input::Odometry(world.odometry(ms)));
        step_at(&mut world, ms, 0, inputs);
    }
    assert!(!world.last().ego.localised);
    drive(&mut world, 3000, 4000, 2000, elsewhere);
    assert!(!world.last().ego.localised);
}

#[test]
fn odometry_that_begins_anew_after_a_silence_is_noticed() {
    let mut world = driven(Twist2::new(0.4, 0.1), 4000);
    world.twist = Twist2::ZERO;
    for ms in (4000..6500).step_by(50) {
        step_at(&mut world, ms, 0, vec![]);
    }
    let origin = rebase(&mut world, IN_ROOM);
    drive(&mut world, 6500, 6560, 0, origin);
    let (status, reason) = world.source("localisation");
    assert_eq!((status, world.last().ego.localised), (SourceStatus::Invalid, false), "{reason}");
    world.twist = Twist2::new(0.3, 0.0);
    drive(&mut world, 6560, 8000, 0, origin);
    assert!(world.last().ego.localised, "{:?}", world.source("localisation"));
    assert_eq!(world.count("odometry_resets"), 1);
}

#[test]
fn odometry_that_begins_anew_with_another_heading_only_is_noticed() {
    let mut world = driven(Twist2::new(0.0, 0.6), 2000);
    let origin = rebase(&mut world, IN_ROOM);
    drive(&mut world, 2000, 3000, 0, origin);
    assert_eq!(world.count("odometry_resets"), 1);
    assert!(world.last().ego.localised, "{:?}", world.source("localisation"));
}
