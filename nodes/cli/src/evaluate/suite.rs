//! What is run: the scenarios of a folder, of a suite file or a single one, each with its cases, and the keys of the runs.

use anyhow::{Context as _, bail, ensure};
use outrider_foundation::validate::key_within;
use outrider_runtime::{Resources, config};
use outrider_sim::{Config as SimConfig, EventSpec, Timing};
use outrider_suite::drive::check;
use outrider_suite::evaluation::TRUTH_HZ;
use outrider_suite::files::sim_config;
use outrider_suite::scenario::settings::Setting;
use outrider_suite::scenario::{Case, CriticalityClass, Family, Scenario, Template, Values};
use outrider_suite::{Changes, Files, NODES, left_out_of_world, read_resources};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Folders beside scenarios that hold other files; `open` are scenarios that nothing passes yet.
const NOT_SCENARIOS: [&str; 4] = ["zones", "worlds", "maps", "open"];
/// The most scenarios of a suite.
const SCENARIO_LIMIT: usize = 10_000;
/// Folders nest no deeper.
const DEPTH_LIMIT: usize = 16;

/// So long nothing is said.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);

/// A file that lists scenarios.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SuiteFile {
    /// Files and folders, relative to this file.
    scenarios: Vec<String>,
}

/// Which runs of a suite are meant.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// Only scenarios of these classes.
    pub classes: Vec<CriticalityClass>,
    /// Only scenarios of these families.
    pub families: Vec<Family>,
    /// Only these scenarios.
    pub ids: Vec<String>,
    /// So many seeds of each.
    pub seeds: Option<usize>,
}

/// A scenario of the suite.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its file.
    pub path: PathBuf,
    /// As it is called in results: relative to the suite.
    pub file: String,
    /// Of its text.
    pub hash: String,
    /// With the defaults of its parameters.
    pub scenario: Scenario,
}

/// One run.
#[derive(Clone, Debug)]
pub struct Planned {
    /// What tells it from all others.
    pub key: String,
    /// Index of its scenario.
    pub member: usize,
    /// Parameters and seed.
    pub case: Case,
    /// Of every other file that goes into it, with the settings.
    pub config_hash: String,
    /// Of those of them that say what is true in it, as [`world_text`] has them.
    pub world_hash: String,
    /// The first of its scenario.
    pub first: bool,
}

/// All that is to be run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The suite, as it was given.
    pub name: String,
    /// Scenarios, by id.
    pub members: Vec<Member>,
    /// Runs, by scenario, parameters and seed.
    pub runs: Vec<Planned>,
    /// Of the configuration folder with the settings, without those of scenarios.
    pub config_hash: String,
    /// What was chosen of the suite, as on the command line; nothing for all of it.
    pub chosen: Vec<String>,
    /// What the scenarios' worlds have in their files and lack in the simulation, a line each.
    pub left_out: Vec<String>,
}

/// What is common to all runs.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The configuration folder.
    pub config: PathBuf,
    /// Settings of the command line.
    pub settings: Vec<Setting>,
}

impl Setup {
    /// The files of a case.
    pub fn files(&self, member: &Member, case: &Case) -> Files {
        Files {
            scenario: Some(member.path.clone()),
            changes: Changes {
                parameters: case.parameters.clone(),
                seed: Some(case.seed),
                settings: self.settings.clone(),
            },
            ..Files::new(self.config.clone())
        }
    }

    /// Whether a run would have the same key if it were planned now.
    ///
    /// # Errors
    /// When it would not: somebody has changed a file meanwhile. When a file cannot be read.
    pub fn is_as_planned(&self, member: &Member, planned: &Planned) -> anyhow::Result<()> {
        let hash = short_hash(&[Template::read(&member.path)?.text()]);
        let files = self.files(member, &planned.case);
        let what = match hash == member.hash {
            true if config_hash(&resources(&files)?) == planned.config_hash => return Ok(()),
            true => format!("the configuration, or what {} names, has changed", member.path.display()),
            false => format!("{} has changed", member.path.display()),
        };
        bail!("{what} while it was evaluated: the results that are there are of the files as they were")
    }
}

