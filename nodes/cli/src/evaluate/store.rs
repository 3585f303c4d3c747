//! The folder of results. A run is in it once its line is on the disk; what an interruption tore is mended; at the end every
//! file is sorted, so that the same runs give the same bytes whatever order they were made in.

use super::suite::{Plan, ScenarioEntry, Setup, build};
use anyhow::{Context as _, bail, ensure};
use outrider_runtime::payload_digest;
use outrider_suite::evaluation::{Failure, Measures, Violation};
use outrider_suite::scenario::expect::Outcome;
use outrider_suite::scenario::{CriticalityClass, Family, Values};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Version of the layout.
pub const FORMAT: u32 = 1;
/// The verdict of `outrider gate` on a folder: a page, for programs, for build servers.
pub const VERDICT_FILES: [&str; 3] = ["gate.md", "gate.json", "gate.junit.xml"];
/// A line of results is no longer than this, bytes.
const LINE_LIMIT: usize = 4 << 20;

/// How a run came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// As runs do.
    Done,
    /// A node did not start, or a bound was hit.
    Error,
    /// The program had a fault.
    Panic,
}

/// Whether a run's record led to the same decisions again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reproduced {
    /// `replay`: every node was run again from the recorded messages and journals, and its outputs compared.
    pub how: String,
    /// All outputs of all steps were the same, bit for bit.
    pub identical: bool,
    /// Steps that were compared.
    pub steps: u64,
    /// The first difference, or why it could not be judged.
    pub difference: Option<String>,
}

/// One line of `results.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "docs/evaluation.md describes the files")]
pub struct RunResult {
    pub key: String,
    pub scenario: String,
    pub file: String,
    pub family: Option<Family>,
    pub class: Option<CriticalityClass>,
    pub requirements: Vec<String>,
    pub covers: Vec<String>,
    pub scenario_hash: String,
    pub parameters: Values,
    pub seed: u64,
    pub build: String,
    pub config_hash: String,
    /// Empty in folders of before this was told.
    #[serde(default)]
    pub world_hash: String,
    pub status: Status,
    pub message: Option<String>,
    pub outcome: Option<Outcome>,
    pub passed: bool,
    pub failures: Vec<Failure>,
    pub violations: Vec<Violation>,
    pub stl: BTreeMap<String, Option<f64>>,
    pub metrics: Option<Measures>,
    pub digest: Option<String>,
    pub reproduced: Option<Reproduced>,
}

impl RunResult {
    /// By scenario, parameters and seed.
    fn place(&self) -> (String, String, u64) {
        (self.scenario.clone(), serde_json::to_string(&self.parameters).unwrap_or_default(), self.seed)
    }
}

/// Times of steps by the clock, microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "they are what they are called")]
pub struct StepTimes {
    pub count: u64,
    pub total_s: f64,
    pub p50_us: f64,
    pub p95_us: f64,
    pub p99_us: f64,
    pub max_us: f64,
}

/// One line of `timings.jsonl`: what a clock measured, which no two runs have alike.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunTiming {
    /// Of the run.
    pub key: String,
    /// Which call of `outrider evaluate` with this folder made it, from 1; 0 when it was taken over from another folder. Earlier
    /// versions did not tell.
    #[serde(default)]
    pub call: Option<u32>,
    /// All of it, s.
    pub wall_s: f64,
    /// Simulated time by the clock's.
    pub times_real: f64,
    /// By node.
    pub steps: BTreeMap<String, StepTimes>,
    /// Steps of the planner that gave a command.
    pub decision: StepTimes,
}

/// A run as `suite.json` lists it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "as in results.jsonl")]
pub struct PlannedEntry {
    pub key: String,
    pub scenario: String,
    pub seed: u64,
    pub parameters: Values,
}

/// `suite.json`: what was to be run, and of what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the layout.
    pub format: u32,
    /// The suite, as it was given.
    pub suite: String,
    /// Version and revision of the program.
    pub build: String,
    /// Of the configuration folder and the settings.
    pub config_hash: String,
    /// Settings of the command line.
    pub settings: Vec<String>,
    /// What was chosen of the suite, as on the command line; nothing for all of it.
    #[serde(default)]
    pub chosen: Vec<String>,
    /// Scenarios.
    pub scenarios: Vec<ScenarioEntry>,
    /// Runs.
    pub planned: Vec<PlannedEntry>,
}

