//! Who stands is given a wide berth; in a lane of one direction by no steeper a way than it permits.
// Helpers of an integration test are outside of #[test] functions.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use common::{Loop, Walker, hall, planner};
use outrider_foundation::data::TreeStatus;
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
