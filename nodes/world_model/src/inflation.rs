//! Costs round obstacles, by the formula of Nav2's inflation layer, from the squared distance.

use outrider_foundation::grid::{COST_FREE, COST_INSCRIBED, COST_LETHAL, COST_UNKNOWN, DISTANCE_SQ_MAX};

/// Inflation reaches no farther than this many cells: beyond, squared distances are no longer told apart.
pub const RADIUS_LIMIT_CELLS: f64 = 255.0;

/// Cost by squared distance in cells², so that inflating a cell is one look-up.
#[derive(Clone, Debug)]
pub struct InflationTable {
    cost: Vec<u8>,
}

impl InflationTable {
    /// For a robot with this inscribed radius on cells of this size; zero beyond `radius_m`.
    pub fn new(inscribed_m: f64, radius_m: f64, cost_scaling_per_m: f64, resolution_m: f64) -> Self {
        // The greatest value stands for every distance beyond.
        let cost = (0..DISTANCE_SQ_MAX)
            .map(|sq| f64::from(sq).sqrt() * resolution_m)
            .take_while(|distance_m| *distance_m <= radius_m)
            .map(|distance_m| {
                if distance_m <= 0.0 {
                    COST_LETHAL
                } else if distance_m <= inscribed_m {
                    COST_INSCRIBED
                } else {
                    let factor = libm::exp(-cost_scaling_per_m * (distance_m - inscribed_m));
                    (f64::from(COST_INSCRIBED - 1) * factor) as u8
                }
            })
            .collect();
        Self { cost }
    }

    /// The cost of a cell that is in itself `base` (free or unknown) at this squared distance from an obstacle.
    /// Unknown cells stay unknown unless an obstacle is within the inscribed radius, as in Nav2.
    pub fn cost(&self, base: u8, distance_sq: u16) -> u8 {
        let inflated = self.cost.get(usize::from(distance_sq)).copied().unwrap_or(COST_FREE);
        if base == COST_UNKNOWN && inflated < COST_INSCRIBED { COST_UNKNOWN } else { inflated }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
