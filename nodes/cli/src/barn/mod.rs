//! `outrider barn`: the task of the BARN challenge, in the embedded simulator, with the whole suite in the loop.

mod data;
mod dwa;
mod motion;
mod report;
mod robot;
mod setup;
mod straight;
mod suite;
mod table;
#[cfg(test)]
mod tests;
mod trial;

use crate::sim::Bag;
use anyhow::{Context as _, bail, ensure};
use data::Task;
use dwa::Dwa;
use indicatif::{ProgressBar, ProgressStyle};
use report::{Report, Run};
use robot::Machine;
use setup::Setup;
use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use suite::Suite;
use trial::Outcome;

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder with worlds.csv, meta.csv and robot.json.
    folder: PathBuf,
    /// Which worlds: numbers and ranges, `1,5,20..30`; a range takes those that there are. All, without.
    #[arg(long, value_name = "a,b,c..d")]
    worlds: Option<String>,
    /// Only every n-th of them.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    every: u32,
    /// Runs of each world, each with a seed of its own.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    runs: u32,
    /// What drives: the suite with one of its controllers, or the baseline alone.
    #[arg(long, value_enum, default_value_t = Planner::Rpp)]
    planner: Planner,
    /// The worlds of dynabarn_worlds.csv instead: moving cylinders.
    #[arg(long)]
    dynabarn: bool,
    /// Where the robot turns about, so far ahead of its origin, m, unnoticed by its odometry; without, what the configuration says (0) for the
    /// suite, and 0.131 for the baseline, as the Jackal of the published runs does.
    #[arg(long, value_name = "M", value_parser = pivot, allow_negative_numbers = true)]
    pivot: Option<f64>,
    /// Runs at the same time; the result does not depend on it.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=256))]
    jobs: u32,
    /// Configuration folder.
    #[arg(long, default_value = "config")]
    config: PathBuf,
    /// Behaviour tree, in place of trees/navigate_to_pose_with_recovery.xml in the configuration folder; not for the baseline.
    #[arg(long)]
    tree: Option<PathBuf>,
    /// Folder to write a bag of every run to, each in a folder of its own; not for the baseline.
    #[arg(long)]
    bag: Option<PathBuf>,
    /// Prints the result as JSON.
    #[arg(long)]
    json: bool,
}

/// What drives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Planner {
    /// The suite, sampling-based model-predictive control.
    Mppi,
    /// The suite, regulated pure pursuit.
    Rpp,
    /// The baseline: a dynamic-window planner at 0.5 m/s, without the suite.
    Dwa,
}

impl Planner {
    fn name(self) -> &'static str {
        match self {
            Self::Mppi => "mppi",
            Self::Rpp => "rpp",
            Self::Dwa => "dwa",
        }
    }
}

/// The Jackal's front axle, ahead of its `base_link`, m: half of its wheelbase of 0.262 m. It carries the greater part of the weight and holds
/// sideways in Gazebo, whose friction has a bound of its own for each direction; the rear slides (docs/barn.md).
const JACKAL_PIVOT_M: f64 = 0.131;

fn pivot(text: &str) -> Result<f64, String> {
    let ahead_m: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if (-1.0..=1.0).contains(&ahead_m) { Ok(ahead_m) } else { Err("not within [-1, 1]".to_owned()) }
}

/// Drives the worlds and prints. The exit code is 0 whatever the scores are.
///
/// # Errors
/// When a file is missing or not sound, or a node cannot be started.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let started = std::time::Instant::now();
    let report = report(&args)?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report.json())?);
    } else {
        print!("{}", report.text(started.elapsed().as_secs_f64()));
    }
    Ok(ExitCode::SUCCESS)
}

