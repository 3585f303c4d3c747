//! The way over the costmap as `navfn` finds it: a potential spread from the robot, and the steepest descent from the goal.

use super::costmap::{Costmap, RESOLUTION_M, SIDE};
use outrider_foundation::Point2;
use outrider_foundation::grid::COST_INSCRIBED;

/// Price of a free cell (`COST_NEUTRAL`).
const NEUTRAL: u8 = 50;
/// What one of the costmap's costs adds to it (`COST_FACTOR`).
const FACTOR: f64 = 0.8;
/// Price of a cell that is not passed (`COST_OBS`).
const OBSTACLE: u8 = 254;
/// Not reached.
const HIGH: f32 = 1.0e10;
/// By how much the threshold rises that parts this round's cells from later ones.
const BAND: f32 = 2.0 * NEUTRAL as f32;
/// The most cells in a list (`PRIORITYBUFSIZE`).
const LIST_LIMIT: usize = 10_000;
/// The most rounds: a twentieth of the cells.
const ROUND_LIMIT: usize = Costmap::cells() / 20;
/// The most points of a way.
const POINT_LIMIT: usize = 4 * SIDE as usize;
/// From one point to the next, in cells.
const STEP: f32 = 0.5;
const ROW: usize = SIDE as usize;

/// Lists of cells to be looked at: now, next, and when the threshold has risen.
#[derive(Default)]
struct Front {
    now: Vec<usize>,
    next: Vec<usize>,
    later: Vec<usize>,
}

/// Work space.
pub struct NavFn {
    prices: Vec<u8>,
    potential: Vec<f32>,
    waiting: Vec<bool>,
    front: Front,
    price_of: Vec<u8>,
}

impl NavFn {
    /// Nothing planned.
    pub fn new() -> Self {
        let price = |cost: u8| {
            let passable = cost < COST_INSCRIBED;
            let price = f64::from(NEUTRAL) + FACTOR * f64::from(cost);
            if passable { price.min(f64::from(OBSTACLE - 1)) as u8 } else { OBSTACLE }
        };
        Self {
            prices: vec![OBSTACLE; Costmap::cells()],
            potential: vec![HIGH; Costmap::cells()],
            waiting: vec![false; Costmap::cells()],
            front: Front::default(),
            price_of: (0..=u8::MAX).map(price).collect(),
        }
    }

    /// From one point to another; `None` when there is no way.
    pub fn plan(&mut self, map: &Costmap, from: Point2, to: Point2) -> Option<Vec<Point2>> {
        let start = Costmap::index(Costmap::cell(from))?;
        let goal = Costmap::index(Costmap::cell(to))?;
        self.price(map, start);
        self.spread(start, goal);
        if self.reached(goal) >= HIGH {
            return None;
        }
        let mut points = self.descend(goal, start);
        points.reverse();
        points.push(to);
        Some(points)
    }

    fn price(&mut self, map: &Costmap, start: usize) {
        for (price, cost) in self.prices.iter_mut().zip(map.costs()) {
            *price = self.price_of.get(usize::from(*cost)).copied().unwrap_or(OBSTACLE);
        }
        // The robot stands there: it cannot be an obstacle.
        if let Some(price) = self.prices.get_mut(start) {
            *price = NEUTRAL;
        }
        for i in 0..ROW {
            for border in [i, (ROW - 1) * ROW + i, i * ROW, i * ROW + ROW - 1] {
                if let Some(price) = self.prices.get_mut(border) {
                    *price = OBSTACLE;
                }
            }
        }
    }

    fn reached(&self, index: usize) -> f32 {
        self.potential.get(index).copied().unwrap_or(HIGH)
    }

    fn price_at(&self, index: usize) -> u8 {
        self.prices.get(index).copied().unwrap_or(OBSTACLE)
    }

    /// Potentials from `start` outwards until `goal` has one.
    fn spread(&mut self, start: usize, goal: usize) {
        self.potential.fill(HIGH);
        self.waiting.fill(false);
        self.front = Front::default();
        if let Some(potential) = self.potential.get_mut(start) {
            *potential = 0.0;
        }
        for n in around(start) {
            let mut list = std::mem::take(&mut self.front.now);
            self.push(&mut list, n);
            self.front.now = list;
        }
        let mut threshold = f32::from(OBSTACLE);
        for _ in 0..ROUND_LIMIT {
            if self.front.now.is_empty() {
                break;
            }
            let now = std::mem::take(&mut self.front.now);
            for i in &now {
                if let Some(waiting) = self.waiting.get_mut(*i) {
                    *waiting = false;
                }
            }
            for i in now {
                self.visit(i, threshold);
            }
            self.front.now = std::mem::take(&mut self.front.next);
            if self.front.now.is_empty() {
                threshold += BAND;
                self.front.now = std::mem::take(&mut self.front.later);
            }
            if self.reached(goal) < HIGH {
                break;
            }
        }
    }

