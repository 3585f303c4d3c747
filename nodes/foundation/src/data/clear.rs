//! The planner's order to the world model to forget.

use crate::time::Stamp;

/// The longest side of the square of a [`ClearRegion`], m.
pub const CLEAR_SIDE_LIMIT_M: f64 = 1000.0;

/// Which cells are forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum ClearRegion {
    /// All.
    #[default]
    Entire,
    /// All but those of the square of this side about the robot, along the axes of the grid's frame, m.
    ExceptSquare(f64),
    /// Those of the square of this side about the robot, along the axes of the grid's frame, m.
    Square(f64),
}

/// What scans have marked is to be forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ClearCostmap {
    /// When.
    pub stamp: Stamp,
    /// Which run of the publisher.
    pub boot_id: u64,
    /// Counts every order.
    pub sequence: u64,
    /// In the local grid.
    pub local: bool,
    /// In the global grid.
    pub global: bool,
    /// Where.
    pub region: ClearRegion,
}
