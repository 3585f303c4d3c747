//! XML → trees: reading files and what they include, checking them, and building a tree.

mod build;
mod check;
mod document;
mod doubts;
mod escape;
mod library;
mod model;

pub use build::{DEPTH_LIMIT, NODE_LIMIT};
pub use check::{Problem, Severity};
pub use document::{FILE_LIMIT, NESTING_LIMIT};
pub use escape::escape;
pub use library::{Files, INCLUDE_LIMIT, Include, Library, NoFiles};
pub use model::write as write_model;
