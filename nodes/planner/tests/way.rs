//! The path: found with the robot's outline where the plain one does not fit, and kept unless another is clearly better.

// Helpers of an integration test are outside of #[test] functions.

use crate::common::{
    Loop, Walker, brute_clearance_m, config, grid, lethal_cells, planner_with, robot, two_rooms,
};
use outrider_foundation::data::{TreeStatus, WorldModel};
use outrider_foundation::geometry::wrap_angle;
use outrider_foundation::grid::{CostGrid, FrameId};
use outrider_foundation::zones::DirectionZone;
use outrider_foundation::{Point2, Pose2};
use outrider_planner::Input;
use outrider_planner::path::POSE_LIMIT;
use outrider_planner::search::{Disc, Ground, OneWay, Route, RouteError, Router};
use std::sync::Arc;

/// Two rooms joined by a passage of this width at y = 4, 1.2 m long.
fn passage(width_m: f64) -> CostGrid {
    let (low, high) = (4.0 - 0.5 * width_m, 4.0 + 0.5 * width_m);
    let walls = [
        [0.0, 0.0, 12.0, 0.1],
        [0.0, 7.9, 12.0, 8.0],
        [0.0, 0.0, 0.1, 8.0],
        [11.9, 0.0, 12.0, 8.0],
        [5.4, 0.0, 6.6, low],
        [5.4, high, 6.6, 8.0],
    ];
    grid([12.0, 8.0], Point2::default(), &walls)
}

fn on(base: &CostGrid) -> Ground<'_> {
    Ground { base, overlay: None, discs: &[], one_way: &[] }
}

/// A door that the map knows nothing of, in the only way.
#[test]
fn the_way_to_a_closed_door_is_taken_up_to_before_it() {
    let (map, goal) = (two_rooms(), Pose2::new(9.0, 4.0, 0.0));
    let seen = grid([8.0, 6.0], Point2::new(2.0, 1.0), &[[5.9, 3.3, 6.1, 4.7]]);
    let mut router = Router::new(&config().search, &robot().footprint);
    let mut route = |from: Point2, ground: &Ground<'_>| {
        router.route(ground, FrameId::Map, Pose2::new(from.x_m, from.y_m, 0.0), goal, false)
    };
    let shut = Ground { overlay: Some(&seen), ..on(&map) };
    let towards = route(Point2::new(1.0, 2.0), &shut).unwrap();
    let end = towards.path.end();
    assert!(!towards.path.complete && (4.0..4.7).contains(&end.x_m) && end.y_m > 3.0, "{end:?}");
    let blocked_at = towards.blocked_at.unwrap();
    assert!((5.3..5.95).contains(&blocked_at.x_m) && (3.3..4.7).contains(&blocked_at.y_m), "{blocked_at:?}");
    assert!(
        (towards.cost - towards.path.length_m() - end.position().distance_m(goal.position())).abs() < 0.5
    );
    // There, nothing is gained by going on; and where the map itself has no way, or somebody stands in it, nobody sets off.
    assert_eq!(route(end.position(), &shut), Err(RouteError::NoPath));
    let walled = passage(0.45);
    assert_eq!(route(Point2::new(1.0, 2.0), &Ground { base: &walled, ..shut }), Err(RouteError::NoPath));
    let open = grid([8.0, 6.0], Point2::new(2.0, 1.0), &[]);
    let person = [Disc { centre: Point2::new(6.0, 4.0), radius_m: 0.7, berth_m: 0.0, berth_weight: 0.0 }];
    let occupied = Ground { overlay: Some(&open), discs: &person, ..on(&map) };
    assert_eq!(route(Point2::new(1.0, 2.0), &occupied), Err(RouteError::NoPath));
    let free = Ground { discs: &[], ..occupied };
    assert!(route(Point2::new(1.0, 2.0), &free).unwrap().path.complete);
}

