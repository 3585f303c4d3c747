//! From files to nodes: the same in every world they run in.

mod refusal;

use crate::bindings::{AssuranceBinding, GateBinding, PlannerBinding, SimBinding, WorldModelBinding};
use crate::convert::{command_digest, key_block, permit_code};
use crate::faults::FaultySensors;
use crate::files::robot_description;
use crate::scenario::blame::blamed;
use crate::scenario::expect::Happening;
use crate::scenario::settings::{self, Setting};
use crate::scenario::{Scenario, Template, Values};
use outrider_assurance::{AssuranceNode, SIGNALS, Zones};
use outrider_foundation::Robot;
use outrider_foundation::data::{Digest, PermitAuthenticator, PinnedHashes};
use outrider_gate::GateNode;
use outrider_planner::{PlannerError, PlannerNode};
use outrider_runtime::{ConfigError, Host, HostedNode, NodeSpec, Resources, Secret, config, remembered};
use outrider_sim::{SimNode, World};
use outrider_stl::{Specification, StlError};
use outrider_world_model::WorldModelNode;
use refusal::{refusal, role_of_planner};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The nodes that have a core, in the order in which one instant reaches them.
pub const NODES: [&str; 5] = ["sim", "world_model", "planner", "assurance", "gate"];

/// Why a node was not started.
#[derive(Debug, thiserror::Error)]
pub enum AssembleError {
    /// A file.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// No node has this name.
    #[error("there is no node `{0}`; there are {NODES:?}")]
    NoSuchNode(String),
    /// A bag says that a key was used, and does not hold it.
    #[error(
        "the node `{node}` ran with the permit key {record}, which no bag holds: give its file with --key"
    )]
    KeyNeeded {
        /// Which node.
        node: String,
        /// What tells the key apart.
        record: String,
    },
    /// The core refused its configuration.
    #[error("{origin}: {message}")]
    Refused {
        /// File or role.
        origin: String,
        /// Why.
        message: String,
    },
}

/// Where the files are.
#[derive(Clone, Debug, PartialEq)]
pub struct Files {
    /// The configuration folder, `config/`.
    pub config: PathBuf,
    /// The scenario; the simulator needs one.
    pub scenario: Option<PathBuf>,
    /// The behaviour tree; by default `trees/navigate_to_pose.xml` in the configuration folder.
    pub tree: Option<PathBuf>,
    /// The zones; by default those of the scenario, else `zones/warehouse.yaml` in the configuration folder.
    pub zones: Option<PathBuf>,
    /// The key that permits carry a code of; by default they carry none.
    pub permit_key: Option<PathBuf>,
    /// What is not as the files have it.
    pub changes: Changes,
}

/// What a run changes in the files: values of the scenario's parameters, its seed, settings.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes {
    /// Values of the scenario's parameters; the defaults where they are left out.
    pub parameters: Values,
    /// The seed; by default the scenario's.
    pub seed: Option<u64>,
    /// Settings, before those of the scenario.
    pub settings: Vec<Setting>,
}

/// A scenario as it is run.
struct ReadScenario {
    /// Its file.
    template: Template,
    scenario: Scenario,
    settings: Vec<Setting>,
    /// What a bag is to hold of it.
    text: String,
}

impl Files {
    /// Those of a configuration folder, without a scenario and changes.
    pub fn new(config: PathBuf) -> Self {
        let changes = Changes::default();
        Self { config, scenario: None, tree: None, zones: None, permit_key: None, changes }
    }

    /// The scenario, with the changes.
    ///
    /// # Errors
    /// When there is none, it cannot be read or is not sound.
    pub fn scenario(&self) -> Result<Scenario, AssembleError> {
        let missing = || ConfigError::Missing { node: "sim".into(), role: "scenario".into() };
        Ok(self.read_scenario()?.ok_or_else(missing)?.scenario)
    }

    /// That something of the scenario cannot be, with file and line: see [`Template::refusal`].
    pub(crate) fn refusal(&self, keys: &[&str], entry: Option<usize>, why: &str) -> AssembleError {
        let path = self.scenario.clone().unwrap_or_default();
        match Template::read(&path) {
            Ok(template) => template.refusal(keys, entry, why),
            Err(_) => AssembleError::Refused { origin: path.display().to_string(), message: why.to_owned() },
        }
    }

