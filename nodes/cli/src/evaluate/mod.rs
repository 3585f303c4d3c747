//! `outrider evaluate`: every scenario of a suite with all its parameters and seeds, each run measured and judged.

pub mod run;
pub mod store;
pub mod suite;
#[cfg(test)]
mod tests;
pub mod text;

use anyhow::{Context as _, bail, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use outrider_suite::scenario::settings::Setting;
use outrider_suite::scenario::{CriticalityClass, Family, schema};
use std::collections::BTreeSet;
use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use store::{Manifest, RunResult, RunTiming, Status, Store};
use suite::{Choice, Plan, Planned, Setup};

/// As shells tell of a program that SIGINT has ended.
const INTERRUPTED: u8 = 130;
/// Without a terminal the progress is told so often, s.
const TELL_PERIOD_S: f64 = 10.0;

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Ctrl-C lets the runs under way come to their end, a second one does not. An evaluation that was interrupted goes on where it was
when it is called again with the same --out. Exit code: 0 every run was made, 1 it could not be run, 130 it was interrupted. Whether
the results are good enough is for `outrider gate` to say.")]
pub struct Args {
    /// A folder of scenarios, a suite file, or one scenario.
    #[arg(required_unless_present = "schema")]
    suite: Option<PathBuf>,
    /// Folder for the results; results of the same runs that are there already are kept.
    #[arg(long, required_unless_present_any = ["schema", "list"])]
    out: Option<PathBuf>,
    /// Runs at a time [default: as many as there are processors].
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=256))]
    jobs: Option<u32>,
    /// Only the i-th of N parts of the runs, from 1: i/N.
    #[arg(long, value_name = "I/N", value_parser = shard)]
    shard: Option<Shard>,
    /// So many seeds of every scenario, in place of those that it has.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
    seeds: Option<u32>,
    /// Only scenarios of this class; may be given several times.
    #[arg(long, value_parser = named::<CriticalityClass>)]
    class: Vec<CriticalityClass>,
    /// Only scenarios of this family; may be given several times.
    #[arg(long, value_parser = named::<Family>)]
    family: Vec<Family>,
    /// Only this scenario, by its id; may be given several times.
    #[arg(long, value_name = "ID")]
    only: Vec<String>,
    /// Configuration folder.
    #[arg(long, default_value = "config")]
    config: PathBuf,
    /// Another value of the configuration, as planner.follow.cruise_mps=0.5; may be given several times.
    #[arg(long, value_name = "FILE.KEY=VALUE")]
    set: Vec<String>,
    /// Which runs are run again from their record, and compared.
    #[arg(long, value_enum, default_value = "first")]
    replay: ReplayWhich,
    /// Takes over what another results folder has of these runs, from another machine say; may be given several times.
    #[arg(long, value_name = "DIR")]
    from: Vec<PathBuf>,
    /// Lets go of results in --out that are of other runs.
    #[arg(long)]
    prune: bool,
    /// Lists the runs and makes none.
    #[arg(long)]
    list: bool,
    /// Prints the JSON schema of scenario files.
    #[arg(long)]
    schema: bool,
}

/// Which runs are replayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum ReplayWhich {
    /// None.
    None,
    /// The first of every scenario.
    First,
    /// All.
    All,
}

impl ReplayWhich {
    fn takes(self, run: &Planned) -> bool {
        match self {
            Self::None => false,
            Self::First => run.first,
            Self::All => true,
        }
    }
}

/// A part of the runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    index: usize,
    of: usize,
}

fn shard(text: &str) -> Result<Shard, String> {
    let parts = text.split_once('/').and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
    match parts {
        Some((index, of)) if index >= 1 && index <= of => Ok(Shard { index, of }),
        _ => Err(format!("`{text}` is not I/N with I from 1 to N")),
    }
}

/// A word of an enum, as files have it.
fn named<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_value(serde_json::Value::String(text.to_owned())).map_err(|e| e.to_string())
}

