//! `outrider scenarios`: the scenario library, checked and as a page.

mod page;
#[cfg(test)]
mod tests;

use crate::evaluate::suite::{Member, Patience, Setup, scenario_files, try_values};
use crate::gate::policy::{Policy, Situation};
use anyhow::Context as _;
use outrider_suite::scenario::{CriticalityClass, Scenario, Template, Values};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Suite file of what every change has to pass, in the library's folder.
const STANDARD: &str = "standard.yaml";
/// Suite file of what is tried with every commit.
const CRITICAL: &str = "critical.yaml";
/// Folder of scenarios that are right and not passed yet.
const OPEN: &str = "open";

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The library: a folder with `standard.yaml`, `critical.yaml` and the folders that they name.
    #[arg(default_value = "tests/scenarios")]
    library: PathBuf,
    /// The release policy, whose list of critical situations is to be covered.
    #[arg(long, default_value = "config/release_gate.yaml")]
    policy: PathBuf,
    /// The configuration folder, in which the files are that scenarios name.
    #[arg(long, default_value = "config")]
    config: PathBuf,
    /// Writes the page to this file.
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
}

/// Checks the library; prints its page, or writes it. With anything to complain of there is no page.
///
/// # Errors
/// When a file cannot be read or is not sound.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    crate::need_configuration(&args.config)?;
    crate::need(&args.policy, "release policy", "--policy")?;
    let library = Library::read(&args.library, &args.policy)?;
    let mut problems = library.problems();
    problems.extend(library.unreadable(&args.library, &args.config));
    for problem in &problems {
        eprintln!("outrider: {problem}");
    }
    if !problems.is_empty() {
        return Ok(ExitCode::FAILURE);
    }
    let page = page::text(&library);
    match &args.write {
        Some(path) => {
            std::fs::write(path, page).with_context(|| path.display().to_string())?;
            let (scenarios, runs) = (library.standard.len(), library.runs());
            println!("{}: {scenarios} scenarios, {runs} runs, {} open", path.display(), library.open.len());
        }
        None => print!("{page}"),
    }
    Ok(ExitCode::SUCCESS)
}

/// A scenario of the library.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Relative to the library.
    pub file: String,
    /// With the defaults of its parameters.
    pub scenario: Scenario,
    /// How many runs it makes.
    pub runs: usize,
}

/// The library.
#[derive(Clone, Debug)]
pub struct Library {
    /// Of the standard suite, by family and id.
    pub standard: Vec<Entry>,
    /// Ids of the critical suite.
    pub critical: BTreeSet<String>,
    /// Right, and not passed yet.
    pub open: Vec<Entry>,
    /// Critical situations of the release policy.
    pub situations: Vec<Situation>,
}

/// How urgent a scenario is: at the head of its rationale, as `S2 E3 C1:`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rating {
    /// 0 to 3: what harm a failure does.
    pub severity: u32,
    /// 1 to 4: how often the situation is met.
    pub exposure: u32,
    /// 1 to 3: how little others can do to avoid the harm.
    pub control: u32,
}

impl Rating {
    /// From a rationale.
    pub fn of(rationale: &str) -> Option<Self> {
        let (head, _) = rationale.split_once(':')?;
        let mut words = head.split(' ');
        let mut number = |letter: char, least: u32, most: u32| {
            let value: u32 = words.next()?.strip_prefix(letter)?.parse().ok()?;
            (least..=most).contains(&value).then_some(value)
        };
        let rating =
            Self { severity: number('S', 0, 3)?, exposure: number('E', 1, 4)?, control: number('C', 1, 3)? };
        words.next().is_none().then_some(rating)
    }

    /// The greater, the more urgent.
    pub fn sum(self) -> u32 {
        self.severity + self.exposure + self.control
    }

    /// What it makes of a scenario.
    pub fn class(self) -> CriticalityClass {
        match (self.severity, self.sum()) {
            (2.., 6..) => CriticalityClass::Critical,
            (0, _) | (_, ..=4) => CriticalityClass::Minor,
            _ => CriticalityClass::Major,
        }
    }
}

impl Entry {
    /// Its rating, when its rationale has one.
    pub fn rating(&self) -> Option<Rating> {
        self.scenario.criticality.as_ref().and_then(|c| Rating::of(&c.rationale))
    }

    fn is_critical(&self) -> bool {
        self.scenario.criticality.as_ref().is_some_and(|c| c.class == CriticalityClass::Critical)
    }

    fn covers(&self, situation: &str) -> bool {
        let mut covers = self.scenario.criticality.iter().flat_map(|c| &c.covers);
        self.is_critical() && covers.any(|id| id == situation)
    }

