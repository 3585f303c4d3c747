use super::super::COST_PER_CELL;
use super::*;
use crate::search::OneWay;
use outrider_foundation::Footprint;
use outrider_foundation::rng::Rng;
use outrider_foundation::zones::DirectionZone;
use std::f64::consts::PI;

const RULES: LatticeRules = LatticeRules { min_radius_m: 0.3, turn_cost_m: 0.2, reverse: false };
const CELL_M: f64 = 0.05;

/// A grid with walls `[x0, y0, x1, y1]` in metres; the centre may be wherever there is none.
fn grid(size: [f64; 2], walls: &[[f64; 4]]) -> PlanGrid {
    let (width, height) = ((size[0] / CELL_M).round() as u32, (size[1] / CELL_M).round() as u32);
    let mut grid = PlanGrid { resolution_m: CELL_M, width, height, ..PlanGrid::default() };
    grid.travel = vec![1000; (width * height) as usize];
    for i in 0..grid.travel.len() {
        let p = grid.centre_of(grid.cell_at(i));
        if walls.iter().any(|w| p.x_m > w[0] && p.x_m < w[2] && p.y_m > w[1] && p.y_m < w[3]) {
            grid.travel[i] = FORBIDDEN;
        }
    }
    grid
}

/// No wall's cell, and nothing beyond the grid, lies within the outline.
fn fits(grid: &PlanGrid, outline: &Footprint, pose: Pose2) -> bool {
    let reach = (outline.circumscribed_m() / CELL_M).ceil() as i32 + 1;
    let (at, base_from_map) = (grid.cell_of(pose.position()), pose.inverse());
    (-reach..=reach).all(|dr| {
        (-reach..=reach).all(|dc| {
            let cell = Cell { col: at.col + dc, row: at.row + dr };
            let free = grid.index_of(cell).is_some_and(|i| grid.travel[i] != FORBIDDEN);
            free || outline.signed_distance_m(base_from_map.apply(grid.centre_of(cell))) > 0.0
        })
    })
}

fn outline(length_m: f64, width_m: f64) -> Footprint {
    Footprint::rectangle(0.5 * length_m, 0.5 * length_m, width_m).unwrap()
}

fn check(grid: &PlanGrid, outline: &Footprint, found: &LatticeFound, start: Pose2, goal: Pose2) {
    assert!(found.reached, "{} states", found.expanded);
    let (first, last) = (found.poses[0], *found.poses.last().unwrap());
    for (pose, wanted) in [(first, start), (last, goal)] {
        assert!(pose.position().distance_m(wanted.position()) <= 0.036, "{pose:?} {wanted:?}");
        assert!(wrap_angle(pose.yaw_rad - wanted.yaw_rad).abs() <= 0.24, "{pose:?} {wanted:?}");
    }
    for pair in found.poses.windows(2) {
        assert!(fits(grid, outline, pair[1]), "{:?}", pair[1]);
        assert!(pair[0].position().distance_m(pair[1].position()) <= 0.5 * CELL_M + 1e-9);
        assert!(wrap_angle(pair[0].yaw_rad - pair[1].yaw_rad).abs() < 0.1);
    }
}

#[test]
fn straight_ahead_costs_its_length_and_a_turn_what_it_costs() {
    let grid = grid([4.0, 2.0], &[]);
    let outline = outline(0.3, 0.2);
    let mut lattice = Lattice::new(RULES);
    let (start, goal) = (Pose2::new(0.525, 1.025, 0.0), Pose2::new(3.525, 1.025, 0.0));
    let found = lattice.search(&grid, start, goal, 100_000, |p| fits(&grid, &outline, p)).unwrap();
    check(&grid, &outline, &found, start, goal);
    assert_eq!(found.cost, 60 * COST_PER_CELL);
    // Turning about on the spot: half a turn at 0.2 m a radian.
    let goal = Pose2::new(0.525, 1.025, PI);
    let found = lattice.search(&grid, start, goal, 100_000, |p| fits(&grid, &outline, p)).unwrap();
    check(&grid, &outline, &found, start, goal);
    let metres = found.cost as f64 / COST_PER_CELL as f64 * CELL_M;
    assert!((metres - 0.2 * PI).abs() < 1e-6, "{metres}");
}

