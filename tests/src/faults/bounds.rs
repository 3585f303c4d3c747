//! How long a reaction may take and how far the robot may get: from the configured numbers, by the design's formula.

use super::catalogue::{Row, Term};
use super::stage::Stage;
use outrider_foundation::RobotDescription;
use outrider_runtime::config;
use serde::Deserialize;

/// What a message takes through the suite in the lock-step world: five hops, and the grid of the simulator.
const TRANSPORT_S: f64 = 0.0075;
/// How finely the end of a movement is seen: the period of the truth.
const TRUTH_S: f64 = 0.01;
/// Distance that the true speed below the threshold of standstill may still add, and the grid of the truth.
const MARGIN_M: f64 = 0.02;

#[derive(Clone, Copy, Debug, Deserialize)]
struct GateNumbers {
    period_s: f64,
    max_time_to_live_s: f64,
    stop_decel_mps2: f64,
    teleop: TeleopNumbers,
}

#[derive(Clone, Copy, Debug, Deserialize)]
struct TeleopNumbers {
    v_max_mps: f64,
    w_max_radps: f64,
    timeout_s: f64,
}

#[derive(Clone, Copy, Debug, Deserialize)]
struct AssuranceNumbers {
    state_period_s: f64,
    monitor_period_s: f64,
    future_tolerance_s: f64,
    ages: AgeNumbers,
    degraded: SpeedNumbers,
}

#[derive(Clone, Copy, Debug, Deserialize)]
struct AgeNumbers {
    scan_s: f64,
    odometry_s: f64,
    world_model_s: f64,
    detections_s: f64,
}

#[derive(Clone, Copy, Debug, Deserialize)]
struct SpeedNumbers {
    v_max_mps: f64,
}

#[derive(Clone, Copy, Debug, Deserialize)]
struct PlannerNumbers {
    timing: TimingNumbers,
}

#[derive(Clone, Copy, Debug, Deserialize)]
struct TimingNumbers {
    command_period_s: f64,
    alive_timeout_s: f64,
}

#[derive(Clone, Copy, Debug, Deserialize)]
struct SimNumbers {
    drive: DriveNumbers,
    lidar: Sensor,
    odometry: Sensor,
    detector: Sensor,
}

#[derive(Clone, Copy, Debug, Deserialize)]
struct DriveNumbers {
    command_timeout_s: f64,
}

#[derive(Clone, Copy, Debug, Deserialize)]
struct Sensor {
    timing: Rate,
}

#[derive(Clone, Copy, Debug, Deserialize)]
struct Rate {
    rate_hz: f64,
}

/// The numbers that reactions and ways follow from.
#[derive(Clone, Debug)]
pub struct Numbers {
    gate: GateNumbers,
    assurance: AssuranceNumbers,
    planner: PlannerNumbers,
    sim: SimNumbers,
    /// The robot.
    pub robot: RobotDescription,
}

/// What one stop may take, from the speed at which the fault struck.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bound {
    /// From the strike to the first slower command.
    pub reaction_s: f64,
    /// From the strike to a commanded zero.
    pub zero_s: f64,
    /// From the strike to standstill.
    pub stop_s: f64,
    /// Way from the strike to standstill.
    pub distance_m: f64,
}

impl Numbers {
    /// From the files of a stage.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn read(stage: &Stage) -> anyhow::Result<Self> {
        let text = |node: &str, role: &'static str| stage.text(node, role);
        Ok(Self {
            gate: config::parse_unchecked("gate", text("gate", "config")?)?,
            assurance: config::parse_unchecked("assurance", text("assurance", "config")?)?,
            planner: config::parse_unchecked("planner", text("planner", "config")?)?,
            sim: config::parse_unchecked("sim", text("sim", "config")?)?,
            robot: config::parse_unchecked("robot", text("gate", "robot")?)?,
        })
    }

    /// The gate's period.
    pub fn gate_period_s(&self) -> f64 {
        self.gate.period_s
    }

    /// How long a permit holds at most.
    pub fn time_to_live_s(&self) -> f64 {
        self.gate.max_time_to_live_s
    }

    /// Deceleration of the gate's stop ramp.
    pub fn stop_decel_mps2(&self) -> f64 {
        self.gate.stop_decel_mps2
    }

    /// Speed in the mode DEGRADED.
    pub fn degraded_mps(&self) -> f64 {
        self.assurance.degraded.v_max_mps
    }

    /// Greatest speed and turn rate by hand, and the dead man's time.
    pub fn teleop(&self) -> (f64, f64, f64) {
        let TeleopNumbers { v_max_mps, w_max_radps, timeout_s } = self.gate.teleop;
        (v_max_mps, w_max_radps, timeout_s)
    }

    fn term_s(&self, term: Term) -> f64 {
        let ages = &self.assurance.ages;
        match term {
            Term::TimeToLive => self.gate.max_time_to_live_s,
            Term::GatePeriod => self.gate.period_s,
            Term::TeleopTimeout => self.gate.teleop.timeout_s,
            Term::ScanAge => ages.scan_s,
            Term::OdometryAge => ages.odometry_s,
            Term::WorldModelAge => ages.world_model_s,
            Term::DetectionsAge => ages.detections_s,
            Term::FutureTolerance => self.assurance.future_tolerance_s,
            Term::StatePeriod => self.assurance.state_period_s,
            Term::MonitorPeriod => self.assurance.monitor_period_s,
            Term::CommandPeriod => self.planner.timing.command_period_s,
            Term::AliveTimeout => self.planner.timing.alive_timeout_s,
            Term::ScanPeriod => 1.0 / self.sim.lidar.timing.rate_hz,
            Term::OdometryPeriod => 1.0 / self.sim.odometry.timing.rate_hz,
            Term::DetectorPeriod => 1.0 / self.sim.detector.timing.rate_hz,
            Term::RobotTimeout => self.sim.drive.command_timeout_s,
        }
    }

    /// How long the suite may take to react to a row's fault.
    pub fn reaction_s(&self, row: &Row) -> f64 {
        row.react.iter().map(|term| self.term_s(*term)).sum::<f64>() + row.react_more_s + TRANSPORT_S
    }

    /// `D = v·T_r + ½·a·T_r² + (v + a·T_r)²/(2·b) + margin` (design, "Stopping distance"), and the times that go with it. The
    /// robot may gain speed until the reaction, though never beyond what it can do.
    pub fn stop(&self, row: &Row, v_mps: f64, w_radps: f64) -> Bound {
        let limits = &self.robot.limits;
        let reaction_s = self.reaction_s(row);
        let wheels_s = reaction_s + limits.actuator_delay_s;
        let gained = (v_mps.abs() + limits.accel_mps2 * reaction_s).min(limits.v_max_mps.max(v_mps.abs()));
        let turned =
            (w_radps.abs() + limits.alpha_radps2 * reaction_s).min(limits.w_max_radps.max(w_radps.abs()));
        let brake = limits.brake_mps2;
        let ramp_s = (gained / brake).max(turned / limits.alpha_radps2);
        let grown_m = 0.5 * limits.accel_mps2 * wheels_s * wheels_s;
        // A turn on the spot may need longer than the way does: then the ramp of the speed is gentler.
        let braking_m = 0.5 * gained * ramp_s;
        Bound {
            reaction_s,
            zero_s: reaction_s + ramp_s + self.gate.period_s,
            stop_s: reaction_s + ramp_s + self.gate.period_s + limits.actuator_delay_s + TRUTH_S,
            distance_m: v_mps.abs() * wheels_s + grown_m + braking_m + MARGIN_M,
        }
    }
}
