//! The rolling local grid: map and obstacle layer combined, distances, inflated costs.

use crate::beams::Beam;
use crate::config::{CostmapConfig, InflationConfig};
use crate::distance::{DistanceScratch, limit_cells, squared_distance};
use crate::inflation::InflationTable;
use crate::lattice::Lattice;
use crate::obstacles::{Corner, ObstacleLayer};
use crate::static_map::{Ranges, StaticMap};
use crate::zones::ZoneLayer;
use outrider_foundation::data::{BodyBox, ClearRegion, EgoState};
use outrider_foundation::gap::Gap;
use outrider_foundation::grid::{COST_LETHAL, COST_UNKNOWN, CostGrid, FrameId, GridSize};
use outrider_foundation::{Footprint, Point2, Pose2, Robot, Stamp};
use std::sync::Arc;

/// A rectangle that gives way begins so far from the robot's outline, m: else rounding to cells would make it a contact.
const ROOM_M: f64 = 0.05;

/// The local grid and what it is made of.
#[derive(Clone, Debug)]
pub struct Costmap {
    footprint: Footprint,
    obstacles: ObstacleLayer,
    table: InflationTable,
    /// The map on this grid, and for which place and map it holds.
    fixed: Vec<u8>,
    fixed_for: Option<(Corner, u64, u64)>,
    zones: ZoneLayer,
    ranges: Ranges,
    lethal: Vec<bool>,
    /// Cells of what detectors say is there, whatever scans show; no more of them than the grid has. Rectangles that would be beyond are
    /// left out and counted.
    told: Vec<usize>,
    told_left_out: u64,
    /// The grid's distances are those from what is lethal.
    measured: bool,
    /// How far away distances are told apart, in cells.
    limit: u16,
    scratch: DistanceScratch,
    /// What is told of it is this very grid. Whoever still holds that when the next one is made keeps it as it was, and
    /// costs a copy.
    grid: Arc<CostGrid>,
    /// The most cells that it can come to have.
    room: usize,
}

impl Costmap {
    /// Nothing seen yet.
    pub fn new(config: &CostmapConfig, inflation: &InflationConfig, robot: &Robot) -> Self {
        let (width, height) = (config.width_cells, config.height_cells);
        let cells = width as usize * height as usize;
        let limit = limit_cells(inflation.distance_limit_m, config.resolution_m);
        let grid = CostGrid {
            frame: FrameId::Odom,
            resolution_m: config.resolution_m,
            width,
            height,
            cost: vec![COST_UNKNOWN; cells],
            distance_sq: vec![limit * limit; cells],
            ..CostGrid::default()
        };
        let mut costmap = Self {
            footprint: robot.footprint.clone(),
            obstacles: ObstacleLayer::new(width, height, config.resolution_m, &config.log_odds),
            table: inflation.table(robot.footprint.inscribed_m(), config.resolution_m),
            fixed: vec![COST_UNKNOWN; cells],
            fixed_for: None,
            zones: ZoneLayer::default(),
            ranges: Ranges::default(),
            lethal: vec![false; cells],
            told: Vec::new(),
            told_left_out: 0,
            measured: false,
            limit,
            scratch: DistanceScratch::default(),
            grid: Arc::new(grid),
            room: cells,
        };
        costmap.take_room(config);
        costmap
    }

    /// Takes room for the largest grid, so that a change of size takes no more. It is not touched before: memory that is only
    /// set aside costs nothing.
    fn take_room(&mut self, config: &CostmapConfig) {
        let (width, height) = (config.width_max_cells as usize, config.height_max_cells as usize);
        let cells = self.lethal.len();
        self.room = cells.max(width * height);
        let more = self.room - cells;
        self.obstacles.reserve(self.room);
        self.fixed.reserve_exact(more);
        self.lethal.reserve_exact(more);
        self.told.reserve_exact(self.room);
        self.scratch.reserve(width, height);
        let grid = Arc::make_mut(&mut self.grid);
        grid.cost.reserve_exact(more);
        grid.distance_sq.reserve_exact(more);
    }

