use crate::bt::{Leaf, Ports, Status};
use crate::error::PlannerError;
use crate::navigator::Navigator;
use outrider_foundation::{Instant, Span};

/// Runs for `wait_duration` seconds, standing still, then succeeds.
pub struct Wait {
    duration: Span,
    since: Option<Instant>,
}

impl Wait {
    /// Attribute `wait_duration`, s.
    pub fn make(ports: &mut Ports<'_, '_>) -> Result<super::Leaf, PlannerError> {
        let duration = Span::from_s(ports.number("wait_duration", 0.05, 3600.0)?);
        Ok(Box::new(Self { duration, since: None }))
    }
}

impl Leaf<Navigator> for Wait {
    fn tick(&mut self, now: Instant, _navigator: &mut Navigator) -> Status {
        let since = *self.since.get_or_insert(now);
        if now.since(since) < self.duration {
            return Status::Running;
        }
        self.since = None;
        Status::Success
    }

    fn halt(&mut self, _navigator: &mut Navigator) {
        self.since = None;
    }
}
