//! Faults of a scenario: what sensors, nodes, wires and people do wrong, and when.
//!
//! Those of the sensors strike what the simulator publishes, so a bag shows them as it would show those of a real one, and
//! they strike alike in one process and live, where they count from the simulator's first step as well. Those of nodes, clocks, wires and people are the doing of [`crate::drive`]: in
//! one process only. A bag shows what was published; what a wire did to it on its way shows in the journals.

mod hand;
mod sensors;
#[cfg(test)]
mod tests;
mod wire;

pub(crate) use hand::{Hand, World};
pub(crate) use sensors::{FaultySensors, sensor_of};
pub use wire::FaultyWire;

use crate::assemble::{AssembleError, Files};
use crate::bindings::topics;
use garde::Validate;
use outrider_foundation::Span;
use outrider_foundation::validate::{maybe_within, within};
use outrider_runtime::Topic;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wire::{Bias, Delay, Drop, Duplicate, Freeze, Reorder, Spoil};

/// The most faults of one scenario.
pub const FAULT_LIMIT: usize = 100;
/// The most copies of one message that faults may make of it together.
const COPY_LIMIT: usize = 1000;
/// Somebody drives by hand for no longer than this, s.
const BY_HAND_LIMIT_S: f64 = 600.0;

/// Something that goes wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// From when, s after the start.
    #[garde(custom(within(0.0, 3600.0)))]
    #[schemars(range(min = 0.0, max = 3600.0))]
    pub at_s: f64,
    /// For how long, s; to the end where it is left out.
    #[garde(custom(maybe_within(0.001, 3600.0)))]
    #[schemars(range(min = 0.001, max = 3600.0))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_s: Option<f64>,
    /// What.
    #[garde(dive)]
    pub what: FaultKind,
}

impl Fault {
    /// Whether it strikes so long after the start, s.
    pub fn strikes_at(&self, at_s: f64) -> bool {
        // In whole nanoseconds: sums of what a file says are rounded.
        let at = Span::from_s(at_s);
        at >= Span::from_s(self.at_s) && self.end().is_none_or(|end| at < end)
    }

