//! `outrider requirements`: what Outrider has to do, and what shows that it does.

mod page;
#[cfg(test)]
mod tests;

use crate::catalogue::Library;
use anyhow::Context as _;
use garde::Validate;
use outrider_runtime::config;
use outrider_suite::scenario::CriticalityClass;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The most requirements.
const REQUIREMENT_LIMIT: usize = 1_000;

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The repository.
    #[arg(long, default_value = ".")]
    root: PathBuf,
    /// Writes `traceability.md` into this folder.
    #[arg(long, value_name = "DIR")]
    write: Option<PathBuf>,
}

/// Checks the requirements; prints the matrix, or writes it.
///
/// # Errors
/// When a file cannot be read or is not sound.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    crate::need(&args.root.join("docs/requirements.yaml"), "repository", "--root")?;
    let trace = Trace::read(&args.root)?;
    let problems = trace.problems(&args.root);
    for problem in &problems {
        eprintln!("outrider: {problem}");
    }
    let page = page::text(&trace);
    match &args.write {
        Some(folder) => {
            let path = folder.join("traceability.md");
            std::fs::write(&path, page).with_context(|| path.display().to_string())?;
            println!("{}: {} requirements", path.display(), trace.requirements.len());
        }
        None => print!("{page}"),
    }
    Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// `docs/requirements.yaml`.
#[derive(Clone, Debug, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
struct File {
    #[garde(range(min = 1, max = 1))]
    #[allow(dead_code, reason = "it is checked when it is read")]
    version: u32,
    #[garde(dive, length(min = 1, max = REQUIREMENT_LIMIT))]
    requirements: Vec<Requirement>,
}

/// Something that Outrider has to do.
#[derive(Clone, Debug, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct Requirement {
    /// As scenarios and specifications name it.
    #[garde(length(min = 1, max = 64))]
    pub id: String,
    /// What, in a sentence with "shall".
    #[garde(length(min = 1, max = 600))]
    pub text: String,
    /// Why.
    #[garde(length(min = 1, max = 600))]
    pub rationale: String,
    /// How bad it would be if it did not.
    #[garde(skip)]
    pub criticality: CriticalityClass,
    /// What shows it, beside the scenarios that name it.
    #[garde(dive)]
    pub verified_by: VerifiedBy,
}

/// What shows that a requirement is met. Every scenario that names the requirement stands here as well.
#[derive(Clone, Debug, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct VerifiedBy {
    /// Ids of scenarios of the standard suite.
    #[garde(length(max = 200))]
    #[serde(default)]
    pub scenarios: Vec<String>,
    /// Tests, as `file::function`.
    #[garde(length(max = 200))]
    #[serde(default)]
    pub tests: Vec<String>,
    /// Keys of the release policy, with dots.
    #[garde(length(max = 20))]
    #[serde(default)]
    pub gate: Vec<String>,
}

/// Requirements with all that refers to them.
#[derive(Clone, Debug)]
pub struct Trace {
    /// In the order of the file.
    pub requirements: Vec<Requirement>,
    /// The scenario library.
    pub library: Library,
    /// Specification files of assurance: requirement by file name.
    pub properties: BTreeMap<String, String>,
    /// The release policy.
    policy: serde_json::Value,
}

impl Trace {
    /// Reads a repository.
    ///
    /// # Errors
    /// Names the file that cannot be read or is not sound.
    pub fn read(root: &Path) -> anyhow::Result<Self> {
        let path = root.join("docs/requirements.yaml");
        let file: File = config::parse(&path.display().to_string(), &config::read(&path)?)?;
        let policy = root.join("config/release_gate.yaml");
        let library = Library::read(&root.join("tests/scenarios"), &policy)?;
        let policy = config::parse_unchecked(&policy.display().to_string(), &config::read(&policy)?)?;
        let properties = properties(&root.join("config/assurance"))?;
        Ok(Self { requirements: file.requirements, library, properties, policy })
    }