/// Runs the suite and prints a table.
///
/// # Errors
/// When the suite or the configuration is not sound, or results cannot be written.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    if args.schema {
        print!("{}", schema::text());
        return Ok(ExitCode::SUCCESS);
    }
    let settings = args.set.iter().map(|s| Setting::from_argument(s)).collect::<Result<Vec<_>, _>>()?;
    let setup = Setup { config: args.config.clone(), settings };
    let choice = Choice {
        classes: args.class.clone(),
        families: args.family.clone(),
        ids: args.only.clone(),
        seeds: args.seeds.map(|n| n as usize),
    };
    let suite = args.suite.as_deref().context("a suite is needed")?;
    let plan = Plan::new(suite, &choice, &setup)?;
    if args.list {
        print!("{}", text::list(&plan, &mine(&args, &plan))?);
        return Ok(ExitCode::SUCCESS);
    }
    for line in &plan.left_out {
        eprintln!("warning: {line}");
    }
    let started = std::time::Instant::now();
    let out = args.out.clone().context("--out is needed")?;
    let stop = interruption()?;
    let made = evaluate(&args, &setup, &plan, &out, &stop)?;
    if made.left > 0 {
        eprintln!(
            "interrupted: {} of {} runs are in {}, {} are to be made; the same command makes them",
            made.results.len(),
            plan.runs.len(),
            out.display(),
            made.left
        );
        return Ok(ExitCode::from(INTERRUPTED));
    }
    print!("{}", text::table(&plan, &made.results, &made.timings, started.elapsed().as_secs_f64()));
    Ok(ExitCode::SUCCESS)
}

/// A flag that SIGINT and SIGTERM set; what comes after one of them ends the process at once.
fn interruption() -> anyhow::Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        let at_once = signal_hook::flag::register_conditional_shutdown;
        at_once(signal, i32::from(INTERRUPTED), Arc::clone(&flag))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&flag)))
            .context("installing signal handlers")?;
    }
    Ok(flag)
}

/// What is in the folder after a call.
struct Made {
    results: Vec<RunResult>,
    timings: Vec<RunTiming>,
    /// Runs that this call was to make and, interrupted, did not.
    left: usize,
}

/// The runs of the shard. First runs of scenarios, which are replayed, are dealt out by themselves, so that every shard has its share.
fn mine<'a>(args: &Args, plan: &'a Plan) -> Vec<&'a Planned> {
    let mut dealt = [0, 0];
    let takes = |run: &&Planned| {
        let Some(shard) = args.shard else { return true };
        let [firsts, others] = &mut dealt;
        // The others the other way round: who has a first run more has none more of these.
        let (count, index) =
            if run.first { (firsts, shard.index - 1) } else { (others, shard.of - shard.index) };
        *count += 1;
        (*count - 1) % shard.of == index
    };
    plan.runs.iter().filter(takes).collect()
}

fn evaluate(
    args: &Args,
    setup: &Setup,
    plan: &Plan,
    out: &std::path::Path,
    stop: &AtomicBool,
) -> anyhow::Result<Made> {
    let manifest = Manifest::of(plan, setup)?;
    let (mut store, found) = Store::open(out, &manifest, args.prune)?;
    for other in &args.from {
        let taken = store.take_from(other, &manifest)?;
        eprintln!("{taken} runs taken over from {}", other.display());
    }
    if found.kept + found.torn + found.pruned > 0 {
        let torn = if found.torn > 0 { " (a torn line was let go)" } else { "" };
        let pruned =
            if found.pruned > 0 { format!(", {} of other runs let go", found.pruned) } else { String::new() };
        eprintln!("{} runs are there already{torn}{pruned}", found.kept);
    }
    let mut todo = mine(args, plan);
    todo.retain(|run| !store.has(&run.key, args.replay.takes(run)));
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = args.jobs.map_or(processors, |n| n as usize);
    let store = Mutex::new(store);
    work(args, setup, plan, &todo, jobs, &store, stop)?;
    let store = store.into_inner().map_err(|_| anyhow::anyhow!("a worker ended in the middle of writing"))?;
    let is_left = |run: &&&Planned| !store.has(&run.key, args.replay.takes(run));
    let left = if stop.load(Ordering::Relaxed) { todo.iter().filter(is_left).count() } else { 0 };
    let (results, timings) = store.finish()?;
    let there: BTreeSet<&str> = results.iter().map(|r| r.key.as_str()).collect();
    let lost = todo.iter().filter(|run| !there.contains(run.key.as_str())).count();
    ensure!(
        lost == 0 || stop.load(Ordering::Relaxed),
        "{}: {lost} results of {} runs that were made are not in it: something else has written there",
        out.display(),
        todo.len()
    );
    Ok(Made { results, timings, left })
}