    fn read_scenario(&self) -> Result<Option<ReadScenario>, AssembleError> {
        let Some(path) = &self.scenario else { return Ok(None) };
        let template = Template::read(path)?;
        let scenario = template.scenario(&self.changes.parameters)?;
        let settings = template.settings(&scenario);
        let seed = self.changes.seed.or(scenario.seeds.first().copied()).unwrap_or(scenario.seed);
        if seed == scenario.seed && scenario.seeds.is_empty() && !template.has_parameters() {
            let text = template.text().to_owned();
            return Ok(Some(ReadScenario { template, scenario, settings, text }));
        }
        let scenario = scenario.with_seed(seed);
        let text = serde_json::to_string(&scenario).map_err(|e| AssembleError::Refused {
            origin: path.display().to_string(),
            message: e.to_string(),
        })?;
        // The text says just this: whoever takes it apart on this thread need not.
        let scenario = remembered(&text, || Ok::<_, AssembleError>(scenario))?;
        Ok(Some(ReadScenario { template, scenario, settings, text }))
    }
}

/// Reads every file that goes into a node.
///
/// # Errors
/// When one cannot be read or the scenario is not sound.
pub fn read_resources(node: &str, files: &Files) -> Result<Resources, AssembleError> {
    if !NODES.contains(&node) {
        return Err(AssembleError::NoSuchNode(node.to_owned()));
    }
    resources_of(node, files, files.read_scenario()?.as_ref())
}

/// Those of every node, in the order of [`NODES`]; the scenario is read once.
///
/// # Errors
/// As [`read_resources`].
pub fn read_all_resources(files: &Files) -> Result<Vec<(&'static str, Resources)>, AssembleError> {
    let scenario = files.read_scenario()?;
    NODES.iter().map(|node| Ok((*node, resources_of(node, files, scenario.as_ref())?))).collect()
}

fn resources_of(
    node: &str,
    files: &Files,
    scenario: Option<&ReadScenario>,
) -> Result<Resources, AssembleError> {
    let mut resources = Resources::new();
    resources.insert_file("config", &files.config.join(format!("{node}.yaml")))?;
    resources.insert_file("robot", &files.config.join("robot.yaml"))?;
    if let ("assurance" | "gate", Some(path)) = (node, &files.permit_key) {
        resources.insert_secret(PERMIT_KEY, Secret::read(path)?, path.display().to_string());
    }
    settings::apply(node, &mut resources, &files.changes.settings)?;
    let of_scenario = scenario.map_or(&[][..], |read| &read.settings);
    settings::apply(node, &mut resources, of_scenario)?;
    if let "assurance" | "world_model" | "planner" = node {
        let of_scenario = scenario.map_or("zones/warehouse.yaml", |read| &read.scenario.zones);
        let path = files.scenario.as_deref().unwrap_or(Path::new(""));
        let default = || Scenario::file(of_scenario, path, &files.config);
        let named_by = scenario.filter(|_| files.zones.is_none()).map(|read| (read, "zones"));
        insert_named(&mut resources, ZONES, &files.zones.clone().unwrap_or_else(default), named_by)?;
    }
    match node {
        "sim" => {
            let path = files.scenario.as_deref().unwrap_or(Path::new(""));
            let read = scenario.ok_or(ConfigError::Missing { node: node.into(), role: "scenario".into() })?;
            resources.insert("scenario", read.text.clone(), path.display().to_string());
            let world = Scenario::file(&read.scenario.world, path, &files.config);
            insert_named(&mut resources, "world", &world, Some((read, "world")))?;
            insert_models(&mut resources, &world)?;
        }
        "planner" => {
            let named = scenario.and_then(|read| read.scenario.tree.as_deref());
            let default = || files.config.join("trees").join(named.unwrap_or("navigate_to_pose.xml"));
            let named_by = scenario.filter(|_| files.tree.is_none() && named.is_some());
            let tree = files.tree.clone().unwrap_or_else(default);
            insert_named(&mut resources, "tree", &tree, named_by.map(|read| (read, "tree")))?;
            for path in config::list(&files.config.join("trees"), "xml")? {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                resources.insert_file(&format!("{NAMED_TREE}{name}"), &path)?;
            }
            scenario.map_or(Ok(()), |read| check_mission_trees(read, &resources))?;
        }
        "assurance" => {
            for path in config::list(&files.config.join("assurance"), "stl")? {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                resources.insert_file(&format!("{SPECIFICATION}{name}"), &path)?;
            }
        }
        _ => {}
    }
    Ok(resources)
}

