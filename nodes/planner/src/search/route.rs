//! From the robot to the goal: what is asked of the search, and what to do when start or goal are covered.

use super::astar::{AStar, COST_PER_CELL};
use super::outline::{Ground, OutlinePlanner};
use super::plan_grid::{FORBIDDEN, PlanGrid, PlanGridRules};
use super::smooth::{line_cost, shorten, smooth};
use crate::config::SearchConfig;
use crate::path::Path;
use crate::safety::FootprintCover;
use outrider_foundation::grid::FrameId;
use outrider_foundation::{Footprint, Point2, Pose2};

/// Why there is no path.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RouteError {
    /// The robot stands where it may not, with nothing free near.
    #[error("the robot is boxed in: no free cell within {radius_m} m")]
    Start {
        /// How far was looked.
        radius_m: f64,
    },
    /// The goal is too close to something that stays there.
    #[error("goal is blocked")]
    Goal,
    /// The goal lies outside the map.
    #[error("goal is outside the map")]
    Outside,
    /// No way leads there.
    #[error("no path to the goal")]
    NoPath,
    /// The search was ended.
    #[error("path search gave up after {expanded} cells")]
    Limit {
        /// Cells expanded.
        expanded: u32,
    },
}

/// A path towards something that blocks the only way ends so far before it, m: near enough for an automatic door to open, and with room
/// for who comes out of it.
const STAND_OFF_M: f64 = 1.0;
/// For less nobody sets off, m.
const SHORTEST_M: f64 = 0.5;

/// A path and what it costs.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// The path.
    pub path: Path,
    /// Its cost in metres of free space. A path that does not lead to the goal: with the distance that is left.
    pub cost: f64,
    /// Cells or states expanded.
    pub expanded: u32,
    /// Found by the search with the robot's outline and heading.
    pub by_outline: bool,
    /// There is no way but one that is blocked here, and the path ends before it.
    pub blocked_at: Option<Point2>,
}

/// Plans routes; holds the buffers.
#[derive(Clone, Debug)]
pub struct Router {
    config: SearchConfig,
    rules: PlanGridRules,
    grid: PlanGrid,
    astar: AStar,
    /// The goal is free when only what stays there is counted.
    goal_clear: bool,
    /// The grid is a map, not a window about the robot: there is nothing beyond it.
    bounded: bool,
    outline: OutlinePlanner,
    /// The last route was found by the search with the outline.
    by_outline: bool,
}

impl Router {
    /// For a robot with this outline.
    pub fn new(config: &SearchConfig, footprint: &Footprint) -> Self {
        let rules = PlanGridRules::new(config, footprint.inscribed_m(), footprint.circumscribed_m());
        let (grid, astar) = (PlanGrid::default(), AStar::default());
        let outline = OutlinePlanner::new(&config.lattice, rules, footprint);
        let config = config.clone();
        Self { config, rules, grid, astar, goal_clear: true, bounded: false, outline, by_outline: false }
    }

    /// The outline as discs.
    pub const fn cover(&self) -> &FootprintCover {
        self.outline.cover()
    }

    /// Plans: on the grid, and where the outline does not fit along that path, or there is none, with the outline as well.
    /// With `outline_first` it begins with that, and what the plain search says stands where that finds nothing. From within a zone of one
    /// direction, where no way keeps its direction, as if there were no zones: a robot that was pushed into the end of a lane has to get out
    /// of it, and assurance judges every command.
    ///
    /// # Errors
    /// Says why there is no path.
    pub fn route(
        &mut self,
        ground: &Ground<'_>,
        frame: FrameId,
        from: Pose2,
        goal: Pose2,
        outline_first: bool,
    ) -> Result<Route, RouteError> {
        self.prepare(ground, goal.position());
        self.by_outline = false;
        let plain =
            if outline_first { Err(RouteError::NoPath) } else { self.plan(frame, from.position(), goal) };
        match &plain {
            Ok(route) if !route.path.complete || self.outline.fits_along(ground, &route.path) => {
                return plain;
            }
            Ok(_) | Err(RouteError::NoPath | RouteError::Goal) => {}
            Err(_) => return plain,
        }
        let found = match self.outline.plan(ground, frame, from, goal, self.config.resample_m) {
            Ok(mut route) => {
                self.by_outline = true;
                route.cost = self.cost_of(&route.path, 0.0).unwrap_or(route.cost);
                Ok(route)
            }
            Err(_) if outline_first => self.plan(frame, from.position(), goal),
            Err(_) => plain,
        };
        let is_within = || ground.one_way.iter().any(|zone| !zone.is_far(from.position(), 0.0));
        if found == Err(RouteError::NoPath) && is_within() {
            // Without zones nothing is within one: this is not come to again.
            return self.route(&Ground { one_way: &[], ..*ground }, frame, from, goal, outline_first);
        }
        match found {
            Err(RouteError::NoPath) => {
                self.towards_what_blocks(ground, frame, from.position(), goal).ok_or(RouteError::NoPath)
            }
            found => found,
        }
    }

