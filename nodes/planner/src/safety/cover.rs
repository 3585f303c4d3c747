//! The robot's outline as a few discs, so that its distance from obstacles is a few look-ups in the distance field.

use outrider_foundation::grid::{Cell, CostGrid};
use outrider_foundation::{Footprint, Point2, Pose2};

/// The most discs; only outlines far from any robot's need more, and those end up with fatter discs.
const DISC_LIMIT: usize = 96;
/// Lattice points per inscribed radius.
const FINENESS: f64 = 20.0;

/// Discs that together cover the outline and reach over it by at most [`Self::excess_m`].
#[derive(Clone, Debug, PartialEq)]
pub struct FootprintCover {
    discs: Vec<(Point2, f64)>,
    circumscribed_m: f64,
    excess_m: f64,
}

impl FootprintCover {
    /// Covers an outline greedily: always the disc that covers most of what is left.
    pub fn new(footprint: &Footprint) -> Self {
        let step_m = footprint.inscribed_m() / FINENESS;
        // Every point of the outline is within `reach` of a lattice point that has to be covered.
        let reach_m = 0.75 * step_m;
        let mut excess_m = 2.5 * step_m;
        loop {
            if let Some(discs) = cover(footprint, step_m, reach_m, excess_m) {
                return Self { discs, circumscribed_m: footprint.circumscribed_m(), excess_m };
            }
            excess_m *= 1.5;
        }
    }

    /// How far the discs reach over the outline at most.
    pub const fn excess_m(&self) -> f64 {
        self.excess_m
    }

    /// Radius of a circle about the robot's centre that the outline lies in, m.
    pub const fn circumscribed_m(&self) -> f64 {
        self.circumscribed_m
    }

    /// The discs: centre in the base frame, radius in metres.
    pub fn discs(&self) -> &[(Point2, f64)] {
        &self.discs
    }

    /// Distance from the outline (the discs, which reach a little over it) at `pose` to the nearest centre of a lethal
    /// cell; far away a lower bound of at least `cap_m`. Negative: contact. `None` when part of it is outside the grid.
    pub fn clearance_m(&self, grid: &CostGrid, pose: Pose2, cap_m: f64) -> Option<f64> {
        let rough_m = field_m(grid, pose.position())? - self.circumscribed_m;
        if rough_m >= cap_m {
            return Some(rough_m);
        }
        let (s, c) = libm::sincos(pose.yaw_rad);
        let mut least_m = cap_m;
        for (centre, radius_m) in &self.discs {
            let x_m = pose.x_m + c * centre.x_m - s * centre.y_m;
            let y_m = pose.y_m + s * centre.x_m + c * centre.y_m;
            least_m = least_m.min(field_m(grid, Point2::new(x_m, y_m))? - radius_m);
        }
        Some(least_m)
    }

    /// Whether [`Self::clearance_m`] is at least `keep_m`, in fewer steps; `outside` when part of it is outside the grid.
    /// `keep_m` is not negative.
    pub fn keeps(&self, grid: &CostGrid, pose: Pose2, keep_m: f64, outside: bool) -> bool {
        let beyond =
            |p: Point2, far_m: f64| Some(Between::new(grid, p)?.is_beyond(far_m / grid.resolution_m));
        match beyond(pose.position(), keep_m + grid.resolution_m + self.circumscribed_m) {
            None => return outside,
            Some(true) => return true,
            Some(false) => {}
        }
        let (s, c) = libm::sincos(pose.yaw_rad);
        let mut keeps = true;
        for (centre, radius_m) in &self.discs {
            let x_m = pose.x_m + c * centre.x_m - s * centre.y_m;
            let y_m = pose.y_m + s * centre.x_m + c * centre.y_m;
            match beyond(Point2::new(x_m, y_m), keep_m + radius_m) {
                None => return outside,
                Some(true) => {}
                // That none of the others is outside matters only where it counts.
                Some(false) if outside => keeps = false,
                Some(false) => return false,
            }
        }
        keeps
    }
}

/// Where a point lies between four cell centres.
struct Between {
    /// Squared distances of the four, in cells²: lower left, lower right, upper left, upper right.
    squares: [u16; 4],
    /// Shares of the right and of the upper ones.
    shares: (f64, f64),
}