/// Adds a file; when a scenario names it by a key, what goes wrong is told with that key and its line.
fn insert_named(
    resources: &mut Resources,
    role: &str,
    path: &Path,
    named_by: Option<(&ReadScenario, &str)>,
) -> Result<(), AssembleError> {
    resources.insert_file(role, path).map_err(|error| match named_by {
        Some((read, key)) => read.template.refusal(&[key], None, &format!("{key}: {error}")),
        None => error.into(),
    })
}

/// Whether every tree that a mission asks for is among those of the planner.
fn check_mission_trees(read: &ReadScenario, resources: &Resources) -> Result<(), AssembleError> {
    let trees: Vec<&str> = named_trees(resources).into_iter().map(|(name, _)| name).collect();
    let steps = read.scenario.mission.iter().enumerate();
    let missing = steps.filter(|(_, step)| !step.tree.is_empty() && !trees.contains(&step.tree.as_str()));
    missing.take(1).try_for_each(|(i, step)| {
        let known = trees.join(", ");
        let why =
            format!("mission[{i}]: tree: `{}` is not in the folder of trees; there are {known}", step.tree);
        Err(read.template.refusal(&["mission", "tree"], Some(i), &why))
    })
}

/// Whether assurance has every rule of which interventions are expected, or may not be.
pub(crate) fn check_rules(files: &Files, scenario: &Scenario) -> Result<(), AssembleError> {
    let lists = [("must", &scenario.expect.must), ("must_not", &scenario.expect.must_not)];
    let named = lists.into_iter().flat_map(|(list, all)| all.iter().map(move |one| (list, &one.what)));
    let mut named = named.filter_map(|(list, what)| match what {
        Happening::Intervention(rule) => Some((list, rule)),
        _ => None,
    });
    if named.clone().next().is_none() {
        return Ok(());
    }
    let properties = specifications("assurance", &read_resources("assurance", files)?)?;
    let mut rules: Vec<&str> = outrider_assurance::rules().collect();
    rules.extend(properties.iter().map(|property| property.name.as_str()));
    let Some((list, rule)) = named.find(|(_, rule)| !rules.contains(&rule.as_str())) else { return Ok(()) };
    rules.sort_unstable();
    rules.dedup();
    let known = rules.join(", ");
    let why = format!("expect.{list}: intervention: assurance has no rule `{rule}`; it has {known}");
    Err(files.refusal(&["expect", list, "intervention"], None, &why))
}

/// Roles of the models that a world includes begin so; what follows is the model's name.
const MODEL: &str = "model/";

/// The models that a world includes, and those that these include, which lie beside it, `models/NAME/model.sdf`.
/// [`left_out_of_world`] names the others.
fn insert_models(resources: &mut Resources, world: &Path) -> Result<(), AssembleError> {
    let of = |role: &str, resources: &Resources| {
        let (text, origin) = resources.get("sim", role)?;
        let refused = |e: outrider_sim::SimError| AssembleError::Refused {
            origin: origin.to_owned(),
            message: e.to_string(),
        };
        World::includes(text).map_err(refused)
    };
    let mut names: BTreeSet<String> = of("world", resources)?.into_iter().collect();
    let mut tried = BTreeSet::new();
    // No more of them than `World::load_with` would take in.
    while let Some(name) = names.pop_first().filter(|_| tried.len() <= World::INCLUDE_LIMIT) {
        let path = world.parent().unwrap_or(Path::new("")).join("models").join(&name).join("model.sdf");
        if path.is_file() {
            let role = format!("{MODEL}{name}");
            resources.insert_file(&role, &path)?;
            names.extend(of(&role, resources)?);
        }
        tried.insert(name);
        names.retain(|name| !tried.contains(name));
    }
    Ok(())
}

