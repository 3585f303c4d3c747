//! What is driven: a world, a start, a goal, what goes wrong, what is expected, and what is varied.

pub(crate) mod blame;
#[cfg(test)]
mod blame_tests;
mod check;
#[cfg(test)]
mod check_tests;
pub mod expect;
pub mod parameters;
pub mod schema;
#[cfg(test)]
mod schema_tests;
pub mod settings;
mod template;
#[cfg(test)]
mod tests;

use crate::faults::{self, Fault, sensor_of};
pub use check::Misfit;
use expect::{Criteria, Expect};
use garde::Validate;
use outrider_foundation::Pose2;
use outrider_foundation::validate::within;
pub use outrider_sim::{ActorSpec, DoorSpec, EventSpec, FloorPatch, RecordedTrack, Surface};
pub use parameters::{Case, Scalar, Values};
use parameters::{Parameter, Sweep};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
pub use template::Template;

/// The most seeds of one scenario.
const SEED_LIMIT: usize = 1_000;
/// The most drawn combinations.
const SAMPLE_LIMIT: usize = 1_000;
/// The most settings of one scenario.
const SETTING_LIMIT: usize = 100;

/// One scenario file, `tests/scenarios/**/*.yaml`. Wherever a single value stands, `$name` or `${name}` may stand for a
/// parameter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Unique name.
    #[garde(length(min = 1, max = 64), custom(plain))]
    pub id: String,
    /// What it tries.
    #[garde(length(min = 1, max = 400))]
    pub description: String,
    /// What kind of situation it is.
    #[garde(skip)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family: Option<Family>,
    /// How much depends on it.
    #[garde(dive)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub criticality: Option<Criticality>,
    /// Identifiers of the requirements that it tries.
    #[garde(length(max = 32), inner(length(min = 1, max = 64)))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requirements: Vec<String>,
    /// What is varied, by name.
    #[garde(skip)]
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, Parameter>,
    /// How the parameters' values are combined.
    #[garde(skip)]
    #[serde(default, skip_serializing_if = "is_full")]
    pub sweep: Sweep,
    /// How many combinations are drawn with `sweep: sampled`.
    #[garde(inner(range(min = 1, max = SAMPLE_LIMIT)))]
    #[schemars(range(min = 1, max = SAMPLE_LIMIT))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub samples: Option<usize>,
    /// Seeds that every combination is run with; by default `seed` alone.
    #[garde(length(max = SEED_LIMIT))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seeds: Vec<u64>,
    /// Values of the configuration files, by dotted path: `sim.lidar.dropout_probability`. `robot.…` is what every node knows
    /// of the robot, `real_robot.…` what it truly is, which the simulator alone knows.
    #[garde(length(max = SETTING_LIMIT))]
    #[schemars(extend("maxProperties" = SETTING_LIMIT))]
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub configuration: BTreeMap<String, serde_json::Value>,
    /// File name of the behaviour tree, in `trees/` of the configuration folder, in place of the configured one.
    #[garde(inner(length(min = 1, max = 128)))]
    #[schemars(length(min = 1, max = 128))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tree: Option<String>,
    /// World file, relative to the configuration folder; with `./` in front, to the scenario's own.
    #[garde(length(min = 1))]
    pub world: String,
    /// Zones file, as the world's.
    #[garde(length(min = 1))]
    pub zones: String,
    /// Where the robot starts, in the map frame.
    #[garde(dive)]
    pub start: ScenarioPose,
    /// Where it is to go, in the map frame.
    #[garde(dive)]
    pub goal: ScenarioPose,
    /// How near to the goal counts as reached.
    #[garde(custom(within(0.01, 10.0)))]
    #[schemars(range(min = 0.01, max = 10.0))]
    pub goal_tolerance_m: f64,
    /// Seed of everything random, where there are no `seeds`.
    #[garde(skip)]
    #[serde(default = "first_seed")]
    pub seed: u64,
    /// When to give up.
    #[garde(custom(within(0.1, 3600.0)))]
    #[schemars(range(min = 0.1, max = 3600.0))]
    pub time_limit_s: f64,
    /// When the goal is given, at the earliest.
    #[garde(custom(within(0.0, 3600.0)))]
    #[schemars(range(min = 0.0, max = 3600.0))]
    #[serde(default, skip_serializing_if = "is_zero")]
    pub goal_at_s: f64,
    /// Who walks, in place of the people in the world file. Checked by the simulator.
    #[garde(skip)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub people: Option<Vec<RecordedTrack>>,
    /// Who moves by a behaviour, besides. This and what follows it is added to what sim.yaml has of the same name.
    #[garde(dive)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actors: Vec<ActorSpec>,
    /// Doors.
    #[garde(dive)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub doors: Vec<DoorSpec>,
    /// Models that do not answer the lidar as a wall does.
    #[garde(dive)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub surfaces: Vec<Surface>,
    /// Where the wheels slip.
    #[garde(dive)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub slippery: Vec<FloorPatch>,
    /// Keys of sim.yaml with other values, from a time on, for some time.
    #[garde(dive)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<EventSpec>,
    /// What is asked of the planner in place of the goal, in the order of time.
    #[garde(dive, length(max = 64), custom(in_order))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mission: Vec<MissionStep>,
    /// What goes wrong.
    #[garde(dive, custom(faults::check))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<Fault>,
    /// Whether an operator arms the gate again whenever somebody has to: by default always.
    #[garde(skip)]
    #[serde(default, skip_serializing_if = "Arming::is_default")]
    pub arming: Arming,
    /// How it is to end.
    #[garde(dive)]
    #[serde(default, skip_serializing_if = "Expect::is_default")]
    pub expect: Expect,
    /// What has to hold on the way there.
    #[garde(dive)]
    #[serde(default, skip_serializing_if = "Criteria::is_default")]
    pub criteria: Criteria,
}

