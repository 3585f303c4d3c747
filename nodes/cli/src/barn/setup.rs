//! Configuration of a run: the suite's own files, what `barn.yaml` changes in them, and the robot of the data set on top.

use super::data::Task;
use super::robot::Machine;
use anyhow::{Context as _, bail};
use outrider_foundation::{Robot, RobotDescription};
use outrider_runtime::config;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Sections of `barn.yaml` that are configurations of nodes.
const SECTIONS: [&str; 5] = ["sim", "world_model", "planner", "assurance", "gate"];
/// Speed limits that may not exceed what the robot can do, by section: keys of a path, and which limit.
const CAPPED: [(&str, &[&str], Limit); 6] = [
    ("planner", &["follow", "cruise_mps"], Limit::Forward),
    ("planner", &["follow", "rotate_radps"], Limit::Turn),
    ("assurance", &["nominal", "v_max_mps"], Limit::Forward),
    ("assurance", &["nominal", "w_max_radps"], Limit::Turn),
    ("assurance", &["degraded", "v_max_mps"], Limit::Forward),
    ("assurance", &["degraded", "w_max_radps"], Limit::Turn),
];

/// What a planner drives with whose configuration names no controller.
const ONLY_CONTROLLER: &str = "rpp";

#[derive(Clone, Copy)]
enum Limit {
    Forward,
    Turn,
}

/// Everything but the world.
#[derive(Clone, Debug)]
pub struct Setup {
    /// What the simulator moves.
    pub real: Robot,
    /// What the suite reckons with, as YAML.
    pub reckoned: String,
    /// The simulated robot, as YAML.
    pub real_text: String,
    /// The configuration folder.
    pub folder: PathBuf,
    nodes: BTreeMap<&'static str, Value>,
}

impl Setup {
    /// From the configuration folder and the data set's robot.
    ///
    /// # Errors
    /// Names the file and what is wrong with it.
    pub fn new(folder: &Path, machine: &Machine) -> anyhow::Result<Self> {
        let overlay_path = folder.join("barn.yaml");
        let overlay = yaml(&overlay_path)?;
        let known = |key: &String| SECTIONS.contains(&key.as_str());
        if let Some(key) = overlay.as_object().and_then(|o| o.keys().find(|k| !known(k))) {
            bail!("{}: `{key}` is none of {SECTIONS:?}", overlay_path.display());
        }
        let mut nodes = BTreeMap::new();
        for section in SECTIONS {
            let path = folder.join(format!("{section}.yaml"));
            let mut value = yaml(&path)?;
            if let Some(changes) = overlay.get(section) {
                let name = format!("{}: {section}", overlay_path.display());
                lay_over(&mut value, changes, &name)?;
            }
            nodes.insert(section, value);
        }
        let reckoned = machine.reckoned();
        for (section, path, limit) in CAPPED {
            let most = match limit {
                Limit::Forward => reckoned.limits.v_max_mps,
                Limit::Turn => reckoned.limits.w_max_radps,
            };
            if let Some(node) = nodes.get_mut(section) {
                cap(node, path, most);
            }
        }
        if let Some(sim) = nodes.get_mut("sim") {
            fit_simulator(sim, machine);
        }
        let real = machine.real();
        let robot = |d: RobotDescription| Robot::new(d).context("robot.json");
        Ok(Self {
            reckoned: serde_json::to_string(&robot(reckoned)?.description)?,
            real_text: serde_json::to_string(&real)?,
            real: robot(real)?,
            folder: folder.to_owned(),
            nodes,
        })
    }

    /// The configuration of a node, for a task, as YAML.
    pub fn config(&self, node: &str, task: &Task) -> String {
        let mut value = self.nodes.get(node).cloned().unwrap_or_default();
        if node == "sim" {
            // Nobody waits for the robot.
            let person = json!({"radius_m": task.moving_radius_m, "height_m": 1.0, "waits_within_m": 0.0});
            set(&mut value, &["person"], person);
        }
        value.to_string()
    }

    /// Has the robot turn about a place ahead of its origin, m.
    pub fn turn_about(&mut self, ahead_m: f64) {
        if let Some(sim) = self.nodes.get_mut("sim") {
            set(sim, &["drive", "pivot_x_m"], json!(ahead_m));
        }
    }

    /// Has the planner drive with the controller of this name.
    ///
    /// # Errors
    /// When its configuration names no controller.
    pub fn select_controller(&mut self, name: &str) -> anyhow::Result<()> {
        let path = self.folder.join("planner.yaml");
        let planner = self.nodes.get_mut("planner").with_context(|| path.display().to_string())?;
        let Some(controller) = planner.get_mut("controller") else {
            if name == ONLY_CONTROLLER {
                return Ok(());
            }
            bail!("{}: no key `controller`: this planner has no controller `{name}`", path.display());
        };
        *controller = json!(name);
        Ok(())
    }
}

fn fit_simulator(sim: &mut Value, machine: &Machine) {
    let lidar = machine.lidar();
    let changes: [(&[&str], Value); 8] = [
        (&["lidar", "timing", "rate_hz"], json!(lidar.hz)),
        (&["lidar", "beams"], json!(lidar.rays)),
        (&["lidar", "fov_rad"], json!(lidar.fov_deg.to_radians())),
        (&["lidar", "range_min_m"], json!(lidar.range[0])),
        (&["lidar", "range_max_m"], json!(lidar.range[1])),
        (&["lidar", "noise_sigma_m"], json!(lidar.noise_std)),
        (&["odometry", "timing", "rate_hz"], json!(machine.odometry_hz())),
        (&["absent"], json!(["localiser", "map", "detector"])),
    ];
    for (path, value) in changes {
        set(sim, path, value);
    }
}

fn yaml(path: &Path) -> anyhow::Result<Value> {
    let name = path.display().to_string();
    Ok(config::parse_value(&name, &config::read(path)?)?)
}

/// Replaces what `changes` names; what it names has to be there.
fn lay_over(value: &mut Value, changes: &Value, name: &str) -> anyhow::Result<()> {
    match (value, changes) {
        (Value::Object(old), Value::Object(new)) => {
            for (key, change) in new {
                let name = format!("{name}.{key}");
                let known = old.get_mut(key).with_context(|| format!("{name}: there is no such key"))?;
                lay_over(known, change, &name)?;
            }
        }
        (value, changes) => *value = changes.clone(),
    }
    Ok(())
}

fn set(value: &mut Value, path: &[&str], new: Value) {
    let mut at = value;
    for key in path {
        let Some(object) = at.as_object_mut() else { return };
        at = object.entry((*key).to_owned()).or_insert(Value::Null);
    }
    *at = new;
}

fn cap(value: &mut Value, path: &[&str], most: f64) {
    let pointer = format!("/{}", path.join("/"));
    if let Some(number) = value.pointer_mut(&pointer)
        && number.as_f64().is_some_and(|n| n > most)
    {
        *number = json!(most);
    }
}
