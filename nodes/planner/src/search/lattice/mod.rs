//! A search that knows the robot's outline and heading: A* on a state lattice (Pivtoraiko, Knepper, Kelly, "Differentially
//! constrained mobile robot motion planning in state lattices", Journal of Field Robotics 2009).
//!
//! States are cells of the grid at 16 headings. Motions are straight pieces, arcs and turns on the spot; along each of them
//! the outline is held against the distance field. The estimate is the least cost on the grid ([`CoarseField`]), where steps
//! go in eight directions: up to [`OVERSTATED`] times the way as the crow flies, so what is found costs at most that much
//! more than the least. A table for free space would add nothing: a robot that turns on the spot has no minimal radius.

mod enclosure;
mod motions;
#[cfg(test)]
mod tests;

pub use motions::{Motion, angle_rad, motions};

use super::astar::STRAIGHT;
use super::buckets::Buckets;
use super::coarse::{CoarseField, NEVER};
use super::plan_grid::{FORBIDDEN, PlanGrid};
use enclosure::Enclosure;
use outrider_foundation::geometry::wrap_angle;
use outrider_foundation::grid::Cell;
use outrider_foundation::{Point2, Pose2};

/// Octile distance over distance at most: at 22.5° between two of the eight directions.
pub const OVERSTATED: f64 = 1.0824;
/// Headings.
const COUNT: u8 = 16;
/// Edge of a page of states in cells, as a power of two.
const PAGE: u32 = 4;
/// States of a page.
const PAGE_STATES: usize = (1 << (2 * PAGE)) * COUNT as usize;
/// Width of a bucket of the queue: 0.6 of a free cell.
const BUCKET_SHIFT: u32 = 23;
/// Going backwards costs so many times as much.
const REVERSE_FACTOR: u64 = 2;
/// Headings on either side of the wanted one that a start or a goal may be moved to when that one does not fit.
const TURNED: u8 = 1;
/// After so many states without success the search asks whether the goal is enclosed; most that find a way need fewer.
const DOUBT: u32 = 4000;
/// No motion led here: the start.
const NO_MOTION: u16 = u16::MAX;

/// What the lattice is made with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LatticeRules {
    /// Arcs are no tighter, m.
    pub min_radius_m: f64,
    /// A turn on the spot by one radian costs as much as so many metres of free space.
    pub turn_cost_m: f64,
    /// Whether it may go backwards.
    pub reverse: bool,
}

/// Result of a search.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LatticeFound {
    /// From the start to the goal, half a cell apart; turns on the spot repeat the place.
    pub poses: Vec<Pose2>,
    /// Cost of the way; [`super::COST_PER_CELL`] is that of a free cell.
    pub cost: u64,
    /// There is a way.
    pub reached: bool,
    /// States expanded.
    pub expanded: u32,
    /// The search ended because of its limit.
    pub limited: bool,
}

#[derive(Clone, Copy, Debug)]
struct State {
    cost: u64,
    motion: u16,
    closed: bool,
}

const UNKNOWN: State = State { cost: NEVER, motion: NO_MOTION, closed: false };

/// The search with its buffers, which are reused.
#[derive(Clone, Debug)]
pub struct Lattice {
    rules: LatticeRules,
    /// For cells of this size.
    resolution_m: f64,
    motions: Vec<Motion>,
    /// Where those of a heading begin, and where all end.
    begins: [usize; COUNT as usize + 1],
    /// The farthest that a motion comes from its begin, in cells.
    reach_cells: f64,
    /// Slot of every page of this search, and the search it belongs to.
    pages: Vec<(u32, u32)>,
    pages_across: u32,
    slots: Vec<Vec<State>>,
    used: usize,
    search: u32,
    open: Buckets,
    coarse: CoarseField,
    enclosure: Enclosure,
}

/// The robot's outline, and what stands where.
pub trait Fits {
    /// The outline fits at a pose.
    fn fits(&mut self, pose: Pose2) -> bool;

