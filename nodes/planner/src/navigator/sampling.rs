//! The sampling controller in the loop: its plan becomes a command only with a verified braking tail; when it has none,
//! the pursuit's wish is what is judged next.

use super::command::{Drive, Proposal};
use super::shaping::Shaping;
use crate::config::{Config, Controller};
use crate::follow::Outlook;
use crate::mppi::{Answer, Candidate, Mppi, Outcome, Request};
use crate::path::Path;
use crate::safety::{Blocker, Choice, Guard, Situation, Wish};
use outrider_foundation::data::Alternative;
use outrider_foundation::{Instant, Robot, Twist2};

/// A plan that leads no farther than this, m, stands still;
const STALLED_M: f64 = 0.1;
/// the pursuit drives when it would be faster than this, m/s.
const STALLED_MPS: f64 = 0.1;

/// Where the plan is heading is what it drives after so long, s.
const HEADING_S: f64 = 0.5;

/// Times of the same moment differ by less, s.
const SAME_S: f64 = 1e-6;
/// Plans are in single precision: so much faster than what is allowed is not faster, m/s and rad/s.
const ROUNDING: f64 = 1e-6;

/// The controller.
pub struct Sampling {
    mppi: Mppi,
    cruise_mps: f64,
    beside_mps: f64,
    standing_mps: f64,
    step_s: f64,
    /// What drives, until there is something new to decide on.
    driven: Option<Driven>,
}

/// The way that is followed, and what the pursuit would do.
#[derive(Clone, Copy)]
pub struct Way<'a> {
    /// The path.
    pub path: &'a Path,
    /// Where the robot is along it, m.
    pub from_m: f64,
    /// The pursuit's wish.
    pub pursuit: Wish,
    /// How fast that may be for what is beside it, m/s.
    pub beside_mps: f64,
    /// What there is to decide on.
    pub occasion: Occasion,
    /// When.
    pub now: Instant,
}

/// What a decision rests on that is told apart by numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Occasion {
    /// Boot and number of the world model.
    pub world: (u64, u64),
    /// Number of the path.
    pub plan: u64,
}

/// A decision that was granted.
struct Driven {
    occasion: Occasion,
    at: Instant,
    answer: Answer,
    binding: String,
}

/// What came of a decision.
#[allow(clippy::large_enum_variant, reason = "one a decision, moved once")]
pub enum Sampled {
    /// A command with a verified tail.
    Granted(Proposal),
    /// None: why, and what was considered.
    Refused(String, Vec<Alternative>),
}

impl Sampling {
    /// When it is what follows paths.
    pub fn new(config: &Config, robot: &Robot) -> Option<Self> {
        let decel_mps2 = robot.limits.decel_mps2 * config.follow.decel_share;
        (config.controller == Controller::Mppi).then(|| Self {
            mppi: Mppi::new(&config.mppi, &config.safety, decel_mps2, robot),
            cruise_mps: config.follow.cruise_mps,
            beside_mps: config.mppi.obstacles.beside_mps,
            standing_mps: config.yielding.standing_mps,
            step_s: config.mppi.step_s,
            driven: None,
        })
    }

    /// Something else drives: the plan is of no use any more.
    pub fn reset(&mut self) {
        self.mppi.reset();
        self.driven = None;
    }

    /// One decision. Commands come more often than world models: in between, with nothing new to decide on, the plan goes
    /// on, with a verified tail like any other command.
    pub fn decide(
        &mut self,
        drive: &Drive,
        s: &Situation<'_>,
        way: Way<'_>,
        outlook: &Outlook,
        shaping: &Shaping,
        guard: &mut Guard,
    ) -> Sampled {
        let drive = self.capped(drive, s, way, outlook);
        // Nothing else has driven since.
        let was_last = |driven: &Driven| way.now.since(driven.at).as_s() <= s.dt_s + SAME_S;
        if let Some(driven) = self.driven.take().filter(|d| d.occasion == way.occasion && was_last(d))
            && let Some(choice) = self.go_on(s, &drive, shaping, guard)
        {
            return Sampled::Granted(self.proposal(s, &driven, choice, drive.why, ", going on"));
        }
        let answer = self.mppi.decide(&Request {
            pose: s.pose,
            last: s.last,
            elapsed_s: s.dt_s,
            grid: s.grid,
            moving: s.moving,
            path: way.path,
            from_m: way.from_m,
            v_max_mps: drive.v_max_mps,
            w_max_radps: drive.w_max_radps,
            pursuit: way.pursuit,
            standing_mps: self.standing_mps,
        });
        let binding = answer.constraint(s.moving);
        if answer.outcome != Outcome::Feasible {
            return Sampled::Refused(binding, alternatives(&answer, None));
        }
        let travel_m: f64 = self.mppi.plan().map(|t| t.v_mps.abs() * self.step_s).sum();
        if travel_m < STALLED_M && way.pursuit.curve && way.pursuit.v_mps > STALLED_MPS {
            // The samples see no way that is worth its cost; the pursuit's may be narrow, but it was searched for.
            let why = "the samples make no headway";
            return Sampled::Refused(why.to_string(), alternatives(&answer, Some(why)));
        }
        let choice = match guard.grant(s, shaping.towards(turned(answer.twist), s.last, s.dt_s)) {
            Ok(choice) => choice,
            Err(refusal) => {
                let why = format!("braking tail: {}", refusal.blocked_by);
                return Sampled::Refused(why.clone(), alternatives(&answer, Some(&why)));
            }
        };
        let driven = Driven { occasion: way.occasion, at: way.now, answer, binding };
        let proposal = self.proposal(s, &driven, choice, drive.why, "");
        self.driven = Some(driven);
        Sampled::Granted(proposal)
    }