impl Manifest {
    /// Of a plan.
    ///
    /// # Errors
    /// Never for one that was made.
    pub fn of(plan: &Plan, setup: &Setup) -> anyhow::Result<Self> {
        let planned = plan.runs.iter().map(|run| {
            Ok(PlannedEntry {
                key: run.key.clone(),
                scenario: plan.member(run)?.scenario.id.clone(),
                seed: run.case.seed,
                parameters: run.case.parameters.clone(),
            })
        });
        Ok(Self {
            format: FORMAT,
            suite: plan.name.clone(),
            build: build().to_owned(),
            config_hash: plan.config_hash.clone(),
            settings: setup.settings.iter().map(|s| format!("{}={}", s.path, s.value)).collect(),
            chosen: plan.chosen.clone(),
            scenarios: plan.members.iter().map(ScenarioEntry::of).collect::<anyhow::Result<_>>()?,
            planned: planned.collect::<anyhow::Result<_>>()?,
        })
    }

    /// Reads `suite.json`.
    ///
    /// # Errors
    /// When there is none, or it is of another version.
    pub fn read(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join("suite.json");
        let text = fs::read_to_string(&path)
            .with_context(|| format!("{}: no results of `outrider evaluate`", path.display()))?;
        let manifest: Self = serde_json::from_str(&text).with_context(|| path.display().to_string())?;
        let version = manifest.format;
        ensure!(version == FORMAT, "{}: format {version}, this program reads {FORMAT}", path.display());
        Ok(manifest)
    }
}

/// The open folder.
pub struct Store {
    folder: PathBuf,
    results: File,
    timings: File,
    /// By key.
    done: BTreeMap<String, Worth>,
    /// A line could not be written: what else was, must stay the last.
    is_broken: bool,
    /// Which call with this folder this is, from 1.
    call: u32,
    /// Nobody else writes to the folder while this is held.
    _lock: File,
}

/// What was found in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Runs that need not be made again.
    pub kept: usize,
    /// Lines that an interruption tore.
    pub torn: usize,
    /// Results of other runs that were let go.
    pub pruned: usize,
}

impl Store {
    /// Opens a folder for a plan, makes it where there is none.
    ///
    /// # Errors
    /// When somebody else has it open, when it holds results of other runs and `prune` is not set, or a file that is not what it
    /// should be.
    pub fn open(folder: &Path, manifest: &Manifest, prune: bool) -> anyhow::Result<(Self, Found)> {
        for part in ["runs", "worlds"] {
            fs::create_dir_all(folder.join(part)).with_context(|| folder.join(part).display().to_string())?;
        }
        let lock = lock(folder)?;
        let planned: BTreeSet<&str> = manifest.planned.iter().map(|p| p.key.as_str()).collect();
        let mut found = Found::default();
        let (mut results, torn) = read_lines::<RunResult>(&folder.join("results.jsonl"))?;
        found.torn += torn;
        let (mut timings, torn) = read_lines::<RunTiming>(&folder.join("timings.jsonl"))?;
        found.torn += torn;
        let others = results.iter().filter(|r| !planned.contains(r.key.as_str())).count();
        if others > 0 && !prune {
            let first = results.iter().find(|r| !planned.contains(r.key.as_str()));
            let of = first.map(|r| format!("{} of build {}", r.scenario, r.build)).unwrap_or_default();
            bail!(
                "{}: {others} results are of other runs ({of}; this is build {}): of another program, configuration, \
                 scenario or choice of seeds. --prune lets go of them, another --out keeps them",
                folder.display(),
                build()
            );
        }
        let read = results.len();
        results.retain(|r| planned.contains(r.key.as_str()));
        // A result without its record or its times is none.
        let timed: BTreeSet<String> = timings.iter().map(|t| t.key.clone()).collect();
        results
            .retain(|r| timed.contains(&r.key) && (r.status != Status::Done || is_recorded(folder, &r.key)));
        let done: BTreeMap<String, Worth> = results.iter().map(|r| (r.key.clone(), Worth::of(r))).collect();
        timings.retain(|t| done.contains_key(&t.key));
        if prune {
            prune_records(folder, &planned)?;
        }
        (found.kept, found.pruned) = (done.len(), others);
        let suite = folder.join("suite.json");
        let text = format!("{}\n", serde_json::to_string_pretty(manifest)?);
        // A verdict is of all that was to be run then.
        if results.len() < read || fs::read_to_string(&suite).ok().as_ref() != Some(&text) {
            forget_verdict(folder)?;
        }
        write_whole(&suite, &text)?;
        let call = timings.iter().filter_map(|t| t.call).max().unwrap_or(0).saturating_add(1);
        write_sorted(folder, results, timings)?;
        let append = |name: &str| {
            let path = folder.join(name);
            let file = OpenOptions::new().append(true).create(true).open(&path);
            file.with_context(|| path.display().to_string())
        };
        let (results, timings) = (append("results.jsonl")?, append("timings.jsonl")?);
        let folder = folder.to_owned();
        Ok((Self { folder, results, timings, done, is_broken: false, call, _lock: lock }, found))
    }

