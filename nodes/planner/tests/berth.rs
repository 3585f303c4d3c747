//! Who stands is given a wide berth, but not in a lane of one direction.
// Helpers of an integration test are outside of #[test] functions.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use common::{Loop, Walker, hall, planner};
use outrider_foundation::data::TreeStatus;
use outrider_foundation::zones::{DirectionZone, Zones};
use outrider_foundation::{Point2, Pose2};

/// Drives past somebody who stands in the middle of the hall; the least distance between outline and disc, m.
fn least_gap_m(zones: &Zones) -> f64 {
    let mut l = Loop::new(hall(), Pose2::new(1.0, 4.0, 0.0));
    l.node = planner().with_zones(zones).unwrap();
    let goal = Pose2::new(11.0, 4.0, 0.0);
    l.goal(goal);
    let from = Point2::new(6.0, 4.0);
    l.walkers = vec![Walker { from, velocity: Point2::default(), starts_s: 0.0, ends_s: 0.0 }];
    assert!(l.run_to_end(40.0) && l.status() == TreeStatus::Success, "\n{}", l.trace(0.5));
    l.assert_arrived(goal, 0.05);
    l.check_commands();
    l.least_person_m
}

#[test]
fn who_stands_is_given_a_wide_berth_but_not_in_a_lane() {
    let polygon_m = vec![[0.0, 0.0], [12.0, 0.0], [12.0, 8.0], [0.0, 8.0]];
    let lane = DirectionZone { name: "lane".into(), polygon_m, heading_rad: 0.0, tolerance_rad: 1.2 };
    let anywhere_m = least_gap_m(&Zones { version: 1, ..Zones::default() });
    let in_lane_m = least_gap_m(&Zones { version: 1, direction: vec![lane], ..Zones::default() });
    assert!(anywhere_m > 0.5, "{anywhere_m} m");
    assert!((0.2..anywhere_m - 0.1).contains(&in_lane_m), "{in_lane_m} m, elsewhere {anywhere_m} m");
}