/// What kind of situation a scenario is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// Things that stand.
    StaticClutter,
    /// Doors and openings.
    Doorways,
    /// Somebody crosses the way.
    Crossing,
    /// Somebody slower goes ahead, or somebody faster comes from behind.
    Overtaking,
    /// Somebody comes out from where they could not be seen.
    OccludedPedestrian,
    /// Many people.
    Crowd,
    /// Little room.
    NarrowPassage,
    /// Vehicles and things that move.
    MovingObstacle,
    /// Sensors that see worse than they should.
    SensorDegradation,
    /// The learned detector is wrong.
    MlFailure,
    /// The robot does not know where it is.
    LocalisationLoss,
    /// Wheels and brakes do not do what they are told.
    ActuatorFaults,
    /// People press buttons, take over and change their minds.
    OperatorActions,
    /// Places with rules.
    ZonesAndSpeedRules,
    /// Messages are lost, late or cut off.
    NetworkFaults,
    /// A way out of where it is stuck.
    Recovery,
}

impl Family {
    /// As files have it.
    pub fn name(self) -> String {
        // An enum without data is a plain string in JSON.
        serde_json::to_value(self).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
    }
}

/// How bad it would be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CriticalityClass {
    /// Somebody could be hurt.
    Critical,
    /// Something could be damaged, or the robot be useless.
    Major,
    /// A nuisance.
    Minor,
}

/// How much depends on a scenario, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct Criticality {
    /// How bad it would be.
    #[garde(skip)]
    pub class: CriticalityClass,
    /// Why it has this class.
    #[garde(length(min = 1, max = 400))]
    pub rationale: String,
    /// Entries of the release policy's list of critical situations that it stands for.
    #[garde(length(max = 16), inner(length(min = 1, max = 64)))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub covers: Vec<String>,
}

/// What an operator does when the gate has to be armed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Arming {
    /// Arms it, whenever; after an emergency stop resets it first, which the gate refuses while the button is pressed.
    #[default]
    Always,
    /// Arms it at the start, and nobody is there afterwards.
    Once,
    /// Nobody arms it; goal and mission are given all the same.
    Never,
}

impl Arming {
    fn is_default(&self) -> bool {
        *self == Self::Always
    }
}