#[test]
fn a_closed_door_is_driven_up_to_unless_somebody_is_there() {
    let shut = grid([12.0, 8.0], Point2::default(), &[[5.9, 0.0, 6.1, 8.0]]);
    for (person, sets_off) in [(None, true), (Some([9.5, 2.0]), true), (Some([7.0, 4.2]), false)] {
        let mut l = Loop::new(shut.clone(), Pose2::new(2.0, 4.0, 0.0));
        let stands = |[x, y]: [f64; 2]| Walker {
            from: Point2::new(x, y),
            velocity: Point2::default(),
            starts_s: 0.0,
            ends_s: 0.0,
        };
        l.walkers = person.map(stands).into_iter().collect();
        l.send(Input::GlobalGrid(two_rooms()));
        l.goal(Pose2::new(9.0, 4.0, 0.0));
        l.run(8.0);
        let reached = if sets_off { 3.9..4.8 } else { 1.9..2.1 };
        assert!(reached.contains(&l.pose.x_m), "{person:?}: {:?}\n{}", l.pose, l.trace(0.5));
        let why = if sets_off {
            "waiting: the only way is blocked at (5.6, 4.0)"
        } else {
            "waiting: no path to the goal"
        };
        assert_eq!(l.last().reason, why, "{person:?}");
        // It opens.
        l.grid = two_rooms();
        l.lethal = lethal_cells(&l.grid);
        l.walkers.clear();
        assert!(l.run_to_end(60.0), "{person:?}\n{}", l.trace(1.0));
        assert_eq!(l.status(), TreeStatus::Success);
        l.check_commands();
    }
}

#[test]
fn where_the_plain_path_has_no_room_the_outline_finds_its_way_and_the_goals_heading() {
    let (robot, map) = (robot(), passage(0.75));
    let mut router = Router::new(&config().search, &robot.footprint);
    let (from, goal) = (Pose2::new(4.0, 4.5, 1.57), Pose2::new(8.0, 3.5, 1.57));
    router.prepare(&on(&map), goal.position());
    assert_eq!(router.plan(FrameId::Map, from.position(), goal), Err(RouteError::NoPath));
    let route = router.route(&on(&map), FrameId::Map, from, goal, false).unwrap();
    assert!(route.by_outline && route.path.complete);
    assert_eq!((route.path.poses[0], route.path.end()), (from, goal));
    let lethal = lethal_cells(&map);
    for pose in &route.path.poses {
        assert!(brute_clearance_m(&robot, &map, &lethal, *pose) > 0.03, "{pose:?}");
        if pose.x_m > 5.5 && pose.x_m < 6.5 {
            assert!(wrap_angle(pose.yaw_rad).abs() < 0.3, "{pose:?}");
        }
    }
    // The rest of it costs less and less, by the rules that it was found with.
    let whole = router.cost_of(&route.path, 0.0).unwrap();
    assert!((whole - route.cost).abs() < 1e-9 && router.cost_of(&route.path, 2.0).unwrap() < whole);
    // Narrower than the robot: nobody gets through.
    let closed = passage(0.45);
    let refused = router.route(&on(&closed), FrameId::Map, from, goal, false);
    assert!(matches!(refused, Err(RouteError::NoPath)), "{refused:?}");
}

#[test]
fn the_plain_path_is_taken_where_it_fits_and_the_lattices_when_asked_for() {
    let (robot, map) = (robot(), passage(1.4));
    let mut router = Router::new(&config().search, &robot.footprint);
    let (from, goal) = (Pose2::new(4.5, 4.0, 0.0), Pose2::new(7.5, 4.0, 0.0));
    let plain = router.route(&on(&map), FrameId::Map, from, goal, false).unwrap();
    let asked = router.route(&on(&map), FrameId::Map, from, goal, true).unwrap();
    assert!(!plain.by_outline && asked.by_outline);
    assert!(asked.path.length_m() < 1.1 * plain.path.length_m());
}

#[test]
fn when_the_lattice_that_was_asked_for_finds_nothing_the_plain_answer_stands() {
    let (from, goal) = (Pose2::new(4.5, 4.0, 0.0), Pose2::new(7.5, 4.0, 0.0));
    let mut config = config();
    config.search.lattice.expansion_limit = 100;
    let mut router = Router::new(&config.search, &robot().footprint);
    let map = passage(1.4);
    let plain = router.route(&on(&map), FrameId::Map, from, goal, false).unwrap();
    let asked = router.route(&on(&map), FrameId::Map, from, goal, true).unwrap();
    assert_eq!(asked, plain, "it gave up");
    assert!(!asked.by_outline && asked.path.complete);
    // What the plain search says of a goal that cannot be reached, too.
    let walled = passage(0.45);
    for outline_first in [false, true] {
        let found = router.route(&on(&walled), FrameId::Map, from, goal, outline_first);
        assert_eq!(found, Err(RouteError::NoPath), "{outline_first}");
    }
}

