//! Scenario files: their parameters are put in as text, so that every error keeps its line.

use super::parameters::{Parameter, Values, cases};
use super::settings::Setting;
use super::{Case, Scenario};
use crate::assemble::AssembleError;
use crate::files;
use outrider_runtime::{ConfigError, config, remembered};
use outrider_yaml::Spanned;
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The parts that are read before anything is put in.
#[derive(Debug, Deserialize)]
struct Head {
    #[serde(default)]
    parameters: BTreeMap<String, Parameter>,
}

/// A scenario file, read and not yet filled in.
#[derive(Clone, Debug)]
pub struct Template {
    name: String,
    text: String,
    parameters: BTreeMap<String, Parameter>,
}

impl Template {
    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read, or its parameters cannot be.
    pub fn read(path: &Path) -> Result<Self, AssembleError> {
        let (name, text) = (path.display().to_string(), config::read(path)?);
        let template = remembered(&text, || Self::parse(&name, text.clone()))?;
        Ok(Self { name, ..template })
    }

    /// From a text; `name` is for errors.
    ///
    /// # Errors
    /// When its parameters cannot be read, one is never used, or a name is used that is none.
    pub fn parse(name: &str, text: String) -> Result<Self, AssembleError> {
        let mut template = Self { name: name.to_owned(), text, parameters: BTreeMap::new() };
        // `${name}` is no YAML everywhere; and which names there are is not known yet.
        let head = |value: &str| -> Result<Head, AssembleError> {
            Ok(config::parse_value(name, &template.filled(&mut |_| Some(value.to_owned()))?)?)
        };
        let (parameters, again) = (head("0")?.parameters, head("1")?.parameters);
        // As texts: what is not a number is told as that, below.
        let differs = |(other, what): &(&String, &Parameter)| {
            again.get(*other).is_none_or(|then| format!("{then:?}") != format!("{what:?}"))
        };
        if let Some((other, _)) = parameters.iter().find(differs) {
            let line = template.line_of(&["parameters", other]);
            let why = format!("parameters.{other}: a parameter cannot hold another one");
            return Err(template.refused(line, &why));
        }
        template.parameters = parameters;
        for (parameter, what) in &template.parameters {
            let line = template.line_of(&["parameters", parameter]);
            let sound =
                !parameter.is_empty() && parameter.bytes().all(is_name) && !parameter.starts_with(is_digit);
            if !sound {
                let why = "a name has small letters, digits and `_`, and begins with no digit";
                return Err(template.refused(line, &format!("parameters: `{parameter}`: {why}")));
            }
            if let Some(problem) = what.problem() {
                return Err(template.refused(line, &format!("parameters.{parameter}: {problem}")));
            }
        }
        let mut used = BTreeSet::new();
        let defaults = template.defaults();
        template.filled(&mut |name| {
            used.insert(name.to_owned());
            defaults.get(name).map(ToString::to_string)
        })?;
        if let Some(unused) = template.parameters.keys().find(|p| !used.contains(*p)) {
            let line = template.line_of(&["parameters", unused]);
            return Err(template.refused(line, &format!("parameters.{unused}: nothing uses ${unused}")));
        }
        Ok(template)
    }

    /// Every parameter's default.
    pub fn defaults(&self) -> Values {
        self.parameters.iter().map(|(name, p)| (name.clone(), p.default_value())).collect()
    }

    /// Whether it has parameters.
    pub fn has_parameters(&self) -> bool {
        !self.parameters.is_empty()
    }

    /// The text as it stands in the file.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The scenario with values put in; those that are not given have their defaults.
    ///
    /// # Errors
    /// A value for a name that is none, or a scenario that is not sound: with line and key.
    pub fn scenario(&self, values: &Values) -> Result<Scenario, AssembleError> {
        if let Some(unknown) = values.keys().find(|name| !self.parameters.contains_key(*name)) {
            let known = self.parameters.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            return Err(self.refused(None, &format!("there is no parameter `{unknown}`; there are: {known}")));
        }
        let mut all = self.defaults();
        all.extend(values.iter().map(|(name, value)| (name.clone(), value.clone())));
        let text = self.filled(&mut |name| all.get(name).map(ToString::to_string))?;
        let scenario: Scenario = remembered(&text, || files::scenario(&self.name, &text))?;
        scenario.check().map_err(|misfit| self.refusal(&misfit.keys, misfit.entry, &misfit.why))?;
        for setting in self.settings(&scenario) {
            setting.check_name()?;
        }
        Ok(scenario)
    }

