//! The whole suite in the loop: simulator, world model, planner, assurance and gate in lock-step, no map, goal in the odometry
//! frame.

use super::data::Task;
use super::setup::Setup;
use super::straight::goal_in_odometry;
use super::trial::{Moment, Outcome, Watch};
use anyhow::Context as _;
use outrider_foundation::data::{Goal, OperatorAction, OperatorRequest};
use outrider_foundation::grid::FrameId;
use outrider_foundation::{Point2, Stamp};
use outrider_msgs::outrider_msgs::{AssuranceState, Decision, GateState, GroundTruth, Permit};
use outrider_msgs::std_msgs::Bool;
use outrider_runtime::{HostedNode, Resources, config};
use outrider_suite::lockstep::{Lockstep, Observed, Observer};
use outrider_suite::scenario::ScenarioPose;
use outrider_suite::{NODES, Scenario, assemble, convert, topics};
use std::path::{Path, PathBuf};

/// The operator tries to arm so often, s.
const ARM_PERIOD_S: f64 = 0.5;
/// The gate has to be armed by then, s.
const ARMED_BY_S: f64 = 20.0;
/// The goal is given when assurance says NOMINAL, but no later than this after the start, s.
const NOMINAL_BY_S: f64 = 6.0;
/// There are no zones where there is no map.
const NO_ZONES: &str = "{version: 1, exclusion: [], speed: [], none_because: BARN worlds have no map}";

/// The parts of a run that are the same for all tasks.
#[derive(Clone, Debug)]
pub struct Suite<'a> {
    /// Configuration.
    pub setup: &'a Setup,
    /// The behaviour tree.
    pub tree: PathBuf,
}

impl Suite<'_> {
    /// Drives a task to its end. `see` gets every message.
    ///
    /// # Errors
    /// When a node cannot be started, or the gate does not arm.
    pub fn run(&self, task: &Task, seed: u64, see: &mut Observer) -> anyhow::Result<Outcome> {
        let mut nodes: Vec<Box<dyn HostedNode>> = Vec::new();
        for (i, name) in NODES.iter().enumerate() {
            let resources = self.resources(name, task, seed)?;
            nodes.push(assemble(name, resources, i as u64 + 1)?);
        }
        let mut suite = Lockstep::of(nodes);
        let mut eyes = Eyes::default();
        let mut operator = Operator::default();
        let mut watch: Option<Watch<'_>> = None;
        loop {
            suite.advance(&mut |o: &Observed| {
                see(o);
                eyes.see(o);
            })?;
            let now_s = suite.elapsed_s();
            if operator.act(task, &mut suite, &eyes, see)? {
                watch = Some(Watch::new(task, now_s));
            }
            let Some(watch) = &mut watch else {
                anyhow::ensure!(
                    now_s < ARMED_BY_S,
                    "world {}: the gate does not arm: {}",
                    task.world,
                    eyes.gate_reason()
                );
                continue;
            };
            if let Some(truth) = eyes.truth.take()
                && let Some(end) = watch.see(&moment(now_s, &truth))
            {
                return Ok(Outcome { last_words: eyes.words(), ..end });
            }
        }
    }

    fn resources(&self, node: &str, task: &Task, seed: u64) -> anyhow::Result<Resources> {
        let mut resources = Resources::new();
        let mut add =
            |role: &str, text: String, origin: &str| resources.insert(role, text, origin.to_owned());
        add("config", self.setup.config(node, task), &format!("{node}.yaml with barn.yaml"));
        let robot = if node == "sim" { &self.setup.real_text } else { &self.setup.reckoned };
        add("robot", robot.clone(), "robot.json");
        match node {
            "sim" => {
                add("world", task.sdf.clone(), "worlds.csv");
                add("scenario", serde_json::to_string(&scenario(task, seed))?, "the task");
            }
            "planner" => add("tree", config::read(&self.tree)?, &self.tree.display().to_string()),
            "assurance" => {
                add("zones", NO_ZONES.to_owned(), "no zones");
                for path in self.specifications()? {
                    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                    add(&format!("specification/{name}"), config::read(&path)?, &path.display().to_string());
                }
            }
            _ => {}
        }
        Ok(resources)
    }
}

impl Suite<'_> {
    /// The suite's properties, and in the place of some those of the same names for this robot.
    fn specifications(&self) -> anyhow::Result<Vec<PathBuf>> {
        let own = self.setup.folder.join("barn");
        let files = config::list(&self.setup.folder.join("assurance"), "stl")?;
        let replaced = |path: PathBuf| {
            let other = path.file_name().map(|name| own.join(name)).filter(|other| other.exists());
            other.unwrap_or(path)
        };
        Ok(files.into_iter().map(replaced).collect())
    }
}

