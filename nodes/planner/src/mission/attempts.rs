//! What a robot that does not get on has tried.

use outrider_foundation::data::{ATTEMPT_LIMIT, Attempt, Outcome};

/// Recoveries since the robot last got on, the same ones counted together.
#[derive(Clone, Debug, Default)]
pub struct Attempts {
    list: Vec<Attempt>,
    /// Of other kinds, for which there was no room.
    dropped: u32,
    /// In all of the mission.
    total: u32,
}

impl Attempts {
    /// One more.
    pub fn note(&mut self, name: &str, outcome: Outcome, detail: &str) {
        self.total = self.total.saturating_add(1);
        let known = self.list.iter_mut().find(|a| a.name == name && a.outcome == outcome);
        if let Some(attempt) = known {
            attempt.count = attempt.count.saturating_add(1);
            attempt.detail = detail.to_string();
        } else if self.list.len() < ATTEMPT_LIMIT {
            let (name, detail) = (name.to_string(), detail.to_string());
            self.list.push(Attempt { name, outcome, count: 1, detail });
        } else {
            self.dropped = self.dropped.saturating_add(1);
        }
    }

    /// The robot has got on.
    pub fn got_on(&mut self) {
        self.list.clear();
        self.dropped = 0;
    }

    /// Since the robot last got on.
    pub fn list(&self) -> &[Attempt] {
        &self.list
    }

    /// For which there was no room in the list.
    pub const fn dropped(&self) -> u32 {
        self.dropped
    }

    /// In all.
    pub const fn total(&self) -> u32 {
        self.total
    }

    /// In a sentence; empty for nothing.
    pub fn text(&self) -> String {
        let one = |a: &Attempt| {
            let outcome = match a.outcome {
                Outcome::Succeeded => "succeeded",
                Outcome::Failed => "failed",
                Outcome::Halted => "halted",
            };
            let detail = if a.detail.is_empty() { String::new() } else { format!(": {}", a.detail) };
            format!("{} ×{} ({outcome}{detail})", a.name, a.count)
        };
        self.list.iter().map(one).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_attempts_are_counted_together_and_others_beyond_the_limit_too() {
        let mut attempts = Attempts::default();
        attempts.note("Wait", Outcome::Succeeded, "");
        attempts.note("Spin", Outcome::Failed, "person #3 at 0.4 m");
        attempts.note("Wait", Outcome::Succeeded, "");
        assert_eq!(attempts.text(), "Wait ×2 (succeeded), Spin ×1 (failed: person #3 at 0.4 m)");
        for i in 0..ATTEMPT_LIMIT {
            attempts.note(&format!("N{i}"), Outcome::Halted, "");
        }
        assert_eq!((attempts.list().len(), attempts.dropped()), (ATTEMPT_LIMIT, 2));
        attempts.got_on();
        assert_eq!((attempts.list().len(), attempts.dropped(), attempts.text().as_str()), (0, 0, ""));
        assert_eq!(attempts.total() as usize, 3 + ATTEMPT_LIMIT);
    }
}
