//! The node: inputs, time, the tree, and the command that comes of it.

mod missions;

pub use missions::REQUEST_LIMIT;

use crate::config::Config;
use crate::error::PlannerError;
use crate::external::ExternalPlanner;
use crate::mission::{Missions, Trees};
use crate::navigator::{Drive, Navigator, Proposal};
use crate::tree_log::{TreeChanges, TreeLog};
use outrider_bt::{BtError, Status};
use outrider_foundation::data::{
    AssuranceState, ClearCostmap, Command, CommandSource, Decision, GateMode, GateState, Goal, MissionReply,
    MissionRequest, MissionState, Mode, SourceStatus, TreeStatus, WorldModel,
};
use outrider_foundation::grid::{CostGrid, FrameId};
use outrider_foundation::robot::DriveLimits;
use outrider_foundation::zones::Zones;
use outrider_foundation::{Instant, Node, Now, Outbox, Pose2, Robot, Span, Stamp, Stamped, Twist2};

/// Where an external planner's proposals come from, relative to the namespace.
pub const EXTERNAL_TOPIC: &str = "planner/external_command";
/// What the planner consumes.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// The state of the world: a decision is made at once.
    WorldModel(WorldModel),
    /// The world model's node runs.
    Alive,
    /// The map with its costs.
    GlobalGrid(CostGrid),
    /// A new goal; replaces the one before.
    Goal(Goal),
    /// Give the goal up.
    Cancel,
    /// A mission, its end, a pause.
    Mission(MissionRequest),
    /// The mode in force.
    Assurance(AssuranceState),
    /// What the gate does with the commands.
    Gate(GateState),
    /// What an external planner would drive.
    External {
        /// When it was decided.
        stamp: Stamp,
        /// The velocity.
        twist: Twist2,
    },
    /// A message that the border refused.
    Rejected {
        /// Its topic.
        topic: String,
        /// Why.
        reason: String,
    },
}

/// What the planner produces.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// A proposed velocity.
    Command(Command),
    /// Why: one for every command.
    Decision(Decision),
    /// The path, whenever it changes; empty when there is none any more.
    Plan {
        /// When.
        stamp: Stamp,
        /// Frame of the poses.
        frame: FrameId,
        /// The poses.
        poses: Vec<Pose2>,
    },
    /// What changed in the behaviour tree, of every step in which something did.
    Tree(TreeChanges),
    /// The world model is to forget what scans have marked.
    Clear(ClearCostmap),
    /// The answer to a request.
    MissionReply(MissionReply),
    /// How a mission stands: whenever that changes, and a few times a second.
    Mission(MissionState),
}

/// The planner's core.
pub struct PlannerNode {
    config: Config,
    limits: DriveLimits,
    boot_id: u64,
    trees: Trees,
    tree_log: TreeLog,
    desk: missions::Desk,
    navigator: Navigator,
    world_arrived: Option<Instant>,
    /// Newest sign of life of the world model; once one has come, they have to keep coming.
    alive_at: Option<Instant>,
    gate: Option<GateState>,
    mode: Option<Mode>,
    /// What assurance names as the limit.
    limiting: String,
    /// Assurance's speed limit, m/s.
    speed_limit_mps: Option<f64>,
    last: Twist2,
    last_at: Option<Instant>,
    sequence: u64,
    goals: u64,
    clears: u64,
    tree_status: TreeStatus,
    /// Why nothing is driven to.
    idle_reason: String,
    counts: Counts,
}

/// What was refused.
#[derive(Clone, Debug, Default)]
struct Counts {
    rejected: u64,
    inconsistent: u64,
    out_of_order: u64,
    last_rejection: String,
}