impl Plan {
    /// Reads a suite and lays out its runs.
    ///
    /// # Errors
    /// Names the file and what is wrong with it; two scenarios of one name; nothing to be run.
    pub fn new(suite: &Path, choice: &Choice, setup: &Setup) -> anyhow::Result<Self> {
        let chosen = chosen(suite, choice)?;
        let (mut members, mut runs) = (Vec::new(), Vec::new());
        let mut hashes = Hashes::default();
        let mut patience = Patience::new();
        for (index, (member, template)) in chosen.into_iter().enumerate() {
            hashes.left_out.extend(overridden(setup, &member, &template));
            let cases = template.cases(choice.seeds)?;
            try_values(setup, &member, &template, &cases, &mut patience)?;
            for (nth, case) in cases.into_iter().enumerate() {
                let Hashed { config_hash, world_hash } = hashes.of(setup, &member, &template, &case)?;
                let key = key(&member.hash, &case, &config_hash)?;
                runs.push(Planned { key, member: index, case, config_hash, world_hash, first: nth == 0 });
            }
            members.push(member);
        }
        let config_hash = short_hash(&[&config_text(setup)?]);
        let left_out = hashes.left_out.into_iter().collect();
        let (name, chosen) = (suite.display().to_string(), choice.words());
        Ok(Self { name, members, runs, config_hash, chosen, left_out })
    }

    /// The scenario of a run.
    ///
    /// # Errors
    /// Never for a run of this plan.
    pub fn member(&self, run: &Planned) -> anyhow::Result<&Member> {
        self.members.get(run.member).context("a run of no scenario")
    }
}

/// The scenarios of a suite that are asked for, in the order of their ids.
fn chosen(suite: &Path, choice: &Choice) -> anyhow::Result<Vec<(Member, Template)>> {
    let (root, paths) = scenario_files(suite)?;
    ensure!(!paths.is_empty(), "{}: there are no scenarios (*.yaml)", suite.display());
    let mut chosen: BTreeMap<String, (Member, Template)> = BTreeMap::new();
    for path in paths {
        let template = Template::read(&path)?;
        let scenario = template.scenario(&Values::new())?;
        let file = path.strip_prefix(&root).unwrap_or(&path).to_string_lossy().into_owned();
        let id = scenario.id.clone();
        let member = Member { file, hash: short_hash(&[template.text()]), scenario, path };
        if let Some((other, _)) = chosen.get(&id) {
            bail!("{}: the id `{id}` is that of {} as well", member.path.display(), other.path.display());
        }
        if choice.takes(&member.scenario) {
            chosen.insert(id, (member, template));
        }
    }
    if let Some(unknown) = choice.ids.iter().find(|id| !chosen.contains_key(*id)) {
        bail!("--only: there is no scenario `{unknown}` among those that are chosen");
    }
    ensure!(!chosen.is_empty(), "{}: no scenario is left of those asked for", suite.display());
    Ok(chosen.into_values().collect())
}

/// Nobody waits for a run to be told that one of its values cannot be. Nodes are started once for every combination.
///
/// # Errors
/// Names the file, what is wrong, and with which values.
pub fn try_values(
    setup: &Setup,
    member: &Member,
    template: &Template,
    cases: &[Case],
    patience: &mut Patience,
) -> anyhow::Result<()> {
    let seed = cases.first().map(|case| case.seed);
    let mut tried = None;
    for (index, case) in cases.iter().enumerate() {
        patience.tell(|| format!("checking {}: {index} of {} runs", member.scenario.id, cases.len()));
        if tried == Some(&case.parameters) {
            continue;
        }
        let values = || serde_json::to_string(&case.parameters).unwrap_or_default();
        let scenario = template.scenario(&case.parameters).with_context(|| format!("with {}", values()))?;
        refuse_changed_truth("events", &scenario.events)
            .with_context(|| member.path.display().to_string())?;
        if Some(case.seed) == seed {
            check(&setup.files(member, case), &scenario).map_err(|error| match values() {
                none if none == "{}" => anyhow::anyhow!("{error}"),
                some => anyhow::anyhow!("{error}, with {some}"),
            })?;
        }
        tried = Some(&case.parameters);
    }
    Ok(())
}

