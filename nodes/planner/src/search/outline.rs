//! Paths for the robot's outline: whether it fits along one, and the lattice search where it does not.

use super::COST_PER_CELL;
use super::lattice::{Fits, Lattice, LatticeRules};
use super::one_way::OneWay;
use super::plan_grid::{Disc, PlanGrid, PlanGridRules};
use super::route::{Route, RouteError};
use crate::config::LatticeConfig;
use crate::path::Path;
use crate::safety::FootprintCover;
use outrider_foundation::grid::{Cell, CostGrid, FrameId};
use outrider_foundation::{Footprint, Point2, Pose2};

/// The first of a path is not looked at: the robot is there already, m.
const UNDERFOOT_M: f64 = 0.2;

/// Distances are kept for the centres of cells and looked up between four of them: at a pose so many cells from a place's own
/// centre they may be less by as much and 2.2 cells more (√2 to the four, and half as much at the place). With one more the
/// short cut of [`FootprintCover::clearance_m`] says the same.
const SLACK_CELLS: f64 = 3.5;

/// What stands where.
#[derive(Clone, Copy, Debug)]
pub struct Ground<'a> {
    /// A grid: the map, or the window about the robot.
    pub base: &'a CostGrid,
    /// One in the same frame that is laid over it.
    pub overlay: Option<&'a CostGrid>,
    /// Things that may move away.
    pub discs: &'a [Disc],
    /// Where the way leads in one direction only.
    pub one_way: &'a [OneWay],
}

/// Plans for an outline; holds the buffers.
#[derive(Clone, Debug)]
pub struct OutlinePlanner {
    config: LatticeConfig,
    rules: PlanGridRules,
    cover: FootprintCover,
    lattice: Lattice,
    grid: PlanGrid,
}

impl OutlinePlanner {
    /// With the rules of the plain search, but for the clearance: the outline keeps its own.
    pub fn new(config: &LatticeConfig, rules: PlanGridRules, footprint: &Footprint) -> Self {
        let lattice = Lattice::new(LatticeRules {
            min_radius_m: config.min_radius_m,
            turn_cost_m: config.turn_cost_m,
            reverse: config.reverse,
        });
        Self {
            config: config.clone(),
            rules: PlanGridRules { clearance_m: footprint.inscribed_m(), ..rules },
            cover: FootprintCover::new(footprint),
            lattice,
            grid: PlanGrid::default(),
        }
    }

    /// The outline as discs.
    pub const fn cover(&self) -> &FootprintCover {
        &self.cover
    }

    /// The grid of the last search.
    pub const fn grid(&self) -> &PlanGrid {
        &self.grid
    }

    /// The outline keeps its margin all along a path, at the headings of its poses.
    pub fn fits_along(&self, ground: &Ground<'_>, path: &Path) -> bool {
        let outline = Outline { cover: &self.cover, ground, margin_m: self.config.margin_m };
        let (mut centre, mut room_m) = (Point2::default(), 0.0);
        let poses = path.poses.iter().zip(&path.arc_m).filter(|(_, s)| **s > UNDERFOOT_M);
        poses.into_iter().all(|(pose, _)| {
            // Where there is room, the next few need not be looked at.
            let at = pose.position();
            if at.distance_m(centre) < room_m {
                return true;
            }
            (centre, room_m) = (at, outline.room_m(at));
            room_m > 0.0 || outline.fits_at(*pose)
        })
    }

    /// A path by the lattice.
    pub fn plan(
        &mut self,
        ground: &Ground<'_>,
        frame: FrameId,
        from: Pose2,
        goal: Pose2,
        spacing_m: f64,
    ) -> Result<Route, RouteError> {
        self.grid.rebuild(ground.base, ground.overlay, ground.discs, &self.rules);
        self.grid.keep_ways(ground.one_way);
        if self.grid.index_of(self.grid.cell_of(goal.position())).is_none() {
            return Err(RouteError::Outside);
        }
        let outline = Outline { cover: &self.cover, ground, margin_m: self.config.margin_m };
        let found = self.lattice.search(&self.grid, from, goal, self.config.expansion_limit, outline);
        let found = found.ok_or(RouteError::NoPath)?;
        if found.limited {
            return Err(RouteError::Limit { expanded: found.expanded });
        }
        if !found.reached {
            return Err(RouteError::NoPath);
        }
        let poses = thinned(&found.poses, from, goal, spacing_m);
        let path = Path::from_poses(frame, &poses).ok_or(RouteError::NoPath)?;
        let cost = found.cost as f64 / COST_PER_CELL as f64 * self.grid.resolution_m;
        Ok(Route { path, cost, expanded: found.expanded, by_outline: true, blocked_at: None })
    }
}

/// The outline with its margin, and what stands where.
struct Outline<'a> {
    cover: &'a FootprintCover,
    ground: &'a Ground<'a>,
    margin_m: f64,
}

impl Outline<'_> {
    fn fits_at(&self, pose: Pose2) -> bool {
        let keeps = |grid: &CostGrid, outside| self.cover.keeps(grid, pose, self.margin_m, outside);
        keeps(self.ground.base, false) && self.ground.overlay.is_none_or(|overlay| keeps(overlay, true))
    }

    /// Nearer to a place than this it fits at any heading, m; not above zero where that cannot be told.
    fn room_m(&self, at: Point2) -> f64 {
        let ground = self.ground;
        let keep_m = self.cover.circumscribed_m() + self.margin_m;
        let base_m = room_m(ground.base, at, keep_m).map_or(0.0, |(room_m, border_m)| room_m.min(border_m));
        // Beyond the overlay there is nothing of it, up to its border.
        let overlay_m = ground.overlay.map_or(f64::INFINITY, |on| {
            room_m(on, at, keep_m).map_or_else(|border_m| border_m, |(room_m, border_m)| room_m.min(border_m))
        });
        base_m.min(overlay_m)
    }
}

