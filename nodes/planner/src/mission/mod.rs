//! Missions: what is asked for, one at a time, and how it ends.
//!
//! [`Missions`] is the state machine. It says what is to be driven next ([`Step`]); the node drives it, and tells when a leg
//! is over. It knows neither the tree nor the robot.

mod attempts;
mod block;
mod clock;
pub mod codes;
mod pace;
mod rules;
mod trees;

pub use attempts::Attempts;
pub use block::Blocked;
pub use clock::MissionClock;
pub use pace::Pace;
pub use rules::{FARTHEST_M, Refusal, check};
pub use trees::{TREE_LIMIT, Trees};

use crate::config::MissionConfig;
use outrider_foundation::data::{
    MISSION_POSE_LIMIT, MissedWaypoint, MissionId, MissionKind, MissionOrder, MissionStatus,
};
use outrider_foundation::grid::FrameId;
use outrider_foundation::{Instant, Pose2, Span};

/// One drive of a mission: with a tree, through poses to the last of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Leg {
    /// Frame of the poses.
    pub frame: FrameId,
    /// At least one.
    pub poses: Vec<Pose2>,
    /// Which tree drives it.
    pub tree: usize,
}

/// How a mission ends.
#[derive(Clone, Debug, PartialEq)]
pub struct End {
    /// A final one.
    pub status: MissionStatus,
    /// A code of [`codes`].
    pub code: u16,
    /// In words.
    pub message: String,
}

impl End {
    fn new(status: MissionStatus, code: u16, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }
}

/// What is to be done next.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Go on.
    Stay,
    /// Begin a leg.
    Drive(Leg),
    /// The mission is over.
    Finish(End),
}

/// The mission under way.
#[derive(Clone, Debug)]
pub struct Mission {
    /// All zero for a goal of the topic.
    pub id: MissionId,
    order: MissionOrder,
    tree: usize,
    /// In the tree's time.
    started: Instant,
    /// Index of the waypoint that is driven to.
    waypoint: usize,
    rounds_left: u32,
    missed: Vec<MissedWaypoint>,
    /// Cancelled then, in the clock's time.
    stopping: Option<Instant>,
    /// Since then the robot is not known in the goal's frame.
    lost: Option<Instant>,
}

impl Mission {
    /// Waypoints that were not reached.
    pub fn missed(&self) -> &[MissedWaypoint] {
        &self.missed
    }

    /// Index of the waypoint that is driven to.
    pub fn waypoint(&self) -> u32 {
        u32::try_from(self.waypoint).unwrap_or(u32::MAX)
    }

    /// Poses after those of this leg.
    pub fn after_this_leg(&self) -> usize {
        match self.order.kind {
            MissionKind::Navigate => 0,
            MissionKind::Waypoints { .. } => {
                let rest = self.order.poses.len().saturating_sub(self.waypoint + 1);
                let rounds = usize::try_from(self.rounds_left).unwrap_or(usize::MAX);
                rest.saturating_add(rounds.saturating_mul(self.order.poses.len()))
            }
        }
    }

    /// When it was accepted, in the tree's time.
    pub const fn started(&self) -> Instant {
        self.started
    }

    fn leg(&self) -> Leg {
        let poses = match self.order.kind {
            MissionKind::Navigate => self.order.poses.clone(),
            MissionKind::Waypoints { .. } => {
                self.order.poses.get(self.waypoint).copied().into_iter().collect()
            }
        };
        Leg { frame: self.order.frame, poses, tree: self.tree }
    }

    /// The next waypoint; false when there is none.
    fn advance(&mut self) -> bool {
        if self.order.kind == MissionKind::Navigate {
            return false;
        }
        self.waypoint += 1;
        if self.waypoint >= self.order.poses.len() {
            if self.rounds_left == 0 {
                self.waypoint -= 1;
                return false;
            }
            self.rounds_left -= 1;
            self.waypoint = 0;
        }
        true
    }
}

/// One mission at a time; a newer one takes the place of the one before.
#[derive(Clone, Debug)]
pub struct Missions {
    config: MissionConfig,
    current: Option<Mission>,
}

impl Missions {
    /// None yet.
    pub const fn new(config: MissionConfig) -> Self {
        Self { config, current: None }
    }

    /// The one that is under way.
    pub const fn current(&self) -> Option<&Mission> {
        self.current.as_ref()
    }

    /// How the one under way stands.
    pub const fn status(&self, paused: bool) -> MissionStatus {
        match &self.current {
            None => MissionStatus::None,
            Some(mission) if mission.stopping.is_some() => MissionStatus::Stopping,
            Some(_) if paused => MissionStatus::Paused,
            Some(_) => MissionStatus::Driving,
        }
    }