/// Says on stderr now and then what takes so long.
pub struct Patience(std::time::Instant);

impl Patience {
    /// From now on.
    #[allow(clippy::new_without_default, reason = "a default that reads the clock is none")]
    pub fn new() -> Self {
        Self(std::time::Instant::now())
    }

    fn tell(&mut self, what: impl FnOnce() -> String) {
        if self.0.elapsed() >= PATIENCE {
            *self = Self::new();
            eprintln!("{}", what());
        }
    }
}

/// Settings of the command line that a scenario's own go over.
fn overridden(setup: &Setup, member: &Member, template: &Template) -> Vec<String> {
    let own = template.settings(&member.scenario);
    let meets =
        |a: &Setting| own.iter().any(|b| key_within(&a.path, &b.path) || key_within(&b.path, &a.path));
    let told = |s: &Setting| {
        format!("{}: its own `configuration` goes over --set {}={}", member.path.display(), s.path, s.value)
    };
    setup.settings.iter().filter(|s| meets(s)).map(told).collect()
}

impl Choice {
    /// As arguments.
    fn words(&self) -> Vec<String> {
        let word = |option: &str, value: String| format!("--{option} {value}");
        let named = |v: serde_json::Result<serde_json::Value>| {
            v.ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
        };
        let classes = self.classes.iter().map(|c| word("class", named(serde_json::to_value(c))));
        let families = self.families.iter().map(|f| word("family", named(serde_json::to_value(f))));
        let ids = self.ids.iter().map(|id| word("only", id.clone()));
        let seeds = self.seeds.iter().map(|n| word("seeds", n.to_string()));
        let mut all: Vec<String> = classes.chain(families).chain(ids).chain(seeds).collect();
        all.sort();
        all.dedup();
        all
    }

    fn takes(&self, scenario: &Scenario) -> bool {
        let class = scenario.criticality.as_ref().map(|c| c.class);
        (self.ids.is_empty() || self.ids.contains(&scenario.id))
            && (self.classes.is_empty() || class.is_some_and(|c| self.classes.contains(&c)))
            && (self.families.is_empty() || scenario.family.is_some_and(|f| self.families.contains(&f)))
    }
}

/// The folder that names are relative to, and the files: in order, none twice.
///
/// # Errors
/// Names what cannot be read or is not there.
pub fn scenario_files(suite: &Path) -> anyhow::Result<(PathBuf, Vec<PathBuf>)> {
    let mut files = Vec::new();
    if suite.is_dir() {
        walk(suite, 0, &mut files)?;
        files.sort();
        return Ok((suite.to_owned(), files));
    }
    let folder = suite.parent().unwrap_or(Path::new("")).to_owned();
    let text = config::read(suite)?;
    let name = suite.display().to_string();
    if !lists_scenarios(&text) {
        return Ok((folder, vec![suite.to_owned()]));
    }
    let list: SuiteFile = config::parse_unchecked(&name, &text)?;
    for entry in &list.scenarios {
        let path = folder.join(entry);
        if path.is_dir() {
            walk(&path, 0, &mut files)?;
        } else {
            ensure!(path.is_file(), "{name}: scenarios: there is no `{entry}`");
            files.push(path);
        }
    }
    files.sort();
    files.dedup();
    Ok((folder, files))
}

/// A scenario has no such key, and need not be YAML before its parameters are put in.
fn lists_scenarios(text: &str) -> bool {
    text.lines().any(|line| line.starts_with("scenarios:"))
}

