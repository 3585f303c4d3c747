//! `config/gate.yaml`.

use garde::Validate;
use outrider_foundation::validate::within;
use serde::{Deserialize, Serialize};

/// Parameters of the gate. Every number has a range; none may switch a guard off.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Time from one point of the gate's grid to the next, s.
    #[garde(custom(within(0.002, 0.05)))]
    pub period_s: f64,
    /// No permit holds for longer than this after its challenge, whatever it says itself, s.
    #[garde(custom(within(0.01, 0.06)))]
    pub max_time_to_live_s: f64,
    /// Deceleration of the stop ramp, m/s²; not below `limits.brake_mps2` of the robot.
    #[garde(custom(within(0.1, 10.0)))]
    pub stop_decel_mps2: f64,
    /// Manual take-over.
    #[garde(dive)]
    pub teleop: Teleop,
}

/// Manual take-over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct Teleop {
    /// Greatest speed either way, m/s; the robot's own limits hold as well.
    #[garde(custom(within(0.01, 2.0)))]
    pub v_max_mps: f64,
    /// Greatest turn rate, rad/s.
    #[garde(custom(within(0.01, 4.0)))]
    pub w_max_radps: f64,
    /// Dead-man time: silence for longer ends the take-over, s.
    #[garde(custom(within(0.02, 1.0)))]
    pub timeout_s: f64,
}