    /// What is run of it: the combinations of its parameters times its seeds, or times so many seeds.
    ///
    /// # Errors
    /// When it is not sound or there are too many.
    pub fn cases(&self, seeds: Option<usize>) -> Result<Vec<Case>, AssembleError> {
        let scenario = self.scenario(&Values::new())?;
        let mut list = if scenario.seeds.is_empty() { vec![scenario.seed] } else { scenario.seeds.clone() };
        if let Some(count) = seeds {
            // More than the file has: the ones after its greatest.
            let most = list.iter().max().copied();
            let missing = count.saturating_sub(list.len()) as u64;
            if most.is_some_and(|most| most.checked_add(missing).is_none()) {
                let line = self.line_of(&["seeds"]).or_else(|| self.line_of(&["seed"]));
                let why = format!("seeds: there are no {missing} more after {}", most.unwrap_or_default());
                return Err(self.refused(line, &why));
            }
            let next = most.map_or(0, |most| most.saturating_add(1));
            list.extend((0..missing).map(|i| next.saturating_add(i)));
            list.truncate(count);
        }
        let samples = scenario.samples.unwrap_or(1);
        cases(&self.parameters, scenario.sweep, samples, &list).map_err(|why| {
            let line = self.line_of(&["parameters"]);
            self.refused(line, &format!("parameters: {why}"))
        })
    }

    /// The scenario's settings, each with its line.
    pub fn settings(&self, scenario: &Scenario) -> Vec<Setting> {
        let at = |path: &String| match self.line_of(&["configuration", path]) {
            Some(line) => format!("{}: line {line}: configuration", self.name),
            None => format!("{}: configuration", self.name),
        };
        let one = |(path, value): (&String, &serde_json::Value)| Setting {
            path: path.clone(),
            value: value.clone(),
            origin: at(path),
        };
        scenario.configuration.iter().map(one).collect()
    }

    fn refused(&self, line: Option<usize>, why: &str) -> AssembleError {
        let message = line.map_or_else(|| why.to_owned(), |line| format!("line {line}: {why}"));
        ConfigError::Content { name: self.name.clone(), message }.into()
    }

    /// What is wrong with the scenario, told with the line of these keys, in that entry of the list of the first of them.
    pub(crate) fn refusal(&self, keys: &[&str], entry: Option<usize>, why: &str) -> AssembleError {
        let within = |entry| {
            let (list, keys) = keys.split_first()?;
            let (first, next) = self.lines_of_entry(list, entry)?;
            Some(self.line_from(keys, first, next).unwrap_or(first))
        };
        self.refused(entry.and_then(within).or_else(|| self.line_of(keys)), why)
    }

    /// The line of a key within others, from 1: the first that begins with each, one after another.
    fn line_of(&self, keys: &[&str]) -> Option<usize> {
        self.line_from(keys, 1, usize::MAX)
    }

    /// As [`Self::line_of`], from one line on and before another; of a section that leaves out what it may, its own.
    fn line_from(&self, keys: &[&str], first: usize, end: usize) -> Option<usize> {
        let numbered = (1..).zip(self.text.lines());
        let mut lines = numbered.filter(|(number, _)| (first..end).contains(number)).peekable();
        let (mut found, mut section) = (None, None);
        for key in keys {
            // The next key may stand on the line of the last.
            while let Some((number, line)) = lines.peek().copied() {
                if found != Some(number) && section.is_some_and(|section| ends(section, line)) {
                    return found;
                }
                if (found != Some(number) && begins_with(line, key)) || holds_inline(line, key) {
                    (found, section) = (Some(number), Some(line));
                    break;
                }
                lines.next();
            }
        }
        found
    }

