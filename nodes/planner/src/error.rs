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
    /// A configuration value that is no number and cannot be.
    #[error("{key}: {why}")]
    Key {
        /// Key in the file.
        key: &'static str,
        /// What was given, and why not.
        why: String,
    },
    /// The configuration as a whole.
    #[error("configuration: {0}")]
    Invalid(String),
    /// An external planner that is not there.
    #[error("external.source: `{0}` is neither `topic` nor a policy of this program")]
    NoPolicy(String),
    /// A zone that cannot be.
    #[error(transparent)]
    Zone(#[from] outrider_foundation::zones::ZoneError),
    /// The behaviour tree can not be built.
    #[error("behaviour tree {0}")]
    Tree(#[from] outrider_bt::BtError),
    /// A behaviour tree that a mission may ask for can not be built.
    #[error("behaviour tree {name}: {error}")]
    NamedTree {
        /// Its file's name.
        name: String,
        /// Why.
        error: outrider_bt::BtError,
    },
}