impl Fits for Outline<'_> {
    fn fits(&mut self, pose: Pose2) -> bool {
        self.fits_at(pose)
    }

    fn room_cells(&mut self, grid: &PlanGrid, cell: Cell) -> f64 {
        self.room_m(grid.centre_of(cell)) / grid.resolution_m
    }
}

/// How far a circle of this radius may move from a place in a grid until it may touch something, and until its centre may come
/// too near to the grid's border to be looked up; outside, as an error, how far away the grid is.
fn room_m(grid: &CostGrid, at: Point2, radius_m: f64) -> Result<(f64, f64), f64> {
    let slack_m = SLACK_CELLS * grid.resolution_m;
    let (width_m, height_m) =
        (f64::from(grid.width) * grid.resolution_m, f64::from(grid.height) * grid.resolution_m);
    let (x_m, y_m) = (at.x_m - grid.origin.x_m, at.y_m - grid.origin.y_m);
    let border_m = x_m.min(y_m).min(width_m - x_m).min(height_m - y_m);
    match grid.distance_at_m(at) {
        Some(free_m) => Ok((free_m - radius_m - slack_m, border_m - slack_m)),
        None => Err(-border_m - slack_m),
    }
}

/// Poses about so far apart, from the robot's own to the goal's; where it turns on the spot or about, they stay.
fn thinned(poses: &[Pose2], from: Pose2, goal: Pose2, spacing_m: f64) -> Vec<Pose2> {
    let mut kept = vec![from];
    let mut way_m = 0.0;
    for three in poses.windows(3) {
        let [a, b, c] = three else { continue };
        way_m += a.position().distance_m(b.position());
        let (into, out) = ((b.x_m - a.x_m, b.y_m - a.y_m), (c.x_m - b.x_m, c.y_m - b.y_m));
        let turns_about = into.0 * out.0 + into.1 * out.1 < 0.0;
        let begins_to_turn = into != (0.0, 0.0) && out == (0.0, 0.0);
        if way_m >= spacing_m || turns_about || begins_to_turn {
            kept.push(*b);
            way_m = 0.0;
        }
    }
    kept.push(goal);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use outrider_foundation::rng::Rng;

    const CELL_M: f64 = 0.05;
    const LIMIT: i32 = 24;

    fn field(origin: Point2, size: [i32; 2], lethal: &[Point2]) -> CostGrid {
        let [width, height] = size;
        let mut grid = CostGrid {
            resolution_m: CELL_M,
            width: width as u32,
            height: height as u32,
            origin,
            cost: vec![0; (width * height) as usize],
            ..CostGrid::default()
        };
        let lethal: Vec<Cell> =
            lethal.iter().map(|p| grid.cell_of(*p)).filter(|c| grid.index_of(*c).is_some()).collect();
        for (row, col) in (0..height).flat_map(|row| (0..width).map(move |col| (row, col))) {
            let sq = |c: &Cell| (c.col - col) * (c.col - col) + (c.row - row) * (c.row - row);
            let least = lethal.iter().map(sq).min().unwrap_or(i32::MAX);
            grid.distance_sq.push(least.min(LIMIT * LIMIT) as u16);
        }
        grid
    }

    #[test]
    fn where_there_is_room_the_outline_fits_at_any_heading() {
        let mut rng = Rng::new(8, 5, 0);
        let cover = FootprintCover::new(&Footprint::rectangle(0.2, 0.2, 0.3).unwrap());
        let mut asked = 0;
        for round in 0..12 {
            let mut point = |x_m: f64, y_m: f64| Point2::new(x_m * rng.uniform(), y_m * rng.uniform());
            let lethal: Vec<Point2> = (0..3).map(|_| point(5.0, 4.0)).collect();
            let base = field(Point2::default(), [100, 80], &lethal);
            let overlay = field(point(3.0, 2.0), [40, 40], &lethal);
            let overlay = (round % 2 == 0).then_some(&overlay);
            let ground = Ground { base: &base, overlay, discs: &[], one_way: &[] };
            let mut grid = PlanGrid::default();
            grid.rebuild(
                &base,
                None,
                &[],
                &PlanGridRules {
                    cost_weight: 1.0,
                    allow_unknown: true,
                    unknown_cost: 0,
                    clearance_m: 0.1,
                    narrow_m: 0.1,
                    narrow_weight: 0.0,
                },
            );
            let mut outline = Outline { cover: &cover, ground: &ground, margin_m: 0.06 };
            for index in 0..grid.travel.len() {
                let cell = grid.cell_at(index);
                let room = outline.room_cells(&grid, cell);
                if room <= 0.0 {
                    continue;
                }
                asked += 1;
                for _ in 0..4 {
                    let (s, c) = libm::sincos(6.3 * rng.uniform());
                    let Point2 { x_m, y_m } = grid.centre_of(cell);
                    let pose =
                        Pose2::new(x_m + c * room * CELL_M, y_m + s * room * CELL_M, 6.3 * rng.uniform());
                    assert!(outline.fits(pose), "{cell:?} {room}: {pose:?}");
                }
            }
        }
        assert!(asked > 10_000, "{asked}");
    }
}