/// The simulator's world, of the simulator's resources, with the models that it includes.
///
/// # Errors
/// When there is no world, or it is not sound.
pub fn load_world(resources: &Resources) -> Result<World, AssembleError> {
    let (text, origin) = resources.get("sim", "world")?;
    let model = |name: &str| {
        let mut all = resources.iter();
        all.find(|(role, _)| role.strip_prefix(MODEL) == Some(name)).map(|(_, text)| text)
    };
    World::load_with(text, model)
        .map_err(|e| AssembleError::Refused { origin: origin.to_owned(), message: e.to_string() })
}

/// What the world of the simulator's resources has in its file and lacks in the simulation, meshes for example: a line for
/// each, with file, line, element and reason.
///
/// # Errors
/// When there is no world, or it is not sound.
pub fn left_out_of_world(resources: &Resources) -> Result<Vec<String>, AssembleError> {
    Ok(left_out(&load_world(resources)?, resources.get("sim", "world")?.1))
}

fn left_out(world: &World, origin: &str) -> Vec<String> {
    let mut lines: Vec<String> = world
        .unsupported()
        .iter()
        .map(|u| format!("{origin}:{}: <{}>: {}", u.line, u.element, u.reason))
        .collect();
    if world.unsupported_dropped() > 0 {
        lines.push(format!("{origin}: {} more elements are left out", world.unsupported_dropped()));
    }
    lines
}

/// Reads a scenario file; its parameters have their defaults.
///
/// # Errors
/// When it cannot be read or is not sound.
pub fn read_scenario(path: &Path) -> Result<Scenario, AssembleError> {
    Template::read(path)?.scenario(&Values::new())
}

/// The robot as every node knows it, and the zones, of files that are given: what judges a run has to know of it.
///
/// # Errors
/// When a file cannot be read or is not sound.
pub fn robot_and_zones(files: &Files) -> Result<(Robot, Zones), AssembleError> {
    let resources = read_resources("assurance", files)?;
    Ok((robot("assurance", &resources)?, parsed("assurance", &resources, ZONES)?))
}

/// Whether a node takes a file of it, without starting it.
///
/// # Errors
/// Names the key and what is wrong with it.
pub(crate) fn check_file(node: &str, role: &str, resources: &Resources) -> Result<(), AssembleError> {
    match (node, role) {
        (_, "robot") => robot(node, resources).map(drop),
        ("sim", _) => parsed::<outrider_sim::Config>(node, resources, role).map(drop),
        ("world_model", _) => parsed::<outrider_world_model::Config>(node, resources, role).map(drop),
        ("planner", _) => parsed::<outrider_planner::Config>(node, resources, role).map(drop),
        ("assurance", _) => parsed::<outrider_assurance::Config>(node, resources, role).map(drop),
        ("gate", _) => parsed::<outrider_gate::Config>(node, resources, role).map(drop),
        _ => Ok(()),
    }
}

