//! Shortens and smooths a way on the grid without making it dearer or taking it where the robot may not be.

use super::plan_grid::{FORBIDDEN, PlanGrid};
use outrider_foundation::Point2;

/// A straight cut may cost this share more than what it replaces: the grid's eight directions overstate length anyway.
const CUT_TOLERANCE: f64 = 1.001;
/// Points that would move by less than this stay where they are, m.
const STILL_M: f64 = 1e-4;
/// A straight cut skips at most this many points.
const CUT_LIMIT: usize = 400;
/// The most places of a line that are looked at.
pub const SAMPLE_LIMIT: u32 = 100_000;

/// Cost of a straight line in metres of free space, sampled every half cell; `None` when it crosses a forbidden cell.
pub fn line_cost(grid: &PlanGrid, a: Point2, b: Point2) -> Option<f64> {
    let length_m = a.distance_m(b);
    let samples = ((2.0 * length_m / grid.resolution_m).ceil() as u32).clamp(1, SAMPLE_LIMIT);
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

/// The same for a line to be driven: `None` also when it leads the wrong way through a zone of one direction.
fn way_cost(grid: &PlanGrid, a: Point2, b: Point2) -> Option<f64> {
    line_cost(grid, a, b).filter(|_| grid.permits(a, b))
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
        let allowed = |next: usize| {
            let (Some(b), Some(until)) = (points.get(next), along.get(next)) else { return false };
            way_cost(grid, *a, *b).is_some_and(|cut| cut <= (until - cost) * CUT_TOLERANCE + 1e-9)
        };
        // Ever longer cuts as long as they are allowed, then ever smaller steps on.
        let (mut to, mut step) = (from + 1, 1);
        while step > 0 {
            if to + step <= last.min(from + CUT_LIMIT) && allowed(to + step) {
                to += step;
                step *= 2;
            } else {
                step /= 2;
            }
        }
        // In a zone of one direction a short cut along the grid may be refused where a long one across it is not.
        if to == from + 1 && !grid.one_way.is_empty() {
            let left = last.min(from + CUT_LIMIT) - from;
            let long = (2..=16).rev().map(|share| from + left * share / 16);
            to = long.into_iter().find(|next| *next > to && allowed(*next)).unwrap_or(to);
        }
        from = to;
    }
    kept
}

/// Points `spacing_m` apart along the same way (the last gap is shorter), at most `limit` of them: then they do not reach its end.
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
        && even.len() < limit
        && end.distance_m(*last) > 1e-9
    {
        even.push(*last);
    }
    even
}

