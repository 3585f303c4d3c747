//! A map made of the robot's own scans, to match the next scan against. Nothing is ever moved afterwards: what was put in at a
//! wrong pose stays wrong, and coming back to a place does not correct the way there.

use super::Field;
use crate::beams::Beam;
use crate::config::LogOddsConfig;
use crate::distance::{DistanceScratch, limit_cells, squared_distance};
use crate::obstacles::ObstacleLayer;
use outrider_foundation::Point2;

/// How large, how fine, and what counts as seen.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnMapConfig {
    /// Cells along each side.
    pub cells: u32,
    /// Edge of a cell, in m.
    pub resolution_m: f64,
    /// Evidence of hits and misses.
    pub log_odds: LogOddsConfig,
}

/// The map: it rolls with the robot, and what leaves it is forgotten.
#[derive(Clone, Debug)]
pub struct OwnMap {
    config: OwnMapConfig,
    layer: ObstacleLayer,
    lethal: Vec<bool>,
    distance_sq: Vec<u16>,
    limit: u16,
    scratch: DistanceScratch,
}

impl OwnMap {
    /// Nothing seen. Its distances are exact up to `reach_m`.
    pub fn new(config: OwnMapConfig, reach_m: f64) -> Self {
        let cells = config.cells as usize * config.cells as usize;
        Self {
            layer: ObstacleLayer::new(config.cells, config.cells, config.resolution_m, &config.log_odds),
            lethal: vec![false; cells],
            distance_sq: vec![0; cells],
            limit: limit_cells(reach_m, config.resolution_m),
            scratch: DistanceScratch::default(),
            config,
        }
    }

    /// Takes a scan in, seen from about `centre`.
    pub fn add(&mut self, beams: &[Beam], centre: Point2) {
        self.layer.recentre(centre);
        self.layer.integrate(beams);
        for (lethal, seen) in self.lethal.iter_mut().zip(self.layer.cells()) {
            *lethal = seen == Some(true);
        }
        let side = self.config.cells as usize;
        squared_distance(&self.lethal, side, side, self.limit, &mut self.scratch, &mut self.distance_sq);
    }

    /// Distances to what has been seen.
    pub fn field(&self) -> Field<'_> {
        let side = self.config.cells as usize;
        Field {
            distance_sq: &self.distance_sq,
            limit_sq: self.limit * self.limit,
            width: side,
            height: side,
            resolution_m: self.config.resolution_m,
            origin: self.layer.origin(),
        }
    }
}