    /// Begins an order that was checked; `now` is the tree's time. The one before has to be ended first ([`Self::replaced`]).
    pub fn begin(&mut self, id: MissionId, order: MissionOrder, tree: usize, now: Instant) -> Leg {
        let (first, rounds_left) = match order.kind {
            MissionKind::Navigate => (0, 0),
            MissionKind::Waypoints { loops, first } => (first as usize, loops),
        };
        let mission = Mission {
            id,
            order,
            tree,
            started: now,
            waypoint: first,
            rounds_left,
            missed: Vec::new(),
            stopping: None,
            lost: None,
        };
        let leg = mission.leg();
        self.current = Some(mission);
        leg
    }

    /// How the mission under way ends because a newer one comes; `None` when there is none.
    pub fn replaced(&self) -> Option<End> {
        self.current.as_ref().map(|mission| match mission.stopping {
            Some(_) => End::new(MissionStatus::Canceled, codes::NONE, "cancelled; a newer goal came"),
            None => End::new(MissionStatus::Aborted, codes::UNKNOWN, "preempted by a newer goal"),
        })
    }

    /// Cancels the mission; with an id that is all zero whichever is under way.
    ///
    /// # Errors
    /// When there is none, or it is another one.
    pub fn cancel(&mut self, id: MissionId, now: Instant) -> Result<(), Refusal> {
        let none = || Refusal::new(codes::UNKNOWN, "no mission is under way");
        let mission = self.current.as_mut().ok_or_else(none)?;
        if id != MissionId::default() && mission.id != id {
            return Err(Refusal::new(codes::UNKNOWN, "the mission that is under way is another one"));
        }
        mission.stopping = mission.stopping.or(Some(now));
        Ok(())
    }

    /// A leg is over: the tree has succeeded, or failed with a code and why.
    pub fn leg_over(&mut self, result: Result<(), Refusal>) -> Step {
        let Some(mission) = &mut self.current else { return Step::Stay };
        let waypoints = mission.order.kind != MissionKind::Navigate;
        if let Err(failed) = result {
            if !waypoints {
                return Step::Finish(End::new(MissionStatus::Aborted, failed.code, failed.message));
            }
            let index = mission.waypoint();
            if self.config.stop_on_missed_waypoint {
                let message = format!("waypoint {index} was missed: {}", failed.message);
                mission.missed.push(MissedWaypoint { index, code: failed.code, message: failed.message });
                return Step::Finish(End::new(MissionStatus::Aborted, failed.code, message));
            }
            // In later rounds the newest reason counts.
            mission.missed.retain(|missed| missed.index != index);
            if mission.missed.len() < MISSION_POSE_LIMIT {
                mission.missed.push(MissedWaypoint { index, code: failed.code, message: failed.message });
            }
        }
        if mission.advance() {
            return Step::Drive(mission.leg());
        }
        let message = match mission.missed.len() {
            0 => "goal reached".to_string(),
            missed => format!("the last waypoint is done; missed: {missed}"),
        };
        Step::Finish(End::new(MissionStatus::Succeeded, codes::NONE, message))
    }

    /// Time passes: `now` by the clock, `tree_now` without pauses. `stands`: the robot is at rest, as far as is known.
    /// `lost`: it is not known in the goal's frame.
    pub fn pass(&mut self, now: Instant, tree_now: Instant, stands: bool, lost: bool) -> Step {
        let (config, Some(mission)) = (&self.config, &mut self.current) else { return Step::Stay };
        if let Some(since) = mission.stopping {
            let late = now.since(since) > Span::from_s(config.stop_timeout_s);
            return match (stands, late) {
                (true, _) => Step::Finish(End::new(MissionStatus::Canceled, codes::NONE, "cancelled")),
                (false, true) => {
                    let message = format!("cancelled; not known to stand after {} s", config.stop_timeout_s);
                    Step::Finish(End::new(MissionStatus::Canceled, codes::NONE, message))
                }
                (false, false) => Step::Stay,
            };
        }
        if tree_now.since(mission.started) > Span::from_s(config.time_limit_s) {
            let message = format!("it took longer than {} s", config.time_limit_s);
            return Step::Finish(End::new(MissionStatus::Aborted, codes::TIMEOUT, message));
        }
        mission.lost = if lost { mission.lost.or(Some(tree_now)) } else { None };
        if mission.lost.is_some_and(|since| tree_now.since(since) > Span::from_s(config.frame_timeout_s)) {
            let message = format!("not localised in the goal's frame for {} s", config.frame_timeout_s);
            return Step::Finish(End::new(MissionStatus::Aborted, codes::TF_ERROR, message));
        }
        Step::Stay
    }

    /// The mission is over.
    pub fn end(&mut self) {
        self.current = None;
    }
}

#[cfg(test)]
mod tests;
