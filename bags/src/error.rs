//! What can go wrong with a bag, always with the file and, where there is one, the offset.

use std::fmt;
use std::path::{Path, PathBuf};

/// A place in a file that cannot be read, or a file as a whole, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The file.
    pub path: PathBuf,
    /// Byte offset of the record; 0, where none begins, for the file as a whole.
    pub offset: u64,
    /// What is wrong with it.
    pub reason: String,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.path.display(), self.offset) {
            (path, 0) => write!(f, "{path}: {}", self.reason),
            (path, offset) => write!(f, "{path} at byte {offset}: {}", self.reason),
        }
    }
}

/// Why a bag could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum BagError {
    /// The operating system refused.
    #[error("{path}: cannot {action}: {cause}", path = path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// Its answer.
        cause: std::io::Error,
    },
    /// Not an MCAP file, or a folder without one.
    #[error("{path}: {reason}", path = path.display())]
    NotABag {
        /// The file or folder.
        path: PathBuf,
        /// What is missing.
        reason: String,
    },
    /// A part of the file cannot be read; what follows it may still be.
    #[error("{0}")]
    Damaged(Damage),
    /// More than is taken.
    #[error("{path}: {what} is {size} bytes long, the limit is {limit}", path = path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// What.
        what: String,
        /// Its size.
        size: u64,
        /// The limit.
        limit: u64,
    },
    /// A name or text that rosbag2 would not read.
    #[error("{key} `{value}` is refused: {reason}")]
    Invalid {
        /// Which argument.
        key: &'static str,
        /// What was given.
        value: String,
        /// What is allowed.
        reason: &'static str,
    },
}

impl BagError {
    pub(crate) fn io(path: &Path, action: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        move |cause| Self::Io { path: path.to_owned(), action, cause }
    }

    pub(crate) fn damaged(path: &Path, offset: u64, reason: impl Into<String>) -> Self {
        Self::Damaged(Damage { path: path.to_owned(), offset, reason: reason.into() })
    }

    /// What it is to a bag of which `path` is only one file.
    pub(crate) fn into_damage(self, path: &Path) -> Damage {
        let reason = match self {
            Self::Damaged(damage) => return damage,
            Self::Io { action, cause, .. } => format!("cannot {action}: {cause}"),
            Self::NotABag { reason, .. } => reason,
            other => other.to_string(),
        };
        Damage { path: path.to_owned(), offset: 0, reason }
    }
}