impl PlannerNode {
    /// With the behaviour tree as BT.CPP XML.
    ///
    /// # Errors
    /// When the configuration or the tree cannot be.
    pub fn new(config: Config, robot: &Robot, tree_xml: &str, boot_id: u64) -> Result<Self, PlannerError> {
        config.check(robot)?;
        Ok(Self {
            limits: robot.limits,
            boot_id,
            tree_log: TreeLog::default(),
            trees: Trees::new(tree_xml)?,
            desk: missions::Desk::new(Missions::new(config.mission.clone())),
            navigator: Navigator::new(&config, robot)?,
            world_arrived: None,
            alive_at: None,
            gate: None,
            mode: None,
            limiting: String::new(),
            speed_limit_mps: None,
            last: Twist2::ZERO,
            last_at: None,
            sequence: 0,
            goals: 0,
            clears: 0,
            tree_status: TreeStatus::Idle,
            idle_reason: "no goal".to_string(),
            counts: Counts::default(),
            config,
        })
    }

    /// Keeps the speed limits of these zones of itself, before assurance has to. Where the robot may not go it learns from
    /// the world model's grids.
    ///
    /// # Errors
    /// Names a zone that cannot be.
    pub fn with_zones(mut self, zones: &Zones) -> Result<Self, PlannerError> {
        self.navigator.set_zones(zones)?;
        Ok(self)
    }

    /// With the trees that a mission may ask for: file names and BT.CPP XML.
    ///
    /// # Errors
    /// When one cannot be, or the one for several poses is not among them.
    pub fn with_trees<'a>(
        mut self,
        files: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, PlannerError> {
        self.trees.add(files, &self.config.mission.through_poses_tree)?;
        Ok(self)
    }

    /// Takes the proposals of this policy instead of those of the source that is configured.
    pub fn with_policy(mut self, policy: Box<dyn ExternalPlanner>) -> Self {
        self.navigator.external_mut().set_policy(policy);
        self
    }

    /// Why the own controller drives although an external planner is to.
    pub fn external_failing(&self) -> Option<&str> {
        self.navigator.external().failing()
    }

    /// Counters and states for people.
    pub fn diagnostics(&self) -> Vec<(&'static str, String)> {
        let (searches, expanded) = self.navigator.search_counts();
        let own = vec![
            ("commands", self.sequence.to_string()),
            ("goals", self.goals.to_string()),
            ("orders to clear the costmap", self.clears.to_string()),
            ("tree status", format!("{:?}", self.tree_status)),
            ("trouble", self.navigator.trouble().to_string()),
            ("path searches", searches.to_string()),
            ("cells expanded last", expanded.to_string()),
            ("rejected inputs", self.counts.rejected.to_string()),
            ("last rejection", self.counts.last_rejection.clone()),
            ("inconsistent inputs", self.counts.inconsistent.to_string()),
            ("world models out of order", self.counts.out_of_order.to_string()),
        ];
        own.into_iter()
            .chain(self.mission_diagnostics())
            .chain(self.navigator.external().diagnostics())
            .collect()
    }

    fn take(&mut self, input: &Stamped<Input>, now: Now) -> bool {
        match &input.value {
            Input::WorldModel(world) => return self.take_world(world, input.received),
            Input::Alive => self.alive_at = Some(input.received),
            Input::GlobalGrid(grid) if grid.is_consistent() => self.navigator.set_global(grid),
            Input::GlobalGrid(_) => self.counts.inconsistent = self.counts.inconsistent.saturating_add(1),
            Input::Goal(goal) => self.take_goal(goal, now),
            Input::Cancel => self.take_cancel(now),
            Input::Mission(request) => self.take_request(request, now),
            Input::Assurance(state) => self.take_assurance(state),
            Input::Gate(state) => self.gate = Some(state.clone()),
            Input::External { stamp, twist } => {
                self.navigator.external_mut().take(*stamp, *twist, input.received);
            }
            Input::Rejected { topic, reason } => {
                if topic == EXTERNAL_TOPIC {
                    self.navigator.external_mut().refuse_message(reason);
                }
                self.counts.rejected = self.counts.rejected.saturating_add(1);
                self.counts.last_rejection = format!("{topic}: {reason}");
            }
        }
        false
    }