    /// It fits at all poses, whatever their heading, that are no farther from the centre of a cell of the grid than this, in
    /// cells. A bound from below: zero says nothing.
    fn room_cells(&mut self, grid: &PlanGrid, cell: Cell) -> f64;
}

impl<F: FnMut(Pose2) -> bool> Fits for F {
    fn fits(&mut self, pose: Pose2) -> bool {
        self(pose)
    }

    fn room_cells(&mut self, _: &PlanGrid, _: Cell) -> f64 {
        0.0
    }
}

/// Where a search takes place.
struct Ground<'a, F> {
    grid: &'a PlanGrid,
    outline: F,
}

impl Lattice {
    /// With these rules; motions are made for the first grid that is searched.
    pub fn new(rules: LatticeRules) -> Self {
        Self {
            rules,
            resolution_m: 0.0,
            motions: Vec::new(),
            begins: [0; COUNT as usize + 1],
            reach_cells: 0.0,
            pages: Vec::new(),
            pages_across: 0,
            slots: Vec::new(),
            used: 0,
            search: 0,
            open: Buckets::default(),
            coarse: CoarseField::default(),
            enclosure: Enclosure::default(),
        }
    }

    /// A cheap way from one pose to another, each moved to the nearest cell centre and heading at which the robot fits,
    /// expanding at most `limit` states. `outline` says whether it fits at a pose; where the grid forbids the robot's
    /// centre it is not asked. `None` when the robot fits neither at the start nor at the goal, or one is outside the grid.
    pub fn search(
        &mut self,
        grid: &PlanGrid,
        start: Pose2,
        goal: Pose2,
        limit: u32,
        outline: impl Fits,
    ) -> Option<LatticeFound> {
        let mut ground = Ground { grid, outline };
        let (from, start_heading) = place(&mut ground, start)?;
        let (to, goal_heading) = place(&mut ground, goal)?;
        self.reset(grid, from, to);
        let mut found = LatticeFound::default();
        let first = self.coarse.at(grid, from);
        if first == NEVER {
            return Some(found);
        }
        // A motion of the lattice is shorter than an arc's reach both ways.
        let longest = self.motions.iter().map(|m| m.poses.len() as u64).max().unwrap_or(1);
        let turn = self.turn_cost(std::f64::consts::FRAC_PI_2);
        self.open.reset(BUCKET_SHIFT, first, 4 * longest * 65_535 * STRAIGHT + turn);
        let index = state_index(grid, from, start_heading)?;
        if let Some(state) = self.state(grid, from, start_heading) {
            *state = State { cost: 0, ..UNKNOWN };
        }
        self.open.push(first, index);
        let end = state_index(grid, to, goal_heading)?;
        while let Some(index) = self.open.pop() {
            let (cell, heading) = state_at(grid, index);
            let Some(state) = self.state(grid, cell, heading) else { continue };
            if std::mem::replace(&mut state.closed, true) {
                continue;
            }
            let cost = state.cost;
            if index == end {
                (found.reached, found.cost) = (true, cost);
                found.poses = self.trace(grid, cell, heading);
                break;
            }
            if found.expanded >= limit {
                found.limited = true;
                break;
            }
            if found.expanded == DOUBT
                && self.is_enclosed(&mut ground, (from, start_heading), (to, goal_heading))
            {
                break;
            }
            found.expanded += 1;
            self.expand(&mut ground, cell, heading, cost);
        }
        Some(found)
    }

