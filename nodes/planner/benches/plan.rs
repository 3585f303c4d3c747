//! A path over 62 m of a 1000 × 1000 grid with cells of 0.05 m, as it is planned on a robot: travel costs from Nav2's inflation,
//! clearance from the distance field. CPU time of this thread, p50 and p99, over 240 problems in each of three halls; the same
//! problems for the crate `pathfinding` (every 12th: it is slow), and the costs of both compared; and those for PyPI's OMPL in the
//! Python that `OUTRIDER_OMPL_PYTHON` names (`make bench-plan` sets it), whose paths are held against ours on the same costs.

#![allow(
    missing_docs,
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a benchmark reads the clock and stops at the first fault"
)]

mod halls;
mod ompl;

use halls::{Block, LENGTH_M, RESOLUTION_M, SIDE, config, hall, halls, plan_grid, problems, router};
use outrider_foundation::grid::{Cell, CostGrid, FrameId};
use outrider_foundation::{Footprint, Pose2};
use outrider_planner::search::{
    AStar, COST_PER_CELL, DIAGONAL, FORBIDDEN, Ground, PlanGrid, Router, STRAIGHT,
};
use rustix::time::{ClockId, clock_gettime};
use std::hint::black_box;

const PROBLEMS: usize = 240;
const PEER_EVERY: usize = 12;

fn cpu_ns() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// The peer, on the same steps and costs.
fn peer(grid: &PlanGrid, start: Cell, goal: Cell) -> Option<u64> {
    let travel = |c: Cell| grid.index_of(c).map(|i| grid.travel[i]).filter(|t| *t != FORBIDDEN);
    let next = |&(col, row): &(i32, i32)| {
        let mut ways = Vec::with_capacity(8);
        for (dc, dr) in [(1, 0), (0, 1), (-1, 0), (0, -1), (1, 1), (-1, 1), (-1, -1), (1, -1)] {
            let Some(cost) = travel(Cell { col: col + dc, row: row + dr }) else { continue };
            let diagonal = dc != 0 && dr != 0;
            let beside = [Cell { col: col + dc, row }, Cell { col, row: row + dr }];
            if diagonal && beside.into_iter().any(|c| travel(c).is_none()) {
                continue;
            }
            ways.push(((col + dc, row + dr), u64::from(cost) * if diagonal { DIAGONAL } else { STRAIGHT }));
        }
        ways
    };
    let estimate = |&(col, row): &(i32, i32)| {
        let (dc, dr) = (u64::from(col.abs_diff(goal.col)), u64::from(row.abs_diff(goal.row)));
        1000 * (dc.abs_diff(dr) * STRAIGHT + dc.min(dr) * DIAGONAL)
    };
    let end = (goal.col, goal.row);
    pathfinding::prelude::astar(&(start.col, start.row), next, estimate, |p| *p == end).map(|found| found.1)
}

fn report(what: &str, mut times_ns: Vec<u64>, more: &str) {
    times_ns.sort_unstable();
    let at = |share: f64| times_ns[((times_ns.len() - 1) as f64 * share) as usize] as f64 * 1e-6;
    println!("  {what:<44} {:>8.2} {:>8.2} {:>8.2} ms   {more}", at(0.5), at(0.99), at(1.0));
}

