//! Where the robot is: distances from people and zones, and the shortest way there would be. An implementation of its own:
//! with what it judges it shares plane geometry and the reading of zones alone.

use outrider_foundation::data::BodyBox;
use outrider_foundation::geometry::{Footprint, segment_distance_sq, sides};
use outrider_foundation::polygon::Polygon;
use outrider_foundation::zones::{ZoneError, Zones, outline};
use outrider_foundation::{Point2, Pose2, Twist2};
use outrider_msgs::nav_msgs::OccupancyGrid;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Farther than this nothing is measured, m.
pub(crate) const FAR_M: f64 = 100.0;
/// Contacts later than this are none, s.
pub(crate) const TTC_CAP_S: f64 = 10.0;
/// Steps in which they are looked for, s.
const TTC_STEP_S: f64 = 0.05;
/// A cell of the map from this occupancy on is an obstacle.
const OCCUPIED: i8 = 65;
/// Ways from a cell to others: with the moves of a knight no way is overestimated by more than 2.8 %.
const MOVES: [(i64, i64); 16] = [
    (1, 0),
    (-1, 0),
    (0, 1),
    (0, -1),
    (1, 1),
    (1, -1),
    (-1, 1),
    (-1, -1),
    (2, 1),
    (2, -1),
    (-2, 1),
    (-2, -1),
    (1, 2),
    (1, -2),
    (-1, 2),
    (-1, -2),
];

/// A moving object and where it goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mover {
    /// Centre.
    pub at: Point2,
    /// m/s.
    pub vx_mps: f64,
    /// m/s.
    pub vy_mps: f64,
    /// Radius of the disc about all of it.
    pub radius_m: f64,
    /// Of a rectangle its corners, counter-clockwise; of what is a disc none.
    pub corners: Option<[Point2; 4]>,
}

impl Mover {
    /// A person, or what else is a disc.
    pub(crate) const fn disc(at: Point2, [vx_mps, vy_mps]: [f64; 2], radius_m: f64) -> Self {
        Self { at, vx_mps, vy_mps, radius_m, corners: None }
    }

    /// Where a place on it is after a time.
    fn then(&self, p: Point2, t_s: f64) -> Point2 {
        Point2::new(p.x_m + self.vx_mps * t_s, p.y_m + self.vy_mps * t_s)
    }

    /// A part of a vehicle.
    pub(crate) fn rectangle(of: BodyBox, [vx_mps, vy_mps]: [f64; 2]) -> Self {
        let radius_m = 0.5 * libm::hypot(of.length_m, of.width_m);
        Self { at: of.pose.position(), vx_mps, vy_mps, radius_m, corners: Some(of.corners()) }
    }
}

/// Whether all of one convex outline lies before a side of another, so that they do not touch; both counter-clockwise.
fn is_before_a_side(of: &[Point2], other: &[Point2]) -> bool {
    let is_before = |a: Point2, b: Point2, p: &Point2| {
        (b.x_m - a.x_m) * (p.y_m - a.y_m) - (b.y_m - a.y_m) * (p.x_m - a.x_m) < 0.0
    };
    sides(of).any(|(a, b)| other.iter().all(|p| is_before(a, b, p)))
}

fn touch(one: &[Point2], other: &[Point2]) -> bool {
    !is_before_a_side(one, other) && !is_before_a_side(other, one)
}

/// Between two convex outlines, zero in contact.
fn apart_m(one: &[Point2], other: &[Point2]) -> f64 {
    if touch(one, other) {
        return 0.0;
    }
    let from_corners = |corners: &[Point2], outline: &[Point2]| {
        let square = |p: &Point2| {
            sides(outline).map(|(a, b)| segment_distance_sq(a, b, *p)).fold(f64::INFINITY, f64::min)
        };
        corners.iter().map(square).fold(f64::INFINITY, f64::min)
    };
    from_corners(one, other).min(from_corners(other, one)).sqrt()
}

/// The robot's outline and the zones.
#[derive(Clone, Debug)]
pub struct Place {
    /// The outline.
    pub footprint: Footprint,
    exclusion: Vec<(String, Polygon)>,
    speed: Vec<(String, Polygon, f64)>,
}

impl Place {
    /// Of a robot among zones.
    ///
    /// # Errors
    /// A zone that is none.
    pub fn new(footprint: Footprint, zones: &Zones) -> Result<Self, ZoneError> {
        let exclusion = zones.exclusion.iter().map(|z| Ok((z.name.clone(), outline(&z.name, &z.polygon_m)?)));
        let speed =
            zones.speed.iter().map(|z| Ok((z.name.clone(), outline(&z.name, &z.polygon_m)?, z.v_max_mps)));
        Ok(Self {
            footprint,
            exclusion: exclusion.collect::<Result<_, ZoneError>>()?,
            speed: speed.collect::<Result<_, ZoneError>>()?,
        })
    }