    /// With the limits of the way ahead as well; no word of why at the cruising speed. Courtesy is the same whichever controller drives:
    /// it decides how fast, the samples decide where.
    fn capped(&self, drive: &Drive, s: &Situation<'_>, way: Way<'_>, outlook: &Outlook) -> Drive {
        let mut capped = drive.clone();
        if self.cruise_mps <= drive.v_max_mps {
            capped.v_max_mps = self.cruise_mps;
            capped.why.clear();
        }
        let beside_mps = way.beside_mps.max(self.beside_mps);
        if beside_mps < capped.v_max_mps {
            (capped.v_max_mps, capped.why) = (beside_mps, "clearance".to_string());
        }
        let present_mps = s.measured.v_mps.max(s.last.v_mps);
        let zone = outlook.zones().ahead(way.path, way.from_m, capped.v_max_mps.max(present_mps));
        capped = zone.and_then(|limit| capped.below(limit)).unwrap_or(capped);
        let polite = outlook.give_way(way.path, way.from_m, s.pose, present_mps, capped.v_max_mps, s.moving);
        polite.and_then(|limit| capped.below(limit)).unwrap_or(capped)
    }

    /// The plan as it is, later; `None` when it is too fast by now, or the guard finds something against it.
    fn go_on(
        &mut self,
        s: &Situation<'_>,
        drive: &Drive,
        shaping: &Shaping,
        guard: &mut Guard,
    ) -> Option<Choice> {
        let twist = self.mppi.later(s.dt_s)?;
        let [v_max_mps, w_max_radps] = [drive.v_max_mps, drive.w_max_radps].map(|most| most + ROUNDING);
        if !(twist.v_mps.abs() <= v_max_mps && twist.w_radps.abs() <= w_max_radps) {
            return None;
        }
        let choice = guard.grant(s, shaping.towards(turned(twist), s.last, s.dt_s)).ok()?;
        self.mppi.go_on(s.dt_s);
        Some(choice)
    }

    fn proposal(
        &self,
        s: &Situation<'_>,
        driven: &Driven,
        mut choice: Choice,
        capped: String,
        how: &str,
    ) -> Proposal {
        let answer = &driven.answer;
        let plan = answer.candidate();
        choice.chosen = format!(
            "{}{how}: v {:.2} m/s, w {:.2} rad/s, cost {:.2}, contact {:.4}, {:.0} effective samples, {:.0} % feasible",
            plan.name,
            choice.twist.v_mps,
            choice.twist.w_radps,
            plan.costs.total(),
            plan.probability,
            answer.effective_samples,
            100.0 * answer.feasible_share
        );
        choice.alternatives = alternatives(answer, None);
        let constraint = if capped.is_empty() { driven.binding.clone() } else { capped };
        let reason = match constraint.as_str() {
            "" => "following the path".to_string(),
            binding => format!("following the path: {binding}"),
        };
        Proposal {
            trajectory: self.mppi.trajectory(s.last),
            choice,
            reason,
            constraint,
            blocker: Blocker::default(),
            target: heading_for(self.mppi.plan(), self.step_s),
        }
    }
}

/// The velocity after [`HEADING_S`]; of a plan that is shorter the last one.
fn heading_for(plan: impl Iterator<Item = Twist2>, step_s: f64) -> Option<Twist2> {
    plan.take(1 + (HEADING_S / step_s) as usize).last()
}

fn turned(twist: Twist2) -> Wish {
    Wish { v_mps: twist.v_mps, turn: twist.w_radps, curve: false }
}

/// What was compared and is not driven. With a reason against it the plan chosen is among them.
fn alternatives(answer: &Answer, against: Option<&str>) -> Vec<Alternative> {
    let driven = answer.outcome == Outcome::Feasible && against.is_none();
    let others = answer
        .candidates
        .iter()
        .enumerate()
        .filter(|(i, c)| !(c.name.is_empty() || driven && *i == answer.chosen));
    others
        .map(|(i, candidate)| Alternative {
            name: candidate.name.to_string(),
            cost: candidate.costs.total(),
            rejected_because: match against.filter(|_| i == answer.chosen) {
                Some(why) => why.to_string(),
                None => rejected(candidate, answer),
            },
        })
        .collect()
}

fn rejected(candidate: &Candidate, answer: &Answer) -> String {
    if candidate.touches {
        "touches an obstacle".to_string()
    } else if !candidate.feasible {
        format!("risk of contact {:.3}", candidate.probability)
    } else if candidate.costs.total() > answer.candidate().costs.total() {
        "costs more".to_string()
    } else {
        "the mean is taken when it is feasible".to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_plan_is_heading_for_its_last_velocity() {
        let plan = |steps: u32| (0..steps).map(|i| Twist2::new(f64::from(i), 0.0));
        assert_eq!(heading_for(plan(56), 0.0625), Some(Twist2::new(8.0, 0.0)));
        assert_eq!(heading_for(plan(8), 0.0625), Some(Twist2::new(7.0, 0.0)));
        assert_eq!(heading_for(plan(0), 0.0625), None);
    }
}
