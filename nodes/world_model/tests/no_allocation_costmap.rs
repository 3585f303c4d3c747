//! Once its buffers have grown, the grid takes nothing from the heap: scans are cleared and marked, distances found and costs
//! inflated, also with another limit of the distances.

use crate::counting::allocations;
use outrider_foundation::Point2;
use outrider_world_model::Config;
use outrider_world_model::beams::Beam;
use outrider_world_model::distance::{DistanceScratch, LIMIT_MAX_CELLS, squared_distance};
use outrider_world_model::inflation::InflationTable;
use outrider_world_model::obstacles::ObstacleLayer;

const CELLS: usize = 200;
const BEAMS: usize = 720;

/// Walls near and far, and openings, seen from a lidar that drives.
fn beams(round: usize) -> Vec<Beam> {
    let beam = |i: usize| {
        let (s, c) = libm::sincos(std::f64::consts::TAU * i as f64 / BEAMS as f64);
        let length_m = 1.0 + ((i / 30 + round) % 5) as f64 * 1.5 + 0.02 * (i % 7) as f64;
        let origin = Point2::new(0.01 * round as f64 + 1e-4 * i as f64, 0.0);
        let end = Point2::new(origin.x_m + length_m * c, length_m * s);
        Beam { origin, end, marks: !i.is_multiple_of(3), hits: true }
    };
    (0..BEAMS).map(beam).collect()
}

#[test]
fn the_grid_allocates_nothing() {
    let config: Config = outrider_yaml::from_str(include_str!("../../../config/world_model.yaml")).unwrap();
    let mut layer = ObstacleLayer::new(CELLS as u32, CELLS as u32, 0.05, &config.costmap.log_odds);
    let table = InflationTable::new(0.25, 0.8, 5.0, 0.05);
    let (mut lethal, mut cost) = (vec![false; CELLS * CELLS], vec![0; CELLS * CELLS]);
    let (mut scratch, mut distance_sq) = (DistanceScratch::default(), vec![0; CELLS * CELLS]);
    let mut round = |index: usize, limit: u16| {
        let beams = beams(index);
        allocations(|| {
            layer.recentre(Point2::new(0.01 * index as f64, 0.0));
            layer.integrate(&beams);
            for (lethal, seen) in lethal.iter_mut().zip(layer.cells()) {
                *lethal = seen == Some(true);
            }
            squared_distance(&lethal, CELLS, CELLS, limit, &mut scratch, &mut distance_sq);
            cost.fill(0);
            table.inflate(&distance_sq, &mut cost);
        })
    };
    assert!(round(0, 32) > 0, "the first round does, so the count works");
    let more: u64 = (1..200).map(|index| round(index, 32)).sum();
    let other_limits: u64 = [1, 10, LIMIT_MAX_CELLS].into_iter().map(|limit| round(200, limit)).sum();
    assert_eq!((more, other_limits), (0, 0));
    assert!(lethal.iter().any(|lethal| *lethal) && cost.iter().any(|cost| *cost > 0), "something was seen");
}