/// Every scenario below a folder; suite files are passed over, for what they list lies there as well.
fn walk(folder: &Path, depth: usize, into: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    ensure!(depth <= DEPTH_LIMIT, "{}: folders nest deeper than {DEPTH_LIMIT}", folder.display());
    let entries = std::fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut paths = entries.map(|e| e.map(|e| e.path())).collect::<Result<Vec<_>, _>>()?;
    paths.sort();
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // Locks of editors and the like.
        if name.starts_with('.') {
            continue;
        }
        if path.is_dir() {
            if !NOT_SCENARIOS.contains(&name.as_str()) {
                walk(&path, depth + 1, into)?;
            }
        } else if path.extension().is_some_and(|e| e == "yaml" || e == "yml") {
            ensure!(
                into.len() < SCENARIO_LIMIT,
                "{}: more than {SCENARIO_LIMIT} scenarios",
                folder.display()
            );
            if !lists_scenarios(&config::read(&path)?) {
                into.push(path);
            }
        }
    }
    Ok(())
}

/// SHA-256 over parts, the first eight bytes in hexadecimal: enough to tell files apart, short enough to be read.
pub fn short_hash(parts: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn key(scenario_hash: &str, case: &Case, config_hash: &str) -> anyhow::Result<String> {
    let parameters = serde_json::to_string(&case.parameters)?;
    let seed = case.seed.to_string();
    Ok(short_hash(&[scenario_hash, &parameters, &seed, build(), config_hash]))
}

/// Of what goes into a run beside the scenario.
#[derive(Clone)]
struct Hashed {
    config_hash: String,
    /// Of what is true in it alone.
    world_hash: String,
}

/// Hashes of what goes into runs beside the scenario, each made once.
#[derive(Default)]
struct Hashes {
    known: BTreeMap<String, Hashed>,
    left_out: BTreeSet<String>,
}

impl Hashes {
    fn of(
        &mut self,
        setup: &Setup,
        member: &Member,
        template: &Template,
        case: &Case,
    ) -> anyhow::Result<Hashed> {
        let scenario = template.scenario(&case.parameters)?;
        let folder = member.path.parent().unwrap_or(Path::new("")).display().to_string();
        let same = serde_json::to_string(&(
            &folder,
            &scenario.world,
            &scenario.zones,
            &scenario.tree,
            &scenario.configuration,
        ))?;
        if let Some(known) = self.known.get(&same) {
            return Ok(known.clone());
        }
        let read = resources(&setup.files(member, case))?;
        for (_, resources) in read.iter().filter(|(node, _)| *node == "sim") {
            self.left_out.extend(left_out_of_world(resources)?);
            let (text, origin) = resources.get("sim", "config")?;
            sees_all(&sim_config(origin, text)?).with_context(|| member.path.display().to_string())?;
        }
        let hashed =
            Hashed { config_hash: config_hash(&read), world_hash: short_hash(&[&world_text(&read)?]) };
        self.known.insert(same, hashed.clone());
        Ok(hashed)
    }
}

/// Limits that the robot is ordered to keep: they may be set for a release. All others of its file say what it is, in the simulation
/// as well.
pub const ORDERED: [&str; 3] = ["v_max_mps", "v_min_mps", "w_max_radps"];

/// What is true in a run beside the scenario: all that the simulator reads (its configuration, the true robot without [`ORDERED`], the
/// world), and the zones, by which a run is judged.
fn world_text(all: &[(&'static str, Resources)]) -> anyhow::Result<String> {
    let mut text = String::new();
    let of = |wanted| all.iter().filter(move |(node, _)| *node == wanted).flat_map(|(_, files)| files.iter());
    let true_files = of("sim").filter(|(role, _)| *role != "scenario");
    for (role, content) in true_files.chain(of("assurance").filter(|(role, _)| *role == "zones")) {
        let mut value = match role {
            "robot" | "config" | "zones" => config::parse_value::<serde_json::Value>(role, content)?,
            _ => content.into(),
        };
        if role == "robot"
            && let Some(limits) = value.get_mut("limits").and_then(|limits| limits.as_object_mut())
        {
            limits.retain(|key, _| !ORDERED.contains(&key.as_str()));
        }
        text.push_str(&format!("{role}: {value}\n"));
    }
    Ok(text)
}

/// Whether the simulator tells the truth as often as an evaluation looks, and from the beginning on.
fn sees_all(config: &SimConfig) -> anyhow::Result<()> {
    let Timing { rate_hz, phase_s } = config.truth;
    ensure!(
        (rate_hz - TRUTH_HZ).abs() < 1e-9,
        "sim.truth.rate_hz: {rate_hz}, an evaluation measures at {TRUTH_HZ} Hz"
    );
    ensure!(
        phase_s <= 1e-9,
        "sim.truth.phase_s: {phase_s}, an evaluation sees a run from its beginning, at 0 s"
    );
    refuse_changed_truth("sim.events", &config.events)
}

fn refuse_changed_truth(origin: &str, events: &[EventSpec]) -> anyhow::Result<()> {
    match events.iter().flat_map(|e| e.set.keys()).find(|key| key_within(key, "truth")) {
        Some(key) => bail!("{origin}: `{key}`: an evaluation rests on the truth, which no event may change"),
        None => Ok(()),
    }
}

/// All that goes into a run, by node.
fn resources(files: &Files) -> anyhow::Result<Vec<(&'static str, Resources)>> {
    NODES.into_iter().map(|node| Ok((node, read_resources(node, files)?))).collect()
}

/// Of all that goes into a run but its scenario.
fn config_hash(all: &[(&'static str, Resources)]) -> String {
    let mut parts: Vec<String> = Vec::new();
    for (node, resources) in all {
        let others = resources.iter().filter(|(role, _)| *role != "scenario");
        parts.extend(others.flat_map(|(role, text)| [format!("{node}/{role}"), text.to_owned()]));
    }
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    short_hash(&parts)
}

/// What of the configuration is the same for all scenarios, with the settings of the command line.
fn config_text(setup: &Setup) -> anyhow::Result<String> {
    let mut text = String::new();
    for folder in ["", "assurance", "trees"] {
        for extension in ["yaml", "stl", "xml"] {
            for path in config::list(&setup.config.join(folder), extension)? {
                text.push_str(&config::read(&path)?);
            }
        }
    }
    for setting in &setup.settings {
        text.push_str(&format!("{}={}\n", setting.path, setting.value));
    }
    Ok(text)
}

/// What made results: version and revision, and a digest of the program itself, for two programs of one revision need not be
/// the same while somebody works on it.
pub fn build() -> &'static str {
    static BUILD: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    BUILD.get_or_init(|| {
        let program = std::env::current_exe().and_then(std::fs::read);
        let digest = program.map_or_else(
            |_| "unknown".to_owned(),
            |bytes| Sha256::digest(&bytes).iter().take(4).map(|byte| format!("{byte:02x}")).collect(),
        );
        format!("{}#{digest}", outrider_runtime::BUILD)
    })
}

/// What `suite.json` says of a scenario.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "as in the scenario file")]
pub struct ScenarioEntry {
    pub id: String,
    pub file: String,
    pub hash: String,
    pub description: String,
    pub family: Option<Family>,
    pub class: Option<CriticalityClass>,
    pub rationale: Option<String>,
    pub covers: Vec<String>,
    pub requirements: Vec<String>,
    /// How many faults and events it has; none in folders of before this was told.
    #[serde(default)]
    pub faults: Option<usize>,
    pub expect: serde_json::Value,
    pub criteria: serde_json::Value,
}

impl ScenarioEntry {
    /// Of a scenario.
    ///
    /// # Errors
    /// Never for one that was read.
    pub fn of(member: &Member) -> anyhow::Result<Self> {
        let s = &member.scenario;
        let criticality = s.criticality.as_ref();
        Ok(Self {
            id: s.id.clone(),
            file: member.file.clone(),
            hash: member.hash.clone(),
            description: s.description.clone(),
            family: s.family,
            class: criticality.map(|c| c.class),
            rationale: criticality.map(|c| c.rationale.clone()),
            covers: criticality.map(|c| c.covers.clone()).unwrap_or_default(),
            requirements: s.requirements.clone(),
            faults: Some(s.faults.len() + s.events.len()),
            expect: serde_json::to_value(&s.expect)?,
            criteria: serde_json::to_value(&s.criteria)?,
        })
    }
}