#[test]
fn a_path_that_is_too_long_ends_where_it_is_cut_off() {
    let mut config = config();
    (config.search.resample_m, config.search.smoothing_rounds) = (0.0004, 0);
    let mut router = Router::new(&config.search, &robot().footprint);
    let (from, goal) = (Pose2::new(1.0, 4.0, 0.0), Pose2::new(11.0, 4.0, 1.0));
    let Route { path, cost, .. } =
        router.route(&on(&crate::common::hall()), FrameId::Map, from, goal, false).unwrap();
    assert!(!path.complete && path.poses.len() == POSE_LIMIT, "{}", path.poses.len());
    assert!((path.end().x_m - 9.0).abs() < 0.01 && path.end().yaw_rad.abs() < 0.01, "{:?}", path.end());
    // With the way that is left.
    assert!((cost - 10.0).abs() < 0.05, "{cost}");
}

#[test]
fn a_tree_may_ask_for_the_lattice() {
    let tree =
        crate::common::TREE.replace("<ComputePathToPose/>", "<ComputePathToPose planner_id=\"Lattice\"/>");
    assert_ne!(tree, crate::common::TREE);
    let mut l = Loop::new(two_rooms(), Pose2::new(2.0, 2.0, 2.5));
    l.node = planner_with(&tree);
    let map = l.grid.clone();
    l.send(Input::GlobalGrid(map));
    l.goal(Pose2::new(4.0, 4.0, 0.0));
    l.run(0.5);
    // Headings of the lattice, not of the way between points: the first motion turns on the spot.
    let plan = l.plans.last().unwrap();
    let apart = |a: f64, b: f64| (a - b).abs() > 1e-9;
    let turns =
        plan.windows(2).any(|w| w[0].position() == w[1].position() && apart(w[0].yaw_rad, w[1].yaw_rad));
    assert!(plan.len() > 5 && (turns || apart(plan[1].yaw_rad, plan[0].yaw_rad)), "{plan:?}");
    assert!(l.run_to_end(30.0), "{}", l.trace(0.5));
}

#[test]
fn a_planner_or_a_controller_that_there_is_not_is_an_error_with_its_name_and_those_that_there_are() {
    let wrong = [
        ("<ComputePathToPose/>", "planner_id", "no planner `Smac`; there is: GridBased, Lattice", 201),
        ("<FollowPath/>", "controller_id", "no controller `Smac`; there is: FollowPath", 101),
    ];
    for (node, port, message, code) in wrong {
        // In the XML: the tree is not built.
        let asked = |value: &str| node.replace("/>", &format!(" {port}=\"{value}\"/>"));
        let tree = crate::common::TREE.replace(node, &asked("Smac"));
        assert_ne!(tree, crate::common::TREE);
        let refused = outrider_planner::PlannerNode::new(config(), &robot(), &tree, 7).err().unwrap();
        assert!(refused.to_string().contains(message), "{refused}");
        // From the blackboard: it fails with Nav2's code when it is used.
        let leaf = asked("{id}").replace("/>", " error_code_id=\"{code}\"/>");
        let kept = format!("<Fallback>{leaf}<AlwaysFailure/></Fallback>");
        let script = "<Script code=\"id := 'Smac'\"/>";
        let tree = format!(
            "<root BTCPP_format=\"4\" main_tree_to_execute=\"M\"><BehaviorTree ID=\"M\"><Sequence>{script}{kept}</Sequence></BehaviorTree></root>"
        );
        let mut l = Loop::new(two_rooms(), Pose2::new(2.0, 2.0, 0.0));
        l.node = planner_with(&tree);
        let map = l.grid.clone();
        l.send(Input::GlobalGrid(map));
        l.goal(Pose2::new(4.0, 4.0, 0.0));
        l.run(0.5);
        let told = l.states.iter().any(|s| s.message.contains(message) && s.code == code);
        let states: Vec<_> = l.states.iter().map(|s| (s.status, s.code, &s.message)).collect();
        assert!(told, "{states:?}");
    }
}