    /// Whether a run is there, and has been replayed if that is wanted.
    pub fn has(&self, key: &str, replayed: bool) -> bool {
        // What did not come to its end leaves nothing to replay.
        self.done.get(key).is_some_and(|worth| !replayed || *worth != Worth::Done)
    }

    /// Adds a run: its record first, its result last.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn add(&mut self, run: &Finished) -> anyhow::Result<()> {
        if let Some((hash, world)) = &run.world {
            let path = self.folder.join("worlds").join(format!("{hash}.json"));
            if !path.is_file() {
                write_whole(&path, &format!("{world}\n"))?;
            }
        }
        if let Some(record) = &run.series {
            write_whole(&series(&self.folder, &run.result.key), &format!("{record}\n"))?;
        }
        self.enter(&run.result, &RunTiming { call: Some(self.call), ..run.timing.clone() })
    }

    /// The lines of a run whose record is there; a verdict without them is over.
    fn enter(&mut self, result: &RunResult, timing: &RunTiming) -> anyhow::Result<()> {
        let folder = &self.folder;
        ensure!(!self.is_broken, "{}: a line could not be written before", folder.display());
        forget_verdict(folder)?;
        self.is_broken = true;
        append(&mut self.timings, timing)
            .with_context(|| folder.join("timings.jsonl").display().to_string())?;
        append(&mut self.results, result)
            .with_context(|| folder.join("results.jsonl").display().to_string())?;
        self.is_broken = false;
        let worth = Worth::of(result);
        self.done.entry(result.key.clone()).and_modify(|had| *had = worth.max(*had)).or_insert(worth);
        Ok(())
    }

    /// Takes over what another folder has of the plan; how many.
    ///
    /// # Errors
    /// When the other cannot be read, or this cannot be written.
    pub fn take_from(&mut self, other: &Path, manifest: &Manifest) -> anyhow::Result<usize> {
        let planned: BTreeSet<&str> = manifest.planned.iter().map(|p| p.key.as_str()).collect();
        let (results, _) = read_lines::<RunResult>(&other.join("results.jsonl"))?;
        let (timings, _) = read_lines::<RunTiming>(&other.join("timings.jsonl"))?;
        let timings: BTreeMap<String, RunTiming> = timings.into_iter().map(|t| (t.key.clone(), t)).collect();
        for world in fs::read_dir(other.join("worlds")).with_context(|| other.display().to_string())? {
            let world = world?;
            let (from, to) = (world.path(), self.folder.join("worlds").join(world.file_name()));
            // What is half written, and folders, are no worlds.
            let is_world = from.extension().is_some_and(|e| e == "json") && from.is_file();
            if is_world && !to.is_file() {
                copy_whole(&from, &to)?;
            }
        }
        let mut taken = 0;
        for result in results.iter().filter(|r| planned.contains(r.key.as_str())) {
            let is_better = self.done.get(&result.key).is_none_or(|had| *had < Worth::of(result));
            let Some(timing) = timings.get(&result.key).filter(|_| is_better) else { continue };
            let record = series(other, &result.key);
            if is_recorded(other, &result.key) {
                copy_whole(&record, &series(&self.folder, &result.key))?;
            } else if result.status == Status::Done {
                continue;
            }
            self.enter(result, &RunTiming { call: Some(0), ..timing.clone() })?;
            taken += 1;
        }
        Ok(taken)
    }

    /// From now on no result can be written.
    #[cfg(test)]
    pub(super) fn fill_disk(&mut self) {
        self.results = OpenOptions::new().append(true).open("/dev/full").unwrap();
    }

    /// Sorts what is there, and gives it back.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub fn finish(self) -> anyhow::Result<(Vec<RunResult>, Vec<RunTiming>)> {
        let (results, _) = read_lines::<RunResult>(&self.folder.join("results.jsonl"))?;
        let (timings, _) = read_lines::<RunTiming>(&self.folder.join("timings.jsonl"))?;
        write_sorted(&self.folder, results, timings)
    }
}

