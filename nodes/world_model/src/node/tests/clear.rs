//! The planner's order to forget.

use super::*;
use outrider_foundation::data::{ClearCostmap, ClearRegion};

/// Something is seen at 3 m; it goes, and what has come before it at 1.5 m hides that.
fn with_a_stale_obstacle() -> World {
    let mut world = World::new();
    world.things.push((Point2::new(3.0, 0.0), 0.2));
    world.run(0, 500);
    world.things = vec![(Point2::new(1.5, 0.0), 0.4)];
    world.run(500, 1500);
    assert_eq!((cost(&world, 2.83), cost(&world, 1.13)), (COST_LETHAL, COST_LETHAL));
    world
}

fn cost(world: &World, x_m: f64) -> u8 {
    let grid = &world.last().local;
    grid.cost[grid.index_of(grid.cell_of(Point2::new(x_m, 0.0))).unwrap()]
}

fn order(region: ClearRegion) -> Input {
    Input::Clear(ClearCostmap {
        boot_id: 3,
        sequence: 1,
        local: true,
        global: true,
        region,
        ..Default::default()
    })
}

#[test]
fn a_stale_obstacle_goes_and_what_is_seen_is_there_in_the_same_grid() {
    let mut world = with_a_stale_obstacle();
    let before = world.models().len();
    world.step(1500, vec![order(ClearRegion::Entire)]);
    // No grid goes out in which the sensors have no say, a heartbeat's neither.
    world.step(1700, Vec::new());
    assert!(world.models().len() > before && cost(&world, 2.83) == COST_LETHAL);
    for ms in [1710, 1760] {
        let inputs = vec![Input::Odometry(world.odometry(ms)), Input::Scan(world.scan(ms))];
        world.step(ms, inputs);
        assert_ne!(cost(&world, 2.83), COST_LETHAL);
        assert_eq!(cost(&world, 1.13), COST_LETHAL);
    }
    assert_eq!(world.count("costmap_clears"), 1);
}

#[test]
fn only_the_square_or_all_but_the_square_is_forgotten() {
    for (region, stays) in [
        (ClearRegion::Square(2.0), true),
        (ClearRegion::Square(7.0), false),
        (ClearRegion::ExceptSquare(7.0), true),
        (ClearRegion::ExceptSquare(2.0), false),
    ] {
        let mut world = with_a_stale_obstacle();
        world.step(1500, vec![order(region)]);
        world.run(1510, 1620);
        assert_eq!(cost(&world, 2.83) == COST_LETHAL, stays, "{region:?}");
        assert_eq!(cost(&world, 1.13), COST_LETHAL, "{region:?}");
    }
}

#[test]
fn the_global_grid_forgets_too_and_the_map_stays() {
    let mut world = World::new();
    world.things.push((Point2::new(1.0, 1.0), 0.2));
    world.step(0, vec![Input::Map(map()), World::localisation(0, 0.0)]);
    let drive = |world: &mut World, from_ms: i64, to_ms: i64| {
        for ms in (from_ms..to_ms).step_by(50) {
            let inputs = vec![
                World::localisation(ms, 0.0),
                Input::Odometry(world.odometry(ms)),
                Input::Scan(world.scan(ms)),
            ];
            world.step(ms, inputs);
        }
    };
    drive(&mut world, 50, 3000);
    let lethal = |grid: &CostGrid| grid.cost.iter().filter(|cost| **cost == COST_LETHAL).count();
    let (of_the_map, found) = (lethal(world.grids()[0]), lethal(world.grids().last().unwrap()));
    assert!(found > of_the_map, "{found} of {of_the_map}");
    world.things = vec![(Point2::new(0.6, 0.6), 0.15)];
    drive(&mut world, 3000, 3200);
    let made = world.grids().len();
    world.step(3210, vec![order(ClearRegion::Entire)]);
    drive(&mut world, 3250, 3300);
    let grids = world.grids();
    assert_eq!(grids.len(), made + 1, "made anew at once");
    assert!(lethal(grids[made]) >= of_the_map);
    let there =
        |grid: &CostGrid, x_m: f64| grid.cost[grid.index_of(grid.cell_of(Point2::new(x_m, x_m))).unwrap()];
    assert_ne!(there(grids[made], 0.87), COST_LETHAL);
}

#[test]
fn orders_beyond_the_limit_are_left_out_and_counted() {
    let mut world = with_a_stale_obstacle();
    let orders = (0..crate::CLEAR_LIMIT + 3).map(|_| order(ClearRegion::Square(0.1))).collect();
    world.step(1500, orders);
    assert_eq!(world.count("costmap_clears_left_out"), 3);
    world.run(1510, 1620);
    assert_eq!(world.count("costmap_clears"), crate::CLEAR_LIMIT as u64);
}
