//! What a node says when it is ticked.

/// Status of a node. As wide as a pointer, so that a status or a fault travels in two registers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u64)]
pub enum Status {
    /// Not active.
    #[default]
    Idle,
    /// Not finished.
    Running,
    /// Finished well.
    Success,
    /// Finished badly.
    Failure,
    /// Not to be executed now; returned by a tick, never kept by a node.
    Skipped,
}

impl Status {
    /// Success or failure.
    #[inline]
    pub const fn is_completed(self) -> bool {
        matches!(self, Self::Success | Self::Failure)
    }

    /// Neither idle nor skipped.
    #[inline]
    pub const fn is_active(self) -> bool {
        !matches!(self, Self::Idle | Self::Skipped)
    }

    /// The name that XML and traces use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Idle => "IDLE",
            Self::Running => "RUNNING",
            Self::Success => "SUCCESS",
            Self::Failure => "FAILURE",
            Self::Skipped => "SKIPPED",
        }
    }

    /// From its name, in capitals.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Idle, Self::Running, Self::Success, Self::Failure, Self::Skipped]
            .into_iter()
            .find(|status| status.name() == name)
    }

    /// From the number that scripts know it by.
    pub(crate) const fn from_number(number: i64) -> Option<Self> {
        match number {
            0 => Some(Self::Idle),
            1 => Some(Self::Running),
            2 => Some(Self::Success),
            3 => Some(Self::Failure),
            4 => Some(Self::Skipped),
            _ => None,
        }
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
