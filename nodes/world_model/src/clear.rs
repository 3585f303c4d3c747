//! The planner's orders to forget what scans have marked.
//!
//! They wait for the next scan and are carried out just before it is taken in: no grid goes out in which what is seen is not
//! marked. Both grids are filled from the one obstacle layer, so an order for either clears it; one for the global grid also
//! lets that be made anew right after. The map stays.

use crate::costmap::Costmap;
use outrider_foundation::Point2;
use outrider_foundation::data::ClearCostmap;

/// Most orders that wait for a scan; what is beyond is left out and counted.
pub const CLEAR_LIMIT: usize = 64;

/// The orders that wait.
#[derive(Clone, Debug, Default)]
pub struct Clears {
    waiting: Vec<ClearCostmap>,
    carried_out: u64,
    left_out: u64,
}

impl Clears {
    /// Takes an order.
    pub fn take(&mut self, order: ClearCostmap) {
        if self.waiting.len() < CLEAR_LIMIT {
            self.waiting.push(order);
        } else {
            self.left_out = self.left_out.saturating_add(1);
        }
    }

    /// Clears the grid, which must have followed the robot, as was asked. True when the global grid is wanted anew.
    pub fn carry_out(&mut self, costmap: &mut Costmap, robot: Point2) -> bool {
        let mut global = false;
        for order in self.waiting.drain(..) {
            costmap.forget(order.region, robot);
            global |= order.global;
            self.carried_out = self.carried_out.saturating_add(1);
        }
        global
    }

    /// Counters by name.
    pub const fn counts(&self) -> [(&'static str, u64); 2] {
        [("costmap_clears", self.carried_out), ("costmap_clears_left_out", self.left_out)]
    }
}