#[test]
fn every_heading_of_the_goal_is_reached() {
    let grid = grid([3.0, 3.0], &[[1.3, 0.0, 1.5, 1.4]]);
    let outline = outline(0.4, 0.2);
    let mut lattice = Lattice::new(RULES);
    let start = Pose2::new(0.525, 0.525, 1.5);
    for heading in 0..16 {
        let goal = Pose2::new(2.225, 0.725, angle_rad(heading) + 0.05);
        let found = lattice.search(&grid, start, goal, 500_000, |p| fits(&grid, &outline, p)).unwrap();
        check(&grid, &outline, &found, start, goal);
    }
}

#[test]
fn every_state_has_the_motions_of_its_heading_however_wide_the_arcs_are() {
    let grid = grid([2.0, 2.0], &[]);
    let mut uneven = 0;
    for min_radius_m in [0.3, 5.0, 20.0, 23.0, 26.0, 60.0] {
        let mut lattice = Lattice::new(LatticeRules { min_radius_m, ..RULES });
        lattice.reset(&grid, Cell { col: 1, row: 1 }, Cell { col: 5, row: 5 });
        let mut counts = Vec::new();
        for (heading, ends) in (0..COUNT).zip(lattice.begins.windows(2)) {
            let own = &lattice.motions[ends[0]..ends[1]];
            assert!(own.len() >= 4 && own.iter().all(|motion| motion.from == heading), "{min_radius_m}");
            counts.push(own.len());
        }
        assert_eq!(counts.iter().sum::<usize>(), lattice.motions.len());
        uneven += u32::from(counts.iter().any(|count| *count != counts[0]));
    }
    assert!(uneven > 0, "nowhere are there more for one heading than for another");
}

#[test]
fn a_narrow_passage_is_passed_lengthwise_and_only_so() {
    // 0.5 m wide, and the robot 0.8 m by 0.3 m: across it does not fit, and in there it can not turn.
    let grid = grid([4.0, 2.0], &[[1.5, 0.0, 2.5, 0.75], [1.5, 1.25, 2.5, 2.0]]);
    let outline = outline(0.8, 0.3);
    let mut lattice = Lattice::new(RULES);
    let start = Pose2::new(0.725, 1.025, std::f64::consts::FRAC_PI_2);
    let goal = Pose2::new(3.225, 1.025, -std::f64::consts::FRAC_PI_2);
    let found = lattice.search(&grid, start, goal, 500_000, |p| fits(&grid, &outline, p)).unwrap();
    check(&grid, &outline, &found, start, goal);
    let inside = found.poses.iter().filter(|p| p.x_m > 1.6 && p.x_m < 2.4);
    assert!(inside.clone().count() > 20);
    for pose in inside {
        assert!(wrap_angle(pose.yaw_rad).abs() < 0.3, "{pose:?}");
    }
    // A wider robot has no way through, and it is not for want of trying.
    let wide = self::outline(0.8, 0.6);
    let found = lattice.search(&grid, start, goal, 5_000_000, |p| fits(&grid, &wide, p)).unwrap();
    assert!(!found.reached && !found.limited && found.expanded > 100);
}

#[test]
fn a_wrong_way_is_gone_round() {
    let mut grid = grid([6.0, 4.0], &[]);
    let outline = outline(0.5, 0.3);
    let (start, goal) = (Pose2::new(1.025, 1.025, 0.0), Pose2::new(5.025, 1.025, 0.0));
    let polygon_m = vec![[2.0, 0.0], [4.0, 0.0], [4.0, 2.0], [2.0, 2.0]];
    for (heading_rad, farthest_m) in [(0.0, 1.1), (PI, 2.5)] {
        let zone = DirectionZone {
            name: "lane".into(),
            polygon_m: polygon_m.clone(),
            heading_rad,
            tolerance_rad: 0.9,
        };
        grid.one_way = vec![OneWay::new(&zone).unwrap()];
        let found =
            Lattice::new(RULES).search(&grid, start, goal, 1_000_000, |p| fits(&grid, &outline, p)).unwrap();
        check(&grid, &outline, &found, start, goal);
        let most_m = found.poses.iter().map(|pose| pose.y_m).fold(0.0, f64::max);
        assert!(most_m < farthest_m && (heading_rad == 0.0 || most_m > 2.1), "{heading_rad}: {most_m}");
    }
}