    /// When it is over, since the start; never where it holds to the end.
    fn end(&self) -> Option<Span> {
        self.for_s.map(|for_s| Span::from_s(self.at_s) + Span::from_s(for_s))
    }
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum FaultKind {
    /// A sensor publishes nothing.
    Silent(#[garde(skip)] Sensor),
    /// A sensor publishes the values of its last message before, with the stamps of the present.
    Frozen(#[garde(skip)] Sensor),
    /// Every measured value of a sensor is not a number. Only scan, odometry and inertial unit have any.
    NotANumber(#[garde(skip)] Sensor),
    /// The emergency stop is pressed, and released afterwards.
    EStopPressed,
    /// A node stands still (SIGSTOP) and goes on afterwards.
    NodeFrozen(#[garde(skip)] FaultyNode),
    /// A node is gone (kill -9); afterwards a new one is started.
    NodeKilled(#[garde(skip)] FaultyNode),
    /// A node gets the processor only now and then.
    NodeStarved {
        /// Which.
        #[garde(skip)]
        node: FaultyNode,
        /// How often, s.
        #[garde(custom(within(0.001, 60.0)))]
        #[schemars(range(min = 0.001, max = 60.0))]
        every_s: f64,
    },
    /// A node's ROS clock leaps, and leaps back afterwards.
    ClockJump {
        /// Which.
        #[garde(skip)]
        node: FaultyNode,
        /// Ahead by so much, s; back when negative.
        #[garde(custom(within(-3600.0, 3600.0)))]
        #[schemars(range(min = -3600.0, max = 3600.0))]
        by_s: f64,
    },
    /// A node's ROS clock stands still.
    ClockStands(#[garde(skip)] FaultyNode),
    /// Somebody drives by hand; `for_s` is needed.
    Teleop {
        /// Forward speed asked for, m/s.
        #[garde(custom(within(-100.0, 100.0)))]
        #[schemars(range(min = -100.0, max = 100.0))]
        v_mps: f64,
        /// Turn rate asked for, rad/s.
        #[garde(custom(within(-100.0, 100.0)))]
        #[schemars(range(min = -100.0, max = 100.0))]
        w_radps: f64,
    },
    /// Messages are lost.
    Drop(#[garde(dive)] Drop),
    /// Messages are late; where all are late by the same time they stay in order, also when it is over.
    Delay(#[garde(dive)] Delay),
    /// The last message before comes again in the place of every one.
    Freeze(#[garde(dive)] Freeze),
    /// Numbers of messages are scaled and shifted.
    Bias(#[garde(dive)] Bias),
    /// Numbers of messages are not numbers.
    Spoil(#[garde(dive)] Spoil),
    /// Messages come more than once.
    Duplicate(#[garde(dive)] Duplicate),
    /// Messages overtake each other.
    Reorder(#[garde(dive)] Reorder),
    /// Nothing passes between these nodes and the others.
    Partition(
        #[garde(length(min = 1, max = 4))]
        #[schemars(length(min = 1, max = 4))]
        Vec<Party>,
    ),
}

/// What the simulator publishes in place of a robot's sensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sensor {
    /// `/scan`.
    Scan,
    /// `/odom`.
    Odom,
    /// `/imu`.
    Imu,
    /// `/detections`.
    Detections,
    /// `/tf`: odometry and localisation.
    Tf,
}

impl Sensor {
    /// All there are.
    pub const ALL: [Self; 5] = [Self::Scan, Self::Odom, Self::Imu, Self::Detections, Self::Tf];

    /// Where it is published.
    pub fn topic(self) -> Topic {
        match self {
            Self::Scan => topics::scan(),
            Self::Odom => topics::odom(),
            Self::Imu => topics::imu(),
            Self::Detections => topics::detections(),
            Self::Tf => topics::tf(),
        }
    }

    /// As the scenario names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Scan => "scan",
            Self::Odom => "odom",
            Self::Imu => "imu",
            Self::Detections => "detections",
            Self::Tf => "tf",
        }
    }

    /// Whether its values can be frozen and spoilt.
    fn has_values(self) -> bool {
        matches!(self, Self::Scan | Self::Odom | Self::Imu)
    }
}

/// A node that can be stopped: all but the simulator, without which there is no time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FaultyNode {
    /// The world model.
    WorldModel,
    /// The planner.
    Planner,
    /// Assurance.
    Assurance,
    /// The gate.
    Gate,
}

impl FaultyNode {
    /// All there are.
    pub const ALL: [Self; 4] = [Self::WorldModel, Self::Planner, Self::Assurance, Self::Gate];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::WorldModel => "world_model",
            Self::Planner => "planner",
            Self::Assurance => "assurance",
            Self::Gate => "gate",
        }
    }
}

/// A node at an end of a wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Party {
    /// The simulator: sensors and drive.
    Sim,
    /// The world model.
    WorldModel,
    /// The planner.
    Planner,
    /// Assurance.
    Assurance,
    /// The gate.
    Gate,
}

impl Party {
    /// The node's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sim => "sim",
            Self::WorldModel => "world_model",
            Self::Planner => "planner",
            Self::Assurance => "assurance",
            Self::Gate => "gate",
        }
    }
}

/// Checks that every fault of wires has a wire: who sends the topic, and who takes it, only the nodes tell.
///
/// # Errors
/// Names the fault and its ends.
pub(crate) fn check_ends(
    files: &Files,
    faults: &[Fault],
    links: &[(&str, &str, &str)],
) -> Result<(), AssembleError> {
    let idle = |fault: &Fault| !wire::strikes_any(&fault.what, links.iter().copied());
    let Some((index, fault)) = faults.iter().enumerate().find(|(_, fault)| idle(fault)) else {
        return Ok(());
    };
    let what = serde_json::to_string(&fault.what).unwrap_or_default();
    let why = format!(
        "faults[{index}]: {what}: no node sends such messages to such a node, so that nothing would happen"
    );
    Err(files.refusal(&["faults"], Some(index), &why))
}

/// Checks what the numbers alone do not tell.
#[allow(clippy::ptr_arg, reason = "garde wants it so")]
pub(crate) fn check(faults: &[Fault], _context: &()) -> garde::Result {
    let refuse = |why: String| Err(garde::Error::new(why));
    if faults.len() > FAULT_LIMIT {
        return refuse(format!("{} faults, the limit is {FAULT_LIMIT}", faults.len()));
    }
    if let Some((index, copies)) = wire::most_copies(faults).filter(|(_, copies)| *copies > COPY_LIMIT) {
        let what = "it and others that duplicate the same make up to";
        return refuse(format!("fault {index}: {what} {copies} of one message, the limit is {COPY_LIMIT}"));
    }
    for (index, fault) in faults.iter().enumerate() {
        match &fault.what {
            FaultKind::Frozen(sensor) | FaultKind::NotANumber(sensor) if !sensor.has_values() => {
                return refuse(format!("fault {index}: `{}` can be silent only", sensor.name()));
            }
            FaultKind::Teleop { .. } if !fault.for_s.is_some_and(|for_s| for_s <= BY_HAND_LIMIT_S) => {
                return refuse(format!("fault {index}: `teleop` needs `for_s`, at most {BY_HAND_LIMIT_S}"));
            }
            what => {
                if let Some(problem) = wire::problem(what) {
                    return refuse(format!("fault {index}: {problem}"));
                }
            }
        }
    }
    Ok(())
}
