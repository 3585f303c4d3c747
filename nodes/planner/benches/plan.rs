//! A path over 62 m of a 1000 × 1000 grid with cells of 0.05 m, as it is planned on a robot: travel costs from Nav2's inflation,
//! clearance from the distance field. CPU time of this thread, p50 and p99, over 240 problems in each of three halls; the same
//! problems for the crate `pathfinding` (every 12th: it is slow), and the costs of both compared.

#![allow(
    missing_docs,
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a benchmark reads the clock and stops at the first fault"
)]

use outrider_foundation::grid::{COST_LETHAL, Cell, CostGrid, FrameId};
use outrider_foundation::rng::Rng;
use outrider_foundation::{Footprint, Pose2};
use outrider_planner::Config;
use outrider_planner::search::{
    AStar, COST_PER_CELL, DIAGONAL, FORBIDDEN, Ground, PlanGrid, PlanGridRules, Router, STRAIGHT,
};
use rustix::time::{ClockId, clock_gettime};
use std::hint::black_box;

const SIDE: i32 = 1000;
const RESOLUTION_M: f64 = 0.05;
const LENGTH_M: f64 = 62.0;
const PROBLEMS: usize = 240;
const PEER_EVERY: usize = 12;
/// Obstacles are felt this far, in cells.
const REACH: i32 = 20;
const INSCRIBED_M: f64 = 0.25;

fn cpu_ns() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// A hall full of boxes: `[col, row, width, height]`.
fn hall(boxes: &[[i32; 4]]) -> CostGrid {
    let cells = (SIDE * SIDE) as usize;
    let mut grid = CostGrid {
        frame: FrameId::Map,
        resolution_m: RESOLUTION_M,
        width: SIDE as u32,
        height: SIDE as u32,
        cost: vec![0; cells],
        distance_sq: vec![u16::MAX; cells],
        ..CostGrid::default()
    };
    let mut mark = |left: i32, bottom: i32, width: i32, height: i32| {
        for row in (bottom - REACH).max(0)..(bottom + height + REACH).min(SIDE) {
            for col in (left - REACH).max(0)..(left + width + REACH).min(SIDE) {
                let away = |v: i32, low: i32, size: i32| (low - v).max(v - low - size + 1).max(0);
                let (dc, dr) = (away(col, left, width), away(row, bottom, height));
                let sq = &mut grid.distance_sq[(row * SIDE + col) as usize];
                *sq = (*sq).min((dc * dc + dr * dr) as u16);
            }
        }
    };
    for [left, bottom, width, height] in boxes {
        mark(*left, *bottom, *width, *height);
    }
    for [left, bottom, width, height] in
        [[0, 0, SIDE, 1], [0, SIDE - 1, SIDE, 1], [0, 0, 1, SIDE], [SIDE - 1, 0, 1, SIDE]]
    {
        mark(left, bottom, width, height);
    }
    for (cost, sq) in grid.cost.iter_mut().zip(&grid.distance_sq) {
        let distance_m = f64::from(*sq).sqrt() * RESOLUTION_M;
        *cost = match distance_m {
            d if *sq == 0 || d < 0.0 => COST_LETHAL,
            d if d <= INSCRIBED_M => 253,
            d if d > 1.0 => 0,
            d => (252.0 * (-4.0 * (d - INSCRIBED_M)).exp()) as u8,
        };
    }
    grid
}

fn halls() -> Vec<(&'static str, CostGrid)> {
    let mut rng = Rng::new(8, 1, 0);
    let mut whole = |low: i32, high: i32| low + (rng.uniform() * f64::from(high - low)) as i32;
    let sparse: Vec<[i32; 4]> =
        (0..40).map(|_| [whole(80, 900), whole(80, 900), whole(10, 60), whole(10, 60)]).collect();
    let clutter: Vec<[i32; 4]> =
        (0..500).map(|_| [whole(80, 900), whole(80, 900), whole(2, 30), whole(2, 30)]).collect();
    // Rows of shelves with aisles of 2 m, broken by cross aisles at other places in every row.
    let mut shelves = Vec::new();
    for row in (100..900).step_by(60) {
        let mut col = 60 + whole(0, 100);
        while col < 900 {
            let width = whole(120, 260);
            shelves.push([col, row, width.min(940 - col), 20]);
            col += width + 30 + whole(0, 20);
        }
    }
    vec![("40 boxes", hall(&sparse)), ("shelves", hall(&shelves)), ("500 boxes", hall(&clutter))]
}

