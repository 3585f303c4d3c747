//! One scenario, driven in lock-step: an operator arms the gate and gives the goal, an observer watches the end.

use crate::assemble::{Files, check_rules};
use crate::bindings::topics;
use crate::convert;
use crate::faults::{FaultyWire, Hand, World, check_ends};
use crate::lockstep::{Lockstep, LockstepError, Observed, Observer, Wrap};
use crate::scenario::expect::Outcome;
use crate::scenario::{Arming, MissionAsk, MissionStep, Scenario};
use outrider_foundation::Stamp;
use outrider_foundation::data::{
    Goal, MissionAction, MissionKind, MissionOrder, MissionRequest, OperatorAction, OperatorRequest,
};
use outrider_foundation::grid::FrameId;
use outrider_msgs::outrider_msgs::{Decision, GateState, GroundTruth};
use outrider_msgs::std_msgs::Bool;

/// The operator tries to arm so often.
const ARM_PERIOD_S: f64 = 0.5;
/// Progress is shown so often.
const SHOW_PERIOD_S: f64 = 0.1;
/// Standing still for so long at the goal is arriving.
const STILL_S: f64 = 1.0;
/// Slower than this is standing still.
const STILL_MPS: f64 = 0.02;

/// How a drive ended.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct DriveResult {
    /// Scenario.
    pub id: String,
    /// Standing at the goal, with the planner's own word that it is there.
    pub reached: bool,
    /// From the goal being given to standing still at it, or to the end.
    pub drive_time_s: f64,
    /// Virtual time of the whole run.
    pub elapsed_s: f64,
    /// Way of the base's origin.
    pub distance_m: f64,
    /// Distance from the goal at the end.
    pub goal_distance_m: f64,
    /// Least true distance from the robot's outline to anything.
    pub least_clearance_m: f64,
    /// What that was.
    pub nearest: String,
    /// Times that contact began.
    pub collisions: u32,
    /// Times that the gate changed to stopping.
    pub stops: u64,
    /// XXH3-64 over topic and digest of every message, in order: two runs with the same digest are the same run.
    pub digest: String,
}

/// What a drive's operator and observer remember.
struct Watch {
    /// Names of the topics that are looked into.
    names: [String; 3],
    gate: Option<GateState>,
    truth: Option<GroundTruth>,
    decision: Option<Decision>,
    still_since: Option<f64>,
    least_clearance_m: Option<(f64, String)>,
    distance_m: f64,
    digest: outrider_runtime::OutputDigest,
}

impl Watch {
    fn new() -> Self {
        Self {
            names: [topics::gate_state(), topics::decision(), topics::ground_truth()].map(|topic| topic.name),
            gate: None,
            truth: None,
            decision: None,
            still_since: None,
            least_clearance_m: None,
            distance_m: 0.0,
            digest: outrider_runtime::OutputDigest::default(),
        }
    }

    fn see(&mut self, observed: &Observed, elapsed_s: f64) {
        if observed.altered {
            return;
        }
        let topic = outrider_runtime::payload_digest(observed.topic.name.as_bytes());
        self.digest.add(topic as usize, observed.digest);
        let [gate, decision, truth] = &self.names;
        let name = &observed.topic.name;
        if name == gate {
            self.gate = outrider_msgs::decode(observed.bytes).ok();
        } else if name == decision {
            self.decision = outrider_msgs::decode_without_records(observed.bytes).ok();
        } else if name == truth
            && let Ok(truth) = outrider_msgs::decode_without_records(observed.bytes)
        {
            self.note(truth, elapsed_s);
        }
    }

    fn note(&mut self, truth: GroundTruth, elapsed_s: f64) {
        if let Some(before) = &self.truth {
            self.distance_m += libm::hypot(truth.x - before.x, truth.y - before.y);
        }
        if self.least_clearance_m.as_ref().is_none_or(|(least, _)| truth.clearance < *least) {
            self.least_clearance_m = Some((truth.clearance, truth.nearest.clone()));
        }
        if truth.v.abs() > STILL_MPS || truth.w.abs() > STILL_MPS {
            self.still_since = None;
        } else {
            self.still_since = self.still_since.or(Some(elapsed_s));
        }
        self.truth = Some(truth);
    }

    fn goal_distance_m(&self, scenario: &Scenario) -> f64 {
        let goal = scenario.goal;
        self.truth.as_ref().map_or(f64::INFINITY, |t| libm::hypot(t.x - goal.x_m, t.y - goal.y_m))
    }

