//! What a scenario is to end in, and what has to hold on the way there.

use garde::Validate;
use outrider_foundation::validate::within;
use outrider_msgs::outrider_msgs::{GateState, MissionState, Permit};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The signals that the formulas of `criteria.stl` may use: name, unit, meaning. One sample for every truth of the simulator.
pub const RUN_SIGNALS: [(&str, &str, &str); 19] = [
    ("time_s", "s", "since the start"),
    ("velocity_mps", "m/s", "true forward velocity"),
    ("turn_rate_radps", "rad/s", "true turn rate"),
    ("acceleration_mps2", "m/s²", "true forward acceleration, over one sample"),
    ("clearance_m", "m", "from the outline to the nearest thing, capped at 100"),
    (
        "person_gap_m",
        "m",
        "from the outline to the nearest moving object, a person's disc or a vehicle's rectangle or forks, capped at 100",
    ),
    ("time_to_collision_s", "s", "until the outline meets a moving object if all go on as now, capped at 10"),
    ("goal_distance_m", "m", "from the goal"),
    (
        "position_error_m",
        "m",
        "from where the world model takes the robot to be, or took it last; 0 before the first",
    ),
    ("position_sigma_m", "m", "what the world model states for it along its worst axis; 0 before the first"),
    ("mode", "", "of assurance: 0 nominal, 1 degraded, 2 safe stop, 3 e-stop; 2 before the first"),
    ("gate_forwards", "", "1 while the gate lets permitted commands through, else 0"),
    ("commanded_velocity_mps", "m/s", "that the gate published last"),
    ("zone_limit_mps", "m/s", "least limit of the speed zones at the base's place, 100 where there is none"),
    ("exclusion_gap_m", "m", "from the outline to the nearest exclusion zone, 0 within, capped at 100"),
    ("tracks", "", "confirmed tracks of the world model"),
    ("armed", "", "1 once the gate is armed and until somebody has to arm it again, else 0"),
    ("driving", "", "1 from the goal being given on, else 0"),
    ("fault", "", "1 while a fault or an event of the scenario strikes, else 0"),
];

/// How a run is to end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Standing at the goal, with the planner's own word that it is there.
    #[default]
    Reached,
    /// Standing elsewhere.
    Stopped,
    /// It never set off: it moved by no more than 5 cm.
    Refused,
    /// Anything but at the goal.
    NotReached,
    /// Anything: only `must`, `must_not` and the criteria count.
    Any,
}

/// A mode of assurance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AssuranceMode {
    /// As it should be.
    Nominal,
    /// Slower.
    Degraded,
    /// To a standstill, and on when it clears.
    SafeStop,
    /// To a standstill until somebody acts.
    EStop,
}

impl AssuranceMode {
    /// All there are.
    pub const ALL: [Self; 4] = [Self::Nominal, Self::Degraded, Self::SafeStop, Self::EStop];

    /// As messages have it.
    pub fn code(self) -> u8 {
        match self {
            Self::Nominal => Permit::NOMINAL,
            Self::Degraded => Permit::DEGRADED,
            Self::SafeStop => Permit::SAFE_STOP,
            Self::EStop => Permit::E_STOP,
        }
    }

    /// As files have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nominal => "nominal",
            Self::Degraded => "degraded",
            Self::SafeStop => "safe_stop",
            Self::EStop => "e_stop",
        }
    }
}

/// What the gate does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GateDoes {
    /// Somebody has to arm it.
    Disarmed,
    /// It stops, and goes on with the next permit.
    Stopping,
    /// It lets permitted commands through.
    Forwarding,
    /// Somebody drives by hand.
    Teleop,
    /// The emergency stop is pressed, or something like it.
    EStop,
}

impl GateDoes {
    /// As messages have it.
    pub fn code(self) -> u8 {
        match self {
            Self::Disarmed => GateState::DISARMED,
            Self::Stopping => GateState::STOPPING,
            Self::Forwarding => GateState::FORWARDING,
            Self::Teleop => GateState::TELEOP,
            Self::EStop => GateState::E_STOP,
        }
    }
}

/// How a mission ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MissionEnd {
    /// At its last pose.
    Succeeded,
    /// Given up by an operator.
    Canceled,
    /// Given up by the planner.
    Aborted,
}

impl MissionEnd {
    /// As messages have it.
    pub fn code(self) -> u8 {
        match self {
            Self::Succeeded => MissionState::SUCCEEDED,
            Self::Canceled => MissionState::CANCELED,
            Self::Aborted => MissionState::ABORTED,
        }
    }
}

