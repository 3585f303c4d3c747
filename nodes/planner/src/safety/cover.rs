//! The robot's outline as a few discs, so that its distance from obstacles is a few look-ups in the distance field.

use outrider_foundation::grid::{Cell, CostGrid};
use outrider_foundation::{Footprint, Point2, Pose2};

/// The most discs; only outlines far from any robot's need more, and those end up with fatter discs.
const DISC_LIMIT: usize = 96;
/// Lattice points per inscribed radius,
const FINENESS: f64 = 20.0;
/// but no more than this per circumscribed radius: base_link may lie just inside the edge of a long robot.
const LATTICE_LIMIT: f64 = 200.0;

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
        let step_m = (footprint.inscribed_m() / FINENESS).max(footprint.circumscribed_m() / LATTICE_LIMIT);
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
    let mut left = Lattice::new(step_m, footprint.circumscribed_m());
    let points: Vec<(i32, i32)> = left.points().collect();
    for at in &points {
        if footprint.reaches(left.point(*at), reach_m) {
            left.put(*at);
        }
    }
    let candidates: Vec<Disc> = points
        .into_iter()
        .filter(|(i, j)| i % 2 == 0 && j % 2 == 0)
        .map(|at| (at, -footprint.signed_distance_m(left.point(at))))
        .filter(|(_, depth_m)| *depth_m >= 0.0)
        .map(|(at, depth_m)| Disc {
            at,
            radius_m: depth_m + excess_m,
            covers_m: depth_m + excess_m - reach_m,
        })
        .collect();
    let mut discs = Vec::new();
    // What a disc gained when it was last counted: it can only become less, so most need no counting again (Minoux, "Accelerated
    // greedy algorithms for maximizing submodular set functions", 1978). None gains more than there are lattice points in it: the squares
    // about them lie in a disc that is larger by half a diagonal.
    let holds = |disc: &Disc| {
        let steps = (disc.covers_m / step_m).max(0.0) + std::f64::consts::FRAC_1_SQRT_2;
        (std::f64::consts::PI * steps * steps) as u32 + 1
    };
    let mut gains: Vec<u32> = candidates.iter().map(holds).collect();
    while !left.is_empty() {
        let mut best: Option<(u32, &Disc)> = None;
        for (disc, gain) in candidates.iter().zip(&mut gains) {
            if best.is_some_and(|(most, _)| *gain <= most) {
                continue;
            }
            *gain = left.count_in(disc);
            if best.is_none_or(|(most, _)| *gain > most) {
                best = Some((*gain, disc));
            }
        }
        let (gain, disc) = best?;
        if gain == 0 || discs.len() >= DISC_LIMIT {
            return None;
        }
        left.clear_in(disc);
        discs.push((left.point(disc.at), disc.radius_m));
    }
    Some(discs)
}

/// A disc about a lattice point.
struct Disc {
    at: (i32, i32),
    radius_m: f64,
    /// Lattice points within this are covered, with all that is near them.
    covers_m: f64,
}

/// Points of a square lattice about the base frame's origin: a bit for each that is still to be covered.
struct Lattice {
    step_m: f64,
    /// Indices go from minus this to this.
    last: i32,
    /// Words of a row, which has one x.
    words: usize,
    bits: Vec<u64>,
}

impl Lattice {
    /// No point is to be covered yet.
    fn new(step_m: f64, radius_m: f64) -> Self {
        let last = (radius_m / step_m).ceil() as i32 + 1;
        let side = 2 * last as usize + 1;
        let words = side.div_ceil(64);
        Self { step_m, last, words, bits: vec![0; side * words] }
    }

    fn points(&self) -> impl Iterator<Item = (i32, i32)> + use<> {
        let last = self.last;
        (-last..=last).flat_map(move |i| (-last..=last).map(move |j| (i, j)))
    }

    fn point(&self, (i, j): (i32, i32)) -> Point2 {
        Point2::new(f64::from(i) * self.step_m, f64::from(j) * self.step_m)
    }

