//! The faults themselves, by the name of their row.

mod configuration;
mod messages;
mod motion;
mod network;
mod operator;
mod permits;
mod processes;
mod times;

use super::fault::Fault;
use super::stage::Stage;
use anyhow::Context as _;
use outrider_foundation::Span;
use outrider_foundation::rng::Rng;
use std::collections::BTreeSet;

/// What a fault is made from.
pub struct Context<'a> {
    /// The files of every node.
    pub stage: &'a Stage,
    /// Draws phases and choices of this repetition.
    pub rng: Rng,
    /// Which repetition: faults of several kinds take them in turn.
    pub repetition: u32,
}

impl Context<'_> {
    /// Uniform between the two.
    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.rng.uniform()
    }
}

/// What a repetition does.
pub enum Plan {
    /// Drives, and is struck.
    Drive(Fault),
    /// Starts with these files and this fault, and somebody tries to arm.
    Arm(Box<Stage>, Fault),
    /// A node is started with these files: its refusal names all of these words.
    Start(Box<Stage>, &'static str, Vec<String>),
}

type Make = fn(&mut Context) -> anyhow::Result<Plan>;
/// Row and code.
type Entry = (&'static str, Make);

fn all() -> impl Iterator<Item = &'static Entry> {
    [
        processes::FAULTS,
        messages::FAULTS,
        times::FAULTS,
        permits::FAULTS,
        network::FAULTS,
        motion::FAULTS,
        configuration::FAULTS,
        operator::FAULTS,
    ]
    .into_iter()
    .flatten()
}

/// Every fault that there is code for.
pub fn names() -> BTreeSet<&'static str> {
    all().map(|(name, _)| *name).collect()
}

/// The fault of a row.
///
/// # Errors
/// When there is none of this name, or it cannot be made from the files.
pub fn make(id: &str, context: &mut Context) -> anyhow::Result<Plan> {
    let (_, make) = all().find(|(name, _)| *name == id).with_context(|| format!("no code for `{id}`"))?;
    make(context)
}

fn drive(fault: Fault) -> anyhow::Result<Plan> {
    Ok(Plan::Drive(fault))
}

const fn ms(ms: i64) -> Span {
    Span::from_millis(ms)
}