    fn expand(&mut self, ground: &mut Ground<'_, impl Fits>, cell: Cell, heading: u8, cost: u64) {
        let heading = usize::from(heading);
        let [first, end] =
            [heading, heading + 1].map(|heading| self.begins.get(heading).copied().unwrap_or(0));
        let free = ground.outline.room_cells(ground.grid, cell) >= self.reach_cells;
        let (centre, reach_m) = (ground.grid.centre_of(cell), self.reach_cells * self.resolution_m);
        let any_way = ground.grid.one_way.iter().all(|zone| zone.is_far(centre, reach_m));
        for number in first..end {
            let Some(motion) = self.motions.get(number) else { continue };
            let to = Cell { col: cell.col + motion.cells.0, row: cell.row + motion.cells.1 };
            let to_heading = motion.to;
            if ground.grid.index_of(to).is_none() {
                continue;
            }
            if !any_way && !goes_its_way(ground.grid, centre, motion) {
                continue;
            }
            let Some(step) = self.cost_of(ground.grid, cell, motion) else { continue };
            let total = cost + step;
            if self.state(ground.grid, to, to_heading).is_none_or(|state| total >= state.cost) {
                continue;
            }
            // Dear to find out, so it comes last.
            let fits = free || self.motions.get(number).is_some_and(|motion| self.fits(ground, cell, motion));
            let Some(state) = self.state(ground.grid, to, to_heading).filter(|_| fits) else { continue };
            *state = State { cost: total, motion: number as u16, closed: false };
            let estimate = self.coarse.at(ground.grid, to);
            if let Some(index) = state_index(ground.grid, to, to_heading).filter(|_| estimate != NEVER) {
                self.open.push(total + estimate, index);
            }
        }
    }

    /// The outline fits all along a motion.
    fn fits(&self, ground: &mut Ground<'_, impl Fits>, cell: Cell, motion: &Motion) -> bool {
        let (resolution_m, centre) = (ground.grid.resolution_m, ground.grid.centre_of(cell));
        motion.poses.iter().all(|[x, y, yaw_rad, _]| {
            let (x_m, y_m) = (centre.x_m + x * resolution_m, centre.y_m + y * resolution_m);
            ground.outline.fits(Pose2::new(x_m, y_m, *yaw_rad))
        })
    }

    /// What a motion costs; `None` where the robot's centre may not be.
    fn cost_of(&self, grid: &PlanGrid, cell: Cell, motion: &Motion) -> Option<u64> {
        let travel_of = |dc: i32, dr: i32| {
            let index = grid.index_of(Cell { col: cell.col + dc, row: cell.row + dr })?;
            grid.travel.get(index).filter(|travel| **travel != FORBIDDEN).map(|travel| u64::from(*travel))
        };
        let mut before = travel_of(0, 0)?;
        let mut cost = self.turn_cost(motion.turn_rad);
        // The dearer end: no less than the way's length in the cheaper of the two cells.
        for (dc, dr, way) in &motion.cells_along {
            let travel = travel_of(*dc, *dr)?;
            cost += way * travel.max(before);
            before = travel;
        }
        Some(if motion.reverse { REVERSE_FACTOR * cost } else { cost })
    }

    fn turn_cost(&self, turn_rad: f64) -> u64 {
        if turn_rad <= 0.0 {
            return 0;
        }
        let cells = turn_rad * self.rules.turn_cost_m / self.resolution_m;
        (cells * 1000.0 * STRAIGHT as f64) as u64 + 1
    }

    fn reset(&mut self, grid: &PlanGrid, start: Cell, goal: Cell) {
        if (self.resolution_m - grid.resolution_m).abs() > 1e-12 {
            self.resolution_m = grid.resolution_m;
            self.motions = motions(self.rules.min_radius_m / grid.resolution_m, self.rules.reverse);
            self.begins = std::array::from_fn(|heading| {
                self.motions.partition_point(|motion| usize::from(motion.from) < heading)
            });
            self.reach_cells = self.motions.iter().map(Motion::reach_cells).fold(0.0, f64::max);
        }
        let across = (grid.width >> PAGE) + 1;
        let pages = across as usize * ((grid.height >> PAGE) + 1) as usize;
        self.search = self.search.wrapping_add(1);
        if self.search == 0 || self.pages.len() != pages {
            self.pages.clear();
            self.pages.resize(pages, (0, 0));
            self.search = 1;
        }
        self.pages_across = across;
        self.used = 0;
        self.coarse.reset(grid, start, goal);
    }