impl Between {
    /// `None` when one of them is outside.
    fn new(grid: &CostGrid, p: Point2) -> Option<Self> {
        let u = (p.x_m - grid.origin.x_m) / grid.resolution_m - 0.5;
        let v = (p.y_m - grid.origin.y_m) / grid.resolution_m - 0.5;
        let (col, row) = (u.floor(), v.floor());
        let shares = (u - col, v - row);
        let (col, row) = (col as i32, row as i32);
        let low = grid.index_of(Cell { col, row })?;
        grid.index_of(Cell { col: col.checked_add(1)?, row: row.checked_add(1)? })?;
        let high = low + grid.width as usize;
        let ([a, b], [c, d]) =
            (grid.distance_sq.get(low..)?.first_chunk()?, grid.distance_sq.get(high..)?.first_chunk()?);
        Some(Self { squares: [*a, *b, *c, *d], shares })
    }

    fn distance_cells(&self) -> f64 {
        let [a, b, c, d] = self.squares.map(|sq| f64::from(sq).sqrt());
        let (fu, fv) = self.shares;
        let (ab, cd) = (a + fu * (b - a), c + fu * (d - c));
        ab + fv * (cd - ab)
    }

    /// Whether it is at least so many; mostly the squares tell.
    fn is_beyond(&self, cells: f64) -> bool {
        let [a, b, c, d] = self.squares;
        let square = cells * cells;
        // More than rounding can make of it.
        if f64::from(a.min(b).min(c.min(d))) > square * (1.0 + 1e-9) {
            return true;
        }
        f64::from(a.max(b).max(c.max(d))) >= square * (1.0 - 1e-9) && self.distance_cells() >= cells
    }
}

/// Distance from a point to the nearest lethal centre, between the four cell centres around it by interpolation; `None`
/// when one of them is outside. Continuous, so that a small step away from something is seen as one. It overstates by at
/// most cell²/(4·distance): 2 mm at 0.3 m and 12 mm at 0.05 m with cells of 0.05 m.
fn field_m(grid: &CostGrid, p: Point2) -> Option<f64> {
    Some(Between::new(grid, p)?.distance_cells() * grid.resolution_m)
}

