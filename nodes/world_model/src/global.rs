//! The global grid: the static map, and what the scans have found beside it.

use crate::config::{InflationConfig, MapConfig};
use crate::distance::{DistanceScratch, limit_cells, squared_distance};
use crate::inflation::InflationTable;
use crate::lattice::Lattice;
use crate::static_map::StaticMap;
use crate::zones::ZoneLayer;
use outrider_foundation::grid::{COST_FREE, COST_LETHAL, COST_UNKNOWN, CostGrid, FrameId};
use outrider_foundation::{Footprint, Point2, Pose2, Stamp};

/// The global grid and what it is made of.
#[derive(Clone, Debug)]
pub struct GlobalMap {
    map: StaticMap,
    map_number: u64,
    inflation: InflationConfig,
    inscribed_m: f64,
    table: InflationTable,
    merge_margin_m: f64,
    zones: ZoneLayer,
    /// How far zones gave way in the grid made last.
    zones_epoch: u64,
    /// How far away distances are told apart, in cells.
    limit: u16,
    /// Distances to the obstacles of the map alone.
    map_distance_sq: Vec<u16>,
    /// Cells that are obstacles only by the scans, rising; and those of the grid made last.
    found: Vec<usize>,
    published: Vec<usize>,
    lethal: Vec<bool>,
    scratch: DistanceScratch,
    grid: CostGrid,
}

impl GlobalMap {
    /// Makes the grid of a map, with this sequence number. Scans may find obstacles in `found_max` cells: there is room for
    /// them from the start.
    pub fn new(
        map: StaticMap,
        sequence: u64,
        config: &MapConfig,
        inflation: &InflationConfig,
        inscribed_m: f64,
        zones: ZoneLayer,
        found_max: usize,
    ) -> Self {
        let mut global = Self {
            inflation: inflation.clone(),
            inscribed_m,
            table: inflation.table(inscribed_m, map.resolution_m),
            map_number: sequence,
            merge_margin_m: config.merge_margin_m,
            zones_epoch: zones.epoch(),
            zones,
            limit: limit_cells(inflation.distance_limit_m, map.resolution_m),
            map_distance_sq: Vec::new(),
            found: Vec::with_capacity(found_max),
            published: Vec::with_capacity(found_max),
            lethal: Vec::new(),
            scratch: DistanceScratch::default(),
            grid: CostGrid { frame: FrameId::Map, ..CostGrid::default() },
            map,
        };
        global.begin(sequence);
        global
    }

    /// Takes over another map, of whatever size, with this sequence number; buffers are kept.
    pub fn set_map(&mut self, map: StaticMap, sequence: u64) {
        if map.resolution_m.to_bits() != self.map.resolution_m.to_bits() {
            self.table = self.inflation.table(self.inscribed_m, map.resolution_m);
            self.limit = limit_cells(self.inflation.distance_limit_m, map.resolution_m);
        }
        self.map = map;
        self.begin(sequence);
    }

    /// The grid of the map as it is, nothing found yet.
    fn begin(&mut self, sequence: u64) {
        let (map, grid) = (&self.map, &mut self.grid);
        let cells = map.cells.len();
        (grid.stamp, grid.sequence, grid.resolution_m) = (map.stamp, sequence, map.resolution_m);
        // A map's sides come from u32.
        (grid.width, grid.height, grid.origin) = (map.width as u32, map.height as u32, map.origin);
        self.map_number = sequence;
        self.found.clear();
        self.published.clear();
        self.lethal.resize(cells, false);
        self.grid.cost.resize(cells, COST_UNKNOWN);
        self.grid.distance_sq.resize(cells, 0);
        // The map's own distances are without zones: what scans show at the edge of one is no wall, and no pose is matched
        // to it.
        if !self.zones.is_empty() {
            self.mark_map();
            self.measure();
            self.map_distance_sq.clone_from(&self.grid.distance_sq);
        }
        self.compose();
        if self.zones.is_empty() {
            self.map_distance_sq.clone_from(&self.grid.distance_sq);
        }
    }

    /// The map that it is made of.
    pub fn map(&self) -> &StaticMap {
        &self.map
    }

    /// Squared distance in cells² from every cell to the nearest obstacle of the map alone.
    pub fn map_distance_sq(&self) -> &[u16] {
        &self.map_distance_sq
    }

    /// From here on that is saturated.
    pub fn limit_sq(&self) -> u16 {
        self.limit * self.limit
    }

    /// Changes whenever the map does.
    pub fn map_number(&self) -> u64 {
        self.map_number
    }

    /// The grid made last.
    pub fn grid(&self) -> &CostGrid {
        &self.grid
    }