/// A block in the middle of a hall, with a way round on either side.
fn block() -> CostGrid {
    grid([12.0, 8.0], Point2::default(), &[[5.0, 3.0, 7.0, 5.0]])
}

/// One side a little dearer than the other.
fn tilt(grid: &mut CostGrid, upper: bool) {
    for index in 0..grid.cost.len() {
        if (index / grid.width as usize >= grid.height as usize / 2) == upper && grid.cost[index] < 240 {
            grid.cost[index] += 3;
        }
    }
}

fn side(path: &[Pose2]) -> Option<bool> {
    path.iter().find(|p| (p.x_m - 6.0).abs() < 0.2).map(|p| p.y_m > 4.0)
}

#[test]
fn between_two_ways_as_good_it_does_not_waver() {
    // The noise is enough to make now this, now that way the cheaper one.
    let mut router = Router::new(&config().search, &robot().footprint);
    let sides = [true, false].map(|upper| {
        let mut grid = block();
        tilt(&mut grid, upper);
        let (from, goal) = (Pose2::new(2.0, 4.025, 0.0), Pose2::new(10.0, 4.025, 0.0));
        side(&router.route(&on(&grid), FrameId::Map, from, goal, false).unwrap().path.poses).unwrap()
    });
    assert_eq!(sides, [false, true]);
    let mut l = Loop::new(block(), Pose2::new(2.0, 4.025, 0.0));
    l.world_model = |world: &mut WorldModel| {
        tilt(Arc::make_mut(&mut world.local), (world.sequence / 30).is_multiple_of(2))
    };
    l.goal(Pose2::new(10.0, 4.025, 0.0));
    assert!(l.run_to_end(60.0), "{}", l.trace(0.5));
    let sides: Vec<bool> = l.plans.iter().filter_map(|plan| side(plan)).collect();
    assert!(!sides.is_empty() && sides.iter().all(|s| *s == sides[0]), "{sides:?}");
}

/// Commands, searches and whether the robot waits, step by step for so long.
fn steps(l: &mut Loop, seconds: f64) -> Vec<(usize, u64)> {
    let searches = |l: &Loop| {
        let told = l.node.diagnostics();
        told.iter().find(|(name, _)| *name == "path searches").unwrap().1.parse::<u64>().unwrap()
    };
    let mut before = (l.commands.len(), searches(l));
    let mut steps = Vec::new();
    for _ in 0..(seconds / crate::common::STEP_S) as usize {
        l.tick();
        let after = (l.commands.len(), searches(l));
        steps.push((after.0 - before.0, after.1 - before.1));
        before = after;
    }
    steps
}

#[test]
fn no_command_waits_for_a_search_while_there_is_a_path_to_drive_on() {
    let mut l = Loop::new(crate::common::hall(), Pose2::new(2.0, 4.0, 0.0));
    l.goal(Pose2::new(10.0, 4.0, 0.0));
    // Without a path there is nothing to give but a search.
    let first = steps(&mut l, 0.1);
    assert_eq!(first.iter().find(|(_, searches)| *searches > 0), Some(&(1, 1)), "{first:?}");
    let later = steps(&mut l, 5.0);
    let searches: u64 = later.iter().map(|(_, searches)| searches).sum();
    assert!((4..=5).contains(&searches), "once a second: {searches}");
    assert!(later.iter().all(|(commands, searches)| *commands == 0 || *searches == 0), "{later:?}");
    // It drives on all the while.
    let waits = l.commands.iter().skip(3).find(|(_, c)| c.reason.contains("waiting"));
    assert_eq!(waits.map(|(t_s, c)| (t_s, &c.reason)), None);
}