/// A node from its files: live, in replay and in simulation alike.
///
/// # Errors
/// When a file is missing or the core refuses it.
pub fn assemble(
    node: &str,
    resources: Resources,
    boot_id: u64,
) -> Result<Box<dyn HostedNode>, AssembleError> {
    let robot = robot(node, &resources)?;
    let spec = |resources: Resources| NodeSpec { name: node.to_owned(), boot_id, resources };
    let refused = |role: &str, message: String| refusal(node, &resources, role, message);
    let stamped_command = robot.description.stamped_command;
    Ok(match node {
        "sim" => simulator(&robot, resources, spec)?,
        "world_model" => {
            let config: outrider_world_model::Config = parsed(node, &resources, "config")?;
            let binding = WorldModelBinding::new(&config, &robot);
            let mut core =
                WorldModelNode::new(config, &robot, boot_id).map_err(|e| refused("config", e.to_string()))?;
            if let Some(zones) = zones(node, &resources)? {
                core = core.with_zones(&zones).map_err(|e| refused(ZONES, e.to_string()))?;
            }
            Box::new(Host::new(spec(resources), binding, core))
        }
        "planner" => {
            let config = parsed(node, &resources, "config")?;
            let (tree, _) = resources.get(node, "tree")?;
            let refused = |e: PlannerError| refused(&role_of_planner(&e), e.to_string());
            let mut core = PlannerNode::new(config, &robot, tree, boot_id).map_err(refused)?;
            if let Some(zones) = zones(node, &resources)? {
                core = core.with_zones(&zones).map_err(refused)?;
            }
            // Bags from before missions have no others.
            core = match named_trees(&resources) {
                trees if trees.is_empty() => core,
                trees => core.with_trees(trees).map_err(refused)?,
            };
            Box::new(Host::new(spec(resources), PlannerBinding, core))
        }
        "assurance" => {
            let config = parsed(node, &resources, "config")?;
            let zones: Zones = parsed(node, &resources, ZONES)?;
            let hashes = pinned_hashes(node, &resources, &zones)?;
            let specifications = specifications(node, &resources)?;
            let mut core =
                AssuranceNode::new(config, zones, specifications, &robot, hashes, command_digest, boot_id)
                    .map_err(|e| refused("config", e.to_string()))?;
            if let Some(authenticator) = authenticator(node, &resources)? {
                core = core.with_authenticator(authenticator);
            }
            Box::new(Host::new(spec(resources), AssuranceBinding, core))
        }
        "gate" => {
            let config = parsed(node, &resources, "config")?;
            let mut core = GateNode::new(config, &robot, command_digest, boot_id)
                .map_err(|e| refused("config", e.to_string()))?;
            if let Some(authenticator) = authenticator(node, &resources)? {
                core = core.with_authenticator(authenticator);
            }
            Box::new(Host::new(spec(resources), GateBinding { stamped_command }, core))
        }
        other => return Err(AssembleError::NoSuchNode(other.to_owned())),
    })
}

/// The simulator with its sensors' faults.
fn simulator(
    robot: &Robot,
    resources: Resources,
    spec: impl FnOnce(Resources) -> NodeSpec,
) -> Result<Box<dyn HostedNode>, AssembleError> {
    let mut config: outrider_sim::Config = parsed("sim", &resources, "config")?;
    let scenario: Scenario = parsed("sim", &resources, "scenario")?;
    let (text, file) = resources.get("sim", "scenario")?;
    let own_events = config.events.len();
    scenario.add_to(&mut config);
    let refused = |e: outrider_sim::SimError| {
        blamed(&e, &scenario, own_events, text, file).unwrap_or_else(|| {
            let role = role_of_simulator(&e);
            let origin = resources.get("sim", role).map_or(role, |(_, origin)| origin).to_owned();
            AssembleError::Refused { origin, message: e.to_string() }
        })
    };
    let scan_period_s = 1.0 / config.lidar.timing.rate_hz;
    let mut world = load_world(&resources)?;
    let left_out = left_out(&world, resources.get("sim", "world")?.1);
    if let Some(people) = &scenario.people {
        world.replace_people(people).map_err(refused)?;
    }
    let core =
        SimNode::in_world(config, robot, world, scenario.start.into(), scenario.seed).map_err(refused)?;
    let binding = SimBinding { stamped_command: robot.description.stamped_command, scan_period_s, left_out };
    let host = Host::new(spec(resources), binding, core);
    Ok(FaultySensors::around(Box::new(host), &scenario.faults))
}

/// The file that an error of the simulator is about, when it is not about the scenario.
fn role_of_simulator(error: &outrider_sim::SimError) -> &'static str {
    use outrider_sim::SimError::{Actor, Config, Event};
    if matches!(error, Actor { .. } | Config(_) | Event { .. }) { "config" } else { "world" }
}