    /// Changes the grid's size about its middle; what scans have shown is kept where it overlaps. There is room for
    /// `width_max_cells` by `height_max_cells` of the configuration from the start.
    pub fn resize(&mut self, size: GridSize, inflation: &InflationConfig) {
        let cells = size.width as usize * size.height as usize;
        if size.resolution_m.to_bits() != self.grid.resolution_m.to_bits() {
            self.table = inflation.table(self.footprint.inscribed_m(), size.resolution_m);
            self.limit = limit_cells(inflation.distance_limit_m, size.resolution_m);
        }
        self.obstacles.resize(size);
        let grid = Arc::make_mut(&mut self.grid);
        (grid.width, grid.height, grid.resolution_m) = (size.width, size.height, size.resolution_m);
        grid.origin = self.obstacles.origin();
        grid.cost.clear();
        grid.cost.resize(cells, COST_UNKNOWN);
        grid.distance_sq.resize(cells, 0);
        self.lethal.resize(cells, false);
        self.told.clear();
        self.measured = false;
        self.fixed.clear();
        self.fixed.resize(cells, COST_UNKNOWN);
        self.fixed_for = None;
    }

    /// With these zones in the map frame.
    pub fn set_zones(&mut self, zones: ZoneLayer) {
        self.zones = zones;
        self.fixed_for = None;
    }

    /// The most cells that the grid can come to have.
    pub fn room(&self) -> usize {
        self.room
    }

    /// The grid as of the last [`Self::compose`].
    pub fn grid(&self) -> &CostGrid {
        &self.grid
    }

    /// The same, to be told.
    pub fn shared_grid(&self) -> &Arc<CostGrid> {
        &self.grid
    }

    /// Forgets what scans have shown.
    pub fn clear(&mut self) {
        self.obstacles.clear();
    }

    /// Forgets what scans have shown in a part of the grid about the robot.
    pub fn forget(&mut self, region: ClearRegion, robot: Point2) {
        self.obstacles.forget(region, robot);
    }

    /// Goes with the robot. True when the frame has changed, which clears the memory: cells of one frame mean nothing in
    /// the other.
    pub fn follow(&mut self, ego: &EgoState) -> bool {
        let changed = self.grid.frame != ego.frame;
        if changed {
            self.obstacles.clear();
            Arc::make_mut(&mut self.grid).frame = ego.frame;
        }
        self.obstacles.recentre(ego.pose.position());
        if ego.frame == FrameId::Map {
            self.zones.make_way(&self.footprint, ego.pose);
        }
        changed
    }

    /// Takes a scan in, made at the pose of `ego`. The grid must have followed it.
    pub fn integrate(&mut self, beams: &[Beam], ego: &EgoState, stamp: Stamp) {
        self.obstacles.integrate(beams);
        self.obstacles.clear_footprint(&self.footprint, ego.pose);
        Arc::make_mut(&mut self.grid).stamp = stamp;
    }

    /// Takes what detectors say is there, in the grid's frame, in place of what they said before: a lidar does not see all of it. A rectangle
    /// that the robot at `frame_from_base` stands in, or all but touches, gives way to it as zones do: it begins where the outline ends.
    pub fn tell(&mut self, bodies: impl Iterator<Item = BodyBox>, frame_from_base: Pose2) {
        self.told.clear();
        let lattice = self.obstacles.lattice();
        let base_from_frame = frame_from_base.inverse();
        for body in bodies {
            let gap_m = Gap::between(&self.footprint, &body.seen_from(base_from_frame).corners()).distance_m;
            let Some(body) = body.shrunk((ROOM_M - gap_m).max(0.0)) else { continue };
            let corners = body.corners();
            let count: usize = lattice.rows_within(&corners).map(|row| row.len()).sum();
            if self.told.len() + count > self.lethal.len() {
                self.told_left_out = self.told_left_out.saturating_add(1);
                continue;
            }
            self.told.extend(lattice.rows_within(&corners).flatten());
        }
    }

    /// Rectangles of detectors that were left out because together they had more cells than the grid.
    pub fn told_left_out(&self) -> u64 {
        self.told_left_out
    }

