//! Missions at the node: what is asked goes to the state machine, and what it wants is driven.

use super::{Output, PlannerNode};
use crate::leaves;
use crate::mission::{Blocked, End, Leg, Mission, MissionClock, Missions, Pace, Refusal, Step, check, codes};
use crate::navigator::{ActiveGoal, Proposal};
use outrider_foundation::data::{
    Block, BlockKind, GateMode, Goal, MissionAction, MissionId, MissionOrder, MissionReply, MissionRequest,
    MissionState, MissionStatus, Mode, TreeStatus,
};
use outrider_foundation::grid::FrameId;
use outrider_foundation::{Instant, Now, Point2, Span};

/// The most requests of one step; further ones are counted as refused.
pub const REQUEST_LIMIT: usize = 16;

/// What the node keeps of missions.
pub(super) struct Desk {
    pub(super) missions: Missions,
    pub(super) clock: MissionClock,
    blocked: Blocked,
    pace: Pace,
    /// Replies and final states of this step.
    out: Vec<Output>,
    requests: usize,
    states: u64,
    /// What was told last, and when.
    told: Option<(Told, Instant)>,
    /// How the last mission ended.
    last_end: String,
    /// Why the robot is stuck; empty when it is not.
    stuck: String,
}

/// When one of these changes, the state is told at once.
#[derive(Clone, Debug, PartialEq)]
struct Told {
    id: MissionId,
    goal_id: u64,
    status: MissionStatus,
    poses: u32,
    block: (BlockKind, String, u64),
    recoveries: u32,
}

impl Desk {
    pub(super) fn new(missions: Missions) -> Self {
        Self {
            missions,
            clock: MissionClock::default(),
            blocked: Blocked::default(),
            pace: Pace::default(),
            out: Vec::new(),
            requests: 0,
            states: 0,
            told: None,
            last_end: "none".to_string(),
            stuck: String::new(),
        }
    }

    /// A step begins.
    pub(super) fn begin_step(&mut self) {
        self.requests = 0;
    }

    /// Poses are told in another frame from now on, in which the robot stands `here`: that is no way that it has driven.
    pub(super) fn change_frame(&mut self, here: Point2) {
        self.blocked.change_frame(here);
        self.pace.change_frame();
    }

    pub(super) fn take_out(&mut self) -> impl Iterator<Item = Output> + use<> {
        std::mem::take(&mut self.out).into_iter()
    }
}

impl PlannerNode {
    /// Why the robot is stuck: it has not got on for long; `None` when it is not.
    pub fn stuck(&self) -> Option<&str> {
        Some(self.desk.stuck.as_str()).filter(|text| !text.is_empty())
    }

