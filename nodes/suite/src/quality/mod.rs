//! How well what the world model believes fits what is true in the simulator. For evaluation only: no node reads the truth.
//!
//! - [`score`]: MOTA, GOSPA, changes of identity, normalised errors, of any tracker.
//! - [`moments`]: world models beside the truth of the same time.
//! - [`judge`]: the scores of a run.

pub mod judge;
pub mod moments;
pub mod score;
