//! What is wrong with a formula or a specification, and where.

/// A place in a text: line and column, both from 1; the column counts characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Line.
    pub line: usize,
    /// Column.
    pub column: usize,
}

impl Position {
    /// The place of a byte offset.
    pub(crate) fn of(text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |i| i.saturating_add(1));
        let column = before.get(line_start..).unwrap_or("").chars().count();
        Self { line: before.matches('\n').count().saturating_add(1), column: column.saturating_add(1) }
    }
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// Why a formula or a specification is refused. Every text begins with line and column.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum StlError {
    /// Not the language.
    #[error("{at}: expected {expected}, found {found}")]
    Syntax {
        /// Where.
        at: Position,
        /// What could have stood there.
        expected: String,
        /// What stands there.
        found: String,
    },
    /// A name that nobody gives.
    #[error("{at}: there is no signal, constant or definition `{name}`; there are: {known}")]
    UnknownName {
        /// Where.
        at: Position,
        /// The name.
        name: String,
        /// All that could have been meant.
        known: String,
    },
    /// A name that stands for something already.
    #[error("{at}: `{name}` is {taken_by} already")]
    NameTaken {
        /// Where.
        at: Position,
        /// The name.
        name: String,
        /// What it stands for.
        taken_by: &'static str,
    },
    /// RTAMT's operators of the future: a monitor that answers at once cannot have them.
    #[error("{at}: `{operator}` looks into the future; there are only operators of the past: {instead}")]
    Future {
        /// Where.
        at: Position,
        /// The operator.
        operator: String,
        /// What there is in its place.
        instead: &'static str,
    },
    /// An interval that holds no time, or cannot be held in memory.
    #[error("{at}: interval {interval}: {problem}")]
    Interval {
        /// Where.
        at: Position,
        /// As it is written.
        interval: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Larger than any formula that a person writes.
    #[error("{at}: more than {limit} {what}")]
    TooLarge {
        /// Where.
        at: Position,
        /// The limit.
        limit: usize,
        /// Of what.
        what: &'static str,
    },
    /// Would need more memory than was granted.
    #[error(
        "{at}: `{operator}` needs {bytes} bytes at one sample every {period_s} s; {limit} bytes are left"
    )]
    Memory {
        /// Where.
        at: Position,
        /// The operator with its interval.
        operator: String,
        /// What it needs.
        bytes: usize,
        /// Shortest time between two samples, s.
        period_s: f64,
        /// What it may have.
        limit: usize,
    },
    /// The shortest time between samples is not positive, or the longest is shorter than it.
    #[error("{at}: sampling: {problem}")]
    Sampling {
        /// Where.
        at: Position,
        /// What is wrong.
        problem: String,
    },
    /// Correct, but not fit to keep a robot safe.
    #[error("{at}: `{formula}`: {problem}")]
    Unsafe {
        /// Where.
        at: Position,
        /// The subformula.
        formula: String,
        /// Why, and what to write instead.
        problem: &'static str,
    },
    /// An annotation of a specification file.
    #[error("{at}: @{key}: {problem}")]
    Annotation {
        /// Where.
        at: Position,
        /// Which.
        key: String,
        /// What is wrong with it.
        problem: String,
    },
}