    /// What is known of a state. Pages come into being when they are first looked at.
    fn state(&mut self, grid: &PlanGrid, cell: Cell, heading: u8) -> Option<&mut State> {
        grid.index_of(cell)?;
        let (col, row) = (cell.col as u32, cell.row as u32);
        let page = self.pages.get_mut(((row >> PAGE) * self.pages_across + (col >> PAGE)) as usize)?;
        if page.1 != self.search {
            *page = (self.used as u32, self.search);
            if self.used == self.slots.len() {
                self.slots.push(Vec::new());
            }
            let slot = self.slots.get_mut(self.used)?;
            slot.clear();
            slot.resize(PAGE_STATES, UNKNOWN);
            self.used += 1;
        }
        let mask = (1 << PAGE) - 1;
        let within =
            ((((row & mask) << PAGE) | (col & mask)) * u32::from(COUNT) + u32::from(heading)) as usize;
        self.slots.get_mut(page.0 as usize)?.get_mut(within)
    }

    fn trace(&mut self, grid: &PlanGrid, mut cell: Cell, mut heading: u8) -> Vec<Pose2> {
        let mut backwards = Vec::new();
        // No state comes twice: costs fall on the way back.
        for _ in 0..grid.travel.len().saturating_mul(usize::from(COUNT)) {
            let number = self.state(grid, cell, heading).map_or(NO_MOTION, |state| state.motion);
            let Some(motion) = self.motions.get(usize::from(number)) else { break };
            cell = Cell { col: cell.col - motion.cells.0, row: cell.row - motion.cells.1 };
            heading = motion.from;
            let centre = grid.centre_of(cell);
            backwards.extend(motion.poses.iter().rev().map(|[x, y, yaw_rad, _]| {
                let (dx_m, dy_m) = (x * grid.resolution_m, y * grid.resolution_m);
                Pose2::new(centre.x_m + dx_m, centre.y_m + dy_m, *yaw_rad)
            }));
        }
        let Point2 { x_m, y_m } = grid.centre_of(cell);
        backwards.push(Pose2::new(x_m, y_m, angle_rad(heading)));
        backwards.reverse();
        backwards
    }
}

/// A motion from the centre of a cell leads no wrong way through a zone of one direction. Turning on the spot is free there.
fn goes_its_way(grid: &PlanGrid, centre: Point2, motion: &Motion) -> bool {
    let place =
        |x: f64, y: f64| Point2::new(centre.x_m + x * grid.resolution_m, centre.y_m + y * grid.resolution_m);
    let mut from = centre;
    motion.poses.iter().all(|[x, y, ..]| {
        let before = std::mem::replace(&mut from, place(*x, *y));
        grid.permits(before, from)
    })
}

/// The state of a pose: its cell, and the nearest heading at which the robot fits there.
fn place(ground: &mut Ground<'_, impl Fits>, pose: Pose2) -> Option<(Cell, u8)> {
    let cell = ground.grid.cell_of(pose.position());
    let index = ground.grid.index_of(cell)?;
    if ground.grid.travel.get(index).is_none_or(|travel| *travel == FORBIDDEN) {
        return None;
    }
    let mut headings: Vec<(f64, u8)> =
        (0..COUNT).map(|h| (wrap_angle(angle_rad(h) - pose.yaw_rad).abs(), h)).collect();
    headings.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    headings.truncate(1 + 2 * usize::from(TURNED));
    let Point2 { x_m, y_m } = ground.grid.centre_of(cell);
    let heading =
        headings.into_iter().find(|(_, h)| ground.outline.fits(Pose2::new(x_m, y_m, angle_rad(*h))))?;
    Some((cell, heading.1))
}

/// `None` where numbers of states do not fit: beyond 2^28 cells, more than there may be.
fn state_index(grid: &PlanGrid, cell: Cell, heading: u8) -> Option<u32> {
    u32::try_from(grid.index_of(cell)? * usize::from(COUNT) + usize::from(heading)).ok()
}

fn state_at(grid: &PlanGrid, index: u32) -> (Cell, u8) {
    (grid.cell_at((index / u32::from(COUNT)) as usize), (index % u32::from(COUNT)) as u8)
}
