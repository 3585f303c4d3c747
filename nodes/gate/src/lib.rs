//! Core of the actuation gate: the only writer of the command topic.
//!
//! Every period, whatever happens, the gate publishes a velocity: the command that assurance has permitted, an
//! operator's, or a stop down the braking ramp; one more in between when a command rests on a newer scan, or for an
//! emergency stop. It never knows sensors, the world, plans, ROS, encodings or files.
//! To be read in this order: [`Config`], `permits` (what makes a command admissible), `slew` (how fast the published
//! velocity may change), `node` (arming, modes, the period). A step takes nothing from the heap and waits for nobody;
//! `README.md` says what is proved, and how.

mod config;
mod node;
mod permits;
mod slew;
#[cfg(test)]
mod tests;

pub use config::{Config, Teleop};
pub use node::{GateNode, REPLIES_PER_STEP};

use outrider_foundation::data::{
    Challenge, Command, CommandVelocity, GateState, Mode, OperatorReply, OperatorRequest, Permit,
};
use outrider_foundation::{Label, Stamp, Twist2};

/// The longest name of a monitor that is kept, in bytes.
pub const LIMITING_LIMIT: usize = 64;

/// What the gate consumes.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// A proposal of the planner or of the backup controller.
    Command(Command),
    /// Leave for one of them.
    Permit(Permit),
    /// An operator drives by hand.
    Teleop {
        /// Header stamp, for people only.
        stamp: Stamp,
        /// What is asked for.
        twist: Twist2,
    },
    /// The emergency stop: pressed or released.
    EStop(bool),
    /// Arm or reset.
    Operator(OperatorRequest),
    /// How many publishers of the robot's command topic the shell sees, this gate included.
    VelocityPublishers(u32),
    /// What assurance says of itself: for the answer to an operator only.
    Assurance {
        /// Mode in force.
        mode: Mode,
        /// Name of the monitor with the least robustness.
        limiting: Label<LIMITING_LIMIT>,
    },
    /// A message that the shell could not turn into one of the above.
    Rejected {
        /// Where it came from.
        topic: String,
        /// Why.
        reason: String,
    },
}

/// What the gate produces: the first three once a period, in this order; velocity and state in between for what is urgent.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// The velocity for the robot.
    Velocity(CommandVelocity),
    /// The question that a permit has to repeat.
    Challenge(Challenge),
    /// What the gate does and why.
    State(GateState),
    /// Answer to an operator.
    Reply(OperatorReply),
}

/// Why the gate refuses to start.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum GateError {
    /// Key, value and allowed range, as the validation words them.
    #[error("gate configuration: {0}")]
    Config(String),
    /// A ramp gentler than what the stopping distances were reckoned with would run past them.
    #[error("stop_decel_mps2: {value} is not within [{brake_mps2} (limits.brake_mps2 of the robot), 10]")]
    GentleStop {
        /// What was given.
        value: f64,
        /// What safety reckons with.
        brake_mps2: f64,
    },
}
