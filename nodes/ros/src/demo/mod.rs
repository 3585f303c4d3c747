//! `demo`: the whole suite as processes over real DDS, a goal, a drive, a bag and a report; and nothing left behind.

mod children;
mod domain;
mod drive;
mod folder;
mod observer;
mod show;
mod usage;

use crate::clock::realtime;
use anyhow::{Context as _, bail, ensure};
use children::Children;
use clap::Parser;
use drive::{End, Stage, Task, write_usage};
use folder::RunFolder;
use observer::Observer;
use outrider_runtime::config;
use outrider_suite::files::robot_description;
use outrider_suite::{Scenario, read_scenario};
use show::Show;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// A report that takes longer is given up.
const REPORT_LIMIT: Duration = Duration::from_secs(120);

/// Starts simulator, world model, planner, assurance, gate and recorder, drives to the scenario's goal, and reports.
///
/// World, start, people, doors, events and faults of sensors are the scenario's, times counted from the simulator's first step; other
/// faults, missions, expectations and criteria are for `outrider sim` and `outrider evaluate`.
///
/// Exit code: 0 the goal was reached without a collision, 1 it was not, 130 and 143 after SIGINT and SIGTERM.
#[derive(Clone, Debug, Parser)]
#[command(name = "demo", version)]
pub struct Args {
    /// What to drive.
    #[arg(long, value_name = "FILE", default_value = "tests/scenarios/warehouse_crossing.yaml")]
    scenario: PathBuf,
    /// Configuration folder.
    #[arg(long, value_name = "DIR", default_value = "config")]
    config: PathBuf,
    /// Where the folder of the run is made.
    #[arg(long, value_name = "DIR", default_value = "runs")]
    runs: PathBuf,
    /// Where the nodes' programs are [default: beside this one].
    #[arg(long, value_name = "DIR")]
    bin_dir: Option<PathBuf>,
    /// Seconds from the goal on after which the run is given up [default: the scenario's].
    #[arg(long, value_name = "S")]
    timeout: Option<f64>,
    /// Leave the report out.
    #[arg(long)]
    no_report: bool,
}