    /// Makes costs and distances of the layers. `map` comes with a number that changes whenever the map does; it counts
    /// only in the map frame.
    pub fn compose(&mut self, map: Option<(&StaticMap, u64)>) {
        Arc::make_mut(&mut self.grid).origin = self.obstacles.origin();
        self.refresh_fixed(map);
        let grid = Arc::make_mut(&mut self.grid);
        grid.sequence = grid.sequence.saturating_add(1);
        let mut changed = self.obstacles.lay_over(&self.fixed, &mut self.lethal, &mut grid.cost);
        for index in &self.told {
            if let Some(lethal) = self.lethal.get_mut(*index) {
                changed |= !std::mem::replace(lethal, true);
            }
        }
        let distance_sq = &mut grid.distance_sq;
        // A robot that waits mostly sees what it has seen before.
        if changed || !self.measured {
            let (width, height) = (grid.width as usize, grid.height as usize);
            squared_distance(&self.lethal, width, height, self.limit, &mut self.scratch, distance_sq);
            self.measured = true;
        }
        self.table.inflate(distance_sq, &mut grid.cost);
        if grid.frame == FrameId::Map {
            self.zones.make_leaving_dear(&Lattice::of(grid), &mut grid.cost);
        }
    }

    /// Map and zones; both have a place in the map frame only.
    fn refresh_fixed(&mut self, map: Option<(&StaticMap, u64)>) {
        let in_map = self.grid.frame == FrameId::Map;
        let number = map.map_or(0, |(_, number)| number);
        let wanted = in_map.then(|| (self.obstacles.corner(), number, self.zones.epoch()));
        if wanted == self.fixed_for {
            return;
        }
        self.fixed_for = wanted;
        let lattice = Lattice::of(&self.grid);
        match map {
            Some((map, _)) if in_map => {
                let (resolution_m, width) = (lattice.resolution_m, lattice.width);
                map.resample(lattice.origin, resolution_m, width, &mut self.ranges, &mut self.fixed);
            }
            _ => self.fixed.fill(COST_UNKNOWN),
        }
        if in_map {
            let fixed = &mut self.fixed;
            self.zones.lethal(&lattice, |cells| fixed.get_mut(cells).unwrap_or_default().fill(COST_LETHAL));
        }
    }

    /// Centres of the cells in which scans have found an obstacle, in the grid's frame, row by row; then those in which detectors have,
    /// some of them again.
    pub fn obstacles(&self) -> impl Iterator<Item = Point2> + '_ {
        let lattice = self.obstacles.lattice();
        self.obstacles.occupied().chain(self.told.iter().copied()).map(move |i| lattice.centre(i))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{amr, shipped};
    use crate::static_map::tests::map;
    use outrider_foundation::grid::{COST_FREE, COST_INSCRIBED};

    fn costmap() -> Costmap {
        Costmap::new(&shipped().costmap, &shipped().inflation, &amr())
    }

    fn ego(frame: FrameId, x_m: f64) -> EgoState {
        EgoState { frame, pose: Pose2::new(x_m, 0.0, 0.0), ..EgoState::default() }
    }

    fn hit(from_x_m: f64, x_m: f64) -> Beam {
        Beam { origin: Point2::new(from_x_m, 0.01), end: Point2::new(x_m, 0.01), marks: true, hits: true }
    }

    #[test]
    fn unseen_is_unknown_and_obstacles_are_inflated() {
        let mut costmap = costmap();
        costmap.compose(None);
        assert!(costmap.grid().cost.iter().all(|c| *c == COST_UNKNOWN));
        let here = ego(FrameId::Odom, 0.0);
        assert!(!costmap.follow(&here));
        costmap.integrate(&[hit(0.0, 2.01)], &here, Stamp::from_nanos(5));
        costmap.compose(None);
        let grid = costmap.grid();
        assert!(grid.is_consistent());
        assert_eq!(grid.stamp, Stamp::from_nanos(5));
        assert_eq!(grid.cost_at(Point2::new(2.01, 0.01)), COST_LETHAL);
        assert_eq!(grid.cost_at(Point2::new(1.8, 0.01)), COST_INSCRIBED);
        // Behind the obstacle nothing was seen, yet contact is sure.
        assert_eq!(grid.cost_at(Point2::new(2.2, 0.01)), COST_INSCRIBED);
        assert_eq!(grid.cost_at(Point2::new(2.6, 0.01)), COST_UNKNOWN);
        let near = grid.cost_at(Point2::new(1.6, 0.01));
        assert!(near > 0 && near < COST_INSCRIBED);
        assert_eq!(grid.cost_at(Point2::new(0.5, 0.01)), COST_FREE);
        assert_eq!(grid.distance_at_m(Point2::new(1.01, 0.01)), Some(1.0));
    }

