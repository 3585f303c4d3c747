//! Costs round obstacles, by the formula of Nav2's inflation layer, from the squared distance.

use multiversion::multiversion;
use outrider_foundation::grid::{COST_FREE, COST_INSCRIBED, COST_LETHAL, COST_UNKNOWN};

/// Squared distances that there are.
const DISTANCES: usize = 1 << 16;

/// Cells that are looked at together.
const TOGETHER: usize = 16;

/// Cost by squared distance in cells², so that inflating a cell is one look-up.
#[derive(Clone, Debug)]
pub struct InflationTable {
    /// For cells that are free in themselves; of every squared distance, so that none has to be checked before. Only the first
    /// few are ever read.
    costs: Box<[u8; DISTANCES]>,
    /// From here on contact is not sure: nothing changes for cells that are unknown in themselves,
    unsure: u16,
    /// and from here on for none.
    beyond: u16,
}

impl InflationTable {
    /// For a robot with this inscribed radius on cells of this size; zero beyond `radius_m`, which the limit of the distances
    /// must not be less than.
    pub fn new(inscribed_m: f64, radius_m: f64, cost_scaling_per_m: f64, resolution_m: f64) -> Self {
        let mut costs = Box::new([COST_FREE; DISTANCES]);
        let (mut unsure, mut beyond) = (0, 0);
        // The greatest value stands for every distance beyond.
        for (sq, cost) in (0..u16::MAX).zip(&mut *costs) {
            let distance_m = f64::from(sq).sqrt() * resolution_m;
            if distance_m > radius_m {
                break;
            }
            beyond = sq + 1;
            *cost = if distance_m <= 0.0 {
                COST_LETHAL
            } else if distance_m <= inscribed_m {
                COST_INSCRIBED
            } else {
                let factor = libm::exp(-cost_scaling_per_m * (distance_m - inscribed_m));
                (f64::from(COST_INSCRIBED - 1) * factor) as u8
            };
            if *cost >= COST_INSCRIBED {
                unsure = sq + 1;
            }
        }
        Self { costs, unsure, beyond }
    }

    /// Inflates cells that are in themselves free or unknown; see [`Self::cost`].
    pub fn inflate(&self, distance_sq: &[u16], cost: &mut [u8]) {
        let (whole, rest) = distance_sq.as_chunks::<TOGETHER>();
        let (costs, last) = cost.as_chunks_mut::<TOGETHER>();
        inflate(self, whole, costs);
        for (cost, sq) in last.iter_mut().zip(rest) {
            *cost = self.cost(*cost, *sq);
        }
    }

    /// The cost of a cell that is in itself `base` (free or unknown) at this squared distance from an obstacle.
    /// Unknown cells stay unknown unless an obstacle is within the inscribed radius, as in Nav2.
    #[inline]
    pub fn cost(&self, base: u8, distance_sq: u16) -> u8 {
        // Every `u16` is within the table.
        let inflated = self.costs[usize::from(distance_sq)];
        if base == COST_UNKNOWN && inflated < COST_INSCRIBED { COST_UNKNOWN } else { inflated }
    }
}

#[multiversion(targets("x86_64+avx2"))]
fn inflate(table: &InflationTable, distance_sq: &[[u16; TOGETHER]], cost: &mut [[u8; TOGETHER]]) {
    let table_costs = &*table.costs;
    for (distances, costs) in distance_sq.iter().zip(cost) {
        // Most cells are far from everything: the least distance of several is a matter of a few instructions.
        let mut least = u16::MAX;
        for sq in distances {
            least = least.min(*sq);
        }
        if least >= table.beyond {
            continue;
        }
        if least >= table.unsure && *costs == [COST_UNKNOWN; TOGETHER] {
            continue;
        }
        if *costs == [COST_FREE; TOGETHER] {
            for (cost, sq) in costs.iter_mut().zip(distances) {
                // Every `u16` is within the table.
                *cost = table_costs[usize::from(*sq)];
            }
            continue;
        }
        let mut inflated = [0; TOGETHER];
        for (inflated, sq) in inflated.iter_mut().zip(distances) {
            // Every `u16` is within the table.
            *inflated = table_costs[usize::from(*sq)];
        }
        for (cost, inflated) in costs.iter_mut().zip(inflated) {
            let stays = *cost == COST_UNKNOWN && inflated < COST_INSCRIBED;
            *cost = if stays { COST_UNKNOWN } else { inflated };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use outrider_foundation::grid::DISTANCE_SQ_MAX;

    #[test]
    fn costs_follow_nav2() {
        let table = InflationTable::new(0.25, 0.55, 3.0, 0.05);
        assert_eq!(table.cost(COST_FREE, 0), COST_LETHAL);
        assert_eq!(table.cost(COST_FREE, 1), COST_INSCRIBED);
        assert_eq!(table.cost(COST_FREE, 25), COST_INSCRIBED);
        // 0.30 m: 252 · exp(−3 · 0.05) = 216.9, 0.50 m: 252 · exp(−0.75) = 119.04; both cut off as in C++.
        assert_eq!(table.cost(COST_FREE, 36), 216);
        assert_eq!(table.cost(COST_FREE, 100), 119);
        assert_eq!(table.cost(COST_FREE, 122), COST_FREE);
        assert_eq!(table.cost(COST_FREE, DISTANCE_SQ_MAX), COST_FREE);
        assert_eq!(table.cost(COST_UNKNOWN, 36), COST_UNKNOWN);
        assert_eq!(table.cost(COST_UNKNOWN, 25), COST_INSCRIBED);
        assert_eq!(table.cost(COST_UNKNOWN, 0), COST_LETHAL);
    }

    #[test]
    fn many_cells_are_as_each_of_them() {
        let table = InflationTable::new(0.25, 0.55, 3.0, 0.05);
        let distances: Vec<u16> =
            (0..4000_u16).map(|i| if i / 40 % 2 == 0 { i % 131 } else { 115 + i }).collect();
        // Unknown cells here and there, none, and nothing else.
        let unknown = |i: u16| if i < 1000 { i.is_multiple_of(3) } else { (i / 500).is_multiple_of(2) };
        let base: Vec<u8> = (0..4000).map(|i| if unknown(i) { COST_UNKNOWN } else { COST_FREE }).collect();
        let mut cost = base.clone();
        table.inflate(&distances, &mut cost);
        for ((cost, base), distance_sq) in cost.iter().zip(base).zip(distances) {
            assert_eq!(*cost, table.cost(base, distance_sq), "{base} at {distance_sq}");
        }
    }
}