    fn arrived(&self, scenario: &Scenario, elapsed_s: f64) -> bool {
        self.goal_distance_m(scenario) <= scenario.goal_tolerance_m
            && self.still_since.is_some_and(|since| elapsed_s - since >= STILL_S)
            && self.decision.as_ref().is_some_and(|d| d.tree_status == Decision::SUCCESS)
    }

    fn is_armed(&self) -> bool {
        self.gate.as_ref().is_some_and(|g| matches!(g.mode, GateState::STOPPING | GateState::FORWARDING))
    }
}

/// What `drive` shows while it runs.
pub struct Progress<'a> {
    /// Virtual time since the start.
    pub elapsed_s: f64,
    /// The newest truth, without who else moves.
    pub truth: Option<&'a GroundTruth>,
    /// The newest decision, without its alternatives.
    pub decision: Option<&'a Decision>,
}

/// Whether a scenario can be run, without a run: its nodes start, there is something for every fault to strike, and what is
/// expected has a name.
///
/// # Errors
/// Names what cannot be, with file and line where it stands in the scenario.
pub fn check(files: &Files, scenario: &Scenario) -> Result<(), LockstepError> {
    check_ends(files, &scenario.faults, &Lockstep::new(files)?.links())?;
    Ok(check_rules(files, scenario)?)
}

/// Drives a scenario to its end. `see` gets every message, `show` the progress about ten times a virtual second.
///
/// # Errors
/// When a node cannot be started or a bound of the lock-step world is hit.
pub fn drive(
    files: &Files,
    see: &mut Observer,
    show: &mut dyn FnMut(&Progress),
) -> Result<DriveResult, LockstepError> {
    drive_wrapped(files, &mut |node| node, see, show)
}

/// As [`drive`], with something around every node.
///
/// # Errors
/// As [`drive`].
pub fn drive_wrapped(
    files: &Files,
    wrap: &mut Wrap,
    see: &mut Observer,
    show: &mut dyn FnMut(&Progress),
) -> Result<DriveResult, LockstepError> {
    let scenario = files.scenario()?;
    let mut suite = Lockstep::wrapped(files, wrap)?;
    check_ends(files, &scenario.faults, &suite.links())?;
    let mut watch = Watch::new();
    let mut operator = Operator::default();
    let mut hand = Hand::new(&scenario.faults);
    let mut wire = FaultyWire::new(&scenario.faults, scenario.seed);
    let settled_s = scenario.settled_s();
    let mut next_show_s = 0.0;
    loop {
        let at_s = suite.elapsed_s();
        suite.advance_over(&mut wire, &mut |observed: &Observed| {
            see(observed);
            watch.see(observed, at_s);
        })?;
        let now_s = suite.elapsed_s();
        hand.act(&mut World {
            files,
            suite: &mut suite,
            wrap,
            wire: &mut wire,
            see: &mut |observed: &Observed| {
                see(observed);
                watch.see(observed, now_s);
            },
        })?;
        operator.act(&scenario, hand.presses(), &mut suite, &mut watch, see)?;
        if now_s >= next_show_s {
            next_show_s = now_s + SHOW_PERIOD_S;
            let (truth, decision) = (watch.truth.as_ref(), watch.decision.as_ref());
            show(&Progress { elapsed_s: now_s, truth, decision });
        }
        let asked_all = operator.goal_given_s.is_some() && operator.asked >= scenario.mission.len();
        let arrived = asked_all && watch.arrived(&scenario, now_s);
        let over = !matches!(scenario.expect.outcome, Outcome::Reached)
            && asked_all
            && now_s >= settled_s
            && scenario.expect.over_after_standing_s.is_some_and(|for_s| {
                watch.still_since.is_some_and(|since| now_s - since.max(settled_s) >= for_s)
            });
        if arrived || over || now_s >= scenario.time_limit_s {
            return Ok(result(&scenario, &watch, arrived, now_s, operator.goal_given_s));
        }
    }
}

/// Who arms the gate and gives the goal.
#[derive(Default)]
struct Operator {
    next_arm_s: f64,
    requests: u64,
    was_armed: bool,
    goal_given_s: Option<f64>,
    /// Steps of the scenario's mission that were asked.
    asked: usize,
}

