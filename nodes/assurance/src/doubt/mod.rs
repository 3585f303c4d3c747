//! What is known about how far a learned detector, and the tracker behind it, can be believed.
//!
//! Neither is taken at its word. [`Innovations`] holds what a detector states about its errors against where objects turn
//! out to be; [`Conformity`] holds predictions against what became of them, and bounds the next ones by that. Both are kept
//! apart by class, model and version: what one has earned says nothing about another. [`Paces`] holds the places of the last second
//! against the velocity that is stated.

mod conformity;
mod innovation;
mod keyed;
mod paces;
mod window;

pub(crate) use conformity::{Bound, Conformity};
pub(crate) use innovation::{Innovations, Recent};
pub(crate) use paces::Paces;