fn parsed<T>(node: &str, resources: &Resources, role: &str) -> Result<T, AssembleError>
where
    T: serde::de::DeserializeOwned + garde::Validate + Clone + 'static,
    T::Context: Default,
{
    let (text, origin) = resources.get(node, role)?;
    Ok(remembered(text, || config::parse(origin, text))?)
}

fn robot(node: &str, resources: &Resources) -> Result<Robot, AssembleError> {
    let (text, origin) = resources.get(node, "robot")?;
    remembered(text, || {
        Robot::new(robot_description(origin, text)?)
            .map_err(|e| AssembleError::Refused { origin: origin.to_owned(), message: e.to_string() })
    })
}

/// Role of the zones file.
pub const ZONES: &str = "zones";

/// The zones, where there is a file of them: in bags of earlier versions only assurance had one.
fn zones(node: &str, resources: &Resources) -> Result<Option<Zones>, AssembleError> {
    resources.iter().any(|(role, _)| role == ZONES).then(|| parsed(node, resources, ZONES)).transpose()
}

/// Role of the key that permits carry a code of.
pub const PERMIT_KEY: &str = "permit_key";

/// How permits are authenticated, when a key is configured.
fn authenticator(node: &str, resources: &Resources) -> Result<Option<PermitAuthenticator>, AssembleError> {
    let Some((_, record)) = resources.iter().find(|(role, _)| *role == PERMIT_KEY) else { return Ok(None) };
    let secret = resources
        .secret(PERMIT_KEY)
        .ok_or_else(|| AssembleError::KeyNeeded { node: node.to_owned(), record: record.to_owned() })?;
    Ok(Some(PermitAuthenticator::new(key_block(secret.bytes()), permit_code)))
}

/// Roles of the trees that a mission may ask for begin so; what follows is the file's name.
const NAMED_TREE: &str = "tree/";

fn named_trees(resources: &Resources) -> Vec<(&str, &str)> {
    resources.iter().filter_map(|(role, text)| Some((role.strip_prefix(NAMED_TREE)?, text))).collect()
}

/// Roles of the specification files begin so; what follows is the file's name.
const SPECIFICATION: &str = "specification/";

/// A specification over the signals that assurance gives.
///
/// # Errors
/// With line and column.
pub fn read_specification(text: &str) -> Result<Specification, StlError> {
    let signals: Vec<&str> = SIGNALS.iter().map(|s| s.name).collect();
    let specification = Specification::parse(text)?;
    specification.check_signals(&signals)?;
    Ok(specification)
}

/// Role and text of each, in the order of their names.
fn specification_files(resources: &Resources) -> impl Iterator<Item = (&str, &str)> {
    resources.iter().filter(|(role, _)| role.starts_with(SPECIFICATION))
}

/// The properties that are watched, in the order of their files' names.
fn specifications(node: &str, resources: &Resources) -> Result<Vec<Specification>, AssembleError> {
    let read = |(role, text): (&str, &str)| {
        remembered(text, || read_specification(text)).map_err(|e| AssembleError::Refused {
            origin: resources.get(node, role).map_or(role, |(_, origin)| origin).to_owned(),
            message: e.to_string(),
        })
    };
    specification_files(resources).map(read).collect()
}

/// What the gate pins when it is armed. An empty set of properties or of zones is all zeros, which the gate refuses to
/// be armed with.
fn pinned_hashes(node: &str, resources: &Resources, zones: &Zones) -> Result<PinnedHashes, AssembleError> {
    let sha = |parts: &[&str]| -> Digest {
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        hasher.finalize().into()
    };
    let mut properties: Vec<&str> =
        specification_files(resources).flat_map(|(role, text)| [role, text]).collect();
    Ok(PinnedHashes {
        specification: if properties.is_empty() {
            [0; 32]
        } else {
            // The rules that are built in are the program's.
            properties.push(env!("CARGO_PKG_VERSION"));
            sha(&properties)
        },
        parameters: sha(&[resources.get(node, "config")?.0, resources.get(node, "robot")?.0]),
        zones: if zones.is_empty() { [0; 32] } else { sha(&[resources.get(node, ZONES)?.0]) },
    })
}