    fn push(&mut self, list: &mut Vec<usize>, index: usize) {
        if self.price_at(index) < OBSTACLE
            && list.len() < LIST_LIMIT
            && let Some(waiting) = self.waiting.get_mut(index)
            && !*waiting
        {
            *waiting = true;
            list.push(index);
        }
    }

    /// A cell's potential from the lower of its neighbours along each axis, as of a plane wave (a quadratic stands for its
    /// root); where it fell, neighbours that it can lower are looked at again.
    fn visit(&mut self, index: usize, threshold: f32) {
        let price = self.price_at(index);
        if price >= OBSTACLE {
            return;
        }
        let neighbours = around(index);
        let values = neighbours.map(|n| self.reached(n));
        let [left, right, below, above] = values;
        let (a, b) = (left.min(right), below.min(above));
        let (low, apart) = (a.min(b), (a - b).abs());
        let price = f32::from(price);
        let value = if apart >= price {
            low + price
        } else {
            let u = apart / price;
            low + price * (-0.2301 * u * u + 0.5307 * u + 0.7040)
        };
        if value >= self.reached(index) {
            return;
        }
        if let Some(potential) = self.potential.get_mut(index) {
            *potential = value;
        }
        let soon = value < threshold;
        let mut list = std::mem::take(if soon { &mut self.front.next } else { &mut self.front.later });
        for (n, known) in neighbours.into_iter().zip(values) {
            let step = std::f32::consts::FRAC_1_SQRT_2 * f32::from(self.price_at(n));
            if known > value + step {
                self.push(&mut list, n);
            }
        }
        *(if soon { &mut self.front.next } else { &mut self.front.later }) = list;
    }

    /// Points from `from` down to `to`, half a cell apart; as far as it gets.
    fn descend(&self, from: usize, to: usize) -> Vec<Point2> {
        let mut points = Vec::new();
        let mut trail: Vec<(f32, f32)> = Vec::new();
        let (mut cell, mut dx, mut dy) = (from, 0.0_f32, 0.0_f32);
        for _ in 0..POINT_LIMIT {
            let nearest = cell as i64 + dx.round() as i64 + i64::from(SIDE) * dy.round() as i64;
            if usize::try_from(nearest).is_ok_and(|n| self.reached(n) < f32::from(NEUTRAL)) {
                points.push(point((to % ROW) as f32, (to / ROW) as f32));
                break;
            }
            if cell < ROW || cell + ROW >= Costmap::cells() {
                break;
            }
            let here = ((cell % ROW) as f32 + dx, (cell / ROW) as f32 + dy);
            let back_and_forth = trail.iter().rev().nth(1) == Some(&here);
            trail.push(here);
            points.push(point(here.0, here.1));
            let about = [cell - ROW - 1, cell - ROW, cell - ROW + 1, cell - 1, cell + 1];
            let about = about.into_iter().chain([cell + ROW - 1, cell + ROW, cell + ROW + 1]);
            let at_edge = about.clone().chain([cell]).any(|n| self.reached(n) >= HIGH);
            if at_edge || back_and_forth {
                let lower = |low: usize, n: usize| if self.reached(n) < self.reached(low) { n } else { low };
                cell = about.fold(cell, lower);
                (dx, dy) = (0.0, 0.0);
                if self.reached(cell) >= HIGH {
                    break;
                }
                continue;
            }
            let corners = [cell, cell + 1, cell + ROW, cell + ROW + 1].map(|n| self.slope(n));
            let (x, y) = between(corners, dx, dy);
            let length = (x * x + y * y).sqrt();
            if length <= 0.0 {
                break;
            }
            dx += STEP * x / length;
            dy += STEP * y / length;
            cell = carry(&mut dx, cell, 1);
            cell = carry(&mut dy, cell, ROW);
        }
        points
    }

    /// Direction downhill at a cell, of length one; zero where there is none.
    fn slope(&self, cell: usize) -> (f32, f32) {
        let here = self.reached(cell);
        let along = |before: f32, after: f32| {
            if here >= HIGH {
                return match (before < HIGH, after < HIGH) {
                    (true, _) => -f32::from(OBSTACLE),
                    (false, true) => f32::from(OBSTACLE),
                    (false, false) => 0.0,
                };
            }
            (if before < HIGH { before - here } else { 0.0 })
                + (if after < HIGH { here - after } else { 0.0 })
        };
        let [left, right, below, above] = around(cell).map(|n| self.reached(n));
        let (x, y) = (along(left, right), along(below, above));
        let length = (x * x + y * y).sqrt();
        if length > 0.0 { (x / length, y / length) } else { (0.0, 0.0) }
    }
}

/// Left, right, below, above. Cells on the border are never passed, so that none is beyond it.
fn around(cell: usize) -> [usize; 4] {
    [cell.wrapping_sub(1), cell + 1, cell.wrapping_sub(ROW), cell + ROW]
}