    /// From the outline to the nearest exclusion zone, zero within it, and its name.
    pub fn exclusion_gap_m(&self, pose: Pose2) -> (f64, &str) {
        let gap = |zone: &Polygon| {
            let (centre, radius_m) = zone.bounds();
            let apart_m = pose.position().distance_m(centre) - radius_m - self.footprint.circumscribed_m();
            if apart_m > 1.0 { apart_m } else { self.gap_to_m(zone, pose) }
        };
        let all = self.exclusion.iter().map(|(name, zone)| (gap(zone), name.as_str()));
        all.fold((FAR_M, ""), |least, next| if next.0 < least.0 { next } else { least })
    }

    fn gap_to_m(&self, zone: &Polygon, pose: Pose2) -> f64 {
        let outline: Vec<Point2> = self.footprint.corners().iter().map(|c| pose.apply(*c)).collect();
        let from_zone = pose.inverse();
        let inside = |p: &Point2| self.footprint.signed_distance_m(from_zone.apply(*p)) <= 0.0;
        let overlap = outline.iter().any(|p| zone.contains(*p))
            || zone.corners().iter().any(inside)
            || sides(&outline).any(|a| sides(zone.corners()).any(|b| cross(a, b)));
        if overlap {
            return 0.0;
        }
        let of_outline = outline.iter().map(|p| zone.signed_distance_m(*p).abs());
        let of_zone =
            zone.corners().iter().map(|p| self.footprint.signed_distance_m(from_zone.apply(*p)).abs());
        of_outline.chain(of_zone).fold(FAR_M, f64::min)
    }

    /// The least speed limit where the base is, and the name of its zone.
    pub fn speed_limit_mps(&self, at: Point2) -> Option<(f64, &str)> {
        let here = self.speed.iter().filter(|(_, zone, _)| zone.contains(at));
        here.map(|(name, _, limit)| (*limit, name.as_str())).min_by(|a, b| a.0.total_cmp(&b.0))
    }

    /// From the outline to the nearest mover, zero in contact.
    pub fn person_gap_m(&self, pose: Pose2, movers: &[Mover]) -> f64 {
        let base_from_map = pose.inverse();
        let gap = |m: &Mover| match m.corners {
            None => self.footprint.signed_distance_m(base_from_map.apply(m.at)) - m.radius_m,
            Some(corners) => apart_m(self.footprint.corners(), &corners.map(|c| base_from_map.apply(c))),
        };
        movers.iter().map(gap).fold(FAR_M, f64::min).max(0.0)
    }

    /// Whether the outline at a pose touches somebody as they are after a time.
    fn meets(&self, at: Pose2, m: &Mover, t_s: f64) -> bool {
        let base_from_map = at.inverse().for_many();
        let there = |p: Point2| base_from_map.apply(m.then(p, t_s));
        match m.corners {
            None => self.footprint.reaches(there(m.at), m.radius_m),
            Some(corners) => touch(self.footprint.corners(), &corners.map(there)),
        }
    }

    /// Until the outline meets somebody when the robot keeps its twist and they their velocities.
    pub fn time_to_collision_s(&self, pose: Pose2, twist: Twist2, movers: &[Mover]) -> Option<f64> {
        let reach_m = self.footprint.circumscribed_m() + twist.v_mps.abs() * TTC_CAP_S;
        let near: Vec<&Mover> = movers
            .iter()
            .filter(|m| {
                let own_m = libm::hypot(m.vx_mps, m.vy_mps) * TTC_CAP_S + m.radius_m;
                pose.position().distance_m(m.at) <= reach_m + own_m
            })
            .collect();
        if near.is_empty() {
            return None;
        }
        let steps = (TTC_CAP_S / TTC_STEP_S) as u32;
        // Nobody is met before the way between is gone: a step less, for rounding.
        let way_m =
            |m: &Mover| pose.position().distance_m(m.at) - self.footprint.circumscribed_m() - m.radius_m;
        let alone =
            |m: &&Mover| way_m(m) / (twist.v_mps.abs() + libm::hypot(m.vx_mps, m.vy_mps)) / TTC_STEP_S - 1.0;
        let alone = near.iter().map(alone).fold(f64::INFINITY, f64::min);
        let mut at = pose;
        for step in 0..=steps {
            let t_s = f64::from(step) * TTC_STEP_S;
            if f64::from(step) < alone {
                at = at.advance(twist, TTC_STEP_S);
                continue;
            }
            let meets = |m: &&Mover| {
                let centre = m.then(m.at, t_s);
                // Whoever is far is so wherever the robot is headed.
                let apart = Point2::new(centre.x_m - at.x_m, centre.y_m - at.y_m);
                !self.footprint.is_surely_farther(apart, m.radius_m) && self.meets(at, m, t_s)
            };
            if near.iter().any(meets) {
                return Some(t_s);
            }
            at = at.advance(twist, TTC_STEP_S);
        }
        None
    }
}

