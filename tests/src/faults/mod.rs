//! The fault campaign in the simulator: every row of `tests/faults/catalogue.yaml`, many times, measured and judged.
//!
//! To be read in this order: [`catalogue`] (what must come of which fault), [`injections`] (the faults), [`run`] (one
//! repetition), [`watch`] and [`envelope`] (what is seen from outside), [`bounds`] and [`judge`] (what counts as right),
//! [`table`] and [`page`] (how it is shown). `tests/faults/README.md` says how to run it.

pub mod bounds;
pub mod campaign;
pub mod catalogue;
pub mod envelope;
pub mod fault;
pub mod injections;
pub mod judge;
pub mod merge;
pub mod page;
pub mod run;
pub mod stage;
pub mod table;
pub mod watch;

pub use campaign::{Campaign, campaign};
pub use catalogue::{Catalogue, Expected, Row};
pub use run::Trial;
pub use stage::Stage;
