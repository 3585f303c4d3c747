use crate::bt::{Leaf, Ports, Status};
use crate::error::PlannerError;
use crate::navigator::Navigator;
use outrider_foundation::{Instant, Span};

/// Succeeds when the path was planned at least `seconds` ago (or never), fails before.
pub struct PathExpiringTimer {
    limit: Span,
}

impl PathExpiringTimer {
    /// Attribute `seconds`.
    pub fn make(ports: &mut Ports<'_, '_>) -> Result<super::Leaf, PlannerError> {
        let limit = Span::from_s(ports.number("seconds", 0.05, 3600.0)?);
        Ok(Box::new(Self { limit }))
    }
}

impl Leaf<Navigator> for PathExpiringTimer {
    fn tick(&mut self, now: Instant, navigator: &mut Navigator) -> Status {
        match navigator.planned_at() {
            Some(at) if now.since(at) < self.limit => Status::Failure,
            _ => Status::Success,
        }
    }
}
