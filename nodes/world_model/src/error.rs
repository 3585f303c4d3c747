//! Everything that can go wrong, in one enum.

/// Why the world model refused to start, or why a pose is not known at a time.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum WorldModelError {
    /// Values of the configuration out of their ranges: every key, its value and what is allowed.
    #[error("configuration: {0}")]
    Config(String),
    /// A value of the configuration that does not fit another one or the robot.
    #[error("{key}: {value} is not within {range}")]
    Range {
        /// Key in the file.
        key: &'static str,
        /// What was given.
        value: f64,
        /// What is allowed, and by which other value.
        range: String,
    },
    /// No transform at all.
    #[error("{frame}: nothing received, asked for {at_s:.3} s")]
    NoData {
        /// Which transform, as `parent to child`.
        frame: &'static str,
        /// Time asked for, on the ROS clock.
        at_s: f64,
    },
    /// Asked for a time before the history begins.
    #[error("{frame}: asked for {at_s:.3} s, the history begins at {oldest_s:.3} s")]
    TooEarly {
        /// Which transform, as `parent to child`.
        frame: &'static str,
        /// Time asked for, on the ROS clock.
        at_s: f64,
        /// Oldest that is kept.
        oldest_s: f64,
    },
    /// Asked for a time too far beyond the newest data.
    #[error("{frame}: asked for {at_s:.3} s, the newest is of {newest_s:.3} s, more than {limit_s} s before")]
    TooLate {
        /// Which transform, as `parent to child`.
        frame: &'static str,
        /// Time asked for, on the ROS clock.
        at_s: f64,
        /// Newest that is kept.
        newest_s: f64,
        /// How far beyond it may be reckoned.
        limit_s: f64,
    },
}
