//! Halls of 1000 × 1000 cells of 0.05 m, as a planner gets them: travel costs from Nav2's inflation, clearance from the distance
//! field; and problems over 62 m. For timing, and for counting instructions.
#![allow(dead_code, missing_docs)]

use outrider_foundation::Footprint;
use outrider_foundation::grid::{COST_LETHAL, Cell, CostGrid, FrameId};
use outrider_foundation::rng::Rng;
use outrider_planner::Config;
use outrider_planner::search::{FORBIDDEN, PlanGrid, PlanGridRules, Router};

pub const SIDE: i32 = 1000;
pub const RESOLUTION_M: f64 = 0.05;
pub const LENGTH_M: f64 = 62.0;
/// Obstacles are felt this far, in cells.
const REACH: i32 = 20;
/// What is farther is at least a cell farther.
const DISTANCE_LIMIT_SQ: u16 = 21 * 21;
const INSCRIBED_M: f64 = 0.25;

pub fn config() -> Config {
    outrider_yaml::from_str(include_str!("../../../../config/planner.yaml")).unwrap()
}

/// What the search gets of a hall.
pub fn plan_grid(costs: &CostGrid) -> PlanGrid {
    let rules = PlanGridRules::new(&config().search, INSCRIBED_M, INSCRIBED_M);
    let mut grid = PlanGrid::default();
    grid.rebuild(costs, None, &[], &rules);
    grid
}

pub fn router() -> Router {
    Router::new(&config().search, &Footprint::rectangle(0.35, 0.35, 2.0 * INSCRIBED_M).unwrap())
}

/// Left column, lowest row, width and height of something that stands there, in cells.
pub type Block = [i32; 4];

/// A hall with what stands in it.
pub fn hall(boxes: &[Block]) -> CostGrid {
    let cells = (SIDE * SIDE) as usize;
    let mut grid = CostGrid {
        frame: FrameId::Map,
        resolution_m: RESOLUTION_M,
        width: SIDE as u32,
        height: SIDE as u32,
        cost: vec![0; cells],
        distance_sq: vec![DISTANCE_LIMIT_SQ; cells],
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

/// What stands in each hall.
pub fn halls() -> [(&'static str, Vec<Block>); 3] {
    let mut rng = Rng::new(8, 1, 0);
    let mut whole = |low: i32, high: i32| low + (rng.uniform() * f64::from(high - low)) as i32;
    let sparse: Vec<Block> =
        (0..40).map(|_| [whole(80, 900), whole(80, 900), whole(10, 60), whole(10, 60)]).collect();
    let clutter: Vec<Block> =
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
    [("40 boxes", sparse), ("shelves", shelves), ("500 boxes", clutter)]
}

/// `count` pairs of start and goal near opposite corners, 62 m apart, both free.
pub fn problems(grid: &PlanGrid, count: usize) -> Vec<(Cell, Cell)> {
    let mut rng = Rng::new(8, 2, 0);
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