/// Something that may happen in a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Happening {
    /// Assurance is in this mode or a stricter one.
    Mode(AssuranceMode),
    /// Assurance records an intervention of this rule: the name of a monitor, of a property or of a check of commands.
    Intervention(String),
    /// The gate does this.
    Gate(GateDoes),
    /// A mission ends so.
    Mission(MissionEnd),
    /// The robot stands.
    Standing,
    /// The robot moves.
    Moving,
    /// The robot touches something.
    Contact,
}

/// Something that has to happen, or may not, and when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct Occurrence {
    /// What.
    #[garde(skip)]
    pub what: Happening,
    /// From so long after the start on, s; by default from the goal being given on.
    #[garde(inner(custom(within(0.0, 3600.0))))]
    #[schemars(range(min = 0.0, max = 3600.0))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_s: Option<f64>,
    /// From the beginning of this fault on, in the order of the file, from 0; `after_s` counts from there.
    #[garde(skip)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_fault: Option<usize>,
    /// The same of an entry of `events`.
    #[garde(skip)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_event: Option<usize>,
    /// For so long from there, s; by default to the end.
    #[garde(inner(custom(within(0.001, 3600.0))))]
    #[schemars(range(min = 0.001, max = 3600.0))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within_s: Option<f64>,
}

/// What a run is to end in.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// How it ends.
    #[garde(skip)]
    #[serde(default)]
    pub outcome: Outcome,
    /// What has to happen: each of these at some time.
    #[garde(dive, length(max = 32))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub must: Vec<Occurrence>,
    /// What may not happen: none of these at any time.
    #[garde(dive, length(max = 32))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub must_not: Vec<Occurrence>,
    /// Where the goal is not to be reached, a run is over when everything has been asked, every fault has begun and ended or
    /// lasts to the end, and the robot has stood for so long since, s: no less than makes it `stopped`; by default at the time
    /// limit.
    #[garde(inner(custom(within(1.5, 3600.0))))]
    #[schemars(range(min = 1.5, max = 3600.0))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over_after_standing_s: Option<f64>,
}

impl Expect {
    /// Nothing but the goal.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// A formula of past-time temporal logic over [`RUN_SIGNALS`] that has to hold at every sample.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct NamedFormula {
    /// Its name, in results.
    #[garde(length(min = 1, max = 64))]
    pub name: String,
    /// As `docs/monitoring.md` describes.
    #[garde(length(min = 1, max = 1000))]
    pub formula: String,
}

/// What has to hold in a run. What is left out is not asked for, but collisions: none unless they are allowed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct Criteria {
    /// Contacts, no more than.
    #[garde(skip)]
    #[serde(default, skip_serializing_if = "is_zero")]
    pub collisions_max: u32,
    /// From the outline to anything, never less, m.
    #[garde(inner(custom(within(0.0, 10.0))))]
    #[schemars(range(min = 0.0, max = 10.0))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub least_clearance_m: Option<f64>,
    /// From the outline to anybody's disc, or a vehicle's rectangle or forks, while the robot moves, never less, m.
    #[garde(inner(custom(within(0.0, 10.0))))]
    #[schemars(range(min = 0.0, max = 10.0))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub least_person_gap_m: Option<f64>,
    /// From the goal being given to arrival, no longer, s.
    #[garde(inner(custom(within(0.1, 3600.0))))]
    #[schemars(range(min = 0.1, max = 3600.0))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drive_time_max_s: Option<f64>,
    /// Times that the gate begins to stop a moving robot, no more than.
    #[garde(skip)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stops_max: Option<u64>,
    /// Near misses, no more than.
    #[garde(skip)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub near_misses_max: Option<u32>,
    /// True forward speed, never more, m/s.
    #[garde(inner(custom(within(0.0, 10.0))))]
    #[schemars(range(min = 0.0, max = 10.0))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed_max_mps: Option<f64>,
    /// Modes of assurance that may be, from when, with the goal given, it first is in one of them; all when it is empty.
    #[garde(length(max = 4))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub modes_allowed: Vec<AssuranceMode>,
    /// Formulas.
    #[garde(dive, length(max = 32))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stl: Vec<NamedFormula>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

impl Criteria {
    /// Only what is always asked for.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Reads the formulas.
    ///
    /// # Errors
    /// Names the formula that cannot be read.
    pub fn formulas(&self) -> Result<Vec<(String, outrider_stl::Formula)>, String> {
        let signals: Vec<&str> = RUN_SIGNALS.iter().map(|s| s.0).collect();
        let read = |named: &NamedFormula| {
            let formula = outrider_stl::Formula::parse(&named.formula, &signals);
            let formula = formula.map_err(|e| format!("criteria.stl: `{}`: {e}", named.name))?;
            if !formula.reads_signals() {
                return Err(format!(
                    "criteria.stl: `{}`: it names no signal: no run could change it",
                    named.name
                ));
            }
            Ok((named.name.clone(), formula))
        };
        self.stl.iter().map(read).collect()
    }
}
