//! The external planner's proposal beside the own controller's: judged in every decision in which the path is followed,
//! driven when it is in command and safe.

use super::Navigator;
use super::command::{Drive, Proposal};
use crate::config::ExternalMode;
use crate::external::{External, Outcome, Record, View};
use crate::safety::{Blocker, Choice, Moving, Wish};
use outrider_foundation::{Now, Twist2};

/// A velocity that was proposed, and the command that came of it or why none did.
struct Weighed {
    twist: Twist2,
    limited_by: String,
    granted: Result<Choice, String>,
}

impl Navigator {
    /// Proposals, and whether they count.
    pub const fn external(&self) -> &External {
        &self.external
    }

    /// The same, to hand messages to.
    pub const fn external_mut(&mut self) -> &mut External {
        &mut self.external
    }

    /// The own proposal, or the external one in its place.
    pub(super) fn weigh(&mut self, mut own: Proposal, drive: &Drive, now: Now) -> Proposal {
        let Some(target) = own.target else {
            // A maneuver, a stop, the turn at the goal: the planner's own.
            self.external.idle();
            return own;
        };
        let weighed = self.proposed(drive, now);
        let commands = self.external.mode() == ExternalMode::Command;
        let rests = if commands { self.external.rests(now) } else { None };
        let mut record = Record { outcome: Outcome::WouldDrive, not_driven: None, differs_by: None };
        let mut driven = None;
        match weighed {
            Err(why) => record.outcome = Outcome::Refused(why),
            Ok(Weighed { twist, limited_by, granted }) => {
                record.not_driven = Some(twist);
                record.differs_by = Some(Twist2::new(
                    (twist.v_mps - target.v_mps).abs(),
                    (twist.w_radps - target.w_radps).abs(),
                ));
                match (granted, rests) {
                    (_, Some(why)) => record.outcome = Outcome::Refused(why),
                    (Err(why), None) => {
                        if commands {
                            self.external.rest(now, &why);
                        }
                        record.outcome = Outcome::Refused(why);
                    }
                    (Ok(choice), None) if commands => {
                        (record.outcome, record.not_driven) = (Outcome::Driven, Some(target));
                        driven = Some((choice, limited_by));
                    }
                    (Ok(_), None) => {}
                }
            }
        }
        self.external.note(&record);
        if let Some((choice, limited_by)) = driven {
            let reason = match limited_by.as_str() {
                "" => "the external planner drives".to_string(),
                why => format!("the external planner drives: {why}"),
            };
            let (trajectory, constraint) = (choice.tail.clone(), limited_by);
            own = Proposal {
                choice,
                trajectory,
                reason,
                constraint,
                blocker: Blocker::default(),
                target: None,
            };
        }
        own.choice.alternatives.insert(0, record.to_alternative());
        own
    }

    /// What is proposed, within the limits in force, and whether the guard grants it.
    fn proposed(&mut self, drive: &Drive, now: Now) -> Result<Weighed, String> {
        let (Some(world), Some(path)) = (&self.world, &self.path) else { return Err("no path".to_string()) };
        let from_m = self.follower.progress_m();
        let most = Twist2::new(drive.v_max_mps, drive.w_max_radps);
        let view = View { world, pose: self.pose, path, from_m, last: drive.last, most };
        let twist = self.external.proposal(&view, now)?;
        let mut wish = Wish { v_mps: twist.v_mps, turn: twist.w_radps, curve: false };
        let mut limited_by = String::new();
        let mut slow = |v_mps: f64, w_radps: f64, why: &str| {
            let share = (v_mps / wish.v_mps.abs().max(1e-9)).min(w_radps / wish.turn.abs().max(1e-9));
            if share < 1.0 {
                // Slower along the same curve.
                (wish.v_mps, wish.turn) = (wish.v_mps * share, wish.turn * share);
                limited_by = why.to_string();
            }
        };
        slow(most.v_mps, most.w_radps, &drive.why);
        let present_mps = world.ego.twist.v_mps.max(drive.last.v_mps);
        if let Some(limit) = self.outlook.zones().ahead(path, from_m, twist.v_mps.max(present_mps)) {
            slow(limit.v_mps, f64::INFINITY, &limit.reason);
        }
        let moving = Moving::all(&world.tracks, self.age_s);
        let situation = self.situation(world, drive, &moving);
        let shaped = self.shaping.towards(wish, drive.last, drive.dt_s);
        let granted = self.guard.grant(&situation, shaped);
        let granted = granted.map_err(|refusal| format!("braking tail: {}", refusal.blocked_by));
        Ok(Weighed { twist, limited_by, granted })
    }
}
