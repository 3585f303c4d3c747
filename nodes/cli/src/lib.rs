//! The `outrider` command: simulate, evaluate, gate, replay, report, monitor traces and look into bags without ROS.
//!
//! Every subcommand is one module with its `Args` and a `run` that returns the exit code.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a shell: it reads and writes files, and what it computes is shown, never driven on"
)]

pub mod bag;
pub mod barn;
pub mod catalogue;
pub mod evaluate;
pub mod gate;
pub mod localize;
pub mod plan;
pub mod replay;
pub mod report;
pub mod requirements;
pub mod robot;
pub mod sim;
pub mod stl;
pub mod tracking;
pub mod tree;

use anyhow::ensure;
use clap::{Parser, Subcommand};
use std::io::{ErrorKind, Write as _};
use std::path::Path;
use std::process::ExitCode;

/// A robot's autonomy from sensor messages to safe motion, looked at from the command line.
#[derive(Debug, Parser)]
#[command(name = "outrider", version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Look into a bag, or save what can be saved of a damaged one.
    Bag(bag::Args),
    /// Drive the worlds of the BARN challenge with the whole suite in this process, and score them.
    Barn(barn::Args),
    /// Drive every scenario of a suite, with all its parameters and seeds, and measure and judge each run.
    Evaluate(evaluate::Args),
    /// Say whether a candidate may be released, by its results and those of a baseline.
    Gate(gate::Args),
    /// Say how well the world model knows where the robot is, over a bag with a reference.
    Localize(localize::Args),
    /// Solve the problems of a MovingAI grid map with the planner's search and compare the lengths with the optimum.
    Plan(plan::Args),
    /// Turn the bag of a run into a summary and a page that explains it.
    Report(report::Args),
    /// Print a robot.yaml from a robot's URDF or SDF file.
    Robot(robot::Args),
    /// Drive a scenario with the whole suite in this process, faster than real time.
    Sim(sim::Args),
    /// Check the requirements and what shows that they are met, or write the traceability matrix.
    Requirements(requirements::Args),
    /// Check the scenario library, or write its page.
    Scenarios(catalogue::Args),
    /// Run every node of a bag again and compare what comes out.
    Replay(replay::Args),
    /// Say how well people were followed, in a bag with the truth of the simulator or in a scenario.
    Tracking(tracking::Args),
    /// Evaluate a temporal-logic formula over a trace, or check specification files.
    Stl(stl::Args),
    /// Check a behaviour tree, tick one with scripted leaves, or list the nodes that trees may have.
    Tree(tree::Args),
}

impl Cli {
    /// Runs the subcommand.
    ///
    /// # Errors
    /// With a sentence that names the file and what is wrong with it.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::Bag(args) => bag::run(args),
            Command::Barn(args) => barn::run(args),
            Command::Evaluate(args) => evaluate::run(args),
            Command::Gate(args) => gate::run(args),
            Command::Localize(args) => localize::run(args),
            Command::Plan(args) => plan::run(args),
            Command::Report(args) => report::run(args),
            Command::Requirements(args) => requirements::run(args),
            Command::Scenarios(args) => catalogue::run(args),
            Command::Robot(args) => robot::run(args),
            Command::Sim(args) => sim::run(args),
            Command::Replay(args) => replay::run(args),
            Command::Stl(args) => stl::run(args),
            Command::Tracking(args) => tracking::run(args),
            Command::Tree(args) => tree::run(args),
        }
    }
}

/// What an option's default leads to is there in the repository's folder alone: elsewhere the option is named.
pub(crate) fn need(path: &Path, what: &str, option: &str) -> anyhow::Result<()> {
    ensure!(path.exists(), "{}: it is not there; {option} names the {what}", path.display());
    Ok(())
}

/// The configuration folder is there.
pub(crate) fn need_configuration(folder: &Path) -> anyhow::Result<()> {
    need(folder, "configuration folder", "--config")
}

/// Exit code when whoever read the output has gone (`outrider ... | head -1`): that of a program that the signal SIGPIPE has
/// ended, 128 + 13. Rust's runtime ignores the signal, so writing fails instead.
pub const READER_GONE: u8 = 141;

/// The error is that nobody reads the output any more.
pub fn reader_is_gone(error: &anyhow::Error) -> bool {
    let gone = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == ErrorKind::BrokenPipe)
    };
    error.chain().any(gone)
}

/// Ends the program when `println!` cannot print: it knows no other way than a panic. Quietly when nobody reads the output any more, else
/// with a sentence that says why not.
pub fn stop_when_printing_fails() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let payload = info.payload();
        let text = payload.downcast_ref::<String>().map(String::as_str);
        // The words of the standard library's `print_to`, and of the system's EPIPE.
        let Some(why) = text.and_then(|t| t.strip_prefix("failed printing to ")) else { return usual(info) };
        if why.contains("Broken pipe") {
            std::process::exit(i32::from(READER_GONE));
        }
        // Nothing is left to be done when that fails too.
        let _ = writeln!(std::io::stderr(), "outrider: {why}");
        std::process::exit(1);
    }));
}