/// Makes the runs, several at a time; after `stop` begins no other.
fn work(
    args: &Args,
    setup: &Setup,
    plan: &Plan,
    todo: &[&Planned],
    jobs: usize,
    store: &Mutex<Store>,
    stop: &AtomicBool,
) -> anyhow::Result<()> {
    run::keep_panics();
    let progress = Progress::new(todo.len());
    let next = AtomicUsize::new(0);
    let failure: Mutex<Option<anyhow::Error>> = Mutex::new(None);
    let one = |planned: &Planned| -> anyhow::Result<()> {
        let finished = run::run(setup, plan.member(planned)?, planned, args.replay.takes(planned))?;
        let Ok(mut store) = store.lock() else { bail!("another worker ended in the middle of writing") };
        store.add(&finished)?;
        progress.done(&finished.result);
        Ok(())
    };
    std::thread::scope(|scope| {
        for _ in 0..jobs.min(todo.len()) {
            scope.spawn(|| {
                while let Some(planned) = todo.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    if let Err(error) = one(planned) {
                        next.store(todo.len(), Ordering::Relaxed);
                        if let Ok(mut failure) = failure.lock() {
                            failure.get_or_insert(error);
                        }
                    }
                }
            });
        }
    });
    progress.bar.finish_and_clear();
    match failure.into_inner() {
        Ok(None) => Ok(()),
        Ok(Some(error)) => Err(error),
        Err(_) => bail!("a worker ended in the middle of a run"),
    }
}

/// A bar on a terminal, a line now and then elsewhere.
struct Progress {
    bar: ProgressBar,
    terminal: bool,
    length: usize,
    started: std::time::Instant,
    told: Mutex<(f64, usize, usize)>,
}

impl Progress {
    fn new(length: usize) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let bar = if terminal {
            let template = "{bar:30} {pos}/{len} runs, {elapsed} gone, {eta} left  {msg}";
            let style =
                ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::new(length as u64).with_style(style)
        } else {
            ProgressBar::hidden()
        };
        let started = std::time::Instant::now();
        Self { bar, terminal, length, started, told: Mutex::new((0.0, 0, 0)) }
    }

    fn done(&self, result: &RunResult) {
        self.bar.inc(1);
        let Ok(mut told) = self.told.lock() else { return };
        let now_s = self.started.elapsed().as_secs_f64();
        told.1 += 1;
        told.2 += usize::from(!result.passed);
        self.bar.set_message(format!("{} not passed", told.2));
        if !self.terminal && (now_s - told.0 >= TELL_PERIOD_S || told.1 == self.length) {
            told.0 = now_s;
            let left_s = now_s / told.1 as f64 * (self.length - told.1) as f64;
            eprintln!(
                "{}/{} runs, {} not passed, {now_s:.0} s gone, {left_s:.0} s left",
                told.1, self.length, told.2
            );
        }
        if result.status != Status::Done {
            let message = result.message.as_deref().unwrap_or_default();
            let line = format!("{} seed {}: {message}", result.scenario, result.seed);
            if self.terminal { self.bar.println(line) } else { eprintln!("{line}") }
        }
    }
}

/// Whether every planned run has a result; for those who need all.
///
/// # Errors
/// Names the first that has none.
pub fn complete(manifest: &Manifest, results: &[RunResult]) -> anyhow::Result<()> {
    let there: BTreeSet<&str> = results.iter().map(|r| r.key.as_str()).collect();
    let missing: Vec<_> = manifest.planned.iter().filter(|p| !there.contains(p.key.as_str())).collect();
    let first = missing.first().map(|p| format!("{} seed {}", p.scenario, p.seed)).unwrap_or_default();
    ensure!(
        missing.is_empty(),
        "{} of {} runs have no result: {first}",
        missing.len(),
        manifest.planned.len()
    );
    Ok(())
}
