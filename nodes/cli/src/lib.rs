//! The `outrider` command: simulate, replay, report, evaluate, monitor traces and look into bags without ROS.
//!
//! Every subcommand is one module with its `Args` and a `run` that returns the exit code.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a shell: it reads and writes files, and what it computes is shown, never driven on"
)]

pub mod bag;
pub mod evaluate;
pub mod localize;
pub mod plan;
pub mod replay;
pub mod report;
pub mod sim;
pub mod stl;
pub mod tree;

use clap::{Parser, Subcommand};
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
    /// Say how well people were followed, in a bag with the truth of the simulator or in a scenario.
    Evaluate(evaluate::Args),
    /// Say how well the world model knows where the robot is, over a bag with a reference.
    Localize(localize::Args),
    /// Solve the problems of a MovingAI grid map with the planner's search and compare the lengths with the optimum.
    Plan(plan::Args),
    /// Turn the bag of a run into a summary and a page that explains it.
    Report(report::Args),
    /// Drive a scenario with the whole suite in this process, faster than real time.
    Sim(sim::Args),
    /// Run every node of a bag again and compare what comes out.
    Replay(replay::Args),
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
            Command::Evaluate(args) => evaluate::run(args),
            Command::Localize(args) => localize::run(args),
            Command::Plan(args) => plan::run(args),
            Command::Report(args) => report::run(args),
            Command::Sim(args) => sim::run(args),
            Command::Replay(args) => replay::run(args),
            Command::Stl(args) => stl::run(args),
            Command::Tree(args) => tree::run(args),
        }
    }
}
