//! Why a simulator refuses to start.

/// A world, configuration or start that cannot be simulated.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SimError {
    /// A file is no XML.
    #[error("{file}: {reason}")]
    Xml {
        /// Which one: `world` or `robot`.
        file: &'static str,
        /// The parser's words, with line and column.
        reason: String,
    },
    /// An element of a file is malformed.
    #[error("{file}, line {line}, column {column}: <{element}>: expected {expected}, found {found}")]
    Element {
        /// Which one: `world` or `robot`.
        file: &'static str,
        /// Line of the element, from 1.
        line: u32,
        /// Column of the element, from 1.
        column: u32,
        /// Its tag.
        element: String,
        /// What should stand there.
        expected: &'static str,
        /// What stands there, shortened.
        found: String,
    },
    /// A model that a world includes cannot be read.
    #[error("the model {model}: {reason}")]
    Included {
        /// Its name.
        model: String,
        /// Why not, with line and column in the model's file.
        reason: String,
    },
    /// More than this simulator takes.
    #[error("{what}: more than the limit of {limit}")]
    Limit {
        /// What there is too much of.
        what: &'static str,
        /// How much is taken.
        limit: usize,
    },
    /// The configuration, with key, value and allowed range.
    #[error("configuration: {0}")]
    Config(String),
    /// An event that cannot be.
    #[error("events[{index}], at {at_s} s: `{key}`: {reason}")]
    Event {
        /// Which one, in the order of the configuration, from 0.
        index: usize,
        /// When it begins or ends.
        at_s: f64,
        /// Which key it sets.
        key: String,
        /// What is wrong.
        reason: String,
    },
    /// A raster that cannot be made.
    #[error("{key}: {value} is not within {range}")]
    Raster {
        /// Which number.
        key: &'static str,
        /// What was given.
        value: f64,
        /// What is allowed.
        range: &'static str,
    },
    /// A solid that has no convex hull; a degenerate footprint or shape.
    #[error("{what}: too thin to be a solid")]
    Solid {
        /// Which one.
        what: String,
    },
    /// A recorded track that nobody can follow.
    #[error("people, `{name}`: {reason}")]
    Track {
        /// Whose.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// An actor or a door that cannot be where it should be.
    #[error("`{name}`: {reason}")]
    Actor {
        /// Whose.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// The robot cannot stand where it should start.
    #[error("start at ({x_m}, {y_m}) m, {yaw_rad} rad: {reason}")]
    Start {
        /// Where.
        x_m: f64,
        /// Where.
        y_m: f64,
        /// Where.
        yaw_rad: f64,
        /// Why not.
        reason: String,
    },
}

impl SimError {
    /// The same, of an element in the robot's file.
    pub(crate) fn of_robot(self) -> Self {
        match self {
            Self::Element { line, column, element, expected, found, .. } => {
                Self::Element { file: "robot", line, column, element, expected, found }
            }
            other => other,
        }
    }
}