/// `None` when more than [`DISC_LIMIT`] discs are needed.
fn cover(footprint: &Footprint, step_m: f64, reach_m: f64, excess_m: f64) -> Option<Vec<(Point2, f64)>> {
    let count = (footprint.circumscribed_m() / step_m).ceil().min(200.0) as i32 + 1;
    let lattice = || {
        (-count..=count).flat_map(move |i| {
            (-count..=count).map(move |j| (i, j, Point2::new(f64::from(i) * step_m, f64::from(j) * step_m)))
        })
    };
    let mut left: Vec<Point2> =
        lattice().map(|(_, _, p)| p).filter(|p| footprint.reaches(*p, reach_m)).collect();
    let candidates: Vec<(Point2, f64)> = lattice()
        .filter(|(i, j, _)| i % 2 == 0 && j % 2 == 0)
        .map(|(_, _, p)| (p, -footprint.signed_distance_m(p)))
        .filter(|(_, depth_m)| *depth_m >= 0.0)
        .map(|(p, depth_m)| (p, depth_m + excess_m))
        .collect();
    let covers = |(centre, radius_m): &(Point2, f64), p: &Point2| {
        let (dx, dy, r) = (p.x_m - centre.x_m, p.y_m - centre.y_m, radius_m - reach_m);
        dx * dx + dy * dy <= r * r
    };
    let mut discs = Vec::new();
    // What a disc gained when it was last counted: it can only become less, so most need no counting again (Minoux, "Accelerated
    // greedy algorithms for maximizing submodular set functions", 1978). None gains more than there are lattice points in it: the squares
    // about them lie in a disc that is larger by half a diagonal.
    let holds = |(_, radius_m): &(Point2, f64)| {
        let steps = ((radius_m - reach_m) / step_m).max(0.0) + std::f64::consts::FRAC_1_SQRT_2;
        (std::f64::consts::PI * steps * steps) as usize + 1
    };
    let mut gains: Vec<usize> = candidates.iter().map(holds).collect();
    while !left.is_empty() {
        let mut best: Option<(usize, (Point2, f64))> = None;
        for (disc, gain) in candidates.iter().zip(&mut gains) {
            if best.is_some_and(|(most, _)| *gain <= most) {
                continue;
            }
            *gain = left.iter().filter(|p| covers(disc, p)).count();
            if best.is_none_or(|(most, _)| *gain > most) {
                best = Some((*gain, *disc));
            }
        }
        let (gain, disc) = best?;
        if gain == 0 || discs.len() >= DISC_LIMIT {
            return None;
        }
        left.retain(|p| !covers(&disc, p));
        discs.push(disc);
    }
    Some(discs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use outrider_foundation::rng::Rng;

    #[test]
    fn whether_it_keeps_a_distance_is_what_the_distance_says() {
        let mut rng = Rng::new(4, 7, 0);
        let cover = FootprintCover::new(&Footprint::rectangle(0.35, 0.3, 0.25).unwrap());
        let (mut told, mut outside) = ([0, 0], 0);
        for _ in 0..60 {
            let mut grid = CostGrid { resolution_m: 0.05, width: 80, height: 60, ..CostGrid::default() };
            let lethal: Vec<(f64, f64)> =
                (0..4).map(|_| (80.0 * rng.uniform(), 60.0 * rng.uniform())).collect();
            let sq = |x: f64, y: f64| {
                let all = lethal.iter().map(|(a, b)| (a.floor() - x).powi(2) + (b.floor() - y).powi(2));
                all.fold(26.0 * 26.0, f64::min) as u16
            };
            let cells = (0..60).flat_map(|y| (0..80).map(move |x| (f64::from(x), f64::from(y))));
            grid.distance_sq = cells.map(|(x, y)| sq(x, y)).collect();
            grid.cost = vec![0; grid.distance_sq.len()];
            for _ in 0..500 {
                let pose =
                    Pose2::new(4.4 * rng.uniform() - 0.2, 3.4 * rng.uniform() - 0.2, 7.0 * rng.uniform());
                let keep_m = 0.3 * rng.uniform();
                let keeps = [false, true].map(|or| cover.keeps(&grid, pose, keep_m, or));
                match cover.clearance_m(&grid, pose, keep_m + grid.resolution_m) {
                    None => assert_eq!(keeps, [false, true], "outside: {pose:?}"),
                    Some(m) if (m - keep_m).abs() > 1e-9 => {
                        assert_eq!(keeps, [m >= keep_m; 2], "{pose:?} {m}")
                    }
                    Some(_) => {}
                }
                told[usize::from(keeps == [true; 2])] += 1;
                outside += usize::from(keeps == [false, true]);
            }
        }
        assert!(told[0] - outside > 2000 && told[1] > 2000 && outside > 1000, "{told:?} {outside}");
    }

    #[test]
    fn the_discs_cover_the_outline_and_little_more() {
        let triangle = vec![Point2::new(0.6, 0.0), Point2::new(-0.3, 0.4), Point2::new(-0.3, -0.4)];
        for footprint in [Footprint::rectangle(0.35, 0.35, 0.5).unwrap(), Footprint::new(triangle).unwrap()] {
            let cover = FootprintCover::new(&footprint);
            assert!(
                cover.discs.len() < 60 && cover.excess_m < 0.04,
                "{} discs, {}",
                cover.discs.len(),
                cover.excess_m
            );
            let mut rng = Rng::new(1, 2, 3);
            for _ in 0..20_000 {
                let p = Point2::new(2.0 * rng.uniform() - 1.0, 2.0 * rng.uniform() - 1.0);
                let covered = cover.discs.iter().any(|(c, r)| c.distance_m(p) <= *r);
                let signed_m = footprint.signed_distance_m(p);
                assert!(covered || signed_m > 0.0, "{p:?} is not covered");
                assert!(!covered || signed_m <= cover.excess_m + 1e-9, "{p:?} is far outside");
            }
        }
    }
}