#[test]
fn a_search_in_vain_is_not_made_again_at_once_while_the_way_is_free() {
    let mut l = Loop::new(crate::common::hall(), Pose2::new(2.0, 4.0, 0.0));
    l.goal(Pose2::new(10.0, 4.0, 0.0));
    l.run(1.0);
    // From side to side, beyond what of the path is looked at.
    l.grid = grid([12.0, 8.0], Point2::default(), &[[9.4, 0.0, 9.6, 8.0]]);
    let with = steps(&mut l, 3.0);
    let searches: u64 = with.iter().map(|(_, searches)| searches).sum();
    assert!((2..=4).contains(&searches), "once a second: {searches}");
    assert!(l.last().twist.v_mps > 0.5 && l.pose.x_m > 4.0, "{}", l.trace(0.5));
    // As soon as the path is blocked, with every command as before.
    let (near, far) = ([l.pose.x_m + 1.3, 3.0, l.pose.x_m + 1.6, 5.0], [9.4, 0.0, 9.6, 8.0]);
    l.grid = grid([12.0, 8.0], Point2::default(), &[near, far]);
    let with = steps(&mut l, 0.1);
    assert!(with.contains(&(1, 1)), "{with:?}");
}

#[test]
fn a_blocked_path_is_planned_anew_before_the_next_command() {
    let mut l = Loop::new(crate::common::hall(), Pose2::new(2.0, 4.0, 0.0));
    l.goal(Pose2::new(10.0, 4.0, 0.0));
    l.run(1.5);
    let (plans, free) = (l.plans.len(), l.grid.clone());
    l.grid = grid([12.0, 8.0], Point2::default(), &[[4.4, 3.7, 4.8, 4.5]]);
    assert_ne!(free, l.grid);
    let with = steps(&mut l, 0.1);
    assert!(with.contains(&(1, 1)), "{with:?}");
    assert!(l.plans.len() > plans);
}

#[test]
fn what_a_search_found_is_no_excuse_for_a_path_that_was_blocked_since() {
    let mut l = Loop::new(crate::common::hall(), Pose2::new(2.0, 4.0, 0.0));
    l.goal(Pose2::new(10.0, 4.0, 0.0));
    l.run(0.5);
    // To a step that searches before the next command comes with a new world model, and no farther: then the way is blocked.
    let found = (0..1000).any(|_| steps(&mut l, crate::common::STEP_S) == [(0, 1)] && l.ticks % 10 == 7);
    assert!(found);
    let plans = l.plans.len();
    l.grid = grid([12.0, 8.0], Point2::default(), &[[l.pose.x_m + 1.2, 3.7, l.pose.x_m + 1.6, 4.5]]);
    while !l.ticks.is_multiple_of(10) {
        l.tick();
    }
    let with_the_block = steps(&mut l, crate::common::STEP_S);
    assert_eq!(with_the_block, [(1, 1)], "the search is made anew");
    assert!(l.plans.len() > plans);
}

#[test]
fn out_of_the_dead_end_of_a_lane_and_into_none() {
    // A corridor that ends in the east, all of it for eastbound traffic.
    let map = grid(
        [12.0, 8.0],
        Point2::default(),
        &[[4.0, 0.0, 12.0, 3.0], [4.0, 5.0, 12.0, 8.0], [11.0, 3.0, 12.0, 5.0]],
    );
    let polygon_m = vec![[4.5, 3.0], [11.0, 3.0], [11.0, 5.0], [4.5, 5.0]];
    let lane = DirectionZone { name: "lane".into(), polygon_m, heading_rad: 0.0, tolerance_rad: 0.6 };
    let zones = [OneWay::new(&lane).unwrap()];
    let ground = Ground { base: &map, overlay: None, discs: &[], one_way: &zones };
    let mut router = Router::new(&config().search, &robot().footprint);
    let (outside, inside) = (Pose2::new(2.0, 4.0, 0.0), Pose2::new(10.0, 4.0, 0.0));
    assert!(router.route(&ground, FrameId::Map, outside, inside, false).is_ok(), "in");
    assert!(
        router.route(&ground, FrameId::Map, inside, outside, false).unwrap().path.complete,
        "and out, as it stands in it"
    );
    // The other way about it is not entered.
    let lane = DirectionZone { heading_rad: -3.0, ..lane };
    let zones = [OneWay::new(&lane).unwrap()];
    let ground = Ground { one_way: &zones, ..ground };
    assert_eq!(router.route(&ground, FrameId::Map, outside, inside, false), Err(RouteError::NoPath));
    assert!(router.route(&ground, FrameId::Map, inside, outside, false).is_ok());
}
