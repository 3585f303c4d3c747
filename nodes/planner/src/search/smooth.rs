//! Shortens and smooths a way on the grid without making it dearer or taking it where the robot may not be.

use super::plan_grid::{FORBIDDEN, PlanGrid};
use outrider_foundation::Point2;

/// A straight cut may cost this share more than what it replaces: the grid's eight directions overstate length anyway.
const CUT_TOLERANCE: f64 = 1.001;
/// A straight cut skips at most this many points.
const CUT_LIMIT: usize = 400;

/// Cost of a straight line in metres of free space, sampled every half cell; `None` when it crosses a forbidden cell.
pub fn line_cost(grid: &PlanGrid, a: Point2, b: Point2) -> Option<f64> {
    let length_m = a.distance_m(b);
    let samples = ((2.0 * length_m / grid.resolution_m).ceil() as u32).clamp(1, 100_000);
    let mut sum: u64 = 0;
    for i in 0..=samples {
        let share = f64::from(i) / f64::from(samples);
        let p = Point2::new(a.x_m + share * (b.x_m - a.x_m), a.y_m + share * (b.y_m - a.y_m));
        let travel = grid.travel_at(p);
        if travel == FORBIDDEN {
            return None;
        }
        sum += u64::from(travel);
    }
    Some(length_m * sum as f64 / (1000.0 * f64::from(samples + 1)))
}

/// Replaces stretches by straight lines as long as that is allowed and no dearer. The ends stay.
pub fn shorten(grid: &PlanGrid, points: &[Point2]) -> Vec<Point2> {
    // Cost along the way up to each point; infinite from the first forbidden step on (an escape may begin with one).
    let mut along = Vec::with_capacity(points.len());
    let mut total = 0.0;
    along.push(total);
    for pair in points.windows(2) {
        if let [a, b] = pair {
            total += line_cost(grid, *a, *b).unwrap_or_else(|| 1000.0 * a.distance_m(*b));
            along.push(total);
        }
    }
    let mut kept = Vec::new();
    let mut from = 0;
    while let (Some(a), Some(cost)) = (points.get(from), along.get(from)) {
        kept.push(*a);
        let last = points.len().saturating_sub(1);
        if from >= last {
            break;
        }
        let mut to = from + 1;
        for next in (from + 2)..=last.min(from + CUT_LIMIT) {
            let (Some(b), Some(until)) = (points.get(next), along.get(next)) else { break };
            match line_cost(grid, *a, *b) {
                Some(cut) if cut <= (until - cost) * CUT_TOLERANCE + 1e-9 => to = next,
                Some(_) => {}
                None => break,
            }
        }
        from = to;
    }
    kept
}

/// Points `spacing_m` apart along the same way (the last gap is shorter), at most `limit` of them.
fn resample(points: &[Point2], spacing_m: f64, limit: usize) -> Vec<Point2> {
    let mut even: Vec<Point2> = points.first().copied().into_iter().collect();
    let mut carried_m = 0.0;
    for pair in points.windows(2) {
        let [a, b] = pair else { continue };
        let length_m = a.distance_m(*b);
        let mut at_m = spacing_m - carried_m;
        while at_m < length_m && even.len() < limit {
            let share = at_m / length_m;
            even.push(Point2::new(a.x_m + share * (b.x_m - a.x_m), a.y_m + share * (b.y_m - a.y_m)));
            at_m += spacing_m;
        }
        carried_m = length_m - (at_m - spacing_m);
    }
    if let (Some(last), Some(end)) = (points.last(), even.last())
        && end.distance_m(*last) > 1e-9
    {
        even.push(*last);
    }
    even
}

/// Resamples, then pulls every point towards the middle of its neighbours where that is no dearer. The ends stay.
pub fn smooth(grid: &PlanGrid, points: &[Point2], spacing_m: f64, rounds: u32) -> Vec<Point2> {
    let mut even = resample(points, spacing_m, crate::path::POSE_LIMIT);
    for _ in 0..rounds {
        let mut before = even.first().copied().unwrap_or_default();
        for i in 1..even.len().saturating_sub(1) {
            let (Some(p), Some(next)) = (even.get(i).copied(), even.get(i + 1).copied()) else { break };
            let middle = Point2::new(0.5 * (before.x_m + next.x_m), 0.5 * (before.y_m + next.y_m));
            let moved = Point2::new(0.5 * (p.x_m + middle.x_m), 0.5 * (p.y_m + middle.y_m));
            let (old, new) = (grid.travel_at(p), grid.travel_at(moved));
            // A little dearer is the price of a curve instead of a corner.
            let accepted = if new != FORBIDDEN && u32::from(new) <= u32::from(old) + 200 { moved } else { p };
            if let Some(slot) = even.get_mut(i) {
                *slot = accepted;
            }
            before = accepted;
        }
    }
    even
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open_grid() -> PlanGrid {
        PlanGrid { resolution_m: 0.1, width: 50, height: 50, travel: vec![1000; 2500], ..PlanGrid::default() }
    }

    #[test]
    fn a_detour_in_the_open_becomes_straight() {
        let grid = open_grid();
        let way =
            [Point2::new(0.5, 0.5), Point2::new(1.5, 1.5), Point2::new(2.5, 1.5), Point2::new(4.5, 1.5)];
        assert_eq!(shorten(&grid, &way), [way[0], way[3]]);
        let even = smooth(&grid, &[way[0], way[3]], 0.1, 5);
        assert!(even.windows(2).all(|w| w[0].distance_m(w[1]) < 0.1001));
        assert_eq!((even.first(), even.last()), (Some(&way[0]), Some(&way[3])));
    }

    #[test]
    fn no_cut_through_forbidden_or_dear_cells() {
        let way = [Point2::new(0.5, 0.5), Point2::new(2.5, 2.5), Point2::new(4.5, 0.5)];
        for block in [FORBIDDEN, 30_000] {
            let mut grid = open_grid();
            for row in 0..15 {
                grid.travel[row * 50 + 25] = block;
                grid.travel[row * 50 + 24] = block;
            }
            assert_eq!(shorten(&grid, &way).len(), 3, "block {block}");
            let even = smooth(&grid, &way, 0.1, 50);
            assert!(even.iter().all(|p| grid.travel_at(*p) == 1000));
        }
    }

    #[test]
    fn points_alone_and_none_are_fine() {
        let grid = open_grid();
        assert!(shorten(&grid, &[]).is_empty());
        assert_eq!(smooth(&grid, &[Point2::new(1.0, 1.0)], 0.1, 3).len(), 1);
    }
}