    fn take_world(&mut self, world: &WorldModel, received: Instant) -> bool {
        let ego = &world.ego;
        let sound = world.local.is_consistent()
            && world.local.frame == ego.frame
            && ego.frame != FrameId::Base
            && ego.pose.is_finite()
            && ego.odom_from_base.is_finite()
            && ego.twist.is_finite();
        if !sound {
            self.counts.inconsistent = self.counts.inconsistent.saturating_add(1);
            return false;
        }
        let known = self.navigator.world();
        if known.is_some_and(|w| w.boot_id == world.boot_id && w.sequence >= world.sequence) {
            self.counts.out_of_order = self.counts.out_of_order.saturating_add(1);
            return false;
        }
        if known.is_some_and(|w| w.ego.frame != ego.frame) {
            self.desk.change_frame(ego.pose.position());
        }
        self.navigator.set_world(world);
        self.world_arrived = Some(received);
        true
    }

    fn halt_tree(&mut self, now: Now, why: &str) {
        self.tree_log.end(why);
        let tree_now = self.tree_time(now);
        if let Err(error) = self.trees.active().halt(tree_now, &mut self.navigator) {
            self.counts.rejected = self.counts.rejected.saturating_add(1);
            self.counts.last_rejection = format!("halting the behaviour tree: {error}");
        }
    }

    fn end_goal(&mut self, status: TreeStatus, reason: String, now: Now) {
        self.halt_tree(now, &reason);
        self.navigator.set_goal(None);
        self.tree_status = status;
        self.idle_reason = reason;
    }

    /// The planner keeps below assurance's speed limit (of the mode, of a zone) instead of being refused.
    fn take_assurance(&mut self, state: &AssuranceState) {
        self.mode = Some(state.mode);
        self.limiting.clone_from(&state.limiting);
        let is_limit = state.speed_limit_mps.is_finite() && state.speed_limit_mps > 0.0;
        self.speed_limit_mps = is_limit.then_some(state.speed_limit_mps);
    }

    fn alive_timeout(&self) -> Span {
        Span::from_s(self.config.timing.alive_timeout_s)
    }

    /// Why the world model cannot be relied upon; `None` when it can.
    fn unusable(&self, now: Now) -> Option<String> {
        let (Some(world), Some(arrived)) = (self.navigator.world(), self.world_arrived) else {
            return Some("no world model".to_string());
        };
        let age = now.mono.since(arrived);
        if age > Span::from_s(self.config.timing.world_model_timeout_s) {
            return Some(format!("world model is {:.2} s old", age.as_s()));
        }
        if let Some(silence) = self.alive_at.map(|at| now.mono.since(at))
            && silence > self.alive_timeout()
        {
            return Some(format!("world model gives no sign of life for {:.3} s", silence.as_s()));
        }
        self.config.timing.required_sources.iter().find_map(|wanted| {
            let matches = |name: &str| name.rsplit('/').next() == Some(wanted.as_str());
            match world.sources.iter().find(|source| matches(&source.name)) {
                Some(source) if source.status == SourceStatus::Fresh => None,
                Some(source) => {
                    let state = format!("{:?}", source.status).to_lowercase();
                    Some(format!("{wanted} is {state} ({:.2} s old)", source.age_s))
                }
                None => Some(format!("{wanted} is not among the sources")),
            }
        })
    }

    /// The commands of the planner are what drives the robot, as far as is known.
    fn in_control(&self) -> bool {
        let drives = |gate: &GateState| gate.command_source == CommandSource::Planner;
        self.gate.as_ref().is_none_or(drives) && !self.is_held_back()
    }

    /// The robot stands whatever the planner proposes. That assurance refuses one proposal after the other is not this: the
    /// planner has to think of others.
    fn is_held_back(&self) -> bool {
        let closed = self.gate.as_ref().is_some_and(|gate| gate.mode != GateMode::Forwarding);
        closed || matches!(self.mode, Some(Mode::SafeStop | Mode::EStop))
    }

