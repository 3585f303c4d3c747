//! Core of runtime assurance: independent checks of every proposed command, the mode, and permits.
//!
//! It trusts neither the planner nor the world model: raw scan and odometry come first. It never plans a way, and never
//! knows ROS, encodings, files or clocks. The way through it: [`Input`] → `sensing` (what is known, how fresh) →
//! `state_checks` (may the robot move on as it moves), `signals` →
//! `properties` (the specification files: what has happened up to now) and `command_checks` (may it do what is proposed) → `mode` (how much
//! freedom) → `backup` and `way_out` (what instead) → `explain` (why).

mod ahead;
mod backup;
mod bodies;
mod certificate;
mod clearance;
mod cloud;
mod command_checks;
mod config;
mod doubt;
mod explain;
mod mode;
mod monitor;
mod motion;
mod node;
mod odometry;
mod properties;
mod reach;
mod rigid;
mod sensing;
mod signals;
mod source;
mod state_checks;
mod sweep;
mod tail_shape;
#[cfg(test)]
mod tests;
mod tracks;
mod way_out;
mod zone_checks;
mod zones;

pub use config::{
    Ages, Config, Conformal, Faster, Margins, ModeLimits, Nis, Reachable, Reaction, ScanQuality, Tail,
    Tracks, Uncertainty, WayOut,
};
pub use node::AssuranceNode;
pub use outrider_foundation::zones::{DirectionZone, ExclusionZone, SpeedZone, Zones};
pub use signals::{SIGNALS, Signal};

/// What records of interventions name as their rule, but for the properties of specification files.
pub fn rules() -> impl Iterator<Item = &'static str> {
    monitor::Rule::names().chain(explain::OTHER_RULES)
}

use outrider_foundation::data::{
    AssuranceState, Challenge, Command, DetectionSet, GateState, Intervention, Odometry, Permit, Scan,
    WorldModel,
};
use outrider_foundation::zones::ZoneError;

/// What assurance consumes.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// The raw scan, straight from the robot.
    Scan(Scan),
    /// The odometry, straight from the robot.
    Odometry(Odometry),
    /// Tracks, pose and health of the sources.
    WorldModel(WorldModel),
    /// A proposal of the planner.
    Command(Command),
    /// The gate's question.
    Challenge(Challenge),
    /// Raw detections of the learned detector: what it states is tried.
    Detections(DetectionSet),
    /// The emergency stop: pressed or released.
    EStop(bool),
    /// What the gate does.
    Gate(GateState),
    /// A message that the shell could not turn into one of the above.
    Rejected {
        /// Where it came from.
        topic: String,
        /// Why.
        reason: String,
    },
}

/// What assurance produces.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Leave for one command.
    Permit(Permit),
    /// The backup controller's command, in place of one that did not pass. Its permit follows.
    Recovery(Command),
    /// Mode and monitors.
    State(AssuranceState),
    /// Why something was stopped, slowed or refused.
    Intervention(Intervention),
}

/// Why assurance refuses to start.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum AssuranceError {
    /// Key, value and allowed range, as the validation words them.
    #[error("assurance configuration: {0}")]
    Config(String),
    /// A number that another one bounds.
    #[error("assurance configuration: {key}: {value} is not within [0, {limit}] ({by})")]
    Bounded {
        /// Key in the file.
        key: &'static str,
        /// What was given.
        value: f64,
        /// The other number.
        limit: f64,
        /// Which one that is.
        by: &'static str,
    },
    /// An outline too thin to be a solid: no distance from it can be certified.
    #[error("footprint_m: the outline is too thin to be a solid")]
    Outline,
    /// A property that cannot be monitored.
    #[error("specification {name}: {problem}")]
    Specification {
        /// Its name.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A set of zones that cannot be: key and what is wrong with it.
    #[error("zones: {0}")]
    Zones(String),
    /// A zone that cannot be.
    #[error(transparent)]
    Zone(#[from] ZoneError),
}