/// All that a run leaves.
#[derive(Clone, Debug)]
pub struct Finished {
    /// For `results.jsonl`.
    pub result: RunResult,
    /// For `timings.jsonl`.
    pub timing: RunTiming,
    /// Its record.
    pub series: Option<serde_json::Value>,
    /// The world that it was in, with its hash.
    pub world: Option<(String, serde_json::Value)>,
}

fn series(folder: &Path, key: &str) -> PathBuf {
    folder.join("runs").join(format!("{key}.json"))
}

/// Which of several results of one run is kept: the one that tells most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Worth {
    /// It did not come to its end.
    Broken,
    /// It did.
    Done,
    /// And was run again from its record.
    Replayed,
}

impl Worth {
    fn of(result: &RunResult) -> Self {
        match (result.status, &result.reproduced) {
            (Status::Error | Status::Panic, _) => Self::Broken,
            (Status::Done, None) => Self::Done,
            (Status::Done, Some(_)) => Self::Replayed,
        }
    }
}

/// Whether the record of a run is there, and the world that it was in.
fn is_recorded(folder: &Path, key: &str) -> bool {
    #[derive(Deserialize)]
    struct Record {
        world: String,
    }
    let record =
        fs::read(series(folder, key)).ok().and_then(|text| serde_json::from_slice::<Record>(&text).ok());
    record.is_some_and(|r| folder.join("worlds").join(format!("{}.json", r.world)).is_file())
}

/// Records of runs that are not planned go with their results.
fn prune_records(folder: &Path, planned: &BTreeSet<&str>) -> anyhow::Result<()> {
    for record in fs::read_dir(folder.join("runs"))? {
        let path = record?.path();
        let key = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        if path.extension().is_some_and(|e| e == "json") && !planned.contains(key.as_str()) {
            fs::remove_file(&path).with_context(|| path.display().to_string())?;
        }
    }
    Ok(())
}

/// A verdict on other results than those that are there is none.
fn forget_verdict(folder: &Path) -> anyhow::Result<()> {
    for name in VERDICT_FILES {
        let path = folder.join(name);
        match fs::remove_file(&path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                return Err(e).with_context(|| path.display().to_string());
            }
            _ => {}
        }
    }
    Ok(())
}

/// The folder for oneself: two evaluations into one would lose each other's results.
fn lock(folder: &Path) -> anyhow::Result<File> {
    let name = || folder.display().to_string();
    let file = File::open(folder).with_context(name)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            bail!("{}: another `outrider evaluate` writes to it; another --out, or wait", folder.display())
        }
        Err(TryLockError::Error(e)) => Err(e).with_context(name),
    }
}

/// Of the files that a verdict rests on: results, times, and what was to be run.
///
/// # Errors
/// When one cannot be read.
pub fn digest(folder: &Path) -> anyhow::Result<String> {
    let of = |name: &str| {
        let path = folder.join(name);
        fs::read(&path).map(|bytes| payload_digest(&bytes)).with_context(|| path.display().to_string())
    };
    Ok(format!("{:016x}{:016x}{:016x}", of("results.jsonl")?, of("timings.jsonl")?, of("suite.json")?))
}