/// `main` of the demo.
pub fn entry() -> ExitCode {
    let args = Args::parse();
    crate::process::install_panic_abort();
    crate::process::init_logging();
    match start(&args) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("demo: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start(args: &Args) -> anyhow::Result<ExitCode> {
    let bin_dir = bin_dir(args)?;
    let mut task = task(args)?;
    let domain = domain::enter()?;
    crate::process::die_with_parent();
    crate::transport::avoid_shared_memory(crate::transport::Asking::Seldom)?;
    let started = Instant::now();
    let run = RunFolder::create(&args.runs, realtime().nanos().div_euclid(1_000_000_000))?;
    task.run.clone_from(&run.path);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(whole_run(args, &task, &run, bin_dir, domain, started))
}

fn bin_dir(args: &Args) -> anyhow::Result<PathBuf> {
    let beside = || Some(std::env::current_exe().ok()?.parent()?.to_owned());
    let folder = args.bin_dir.clone().or_else(beside).context("finding the folder of this program")?;
    let folder = absolute(&folder)?;
    for program in outrider_suite::NODES.iter().chain(&["recorder"]) {
        let path = folder.join(program);
        ensure!(path.is_file(), "{} is not there: build the suite first (`make build`)", path.display());
    }
    Ok(folder)
}

fn absolute(path: &Path) -> anyhow::Result<PathBuf> {
    path.canonicalize().with_context(|| format!("looking for {}", path.display()))
}

fn task(args: &Args) -> anyhow::Result<Task> {
    let scenario = read_scenario(&args.scenario)?;
    let robot = args.config.join("robot.yaml");
    let text = config::read(&robot)?;
    let robot = robot_description(&robot.display().to_string(), &text)?;
    let limit_s = args.timeout.unwrap_or(scenario.time_limit_s);
    if !(limit_s > 0.0 && limit_s <= 86_400.0) {
        bail!("--timeout: {limit_s} is not within (0, 86400] s");
    }
    Ok(Task {
        left_out: left_out(&scenario),
        config: absolute(&args.config)?,
        scenario: absolute(&args.scenario)?,
        run: PathBuf::new(),
        frame: robot.map_frame,
        goal: scenario.goal.into(),
        tolerance_m: scenario.goal_tolerance_m,
        limit_s,
    })
}

/// What a scenario asks for and a demo does not do.
fn left_out(scenario: &Scenario) -> Vec<String> {
    let mut lines = scenario.not_live();
    if !scenario.mission.is_empty() {
        lines.push("mission: not in a demo, which drives to `goal`".to_owned());
    }
    if scenario.goal_at_s > 0.0 {
        lines.push("goal_at_s: not in a demo, whose goal is given once the gate is armed".to_owned());
    }
    lines
}

struct Signals {
    list: [(Signal, i32, &'static str); 3],
}

impl Signals {
    fn new() -> anyhow::Result<Self> {
        let on = |kind: SignalKind, name| -> anyhow::Result<_> {
            Ok((signal(kind).context("installing signal handlers")?, kind.as_raw_value(), name))
        };
        Ok(Self {
            list: [
                on(SignalKind::interrupt(), "SIGINT")?,
                on(SignalKind::terminate(), "SIGTERM")?,
                on(SignalKind::hangup(), "SIGHUP")?,
            ],
        })
    }

    async fn next(&mut self) -> End {
        let [(a, a_number, a_name), (b, b_number, b_name), (c, c_number, c_name)] = &mut self.list;
        tokio::select! { biased;
            _ = a.recv() => End::Signal(*a_number, a_name),
            _ = b.recv() => End::Signal(*b_number, b_name),
            _ = c.recv() => End::Signal(*c_number, c_name),
        }
    }
}

async fn whole_run(
    args: &Args,
    task: &Task,
    run: &RunFolder,
    bin_dir: PathBuf,
    domain: u32,
    started: Instant,
) -> anyhow::Result<ExitCode> {
    let mut signals = Signals::new()?;
    let mut show = Show::new();
    let mut children = Children::new(bin_dir.clone(), run.path.join("log"));
    let mut observer = Observer::connect()?;
    let mut meter = None;
    show.line(&format!("outrider demo in {} (ROS_DOMAIN_ID={domain})", run.shown.display()));
    task.left_out.iter().for_each(|line| show.line(&format!("left out of the scenario: {line}")));
    let end = {
        let mut stage =
            Stage { children: &mut children, observer: &mut observer, show: &mut show, meter: &mut meter };
        tokio::select! { biased;
            end = signals.next() => end,
            end = stage.run(task) => end,
        }
    };
    let usage = meter.map(|meter| write_usage(meter, &run.path)).transpose();
    show.line(&end.to_text());
    let ending = Instant::now();
    for complaint in children.end().await {
        show.line(&format!("ending the nodes … {complaint}"));
    }
    show.done("ending the nodes", ending.elapsed());
    // Only now: until here the operator's node has to be there.
    drop(observer);
    let code = match end {
        End::Signal(number, _) => {
            show.line(&format!("the bag: {}", run.shown.join("bag").display()));
            return Ok(ExitCode::from(u8::try_from(128 + number).unwrap_or(1)));
        }
        End::Reached { .. } => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    };
    if !args.no_report {
        let reporting = Instant::now();
        tokio::select! { biased;
            end = signals.next() => bail!("{} while the report was written", end.to_text()),
            written = report(&bin_dir, task, run) => written?,
        }
        show.done("writing the report", reporting.elapsed());
    }
    if let Some(usage) = usage? {
        show.line(&format!("\n{}", usage.to_text()));
    }
    show.line(&format!("bag       {}", run.shown.join("bag").display()));
    if !args.no_report {
        show.line(&format!("report    {}", run.shown.join("report.html").display()));
    }
    show.line(&format!("logs      {}", run.shown.join("log").display()));
    show.line(&format!("{} ({:.0} s in all)", end.to_text(), started.elapsed().as_secs_f64()));
    Ok(code)
}

/// Lets the command line tool write page and summary; its text goes to the terminal.
async fn report(bin_dir: &Path, task: &Task, run: &RunFolder) -> anyhow::Result<()> {
    let program = bin_dir.join("outrider");
    let mut command = tokio::process::Command::new(&program);
    command
        .arg("report")
        .arg(run.shown.join("bag"))
        .arg("--out")
        .arg(run.path.join("report.html"))
        .arg("--json")
        .arg(run.path.join("summary.json"))
        .arg("--tolerance")
        .arg(task.tolerance_m.to_string())
        .kill_on_drop(true);
    let status = tokio::time::timeout(REPORT_LIMIT, command.status())
        .await
        .with_context(|| format!("the report took more than {} s", REPORT_LIMIT.as_secs()))?
        .with_context(|| format!("starting {}", program.display()))?;
    ensure!(status.success(), "writing the report: {status}");
    Ok(())
}