fn report(args: &Args) -> anyhow::Result<Report> {
    // The baseline has neither, and whoever asks for them would wait for nothing.
    if args.planner == Planner::Dwa {
        ensure!(args.tree.is_none(), "--tree: the baseline (--planner dwa) has no behaviour tree");
        ensure!(args.bag.is_none(), "--bag: of the baseline (--planner dwa) no bags are written");
    }
    crate::need_configuration(&args.config)?;
    let machine = Machine::read(&args.folder)?;
    let all = if args.dynabarn {
        data::moving_worlds(&args.folder, &machine)?
    } else {
        data::worlds(&args.folder, &machine)?
    };
    let tasks = chosen(all, args)?;
    let mut setup = Setup::new(&args.config, &machine)?;
    let own_m = match args.planner {
        Planner::Mppi | Planner::Rpp => {
            setup.select_controller(args.planner.name())?;
            None
        }
        Planner::Dwa => Some(JACKAL_PIVOT_M),
    };
    if let Some(ahead_m) = args.pivot.or(own_m) {
        setup.turn_about(ahead_m);
    }
    let tree = args.tree.clone().map_or_else(|| suite::default_tree(&args.config), Ok)?;
    let suite = Suite { setup: &setup, tree };
    let runs = drive_all(args, &suite, &tasks)?;
    Ok(Report::new(args.planner.name(), &tasks, runs))
}

/// The tasks that were asked for, in the order of their worlds.
fn chosen(mut all: BTreeMap<u32, Task>, args: &Args) -> anyhow::Result<Vec<Task>> {
    let mut numbers: Vec<u32> = Vec::new();
    match &args.worlds {
        None => numbers.extend(all.keys()),
        Some(text) => {
            for part in text.split(',').map(str::trim) {
                let number = |t: &str| {
                    t.trim().parse::<u32>().ok().with_context(|| format!("--worlds: `{part}` is no world"))
                };
                if let Some((from, to)) = part.split_once("..") {
                    let (from, to) = (number(from)?, number(to)?);
                    ensure!(from <= to, "--worlds: `{part}` runs backwards");
                    numbers.extend(all.range(from..=to).map(|(world, _)| *world));
                } else {
                    let world = number(part)?;
                    ensure!(all.contains_key(&world), "--worlds: there is no world {world}");
                    numbers.push(world);
                }
            }
        }
    }
    numbers.sort_unstable();
    numbers.dedup();
    let tasks: Vec<Task> =
        numbers.iter().step_by(args.every as usize).filter_map(|world| all.remove(world)).collect();
    if tasks.is_empty() {
        bail!("--worlds: there is none of them in {}", args.folder.display());
    }
    Ok(tasks)
}

/// All runs, several at a time, in the order of worlds and runs.
fn drive_all(args: &Args, suite: &Suite<'_>, tasks: &[Task]) -> anyhow::Result<Vec<Run>> {
    let jobs: Vec<(&Task, u32)> = tasks.iter().flat_map(|t| (0..args.runs).map(move |r| (t, r))).collect();
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, anyhow::Result<Run>)>> = Mutex::new(Vec::new());
    let bar = progress_bar(jobs.len());
    std::thread::scope(|scope| {
        for _ in 0..args.jobs {
            scope.spawn(|| {
                while let Some((task, run)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let result = drive_one(args, suite, task, *run);
                    bar.inc(1);
                    let failed = result.is_err();
                    let index = task.world as usize * args.runs as usize + *run as usize;
                    // Only a panic of another job poisons it, and that ends the program anyway.
                    if let Ok(mut done) = done.lock() {
                        done.push((index, result));
                    }
                    if failed {
                        next.store(jobs.len(), Ordering::Relaxed);
                    }
                }
            });
        }
    });
    bar.finish_and_clear();
    let mut done = done.into_inner().unwrap_or_default();
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

fn drive_one(args: &Args, suite: &Suite<'_>, task: &Task, run: u32) -> anyhow::Result<Run> {
    let seed = seed(task.world, run);
    let outcome: Outcome = if args.planner == Planner::Dwa {
        let mut dwa = Dwa::new(straight::goal_in_odometry(task));
        straight::run(suite.setup, task, seed, &mut dwa)?
    } else if let Some(folder) = &args.bag {
        let mut bag = Bag::create(&folder.join(format!("world_{}_{run}", task.world)))?;
        let mut failure = None;
        let outcome = suite.run(task, seed, &mut |observed| {
            if failure.is_none() {
                failure = bag.write(observed).err();
            }
        })?;
        if let Some(error) = failure {
            return Err(error);
        }
        bag.finish()?;
        outcome
    } else {
        suite.run(task, seed, &mut |_| {})?
    };
    Ok(Run { world: task.world, run, outcome })
}

/// Depends on the world and the run alone.
fn seed(world: u32, run: u32) -> u64 {
    (u64::from(world) << 32) | u64::from(run)
}

fn progress_bar(length: usize) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} runs, {eta} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(length as u64).with_style(style)
}
