//! What became of a proposal, as an alternative in the decision's record: written here, and read here from a bag.

use outrider_foundation::Twist2;
use outrider_foundation::data::Alternative;

const PROPOSAL: &str = "external planner";
const OWN: &str = "own controller";
const DRIVEN: &str = "the external planner drives";
const WOULD_DRIVE: &str = "shadow: would be driven";
const REFUSED: &str = "refused: ";
const DIFFERS: &str = "; differs by ";

/// What became of a proposal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is the command.
    Driven,
    /// In shadow: it would have been the command.
    WouldDrive,
    /// The own controller drives, and would in command as well: why.
    Refused(String),
}

/// A proposal beside the own controller's.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// What became of it.
    pub outcome: Outcome,
    /// What is not driven: the own controller's velocity when the proposal is, else the proposal; `None` without one.
    pub not_driven: Option<Twist2>,
    /// |Δv| and |Δw| between the proposal and what the own controller is heading for; `None` without a proposal.
    pub differs_by: Option<Twist2>,
}

impl Record {
    /// As an alternative that was not taken.
    pub fn to_alternative(&self) -> Alternative {
        let (who, because, cost) = match &self.outcome {
            Outcome::Driven => (OWN, DRIVEN.to_string(), 0.0),
            Outcome::WouldDrive => (PROPOSAL, WOULD_DRIVE.to_string(), 0.0),
            Outcome::Refused(why) => (PROPOSAL, format!("{REFUSED}{why}"), f64::INFINITY),
        };
        let name = match self.not_driven {
            Some(t) => format!("{who}: v {:.2} m/s, w {:.2} rad/s", t.v_mps, t.w_radps),
            None => who.to_string(),
        };
        let difference = match self.differs_by {
            Some(by) => format!("{DIFFERS}{:.3} m/s, {:.3} rad/s", by.v_mps, by.w_radps),
            None => String::new(),
        };
        Alternative { name, cost, rejected_because: because + &difference }
    }

    /// Outcome and difference from an alternative's name and reason; `None` when it is about something else.
    pub fn read(name: &str, because: &str) -> Option<(Outcome, Option<Twist2>)> {
        let is_one =
            |who: &str| name.strip_prefix(who).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'));
        if !is_one(PROPOSAL) && !is_one(OWN) {
            return None;
        }
        let (what, differs_by) = match because.rsplit_once(DIFFERS) {
            Some((what, by)) => (what, Some(difference(by)?)),
            None => (because, None),
        };
        let outcome = match what {
            DRIVEN => Outcome::Driven,
            WOULD_DRIVE => Outcome::WouldDrive,
            _ => Outcome::Refused(what.strip_prefix(REFUSED)?.to_string()),
        };
        Some((outcome, differs_by))
    }
}

fn difference(text: &str) -> Option<Twist2> {
    let (v, w) = text.split_once(" m/s, ")?;
    let (v_mps, w_radps) = (v.parse().ok()?, w.strip_suffix(" rad/s")?.parse().ok()?);
    Some(Twist2 { v_mps, w_radps })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let by = Some(Twist2::new(0.125, 0.5));
        let twist = Some(Twist2::new(0.5, -0.25));
        for (outcome, not_driven, differs_by) in [
            (Outcome::Driven, twist, by),
            (Outcome::WouldDrive, twist, by),
            (Outcome::Refused("braking tail: obstacle; and more".into()), twist, by),
            (Outcome::Refused("nothing received".into()), None, None),
        ] {
            let record = Record { outcome: outcome.clone(), not_driven, differs_by };
            let written = record.to_alternative();
            assert_eq!(Record::read(&written.name, &written.rejected_because), Some((outcome, differs_by)));
        }
    }

    #[test]
    fn other_alternatives_are_not_about_it() {
        assert_eq!(Record::read("pursuit", "costs more"), None);
        assert_eq!(Record::read("external planners", "refused: x"), None);
        assert_eq!(Record::read("external planner", "costs more"), None);
        assert_eq!(Record::read("external planner", "refused: x; differs by much"), None);
    }
}
