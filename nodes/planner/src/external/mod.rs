//! External planners: a learned policy, or any other program, that proposes velocities in the place of the own controller.
//!
//! A proposal comes on a topic or from an [`ExternalPlanner`] within the process. Either way it has to be fresh, a
//! velocity that the robot can drive, and one behind which a braking tail is clear; assurance and the gate then judge it as
//! they judge every command. Whatever is not, the own controller drives. Its command is worked out in every decision, so
//! that it is there at once and the difference between the two is on record.

mod carrot;
mod record;

pub use record::{Outcome, Record};

use crate::config::{ExternalConfig, ExternalMode};
use crate::error::PlannerError;
use crate::path::Path;
use outrider_foundation::data::WorldModel;
use outrider_foundation::robot::DriveLimits;
use outrider_foundation::{Instant, Now, Pose2, Span, Stamp, Twist2};

/// `source` of proposals that come as messages.
pub const TOPIC: &str = "topic";
/// A stamp may be so much later than the own clock: what clocks of two machines differ by, s.
const CLOCK_DIFFERENCE_S: f64 = 0.02;
/// Speeds are within a limit up to this.
const ROUNDING: f64 = 1e-6;

/// What a policy sees.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The world model: grid, tracks, robot.
    pub world: &'a WorldModel,
    /// Where the robot is now, in the world model's frame.
    pub pose: Pose2,
    /// The way to the goal, in the same frame.
    pub path: &'a Path,
    /// Where the robot is along it, m.
    pub from_m: f64,
    /// Velocity commanded at present.
    pub last: Twist2,
    /// Greatest speed and turn rate now: faster ones are slowed down to them.
    pub most: Twist2,
}

/// A policy in the planner's process. Its proposals go through the same checks as those of the topic.
///
/// A replay runs it again, so it has to be a function of what it was given: no clock, no thread, no file, no number that
/// differs between machines; it is asked once in every decision in which the path is followed.
pub trait ExternalPlanner: Send {
    /// What it is called in records.
    fn name(&self) -> &str;

    /// The velocity that it would have.
    ///
    /// # Errors
    /// Why it proposes none.
    fn propose(&mut self, view: &View<'_>) -> Result<Twist2, String>;
}

/// The policies that `external.source` may name. A new one is entered here.
fn policy(name: &str) -> Option<Box<dyn ExternalPlanner>> {
    match name {
        carrot::NAME => Some(Box::new(carrot::Carrot)),
        _ => None,
    }
}

/// A message that was taken.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Held {
    twist: Twist2,
    stamp: Stamp,
    received: Instant,
}

/// How often what happened.
#[derive(Clone, Debug, Default)]
struct Counts {
    received: u64,
    out_of_order: u64,
    refused_messages: u64,
    driven: u64,
    would_drive: u64,
    refused: u64,
    last_refusal: String,
    compared: u64,
    sum: Twist2,
    most: Twist2,
}

/// Proposals: where they come from, whether they count, and what became of them.
pub struct External {
    config: ExternalConfig,
    limits: DriveLimits,
    policy: Option<Box<dyn ExternalPlanner>>,
    latest: Option<Held>,
    /// Why no message is held.
    nothing: String,
    /// After a refusal the own controller drives until then, and why.
    rests: Option<(Instant, String)>,
    counts: Counts,
    /// What became of the newest proposal; `None` until one was due.
    last: Option<Outcome>,
}

impl External {
    /// As configured, for a robot with these limits.
    ///
    /// # Errors
    /// When no policy has the name.
    pub fn new(config: &ExternalConfig, limits: &DriveLimits) -> Result<Self, PlannerError> {
        let policy = match config.source.as_str() {
            TOPIC => None,
            name => Some(policy(name).ok_or_else(|| PlannerError::NoPolicy(name.to_string()))?),
        };
        Ok(Self {
            config: config.clone(),
            limits: *limits,
            policy,
            latest: None,
            nothing: "nothing received".to_string(),
            rests: None,
            counts: Counts::default(),
            last: None,
        })
    }

    /// Takes proposals from this policy instead.
    pub fn set_policy(&mut self, policy: Box<dyn ExternalPlanner>) {
        self.policy = Some(policy);
    }

    /// Off, in shadow or in command.
    pub const fn mode(&self) -> ExternalMode {
        self.config.mode
    }

    /// A message. One that is no newer than the one held says nothing new.
    pub fn take(&mut self, stamp: Stamp, twist: Twist2, received: Instant) {
        self.counts.received = self.counts.received.saturating_add(1);
        let known = self.latest.filter(|held| received.since(held.received) <= self.max_age());
        if known.is_some_and(|held| stamp <= held.stamp) {
            self.counts.out_of_order = self.counts.out_of_order.saturating_add(1);
            return;
        }
        self.latest = Some(Held { twist, stamp, received });
    }

    /// A message that the border refused: who sends such is not relied upon for what came before either.
    pub fn refuse_message(&mut self, reason: &str) {
        self.counts.refused_messages = self.counts.refused_messages.saturating_add(1);
        self.latest = None;
        self.nothing = format!("message refused: {reason}");
    }

