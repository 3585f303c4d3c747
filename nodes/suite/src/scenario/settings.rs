//! Settings: single values of the configuration files that a scenario or a command line changes, by their dotted paths.

use crate::assemble::{AssembleError, check_file};
use outrider_runtime::{ConfigError, Resources, config};
use serde_json::Value;

/// Files that settings reach: those of the nodes, the robot as every node knows it, and the robot as it truly is, which the
/// simulator alone knows.
pub const SETTABLE: [&str; 7] = ["sim", "world_model", "planner", "assurance", "gate", "robot", "real_robot"];

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// File and keys: `planner.follow.cruise_mps`.
    pub path: String,
    /// What it is set to.
    pub value: Value,
    /// Where that stands, for errors: file and line, or an argument.
    pub origin: String,
}

impl Setting {
    /// From an argument: `planner.follow.cruise_mps=0.5`.
    ///
    /// # Errors
    /// When it has no `=`, or what follows is no YAML.
    pub fn from_argument(text: &str) -> Result<Self, ConfigError> {
        let origin = format!("--set {text}");
        let refuse =
            |message: &str| ConfigError::Content { name: origin.clone(), message: message.to_owned() };
        let (path, value) = text.split_once('=').ok_or_else(|| refuse("FILE.KEY=VALUE is expected"))?;
        let value = config::parse_value(&origin, value)?;
        let setting = Self { path: path.trim().to_owned(), value, origin };
        setting.check_name()?;
        Ok(setting)
    }

    /// Whether it names one of [`SETTABLE`].
    ///
    /// # Errors
    /// When it does not.
    pub fn check_name(&self) -> Result<(), ConfigError> {
        match self.path.split_once('.') {
            Some((file, _)) if SETTABLE.contains(&file) => Ok(()),
            _ => Err(self.refused(&format!("it begins with none of {SETTABLE:?} and a dot"))),
        }
    }

    fn refused(&self, why: &str) -> ConfigError {
        ConfigError::Content { name: self.origin.clone(), message: format!("`{}`: {why}", self.path) }
    }

    /// The role that it changes in the files of a node, and the keys.
    fn target(&self, node: &str) -> Option<(&'static str, &str)> {
        let (file, keys) = self.path.split_once('.')?;
        match file {
            "robot" => Some(("robot", keys)),
            "real_robot" if node == "sim" => Some(("robot", keys)),
            file if file == node => Some(("config", keys)),
            _ => None,
        }
    }
}

/// Changes the files of a node; each setting is checked by itself, so that what is refused is named.
///
/// # Errors
/// Names the setting and what is wrong with it: no such key, a value out of range.
pub fn apply(node: &str, resources: &mut Resources, settings: &[Setting]) -> Result<(), AssembleError> {
    for setting in settings {
        let Some((role, keys)) = setting.target(node) else { continue };
        let (text, origin) = resources.get(node, role)?;
        let mut value: Value = config::parse_value(origin, text)?;
        put(&mut value, keys, &setting.value).map_err(|why| setting.refused(&format!("{origin}: {why}")))?;
        let file = origin.split(" with ").next().unwrap_or(origin).to_owned();
        let mut changed = resources.clone();
        changed.insert(role, value.to_string(), format!("{file} with {}", setting.origin));
        // What is shown of the file is one long line that nobody has written.
        let first = |e: AssembleError| e.to_string().lines().next().unwrap_or_default().to_owned();
        check_file(node, role, &changed).map_err(|e| setting.refused(&first(e)))?;
        *resources = changed;
    }
    Ok(())
}

/// Puts a value where a path leads. Everything on the way has to be there; the last key may be one that the file leaves out,
/// whoever reads it knows whether there is one.
fn put(value: &mut Value, path: &str, new: &Value) -> Result<(), String> {
    let (key, rest) = path.split_once('.').map_or((path, None), |(key, rest)| (key, Some(rest)));
    let next = match value {
        Value::Object(map) => match rest {
            None => {
                map.insert(key.to_owned(), new.clone());
                return Ok(());
            }
            Some(_) => {
                let known = map.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
                map.get_mut(key).ok_or_else(|| format!("there is no key `{key}`; there are {known}"))?
            }
        },
        Value::Array(list) => {
            let count = list.len();
            let place = key.parse::<usize>().ok().and_then(|i| list.get_mut(i));
            place.ok_or_else(|| format!("`{key}` is no index of a list of {count}"))?
        }
        _ => return Err(format!("there is no key `{key}` in a single value")),
    };
    match rest {
        Some(rest) => put(next, rest, new),
        None => {
            *next = new.clone();
            Ok(())
        }
    }
}
