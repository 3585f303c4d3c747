//! The behaviour tree over time: what every node was, when, and why it changed.
//!
//! `steps` is what the bag has, `picture` draws it, and a few lines of script in the page move through it.

mod picture;
mod steps;
#[cfg(test)]
mod tests;

pub use picture::TreeView;
pub use steps::TreeRecord;