    fn put(&mut self, (i, j): (i32, i32)) {
        self.row(i, j, j).for_each(|(word, mask)| *word |= mask);
    }

    fn is_empty(&self) -> bool {
        self.bits.iter().all(|word| *word == 0)
    }

    /// How many a disc covers.
    fn count_in(&mut self, disc: &Disc) -> u32 {
        let mut count = 0;
        self.each_in(disc, |word, mask| count += (*word & mask).count_ones());
        count
    }

    fn clear_in(&mut self, disc: &Disc) {
        self.each_in(disc, |word, mask| *word &= !mask);
    }

    /// Words of row `i` with a mask of the points from `low` to `high` in each.
    fn row(&mut self, i: i32, low: i32, high: i32) -> impl Iterator<Item = (&mut u64, u64)> {
        let at = |index: i32| (index + self.last) as usize;
        let (begin, end) = (at(low), at(high) + 1);
        let row = self.bits.chunks_exact_mut(self.words).nth(at(i)).unwrap_or_default();
        let below = |bits: usize| if bits < 64 { (1_u64 << bits) - 1 } else { u64::MAX };
        row.iter_mut().enumerate().map(move |(word, bits)| {
            let before = 64 * word;
            (bits, below(end.saturating_sub(before)) & !below(begin.saturating_sub(before)))
        })
    }

    /// Every word with points in a disc, and a mask of them. From row to row away from the centre a disc only becomes narrower.
    fn each_in(&mut self, disc: &Disc, mut each: impl FnMut(&mut u64, u64)) {
        let centre = self.point(disc.at);
        let square = disc.covers_m * disc.covers_m;
        let last = self.last;
        let step_m = self.step_m;
        let within = |i: i32, j: i32| {
            let (dx, dy) = (f64::from(i) * step_m - centre.x_m, f64::from(j) * step_m - centre.y_m);
            dx * dx + dy * dy <= square
        };
        let half = (disc.covers_m.abs() / step_m).ceil() as i32 + 1;
        for (begin, on) in [(disc.at.0, 1), (disc.at.0 - 1, -1)] {
            let (mut low, mut high) = ((disc.at.1 - half).max(-last), (disc.at.1 + half).min(last));
            let mut i = begin;
            while i.abs() <= last {
                while low <= high && !within(i, low) {
                    low += 1;
                }
                while low <= high && !within(i, high) {
                    high -= 1;
                }
                if low > high {
                    break;
                }
                self.row(i, low, high).for_each(|(word, mask)| each(word, mask));
                i += on;
            }
        }
    }
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
        let rectangle = |front_m, rear_m, width_m| Footprint::rectangle(front_m, rear_m, width_m).unwrap();
        let with_its_axle_behind = [rectangle(1.0, 0.08, 0.6), rectangle(3.0, 0.05, 0.9)];
        let usual = [rectangle(0.35, 0.35, 0.5), Footprint::new(triangle).unwrap()];
        for footprint in usual.into_iter().chain(with_its_axle_behind) {
            let cover = FootprintCover::new(&footprint);
            assert!(
                cover.discs.len() < 60 && cover.excess_m < 0.04,
                "{} discs, {}",
                cover.discs.len(),
                cover.excess_m
            );
            let mut rng = Rng::new(1, 2, 3);
            for _ in 0..20_000 {
                let side_m = 2.0 * footprint.circumscribed_m();
                let p = Point2::new(side_m * (rng.uniform() - 0.5), side_m * (rng.uniform() - 0.5));
                let covered = cover.discs.iter().any(|(c, r)| c.distance_m(p) <= *r);
                let signed_m = footprint.signed_distance_m(p);
                assert!(covered || signed_m > 0.0, "{p:?} is not covered");
                assert!(!covered || signed_m <= cover.excess_m + 1e-9, "{p:?} is far outside");
            }
        }
    }
}