/// A whole cell of an offset goes into the cell.
fn carry(offset: &mut f32, cell: usize, stride: usize) -> usize {
    if *offset > 1.0 {
        *offset -= 1.0;
        cell + stride
    } else if *offset < -1.0 {
        *offset += 1.0;
        cell.saturating_sub(stride)
    } else {
        cell
    }
}

/// Bilinear, from the corners at (0, 0), (1, 0), (0, 1), (1, 1).
fn between(corners: [(f32, f32); 4], dx: f32, dy: f32) -> (f32, f32) {
    let [a, b, c, d] = corners;
    let mix = |a: f32, b: f32, c: f32, d: f32| {
        (1.0 - dy) * ((1.0 - dx) * a + dx * b) + dy * ((1.0 - dx) * c + dx * d)
    };
    (mix(a.0, b.0, c.0, d.0), mix(a.1, b.1, c.1, d.1))
}

/// A place in cells as a point. A cell's number means its lower corner here, as it does in `navfn`.
fn point(col: f32, row: f32) -> Point2 {
    let at = |v: f32| (f64::from(v) - f64::from(SIDE / 2)) * RESOLUTION_M;
    Point2::new(at(col), at(row))
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Point2 = Point2 { x_m: 0.001, y_m: 0.001 };

    fn potentials(map: &Costmap, goal: Point2) -> (NavFn, usize) {
        let start = Costmap::index(Costmap::cell(START)).unwrap();
        let mut navfn = NavFn::new();
        navfn.price(map, start);
        navfn.spread(start, Costmap::index(Costmap::cell(goal)).unwrap());
        (navfn, start)
    }

    #[test]
    fn potentials_are_those_of_a_plane_wave() {
        let (navfn, start) = potentials(&Costmap::new(), Point2::new(1.001, 0.001));
        // Along an axis a cell's price; across, where both neighbours have 50, 0.704 of it on top.
        let near = [start, start + 1, start - ROW, start - 2, start + ROW + 1];
        for (cell, expected) in near.into_iter().zip([0.0, 50.0, 50.0, 100.0, 85.2]) {
            assert!((navfn.reached(cell) - expected).abs() < 1e-3, "{} {expected}", navfn.reached(cell));
        }
    }

    #[test]
    fn costs_make_cells_dearer_and_inscribed_ones_impassable() {
        let map = Costmap::with_obstacles(&[Point2::new(1.001, 0.001)]);
        let (navfn, start) = potentials(&map, Point2::new(-1.0, 0.001));
        let marked = start + 20;
        // 50 + 0.8 · 177 at six cells.
        let prices = [marked + 7, marked + 6, marked + 5, marked].map(|cell| navfn.price_at(cell));
        assert_eq!(prices, [NEUTRAL, 191, OBSTACLE, OBSTACLE]);
    }

    #[test]
    fn the_way_is_straight_where_nothing_is_and_ends_in_the_goal() {
        let goal = Point2::new(2.003, 0.002);
        let path = NavFn::new().plan(&Costmap::new(), START, goal).unwrap();
        assert_eq!(path.last(), Some(&goal));
        assert!(path[0].distance_m(START) < RESOLUTION_M, "{:?}", path[0]);
        // Half a cell apart, but near the ends, where it goes from cell to cell.
        let middle: Vec<f64> = path.iter().map(|p| p.x_m).filter(|x_m| (0.5..1.5).contains(x_m)).collect();
        assert!(middle.len() >= 39, "{middle:?}");
        assert!(middle.windows(2).all(|w| (w[1] - w[0] - 0.5 * RESOLUTION_M).abs() < 1e-6), "{middle:?}");
        assert!(path.iter().all(|p| p.y_m.abs() < 0.01), "{path:?}");
    }

    #[test]
    fn the_way_goes_round_a_wall() {
        let wall: Vec<Point2> = (-10..=10).map(|i| Point2::new(1.001, 0.05 * f64::from(i))).collect();
        let map = Costmap::with_obstacles(&wall);
        let path = NavFn::new().plan(&map, START, Point2::new(2.001, 0.001)).unwrap();
        let length_m: f64 = path.windows(2).map(|w| w[0].distance_m(w[1])).sum();
        // Round the end of the wall, 0.5 m aside, and the inflation beyond it.
        assert!((2.5..3.2).contains(&length_m), "{length_m}");
        assert!(path.iter().all(|p| map.cost(Costmap::cell(*p)) < COST_INSCRIBED));
    }

    #[test]
    fn there_is_none_out_of_a_ring() {
        let ring = |count: i32| -> Vec<Point2> {
            let at = |i: i32| libm::sincos(std::f64::consts::TAU * f64::from(i) / 24.0);
            (0..count).map(at).map(|(s, c)| Point2::new(c, s)).collect()
        };
        let goal = Point2::new(-2.0, 0.0);
        assert!(NavFn::new().plan(&Costmap::with_obstacles(&ring(24)), START, goal).is_none());
        assert!(NavFn::new().plan(&Costmap::with_obstacles(&ring(20)), START, goal).is_some());
    }
}