    /// Lets zones make way for the robot. True when that cannot wait: it has come to stand in one.
    pub fn make_way(&mut self, footprint: &Footprint, map_from_base: Pose2) -> bool {
        self.zones.make_way(footprint, map_from_base)
    }

    /// Takes in where the scans see obstacles now, in the map frame. True when that made a new grid, numbered
    /// `sequence`: when there are obstacles that are not of the map, when those of last time are gone, or when a zone gives
    /// way by more or less than last time.
    pub fn merge(&mut self, obstacles: impl Iterator<Item = Point2>, stamp: Stamp, sequence: u64) -> bool {
        let margin_cells = self.merge_margin_m / self.map.resolution_m;
        self.found.clear();
        for p in obstacles {
            let Some(index) = self.grid.index_of(self.grid.cell_of(p)) else { continue };
            let of_the_map = self
                .map_distance_sq
                .get(index)
                .is_none_or(|sq| f64::from(*sq) <= margin_cells * margin_cells);
            if !of_the_map {
                self.found.push(index);
            }
        }
        self.found.sort_unstable();
        self.found.dedup();
        if self.found == self.published && self.zones_epoch == self.zones.epoch() {
            return false;
        }
        self.published.clone_from(&self.found);
        self.grid.stamp = stamp;
        self.grid.sequence = sequence;
        self.compose();
        true
    }

    fn mark_map(&mut self) {
        for (lethal, cell) in self.lethal.iter_mut().zip(&self.map.cells) {
            *lethal = *cell == COST_LETHAL;
        }
    }

    fn measure(&mut self) {
        let (width, height) = (self.map.width, self.map.height);
        squared_distance(
            &self.lethal,
            width,
            height,
            self.limit,
            &mut self.scratch,
            &mut self.grid.distance_sq,
        );
    }

    fn compose(&mut self) {
        let lattice = Lattice::of(&self.grid);
        self.zones_epoch = self.zones.epoch();
        self.mark_map();
        for index in &self.found {
            if let Some(lethal) = self.lethal.get_mut(*index) {
                *lethal = true;
            }
        }
        let lethal = &mut self.lethal;
        self.zones.lethal(&lattice, |cells| lethal.get_mut(cells).unwrap_or_default().fill(true));
        self.measure();
        for (cost, cell) in self.grid.cost.iter_mut().zip(&self.map.cells) {
            *cost = if *cell == COST_UNKNOWN { COST_UNKNOWN } else { COST_FREE };
        }
        self.table.inflate(&self.grid.distance_sq, &mut self.grid.cost);
        self.zones.make_leaving_dear(&lattice, &mut self.grid.cost);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::shipped;
    use crate::static_map::tests::map;

    fn global() -> GlobalMap {
        let config = shipped();
        let map = StaticMap::new(&map(0.05), "map", config.map.occupied_threshold, 0.01).unwrap();
        GlobalMap::new(map, 1, &config.map, &config.inflation, 0.25, ZoneLayer::default(), 0)
    }

    #[test]
    fn the_map_alone() {
        let global = global();
        let grid = global.grid();
        assert!(grid.is_consistent());
        assert_eq!((grid.sequence, grid.frame), (1, FrameId::Map));
        assert_eq!(grid.cost_at(Point2::new(4.02, 1.0)), COST_LETHAL);
        assert_eq!(grid.cost_at(Point2::new(0.0, 1.0)), COST_FREE);
        let distance_m = grid.distance_at_m(Point2::new(3.52, 1.0)).unwrap();
        assert!((distance_m - 0.5).abs() < 1e-9);
    }

    #[test]
    fn what_scans_find_is_merged_once_and_goes_again() {
        let mut global = global();
        let stamp = Stamp::from_nanos(9);
        let pallet = Point2::new(1.01, 1.01);
        // Beside the wall by one cell: that is the wall. Outside the map: nowhere.
        let nothing_new = [Point2::new(3.96, 1.0), Point2::new(99.0, 0.0)];
        assert!(!global.merge(nothing_new.into_iter(), stamp, 2));
        assert!(global.merge([pallet, pallet].into_iter(), stamp, 2));
        let grid = global.grid();
        assert_eq!((grid.sequence, grid.stamp, grid.cost_at(pallet)), (2, stamp, COST_LETHAL));
        assert_eq!(grid.distance_at_m(Point2::new(1.51, 1.01)), Some(0.5));
        assert!(!global.merge([pallet].into_iter(), stamp, 3));
        assert!(global.merge(std::iter::empty(), stamp, 3));
        assert_eq!(global.grid().cost_at(pallet), COST_FREE);
    }
}