/// One hall: times of the search alone, and the rows of all.
fn table(name: &str, costs: &CostGrid, count: usize) -> Vec<u64> {
    let limit = config().search.expansion_limit;
    let grid = plan_grid(costs);
    let problems = problems(&grid, count);
    let (mut astar, mut router) = (AStar::default(), router());
    let (mut times, mut whole, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
    let (mut expanded, mut settled, mut longer) = (0, 0, 0.0);
    let mut routes = Vec::new();
    for (i, (start, goal)) in problems.iter().enumerate() {
        let begin = cpu_ns();
        let found = black_box(astar.search(&grid, *start, *goal, limit)).unwrap();
        times.push(cpu_ns() - begin);
        assert!(found.reached, "{start:?} to {goal:?}");
        expanded += u64::from(found.expanded);
        settled += u64::from(found.settled);
        longer += found.cost as f64 / COST_PER_CELL as f64 * RESOLUTION_M;
        let (from, to) = (grid.centre_of(*start), grid.centre_of(*goal));
        let begin = cpu_ns();
        router.prepare(&Ground { base: costs, overlay: None, discs: &[], one_way: &[] }, to);
        let route = black_box(router.plan(FrameId::Map, from, Pose2::new(to.x_m, to.y_m, 0.0))).unwrap();
        whole.push(cpu_ns() - begin);
        if i.is_multiple_of(PEER_EVERY) {
            routes.push((from, to, route));
            let begin = cpu_ns();
            let cost = black_box(peer(&grid, *start, *goal)).unwrap();
            theirs.push(cpu_ns() - begin);
            assert_eq!(cost, found.cost, "{start:?} to {goal:?}");
        }
    }
    let all = problems.len() as u64;
    let about = format!(
        "{} cells expanded, {} block corners, cost {:.1} m of free space",
        expanded / all,
        settled / all,
        longer / all as f64
    );
    println!(" {name}: {all} problems");
    report("search", times.clone(), &about);
    report("costs, clearance, search, shorten, smooth", whole, "");
    let compared = format!("{} problems, same costs", theirs.len());
    report("pathfinding::astar, octile distance", theirs, &compared);
    ompl::compare(costs, &grid, &mut router, &routes);
    times
}

/// A goal that neither the plain search nor the robot's outline comes to through a gap of 0.55 m: what a plan costs that fails
/// after the lattice search has been tried.
fn failed_plan(what: &str, walls: &[Block]) {
    let search = config().search;
    let costs = hall(walls);
    let mut router = Router::new(&search, &Footprint::rectangle(0.45, 0.45, 0.5).unwrap());
    let ground = Ground { base: &costs, overlay: None, discs: &[], one_way: &[] };
    let mut times = Vec::new();
    for i in 0..20 {
        let (from, goal) = (Pose2::new(5.0 + f64::from(i), 25.0, 0.0), Pose2::new(40.0, 20.0, 0.0));
        let begin = cpu_ns();
        let refused = black_box(router.route(&ground, FrameId::Map, from, goal, false));
        times.push(cpu_ns() - begin);
        assert!(refused.is_err(), "{from:?}");
    }
    println!(" {what}: {} problems without a path", times.len());
    let limit = search.lattice.expansion_limit;
    report("plan that fails, lattice search included", times, &format!("at most {limit} states"));
}

/// What is not in a registry, as it was measured elsewhere: on a shared x86-64 machine with two cores, on other grids.
const PEERS: &str = " elsewhere, 62 m on 1000 x 1000 cells, p50:\n  Nav2's NavFn A*                                  35    ms";

fn main() {
    // A number among the arguments: so many problems.
    let count = std::env::args().find_map(|word| word.parse().ok()).unwrap_or(PROBLEMS);
    println!(
        "{LENGTH_M} m on {SIDE} x {SIDE} cells of {RESOLUTION_M} m      p50      p99      max   (CPU time)"
    );
    let mut all = Vec::new();
    for (name, blocks) in halls() {
        all.extend(table(name, &hall(&blocks), count));
    }
    println!(" together: {} problems", all.len());
    report("search", all, "");
    failed_plan("a gap of 0.55 m into the other half", &[[500, 0, 2, 494], [500, 505, 2, 495]]);
    let sides = [[780, 388, 2, 24], [780, 388, 40, 2], [780, 410, 40, 2]];
    failed_plan(
        "a niche with such a mouth",
        &[sides.as_slice(), &[[818, 388, 2, 7], [818, 406, 2, 6]]].concat(),
    );
    println!("{PEERS}");
}
