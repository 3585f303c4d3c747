//! Paths for the robot's outline: whether it fits along one, and the lattice search where it does not.

use super::COST_PER_CELL;
use super::lattice::{Lattice, LatticeRules};
use super::plan_grid::{Disc, PlanGrid, PlanGridRules};
use super::route::{Route, RouteError};
use crate::config::LatticeConfig;
use crate::path::Path;
use crate::safety::FootprintCover;
use outrider_foundation::grid::{CostGrid, FrameId};
use outrider_foundation::{Footprint, Pose2};

/// The first of a path is not looked at: the robot is there already, m.
const UNDERFOOT_M: f64 = 0.2;

/// What stands where.
#[derive(Clone, Copy, Debug)]
pub struct Ground<'a> {
    /// A grid: the map, or the window about the robot.
    pub base: &'a CostGrid,
    /// One in the same frame that is laid over it.
    pub overlay: Option<&'a CostGrid>,
    /// Things that may move away.
    pub discs: &'a [Disc],
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

    /// The grid of the last search.
    pub const fn grid(&self) -> &PlanGrid {
        &self.grid
    }

    /// The outline keeps its margin all along a path, at the headings of its poses.
    pub fn fits_along(&self, ground: &Ground<'_>, path: &Path) -> bool {
        let poses = path.poses.iter().zip(&path.arc_m).filter(|(_, s)| **s > UNDERFOOT_M);
        poses.into_iter().all(|(pose, _)| fits(&self.cover, ground, *pose, self.config.margin_m))
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
        if self.grid.index_of(self.grid.cell_of(goal.position())).is_none() {
            return Err(RouteError::Outside);
        }
        let (cover, margin_m) = (&self.cover, self.config.margin_m);
        let fits = |pose: Pose2| fits(cover, ground, pose, margin_m);
        let found = self.lattice.search(&self.grid, from, goal, self.config.expansion_limit, fits);
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
        Ok(Route { path, cost, expanded: found.expanded, by_outline: true })
    }
}

fn fits(cover: &FootprintCover, ground: &Ground<'_>, pose: Pose2, margin_m: f64) -> bool {
    let clear = |grid: &CostGrid| cover.clearance_m(grid, pose, margin_m + grid.resolution_m);
    clear(ground.base).is_some_and(|m| m >= margin_m)
        && ground.overlay.and_then(clear).is_none_or(|m| m >= margin_m)
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
