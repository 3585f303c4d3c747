//! ROS parameters of a shell: few, typed, and an unknown one refuses to start.

use crate::prefixes::prefixes;
use anyhow::{Context as _, bail};
use r2r::ParameterValue;
use std::path::PathBuf;

/// What may be set with `-p name:=value` or a parameters file.
#[derive(Clone, Debug, Default)]
pub struct Parameters {
    /// Configuration folder.
    pub config: PathBuf,
    /// Scenario file.
    pub scenario: Option<PathBuf>,
    /// Behaviour tree file.
    pub tree: Option<PathBuf>,
    /// Zones file.
    pub zones: Option<PathBuf>,
    /// Key file that permits carry a code of; for assurance and gate.
    pub permit_key: Option<PathBuf>,
    /// ROS time from `/clock`.
    pub use_sim_time: bool,
    /// Wait so long for a recorder before the first step; zero: do not wait.
    pub wait_for_recorder_s: f64,
    /// Recorder: folder that the bag's folder is made in.
    pub output: Option<PathBuf>,
    /// Player: bag to play, a file or a folder.
    pub bag: Option<PathBuf>,
    /// Player: seconds of the bag a second; zero: as fast as it is taken.
    pub rate: Option<f64>,
    /// Player: begin anew at the end.
    pub repeat: bool,
    /// Player: only these topics; empty: all.
    pub topics: Vec<String>,
    /// Player: not these topics.
    pub exclude: Vec<String>,
    /// Player: begin so many seconds into the bag.
    pub start_offset: Option<f64>,
    /// Player: end so many seconds after that; below zero: at the end of the bag.
    pub duration: Option<f64>,
    /// Player: begin paused.
    pub start_paused: bool,
    /// Player: how often `/clock` is published; zero: never.
    pub clock_hz: Option<f64>,
    /// Player: at most so many messages a second where no message waits for its time.
    pub full_speed_hz: Option<f64>,
}

/// The longest wait for a recorder, s.
const WAIT_LIMIT_S: f64 = 3600.0;

/// Parameters that every ROS 2 node has and that are of no concern here.
const IGNORED: [&str; 3] = ["qos_overrides.", "start_type_description_service", "diagnostic_updater."];

impl Parameters {
    /// Reads what the node was started with.
    ///
    /// # Errors
    /// Names an unknown parameter or one of the wrong type.
    pub fn read(node: &r2r::Node) -> anyhow::Result<Self> {
        let mut result = Self { config: default_config_folder(), ..Self::default() };
        let params = node.params.lock().map_err(|_| anyhow::anyhow!("parameters are locked"))?;
        for (name, parameter) in params.iter() {
            result.set(name, &parameter.value).with_context(|| format!("parameter `{name}`"))?;
        }
        Ok(result)
    }

    fn set(&mut self, name: &str, value: &ParameterValue) -> anyhow::Result<()> {
        match name {
            "config" => self.config = text(value)?.into(),
            "scenario" => self.scenario = path(value)?,
            "tree" => self.tree = path(value)?,
            "zones" => self.zones = path(value)?,
            "permit_key" => self.permit_key = path(value)?,
            "output" => self.output = path(value)?,
            "bag" => self.bag = path(value)?,
            "rate" => self.rate = Some(number(value)?),
            "loop" => self.repeat = truth(value)?,
            "topics" => self.topics = names(value)?,
            "exclude" => self.exclude = names(value)?,
            "start_offset" => self.start_offset = Some(number(value)?),
            "duration" => self.duration = Some(number(value)?),
            "start_paused" => self.start_paused = truth(value)?,
            "clock_hz" => self.clock_hz = Some(number(value)?),
            "full_speed_hz" => self.full_speed_hz = Some(number(value)?),
            "use_sim_time" => self.use_sim_time = truth(value)?,
            "wait_for_recorder_s" => self.wait_for_recorder_s = number_within(value, 0.0, WAIT_LIMIT_S)?,
            other if IGNORED.iter().any(|prefix| other.starts_with(prefix)) => {}
            _ => bail!(
                "is not known; there are config, scenario, tree, zones, permit_key, output, bag, rate, loop, topics, \
                 exclude, start_offset, duration, start_paused, clock_hz, full_speed_hz, use_sim_time, wait_for_recorder_s"
            ),
        }
        Ok(())
    }
}

/// The configuration of the installed package `outrider_bringup`, wherever colcon put it; in a checkout `config`.
fn default_config_folder() -> PathBuf {
    prefixes()
        .map(|prefix| prefix.join("share/outrider_bringup/config"))
        .find(|folder| folder.is_dir())
        .unwrap_or_else(|| PathBuf::from("config"))
}

fn text(value: &ParameterValue) -> anyhow::Result<&str> {
    match value {
        ParameterValue::String(text) => Ok(text),
        other => bail!("must be a string, is {other:?}"),
    }
}

/// An empty string means: not given, as launch files have it.
fn path(value: &ParameterValue) -> anyhow::Result<Option<PathBuf>> {
    Ok(Some(text(value)?).filter(|t| !t.is_empty()).map(PathBuf::from))
}

fn truth(value: &ParameterValue) -> anyhow::Result<bool> {
    match value {
        ParameterValue::Bool(truth) => Ok(*truth),
        other => bail!("must be true or false, is {other:?}"),
    }
}

/// A list of names, or one string with commas, as a launch argument has it.
fn names(value: &ParameterValue) -> anyhow::Result<Vec<String>> {
    let list = match value {
        ParameterValue::StringArray(list) => list.clone(),
        ParameterValue::String(text) => text.split(',').map(|name| name.trim().to_owned()).collect(),
        other => bail!("must be a list of strings, is {other:?}"),
    };
    Ok(list.into_iter().filter(|name| !name.is_empty()).collect())
}

/// A whole number is a number too: `-p x:=2` means 2.0.
fn number(value: &ParameterValue) -> anyhow::Result<f64> {
    match value {
        ParameterValue::Double(number) => Ok(*number),
        #[allow(clippy::cast_precision_loss, reason = "a parameter of 2^53 is nonsense anyway")]
        ParameterValue::Integer(number) => Ok(*number as f64),
        other => bail!("must be a number, is {other:?}"),
    }
}

/// A number from `least` to `greatest`, both included.
fn number_within(value: &ParameterValue, least: f64, greatest: f64) -> anyhow::Result<f64> {
    match number(value)? {
        number if (least..=greatest).contains(&number) => Ok(number),
        number => bail!("must be from {least} to {greatest}, is {number}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_that_never_ends_or_cannot_be_is_refused() {
        let mut parameters = Parameters::default();
        let mut set =
            |value| parameters.set("wait_for_recorder_s", &value).map_err(|error| error.to_string());
        for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.1, 3600.5, 1e300] {
            let error = set(ParameterValue::Double(number)).unwrap_err();
            assert_eq!(error, format!("must be from 0 to 3600, is {number}"));
        }
        assert_eq!(set(ParameterValue::Integer(3600)), Ok(()));
        assert_eq!(set(ParameterValue::Double(0.0)), Ok(()));
        assert!(set(ParameterValue::Bool(true)).is_err());
    }
}
