//! What is driven: a world, a start, a goal and what is expected.

use crate::faults::Fault;
use garde::Validate;
use outrider_foundation::Pose2;
pub use outrider_sim::{ActorSpec, DoorSpec, EventSpec, FloorPatch, RecordedTrack, Surface};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// One scenario file, `tests/scenarios/*.yaml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Unique name.
    #[garde(length(min = 1, max = 64))]
    pub id: String,
    /// What it tries.
    #[garde(length(min = 1, max = 400))]
    pub description: String,
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
    #[garde(range(min = 0.01, max = 10.0))]
    pub goal_tolerance_m: f64,
    /// Seed of everything random.
    #[garde(skip)]
    pub seed: u64,
    /// When to give up.
    #[garde(range(min = 0.1, max = 3600.0))]
    pub time_limit_s: f64,
    /// When the goal is given, at the earliest.
    #[garde(range(min = 0.0, max = 3600.0))]
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
    #[garde(dive, custom(crate::faults::check))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<Fault>,
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
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct MissionStep {
    /// When, at the earliest: not before the gate is armed.
    #[garde(range(min = 0.0, max = 3600.0))]
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
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct ScenarioPose {
    /// Metres along x.
    #[garde(range(min = -1000.0, max = 1000.0))]
    pub x_m: f64,
    /// Metres along y.
    #[garde(range(min = -1000.0, max = 1000.0))]
    pub y_m: f64,
    /// Heading.
    #[garde(range(min = -6.3, max = 6.3))]
    pub yaw_rad: f64,
}

impl From<ScenarioPose> for Pose2 {
    fn from(p: ScenarioPose) -> Self {
        Self::new(p.x_m, p.y_m, p.yaw_rad)
    }
}