impl Operator {
    fn act(
        &mut self,
        scenario: &Scenario,
        pressed: bool,
        suite: &mut Lockstep,
        watch: &mut Watch,
        see: &mut Observer,
    ) -> Result<(), LockstepError> {
        let (now_s, stamp) = (suite.elapsed_s(), suite.now().ros);
        let mode = watch.gate.as_ref().map_or(GateState::DISARMED, |g| g.mode);
        let (disarmed, latched) = (mode == GateState::DISARMED, mode == GateState::E_STOP);
        // Whoever arms waits for that; where nobody does, what is asked for must not set the robot off.
        let may = watch.is_armed() || scenario.arming == Arming::Never;
        let give_goal =
            scenario.mission.is_empty() && self.goal_given_s.is_none() && may && now_s >= scenario.goal_at_s;
        // Once armed it goes on, whatever becomes of the gate.
        let ask =
            scenario.mission.get(self.asked).filter(|step| now_s >= step.at_s && (self.asked > 0 || may));
        let arms = match scenario.arming {
            Arming::Always => true,
            Arming::Once => !self.was_armed,
            Arming::Never => false,
        };
        self.was_armed |= watch.is_armed();
        let mut record = |observed: &Observed| {
            see(observed);
            watch.see(observed, now_s);
        };
        if (disarmed || latched) && arms && now_s >= self.next_arm_s {
            self.next_arm_s = now_s + ARM_PERIOD_S;
            self.requests += 1;
            // Whoever arms or resets does not pull the button: while it is pressed the gate refuses.
            let action = if latched { OperatorAction::Reset } else { OperatorAction::Arm };
            let request = OperatorRequest { stamp, sequence: self.requests, action };
            let message = convert::operator_request_to_message(&request);
            if disarmed {
                suite.publish(&topics::e_stop(), &Bool { data: pressed }, &mut record)?;
            }
            suite.publish(&topics::operator_request(), &message, &mut record)?;
        }
        if give_goal {
            self.goal_given_s = Some(now_s);
            let message = convert::goal_to_message(&goal(scenario, stamp));
            suite.publish(&topics::goal_pose(), &message, &mut record)?;
        }
        if let Some(step) = ask {
            self.goal_given_s = self.goal_given_s.or(Some(now_s));
            self.asked += 1;
            let message = convert::mission_request_to_message(&request(step, self.asked, stamp));
            suite.publish(&topics::mission_request(), &message, &mut record)?;
        }
        Ok(())
    }
}

/// Missions are told apart by the number of their step.
fn request(step: &MissionStep, number: usize, stamp: Stamp) -> MissionRequest {
    let start = |kind| {
        let poses = step.poses.iter().map(|pose| (*pose).into()).collect();
        MissionAction::Start(MissionOrder { kind, frame: FrameId::Map, poses, tree: step.tree.clone() })
    };
    let any = [0; 16];
    let mut own = any;
    own[..8].copy_from_slice(&(number as u64).to_le_bytes());
    let (id, action) = match step.ask {
        MissionAsk::Navigate => (own, start(MissionKind::Navigate)),
        MissionAsk::Waypoints => (own, start(MissionKind::Waypoints { loops: step.loops, first: 0 })),
        MissionAsk::Cancel => (any, MissionAction::Cancel),
        MissionAsk::Pause => (any, MissionAction::Pause),
        MissionAsk::Resume => (any, MissionAction::Resume),
    };
    MissionRequest { stamp, sequence: number as u64, id, action }
}

fn goal(scenario: &Scenario, stamp: Stamp) -> Goal {
    Goal { stamp, frame: FrameId::Map, pose: scenario.goal.into() }
}

fn result(scenario: &Scenario, watch: &Watch, reached: bool, now_s: f64, goal_s: Option<f64>) -> DriveResult {
    let (least_clearance_m, nearest) =
        watch.least_clearance_m.clone().unwrap_or((f64::NAN, "nothing seen".to_owned()));
    DriveResult {
        id: scenario.id.clone(),
        reached,
        drive_time_s: goal_s.map_or(0.0, |since| now_s - since),
        elapsed_s: now_s,
        distance_m: watch.distance_m,
        goal_distance_m: watch.goal_distance_m(scenario),
        least_clearance_m,
        nearest,
        collisions: watch.truth.as_ref().map_or(0, |t| t.collisions),
        stops: watch.gate.as_ref().map_or(0, |g| g.stops),
        digest: format!("{:016x}", watch.digest.finish().1),
    }
}
