//! Recoveries that move, goals on the way, and the trees that need more than one goal: closed loop.

// Helpers of an integration test are outside of #[test] functions.

use crate::common::{Loop, grid, hall, planner_with};
use outrider_foundation::data::TreeStatus;
use outrider_foundation::zones::{DirectionZone, Zones};
use outrider_foundation::{Point2, Pose2};
use std::f64::consts::PI;

fn file(path: &str) -> String {
    std::fs::read_to_string(format!("{}/../../{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn tree(body: &str) -> String {
    format!("<root BTCPP_format=\"4\"><BehaviorTree ID=\"M\">{body}</BehaviorTree></root>")
}

/// A loop in the hall with a tree, and a goal given.
fn start(tree: &str, from: Pose2, goal: Pose2) -> Loop {
    let mut l = Loop::new(hall(), from);
    l.node = planner_with(tree);
    l.goal(goal);
    l
}

#[test]
fn back_up_drives_straight_back_and_spin_turns_on_the_spot() {
    let moves = "<Sequence><BackUp backup_dist=\"0.5\" backup_speed=\"0.2\"/><Spin spin_dist=\"-1.57\"/>\
                 <DriveOnHeading dist_to_travel=\"1.0\" speed=\"0.3\"/></Sequence>";
    let mut l = start(&tree(moves), Pose2::new(4.0, 4.0, 0.0), Pose2::new(9.0, 4.0, 0.0));
    assert!(l.run_to_end(30.0), "{}", l.trace(0.5));
    assert_eq!(l.status(), TreeStatus::Success, "{}", l.trace(0.5));
    l.run(1.0);
    let end = l.pose;
    assert!((end.x_m - 3.5).abs() < 0.12 && (end.y_m - 3.0).abs() < 0.12, "{end:?}\n{}", l.trace(0.5));
    assert!((end.yaw_rad + 1.57).abs() < 0.1, "{end:?}");
    l.check_commands();
    for reason in ["backing up", "turning on the spot", "straight on"] {
        assert!(l.commands.iter().any(|(_, command)| command.reason.starts_with(reason)), "{reason}");
    }
}

#[test]
fn a_jump_of_the_localiser_is_no_way_that_was_backed_up() {
    for offset in [Pose2::new(0.3, 0.0, 0.4), Pose2::new(-0.3, 0.0, -0.4)] {
        for moves in ["<BackUp backup_dist=\"0.5\" backup_speed=\"0.2\"/>", "<Spin spin_dist=\"1.57\"/>"] {
            let mut l = start(&tree(moves), Pose2::new(4.0, 4.0, 0.0), Pose2::new(9.0, 4.0, 0.0));
            l.run(0.8);
            // Told by the map, not by the odometry.
            l.world_model = match offset.x_m > 0.0 {
                true => |world| world.ego.pose = Pose2::new(0.3, 0.0, 0.4).then(world.ego.pose),
                false => |world| world.ego.pose = Pose2::new(-0.3, 0.0, -0.4).then(world.ego.pose),
            };
            assert!(l.run_to_end(10.0), "{}", l.trace(0.5));
            l.run(1.0);
            let (back_m, turned_rad) = if moves.contains("BackUp") { (0.5, 0.0) } else { (0.0, 1.57) };
            let wrong = (4.0 - l.pose.x_m - back_m).abs().max((l.pose.yaw_rad - turned_rad).abs());
            assert!(wrong < 0.12, "{offset:?} {moves}: {:?}\n{}", l.pose, l.trace(0.5));
        }
    }
}

#[test]
fn a_recovery_that_moves_is_judged_as_every_command_and_fails_at_a_wall() {
    // 0.25 m behind the robot's outline stands a wall.
    let wall = grid([8.0, 6.0], Point2::default(), &[[1.0, 0.0, 1.1, 6.0]]);
    let back = "<Fallback><BackUp backup_dist=\"1.0\" backup_speed=\"0.2\" time_allowance=\"6.0\"/><AlwaysFailure/></Fallback>";
    let half_length_m = crate::common::robot().footprint.circumscribed_m();
    let mut l = Loop::new(wall, Pose2::new(1.1 + half_length_m + 0.25, 3.0, 0.0));
    l.node = planner_with(&tree(back));
    l.goal(Pose2::new(6.0, 3.0, 0.0));
    assert!(l.run_to_end(20.0), "{}", l.trace(0.5));
    assert_eq!(l.status(), TreeStatus::Failure, "{}", l.trace(0.5));
    assert!(l.least_clearance_m > 0.0, "came to {} m\n{}", l.least_clearance_m, l.trace(0.5));
    l.check_commands();
}

#[test]
fn backing_up_against_a_zones_direction_is_refused_at_once() {
    let polygon_m = vec![[0.0, 0.0], [12.0, 0.0], [12.0, 8.0], [0.0, 8.0]];
    let moves = "<Fallback><BackUp backup_dist=\"0.5\" backup_speed=\"0.2\" time_allowance=\"20.0\"/>\
                 <DriveOnHeading dist_to_travel=\"0.5\" speed=\"0.3\"/></Fallback>";
    for (heading_rad, end_m) in [(0.0, 6.5), (PI, 5.5)] {
        let polygon_m = polygon_m.clone();
        let lane = DirectionZone { name: "lane".into(), polygon_m, heading_rad, tolerance_rad: 0.6 };
        let zones = Zones { version: 1, direction: vec![lane], ..Zones::default() };
        let mut l = Loop::new(hall(), Pose2::new(6.0, 2.0, 0.0));
        l.node = planner_with(&tree(moves)).with_zones(&zones).unwrap();
        l.goal(Pose2::new(9.0, 2.0, 0.0));
        assert!(l.run_to_end(10.0), "{}", l.trace(0.5));
        l.run(1.0);
        assert!((l.pose.x_m - end_m).abs() < 0.12, "{:?}\n{}", l.pose, l.trace(0.5));
    }
}

#[test]
fn goals_on_the_way_are_passed_before_the_one_that_was_sent() {
    let through = file("config/trees/navigate_through_poses.xml")
        .replace("1.0,-1.0,0.0; 3.2,-1.0,0.0", "3.0,6.5,0.0; 6.0,1.5,0.0");
    let goal = Pose2::new(10.0, 4.0, 0.0);
    let mut l = start(&through, Pose2::new(1.5, 2.0, 0.0), goal);
    let mut nearest = [f64::INFINITY; 2];
    while l.status() != TreeStatus::Success && l.t_s() < 90.0 {
        l.run(0.1);
        for (least, via) in nearest.iter_mut().zip([Point2::new(3.0, 6.5), Point2::new(6.0, 1.5)]) {
            *least = least.min(l.pose.position().distance_m(via));
        }
    }
    assert_eq!(l.status(), TreeStatus::Success, "{}", l.trace(0.5));
    assert!(nearest.iter().all(|least| *least < 0.5), "{nearest:?}");
    assert!(l.pose.position().distance_m(goal.position()) < 0.17);
    l.check_commands();
}

#[test]
fn a_dock_is_approached_slowly_and_straight_on() {
    let goal = Pose2::new(9.0, 4.0, 0.0);
    let mut l = start(&file("config/trees/dock_approach.xml"), Pose2::new(3.0, 6.0, 1.0), goal);
    let mut fastest_mps = 0.0_f64;
    while l.status() != TreeStatus::Success && l.t_s() < 90.0 {
        l.run(0.05);
        if l.pose.position().distance_m(goal.position()) < 0.4 {
            fastest_mps = fastest_mps.max(l.twist.v_mps.abs());
        }
    }
    assert_eq!(l.status(), TreeStatus::Success, "{}", l.trace(0.5));
    assert!(l.pose.position().distance_m(goal.position()) < 0.2, "{:?}", l.pose);
    assert!(fastest_mps < 0.12, "{fastest_mps} m/s\n{}", l.trace(0.5));
    l.check_commands();
}

#[test]
fn a_point_is_followed_at_a_distance() {
    let mut l =
        start(&file("tests/trees/follow_point.xml"), Pose2::new(1.5, 2.0, 0.0), Pose2::new(6.0, 2.0, 0.0));
    l.run(40.0);
    let gap_m = l.pose.position().distance_m(Point2::new(6.0, 2.0));
    assert!((0.7..1.3).contains(&gap_m), "{gap_m}\n{}", l.trace(1.0));
    // It stands there for as long as it takes, and goes on when the point does.
    assert_eq!(l.status(), TreeStatus::Running);
    l.goal(Pose2::new(6.0, 6.0, 0.0));
    l.run(30.0);
    let gap_m = l.pose.position().distance_m(Point2::new(6.0, 6.0));
    assert!((0.7..1.3).contains(&gap_m), "{gap_m}\n{}", l.trace(1.0));
    l.check_commands();
}

#[test]
fn a_square_is_driven_without_a_path() {
    let calibration = file("tests/trees/odometry_calibration.xml");
    let start_pose = Pose2::new(4.0, 3.0, 0.0);
    let mut l = start(&calibration, start_pose, Pose2::new(9.0, 4.0, 0.0));
    let mut farthest_m = 0.0_f64;
    while l.status() != TreeStatus::Success && l.t_s() < 300.0 {
        l.run(0.2);
        assert_ne!(l.status(), TreeStatus::Failure, "{}", l.trace(1.0));
        farthest_m = farthest_m.max(l.pose.position().distance_m(start_pose.position()));
    }
    assert_eq!(l.status(), TreeStatus::Success, "{}", l.trace(2.0));
    // Its diagonal.
    assert!((2.6..3.1).contains(&farthest_m), "{farthest_m}");
    l.check_commands();
}