    /// What the next command starts from, and how fast it may be.
    fn drive(&self, now: Now) -> Drive {
        let measured = self.navigator.world().map_or(Twist2::ZERO, |w| w.ego.twist);
        let period_s = self.config.timing.command_period_s;
        let (last, dt_s) = match self.last_at {
            Some(at) if self.in_control() => {
                let error = &self.config.modes;
                let near = |last: f64, measured: f64, by: f64| last.clamp(measured - by, measured + by);
                let v_mps = near(self.last.v_mps, measured.v_mps, error.tracking_error_mps);
                let w_radps = near(self.last.w_radps, measured.w_radps, error.tracking_error_radps);
                (Twist2 { v_mps, w_radps }, now.mono.since(at).as_s().clamp(0.0, 2.0 * period_s))
            }
            _ => (measured, period_s),
        };
        let modes = &self.config.modes;
        let (share, why) = match self.mode {
            None | Some(Mode::Nominal) => (1.0, ""),
            Some(Mode::Degraded) => (modes.degraded_share, "DEGRADED"),
            Some(Mode::SafeStop | Mode::EStop) => (modes.safe_stop_share, "SAFE_STOP"),
        };
        let mut drive = Drive {
            last,
            dt_s,
            v_max_mps: self.limits.v_max_mps * share,
            w_max_radps: self.limits.w_max_radps * share,
            why: why.to_string(),
        };
        if let Some(limit_mps) = self.speed_limit_mps.map(|limit| limit * modes.limit_share)
            && limit_mps < drive.v_max_mps
        {
            drive.v_max_mps = limit_mps;
            drive.why = "speed limit of assurance".to_string();
        }
        drive
    }

    /// Ticks the tree when there is something to drive to. Gives the reason for standing still.
    fn tick(&mut self, now: Now) -> Option<String> {
        if self.navigator.goal().is_none() {
            return Some(self.idle_reason.clone());
        }
        if self.desk.clock.is_paused() {
            return Some("paused by the operator".to_string());
        }
        let tree_now = self.tree_time(now);
        if self.navigator.goal_out_of_reach() {
            self.navigator.excuse_standing(tree_now);
            return Some("not localised".to_string());
        }
        if self.is_held_back() {
            self.navigator.excuse_standing(tree_now);
        }
        match self.trees.active().tick(tree_now, &mut self.navigator) {
            Ok(Status::Success) => Some(self.leg_over(Ok(()), now)),
            Ok(Status::Running) => {
                self.tree_status = TreeStatus::Running;
                if self.mode == Some(Mode::EStop) {
                    Some("emergency stop".to_string())
                } else if self.navigator.is_driving() {
                    None
                } else {
                    Some(format!("waiting: {}", self.navigator.trouble()))
                }
            }
            Ok(Status::Failure | Status::Idle | Status::Skipped) => {
                let trouble = self.navigator.trouble().to_string();
                Some(self.give_up(&trouble, now))
            }
            Err(error) => Some(self.give_up(&tree_trouble(&error), now)),
        }
    }

    /// When a command is due although no world model has come.
    fn command_due(&self) -> Instant {
        let period = Span::from_s(self.config.timing.command_period_s);
        let command = self.last_at.map_or(Instant::from_nanos(0), |at| at + period);
        // Just beyond the timeout, and once: a silence that goes on is judged with every command.
        let silent = self.alive_at.map(|at| at + self.alive_timeout() + Span::from_nanos(1));
        let judged = |at: &Instant| self.last_at.is_some_and(|last| last >= *at);
        silent.filter(|at| !judged(at)).map_or(command, |at| at.min(command))
    }

    fn give_up(&mut self, trouble: &str, now: Now) -> String {
        self.leg_over(Err(format!("gave up: {trouble}")), now)
    }

    fn tell_tree(&mut self, now: Now, out: &mut Outbox<Output>) {
        if let Some(changes) = self.tree_log.take(self.trees.active(), now.ros, self.boot_id) {
            out.push(Output::Tree(changes));
        }
    }

