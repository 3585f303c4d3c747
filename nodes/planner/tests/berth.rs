//! Who stands is given a wide berth; in a lane of one direction by no steeper a way than it permits.

// Helpers of an integration test are outside of #[test] functions.

use crate::common::{Loop, Walker, brute_clearance_m, grid, hall, lethal_cells, planner};
use outrider_foundation::data::{TrackState, TreeStatus, WorldModel};
use outrider_foundation::zones::{DirectionZone, Zones};
use outrider_foundation::{Point2, Pose2};

/// Drives past somebody who stands in the middle of the hall; the least distance between outline and disc, m, and the greatest angle off
/// the hall's direction while it drives, rad.
fn drive(zones: &Zones) -> (f64, f64) {
    let mut l = Loop::new(hall(), Pose2::new(4.4, 4.0, 0.0));
    l.node = planner().with_zones(zones).unwrap();
    let goal = Pose2::new(11.0, 4.0, 0.0);
    l.goal(goal);
    let from = Point2::new(6.0, 4.0);
    l.walkers = vec![Walker { from, velocity: Point2::default(), starts_s: 0.0, ends_s: 0.0 }];
    let mut most_rad = 0.0_f64;
    while l.status() != TreeStatus::Success && l.t_s() < 40.0 {
        let before = l.pose.position();
        l.run(0.1);
        if l.pose.position().distance_m(before) > 0.02 {
            most_rad = most_rad.max(l.pose.yaw_rad.abs());
        }
    }
    assert_eq!(l.status(), TreeStatus::Success, "\n{}", l.trace(0.5));
    l.assert_arrived(goal, 0.05);
    l.check_commands();
    (l.least_person_m, most_rad)
}

#[test]
fn who_stands_is_given_a_wide_berth_and_lanes_are_kept() {
    let polygon_m = vec![[0.0, 0.0], [12.0, 0.0], [12.0, 8.0], [0.0, 8.0]];
    let lane = DirectionZone { name: "lane".into(), polygon_m, heading_rad: 0.0, tolerance_rad: 1.2 };
    let (anywhere_m, anywhere_rad) = drive(&Zones { version: 1, ..Zones::default() });
    let (in_lane_m, in_lane_rad) = drive(&Zones { version: 1, direction: vec![lane], ..Zones::default() });
    assert!(anywhere_m > 0.5 && anywhere_rad > 1.3, "{anywhere_m} m, {anywhere_rad} rad");
    assert!(in_lane_m > 0.4 && in_lane_rad < 1.1, "{in_lane_m} m, {in_lane_rad} rad");
}

/// Everybody is a cart, of a disc that reaches far over it.
fn carts(world: &mut WorldModel) {
    for track in &mut world.tracks {
        (track.class_label, track.radius_m) = ("other".into(), 0.7);
    }
}

fn left_standing(world: &mut WorldModel) {
    carts(world);
    for track in &mut world.tracks {
        track.state = TrackState::Standing;
    }
}

/// A way of 1.2 m between two carts, which are in the grid; whether the robot gets through within so long, and its greatest speed between
/// them, m/s.
fn between(world_model: fn(&mut WorldModel), limit_s: f64) -> (bool, f64) {
    let grid = grid([12.0, 8.0], Point2::default(), &[[6.0, 0.0, 7.0, 3.4], [6.0, 4.6, 7.0, 8.0]]);
    let mut l = Loop::new(grid, Pose2::new(2.0, 4.0, 0.0));
    l.world_model = world_model;
    let cart =
        |y_m| Walker { from: Point2::new(6.5, y_m), velocity: Point2::default(), starts_s: 0.0, ends_s: 0.0 };
    l.walkers = vec![cart(3.1), cart(4.9)];
    l.goal(Pose2::new(10.0, 4.0, 0.0));
    let mut most_mps = 0.0_f64;
    while l.status() != TreeStatus::Success && l.t_s() < limit_s {
        l.run(0.1);
        if (l.pose.x_m - 6.5).abs() < 0.5 {
            most_mps = most_mps.max(l.twist.v_mps);
        }
    }
    l.check_commands();
    (l.status() == TreeStatus::Success, most_mps)
}

#[test]
fn between_what_was_left_standing_the_grid_says_where_there_is_room() {
    let (through, most_mps) = between(left_standing, 40.0);
    assert!(through && most_mps > 0.2 && most_mps < 0.5, "{most_mps} m/s");
    assert_eq!(between(carts, 30.0), (false, 0.0), "discs of who may move shut it");
}

/// The speed beside things is had where they begin, not some way further in.
#[test]
fn a_narrow_place_is_come_to_slowly() {
    let grid = grid([12.0, 8.0], Point2::default(), &[[6.0, 0.0, 7.0, 3.6], [6.0, 4.4, 7.0, 8.0]]);
    let lethal = lethal_cells(&grid);
    let mut l = Loop::new(grid, Pose2::new(2.0, 4.0, 0.0));
    l.goal(Pose2::new(10.0, 4.0, 0.0));
    let mut most_mps = 0.0_f64;
    while l.status() != TreeStatus::Success && l.t_s() < 40.0 {
        l.run(0.1);
        if brute_clearance_m(&l.robot, &l.grid, &lethal, l.pose) < 0.2 {
            most_mps = most_mps.max(l.twist.v_mps);
        }
    }
    assert_eq!(l.status(), TreeStatus::Success, "\n{}", l.trace(0.5));
    assert!(most_mps > 0.2 && most_mps <= 0.6, "{most_mps} m/s");
}
