//! Reads the files that several programs need. The code that reads a type is long and is made in every crate that asks for it, so
//! they ask here.

use crate::Scenario;
use outrider_foundation::RobotDescription;
use outrider_runtime::{ConfigError, config};

/// `config/sim.yaml`; `name` is for errors.
///
/// # Errors
/// What is wrong in it, with name, line and key.
pub fn sim_config(name: &str, text: &str) -> Result<outrider_sim::Config, ConfigError> {
    config::parse(name, text)
}

/// `config/world_model.yaml`.
///
/// # Errors
/// As [`sim_config`].
pub fn world_model_config(name: &str, text: &str) -> Result<outrider_world_model::Config, ConfigError> {
    config::parse(name, text)
}

/// `config/robot.yaml`, not checked any further: [`outrider_foundation::Robot::new`] does.
///
/// # Errors
/// As [`sim_config`].
pub fn robot_description(name: &str, text: &str) -> Result<RobotDescription, ConfigError> {
    config::parse_unchecked(name, text)
}

/// A scenario without parameters, as bags have it.
///
/// # Errors
/// As [`sim_config`].
pub fn scenario(name: &str, text: &str) -> Result<Scenario, ConfigError> {
    config::parse(name, text)
}