/// Resamples, then pulls every point towards the middle of its neighbours where the two lines to them are free and no dearer
/// than before: the whole never gets dearer, and stays where the robot may be. The ends stay, but of a way that is too long for a path:
/// then there is one point more than a path takes, which shows that it was cut off.
///
/// Travel costs and forbidden cells both come from the distance field, so this is smoothing on it; a distance that is only known
/// to be beyond the field's limit is one that costs nothing.
pub fn smooth(grid: &PlanGrid, points: &[Point2], spacing_m: f64, rounds: u32) -> Vec<Point2> {
    let mut even = resample(points, spacing_m, crate::path::POSE_LIMIT + 1);
    for _ in 0..rounds {
        let mut before = even.first().copied().unwrap_or_default();
        for i in 1..even.len().saturating_sub(1) {
            let (Some(p), Some(next)) = (even.get(i).copied(), even.get(i + 1).copied()) else { break };
            let middle = Point2::new(0.5 * (before.x_m + next.x_m), 0.5 * (before.y_m + next.y_m));
            let moved = Point2::new(0.5 * (p.x_m + middle.x_m), 0.5 * (p.y_m + middle.y_m));
            let cost = |at: Point2| Some(way_cost(grid, before, at)? + way_cost(grid, at, next)?);
            let better = p.distance_m(moved) > STILL_M
                && cost(moved).is_some_and(|new| cost(p).is_none_or(|old| new <= old + 1e-12));
            let accepted = if better { moved } else { p };
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
    use crate::search::OneWay;
    use outrider_foundation::zones::DirectionZone;

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
    fn a_way_that_is_too_long_ends_where_it_is_cut_off_without_a_jump() {
        let way = [Point2::new(0.5, 0.5), Point2::new(4.5, 0.5), Point2::new(4.5, 4.5)];
        let even = resample(&way, 0.1, 50);
        assert!(even.len() == 50 && even.windows(2).all(|w| w[0].distance_m(w[1]) < 0.1001), "{even:?}");
        let whole = resample(&way, 0.1, 81);
        assert!(whole.len() == 81 && whole[80].distance_m(way[2]) < 1e-6, "{whole:?}");
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
    fn a_path_keeps_the_direction_of_a_zone_that_lies_across_the_grid() {
        for (heading_rad, tolerance_rad) in [(0.1, 0.6), (0.3, 0.35), (0.0, 0.3), (0.7, 0.5)] {
            let (sin, cos) = (libm::sin(heading_rad), libm::cos(heading_rad));
            let mut grid = PlanGrid { width: 150, height: 150, travel: vec![1000; 22_500], ..open_grid() };
            let corner = |a: f64, b: f64| [2.0 + a * cos - b * sin, 4.0 + a * sin + b * cos];
            let polygon_m = vec![corner(0.0, -3.0), corner(10.0, -3.0), corner(10.0, 3.0), corner(0.0, 3.0)];
            let zone = DirectionZone { name: "lane".into(), polygon_m, heading_rad, tolerance_rad };
            grid.one_way = vec![OneWay::new(&zone).unwrap()];
            let cell = |a: f64| grid.cell_of(Point2::new(2.0 + a * cos, 4.0 + a * sin));
            let found = super::super::AStar::default().search(&grid, cell(2.0), cell(8.0), 100_000).unwrap();
            assert!(found.reached);
            let way: Vec<Point2> = found.cells.iter().map(|c| grid.centre_of(*c)).collect();
            let even = smooth(&grid, &shorten(&grid, &way), 0.1, 20);
            assert!(
                even.windows(2).all(|w| grid.permits(w[0], w[1])),
                "{heading_rad} {tolerance_rad}: {even:?}"
            );
        }
    }

    #[test]
    fn smoothing_is_never_dearer_and_never_leaves_what_is_allowed() {
        let mut rng = outrider_foundation::rng::Rng::new(8, 4, 0);
        let mut shorter = 0;
        for _ in 0..200 {
            let mut grid = open_grid();
            for travel in &mut grid.travel {
                *travel = match rng.uniform() {
                    u if u < 0.05 => FORBIDDEN,
                    u if u < 0.5 => 1000,
                    u => 1000 + (u * 3000.0) as u16,
                };
            }
            let mut astar = super::super::AStar::default();
            let mut pick =
                || grid.nearest_free(Point2::new(5.0 * rng.uniform(), 5.0 * rng.uniform()), 1.0).unwrap();
            let (start, goal) = (pick(), pick());
            let found = astar.search(&grid, start, goal, 10_000).unwrap();
            let way: Vec<Point2> = found.cells.iter().map(|c| grid.centre_of(*c)).collect();
            let cost = |points: &[Point2]| -> Option<f64> {
                points.windows(2).map(|w| line_cost(&grid, w[0], w[1])).sum()
            };
            let short = shorten(&grid, &way);
            let even = resample(&short, 0.1, 10_000);
            let Some(before) = cost(&even) else { continue };
            let after = cost(&smooth(&grid, &short, 0.1, 20)).expect("a smoothed way is free");
            assert!(after <= before + 1e-9, "{after} > {before}");
            shorter += u32::from(after < before - 1e-6);
        }
        assert!(shorter > 50, "{shorter}");
    }

    #[test]
    fn points_alone_and_none_are_fine() {
        let grid = open_grid();
        assert!(shorten(&grid, &[]).is_empty());
        assert_eq!(smooth(&grid, &[Point2::new(1.0, 1.0)], 0.1, 3).len(), 1);
    }
}
