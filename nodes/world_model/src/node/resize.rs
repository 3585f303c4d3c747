//! The local grid's size while the node runs.

use super::WorldModelNode;
use outrider_foundation::grid::GridSize;

/// What has become of the orders to change the size.
#[derive(Clone, Debug, Default)]
pub(super) struct Resizes {
    pub made: u64,
    pub refused: u64,
    pub last_refusal: String,
}

impl WorldModelNode {
    pub(super) fn diagnose_size(&self, told: &mut Vec<(&'static str, String)>) {
        told.push(("resizes", self.resizes.made.to_string()));
        told.push(("resizes_refused", self.resizes.refused.to_string()));
        if self.resizes.refused > 0 {
            told.push(("last_resize_refused", self.resizes.last_refusal.clone()));
        }
    }

    /// Changes the local grid's size within what room was taken for at the start; else refuses, and nothing changes.
    pub(super) fn take_resize(&mut self, wanted: GridSize) {
        let mut config = self.config.costmap.clone();
        (config.width_cells, config.height_cells) = (wanted.width, wanted.height);
        config.resolution_m = wanted.resolution_m;
        match self.config.check_grid(&config, &self.robot) {
            Ok(()) => {
                self.config.costmap = config;
                self.costmap.resize(wanted, &self.config.inflation);
                self.resizes.made += 1;
            }
            Err(error) => {
                self.resizes.refused += 1;
                self.resizes.last_refusal = format!("/costmap/resize: {error}");
            }
        }
    }
}