#[test]
fn the_limit_ends_it_and_what_is_closed_is_said() {
    let grid = grid([4.0, 2.0], &[]);
    let outline = outline(0.3, 0.2);
    let mut lattice = Lattice::new(RULES);
    let (start, goal) = (Pose2::new(0.525, 1.025, 2.0), Pose2::new(3.525, 1.025, 1.0));
    let found = lattice.search(&grid, start, goal, 5, |p| fits(&grid, &outline, p)).unwrap();
    assert!(found.limited && !found.reached && found.expanded == 5);
    assert_eq!(lattice.search(&grid, start, Pose2::new(9.0, 1.0, 0.0), 5, |_| true), None);
    assert_eq!(lattice.search(&grid, Pose2::new(0.0, 0.0, 0.0), goal, 5, |p| fits(&grid, &outline, p)), None);
}

/// Least costs of all states by sweeps over all motions, without a queue or an estimate.
fn least_cost(
    lattice: &Lattice,
    grid: &PlanGrid,
    outline: &Footprint,
    from: (Cell, u8),
    to: (Cell, u8),
) -> Option<u64> {
    let mut costs = vec![u64::MAX; grid.travel.len() * 16];
    costs[state_index(grid, from.0, from.1)? as usize] = 0;
    let mut ground = Ground { grid, outline: |p| fits(grid, outline, p) };
    // Every motion's cost once: they do not change.
    let mut edges = Vec::new();
    for index in 0..costs.len() as u32 {
        let (cell, heading) = state_at(grid, index);
        for motion in lattice.motions.iter().filter(|m| m.from == heading) {
            let end = Cell { col: cell.col + motion.cells.0, row: cell.row + motion.cells.1 };
            let Some(end) = state_index(grid, end, motion.to) else { continue };
            if let Some(cost) = lattice.cost_of(grid, cell, motion)
                && goes_its_way(grid, grid.centre_of(cell), motion)
                && lattice.fits(&mut ground, cell, motion)
            {
                edges.push((index as usize, end as usize, cost));
            }
        }
    }
    loop {
        let mut changed = false;
        for (a, b, cost) in &edges {
            if costs[*a] != u64::MAX && costs[*a] + cost < costs[*b] {
                costs[*b] = costs[*a] + cost;
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
    Some(costs[state_index(grid, to.0, to.1)? as usize]).filter(|c| *c != u64::MAX)
}

#[test]
fn it_is_close_to_the_least_cost_on_small_grids() {
    let outline = outline(0.25, 0.1);
    let mut rng = Rng::new(8, 3, 0);
    let (mut ways, mut none) = (0, 0);
    for _ in 0..12 {
        let mut grid = grid([1.1, 1.1], &[]);
        for travel in &mut grid.travel {
            *travel = if rng.uniform() < 0.06 { FORBIDDEN } else { 1000 + (rng.uniform() * 800.0) as u16 };
        }
        let mut pose =
            || Pose2::new(0.2 + 0.7 * rng.uniform(), 0.2 + 0.7 * rng.uniform(), 6.0 * rng.uniform());
        let (start, goal) = (pose(), pose());
        let mut lattice = Lattice::new(RULES);
        let found = lattice.search(&grid, start, goal, 1_000_000, |p| fits(&grid, &outline, p));
        let Some(found) = found else { continue };
        let mut ground = Ground { grid: &grid, outline: |p| fits(&grid, &outline, p) };
        let (from, to) = (place(&mut ground, start).unwrap(), place(&mut ground, goal).unwrap());
        let Some(least) = least_cost(&lattice, &grid, &outline, from, to) else {
            assert!(!found.reached);
            none += 1;
            continue;
        };
        assert!(found.reached && found.cost >= least);
        let most = OVERSTATED * least as f64 + f64::from(1 << BUCKET_SHIFT);
        assert!(found.cost as f64 <= most, "{} and {least}", found.cost);
        ways += 1;
    }
    assert!(ways >= 3, "{ways} ways, {none} without");
}

#[test]
fn the_same_twice_and_backwards_only_when_allowed() {
    // A dead end that the robot can neither turn in nor leave ahead.
    let grid = grid([3.0, 2.0], &[[0.0, 0.0, 1.5, 0.75], [0.0, 1.25, 1.5, 2.0], [0.0, 0.0, 0.2, 2.0]]);
    let outline = outline(0.8, 0.3);
    let (start, goal) = (Pose2::new(0.725, 1.025, 3.1), Pose2::new(2.425, 1.025, 3.1));
    let ahead =
        Lattice::new(RULES).search(&grid, start, goal, 1_000_000, |p| fits(&grid, &outline, p)).unwrap();
    assert!(!ahead.reached && !ahead.limited);
    let mut lattice = Lattice::new(LatticeRules { reverse: true, ..RULES });
    let back = lattice.search(&grid, start, goal, 1_000_000, |p| fits(&grid, &outline, p)).unwrap();
    check(&grid, &outline, &back, start, goal);
    assert_eq!(lattice.search(&grid, start, goal, 1_000_000, |p| fits(&grid, &outline, p)), Some(back));
}

#[test]
fn a_goal_in_a_pocket_is_given_up_long_before_the_whole_hall_has_been_looked_at() {
    // A pocket of 0.4 m by 0.5 m whose mouth is 0.2 m wide.
    let sides = [[8.0, 4.0, 8.1, 4.6], [8.5, 4.0, 8.6, 4.6], [8.0, 4.6, 8.6, 4.7]];
    let lips = [[8.0, 4.0, 8.2, 4.1], [8.4, 4.0, 8.6, 4.1]];
    let walls = [sides.as_slice(), &lips].concat();
    let open = grid([10.0, 8.0], &walls);
    let small = outline(0.2, 0.1);
    let mut lattice = Lattice::new(RULES);
    let (start, goal) = (Pose2::new(1.025, 1.025, 0.0), Pose2::new(8.325, 4.325, 1.57));
    let found = lattice.search(&open, start, goal, 1_000_000, |p| fits(&open, &small, p)).unwrap();
    check(&open, &small, &found, start, goal);
    let large = outline(0.3, 0.3);
    let found = lattice.search(&open, start, goal, 1_000_000, |p| fits(&open, &large, p)).unwrap();
    assert_eq!((found.reached, found.limited, found.expanded), (false, false, DOUBT));
    // What was followed back is forgotten.
    let found = lattice.search(&open, start, goal, 1_000_000, |p| fits(&open, &small, p)).unwrap();
    check(&open, &small, &found, start, goal);
}

#[test]
fn what_is_enclosed_is_what_no_way_leads_to() {
    let outline = outline(0.25, 0.1);
    let mut rng = Rng::new(9, 3, 0);
    let (mut ways, mut none) = (0, 0);
    for round in 0..100 {
        let mut grid = grid([1.1, 1.1], &[]);
        for travel in &mut grid.travel {
            *travel = if rng.uniform() < 0.08 { FORBIDDEN } else { 1000 };
        }
        if round % 4 == 0 {
            let zone = DirectionZone {
                name: "lane".into(),
                polygon_m: vec![[0.4, -0.1], [0.7, -0.1], [0.7, 1.2], [0.4, 1.2]],
                heading_rad: 0.0,
                tolerance_rad: 0.9,
            };
            grid.one_way = vec![OneWay::new(&zone).unwrap()];
        }
        let mut pose =
            || Pose2::new(0.2 + 0.7 * rng.uniform(), 0.2 + 0.7 * rng.uniform(), 6.0 * rng.uniform());
        let (start, goal) = (pose(), pose());
        let mut lattice = Lattice::new(RULES);
        let mut ground = Ground { grid: &grid, outline: |p| fits(&grid, &outline, p) };
        let (Some(from), Some(to)) = (place(&mut ground, start), place(&mut ground, goal)) else { continue };
        lattice.reset(&grid, from.0, to.0);
        let least = least_cost(&lattice, &grid, &outline, from, to);
        // Twice: what the first has left behind is cleared away.
        for _ in 0..2 {
            let enclosed = lattice.is_enclosed(&mut ground, from, to);
            assert!(!enclosed || least.is_none(), "{start:?} {goal:?}: {least:?}");
            // Not told is only what is large.
            assert!(enclosed || least.is_some(), "{start:?} {goal:?}");
        }
        if least.is_some() { ways += 1 } else { none += 1 }
    }
    assert!(ways >= 5 && none >= 5, "{ways} ways, {none} without");
}