fn scenario(task: &Task, seed: u64) -> Scenario {
    let pose = |p: outrider_foundation::Pose2| ScenarioPose { x_m: p.x_m, y_m: p.y_m, yaw_rad: p.yaw_rad };
    Scenario {
        id: format!("world_{}", task.world),
        description: "BARN".to_owned(),
        world: "worlds.csv".to_owned(),
        zones: "none".to_owned(),
        start: pose(task.start),
        goal: pose(task.goal),
        goal_tolerance_m: task.goal_radius_m,
        seed,
        time_limit_s: task.time_limit_s,
        people: Some(task.moving.clone()),
        ..Scenario::blank()
    }
}

fn moment(t_s: f64, truth: &GroundTruth) -> Moment {
    Moment {
        t_s,
        position: Point2::new(truth.x, truth.y),
        clearance_m: truth.clearance,
        collisions: truth.collisions,
    }
}

/// What the operator and the judge see.
#[derive(Default)]
struct Eyes {
    truth: Option<GroundTruth>,
    gate: Option<GateState>,
    mode: Option<u8>,
    decision: Option<Decision>,
}

impl Eyes {
    fn see(&mut self, observed: &Observed) {
        let name = observed.topic.name.as_str();
        if name == topics::ground_truth().name {
            self.truth = outrider_msgs::decode(observed.bytes).ok();
        } else if name == topics::gate_state().name {
            self.gate = outrider_msgs::decode(observed.bytes).ok();
        } else if name == topics::assurance_state().name {
            self.mode = outrider_msgs::decode::<AssuranceState>(observed.bytes).ok().map(|s| s.mode);
        } else if name == topics::decision().name {
            self.decision = outrider_msgs::decode(observed.bytes).ok();
        }
    }

    fn is_armed(&self) -> bool {
        self.gate.as_ref().is_some_and(|g| matches!(g.mode, GateState::STOPPING | GateState::FORWARDING))
    }

    fn gate_reason(&self) -> String {
        self.gate.as_ref().map_or_else(|| "it says nothing".to_owned(), |g| g.reason.clone())
    }

    fn words(&self) -> String {
        let planner =
            self.decision.as_ref().map_or_else(String::new, |d| format!("{} ({})", d.chosen, d.constraint));
        format!("planner: {planner}; gate: {}", self.gate_reason())
    }
}

/// Who arms the gate and gives the goal.
#[derive(Default)]
struct Operator {
    next_arm_s: f64,
    requests: u64,
    goal_given: bool,
}

impl Operator {
    /// True when the goal was given just now.
    fn act(
        &mut self,
        task: &Task,
        suite: &mut Lockstep,
        eyes: &Eyes,
        see: &mut Observer,
    ) -> anyhow::Result<bool> {
        let (now_s, stamp) = (suite.elapsed_s(), suite.now().ros);
        if eyes.is_armed() {
            let nominal = eyes.mode == Some(Permit::NOMINAL) || now_s >= NOMINAL_BY_S;
            if self.goal_given || !nominal {
                return Ok(false);
            }
            self.goal_given = true;
            let message = convert::goal_to_message(&goal(task, stamp));
            suite.publish(&topics::goal_pose(), &message, see)?;
            return Ok(true);
        }
        if now_s >= self.next_arm_s && !self.goal_given {
            self.next_arm_s = now_s + ARM_PERIOD_S;
            self.requests += 1;
            let request = OperatorRequest { stamp, sequence: self.requests, action: OperatorAction::Arm };
            suite.publish(&topics::e_stop(), &Bool { data: false }, see)?;
            suite.publish(
                &topics::operator_request(),
                &convert::operator_request_to_message(&request),
                see,
            )?;
        }
        Ok(false)
    }
}

fn goal(task: &Task, stamp: Stamp) -> Goal {
    Goal { stamp, frame: FrameId::Odom, pose: goal_in_odometry(task) }
}

/// The tree that a run uses when none is named.
///
/// # Errors
/// When there is none in the configuration folder.
pub fn default_tree(folder: &Path) -> anyhow::Result<PathBuf> {
    let path = folder.join("trees/navigate_to_pose_with_recovery.xml");
    std::fs::metadata(&path).with_context(|| format!("{}: no behaviour tree", path.display()))?;
    Ok(path)
}