    #[test]
    fn the_grid_that_was_told_stays_as_it_was_and_is_taken_back_when_nobody_holds_it() {
        let mut costmap = costmap();
        let here = ego(FrameId::Odom, 0.0);
        costmap.follow(&here);
        costmap.compose(None);
        let told = Arc::clone(costmap.shared_grid());
        let before = CostGrid::clone(&told);
        costmap.integrate(&[hit(0.0, 2.0)], &here, Stamp::from_nanos(7));
        costmap.compose(None);
        assert_eq!(*told, before);
        assert_ne!(*costmap.grid(), before);
        let place = costmap.grid().cost.as_ptr();
        costmap.compose(None);
        assert_eq!(costmap.grid().cost.as_ptr(), place, "no copy");
    }

    #[test]
    fn the_map_counts_in_the_map_frame_only_and_moves_with_the_grid() {
        let fixed = StaticMap::new(&map(0.05), "map", 65, 0.01).unwrap();
        let mut costmap = costmap();
        costmap.follow(&ego(FrameId::Odom, 0.0));
        costmap.compose(Some((&fixed, 1)));
        assert_eq!(costmap.grid().cost_at(Point2::new(4.02, 0.0)), COST_UNKNOWN);
        assert!(costmap.follow(&ego(FrameId::Map, 0.0)));
        for x_m in [0.0, 0.07, 1.3] {
            costmap.follow(&ego(FrameId::Map, x_m));
            costmap.compose(Some((&fixed, 1)));
            assert_eq!(costmap.grid().cost_at(Point2::new(4.02, 0.0)), COST_LETHAL);
            assert_eq!(costmap.grid().cost_at(Point2::new(3.0, 0.0)), COST_FREE);
        }
        let mut empty = map(0.05);
        empty.cells.fill(0);
        let empty = StaticMap::new(&empty, "map", 65, 0.01).unwrap();
        costmap.compose(Some((&empty, 2)));
        assert_eq!(costmap.grid().cost_at(Point2::new(4.02, 0.0)), COST_FREE);
    }

    #[test]
    fn distances_are_from_what_is_lethal_now_whatever_has_changed() {
        let mut costmap = costmap();
        let check = |costmap: &Costmap, what: &str| {
            let grid = costmap.grid();
            let mut lethal = vec![false; grid.cost.len()];
            for centre in costmap.obstacles() {
                lethal[grid.index_of(grid.cell_of(centre)).unwrap()] = true;
            }
            let mut wanted = vec![0; lethal.len()];
            let (width, height) = (grid.width as usize, grid.height as usize);
            let mut scratch = DistanceScratch::default();
            squared_distance(&lethal, width, height, costmap.limit, &mut scratch, &mut wanted);
            assert!(grid.distance_sq == wanted, "{what}");
            lethal.iter().filter(|lethal| **lethal).count()
        };
        costmap.compose(None);
        assert_eq!(check(&costmap, "nothing seen"), 0);
        let size = GridSize { width: 210, height: 220, resolution_m: 0.05 };
        costmap.resize(size, &shipped().inflation);
        costmap.compose(None);
        assert_eq!(check(&costmap, "another size, nothing seen"), 0);
        costmap.follow(&ego(FrameId::Odom, 0.0));
        costmap.integrate(&[hit(0.0, 1.01)], &ego(FrameId::Odom, 0.0), Stamp::default());
        for what in ["something seen", "nothing changed"] {
            costmap.compose(None);
            assert_eq!(check(&costmap, what), 1);
        }
        costmap.follow(&ego(FrameId::Odom, 0.2));
        costmap.compose(None);
        assert_eq!(check(&costmap, "the robot went on"), 1);
        let finer = GridSize { resolution_m: 0.04, ..size };
        costmap.resize(finer, &shipped().inflation);
        costmap.compose(None);
        let kept = check(&costmap, "finer cells");
        assert!(kept > 0, "{kept}");
        costmap.clear();
        costmap.compose(None);
        assert_eq!(check(&costmap, "forgotten"), 0);
    }

