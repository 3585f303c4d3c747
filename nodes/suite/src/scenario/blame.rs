//! Where in a scenario something that the simulator refuses stands.

use super::{Scenario, Template};
use crate::assemble::AssembleError;
use outrider_runtime::ConfigError;
use outrider_sim::SimError;
use std::path::Path;

/// Lists that the simulator checks as a whole.
const LISTS: [&str; 5] = ["actors", "doors", "surfaces", "slippery", "events"];

/// The place of an error in a scenario.
struct Place<'a> {
    keys: Vec<&'a str>,
    /// Of the list that the first key names.
    entry: Option<usize>,
    why: String,
}

/// The error with file, key and, where it can be told, line; `None` when it is not about the scenario. `events` is how many
/// events sim.yaml has of its own; `text` is the scenario, or the record of one of its cases, and `origin` its file.
pub(crate) fn blamed(
    error: &SimError,
    scenario: &Scenario,
    events: usize,
    text: &str,
    origin: &str,
) -> Option<AssembleError> {
    let Place { keys, entry, why } = place(error, scenario, events)?;
    // The record of a case is one long line that nobody has written.
    let template = match text.starts_with('{') {
        true => Template::read(Path::new(origin)),
        false => Template::parse(origin, text.to_owned()),
    };
    Some(match template {
        Ok(template) => template.refusal(&keys, entry, &why),
        Err(_) => ConfigError::Content { name: origin.to_owned(), message: why }.into(),
    })
}

fn place<'a>(error: &'a SimError, scenario: &Scenario, events: usize) -> Option<Place<'a>> {
    let why = error.to_string();
    let (keys, entry, why) = match error {
        SimError::Start { .. } => (vec!["start"], None, why),
        SimError::Track { name, .. } => {
            (vec!["people"], scenario.people.iter().flatten().position(|p| p.name == *name), why)
        }
        SimError::Limit { what: "people", .. } => (vec!["people"], None, why),
        SimError::Actor { name, .. } => {
            let (list, entry) = bearer(name, scenario)?;
            (vec![list], Some(entry), format!("{list}: {why}"))
        }
        SimError::Event { index, at_s, key, reason } => {
            let index = index.checked_sub(events)?;
            let own = SimError::Event { index, at_s: *at_s, key: key.clone(), reason: reason.clone() };
            (vec!["events", key.as_str()], Some(index), own.to_string())
        }
        SimError::Config(text) => {
            let list = *LISTS.iter().find(|list| text.starts_with(*list))?;
            let named = |model: &str| text.contains(&format!("`{model}`"));
            let surface = scenario.surfaces.iter().position(|s| list == "surfaces" && named(&s.model));
            (vec![list], surface, text.clone())
        }
        _ => return None,
    };
    Some(Place { keys, entry, why })
}

/// Who or what has a name: the last one, whose name is the one that was taken.
fn bearer(name: &str, scenario: &Scenario) -> Option<(&'static str, usize)> {
    let doors = scenario.doors.iter().rposition(|d| d.name == name).map(|i| ("doors", i));
    let is = |a: &super::ActorSpec| a.name == name || a.names().iter().any(|n| n == name);
    let actor = || scenario.actors.iter().rposition(is).map(|i| ("actors", i));
    let people = scenario.people.as_deref().unwrap_or_default();
    let person = || people.iter().rposition(|p| p.name == name).map(|i| ("people", i));
    doors.or_else(actor).or_else(person)
}
