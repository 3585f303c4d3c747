//! What is wrong with a tree, and where.

/// A place in a text: line and column, both from 1; the column counts characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line.
    pub line: u32,
    /// Column.
    pub column: u32,
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// A place in a file, or in a text that has no name.
pub(crate) fn located(file: &str, at: Position) -> String {
    match file {
        "" => format!("line {}, column {}", at.line, at.column),
        file => format!("{file}:{at}"),
    }
}

/// Why a tree is refused or a tick ends without a status.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BtError {
    /// The file is not a tree that can be built.
    #[error("{}: {message}", located(file, *at))]
    Load {
        /// The file's name as it was given.
        file: String,
        /// Where.
        at: Position,
        /// What is wrong.
        message: String,
    },
    /// Not the script language.
    #[error("script `{script}`, character {at}: {message}")]
    Script {
        /// The script.
        script: String,
        /// Offset in it, bytes from 0.
        at: usize,
        /// What is wrong.
        message: String,
    },
    /// A value that is missing or cannot become what is asked for.
    #[error("{0}")]
    Value(String),
    /// A node cannot go on. BehaviorTree.CPP throws here.
    #[error("node `{node}`: {message}")]
    Tick {
        /// Path of the innermost node that failed.
        node: String,
        /// What is wrong.
        message: String,
    },
}

/// An error on the way of a tick: boxed, so that a status travels in registers.
pub type Fault = Box<BtError>;

impl BtError {
    /// The same error as one of a node, unless it is one already.
    pub(crate) fn at_node(self, node: &str) -> Self {
        match self {
            Self::Tick { .. } => self,
            other => Self::Tick { node: node.to_owned(), message: other.to_string() },
        }
    }
}

/// A fault about a value.
#[cold]
pub(crate) fn fault(message: impl Into<String>) -> Fault {
    Box::new(BtError::Value(message.into()))
}
