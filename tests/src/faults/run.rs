//! One repetition of one row: drive, strike, watch, judge.

use super::bounds::{Bound, Numbers};
use super::catalogue::{Expected, Row};
use super::fault::{Action, Fault, edited};
use super::injections::{self, Plan};
use super::judge::{self, Outcome};
use super::stage::Stage;
use super::watch::Watch;
use anyhow::Context as _;
use outrider_foundation::data::{Goal, OperatorAction, OperatorRequest};
use outrider_foundation::grid::FrameId;
use outrider_foundation::rng::Rng;
use outrider_foundation::{Instant, Span, Stamp};
use outrider_msgs::outrider_msgs::GateState;
use outrider_msgs::std_msgs::Bool;
use outrider_runtime::{HostedNode, Topic};
use outrider_suite::lockstep::{Lockstep, Observed};
use outrider_suite::wire::{Delivery, Passage, RosClock, Undisturbed, Wire};
use outrider_suite::{assemble, convert, topics};

/// A fault strikes at this speed or above, m/s.
const SPEED_MPS: f64 = 0.45;
/// And at a moment drawn from so long after the robot first is that fast: the turn at the corner lies within.
const WINDOW_S: f64 = 5.0;
/// A drive that has not been struck by then is given up.
const GIVEN_UP_S: f64 = 20.0;
/// The operator tries to arm so often.
const ARM_PERIOD_S: f64 = 0.5;
/// For so long, where arming must be refused.
const ARMING_S: f64 = 4.0;
/// Streams of the generator.
const MOMENT: u32 = 1;
const CONTENT: u32 = 2;
const WORLD: u32 = 3;
/// Nodes whose clock is the suite's; the robot has its own.
const SUITE: [&str; 4] = ["world_model", "planner", "assurance", "gate"];

/// Makes a node of a node.
pub type Wrap = dyn Fn(Box<dyn HostedNode>) -> Box<dyn HostedNode> + Sync;

/// One repetition.
#[derive(Clone, Copy, Debug)]
pub struct Trial<'a> {
    /// What is tried.
    pub row: &'a Row,
    /// Which time, from zero.
    pub repetition: u32,
    /// Of the campaign.
    pub seed: u64,
}

impl Trial<'_> {
    /// A stream that depends on campaign, row and repetition.
    fn rng(&self, purpose: u32) -> Rng {
        // FNV-1a over the name: a row keeps its numbers when others come and go.
        let fold = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        let row = self.row.id.as_bytes().iter().fold(0xcbf2_9ce4_8422_2325, fold);
        Rng::new(self.seed ^ row, purpose, u64::from(self.repetition))
    }

    /// Runs it. `wrap` may put another node in the place of each at the start: so the campaign itself is tested.
    ///
    /// # Errors
    /// When the suite cannot be started, or a bound of the lock-step world is hit.
    pub fn run(&self, stage: &Stage, wrap: &Wrap) -> anyhow::Result<Outcome> {
        let seed = u64::from(self.rng(WORLD).next_u32());
        let stage = stage.seeded(seed)?;
        let mut context =
            injections::Context { stage: &stage, rng: self.rng(CONTENT), repetition: self.repetition };
        let numbers = Numbers::read(&stage)?;
        match injections::make(&self.row.id, &mut context)? {
            Plan::Drive(fault) => {
                let after_s = WINDOW_S * self.rng(MOMENT).uniform();
                Drive::new(&stage, numbers, self.row, fault, wrap)?.run(after_s)
            }
            Plan::Arm(files, fault) => Drive::new(&files, numbers, self.row, fault, wrap)?.arm_in_vain(),
            Plan::Start(files, node, words) => {
                let refusal = files.node(node, 1).err().map(|e| format!("{e:#}"));
                Ok(judge::start(refusal, &words))
            }
        }
    }
}

struct Drive<'a> {
    suite: Lockstep,
    numbers: Numbers,
    row: &'a Row,
    fault: Fault,
    done: usize,
    watch: Watch,
    operator: Operator,
    goal: Goal,
}

#[derive(Default)]
struct Operator {
    next_s: f64,
    requests: u64,
    goal_given: bool,
}

/// The fault's hand on the wires, and the watcher's eye.
struct Hand<'a> {
    fault: &'a mut Fault,
    watch: &'a mut Watch,
}

impl Wire for Hand<'_> {
    fn carry(&mut self, passage: &Passage) -> Delivery {
        let strike = self.watch.strike.map(|s| s.at);
        let since_s = strike.map_or(-1.0, |at| passage.now.mono.since(at).as_s());
        let delivery = self.fault.carry(since_s, passage);
        self.watch.carried(passage, &delivery);
        delivery
    }
}

impl<'a> Drive<'a> {
    fn new(stage: &Stage, numbers: Numbers, row: &'a Row, fault: Fault, wrap: &Wrap) -> anyhow::Result<Self> {
        let goal = stage.scenario.goal.into();
        Ok(Self {
            suite: stage.suite(wrap)?,
            watch: Watch::new(&numbers, row.needs_arming),
            numbers,
            row,
            fault,
            done: 0,
            operator: Operator::default(),
            goal: Goal { stamp: Stamp::default(), frame: FrameId::Map, pose: goal },
        })
    }