/// Whether two segments cross.
fn cross(a: (Point2, Point2), b: (Point2, Point2)) -> bool {
    let side = |s: (Point2, Point2), p: Point2| {
        (s.1.x_m - s.0.x_m) * (p.y_m - s.0.y_m) - (s.1.y_m - s.0.y_m) * (p.x_m - s.0.x_m)
    };
    let apart = |s: (Point2, Point2), o: (Point2, Point2)| side(s, o.0) * side(s, o.1) < 0.0;
    apart(a, b) && apart(b, a)
        || segment_distance_sq(a.0, a.1, b.0) <= 0.0
        || segment_distance_sq(a.0, a.1, b.1) <= 0.0
}

/// Length of the shortest way of a disc over the free and unknown cells of a map, 2.8 % too long at most; `None` where there is
/// none.
pub fn shortest_m(map: &OccupancyGrid, radius_m: f64, start: Point2, goal: Point2) -> Option<f64> {
    let (width, height) = (i64::from(map.info.width), i64::from(map.info.height));
    let resolution_m = f64::from(map.info.resolution);
    let origin = &map.info.origin.position;
    if resolution_m <= 0.0 || width * height != map.data.len() as i64 {
        return None;
    }
    let cell = |p: Point2| {
        let col = libm::floor((p.x_m - origin.x) / resolution_m) as i64;
        let row = libm::floor((p.y_m - origin.y) / resolution_m) as i64;
        (0..width).contains(&col).then_some(())?;
        (0..height).contains(&row).then_some((col, row))
    };
    let index = |(col, row): (i64, i64)| {
        let inside = (0..width).contains(&col) && (0..height).contains(&row);
        inside.then(|| usize::try_from(row * width + col).unwrap_or(usize::MAX))
    };
    let blocked = grown(map, (radius_m / resolution_m) as i64, &index);
    let free = |at: (i64, i64)| index(at).filter(|i| blocked.get(*i) == Some(&false));
    let (from, to) = (cell(start)?, cell(goal)?);
    // No more than is left, rounding of the steps included.
    let left = |(col, row): (i64, i64)| {
        let (dx, dy) = ((col - to.0) as f64, (row - to.1) as f64);
        (0.999e6 * resolution_m * (dx * dx + dy * dy).sqrt()) as u64
    };
    let steps = MOVES.map(|(dx, dy)| (1e6 * resolution_m * libm::hypot(dx as f64, dy as f64)) as u64);
    let mut least = vec![u64::MAX; map.data.len()];
    let mut open = BinaryHeap::new();
    *least.get_mut(index(from)?)? = 0;
    open.push(Reverse((left(from), 0u64, from)));
    while let Some(Reverse((_, cost, at))) = open.pop() {
        if at == to {
            return Some(cost as f64 * 1e-6);
        }
        if index(at).and_then(|i| least.get(i)).is_some_and(|known| *known < cost) {
            continue;
        }
        for ((dx, dy), step) in MOVES.into_iter().zip(steps) {
            let next = (at.0 + dx, at.1 + dy);
            let Some(place) = free(next) else { continue };
            // A long move may not leap over a corner.
            if dx.abs() + dy.abs() == 3 && free((at.0 + dx / 2 + dx % 2, at.1 + dy / 2 + dy % 2)).is_none() {
                continue;
            }
            let total = cost + step;
            if let Some(known) = least.get_mut(place).filter(|known| total < **known) {
                *known = total;
                open.push(Reverse((total + left(next), total, next)));
            }
        }
    }
    None
}

/// Where the centre of a disc of so many cells may not be.
fn grown(map: &OccupancyGrid, cells: i64, index: &dyn Fn((i64, i64)) -> Option<usize>) -> Vec<bool> {
    let width = i64::from(map.info.width).max(1);
    let mut blocked = vec![false; map.data.len()];
    let disc: Vec<(i64, i64)> = (-cells..=cells)
        .flat_map(|dy| (-cells..=cells).map(move |dx| (dx, dy)))
        .filter(|(dx, dy)| dx * dx + dy * dy <= cells * cells)
        .collect();
    for (at, _) in map.data.iter().enumerate().filter(|(_, value)| **value >= OCCUPIED) {
        let (col, row) = (at as i64 % width, at as i64 / width);
        for (dx, dy) in &disc {
            if let Some(place) = index((col + dx, row + dy)).and_then(|i| blocked.get_mut(i)) {
                *place = true;
            }
        }
    }
    blocked
}
