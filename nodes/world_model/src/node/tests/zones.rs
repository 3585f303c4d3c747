//! Exclusion zones on both grids.

use super::*;
use crate::static_map::tests::map;
use outrider_foundation::zones::ExclusionZone;

/// A store from (2, −1) to (3, 1) in a map that is 2 m off odom along x.
fn zones() -> Zones {
    let polygon_m = vec![[2.0, -1.0], [3.0, -1.0], [3.0, 1.0], [2.0, 1.0]];
    let zone = ExclusionZone { name: "store".into(), polygon_m };
    Zones { version: 1, exclusion: vec![zone], ..Zones::default() }
}

fn world(enabled: bool) -> World {
    let mut config = shipped();
    config.zone_layer.enabled = enabled;
    let node = WorldModelNode::new(config, &amr(), 7).unwrap().with_zones(&zones()).unwrap();
    World { node, ..World::new() }
}

/// Map, odometry and scans from `from_ms` on for 300 ms, the robot standing at `x_m` in the map.
fn stand(w: &mut World, from_ms: i64, x_m: f64) {
    let fixed = OccupancyMap { stamp: ros(from_ms), ..map(0.05) };
    w.step(from_ms, vec![Input::Map(fixed)]);
    for ms in (from_ms..from_ms + 1300).step_by(50) {
        let inputs =
            vec![World::localisation(ms, x_m), Input::Odometry(w.odometry(ms)), Input::Scan(w.scan(ms))];
        w.step(ms, inputs);
    }
}

const IN_STORE: Point2 = Point2::new(2.5, 0.0);
const WITHIN_MARGIN: Point2 = Point2::new(1.9, 0.3);
const BESIDE: Point2 = Point2::new(1.7, 0.3);

#[test]
fn a_zone_is_lethal_and_inflated_on_both_grids_in_the_map_frame() {
    let mut w = world(true);
    stand(&mut w, 0, 0.0);
    let global = *w.grids().last().unwrap();
    for grid in [&*w.last().local, global] {
        assert_eq!(grid.frame, FrameId::Map);
        assert_eq!(grid.cost_at(IN_STORE), COST_LETHAL);
        assert_eq!(grid.cost_at(WITHIN_MARGIN), COST_LETHAL);
        assert_eq!(grid.cost_at(BESIDE), COST_INSCRIBED);
        assert_eq!(grid.distance_at_m(IN_STORE), Some(0.0));
    }
    assert_eq!(w.grids().len(), 1, "a zone is nothing that scans have found");
}

#[test]
fn switched_off_or_without_a_place_in_the_map_there_is_none() {
    let mut off = world(false);
    stand(&mut off, 0, 0.0);
    assert_eq!(off.grids().last().unwrap().cost_at(IN_STORE), COST_FREE);
    let mut w = world(true);
    w.run(0, 400);
    assert_eq!(w.last().local.frame, FrameId::Odom);
    assert_ne!(w.last().local.cost_at(IN_STORE), COST_LETHAL);
}

#[test]
fn the_map_that_poses_are_matched_to_has_no_zones() {
    let mut w = world(true);
    stand(&mut w, 0, 0.0);
    let global = w.node.global.as_ref().unwrap();
    let index = global.grid().index_of(global.grid().cell_of(IN_STORE)).unwrap();
    assert!(global.map_distance_sq()[index] > 100);
    // Somebody stands in the zone: that is found, and told as an obstacle beside the map.
    w.things = vec![(Point2::new(2.5, 0.0), 0.2)];
    stand(&mut w, 2000, 0.0);
    assert_eq!(w.grids().len(), 2);
}

#[test]
fn a_robot_that_stands_in_a_zone_finds_it_open_behind_itself() {
    let mut w = world(true);
    stand(&mut w, 0, 0.0);
    stand(&mut w, 2000, 1.9);
    let here = Point2::new(1.9, 0.0);
    let global = *w.grids().last().unwrap();
    assert_eq!(w.grids().len(), 2, "told at once, and once");
    for grid in [&*w.last().local, global] {
        assert!(grid.cost_at(here) < COST_INSCRIBED || grid.distance_at_m(here).unwrap() > 0.3);
        assert_eq!(grid.cost_at(IN_STORE), COST_LETHAL, "deeper than it stands");
        assert!(grid.cost_at(Point2::new(1.5, 0.0)) < 100, "the way out");
    }
    stand(&mut w, 4000, 0.0);
    assert_eq!(w.grids().last().unwrap().cost_at(Point2::new(2.02, 0.0)), COST_LETHAL, "it has closed again");
}

#[test]
fn a_zone_that_cannot_be_is_named() {
    let mut zones = zones();
    zones.exclusion[0].polygon_m = vec![[0.0, 0.0], [2.0, 2.0], [2.0, 0.0], [0.5, 2.5]];
    let error = WorldModelNode::new(shipped(), &amr(), 7).unwrap().with_zones(&zones).unwrap_err();
    assert_eq!(error.to_string(), "zones: store: two edges of the polygon cross or touch");
}