    /// The first line of an entry of a list, and that of the next entry.
    fn lines_of_entry(&self, list: &str, entry: usize) -> Option<(usize, usize)> {
        let defaults = self.defaults();
        let text = self.filled(&mut |name| defaults.get(name).map(ToString::to_string)).ok()?;
        let lists: Lists = outrider_yaml::from_str(&text).ok()?;
        let entries = lists.named(list)?;
        let line = |index: usize| entries.get(index).and_then(|e| usize::try_from(e.referenced.line()).ok());
        Some((line(entry)?, line(entry.saturating_add(1)).unwrap_or(usize::MAX)))
    }

    /// The text with `$name` and `${name}` replaced, outside of comments; `$$` is a dollar.
    fn filled(&self, value_of: &mut dyn FnMut(&str) -> Option<String>) -> Result<String, AssembleError> {
        let mut filled = String::with_capacity(self.text.len());
        for (number, line) in (1..).zip(self.text.lines()) {
            let (code, comment) = line.split_at(comment_start(line));
            let mut rest = code;
            while let Some((before, after)) = rest.split_once('$') {
                filled.push_str(before);
                if let Some(after) = after.strip_prefix('$') {
                    filled.push('$');
                    rest = after;
                    continue;
                }
                let (name, after) = match after.strip_prefix('{').and_then(|braced| braced.split_once('}')) {
                    Some((name, after)) => (name, after),
                    None => after.split_at(after.bytes().position(|b| !is_name(b)).unwrap_or(after.len())),
                };
                let Some(value) = value_of(name) else {
                    let known = self.parameters.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
                    let why = format!("`${name}` is no parameter; there are: {known} (`$$` is a dollar)");
                    return Err(self.refused(Some(number), &why));
                };
                filled.push_str(&value);
                rest = after;
            }
            filled.push_str(rest);
            filled.push_str(comment);
            filled.push('\n');
        }
        Ok(filled)
    }
}

type Entries = Option<Vec<Spanned<IgnoredAny>>>;

/// The lists of a scenario, as far as it matters where their entries begin.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Lists {
    people: Entries,
    actors: Entries,
    doors: Entries,
    surfaces: Entries,
    faults: Entries,
    events: Entries,
    mission: Entries,
}

impl Lists {
    fn named(&self, name: &str) -> Option<&[Spanned<IgnoredAny>]> {
        let list = match name {
            "people" => &self.people,
            "actors" => &self.actors,
            "doors" => &self.doors,
            "surfaces" => &self.surfaces,
            "faults" => &self.faults,
            "events" => &self.events,
            "mission" => &self.mission,
            _ => &None,
        };
        list.as_deref()
    }
}

fn begins_with(line: &str, key: &str) -> bool {
    let plain = line.trim_start_matches([' ', '-', '{', '"', '\'']);
    let rest = plain.strip_prefix(key);
    rest.is_some_and(|rest| rest.trim_start_matches(['"', '\'']).trim_start().starts_with(':'))
}

/// Whether a line is behind the section that another begins.
fn ends(section: &str, line: &str) -> bool {
    let depth = |line: &str| line.len() - line.trim_start().len();
    let is_entry = |line: &str| line.trim_start().starts_with("- ");
    let said = !line.trim_start().is_empty() && !line.trim_start().starts_with('#');
    // Entries of a list may stand as far left as its key.
    let own_entry = is_entry(line) && !is_entry(section);
    said && (depth(line) < depth(section) || depth(line) == depth(section) && !own_entry)
}

fn holds_inline(line: &str, key: &str) -> bool {
    line.contains('{') && line.contains(&format!("{key}:"))
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'
}

fn is_digit(c: char) -> bool {
    c.is_ascii_digit()
}

/// Where the comment of a line begins; its length when there is none. A `#` in quotes begins none.
fn comment_start(line: &str) -> usize {
    let mut quote = None;
    let mut before = ' ';
    for (at, c) in line.char_indices() {
        match quote {
            Some(q) if q == c => quote = None,
            Some(_) => {}
            None if c == '#' && before.is_whitespace() => return at,
            // Within a word it is an apostrophe.
            None if (c == '"' || c == '\'') && !before.is_alphanumeric() => quote = Some(c),
            None => {}
        }
        before = c;
    }
    line.len()
}
