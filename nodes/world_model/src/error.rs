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
    /// A zone that cannot be.
    #[error(transparent)]
    Zone(#[from] outrider_foundation::zones::ZoneError),
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
    /// A frame that no transform names.
    #[error("frame '{frame}' is not known, asked for {at_s:.3} s; the buffer holds {held}")]
    UnknownFrame {
        /// What was asked for.
        frame: String,
        /// Time asked for, on the ROS clock.
        at_s: f64,
        /// Every frame with its parent.
        held: String,
    },
    /// Two frames of different trees.
    #[error("no way from '{source_frame}' to '{target}', asked for {at_s:.3} s; the buffer holds {held}")]
    NotConnected {
        /// Frame asked for.
        target: String,
        /// Frame to come from.
        source_frame: String,
        /// Time asked for, on the ROS clock.
        at_s: f64,
        /// Every frame with its parent.
        held: String,
    },
    /// A transform that is not held for that time.
    #[error(
        "{parent} to {child}: asked for {at_s:.3} s, held from {oldest_s:.3} s to {newest_s:.3} s and \
         {hold_s} s beyond"
    )]
    NotHeld {
        /// Parent frame.
        parent: String,
        /// Child frame.
        child: String,
        /// Time asked for, on the ROS clock.
        at_s: f64,
        /// Oldest that is kept.
        oldest_s: f64,
        /// Newest that is kept.
        newest_s: f64,
        /// How long the newest holds.
        hold_s: f64,
    },
    /// A transform that the buffer does not take.
    #[error("{parent} to {child} of {at_s:.3} s: {reason}")]
    TransformRefused {
        /// Parent frame.
        parent: String,
        /// Child frame.
        child: String,
        /// Its stamp, on the ROS clock.
        at_s: f64,
        /// Why.
        reason: String,
    },
}