    fn decide(&mut self, now: Now, out: &mut Outbox<Output>) {
        let goal_id = self.navigator.goal().map_or(0, |goal| goal.id);
        self.tree_log.serve(goal_id);
        let unusable = self.unusable(now);
        self.navigator.observe(now, unusable.is_none());
        let mut active_node = String::new();
        let proposal = match &unusable {
            Some(reason) => {
                self.navigator.excuse_standing(self.desk.clock.at(now.mono));
                self.navigator.blind_stop(reason.clone())
            }
            None => {
                let hold = self.tick(now);
                active_node = self.trees.active_leaf().to_string();
                let drive = self.drive(now);
                self.navigator.propose(&drive, hold, now)
            }
        };
        let block = self.block(unusable.as_deref(), &proposal);
        self.last = proposal.choice.twist;
        self.last_at = Some(now.mono);
        self.sequence = self.sequence.saturating_add(1);
        self.publish(now, goal_id, active_node, proposal, out);
        if let Some((frame, poses)) = self.navigator.take_plan() {
            out.push(Output::Plan { stamp: now.ros, frame, poses });
        }
        for (local, global, region) in self.navigator.take_clears() {
            self.clears = self.clears.saturating_add(1);
            let (stamp, boot_id, sequence) = (now.ros, self.boot_id, self.clears);
            out.push(Output::Clear(ClearCostmap { stamp, boot_id, sequence, local, global, region }));
        }
        self.attend_mission(now, unusable.is_some(), block);
    }

    fn publish(
        &self,
        now: Now,
        goal_id: u64,
        active_node: String,
        proposal: Proposal,
        out: &mut Outbox<Output>,
    ) {
        let world = self.navigator.world();
        let world_model_sequence = world.map_or(0, |w| w.sequence);
        let ended = matches!(self.tree_status, TreeStatus::Success | TreeStatus::Failure);
        let choice = proposal.choice;
        out.push(Output::Command(Command {
            stamp: now.ros,
            boot_id: self.boot_id,
            sequence: self.sequence,
            source: CommandSource::Planner,
            twist: choice.twist,
            trajectory: proposal.trajectory,
            braking_tail: choice.tail,
            data_stamp: world.map_or(Stamp::default(), |w| w.scan_stamp),
            world_model_sequence,
            goal_id,
            reason: proposal.reason.clone(),
        }));
        out.push(Output::Decision(Decision {
            stamp: now.ros,
            boot_id: self.boot_id,
            sequence: self.sequence,
            command_sequence: self.sequence,
            world_model_sequence,
            // A goal that has ended is named until the next one comes, so that its result can be read at any time.
            goal_id: if ended { self.goals } else { goal_id },
            tree_status: self.tree_status,
            active_node,
            chosen: format!("{} ({})", proposal.reason, choice.chosen),
            alternatives: choice.alternatives,
            constraint: proposal.constraint,
            distance_remaining_m: self.navigator.remaining_m(),
            position_sigma_m: world.map_or(f64::INFINITY, |w| position_sigma_m(&w.ego.covariance)),
        }));
    }
}

impl Node for PlannerNode {
    type Input = Input;
    type Output = Output;

    fn step(&mut self, now: Now, inputs: &[Stamped<Input>], out: &mut Outbox<Output>) {
        let mut new_world = false;
        self.tree_log.step();
        self.desk.begin_step();
        for input in inputs {
            new_world |= self.take(input, now);
        }
        self.desk.take_out().for_each(|output| out.push(output));
        self.tell_tree(now, out);
        if new_world || now.mono >= self.command_due() {
            self.decide(now, out);
            self.tell_tree(now, out);
        } else if self.navigator.wants_to_plan() {
            self.navigator.plan_ahead(self.tree_time(now));
        }
        self.desk.take_out().for_each(|output| out.push(output));
    }

    fn next_wakeup(&self) -> Option<Instant> {
        // The search that the last command did not wait for comes at once.
        let search = self.last_at.filter(|_| self.navigator.wants_to_plan());
        Some(search.map_or(self.command_due(), |at| at.min(self.command_due())))
    }
}

/// A tree that can not go on is a tree that failed.
fn tree_trouble(error: &BtError) -> String {
    format!("behaviour tree: {error}")
}

/// Standard deviation of the position along its worst axis.
fn position_sigma_m(covariance: &[f64; 9]) -> f64 {
    let [xx, xy, _, _, yy, ..] = *covariance;
    let (mean, half) = (0.5 * (xx + yy), 0.5 * (xx - yy));
    (mean + (half * half + xy * xy).sqrt()).max(0.0).sqrt()
}
