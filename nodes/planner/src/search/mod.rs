//! The way to the goal: A* on a grid of travel costs, then shortened and smoothed; on a state lattice where the robot's
//! outline does not fit along that.

mod astar;
mod buckets;
mod cells;
mod coarse;
mod corners;
mod islands;
pub mod lattice;
mod one_way;
mod outline;
mod patches;
mod plan_grid;
mod route;
mod smooth;

pub use astar::{AStar, COST_PER_CELL, DIAGONAL, Found, STRAIGHT};
pub use one_way::OneWay;
pub use outline::{Ground, OutlinePlanner};
pub use plan_grid::{Disc, FORBIDDEN, PlanGrid, PlanGridRules};
pub use route::{Route, RouteError, Router};
pub use smooth::{line_cost, shorten, smooth};