/// Starts and goals near opposite corners, 62 m apart, both free.
fn problems(grid: &PlanGrid) -> Vec<(Cell, Cell)> {
    let mut rng = Rng::new(8, 2, 0);
    // A number among the arguments: so many problems.
    let count = std::env::args().find_map(|word| word.parse().ok()).unwrap_or(PROBLEMS);
    let mut list = Vec::new();
    while list.len() < count {
        let mut pick = |base: i32| base + (rng.uniform() * 170.0) as i32;
        let (a, b) = (Cell { col: pick(10), row: pick(10) }, Cell { col: pick(820), row: pick(820) });
        let turned = |c: Cell| match list.len() % 4 {
            0 => c,
            1 => Cell { col: SIDE - 1 - c.col, row: c.row },
            2 => Cell { col: SIDE - 1 - c.col, row: SIDE - 1 - c.row },
            _ => Cell { col: c.col, row: SIDE - 1 - c.row },
        };
        let (start, goal) = (turned(a), turned(b));
        let free = |c: Cell| grid.travel[grid.index_of(c).unwrap()] != FORBIDDEN;
        let apart_m = grid.centre_of(start).distance_m(grid.centre_of(goal));
        if (apart_m - LENGTH_M).abs() < 0.5 && free(start) && free(goal) {
            list.push((start, goal));
        }
    }
    list
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

fn main() {
    let config: Config = serde_saphyr::from_str(include_str!("../../../config/planner.yaml")).unwrap();
    let search = &config.search;
    let rules = PlanGridRules {
        cost_weight: search.cost_weight,
        allow_unknown: search.allow_unknown,
        unknown_cost: search.unknown_cost,
        clearance_m: INSCRIBED_M + search.clearance_margin_m,
        narrow_m: INSCRIBED_M + search.clearance_margin_m,
        narrow_weight: search.narrow_weight,
    };
    println!(
        "{LENGTH_M} m on {SIDE} x {SIDE} cells of {RESOLUTION_M} m      p50      p99      max   (CPU time)"
    );
    let mut all = Vec::new();
    for (name, costs) in halls() {
        let mut grid = PlanGrid::default();
        grid.rebuild(&costs, None, &[], &rules);
        let problems = problems(&grid);
        let mut astar = AStar::default();
        let mut router = Router::new(search, &Footprint::rectangle(0.35, 0.35, 2.0 * INSCRIBED_M).unwrap());
        let (mut times, mut whole, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
        let (mut expanded, mut settled, mut longer) = (0, 0, 0.0);
        for (i, (start, goal)) in problems.iter().enumerate() {
            let begin = cpu_ns();
            let found = black_box(astar.search(&grid, *start, *goal, search.expansion_limit)).unwrap();
            times.push(cpu_ns() - begin);
            assert!(found.reached, "{start:?} to {goal:?}");
            expanded += u64::from(found.expanded);
            settled += u64::from(found.settled);
            longer += found.cost as f64 / COST_PER_CELL as f64 * RESOLUTION_M;
            let (from, to) = (grid.centre_of(*start), grid.centre_of(*goal));
            let begin = cpu_ns();
            router.prepare(&Ground { base: &costs, overlay: None, discs: &[] }, to);
            black_box(router.plan(FrameId::Map, from, Pose2::new(to.x_m, to.y_m, 0.0))).unwrap();
            whole.push(cpu_ns() - begin);
            if i % PEER_EVERY == 0 {
                let begin = cpu_ns();
                let cost = black_box(peer(&grid, *start, *goal)).unwrap();
                theirs.push(cpu_ns() - begin);
                assert_eq!(cost, found.cost, "{start:?} to {goal:?}");
            }
        }
        let count = problems.len() as u64;
        let about = format!(
            "{} cells expanded, {} block corners, cost {:.1} m of free space",
            expanded / count,
            settled / count,
            longer / count as f64
        );
        println!(" {name}: {count} problems");
        report("search", times.clone(), &about);
        report("costs, clearance, search, shorten, smooth", whole, "");
        let compared = format!("{} problems, same costs", theirs.len());
        report("pathfinding::astar, octile distance", theirs, &compared);
        all.extend(times);
    }
    println!(" together: {} problems", all.len());
    report("search", all, "");
}