    /// Drives; the fault strikes so long after the robot is first fast enough.
    fn run(&mut self, after_s: f64) -> anyhow::Result<Outcome> {
        let mut fast_at: Option<Instant> = None;
        loop {
            self.advance()?;
            self.operate()?;
            let now = self.suite.now().mono;
            let fast = self.watch.truth.as_ref().is_some_and(|t| t.v >= SPEED_MPS);
            if fast {
                let since = *fast_at.get_or_insert(now);
                if now.since(since).as_s() >= after_s {
                    break;
                }
            }
            if self.suite.elapsed_s() > GIVEN_UP_S {
                return Ok(judge::never_struck(&self.watch));
            }
        }
        let struck = self.suite.now().mono;
        self.watch.strike(struck);
        while self.suite.now().mono.since(struck).as_s() < self.row.watched_s {
            self.act(struck)?;
            self.advance()?;
        }
        let over = self.fault.may_go_on_after_s.map(|s| struck + Span::from_s(s));
        Ok(judge::drive(&self.watch, &self.numbers, self.row, over))
    }

    /// The fault is there from the beginning, and somebody tries to arm.
    fn arm_in_vain(&mut self) -> anyhow::Result<Outcome> {
        self.watch.strike(self.suite.now().mono);
        while self.suite.elapsed_s() < ARMING_S {
            self.advance()?;
            self.operate()?;
        }
        Ok(judge::arming(&self.watch, self.row))
    }

    fn advance(&mut self) -> anyhow::Result<()> {
        // Wire and observer look through the same eyes, so what is published is noted when the step is over.
        let mut seen: Vec<Kept> = Vec::new();
        let mut hand = Hand { fault: &mut self.fault, watch: &mut self.watch };
        self.suite.advance_over(&mut hand, &mut |o: &Observed| {
            if Watch::looks_at(&o.topic.name) {
                seen.push(Kept::of(o));
            }
        })?;
        seen.iter().for_each(|kept| kept.show(&mut self.watch));
        Ok(())
    }

    /// Arms, and gives the goal: until the strike.
    fn operate(&mut self) -> anyhow::Result<()> {
        let mode = self.watch.gate.as_ref().map(|g| g.mode);
        let stamp = self.suite.now().ros;
        if mode == Some(GateState::DISARMED) && self.suite.elapsed_s() >= self.operator.next_s {
            self.operator.next_s = self.suite.elapsed_s() + ARM_PERIOD_S;
            self.operator.requests += 1;
            let request =
                OperatorRequest { stamp, sequence: self.operator.requests, action: OperatorAction::Arm };
            self.publish(&topics::e_stop(), &Bool { data: false })?;
            self.publish(&topics::operator_request(), &convert::operator_request_to_message(&request))?;
            self.watch.armed_by_hand();
        }
        if !self.operator.goal_given && mode.is_some_and(|m| m != GateState::DISARMED) {
            self.operator.goal_given = true;
            let goal = Goal { stamp, ..self.goal };
            self.publish(&topics::goal_pose(), &convert::goal_to_message(&goal))?;
        }
        Ok(())
    }

    fn publish<M: outrider_msgs::Message>(&mut self, topic: &Topic, message: &M) -> anyhow::Result<()> {
        let watch = &mut self.watch;
        Ok(self.suite.publish(topic, message, &mut |o: &Observed| watch.see(o))?)
    }

    /// What the fault does at this time.
    fn act(&mut self, struck: Instant) -> anyhow::Result<()> {
        let now_s = self.suite.now().mono.since(struck).as_s();
        while let Some((at_s, action)) = self.fault.actions.get(self.done) {
            if *at_s > now_s {
                break;
            }
            self.done += 1;
            let watch = &mut self.watch;
            let mut see = |o: &Observed| watch.see(o);
            match action {
                Action::Kill(node) => self.suite.kill(node),
                Action::Freeze(node) => self.suite.freeze(node),
                Action::Thaw(node) => self.suite.thaw(node),
                Action::Starve(node, every) => self.suite.starve(node, *every),
                Action::Restart(node, files, boot_id) => {
                    self.suite.restart(
                        assemble(node, files.clone(), *boot_id)?,
                        &mut Undisturbed,
                        &mut see,
                    )?;
                }
                Action::Join(node, files, boot_id) => {
                    self.suite.join(assemble(node, files.clone(), *boot_id)?, &mut Undisturbed, &mut see)?;
                }
                Action::ShiftClocks(by) => {
                    SUITE.iter().for_each(|node| self.suite.set_clock(node, RosClock::Ahead(*by)));
                }
                Action::StopClocks => {
                    let at = self.suite.now().ros;
                    SUITE.iter().for_each(|node| self.suite.set_clock(node, RosClock::Stands(at)));
                }
                Action::ChangeMap(change) => {
                    let map = watch.map.clone().context("no map has been seen")?;
                    let map = edited(&map, change).context("the map cannot be read")?;
                    self.suite.publish_bytes(&topics::map(), &map, &mut |_| {});
                }
                Action::Publish(topic, bytes) => self.suite.publish_bytes(topic, bytes, &mut see),
            }
        }
        Ok(())
    }
}

/// A message that is looked at a moment later.
struct Kept {
    topic: Topic,
    from: String,
    boot_id: u64,
    now: outrider_foundation::Now,
    bytes: Vec<u8>,
    altered: bool,
}

impl Kept {
    fn of(o: &Observed) -> Self {
        let (topic, from) = (o.topic.clone(), o.from.to_owned());
        Self { topic, from, boot_id: o.boot_id, now: o.now, bytes: o.bytes.to_vec(), altered: o.altered }
    }

    fn show(&self, watch: &mut Watch) {
        let Self { topic, from, boot_id, now, bytes, altered } = self;
        let digest = outrider_runtime::payload_digest(bytes);
        watch.see(&Observed { topic, from, boot_id: *boot_id, now: *now, bytes, digest, altered: *altered });
    }
}

/// The bound of a row at a speed, for those that have one.
pub(super) fn bound(numbers: &Numbers, row: &Row, v_mps: f64, w_radps: f64) -> Option<Bound> {
    let bounded = row.expected.is_stop() || row.expected == Expected::Degrades;
    bounded.then(|| numbers.stop(row, v_mps, w_radps))
}