fn first_seed() -> u64 {
    1
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn is_full(sweep: &Sweep) -> bool {
    *sweep == Sweep::Full
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn is_zero(value: &f64) -> bool {
    value.abs() <= 0.0
}

impl Scenario {
    /// Adds what it has for the simulator to the simulator's own configuration.
    pub fn add_to(&self, config: &mut outrider_sim::Config) {
        config.actors.extend(self.actors.iter().cloned());
        config.doors.extend(self.doors.iter().cloned());
        config.surfaces.extend(self.surfaces.iter().cloned());
        config.slippery.extend(self.slippery.iter().copied());
        config.events.extend(self.events.iter().cloned());
    }

    /// Where a file that it names is, for a scenario read from `scenario` and a configuration in `config`.
    pub fn file(name: &str, scenario: &Path, config: &Path) -> PathBuf {
        match name.strip_prefix("./") {
            Some(own) => scenario.parent().unwrap_or(Path::new("")).join(own),
            None => config.join(name),
        }
    }

    /// Nothing but defaults: for scenarios that are made and not read.
    pub fn blank() -> Self {
        let pose = ScenarioPose { x_m: 0.0, y_m: 0.0, yaw_rad: 0.0 };
        Self {
            id: String::new(),
            description: String::new(),
            family: None,
            criticality: None,
            requirements: Vec::new(),
            parameters: BTreeMap::new(),
            sweep: Sweep::Full,
            samples: None,
            seeds: Vec::new(),
            configuration: BTreeMap::new(),
            tree: None,
            world: String::new(),
            zones: String::new(),
            start: pose,
            goal: pose,
            goal_tolerance_m: 0.3,
            seed: first_seed(),
            time_limit_s: 60.0,
            goal_at_s: 0.0,
            people: None,
            actors: Vec::new(),
            doors: Vec::new(),
            surfaces: Vec::new(),
            slippery: Vec::new(),
            events: Vec::new(),
            mission: Vec::new(),
            faults: Vec::new(),
            arming: Arming::Always,
            expect: Expect::default(),
            criteria: Criteria::default(),
        }
    }

    /// From when to when something is wrong, s, and what: faults, and changes of the simulator.
    pub fn troubles(&self) -> impl Iterator<Item = (f64, f64, serde_json::Value)> + '_ {
        let end = |at_s: f64, for_s: Option<f64>| for_s.map_or(f64::INFINITY, |s| at_s + s);
        let of = |value: serde_json::Result<serde_json::Value>| value.unwrap_or_default();
        let fault = move |f: &Fault| (f.at_s, end(f.at_s, f.for_s), of(serde_json::to_value(&f.what)));
        let event = move |e: &EventSpec| (e.at_s, end(e.at_s, e.for_s), of(serde_json::to_value(&e.set)));
        self.faults.iter().map(fault).chain(self.events.iter().map(event))
    }

    /// What of it nobody does where its nodes run as processes, a line each: faults of anything but sensors.
    pub fn not_live(&self) -> Vec<String> {
        let others = self.faults.iter().enumerate().filter(|(_, fault)| sensor_of(&fault.what).is_none());
        let name = |fault: &Fault| {
            let value = serde_json::to_value(&fault.what).unwrap_or_default();
            let key = value.as_object().and_then(|map| map.keys().next().cloned());
            key.or_else(|| value.as_str().map(str::to_owned)).unwrap_or_default()
        };
        others.map(|(index, fault)| format!("faults[{index}]: {}: not in a live run", name(fault))).collect()
    }

    /// When every fault and every event that ends is over, and every other has begun, s.
    pub fn settled_s(&self) -> f64 {
        let faults = self.faults.iter().map(|f| f.at_s + f.for_s.unwrap_or(0.0));
        let events = self.events.iter().map(|e| e.at_s + e.for_s.unwrap_or(0.0));
        faults.chain(events).fold(0.0, f64::max)
    }

    /// The scenario of one case: its seed, and nothing left to be varied.
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        (self.parameters, self.seeds) = (BTreeMap::new(), Vec::new());
        (self.sweep, self.samples) = (Sweep::Full, None);
        self
    }
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MissionAsk {
    /// Drive through the poses to the last one.
    Navigate,
    /// Drive to each of the poses.
    Waypoints,
    /// Give it up.
    Cancel,
    /// Stop and hold.
    Pause,
    /// Go on.
    Resume,
}

/// One request of an operator to the planner, as the actions and services make it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct MissionStep {
    /// When, at the earliest: not before the gate is armed.
    #[garde(custom(within(0.0, 3600.0)))]
    #[schemars(range(min = 0.0, max = 3600.0))]
    pub at_s: f64,
    /// What.
    #[garde(skip)]
    pub ask: MissionAsk,
    /// Where to, in the map frame.
    #[garde(dive)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub poses: Vec<ScenarioPose>,
    /// File name of a behaviour tree; empty for the one that is configured.
    #[garde(length(max = 128))]
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub tree: String,
    /// Rounds of waypoints after the first.
    #[garde(skip)]
    #[serde(default, skip_serializing_if = "is_none")]
    pub loops: u32,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn is_none(count: &u32) -> bool {
    *count == 0
}

/// It stands in lines of text and names of files.
#[allow(clippy::ptr_arg, reason = "garde wants it so")]
fn plain(id: &String, _: &()) -> garde::Result {
    match id.chars().find(|c| c.is_control() || matches!(c, '/' | '\\')) {
        Some(c) => Err(garde::Error::new(format!("{id:?} has {c:?} in it"))),
        None => Ok(()),
    }
}

#[allow(clippy::ptr_arg, reason = "garde wants it so")]
fn in_order(steps: &Vec<MissionStep>, _: &()) -> garde::Result {
    match steps.windows(2).find(|pair| matches!(pair, [a, b] if b.at_s < a.at_s)) {
        Some([_, late]) => {
            Err(garde::Error::new(format!("at_s: {} is before the step before it", late.at_s)))
        }
        _ => Ok(()),
    }
}

/// A pose in the map frame.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct ScenarioPose {
    /// Metres along x.
    #[garde(custom(within(-1000.0, 1000.0)))]
    #[schemars(range(min = -1000.0, max = 1000.0))]
    pub x_m: f64,
    /// Metres along y.
    #[garde(custom(within(-1000.0, 1000.0)))]
    #[schemars(range(min = -1000.0, max = 1000.0))]
    pub y_m: f64,
    /// Heading.
    #[garde(custom(within(-6.3, 6.3)))]
    #[schemars(range(min = -6.3, max = 6.3))]
    pub yaw_rad: f64,
}

impl From<ScenarioPose> for Pose2 {
    fn from(p: ScenarioPose) -> Self {
        Self::new(p.x_m, p.y_m, p.yaw_rad)
    }
}
