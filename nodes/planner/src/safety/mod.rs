//! What every command has to fulfil: a braking tail that touches nothing, at any time of it.

mod choose;
mod cover;
mod moving;
mod tail;

pub use choose::{Blocker, CREEP_MPS, Choice, Guard, Judgement, Look, Refusal, Situation, Wish};
pub use cover::FootprintCover;
pub use moving::{Inflation, Moving};
pub use tail::{BrakeModel, braking_tail};