    #[test]
    fn what_detectors_tell_is_there_while_they_tell_it_and_never_where_the_robot_is() {
        let mut costmap = costmap();
        let here = ego(FrameId::Odom, 0.0);
        costmap.follow(&here);
        // A beam passes over all of it.
        costmap.integrate(&[hit(0.0, 4.01)], &here, Stamp::default());
        let forks = BodyBox { pose: Pose2::new(2.2, 0.0, 0.3), length_m: 3.0, width_m: 0.6 };
        costmap.tell([forks].into_iter(), here.pose);
        costmap.compose(None);
        let grid = costmap.grid();
        let (s, c) = libm::sincos(0.3);
        for index in 0..grid.cost.len() {
            let p = costmap.obstacles.lattice().centre(index);
            let (x, y) = (p.x_m - 2.2, p.y_m);
            let (along, across) = (c * x + s * y, c * y - s * x);
            let is_inside = along.abs() < 1.5 && across.abs() < 0.3;
            let is_hit = (p.x_m - 4.01).abs() < 0.025 && (p.y_m - 0.01).abs() < 0.025;
            let wanted = is_inside || is_hit;
            assert_eq!(grid.cost[index] == COST_LETHAL, wanted, "{p:?}");
            assert_eq!(grid.distance_sq[index] == 0, wanted, "{p:?}");
        }
        assert_eq!(costmap.obstacles().count(), 1 + costmap.told.len());
        assert!(costmap.told.len() > 500);
        // All but what is behind the robot; there is no room for the same again.
        let most = BodyBox { pose: Pose2::new(5.4, 0.0, 0.0), length_m: 10.0, width_m: 10.0 };
        costmap.tell([most, most].into_iter(), here.pose);
        assert_eq!(costmap.told_left_out(), 0);
        costmap.tell([most, most, most].into_iter(), here.pose);
        assert_eq!(costmap.told_left_out(), 1);
        costmap.tell(std::iter::empty(), here.pose);
        costmap.compose(None);
        assert_eq!(costmap.grid().cost_at(Point2::new(1.0, 0.01)), COST_FREE);
        assert_eq!(costmap.obstacles().count(), 1);
    }

    #[test]
    fn a_rectangle_gives_way_to_the_robot_that_stands_in_it() {
        let mut costmap = costmap();
        let here = ego(FrameId::Odom, 0.0);
        costmap.follow(&here);
        let half_m = amr().footprint.corners().iter().map(|c| c.y_m).fold(0.0, f64::max);
        let lethal = |costmap: &mut Costmap, body: BodyBox| {
            costmap.tell([body].into_iter(), here.pose);
            costmap.compose(None);
            [0.0, 0.1, 0.3, 0.5].map(|beside_m| {
                costmap.grid().cost_at(Point2::new(0.01, half_m + beside_m + 0.01)) == COST_LETHAL
            })
        };
        // Along its left side, over it by 0.1 m: so much and the room it keeps is less all round, and 0.6 m become 0.3.
        let beside = |y_m: f64, width_m: f64| BodyBox {
            pose: Pose2::new(0.5, half_m + y_m, 0.0),
            length_m: 4.0,
            width_m,
        };
        assert_eq!(lethal(&mut costmap, beside(0.2, 0.6)), [false, true, true, false]);
        assert_eq!(lethal(&mut costmap, beside(0.5, 0.6)), [false, false, true, true], "not touched");
        assert_eq!(lethal(&mut costmap, beside(0.0, 0.6)), [false; 4], "nothing is left of it");
    }

    #[test]
    fn a_change_of_frame_clears_the_memory() {
        let mut costmap = costmap();
        let here = ego(FrameId::Odom, 0.0);
        costmap.follow(&here);
        costmap.integrate(&[hit(0.0, 2.0)], &here, Stamp::default());
        assert_eq!(costmap.obstacles().count(), 1);
        assert!(costmap.follow(&ego(FrameId::Map, 0.0)));
        assert_eq!(costmap.obstacles().count(), 0);
    }
}
