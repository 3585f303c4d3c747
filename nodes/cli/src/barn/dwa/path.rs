//! The cheapest path over the costmap, with NavFn's costs.

use super::costmap::{Costmap, INSCRIBED};
use outrider_foundation::Point2;
use outrider_foundation::grid::Cell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// NavFn's `COST_NEUTRAL` and `COST_FACTOR`.
const NEUTRAL: f64 = 50.0;
const FACTOR: f64 = 0.8;
/// Whole-number costs: so many to one of NavFn's.
const SCALE: f64 = 100.0;
const NEIGHBOURS: [(i32, i32); 8] = [(1, 0), (0, 1), (-1, 0), (0, -1), (1, 1), (-1, 1), (-1, -1), (1, -1)];

/// From one point to another; `None` when there is no way.
pub fn cheapest(map: &Costmap, from: Point2, to: Point2) -> Option<Vec<Point2>> {
    let (start, goal) = (Costmap::cell(from)?, Costmap::cell(to)?);
    let goal_index = Costmap::index(goal)?;
    let mut cost = vec![u32::MAX; Costmap::cells()];
    let mut before = vec![u32::MAX; Costmap::cells()];
    let mut open = BinaryHeap::new();
    let start_index = Costmap::index(start)?;
    *cost.get_mut(start_index)? = 0;
    open.push(Reverse((estimate(start, goal), start_index)));
    while let Some(Reverse((_, index))) = open.pop() {
        if index == goal_index {
            return Some(trace(&before, index));
        }
        let cell = Costmap::cell_at(index);
        let so_far = cost.get(index).copied().unwrap_or(u32::MAX);
        for (dc, dr) in NEIGHBOURS {
            let next = Cell { col: cell.col + dc, row: cell.row + dr };
            let value = map.cost(next);
            let Some(i) = Costmap::index(next).filter(|_| value < INSCRIBED) else { continue };
            let length = libm::hypot(f64::from(dc), f64::from(dr));
            let total =
                so_far.saturating_add((length * SCALE * (NEUTRAL + FACTOR * f64::from(value))) as u32);
            if let (Some(known), Some(parent)) = (cost.get_mut(i), before.get_mut(i))
                && total < *known
            {
                *known = total;
                *parent = index as u32;
                open.push(Reverse((total.saturating_add(estimate(next, goal)), i)));
            }
        }
    }
    None
}

fn estimate(a: Cell, b: Cell) -> u32 {
    let distance = libm::hypot(f64::from(a.col - b.col), f64::from(a.row - b.row));
    (distance * SCALE * NEUTRAL * 0.999) as u32
}

fn trace(before: &[u32], end: usize) -> Vec<Point2> {
    let mut points = vec![Costmap::centre(Costmap::cell_at(end))];
    let mut index = end;
    while let Some(parent) = before.get(index).filter(|p| **p != u32::MAX) {
        index = *parent as usize;
        points.push(Costmap::centre(Costmap::cell_at(index)));
    }
    points.reverse();
    points
}
