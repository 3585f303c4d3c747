//! The rules that keep cores deterministic, as checks: which crates they may reach and which words they may use.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The cores: each a state machine that may reach nothing of Outrider but its foundations.
pub const CORES: [&str; 5] =
    ["outrider_world_model", "outrider_planner", "outrider_assurance", "outrider_gate", "outrider_sim"];

/// What cores are built on: under the same rules, and reaching nothing of Outrider but each other downwards.
pub const FOUNDATIONS: [&str; 3] = ["outrider_foundation", "outrider_stl", "outrider_bt"];

/// Crates that no core may reach, at any depth: clocks, threads, IO, other randomness. (`log` alone does nothing: a facade.)
const FORBIDDEN: [&str; 19] = [
    "r2r",
    "tokio",
    "mio",
    "async-std",
    "smol",
    "futures",
    "rayon",
    "crossbeam-channel",
    "mcap",
    "rand",
    "getrandom",
    "chrono",
    "time",
    "socket2",
    "reqwest",
    "tempfile",
    "tracing",
    "signal-hook",
    "rustix",
];

/// Words that no core may contain outside its tests.
const WORDS: [&str; 16] = [
    "std::time",
    "std::thread",
    "std::fs",
    "std::net",
    "std::process",
    "std::env",
    "std::io",
    "HashMap",
    "HashSet",
    "SystemTime",
    "println!",
    "eprintln!",
    "thread_local!",
    "static mut",
    "unsafe ",
    "tokio::",
];

/// Packages and what each depends on in normal use, by name.
pub struct Packages {
    dependencies: BTreeMap<String, BTreeSet<String>>,
    members: BTreeSet<String>,
}

impl Packages {
    /// From the output of `cargo metadata --format-version 1`.
    ///
    /// # Errors
    /// When it is not such output.
    pub fn from_metadata(json: &str) -> anyhow::Result<Self> {
        let metadata: Value = serde_json::from_str(json)?;
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let names: BTreeMap<String, String> =
            list(&metadata["packages"]).iter().map(|p| (text(&p["id"]), text(&p["name"]))).collect();
        let name = |id: &Value| names.get(id.as_str().unwrap_or_default()).cloned().unwrap_or_default();
        let mut dependencies: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for node in list(&metadata["resolve"]["nodes"]) {
            let entry = dependencies.entry(name(&node["id"])).or_default();
            for dependency in list(&node["deps"]) {
                // A kind of null is a normal dependency; "dev" and "build" do not end up in the library.
                if list(&dependency["dep_kinds"]).iter().any(|kind| kind["kind"].is_null()) {
                    entry.insert(name(&dependency["pkg"]));
                }
            }
        }
        let members = list(&metadata["workspace_members"]).iter().map(name).collect();
        Ok(Self { dependencies, members })
    }

    /// Everything that a package reaches, at any depth.
    pub fn reach(&self, package: &str) -> BTreeSet<String> {
        let mut reached = BTreeSet::new();
        let mut open = vec![package.to_owned()];
        while let Some(next) = open.pop() {
            for dependency in self.dependencies.get(&next).into_iter().flatten() {
                if reached.insert(dependency.clone()) {
                    open.push(dependency.clone());
                }
            }
        }
        reached
    }

    /// Workspace members that depend on a package directly.
    pub fn direct_users(&self, package: &str) -> BTreeSet<String> {
        let uses = |member: &&String| self.dependencies.get(*member).is_some_and(|d| d.contains(package));
        self.members.iter().filter(uses).cloned().collect()
    }

    /// What is wrong with the reach of the cores, of the foundation and of r2r; one sentence each.
    pub fn violations(&self) -> Vec<String> {
        let mut found = Vec::new();
        for core in CORES.iter().chain(&FOUNDATIONS) {
            for reached in self.reach(core) {
                let other = reached.starts_with("outrider_") && !FOUNDATIONS.contains(&reached.as_str());
                if other || FORBIDDEN.contains(&reached.as_str()) {
                    found.push(format!("{core} reaches {reached}"));
                }
            }
        }
        for reached in self.reach("outrider_foundation").iter().filter(|r| r.starts_with("outrider_")) {
            found.push(format!("outrider_foundation reaches {reached}"));
        }
        for user in self.direct_users("r2r").iter().filter(|u| *u != "outrider_ros") {
            found.push(format!("{user} depends on r2r: only outrider_ros may"));
        }
        let several = ["outrider_suite", "outrider_ros", "outrider_cli", "outrider_evaluation"];
        for core in CORES {
            for user in self.direct_users(core).iter().filter(|u| !several.contains(&u.as_str())) {
                found.push(format!("{user} depends on {core}: only {several:?} put cores together"));
            }
        }
        found
    }
}

/// Forbidden words in a core's source, with their lines. What follows `#[cfg(test)]` at the start of a line up to the end of the
/// file is not looked at, nor are comments.
pub fn forbidden_words(source: &str) -> Vec<(usize, &'static str)> {
    let code = source.lines().enumerate().take_while(|(_, line)| *line != "#[cfg(test)]");
    code.filter(|(_, line)| !line.trim_start().starts_with("//"))
        .flat_map(|(number, line)| {
            WORDS.iter().filter(move |word| line.contains(**word)).map(move |word| (number + 1, *word))
        })
        .collect()
}