    /// Where the map has a way and something that it does not know blocks it: that way, up to [`STAND_OFF_M`] before the first place where
    /// it is blocked. A path that is not complete.
    fn towards_what_blocks(
        &mut self,
        ground: &Ground<'_>,
        frame: FrameId,
        from: Point2,
        goal: Pose2,
    ) -> Option<Route> {
        ground.overlay?;
        self.prepare(&Ground { overlay: None, ..*ground }, goal.position());
        let known = self.plan(frame, from, goal);
        self.prepare(ground, goal.position());
        let Route { path: known, expanded, .. } = known.ok()?;
        let mut steps = known.poses.windows(2).zip(&known.arc_m);
        let blocked = steps.find_map(|(pair, arc_m)| {
            let [a, b] = pair else { return None };
            line_cost(&self.grid, a.position(), b.position()).is_none().then_some((*arc_m, b.position()))
        });
        let (blocked_m, blocked_at) = blocked?;
        let free_m = blocked_m - STAND_OFF_M;
        let free = known.poses.iter().zip(&known.arc_m).take_while(|(_, arc_m)| **arc_m <= free_m);
        let points: Vec<Point2> = free.map(|(pose, _)| pose.position()).collect();
        let path = Path::new(frame, &points, None).filter(|path| path.length_m() >= SHORTEST_M)?;
        let cost = self.cost_of(&path, 0.0)? + path.end().position().distance_m(goal.position());
        Some(Route { path, cost, expanded, by_outline: false, blocked_at: Some(blocked_at) })
    }

    /// Takes over what stands where.
    pub fn prepare(&mut self, ground: &Ground<'_>, goal: Point2) {
        let near = ground.base.distance_at_m(goal).is_some_and(|d| d < self.rules.clearance_m);
        self.bounded = ground.overlay.is_some();
        self.goal_clear = !self.bounded || !near;
        self.grid.rebuild(ground.base, ground.overlay, ground.discs, &self.rules);
        self.grid.keep_ways(ground.one_way);
    }

    /// What the rest of a path costs from an arc length on, by the rules that the last route was found with; `None` when it is
    /// blocked.
    pub fn cost_of(&self, path: &Path, from_m: f64) -> Option<f64> {
        let grid = if self.by_outline { self.outline.grid() } else { &self.grid };
        let mut from = path.at(from_m).position();
        let mut cost = 0.0;
        let after = path.arc_m.partition_point(|s| *s <= from_m);
        for pose in path.poses.iter().skip(after) {
            cost += line_cost(grid, from, pose.position())?;
            from = pose.position();
        }
        Some(cost)
    }

    /// Plans on the prepared grid. A goal outside the grid, or covered by something that may move away, gives a path
    /// towards it that is not complete.
    ///
    /// # Errors
    /// Says why there is no path.
    pub fn plan(&mut self, frame: FrameId, from: Point2, goal: Pose2) -> Result<Route, RouteError> {
        let config = &self.config;
        let radius_m = config.escape_radius_m;
        let start = self.grid.nearest_free(from, radius_m).ok_or(RouteError::Start { radius_m })?;
        let goal_cell = self.grid.cell_of(goal.position());
        let inside = self.grid.index_of(goal_cell);
        if inside.is_none() && self.bounded {
            return Err(RouteError::Outside);
        }
        let free = inside.and_then(|i| self.grid.travel.get(i)).is_some_and(|t| *t != FORBIDDEN);
        let target = match inside {
            Some(_) if !free => {
                let near = self.grid.nearest_free(goal.position(), config.goal_search_m);
                near.filter(|_| self.goal_clear).ok_or(RouteError::Goal)?
            }
            _ => goal_cell,
        };
        let found =
            self.astar.search(&self.grid, start, target, config.expansion_limit).ok_or(RouteError::NoPath)?;
        if found.limited {
            return Err(RouteError::Limit { expanded: found.expanded });
        }
        if inside.is_some() && !found.reached {
            return Err(RouteError::NoPath);
        }
        let mut complete = found.reached && free;
        let mut points: Vec<Point2> = found.cells.iter().map(|cell| self.grid.centre_of(*cell)).collect();
        if start == self.grid.cell_of(from) {
            // The first centre may lie behind the robot.
            points.splice(..1, [from]);
        } else {
            points.insert(0, from);
        }
        if complete {
            if points.len() > 1 {
                points.pop();
            }
            points.push(goal.position());
        }
        let short = shorten(&self.grid, &points);
        let even = smooth(&self.grid, &short, config.resample_m, config.smoothing_rounds);
        let path = Path::new(frame, &even, complete.then_some(goal.yaw_rad)).ok_or(RouteError::NoPath)?;
        complete = path.complete;
        let on_grid = found.cost as f64 / COST_PER_CELL as f64 * self.grid.resolution_m;
        let rest_m = if complete { 0.0 } else { path.end().position().distance_m(goal.position()) };
        let cost = self.cost_of(&path, 0.0).unwrap_or(on_grid) + rest_m;
        Ok(Route { path, cost, expanded: found.expanded, by_outline: false, blocked_at: None })
    }
}