    /// What is not as it should be, in sentences.
    pub fn problems(&self, root: &Path) -> Vec<String> {
        let mut all = Vec::new();
        let mut ids = BTreeSet::new();
        for requirement in &self.requirements {
            if !ids.insert(requirement.id.as_str()) {
                all.push(format!("{}: it is there twice", requirement.id));
            }
            self.check(requirement, root, &mut all);
        }
        for entry in self.library.standard.iter().chain(&self.library.open) {
            for id in entry.scenario.requirements.iter().filter(|id| !ids.contains(id.as_str())) {
                all.push(format!("{}: there is no requirement `{id}`", entry.file));
            }
        }
        for (file, id) in self.properties.iter().filter(|(_, id)| !ids.contains(id.as_str())) {
            all.push(format!("config/assurance/{file}: there is no requirement `{id}`"));
        }
        all
    }

    fn check(&self, requirement: &Requirement, root: &Path, into: &mut Vec<String>) {
        let Requirement { id, verified_by, .. } = requirement;
        let tried: BTreeSet<&str> = self.library.trying(id).map(|e| e.scenario.id.as_str()).collect();
        let listed: BTreeSet<&str> = verified_by.scenarios.iter().map(String::as_str).collect();
        if tried.is_empty() && verified_by.tests.is_empty() {
            into.push(format!("{id}: no scenario and no test shows it"));
        }
        for scenario in listed.difference(&tried) {
            into.push(format!("{id}: there is no scenario `{scenario}` in the standard suite that names it"));
        }
        for scenario in tried.difference(&listed) {
            into.push(format!("{id}: the scenario `{scenario}` names it and is missing in its list"));
        }
        for test in &verified_by.tests {
            if let Err(why) = test_exists(root, test) {
                into.push(format!("{id}: `{test}`: {why}"));
            }
        }
        for key in &verified_by.gate {
            if self.policy.pointer(&format!("/{}", key.replace('.', "/"))).is_none() {
                into.push(format!("{id}: the release policy has no key `{key}`"));
            }
        }
    }
}

/// Whether a file has a test of that name: `path::function`.
fn test_exists(root: &Path, test: &str) -> Result<(), String> {
    let (file, name) = test.split_once("::").ok_or("a test is FILE::FUNCTION")?;
    let text = std::fs::read_to_string(root.join(file)).map_err(|e| format!("{file}: {e}"))?;
    let is_test = if file.ends_with(".py") { python_test(&text, name) } else { rust_test(&text, name) };
    if is_test { Ok(()) } else { Err(format!("{file} has no test `{name}` that always runs")) }
}

fn python_test(text: &str, name: &str) -> bool {
    let head = format!("def {name}(");
    name.starts_with("test_") && text.lines().any(|line| line.trim_start().starts_with(&head))
}

/// A function below `#[test]`, with other attributes or comments between at most; or one in `proptest!`, which has the same look.
/// What is ignored shows nothing.
fn rust_test(text: &str, name: &str) -> bool {
    let head = format!("fn {name}(");
    let (mut marked, mut ignored) = (false, false);
    for line in text.lines().map(str::trim) {
        if line.starts_with("#[test]") {
            marked = true;
        } else if line.starts_with("#[ignore") {
            ignored = true;
        } else if marked && line.starts_with(&head) {
            return !ignored;
        } else if !line.starts_with("#[") && !line.starts_with("//") {
            (marked, ignored) = (false, false);
        }
    }
    false
}

/// The requirement of every specification file, by file name.
fn properties(folder: &Path) -> anyhow::Result<BTreeMap<String, String>> {
    let mut all = BTreeMap::new();
    for path in config::list(folder, "stl")? {
        let text = config::read(&path)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let id = text.lines().find_map(|l| l.strip_prefix("@requirement(\"")?.strip_suffix("\")"));
        let id = id.with_context(|| format!("{}: it has no @requirement", path.display()))?;
        all.insert(name, id.to_owned());
    }
    Ok(all)
}
