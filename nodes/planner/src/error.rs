//! Why a planner refuses to start.

/// Why a planner refuses to start.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PlannerError {
    /// A configuration value that cannot be.
    #[error("{key}: {value} is not within {range}")]
    Config {
        /// Key in the file.
        key: String,
        /// What was given.
        value: f64,
        /// What is allowed.
        range: String,
    },
    /// The configuration as a whole.
    #[error("configuration: {0}")]
    Invalid(String),
    /// The behaviour tree's text is not XML.
    #[error("behaviour tree, {line}:{column}: {problem}")]
    Xml {
        /// Line, from 1.
        line: u32,
        /// Column, from 1.
        column: u32,
        /// What is wrong.
        problem: String,
    },
    /// The behaviour tree is XML, but no tree that can be run.
    #[error("behaviour tree, {line}:{column}: <{element}>: {problem}")]
    Tree {
        /// Line, from 1.
        line: u32,
        /// Column, from 1.
        column: u32,
        /// The element it is about.
        element: String,
        /// What is wrong, and what was expected.
        problem: String,
    },
}