/// Reads the results of a folder, and what a clock measured.
///
/// # Errors
/// When one cannot be read.
pub fn read(folder: &Path) -> anyhow::Result<(Vec<RunResult>, Vec<RunTiming>)> {
    let (results, torn) = read_lines(&folder.join("results.jsonl"))?;
    let (timings, torn_times) = read_lines(&folder.join("timings.jsonl"))?;
    for (torn, name) in [(torn, "results.jsonl"), (torn_times, "timings.jsonl")] {
        let folder = folder.display();
        ensure!(torn == 0, "{folder}: the last line of {name} is torn: run the evaluation to its end");
    }
    Ok((results, timings))
}

/// Whole lines, and how many are torn: the last one alone may be.
fn read_lines<T: DeserializeOwned>(path: &Path) -> anyhow::Result<(Vec<T>, usize)> {
    let text = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok((Vec::new(), 0)),
        Err(e) => return Err(e).with_context(|| path.display().to_string()),
    };
    let mut parts: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
    // What follows the last line break: nothing, or a line that was not finished.
    let torn = usize::from(parts.pop().is_some_and(|rest| !rest.is_empty()));
    let mut lines = Vec::with_capacity(parts.len());
    for (number, part) in (1..).zip(&parts) {
        ensure!(part.len() <= LINE_LIMIT, "{}:{number}: longer than {LINE_LIMIT} bytes", path.display());
        let line = serde_json::from_slice(part).with_context(|| format!("{}:{number}", path.display()))?;
        lines.push(line);
    }
    Ok((lines, torn))
}

/// A whole line or none, as far as the disk lets it.
fn append(file: &mut File, line: &impl Serialize) -> anyhow::Result<()> {
    let line = serde_json::to_string(line)?;
    let length = file.metadata()?.len();
    let written = file.write_all(format!("{line}\n").as_bytes()).and_then(|()| file.sync_data());
    if written.is_err() {
        // A disk that is full takes part of it; what cannot be taken back is a torn line, which the next call lets go.
        let _ = file.set_len(length);
    }
    Ok(written?)
}

/// All at once or not at all; nothing is left of what cannot be written.
fn write_whole(path: &Path, text: &str) -> anyhow::Result<()> {
    let beside = path.with_extension("part");
    let write = || -> std::io::Result<()> {
        let mut file = File::create(&beside)?;
        file.write_all(text.as_bytes())?;
        file.sync_data()?;
        fs::rename(&beside, path)
    };
    let written = write().inspect_err(|_| drop(fs::remove_file(&beside)));
    // That it has its name is on the disk with its folder.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    written.and_then(|()| File::open(folder)?.sync_all()).with_context(|| path.display().to_string())
}

/// A copy, all at once or not at all.
fn copy_whole(from: &Path, to: &Path) -> anyhow::Result<()> {
    let text = fs::read_to_string(from).with_context(|| from.display().to_string())?;
    write_whole(to, &text)
}

fn write_sorted(
    folder: &Path,
    results: Vec<RunResult>,
    timings: Vec<RunTiming>,
) -> anyhow::Result<(Vec<RunResult>, Vec<RunTiming>)> {
    let mut all = with_times(results, timings);
    all.sort_by_cached_key(|(result, _)| result.place());
    all.dedup_by(|later, kept| {
        let same = later.0.key == kept.0.key;
        if same && Worth::of(&later.0) > Worth::of(&kept.0) {
            std::mem::swap(later, kept);
        }
        same
    });
    let (results, timings): (Vec<_>, Vec<_>) = all.into_iter().unzip();
    let lines = |all: Vec<String>| all.into_iter().map(|line| line + "\n").collect::<String>();
    let text = results.iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>()?;
    write_whole(&folder.join("results.jsonl"), &lines(text))?;
    let text = timings.iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>()?;
    write_whole(&folder.join("timings.jsonl"), &lines(text))?;
    Ok((results, timings))
}

/// Every result with its times, which were written just before it; where an interruption came between, times have no result.
fn with_times(results: Vec<RunResult>, timings: Vec<RunTiming>) -> Vec<(RunResult, RunTiming)> {
    let mut of: BTreeMap<String, Vec<RunTiming>> = BTreeMap::new();
    for timing in timings {
        of.entry(timing.key.clone()).or_default().push(timing);
    }
    let last = |result: RunResult| of.get_mut(&result.key)?.pop().map(|timing| (result, timing));
    let mut all: Vec<_> = results.into_iter().rev().filter_map(last).collect();
    all.reverse();
    all
}