    /// What is not as the library wants it.
    fn problems(&self, situations: &[Situation], into: &mut Vec<String>) {
        let Self { file, scenario, .. } = self;
        let mut tell = |what: String| into.push(format!("{file}: {what}"));
        if Path::new(file).file_stem().is_none_or(|stem| stem.to_string_lossy() != scenario.id.as_str()) {
            tell(format!("its id is `{}`: file and id are to have the same name", scenario.id));
        }
        let folder = Path::new(file).parent().unwrap_or(Path::new(""));
        match scenario.family {
            None => tell("it has no family".to_owned()),
            Some(family) if folder != Path::new(OPEN) && folder != Path::new(&family.name()) => {
                tell(format!("it is of the family `{}` and belongs into that folder", family.name()));
            }
            Some(_) => {}
        }
        if scenario.requirements.is_empty() {
            tell("it tries no requirement".to_owned());
        }
        let Some(criticality) = &scenario.criticality else {
            return tell("it has no criticality".to_owned());
        };
        match Rating::of(&criticality.rationale) {
            None => tell("its rationale does not begin with a rating such as `S2 E3 C1:`".to_owned()),
            Some(r) if r.class() != criticality.class => {
                tell(format!("it is {:?}, but its rating makes it {:?}", criticality.class, r.class()));
            }
            Some(_) => {}
        }
        for id in &criticality.covers {
            if situations.iter().all(|s| s.id != *id) {
                tell(format!("it covers `{id}`, which is not in the release policy's list"));
            }
        }
        if !criticality.covers.is_empty() && !self.is_critical() {
            tell("it covers critical situations and is not critical itself".to_owned());
        }
    }
}

impl Library {
    /// Reads the library and the policy.
    ///
    /// # Errors
    /// Names the file that cannot be read or is not sound.
    pub fn read(library: &Path, policy: &Path) -> anyhow::Result<Self> {
        let mut standard = entries(library, &library.join(STANDARD))?;
        standard
            .sort_by(|a, b| (a.scenario.family, &a.scenario.id).cmp(&(b.scenario.family, &b.scenario.id)));
        let critical = entries(library, &library.join(CRITICAL))?;
        let open = library.join(OPEN);
        let open = if open.is_dir() { entries(library, &open)? } else { Vec::new() };
        let critical = critical.into_iter().map(|e| e.scenario.id).collect();
        Ok(Self { standard, critical, open, situations: Policy::read(policy)?.coverage.list })
    }

    /// Runs of the standard suite.
    pub fn runs(&self) -> usize {
        self.standard.iter().map(|e| e.runs).sum()
    }

    /// Ids of the scenarios that try a requirement, open ones not among them.
    pub fn trying<'a>(&'a self, requirement: &'a str) -> impl Iterator<Item = &'a Entry> {
        self.standard.iter().filter(move |e| e.scenario.requirements.iter().any(|r| r == requirement))
    }

    /// What is not as it should be, in sentences.
    pub fn problems(&self) -> Vec<String> {
        let mut all = Vec::new();
        let mut ids = BTreeSet::new();
        for entry in self.standard.iter().chain(&self.open) {
            entry.problems(&self.situations, &mut all);
            if !ids.insert(&entry.scenario.id) {
                all.push(format!("{}: the id `{}` is there twice", entry.file, entry.scenario.id));
            }
        }
        for id in &self.critical {
            if self.standard.iter().all(|e| e.scenario.id != *id || !e.is_critical()) {
                all.push(format!("{CRITICAL}: `{id}` is no critical scenario of {STANDARD}"));
            }
        }
        for Situation { id, .. } in &self.situations {
            let mut covering = self.standard.iter().filter(|e| e.covers(id)).peekable();
            if covering.peek().is_none() {
                // An open one shows that it is known, and the policy's share counts it as not covered.
                if !self.open.iter().any(|e| e.covers(id)) {
                    all.push(format!("no critical scenario covers `{id}`"));
                }
            } else if !covering.any(|e| self.critical.contains(&e.scenario.id)) {
                all.push(format!("{CRITICAL}: nothing in it covers `{id}`"));
            }
        }
        all
    }
}

impl Library {
    /// What no run of a scenario could read or start, with any of its values: worlds, zones, trees that are not there or are none, say.
    fn unreadable(&self, library: &Path, config: &Path) -> Vec<String> {
        let setup = Setup { config: config.to_owned(), settings: Vec::new() };
        let mut patience = Patience::new();
        let mut tried = |entry: &Entry| -> anyhow::Result<()> {
            let path = library.join(&entry.file);
            let template = Template::read(&path)?;
            let (file, scenario) = (entry.file.clone(), entry.scenario.clone());
            let member = Member { file, hash: String::new(), scenario, path };
            try_values(&setup, &member, &template, &template.cases(Some(1))?, &mut patience)
        };
        let missing = |entry| tried(entry).err().map(|error| format!("{error:#}"));
        self.standard.iter().chain(&self.open).filter_map(missing).collect()
    }
}

/// The scenarios of a suite; their files relative to `library`.
fn entries(library: &Path, suite: &Path) -> anyhow::Result<Vec<Entry>> {
    let (_, paths) = scenario_files(suite)?;
    let read = |path: PathBuf| {
        let template = Template::read(&path)?;
        let scenario = template.scenario(&Values::new())?;
        let file = path.strip_prefix(library).unwrap_or(&path).to_string_lossy().into_owned();
        let cases = template.cases(None)?;
        for case in &cases {
            let values = || serde_json::to_string(&case.parameters).unwrap_or_default();
            template.scenario(&case.parameters).with_context(|| format!("with {}", values()))?;
        }
        anyhow::Ok(Entry { file, scenario, runs: cases.len() })
    };
    paths.into_iter().map(read).collect()
}
