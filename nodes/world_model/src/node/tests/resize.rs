//! The local grid and the map change their size while the node runs.

use super::*;
use crate::static_map::tests::map;

fn size(width: u32, height: u32, resolution_m: f64) -> Input {
    Input::Resize(GridSize { width, height, resolution_m })
}

/// A wall of discs at x = 3.
fn world() -> World {
    let mut world = World::new();
    world.things = (-30..=30).map(|i| (Point2::new(3.0, 0.05 * f64::from(i)), 0.05)).collect();
    world.run(0, 1000);
    world
}

const WALL: Point2 = Point2::new(2.97, 0.0);

#[test]
fn another_size_keeps_what_was_seen() {
    let mut w = world();
    for (i, (width, height, resolution_m)) in
        [(300, 260, 0.05), (120, 120, 0.1), (160, 160, 0.04), (200, 200, 0.05)].into_iter().enumerate()
    {
        let ms = 1000 + 100 * i as i64;
        w.step(ms, vec![size(width, height, resolution_m)]);
        // No scan yet: what is told is what was kept.
        w.step(ms + 99, vec![Input::Odometry(w.odometry(ms + 99))]);
        let local = &w.last().local;
        assert!(local.is_consistent());
        assert_eq!(
            (local.width, local.height, local.resolution_m.to_bits()),
            (width, height, resolution_m.to_bits())
        );
        let least = [-0.05, 0.0, 0.05].map(|x| local.cost_at(Point2::new(WALL.x_m + x, 0.0)));
        assert!(least.contains(&COST_LETHAL), "{width} {resolution_m}: {least:?}");
        assert_eq!(local.cost_at(Point2::new(1.0, 0.0)), COST_FREE);
    }
    assert_eq!((w.count("resizes"), w.count("resizes_refused")), (4, 0));
    w.run(1500, 2000);
    assert_eq!(w.last().local.cost_at(WALL), COST_LETHAL);
}

#[test]
fn what_there_is_no_room_for_is_refused_and_named() {
    let mut w = world();
    let before = (w.last().local.width, w.last().local.height);
    let refusals = [
        ((401, 200, 0.05), "costmap.width_cells: 401 is not within [20, 400] (costmap.width_max_cells)"),
        ((200, 1000, 0.05), "costmap.height_cells: 1000 is not within [20, 400] (costmap.height_max_cells)"),
        ((0, 200, 0.05), "costmap.width_cells: lower than 20"),
        ((400, 400, 0.001), "costmap.resolution_m: 0.001 is not within [0.01, 1]"),
        ((20, 20, 0.05), "costmap.resolution_m times half the cells: 0.5 is not within"),
        ((200, 200, f64::NAN), "costmap.resolution_m: NaN"),
    ];
    for ((width, height, resolution_m), why) in refusals {
        w.step(1010, vec![size(width, height, resolution_m)]);
        let told = w.node.diagnostics();
        let told = &told.iter().find(|(name, _)| *name == "last_resize_refused").unwrap().1;
        assert!(told.starts_with("/costmap/resize: ") && told.contains(why), "{told}");
    }
    assert_eq!((w.count("resizes"), w.count("resizes_refused")), (0, 6));
    w.run(1050, 1500);
    assert_eq!((w.last().local.width, w.last().local.height), before);
}

#[test]
fn a_map_of_another_size_is_taken_over_whole() {
    let mut w = World::new();
    let (mut small, mut large) = (map(0.1), map(0.05));
    (small.stamp, large.stamp) = (ros(0), ros(2000));
    large.origin = Point2::new(-3.0, -3.0);
    let drive = |w: &mut World, from: i64, to: i64| {
        for ms in (from..to).step_by(50) {
            let inputs =
                vec![World::localisation(ms, 0.0), Input::Odometry(w.odometry(ms)), Input::Scan(w.scan(ms))];
            w.step(ms, inputs);
        }
    };
    w.step(0, vec![Input::Map(small.clone())]);
    drive(&mut w, 0, 2000);
    assert_eq!(w.last().local.cost_at(Point2::new(4.05, 1.0)), COST_LETHAL);
    w.step(2000, vec![Input::Map(large)]);
    // Somebody stands about: found on the new grid.
    w.things = vec![(Point2::new(1.5, 1.5), 0.3)];
    drive(&mut w, 2000, 4000);
    small.stamp = ros(4000);
    w.step(4000, vec![Input::Map(small)]);
    drive(&mut w, 4000, 6000);
    let sizes: Vec<_> = w.grids().iter().map(|g| (g.width, g.height, g.is_consistent())).collect();
    assert_eq!(sizes.first(), Some(&(200, 100, true)));
    assert!(sizes.contains(&(400, 200, true)) && sizes.iter().all(|s| s.2), "{sizes:?}");
    assert_eq!(sizes.last(), Some(&(200, 100, true)));
    let found = |g: &&&CostGrid| g.cost_at(Point2::new(1.28, 1.28)) >= COST_INSCRIBED;
    assert!(w.grids().iter().any(|g| g.width == 400 && found(&g)));
    assert_eq!(w.last().local.cost_at(Point2::new(4.05, 1.0)), COST_LETHAL, "the first wall is back");
}
