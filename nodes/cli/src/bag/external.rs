//! What a bag tells of an external planner: what became of its proposals, and how they differed from the own controller's.

use super::spells::{Spells, Told, alike};
use outrider_msgs::outrider_msgs as ours;
use outrider_planner::external::{Outcome, Record};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write;

/// The most kinds of refusals that are counted one by one.
const REASON_LIMIT: usize = 64;
/// The most that are printed.
const REASONS_SHOWN: usize = 5;

/// Proposals of a whole bag.
#[derive(Debug, Default, Serialize)]
pub(super) struct ExternalInfo {
    /// Decisions that a proposal was due in.
    decisions: u64,
    driven: u64,
    would_be_driven: u64,
    refused: u64,
    /// How often, by reason up to its first colon.
    refused_because: BTreeMap<String, u64>,
    /// |Δv| to the own controller, m/s.
    speed: Difference,
    /// |Δw|, rad/s.
    turn_rate: Difference,
}

/// A magnitude over many decisions.
#[derive(Debug, Default, Serialize)]
struct Difference {
    mean: f64,
    most: f64,
    #[serde(skip)]
    count: u64,
}

impl Difference {
    fn add(&mut self, value: f64) {
        self.count += 1;
        self.mean += (value - self.mean) / self.count as f64;
        self.most = self.most.max(value);
    }
}

/// Outcome of the proposal of a decision, and by how much it differed.
fn record(m: &ours::Decision) -> Option<(Outcome, Option<outrider_foundation::Twist2>)> {
    m.alternatives.iter().find_map(|a| Record::read(&a.name, &a.rejected_because))
}

impl ExternalInfo {
    /// Adds a decision.
    pub(super) fn see(&mut self, m: &ours::Decision) {
        let Some((outcome, by)) = record(m) else { return };
        self.decisions += 1;
        match outcome {
            Outcome::Driven => self.driven += 1,
            Outcome::WouldDrive => self.would_be_driven += 1,
            Outcome::Refused(why) => {
                self.refused += 1;
                let reason = reason(&why);
                let known =
                    self.refused_because.len() < REASON_LIMIT || self.refused_because.contains_key(reason);
                let reason = if known { reason } else { "other" };
                *self.refused_because.entry(reason.to_owned()).or_default() += 1;
            }
        }
        if let Some(by) = by {
            self.speed.add(by.v_mps);
            self.turn_rate.add(by.w_radps);
        }
    }

    /// Nothing was ever due.
    pub(super) fn is_empty(&self) -> bool {
        self.decisions == 0
    }

    /// For `info`.
    pub(super) fn write(&self, out: &mut String) {
        if self.is_empty() {
            return;
        }
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "external     {} decisions with an external planner: {} driven by it, {} that it would have driven, {} refused",
            self.decisions, self.driven, self.would_be_driven, self.refused
        );
        let mut reasons: Vec<(&String, &u64)> = self.refused_because.iter().collect();
        reasons.sort_by_key(|(_, n)| std::cmp::Reverse(**n));
        for (why, n) in reasons.into_iter().take(REASONS_SHOWN) {
            let _ = writeln!(out, "             {n} refused: {why}");
        }
        if self.speed.count > 0 {
            let (v, w) = (&self.speed, &self.turn_rate);
            let _ = writeln!(
                out,
                "             differs from the own controller by {:.3} m/s and {:.3} rad/s on average, {:.3} and {:.3} at most",
                v.mean, w.mean, v.most, w.most
            );
        }
    }
}

/// What a refusal is called where they are counted.
fn reason(why: &str) -> &str {
    why.find([':', '.', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9'])
        .and_then(|at| why.get(..at))
        .unwrap_or(why)
        .trim_end()
}

/// What was told of the external planner last.
#[derive(Default)]
pub(super) struct ExternalWatch {
    last: Option<String>,
    spells: Spells,
}

impl ExternalWatch {
    /// What is new in a decision.
    pub(super) fn see(&mut self, at_ns: u64, m: &ours::Decision, told: &mut Vec<Told>) {
        let text = match record(m) {
            None => {
                self.last = None;
                return;
            }
            Some((Outcome::Driven, _)) => "the external planner drives".to_owned(),
            Some((Outcome::WouldDrive, _)) => {
                "in shadow: the external planner's proposals would be driven".to_owned()
            }
            Some((Outcome::Refused(why), _)) => {
                format!("the own controller drives, not the external planner: {why}")
            }
        };
        // Whatever it rests after is the refusal that was told.
        let text = match text.split_once("rests for ") {
            Some((before, _)) => format!("{before}it rests after a refusal"),
            None => text,
        };
        // An age or a distance that changes is no other refusal.
        let what = alike(&text);
        let begins = self.last.as_ref() != Some(&what);
        self.spells.note(at_ns, "external", &text, begins, told);
        self.last = Some(what);
    }

    /// The bag is over.
    pub(super) fn end(&mut self, told: &mut Vec<Told>) {
        self.spells.end(told);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use outrider_foundation::Twist2;

    fn decision(outcome: Outcome, differs_by: Option<Twist2>) -> ours::Decision {
        let one = Record { outcome, not_driven: None, differs_by }.to_alternative();
        let (name, cost, rejected_because) = (one.name, one.cost, one.rejected_because);
        ours::Decision {
            alternatives: vec![
                ours::Alternative { name: "stop".into(), ..Default::default() },
                ours::Alternative { name, cost, rejected_because },
            ],
            ..Default::default()
        }
    }

    #[test]
    fn proposals_are_counted_with_their_difference() {
        let mut info = ExternalInfo::default();
        info.see(&ours::Decision::default());
        assert!(info.is_empty());
        let by = |v| Some(Twist2::new(v, 2.0 * v));
        info.see(&decision(Outcome::WouldDrive, by(0.1)));
        info.see(&decision(Outcome::WouldDrive, by(0.3)));
        for age in ["0.21", "0.34"] {
            info.see(&decision(Outcome::Refused(format!("stale: {age} s old")), None));
        }
        let mut out = String::new();
        info.write(&mut out);
        for wanted in [
            "4 decisions with an external planner: 0 driven by it, 2 that it would have driven, 2 refused",
            "2 refused: stale\n",
            "by 0.200 m/s and 0.400 rad/s on average, 0.300 and 0.600 at most",
        ] {
            assert!(out.contains(wanted), "{wanted}: {out}");
        }
    }

    #[test]
    fn changes_are_told_once() {
        let (mut watch, mut told) = (ExternalWatch::default(), Vec::new());
        for i in 0..100_u64 {
            let outcome = match i / 10 % 2 {
                0 => Outcome::Driven,
                _ => Outcome::Refused(format!("braking tail: obstacle 0.{i} m ahead")),
            };
            watch.see(i * 25_000_000, &decision(outcome, None), &mut told);
        }
        watch.end(&mut told);
        let texts: Vec<&str> = told.iter().map(|(_, _, text)| text.as_str()).collect();
        assert_eq!(texts.len(), 2, "{texts:?}");
        assert!(texts.iter().all(|t| t.contains(", 5 times within")), "{texts:?}");
        assert!(
            texts.iter().any(|t| t.starts_with("the external planner drives, 5 times within")),
            "{texts:?}"
        );
    }
}