    pub(super) fn mission_diagnostics(&self) -> [(&'static str, String); 4] {
        let status = self.desk.missions.status(self.desk.clock.is_paused());
        let paused = self.desk.clock.is_paused() && status == MissionStatus::None;
        [
            ("mission", if paused { "None, paused".to_string() } else { format!("{status:?}") }),
            ("blocked by", self.desk.stuck.clone()),
            ("tried", self.navigator.attempts().text()),
            ("last mission", self.desk.last_end.clone()),
        ]
    }

    /// The tree's time.
    pub(super) fn tree_time(&self, now: Now) -> Instant {
        self.desk.clock.at(now.mono)
    }

    /// A goal of the topic: nobody waits for an answer.
    pub(super) fn take_goal(&mut self, goal: &Goal, now: Now) {
        let poses = vec![goal.pose];
        let order = MissionOrder { frame: goal.frame, poses, ..MissionOrder::default() };
        if let Err(refusal) = self.start(MissionId::default(), &order, now) {
            self.counts.rejected = self.counts.rejected.saturating_add(1);
            self.counts.last_rejection.clone_from(&refusal.message);
            if self.desk.missions.current().is_none() {
                (self.tree_status, self.idle_reason) = (TreeStatus::Failure, refusal.message);
            }
        }
    }

    pub(super) fn take_cancel(&mut self, now: Now) {
        // Nothing to cancel is no fault.
        if self.cancel(MissionId::default(), now).is_err() {
            self.end_goal(TreeStatus::Idle, CANCELLED.to_string(), now);
        }
    }

    pub(super) fn take_request(&mut self, request: &MissionRequest, now: Now) {
        self.desk.requests = self.desk.requests.saturating_add(1);
        if self.desk.requests > REQUEST_LIMIT {
            self.counts.rejected = self.counts.rejected.saturating_add(1);
            self.counts.last_rejection = format!("more than {REQUEST_LIMIT} mission requests in one step");
            return;
        }
        let mut after = None;
        let done = match &request.action {
            MissionAction::Refused(why) => Err(Refusal { code: codes::UNKNOWN, message: why.clone() }),
            MissionAction::Cancel => self.cancel(request.id, now).map(|()| "cancelled".to_string()),
            MissionAction::Pause => {
                let news = self.desk.clock.pause(now.mono);
                Ok(if news { "paused" } else { "paused already" }.to_string())
            }
            MissionAction::Resume => {
                let news = self.desk.clock.resume(now.mono);
                Ok(if news { "goes on" } else { "was not paused" }.to_string())
            }
            MissionAction::Start(order) => match self.start(request.id, order, now) {
                // As Nav2 does: accepted and given up at once, so that who waits for the result learns why.
                Err(refusal) if refusal.code == codes::FAILED_TO_LOAD_BEHAVIOR_TREE => {
                    after = Some(refusal.clone());
                    Ok(refusal.message)
                }
                started => started.map(|()| "accepted".to_string()),
            },
        };
        let (accepted, (code, message)) = match done {
            Ok(message) => (true, (codes::NONE, message)),
            Err(refusal) => (false, (refusal.code, refusal.message)),
        };
        if !accepted {
            self.counts.last_rejection.clone_from(&message);
        }
        let (stamp, request_sequence, id) = (now.ros, request.sequence, request.id);
        let reply = MissionReply { stamp, request_sequence, id, accepted, code, message };
        self.desk.out.push(Output::MissionReply(reply));
        if let Some(refusal) = after {
            let (status, code, message) = (MissionStatus::Aborted, refusal.code, refusal.message);
            self.tell(MissionState { id, status, code, message, ..MissionState::default() }, now);
        }
    }

    fn start(&mut self, id: MissionId, order: &MissionOrder, now: Now) -> Result<(), Refusal> {
        check(order)?;
        let tree = self.trees.find(order)?;
        // A tree that does not take the goal is no mission that ends, but none: the one under way goes on.
        leaves::tell_goal(self.trees.tree(tree), self.goals.saturating_add(1))
            .map_err(|error| Refusal::new(codes::UNKNOWN, format!("goal refused: {error}")))?;
        if let Some(end) = self.desk.missions.replaced() {
            self.tree_log.end(&format!("goal {} came", self.goals.saturating_add(1)));
            self.finish(end, now);
        }
        self.navigator.forget_attempts();
        self.desk.pace = Pace::default();
        let tree_now = self.tree_time(now);
        let leg = self.desk.missions.begin(id, order.clone(), tree, tree_now);
        self.begin_leg(&leg, now);
        Ok(())
    }

    fn cancel(&mut self, id: MissionId, now: Now) -> Result<(), Refusal> {
        self.desk.missions.cancel(id, now.mono)?;
        self.desk.blocked.clear();
        self.end_goal(TreeStatus::Idle, CANCELLED.to_string(), now);
        Ok(())
    }

    fn begin_leg(&mut self, leg: &Leg, now: Now) {
        self.goals = self.goals.saturating_add(1);
        self.halt_tree(now, &format!("goal {} came", self.goals));
        if !self.trees.is_active(leg.tree) {
            // What has changed in the one before is told before it is out of sight.
            let told = self.tree_log.take(self.trees.active(), now.ros, self.boot_id);
            self.desk.out.extend(told.map(Output::Tree));
            self.trees.activate(leg.tree);
        }
        let known = leaves::tell_goal(self.trees.active(), self.goals);
        match (known, leg.poses.last()) {
            (Ok(()), Some(pose)) => {
                let active = ActiveGoal { id: self.goals, frame: leg.frame, pose: *pose };
                self.navigator.set_goal(Some(active));
                if leg.poses.len() > 1 {
                    self.navigator.set_goals(&leg.poses);
                }
                self.tree_status = TreeStatus::Running;
            }
            (Err(error), _) => {
                let message = format!("goal refused: {error}");
                self.finish(End { status: MissionStatus::Aborted, code: codes::UNKNOWN, message }, now);
            }
            (Ok(()), None) => {}
        }
    }

    /// The tree has ended. Gives the reason for standing still in this moment.
    pub(super) fn leg_over(&mut self, result: Result<(), String>, now: Now) -> String {
        let code = match self.navigator.trouble_code() {
            codes::NONE => codes::UNKNOWN,
            code => code,
        };
        let result = result.map_err(|message| Refusal { code, message });
        match self.desk.missions.leg_over(result) {
            Step::Drive(leg) => {
                self.begin_leg(&leg, now);
                "on to the next waypoint".to_string()
            }
            Step::Finish(end) => {
                self.finish(end, now);
                self.idle_reason.clone()
            }
            Step::Stay => self.idle_reason.clone(),
        }
    }

    /// The mission is over: its last state is told, and nothing is driven to any more.
    fn finish(&mut self, end: End, now: Now) {
        let mut state = self.mission_state(now, end.status);
        (state.code, state.message) = (end.code, end.message.clone());
        if end.status == MissionStatus::Aborted {
            let (block, tried) = (self.desk.blocked.text(now.mono), self.navigator.attempts().text());
            let parts = [("blocked by", block), ("tried", tried)];
            for (what, text) in parts.into_iter().filter(|(_, text)| !text.is_empty()) {
                state.message += &format!("; {what}: {text}");
            }
        }
        self.desk.last_end = format!("{:?} ({}): {}", end.status, end.code, state.message);
        self.tell(state, now);
        self.desk.missions.end();
        self.desk.blocked.clear();
        let (status, reason) = match end.status {
            MissionStatus::Succeeded => (TreeStatus::Success, end.message),
            MissionStatus::Canceled => (TreeStatus::Idle, CANCELLED.to_string()),
            _ => (TreeStatus::Failure, end.message),
        };
        self.end_goal(status, reason, now);
    }

    /// After a command: time passes, and the state is told when it is time.
    pub(super) fn attend_mission(&mut self, now: Now, unusable: bool, block: Option<Block>) {
        let stands = !unusable && self.navigator.stands();
        // A goal that goes with the robot waits for a fresh pose, as every goal does.
        let waits = unusable && self.navigator.goal().is_some_and(|goal| goal.frame == FrameId::Base);
        let (tree_now, lost) = (self.tree_time(now), !waits && self.navigator.goal_out_of_reach());
        if let Step::Finish(end) = self.desk.missions.pass(now.mono, tree_now, stands, lost) {
            self.finish(end, now);
        }
        let here = self.navigator.pose();
        if self.desk.missions.current().is_some() {
            self.desk.pace.note(here, tree_now);
        }
        // In trouble it is blocked also while a recovery moves it.
        let in_trouble = self.navigator.trouble_code() != codes::NONE;
        let block = block.filter(|_| stands || unusable || in_trouble);
        let progress_m = self.config.mission.progress_m;
        if self.desk.blocked.see(block, here.position(), now.mono, progress_m) {
            self.navigator.got_on();
        }
        if self.desk.missions.current().is_some() && !self.navigator.attempts().list().is_empty() {
            self.desk.blocked.note_tried(here.position());
        }
        let (_, blocked_s) = self.desk.blocked.lasting(now.mono, Span::ZERO);
        self.desk.stuck = match blocked_s > self.config.mission.stuck_after_s {
            true => self.desk.blocked.text(now.mono),
            false => String::new(),
        };
        self.tell_when_due(now);
    }

    fn tell_when_due(&mut self, now: Now) {
        let status = self.desk.missions.status(self.desk.clock.is_paused());
        let told = self.telling(now, status);
        let period = Span::from_s(self.config.mission.state_period_s);
        let due = |(last, at): &(Told, Instant)| *last != told || now.mono.since(*at) >= period;
        if self.desk.told.as_ref().is_none_or(due) {
            self.desk.told = Some((told, now.mono));
            self.tell(self.mission_state(now, status), now);
        }
    }

    fn telling(&self, now: Now, status: MissionStatus) -> Told {
        let least = Span::from_s(self.config.mission.blocked_after_s);
        let (block, _) = self.desk.blocked.lasting(now.mono, least);
        Told {
            id: self.desk.missions.current().map_or_else(MissionId::default, |mission| mission.id),
            goal_id: self.goals,
            status,
            poses: self.poses_left(),
            block: (block.kind, block.property, block.track_id),
            recoveries: self.navigator.attempts().total(),
        }
    }

    fn poses_left(&self) -> u32 {
        let after = self.desk.missions.current().map_or(0, Mission::after_this_leg);
        u32::try_from(self.navigator.goals_left().saturating_add(after)).unwrap_or(u32::MAX)
    }

    fn tell(&mut self, mut state: MissionState, now: Now) {
        self.desk.states = self.desk.states.saturating_add(1);
        (state.stamp, state.boot_id, state.sequence) = (now.ros, self.boot_id, self.desk.states);
        self.desk.out.push(Output::Mission(state));
    }

    fn mission_state(&self, now: Now, status: MissionStatus) -> MissionState {
        let mission = self.desk.missions.current();
        let started = mission.map_or_else(|| self.tree_time(now), Mission::started);
        let (attempts, remaining_m) = (self.navigator.attempts(), self.navigator.left_m());
        let least = Span::from_s(self.config.mission.blocked_after_s);
        let (block, blocked_s) = self.desk.blocked.lasting(now.mono, least);
        MissionState {
            id: mission.map_or_else(MissionId::default, |mission| mission.id),
            goal_id: self.goals,
            status,
            tree: self.trees.name().to_string(),
            frame: self.navigator.world().map_or_else(Default::default, |world| world.ego.frame),
            pose: self.navigator.pose(),
            navigation_s: self.tree_time(now).since(started).as_s().max(0.0),
            remaining_s: self.desk.pace.remaining_s(remaining_m, self.config.follow.cruise_mps),
            remaining_m,
            recoveries: attempts.total(),
            poses_remaining: self.poses_left(),
            waypoint: mission.map_or(0, Mission::waypoint),
            missed: mission.map_or_else(Vec::new, |mission| mission.missed().to_vec()),
            block,
            blocked_s,
            tried: attempts.list().to_vec(),
            tried_dropped: attempts.dropped(),
            ..MissionState::default()
        }
    }

    /// What keeps the robot from driving on in this moment, when it is to drive.
    pub(super) fn block(&self, unusable: Option<&str>, proposal: &Proposal) -> Option<Block> {
        if self.desk.missions.status(self.desk.clock.is_paused()) != MissionStatus::Driving {
            return None;
        }
        let plain = |kind, text: &str| Some(Block { kind, text: text.to_string(), ..Block::default() });
        if let Some(reason) = unusable {
            return plain(BlockKind::Data, reason);
        }
        let gate = self.gate.as_ref().filter(|gate| gate.mode != GateMode::Forwarding);
        if let Some(gate) = gate.filter(|gate| gate.mode != GateMode::Stopping) {
            return plain(BlockKind::Gate, &format!("the gate ({:?}): {}", gate.mode, gate.reason));
        }
        // Before what assurance says: it holds a robot that has lost its place, and cannot judge its zones.
        if self.navigator.goal_out_of_reach() {
            return plain(BlockKind::Data, "not localised in the goal's frame");
        }
        if matches!(self.mode, Some(Mode::SafeStop | Mode::EStop)) {
            let property = self.limiting.clone();
            let localised = self.navigator.world().is_some_and(|world| world.ego.localised);
            let zone = localised && ["zone", "exclusion"].iter().any(|word| property.contains(word));
            let kind = if zone { BlockKind::Zone } else { BlockKind::Property };
            return Some(Block {
                kind,
                text: format!("assurance: {property}"),
                property,
                ..Block::default()
            });
        }
        if let Some(gate) = gate {
            return plain(BlockKind::Gate, &format!("the gate ({:?}): {}", gate.mode, gate.reason));
        }
        let blocker = proposal.blocker;
        if blocker.track_id != 0 || blocker.at.is_some() {
            let kind = if blocker.track_id == 0 { BlockKind::Obstacle } else { BlockKind::Track };
            let text = proposal.constraint.clone();
            return Some(Block {
                kind,
                text,
                at: blocker.at,
                track_id: blocker.track_id,
                ..Block::default()
            });
        }
        self.trouble_block().or_else(|| match proposal.choice.blocked_by.as_str() {
            "" => None,
            text => plain(BlockKind::Obstacle, text),
        })
    }

    /// The trouble that the tree works on.
    fn trouble_block(&self) -> Option<Block> {
        let blocker = self.navigator.obstruction();
        let kind = match self.navigator.trouble_code() {
            codes::NONE => return None,
            codes::FAILED_TO_MAKE_PROGRESS => BlockKind::NoProgress,
            codes::GOAL_OCCUPIED if blocker.track_id != 0 => BlockKind::Track,
            codes::GOAL_OCCUPIED => BlockKind::Obstacle,
            _ => BlockKind::NoPath,
        };
        let mut text = self.navigator.trouble().to_string();
        if let Some(at) = blocker.at {
            let what = match blocker.track_id {
                0 => "an obstacle".to_string(),
                id => format!("object #{id}"),
            };
            text += &format!(" ({what} at ({:.2}, {:.2}))", at.x_m, at.y_m);
        }
        Some(Block { kind, text, at: blocker.at, track_id: blocker.track_id, ..Block::default() })
    }
}

const CANCELLED: &str = "goal cancelled";