    fn max_age(&self) -> Span {
        Span::from_s(self.config.max_age_s)
    }

    /// The proposal for this moment.
    ///
    /// # Errors
    /// Why there is none, or why it does not count.
    pub fn proposal(&mut self, view: &View<'_>, now: Now) -> Result<Twist2, String> {
        let twist = match &mut self.policy {
            Some(policy) => policy.propose(view)?,
            None => self.message(now)?,
        };
        let within = |name: &str, value: f64, least: f64, most: f64, unit: &str| {
            let fits = value >= least - ROUNDING && value <= most + ROUNDING;
            if fits {
                Ok(())
            } else {
                Err(format!("{name} {value:.3} {unit} is not within [{least}, {most}]"))
            }
        };
        let limits = &self.limits;
        within("v", twist.v_mps, limits.v_min_mps, limits.v_max_mps, "m/s")?;
        within("w", twist.w_radps, -limits.w_max_radps, limits.w_max_radps, "rad/s")?;
        Ok(twist)
    }

    /// The newest message, when it is fresh by its stamp and by its arrival.
    fn message(&self, now: Now) -> Result<Twist2, String> {
        let held = self.latest.ok_or_else(|| self.nothing.clone())?;
        let age = now.ros.since(held.stamp);
        if age.as_s() < -CLOCK_DIFFERENCE_S {
            return Err(format!("stamped {:.3} s in the future", -age.as_s()));
        }
        let age = age.max(now.mono.since(held.received));
        if age > self.max_age() {
            let limit_s = self.config.max_age_s;
            return Err(format!("stale: {:.3} s old, more than {limit_s} s", age.as_s()));
        }
        Ok(held.twist)
    }

    /// Why the own controller drives for a while whatever is proposed.
    pub fn rests(&self, now: Now) -> Option<String> {
        let (until, why) = self.rests.as_ref().filter(|(until, _)| now.mono < *until)?;
        let left_s = until.since(now.mono).as_s();
        Some(format!("rests for {left_s:.2} s after: {why}"))
    }

    /// A proposal was not safe to drive: for a while none is taken.
    pub fn rest(&mut self, now: Now, why: &str) {
        self.rests = Some((now.mono + Span::from_s(self.config.rest_s), why.to_string()));
    }

    /// Counts what became of a proposal.
    pub fn note(&mut self, record: &Record) {
        let counts = &mut self.counts;
        match &record.outcome {
            Outcome::Driven => counts.driven = counts.driven.saturating_add(1),
            Outcome::WouldDrive => counts.would_drive = counts.would_drive.saturating_add(1),
            Outcome::Refused(why) => {
                counts.refused = counts.refused.saturating_add(1);
                counts.last_refusal.clone_from(why);
            }
        }
        if let Some(by) = record.differs_by {
            counts.compared = counts.compared.saturating_add(1);
            counts.sum = Twist2::new(counts.sum.v_mps + by.v_mps, counts.sum.w_radps + by.w_radps);
            counts.most = Twist2::new(counts.most.v_mps.max(by.v_mps), counts.most.w_radps.max(by.w_radps));
        }
        self.last = Some(record.outcome.clone());
    }

    /// No proposal is due: the path is not followed.
    pub fn idle(&mut self) {
        self.last = None;
    }

    /// Why the own controller drives although the external planner is in command.
    pub fn failing(&self) -> Option<&str> {
        match (&self.last, self.config.mode) {
            (Some(Outcome::Refused(why)), ExternalMode::Command) => Some(why),
            _ => None,
        }
    }

    /// Counters and states for people; nothing when it is off.
    pub fn diagnostics(&self) -> Vec<(&'static str, String)> {
        let source = self.policy.as_ref().map_or(TOPIC, |policy| policy.name());
        let counts = &self.counts;
        let mode = match self.config.mode {
            ExternalMode::Off => return vec![("external planner", "off".to_string())],
            ExternalMode::Shadow => format!("shadow ({source})"),
            ExternalMode::Command => format!("command ({source})"),
        };
        let n = counts.compared.max(1) as f64;
        let difference =
            |sum: f64, most: f64, unit: &str| format!("mean {:.3}, most {most:.3} {unit}", sum / n);
        vec![
            ("external planner", mode),
            ("external messages", counts.received.to_string()),
            ("external messages out of order", counts.out_of_order.to_string()),
            ("external messages refused", counts.refused_messages.to_string()),
            ("external proposals driven", counts.driven.to_string()),
            ("external proposals that would be driven", counts.would_drive.to_string()),
            ("external proposals refused", counts.refused.to_string()),
            ("external last refusal", counts.last_refusal.clone()),
            ("external difference in speed", difference(counts.sum.v_mps, counts.most.v_mps, "m/s")),
            (
                "external difference in turn rate",
                difference(counts.sum.w_radps, counts.most.w_radps, "rad/s"),
            ),
        ]
    }
}
